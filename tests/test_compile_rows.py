"""Compiled functions over rows: what .map takes and gives, the executors, pickles.

The oracle is the eager function, row by row. Without NumPy the first class is what is left.
"""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections import namedtuple
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass

import pytest
from executors import needs_llvm, needs_numpy

import autograd_lite as ag
from autograd_lite import Value
from autograd_lite.structure import leaves, refilled

try:
    import numpy as np
except ImportError:
    np = None

SETTINGS = [
    pytest.param({"backend": "python"}, id="python"),
    pytest.param({"backend": "python", "mode": "strict"}, id="python-strict"),
    pytest.param({"backend": "numpy"}, id="numpy"),
    pytest.param({"backend": "llvm"}, id="llvm", marks=needs_llvm),
    pytest.param({"backend": "llvm", "mode": "strict"}, id="llvm-strict", marks=needs_llvm),
    pytest.param({}, id="default"),
]  # fmt: skip


@pytest.fixture(params=SETTINGS)
def make(request):
    """ag.compile with each backend and mode."""
    return lambda f, **options: ag.compile(f, **request.param, **options)


def both_and_hessian(f, argnums=0):
    def found(*args, **named):
        y, slopes = ag.value_and_grad(f, argnums)(*args, **named)
        return y, slopes, ag.hessian(f, argnums)(*args, **named)

    return found


EAGER = {"grad": ag.grad, "value_and_grad": ag.value_and_grad, "jacobian": ag.jacobian,
         "hessian": ag.hessian, "hvp": ag.hvp, "value_grad_hessian": both_and_hessian}  # fmt: skip


def flat(x):
    return [float(y) for leaf in leaves(x) for y in (np.ravel(leaf) if np is not None else [leaf])]


def row(x, i):
    """Row i of what .map takes or gives."""
    return refilled(x, iter([leaf[i] for leaf in leaves(x)]))


def same(found, wanted, rel=1e-13):
    """Whether two structures are alike, and their numbers."""
    ones, others = [*leaves(found)], [*leaves(wanted)]
    assert refilled(found, iter([0] * len(ones))) == refilled(wanted, iter([0] * len(others)))
    assert [np.shape(x) for x in ones] == [np.shape(x) for x in others]
    assert flat(found) == pytest.approx(flat(wanted), rel=rel, abs=1e-300, nan_ok=True)


def agrees(make, f, *args, kinds=("value", *EAGER), vector=None, argnums=0, **options):
    """Holds all kinds of map against eager code; args are arrays, or structures of these."""
    n = len(next(leaves(args[0])))
    g = make(f, argnums=argnums)
    before = [np.array(leaf) for leaf in leaves(args)]
    for kind in kinds:
        given = (*args, vector) if kind == "hvp" else args
        if kind == "hvp" and vector is None:
            continue
        if kind == "value":
            mapped, eager = g, lambda *xs, **named: ag.value_and_grad(f)(*xs, **named)[0]
        else:
            mapped, eager = getattr(g, kind), EAGER[kind](f, argnums)
        rows = [eager(*[row(x, i) for x in given], **options) for i in range(n)]
        found = mapped.map(*given, **options)
        for i in range(n):
            same(row(found, i), rows[i])
        total = mapped.map(*given, reduce="sum", **options)
        assert flat(total) == pytest.approx([math.fsum(xs) for xs in zip(*map(flat, rows))], rel=1e-12)
        mean = mapped.map(*given, reduce="mean", **options)
        assert flat(mean) == pytest.approx([x / n for x in flat(total)], rel=1e-15)
    for a, leaf in zip(before, leaves(args)):
        assert np.array_equal(a, leaf), "the caller's arrays changed"


def told(error):
    return " ".join([str(error), *getattr(error, "__notes__", [])])


@dataclass
class Point:
    x: float
    y: float


Pair = namedtuple("Pair", "a b")


