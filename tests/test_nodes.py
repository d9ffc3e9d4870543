"""Parts of a computation that bring their own derivatives: stop_gradient, checkpoint, implicit."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import tracemalloc
import weakref

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp
from scipy.optimize import fsolve

import autograd_lite as ag
from autograd_lite import (
    Value,
    checkpoint,
    derivative,
    grad,
    gradient,
    hessian,
    implicit,
    iterate,
    jacobian,
    no_grad,
    order,
    stop_gradient,
)  # fmt: skip
from autograd_lite.testing import expressions

# stop_gradient


def test_what_is_stopped_is_a_constant_at_every_order():
    def f(x):
        return stop_gradient(x * x) * x**3

    assert grad(f)(2.0) == 4.0 * 12.0
    assert grad(grad(f))(2.0) == 4.0 * 12.0
    assert derivative(f, 3)(2.0) == 4.0 * 6.0
    assert hessian(f)(2.0) == 48.0


def test_stop_gradient_keeps_the_structure():
    found = stop_gradient({"a": Value(1.0, "a"), "b": [2, np.array([3.0])]})
    assert (found["a"].data, found["a"].label, found["b"][0]) == (1.0, "a", 2.0)
    assert grad(lambda x: (stop_gradient(x) * x).sum())(np.array([2.0, 3.0])).tolist() == [2.0, 3.0]
    with pytest.raises(TypeError, match=r"stop_gradient: x\[0\]"):
        stop_gradient(["a"])


# checkpoint, iterate


@given(f=expressions(inputs=2, kinked=True), at=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_checkpoint_changes_no_derivative(f, at):
    def squared(x, y):
        return f(x, y) * f(x, y)

    def short(x, y):
        z = checkpoint(f)(x, y)
        return z * z

    assume(isinstance(f(*map(Value, at)), Value))
    exact = grad(squared, (0, 1))(*at)
    assume(all(map(math.isfinite, exact)) and max(map(abs, exact)) < 1e100)
    scale = max(map(abs, exact)) + 1e-290
    assert grad(short, (0, 1))(*at) == pytest.approx(exact, rel=1e-10, abs=1e-12 * scale)
    second = hessian(squared, (0, 1))(*at)
    assume(all(math.isfinite(x) and abs(x) < 1e100 for row in second for x in row))
    scale = max(abs(x) for row in second for x in row) + 1e-290
    for got, row in zip(hessian(short, (0, 1))(*at), second):
        assert got == pytest.approx(row, rel=1e-8, abs=1e-10 * scale)


def test_a_node_of_a_checkpoint_can_be_computed_again():
    a, b = Value(0.7), Value(1.3)
    for y in checkpoint(lambda a, b, k: [a * b.exp() * k, ag.sin(a)])(a, b, 2.0):
        assert y.op.value(ag.ops.floats, *[x.data for x in y.args]) == y.data
        assert y.op.partials(ag.ops.floats, y.data, *[x.data for x in y.args]) == y.partials
        assert set(map(type, y.args)) == {Value}
    report = ag.check_grads(checkpoint(lambda a, b: a * b.exp()), [0.7, 1.3], order=2)
    assert report.ok
    assert all(line.complex_step is not None for line in report.lines[:2])


def test_structures_constants_and_floats():
    f = checkpoint(lambda state, k: {"x": state["x"] * state["y"][0], "k": k, "one": 1})
    x = Value(3.0)
    found = f({"x": x, "y": [2.0]}, 5)
    assert (found["x"].data, found["k"], found["one"]) == (6.0, 5.0, 1.0)
    found["x"].backward()
    assert x.grad == 2.0
    assert f({"x": 3, "y": [2]}, 5) == {"x": 6, "k": 5, "one": 1}  # f itself: no Value, no node
    with no_grad():
        assert f({"x": x, "y": [2.0]}, 5)["x"].op is None


def test_what_checkpoint_refuses():
    w = Value(2.0)
    with pytest.raises(ValueError, match="checkpoint: the function uses a Value from outside; give it as an argument"):
        checkpoint(lambda x: x * w)(Value(1.0))
    with pytest.raises(ValueError, match="by position"):
        checkpoint(lambda x: x)(x=Value(1.0))
    with pytest.raises(TypeError, match="function"):
        checkpoint(3)
    with pytest.raises(TypeError, match="checkpoint: f returned None"):
        checkpoint(lambda x: None)(w)
    with pytest.raises(ValueError, match="iterate: times"):
        iterate(lambda x, i: x, 1.0, -1)
    with pytest.raises(LookupError, match="checkpoint"):
        pickle.dumps(checkpoint(lambda x: x * x)(w))
    y = checkpoint(lambda x: x * x)(w)
    assert gradient(copy.deepcopy(y), [w])[0].data == 0.0
    copy.deepcopy(y).backward()
    assert w.grad == 0.0


def logistic(x, i, a):
    return a * x * (1.0 - x)


@pytest.mark.parametrize("times", [0, 1, 2, 3, 10, 50, 99, 100, 101])
def test_iterate_is_the_loop(times):
    def plain(x, a):
        for i in range(times):
            x = logistic(x, i, a) + 0.01 * i
        return x

    def short(x, a):
        return iterate(lambda x, i, a: logistic(x, i, a) + 0.01 * i, x, times, a)

    at = (0.3, 1.5)
    assert short(*at) == plain(*at)
    if times < 60:  # then it grows beyond floats
        exact = grad(plain, (0, 1))(*at)
        assert grad(short, (0, 1))(*at) == pytest.approx(exact, rel=1e-11)


def test_iterate_keeps_the_square_root_of_the_graph():
    a = Value(3.2)
    nodes = {n: len(order(iterate(logistic, 0.3, n, a))) for n in (100, 10_000)}
    assert nodes == {100: 11, 10_000: 101}


def test_iterate_needs_the_memory_of_a_segment():
    def peak(times):
        a = Value(3.2)
        tracemalloc.start()
        try:
            iterate(logistic, 0.3, times, a).backward()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(100)
    assert peak(10_000) < 20 * peak(100)  # of 100 times as many steps


def test_iterate_of_a_state_of_several_numbers_is_differentiated_twice():
    def spring(state, i, k):  # a step of symplectic Euler
        x, v = state
        v = v - 0.1 * k * x
        return x + 0.1 * v, v

    def end(k, loop):
        return loop(spring, (1.0, 0.0), 30, k)[0]

    def loop(step, state, times, *args):
        for i in range(times):
            state = step(state, i, *args)
        return state

    for n in (1, 2):
        assert derivative(end, n)(1.7, iterate) == pytest.approx(
            derivative(end, n)(1.7, loop), rel=1e-11
        )


# implicit


def kepler(x, mean, eccentricity):
    return x - eccentricity * ag.sin(x) - mean


def solved_kepler(mean, eccentricity):
    x = mean
    for _ in range(50):
        x -= (x - eccentricity * math.sin(x) - mean) / (1.0 - eccentricity * math.cos(x))
    return x


def test_the_derivatives_of_a_root_to_order_three():
    anomaly = implicit(kepler, solved_kepler)
    with mp.workdps(50):
        for n in range(1, 4):
            exact = mp.diff(lambda m: mp.findroot(lambda x: x - 0.3 * mp.sin(x) - m, 0.8), 0.6, n)
            assert derivative(anomaly, n)(0.6, 0.3) == pytest.approx(float(exact), rel=1e-12)
    x = solved_kepler(0.6, 0.3)
    by_mean = 1.0 / (1.0 - 0.3 * math.cos(x))
    exact = (by_mean, math.sin(x) * by_mean)
    assert grad(anomaly, (0, 1))(0.6, 0.3) == pytest.approx(exact, rel=1e-14)


def test_a_system_of_equations():
    """x^2 + y = a, x y = b, solved by SciPy; derivatives by Cramer's rule."""

    def solve(a, b):
        return fsolve(lambda u: [u[0] ** 2 + u[1] - a, u[0] * u[1] - b], [2.0, 1.0], xtol=1e-15)

    root = implicit(lambda u, a, b: [u[0] ** 2 + u[1] - a, u[0] * u[1] - b], solve)
    x, y = root(5.0, 2.2)
    assert isinstance(x, float)
    det = 2 * x * x - y
    found = jacobian(root, (0, 1))(5.0, 2.2)
    assert np.column_stack(found) == pytest.approx(
        np.array([[x, -1.0], [-y, 2 * x]]) / det, rel=1e-10
    )
    h = hessian(lambda a, b: root(a, b)[0], (0, 1))(5.0, 2.2)
    assert h[0][1] == h[1][0]
    step = 1e-4
    by_differences = (solve(5.0 + step, 2.2)[0] - 2 * x + solve(5.0 - step, 2.2)[0]) / step**2
    assert h[0][0] == pytest.approx(by_differences, rel=1e-5)


