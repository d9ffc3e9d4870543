"""Each operation in LLVM IR: as an instruction, in steps, or as a call of the C library or Python.

A form is a function of a Place, where code is being written, and of the names of the arguments.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...ops import CUSTOM
from .ir import Block
from .kernels import KERNELS, absolute, decay, with_sign_of

if TYPE_CHECKING:
    from .place import Place

Form = Callable[..., str]

LIBM = {
    "exp": "exp", "expm1": "expm1", "log": "log", "log2": "log2", "log10": "log10",
    "log1p": "log1p", "sin": "sin", "cos": "cos", "tan": "tan", "arcsin": "asin",
    "arccos": "acos", "arctan": "atan", "arctan2": "atan2", "sinh": "sinh", "cosh": "cosh",
    "tanh": "tanh", "arcsinh": "asinh", "arccosh": "acosh", "arctanh": "atanh", "erf": "erf",
    "erfc": "erfc",
}  # fmt: skip
COMPARISONS = {"lt": "olt", "le": "ole", "gt": "ogt", "ge": "oge", "eq": "oeq", "ne": "une"}
TWO_64 = 2.0**64


# Forms


def _instruction(name: str) -> Form:
    return lambda p, *xs: p.block.op(name, *xs)


def _comparison(how: str) -> Form:
    return lambda p, a, b: p.block.compare(how, a, b)


def _integral(name: str) -> Form:
    """As Python's math.floor, without a negative zero."""
    return lambda p, x: p.block.exact("fadd", p.block.intrinsic(name, x), p.block.number(0.0))


def _libm(name: str) -> Form:
    return lambda p, *xs: p.libm(name, *xs)


def _kernel(kernel: Callable[..., str]) -> Form:
    return lambda p, *xs: kernel(p.block, *xs)


def _constant(x: str) -> float | None:
    """The number that a name is, if it is a constant."""
    if x[0] == "%":
        return None
    bits = int(x[x.index("0x") + 2 :].rstrip(")"), 16)
    return struct.unpack("<d", struct.pack("<Q", bits))[0]  # type: ignore[no-any-return]


def _div(p: Place, x: str, y: str) -> str:
    b, c = p.block, _constant(y)
    if c is not None and math.frexp(c)[0] in (0.5, -0.5) and 1e-300 < abs(c) < 1e300:
        return b.mul(x, b.number(1.0 / c))
    return b.div(x, y)


def _pow(p: Place, x: str, y: str) -> str:
    b, c = p.block, _constant(y)
    power = p.libm("pow", x, y)
    if c is not None and c == c:
        return power
    return b.select(b.compare("uno", y, y), b.number(math.nan), power)


def _fast_pow(p: Place, x: str, y: str) -> str:
    b, n = p.block, _constant(y)
    if n is None or abs(n) > 8.0 or n < -3.0 or (n % 1.0 != 0.0 and abs(n) != 0.5):
        return _pow(p, x, y)
    if abs(n) == 0.5:
        root = absolute(b, b.intrinsic("sqrt", x))
        root = b.select(b.compare("oeq", x, b.number(-math.inf)), b.number(math.inf), root)
        return root if n > 0.0 else b.div(b.number(1.0), root)
    base, power = x if n > 0.0 else b.div(b.number(1.0), x), ""
    for bit in reversed(f"{abs(int(n)):b}"):
        if bit == "1":
            power = b.mul(power, base) if power else base
        base = b.mul(base, base)
    return power or b.number(1.0)


def _mod(p: Place, x: str, y: str) -> str:
    b, zero = p.block, p.block.number(0.0)
    rest = p.libm("fmod", x, y)
    opposite = b.different(b.compare("olt", y, zero), b.compare("olt", rest, zero))
    moved = b.select(opposite, b.exact("fadd", rest, y), rest)
    return b.select(b.compare("une", rest, zero), moved, with_sign_of(b, zero, y))


def _floordiv(p: Place, x: str, y: str) -> str:
    b, zero, one = p.block, p.block.number(0.0), p.block.number(1.0)
    rest = p.libm("fmod", x, y)
    quotient = b.exact("fdiv", b.exact("fsub", x, rest), y)
    opposite = b.different(b.compare("olt", y, zero), b.compare("olt", rest, zero))
    moved = b.both(opposite, b.compare("une", rest, zero))
    quotient = b.select(moved, b.exact("fsub", quotient, one), quotient)
    low = b.intrinsic("floor", quotient)
    far = b.compare("ogt", b.exact("fsub", quotient, low), b.number(0.5))
    low = b.select(far, b.exact("fadd", low, one), low)
    whole = b.exact("fdiv", x, y)
    low = b.select(b.compare("une", quotient, zero), low, with_sign_of(b, zero, whole))
    return b.select(b.compare("oeq", y, zero), whole, low)


