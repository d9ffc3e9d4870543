"""Machine code against floats: every operation at samples and edges, points, rows, sums, guards."""

from __future__ import annotations

import gc
import math
import random
import struct
import threading
import weakref

import pytest

np = pytest.importorskip("numpy")
pytest.importorskip("llvmlite")

import autograd_lite as ag  # noqa: E402
from autograd_lite.ieee import floats  # noqa: E402
from autograd_lite.ops import CONDITIONS, FLAT, TABLE  # noqa: E402
from autograd_lite.program import Instruction, Program, adjoint  # noqa: E402
from autograd_lite.program.llvm import LlvmKernel, chunks  # noqa: E402

inf, nan = math.inf, math.nan
EDGES = (nan, inf, -inf, 0.0, -0.0, 1.0, -1.0, 5e-324, -1e-310, 2.2250738585072014e-308, 1e308,
         -1e308, 0.5, -0.5, 1.5, -2.5, 3.0, 710.0, -750.0, 1e-20, 4503599627370497.5)  # fmt: skip
PLAIN = ["", "+sse2,+sse4.1", "+avx,+avx2,+fma"]

CANCEL = ("binary_cross_entropy",)  # differences of products: errors are those of the larger


def bits(x):
    return struct.pack("d", nan if x != x else x)


def near(a, b, largest=0.0):
    if a != a or b != b or math.isinf(a) or math.isinf(b):
        return bits(a) == bits(b)
    return abs(a - b) <= max(8 * math.ulp(b), 1e-12 * largest) and (
        bits(a) == bits(b) or a != 0.0 or b == 0.0 or abs(b) < 1e-300)


def program_of(op, arity):
    """One operation, as a number."""
    lines = [Instruction(op, tuple(range(arity)))]
    if op in ("and", "or", "not"):
        lines = [Instruction("gt", (i, 0.0)) for i in range(arity)]
        lines.append(Instruction(op, tuple(range(arity, 2 * arity))))
    if op in CONDITIONS:
        lines.append(Instruction("where", (arity + len(lines) - 1, 1.0, 0.0)))
    return Program([f"x{i}" for i in range(arity)], lines, [arity + len(lines) - 1])


def arguments(row):
    rng = random.Random(row.name)
    if row.arity == 1:
        return list(row.points()) + [(x,) for x in EDGES]
    if row.arity == 2:
        edges = EDGES if row.name != "round" else [nan, 0.0, 1.0, -2.0]
        return list(row.points()) + [(x, y) for x in EDGES for y in edges]
    n = row.arity or 5
    found = [xs for xs in row.points() if len(xs) == n]
    found += [tuple(rng.choice(EDGES) for _ in range(n)) for _ in range(60)]
    return found + [tuple(rng.uniform(-3, 3) for _ in range(n)) for _ in range(30)]


ROWS = [*TABLE.values(), *FLAT.values()]


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
@pytest.mark.parametrize("strict", [False, True])
def test_every_operation(row, strict):
    points = arguments(row)
    program = program_of(row.name, len(points[0]) if row.arity is None else row.arity)
    if row.arity is None:
        points = [p for p in points if len(p) == len(program.inputs)]
    kernel = LlvmKernel(program, strict=strict)
    columns = [np.array(c) for c in zip(*points)]
    _, out = kernel.rows(columns, len(points))
    for k, xs in enumerate(points):
        (want,) = program.run(list(xs), floats)
        status, (y,) = kernel.point(xs)
        assert status == -1
        if strict:
            assert bits(y) == bits(want), (xs, y, want)
        else:
            scale = max([abs(x) for x in xs if math.isfinite(x)] + [0.0])
            scale = scale * scale if row.name in ("dot", "l2_penalty") else scale
            assert near(y, want, scale if row.arity is None or row.name in CANCEL else 0.0), (xs, y, want)
        assert bits(out[0, k]) == bits(y), (xs, y, out[0, k])


@pytest.mark.parametrize("y", [0.0, 1.0, 2.0, 3.0, 7.0, 0.5, -0.5, -1.0, -2.0, -3.0, 2.5, nan, inf])
def test_powers_with_a_constant_exponent(y):
    program = Program(["x"], [Instruction("pow", (0, y))], [1])
    kernel = LlvmKernel(program)
    for x in [*EDGES, 0.3, -7.7, 1e-150]:
        assert near(kernel.point([x])[1][0], floats.pow(x, y)), x


