"""The point of a check: numbers in the arguments' own structure, as a flat list with names."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value
from ..ieee import number, shown, terms
from ..structure import Structure
from ..text import unicode


class Arguments:
    """The arguments of a function, taken apart into numbers and put together again.

    names   of each number: a Value's label, else the parameter of f, with indices: ``w[0]``
    labels  the labels of Values, empty for plain numbers
    point   the numbers

    >>> found = Arguments(lambda x, w: None, [1.0, [2.0, 3.0]])
    >>> found.names, found.point, found.built([4.0, 5.0, 6.0])
    (['x', 'w[0]', 'w[1]'], [1.0, 2.0, 3.0], [4.0, [5.0, 6.0]])
    """

    def __init__(self, f: Callable[..., Any], at: Any) -> None:
        self.at = terms(at, "at", "check_grads")
        self.parts = [Structure(x, f"at[{i}]", "check_grads") for i, x in enumerate(self.at)]
        found = [x for part in self.parts for x in part.numbers]
        paths = [
            name + path.removeprefix(part.name)
            for name, part in zip(_parameters(f, len(self.at)), self.parts)
            for path in part.paths
        ]
        self.labels = [x.label if isinstance(x, Value) else "" for x in found]
        self.names = [unicode(label) or path for label, path in zip(self.labels, paths)]
        self.point = [x.data if isinstance(x, Value) else x for x in found]

    def built(self, numbers: Sequence[Any]) -> list[Any]:
        """Other numbers, or Values, in the structure of the arguments."""
        rest = iter(numbers)
        return [part.built([*itertools.islice(rest, len(part.numbers))]) for part in self.parts]


def _parameters(f: Callable[..., Any], n: int) -> list[str]:
    """A name for each argument: that of f's parameter if each has one, else x1, x2 ..."""
    import inspect

    try:
        found = [
            p.name
            for p in inspect.signature(f).parameters.values()
            if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
    except (TypeError, ValueError):  # a function of C without a signature
        found = []
    return found[:n] if len(found) >= n else [f"x{i + 1}" for i in range(n)]


def numbers(x: Any, name: str) -> list[float]:
    """The numbers of a gradient in whatever structure it comes: lists, arrays, tensors."""
    if isinstance(x, (list, tuple)):
        return [n for i, item in enumerate(x) for n in numbers(item, f"{name}[{i}]")]
    if hasattr(x, "tolist"):
        return numbers(x.tolist(), name)
    if isinstance(x, Value):
        return [x.data]
    return [number(x, name, "check_grads")]


def single(y: Any, name: str) -> float:
    """A result as one number."""
    found = numbers(y, name)
    if len(found) != 1:
        raise TypeError(f"check_grads: {name} must be one number, not {len(found)}: {shown(y)}")
    return found[0]
