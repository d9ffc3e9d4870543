"""Losses: PyTorch's values and gradients (reference/make_torch_optim.py), kinks, wrong input."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
import test_text
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Value, check_grads
from autograd_lite.functions import function
from autograd_lite.ops import TABLE

FILE = Path(__file__).parent / "reference" / "torch_optim.json"
REFERENCE = json.loads(FILE.read_text(encoding="utf-8"))
PAIRED = (ag.mse, ag.mae, ag.hinge, ag.binary_cross_entropy, ag.binary_cross_entropy_with_logits)
LOSSES = (*PAIRED, ag.cross_entropy)
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
each_paired = pytest.mark.parametrize("loss", PAIRED, ids=lambda f: f.__name__)
inf, nan = math.inf, math.nan


def leaves(x) -> list:
    return [leaf for item in x for leaf in leaves(item)] if isinstance(x, list) else [x]


def of_values(x):
    return [of_values(item) for item in x] if isinstance(x, list) else Value(x)


def gradient(loss, predictions, targets, **named) -> list[float]:
    xs = of_values(predictions)
    loss(xs, targets, **named).backward()
    return [v.grad for v in leaves(xs)]


@each_loss
def test_values_and_gradients_are_torchs(loss):
    cases = [case for case in REFERENCE["losses"] if case["loss"] == loss.__name__]
    assert {case["reduction"] for case in cases} == {"mean", "sum"}
    for case in cases:
        xs = of_values(case["predictions"])
        y = loss(xs, case["targets"], reduction=case["reduction"])
        y.backward()
        assert y.data == pytest.approx(case["value"], rel=1e-12, abs=1e-15), case
        slopes = [v.grad for v in leaves(xs)]
        assert slopes == pytest.approx(case["gradient"], rel=1e-12, abs=1e-15), case
        plain = loss(case["predictions"], case["targets"], reduction=case["reduction"])
        assert type(plain) is float
        assert plain == y.data


@pytest.mark.parametrize("case", REFERENCE["penalties"])
def test_the_penalty_is_torchs_and_one_node(case):
    xs = of_values(case["parameters"])
    y = ag.l2_penalty((x for x in xs), case["alpha"])
    y.backward()
    assert y.op.name == "l2_penalty"
    assert len(ag.order(y)) == len(xs) + 1
    assert y.data == pytest.approx(case["value"], rel=1e-15)
    assert [x.grad for x in xs] == pytest.approx(case["gradient"], rel=1e-15)
    assert ag.l2_penalty(np.array(case["parameters"]), case["alpha"]) == y.data


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_gradients_equal_differences(reduction):
    for loss, xs, ys in [
        (ag.mse, [0.3, -2.0, 1.5], [1.0, 0.5, 1.5]),
        (ag.mae, [0.3, -2.0, 1.5], [1.0, 0.5, 1.4]),
        (ag.hinge, [0.3, -2.0, 1.5, 0.1], [1, -1, 1, -1]),
        (ag.binary_cross_entropy, [0.3, 0.8, 0.5], [1, 0, 0.25]),
        (ag.binary_cross_entropy_with_logits, [0.3, -4.0, 2.0], [1, 0, 0.25]),
    ]:
        check_grads(lambda *vs, f=loss, y=ys: f(vs, y, reduction=reduction), xs)
    rows = [0.3, -1.0, 2.0, 0.0, 0.1, -3.0]
    check_grads(lambda *v: ag.cross_entropy([v[:3], v[3:]], [2, 0], reduction=reduction), rows)
    check_grads(lambda *vs: ag.l2_penalty(vs[1:], vs[0]), [0.7, 1.0, -2.0, 0.3])
    check_grads(lambda p, y: ag.binary_cross_entropy(p, y), [0.3, 0.6])
    check_grads(lambda z, y: ag.binary_cross_entropy_with_logits(z, y), [0.3, 0.6])


def test_slopes_at_kinks():
    assert gradient(ag.mae, [2.0, 3.0], [2.0, 1.0]) == [0.0, 0.5]
    assert gradient(ag.hinge, [1.0, -1.0, 0.5], [1, -1, 1]) == [0.0, 0.0, -1 / 3]
    assert gradient(ag.binary_cross_entropy, [0.0, 1.0], [0, 1]) == [0.0, 0.0]
    assert ag.binary_cross_entropy([0.0, 1.0], [1, 0]) == 100.0


def test_saturated_logits_keep_their_digits():
    """Where PyTorch's differences cancel to 0, the exact exp(-|z|) is left."""
    on_logits = ag.binary_cross_entropy_with_logits
    for z, y in [(-40.0, 0), (40.0, 1), (-700.0, 0.0), (700.0, True)]:
        assert on_logits(z, y) == pytest.approx(math.exp(-abs(z)), rel=1e-15)
        (slope,) = gradient(on_logits, [z], [y])
        assert abs(slope) == pytest.approx(math.exp(-abs(z)), rel=1e-15)
    assert on_logits([inf, -inf], [1, 0]) == 0.0
    assert on_logits(inf, 0) == inf