@pytest.mark.parametrize("n", [1, 2, 3, 4, 17, 40])
def test_sums_in_strict_mode_are_rounded_once(n):
    program = Program([f"x{i}" for i in range(n)], [Instruction("sum", tuple(range(n)))], [n])
    kernel, rng = LlvmKernel(program, strict=True), random.Random(n)
    rows = [[rng.choice([1e16, 1.0, -1e16, 1e-20, 0.1, -0.3, 2.0**53, 5e-324]) * rng.uniform(-1, 1)
             for _ in range(n)] for _ in range(37)]
    rows += [[rng.choice([inf, 1e308, -1e308, 0.0, -0.0]) for _ in range(n)] for _ in range(9)]
    rows += [[1.0, 2.0**-53, 2.0**-110, 1.0][:n] + [0.0] * (n - 4)]  # half an ulp and a bit
    _, out = kernel.rows([np.array(c) for c in zip(*rows)], len(rows))
    for k, xs in enumerate(rows):
        want = floats.sum(*xs)
        assert bits(kernel.point(xs)[1][0]) == bits(want) == bits(out[0, k])


OPS = ["add", "sub", "mul", "div", "neg", "exp", "tanh", "sin", "log", "sqrt", "maximum", "sigmoid",
       "abs", "sum", "dot", "hypot", "logsumexp", "relu", "pow", "softplus", "lt"]  # fmt: skip


def random_program(seed, inputs=4, size=60, guards=0):
    rng = random.Random(seed)
    lines, numbers, conditions = [], [*range(inputs)], []
    for _ in range(size):
        op = rng.choice([*OPS, "where"] if conditions else OPS)
        pick = lambda: rng.choice(numbers[-12:]) if rng.random() < 0.85 else rng.uniform(-2, 2)  # noqa: E731
        row = TABLE.get(op) or FLAT[op]
        args = tuple(pick() for _ in range(row.arity or 5))
        if op == "where":
            args = (rng.choice(conditions), *args[1:])
        if op == "exp":  # lest all end as inf
            lines.append(Instruction("sin", args))
            args = (inputs + len(lines) - 1,)
        lines.append(Instruction(op, args))
        (conditions if op in CONDITIONS else numbers).append(inputs + len(lines) - 1)
    outputs = [*rng.sample(numbers, 5), numbers[-1], 2.5, 0, numbers[-1]]
    while guards and len(conditions) < guards:
        lines.append(Instruction("gt", (rng.choice(numbers), rng.uniform(-1, 1))))
        conditions.append(inputs + len(lines) - 1)
    chosen = [(rng.choice(conditions), rng.random() < 0.5) for _ in range(guards)]
    return Program([f"x{i}" for i in range(inputs)], lines, outputs, chosen)


def wanted(program, xs):
    """What a kernel is to give at a point: status and outputs."""
    slots = [*xs]
    for op, args in program.instructions:
        one = Program.trusted(["x"] * len(slots), [Instruction(op, args)], [len(slots)])
        slots += one.run(slots, floats)
    status = [g for g, (slot, outcome) in enumerate(program.guards) if slots[slot] != outcome]
    outputs = [slots[y] if y.__class__ is int else y for y in program.outputs]
    return status[0] if status else -1, outputs


def same(got, want, strict, tolerance=1e-6):
    if strict:
        return bits(got) == bits(want)
    if not math.isfinite(want) or abs(want) > 1e100 or not math.isfinite(got):
        return True  # contraction may decide an overflow or a cancellation
    return abs(got - want) <= tolerance * max(1.0, abs(want))


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("chunk", [7, 2000])
def test_random_programs(monkeypatch, strict, chunk):
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    for seed in range(6):
        program, rng = random_program(seed, guards=seed % 3), random.Random(seed)
        shared = [None, (True, False, False, True), (True,) * 4][seed % 3]
        kernel = LlvmKernel(program, strict=strict, shared=shared)
        for n in (0, 1, 9, 21):
            table = [[rng.uniform(-2, 2) for _ in range(n)] for _ in range(4)]
            for i, c in enumerate(table):
                if shared and shared[i] and n:
                    table[i] = [c[0]] * n
            columns = [(c[0] if n else 0.5) if shared and shared[i] else np.array(c)
                       for i, c in enumerate(table)]
            status, out = kernel.rows(columns, n)
            _, sums = kernel.rows(columns, n, reduce=True)
            assert out.shape == (9, n)
            assert sums.shape == (9,)
            good = [True] * n
            for k, xs in enumerate(zip(*table)):
                want_status, want = wanted(program, xs)
                found, ys = kernel.point(xs)
                assert found == want_status == (-1 if status is None else status[k])
                good[k] = found < 0
                for y, w, got in zip(ys, want, out[:, k]):
                    assert same(y, w, strict), (seed, xs)
                    assert bits(y) == bits(got) or (shared and same(got, y, strict))
            assert np.allclose(sums, out[:, good].sum(axis=1), equal_nan=True)


