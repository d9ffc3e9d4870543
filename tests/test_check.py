"""The checker is checked: right gradients pass, planted faults are found and explained."""

from __future__ import annotations

import cmath
import math
import pickle
import warnings

import numpy as np
import pytest
from support import at_kink, inside, points

import autograd_lite as ag
from autograd_lite import GradientError, Value, check_grads, engine
from autograd_lite.check.complexes import Complex, complexes
from autograd_lite.check.differences import ridders
from autograd_lite.check.local import step
from autograd_lite.check.oracles import complex_step
from autograd_lite.ops import CUSTOM, TABLE, floats


def verdicts(*args, **named):
    return [line.verdict for line in check_grads(*args, raises=False, **named).lines]


@pytest.fixture
def operation():
    """Adds operations for the time of a test."""
    before = set(CUSTOM)
    yield ag.operation
    for name in set(CUSTOM) - before:
        del CUSTOM[name]


# Right gradients pass


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_row_has_a_complex_form_that_gives_its_slopes(row):
    for args in points(row):
        y = row.value(floats, *args)
        if at_kink(row, args, 1e-3) or not inside(row, args) or not math.isfinite(y):
            continue
        if row.name == "round":
            args = (args[0], float(int(args[1])))
        slopes = row.partials(floats, y, *args)
        for i, slope in enumerate(slopes):
            if (row.name, i) in (("where", 0), ("round", 1)):
                continue
            if not 1e-270 < abs(slope) < 1e270 or not abs(slope * args[i]) > 1e-270:
                continue  # the product of slope and step would underflow
            h = step(args[i])
            zs = [Complex(complex(a, h * (i == j))) for j, a in enumerate(args)]
            z = row.value(complexes, *zs).z
            assert z.imag / h == pytest.approx(
                slope, rel=1e-10, abs=1e-15 * abs(y) / max(1.0, abs(args[i]))
            )


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_row_passes_in_both_orders(row):
    for args in points(row):
        if at_kink(row, args, 1e-3) or not inside(row, args):
            continue
        if max(map(abs, args), default=0.0) > 60 or min(map(abs, args), default=1.0) < 1e-8:
            continue
        order = 1 if row.name == "round" else 2
        report = check_grads(lambda *xs: ag.engine.apply(row, *xs), args, order=order)
        assert all(line.verdict == "pass" for line in report.lines[: len(args)]), str(report)


@pytest.mark.parametrize(
    ("f", "x"),
    [(ag.log, 1e-6), (ag.sqrt, 1e-8), (ag.square, 1e150), (ag.reciprocal, 1e-5), (ag.exp, 500.0),
     (ag.log, 1e-300), (lambda v: v * v, 1e-9), (lambda v: v**3, 0.0), (ag.sin, 1e5),
     (lambda v: (v + 1e18) - 1e18, 2.0), (lambda v: ag.sin(1e10 * v), 1.0),
     (lambda v: 1.0 / (1.0 + (v * 400.0).exp()), 2.0), (ag.tan, 1.5707963267948966),
     (lambda v: ag.tan(ag.sinh(v)), -15.407120054104812),
     (lambda v: 1.0 + ag.cosh(v.exp() / (1 + v.exp() * v.exp())), 662.8),
     (lambda v: ag.logsumexp([v.exp(), v.exp(), v]), 50.835),
     (lambda v: ag.prod([-0.5, v, ag.sin(ag.cbrt(v + 1)), v]), 0.0)],
)  # fmt: skip
def test_no_false_alarm_near_edges_at_great_size_and_in_noise(f, x):
    assert verdicts(f, [x]) == ["pass"]


def test_underflow_is_no_alarm():
    for x in (1e-200, 1e-160):
        assert verdicts(ag.square, [x]) == ["pass"]
    for x in (1e-200, 1e-160, -1e-300):
        assert verdicts(lambda v: v**3 + v * v, [x])[0] != "fail"
    f = lambda x, y: ag.logsumexp([x * y, x * y, x])  # noqa: E731
    assert verdicts(f, [172.37913901020798, 4.179377044506247e-238]) == ["pass", "pass"]


