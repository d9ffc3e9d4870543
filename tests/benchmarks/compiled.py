"""Prints what autograd_lite.compile takes beside other compilers of derivatives, and beside C.

    pip install -e ".[llvm]" numba jax torch casadi ddx-ad aadc micrograd==0.1.0
    python tests/benchmarks/compiled.py                           # ten minutes
    python tests/benchmarks/compiled.py --only mlp options --repetitions 3

One thread on one core. All contenders of a subject compute the same numbers, to 1e-9 of the largest
in each row of results, or nothing is measured; what is not installed is named and left out. They
take turns; CPU time, so that other work on the machine counts less; the lowest and the median.
"/ ours": the lowest by that of the first row of ours; above 1 it takes longer.

*first program* is what a new compiled function runs after its first call; *ours*, what it runs
after a second of calls. Everything of ours is end to end: the plain Python function of scalars,
NumPy arrays in and out. The peers get what is best for them: see compiled_peers.py.
"""

# ruff: noqa: I001  compiled_timing sets the number of threads: before anything else

from __future__ import annotations

from compiled_timing import Times, all_equal, forget, in_turns, made, seconds, table

import argparse
import gc
import json
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import autograd_lite as ag
import numpy as np

import compiled_moons as moons
import compiled_peers as peers
import compiled_work as work
from compiled_work import INPUTS, POINT, Contender, Straight, price, rosenbrock, row_loss

OURS = hasattr(ag, "compile") and "--peers" not in sys.argv


def subject(
    title: str,
    unit: float,
    makers: dict[str, Callable[[], Contender]],
    make_ours: Callable[[], Contender],
    repetitions: int,
    width: int = 0,
) -> None:
    contenders = made(makers)
    fresh = {}
    if OURS:
        contenders["ours"] = make_ours()
        fresh["ours, first program"] = make_ours
    all_equal(contenders, width)
    table(title, unit, in_turns(contenders, repetitions, fresh))


# 1 Rosenbrock


def run_rosenbrock(repetitions: int) -> None:
    x = np.random.default_rng(0).uniform(-2.0, 2.0, 1000)
    makers: dict[str, Callable[[], Contender]] = {
        "C": lambda: work.c_rosenbrock(x, ()),
        "C, -ffast-math": lambda: work.c_rosenbrock(x),
        "numba, by hand": lambda: work.numba_rosenbrock(x),
        "ddx-ad": lambda: peers.ddx_rosenbrock(x),
        "CasADi, C": lambda: peers.casadi_rosenbrock(x),
        "CasADi, VM": lambda: peers.casadi_rosenbrock(x, in_c=False),
        "JAX": lambda: peers.jax_rosenbrock(x),
        "AADC": lambda: peers.aadc_point(rosenbrock, x),
        "AADC, inside the kernel": lambda: peers.aadc_point(rosenbrock, x, inside=True),
    }

    def ours() -> Contender:
        value_and_grad = ag.compile(rosenbrock).value_and_grad
        return Contender(lambda: value_and_grad(x))

    subject("Rosenbrock, n = 1000, µs a point", 1e-6, makers, ours, repetitions)


# 2 The net 2-16-16-1


def run_mlp(repetitions: int) -> None:
    rng = np.random.default_rng(0)
    data = rng.normal(0.0, 0.4, 337), rng.normal(size=(1024, 2)), rng.normal(size=1024)
    makers: dict[str, Callable[[], Contender]] = {
        "C, vectors by hand": lambda: work.c_mlp(*data),
        "JAX, matrices": lambda: peers.jax_mlp(*data),
        "PyTorch, matrices": lambda: peers.torch_mlp(*data),
        "CasADi, map in C": lambda: peers.casadi_mlp(*data),
        "CasADi, map in its VM": lambda: peers.casadi_mlp(*data, in_c=False),
        "ddx-ad": lambda: peers.ddx_mlp(*data),
        "AADC": lambda: peers.aadc_mlp(*data),
    }

    def ours() -> Contender:
        rows = ag.compile(partial(row_loss, ag)).value_and_grad.map
        return Contender(lambda: rows(*data, in_axes=(None, 0, 0), reduce="sum"))

    title = "337 parameters, 1024 rows, ns a row"
    subject(title, 1e-9 * 1024, makers, ours, repetitions)


# 3 Black-Scholes


