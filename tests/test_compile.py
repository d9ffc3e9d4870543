"""Compiled functions hold what the eager ones promise: rows, semantics, structures, errors."""

from __future__ import annotations

import asyncio
import bisect
import copy
import dataclasses
import functools
import importlib.util
import itertools
import math
import pickle
import random
import sys
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import pytest
from executors import needs_llvm
from oracles import VALUE_TERMS

import autograd_lite as ag
from autograd_lite import Value
from autograd_lite.engine import apply
from autograd_lite.ops import TABLE
from autograd_lite.structure import Structure

np = pytest.importorskip("numpy")
inf, nan = math.inf, math.nan


class Executor(NamedTuple):
    """One way in which a compiled function may be run."""

    backend: str
    mode: str
    batched: bool

    def __str__(self):
        return f"{self.backend}-{self.mode}-{'map' if self.batched else 'point'}"

    def __call__(self, f, points):
        """For each point the value and the gradient, as a flat list."""
        n = len(points[0])
        g = ag.compile(f, argnums=(*range(n),), backend=self.backend, mode=self.mode)
        if self.batched:
            y, slopes = g.value_and_grad.map(*map(np.array, zip(*points)))
            return np.array([y, *slopes]).T.tolist()
        return [[y, *slopes] for y, slopes in (g.value_and_grad(*p) for p in points)]


EXECUTORS = [
    pytest.param(found, id=str(found), marks=needs_llvm if found.backend == "llvm" else ())
    for found in itertools.starmap(
        Executor, itertools.product(("python", "numpy", "llvm"), ("fast", "strict"), (False, True))
    )
    if found.backend != "numpy" or (found.batched and found.mode == "fast")
]
every_executor = pytest.mark.parametrize("run", EXECUTORS)
BACKENDS = ["python", "numpy", pytest.param("llvm", marks=needs_llvm)]


def same(a, b):
    return a == b or (a != a and b != b)


def flat(x):
    return Structure(x, "x", "flat").numbers


def eager(f, point):
    y, slopes = ag.value_and_grad(f, (*range(len(point)),))(*point)
    return [y, *slopes]


# Every row of the table

EDGES = (0.0, -0.0, 1.0, -2.5, 0.5, 3.0, 710.0, -746.0, 5e-324, -2e-310, 1e-300, -1e300, 1.7e308,
         inf, -inf, nan)  # fmt: skip


def points_of(row):
    """The samples, and the edges: alone, in pairs, and in place of the numbers of a sample."""
    found = [*row.points()]
    if row.arity == 1:
        return found + [(x,) for x in EDGES]
    if row.arity == 2:
        return [*found, *itertools.product(EDGES, repeat=2)]
    short = [sample for sample in found if len(sample) <= 3]
    for sample in short:
        for i, x in itertools.product(range(len(sample)), EDGES):
            found.append((*sample[:i], x, *sample[i + 1 :]))
        found += [(x,) * len(sample) for x in EDGES]
    if row.arity == 3:
        found += [(x, y, 2.0) for x, y in itertools.product(EDGES, repeat=2)]
    return found


def fit(row, point, found, wanted):
    """Whether value and gradient are within rounding errors: 1e-12 of the largest term."""
    subnormal = row.quick and any(0.0 < abs(x) < 1e-290 for x in (*point, *wanted))
    if subnormal or (row.name == "pow" and point[0] == inf and 0.0 < point[1] < 1.0):
        found, wanted = found[:1], wanted[:1]  # quick slopes differ; the row's own there is nan
    terms = [abs(x) for x in point if math.isfinite(x)]
    largest = max(terms, default=0.0) if row.name in VALUE_TERMS else 0.0
    if row.name == "dot":
        largest = largest * largest
    if row.name == "binary_cross_entropy" and math.isfinite(point[1]):
        largest = 100.0 * abs(point[1])
    scales = [largest] + [1.0 if row.name in ("gelu", "silu") else 0.0] * len(point)
    return all(
        same(a, b) or abs(a - b) <= 1e-12 * max(abs(b), scale) + 5e-324
        for a, b, scale in zip(found, wanted, scales)
    )


@functools.cache
def rows_eagerly(name):
    """The points of a row by how many numbers they have, with value and gradient."""
    found: dict[int, dict] = {}
    for point in points_of(TABLE[name]):
        of_length = found.setdefault(len(point), {})
        of_length.setdefault(repr(point), (point, eager(row_as_function(TABLE[name]), point)))
    return [[*zip(*of_length.values())] for of_length in found.values()]


def row_as_function(row):
    return lambda *xs: apply(row, *xs)


