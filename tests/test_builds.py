"""The compiled engine and plain Python: the same bits, pickles and face."""

from __future__ import annotations

import copy
import inspect
import math
import os
import pickle
import subprocess
import sys
from fractions import Fraction
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support import ALL_ROWS, number, points
from test_engine import EDGES, INFIX, written_out

import autograd_lite as ag
from autograd_lite import Value, engine
from autograd_lite.engine import apply, dot, order  # noqa: F401
from autograd_lite.ops import TABLE
from autograd_lite.testing import RandomFunction, expressions, programs

two_builds = pytest.mark.skipif(
    not engine.compiled, reason="compares the compiled engine with the same file as Python, and only the latter is here: "
    "pip install . with a C compiler, without AUTOGRAD_LITE_PURE")  # fmt: skip
SPECIAL = (*EDGES, 0.5, 3.0, 5e-324, -5e-324, 2.2250738585072014e-308, 1e-300, 1e300, 20.0, -20.0,
           710.0, -745.2, 1 - 2**-53, 1 + 2**-52, sys.float_info.max, 2.0**-1022, 1e154, 1e-154)  # fmt: skip
UNARY = [name for name, row in TABLE.items() if row.arity == 1 and hasattr(Value, name)]
OTHERS = ["maximum", "minimum", "hypot", "arctan2"]

# Operations of the user's, of one argument and of any number
scaled = ag.operation("builds_scaled", lambda m, x, k=3.0: x * k, lambda m, y, x, k: (k, x))
middle = ag.operation("builds_middle", lambda m, *xs: m.div(m.sum(*xs), float(len(xs))),
                      lambda m, y, *xs: (1.0 / len(xs),) * len(xs))  # fmt: skip
failing = ag.operation("builds_failing", lambda m, x: 1 / 0, lambda m, y, x: (1.0,))
unsloped = ag.operation("builds_unsloped", lambda m, x: x, lambda m, y, x: (1.0, 2.0))


# What both builds are asked to do: plain data in, plain data out; nan is nan of either sign


def fields(*roots: Value) -> list[tuple]:
    nodes = order(*roots)
    at = {id(v): i for i, v in enumerate(nodes)}
    return [(v.op and v.op.name, v.data.hex(), v.grad.hex(), v.label, [p.hex() for p in v.partials],
             [at[id(a)] if isinstance(a, Value) else a.hex() for a in v.args]) for v in nodes]  # fmt: skip


def computed(leaves: list[float], steps: list[tuple]) -> list[Value]:
    """The Values of a list of steps: a name and its operands, places in the list or numbers."""
    made = [Value(x, label=f"x_{i}") for i, x in enumerate(leaves)]
    for name, *operands in steps:
        xs = [made[x[0] % len(made)] if isinstance(x, tuple) else x for x in operands]
        n = len(xs) // 2
        if name in INFIX.values():
            v = eval(f"a {name} b", {"a": xs[0], "b": xs[1]})
        elif name in ("dot", "biased"):
            v = dot(xs[:n], xs[n : 2 * n], xs[0] if name == "biased" else None)
        elif name in ("sum", "prod", "logsumexp"):
            v = getattr(ag, name)(xs, *["s"] * (name == "sum"))
        elif name == "middle":
            v = middle(*xs)
        else:
            v = {"scaled": scaled, "neg": lambda x: -x}.get(name) or getattr(ag, name)
            v = v(*xs[: 2 if name in OTHERS else 1])
        made += [v] if isinstance(v, Value) else []
    return made


