"""A corpus of wrong arguments over every public function: the error names what is wrong."""

from __future__ import annotations

import contextlib
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Value
from autograd_lite.ops import ALIASES, TABLE

WRONG = ["text", b"bytes", None, 1j, object(), [1.0], {"a": 1.0}, {1.0}, (1.0, 2.0), range(2),
         lambda x: x, float, math, Ellipsis, Value]  # fmt: skip
ids = [f"{type(x).__name__}-{i}" for i, x in enumerate(WRONG)]
wrong = pytest.mark.parametrize("x", WRONG, ids=ids)


@wrong
def test_functions_of_numbers(x):
    for name in [*TABLE, *ALIASES]:
        row = TABLE[ALIASES.get(name, name)]
        f = getattr(ag, name)
        if row.arity is None or row.name == "where":
            continue
        good = next(row.points())
        for i, argument in enumerate(row.defaults):
            args = [x if j == i else g for j, g in enumerate(good)]
            for full in (args, [Value(a) if a is not x else x for a in args]):
                with pytest.raises(TypeError) as error:
                    f(*full)
                message = str(error.value)
                assert row.name in message
                assert argument in message
                assert type(x).__name__ in message
                assert "give an int or a float" in message


@wrong
def test_functions_of_lists(x):
    for f in (ag.sum, ag.prod, ag.mean, ag.logsumexp, ag.softmax):
        with pytest.raises(TypeError, match=f.__name__):
            f([1.0, x])
    with pytest.raises(TypeError, match="dot"):
        ag.dot([1.0], [x])
    with pytest.raises(TypeError, match="dot" if x is not Value else "real number"):
        ag.dot([Value(1.0)], [Value(2.0)], bias=x if x is not None else "none")
    with pytest.raises(TypeError, match="where"):
        ag.where(True, x, 1.0)


@pytest.mark.parametrize("f", [ag.prod, ag.mean, ag.logsumexp, ag.softmax, ag.sum])
def test_one_number_instead_of_a_list(f):
    for x in (1.0, Value(1.0), None, "12"):
        with pytest.raises(TypeError, match=f.__name__):
            f(x)
    if f is not ag.sum:
        with pytest.raises(ValueError, match="empty"):
            f([])


@wrong
def test_values(x):
    v = Value(1.0)
    for f in (lambda: Value(x), lambda: setattr(v, "data", x), lambda: setattr(v, "grad", x),
              lambda: v.backward(x)):  # fmt: skip
        with pytest.raises(TypeError, match="must be a real number"):
            f()
    if not isinstance(x, str):
        with pytest.raises(TypeError, match="label must be a str"):
            Value(1.0, label=x)
        with pytest.raises(TypeError, match="label must be a str"):
            v.label = x
    for name in ("sin", "clip", "hypot", "elu", "maximum"):
        with pytest.raises(TypeError, match=name):
            getattr(v, name)(x, x, x, x)
    for operator in ("+", "-", "*", "/", "**", "//", "%", "<", ">="):
        with pytest.raises(TypeError):
            eval(f"v {operator} x", {"v": v, "x": x})
    assert (v.data, v.grad, v.label) == (1.0, 0.0, "")


@wrong
def test_graphs_nets_losses_optimisers(x):
    for f in (ag.draw, ag.order, ag.table):
        with pytest.raises(TypeError, match=r"must be a? ?Value"):
            f(x)
    if not callable(x):
        with pytest.raises(TypeError, match="check_grads: f must be a function"):
            ag.check_grads(x, [1.0])
    for f in (
        lambda: ag.MLP(x, [1]), lambda: ag.MLP(2, x), lambda: ag.MLP(2, [x]),
        lambda: ag.Layer(2, x), lambda: ag.Neuron(x), lambda: ag.MLP(2, [1], init=x),
        lambda: ag.mse([1.0], [1.0], reduction=x), lambda: ag.SGD([x]),
        lambda: ag.SGD([Value(1.0)], lr=x), lambda: ag.SGD(x),
        lambda: ag.operation("f", x, x), lambda: ag.operation(x, abs, abs),
    ):  # fmt: skip
        if callable(x):
            continue
        with pytest.raises((TypeError, ValueError)) as error:
            f()
        assert len(str(error.value)) > 15
    for y in ([x], x):
        with pytest.raises((TypeError, ValueError)):
            ag.mse([Value(1.0)], y if y != [1.0] and y != {1.0} else ["text"])


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=3) | st.integers(-3, 3)
                    | st.floats(), lambda inner: st.lists(inner, max_size=3)))  # fmt: skip
def test_no_error_is_an_internal_one(x):
    """Whatever is given, the answer is a result, a TypeError, a ValueError or an OverflowError."""
    for f in (Value, ag.sin, ag.sum, ag.mean, ag.softmax, ag.prod, ag.order, ag.draw,
              lambda x: ag.dot(x, x), lambda x: ag.mse(x, x), lambda x: ag.clip(x, x, x),
              lambda x: ag.MLP(1, [1])([x]), lambda x: ag.where(x, x, x)):  # fmt: skip
        with contextlib.suppress(TypeError, ValueError, OverflowError):
            f(x)


def test_arrays_of_text_and_ragged_arrays():
    for f in (ag.sin, ag.relu, ag.erf):
        with pytest.raises(TypeError, match=f.__name__):
            f(np.array(["1"]))
        with pytest.raises(TypeError, match=f.__name__):
            f(np.array([[1.0], [1.0, 2.0]], dtype=object))
    with pytest.raises(ValueError, match="2 weights for 3 inputs"):
        ag.dot([1, 2], [1, 2, 3])
