"""One operation by itself: whether its recorded slopes are those of its value.

>>> x = Value(2.0)
>>> complex_step(x * x, [1.0, 1.0]), difference(x.exp(), [1.0])[0] - math.exp(2.0) < 1e-9
(4.0, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from random import Random

from ..engine import Value
from ..ieee import floats
from ..ops import TABLE
from .complexes import Complex, complexes
from .differences import ridders, sides

FEW = 3
LEAST = 1e-301  # no imaginary part is far below smaller numbers
Estimate = tuple[float, float]  # a derivative and a bound of its error
Oracle = Callable[[Value, Sequence[float]], Estimate]


def step(x: float) -> float:
    """An imaginary part far below the last digit of x and of 1, and far above underflow."""
    return 1e-30 if x == 0.0 else max(1e-30 * min(abs(x), 1.0), 1e-306)


def numbers(v: Value) -> list[float]:
    """The arguments of a node as recorded."""
    return [a.data if isinstance(a, Value) else a for a in v.args]


def complex_step(v: Value, direction: Sequence[float]) -> float:
    """The derivative of a node along a direction of its inputs by its value at complex numbers.

    nan if a complex form of the user's is not that of the value. Raises whatever a user's operation
    raises that has none.
    """
    data = numbers(v)
    moved = [(x, d) for x, d in zip(data, direction) if d]

    def slope(h: float) -> float:
        return _imag(v, [complex(x, d * h) for x, d in zip(data, direction)]) / h

    if any(0.0 < abs(x) < LEAST for x, _ in moved):
        return math.nan
    h = min((step(x) / abs(d) for x, d in moved), default=1e-30) or 1e-306
    found = slope(h)
    if found and h > 1e-280 and any(x == 0.0 for x, _ in moved):  # a power of h may be left
        nearer = slope(1e-20 * h)
        shrinks = abs(nearer) < 1e-3 * abs(found)
        return found if math.isclose(nearer, found) else 0.0 if shrinks else math.nan
    # it may have lost digits as a subnormal, or all: then two wider steps that agree
    if abs(found * h) < 1e-280 and (found or h < 1e-60):
        wide = slope(1e-15), slope(1e-25)
        if math.isclose(*wide, rel_tol=1e-12):
            return wide[1]
    return found


def _imag(v: Value, args: Sequence[complex]) -> float:
    """The imaginary part of the value of a node at complex numbers."""
    row = v.op
    assert row is not None
    if row.complex_value:
        z = complex(row.complex_value(*args))
        same = math.isclose(z.real, v.data, rel_tol=1e-6, abs_tol=1e-12)
        return z.imag if same else math.nan
    try:  # Python's own complex numbers do, and faster, if none is compared
        found = row.value(complexes, *(args if row.name in TABLE else map(Complex, args)))
    except TypeError:
        found = row.value(complexes, *map(Complex, args))
    return (found.z if isinstance(found, Complex) else complex(found)).imag


def difference(v: Value, direction: Sequence[float]) -> Estimate:
    """The same by differences; nan where they do not settle."""
    row, data = v.op, numbers(v)
    assert row is not None

    def along(t: float) -> float:
        return row.value(floats, *(x + t * d for x, d in zip(data, direction)))  # type: ignore[no-any-return]

    size = max(1e-3, min((abs(x / d) for x, d in zip(data, direction) if d), default=1.0))
    found = ridders(along, 0.0, size)
    near = sum(sides(along, 0.0, v.data, 1e-7 * size)) / 2.0  # steps may be below the others
    least = 1e-9 * abs(v.data) / size
    settled = found.error < 1e-6 * abs(found.derivative) + least
    same = abs(near - found.derivative) <= 1e-3 * abs(near) + 1e6 * least
    return (found.derivative, found.error + least) if settled and same else (math.nan, math.inf)


def either(v: Value, direction: Sequence[float]) -> Estimate:
    """The complex step, or differences where the operation has no complex form."""
    try:
        return complex_step(v, direction), 0.0
    except Exception:  # whatever a user's operation raises when a complex number comes
        return difference(v, direction)


def natural(v: Value, a: Value) -> float:
    """The size of a slope if v varies on the scale of its input, or of 1: the rule of silu, or of
    a user's operation, is a sum of terms of that size, though the sum may be 0. A sum's is not."""
    assert v.op is not None
    many = v.op.arity is None and v.op.name in TABLE
    exact = many or all(abs(p) == 1.0 for p in v.partials)
    return 0.0 if exact or not math.isfinite(v.data) else abs(v.data) / max(1.0, abs(a.data))


def wrong_slope(
    nodes: Iterable[Value], oracle: Oracle, rtol: float
) -> tuple[Value, int, float] | None:
    """The first node with a slope that is not as the oracle says: node, place, expected slope.

    One step along a random direction settles a node of many inputs; only a node that fails it, and
    one of few inputs, which may be of very different size, is looked at input by input.
    """
    random = Random(0)
    for v in nodes:
        if v.op is None or kinked(v) or not math.isfinite(v.data):
            continue
        direction = [random.uniform(0.5, 1.0) * isinstance(a, Value) for a in v.args]
        if len(direction) > FEW and _same(v, direction, oracle(v, direction), rtol):
            continue
        for place, a in enumerate(v.args):
            along = [float(k == place) for k in range(len(v.args))]
            if isinstance(a, Value) and not _same(v, along, found := oracle(v, along), rtol):
                return v, place, found[0]
    return None


def _same(v: Value, direction: Sequence[float], estimate: Estimate, rtol: float) -> bool:
    """Whether the slope along a direction is as expected, if that is known."""
    expected, error = estimate
    if not math.isfinite(expected):
        return True
    terms = [p * d for p, d in zip(v.partials, direction) if d]
    size = max(abs(expected), *map(abs, terms))
    lost = 1e-15 * max(natural(v, a) for a in v.args if isinstance(a, Value))
    return abs(sum(terms) - expected) <= rtol * size + lost + 3.0 * error


def kinked(v: Value) -> bool:
    """Whether the slopes, or the number, of a node jump at the very point it was recorded at."""
    row = v.op
    if row is None or not (row.kinks or row.name not in TABLE) or not math.isfinite(v.data):
        return False
    data = numbers(v)

    def across(k: int, units: int) -> list[tuple[float, float]]:
        """The number and the slopes so many units in the last place to the left and right."""
        found = []
        for end in (-math.inf, math.inf):
            x = data[k]
            for _ in range(units):
                x = math.nextafter(x, end)
            moved = [*data[:k], x, *data[k + 1 :]]
            y = row.value(floats, *moved)
            found.append((y, *row.partials(floats, y, *moved)))
        return list(zip(*found))

    for k, a in enumerate(v.args):
        if isinstance(a, Value):
            near, far = across(k, 1), across(k, 4)
            if any(_jump(*here, *there) for here, there in zip(near, far)):
                return True
    return False


def _jump(left: float, right: float, far_left: float, far_right: float) -> bool:
    """Whether a gap is large and does not grow with the distance, as it does where smooth."""
    gap = abs(right - left)
    large = gap > 1e-3 * max(abs(left), abs(right)) and math.isfinite(gap) and gap > 1e-100
    return large and abs(far_right - far_left) < 2.0 * gap
