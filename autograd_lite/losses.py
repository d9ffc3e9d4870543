"""Losses: how far predictions are from targets, as one Value.

Predictions and targets are one of each, or as many of each in two iterables (lists, generators,
NumPy arrays), or rows of outputs in them. "mean" divides by the number of all, "sum" does not.

>>> loss = mse([Value(0.8), Value(0.6)], [0.5, 0.6])
>>> print(f"{loss:.3f}")
0.045
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .engine import Value, apply, kinds, sum
from .functions import logsumexp, relu, softplus
from .ieee import floats, number, shown, terms
from .ops import TABLE

__all__ = [
    "Value", "binary_cross_entropy", "binary_cross_entropy_with_logits", "cross_entropy", "hinge",
    "l2_penalty", "mae", "mse",
]  # fmt: skip

BCE, L2 = TABLE["binary_cross_entropy"], TABLE["l2_penalty"]


def mse(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """The mean (or the sum) of the squared errors (ŷ_k - y_k)².

    predictions, targets   as many numbers or Values each, in two iterables; or one of each
    reduction              "mean": (1/K) sum_k (ŷ_k - y_k)², eq. (5), (6) of the note on the 2-2-1
                           net; "sum": the same without 1/K, as the note on the 1-1-1 net has it

    Raises ValueError for different lengths, none at all, or another reduction; TypeError for what
    is not a number or a Value.

    >>> mse(Value(3.0), 1.0).data, mse([3.0, 2.0], [1.0, 1.0], reduction="sum")
    (4.0, 5.0)
    """
    pairs = _pairs("mse", predictions, targets)
    return _reduced("mse", [_square(p - y) for p, y in pairs], reduction)


def _square(error: Any) -> Any:
    return error**2 if isinstance(error, Value) else floats.pow(error, 2.0)  # inf, no exception


def mae(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """The mean (or the sum) of the absolute errors |ŷ_k - y_k|; slope 0 where one is 0.

    predictions, targets, reduction   as in mse, and its errors

    >>> mae([Value(3.0), 2.0], [1.0, 3.0]).data
    1.5
    """
    pairs = _pairs("mae", predictions, targets)
    return _reduced("mae", [abs(p - y) for p, y in pairs], reduction)


def hinge(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """The max-margin loss, the mean (or the sum) of max(0, 1 - y_k s_k); slope 0 at the margin.

    predictions   scores s_k, positive for one class and negative for the other
    targets       y_k = 1 or -1; reduction as in mse

    Raises ValueError for another target, and as mse does. Source: Cortes and Vapnik,
    Support-vector networks, Machine Learning 20 (1995).

    >>> hinge([Value(0.25), Value(-3.0)], [1, -1]).data
    0.375
    """
    pairs = _pairs("hinge", predictions, targets)
    for _, y in pairs:
        _require(y == 1.0 or y == -1.0, "hinge", "targets", y, "give 1 or -1 for each")
    return _reduced("hinge", [relu(1.0 - y * s) for s, y in pairs], reduction)


def binary_cross_entropy(predictions: Any, targets: Any, reduction: str = "mean") -> Any:
    """The mean (or the sum) of -y_k log(p_k) - (1 - y_k) log(1 - p_k), each log at least -100.

    predictions   probabilities p_k from 0 to 1, such as a sigmoid gives
    targets       y_k from 0 to 1; reduction as in mse

    The slope by p is (p - y) / max(p (1 - p), 1e-12), so it is finite at 0 and 1, too: formula and
    limits are those of PyTorch's BCELoss. Raises ValueError for a prediction or a target outside
    [0, 1], and as mse does. Source: Solla, Levin and Fleisher, Accelerated learning in layered
    neural networks, Complex Systems 2 (1988).

    >>> print(f"{binary_cross_entropy([Value(0.8), 0.5], [1, 0]):.6f}")
    0.458145
    """
    name = "binary_cross_entropy"
    pairs = _pairs(name, predictions, targets)
    for p, y in pairs:
        way_out = "use probabilities from 0 to 1, or binary_cross_entropy_with_logits"
        _require(not (p < 0.0 or p > 1.0), name, "predictions", p, way_out)
        _require(0.0 <= y <= 1.0, name, "targets", y, "give 0, 1 or a number between")
    return _reduced(name, [apply(BCE, p, y) for p, y in pairs], reduction)


def binary_cross_entropy_with_logits(
    predictions: Any, targets: Any, reduction: str = "mean"
) -> Any:
    """Binary cross-entropy of σ(z_k), the mean (or the sum) of log(1 + e^z_k) - y_k z_k.

    predictions   logits z_k, any numbers
    targets       y_k from 0 to 1; reduction as in mse

    Stable for every float: for y = 1 it is log(1 + e^-z). Raises ValueError for a target outside
    [0, 1], and as mse does.

    >>> binary_cross_entropy_with_logits([Value(1000.0), Value(-1000.0)], [0, 0]).data
    500.0
    """
    name = "binary_cross_entropy_with_logits"
    pairs = _pairs(name, predictions, targets)
    for _, y in pairs:
        _require(0.0 <= y <= 1.0, name, "targets", y, "give 0, 1 or a number between")
    return _reduced(name, [_on_logit(z, y) for z, y in pairs], reduction)


def _on_logit(z: Any, y: Any) -> Any:
    if y.__class__ is float and (y == 0.0 or y == 1.0):
        return softplus(-z if y else z)  # the difference below would cancel
    return softplus(z) - y * z


def cross_entropy(logits: Any, classes: Any, reduction: str = "mean") -> Any:
    """The softmax cross-entropy, the mean (or the sum) over rows of logsumexp(z) - z_class.

    logits    one row z_0, ..., z_n of numbers or Values, or an iterable of rows
    classes   the class of the row, an integer from 0 to n, or one for each row
    reduction as in mse

    Two nodes a row, stable for every float. Raises ValueError for a class that is no such integer,
    rows of different lengths, and as mse does. Source: Bridle, Probabilistic interpretation of
    feedforward classification network outputs, Neurocomputing (1990).

    >>> print(f"{cross_entropy([Value(2.0), 0.0, 0.0], 0):.6f}")
    0.239545
    >>> cross_entropy([[1000.0, 0.0], [0.0, 0.0]], [1, 0], reduction="sum")
    1000.6931471805599
    """
    name = "cross_entropy"
    cs, rows = _items(classes), _items(logits)
    if cs is None:
        cs, rows = [classes], [logits]
    if rows is None or len(rows) != len(cs) or not rows:
        found = shown(logits) if rows is None else f"{len(rows)} rows of logits"
        raise ValueError(
            f"{name}: {found} for {len(cs)} classes; give a row for each class, at least one"
        )
    losses, width = [], 0
    for i, (row, c) in enumerate(zip(rows, cs, strict=True)):
        at = f"logits[{i}]"
        zs = [_term(z, f"{at}[{j}]", name) for j, z in enumerate(terms(row, at, name))]
        width = width or len(zs)
        if len(zs) != width or not zs:
            raise ValueError(
                f"{name}: {at} has {len(zs)} logits, logits[0] has {width}; give one for each class"
            )
        c = number(c, "classes", name)
        way_out = f"give an integer from 0 to {width - 1}, the place of a logit"
        _require(0.0 <= c < width and c == int(c), name, "classes", c, way_out)
        losses.append(logsumexp(zs) - zs[int(c)])
    return _reduced(name, losses, reduction)


def l2_penalty(parameters: Iterable[Any], alpha: float) -> Any:
    """The L2 penalty α (θ_1² + ... + θ_n²), one node, to be added to a loss.

    parameters   Values or numbers, such as net.parameters()
    alpha        the factor α, a number or a Value

    Raises ValueError for no parameters, TypeError for what is not a number or a Value. Source:
    Hoerl and Kennard, Ridge regression, Technometrics 12 (1970).

    >>> l2_penalty([Value(3.0), Value(-1.0)], 0.5).data
    5.0
    """
    found = terms(parameters, "parameters", "l2_penalty")
    if not found:
        raise ValueError("l2_penalty: parameters is empty; give net.parameters()")
    xs = [_term(x, f"parameters[{i}]", "l2_penalty") for i, x in enumerate(found)]
    return apply(L2, _term(alpha, "alpha", "l2_penalty"), *xs)


def _pairs(name: str, predictions: Any, targets: Any, at: str = "") -> list[tuple[Any, Any]]:
    """Each prediction with its target, Values or floats; rows of outputs laid end to end."""
    nested = at.count("[") < 2
    ps, ys = (_items(predictions), _items(targets)) if nested else (None, None)
    if ps is None and ys is None:
        return [
            (_term(predictions, f"predictions{at}", name), _term(targets, f"targets{at}", name))
        ]
    if ps is None or ys is None:
        what, other = ("predictions", targets) if ys is None else ("targets", predictions)
        many = predictions if ys is None else targets
        raise TypeError(
            f"{name}: {what}{at} is {type(many).__name__} {shown(many)} beside "
            f"{type(other).__name__} {shown(other)}; give an int or a float, or as many of each"
        )
    if len(ps) != len(ys) or not ps:
        raise ValueError(
            f"{name}: {len(ps)} predictions{at} for {len(ys)} targets{at}; "
            "give as many of each, at least one"
        )
    if {*map(type, ps), *map(type, ys)} <= {*kinds, float, int}:  # the usual case, faster
        ps, ys = _floats(ps, f"predictions{at}", name), _floats(ys, f"targets{at}", name)
        return [*zip(ps, ys, strict=True)]
    both = enumerate(zip(ps, ys, strict=True))
    return [pair for i, (p, y) in both for pair in _pairs(name, p, y, f"{at}[{i}]")]


def _items(xs: Any) -> list[Any] | None:
    """The items of an iterable, None for a single number and for what is no list of numbers."""
    if isinstance(xs, (Value, float)):
        return None
    if hasattr(xs, "tolist") and hasattr(xs, "ndim"):  # a NumPy array
        xs = xs.tolist()
    unordered = isinstance(xs, (str, bytes, dict, set, frozenset, type))
    return None if unordered or not hasattr(xs, "__iter__") else list(xs)


def _floats(xs: list[Any], what: str, name: str) -> list[Any]:
    """Every int a float."""
    return [number(x, f"{what}[{i}]", name) if type(x) is int else x for i, x in enumerate(xs)]


def _term(x: Any, name: str, function: str) -> Any:
    return x if isinstance(x, Value) else number(x, name, function)


def _require(condition: Any, function: str, name: str, x: Any, way_out: str) -> None:
    if not condition:
        x = x.data if isinstance(x, Value) else x
        raise ValueError(f"{function}: {name} holds {x!r}; {way_out}")


def _reduced(name: str, losses: list[Any], reduction: str) -> Any:
    if not isinstance(reduction, str) or reduction not in ("mean", "sum"):
        raise ValueError(f"{name}: reduction = {shown(reduction)}; use 'mean' or 'sum'")
    total = losses[0] if len(losses) == 1 else sum(losses)
    return total / len(losses) if reduction == "mean" and len(losses) > 1 else total
