"""One test for each line of the semantics: numbers, Values as Python objects, backward."""

from __future__ import annotations

import asyncio
import copy
import gc
import math
import pickle
import threading
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from support import ALL_ROWS, number

import autograd_lite as ag
from autograd_lite import Value
from autograd_lite.functions import values
from autograd_lite.ops import TABLE, floats

inf, nan = math.inf, math.nan


def slopes(f, *xs):
    """The value and the gradient."""
    vs = [Value(x) for x in xs]
    y = f(*vs)
    y.backward()
    return y.data, *(v.grad for v in vs)


def same(a, b):
    return a == b or (math.isnan(a) and math.isnan(b))


# Numbers


@pytest.mark.parametrize("x", [1, True, np.float64(1), np.float32(1), np.int8(1), np.bool_(True),
                               Fraction(1, 1), Decimal("1")])  # fmt: skip
def test_a_value_holds_a_float(x):
    v = Value(x)
    assert type(v.data) is float
    v.data = x
    assert type(v.data) is float
    assert v.data == 1.0


@pytest.mark.parametrize("x", ["1", None, 1j, np.array(1.0), [1.0], Value(1.0), b"1", object()])
def test_what_is_not_a_number_is_refused_with_its_type(x):
    with pytest.raises(TypeError, match=f"data must be a real number, not {type(x).__name__}"):
        Value(x)
    v = Value(0.0)
    with pytest.raises(TypeError, match=type(x).__name__):
        v.data = x
    assert v.data == 0.0


def test_an_int_too_large_is_named():
    with pytest.raises(OverflowError, match="1000000"):
        Value(10**400)
    with pytest.raises(OverflowError, match="bits"):
        Value(10**5000)
    with pytest.raises(ValueError, match="sNaN"):
        Value(Decimal("sNaN"))


@pytest.mark.parametrize(
    ("f", "x", "value", "slope"),
    [
        (ag.log, 0.0, -inf, inf),
        (ag.log, -1.0, nan, nan),
        (ag.log1p, -1.0, -inf, inf),
        (ag.log1p, -2.0, nan, nan),
        (ag.sqrt, -1.0, nan, nan),
        (ag.sqrt, 0.0, 0.0, inf),
        (ag.exp, 1000.0, inf, inf),
        (ag.sinh, -1000.0, -inf, inf),
        (ag.arctanh, 1.0, inf, inf),
        (ag.arctanh, -2.0, nan, nan),
        (ag.arcsin, 2.0, nan, nan),
        (ag.arccosh, 0.5, nan, nan),
        (ag.tan, inf, nan, nan),
        (lambda v: 1 / v, 0.0, inf, -inf),
        (lambda v: v / 0, 1.0, inf, inf),
        (ag.reciprocal, 0.0, inf, -inf),
    ],
)
def test_ieee_answers_instead_of_exceptions(f, x, value, slope):
    y, dy = slopes(f, x)
    assert same(y, value)
    assert same(dy, slope)


LINEAR = ("add", "sub", "neg", "sum", "dot", "mul", "prod", "where")


@pytest.mark.parametrize("row", [r for r in ALL_ROWS if r.name not in LINEAR], ids=lambda r: r.name)
def test_nan_in_nan_out_and_nan_slope(row):
    for sample in row.points():
        for i in range(len(sample)):
            xs = list(sample)
            xs[i] = nan
            if (row.name, i) in (("round", 1), ("leaky_relu", 1), ("elu", 1)):
                continue  # parameters of an arm that may not be taken
            if row.name == "pow" and xs[1] in (0.0, 1.0):
                continue  # x**0 is 1 for every x, and x**1 is linear
            y = row.value(floats, *xs)
            assert math.isnan(y), (row.name, xs)
            if (row.name, i) not in (("div", 0), ("l2_penalty", 0)):  # linear in this one
                assert math.isnan(row.partials(floats, y, *xs)[i]), (row.name, xs)
            recorded = values.__dict__[row.name](*map(Value, xs))
            assert math.isnan(recorded.data)


