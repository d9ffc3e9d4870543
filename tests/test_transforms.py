"""Derivatives as graphs: the same numbers as backward(), and derivatives of derivatives."""

from __future__ import annotations

import itertools
import math
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from operator import mul

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp
from support import gradient as magnitudes

import autograd_lite as ag
from autograd_lite import (
    Value,
    derivative,
    detect_anomaly,
    grad,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    sparsity,
    value_and_grad,
    vjp,
)  # fmt: skip
from autograd_lite.program import Program
from autograd_lite.testing import expressions, random_function
from autograd_lite.transforms.recorded import Gradients


@given(f=expressions(inputs=2, kinked=True), at=st.tuples(st.floats(-3, 3), st.floats(-3, 3)))
def test_the_same_numbers_as_backward(f, at):
    xs = [Value(x) for x in at]
    y = f(*xs)
    assume(isinstance(y, Value))
    found = [v.data for v in gradient(y, xs)]
    assert [x.grad for x in xs] == [0.0, 0.0]
    y.backward()
    for x, slope in zip(xs, found, strict=True):
        assert slope == pytest.approx(x.grad, rel=1e-9, abs=1e-12, nan_ok=True)


@pytest.mark.parametrize(
    ("f", "derivatives"),
    [
        (ag.sin, [math.sin, math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x), math.sin]),
        (ag.exp, [math.exp] * 5),
        (lambda x: x**4, [lambda x: x**4, lambda x: 4 * x**3, lambda x: 12 * x * x,
                          lambda x: 24 * x, lambda x: 24.0]),
        (ag.log, [math.log, lambda x: 1 / x, lambda x: -1 / x**2, lambda x: 2 / x**3,
                  lambda x: -6 / x**4]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("at", [1.0, 0.7])
def test_to_order_four(f, derivatives, at):
    x = Value(at)
    y = f(x)
    for exact in derivatives:
        assert y.data == pytest.approx(exact(at), rel=1e-13)
        (y,) = gradient(y, [x])


def test_inputs_that_are_one_or_zero_are_no_constants():
    x, y = Value(1.0), Value(0.0)
    by_x, by_y = gradient(x * y, [x, y])
    assert [v.data for v in gradient(by_x, [x, y])] == [0.0, 1.0]
    assert [v.data for v in gradient(by_y, [x, y])] == [1.0, 0.0]


def test_what_the_result_does_not_depend_on():
    x, y = Value(2.0), Value(3.0)
    assert [v.data for v in gradient(x, [x, y])] == [1.0, 0.0]
    assert gradient(Value(0.0) * x.sqrt(), [y])[0].data == 0.0


def test_an_adjoint_that_is_0_passes_on_0():
    x = Value(0.0)
    (slope,) = gradient(x * x.sqrt(), [x])
    assert slope.data == 0.0


def test_inner_nodes_and_no_grad():
    x = Value(2.0)
    z = x * x
    y = z.sin()
    with ag.no_grad():
        by_z, by_x = gradient(y, [z, x])
    assert by_z.data == math.cos(4.0)
    assert gradient(by_x, [x])[0].data == pytest.approx(2 * math.cos(4) - 16 * math.sin(4))


def test_wrong_use():
    x = Value(1.0)
    with pytest.raises(TypeError, match=r"gradient: wrt\[1\] must be a Value"):
        gradient(x, [x, 1.0])
    with pytest.raises(TypeError, match="wrt"):
        gradient(x, x)
    with pytest.raises(TypeError, match="Value"):
        gradient(1.0, [x])


# Against closed forms, to order five

SMOOTH = {
    "sin": (ag.sin, mp.sin, (0.7, -2.0)),
    "exp": (ag.exp, mp.exp, (0.7, -30.0)),
    "log": (ag.log, mp.log, (0.7, 1e-3, 40.0)),
    "x**7": (lambda x: x**7, lambda x: x**7, (0.7, -1.5)),
    "x**2.5": (lambda x: x**2.5, lambda x: x ** mp.mpf(2.5), (0.7, 3.0)),
    "tanh": (ag.tanh, mp.tanh, (0.3, 1.1, -2.0)),
    "sigmoid": (ag.sigmoid, lambda x: 1 / (1 + mp.exp(-x)), (0.3, -1.3, 3.0)),
    "1/(1+x*x)": (lambda x: 1 / (1 + x * x), lambda x: 1 / (1 + x * x), (0.7, -2.0)),
    "x**x": (lambda x: x**x, lambda x: x**x, (0.7, 1.9)),
    "sin(exp(x))": (lambda x: ag.sin(ag.exp(x)), lambda x: mp.sin(mp.exp(x)), (0.3, 1.2)),
    "x*log(x)": (lambda x: x * ag.log(x), lambda x: x * mp.log(x), (0.7, 5.0)),
    "ndtr": (ag.ndtr, mp.ncdf, (0.3, -1.2)),
    "arctan": (ag.arctan, mp.atan, (0.7, -3.0)),
    "sqrt": (ag.sqrt, mp.sqrt, (0.7, 90.0)),
}


def nested(f, n):
    for _ in range(n):
        f = grad(f)
    return f


def exact_derivatives(f, x, n):
    with mp.workdps(50):
        return [float(mp.diff(f, mp.mpf(x), k)) for k in range(n + 1)]


@pytest.mark.parametrize("name", SMOOTH)
def test_orders_zero_to_five_against_fifty_digits(name):
    f, oracle, points = SMOOTH[name]
    for x in points:
        exact = exact_derivatives(oracle, x, 5)
        for n in range(6):
            for found in (derivative(f, n)(x), nested(f, n)(x)):
                assert found == pytest.approx(exact[n], rel=1e-13, abs=0), (n, x)


def test_closed_forms_without_any_library():
    x = 0.7
    for n in range(6):
        falling = math.prod(range(8 - n, 8))
        assert derivative(lambda x: x**7, n)(x) == pytest.approx(falling * x ** (7 - n), rel=1e-14)
        assert derivative(lambda x: x**7, n)(0.0) == nested(lambda x: x**7, n)(0.0) == 0.0
        assert derivative(ag.exp, n)(x) == pytest.approx(math.exp(x), rel=1e-15)
        assert derivative(lambda x: 1 / x, n)(x) == pytest.approx(
            (-1) ** n * math.factorial(n) / x ** (n + 1), rel=1e-14
        )
    assert nested(lambda x: x**7, 7)(x) == pytest.approx(5040.0, rel=1e-14)
    assert nested(lambda x: x**7, 8)(x) == 0.0


def test_derivative_by_another_argument():
    f = lambda a, x: ag.exp(a * x)  # noqa: E731
    assert derivative(f, 3, argnums=1)(2.0, 0.5) == pytest.approx(8 * math.exp(1.0), rel=1e-14)
    assert derivative(f, 2, argnums=-2)(2.0, 0.5) == pytest.approx(0.25 * math.exp(1.0), rel=1e-14)


# Perturbation confusion: one derivative inside another, each way of taking it inside each other

WAYS = {
    "grad": lambda f: grad(f),
    "value_and_grad": lambda f: lambda x: value_and_grad(f)(x)[1],
    "derivative": lambda f: derivative(f),
    "jacobian": lambda f: jacobian(f),
    "jvp": lambda f: lambda x: jvp(f, (x,), (1.0,))[1],
    "vjp": lambda f: lambda x: vjp(f, x)[1](1.0)[0],
    # f'(x) as the mixed second derivative of s*f(x)
    "hessian": lambda f: lambda x: hessian(lambda p: p[0] * f(p[1]))([1.0, x])[0][1],
    "hvp": lambda f: lambda x: hvp(lambda p: p[0] * f(p[1]))([0.5, x], [0.0, 1.0])[0],
}

CONFUSING = {
    # Siskind and Pearlmutter 2005, 2008: Nesting forward-mode AD in a functional framework
    "the classic": (lambda d, e: d(lambda x: x * e(lambda y: x + y)(1.0))(1.0), 1.0),
    "product": (lambda d, e: d(lambda x: x * e(lambda y: x * y)(2.0))(3.0), 6.0),
    "inner at the outer point": (
        lambda d, e: d(lambda x: x * e(lambda y: x * y * y)(x))(2.0), 24.0),
    "inner without its own variable": (lambda d, e: d(lambda x: e(lambda y: x)(5.0))(3.0), 0.0),
    "inner without the outer variable": (
        lambda d, e: d(lambda x: x * e(lambda y: y**3)(2.0))(3.0), 12.0),
    "inner at a constant, outer by closure": (
        lambda d, e: d(lambda x: e(lambda y: x * x * y)(7.0))(3.0), 6.0),
    "two inner ones": (
        lambda d, e: d(lambda x: e(lambda y: x * y)(2.0) * e(lambda y: (x + y) ** 2)(x))(3.0),
        24.0),
    "the same function twice": (lambda d, e: d(e(lambda x: x**4))(2.0), 48.0),
    "shadowed name": (lambda d, e: d(lambda x: x * e(lambda x: x * x)(x + 1.0))(2.0), 10.0),
    "division": (lambda d, e: d(lambda x: e(lambda y: x / y)(2.0) / x)(5.0), 0.0),
    # Manzyuk et al. 2019: s(u)(f)(x) = f(x + u), whose derivative at u = 0 is the operator D
    "curried shift": (
        lambda d, e: (lambda shift: d(lambda u: e(lambda v: shift(u, shift(v, lambda x: x**4))(
            2.0))(0.0))(0.0))(lambda u, f: lambda x: f(x + u)), 48.0),
}  # fmt: skip


@pytest.mark.parametrize("outer", WAYS)
@pytest.mark.parametrize("inner", WAYS)
def test_perturbations_are_not_confused(outer, inner):
    for name, (program, exact) in CONFUSING.items():
        found = program(WAYS[outer], WAYS[inner])
        assert type(found) is float, name
        assert found == pytest.approx(exact, rel=1e-14, abs=1e-14), name


@pytest.mark.parametrize("outer", WAYS)
def test_three_levels_of_closures(outer):
    for middle, inner in itertools.product(WAYS.values(), WAYS.values()):
        found = WAYS[outer](
            lambda x, m=middle, e=inner: x * m(
                lambda y: x * y * e(lambda z: x * y * z + z * z * x)(y)
            )(x)
        )(2.0)  # fmt: skip
        assert found == 192.0  # of 6 x**4


@pytest.mark.parametrize("way", WAYS)
def test_the_curried_function_of_manzyuk(way):
    D = WAYS[way]
    shift = lambda u: lambda f: lambda x: f(x + u)  # noqa: E731
    hat = lambda h: lambda x: D(lambda u: shift(u)(h)(x))(0.0)  # noqa: E731
    assert hat(hat(ag.exp))(1.0) == pytest.approx(math.e, rel=1e-14)
    assert hat(hat(hat(lambda x: x**5)))(1.0) == pytest.approx(60.0, rel=1e-14)


def test_a_function_that_escapes_is_not_confused_either():
    """The closure keeps the variable of a finished transform, in which it is a constant."""
    kept = []

    def f(u):
        kept.append(lambda x: (x + u) ** 3)
        return u * u

    assert grad(f)(1.0) == 2.0
    found = grad(lambda x: kept[0](x) * x)(1.0)
    assert found.data == 20.0  # (x + 1)**3 + 3 x (x + 1)**2
    with pytest.raises(TypeError, match="f must return a number"):
        grad(lambda u: lambda x: x + u)(1.0)


def test_the_examples_of_forwarddiff():
    """Its ConfusionTest.jl."""
    norm = lambda v: ag.sqrt(ag.sum([x * x for x in v]))  # noqa: E731
    D = WAYS["jvp"]
    one = grad(lambda v: sum(v) * D(lambda y: y * norm(v))(1.0))([1.0, 2.0])
    assert one == pytest.approx(grad(lambda v: sum(v) * norm(v))([1.0, 2.0]), rel=1e-15)

    A, y = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], [0.3, 0.4, 0.5]
    product = lambda x: [ag.dot(row, x) for row in A]  # noqa: E731
    assert jacobian(lambda x: grad(lambda y: ag.dot(y, product(x)))(y))([7.0, 8.0]) == A

    g = 9.8

    def lagrangian(t, q, dq):
        return ag.dot(dq, dq) / 2 - g * q[1]

    q, dq, p = [1.0, 2.0], [3.0, 4.0], [5.0, 6.0]
    by_dq = lambda q: grad(lambda a: lagrangian(1.0, q, a))(dq)  # noqa: E731
    assert jacobian(by_dq)(q) == [[0.0, 0.0], [0.0, 0.0]]

    def legendre(f, w):
        (a, b), (c, d) = hessian(f)([0.0, 0.0])
        r = [wi - gi for wi, gi in zip(w, grad(f)([0.0, 0.0]), strict=True)]
        det = a * d - b * c
        v = [(d * r[0] - b * r[1]) / det, (a * r[1] - c * r[0]) / det]
        return ag.dot(w, v) - f(v)

    hamiltonian = lambda q: legendre(lambda dq: lagrangian(1.0, q, dq), p)  # noqa: E731
    assert hamiltonian(q) == 50.1  # (25 + 36)/2 + 19.6
    assert grad(hamiltonian)(q) == [0.0, g]


def test_the_examples_of_autodidax():
    def f(x):
        y = ag.sin(x) * 2.0
        return -y + x

    assert jvp(f, (3.0,), (1.0,)) == (3.0 - 2 * math.sin(3.0), 1.0 - 2 * math.cos(3.0))
    assert derivative(f, 2)(3.0) == 2 * math.sin(3.0)
    branch = lambda x: 2.0 * x if x > 0.0 else x  # noqa: E731
    assert grad(branch)(3.0) == 2.0
    assert grad(branch)(-3.0) == 1.0
    sin_four = [nested(ag.sin, n)(3.0) for n in range(5)]
    assert sin_four == pytest.approx(
        [math.sin(3), math.cos(3), -math.sin(3), -math.cos(3), math.sin(3)], rel=1e-15)


def banana(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 + a * b * ag.sin(b) for a, b in pairwise(x))


def unit(i, n):
    return [float(k == i) for k in range(n)]


def columns(f, x):
    """The Jacobian of f by jvp."""
    return [jvp(f, (x,), (unit(i, len(x)),))[1] for i in range(len(x))]


def rows(f, x):
    """The same by vjp."""
    y, pull = vjp(f, x)
    return [pull(unit(i, len(y)))[0] for i in range(len(y))]


@pytest.mark.parametrize(
    "second",
    [
        lambda x: jacobian(grad(banana))(x),
        lambda x: columns(grad(banana), x),
        lambda x: rows(grad(banana), x),
        lambda x: jacobian(jacobian(banana))(x),
        lambda x: jacobian(lambda x: columns(banana, x))(x),
        lambda x: columns(lambda x: columns(banana, x), x),
        lambda x: rows(lambda x: columns(banana, x), x),
        lambda x: columns(lambda x: vjp(banana, x)[1](1.0)[0], x),
        lambda x: rows(lambda x: vjp(banana, x)[1](1.0)[0], x),
        lambda x: [hvp(banana)(x, unit(i, len(x))) for i in range(len(x))],
        lambda x: [grad(lambda x, i=i: grad(banana)(x)[i])(x) for i in range(len(x))],
        lambda x: hessian(banana, sparse=True)(x).toarray().tolist(),
        lambda x: jacobian(grad(banana), sparse=True)(x).toarray().tolist(),
    ],
)
def test_all_ways_to_a_hessian(second):
    x = [0.5, -1.2, 0.8, 1.7]
    for got, expected in zip(second(x), hessian(banana)(x), strict=True):
        assert got == pytest.approx(expected, rel=1e-12, abs=1e-10)


# Random programs: identities between the transforms

COORDINATE = st.floats(-3, 3) | st.sampled_from([0.0, 1.0, -1.0, 2.0, 0.5])
AT = st.tuples(COORDINATE, COORDINATE)
DIRECTION = st.tuples(st.floats(-2, 2), st.floats(-2, 2))


def sizes(f, at):
    """For each number of the result and each input, the sum of the magnitudes of all products
    along the ways between them: what rounding errors are relative to."""
    xs = [Value(x) for x in at]
    return [
        [0.0] * len(xs) if not isinstance(y, Value) else
        [m if isinstance(m, float) else 0.0 for m in magnitudes(y, xs, magnitude=True)]
        for y in f(xs)
    ]  # fmt: skip


def curvature(f, at):
    """The same for the second derivatives: the largest of all."""
    xs = [Value(x) for x in at]
    y = f(*xs)
    if not isinstance(y, Value):
        return 0.0
    slopes = gradient(y, xs)
    found = [m for s in slopes for m in magnitudes(s, xs, magnitude=True)]
    return max(found, default=0.0)


def flat(table):
    return [x for row in table for x in row]


def finite(xs):
    return all(map(math.isfinite, xs))


def on_list(f):
    return lambda x: f(*x)


@given(f=expressions(inputs=2, kinked=True), at=AT, v=DIRECTION)
def test_second_derivatives_agree(f, at, v):
    at, v, f = [*at], [*v], on_list(f)
    size = curvature(lambda *xs: f(xs), at)
    H = hessian(f)(at)
    assume(math.isfinite(size) and finite(flat(H)))
    assert H[0][1] == H[1][0]
    bound = 1e-12 * size + 1e-300
    J = jacobian(grad(f))(at)
    sparse = hessian(f, sparse=True)(at).toarray().tolist()
    assert sparse[0][1] == sparse[1][0]
    product = hvp(f)(at, v)
    for i in range(2):
        assert product[i] == pytest.approx(H[i][0] * v[0] + H[i][1] * v[1], rel=0, abs=4 * bound)
        for j in range(2):
            assert J[i][j] == pytest.approx(H[i][j], rel=0, abs=bound)
            assert sparse[i][j] == pytest.approx(H[i][j], rel=0, abs=bound)


PAIRS = st.lists(expressions(inputs=2, kinked=True), min_size=1, max_size=4)


@given(fs=PAIRS, at=AT, v=DIRECTION, data=st.data())
def test_first_derivatives_agree(fs, at, v, data):
    at, v = [*at], [*v]
    f = lambda x: [g(*x) for g in fs]  # noqa: E731
    w = data.draw(st.lists(st.floats(-2, 2), min_size=len(fs), max_size=len(fs)))
    size, J = sizes(f, at), jacobian(f)(at)
    assume(finite(flat(size)))
    assert finite(flat(J))

    y, change = jvp(f, (at,), (v,))
    z, pull = vjp(f, at)
    (back,) = pull(w)
    assert y == z == [g(*at) for g in fs]
    terms = sum(abs(w[i]) * size[i][j] * abs(v[j]) for i in range(len(fs)) for j in range(2))
    left, right = sum(map(mul, w, change)), sum(map(mul, back, v))
    assert abs(left - right) <= 1e-13 * terms + 1e-300  # what underflows has no digits

    sparse = jacobian(f, sparse=True)(at).toarray()
    for i, g in enumerate(fs):
        xs = [Value(x) for x in at]
        y = g(*xs)
        if isinstance(y, Value):
            y.backward()
        for j in range(2):
            expected = pytest.approx(xs[j].grad, rel=0, abs=1e-13 * size[i][j] + 1e-300)
            assert J[i][j] == expected
            assert sparse[i][j] == expected
            assert grad(g, argnums=j)(*at) == expected


@given(f=expressions(inputs=2), g=expressions(inputs=2), h=expressions(inputs=1), at=AT)
def test_linearity_product_and_chain_rule(f, g, h, at):
    """Each against the slopes of the parts, combined in plain floats."""
    a, b = grad(f, (0, 1))(*at), grad(g, (0, 1))(*at)
    y, z = f(*at), g(*at)
    outer = grad(h)(y)
    (fa, ga) = sizes(lambda x: [f(*x), g(*x)], at)
    (ha,) = sizes(lambda x: [h(*x)], [y])
    assume(finite([*a, *b, *fa, *ga, *ha, y, z, outer]))
    combined = grad(lambda *x: 3.0 * f(*x) - 0.5 * g(*x), (0, 1))(*at)
    product = grad(lambda *x: f(*x) * g(*x), (0, 1))(*at)
    chained = grad(lambda *x: h(f(*x)), (0, 1))(*at)
    for j in range(2):
        size = 3 * fa[j] + ga[j] / 2
        assert abs(combined[j] - (3 * a[j] - b[j] / 2)) <= 1e-13 * size + 1e-300
        size = fa[j] * abs(z) + ga[j] * abs(y)
        assert abs(product[j] - (a[j] * z + b[j] * y)) <= 1e-13 * size + 1e-300
        assert abs(chained[j] - outer * a[j]) <= 1e-13 * ha[0] * fa[j] + 1e-300


def of_seed(seed, **more):
    return random_function(random.Random(seed), inputs=2, **more)


@pytest.mark.parametrize("seed", range(20))
def test_hessians_of_random_functions_against_differences_at_fifty_digits(seed):
    f, at = of_seed(seed), (0.6, -1.3)
    H = hessian(on_list(f))([*at])
    theirs = f.using(mpmath)
    with mp.workdps(50):
        exact = [[float(mp.diff(theirs, at, order)) for order in row]
                 for row in [[(2, 0), (1, 1)], [(1, 1), (0, 2)]]]  # fmt: skip
    # 2**-53 for each of some tens of operations, the numbers between being moderate (pieces.py)
    bound = 1e-12 * max(1.0, curvature(f, at))
    for got, expected in zip(flat(H), flat(exact), strict=True):
        assert abs(got - expected) <= bound, f


ALGEBRAIC = ("add", "mul", "sub", "sin", "exp", "tanh", "square", "arctan")


@pytest.mark.parametrize("seed", range(8))
def test_hessians_of_random_functions_against_sympy(seed):
    f, at = of_seed(seed, ops=ALGEBRAIC, size=5), (0.6, -1.3)
    symbols = sympy.symbols("x y")
    H = hessian(on_list(f))([*at])
    exact = sympy.hessian(f.using(sympy)(*symbols), symbols).evalf(
        40, subs=dict(zip(symbols, map(sympy.Float, map(repr, at)), strict=True)))  # fmt: skip
    bound = 1e-12 * max(1.0, curvature(f, at))
    for got, expected in zip(flat(H), exact, strict=True):
        assert abs(got - float(expected)) <= bound, f


@pytest.mark.parametrize(
    "f",
    [
        lambda x: (x[0] * x[0]) % x[1],
        lambda x: ag.leaky_relu(x[0] * x[0], x[1]),
        lambda x: ag.elu(x[0] * x[0], x[1]),
        lambda x: ag.clip(x[1], x[0] * x[0], 5.0) + x[0] ** 2,
        lambda x: ag.where(x[0] > 0, x[1] * x[1], x[0] ** 3),
        lambda x: ag.l2_penalty([x[0], x[1]], x[0]),
        lambda x: ag.maximum(x[0], x[1]) * x[1],
        lambda x: x[0] / x[1],
        lambda x: ag.floordiv(x[0], x[1]) * x[1] + x[0] * x[0],
        lambda x: x[0] + x[1],
    ],
)
@pytest.mark.parametrize("at", [[2.5, 2.0], [1.0, 1.0], [-1.5, 0.5]])
def test_sparse_hessians_of_rules_whose_pattern_is_not_symmetric(f, at):
    """A rule may say that one slope depends on an input by a factor that is always 0."""
    assert hessian(f, sparse=True)(at).toarray().tolist() == hessian(f)(at)
    pattern = sparsity(f, order=2)(at)
    assert all(i in pattern[j] for i in range(2) for j in pattern[i])


def test_sparse_patterns():
    f = lambda x: [x[0] * x[1], ag.sin(x[2]), 5.0, x[3] * x[0] + x[2]]  # noqa: E731
    at = [1.5, 2.0, 3.0, 4.0]
    assert sparsity(f)(at) == [[0, 1], [2], [], [0, 2, 3]]
    J = jacobian(f, sparse=True)(at)
    assert J.shape == (4, 4)
    assert J.nnz == 6
    assert J.toarray().tolist() == jacobian(f)(at)
    arrow = lambda x: sum(x[0] * a * a for a in x[1:]) + x[0]  # noqa: E731
    H = hessian(arrow, sparse=True)(at)
    assert sparsity(arrow, order=2)(at) == [[1, 2, 3], [0, 1], [0, 2], [0, 3]]
    assert H.toarray().tolist() == hessian(arrow)(at)
    band = lambda x: sum(ag.exp(a * b) for a, b in pairwise(x))  # noqa: E731
    at = [0.01 * i for i in range(40)]
    dense, found = hessian(band)(at), hessian(band, sparse=True)(at)
    assert found.nnz == 40 + 2 * 39
    for got, expected in zip(found.toarray().tolist(), dense, strict=True):
        assert got == pytest.approx(expected, rel=1e-14)
    for order in (0, 3, "1"):
        with pytest.raises(ValueError, match="order must be 1 or 2"):
            sparsity(arrow, order=order)


# Purity, and what kind of number comes out

EACH = {
    "grad": lambda f, x: grad(f)(x),
    "value_and_grad": lambda f, x: value_and_grad(f)(x),
    "jacobian": lambda f, x: jacobian(f)(x),
    "hessian": lambda f, x: hessian(f)(x),
    "hvp": lambda f, x: hvp(f)(x, 1.0),
    "vjp": lambda f, x: vjp(f, x)[1](1.0)[0],
    "jvp": lambda f, x: jvp(f, (x,), (1.0,))[1],
    "derivative": lambda f, x: derivative(f, 3)(x),
}


@pytest.mark.parametrize("name", EACH)
def test_no_grad_is_touched_and_labels_stay(name):
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    x.grad, w.grad = 7.0, 8.0
    inner = w * w
    inner.grad = 9.0
    EACH[name](lambda x: x**4 * inner, x)
    EACH[name](lambda x: x**4 * inner, 2.0)
    assert (x.data, x.grad, x.label) == (2.0, 7.0, "x")
    assert (w.data, w.grad, w.label) == (3.0, 8.0, "w")
    assert inner.grad == 9.0


def data(x):
    return [v.data if isinstance(v, Value) else v for v in (x if isinstance(x, tuple) else [x])]


def kinds(x):
    return {type(v) for v in (x if isinstance(x, tuple) else [x])}


@pytest.mark.parametrize("name", EACH)
def test_modes(name):
    w, f = 3.0, EACH[name]
    plain = f(lambda x: ag.exp(x) * w, 0.5)
    assert kinds(plain) == {float}
    captured = Value(w)
    with no_grad():
        assert f(lambda x: ag.exp(x) * w, 0.5) == plain
        inside = f(lambda x: ag.exp(x) * captured, 0.5)
        assert kinds(inside) == {float}
        assert inside == pytest.approx(plain, rel=1e-15)
        given = f(lambda x: ag.exp(x) * w, Value(0.5))
        assert kinds(given) == {Value}
        assert data(given) == pytest.approx(data(plain), rel=1e-15)
        assert all(v.op is None for v in (given if isinstance(given, tuple) else [given]))
    with detect_anomaly():
        assert f(lambda x: ag.exp(x) * w, 0.5) == plain
        found = f(lambda x: ag.exp(x) * captured, 0.5)
        assert data(found) == pytest.approx(data(plain), rel=1e-15)


def test_no_grad_inside_of_a_transform_stops_the_gradient():
    def f(x):
        with no_grad():
            fixed = x * x
        return fixed * x

    assert grad(f)(3.0) == 9.0
    with no_grad():
        assert grad(lambda x: grad(lambda y: x * y * y)(x))(3.0) == 12.0


@pytest.mark.parametrize("name", EACH)
def test_a_value_where_something_comes_from_outside_else_a_float(name):
    f, w = EACH[name], Value(3.0)
    made_inside = lambda x: x**4 * Value(3.0) * (Value(1.0) + 0.0)  # noqa: E731
    assert kinds(f(made_inside, 2.0)) == {float}
    by_argument, by_capture = f(lambda x: x**4 * 3.0, Value(2.0)), f(lambda x: x**4 * w, 2.0)
    assert kinds(by_argument) == kinds(by_capture) == {Value}
    assert data(by_argument) == data(by_capture) == pytest.approx(data(f(made_inside, 2.0)))


@pytest.mark.parametrize("name", [n for n in EACH if n != "value_and_grad"])
def test_the_result_can_be_differentiated_further(name):
    """With n derivatives taken, f(x) = w x**4 leaves one whose slopes are known."""
    n = {"hessian": 2, "hvp": 2, "derivative": 3}.get(name, 1)
    x, w = Value(2.0), Value(3.0)
    y = EACH[name](lambda x: w * x**4, x)
    falling = math.prod(range(5 - n, 5))
    by_x, by_w = gradient(y, [x, w])
    assert by_w.data == pytest.approx(falling * 2.0 ** (4 - n), rel=1e-15)
    assert by_x.data == pytest.approx(3 * falling * (4 - n) * 2.0 ** (3 - n), rel=1e-15)
    (mixed,) = gradient(by_x, [w])
    assert mixed.data == pytest.approx(falling * (4 - n) * 2.0 ** (3 - n), rel=1e-15)


def test_weights_and_directions_may_be_values():
    v = Value(5.0)
    _, change = jvp(lambda x: x**3, (2.0,), (v,))
    assert gradient(change, [v])[0].data == 12.0
    _, pull = vjp(lambda x: x**3, 2.0)
    assert gradient(pull(v)[0], [v])[0].data == 12.0
    x = Value(2.0)
    product = hvp(lambda x: x**3)(x, v)
    assert [g.data for g in gradient(product, [x, v])] == [30.0, 12.0]


def test_threads_over_the_same_captured_values():
    ws = [Value(0.1 * i) for i in range(20)]

    def f(x):
        return sum(ag.sin(w * x) for w in ws)

    def work(k):
        x, out = [0.1 + 0.01 * k, 0.7], []
        for _ in range(10):
            slope = grad(lambda p: f(p[0]) * p[1])(x)
            H = hessian(lambda p: f(p[0]) * p[1])(x)
            out.append([s.data for s in slope] + [h.data for row in H for h in row])
        return out

    alone = [work(k) for k in range(4)]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == alone
    assert all(w.grad == 0.0 for w in ws)


# Messages

@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: grad(lambda x: "a")(1.0), TypeError, "not str 'a'; f must return a number"),
        (lambda: grad(lambda x: None)(1.0), TypeError, "f returned None; does it end with a return"),
        (lambda: grad(lambda x: 1j)(1.0), TypeError, "not complex 1j; f must return a number"),
        (lambda: grad(lambda x: np.ones(2))(1.0), TypeError, r"shape \(2,\); jacobian has"),
        (lambda: grad(lambda x: [x, x])(1.0), TypeError, "f must return one number.*; jacobian has"),
        (lambda: grad(lambda x: {"a": x})(1.0), TypeError, "one number.*; return its only number"),
        (lambda: hessian(lambda x: [x])(1.0), TypeError, "hessian: f must return one number"),
        (lambda: hvp(lambda x: [x])(1.0, 1.0), TypeError, "hvp: f must return one number"),
        (lambda: derivative(lambda x: [x])(1.0), TypeError, "derivative: f must return one number"),
        (lambda: jacobian(lambda x: [x, "a"])(1.0), TypeError, r"result of f\[1\].*f must return"),
        (lambda: grad(lambda x: x)("a"), TypeError, r"args\[0\] must be a real number.*argnums="),
        (lambda: grad(lambda p: 1.0)({"w": [1.0, "b"]}), TypeError, r"args\[0\]\['w'\]\[1\] must"),
        (lambda: grad(lambda x: x)(1j), TypeError, "not complex 1j"),
        (lambda: grad(lambda x: x)(None), TypeError, "not NoneType None"),
        (lambda: grad(lambda x: x)(np.array(["a"])), TypeError, r"args\[0\]\[0\] must be a real"),
        (lambda: grad(lambda x: x, argnums=1)(1.0), TypeError, "argnums=1, but f was called with 1"),
        (lambda: grad(lambda x: x, argnums=-2)(1.0), TypeError, "argnums=-2, but f was called"),
        (lambda: grad(lambda x: x)(x=1.0), TypeError, "those by name do not count"),
        (lambda: grad(lambda x: x, argnums=True)(1.0, 2.0), TypeError, "argnums must be whole"),
        (lambda: grad(lambda x: x, argnums="x")(1.0), TypeError, "argnums must be whole numbers"),
        (lambda: grad(lambda x: x, argnums=0.0)(1.0), TypeError, "argnums must be whole numbers"),
        (lambda: grad(lambda x: x, argnums=None)(1.0), TypeError, "argnums must be whole numbers"),
        (lambda: grad(lambda x, y: x, (0, -2))(1.0, 2.0), ValueError, "names an argument twice"),
        (lambda: hvp(lambda x: x[0])([1.0], [1.0, 2.0]), ValueError, "the structure of args.*nothing more there"),
        (lambda: hvp(lambda x: x[0])([1.0], 1.0), ValueError, "the vector must have the structure"),
        (lambda: hvp(ag.sin)(1.0), TypeError, "give the arguments of f and then the vector"),
        (lambda: vjp(lambda x: [x, x], 1.0)[1](1.0), ValueError, "weights must have the structure"),
        (lambda: vjp(lambda x: x, 1.0)[1]("a"), TypeError, "weights must be a real number"),
        (lambda: jvp(ag.sin, (1.0,), (1.0, 2.0)), ValueError, "tangents must have the structure"),
        (lambda: jvp(ag.sin, (1.0,), 1.0), TypeError, "tangents must be a tuple"),
        (lambda: jvp(ag.sin, 1.0, (1.0,)), TypeError, r"args must be a tuple.* as \(args,\)"),
        (lambda: grad(lambda x: x, has_aux=True)(1.0), TypeError, r"return \(result, aux\)"),
        (lambda: derivative(ag.sin, -1), ValueError, "n must be a whole number >= 0, not -1"),
        (lambda: derivative(ag.sin, 1.0), ValueError, "n must be a whole number >= 0, not 1.0"),
        (lambda: derivative(ag.sin, True), ValueError, "n must be a whole number >= 0, not True"),
        (lambda: derivative(lambda x: x[0])([1.0, 2.0]), TypeError, "use grad, hessian or jacobian"),
        (lambda: derivative(lambda x: x[0])([1.0]), TypeError, "use grad, hessian or jacobian"),
    ],
)
def test_messages_tell_the_way_out(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()


@pytest.mark.parametrize(
    "name", ["grad", "value_and_grad", "jacobian", "hessian", "hvp", "derivative", "sparsity"]
)
def test_it_takes_a_function(name):
    with pytest.raises(TypeError, match=f"{name}: it takes a function, not float 2.0"):
        getattr(ag, name)(2.0)


def test_vjp_and_jvp_take_a_function():
    with pytest.raises(TypeError, match="vjp: it takes a function, not Value"):
        vjp(Value(1.0), 1.0)
    with pytest.raises(TypeError, match="jvp: it takes a function, not int 3"):
        jvp(3, (1.0,), (1.0,))


def test_an_error_of_f_comes_through_and_leaves_nothing_behind():
    w = Value(2.0)
    with pytest.raises(ZeroDivisionError):
        grad(lambda x: x * w * (1 // 0))(1.0)
    assert grad(lambda x: x * w)(1.0).data == 2.0


def test_transforms_carry_the_name_and_the_words_of_f():
    def area(r):
        """of a disc"""
        return math.pi * r * r

    made = grad(area)
    assert made.__name__ == "grad(area)"
    assert made.__doc__ == "of a disc"
    assert hessian(made.__wrapped__)(1.0) == 2 * math.pi


# Edges

def first_and_second(f, x):
    """By every way: they must agree also where a factor is infinite or nan."""
    firsts = {EACH[name](f, x) for name in ("grad", "jacobian", "jvp", "vjp")}
    firsts |= {derivative(f)(x), jacobian(lambda x: [f(x)])(x)[0]}
    seconds = {hessian(f)(x), hvp(f)(x, 1.0), derivative(f, 2)(x), nested(f, 2)(x)}
    seconds |= {jacobian(grad(f))(x), jvp(grad(f), (x,), (1.0,))[1], jacobian(jacobian(f))(x)}
    (first,), (second,) = firsts, seconds
    return first, second


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x**2, 0.0, (0.0, 2.0)),
        (lambda x: x**2.0, 0.0, (0.0, 2.0)),
        (lambda x: x**3, 0.0, (0.0, 0.0)),
        (lambda x: x * x, 0.0, (0.0, 2.0)),
        (ag.square, 0.0, (0.0, 2.0)),
        (lambda x: x**1, 0.0, (1.0, 0.0)),
        (lambda x: x**0, 0.0, (0.0, 0.0)),
        (lambda x: x * ag.sqrt(x), 0.0, (0.0, math.inf)),
        (lambda x: x * x * ag.sqrt(x), 0.0, (0.0, 0.0)),
        (lambda x: ag.where(x > 0, ag.log(x), x * x), -3.0, (-6.0, 2.0)),
        (lambda x: ag.where(x > 0, ag.sqrt(x), x * x), 0.0, (0.0, 2.0)),
        (lambda x: ag.where(x > 0, x * x, ag.log(x) * ag.sqrt(-x)), 3.0, (6.0, 2.0)),
        (lambda x: ag.where(x != 0, ag.sin(x) / x, 1 - x * x / 6), 0.0, (0.0, -1 / 3)),
        (ag.relu, 0.0, (0.0, 0.0)),
        (ag.relu, 2.0, (1.0, 0.0)),
        (lambda x: ag.relu(x) ** 2, 2.0, (4.0, 2.0)),
        (lambda x: ag.maximum(x, x), 2.0, (1.0, 0.0)),
        (lambda x: ag.maximum(x, 2.0) ** 2, 2.0, (2.0, 0.5)),
        (abs, 0.0, (0.0, 0.0)),
        (lambda x: 7.0, 2.0, (0.0, 0.0)),
        (lambda x: Value(7.0), 2.0, (0.0, 0.0)),
        (lambda x: x, 2.0, (1.0, 0.0)),
        (lambda x: +x, 2.0, (1.0, 0.0)),
    ],
)
def test_edges(f, x, expected):
    assert first_and_second(f, x) == expected


