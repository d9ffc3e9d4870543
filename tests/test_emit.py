"""Programs as Python and NumPy source: each row of the table, guards, shared inputs, big programs."""

from __future__ import annotations

import math
import random
import struct
import subprocess
import sys
import time
import tracemalloc
from array import array
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ALL_ROWS, points

from autograd_lite import Instruction, Program, operation
from autograd_lite.ieee import floats, fsum
from autograd_lite.ops import CUSTOM, FLAT
from autograd_lite.program import emit
from autograd_lite.program.emit import NumpyKernel, PythonKernel, numpy_source, python_source

np = pytest.importorskip("numpy")

KERNELS = [PythonKernel, NumpyKernel]
EDGES = (0.0, -0.0, 1.0, -1.0, 0.5, 2.0, -3.0, 5e-324, 1e-300, 1e300, -1e300, 709.9, -745.2,
         math.inf, -math.inf, math.nan)  # fmt: skip
CANCELLING = ((1e16, 1.0, -1e16), (0.0, -40.0))  # where a plain sum loses all digits
UNARY = ("neg", "exp", "log", "sqrt", "tanh", "sigmoid", "abs", "detach")
BINARY = ("add", "sub", "mul", "div", "pow", "maximum", "hypot", "mod")
COMPARISONS = ("lt", "le", "gt", "ge", "eq", "ne")


def bits(xs):
    return [struct.pack("d", math.nan if x != x else x) for x in xs]


def reference(program, xs):
    """Status and outputs, instruction by instruction."""
    slots = program.slots(xs, floats)
    for i, (slot, outcome) in enumerate(program.guards):
        if bool(slots[slot]) != outcome:
            return i, None
    return -1, [slots[y] if y.__class__ is int else y for y in program.outputs]


def near(got, wanted, ulps=64, absolute=1e-290):
    assert np.shape(got) == np.shape(wanted)
    for a, b in zip(np.ravel(got).tolist(), np.ravel(wanted).tolist()):
        assert a == b or (a != a and b != b) or abs(a - b) <= ulps * math.ulp(b) + absolute, (a, b)


def cases(row):
    """Sample points of a row, and edges."""
    if row.name in FLAT:
        found = product(EDGES, repeat=row.arity or 2)
        # which of a nan and a number is the larger depends on who is asked first
        return [xs for xs in found if row.arity or not any(map(math.isnan, xs))]
    edges = product(EDGES, repeat=row.arity) if row.arity in (1, 2) else ()
    if row.name == "round":
        edges = [xs for xs in edges if abs(xs[1]) < 300.0]
    return [*points(row), *edges]


def single(row, arity):
    """The program of one instruction; a condition is made visible as 1 or 0."""
    names = [f"a_{i}" for i in range(arity)]
    if row.name in ("and", "or", "not"):
        lines = [Instruction("lt", (i, 0.75)) for i in range(arity)]
        lines.append(Instruction(row.name, tuple(range(arity, 2 * arity))))
    else:
        lines = [Instruction(row.name, tuple(range(arity)))]
    if row.name in COMPARISONS or row.name in ("and", "or", "not"):
        lines.append(Instruction("where", (arity + len(lines) - 1, 1.0, 0.0)))
    return Program(names, lines, [arity + len(lines) - 1])


@pytest.mark.parametrize("row", [*ALL_ROWS, *FLAT.values()], ids=lambda row: row.name)
def test_each_row_at_its_points_and_at_the_edges(row):
    by_size = {}
    for case in cases(row):
        by_size.setdefault(len(case), []).append(case)
    for arity, found in by_size.items():
        program = single(row, arity)
        wanted = [reference(program, case)[1] for case in found]
        python, numpy = PythonKernel(program), NumpyKernel(program)
        for case, ys in zip(found, wanted):
            status, got = python.point(case)
            assert (status, bits(got)) == (-1, bits(ys)), case
        columns = [np.array(column) for column in zip(*found)]
        status, got = python.rows(columns, len(found))
        assert status is None
        assert bits(got[0].tolist()) == bits([y for (y,) in wanted])
        status, got = numpy.rows(columns, len(found))
        assert status is None
        for case, a, (b,) in zip(found, got[0].tolist(), wanted):
            if case not in CANCELLING:
                near([a], [b], ulps=256)


