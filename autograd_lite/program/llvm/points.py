"""The IR of a point whose steps are not alike: straight code, which LLVM compiles as it stands.

What is used again soon stays in a register; everything else lies in memory, from where each use
reads it, as an operand of its instruction. That is what LLVM would do, but with fewer instructions.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from .chunks import CHUNK, LINES, Chunk
from .forms import OUTLINED

if TYPE_CHECKING:
    from .chunks import Writer

MOST = 5 * CHUNK  # lines of IR in a function
SOON = 16  # steps, for about as many registers


def write_straight(writer: Writer) -> list[str]:
    """Writes the functions of a point, one after the other, and gives their names."""
    n, steps, items = writer.program.inputs, writer.program.steps, writer.items(False)
    at = {i: t for t, (kind, i) in enumerate(items) if kind == "step"}  # the item that makes it
    last: dict[int, int] = {}  # the item that uses a slot last
    kept: set[int] = set()  # in memory
    chunks: list[int] = []
    weight = k = 0
    for t, (kind, i) in enumerate(items):
        lines, args = 1, writer.uses(kind, i)
        if kind == "step":
            op = steps[i - n][0]
            lines = max(len(args), 1 if op in OUTLINED else LINES.get(op, 1))
        weight += lines
        if weight > MOST and weight > lines:
            weight, k = lines, k + 1
        chunks.append(k)
        for a in args:
            if a.__class__ is int and a >= n:
                last[a] = t
                if t - at[a] > SOON or k != chunks[at[a]]:
                    kept.add(a)
    ending: dict[int, list[int]] = defaultdict(list)
    for a in kept:
        ending[last[a]].append(a)
    where: dict[int, int] = {}
    free: list[int] = []
    names: list[str] = []
    writer.where = where
    for t, (kind, i) in enumerate(items):
        if chunks[t] == len(names):
            names.append(f"chunk.{len(names)}")
            chunk = Straight(writer, at)
        chunk.now = t
        getattr(chunk, kind)(i)
        if kind == "step" and i in kept:
            where[i] = free.pop() if free else writer.take(8)
            chunk.keep(i, where[i])
        if t in ending:
            free += [where.pop(a) for a in ending[t]]
        if t + 1 == len(items) or chunks[t + 1] == len(names):
            writer.finish(names[-1], chunk)
    return names


class Straight(Chunk):
    """A function of such code."""

    def __init__(self, writer: Writer, made_at: dict[int, int]) -> None:
        super().__init__(writer, 1, False)
        self.made_at, self.now = made_at, 0
        self.block.constants = writer.constants
        self.pointers: dict[tuple[str, int], str] = {}

    def step(self, s: int) -> None:
        op, args = self.program.steps[s - self.program.inputs]
        if op in ("add", "mul"):
            self.names[s] = self.either_way(op, *args)
        elif op == "sub":
            self.names[s] = self.done_at_once("sub", self.value(args[0]), self.value(args[1]))
        elif op == "neg":
            self.names[s] = self.either_way("mul", args[0], -1.0)
        elif op in ("add_fused", "sub_fused") and not self.block.has_fma:
            product = self.either_way("mul", args[0], args[1])
            self.names[s] = self.done_at_once(op[:3], product, self.value(args[2]))
        else:
            super().step(s)

    def either_way(self, op: str, x: int | float, y: int | float) -> str:
        """An addition or a product: what lies in memory may only come second in an instruction."""
        if not self.is_at_hand(x):
            x, y = y, x
        return self.done_at_once(op, self.value(x), self.value(y))

    def done_at_once(self, op: str, x: str, y: str) -> str:
        b = self.block
        b.count += 1
        b.lines.append(f"%{b.count} = f{op} double {x}, {y}")
        return f"%{b.count}"

    def value(self, a: int | float) -> str:
        if self.is_at_hand(a):
            return self.names[a]  # type: ignore[index]
        return self.read(a) if a.__class__ is int else self.block.number(a)

    def is_at_hand(self, a: int | float) -> bool:
        return a.__class__ is int and a in self.names and self.now - self.made_at[a] <= SOON

    def read(self, s: int) -> str:
        if s < self.program.inputs:
            return self.load("%in", 8 * s)
        name = self.load("%ws", self.writer.where[s])
        return self.truth(name) if self.program.is_condition(s) else name

    def load(self, base: str, offset: int) -> str:
        """A number from memory, anew for each use: LLVM makes it an operand."""
        b, pointer = self.block, self.pointers.get((base, offset))
        if pointer is None:
            pointer = self.pointers[base, offset] = b.at(base, offset)
        b.count += 1
        b.lines.append(f"%{b.count} = load double, ptr {pointer}, align 8")
        return f"%{b.count}"