@pytest.mark.parametrize("name", ["add", "sub", "mul", "neg", "sum", "dot", "prod"])
def test_nan_in_nan_out_where_slopes_are_constants(name):
    row = TABLE[name]
    for sample in row.points():
        for i in range(len(sample)):
            xs = [nan if j == i else x for j, x in enumerate(sample)]
            assert math.isnan(row.value(floats, *xs))


def test_floor_of_infinity():
    for f in (ag.floor, ag.ceil, ag.round, ag.trunc):
        assert slopes(f, inf) == (inf, 0.0)
        assert f(np.array([-inf]))[0] == -inf


@pytest.mark.parametrize("f", [ag.relu, ag.abs, ag.sign])
def test_slope_zero_at_zero(f):
    assert slopes(f, 0.0) == (0.0, 0.0)
    assert slopes(f, -0.0)[1] == 0.0


def test_ties_share_the_slope():
    assert slopes(ag.maximum, 2.0, 2.0) == (2.0, 0.5, 0.5)
    assert slopes(ag.minimum, inf, inf) == (inf, 0.5, 0.5)
    assert all(map(math.isnan, slopes(ag.maximum, nan, 1.0)))
    assert all(map(math.isnan, slopes(ag.minimum, 1.0, nan)))


def test_builtin_max_min_sorted_return_an_operand():
    a, b, c = Value(1.0), Value(3.0), Value(2.0)
    assert max(a, b, c) is b
    assert min([a, b, c]) is a
    assert [v.data for v in sorted([a, b, c])] == [1.0, 2.0, 3.0]
    assert sorted([a, b, c])[1] is c


@pytest.mark.parametrize("x", [0.0, 3.0, -2.0, 1e-320, inf])
def test_power_zero(x):
    assert slopes(lambda v: v**0, x) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("n", "value", "slope"),
    [(1, 0.0, 1.0), (2, 0.0, 0.0), (3.5, 0.0, 0.0), (0.5, 0.0, inf), (0.1, 0.0, inf),
     (-1, inf, -inf), (-2, inf, -inf), (-0.5, inf, -inf)],
)  # fmt: skip
def test_constant_powers_at_zero(n, value, slope):
    assert slopes(lambda v: v**n, 0.0) == (value, slope)
    y, dx, _ = slopes(lambda v, e: v**e, 0.0, n)
    assert (y, dx) == (value, slope)


def test_power_of_values():
    assert slopes(lambda x, y: x**y, 0.0, 2.0)[2] == 0.0
    assert slopes(lambda x, y: x**y, 0.0, 0.0) == (1.0, 0.0, 0.0)
    assert slopes(lambda x, y: x**y, 3.0, 0.0) == (1.0, 0.0, math.log(3.0))
    y, dx, dy = slopes(lambda x, y: x**y, -2.0, 3.0)
    assert (y, dx) == (-8.0, 12.0)
    assert math.isnan(dy)
    assert all(map(math.isnan, slopes(lambda x, y: x**y, -2.0, 0.5)))
    assert math.isnan((Value(-8.0) ** (1 / 3)).data)
    assert slopes(lambda v: 2**v, 3.0) == pytest.approx((8.0, 8 * math.log(2)), rel=1e-15)