@st.composite
def programs(draw):
    """A program with guards, and which of its inputs are shared."""
    n = draw(st.integers(0, 4))
    lines, numbers, conditions = [], list(range(n)), []

    def number():
        constants = st.floats(-4, 4) | st.sampled_from(EDGES)
        return draw(st.sampled_from(numbers[-6:]) | constants if numbers else constants)

    for _ in range(draw(st.integers(0, 45))):
        slot = n + len(lines)
        kinds = ["unary", "binary", "binary", "many", "compare", "where"]
        kind = draw(st.sampled_from([*kinds, "logic", "not"] if conditions else kinds))
        if kind in ("compare", "logic", "not"):
            if kind == "compare":
                line = (draw(st.sampled_from(COMPARISONS)), (number(), number()))
            elif kind == "not":
                line = ("not", (draw(st.sampled_from(conditions)),))
            else:
                pair = st.sampled_from(conditions)
                line = (draw(st.sampled_from(["and", "or"])), (draw(pair), draw(pair)))
            conditions.append(slot)
        else:
            if kind == "unary":
                line = (draw(st.sampled_from(UNARY)), (number(),))
            elif kind == "binary":
                line = (draw(st.sampled_from(BINARY)), (number(), number()))
            elif kind == "where":
                test = draw(st.sampled_from(conditions)) if conditions else number()
                line = ("where", (test, number(), number()))
            else:
                args = tuple(number() for _ in range(draw(st.integers(2, 5))))
                line = (draw(st.sampled_from(["dot", "sum", "prod", "shift", "size"])), args)
            numbers.append(slot)
        lines.append(Instruction(*line))
    some = st.lists(st.sampled_from(conditions), max_size=4) if conditions else st.just([])
    guards = [(slot, draw(st.booleans())) for slot in draw(some)]
    outputs = [number() for _ in range(draw(st.integers(0, 3)))]
    shared = tuple(draw(st.booleans()) for _ in range(n))
    return Program([f"x_{i}" for i in range(n)], lines, outputs, guards), shared


@given(programs(), st.randoms(use_true_random=False), st.sampled_from([0, 1, 7]))
def test_random_programs(made, rnd, n):
    program, shared = made
    one = [rnd.choice([rnd.gauss(0, 2), rnd.choice(EDGES)]) for _ in shared]
    rows = [[x if s else rnd.choice([rnd.gauss(0, 2), rnd.choice(EDGES)])
             for x, s in zip(one, shared)] for _ in range(n)]  # fmt: skip
    wanted = [reference(program, row) for row in rows]
    columns = [x if s else np.array([row[i] for row in rows])
               for i, (x, s) in enumerate(zip(one, shared))]  # fmt: skip
    for pattern in (None, shared):
        kernel = PythonKernel(program, strict=True, shared=pattern)
        for row, (status, ys) in zip(rows, wanted):
            got = kernel.point(row)
            assert got[0] == status
            assert ys is None or bits(got[1]) == bits(ys)
    status, got = kernel.rows(columns, n)
    statuses = [i for i, _ in wanted]
    assert statuses == ([-1] * n if status is None else status.tolist())
    held = [j for j, i in enumerate(statuses) if i < 0]
    for j in held:
        assert bits(got[:, j].tolist()) == bits(wanted[j][1])
    status2, sums = kernel.rows(columns, n, reduce=True)
    assert np.array_equal(status, status2)
    assert bits(sums.tolist()) == bits(
        [fsum([wanted[j][1][k] for j in held]) for k in range(len(program.outputs))]
    )
    numpy = NumpyKernel(program, shared=shared)
    assert got.shape == numpy.rows(columns, n)[1].shape
    assert sums.shape == numpy.rows(columns, n, reduce=True)[1].shape


