"""Memory and threads: what the collector sees, what is freed, what is left behind."""

from __future__ import annotations

import copy
import gc
import pickle
import sys
import threading
from contextlib import suppress

import pytest

import autograd_lite as ag
from autograd_lite import Value, engine
from autograd_lite.engine import dot, order
from autograd_lite.ops import TABLE

scaled = ag.operation("memory_scaled", lambda m, x, k=3.0: x * k, lambda m, y, x, k: (k, x))
middle = ag.operation("memory_middle", lambda m, *xs: m.div(m.sum(*xs), float(len(xs))),
                      lambda m, y, *xs: (1.0 / len(xs),) * len(xs))  # fmt: skip
failing = ag.operation("memory_failing", lambda m, x: 1 / 0, lambda m, y, x: (1.0,))
unsloped = ag.operation("memory_unsloped", lambda m, x: x, lambda m, y, x: (1.0, 2.0))


@pytest.fixture
def collect():
    """gc.collect, which looks only at what is made from here on, and so is fast."""
    gc.collect()
    gc.freeze()
    yield gc.collect
    gc.unfreeze()


class Box:
    """What a closure may hold, and a weak reference may watch: the number of those alive."""

    alive = 0

    def __init__(self) -> None:
        self.held = None
        Box.alive += 1

    def __del__(self) -> None:
        Box.alive -= 1

    def value(self, m, *xs):
        return m.sum(*xs)

    def partials(self, m, y, *xs):
        return (1.0,) * len(xs)


def own(box):
    return ag.operation("memory_cycle", lambda m, *xs: box.value(m, *xs), lambda m, y, *xs: (1.0,) * len(xs))


def checkpointed(box):
    return ag.checkpoint(lambda *xs: ag.sum(xs) * (1.0 if box else 2.0))


def solved(box):
    return ag.implicit(lambda y, a, b: y - a - b if box else y, lambda a, b: a + b)


MADE = {"operation": own, "checkpoint": checkpointed, "implicit": solved,
        "method": lambda box: ag.operation("memory_cycle", box.value, box.partials)}  # fmt: skip
BETWEEN = {
    "nothing": lambda y: y, "operators": lambda y: ((2.0 - y) ** 2 * Value(3.0)).tanh().sin(),
    "dot": lambda y: dot([Value(1.0), 2.0], [3.0, y], 1.0), "sum": lambda y: ag.sum([1.0, Value(2.0), y]),
    "clip": lambda y: ag.logsumexp([y, 1.0]).clip(-9.0, y), "copies": lambda y: copy.copy(y) * 1.0,
}  # fmt: skip


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("make", MADE.values(), ids=MADE)
def test_a_cycle_through_an_operation_is_collected(make, between, collect):
    before = Box.alive
    for _ in range(3):
        box = Box()
        box.held = between(make(box)(Value(1.0), 2.0 * Value(1.0)))
        box.held.backward()
    ag.operation("memory_cycle", lambda m, x: x, lambda m, y, x: (1.0,))
    del box
    collect()
    assert Box.alive == before


@pytest.mark.skipif(not engine.compiled, reason="only the compiled engine keeps nodes from the collector; of a Python class every object is tracked")
def test_only_what_may_be_in_a_cycle_is_tracked():
    x = Value(2.0)
    plain = [x, x * 2, 3 - x, x.exp(), x.sin(), dot([x, 1.0], [2.0, x]), ag.sum([x, x]), ag.logsumexp([x, 1.0])]
    assert not any(map(gc.is_tracked, [*plain, *copy.deepcopy(plain), *pickle.loads(pickle.dumps(plain))]))
    y = scaled(x)
    later = [y, y * 2, 3 - y, x**y, y.exp(), y.clip(0, x), dot([x, 1.0], [2.0, y]), ag.sum([x, y]), ag.logsumexp([y])]
    assert all(map(gc.is_tracked, [*later, *copy.deepcopy(later), *pickle.loads(pickle.dumps(later))]))


def mixed(x: Value) -> Value:
    return (dot([x, 2.0, x.exp()], [1.0, x, 3], x) + ag.sum([x, 1]) + scaled(x) + middle(x, 2.0)).sin() ** 2 / x


def unrecorded(x: Value) -> None:
    with ag.no_grad():
        mixed(x)