def test_implicit_inside_and_around_other_transforms():
    root = implicit(lambda x, a: x * x - a, lambda a: math.sqrt(a))
    assert grad(lambda a: a * grad(root)(a))(4.0) == pytest.approx(0.125, rel=1e-15)
    a = Value(4.0)
    root(a).backward()
    assert a.grad == 0.25
    with no_grad():
        assert root(a) == 2.0
    assert root(4.0) == 2.0


def test_what_implicit_refuses():
    w, a = Value(1.0), Value(2.0)
    with pytest.raises(ValueError, match="no solution"):
        implicit(lambda x, a: x * x - a, lambda a: a)(a)
    with pytest.raises(ValueError, match="no solution"):
        implicit(lambda x, a: x * x - a, lambda a: math.nan)(a)
    with pytest.raises(ValueError, match="singular"):
        implicit(lambda x, a: x * x - 0.0 * a, lambda a: 0.0)(a)
    with pytest.raises(ValueError, match="as many numbers"):
        implicit(lambda x, a: [x, a], lambda a: a)(a)
    with pytest.raises(ValueError, match="from outside"):
        implicit(lambda x, a: w * x - a, lambda a: a)(a)
    with pytest.raises(ValueError, match="from outside"):
        grad(lambda a: implicit(lambda x: x * x - a, lambda: 2.0)())(4.0)
    with pytest.raises(TypeError, match="the solution"):
        implicit(lambda x, a: x - a, lambda a: "a")(a)
    with pytest.raises(TypeError, match=r"args\[0\]"):
        implicit(lambda x, a: x - a, lambda a: a)("a")


