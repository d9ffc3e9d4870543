"""The IR of a point whose steps are not alike: straight code, which LLVM compiles as it stands.

What is used again soon stays in a register; everything else lies in memory, from where each use
reads it, as an operand of its instruction. That is what LLVM would do, but with fewer instructions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .chunks import CHUNK, LINES, Chunk
from .forms import OUTLINED

if TYPE_CHECKING:
    from .chunks import Writer

MOST = 5 * CHUNK  # lines of IR in a function
SOON = 16  # steps, for about as many registers


def write_straight(writer: Writer) -> list[str]:
    """Writes the functions of a point, one after the other, and gives their names."""
    n, items = writer.program.inputs, writer.items(False)
    made_at = {i: t for t, (kind, i) in enumerate(items) if kind == "step"}
    chunks = _chunks(writer, items)
    last: dict[int, int] = {}  # the item that uses a slot last
    kept: set[int] = set()
    for t, item in enumerate(items):
        for a in writer.uses(*item):
            if a.__class__ is int and a >= n:
                last[a] = t
                if t - made_at[a] > SOON or chunks[t] != chunks[made_at[a]]:
                    kept.add(a)
    writer.where, free, names = {}, list[int](), list[str]()
    for t, (kind, i) in enumerate(items):
        if chunks[t] == len(names):
            names.append(f"chunk.{len(names)}")
            chunk = Straight(writer, made_at)
        chunk.now = t
        getattr(chunk, kind)(i)
        if kind == "step" and i in kept:
            writer.where[i] = free.pop() if free else writer.take(8)
            chunk.keep(i, writer.where[i])
        free += [writer.where.pop(a) for a in {*writer.uses(kind, i)} & kept if last[a] == t]
        if t + 1 == len(items) or chunks[t + 1] == len(names):
            writer.finish(names[-1], chunk)
    return names


def _chunks(writer: Writer, items: list[tuple[str, int]]) -> list[int]:
    """In which function each item is."""
    found, weight, k = list[int](), 0, 0
    for kind, i in items:
        lines = len(writer.uses(kind, i))
        if kind == "step":
            op = writer.program.steps[i - writer.program.inputs][0]
            lines = max(lines, 1 if op in OUTLINED else LINES.get(op, 1))
        if weight and weight + lines > MOST:
            weight, k = 0, k + 1
        weight += lines
        found.append(k)
    return found


class Straight(Chunk):
    """A function of such code."""

    def __init__(self, writer: Writer, made_at: dict[int, int]) -> None:
        super().__init__(writer, 1, False)
        self.made_at, self.now = made_at, 0
        self.block.steady = ""
        self.block.constants = writer.constants

    def step(self, s: int) -> None:
        op, args = self.program.steps[s - self.program.inputs]
        if op in ("add", "mul"):
            self.names[s] = self.either_way(op, *args)
        elif op == "sub":
            self.names[s] = self.block.sub(self.value(args[0]), self.value(args[1]))
        elif op == "neg":
            self.names[s] = self.block.mul(self.value(args[0]), self.block.number(-1.0))
        elif op in ("add_fused", "sub_fused") and not self.block.has_fma:
            product = self.either_way("mul", *args[:2])
            self.names[s] = self.block.op("f" + op[:3], product, self.value(args[2]))
        else:
            super().step(s)

    def either_way(self, op: str, x: int | float, y: int | float) -> str:
        """An addition or a product: what lies in memory may only come second in an instruction."""
        x, y = (x, y) if self.is_at_hand(x) else (y, x)
        return self.block.op("f" + op, self.value(x), self.value(y))

    def value(self, a: int | float) -> str:
        if a.__class__ is not int:
            return self.block.number(a)
        return self.names[a] if self.is_at_hand(a) else self.read(a)

    def is_at_hand(self, a: int | float) -> bool:
        if a.__class__ is not int or a not in self.names:
            return False
        return self.now - self.made_at[a] <= SOON
