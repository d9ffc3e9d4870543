"""Calls that go from Python's objects to machine code and back: what fits, and what does not."""

from __future__ import annotations

import ctypes
import gc
import random
import sys
import threading
import tracemalloc
import weakref

import pytest

import autograd_lite as ag

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

from autograd_lite.program.llvm import objects  # noqa: E402


def total(x):
    """Of any structure."""
    if isinstance(x, (list, tuple)):
        return sum((total(item) * (i + 1.5) for i, item in enumerate(x)), 0.0)
    if hasattr(x, "ravel"):
        return sum((v * v * (i + 0.5) for i, v in enumerate(x.ravel())), 0.0)
    return ag.sin(x) * x


def only(g, monkeypatch):
    """g, as far as it has a way of its own."""

    class Elsewhere(Exception):  # noqa: N818
        pass

    def elsewhere(*args):
        raise Elsewhere

    def call(*args):
        with monkeypatch.context() as m:
            m.setattr(type(g), "_call", elsewhere)
            return g(*args)

    return call, Elsewhere


ARGUMENTS = {
    "number": (0.7,), "numbers": (0.7, -1.3), "list": ([0.5, 2.0, 3.0],), "tuple": ((0.5, 2.0),),
    "nested": ([0.5, (2.0, [3.0]), []], 1.5), "array": (np.linspace(-1.0, 2.0, 7),),
    "matrix": (np.linspace(-1.0, 2.0, 6).reshape(2, 3),), "no axes": (np.array(0.3),),
    "arrays": (np.array([1.0, 2.0]), 3.0, np.array([[4.0]])),
    "array in a list": ([np.array([1.0, 2.0]), 0.5],), "long list": ([0.01 * i for i in range(50)],),
}  # fmt: skip
KINDS = ("grad", "value_and_grad", "jacobian", "hessian", "value_grad_hessian")


@pytest.mark.parametrize("args", ARGUMENTS.values(), ids=ARGUMENTS)
def test_what_fits(args, monkeypatch):
    def f(*xs):
        return total(xs)

    compiled = ag.compile(f, backend="llvm", mode="strict", argnums=tuple(range(len(args))))
    for g in (compiled, *[getattr(compiled, kind) for kind in KINDS]):
        wanted = g.eager(args, {})
        assert repr(g(*args)) == repr(wanted)
        call, _ = only(g, monkeypatch)
        assert repr(call(*args)) == repr(wanted), g


def test_what_is_no_float_but_fits(monkeypatch):
    g = ag.compile(total, backend="llvm", mode="strict").value_and_grad
    g(2.0)
    call, _ = only(g, monkeypatch)
    assert call(3) == call(np.float64(3.0)) == g(3.0)
    h = ag.compile(total, backend="llvm", mode="strict").value_and_grad
    h([2.0, 3.0])
    call, _ = only(h, monkeypatch)
    assert call([4, np.float64(5.0)]) == h([4.0, 5.0])


def test_what_does_not_fit(monkeypatch):
    x = np.linspace(-1.0, 2.0, 6)
    unaligned = np.zeros(49, np.uint8)[1:].view(float)
    unaligned[:] = x
    readonly = x.copy()
    readonly.flags.writeable = False
    g = ag.compile(total, backend="llvm", mode="strict").value_and_grad
    wanted, slopes = g(x)
    call, elsewhere = only(g, monkeypatch)
    assert call(readonly)[0] == wanted
    for other in (x[::-1], np.repeat(x, 2)[::2], x.astype(">f8"), x.astype("f4"), x[:5], [*x], 1.0,
                  x.reshape(2, 3), np.ma.array(x), None, unaligned, x.astype(int), (*x,)):  # fmt: skip
        with pytest.raises(elsewhere):
            call(other)
    for same in (np.repeat(x, 2)[::2], x.astype(">f8"), unaligned):
        found, again = g(same)
        assert (found, again.tolist()) == (wanted, slopes.tolist())
    for args in ((), (x, x)):
        with pytest.raises((elsewhere, TypeError)):
            call(*args)
    numbers = ag.compile(lambda xs: xs[0] * xs[1], backend="llvm")
    numbers([1.0, 2.0])
    call, elsewhere = only(numbers, monkeypatch)
    for other in ([1.0, True], [1.0, "2"], [1.0], [1.0, 2.0, 3.0], (1.0, 2.0), [1.0, 10**400],
                  [ag.Value(1.0), 2.0], np.array([1.0, 2.0])):  # fmt: skip
        with pytest.raises(elsewhere):
            call(other)
    with pytest.raises(OverflowError):
        numbers([1.0, 10**400])
    assert numbers([-1.0, 1]) == numbers([-1, 1]) == -1.0  # which might be an error


def test_branches_and_values_from_outside(monkeypatch):
    w = ag.Value(2.0)
    g = ag.compile(lambda x: x * w if x > 0.0 else -x / w, backend="llvm").value_and_grad
    assert (g(3.0), g(-3.0)) == ((6.0, 2.0), (1.5, -0.5))
    call, elsewhere = only(g, monkeypatch)
    w.data = 4.0
    assert (call(3.0), call(-3.0)) == ((12.0, 4.0), (0.75, -0.25))
    with ag.no_grad(), pytest.raises(elsewhere):  # modes may change what a call means
        call(3.0)


def test_hvp(monkeypatch):
    g = ag.compile(lambda x: x[0] ** 2 * x[1], backend="llvm").hvp
    x, v = np.array([2.0, 3.0]), np.array([1.0, 10.0])
    wanted = g(x, v)
    call, elsewhere = only(g, monkeypatch)
    assert call(x, v).tolist() == wanted.tolist() == [46.0, 4.0]
    with pytest.raises(elsewhere):
        call(x)