@pytest.mark.parametrize(
    "f",
    [ag.sqrt, ag.cbrt, lambda x: ag.sqrt(x * x), lambda x: ag.cbrt(x * x * x), ag.log,
     lambda x: 1 / x, lambda x: x**0.5, lambda x: ag.sqrt(ag.relu(x)), lambda x: x * ag.log(x)],
)  # fmt: skip
def test_infinite_and_undefined_slopes_are_the_same_by_every_way(f):
    """Also where jacobian chooses its direction by how many other results there are."""
    found = [
        grad(f)(0.0), jvp(f, (0.0,), (1.0,))[1], vjp(f, 0.0)[1](1.0)[0], jacobian(f)(0.0),
        jacobian(lambda x: [f(x), x])(0.0)[0], derivative(f)(0.0),
    ]  # fmt: skip
    assert len({repr(x) for x in found}) == 1, found
    found = [
        hessian(f)(0.0), hvp(f)(0.0, 1.0), derivative(f, 2)(0.0), nested(f, 2)(0.0),
        jacobian(grad(f))(0.0), jacobian(lambda x: [grad(f)(x), x])(0.0)[0],
    ]  # fmt: skip
    assert len({repr(x) for x in found}) == 1, found


def test_operations_of_the_users_own():
    """Second derivatives of a rule that cannot become a program go by Values."""
    cube = ag.operation(
        "cube_of_a_test", value=lambda m, x: x * x * x, partials=lambda m, y, x: (3.0 * x * x,))
    at = [2.0, 5.0]
    f = lambda x: cube(x[0]) * x[1]  # noqa: E731
    assert hessian(f)(at) == [[60.0, 12.0], [12.0, 0.0]]
    assert hessian(f, sparse=True)(at).toarray().tolist() == [[60.0, 12.0], [12.0, 0.0]]
    assert hvp(f)(at, [1.0, 1.0]) == [72.0, 12.0]
    assert [derivative(cube, n)(2.0) for n in range(5)] == [8.0, 12.0, 12.0, 6.0, 0.0]
    assert [nested(cube, n)(2.0) for n in range(5)] == [8.0, 12.0, 12.0, 6.0, 0.0]