def test_a_large_derivative_does_not_hide_a_small_one():
    for size in (1e6, 1e7, 1e12):
        report = check_grads(lambda x, y, c=size: c * x + y.data * y, [1.0, 2.0], raises=False)
        assert [line.verdict for line in report.lines] == ["pass", "fail"]


def test_no_grad_around_a_check_changes_nothing():
    with ag.no_grad():
        assert verdicts(lambda x: x * x, [3.0]) == ["pass"]


def test_structured_arguments_and_their_names():
    def f(x, ws, m):
        return x * ws[0] + ws[1] * m[0, 1] + ag.sum(m.ravel())

    report = check_grads(f, [1.0, [2.0, Value(3.0, label="w_2")], np.eye(2)])
    assert [line.name for line in report.lines] == [
        "x", "ws[0]", "w₂", "m[0][0]", "m[0][1]", "m[1][0]", "m[1][1]"]  # fmt: skip
    assert all(line.verdict == "pass" for line in report.lines)
    assert [line.name for line in check_grads(lambda *xs: ag.sum(xs), [1.0, 2.0]).lines] == [
        "x1", "x2"]  # fmt: skip


# Where there is no verdict, the reason


@pytest.mark.parametrize(
    ("f", "at", "reason"),
    [
        (ag.relu, [0.0], "kink: relu(x1"),
        (ag.abs, [0.0], "slopes -1 and 1 beside it"),
        (ag.maximum, [2.0, 2.0], "tie: maximum"),
        (ag.floor, [3.0], "jump: floor(x1) at x1 = 3.0; from 2 to 3"),
        (lambda x: x if x > 0 else 2 * x, [0.0], "takes another path"),
        (lambda x, y: max(x, 2 * y), [2.0, 1.0], "takes another path"),
        (ag.log, [-1.0], "domain: log"),
        (ag.sqrt, [0.0], "domain: a slope of sqrt"),
        (lambda x: 1 / x, [0.0], "is inf"),
        (lambda x: (x * 1000).exp(), [1.0], "overflow: exp"),
        (lambda x: x * np.random.default_rng().normal(), [1.0], "noise: f gives"),
    ],
)
def test_inconclusive_with_the_reason(f, at, reason):
    report = check_grads(f, at)
    assert {line.verdict for line in report.lines} == {"inconclusive"}
    assert any(reason in line.reason for line in report.lines), str(report)
    assert reason.split(":")[0] in str(report)


def test_a_function_that_raises_beside_the_point():
    assert verdicts(lambda x: math.sqrt(x), [0.0], gradient=lambda x: 0.0) == ["inconclusive"]
    assert verdicts(math.exp, [709.0], gradient=math.exp) == ["pass"]
    with pytest.raises(ValueError, match="math domain error"):
        check_grads(math.sqrt, [-1.0], gradient=lambda x: 0.0)


def test_plateaus_of_rounding_are_no_alarm():
    flat = lambda x: (1 - math.cos(x)) / x**2  # noqa: E731
    report = check_grads(flat, [1e-7], gradient=lambda x: -x / 12)
    assert report.lines[0].verdict == "inconclusive"
    assert "noise" in report.lines[0].reason


@pytest.mark.parametrize(
    ("f", "at"),
    [(lambda x: ag.relu(x) * x, [0.0]), (lambda x: ag.maximum(x * x, 2 * x - 1), [1.0]),
     (lambda x: ag.maximum(x, x), [1.0]), (lambda x: x * x if x > 0 else x**3, [0.0]),
     (lambda x: 0.0 * ag.relu(x) + x, [0.0])],
)  # fmt: skip
def test_where_both_pieces_have_the_same_slope_there_is_a_verdict(f, at):
    assert verdicts(f, at) == ["pass"]


def test_an_error_is_found_where_two_pieces_have_the_same_slope():
    f = lambda x: ag.maximum(x, x)  # noqa: E731
    assert verdicts(f, [2.0], gradient=lambda x: 1.0) == ["pass"]
    assert verdicts(f, [2.0], gradient=lambda x: 1.0 + 1e-6) == ["fail"]


