"""A Program as machine code: IR in chunks, each a function, and the loop over rows that calls them.

>>> from autograd_lite.program import Instruction, Program
>>> kernel = LlvmKernel(Program(["x"], [Instruction("exp", (0,))], [1]))
>>> kernel.point([0.0])
(-1, [1.0])
"""

from __future__ import annotations

import ctypes
import struct
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import compress
from typing import Any, NamedTuple

from ..pause import collector_paused
from ..program import Program
from .alike import planned
from .calls import caller
from .chunks import Writer
from .expand import expanded
from .loops import WORDS
from .machine import Machine, Target, target
from .place import Failures
from .points import write_straight
from .vectors import write_point

WORD = ctypes.c_void_p
POINT = ctypes.CFUNCTYPE(ctypes.c_int, WORD, WORD, WORD)
ROWS = ctypes.CFUNCTYPE(None, WORD, WORD)
_viewed = ctypes.c_char.from_buffer

SMALL = 1000  # steps that do not take long to compile well


class Memory:
    """Memory that begins at a multiple of 64 bytes."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.buffer = ctypes.create_string_buffer(size + 64)
        self.address = -(-ctypes.addressof(self.buffer) // 64) * 64

    @cached_property
    def numbers(self) -> Any:
        """It as an array of doubles."""
        import numpy as np

        offset = self.address - ctypes.addressof(self.buffer)
        return np.ndarray(self.size // 8, np.float64, self.buffer, offset)  # type: ignore[arg-type]


class Point(NamedTuple):
    """A variant for a point: machine code, the memory it takes, and how long it is."""

    run: Callable[..., int]
    size: int
    steps: int
    outputs: int
    failures: Failures | None
    target: Target


class Rows(NamedTuple):
    """A variant for rows: machine code, and what it takes.

    pack    makes the bytes that say what is to be done
    places  in memory: of sums, or of outputs of the last rows; of columns; of their addresses
    size    of that memory
    ones    one for each lane
    """

    run: Callable[[bytes, bytes], None]
    pack: Callable[..., bytes]
    places: tuple[int, int, int]
    size: int
    ones: Any
    failures: Failures | None


class LlvmKernel:
    """A Program as machine code, for a point or for rows; compiled when it is first called.

    strict    the same bits as with floats
    shared    for each input whether it is one number for all rows
    features  those of the processor, as LLVM spells them; by default of the one at hand
    opt       0 to 3: how hard LLVM tries; by default 0 for a point, which compiles at once, and 1
              for rows of a program that is not huge; 2 and 3 take ten times as long
    """

    @collector_paused()
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

    def _compile(self, text: str, writer: Writer, opt: int) -> tuple[Machine, Failures | None]:
        """The machine code, and what goes wrong in functions of Python, if it calls any."""
        self.sources.append(text)
        opt = opt if self.opt is None else self.opt
        machine = Machine(text, self.target, opt, writer.callbacks)
        self.machines.append(machine)
        if not any(name.startswith("python.") for name in writer.callbacks):
            return machine, None
        writer.failures.watch(machine)
        return machine, writer.failures

    @cached_property
    @collector_paused()
    def _point(self) -> Point:
        writer = Writer(self.steps, self.target, self.strict, 1)
        plan = planned(self.steps, self.target.lanes, self.strict)
        single = plan.size - plan.looped
        if plan.is_worth_it:
            names = write_point(writer, plan, self.target.lanes)
        else:
            names = write_straight(writer)
        opt = int(plan.is_worth_it and single < SMALL)
        machine, failures = self._compile(writer.point(names), writer, opt)
        run = machine.function("point", POINT)
        size, outputs = writer.size + writer.scratch, len(self.program.outputs)
        return Point(run, size, single, outputs, failures, self.target)

    def point(self, xs: Sequence[float]) -> tuple[int, Sequence[float]]:
        """The index of the first guard that does not hold, else -1, and the outputs."""
        made, out = self._point, self._outputs()
        ws = _taken(self.memory[made.size], made.size)
        status = made.run(self._pack(*xs), out, ws.address)
        self.memory[made.size].append(ws)
        if made.failures:
            made.failures.check()
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

    @collector_paused()
    def _for_rows(self, reduce: bool) -> Rows:
        import numpy as np

        writer = Writer(self.steps, self.target, self.strict, self._lanes)
        text = writer.rows(self.shared, reduce)
        machine, failures = self._compile(text, writer, writer.effort)
        run = machine.function("rows", ROWS)
        k, m, size = len(self._varying), len(self.steps.outputs), 8 * self._lanes
        sums = -(-(writer.size + writer.scratch) // 64) * 64
        packed = sums + size * m * (2 if reduce else 1)
        table = packed + size * k
        pack = struct.Struct(f"{WORDS + 2 * k}q").pack
        places, ones = (sums, packed, table), np.ones(self._lanes)
        return Rows(run, pack, places, table + 8 * k, ones, failures)

    def rows(self, columns: Sequence[Any], n: int, reduce: bool = False) -> tuple[Any, Any]:
        """For n rows the status of each, None if there are no guards, and the outputs, an array of
        (outputs, rows); with `reduce` their sums over the rows whose guards hold.

        columns  for each input an array of n numbers; a float where it is shared
        """
        same = self._pack_shared(*compress(columns, self.shared))
        return self.batch(same, [columns[i][:, None] for i in self._varying], n, reduce)

    def batch(
        self, same: bytes, blocks: Sequence[Any], n: int, reduce: bool = False
    ) -> tuple[Any, Any]:
        """The same for inputs that are not taken apart.

        same    the bytes of those that are shared
        blocks  the others: arrays of rows by inputs

        The machine code takes as many rows at once as there are lanes. The last ones are filled up
        with copies, and their results left out.
        """
        import numpy as np

        made = self._sums if reduce else self._rows
        lanes, m = self._lanes, len(self.steps.outputs)
        columns: list[int] = []
        steps: list[int] = []
        for x in blocks:
            first, (step, across), k = _address(x), x.strides, x.shape[1]
            columns += [first + across * i for i in range(k)]
            steps += [step] * k
        k, full = len(columns), n - n % lanes
        memory = _taken(self.memory[made.size], made.size)
        there, packed, table = [memory.address + place for place in made.places]
        places = memory.address, packed, table, *columns, *steps

        def run(start: int, stop: int, pack: bool, stride: int, out: int, states: int) -> None:
            made.run(same, made.pack(start, stop, n - 1, pack, stride, k, out, states, *places))

        sums = memory.numbers[made.places[0] // 8 : made.places[1] // 8]
        sums = sums.reshape(2 if reduce else 1, m, lanes)
        status = np.empty(n, np.int32) if self.steps.guards else None
        if reduce:
            sums.fill(0.0)
        else:
            out = np.empty((m, n))
        if full:
            states = 0 if status is None else _address(status)
            run(0, full, steps.count(8) < k, n, there if reduce else _address(out), states)
        if full < n:
            rest = np.empty(lanes, np.int32)
            # where the code adds the row, as in the large arrays, it is taken off before
            there += 8 * lanes * m if reduce else -8 * full
            run(full, n, True, lanes, there, _address(rest) - 4 * full)
            if status is not None:
                status[full:] = rest[: n - full]
            if not reduce:
                out[:, full:] = sums[0, :, : n - full]
        if reduce:
            out = sums[0].dot(made.ones)
            if full < n:
                out += sums[1, :, : n - full].dot(made.ones[: n - full])
        self.memory[made.size].append(memory)
        if made.failures:
            made.failures.check()
        return status, out


def _address(array: Any) -> int:
    try:
        return ctypes.addressof(_viewed(array))  # takes a quarter of the time
    except (TypeError, ValueError):  # it is read-only, empty, or has gaps
        return array.__array_interface__["data"][0]  # type: ignore[no-any-return]


def _taken(memory: list[Memory], size: int) -> Memory:
    try:  # another thread may have taken the last
        return memory.pop()
    except IndexError:
        return Memory(size)