@every_executor
@pytest.mark.parametrize("name", TABLE)
def test_rows(name, run):
    row = TABLE[name]
    for points, wanted in rows_eagerly(name):
        for point, a, b in zip(points, run(row_as_function(row), points), wanted, strict=True):
            if run.mode == "strict":
                assert all(map(same, a, b)), (point, a, b)
            else:
                assert fit(row, point, a, b), (point, a, b)


@pytest.mark.parametrize("run", [e for e in EXECUTORS if e.values[0].mode == "fast"])
@pytest.mark.parametrize("n", [0.5, -0.5, 1.5, -9, -8, -3, -2, -1, 0, 1, 2, 3, 5, 7, 8, 9])
def test_constant_powers(n, run):
    """In fast mode small powers are products."""
    points = [(x,) for x in (*EDGES, 1e40, -1e40, 1e-40, 0.1, -1e160, 1e-310)]
    for point, found in zip(points, run(lambda x: x**n, points), strict=True):
        wanted = eager(lambda x: x**n, point)
        if not (n == 0.5 and point[0] == inf):  # where the row has nan, and sqrt has 0
            assert found == pytest.approx(wanted, rel=1e-12, abs=1e-300, nan_ok=True), point


# The lines of the semantics: a function; at points what is its value, its slopes


def tie(x, y):
    return ag.maximum(x, y) - 3.0 * ag.minimum(x, y)


