"""Rows: activations, probability, losses, and operations on any number of arguments."""

from __future__ import annotations

from typing import Any

from .row import POSITIVE, REAL, decay, flat, gauss, row

SQRT_2_PI_INVERSE, SQRT_PI_INVERSE = 0.3989422804014327, 0.5641895835477563
SQRT_HALF_HIGH, SQRT_HALF_LOW = 0.7071067839860916, -2.799544089368687e-09  # 26 bits, the rest

# fmt: off
# Activations and probability


def sigmoid_value(m: Any, a: Any) -> Any:
    e = decay(m, a)
    return m.div(m.where(a < 0.0, e, 1.0), 1.0 + e)


def sigmoid_partials(m: Any, y: Any, a: Any) -> tuple[Any]:
    e = decay(m, a)  # y*(1 - y) is off by 1e-3 at 30
    return (m.div(e, (1.0 + e) * (1.0 + e)),)


def silu_value(m: Any, a: Any) -> Any:
    half = decay(m, 0.5 * a)  # its square may lose digits as a subnormal before a multiplies it
    small = m.div(m.where(a < 0.0, a * half * half, a), 1.0 + half * half)
    return m.where(a < -1000.0, 0.0, small)


def silu_partials(m: Any, y: Any, a: Any) -> tuple[Any]:
    half = decay(m, 0.5 * a)
    e = half * half
    slope = m.sigmoid(a) + m.div(a * half * half, (1.0 + e) * (1.0 + e))
    return (m.where(a * a > 1e6, m.where(a > 0.0, 1.0, 0.0), slope),)


def elu_value(m: Any, a: Any, alpha: Any = 1.0) -> Any:
    return m.where(a > 0.0, a, alpha * m.expm1(m.where(a > 0.0, 0.0, a)))


def elu_partials(m: Any, y: Any, a: Any, alpha: Any = 1.0) -> tuple[Any, Any]:
    low = m.where(a > 0.0, 0.0, a)
    return m.where(a > 0.0, 1.0, alpha * m.exp(low)), m.where(a > 0.0, 0.0, m.expm1(low))


def ndtr_value(m: Any, a: Any) -> Any:
    # t = a/sqrt(2) in two numbers: erfc multiplies a relative error of t by 2*t*t, up to 1500.
    high = m.round(a * 1048576.0) * 9.5367431640625e-07
    rest = (a - high) * SQRT_HALF_HIGH + a * SQRT_HALF_LOW
    t = high * SQRT_HALF_HIGH + rest
    lost = (high * SQRT_HALF_HIGH - t) + rest
    middle = 0.5 * m.erfc(-t) + lost * SQRT_PI_INVERSE * m.exp(-0.5 * a * a)
    return m.where(a * a > 4096.0, m.where(a > 0.0, 1.0, 0.0), middle)


def density(m: Any, a: Any) -> Any:
    return SQRT_2_PI_INVERSE * gauss(m, a, -0.5)


def gelu_partials(m: Any, y: Any, a: Any) -> tuple[Any]:
    slope = m.ndtr(a) + a * density(m, a)
    return (m.where(a * a > 1600.0, m.where(a > 0.0, 1.0, 0.0), slope),)


row("sigmoid", "1 / (1 + exp(-a)), stable for every a", sigmoid_value, sigmoid_partials,
    samples=(0.0, 1e-10, 1.0, -1.5, 5.5, 30.0, -30.0, 700.0, -740.0), seams=(0.0,),
    symbol="σ", latex=r"\sigma\left({0}\right)",
    textbook=lambda m, y, a: (y * (1.0 - y),))
row("softplus", "log(1 + exp(a)), stable for every a",
    lambda m, a: m.where(a < 0.0, 0.0, a) + m.log1p(decay(m, a)),
    lambda m, y, a: (m.sigmoid(a),), seams=(0.0,),
    samples=(0.0, 1.0, -1.0, 40.0, -40.0, -740.0), latex=r"\log\left(1 + e^{{{0}}}\right)")
row("relu", "max(a, 0)", lambda m, a: m.where(a <= 0.0, 0.0, a),
    lambda m, y, a: (m.where(a > 0.0, 1.0, m.where(a <= 0.0, 0.0, m.nan)),),
    samples=(2.0, -2.0), kinks="slope 0 at 0", symbol="ReLU",
    latex=r"\operatorname{{ReLU}}\left({0}\right)",
    textbook=lambda m, y, a: (m.where(a > 0.0, 1.0, 0.0),))
