"""What is checked, in one shape: a point, the gradient under test, the function, its graph."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from typing import Any, NamedTuple

from ..diagnose import record_source
from ..engine import Value, apply, order
from ..graph import NOTHING, names
from ..ieee import floats, shown
from ..modes import no_modes
from ..text import unicode
from ..transforms import gradient as gradient_graph
from .arguments import Arguments, numbers, single
from .oracles import replayed

Point = Sequence[float]


class Subject(NamedTuple):
    """A function at a point, with the gradient that is to be judged.

    names, point   the inputs
    gradient       the derivatives under test
    value          the function at the point
    at             the function at other points
    root, leaves   the recorded graph and its inputs; root is None if there is no graph to trust
    nodes          of the graph, in order
    gradient_at    the gradient under test at other points
    recorded_at    the graph recorded at other points, or None
    by_backward    whether the gradient is that of backward(), not one of somebody's own
    notes          what was noticed on the way, in sentences
    void           why no derivative of this function can be right; empty if one can
    """

    names: Sequence[str]
    point: Point
    gradient: Point
    value: float
    at: Callable[[Point], float]
    root: Value | None
    leaves: Sequence[Value]
    nodes: Sequence[Value]
    gradient_at: Callable[[Point], Point] | None = None
    recorded_at: Callable[[Point], tuple[Value, Sequence[Value]]] | None = None
    by_backward: bool = True
    notes: tuple[str, ...] = ()
    void: str = ""

    def anywhere(self, point: Point) -> float:
        """The function at a point that may be outside of its domain: nan where it raises."""
        try:
            return self.at(point)
        except (ArithmeticError, ValueError):
            return math.nan

    def along(self, i: int) -> Callable[[float], float]:
        """The function of input i alone."""
        return lambda x: self.anywhere([*self.point[:i], x, *self.point[i + 1 :]])

    def replay_along(self, i: int) -> Callable[[float], float]:
        """The same by the recorded graph."""
        nodes, root, fixed = self.nodes, self.root, dict(zip(self.leaves, self.point))
        assert root is not None
        return lambda x: replayed(nodes, root, {**fixed, self.leaves[i]: x})

    def called(self) -> dict[Value, str]:
        """A name for each node: the inputs' own names, v1, v2 ... for the rest."""
        inputs = {v: name for v, name in zip(self.leaves, self.names) if name.isidentifier()}
        return names(list(self.nodes), called=inputs)

    def nodes_at(self, i: int, x: float) -> tuple[list[Value], Sequence[Value]] | None:
        """The graph and its inputs as the function records them where input i is x."""
        if self.recorded_at is None:
            return None
        y, leaves = self.recorded_at([*self.point[:i], x, *self.point[i + 1 :]])
        return order(y), leaves


def of_function(f: Callable[..., Any], at: Any) -> Subject:
    """The gradient of f by backward()."""
    given = Arguments(f, at)

    def recorded(point: Point, sourced: bool = False) -> tuple[Value, list[Value]]:
        leaves = [Value(x, label or name)
                  for x, label, name in zip(point, given.labels, given.names)]  # fmt: skip
        with no_modes(), record_source() if sourced else nullcontext():
            y = f(*given.built(leaves))
        if not isinstance(y, Value):
            raise TypeError(
                f"check_grads: f must return a Value, not {type(y).__name__} {shown(y)}; "
                "is the result several, independent of the inputs, or computed from .data?"
            )
        return y, leaves

    y, leaves = recorded(given.point, sourced=True)
    captured = [v for v in order(y) if v.op is None and v not in {*leaves}]
    for v in captured:
        if any(v is x for x in given.at):
            raise ValueError(
                f"check_grads: f uses {shown(v)} of `at` as captured from outside, not its "
                "argument; use the arguments, or give what f returns: check_grads(f(...))"
            )
    if moves := _changed(captured, recorded, given.point):
        return Subject(
            given.names, given.point, _swept(y, leaves), y.data, lambda p: recorded(p)[0].data,
            None, leaves, (), notes=(moves,), void="f changes Values that it captured",
        )  # fmt: skip
    changed = tuple(
        f"f changes the data of its argument {name} under way, from {x!r} to {v.data!r}: make a "
        "new Value instead"
        for name, x, v in zip(given.names, given.point, leaves)
        if v.data != x and v.data == v.data
    ) or stale(y, dict(zip(leaves, given.names)))
    root, nodes = (None, []) if changed else (y, order(y))
    return Subject(
        given.names, given.point, _swept(y, leaves), y.data, lambda p: recorded(p)[0].data,
        root, leaves, nodes, lambda p: _swept(*recorded(p)), recorded, notes=changed,
    )  # fmt: skip


def of_graph(y: Value, at: Sequence[Value] | None) -> Subject:
    """The gradient of a recorded Value by its leaves; touches no `grad` in the end."""
    nodes = order(y)
    leaves = [v for v in nodes if v.op is None] if at is None else list(at)
    for i, v in enumerate(leaves):
        if not isinstance(v, Value) or v.op is not None:
            raise TypeError(
                f"check_grads: at[{i}] = {shown(v)} must be a leaf of the recorded graph; leave "
                "`at` out for all of them"
            )
    before = [(v, v.grad) for v in dict.fromkeys([*nodes, *leaves])]
    found = _swept(y, leaves)
    for v, grad in before:
        v.grad = grad
    of = names(list(dict.fromkeys([*leaves, *nodes])))
    notes = stale(y, of)
    root = _recorded_again(nodes)[y] if notes else y
    return Subject(
        [of[v] for v in leaves], [v.data for v in leaves], found, root.data,
        lambda p: replayed(nodes, y, dict(zip(leaves, p))), root, leaves, order(root),
        notes=notes,
    )  # fmt: skip


