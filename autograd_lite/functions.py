"""Functions of floats, Values and NumPy arrays, one for each row of the table.

A float (or anything that counts as a number) gives a float, a Value gives a Value, a NumPy array
of numbers gives an array, and an array of Values an array of Values. The functions of any number
of terms take one iterable.

>>> exp(0.0), sigmoid(Value(0.0)).data
(1.0, 0.5)
>>> mean([Value(1.0), 2.0, 6.0]).data
3.0
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, partial
from types import SimpleNamespace
from typing import Any

from .engine import Value, apply
from .engine import dot as dot
from .engine import sum as sum
from .ieee import arrays, floats, number, shown, terms
from .modes import active, tracing
from .ops import FLAT, TABLE, Missing, Row
from .text import plain

# The namespace for rows over Values: derivatives that are graphs, hence higher derivatives
values = SimpleNamespace(nan=math.nan, **{name: partial(apply, TABLE[name]) for name in TABLE})


def _of_plain_numbers(name: str) -> Callable[..., Any]:
    plain = getattr(floats, name)

    def f(*xs: Any) -> Any:
        if active and tracing():
            return apply(FLAT[name], *xs)
        return plain(*[x._num if isinstance(x, Value) else x for x in xs])

    return f


values.detach = lambda x: x.detach() if isinstance(x, Value) else x
values.shift, values.size = _of_plain_numbers("shift"), _of_plain_numbers("size")


def _is_array(x: Any) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has an array has imported NumPy
    return numpy is not None and isinstance(x, numpy.ndarray)


@cache
def _arrays() -> SimpleNamespace:
    """The namespace for rows over arrays, with the rows that NumPy lacks."""
    namespace = arrays()
    for row in TABLE.values():
        if not hasattr(namespace, row.name):
            setattr(namespace, row.name, partial(row.value, namespace))
    return namespace


def _over_arrays(row: Row, args: Sequence[Any]) -> Any:
    import numpy as np

    kinds = {np.asarray(x).dtype.kind for x in args}
    if "O" in kinds:
        with np.errstate(all="ignore"):  # NumPy reports what plain floats did inside
            return np.frompyfunc(partial(apply, row), len(args), 1)(*args)
    if not kinds <= set("fiub"):
        raise TypeError(
            f"{row.name}: an array must hold real numbers or Values, not {shown(args[0])}"
        )
    with np.errstate(all="ignore"):
        floating = [np.asarray(x, dtype=float) for x in args]
        return np.asarray(row.value(_arrays(), *floating), dtype=float)


def _described(row: Row) -> str:
    """The docstring of a row's function: arguments, slopes, kinks, an example."""
    arguments = [n if d is Missing else f"{n}={d}" for n, d in row.defaults.items()]
    text = f"{row.name}({', '.join(arguments) if row.arity else '*xs'}): {row.doc}."
    if TABLE.get(row.name) is row and row.arity:
        slopes = (row.textbook or row.partials)(
            plain, plain.symbol("y"), *map(plain.symbol, row.defaults)
        )
        text += "\n\n    Derivative by each argument, y being the result: "
        text += ", ".join(map(str, slopes)) + "."
    if row.kinks:
        text += f"\n    Where there is none: {row.kinks}."
    if TABLE.get(row.name) is row and row.arity:
        first, *rest = next(row.points())
        text += (
            f"\n\n    >>> from autograd_lite import Value, {row.name}"
            f"\n    >>> {row.name}({', '.join([f'Value({first})', *map(str, rest)])}).op"
            f"\n    <row {row.name}>\n"
        )
    return text


def function(row: Row) -> Callable[..., Any]:
    """The function of a row: for floats, Values and arrays, with the row's defaults."""

    method = getattr(Value, row.name, None) if row.arity == 1 else None

    def f(*args: Any, **named: Any) -> Any:
        if method and len(args) == 1 and args[0].__class__ is Value and not named:
            return method(args[0])  # the same, several times faster
        full = row.complete(args, **named)
        for x in full:
            if _is_array(x):
                return _over_arrays(row, full)
        return apply(row, *full)

    f.__name__ = f.__qualname__ = row.name
    f.__module__ = __name__
    f.__doc__ = _described(row)
    return f


