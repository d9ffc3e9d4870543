"""Prints the table of README.md: the workloads of test_engine.py in turns, and ratios to micrograd.

    python tests/benchmarks/report.py

Every workload runs once, then every workload again, REPETITIONS times, so that a slow minute of the
machine is everybody's. Lower is better.
"""

from __future__ import annotations

import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import micrograd.engine
from test_engine import OPERATIONS, bytes_per_operation, chain, collector, control, demo_steps

from autograd_lite import Value

REPETITIONS = 7
IN_A_ROW = 6  # steps, so that the collector's full passes come as they do in training
CHAINS = 5


def seconds(function: Callable[[], Any]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def import_time(module: str) -> float:
    """Seconds for the import alone, in a new interpreter."""
    code = f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def print_row(*cells: Any) -> None:
    print("|", " | ".join(f"{c:.1f}" if isinstance(c, float) else str(c) for c in cells), "|")


def print_header(*titles: str) -> None:
    print()
    print_row(*titles)
    print_row("---", *["---:"] * (len(titles) - 1))


def report_steps() -> None:
    workloads, median = demo_steps(), statistics.median
    times: dict[tuple[str, bool], list[float]] = {
        (n, on): [] for on in (True, False) for n in workloads
    }
    loop = []
    for _ in range(REPETITIONS):
        loop.append(seconds(control) * 1e3)
        for name, on in times:
            with collector(on):
                whole = seconds(lambda step=workloads[name]: [step() for _ in range(IN_A_ROW)])
                times[name, on].append(whole * 1e3 / IN_A_ROW)
    print(
        f"Control loop of {OPERATIONS:,} rounds: median {median(loop):.1f} ms, "
        f"lowest {min(loop):.1f} ms"
    )
    print_header(
        f"demo step, mean ms of {IN_A_ROW} in a row", "collector", "median", "lowest",
        "micrograd / this",
    )  # fmt: skip
    for name, on in times:
        ms = times[name, on]
        ratio = median(times["micrograd", on]) / median(ms)
        print_row(name, "on" if on else "off", median(ms), min(ms), ratio)


def chain_times() -> tuple[float, ...]:
    """ns per operation to make, to sweep and to free a chain."""
    clock = [time.perf_counter()]
    last = chain(Value)
    clock.append(time.perf_counter())
    last.backward()
    clock.append(time.perf_counter())
    del last
    clock.append(time.perf_counter())
    return tuple((b - a) / OPERATIONS * 1e9 for a, b in zip(clock, clock[1:]))


def report_chain() -> None:
    rows: dict[bool, list[tuple[float, ...]]] = {True: [], False: []}
    for _ in range(CHAINS):
        for on, times in rows.items():
            with collector(on):
                times.append(chain_times())
    print_header(
        f"chain of {OPERATIONS:,} operations, median ns each",
        "collector",
        "forward",
        "backward",
        "free",
    )
    for on, times in rows.items():
        print_row("Value", "on" if on else "off", *map(statistics.median, zip(*times)))
    print_header("after forward", "bytes per operation")
    print_row("micrograd, 100,000 operations", bytes_per_operation(micrograd.engine.Value, 100_000))
    print_row(f"Value, {OPERATIONS:,} operations", bytes_per_operation(Value, OPERATIONS))


def report_imports() -> None:
    print_header("import, ms", "median", "lowest")
    modules = ("autograd_lite", "micrograd.engine", "numpy")
    times: dict[str, list[float]] = {module: [] for module in modules}
    for _ in range(REPETITIONS):
        for module in modules:
            times[module].append(import_time(module) * 1e3)
    for module, ms in times.items():
        print_row(module, statistics.median(ms), min(ms))


def main() -> None:
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    report_steps()
    report_chain()
    report_imports()


if __name__ == "__main__":
    main()