@pytest.mark.parametrize("features", PLAIN)
def test_other_processors(features):
    program, rng = random_program(3, guards=2), random.Random(5)
    for strict in (False, True):
        kernel = LlvmKernel(program, strict=strict, features=features)
        columns = [np.array([rng.uniform(-2, 2) for _ in range(11)]) for _ in range(4)]
        status, out = kernel.rows(columns, 11)
        assert ("llvm.fma" in kernel.source) == ("+fma" in features and not strict)
        for k, xs in enumerate(zip(*columns)):
            found, ys = kernel.point(xs)
            want_status, want = wanted(program, xs)
            assert found == want_status == status[k]
            assert [*map(bits, ys)] == [*map(bits, out[:, k])]
            assert all(same(y, w, strict) for y, w in zip(ys, want))


@pytest.mark.parametrize("n", [0, 1, 7, 8, 9, 1000])
def test_columns_of_any_stride(n):
    program = random_program(1)
    table = np.random.default_rng(0).normal(size=(n, 9))
    kernel = LlvmKernel(program)
    plain = kernel.rows([np.ascontiguousarray(table[:, i]) for i in range(4)], n)[1]
    constant = np.broadcast_to(np.float64(0.25), n)
    before = table.copy()
    assert kernel.rows([table[:, i] for i in range(4)], n)[1].tobytes() == plain.tobytes()
    backward = [table[::-1, i] for i in range(4)]
    assert kernel.rows(backward, n)[1].tobytes() == plain[:, ::-1].tobytes()
    mixed = [table[:, 0], constant, np.ascontiguousarray(table[:, 2]), table[:, 3]]
    assert kernel.rows(mixed, n)[1].tobytes() == kernel.rows([np.array(c) for c in mixed], n)[1].tobytes()
    assert (table == before).all()


@pytest.mark.parametrize("n", [0, 1, 8, 13, 16])
def test_blocks_are_columns_side_by_side(n):
    program = random_program(3, guards=1)
    table = np.random.default_rng(n).normal(size=(n, 3))
    kernel = LlvmKernel(program, shared=[True, False, False, False])
    frozen = np.asfortranarray(table[:, 1:])
    frozen.flags.writeable = False
    for reduce in (False, True):
        status, out = kernel.rows([0.5, *table.T], n, reduce)
        for blocks in ([table], [table[:, :0], table[:, :1], frozen], [np.repeat(table, 2, 0)[::2]]):
            found = kernel.batch(np.float64(0.5).tobytes(), blocks, n, reduce)
            assert found[0].tobytes() == status.tobytes()
            assert found[1].tobytes() == out.tobytes()


def test_guards_and_nan():
    """A guard is about its operator: not x < 1 is not x >= 1."""
    lines = [Instruction("lt", (0, 1.0)), Instruction("ge", (0, 1.0)), Instruction("mul", (0, 2.0))]
    for strict in (False, True):
        kernel = LlvmKernel(Program(["x"], lines, [3], [(1, False), (2, True)]), strict=strict)
        assert [kernel.point([x])[0] for x in (nan, 2.0, 0.5)] == [1, -1, 0]
        status, out = kernel.rows([np.array([nan, 2.0, 0.5, inf] * 5)], 20)
        assert status.tolist() == [1, -1, 0, -1] * 5
        assert out[0, 1] == 4.0
        status, sums = kernel.rows([np.array([nan, 2.0, 0.5, 3.0] * 5)], 20, reduce=True)
        assert sums.tolist() == [50.0]
        assert status.tolist() == [1, -1, 0, -1] * 5


def test_a_guard_that_is_known():
    lines = [Instruction("lt", (1.0, 2.0)), Instruction("add", (0, 1.0))]
    kernel = LlvmKernel(Program(["x"], lines, [2], [(1, True), (1, False)]))
    assert kernel.point([1.0])[0] == 1
    assert kernel.rows([np.ones(9)], 9)[0].tolist() == [1] * 9


def test_small_programs():
    assert LlvmKernel(Program([], [], [])).point([]) == (-1, [])
    assert LlvmKernel(Program([], [], [2.0])).point([]) == (-1, [2.0])
    status, out = LlvmKernel(Program([], [], [2.0])).rows([], 9)
    assert status is None
    assert out.tolist() == [[2.0] * 9]
    assert LlvmKernel(Program([], [], [2.0])).rows([], 9, reduce=True)[1].tolist() == [18.0]
    assert LlvmKernel(Program([], [], [])).rows([], 9)[1].shape == (0, 9)
    kernel = LlvmKernel(Program(["x", "y"], [], [1, 0]), shared=(True, False))
    assert kernel.rows([3.0, np.arange(10.0)], 10)[1][0].tolist() == [*range(10)]
    assert kernel.point([1.0, 2.0]) == (-1, [2.0, 1.0])