class TestWithoutNumPy:
    """What also runs without it: lists of numbers, or of rows."""

    def test_lists(self):
        f = ag.compile(lambda x: x * 2.0 if x > 0.0 else x * 3.0, backend="python")
        assert [*f.map([1.0, -1.0, 2.0])] == [2.0, -3.0, 4.0]
        assert [*f.grad.map([1, -1, 2])] == [2.0, 3.0, 2.0]
        assert f.value_and_grad.map([1.0, -1.0, 2.0], reduce="sum") == (3.0, 7.0)
        assert f.map([1.0, -1.0], reduce="mean") == -0.5
        assert f.map([1.0, -1.0, 2.0], reduce="sum", chunk_rows=2) == 3.0
        assert [*f.map([1.0, -1.0, 2.0], chunk_rows=2)] == [2.0, -3.0, 4.0]
        assert [*f.map([])] == []
        assert f.value_and_grad.map([], reduce="sum") == (0.0, 0.0)

    def test_rows_that_are_lists(self):
        f = ag.compile(lambda xs, k: xs[0] * xs[1] * k)
        y, slopes = f.value_and_grad.map([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], 2.0, in_axes=(0, None))
        assert [*y] == [4.0, 24.0, 60.0]
        if np is None:
            assert [*map(list, slopes)] == [[4.0, 8.0, 12.0], [2.0, 6.0, 10.0]]
        else:
            assert slopes.tolist() == [[4.0, 2.0], [8.0, 6.0], [12.0, 10.0]]

    def test_second_derivatives(self):
        f = ag.compile(lambda xs: xs[0] ** 2 * xs[1])
        x = [[1.0, 2.0], [3.0, 4.0]]
        assert [*f.hvp.map(x, [[1.0, 0.0], [0.0, 1.0]], reduce="sum")] == [10.0, 2.0]

    def test_lists_that_are_refused(self):
        f = ag.compile(lambda xs: xs[0])
        for x in ([[1.0], [1.0, 2.0]], ["a"], [Value(1.0)], 1.0, None):
            with pytest.raises((TypeError, ValueError), match=r"map: .*(args\[0\]|argument)"):
                f.map(x)

    def test_the_row_that_raises(self):
        def f(x):
            if x > 3:
                raise KeyError("too large")
            return x

        for options in ({}, {"chunk_rows": 2}):
            with pytest.raises(KeyError, match="too large") as caught:
                ag.compile(f).map([1.0, 2.0, 7.0, 8.0], **options)
            assert "row 2" in told(caught.value)

    def test_threads(self):
        f = ag.compile(lambda x: ag.exp(x) if x < 1.0 else x)
        xs = [k / 7 for k in range(40)]
        with ThreadPoolExecutor(3) as pool:
            assert [*f.map(xs, executor=pool, chunk_rows=7)] == [*f.map(xs, chunk_rows=7)]

    def test_pickles(self):
        f = ag.compile(half_or_square)
        f(1.0)
        g = pickle.loads(pickle.dumps(f))
        assert [g(1.0), g(-1.0), *g.map([3.0])] == [0.5, 1.0, 1.5]


