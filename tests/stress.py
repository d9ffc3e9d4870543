"""Ten million nodes, a million terms, and a hundred times the same: seconds and memory.

python tests/stress.py [nodes]    exits with 1 if memory grows. Not part of the tests; the chain of
10**7 nodes, the default, takes about 1 GB.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections.abc import Callable

import autograd_lite as ag
from autograd_lite import MLP, SGD, Value, engine, mse

REPEATS = 100
ALLOWED = 2.0  # MB that a hundred repeats may add: the allocator's arenas


def resident() -> float:
    """What the process holds now, in MB."""
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


class Peak:
    """The most that was held meanwhile, and the seconds; a thread looks every 10 ms.

    Before it looks, C code that holds the interpreter has to end, so it may miss some.
    """

    def __enter__(self) -> Peak:
        self.most, self.done, self.start = resident(), threading.Event(), time.perf_counter()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self) -> None:
        while not self.done.wait(0.01):
            self.most = max(self.most, resident())

    def __exit__(self, *exc: object) -> None:
        self.seconds = time.perf_counter() - self.start
        self.done.set()
        self.thread.join()
        self.most = max(self.most, resident())


def chain(n: int) -> tuple[Value, Value]:
    y = x = Value(1.0)
    for _ in range(n):
        y = y * 1.0000000001
    return x, y


def terms(n: int) -> tuple[Value, Value]:
    xs = [Value(0.1) for _ in range(n)]
    return xs[0], ag.sum(xs)


def large(name: str, make: Callable[[int], tuple[Value, Value]], n: int) -> None:
    before = resident()
    with Peak() as built:
        x, y = make(n)
    with Peak() as swept:
        y.backward()
    assert abs(x.grad - 1.0) < 0.01, x.grad
    with Peak() as freed:
        del x, y
        gc.collect()
    most = max(built.most, swept.most, freed.most)
    print(f"{name:<12}{n:>10}{built.seconds:>9.2f}{swept.seconds:>9.2f}{freed.seconds:>9.2f}"
          f"{most:>10.0f}{resident() - before:>+10.1f}", flush=True)  # fmt: skip


def repeat_chain() -> None:
    chain(100_000)[1].backward()


def repeat_sum() -> None:
    terms(1_000_000)[1].backward()


def step() -> None:
    optimizer.zero_grad()
    mse([net(x) for x in DATA], [0.0, 1.0, 1.0, 0.0] * 8).backward()
    optimizer.step()


def cycle() -> None:
    held: list[Value] = []
    own = ag.operation("stress_own", lambda m, x: x * (1.0 + len(held)), lambda m, y, x: (1.0,))
    piece = ag.checkpoint(lambda a, b: a * b + 0.0 * len(held))
    y = x = Value(1.0)
    for _ in range(20):
        y = ag.dot([piece(own(y), x), 1.0], [0.5, y])
    held.append(y)
    y.detach().backward()


def cycles() -> None:
    for _ in range(100):
        cycle()


def flat(name: str, work: Callable[[], None]) -> bool:
    """Whether memory stays, after a tenth of the repeats to warm up."""
    for _ in range(REPEATS // 10):
        work()
    gc.collect()
    before, start = resident(), time.perf_counter()
    for _ in range(REPEATS):
        work()
    seconds = time.perf_counter() - start
    gc.collect()
    growth = resident() - before
    print(f"{name:<22}{1e3 * seconds / REPEATS:>10.1f}{before:>10.1f}{growth:>+10.2f}"
          f"{'  GROWS' if growth > ALLOWED else ''}", flush=True)  # fmt: skip
    return growth <= ALLOWED


net = MLP(2, [16, 16, 1], seed=1)
optimizer = SGD(net.parameters(), lr=0.01)
DATA = [[float(i % 2), float(i // 2 % 2)] for i in range(32)]

if __name__ == "__main__":
    print(f"engine: {'compiled' if engine.compiled else 'plain Python'}, {sys.version.split()[0]}\n")
    print(f"{'':<12}{'nodes':>10}{'build s':>9}{'sweep s':>9}{'free s':>9}{'peak MB':>10}{'left MB':>10}")
    large("chain", chain, int(sys.argv[1]) if len(sys.argv) > 1 else 10**7)
    large("sum", terms, 10**6)
    print(f"\n{f'{REPEATS} repeats of':<22}{'ms each':>10}{'MB':>10}{'growth MB':>10}")
    works = {"chain of 10**5": repeat_chain, "sum of 10**6": repeat_sum,
             "step of a net": step, "cycles": cycles}  # fmt: skip
    kept = [flat(name, work) for name, work in works.items()]
    sys.exit(0 if all(kept) else 1)
