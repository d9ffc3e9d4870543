"""One function for floats, Values and arrays: all kinds of number give the same answer."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mpmath import mp, mpf
from oracles import ORACLE, ulps
from support import HARD, ROWS, number, points

import autograd_lite as ag
from autograd_lite import Value
from autograd_lite.ops import TABLE, floats

inf, nan = math.inf, math.nan
SPECIAL = (0.0, 1.0, -1.0, 2.5, -2.5, inf, -inf, nan, 1e308, -1e308)
ELEMENTWISE = [row for row in ROWS if row.arity is not None]


def close(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or a == b or math.isclose(a, b, rel_tol=1e-13)


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_arrays_and_floats_agree(row):
    f = getattr(ag, row.name)
    tuples = points(row)
    if row.arity == 1:
        tuples = [*tuples, *((x,) for x in (*HARD, *SPECIAL))]
    elif row.arity == 2 and row.name != "round":
        tuples = [*tuples, *((x, y) for x in SPECIAL for y in SPECIAL)]
    columns = [np.array(column) for column in zip(*tuples)]
    got = f(*columns)
    assert got.dtype == float
    for i, xs in enumerate(tuples):
        exact = row.value(floats, *xs)
        absolute = row.name in ("sin", "cos", "tan", "mod") and max(map(abs, xs)) > 1e14
        assert close(got[i], exact) or absolute, (xs, got[i], exact)
    objects = np.array([Value(x) for x in columns[0]], dtype=object)
    recorded = f(objects, *columns[1:])
    assert recorded.dtype == object
    for xs, v in zip(tuples, recorded, strict=True):
        assert close(number(v), row.value(floats, *xs))


@pytest.mark.parametrize("row", ELEMENTWISE, ids=lambda row: row.name)
def test_a_number_gives_a_float_and_a_value_gives_a_value(row):
    f = getattr(ag, row.name)
    args = next(row.points())
    assert type(f(*args)) is float
    assert type(f(*map(Value, args))) is Value
    assert f.__name__ == row.name
    assert row.doc in f.__doc__


def test_defaults_and_keywords():
    assert ag.leaky_relu(-1.0) == -0.01
    assert ag.leaky_relu(-1.0, negative_slope=0.5) == -0.5
    assert Value(-1.0).leaky_relu(negative_slope=0.5).data == -0.5
    assert ag.clip(3.0, high=2) == 2.0
    assert Value(5.0).clip(low=7).data == 7.0
    assert round(Value(2.5)).data == 2.0
    assert math.floor(Value(2.5)).data == 2.0
    assert ag.elu(Value(-1.0), alpha=2).args[1] == 2.0


def test_sum_mean_prod_of_lists_generators_and_arrays():
    vs = [Value(x) for x in (1.0, 2.0, 4.0)]
    assert ag.sum(v for v in vs).data == 7.0
    assert ag.mean(vs).data == 7.0 / 3
    assert ag.prod(vs).data == 8.0
    assert ag.mean(np.array([1.0, 2.0, 3.0, 4.0])) == 2.5
    with pytest.raises(TypeError, match="mean: xs has 2 dimensions"):
        ag.mean(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert ag.sum([]) == 0.0
    assert ag.sum([1, 2.5]) == 3.5
    assert ag.dot(np.array([1.0, 2.0]), vs[:2]).data == 5.0
    assert ag.dot([], []) == 0.0


lists = st.lists(st.floats(-700, 700), min_size=1, max_size=6)


@given(lists)
def test_softmax_to_four_ulp_of_the_largest_term(xs):
    with mp.workdps(60):
        es = [mp.exp(mpf(x)) for x in xs]
        exact = [e / mp.fsum(es) for e in es]
    spread = max(1.0, max(xs) - min(xs))
    for ours in (ag.softmax(xs), [p.data for p in ag.softmax([Value(x) for x in xs])]):
        for p, e in zip(ours, exact, strict=True):
            assert ulps(p, e) <= 4.0 * spread or p < 1e-300
        assert math.isclose(math.fsum(ours), 1.0, rel_tol=1e-12)


@given(lists)
def test_softmax_gradient(xs):
    vs = [Value(x) for x in xs]
    ps = ag.softmax(vs)
    ps[0].backward()
    for i, v in enumerate(vs):
        expected = ps[0].data * ((i == 0) - ps[i].data)
        assert v.grad == pytest.approx(expected, rel=1e-9, abs=1e-13)


@given(lists, st.floats(-1e5, 1e5))
def test_logsumexp_shifts(xs, c):
    exact = ORACLE["logsumexp"]
    with mp.workdps(60):
        assert ulps(ag.logsumexp(xs), exact(*map(mpf, xs)), max(map(abs, xs))) <= 4.0


def test_infinities_in_logsumexp():
    assert ag.logsumexp([-inf, 0.0]) == 0.0
    assert ag.logsumexp([-inf, -inf]) == -inf
    assert ag.logsumexp([inf, 0.0]) == inf
    assert math.isnan(ag.logsumexp([nan, 0.0]))


def test_arrays_that_hold_no_numbers_are_refused():
    with pytest.raises(TypeError, match="sin: an array must hold real numbers"):
        ag.sin(np.array(["a"]))
    with pytest.raises(TypeError, match="sin: an array"):
        ag.sin(np.array([1j]))
    with pytest.raises(TypeError, match="sin: a must be a real number, not str"):
        ag.sin(np.array(["a"], dtype=object))


def test_where():
    x = Value(-2.0)
    y = ag.where(x > 0, x.log(), x * 3)
    y.backward()
    assert (y.data, x.grad) == (-6.0, 3.0)
    assert ag.where(np.array([True, False]), 1.0, np.array([5.0, 6.0])).tolist() == [1.0, 6.0]
    assert ag.where(True, 1, 2) == 1.0
    assert y.args[0] == 0.0


def test_the_table_has_a_function_for_each_row():
    assert {row.name for row in TABLE.values()} <= set(ag.__all__)