def _round(p: Place, x: str, ndigits: str) -> str:
    return (
        p.block.intrinsic("rint", x)
        if _constant(ndigits) == 0.0
        else p.python("round", [x, ndigits])
    )


def _hypot(p: Place, x: str, y: str) -> str:
    b = p.block
    return b.select(b.compare("uno", x, y), b.number(math.nan), p.libm("hypot", x, y))


def _where(p: Place, condition: str, x: str, y: str) -> str:
    return p.block.select(condition, x, y)


def _shift(p: Place, first: str, *xs: str) -> str:
    b, largest = p.block, first
    for x in xs:
        largest = b.select(b.compare("ogt", x, largest), x, largest)
    return b.select(_finite(b, largest), largest, b.number(0.0))


def _finite(b: Block, x: str) -> str:
    return b.compare("olt", absolute(b, x), b.number(math.inf))


def _size(p: Place, *xs: str) -> str:
    b = p.block
    first, *rest = [absolute(b, x) for x in xs]
    for x in rest:
        first = b.select(b.compare("ogt", x, first), x, first)
    tiny = b.compare("olt", first, b.number(2.0**-1022))
    scaled = b.select(tiny, b.exact("fmul", first, b.number(TWO_64)), first)
    exponent = b.int_op("add", b.int_op("lshr", b.bits(scaled), b.integer(52)), b.integer(1))
    exponent = b.select(
        b.int_compare("slt", exponent, b.integer(2046)), exponent, b.integer(2046), "i64"
    )
    size = b.from_bits(b.int_op("shl", exponent, b.integer(52)))
    size = b.select(tiny, b.exact("fmul", size, b.number(1.0 / TWO_64)), size)
    good = b.both(_finite(b, first), b.compare("une", first, b.number(0.0)))
    return b.select(good, size, b.number(1.0))


def _sum(p: Place, *xs: str) -> str:
    """Several sums side by side, as each waits for its last addition."""
    b, n = p.block, _chains(len(xs))
    parts = [*xs[:n]]
    for i, x in enumerate(xs[n:]):
        parts[i % n] = b.add(parts[i % n], x)
    return _together(b, parts)


def _dot(p: Place, *args: str) -> str:
    b, n = p.block, len(args) // 2
    parts = [*args[2 * n :]]
    for i, (w, x) in enumerate(zip(args[:n], args[n:])):
        if len(parts) < _chains(n):
            parts.append(b.mul(w, x))
        else:
            k = i % len(parts)
            parts[k] = b.fma(w, x, parts[k])
    return _together(b, parts)


