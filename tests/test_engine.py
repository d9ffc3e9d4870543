"""Value and backward: recorded graphs, both spellings of the hot operations, depth, interrupts."""

from __future__ import annotations

import copy
import gc
import math
import pickle
import signal
import threading
import tracemalloc
from array import array
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ALL_ROWS, LOSSES, arguments, moderate

import autograd_lite as ag
from autograd_lite import engine
from autograd_lite.engine import Value, apply, dot, order, packed_data, set_grads
from autograd_lite.ops import ALIASES, TABLE, floats

INFIX = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "**", "mod": "%", "floordiv": "//"}
EDGES = (0.0, -0.0, 1.0, -1.0, 2.0, -2.5, 0.3, 1e-310, 1e308, -1e308, math.inf, -math.inf, math.nan)


def same(a: float, b: float) -> bool:
    """The same number; the sign of a zero is not promised."""
    return a == b or (math.isnan(a) and math.isnan(b))


def written_out(row, *xs):
    """The operation as the engine spells it: operator, method or function."""
    if row.name in INFIX:
        return eval(f"a {INFIX[row.name]} b", {"a": xs[0], "b": xs[1]})
    if row.name == "neg":
        return -xs[0]
    if row.name == "dot":
        n = len(xs) // 2
        return dot(xs[:n], xs[n : 2 * n], xs[2 * n] if len(xs) % 2 else None)
    if row.name == "l2_penalty":
        return ag.l2_penalty(xs[1:], xs[0])
    if row.arity is None:
        return getattr(ag, row.name)(xs)
    if row.name in LOSSES:
        return apply(row, *xs)
    if row.name == "where":
        return ag.where(bool(xs[0].data), *xs[1:])
    return getattr(xs[0], row.name)(*xs[1:])


def check_hot(row, xs: tuple[float, ...]) -> None:
    v = written_out(row, *map(Value, xs))
    y = row.value(floats, *xs)
    assert same(v.data, y), (row.name, xs, v.data, y)
    slopes = row.partials(floats, y, *xs)
    start = 1 if row.name == "where" else 0
    for ours, slope in zip(v.partials[start:], slopes[start:], strict=True):
        assert same(ours, slope), (row.name, xs, v.partials, slopes)
    again = v.op.value(floats, *(a.data if isinstance(a, Value) else a for a in v.args))
    assert same(again, v.data)


@pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: row.name)
def test_engine_and_row_give_the_same_bits_at_the_edges(row):
    if row.arity is None:
        for xs in row.points():
            check_hot(row, xs)
    else:
        from itertools import product

        edges = EDGES if row.arity < 3 else EDGES[::3]
        for xs in product(edges, repeat=row.arity):
            if row.name == "round" and not (math.isfinite(xs[1]) and abs(xs[1]) < 300):
                continue
            check_hot(row, xs)


@pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: row.name)
@given(data=st.data())
def test_engine_and_row_give_the_same_bits(row, data):
    check_hot(row, data.draw(arguments(row)))


@pytest.mark.parametrize("sign", INFIX.values())
@given(x=moderate() | st.sampled_from(EDGES), c=st.integers(-4, 4) | st.sampled_from(EDGES))
@settings(max_examples=200)
def test_a_plain_operand_is_as_good_as_a_value(sign, x, c):
    for left in (True, False):
        a, b = (Value(x), c) if left else (c, Value(x))
        with_number = eval(f"a {sign} b", {"a": a, "b": b})
        of_values = eval(f"a {sign} b", {"a": Value(a) if not left else a,
                                         "b": Value(b) if left else b})  # fmt: skip
        if with_number is b:  # 0 + v
            continue
        place = 0 if left else 1
        assert same(with_number.data, of_values.data)
        assert same(with_number.partials[place], of_values.partials[place])
        assert with_number.partials[1 - place] == 0.0
        expected = float(c)
        assert same(with_number.args[1 - place], expected)
        assert with_number.args[place] is (a if left else b)
        again = with_number.op.value(floats, *((x, expected) if left else (expected, x)))
        assert same(again, with_number.data)


