"""What a picture shows, as plain data: boxes, arrows between them, and the parts around them."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from operator import mul

from ..called import Called
from ..engine import DOT, Value, order
from ..graph import names, result_name, texts
from ..ieee import shown
from ..text import pretty
from .box import Arrow, Box
from .caption import Captions, flow, role
from .fold import boxes
from .parts import LAYER, MODULE, NEURON, NODE, Part, parts
from .wiring import Wiring

LIMIT = 5000  # boxes that are shown at all
MOST_EDGES = 3_000_000  # of the graph; folding more takes longer than anyone waits
NAMED = 20_000  # nodes that have names as in table(); of more only those with their own box
SHOW = ("data", "grad", "formula", "partials", "constants", "clusters", "legend", "names",
        "tooltips")  # fmt: skip


class View:
    """What is shown of the graph of some roots.

    nodes, of  the nodes in order, and a name for each that has a box of its own
    known      whether there are gradients: one that is not 0
    boxes, arrows, largest  what is drawn, and the largest gradient in it
    """

    def __init__(
        self, roots: Sequence[Value], *, precision: int, depth: int | None, fold: bool | None,
        focus: Value | None, radius: int | None, path: tuple[Value, Value] | None,
        show: frozenset[str], called: Called,
    ) -> None:  # fmt: skip
        self.roots, self.show = roots, show
        everything = order(*roots)
        nodes = everything if focus is None else _near(everything, focus, radius)
        huge = len(everything) > 100_000 and sum([len(v.args) for v in everything]) > MOST_EDGES
        if huge and focus is None:
            raise ValueError(
                f"draw: {len(everything)} nodes with more than {MOST_EDGES} edges are too many to "
                "fold; draw an earlier value, such as one row of the batch, or a part by focus= "
                "and radius="
            )
        owner = parts(nodes if huge else everything)
        _call(owner, called)
        self.wiring = Wiring(nodes, everything)
        self.nodes = self.wiring.nodes
        self.known = any(v.grad != 0.0 for v in (*roots, *self.nodes))
        self.owner = [owner.get(v) for v in self.nodes] if owner else [None] * len(self.nodes)
        self.kinds = _kinds(self.nodes, set(roots), owner.keys() | called.parameters)
        self.bright = _between(self.wiring, path)
        self.level, self.at = boxes(self.wiring, self.owner, self.kinds, depth, fold)
        count = max(self.at) + 1
        if count > LIMIT:
            raise ValueError(
                f"draw: {count} boxes are too many for a picture; fold=True draws what repeats "
                "once, depth=0, 1, 2 draws modules, layers, neurons, and focus=value with radius=n "
                "what is at most n steps from a value"
            )
        members: list[list[int]] = [[] for _ in range(count)]
        for i, k in enumerate(self.at):
            members[k].append(i)
        self.folded = count < len(self.nodes)
        alone = [self.nodes[m[0]] for m in members if len(m) == 1]
        self.captions = self._captions(
            everything if len(everything) < NAMED else alone, called, precision
        )
        self.boxes = [self._box(k, found) for k, found in enumerate(members)]
        self.arrows = [*self._arrows()]
        self._extras()
        drawn: list[Box | Arrow] = [*self.boxes, *self.arrows]
        sizes = [abs(x) for b in drawn for x in (b.low, b.high) if x]
        self.largest = max((x for x in sizes if x < math.inf), default=0.0)

    @property
    def of(self) -> dict[Value, str]:
        """The names."""
        return self.captions.of

    def _captions(self, nodes: list[Value], called: Called, precision: int) -> Captions:
        of = names(nodes, pretty, called.names)
        named = {v for v in nodes if v.label or v in called.names or of[v].startswith("x")}
        if len(self.roots) == 1 and (root := self.roots[0]) in of and root not in named:
            of[root] = result_name(of) or of[root]
            named.add(root)
        if "names" in self.show:
            named.update(nodes)
        return Captions(of, named, precision)

    def give_nothing_away(self, adjoints: dict[Value, float]) -> None:
        """Room for these adjoints in the boxes, but no colour that tells them."""
        for box in self.boxes:
            if box.members and not box.several:
                box.grad = self.captions.number(adjoints.get(self.nodes[box.members[0]], 0.0))
        drawn: list[Box | Arrow] = [*self.boxes, *self.arrows]
        for x in drawn:
            x.low = x.high = None

    def _box(self, k: int, members: list[int]) -> Box:
        i = members[0]
        if len(members) > 1:
            return self._several(k, members)
        v, kind = self.nodes[i], self.kinds[i]
        box = Box(f"n{i}", kind, members, inside=self.owner[i])
        box.bright = i in self.bright if self.bright is not None else True
        head = self.captions.head(v, "formula" in self.show)
        number = self.captions.number
        box.head = [head] if head else []
        box.name, box.row = self.of[v], self.captions.row(v)
        box.data = number(v.data) if "data" in self.show else ""
        if "grad" in self.show:
            box.grad = number(v.grad) if self.known else "–"
            box.low = box.high = v.grad if self.known else None
        if "tooltips" in self.show:
            box.tip = self.captions.tip(v, kind, self.known)
        return box

    def _several(self, k: int, members: list[int]) -> Box:
        kinds = {self.kinds[i] for i in members}
        kind = kinds.pop() if len(kinds) == 1 else "output" if "output" in kinds else "inner"
        box = Box(f"b{k}", kind, members)
        whole = self._whole(members)
        box.inside = _common({part.above for part in whole} if whole else
                             {self.owner[i] for i in members})  # fmt: skip
        if self.bright is not None:
            box.bright = not self.bright.isdisjoint(members)
        values = [self.nodes[i] for i in members]
        if whole:
            box.word = "output "
            box.count, box.head = _part_caption([*whole])
        else:
            box.count, box.head = len(members), [f"{role(values)} ×{len(members)}"]
        above = next(iter(whole)).above if self.level == NEURON and len(whole) == 1 else None
        layer = f"{above.caption.partition(' (')[0]}, " if above else ""
        box.name, box.row = layer + box.head[0], layer + ", ".join(box.head)
        low, high = spread([self.nodes[i].data for i in self._read_outside(members, whole)])
        if "data" in self.show:
            box.data = self._short(low) + (f" … {self._short(high)}" if low != high else "")
        if "grad" in self.show:
            box.grad = "–"
            if self.known:
                box.low, box.high = spread([v.grad for v in values])
                size = box.low if box.low == box.high else max(abs(box.low), abs(box.high))
                box.grad = self._short(size)
        if "tooltips" in self.show:
            box.tip = self._several_tip(box, low, high)
        return box

    def _short(self, x: float) -> str:
        return pretty.number(x, min(4, self.captions.precision)).text

    def _several_tip(self, box: Box, low: float, high: float) -> str:
        lines = [box.row, f"{len(box.members)} nodes, data {low!r} … {high!r}"]
        if box.low is not None:
            lines.append(f"grad {box.low!r} … {box.high!r}")
        return "\n".join(lines)

    def _whole(self, members: list[int]) -> dict[Part, None]:
        """The parts that a box stands for, in order; none for a box of nodes."""
        owners = (self.owner[i] for i in members)
        return {p.at(self.level): None for p in owners if p} if self.level < NODE else {}

    def _read_outside(self, members: list[int], whole: dict[Part, None]) -> list[int]:
        """Those of a part that others read; of other boxes all."""
        if not whole:
            return members
        return [i for i in members if i in self._outputs]

    @cached_property
    def _grads(self) -> list[float]:
        return [v.grad for v in self.nodes]

    @cached_property
    def _outputs(self) -> set[int]:
        found = {s for s, t in self.wiring.edges() if self.at[s] != self.at[t]}
        return found | {i for i, kind in enumerate(self.kinds) if kind == "output"}

    def _arrows(self) -> Iterable[Arrow]:
        merged: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
        at, boxes, wiring = self.at.__getitem__, self.boxes, self.wiring
        several = [box.several for box in boxes]
        for k, (i, j) in enumerate(zip(map(at, wiring.sources), map(at, wiring.targets))):
            if not (several[i] or several[j]):
                yield self._arrow(k, boxes[i], boxes[j])
            elif i != j or not boxes[i].word:  # what flows inside of a part is not shown
                merged[i, j].append(k)
        into: Counter[int] = Counter()
        for (i, j), edges in merged.items():
            yield self._merged(f"b{j}_{into[j]}", self.boxes[i], self.boxes[j], edges)
            into[j] += 1

    def _arrow(self, k: int, source: Box, target: Box) -> Arrow:
        i, place, partial = self.wiring.targets[k], self.wiring.places[k], self.wiring.partials[k]
        arrow = Arrow(f"e{i}_{place}", source, target, bright=source.bright and target.bright)
        if "partials" in self.show:
            arrow.text = self.captions.number(partial)
        if "grad" in self.show and self.known:
            arrow.low = arrow.high = flow(self.nodes[i].grad, partial)
        if "tooltips" in self.show:
            arrow.tip = self.captions.edge_tip(self.nodes[i], place, self.known)
        return arrow

    def _merged(self, key: str, source: Box, target: Box, edges: list[int]) -> Arrow:
        wiring, count = self.wiring, len(edges)
        arrow = Arrow(key, source, target, count=count)
        if self.bright is not None:
            arrow.bright = any(
                wiring.sources[k] in self.bright and wiring.targets[k] in self.bright for k in edges
            )
        partials = [*map(wiring.partials.__getitem__, edges)]
        low, high = spread(partials)
        if "partials" in self.show:
            arrow.text = f"×{count}" if count > 1 else self._short(low)
        if "tooltips" in self.show:
            arrow.tip = f"{count} local derivatives {low!r} … {high!r}"
        if "grad" in self.show and self.known:
            targets = map(wiring.targets.__getitem__, edges)
            grads = [*map(self._grads.__getitem__, targets)]
            products = [*map(mul, grads, partials)]  # right but for 0 times inf
            total = sum(products)
            flows = products if total == total else [*map(flow, grads, partials)]
            arrow.low, arrow.high = spread(flows)
        return arrow

    def _extras(self) -> None:
        """Add three dots where the picture is cut, and the constants if they are wanted."""
        cut_in = {self.at[i] for i in self.wiring.inputs_cut}
        cut_out = {self.at[i] for i in self.wiring.outputs_cut}
        for k, box in enumerate(self.boxes[:]):
            if k in cut_in:
                stub = self._extra(f"{box.key}_in", box, "cut", ["…"])
                self.arrows.append(Arrow(f"{stub.key}_", stub, box, bright=box.bright))
            if k in cut_out:
                stub = self._extra(f"{box.key}_out", box, "cut", ["…"])
                self.arrows.append(Arrow(f"{stub.key}_", box, stub, bright=box.bright))
            if "constants" in self.show and len(box.members) == 1:
                self._constants(self.nodes[box.members[0]], box)

    def _extra(self, key: str, beside: Box, kind: str, lines: list[str]) -> Box:
        box = Box(key, kind, head=lines, row=" ".join(lines), name=lines[0], bright=beside.bright)
        self.boxes.append(box)
        return box

    def _constants(self, v: Value, box: Box) -> None:
        i, written = box.members[0], texts(v, self.of, pretty, self.of[v]) if v.op is DOT else []
        for place, x in enumerate(v.args):
            if not isinstance(x, Value):
                name = str(written[place]) if written and written[place] is not x else ""
                lines = [name] if name else []
                extra = self._extra(f"c{i}_{place}", box, "constant",
                                    [*lines, self.captions.number(x)])  # fmt: skip
                extra.inside = box.inside if not name else None
                extra.tip = f"{name or 'constant'} {x!r}" if "tooltips" in self.show else ""
                self.arrows.append(Arrow(f"e{i}_{place}", extra, box, bright=box.bright))


def spread(xs: list[float]) -> tuple[float, float]:
    """The smallest and the largest, both nan if one is."""
    total = sum(xs)
    if total != total and any(x != x for x in xs):
        return math.nan, math.nan
    return min(xs), max(xs)


def _call(owner: dict[Value, Part], called: Called) -> None:
    """Put the caller's names into the captions of modules: of the Module with these parameters."""
    parameters: defaultdict[Part, set[Value]] = defaultdict(set)
    for v, part in owner.items() if called.modules else ():
        if v.op is None:
            parameters[part.at(MODULE)].add(v)
    for module, found in parameters.items():
        exact = [path for path, others in called.modules if found == others]
        wider = [path for path, others in called.modules if found < others]
        if exact or wider:
            module.caption = f"{(exact or wider[::-1])[0]}: {module.caption}"


