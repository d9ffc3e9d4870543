"""Structured arguments and results: what goes in as a list, dict or array comes out as one."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections import OrderedDict, defaultdict, namedtuple
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import (
    Value,
    grad,
    gradient,
    hessian,
    hvp,
    jacobian,
    jvp,
    value_and_grad,
    vjp,
)  # fmt: skip
from autograd_lite.structure import Structure, detached

Point = namedtuple("Point", "x y")


@dataclasses.dataclass
class Layer:
    w: Any
    b: Any = 0.0


@dataclasses.dataclass(frozen=True)
class Frozen:
    w: Any
    b: Any


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    w: Any
    b: Any


@dataclasses.dataclass
class Derived(Layer):
    c: Any = 1.0
    kind = "a class attribute is no field"


@dataclasses.dataclass
class Checked:
    """Its __init__ takes no Values."""

    w: float

    def __post_init__(self):
        self.w = float(self.w)


class Listed(list):
    """A list of a kind of its own."""


def numbers(x):
    """All numbers of a structure, in order, found by other means than the package's."""
    if isinstance(x, dict):
        return [n for item in x.values() for n in numbers(item)]
    if dataclasses.is_dataclass(x):
        return [n for f in dataclasses.fields(x) for n in numbers(getattr(x, f.name))]
    if isinstance(x, (list, tuple)):
        return [n for item in x for n in numbers(item)]
    return [*x.flat] if isinstance(x, np.ndarray) else [x]


def weighted(x):
    """1*n0**2 + 2*n1**2 + ..., whose slopes tell every number's place."""
    return sum((i * n * n for i, n in enumerate(numbers(x), 1)), 0.0)


def same(a, b):
    """Equal in structure, types and numbers."""
    assert type(a) is type(b)
    if isinstance(a, np.ndarray):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        assert a.tolist() == b.tolist()
    elif isinstance(a, dict):
        assert [*a] == [*b]
        for key in a:
            same(a[key], b[key])
    elif dataclasses.is_dataclass(a):
        for f in dataclasses.fields(a):
            same(getattr(a, f.name), getattr(b, f.name))
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    else:
        assert a == b


A = np.array
CASES = {
    "a float": (3.0, 6.0),
    "an int": (3, 6.0),
    "a bool": (True, 2.0),
    "a Fraction": (Fraction(3, 2), 3.0),
    "a Decimal": (Decimal("1.5"), 3.0),
    "a NumPy float": (np.float64(3), 6.0),
    "a NumPy float32": (np.float32(3), 6.0),
    "a NumPy int": (np.int8(3), 6.0),
    "a NumPy bool": (np.bool_(True), 2.0),
    "a list": ([1, 2.0], [2.0, 8.0]),
    "a tuple": ((1, 2.0), (2.0, 8.0)),
    "nested": ([[1.0], (2.0, [3])], [[2.0], (8.0, [18.0])]),
    "a dict": ({"b": 1.0, "a": [2.0]}, {"b": 2.0, "a": [8.0]}),
    "a dict of odd keys": ({1: 1.0, (2, 3): 2.0, None: 3.0}, {1: 2.0, (2, 3): 8.0, None: 18.0}),
    "an OrderedDict": (OrderedDict(b=1.0, a=2.0), OrderedDict(b=2.0, a=8.0)),
    "a named tuple": (Point(1.0, [2.0]), Point(2.0, [8.0])),
    "a dataclass": (Layer([1.0, 2.0], 3), Layer([2.0, 8.0], 18.0)),
    "a frozen one": (Frozen(1.0, 2.0), Frozen(2.0, 8.0)),
    "a slotted one": (Slotted(1.0, Slotted(2.0, ())), Slotted(2.0, Slotted(8.0, ()))),
    "a derived one": (Derived(1.0, 2.0, 3.0), Derived(2.0, 8.0, 18.0)),
    "one that converts": (Checked(3.0), Checked(6.0)),
    "a list of its own kind": (Listed([1.0, 2.0]), Listed([2.0, 8.0])),
    "an array of 0 dimensions": (A(3.0), A(6.0)),
    "of 1": (A([1.0, 2.0]), A([2.0, 8.0])),
    "of 2": (A([[1.0, 2.0], [3.0, 4.0]]), A([[2.0, 8.0], [18.0, 32.0]])),
    "of 3": (np.ones((1, 2, 1)), A([[[2.0], [4.0]]])),
    "of float32": (A([1, 2], dtype=np.float32), A([2.0, 8.0])),
    "of ints": (A([1, 2]), A([2.0, 8.0])),
    "of unsigned bytes": (A([200], dtype=np.uint8), A([400.0])),
    "of bools": (A([True, False]), A([2.0, 0.0])),
    "of objects": (A([Fraction(1, 2), 2], dtype=object), A([1.0, 8.0])),
    "in Fortran's order": (A([[1.0, 2.0], [3.0, 4.0]], order="F"), A([[2.0, 8.0], [18.0, 32.0]])),
    "a part of one": (np.arange(6.0)[1::2], A([2.0, 12.0, 30.0])),
    "an empty array": (np.zeros((0, 3)), np.zeros((0, 3))),
    "nothing": ([], []),
    "hardly anything": ({"a": [], "b": ((), {}), "c": 1.0}, {"a": [], "b": ((), {}), "c": 2.0}),
    "arrays in a dict": ({"W": A([[1.0], [2.0]]), "b": 3.0}, {"W": A([[2.0], [8.0]]), "b": 18.0}),
}


