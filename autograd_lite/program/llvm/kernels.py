"""Elementary functions in LLVM IR, the same text for one number and for several side by side.

There are no branches: both arms are computed and one is selected. Where an argument is divided
into a multiple of a constant and a rest, the constant is cut into pieces whose products with the
multiple are exact (Cody and Waite 1980), so that most functions need no fused multiply-add.
tests/test_kernels.py compares with mpmath. Bounds are in units in the last place (ulp).

>>> block = Block(lanes=8)
>>> y = tanh(block, "%a")
>>> len(block.lines), sum("fdiv" in line for line in block.lines)
(32, 1)
"""

from __future__ import annotations

import math
from collections.abc import Callable

from . import polynomials as table
from .ir import Block
from .polynomials import horner, polynomial, sum_exact, two_product, two_sum

inf, nan = math.inf, math.nan
MAGIC = 1.5 * 2.0**52  # x + MAGIC has the integer nearest to x in its last bits
LN2, LN2_REST = 0.693147180559663, 2.8235290563031577e-13  # LN2 has 41 bits
LOG2_E, TWO_OVER_PI = 1.4426950408889634, 0.6366197723675814
HALF_PI = (1.5707963267948966, 6.123233995736765e-17, 1.082856673921914e-32)  # all positive
HALF_PI_SHORT = (  # 32 bits each
    1.5707963267341256, 6.07710049817245e-11, 8.3337429185124e-20, 8.4784276603689e-32,
)  # fmt: skip
SQRT_HALF = 0x3FE6A09E667F3BCD  # its bits
ONE, MANTISSA, SIGN = 0x3FF0000000000000, 0x000FFFFFFFFFFFFF, -(2**63)


def absolute(b: Block, x: str) -> str:
    return b.intrinsic("fabs", x)


def with_sign_of(b: Block, x: str, sign: str) -> str:
    return b.intrinsic("copysign", x, sign)


def at_least(b: Block, least: float, x: str) -> str:
    """The larger of both; nan if x is nan."""
    return b.select(b.compare("ogt", b.number(least), x), b.number(least), x)


def at_most(b: Block, most: float, x: str) -> str:
    return b.select(b.compare("olt", b.number(most), x), b.number(most), x)


def halvings(b: Block, x: str, magic: str, rest: str = "") -> tuple[str, str]:
    """2**k and exp(r) - 1 for x + rest = k log 2 + r; 2**k is biased by what `magic` exceeds MAGIC.

    The last bits of `magic` are to contain the bias 1023 of an exponent: shifted up by 52 bits,
    the sum is the power itself. exp(r) - 1 = r + r*r*P(r) is good to 1 ulp, however small r is.
    """
    shifted = b.fma(x, b.number(LOG2_E), magic)
    k = b.sub(shifted, magic)
    r = b.fma(k, b.number(-LN2), x)
    if rest:
        r = b.add(r, rest)
    return _power(b, b.bits(shifted)), growth(b, b.fma(k, b.number(-LN2_REST), r))


def growth(b: Block, r: str) -> str:
    """exp(r) - 1 for |r| <= log(2)/2."""
    square = b.mul(r, r)
    return b.fma(square, polynomial(b, r, square, table.EXP), r)


def _power(b: Block, bits: str) -> str:
    return b.from_bits(b.int_op("shl", bits, b.integer(52)))


def _decayed(b: Block, x: str, rest: str = "") -> tuple[str, str]:
    """For x <= 0: 2**(k + 55), so that it is a normal number, and exp(r) - 1."""
    return halvings(b, at_least(b, -746.0, x), b.number(MAGIC + 1023.0 + 55.0), rest)


def exp_nonpositive(b: Block, x: str) -> str:
    """exp(x) for x <= 0, within 1.2 ulp; the last product rounds into the subnormals."""
    power, q = _decayed(b, x)
    return b.mul(b.fma(power, q, power), b.number(2.0**-55))


def decay(b: Block, t: str) -> str:
    """exp(-|t|)."""
    return exp_nonpositive(b, b.op("fneg", absolute(b, t)))


def exp(b: Block, x: str, rest: str = "") -> str:
    """exp(x + rest), within 1.2 ulp: as above, but a positive x has its power biased downwards."""
    magic, last = _biased(b, x)
    power, q = halvings(b, at_most(b, 710.0, at_least(b, -746.0, x)), magic, rest)
    return b.mul(b.fma(power, q, power), last)


