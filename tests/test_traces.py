"""What a trace cannot see must not be frozen: an adversary's list."""

from __future__ import annotations

import dataclasses
import math
import warnings

import pytest

import autograd_lite as ag
from autograd_lite import Value


class Marked(list):
    scale = 1.0


@dataclasses.dataclass
class Point:
    a: float

    def __post_init__(self):
        self.k = 2.0


def matched(x, y):
    match (x > 0, y > 0):
        case (True, True):
            return x * 2
        case (True, False):
            return x * 3
        case _:
            return x * 4


def with_scale(scale):
    found = Marked([1.0, 2.0])
    found.scale = scale
    return found


def with_k(k):
    found = Point(1.0)
    found.k = k
    return found


def caught(x):
    try:
        return x * math.exp(x.data)
    except TypeError:
        return x * 3


CASES = {  # a function, and arguments of calls one after the other
    "match": (matched, [(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0)]),
    "is": (lambda x: x * 2 if (x > 0) is True else x * 3, [(1.0,), (-1.0,)]),
    "isinstance of a comparison": (lambda x: x * 2 if isinstance(x > 0, bool) else x, [(1.0,)]),
    "a set of data": (lambda x: x * 2 if x.data in {1.0, 2.0} else x * 3, [(1.0,), (3.0,)]),
    "a dict of data": (lambda x: x * {1.0: 5.0}.get(x.data, 0.0), [(1.0,), (2.0,)]),
    "different data": (lambda xs: xs[0] * len({x.data for x in xs}), [([3.0, 3.0],), ([3.0, 4.0],)]),
    "the type of data": (lambda x: x * 2 if isinstance(x.data, float) else x, [(1.0,)]),
    "an attribute": (lambda xs: sum(xs) * xs.scale, [(with_scale(2.0),), (with_scale(5.0),)]),
    "an attribute set later": (lambda d: d.a * d.k, [(with_k(2.0),), (with_k(5.0),)]),
    "a caught TypeError": (caught, [(1.0,)]),
    "a number and a comparison": (
        lambda x, y: x * (2 * (x > 0) | (y > 0)) + ((x > 0) // 1) + ((y > 0) << 2) + abs(x > y),
        [(1.0, 1.0), (1.0, -1.0), (-1.0, 2.0)]),
    "a comparison as the result": (lambda x: [x > 0, x], [(1.0,), (-1.0,)]),
    "a huge int": (lambda x: x * 2 if x < 10**400 else x, [(1.0,)]),
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("mode", ["fast", "strict"])
def test_nothing_is_frozen(name, mode):
    f, calls = CASES[name]
    compiled = ag.compile(f, mode=mode, backend="python")
    for args in calls:
        values = [[Value(v) for v in x] if type(x) is list else x if isinstance(x, (Marked, Point))
                  else Value(x) for x in args]  # fmt: skip
        y = f(*values)
        want = [float(v.data) if isinstance(v, Value) else float(v) for v in (y if type(y) is list else [y])]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that it runs as it is
            found = compiled(*args)
        assert (found if type(found) is list else [found]) == want, args


def test_a_parameter_that_the_first_call_makes_is_read_at_each_call():
    class Model:
        w = None

        def __call__(self, x):
            if self.w is None:
                self.w = Value(0.5)
            return self.w * x

    model = Model()
    f = ag.compile(model)
    assert f(2.0) == 1.0
    model.w.data = 3.0
    assert f(2.0) == 6.0


def test_an_operation_defined_again():
    def defined(k):
        return ag.operation("defined_again", lambda m, x: x * x * k, lambda m, y, x: (x * (2.0 * k),))

    op = defined(2.0)

    def f(x):
        return op(x) + 1.0

    before = ag.compile(f, backend="python")
    assert before.value_and_grad(3.0) == (19.0, 12.0)
    assert [*before.grad.map([3.0, 4.0])] == [12.0, 16.0]
    op = defined(5.0)
    assert [*before.grad.map([3.0, 4.0])] == [30.0, 40.0]
    assert ag.compile(f, backend="python").value_and_grad(3.0) == (46.0, 30.0)
    assert before.value_and_grad(3.0) == (46.0, 30.0)


@pytest.mark.parametrize("f", [
    lambda x: ag.where(ag.sin(x) > -9.0, x * x * 1.7, 0.0) + x * 3.3 + ag.sin(x),
    lambda x: (lambda c: c.data * (x * x * 1.7) + x * 3.3 + c)(ag.sin(x)),
])  # fmt: skip
def test_strict_adds_in_the_order_of_backward_beside_conditions_and_data(f):
    compiled = ag.compile(f, mode="strict", backend="python")
    for i in range(1, 200):
        assert compiled.grad(i / 7) == ag.grad(f)(i / 7)


def test_static_tuples_of_other_types_are_other_programs():
    f = ag.compile(lambda x, n: x * (100 if n[0] is True else 10 if isinstance(n[0], int) else 1),
                   static=1)  # fmt: skip
    assert [f(2.0, (1,)), f(2.0, (1.0,)), f(2.0, (True,))] == [20.0, 2.0, 200.0]


def test_many_paths_that_alternate():
    f = ag.compile(lambda x: x * 2 if x > 3 else x * 3 if x > 2 else x * 4 if x > 1 else x * 5)
    for _ in range(3):
        assert [f(x) for x in (4.0, 2.5, 1.5, 0.5)] == [8.0, 7.5, 6.0, 2.5]
        assert [f.grad(x) for x in (0.5, 1.5, 2.5, 4.0)] == [5.0, 4.0, 3.0, 2.0]