def test_kinks_that_cancel_are_no_pass():
    assert verdicts(lambda x: ag.relu(x) - ag.relu(-x), [0.0]) == ["inconclusive"]


@pytest.mark.parametrize("power", [1.5, 1.9, 2.5])
def test_a_fractional_power_at_0_is_no_alarm(power):
    assert verdicts(lambda x: x**power, [0.0])[0] != "fail"
    assert verdicts(lambda x: ag.sqrt(x) ** 3, [0.0])[0] != "fail"


def test_the_smallest_numbers_are_no_alarm():
    for x in (5e-324, 1e-310, -1e-308):
        for f in (ag.sqrt, lambda v: ag.relu(v) * 2, ag.square, ag.abs, ag.sin):
            assert verdicts(f, [x])[0] != "fail"


def test_a_phase_without_digits_is_no_alarm():
    report = check_grads(lambda v: ag.sin(ag.exp(v)), [50.835])
    assert "rounding moves this derivative" in report.lines[0].reason


def test_lost_digits_are_no_pass():
    lossy = lambda x: (1 - ag.cos(x)) / x**2  # noqa: E731
    assert verdicts(lossy, [1.0]) == ["pass"]
    for x in (1e-6, 1e-7):
        assert verdicts(lossy, [x]) == ["inconclusive"]


def test_infinities_and_nan_as_inputs_are_named():
    for x in (math.nan, math.inf):
        (line,) = check_grads(lambda v: v * 2, [x]).lines
        assert line.reason.endswith(f"v is {x}")


def test_warnings_about_points_beside_are_not_the_users():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        f = lambda v: np.exp(v).sum()  # noqa: E731
        assert check_grads(f, [np.array([708.0, 1e-9])], gradient=np.exp).ok


def test_a_plain_function_at_a_kink_and_in_noise():
    assert verdicts(abs, [0.0], gradient=lambda x: 0.0) == ["inconclusive"]
    noisy = check_grads(
        lambda x: math.sin(1e13 * x), [1.0], gradient=lambda x: 1e13 * math.cos(1e13 * x)
    )
    assert noisy.lines[0].verdict == "inconclusive"
    assert "noise" in str(noisy)


# Wrong rules


@pytest.mark.parametrize("factor", [1.0 + 1e-8, 1.0 + 3e-6, -1.0, 0.0, 2.001])
def test_a_wrong_rule_is_found_and_named(operation, factor):
    wrong = operation(
        "wrong_cube",
        value=lambda m, x: x * x * x,
        partials=lambda m, y, x: (factor * 3.0 * x * x,),
    )

    def f(x, y):
        return ag.tanh(x * y) + wrong(x + y) * y.sin()

    with pytest.raises(GradientError) as error:
        check_grads(f, [0.3, 1.0])
    report = error.value.report
    assert report.wrong.op.name == "wrong_cube"
    assert report.wrong.expected == pytest.approx(3 * 1.3**2, rel=1e-14)
    assert report.wrong.got == pytest.approx(factor * 3 * 1.3**2, rel=1e-14)
    assert "test_check.py" in report.wrong.source
    assert "wrong(x + y)" in str(report)
    with pytest.raises(GradientError):  # the reproducer reproduces
        exec(report.wrong.reproducer, {})
    assert isinstance(error.value, AssertionError)
    assert "2 of 2 derivatives" in str(error.value)


def test_a_wrong_rule_without_a_complex_form_is_found_by_differences(operation):
    wrong = operation(
        "opaque", value=lambda m, x: math.gamma(x), partials=lambda m, y, x: (1.01 * y,)
    )
    report = check_grads(lambda x: wrong(x) + x, [2.5], raises=False)
    (line,) = report.lines
    assert (line.complex_step, line.verdict) == (None, "fail")
    assert report.wrong.op.name == "opaque"
    assert "differences" in str(report)


