"""Seeded sets in the plane, mini-batches, splits."""

# ruff: noqa: N803, N806 (X and Y)

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..ieee import number, shown

Points = tuple[list[list[float]], list[int]]
Pair = tuple[list[Any], list[Any]]


class DataError(ValueError):
    """Data that cannot be used; the message says where and what to do."""


def moons(n: int, noise: float = 0.1, seed: int = 0) -> Points:
    """Two half circles that reach into each other, (cos t, sin t) and (1 - cos t, ½ - sin t).

    n       number of points; they belong to the classes 0, 1, 0, 1, ... in turn
    noise   standard deviation of the Gaussian noise added to x1 and x2
    seed    a whole number >= 0; more points with the same seed begin with the same points

    Returns X (n rows [x1, x2]) and Y (n classes). Raises TypeError or ValueError that names the
    argument. Source: make_moons of scikit-learn, here with random t.

    >>> X, Y = moons(4, noise=0.0)
    >>> [[round(x, 3) for x in row] for row in X], Y
    ([[-0.883, 0.47], [0.313, -0.227], [-0.778, 0.628], [1.259, -0.466]], [0, 1, 0, 1])
    """

    def curve(k: int, u: float) -> tuple[float, float]:
        x1, x2 = math.cos(math.pi * u), math.sin(math.pi * u)
        return (x1, x2) if k == 0 else (1.0 - x1, 0.5 - x2)

    return _points("moons", n, 2, noise, seed, curve)


def circles(n: int, noise: float = 0.05, factor: float = 0.5, seed: int = 0) -> Points:
    """A circle of radius 1 (class 0) around one of radius `factor` (class 1), 0 < factor < 1.

    The other arguments, result and errors are those of moons.

    >>> X, Y = circles(6, noise=0.0)
    >>> [round(math.hypot(*row), 3) for row in X]
    [1.0, 0.5, 1.0, 0.5, 1.0, 0.5]
    """
    factor = number(factor, "factor", "circles")
    if not 0.0 < factor < 1.0:
        raise ValueError(f"circles: factor = {factor!r} must lie between 0 and 1")

    def curve(k: int, u: float) -> tuple[float, float]:
        return _polar(factor if k else 1.0, math.tau * u)

    return _points("circles", n, 2, noise, seed, curve)


def blobs(n: int, centers: Any = 3, spread: float = 0.6, seed: int = 0) -> Points:
    """A Gaussian cloud around each centre, one class each.

    centers   a list of points [x1, x2]; a number of them stands evenly on a circle of radius 3
    spread    standard deviation of x1 and of x2

    The other arguments, result and errors are those of moons.

    >>> blobs(3, centers=[[0, 0], [5, 5]], spread=0.0)
    ([[0.0, 0.0], [5.0, 5.0], [0.0, 0.0]], [0, 1, 0])
    """
    if isinstance(centers, (list, tuple)) and centers:
        middle = matrix("blobs", [*centers], 2)[0]
    else:
        count = whole("blobs", "centers", centers, 1)
        middle = [list(_polar(3.0, math.tau * k / count)) for k in range(count)]
    return _points("blobs", n, len(middle), spread, seed, lambda k, u: middle[k], "spread")


def spirals(n: int, arms: int = 2, noise: float = 0.02, seed: int = 0) -> Points:
    """Arms, one class each, that wind once around 0 while their radius grows from 0.1 to 1.

    The other arguments, result and errors are those of moons.

    >>> X, Y = spirals(5, arms=3)
    >>> Y
    [0, 1, 2, 0, 1]
    """
    arms = whole("spirals", "arms", arms, 1)

    def curve(k: int, u: float) -> tuple[float, float]:
        t = math.sqrt(u)  # so that the points are as dense outside as inside
        return _polar(0.1 + 0.9 * t, math.tau * (k / arms + t))

    return _points("spirals", n, arms, noise, seed, curve)


def _points(
    function: str, n: int, classes: int, noise: float, seed: int,
    curve: Callable[[int, float], Sequence[float]], name: str = "noise",
) -> Points:  # fmt: skip
    rng = random.Random(whole(function, "seed", seed))
    noise = number(noise, name, function)
    if not 0.0 <= noise < math.inf:
        raise ValueError(f"{function}: {name} = {noise!r} must be finite and not negative")
    X, Y = [], [i % classes for i in range(whole(function, "n", n, 1))]
    for k in Y:
        x1, x2 = curve(k, rng.random())
        X.append([rng.gauss(x1, noise), rng.gauss(x2, noise)])
    return X, Y


