"""Random functions that branch, the numbers they compare, and points on all sides of each branch.

    program = written(random.Random(1))     or drawn from the strategy programs()
    run = Run(program, point)               the same function on numbers that note what is compared
    sides(program, rng)                     points that take different paths, and points close to
                                            where two paths meet

A Run has the bits of the eager library: y, gradient(), error. It also knows how large the terms are
that were rounded on the way to each number, so it can tell whether a computation with other
roundings may compare otherwise (near), and how far its result may be off (size).
"""

from __future__ import annotations

import math
import operator
import random
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property, partial
from types import SimpleNamespace
from typing import Any

from hypothesis import strategies as st

from autograd_lite.ops import FLAT, TABLE, floats
from autograd_lite.testing import RandomFunction
from autograd_lite.testing.function import LISTS, _ours
from autograd_lite.testing.writer import Choices

CLOSE = 1e-12  # of the largest term: what computations with other roundings may differ by
CONSTANTS = ("1.0", "0.5", "2.0", "-1.0", "0.25", "1.5", "-0.5", "0.0", "3.0")
FUNCTIONS = ("sin", "tanh", "exp", "abs", "relu", "square", "cos", "sigmoid", "arctan", "softplus",
             "sqrt", "log")  # fmt: skip
OPERATORS = ("<", ">", "<=", ">=", "==", "!=")
LOCALS = "abcdeghjk"
DEEPEST = 3  # blocks in each other


class Branching(RandomFunction):
    """A function that branches; sizes: 0 for each argument that is a float, else a list's length.

    A point is a flat tuple of floats.
    """

    def __init__(self, source: str, sizes: Sequence[int] = ()) -> None:
        super().__init__(source)
        self.sizes = tuple(sizes) or (0,) * self.arity
        self.numbers = sum(n or 1 for n in self.sizes)

    @cached_property
    def f(self) -> Any:
        """The function itself, over this package."""
        return self._defined(_ours)

    @cached_property
    def watched(self) -> Any:
        """The same function over Watched numbers."""
        return self._defined(_watched)

    def arguments(self, point: Sequence[Any]) -> list[Any]:
        """A flat sequence in the structure of the arguments."""
        rest = iter(point)
        return [[next(rest) for _ in range(n)] if n else next(rest) for n in self.sizes]


def flat(x: Any) -> list[Any]:
    """The numbers, or columns, in tuples and lists."""
    return [y for item in x for y in flat(item)] if isinstance(x, (list, tuple)) else [x]


def bare(text: str) -> str:
    """Without parentheses around all of it."""
    depth = [text[:i].count("(") - text[:i].count(")") for i in range(1, len(text))]
    return text[1:-1] if text[0] == "(" and min(depth, default=0) > 0 else text


# Writing


