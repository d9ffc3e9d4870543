"""Columns of mean 0 and standard deviation 1."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ..ieee import fsum, shown
from .sets import DataError, matrix


class Standardiser(NamedTuple):
    """x -> (x - mean) / scale for each column, and back.

    means, scales   one number for each column; see Standardiser.fit

    Rows are lists of numbers; a flat list of numbers is one column and stays flat.

    >>> scaler = Standardiser.fit([10.0, 20.0, 30.0])
    >>> scaler.inverse(scaler.transform([20.0, 40.0]))
    [20.0, 40.0]
    """

    means: list[float]
    scales: list[float]

    @classmethod
    def fit(cls, rows: Sequence[Any]) -> Standardiser:
        """Mean and standard deviation (of the population, as in scikit-learn) of each column.

        A constant column gets the scale 1. Raises DataError for no rows, rows of different
        lengths, or numbers that are not finite or too large.

        >>> Standardiser.fit([[1.0, 5.0], [3.0, 5.0]])
        Standardiser(means=[2.0, 5.0], scales=[1.0, 1.0])
        """
        table, _ = matrix("Standardiser.fit", rows)
        means, scales = [], []
        for j, column in enumerate(zip(*table, strict=True)):
            mean = fsum(column) / len(column)
            scale = math.hypot(*(x - mean for x in column)) / math.sqrt(len(column))
            if not math.isfinite(mean) or not math.isfinite(scale):
                raise DataError(
                    f"Standardiser.fit: column {j} has numbers that are not finite or too large; "
                    "leave these rows out, or scale them"
                )
            constant = scale <= 1e-15 * abs(mean)  # up to rounding
            means.append(column[0] if constant else mean)
            scales.append(1.0 if constant else scale)
        if not means:
            raise DataError("Standardiser.fit: no numbers; give at least one row of them")
        return cls(means, scales)

    def transform(self, rows: Sequence[Any]) -> list[Any]:
        """(x - mean) / scale of every number."""
        return self._each("Standardiser.transform", rows, lambda x, m, s: (x - m) / s)

    def inverse(self, rows: Sequence[Any]) -> list[Any]:
        """x scale + mean of every number: predictions in the unit of the targets."""
        return self._each("Standardiser.inverse", rows, lambda x, m, s: x * s + m)

    def _each(
        self, function: str, rows: Sequence[Any], f: Callable[[float, float, float], float]
    ) -> list[Any]:
        table, flat = matrix(function, rows, len(self.means))
        out = [[f(*xms) for xms in zip(row, *self, strict=True)] for row in table]
        return [row[0] for row in out] if flat else out

    def state(self) -> dict[str, list[float]]:
        """What JSON can hold and from_state takes."""
        return {"means": [*self.means], "scales": [*self.scales]}

    @classmethod
    def from_state(cls, state: Any) -> Standardiser:
        """The Standardiser whose state() it is. Raises DataError for anything else."""
        try:
            columns = [state["means"], state["scales"]]
            (means, scales), _ = matrix("state", columns)
            good = len(state) == 2 and all(isinstance(column, list) for column in columns)
            good = good and all(map(math.isfinite, means + scales)) and min(scales) > 0.0
        except (TypeError, KeyError, ValueError, OverflowError):
            good = False
        if not good:
            raise bad_state("Standardiser", state)
        return cls(means, scales)


def bad_state(name: str, state: Any) -> DataError:
    return DataError(
        f"{name}.from_state: {shown(state)} is no such state; give what {name}.state() returned"
    )
