"""What random functions have found (fuzz.py), and that they still find what is wrong."""

from __future__ import annotations

import math

import mpmath
import oracles
import pytest
from fuzz import Fuzzer

import autograd_lite as ag
from autograd_lite import TABLE, Value, check_grads, engine, functions
from autograd_lite.engine import record
from autograd_lite.ops import CUSTOM
from autograd_lite.testing import RandomFunction


def function(names: str, *lines: str) -> RandomFunction:
    return RandomFunction("\n".join([f"def f({names}):", *(f"    {line}" for line in lines)]))


def of(expression: str) -> RandomFunction:
    return function("x", f"return {expression}")


# Numbers that were wrong, or where it is hard to know which are right

HARD = {
    "a sine that turns many times within the usual step": (of("sin(x*x)"), [-4.15200687650812e66]),
    "the slopes of logsumexp multiply the rounding of x - c": (
        of("expm1(logsumexp([-0.5, tanh(x), x]))"), [81.63513100355192]),
    "the complex erf subtracts large terms": (of("erf(x)"), [-2.4510802852838016]),
    "and gelu": (of("gelu(x)"), [-2.6952395663312254]),
    "a complex power of many digits": (of("cbrt(x)"), [7.436328659321356e-231]),
    "a tie that is always one": (of("maximum(x, x)*minimum(x*x, x*x)"), [-1.5]),
    "a power of 0": (function("x, y", "return x**2 + y*x**y"), [0.0, 3.0]),
    "the result is an input": (function("x, y", "return y if x < y else x"), [2.0, -1.0]),
    "a result by branches of loops": (
        function("x, y", "a = y/(0.5 + x*x)", "b = 0", "while b < 4 and a < x:",
                 "    a = a/2 + softplus(a)", "    b += 1", "return sorted([a, x, y])[1]*a"),
        [1.3, -0.2]),
    "a slope that underflows, so that the sign is wrong": (of("4*x/(1 + x*x)"), [1.09e154]),
    "and what it is multiplied by": (of("arcsin((-x)*x/(1 + x*x*x*x))"), [9.37e55]),
    "numbers that underflow": (of("(1 + exp(x))*exp(x)"), [-740.0]),
    "whole numbers": (of("floor(x/3) + round(x/3) + x % 0.7"), [2.0]),
}  # fmt: skip


@pytest.mark.parametrize("case", HARD)
def test_a_hard_corner(case):
    fuzzer = Fuzzer(quiet=True)
    fuzzer.examine(*HARD[case])
    assert not fuzzer.disagreements, fuzzer.disagreements[0]
    assert sum(fuzzer.compared.values()) > 8


# Points at which check_grads raised a false alarm

ALARMS = {
    "a feature narrower than the steps": (
        function("x, z", "return sqrt(0.5 + arctan2(x, z)**2) + x"), [2.48e-09, 1.85e-4], 1),
    "a sine of which the differences see nothing": (of("sin(x)"), [2.0701722030673715e60], 1),
    "a slope so large that the complex step is too wide": (of("cos(exp(x))"), [36.0], 1),
    "a slope that leaves no complex step": (of("cos(exp(x))"), [260.7], 1),
    "a second derivative at a kink": (of("hypot(x, x)"), [0.0], 2),
    "a second derivative whose complex step underflows": (of("sinh(arcsinh(x))"), [-1.36e161], 2),
    "a cube at 0, where the complex step leaves h*h": (of("-2*x**3"), [0.0], 1),
    "a kink nearer than the first step": (of("abs(x) + 1"), [1e-9], 1),
    "a step function": (of("floor(x/2)"), [-158423.39], 1),
    "a step function with steps below the differences": (of("trunc(x)"), [9071737.397030156], 1),
    "steps, and a number that no complex step reaches": (
        function("x", "return sigmoid(sinh(x)) + square(ceil(x))"), [-21447750.50672956], 1),
    "a step for each float": (
        function("x", "a = x + cos(x)", "return tanh(cosh(a)) + trunc(a) + a"),
        [6.822593506859442e237], 1),
    "a tie that sorted goes round": (
        function("x, y", "return sorted([x, y, x])[1]"), [-2.0, -2.0], 1),
}  # fmt: skip


@pytest.mark.parametrize("case", ALARMS)
def test_no_false_alarm(case):
    f, at, number = ALARMS[case]
    report = check_grads(f, at, order=number, raises=False)
    assert report.ok, report


def test_the_slopes_of_a_number_over_infinity():
    x, y = Value(1e250), Value(math.inf)
    (x / y).backward()
    assert (x.grad, y.grad) == (0.0, 0.0)


def test_a_cube_root_in_mpmath_has_all_digits():
    with mpmath.workdps(50):
        y = of("cbrt(x)").using(mpmath)(mpmath.mpf(-10))
        assert abs(y**3 + 10) < 1e-45


# The fuzzer itself


def test_a_short_run():
    fuzzer = Fuzzer(quiet=True)
    for seed in range(40, 126):
        fuzzer.run(seed)
    assert not fuzzer.disagreements, fuzzer.disagreements[0]
    assert fuzzer.functions == 86
    assert "86 functions" in fuzzer.summary()
    for what in ("floats and Values", "value of the source", "backward and mpmath, the source",
                 "complex step", "second derivative, the source", "sympy"):  # fmt: skip
        assert fuzzer.compared[what] > 0, what
    assert fuzzer.loose["backward and mpmath, the source"] < 10


sin = functions.sin


def wrong_slope(patch):
    def wrong(a):
        slopes = ((1 + 1e-14) * math.cos(getattr(a, "data", a)),)
        return record(sin(a.data), TABLE["sin"], (a,), slopes) if isinstance(a, Value) else sin(a)

    patch.setattr(functions, "sin", wrong)


def wrong_value(patch):
    """The same for floats and Values, and with the slope that belongs to it."""
    patch.setattr(functions, "sin", lambda a: sin(a) * (1 + 1e-14))


def wrong_for_floats(patch):
    patch.setattr(
        functions, "sin", lambda a: sin(a) if isinstance(a, Value) else sin(a) * (1 + 1e-15)
    )


def wrong_sweep(patch):
    def wrong(root, nodes, seed=1.0, by=()):
        found = sweep(root, nodes, seed, by)
        for v in nodes:
            if v.op is None:
                v.grad *= 1 + 1e-12
        return found

    sweep = engine.sweep
    patch.setattr(engine, "sweep", wrong)


@pytest.mark.parametrize("fault", [wrong_slope, wrong_value, wrong_for_floats, wrong_sweep])
def test_a_fault_is_found(fault, monkeypatch):
    fault(monkeypatch)
    fuzzer = Fuzzer(["sin", "mul", "exp"], quiet=True)
    for seed in range(12):
        fuzzer.run(seed)
    assert fuzzer.disagreements
    assert "def f(" in fuzzer.disagreements[0]
    assert "--seed" in fuzzer.disagreements[0]


def test_a_wrong_second_derivative_is_found(monkeypatch):
    """The slope is right, and forgets how it was computed."""

    def slope(m, y, a):
        return (math.cos(a.data if isinstance(a, Value) else a),)

    monkeypatch.setitem(oracles.ORACLE, "forgetful", mpmath.sin)
    ag.operation("forgetful", lambda m, a: m.sin(a), slope)
    try:
        fuzzer = Fuzzer(quiet=True)
        fuzzer.examine(of("forgetful(x)*x"), [0.7])
    finally:
        del CUSTOM["forgetful"]
    assert any("second derivative" in text for text in fuzzer.disagreements)
    assert not any("backward" in text for text in fuzzer.disagreements)