class Writer:
    """Writes a function line by line as the choices say.

    A variable in `values` holds a Value whatever happens; one in `numbers` may be a plain number,
    which has no .data and by which Python does not divide if it is 0.
    """

    def __init__(self, choices: Choices) -> None:
        self.choices, self.pick, self.more = choices, choices.pick, choices.more
        self.sizes = [0] * choices.integer(1, 4)
        if self.more(1):
            self.sizes[-1] = choices.integer(2, 4)
        self.names = ["xs" if n else name for n, name in zip(self.sizes, "xyzw")]
        self.values = [n for n in self.names if n != "xs"]
        if self.sizes[-1]:
            self.values += [f"xs[{i}]" for i in range(self.sizes[-1])]
        self.numbers: list[str] = []
        self.variables: list[str] = []  # those of values that lines may change
        self.helpers: list[str] = []
        self.lines: list[str] = []
        self.depth = 0
        self.free = iter([c + n for n in ("", *"23456789") for c in LOCALS])

    def line(self, text: str) -> None:
        self.lines.append("    " * (self.depth + 1) + text)

    @contextmanager
    def block(self, head: str, *more: str) -> Iterator[None]:
        """Indented lines; what is named there is not known after them."""
        self.line(head)
        before = self.values, self.numbers, self.variables
        self.values, self.numbers, self.variables = [*self.values, *more], [*self.numbers], [
            *self.variables, *more]  # fmt: skip
        self.depth += 1
        yield
        self.depth -= 1
        self.values, self.numbers, self.variables = before

    # Expressions

    def variable(self) -> str:
        """One that is there, those of late more often."""
        return self.pick([*self.values, *self.values[-2:], *self.values[-1:]])

    def constant(self) -> str:
        return self.pick(CONSTANTS)

    def value(self, size: int = 2) -> str:
        """An expression that is a Value."""
        if size <= 0 or not self.more(3):
            return self.variable()
        inner = partial(self.value, size - 1)
        form = self.choices.integer(0, 11)
        if form <= 3:
            a, b = inner(), self.operand(size - 1)
            a, b = (b, a) if self.more(1) else (a, b)
            return f"({a} {self.pick('+-*')} {b})"
        if form <= 7:
            return f"{self.pick(FUNCTIONS)}({bare(inner())})"
        if form == 8:
            below = self.pick([f"(1.5 + square({inner()}))", "(2.0 + {0})", "{0}"])
            return f"({self.operand(size - 1)}/{below.format(self.variable())})"
        if form == 9:
            text = self.pick(["max({}, {})", "min({}, {}, {})", "sorted([{}, {}, {}])[1]",
                              "maximum({}, {})", "minimum({}, {})"])  # fmt: skip
            return text.format(*(bare(inner()) for _ in range(3)))
        if form == 10:
            return f"where({bare(self.mask())}, {bare(inner())}, {bare(inner())})"
        if self.helpers:
            return f"{self.pick(self.helpers)}({bare(inner())})"
        return f"({inner()} if {self.condition(1)} else {inner()})"

    def operand(self, size: int) -> str:
        """An expression that may be a plain number."""
        form = self.choices.integer(0, 5)
        if form == 5:
            return self.pick([f"{self.pick(self.values)}.data", *self.numbers])
        return self.constant() if form > 2 else self.value(size)

    def comparison(self) -> str:
        a, form = self.value(1), self.choices.integer(0, 9)
        if form <= 3:
            return f"{a} {self.pick(OPERATORS[:4])} {self.constant()}"
        if form <= 5:
            return f"{a} {self.pick(OPERATORS)} {self.value(1)}"
        if form == 6:
            return f"{self.pick(self.values)} {self.pick(OPERATORS)} {self.constant()}"
        if form == 7:
            return f"{a}.data {self.pick(OPERATORS)} {self.operand(1)}"
        if form == 8:  # nan for half of the numbers
            f = self.pick(["log", "sqrt"])
            return f"{f}({self.pick(self.values)}) {self.pick(OPERATORS)} {self.constant()}"
        low, high = self.pick(["-1.0", "-0.5", "0.0"]), self.pick(["0.5", "1.0", self.value(1)])
        return f"{low} {self.pick(['<', '<='])} {a} {self.pick(['<', '<='])} {high}"

    def condition(self, size: int = 2) -> str:
        form = self.choices.integer(0, 9) if size else 0
        if form <= 5:
            return self.comparison()
        if form == 6:
            return f"not ({self.condition(size - 1)})"
        if form == 7:
            return self.pick(["{}", "not {}"]).format(self.pick(self.values))
        word = "and" if form == 8 else "or"
        return f"({self.condition(size - 1)}) {word} ({self.condition(size - 1)})"

    def mask(self) -> str:
        """A condition without truth, as arrays have it."""

        def plain() -> str:
            return f"({self.value(1)} {self.pick(OPERATORS)} {self.pick([self.constant(), self.value(1)])})"

        return plain() if self.more(1) else f"{plain()} {self.pick('&|')} {plain()}"

    # Lines

    def settled(self) -> str:
        """A value of everyday size, mostly."""
        a = bare(self.value(3))
        forms = ["{}", "2.0*sin({})", "tanh({})"]
        if a.isidentifier():
            forms.append("{0}/(1.0 + square({0}))")
        return self.pick(forms).format(a)

    def assign(self) -> None:
        text = self.settled()
        name = next(self.free)
        self.line(f"{name} = {text}")
        self.values.append(name)
        self.variables.append(name)

    def plain_number(self) -> None:
        name = next(self.free)
        v = self.pick(self.values)
        self.line(f"{name} = {self.pick([f'{v}.data', f'{v}.data*{v}.data', f'max({v}, 0.5)'])}")
        self.numbers.append(name)

    def update(self) -> None:
        v, text = self.pick(self.variables), self.settled()
        self.line(f"{v} = {self.pick([text, f'{v}/2 + {text}'])}")

    def branch(self) -> None:
        with self.block(f"if {self.condition()}:"):
            self.body()
        if self.more(1):
            with self.block(f"elif {self.condition()}:"):
                self.body()
        if self.more(2):
            with self.block("else:"):
                self.body()

    def leave(self) -> None:
        """An early end, by return or raise."""
        with self.block(f"if {self.condition()}:"):
            if self.more(1):
                self.line(f"return {bare(self.pick([self.value(), self.operand(1)]))}")
            else:
                v = self.pick(self.values)
                self.line(self.pick([
                    'raise ValueError("outside")', f'raise ValueError(f"{v} = {{{v}:.4g}}")',
                    'raise ArithmeticError("no result")'])),  # fmt: skip

    def while_loop(self) -> None:
        count, v = next(self.free), self.pick(self.variables)
        self.line(f"{count} = 0")
        test = self.pick([f"{v} {self.pick('<>')} {self.constant()}", self.condition(1)])
        with self.block(f"while {count} < {self.choices.integer(2, 5)} and ({test}):"):
            self.line(f"{v} = {v}*0.5 {self.pick('+-')} {self.pick(['0.3', self.value(1)])}")
            self.line(f"{count} += 1")

    def for_loop(self) -> None:
        with (
            self.block("for t in xs:", "t")
            if self.sizes[-1] and self.more(1)
            else self.block(f"for i in range({self.choices.integer(2, 4)}):")
        ):
            if self.more(1):
                with self.block(f"if {self.condition(1)}:"):
                    self.line(self.pick(["break", "continue"]))
            v = self.pick(self.variables)
            self.line(f"{v} = {v}/2 + {self.settled()}")

    def attempt(self) -> None:
        name, v = f"checked{sum('def checked' in text for text in self.lines) or ''}", self.pick(
            self.variables)  # fmt: skip
        with self.block(f"def {name}(u):", "u"):
            with self.block(f"if u {self.pick('<>')} {self.constant()}:"):
                self.line('raise ValueError("not for this u")')
            self.line(f"return {bare(self.value())}")
        self.line("try:")
        self.line(f"    {v} = {name}({bare(self.value())})")
        self.line("except ValueError:")
        self.line(f"    {v} = {self.settled()}")

    def of_list(self) -> None:
        v = self.pick(self.variables)
        if not self.sizes[-1]:
            self.line(f"{v} = {self.value()}")
            return
        t = self.pick(["max(xs)", "min(xs)", "sorted(xs)[0]", "sorted(xs)[-1]", "sum(xs)",
                       "max([u*u for u in xs])", "[u for u in [*xs, 1.0] if not u < 0.5][0]*1.0",
                       "sorted(xs, reverse=True)[1]"])  # fmt: skip
        self.line(f"{v} = {v}*0.5 + {t}")

    def body(self) -> None:
        """Some lines; deeper, only short ones."""
        simple = [self.update, self.assign, self.update, self.plain_number, self.leave]
        deep = [self.branch, self.branch, self.for_loop, self.while_loop, self.attempt,
                self.of_list]  # fmt: skip
        self.update()
        if self.depth < DEEPEST:
            self.pick([*simple, *(deep if self.depth < 2 else ())])()

    def program(self) -> Branching:
        if self.more(1):
            with self.block("def helper(u):", "u"):
                with self.block(f"if {self.condition(1)}:"):
                    self.line(f"return {bare(self.value())}")
                self.line(f"return {bare(self.value())}")
            self.helpers.append("helper")
        self.assign()
        self.branch()
        for _ in range(self.choices.integer(0, 3)):
            self.pick([self.branch, self.leave, self.leave, self.while_loop, self.for_loop,
                       self.of_list, self.attempt, self.plain_number, self.update])()  # fmt: skip
        self.line(f"return {' + '.join(self.variables)} + {self.value()}")
        source = "\n".join([f"def f({', '.join(self.names)}):", *self.lines])
        return Branching(source, self.sizes)