SEMANTICS = {
    "log": (ag.log, {0.0: (-inf, inf), -1.0: (nan, nan), inf: (inf, 0.0)}),
    "log1p": (ag.log1p, {-1.0: (-inf, inf), -2.0: (nan, nan)}),
    "sqrt": (ag.sqrt, {-1.0: (nan, nan), 0.0: (0.0, inf)}),
    "exp": (ag.exp, {1000.0: (inf, inf), -1000.0: (0.0, 0.0)}),
    "sinh": (ag.sinh, {-1000.0: (-inf, inf)}),
    "arctanh": (ag.arctanh, {1.0: (inf, inf), -2.0: (nan, nan)}),
    "arcsin": (ag.arcsin, {2.0: (nan, nan)}),
    "arccosh": (ag.arccosh, {0.5: (nan, nan)}),
    "tan": (ag.tan, {inf: (nan, nan)}),
    "1/x": (lambda x: 1 / x, {0.0: (inf, -inf), inf: (0.0, 0.0)}),
    "1/-0": (lambda x: 1 / x, {-0.0: (-inf, -inf)}),
    "x/0": (lambda x: x / 0, {1.0: (inf, inf), 0.0: (nan, inf), -1.0: (-inf, inf)}),
    "reciprocal": (ag.reciprocal, {0.0: (inf, -inf)}),
    "nan": (lambda x: ag.relu(x) + abs(x) + ag.clip(x, 0, 1) + ag.sign(x) + ag.floor(x),
            {nan: (nan, nan)}),
    "floor": (lambda x: ag.floor(x) + ag.ceil(x) + ag.round(x) + ag.trunc(x),
              {inf: (inf, 0.0), -inf: (-inf, 0.0), 2.0: (8.0, 0.0), 2.5: (9.0, 0.0)}),
    "kinks": (lambda x: ag.relu(x) + abs(x) + ag.sign(x), {0.0: (0.0, 0.0)}),
    "ties": (tie, {(2.0, 2.0): (-4.0, -1.0, -1.0), (inf, inf): (nan, -1.0, -1.0),
                   (1.0, 2.0): (-1.0, -3.0, 1.0), (nan, 1.0): (nan, nan, nan),
                   (1.0, nan): (nan, nan, nan)}),
    "clip": (lambda x: ag.clip(x, -1.0, 2.0),
             {3.0: (2.0, 0.0), -5.0: (-1.0, 0.0), 0.5: (0.5, 1.0), -inf: (-1.0, 0.0)}),
    "max": (lambda x, y: max(x, y) * 2.0,
            {(1.0, 1.0): (2.0, 2.0, 0.0), (1.0, 3.0): (6.0, 0.0, 2.0)}),
    "x**0": (lambda x: x**0, dict.fromkeys((0.0, 3.0, -2.0, 1e-320, inf), (1.0, 0.0))),
    "x**1": (lambda x: x**1, {0.0: (0.0, 1.0)}),
    "x**2": (lambda x: x**2, {0.0: (0.0, 0.0), -inf: (inf, -inf)}),
    "x**3.5": (lambda x: x**3.5, {0.0: (0.0, 0.0)}),
    "x**0.5": (lambda x: x**0.5, {0.0: (0.0, inf), 4.0: (2.0, 0.25)}),
    "(-0)**0.5": (lambda x: x**0.5, {-0.0: (0.0, inf)}),
    "x**-1": (lambda x: x**-1, {0.0: (inf, -inf)}),
    "(-0)**-1": (lambda x: x**-1, {-0.0: (-inf, -inf)}),
    "x**-2": (lambda x: x**-2, {0.0: (inf, -inf)}),
    "x**-3": (lambda x: x**-3, {-0.0: (-inf, -inf), 2.0: (0.125, -0.1875)}),
    "x**-0.5": (lambda x: x**-0.5, {0.0: (inf, -inf)}),
    "x**y": (lambda x, y: x**y,
             {(0.0, 2.0): (0.0, 0.0, 0.0), (0.0, 0.0): (1.0, 0.0, 0.0), (-2.0, 3.0): (-8.0, 12.0, nan),
              (3.0, 0.0): (1.0, 0.0, math.log(3.0)), (-2.0, 0.5): (nan, nan, nan)}),
    "x%y": (lambda x, y: x % y, {(7.5, 2.0): (1.5, 1.0, -3.0), (-7.5, 2.0): (0.5, 1.0, 4.0)}),
    "x//y": (lambda x, y: x // y, {(7.5, 2.0): (3.0, 0.0, 0.0)}),
    "where": (lambda x: ag.where(x > 0, x.log(), 0.0) + ag.where(x < 0, (-x).sqrt(), 0.0),
              {-1.0: (1.0, -0.5), 1.0: (0.0, 1.0), 0.0: (0.0, 0.0)}),
    "x*sqrt(x)": (lambda x: x * x.sqrt(), {0.0: (0.0, 0.0), 4.0: (8.0, 3.0)}),
    "times 0": (lambda x: x * x.sqrt() * 0.0, {0.0: (0.0, 0.0)}),
    "sqrt(x*x)": (lambda x: (x * x).sqrt(), {0.0: (0.0, nan), -3.0: (3.0, -1.0)}),
    "hypot": (ag.hypot, {(0.0, 0.0): (0.0, 0.0, 0.0), (3.0, 4.0): (5.0, 0.6, 0.8)}),
    "arctan2": (ag.arctan2, {(0.0, 0.0): (0.0, nan, nan)}),
    "sigmoid": (ag.sigmoid, {-inf: (0.0, 0.0), -1e308: (0.0, 0.0), 0.0: (0.5, 0.25), 1e5: (1.0, 0.0),
                             inf: (1.0, 0.0)}),
    "tanh": (ag.tanh, {-inf: (-1.0, 0.0), -1e308: (-1.0, 0.0), 1e5: (1.0, 0.0), 5e-324: (5e-324, 1.0)}),
    "softplus": (ag.softplus, {-inf: (0.0, 0.0), -1e308: (0.0, 0.0), 1e5: (1e5, 1.0), inf: (inf, 1.0),
                               1e308: (1e308, 1.0)}),
    "logsumexp": (lambda x, y: ag.logsumexp([x, y]),
                  {(1000.0, -1000.0): (1000.0, 1.0, 0.0), (-1e308, -1e308): (-1e308, 0.5, 0.5),
                   (1e308, 0.0): (1e308, 1.0, 0.0)}),
    "softmax": (lambda x, y: ag.softmax([x, y])[0],
                {(1e308, 1e308): (0.5, 0.25, -0.25), (-750.0, -750.0): (0.5, 0.25, -0.25),
                 (-1e308, 1e308): (0.0, 0.0, 0.0), (5e-324, 0.0): (0.5, 0.25, -0.25)}),
}  # fmt: skip


@every_executor
@pytest.mark.parametrize("line", SEMANTICS)
def test_semantics(line, run):
    f, expected = SEMANTICS[line]
    points = [x if isinstance(x, tuple) else (x,) for x in expected]
    for point, found, wanted in zip(points, run(f, points), expected.values(), strict=True):
        assert found == pytest.approx(wanted, rel=1e-14, abs=0, nan_ok=True), point


# Structures of arguments and results


@dataclasses.dataclass
class Pair:
    a: float
    b: list


class Named(NamedTuple):
    a: float
    b: float


def squares(x):
    """2 + the sum of the squares of all numbers in x."""
    if isinstance(x, dict):
        x = [*x.values()]
    elif dataclasses.is_dataclass(x):
        x = [x.a, *x.b]
    if isinstance(x, np.ndarray):
        x = x.ravel().tolist()
    if isinstance(x, (list, tuple)):
        return 2.0 + sum(squares(v) for v in x)
    return x * x


STRUCTURES = {
    "float": 3.0, "int": 3, "NumPy's": np.float64(2.5), "list": [1.0, 2.0], "tuple": (1.0, -2.0),
    "named tuple": Named(1.0, 2.0), "dict": {"a": 1.0, "b": [2.0, 3.0]},
    "dataclass": Pair(1.0, [2.0, 3.0]), "array": np.array([1.0, 2.0, 3.0]),
    "matrix": np.array([[1.0, 2.0], [3.0, 4.0]]), "array of ints": np.array([1, 2]),
    "float32": np.array([0.5, 2.0], "f4"), "a column": np.arange(6.0).reshape(3, 2)[:, 1],
    "without dimensions": np.array(2.0), "empty list": [], "empty array": np.zeros(0),
    "nested": [(1.0, {"k": np.array([1.0, 2.0])}), 3],
}  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("x", STRUCTURES.values(), ids=STRUCTURES)
def test_structures(x, backend):
    g = ag.compile(squares, backend=backend)
    for _ in range(3):  # the second time by a shorter way
        assert g(x) == squares(x)
        for kind in ("grad", "value_and_grad", "jacobian", "hessian"):
            found, wanted = getattr(g, kind)(x), getattr(ag, kind)(squares)(x)
            assert repr(found) == repr(wanted), kind
    identity = ag.compile(lambda x: x, backend=backend)
    assert repr(identity.jacobian(x)) == repr(ag.jacobian(lambda x: x)(x))
    assert type(identity(x)) is (float if isinstance(x, (int, float)) else type(x))


def test_all_derivatives():
    def f(x, y):
        return x**3 * y + ag.sin(x * y)

    for argnums in (0, 1, -1, (0, 1), (1, 0), ()):
        g = ag.compile(f, argnums=argnums)
        for kind in ("grad", "value_and_grad", "jacobian", "hessian"):
            found, wanted = getattr(g, kind)(2.0, 0.3), getattr(ag, kind)(f, argnums)(2.0, 0.3)
            assert flat(found) == pytest.approx(flat(wanted), rel=1e-14)
    g = ag.compile(f, argnums=(0, 1))
    value, slopes, bends = g.value_grad_hessian(2.0, 0.3)
    assert (value, slopes) == g.value_and_grad(2.0, 0.3)
    assert bends == g.hessian(2.0, 0.3)
    assert g.hvp(2.0, 0.3, (1.0, -2.0)) == pytest.approx(ag.hvp(f, (0, 1))(2.0, 0.3, (1.0, -2.0)))


# Arguments, and what a function uses from outside


def test_named_arguments_and_defaults():
    g = ag.compile(lambda x, y=5.0, *, k=2.0: x * y - k)
    assert (g(2.0), g(2.0, 3.0), g(2.0, k=1.0), g(2.0, k=3.0, y=1.0)) == (8.0, 4.0, 9.0, -1.0)
    assert g(2.0, y=1.0, k=3.0) == -1.0
    assert g.value_and_grad(2.0, k=3.0) == (7.0, 5.0)


@pytest.mark.parametrize("static", [1, "n", -1, (1,), ["n"]])
def test_static_by_place_and_by_name(static):
    def f(x, n):
        return x * sum([1.0] * n)

    g = ag.compile(f, static=static)
    assert (g(2.0, 3), g(2.0, n=4), g.grad(2.0, 3)) == (6.0, 8.0, 3.0)
    assert g.paths().count("# path") == 2


def test_constants_are_told_apart_by_their_type():
    g = ag.compile(lambda x, how: x * 2 if how is True else x * 3 if how == 1 else x, static=1)
    assert [g(1.0, how) for how in (True, 1, 1.0, 0.0, -0.0, nan, None, "a")] == [2, 3, 3] + [1] * 5


def test_an_int_is_a_float():
    g = ag.compile(lambda x, n: x**n)
    assert (g(2, 3), g(2.0, 4.0), g.grad(2, 3)) == (8.0, 16.0, 12.0)
    assert g.paths().count("# path") == 1


def test_values_from_outside():
    w = Value(3.0, label="w")
    g = ag.compile(lambda x: x * w)
    assert g.value_and_grad(2.0) == (6.0, 3.0)
    w.data = 5.0
    assert g.value_and_grad(2.0) == (10.0, 5.0)
    assert g.map([1.0, 2.0]).tolist() == [5.0, 10.0]
    assert "inputs x, w" in g.paths()
    y = g(Value(2.0))
    y.backward()
    assert (y.data, w.grad) == (10.0, 2.0)


def test_numbers_from_outside_are_constants():
    numbers = {"k": 2.0}
    g = ag.compile(lambda x: x * numbers["k"])
    assert g(1.0) == 2.0
    numbers["k"] = 3.0
    assert g(1.0) == 2.0


def test_compiled_inside_of_others():
    cube = ag.compile(lambda x: x**3 if x > 0 else -x)
    assert [ag.grad(cube)(x) for x in (2.0, -1.0)] == [12.0, -1.0]
    assert ag.grad(cube.grad)(2.0) == ag.hessian(cube)(2.0) == 12.0
    outer = ag.compile(lambda x: cube(x) * x + cube.grad(x))
    assert [outer.value_and_grad(x) for x in (2.0, -1.0)] == [(28.0, 44.0), (-2.0, -2.0 + 4.0)]
    assert cube(Value(2.0)).op.name == "pow"


def test_modes_around():
    g = ag.compile(lambda x: ag.log(x))
    with ag.no_grad():
        assert g.value_and_grad(2.0) == (math.log(2.0), 0.5)
        assert g(Value(2.0)).args == ()
    for h in (g, g.grad, ag.compile(lambda x: ag.log(x))):
        with ag.detect_anomaly(), pytest.raises(ag.AnomalyError, match=r"test_compile\.py"):
            h(0.0)
    assert g(0.0) == -inf


def test_texts():
    def f(x):
        return ag.exp(x) * 2.0 if x > 1.0 else x

    g = ag.compile(f)
    assert "call the function first" in g.source()
    g(2.0), g(0.0)
    line = f.__code__.co_firstlineno + 1
    assert f"# guard at test_compile.py:{line}: return ag.exp(x)" in g.paths()
    assert g.paths().count("# path") == 2
    assert "v1 = x > 1" in g.paths()
    assert "exp" in g.source()
    assert "def " in g.source("python")
    assert repr(g) == "<compile(f)>"
    assert repr(g.grad) == "<compile(f).grad>"
    assert g.__wrapped__ is f


@needs_llvm
def test_the_text_of_machine_code():
    g = ag.compile(lambda x: x * 2.0)
    g(1.0)
    assert "define" in g.source("llvm")


# Errors


@pytest.mark.parametrize(("error", "message", "settings"), [
    (ValueError, r"backend = 'cuda'; use one of python, numpy, llvm", {"backend": "cuda"}),
    (ValueError, r"mode = 'quick'; use 'fast' or 'strict'", {"mode": "quick"}),
    (ValueError, r"strict use 'python' or 'llvm'", {"mode": "strict", "backend": "numpy"}),
    (TypeError, r"argnums must be whole numbers, one or a tuple, not 'x'", {"argnums": "x"}),
    (TypeError, r"argnums must be whole numbers.* not True", {"argnums": True}),
    (ValueError, r"argnums=\(0, 0\) names an argument twice", {"argnums": (0, 0)}),
    (ValueError, r"static = 'm', but the arguments of f are: x, n", {"static": "m"}),
    (ValueError, r"static = 2, but the arguments of f are: x, n", {"static": 2}),
    (TypeError, r"static must be places or names, not 1.5", {"static": 1.5}),
    (ValueError, r"max_paths must be a whole number >= 0, not -1", {"max_paths": -1}),
])  # fmt: skip
def test_wrong_settings(error, message, settings):
    with pytest.raises(error, match="compile: .*" + message):
        ag.compile(lambda x, n: x * n, **settings)


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"compile: it takes a function, not int 3"):
        ag.compile(3)
    f = ag.compile(lambda x, n=1.0: x, static=1)
    with pytest.raises(TypeError, match=r"args\[1\] = \[1\] cannot be hashed; give a tuple"):
        f(1.0, [1])
    with pytest.raises(TypeError, match=r"args\[0\] must be .* not object <.*; static= names"):
        f(object())
    with pytest.raises(TypeError, match=r"x must be .* not complex 1j; static= names"):
        f(x=1j)
    with pytest.raises(TypeError, match="takes from 1 to 2 positional arguments"):
        f(1.0, 2.0, 3.0)
    with pytest.raises(ValueError, match="source: backend = 'cuda'; use one of"):
        f.source("cuda")
    for args in ((), ("a",)):
        with pytest.raises(
            TypeError, match=r"compile: argnums=0, but .*f was called with 0|args\[0\]"
        ):
            ag.compile(lambda x=1.0: 1.0).grad(*args)
    with pytest.raises(TypeError, match=r"argnums=1, but f was called with 1 arguments"):
        ag.compile(lambda x: x, argnums=1).grad(1.0)
    for run in (lambda g: g.grad(1.0, 2.0), lambda g: g.grad.map([1.0], 2.0)):
        with pytest.raises(TypeError, match=r"argnums=1, but args\[1\] = 2.0 is static"):
            run(ag.compile(lambda x, n: x * n, argnums=1, static=1))


