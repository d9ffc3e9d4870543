"""How compiled.py measures: contenders take turns, and a table of what they took.

Imported before anything else, since the libraries read the number of threads when they start.
"""

# ruff: noqa: E402  threads before imports

from __future__ import annotations

import os

for name in ("OMP", "MKL", "OPENBLAS", "NUMBA", "VECLIB_MAXIMUM"):  # before anything is imported
    os.environ[f"{name}_NUM_THREADS"] = "1"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
os.environ["JAX_PLATFORMS"] = "cpu"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

import gc
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from compiled_work import Contender

TOLERANCE = 1e-9
AT_LEAST = 0.1  # seconds of calls in a row
HOT = 1.0  # seconds of calls before the first turn
FIRST_CALLS = 20  # of a new program, the best of which counts
Times = dict[str, list[float]]  # seconds a call, turn by turn


@contextmanager
def collector(on: bool) -> Iterator[None]:
    """Python's collector, on or off."""
    gc.collect()
    (gc.enable if on else gc.disable)()
    try:
        yield
    finally:
        gc.enable()


def seconds(function: Callable[[], Any]) -> float:
    start = time.process_time()
    function()
    return time.process_time() - start


def numbers(result: Any) -> list[Any]:
    """All arrays and numbers in a result, one after the other; plain numbers are one array."""
    if isinstance(result, (tuple, list)):
        if result and all(np.ndim(x) == 0 for x in result) and not isinstance(result[0], list):
            return [np.array(result, float)]
        return [array for part in result for array in numbers(part)]
    return [np.ravel(np.asarray(result, float))]


def rows_of(contender: Contender, width: int) -> Any:
    """What it finds, as rows of results: of a point value and gradient, of rows each quantity."""
    found = np.concatenate(numbers(contender.result(contender.call())))
    return found.reshape(-1, width) if width else [found[:1], found[1:]]


def all_equal(contenders: dict[str, Contender], width: int = 0) -> None:
    first, *others = contenders
    wanted = rows_of(contenders[first], width)
    for name in others:
        found = rows_of(contenders[name], width)
        assert len(found) == len(wanted), f"{name}: {len(found)} rows of results, not {len(wanted)}"
        for a, b in zip(found, wanted):
            difference = np.abs(a - b).max() / np.abs(b).max()
            assert difference <= TOLERANCE, f"{name} and {first} differ by {difference:.0e}"


def made(makers: dict[str, Callable[[], Contender]]) -> dict[str, Contender]:
    found = {}
    for name, make in makers.items():
        try:
            found[name] = make()
        except (ImportError, subprocess.SubprocessError) as error:
            print(f"{name}: left out, {error}", flush=True)
    return found


def often(contender: Contender, n: int) -> None:
    if contender.times:
        contender.times(n)
        return
    call = contender.call
    for _ in range(n):
        call()


def forget() -> None:
    """Drops the machine code that a function compiled once more would find."""
    from autograd_lite.compile.paths import _runner

    _runner.cache_clear()


def first_program(contender: Contender) -> float:
    """Seconds of the best of a few calls, the very first left out."""
    contender.call()
    return min(seconds(contender.call) for _ in range(FIRST_CALLS))


def in_turns(
    contenders: dict[str, Contender],
    repetitions: int,
    fresh: dict[str, Callable[[], Contender]] | None = None,
    in_a_row: int = 1,
) -> Times:
    """The contenders, at least so many calls in a row, and those to be made anew in every turn."""
    counts = {}
    for name, contender in contenders.items():
        count, needed = in_a_row, 0.0
        stop = time.perf_counter() + HOT
        while needed < AT_LEAST:
            count = max(count, min(10 * count, int(1.2 * count * AT_LEAST / (needed or 1e-9))))
            needed = seconds(partial(often, contender, count))
        while name.startswith("ours") and time.perf_counter() < stop:
            often(contender, count)
        counts[name] = count
    times: Times = {name: [] for name in (*contenders, *(fresh or ()))}
    gc.collect()
    gc.freeze()  # what the peers imported is no work for the collector
    for _ in range(repetitions):
        for name, contender in contenders.items():
            times[name].append(seconds(partial(often, contender, counts[name])) / counts[name])
        for name, make in (fresh or {}).items():
            forget()
            times[name].append(first_program(make()))
    return times


def table(title: str, unit: float, times: Times) -> None:
    """A row of Markdown for each; the unit in seconds."""
    ours = next((min(ts) for name, ts in times.items() if name.startswith("ours")), None)
    wide = max(34, *map(len, (title, *times)))
    print(f"\n| {title:{wide}} | {'lowest':>9} | {'median':>9} | {'/ ours':>7} |")
    print(f"| {'-' * wide} | {'-' * 8}: | {'-' * 8}: | {'-' * 6}: |")
    for name, ts in sorted(times.items(), key=lambda item: not item[0].startswith("ours")):
        low, mid = (f"{t / unit:.4g}" for t in (min(ts), median(ts)))
        ratio = f"{min(ts) / ours:.3g}" if ours else "-"
        print(f"| {name:{wide}} | {low:>9} | {mid:>9} | {ratio:>7} |", flush=True)