def test_a_complex_form_of_the_users_own(operation):
    slope = 2 / math.sqrt(math.pi)
    mine = operation(
        "area",
        value=lambda m, x: math.exp(-x * x),
        partials=lambda m, y, x: (-2 * x * y,),
        complex_value=lambda z: cmath.exp(-z * z),
    )
    (line,) = check_grads(mine, [0.7]).lines
    assert line.complex_step == pytest.approx(line.gradient, rel=1e-14)
    other = operation(
        "other",
        value=lambda m, x: math.erf(x),
        partials=lambda m, y, x: (slope * math.exp(-x * x),),
        complex_value=lambda z: z * z,  # not that of value
    )
    (line,) = check_grads(other, [0.7]).lines
    assert (line.complex_step, line.verdict) == (None, "pass")


def test_wrong_second_derivatives_are_found_and_named(operation):
    wrong = operation(
        "first_order_only",
        value=lambda m, x: x * x * x,
        partials=lambda m, y, x: (3 * x * getattr(x, "data", x),),
    )

    def f(x):
        return wrong(x).sin()

    assert check_grads(f, [0.7]).ok
    report = check_grads(f, [0.7], order=2, raises=False)
    assert [line.verdict for line in report.lines] == ["pass", "fail"]
    assert (report.wrong.op.name, report.wrong.order) == ("first_order_only", 2)
    with pytest.raises(GradientError):
        exec(report.wrong.reproducer, {})


def test_second_order_of_several_inputs():
    report = check_grads(lambda x, y: x * x * y + (x * y).sin(), [0.3, 1.2], order=2)
    assert [line.name for line in report.lines] == ["x", "y", "x, x", "x, y", "y, x", "y, y"]
    assert {line.verdict for line in report.lines} == {"pass"}
    xy = math.cos(0.36) - 0.36 * math.sin(0.36) + 0.6
    assert report.lines[3].gradient == pytest.approx(xy, rel=1e-14)


def test_a_wrong_sweep_is_told_from_a_wrong_rule(monkeypatch):
    sweep = engine.sweep

    def twice(root, nodes, seed=1.0, by=()):
        return sweep(root, nodes, 2.0 * seed, by)

    monkeypatch.setattr(engine, "sweep", twice)
    report = check_grads(lambda x: x.sin() * x, [1.0], raises=False)
    assert report.wrong is None
    assert "the sweep of backward() is wrong" in " ".join(report.explanations)


def test_slopes_that_are_wrong_together_with_a_complex_form(operation):
    wrong = operation(
        "not_analytic",
        value=lambda m, x: x * x,
        partials=lambda m, y, x: (0.0 * x,),
        complex_value=lambda z: complex(z.real**2),
    )
    report = check_grads(lambda x: wrong(x) * x, [1.5], raises=False)
    assert report.lines[0].verdict == "fail"
    assert (report.wrong.op.name, report.wrong.expected) == ("not_analytic", pytest.approx(3.0))


def test_a_rule_that_gives_nan_inside_its_domain(operation):
    wrong = operation("no_slope", value=lambda m, x: x * x, partials=lambda m, y, x: (m.sqrt(-x),))
    report = check_grads(lambda x: wrong(x) + x, [1.5], raises=False)
    assert report.lines[0].verdict == "fail"
    assert report.wrong.op.name == "no_slope"


def test_a_wrong_rule_beside_a_kink(operation):
    wrong = operation("off", value=lambda m, x: x, partials=lambda m, y, x: (1.0 + 1e-6,))
    assert verdicts(lambda x: wrong(ag.abs(x) + x), [0.0]) == ["fail"]
    assert verdicts(lambda x: ag.relu(x) + wrong(1.0 + 0.0 * x), [0.0]) == ["inconclusive"]


def test_a_slope_that_underflows_is_explained():
    report = check_grads(lambda x: 4 * x / (1 + x * x) * x * x, [1e110], raises=False)
    assert (report.lines[0].gradient, report.lines[0].complex_step) == (12.0, pytest.approx(4.0))
    assert "too small for a float" in report.explanations[0]


# Faults of users