def _kinds(nodes: list[Value], roots: set[Value], parameters: set[Value]) -> list[str]:
    return [
        "output" if v in roots else
        "inner" if v.op is not None else
        "parameter" if v in parameters else "input"
        for v in nodes
    ]  # fmt: skip


def _near(everything: list[Value], focus: Value, radius: int | None) -> list[Value]:
    """The nodes at most `radius` steps before or after `focus`."""
    place = next((i for i, v in enumerate(everything) if v is focus), None)
    if place is None:
        raise ValueError(f"draw: focus = {shown(focus)} is not in the graph; give a node of it")
    steps = 2 if radius is None else radius
    after, found = {focus: 0}, {focus: None}
    for v in everything[place + 1 :] if steps else ():
        if not after.keys().isdisjoint(v.args):
            distance = 1 + min(after[a] for a in v.args if isinstance(a, Value) and a in after)
            if distance <= steps:
                found[v] = None
            if distance < steps:
                after[v] = distance
    front = [focus]
    for _ in range(steps):
        front = [a for v in front for a in v.args if isinstance(a, Value) and a not in found]
        found.update(dict.fromkeys(front))
    return [v for v in everything if v in found]


def _between(wiring: Wiring, path: tuple[Value, Value] | None) -> set[int] | None:
    """The nodes on all paths from one value to another; None if none is asked for."""
    if path is None:
        return None
    for v in path:
        if v not in wiring.at:
            raise ValueError(f"draw: path: {shown(v)} is not in the picture; give two nodes of it")
    start, end = (wiring.at[v] for v in path)
    found = wiring.ahead(start).keys() & wiring.behind(end).keys()
    if not found:
        raise ValueError(
            f"draw: path: nothing leads from {shown(path[0])} to {shown(path[1])}; give an input "
            "of a computation first, then its result"
        )
    return found


def _common(found: set[Part | None]) -> Part | None:
    """The smallest part that all of these lie in."""
    while len(found) > 1 and None not in found:
        found = {part.above for part in found if part}
    return None if None in found or not found else found.pop()


def _part_caption(whole: list[Part]) -> tuple[int, list[str]]:
    """How many, and the lines of a box of parts."""
    first, n = whole[0], len(whole)
    neurons = [p for part in whole for p in part.neurons()]
    times = max(len(p.runs) for p in neurons)
    again = f"×{times}" if times > 1 else ""
    if n > 1:
        same = len({part.caption for part in whole}) == 1
        name = first.caption if same else first.caption.split()[0]
        return n, [f"{name} ×{n}{', each ' + again if again else ''}"]
    lines = [f"{first.caption} {again}".rstrip()]
    if first.level == NEURON:
        z = "Σ wx + b" if len(first.runs[0].args) % 2 else "Σ wx"
        lines.append(f"{first.activation}({z})" if first.activation else z)
    elif first.level == LAYER:
        lines.append(f"{len(neurons)} neuron{'s' * (len(neurons) > 1)}")
    return times, lines