def test_every_row_and_alias_is_a_method_and_a_function():
    for name in [*TABLE, *ALIASES]:
        row = TABLE[ALIASES.get(name, name)]
        assert callable(getattr(ag, name)), name
        operator = row.name in (*INFIX, *LOSSES, "neg", "where") or row.arity is None
        assert operator or callable(getattr(Value, name)), name


def test_args_and_partials():
    x, w = Value(3.0), Value(2.0)
    y = x - 0.1
    assert y.args == (x, 0.1)
    assert y.args[0] is x
    assert (w / x).partials == (1 / 3, -2 / 9)
    z = dot([w, 5.0], [x, 1.0], 0.5)
    assert z.args == (w, 5.0, x, 1.0, 0.5)
    assert z.partials == (3.0, 0.0, 2.0, 0.0, 0.0)
    assert x.args == x.partials == ()
    assert x.op is None
    with pytest.raises(AttributeError):
        y.op = None


def test_two_edges_for_the_same_input():
    a = Value(3.0)
    b = a + a
    b.backward()
    assert a.grad == 2.0
    assert len(list(ag.edges(order(b)))) == 2


@given(st.lists(moderate(-100, 100), min_size=1, max_size=20), st.randoms())
def test_dot_and_sum_do_not_depend_on_order(xs, random):
    ws = [random.uniform(-1, 1) for _ in xs]
    pairs = list(zip(ws, xs))
    z, s = dot(ws, xs, 0.5), ag.sum(xs)
    random.shuffle(pairs)
    assert dot(*zip(*pairs), 0.5) == z
    assert ag.sum([x for _, x in pairs]) == s == math.fsum(xs)


def test_leaves_accumulate_exactly_and_inner_nodes_are_overwritten():
    x = Value(0.1)
    y = x * x * x + x.sin() + x / 7
    z = y.exp()
    z.backward()
    once, inner = x.grad, y.grad
    z.backward()
    assert x.grad == 2 * once
    assert y.grad == inner
    assert z.grad == 1.0


def test_losses_that_share_a_subgraph_add_up():
    x = Value(2.0)
    shared = x * x
    (shared + 1).backward()
    (shared * 3).backward()
    assert x.grad == 4.0 + 12.0


def test_seed_zero_grad_detach():
    x = Value(2.0, label="x")
    y = x * 5
    y.backward(seed=3)
    assert x.grad == 15.0
    y.zero_grad()
    assert (x.grad, y.grad) == (0.0, 0.0)
    assert y.detach().args == ()
    leaf = Value(1.0)
    leaf.backward(2.0)
    assert leaf.grad == 2.0


@pytest.mark.parametrize("kind", [float, int, bool, Fraction])
def test_data_and_grad_become_floats(kind):
    x = Value(0.0)
    x.data = x.grad = kind(1)
    assert (type(x.data), type(x.grad)) == (float, float)
    with pytest.raises(TypeError, match="data must be a real number"):
        x.data = "1"
    with pytest.raises(TypeError, match="grad must be a real number"):
        x.grad = x
    assert (x.data, x.grad) == (1.0, 1.0)


own = ag.operation("engine_own", lambda m, x: x, lambda m, y, x: (1.0,))


def test_many_at_once():
    xs = [Value(0.1), Value(-0.0), Value(5e-324) * 1, own(Value(math.inf))]
    assert [*memoryview(packed_data(xs)).cast("d")] == [x.data for x in xs]
    grads = [1.5, -math.inf, 0.0, 1e-310]
    set_grads(xs, array("d", grads).tobytes())
    assert [x.grad for x in xs] == grads
    with pytest.raises(ValueError, match="set_grads: not one for each"):
        set_grads(xs, b"")
    for wrong in (None, 1.0, "x"):
        with pytest.raises((TypeError, AttributeError)):  # of C or of Python
            packed_data([wrong])
        with pytest.raises((TypeError, AttributeError)):
            set_grads([wrong], bytes(8))
    assert packed_data([]) == b""


