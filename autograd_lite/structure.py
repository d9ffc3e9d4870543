"""Structured arguments: numbers in lists, tuples, dicts, dataclasses and arrays, taken apart.

A structure is a number or a Value, a NumPy array of them, or a list, tuple, named tuple, dict or
dataclass of structures. Its blocks are its arrays and its single numbers.

>>> found = Structure({"w": [1.0, 2.0], "b": 3}, "x", "grad")
>>> found.paths, found.numbers
(["x['w'][0]", "x['w'][1]", "x['b']"], [1.0, 2.0, 3.0])
>>> found.built([10.0, 20.0, 30.0])
{'w': [10.0, 20.0], 'b': 30.0}
"""

from __future__ import annotations

import copy
import functools
import itertools
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from .engine import Value
from .ieee import number

Shape = tuple[int, ...]


class Structure:
    """What an argument, or a result, consists of.

    numbers   its floats and Values, in order
    paths     how each of them is written: ``x['w'][0]``
    blocks    of each array and single number: where it lies in numbers, and its shape (None for a
              single number)
    """

    def __init__(
        self,
        whole: Any,
        name: str,
        function: str,
        way_out: str = "",
        places: Sequence[int] | None = None,  # those of its items in what is called `name`
    ) -> None:
        self.whole, self.name, self.function, self.way_out = whole, name, function, way_out
        self.places = places
        self.numbers: list[Any] = []
        self.blocks: list[tuple[slice, Shape | None]] = []
        try:
            self._take(whole)
        except RecursionError:
            raise TypeError(
                f"{function}: {name} is nested too deeply, or contains itself"
            ) from None

    def _take(self, x: Any) -> None:
        parts = _parts(x)
        if parts is not None:
            for item in parts[2]:
                self._take(item)
            return
        if is_array(x) and hasattr(x, "mask"):
            raise TypeError(
                f"{self.function}: the mask of the masked array in {self.name} would be lost; "
                "give .compressed() or .filled(0.0)"
            )
        start, shape = len(self.numbers), x.shape if is_array(x) else None
        for item in [x] if shape is None else _elements(x):
            plain = item.__class__ is not Value and item.__class__ is not float
            self.numbers.append(self._number(item) if plain else item)
        self.blocks.append((slice(start, len(self.numbers)), shape))

    def _number(self, x: Any) -> float:
        try:
            return number(x, "", self.function)
        except (TypeError, OverflowError, ValueError):
            path = next(itertools.islice(self._paths(), len(self.numbers), None))
        try:
            return number(x, path, self.function)  # again, now that the path is worth finding
        except TypeError as error:
            what, _, way_out = str(error).rpartition("; ")
            raise TypeError(f"{what}; {self.way_out or way_out}") from None

    @property
    def paths(self) -> list[str]:
        return [*self._paths()]

    def _paths(self) -> Iterator[str]:
        if self.places is None:
            return _paths(self.whole, self.name)
        items = zip(self.places, self.whole)
        return itertools.chain.from_iterable(_paths(x, f"{self.name}[{i}]") for i, x in items)

    @property
    def is_single(self) -> bool:
        """Whether it is one number, or an array without dimensions."""
        return _parts(self.whole) is None and self.blocks[0][1] in (None, ())

    @functools.cached_property
    def _is_flat(self) -> bool:
        """Whether it is a plain list of numbers, the usual case."""
        whole = self.whole
        return whole.__class__ is list and all(x.__class__ in (float, Value) for x in whole)

    def built(self, numbers: Sequence[Any]) -> Any:
        """Other numbers, or Values, in this structure."""
        return self.filled([_block(numbers[place], shape) for place, shape in self.blocks])

    def argument(self, numbers: Sequence[Any]) -> Any:
        """The same as an argument: what a dataclass computes in __post_init__ is computed again."""
        blocks = [_block(numbers[place], shape) for place, shape in self.blocks]
        return refilled(self.whole, iter(blocks), alive=True)

    def keep(self) -> None:
        """Stay as it is when the caller changes the lists and dicts that it was made of."""
        self.whole = refilled(self.whole, leaves(self.whole))

    def filled(self, blocks: Iterable[Any]) -> Any:
        """Other things, one for each block, in this structure."""
        if self._is_flat:
            return [*blocks]
        return refilled(self.whole, iter(blocks))

    def table(self, columns: Structure, matrix: Sequence[Sequence[Any]]) -> Any:
        """A matrix in the structure of this and `columns`, as a derivative of this by those: in
        each block of this stands the structure of `columns`, in each block of that a block of the
        matrix, an array if one of the two is."""
        if all(shape is None for _, shape in (*self.blocks, *columns.blocks)):
            return self.filled(columns.filled(row) for row in matrix)  # the same, faster
        return self.filled(
            columns.filled(
                _block([x for row in matrix[rows] for x in row[cols]], _product(high, wide))
                for cols, wide in columns.blocks
            )
            for rows, high in self.blocks
        )

    def matching(self, other: Any, name: str) -> Structure:
        """The structure of `other`, which must be like this one; ValueError otherwise. The order of
        the keys of a dict does not matter."""
        found = Structure(other, name, self.function)
        if is_array(other) and is_array(self.whole) and found.blocks == self.blocks:
            return found
        mine, theirs = [*_paths(self.whole, "")], [*_paths(other, "")]
        if mine != theirs:
            at = dict(zip(theirs, found.numbers))
            if at.keys() != {*mine}:
                pairs = itertools.zip_longest(mine, theirs)
                expected, got = next((a, b) for a, b in pairs if a != b)
                raise ValueError(
                    f"{self.function}: {name} must have the structure of {self.name}: "
                    f"{_named(self.name, expected)} there, {_named(name, got)} here"
                )
            found.numbers = [at[path] for path in mine]
        return found


