"""Independent answers: every operation in mpmath, derivatives by differences at 1000 digits."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import mpmath
from mpmath import mp, mpf

DIGITS = 1000


def _dot(*args):
    n = len(args) // 2
    return mp.fsum([*(w * x for w, x in zip(args[:n], args[n : 2 * n])), *args[2 * n :]])


def _erfc(a):
    return mp.erfc(a) if abs(a) < 1000 else mpf(0) if a > 0 else mpf(2)  # mpmath's own overflows


def _logs(a):
    return max(mp.log(a), mpf(-100)), max(mp.log(1 - a), mpf(-100))


def _binary_cross_entropy(a, b):
    yes, no = _logs(a)
    return -b * yes - (1 - b) * no


def _round(a, digits=0):
    scale = mpf(10) ** int(digits)
    return mp.nint(a * scale) / scale


ORACLE: dict[str, Callable] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "pow": lambda a, b: a**b,
    "mod": lambda a, b: a - b * mp.floor(a / b),
    "floordiv": lambda a, b: mp.floor(a / b),
    "abs": abs,
    "sign": mp.sign,
    "floor": mp.floor,
    "ceil": mp.ceil,
    "round": _round,
    "trunc": lambda a: mp.sign(a) * mp.floor(abs(a)),
    "maximum": max,
    "minimum": min,
    "clip": lambda a, low=-mp.inf, high=mp.inf: min(max(a, low), high),
    "where": lambda c, a, b: a if c else b,
    "exp": mp.exp,
    "exp2": lambda a: mpf(2) ** a,
    "expm1": lambda a: mp.exp(a) - 1,
    "log": mp.log,
    "log2": lambda a: mp.log(a) / mp.log(2),
    "log10": lambda a: mp.log(a) / mp.log(10),
    "log1p": lambda a: mp.log(1 + a),
    "sqrt": mp.sqrt,
    "cbrt": lambda a: mp.sign(a) * abs(a) ** (mpf(1) / 3),
    "square": lambda a: a * a,
    "reciprocal": lambda a: 1 / a,
    "sin": mp.sin,
    "cos": mp.cos,
    "tan": mp.tan,
    "arcsin": mp.asin,
    "arccos": mp.acos,
    "arctan": mp.atan,
    "arctan2": mp.atan2,
    "sinh": mp.sinh,
    "cosh": mp.cosh,
    "tanh": mp.tanh,
    "arcsinh": mp.asinh,
    "arccosh": mp.acosh,
    "arctanh": mp.atanh,
    "hypot": lambda a, b: mp.sqrt(a * a + b * b),
    "sigmoid": lambda a: 1 / (1 + mp.exp(-a)),
    "softplus": lambda a: mp.log(1 + mp.exp(a)),
    "relu": lambda a: max(a, mpf(0)),
    "leaky_relu": lambda a, s=0.01: a if a > 0 else s * a,
    "elu": lambda a, alpha=1: a if a > 0 else alpha * (mp.exp(a) - 1),
    "gelu": lambda a: a * _erfc(-a / mp.sqrt(2)) / 2,
    "silu": lambda a: a / (1 + mp.exp(-a)),
    "erf": lambda a: mp.erf(a) if abs(a) < 1000 else mp.sign(a),
    "erfc": _erfc,
    "ndtr": lambda a: _erfc(-a / mp.sqrt(2)) / 2,
    "binary_cross_entropy": _binary_cross_entropy,
    "dot": _dot,
    "sum": lambda *xs: sum(xs, mpf(0)),
    "prod": lambda *xs: mp.fprod(xs),
    "logsumexp": lambda *xs: mp.log(sum((mp.exp(x) for x in xs), mpf(0))),
    "l2_penalty": lambda alpha, *xs: alpha * sum((x * x for x in xs), mpf(0)),
}

# Where a result is a sum that cancels: the size of its largest term
VALUE_TERMS: dict[str, Callable] = {
    "add": lambda a, b: max(abs(a), abs(b)),
    "sub": lambda a, b: max(abs(a), abs(b)),
    "dot": lambda *args: max(abs(t) for t in _terms(args)),
    "sum": lambda *xs: max(abs(x) for x in xs),
    "logsumexp": lambda *xs: max(abs(x) for x in xs),
}
SLOPE_TERMS: dict[str, Callable] = {
    "binary_cross_entropy": lambda a, b: max(abs(x) for x in _logs(a)),
    "silu": lambda a: max(1 / (1 + mp.exp(-a)), abs(a) * mp.exp(a) / (1 + mp.exp(a)) ** 2),
    "gelu": lambda a: max(_erfc(-a / mp.sqrt(2)) / 2, abs(a) * mp.npdf(a)),
}


def _terms(args):
    n = len(args) // 2
    return [*(w * x for w, x in zip(args[:n], args[n : 2 * n])), *args[2 * n :]] or [mpf(0)]


def derivative(
    name: str | Callable, args: Sequence[float], orders: Sequence[int], digits: int = DIGITS
) -> mpf:
    """The partial derivative of these orders, by central differences at very many digits."""
    f = ORACLE[name] if isinstance(name, str) else name
    with mp.workdps(digits):
        point = [mpf(a) for a in args]

        def along(i: int, g: Callable, order: int) -> Callable:
            def differentiated(*xs):
                h = (min(abs(xs[i]), mpf(1)) or mpf(1)) * mpf(10) ** (-digits // 8)
                total = mpf(0)
                for k in range(order + 1):
                    moved = list(xs)
                    moved[i] = xs[i] + (mpf(order) / 2 - k) * h
                    total += (-1) ** k * mp.binomial(order, k) * g(*moved)
                return total / h**order

            return differentiated

        for i, order in enumerate(orders):
            if order:
                f = along(i, f, order)
        return +f(*point)


def ulps(got: float, exact: mpf, largest: mpf | None = None) -> float:
    """|got - exact| in units in the last place of the exact result (or of its largest term)."""
    nearest = float(exact)
    if not math.isfinite(nearest) or not math.isfinite(got):
        return 0.0 if got == nearest else math.inf
    scale = max(abs(nearest), abs(float(largest))) if largest is not None else abs(nearest)
    with mp.workdps(DIGITS):
        return float(abs(mpf(got) - exact) / mpf(math.ulp(scale)))


__all__ = ["ORACLE", "SLOPE_TERMS", "VALUE_TERMS", "derivative", "mpmath", "ulps"]