@pytest.mark.parametrize(("result", "message"), [
    (lambda x: None, r"named returned None; does it end with a return\?"),
    (lambda x: "a", r"the result of named must be a real number, not str 'a'; f must return a num"),
    (lambda x: [x, None], r"the result of named\[1\] must be a real number, not NoneType None"),
])  # fmt: skip
def test_wrong_results(result, message):
    def named(x):
        return result(x)

    for run in (lambda g: g(1.0), lambda g: g.grad(1.0), lambda g: g.map([1.0])):
        with pytest.raises(TypeError, match=message):
            run(ag.compile(named))


def test_a_gradient_is_of_one_number():
    g = ag.compile(lambda x: [x, x])
    for run in (g.grad, g.hessian, g.value_grad_hessian, lambda x: g.hvp(x, 1.0),
                lambda x: g.grad.map([x])):  # fmt: skip
        with pytest.raises(
            TypeError, match=r"must return one number.* list of 2; jacobian has the"
        ):
            run(1.0)
    assert g.jacobian(1.0) == [1.0, 1.0]


def sine(x):
    return math.sin(x)


def to_int(x):
    return x * int(x)


def into_an_array(x):
    np.zeros(2)[0] = x
    return x


def sine_of_data(x):
    return x * math.sin(x.data)


