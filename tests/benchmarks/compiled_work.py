"""What compiled.py measures: functions for any class of numbers, and what a hand makes of them.

C is compiled when it is asked for; without a compiler, as without numba, that is an ImportError.
"""

# ruff: noqa: N803  the names of the formulas

from __future__ import annotations

import ctypes
import math
import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

PATIENCE = 60  # seconds for a C compiler
PARAMETERS, SIZES = 337, (2, 16, 16, 1)
SOURCE = Path(__file__).with_name("compiled.c")
FAST = ("-ffast-math", "-fopenmp-simd")
FOLDER = Path(tempfile.mkdtemp(prefix="compiled"))


class Contender(NamedTuple):
    """A call, for arrays; times(n) is n calls where the loop is not Python's."""

    call: Callable[[], Any]
    times: Callable[[int], Any] | None = None
    result: Callable[[Any], Any] = list  # what it returned, as numbers that can be compared


# The functions, for any class of numbers; m has what math has.


def rosenbrock(x: Sequence[Any]) -> Any:
    total = 0.0
    for a, b in zip(x, x[1:]):
        t, u = b - a * a, 1.0 - a
        total = total + (100.0 * t * t + u * u)
    return total


def row_loss(m: Any, parameters: Sequence[Any], x: Sequence[Any], y: Any) -> Any:
    """The squared error of the net 2-16-16-1: a neuron's weights and then its bias."""
    each = iter(parameters)
    for nin, nout in zip(SIZES, SIZES[1:]):
        layer = [([next(each) for _ in range(nin)], next(each)) for _ in range(nout)]
        x = [sum((w * xi for w, xi in zip(ws, x)), b) for ws, b in layer]
        if nout > 1:
            x = [m.tanh(z) for z in x]
    return (x[0] - y) * (x[0] - y)


def price(m: Any, S: Any, K: Any, r: Any, sigma: Any, T: Any) -> Any:
    """The Black-Scholes price of a call."""
    spread = sigma * m.sqrt(T)
    d = (m.log(S / K) + (r + 0.5 * sigma * sigma) * T) / spread
    return S * m.ndtr(d) - K * m.exp(-r * T) * m.ndtr(d - spread)


def with_ndtr(erf: Callable[[Any], Any], **others: Any) -> SimpleNamespace:
    return SimpleNamespace(ndtr=lambda z: 0.5 + 0.5 * erf(math.sqrt(0.5) * z), **others)


INPUTS, PIECE, ALIVE = 10, 500, 16
POINT = np.linspace(-0.9, 0.9, INPUTS)


class Straight:
    """A straight line of random operations, all of which matter, with values within ±2.

    Each takes the oldest result that nothing has used yet, and often one of the last thirty. After
    every PIECE the unused results are added up and the next begins with the inputs, so that neither
    values nor derivatives grow with the length.
    """

    def __init__(self, length: int) -> None:
        rng, self.length = random.Random(length), length
        self.plan: list[tuple[str, int, int]] = []
        values, total = POINT.tolist(), None
        waiting = [rng.randrange(INPUTS) for _ in range(ALIVE)]
        begin = 0
        while len(self.plan) < length:
            left = length - len(self.plan)
            if left <= len(waiting) + 1 or (len(self.plan) - begin > PIECE and left > PIECE):
                op, a = "+", waiting.pop()
                b = waiting.pop() if total is None else total
                total = len(values)
                if not waiting:
                    begin, waiting = len(self.plan), [*range(INPUTS)]
            else:
                a = waiting.pop(0)
                recent = [*range(INPUTS), *range(max(INPUTS, len(values) - 30), len(values))]
                b, op = rng.choice(recent), rng.choice("+++---****tse")
                if op in "+-*" and abs(self.value(op, values[a], values[b])) > 2.0:
                    op = "t"
                waiting.append(len(values))
            self.plan.append((op, a, b))
            values.append(self.value(op, values[a], values[b]))

    @staticmethod
    def value(op: str, a: float, b: float) -> float:
        return float(Straight.run([(op, 0, 1)], np, [a, b]))

    @staticmethod
    def run(plan: Iterable[tuple[str, int, int]], m: Any, xs: Any) -> Any:
        slots = [*xs]
        for op, a, b in plan:
            x = slots[a]
            if op == "+":
                x = x + slots[b]
            elif op == "-":
                x = x - slots[b]
            elif op == "*":
                x = x * slots[b]
            else:
                x = m.tanh(x) if op == "t" else m.sin(x) if op == "s" else m.exp(-x * x)
            slots.append(x)
        return slots[-1]

    def function(self, m: Any) -> Callable[[Any], Any]:
        return partial(self.run, self.plan, m)


class Plain:
    """A number as micrograd has it, where that is missing: a closure for each operation."""

    def __init__(self, data: float, inputs: tuple[Any, ...] = ()) -> None:
        self.data, self.grad, self.inputs = data, 0.0, set(inputs)
        self.push: Callable[[], None] = lambda: None

    def made(self, data: float, *pairs: tuple[Any, float]) -> Plain:
        out = Plain(data, tuple(x for x, _ in pairs))

        def push() -> None:
            for x, slope in pairs:
                x.grad += slope * out.grad

        out.push = push
        return out

    def __add__(self, b: Any) -> Plain:
        b = b if isinstance(b, Plain) else Plain(b)
        return self.made(self.data + b.data, (self, 1.0), (b, 1.0))

    def __mul__(self, b: Any) -> Plain:
        b = b if isinstance(b, Plain) else Plain(b)
        return self.made(self.data * b.data, (self, b.data), (b, self.data))

    def relu(self) -> Plain:
        return self.made(max(0.0, self.data), (self, float(self.data > 0.0)))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Plain:
        return self * -1.0

    def backward(self) -> None:
        order: list[Plain] = []
        seen: set[Plain] = set()

        def build(v: Plain) -> None:
            if v not in seen:
                seen.add(v)
                for x in v.inputs:
                    build(x)
                order.append(v)

        build(self)
        self.grad = 1.0
        for v in reversed(order):
            v.push()