def test_slopes_of_steps():
    for f in (ag.floor, ag.ceil, ag.round, ag.trunc, ag.sign):
        assert slopes(f, 2.5)[1] == 0.0
        assert slopes(f, 2.0)[1] == 0.0
    assert slopes(lambda x, y: x % y, 7.5, 2.0) == (1.5, 1.0, -3.0)
    assert slopes(lambda x, y: x % y, -7.5, 2.0) == (0.5, 1.0, 4.0)
    assert slopes(lambda x, y: x // y, 7.5, 2.0) == (3.0, 0.0, 0.0)
    assert divmod(Value(7.5), 2)[1].data == 1.5
    assert divmod(7.5, Value(2))[0].data == 3.0


def test_a_zero_adjoint_passes_on_zero():
    assert slopes(lambda x: ag.where(x > 0, x.log(), 0.0), -1.0) == (0.0, 0.0)
    assert slopes(lambda x: x * x.sqrt() * 0.0, 0.0)[1] == 0.0
    assert slopes(lambda x: x * x.sqrt(), 0.0) == (0.0, 0.0)
    assert math.isnan(slopes(lambda x: (x * x).sqrt(), 0.0)[1])


def test_hypot_and_arctan2_at_zero():
    assert slopes(ag.hypot, 0.0, 0.0) == (0.0, 0.0, 0.0)
    assert all(map(math.isnan, slopes(ag.arctan2, 0.0, 0.0)[1:]))


@pytest.mark.parametrize("x", [-inf, -1e308, -750.0, -1e-320, 0.0, 40.0, 1e5, 1e308, inf])
def test_stable_for_every_float(x):
    for f in (ag.sigmoid, ag.tanh):
        y, dy = slopes(f, x)
        assert -1.0 <= y <= 1.0
        assert 0.0 <= dy <= 1.0
    y, dy = slopes(ag.softplus, x)
    assert y >= 0.0
    assert 0.0 <= dy <= 1.0
    assert ag.logsumexp([x, x]) >= x
    if math.isfinite(x):
        assert ag.softmax([x, x]) == [0.5, 0.5]


# A Value as a Python object


def test_comparisons_compare_numbers():
    v, w = Value(2.0), Value(3.0)
    assert v < w
    assert v <= 2
    assert v > Fraction(1, 2)
    assert v <= 3
    assert v == 2
    assert v != w
    assert v == Value(2.0)
    assert v < 10**400
    assert not v > nan
    assert (v == None) is False  # noqa: E711
    assert (v != None) is True  # noqa: E711
    assert v != "2"
    with pytest.raises(TypeError, match="not supported"):
        _ = v < "2"


def test_hash_is_by_identity():
    v, w = Value(2.0), Value(2.0)
    assert {v: 1, w: 2} == {v: 1, w: 2}
    assert len({v, w}) == 2


def test_lists_compare_numbers():
    v, w = Value(2.0), Value(3.0)
    assert 3.0 in [v, w]
    assert [v, w].index(3) == 1
    assert [v, v, w].count(2) == 2


def test_bool():
    assert Value(0.1)
    assert not Value(0.0)
    assert Value(nan)


def test_reading_a_value_as_a_number_is_refused():
    v = Value(2.0)
    message = r"would drop its gradient: use \.data for the number or autograd_lite\.sin\(v\)"
    for f in (float, int, complex, math.sin, math.exp, lambda v: math.pow(v, 2)):
        with pytest.raises(TypeError, match=message):
            f(v)
    array = np.zeros(2)
    with pytest.raises((TypeError, ValueError)):
        array[0] = v
    with pytest.raises(TypeError):
        [1, 2, 3][v]


def test_format_and_repr():
    v = Value(2.0, label="x")
    assert f"{v:.3f}" == "2.000"
    assert repr(v) == "Value(data=2.0, grad=0.0, label='x')"
    assert f"{v}" == str(v) == repr(v)
    assert repr(Value(2)) == "Value(data=2.0, grad=0.0)"


@pytest.mark.parametrize(
    "c", [3, 3.0, True, np.float64(3), np.float32(3), np.int64(3), Fraction(3)]
)
def test_reflected_operators(c):
    v, x = Value(2.0), float(c)
    for ours, theirs in [(c + v, x + 2), (c - v, x - 2), (c * v, x * 2), (c / v, x / 2),
                         (c**v, x**2), (c % v, x % 2), (c // v, x // 2)]:  # fmt: skip
        assert type(ours) is Value
        assert ours.data == theirs


@pytest.mark.parametrize("c", [Decimal(3), "3", None, [1], 1j])
def test_unknown_operand_types_are_pythons_own_error(c):
    v = Value(2.0)
    for f in (lambda: v + c, lambda: c + v, lambda: v / c, lambda: c**v, lambda: v % c):
        with pytest.raises(TypeError, match=r"unsupported operand|can only concatenate|can't"):
            f()


def test_numpy():
    v, w = Value(2.0), Value(3.0)
    arr = np.array([v, w])
    assert arr.dtype == object
    assert np.exp(arr)[0].data == math.exp(2.0)
    assert (arr @ arr).data == 13.0
    assert np.mean(arr).data == 2.5
    assert np.sum(arr).data == 5.0
    assert np.dot(arr, np.array([1.0, 2.0])).data == 8.0
    assert (np.float64(2) * v).data == 4.0
    assert (np.array([1.0, 2.0]) * v)[1].data == 4.0
    assert (v - np.array([1.0, 2.0]))[0].data == 1.0
    for name in ("log1p", "arctan2", "rint", "conjugate", "sqrt", "floor", "ceil", "trunc", "cbrt",
                 "exp2", "hypot", "arcsinh", "absolute", "fabs", "square", "sign", "reciprocal"):  # fmt: skip
        f = getattr(np, name)
        two = f.nin == 2
        ours = f(arr, arr) if two else f(arr)
        plain = np.array([2.0, 3.0])
        got = [number(x) for x in ours]
        assert np.allclose(got, f(plain, plain) if two else f(plain)), name
    assert np.maximum(v, w) is w
    assert np.clip(arr, 0.0, 2.5)[1] == 2.5
    grads = np.array([v, w]) * np.array([3.0, 4.0])
    np.sum(grads).backward()
    assert (v.grad, w.grad) == (3.0, 4.0)
    with pytest.raises(TypeError):
        np.isnan(arr)


def test_division_is_its_own_operation():
    assert (Value(1.0) / Value(3.0)).op.name == "div"
    assert (Value(1.0) / Value(3.0)).data == 1 / 3


def test_the_start_of_sum_makes_no_node():
    v = Value(1.0)
    assert sum([v]) is v
    assert len(ag.order(sum([v, v]))) == 2


def test_in_place_operators_rebind():
    v = Value(1.0)
    w = v
    w += 1
    assert v.data == 1.0
    assert w.args[0] is v


def test_copies_keep_the_graph():
    x = Value(2.0, label="x")
    y = x * x
    z = y.exp() + y
    z.label = "z"
    z.backward()
    for twin, (y2, x2) in [
        (copy.deepcopy([z, [y, x]])[0], copy.deepcopy([z, [y, x]])[1]),
        pickle.loads(pickle.dumps([z, [y, x]])),
    ]:
        assert (twin.data, twin.grad, twin.label) == (z.data, z.grad, "z")
        assert (y2.grad, x2.grad, x2.label) == (y.grad, x.grad, "x")
    z2, y2, x2 = copy.deepcopy([z, y, x])
    assert z2.args[1] is y2
    assert z2.args[0].args[0] is y2
    assert y2.args[0] is x2
    z3, y3, x3 = pickle.loads(pickle.dumps([z, y, x]))
    assert y3.args[0] is x3
    assert x3 in {v for v in ag.order(z3) if v is x3}
    shallow = copy.copy(z)
    assert shallow is not z
    assert shallow.args[1] is y
    with ag.no_grad():
        assert copy.deepcopy(y).args
    x2.grad = 0.0
    z2.backward()
    assert x2.grad == x.grad


def test_microgads_views_exist_and_are_read_only():
    a, b = Value(1.0), Value(2.0)
    c = a + b
    assert c._prev == {a, b}
    assert c._op == "+"
    with pytest.raises(AttributeError):
        c._prev = set()
    with pytest.raises(AttributeError):
        c._op = "-"


# backward


def test_grad_is_always_a_number():
    v = Value(1.0)
    v.grad = 3
    assert type(v.grad) is float
    with pytest.raises(TypeError, match="grad"):
        v.grad = None


def test_recorded_derivatives_stand_when_data_changes():
    x = Value(3.0)
    y = x * x
    x.data = 100.0
    y.backward()
    assert x.grad == 6.0


def test_an_exception_while_building_leaves_a_usable_graph():
    x = Value(3.0)
    y = x * 2
    with pytest.raises(TypeError):
        _ = y + "a"
    (y * y).backward()
    assert x.grad == 24.0


def test_no_grad_in_threads_and_async_code():
    x = Value(2.0)
    inside, outside = threading.Event(), threading.Event()
    seen = {}

    def other():
        inside.wait(5)
        seen["thread"] = (x * x).args
        outside.set()

    thread = threading.Thread(target=other)
    thread.start()
    with ag.no_grad():
        inside.set()
        outside.wait(5)
        assert (x * x).args == ()
    thread.join()
    assert len(seen["thread"]) == 2

    async def without():
        with ag.no_grad():
            await asyncio.sleep(0.001)
            return (x + 1).args

    async def recorded():
        await asyncio.sleep(0.0005)
        return (x + 1).args

    async def both():
        return await asyncio.gather(without(), recorded())

    assert [len(args) for args in asyncio.run(both())] == [0, 2]
    assert len((x + 1).args) == 2

    @ag.no_grad()
    def decorated():
        return x * 2

    assert decorated().args == ()
    with pytest.raises(ZeroDivisionError), ag.no_grad():
        _ = 1 / 0
    assert (x * 2).args


def test_the_collectors_settings_are_left_alone():
    before = gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()
    x = Value(2.0)
    (x * x).backward()
    assert (gc.isenabled(), gc.get_threshold(), gc.get_freeze_count()) == before


def test_zero_grad_reaches_all():
    net = ag.MLP(2, [2, 1], seed=1)
    net([1.0, 2.0]).backward()
    net.zero_grad()
    assert all(p.grad == 0.0 for p in net.parameters())


# Found by trying to break it


def test_generators_that_leave_no_grad_in_another_order():
    def numbers():
        with ag.no_grad():
            yield 1

    x = Value(2.0)
    first, second = numbers(), numbers()
    next(first), next(second)
    first.close()
    assert (x * x).args == ()
    second.close()
    with ag.no_grad():
        pass
    assert (x * x).args == (x, x)
    third = numbers()
    next(third)
    thread = threading.Thread(target=third.close)
    thread.start()
    thread.join()
    assert (x * x).args == (x, x)


def test_no_grad_decorates_coroutines_and_refuses_generators():
    x = Value(2.0)

    @ag.no_grad()
    async def coroutine():
        await asyncio.sleep(0)
        return (x * x).args

    assert asyncio.run(coroutine()) == ()
    with pytest.raises(TypeError, match="is a generator"):

        @ag.no_grad()
        def generator():
            yield x


@pytest.mark.parametrize("condition", ["a", [False, False], None, 1j])
def test_a_condition_is_a_bool_a_number_or_a_value(condition):
    with pytest.raises(TypeError, match="where: condition"):
        ag.where(condition, 1.0, 2.0)
    assert ag.where(Value(0.0), 1.0, 2.0) == 2.0


def test_powers_of_minus_zero():
    assert (Value(-0.0) ** -0.5).data == inf
    assert slopes(lambda v: v**0.5, -0.0)[1] == inf
    assert (Value(-0.0) ** -3).data == -inf


def test_sums_whose_partial_sums_overflow():
    assert ag.sum([1e308, 1e308, -1e308]) == 1e308
    assert ag.dot([1e308, 1e308, -1e308], [1.0, 1.0, 1.0]) == 1e308
    assert ag.sum([1e308, 1e308]) == inf
    assert math.isnan(ag.sum([inf, -inf]))


@pytest.mark.parametrize("x", [5e-324, 1e-310, 1.5e308])
def test_slopes_of_hypot_and_arctan2_at_the_ends_of_the_range(x):
    _, da, db = slopes(ag.hypot, x, x)
    assert (da, db) == pytest.approx((math.sqrt(0.5),) * 2, rel=1e-15)
    _, da, db = slopes(ag.arctan2, 3.15e-8, 5e-324)
    assert da == pytest.approx(5e-324 / 3.15e-8**2, rel=1e-15)
    _, _, db = slopes(lambda a, b: a / b, 7.9e-322, 1.675e-7)
    assert db == pytest.approx(-7.9e-322 / 1.675e-7**2, rel=1e-15)


def test_round_needs_a_whole_number_of_digits():
    assert math.isnan(ag.round(1.5, nan))
    assert math.isnan(ag.round(1.55, 0.9))


def test_decimals_are_compared_as_floats_compare_them():
    assert Value(2.0) == Decimal(2)
    assert Value(2.0) < Decimal("2.5")


def test_help_shows_the_arguments():
    assert "clip(a, low=-inf, high=inf)" in ag.clip.__doc__
    with pytest.raises(TypeError, match="no argument 'min'"):
        ag.clip(1.0, min=0)
    with pytest.raises(TypeError, match="2 are too many"):
        ag.sin(1, 2)
