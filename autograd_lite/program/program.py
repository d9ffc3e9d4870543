"""A Program: a recorded computation as a flat list of instructions, to be read, run and changed.

>>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
>>> program = Program.of([(w * x + 6.88).tanh()], [x, w])
>>> print(program)
inputs x, w
v1 = w*x
v2 = v1 + 6.88
v3 = tanh(v2)
return v3
>>> program(2.0, -3.0)
[0.7064193203972353]
"""

from __future__ import annotations

import marshal
import math
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, partial
from typing import Any, NamedTuple

from ..engine import Value, apply, kinds, order
from ..functions import values
from ..ieee import floats, number, shown, terms
from ..ops import CONDITIONS, CUSTOM, FLAT, TABLE, Row, lookup
from ..text import WHERE, name_of, plain
from .kept import read, written

JOINING = ("and", "or", "not")  # conditions of conditions


class Instruction(NamedTuple):
    """One operation: `op` names a row; of `args`, an int is a slot and a float is a constant.

    The slots are numbered through: first the inputs of the program, then each instruction's result.
    """

    op: str
    args: tuple[int | float, ...]


class Program:
    """A function of numbers without branches: inputs, instructions, outputs, guards.

    inputs        names of the inputs, which are slots 0, 1, 2 ...
    instructions  in an order in which each needs only slots before its own
    outputs       slots, or constants
    guards        pairs of a slot and a bool: the outputs are right where each of these conditions
                  comes out so, which is where Python took the branches that were recorded

    A Program is checked when it is made and does not change afterwards. ValueError tells which
    instruction is wrong. Called with floats it returns floats (TypeError if these are not as many
    as its inputs); with Values it records them.

    It computes what was recorded: a branch that Python took stays taken (`where`, `maximum` and the
    like decide anew for each input). A program with guards, as compile() makes them, raises
    ValueError where one of them does not hold.

    >>> Program(["x"], [Instruction("mul", (0, 0)), Instruction("add", (1, 0.5))], [2])(3.0)
    [9.5]
    """

    def __init__(
        self,
        inputs: Sequence[str],
        instructions: Sequence[Instruction],
        outputs: Sequence[int | float],
        guards: Sequence[tuple[int, bool]] = (),
    ) -> None:
        self.inputs = terms(inputs, "inputs", "Program")
        lines = []
        for k, line in enumerate(terms(instructions, "instructions", "Program")):
            try:
                op, args = line
                lines.append(Instruction(op, _one_nan(args)))
            except (TypeError, ValueError):
                raise ValueError(
                    f'Program: instruction {k} must be like ("mul", (0, 2.0)), not {shown(line)}'
                ) from None
        self.instructions = tuple(lines)
        self.outputs = _one_nan(terms(outputs, "outputs", "Program"))
        self.guards = terms(guards, "guards", "Program")
        _check(self)

    @classmethod
    def of(cls, outputs: Sequence[Any], inputs: Sequence[Value] | None = None) -> Program:
        """The computation of recorded Values from `inputs`, by default from all their leaves.

        Other leaves are constants. An input may be an inner node.

        >>> x = Value(3.0)
        >>> print(Program.of([x * x, 1.5], [x]))
        inputs x1
        v1 = x1*x1
        return v1, 1.5
        """
        ys = terms(outputs, "outputs", "Program.of")
        ys = tuple(y if isinstance(y, Value) else number(y, f"outputs[{i}]", "Program.of")
                   for i, y in enumerate(ys))  # fmt: skip
        roots = [y for y in ys if isinstance(y, Value)]
        if inputs is None:
            inputs = [v for v in order(*roots) if v.op is None]
        xs = terms(inputs, "inputs", "Program.of")
        for i, x in enumerate(xs):
            if not isinstance(x, Value):
                raise TypeError(f"Program.of: inputs[{i}] must be a Value, not {shown(x)}")
        slot: dict[Value, int | float] = {x: i for i, x in enumerate(xs)}
        if len(slot) < len(xs):
            raise ValueError("Program.of: a Value is twice among the inputs")
        instructions: list[Instruction] = []
        for v in order(*roots, stop=xs):
            if v.op is None:
                slot[v] = v.data
            elif CUSTOM.get(v.op.name, TABLE.get(v.op.name)) is not v.op:
                raise ValueError(f"Program.of: the operation {v.op.name} has no name to call it by")
            else:
                args = tuple([slot[a] if isinstance(a, Value) else a for a in v.args])
                slot[v] = len(xs) + len(instructions)
                instructions.append(Instruction(v.op.name, args))
        names = different([name_of(x.label) for x in xs])
        return cls.trusted(
            names, instructions, [slot[y] if isinstance(y, Value) else y for y in ys]
        )

    @classmethod
    def trusted(
        cls,
        inputs: Sequence[str],
        instructions: Sequence[Instruction],
        outputs: Sequence[int | float],
        guards: Sequence[tuple[int, bool]] = (),
    ) -> Program:
        """A program that needs no check, because the library made it."""
        self = cls.__new__(cls)
        self.inputs, self.outputs = tuple(inputs), tuple(outputs)
        self.instructions, self.guards = tuple(instructions), tuple(guards)
        return self

    def __call__(self, *inputs: Any) -> list[Any]:
        """The outputs: floats if all inputs are numbers, else Values."""
        if len(inputs) != len(self.inputs):
            raise TypeError(
                f"Program: {len(inputs)} inputs for {len(self.inputs)}: {', '.join(self.inputs)}"
            )
        numbers = [
            x if isinstance(x, Value) else number(x, name, "Program")
            for x, name in zip(inputs, self.inputs)
        ]
        slots = self.slots(numbers, floats if kinds.isdisjoint(map(type, numbers)) else values)
        for slot, outcome in self.guards:
            if bool(slots[slot]) is not outcome:
                raise ValueError(
                    f"Program: v{slot - len(self.inputs) + 1} is {not outcome} for these inputs, "
                    "so they take another branch; compile(f) follows each"
                )
        return self.taken(slots)

    def run(self, inputs: Sequence[Any], m: Any) -> list[Any]:
        """The outputs for numbers of any kind, whatever the guards are; `m` is the namespace of
        functions for that kind.

        >>> print(*Program(["x"], [Instruction("exp", (0,))], [1]).run([plain.symbol("a")], plain))
        exp(a)
        """
        return self.taken(self.slots(inputs, m))

    def slots(self, inputs: Sequence[Any], m: Any) -> list[Any]:
        """What is in each slot."""
        slots = [*inputs]
        for row, args, _ in self.plan:
            xs = [slots[a] if a.__class__ is int else a for a in args]
            slots.append(function_of(row, m)(*xs))
        return slots

    def taken(self, slots: Sequence[Any]) -> list[Any]:
        """The outputs, from what is in each slot."""
        return [slots[y] if y.__class__ is int else y for y in self.outputs]

    @cached_property
    def plan(self) -> list[tuple[Row, tuple[Any, ...], list[tuple[int, int]]]]:
        """Of each instruction its row, its args, and the place and slot of each of those that vary
        with the inputs; nothing varies through a comparison."""
        n = len(self.inputs)
        found: list[tuple[Row, tuple[Any, ...], list[tuple[int, int]]]] = []
        for op, args in self.instructions:
            row = row_of(op)
            slots = [(i, a) for i, a in enumerate(args) if a.__class__ is int]
            varying = (
                [(i, a) for i, a in slots if a < n or found[a - n][2]] if op not in FLAT else []
            )
            found.append((row, args, varying))
        return found

    def depends(self, slot: int) -> bool:
        """Whether a slot varies with the inputs."""
        return slot < len(self.inputs) or bool(self.plan[slot - len(self.inputs)][2])

    def __str__(self) -> str:
        names = [plain.spell(name) for name in self.inputs]
        taken = {*names}
        lines = [f"inputs {', '.join(names)}".rstrip()]

        def text(x: int | float) -> Any:
            return plain.word(names[x]) if isinstance(x, int) else x

        for k, (row, args, _) in enumerate(self.plan, 1):
            formula = function_of(row, plain)(*map(text, args))
            names.append(_free(f"v{k}", taken))
            lines.append(f"{names[-1]} = {plain.inside(formula, WHERE)}")
        lines += [f"guard {names[slot]} is {outcome}" for slot, outcome in self.guards]
        lines.append(f"return {', '.join(plain.inside(text(y), WHERE) for y in self.outputs)}")
        return "\n".join(line.rstrip() for line in lines)

    def __repr__(self) -> str:
        found: dict[str, Sequence[Any]] = {
            "input": self.inputs,
            "instruction": self.instructions,
            "output": self.outputs,
        }
        if self.guards:
            found["guard"] = self.guards
        counted = [f"{len(xs)} {name}{'s' * (len(xs) != 1)}" for name, xs in found.items()]
        return f"<Program: {', '.join(counted)}>"

    @cached_property
    def _key(self) -> bytes:
        lines: Any = [(op, _one_nan(args)) for op, args in self.instructions]
        # every bit of a float but those of a nan
        return marshal.dumps((self.inputs, lines, _one_nan(self.outputs), self.guards), 2)

    def __reduce__(self) -> tuple[Any, ...]:
        parts = self.inputs, self.instructions, self.outputs, self.guards
        return Program.trusted, parts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Program) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def to_json(self) -> str:
        """The program as JSON; a slot is written as "%3", a constant as a number.

        >>> Program(["x"], [Instruction("mul", (0, 2.0))], [1]).to_json()
        '{"program": 1, "inputs": ["x"], "instructions": [["mul", "%0", 2.0]], "outputs": ["%1"]}'
        """
        return written(self.inputs, self.instructions, self.outputs, self.guards)

    @classmethod
    def from_json(cls, text: str) -> Program:
        """The program that to_json wrote; ValueError for anything else. Nothing is executed.

        >>> Program.from_json('{"program": 1, "inputs": [], "instructions": [], "outputs": [2]}')()
        [2.0]
        """
        return cls(*read(text))