@pytest.mark.parametrize("name", CASES)
def test_the_gradient_has_the_structure_of_the_argument(name):
    x, expected = CASES[name]
    same(grad(weighted)(x), expected)
    y, slopes = value_and_grad(weighted)(x)
    assert type(y) is float
    assert y == weighted([float(n) for n in numbers(x)])
    same(slopes, expected)
    y, pull = vjp(weighted, x)
    same(pull(1.0), (expected,))
    direction = Structure(expected, "", "").built([1.0] * len(numbers(expected)))
    _, change = jvp(weighted, (x,), (direction,))
    assert change == sum(numbers(expected))
    # the Hessian is diagonal: by the vector of ones, twice the weights
    twice = [2.0 * i for i in range(1, len(numbers(expected)) + 1)]
    same(hvp(weighted)(x, direction), Structure(expected, "", "").built(twice))


@pytest.mark.parametrize("name", CASES)
def test_arguments_are_left_as_they_are(name):
    x, _ = CASES[name]
    before = repr(x)
    grad(weighted)(x)
    hessian(weighted)(x)
    assert repr(x) == before


def test_values_in_give_values_out():
    x = {"w": [Value(1.0, label="w"), 2.0], "b": A([Value(3.0), 4.0], dtype=object)}
    slopes = grad(weighted)(x)
    assert {type(n) for n in numbers(slopes)} == {Value}
    assert [n.data for n in numbers(slopes)] == [2.0, 8.0, 18.0, 32.0]
    assert slopes["b"].dtype == object
    (second,) = gradient(slopes["b"][0], [x["b"][0]])
    assert second.data == 6.0
    assert x["w"][0].label == "w"
    assert x["w"][0].grad == 0.0


