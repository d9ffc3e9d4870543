"""compile_loss: the same loss and gradient as eager, whatever the model, the loss, the batch."""

from __future__ import annotations

import math
import random
import sys
import warnings

import pytest
from executors import needs_llvm, needs_numpy

import autograd_lite as ag
from autograd_lite import MLP, SGD, Adam, Layer, Module, Value, compile_loss, losses
from autograd_lite.compile.loss import LOSSES
from autograd_lite.fit import fit

BACKENDS = [
    "python",
    pytest.param("numpy", marks=needs_numpy),
    pytest.param("llvm", marks=needs_llvm),
]
X = [[0.1 * i - 0.6, math.sin(i)] for i in range(13)]


def eager(model, loss, xs, ys, penalty=0.0):
    parameters = model.parameters()
    for p in parameters:
        p.grad = 0.0
    cost = loss([model(x) for x in xs], ys)
    (cost + losses.l2_penalty(parameters, penalty) if penalty else cost).backward()
    return cost.data, [p.grad for p in parameters]


def assert_same(step, model, loss, xs, ys, penalty=0.0):
    expected, slopes = eager(model, loss, xs, ys, penalty)
    for p in model.parameters():
        p.grad = 7.0  # it is assigned
    assert step(xs, ys) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    largest = max(map(abs, slopes))
    for p, slope in zip(model.parameters(), slopes, strict=True):
        assert p.grad == pytest.approx(slope, rel=1e-12, abs=1e-13 * largest)


def targets_of(name):
    return {
        "hinge": [1 if i % 3 else -1 for i in range(13)],
        "cross_entropy": [i % 3 for i in range(13)],
        "binary_cross_entropy": [0, 1, 0.3] * 4 + [1.0],
        "binary_cross_entropy_with_logits": [0, 1, 0.3] * 4 + [1.0],
    }.get(name, [math.cos(i) for i in range(13)])


def net(outputs=1, activation="tanh", **kwargs):
    return MLP(2, [4, outputs], activation=activation, seed=3, **kwargs)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_batches(name, backend):
    output = "sigmoid" if name == "binary_cross_entropy" else "linear"
    model = net(3 if name == "cross_entropy" else 1, output=output)
    step, ys = compile_loss(model, name, backend=backend, penalty=0.01), targets_of(name)
    for n in (13, 5, 1):
        assert_same(step, model, LOSSES[name], X[:n], ys[:n], 0.01)
    assert_same(step, model, LOSSES[name], X[::3], ys[::3], 0.01)  # of one class only
    assert not step.eager


@pytest.mark.parametrize("activation", ["relu", "sigmoid", "softplus", "gelu", "abs", "elu"])
def test_activations(activation):
    model = net(activation=activation)
    assert_same(compile_loss(model, "mse"), model, ag.mse, X, targets_of("mse"))


class Branching(Module):
    """Not a net of the library: a branch, a list of parameters, a parameter that it does not use."""

    def __init__(self):
        self.w, self.frozen = [Value(0.5), Value(-0.25)], Value(3.0)

    def __call__(self, x):
        z = self.w[0] * x[0] + self.w[1] * x[1]
        return z * 2.0 if z > 0.0 else ag.exp(z) - 1.0

    def parameters(self):
        return [*self.w, self.frozen]


class Sequence(Module):
    """Sequences of different lengths."""

    def __init__(self):
        self.w = Value(0.3)

    def __call__(self, x):
        h = 0.0
        for v in x:
            h = ag.tanh(self.w * h + v)
        return h

    def parameters(self):
        return [self.w]


@pytest.mark.parametrize("backend", BACKENDS)
def test_models_of_ones_own(backend):
    model = Branching()
    step = compile_loss(model, "mse", backend=backend)
    assert_same(step, model, ag.mse, X, targets_of("mse"))
    assert model.frozen.grad == 0.0
    model = Sequence()
    rows = [[0.5] * (1 + i % 3) for i in range(13)]
    step = compile_loss(model, ag.mae, backend=backend)
    assert_same(step, model, ag.mae, rows, targets_of("mae"))
    assert not step.eager


def test_layers_functions_and_several_outputs():
    layer = Layer(2, 3, activation="tanh", rng=random.Random(1))
    ys = [[math.sin(i + k) for k in range(3)] for i in range(13)]
    for loss in (ag.mse, ag.mae):
        assert_same(compile_loss(layer, loss), layer, loss, X, ys)
    logits = [[float(i % 2), 0.5, 1.0] for i in range(13)]
    loss = ag.binary_cross_entropy_with_logits
    assert_same(compile_loss(layer, loss), layer, loss, X, logits)
    w = Value(0.7)

    def model(x):
        return ag.sin(w * x)

    model.parameters = lambda: [w, w]
    xs = [row[0] for row in X]
    assert_same(compile_loss(model, "mse"), model, ag.mse, xs, targets_of("mse"))


