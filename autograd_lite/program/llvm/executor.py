"""A Program as machine code: IR in chunks, each a function, and the loop over rows that calls them.

>>> from autograd_lite.program import Instruction, Program
>>> kernel = LlvmKernel(Program(["x"], [Instruction("exp", (0,))], [1]))
>>> kernel.point([0.0])
(-1, [1.0])
"""

from __future__ import annotations

import ctypes
import struct
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from ctypes import memset
from functools import cached_property
from itertools import compress
from threading import get_ident
from typing import Any, NamedTuple

from ..program import Program
from .alike import planned
from .calls import caller
from .chunks import Writer
from .expand import expanded
from .machine import Machine, Target, target
from .points import write_straight
from .vectors import write_point

LONG, WORD = ctypes.c_int64, ctypes.c_void_p
POINT = ctypes.CFUNCTYPE(ctypes.c_int, WORD, WORD, WORD)
FIRST = ctypes.CFUNCTYPE(None, WORD, WORD)
ROWS = ctypes.CFUNCTYPE(
    None, LONG, LONG, LONG, WORD, WORD, WORD, WORD, LONG, WORD, LONG, WORD, WORD
)


SMALL = 1000  # steps that do not take long to compile well


class Memory:
    """Memory that begins at a multiple of 64 bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.buffer = ctypes.create_string_buffer(size + 64)
        self.address = -(-ctypes.addressof(self.buffer) // 64) * 64

    def array(self, shape: tuple[int, ...]) -> Any:
        """It as an array, which keeps it alive."""
        import numpy as np

        offset = self.address - ctypes.addressof(self.buffer)
        return np.ndarray(shape, np.float64, self.buffer, offset)  # type: ignore[arg-type]


class Point(NamedTuple):
    """A variant for a point: machine code, the memory it takes, and how long it is."""

    run: Callable[..., int]
    size: int
    steps: int
    outputs: int
    failed: dict[int, BaseException]
    target: Target


class Rows(NamedTuple):
    """A variant for rows: machine code, and what it takes."""

    run: Callable[..., None]
    first: Callable[..., None] | None
    size: int
    failed: dict[int, BaseException]


class LlvmKernel:
    """A Program as machine code, for a point or for rows; compiled when it is first called.

    strict    the same bits as with floats
    shared    for each input whether it is one number for all rows
    features  those of the processor, as LLVM spells them; by default of the one at hand
    opt       0 to 3: how hard LLVM tries; by default 0 for a point, which compiles at once, and 1
              for rows of a program that is not huge; 2 and 3 take ten times as long
    """

    def __init__(
        self,
        program: Program,
        *,
        strict: bool = False,
        shared: Sequence[bool] | None = None,
        features: str | None = None,
        opt: int | None = None,
    ) -> None:
        self.program, self.strict, self.opt = program, strict, opt
        self.target = target(features)
        self._lanes = self.target.lanes
        self.shared = tuple(shared) if shared else (False,) * len(program.inputs)
        self.steps = expanded(program, strict)
        self.memory: defaultdict[int, list[Memory]] = defaultdict(list)
        self.sources: list[str] = []
        self.machines: list[Machine] = []
        self._varying = [i for i, same in enumerate(self.shared) if not same]
        self._pack = struct.Struct(f"{len(program.inputs)}d").pack
        self._pack_shared = struct.Struct(f"{sum(self.shared)}d").pack
        self._outputs = ctypes.c_double * len(program.outputs)

    @property
    def source(self) -> str:
        """The IR of the variant that was made last, at first that of a point."""
        if not self.sources:
            self._point  # noqa: B018
        return self.sources[-1]

    def _compile(self, text: str, writer: Writer, opt: int) -> Machine:
        self.sources.append(text)
        opt = opt if self.opt is None else self.opt
        self.machines.append(Machine(text, self.target, opt, writer.callbacks))
        return self.machines[-1]

    @cached_property
    def _point(self) -> Point:
        writer = Writer(self.steps, self.target, self.strict, 1)
        plan = planned(self.steps, self.target.lanes, self.strict)
        single = plan.size - plan.looped
        if plan.is_worth_it:
            names = write_point(writer, plan, self.target.lanes)
        else:
            names = write_straight(writer)
        opt = int(plan.is_worth_it and single < SMALL)
        run = self._compile(writer.point(names), writer, opt).function("point", POINT)
        size, outputs = writer.size + writer.scratch, len(self.program.outputs)
        return Point(run, size, single, outputs, writer.failed, self.target)

    def point(self, xs: Sequence[float]) -> tuple[int, Sequence[float]]:
        """The index of the first guard that does not hold, else -1, and the outputs."""
        made, out = self._point, self._outputs()
        ws = self._taken(made.size)
        status = made.run(self._pack(*xs), out, ws.address)
        self.memory[made.size].append(ws)
        if made.failed:
            _raise(made.failed)
        return status, out[:]

    def caller(self, args: Sequence[Any], result: Any) -> Callable[..., Any] | None:
        """A function that takes arguments like these, the inputs in order, and gives such a result,
        in which each number is the place of an output; None where a guard does not hold or the
        arguments are others. None itself if there is no such function; see calls.py."""
        return caller(self._point, args, result)

    @cached_property
    def _rows(self) -> Rows:
        return self._for_rows(False)

    @cached_property
    def _sums(self) -> Rows:
        return self._for_rows(True)

    def _for_rows(self, reduce: bool) -> Rows:
        writer = Writer(self.steps, self.target, self.strict, self._lanes)
        text = writer.rows(self.shared, reduce)
        machine = self._compile(text, writer, writer.effort)
        first = machine.function("first", FIRST) if any(writer.uniform) else None
        size = writer.size + writer.scratch
        return Rows(machine.function("rows", ROWS), first, size, writer.failed)

    def rows(self, columns: Sequence[Any], n: int, reduce: bool = False) -> tuple[Any, Any]:
        """For n rows the status of each, None if there are no guards, and the outputs, an array of
        (outputs, rows); with `reduce` their sums over the rows whose guards hold.

        columns  for each input an array of n numbers; a float where it is shared

        The machine code takes as many rows at once as there are lanes. The last ones are filled up
        with copies, and their results left out.
        """
        import numpy as np

        made = self._sums if reduce else self._rows
        lanes, m = self._lanes, len(self.steps.outputs)
        inputs = self._pack_shared(*compress(columns, self.shared))
        given = [columns[i].__array_interface__ for i in self._varying]
        k, full = len(given), n - n % lanes
        strides = [(c["strides"] or (8,))[0] for c in given]
        strided = strides != [8] * k
        held = [self._taken(made.size), self._taken(16 * lanes * m if reduce else 0)]
        ws, total = held
        start = 0
        if strided or full < n:
            held.append(self._taken(8 * lanes * k))
            start = held[-1].address
        places = [c["data"][0] for c in given] + strides
        table = array("q", [*places, *range(start, start + 8 * lanes * k, 8 * lanes)])
        address = table.buffer_info()[0]
        tables = inputs, address, address + 8 * k, address + 16 * k
        status = np.empty(n, np.int32) if self.steps.guards else None
        if reduce:
            memset(total.address, 0, 16 * lanes * m)
            out = total.array((2, m, lanes))
            there, tail, stride = total.address, out[1], 0
        else:
            out, tail, stride = np.empty((m, n)), np.empty((m, lanes)), n
            there = _address(out)
        if made.first:
            made.first(inputs, ws.address)
        if full:
            states = _address(status) if status is not None else 0
            made.run(0, full, n - 1, *tables, strided, there, stride, states, ws.address)
        if full < n:
            rest = np.empty(lanes, np.int32)
            back = 0 if reduce else 8 * full  # the code adds the row, as in the large array
            there, states = _address(tail) - back, _address(rest) - 4 * full
            made.run(full, n, n - 1, *tables, True, there, lanes, states, ws.address)
            if status is not None:
                status[full:] = rest[: n - full]
            if not reduce:
                out[:, full:] = tail[:, : n - full]
        if reduce:
            sums = out[0] @ np.ones(lanes)
            out = sums + tail[:, : n - full] @ np.ones(n - full) if full < n else sums
        for memory in held:
            self.memory[memory.size].append(memory)
        if made.failed:
            _raise(made.failed)
        return status, out

    def _taken(self, size: int) -> Memory:
        return _taken(self.memory[size], size)


def _address(array: Any) -> int:
    return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def _taken(memory: list[Memory], size: int) -> Memory:
    try:  # another thread may have taken the last
        return memory.pop()
    except IndexError:
        return Memory(size)


def _raise(failed: dict[int, BaseException]) -> None:
    """What a Python function raised that was called in this thread."""
    error = failed.pop(get_ident(), None)
    if error is not None:
        raise error
