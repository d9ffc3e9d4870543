"""What is alike becomes a loop: the same operation on neighbours, as it is recorded where Python
ran through a list.

In sum((x[i + 1] - x[i] ** 2) ** 2 for ...) there is a subtraction for each i, of neighbouring
inputs and of neighbouring squares. Such a run of steps is found again and written as a loop over
vectors; runs that only pass numbers of the same place to each other share one loop.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from .expand import Steps

# of an argument of a run: a constant, one slot for all, or the slot from which on they are
# neighbours
CONSTANT, SAME, ALONG = "constant", "same", "along"
Place = tuple[str, int]  # in the inputs or in the workspace: which number
REGION = 1 << 40  # what one run makes is no neighbour of what another makes, while runs are sought


class Run(NamedTuple):
    """Steps of one operation whose arguments, and so the results, are neighbours in memory."""

    op: str
    members: list[int]
    args: tuple[tuple[str, Any], ...]


class Loop(NamedTuple):
    """Runs of the same length that are done together, pack by pack.

    A run of the operation "total" adds its members up, which are neighbours, for a long sum; its
    arguments are the first of them and the sum.
    """

    runs: list[Run]

    @property
    def length(self) -> int:
        return len(self.runs[0].members)


class Plan(NamedTuple):
    """The order of things: loops, and lists of single steps.

    place   of each slot in memory
    totals  of each long sum the runs that loops add up
    memory  how many places there are in the workspace
    size    how many steps there are; looped: how many are in loops
    """

    items: list[Loop | list[int]]
    place: dict[int, Place]
    totals: dict[int, list[Run]]
    memory: int
    size: int
    looped: int

    @property
    def is_worth_it(self) -> bool:
        return 2 * self.looped >= self.size > 0


def planned(steps: Steps, lanes: int, strict: bool) -> Plan:
    """Runs of at least two packs of `lanes`, in an order in which each needs only what is there."""
    if not _is_much_alike(steps, 2 * lanes):
        return Plan([], {}, {}, 0, len(steps.steps), 0)
    place: dict[int, Place] = {i: ("in", i) for i in range(steps.inputs)}
    levels: list[tuple[list[int], list[Run]]] = []
    looped = regions = memory = 0
    for groups in _levels(steps):
        alone: list[int] = []
        runs: list[Run] = []
        for members in groups:
            for run in _runs(steps, members, place, 2 * lanes):
                if run.args:
                    runs.append(run)
                    looped += len(run.members)
                    memory = -(-memory // lanes) * lanes  # a pack in one line of the cache
                else:
                    alone += run.members
                for s in run.members:
                    place[s] = ("ws", memory + REGION * regions)
                    memory += 1
                regions += 1
        levels.append((alone, runs))
    place = {s: (space, k % REGION) for s, (space, k) in place.items()}
    totals = {} if strict else _totals(steps, place, 2 * lanes)
    items = [*_items(steps, levels, totals)]
    return Plan(items, place, totals, memory, len(steps.steps), looped)


def _is_much_alike(steps: Steps, least: int) -> bool:
    """Whether half of the steps have so many of the same operation and depth beside them."""
    depth = [0] * steps.inputs
    for _, args in steps.steps:
        deepest = 0
        for a in args:
            if a.__class__ is int and depth[a] > deepest:
                deepest = depth[a]
        depth.append(deepest + 1)
    found = Counter(zip([op for op, _ in steps.steps], depth[steps.inputs :]))
    return 2 * sum([k for k in found.values() if k >= least]) >= len(steps.steps)


def _levels(steps: Steps) -> Iterator[list[list[int]]]:
    """Of each depth the groups of steps with one operation and the same constants."""
    depth = [0] * steps.inputs
    groups: dict[int, dict[Any, list[int]]] = defaultdict(lambda: defaultdict(list))
    for s, (op, args) in enumerate(steps.steps, steps.inputs):
        depth.append(1 + max([depth[a] for a in args if a.__class__ is int], default=0))
        constants: Any = s  # a step of many arguments stays alone
        if len(args) <= 3:
            constants = tuple([None if a.__class__ is int else repr(a) for a in args])
        groups[depth[-1]][op, constants].append(s)
    for _, found in sorted(groups.items()):
        yield [*found.values()]


def _runs(steps: Steps, members: list[int], place: dict[int, Place], least: int) -> Iterator[Run]:
    """Members of a group in runs, as long as they go, and without arguments the rest."""
    n = steps.inputs

    rest: list[int] = []
    start = 0
    if len(members) < least:
        rest, members = members, []
    found = [[place[a] for a in steps.steps[s - n][1] if a.__class__ is int] for s in members]
    order = sorted(range(len(members)), key=found.__getitem__)
    members, where = [members[i] for i in order], [found[i] for i in order]
    while start < len(members):
        kinds, stop = None, start + 1
        while stop < len(members):
            steps_on = [
                SAME if a == b else ALONG if a[0] == b[0] and a[1] + 1 == b[1] else ""
                for a, b in zip(where[stop - 1], where[stop])
            ]
            if "" in steps_on or kinds not in (None, steps_on):
                break
            kinds, stop = steps_on, stop + 1
        run = members[start:stop]
        start = stop
        if len(run) < least:
            rest += run
            continue
        op, args = steps.steps[run[0] - n]
        kinds_left = iter(kinds or ())
        yield Run(op, run, tuple(
            [(next(kinds_left), a) if a.__class__ is int else (CONSTANT, a) for a in args]
        ))  # fmt: skip
    if rest:
        yield Run(steps.steps[rest[0] - n][0], sorted(rest), ())


def _totals(steps: Steps, place: dict[int, Place], least: int) -> dict[int, list[Run]]:
    """Of each long sum the runs of neighbours among its terms."""
    found: dict[int, list[Run]] = {}
    for s, (op, args) in enumerate(steps.steps, steps.inputs):
        if op == "sum" and len(args) >= 4 * least:
            slots = {a for a in args if a.__class__ is int}
            stretches: list[list[int]] = []
            for a in sorted(slots, key=place.__getitem__):
                space, k = place[a]
                if not stretches or place[stretches[-1][-1]] != (space, k - 1):
                    stretches.append([])
                stretches[-1].append(a)
            runs = [
                Run("total", run, ((ALONG, run[0]), (SAME, s)))
                for run in stretches
                if len(run) >= least
            ]
            if 2 * sum([len(run.members) for run in runs]) > len(args):
                found[s] = runs
    return found


def _items(
    steps: Steps,
    levels: Sequence[tuple[list[int], list[Run]]],
    totals: dict[int, list[Run]],
) -> Iterator[Loop | list[int]]:
    """Loops, as large as they can be, and single steps: those that need something of the loop that
    is open come after it, the others before."""
    n = steps.inputs
    open_: list[Run] = []
    at: dict[int, int] = {}  # of what the open loop makes: the place in its run
    waiting: list[int] = []
    late: set[int] = set()

    def arguments(s: int) -> list[int]:
        return [a for a in steps.steps[s - n][1] if a.__class__ is int]

    def fits(run: Run) -> bool:
        if len(open_[0].members) != len(run.members):
            return False
        if run.op == "total":
            return all(at.get(a, i) == i and a not in late for i, a in enumerate(run.members))
        kinds = [kind for kind, _ in run.args if kind != CONSTANT]
        for i, s in enumerate(run.members):
            for kind, a in zip(kinds, arguments(s)):
                if a in late or (a in at and (kind == SAME or at[a] != i)):
                    return False
        return True

    def closed() -> Iterator[Loop | list[int]]:
        yield Loop([*open_])
        if waiting:
            yield [*waiting]
        for done in (open_, at, waiting, late):
            done.clear()

    def joined(run: Run) -> Iterator[Loop | list[int]]:
        if open_ and not fits(run):
            yield from closed()
        open_.append(run)
        if run.op != "total":
            at.update(zip(run.members, range(len(run.members))))

    for alone, runs in levels:
        early: list[int] = []
        for s in alone:
            for run in totals.get(s, ()):
                yield from joined(run)
            if s in totals or any(a in at or a in late for a in arguments(s)):
                waiting.append(s)
                late.add(s)
            else:
                early.append(s)
        if early:
            yield early
        for run in runs:
            yield from joined(run)
    if open_:
        yield from closed()
