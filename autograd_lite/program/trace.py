"""A function, run once on Values that are being watched, as a Program with guards.

Each Value knows its number, so Python runs as ever; what is asked of a Value becomes an
instruction. A comparison gives a Condition. It knows its outcome, too, and becomes a guard when
Python asks for its truth, as `if`, `while`, `and`, `max` and `sorted` do: the Program is right
where all guards come out the same.

>>> traced = trace(lambda xs: [xs[0] * 2.0 if xs[0] > 0.0 else xs[0] * 3.0], [1.0], ["x"])
>>> print(traced.program)
inputs x
v1 = x*2
v2 = x > 0
guard v2 is True
return v1
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Sequence
from numbers import Number, Real
from types import CodeType
from typing import Any, NamedTuple

from ..engine import Value, order, record
from ..ieee import nan, number
from ..modes import Mode, always_recording, file_name, users_frame
from ..ops import CONDITIONS, CUSTOM, FLAT, TABLE, OwnRow, Row
from .program import Instruction, Program, different
from .symbols import Builder

DETACH = FLAT["detach"]
ELSEWHERE = "a Value was used where it cannot be watched, as in another thread"


class Untraceable(Exception):  # noqa: N818
    """What a Program cannot hold: the function has to run as it is."""


class Refused(TypeError):  # noqa: N818
    """What a function does that it is not meant to do when it is compiled."""


class Traced(NamedTuple):
    """What a function did.

    program    inputs: the numbers it was given, then the data of `captured`
    captured   the Values from outside that it used
    guards     the place in the source of each guard
    numbers    what it returned
    sweep      the slots in the order of backward()
    leaves     the Values that it made, not by an operation
    """

    program: Program
    captured: list[Value]
    guards: list[str]
    numbers: list[float]
    sweep: tuple[int, ...]
    leaves: list[Value]


def trace(
    f: Callable[[list[Value]], Sequence[Any]], numbers: Sequence[float], names: Sequence[str]
) -> Traced:
    """The Program of f, which takes a list of Values and returns Values and numbers.

    Whatever f raises comes through; Untraceable where it uses an operation that has no name.
    """
    mode = Trace()
    with always_recording():
        xs = [Value(x) for x in numbers]
        mode.begin(xs)
        with mode:
            results = f(xs)
            outputs = [y if isinstance(y, Value) else number(y, "the result", "trace")
                       for y in results]  # fmt: skip
    return mode.traced(outputs, names)


class Condition:
    """A comparison of Values while a function is traced.

    Python may ask for its truth, and then it becomes a guard; `where` takes it as it is, and so do
    & and | and ~, the last in the sense of `not`. As a number it is 0 or 1, also by a guard.
    """

    def __init__(self, mode: Trace, node: Value) -> None:
        self.mode, self.node = mode, node

    def __bool__(self) -> bool:
        self.mode.guard(self.node)
        return self.node._num != 0.0

    def _with(self, op: str, other: Any) -> Any:
        if isinstance(other, Condition):
            a, b = self.node._num != 0.0, other.node._num != 0.0
            return self.mode.condition(op, (self.node, other.node), FLAT[op].value(None, a, b))
        if other.__class__ is not bool:  # then they are numbers
            return FLAT[op].value(None, bool(self), other)
        if other is (op == "and"):
            return self
        self.mode.settled.add(self.mode.where(self.node))
        return op == "or"

    # fmt: off
    def __and__(self, other: Any) -> Any: return self._with("and", other)
    def __or__(self, other: Any) -> Any: return self._with("or", other)
    __rand__, __ror__ = __and__, __or__
    def __invert__(self) -> Any:
        return self.mode.condition("not", (self.node,), self.node._num == 0.0)
    def __index__(self) -> int: return int(bool(self))
    def __int__(self) -> int: return int(bool(self))
    def __float__(self) -> float: return float(bool(self))
    def __hash__(self) -> int: return hash(bool(self))
    def __repr__(self) -> str: return repr(bool(self))
    def __format__(self, spec: str) -> str: return format(bool(self), spec)
    # fmt: on


def _as_bool(f: Callable[..., Any], reflected: bool = False) -> Callable[..., Any]:
    if reflected:
        return lambda condition, other: f(other, bool(condition))
    return lambda condition, *others: f(bool(condition), *others)


for name in ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "lshift", "rshift", "xor"]:
    setattr(Condition, f"__{name}__", _as_bool(getattr(operator, name)))
    setattr(Condition, f"__r{name}__", _as_bool(getattr(operator, name), reflected=True))
for name in ["eq", "ne", "lt", "le", "gt", "ge", "neg", "pos", "abs"]:
    setattr(Condition, f"__{name}__", _as_bool(getattr(operator, name)))
Real.register(Condition)  # it counts as a number


class Trace(Mode):
    """The mode that watches. A Value is known by a whole number: -1, -2 ... are the inputs, 0, 1
    ... the instructions; None is one that is made of constants only."""

    traces = True

    def begin(self, xs: Sequence[Value]) -> None:
        self.inputs = [*xs]  # and then the Values from outside
        self.given_inputs = len(xs)
        self.lines: list[tuple[Row, tuple[int | float, ...]]] = []
        self.at: dict[Value, int | None] = {x: -1 - i for i, x in enumerate(xs)}
        self.plain: dict[int, Value] = {}  # what v.data is, by where v is
        self.detached: set[int] = set()  # the lines of what is computed of such numbers alone
        self.known: set[tuple[str, int]] = set()  # users' operations, by number of arguments
        self.flat: list[Value] = []  # comparisons and plain numbers: backward() does not come there
        self.settled: set[Any] = set()  # comparisons that did not matter beside a known truth
        self.escaped = False
        self.guarded: dict[int, tuple[bool, str]] = {}

    # What the engine tells

    def sees(self, v: Value) -> None:
        row = v.op
        if row is None:
            self.at.setdefault(v, None)
            return
        if row.name not in FLAT and CUSTOM.get(row.name, TABLE.get(row.name)) is not row:
            raise Untraceable(f"{row.name} has no name by which it could be called again")
        if isinstance(row, OwnRow) and (row.name, len(v.args)) not in self.known:
            _require_symbols(row, len(v.args))
            self.known.add((row.name, len(v.args)))
        args = tuple([self.where(a) if isinstance(a, Value) else a for a in v.args])
        self.at[v] = None
        if row.name in FLAT:
            self.flat.append(v)
        if {*map(type, args)} != {float}:
            self.at[v] = self._line(row, args)

    def given(self, v: Value, x: Any) -> Any:
        new = getattr(v, "_label", None) is None  # Value(x), not v.data = x
        if not new and (v.op is not None or (self.at.get(v, -1) or 0) < 0):
            raise Refused(
                "compile: the function sets the data of a Value that it did not make; compiled, "
                "that would happen once: return the number and set it outside"
            )
        if isinstance(x, Condition):
            x = bool(x)
        if isinstance(x, Value) and self._is_plain(x):
            self.at[v] = self.at[x]
            return x._num
        if not new:
            self.at[v] = None
        return x

    def read(self, v: Value) -> Any:
        at = self.where(v)
        if at.__class__ is float or self._is_plain(v):
            return v if at.__class__ is int else v._num
        found = self.plain.get(at)
        if found is None:
            found = self.plain[at] = record(v._num, DETACH, (v,), (0.0,))
        return found

    def compared(self, how: str, v: Value, other: Any) -> Any:
        if isinstance(other, Condition):
            other = bool(other)
        if not isinstance(other, Value):
            if not isinstance(other, Number):
                return None
            exact = other
            try:
                other = number(other, "other", "compile")
            except (OverflowError, TypeError):
                other = nan
            if other != exact and exact == exact:
                raise Untraceable(f"it compares with {exact!r}, which is no float")
        args = v, other
        if all(a.__class__ is float or self.where(a).__class__ is float for a in args):
            return None
        a, b = (x._num if isinstance(x, Value) else x for x in args)
        return self.condition(how, args, getattr(operator, how)(a, b))

    def swept(self, nodes: list[Value], before: list[tuple[Value, float]]) -> None:
        if any(self.at.get(v, 0) is not None for v, _ in before):
            raise Refused(
                "compile: the function calls backward(); compiled, that would happen once: use "
                "grad(f) or gradient(y, xs) inside, or compile the function that is differentiated"
            )

    def unseen(self, v: Value) -> None:
        at = self.at.get(v)
        self.escaped = self.escaped or (at is not None and at >= -self.given_inputs)

    # What it makes of that

    def where(self, v: Value) -> Any:
        """Where a Value is, its number if it is a constant."""
        try:
            at = self.at[v]
        except KeyError:
            return self._captured(v)
        if at is None:
            return v._num
        if at >= 0 and v.op is None and self.lines[at][0] is not DETACH:  # by no_grad()
            at = self.at[v] = self._line(DETACH, (at,))
        return at

    def _captured(self, v: Value) -> int:
        if v.op is not None and any(x in self.at for x in order(v)):
            raise Untraceable(ELSEWHERE)
        self.inputs.append(v)
        self.at[v] = -len(self.inputs)
        return -len(self.inputs)

    def _is_plain(self, v: Value) -> bool:
        at = self.where(v)
        return at.__class__ is int and at in self.detached

    def _line(self, row: Row, args: tuple[int | float, ...]) -> int:
        k = len(self.lines)
        self.lines.append((row, args))
        if row is DETACH or all(a.__class__ is float or a in self.detached for a in args):
            self.detached.add(k)
        return k

    def condition(self, op: str, args: tuple[Any, ...], outcome: bool) -> Condition:
        return Condition(self, record(float(outcome), FLAT[op], args, (0.0,) * len(args)))

    def guard(self, node: Value) -> None:
        """Python asked for the truth of a condition."""
        at = self.where(node)
        if at.__class__ is int and at not in self.guarded:
            frame, _ = users_frame()
            self.guarded[at] = node._num != 0.0, described(frame.f_code, frame.f_lineno)

    def traced(self, outputs: Sequence[Any], names: Sequence[str]) -> Traced:
        if self.escaped:
            raise Untraceable(ELSEWHERE)
        self._require_truths()
        ends = [self.where(y) if isinstance(y, Value) else y for y in outputs]
        n = len(self.inputs)
        place: dict[int, int] = {-1 - i: i for i in range(n)}
        kept: list[Instruction] = []

        def put(lines: Iterable[int]) -> None:
            for k in lines:
                row, args = self.lines[k]
                moved = tuple([place[a] if a.__class__ is int else a for a in args])
                place[k] = n + len(kept)
                kept.append(Instruction(row.name, moved))

        # in the order in which backward() would go, so that it can add in that order
        roots = [y for y in outputs if isinstance(y, Value)]
        sweep = [self.at.get(v) for v in order(*roots, stop=[*self.inputs, *self.flat])]
        swept = [k for k in sweep if k is not None and k >= 0]
        for k in swept:
            put(self._missing(k, place))
        for k in [*self.guarded, *[y for y in ends if y.__class__ is int]]:
            put(self._missing(k, place))
        captured = self.inputs[self.given_inputs :]
        labels = [*names, *[v.label or f"captured_{i}" for i, v in enumerate(captured, 1)]]
        program = Program.trusted(
            different(labels),
            kept,
            [place[y] if y.__class__ is int else y for y in ends],
            [(place[k], outcome) for k, (outcome, _) in self.guarded.items()],
        )
        return Traced(
            program,
            captured,
            [text for _, text in self.guarded.values()],
            [y._num if isinstance(y, Value) else y for y in outputs],
            tuple([place[k] for k in swept]),
            [v for v, at in self.at.items() if at is None and v.op is None],
        )

    def _require_truths(self) -> None:
        """Untraceable if a comparison was made and its truth not asked for: who looks at it in
        another way, as `is`, isinstance and match do, sees no bool."""
        used = {a for _, args in self.lines for a in args if a.__class__ is int} | self.settled
        for k, (row, _) in enumerate(self.lines):
            if row.name in CONDITIONS and k not in used and k not in self.guarded:
                raise Untraceable(
                    "it makes a comparison and does not ask for its truth, as by `is`, isinstance "
                    "or match; write bool(...) around it"
                )

    def _missing(self, k: int, place: dict[int, int]) -> list[int]:
        """A line and all that it needs, as far as they have no place yet."""
        if k in place:
            return []
        if place.keys() >= {a for a in self.lines[k][1] if a.__class__ is int}:
            return [k]  # nearly always
        found, todo = set(), [k]
        while todo:
            k = todo.pop()
            if k not in place and k not in found:
                found.add(k)
                todo += [a for a in self.lines[k][1] if a.__class__ is int]
        return sorted(found)


def _require_symbols(row: Row, n: int) -> None:
    """A user's derivatives become instructions, so they must be written with m."""
    m = Builder(["y", *map(str, range(n))])
    try:
        row.partials(m, *m.symbols)
    except Exception as error:
        raise Untraceable(f"the partials of {row.name} are not written with m: {error}") from None


def described(code: CodeType, line: int) -> str:
    """A place in a source file, with its text where it can be had."""
    import linecache

    text = linecache.getline(code.co_filename, line).strip()
    return f"{file_name(code.co_filename)}:{line}" + (f": {text}" if text else "")
