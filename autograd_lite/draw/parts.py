"""Which neuron, layer and module a node belongs to, found in the graph itself.

A dot labelled z^l_j over leaves labelled w^l_{j,i} is a neuron, and its weights are its identity:
applied to ten rows it is one neuron, evaluated ten times. Neurons that feed one neuron of the next
layer, or that read the same inputs, are a layer; layers that feed each other are a module.
"""

from __future__ import annotations

import re
from typing import Any

from ..engine import DOT, Value

MODULE, LAYER, NEURON, NODE = range(4)
RUNS = 100  # evaluations of a neuron that are looked at to find its layer
Z = re.compile(r"z\^(\d|\{\d+\})_(\d|\{\d+\})")


class Part:
    """A module, a layer or a neuron.

    level       MODULE, LAYER or NEURON
    caption     "MLP 2-2-1", "layer 1 (hidden)", "neuron 2"
    above       the part that it lies in, None for a module
    below       the parts in it
    place       of a neuron: the number of its layer, and its own in the layer
    runs        of a neuron: the z of each evaluation
    activation  of a neuron: the symbol of its activation, "" if it has none
    """

    def __init__(self, level: int, caption: str, below: tuple[Part, ...] = ()) -> None:
        self.level, self.caption, self.below = level, caption, below
        self.above: Part | None = None
        self.place, self.activation = (0, 0), ""
        self.runs: list[Value] = []
        for part in below:
            part.above = self

    def at(self, level: int) -> Part:
        """The part of that level which this one is, or lies in."""
        part = self
        while part.level > level and part.above:
            part = part.above
        return part

    def neurons(self) -> tuple[Part, ...]:
        """The neurons in it."""
        found: tuple[Part, ...] = (self,)
        while found[0].level < NEURON:
            found = tuple(p for part in found for p in part.below)
        return found


def parts(nodes: list[Value]) -> dict[Value, Part]:
    """The neuron of every node that belongs to one; its layer and module are above it."""
    neurons: dict[tuple[int, ...], Part] = {}
    found: dict[Value, Part] = {}
    for v in nodes:
        if v.op is not DOT or not v.label:
            continue
        args, n = v.args, len(v.args) // 2
        key = (*map(id, args[:n]),)
        part = neurons.get(key)
        if part is None or part.runs[0].label != v.label:
            place = _place(v)
            if place is None:
                continue
            part = neurons.setdefault(key, Part(NEURON, f"neuron {place[1]}"))
            part.place = place
            for a in (*args[:n], *args[2 * n :]):
                if isinstance(a, Value) and a.op is None:
                    found.setdefault(a, part)
        part.runs.append(v)
        found[v] = part
    if neurons:
        _activations(nodes, found)
        _modules([*neurons.values()], found)
    return found


def _place(z: Value) -> tuple[int, int] | None:
    """Layer and number of the neuron whose z this dot is; None for another dot."""
    match = Z.fullmatch(z.label)
    if match is None:
        return None
    layer, j = (int(number.strip("{}")) for number in match.groups())
    for i, w in enumerate(z.args[: len(z.args) // 2], 1):
        label = f"w^{match[1]}_{{{j},{i}}}"
        if not isinstance(w, Value) or w.op is not None or w.label != label:
            return None
    return layer, j


def _activations(nodes: list[Value], found: dict[Value, Part]) -> None:
    """Let σ^l_j, and unlabelled nodes between z^l_j and it, belong to the neuron of z^l_j."""
    for v in nodes:
        if v.label.startswith("\\sigma^") and v.op is not None and v not in found:
            a = v.args[0]
            if len(v.args) == 1 and a in found and a.label[1:] == v.label[6:]:
                found[v] = found[a]  # the usual case, faster
                found[v].activation = v.op.symbol or v.op.name
                continue
            between, z = _back_to_z(v, found)
            if z is not None:
                part = found[z]
                part.activation = (v.op.symbol or v.op.name) if len(between) == 1 else "f"
                found.update(dict.fromkeys(between, part))


def _back_to_z(v: Value, found: dict[Value, Part]) -> tuple[dict[Value, None], Value | None]:
    z, label = None, "z" + v.label.removeprefix("\\sigma")
    between, front = {v: None}, [v]
    while front:
        for a in front.pop().args:
            if not isinstance(a, Value) or a.op is None or a in between:
                continue
            if a.label == label and a in found:
                z = a
            elif not a.label and a not in found:
                between[a] = None
                front.append(a)
    return between, z


def _modules(neurons: list[Part], found: dict[Value, Part]) -> None:
    """Put the neurons into layers and these into modules, all with their captions."""
    reads: dict[Part, set[Part]] = {}
    for p in neurons:
        producers = {found.get(x) for z in p.runs[:RUNS] for x in _inputs(z)}
        reads[p] = {q for q in producers if q and q.place[0] == p.place[0] - 1}
    layers = _layers(neurons, reads)
    at = {p: layer for layer in layers for p in layer.below}
    joined = Groups(layers)
    for p in neurons:
        for q in reads[p]:
            joined.join(at[p], at[q])
    for group in joined.groups():
        _module(sorted(group, key=lambda layer: layer.below[0].place))


def _inputs(z: Value) -> list[Any]:
    n = len(z.args) // 2
    return [x for x in z.args[n : 2 * n] if isinstance(x, Value)]


def _layers(neurons: list[Part], reads: dict[Part, set[Part]]) -> list[Part]:
    joined = Groups(neurons)
    for p in neurons:
        first, *rest = reads[p] or [p]
        for q in rest:
            joined.join(first, q)
    fed = {q for qs in reads.values() for q in qs}
    beside: dict[tuple[Any, ...], list[Part]] = {}
    for p in neurons:
        for z in p.runs[:RUNS] if p not in fed else ():
            n = len(z.args) // 2
            xs = (id(x) if isinstance(x, Value) else x for x in z.args[n : 2 * n])
            beside.setdefault((p.place[0], *xs), []).append(p)
    for group in beside.values():
        for k, p in enumerate(group):
            # two nets may read the same inputs: then their neurons have the same numbers
            fits = (q for q in group[:k] if joined.may_join(q, p))
            joined.join(next(fits, p), p)
    return [
        Part(LAYER, "", tuple(sorted(group, key=lambda p: p.place))) for group in joined.groups()
    ]


def _module(layers: list[Part]) -> None:
    inputs = [len(layer.below[0].runs[0].args) // 2 for layer in layers]
    last = max(p.place[1] for p in layers[-1].below)
    for layer in layers:
        kind = "output" if layer is layers[-1] else "hidden"
        layer.caption = f"layer {layer.below[0].place[0]} ({kind})"
    Part(MODULE, f"MLP {'-'.join(map(str, [*inputs, last]))}", tuple(layers))


class Groups:
    """Parts that are joined two by two: which of them are together?"""

    def __init__(self, parts: list[Part]) -> None:
        self.group = {p: [p] for p in parts}

    def join(self, a: Part, b: Part) -> None:
        small, large = sorted((self.group[a], self.group[b]), key=len)
        if small is not large:
            large += small
            self.group.update(dict.fromkeys(small, large))

    def may_join(self, a: Part, b: Part) -> bool:
        """Whether they are together, or have no number in common."""
        ours, others = self.group[a], self.group[b]
        return ours is others or {p.place for p in ours}.isdisjoint(p.place for p in others)

    def groups(self) -> list[list[Part]]:
        """The groups, by the first part of each."""
        return [*{id(group): group for group in self.group.values()}.values()]
