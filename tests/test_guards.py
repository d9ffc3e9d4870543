"""Compiled functions take the branches that Python takes, for every input.

Functions that branching.py writes at random are compiled, called with points on all sides of their
branches, one by one and as rows of a batch, and held against the eager library: the same bits in
strict mode; in fast mode within 1e-12 of the largest intermediate term, apart from points (counted)
at which two compared numbers are nearer than that. Then what the random functions do not reach.
"""

from __future__ import annotations

import importlib.util
import inspect
import math
import operator
import pkgutil
import random
import sys
import warnings
import zlib
from collections import Counter

import pytest
from branching import CLOSE, Branching, Run, flat, number, programs, sides, size, written
from executors import needs_llvm
from hypothesis import HealthCheck, given, settings

import autograd_lite as ag
from autograd_lite import Program, Value

np = pytest.importorskip("numpy")

# backend, mode, how many functions, and points for each: machine code takes time to make
CONFIGURATIONS = [
    pytest.param("python", "strict", 150, 14),
    pytest.param("python", "fast", 100, 14),
    pytest.param("numpy", "fast", 150, 14),
    pytest.param("llvm", "strict", 50, 7, marks=needs_llvm),
    pytest.param("llvm", "fast", 50, 7, marks=needs_llvm),
]


# Random functions


def compiled(program, backend, mode):
    """What is tested; the faults below stand in for it."""
    return ag.compile(program.f, argnums=(*range(program.arity),), backend=backend, mode=mode)


