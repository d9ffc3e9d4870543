"""Rows: arithmetic, piecewise functions, exponentials, logarithms, roots, trigonometry."""

from __future__ import annotations

from typing import Any

from ..ieee import inf
from .row import POSITIVE, REAL, ahead, decay, flat, row

LN2, LOG2E, LOG10E = 0.6931471805599453, 1.4426950408889634, 0.4342944819032518

# fmt: off
# Arithmetic

PAIRS = ((3.0, 2.0), (-1.5, 0.3), (1e-300, 1e200), (1e200, -3e-200), (7.0, 7.0), (-5.0, 3.0))

row("add", "a + b", lambda m, a, b: a + b, lambda m, y, a, b: (1.0, 1.0),
    arity=2, domain=(REAL, REAL), samples=PAIRS, symbol="+")
row("sub", "a - b", lambda m, a, b: a - b, lambda m, y, a, b: (1.0, -1.0),
    arity=2, domain=(REAL, REAL), samples=PAIRS, symbol="-")
row("mul", "a * b", lambda m, a, b: a * b, lambda m, y, a, b: (b, a),
    arity=2, domain=(REAL, REAL), samples=PAIRS, symbol="*")


def div_partials(m: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    # a subnormal quotient has lost digits; scaled by 2**200 it has not
    scaled = m.div(m.div(a * 1.6069380442589903e60, b), b) * 6.223015277861142e-61
    small = (y > -1e-300) & (y < 1e-300) & (b > -inf) & (b < inf)
    return m.div(1.0, b), -m.where(small, scaled, m.div(y, b))


row("div", "a / b", lambda m, a, b: m.div(a, b), div_partials,
    textbook=lambda m, y, a, b: (m.div(1.0, b), -m.div(a, m.pow(b, 2.0))),
    quick=lambda m, y, a, b: (m.div(1.0, b), -(y * m.div(1.0, b))),
    arity=2, domain=(REAL, POSITIVE), samples=PAIRS, symbol="/")
row("neg", "-a", lambda m, a: -a, lambda m, y, a: (-1.0,),
    samples=(3.0, -0.1), symbol="neg")


def pow_partials(m: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    # Where b - 1 is rounded, that error would be multiplied by log(a), and a power that is
    # subnormal has lost digits; half the power twice has neither trouble.
    power = m.pow(a, b - 1.0)
    halved = (a > 0.0) & (a < inf) & ((b - 1.0 + 1.0 != b) | (power < 1e-300))
    flat_by_b = (a == 0.0) & (b >= 0.0)
    # each arm gets arguments that are harmless where it is not taken
    a1, a2 = m.where(halved, a, 1.0), m.where(flat_by_b, 1.0, a)
    half1, half2 = m.pow(a1, 0.5 * b), m.pow(a2, 0.5 * b)
    by_a = m.where(halved, b * m.div(half1, a1) * half1, b * power)
    # the power of a tiny a may overflow though b times it would not
    tiny = (power == inf) & (a > 0.0) & (a < 1e-300)
    by_a = m.where(tiny, m.div(b, m.where(tiny, a, 1.0)) * y, by_a)
    by_b = m.where(flat_by_b, 0.0, half2 * m.log(a2) * half2)
    return m.where((b == 0.0) & (a < 1e-300), 0.0, by_a), by_b


row("pow", "a ** b", lambda m, a, b: m.pow(a, b), pow_partials,
    arity=2, domain=(POSITIVE, REAL), symbol="**",
    samples=((2.0, 3.0), (0.5, -2.5), (1e300, 0.1), (1e-300, -0.3), (1e200, 1.6), (10.0, -315.3),
             (1e-300, 1.07), (1e-310, 1e-20), (1.0000001, 1e8), (3.0, 0.0), (2.0, 1.0)),
    kinks="0**0 is 1; the slope of x**0 is 0; d/db is 0 at a = 0, b >= 0 and nan for a < 0",
    textbook=lambda m, y, a, b: (b * m.pow(a, b - 1.0), y * m.log(a)),
    quick=lambda m, y, a, b: (b * m.pow(a, b - 1.0), y * m.log(a)))
row("mod", "a % b, with the sign of b", lambda m, a, b: m.mod(a, b),
    lambda m, y, a, b: (1.0 + flat(m, y), -m.floordiv(a, b) + flat(m, y)),
    arity=2, domain=(REAL, POSITIVE), samples=((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (0.3, 0.1)),
    kinks="at its jumps the slopes of the piece to the right", symbol="%",
    textbook=lambda m, y, a, b: (1.0, -m.floor(m.div(a, b))))
row("floordiv", "a // b", lambda m, a, b: m.floordiv(a, b),
    lambda m, y, a, b: (flat(m, y), flat(m, y)),
    arity=2, domain=(REAL, POSITIVE), samples=((7.5, 2.0), (-7.5, 2.0), (7.5, -2.0), (0.3, 0.1)),
    kinks="slope 0, also at the jumps", symbol="//",
    latex=r"\left\lfloor {0} / {1} \right\rfloor",
    textbook=lambda m, y, a, b: (0.0, 0.0))

# Piecewise

row("abs", "|a|", lambda m, a: m.where(a < 0.0, -a, a), lambda m, y, a: (m.sign(a),),
    samples=(3.0, -2.0), kinks="slope 0 at 0", symbol="abs", latex=r"\left|{0}\right|",
    aliases=("absolute", "fabs"))
row("sign", "-1, 0 or 1", lambda m, a: m.where(a > 0.0, 1.0, m.where(a < 0.0, -1.0, a)),
    lambda m, y, a: (flat(m, y),), samples=(3.0, -2.0), kinks="slope 0, also at 0",
    textbook=lambda m, y, a: (0.0,))
row("floor", "the largest integer <= a", lambda m, a: m.floor(a), lambda m, y, a: (flat(m, y),),
    samples=(2.5, -2.5), kinks="slope 0, also at the jumps",
    latex=r"\left\lfloor {0} \right\rfloor",
    textbook=lambda m, y, a: (0.0,))
row("ceil", "the smallest integer >= a", lambda m, a: m.ceil(a), lambda m, y, a: (flat(m, y),),
    samples=(2.5, -2.5), kinks="slope 0, also at the jumps", latex=r"\left\lceil {0} \right\rceil",
    textbook=lambda m, y, a: (0.0,))
row("round", "a to the nearest multiple of 10**-ndigits, ties to even",
    lambda m, a, ndigits=0.0: m.round(a, ndigits),
    lambda m, y, a, ndigits=0.0: (flat(m, y), flat(m, y)),
    arity=2, domain=(REAL, (-1.0, 1.0)), samples=((2.4, 0.0), (-2.6, 0.0), (2.345, 2.0)),
    kinks="slope 0, also at the jumps", aliases=("rint",),
    textbook=lambda m, y, a, ndigits=0.0: (0.0, 0.0))
row("trunc", "a without its fraction", lambda m, a: m.trunc(a), lambda m, y, a: (flat(m, y),),
    samples=(2.5, -2.5), kinks="slope 0, also at the jumps",
    textbook=lambda m, y, a: (0.0,))
row("maximum", "the larger of two",
    lambda m, a, b: m.where(a > b, a, m.where(a <= b, b, a + b)),
    lambda m, y, a, b: (ahead(m, a, b), ahead(m, b, a)),
    arity=2, domain=(REAL, REAL), samples=PAIRS, kinks="one half each at a tie",
    symbol="max", latex=r"\max\left({0}, {1}\right)",
    textbook=lambda m, y, a, b: (m.where(a > b, 1.0, 0.0), m.where(b > a, 1.0, 0.0)))
row("minimum", "the smaller of two",
    lambda m, a, b: m.where(a < b, a, m.where(a >= b, b, a + b)),
    lambda m, y, a, b: (ahead(m, b, a), ahead(m, a, b)),
    arity=2, domain=(REAL, REAL), samples=PAIRS, kinks="one half each at a tie",
    symbol="min", latex=r"\min\left({0}, {1}\right)",
    textbook=lambda m, y, a, b: (m.where(a < b, 1.0, 0.0), m.where(b < a, 1.0, 0.0)))


def clip_partials(m: Any, y: Any, a: Any, low: Any = -inf, high: Any = inf) -> tuple[Any, ...]:
    over = m.where(m.maximum(a, low) > high, 1.0, flat(m, y))
    under = m.where((a < low) & (low <= high), 1.0, flat(m, y))
    return 1.0 - over - under, under, over


row("clip", "a kept within low and high",
    lambda m, a, low=-inf, high=inf: m.minimum(m.maximum(a, low), high), clip_partials,
    arity=3, domain=(REAL, (-1.0, 0.0), (0.0, 1.0)), aliases=("clamp",),
    samples=((0.5, -1.0, 1.0), (3.0, -1.0, 1.0), (-3.0, -1.0, 1.0), (0.0, 2.0, 1.0)),
    kinks="slope 1 by a at both bounds; where low > high the result is high",
    textbook=lambda m, y, a, low=-inf, high=inf: (
        m.where(y == a, 1.0, 0.0), m.where(a < low, 1.0, 0.0), m.where(a > high, 1.0, 0.0)))
row("where", "a where the condition is true, else b",
    lambda m, condition, a, b: m.where(condition, a, b),
    lambda m, y, condition, a, b: (0.0, m.where(condition, 1.0, 0.0), m.where(condition, 0.0, 1.0)),
    arity=3, domain=((0.0, 1.0), REAL, REAL), samples=((1.0, 2.0, 3.0), (0.0, 2.0, 3.0)),
    kinks="slope 0 by the condition; the arm that is not taken passes on nothing")

# Exponentials, logarithms, roots

row("exp", "e ** a", lambda m, a: m.exp(a), lambda m, y, a: (y,),
    domain=((-745.0, 709.0),), samples=(0.0, 1.0, -1.0, 1e-10, 700.0, -740.0),
    latex="e^{{{0}}}")
row("exp2", "2 ** a", lambda m, a: m.exp2(a), lambda m, y, a: (LN2 * y,),
    domain=((-1074.0, 1023.0),), samples=(0.0, 0.5, -3.3, 1000.5, -1070.0), latex="2^{{{0}}}",
    textbook=lambda m, y, a: (y * m.log(2.0),))
row("expm1", "exp(a) - 1, exact near 0", lambda m, a: m.expm1(a), lambda m, y, a: (m.exp(a),),
    domain=((-745.0, 709.0),), samples=(0.0, 1e-20, -1e-9, 1.0, -50.0, 700.0),
    latex="e^{{{0}}} - 1")
row("log", "natural logarithm", lambda m, a: m.log(a),
    lambda m, y, a: (m.where(a < 0.0, m.nan, m.div(1.0, a)),),
    domain=(POSITIVE,), samples=(1e-300, 0.5, 1.0000001, 2.0, 1e300),
    latex=r"\log\left({0}\right)",
    textbook=lambda m, y, a: (m.div(1.0, a),))
row("log2", "logarithm to base 2", lambda m, a: m.log2(a),
    lambda m, y, a: (m.where(a < 0.0, m.nan, m.div(LOG2E, a)),),
    domain=(POSITIVE,), samples=(1e-300, 0.5, 1.0000001, 3.0, 1e300),
    latex=r"\log_2\left({0}\right)",
    textbook=lambda m, y, a: (m.div(1.0, a * m.log(2.0)),))
row("log10", "logarithm to base 10", lambda m, a: m.log10(a),
    lambda m, y, a: (m.where(a < 0.0, m.nan, m.div(LOG10E, a)),),
    domain=(POSITIVE,), samples=(1e-300, 0.5, 1.0000001, 3.0, 1e300),
    latex=r"\log_{{10}}\left({0}\right)",
    textbook=lambda m, y, a: (m.div(1.0, a * m.log(10.0)),))
row("log1p", "log(1 + a), exact near 0", lambda m, a: m.log1p(a),
    lambda m, y, a: (m.where(a < -1.0, m.nan, m.div(1.0, 1.0 + a)),),
    domain=((-1.0, inf),), samples=(0.0, 1e-20, -1e-9, -0.999999, 1e300),
    latex=r"\log\left(1 + {0}\right)",
    textbook=lambda m, y, a: (m.div(1.0, 1.0 + a),))
row("sqrt", "square root", lambda m, a: m.sqrt(a), lambda m, y, a: (m.div(0.5, y),),
    domain=(POSITIVE,), samples=(1e-300, 0.01, 0.5, 1.0, 4.0, 1e300),
    kinks="the slope is infinite at 0", latex=r"\sqrt{{{0}}}",
    textbook=lambda m, y, a: (m.div(1.0, 2.0 * y),))
row("cbrt", "real cube root", lambda m, a: m.cbrt(a), lambda m, y, a: (m.div(1.0, 3.0 * y * y),),
    samples=(1e-300, -1e-5, 0.5, 27.0, -1e300), kinks="the slope is infinite at 0",
    latex=r"\sqrt[3]{{{0}}}",
    textbook=lambda m, y, a: (m.div(1.0, 3.0 * m.pow(y, 2.0)),))
row("square", "a * a", lambda m, a: a * a, lambda m, y, a: (2.0 * a,),
    domain=((-1e154, 1e154),), samples=(3.0, -1e-100, 1e150))
row("reciprocal", "1 / a", lambda m, a: m.div(1.0, a), lambda m, y, a: (-(y * y),),
    domain=(POSITIVE,), samples=(3.0, -0.1, 1e-150, 1e150),
    textbook=lambda m, y, a: (-m.div(1.0, m.pow(a, 2.0)),))

# Trigonometric and hyperbolic


def arctan_partials(m: Any, y: Any, a: Any) -> tuple[Any]:
    r = m.hypot(1.0, a)  # 1 + a*a would overflow
    return (m.div(m.div(1.0, r), r),)


def arctan2_partials(m: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    s = m.size(a, b)  # a plain number, so that the squares stay in range
    a, b = m.div(a, s), m.div(b, s)
    r = a * a + b * b
    return m.div(m.div(b, r), s), -m.div(m.div(a, r), s)


def tanh_partials(m: Any, y: Any, a: Any) -> tuple[Any]:
    e = decay(m, 2.0 * a)  # 1 - y*y is wrong by 1e-8 at 10 and by 100 % at 20
    return (m.div(4.0 * e, (1.0 + e) * (1.0 + e)),)


def hypot_partials(m: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    s = m.size(a, b)  # a plain number: y itself may overflow, or be a subnormal
    a, b = m.div(a, s), m.div(b, s)
    r = m.where(y == 0.0, 1.0, m.hypot(a, b))
    return m.div(a, r), m.div(b, r)


row("sin", "sine, a in radians", lambda m, a: m.sin(a), lambda m, y, a: (m.cos(a),),
    samples=(0.0, 1e-10, 1.0, -3.0, 1.5707963267948966, 1e10), latex=r"\sin\left({0}\right)")
row("cos", "cosine, a in radians", lambda m, a: m.cos(a), lambda m, y, a: (-m.sin(a),),
    samples=(0.0, 1e-10, 1.0, -3.0, 1.5707963267948966, 1e10), latex=r"\cos\left({0}\right)")
row("tan", "tangent, a in radians", lambda m, a: m.tan(a), lambda m, y, a: (1.0 + y * y,),
    samples=(0.0, 1e-10, 1.0, -3.0, 1.5707963, 1e10), latex=r"\tan\left({0}\right)",
    textbook=lambda m, y, a: (1.0 + m.pow(y, 2.0),))
row("arcsin", "inverse sine", lambda m, a: m.arcsin(a),
    lambda m, y, a: (m.div(1.0, m.sqrt((1.0 - a) * (1.0 + a))),),
    domain=((-1.0, 1.0),), samples=(0.0, 1e-10, 0.5, -0.99, 1.0 - 1e-12),
    latex=r"\arcsin\left({0}\right)", aliases=("asin",),
    textbook=lambda m, y, a: (m.div(1.0, m.sqrt(1.0 - m.pow(a, 2.0))),))
row("arccos", "inverse cosine", lambda m, a: m.arccos(a),
    lambda m, y, a: (-m.div(1.0, m.sqrt((1.0 - a) * (1.0 + a))),),
    domain=((-1.0, 1.0),), samples=(0.0, 1e-10, 0.5, -0.99, 1.0 - 1e-12),
    latex=r"\arccos\left({0}\right)", aliases=("acos",),
    textbook=lambda m, y, a: (-m.div(1.0, m.sqrt(1.0 - m.pow(a, 2.0))),))
row("arctan", "inverse tangent", lambda m, a: m.arctan(a), arctan_partials,
    samples=(0.0, 1e-10, 1.0, -30.0, 1e160), latex=r"\arctan\left({0}\right)", aliases=("atan",),
    textbook=lambda m, y, a: (m.div(1.0, 1.0 + m.pow(a, 2.0)),))
row("arctan2", "angle of the point with ordinate a and abscissa b",
    lambda m, a, b: m.arctan2(a, b), arctan2_partials,
    arity=2, domain=(REAL, REAL), samples=((1.0, 2.0), (-1.0, -3.0), (1e-300, 1e-300), (5.0, 0.0)),
    kinks="slopes nan at (0, 0)", latex=r"\operatorname{{atan2}}\left({0}, {1}\right)",
    aliases=("atan2",),
    textbook=lambda m, y, a, b: (
        m.div(b, m.pow(a, 2.0) + m.pow(b, 2.0)), -m.div(a, m.pow(a, 2.0) + m.pow(b, 2.0))))
row("sinh", "hyperbolic sine", lambda m, a: m.sinh(a), lambda m, y, a: (m.cosh(a),),
    domain=((-710.0, 710.0),), samples=(0.0, 1e-10, 1.0, -20.0, 700.0),
    latex=r"\sinh\left({0}\right)")
row("cosh", "hyperbolic cosine", lambda m, a: m.cosh(a), lambda m, y, a: (m.sinh(a),),
    domain=((-710.0, 710.0),), samples=(0.0, 1e-10, 1.0, -20.0, 700.0),
    latex=r"\cosh\left({0}\right)")
row("tanh", "hyperbolic tangent", lambda m, a: m.tanh(a), tanh_partials, seams=(0.0,),
    samples=(0.0, 1e-10, 1.0, -5.0, 20.0, -350.0, 360.0), latex=r"\tanh\left({0}\right)",
    textbook=lambda m, y, a: (1.0 - m.pow(y, 2.0),))
row("arcsinh", "inverse hyperbolic sine", lambda m, a: m.arcsinh(a),
    lambda m, y, a: (m.div(1.0, m.hypot(1.0, a)),),
    samples=(0.0, 1e-10, 1.0, -30.0, 1e200), latex=r"\operatorname{{arsinh}}\left({0}\right)",
    aliases=("asinh",),
    textbook=lambda m, y, a: (m.div(1.0, m.sqrt(m.pow(a, 2.0) + 1.0)),))
row("arccosh", "inverse hyperbolic cosine", lambda m, a: m.arccosh(a),
    lambda m, y, a: (m.div(1.0, m.sqrt(a - 1.0) * m.sqrt(a + 1.0)),),
    domain=((1.0, inf),), samples=(1.0 + 1e-12, 1.5, 30.0, 1e200),
    latex=r"\operatorname{{arcosh}}\left({0}\right)", aliases=("acosh",),
    textbook=lambda m, y, a: (m.div(1.0, m.sqrt(m.pow(a, 2.0) - 1.0)),))
row("arctanh", "inverse hyperbolic tangent", lambda m, a: m.arctanh(a),
    lambda m, y, a: (m.where(a * a > 1.0, m.nan, m.div(1.0, (1.0 - a) * (1.0 + a))),),
    domain=((-1.0, 1.0),), samples=(0.0, 1e-10, 0.5, -0.99, 1.0 - 1e-12),
    latex=r"\operatorname{{artanh}}\left({0}\right)", aliases=("atanh",),
    textbook=lambda m, y, a: (m.div(1.0, 1.0 - m.pow(a, 2.0)),))
row("hypot", "sqrt(a*a + b*b) without overflow", lambda m, a, b: m.hypot(a, b), hypot_partials,
    arity=2, domain=(REAL, REAL), samples=((3.0, 4.0), (1e-200, -1e-200), (1e200, 1.0)),
    kinks="slopes 0 at (0, 0)",
    textbook=lambda m, y, a, b: (m.div(a, y), m.div(b, y)))
