"""What the derivatives of plain functions cost; HIPS autograd and the package ad in the same run.

    pytest tests/benchmarks/test_transforms.py -o addopts=""

Nothing here can fail for being slow: the figures are read beside those of `control`, a plain loop.
transforms.py runs the same workloads and prints ratios. ad is left out where it is not installed.
"""

from __future__ import annotations

import gc
import math
import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, NamedTuple
from unittest.mock import patch

import autograd as hips
import autograd.numpy as anp
import numpy as np
import pytest
from autograd.scipy.special import erf
from test_engine import collect, control

import autograd_lite as lite
from autograd_lite import Value
from autograd_lite.program import Linear
from autograd_lite.transforms.recorded import gradient_program

try:
    import ad
    import ad.admath
except ImportError:
    ad = None

FLOATS = math
HIPS = SimpleNamespace(exp=anp.exp, log=anp.log, sqrt=anp.sqrt, tanh=anp.tanh, erf=erf)


# The functions, each of a namespace m of exp, log ... and of numbers of any library


def rosenbrock(m: Any, x: Any) -> Any:
    return sum(100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in zip(x[:-1], x[1:]))


def layer(m: Any, rows: Any, biases: Any, x: Any) -> list[Any]:
    return [m.tanh(sum([w * xi for w, xi in zip(ws, x)], b)) for ws, b in zip(rows, biases)]


def mlp_loss(m: Any, parameters: Any) -> Any:
    """Mean squared error of a 2-8-8-1 net; the parameters are lists, a neuron is + and *."""
    rows, biases, rows2, biases2, weights, bias = parameters
    total = 0.0
    for point, label in zip(POINTS, LABELS):
        hidden = layer(m, rows2, biases2, layer(m, rows, biases, point))
        score = sum([w * h for w, h in zip(weights, hidden)], bias[0])
        total = total + (score - label) ** 2
    return total * (1.0 / len(LABELS))


def black_scholes(m: Any, x: Any) -> Any:
    """The price of a call by spot, strike, rate, volatility and time."""
    spot, strike, rate, volatility, time = x
    spread = volatility * m.sqrt(time)
    d = (m.log(spot / strike) + (rate + 0.5 * volatility * volatility) * time) / spread
    return spot * normal(m, d) - strike * m.exp(-rate * time) * normal(m, d - spread)


def normal(m: Any, z: Any) -> Any:
    return 0.5 * (1.0 + m.erf(z * math.sqrt(0.5)))


def log_likelihood(m: Any, x: Any) -> Any:
    """Of 1000 counts, Poisson, whose rate is exp(a + b t + c t t)."""
    a, b, c = x
    total = 0.0
    for t, count in zip(TIMES, COUNTS):
        rate = a + b * t + c * (t * t)
        total = total + (count * rate - m.exp(rate))
    return total


def net(m: Any, x: Any, outputs: int, hidden: int = 10) -> list[Any]:
    """A layer of tanh that all outputs share: each output depends on the whole graph below."""
    inner = layer(m, matrix(hidden, len(x)), [0.0] * hidden, x)
    return [sum([w * h for w, h in zip(ws, inner)]) for ws in matrix(outputs, hidden)]


def apart(m: Any, x: Any, outputs: int) -> list[Any]:
    """Each output has a graph of its own, which begins at all inputs."""
    return layer(m, matrix(outputs, len(x)), [0.0] * outputs, x)


def tridiagonal(m: Any, x: Any, outputs: int = 0) -> list[Any]:
    """Broyden's tridiagonal system: an output depends on three inputs."""
    x = [0.0, *x, 0.0]
    return [(3.0 - 2.0 * b) * b - a - 2.0 * c + 1.0 for a, b, c in zip(x, x[1:], x[2:])]


def squares(m: Any, x: Any) -> Any:
    """The sum of squares of that system; its Hessian has five diagonals."""
    return sum([r * r for r in tridiagonal(m, x)])


def pairs(m: Any, x: Any) -> Any:
    """Extended Rosenbrock: the variables are coupled in pairs only."""
    return sum([100.0 * (b - a * a) ** 2 + (1.0 - a) ** 2 for a, b in zip(x[::2], x[1::2])])


# The same with arrays, where that is natural: for HIPS autograd, which is made for arrays


def rosenbrock_of_array(x: Any) -> Any:
    return anp.sum(100.0 * (x[1:] - x[:-1] * x[:-1]) ** 2 + (1.0 - x[:-1]) ** 2)


