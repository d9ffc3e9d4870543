"""An operation of the user's own works like the built-in ones."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
from support import gradient

import autograd_lite as ag
from autograd_lite import Value, check_grads, operation


def softsign():
    return operation(
        "softsign",
        value=lambda m, x: m.div(x, 1.0 + m.abs(x)),
        partials=lambda m, y, x: (m.div(1.0, m.square(1.0 + m.abs(x))),),
        latex=r"\operatorname{{softsign}}\left({0}\right)",
        doc="x / (1 + |x|)",
    )


def test_it_works_like_a_built_in_one():
    f = softsign()
    x = Value(-3.0, label="x")
    y = f(x) * 2
    y.backward()
    assert (y.data, x.grad) == (-1.5, 0.125)
    assert f(1.0) == 0.5
    assert f(np.array([1.0, -3.0])).tolist() == [0.5, -0.75]
    assert f(np.array([Value(1.0)], dtype=object))[0].data == 0.5
    check_grads(lambda v: f(v).exp(), [0.7])
    assert "softsign(x)" in ag.draw(y).source
    assert "softsign(x)" in ag.table(y)
    assert str(ag.text.latex.call("softsign", ag.text.latex.symbol("x"))).startswith(
        "\\operatorname"
    )
    net = ag.MLP(1, [2, 1], activation=f, seed=1)
    assert net([1.0]).op.name == "dot"


def test_second_derivative_and_copies():
    f = softsign()
    x = Value(2.0)
    y = f(x)
    (dy,) = gradient(y, [x])
    (d2y,) = gradient(dy, [x])
    assert dy.data == pytest.approx(1 / 9)
    assert d2y.data == pytest.approx(-2 / 27)
    assert pickle.loads(pickle.dumps(y)).op is y.op
    assert copy.deepcopy(y).op is y.op


def test_two_arguments_with_a_default_and_any_number():
    scaled = operation(
        "scaled", value=lambda m, x, k=2.0: k * x, partials=lambda m, y, x, k=2.0: (k, x)
    )
    x = Value(3.0)
    assert scaled(x).args == (x, 2.0)
    assert scaled(x, k=Value(5.0)).partials == (5.0, 3.0)
    norm1 = operation(
        "norm1",
        value=lambda m, *xs: m.sum(*map(m.abs, xs)),
        partials=lambda m, y, *xs: tuple(m.sign(x) for x in xs),
    )
    assert norm1(x, -2.0, Value(-1.0)).partials == (1.0, 0.0, -1.0)


def test_mistakes_are_explained():
    with pytest.raises(ValueError, match="'sin' is taken"):
        operation("sin", lambda m, x: x, lambda m, y, x: (1.0,))
    with pytest.raises(ValueError, match="identifier"):
        operation("a b", lambda m, x: x, lambda m, y, x: (1.0,))
    with pytest.raises(TypeError, match="partials must be a function"):
        operation("f1", lambda m, x: x, 1.0)
    with pytest.raises(TypeError, match="name must be a str"):
        operation(3, lambda m, x: x, lambda m, y, x: (1.0,))
    few = operation("few", lambda m, x, y: x * y, lambda m, z, x, y: (y,))
    with pytest.raises(TypeError, match="tuple of 2"):
        few(Value(1.0), 2.0)
    text = operation("text", lambda m, x: "1", lambda m, y, x: (1.0,))
    with pytest.raises(TypeError, match="text: the result of value must be a real number"):
        text(Value(1.0))
    constant = Value(2.0)
    closed = operation("closed", lambda m, x: x * constant, lambda m, y, x: (constant,))
    with pytest.raises(TypeError, match=r"not Value .*use its \.data"):
        closed(Value(1.0))
    with pytest.raises(TypeError, match="softsign"):
        softsign()("a")


def test_nodes_of_custom_operations_are_freed():
    f = softsign()
    net = ag.MLP(1, [1], activation=f, seed=0)
    gone = weakref.finalize(net, lambda: None)
    y = net([1.0])
    y.backward()
    del net, y
    gc.collect()
    assert not gone.alive


def test_a_missing_operation_is_named():
    with pytest.raises(LookupError, match=r"'nowhere'.*autograd_lite.operation"):
        ag.ops.lookup("nowhere")
