"""A Program in fewer operations: those that have a form in forms.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...ieee import floats
from ...ops import CONDITIONS, CUSTOM
from ..program import Program, function_of, row_of
from ..symbols import Builder, Symbol
from .forms import FAST, STRICT

Step = tuple[str, tuple[Any, ...]]  # as an Instruction, of an operation that may be in no table
FUSED = ("add", "sub", "sum")  # what takes in products


class Steps(NamedTuple):
    """What a program does, in operations that have a form; the inputs are the first slots."""

    inputs: int
    steps: Sequence[Step]
    outputs: Sequence[Any]
    guards: Sequence[tuple[Any, bool]]

    def is_condition(self, slot: int) -> bool:
        return slot >= self.inputs and self.steps[slot - self.inputs][0] in CONDITIONS

    def step(self, slot: Any) -> Step:
        """What makes a slot; of an input or a constant none."""
        made = slot.__class__ is int and slot >= self.inputs
        return self.steps[slot - self.inputs] if made else ("", ())


class Expander(Builder):
    """Builds a program of operations that have a form out of any."""

    def __init__(self, inputs: Sequence[str], strict: bool) -> None:
        super().__init__(inputs)
        self.strict, self.forms = strict, STRICT if strict else FAST

    def emit(self, op: str, *args: Any) -> Any:
        if op == "exp" and not self.strict and args[0].__class__ is Symbol:
            t = self.magnitude(args[0].slot)
            if t is not None:
                return Symbol(self, self.add("decay", (t,)))
        if op == "div" and not self.strict and args[1].__class__ is Symbol:
            found = self.divided_before(args[1].slot)
            if found is not None:  # the slope of tanh, sigmoid: the value has divided by it
                q, square = found
                inverse = Symbol(self, self.add("inverse", (q,)))
                y = self.emit("mul", args[0], inverse)
                return self.emit("mul", y, inverse) if square else y
        if op in self.forms:
            return super().emit(op, *args)
        row = row_of(op)
        if not any(a.__class__ is Symbol for a in args):
            return function_of(row, floats)(*args)
        if op not in CUSTOM:
            return row.value(self, *args)
        try:  # as far as its function says all with m
            return row.value(self, *args) + 0.0 * 0
        except Exception:
            return super().emit(op, *args)

    def add(self, op: str, args: tuple[Any, ...]) -> int:
        """The slot of an operation that has a form; it is known as in `emit`."""
        key: tuple[Any, ...]
        if float in map(type, args):
            names = [a if a.__class__ is int else (a,) if a else repr(a) for a in args]
            if (op == "add" or op == "mul") and names[1].__class__ is int:
                names.reverse()
            key = (op, *names)
        elif (op == "add" or op == "mul") and args[0] > args[1]:
            key = (op, args[1], args[0])
        else:
            key = (op, *args)
        slot = self._known.get(key)
        if slot is None:
            slot = self._known[key] = len(self.inputs) + len(self.instructions)
            self.instructions.append((op, args))  # type: ignore[arg-type]
        return slot

    def magnitude(self, slot: int) -> int | None:
        """t where the slot is where(t < 0, t, -t)."""
        op, args = self.instruction(slot)
        if op != "where" or args[1].__class__ is not int:
            return None
        t = args[1]
        found = self.instruction(args[0]), self.instruction(args[2])
        return t if found == (("lt", (t, 0.0)), ("neg", (t,))) else None

    def divided_before(self, slot: Any) -> tuple[int, bool] | None:
        """q, and whether it is its square, where the slot is q = 1 + exp(-|t|) or q*q."""
        op, args = self.instruction(slot)
        square = op == "mul" and args[0].__class__ is int and args[0] == args[1]
        q = args[0] if square else slot
        return (q, square) if self.exceeds_one(q) else None

    def exceeds_one(self, slot: int) -> bool:
        """Whether it is 1 + exp(-|t|), from 1 to 2."""
        op, args = self.instruction(slot)
        return op == "add" and args[0] == 1.0 and self.instruction(args[1])[0] == "decay"

    def instruction(self, slot: Any) -> tuple[str, Any]:
        k = slot - len(self.inputs)
        return self.instructions[k] if slot.__class__ is int and k >= 0 else ("", ())


def expanded(program: Program, strict: bool) -> Steps:
    """The same in operations that have a form; in fast mode a*b + c is one."""
    m = Expander(program.inputs, strict)
    slots: list[Any] = [*range(len(program.inputs))]
    plain = m.forms.keys() - ({"exp", "div"} if not strict else set())
    for op, args in program.instructions:
        moved = tuple([slots[a] if a.__class__ is int else a for a in args])
        if op in plain or (
            op == "div" and (moved[1].__class__ is float or m.divided_before(moved[1]) is None)
        ):
            slots.append(m.add(op, moved))
        else:
            y = m.emit(op, *[Symbol(m, a) if a.__class__ is int else a for a in moved])
            slots.append(y.slot if y.__class__ is Symbol else float(y))
    outputs = [slots[y] if y.__class__ is int else y for y in program.outputs]
    guards = [(slots[slot], outcome) for slot, outcome in program.guards]
    return _needed(Steps(len(program.inputs), m.instructions, outputs, guards), strict)


def _needed(steps: Steps, strict: bool) -> Steps:
    """Without the steps that nothing needs; in fast mode a product that is only added is one with
    its sum."""
    n, lines, outputs, guards = steps
    used = [0] * (n + len(lines))
    for y in (*outputs, *[slot for slot, _ in guards]):
        if y.__class__ is int:
            used[y] += 2
    for k in range(len(lines) - 1, -1, -1):
        if used[n + k]:
            for a in lines[k][1]:
                if a.__class__ is int:
                    used[a] += 1
    place = [*range(n)]
    kept: list[Step] = []
    once = [False] * n  # whether it is a product that only one step needs
    for (op, args), uses in zip(lines, used[n:]):
        product = op == "mul" and uses == 1 and not strict
        once.append(product)
        if product or not uses:
            place.append(-1)  # perhaps not needed
            continue
        if op in FUSED and not strict:
            op, args = _fused(op, args, lines, n, once)
        moved = []
        for a in args:
            if a.__class__ is int:
                if place[a] < 0:
                    _put(lines, n, a, place, kept)
                a = place[a]
            moved.append(a)
        place.append(n + len(kept))
        kept.append((op, tuple(moved)))
    ends = [place[y] if y.__class__ is int else y for y in outputs]
    tests = [(place[y] if y.__class__ is int else y, is_so) for y, is_so in guards]
    return Steps(n, kept, ends, tests)


def _fused(
    op: str, args: tuple[Any, ...], lines: Sequence[Step], n: int, once: Sequence[bool]
) -> Step:
    """A sum with the products in it."""
    ours = [a for a in args if a.__class__ is int and once[a]]
    if op == "sum" and len(ours) >= max(1, len(args) - 1):
        factors = [lines[a - n][1] for a in ours]
        rest = [a for a in args if not (a.__class__ is int and once[a])]
        return "dot", (*[x for x, _ in factors], *[x for _, x in factors], *rest)
    if op == "sum" or not ours:
        return op, args
    left = args[0] == ours[0] and args[0].__class__ is int
    op = op + "_fused" if op == "add" or left else "sub_from_fused"
    return op, (*lines[ours[0] - n][1], args[1] if left else args[0])


def _put(
    lines: Sequence[Step],
    n: int,
    a: int,
    place: list[int],
    kept: list[Step],
) -> None:
    """Computes products that were put off; one may be the factor of another."""
    waiting = [a]
    while waiting:
        op, args = lines[waiting[-1] - n]
        more = [x for x in args if x.__class__ is int and place[x] < 0]
        if more:
            waiting += more
            continue
        place[waiting.pop()] = n + len(kept)
        kept.append((op, tuple([place[x] if x.__class__ is int else x for x in args])))