def worst(outputs, targets):
    errors = [(p - y) ** 2 for p, y in zip(outputs, targets, strict=True)]
    return max(errors) if len(errors) > 5 else ag.sum(errors)


@pytest.mark.parametrize("backend", BACKENDS)
def test_losses_of_ones_own(backend):
    model = net()
    step = compile_loss(model, worst, backend=backend, penalty=0.1)
    for n in (13, 4):
        assert_same(step, model, worst, X[:n], targets_of("mse")[:n], 0.1)
    assert not step.eager

    model = net(3)

    def chosen(outputs, classes):  # the targets are places, and the loss uses parameters itself
        found = [-ag.log(ag.softmax(zs)[c]) for zs, c in zip(outputs, classes, strict=True)]
        return ag.mean(found) + 0.1 * model.parameters()[0] ** 2

    step = compile_loss(model, chosen, backend=backend)
    assert_same(step, model, chosen, X, targets_of("cross_entropy"))
    assert not step.eager


@pytest.mark.parametrize("optimizer", [SGD, Adam])
def test_a_training_goes_the_same_way(optimizer):
    costs = []
    for compiled in (True, False):
        model, ys = net(activation="relu"), targets_of("mse")
        step, moves = compile_loss(model, "mse"), optimizer(model.parameters(), lr=0.05)
        costs.append([])
        for _ in range(30):
            moves.zero_grad()
            costs[-1].append(step(X, ys) if compiled else eager(model, ag.mse, X, ys)[0])
            moves.step()
    assert costs[0] == pytest.approx(costs[1], rel=1e-9)
    assert costs[0][-1] < costs[0][0]


@pytest.mark.parametrize("array", [True, False])
def test_arrays_are_rows_too(array):
    np = pytest.importorskip("numpy")
    model, ys = net(), targets_of("mse")
    step = compile_loss(model, "mse")
    xs = np.array(X) if array else [np.array(row) for row in X]
    assert_same(step, model, ag.mse, xs, np.array(ys))
    assert_same(step, model, ag.mse, np.array(X, order="F")[::2], np.array(ys)[::2])
    assert not step.eager


@pytest.mark.parametrize("loss", ["mse", worst])
def test_parameters_are_replaced_and_arrays_change_in_place(loss):
    np = pytest.importorskip("numpy")
    model, xs, ys = Branching(), np.array(X), np.array(targets_of("mse"))
    step, own_loss = compile_loss(model, loss, penalty=0.1), LOSSES.get(loss, loss)
    assert_same(step, model, own_loss, xs, ys, 0.1)
    before = model.w[0]
    model.w[0] = Value(before.data)  # of the same number, and yet another one
    assert_same(step, model, own_loss, xs, ys, 0.1)
    before.grad = 7.0
    model.w[0].data, model.frozen = 2.0, Value(-4.0)
    xs += 0.25
    ys[3] = 5.0
    assert_same(step, model, own_loss, xs, ys, 0.1)
    assert before.grad == 7.0
    assert not step.eager


def leave_out_packages(monkeypatch):
    for name in ("mapping", "loss", "rows"):
        module = sys.modules[f"autograd_lite.compile.{name}"]
        monkeypatch.setattr(module, "has", lambda package: False)


@pytest.mark.parametrize("packages", [True, False])
@pytest.mark.parametrize("loss", ["mse", worst])
def test_the_slopes_of_a_penalty_are_exact(loss, packages, monkeypatch):
    if not packages:
        leave_out_packages(monkeypatch)
    model = Branching()
    step = compile_loss(model, loss, penalty=0.3)
    for x in (0.1, -1e-310, 1e200, -math.inf):  # of a parameter that the model does not use
        model.frozen.data = x
        step(X, targets_of("mse"))
        assert model.frozen.grad == eager(model, step.loss, X, targets_of("mse"), 0.3)[1][-1]
    assert not step.eager


def test_without_packages(monkeypatch):
    leave_out_packages(monkeypatch)
    model = net(2)
    step = compile_loss(model, "cross_entropy")
    assert step.runs == "generated Python"
    assert_same(step, model, ag.cross_entropy, X, [i % 2 for i in range(13)])