def _named(name: str, path: str | None) -> str:
    return "nothing more" if path is None else f"{name}{path}" if path else "one number"


def is_array(x: Any) -> bool:
    numpy = sys.modules.get("numpy")  # whoever has an array has imported NumPy
    return numpy is not None and isinstance(x, numpy.ndarray)


def has_value(x: Any) -> bool:
    """Whether a Value is in it, as far as structures go."""
    try:
        return any(map(_has_value, leaves(x)))
    except RecursionError:  # what contains itself is none
        return False


def _has_value(x: Any) -> bool:
    if is_array(x):
        return x.dtype == object and any(map(has_value, _elements(x)))
    return x.__class__ is Value


def detached(x: Any) -> Any:
    """The same with plain numbers instead of Values, as far as structures go."""
    return refilled(x, map(_detached, leaves(x))) if has_value(x) else x


def _detached(x: Any) -> Any:
    if not is_array(x):
        return x.data if isinstance(x, Value) else x
    if not _has_value(x):
        return x
    found = [detached(item) for item in _elements(x)]
    return _block(found, x.shape, float if {*map(type, found)} == {float} else object)


def _elements(x: Any) -> list[Any]:
    """Of an array, in order; numbers as Python's."""
    import numpy as np

    flat = np.asarray(x).ravel()
    return [*flat] if flat.dtype.kind in "mM" else flat.tolist()  # times are no numbers


def leaves(x: Any) -> Iterator[Any]:
    parts = _parts(x)
    if parts is None:
        yield x
    else:
        for item in parts[2]:
            yield from leaves(item)


def _parts(x: Any) -> tuple[str, Iterable[Any], Iterable[Any]] | None:
    """How a step into a structure is written, the steps, and what is there; None for a block."""
    if x.__class__ is float or x.__class__ is Value:  # mostly
        return None
    if isinstance(x, dict):
        return "[{!r}]", x.keys(), x.values()
    if isinstance(x, tuple) and hasattr(x, "_fields"):
        return ".{}", x._fields, x
    if isinstance(x, (list, tuple)):
        return "[{}]", range(len(x)), x
    if hasattr(x, "__dataclass_fields__") and not isinstance(x, type):
        import dataclasses  # whoever has one has it imported

        names = [field.name for field in dataclasses.fields(x)]
        return ".{}", names, [getattr(x, name) for name in names]
    return None


def _paths(x: Any, path: str) -> Iterator[str]:
    parts = _parts(x)
    if parts is not None:
        template, steps, items = parts
        for step, item in zip(steps, items):
            yield from _paths(item, path + template.format(step))
    elif is_array(x):
        for at in itertools.product(*map(range, x.shape)):
            yield path + "".join(f"[{i}]" for i in at)
    else:
        yield path


def refilled(x: Any, blocks: Iterator[Any], alive: bool = False) -> Any:
    if x.__class__ is float or x.__class__ is Value:  # mostly
        return next(blocks)
    parts = _parts(x)
    if parts is None:
        return next(blocks)
    _, steps, olds = parts
    items = [refilled(old, blocks, alive) for old in olds]
    if x.__class__ is list or x.__class__ is tuple:
        return type(x)(items)
    if isinstance(x, tuple):
        return x._make(items) if hasattr(x, "_make") else type(x)(items)
    new = copy.copy(x)
    for name in [*getattr(new, "__dict__", ())]:
        if isinstance(getattr(type(x), name, None), functools.cached_property):
            del new.__dict__[name]  # found from the old numbers
    if isinstance(x, list):
        new[:] = items
    elif isinstance(x, dict):
        for key, item in zip(steps, items):
            new[key] = item
    else:
        for name, item in zip(steps, items):
            object.__setattr__(new, str(name), item)  # frozen or not
        more = getattr(new, "__dict__", {}).keys() - {*steps}
        if alive and more and makes_more(x):
            new.__post_init__()  # of the new numbers
    return new


def makes_more(x: Any) -> bool:
    """Whether the __post_init__ of a dataclass makes x of its fields, as it is; one that converts a
    field would do so twice, and what was set later would be lost."""
    again = copy.copy(x)
    try:
        again.__post_init__()
        return bool(vars(again) == vars(x))
    except Exception:  # there is none, it needs more, or an array does not compare
        return False


def _block(numbers: Sequence[Any], shape: Shape | None, kind: Any = float) -> Any:
    if shape is None:
        return numbers[0]
    import numpy as np

    if any(x.__class__ is Value for x in numbers):
        kind = object
    made = np.empty(len(numbers), dtype=kind)
    made[:] = numbers
    return made.reshape(shape)


def _product(a: Shape | None, b: Shape | None) -> Shape | None:
    return None if a is None and b is None else (a or ()) + (b or ())


def as_array(x: Any) -> Any:
    """A list or tuple of numbers, or of such lists of one length, as an array; else x itself."""
    import numpy as np

    shape = _shape(x)
    if not isinstance(x, (list, tuple)) or shape is None or math.prod(shape) == 0:
        return x
    made = np.empty(math.prod(shape), dtype=object)
    made[:] = Structure(x, "", "").numbers
    return made.reshape(shape)


def _shape(x: Any) -> Shape | None:
    """The shape of a nested list as an array, None if it has none."""
    if not isinstance(x, (list, tuple)) or hasattr(x, "_fields"):
        return () if _parts(x) is None and not is_array(x) else None
    shapes = {_shape(item) for item in x}
    if len(shapes) != 1 or None in shapes:
        return None
    return (len(x), *next(iter(shapes)))  # type: ignore[misc]
