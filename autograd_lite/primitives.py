"""What the compiled engine does in C, in Python: a handful of functions that engine.pxd replaces.

Both builds run engine.py. It takes from here the functions of a number that C has as well, and what
a loop over plain numbers does better: reading the arguments of a node of any number of them, their
scalar product, handing a gradient on to each. A test compares the two, bit by bit.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from operator import mul
from typing import Any

from .ieee import floats, fsum, number
from .ops import Row

exp, log, sqrt, div, power = floats.exp, floats.log, floats.sqrt, floats.div, floats.pow
tanh = math.tanh
_compiled = False
new = object.__new__

# What a walk has met: a set; in C the number of the walk, which is written into the nodes
seen: Any = set
met, meet, known = set.__contains__, set.add, set.issuperset


def no_gc(cls: Any) -> Any:
    return cls


def read(row: Row, args: Any, value: Callable[[list[float]], float]) -> tuple[Any, Any, float]:
    """The arguments of a node, every plain number a float; their numbers; and `value` of these."""
    try:
        data = [v._num for v in args]  # all are Values: the usual case
        return args, data, value(data)
    except (AttributeError, TypeError):
        args = tuple([x if getattr(x, "_num", None).__class__ is float
                      else number(x, row.argument(i), row.name)
                      for i, x in enumerate(args)])  # fmt: skip
        data = [getattr(x, "_num", x) for x in args]
        return args, data, value(data)


def product(row: Row, ws: Any, xs: Any, bias: Any) -> tuple[Any, float, Sequence[float]]:
    """The arguments w_1 ... w_n, x_1 ... x_n and perhaps a bias, their value and its slopes."""
    n = len(ws)

    def value(data: list[float]) -> float:
        return fsum([*data[2 * n :], *map(mul, data[:n], data[n : 2 * n])])

    args, data, z = read(row, (*ws, *xs) if bias is None else (*ws, *xs, bias), value)
    w, x = data[:n], data[n : 2 * n]
    return args, z, (*x, *w) if bias is None else (*x, *w, 1.0)


def total(row: Row, xs: Any) -> tuple[Any, float, Sequence[float]]:
    """The same of a sum."""
    args, _, y = read(row, tuple(xs), fsum)
    return args, y, (1.0,) * len(args)


def packed(slopes: Sequence[float]) -> Any:
    """The slopes of a node of any number of arguments, as the node keeps them."""
    return tuple(slopes)


def unpacked(slopes: Any) -> tuple[float, ...]:
    return slopes  # type: ignore[no-any-return]


def spread(g: float, args: tuple[Any, ...], slopes: Any) -> None:
    """Adds to the grad of each argument its part of the gradient g."""
    for a, p in zip(args, slopes):
        if a.__class__ is not float:
            a._grad += g * p


def push(stack: list[Any], seen: set[Any], args: tuple[Any, ...]) -> None:
    """The inputs of a node of any number, as far as not met, to the stack of a walk."""
    for a in reversed(args):
        if a.__class__ is not float and a not in seen:
            stack.append(a)
            stack.append(None)


def packed_data(values: list[Any]) -> bytes:
    """The numbers of many Values, whatever modes are active, as the bytes of doubles."""
    return array("d", [v._num for v in values]).tobytes()


def set_grads(values: list[Any], grads: bytes) -> None:
    """Sets the grad of each Value, from the bytes of as many doubles."""
    if len(grads) != 8 * len(values):
        raise ValueError("set_grads: not one for each")
    for v, g in zip(values, memoryview(grads).cast("d").tolist()):
        v._grad = g


def settle(cls: Any) -> tuple[Any, ...]:
    """What has to be done once for the class of nodes: nothing, Python can free and collect it."""
    return (cls,)
