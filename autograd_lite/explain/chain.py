"""The chain rule as data: the named nodes between a result and some inputs, and their factors.

A node is named if it has a label; nodes without one are folded into the factors, as one does by
hand, unless their formula gets long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..engine import Value
from ..graph import adjoints, dot_inputs, names, order, texts
from ..ops import floats
from ..text import WHERE, Spelling, pretty, slopes

MOST_NODES = 5000
LONGEST = 60  # characters of the formula of a node without a name
DEEPEST = 20  # steps that the formula of a node which does not depend on wrt goes back


class Chain:
    """What the derivation of `root` by each of `wrt` is made of.

    named     the named nodes that depend on one of wrt, inputs before outputs
    factors   the derivative of a named node by another, through nodes without a name only
    auxiliary the nodes that got a name although they have no label, to keep formulas short
    users     the named nodes that use a named node: the first of each pair in factors
    sweep     the derivative of root by each node, by a sweep of its own

    Raises ValueError for more than 5000 nodes between root and wrt.
    """

    def __init__(self, root: Value, wrt: Sequence[Value]) -> None:
        self.root, self.wrt = root, wrt
        nodes = order(root)
        self.nodes = nodes
        self.place = {v: i for i, v in enumerate(nodes)}
        self.depends = dict.fromkeys(v for v in wrt if v in self.place)
        for v in nodes:
            if v not in self.depends and any(a in self.depends for a in _inputs(v)):
                self.depends[v] = None
        self.near = [] if len(self.depends) > MOST_NODES else self._near()
        if max(len(self.depends), len(self.near)) > MOST_NODES:
            raise ValueError(
                f"explain: {len(self.depends)} nodes lie between the result and wrt, too many to "
                f"read (at most {MOST_NODES}); explain a part: an earlier result, one observation, "
                "or wrt= a node nearer to the result"
            )
        inputs = [x for v in self.near for _, x in dot_inputs(v) if isinstance(x, Value)]
        labelled = [v for v in self.near if v.label]
        plain_inputs = [x for x in inputs if x.op is None]  # which are called x_i
        self.fixed = dict.fromkeys([root, *wrt, *labelled, *plain_inputs, *self.cut])
        self._names: dict[Spelling, dict[Value, str]] = {}
        self._texts: dict[tuple[Spelling, int], dict[Value, Any]] = {}
        self.auxiliary = self._promote()
        self.named = [v for v in nodes if v in self.depends and v in self.fixed]
        self.sweep = adjoints(root)
        self.factors: dict[tuple[Value, Value], float] = {}
        self.users: dict[Value, list[Value]] = {v: [] for v in self.named}
        for v in reversed(self.named):
            for a, factor in self.flow(v, 1.0, lambda u: u.partials, times).items():
                self.factors[v, a] = factor
                self.users[a].append(v)

    def _near(self) -> list[Value]:
        """The nodes that depend on wrt, and what their formulas are made of."""
        found = dict.fromkeys(self.depends)
        front = [*found]
        for _ in range(DEEPEST):
            front = [a for v in front for a in _inputs(v) if a not in found]
            found.update(dict.fromkeys(front))
            front = [a for a in dict.fromkeys(front) if not a.label]
        self.cut = dict.fromkeys(v for v in front if v.op is not None)
        return sorted(found, key=lambda v: self.place.get(v, -1))

    def names(self, m: Spelling) -> dict[Value, str]:
        """The names in this spelling; the result is y where it has no label."""
        if m not in self._names:
            near = self.nodes if len(self.nodes) <= 20 * MOST_NODES else self.near
            of = names([*near, *(v for v in self.wrt if v not in self.place)], m)
            if not self.root.label:
                of[self.root] = next((n for n in "yf" if n not in of.values()), of[self.root])
            self._names[m] = of
        return self._names[m]

    def _promote(self) -> list[Value]:
        """Name the nodes without a label where formulas of nodes or factors would be long."""
        m, of = pretty.short, self.names(pretty.short)
        written: dict[Value, Any] = {}
        self._texts[m, 0] = written
        length = dict.fromkeys(self.near, 0)  # of the factors from a node down to named ones
        new: list[Value] = []

        def name(v: Value) -> None:
            self.fixed[v] = None
            new.append(v)
            written[v], length[v] = m.word(of[v]), 0

        for v in self.near:
            written[v] = self._text(v, m, 0)
            if v in self.depends and v.op is not None:
                for a, slope in zip(v.args, self._slopes(v, m, 0)):
                    if isinstance(a, Value) and a in self.depends:
                        here = len(m.inside(slope, WHERE))
                        if a not in self.fixed and here + length[a] > LONGEST:
                            name(a)
                        length[v] = max(length[v], here + length[a])
            if v in self.fixed:
                length[v] = 0
            elif len(m.inside(written[v], WHERE)) > LONGEST:
                name(v)
        self._texts.clear()
        return sorted(new, key=self.place.__getitem__)

    def texts(self, m: Spelling, digits: int) -> dict[Value, Any]:
        """The near nodes as they stand in a formula: names, or numbers of so many digits."""
        if (m, digits) not in self._texts:
            written: dict[Value, Any] = {}
            self._texts[m, digits] = written
            for v in self.near:
                written[v] = self._text(v, m, digits)
        return self._texts[m, digits]

    def _text(self, v: Value, m: Spelling, digits: int) -> Any:
        if v in self.fixed:
            return m.number(v.data, digits) if digits else m.word(self.names(m)[v])
        if v.op is None:
            return m.number(v.data, digits or 17)
        return self.result(v, m, digits)

    def arguments(self, v: Value, m: Spelling, digits: int) -> list[Any]:
        written = self.texts(m, digits)
        if digits:
            return [written[a] if isinstance(a, Value) else a for a in v.args]
        return texts(v, written, m, self.names(m)[v])

    def result(self, v: Value, m: Spelling, digits: int) -> Any:
        """How a node is computed."""
        return getattr(m, v.op.name)(*self.arguments(v, m, digits))  # type: ignore[union-attr]

    def flow(
        self,
        v: Value,
        one: Any,
        partials: Callable[[Value], Sequence[Any]],
        times: Callable[[Any, Any], Any],
    ) -> dict[Value, Any]:
        """The derivative of a named node by the next named ones, of whatever kind of number."""
        region = {v: None}
        for u in (stack := [v]):
            for a in _inputs(u):
                if a in self.depends and a not in self.fixed and a not in region:
                    region[a] = None
                    stack.append(a)
        found: dict[Value, Any] = {v: one}
        for u in sorted(region, key=self.place.__getitem__, reverse=True):
            for a, partial in zip(u.args, partials(u)):
                if isinstance(a, Value) and a in self.depends:
                    term = times(found[u], partial)
                    found[a] = found[a] + term if a in found else term
        return {a: x for a, x in found.items() if a not in region}

    def formulas(self, m: Spelling, v: Value, digits: int = 0) -> dict[Value, Any]:
        """The derivative of a named node by the next named ones, written; digits: in numbers."""
        self.texts(m, digits)
        return self.flow(v, 1.0, lambda u: self._slopes(u, m, digits), m.mul)

    def _slopes(self, v: Value, m: Spelling, digits: int) -> Sequence[Any]:
        args = self.arguments(v, m, digits)
        if digits:
            y: Any = m.number(v.data, digits)
        elif v.op is not None and v.op.arity is None:
            y = m.word(self.names(m)[v])
        else:
            y = self.result(v, m, 0)
        return slopes(v.op, m, y, *args)  # type: ignore[arg-type]

    def count(self) -> dict[Value, int]:
        """The number of paths from the result to each named node."""
        found = dict.fromkeys(self.named, 0)
        if self.named:
            found[self.root] = 1
        for v in reversed(self.named):
            for user in self.users[v]:
                found[v] += found[user]
        return found

    def adjoints(self, factors: Mapping[tuple[Value, Value], float]) -> dict[Value, float]:
        """The derivative of the result by each named node, from such factors."""
        found = dict.fromkeys(self.named, 0.0)
        if self.named:
            found[self.root] = 1.0
        for v in reversed(self.named):
            for user in self.users[v]:
                found[v] += times(found[user], factors[user, v])
        return found

    def paths(self, to: Value) -> list[list[Value]]:
        """The paths from the result to a named node, each as a list of named nodes."""
        done, open_ = [], [[to]] if to in self.users else []
        while open_:
            path = open_.pop()
            if path[-1] is self.root:
                done.append(path[::-1])
            open_ += [[*path, user] for user in self.users[path[-1]]]
        return done

    def changed(self) -> list[Value]:
        """The named inputs of nodes whose number is no longer what their operation gives."""
        found: dict[Value, None] = {}
        for v in self.near:
            if v.op is not None:
                again = v.op.value(floats, *(a.data if isinstance(a, Value) else a for a in v.args))
                if again != v.data and again == again:
                    found.update(dict.fromkeys(a for a in _inputs(v) if a.label))
        return [*found]


def _inputs(v: Value) -> list[Value]:
    return [a for a in v.args if isinstance(a, Value)]


def times(g: float, partial: float) -> float:
    """An adjoint that is exactly 0 passes on exactly 0."""
    return g * partial if g != 0.0 else 0.0
