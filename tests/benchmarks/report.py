"""Prints the table of README.md: the workloads of test_engine.py in turns, and ratios to micrograd.

    python tests/benchmarks/report.py

Every workload runs once, then every workload again, REPETITIONS times, so that a slow minute of the
machine is everybody's. Lower is better.
"""

from __future__ import annotations

import gc
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

REPETITIONS = 15
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
    workloads = {**demo_steps(), "control loop": control}
    alone: dict[tuple[str, bool], list[float]] = {(n, on): [] for n in workloads for on in (1, 0)}
    freed: dict[tuple[str, bool], list[float]] = {key: [] for key in alone}
    for _ in range(REPETITIONS):
        for name, on in alone:
            with collector(on):
                step = seconds(workloads[name])
                alone[name, on].append(step * 1e3)
                freed[name, on].append((step + seconds(gc.collect)) * 1e3)
    print_header("demo step, ms", "collector", "median", "mean", "ratio", "median, freed", "ratio")
    for on in (True, False):
        for name in workloads:
            cells = [name, "on" if on else "off"]
            for times in (alone, freed):
                median = statistics.median(times[name, on])
                cells.append(median)
                if times is alone:
                    cells.append(statistics.mean(times[name, on]))
                cells.append(statistics.median(times["micrograd", on]) / median)
            print_row(*cells)


def report_chain() -> None:
    times: dict[tuple[str, bool], list[float]] = {}
    for _ in range(CHAINS):
        for on in (True, False):
            with collector(on):
                last = []
                for name, work in (
                    ("forward", lambda: last.append(chain(Value))),
                    ("backward", lambda: last[0].backward()),
                    ("free", last.clear),
                ):
                    times.setdefault((name, on), []).append(seconds(work) / OPERATIONS * 1e9)
    print_header(f"chain of {OPERATIONS:,} operations, ns each", "collector", "median", "mean")
    for (name, on), ns in sorted(times.items(), key=lambda item: not item[0][1]):
        print_row(name, "on" if on else "off", statistics.median(ns), statistics.mean(ns))
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