def written(rng: random.Random) -> Branching:
    """A function by a generator of random numbers."""
    return Writer(Choices(rng.randint)).program()


@st.composite
def programs(draw: Any) -> Branching:
    """The same as a strategy, which shrinks to short functions."""
    return Writer(Choices(lambda low, high: draw(st.integers(low, high)))).program()


# Running

DETACH = FLAT["detach"]
# Operations whose results are not rounded, and where the pieces of some operations meet
EXACT = {"neg", "abs", "relu", "maximum", "minimum", "where", "sign", "detach"}
EDGES = dict.fromkeys(("abs", "relu", "log", "sqrt", "sign"), 0.0)


class Run:
    """A call of a function: its result or error, what it compared, its derivatives.

    y, error     one of them; y may be a plain number
    outcomes     of all comparisons in order: two points with the same are on one path
    wrong        a dict of faults to plant: 'outcomes' of another call that are used again,
                 'compare', 'data' that take the place of the right functions; 'rounding', a
                 generator of random numbers by which results are off
    """

    def __init__(self, program: Branching, point: Sequence[float], **wrong: Any) -> None:
        self.inputs = [Watched(float(x), self) for x in point]
        self.compared: list[tuple[Any, Any]] = []
        self.edges: list[tuple[Any, Any]] = []
        self.outcomes: list[bool] = []
        self.loose = self.silent = False
        self.wrong = wrong
        self.y = self.error = None
        try:
            self.y = program.watched(*program.arguments(self.inputs))
        except Exception as error:
            self.error = error

    def of(self, name: str, *args: Any) -> Any:
        row = TABLE[name]
        y = row.value(floats, *[a.x if isinstance(a, Watched) else float(a) for a in args])
        if not any(isinstance(a, Watched) for a in args):
            return y
        if name in EDGES and not self.silent:
            self.edges.append((args[0], EDGES[name]))
        elif name in ("maximum", "minimum") and not self.silent:
            self.edges.append(args[:2])
        elif name == "div" and not self.silent:
            self.edges.append((args[1], 0.0))
            if number(args[1]) == 0.0:
                self.edges.append((args[0], 0.0))
        if "rounding" in self.wrong and not exact(name, args):
            y *= 1.0 + 4e-16 * self.wrong["rounding"].uniform(-1.0, 1.0)
        return Watched(y, self, row, args)

    def compare(self, how: Any, a: Any, b: Any) -> Any:
        if not isinstance(b, (Watched, float, int)):
            return NotImplemented
        outcome = how(a.x, b.x if isinstance(b, Watched) else b)
        if self.silent:
            return outcome
        if "compare" in self.wrong:
            outcome = self.wrong["compare"](how, a.x, b.x if isinstance(b, Watched) else b)
        if "outcomes" in self.wrong and len(self.outcomes) < len(self.wrong["outcomes"]):
            outcome = self.wrong["outcomes"][len(self.outcomes)]
        self.compared.append((a, b))
        self.outcomes.append(outcome)
        return outcome

    @property
    def near(self) -> bool:
        """Whether two numbers that were compared, or that an edge lies between, are so near that
        other roundings may compare otherwise."""
        return any(
            abs(number(a) - number(b)) <= CLOSE * max(size(a), size(b)) > 0.0
            for a, b in (*self.compared, *self.edges)
        )

    @cached_property
    def gradient(self) -> list[Any]:
        """The derivatives of y by the inputs, with the operations of a sweep of backward()."""
        self.silent = True
        m = SimpleNamespace(
            nan=math.nan, inf=math.inf, **{name: partial(self.of, name) for name in TABLE}
        )
        m.where = lambda condition, a, b: self.of("where", float(bool(condition)), a, b)
        adjoint: dict[Any, Any] = {self.y: Watched(1.0, self)}
        for v in reversed(order(self.y)) if isinstance(self.y, Watched) else ():
            g = adjoint.get(v, 0.0)
            if v.row in (None, DETACH) or (number(g) == 0.0 and size(g) == 0.0):
                continue
            for a, p in zip(v.args, v.row.partials(m, v, *v.args)):
                if isinstance(a, Watched):
                    if number(g) == 0.0 and not math.isfinite(number(p)):
                        self.loose = True
                        continue
                    adjoint[a] = adjoint[a] + g * p if a in adjoint else g * p
        self.silent = False
        return [adjoint.get(x, 0.0) for x in self.inputs]