def test_results_are_new_and_arguments_stay():
    g = ag.compile(lambda x: ag.sum([v * v for v in x]), backend="llvm").value_and_grad
    x = np.arange(40.0)
    first = g(x)[1]
    for _ in range(3):
        second = g(x)[1]
        second += 1.0
    assert x.tolist() == [*range(40)]
    assert first.tolist() == g(x)[1].tolist() == [*range(0, 80, 2)]


def test_nothing_is_left_behind():
    """References and memory, whatever way a call takes."""
    compiled = ag.compile(lambda x, y: [x[0] * y, x[1] + y] if y > 0.0 else [y, y], backend="llvm")
    x, bad = np.array([1e300, 2e300]), np.array([1.0])
    for y in (3e300, -3e300):
        compiled.jacobian(x, y)
    objects = (None, x, bad, float, list, tuple, np.ndarray, np.empty)

    def run(n):
        for _ in range(n):
            for y in (3e300, -3e300):
                compiled.jacobian(x, y)
            for way in compiled.jacobian._ways:
                assert way(bad, 3.0) is way(x, "3") is way(x, 10**400) is way() is None

    run(100)
    before = [sys.getrefcount(thing) for thing in objects]
    tracemalloc.start()
    try:
        run(10)
        size, _ = tracemalloc.get_traced_memory()
        run(2000)
        more, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert more < size + 2000
    after = [sys.getrefcount(thing) for thing in objects]
    assert all(abs(a - b) < 100 for a, b in zip(after, before))


def test_the_function_holds_what_it_needs():
    g = ag.compile(lambda x: ag.exp(x), backend="llvm")
    g(1.0)
    (way,) = g._ways
    known = weakref.ref(next(iter(g.settings.paths.values())))
    del g
    gc.collect()
    from autograd_lite.compile.paths import _runner

    _runner.cache_clear()
    gc.collect()
    assert known() is None
    assert [way(0.0), way(1.0)] == pytest.approx([1.0, 2.718281828459045])


def test_threads():
    """The memory of a call belongs to one thread at a time."""

    def f(xs, steps):
        rng, xs = random.Random(0), [*xs]
        for _ in range(steps):
            xs.append(xs[-rng.randrange(1, 9)] * 0.7 + xs[-rng.randrange(1, 9)] * 0.2)
        return ag.sum(xs[-9:])

    for steps in (5, 9000):  # the longer one lets others run meanwhile
        g = ag.compile(f, backend="llvm", mode="strict", static="steps").value_and_grad
        h = ag.compile(lambda xs: f(xs, steps), backend="llvm", mode="strict").value_and_grad  # noqa: B023
        points = [[0.01 * i + k for i in range(9)] for k in range(4)]
        wanted = [h(x) for x in points]
        assert wanted[0] == g(points[0], steps)
        wrong = []

        def run(k, h=h, points=points, wanted=wanted, wrong=wrong):
            wrong.extend(k for _ in range(300) if h(points[k]) != wanted[k])

        threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong


def test_a_call_inside_a_call():
    """The finalizer of something may run, and call, while results are made."""
    g = ag.compile(lambda x: ag.sum([v * v for v in x]), backend="llvm").value_and_grad
    x = [1.0, 2.0, 3.0]
    wanted = g(x)
    found = []

    class Last:
        def __init__(self):
            self.me = self

        def __del__(self):
            found.append(g([2.0, 3.0, 4.0]))

    before = gc.get_threshold()
    gc.collect()
    gc.freeze()  # to collect in no time
    try:
        for k in [*range(1, 30)] * 5:
            gc.set_threshold(0)
            gc.collect()
            last = Last()
            del last
            gc.set_threshold(k)
            assert g(x) == wanted
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
    assert found
    assert all(result == (29.0, [4.0, 6.0, 8.0]) for result in found)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("rows", [False, True])
def test_functions_of_python_at_the_limit_of_recursion(rows):
    """They may not even begin; then there is an error, not a result."""
    f = ag.compile(lambda x, y: ag.hypot(x, y) * 2.0, backend="llvm", mode="strict")
    x, y = np.array([3.0]), np.array([4.0])
    run = (lambda: f.map(x, y)[0]) if rows else lambda: f(3.0, 4.0)
    assert run() == 10.0

    def deep(n):
        return run() if n == 0 else deep(n - 1)

    found = set()
    for n in range(max(0, sys.getrecursionlimit() - 300), sys.getrecursionlimit()):
        try:
            found.add(deep(n))
        except (RuntimeError, ctypes.ArgumentError):  # RecursionError is of the former
            found.add("error")
    assert found <= {10.0, "error"}
    assert "error" in found
    assert run() == 10.0


def test_the_library_holds_what_it_points_to(monkeypatch):
    class Empty:
        def __call__(self, *args):
            return np.zeros(*args)

    objects._library.cache_clear()
    with monkeypatch.context() as m:
        m.setattr(np, "empty", Empty())
        known = weakref.ref(np.empty)
        assert "doubles" in objects.library()
    gc.collect()
    assert known() is not None
    objects._library.cache_clear()
    with monkeypatch.context() as m:
        m.setitem(sys.modules, "numpy", None)
        assert "doubles" not in objects.library()
    assert "doubles" in objects.library()


def test_an_odd_first_call_does_not_decide(monkeypatch):
    g = ag.compile(total, backend="llvm", mode="strict").grad
    x = np.array([1, 2, 3])
    g(x)
    g(x.astype(float))
    call, _ = only(g, monkeypatch)
    assert call(x.astype(float)).tolist() == g(x).tolist()
