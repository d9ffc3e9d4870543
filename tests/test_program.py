"""Programs: made, read, run, differentiated, simplified, kept as JSON, and refused if tampered."""

from __future__ import annotations

import builtins
import copy
import json
import math
import operator
import pickle
import random
import struct
import sys
from unittest import mock

import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Instruction, Program, Value, gradient, operation
from autograd_lite.ops import CUSTOM, TABLE
from autograd_lite.program import Builder, Linear, adjoint, simplified
from autograd_lite.testing import expressions, random_function

POINTS = st.tuples(st.floats(-3, 3), st.floats(-3, 3))
ANY = st.tuples(st.floats(), st.floats())  # infinities and nan too


def bits(xs):
    """Every bit of floats and Values; one nan is as good as another."""
    numbers = [x.data if isinstance(x, Value) else x for x in xs]
    return [struct.pack("d", math.nan if x != x else x) for x in numbers]


def program_of(f, at):
    xs = [Value(x) for x in at]
    return Program.of([f(*xs)], xs)


# Making and reading


def test_of_and_print():
    x, w = Value(2.0, label="x"), Value(-3.0, label="w")
    y = (w * x + 6.88).tanh()
    program = Program.of([y, x, 1.5], [x, w])
    assert program.inputs == ("x", "w")
    assert program.instructions == (
        Instruction("mul", (1, 0)), Instruction("add", (2, 6.88)), Instruction("tanh", (3,)))  # fmt: skip
    assert program.outputs == (4, 0, 1.5)
    assert str(program) == (
        "inputs x, w\nv1 = w*x\nv2 = v1 + 6.88\nv3 = tanh(v2)\nreturn v3, x, 1.5")
    assert repr(program) == "<Program: 2 inputs, 3 instructions, 3 outputs>"
    assert program(2.0, -3.0) == [math.tanh(0.88), 2.0, 1.5]
    assert program(2, True) == program(2.0, 1.0)


def test_inputs_left_out_are_leaves_named_or_numbered():
    a, b, c = Value(1.0, label="a"), Value(2.0), Value(3.0, label="a")
    program = Program.of([a * b + c])
    assert program.inputs == ("a", "x2", "x3")
    assert program(5.0, 7.0, 11.0) == [46.0]
    assert Program.of([a * b + c], [a, c])(5.0, 11.0) == [21.0]  # b is the constant 2


def test_an_input_may_be_an_inner_node_or_unused():
    x, unused = Value(2.0), Value(9.0)
    inner = x * x
    program = Program.of([inner.exp() * x], [inner, unused])
    assert program(3.0, 0.0) == [math.exp(3.0) * 2.0]
    assert Program.of([], [x])(1.0) == []
    assert Program.of([])() == []
    assert str(Program.of([2.5])) == "inputs\nreturn 2.5"


def test_what_is_recorded_once_is_computed_once():
    x = Value(0.5)
    y = ag.exp(x)
    assert len(Program.of([y * y + y], [x]).instructions) == 3


def test_names_of_the_program_do_not_collide_with_those_of_inputs():
    xs = [Value(1.0, label=name) for name in ("v1", "v2", "v1")]
    text = str(Program.of([xs[0] * xs[1] * xs[2]], xs))
    names = [line.split(" = ")[0] for line in text.splitlines()[1:-1]]
    heads = text.splitlines()[0].removeprefix("inputs ").split(", ")
    assert len({*names, *heads}) == 5


@pytest.mark.parametrize(
    ("wrong", "error", "words"),
    [
        (lambda: Program.of(Value(1.0)), TypeError, "outputs must be an iterable.*give a list"),
        (lambda: Program.of(["a"]), TypeError, r"outputs\[0\] must be a real number"),
        (lambda: Program.of([Value(1.0)], [1.0]), TypeError, r"inputs\[0\] must be a Value"),
        (lambda: Program(["x"], [], [0])(), TypeError, "0 inputs for 1: x"),
        (lambda: Program(["x"], [], [0])(1.0, 2.0), TypeError, "2 inputs for 1: x"),
        (lambda: Program(["x"], [], [0])("a"), TypeError, "x must be a real number, not str 'a'"),
        (lambda: Program(["x"], [("exp", 0)], [0]), (TypeError, ValueError), "exp"),
    ],
)
def test_wrong_use(wrong, error, words):
    with pytest.raises(error, match=words):
        wrong()


