"""NumPy arrays of Values: made, read, and differentiated through functions written in NumPy.

The oracles are NumPy itself on plain numbers for values, and for derivatives HIPS autograd on the
same source; where that has no derivative, differences.
"""

from __future__ import annotations

import copy
import math
import pickle
import sys
import warnings
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest

import autograd_lite as ag
from autograd_lite import Value, array, data_of, grad, grad_of, hessian, jacobian, value_and_grad
from autograd_lite.scipy import objective

# --- array, data_of, grad_of ---

SHAPED = [
    (3, (), 3.0),
    (True, (), 1.0),
    (2.5, (), 2.5),
    (Fraction(1, 4), (), 0.25),
    (np.float64(2.5), (), 2.5),
    (np.array(2.5), (), 2.5),
    ([], (0,), []),
    ([[], []], (2, 0), [[], []]),
    (np.zeros((0, 3)), (0, 3), []),
    ([1, 2.5], (2,), [1.0, 2.5]),
    ((1, 2.5), (2,), [1.0, 2.5]),
    (range(3), (3,), [0.0, 1.0, 2.0]),
    ([True, Fraction(1, 2), Decimal("0.25"), np.int8(3)], (4,), [1.0, 0.5, 0.25, 3.0]),
    ([[1, 2], (3, 4)], (2, 2), [[1.0, 2.0], [3.0, 4.0]]),
    ([np.array([1, 2]), np.array([3, 4])], (2, 2), [[1.0, 2.0], [3.0, 4.0]]),
    ([[[1]], [[2]]], (2, 1, 1), [[[1.0]], [[2.0]]]),
    (np.array([0.1, 2.0], dtype=np.float32), (2,), [float(np.float32(0.1)), 2.0]),
    (np.array([1, 2], dtype=np.uint8), (2,), [1.0, 2.0]),
    (np.array([True, False]), (2,), [1.0, 0.0]),
    (np.arange(6.0).reshape(2, 3).T, (3, 2), [[0.0, 3.0], [1.0, 4.0], [2.0, 5.0]]),
    (np.arange(6.0)[::-2], (3,), [5.0, 3.0, 1.0]),
    ([math.inf, -math.inf], (2,), [math.inf, -math.inf]),
]


@pytest.mark.parametrize(("x", "shape", "numbers"), SHAPED)
def test_numbers_of_any_kind_and_shape(x, shape, numbers):
    made = array(x)
    assert (made.dtype, made.shape) == (object, shape)
    assert all(v.__class__ is Value for v in made.ravel())
    for source in (x, made):
        read, slopes = data_of(source), grad_of(source)
        assert (read.dtype, read.shape, read.tolist()) == (float, shape, numbers)
        assert (slopes.dtype, slopes.shape, slopes.any()) == (float, shape, False)
    assert data_of(made.tolist()).tolist() == numbers


def test_values_that_are_there_stay():
    v, w = Value(1.0, label="v"), Value(2.0)
    for given in ([v, 7, w], np.array([v, 7, w], dtype=object)):
        made = array(given, label="x")
        assert made[0] is v
        assert made[2] is w
        assert [a.label for a in made] == ["v", "x_2", ""]
        assert made is not given
    assert given[1] == 7
    assert array(v)[()] is v


@pytest.mark.parametrize(
    ("x", "labels"),
    [
        (3, ["w"]),
        ([1, 2], ["w_1", "w_2"]),
        ([[1, 2], [3, 4]], ["w_{1,1}", "w_{1,2}", "w_{2,1}", "w_{2,2}"]),
        ([[[1], [2]]], ["w_{1,1,1}", "w_{1,2,1}"]),
        ([[5]], ["w_{1,1}"]),
    ],
)
def test_labels(x, labels):
    assert [v.label for v in array(x, label="w").ravel()] == labels
    assert {v.label for v in array(x).ravel()} == {""}