def _biased(b: Block, x: str) -> tuple[str, str]:
    negative = b.compare("olt", x, b.number(0.0))
    magic = b.select(negative, b.number(MAGIC + 1023.0 + 55.0), b.number(MAGIC + 1023.0 - 55.0))
    return magic, b.select(negative, b.number(2.0**-55), b.number(2.0**55))


def exp2(b: Block, x: str) -> str:
    """2**x, within 1.2 ulp."""
    magic, last = _biased(b, x)
    x = at_most(b, 1025.0, at_least(b, -1077.0, x))
    shifted = b.add(x, magic)
    q = growth(b, b.mul(b.sub(x, b.sub(shifted, magic)), b.number(math.log(2.0))))
    power = _power(b, b.bits(shifted))
    return b.mul(b.fma(power, q, power), last)


def expm1(b: Block, x: str) -> str:
    """exp(x) - 1 = 2**k (exp(r) - 1) + (2**k - 1), within 2 ulp; halved, lest 2**1024 overflows."""
    power, q = halvings(b, at_most(b, 710.0, at_least(b, -50.0, x)), b.number(MAGIC + 1022.0))
    y = b.mul(b.fma(power, q, b.sub(power, b.number(0.5))), b.number(2.0))
    return b.select(b.compare("olt", absolute(b, x), b.number(2.0**-54)), x, y)


def tanh(b: Block, a: str) -> str:
    """tanh(a), within 3 ulp: (1 - e)/(1 + e) for e = exp(-2|a|), where 1 - e is found like expm1.

    e and 1/(1 + e) are those of the slope 4e/(1 + e)**2. The difference is good to the last bits
    however small a is, so that a needs no polynomial of its own near 0.
    """
    t = b.mul(b.number(2.0), a)
    inverse = b.div(b.number(1.0), b.add(b.number(1.0), decay(b, t)))
    power, q = _decayed(b, b.op("fneg", absolute(b, t)))
    power = b.mul(power, b.number(2.0**-55))
    minus = b.fma(power, q, b.sub(power, b.number(1.0)))
    return with_sign_of(b, b.mul(minus, inverse), a)


def log_parts(b: Block, x: str) -> tuple[str, str, str]:
    """k as a number, the fraction x / 2**k from sqrt(1/2) to sqrt(2), and k + 1023 as an integer.

    For x > 0. The exponent of a subnormal is found after multiplying by 2**54.
    """
    tiny = b.compare("olt", x, b.number(2.0**-1022))
    x = b.select(tiny, b.mul(x, b.number(2.0**54)), x)
    moved = b.int_op("add", b.bits(x), b.integer(ONE - SQRT_HALF))
    exponent = b.int_op("lshr", moved, b.integer(52))
    fraction = b.int_op("add", b.int_op("and", moved, b.integer(MANTISSA)), b.integer(SQRT_HALF))
    # an integer below 2**52 in the last bits of 2**52 makes their sum, without a conversion
    k = b.from_bits(b.int_op("or", exponent, b.bits(b.number(2.0**52))))
    bias = b.select(tiny, b.number(2.0**52 + 1077.0), b.number(2.0**52 + 1023.0))
    return b.sub(k, bias), b.from_bits(fraction), exponent


def log_rest(b: Block, f: str) -> str:
    """f - log(1 + f): for s = f/(2 + f), log(1 + f) = 2 artanh(s) = f - s*(f - s*s*(2/3 + ...))."""
    s = b.div(f, b.add(f, b.number(2.0)))
    z = b.mul(s, s)
    return b.mul(s, b.fma(z, polynomial(b, z, b.mul(z, z), [-c for c in table.LOG]), f))


def log_sum(b: Block, k: str, f: str) -> str:
    """k log 2 + log(1 + f), the smallest terms first."""
    rest = b.fma(k, b.number(-LN2_REST), log_rest(b, f))
    return b.fma(k, b.number(LN2), b.sub(f, rest))


def log_to_base(b: Block, x: str, two: tuple[float, float], e: tuple[float, float]) -> str:
    """The logarithm of x to a base, in which those of 2 and of e are sums of two numbers."""
    k, fraction, _ = log_parts(b, x)
    f = b.sub(fraction, b.number(1.0))
    small = b.fma(log_rest(b, f), b.number(-e[0]), b.mul(f, b.number(e[1])))
    small = b.fma(k, b.number(two[1]), small)
    y = b.fma(k, b.number(two[0]), b.fma(f, b.number(e[0]), small))
    return log_edges(b, x, y, 0.0)


