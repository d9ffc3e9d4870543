"""LLVM IR as text, for one number or for several side by side: what kernels.py and llvm.py write.

A name in the text (%12) or a constant stands for a lane-wise number; LLVM reads numbers as names
three times as fast as words, but wants them in order. What was computed before is
not computed again: an expression is known by its text.

>>> block = Block(lanes=4)
>>> x = block.load("double", "%x")
>>> block.fma(x, x, block.number(1.0)) == block.fma(x, x, block.number(1.0))
True
>>> block.add(x, x)
'%3'
>>> print(block.lines[0], block.lines[2], sep="\\n")
%1 = load <4 x double>, ptr %x, align 8
%3 = fadd <4 x double> %1, %1
"""

from __future__ import annotations

import struct


class Block:
    """A straight piece of code that is being written.

    lanes   how many numbers stand side by side
    fma     whether the machine multiplies and adds in one step; where not, it is two
    strict  whether each operation is to round by itself

    LLVM may not contract or reorder anything: one number has the bits of several side by side.
    """

    def __init__(self, lanes: int = 1, fma: bool = True, strict: bool = False) -> None:
        self.lanes, self.has_fma, self.strict = lanes, fma, strict
        self.lines: list[str] = []
        self.declared: set[str] = set()  # functions from outside: lines "declare ..."
        self.known: dict[str, str] = {}
        self.count = 0
        self.constants: dict[str, int] | None = None  # where they stand in %panel, if they do
        self.double, self.long, self.bit = self.type("double"), self.type("i64"), self.type("i1")
        self.steady = ", align 8, !invariant.load !0"  # of memory that nobody writes meanwhile
        self.suffix = f"v{lanes}" if lanes > 1 else ""

    def type(self, of: str) -> str:
        """The type of one for each lane."""
        return f"<{self.lanes} x {of}>" if self.lanes > 1 else of

    def let(self, expression: str, again: bool = False) -> str:
        """A name for the result of an expression; `again`: also where the same was computed."""
        name = None if again else self.known.get(expression)
        if name is None:
            self.count += 1
            name = f"%{self.count}"
            self.lines.append(f"{name} = {expression}")
            if not again:
                self.known[expression] = name
        return name

    def do(self, statement: str) -> None:
        """A statement without a result, such as a store."""
        self.lines.append(statement)

    def splat(self, kind: str, constant: str) -> str:
        return f"splat ({kind} {constant})" if self.lanes > 1 else constant

    def number(self, x: float) -> str:
        """A constant, to the last bit."""
        bits = struct.unpack("<Q", struct.pack("<d", x))[0]
        if self.constants is not None:
            place = self.constants.setdefault(f"0x{bits:016X}", len(self.constants))
            return self.load("double", self.at("%panel", 8 * place))
        return self.splat("double", f"0x{bits:016X}")

    def integer(self, n: int) -> str:
        """A constant of 64 bits."""
        return self.splat("i64", str(n))

    def load(self, kind: str, pointer: str, again: bool = True) -> str:
        return self.let(f"load {self.type(kind)}, ptr {pointer}, align 8", again)

    def at(self, pointer: str, offset: int) -> str:
        """A pointer so many bytes further."""
        return self.let(f"getelementptr i8, ptr {pointer}, i64 {offset}") if offset else pointer

    def read(self, pointer: str, lanes: int = 0) -> str:
        """A number, or one for each lane, from memory that nobody writes meanwhile."""
        kind = "double" if lanes == 1 else self.double
        return self.let(f"load {kind}, ptr {pointer}{self.steady}")

    def store(self, x: str, pointer: str) -> None:
        self.do(f"store {self.double} {x}, ptr {pointer}, align 8")

    def spread(self, x: str) -> str:
        """One number for all lanes."""
        if self.lanes == 1:
            return x
        first = self.let(f"insertelement {self.double} poison, double {x}, i64 0")
        zeros = f"<{self.lanes} x i32> zeroinitializer"
        return self.let(f"shufflevector {self.double} {first}, {self.double} poison, {zeros}")

    def op(self, name: str, *args: str) -> str:
        """fadd, fsub, fmul, fdiv, fneg of numbers."""
        return self.let(f"{name} {self.double} {', '.join(args)}")

    def add(self, a: str, b: str) -> str:
        return self.op("fadd", a, b)

    def sub(self, a: str, b: str) -> str:
        return self.op("fsub", a, b)

    def mul(self, a: str, b: str) -> str:
        return self.op("fmul", a, b)

    def div(self, a: str, b: str) -> str:
        return self.op("fdiv", a, b)

    exact = op  # said where a rounding error is found

    def fma(self, a: str, b: str, c: str) -> str:
        """a*b + c, rounded once where the machine can."""
        if not self.has_fma:
            return self.add(self.mul(a, b), c)
        return self.intrinsic("fma", a, b, c)

    def fms(self, a: str, b: str, c: str) -> str:
        """a*b - c in the same way."""
        if not self.has_fma:
            return self.sub(self.mul(a, b), c)
        return self.fma(a, b, self.op("fneg", c))

    def fnma(self, a: str, b: str, c: str) -> str:
        """c - a*b in the same way."""
        if not self.has_fma:
            return self.sub(c, self.mul(a, b))
        return self.fma(self.op("fneg", a), b, c)

    def intrinsic(self, name: str, *args: str) -> str:
        """llvm.sqrt, fabs, floor, ceil, trunc, roundeven, copysign, fma ... of numbers."""
        full = f"llvm.{name}.{self.suffix}f64"
        kinds = ", ".join([self.double] * len(args))
        self.declared.add(f"declare {self.double} @{full}({kinds})")
        given = ", ".join(f"{self.double} {a}" for a in args)
        return self.let(f"call {self.double} @{full}({given})")

    def compare(self, how: str, a: str, b: str) -> str:
        """A condition: how is oeq, olt, ole, ogt, oge (false for nan), une, uno."""
        return self.let(f"fcmp {how} {self.double} {a}, {b}")

    def select(self, condition: str, a: str, b: str, kind: str = "double") -> str:
        kind = self.type(kind)
        return self.let(f"select {self.bit} {condition}, {kind} {a}, {kind} {b}")

    def both(self, a: str, b: str) -> str:
        return self.let(f"and {self.bit} {a}, {b}")

    def either(self, a: str, b: str) -> str:
        return self.let(f"or {self.bit} {a}, {b}")

    def different(self, a: str, b: str) -> str:
        return self.let(f"xor {self.bit} {a}, {b}")

    def no(self, a: str) -> str:
        return self.let(f"xor {self.bit} {a}, {self.splat('i1', 'true')}")

    def int_op(self, name: str, a: str, b: str) -> str:
        """add, sub, shl, lshr, ashr, and, or, xor of 64-bit integers."""
        return self.let(f"{name} {self.long} {a}, {b}")

    def int_compare(self, how: str, a: str, b: str) -> str:
        """A condition: how is eq, ne, slt, sgt, sle, sge, ult ..."""
        return self.let(f"icmp {how} {self.long} {a}, {b}")

    def bits(self, a: str) -> str:
        """The bits of numbers as integers."""
        return self.let(f"bitcast {self.double} {a} to {self.long}")

    def from_bits(self, a: str) -> str:
        return self.let(f"bitcast {self.long} {a} to {self.double}")

    def to_number(self, a: str) -> str:
        """Signed integers as numbers."""
        return self.let(f"sitofp {self.long} {a} to {self.double}")