row("leaky_relu", "a where a > 0, else negative_slope * a",
    lambda m, a, negative_slope=0.01: m.where(a > 0.0, a, negative_slope * a),
    lambda m, y, a, negative_slope=0.01: (
        m.where(a > 0.0, 1.0, m.where(a <= 0.0, negative_slope, m.nan)), m.where(a > 0.0, 0.0, a)),
    arity=2, domain=(REAL, (0.0, 1.0)), samples=((2.0, 0.01), (-2.0, 0.1)),
    kinks="slope negative_slope at 0",
    textbook=lambda m, y, a, negative_slope=0.01: (
        m.where(a > 0.0, 1.0, negative_slope), m.where(a > 0.0, 0.0, a)))
row("elu", "a where a > 0, else alpha * (exp(a) - 1)", elu_value, elu_partials,
    arity=2, domain=(REAL, POSITIVE), samples=((2.0, 1.0), (-2.0, 1.5), (-40.0, 1.0), (-1e-9, 1.0)),
    kinks="slope alpha at 0",
    textbook=lambda m, y, a, alpha=1.0: (
        m.where(a > 0.0, 1.0, y + alpha), m.where(a > 0.0, 0.0, m.expm1(a))))
row("gelu", "a * ndtr(a)", lambda m, a: m.where(a < -40.0, 0.0, a * m.ndtr(a)), gelu_partials,
    samples=(0.0, 1.0, -1.0, -0.75179, 5.0, -10.0, -37.0, 40.0), ulps=(16.0, 32.0),
    textbook=lambda m, y, a: (
        m.ndtr(a) + SQRT_2_PI_INVERSE * a * m.exp(-m.div(m.pow(a, 2.0), 2.0)),))
row("silu", "a * sigmoid(a)", silu_value, silu_partials,
    samples=(0.0, 1.0, -1.0, -1.2784645, 40.0, -40.0, -740.0), seams=(0.0,), aliases=("swish",),
    textbook=lambda m, y, a: (m.sigmoid(a) * (1.0 + a - y),))
row("erf", "error function", lambda m, a: m.erf(a),
    lambda m, y, a: (2.0 * SQRT_PI_INVERSE * gauss(m, a, -1.0),),
    samples=(0.0, 1e-10, 0.5, -2.0, 6.0, 26.0), ulps=(4.0, 4.0),
    latex=r"\operatorname{{erf}}\left({0}\right)",
    textbook=lambda m, y, a: (2.0 * SQRT_PI_INVERSE * m.exp(-m.pow(a, 2.0)),))
row("erfc", "1 - erf(a), exact for large a", lambda m, a: m.erfc(a),
    lambda m, y, a: (-2.0 * SQRT_PI_INVERSE * gauss(m, a, -1.0),),
    samples=(0.0, 1e-10, 0.5, -2.0, 6.0, 26.0), ulps=(8.0, 4.0),
    latex=r"\operatorname{{erfc}}\left({0}\right)",
    textbook=lambda m, y, a: (-2.0 * SQRT_PI_INVERSE * m.exp(-m.pow(a, 2.0)),))
row("ndtr", "distribution function of the standard normal law", ndtr_value,
    lambda m, y, a: (density(m, a),), samples=(0.0, 1e-10, 1.0, -1.0, 8.0, -37.0),
    quick=lambda m, y, a: (SQRT_2_PI_INVERSE * m.exp(-0.5 * a * a),),
    ulps=(12.0, 4.0), symbol="Φ", latex=r"\Phi\left({0}\right)",
    textbook=lambda m, y, a: (SQRT_2_PI_INVERSE * m.exp(-m.div(m.pow(a, 2.0), 2.0)),))

# Losses

# PyTorch's limits, so that a prediction may be 0 or 1: its 1e-12 is one of single precision
LEAST_LOG, LEAST_VARIANCE = -100.0, 9.999999960041972e-13


def logs(m: Any, a: Any) -> tuple[Any, Any]:
    return m.maximum(m.log(a), LEAST_LOG), m.maximum(m.log1p(-a), LEAST_LOG)


def binary_cross_entropy_value(m: Any, a: Any, b: Any) -> Any:
    yes, no = logs(m, a)
    return (b - 1.0) * no - b * yes


def binary_cross_entropy_partials(m: Any, y: Any, a: Any, b: Any) -> tuple[Any, Any]:
    yes, no = logs(m, a)
    variance = m.maximum(a * (1.0 - a), LEAST_VARIANCE)
    return m.div(a - b, variance) + flat(m, y), no - yes + flat(m, y)


