"""Passes over Programs that are to run fast: other forms of the same function.

>>> cube = Program(["x"], [Instruction("pow", (0, 3.0))], [1])
>>> print(quick(cube))
inputs x
v1 = x*x
v2 = v1*x
return v2
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from .program import Instruction as Instruction
from .program import Program
from .symbols import Builder, Symbol


class Quick(Builder):
    """A Builder that writes a power with a small constant exponent as products: the same function,
    up to rounding, and its slope is not the general one of a power."""

    def emit(self, op: str, *args: Any) -> Any:
        if op == "square":
            return args[0] * args[0]
        if op == "pow" and args[1].__class__ is float and args[0].__class__ is Symbol:
            found = self._power(args[0], args[1])
            if found is not None:
                return found
        return super().emit(op, *args)

    def _power(self, x: Symbol, n: float) -> Any:
        if n == 0.5:
            root = self.emit("sqrt", x + 0.0)  # of -0.0, too, the power is 0.0
            return self.emit("where", x == -math.inf, math.inf, root)
        if n != int(n) or not 1.0 <= abs(n) <= 8.0:
            return None
        base = self.emit("div", 1.0, x) if n < 0.0 else x
        found: Any = None
        for bit in bin(int(abs(n)))[2:]:
            found = base if found is None else found * found
            if bit == "1" and found is not base:
                found = found * base
        return found


def quick(program: Program) -> Program:
    """The same function, up to rounding, with constants folded, common subexpressions shared, the
    unused dropped and small powers as products."""
    m = Quick(program.inputs)
    slots = program.slots(m.symbols, m)
    return m.program(program.taken(slots), [(slots[c], outcome) for c, outcome in program.guards])


def summed(program: Program, least: int = 8) -> Program:
    """The same function, up to rounding, with one sum in place of many additions one after the
    other: as a chain, each of them would wait for the one before.

    >>> lines = [Instruction("add", (0, 1)), Instruction("add", (3, 2)), Instruction("exp", (4,))]
    >>> print(summed(Program(["x", "y", "z"], lines, [5]), least=3))
    inputs x, y, z
    v1 = x + y + z
    v2 = exp(v1)
    return v2
    """
    n, lines = len(program.inputs), program.instructions
    used = [0] * (n + len(lines))
    for args in (*[args for _, args in lines], program.outputs, program.outputs):
        for a in args:
            if a.__class__ is int:
                used[a] += 1
    chains: dict[int, list[int]] = {}  # by the last addition of a chain so far, all of them
    for s, (op, args) in enumerate(lines, n):
        if op == "add":
            before = [x for x in args if x.__class__ is int and used[x] == 1 and x in chains]
            longest = max(before, key=lambda x: len(chains[x]), default=None)
            chains[s] = [] if longest is None else chains.pop(longest)
            chains[s].append(s)
    chains = {s: chain for s, chain in chains.items() if len(chain) >= least - 1}
    if not chains:
        return program
    for chain in chains.values():
        inside = {*chain}
        taken = [x for s in chain[1:] for x in lines[s - n].args]
        others = [x for x in taken if x.__class__ is int and x not in inside]
        if others and all(x >= n and lines[x - n].op == "add" for x in others):
            del chain[0]  # a term, as the others are
    gone = {s for chain in chains.values() for s in chain[:-1]}

    def terms(chain: list[int]) -> Iterator[Any]:
        for s in chain:
            yield from [x for x in lines[s - n].args if x not in gone or x.__class__ is float]

    place, kept = [*range(n)], list[Instruction]()

    def moved(xs: Iterable[Any]) -> tuple[Any, ...]:
        return tuple([place[x] if x.__class__ is int else x for x in xs])

    for s, line in enumerate(lines, n):
        place.append(n + len(kept))
        if s in chains:
            kept.append(Instruction("sum", moved(terms(chains[s]))))
        elif s not in gone:
            kept.append(Instruction(line.op, moved(line.args)))
    guards = [(place[slot], outcome) for slot, outcome in program.guards]
    return Program.trusted(program.inputs, kept, moved(program.outputs), guards)