def test_operations_of_the_user(request):
    from autograd_lite.ops import CUSTOM

    names = ["llvm_soft", "llvm_python", "llvm_raises"]
    request.addfinalizer(lambda: [CUSTOM.pop(name, None) for name in names])

    def fails(m, x):
        if x > 2.0:
            raise ArithmeticError("too large")
        return math.sin(x)

    slope = lambda m, y, x: (1.0,)  # noqa: E731
    ag.operation(names[0], lambda m, x: m.div(x, 1.0 + m.abs(x)), slope)
    ag.operation(names[1], lambda m, x: math.gamma(x), slope)
    ag.operation(names[2], fails, slope)
    for strict in (False, True):
        for name, want in ((names[0], 0.6), (names[1], math.gamma(1.5)), (names[2], math.sin(1.5))):
            kernel = LlvmKernel(Program(["x"], [Instruction(name, (0,))], [1]), strict=strict)
            assert kernel.point([1.5]) == (-1, [pytest.approx(want, rel=1e-15)])
            assert kernel.rows([np.full(9, 1.5)], 9)[1].tolist() == [[pytest.approx(want, rel=1e-15)] * 9]
        with pytest.raises(ArithmeticError, match="too large"):
            kernel.point([3.0])
        with pytest.raises(ArithmeticError, match="too large"):
            kernel.rows([np.full(9, 3.0)], 9)
        assert kernel.point([1.5])[0] == -1


