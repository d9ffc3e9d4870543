"""The checkers are checked: right gradients pass, planted faults are found."""

from __future__ import annotations

import pytest
from support import at_kink, inside

import autograd_lite as ag
from autograd_lite import GradientError, Value, check_grads
from autograd_lite.check import NO_COMPLEX_FORM, complex_step
from autograd_lite.ops import CUSTOM, TABLE


@pytest.mark.parametrize("row", TABLE.values(), ids=lambda row: row.name)
def test_every_row_passes_at_its_samples(row):
    for args in row.points():
        if (
            at_kink(row, args, 1e-3)
            or max(map(abs, args), default=0.0) > 60
            or not inside(row, args)
        ):
            continue
        if row.name in ("where", "round") or min(map(abs, args), default=1.0) < 1e-8:
            continue
        vs = [Value(x) for x in args]
        y = ag.engine.apply(row, *vs)
        exact, note = complex_step(y, vs)
        assert (exact is None) == (row.name in NO_COMPLEX_FORM), note
        if exact:
            scale = max(map(abs, y.partials))
            assert exact == pytest.approx(list(y.partials), rel=1e-13, abs=1e-14 * max(scale, 0.1))
        if max(map(abs, y.partials)) < 1e4:
            check_grads(lambda *xs: ag.engine.apply(row, *xs), args, rtol=1e-5)


@pytest.mark.parametrize("factor", [1.0 + 3e-6, -1.0, 0.0, 2.001])
def test_a_wrong_rule_is_found(factor):
    wrong = ag.operation(
        "wrong_cube",
        value=lambda m, x: x * x * x,
        partials=lambda m, y, x: (factor * 3.0 * x * x,),
    )
    with pytest.raises(GradientError, match="WRONG"):
        check_grads(lambda x: wrong(x) + x, [1.3])
    report = check_grads(lambda x: wrong(x) + x, [1.3], raises=False)
    assert not report.ok
    assert "custom" not in report.note
    del CUSTOM["wrong_cube"]


def test_a_dropped_gradient_is_found():
    with pytest.raises(GradientError) as error:
        check_grads(lambda x, y: x * y.data + y, [2.0, 3.0])
    assert "x2" in str(error.value)
    assert isinstance(error.value, AssertionError)


def test_a_small_error_in_a_built_in_row_is_found_by_the_complex_step(monkeypatch):
    sin = TABLE["sin"]
    wrong = sin._replace(partials=lambda m, y, a: (m.cos(a) * (1 + 1e-8),))
    with pytest.raises(GradientError):
        check_grads(lambda x: ag.engine.apply(wrong, x), [1.0])


def test_labels_name_the_inputs_and_wrong_use_is_explained():
    report = check_grads(lambda a, b: a * b, [Value(1.0, label="a"), Value(2.0, label="b")])
    assert [line.name for line in report.lines] == ["a", "b"]
    assert max(map(len, str(report).splitlines())) <= 80
    with pytest.raises(TypeError, match="must return a Value"):
        check_grads(lambda x: x.data, [1.0])
    with pytest.raises(TypeError, match=r"xs\[0\]"):
        check_grads(lambda x: x, ["1"])


def test_overflow_in_complex_arithmetic_is_said():
    report = check_grads(lambda x: 1.0 / (1.0 + (x * 400.0).exp()), [2.0], raises=False)
    assert report.note == "" or "no complex step" in report.note


@pytest.mark.parametrize(
    ("f", "x"),
    [(ag.log, 1e-6), (ag.sqrt, 1e-8), (ag.square, 1e150), (ag.reciprocal, 1e-5), (ag.exp, 500.0),
     (ag.log, 1e-300), (lambda v: v * v, 1e-9), (lambda v: v**3, 0.0), (ag.sin, 1e5)],
)  # fmt: skip
def test_no_false_alarm_near_edges_and_at_great_size(f, x):
    assert check_grads(f, [x]).lines[0].verdict == "ok"


@pytest.mark.parametrize("f", [ag.abs, ag.relu, lambda v: v**2.5, ag.sqrt, lambda v: 1 / v])
def test_kinks_and_poles_are_no_verdict(f):
    assert check_grads(f, [0.0]).lines[0].verdict in ("unsure", "ok")
    assert check_grads(ag.log, [-1.0]).lines[0].verdict == "unsure"


def test_a_large_derivative_does_not_hide_a_small_one():
    with pytest.raises(GradientError):
        check_grads(lambda x, y: 1e6 * x + y.data * y, [1.0, 2.0])
    with pytest.raises(GradientError):
        check_grads(lambda x, y: 1e7 * x + y.data * y, [1.0, 2.0])


def test_no_grad_around_a_check_changes_nothing():
    with ag.no_grad():
        assert check_grads(lambda x: x * x, [3.0]).ok


def test_wrong_use():
    with pytest.raises(TypeError, match="check_grads: xs"):
        check_grads(ag.sin, 1.0)
    with pytest.raises(ValueError, match="rtol"):
        check_grads(ag.sin, [1.0], rtol=-1.0)
    with pytest.raises(TypeError, match="rtol"):
        check_grads(ag.sin, [1.0], rtol="a")
    assert check_grads(ag.sin, (x for x in [1.0])).ok
