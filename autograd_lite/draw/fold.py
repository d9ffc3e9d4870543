"""Which nodes share a box: those of one neuron, layer or module, and those that play one role.

Roles are found by colour refinement: nodes of one operation, kind and label but for its indices
have one colour; then nodes of one colour that read or feed different colours are told apart, until
nothing changes. Linear time a round, and few rounds for a huge graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

from .parts import LAYER, MODULE, NEURON, NODE, Part
from .wiring import Wiring

MOST = 300  # boxes that are shown unasked
ROUNDS, WORK = 30, 1_000_000  # of refinement: rounds, and rounds times edges
INDEX = re.compile(r"[\^_](\{[^{}]*\}|\w)|[\d(),\[\].]+")


def boxes(
    wiring: Wiring, owner: Sequence[Part | None], kinds: Sequence[str], depth: int | None,
    fold: bool | None,
) -> tuple[int, list[int]]:  # fmt: skip
    """How deep the boxes go, and for each node the number of its box.

    owner  the neuron of each node; kinds: what it is ("output" is folded last)
    depth  MODULE, LAYER, NEURON or NODE; None: the finest with at most MOST boxes
    fold   whether nodes and parts of one role share a box; None: if there are too many otherwise
    """
    candidates = _candidates(wiring, owner, kinds, depth, fold)
    found = next(candidates)
    while max(found[1]) >= MOST:
        coarser = next(candidates, None)
        if coarser is None:
            break
        found = coarser
    return found


def _candidates(
    wiring: Wiring, owner: Sequence[Part | None], kinds: Sequence[str], depth: int | None,
    fold: bool | None,
) -> Iterator[tuple[int, list[int]]]:  # fmt: skip
    """From fine to coarse."""
    depths = [NODE, NEURON, LAYER, MODULE] if any(owner) else [NODE]
    depths = depths if depth is None else [depth]
    if fold is False or (fold is None and len(owner) <= MOST):
        yield depths[0], _numbered(_whole(owner, depths[0]))
    if fold is False:
        return
    colours = [(c, part.place[0]) if part else c for c, part in zip(_colours(wiring, kinds), owner)]
    for level in depths if fold is None else ():
        whole = _whole(owner, level)
        alone = {i: key for i, key in enumerate(whole) if owner[i]}
        if len(set(alone.values())) < MOST:
            yield level, _roles(wiring, whole, [alone.get(i, c) for i, c in enumerate(colours)])
    for stems in (True, False):
        for level in depths:
            alike = colours if stems else _colours(wiring, kinds, stems)
            if level < NODE:
                alike = [
                    _role(part.at(level), stems) if part else c for part, c in zip(owner, alike)
                ]
            yield level, _roles(wiring, _whole(owner, level), alike)


def _whole(owner: Sequence[Part | None], depth: int) -> Sequence[Any]:
    """For each node its part at that depth, or its own number."""
    if depth == NODE or not any(owner):
        return range(len(owner))
    return [part.at(depth) if part else i for i, part in enumerate(owner)]


def _role(part: Part, stems: bool) -> tuple[Any, ...]:
    layer = {p.place[0] for p in part.neurons()} if stems else ()
    caption = part.caption if part.level < NEURON else part.activation
    return part.level, caption, len(part.neurons()), *layer


def _colours(wiring: Wiring, kinds: Sequence[str], stems: bool = True) -> list[Any]:
    """For each node its kind, operation and label without indices; an output is like no other."""
    found: list[Any] = []
    known: dict[str, str] = {"": ""}
    for i, (v, kind) in enumerate(zip(wiring.nodes, kinds)):
        label, op = v.label if stems else "", v.op
        if label not in known:
            known[label] = stem(label)
        name = "" if op is None else op.name
        found.append(i if kind == "output" and stems else (kind, name, known[label]))
    return found


def stem(label: str) -> str:
    """A label without its indices.

    >>> stem("w^1_{2,1}"), stem("x12"), stem("loss")
    ('w', 'x', 'loss')
    """
    return INDEX.sub("", label) or label


def _numbered(keys: Sequence[Any]) -> list[int]:
    """Equal keys as equal numbers, counted from 0."""
    if isinstance(keys, range):
        return [*keys]
    numbers: dict[Any, int] = {}
    return [numbers.setdefault(key, len(numbers)) for key in keys]


def _roles(wiring: Wiring, whole: Sequence[Any], colours: Sequence[Any]) -> list[int]:
    """The colours of boxes, refined until nothing changes; unrefined where that has no end.

    A loop of a thousand steps would be told apart step by step from both its ends; it is one box.
    """
    at = _numbered(whole)
    size = max(at, default=-1) + 1
    first: list[Any] = [None] * size
    for i, colour in zip(at, colours):
        first[i] = colour
    colour = unrefined = _numbered(first)
    rounds = min(ROUNDS, WORK // (len(wiring.sources) + 1))
    if max(colour, default=0) < MOST and rounds:
        reads, feeds = _neighbours(wiring, at, size)
        for _ in range(rounds):
            old, count = colour, max(colour)
            colour = _numbered([
                (old[i], _seen(reads[i], old), _seen(feeds[i], old)) for i in range(size)
            ])  # fmt: skip
            if max(colour) == count or max(colour) >= MOST:
                break
        if max(colour) != count or len(set(colour)) == size:
            colour = unrefined  # each is told apart from each: that is no folding
    return _numbered([colour[i] for i in at])


def _neighbours(
    wiring: Wiring, at: list[int], size: int
) -> tuple[list[set[tuple[int, int]]], list[set[tuple[int, int]]]]:
    """For each box the boxes that it reads and that it feeds, each with its role."""
    reads: list[set[tuple[int, int]]] = [set() for _ in range(size)]
    feeds: list[set[tuple[int, int]]] = [set() for _ in range(size)]
    for k, (s, t) in enumerate(wiring.edges()):
        role = wiring.role(k)
        reads[at[t]].add((at[s], role))
        feeds[at[s]].add((at[t], role))
    return reads, feeds


def _seen(neighbours: set[tuple[int, int]], colour: list[int]) -> tuple[tuple[int, int], ...]:
    return tuple(sorted((colour[i], role) for i, role in neighbours))