def test_few_nodes():
    z = Value(0.3)
    assert len(ag.order(ag.binary_cross_entropy_with_logits(z, 0))) == 2
    assert len(ag.order(ag.binary_cross_entropy_with_logits(z, 1))) == 3
    assert len(ag.order(ag.binary_cross_entropy(z, 1))) == 2
    assert len(ag.order(ag.cross_entropy([z, Value(1.0), 2.0], 1))) == 4


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=5), st.floats(0.0, 1.0))
def test_cross_entropies_agree_with_each_other(zs, y):
    ys = [y] * len(zs)
    on_logits = ag.binary_cross_entropy_with_logits(zs, ys)
    ps = [ag.sigmoid(z) for z in zs]
    # 1 - p has few digits where p is nearly 1: this is what logits are for
    assert ag.binary_cross_entropy(ps, ys) == pytest.approx(on_logits, rel=1e-3, abs=1e-12)
    of_one = ag.cross_entropy([[0.0, z] for z in zs], [1] * len(zs))
    assert of_one == pytest.approx(ag.binary_cross_entropy_with_logits(zs, [1] * len(zs)), abs=1e-13)


@each_paired
def test_lists_generators_arrays_rows_and_single_numbers(loss):
    ps, ys = [0.25, 0.5, 0.75, 0.9], [1, 1, 1.0, 1]
    mean, total = loss(ps, ys), loss(ps, ys, reduction="sum")
    assert mean == total / 4
    for make in (tuple, iter, np.array, lambda x: np.array(x, dtype=object),
                 lambda x: (z for z in x), lambda x: [x[:2], x[2:]], lambda x: [tuple(x)],
                 lambda x: np.array(x).reshape(2, 2), lambda x: [np.array(x[:2]), x[2:]]):  # fmt: skip
        assert loss(make(ps), make(ys)) == mean
        assert loss(make(list(map(Value, ps))), make(ys)).data == mean
    assert loss(0.25, 1) == loss([0.25], [1]) == loss([[0.25]], [[1]])
    assert loss(Value(0.25), Value(1.0)).data == loss(np.float32(0.25), np.int64(1))


def test_rows_of_logits():
    rows, classes = [[0.1, 0.2, 0.9], [2.0, -1.0, 0.0]], [2, 1]
    mean = ag.cross_entropy(rows, classes)
    assert ag.cross_entropy(np.array(rows), np.array(classes)) == mean
    assert ag.cross_entropy((tuple(r) for r in rows), iter(classes)) == mean
    assert ag.cross_entropy(of_values(rows), np.array(classes, dtype=float)).data == mean
    each = [ag.cross_entropy(r, c) for r, c in zip(rows, classes, strict=True)]
    assert ag.cross_entropy(rows, classes, reduction="sum") == sum(each)
    assert gradient(ag.cross_entropy, [0.0, 0.0], 1) == [0.5, -0.5]
    ps = ag.softmax(rows[0])
    assert gradient(ag.cross_entropy, rows[0], 2) == pytest.approx([ps[0], ps[1], ps[2] - 1.0])


@each_paired
def test_lengths_and_shapes_that_differ(loss):
    for ps, ys, message in [
        ([1.0, 1.0], [1.0], r"2 predictions for 1 targets; give as many of each"),
        ([], [], "0 predictions for 0 targets"),
        ([[1.0], [1.0, 1.0]], [[1.0], [1.0]], r"2 predictions\[1\] for 1 targets\[1\]"),
        ([[1.0], []], [[1.0], []], r"0 predictions\[1\]"),
    ]:
        with pytest.raises(ValueError, match=f"^{loss.__name__}: {message}"):
            loss(ps, ys)
    for ps, ys, message in [
        ([1.0], 1.0, r"predictions is list \[1.0\] beside float 1.0"),
        (1.0, np.array([1.0]), "targets is ndarray"),
        ([[1.0]], [1.0], r"predictions\[0\] is list"),
        (["1"], [1.0], r"predictions\[0\] must be a real number, not str"),
        ([1.0], [None], r"targets\[0\] must be a real number, not NoneType"),
        ([[[1.0]]], [[[1.0]]], r"predictions\[0\]\[0\] must be a real number, not list"),
        ("1", "1", "predictions must be a real number, not str"),
        ({1.0}, [1.0], "targets is list"),
        ({1.0: 1}, 1.0, "not dict"),
    ]:
        with pytest.raises(TypeError, match=f"^{loss.__name__}: .*{message}"):
            loss(ps, ys)


