"""Training on moons: a step of micrograd's demo, update and all, beside the same by compile_loss."""

# ruff: noqa: I001  compiled_timing sets the number of threads: before anything else

from __future__ import annotations

from compiled_timing import all_equal, collector, in_turns, table

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import autograd_lite as ag
import numpy as np

from compiled_work import SIZES, Contender, Plain, plain_gradient

MOONS = Path(__file__).parents[1] / "reference" / "micrograd_moons.json"
RATE, PENALTY = 0.1, 1e-4  # of the demo
IN_A_ROW = 4  # steps, so that the collector's full passes come as they do in training


def update(weights: list[Any]) -> None:
    """As the demo has it."""
    for p in weights:
        p.data -= RATE * p.grad


def plain_step(number: Any, start: list[float], points: Any, labels: Any) -> Contender:
    """The demo as it is, for any class of numbers."""
    weights = [number(p) for p in start]
    gradient = plain_gradient(number, weights, points, labels)

    def call() -> list[float]:
        total = gradient()
        update(weights)
        return [total, *[p.grad for p in weights]]

    return Contender(call)


def compiled_step(start: list[float], points: Any, labels: Any, sgd: bool = False) -> Contender:
    """The library's net and its loss, the gradient by a program."""
    model = ag.MLP(SIZES[0], SIZES[1:])
    weights = model.parameters()
    for p, x in zip(weights, start):
        p.data = x
    gradient = ag.compile_loss(model, "hinge", penalty=PENALTY)
    optimizer = ag.SGD(weights, lr=RATE)

    def call() -> float:
        cost = gradient(points, labels)
        if sgd:
            optimizer.step()
        else:
            update(weights)
        return cost

    def result(cost: float) -> list[float]:
        """With the penalty on the weights before the update, which the cost leaves out."""
        before = [p.data + RATE * p.grad for p in weights]
        return [cost + PENALTY * sum(p * p for p in before), *[p.grad for p in weights]]

    return Contender(call, result=result)


def contenders(ours: bool) -> Iterator[tuple[str, Callable[[], Contender]]]:
    moons = json.loads(MOONS.read_text(encoding="utf-8"))
    points, labels = moons["points"], moons["labels"]
    start = [p.data for p in ag.MLP(SIZES[0], SIZES[1:], seed=1337).parameters()]
    try:
        from micrograd.engine import Value as Number
    except ImportError:
        Number: Any = Plain  # type: ignore[no-redef]
        print("micrograd is not installed: a class like it takes part")
    name = "micrograd" if Number is not Plain else "like micrograd"
    yield name, lambda: plain_step(Number, start, points, labels)
    yield "Value, neurons of + and *", lambda: plain_step(ag.Value, start, points, labels)
    if ours:
        arrays = np.array(points), np.array(labels, float)
        yield "ours, arrays", lambda: compiled_step(start, *arrays)
        yield "ours, arrays, SGD", lambda: compiled_step(start, *arrays, sgd=True)
        yield "ours, lists", lambda: compiled_step(start, points, labels)


def run(ours: bool, repetitions: int) -> None:
    engine = "in C" if getattr(ag.engine, "compiled", False) else "pure Python"
    for on in (True, False):
        made = {name: make() for name, make in contenders(ours)}
        all_equal(made)
        with collector(on):
            times = in_turns(made, repetitions, in_a_row=IN_A_ROW)
        table(f"moons, engine {engine}, collector {'on' if on else 'off'}, µs a step", 1e-6, times)
