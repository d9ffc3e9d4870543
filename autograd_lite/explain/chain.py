"""The chain rule as data: the named nodes between a result and some inputs, and their factors.

A node is named if it has a label; nodes without one are folded into the factors, as one does by
hand, unless their formula gets long.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ..engine import Value
from ..graph import adjoints, dot_inputs, names, order, result_name, texts
from ..ops import Row, floats
from ..text import WHERE, Spelling, pretty, slopes

MOST_NODES = 5000
LONGEST = 60  # characters of the formula of a node without a name
DEEPEST = 20  # steps that the formula of a node which does not depend on wrt goes back


class Chain:
    """What the derivation of `root` by each of `wrt` is made of, as it is now.

    named        the named nodes that depend on one of wrt, inputs before outputs
    definitions  those without a label among the named nodes and in the formulas
    factors      the derivative of a named node by another, through nodes without a name only
    users        the named nodes that use a named node: the first of each pair in factors
    sweep        the derivative of root by each node, by a separate backward sweep
    data, grads  the numbers at this moment

    Raises ValueError for more than 5000 nodes between root and wrt.
    """

    def __init__(self, root: Value, wrt: Sequence[Value], called: Mapping[Value, str]) -> None:
        self.root, self.wrt, self.called = root, wrt, called
        self.nodes = order(root)
        self.place = {v: i for i, v in enumerate(self.nodes)}
        self.depends = dict.fromkeys(v for v in wrt if v in self.place)
        for v in self.nodes:
            if v not in self.depends and any(a in self.depends for a in _inputs(v)):
                self.depends[v] = None
        if len(self.depends) > MOST_NODES:
            raise ValueError(
                f"explain: {len(self.depends)} nodes lie between the result and wrt, too many to "
                f"read (at most {MOST_NODES}); explain a part: an earlier result, one observation, "
                "or wrt= a node nearer to the result"
            )
        self.near = self._near()
        inputs = [x for v in self.near for _, x in dot_inputs(v) if isinstance(x, Value)]
        by_place = [x for x in inputs if x.op is None]  # which are called x_i
        known = dict.fromkeys([*by_place, *filter(self.has_name, self.near)])
        self.fixed = dict.fromkeys([root, *wrt, *known, *self.cut])
        self.data = {v: v.data for v in [*self.near, *wrt, root]}
        self.grads = {v: v.grad for v in wrt}
        self._names: dict[Spelling, dict[Value, str]] = {}
        self._texts: dict[tuple[Spelling, bool], dict[Value, Any]] = {}
        self._promote()
        self.definitions = [v for v in self.near if v in self.fixed and v not in known]
        self.named = [v for v in self.nodes if v in self.depends and v in self.fixed]
        self.sweep = adjoints(root)
        self.factors: dict[tuple[Value, Value], float] = {}
        self.users: dict[Value, list[Value]] = {v: [] for v in self.named}
        for v in reversed(self.named):
            for a, factor in self.flow(v, 1.0, lambda u: u.partials, times).items():
                self.factors[v, a] = factor
                self.users[a].append(v)
        self.changed = dict.fromkeys(filter(self._has_changed, self.near))
        self.doubts = [*self._doubts()]

    def has_name(self, v: Value) -> bool:
        """Whether the reader knows a node by a name of its own."""
        return bool(v.label) or v in self.called

    def _near(self) -> list[Value]:
        """The nodes that depend on wrt, and what their formulas are made of."""
        found = dict.fromkeys(self.depends)
        front = [*found]
        for _ in range(DEEPEST):
            if len(found) > 2 * MOST_NODES:
                break
            front = [a for v in front for a in _inputs(v) if a not in found]
            found.update(dict.fromkeys(front))
            front = [a for a in dict.fromkeys(front) if not self.has_name(a)]
        self.cut = dict.fromkeys(v for v in front if v.op is not None)
        return sorted(found, key=lambda v: self.place.get(v, -1))

    def names(self, m: Spelling) -> dict[Value, str]:
        """The names in this spelling; the result is y where it has no label."""
        if m not in self._names:
            near = self.nodes if len(self.nodes) <= 20 * MOST_NODES else self.near
            of = names([*near, *(v for v in self.wrt if v not in self.place)], m, self.called)
            if not self.has_name(self.root) and self.root.op is not None:
                of[self.root] = result_name(of) or of[self.root]
            self._names[m] = of
        return self._names[m]

    def _promote(self) -> None:
        """Name the nodes without a label where formulas of nodes or factors would be long."""
        m = pretty.short
        of, written = self.names(m), self._texts.setdefault((m, False), {})
        length = dict.fromkeys(self.near, 0)  # of the factors from a node down to named ones

        def name(v: Value) -> None:
            self.fixed[v] = None
            written[v], length[v] = m.word(of[v]), 0

        for v in self.near:
            written[v] = self._text(v, m, False)
            if v in self.depends and v.op is not None:
                for a, slope in zip(v.args, self.slopes(v, m, False)):
                    if isinstance(a, Value) and a in self.depends:
                        here = len(m.inside(slope, WHERE))
                        if a not in self.fixed and here + length[a] > LONGEST:
                            name(a)
                        length[v] = max(length[v], here + length[a])
            if v in self.fixed:
                length[v] = 0
            elif len(m.inside(written[v], WHERE)) > LONGEST:
                name(v)
        self._texts.clear()  # some were written before a part of them got its name

    def texts(self, m: Spelling, numbers: bool) -> dict[Value, Any]:
        """The near nodes as they stand in a formula, by names or in numbers."""
        if (m, numbers) not in self._texts:
            written = self._texts.setdefault((m, numbers), {})
            for v in self.near:
                written[v] = self._text(v, m, numbers)
        return self._texts[m, numbers]

    def _text(self, v: Value, m: Spelling, numbers: bool) -> Any:
        if v in self.fixed and not numbers:
            return m.word(self.names(m)[v])
        return (
            m.number(self.data[v])
            if v in self.fixed or v.op is None
            else self.result(v, m, numbers)
        )

    def arguments(self, v: Value, m: Spelling, numbers: bool) -> list[Any]:
        written = self.texts(m, numbers)
        if numbers:
            return [written[a] if isinstance(a, Value) else a for a in v.args]
        return texts(v, written, m, self.names(m)[v])

    def result(self, v: Value, m: Spelling, numbers: bool = False) -> Any:
        """How a node is computed."""
        return getattr(m, v.op.name)(*self.arguments(v, m, numbers))  # type: ignore[union-attr]

    def slopes(self, v: Value, m: Spelling, numbers: bool) -> Sequence[Any]:
        """The derivatives of a node by its inputs, as they are written."""
        row: Any = v.op
        if numbers:
            y = m.number(self.data[v])
        elif row.arity is None:
            y = self.texts(m, False)[v]
        else:
            y = self.result(v, m)
        return slopes(row, m, y, *self.arguments(v, m, numbers))

    def formulas(self, v: Value, m: Spelling, numbers: bool) -> dict[Value, Any]:
        """The derivative of a named node by the next named ones, as it is written."""
        self.texts(m, numbers)
        return self.flow(v, 1.0, lambda u: self.slopes(u, m, numbers), m.mul)

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

    def _now(self, v: Value) -> list[float]:
        """The present numbers of a node's inputs."""
        return [self.data[a] if isinstance(a, Value) else a for a in v.args]

    def _has_changed(self, v: Value) -> bool:
        """Whether the number of a node is no longer what its operation gives."""
        if v.op is None or not all(a in self.data for a in _inputs(v)):
            return False
        again: float = v.op.value(floats, *self._now(v))
        return again != self.data[v] and again == again

    def _doubts(self) -> Iterator[tuple[Value, Row, float, float]]:
        """The nodes whose derivative is another number than its usual formula gives, and both."""
        for v in self.depends:
            row = v.op
            if row is None or row.textbook is None or v in self.changed:
                continue
            usual = row.textbook(floats, self.data[v], *self._now(v))
            for a, x, other in zip(v.args, v.partials, usual):
                if isinstance(a, Value) and a in self.depends and not _close(x, other):
                    yield v, row, x, other


def _inputs(v: Value) -> list[Value]:
    return [a for a in v.args if isinstance(a, Value)]


def times(g: float, partial: float) -> float:
    """An adjoint that is exactly 0 passes on exactly 0."""
    return g * partial if g != 0.0 else 0.0


def _close(x: float, y: float) -> bool:
    return x == y or (x != x and y != y) or abs(x - y) <= 1e-9 * abs(x)