def test_no_node_keeps_itself_alive():
    """A row that is a function of Values would be a cycle."""
    gc.collect()
    gc.disable()
    try:
        for make in (
            checkpoint(lambda x: x * x),
            implicit(lambda x, a: x * x - a, lambda a: math.sqrt(a)),
        ):
            x = Value(4.0)
            y = make(x)
            row = weakref.ref(y.op.value)
            del y
            assert row() is None
    finally:
        gc.enable()


@pytest.mark.parametrize("order_", [grad, hessian])
def test_what_is_computed_again_must_be_the_same(order_):
    """A variable of a loop, as a function inside sees it afterwards, is the last one."""

    def short(w):
        total = 0.0
        for b in (1.0, 2.0, 3.0):
            total = total + checkpoint(lambda x: x * x * b)(w)  # noqa: B023
        return total

    def solved(w):
        total = 0.0
        for b in (1.0, 2.0, 3.0):
            total = total + implicit(lambda x, a: x - b * a * a, lambda a: b * a * a)(w)  # noqa: B023
        return total

    for f in (short, solved):
        if order_ is grad:
            assert order_(f)(5.0) == 60.0
        else:
            with pytest.raises(ValueError, match="again, gave another"):
                order_(f)(5.0)


def test_arguments_that_are_no_numbers_are_the_callers():
    log = []
    checkpoint(lambda x, log: (log.append(1), x * x)[1])(Value(2.0), log)
    assert log == [1]