class Watched:
    """A number that keeps what it was computed from, and tells its run what it is compared with."""

    __slots__ = ("args", "row", "run", "terms", "x")

    def __init__(self, x: float, run: Run, row: Any = None, args: Sequence[Any] = ()) -> None:
        self.x, self.run, self.row, self.args = x, run, row, args
        self.terms: float | None = None if row else 0.0

    @property
    def data(self) -> Any:
        if "data" in self.run.wrong:
            return self.run.wrong["data"](self)
        return Watched(self.x, self.run, DETACH, (self,))

    # fmt: off
    def __add__(self, b: Any) -> Any: return self.run.of("add", self, b)
    def __radd__(self, a: Any) -> Any: return self.run.of("add", a, self)
    def __sub__(self, b: Any) -> Any: return self.run.of("sub", self, b)
    def __rsub__(self, a: Any) -> Any: return self.run.of("sub", a, self)
    def __mul__(self, b: Any) -> Any: return self.run.of("mul", self, b)
    def __rmul__(self, a: Any) -> Any: return self.run.of("mul", a, self)
    def __truediv__(self, b: Any) -> Any: return self.run.of("div", self, b)
    def __rtruediv__(self, a: Any) -> Any: return self.run.of("div", a, self)
    def __neg__(self) -> Any: return self.run.of("neg", self)
    def __lt__(self, b: Any) -> Any: return self.run.compare(operator.lt, self, b)
    def __le__(self, b: Any) -> Any: return self.run.compare(operator.le, self, b)
    def __gt__(self, b: Any) -> Any: return self.run.compare(operator.gt, self, b)
    def __ge__(self, b: Any) -> Any: return self.run.compare(operator.ge, self, b)
    def __eq__(self, b: Any) -> Any: return self.run.compare(operator.eq, self, b)
    def __ne__(self, b: Any) -> Any: return self.run.compare(operator.ne, self, b)
    def __bool__(self) -> bool: return self.run.compare(operator.ne, self, 0.0)
    def __and__(self, b: Any) -> Any: return bool(self) & bool(b)
    def __format__(self, spec: str) -> str: return format(self.x, spec)
    # fmt: on
    __hash__ = object.__hash__