@needs_numpy
class TestForms:
    def test_numbers(self, make):
        agrees(make, lambda x: x**3 + ag.exp(x), np.linspace(-1, 1, 7), vector=np.linspace(1, 2, 7))

    @pytest.mark.parametrize("n", [1, 2, 8, 33])
    def test_batches_that_split(self, make, n):
        def f(x, y):
            if x > y:
                return x * y if x > 2 * y else ag.exp(y) * x
            while x < 1:
                x = x * 0.5 + 1
            return x * x

        rng = np.random.default_rng(n)
        agrees(make, f, rng.normal(size=n), rng.normal(size=n))

    def test_matrices_as_rows(self, make):
        def f(w, x):
            return w[0, 0] * x[1] ** 2 + ag.tanh(w[1, 0] * x[0]) * w[0, 1]

        w, x = np.random.default_rng(0).normal(size=(2, 5, 2, 2))
        kinds = ("value", "grad", "value_and_grad", "value_grad_hessian", "hvp")
        agrees(make, f, w, x[:, 0], vector=w[::-1], kinds=kinds)
        agrees(make, f, w, x[:, 0], argnums=(0, 1), kinds=("value", "grad", "jacobian"))

    def test_results_in_structures(self, make):
        def f(x):
            return {"a": x[0] * x[1], "b": [x[1], 2.0, (x[0] ** 2,)]}

        g, x = make(f), np.arange(1.0, 9.0).reshape(4, 2)
        found = g.map(x)
        slopes = g.jacobian.map(x)
        assert list(found) == ["a", "b"]
        for i in range(4):
            same(refilled(found, iter([leaf[i] for leaf in leaves(found)])), f(x[i].tolist()))
            same(row(slopes, i), ag.jacobian(f)(x[i]))

    def test_arrays_as_results(self, make):
        def f(x):
            return ag.exp(x) * x

        x = np.arange(6.0).reshape(3, 2) / 5
        assert make(f).map(x) == pytest.approx(np.exp(x) * x)
        slopes = make(f).jacobian.map(x)
        for i in range(3):
            same(slopes[i], ag.jacobian(f)(x[i]))

    @pytest.mark.parametrize("arguments", [
        {"x": 0, "y": 1}, Point(0, 1), (0, 1), [0, 1], Pair(0, 1), {"z": (0, [1])},
    ], ids=repr)  # fmt: skip
    def test_structures_of_arrays(self, make, arguments):
        columns = np.random.default_rng(1).normal(size=(2, 6))
        given = refilled(arguments, iter(columns))

        def f(point):
            x, y = leaves(point)
            return x * ag.sin(y) + x**3 if x > 0 else y * y

        vector = refilled(arguments, iter(columns[::-1]))
        agrees(make, f, given, vector=vector, kinds=("value_and_grad", "hessian", "hvp"))

    def test_axes(self, make):
        def f(x, y, k):
            return (x[0] * y + x[1]) * k

        x, y = np.arange(6.0).reshape(2, 3), np.array([1.0, -2.0, 3.0])
        g = make(f, argnums=(0, 2))
        wanted = g.value_and_grad.map(x.T.copy(), y, np.full(3, 1.5))
        same(g.value_and_grad.map(x, y, 1.5, in_axes=(1, 0, None)), wanted)
        same(g.value_and_grad.map(x, y, 1.5, in_axes=[-1, 0, None]), wanted)
        assert make(lambda x: x[0] - x[1]).map(x, in_axes=1).tolist() == [-3.0, -3.0, -3.0]
        total = g.grad.map(x, y, 1.5, in_axes=(1, 0, None), reduce="sum")
        assert total[1] == wanted[1][1].sum()

    def test_what_is_the_same_for_all_rows(self, make):
        def f(w, x, *, scale=1.0, how="a"):
            z = ag.sum([ag.exp(a) for a in w]) * x
            return (z if how == "a" else -z) * scale

        w, x = [0.1, -0.2], np.array([1.0, 2.0, -3.0])
        g = make(f)
        for options in ({}, {"scale": 2.0}, {"scale": 3.0, "how": "b"}):
            y, slopes = g.value_and_grad.map(w, x, in_axes=(None, 0), **options)
            for i, a in enumerate(x.tolist()):
                wanted = ag.value_and_grad(f)(w, a, **options)
                same((y[i], [s[i] for s in slopes]), wanted)

    def test_static_arguments(self, make):
        def f(x, n, how):
            return sum([x] * n) if how == "sum" else x**n

        g = make(f, static=1)
        for n, how in ((2, "sum"), (3, "power"), (2, "power")):
            found = g.value_and_grad.map(np.array([1.0, 2.0]), n, how)
            same(row(found, 1), ag.value_and_grad(f)(2.0, n, how))

    def test_captured_values(self, make):
        w = Value(3.0)
        g, x = make(lambda x: x * w if x < w else x + w), np.array([1.0, 4.0])
        assert g.map(x).tolist() == [3.0, 7.0]
        w.data = 5.0
        assert g.map(x).tolist() == [5.0, 20.0]
        assert g.grad.map(x, reduce="sum") == 10.0
        assert w.grad == 0.0

    def test_no_rows(self, make):
        g = make(lambda x, k: {"y": x[0] * x[1] * k})
        x = np.zeros((0, 2))
        assert g.map(x, 2.0, in_axes=(0, None))["y"].shape == (0,)
        assert g.jacobian.map(x, np.array([]))["y"].shape == (0, 2)
        assert g.map(x, np.array([]), reduce="sum") == {"y": 0.0}
        with pytest.raises(ValueError, match="no rows to take the mean of"):
            g.map(x, np.array([]), reduce="mean")
        with pytest.raises(ValueError, match=r"no rows.*ZeroDivisionError"):
            make(lambda x: 1.0 / x.data if x > 0 else 1 // 0).map([])

    def test_another_structure_on_another_branch(self, make):
        g = make(lambda x: [x, x] if x > 0 else x)
        for options in ({}, {"reduce": "sum"}, {"chunk_rows": 1}):
            with pytest.raises(TypeError, match="results of different structures"):
                g.map([1.0, -1.0], **options)


@needs_numpy
class TestArrays:
    ROWS = [[1.5, -2.0, 0.5], [0.25, 3.0, -1.0], [2.0, 1.0, 4.0], [-1.0, 0.0, 2.0]]

    @pytest.mark.parametrize("change", [
        lambda x: x, lambda x: np.asfortranarray(x), lambda x: np.repeat(x, 2, 0)[::2],
        lambda x: np.repeat(x, 3, 1)[:, ::3], lambda x: x[::-1][::-1], lambda x: x.astype(np.float32),
        lambda x: x.astype(">f8"), lambda x: x.tolist(), lambda x: [*x.tolist()],
        lambda x: np.frombuffer(b"1234567" + x.tobytes(), np.uint8)[7:].view(float).reshape(x.shape),
    ], ids=["same", "fortran", "rows", "columns", "back", "float32", "swapped", "list", "lists", "unaligned"])  # fmt: skip
    def test_layouts(self, make, change):
        x = change(np.array(self.ROWS))
        if not isinstance(x, list):
            x.flags.writeable = False

        def f(x):
            return x[0] * x[1] + ag.sin(x[2]) if x[0] > 0 else x[2]

        y, slopes = make(f).value_and_grad.map(x)
        for i, xs in enumerate(self.ROWS):
            same((y[i], [*slopes[i]]), ag.value_and_grad(f)(xs))

    @pytest.mark.parametrize("kind", ["i1", "u1", "i4", "i8", "u8", "f2", "?"])
    def test_kinds_of_numbers(self, make, kind):
        x = np.array([0, 1, 1, 0, 1]).astype(kind)
        found = make(lambda x: x * 2.5 + 1).map(x)
        assert found.dtype == float
        assert found.tolist() == [1.0, 3.5, 3.5, 1.0, 3.5]

    @pytest.mark.parametrize(("x", "options", "error"), [
        (lambda: np.ma.array([1.0, 2.0], mask=[0, 1]), {}, r"TypeError.*mask of args\[0\] would be lost"),
        (lambda: np.array([1j]), {}, "TypeError.*real numbers, not complex"),
        (lambda: ag.array([1.0]), {}, "TypeError.*real numbers, not object"),
        (lambda: [Value(1.0)], {}, r"TypeError.*args\[0\]"),
        (lambda: ["1", "2"], {}, "TypeError.*'1'"),
        (lambda: np.array(["2020-01-01"], "M8[D]"), {}, "TypeError.*datetime"),
        (lambda: 1.0, {}, "TypeError.*has no rows"),
        (lambda: np.array(1.0), {}, "TypeError.*has no rows"),
        (lambda: 1.0, {"in_axes": None}, "ValueError.*no argument has rows"),
        (lambda: np.ones((2, 2)), {"in_axes": 2}, r"ValueError.*\(2, 2\), so no axis 2"),
        (lambda: np.ones(2), {"in_axes": 0.5}, "TypeError.*whole numbers"),
        (lambda: np.ones(2), {"in_axes": (0, 0)}, "ValueError.*one for each"),
        (lambda: {"a": np.ones(2), "b": np.ones(3)}, {}, "ValueError.*2 rows but.*3 rows"),
        (lambda: np.ones(2), {"reduce": "max"}, "ValueError.*'max'"),
        (lambda: np.ones(2), {"chunk_rows": 0}, "ValueError.*chunk_rows"),
        (lambda: np.ones(2), {"chunk_rows": 1.5}, "ValueError.*chunk_rows"),
    ])  # fmt: skip
    def test_refused(self, make, x, options, error):
        name, _, text = error.partition(".*")
        with pytest.raises((TypeError, ValueError), match=text) as caught:
            make(lambda x: x).map(x(), **options)
        assert type(caught.value).__name__ == name

    def test_rows_of_different_numbers(self, make):
        with pytest.raises(ValueError, match=r"args\[0\] has 2 rows but args\[1\] has 3 rows"):
            make(lambda x, y: x * y).map([1.0, 2.0], [1.0, 2.0, 3.0])

    def test_the_vector_of_hvp(self, make):
        def f(x):
            return x["a"] ** 2 * x["b"]

        g, x = make(f).hvp, {"a": np.array([1.0, 2.0]), "b": np.array([3.0, 4.0])}
        one, none = np.ones(2), np.zeros(2)
        for v in ({"a": none, "b": one}, {"b": one, "a": none}):
            assert g.map(x, v)["a"].tolist() == [2.0, 4.0]
            assert g.map(x, v)["b"].tolist() == [0.0, 0.0]
        with pytest.raises(ValueError, match="the vector must have the structure of args"):
            g.map(x, {"a": one})
        with pytest.raises(TypeError, match="and then the vector"):
            g.map(x)
        h = make(lambda x: x[0] ** 2 * x[1]).hvp
        assert h.map(np.ones((2, 2)), np.array([0.0, 1.0]), in_axes=(0, None)).tolist() == [[2.0, 0.0]] * 2
        with pytest.raises(ValueError, match="structure"):
            h.map(np.ones((2, 2)), np.ones((2, 3)))


@needs_numpy
class TestEdges:
    def test_the_adjoint_of_zero(self, make):
        def f(x):
            return ag.where(x > 0, ag.sqrt(x), 0.0) * 2

        x = np.array([0.0, 4.0, -1.0, 0.0, 1.0])
        g = make(f)
        for kind in ("grad", "value_and_grad", "value_grad_hessian"):
            found = getattr(g, kind).map(x)
            for i, a in enumerate(x.tolist()):
                same(row(found, i), EAGER[kind](f)(a))
            total = getattr(g, kind).map(x, reduce="sum")
            assert flat(total) == pytest.approx([sum(leaf) for leaf in leaves(found)])
        assert g.value_and_grad.map(x, reduce="sum") == (6.0, 1.5)
        assert g.hvp.map(x, np.ones(5)).tolist() == [ag.hvp(f)(a, 1.0) for a in x.tolist()]

    def test_the_adjoint_of_zero_on_a_branch(self, make):
        def f(x, y):
            return ag.where(x > 0, ag.log(x), 0.0) * y if y > 0 else x * y

        x = np.array([0.0, 1.0, 0.0, 2.0, 0.0, 1.0, -1.0] * 3)
        y = np.array([1.0, -1.0, -2.0, 3.0, 4.0, 5.0, 6.0] * 3)
        agrees(make, f, x, y, argnums=(0, 1), kinds=("grad", "value_and_grad", "value_grad_hessian"))

    def test_nan_and_infinity_are_kept(self, make):
        g, x = make(lambda x: ag.log(x) * 1.0), np.array([1.0, -1.0, 0.0, math.inf, math.nan, 2.0])
        y, slopes = g.value_and_grad.map(x)
        wanted = [ag.value_and_grad(ag.log)(a) for a in x.tolist()]
        assert [*zip(y, slopes)] == [pytest.approx(w, nan_ok=True) for w in wanted]
        assert math.isnan(g.map(x, reduce="sum"))
        y, slope = g.value_and_grad.map(np.array([0.0, 1.0]), reduce="sum")
        assert (y, slope) == (-math.inf, math.inf)

    def test_infinities_of_both_signs(self, make):
        g = make(lambda x: 1 / x if x < 5 else 2 * x)
        assert math.isnan(g.map(np.array([0.0, -0.0, 1.0]), reduce="sum"))
        assert math.isnan(g.map(np.array([0.0, -0.0, 7.0]), reduce="sum"))
        assert g.map(np.array([1e308, 1.7e308] * 9), reduce="sum") == math.inf

    @pytest.mark.parametrize("options", [{}, {"chunk_rows": 3}, {"reduce": "sum"}], ids=repr)
    def test_the_first_row_that_raises(self, make, options):
        def f(x):
            if x == 3.0:
                raise KeyError(7)
            return ag.exp(x) if x < 3 else [][int(x > 3)] if x > 5 else x

        g = make(f)
        x = np.array([4.0, 1.0, 4.5, 2.0, 6.0, 3.0, 6.0, 1.0])
        for _ in range(2):
            with pytest.raises(IndexError) as caught:
                g.value_and_grad.map(x, **options)
            assert "row 4" in told(caught.value)
        with pytest.raises(KeyError) as caught:
            g.map(x[5:], **options)
        assert caught.value.args == (7,)
        if sys.version_info >= (3, 11):
            assert "row 0" in told(caught.value)
        assert g.map(x[:4], **options) is not None

    def test_too_many_paths(self, make):
        def f(x):
            k = 0
            while x > k:
                k += 1
            return x * k

        x = np.arange(0.0, 9.0)
        g = make(f, max_paths=3)
        with pytest.warns(UserWarning, match="more than 3 paths"):
            y, slopes = g.value_and_grad.map(x)
        assert [*zip(y, slopes)] == [ag.value_and_grad(f)(a) for a in x.tolist()]
        assert g.value_and_grad.map(x, reduce="sum") == (y.sum(), slopes.sum())
        h = make(lambda x: 1 // 0 if f(x) > 3 else x, max_paths=1)
        with pytest.warns(UserWarning, match="paths"), pytest.raises(ZeroDivisionError) as caught:
            h.map([1.0, 9.0])
        assert "row 1" in told(caught.value)

    def test_what_cannot_be_compiled(self, make):
        def f(x):
            return x * 2 if x < 10**17 + 1 else x  # no float to compare with

        g = make(f)
        with pytest.warns(UserWarning, match="without being compiled"):
            assert g.value_and_grad.map([1.0, 2.0])[0].tolist() == [2.0, 4.0]
        assert g.value_and_grad.map([1.0, 2.0], reduce="sum") == (6.0, 4.0)


# Executors. What they run is at the top level: a process imports this file.


def half_or_square(x):
    return x * 0.5 if x > 0.0 else x * x


def branches(x, y):
    if x > y:
        return ag.exp(x * 0.3) / (1.1 + y * y)
    return ag.tanh(x + y) * x if y > 0.5 else ag.where(x > 0, ag.sqrt(x), 0.0) + y


def smooth(w, x):
    return ag.tanh(w[0] * x[0] + w[1] * x[1]) * w[2]


def killed(x):
    if x > 60.0:
        os.kill(os.getpid(), signal.SIGKILL)
    return x * 2.0


def picky(x):
    if x > 60.0:
        raise LookupError("more than 60")
    return x * 2.0


def turns(x):
    n = 0
    while x > 0.0 and n < 2000:
        x, n = x - 1.0, n + 1
    return x + n


WEIGHT = Value(3.0)


def weighted(x):
    return x * WEIGHT if x > 0.0 else x


METHODS = [m for m in ("spawn", "fork") if m in multiprocessing.get_all_start_methods()]
forks = pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")


@pytest.fixture(scope="module", params=METHODS)
def processes(request):
    before = {*multiprocessing.active_children()}
    with ProcessPoolExecutor(2, multiprocessing.get_context(request.param)) as pool:
        yield pool
    assert {*multiprocessing.active_children()} == before


class Backwards(Executor):
    """Runs what it gets when it is asked, the last first, as pickles, as a cluster might."""

    def __init__(self):
        self.waiting = []

    def submit(self, f, /, *args):
        future = Answer(self)
        self.waiting.append((future, pickle.dumps((f, args))))
        return future

    def run(self):
        while self.waiting:
            future, sent = self.waiting.pop()
            f, args = pickle.loads(sent)
            try:
                future.set_result(pickle.loads(pickle.dumps(f(*args))))
            except Exception as error:
                future.set_exception(error)


class Answer(Future):
    def __init__(self, executor):
        super().__init__()
        self.executor = executor

    def result(self, timeout=None):
        self.executor.run()
        return super().result(timeout)


def table(n=1000):
    return np.random.default_rng(5).normal(size=(2, n))


def same_bits(f, executor, *args, chunk_rows=130, **options):
    """Rows and sums over an executor are those without it, to the last bit."""
    for reduce in (None, "sum", "mean"):
        given = {"chunk_rows": chunk_rows, "reduce": reduce, **options}
        found = flat(f.map(*args, executor=executor, **given))
        assert found == flat(f.map(*args, **given))
        assert found == flat(f.map(*args, executor=executor, **given))
    fresh = ag.compile(f.f, argnums=f.settings.argnums)  # knows no path
    again = flat(fresh.of(f.kind).map(*args, executor=executor, **given))
    assert again == found
    rows = f.map(*args, executor=executor, **options)
    assert flat(rows) == pytest.approx(flat(f.map(*args, **options)), rel=1e-12)


@needs_numpy
class TestExecutors:
    def check(self, executor):
        x, y = table()
        f = ag.compile(branches, argnums=(0, 1))
        same_bits(f.value_and_grad, executor, x, y)
        w = np.array([0.3, -1.2, 2.0])
        same_bits(ag.compile(smooth).value_and_grad, executor, w, table().T, in_axes=(None, 0))
        same_bits(ag.compile(branches).hvp, executor, x, y, x[::-1], chunk_rows=400)
        with pytest.raises(LookupError, match="more than 60") as caught:
            ag.compile(picky).map(np.arange(100.0), executor=executor, chunk_rows=10)
        assert "row 61" in told(caught.value)
        assert ag.compile(picky).map([1.0], executor=executor).tolist() == [2.0]

    def test_threads(self):
        with ThreadPoolExecutor(4) as pool:
            self.check(pool)

    def test_parts_that_come_in_another_order(self):
        self.check(Backwards())

    @forks
    def test_processes(self, processes):
        self.check(processes)

    @forks
    def test_what_a_process_cannot_get(self, processes):
        with pytest.raises(TypeError, match=r"cannot be sent to another process.*top\s+level"):
            ag.compile(lambda x: x).map(np.arange(9.0), executor=processes)
        assert ag.compile(killed).map([1.0, 2.0], executor=processes).tolist() == [2.0, 4.0]

    @forks
    @pytest.mark.parametrize("method", METHODS)
    def test_a_killed_worker(self, method):
        before = {*multiprocessing.active_children()}
        f = ag.compile(killed)
        with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
            x = np.arange(100.0)
            with pytest.raises(RuntimeError, match=r"rows 60 to 79 got no result.*BrokenProcessPool"):
                f.map(x, executor=pool, chunk_rows=20, reduce="sum")
            with pytest.raises(RuntimeError, match=r"rows 0 to 9 got no result"):
                f.map(x[:30], executor=pool, chunk_rows=10)
        assert {*multiprocessing.active_children()} == before
        with ThreadPoolExecutor(2) as pool:
            assert f.map(x[:60], executor=pool, chunk_rows=20, reduce="sum") == 2 * x[:60].sum()

    def test_a_pool_that_breaks_while_parts_are_submitted(self):
        class Breaks(ThreadPoolExecutor):
            def submit(self, f, /, *args):
                if args[1] >= 20:
                    raise BrokenProcessPool("gone")
                return super().submit(f, *args)

        with Breaks(1) as pool, pytest.raises(RuntimeError, match="rows 20 to 29 got no result"):
            ag.compile(half_or_square).map(np.arange(50.0), executor=pool, chunk_rows=10)

    def test_parts_that_are_no_longer_wanted_are_cancelled(self):
        started, go = [], threading.Event()

        class Slow(ThreadPoolExecutor):
            def submit(self, f, /, *args):
                def run():
                    started.append(args[1])
                    go.wait(0.2) if args[1] else None
                    return f(*args)

                return super().submit(run)

        with Slow(1) as pool:
            with pytest.raises(LookupError) as caught:
                ag.compile(picky).map(np.arange(56.0, 96.0), executor=pool, chunk_rows=10)
            assert "row 5" in told(caught.value)
            go.set()
        assert len(started) <= 2

    def test_errors_that_speak_of_pickles(self):
        def f(x):
            raise ValueError("no pickle for you")

        with ThreadPoolExecutor(1) as pool, pytest.raises(ValueError, match="no pickle for you"):
            ag.compile(f).map(np.arange(5.0), executor=pool)

    @pytest.mark.filterwarnings("ignore")
    def test_dask(self):
        distributed = pytest.importorskip("distributed")
        dask = pytest.importorskip("dask")
        with dask.config.set({"distributed.scheduler.allowed-failures": 0}), distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50,
        ) as cluster, cluster.get_client() as client:  # fmt: skip
            self.check(client.get_executor())
            k = 3.0
            f = ag.compile(lambda x: x * k if x > 0 else x)  # Dask sends it all the same
            assert f.map(np.arange(9.0) - 4, executor=client.get_executor(), reduce="sum") == 20.0
            x = np.array([0.0, 1.0, 2.0, 99.0, 3.0])
            with pytest.raises(RuntimeError, match=r"rows 0 to 4 got no result.*KilledWorker"):
                ag.compile(killed).map(x, executor=client.get_executor(), chunk_rows=5)


@needs_numpy
class TestRowsOfAFormAsBefore:
    """What is remembered of a form is no number, and no array."""

    @staticmethod
    def cost(p, x, y):
        z = ag.dot(p[1:], x, p[0]) * y
        return z * z if y > 0 else ag.exp(p[0]) * x[0]

    def check(self, g, p, x, y):
        given = np.array(p), np.array(x), np.array(y)
        found = g.map(p, x, y, in_axes=(None, 0, 0))
        total = g.map(p, x, y, in_axes=(None, 0, 0), reduce="sum")
        for a, before in zip((p, x, y), given):
            assert np.array_equal(a, before), "the caller's arrays changed"
        p, x, y = (a.astype(float) for a in given)
        rows = [ag.value_and_grad(self.cost)(p, *xs) for xs in zip(x, y.tolist())]
        for i, wanted in enumerate(rows):
            same(row(found, i), wanted)
        assert flat(total) == pytest.approx([math.fsum(xs) for xs in zip(*map(flat, rows))], rel=1e-11, abs=1e-11)

    def test_other_numbers(self, make):
        g, rng = make(self.cost).value_and_grad, np.random.default_rng(0)
        for n, k in [(9, 2), (9, 2), (1, 2), (16, 3), (9, 2), (23, 3), (8, 1)]:
            for split in (False, True):
                y = rng.normal(size=n) if split else rng.uniform(1, 2, n)
                self.check(g, rng.normal(size=k + 1), rng.normal(size=(n, k)), y)

    def test_arrays_that_change(self, make):
        g, rng = make(self.cost).value_and_grad, np.random.default_rng(1)
        p, x, y = rng.normal(size=3), rng.normal(size=(10, 2)), rng.uniform(1, 2, 10)
        for change in (p, x, y, p):
            self.check(g, p, x, y)
            change *= 1.5
        found = g.map(p, x, y, in_axes=(None, 0, 0), reduce="sum")
        kept = flat(found)
        self.check(g, 2 * p, x, y)
        assert flat(found) == kept, "a result changed afterwards"

    @pytest.mark.parametrize("change", [
        lambda a: a.astype(">f8"), lambda a: a.astype(np.float32), lambda a: np.rint(a).astype(int) + 1,
        lambda a: np.repeat(a, 2, 0)[::2], lambda a: a[::-1], lambda a: np.asfortranarray(a),
        lambda a: np.broadcast_to(a[:1], a.shape), lambda a: np.repeat(a, 3, -1)[..., ::3],
    ], ids=["swapped", "float32", "int", "rows", "back", "fortran", "broadcast", "columns"])  # fmt: skip
    def test_other_layouts(self, make, change):
        g, rng = make(self.cost).value_and_grad, np.random.default_rng(2)
        given = rng.normal(size=4), rng.normal(size=(11, 3)), rng.uniform(1, 2, 11)
        self.check(g, *given)
        for k in range(3):
            other = [change(a) if i == k else a for i, a in enumerate(given)]
            other[k].flags.writeable = False
            self.check(g, *other)
        self.check(g, *given)

    def test_a_number_an_array_and_rows_are_different_forms(self, make):
        g, x = make(lambda a, x: ag.sum([a * x]) * x).value_and_grad, np.arange(1.0, 12.0)
        rows = np.linspace(1.0, 2.0, 11)
        for _ in range(2):
            for a in (2.0, 3.0, np.float64(2.0), np.array(2.0), np.array(3.0), 2):
                assert flat(g.map(a, x, in_axes=(None, 0), reduce="sum")) == pytest.approx([a * x @ x, x @ x])
            assert flat(g.map(rows, x, reduce="sum")) == pytest.approx([rows @ x**2, x @ x])
            assert np.allclose(g.map(rows, 3.0, in_axes=(0, None))[0], 9 * rows)

    def test_captured_values_and_vectors(self, make):
        w = Value(2.0)
        g, rng = make(lambda p, x: w * p[0] ** 3 * x + p[1] ** 2 * p[0]), np.random.default_rng(3)
        x = rng.normal(size=13)
        for scale in (1.0, 2.0):
            w.data = scale
            p, v, vs = rng.normal(size=2), rng.normal(size=2), rng.normal(size=(13, 2))
            h = [np.array([[6 * scale * p[0] * z, 2 * p[1]], [2 * p[1], 2 * p[0]]]) for z in x]
            assert np.allclose(g.hvp.map(p, x, v, in_axes=(None, 0, None)), [m @ v for m in h])
            assert np.allclose(g.hvp.map(p, x, vs, in_axes=(None, 0, 0)), [m @ u for m, u in zip(h, vs)])
            assert np.allclose(g.hessian.map(p, x, in_axes=(None, 0), reduce="sum"), sum(h))
            assert np.allclose(g.map(p, x, in_axes=(None, 0)), scale * p[0] ** 3 * x + p[1] ** 2 * p[0])

    def test_sums_whose_squares_are_infinite(self, make):
        found = make(lambda x: 1e200 * x * x).value_grad_hessian.map(np.ones(9), reduce="sum")
        assert flat(found) == pytest.approx([9e200, 18e200, 18e200])

    def test_threads(self, make):
        g, rng = make(self.cost).value_and_grad, np.random.default_rng(4)
        tables = [(rng.normal(size=4), rng.normal(size=(k, 3)), rng.uniform(1, 2, k)) for k in range(20, 28)]
        axes = {"in_axes": (None, 0, 0), "reduce": "sum"}
        alone = [flat(g.map(*args, **axes)) for args in tables]
        with ThreadPoolExecutor(4) as pool:
            found = [*pool.map(lambda args: flat(g.map(*args, **axes)), tables * 20)]
        for ys, wanted in zip(found, alone * 20):
            assert ys == pytest.approx(wanted, rel=1e-12)  # of another executor the last bits differ


@needs_numpy
class TestThreads:
    def test_many_threads_find_the_paths_at_once(self):
        def f(x):
            return [x, x * x, ag.sin(x), -x][0 + (x > 1) + (x > 2) + (x > 3)] + x

        points = np.linspace(0, 4, 200)
        wanted = [ag.grad(f)(x) for x in points.tolist()]
        for _ in range(5):
            g = ag.compile(f)
            with ThreadPoolExecutor(4) as pool:
                assert g.grad.map(points, executor=pool, chunk_rows=3) == pytest.approx(wanted)
                found = [*pool.map(g.grad, points.tolist())]
            assert found == pytest.approx(wanted)
            assert g.paths().count("# path") <= 8


@needs_numpy
class TestPickles:
    def test_paths_travel(self):
        f = ag.compile(branches, argnums=1, backend="python", mode="strict")
        x, y = table(50)
        wanted = f.value_and_grad.map(x, y)
        g = pickle.loads(pickle.dumps(f.value_and_grad))
        assert g.settings.argnums == 1
        assert pickle.loads(pickle.dumps(f)).paths() == f.paths()
        assert flat(g.map(x, y)) == flat(wanted)
        assert g(0.5, 0.25) == f.value_and_grad(0.5, 0.25)
        assert f.paths() == f.of("value").paths()

    def test_a_captured_value_has_its_data_of_then(self):
        f = ag.compile(weighted)
        try:
            assert f(2.0) == 6.0
            WEIGHT.data = 5.0
            sent = pickle.dumps(f)
        finally:
            WEIGHT.data = 3.0
        assert pickle.loads(sent)(2.0) == 10.0
        assert f(2.0) == 6.0

    def test_functions_without_a_name_with_cloudpickle(self):
        cloudpickle = pytest.importorskip("cloudpickle")
        w = Value(2.0)
        f = ag.compile(lambda x: x * w if x > 0 else x - w)
        assert f(1.0) == 2.0
        w.data = 7.0
        g = pickle.loads(cloudpickle.dumps(f))
        w.data = 0.0
        assert (g(1.0), g(-1.0), g.map(np.array([2.0])).tolist()) == (7.0, -8.0, [14.0])

    def test_a_thousand_guards(self):
        f = ag.compile(turns)
        assert f(1500.5) == 1500.5
        g = pickle.loads(pickle.dumps(f))
        assert g(1500.25) == f(1500.25)
        assert g.map(np.array([1500.5, 2.5, 5000.0])).tolist() == [1500.5, 2.5, 5000.0]

    def test_in_a_new_process(self):
        f = ag.compile(half_or_square)
        assert f.grad(2.0) == 0.5
        code = (
            "import pickle, sys; sys.path[:0] = eval(sys.argv[1])\n"
            "f = pickle.load(sys.stdin.buffer); print(f.grad(4.0), f.grad(-4.0), f.map([8.0])[0])"
        )
        out = subprocess.run([sys.executable, "-c", code, repr(sys.path)], input=pickle.dumps(f),
                             capture_output=True, check=True)  # fmt: skip
        assert out.stdout.split() == [b"0.5", b"-8.0", b"4.0"]