def plain_gradient(number: Any, weights: list[Any], X: Any, Y: Any) -> Callable[[], float]:
    """The loss of micrograd's demo, each neuron written with + and *; sets the gradient."""

    def call() -> float:
        scores = []
        for point in X:
            x, each = [number(xi) for xi in point], iter(weights)
            for nin, nout in zip(SIZES, SIZES[1:]):
                layer = [([next(each) for _ in range(nin)], next(each)) for _ in range(nout)]
                x = [sum((w * xi for w, xi in zip(ws, x)), b) for ws, b in layer]
                x = [z.relu() for z in x] if nout > 1 else x
            scores.append(x[0])
        losses = [(1 + -y * score).relu() for y, score in zip(Y, scores)]
        total = sum(losses) * (1.0 / len(losses)) + 1e-4 * sum(p * p for p in weights)
        for p in weights:
            p.grad = 0.0
        total.backward()
        return float(total.data)

    return call


# C


def library(source: Path, *flags: str) -> ctypes.CDLL:
    compiler = shutil.which("cc")
    if compiler is None:
        raise ImportError("no C compiler")
    target = FOLDER / f"{source.stem}{''.join(flags)}.so"
    command = [compiler, "-O3", "-march=native", *flags, "-shared", "-fPIC", "-o", target, source]
    subprocess.run([*command, "-lm"], check=True, capture_output=True, timeout=PATIENCE)
    return ctypes.CDLL(str(target))


def pointer(array: Any) -> Any:
    return array.ctypes.data_as(ctypes.c_void_p)


def by_c(name: str, out: Any, *data: Any, flags: Sequence[str] = FAST) -> Contender:
    function = getattr(library(SOURCE, *flags), name)
    function.restype = ctypes.c_double
    rest = (ctypes.c_long(len(data[-1])), *map(pointer, data), pointer(out))

    def times(n: int) -> float:
        return float(function(ctypes.c_long(n), *rest))

    if name == "options":
        return Contender(lambda: times(1) * 0.0, times, lambda _: list(out))
    return Contender(lambda: times(1), times, lambda value: [value, out])


def c_rosenbrock(x: Any, flags: Sequence[str] = FAST) -> Contender:
    return by_c("rosenbrock", np.empty_like(x), x, flags=flags)


def c_mlp(parameters: Any, X: Any, Y: Any) -> Contender:
    return by_c("mlp", np.empty_like(parameters), parameters, X, Y, flags=())


def c_options(*columns: Any, flags: Sequence[str] = FAST) -> Contender:
    return by_c("options", np.empty((6, len(columns[0]))), *columns, flags=flags)


# numba, by hand


def numba_rosenbrock(x: Any) -> Contender:
    from numba import njit

    @njit(fastmath=True)  # type: ignore[untyped-decorator]
    def value_and_grad(x: Any) -> Any:
        n, total = len(x), 0.0
        g = np.empty(n)
        g[0] = -400.0 * x[0] * (x[1] - x[0] * x[0]) - 2.0 * (1.0 - x[0])
        total = 100.0 * (x[1] - x[0] * x[0]) ** 2 + (1.0 - x[0]) ** 2
        for i in range(1, n - 1):
            t, before, u = x[i + 1] - x[i] * x[i], x[i] - x[i - 1] * x[i - 1], 1.0 - x[i]
            total += 100.0 * t * t + u * u
            g[i] = 200.0 * before - 400.0 * x[i] * t - 2.0 * u
        g[n - 1] = 200.0 * (x[n - 1] - x[n - 2] * x[n - 2])
        return total, g

    return Contender(lambda: value_and_grad(x))


def numba_options(*columns: Any) -> Contender:
    from math import erfc, exp, log, sqrt

    from numba import njit

    @njit(fastmath=True)  # type: ignore[untyped-decorator]
    def greeks(S: Any, K: Any, r: Any, sigma: Any, T: Any) -> Any:
        out = np.empty((6, len(S)))
        for i in range(len(S)):
            root = sqrt(T[i])
            spread = sigma[i] * root
            d1 = (log(S[i] / K[i]) + (r[i] + 0.5 * sigma[i] * sigma[i]) * T[i]) / spread
            n1 = 0.5 * erfc(-sqrt(0.5) * d1)
            n2 = 0.5 * erfc(-sqrt(0.5) * (d1 - spread)) * exp(-r[i] * T[i])
            density = 0.3989422804014327 * exp(-0.5 * d1 * d1) * S[i]
            out[0, i] = S[i] * n1 - K[i] * n2
            out[1, i] = n1
            out[2, i] = -n2
            out[3, i] = T[i] * K[i] * n2
            out[4, i] = density * root
            out[5, i] = 0.5 * density * sigma[i] / root + r[i] * K[i] * n2
        return out

    return Contender(lambda: greeks(*columns))
