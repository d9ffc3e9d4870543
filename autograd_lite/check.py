"""Gradient checking: backward() against finite differences and the complex step.

Central differences call the function itself at neighbouring points. The complex step replays the
recorded graph with an imaginary part of 1e-30, in cmath, without any rule of the table: it has no
rounding error of its own, but needs every operation to have a complex form, and it cannot see
what the graph does not hold: a gradient lost through .data is found by the differences only.
Source: Squire and Trapp, Using complex variables to estimate derivatives, SIAM Review 40 (1998).

>>> print(check_grads(lambda x, y: x * y + x.sin(), [1.0, 2.0]))
input               backward          difference        complex step
x1             2.54030230587       2.54030230586       2.54030230587  ok
x2             1.00000000000       1.00000000000       1.00000000000  ok
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple

from .engine import Value, order
from .ieee import floats, number, shown
from .ops import TABLE
from .text import unicode

STEP = 6e-6  # the cube root of the rounding unit: central differences are then best
TINY = 1e-30


class GradientError(AssertionError):
    """A gradient is wrong; the message is the report."""


class Line(NamedTuple):
    """One input: its derivative by backward(), by differences, by the complex step (or None)."""

    name: str
    backward: float
    difference: float
    complex_step: float | None
    ok: bool


class Report(NamedTuple):
    """The verdict for each input; `str()` is a table, `ok` is the verdict on all."""

    lines: tuple[Line, ...]
    note: str

    @property
    def ok(self) -> bool:
        return all(line.ok for line in self.lines)

    def __str__(self) -> str:
        width = max(8, *(len(line.name) for line in self.lines))
        heads = [f"{head:>18}" for head in ("backward", "difference", "complex step")]
        rows = [f"{'input':<{width}}  " + "  ".join(heads)]
        for name, *numbers, ok in self.lines:
            cells = "  ".join(f"{'-' if x is None else f'{x:#.12g}':>18}" for x in numbers)
            rows.append(f"{name:<{width}}  {cells}  {'ok' if ok else 'WRONG'}")
        return "\n".join([*rows, self.note] if self.note else rows)


def check_grads(
    f: Callable[..., Any], xs: Sequence[float | Value], *, rtol: float = 1e-6, raises: bool = True
) -> Report:
    """Compare the gradient of f at xs with central differences and the complex step.

    f       a function of len(xs) Values that returns a Value
    xs      the point, numbers or Values (their labels name the inputs)
    rtol    the relative error, to the largest derivative, that differences may show; the complex
            step, which is exact to rounding, may show 1e-10
    raises  whether a wrong gradient raises GradientError or is only reported

    Raises TypeError if f does not return a Value. Away from kinks and poles only.
    """
    if not callable(f):
        raise TypeError(f"check_grads: f must be a function, not {type(f).__name__} {shown(f)}")
    point = [x.data if isinstance(x, Value) else number(x, f"xs[{i}]", "check_grads")
             for i, x in enumerate(xs)]  # fmt: skip
    inputs = [Value(x, label=getattr(old, "label", "")) for x, old in zip(point, xs, strict=True)]
    y = f(*inputs)
    if not isinstance(y, Value):
        raise TypeError(
            f"check_grads: f must return a Value, not {type(y).__name__} {shown(y)}; "
            "is the result independent of the inputs, or computed from .data?"
        )
    y.backward()
    by_complex, note = complex_step(y, inputs)
    differences = [_difference(f, point, i) for i in range(len(point))]
    by_difference = [d for d, _ in differences]
    # the largest derivative; one that moves y by less than 1e-4 of itself counts as that much
    least = 1e-4 * abs(y.data) / max([1.0, *map(abs, point)])
    scale = max([least, 1e-300, *(abs(d) for d in by_difference if math.isfinite(d))])
    lines = []
    for i, (x, (d, error)) in enumerate(zip(inputs, differences, strict=True)):
        c = by_complex[i] if by_complex else None
        ok = abs(x.grad - d) <= rtol * scale + error + 8 * math.ulp(y.data) / STEP
        ok = ok and (c is None or abs(x.grad - c) <= 1e-10 * max(scale, abs(c)))
        lines.append(Line(unicode(x.label) or f"x{i + 1}", x.grad, d, c, ok))
    report = Report(tuple(lines), note)
    if raises and not report.ok:
        raise GradientError(f"check_grads: backward() is wrong\n{report}")
    return report


def _difference(f: Callable[..., Any], point: list[float], i: int) -> tuple[float, float]:
    """The central difference of input i, and how much it changes when the step is doubled."""

    def central(h: float) -> float:
        above, below = ([*point[:i], point[i] + s, *point[i + 1 :]] for s in (h, -h))
        y1, y0 = (f(*map(Value, at)) for at in (above, below))
        y1, y0 = (y.data if isinstance(y, Value) else float(y) for y in (y1, y0))
        return float((y1 - y0) / (above[i] - below[i]))

    h = STEP * max(1.0, abs(point[i]))
    narrow, wide = central(h), central(2.0 * h)
    return narrow, abs(wide - narrow)


def complex_step(y: Value, inputs: Sequence[Value]) -> tuple[list[float] | None, str]:
    """The derivatives of y by the inputs, by replay of its graph; None and why if that is not had.

    >>> x = Value(2.0)
    >>> complex_step(x * x, [x])
    ([4.0], '')
    """
    nodes = order(y)
    missing = sorted({v.op.name for v in nodes if v.op and v.op.name in NO_COMPLEX_FORM})
    custom = sorted({v.op.name for v in nodes if v.op and v.op.name not in TABLE})
    if missing or custom:
        return None, f"no complex step: {', '.join(missing + custom)} has no complex form"
    try:
        return [_replay(nodes, y, x) for x in inputs], ""
    except (OverflowError, ZeroDivisionError, ValueError) as error:
        return None, f"no complex step: {error} in complex arithmetic"


def _replay(nodes: list[Value], y: Value, x: Value) -> float:
    """The derivative of y by x, by evaluating the graph at x + i TINY."""
    number_of: dict[Value, Complex] = {}
    for v in nodes:
        if v.op is None:
            number_of[v] = Complex(complex(v.data, TINY if v is x else 0.0))
        else:
            args = [number_of[a] if isinstance(a, Value) else Complex(a) for a in v.args]
            result = v.op.value(complexes, *args)
            number_of[v] = result if isinstance(result, Complex) else Complex(result)
    return number_of[y].z.imag / TINY


class Complex:
    """A complex number that compares by its real part, so that it takes the recorded branches."""

    __slots__ = ("z",)

    def __init__(self, z: complex) -> None:
        self.z = z

    # fmt: off
    def __add__(self, b: Any) -> Complex: return Complex(self.z + _z(b))
    def __sub__(self, b: Any) -> Complex: return Complex(self.z - _z(b))
    def __rsub__(self, a: Any) -> Complex: return Complex(_z(a) - self.z)
    def __mul__(self, b: Any) -> Complex: return Complex(self.z * _z(b))
    def __neg__(self) -> Complex: return Complex(-self.z)
    def __lt__(self, b: Any) -> bool: return self.z.real < _z(b).real
    def __le__(self, b: Any) -> bool: return self.z.real <= _z(b).real
    def __gt__(self, b: Any) -> bool: return self.z.real > _z(b).real
    def __ge__(self, b: Any) -> bool: return self.z.real >= _z(b).real
    def __eq__(self, b: object) -> bool: return bool(self.z.real == _z(b).real)
    def __bool__(self) -> bool: return self.z.real != 0.0
    # fmt: on
    __radd__, __rmul__ = __add__, __mul__
    __hash__ = object.__hash__


def _z(x: Any) -> complex:
    return x.z if isinstance(x, Complex) else complex(x)


def _of(function: Callable[..., complex]) -> Callable[..., Complex]:
    return lambda *xs: Complex(function(*map(_z, xs)))


def _stepwise(function: Callable[..., float]) -> Callable[..., Complex]:
    """A piecewise constant function: the imaginary part is lost, as it should be."""
    return lambda *xs: Complex(function(*(_z(x).real for x in xs)))


def _power(a: complex, b: complex) -> complex:
    if b.imag == 0.0 and b.real == round(b.real) and abs(b.real) < 1e4:
        return a ** int(b.real)
    return cmath.exp(b * cmath.log(a)) if a != 0.0 else 0j


def _cbrt(a: complex) -> complex:
    return (a if a.real > 0.0 else -a) ** (1.0 / 3.0) * (1.0 if a.real > 0.0 else -1.0)


def _expm1(a: complex) -> complex:
    return complex(math.expm1(a.real), math.exp(a.real) * math.sin(a.imag))


def _log1p(a: complex) -> complex:
    return complex(math.log1p(a.real), cmath.phase(1.0 + a))


# cmath has no analytic form of these; the verdict then rests on the differences
NO_COMPLEX_FORM = frozenset({"erf", "erfc", "ndtr", "gelu", "arctan2"})

complexes = SimpleNamespace(
    nan=math.nan, div=_of(lambda a, b: a / b), pow=_of(_power), where=floats.where,
    mod=_of(lambda a, b: a - b * math.floor(a.real / b.real)), floordiv=_stepwise(floats.floordiv),
    floor=_stepwise(floats.floor), ceil=_stepwise(floats.ceil), trunc=_stepwise(floats.trunc),
    round=_stepwise(floats.round), exp=_of(cmath.exp),
    exp2=_of(lambda a: cmath.exp(a * math.log(2))),
    expm1=_of(_expm1), log=_of(cmath.log), log2=_of(lambda a: cmath.log(a) / math.log(2)),
    log10=_of(cmath.log10), log1p=_of(_log1p), sqrt=_of(cmath.sqrt), cbrt=_of(_cbrt),
    sin=_of(cmath.sin), cos=_of(cmath.cos), tan=_of(cmath.tan), arcsin=_of(cmath.asin),
    arccos=_of(cmath.acos), arctan=_of(cmath.atan),
    sinh=_of(cmath.sinh), cosh=_of(cmath.cosh), tanh=_of(cmath.tanh), arcsinh=_of(cmath.asinh),
    arccosh=_of(cmath.acosh), arctanh=_of(cmath.atanh),
    hypot=_of(lambda a, b: cmath.sqrt(a * a + b * b)),
    sum=lambda *xs: sum(xs, Complex(0.0)), shift=lambda *xs: max(_z(x).real for x in xs),
)  # fmt: skip
for _row in TABLE.values():
    if not hasattr(complexes, _row.name):
        setattr(complexes, _row.name, partial(_row.value, complexes))