def test_ties_of_two_inputs():
    f = lambda x, y: ag.maximum(x, y)  # noqa: E731
    assert grad(f, (0, 1))(1.0, 1.0) == (0.5, 0.5)
    assert jvp(f, (1.0, 1.0), (1.0, 3.0)) == (1.0, 2.0)
    assert hessian(lambda p: ag.maximum(*p))([1.0, 1.0]) == [[0.0, 0.0], [0.0, 0.0]]


def test_inputs_and_the_same_value_twice_as_results():
    assert jacobian(lambda x: x)([2.0, 3.0]) == [[1.0, 0.0], [0.0, 1.0]]
    assert jacobian(lambda x: [x[1], x[1], x[0], 5.0])([2.0, 3.0]) == [
        [0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [0.0, 0.0]]  # fmt: skip

    def twice(x):
        y = x * x
        return y, y

    assert jacobian(twice)(3.0) == (6.0, 6.0)
    assert vjp(twice, 3.0)[1]((1.0, 10.0)) == (66.0,)
    assert jvp(twice, (3.0,), (1.0,)) == ((9.0, 9.0), (6.0, 6.0))
    assert vjp(lambda x: [x, x], 3.0)[1]([1.0, 10.0]) == (11.0,)
    x = Value(3.0)
    assert grad(lambda a, b: a * a * b, (0, 1))(x, x)[0].data == 18.0
    assert [g.data for g in gradient(grad(lambda a, b: a * a * b)(x, x), [x])] == [12.0]


def test_chains_too_long_for_recursion():
    def chain(n):
        def f(x):
            y = x
            for _ in range(n):
                y = y * 0.99999 + 1e-5
            return y * y

        return f

    f, slope = chain(100_000), 0.99999**100_000
    y, dy = jvp(f, (2.0,), (1.0,))
    assert dy == pytest.approx(2 * math.sqrt(y) * slope, rel=1e-9)  # 1e5 roundings
    assert grad(f)(2.0) == pytest.approx(dy, rel=1e-9)
    assert nested(f, 2)(2.0) == pytest.approx(2 * slope**2, rel=1e-9)
    assert hessian(chain(10_000))(2.0) == pytest.approx(2 * 0.99999**20_000, rel=1e-9)


# What f does besides returning a number


def test_f_may_sweep_its_own_values():
    def square(x):
        y = x * x
        y.backward()
        return y

    def cube_by_its_slope(x):
        e = x * x * x
        e.backward()
        return x * x.grad  # a plain number: 3 x**2

    assert value_and_grad(square)(3.0) == (9.0, 6.0)
    assert grad(cube_by_its_slope)(3.0) == 27.0
    for outputs in (1, 2, 9):
        assert jacobian(lambda x, m=outputs: [square(x)] * m)(3.0) == [6.0] * outputs
    assert grad(lambda x: (setattr(x, "grad", 100.0), x * x)[1])(3.0) == 6.0


def test_what_f_stores_is_as_if_nothing_had_been_done():
    kept = []
    grad(lambda z: (kept.append((z, y := z * z)), y)[1])(3.0)
    z, y = kept[0]
    y.backward()
    assert z.grad == 6.0

    made = []
    grad(lambda z: (made or made.append(Value(2.0)), made[0] * z)[1])(3.0)
    assert made[0].grad == 0.0


def test_gradient_by_the_same_value_twice():
    x = Value(3.0)
    assert [v.data for v in gradient(x * x, [x, x])] == [6.0, 6.0]


def test_data_changed_between_recording_and_differentiating():
    w, x = Value(2.0), Value(3.0)
    y = w * w * w * x
    w.data = 10.0
    y.backward()
    assert w.grad == 36.0  # what was recorded stands
    with pytest.raises(ValueError, match="was changed"):
        gradient(y, [w])
    for f in (ag.sin, ag.cos, ag.square):  # odd and even: the value is the same, or the slope is
        x = Value(1.0)
        y = f(x)
        x.data = -1.0
        with pytest.raises(ValueError, match="was changed"):
            gradient(y, [x])
    w = Value(2.0)
    with no_grad():
        _, pull = vjp(lambda x: w * x * x, 3.0)
    w.data = 10.0
    assert pull(1.0) == (12.0,)
    w = Value(2.0)
    _, pull = vjp(lambda x: w * x * x, 3.0)
    w.data = 10.0
    with pytest.raises(ValueError, match=r"from 2\.0 to 10\.0; call vjp again"):
        pull(1.0)


def test_the_result_of_vjp_does_not_change_with_its_argument():
    d = [1.0, 2.0]
    _, pull = vjp(lambda d: d[0] * d[1], d)
    d.pop()
    assert pull(1.0) == ([2.0, 1.0],)


def test_a_seed_that_is_a_value_gives_values():
    one = Value(1.0)
    for found in (
        jvp(lambda x: 3.0, (1.0,), (one,))[1],
        hvp(lambda x: 3.0 * x)(1.0, one),
        vjp(lambda x: 3.0, 1.0)[1](one)[0],
    ):
        assert isinstance(found, Value)
        assert found.data == 0.0


def test_the_nodes_of_a_derivative_are_no_anomaly():
    with detect_anomaly():
        assert hessian(lambda x: x * x * x * ag.sqrt(x))(0.0) == 0.0
        assert grad(lambda x: x * x * ag.sqrt(x))(Value(0.0)).data == 0.0


def test_a_function_that_numpy_has_for_floats_only():
    with pytest.raises(TypeError, match="isnan") as found:
        grad(lambda x: np.sum(np.where(np.isnan(x), 0.0, x)))(np.ones(2))
    if sys.version_info >= (3, 11):  # exceptions have notes
        assert "x != x" in found.value.__notes__[0]


def test_programs_are_remembered_up_to_a_number_of_instructions():
    def kept(gradients):
        return sum(1 + len(p.instructions) + len(g.instructions)
                   for p, g in gradients.latest.items())  # fmt: skip

    remembered = Gradients(most=60)
    x = Value(1.0)
    programs = [Program.of([ag.sin(x) * ag.cos(x * k)], [x]) for k in range(2, 10)]
    for program in programs:
        gradient = remembered(program)
        assert remembered(program) is gradient
        assert remembered.size == kept(remembered)
        assert remembered.size <= 60
    assert programs[-1] in remembered.latest
    assert programs[0] not in remembered.latest
    few = Gradients(most=1)
    assert few(programs[0]) == remembered(programs[0])
    assert (few.size, few.latest) == (0, {})
    with ThreadPoolExecutor(4) as pool:
        assert len({*pool.map(remembered, programs * 50)}) == len(programs)
    assert remembered.size == kept(remembered)
    remembered.clear()
    assert (remembered.size, remembered.latest) == (0, {})
