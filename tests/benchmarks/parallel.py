"""Prints how a large batch goes over executors: one and two threads, processes, a Dask cluster.

    pip install -e ".[llvm]" distributed
    python tests/benchmarks/parallel.py
    python tests/benchmarks/parallel.py --rows 2000000 --repetitions 9

The gradients of two million options by Black and Scholes, five a row, summed and each by itself.
Wall-clock time, so the machine must have nothing else to do; the lowest of the turns, in which all
contenders take part. Sums must be the same to the last bit, rows too, or nothing is printed. The
results of processes and of Dask are sent over pipes and sockets, so their rows cost what that costs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import numpy as np

import autograd_lite as ag
from autograd_lite import exp, log, ndtr, sqrt

PARTS = 16
AIM = 1.7  # two threads, times as fast as one


def price(S: Any, K: Any, r: Any, sigma: Any, T: Any) -> Any:  # noqa: N803  the formula's names
    """The Black-Scholes price of a call."""
    spread = sigma * sqrt(T)
    d = (log(S / K) + (r + 0.5 * sigma * sigma) * T) / spread
    return S * ndtr(d) - K * exp(-r * T) * ndtr(d - spread)


def options(n: int) -> list[Any]:
    rng = np.random.default_rng(0)
    ends = ((50, 150), (50, 150), (0.0, 0.08), (0.1, 0.6), (0.1, 3.0))
    return [rng.uniform(a, b, n) for a, b in ends]


def flat(result: Any) -> Any:
    y, slopes = result
    return np.array([y, *slopes])


def seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def cluster(stack: ExitStack, workers: int) -> Executor | None:
    try:
        from distributed import LocalCluster
    except ImportError:
        print("distributed is not installed: no Dask")
        return None
    made = stack.enter_context(LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None,
        silence_logs=50,
    ))  # fmt: skip
    return stack.enter_context(made.get_client()).get_executor()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    args, chunk_rows = options(given.rows), -(-given.rows // PARTS)
    f = ag.compile(price, argnums=(0, 1, 2, 3, 4)).value_and_grad
    with ExitStack() as stack:
        executors: dict[str, Executor | None] = {"none, all in one thread": None}
        for n in sorted({1, given.workers}):
            name = f"{n} thread" + "s" * (n > 1)
            executors[name] = stack.enter_context(ThreadPoolExecutor(n))
        spawn = multiprocessing.get_context("spawn")
        executors[f"{given.workers} processes"] = stack.enter_context(
            ProcessPoolExecutor(given.workers, spawn)
        )
        dask = cluster(stack, given.workers)
        if dask is not None:
            executors[f"Dask, {given.workers} processes"] = dask
        calls: dict[tuple[str, str | None], Callable[[], Any]] = {
            (name, reduce): lambda executor=executor, reduce=reduce: f.map(  # type: ignore[misc]
                *args, executor=executor, chunk_rows=chunk_rows, reduce=reduce
            )
            for name, executor in executors.items()
            for reduce in ("sum", None)
        }
        wanted = {
            reduce: flat(f.map(*args, chunk_rows=chunk_rows, reduce=reduce))
            for reduce in ("sum", None)
        }
        for (name, reduce), call in calls.items():
            assert np.array_equal(flat(call()), wanted[reduce]), f"{name} has other bits"
        times = {key: min(seconds(call) for _ in range(2)) for key, call in calls.items()}
        for _ in range(given.repetitions):
            for key, call in calls.items():
                times[key] = min(times[key], seconds(call))
    load = f"load {os.getloadavg()[0]:.1f}, " if hasattr(os, "getloadavg") else ""
    print(
        f"{given.rows:,} options, value and 5 derivatives, ns an option; {load}{os.cpu_count()} cores"
    )
    print(f"{'executor':26}{'sums':>8}{'speed-up':>10}{'rows':>9}{'speed-up':>10}")
    for name in executors:
        print(f"{name:26}", end="")
        for reduce, width in (("sum", 8), (None, 9)):
            took, alone = times[name, reduce], times["1 thread", reduce]
            print(f"{took / given.rows * 1e9:{width}.1f}{alone / took:9.2f}x", end="")
        print()
    reached = times["1 thread", "sum"] / times[f"{given.workers} threads", "sum"]
    print(f"{given.workers} threads: {reached:.2f} times one; the aim for two is {AIM}")
    return 0 if given.workers != 2 or reached >= AIM else 1


if __name__ == "__main__":
    sys.exit(main())