USES = {
    "build": mixed, "sweep": lambda x: mixed(x).backward(), "walk": lambda x: mixed(x).zero_grad(),
    "fields": lambda x: [(v.args, v.partials, v.op) for v in order(mixed(x))], "no_grad": unrecorded, "copy": lambda x: copy.copy(mixed(x)),
    "deepcopy": lambda x: copy.deepcopy(mixed(x)), "pickle": lambda x: pickle.loads(pickle.dumps(mixed(x))),
    "bad weight": lambda x: dot([x, "a"], [x, x]), "bad sum": lambda x: ag.sum([x, 1, None]),
    "bad input": lambda x: dot([x, 1], [x, 10**400], 2), "bad bias": lambda x: dot([x], [x], "a"),
    "bad label": lambda x: dot([x], [x], label=3), "bad operand": lambda x: x * "a",
    "bad value": lambda x: failing(x), "bad slopes": lambda x: unsloped(mixed(x)),
    "bad seed": lambda x: mixed(x).backward("a"), "bad root": lambda x: order(mixed(x, 3)),
}  # fmt: skip


@pytest.mark.parametrize("use", USES.values(), ids=USES)
def test_nothing_is_left_behind(use, collect):
    x = Value(0.5, label="x")
    shared = [x, None, "", x.label, 1.0, *TABLE.values(), scaled, Value]

    def state():
        collect()
        return sys.getallocatedblocks(), [sys.getrefcount(o) for o in shared]

    def used(times):
        for _ in range(times):
            with suppress(TypeError, ZeroDivisionError, OverflowError):
                use(x)
        return state()

    _ = [Value(1.0) for _ in range(5000)]  # freed, so all lists of what is kept for later are full
    found = [used(100) for _ in range(4)]
    assert min(b[0] - a[0] for a, b in zip(found, found[1:])) < 80  # of 100 uses
    assert all(abs(a - b) < 30 for a, b in zip(found[0][1], found[-1][1]))


def grown(step, y: Value, n: int = 200_000) -> Value:
    for _ in range(n):
        y = step(y)
    return y


DEEP = {
    "chain": lambda x: grown(lambda y: y + 1.0, x), "right chain": lambda x: grown(lambda y: x - y, x),
    "sums": lambda x: grown(lambda y: ag.sum([y, x, y]), x), "dots": lambda x: grown(lambda y: dot([2.0], [y], x), x, 100_000),
    "wide": lambda x: ag.sum([x * 2.0 for _ in range(200_000)]),
    "tracked": lambda x: grown(lambda y: scaled(y * x), x, 100_000),
    "tracked sums": lambda x: grown(lambda y: ag.sum([y, 1.0]), scaled(x), 100_000),
}  # fmt: skip


@pytest.mark.parametrize("make", DEEP.values(), ids=DEEP)
def test_a_deep_graph_is_freed_without_recursion(make):
    x = Value(0.5)
    before = sys.getrefcount(x)
    y = make(x)
    del y
    assert sys.getrefcount(x) == before


@pytest.mark.parametrize("threshold", range(1, 8))
def test_a_finalizer_may_walk_the_graph_that_is_being_walked(threshold):
    """Python 3.10 and 3.11 run the collector, and so finalizers, wherever an object is made."""
    x = Value(1.0)
    y = w = x * 2.0
    for _ in range(5):
        y = (w * ag.sum([w, x, y])) * 0.5
    y.backward()
    expected, x.grad, armed = x.grad, 0.0, True

    class Walker:
        def __init__(self):
            self.me = self

        def __del__(self):
            _ = order(y), Walker() if armed else None

    thresholds = gc.get_threshold()
    gc.collect()
    Walker()
    gc.set_threshold(threshold, 1000, 1000)
    y.backward()
    armed = False
    gc.set_threshold(*thresholds)
    gc.collect()
    assert x.grad == expected


# Threads


def test_threads_share_leaves_while_another_frees_a_huge_graph():
    shared, interval = [Value(float(k)) for k in range(1, 9)], sys.getswitchinterval()
    huge = [DEEP["tracked"](Value(0.5)), DEEP["chain"](Value(0.5))]

    def work(k, results):
        for _ in range(12):
            y = w = Value(0.1 * k)
            for x in shared * 5:
                y = scaled(dot([y, x], [w, 0.01]).tanh() + y * x * 1e-3)
            y.backward()
            results.append((y.data, w.grad))

    together, alone = [[[] for _ in range(4)] for _ in "12"]
    threads = [threading.Thread(target=work, args=(k, together[k])) for k in range(4)]
    sys.setswitchinterval(1e-5)
    for thread in [*threads, threading.Thread(target=huge.clear)]:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval)
    for k in range(4):
        work(k, alone[k])
    assert together == alone