SAFE = Program(  # what NumPy and math round alike
    ["x", "w^1_{2,1}", "lambda", "v1"],
    [
        Instruction("mul", (0, 1)),
        Instruction("lt", (4, 2.0)),
        Instruction("mul", (1, 2)),
        Instruction("gt", (6, -50.0)),
        Instruction("div", (6, 3)),
        Instruction("gt", (0, -1.5)),
        Instruction("where", (9, 4, 8)),
        Instruction("sqrt", (2,)),
        Instruction("add", (10, 11)),
        Instruction("eq", (0, 0.0)),
    ],
    [12, 8, 0, 1, 2.5],
    [(5, True), (7, True), (13, False)],
)


@pytest.mark.parametrize("n", [0, 1, 2, 4096, 4097, 9001])
@pytest.mark.parametrize("pattern", [(), (1,), (1, 2), (0, 3), (1, 2, 3), (0, 1, 2, 3)])
def test_rows_are_points_also_when_inputs_are_shared(n, pattern):
    rng = np.random.default_rng(n)
    columns = [rng.normal(size=2 * n)[::2] if i % 2 else rng.normal(size=n) for i in range(4)]
    if n > 1:
        columns[0][::7] = 0.0
        columns[0][1::11] = math.nan
    columns = [0.5 + i if i in pattern else c for i, c in enumerate(columns)]
    before = [np.copy(c) for c in columns]
    for c in columns:
        if not isinstance(c, float):
            c.flags.writeable = False
    rows = [[float(c if i in pattern else c[j]) for i, c in enumerate(columns)] for j in range(n)]
    wanted = [reference(SAFE, row) for row in rows]
    shared = tuple(i in pattern for i in range(4))
    for kernel in (K(SAFE, shared=shared) for K in KERNELS):
        status, got = kernel.rows(columns, n)
        assert got.shape == (5, n)
        assert got.flags.c_contiguous
        statuses = [-1] * n if status is None else status.tolist()
        assert statuses == [i for i, _ in wanted]
        assert status is None or (status.dtype == np.int32 and status.max() >= 0)
        held = [j for j in range(n) if statuses[j] < 0]
        for j in held:
            assert bits(got[:, j].tolist()) == bits(wanted[j][1])
        for j in range(min(n, 20)):
            status_j, ys = kernel.point(rows[j])
            assert status_j == statuses[j]
            assert status_j >= 0 or bits(ys) == bits(wanted[j][1])
        status2, sums = kernel.rows(columns, n, reduce=True)
        assert np.array_equal(status, status2)
        assert sums.shape == (5,)
        exact = [fsum(got[k, held].tolist()) for k in range(5)]
        size = [fsum(np.abs(got[k, held]).tolist()) for k in range(5)]
        for a, b, s in zip(sums.tolist(), exact, size):
            assert a == b or (a != a and b != b) or abs(a - b) <= 1e-13 * s
    assert all(np.array_equal(c, b, equal_nan=True) for c, b in zip(columns, before))


def test_what_is_shared_is_computed_once():
    calls = []
    operation("counted", lambda m, x: calls.append(x) or x * 2.0, lambda m, y, x: (2.0,))
    try:
        program = Program(
            ["x", "w"], [Instruction("counted", (1,)), Instruction("mul", (0, 2))], [3, 2]
        )
        for kernel in (K(program, shared=(False, True)) for K in KERNELS):
            calls.clear()
            _, got = kernel.rows([np.arange(9000.0), 1.5], 9000)
            assert calls == [1.5]
            assert np.array_equal(got, [np.arange(9000.0) * 3.0, np.full(9000, 3.0)])
            assert "def common(w):\n    v1 = counted(w)\n" in kernel.source
    finally:
        del CUSTOM["counted"]