def _watched(name: str) -> Any:
    row = TABLE[name]
    spread = LISTS.get(name, (lambda *xs: xs) if row.arity else (lambda xs: xs))

    def function(*args: Any) -> Any:
        args = tuple(spread(*args))
        run = next((a.run for a in args if isinstance(a, Watched)), None)
        return run.of(name, *args) if run else row.value(floats, *map(float, args))

    return function


def number(x: Any) -> float:
    return x.x if isinstance(x, Watched) else float(x)


def exact(name: str, args: Sequence[Any]) -> bool:
    """Whether no operation rounds here, however it is computed."""
    unit = name == "mul" and any(abs(number(a)) in (0.0, 1.0) for a in args)
    return unit or name in EXACT


def size(x: Any) -> float:
    """The largest term that was rounded on the way to x, in terms of x; 0 for what is exact."""
    if not isinstance(x, Watched):
        return 0.0
    for v in order(x) if x.terms is None else ():
        if v.terms is None and not math.isfinite(v.x):
            v.terms = 0.0  # nan and infinity are what they are, apart from edges
        elif v.terms is None:
            xs = [number(a) for a in v.args]
            found = 0.0 if exact(v.row.name, v.args) else abs(v.x)
            partials = (1.0,) if v.row is DETACH else v.row.partials(floats, v.x, *xs)
            for a, p in zip(v.args, partials):
                if size(a) > 0.0:
                    found += abs(p) * a.terms
            v.terms = math.inf if found != found else found
    return x.terms