def test_a_float_leak_is_found_and_explained():
    def f(x, y):
        scale = 1.0 + y.data  # drops the gradient
        return x * scale + y.sin()

    report = check_grads(f, [2.0, 3.0], raises=False)
    assert [line.verdict for line in report.lines] == ["pass", "fail"]
    (told,) = report.explanations
    assert "the number 4 in" in told
    assert ".data" in told
    assert "x * scale" in told  # the line


def test_a_leak_of_one_part_in_a_million_is_found():
    assert verdicts(lambda x: x + 1e-6 * x.data, [2.0]) == ["fail"]


def test_a_leak_through_a_new_value_is_explained():
    report = check_grads(lambda x: x * Value(x.data, label="copy"), [2.0], raises=False)
    assert "copy = 2 is a new Value" in report.explanations[0]


def test_a_frozen_branch_is_found_and_explained():
    def f(x):
        return x * x if x > 0 else -3 * x

    def frozen(x):  # as recorded at a positive x
        return 2 * x

    assert check_grads(f, [1.0], gradient=frozen).ok
    report = check_grads(f, [-1.0], gradient=frozen, raises=False)
    assert verdicts(f, [-1.0], gradient=frozen) == ["fail"]
    assert "frozen" in report.explanations[0]
    assert "right at x = 1" in report.explanations[0]


def test_data_changed_under_way_is_found_and_explained():
    def f(x):
        y = x * x
        x.data *= 2.0
        return y + x

    report = check_grads(f, [2.0], raises=False)
    assert report.lines[0].verdict == "fail"
    assert "changes the data of its argument x under way, from 2.0 to 4.0" in str(report).replace(
        "\n    ", " "
    )
    w = Value(1.0, label="w")

    def g(x):
        y = x * w
        w.data += 0.5
        return y

    report = check_grads(g, [2.0], raises=False)
    assert report.lines[0].verdict == "fail"
    assert "f changes the data of a Value w that it captured" in report.explanations[0]


def test_parameters_of_a_net_that_are_set_from_the_arguments():
    net = ag.MLP(2, [3, 1], seed=1, activation="tanh")
    before = [p.data for p in net.parameters()]

    def cost(*ps):
        for p, new in zip(net.parameters(), ps, strict=True):
            p.data = new.data
        return (net([1.0, 2.0]) - 1) ** 2

    report = check_grads(cost, before, raises=False)
    assert {line.verdict for line in report.lines} == {"fail"}
    assert "that it captured" in report.explanations[0]
    assert [p.data for p in net.parameters()] == before
    with pytest.raises(ValueError, match="captured from outside"):
        check_grads(lambda *_: (net([1.0, 2.0]) - 1) ** 2, net.parameters())
    loss = (net([1.0, 2.0]) - 1) ** 2
    assert [x.verdict for x in check_grads(loss, net.parameters()[:2]).lines] == ["pass"] * 2


def test_data_changed_after_the_recording_is_found_on_a_graph():
    x, w = Value(2.0, label="x"), Value(3.0, label="w")
    y = (w * x) * x
    assert check_grads(y).ok
    assert x.grad == 0.0
    w.data = 4.0
    report = check_grads(y, raises=False)
    assert {line.name: line.verdict for line in report.lines} == {"w": "pass", "x": "fail"}
    assert "recorded as 6.0, but its inputs now give 8.0" in report.explanations[0]


def test_a_slip_is_only_said_if_it_is_one_everywhere():
    def huber(x):
        return x * x / 2 if abs(x) < 1 else abs(x) - 0.5

    report = check_grads(huber, [3.0], gradient=lambda x: x, raises=False)
    assert "frozen" in report.explanations[0]
    tiny = check_grads(math.exp, [1.5], gradient=lambda x: math.exp(x) * (1 + 1e-6), raises=False)
    assert not tiny.ok
    assert tiny.explanations == ()