def mlp_loss_of_arrays(parameters: Any) -> Any:
    rows, biases, rows2, biases2, weights, bias = parameters
    hidden = anp.tanh(anp.tanh(anp.array(POINTS) @ rows.T + biases) @ rows2.T + biases2)
    return anp.mean((hidden @ weights + bias - anp.array(LABELS)) ** 2)


def log_likelihood_of_arrays(x: Any) -> Any:
    t = anp.array(TIMES)
    rate = x[0] + x[1] * t + x[2] * (t * t)
    return anp.sum(anp.array(COUNTS) * rate - anp.exp(rate))


def net_of_array(x: Any, outputs: int, hidden: int = 10) -> Any:
    return np.array(matrix(outputs, hidden)) @ anp.tanh(np.array(matrix(hidden, len(x))) @ x)


def apart_of_array(x: Any, outputs: int) -> Any:
    return anp.tanh(np.array(matrix(outputs, len(x))) @ x)


def tridiagonal_of_array(x: Any, outputs: int = 0) -> Any:
    a, c = anp.concatenate([[0.0], x[:-1]]), anp.concatenate([x[1:], [0.0]])
    return (3.0 - 2.0 * x) * x - a - 2.0 * c + 1.0


@cache
def matrix(rows: int, columns: int) -> list[list[float]]:
    rng = random.Random(rows * 1000 + columns)
    return [[rng.uniform(-1, 1) / columns for _ in range(columns)] for _ in range(rows)]


def vector(n: int) -> list[float]:
    rng = random.Random(n)
    return [rng.uniform(-1.5, 1.5) for _ in range(n)]


POINTS, LABELS = matrix(20, 2), vector(20)
TIMES, COUNTS = vector(1000), [float(i % 7) for i in range(1000)]
PARAMETERS = [matrix(8, 2), vector(8), matrix(8, 8), vector(8), vector(8), [0.25]]
OPTION = [100.0, 95.0, 0.03, 0.2, 0.75]


class Problem(NamedTuple):
    f: Callable[..., Any]
    x: Any
    of_arrays: Callable[..., Any] | None = None


FIRST = {
    "Rosenbrock, n = 100": Problem(rosenbrock, vector(100), rosenbrock_of_array),
    "MLP loss, 105 parameters, 20 rows": Problem(mlp_loss, PARAMETERS, mlp_loss_of_arrays),
    "Black-Scholes price, n = 5": Problem(black_scholes, OPTION),
    "log-likelihood, 1000 terms, n = 3": Problem(
        log_likelihood, [0.3, 0.2, -0.1], log_likelihood_of_arrays
    ),
}


CONTESTANTS = ("autograd_lite", "HIPS autograd, scalar", "HIPS autograd, arrays", "ad")


def mapped(make: Callable[[Any], Any], x: Any) -> Any:
    return [mapped(make, item) for item in x] if isinstance(x, list) else make(x)


def flat(x: Any) -> list[Any]:
    if isinstance(x, (list, tuple)) or np.ndim(x):
        return [number for item in x for number in flat(item)]
    return [x]


def arrays(x: Any) -> Any:
    """The argument as HIPS autograd takes it best: an array, or a list of arrays."""
    return anp.array(x) if isinstance(x[0], float) else [anp.array(item) for item in x]


def gradients(problem: Problem) -> dict[str, Callable[[], tuple[Any, Any]]]:
    """The contestants: value and gradient."""
    f, x, of_arrays = problem
    found = {
        "autograd_lite": partial(lite.value_and_grad(partial(f, lite)), x),
        "HIPS autograd, scalar": partial(hips.value_and_grad(partial(f, HIPS)), x),
    }
    if of_arrays:
        found["HIPS autograd, arrays"] = partial(hips.value_and_grad(of_arrays), arrays(x))
    if ad:
        def of_ad() -> Any:
            y = f(ad.admath, xs := mapped(ad.adnumber, x))
            return y.x, y.gradient(flat(xs))

        found["ad"] = of_ad
    return found


def evaluations(problem: Problem) -> dict[str, Callable[[], Any]]:
    """The function itself, on floats with the functions of math, and on Values made before."""
    f, x, _ = problem
    return {
        "on floats": partial(f, FLOATS, x),
        "on Values": partial(f, lite, mapped(Value, x)),
    }


JACOBIANS = {
    "shared layer, 10 by 10": (net, net_of_array, 10, 10),
    "shared layer, 100 by 10": (net, net_of_array, 100, 10),
    "shared layer, 10 by 100": (net, net_of_array, 10, 100),
    "shared layer, 100 by 100": (net, net_of_array, 100, 100),
    "rows apart, 10 by 10": (apart, apart_of_array, 10, 10),
    "rows apart, 100 by 10": (apart, apart_of_array, 100, 10),
    "rows apart, 10 by 100": (apart, apart_of_array, 10, 100),
    "rows apart, 100 by 100": (apart, apart_of_array, 100, 100),
    "Broyden tridiagonal, 10 by 10": (tridiagonal, tridiagonal_of_array, 10, 10),
    "Broyden tridiagonal, 100 by 100": (tridiagonal, tridiagonal_of_array, 100, 100),
}


