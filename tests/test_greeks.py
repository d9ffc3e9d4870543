"""The price of an option in plain Python: its greeks, and the volatility that a price implies."""

from __future__ import annotations

import itertools
import math

import pytest
from mpmath import mp, mpf
from scipy.optimize import root_scalar

from autograd_lite import derivative, exp, grad, hessian, hvp, jacobian, jvp, log, ndtr, sqrt

NAMES = ("spot", "strike", "rate", "dividend", "volatility", "time")
S, K, R, Q, V, T = range(6)


def call(spot, strike, rate, dividend, volatility, time):
    """Black and Scholes 1973, with Merton's continuous dividend."""
    spread = volatility * sqrt(time)
    d1 = (log(spot / strike) + (rate - dividend + volatility * volatility / 2) * time) / spread
    return (spot * exp(-dividend * time) * ndtr(d1)
            - strike * exp(-rate * time) * ndtr(d1 - spread))  # fmt: skip


def call_of_list(x):
    return call(*x)


MARKETS = [
    *itertools.product((100.0,), (80.0, 100.0, 125.0), (0.03,), (0.01,), (0.15, 0.4), (0.1, 1.0, 5.0)),
    (42.0, 40.0, 0.1, 0.0, 0.2, 0.5),  # Hull's example
]


class Exact:
    """The closed forms of the textbooks (Haug, The complete guide to option pricing formulas), at
    50 digits."""

    def __init__(self, s, k, r, q, v, t):
        s, k, r, q, v, t = map(mpf, (s, k, r, q, v, t))
        root = mp.sqrt(t)
        d1 = (mp.log(s / k) + (r - q + v * v / 2) * t) / (v * root)
        d2 = d1 - v * root
        n, N1, N2 = mp.npdf(d1), mp.ncdf(d1), mp.ncdf(d2)
        near, far = mp.exp(-q * t), mp.exp(-r * t)
        decay = s * near * n * v / (2 * root)
        vega, vega_k = s * near * n * root, far * mp.npdf(d2)
        self.price = s * near * N1 - k * far * N2
        self.first = [
            near * N1,  # delta
            -far * N2,
            k * t * far * N2,  # rho
            -t * s * near * N1,  # dividend rho
            vega,
            decay + r * k * far * N2 - q * s * near * N1,  # minus theta, which is by the calendar
        ]
        # d1 by volatility and by time to expiry; d2 = d1 - v*sqrt(t)
        by_v, by_t = -d2 / v, (r - q + v * v / 2) / (v * root) - d1 / (2 * t)
        # each row of the Hessian from its diagonal on, an entry as a list of terms
        gamma = near * n / (s * v * root)
        second = {
            (S, S): [gamma],
            (S, K): [-gamma * s / k],
            (S, R): [near * n * root / v],
            (S, Q): [-t * near * N1, -near * n * root / v],
            (S, V): [near * n * by_v],  # vanna
            (S, T): [-q * near * N1, near * n * by_t],  # minus charm
            (K, K): [vega_k / (k * v * root)],
            (K, R): [t * far * N2, -vega_k * root / v],
            (K, Q): [vega_k * root / v],
            (K, V): [vega_k * d1 / v],
            (K, T): [r * far * N2, -vega_k * by_t, vega_k * v / (2 * root)],
            (R, R): [-t * t * k * far * N2, k * t * vega_k * root / v],
            (R, Q): [-k * t * vega_k * root / v],
            (R, V): [-k * t * vega_k * d1 / v],
            (R, T): [k * far * N2, -r * k * t * far * N2, k * t * vega_k * by_t,
                     -k * t * vega_k * v / (2 * root)],
            (Q, Q): [t * t * s * near * N1, t * s * near * n * root / v],
            (Q, V): [-t * s * near * n * by_v],
            (Q, T): [-s * near * N1, q * t * s * near * N1, -t * s * near * n * by_t],
            (V, V): [vega * d1 * d2 / v],  # vomma
            (V, T): [vega / (2 * t), -q * vega, -vega * d1 * by_t],
            (T, T): [
                decay * (-q), -decay / (2 * t), -decay * d1 * by_t,
                -r * r * k * far * N2, r * k * vega_k * (by_t - v / (2 * root)),
                q * q * s * near * N1, -q * s * near * n * by_t,
            ],
        }  # fmt: skip
        self.second = [[mp.fsum(second[min(i, j), max(i, j)]) for j in range(6)] for i in range(6)]


@pytest.fixture(autouse=True)
def fifty_digits():
    with mp.workdps(50):
        yield


def test_the_oracle_is_the_derivative_of_the_price():
    """The closed forms against differences of the price at many digits, so that a slip of the pen
    in a textbook is none in this test."""

    def price(s, k, r, q, v, t):
        return Exact(s, k, r, q, v, t).price

    for x in MARKETS[::5]:
        exact = Exact(*x)
        for i in range(6):
            order = [int(i == k) for k in range(6)]
            assert mp.almosteq(mp.diff(price, x, order), exact.first[i], mpf(10) ** -20)
            for j in range(6):
                order = [int(i == k) + int(j == k) for k in range(6)]
                assert mp.almosteq(mp.diff(price, x, order), exact.second[i][j], mpf(10) ** -15)


def worst(found, exact, size):
    return float(abs(mpf(found) - exact) / size)


