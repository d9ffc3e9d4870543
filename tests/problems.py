"""The 35 test problems of Moré, Garbow and Hillstrom for unconstrained minimisation.

Each is a sum of squares of residuals. A residual function takes a point and a module of functions
(math, autograd_lite, sympy), and is otherwise ordinary arithmetic. Numbering, starting points,
data and minima are the paper's: "Testing Unconstrained Optimization Software", ACM TOMS 7 (1981)
17-41. Where the paper leaves the dimensions open they are small here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial, reduce
from operator import add


@dataclass(frozen=True)
class Problem:
    """A sum of squares to minimise.

    start    the standard starting point; its length is the dimension
    minima   the paper's minima of the sum of squares, with the digits that it gives; those it
             places at infinity are left out
    known    minimisers that the paper gives exactly, each with its minimum
    """

    residuals: Callable
    start: Sequence[float]
    minima: Sequence[str] = ("0",)
    known: Sequence[tuple[Sequence[float], float]] = ()


def rosenbrock(x, m):
    return [10 * (x[1] - x[0] ** 2), 1 - x[0]]


def freudenstein_roth(x, m):
    a, b = x
    return [-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b]


def powell_badly_scaled(x, m):
    return [1e4 * x[0] * x[1] - 1, m.exp(-x[0]) + m.exp(-x[1]) - 1.0001]


def brown_badly_scaled(x, m):
    return [x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2]


def beale(x, m):
    return [y - x[0] * (1 - x[1] ** i) for i, y in enumerate((1.5, 2.25, 2.625), 1)]


def jennrich_sampson(x, m):
    return [2 + 2 * i - (m.exp(i * x[0]) + m.exp(i * x[1])) for i in range(1, 11)]


def helical_valley(x, m):
    # The paper's angle: arctan(b/a) / 2π, and half a turn more where a < 0. It jumps where a = 0
    # and b < 0, as this does; arctan2(b, a) would jump at a < 0, b = 0, the starting point.
    a, b, c = x
    turns = 0.25 - m.atan2(a, b) / (2 * math.pi)
    return [10 * (c - 10 * turns), 10 * (m.sqrt(a * a + b * b) - 1), c]


BARD = (0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39)


def bard(x, m):
    return [
        y - (x[0] + u / ((16 - u) * x[1] + min(u, 16 - u) * x[2])) for u, y in enumerate(BARD, 1)
    ]


GAUSSIAN = (0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989,
            0.3521, 0.2420, 0.1295, 0.0540, 0.0175, 0.0044, 0.0009)  # fmt: skip


def gaussian(x, m):
    a, b, c = x
    return [a * m.exp(-b * ((8 - i) / 2 - c) ** 2 / 2) - y for i, y in enumerate(GAUSSIAN, 1)]


MEYER = (34780, 28610, 23650, 19630, 16370, 13720, 11540, 9744, 8261, 7030, 6005, 5147, 4427, 3820,
         3307, 2872)  # fmt: skip


def meyer(x, m):
    return [x[0] * m.exp(x[1] / (45 + 5 * i + x[2])) - y for i, y in enumerate(MEYER, 1)]


def gulf(x, m, rows=20):
    # The paper prints |y_i m i x_2|; its minimum is that of |y_i - x_2| (the "mi" is a minus).
    # The square, to half the power, is the absolute value without its kink.
    def residual(t):
        y = 25 + (-50 * math.log(t)) ** (2 / 3)
        return m.exp(-(((y - x[1]) ** 2) ** (x[2] / 2)) / x[0]) - t

    return [residual(i / 100) for i in range(1, rows + 1)]


def box(x, m):
    ts = [i / 10 for i in range(1, 11)]
    return [
        m.exp(-t * x[0]) - m.exp(-t * x[1]) - x[2] * (math.exp(-t) - math.exp(-10 * t)) for t in ts
    ]


def powell_singular(x, m):
    found = []
    for a, b, c, d in zip(x[::4], x[1::4], x[2::4], x[3::4]):
        found += [a + 10 * b, math.sqrt(5) * (c - d), (b - 2 * c) ** 2]
        found += [math.sqrt(10) * (a - d) ** 2]
    return found


def wood(x, m):
    a, b, c, d = x
    return [10 * (b - a**2), 1 - a, math.sqrt(90) * (d - c**2), 1 - c,
            math.sqrt(10) * (b + d - 2), (b - d) / math.sqrt(10)]  # fmt: skip


KOWALIK = ((0.1957, 4.0), (0.1947, 2.0), (0.1735, 1.0), (0.1600, 0.5), (0.0844, 0.25),
           (0.0627, 0.167), (0.0456, 0.125), (0.0342, 0.1), (0.0323, 0.0833), (0.0235, 0.0714),
           (0.0246, 0.0625))  # fmt: skip


def kowalik_osborne(x, m):
    a, b, c, d = x
    return [y - a * (u * u + u * b) / (u * u + u * c + d) for y, u in KOWALIK]


def brown_dennis(x, m):
    ts = [i / 5 for i in range(1, 21)]
    return [
        (x[0] + t * x[1] - math.exp(t)) ** 2 + (x[2] + x[3] * math.sin(t) - math.cos(t)) ** 2
        for t in ts
    ]


OSBORNE_1 = (0.844, 0.908, 0.932, 0.936, 0.925, 0.908, 0.881, 0.850, 0.818, 0.784, 0.751, 0.718,
             0.685, 0.658, 0.628, 0.603, 0.580, 0.558, 0.538, 0.522, 0.506, 0.490, 0.478, 0.467,
             0.457, 0.448, 0.438, 0.431, 0.424, 0.420, 0.414, 0.411, 0.406)  # fmt: skip


def osborne_1(x, m):
    a, b, c, d, e = x
    return [y - (a + b * m.exp(-t * d) + c * m.exp(-t * e))
            for t, y in zip(range(0, 330, 10), OSBORNE_1)]  # fmt: skip


def biggs(x, m):
    def residual(t):
        y = math.exp(-t) - 5 * math.exp(-10 * t) + 3 * math.exp(-4 * t)
        model = x[2] * m.exp(-t * x[0]) - x[3] * m.exp(-t * x[1]) + x[5] * m.exp(-t * x[4])
        return model - y

    return [residual(i / 10) for i in range(1, 14)]


OSBORNE_2 = (1.366, 1.191, 1.112, 1.013, 0.991, 0.885, 0.831, 0.847, 0.786, 0.725, 0.746, 0.679,
             0.608, 0.655, 0.616, 0.606, 0.602, 0.626, 0.651, 0.724, 0.649, 0.649, 0.694, 0.644,
             0.624, 0.661, 0.612, 0.558, 0.533, 0.495, 0.500, 0.423, 0.395, 0.375, 0.372, 0.391,
             0.396, 0.405, 0.428, 0.429, 0.523, 0.562, 0.607, 0.653, 0.672, 0.708, 0.633, 0.668,
             0.645, 0.632, 0.591, 0.559, 0.597, 0.625, 0.739, 0.710, 0.729, 0.720, 0.636, 0.581,
             0.428, 0.292, 0.162, 0.098, 0.054)  # fmt: skip


def osborne_2(x, m):
    def residual(t, y):
        bells = [x[k] * m.exp(-((t - x[k + 7]) ** 2) * x[k + 4]) for k in (1, 2, 3)]
        return y - (x[0] * m.exp(-t * x[4]) + bells[0] + bells[1] + bells[2])

    return [residual(i / 10, y) for i, y in enumerate(OSBORNE_2)]


def watson(x, m):
    def residual(t):
        slope = sum(j * x[j] * t ** (j - 1) for j in range(1, len(x)))
        return slope - sum(x[j] * t**j for j in range(len(x))) ** 2 - 1

    return [*[residual(i / 29) for i in range(1, 30)], x[0], x[1] - x[0] ** 2 - 1]


def extended_rosenbrock(x, m):
    pairs = zip(x[::2], x[1::2])
    return [residual for pair in pairs for residual in rosenbrock(pair, m)]


def penalty_1(x, m):
    return [*[math.sqrt(1e-5) * (a - 1) for a in x], sum(a * a for a in x) - 0.25]


def penalty_2(x, m):
    n, root = len(x), math.sqrt(1e-5)
    es = [m.exp(a / 10) for a in x]
    data = [math.exp(i / 10) for i in range(1, n + 1)]
    return [
        x[0] - 0.2,
        *[root * (es[i] + es[i - 1] - (data[i] + data[i - 1])) for i in range(1, n)],
        *[root * (e - math.exp(-0.1)) for e in es[1:]],
        sum((n - j) * x[j] ** 2 for j in range(n)) - 1,
    ]


def variably_dimensioned(x, m):
    total = sum(j * (a - 1) for j, a in enumerate(x, 1))
    return [*[a - 1 for a in x], total, total**2]


def trigonometric(x, m):
    total = len(x) - sum(m.cos(a) for a in x)
    return [total + i * (1 - m.cos(a)) - m.sin(a) for i, a in enumerate(x, 1)]


def brown_almost_linear(x, m):
    return [*[a + sum(x) - (len(x) + 1) for a in x[:-1]], math.prod(x) - 1]


def boundary_value(x, m):
    h = 1 / (len(x) + 1)
    padded = [0, *x, 0]
    return [2 * b - a - c + h * h * (b + i * h + 1) ** 3 / 2
            for i, (a, b, c) in enumerate(zip(padded, x, padded[2:]), 1)]  # fmt: skip


def integral_equation(x, m):
    n = len(x)
    h = 1 / (n + 1)
    ts = [i * h for i in range(1, n + 1)]
    cubes = [(a + t + 1) ** 3 for a, t in zip(x, ts)]
    return [
        x[i] + h / 2 * ((1 - ts[i]) * sum(ts[j] * cubes[j] for j in range(i + 1))
                        + ts[i] * sum((1 - ts[j]) * cubes[j] for j in range(i + 1, n)))
        for i in range(n)
    ]  # fmt: skip


def broyden_tridiagonal(x, m):
    padded = [0, *x, 0]
    return [(3 - 2 * b) * b - a - 2 * c + 1 for a, b, c in zip(padded, x, padded[2:])]


def broyden_banded(x, m):
    def around(i):
        return [j for j in range(max(0, i - 5), min(len(x), i + 2)) if j != i]

    return [x[i] * (2 + 5 * x[i] ** 2) + 1 - sum(x[j] * (1 + x[j]) for j in around(i))
            for i in range(len(x))]  # fmt: skip


def linear_full_rank(x, m, rows=6):
    rest = 2 / rows * sum(x)
    return [*[a - rest - 1 for a in x], *[-rest - 1] * (rows - len(x))]


def linear_rank_1(x, m, rows=6):
    total = sum(j * a for j, a in enumerate(x, 1))
    return [i * total - 1 for i in range(1, rows + 1)]


def linear_rank_1_with_zeros(x, m, rows=6):
    total = sum(j * a for j, a in enumerate(x[1:-1], 2))
    return [-1, *[i * total - 1 for i in range(1, rows - 1)], -1]


def chebyquad(x, m):
    def polynomials(a):
        before, now = 1, 2 * a - 1
        for _ in x:
            yield now
            before, now = now, 2 * (2 * a - 1) * now - before

    # not sum(), which carries the roundings of floats since Python 3.12, but not those of Values
    means = [reduce(add, column) / len(x) for column in zip(*map(polynomials, x))]
    return [mean if i % 2 else mean + 1 / (i * i - 1) for i, mean in enumerate(means, 1)]


def _grid(n):
    return [i / (n + 1) for i in range(1, n + 1)]


_BULGE = [t * (t - 1) for t in _grid(6)]

PROBLEMS = {
    "01 Rosenbrock": Problem(rosenbrock, (-1.2, 1), known=[((1, 1), 0)]),
    "02 Freudenstein-Roth": Problem(
        freudenstein_roth, (0.5, -2), ("0", "48.9842"), [((5, 4), 0)]
    ),
    "03 Powell badly scaled": Problem(powell_badly_scaled, (0, 1)),
    "04 Brown badly scaled": Problem(brown_badly_scaled, (1, 1), known=[((1e6, 2e-6), 0)]),
    "05 Beale": Problem(beale, (1, 1), known=[((3, 0.5), 0)]),
    "06 Jennrich-Sampson": Problem(jennrich_sampson, (0.3, 0.4), ("124.362",)),
    "07 helical valley": Problem(helical_valley, (-1, 0, 0), known=[((1, 0, 0), 0)]),
    "08 Bard": Problem(bard, (1, 1, 1), ("8.21487e-3",)),
    "09 Gaussian": Problem(gaussian, (0.4, 1, 0), ("1.12793e-8",)),
    "10 Meyer": Problem(meyer, (0.02, 4000, 250), ("87.9458",)),
    "11 Gulf": Problem(gulf, (5, 2.5, 0.15), known=[((50, 25, 1.5), 0)]),
    "12 Box": Problem(
        box, (0, 10, 20), known=[((1, 10, 1), 0), ((10, 1, -1), 0), ((7, 7, 0), 0)]
    ),
    "13 Powell singular": Problem(powell_singular, (3, -1, 0, 1), known=[((0,) * 4, 0)]),
    "14 Wood": Problem(wood, (-3, -1, -3, -1), known=[((1,) * 4, 0)]),
    "15 Kowalik-Osborne": Problem(kowalik_osborne, (0.25, 0.39, 0.415, 0.39), ("3.07505e-4",)),
    "16 Brown-Dennis": Problem(brown_dennis, (25, 5, -5, -1), ("85822.2",)),
    "17 Osborne 1": Problem(osborne_1, (0.5, 1.5, -1, 0.01, 0.02), ("5.46489e-5",)),
    "18 Biggs EXP6": Problem(
        biggs, (1, 2, 1, 1, 1, 1), ("0", "5.65565e-3"), [((1, 10, 1, 5, 4, 3), 0)]
    ),
    "19 Osborne 2": Problem(
        osborne_2, (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5), ("4.01377e-2",)
    ),
    "20 Watson": Problem(watson, (0,) * 6, ("2.28767e-3",)),
    "21 extended Rosenbrock": Problem(extended_rosenbrock, (-1.2, 1) * 3, known=[((1,) * 6, 0)]),
    "22 extended Powell singular": Problem(
        powell_singular, (3, -1, 0, 1) * 2, known=[((0,) * 8, 0)]
    ),
    "23 penalty I": Problem(penalty_1, (1, 2, 3, 4), ("2.24997e-5",)),
    "24 penalty II": Problem(penalty_2, (0.5,) * 4, ("9.37629e-6",)),
    "25 variably dimensioned": Problem(
        variably_dimensioned, [1 - j / 6 for j in range(1, 7)], known=[((1,) * 6, 0)]
    ),
    "26 trigonometric": Problem(trigonometric, [1 / 5] * 5, known=[((0,) * 5, 0)]),
    "27 Brown almost linear": Problem(
        brown_almost_linear, (0.5,) * 5, ("0", "1.00000"), [((1,) * 5, 0), ((0, 0, 0, 0, 6), 1)]
    ),
    "28 discrete boundary value": Problem(boundary_value, _BULGE),
    "29 discrete integral equation": Problem(integral_equation, _BULGE),
    "30 Broyden tridiagonal": Problem(broyden_tridiagonal, (-1,) * 8),
    "31 Broyden banded": Problem(broyden_banded, (-1,) * 8),
    "32 linear, full rank": Problem(linear_full_rank, (1,) * 4, ("2.00000",), [((-1,) * 4, 2)]),
    "33 linear, rank 1": Problem(
        linear_rank_1, (1,) * 4, ("1.15384",), [((3 / 13, 0, 0, 0), 15 / 13)]
    ),
    "34 linear, rank 1, with zeros": Problem(
        linear_rank_1_with_zeros, (1,) * 4, ("2.66666",), [((9, 1 / 6, 0, 9), 8 / 3)]
    ),
    "35 Chebyquad": Problem(chebyquad, _grid(6)),
}

# Larger ones for which the paper gives a minimum
OTHER_SIZES = {
    "11 Gulf, m = 99": Problem(partial(gulf, rows=99), (5, 2.5, 0.15)),
    "20 Watson, n = 9": Problem(watson, (0,) * 9, ("1.39976e-6",)),
    "20 Watson, n = 12": Problem(watson, (0,) * 12, ("4.72238e-10",)),
    "23 penalty I, n = 10": Problem(penalty_1, range(1, 11), ("7.08765e-5",)),
    "24 penalty II, n = 10": Problem(penalty_2, (0.5,) * 10, ("2.93660e-4",)),
    "35 Chebyquad, n = 7": Problem(chebyquad, _grid(7)),
    "35 Chebyquad, n = 8": Problem(chebyquad, _grid(8), ("3.51687e-3",)),
    "35 Chebyquad, n = 9": Problem(chebyquad, _grid(9)),
    "35 Chebyquad, n = 10": Problem(chebyquad, _grid(10), ("6.50395e-3",)),
}