def test_numpy_inside_of_f():
    f = lambda x: np.sum(np.exp(x) * x) + np.dot(x, x) + (x @ x) + np.mean(x)  # noqa: E731
    x = A([0.5, -1.0, 2.0])
    np.testing.assert_allclose(grad(f)(x), np.exp(x) * (1 + x) + 4 * x + 1 / 3, rtol=1e-14)
    exact = np.diag(np.exp(x) * (2 + x) + 4)
    np.testing.assert_allclose(hessian(f)(x), exact, rtol=1e-14, atol=1e-15)
    B = A([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    same(jacobian(lambda v: B @ v)(A([1.0, 1.0])), B)
    same(jacobian(lambda v: v.reshape(2, 2).T)(np.arange(4.0)),
         np.eye(4)[[0, 2, 1, 3]].reshape(2, 2, 4))  # fmt: skip


def test_argnums():
    f = lambda a, b, c: a * b * b * ag.sum(c)  # noqa: E731
    at = (2.0, 3.0, [4.0, 5.0])
    assert grad(f, 1)(*at) == 108.0
    assert grad(f, -1)(*at) == [18.0, 18.0]
    assert grad(f, (0, 2))(*at) == (81.0, [18.0, 18.0])
    assert grad(f, [2, 0])(*at) == ([18.0, 18.0], 81.0)
    assert grad(f, (1,))(*at) == (108.0,)
    assert grad(f, (-1, 0))(*at) == ([18.0, 18.0], 81.0)
    assert grad(f, ())(*at) == ()
    assert value_and_grad(f, (0, 1))(*at) == (162.0, (81.0, 108.0))
    assert jacobian(lambda a, b: [a * b, a], 1)(2.0, 3.0) == [2.0, 0.0]
    assert jacobian(lambda a, b: [a * b, a], (0, 1))(2.0, 3.0) == [(3.0, 2.0), (1.0, 0.0)]
    assert hessian(f, 1)(*at) == 36.0
    assert hessian(f, (0, 1))(*at) == ((0.0, 54.0), (54.0, 36.0))
    assert hvp(f, (0, 1))(*at, (1.0, 0.5)) == (27.0, 72.0)
    assert hvp(f, 1)(*at, 0.5) == 18.0


def test_numpy_integers_as_argnums():
    for one in (np.int64(1), np.intp(-1)):
        assert grad(lambda a, b: a * b * b, one)(2.0, 3.0) == 12.0
    assert grad(lambda a, b: a * b, tuple(np.arange(2)))(2.0, 3.0) == (3.0, 2.0)


def test_other_arguments_may_be_anything():
    def f(x, table, name, *rest, scale=1.0, **more):
        return x * x * table[name] * scale * len(rest) * more.get("factor", 1.0)

    assert grad(f)(3.0, {"a": 2.0}, "a", None, object()) == 24.0
    assert grad(f)(3.0, {"a": 2.0}, "a", None, scale=10.0, factor=0.5) == 60.0
    assert hvp(f)(3.0, {"a": 2.0}, "a", None, 2.0, scale=10.0) == 80.0
    assert hessian(f)(3.0, {"a": 2.0}, "a", None, scale=Value(10.0)).data == 40.0
    with pytest.raises(TypeError, match=r"args\[2\] must be a real number.*argnums="):
        grad(f, (0, 2))(3.0, {"a": 2.0}, "a", None)


def test_has_aux():
    f = lambda x: (x * x, {"double": 2 * x, "text": "a", "array": A([x, 1.0])})  # noqa: E731
    slope, aux = grad(f, has_aux=True)(3.0)
    assert slope == 6.0
    assert aux["text"] == "a"
    same(aux["double"], 6.0)
    same(aux["array"], A([3.0, 1.0]))
    (y, aux), slope = value_and_grad(f, has_aux=True)(3.0)
    assert (y, slope, aux["double"]) == (9.0, 6.0, 6.0)
    assert jacobian(lambda x: ([x, x * x], "aux"), has_aux=True)(3.0) == ([1.0, 6.0], "aux")
    assert hessian(lambda x: (x**3, None), has_aux=True)(3.0) == (18.0, None)
    y, pull, aux = vjp(f, 3.0, has_aux=True)
    assert (y, pull(1.0), aux["double"]) == (9.0, (6.0,), 6.0)
    y, change, aux = jvp(f, (3.0,), (1.0,), has_aux=True)
    assert (y, change, aux["double"]) == (9.0, 6.0, 6.0)
    # with Values the aux keeps its graph
    x = Value(3.0)
    _, aux = grad(lambda x: (x * x, x**3), has_aux=True)(x)
    assert gradient(aux, [x])[0].data == 27.0


def test_aux_is_not_looked_into_where_it_is_no_structure():
    class Net:
        pass

    net = Net()
    assert grad(lambda x: (x * x, net), has_aux=True)(1.0)[1] is net
    assert grad(lambda x: (x * x, {1, 2}), has_aux=True)(1.0)[1] == {1, 2}
    words = np.array(["a", "b"])
    assert grad(lambda x: (x * x, words), has_aux=True)(1.0)[1] is words


# Blocks of jacobian and hessian


def test_jacobian_of_arrays():
    x = A([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    J = jacobian(lambda x: np.sum(x * x, axis=0))(x)
    exact = np.zeros((3, 2, 3))
    for k in range(3):
        exact[k, :, k] = 2 * x[:, k]
    same(J, exact)
    same(jacobian(lambda x: x.sum())(x), np.ones((2, 3)))
    same(jacobian(lambda t: A([t, t * t, 1.0], dtype=object))(3.0), A([1.0, 6.0, 0.0]))
    same(jacobian(lambda x: [x[0], x[1] * x[0]])(A([2.0, 3.0])), A([[1.0, 0.0], [3.0, 2.0]]))
    same(jacobian(lambda x: [[x[0]], [x[1]]])(A([2.0, 3.0])), np.eye(2).reshape(2, 1, 2))
    same(jacobian(lambda x: {"a": x * 2, "b": x[0]})(A([2.0, 3.0])),
         {"a": 2 * np.eye(2), "b": A([1.0, 0.0])})  # fmt: skip
    same(jacobian(lambda x: x * x)(A(3.0)), A(6.0))


def test_jacobian_of_lists_and_dicts():
    assert jacobian(lambda p: {"s": p["a"] * p["b"], "t": [p["a"], 7.0]})({"a": 2.0, "b": 3.0}) == {
        "s": {"a": 3.0, "b": 2.0}, "t": [{"a": 1.0, "b": 0.0}, {"a": 0.0, "b": 0.0}]}  # fmt: skip
    same(jacobian(lambda p: Point(p.y, p.x * p.x))(Point(3.0, 4.0)),
         Point(Point(0.0, 1.0), Point(6.0, 0.0)))  # fmt: skip
    same(jacobian(lambda p: [p["W"] @ p["x"], 2.0 * p["x"]])(
            {"W": A([[1.0, 2.0]]), "x": A([3.0, 4.0])}),
         [{"W": A([[[3.0, 4.0]]]), "x": A([[1.0, 2.0]])},
          {"W": np.zeros((2, 1, 2)), "x": 2 * np.eye(2)}])  # fmt: skip


def test_more_outputs_than_inputs_and_the_other_way_round_agree():
    """One is swept forward, the other backward."""
    f = lambda x: [ag.sin(x[0] * x[1]), x[0] / x[1], ag.exp(x[0]), x[1] * 2.0]  # noqa: E731
    tall = jacobian(f)([0.5, 2.0])
    for row, expected in zip(tall, [jacobian(lambda x, i=i: f(x)[i])([0.5, 2.0]) for i in range(4)],
                             strict=True):  # fmt: skip
        assert row == pytest.approx(expected, rel=1e-15)


def test_hessian_blocks():
    x = A([[1.0, 2.0], [3.0, 4.0]])
    H = hessian(lambda x: (x[0, 0] * x[1, 1] * x[0, 1]))(x)
    assert H.shape == (2, 2, 2, 2)
    assert H[0, 0, 1, 1] == H[1, 1, 0, 0] == 2.0
    assert H[0, 0, 0, 1] == 4.0
    assert np.count_nonzero(H) == 6
    found = hessian(lambda p: p["v"] @ p["v"] * p["s"])({"v": A([1.0, 2.0]), "s": 3.0})
    same(found, {"v": {"v": 6 * np.eye(2), "s": A([2.0, 4.0])},
                 "s": {"v": A([2.0, 4.0]), "s": 0.0}})  # fmt: skip
    assert hessian(lambda p: p[0] * p[1][0] * p[1][1])([2.0, (3.0, 4.0)]) == [
        [0.0, (4.0, 3.0)], ([4.0, (0.0, 2.0)], [3.0, (2.0, 0.0)])]  # fmt: skip
    same(hessian(lambda p: p.w * p.w * p.b)(Frozen(2.0, 3.0)),
         Frozen(Frozen(6.0, 4.0), Frozen(4.0, 0.0)))  # fmt: skip


def test_constants_and_unused_arguments_give_0():
    assert grad(lambda x, y: x * 2, (0, 1))(1.0, 2.0) == (2.0, 0.0)
    same(grad(lambda x: 7.0)(A([1.0, 2.0])), np.zeros(2))
    same(hessian(lambda x: 7)(A([1.0, 2.0])), np.zeros((2, 2)))
    same(hessian(lambda x: x.sum())(A([1.0, 2.0])), np.zeros((2, 2)))
    same(jacobian(lambda x: A([1.0, 2.0, 3.0]))(A([1.0, 2.0])), np.zeros((3, 2)))
    assert jacobian(lambda x: [1, 2.5])({"a": 1.0}) == [{"a": 0.0}, {"a": 0.0}]
    assert vjp(lambda a, b: 1.0, 2.0, [3.0])[1](5.0) == (0.0, [0.0])
    assert jvp(lambda a: 1, (2.0,), (5.0,)) == (1.0, 0.0)
    assert hvp(lambda x: x[0])([1.0, 2.0], [1.0, 1.0]) == [0.0, 0.0]


def test_nothing_in_or_nothing_out():
    assert jacobian(lambda x: [])([1.0]) == []
    assert jacobian(lambda x: [1.0, 2.0])([]) == [[], []]
    assert hessian(lambda x: 1.0)([]) == []
    same(jacobian(lambda x: x)(np.zeros(0)), np.zeros((0, 0)))
    assert jvp(lambda x: [], ([1.0],), ([1.0],)) == ([], [])
    assert vjp(lambda x: [], [1.0])[1]([]) == ([0.0],)


# Vectors must match


VECTORS = [
    ([1.0, 2.0], [1.0, 1.0, 1.0], r"nothing more there, the vector\[2\] here"),
    ([1.0, 2.0], [1.0], r"args\[0\]\[1\] there, nothing more here"),
    ([1.0, 2.0], 1.0, r"args\[0\]\[0\] there, one number here"),
    (1.0, [1.0], r"one number there, the vector\[0\] here"),
    ({"a": 1.0}, {"b": 1.0}, r"\['a'\] there, the vector\['b'\] here"),
    (Point(1.0, 2.0), {"x": 1.0, "y": 1.0}, r"\.x there, the vector\['x'\] here"),
    (A([[1.0, 2.0]]), A([1.0, 2.0]), r"\[0\]\[0\] there, the vector\[0\] here"),
    (A([[1.0, 2.0, 3.0]]), A([[1.0], [2.0], [3.0]]), "must have the structure"),
]


@pytest.mark.parametrize(("x", "v", "words"), VECTORS)
def test_a_vector_of_another_structure(x, v, words):
    with pytest.raises(ValueError, match=words):
        hvp(weighted)(x, v)
    with pytest.raises(ValueError, match="tangents must have the structure of args"):
        jvp(weighted, (x,), (v,))
    with pytest.raises(ValueError, match="weights must have the structure of the result of f"):
        vjp(lambda x: x, x)[1](v)


def test_a_vector_need_not_be_of_the_same_kind():
    assert hvp(weighted)([1.0, 2.0], A([1, 10])) == [2.0, 40.0]
    same(hvp(weighted)(A([1.0, 2.0]), [1, 10]), A([2.0, 40.0]))


def test_the_order_of_keys_does_not_matter():
    f = lambda p: p["a"] ** 2 * p["b"]  # noqa: E731
    assert hvp(f)({"a": 2.0, "b": 3.0}, {"b": 1.0, "a": 0.0}) == {"a": 4.0, "b": 0.0}


# What may go wrong in a structure


def test_a_structure_that_contains_itself():
    x = [1.0]
    x.append(x)
    with pytest.raises(TypeError, match=r"grad: args\[0\] is nested too deeply, or contains itself"):
        grad(lambda x: x[0])(x)


def test_what_a_dataclass_remembers_is_computed_anew():
    """A cached property holds numbers of the plain object, which have no derivative."""

    @dataclasses.dataclass
    class Disc:
        r: Any

        @functools.cached_property
        def area(self):
            return 3.0 * self.r * self.r

    disc = Disc(2.0)
    assert disc.area == 12.0
    assert grad(lambda d: d.area)(disc).r == 12.0
    assert disc.area == 12.0


def test_an_attribute_that_is_no_field_is_kept():
    @dataclasses.dataclass
    class Net:
        w: Any
        name: dataclasses.InitVar[str] = "net"

        def __post_init__(self, name):
            self.called = name

    found = grad(lambda n: n.w**2 * len(n.called))(Net(3.0, "abc"))
    assert found.w == 18.0


def test_a_defaultdict_keeps_its_default():
    x = defaultdict(float, a=2.0)
    slopes = grad(lambda p: p["a"] ** 2 + p["missing"])(x)
    assert slopes["a"] == 4.0
    assert [*x] == ["a"]


def test_the_same_object_in_two_places_counts_twice():
    shared = [2.0]
    assert grad(lambda x: x[0][0] * x[1][0] ** 2)([shared, shared]) == [[4.0], [8.0]]


@pytest.mark.parametrize(
    ("x", "where"),
    [
        ({"a": [1.0, "b"]}, r"args\[0\]\['a'\]\[1\] must be a real number, not str 'b'"),
        (Layer(None), r"args\[0\]\.w must be a real number, not NoneType None"),
        (Point(1.0, 2j), r"args\[0\]\.y must be a real number, not complex 2j"),
        (A([[1.0, 2j]]), r"args\[0\]\[0\]\[0\] must be a real number, not complex"),
        (A([None], dtype=object), r"args\[0\]\[0\] must be a real number, not NoneType"),
        (A("2020-01-01", dtype="datetime64[D]"), r"args\[0\] must be a real number, not date"),
        ({1.0, 2.0}, r"args\[0\] must be a real number, not set"),
        ((n for n in [1.0]), r"args\[0\] must be a real number, not generator"),
        (Layer, r"args\[0\] must be a real number, not type"),
        (b"12", r"args\[0\] must be a real number, not bytes"),
    ],
)
def test_what_is_no_number_is_named_by_its_place(x, where):
    with pytest.raises(TypeError, match=where):
        grad(lambda x: 1.0)(x)


def test_an_int_too_large_for_a_float():
    with pytest.raises(OverflowError, match=r"args\[0\]\[0\].*has no float"):
        grad(lambda x: 1.0)([10**400])


# The class itself


TREES = st.recursive(
    st.floats(-9, 9) | st.lists(st.floats(-9, 9), max_size=3).map(np.array),
    lambda inner: st.lists(inner, max_size=3)
    | st.tuples(inner, inner)
    | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    | st.builds(Point, inner, inner)
    | st.builds(Slotted, inner, inner),
    max_leaves=8,
)


@given(TREES)
def test_taken_apart_and_built_again(tree):
    found = Structure(tree, "x", "test")
    assert found.numbers == [float(n) for n in numbers(tree)]
    same(found.built(found.numbers), tree)
    assert len(found.paths) == len(found.numbers) == len({*found.paths})
    for path, n in zip(found.paths, found.numbers, strict=True):
        assert eval(path, {"x": tree}) == n  # a path is how Python reaches it


@given(TREES)
def test_detached(tree):
    found = Structure(tree, "x", "test")
    same(detached(found.built([Value(n) for n in found.numbers])), tree)


@given(TREES)
def test_every_slope_finds_its_place(tree):
    n = len(numbers(tree))
    expected = [2.0 * i * float(x) for i, x in enumerate(numbers(tree), 1)]
    same(grad(weighted)(tree), Structure(tree, "x", "test").built(expected))
    table = hessian(weighted)(tree)
    dense = np.array(numbers(table), dtype=float)
    assert dense.size == n * n
    assert dense.sum() == n * (n + 1)


def test_what_a_dataclass_computes_of_its_fields():
    @dataclasses.dataclass
    class Square:
        side: float

        def __post_init__(self):
            self.area = self.side * self.side

    assert grad(lambda s: s.area * s.side)(Square(2.0)) == Square(12.0)


def test_a_cached_property_of_a_dict():
    class Parameters(dict):
        @functools.cached_property
        def area(self):
            return self["side"] ** 2

    given = Parameters(side=3.0)
    assert given.area == 9.0
    assert grad(lambda p: p.area)(given) == {"side": 6.0}


def test_times_are_no_numbers():
    with pytest.raises(TypeError, match="datetime64"):
        grad(np.sum)(np.array(["2020-01-01"], dtype="datetime64[ns]"))


def test_a_dataclass_that_converts_its_fields_is_taken_as_it_is():
    @dataclasses.dataclass
    class Angle:
        angle: float

        def __post_init__(self):
            self.angle = math.radians(self.angle)
            self.name = "x"

    given = Angle(90.0)
    assert ag.value_and_grad(lambda a: a.angle)(given)[0] == math.pi / 2
    assert grad(lambda a: a.angle**2)(given).angle == math.pi


def test_a_masked_array_is_refused():
    with pytest.raises(TypeError, match="mask"):
        grad(np.sum)(np.ma.array([1.0, 2.0], mask=[False, True]))
