"""The lines of a derivation in one spelling: factors, their product, checks, what is shared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from ..engine import Value
from ..text import PRODUCT, WHERE, Pretty
from .chain import Chain
from .layout import Equation, Line, marked, one, product, total

MOST_NAMES, MOST_TERMS, MOST_DEFINITIONS, MOST_EQUATIONS = 6, 6, 40, 300
MOST_PATHS = 20
AGREES = 1e-12


class Writing:
    """A chain rule written out: of `root` by `wrt`, with the adjoints that its factors give."""

    def __init__(self, chain: Chain, adjoints: dict[Value, float], m: Pretty, digits: int) -> None:
        self.chain, self.adjoints, self.m, self.digits = chain, adjoints, m, digits
        self.root, self.of = chain.root, chain.names(m)
        self.left: dict[Value, list[Value]] = {v: [] for v in chain.named}  # what a node uses
        for user, v in chain.factors:
            self.left[user].append(v)
        self.written: dict[tuple[Value, int], dict[Value, str]] = {}

    def by(self, v: Value) -> str:
        """The sign for the derivative of the result by v."""
        return self.m.derivative(self.of[self.root], self.of[v])

    def number(self, x: float, level: int = WHERE) -> str:
        return self.m.inside(self.m.number(x, self.digits), level)

    def factor(self, v: Value, a: Value, digits: int = 0, level: int = PRODUCT) -> str:
        """The derivative of v by a as a formula; in numbers if digits are given."""
        if (v, digits) not in self.written:
            found = self.chain.formulas(self.m, v, digits)
            self.written[v, digits] = found
        return self.m.inside(self.written[v, digits][a], level)

    def names(self) -> Iterator[Line]:
        """What the names stand for that nodes without a label have got."""
        found = self.chain.auxiliary
        if found:
            yield "Nodes without a label, named here:"
        for v in found[:MOST_DEFINITIONS]:
            formula = self.m.inside(self.chain.result(v, self.m, 0), WHERE)
            yield Equation(self.of[v], [one(formula), one(self.number(v.data))])
        if len(found) > MOST_DEFINITIONS:
            yield f"… and {len(found) - MOST_DEFINITIONS} more; labels of your own read better …"
        if found:
            yield ""

    # One derivative, path by path

    def paths(self, paths: list[list[Value]], along: list[float]) -> Iterator[Line]:
        w = self.chain.wrt[0]
        if w is self.root or not paths:
            yield Equation(self.by(w), [one(self.number(self.adjoints.get(w, 0.0)))])
            return
        pairs = [[*zip(path, path[1:])] for path in paths]
        distinct = [*dict.fromkeys(pair for path in pairs for pair in path)]
        if len(distinct) == 1:
            yield self.of_factor(*distinct[0])
            return
        if len(paths) > 1:
            yield (
                f"{self.said(self.root)} depends on {self.said(w)} along {len(paths)} paths, so "
                f"the derivative is the sum of {len(paths)} products:"
            )
        signs = [
            product([self.m.derivative(self.of[v], self.of[a]) for v, a in path]) for path in pairs
        ]
        yield Equation(self.by(w), [total(signs)])
        yield ""
        for pair in distinct:
            yield self.of_factor(*pair)
        yield ""
        formulas = [product([self.factor(*pair) for pair in path]) for path in pairs]
        factors = self.chain.factors
        numbers = [product([self.number(factors[p], PRODUCT) for p in path]) for path in pairs]
        sums = [total([one(self.number(x)) for x in along])] if len(along) > 1 else []
        result = one(self.number(sum(along)))
        yield Equation(self.by(w), [total(formulas), total(numbers), *sums, result])

    def of_factor(self, v: Value, a: Value) -> Equation:
        """∂v/∂a = formula = the same in numbers = number."""
        sides = [
            self.factor(v, a, level=WHERE),
            self.factor(v, a, self.digits, level=WHERE),
            self.number(self.chain.factors[v, a]),
        ]
        return Equation(self.m.derivative(self.of[v], self.of[a]), [one(side) for side in sides])

    def shared(self, paths: list[list[Value]]) -> Iterator[Line]:
        """Which other derivatives begin with the same factors: the point of back propagation."""
        w = self.chain.wrt[0]
        inner = dict.fromkeys(v for path in paths for v in path[1:-1])
        found = [(v, leaves) for v in inner if (leaves := self.leaves(v, w))]
        if found:
            yield ""
            yield "Shared, so backward() computes them once:"
        for v, leaves in found[:MOST_NAMES]:
            names = self.listed(marked(self.by(u)) for u in leaves)
            value = self.said_number(self.adjoints[v])
            yield f"{self.said_product(v, paths)} = {value} is also in {names}"
        if len(found) > MOST_NAMES:
            yield f"and so on for {len(found) - MOST_NAMES} more nodes on the way."

    def said_product(self, v: Value, paths: list[list[Value]]) -> str:
        """∂C/∂z = ∂C/∂ŷ · ∂ŷ/∂z where there is one way, and that is short; else ∂C/∂z."""
        ways = {tuple(path[: [u is v for u in path].index(True) + 1]) for path in paths
                if any(u is v for u in path)}  # fmt: skip
        way = ways.pop()
        if ways or not 2 < len(way) < 5:
            return marked(self.by(v))
        pairs = zip(way, way[1:])
        signs = [self.m.derivative(self.of[a], self.of[b]) for a, b in pairs]
        return marked(f"{self.by(v)} = {self.m.times.join(f' {sign} ' for sign in signs).strip()}")

    def leaves(self, v: Value, w: Value) -> list[Value]:
        """The labelled leaves that v is computed from directly, w left out."""
        found: dict[Value, None] = {}
        for u in (near := [v]):
            for a in u.args:
                if isinstance(a, Value) and a is not w and a not in found:
                    if a.op is None and a.label:
                        found[a] = None
                    elif a.op is not None and a not in self.chain.fixed:
                        near.append(a)
        return [*found]

    # All derivatives, or one along very many paths: back propagation

    def backward(self) -> Iterator[Line]:
        chain, count = self.chain, self.chain.count()
        for w in chain.wrt:
            if w not in self.left:
                yield Equation(self.by(w), [one("0")], "the result does not depend on it")
        if len(chain.wrt) == 1 and (many := count[chain.wrt[0]]) > MOST_PATHS:
            yield (
                f"{self.said(self.root)} depends on {self.said(chain.wrt[0])} along {many} paths, "
                "too many to write out."
            )
        yield "Back propagation: the derivative by each node, once, from the nodes that use it."
        yield ""
        equations = [*map(self.adjoint, self.readable())]
        if len(equations) > MOST_EQUATIONS:
            half = MOST_EQUATIONS // 2
            yield from equations[:half]
            yield f"… {len(equations) - 2 * half} more; wrt= gives those you want …"
            yield from equations[-half:]
        else:
            yield from equations
        yield ""
        paths = sum(count[w] for w in chain.wrt if w in count)
        length = dict.fromkeys(chain.named, 0)  # of all paths to a node together
        for v in reversed(chain.named):
            length[v] = sum(length[u] + count[u] for u in chain.users[v])
        long = sum(length[w] for w in chain.wrt if w in count)
        yield (
            f"{len(chain.factors)} products, each adjoint used by all the nodes below it; written "
            f"out along each of the {paths} paths there would be {long}."
        )

    def readable(self) -> Iterator[Value]:
        """The named nodes in reverse order, each leaf right after the last node that uses it."""
        waiting = {v: len(users) for v, users in self.chain.users.items()}
        for v in reversed(self.chain.named):
            if v is self.root or self.left[v]:
                yield v
                for a in self.left[v]:
                    waiting[a] -= 1
                    if not waiting[a] and not self.left[a]:
                        yield a

    def adjoint(self, v: Value) -> Equation:
        """∂C/∂v from the adjoints of the nodes that use v."""
        users = self.chain.users[v]
        if v is self.root:
            return Equation(self.by(v), [one("1")])
        formulas, numbers = [], []
        for u in users:
            first = u is self.root
            level = PRODUCT if len(users) > 1 or not first else WHERE
            factor, x = self.factor(u, v, 0, level), self.number(self.chain.factors[u, v], level)
            formulas.append(product([factor] if first else [self.by(u), factor]))
            numbers.append(product([x] if first else [self.number(self.adjoints[u], PRODUCT), x]))
        if len(users) > MOST_TERMS:
            left_out = [("+", f"… ({len(users)} terms)")]
            formulas[3:-1], numbers[3:-1] = [left_out], [left_out]
        times = len(self.left[v])
        note = f"used {times} times below" if times > 1 else ""
        result = one(self.number(self.adjoints[v]))
        return Equation(self.by(v), [total(formulas), total(numbers), result], note)

    # Checks

    def checks(self, values: dict[Value, float], sizes: dict[Value, float]) -> Iterator[Line]:
        yield ""
        sweep = {w: self.chain.sweep.get(w, 0.0) for w in values}
        off = [w for w in values if not _same(values[w], sweep[w], sizes.get(w, 0.0))]
        worst = max(
            (abs(values[w] - sweep[w]) for w in values if values[w] == values[w]), default=0.0
        )
        if off:
            for w in off[:MOST_NAMES]:
                yield (
                    f"Check: a sweep of its own gives {self.said_number(sweep[w])} for "
                    f"{self.said(w)}, which differs."
                )
        elif worst > 0.0:
            yield f"Check: a sweep of its own agrees; the difference of {worst:.1g} is rounding."
        else:
            many = "same number" if len(values) == 1 else f"same {len(values)} numbers"
            yield f"Check: a sweep of its own gives the {many}."
        if changed := self.chain.changed():
            yield (
                f"Note: {self.listed(map(self.said, changed))} changed since the graph was "
                "recorded; formulas show the new numbers, derivatives are those recorded. Compute "
                "the result again."
            )
        yield from self.gradients(sweep, sizes)

    def gradients(self, sweep: dict[Value, float], sizes: dict[Value, float]) -> Iterator[Line]:
        """Whether .grad holds the same, and if not, why."""
        said: dict[str, list[Value]] = {}
        for w, x in sweep.items():
            if _same(w.grad, x, sizes.get(w, 0.0)):
                continue
            ratio = w.grad / x if x and math.isfinite(x) else 0.0
            times = round(ratio) if math.isfinite(ratio) else 0
            if w.grad == 0.0:
                why = "is 0: backward() has not been called since it was set to 0."
            elif times > 1 and abs(ratio - times) < 1e-9:
                why = (
                    f"is {times} times that: {times} passes were added up; zero_grad() starts anew."
                )
            else:
                why = "is not that: passes from other results were added up, or it was set."
            said.setdefault(why, []).append(w)
        for why, nodes in said.items():
            yield f"{self.listed(map(self.said, nodes))}: .grad {why}"

    def said(self, v: Value) -> str:
        return marked(self.of[v])

    def said_number(self, x: float) -> str:
        return marked(self.number(x))

    def listed(self, items: Iterable[str]) -> str:
        """a, b, c and 7 more."""
        items = [*items]
        rest = f" and {len(items) - MOST_NAMES} more" if len(items) > MOST_NAMES else ""
        return ", ".join(items[:MOST_NAMES]) + rest


def _same(a: float, b: float, size: float) -> bool:
    return a == b or (a != a and b != b) or abs(a - b) <= AGREES * size
