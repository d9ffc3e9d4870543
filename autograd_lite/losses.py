"""Losses: how far predictions are from targets, as one Value.

>>> loss = mse([Value(0.8), Value(0.6)], [0.5, 0.6])
>>> print(f"{loss:.3f}")
0.045
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .engine import Value, sum
from .ieee import shown

__all__ = ["Value", "mse"]


def mse(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """The mean (or the sum) of the squared errors (ŷ_k - y_k)².

    predictions, targets   as many numbers or Values each, in two iterables; or one of each
    reduction              "mean": (1/K) sum_k (ŷ_k - y_k)², eq. (5), (6) of the note on the 2-2-1
                           net; "sum": the same without 1/K, as the note on the 1-1-1 net has it

    Raises ValueError for different lengths, none at all, or another reduction.

    >>> mse(Value(3.0), 1.0).data, mse([3.0, 2.0], [1.0, 1.0], reduction="sum")
    (4.0, 5.0)
    """
    if reduction not in ("mean", "sum"):
        raise ValueError(f"mse: reduction = {shown(reduction)}; use 'mean' or 'sum'")
    ps, ys = _list(predictions), _list(targets)
    if len(ps) != len(ys) or not ps:
        raise ValueError(
            f"mse: {len(ps)} predictions for {len(ys)} targets; give as many of each, at least one"
        )
    squares = [(p - y) ** 2 for p, y in zip(ps, ys, strict=True)]
    total = squares[0] if len(squares) == 1 else sum(squares)
    return total / len(squares) if reduction == "mean" and len(squares) > 1 else total


def _list(xs: Any) -> list[Any]:
    if isinstance(xs, Iterable) and not isinstance(xs, str):
        return list(xs)
    return [xs]