def of_gradient(f: Callable[..., Any], at: Any, gradient: Callable[..., Any] | bool) -> Subject:
    """A gradient of somebody's own, by hand or from another library.

    If f takes Values, too, its graph is one more witness.
    """
    given = Arguments(f, at)
    both = gradient is True

    def value(point: Point) -> float:
        built = given.built(point)
        return single(pair(built)[0] if both else f(*built), "the result of f")

    def pair(built: Sequence[Any]) -> tuple[Any, Any]:
        found = f(*built)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            raise TypeError(
                "check_grads: with gradient=True f must return the pair (value, gradient), not "
                f"{type(found).__name__} {shown(found)}"
            )
        return found[0], found[1]

    def gradient_at(point: Point) -> Point:
        built = given.built(point)
        found = numbers(pair(built)[1] if gradient is True else gradient(*built), "gradient")  # type: ignore[operator]
        if len(found) != len(point):
            raise ValueError(
                f"check_grads: gradient gives {len(found)} derivatives for {len(point)} inputs "
                f"({', '.join(given.names)[:60]}); give one for each"
            )
        return found

    y, leaves, root = value(given.point), [Value(x) for x in given.point], None
    with suppress(Exception), no_modes(), record_source():
        traced = f(*given.built(leaves))
        traced = traced[0] if both else traced
        if isinstance(traced, Value) and traced.data == y and not stale(traced):
            root = traced
    return Subject(
        given.names, given.point, gradient_at(given.point), y, value, root, leaves,
        () if root is None else order(root), gradient_at, by_backward=False,
    )  # fmt: skip


def second_order(of: Subject) -> list[Subject]:
    """For each input, the derivative by it as a function, whose own gradient is to be judged."""
    recorded_at, gradient_at, root = of.recorded_at, of.gradient_at, of.root
    if recorded_at is None or gradient_at is None or root is None:
        raise ValueError(
            "check_grads: order=2 needs a function of Values that changes no data, and no gradient="
        )

    def derivative(i: int) -> Subject:
        def graph_at(point: Point) -> tuple[Value, Sequence[Value]]:
            y, leaves = recorded_at(point)
            return gradient_graph(y, leaves)[i], leaves

        slope, leaves = graph_at(of.point)
        return Subject(
            [f"{of.names[i]}, {name}" for name in of.names], of.point, _swept(slope, leaves),
            slope.data, lambda p: gradient_at(p)[i], slope, leaves, order(slope),
            lambda p: _swept(*graph_at(p)), graph_at,
        )  # fmt: skip

    return [derivative(i) for i in range(len(of.point))]


def _changed(captured: Sequence[Value], recorded: Callable[..., Any], point: Point) -> str:
    """What is to be said if f changes the data of Values that it captured."""
    before = [v.data for v in captured]
    if captured:
        with suppress(Exception):  # the point may be outside of the function's domain
            recorded([x + 1e-3 * max(1.0, abs(x)) for x in point])
        changed = [v for v, x in zip(captured, before) if v.data != x and x == x]
        recorded(point)
        if changed:
            n, label = len(changed), unicode(changed[0].label)
            which = f"a Value{f' {label}' * bool(label)}" if n == 1 else f"{n} Values"
            return (
                f"f changes the data of {which} that it captured, so its arguments are not in the "
                "graph; compute with the arguments themselves, or check the recorded result: "
                "check_grads(loss)"
            )
    return ""


def _swept(y: Value, leaves: Sequence[Value]) -> list[float]:
    y.zero_grad()
    for v in leaves:
        v.grad = 0.0
    y.backward()
    return [v.grad for v in leaves]


def stale(y: Value, called: dict[Value, str] | Any = NOTHING) -> tuple[str, ...]:
    """Whether a node no longer follows from its inputs, in a sentence: their data was changed."""
    nodes = order(y)
    for v in nodes:
        if v.op is None:
            continue
        now = v.op.value(floats, *(a.data if isinstance(a, Value) else a for a in v.args))
        if now != v.data and (now == now or v.data == v.data):
            of = names(nodes, called=called)
            inputs = ", ".join(f"{of[a]} = {a.data!r}" for a in v.args if isinstance(a, Value))
            return (
                f"{of[v]} was recorded as {v.data!r}, but its inputs now give {now!r} ({inputs}): "
                "data was changed after the recording; compute the result again after a change",
            )
    return ()


def _recorded_again(nodes: Sequence[Value]) -> dict[Value, Value]:
    """The same operations on the present data of the same leaves."""
    again: dict[Value, Value] = {}
    with no_modes():
        for v in nodes:
            args = [again.get(a, a) if isinstance(a, Value) else a for a in v.args]
            again[v] = v if v.op is None else apply(v.op, *args)
    return again
