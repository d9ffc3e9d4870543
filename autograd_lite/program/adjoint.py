"""Derivatives of a Program as a Program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice
from typing import Any

from .linear import Linear
from .program import Program, different
from .symbols import Builder, Symbol


def adjoint(program: Program, weights: Sequence[float] | None = None) -> Program:
    """The gradient: the sum over outputs of weight times output, differentiated by each input.

    Its inputs are those of the program, and then a weight for each output unless they are given; it
    has an output for each input of the program, and its guards. Applied again it gives second
    derivatives, and so on.

    It multiplies without the rule that an adjoint of exactly 0 passes on exactly 0 (so where a
    slope is infinite it may give nan, where backward() does not).

    >>> from autograd_lite import Value
    >>> x = Value(2.0, label="x")
    >>> print(adjoint(Program.of([x * x.sin()], [x])))
    inputs x, weight₁
    v1 = sin(x)
    v2 = cos(x)
    v3 = weight₁*v1
    v4 = weight₁*x
    v5 = v4*v2
    v6 = v3 + v5
    return v6
    """
    names = [*program.inputs]
    if weights is None:
        free = (name for i in count(1) if (name := f"weight_{i}") not in program.inputs)
        names += islice(free, len(program.outputs))
    m, n = Builder(names), len(program.inputs)
    slots, linear = Linear.at(program, m.symbols[:n], m)
    guards = [(slots[c], outcome) for c, outcome in program.guards]
    return m.program(linear.pull(m.symbols[n:] if weights is None else weights), guards)


def derived(
    program: Program,
    kind: str,
    by: Sequence[int | None],
    zero_rule: bool = False,
    checks: bool = False,
    quick: bool = False,
    sweep: Sequence[int] = (),
) -> Program:
    """The outputs of a program and then derivatives of them, with the guards of the program.

    kind        "value": nothing more; "value_and_grad": of the only output by each of the inputs
                `by` (None: 0); "jacobian": of each output; "value_grad_hessian": the gradient and
                the rows of the second derivatives up to the diagonal; "hvp": the second
                derivatives times a vector, whose numbers are further inputs
    zero_rule   keep the rule that an adjoint of exactly 0 passes on exactly 0
    quick       by the quick partials of the rows, where there are any
    sweep       the slots in the order in which adjoints are added, if it is not the program's
    checks      one guard more, the last: that no derivative is nan (a second one: or infinite)

    >>> from autograd_lite import Value
    >>> x = Value(2.0, label="x")
    >>> print(derived(Program.of([x * x], [x]), "value_and_grad", [0]))
    inputs x
    v1 = x*x
    v2 = x + x
    return v1, v2
    """
    if kind in ("value_grad_hessian", "hvp"):
        return _second(program, kind, by, zero_rule, checks, quick)
    m = Builder(program.inputs, zero_rule)
    if kind == "value":
        slots = program.slots(m.symbols, m)
        more: list[Any] = []
    else:
        slots, linear = Linear.at(program, m.symbols, m, quick, sweep)
        rows = linear.rows() if kind == "jacobian" else [linear.pull([1.0])]
        more = [0.0 if i is None else row[i] for row in rows for i in by]
    guards = [(slots[c], outcome) for c, outcome in program.guards]
    if checks:
        guards += _no_nan(more, quick)
    return m.program([*program.taken(slots), *more], guards)


def _second(
    program: Program,
    kind: str,
    by: Sequence[int | None],
    zero_rule: bool,
    checks: bool,
    quick: bool,
) -> Program:
    gradient = derived(program, "value_and_grad", by, quick=quick)
    slots_of = [i for i in by if i is not None]
    names = [*program.inputs]
    if kind == "hvp":
        names = different([*names, *[f"vector_{i}" for i in range(1, len(by) + 1)]])
    m, n = Builder(names, zero_rule), len(program.inputs)
    slots, linear = Linear.at(gradient, m.symbols[:n], m, quick)
    value, *slopes = gradient.taken(slots)
    linear.outputs = linear.outputs[1:]
    if kind == "hvp":  # the matrix is symmetric, so a sweep backward does it
        found = linear.pull(m.symbols[n:])
        outputs = [value, *[found[i] for i in slots_of]]
    else:
        rows = linear.rows()
        lower = [rows[j][slots_of[k]] for j in range(len(by)) for k in range(j + 1)]
        outputs = [value, *slopes, *lower]
    guards = [(slots[c], outcome) for c, outcome in gradient.guards]
    if checks:
        guards += _no_nan(outputs[1:], quick, finite=True)
    return m.program(outputs, guards)


def _no_nan(ys: Sequence[Any], quick: bool, finite: bool = False) -> list[tuple[Any, bool]]:
    """A guard that none is nan (`finite`: or infinite), by their sum; so infinite ones of both
    signs do not pass, either."""
    terms = [y for y in ys if y.__class__ is Symbol]
    if quick and len(terms) > 8:
        terms = [terms[0].builder.sum(*terms)]
    while len(terms) > 1:  # one half to the other, so that no long chain of sums arises
        half = len(terms) // 2
        terms = [a + b for a, b in zip(terms[:half], terms[half:])] + terms[2 * half :]
    if not terms:
        return []
    total = terms[0] - terms[0] if finite else terms[0]
    return [(total == total, True)]