def _chains(n: int) -> int:
    return min(4, 1 + n // 16)


def _together(b: Block, parts: list[str]) -> str:
    while len(parts) > 1:
        parts = [b.add(*parts[i : i + 2]) if i + 1 < len(parts) else parts[i]
                 for i in range(0, len(parts), 2)]  # fmt: skip
    return parts[0]


def _exact_sum(p: Place, *xs: str) -> str:
    """The sum, rounded once: two terms as they are, more in a function with a loop."""
    b = p.block
    if len(xs) < 3:
        s = b.exact("fadd", *xs) if len(xs) == 2 else xs[0]
        return b.exact("fadd", s, b.number(0.0))  # no -0.0
    name = f"sum.{b.lanes}"
    b.declared.add(_summing(b, name, p.callback("sum")))
    b.do(f"call void @{name}(ptr {p.spread(xs)}, i64 {len(xs)})")
    return b.load("double", p.scratch)


def _summing(outer: Block, name: str, callback: str) -> str:
    """The text of a function that writes the sum of terms in memory over the first.

    s is the plain sum and e that of the errors, each of which is found exactly (Knuth's two-sum);
    the errors of e itself are less than a bound. Where the bound does not matter for s + e rounded,
    that is the result; else Python is asked.
    """
    b = Block(outer.lanes, strict=True)
    outer.declared.add(f"declare i1 @llvm.vector.reduce.or.v{b.lanes}i1({b.bit})")
    zero, double = b.number(0.0), b.double
    b.do("br label %loop\nloop:")
    b.do("%i = phi i64 [0, %0], [%next, %loop]")
    for x in "sed":
        b.do(f"%{x} = phi {double} [{zero}, %0], [%{x}.next, %loop]")
    b.do(f"%at = getelementptr {double}, ptr %xs, i64 %i")
    x = b.load("double", "%at")
    total = b.exact("fadd", "%s", x)
    part = b.exact("fsub", total, "%s")
    rest = b.exact("fsub", "%s", b.exact("fsub", total, part))
    error = b.exact("fadd", rest, b.exact("fsub", x, part))
    b.do(f"%s.next = fadd {double} {total}, {zero}")
    b.do(f"%e.next = fadd {double} %e, {error}")
    b.do(f"%d.next = fadd {double} %d, {absolute(b, error)}")
    b.do("%next = add i64 %i, 1\n%more = icmp ult i64 %next, %n")
    b.do("br i1 %more, label %loop, label %end\nend:")
    b.do("%count = uitofp i64 %n to double")
    count = b.spread("%count")
    bound = b.exact("fmul", "%d.next", b.exact("fmul", count, b.number(2.0**-51)))
    low = b.exact("fadd", "%s.next", b.exact("fsub", "%e.next", bound))
    high = b.exact("fadd", "%s.next", b.exact("fadd", "%e.next", bound))
    doubt = b.compare("une", low, high)
    if b.lanes > 1:
        doubt = b.let(f"call i1 @llvm.vector.reduce.or.v{b.lanes}i1({b.bit} {doubt})")
    b.do(f"br i1 {doubt}, label %slow, label %fast\nfast:")
    b.store(b.exact("fadd", low, zero), "%xs")
    b.do(f"ret void\nslow:\ncall void @{callback}(ptr %xs, i64 %n)\nret void")
    outer.declared |= b.declared
    body = "\n".join(b.lines)
    return f"define internal void @{name}(ptr %xs, i64 %n) noinline nounwind {{\n{body}\n}}"


BOTH: dict[str, Form] = {
    **{op: _comparison(how) for op, how in COMPARISONS.items()},
    **{op: _integral(op) for op in ("floor", "ceil", "trunc")},
    **{op: _instruction("f" + op) for op in ("add", "sub", "mul", "neg")},
    **{op: _libm(name) for op, name in LIBM.items()},
    "and": lambda p, x, y: p.block.both(x, y), "or": lambda p, x, y: p.block.either(x, y),
    "not": lambda p, x: p.block.no(x), "detach": lambda p, x: x, "where": _where,
    "sqrt": lambda p, x: p.block.intrinsic("sqrt", x), "div": _div, "pow": _pow,
    "exp2": lambda p, x: _pow(p, p.block.number(2.0), x), "mod": _mod, "floordiv": _floordiv,
    "round": _round, "shift": _shift, "size": _size,
}  # fmt: skip
STRICT: dict[str, Form] = {
    **BOTH,
    "sum": _exact_sum,
    "hypot": lambda p, *xs: p.python("hypot", xs),
    "cbrt": lambda p, *xs: p.python("cbrt", xs),
}
FAST: dict[str, Form] = {
    **BOTH,
    **{op: _kernel(kernel) for op, kernel in KERNELS.items()},
    "add_fused": lambda p, x, y, z: p.block.fma(x, y, z),
    "sub_fused": lambda p, x, y, z: p.block.fms(x, y, z),
    "sub_from_fused": lambda p, x, y, z: p.block.fnma(x, y, z),
    "inverse": lambda p, x: p.block.div(p.block.number(1.0), x),
    "decay": _kernel(decay), "pow": _fast_pow, "sum": _sum, "dot": _dot, "hypot": _hypot,
    "cbrt": _libm("cbrt"),
}  # fmt: skip


# Operations of numbers alone that take many lines, or that LLVM is slow with
OUTLINED = {
    *KERNELS, *LIBM, "decay", "mod", "floordiv", "floor", "ceil", "trunc",
} - {"pow"}  # fmt: skip


def form_of(op: str, strict: bool) -> Form:
    found = (STRICT if strict else FAST).get(op)
    if found is None or op in CUSTOM:
        return lambda p, *xs: p.python(op, xs)
    return found
