"""Derivatives of the test problems of Moré, Garbow and Hillstrom against sympy at 50 digits.

sympy differentiates each residual r_i; the gradient 2 Jᵀr and the Hessian 2 (JᵀJ + Σ r_i H_i) of
the sum of squares are put together in mpmath.

How close: each entry of the Jacobian to 1e-12 of itself; each entry of the gradient and of the
Hessian to 1e-12 of the sum of the absolute values of its terms in these formulas. The terms cancel
near a minimum, to 0 where a problem is symmetric, so rounding alone makes an entry wrong by that
much. The largest entry of a row or a matrix would be the wrong measure: in one Hessian (Meyer's)
entries differ by a factor of 1e8, and the small ones would not be tested.
"""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
import sympy
from mpmath import mp, mpf
from problems import OTHER_SIZES, PROBLEMS, osborne_1, osborne_2
from scipy.optimize import least_squares
from sympy.core.sympify import converter

import autograd_lite as ag

DIGITS, CLOSE = 50, 1e-12

each_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
each_size = pytest.mark.parametrize(
    "problem", [*PROBLEMS.values(), *OTHER_SIZES.values()], ids=[*PROBLEMS, *OTHER_SIZES]
)


def residuals(problem):
    return lambda x: problem.residuals(x, ag)


def objective(problem):
    return lambda x: sum(r * r for r in problem.residuals(x, ag))


def points(problem):
    """The standard starting point, and two near it in which no two numbers are equal."""
    start = [float(x) for x in problem.start]
    yield start
    for far in (0.1, -0.07):
        yield [x + far * (abs(x) or 1.0) * math.cos(3 * j) for j, x in enumerate(start)]


class Symbolic:
    """The residuals of a problem, and their derivatives by sympy as functions of mpmath's numbers.

    pattern   for each residual the variables in it
    """

    def __init__(self, problem, monkeypatch):
        self.n = len(problem.start)
        xs = sympy.symbols(f"x:{self.n}")
        with monkeypatch.context() as patch:
            # sympy would round what it makes of floats; the data are exact binary fractions
            patch.setitem(converter, float, sympy.Rational)
            rs = [sympy.sympify(r) for r in problem.residuals([*xs], sympy)]
        self.pattern = [[j for j, x in enumerate(xs) if x in r.free_symbols] for r in rs]
        slopes = [{j: r.diff(xs[j]) for j in found} for r, found in zip(rs, self.pattern)]
        bends = [
            {(j, k): row[j].diff(xs[k]) for j in row for k in row if j >= k} for row in slopes
        ]
        self.places = [[*row] for row in bends]
        tables = [rs, [[*row.values()] for row in slopes], [[*row.values()] for row in bends]]
        self.functions = sympy.lambdify([xs], tables, "mpmath", cse=True)

    def at(self, point):
        """The Jacobian, and gradient and Hessian of the sum of squares as lists of terms."""
        rs, slopes, bends = self.functions([mpf(x) for x in point])
        every = range(self.n)
        jacobian = [[mpf(0)] * self.n for _ in rs]
        gradient = [[] for _ in every]
        hessian = [[[] for _ in every] for _ in every]
        for i, r in enumerate(rs):
            row = dict(zip(self.pattern[i], slopes[i]))
            for j, slope in row.items():
                jacobian[i][j] = slope
                gradient[j].append(2 * r * slope)
                for k in row:
                    hessian[j][k].append(2 * slope * row[k])
            for (j, k), bend in zip(self.places[i], bends[i]):
                hessian[j][k].append(2 * r * bend)
                if j != k:
                    hessian[k][j].append(2 * r * bend)
        return jacobian, gradient, hessian


def assert_close(what, got, terms):
    """`terms`: for each number of the list `got` those that it is the sum of."""
    assert len(got) == len(terms)
    for i, (x, parts) in enumerate(zip(got, terms)):
        error = abs(mpf(float(x)) - mp.fsum(parts))
        assert error <= CLOSE * mp.fsum(parts, absolute=True), (what, i, x, mp.fsum(parts))


def flat(rows):
    return [x for row in rows for x in row]


@each_problem
def test_derivatives_are_those_of_sympy(problem, monkeypatch):
    f, rs = objective(problem), residuals(problem)
    symbolic = Symbolic(problem, monkeypatch)
    for x in points(problem):
        with mp.workdps(DIGITS):
            jacobian, gradient, hessian = symbolic.at(x)
            v = [math.sin(j + 1.0) for j in range(len(x))]
            product = [[term * v[j] for j, terms in enumerate(row) for term in terms]
                       for row in hessian]  # fmt: skip
            slopes = [[slope] for slope in flat(jacobian)]

            assert_close("jacobian", flat(ag.jacobian(rs)(x)), slopes)
            sparse = ag.jacobian(rs, sparse=True)(x).toarray().tolist()
            assert_close("sparse jacobian", flat(sparse), slopes)
            assert_close("grad", ag.grad(f)(x), gradient)
            assert_close("hessian", flat(ag.hessian(f)(x)), flat(hessian))
            sparse = ag.hessian(f, sparse=True)(x).toarray().tolist()
            assert_close("sparse hessian", flat(sparse), flat(hessian))
            assert_close("hvp", ag.hvp(f)(x, v), product)
        at_0 = 1 if problem.residuals in (osborne_1, osborne_2) else 0  # t = 0: sympy drops 0*x
        assert ag.sparsity(rs)(x)[at_0:] == symbolic.pattern[at_0:]


@each_problem
def test_the_value_is_that_of_plain_floats(problem):
    for x in points(problem):
        value, _ = ag.vjp(residuals(problem), x)
        assert value == pytest.approx(problem.residuals(x, math), rel=1e-15, abs=0)


def minimised(problem):
    return least_squares(
        lambda x: problem.residuals(x.tolist(), ag),
        [float(x) for x in problem.start],
        lambda x: ag.jacobian(residuals(problem))(x.tolist()),
        xtol=1e-15, ftol=1e-15, gtol=1e-15, max_nfev=1000,
    )  # fmt: skip


def is_minimum(found, figure):
    """Whether it has the digits of the figure, of which the paper cuts off some and rounds some."""
    unit = float(Decimal(1).scaleb(Decimal(figure).as_tuple().exponent))
    return abs(found - float(figure)) <= (unit if float(figure) else 1e-20)


@each_size
def test_scipy_finds_the_minimum_of_the_paper(problem):
    """What guards the data: a digit typed wrong changes the minimum."""
    minimum = 2 * minimised(problem).cost
    assert any(is_minimum(minimum, figure) for figure in problem.minima), minimum


@pytest.mark.parametrize(
    ("name", "point", "minimum"),
    [(name, *known) for name, problem in PROBLEMS.items() for known in problem.known],
)
def test_the_minimisers_of_the_paper(name, point, minimum):
    rs = PROBLEMS[name].residuals(point, math)
    assert sum(r * r for r in rs) == pytest.approx(minimum, rel=1e-14, abs=1e-20)


def test_both_discrete_forms_of_one_boundary_value_problem_have_the_same_solution():
    differences = PROBLEMS["28 discrete boundary value"]
    integral = PROBLEMS["29 discrete integral equation"]
    solution = minimised(differences).x
    assert minimised(integral).x == pytest.approx(solution, rel=1e-12)