def order(root: Watched) -> list[Watched]:
    """What root depends on, inputs first."""
    seen: dict[int, Watched] = {}

    def visit(v: Watched) -> None:
        for a in v.args:
            if isinstance(a, Watched) and id(a) not in seen:
                visit(a)
        seen[id(v)] = v

    visit(root)
    return [*seen.values()]


# Points

SPECIAL = (0.0, -0.0, math.nan, math.inf, -math.inf, 1e-300, 1e9, -1e9)


def sides(
    program: Branching, rng: random.Random, most: int = 14, tries: int = 20, pairs: int = 2,
    steps: int = 60,
) -> list[tuple[float, ...]]:
    """Points on different paths: at random, at constants of the source, and near boundaries.

    pairs   of points on the two sides of a boundary, first 1e-6 apart, then neighbours if there
            are enough `steps`, in each of which their distance is halved
    """
    constants = [float(c) for c in re.findall(r"(?<![\w.])\d+\.\d+", program.source)]
    pool = [s * c for c in {*constants, 1.0} for s in (1.0, -1.0)]
    found: dict[tuple[bool, ...], list[tuple[float, ...]]] = {}

    def path(point: tuple[float, ...]) -> tuple[bool, ...]:
        outcomes = tuple(Run(program, point).outcomes)
        found.setdefault(outcomes, []).append(point)
        return outcomes

    def coordinate(before: list[float]) -> float:
        kind = rng.random()
        if kind < 0.2:
            return rng.choice(pool)
        if kind < 0.28:
            return rng.choice([*before, 0.0])
        return rng.choice(SPECIAL) if kind < 0.33 else rng.gauss(0.0, 1.5)

    tried: list[tuple[tuple[float, ...], tuple[bool, ...]]] = []
    for _ in range(tries):
        point: list[float] = []
        while len(point) < program.numbers:
            point.append(coordinate(point))
        tried.append((tuple(point), path(tuple(point))))
    close: list[tuple[float, ...]] = []
    for (a, at_a), (b, at_b) in zip(tried, tried[1:]):
        if len(close) >= 4 * pairs:
            break
        if at_a == at_b or not all(map(math.isfinite, (*a, *b))):
            continue
        for step in range(steps):
            middle = tuple(0.5 * x + 0.5 * y for x, y in zip(a, b))
            if middle in (a, b):
                break
            if path(middle) == at_a:
                a = middle
            else:
                b = middle
            if step == 20:
                close += [a, b]
        close += [a, b] if steps > 21 else []
    # one for each path, then second ones
    each = [points[0] for points in found.values()]
    return [*dict.fromkeys([tried[0][0], *close, *each])][:most]
