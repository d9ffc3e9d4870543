"""What a compiled function returns: its outputs, put into the structures of result and argument.

>>> from autograd_lite.structure import Structure
>>> x = Structure({"a": 1.0, "b": [2.0, 3.0]}, "x", "f")
>>> Results("value_and_grad", Structure(0.0, "y", "f"), x).of([7.0, 1.0, 2.0, 3.0])
(7.0, {'a': 1.0, 'b': [2.0, 3.0]})
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ..structure import Shape, Structure, as_array

Leaf = tuple[Any, Shape | None]  # the outputs of a block: a slice or a list; its shape
Part = tuple[list[Leaf], Callable[[Iterator[Any]], Any]]

PROGRAMS = {  # of each kind of result, the kind of program that gives it, and the parts of that
    "value": ("value", ("value",)),
    "grad": ("value_and_grad", ("grad",)),
    "value_and_grad": ("value_and_grad", ("value", "grad")),
    "jacobian": ("jacobian", ("jacobian",)),
    "hessian": ("value_grad_hessian", ("hessian",)),
    "value_grad_hessian": ("value_grad_hessian", ("value", "grad", "hessian")),
    "hvp": ("hvp", ("grad",)),
}


class Results:
    """Of one kind, for one structure of the result and one of the argument."""

    def __init__(self, kind: str, result: Structure, argument: Structure) -> None:
        self.kind, self.result, self.argument = kind, result, argument
        self.parts: list[Part] = [getattr(self, f"_{part}")() for part in PROGRAMS[kind][1]]
        leaves = [leaf for leaves, _ in self.parts for leaf in leaves]
        self.has_arrays = any(shape is not None for _, shape in leaves)

    def _value(self) -> Part:
        return [*self.result.blocks], self.result.filled

    def _grad(self) -> Part:
        start = len(self.result.numbers)
        found: list[Leaf] = [
            (slice(start + place.start, start + place.stop), shape)
            for place, shape in self.argument.blocks
        ]
        return found, self.argument.filled

    def _jacobian(self) -> Part:
        rows, columns = self.result, self.argument
        if any(shape is not None for _, shape in columns.blocks):
            rows = Structure(as_array(rows.whole), "", "")  # a list counts as an array then
        start, n = len(rows.numbers), len(columns.numbers)
        return self._table(rows, lambda i, j: start + i * n + j)

    def _hessian(self) -> Part:
        start = 1 + len(self.argument.numbers)

        def at(i: int, j: int) -> int:
            i, j = max(i, j), min(i, j)
            return start + i * (i + 1) // 2 + j

        return self._table(self.argument, at)

    def _table(self, rows: Structure, at: Callable[[int, int], int]) -> Part:
        columns = self.argument
        leaves: list[Leaf] = []
        for high, tall in rows.blocks:
            for across, wide in columns.blocks:
                shape = None if tall is None and wide is None else (tall or ()) + (wide or ())
                inside = [(i, j) for i in range(*high.indices(1 << 62))
                          for j in range(*across.indices(1 << 62))]  # fmt: skip
                leaves.append(([at(i, j) for i, j in inside], shape))

        def fill(blocks: Iterator[Any]) -> Any:
            return rows.filled(
                [columns.filled([next(blocks) for _ in columns.blocks]) for _ in rows.blocks]
            )

        return leaves, fill

    def flat(self, found: Any) -> list[float]:
        """The opposite of `of`: the outputs that give this result, 0 for those it does not show."""
        parts = [found] if len(self.parts) == 1 else [*found]
        flat = {0: 0.0}
        for (leaves, _), part in zip(self.parts, parts):
            numbers = iter(Structure(part, "", "").numbers)
            for place, _ in leaves:
                at = range(*place.indices(1 << 62)) if isinstance(place, slice) else place
                flat.update(zip(at, numbers))
        return [flat.get(i, 0.0) for i in range(max(flat) + 1)]

    def of(self, outputs: Any) -> Any:
        """The result of one call, of which these are the outputs."""
        if self.has_arrays:
            import numpy as np

            outputs = np.array(outputs)
        return self._made(outputs, _block)

    def of_rows(self, outputs: Any, n: int) -> Any:
        """The results of a batch of n rows: in place of each number a column."""

        def block(_: Any, leaf: Leaf) -> Any:
            place, shape = leaf
            if shape is None:
                return outputs[place.start if isinstance(place, slice) else place[0]]
            return outputs[place].T.reshape((n, *shape))

        return self._made(outputs, block)

    def _made(self, outputs: Any, block: Callable[[Any, Leaf], Any]) -> Any:
        found = []
        for leaves, fill in self.parts:
            found.append(fill(iter([block(outputs, leaf) for leaf in leaves])))
        return found[0] if len(found) == 1 else tuple(found)


def _block(outputs: Any, leaf: Leaf) -> Any:
    place, shape = leaf
    if shape is None:
        return float(outputs[place.start if isinstance(place, slice) else place[0]])
    return outputs[place].reshape(shape)