# Running


@given(f=expressions(inputs=2, kinked=True), at=POINTS)
def test_a_program_has_the_bits_of_the_function(f, at):
    program = program_of(f, at)
    eager = [f(*at)]
    assert bits(program(*at)) == bits(eager)
    xs = [Value(x) for x in at]
    (y,) = program(*xs)
    assert bits([y]) == bits(eager)
    z = f(*xs)
    assume(isinstance(z, Value))
    assert isinstance(y, Value)
    assert bits(gradient(y, xs)) == bits(gradient(z, xs))


@given(f=expressions(inputs=2), at=POINTS, other=ANY)
def test_it_has_them_at_any_other_point_too(f, at, other):
    """A smooth expression has no branch, so what is recorded at one point is the function."""
    try:
        eager = [f(*other)]
    except (OverflowError, ZeroDivisionError):  # Python's own 1.5**x, of floats
        reject()
    assert bits(program_of(f, at)(*other)) == bits(eager)


def test_a_branch_of_python_stays_taken_and_where_decides_anew():
    x = Value(2.0)
    y = x * 3 if x > 0 else -x
    assert Program.of([y], [x])(-1.0) == [-3.0]
    assert Program.of([ag.maximum(x, 0.0), ag.relu(x)], [x])(-1.0) == [0.0, 0.0]
    decide = Program(["x"], [("gt", (0, 0.0)), ("neg", (0,)), ("where", (1, 0, 2))], [3])
    assert [decide(x)[0] for x in (2.0, -2.0)] == [2.0, 2.0]
    assert decide(Value(-2.0))[0].data == 2.0
    (slope,) = gradient(decide(x)[0], [x])
    assert slope.data == 1.0


@pytest.mark.parametrize("op", ["lt", "le", "gt", "ge", "eq", "ne"])
def test_conditions(op):
    compare = getattr(operator, op)
    program = Program(["a", "b"], [(op, (0, 1)), ("where", (2, 1.0, 0.0))], [3])
    both = Program(
        ["a", "b"],
        [(op, (0, 1)), ("gt", (0, 0.0)), ("and", (2, 3)), ("or", (2, 3)),
         ("where", (4, 1.0, 0.0)), ("where", (5, 1.0, 0.0))], [6, 7])  # fmt: skip
    for a in (-1.0, 0.0, 1.0, math.nan, math.inf):
        for b in (-1.0, -0.0, 1.0, math.nan):
            expected = [float(compare(a, b))]
            assert program(a, b) == expected
            assert [float(y) if isinstance(y, float) else y.data
                    for y in program(Value(a), Value(b))] == expected  # fmt: skip
            assert simplified(program)(a, b) == expected
            two = [float(compare(a, b) and a > 0), float(compare(a, b) or a > 0)]
            assert both(a, b) == simplified(both)(a, b) == two


# The gradient as a program