def jacobians(name: str) -> dict[str, Callable[[], Any]]:
    """The contestants, and a backward() for each output, on one graph made before or made anew."""
    f, of_arrays, m, n = JACOBIANS[name]
    x = vector(n)
    inputs = mapped(Value, x)
    outputs = f(lite, inputs, m)
    found = {
        "autograd_lite": partial(lite.jacobian(partial(f, lite, outputs=m)), x),
        "sweeps": partial(sweeps, inputs, outputs),
        "record and sweeps": lambda: sweeps(xs := mapped(Value, x), f(lite, xs, m)),
        "HIPS autograd, scalar": partial(
            hips.jacobian(lambda x: anp.array(f(HIPS, [*x], m))), anp.array(x)
        ),
        "HIPS autograd, arrays": partial(
            hips.jacobian(partial(of_arrays, outputs=m)), anp.array(x)
        ),
    }
    if ad and (n == 10 or f is tridiagonal):  # it finds all second derivatives too: minutes
        found["ad"] = lambda: ad.jacobian(f(ad.admath, xs := ad.adnumber(x), m), xs)
    return found


def sweeps(inputs: list[Value], outputs: list[Value]) -> list[list[float]]:
    rows = []
    for y in outputs:
        for x in inputs:
            x.grad = 0.0
        y.backward()
        rows.append([x.grad for x in inputs])
    return rows


HESSIANS = (5, 20, 100)


def hessians(n: int) -> dict[str, Callable[[], Any]]:
    """The contestants on Rosenbrock's function, and n differences of its gradient."""
    x = vector(n)
    of_lite = partial(rosenbrock, lite)
    found = {
        "autograd_lite": partial(lite.hessian(of_lite), x),
        "first call": partial(anew, partial(lite.hessian(of_lite), x)),
        "differences": partial(differences, lite.grad(of_lite), x),
        "hvp": partial(lite.hvp(of_lite), x, vector(n)),
        "first call of hvp": partial(anew, partial(lite.hvp(of_lite), x, vector(n))),
        "gradient": partial(lite.grad(of_lite), x),
        "HIPS autograd, scalar": partial(hips.hessian(partial(rosenbrock, HIPS)), anp.array(x)),
        "HIPS autograd, arrays": partial(hips.hessian(rosenbrock_of_array), anp.array(x)),
    }
    if ad:
        found["ad"] = lambda: rosenbrock(ad.admath, xs := ad.adnumber(x)).hessian(xs)
    return found


def anew(function: Callable[[], Any]) -> Any:
    """A call that finds no program of the gradient from a call before."""
    gradient_program.clear()
    return function()


def differences(gradient: Callable[..., Any], x: list[float], step: float = 1e-6) -> Any:
    """The Hessian by forward differences: a gradient here, and one for each input."""
    here, rows = gradient(x), []
    for i in range(len(x)):
        beside = gradient([*x[:i], x[i] + step, *x[i + 1 :]])
        rows.append([(b - a) / step for a, b in zip(here, beside)])
    return rows


SPARSE = {
    "Jacobian, Broyden tridiagonal": (lite.jacobian, tridiagonal),
    "Hessian, squares of Broyden tridiagonal": (lite.hessian, squares),
    "Hessian, chained Rosenbrock": (lite.hessian, rosenbrock),
    "Hessian, extended Rosenbrock": (lite.hessian, pairs),
}


def sparse_and_dense(name: str, n: int = 1000) -> dict[str, Callable[[], Any]]:
    transform, f = SPARSE[name]
    return {
        "sparse": partial(transform(partial(f, lite), sparse=True), vector(n)),
        "dense": partial(transform(partial(f, lite)), vector(n)),
    }


@contextmanager
def counted_sweeps() -> Iterator[list[str]]:
    """The names of the sweeps over the derivative at a point, as they are called."""
    found: list[str] = []

    def noting(name: str) -> Callable[..., Any]:
        plain = getattr(Linear, name)

        def sweep(self: Linear, weights: Any) -> Any:
            found.append(name)
            return plain(self, weights)

        return sweep

    with patch.object(Linear, "push", noting("push")), patch.object(Linear, "pull", noting("pull")):
        yield found


