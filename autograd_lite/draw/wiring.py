"""A recorded graph in whole numbers, small and quick enough for a million nodes."""

from __future__ import annotations

import math

from ..engine import DOT, Value, kinds


class Wiring:
    """Nodes, and the edges between them, as lists of equal length.

    nodes    in an order with inputs before outputs; a part of `everything`, or all of it
    sources, targets  for each edge, the numbers of its nodes; targets never decrease
    places, partials  for each edge, which input of the target it is, and the local derivative
    inputs_cut, outputs_cut  nodes that have an input, or are one of a node, that is not in `nodes`
    """

    def __init__(self, nodes: list[Value], everything: list[Value]) -> None:
        self.nodes, self.at = nodes, dict(zip(nodes, range(len(nodes))))
        self.sources: list[int] = []
        self.targets: list[int] = []
        self.places: list[int] = []
        self.partials: list[float] = []
        self.inputs_cut: set[int] = set()
        self.outputs_cut: set[int] = set()
        whole = len(nodes) == len(everything)
        for i, v in enumerate(nodes):
            if v.op is None:
                continue
            args, partials = v.args, v.partials
            if whole and len(args) > 2 and kinds.issuperset(map(type, args)):
                self.sources += map(self.at.__getitem__, args)  # the usual case, faster
                self.targets += [i] * len(args)
                self.places += range(len(args))
                self.partials += partials
            else:
                for place, (a, partial) in enumerate(zip(args, partials)):
                    if a.__class__ is not Value:
                        continue
                    if a not in self.at:
                        self.inputs_cut.add(i)
                    else:
                        self.sources.append(self.at[a])
                        self.targets.append(i)
                        self.places.append(place)
                        self.partials.append(partial)

        for v in () if whole else everything:
            if v not in self.at and not self.at.keys().isdisjoint(v.args):
                self.outputs_cut.update(
                    self.at[a] for a in v.args if a.__class__ is Value and a in self.at
                )

    def edges(self) -> zip[tuple[int, int]]:
        return zip(self.sources, self.targets)

    def ahead(self, start: int) -> dict[int, int]:
        """The nodes that depend on this one, each with its distance."""
        steps = {start: 0}
        for s, t in self.edges():
            if s in steps:
                steps[t] = min(steps.get(t, math.inf), steps[s] + 1)  # type: ignore[assignment]
        return steps

    def behind(self, start: int) -> dict[int, int]:
        """The nodes that this one depends on, each with its distance."""
        steps = {start: 0}
        for s, t in zip(reversed(self.sources), reversed(self.targets)):
            if t in steps:
                steps[s] = min(steps.get(s, math.inf), steps[t] + 1)  # type: ignore[assignment]
        return steps

    def role(self, k: int) -> int:
        """What edge k is to its target: its place, or for any number of arguments, its kind."""
        v, place = self.nodes[self.targets[k]], self.places[k]
        if v.op is None or v.op.arity is not None:
            return place
        return place // max(1, len(v.args) // 2) if v.op is DOT else 0