def test_gradients():
    x = array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    y = np.sum(x * x)
    y.backward()
    assert grad_of(x).tolist() == [[2, 4, 6], [8, 10, 12]]
    assert grad_of(x.T[1:]).tolist() == [[4, 10], [6, 12]]
    assert grad_of([x[0, 0], 5, [2.0, x[1, 1]][1]]).tolist() == [2, 0, 10]
    assert grad_of(x[0, 1]).tolist() == 4
    assert grad_of(y).tolist() == 1
    assert data_of(y).tolist() == 91
    y.backward()
    assert grad_of(x)[0].tolist() == [4, 8, 12]


def test_what_is_read_is_a_copy():
    plain, values = np.array([1.0, 2.0]), array([1.0, 2.0])
    for source in (plain, values):
        data_of(source)[:] = 7.0
        assert data_of(source).tolist() == [1.0, 2.0]
    array(plain)[0].data = 5.0
    assert plain.tolist() == [1.0, 2.0]


def test_copies_and_pickles():
    x = array([1.0, 2.0], label="w")
    for other in (copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        np.sum(other).backward()
        assert grad_of(other).tolist() == [1.0, 1.0]
        assert other[0].label == "w_1"
    assert grad_of(x).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("function", [array, data_of, grad_of])
@pytest.mark.parametrize(
    ("x", "kind", "message"),
    [
        ([[1, 2], [3]], ValueError, "x has rows of different lengths; give equal ones"),
        ([[1, [2]]], ValueError, "x has rows of different lengths"),
        ([Value(1.0), [2.0]], ValueError, "x has rows of different lengths"),
        ("ab", TypeError, "x must be a real number, not str 'ab'"),
        (["a"], TypeError, r"x\[0\] must be a real number, not str 'a'"),
        ([[1, 2], [3, "4"]], TypeError, r"x\[1\]\[1\] must be a real number, not str '4'"),
        (np.array(["1"]), TypeError, r"x\[0\] must be a real number, not str '1'"),
        (1j, TypeError, "x must be a real number, not complex 1j"),
        (np.array([0, 1j]), TypeError, r"x\[0\] must be a real number, not complex"),
        (None, TypeError, "x must be a real number, not NoneType None"),
        ([1, None], TypeError, r"x\[1\] must be a real number, not NoneType None"),
        ({"a": 1}, TypeError, "x must be a real number, not dict"),
        (iter([1, 2]), TypeError, "x must be a real number, not list_iterator"),
        (np.array([1, 2], dtype="m8[s]"), TypeError, r"x\[0\] must be a real number"),
        ([1, 10**400], OverflowError, r"x\[1\] = 1000.* has no float"),
    ],
)
def test_what_is_no_array_of_numbers(function, x, kind, message):
    with pytest.raises(kind, match=f"^{function.__name__}: {message}"):
        function(x)


def test_rows_of_different_lengths_that_are_arrays():
    with pytest.raises(ValueError, match="array: x has rows of different lengths"):
        array([np.array([1, 2]), np.array([3])])


def test_a_label_that_is_no_text():
    with pytest.raises(TypeError, match="array: label must be a str"):
        array([1.0], label=3)


# --- Functions written in NumPy ---

A = np.array([[1.0, 2.0, 0.5], [-0.3, 1.1, 0.9]])
W = np.array([1.0, 2.0, 3.0])

# Functions of np and an array of 3 numbers: any, positive, or in (-1, 1)
ANY = {
    "exp": lambda np, x: np.exp(x),
    "exp2, expm1": lambda np, x: np.exp2(x) * np.expm1(x),
    "sin, cos": lambda np, x: np.sin(x) * np.cos(x),
    "tan": lambda np, x: np.tan(x / 2),
    "sinh, cosh, tanh": lambda np, x: np.sinh(x) + np.cosh(x) * np.tanh(x),
    "arctan, arcsinh": lambda np, x: np.arctan(x) * np.arcsinh(x),
    "arctan2": lambda np, x: np.arctan2(x, x[::-1] + 7),
    "hypot": lambda np, x: np.hypot(x, 2.0) if np.__name__ == "numpy" else np.sqrt(x * x + 4.0),
    "abs": lambda np, x: np.abs(x) * np.absolute(x) + np.fabs(x) + abs(x),
    "square, reciprocal": lambda np, x: np.square(x) + np.reciprocal(x),
    "steps": lambda np, x: x * (np.sign(x) + np.floor(x) + np.ceil(x) + np.rint(x) + np.trunc(x)),
    "round": lambda np, x: x * (np.round(x) + np.around(x, 1)),
    "mod": lambda np, x: np.mod(x, 0.6) * np.remainder(x, 0.7) * (x % 0.8),
    "ufuncs": lambda np, x: np.negative(np.add(x, 1) * np.subtract(x, 2) / np.divide(x, 3)),
    "multiply": lambda np, x: np.multiply(x, x[1]) + np.true_divide(1, x),
    "powers": lambda np, x: x**2 - 2.0**x + np.power(x, 3) + np.power(x, np.array([1, 2, 3])),
    "numbers on the left": lambda np, x: 2 * x + 3.0 - (1 / x) + np.float64(2) * x[0] - x,
    "scalars": lambda np, x: [np.float32(2) * x[0], np.int64(3) - x[1], np.float64(5) / x[2]],
    "arrays beside one": lambda np, x: np.array([1, 2]) * x[0] + np.array([0.5, 3]) / x[1],
    "booleans beside": lambda np, x: np.array([True, False, True]) * x,
    "matmul": lambda np, x: A @ x + np.matmul(A, x),
    "matmul from the left": lambda np, x: x @ A.T,
    "integers @": lambda np, x: np.array([[1, 2, 3]]) @ x,
    "products": lambda np, x: x @ x + np.dot(x, W) + np.inner(x, x) * np.vdot(x, W)
    if np.__name__ == "numpy" else x @ x + np.dot(x, W) + np.inner(x, x) * np.dot(x, W),
    "outer": lambda np, x: np.outer(x, x),
    "kron": lambda np, x: np.kron(x, x),
    "tensordot": lambda np, x: np.tensordot(x, x, 0),
    "cross": lambda np, x: np.cross(x, W),
    "einsum": lambda np, x: np.einsum("i,j,k->ikj", x, x, x),
    "einsum to a number": lambda np, x: np.einsum("i,i->", x, x),
    "sum, mean": lambda np, x: np.sum(x * x) * np.mean(x),
    "var, std": lambda np, x: np.var(x) * np.std(x),
    "prod": lambda np, x: np.prod(x),
    "cumsum": lambda np, x: np.cumsum(x * x),
    "diff": lambda np, x: np.diff(x * x),
    "norm": lambda np, x: np.linalg.norm(x),
    "max, min": lambda np, x: np.max(x) ** 2 * np.min(x),
    "maximum, minimum": lambda np, x: np.maximum(x, 0.1) * np.minimum(x, x[::-1] + 0.05),
    "fmax, fmin": lambda np, x: np.fmax(x, 0.1) * np.fmin(x, 0.2),
    "clip": lambda np, x: np.clip(x, -0.5, 0.5) * x,
    "argmax, argsort": lambda np, x: x[np.argmax(x)] * x[np.argsort(x)],
    "sort": lambda np, x: np.sort(x) * W,
    "partition": lambda np, x: np.partition(x, 1)[1] ** 2,
    "where": lambda np, x: np.where(x > 0, x * x, -x),
    "where, an index": lambda np, x: x[np.where(x != 7)] ** 2,
    "select": lambda np, x: np.select([x > 0, x <= 0], [x * x, -x]),
    "mask": lambda np, x: x[x < 7] ** 2 * np.sum((x > 0) * x),
    "any, all": lambda np, x: x * x if np.any(x > -7) and np.all(x < 7) and np.all(x) else x,
    "nonzero": lambda np, x: x[np.nonzero(x)] * np.count_nonzero(x),
    "slices": lambda np, x: x[1:] * x[:-1] + x[::-1][0],
    "places": lambda np, x: x[np.array([0, 0, 2])] ** 2,
    "newaxis": lambda np, x: (x[:, None] + x[None, :]) * W,
    "broadcast": lambda np, x: x * A + x[0],
    "reshape": lambda np, x: np.reshape(x, (3, 1)) @ x.reshape(1, 3),
    "ravel, squeeze": lambda np, x: np.ravel(x[None]) * np.squeeze(x[None]) * x.flatten(),
    "tile, repeat, roll": lambda np, x: np.tile(x, 2) * np.repeat(x[::-1], 2) * np.roll(x, 1)[0],
    "concatenate": lambda np, x: np.concatenate([x, W, 2 * x]) ** 2,
    "stacks": lambda np, x: np.stack([x, x * x]) * np.vstack([x, W]) * np.hstack([x[:2], x[2:]]),
    "append, pad": lambda np, x: np.append(x, 1.0) * np.pad(x, (1, 0), "constant"),
    "split": lambda np, x: np.split(x, 3)[1] * x,
    "array": lambda np, x: np.array([x[0], x[1] * x[2], 1.0]),
    "array of arrays": lambda np, x: np.array([x, x * x]),
    "diag": lambda np, x: np.diag(x) @ np.diag(np.outer(x, x)),
    "triu, tril, trace": lambda np, x: np.trace(np.triu(np.outer(x, x)) @ np.tril(np.outer(x, W))),
    "likes": lambda np, x: np.ones_like(x) * x + np.zeros_like(x) + np.full_like(x, 2.0) * x,
    "sinc": lambda np, x: np.sinc(x),
    "real, imag, conj": lambda np, x: np.real(x) * np.conj(x) + np.imag(x),
    "linspace": lambda np, x: np.linspace(x[0], x[1], 4),
    "methods": lambda np, x: x.sum() * x.mean() * x.max() * x.min() + x.std() - x.prod(),
    "methods of arrays": lambda np, x: x.cumsum() * x.clip(-0.5, 0.5) * x.round(1) * x.ravel(),
    "a loop": lambda np, x: sum(v * v for v in x) / len(x) * x.shape[0] * x.ndim * x.size,
    "scalar functions": lambda np, x: np.exp(x[0]) * np.maximum(x[1], 0.1) + np.sum([x[0], x[2]]),
    "logsumexp": lambda np, x: np.log(np.sum(np.exp(x - np.max(x)))) + np.max(x),
    "softmax": lambda np, x: np.exp(x) / np.sum(np.exp(x)),
}  # fmt: skip
POSITIVE = {
    "log": lambda np, x: np.log(x),
    "log2, log10, log1p": lambda np, x: np.log2(x) * np.log10(x) + np.log1p(x),
    "sqrt": lambda np, x: np.sqrt(x),
    "x**x": lambda np, x: x**x + x**0.5 + x**-1.5 + x ** x[0],
    "arccosh": lambda np, x: np.arccosh(x + 1),
}
SMALL = {
    "arcsin, arccos": lambda np, x: np.arcsin(x) * np.arccos(x),
    "arctanh": lambda np, x: np.arctanh(x),
}
MATRIX = {
    "T": lambda np, x: x.T @ np.array([1.0, 2.0]),
    "transpose, swapaxes": lambda np, x: np.transpose(x) * np.swapaxes(x, 0, 1),
    "Gram": lambda np, x: x @ x.T,
    "einsum": lambda np, x: np.einsum("ij,kj->ik", x, x) + np.einsum("ij->i", x),
    "tensordot": lambda np, x: np.tensordot(x, x, ([1], [1])),
    "sums along": lambda np, x: np.sum(x, axis=0) * np.mean(x, axis=1, keepdims=True),
    "var, max along": lambda np, x: np.var(x, axis=1) * np.max(x, axis=1) + np.std(x, axis=1),
    "prod along": lambda np, x: np.prod(x, axis=0) if np.__name__ == "numpy" else x[0] * x[1],
    "norms": lambda np, x: np.linalg.norm(x) * np.linalg.norm(x, axis=1),
    "multi_dot": lambda np, x: np.linalg.multi_dot([x, x.T, x]) if np.__name__ == "numpy"
    else x @ x.T @ x,
    "parts": lambda np, x: x[0] * x[:, 1:][1, 0] + x[1, ::-1] * x[..., 2][0],
    "expand_dims": lambda np, x: np.expand_dims(x, 0)[0] * x,
}  # fmt: skip
DRAWN = {"any": ANY, "positive": POSITIVE, "small": SMALL, "matrix": MATRIX}
CASES = [
    pytest.param(f, kind, id=f"{kind}-{name}")
    for kind, fs in DRAWN.items()
    for name, f in fs.items()
]


def point(kind, seed):
    draw = np.random.default_rng(seed)
    if kind == "matrix":
        return draw.normal(size=(2, 3))
    x = draw.permutation([1.3, -0.85, 0.4]) + draw.uniform(-0.04, 0.04, 3)  # away from the kinks
    return {"any": x, "positive": np.abs(x), "small": x / 2}[kind]


def weighted(np, f):
    """f with a number as its result, in which no two derivatives cancel."""

    def number(x):
        y = f(np, x)
        y = np.array(y) if isinstance(y, list) else y
        return np.sum(y * np.cos(np.arange(1.0, np.size(y) + 1)).reshape(np.shape(y)))

    return number


@pytest.mark.parametrize(("f", "kind"), CASES)
@pytest.mark.parametrize("seed", [1, 2])
def test_values_and_gradients(f, kind, seed):
    hips = pytest.importorskip("autograd")
    x = point(kind, seed)
    y, slopes = value_and_grad(weighted(np, f))(x)
    assert y == pytest.approx(weighted(np, f)(x), rel=1e-13, abs=1e-14)
    assert (slopes.dtype, slopes.shape) == (float, x.shape)
    expected = hips.grad(weighted(hips.numpy, f))(x)
    np.testing.assert_allclose(slopes, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(("f", "kind"), CASES)
def test_jacobians(f, kind):
    hips = pytest.importorskip("autograd")
    x = point(kind, 3)

    def of_hips(x):
        y = f(hips.numpy, x)
        return hips.numpy.array(y) if isinstance(y, list) else y

    expected = hips.jacobian(of_hips)(x)
    found = jacobian(lambda x: f(np, x))(x)
    assert found.shape == expected.shape
    assert found.dtype == float
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize(
    "name",
    ["exp", "sin, cos", "sinh, cosh, tanh", "arctan, arcsinh", "powers", "products", "outer",
     "norm", "var, std", "prod", "cumsum", "where", "softmax", "logsumexp", "methods", "einsum"],
)  # fmt: skip
def test_hessians(name):
    hips = pytest.importorskip("autograd")
    x, f = point("any", 4), ANY[name]
    expected = hips.hessian(weighted(hips.numpy, f))(x)
    np.testing.assert_allclose(hessian(weighted(np, f))(x), expected, rtol=1e-11, atol=1e-12)


# What HIPS autograd has no derivative of
WITHOUT = {
    "cbrt": lambda x: np.cbrt(x),
    "positive": lambda x: np.positive(x) * x,
    "floor_divide": lambda x: (x // 0.6) * x * np.floor_divide(x, 0.7),
    "hypot": lambda x: np.hypot(x, x[::-1] + 3),
    "vdot": lambda x: np.vdot(x, x),
    "average": lambda x: np.average(x, weights=W),
    "median": lambda x: np.median(x) * np.median(np.outer(x, W), axis=1),
    "quantile": lambda x: np.quantile(x, 0.3) * np.percentile(x, 80),
    "cumprod": lambda x: np.cumprod(x),
    "nansum": lambda x: np.nansum(x * x) * np.nanmean(x),
    "ptp": lambda x: np.ptp(x),
    "piecewise": lambda x: np.piecewise(x, [x > 0], [lambda t: t * t, lambda t: -t]),
    "norms": lambda x: np.linalg.norm(x, 1) * np.linalg.norm(x, np.inf) * np.linalg.norm(x, 0),
    "matrix_power": lambda x: np.linalg.matrix_power(np.outer(x, W), 3),
    "broadcast_to": lambda x: np.broadcast_to(x, (4, 3)) * x,
    "flip": lambda x: np.flip(x) * x,
    "meshgrid": lambda x: np.meshgrid(x, x)[0] * np.meshgrid(x, x)[1],
    "polyval": lambda x: np.polyval(W, x) * np.polyval(x, 2.0),
    "convolve": lambda x: np.convolve(x, x),
    "correlate": lambda x: np.correlate(x, W, "full"),
    "ediff1d": lambda x: np.ediff1d(x * x),
    "apply_along_axis": lambda x: np.apply_along_axis(lambda t: t[0] * t[1], 1, np.outer(x, x)),
    "vectorize": lambda x: np.vectorize(lambda t: t * t)(x),
    "unique": lambda x: np.unique(x) * W,
    "digitize, isin": lambda x: np.digitize(x, [0.0, 1.0]) * x + np.isin(x, [7.0]),
    "dot": lambda x: x.dot(x),
    "in place": lambda x: np.multiply(x, 1.0).__iadd__(x * x),
    "functions of lists": lambda x: np.exp([x[0], x[1]]),
}


@pytest.mark.parametrize("name", WITHOUT)
def test_against_differences(name):
    f = weighted(np, lambda np, x: WITHOUT[name](x))
    x, h = point("any", 5), 1e-3
    y, slopes = value_and_grad(f)(x)
    assert y == pytest.approx(f(x), rel=1e-13)

    def slope(s):
        return (8 * (f(x + s) - f(x - s)) - (f(x + 2 * s) - f(x - 2 * s))) / (12 * h)

    expected = [slope(s) for s in h * np.eye(3)]
    np.testing.assert_allclose(slopes, expected, rtol=1e-8, atol=1e-9)


# --- What cannot work says so ---

REFUSED = {
    "float": (lambda x: float(x[0]), r"float\(Value\) would drop its gradient"),
    "math": (lambda x: math.sin(x[0]), r"float\(Value\) would drop its gradient"),
    "astype": (lambda x: np.sum(x.astype(float)), r"float\(Value\) would drop its gradient"),
    "asarray": (lambda x: np.asarray(x, dtype=float)[0], r"float\(Value\) would drop its gradient"),
    "into floats": (lambda x: np.zeros(3).__setitem__(0, x[0]), r"float\(Value\) would drop"),
    "into floats in place": (lambda x: np.ones(3).__imul__(x), "Cannot cast"),
    "out=": (lambda x: np.exp(x, out=np.zeros(3)), "Cannot cast"),
    "dtype=": (lambda x: np.sum(x, dtype=float), r"float\(Value\) would drop its gradient"),
    "isnan": (lambda x: np.where(np.isnan(x), 0.0, x)[0], "isnan"),
    "isfinite": (lambda x: x[np.isfinite(x)][0], "isfinite"),
    "allclose": (lambda x: x[0] if np.allclose(x, x) else 0.0, "isfinite"),
    "complex": (lambda x: np.sum(np.abs(x * 1j)), "complex"),
    "logaddexp": (lambda x: np.sum(np.logaddexp(x, 0.0)), "logaddexp"),
    "heaviside": (lambda x: np.sum(np.heaviside(x, 0.5)), "heaviside"),
    "copysign": (lambda x: np.sum(np.copysign(x, 1.0)), "copysign"),
    "float_power": (lambda x: np.sum(np.float_power(x, 2)), "float_power"),
    "divmod": (lambda x: np.divmod(x, 0.6)[1][0], "divmod"),
    "det": (lambda x: np.linalg.det(np.outer(x, x)), "ufunc"),
    "inv": (lambda x: np.sum(np.linalg.inv(np.outer(x, x))), "ufunc"),
    "solve": (lambda x: np.sum(np.linalg.solve(np.eye(3), x)), "ufunc"),
    "eigvalsh": (lambda x: np.sum(np.linalg.eigvalsh(np.outer(x, x))), "ufunc"),
    "fft": (lambda x: np.sum(np.abs(np.fft.fft(x))), "fft|object|float"),
    "interp": (lambda x: np.sum(np.interp(x, [0, 1], [0, 1])), "Cannot cast"),
    "bincount": (lambda x: np.bincount([0, 1, 1], weights=x)[0], "Cannot cast"),
    "deg2rad": (lambda x: np.sum(np.deg2rad(x)), "deg2rad"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    f, message = REFUSED[name]
    with pytest.raises(TypeError, match=message):
        grad(f)(point("any", 6))


# --- Where NumPy's functions and this library's differ, kinks, zeros ---


def test_ties():
    at = np.array([1.0, 1.0])
    assert grad(lambda x: np.maximum(x[:1], x[1:])[0])(at).tolist() in ([1.0, 0.0], [0.0, 1.0])
    assert grad(lambda x: np.sum(np.clip(x, 0.0, 1.0)))(at).tolist() == [1.0, 1.0]
    assert grad(lambda x: np.max(x))(at).tolist() in ([1.0, 0.0], [0.0, 1.0])
    assert grad(lambda x: ag.maximum(x[:1], x[1:])[0])(at).tolist() == [0.5, 0.5]


def test_kinks():
    zeros = np.zeros(2)
    assert grad(lambda x: np.sum(np.abs(x)))(zeros).tolist() == [0.0, 0.0]
    assert grad(lambda x: np.sum(np.sign(x) + np.floor(x)))(zeros).tolist() == [0.0, 0.0]
    assert grad(lambda x: np.sum(np.sqrt(x)))(zeros).tolist() == [math.inf, math.inf]
    assert grad(lambda x: np.sum(np.where(x > 0, np.sqrt(x), 0.0)))(zeros).tolist() == [0.0, 0.0]
    assert grad(lambda x: np.prod(x))(zeros).tolist() == [0.0, 0.0]
    assert grad(lambda x: np.prod(x))(np.array([0.0, 3.0])).tolist() == [3.0, 0.0]


@pytest.mark.parametrize("n", [2, 3, 2.0, 2.5])
def test_powers_of_0_are_no_reason_for_a_warning(n):
    # As in NumPy with plain numbers; value and slope are 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert (np.zeros(2) ** n).tolist() == [0.0, 0.0]
        assert data_of(array([0.0, 0.0]) ** n).tolist() == [0.0, 0.0]
        assert grad(lambda x: np.sum((x - x[0]) ** n))(np.array([1.0, 1.0])).tolist() == [0.0, 0.0]


def test_nothing_of_nothing():
    assert grad(lambda x: np.sum(np.exp(x)))(np.array([])).tolist() == []
    assert jacobian(lambda x: np.exp(x))(np.zeros((0, 2))).shape == (0, 2, 0, 2)


# --- Through the transforms ---


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int8, np.int64, bool])
def test_other_numbers_in_float64_out(dtype):
    found = grad(lambda x: np.sum(x * x))(np.array([1, 0], dtype=dtype))
    assert (found.dtype, found.tolist()) == (float, [2.0, 0.0])


def test_arrays_of_no_dimension():
    found = grad(lambda x: np.exp(x) * x)(np.array(0.5))
    assert (found.shape, found.tolist()) == ((), pytest.approx(1.5 * math.exp(0.5)))
    assert jacobian(lambda x: x * W)(2.0).tolist() == W.tolist()
    assert jacobian(lambda x: np.array(x[0] * x[1]))(np.array([2.0, 3.0])).tolist() == [3.0, 2.0]


def test_arrays_of_values_give_arrays_of_values():
    x = array([1.0, 2.0])
    slopes = grad(lambda x: np.sum(x**3))(x)
    assert slopes.dtype == object
    assert data_of(slopes).tolist() == [3.0, 12.0]
    np.sum(slopes * W[:2]).backward()
    assert grad_of(x).tolist() == [6.0, 24.0]


def test_an_array_from_outside():
    w = array([1.0, 2.0, 3.0])
    slopes = grad(lambda x: np.dot(w, x * x))(np.array([1.0, 10.0, 100.0]))
    assert data_of(slopes).tolist() == [2.0, 40.0, 600.0]
    np.sum(slopes).backward()
    assert grad_of(w).tolist() == [2.0, 20.0, 200.0]


def test_f_may_write_into_its_array():
    def f(x):
        x[0] = 5.0
        x *= 2
        x[1:] += x[:-1]
        return np.sum(x * x)  # 10**2 + (2*x[1] + 10)**2 + (2*x[2] + 2*x[1])**2

    at = np.array([1.0, 2.0, 3.0])
    assert grad(f)(at).tolist() == [0.0, 96.0, 40.0]
    assert at.tolist() == [1.0, 2.0, 3.0]


NAMES = [
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "square", "reciprocal",
    "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh",
    "arctanh", "absolute", "fabs", "sign", "floor", "ceil", "rint", "trunc", "negative", "positive",
    "conjugate",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_numpys_names(name):
    numbers = np.array([[0.3, 0.55], [0.7, 0.9]])
    found = getattr(np, name)(array(numbers))
    # np.sign of objects is made of comparisons, so it gives whole numbers
    assert {type(v) for v in found.ravel()} == {int if name == "sign" else Value}
    np.testing.assert_allclose(data_of(found), getattr(np, name)(numbers), rtol=1e-14)
    if hasattr(ag, name):
        ours = getattr(ag, name)
        assert data_of(ours(array(numbers))).tolist() == data_of(found).tolist()
        plain = ours(numbers)
        assert plain.dtype == float
        np.testing.assert_allclose(plain, data_of(found), rtol=1e-14)


def test_this_librarys_functions_of_arrays():
    x = np.array([0.5, -1.0, 2.0])
    s = 1 / (1 + np.exp(-x))
    assert jacobian(lambda x: ag.sigmoid(x))(x) == pytest.approx(np.diag(s * (1 - s)))
    squares = jacobian(lambda x: ag.where(x > 0, x * x, 0.0))(x)
    assert squares.tolist() == np.diag([1.0, 0, 4]).tolist()
    assert grad(lambda x: ag.sum(x) * ag.mean(x))(x) == pytest.approx([1.0, 1.0, 1.0])
    assert grad(lambda x: ag.dot(x, W))(x).tolist() == W.tolist()
    e = np.exp(x)
    assert grad(lambda x: ag.logsumexp(x))(x) == pytest.approx(e / np.sum(e))
    assert grad(lambda x: ag.prod(x))(x).tolist() == [-2.0, 1.0, -0.5]


@pytest.mark.parametrize("call", [
    lambda: ag.array([1.0]), lambda: ag.data_of([1.0]), lambda: ag.grad_of([1.0]),
    lambda: objective(lambda x: x).fun(1.0),
])  # fmt: skip
def test_without_numpy_the_error_says_how_to_get_it(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ImportError, match="needs NumPy; pip install"):
        call()
