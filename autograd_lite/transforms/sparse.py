"""Sparse derivatives: the pattern from the graph, colours, and sweeps that are shared.

Columns of a Jacobian that have no row in common can be found by one sweep; a colouring says which.

>>> colors([[0, 1], [1, 2], [2, 3]], 4)
[0, 1, 0, 1]
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from ..ieee import shown
from ..program import Linear
from .recorded import Argnums, Recorded, transform

Triplets = tuple[list[int], list[int], list[float]]  # rows, columns, numbers


def sparsity(f: Callable[..., Any], argnums: Argnums = 0, *, order: int = 1) -> Callable[..., Any]:
    """Which numbers of the result of f depend on which of its argument, at the point of a call.

    A function with the arguments of f, that gives for each number of the result the places of the
    inputs, in order. With order=2: for each input those by which the gradient depends on it. It is
    what the recorded graph says, without regard to numbers: a slope that happens to be 0 counts.
    `colors` and `star_colors` of autograd_lite.transforms tell how many sweeps a pattern takes.

    >>> sparsity(lambda x: [x[0] * x[1], x[2]])([1.0, 2.0, 3.0])
    [[0, 1], [2]]
    >>> sparsity(lambda x: x[0] * x[1] + x[2], order=2)([1.0, 2.0, 3.0])
    [[1], [0], []]
    """
    if order not in (1, 2):
        raise ValueError(f"sparsity: order must be 1 or 2, not {shown(order)}")

    @transform(f, "sparsity")
    def pattern(*args: Any, **named: Any) -> list[list[int]]:
        found = Recorded("sparsity", f, args, named, argnums)
        return found.linear.pattern() if order == 1 else found.second(symmetric_pattern)

    return pattern  # type: ignore[no-any-return]


def colors(rows: Sequence[Sequence[int]], columns: int) -> list[int]:
    """A colour for each column, such that no row has two columns of one colour.

    rows   for each row its columns

    Greedy, in order: a band of width b gets b colours. Source: Curtis, Powell and Reid 1974.
    """
    taken = [0] * len(rows)  # for each row the colours it has, as bits
    found = []
    for rows_of_column in _turned(rows, columns):
        color = _lowest_free(taken[r] for r in rows_of_column)
        for r in rows_of_column:
            taken[r] |= 1 << color
        found.append(color)
    return found


def star_colors(neighbours: Sequence[Sequence[int]]) -> list[int]:
    """A colour for each row and column of a symmetric matrix, fewer than `colors` where it can.

    Adjacent ones differ, and two of one colour have a common neighbour only if its colour is
    smaller; so each entry stands alone in one of the two places where it is looked for. Greedy,
    largest degree first. Source: Gebremedhin, Manne and Pothen 2005, restricted star colouring.

    >>> star_colors([[0, 1, 2, 3], [0, 1], [0, 2], [0, 3]])  # an arrow
    [0, 1, 1, 1]
    """
    n = len(neighbours)
    found = [-1] * n
    around = [0] * n  # for each one the colours of its neighbours, as bits
    for v in sorted(range(n), key=lambda v: -len(neighbours[v])):
        others = [w for w in neighbours[v] if w != v]
        forbidden = [1 << found[w] for w in others if found[w] >= 0]
        for w in others:
            forbidden.append(around[w] if found[w] < 0 else around[w] & ((1 << found[w]) - 1))
        found[v] = _lowest_free(forbidden)
        for w in others:
            around[w] |= 1 << found[v]
    return found


def compressed(linear: Linear) -> Triplets:
    """The Jacobian by as few shared sweeps as the colours of its columns or rows."""
    pattern, n = linear.pattern(), linear.inputs
    turned = _turned(pattern, n)
    forward = max(map(len, pattern), default=0) <= max(map(len, turned), default=0)
    if forward:
        color = colors(pattern, n)
        swept = [linear.push(seed) for seed in _seeds(color)]
    else:
        color = colors(turned, len(pattern))
        swept = [linear.pull(seed) for seed in _seeds(color)]
    rows = [i for i, columns in enumerate(pattern) for _ in columns]
    cols = [j for columns in pattern for j in columns]
    if forward:
        return rows, cols, [swept[color[j]][i] for i, j in zip(rows, cols)]
    return rows, cols, [swept[color[i]][j] for i, j in zip(rows, cols)]


def symmetric_pattern(linear: Linear) -> list[list[int]]:
    """Of a Hessian; a rule may know a slope as flat from one side only, as that of a % b."""
    pattern = linear.pattern()
    across = _turned(pattern, linear.inputs)
    return [sorted({*row, *column}) for row, column in zip(pattern, across)]


def compressed_symmetric(linear: Linear) -> Triplets:
    """The same for a Hessian, whose symmetry saves colours."""
    pattern = symmetric_pattern(linear)
    color = star_colors(pattern)
    swept = [linear.pull(seed) for seed in _seeds(color)]
    counts = [_counted(color[j] for j in columns) for columns in pattern]
    rows = [i for i, columns in enumerate(pattern) for j in columns if j <= i]
    cols = [j for i, columns in enumerate(pattern) for j in columns if j <= i]
    found = [
        swept[color[j]][i] if counts[i][color[j]] == 1 else swept[color[i]][j]
        for i, j in zip(rows, cols)
    ]
    off = [k for k, (i, j) in enumerate(zip(rows, cols)) if i != j]
    return (
        rows + [cols[k] for k in off],
        cols + [rows[k] for k in off],
        found + [found[k] for k in off],
    )


def matrix(found: Recorded, triplets: Triplets, rows: int) -> Any:
    """The triplets as a matrix of SciPy."""
    try:
        from scipy.sparse import csr_array
    except ImportError as error:
        raise ImportError(
            f"{found.name}: sparse=True needs SciPy; pip install 'autograd_lite[scipy]'"
        ) from error
    i, j, numbers = triplets
    return csr_array((numbers, (i, j)), shape=(rows, len(found.inputs)), dtype=float)


def _turned(rows: Sequence[Sequence[int]], columns: int) -> list[list[int]]:
    """For each column its rows."""
    found: list[list[int]] = [[] for _ in range(columns)]
    for i, row in enumerate(rows):
        for j in row:
            found[j].append(i)
    return found


def _lowest_free(masks: Iterable[int]) -> int:
    taken = 0
    for mask in masks:
        taken |= mask
    return (~taken & (taken + 1)).bit_length() - 1


def _seeds(color: list[int]) -> list[list[float]]:
    return [[float(c == k) for c in color] for k in range(max(color, default=-1) + 1)]


def _counted(items: Iterable[int]) -> dict[int, int]:
    found: dict[int, int] = {}
    for x in items:
        found[x] = found.get(x, 0) + 1
    return found