@pytest.mark.parametrize(
    ("gradient", "told"),
    [(lambda x, y, z: [y * z, x * y, x * z], "is the derivative by"),
     (lambda x, y, z: [-y * z, x * z, x * y], "its sign is wrong"),
     (lambda x, y, z: [2 * y * z, x * z, x * y], "it is 2 times too large"),
     (lambda x, y, z: [y * z, 0, x * y], "0 was given")],
)  # fmt: skip
def test_a_slip_in_a_hand_written_gradient_is_explained(gradient, told):
    report = check_grads(
        lambda x, y, z: x * y * z, [1.0, 2.5, 4.0], gradient=gradient, raises=False
    )
    assert not report.ok
    assert told in " ".join(report.explanations)
    assert "gradient" in str(report).splitlines()[0]


def test_an_index_error_names_both_inputs():
    def f(v):
        return math.sin(v[0]) * v[1] + v[2] ** 3

    def gradient(v):
        g = [math.cos(v[0]) * v[1], 0.0, 3 * v[2] ** 2]
        g[0], g[1] = math.sin(v[0]), g[0]
        return np.array(g)

    report = check_grads(f, [np.array([0.3, 2.0, 1.0])], gradient=gradient, raises=False)
    assert [line.verdict for line in report.lines] == ["fail", "fail", "pass"]
    assert "the number given by v[0] is the derivative by v[1]" in report.explanations[0]


# Anybody's gradient


def test_gradients_of_other_libraries_and_pairs():
    scipy = pytest.importorskip("scipy.special")
    assert verdicts(scipy.gammaln, [3.7], gradient=scipy.digamma) == ["pass"]
    assert verdicts(scipy.gammaln, [3.7], gradient=lambda x: scipy.digamma(x) * (1 + 1e-6)) == [
        "fail"]  # fmt: skip


def test_arrays_and_a_function_that_gives_both():
    def both(v):
        return float(v @ v), 2 * v

    assert verdicts(both, [np.array([1.0, 2.0])], gradient=True) == ["pass", "pass"]
    assert verdicts(lambda v: both(v)[0], [np.array([1.0, 2.0])], gradient=lambda v: 2 * v) == [
        "pass", "pass"]  # fmt: skip


def test_a_gradient_by_hand_of_a_function_that_takes_values_has_the_complex_step():
    (line,) = check_grads(lambda x: x**3, [2.0], gradient=lambda x: 3 * x**2).lines
    assert line.complex_step == pytest.approx(12.0, rel=1e-15)


# Oracles


def test_ridders_against_closed_forms_and_its_own_bound():
    for f, slope, x in [
        (math.exp, math.exp, 1.0), (math.sin, math.cos, 100.0), (math.log, lambda x: 1 / x, 1e-5),
        (lambda x: x**3, lambda x: 3 * x * x, 0.0), (math.tan, lambda x: 1 + math.tan(x) ** 2, 1.5),
        (math.atan, lambda x: 1 / (1 + x * x), 1e3),
    ]:  # fmt: skip
        d = ridders(f, x)
        assert abs(d.derivative - slope(x)) <= 3 * d.error
        assert d.error <= 1e-7 * max(abs(slope(x)), 1e-6)
    assert ridders(abs, 0.0).kink == (-1.0, 1.0)
    assert ridders(abs, 0.0).error == math.inf
    assert ridders(math.sqrt, 4.0).kink is None


def test_the_complex_step_by_a_graph():
    x = Value(2.0)
    y = ag.erf(x) * ag.arctan2(x, 3.0)
    exact = 2 / math.sqrt(math.pi) * math.exp(-4) * math.atan2(2, 3) + math.erf(2) * 3 / 13
    assert complex_step(ag.order(y), y, x) == pytest.approx(exact, rel=1e-14)


# The report, and wrong use


def test_the_report_fits_a_terminal_and_can_be_pickled(operation):
    wrong = operation("bad", value=lambda m, x: x * x, partials=lambda m, y, x: (x,))
    report = check_grads(lambda a, b: wrong(a) * b, [1.0, 2.0], raises=False)
    assert max(map(len, str(report).splitlines())) <= 80
    assert "to reproduce:" in str(report)
    error = pickle.loads(pickle.dumps(GradientError(report)))
    assert str(error.report) == str(report)


