"""Prints the tables of README.md, section Transforms: the workloads of test_transforms.py in turns.

    python tests/benchmarks/transforms.py               # six minutes
    python tests/benchmarks/transforms.py gradients     # jacobians, hessians, sparse, memory

Each figure is the lowest of REPETITIONS, with the garbage collector on and off; CPU time, so that
other work on the machine counts less. What took longer than SLOW seconds runs once. A ratio "X / this" above 1 says that X takes longer than autograd_lite.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from typing import Any

from test_engine import OPERATIONS, collector, control
from test_transforms import (
    CONTESTANTS,
    FIRST,
    HESSIANS,
    JACOBIANS,
    SPARSE,
    ad,
    count_of_sweeps,
    evaluations,
    gradients,
    hessians,
    jacobians,
    peak,
    recurrence,
    sparse_and_dense,
)

REPETITIONS = 7
SLOW = 0.5
AT_LEAST = 0.01  # seconds of short calls in a row, and the mean of these is one measurement
RIVALS = CONTESTANTS[1:]


def seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def lowest(calls: dict[str, Callable[[], Any]], on: bool) -> dict[str, float]:
    """The lowest milliseconds of each call, all in turns."""
    found: dict[str, float] = {}
    for _ in range(REPETITIONS):
        for name, call in calls.items():
            if found.get(name, 0.0) > SLOW:
                continue
            with collector(on):
                once = seconds(call)
                count = int(AT_LEAST / once)
                if count:
                    once = min(once, seconds(partial(in_a_row, call, count)) / count)
            found[name] = min(once, found.get(name, once))
    return {name: took * 1e3 for name, took in found.items()}


def in_a_row(call: Callable[[], Any], count: int) -> None:
    for _ in range(count):
        call()


def cell(x: Any) -> str:
    if not isinstance(x, float):
        return "-" if x is None else str(x)
    return f"{x:,.{0 if x >= 100 else 1 if x >= 10 else 2 if x >= 0.1 else 3}f}"


def print_table(titles: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    print()
    for row in (titles, ("---", *["---:"] * (len(titles) - 1)), *rows):
        print("|", " | ".join(map(cell, row)), "|", flush=True)


def over(ms: dict[str, float], name: str, this: str = "autograd_lite") -> float | None:
    return ms[name] / ms[this] if name in ms else None


def rivals(ms: dict[str, float]) -> list[float | None]:
    return [over(ms, name) for name in RIVALS]


BESIDE = tuple(f"{name} / this" for name in RIVALS)
STATES = ((True, "on"), (False, "off"))


def report_gradients() -> None:
    rows = []
    for name, problem in FIRST.items():
        for on, state in STATES:
            ms = lowest({**evaluations(problem), **gradients(problem)}, on)
            ours = ms["autograd_lite"]
            ratios = ours / ms["on Values"], ours / ms["on floats"]
            rows.append((name, state, ms["on floats"], ms["on Values"], ours, *ratios, *rivals(ms)))
    titles = (
        "value and gradient", "collector", "f on floats, ms", "f on Values, ms",
        "value_and_grad, ms", "/ f on Values", "/ f on floats", *BESIDE,
    )  # fmt: skip
    print_table(titles, rows)


def report_jacobians() -> None:
    rows = []
    for name in JACOBIANS:
        for on, state in STATES:
            ms = lowest(jacobians(name), on)
            ours = ms["autograd_lite"]
            ratios = ours / ms["sweeps"], ours / ms["record and sweeps"]
            rows.append((name, state, ours, *ratios, *rivals(ms)))
    titles = (
        "Jacobian, outputs by inputs", "collector", "jacobian, ms", "/ backward() sweeps",
        "/ recording and sweeps", *BESIDE,
    )  # fmt: skip
    print_table(titles, rows)


def report_hessians() -> None:
    rows = []
    for n in HESSIANS:
        for on, state in STATES:
            ms = lowest(hessians(n), on)
            names = "gradient", "hvp", "autograd_lite"
            first = over(ms, "first call of hvp", "hvp"), over(ms, "first call")
            rows.append(
                (n, state, *[ms[k] for k in names], *first, over(ms, "differences"), *rivals(ms))
            )
    titles = (
        "Rosenbrock, n", "collector", "grad, ms", "hvp, ms", "hessian, ms", "first hvp / later",
        "first hessian / later", "n differences of grad / this", *BESIDE,
    )  # fmt: skip
    print_table(titles, rows)


def report_sparse() -> None:
    rows = []
    for name in SPARSE:
        sweeps = count_of_sweeps(sparse_and_dense(name)["sparse"])
        for on, state in STATES:
            ms = lowest(sparse_and_dense(name), on)
            both = ms["sparse"], ms["dense"]
            rows.append((name, state, sweeps, *both, over(ms, "dense", "sparse")))
    titles = (
        "n = 1000", "collector", "sweeps for sparse", "sparse, ms", "dense, ms", "dense / sparse"
    )  # fmt: skip
    print_table(titles, rows)


def report_memory() -> None:
    rows = []
    for steps in (10_000, 100_000, 1_000_000):
        calls = {
            name: partial(recurrence, steps, name == "kept") for name in ("kept", "autograd_lite")
        }
        peaks = [peak(calls[name]) / 1024 for name in ("kept", "autograd_lite")]
        times = [over(lowest(calls, on), "autograd_lite", "kept") for on, _ in STATES]
        per_root = peaks[1] * 1024 / steps**0.5
        rows.append((f"{steps:,}", *peaks, peaks[0] / peaks[1], per_root, *times))
    titles = (
        "logistic map, steps", "graph kept, KiB", "iterate, KiB", "kept / iterate",
        "iterate, bytes / sqrt(steps)", "time over kept, collector on", "off",
    )  # fmt: skip
    print_table(titles, rows)


REPORTS = {
    "gradients": report_gradients,
    "jacobians": report_jacobians,
    "hessians": report_hessians,
    "sparse": report_sparse,
    "memory": report_memory,
}


def main() -> None:
    python = f"{platform.python_implementation()} {platform.python_version()}"
    print(f"    {python}, {platform.machine()}")
    others = ["autograd", "numpy", *(["ad"] if ad else [])]
    print("   ", ", ".join(f"{name} {version(name)}" for name in others))
    loops = [seconds(control) * 1e3 for _ in range(REPETITIONS)]
    print(f"    Control loop of {OPERATIONS:,} rounds before: lowest {min(loops):.1f} ms")
    for name in sys.argv[1:] or REPORTS:
        REPORTS[name]()
    loops = [seconds(control) * 1e3 for _ in range(REPETITIONS)]
    print(f"\n    Control loop of {OPERATIONS:,} rounds after: lowest {min(loops):.1f} ms")


if __name__ == "__main__":
    main()
