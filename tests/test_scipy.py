"""SciPy with our derivatives: recipes for its solvers, and autograd_lite.scipy.objective."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import (
    NonlinearConstraint,
    curve_fit,
    least_squares,
    minimize,
    root,
    root_scalar,
)
from scipy.sparse import issparse

import autograd_lite as ag
from autograd_lite import derivative, grad, hessian, hvp, jacobian, value_and_grad
from autograd_lite.scipy import objective


class Counted:
    """A function that counts its calls."""

    def __init__(self, f):
        self.f, self.calls = f, 0

    def __call__(self, *args):
        self.calls += 1
        return self.f(*args)


# --- Recipes ---


def rosenbrock(x):
    pairs = zip(x[:-1], x[1:], strict=True)
    return ag.sum([100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairs])


def both(**named):
    return dict(fun=value_and_grad(rosenbrock), jac=True, **named)


def by_hessian(**named):
    return dict(fun=rosenbrock, jac=grad(rosenbrock), hess=hessian(rosenbrock), **named)


def by_product(**named):
    return dict(fun=rosenbrock, jac=grad(rosenbrock), hessp=hvp(rosenbrock), **named)


MINIMIZE = {
    "BFGS": both(options={"gtol": 1e-9}),
    "L-BFGS-B": both(options={"gtol": 1e-9, "ftol": 1e-15}),
    "SLSQP": both(options={"ftol": 1e-15}),
    "CG": both(options={"gtol": 1e-9}),
    "Newton-CG": by_product(options={"xtol": 1e-10}),
    "trust-ncg": by_product(options={"gtol": 1e-9}),
    "trust-krylov": by_product(options={"gtol": 1e-9}),
    "trust-exact": by_hessian(options={"gtol": 1e-9}),
    "trust-constr": by_hessian(options={"gtol": 1e-9, "xtol": 1e-12}),
}


@pytest.mark.parametrize("method", MINIMIZE)
def test_minimize(method):
    found = minimize(x0=[-1.2, 1.0, 1.3], method=method, **MINIMIZE[method])
    assert found.x == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    assert isinstance(found.fun, float)


# x + 2y is least on the unit disc, left below x*y = 0.45, where both constraints meet
CORNER = [(-math.sqrt(1.9) + math.sqrt(0.1)) / 2, (-math.sqrt(1.9) - math.sqrt(0.1)) / 2]


def plane(x):
    return x[0] + 2 * x[1]


def disc_and_hyperbola(x):
    return [x[0] ** 2 + x[1] ** 2, x[0] * x[1]]


def constrained(f, constraint):
    return minimize(
        f.fun, [-0.6, -0.7], jac=f.jac, hess=f.hess, method="trust-constr", constraints=constraint,
        options={"gtol": 1e-10, "xtol": 1e-12, "barrier_tol": 1e-10},
    )  # fmt: skip


def test_constraints_by_one_objective():
    c = objective(disc_and_hyperbola)
    limits = NonlinearConstraint(c.fun, [-np.inf, 0.45], [1, np.inf], jac=c.jac, hess=c.hess)
    assert constrained(objective(plane), limits).x == pytest.approx(CORNER, abs=1e-3)


def test_constraints_by_jacobian_and_the_hessian_of_an_objective():
    limits = NonlinearConstraint(
        disc_and_hyperbola, [-np.inf, 0.45], [1, np.inf],
        jac=jacobian(disc_and_hyperbola), hess=objective(disc_and_hyperbola).hess,
    )  # fmt: skip
    assert constrained(objective(plane), limits).x == pytest.approx(CORNER, abs=1e-3)


def test_a_constraint_that_is_one_number():
    c = objective(lambda x: x[0] ** 2 + x[1] ** 2)
    limits = NonlinearConstraint(c.fun, -np.inf, 1, jac=c.jac, hess=c.hess)
    found = constrained(objective(plane), limits)
    assert found.x == pytest.approx([-1 / math.sqrt(5), -2 / math.sqrt(5)], abs=1e-4)
    c.fun([0.3, 0.4])
    assert c.hess([0.3, 0.4], np.array([10.0])).tolist() == [[20.0, 0.0], [0.0, 20.0]]


def broyden(x):
    """Problem 30 of Moré, Garbow and Hillstrom: tridiagonal."""
    n = len(x)
    left, right = [0.0, *x[:-1]], [*x[1:], 0.0]
    return [(3 - 2 * x[i]) * x[i] - left[i] - 2 * right[i] + 1 for i in range(n)]


TIGHT = {"xtol": 1e-14, "ftol": 1e-14, "gtol": 1e-14}


def broyden_by_hand(x):
    n = len(x)
    return np.diag(3 - 4 * x) + np.diag([-1.0] * (n - 1), -1) + np.diag([-2.0] * (n - 1), 1)


@pytest.mark.parametrize("sparse", [False, True])
def test_least_squares(sparse):
    by_ours = least_squares(broyden, -np.ones(30), jacobian(broyden, sparse=sparse), **TIGHT)
    by_hand = least_squares(broyden, -np.ones(30), broyden_by_hand, **TIGHT)
    assert np.max(np.abs(by_ours.fun)) < 1e-12
    assert by_ours.x == pytest.approx(by_hand.x, rel=1e-9)
    assert issparse(by_ours.jac) == sparse
    assert sparse or by_ours.nfev == by_hand.nfev


def test_least_squares_by_an_objective():
    f = Counted(broyden)
    o = objective(f, sparse=True)
    found = least_squares(o.fun, -np.ones(30), o.jac, **TIGHT)
    assert np.max(np.abs(found.fun)) < 1e-12
    assert f.calls == found.nfev


@pytest.mark.parametrize("method", ["hybr", "lm"])
def test_root(method):
    f = Counted(broyden)
    by_ours = root(f, -np.ones(8), jac=jacobian(f), method=method, tol=1e-12)
    ours = f.calls
    f.calls = 0
    by_differences = root(f, -np.ones(8), method=method, tol=1e-12)
    assert by_ours.success
    assert by_ours.x == pytest.approx(by_differences.x, abs=1e-10)
    assert ours < f.calls


@pytest.mark.parametrize("method", ["newton", "halley"])
def test_root_scalar(method):
    def f(x):
        return ag.exp(x) - 3 * x**2

    second = {"fprime2": derivative(f, 2)} if method == "halley" else {}
    found = root_scalar(f, x0=1.0, fprime=derivative(f), method=method, **second)
    assert found.converged
    assert math.exp(found.root) == pytest.approx(3 * found.root**2, rel=1e-15)
    o = objective(f)
    second = {"fprime2": o.hess} if method == "halley" else {}
    again = root_scalar(o.fun, x0=1.0, fprime=o.jac, method=method, **second)
    assert again.root == pytest.approx(found.root, rel=1e-15)


def robertson(t, y):
    slow, fast, last = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] ** 2
    return [fast - slow, slow - fast - last, last]


def robertson_by_hand(t, y):
    return [
        [-0.04, 1e4 * y[2], 1e4 * y[1]],
        [0.04, -1e4 * y[2] - 6e7 * y[1], -1e4 * y[1]],
        [0, 6e7 * y[1], 0],
    ]


def van_der_pol(t, y):
    return [y[1], 100 * (1 - y[0] ** 2) * y[1] - y[0]]


def van_der_pol_by_hand(t, y):
    return [[0, 1], [-200 * y[0] * y[1] - 1, 100 * (1 - y[0] ** 2)]]


@pytest.mark.parametrize("method", ["Radau", "BDF"])
@pytest.mark.parametrize(
    ("rhs", "by_hand", "end", "start"),
    [
        (robertson, robertson_by_hand, 40.0, [1.0, 0.0, 0.0]),
        (van_der_pol, van_der_pol_by_hand, 100.0, [2.0, 0.0]),
    ],
)
def test_stiff_equations(method, rhs, by_hand, end, start):
    def solved(jac, f):
        found = solve_ivp(f, (0, end), start, method=method, jac=jac, rtol=1e-6, atol=1e-10)
        assert found.success
        return found.y[:, -1], found.t.size

    exact, steps = solved(by_hand, rhs)
    calls = []
    for sparse in (False, True):
        f = Counted(rhs)
        y, n = solved(jacobian(f, argnums=1, sparse=sparse), f)
        calls.append(f.calls)
        assert (y, n) == (pytest.approx(exact, rel=1e-9), steps)
    f = Counted(rhs)
    solved(None, f)
    assert max(calls) < f.calls


def test_robertson_at_40_seconds():
    # Digits from the documentation of ODEPACK's LSODE, which was run with rtol=1e-4
    found = solve_ivp(
        robertson, (0, 40), [1.0, 0.0, 0.0], method="Radau", jac=jacobian(robertson, argnums=1),
        rtol=1e-8, atol=1e-12,
    )  # fmt: skip
    assert found.y[:, -1] == pytest.approx([7.158e-1, 9.185e-6, 2.842e-1], rel=2e-4)


def decay(t, a, k, c):
    return a * np.exp(-k * t) + c


@pytest.mark.parametrize(
    "jac",
    [
        lambda t, *p: np.column_stack(jacobian(decay, argnums=(1, 2, 3))(t, *p)),
        lambda t, *p: jacobian(lambda p: decay(t, *p))(np.array(p)),
    ],
)
def test_curve_fit(jac):
    t = np.linspace(0, 4, 30)
    wrong = 0.01 * np.cos(37 * t)
    found, covariance = curve_fit(decay, t, decay(t, 2.5, 1.3, 0.5) + wrong, [1, 1, 0], jac=jac,
                                  xtol=1e-12, ftol=1e-12)  # fmt: skip
    a, k, _ = found
    e = np.exp(-k * t)
    j = np.column_stack([e, -a * t * e, np.ones_like(t)])
    rest = decay(t, *found) - decay(t, 2.5, 1.3, 0.5) - wrong
    assert j.T @ rest == pytest.approx([0, 0, 0], abs=1e-8)
    assert covariance == pytest.approx(np.linalg.inv(j.T @ j) * (rest @ rest) / 27, rel=1e-6)


# --- objective ---


def one(x):
    return x[0] ** 2 * x[1] + ag.sin(x[1])


def one_by_hand(x):
    a, b = x
    slopes = [2 * a * b, a * a + math.cos(b)]
    return a * a * b + math.sin(b), slopes, [[2 * b, 2 * a], [2 * a, -math.sin(b)]]


def several(x):
    return [x[0] * x[1], x[0] ** 2, ag.exp(x[1])]


def several_by_hand(x, v=(1, 1, 1)):
    a, b = x
    e = math.exp(b)
    return [a * b, a * a, e], [[b, a], [2 * a, 0], [0, e]], [[2 * v[1], v[0]], [v[0], v[2] * e]]


def dense(x):
    return x.toarray() if issparse(x) else x


POINTS = [[3.0, 2.0], [0.0, 0.0], [-1.5, 0.25]]
sparse_or_not = pytest.mark.parametrize("sparse", [False, True])


@pytest.mark.parametrize("x", POINTS)
@sparse_or_not
def test_one_result(x, sparse):
    o = objective(one, sparse=sparse)
    y, slopes, second = one_by_hand(x)
    found = o.fun(x)
    assert found.__class__ is float
    assert found == pytest.approx(y, rel=1e-15)
    assert o.jac(x) == pytest.approx(np.array(slopes), rel=1e-15)
    h = o.hess(x)
    assert issparse(h) == sparse
    assert dense(h) == pytest.approx(np.array(second), rel=1e-15)
    for p in ([1.0, 0.0], [0.5, -2.0]):
        product = o.hessp(x, p)
        assert not issparse(product)
        assert product == pytest.approx(np.array(second) @ p, rel=1e-15)


@pytest.mark.parametrize("x", POINTS)
@sparse_or_not
def test_several_results(x, sparse):
    o = objective(several, sparse=sparse)
    y, slopes, _ = several_by_hand(x)
    found = o.fun(x)
    assert found.dtype == float
    assert found == pytest.approx(np.array(y), rel=1e-15)
    j = o.jac(x)
    assert issparse(j) == sparse
    assert dense(j) == pytest.approx(np.array(slopes), rel=1e-15)
    for v in ([1.0, 0.0, 0.0], [0.5, -2.0, 3.0], np.array([0.0, 0.0, 0.0])):
        h = o.hess(x, v)
        assert issparse(h) == sparse
        assert dense(h) == pytest.approx(np.array(several_by_hand(x, v)[2]), rel=1e-15)


def test_the_weighted_hessian_may_be_asked_for_first():
    expected = np.array(several_by_hand([3.0, 2.0], [1, 2, 3])[2])
    assert objective(several).hess([3.0, 2.0], [1, 2, 3]) == pytest.approx(expected)


def test_a_list_of_one_result_is_several():
    o = objective(lambda x: [x[0] * x[1]])
    assert o.fun([3.0, 2.0]).tolist() == [6.0]
    assert o.jac([3.0, 2.0]).tolist() == [[2.0, 3.0]]
    assert o.hess([3.0, 2.0], [10.0]).tolist() == [[0.0, 10.0], [10.0, 0.0]]


@pytest.mark.parametrize("x", [3.0, 3, np.float64(3.0), np.array(3.0)])
def test_a_number_as_x(x):
    o = objective(lambda x: x**3)
    assert (o.fun(x), o.jac(x), o.hess(x), o.hessp(x, 2.0)) == (27.0, 27.0, 18.0, 36.0)


def test_a_number_and_an_array_of_one_number_are_different_points():
    o = objective(lambda x: x**3)
    o.fun(2.0)
    assert o.jac([2.0]).tolist() == [[12.0]]
    assert o.jac(2.0).tolist() == 12.0


def test_results_of_arrays():
    def f(x):
        return np.cumsum(np.exp(x))

    e = np.exp([0.5, -1.0, 2.0])
    o = objective(f)
    assert o.fun([0.5, -1.0, 2.0]) == pytest.approx(np.cumsum(e))
    assert o.jac([0.5, -1.0, 2.0]) == pytest.approx(np.tril(np.ones((3, 3))) * e)
    assert o.hess([0.5, -1.0, 2.0], [0, 1, 10]) == pytest.approx(np.diag([11, 11, 10] * e))


def test_what_does_not_depend_on_x():
    o = objective(lambda x: 3.0)
    assert o.fun([1.0, 2.0]) == 3.0
    assert o.jac([1.0, 2.0]).tolist() == [0.0, 0.0]
    assert o.hess([1.0, 2.0]).tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert o.hessp([1.0, 2.0], [1.0, 1.0]).tolist() == [0.0, 0.0]


def test_one_call_a_point():
    f = Counted(one)
    o = objective(f)
    x = np.array([3.0, 2.0])
    o.fun(x), o.jac(x), o.hess(x), o.hessp(x, x), o.jac(x.tolist())
    assert f.calls == 1
    o.jac(2 * x), o.hess(2 * x), o.hessp(2 * x, x)
    assert f.calls == 2

    g = Counted(several)
    o = objective(g)
    o.fun(x), o.jac(x), o.hess(x, [1, 2, 3]), o.hess(x, [3, 2, 1]), o.jac(x)
    assert g.calls == 1


@pytest.mark.parametrize("method", ["BFGS", "trust-exact", "Newton-CG", "trust-ncg"])
def test_as_many_calls_as_points(method):
    f = Counted(rosenbrock)
    o = objective(f)
    second = {"BFGS": {}, "trust-exact": {"hess": o.hess}}.get(method, {"hessp": o.hessp})
    found = minimize(o.fun, [-1.2, 1.0], jac=o.jac, method=method, **second)
    assert found.x == pytest.approx([1.0, 1.0], abs=1e-3)
    # The trust-region methods ask for second derivatives at a new point before the value, and that
    # is always evaluated anew
    assert found.nfev <= f.calls <= found.nfev * (2 if "trust" in method else 1)


def test_fun_always_evaluates_anew():
    data = [1.0]
    f = Counted(lambda x: data[0] * x[0] ** 2)
    o = objective(f)
    assert (o.fun([3.0]), o.jac([3.0]).tolist()) == (9.0, [6.0])
    data[0] = 10.0
    assert o.jac([3.0]).tolist() == [6.0]  # of the value that was seen last
    assert (o.fun([3.0]), o.jac([3.0]).tolist(), o.hess([3.0]).tolist()) == (90.0, [60.0], [[20.0]])
    assert f.calls == 2


def test_further_arguments():
    f = Counted(lambda x, a, b: ag.sum((x - a) ** 2) + b["weight"] * x[0] * x[1])
    a, b = np.array([1.0, 2.0]), {"weight": 0.5}
    o = objective(f, a, b)
    found = minimize(o.fun, [0.0, 0.5], jac=o.jac, hess=o.hess, method="trust-exact")
    expected = np.linalg.solve([[2, 0.5], [0.5, 2]], 2 * a)
    assert found.x == pytest.approx(expected, rel=1e-6)

    f.calls = 0
    x = [1.5, 1.5]
    o.fun(x)
    assert o.jac(x).tolist() == [1.75, -0.25]
    assert o.hessp(x, [1.0, 0.0]).tolist() == [2.0, 0.5]
    assert f.calls == 1
    with pytest.raises(TypeError, match="positional"):  # they would be taken for nothing
        minimize(o.fun, x, args=(a, b))


def test_further_arguments_of_several_results():
    o = objective(lambda x, a: [a * x[0] * x[1], x[0] ** 2], 3.0)
    assert o.fun([1.0, 2.0]).tolist() == [6.0, 1.0]
    assert o.jac([1.0, 2.0]).tolist() == [[6.0, 3.0], [2.0, 0.0]]
    assert o.hess([1.0, 2.0], [1.0, 10.0]).tolist() == [[20.0, 3.0], [3.0, 0.0]]


def test_values_from_outside_would_be_lost():
    w = ag.Value(3.0)
    o = objective(lambda x: w * x[0] ** 2)
    with pytest.raises(ValueError, match="from outside"):
        o.fun([2.0])
    with pytest.raises(ValueError, match="from outside"):
        ag.grad(lambda a: objective(lambda x: a * x[0]).fun([2.0]))(1.0)
    with pytest.raises(ValueError, match="x holds"):
        o.fun([w])
    with ag.no_grad():
        found = o.fun([2.0]), o.jac([2.0]).tolist(), o.hess([2.0]).tolist()
    assert found == (12.0, [12.0], [[6.0]])
    assert w.grad == 0.0


@pytest.mark.parametrize("x", [[1j], ["a"], [[1.0, None]]])
def test_a_point_that_is_no_point(x):
    with pytest.raises(TypeError, match=r"objective: args\[0\]"):
        objective(one).fun(x)


def test_an_x_that_is_written_into():
    f = Counted(one)
    o = objective(f)
    x = np.array([3.0, 2.0])
    o.fun(x)
    x[:] = [1.0, 0.5]
    assert o.jac(x) == pytest.approx(one_by_hand(x)[1], rel=1e-15)
    o.fun(x)
    x[:] = 0.0
    calls = f.calls
    assert o.hess([1.0, 0.5]) == pytest.approx(np.array(one_by_hand([1.0, 0.5])[2]), rel=1e-15)
    assert f.calls == calls


def test_what_is_returned_may_be_written_into():
    for o, args in ((objective(one), ()), (objective(several), ([1.0, 2.0, 3.0],))):
        x = np.array([3.0, 2.0])
        before = [np.copy(found) for found in (o.fun(x), o.jac(x), o.hess(x, *args))]
        for found in (o.fun(x), o.jac(x), o.hess(x, *args)):
            if not isinstance(found, float):
                found[:] = 7.0
        after = [o.jac(x), o.hess(x, *args)]
        assert all((a == b).all() for a, b in zip(after, before[1:], strict=True))


def test_f_cannot_write_into_x():
    def f(x):
        x[0] = 0.0
        return x[0] + x[1]

    x = np.array([3.0, 2.0])
    assert objective(f).jac(x).tolist() == [0.0, 1.0]
    assert x.tolist() == [3.0, 2.0]


def test_sparse_second_derivatives_in_scipy():
    o = objective(rosenbrock, sparse=True)
    found = minimize(o.fun, np.full(10, 0.8), jac=o.jac, hess=o.hess, method="trust-constr")
    assert found.x == pytest.approx(np.ones(10), abs=1e-5)


def test_inside_no_grad():
    o = objective(one)
    with ag.no_grad():
        assert o.jac([3.0, 2.0]) == pytest.approx(one_by_hand([3.0, 2.0])[1])
        assert o.hess([3.0, 2.0]) == pytest.approx(np.array(one_by_hand([3.0, 2.0])[2]))


def test_another_number_of_results():
    o = objective(lambda x: [v * v for v in x if v > 0])
    assert o.fun([1.0, 2.0]).tolist() == [1.0, 4.0]
    message = r"f returned 1 numbers, but 2 before for an x of shape \(2,\)"
    with pytest.raises(ValueError, match=message):
        o.fun([1.0, -2.0])
    with pytest.raises(ValueError, match=message):
        o.jac([1.0, -3.0])
    assert o.fun([1.0, 3.0]).tolist() == [1.0, 9.0]
    assert o.fun([1.0, 2.0, 3.0]).tolist() == [1.0, 4.0, 9.0]  # of another x


@pytest.mark.parametrize(
    ("use", "kind", "message"),
    [
        (lambda: objective(3), TypeError, "objective: it takes a function, not int 3"),
        (lambda: objective(lambda x: None).fun([1.0]), TypeError, "objective: f returned None"),
        (lambda: objective(lambda x: "a").jac([1.0]), TypeError, "objective: .* not str 'a'"),
        (lambda: objective(lambda x: [x[0], "a"]).fun([1.0]), TypeError, "not str 'a'"),
        (lambda: objective(several).hess([1.0, 2.0]), TypeError, "must return one number"),
        (lambda: objective(several).hessp([1.0, 2.0], [1, 1]), TypeError, "must return one number"),
        (lambda: objective(one).hessp([1.0, 2.0], [1.0]), ValueError, "the vector"),
    ],
)
def test_wrong_use(use, kind, message):
    with pytest.raises(kind, match=message):
        use()


def test_the_wrong_number_of_weights():
    o = objective(several)
    o.fun([1.0, 2.0])
    with pytest.raises(ValueError, match="the weights"):
        o.hess([1.0, 2.0], [1.0, 2.0])


def test_an_error_in_f_leaves_the_objective_usable():
    def f(x):
        if x[0] < 0:
            raise ArithmeticError("outside")
        return x[0] ** 2

    o = objective(f)
    assert o.fun([3.0]) == 9.0
    with pytest.raises(ArithmeticError, match="outside"):
        o.fun([-1.0])
    assert o.jac([3.0]).tolist() == [6.0]


@pytest.mark.parametrize("shared", [True, False])
def test_threads(shared):
    first, many = objective(one), objective(several)

    def run(k):
        a, b = (first, many) if shared else (objective(one), objective(several))
        b.fun([1.0, 1.0])
        for i in range(30):
            x, v = [1.0 + k, 0.1 * i], [k, 1.0, i]
            y, slopes, second = one_by_hand(x)
            assert a.fun(x) == pytest.approx(y)
            assert a.jac(x) == pytest.approx(slopes)
            assert a.hess(x) == pytest.approx(np.array(second))
            assert b.jac(x) == pytest.approx(np.array(several_by_hand(x)[1]))
            assert b.hess(x, v) == pytest.approx(np.array(several_by_hand(x, v)[2]))
        return k

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(run, range(4))) == [0, 1, 2, 3]