def test_the_reproducer_of_a_function():
    report = check_grads(leaking, [Value(1.5, label="x")], raises=False)
    assert report.reproducer.splitlines()[1:] == [
        "from test_check import leaking", "check_grads(leaking, [1.5])"]  # fmt: skip
    with pytest.raises(GradientError):
        exec(report.reproducer, {})


def leaking(x):
    return x * x.data


def test_the_reproducer_of_somebodys_gradient():
    special = pytest.importorskip("scipy.special")
    report = check_grads(special.gammaln, [3.5], gradient=special.gammaln, raises=False)
    assert report.reproducer.splitlines()[1:] == [
        "from scipy.special import gammaln", "from scipy.special import gammaln",
        "check_grads(gammaln, [3.5], gradient=gammaln)"]  # fmt: skip
    with pytest.raises(GradientError):
        exec(report.reproducer, {})
    report = check_grads(lambda x: x * x, [3.0], gradient=lambda x: x, raises=False)
    assert report.reproducer.splitlines()[1].startswith("# f: test_check.py, line ")
    assert report.point == (3.0,)


def test_the_graph_of_a_report_has_the_names_of_the_inputs():
    report = check_grads(lambda rate, xs: rate * xs[0], [1.0, [2.0]])
    assert [v.label for v in ag.order(report.graph)] == ["rate", "xs[0]", ""]
    assert "xs[0]" in ag.draw(report.graph).source


def test_labels_name_the_inputs_and_wrong_use_is_explained():
    report = check_grads(lambda x, y: x * y, [Value(1.0, label="a"), Value(2.0, label="b")])
    assert [line.name for line in report.lines] == ["a", "b"]
    with pytest.raises(TypeError, match="must return a Value"):
        check_grads(lambda x: x.data, [1.0])
    with pytest.raises(TypeError, match=r"at\[0\]"):
        check_grads(lambda x: x, ["1"])
    with pytest.raises(TypeError, match=r"at\[0\]\[1\]"):
        check_grads(lambda x: x, [[1.0, "2"]])


def test_wrong_use():
    with pytest.raises(TypeError, match="check_grads: at"):
        check_grads(ag.sin, 1.0)
    with pytest.raises(TypeError, match="at"):
        check_grads(ag.sin)
    with pytest.raises(ValueError, match="rtol"):
        check_grads(ag.sin, [1.0], rtol=-1.0)
    with pytest.raises(TypeError, match="rtol"):
        check_grads(ag.sin, [1.0], rtol="a")
    with pytest.raises(ValueError, match="order"):
        check_grads(ag.sin, [1.0], order=3)
    with pytest.raises(ValueError, match="2 derivatives for 1 inputs"):
        check_grads(abs, [1.0], gradient=lambda x: [1.0, 2.0])
    with pytest.raises(TypeError, match="gradient must be"):
        check_grads(abs, [1.0], gradient=3.0)
    with pytest.raises(TypeError, match="one number"):
        check_grads(lambda x: [x, x], [1.0], gradient=lambda x: 1.0)
    with pytest.raises(ValueError, match="order=2"):
        check_grads(abs, [1.0], gradient=lambda x: 1.0, order=2)
    with pytest.raises(TypeError, match="must return the pair"):
        check_grads(abs, [1.0], gradient=True)
    with pytest.raises(ValueError, match="at is empty"):
        check_grads(lambda: Value(1.0), [])
    x = Value(1.0)
    with pytest.raises(TypeError, match="recorded Value"):
        check_grads(x * 2.0, gradient=abs)
    with pytest.raises(TypeError, match="leaf"):
        check_grads(x * 2.0, [x * 1.0])
    assert check_grads(ag.sin, (x for x in [1.0])).ok


def test_a_complex_step_whose_imaginary_part_is_subnormal():
    """Its digits are lost where a slope is below 1e-280, though the inputs are of ordinary size."""
    assert verdicts(lambda a, b: a / b + b, [1.2763031684170909e-285, 1.0]) == ["pass", "pass"]
    f = lambda y: abs(y) + ag.arctanh(1.8 * y / (1 + y * y)) ** 2  # noqa: E731
    assert verdicts(f, [7.090573157872727e-286]) != ["fail"]
