"""Calls from Python without a detour: machine code that reads the arguments and makes the results.

Arguments and results are numbers, arrays of doubles, and lists and tuples of these. What does not
fit is left to others, who may be slower: then the result is None.

>>> from autograd_lite.program import Instruction, Program
>>> from autograd_lite.program.llvm import LlvmKernel
>>> kernel = LlvmKernel(Program(["x", "y"], [Instruction("mul", (0, 1))], [2, 0]))
>>> call = kernel.caller([3.0, 5.0], (0.0, [1.0]))  # in the result the places of the outputs
>>> call(2.0, 5), call(2.0, "no number")
((10.0, [2.0]), None)
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from itertools import count
from typing import TYPE_CHECKING, Any

from .machine import Machine
from .objects import COPY, OWN, PYTHON, address, declared, library

if TYPE_CHECKING:
    from .executor import Point

FAST_CALL = 0x80
LONG_RUN = 10_000  # steps, from which on other threads may run meanwhile


class Definition(ctypes.Structure):
    """What Python wants to know of a function in C."""

    _fields_ = [
        ("name", ctypes.c_char_p), ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int), ("doc", ctypes.c_char_p),
    ]  # fmt: skip


# the memory is one thread's at a time; who finds it taken goes another way
CALL = """@memory = internal global [{size} x i8] zeroinitializer, align 64
@taken = internal global i8 0
declare i32 @point(ptr, ptr, ptr)
define internal ptr @run(ptr %args) {{
{body}
no:
call void @Py_IncRef(ptr {none})
ret ptr {none}
bad:
ret ptr null
}}
define ptr @call(ptr %self, ptr %args, i64 %n) {{
%fits = icmp eq i64 %n, {count}
br i1 %fits, label %take, label %no
take:
%before = cmpxchg ptr @taken, i8 0, i8 1 acquire monotonic
%mine = extractvalue {{ i8, i1 }} %before, 1
br i1 %mine, label %run, label %no
run:
%result = call ptr @run(ptr %args)
store atomic i8 0, ptr @taken release, align 1
ret ptr %result
no:
call void @Py_IncRef(ptr {none})
ret ptr {none}
}}"""


class Unfit(Exception):  # noqa: N818
    """Something among the arguments or results is none of the usual things."""


def caller(point: Point, args: Sequence[Any], result: Any) -> Callable[..., Any] | None:
    """A function of Python for arguments like these, which calls the machine code of a point; None
    for other kinds of arguments or results.

    result  a result in which each number is the place of an output
    """
    if point.failures or ctypes.sizeof(ctypes.c_void_p) != 8 or sys.byteorder != "little":
        return None
    try:
        written = Call(point, args, result)
    except Unfit:
        return None
    return written.function()


class Call:
    """Such a function: its IR, and what it needs to live."""

    def __init__(self, point: Point, args: Sequence[Any], result: Any) -> None:
        self.point, self.args = point, args
        self.lines: list[str] = []
        self.constants: list[str] = []
        self.kept: list[Any] = []  # objects that the code knows by their addresses
        self.new = map("v{}".format, count())
        self.inputs = 0
        is_long = point.steps > LONG_RUN  # others may change an array meanwhile
        self.in_place = len(args) == 1 and _is_array(args[0]) and not is_long
        given = "@memory"
        for k, x in enumerate(args):
            at = self.let(f"getelementptr ptr, ptr %args, i64 {k}")
            given = self.read(x, self.let(f"load ptr, ptr {at}")) or "@memory"
        out = -(-8 * self.inputs // 64) * 64
        ws = -(-(out + 8 * point.outputs) // 64) * 64
        self.size = ws + point.size
        out_at, ws_at = self.memory(out), self.memory(ws)
        thread = self.let("call ptr @PyEval_SaveThread()") if is_long else ""
        status = self.let(f"call i32 @point(ptr {given}, ptr {out_at}, ptr {ws_at})")
        if is_long:
            self.lines.append(f"call void @PyEval_RestoreThread(ptr {thread})")
        self.require(self.let(f"icmp slt i32 {status}, 0"))
        made = self.made(result, out_at)
        error = self.let("call ptr @PyErr_Occurred()")
        self.require(self.let(f"icmp eq ptr {error}, null"), "bad")
        self.lines.append(f"ret ptr {made}")

    def let(self, expression: str) -> str:
        name = f"%{next(self.new)}"
        self.lines.append(f"{name} = {expression}")
        return name

    def require(self, condition: str, otherwise: str = "no") -> None:
        on = next(self.new)
        self.lines += [f"br i1 {condition}, label %{on}, label %{otherwise}", f"{on}:"]

    def memory(self, offset: int) -> str:
        return self.let(f"getelementptr i8, ptr @memory, i64 {offset}")

    def table(self, numbers: Sequence[int]) -> str:
        """A constant array of integers."""
        name, n = f"@c{len(self.constants)}", len(numbers)
        items = ", ".join(f"i64 {i}" for i in numbers)
        self.constants.append(f"{name} = internal constant [{n} x i64] [{items}]")
        return name

    def object(self, x: Any) -> str:
        self.kept.append(x)
        return address(x)

    def read(self, x: Any, name: str) -> str:
        """Reads an argument like x into the memory; of an array that alone is given, the place
        where it lies."""
        kind = type(x)
        place = 8 * self.inputs
        if _is_number(x):
            self.inputs += 1
            self.require(self.let(f"call i1 @number(ptr {name}, ptr {self.memory(place)})"))
        elif _is_array(x):
            self.inputs += x.size
            shape = self.table(x.shape)
            start = self.let(f"call ptr @doubles(ptr {name}, i32 {x.ndim}, ptr {shape})")
            self.require(self.let(f"icmp ne ptr {start}, null"))
            if self.in_place:
                return start
            to, size = self.memory(place), 8 * x.size
            self.lines.append(
                f"call void @llvm.memcpy.p0.p0.i64(ptr {to}, ptr {start}, i64 {size}, i1 false)"
            )
        elif kind in (list, tuple) and x and all(map(_is_number, x)):
            self.inputs += len(x)
            given = f"ptr {name}, i64 {len(x)}, ptr {self.memory(place)}"
            self.require(self.let(f"call i1 @numbers{_title(kind)}({given})"))
        elif kind in (list, tuple):
            self.require(self.let(f"call i1 @is{_title(kind)}(ptr {name}, i64 {len(x)})"))
            for i, item in enumerate(x):
                get = f"call ptr @Py{_title(kind)}_GetItem(ptr {name}, i64 {i})"
                self.read(item, self.let(get))
        else:
            raise Unfit
        return ""

    def made(self, x: Any, out: str) -> str:
        """Makes a result like x."""
        kind = type(x)
        if kind is float:
            at = self.let(f"getelementptr double, ptr {out}, i64 {int(x)}")
            y = self.let(f"load double, ptr {at}")
            return self.let(f"call ptr @PyFloat_FromDouble(double {y})")
        if _is_array(x):
            places = x.astype(int).ravel().tolist()
            first, table = places[0], "null"
            if places == [*range(first, first + x.size)]:
                out = self.let(f"getelementptr double, ptr {out}, i64 {first}")
            else:
                table = self.table(places)
            given = f"ptr {out}, ptr {table}, i64 {x.size}, ptr {self.object((x.shape,))}"
            new = self.let(f"call ptr @madearray({given})")
        elif kind in (list, tuple) and x and {*map(type, x)} == {float}:
            places = self.table([*map(int, x)])
            new = self.let(f"call ptr @made{_title(kind)}(ptr {out}, ptr {places}, i64 {len(x)})")
        elif kind in (list, tuple):
            new = self.let(f"call ptr @Py{_title(kind)}_New(i64 {len(x)})")
            self.require(self.let(f"icmp ne ptr {new}, null"), "bad")
            for i, item in enumerate(x):
                there = f"ptr {new}, i64 {i}, ptr {self.made(item, out)}"
                self.lines.append(f"call i32 @Py{_title(kind)}_SetItem({there})")
            return new
        else:
            raise Unfit
        self.require(self.let(f"icmp ne ptr {new}, null"), "bad")
        return new

    def text(self) -> str:
        """All of it."""
        body, none = "\n".join(self.lines), address(None)
        call = CALL.format(size=self.size, body=body, none=none, count=len(self.args))
        return "\n".join([declared({**PYTHON, **OWN}), COPY, *self.constants, call, ""])

    def function(self) -> Callable[..., Any]:
        """It as a function of Python."""
        symbols = {**library(), "point": self.point.run}
        machine = Machine(self.text(), self.point.target, 0, symbols)
        address = machine.engine.get_function_address("call")
        definition = Definition(b"call", address, FAST_CALL, None)
        make = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.POINTER(Definition), ctypes.py_object, ctypes.c_void_p
        )(("PyCFunction_NewEx", ctypes.pythonapi))
        # the function keeps its second argument, and with it what it needs
        return make(definition, (definition, machine, self.kept), None)  # type: ignore[no-any-return]


def _title(kind: type) -> str:
    return kind.__name__.title()


def _is_number(x: Any) -> bool:
    return type(x) in (float, int) or type(x).__name__ == "float64"


def _is_array(x: Any) -> bool:
    return type(x).__name__ == "ndarray" and x.dtype == "d" and x.size > 0
