"""The gradient of a Program as a Program."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count, islice

from .linear import Linear
from .program import Program
from .symbols import Builder


def adjoint(program: Program, weights: Sequence[float] | None = None) -> Program:
    """The gradient: the sum over outputs of weight times output, differentiated by each input.

    Its inputs are those of the program, and then a weight for each output unless they are given; it
    has an output for each input of the program. Applied again it gives second derivatives, and so
    on.

    It multiplies without the rule that an adjoint of exactly 0 passes on exactly 0 (so where a
    slope is infinite it may give nan, where backward() does not).

    >>> from autograd_lite import Value
    >>> x = Value(2.0, label="x")
    >>> print(adjoint(Program.of([x * x.sin()], [x])))
    inputs x, weight₁
    v1 = sin(x)
    v2 = cos(x)
    v3 = weight₁*x
    v4 = weight₁*v1
    v5 = v3*v2
    v6 = v4 + v5
    return v6
    """
    names = [*program.inputs]
    if weights is None:
        free = (name for i in count(1) if (name := f"weight_{i}") not in program.inputs)
        names += islice(free, len(program.outputs))
    m, n = Builder(names), len(program.inputs)
    _, linear = Linear.at(program, m.symbols[:n], m)
    return m.program(linear.pull(m.symbols[n:] if weights is None else weights))
