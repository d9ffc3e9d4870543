"""Symbols: numbers that are not known yet. What is done with them becomes instructions.

>>> m = Builder(["x"])
>>> (x,) = m.symbols
>>> print(m.program([m.where(x > 0.0, x * x, -x)]))
inputs x
v1 = x > 0
v2 = x*x
v3 = -x
v4 = where(v1, v2, v3)
return v4
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NoReturn

from ..ieee import floats
from .program import Instruction, Program, function_of, row_of

COMMUTATIVE = ("add", "mul")


class Symbol:
    """A slot of a Program that is being built, with the operators that rows use."""

    __slots__ = ("builder", "slot")

    def __init__(self, builder: Builder, slot: int) -> None:
        self.builder, self.slot = builder, slot

    # fmt: off
    def __add__(self, b: Any) -> Any: return self.builder.emit("add", self, b)
    def __radd__(self, a: Any) -> Any: return self.builder.emit("add", a, self)
    def __sub__(self, b: Any) -> Any: return self.builder.emit("sub", self, b)
    def __rsub__(self, a: Any) -> Any: return self.builder.emit("sub", a, self)
    def __mul__(self, b: Any) -> Any: return self.builder.emit("mul", self, b)
    def __rmul__(self, a: Any) -> Any: return self.builder.emit("mul", a, self)
    def __neg__(self) -> Any: return self.builder.emit("neg", self)
    def __lt__(self, b: Any) -> Any: return self.builder.emit("lt", self, b)
    def __le__(self, b: Any) -> Any: return self.builder.emit("le", self, b)
    def __gt__(self, b: Any) -> Any: return self.builder.emit("gt", self, b)
    def __ge__(self, b: Any) -> Any: return self.builder.emit("ge", self, b)
    def __eq__(self, b: Any) -> Any: return self.builder.emit("eq", self, b)
    def __ne__(self, b: Any) -> Any: return self.builder.emit("ne", self, b)
    def __and__(self, b: Any) -> Any: return self.builder.emit("and", self, b)
    def __or__(self, b: Any) -> Any: return self.builder.emit("or", self, b)
    # a condition beside one whose outcome is known
    def __rand__(self, a: bool) -> Any: return self if a else False
    def __ror__(self, a: bool) -> Any: return True if a else self
    # fmt: on
    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise TypeError("a symbol has no truth: a rule must say m.where instead of if, and, or")


class Builder:
    """A namespace of functions for rows over Symbols.

    It folds constants, and gives a computation that is there already its old slot; both leave
    every bit of the results as it is.
    """

    def __init__(self, inputs: Sequence[str]) -> None:
        self.inputs = inputs
        self.symbols = [Symbol(self, i) for i in range(len(inputs))]
        self.instructions: list[Instruction] = []
        self._known: dict[tuple[Any, ...], Symbol] = {}
        self.nan, self.inf = math.nan, math.inf

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(self.emit, name)

    def emit(self, op: str, *args: Any) -> Any:
        """The result of an operation: a number where all is known, else a Symbol."""
        known = [not isinstance(a, Symbol) for a in args]
        if all(known):
            return function_of(row_of(op), floats)(*args)
        if op in ("and", "or") and known[1]:
            return args[1] | args[0] if op == "or" else args[1] & args[0]
        if op == "where" and known[0]:
            return args[1] if args[0] else args[2]
        if op == "mul" and (known[0] or known[1]) and args[known[1]] == 1.0:
            return args[known[0]]
        slots = tuple(float(a) if k else a.slot for a, k in zip(args, known))
        names = [repr(a) for a in slots]  # in which 0.0 is not -0.0
        key = (op, *(sorted(names) if op in COMMUTATIVE else names))
        symbol = self._known.get(key)
        if symbol is None:
            symbol = Symbol(self, len(self.inputs) + len(self.instructions))
            self.instructions.append(Instruction(op, slots))
            self._known[key] = symbol
        return symbol

    def program(self, outputs: Sequence[Any]) -> Program:
        """What was built, without the instructions that no output needs."""
        n = len(self.inputs)
        wanted = [y.slot if isinstance(y, Symbol) else float(y) for y in outputs]
        needed = {y for y in wanted if y.__class__ is int}
        for k in reversed(range(len(self.instructions))):
            if n + k in needed:
                needed.update(a for a in self.instructions[k].args if a.__class__ is int)
        place: dict[int | float, int | float] = {i: i for i in range(n)}
        kept: list[Instruction] = []
        for k, (op, args) in enumerate(self.instructions):
            if n + k in needed:
                place[n + k] = n + len(kept)
                kept.append(Instruction(op, tuple([_moved(a, place) for a in args])))
        return Program.trusted(self.inputs, kept, [_moved(y, place) for y in wanted])


def _moved(x: int | float, place: dict[int | float, int | float]) -> int | float:
    return place[x] if x.__class__ is int else x


def simplified(program: Program) -> Program:
    """The same function with constants folded, common subexpressions shared, the unused dropped.

    >>> twice = [Instruction("exp", (0,)), Instruction("exp", (0,)), Instruction("add", (1, 2))]
    >>> print(simplified(Program(["x"], [*twice, Instruction("exp", (1.0,))], [3])))
    inputs x
    v1 = exp(x)
    v2 = v1 + v1
    return v2
    """
    m = Builder(program.inputs)
    return m.program(program.run(m.symbols, m))
