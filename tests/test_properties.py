"""Random graphs: gradients against differences, the complex step and laws of calculus."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import gradient, number

import autograd_lite as ag
from autograd_lite import Value
from autograd_lite.check.oracles import complex_step
from autograd_lite.ops import floats
from autograd_lite.testing import expressions

coefficients = st.floats(-2.0, 2.0).filter(lambda x: abs(x) > 0.05)
functions = expressions(inputs=2)


inputs = st.tuples(st.floats(-3, 3), st.floats(-3, 3))


def grads(f, at):
    vs = [Value(x) for x in at]
    y = f(*vs)
    if not isinstance(y, Value):
        return y, [0.0, 0.0]
    y.backward()
    return y.data, [v.grad for v in vs]


@given(f=functions, at=inputs)
@settings(max_examples=400)
def test_gradients_equal_the_complex_step(f, at):
    vs = [Value(x) for x in at]
    y = f(*vs)
    assume(isinstance(y, Value) and math.isfinite(y.data))
    y.backward()
    (scale,) = [max([1e-300, *map(abs, gradient(y, vs, magnitude=True))])]
    assume(scale < 1e100)
    nodes = ag.order(y)  # no imaginary part is far below others:
    assume(all(v.data == 0.0 or abs(v.data) > 1e-300 for v in nodes))
    for v in vs:
        exact = complex_step(nodes, y, v)
        # a row whose slope cancels, such as silu at its minimum, has the digits of its terms
        terms = abs(y.data / v.data) if v.data else 0.0
        assert abs(v.grad - exact) <= 1e-11 * scale + 1e-14 * terms + 1e-50


@given(f=functions, at=inputs)
@settings(max_examples=200)
def test_gradients_pass_the_check(f, at):
    assume(isinstance(f(*map(Value, at)), Value))
    ag.check_grads(f, at)


@given(f=functions, g=functions, at=inputs, a=coefficients, b=coefficients)
def test_linearity_and_product_rule(f, g, at, a, b):
    (fy, df), (gy, dg) = grads(f, at), grads(g, at)
    assume(all(map(math.isfinite, (fy, gy, *df, *dg))) and max(map(abs, (fy, gy, *df, *dg))) < 1e8)
    _, linear = grads(lambda x, y: a * f(x, y) + b * g(x, y), at)
    _, product = grads(lambda x, y: f(x, y) * g(x, y), at)
    for i in range(2):
        size = max(abs(df[i]), abs(dg[i]), 1e-12)
        assert linear[i] == pytest.approx(a * df[i] + b * dg[i], rel=1e-9, abs=max(1e-9 * size, 1e-13))
        size = max(abs(df[i] * gy), abs(fy * dg[i]), 1e-12)
        assert product[i] == pytest.approx(df[i] * gy + fy * dg[i], rel=1e-9, abs=max(1e-9 * size, 1e-13))


@given(f=functions, g=functions, at=inputs)
def test_chain_rule(f, g, at):
    inner, df = grads(f, at)
    assume(math.isfinite(inner) and abs(inner) < 1e3 and max(map(abs, df)) < 1e6)
    _, dg = grads(lambda x, y: g(x, 0.5) + 0.0 * y, (inner, 0.0))
    assume(abs(dg[0]) < 1e6)
    _, whole = grads(lambda x, y: g(f(x, y), 0.5), at)
    for i in range(2):
        assert whole[i] == pytest.approx(dg[0] * df[i], rel=1e-9, abs=1e-9)


@given(f=functions, at=inputs)
@settings(max_examples=100)
def test_mixed_partials_are_symmetric(f, at):
    x, y = map(Value, at)
    z = f(x, y)
    assume(isinstance(z, Value) and math.isfinite(z.data))
    dx, dy = gradient(z, [x, y])
    xy = number(gradient(dx, [y])[0]) if isinstance(dx, Value) else 0.0
    yx = number(gradient(dy, [x])[0]) if isinstance(dy, Value) else 0.0
    size = gradient(dx, [y], True)[0] if isinstance(dx, Value) else 0.0
    assume(math.isfinite(size) and size < 1e12)
    assert abs(xy - yx) <= 1e-11 * max(size, 1.0)


@given(f=functions, at=inputs)
def test_every_node_can_be_evaluated_again_from_op_and_args(f, at):
    y = f(*map(Value, at))
    for v in ag.order(y) if isinstance(y, Value) else []:
        if v.op is not None:
            again = v.op.value(floats, *(number(a) for a in v.args))
            assert again == v.data or math.isnan(v.data)
            slopes = v.op.partials(floats, v.data, *(number(a) for a in v.args))
            for a, ours, row in zip(v.args, v.partials, slopes, strict=True):
                assert not isinstance(a, Value) or ours == row or math.isnan(row)


@given(f=functions, at=inputs)
def test_drawing_and_printing_never_change_a_number(f, at):
    y = f(*map(Value, at))
    assume(isinstance(y, Value))
    y.backward()
    before = [(v.data, v.grad) for v in ag.order(y)]
    assert repr(before) == repr([(v.data, v.grad) for v in ag.order(y)])
    assert ag.table(y)
    assert ag.draw(y).source
    assert repr(before) == repr([(v.data, v.grad) for v in ag.order(y)])


@given(st.permutations(range(5)), st.lists(st.floats(-3, 3), min_size=5, max_size=5))
def test_permuting_inputs_permutes_the_gradient(order, xs):
    def f(vs):
        return ag.logsumexp(vs) + ag.sum([v * v for v in vs])

    vs, ws = [Value(x) for x in xs], [Value(xs[i]) for i in order]
    f(vs).backward()
    f(ws).backward()
    assert [w.grad for w in ws] == [vs[i].grad for i in order]
