"""The derivative of a computation at a point: a list of edges, swept backward or forward.

An edge says that one slot depends on another, and its partial: the number of the table at this
point, a Value that knows how it depends on the inputs, or a Symbol of a program to be built. The
two sweeps are the same for all three; grad, jacobian, hessian, jvp and the adjoint of a Program
are made of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from ..engine import Value, kinds, order
from ..functions import values
from ..ieee import floats
from ..modes import tracing
from ..ops import TABLE
from .program import Program, function_of
from .symbols import Symbol

Edge = tuple[int, int, Any]  # target, source, partial


class Linear:
    """The linear map from changes of the inputs of a computation to those of its outputs.

    size     number of slots; the inputs are the first `inputs` of them
    edges    (target, source, partial) in the order of computation
    outputs  the slots of the outputs, None for one that depends on no input
    plain    whether the partials are floats
    """

    def __init__(
        self,
        size: int,
        inputs: int,
        edges: list[Edge],
        outputs: list[int | None],
        plain: bool,
    ) -> None:
        self.size, self.inputs, self.edges, self.outputs = size, inputs, edges, outputs
        self.plain = plain

    @classmethod
    def of(
        cls,
        outputs: Sequence[Any],
        inputs: Sequence[Value],
        m: Any = floats,
        nodes: Sequence[Value] | None = None,
    ) -> Linear:
        """Of recorded Values: with m = floats the partials that they have recorded, with m = values
        the partials as Values.

        nodes   those between inputs and outputs, in order, if they are known; a node that is an
                input itself is passed through if it is among them

        >>> x = Value(3.0)
        >>> Linear.of([x * x], [x]).edges
        [(1, 0, 3.0), (1, 0, 3.0)]
        """
        if nodes is None:
            nodes = order(*[y for y in outputs if isinstance(y, Value)], stop=inputs)
        at = {x: i for i, x in enumerate(inputs)}
        edges: list[Edge] = []
        size, plain = len(inputs), m is floats
        for v in nodes:
            args = v.args
            if plain:
                partials: Sequence[Any] = v.partials
            elif v.op is not None and any(a.__class__ is Value and a in at for a in args):
                partials = v.op.partials(values, v, *args)
                if not tracing():
                    _check_unchanged(v, partials)
            else:
                continue
            target, before = at.get(v, size), len(edges)
            # the last argument first: backward over the edges is then the order of backward()
            for a, partial in zip(reversed(args), reversed(partials)):
                if a.__class__ is Value:
                    source = at.get(a)
                    if source is not None:
                        edges.append((target, source, partial))
            if target == size and len(edges) > before:  # else it depends on no input
                at[v] = size
                size += 1
        found = [at.get(y) if isinstance(y, Value) else None for y in outputs]
        return cls(size, len(inputs), edges, found, plain)

    @classmethod
    def at(
        cls,
        program: Program,
        inputs: Sequence[Any],
        m: Any,
        quick: bool = False,
        sweep: Sequence[int] = (),
    ) -> tuple[list[Any], Linear]:
        """Of a program at numbers of any kind: what is in each slot, and the map.

        quick  by the quick partials of the rows, where there are any
        sweep  the slots in the order of the map, if it is another than that of the instructions

        >>> square = Program.of([Value(3.0) ** 2])
        >>> Linear.at(square, [5.0], floats)[1].edges
        [(1, 0, 10.0)]
        """
        slots, edges = [*inputs], []
        functions: dict[str, Any] = {}
        for row, args, varying in program.plan:
            function = functions.get(row.name)
            if function is None:
                function = functions[row.name] = function_of(row, m)
            xs = [slots[a] if a.__class__ is int else a for a in args]
            y = function(*xs)
            if varying:
                slopes = row.quick or row.partials if quick else row.partials
                target, partials = len(slots), slopes(m, y, *xs)
                for i, source in reversed(varying):
                    edges.append((target, source, partials[i]))
            slots.append(y)
        n = len(inputs)
        if sweep:
            at = {slot: k for k, slot in enumerate(sweep)}
            edges = sorted((e for e in edges if e[0] in at), key=lambda e: at[e[0]])
        ends = [y if isinstance(y, int) and program.depends(y) else None for y in program.outputs]
        return slots, cls(len(slots), n, edges, ends, m is floats)

    def pull(self, weights: Sequence[Any], edges: Iterable[Edge] | None = None) -> list[Any]:
        """The derivative of the sum of outputs times weights by each input: a sweep backward.

        edges   those that lead to these outputs, last first, if they are known

        An adjoint that is exactly 0 passes on exactly 0, also along an infinite slope.
        """
        found: list[Any] = [0.0] * self.size
        for y, weight in zip(self.outputs, weights):
            if y is not None:
                found[y] = _plus(found[y], weight)
        if edges is None:
            edges = reversed(self.edges)
        if self.plain and kinds.isdisjoint(map(type, weights)):
            for target, source, partial in edges:
                g = found[target]
                if g != 0.0:
                    found[source] += g * partial
        else:
            for target, source, partial in edges:
                found[source] = _plus(found[source], _product(found[target], partial))
        return found[: self.inputs]

    def rows(self) -> list[list[Any]]:
        """The derivative of each output by the inputs: a sweep for each, over what leads to it.

        >>> x, y = Value(2.0), Value(3.0)
        >>> Linear.of([x * y, x * x, 1.0], [x, y]).rows()
        [[3.0, 2.0], [4.0, 0.0], [0.0, 0.0]]
        """
        m = len(self.outputs)
        units = ([0.0] * i + [1.0] + [0.0] * (m - i - 1) for i in range(m))
        if m < 8:  # not worth a look at what leads where
            return [self.pull(unit) for unit in units]
        masks = [0] * self.size  # of each slot the outputs it leads to, as bits
        for i, y in enumerate(self.outputs):
            if y is not None:
                masks[y] |= 1 << i
        runs: list[tuple[int, list[Edge]]] = []
        for edge in reversed(self.edges):
            mask = masks[edge[0]]
            masks[edge[1]] |= mask
            if not runs or runs[-1][0] != mask:
                runs.append((mask, []))
            runs[-1][1].append(edge)
        rows = []
        for i, unit in enumerate(units):
            found = chain.from_iterable(run for mask, run in runs if mask >> i & 1)
            rows.append(self.pull(unit, found))
        return rows

    def push(self, changes: Sequence[Any]) -> list[Any]:
        """The change of each output where the inputs change so: a sweep forward.

        In a product along a path a factor that is exactly 0 makes those before it 0, also infinite
        ones, as in the other sweep; so a change that is exactly 0 is told from none.
        """
        found: list[Any] = [None if _is(x, 0.0) else x for x in changes]
        found += [None] * (self.size - self.inputs)
        if self.plain and kinds.isdisjoint(map(type, changes)):
            for target, source, partial in self.edges:
                t = found[source]
                if t is not None:
                    term = t * partial
                    if term != term and partial == 0.0:
                        term = 0.0
                    before = found[target]
                    found[target] = term if before is None else before + term
        else:
            for target, source, partial in self.edges:
                if found[source] is not None:
                    found[target] = _plus(found[target], _product(partial, found[source]))
        changed = [None if y is None else found[y] for y in self.outputs]
        return [0.0 if x is None else x for x in changed]

    def pattern(self) -> list[list[int]]:
        """For each output the inputs that it depends on, in order.

        >>> x, y = Value(1.0), Value(2.0)
        >>> Linear.of([x * y, y.exp()], [x, y]).pattern()
        [[0, 1], [1]]
        """
        masks = [1 << i for i in range(self.inputs)] + [0] * (self.size - self.inputs)
        for target, source, _ in self.edges:
            masks[target] |= masks[source]
        return [[] if y is None else _bits(masks[y]) for y in self.outputs]


def _check_unchanged(v: Value, partials: Sequence[Any]) -> None:
    """ValueError if derivatives as Values would not be those that were recorded."""
    recorded = [(p, r) for a, p, r in zip(v.args, partials, v.partials) if a.__class__ is Value]
    if v.op is not None and v.op.name in TABLE:
        data = [a.data if a.__class__ is Value else a for a in v.args]
        recorded.append((v.op.value(floats, *data), v.data))
    for now, before in recorded:
        now = now.data if now.__class__ is Value else now
        if not (
            abs(now - before) <= 1e-9 * abs(before)
            or now == before
            or (now != now and before != before)
        ):
            raise ValueError(
                f"the data of a Value was changed after {v.op!r} was computed from it; derivatives "
                "that are Values need the numbers they were recorded with: compute it again"
            )


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        lowest = mask & -mask
        found.append(lowest.bit_length() - 1)
        mask ^= lowest
    return found


def _is(x: Any, constant: float) -> bool:
    return x.__class__ is float and bool(x == constant)


def _plus(a: Any, b: Any) -> Any:
    return b if a is None or _is(a, 0.0) else a if _is(b, 0.0) else a + b


def _product(outer: Any, inner: Any) -> Any:
    """outer * inner; exactly 0 where `outer`, the factor nearer to the result, is."""
    if _is(outer, 0.0):
        return 0.0
    if _is(outer, 1.0) or _is(inner, 1.0):
        return inner if _is(outer, 1.0) else outer
    if isinstance(outer, Symbol):
        return outer.builder.product(outer, inner)
    if isinstance(inner, Symbol) or tracing():
        return 0.0 if _is(inner, 0.0) else outer * inner
    a, b = (x.data if isinstance(x, Value) else x for x in (outer, inner))
    if (a == 0.0 and not math.isfinite(b)) or (_is(inner, 0.0) and math.isfinite(a)):
        return 0.0
    return outer * inner