def swept(leaves: list[float], steps: list[tuple], seed: float) -> list[tuple]:
    made = computed(leaves, steps)
    made[-1].backward(seed)
    made[len(made) // 2].backward(0.5)
    return fields(*made)


def called(source: str, xs: list[float]) -> list[tuple]:
    y = RandomFunction(source)(*map(Value, xs))
    y = y if isinstance(y, Value) else Value(y)
    y.backward()
    return fields(y)


def row_at_points(name: str) -> list[list[tuple]]:
    row, found = TABLE[name], []
    some = [tuple(map(Value, xs)) for xs in [
        *points(row), *(product(SPECIAL, repeat=row.arity) if row.arity in (1, 2) else ())]
        if name != "round" or (math.isfinite(xs[1]) and abs(xs[1]) < 300)]  # fmt: skip
    if name in INFIX:
        plain = (*SPECIAL, 0, 1, 2, -3, True, Fraction(1, 3))
        some += [xs for a in SPECIAL for b in plain for xs in [(Value(a), b), (b, Value(a))]]
    for xs in some:
        y = written_out(row, *xs)
        y.backward()
        found.append(fields(y))
    return found


def pickled(leaves: list[float], steps: list[tuple], protocol: int) -> bytes:
    return pickle.dumps(computed(leaves, steps), protocol)


def unpickled(data: bytes) -> list[list[tuple]]:
    made = pickle.loads(data)
    return [fields(*made), fields(*copy.deepcopy(made)), fields(*map(copy.copy, made))]


def message(call: str) -> str:
    v, w = Value(2.0, label="v"), scaled(Value(3.0))
    try:
        return repr(eval(call, {**globals(), "v": v, "w": w, "y": v * w}))
    except Exception as error:  # a class of C says its module in Python's own messages
        return f"{type(error).__name__}: {error}".replace("autograd_lite.engine.Value", "Value")


def face(name: str) -> tuple:
    """C keeps no annotations, and `self` by position only."""
    found = eval(name, vars(engine))
    arguments = [(p.name, p.default) for p in inspect.signature(found).parameters.values()]
    return inspect.cleandoc(found.__doc__ or ""), getattr(found, "__name__", name), arguments


def build() -> tuple[bool, str]:
    from autograd_lite.cli.doctor import doctor

    return engine.compiled, "\n".join(doctor())


def serve() -> None:
    while True:
        try:
            name, args = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        pickle.dump(globals()[name](*args), sys.stdout.buffer)
        sys.stdout.buffer.flush()


def environment(**more: str) -> dict[str, str]:
    path = [str(Path(ag.__file__).parents[1]), str(Path(__file__).parent)]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path), **more}


@pytest.fixture(scope="module")
def both():
    """A function: whether a job gives the same here and in a process that runs plain Python."""
    other = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             env=environment(AUTOGRAD_LITE_PURE="1"))  # fmt: skip

    def there(job, *args):
        pickle.dump((job.__name__, args), other.stdin)
        other.stdin.flush()
        return pickle.load(other.stdout)

    def same(job, *args):
        here, answer = job(*args), there(job, *args)
        assert here == answer, (job.__name__, args)

    same.there = there
    yield same
    other.stdin.close()
    other.wait()
    other.stdout.close()


NUMBERS = st.one_of(st.floats(), st.sampled_from(SPECIAL), st.floats(-3, 3), st.integers(-3, 3))
PLACES = st.tuples(st.integers(0, 30))
MIXED = PLACES | PLACES | NUMBERS
STEPS = st.lists(st.one_of(
    st.tuples(st.sampled_from([*INFIX.values(), *OTHERS]), PLACES, MIXED),
    st.tuples(st.sampled_from([*INFIX.values()]), NUMBERS, PLACES),
    st.tuples(st.sampled_from([*UNARY, "scaled"]), PLACES),
    st.lists(MIXED, min_size=2, max_size=9).flatmap(lambda xs: st.tuples(st.sampled_from(
        ["dot", "biased", "sum", "sum", "prod", "logsumexp", "middle"]), *map(st.just, xs))),
), min_size=1, max_size=12)  # fmt: skip
LEAVES = st.lists(NUMBERS.map(float), min_size=1, max_size=4)


# The same bits


@two_builds
@given(leaves=LEAVES, steps=STEPS, seed=NUMBERS)
@settings(max_examples=250)
def test_every_graph_has_the_same_bits(both, leaves, steps, seed):
    both(swept, leaves, steps, float(seed))


@two_builds
@given(f=expressions(kinked=True) | programs(kinked=True), data=st.data())
def test_every_random_function_has_the_same_bits(both, f, data):
    xs = data.draw(st.lists(st.floats(-4, 4) | st.sampled_from(SPECIAL), min_size=f.arity, max_size=f.arity))
    both(called, f.source, xs)