def _terms(name: str, xs: Any) -> list[Any]:
    """At least one term, each a Value or a float."""
    found = terms(xs, "xs", name)
    if not found:
        raise ValueError(f"{name}: xs is empty; give at least one term")
    return [x if isinstance(x, Value) else number(x, f"xs[{i}]", name)
            for i, x in enumerate(found)]  # fmt: skip


def prod(xs: Iterable[Any]) -> Any:
    """The product of any number of factors, one node; no division, so a factor may be 0.

    >>> prod([Value(2.0), 3.0, 4.0]).data
    24.0
    """
    return apply(TABLE["prod"], *_terms("prod", xs))


def mean(xs: Iterable[Any]) -> Any:
    """The arithmetic mean, sum(xs) / n.

    >>> mean([1.0, 2.0, 6.0])
    3.0
    """
    found = _terms("mean", xs)
    return sum(found) / len(found)


def logsumexp(xs: Iterable[Any]) -> Any:
    """log(exp(x_1) + ... + exp(x_n)), stable for every float, one node.

    >>> logsumexp([0.0, -1000.0, Value(-1000.0)]).data
    0.0
    """
    return apply(TABLE["logsumexp"], *_terms("logsumexp", xs))


def softmax(xs: Iterable[Any]) -> list[Any]:
    """exp(x_i) / (exp(x_1) + ... + exp(x_n)) for each i, stable for every float.

    The largest term, taken as a plain number, is subtracted first: the result is the same and
    keeps its digits.

    >>> [p.data for p in softmax([Value(0.0), 0.0])]
    [0.5, 0.5]
    """
    found = _terms("softmax", xs)
    largest = values.shift(*found)
    shifted = [x - largest for x in found]
    total = logsumexp(shifted)
    return [apply(TABLE["exp"], x - total) for x in shifted]


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition is true, else b; the arm that is not taken passes on nothing.

    >>> x = Value(4.0)
    >>> where(x > 0, x.sqrt(), 0.0).data
    2.0
    """
    if _is_array(condition) or _is_array(a) or _is_array(b):
        return _over_arrays(TABLE["where"], [condition, a, b])
    node = getattr(condition, "node", None)  # of a comparison that is being traced
    if node is None and isinstance(condition, Value) and active and tracing():
        node = condition.data
    if node is None:
        if condition.__class__ is int and condition in (-1, -2):
            raise TypeError(f"where: condition = {condition}, as ~ makes it of a bool; use not")
        known = isinstance(condition, (bool, Value))
        node = float(bool(condition if known else number(condition, "condition", "where")))
    return apply(TABLE["where"], node, a, b)


values.where = where  # it knows conditions


def _functions(names: str) -> Iterator[Callable[..., Any]]:
    return (function(TABLE[name]) for name in names.split())


# One for each other row; a test compares with the table
# fmt: off
add, sub, mul, div, neg, pow, mod, floordiv = _functions("add sub mul div neg pow mod floordiv")
abs, sign, floor, ceil, round, trunc, maximum, minimum, clip = _functions(
    "abs sign floor ceil round trunc maximum minimum clip")
exp, exp2, expm1, log, log2, log10, log1p = _functions("exp exp2 expm1 log log2 log10 log1p")
sqrt, cbrt, square, reciprocal, hypot = _functions("sqrt cbrt square reciprocal hypot")
sin, cos, tan, arcsin, arccos, arctan, arctan2 = _functions(
    "sin cos tan arcsin arccos arctan arctan2")
sinh, cosh, tanh, arcsinh, arccosh, arctanh = _functions(
    "sinh cosh tanh arcsinh arccosh arctanh")
sigmoid, softplus, relu, leaky_relu, elu, gelu, silu = _functions(
    "sigmoid softplus relu leaky_relu elu gelu silu")
erf, erfc, ndtr = _functions("erf erfc ndtr")

asin, acos, atan, atan2, asinh, acosh, atanh = (
    arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh)
absolute, fabs, rint, clamp, swish = abs, abs, round, clip, silu