def test_a_million_operations_in_a_chain():
    y = x = Value(1.0)
    for _ in range(1_000_000):
        y = y * 1.0000001
    y.backward()
    assert math.isclose(x.grad, 1.0000001**1_000_000, rel_tol=1e-9)
    assert ag.draw(y, depth=3).text
    twin = copy.deepcopy(y)
    assert twin.data == y.data
    del y, twin


def test_a_node_takes_at_most_150_bytes():
    y = Value(1.0)
    tracemalloc.start()
    for _ in range(50_000):
        y = y * 1.0000001
    per_node = tracemalloc.get_traced_memory()[0] / 50_000
    tracemalloc.stop()
    assert per_node <= 150


def test_a_million_terms():
    xs = [Value(0.1) for _ in range(1_000_000)]
    total = ag.sum(xs)
    total.backward()
    assert total.data == 100000.0
    assert xs[0].grad == xs[-1].grad == 1.0
    chain = sum(xs[:200_000])
    chain.backward()
    assert xs[0].grad == 2.0


def test_pickle_of_a_long_chain():
    x = Value(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1e-9
    y2, x2 = pickle.loads(pickle.dumps((y, x)))
    y2.backward()
    assert (y2.data, x2.grad) == (y.data, 1.0)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="interrupts a sweep by a timer signal, which only POSIX has")
@pytest.mark.skipif(engine.compiled, reason="Python handles signals between its own steps, and a sweep in C has none: it cannot be interrupted")
def test_an_interrupt_in_the_sweep_leaves_a_usable_graph():
    x = Value(1.5)
    y = x
    for _ in range(300_000):
        y = y * 1.000001
    x.grad = 7.0

    class Interrupt(KeyboardInterrupt):
        pass

    def interrupt(_, frame):
        while frame is not None and frame.f_code is not Value.backward.__code__:
            frame = frame.f_back
        if frame is not None:  # not after it has returned
            raise Interrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    interrupted = 0
    try:
        for delay in (0.002, 0.01, 0.03, 0.06, 0.1, 0.15):
            try:
                signal.setitimer(signal.ITIMER_REAL, delay)
                y.backward()
                signal.setitimer(signal.ITIMER_REAL, 0)
                x.grad = 7.0
            except Interrupt:
                interrupted += 1
            assert x.grad == 7.0
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert interrupted
    x.grad = 0.0
    y.backward()
    assert math.isclose(x.grad, 1.000001**300_000, rel_tol=1e-9)


def test_graphs_in_threads_are_independent():
    results = {}

    def work(k):
        x = Value(float(k))
        for _ in range(20):
            x.grad = 0.0
            y = x
            for _ in range(500):
                y = y * 1.001 + x
            y.backward()
        results[k] = x.grad

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(results.values())) == 1
    assert len(results) == 4


def test_nothing_is_left_for_the_collector():
    """Graphs have no cycles: they are freed at once, without the collector."""
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(10):
            x = Value(2.0)
            y = ag.mse([x * 3, x.exp(), dot([x], [2.0])], [1, 2, 3])
            y.backward()
        del x, y
        assert len(gc.get_objects()) - before < 20
    finally:
        gc.enable()


def test_order_is_inputs_first_and_each_once():
    x = Value(1.0)
    a, b = x + 1, x * 2
    y = a * b + a
    nodes = order(y)
    assert len(nodes) == len(set(map(id, nodes))) == 5
    place = {id(v): i for i, v in enumerate(nodes)}
    assert all(place[id(e.source)] < place[id(e.target)] for e in ag.edges(nodes))


def test_subclassing_is_refused():
    with pytest.raises(TypeError, match="cannot be subclassed"):

        class Mine(Value):
            pass


def test_apply_of_numbers_is_a_number():
    assert apply(TABLE["hypot"], 3, 4) == 5.0
    assert isinstance(apply(TABLE["round"], 2.5), float)
