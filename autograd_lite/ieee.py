"""Plain numbers: what counts as one, and functions of them that never raise.

IEEE 754 gives the answers: Python's ``math`` raises for ``log(0)``, ``1/0``, ``sqrt(-1)`` and
``exp(1000)``; here they are -inf, inf, nan and inf, and nan in gives nan out. This file is the
whole policy for the edges of floats (``floats``) and of NumPy arrays (``arrays()``). The rows of
ops/ are written in terms of such a namespace, so a row itself never meets an exception.

>>> floats.log(0.0), floats.div(1.0, 0.0), floats.sqrt(-1.0), floats.exp(1000.0)
(-inf, inf, nan, inf)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable, Sequence
from numbers import Complex, Number, Real
from types import SimpleNamespace
from typing import Any, NoReturn

inf, nan = math.inf, math.nan
Scalar = float  # as annotation of an argument that is checked here: compiled code must not do so
Label = str


def number(x: Any, name: str, function: str) -> float:
    """x as a float, or an error that names the function, the argument, the value and a way out."""
    if x.__class__ is float:
        return x
    if x.__class__ is int and -(2**53) < x < 2**53:
        return float(x)
    numpy_bool = type(x).__module__ == "numpy" and type(x).__name__ in ("bool", "bool_")
    if isinstance(x, Real) or numpy_bool or (isinstance(x, Number) and not isinstance(x, Complex)):
        try:
            return float(x)
        except (OverflowError, ValueError) as error:  # ValueError: a signalling nan of decimal
            raise type(error)(
                f"{function}: {name} = {shown(x)} has no float; scale it first"
            ) from None
    way_out = "use its .data" if type(x).__name__ == "Value" else "give an int or a float"
    raise TypeError(
        f"{function}: {name} must be a real number, not {type(x).__name__} {shown(x)}; {way_out}"
    )


def operand(x: Any) -> float | None:
    """x as a float; None if it is no real number, so that an operator can leave it to x."""
    usual = x.__class__ is int or x.__class__ is float
    return number(x, "operand", "Value") if usual or isinstance(x, Real) else None


def whole(x: Any, name: str, function: str) -> int:
    """x as an int >= 0, or an error."""
    try:
        n = -1 if isinstance(x, bool) else operator.index(x)
    except TypeError:
        n = -1
    if n < 0:
        raise ValueError(f"{function}: {name} must be a whole number >= 0, not {shown(x)}")
    return n


def terms(xs: Any, name: str, function: str) -> tuple[Any, ...]:
    """The items of an iterable, of an array all its elements, or an error for anything else."""
    if xs.__class__ is list or xs.__class__ is tuple:
        return tuple(xs)
    if getattr(xs, "ndim", 1) != 1:  # a NumPy array
        raise TypeError(f"{function}: {name} has {xs.ndim} dimensions; give one, as by .ravel()")
    if isinstance(xs, (str, bytes, dict)) or not isinstance(xs, Iterable):
        raise TypeError(
            f"{function}: {name} must be an iterable of numbers and Values, "
            f"not {type(xs).__name__} {shown(xs)}; give a list"
        )
    return tuple(xs)


def text(x: Any, name: str, function: str) -> str:
    """x if it is exactly a str, else an error."""
    if x.__class__ is str:
        return x
    raise TypeError(f"{function}: {name} must be a str, not {type(x).__name__} {shown(x)}")


def refuse_to_drop_the_gradient(function: str) -> NoReturn:
    raise TypeError(
        f"{function}(Value) would drop its gradient: "
        "use .data for the number or autograd_lite.sin(v); "
        "an array that is to hold Values has dtype=object"
    )


def refuse_to_be_subclassed(cls: Any) -> NoReturn:
    raise TypeError("Value cannot be subclassed; autograd_lite.operation adds an operation")


def shown(x: Any) -> str:
    """repr(x), cut to fit into an error message."""
    try:
        text = repr(x)
    except ValueError:  # an int of more digits than Python prints
        text = f"an int of {x.bit_length()} bits"
    return text if len(text) <= 60 else text[:57] + "..."


def _total(function: Callable[[float], float], overflow: str = "+") -> Callable[[float], float]:
    """`function` with nan outside its domain and inf (odd functions: signed) on overflow."""

    def total(x: float) -> float:
        try:
            return function(x)
        except ValueError:
            return nan
        except OverflowError:
            return math.copysign(inf, x) if overflow == "odd" else inf

    total.__name__ = total.__qualname__ = function.__name__
    return total


def _logarithm(function: Callable[[float], float], pole: float) -> Callable[[float], float]:
    def logarithm(x: float) -> float:
        return function(x) if x > pole else -inf if x == pole else nan

    return logarithm


def arctanh(x: float) -> float:
    return math.atanh(x) if -1.0 < x < 1.0 else math.copysign(inf, x) if abs(x) == 1.0 else nan


def div(x: float, y: float) -> float:
    try:
        return x / y
    except ZeroDivisionError:
        if x == 0.0 or x != x:
            return nan
        return math.copysign(inf, x) * math.copysign(1.0, y)


def pow(x: float, y: float) -> float:
    """x**y as C has it, except that a nan exponent gives nan, also for x = 1."""
    if y != y:
        return nan
    try:
        return math.pow(x, y)
    except (OverflowError, ValueError):
        if x < 0.0 and y != math.floor(y):
            return nan
        if math.isinf(y):  # Python 3.10 raises for 0 ** -inf
            return inf
        return math.copysign(inf, x) if abs(math.fmod(y, 2.0)) == 1.0 else inf


def mod(x: float, y: float) -> float:
    return x % y if y != 0.0 else nan


def floordiv(x: float, y: float) -> float:
    return x // y if y != 0.0 else div(x, y)


def hypot(x: float, y: float) -> float:
    return nan if x != x or y != y else math.hypot(x, y)


def _integral(function: Callable[[float], float]) -> Callable[[float], float]:
    def integral(x: float) -> float:
        return float(function(x)) if math.isfinite(x) else x

    return integral


def round_(x: float, ndigits: float = 0.0) -> float:
    """x to the nearest multiple of 10**-ndigits, ties to even; nan if ndigits is not whole."""
    if not math.isfinite(ndigits) or ndigits != math.trunc(ndigits):
        return nan
    try:
        return round(x, int(ndigits))
    except OverflowError:
        return math.copysign(inf, x)


def exp2(x: float) -> float:
    return pow(2.0, x)


def cbrt(x: float) -> float:
    """The real cube root, within one ulp.

    C libraries differ by up to 4 ulp and Python 3.10 has none, so a power is improved by one step
    of Newton's method, whose residual y**3 - x is formed without rounding errors.
    """
    if x == 0.0 or not math.isfinite(x):
        return x
    fraction, exponent = math.frexp(x)
    shift = exponent % 3
    x = math.ldexp(fraction, shift)  # x = fraction * 2**shift * 8**k, so that nothing underflows
    y = math.copysign(math.pow(abs(x), 1.0 / 3.0), x)
    square, error = two_product(y, y)
    cube, error2 = two_product(square, y)
    residual = (cube - x) + error2 + error * y
    return math.ldexp(y - residual / (3.0 * square), (exponent - shift) // 3)


def two_product(x: float, y: float) -> tuple[float, float]:
    """x*y rounded, and what the rounding lost (Dekker 1971); for |x|, |y| < 1e150."""
    p = x * y
    x1 = x * 134217729.0
    x1 = x1 - (x1 - x)
    y1 = y * 134217729.0
    y1 = y1 - (y1 - y)
    x2, y2 = x - x1, y - y1
    return p, ((x1 * y1 - p) + x1 * y2 + x2 * y1) + x2 * y2


def sum_(*xs: float) -> float:
    """The sum, rounded once (so the order of the terms does not matter)."""
    return fsum(xs)


def fsum(xs: Sequence[float]) -> float:
    """math.fsum without its exceptions."""
    try:
        return math.fsum(xs)
    except OverflowError:  # a partial sum overflows, the whole may not
        infinite = [x for x in xs if not math.isfinite(x)]
        return float(sum(infinite)) if infinite else _exact(xs)
    except ValueError:  # infinities of both signs
        return nan


def _exact(xs: Iterable[float]) -> float:
    from fractions import Fraction

    total = sum(map(Fraction, xs))
    try:
        return float(total)
    except OverflowError:
        return inf if total > 0 else -inf


def where(condition: Any, a: Any, b: Any) -> Any:
    return a if condition else b


def detach(x: Any) -> Any:
    return x


def shift(*xs: float) -> float:
    """The largest of xs, 0 if that is not finite: a plain number; exp(x - shift) is in range."""
    largest = max(xs)
    return largest if math.isfinite(largest) else 0.0


def size(*xs: float) -> float:
    """A power of two near the largest magnitude: a plain number; x / size is exact, in range."""
    largest = max(map(abs, xs))
    if largest == 0.0 or not math.isfinite(largest):
        return 1.0
    return math.ldexp(1.0, min(math.frexp(largest)[1], 1023))


floats = SimpleNamespace(
    nan=nan, inf=inf, div=div, pow=pow, mod=mod, floordiv=floordiv, hypot=hypot, where=where,
    floor=_integral(math.floor), ceil=_integral(math.ceil), trunc=_integral(math.trunc),
    round=round_, exp=_total(math.exp), exp2=exp2, expm1=_total(math.expm1),
    log=_logarithm(math.log, 0.0), log2=_logarithm(math.log2, 0.0),
    log10=_logarithm(math.log10, 0.0), log1p=_logarithm(math.log1p, -1.0),
    sqrt=_total(math.sqrt), cbrt=cbrt, sin=_total(math.sin), cos=_total(math.cos),
    tan=_total(math.tan), arcsin=_total(math.asin), arccos=_total(math.acos),
    arctan=_total(math.atan), arctan2=math.atan2, sinh=_total(math.sinh, "odd"),
    cosh=_total(math.cosh), tanh=math.tanh, arcsinh=math.asinh, arccosh=_total(math.acosh),
    arctanh=arctanh, erf=math.erf, erfc=math.erfc, sum=sum_, detach=detach, shift=shift, size=size,
)  # fmt: skip


def arrays() -> SimpleNamespace:
    """The same functions for NumPy arrays; where NumPy has none, the float's for each element."""
    import numpy as np

    def each(function: Callable[..., float]) -> Callable[..., Any]:
        ufunc = np.frompyfunc(function, function.__code__.co_argcount, 1)
        return lambda *xs: np.asarray(ufunc(*xs), dtype=float)

    def nan_in(function: Callable[..., Any]) -> Callable[..., Any]:
        return lambda x, y: np.where(np.isnan(x) | np.isnan(y), nan, function(x, y))

    def power(x: Any, y: Any) -> Any:
        x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
        if y.size and not any(y.strides) and y.flat[0] == 0.5:  # NumPy takes the root
            return np.where(x == -inf, inf, np.sqrt(x + 0.0))
        return np.where(np.isnan(y), nan, np.power(x, y))

    def round_each(x: Any, ndigits: Any = 0.0) -> Any:
        return each(round_)(x, ndigits) if np.any(ndigits) else np.rint(x)

    def shift(*xs: Any) -> Any:
        largest = np.maximum.reduce(np.broadcast_arrays(*xs))
        return np.where(np.isfinite(largest), largest, 0.0)

    def size(*xs: Any) -> Any:
        largest = np.maximum.reduce(np.broadcast_arrays(*map(np.abs, xs)))
        good = np.isfinite(largest) & (largest > 0.0)
        return np.where(good, np.ldexp(1.0, np.minimum(np.frexp(largest)[1], 1023)), 1.0)

    namespace = {name: getattr(np, name) for name in vars(floats) if hasattr(np, name)}
    namespace.update(
        div=np.divide, pow=power, floordiv=np.floor_divide, hypot=nan_in(np.hypot),
        round=round_each, erf=each(lambda x: math.erf(x)), erfc=each(lambda x: math.erfc(x)),
        sum=lambda *xs: sum(xs), detach=detach, shift=shift, size=size,
    )  # fmt: skip
    return SimpleNamespace(**namespace)