@pytest.mark.parametrize("x", MARKETS, ids=str)
def test_price_and_first_order_greeks(x):
    exact = Exact(*x)
    assert worst(call(*x), exact.price, exact.first[S] * x[S]) < 1e-14
    slopes = grad(call, tuple(range(6)))(*x)
    assert slopes == tuple(grad(call_of_list)([*x]))
    for found, expected in zip(slopes, exact.first, strict=True):
        assert worst(found, expected, abs(expected)) < 1e-12
    # the same by other ways
    for i in range(6):
        assert derivative(call, 1, argnums=i)(*x) == pytest.approx(slopes[i], rel=1e-12)
    _, along = jvp(call, x, (1.0, 0.0, 0.0, 0.0, 0.0, 0.0))
    assert along == pytest.approx(slopes[S], rel=1e-12)


@pytest.mark.parametrize("x", MARKETS, ids=str)
def test_all_second_order_greeks(x):
    exact = Exact(*x)
    H = hessian(call_of_list)([*x])
    J = jacobian(grad(call_of_list))([*x])
    by_rows = [hvp(call_of_list)([*x], [float(i == k) for k in range(6)]) for i in range(6)]
    for i, j in itertools.product(range(6), repeat=2):
        expected = exact.second[i][j]
        for found in (H, J, by_rows):
            assert worst(found[i][j], expected, abs(expected)) < 1e-12, (NAMES[i], NAMES[j])
        assert H[i][j] == H[j][i]


def test_greeks_by_name():
    x = MARKETS[-1]
    spot, _, rate, dividend, volatility, _ = x
    market = dict(zip(NAMES, x, strict=True))
    price = lambda p: call(**p)  # noqa: E731
    slopes, table, exact = grad(price)(market), hessian(price)(market), Exact(*x)
    assert round(call(*x), 2) == 4.76  # Hull, Options, Futures and Other Derivatives
    assert slopes["spot"] == pytest.approx(float(exact.first[S]), rel=1e-12)
    assert table["spot"]["volatility"] == table["volatility"]["spot"]
    # what Black and Scholes derived the price from
    theta, delta, gamma = -slopes["time"], slopes["spot"], table["spot"]["spot"]
    assert theta + 0.5 * volatility**2 * spot**2 * gamma + (
        rate - dividend
    ) * spot * delta == pytest.approx(rate * call(*x), rel=1e-12)


def test_third_order_greeks():
    """Speed and ultima, in Haug's closed forms."""
    for x in MARKETS:
        s, k, r, q, v, t = map(mpf, x)
        d1 = (mp.log(s / k) + (r - q + v * v / 2) * t) / (v * mp.sqrt(t))
        d2 = d1 - v * mp.sqrt(t)
        gamma, vega = Exact(*x).second[S][S], Exact(*x).first[V]
        speed = -gamma * (1 + d1 / (v * mp.sqrt(t))) / s
        ultima = -vega * (d1 * d2 * (1 - d1 * d2) + d1 * d1 + d2 * d2) / v**2
        size = gamma * max(1, abs(d1) / (v * mp.sqrt(t))) / s
        assert worst(derivative(call, 3, argnums=S)(*x), speed, size) < 1e-12
        size = vega * max(abs(d1 * d2), (d1 * d2) ** 2, d1 * d1, d2 * d2) / v**2
        assert worst(derivative(call, 3, argnums=V)(*x), ultima, size) < 2e-12


# Implied volatility

STRIKES = (70.0, 90.0, 100.0, 110.0, 140.0)
MATURITIES = (0.25, 1.0, 3.0)
VOLATILITIES = (0.12, 0.25, 0.6)


@pytest.mark.parametrize("method", ["newton", "halley"])
def test_implied_volatility(method):
    """The price is a difference of two of the size of the share's, each known to 2**-53 of it; so
    the volatility is known to 100 * 2**-53 / vega. What is asked for is 1e-10, or 20 such units
    where vega is that small (2e-7 at one of these options)."""
    tried = 0
    for strike, time, volatility in itertools.product(STRIKES, MATURITIES, VOLATILITIES):
        price = call(100.0, strike, 0.03, 0.01, volatility, time)

        def gap(v, strike=strike, time=time, price=price):
            return call(100.0, strike, 0.03, 0.01, v, time) - price

        # where vega is largest, from which Newton's steps go one way (Manaster and Koehler 1982)
        start = math.sqrt(2 * abs(math.log(100.0 / strike) + 0.02 * time) / time) or 0.3
        found = root_scalar(
            gap, x0=max(start, 0.05), method=method, fprime=grad(gap), xtol=1e-14, maxiter=60,
            fprime2=derivative(gap, 2) if method == "halley" else None,
        )  # fmt: skip
        vega = float(Exact(100.0, strike, 0.03, 0.01, volatility, time).first[V])
        assert abs(found.root - volatility) <= max(1e-10, 20 * 100.0 * 2.0**-53 / vega)
        tried += 1
    assert tried == 45


def test_implied_volatility_differentiates_too():
    """Its derivative by the price is 1/vega: one Newton step at the root, taken with Values."""
    strike, time, volatility = 110.0, 1.0, 0.25
    price = call(100.0, strike, 0.03, 0.01, volatility, time)

    def step(p):
        gap = lambda v: call(100.0, strike, 0.03, 0.01, v, time) - p  # noqa: E731
        return volatility - gap(volatility) / grad(gap)(volatility)

    vega = Exact(100.0, strike, 0.03, 0.01, volatility, time).first[V]
    assert grad(step)(price) == pytest.approx(float(1 / vega), rel=1e-12)
