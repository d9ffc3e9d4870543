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
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from .engine import DOT, Value, kinds, order, record
from .ieee import shown
from .modes import active, no_modes, tracing
from .ops import Row
from .text import WHERE, Spelling, Text, decimal, name_of, plain, pretty, slopes, unicode

__all__ = ["Edge", "adjoints", "edges", "formula", "names", "order", "slope", "table", "texts"]

NOTHING: Mapping[Any, Any] = MappingProxyType({})


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


def names(
    nodes: list[Value], spelling: Spelling = plain, called: Mapping[Value, str] = NOTHING
) -> dict[Value, str]:
    """A different name for each of the nodes: its label, else x_i as input i of a dot, else v1 ...

    called   names that go before labels

    >>> a = Value(1.0, label="a")
    >>> list(names(order(a + Value(2.0, label="a"))).values())
    ['a', 'a⁽²⁾', 'v1']
    """
    given = {v: name_of(called.get(v) or v.label) for v in nodes if v.label or v in called}
    for v in nodes:
        for i, x in dot_inputs(v):
            if isinstance(x, Value) and x.op is None:
                given.setdefault(x, f"x_{i}")
    taken = {unicode(label) for label in given.values()}
    free = (name for i in itertools.count(1) if (name := f"v{i}") not in taken)
    found: dict[Value, str] = {}
    seen: Counter[str] = Counter()
    for v in nodes:
        label = given.get(v)
        if label is None:
            found[v] = spelling.spell(next(free))
            continue
        name = unicode(label)
        seen[name] += 1
        while seen[name] > 1 and plain.again(name, seen[name]) in taken:
            seen[name] += 1
        found[v] = spelling.again(spelling.spell(label), seen[name])
    return found


def result_name(of: Mapping[Value, str]) -> str | None:
    """What a result without a label is called: y, else f; None if both are taken."""
    taken = {*of.values()}
    return next((name for name in "yf" if name not in taken), None)


def dot_inputs(v: Value) -> Iterator[tuple[int, Any]]:
    """The inputs x_i of a dot, counted from 1; nothing for another node."""
    n = len(v.args) // 2 if v.op is DOT else 0
    return enumerate(v.args[n : 2 * n], 1)


def texts(
    v: Value, of: Mapping[Value, str | Text], m: Spelling, name: str = "", unnamed: str = "…"
) -> list[Any]:
    """The arguments of a node in a formula: names or Texts; x_i for a plain input of a dot.

    name   the node's own; if it ends in ⁽²⁾, as of the second observation, so does x_i
    """
    given = [of.get(a, unnamed) if isinstance(a, Value) else a for a in v.args]
    found = [m.word(a) if isinstance(a, str) else a for a in given]
    if m is not plain:  # which is for reading back
        for i, x in dot_inputs(v):
            if not isinstance(x, Value):
                label = m.again(m.spell(f"x_{i}"), m.times_of(name))
                found[len(v.args) // 2 + i - 1] = m.word(label)
    return found


def formula(v: Value, of: Mapping[Value, str], spelling: Spelling = plain) -> str:
    """How a node was computed, in the names of its inputs; empty for a leaf.

    >>> x = Value(2.0, label="x")
    >>> y = 1 / x.exp()
    >>> formula(y, names(order(y)))
    '1/v1'
    """
    if v.op is None:
        return ""
    return spelling.inside(
        getattr(spelling, v.op.name)(*texts(v, of, spelling, of.get(v, ""))), WHERE
    )


def slope(v: Value, place: int, of: Mapping[Value, str], spelling: Spelling = pretty) -> str:
    """The derivative of a node by its input at `place`, in the names of its inputs.

    >>> z = Value(0.0, label="z")
    >>> slope(z.sigmoid(), 0, {z: "z"})
    'σ(z)(1 − σ(z))'
    """
    m, row = spelling.short, v.op
    if row is None:
        raise ValueError(f"slope: {shown(v)} is a leaf, which has no inputs")
    args = texts(v, of, m, of.get(v, ""))
    y = m.word(of[v]) if row.arity is None and v in of else getattr(m, row.name)(*args)
    return m.inside(slopes(row, m, y, *args)[place], WHERE)


def adjoints(root: Value) -> dict[Value, float]:
    """The derivative of `root` by each node it depends on, by a sweep that touches no `.grad`.

    The same additions in the same order as backward(), so the same digits.

    >>> x = Value(3.0)
    >>> y = x * x
    >>> adjoints(y)[x], x.grad
    (6.0, 0.0)
    """
    nodes = order(root)
    found = dict.fromkeys(nodes, 0.0)
    found[root] = 1.0
    for v in reversed(nodes):
        g = found[v]
        if g != 0.0:
            for a, partial in zip(v.args, v.partials):
                if a.__class__ is Value:
                    found[a] += g * partial
    return found


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
                memo[id(v)] = _restored(v.op, args, v.partials, _number(v), v.grad, v.label)
        return Snapshot(memo[id(self.root)], copied=True)

    def __reduce__(self) -> tuple[Any, ...]:
        if active and tracing():
            raise TypeError("a Value cannot be pickled while a function is traced; copy it")
        nodes = order(self.root)
        at = {v: i for i, v in enumerate(nodes)}
        return _unpacked, ([v if v.op is None else _fields(v, at) for v in nodes],)


def _fields(v: Value, at: dict[Value, int]) -> tuple[Any, ...]:
    """What makes an inner node again, with places in a list for its inputs."""
    args = [at[a] if isinstance(a, Value) else a for a in v.args]
    return v.op, args, v.partials, _number(v), v.grad, v.label


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
    with no_modes():  # a copy made under no_grad() is a copy all the same
        v = Value(data) if op is None else record(data, op, args, partials)
    v.grad, v.label = grad, label
    return v


def _root(snapshot: Snapshot) -> Value:
    v = snapshot.root
    if snapshot.copied:
        return v
    return _restored(v.op, v.args, v.partials, _number(v), v.grad, v.label)


def _reduce(v: Value) -> tuple[Any, ...]:
    if v.op is None and not (active and tracing()):
        return _restored, (None, (), (), v.data, v.grad, v.label)
    return _root, (Snapshot(v),)


def _number(v: Value) -> float:
    """What goes into a copy: while tracing, the data of a leaf is a number that is not known."""
    return v.data if v.op is None else v._num


for kind in kinds:
    copyreg.pickle(kind, _reduce)