def count_of_data(x):
    return sum(x for _ in range(int(x.data)))


@pytest.mark.parametrize(("f", "words"), [
    (sine, ("float(Value) would drop its gradient", "autograd_lite.sin")),
    (to_int, ("int(Value) would drop its gradient", "use .data")),
    (into_an_array, ("dtype=object",)),
    (sine_of_data, ("sine_of_data", "functions of autograd_lite instead of those of math")),
    (count_of_data, ("count_of_data", "int(Value)", "static=")),
])  # fmt: skip
def test_a_number_that_leaks_is_told_with_the_line(f, words):
    for run in (lambda g: g(1.0), lambda g: g.grad(1.0), lambda g: g.map([1.0])):
        with pytest.raises(TypeError) as caught:
            run(ag.compile(f))
        line = f.__code__.co_firstlineno + 1
        for word in (*words, f"test_compile.py:{line}: "):
            assert word in str(caught.value)


W = Value(7.0, label="w")


def backward_inside(x):
    y = x * x
    y.backward()
    return y


def data_set_inside(x):
    W.data = x.data
    return x * W


def own_data_set_inside(x):
    x.data = 3.0
    return x


@pytest.mark.parametrize(("f", "line", "words"), [
    (backward_inside, 2, r"calls backward\(\).*use grad\(f\) or gradient\(y, xs\)"),
    (data_set_inside, 1, r"sets the data of a Value that it did not make.*set it outside"),
    (own_data_set_inside, 1, r"sets the data of a Value that it did not make"),
])  # fmt: skip
def test_what_is_refused(f, line, words):
    line += f.__code__.co_firstlineno
    for run in (lambda g: g(1.0), lambda g: g.grad(1.0)):
        with pytest.raises(TypeError, match=rf"^compile: .*{words}.*test_compile.py:{line}: "):
            run(ag.compile(f))
    assert W.data == 7.0