def eager(program, point):
    """(numbers, None), or (None, the error): the value, then the gradient."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ag.value_and_grad(program.f, (*range(program.arity),))
            y, slopes = found(*program.arguments(point))
        return [y, *flat(slopes)], None
    except (ValueError, ArithmeticError) as error:
        return None, error


def columns(program, points):
    """The arguments of .map: an array for each number."""
    return program.arguments([np.array(column) for column in zip(*points)])


def told(error):
    return " ".join([str(error), *getattr(error, "__notes__", [])])


class Case:
    """A point with what eager code gives, and how far from it compiled code may be."""

    def __init__(self, program, point, strict):
        self.program, self.point, self.strict = program, point, strict
        self.wanted, self.error = eager(program, point)
        run = Run(program, point)
        self.left_out = not strict and run.near
        self.bounds = None
        if not strict and not run.error:
            self.bounds = [CLOSE * size(x) + 1e-300 for x in (run.y, *run.gradient)]
            self.left_out = self.left_out or run.loose

    def check(self, found, how, count=None):
        """Hold numbers, of which there are `count`, or all, against those that are wanted."""
        found = [float(x) for x in found]
        assert len(found) == (count or len(self.wanted)), self.says(how, found)
        for i, (a, b) in enumerate(zip(found, self.wanted)):
            alike = a == b or (a != a and b != b)
            if not alike and self.bounds:
                alike = math.isfinite(b) and abs(a - b) <= self.bounds[i]
                alike = alike or self.bounds[i] == math.inf
            assert alike, self.says(how, found)

    def says(self, how, found):
        wanted = self.wanted or repr(self.error)
        return f"{how}\n{self.program}\nat {self.point}:\n{found} instead of\n{wanted}"


def examine(program, make, strict, most=14):
    """Hold compiled code, which `make` makes, against eager code; gives counts."""
    rng = random.Random(zlib.crc32(program.source.encode()))
    points = sides(program, rng, most, steps=60 if strict else 21)
    rng.shuffle(points)
    cases = [Case(program, point, strict) for point in points]
    counts = Counter(programs=1, points=len(cases), left_out=sum(c.left_out for c in cases),
                     raised=sum(c.error is not None for c in cases),
                     paths=len({(*Run(program, p).outcomes,) for p in points}))  # fmt: skip
    cases = [c for c in cases if not c.left_out]
    f = make(program)
    parts = [one_by_one, as_rows]  # either may be the first to see a path
    rng.shuffle(parts)
    for part in parts:
        part(f, program, cases, rng)
    return counts


def result(call, *args, **options):
    """What a call returns, flat, or raises."""
    try:
        return flat(call(*args, **options))
    except Exception as error:
        return error


def one_by_one(f, program, cases, rng):
    for case in cases:
        args, is_plain = program.arguments(case.point), rng.random() < 0.2
        found = result(f if is_plain else f.value_and_grad, *args)
        text = case.says("a call", repr(found))
        if case.error is not None:
            assert type(found) is type(case.error), text
            assert str(found) == str(case.error), text
        else:
            assert not isinstance(found, Exception), text
            case.check(found, "a call", 1 if is_plain else None)


def batch(f, program, cases, **options):
    """The numbers of .map, each a column or a sum, or the error; the columns stay as they are."""
    given = columns(program, [c.point for c in cases])
    found = result(f.value_and_grad.map, *given, **options)
    again = columns(program, [c.point for c in cases])
    assert np.array_equal(flat(given), flat(again), equal_nan=True), "the caller's arrays changed"
    return found


def as_rows(f, program, cases, rng):
    fine = [c for c in cases if c.error is None]
    if fine:
        rows = rng.choices(fine, k=rng.randint(1, 40))
        found = batch(f, program, rows)
        for i, case in enumerate(rows):
            how = f"row {i} of {len(rows)}"
            assert not isinstance(found, Exception), case.says(how, repr(found))
            case.check([column[i] for column in found], how)
    if finite := [c for c in fine if all(map(math.isfinite, c.wanted))]:
        found = batch(f, program, finite, reduce="sum")
        for i in range(1 + program.numbers):
            terms = [c.wanted[i] for c in finite]
            wanted = math.fsum(terms)
            bound = CLOSE * sum(map(abs, terms)) + sum(c.bounds[i] for c in finite if c.bounds)
            text = (f"the sum of rows, number {i}: {found} instead of {wanted}\n{program}\n"
                    f"at {[c.point for c in finite]}")  # fmt: skip
            assert not isinstance(found, Exception), text
            assert abs(float(found[i]) - wanted) <= bound or bound == math.inf, text
    for case in [c for c in cases if c.error is not None][:2]:
        rows = rng.choices(fine, k=rng.randint(0, 6)) if fine else []
        at = rng.randint(0, len(rows))
        rows.insert(at, case)
        found = batch(f, program, rows)
        text = case.says(f"row {at} of {len(rows)}", repr(found))
        assert type(found) is type(case.error), text
        assert str(case.error) in told(found), text
        assert f"row {at}" in told(found), text


def property_of(make, strict, examples, most=14):
    """For `examples` functions that hypothesis draws, and makes short where one fails."""
    counts = Counter()

    @settings(max_examples=examples, derandomize=True, deadline=None, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(programs())
    def each(program):
        counts.update(examine(program, make, strict, most))

    each()
    return counts


@pytest.mark.parametrize(("backend", "mode", "examples", "most"), CONFIGURATIONS)
def test_random_functions_on_all_sides_of_their_branches(backend, mode, examples, most):
    counts = property_of(
        lambda program: compiled(program, backend, mode), mode == "strict", examples, most)
    print(f"{backend}, {mode}: {dict(counts)}")
    assert counts["programs"] >= examples
    assert counts["paths"] > 3 * examples  # functions do branch, and points take the branches
    assert counts["raised"] > examples // 10
    assert counts["left_out"] < counts["points"] / 4


# The test itself, without compiled code: a stand-in, right and with faults


class Standin:
    """Does with Runs what compiled code does."""

    def __init__(self, program, run=Run, **wrong):
        self.program, self.run, self.wrong = program, run, wrong
        self.value_and_grad = lambda *args: self.both(flat(args))
        self.value_and_grad.map = self.map

    def __call__(self, *args):
        return self.both(flat(args))[0]

    def both(self, point):
        run = self.run(self.program, point, **self.wrong)
        if run.error:
            raise run.error
        slopes = self.program.arguments([number(x) for x in run.gradient])
        return number(run.y), tuple(slopes)

    def map(self, *args, reduce=None):
        found = []
        for i, point in enumerate(zip(*flat(args))):
            try:
                found.append(flat(self.both(point)))
            except Exception as error:
                error.args = (f"{error}, in {self.row(i)}",)
                raise
        y, *slopes = np.array(found).T
        if reduce:
            y, *slopes = [sum(c) for c in (y, *slopes)]
        return y, tuple(self.program.arguments(slopes))

    def row(self, i):
        return f"row {i}"


def frozen(program):
    """The branches of the first call are taken in all calls, as recorders do."""
    first = []

    def run(program, point):
        if not first:
            found = Run(program, point)
            first.append(found.outcomes)
            return found
        return Run(program, point, outcomes=first[0])

    return Standin(program, run)


def with_attached_data(program):
    return Standin(program, data=lambda v: v)


OPPOSITE = {operator.lt: operator.ge, operator.le: operator.gt, operator.gt: operator.le,
            operator.ge: operator.lt, operator.eq: operator.ne, operator.ne: operator.eq}  # fmt: skip


def with_opposites(program):
    """not a < b is taken for a >= b, wrong for nan."""
    return Standin(program, compare=lambda how, a, b: not OPPOSITE[how](a, b))


def with_closed_ends(program):
    closed = {operator.lt: operator.le, operator.gt: operator.ge}
    return Standin(program, compare=lambda how, a, b: closed.get(how, how)(a, b))


def wrong_row(program):
    found = Standin(program)
    found.row = lambda i: f"row {i + 1}"
    return found


def without_errors(program):
    found = Standin(program)
    both = found.both

    def silent(point):
        try:
            return both(point)
        except ValueError:
            return 0.0, tuple(program.arguments([0.0] * program.numbers))

    found.both = silent
    return found


def of_other_bits(program):
    return Standin(program, rounding=random.Random(1))


def in_swapped_rows(program):
    """A batch split by path is put together in the wrong order."""
    found, rows = Standin(program), Standin(program).map

    def swapped(*args, reduce=None):
        y, slopes = rows(*args, reduce=reduce)
        return (y, slopes) if reduce else (y[::-1], slopes)

    found.value_and_grad.map = swapped
    return found


@pytest.mark.parametrize("strict", [True, False])
def test_a_right_stand_in_passes(strict):
    counts = property_of(Standin, strict, 25)
    assert counts["programs"] >= 25


def test_other_roundings_pass_where_fast():
    property_of(of_other_bits, False, 25)


FAULTS = [frozen, with_attached_data, with_opposites, with_closed_ends, wrong_row, without_errors,
          in_swapped_rows]  # fmt: skip


def failures(make, strict, functions):
    found = []
    for seed in range(functions):
        try:
            examine(written(random.Random(seed)), make, strict)
        except AssertionError as error:
            found.append(str(error))
    return found


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_found(fault, strict):
    found = failures(fault, strict, 24)
    assert all("def f(" in text for text in found)
    assert len(found) >= (12 if fault is frozen else 1)


def test_other_bits_are_found_where_strict():
    assert len(failures(of_other_bits, True, 20)) > 10


def kernels():
    """The classes that run programs, wherever they are."""
    found = []
    for module in pkgutil.iter_modules(ag.program.__path__):
        try:
            loaded = importlib.import_module(f"autograd_lite.program.{module.name}")
        except ImportError:
            continue
        found += [x for x in vars(loaded).values() if inspect.isclass(x)
                  and x.__name__.endswith("Kernel")]
    return found


@pytest.fixture
def forgetful():
    """Kernels that were made with a fault are used by no other test."""

    def forget():
        for name, module in [*sys.modules.items()]:
            if name.startswith("autograd_lite.compile"):
                for x in vars(module).values():
                    getattr(x, "cache_clear", int)()

    forget()
    yield
    forget()


@pytest.mark.parametrize("backend", ["python", "numpy", pytest.param("llvm", marks=needs_llvm)])
def test_guards_that_are_not_checked_are_found(backend, monkeypatch, forgetful):
    """Each kernel gets its program without the guards."""
    assert kernels()
    for kernel in kernels():

        def unguarded(self, program, *args, right=kernel.__init__, **named):
            bare = Program.trusted(program.inputs, program.instructions, program.outputs)
            right(self, bare, *args, **named)

        monkeypatch.setattr(kernel, "__init__", unguarded)
    f = compiled(Branching("def f(x):\n    return x*2 if x > 0 else x*3"), backend, "fast")
    assert f(1.0) == 2.0
    assert f(-1.0) == -2.0  # as AADC: the fault is in place
    assert len(failures(lambda program: compiled(program, backend, "fast"), False, 12)) > 3


def test_runs_have_the_bits_of_eager_code():
    comparisons = 0
    for seed in range(40):
        program = written(random.Random(seed))
        for point in sides(program, random.Random(seed)):
            wanted, error = eager(program, point)
            run = Run(program, point)
            comparisons += len(run.outcomes)
            if error:
                assert (type(error), str(error)) == (type(run.error), str(run.error))
                continue
            found = [number(x) for x in (run.y, *run.gradient)]
            assert np.array_equal(found, wanted, equal_nan=True), program
    assert comparisons > 3000


# By hand

BACKENDS = ["python", "numpy", pytest.param("llvm", marks=needs_llvm)]


@pytest.fixture(params=BACKENDS)
def make(request):
    """ag.compile with each backend."""
    return lambda f, **options: ag.compile(f, backend=request.param, **options)


def agrees(f, g, *points):
    """Compiled g with eager f, at points and as a batch of them."""
    for x in points:
        wanted, found = ag.value_and_grad(f)(x), g.value_and_grad(x)
        assert found == pytest.approx(wanted, rel=1e-14, nan_ok=True), x
        assert g(x) == pytest.approx(wanted[0], rel=1e-14, nan_ok=True), x
    y, slope = g.value_and_grad.map(np.array(points))
    for i, x in enumerate(points):
        wanted = ag.value_and_grad(f)(x)
        assert (y[i], slope[i]) == pytest.approx(wanted, rel=1e-14, nan_ok=True), x


class TestByHand:
    def test_the_other_side_of_a_branch(self, make):
        def f(x):
            return x * 2 if x > 0 else x * 3

        g = make(f)
        assert (g(1.0), g(-1.0), g(0.0), g(2.0)) == (2.0, -3.0, 0.0, 4.0)
        assert (g.grad(1.0), g.grad(-1.0), g.grad(0.0)) == (2.0, 3.0, 3.0)
        agrees(f, make(f), 1.0, -1.0, 0.0, -0.0, math.inf, -math.inf, math.nan)
        assert g.map(np.array([1.0, -1.0, 2.0])).tolist() == [2.0, -3.0, 4.0]

    def test_nan_is_on_neither_side(self, make):
        points = [0.0, 2.0, math.nan, 1.0]

        def refused(x):
            return x * 2 if not x < 1 else x * 3

        def accepted(x):
            return x * 2 if x >= 1 else x * 3

        def both(x):
            return x * 5 if x < 1 else x * 7 if x >= 1 else 11.0

        for f in (refused, accepted, both):
            agrees(f, make(f), *points)
            agrees(f, make(f), *reversed(points))
        assert make(both)(math.nan) == 11.0
        assert make(lambda x: 1.0 * (x == x))(math.nan) == 0.0

    def test_a_loop_of_another_length(self, make):
        def f(x):
            n = 0
            while x > 1 and n < 50:
                x, n = x / 2 + 0.1, n + 1
            return x * n

        agrees(f, make(f), 0.5, 3.0, 100.0, 1.0, 7.0, math.inf)

    def test_sorted_max_and_min_of_lists(self, make):
        def f(xs):
            low, *_, high = sorted(xs)
            return low * 2 + high * 3 + max(xs) * min(xs) + max(xs[0], 1.5)

        g = make(f)
        lists = [[1.0, 2.0, 3.0], [3.0, 1.0, 2.0], [2.0, 2.0, 1.0], [math.nan, 1.0, 0.0]]
        for xs in lists:
            y, slopes = ag.value_and_grad(f)(xs)
            found = g.value_and_grad(xs)
            assert [found[0], *found[1]] == pytest.approx([y, *slopes], nan_ok=True)

    def test_an_early_return_of_another_structure(self, make):
        def f(x):
            if x < 0:
                return {"low": x, "square": x * x}
            return [x, 2.0, (x * 3.0, x)]

        g = make(f)
        for x in (1.0, -1.0, 2.0, -3.0):
            assert g(x) == f(x)
            assert g.jacobian(x) == ag.jacobian(f)(x)

    def test_a_constant_result_and_a_result_that_is_an_argument(self, make):
        def f(x):
            return 7.0 if x > 1 else x

        agrees(f, make(f), 0.0, 2.0, 1.0)

    def test_second_derivatives_follow_the_branch(self, make):
        def f(x):
            return x**3 if x > 0 else x * x

        g = make(f)
        for x in (2.0, -1.0, 0.0, 3.0):
            assert g.hessian(x) == pytest.approx(ag.hessian(f)(x))
            assert g.hvp(x, 2.0) == pytest.approx(ag.hvp(f)(x, 2.0))

    def test_data_is_a_number_without_gradient(self, make):
        def f(x):
            return x * x.data + (x.data if x.data > 0 else 3 * x)

        agrees(f, make(f), 2.0, -3.0, 0.0)

    def test_a_captured_value_is_read_at_each_call(self, make):
        w = Value(3.0)
        g = make(lambda x: x * w if w > 2 else x + w)
        assert (g(2.0), g.grad(2.0)) == (6.0, 3.0)
        w.data = 5.0
        assert (g(2.0), g.grad(2.0)) == (10.0, 5.0)
        w.data = 1.0
        assert (g(2.0), g.grad(2.0)) == (3.0, 1.0)
        assert g.map(np.array([1.0, 2.0])).tolist() == [2.0, 3.0]
        assert w.grad == 0.0

    def test_constants_that_differ_in_the_sign_of_zero_or_are_nan(self, make):
        assert make(lambda x: 1.0 / (x * 0.0))(2.0) == math.inf
        assert make(lambda x: 1.0 / (x * -0.0))(2.0) == -math.inf
        assert math.isnan(make(lambda x: 1.0 / (x * math.nan))(2.0))

    def test_a_constant_slope_of_zero_times_infinity_is_nan(self, make):
        def f(x):
            return abs(x) / (0.0 * ag.exp(x))

        agrees(f, make(f), -0.25, 1.0)

    def test_a_captured_number_is_a_constant(self, make):
        k = 2.0
        g = make(lambda x: x * k)
        assert g(1.0) == 2.0
        k = 3.0
        assert g(1.0) == 2.0

    def test_str_bool_and_none_make_programs_of_their_own(self, make):
        def f(x, how="twice", flag=True, extra=None):
            y = x * 2 if how == "twice" else x * 3
            y = y + 1 if flag else y
            return y if extra is None else y * extra

        g = make(f)
        for args in ((1.0,), (1.0, "thrice"), (1.0, "twice", False), (1.0, "twice", False, 5.0),
                     (1.0, "thrice", True, None), (1.0,)):  # fmt: skip
            assert g(*args) == f(*args)

    def test_an_int_is_a_float_unless_static(self, make):
        def f(x, n):
            return x * sum([1.0] * n) if isinstance(n, int) else x * n

        g = make(f, static=(1,))
        assert [g(2.0, n) for n in (3, 4, 3)] == [6.0, 8.0, 6.0]
        assert make(lambda x, n: x * n)(2.0, 3) == 6.0

    def test_where_and_masks_make_no_paths(self, make):
        def f(x):
            return ag.where((x > 0) & (x < 2) | (x == 5.0), x * 2, ag.where(x < -1, 1.0, -x))

        g = make(f)
        agrees(f, g, 1.0, -1.0, 5.0, 3.0, 0.0, 2.0, -2.0, math.nan)
        assert g.paths().count("# path") == 1

    def test_an_arm_that_is_not_taken_leaks_nothing(self, make):
        def f(x):
            return ag.where(x > 0, ag.sqrt(x), 0.0) + ag.maximum(x, 0.5)

        agrees(f, make(f), 4.0, -1.0, 0.0, 0.5)

    def test_shared_arguments_and_sums(self, make):
        def f(w, x, y):
            return (w * x - y) ** 2 if x > 0 else w * y

        g = make(f)
        x, y = np.array([1.0, -1.0, 2.0, -0.5, 3.0]), np.array([0.5, 1.5, 2.5, 3.5, 4.5])
        rows = [ag.value_and_grad(f)(0.7, a, b) for a, b in zip(x.tolist(), y.tolist())]
        found = g.value_and_grad.map(0.7, x, y, in_axes=(None, 0, 0))
        assert found[0] == pytest.approx([a for a, _ in rows])
        total = [sum(a) for a in zip(*rows)]
        assert g.value_and_grad.map(0.7, x, y, in_axes=(None, 0, 0), reduce="sum") == pytest.approx(total)
        mean = [a / 5 for a in total]
        assert g.value_and_grad.map(0.7, x, y, in_axes=(None, 0, 0), reduce="mean") == pytest.approx(mean)

    def test_an_error_is_that_of_the_function(self, make):
        def f(x):
            if x > 3:
                raise KeyError("too large")
            return x * 2

        g = make(f)
        assert g(1.0) == 2.0
        for _ in range(2):
            with pytest.raises(KeyError, match="too large"):
                g(4.0)
            with pytest.raises(KeyError) as caught:
                g.map(np.array([1.0, 2.0, 7.0, 0.0]))
            assert "row 2" in told(caught.value)
        assert g(2.0) == 4.0
        assert g.map(np.array([1.0, 2.0])).tolist() == [2.0, 4.0]

    def test_too_many_paths(self, make):
        def f(x):
            total = 0.0
            for k in range(30):
                if x > k:  # the line to name
                    total = total + x * k
            return total

        line = f.__code__.co_firstlineno + 3
        g = make(f, max_paths=4)
        points = [k + 0.5 for k in range(-1, 31)]
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            for x in points:
                assert g.value_and_grad(x) == pytest.approx(ag.value_and_grad(f)(x))
            y, slopes = g.value_and_grad.map(np.array(points))
        assert y == pytest.approx([f(x) for x in points])
        assert slopes == pytest.approx([ag.grad(f)(x) for x in points])
        assert len(caught) == 1
        text = str(caught[0].message)
        assert str(line) in text
        assert "where" in text
        assert "maximum" in text
        assert g.paths().count("# path") <= 4

    @pytest.mark.parametrize("leak", [
        lambda x: math.sin(x), lambda x: x * float(x), lambda x: x * int(x),
        lambda x: np.zeros(2).__setitem__(0, x) or x,
    ], ids=["math", "float", "int", "array"])  # fmt: skip
    @pytest.mark.parametrize("x", [0.5, -0.5])
    def test_a_number_that_leaks(self, make, leak, x):
        g = make(lambda x: leak(x) if x < 0 else leak(x) * 2)
        with pytest.raises(TypeError, match=r"drop its gradient: use \.data"):
            g(x)
        with pytest.raises(TypeError, match=r"\.data"):
            g.value_and_grad(x)

    def test_backward_inside(self, make):
        def f(x):
            y = x * x
            y.backward()
            return y

        with pytest.raises((TypeError, RuntimeError, ValueError), match="backward"):
            make(f)(2.0)

    def test_random_numbers_warn(self, make):
        with pytest.warns(UserWarning, match="random"):
            make(lambda x: x * random.random())(2.0)

    def test_no_gradient_is_written(self, make):
        x = Value(2.0)
        w = Value(3.0)
        make(lambda x: x * w if x > 0 else x).value_and_grad(2.0)
        assert x.grad == w.grad == 0.0

    @pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 8, 9, 31])
    def test_batches_of_every_length(self, make, n):
        def f(x):
            return x * 2 if x > 0 else x * x

        points = [(-1.0) ** k * (k + 1) for k in range(n)]
        y, slopes = make(f).value_and_grad.map(np.array(points))
        assert y.tolist() == [f(x) for x in points]
        assert slopes.tolist() == [ag.grad(f)(x) for x in points]

    def test_rows_apart_in_memory(self, make):
        def f(x):
            return x * 2 if x > 0 else x * x

        table = np.arange(-6.0, 6.0).reshape(4, 3)
        table.flags.writeable = False
        assert make(f).map(table[:, 1]).tolist() == [f(x) for x in table[:, 1]]
        assert make(f).map(table[::-1, 0]).tolist() == [f(x) for x in table[::-1, 0]]