def _one_nan(xs: Iterable[Any]) -> tuple[Any, ...]:
    return tuple([math.nan if x.__class__ is float and x != x else x for x in xs])


def row_of(op: str) -> Row:
    """The row that an instruction names."""
    return TABLE.get(op) or FLAT.get(op) or lookup(op)


def function_of(row: Row, m: Any) -> Callable[..., Any]:
    """The function of a row for the kind of number that `m` is for."""
    if row.name in FLAT:
        return partial(row.value, m)
    found = getattr(m, row.name, None)
    if found is None:  # an operation of the user's own
        return partial(apply, row) if m is values else partial(row.value, m)
    return found  # type: ignore[no-any-return]


def different(names: list[str]) -> list[str]:
    """The names, those that are empty or there already replaced."""
    taken = {*names}
    found: list[str] = []
    for i, name in enumerate(names, 1):
        found.append(name if name and name not in found else _free(f"x{i}", taken))
    return found


def _free(name: str, taken: set[str]) -> str:
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _check(program: Program) -> None:
    """ValueError if an instruction names no operation, or not as many slots and numbers as it
    needs, or a slot that is not there yet."""
    n = len(program.inputs)
    for name in program.inputs:
        if not isinstance(name, str):
            raise ValueError(f"Program: inputs must be names, not {shown(name)}")
    if len({*program.inputs}) < n:
        raise ValueError(f"Program: two inputs have one name: {shown(program.inputs)}")
    conditions: set[int] = set()
    for k, (op, args) in enumerate(program.instructions):
        where = f"instruction {k}, {shown(op)}"
        try:
            row = row_of(op)
        except (LookupError, TypeError):
            raise ValueError(f"Program: {where}: there is no such operation") from None
        if len(args) != row.arity if row.arity else not args:
            takes = row.arity or "one or more"
            raise ValueError(f"Program: {where} takes {takes} arguments, not {len(args)}")
        _check_slots(args, n + k, where)
        for i, a in enumerate(args):
            is_condition = a.__class__ is int and a in conditions
            if op in JOINING and not is_condition:
                raise ValueError(f"Program: {where}: {shown(a)} is no condition")
            if is_condition and op not in JOINING and (op, i) != ("where", 0):
                raise ValueError(f"Program: {where}: slot {a} is a condition, not a number")
        if op in CONDITIONS:
            conditions.add(n + k)
    _check_slots(program.outputs, n + len(program.instructions), "outputs")
    for y in program.outputs:
        if y.__class__ is int and y in conditions:
            raise ValueError(f"Program: outputs: slot {y} is a condition, not a number")
    for pair in program.guards:
        if not isinstance(pair, tuple) or len(pair) != 2 or type(pair[1]) is not bool:
            raise ValueError(f"Program: guards must be like (3, True), not {shown(pair)}")
        if pair[0] not in conditions:
            raise ValueError(f"Program: guards: {shown(pair[0])} is no slot of a condition")


def _check_slots(args: Sequence[Any], slots: int, where: str) -> None:
    for a in args:
        if a.__class__ is not float and not (a.__class__ is int and 0 <= a < slots):
            raise ValueError(
                f"Program: {where}: {shown(a)} is neither a float nor a slot from 0 to {slots - 1}"
            )
