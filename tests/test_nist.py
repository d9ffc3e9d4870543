"""Nonlinear regression of NIST's reference data sets with our derivatives, to the certified digits.

The oracles are NIST's: parameters, their standard deviations and residual sums of squares, each
certified to 11 digits. The exact Jacobian beside ours is SymPy's.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

import mpmath
import numpy as np
import pytest
import sympy
from scipy.optimize import least_squares, root

import autograd_lite as ag

SETS = json.loads((Path(__file__).parent / "data/nist_strd.json").read_text("utf-8"))["sets"]

# A model takes m, a module of functions (autograd_lite or sympy), and is ordinary arithmetic
MODELS = {
    "Misra1a": lambda m, x, b1, b2: b1 * (1 - m.exp(-b2 * x)),
    "Chwirut2": lambda m, x, b1, b2, b3: m.exp(-b1 * x) / (b2 + b3 * x),
    "DanWood": lambda m, x, b1, b2: b1 * x**b2,
    "Kirby2": lambda m, x, b1, b2, b3, b4, b5:
        (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2),
    "MGH17": lambda m, x, b1, b2, b3, b4, b5: b1 + b2 * m.exp(-x * b4) + b3 * m.exp(-x * b5),
    "Misra1d": lambda m, x, b1, b2: b1 * b2 * x / (1 + b2 * x),
    "Thurber": lambda m, x, b1, b2, b3, b4, b5, b6, b7:
        (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3),
    "Rat43": lambda m, x, b1, b2, b3, b4: b1 / (1 + m.exp(b2 - b3 * x)) ** (1 / b4),
    "MGH09": lambda m, x, b1, b2, b3, b4: b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4),
    "Eckerle4": lambda m, x, b1, b2, b3: b1 / b2 * m.exp(-0.5 * ((x - b3) / b2) ** 2),
}  # fmt: skip

both_starts = pytest.mark.parametrize("start", ["start1", "start2"])
each_set = pytest.mark.parametrize("name", MODELS)


def residuals(name):
    model, xs, ys = MODELS[name], SETS[name]["x"], SETS[name]["y"]
    return lambda b: [model(ag, x, *b) - y for x, y in zip(xs, ys, strict=True)]


def rss(name):
    f = residuals(name)
    return lambda b: ag.sum([r * r for r in f(b)])


def symbols(name):
    x, *b = sympy.symbols(["x", *(f"b{i + 1}" for i in range(len(SETS[name]["certified"])))])
    return x, b


def digits(found, certified):
    """NIST's LRE: the number of correct digits, of the worst number."""
    errors = [abs(a - b) / abs(b) for a, b in zip(found, certified, strict=True)]
    return -math.log10(max(*errors, 1e-16))


def fitted(name, start):
    f = residuals(name)
    with np.errstate(all="ignore"):  # far from the solution a model may overflow
        return least_squares(
            f, SETS[name][start], ag.jacobian(f), method="lm", x_scale="jac",
            ftol=1e-15, xtol=1e-15, gtol=1e-15, max_nfev=2000,
        )  # fmt: skip


@each_set
def test_the_models_are_those_of_the_file(name):
    x, b = symbols(name)
    in_file = sympy.sympify(SETS[name]["model"], locals={str(s): s for s in (x, *b)})
    assert sympy.simplify(MODELS[name](sympy, x, *b) - in_file) == 0


@each_set
@both_starts
def test_certified_parameters(name, start):
    s = SETS[name]
    found = fitted(name, start)
    # The sum of squares is flat at its minimum, so once it stops falling SciPy stops with about
    # half of the digits, luck deciding how many more; it does so with SymPy's Jacobian too
    assert 2 * found.cost == pytest.approx(s["rss"], rel=1e-10)
    assert digits(found.x, s["certified"]) > 6.5
    # The zero of the gradient is sharp
    f = rss(name)
    exact = root(ag.grad(f), found.x, jac=ag.hessian(f), tol=1e-15)
    assert digits(exact.x, s["certified"]) > 9.5


@each_set
def test_certified_standard_deviations(name):
    s = SETS[name]
    n, p = len(s["x"]), len(s["certified"])
    j = ag.jacobian(residuals(name))(np.array(s["certified"]))
    found = rss(name)(s["certified"])
    assert found == pytest.approx(s["rss"], rel=1e-10)
    # The condition of j with columns of length 1 is below 1e3 for each set, that of j^T j below
    # 1e6; so 9 of 16 digits are left even by the inverse, and NIST's rounding costs no more
    assert np.linalg.cond(j / np.linalg.norm(j, axis=0)) < 1e3
    deviations = np.sqrt(np.diag(np.linalg.inv(j.T @ j)) * found / (n - p))
    assert digits(deviations, s["sd"]) > 9.0


@each_set
def test_the_jacobian_is_that_of_sympy(name):
    x, b = symbols(name)
    at = SETS[name]["certified"]
    formula = MODELS[name](sympy, x, *b)
    slopes = sympy.lambdify([x, *b], [sympy.diff(formula, v) for v in b], "mpmath")
    with mpmath.workdps(40):
        point = [mpmath.mpf(v) for v in at]
        exact = [[float(v) for v in slopes(mpmath.mpf(u), *point)] for u in SETS[name]["x"]]
    found = ag.jacobian(residuals(name))(np.array(at))
    # Near one x the numerator of Kirby2 is the small rest of a cancellation, as any formula has it
    np.testing.assert_allclose(found, exact, rtol=2e-12 if name == "Kirby2" else 1e-12)
    size = np.max(np.abs(exact), axis=0)
    np.testing.assert_allclose(found / size, exact / size, rtol=0, atol=1e-13)