def log2(b: Block, x: str) -> str:
    """log(x)/log(2), within 2 ulp; exact for powers of two."""
    return log_to_base(b, x, (1.0, 0.0), (LOG2_E, 2.0355273740931033e-17))


def log10(b: Block, x: str) -> str:
    """log(x)/log(10), within 2 ulp."""
    two = 0.30102999566383914, 1.42050232272661e-13  # the first has 42 bits
    return log_to_base(b, x, two, (0.4342944819032518, 1.098319650216765e-17))


def log_edges(b: Block, x: str, y: str, pole: float) -> str:
    """y, but the logarithm's values for an x that is infinite, nan or not beyond the pole."""
    y = b.select(b.compare("olt", x, b.number(inf)), y, x)
    y = b.select(b.compare("olt", x, b.number(pole)), b.number(nan), y)
    return b.select(b.compare("oeq", x, b.number(pole)), b.number(-inf), y)


def log(b: Block, x: str) -> str:
    """log(x), within 1 ulp: k log 2 + log(fraction), see log_parts and log_rest."""
    k, fraction, _ = log_parts(b, x)
    return log_edges(b, x, log_sum(b, k, b.sub(fraction, b.number(1.0))), 0.0)


def log1p(b: Block, x: str) -> str:
    """log(1 + x), within 1 ulp: what 1 + x loses is added to the fraction (Knuth's two-sum)."""
    one = b.number(1.0)
    u, lost = sum_exact(b, one, x)
    k, fraction, exponent = log_parts(b, u)
    # 2**-k is half of this, which is 0 instead of no number at all where x nears 2**1024
    scale = _power(b, b.int_op("sub", b.integer(2047), exponent))
    lost = b.mul(lost, b.mul(scale, b.number(0.5)))
    y = log_sum(b, k, b.add(b.sub(fraction, one), lost))
    return with_sign_of(b, log_edges(b, x, y, -1.0), x)


def quarter_turns(b: Block, x: str) -> tuple[str, str, str]:
    """The number of quarter turns (as bits), and sin and cos of the rest r, |r| <= pi/4."""
    shifted = b.fma(x, b.number(TWO_OVER_PI), b.number(MAGIC))
    k = b.sub(shifted, b.number(MAGIC))
    r = x
    for part in HALF_PI if b.has_fma else HALF_PI_SHORT:
        r = b.fma(k, b.number(-part), r)
    z = b.mul(r, r)
    z2 = b.mul(z, z)
    sine = with_sign_of(b, b.fma(b.mul(r, z), polynomial(b, z, z2, table.SIN), r), r)
    cosine = b.fma(z, polynomial(b, z, z2, table.COS), b.number(1.0))
    return b.bits(shifted), sine, cosine


def turned(b: Block, name: str, x: str, turns: str, sine: str, cosine: str) -> str:
    """sin after a number of quarter turns; a large |x| asks the C library's function `name`."""
    one = b.integer(1)
    odd = b.int_compare("ne", b.int_op("and", turns, one), b.integer(0))
    y = b.bits(b.select(odd, cosine, sine))
    half = b.int_op("shl", b.int_op("lshr", turns, one), b.integer(63))  # a sign
    y = b.from_bits(b.int_op("xor", y, half))
    limit = 2.0**28 if b.has_fma else 2.0**20
    helper = f"{name}_of_large.{b.suffix}f64"
    b.declared.add(f"declare double @{name}(double)")
    b.declared.add(_of_large(b, name, helper))
    large = b.compare("oge", absolute(b, x), b.number(limit))
    return b.let(f"call {b.double} @{helper}({b.bit} {large}, {b.double} {x}, {b.double} {y})")