row("binary_cross_entropy", "-b log(a) - (1 - b) log(1 - a), each log at least -100",
    binary_cross_entropy_value, binary_cross_entropy_partials,
    arity=2, domain=((0.0, 1.0), (0.0, 1.0)), symbol="BCE",
    samples=((0.3, 1.0), (0.3, 0.0), (0.9, 0.25), (0.5, 0.5), (1e-9, 0.6), (0.999999, 0.3),
             (0.0, 1.0), (1.0, 1.0), (1.0, 0.0), (1e-60, 0.75)),
    kinks="slope (a - b)/1e-12 by a where a*(1 - a) < 1e-12",
    latex=r"\operatorname{{BCE}}\left({0}, {1}\right)",
    textbook=lambda m, y, a, b: (
        m.div(a - b, a * (1.0 - a)), m.log(1.0 - a) - m.log(a)))

# Any number of arguments


def products_of_the_others(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    """For each x the product of all the others, without a division (an x may be 0)."""
    after, product = [], 1.0
    for x in reversed(xs):
        after.append(product)
        product = product * x
    before, out = 1.0, []
    for x, rest in zip(xs, reversed(after), strict=True):
        out.append(before * rest)
        before = before * x
    return tuple(out)


def dot_value(m: Any, *args: Any) -> Any:
    n = len(args) // 2
    return m.sum(*(w * x for w, x in zip(args[:n], args[n : 2 * n])), *args[2 * n :])


def dot_partials(m: Any, y: Any, *args: Any) -> tuple[Any, ...]:
    n = len(args) // 2
    return (*args[n : 2 * n], *args[:n], *(1.0 for _ in args[2 * n :]))


def products_written(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    """The same as one writes it: a quotient where there are many."""
    if len(xs) > 8:
        return tuple(m.div(y, x) for x in xs)
    return tuple(prod_value(m, *xs[:i], *xs[i + 1 :]) for i in range(len(xs)))


def prod_value(m: Any, *xs: Any) -> Any:
    product = 1.0
    for x in xs:
        product = product * x
    return product


def logsumexp_value(m: Any, *xs: Any) -> Any:
    c = m.shift(*xs)  # the largest term is then exactly 1, and log1p keeps the small ones
    return c + m.log1p(m.sum(*(m.exp(x - c) for x in xs), -1.0))


def logsumexp_partials(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
    c = m.shift(*xs)
    es = [m.exp(x - c) for x in xs]
    total = m.sum(*es)
    return tuple(m.div(e, total) for e in es)


def l2_penalty_value(m: Any, alpha: Any, *xs: Any) -> Any:
    return alpha * m.sum(*(x * x for x in xs))


def l2_penalty_partials(m: Any, y: Any, alpha: Any, *xs: Any) -> tuple[Any, ...]:
    return m.sum(*(x * x for x in xs)), *(2.0 * alpha * x for x in xs)


VECTORS = ((1.0, 2.0, 3.0), (0.5,), (1e16, 1.0, -1e16), (-2.0, 0.25, 1e-9, 4.0))

row("dot", "w_1 x_1 + ... + w_n x_n + bias, the arguments in the order ws, xs, bias",
    dot_value, dot_partials, arity=None, symbol="Σ wx + b",
    samples=((2.0, -3.0, 0.5, 4.0, 1.0), (0.2, 0.9, 10.0, -5.0), (7.0,), (3.0, 2.0, 1.0)))
row("sum", "the sum, rounded once", lambda m, *xs: m.sum(*xs),
    lambda m, y, *xs: (1.0,) * len(xs), arity=None, samples=VECTORS, symbol="Σ")
row("prod", "the product", prod_value, products_of_the_others,
    arity=None, samples=(*VECTORS, (0.0, 2.0, 3.0), (0.0, 0.0, 3.0)), symbol="Π",
    textbook=products_written)
row("logsumexp", "log(exp(x_1) + ... + exp(x_n)), stable for every float",
    logsumexp_value, logsumexp_partials, arity=None,
    samples=(*VECTORS, (1000.0, 1001.0), (-1000.0, -1001.0), (0.0, -40.0)),
    textbook=lambda m, y, *xs: tuple(m.exp(x - y) for x in xs))
row("l2_penalty", "alpha (x_1**2 + ... + x_n**2), the arguments in the order alpha, xs",
    l2_penalty_value, l2_penalty_partials, arity=None, symbol="α Σ x²",
    samples=((0.5, 3.0, -1.0), (0.01, 1e-9, 4.0, 1e6), (-2.0, 0.3)))
