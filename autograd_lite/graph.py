"""The recorded graph as plain data: its nodes in order, its edges, its names, its printed rows.

Also how Values are copied and pickled, without recursion: a pickle or a deep copy holds the whole
graph, keeps data, grad, labels and sharing, and Values pickled together share their leaves.

>>> x, w = Value(2.0, label="x"), Value(-3.0, label="w")
>>> y = (w * x + 6.88).tanh()
>>> y.backward()
>>> print(table(y))
name  formula            data          grad  derivative by its inputs
w                          -3   1.001943488
x                           2  -1.502915231
v1    w*x                  -6  0.5009717438  w: 2, x: -3
v2    v1 + 6.88          0.88  0.5009717438  v1: 1
v3    tanh(v2)   0.7064193204             1  v2: 0.5009717438
"""

from __future__ import annotations

import copyreg
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .engine import Value, order, record
from .modes import always_recording
from .ops import Row
from .text import decimal, plain, unicode

__all__ = ["Edge", "edges", "formula", "names", "order", "table"]


class Edge(NamedTuple):
    """An input of a node, and the derivative of the node by it; two edges for a + a."""

    source: Value
    target: Value
    partial: float
    place: int


def edges(nodes: Iterable[Value]) -> Iterator[Edge]:
    """The edges into these nodes, in order.

    >>> x = Value(3.0)
    >>> [(edge.partial, edge.place) for edge in edges(order(x * x))]
    [(3.0, 0), (3.0, 1)]
    """
    for v in nodes:
        for place, (a, partial) in enumerate(zip(v.args, v.partials, strict=True)):
            if isinstance(a, Value):
                yield Edge(a, v, partial, place)


def names(nodes: list[Value]) -> dict[Value, str]:
    """A different name for each of the nodes: its label in Unicode, else v1, v2, ...

    >>> a = Value(1.0, label="a")
    >>> list(names(order(a + Value(2.0, label="a"))).values())
    ['a', 'a(2)', 'v1']
    """
    labels = {unicode(v.label) for v in nodes}
    free = (name for i in range(1, 2 * len(nodes) + 2) if (name := f"v{i}") not in labels)
    found: dict[Value, str] = {}
    seen: Counter[str] = Counter()
    for v in nodes:
        if v.label:
            name = unicode(v.label)
            seen[name] += 1
            while seen[name] > 1 and f"{name}({seen[name]})" in labels:
                seen[name] += 1
            found[v] = name if seen[name] == 1 else f"{name}({seen[name]})"
        else:
            found[v] = next(free)
    return found


def formula(v: Value, of: dict[Value, str], unnamed: str = "…") -> str:
    """How a node was computed, in the names of its inputs; empty for a leaf.

    >>> x = Value(2.0, label="x")
    >>> y = 1 / x.exp()
    >>> formula(y, names(order(y)))
    '1/v1'
    """
    if v.op is None:
        return ""
    return str(
        getattr(plain, v.op.name)(
            *(plain.symbol(of.get(a, unnamed)) if isinstance(a, Value) else a for a in v.args)
        )
    )


def table(*roots: Value, digits: int = 10, nodes: list[Value] | None = None) -> str:
    """The graph, or these nodes, as text: name, formula, data, grad, derivative by each input."""
    of = names(order(*roots) if nodes is None else nodes)
    lines = [("name", "formula", "data", "grad", "derivative by its inputs")]
    for v, name in of.items():
        by = ", ".join(
            f"{of.get(a, '…')}: {decimal(p, digits)}"
            for a, p in zip(v.args, v.partials, strict=True)
            if isinstance(a, Value)
        )
        lines.append((name, formula(v, of), decimal(v.data, digits), decimal(v.grad, digits), by))
    width = [max(len(line[i]) for line in lines) for i in range(4)]
    return "\n".join(
        f"{n:<{width[0]}}  {f:<{width[1]}}  {d:>{width[2]}}  {g:>{width[3]}}  {by}".rstrip()
        for n, f, d, g, by in lines
    )


# Copies and pickles


class Snapshot:
    """A graph on its way into a pickle or a deep copy."""

    def __init__(self, root: Value, copied: bool = False) -> None:
        self.root, self.copied = root, copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Snapshot:
        for v in order(self.root):
            if id(v) not in memo:
                args = [memo[id(a)] if isinstance(a, Value) else a for a in v.args]
                memo[id(v)] = _restored(v.op, args, v.partials, v.data, v.grad, v.label)
        return Snapshot(memo[id(self.root)], copied=True)

    def __reduce__(self) -> tuple[Any, ...]:
        nodes = order(self.root)
        at = {v: i for i, v in enumerate(nodes)}
        return _unpacked, ([v if v.op is None else _fields(v, at) for v in nodes],)


def _fields(v: Value, at: dict[Value, int]) -> tuple[Any, ...]:
    """What makes an inner node again, with places in a list for its inputs."""
    args = [at[a] if isinstance(a, Value) else a for a in v.args]
    return v.op, args, v.partials, v.data, v.grad, v.label


def _unpacked(items: list[Any]) -> Snapshot:
    nodes: list[Value] = []
    for item in items:
        if not isinstance(item, Value):
            op, args, *rest = item
            args = [nodes[a] if isinstance(a, int) else a for a in args]
            item = _restored(op, args, *rest)
        nodes.append(item)
    return Snapshot(nodes[-1], copied=True)


def _restored(
    op: Row | None, args: Any, partials: Any, data: float, grad: float, label: str
) -> Value:
    with always_recording():  # a copy made under no_grad() is a copy all the same
        v = Value(data) if op is None else record(data, op, args, partials)
    v.grad, v.label = grad, label
    return v


def _root(snapshot: Snapshot) -> Value:
    v = snapshot.root
    if snapshot.copied:
        return v
    return _restored(v.op, v.args, v.partials, v.data, v.grad, v.label)


def _reduce(v: Value) -> tuple[Any, ...]:
    if v.op is None:
        return _restored, (None, (), (), v.data, v.grad, v.label)
    return _root, (Snapshot(v),)


copyreg.pickle(Value, _reduce)