def test_operations_of_the_users_own():
    for name in ("lambda", "v1", "program", "x", "status", "softsign_"):
        mine = operation(name, lambda m, a: m.div(a, 1.0 + m.abs(a)), lambda m, y, a: (1.0,))
        try:
            lines = [Instruction(name, (0,)), Instruction("exp", (1,)), Instruction("lt", (2, 2.0))]
            program = Program(["x"], lines, [2], [(3, True)])
            wanted = math.exp(mine(0.7))
            assert PythonKernel(program).point([0.7]) == (-1, (wanted,))
            near(NumpyKernel(program).rows([np.array([0.7])], 1)[1], [[wanted]])
        finally:
            del CUSTOM[name]


def test_names_of_inputs_become_identifiers():
    names = ["w^1_{2,1}", "w¹₂,₁", "x", "class", r"\theta_1", "θ", "exp", "v1", "", "1", "nan", "ŷ"]
    names += ["x3", "(", "if x: import os\n", "status", "_", "__debug__", "guard", "a b", "ﬁ"]
    program = Program(names, [Instruction("exp", (i,)) for i in range(len(names))], [len(names)])
    xs = [i / 10 for i in range(len(names))]
    assert PythonKernel(program).point(xs) == (-1, (1.0,))
    first = python_source(program).splitlines()[0]
    assert first.startswith(
        "def program(w_1_2_1, w12_1, x, x4, theta_1, θ, x7, v1, x9, x10, x11, ŷ"
    )
    assert python_source(SAFE) == (
        "def program(x, w_1_2_1, x3, v1):\n"
        "    v1_ = x * w_1_2_1\n"
        "    if not v1_ < 2.0: return 0, ()\n"
        "    v3 = w_1_2_1 * x3\n"
        "    if not v3 > -50.0: return 1, ()\n"
        "    v5 = div(v3, v1)\n"
        "    v7 = v1_ if x > -1.5 else v5\n"
        "    v8 = sqrt(x3)\n"
        "    v9 = v7 + v8\n"
        "    if x == 0.0: return 2, ()\n"
        "    return -1, (v9, v5, x, w_1_2_1, 2.5)\n"
    )


def test_the_shown_source_executes():
    names = emit.namespace(SAFE)
    exec(python_source(SAFE), names)
    assert names["program"](1.0, 0.5, 4.0, 2.0) == (-1, (2.5, 1.0, 1.0, 0.5, 2.5))
    names = emit.namespace(SAFE, numpy=True)
    exec(numpy_source(SAFE), names)
    status = np.full(3, -1, np.int32)
    found = names["program"](status, np.array([1.0, 9.0, 0.0]), 0.5, 4.0, 2.0)
    assert status.tolist() == [-1, 0, 2]
    assert found[0].tolist() == [2.5, 6.5, 2.0]
    assert "def common(" in numpy_source(SAFE, (False, True, True, True))


def test_strict_needs_another_kernel():
    with pytest.raises(ValueError, match="strict"):
        NumpyKernel(SAFE, strict=True)


def test_edges_of_programs_without_instructions():
    for kernel in (K(Program(["x"], [], [0, 1.5, 0])) for K in KERNELS):
        assert list(kernel.point([2.0])[1]) == [2.0, 1.5, 2.0]
        assert kernel.rows([np.array([1.0, 2.0])], 2)[1].tolist() == [[1, 2], [1.5, 1.5], [1, 2]]
    for kernel in (K(Program([], [], [math.nan, -0.0])) for K in KERNELS):
        assert bits(kernel.rows([], 2)[1][:, 1].tolist()) == bits([math.nan, -0.0])
        assert bits(kernel.rows([], 2, reduce=True)[1].tolist()) == bits([math.nan, 0.0])
    for kernel in (K(Program([], [], [])) for K in KERNELS):
        assert kernel.point([])[0] == -1
        assert kernel.rows([], 5)[1].shape == (0, 5)