@two_builds
@pytest.mark.parametrize("row", ALL_ROWS, ids=lambda row: row.name)
def test_every_row_has_the_same_bits_at_special_points(both, row):
    both(row_at_points, row.name)


def exact(xs: list[float]) -> float:
    total = sum(map(Fraction, xs))
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


TERMS = st.lists(st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.floats(-2, 2),
    st.tuples(st.sampled_from((1.0, -1.0, 1 + 2**-52, 1.5)), st.integers(-1074, 1022) |
              st.sampled_from((0, -52, -53, -54, -106, -107))).map(lambda t: math.ldexp(*t))),
    max_size=12)  # fmt: skip
MAX, HALF = sys.float_info.max, 2.0**970


@given(xs=TERMS, places=st.lists(st.integers(0, 11), max_size=6))
@example([1.0, 2**-53, 2**-1074], [])
@example([1.0, 2**-53, -(2**-1074)], [])
@example([1.0, -(2**-54), -(2**-1074)], [])
@example([1e16, 1.0, 2**-60, -1e16], [])
@example([MAX, HALF, -(2**-1074)], [])
@example([MAX, HALF], [])
@example([1e308, 1e308, -1e308], [])
@example([1e308, 1e308, -1e308, -1e308, 5e-324], [])
@example([1e308, 1e308, -1e308, -1e308, 1.0, 2**-53, 2**-1074], [])
@settings(max_examples=300)
def test_sum_and_dot_are_rounded_once(xs, places):
    xs = xs + [-xs[i % len(xs)] for i in places if xs]  # what cancels
    vs = [x if i % 3 == 2 else Value(x) for i, x in enumerate(xs)]
    products = [x * y for x, y in zip(xs, xs[::-1])]
    assert number(ag.sum(vs)) == exact(xs)
    assert number(dot([1.0] * len(vs), vs)) == exact(xs)
    assert number(dot(vs[1:], [1.0] * len(vs[1:]), vs[0] if vs else None)) == exact(xs)
    if all(map(math.isfinite, products)):
        assert number(dot(vs, xs[::-1])) == exact(products)


# Pickles, the face, the messages


@two_builds
@given(leaves=LEAVES, steps=STEPS, protocol=st.integers(2, pickle.HIGHEST_PROTOCOL))
def test_pickles_are_exchanged(both, leaves, steps, protocol):
    ours, theirs = pickled(leaves, steps, protocol), both.there(pickled, leaves, steps, protocol)
    assert ours == theirs
    both(unpickled, ours)


METHODS = sorted(name for name in vars(Value) if not name.startswith("_"))


@two_builds
@pytest.mark.parametrize("name", ["Value", "apply", "order", "dot", "sum", "sweep", "record",
                                  *(f"Value.{name}" for name in METHODS if callable(getattr(Value, name)))])  # fmt: skip
def test_the_face_is_the_same(both, name):
    both(face, name)


