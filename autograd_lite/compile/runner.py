"""Which executor runs a Program: Python at once, NumPy for batches, LLVM where it pays.

An executor makes way for a faster one when it has cost as much as that one costs to make.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..program import Program
from ..program.emit import NumpyKernel, PythonKernel

if TYPE_CHECKING:
    from .rows import Columns

BACKENDS = ("python", "numpy", "llvm")
# seconds, for the choice only: to compile an instruction, and to run it for a row
LLVM_MAKES, LLVM_STARTS = 15e-6, 0.25
LARGE = 5000  # instructions, from which on Python takes as long to compile them as LLVM does
PYTHON_RUNS, NUMPY_RUNS = 50e-9, 1.5e-9


@cache
def has(module: str) -> bool:
    """Whether a module can be imported."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # sys.modules has None for it
        return False


class Runner:
    """A program with the kernels that run it.

    backend  "python", "numpy", "llvm", or None: what pays
    """

    def __init__(self, program: Program, backend: str | None, strict: bool) -> None:
        self.program, self.backend, self.strict = program, backend, strict
        self.kernels: dict[tuple[str, bytes | None], Any] = {}
        self.spent = 0.0
        self.settled: Any = None  # the kernel for points, when there is no more to gain

    def kernel(self, name: str, shared: bytes | None = None) -> Any:
        """The kernel of a backend; for rows `shared` says which inputs are the same for all."""
        found = self.kernels.get((name, shared))
        if found is None:
            made: Any = PythonKernel if name == "python" else NumpyKernel
            if name == "llvm":
                from ..program.llvm import LlvmKernel as made  # noqa: N813
            same = shared and [*map(bool, shared)]
            found = made(self.program, strict=self.strict, shared=same)
            self.kernels[name, shared] = found
        return found

    @property
    def size(self) -> int:
        return len(self.program.instructions) + 10

    def llvm_costs(self) -> float:
        """What it takes to have machine code, in seconds; infinite where llvmlite is missing."""
        if not has("llvmlite"):
            return float("inf")
        loaded = "llvmlite.binding" in sys.modules
        return self.size * LLVM_MAKES + (0.01 if loaded else LLVM_STARTS)

    def point(self, xs: Sequence[float]) -> tuple[int, Sequence[float]]:
        """The status and the outputs at a point."""
        if self.settled is not None:
            return self.settled.point(xs)  # type: ignore[no-any-return]
        is_large = self.size > LARGE and has("llvmlite")
        if self.backend is not None or is_large or self.spent > self.llvm_costs():
            self.settled = self.kernel("llvm" if self.backend in (None, "llvm") else "python")
            return self.settled.point(xs)  # type: ignore[no-any-return]
        kernel = self.kernel("python")
        started = perf_counter()
        found = kernel.point(xs)
        self.spent += perf_counter() - started
        return found  # type: ignore[no-any-return]

    def rows(
        self, columns: Columns, n: int, reduce: bool, backend: str | None = None
    ) -> tuple[Any, Any]:
        """The status of each row, None for all right, and the outputs or their sums."""
        name = backend or self.backend or self._for_rows(n)
        kernel = self.kernel(name, columns.shared)
        if name == "llvm":
            return kernel.batch(columns.same, columns.blocks, n, reduce)  # type: ignore[no-any-return]
        started = perf_counter()
        found = kernel.rows(columns.apart(), n, reduce)
        self.spent += perf_counter() - started
        return found  # type: ignore[no-any-return]

    def _for_rows(self, n: int) -> str:
        numpy = has("numpy") and not self.strict
        takes = self.size * n * (NUMPY_RUNS if numpy else PYTHON_RUNS)
        if has("numpy") and self.spent + takes > self.llvm_costs():
            return "llvm"
        return "numpy" if numpy and n > 20 else "python"