# Inside of f


def agree(f, *points, runs="as a program", **settings):
    """Value and gradient as eager ones at each point, and the function was compiled."""
    g = ag.compile(f, **settings)
    for x in (*points, *points):
        found, wanted = g.value_and_grad(x), ag.value_and_grad(f)(x)
        assert flat(found) == pytest.approx(flat(wanted), rel=1e-13, abs=1e-300, nan_ok=True), x
    assert ("runs as it is" in g.paths()) is (runs == "as it is")
    return g


def data_set(x):
    z = Value(1.0)
    z.data = x.data * 2 + 1
    return x * z


def without_gradient(x):
    with ag.no_grad():
        y = x * x
    return x * y


@pytest.mark.parametrize("f", [
    lambda x: x * Value(x.data), lambda x: x * x.detach(), lambda x: x * ag.stop_gradient(x * x),
    lambda x: x * Value(x.data * 2 - 1), lambda x: x * (x * x).detach().data, data_set,
    without_gradient, lambda x: x * copy.deepcopy(x), lambda x: x * copy.copy(x),
    lambda x: x * copy.deepcopy([x * x, x])[0], lambda x: x * round(x.data),
    lambda x: x * math.floor(x.data), lambda x: x * x.data if x.data > 1 else x,
], ids=range(13))  # fmt: skip
def test_detached_is_not_frozen(f):
    agree(f, 2.0, 3.5, -1.25)


def test_a_pickle_would_be_frozen():
    with pytest.raises(TypeError, match="cannot be pickled while a function is traced; copy it"):
        ag.compile(lambda x: x * pickle.loads(pickle.dumps(x)))(2.0)