def test_a_failing_row_adds_nothing_not_even_nan():
    lines = [Instruction("log", (0,)), Instruction("gt", (0, 0.0))]
    program = Program(["x"], lines, [1], [(2, True)])
    column = np.array([1.0, -1.0, math.e, math.nan])
    for kernel in (K(program) for K in KERNELS):
        status, sums = kernel.rows([column], 4, reduce=True)
        assert status.tolist() == [-1, 0, -1, 0]
        assert sums.tolist() == [1.0]


def big(instructions, inputs):
    rnd, n = random.Random(5), inputs
    lines = []
    for k in range(instructions):
        top = n + k
        a, b = (rnd.randrange(max(0, top - 40), top) for _ in "ab")
        if k % 50 == 9:
            a = rnd.randrange(n)
        op = ("mul", "add", "tanh", "sub")[k % 4]
        lines.append(Instruction(op, (a,) if op == "tanh" else (a, b)))
    return Program([f"x_{i}" for i in range(n)], lines, [n + instructions - 1, n + 10])


def test_a_program_of_1e5_instructions():
    program = big(100_000, 1000)
    xs = [math.sin(i) for i in range(1000)]
    start = time.process_time()
    kernel = PythonKernel(program)
    assert time.process_time() - start < 20  # usually 2
    assert bits(kernel.point(xs)[1]) == bits(reference(program, xs)[1])


def test_memory_stays_bounded():
    program = big(5000, 3)
    kernel = NumpyKernel(program)
    columns = [np.linspace(-1, 1, 4096) for _ in range(3)]
    tracemalloc.start()
    _, got = kernel.rows(columns, 4096)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 400 * 4096 * 8  # of 5000 arrays
    wanted = reference(program, [float(c[17]) for c in columns])[1]
    assert np.allclose(got[:, 17], wanted, rtol=1e-9, equal_nan=True)


def test_many_inputs_are_one_sequence():
    n = 3000
    lines = [Instruction("dot", tuple(range(n))), Instruction("sum", tuple(range(0, n, 3)))]
    program = Program(
        [f"w_{i}" for i in range(n)], [*lines, Instruction("mul", (n, n + 1))], [n + 2]
    )
    xs = [math.cos(i) for i in range(n)]
    assert bits(PythonKernel(program).point(xs)[1]) == bits(reference(program, xs)[1])
    shared = tuple(i % 2 == 0 for i in range(n))
    columns = [x if s else np.full(3, x) for x, s in zip(xs, shared)]
    for kernel in (K(program, shared=shared) for K in KERNELS):
        _, got = kernel.rows(columns, 3)
        assert np.allclose(got, reference(program, xs)[1][0], rtol=1e-9)
    assert python_source(program).startswith("def program(*x):\n    v1 = dot(x[0], x[1], ")


WITHOUT = """
import sys
sys.modules["numpy"] = None
from array import array
from autograd_lite import Instruction, Program
from autograd_lite.program.emit import PythonKernel
lines = [Instruction("mul", (0, 1)), Instruction("lt", (2, 3.0))]
kernel = PythonKernel(Program(["x", "w"], lines, [2, 1.0], [(3, True)]), shared=(False, True))
print(kernel.rows([array("d", [1.0, 0.5]), 2.0], 2), kernel.rows([[1.0, 2.0], 2.0], 2, reduce=True))
"""


def test_rows_without_numpy():
    run = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True)
    assert run.stdout.strip() == "(None, [[2.0, 1.0], [1.0, 1.0]]) ([-1, 0], [2.0, 1.0])", (
        run.stderr
    )


def test_columns_may_be_lists_or_arrays_of_the_standard_library():
    program = Program(["x"], [Instruction("square", (0,))], [1])
    for column in ([1.0, 2.0], array("d", [1.0, 2.0]), np.array([1.0, 2.0])):
        assert PythonKernel(program).rows([column], 2)[1].tolist() == [[1.0, 4.0]]
