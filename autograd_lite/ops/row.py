"""What a row of the table is, the table itself, and forms that several rows share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

from ..ieee import floats, inf

Interval = tuple[float, float]

REAL: Interval = (-inf, inf)
POSITIVE: Interval = (0.0, inf)


class Missing:
    """Stands for the default of an argument that has none."""


class Row(NamedTuple):
    """One operation: how it is computed, differentiated, written and tested.

    defaults  the names of the arguments with their defaults (Missing: none)
    arity     number of arguments, None for any number
    domain    an open interval for each argument, inside which value and slopes are finite
    samples   argument tuples worth testing (those of one argument as bare numbers)
    kinks     what is returned where no derivative exists, in words; empty for smooth rows
    seams     points where two formulas of one smooth function meet
    ulps      bounds on the error of the value and of the first derivatives, in units in the last
              place (where a sum cancels: of its largest term)
    symbol    what a drawing writes in the node
    textbook  the partials in their usual form, for the reader's eyes, where the computed form
              is longer because it keeps digits or edges
    quick     the partials without what keeps the last digits at the ends of the range, for programs
              that are to be fast; where they are nan, `partials` decide
    latex     format string for LaTeX, by default an upright name
    complex_value  the value at Python's complex numbers, where `value` has no complex form
    """

    name: str
    doc: str
    value: Callable[..., Any]
    partials: Callable[..., Any]
    defaults: dict[str, Any]
    arity: int | None = 1
    domain: tuple[Interval, ...] = (REAL,)
    samples: tuple[Any, ...] = ()
    kinks: str = ""
    seams: tuple[float, ...] = ()
    ulps: tuple[float, float] = (4.0, 4.0)
    symbol: str = ""
    latex: str = ""
    textbook: Callable[..., Any] | None = None
    aliases: tuple[str, ...] = ()
    complex_value: Callable[..., complex] | None = None
    quick: Callable[..., Any] | None = None

    def __repr__(self) -> str:
        return f"<row {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        lookup(self.name)  # to fail now rather than when it is read
        return lookup, (self.name,)

    def argument(self, i: int) -> str:
        """The name of argument i, for error messages."""
        return [*self.defaults][i] if self.arity else f"argument {i + 1}"

    def complete(self, args: tuple[Any, ...], **named: Any) -> Sequence[Any]:
        """All arguments in order, with defaults; TypeError if one is missing or too many."""
        if self.arity is None:
            return args
        names, rest = [*self.defaults], dict(named)
        out = [*args, *(rest.pop(n, self.defaults[n]) for n in names[len(args) :])]
        missing = [n for n, x in zip(names, out) if x is Missing]
        if missing or rest or len(out) > len(names):
            wrong = f"no argument {next(iter(rest))!r}" if rest else f"{len(args)} are too many"
            wrong = f"{', '.join(missing)} missing" if missing else wrong
            raise TypeError(f"{self.name}({', '.join(names)}): {wrong}")
        return out

    def points(self) -> Iterator[tuple[float, ...]]:
        """The sample points, each as a tuple of arguments."""
        for sample in self.samples:
            yield sample if isinstance(sample, tuple) else (sample,)


class OwnRow(Row):
    """A row whose functions are the user's: they may hold a Value that was made with it."""


TABLE: dict[str, Row] = {}
CUSTOM: dict[str, Row] = {}  # the user's, see custom.py
redefined = [0]  # how often one of them was replaced


def lookup(name: str) -> Row:
    """The row of that name, built in or the user's."""
    row = TABLE.get(name) or CUSTOM.get(name)
    if row is None:
        raise LookupError(
            f"lookup: there is no operation {name!r}; if it is your own, "
            "define it with autograd_lite.operation before it is used or unpickled; "
            "results of checkpoint and implicit cannot be pickled, detach() them"
        )
    return row


def row(
    name: str, doc: str, value: Callable[..., Any], partials: Callable[..., Any], **more: Any
) -> None:
    code, defaults = value.__code__, value.__defaults__ or ()
    names = code.co_varnames[1 : code.co_argcount]  # after m
    padded = [Missing] * (len(names) - len(defaults)) + [*defaults]
    made = Row(name, doc, value, partials, dict(zip(names, padded)), **more)
    TABLE[name] = made
    if not hasattr(floats, name):  # sigmoid and the like: floats compute them by the row
        setattr(floats, name, partial(value, floats))


def methods(apply: Callable[..., Any], names: str) -> Iterator[Callable[..., Any]]:
    """Rows as methods of the class of the first argument."""
    for name in names.split():

        def method(self: Any, *args: Any, _row: Row = TABLE[name], **named: Any) -> Any:
            args = (self, *args)
            full = _row.complete(args, **named) if named or len(args) != _row.arity else args
            return apply(_row, *full)

        method.__name__, method.__qualname__ = name, f"Value.{name}"  # so that it can be pickled
        method.__module__ = "autograd_lite.engine"
        method.__doc__ = TABLE[name].doc
        yield method


def flat(m: Any, y: Any) -> Any:
    """The slope of a piecewise constant function: 0, and nan where its value is nan."""
    return m.where(y == y, 0.0, m.nan)


def ahead(m: Any, a: Any, b: Any) -> Any:
    """1 where a > b, 0 where a < b, one half at a tie, nan where they do not compare."""
    return m.where(a > b, 1.0, m.where(a < b, 0.0, m.where(a == b, 0.5, m.nan)))


def decay(m: Any, a: Any) -> Any:
    """exp(-|a|), written so that each arm belongs to a smooth function of a."""
    return m.exp(m.where(a < 0.0, a, -a))


def gauss(m: Any, a: Any, c: float) -> Any:
    """exp(c*a*a) for c = -1 or -1/2; a*a is split in two, or its rounding would cost 1000 ulp."""
    high = m.round(a * 1024.0) * 0.0009765625
    split = m.exp(c * high * high) * m.exp(c * (a - high) * (a + high))
    return m.where(a * a > 4096.0, 0.0, split)
