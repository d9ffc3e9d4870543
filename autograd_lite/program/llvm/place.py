"""Where the IR of operations is written, and the functions that it calls: of the C library, of
Python, and those that are an operation of many lines."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from threading import get_ident
from typing import Any

from ...ieee import floats, fsum
from ..program import function_of, row_of
from .forms import form_of
from .ir import Block
from .machine import Machine, Target

PYTHON = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_long)
# Python may not even begin with a function, as at the limit of recursion or after Ctrl-C
CHECKED = """define internal void @{name}.checked(ptr %xs, i64 %n) noinline nounwind {{
%size = mul i64 %n, {each}
%mark = getelementptr i8, ptr %xs, i64 %size
store double 1.0, ptr %mark, align 8
call void @{name}(ptr %xs, i64 %n)
%left = load double, ptr %mark, align 8
%is.lost = fcmp une double %left, 0.0
%more = zext i1 %is.lost to i64
%before = atomicrmw add ptr @lost, i64 %more monotonic
ret void
}}"""


class Failures:
    """What went wrong in the functions of Python that machine code calls."""

    def __init__(self) -> None:
        self.errors: dict[int, BaseException] = {}  # by thread
        self.lost, self.known = ctypes.c_int64(), 0  # calls that did not come to their end

    def watch(self, machine: Machine) -> None:
        """Counts what is lost in this code."""
        self.lost = ctypes.c_int64.from_address(machine.engine.get_global_value_address("lost"))

    def check(self) -> None:
        """Raises what a function raised in this thread, or RuntimeError."""
        error = self.errors.pop(get_ident(), None)
        if error is not None:
            raise error
        if self.lost.value != self.known:
            self.known = self.lost.value
            raise RuntimeError(
                "compile: machine code had to call a function of Python, which was not run to its "
                "end, as at the limit of recursion or after Ctrl-C; call again"
            )


class Place:
    """Where code is written: a block, memory for arguments of calls, Python functions to call."""

    def __init__(
        self,
        block: Block,
        scratch: str,
        callbacks: dict[str, Any],
        failures: Failures,
        target: Target,
        strict: bool,
        is_large: bool = False,
        table: dict[str, int] | None = None,
    ) -> None:
        self.block, self.scratch, self.callbacks = block, scratch, callbacks
        self.failures = failures
        self.target, self.strict = target, strict
        self.is_large, self.table = is_large, table
        self.used = 0  # numbers of scratch memory

    def spread(self, xs: Sequence[str]) -> str:
        """Writes numbers side by side into the memory for arguments."""
        b = self.block
        self.used = max(self.used, len(xs) * b.lanes + 1)
        for i, x in enumerate(xs):
            b.store(x, b.at(self.scratch, 8 * b.lanes * i))
        return self.scratch

    def libm(self, name: str, *xs: str) -> str:
        """A function of the C library, lane by lane."""
        b = self.block
        arguments = ", ".join(["double"] * len(xs))
        b.declared.add(f"declare double @{name}({arguments}) nounwind willreturn memory(none)")
        if b.lanes == 1:
            return self.call(name, xs)
        full = f"{name}.each.{b.suffix}f64"
        b.declared.add(_each(b, name, full, len(xs)))
        return self.call(full, xs)

    def call(self, name: str, xs: Sequence[str]) -> str:
        """A function of numbers; where there is a table of functions by its address, since a direct
        call takes LLVM four times as long."""
        b, of = self.block, f"@{name}"
        if self.table is not None:
            at = 8 * self.table.setdefault(name, len(self.table))
            of = b.let(f"load ptr, ptr {b.at('%columns', at)}, align 8")
        return b.let(
            f"call {b.double} {of}({', '.join([f'{b.double} {x}' for x in xs])}) nobuiltin"
        )

    def outlined(self, op: str, xs: Sequence[str]) -> str:
        """An operation in a function of its own: written beside what calls it, or, which pays for a
        large program, compiled once and well for all."""
        b = self.block
        name = f"{op}.of.{b.suffix}f64"
        if name not in b.known:
            b.known[name] = ""
            made = name, op, b.lanes, self.strict, len(xs), self.target
            if self.is_large:
                self.callbacks.setdefault(name, _compiled(*made))
                kinds = ", ".join([b.double] * len(xs))
                b.declared.add(f"declare {b.double} @{name}({kinds}) nounwind")
            else:
                b.declared |= _outlined(*made)
        return self.call(name, xs)

    def python(self, op: str, xs: Sequence[str]) -> str:
        """A function of floats in Python, lane by lane: slow."""
        b = self.block
        name = self.callback(op)
        b.do(f"call void @{name}(ptr {self.spread(xs)}, i64 {len(xs)})")
        return b.load("double", self.scratch)

    def callback(self, op: str) -> str:
        b = self.block
        name = f"python.{op}.{b.lanes}"
        b.declared |= {"@lost = global i64 0", f"declare void @{name}(ptr, i64)"}
        b.declared.add(CHECKED.format(name=name, each=8 * b.lanes))
        if name not in self.callbacks:
            self.callbacks[name] = PYTHON(_calling(op, b.lanes, self.failures))
        return f"{name}.checked"


@cache
def _outlined(name: str, op: str, lanes: int, strict: bool, arity: int, target: Target) -> set[str]:
    """The text of a function that is an operation, and what it calls."""
    b = Block(lanes, target.fma, strict)
    xs = [f"%x{k}" for k in range(arity)]
    y = form_of(op, strict)(Place(b, "", {}, Failures(), target, strict), *xs)
    given, body = ", ".join(f"{b.double} {x}" for x in xs), "\n".join(b.lines)
    head = f"define internal {b.double} @{name}({given}) noinline {target.attributes} {{"
    return {*b.declared, f"{head}\n{body}\nret {b.double} {y}\n}}"}


@cache
def _compiled(name: str, *made: Any) -> Any:
    text = "\n".join([*sorted(_outlined(name, *made)), "!0 = !{}"])
    start, end = text.split(f" @{name}(")
    head, _, kind = start.rpartition("internal ")
    text = f"{head}{kind} @{name}({end}"
    return Machine(text, made[-1], 1, {}).function(name, ctypes.CFUNCTYPE(None))


def _each(b: Block, name: str, full: str, arity: int) -> str:
    """The text of a function that calls another for each lane."""
    given = ", ".join(f"{b.double} %x{k}" for k in range(arity))
    lines, y = [f"define internal {b.double} @{full}({given}) noinline nounwind {{"], "poison"
    for i in range(b.lanes):
        for k in range(arity):
            lines.append(f"%a{k}.{i} = extractelement {b.double} %x{k}, i32 {i}")
        given = ", ".join(f"double %a{k}.{i}" for k in range(arity))
        lines.append(f"%f{i} = call double @{name}({given}) nobuiltin")
        lines.append(f"%y{i} = insertelement {b.double} {y}, double %f{i}, i32 {i}")
        y = f"%y{i}"
    return "\n".join([*lines, f"ret {b.double} {y}", "}"])


def _calling(op: str, lanes: int, failures: Failures) -> Callable[..., None]:
    """What machine code calls: reads the arguments of all lanes, writes the results over them, and
    zero behind them when it is done."""
    function = (lambda *xs: fsum(xs)) if op == "sum" else function_of(row_of(op), floats)

    def call(address: int, count: int) -> None:
        memory = (ctypes.c_double * (count * lanes + 1)).from_address(address)
        xs = memory[:-1]
        try:
            memory[:lanes] = [function(*xs[i::lanes]) for i in range(lanes)]
        except BaseException as error:
            failures.errors[get_ident()] = error
        memory[-1] = 0.0

    return call