def test_errors_are_those_of_the_loss_and_the_model():
    with pytest.raises(ValueError, match="compile_loss: loss = 'nothing'"):
        compile_loss(net(), "nothing")
    with pytest.raises(TypeError, match=r"with parameters\(\)"):
        compile_loss(lambda x: x, "mse")
    with pytest.raises(ValueError, match="compile_loss: backend = 'C'"):
        compile_loss(net(), "mse", backend="C")
    with pytest.raises(ValueError, match="penalty = -1"):
        compile_loss(net(), "mse", penalty=-1)
    wrong = {
        "mse": [(X, [1.0] * 12), (X, ["a"] * 13), ([], []), ([[1.0]], [1.0]), (X, [[1.0]] * 13)],
        "hinge": [(X, [0] * 13), (X, [1] * 12 + [2])],
        "cross_entropy": [(X, [0] * 12 + [3]), (X, [0.5] * 13), (X, [math.nan] * 13)],
        "binary_cross_entropy": [(X, [1.0] * 13), (X, [2.0] * 13)],
        "binary_cross_entropy_with_logits": [(X, [1.0] * 12 + [-0.5])],
    }
    for name, cases in wrong.items():
        model = net(3 if name == "cross_entropy" else 1)
        step = compile_loss(model, name)
        for xs, ys in cases:
            errors = []
            for run in (step, lambda xs, ys, m=model, f=LOSSES[name]: eager(m, f, xs, ys)):
                with pytest.raises((TypeError, ValueError)) as caught:
                    run(xs, ys)
                errors.append((caught.type, str(caught.value)))
            assert errors[0] == errors[1]
        assert not step.eager


class Remembers(Branching):
    """Of three kinds: with random numbers, with a state, with a Value that was computed before."""

    def __init__(self, kind):
        super().__init__()
        self.kind, self.state, self.rng = kind, 0.0, random.Random(1)
        self.double = self.w[0] * 2.0

    def __call__(self, x):
        if self.kind == "global":
            return self.w[0] * x[0] * random.random()
        if self.kind == "rng":
            return self.w[0] * x[0] * self.rng.random()
        if self.kind == "state":
            self.state += 1.0
            return self.w[0] * self.state
        return self.double * x[0]


@pytest.mark.parametrize("kind", ["global", "rng", "state", "double"])
@pytest.mark.parametrize("loss", ["mse", worst])
def test_what_is_no_function_of_a_row_runs_as_it_is(kind, loss):
    model = Remembers(kind)
    step = compile_loss(model, loss)
    with pytest.warns(UserWarning, match="compile_loss: it runs as it is"):
        step(X, targets_of("mse"))
    assert step.eager
    if kind == "double":
        assert_same(step, model, step.loss, X, targets_of("mse"))
        assert model.w[0].grad != 0.0


def test_too_many_paths_run_as_it_is():
    model = MLP(2, [8, 1], activation=lambda z: z if z > 0.0 else 0.01 * z, seed=1)
    xs = [[math.sin(7.0 * i), math.cos(5.0 * i)] for i in range(40)]
    step = compile_loss(model, "mse")
    with pytest.warns(UserWarning, match="more than 8 paths"):
        step(xs, [1.0] * 40)
    assert_same(step, model, ag.mse, xs, [1.0] * 40)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy", "hinge", worst])
def test_fit_is_the_same_compiled_or_not(loss, monkeypatch):
    monkeypatch.setattr(sys.modules["autograd_lite.fit"], "has_compiled_engine", False)
    histories = []
    for compiled in (True, False):
        model = net(3 if loss == "cross_entropy" else 1)
        ys = targets_of(loss)
        histories.append(fit(
            model, X, ys, loss=loss, epochs=100, batch_size=5, penalty=1e-3, compiled=compiled,
            validation=(X[:4], ys[:4]), callback=lambda history: None,
        ))  # fmt: skip
    assert not histories[0].runs.startswith("not compiled")
    assert histories[1].runs.startswith("not compiled")
    for name in ("loss", "validation_loss"):
        assert getattr(histories[0], name) == pytest.approx(getattr(histories[1], name), rel=1e-6)
    assert histories[0].accuracy == histories[1].accuracy
    assert histories[0].validation_accuracy == histories[1].validation_accuracy


class Scaled(Branching):
    scale = 1.0

    def __call__(self, x):
        return super().__call__(x) * self.scale


def test_fit_does_not_warn_and_sees_a_callback_that_changes_the_model(monkeypatch):
    monkeypatch.setattr(sys.modules["autograd_lite.fit"], "has_compiled_engine", False)
    model = Scaled()

    def callback(history):
        model.scale = 0.5

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        history = fit(model, X, targets_of("mse"), epochs=200, callback=callback)
    assert history.runs.startswith("not compiled: the model's outputs depend on more")


def test_few_rows_are_not_compiled():
    history = fit(net(), X, targets_of("mse"), epochs=1)
    assert history.runs == "not compiled: there is too little to do"


@needs_numpy
def test_masked_targets_are_refused():
    np = pytest.importorskip("numpy")
    X = np.linspace(-1.0, 1.0, 20).reshape(10, 2)
    Y = np.ma.array(np.ones(10), mask=[0] * 7 + [1, 0, 0])
    net = ag.MLP(2, [1], seed=1)
    with pytest.raises(TypeError, match=r"targets\[7\]"):
        ag.mse([net(x) for x in X], Y)
    with pytest.raises(TypeError, match=r"targets\[7\]"):
        ag.compile_loss(net, "mse")(X, Y)