def _polar(radius: float, angle: float) -> tuple[float, float]:
    return radius * math.cos(angle), radius * math.sin(angle)


def whole(function: str, name: str, n: Any, least: int = 0) -> int:
    if isinstance(n, bool) or not isinstance(n, int):
        raise TypeError(f"{function}: {name} must be a whole number, not {shown(n)}")
    if n < least:
        raise ValueError(f"{function}: {name} = {n} must be at least {least}")
    return n


def batches(X: Any, Y: Any, size: int, rng: Any) -> Iterator[Pair]:
    """Shuffled mini-batches (X_batch, Y_batch): one epoch, each row once, the last maybe smaller.

    X, Y   as many rows as targets, lists or arrays
    size   rows in a batch, at least 1
    rng    a random.Random, or the module random; only its random() is used

    Raises DataError for different lengths or no rows.

    >>> [Y for X, Y in batches([[1], [2], [3]], "abc", 2, random.Random(0))]
    [['c', 'b'], ['a']]
    """
    X, Y = _pair("batches", X, Y)
    size = whole("batches", "size", size, 1)
    order = _shuffled(len(X), rng)
    chunks = (order[k : k + size] for k in range(0, len(X), size))
    return (([X[i] for i in chunk], [Y[i] for i in chunk]) for chunk in chunks)


def split(
    X: Any, Y: Any, fraction: float = 0.2, seed: int = 0, *, stratified: bool = False
) -> tuple[Pair, Pair]:
    """(X, Y) for training and (X, Y) for validation: each row in one of them, in random order.

    fraction     of the rows that goes to validation, between 0 and 1; at least one row stays on
                 either side
    seed         a whole number >= 0
    stratified   True: the same for each class alone; the only row of a class goes to training

    Raises DataError for different lengths or fewer than two rows (stratified: in every class).

    >>> train, validation = split([[1], [2], [3], [4]], "aabb", 0.5, stratified=True)
    >>> sorted(train[1]), sorted(validation[1])
    (['a', 'b'], ['a', 'b'])
    """
    X, Y = _pair("split", X, Y)
    if not 0.0 < number(fraction, "fraction", "split") < 1.0:
        raise ValueError(f"split: fraction = {fraction!r} must lie between 0 and 1")
    order = _shuffled(len(X), random.Random(whole("split", "seed", seed)))
    groups: dict[Any, list[int]] = {}
    try:
        for i in order:
            groups.setdefault(Y[i] if stratified else None, []).append(i)
    except TypeError:
        raise TypeError(
            f"split: stratified=True needs a class for each row, not {shown(Y[i])}"
        ) from None
    held = set()
    for rows in groups.values():
        held.update(rows[: min(max(round(fraction * len(rows)), 1), len(rows) - 1)])
    if not held:
        raise DataError(
            f"split: {'every class has one row' if stratified else 'one row'}; give two or more"
        )
    kept = [i for i in order if i not in held]
    out = [i for i in order if i in held]
    return ([X[i] for i in kept], [Y[i] for i in kept]), ([X[i] for i in out], [Y[i] for i in out])


def _shuffled(n: int, rng: Any) -> list[int]:
    """0 ... n-1 in random order, by random() alone: the one method Python promises to keep."""
    return sorted(range(n), key=lambda i: rng.random())


def _pair(function: str, X: Any, Y: Any) -> Pair:
    X, Y = listed(function, "X", X), listed(function, "Y", Y)
    if len(X) != len(Y) or not X:
        raise DataError(
            f"{function}: {len(X)} rows for {len(Y)} targets; give as many of each, at least one"
        )
    return X, Y


def listed(function: str, name: str, xs: Any) -> list[Any]:
    """The items of a list, an array or another iterable."""
    xs = xs.tolist() if hasattr(xs, "tolist") else xs
    if not isinstance(xs, Iterable) or isinstance(xs, dict):
        raise TypeError(f"{function}: {name} must be a list, not {type(xs).__name__} {shown(xs)}")
    return list(xs)


def matrix(function: str, rows: Any, width: int = 0) -> tuple[list[list[float]], bool]:
    """Rows of floats, all of one width, and whether `rows` was a flat list of numbers."""
    rows = listed(function, "rows", rows)
    flat = bool(rows) and not hasattr(rows[0], "__len__")
    table = []
    for i, row in enumerate([x] for x in rows) if flat else enumerate(rows):
        table.append([number(x, f"row {i}", function) for x in row])
        if len(table[i]) != (width or len(table[0])):
            raise DataError(
                f"{function}: row {i} has {len(table[i])} numbers, not {width or len(table[0])}"
            )
    return table, flat