@each_loss
@pytest.mark.parametrize("reduction", ["none", "", None, 1, ["mean"], np.array(["mean", "sum"])])
def test_an_unknown_reduction(loss, reduction):
    one = ([0.5], 0) if loss is ag.cross_entropy else ([0.5], [1])
    with pytest.raises(ValueError, match=f"{loss.__name__}: reduction = .*use 'mean' or 'sum'"):
        loss(*one, reduction=reduction)


@pytest.mark.parametrize("y", [0, 2, -0.5, nan, inf, Value(0.0)])
def test_targets_of_hinge(y):
    with pytest.raises(ValueError, match=r"hinge: targets holds .*; give 1 or -1 for each"):
        ag.hinge([0.5, 0.5], [1, y])


@pytest.mark.parametrize("loss", [ag.binary_cross_entropy, ag.binary_cross_entropy_with_logits])
@pytest.mark.parametrize("y", [-1, 1.0000001, nan, -inf, Value(2.0)])
def test_targets_of_binary_cross_entropy(loss, y):
    with pytest.raises(ValueError, match=f"{loss.__name__}: targets holds .*; give 0, 1"):
        loss([0.5, 0.5], [1, y])


@pytest.mark.parametrize("p", [-1e-9, 1.0000001, 3.0, inf, Value(-2.0)])
def test_predictions_that_are_no_probabilities(p):
    message = "binary_cross_entropy: predictions holds .*binary_cross_entropy_with_logits"
    with pytest.raises(ValueError, match=message):
        ag.binary_cross_entropy([p], [1])


@pytest.mark.parametrize("c", [3, -1, 0.5, nan, inf])
def test_classes_that_are_none(c):
    with pytest.raises(ValueError, match=r"cross_entropy: classes holds .*from 0 to 2"):
        ag.cross_entropy([0.1, 0.2, 0.3], c)
    with pytest.raises(ValueError, match=r"cross_entropy: classes holds .*from 0 to 2"):
        ag.cross_entropy([[0.1, 0.2, 0.3]] * 2, [0, c])


@pytest.mark.parametrize(
    ("logits", "classes", "message"),
    [
        ([[1.0, 2.0]], [0, 1], "1 rows of logits for 2 classes"),
        ([], [], "0 rows of logits for 0 classes"),
        (1.0, [0], "1.0 for 1 classes"),
        ([[1.0, 2.0], [1.0]], [0, 0], r"logits\[1\] has 1 logits, logits\[0\] has 2"),
        ([], 0, r"logits\[0\] has 0 logits"),
        ([1.0, 2.0], [0, 1], r"logits\[0\] must be an iterable"),
        ([[1.0], ["2"]], [0, 0], r"logits\[1\]\[0\] must be a real number, not str"),
        ([1.0, 2.0], "1", "classes must be a real number, not str"),
        ([1.0, 2.0], Value(1.0), "classes must be a real number, not Value"),
        ([[1.0, 2.0]], [[0, 1]], "classes must be a real number, not list"),
    ],
)
def test_wrong_logits_and_classes(logits, classes, message):
    with pytest.raises((TypeError, ValueError), match=f"^cross_entropy: {message}"):
        ag.cross_entropy(logits, classes)


def test_wrong_arguments_of_the_penalty():
    with pytest.raises(ValueError, match="l2_penalty: parameters is empty"):
        ag.l2_penalty([], 0.1)
    for xs, alpha, name in [([Value(1.0)], "1", "alpha"), (["1"], 1.0, r"parameters\[0\]"),
                            (Value(1.0), 1.0, "parameters"), ([[1.0]], 1.0, r"parameters\[0\]")]:  # fmt: skip
        with pytest.raises(TypeError, match=f"l2_penalty: {name}"):
            ag.l2_penalty(xs, alpha)


def test_nan_and_overflow_pass_through():
    for loss in PAIRED:
        assert math.isnan(loss([nan, 0.5], [1, 1]))
        assert math.isnan(gradient(loss, [nan, 0.5], [1, 1])[0])
    assert math.isnan(ag.cross_entropy([nan, 0.0], 1))
    assert ag.mse([1e200], [0.0]) == ag.l2_penalty([1e200], 1.0) == inf


def test_the_row_of_binary_cross_entropy():
    """What the tests over the table do not ask of a loss: arrays, and how it is written."""
    row = TABLE["binary_cross_entropy"]
    test_text.test_written_slopes_mean_what_they_say(row)
    f, points = function(row), list(row.points())
    got = f(*map(np.array, zip(*points, strict=True)))
    assert got.tolist() == pytest.approx([f(*xs) for xs in points], rel=1e-13)
    assert all(math.isnan(f(p, 0.5)) for p in (-0.1, 1.1, nan))