@given(f=expressions(inputs=2, kinked=True), at=POINTS)
def test_adjoint_is_the_gradient(f, at):
    program = program_of(f, at)
    slopes = adjoint(program)
    assert slopes.inputs[:2] == program.inputs
    assert len(slopes.inputs) == 3
    xs = [Value(x) for x in at]
    y = f(*xs)
    assume(isinstance(y, Value))
    expected = [v.data for v in gradient(y, xs)]
    found = slopes(*at, 1.0)
    assume(all(map(math.isfinite, found)))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)
    assert slopes(*at, -2.0) == pytest.approx([-2 * x for x in expected], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("seed", range(30))
def test_adjoint_of_adjoint_is_the_hessian(seed):
    """At rounding's scale: the entries of one matrix are sums of the same products."""
    f, at = random_function(random.Random(seed), inputs=2), (0.6, -1.3)
    twice = adjoint(adjoint(program_of(f, at)))
    assert len(twice.inputs) == 5  # x, y, the weight; then one for each slope
    xs = [Value(x) for x in at]
    slopes = gradient(f(*xs), xs)
    H = [[v.data for v in gradient(s, xs)] for s in slopes]
    size = max(1.0, *(abs(h) for row in H for h in row), *(abs(s.data) for s in slopes))
    for i in range(2):
        *row, by_weight = twice(*at, 1.0, float(i == 0), float(i == 1))
        assert row == pytest.approx(H[i], rel=1e-11, abs=1e-12 * size), f
        assert by_weight == pytest.approx(slopes[i].data, rel=1e-11, abs=1e-12 * size)


def test_adjoint_of_several_outputs_has_a_weight_for_each():
    x, y = Value(2.0, label="x"), Value(3.0, label="weight_1")
    program = adjoint(Program.of([x * y, x + y, 7.0], [x, y]))
    assert program.inputs == ("x", "weight_1", "weight_2", "weight_3", "weight_4")
    assert program(2.0, 3.0, 1.0, 0.0, 5.0) == [3.0, 2.0]
    assert program(2.0, 3.0, 0.0, 1.0, 5.0) == [1.0, 1.0]


@pytest.mark.parametrize("name", [n for n, row in TABLE.items() if row.arity])
def test_adjoint_of_every_row(name):
    """The rule of each row as a program, against the same rule in floats."""
    row = TABLE[name]
    names = [*row.defaults]
    program = Program(names, [(name, tuple(range(row.arity)))], [row.arity])
    slopes = adjoint(program)
    for at in row.points():
        full = [*row.complete(at)]
        expected = row.partials(ag.ops.floats, row.value(ag.ops.floats, *full), *full)
        if all(map(math.isfinite, [*expected, *full])):
            assert slopes(*full, 1.0) == pytest.approx([*expected], rel=1e-14, abs=0), at
            assert bits(simplified(slopes)(*full, 1.0)) == bits(slopes(*full, 1.0))


def test_adjoint_passes_by_what_has_no_slope():
    program = Program(["x"], [("size", (0, 1.0)), ("div", (0, 1)), ("lt", (0, 0.0)),
                              ("where", (3, 2, 0))], [4])  # fmt: skip
    assert adjoint(program)(8.0, 1.0) == [1.0]
    assert adjoint(program)(-8.0, 1.0) == [1 / 16]


def test_linear_at_numbers_and_at_symbols():
    program = Program(["x", "y"], [("mul", (0, 1)), ("exp", (2,))], [3, 2, 0, 1.0])
    slots, linear = Linear.at(program, [2.0, 0.5], ag.ops.floats)
    assert slots == [2.0, 0.5, 1.0, math.e]
    assert program.taken(slots) == [math.e, 1.0, 2.0, 1.0]
    assert linear.pull([1.0, 10.0, 100.0, 1000.0]) == pytest.approx(
        [0.5 * math.e + 5 + 100, 2 * math.e + 20], rel=1e-15)
    assert linear.push([1.0, 0.0]) == pytest.approx([0.5 * math.e, 0.5, 1.0, 0.0], rel=1e-15)
    assert linear.pattern() == [[0, 1], [0, 1], [0], []]


# Simplifying


@given(f=expressions(inputs=2, kinked=True), at=POINTS, other=ANY)
def test_simplified_leaves_every_bit(f, at, other):
    program = program_of(f, at)
    slopes = adjoint(program)
    for p, weights in ((program, ()), (slopes, (1.0,)), (slopes, (-0.0,))):
        short = simplified(p)
        assert len(short.instructions) <= len(p.instructions)
        assert short.inputs == p.inputs
        for x in (at, other):
            assert bits(short(*x, *weights)) == bits(p(*x, *weights))


def test_simplified_shares_folds_and_drops():
    wasteful = [
        ("exp", (0,)), ("exp", (0,)), ("mul", (0, 1)), ("mul", (1, 0)),  # shared
        ("exp", (1.0,)), ("add", (6, 1.0)),  # folded
        ("sin", (0,)),  # dropped
        ("add", (4, 5)), ("mul", (7, 1.0)), ("add", (9, 10)), ("mul", (2, 3)),
    ]  # fmt: skip
    short = simplified(Program(["x", "y"], wasteful, [11, 12]))
    assert [i.op for i in short.instructions] == ["exp", "mul", "add", "add", "mul"]
    assert short(0.7, 3.0) == Program(["x", "y"], wasteful, [11, 12])(0.7, 3.0)


@pytest.mark.parametrize(
    "instructions",
    [
        [("add", (0, 0.0))],  # -0.0 + 0.0 is 0.0
        [("add", (0, -0.0)), ("add", (0, 0.0)), ("div", (1.0, 1)), ("div", (1.0, 2)),
         ("add", (3, 4))],
        [("mul", (0, 0.0))],  # inf * 0 is nan
        [("sub", (0, 0))],
        [("div", (0, 0))],
        [("pow", (0, 1.0))],
        [("mul", (0, -1.0)), ("neg", (1,))],
        [("where", (1.0, 0, math.nan))],
        [("mul", (1.0, 0))],
        [("div", (1.0, -0.0)), ("maximum", (0, 1))],
    ],
)  # fmt: skip
def test_simplified_at_the_edges(instructions):
    program = Program(["x"], instructions, [len(instructions)])
    for x in (0.0, -0.0, 1.0, -1.5, math.inf, -math.inf, math.nan, 5e-324, 1e308):
        assert bits(simplified(program)(x)) == bits(program(x))


# Equality


def test_equality_and_hash():
    make = lambda *c, name="x", op="add": Program([name], [(op, (0, *c))], [1])  # noqa: E731
    assert make(1.0) == make(1.0)
    assert hash(make(1.0)) == hash(make(1.0))
    assert make(0.0) != make(-0.0)
    assert hash(make(0.0)) != hash(make(-0.0))
    assert make(math.nan) == make(math.nan)
    assert make(1.0) != make(0)  # the slot 0 is no constant
    assert make(1.0) != make(1.0, name="y")
    assert make(1.0) != make(1.0, op="mul")
    assert make(0.0) != make(0)
    assert make(1.0) != "x"
    assert len({make(0.0), make(-0.0), make(0.0), make(0)}) == 3
    first, second = Program(["x"], [], [0]), Program(["x"], [], [0.0])
    assert first != second
    # a name made at run time is another object
    assert make(1.0, name="".join(["lo", "ng"])) == make(1.0, name="long")


def test_a_program_does_not_change_afterwards():
    names, args, outputs = ["x"], [0, 2.0], [1]
    instructions = [("mul", args)]
    program, same = Program(names, instructions, outputs), Program(["x"], [("mul", (0, 2.0))], [1])
    assert program == same
    before = hash(program)
    args[1] = 3.0
    names[0], outputs[0] = "y", 0
    instructions.clear()
    assert program == same
    assert hash(program) == before
    assert program(5.0) == [10.0]


def test_copies_and_pickles():
    program = Program(["x"], [("mul", (0, -0.0))], [1, math.nan])
    for other in (copy.copy(program), copy.deepcopy(program), pickle.loads(pickle.dumps(program))):
        assert other == program


# JSON

CONSTANTS = [0.0, -0.0, 1.0, -1.0, 0.1, 1 / 3, 1e22, 1e-7, 2.0**53, 2.0**53 + 2, 5e-324, -5e-324,
             2.2250738585072014e-308, 2.225073858507201e-308, sys.float_info.max,
             -sys.float_info.max, math.inf, -math.inf, math.nan]  # fmt: skip


def round_trip(program):
    text = program.to_json()
    json.loads(text, parse_constant=pytest.fail)  # NaN and Infinity are not JSON
    again = Program.from_json(text)
    assert again == program
    assert hash(again) == hash(program)
    assert again.to_json() == text
    assert str(again) == str(program)
    return again


@pytest.mark.parametrize("c", CONSTANTS)
def test_json_keeps_every_bit_of_a_constant(c):
    again = round_trip(Program(["x"], [("add", (0, c))], [1, c]))
    assert bits([again.instructions[0].args[1], again.outputs[1]]) == bits([c, c])
    assert type(again.outputs[1]) is float
    assert type(again.instructions[0].args[0]) is int


@given(st.lists(st.floats(), min_size=1, max_size=8))
def test_json_keeps_every_bit_of_any_constants(constants):
    constants = [math.nan if c != c else c for c in constants]
    again = round_trip(Program(["x"], [("sum", (0, *constants))], [1, *constants]))
    assert bits(again.outputs[1:]) == bits(constants)


@pytest.mark.parametrize("undefined", [math.inf - math.inf, -math.nan, math.inf * 0.0])
def test_nan_is_one_constant_whatever_its_bits(undefined):
    """Processors differ in the sign of the nan they make, and JSON has one word for all."""
    program = Program(["x"], [("add", (0, undefined))], [1, undefined])
    assert program == Program(["x"], [("add", (0, math.nan))], [1, math.nan])
    round_trip(program)


@given(f=expressions(inputs=2, kinked=True), at=POINTS)
def test_json_of_random_programs(f, at):
    program = program_of(f, at)
    assert bits(round_trip(program)(*at)) == bits(program(*at))
    round_trip(adjoint(program))


def test_json_of_any_names_and_of_bytes():
    names = ["w_{1,2}", "größe", '"', "\\", "", "a\nb", "σ", "%0", "nan", "\u2028"]
    program = Program(names, [("prod", tuple(range(len(names))))], [len(names)])
    assert round_trip(program).inputs == tuple(names)
    assert Program.from_json(program.to_json().encode()) == program


GOOD = {"program": 1, "inputs": ["x", "y"], "instructions": [["mul", "%0", "%1"], ["exp", "%2"]],
        "outputs": ["%3"]}  # fmt: skip


def with_lines(*lines, **more):
    return json.dumps({**GOOD, "instructions": lines, "outputs": ["%0"], **more})


TAMPERED = {
    "unknown operation": (with_lines(["mull", "%0", "%1"]), "'mull': there is no such operation"),
    "a built-in": (with_lines(["eval", "%0"]), "'eval': there is no such operation"),
    "an import": (with_lines(["__import__", "%0"]), "'__import__': there is no such operation"),
    "an attribute": (with_lines(["__class__", "%0"]), "there is no such operation"),
    "a namespace's own": (with_lines(["nan"]), "there is no such operation"),
    "an alias": (with_lines(["asin", "%0"]), "there is no such operation"),
    "empty name": (with_lines(["", "%0"]), "there is no such operation"),
    "forward": (with_lines(["exp", "%3"], ["exp", "%0"]), "instruction 0.* 3 is neither.*0 to 1"),
    "itself": (with_lines(["exp", "%2"]), "instruction 0, 'exp': 2 is neither a float nor a slot"),
    "negative slot": (with_lines(["exp", "%-1"]), "instruction 0: '%-1' is neither a slot"),
    "negative output": (json.dumps({**GOOD, "outputs": ["%-1"]}), "outputs: '%-1' is neither"),
    "bool slot": (with_lines(["exp", True]), "True is neither a slot"),
    "bool output": (json.dumps({**GOOD, "outputs": [False]}), "outputs: False is neither a slot"),
    "null": (with_lines(["exp", None]), "None is neither a slot"),
    "text": (with_lines(["exp", "x"]), "'x' is neither a slot"),
    "nested": (with_lines(["exp", ["exp", "%0"]]), r"\['exp', '%0'\] is neither a slot"),
    "object": (with_lines(["exp", {"a": 1}]), "is neither a slot"),
    "other digits": (with_lines(["exp", "%٠"]), "is neither a slot"),
    "spaced": (with_lines(["exp", "% 0"]), "is neither a slot"),
    "signed": (with_lines(["exp", "%+0"]), "is neither a slot"),
    "huge slot": (with_lines(["exp", "%" + "9" * 18]), "9 is neither a float nor a slot"),
    "longer slot": (with_lines(["exp", "%" + "9" * 5000]), "is neither a slot"),
    "arity": (with_lines(["mul", "%0"]), "'mul' takes 2 arguments, not 1"),
    "arity 0": (with_lines(["exp"]), "'exp' takes 1 arguments, not 0"),
    "arity of sum": (with_lines(["sum"]), "'sum' takes one or more arguments, not 0"),
    "arity of lt": (with_lines(["lt", "%0", "%1", "%1"]), "'lt' takes 2 arguments, not 3"),
    "condition as number": (
        with_lines(["lt", "%0", "%1"], ["exp", "%2"]), "'exp': slot 2 is a condition"),
    "condition in an arm": (
        with_lines(["lt", "%0", "%1"], ["where", "%2", "%2", "%0"]), "slot 2 is a condition"),
    "condition compared": (
        with_lines(["lt", "%0", "%1"], ["eq", "%2", "%0"]), "slot 2 is a condition"),
    "condition as output": (
        with_lines(["lt", "%0", "%1"], outputs=["%2"]), "outputs: slot 2 is a condition"),
    "number in and": (
        with_lines(["lt", "%0", "%1"], ["and", "%2", "%0"]), "'and': 0 is no condition"),
    "constant in or": (
        with_lines(["lt", "%0", "%1"], ["or", 1.0, "%2"]), "'or': 1.0 is no condition"),
    "keys missing": (json.dumps({"program": 1, "inputs": []}), "which has the keys"),
    "keys more": (json.dumps({**GOOD, "code": "print(1)"}), "which has the keys"),
    "version 2": (json.dumps({**GOOD, "program": 2}), "version 1"),
    "version text": (json.dumps({**GOOD, "program": "1"}), "version 1"),
    "version null": (json.dumps({**GOOD, "program": None}), "version 1"),
    "version true": (json.dumps({**GOOD, "program": True}), "version 1"),
    "a list": (json.dumps([GOOD]), "not a program"),
    "a number": ("3", "not a program"),
    "inputs no list": (json.dumps({**GOOD, "inputs": "xy"}), "inputs must be a list"),
    "lines no list": (json.dumps({**GOOD, "instructions": {}}), "instructions must be a list"),
    "outputs no list": (json.dumps({**GOOD, "outputs": "%3"}), "outputs must be a list"),
    "line no list": (with_lines("exp"), "instruction 0 must be like"),
    "line empty": (with_lines([]), "instruction 0 must be like"),
    "line without name": (with_lines([1, "%0"]), "instruction 0 must be like"),
    "line of lists": (with_lines([["exp"], "%0"]), "instruction 0 must be like"),
    "output outside": (json.dumps({**GOOD, "outputs": ["%4"]}), "outputs: 4 is neither.*0 to 3"),
    "names no strings": (json.dumps({**GOOD, "inputs": [1, "y"]}), "inputs must be names, not 1"),
    "names null": (json.dumps({**GOOD, "inputs": ["x", None]}), "inputs must be names, not None"),
    "names lists": (json.dumps({**GOOD, "inputs": [["x"], "y"]}), "inputs must be names"),
    "names twice": (json.dumps({**GOOD, "inputs": ["x", "x"]}), "two inputs have one name"),
    "deep": ("[" * 100_000, "no JSON"),
    "deep inside": (with_lines(["exp", "%0"])[:-1] + ', "a": ' + "[" * 100_000, "no JSON"),
    "huge integer": (with_lines(["add", "%0", 10**400]), "float"),
    "huge output": (json.dumps({**GOOD, "outputs": [-(10**400)]}), "float"),
    "too many digits": (with_lines(["add", "%0", 1]).replace("1]", "1" * 5000 + "]"), "no JSON|float"),
    "no JSON": ("inputs x", "this is no JSON"),
    "empty": ("", "this is no JSON"),
    "cut": (json.dumps(GOOD)[:-3], "this is no JSON"),
    "no UTF-8": (b"\xff\xfe\xfa", "this is no JSON"),
    "a pickle": (pickle.dumps(GOOD), "this is no JSON"),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_tampered_json_is_refused(name):
    text, words = TAMPERED[name]

    def refuse(what, *args, **named):
        raise AssertionError(f"executed: {what}")

    real = builtins.__import__

    def imported(name, *rest, **named):  # Python 3.13's json imports itself for its own error
        return real(name, *rest, **named) if name.split(".")[0] == "json" else refuse(name)

    dangerous = dict.fromkeys(("eval", "exec", "compile", "open"), refuse)
    dangerous["__import__"] = imported
    with pytest.raises(ValueError, match=words) as info, mock.patch.multiple(builtins, **dangerous):
        Program.from_json(text)
    assert len(str(info.value)) < 400


def test_only_text_is_read():
    for wrong in (3, None, GOOD, ["x"]):
        with pytest.raises(TypeError, match="text must be a str"):
            Program.from_json(wrong)


def test_the_constructor_checks_as_well():
    for args, words in [
        ((True,), "True is neither"), ((-1,), "-1 is neither"), ((1,), "1 is neither"),
        (("x",), "'x' is neither"), ((None,), "None is neither"), ((0, 0), "takes 1 argument"),
    ]:  # fmt: skip
        with pytest.raises(ValueError, match=words):
            Program(["x"], [("exp", args)], [0])
    for op in ("nothing", "__import__", 3, None, ["exp"]):
        with pytest.raises(ValueError, match="there is no such operation"):
            Program(["x"], [(op, (0,))], [0])


# Building


def test_a_symbol_has_no_truth():
    m = Builder(["x"])
    (x,) = m.symbols
    with pytest.raises(TypeError, match=r"m\.where instead of if"):
        bool(x > 0.0)
    assert str(m.program([m.where((x > 0.0) & (x < 1.0), x, 2 * x)])) == (
        "inputs x\nv1 = x > 0\nv2 = x < 1\nv3 = v1 and v2\nv4 = 2*x\nv5 = where(v3, x, v4)\n"
        "return v5")


# Operations of the user's own


@pytest.fixture
def wiggle():
    """sin(x) * y, with a default for y."""
    yield operation(
        "wiggle",
        value=lambda m, x, y=2.0: m.sin(x) * y,
        partials=lambda m, z, x, y: (m.cos(x) * y, m.sin(x)),
    )
    CUSTOM.pop("wiggle", None)


def test_operations_of_the_users_own(wiggle):
    x = Value(0.7, label="x")
    y = wiggle(x * x)
    program = Program.of([y], [x])
    assert program.instructions[1] == Instruction("wiggle", (1, 2.0))
    assert "wiggle(v1, 2)" in str(program)
    assert bits(program(0.7)) == bits([y])
    assert bits(program(Value(0.7))) == bits([y])
    assert bits(simplified(program)(0.3)) == bits([wiggle(0.3 * 0.3)])
    assert bits(round_trip(program)(0.7)) == bits([y])
    (slope,) = gradient(y, [x])
    assert adjoint(program)(0.7, 1.0)[0] == pytest.approx(slope.data, rel=1e-14)
    twice = adjoint(adjoint(program))(0.7, 1.0, 1.0)
    assert twice[0] == pytest.approx(gradient(slope, [x])[0].data, rel=1e-14)
    folded = simplified(Program(["x"], [("wiggle", (1.0, 3.0)), ("mul", (0, 1))], [2]))
    assert folded.instructions == (Instruction("mul", (0, 3.0 * math.sin(1.0))),)


def test_json_with_an_operation_that_is_not_defined_here(wiggle):
    text = Program(["x"], [("wiggle", (0, 1.0))], [1]).to_json()
    del CUSTOM["wiggle"]
    with pytest.raises(ValueError, match="'wiggle': there is no such operation"):
        Program.from_json(text)


def test_an_operation_defined_again_is_another_one(wiggle):
    y = wiggle(Value(1.0))
    operation("wiggle", value=lambda m, x, y=2.0: x, partials=lambda m, z, x, y: (1.0, 0.0))
    with pytest.raises(ValueError, match="wiggle has no name to call it by"):
        Program.of([y])


def test_a_chain_too_long_for_recursion():
    x = y = Value(0.5)
    for _ in range(20_000):
        y = y * 0.9999 + 1e-4
    program = Program.of([y], [x])
    assert bits(program(0.5)) == bits([y])
    assert adjoint(program)(0.5, 1.0) == pytest.approx([0.9999**20_000], rel=1e-10)
    assert round_trip(program) == program