CALLS = """METHODS; Value.data.__doc__; Value('a'); Value(None); Value(v); Value(10**400); Value(1.0, label=3); Value(data=1, label=2)
v.backward('a'); v.backward(seed=None); v.sin(1); v.clip(1, 2, 3); v.clip(min=0); v.maximum()
v + 'a'; 'a' + v; v + None; v + [1]; v - 'a'; v * 'a'; [1] * v; v / 'a'; v ** 'a'; 'a' ** v; v % 'a'
v // 'a'; divmod(v, 'a'); v @ v; ~v; v & 1; v < 'a'; v <= None; v == None; v != 'a'; v < 1j; v == 1j
v + 10**400; v + 1j; setattr(v, 'data', 'a'); setattr(v, 'grad', None); setattr(v, 'label', 3)
setattr(v, 'grad', 10**400); v.foo; Value.foo; setattr(v, 'foo', 1); v.__dict__; delattr(v, 'foo')
type('S', (Value,), {}); isinstance(w, Value), issubclass(type(w), Value), isinstance(1.0, Value)
w.__class__ is Value; type(w) == type(scaled(v)); repr(v), repr(w), str(y), f'{y}', f'{y:.2f}', f'{w:>9}'
format(v, 'zz'); bool(v), bool(Value(0.0)), bool(Value(math.nan)); v == 2, v != 2, v == Value(2.0)
hash(v) == object.__hash__(v), hash(w) == object.__hash__(w), hash(v) == id(v) // 16
float(v); int(w); complex(v); math.floor(v), math.ceil(w), math.trunc(v), round(v), round(w, 1)
round(v, 'a'); len(v); iter(v); v(); v[0]; memoryview(v); __import__('operator').index(v)
order(1); order(None); order(); order(v, 1); dot([1], [1, 2]); dot(1, [1]); dot([1], 'a')
dot(['a'], [v]); dot([v], ['a']); dot([v], [1], 'a'); dot([v], [1], label=3); dot([1], [1], label=3)
ag.sum(1); ag.sum('ab'); ag.sum([v, 'a']); ag.sum([v], label=1); ag.sum({1: 2}); ag.sum([10**400, v])
ag.sum([v, None]); dot([], []); ag.sum([]); ag.sum([], 3); apply(TABLE['exp'], 'a'); apply(TABLE['exp'], v, v)
apply(1, 2); failing(v); unsloped(v); scaled('a'); scaled(v, None); middle(v, 'a'); 0 + v is v; False + v is v
Value.exp(3.0); Value.exp('a'); Value.relu(None); Value.detach(3.0); Value.backward(3.0); Value.zero_grad(None)
[*map(Value.tanh, [v, 1.0])]; [x.data for x in map(Value.exp, [v, w])]; Value.sin(v)"""


# Cython's words for these are not Python's, which change with its version: the kind of error counts
KINDS = """Value(); order(v, stop=3); Value(1, 2, 3); Value(1, foo=2); v.backward(1, 2); v.backward(sed=1); v.zero_grad(1)
v.detach(1); v.exp(1); v.exp(x=1); pow(v, 2, 5); pow(2, v, 5); dot(); dot([1]); ag.sum(); dot([v], [1], foo=3)
dot([v], [1], None, 'l', 5); apply(); Value.backward(); Value.__pow__(v, 2, 3); setattr(v, 'op', 1)
setattr(v, 'args', ()); setattr(v, 'partials', ()); setattr(v, '_op', 1); delattr(v, 'op'); delattr(v, 'args')
delattr(v, 'data'); delattr(v, 'grad'); delattr(v, 'label'); __import__('weakref').ref(v)"""


@two_builds
@pytest.mark.parametrize("call", f"{CALLS}; {KINDS}".replace("\n", "; ").split("; "))
def test_a_call_gives_the_same_answer_or_message(both, call):
    here, there = message(call), both.there(message, call)
    if f"{call};" in f"{KINDS};".replace("\n", "; "):
        here, there = here.partition(":")[0], there.partition(":")[0]
    if "doesn't apply to a" in here:  # a method without a Value
        assert there.startswith(("AttributeError", "TypeError")), there
    else:
        assert here == there


def test_which_build_runs_is_said(both):
    compiled, words = build()
    assert compiled is engine.compiled
    assert ("eager, compiled" if compiled else "eager, plain Python") in words
    compiled, words = both.there(build)
    assert not compiled
    assert "AUTOGRAD_LITE_PURE is set" in words


@pytest.mark.parametrize("value", ["", "0", "1"])
def test_the_variable_chooses_and_cython_is_not_imported(value):
    code = ("import sys, autograd_lite as ag; y = ag.dot([ag.Value(2.0)], [3.0]).exp(); y.backward(); "
            "print(ag.engine.compiled, ag.engine.__file__[-3:], 'cython' in sys.modules or 'Cython' in sys.modules)")  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], env=environment(AUTOGRAD_LITE_PURE=value),
                          text=True, capture_output=True, check=True)  # fmt: skip
    compiled, suffix, imported = done.stdout.split()
    assert imported == "False"
    assert (compiled == "False") == (suffix == ".py")
    assert compiled == "False" or value != "1"


if __name__ == "__main__":
    serve()