def _of_large(b: Block, name: str, helper: str) -> str:
    """The text of a function: y, but name(x) in the lanes where x is large."""
    kinds = f"{b.bit} %large, {b.double} %x, {b.double} %y"
    lines = [f"define internal {b.double} @{helper}({kinds}) {{"]
    if b.lanes == 1:
        lines.append("br i1 %large, label %far, label %near")
        lines += ["near:", "ret double %y", "far:", f"%z = call double @{name}(double %x)"]
        return "\n".join([*lines, "ret double %z", "}"])
    lines.append(f"%any = call i1 @llvm.vector.reduce.or.v{b.lanes}i1({b.bit} %large)")
    lines += ["br i1 %any, label %far, label %near", "near:", f"ret {b.double} %y", "far:"]
    b.declared.add(f"declare i1 @llvm.vector.reduce.or.v{b.lanes}i1({b.bit})")
    z = "%y"
    for i in range(b.lanes):
        lines += [
            f"%x{i} = extractelement {b.double} %x, i32 {i}",
            f"%y{i} = extractelement {b.double} %y, i32 {i}",
            f"%l{i} = extractelement {b.bit} %large, i32 {i}",
            f"%f{i} = call double @{name}(double %x{i})",
            f"%s{i} = select i1 %l{i}, double %f{i}, double %y{i}",
            f"%z{i} = insertelement {b.double} {z}, double %s{i}, i32 {i}",
        ]
        z = f"%z{i}"
    return "\n".join([*lines, f"ret {b.double} {z}", "}"])


def sin(b: Block, x: str) -> str:
    """sin(x), within 2 ulp: x less its quarter turns, in parts whose products are exact."""
    return turned(b, "sin", x, *quarter_turns(b, x))


def cos(b: Block, x: str) -> str:
    """cos(x), within 2 ulp: the sine of a quarter turn more."""
    turns, sine, cosine = quarter_turns(b, x)
    return turned(b, "cos", x, b.int_op("add", turns, b.integer(1)), sine, cosine)


def arctan(b: Block, x: str) -> str:
    """arctan(x), within 2 ulp: from the nearest of 0, pi/4 and pi/2, |rest| <= tan(pi/8)."""
    size, one = absolute(b, x), b.number(1.0)
    middle, far = (b.compare("ogt", size, b.number(math.sqrt(2.0) + c)) for c in (-1.0, 1.0))

    def case(near: str, mid: str, away: str) -> str:
        return b.select(far, away, b.select(middle, mid, near))

    t = b.div(case(size, b.sub(size, one), b.number(-1.0)), case(one, b.add(size, one), size))
    z = b.mul(t, t)
    series = polynomial(b, z, b.mul(z, z), table.ATAN)
    high, low = (case(*(b.number(part * c) for c in (0.0, 0.5, 1.0))) for part in HALF_PI[:2])
    return with_sign_of(b, b.add(high, b.add(b.fma(b.mul(z, series), t, low), t)), x)


def _erf_near_0(b: Block, x: str) -> str:
    """erf(x)/x - 1 for |x| <= 1/2."""
    z = b.mul(x, x)
    return polynomial(b, z, b.mul(z, z), table.ERF)


def _erfc_away(b: Block, x: str) -> str:
    """erfc(x) for x >= 1/2, within 2.5 ulp (beyond 24; else 2).

    exp(x*x) erfc(x) (x + 4) is a polynomial in (x - 4)/(x + 4), as proposed by Shepherd and
    Laframboise (1981) with other constants. What rounding x*x loses goes into the exponential.
    """
    x = at_most(b, 27.5, x)
    one = b.number(1.0)
    d, d_rest = two_sum(b, b.number(4.0), x)
    v = b.div(one, d)
    t = b.fma(v, b.number(-8.0), one)
    p, p_rest = two_product(b, t, horner(b, t, table.ERFC[1:]))
    series, series_rest = sum_exact(b, p, b.number(table.ERFC[0]))
    scaled, rest = two_product(b, series, v)
    series_rest = b.add(series_rest, b.number(5.757085752072962e-17))  # of ERFC[0]
    rest = b.fma(b.add(p_rest, series_rest), v, rest)
    # v belongs to an argument x + shift; the slope of exp(x*x) erfc(x) leads back to x
    p, p_rest = two_product(b, v, d)
    shift = b.mul(b.sub(b.sub(b.exact("fsub", one, p), p_rest), b.mul(v, d_rest)), d)
    slope = b.fma(b.add(x, x), scaled, b.number(-2.0 / math.sqrt(math.pi)))
    square, lost = two_product(b, x, x)
    power, q = _decayed(b, b.op("fneg", square), b.op("fneg", lost))
    rest = b.sub(rest, b.mul(shift, slope))
    scaled = b.add(scaled, b.fma(scaled, q, b.fma(rest, q, rest)))
    return b.mul(b.mul(scaled, power), b.number(2.0**-55))


def erf(b: Block, x: str) -> str:
    """erf(x), within 2 ulp: a polynomial below 1/2, else 1 - erfc(x)."""
    size = absolute(b, x)
    near = b.fma(size, _erf_near_0(b, size), size)
    far = b.sub(b.number(1.0), _erfc_away(b, size))
    return with_sign_of(b, b.select(b.compare("olt", size, b.number(0.5)), near, far), x)