def in_a_thread(f):
    found = []
    thread = threading.Thread(target=lambda: found.append(f()))
    thread.start()
    thread.join()
    return found[0]


def in_a_pool(x):
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(lambda k: x * k, [1.0, 2.0]))


@pytest.mark.parametrize("f", [
    lambda x: x * in_a_thread(lambda: x * x), lambda x: x * in_a_thread(lambda: 2 if x > 1 else 3),
    lambda x: x * in_a_thread(lambda: x.data), lambda x: x * in_a_thread(lambda: bool(x)), in_a_pool,
], ids=range(5))  # fmt: skip
def test_threads_inside(f):
    with pytest.warns(UserWarning, match="runs as it is.*another thread"):
        agree(f, 2.0, 0.5, 0.0, runs="as it is")


def test_threads_beside():
    """Other threads may do what they want with Values from outside."""
    w = Value(2.0)

    def f(x):
        assert in_a_thread(lambda: w > 1.0 and w.data)
        return x * w

    agree(f, 1.0, 2.0)


def test_coroutines_inside():
    def f(x):
        async def square():
            await asyncio.sleep(0)
            return x * x if x > 0 else x

        return asyncio.run(square())

    agree(f, 2.0, -2.0)


def test_operations_of_the_users():
    softsign = ag.operation(
        "softsign_in_compile",
        value=lambda m, x: m.div(x, 1.0 + m.abs(x)),
        partials=lambda m, y, x: (m.div(1.0, m.square(1.0 + m.abs(x))),),
    )
    by_math = ag.operation(
        "sine_in_compile",
        value=lambda m, x: m.sin(x),
        partials=lambda m, y, x: (math.cos(x),),
    )
    for backend in (
        ("python", "numpy", "llvm") if importlib.util.find_spec("llvmlite") else ("python",)
    ):
        g = agree(lambda x: softsign(x) * x, 2.0, -3.0, backend=backend)
        assert g.hessian(2.0) == pytest.approx(2 / 27, rel=1e-13)
        assert g.map([2.0, -3.0]) == pytest.approx([4 / 3, 9 / 4])
        with pytest.warns(UserWarning, match="partials of sine_in_compile are not written with m"):
            agree(lambda x: by_math(x) * x, 2.0, -3.0, runs="as it is", backend=backend)


@pytest.mark.parametrize("f", [
    lambda x: ag.checkpoint(lambda y: y * y * y if y > 0 else y)(x) * x,
    lambda x: ag.iterate(lambda s, i, a: s * a + i, x, 5, x),
    lambda x: ag.grad(lambda y: y**3 * x)(x) * x,
    lambda x: ag.hessian(lambda y: y**3 * x)(x) * x,
    lambda x: ag.jacobian(lambda y: [y**3 * x, y])(x)[0] * x,
    lambda x: ag.gradient(x * x * x, [x])[0] * x,
], ids=["checkpoint", "iterate", "grad", "hessian", "jacobian", "gradient"])  # fmt: skip
def test_transforms_inside(f):
    agree(f, 2.0, 3.0, -1.5)


M = np.array([[1.0, 2.0, 0.3], [3.0, 4.0, -1.0]])


@pytest.mark.parametrize("f", [
    lambda x: np.sum(np.exp(x) * np.tanh(x)), lambda x: x @ x + np.dot(x, [1.0, 2.0, 3.0]),
    lambda x: np.sum(M @ x), lambda x: np.max(x) * np.min(x), lambda x: np.sum(np.maximum(x, 0.7)),
    lambda x: np.sort(x) @ np.array([1.0, 2.0, 3.0]), lambda x: x[np.argmax(x)] * 3.0,
    lambda x: x[np.argsort(x)[0]] * 3.0, lambda x: np.sum(np.where(x > 0, x * x, 3.0 * x)),
    lambda x: np.sum(x[x > 0] * 2), lambda x: np.sum((x > 0) * x), lambda x: np.mean(x) * np.var(x),
    lambda x: np.sum(x) if np.any(x > 1.5) else x[0] * x[1], lambda x: np.sum(x) * np.sum(x > 0),
    lambda x: np.sum(x) if np.all(x > -1.5) else x[0], lambda x: np.sum(np.clip(x, 0.0, 0.7)),
    lambda x: np.sum(x) * np.count_nonzero(x > 0), lambda x: np.prod(x) * np.cumsum(x)[1],
    lambda x: np.linalg.norm(x), lambda x: x[0] * np.searchsorted(np.array([0.0, 1.0]), x[0]),
    lambda x: np.sum(x) * len(np.unique(x)), lambda x: np.sum(ag.exp(x) * ag.where(x > 0, x, 2.0)),
    lambda x: np.sum(ag.where(~(x > 0) | (x > 1), x * x, -x)), lambda x: np.sum(ag.maximum(x, 0.7)),
], ids=range(24))  # fmt: skip
def test_numpy_inside(f):
    x = np.array([0.5, 2.0, -1.0])
    agree(f, x, -x, x[::-1].copy())


