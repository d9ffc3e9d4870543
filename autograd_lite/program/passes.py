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