def count_of_sweeps(function: Callable[[], Any]) -> int:
    """Of a second call: the first one of a Hessian sweeps once more, for the program."""
    function()
    with counted_sweeps() as found:
        function()
    return len(found)


def logistic(x: Any, i: int, a: Any) -> Any:
    return a * x * (1.0 - x)


def recurrence(times: int, kept: bool) -> tuple[float, float]:
    """The logistic map, and the derivative of its last number by the parameter; stable, since at
    this parameter the map has a cycle of length 2."""
    a, x = Value(3.2), Value(0.3)
    if kept:
        y: Any = x
        for i in range(times):
            y = logistic(y, i, a)
    else:
        y = lite.iterate(logistic, x, times, a)
    y.backward()
    return y.data, a.grad


def peak(function: Callable[[], Any]) -> int:
    """The most bytes that were allocated at a time, beyond those before."""
    gc.collect()
    tracemalloc.start()
    try:
        function()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("problem", FIRST.values(), ids=FIRST)
def test_contestants_compute_the_same_gradient(problem):
    found = {name: [*map(float, flat(call()))] for name, call in gradients(problem).items()}
    for numbers in found.values():
        assert numbers == pytest.approx(found["HIPS autograd, scalar"], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", JACOBIANS)
def test_contestants_compute_the_same_jacobian(name):
    found = {contestant: flat(call()) for contestant, call in jacobians(name).items()}
    for numbers in found.values():
        assert numbers == pytest.approx(found["HIPS autograd, scalar"], rel=1e-9, abs=1e-12)


def test_contestants_compute_the_same_hessian():
    calls = hessians(5)
    expected = flat(calls["HIPS autograd, scalar"]())
    for name in ("autograd_lite", "first call", "HIPS autograd, arrays", *(["ad"] if ad else [])):
        assert flat(calls[name]()) == pytest.approx(expected, rel=1e-9, abs=1e-9)
    assert flat(calls["differences"]()) == pytest.approx(expected, rel=1e-3, abs=1e-1)


@pytest.mark.parametrize("name", SPARSE)
def test_sparse_is_dense(name):
    calls = sparse_and_dense(name, 20)
    assert flat(calls["sparse"]().toarray()) == pytest.approx(flat(calls["dense"]()), rel=1e-12)


def test_iterate_is_a_loop():
    assert recurrence(1000, False) == pytest.approx(recurrence(1000, True), rel=1e-9)


@pytest.mark.parametrize("contestant", CONTESTANTS)
@pytest.mark.parametrize("problem", FIRST.values(), ids=FIRST)
def test_value_and_grad(benchmark, problem, contestant):
    _run(benchmark, gradients(problem), contestant)


@pytest.mark.parametrize("kind", ["on floats", "on Values"])
@pytest.mark.parametrize("problem", FIRST.values(), ids=FIRST)
def test_evaluation(benchmark, problem, kind):
    _run(benchmark, evaluations(problem), kind)


@pytest.mark.parametrize(
    "contestant",
    ["autograd_lite", "sweeps", "record and sweeps", "HIPS autograd, arrays", "ad"],
)
@pytest.mark.parametrize("name", JACOBIANS)
def test_jacobian(benchmark, name, contestant):
    _run(benchmark, jacobians(name), contestant)


@pytest.mark.parametrize("contestant", [name for name in hessians(5) if "scalar" not in name])
@pytest.mark.parametrize("n", HESSIANS)
def test_hessian(benchmark, n, contestant):
    _run(benchmark, hessians(n), contestant)


@pytest.mark.parametrize("kind", ["sparse", "dense"])
@pytest.mark.parametrize("name", SPARSE)
def test_sparse(benchmark, name, kind):
    _run(benchmark, sparse_and_dense(name, 200), kind)


@pytest.mark.parametrize("kept", [True, False], ids=["graph_kept", "iterate"])
def test_recurrence(benchmark, kept):
    _run(benchmark, {"loop": partial(recurrence, 10_000, kept)}, "loop")
    benchmark.extra_info["peak bytes"] = peak(partial(recurrence, 10_000, kept))


def test_control(benchmark):
    benchmark.pedantic(control, rounds=10)


def _run(benchmark: Any, calls: dict[str, Callable[[], Any]], name: str) -> None:
    if name == "ad" and ad is None:
        pytest.skip("the peer ad is not installed: pip install ad")
    if name == "ad" and name not in calls:
        pytest.skip("ad finds all second derivatives, too, which takes minutes at this size")
    if name == "HIPS autograd, arrays" and name not in calls:
        pytest.skip("this problem is of numbers only: there is no form of it in arrays to measure")
    benchmark.pedantic(calls[name], setup=collect, rounds=5, warmup_rounds=1)