def recursive(x, n=0):
    return x if n > 5 else recursive(x * x if x < 1.1 else x / 2, n + 1)


def by_a_generator(x):
    def halves():
        y = x
        while y > 0.1:
            yield y
            y = y / 2

    return sum(halves()) + x


def by_an_exception(x):
    try:
        if x > 1:
            raise ValueError
        return x * x
    except ValueError:
        return x * 3


@pytest.mark.parametrize("f", [
    recursive, by_a_generator, by_an_exception, lambda x: {True: x * x, False: -x}[x > 0],
    lambda x: [x * x, -x][x > 0], lambda x: x * x if any(x > k for k in (1, 2)) else -x,
    lambda x: x * sum(x > k for k in (1, 2)), lambda x: x * [1.0, 2.0, 2.0].count(x),
    lambda x: x * 2 if x in [1.0, 2.0] else x, lambda x: x * bisect.bisect([1.0, 2.0], x),
    lambda x: divmod(x, 2)[0] * x + divmod(x, 0.7)[1], lambda x: round(x, 1) + round(x) * x,
    lambda x: ag.where((x > 1) | (x < 0) & (x != -1), x * x, -x),
    lambda x: x * 2 if 0 < x < 2 else x, lambda x: x * 2 if x and not x > 2 else x,
], ids=range(15))  # fmt: skip
def test_python_inside(f):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        agree(f, 2.0, 3.0, -1.5, 0.0, 0.9)


@pytest.mark.parametrize("draw", [lambda: random.random(), lambda: np.random.rand()])
def test_random_numbers_warn_once(draw):
    g = ag.compile(lambda x: x * draw() if x > 0 else draw() * x)
    told = pytest.warns(UserWarning, match=r"draws random numbers.*give them as arguments")
    with told as caught:
        assert {g(1.0), g(1.0), g(-1.0)} == {g(1.0), g(-1.0)}
    assert len(caught) == 1


def test_many_operations():
    def f(x):
        y = x
        for _ in range(50_000):
            y = y * 0.99999 + 0.00001
        return y

    g = ag.compile(f, backend="python")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert g(0.5) == pytest.approx(1 - 0.5 * 0.99999**50_000)
    assert g(0.75) == pytest.approx(1 - 0.25 * 0.99999**50_000)

    def deep(x):
        y = x
        for _ in range(3 * sys.getrecursionlimit()):
            y = ag.sin(y)
        return y

    agree(deep, 0.5, 1.0)
    wide = ag.compile(lambda xs: ag.sum([x * x for x in xs]))
    assert wide.grad([*range(5000)]) == [2.0 * k for k in range(5000)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_threads_that_call(backend):
    def f(x):
        return x * 2 if x > 0 else x * x if x < -1 else x * 3

    g = ag.compile(f, backend=backend)
    wanted = {x: ag.value_and_grad(f)(x) for x in (1.0, -0.5, -2.0, 3.0)}
    barrier = threading.Barrier(4)

    def call(x):
        barrier.wait()
        return all(g.value_and_grad(x) == wanted[x] for _ in range(200))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(call, wanted))
    assert g.paths().count("# path") == 3


@pytest.mark.parametrize("backend", [None, *BACKENDS])
def test_the_time_of_a_first_call(backend):
    """Only printed: pytest -s."""

    def f(x, y):
        for _ in range(25):
            x, y = x * y + 0.5, ag.tanh(y) - 0.1
        return x

    ag.compile(lambda x: x * x, backend=backend).grad(1.0)  # the import of llvmlite
    g = ag.compile(f, backend=backend)
    started = time.perf_counter()
    found = g.value_and_grad(0.3, 0.4)
    print(f"\n{backend}: {1000 * (time.perf_counter() - started):.1f} ms for 100 operations")
    assert found == pytest.approx(ag.value_and_grad(f)(0.3, 0.4), rel=1e-13)


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_runs_uncompiled_returns_plain_numbers(backend):
    w = ag.Value(3.0)
    f = ag.compile(lambda x: ag.sqrt(x) * w, backend=backend)
    for kind in ("grad", "value_and_grad", "hessian", "value_grad_hessian"):
        for x in (4.0, 0.0):  # at 0 second derivatives are found without a program
            found = getattr(f, kind)(x)
            assert {*map(type, found if isinstance(found, tuple) else [found])} == {float}