def test_threads_share_a_kernel(monkeypatch):
    monkeypatch.setattr(chunks, "CHUNK", 20)
    program = random_program(2, guards=1)
    kernel = LlvmKernel(program)
    tables = [np.random.default_rng(k).normal(size=(4, 801)) for k in range(2)]
    alone = [LlvmKernel(program).rows([*t], 801)[1].tobytes() for t in tables]
    found = [[], []]

    def work(k):
        for _ in range(30):
            found[k].append(kernel.rows([*tables[k]], 801)[1].tobytes() == alone[k])

    threads = [threading.Thread(target=work, args=(k,)) for k in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [[True] * 30] * 2


def test_sums_depend_only_on_the_number_of_rows():
    program = random_program(4)
    columns = [np.random.default_rng(k).normal(size=1003) for k in range(4)]
    kernel = LlvmKernel(program)
    first = kernel.rows(columns, 1003, reduce=True)[1]
    strided = [np.repeat(c, 2)[::2] for c in columns]
    assert kernel.rows(strided, 1003, reduce=True)[1].tobytes() == first.tobytes()


def test_hot_code_is_the_same_function():
    program = random_program(0, guards=1)
    kernel, hot = LlvmKernel(program), LlvmKernel(program, opt=3)
    columns = [np.random.default_rng(k).normal(size=50) for k in range(4)]
    for reduce in (False, True):
        a, b = kernel.rows(columns, 50, reduce)[1], hot.rows(columns, 50, reduce)[1]
        assert np.allclose(a, b, equal_nan=True)
    xs = [c[0] for c in columns]
    assert np.allclose(kernel.point(xs)[1], hot.point(xs)[1], equal_nan=True)


@pytest.mark.parametrize("chunk", [40, 800])
@pytest.mark.parametrize("features", [None, ""])
def test_the_gradient_of_a_net_over_rows(monkeypatch, chunk, features):
    """Sums of products that share factors are added up later, and all from the same numbers."""
    monkeypatch.setattr(chunks, "CHUNK", chunk)
    net = ag.nn.MLP(3, [7, 5, 1], activation="tanh")
    weights, xs = net.parameters(), [ag.Value(0.1 * i) for i in range(3)]
    y = net(xs)
    k = len(weights)
    slope = adjoint(Program.of([(y - 1.0).sigmoid() * y], [*weights, *xs]), [1.0])
    program = Program(slope.inputs, slope.instructions, slope.outputs[:k])
    kernel = LlvmKernel(program, shared=(True,) * k + (False,) * 3, features=features)
    for n in (0, 1, 8, 65, 77, 200):
        table = np.random.default_rng(n).normal(size=(n, 3))
        columns = [w.data for w in weights] + [table[:, i] for i in range(3)]
        _, sums = kernel.rows(columns, n, reduce=True)
        rows = [program.run([*columns[:k], *map(float, xs)], floats) for xs in table]
        assert np.allclose(sums, np.sum(rows, axis=0) if n else 0.0, rtol=1e-12, atol=1e-12)
        _, out = kernel.rows(columns, n)
        assert np.allclose(out.T, np.reshape(rows, (n, k)), rtol=1e-12, atol=1e-14)


def test_machine_code_is_freed():
    kernel = LlvmKernel(random_program(0))
    kernel.point([0.1] * 4)
    machine = weakref.ref(kernel.machines[-1])
    del kernel
    gc.collect()
    assert machine() is None


def test_the_text():
    assert "fmul" in LlvmKernel(Program(["x", "y"], [Instruction("mul", (0, 1))], [2])).source


@pytest.mark.parametrize("features", [None, *PLAIN])
def test_sums_of_shared_factors_leave_out_rows_where_a_guard_fails(features):
    """Also where a factor is infinite there."""
    net = ag.nn.MLP(3, [7, 5, 1], activation="relu")
    weights, xs = net.parameters(), [ag.Value(0.1 * i) for i in range(3)]
    k = len(weights)
    slope = adjoint(Program.of([net(xs) ** 2], [*weights, *xs]), [1.0])
    end = len(slope.inputs) + len(slope.instructions)
    lines = [*slope.instructions, Instruction("lt", (k, 2.0)), Instruction("gt", (k + 1, -1.0))]
    guards = [(end, True), (end + 1, True)]
    program = Program(slope.inputs, lines, slope.outputs[:k], guards)
    kernel = LlvmKernel(program, shared=(True,) * k + (False,) * 3, features=features)
    for n in (0, 1, 8, 65, 77, 200):
        table = np.random.default_rng(n).normal(size=(n, 3))
        table[3::7, 0], table[5::11, 1] = inf, -inf
        good = (table[:, 0] < 2.0) & (table[:, 1] > -1.0)
        columns = [w.data for w in weights] + [table[:, i] for i in range(3)]
        status, sums = kernel.rows(columns, n, reduce=True)
        assert ((status < 0) == good).all()
        plain = Program(slope.inputs, slope.instructions, slope.outputs[:k])
        rows = [plain.run([*columns[:k], *map(float, xs)], floats) for xs in table[good]]
        assert np.allclose(sums, np.sum(rows, axis=0) if rows else 0.0, rtol=1e-12, atol=1e-12)
    assert "@masked" in kernel.source


def test_large_programs(monkeypatch):
    """Functions are compiled apart, products and sums are not joined at a point."""
    monkeypatch.setattr(chunks, "LARGE", 10)
    monkeypatch.setattr(chunks, "HUGE", 20)
    for features in (None, *PLAIN):
        for strict in (False, True):
            program, rng = random_program(7, guards=2, size=90), random.Random(5)
            kernel = LlvmKernel(program, strict=strict, features=features)
            columns = [np.array([rng.uniform(-2, 2) for _ in range(11)]) for _ in range(4)]
            status, out = kernel.rows(columns, 11)
            for k, xs in enumerate(zip(*columns)):
                found, ys = kernel.point(xs)
                want_status, want = wanted(program, xs)
                assert found == want_status == status[k]
                assert all(same(y, w, strict) for y, w in zip(ys, want))
                assert all(same(y, w, strict) for y, w in zip(out[:, k], want))


def test_joined_conditions():
    lines = [Instruction("lt", (0, 1.0)), Instruction("gt", (1, 0.0)), Instruction("and", (2, 3)),
             Instruction("or", (2, 3)), Instruction("not", (4,)), Instruction("where", (6, 1.0, 2.0)),
             Instruction("where", (5, 0, 1)), Instruction("where", (4, 3.0, 4.0)),
             Instruction("where", (0, 5.0, 6.0))]  # fmt: skip
    program = Program(["x", "y"], lines, [7, 8, 9, 10], [(6, True), (5, True)])
    for strict in (False, True):
        kernel = LlvmKernel(program, strict=strict)
        table = [(x, y) for x in (0.0, 1.0, 2.0, nan) for y in (-1.0, 0.0, 1.0, nan)]
        status, out = kernel.rows([np.array(c) for c in zip(*table)], len(table))
        for k, xs in enumerate(table):
            found, ys = kernel.point(xs)
            assert (found, [*map(bits, ys)]) == (status[k], [*map(bits, out[:, k])])
            assert (found, [*map(bits, ys)]) == (lambda s, w: (s, [*map(bits, w)]))(*wanted(program, xs))
