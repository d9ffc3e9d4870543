"""Loops over what is alike in a program, against floats: lists, neighbours, conditions."""

from __future__ import annotations

import math
import random
import struct

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd_lite.ieee import floats  # noqa: E402
from autograd_lite.program import Builder, adjoint, simplified  # noqa: E402
from autograd_lite.program.llvm import LlvmKernel, chunks  # noqa: E402
from autograd_lite.program.llvm.alike import Loop, planned  # noqa: E402
from autograd_lite.program.llvm.expand import expanded  # noqa: E402

PLAIN = [None, "", "+sse2,+sse4.1", "+avx,+avx2,+fma"]


def bits(x):
    return struct.pack("d", math.nan if x != x else x)


def neighbours(m, x, rng):
    c = rng.uniform(0.1, 0.9)
    return [a * c + b for a, b in zip(x, x[1:])]


def stencil(m, x, rng):
    return [(a - 2.0 * b + c) * 0.5 for a, b, c in zip(x, x[1:], x[2:])]


def backward(m, x, rng):
    return [a * b for a, b in zip(x, x[::-1])]


def beside_one(m, x, rng):
    """One slot for all."""
    one = rng.choice(x)
    return [a * one - one for a in x]


def relu(m, x, rng):
    return [m.where(a > 0.0, a, 0.0) for a in x]


def between(m, x, rng):
    return [m.where((a > -0.5) & (a < 0.7), m.tanh(a), -a) for a in x]


def chosen(m, x, rng):
    """One condition for all."""
    good = x[0] < x[-1]
    return [m.where(good, a, b) for a, b in zip(x, x[1:])]


def not_neither(m, x, rng):
    return [m.where(((a > 0.0) | (b > 0.5)) ^ True, m.sin(a), b * 0.5) for a, b in zip(x, x[1:])]


def functions(m, x, rng):
    return [m.div(m.exp(-m.square(a)), 1.0 + m.abs(a)) for a in x]


def every_second(m, x, rng):
    return [a - b for a, b in zip(x[::2], x[1::2])] + x[::3]


def shuffled(m, x, rng):
    x = [*x]
    rng.shuffle(x)
    return [m.maximum(a, 0.1) for a in x]


STEPS = [neighbours, stencil, backward, beside_one, relu, between, chosen, not_neither, functions,
         every_second, shuffled]  # fmt: skip


def made(steps, n, rng, guards=0):
    """A program of steps on a list of n inputs."""
    m = Builder([f"x{i}" for i in range(n)])
    x = m.symbols
    tests = []
    for step in steps:
        if len(x) < 40:
            break
        x = step(m, x, rng)
        if guards:
            tests.append((rng.choice(x) > 0.0, rng.random() < 0.5))
    outputs = [m.sum(*x), *x, *x[5:30][::-1], m.sum(*[m.square(a) for a in x]), 2.5]
    return simplified(m.program(outputs, tests[:guards]))


def wanted(program, xs):
    slots = program.slots(list(xs), floats)
    status = [g for g, (slot, outcome) in enumerate(program.guards) if slots[slot] != outcome]
    return status[0] if status else -1, program.taken(slots)


def check(program, rng, strict, features=None):
    kernel = LlvmKernel(program, strict=strict, features=features)
    for _ in range(2):
        xs = [rng.uniform(-1.0, 1.0) for _ in program.inputs]
        status, ys = kernel.point(xs)
        want_status, want = wanted(program, xs)
        assert status == want_status
        for y, w in zip(ys, want):
            assert bits(y) == bits(w) if strict else abs(y - w) <= 1e-11 * max(1.0, abs(w))
    return kernel


def loops(program, strict, lanes):
    plan = planned(expanded(program, strict), lanes, strict)
    return sum(isinstance(item, Loop) for item in plan.items) if plan.is_worth_it else 0


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("step", STEPS, ids=[step.__name__ for step in STEPS])
def test_each_step(step, strict):
    for n in (64, 71, 100, 129):
        rng = random.Random(n)
        check(made([step], n, rng), rng, strict)


@pytest.mark.parametrize("strict", [False, True])
def test_loops_are_found(strict):
    for step in (neighbours, stencil, beside_one, relu, between, functions):
        assert loops(made([step], 100, random.Random(0)), strict, 8), step


@pytest.mark.parametrize("features", PLAIN)
@pytest.mark.parametrize("strict", [False, True])
def test_random_steps(features, strict):
    for seed in range(6):
        rng = random.Random(seed)
        program = made(rng.choices(STEPS, k=5), rng.randrange(60, 150), rng, guards=seed % 3)
        check(program, rng, strict, features)


def test_gradients():
    for seed in range(4):
        rng = random.Random(seed)
        steps = rng.choices([s for s in STEPS if s is not chosen], k=4)
        program = made(steps, rng.randrange(60, 150), rng)
        slope = adjoint(program, [1.0] * len(program.outputs))
        check(slope, rng, False)


@pytest.mark.parametrize("strict", [False, True])
def test_small_functions(monkeypatch, strict):
    """What does not fit into loops is in many functions."""
    monkeypatch.setattr(chunks, "CHUNK", 9)
    for seed in range(3):
        rng = random.Random(seed)
        check(made(rng.choices(STEPS, k=4), 90, rng, guards=1), rng, strict)


def test_what_is_not_alike_is_left_alone():
    rng = random.Random(0)
    m = Builder(["x", "y"])
    x = m.symbols
    for _ in range(200):
        a, b = rng.choice(x[-9:]), rng.choice(x[-9:])
        x.append(rng.choice([m.add, m.mul, m.sub])(a, b) * 0.5)
    program = m.program([x[-1]])
    assert loops(program, False, 8) == 0
    check(program, rng, False)
