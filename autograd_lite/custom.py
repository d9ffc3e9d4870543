"""Operations of the user's own: one row, and it works like the built-in ones.

>>> softsign = operation(
...     "softsign",
...     value=lambda m, x: m.div(x, 1.0 + m.abs(x)),
...     partials=lambda m, y, x: (m.div(1.0, m.square(1.0 + m.abs(x))),),
...     latex=r"\\operatorname{{softsign}}\\left({0}\\right)",
... )
>>> x = Value(-3.0)
>>> y = softsign(x)
>>> y.backward()
>>> y.data, x.grad, softsign(1.0)
(-0.75, 0.0625, 0.5)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from .engine import Value
from .functions import function
from .ieee import floats, number, shown, text
from .ops import ALIASES, CUSTOM, FLAT, REAL, Interval, Missing, OwnRow, redefined

__all__ = ["Value", "operation"]


def operation(
    name: str,
    value: Callable[..., Any],
    partials: Callable[..., Any],
    *,
    latex: str = "",
    doc: str = "",
    domain: Sequence[Interval] = (),
    samples: Sequence[Any] = (),
    kinks: str = "",
    complex_value: Callable[..., complex] | None = None,
) -> Callable[..., Any]:
    """A new operation: a function of floats, Values and NumPy arrays, drawn and differentiated.

    value     f(m, x_1, ..., x_n): the result, with the functions of the namespace m (m.exp, m.div,
              m.where, m.pow ...; floats, Values or arrays may flow through it)
    partials  f(m, y, x_1, ..., x_n): a tuple, the derivative of the result y by each argument;
              written with m, it can be differentiated again
    latex     a format string such as r"\\sqrt{{{0}}}"
    domain, samples, kinks   as in the table, for drawings, tests and documentation
    complex_value   f(z_1, ..., z_n) at Python's complex numbers, for check_grads; not needed where
              `value` is written with m throughout

    An argument may have a default. A function written ``f(m, *xs)`` takes any number of arguments.
    Defining a name again replaces it. Raises ValueError for a name of the table, TypeError for
    what is not a function; an application raises TypeError if a result is not a number or the
    partials are not as many as the arguments.
    """
    text(name, "name", "operation")
    if not name.isidentifier() or name in ALIASES or name in FLAT or hasattr(floats, name):
        raise ValueError(f"operation: name = {name!r} is taken or no identifier; choose another")
    given = {"value": value, "partials": partials, "complex_value": complex_value or value}
    for what, f in given.items():
        if not callable(f):
            raise TypeError(f"operation: {what} must be a function, not {shown(f)}")
    import inspect

    found = list(inspect.signature(value).parameters.values())[1:]  # after m
    if not found:
        raise TypeError(f"operation: value of {name} must take m and at least one argument")
    any_number = any(p.kind is p.VAR_POSITIONAL for p in found)
    row = OwnRow(
        name,
        doc or f"the operation {name}",
        _checked_value(name, value),
        _checked_partials(name, partials),
        {p.name: Missing if p.default is p.empty else p.default for p in found},
        arity=None if any_number else len(found),
        domain=tuple(domain) or (REAL,) * len(found),
        samples=tuple(samples),
        kinks=kinks,
        symbol=name,
        latex=latex,
        complex_value=complex_value,
    )
    redefined[0] += name in CUSTOM
    CUSTOM[name] = row
    return function(row)


def _checked_value(name: str, value: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(value)
    def checked(m: Any, *xs: Any) -> Any:
        y = value(m, *xs)
        return number(y, "the result of value", name) if m is floats else y

    return checked


def _checked_partials(name: str, partials: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(partials)
    def checked(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
        slopes = partials(m, y, *xs)
        if not isinstance(slopes, (tuple, list)) or len(slopes) != len(xs):
            raise TypeError(
                f"{name}: partials must return a tuple of {len(xs)}, one derivative by each "
                f"argument, not {shown(slopes)}"
            )
        if m is floats:
            return tuple(number(p, "a result of partials", name) for p in slopes)
        return tuple(slopes)

    return checked