def erfc(b: Block, x: str) -> str:
    """erfc(x) = 1 - erf(x), within 2.5 ulp, also where it is tiny."""
    size = absolute(b, x)
    near = b.sub(b.number(1.0), b.fma(x, _erf_near_0(b, size), x))
    far = _erfc_away(b, size)
    far = b.select(b.compare("olt", x, b.number(0.0)), b.sub(b.number(2.0), far), far)
    return b.select(b.compare("olt", size, b.number(0.5)), near, far)


def log_twice(b: Block, x: str) -> tuple[str, str]:
    """log(x) as a sum of two numbers, with about 64 good bits, for finite x > 0.

    2 artanh(s) = 2s + s**3 (2/3 + s*s*T(s*s)); only T is computed in single numbers.
    """
    k, fraction, _ = log_parts(b, x)
    f = b.exact("fsub", fraction, b.number(1.0))
    d, d_rest = two_sum(b, b.number(2.0), f)
    inverse = b.div(b.number(1.0), d)
    s = b.exact("fmul", f, inverse)
    p, p_rest = two_product(b, s, d)
    rest = b.exact("fsub", b.exact("fsub", f, p), p_rest)
    s_rest = b.mul(b.sub(rest, b.mul(s, d_rest)), inverse)
    z, z_rest = two_product(b, s, s)
    z_rest = b.fma(b.mul(b.number(2.0), s), s_rest, z_rest)
    tail = b.exact("fmul", z, polynomial(b, z, b.mul(z, z), table.LOG_TAIL))
    c, c_rest = two_sum(b, b.number(2.0 / 3.0), tail)
    c_rest = b.add(c_rest, b.number(3.700743415417188e-17))  # 2/3 - its float
    w, w_rest = two_product(b, z, c)
    w_rest = b.add(w_rest, b.fma(z, c_rest, b.mul(z_rest, c)))
    v, v_rest = two_product(b, s, w)
    v_rest = b.add(v_rest, b.fma(s, w_rest, b.mul(s_rest, w)))
    high, rest1 = two_sum(b, b.exact("fmul", k, b.number(LN2)), b.exact("fadd", s, s))
    high, rest2 = two_sum(b, high, v)
    low = b.add(b.fma(b.number(2.0), s_rest, v_rest), b.add(rest1, rest2))
    return two_sum(b, high, b.fma(k, b.number(LN2_REST), low))


def pow(b: Block, x: str, y: str) -> str:
    """x**y = exp(y log|x|), within 2 ulp; then the many edges, as in ieee.pow."""
    zero, one, size = b.number(0.0), b.number(1.0), absolute(b, x)
    log_high, log_low = log_twice(b, size)
    bounded = at_most(b, 2.0**64, at_least(b, -(2.0**64), y))  # beyond, all powers are 0, 1, inf
    high, low = two_product(b, bounded, log_high)
    low = b.fma(bounded, log_low, low)
    ordinary = b.compare("olt", absolute(b, high), b.number(750.0))
    power = exp(b, high, b.select(ordinary, low, zero))
    pole = b.either(b.compare("oeq", size, zero), b.compare("oeq", size, b.number(inf)))
    small, positive = b.compare("olt", size, one), b.compare("ogt", y, zero)
    shrinks = b.no(b.let(f"xor {b.bit} {small}, {positive}"))
    power = b.select(pole, b.select(shrinks, zero, b.number(inf)), power)
    half = b.mul(y, b.number(0.5))
    fractional = b.compare("une", b.intrinsic("trunc", y), y)
    odd = b.both(b.no(fractional), b.compare("one", b.intrinsic("trunc", half), half))
    sign = b.int_op("and", b.bits(x), b.integer(SIGN))
    sign = b.select(odd, sign, b.integer(0), "i64")
    power = b.from_bits(b.int_op("xor", b.bits(power), sign))
    undefined = b.both(b.both(b.compare("olt", x, zero), fractional), b.no(pole))
    power = b.select(b.either(b.compare("uno", x, y), undefined), b.number(nan), power)
    return b.select(b.compare("oeq", y, zero), one, power)


KERNELS: dict[str, Callable[..., str]] = {
    function.__name__: function
    for function in (
        exp, expm1, exp2, log, log1p, log2, log10, tanh, sin, cos, arctan, erf, erfc, pow
    )
}  # fmt: skip
