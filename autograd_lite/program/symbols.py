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
from ..ops import TABLE
from .program import Instruction, Program, function_of, row_of

instruction = tuple.__new__  # of Instruction, several times faster than calling it


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
    # beside a condition whose outcome is known there is nothing to do
    def __and__(self, b: Any) -> Any:
        return self.builder.emit("and", self, b) if b.__class__ is Symbol else self if b else False
    def __or__(self, b: Any) -> Any:
        return self.builder.emit("or", self, b) if b.__class__ is Symbol else True if b else self
    __rand__, __ror__ = __and__, __or__
    def __xor__(self, b: Any) -> Any: return self.builder.emit("not", self) if b else self
    # fmt: on
    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise TypeError("a symbol has no truth: a rule must say m.where instead of if, and, or")


class Builder:
    """A namespace of functions for rows over Symbols.

    It folds constants, and gives a computation that is there already its old slot; both leave
    every bit of the results as it is.

    zero_rule   whether an adjoint that is exactly 0 passes on exactly 0, along any slope
    """

    def __init__(self, inputs: Sequence[str], zero_rule: bool = False) -> None:
        self.inputs, self.zero_rule = inputs, zero_rule
        self.instructions: list[Instruction] = []
        self._known: dict[tuple[Any, ...], int] = {}  # slots; Symbols would make a cycle
        self.nan, self.inf = math.nan, math.inf

    @property
    def symbols(self) -> list[Symbol]:
        """The inputs."""
        return [Symbol(self, i) for i in range(len(self.inputs))]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)
        return partial(self.emit, name)

    def emit(self, op: str, *args: Any) -> Any:
        """The result of an operation: a number where all is known, else a Symbol."""
        row = TABLE.get(op) or row_of(op)
        if row.arity and len(args) < row.arity:
            args = tuple(row.complete(args))
        slots: list[Any] = []
        key: list[Any] = [op]
        known = 0
        for a in args:
            if a.__class__ is Symbol:
                slots.append(a.slot)
                key.append(a.slot)
            else:
                known += 1
                slots.append(float(a))
                key.append((a,) if a else repr(a))  # 2.0 is not slot 2, and 0.0 is not -0.0
        if known:
            if known == len(args):
                return function_of(row, floats)(*args)
            if op in SHORT:
                found = SHORT[op](*args)
                if found is not None:
                    return found
            if (op == "add" or op == "mul") and key[2].__class__ is int:
                key[1], key[2] = key[2], key[1]
        elif (op == "add" or op == "mul") and key[1] > key[2]:
            key[1], key[2] = key[2], key[1]
        index = tuple(key)
        slot = self._known.get(index)
        if slot is None:
            slot = self._known[index] = len(self.inputs) + len(self.instructions)
            self.instructions.append(instruction(Instruction, (op, tuple(slots))))
        return Symbol(self, slot)

    def product(self, adjoint: Symbol, slope: Any) -> Any:
        """What an adjoint passes on along a slope."""
        product = adjoint * slope
        if self.zero_rule and (slope.__class__ is Symbol or not math.isfinite(slope)):
            return self.emit("where", adjoint == 0.0, 0.0, product)
        return product

    def program(self, outputs: Sequence[Any], guards: Sequence[tuple[Any, bool]] = ()) -> Program:
        """What was built, without the instructions that no output and no guard needs, and without
        the guards whose condition is known: they hold."""
        n = len(self.inputs)
        wanted = [y.slot if y.__class__ is Symbol else float(y) for y in outputs]
        open_ = dict.fromkeys((c.slot, is_so) for c, is_so in guards if c.__class__ is Symbol)
        needed = [False] * n + [False] * len(self.instructions)
        for y in (*wanted, *[slot for slot, _ in open_]):
            if y.__class__ is int:
                needed[y] = True
        for k in reversed(range(n, len(needed))):
            if needed[k]:
                for a in self.instructions[k - n].args:
                    if a.__class__ is int:
                        needed[a] = True
        first = [*needed, False].index(False, n)  # what comes before stays where it is
        place = [*range(first)]
        kept = self.instructions[: first - n]
        for (op, args), need in zip(self.instructions[first - n :], needed[first:]):
            place.append(n + len(kept))
            if need:
                moved = tuple([place[a] if a.__class__ is int else a for a in args])
                kept.append(instruction(Instruction, (op, moved)))
        ends = [place[y] if y.__class__ is int else y for y in wanted]
        return Program.trusted(self.inputs, kept, ends, [(place[c], is_so) for c, is_so in open_])


def _without_factor(a: Any, b: Any) -> Any:
    return b if _is_one(a) else a if _is_one(b) else None


def _is_one(x: Any) -> bool:
    return x.__class__ is float and bool(x == 1.0)


def _chosen(condition: Any, a: Any, b: Any) -> Any:
    return None if condition.__class__ is Symbol else a if condition else b


# What is known although an argument is not: the result, or None
SHORT: dict[str, Callable[..., Any]] = {"mul": _without_factor, "where": _chosen}


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
    slots = program.slots(m.symbols, m)
    return m.program(program.taken(slots), [(slots[c], is_so) for c, is_so in program.guards])