def run_options(repetitions: int) -> None:
    rng, n = np.random.default_rng(0), 100_000
    ranges = (80.0, 120.0), (80.0, 120.0), (0.01, 0.05), (0.1, 0.4), (0.1, 2.0)
    columns = [rng.uniform(*between, n) for between in ranges]
    makers: dict[str, Callable[[], Contender]] = {
        "C, libm": lambda: work.c_options(*columns, flags=()),
        "C, -ffast-math: libmvec": lambda: work.c_options(*columns),
        "numba, by hand": lambda: work.numba_options(*columns),
        "JAX": lambda: peers.jax_options(*columns),
        "ddx-ad": lambda: peers.ddx_options(*columns),
        "AADC": lambda: peers.aadc_options(*columns),
        "CasADi, map in C": lambda: peers.casadi_options(*columns),
    }
    second: dict[str, Callable[[], Contender]] = {
        "JAX": lambda: peers.jax_second(*columns),
        "ddx-ad": lambda: peers.ddx_options(*columns, second=True),
    }

    def ours(what: str = "value_and_grad") -> Contender:
        compiled = ag.compile(partial(price, ag), argnums=(0, 1, 2, 3, 4))
        rows = getattr(compiled, what).map
        return Contender(lambda: rows(*columns))

    def ours_second() -> Contender:
        rows = ours("value_grad_hessian").call

        def result(found: Any) -> Any:
            hessian = np.array(found[2], float)
            return *found[:2], hessian if hessian.shape[-1] == n else np.moveaxis(hessian, 0, -1)

        return Contender(rows, result=result)

    subject("call and 5 greeks, ns an option", 1e-9 * n, makers, ours, repetitions, n)
    title = "and 25 second derivatives, ns an option"
    subject(title, 1e-9 * n, second, ours_second, repetitions, n)


# 4 Compiling


def program_makers(f: Straight) -> dict[str, Callable[[], Contender]]:
    """Recording, compiling and all that comes before the first result."""
    found: dict[str, Callable[[], Contender]] = {}

    def ours(backend: str) -> Contender:
        value_and_grad = ag.compile(f.function(ag), backend=backend).value_and_grad
        return Contender(lambda: value_and_grad(POINT))

    def ours_rows() -> Contender:
        rows = ag.compile(f.function(ag), backend="llvm").value_and_grad.map
        columns = np.repeat(POINT[None], 64, 0)
        return Contender(lambda: rows(columns), result=lambda r: [np.ravel(x[:1]) for x in r])

    if OURS:
        found["ours, LLVM"] = lambda: ours("llvm")
        found["ours, LLVM, 64 rows"] = ours_rows
        found["ours, Python"] = lambda: ours("python")
    return found | peers.straight(f)


def instructions(f: Straight) -> int:
    """Of value and gradient, as a Program."""
    from autograd_lite.program import Builder, adjoint, simplified

    builder = Builder([f"x{i}" for i in range(INPUTS)])
    program = builder.program([f.function(builder)(builder.symbols)])
    return len(simplified(adjoint(program)).instructions)


def first_result(make: Callable[[], Contender]) -> None:
    contender = make()  # which owns the arrays that its call writes into
    contender.call()


def run_compile(repetitions: int) -> None:
    for length in (1000, 10_000, 100_000, 300_000):
        f = Straight(length)
        with suppress(Exception):
            print(f"\n{length:,} operations; value and gradient: {instructions(f):,} instructions")
        makers = program_makers(f)
        contenders = made(makers)
        all_equal(contenders)
        first: Times = {name: [] for name in contenders}
        for _ in range(repetitions if length < 100_000 else min(repetitions, 3)):
            for name in contenders:
                if sum(first[name]) > 10.0:  # once is enough
                    continue
                gc.collect()
                forget()
                first[name].append(seconds(partial(first_result, makers[name])))
        table(f"{length:,} operations, first result, µs each", length * 1e-6, first)
        for name, ts in in_turns(contenders, repetitions).items():
            first[name] = [t / 64 for t in ts] if "64 rows" in name else ts
        table(f"{length:,} operations, run, ns each", length * 1e-9, first)
    if OURS:
        cold: dict[str, Times] = {"cold, first result": {}, "import of llvmlite": {}}
        for backend in ("python", "llvm"):
            for _ in range(repetitions):
                command = [sys.executable, __file__, "--cold", backend]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                for row, s in zip(cold.values(), json.loads(done.stdout)):
                    row.setdefault(f"ours, {backend}", []).append(s)
        for title, times in cold.items():
            table(f"100 operations, {title}, ms", 1e-3, times)


def run_cold(backend: str) -> None:
    """In a new interpreter: seconds to the first result of a small function, and for the import."""
    f = Straight(100)
    begin = time.process_time()
    if backend == "llvm":
        import llvmlite.binding  # noqa: F401
    imported = time.process_time()
    ag.compile(f.function(ag), backend=backend).value_and_grad(POINT)
    print(json.dumps([time.process_time() - imported, imported - begin]))


SUBJECTS: dict[str, Callable[[int], None]] = {
    "rosenbrock": run_rosenbrock,
    "mlp": run_mlp,
    "options": run_options,
    "compile": run_compile,
    "moons": partial(moons.run, OURS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=7, metavar="N")
    parser.add_argument("--only", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    parser.add_argument("--peers", action="store_true", help="leave ours out")
    parser.add_argument("--cold", choices=("python", "llvm"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.cold:
        run_cold(options.cold)
        return
    print(platform.python_implementation(), platform.python_version(), platform.machine())
    for package in ("numba", "jax", "torch", "casadi", "ddx-ad", "aadc", "micrograd", "llvmlite"):
        try:
            print(package, version(package), end="; ")
        except PackageNotFoundError:
            print(package, "is not installed", end="; ")
    print("" if OURS else "\nonly the peers are measured")
    for name in options.only:
        SUBJECTS[name](options.repetitions)


if __name__ == "__main__":
    main()
