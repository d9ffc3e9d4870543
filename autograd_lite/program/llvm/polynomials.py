"""Coefficients of the polynomials in kernels.py, and arithmetic that keeps rounding errors.

Each polynomial interpolates a function at as many Chebyshev points of an interval as it has
coefficients; tests/test_kernels.py says which function and interval, and computes them again.
"""

from __future__ import annotations

from collections.abc import Sequence

from .ir import Block

EXP = (
    0.5000000000000006, 0.1666666666666667, 0.04166666666657287, 0.00833333333332612,
    0.0013888888932584156, 0.00019841269874873975, 2.4801504225811066e-05, 2.755725533255441e-06,
    2.762640767090547e-07, 2.510524515390137e-08,
)  # fmt: skip
LOG = (
    0.666666666666667, 0.3999999999989945, 0.28571428626001427, 0.22222211130560726,
    0.18182889433757515, 0.15331711346672997, 0.14616576421644387,
)  # fmt: skip
SIN = (
    -0.16666666666666666, 0.008333333333330946, -0.000198412698367542, 2.7557316100283695e-06,
    -2.5051131372218632e-08, 1.5918095236696272e-10,
)  # fmt: skip
COS = (
    -0.5, 0.04166666666666664, -0.0013888888888880764, 2.4801587293685802e-05,
    -2.755731556368349e-07, 2.0875886316733245e-09, -1.1367973821512816e-11,
)  # fmt: skip

LOG_TAIL = (
    0.4, 0.28571428571429364, 0.22222222221655907, 0.181818183353876, 0.15384594963074136,
    0.13334804663624336, 0.11706237148816372, 0.11723170160799075,
)  # fmt: skip
ATAN = (
    -0.3333333333333333, 0.19999999999995466, -0.1428571428465508, 0.11111111014334958,
    -0.0909090454071021, 0.07692182322230513, -0.06664499220441451, 0.05858042767486098,
    -0.050848946488512896, 0.03921563261717331, -0.019157273875052977,
)  # fmt: skip
ERF = (
    0.12837916709551256, -0.37612638903183476, 0.11283791670925353, -0.026866170632887928,
    0.00522397737302147, -0.0008548297753674966, 0.00012053335124353741, -1.4845849259707869e-05,
    1.4725865480556744e-06,
)  # fmt: skip
ERFC = (
    1.095995661000491, -0.976548729080882, 0.7732087022652372, -0.5408538313132364,
    0.3308515878780062, -0.17401093723987765, 0.07638151490953618, -0.026370053341449012,
    0.006112055651761286, -0.00028095885360114717, -0.000455052647280942, 0.00017681274408009348,
    -3.6353775883336674e-06, -1.8860596612808828e-05, 4.695156432443459e-06, 1.4234750657892129e-06,
    -8.479410203664653e-07, -7.441947351122443e-08, 1.267425919809348e-07, -1.13501426198349e-10,
    -1.767320933974513e-08, 5.152922718177933e-10, 1.812425443542335e-09,
)  # fmt: skip


def horner(b: Block, x: str, coefficients: Sequence[float]) -> str:
    *rest, last = coefficients
    value = b.number(last)
    for c in reversed(rest):
        value = b.fma(value, x, b.number(c))
    return value


def polynomial(b: Block, x: str, square: str, coefficients: Sequence[float]) -> str:
    """Even and odd powers apart: two chains of half the length."""
    even = horner(b, square, coefficients[0::2])
    return b.fma(horner(b, square, coefficients[1::2]), x, even)


def two_sum(b: Block, large: str, small: str) -> tuple[str, str]:
    """The sum and what its rounding lost, for |large| >= |small| or large = 0 (Dekker 1971)."""
    total = b.exact("fadd", large, small)
    return total, b.exact("fsub", small, b.exact("fsub", total, large))


def sum_exact(b: Block, x: str, y: str) -> tuple[str, str]:
    """The same whichever is larger (Knuth 1969)."""
    total = b.exact("fadd", x, y)
    part = b.exact("fsub", total, x)
    rest = b.exact("fsub", x, b.exact("fsub", total, part))
    return total, b.exact("fadd", rest, b.exact("fsub", y, part))


def two_product(b: Block, x: str, y: str) -> tuple[str, str]:
    """The product and what its rounding lost; by halves of 26 bits where there is no fma."""
    p = b.exact("fmul", x, y)
    if b.has_fma:
        return p, b.fma(x, y, b.op("fneg", p))
    x1, x2 = _halves(b, x)
    y1, y2 = _halves(b, y)
    lost = b.exact("fsub", b.exact("fmul", x1, y1), p)
    for u, v in ((x1, y2), (x2, y1), (x2, y2)):
        lost = b.exact("fadd", lost, b.exact("fmul", u, v))
    return p, lost


def _halves(b: Block, x: str) -> tuple[str, str]:
    scaled = b.exact("fmul", x, b.number(2.0**27 + 1.0))
    upper = b.exact("fsub", scaled, b.exact("fsub", scaled, x))
    return upper, b.exact("fsub", x, upper)
