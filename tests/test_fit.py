"""Training: the loop, its history, its pictures, Ctrl-C."""

from __future__ import annotations

import math
import signal

import pytest

import autograd_lite as ag
from autograd_lite import MLP, SGD, Adam
from autograd_lite.data import circles, moons, split
from autograd_lite.fit import LOSSES, accuracy, boundary, class_of, fit, outputs_of


def net(outputs=2, seed=1):
    return MLP(2, [8, outputs], activation="tanh", seed=seed)


def test_moons_are_separated():
    train, validation = split(*moons(1000, noise=0.1, seed=3), fraction=0.2, seed=0)
    model = MLP(2, [12, 2], activation="tanh", seed=0, init="xavier")
    history = fit(model, *train, loss="cross_entropy", epochs=12, validation=validation,
                  optimizer=Adam(model.parameters(), lr=0.03))  # fmt: skip
    assert history.validation_accuracy[-1] >= 0.99
    assert history.validation_accuracy[-1] == accuracy(model, *validation)
    assert len(history.loss) == len(history.validation_loss) == 12


@pytest.mark.parametrize("loss", sorted(LOSSES))
def test_every_loss_by_name(loss):
    X, Y = circles(60, noise=0.05, factor=0.4, seed=1)
    targets = [2 * y - 1 for y in Y] if loss == "hinge" else Y
    model = MLP(2, [8, 2 if loss == "cross_entropy" else 1], activation="tanh", seed=1,
                output="sigmoid" if loss == "binary_cross_entropy" else "linear")  # fmt: skip
    history = fit(model, X, targets, loss=loss, epochs=60, batch_size=10)
    assert history.loss[-1] < history.loss[0]
    assert bool(history.accuracy) == (loss not in ("mse", "mae"))
    if history.accuracy:
        assert accuracy(model, X, targets, loss) >= 0.9


def test_a_loss_of_ones_own_callback_schedule_and_penalty():
    X, Y = moons(40, seed=2)
    seen, rates = [], []
    model = net(1)
    optimizer = SGD(model.parameters(), lr=1.0)

    def schedule(epoch):
        rates.append(epoch)
        return 0.1 / (1 + epoch)

    history = fit(model, X, Y, loss=lambda out, ys: ag.mse(out, ys), optimizer=optimizer,
                  epochs=9, schedule=schedule, penalty=1e-3,
                  callback=lambda h: seen.append(h.loss[-1]) or len(seen) == 4)  # fmt: skip
    assert len(history.loss) == len(seen) == 4
    assert rates == [0, 1, 2, 3]
    assert optimizer.lr == 0.1 / 4


def test_the_same_seed_gives_the_same_run():
    X, Y = moons(50, seed=5)
    runs = []
    for _ in range(2):
        model = net(seed=4)
        fit(model, X, Y, loss="cross_entropy", epochs=3, seed=8)
        runs.append(model.weights)
    assert runs[0] == runs[1]
    fixed = fit(net(seed=4), X, Y, loss="cross_entropy", epochs=3, seed=8)
    assert fixed.loss[-1] == pytest.approx(0.6492732029401179, rel=1e-9)


def test_an_interrupt_keeps_what_was_learnt():
    X, Y = moons(60, seed=1)
    model = net()

    def callback(history):
        if len(history.loss) == 3:
            signal.raise_signal(signal.SIGINT)

    old = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    try:
        history = fit(model, X, Y, loss="cross_entropy", epochs=500, callback=callback)
    finally:
        signal.signal(signal.SIGINT, old)
    assert history.interrupted
    assert 3 <= len(history.loss) < 10
    assert math.isfinite(model([0.0, 0.0])[0].data)


def test_errors():
    X, Y = moons(20, seed=1)
    with pytest.raises(ValueError, match="loss = 'nothing'"):
        fit(net(), X, Y, loss="nothing")
    with pytest.raises(ValueError, match="20 rows for 19 targets"):
        fit(net(), X, Y[1:], loss="cross_entropy")
    with pytest.raises(ValueError, match="at least one"):
        fit(net(), [], [])
    with pytest.raises(ValueError, match="batch_size = 0"):
        fit(net(), X, Y, batch_size=0)
    model = MLP(2, [4, 1], seed=0)
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        fit(model, [[1e200, 1e200]] * 4, [0.0] * 4, epochs=5)
    with pytest.raises(ValueError, match="exactly 2"):
        boundary(MLP(3, [2]), [[1.0, 2.0, 3.0]], [0])


def test_pictures(tmp_path):
    X, Y = moons(60, seed=1)
    model = net()
    history = fit(model, X, Y, loss="cross_entropy", epochs=5, validation=(X, Y))
    history.plot(str(tmp_path / "curves.png"))
    boundary(model, X, Y, str(tmp_path / "boundary.png"), cells=20)
    for name in ("curves", "boundary"):
        assert (tmp_path / f"{name}.png").read_bytes().startswith(b"\x89PNG")
    assert repr(history).startswith("<history of 5 epochs, loss ")


def test_outputs_and_classes():
    model = net()
    assert len(outputs_of(model, [[0.0, 0.0]])[0]) == 2
    assert class_of(0.2, "binary_cross_entropy") == 0
    assert class_of(-2.0, "hinge") == -1
