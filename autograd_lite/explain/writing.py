"""The lines of a derivation in one spelling: factors, their product, checks, what is shared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

from ..engine import Value
from ..text import PRODUCT, WHERE, Pretty
from .chain import Chain
from .layout import Equation, Line, Side, marked, one, total

MOST_NAMES, MOST_TERMS, MOST_DEFINITIONS, MOST_EQUATIONS = 6, 6, 40, 300
MOST_PATHS = 20
AGREES = 1e-12


class Writing:
    """A chain rule written out: of `root` by `wrt`, with the adjoints that its factors give."""

    def __init__(self, chain: Chain, adjoints: dict[Value, float], m: Pretty, digits: int) -> None:
        self.chain, self.adjoints, self.m, self.digits = chain, adjoints, m, m.rounded(digits)
        self.root, self.of = chain.root, chain.names(m)
        self.left: dict[Value, list[Value]] = {v: [] for v in chain.named}  # what a node uses
        for user, v in chain.factors:
            self.left[user].append(v)
        self.written: dict[tuple[Value, bool], dict[Value, Any]] = {}

    def by(self, v: Value) -> str:
        """The sign for the derivative of the result by v."""
        return self.m.derivative(self.of[self.root], self.of[v])

    def sign(self, v: Value, a: Value) -> str:
        """The sign for a factor; other ways by which the result depends on a are held fixed."""
        held = [self.of[u] for u in self.held(a)] if v is self.root else []
        return self.m.derivative(self.of[v], self.of[a], held)

    def held(self, a: Value) -> list[Value]:
        """What else the result is computed from that depends on a."""
        above, open_ = {a: None}, [a]
        while open_ and len(self.chain.users[a]) > 1:
            new = [u for u in self.chain.users[open_.pop()] if u not in above]
            above.update(dict.fromkeys(new))
            open_ += new
        return [u for u in self.left[self.root] if u in above and u is not a]

    def number(self, x: float, level: int = WHERE) -> str:
        return self.m.inside(self.digits.number(x), level)

    def factor(self, v: Value, a: Value, numbers: bool = False, level: int = PRODUCT) -> str:
        """The derivative of v by a as a formula, by names or in numbers."""
        if (v, numbers) not in self.written:
            m = self.digits if numbers else self.m
            self.written[v, numbers] = self.chain.formulas(v, m, numbers)
        return self.m.inside(self.written[v, numbers][a], level)

    def product(self, factors: list[str]) -> Side:
        """A product; a factor that begins with a minus is put in parentheses, but for the first."""
        minus = self.m.minus
        inner = [f"{self.m.parentheses(f)}" if f.startswith(minus) else f for f in factors[1:]]
        return [("·" if i else "", f) for i, f in enumerate([factors[0], *inner])]

    def definitions(self) -> Iterator[Line]:
        """What the names stand for that nodes without a label have got."""
        found = self.chain.definitions
        if any(w is self.root for w in self.chain.wrt):
            found = []
        for v in found[:MOST_DEFINITIONS]:
            number = one(self.number(self.chain.data[v]))
            if v.op is None or v in self.chain.cut:
                yield Equation(self.of[v], [number])
            else:
                formula = self.m.inside(self.chain.result(v, self.m), WHERE)
                yield Equation(self.of[v], [one(formula), number])
        if len(found) > MOST_DEFINITIONS:
            yield f"… and {len(found) - MOST_DEFINITIONS} more; labels of your own read better …"
        if found:
            yield ""

    # One derivative, path by path

    def paths(self, paths: list[list[Value]], along: list[float]) -> Iterator[Line]:
        w = self.chain.wrt[0]
        if w is self.root or not paths:
            yield Equation(self.by(w), [one(self.number(self.adjoints.get(w, 0.0)))])
            if not paths:
                yield from self.independent(w)
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
        signs = [self.product([self.sign(*pair) for pair in path]) for path in pairs]
        yield Equation(self.by(w), [total(signs)])
        if (self.root, w) in self.chain.factors and (held := self.held(w)):
            names = self.listed(map(self.said, held))
            yield f"({marked(self.sign(self.root, w))} is the derivative with {names} held fixed.)"
        yield ""
        for pair in distinct:
            yield self.of_factor(*pair)
        yield ""
        formulas = [self.product([self.factor(*pair) for pair in path]) for path in pairs]
        factors = self.chain.factors
        numbers = [self.product([self.number(factors[p], PRODUCT) for p in path]) for path in pairs]
        sums = [total([one(self.number(x)) for x in along])] if len(along) > 1 else []
        result = one(self.number(sum(along)))
        yield Equation(self.by(w), [total(formulas), total(numbers), *sums, result])

    def independent(self, w: Value) -> Iterator[Line]:
        """Why a derivative is 0."""
        yield f"{self.said(self.root)} does not depend on {self.said(w)}."
        if self.root.op is None:
            yield (
                f"{self.said(self.root)} has no recorded inputs: it is a leaf, or was computed "
                "under no_grad()."
            )

    def of_factor(self, v: Value, a: Value) -> Equation:
        """∂v/∂a = formula = the same in numbers = number."""
        sides = [
            self.factor(v, a, level=WHERE),
            self.factor(v, a, numbers=True, level=WHERE),
            self.number(self.chain.factors[v, a]),
        ]
        return Equation(self.sign(v, a), [one(side) for side in sides])

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
            yield f"{self.said_product(v)} = {value} is also in {names}"
        if len(found) > MOST_NAMES:
            yield f"and so on for {len(found) - MOST_NAMES} more nodes on the way."

    def said_product(self, v: Value) -> str:
        """∂C/∂z = ∂C/∂ŷ · ∂ŷ/∂z where there is one way, and that is short; else ∂C/∂z."""
        way, users = [v], self.chain.users
        while len(way) < 5 and len(users[way[0]]) == 1:
            way.insert(0, users[way[0]][0])
        if way[0] is not self.root or not 2 < len(way) < 5:
            return marked(self.by(v))
        signs = [self.sign(a, b) for a, b in zip(way, way[1:])]
        return marked(f"{self.by(v)} = {f' {self.m.times.strip()} '.join(signs)}")

    def leaves(self, v: Value, w: Value) -> list[Value]:
        """The labelled leaves that v is computed from directly, w left out."""
        found: dict[Value, None] = {}
        for u in (near := [v]):
            for a in u.args:
                if isinstance(a, Value) and a is not w and a not in found:
                    if a.op is None and self.chain.has_name(a):
                        found[a] = None
                    elif a.op is not None and a not in self.chain.fixed:
                        near.append(a)
        return [*found]

    # All derivatives, or one along very many paths: back propagation

    def backward(self) -> Iterator[Line]:
        chain, count = self.chain, self.chain.count()
        for w in chain.wrt:
            if w not in self.left:
                yield Equation(self.by(w), [one("0")])
                yield from self.independent(w)
        if not chain.named:
            return
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
        paths = sum(count[w] for w in chain.wrt if w in count)
        length = dict.fromkeys(chain.named, 0)  # of all paths to a node together
        for v in reversed(chain.named):
            length[v] = sum(length[u] + count[u] for u in chain.users[v])
        long = sum(length[w] for w in chain.wrt if w in count)
        if long > len(chain.factors):
            yield (
                f"Each adjoint is used by all nodes below it: {len(chain.factors)} factors. "
                f"Written out along each of the {paths} paths, there would be {long}."
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
        alone = len(users) == 1
        for u in users:
            first = u is self.root
            level = WHERE if first and alone else PRODUCT
            factor = self.factor(u, v, level=level)
            x = self.number(self.chain.factors[u, v], level)
            formulas.append(self.product([factor] if first else [self.by(u), factor]))
            if first:
                x = self.factor(u, v, numbers=True, level=WHERE) if alone else x
                numbers.append(one(x))
            else:
                numbers.append(self.product([self.number(self.adjoints[u], PRODUCT), x]))
        if len(users) > MOST_TERMS:
            left_out = [("+", f"… ({len(users) - 4} more)")]
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
        apart = [abs(values[w] - sweep[w]) for w in values if values[w] != sweep[w]]
        if off:
            for w in off[:MOST_NAMES]:
                yield (
                    f"Check: a separate backward sweep gives {self.said_number(sweep[w])} for "
                    f"{self.said(w)}, which differs."
                )
        elif worst := max([x for x in apart if x == x], default=0.0):
            yield f"Check: a separate backward sweep agrees; {worst:.1g} apart, by rounding."
        else:
            many = "same number" if len(values) == 1 else f"same {len(values)} numbers"
            yield f"Check: a separate backward sweep gives the {many}."
        yield from self.gradients(sweep, sizes)
        yield from self.notes()

    def gradients(self, sweep: dict[Value, float], sizes: dict[Value, float]) -> Iterator[Line]:
        """Whether .grad holds the same, and if not, why."""
        said: dict[str, list[Value]] = {}
        for w, x in sweep.items():
            grad = self.chain.grads[w]
            if _same(grad, x, sizes.get(w, 0.0)):
                continue
            ratio = grad / x if x and math.isfinite(x) else 0.0
            times = round(ratio) if math.isfinite(ratio) else 0
            if grad == 0.0:
                why = "is 0: no backward() has reached it since it was set to 0."
            elif times > 1 and abs(ratio - times) < 1e-9:
                why = (
                    f"is {times} times that: passes were added up (zero_grad() starts anew), or "
                    "backward() had a seed."
                )
            else:
                why = "is another number: passes from other results were added up, or it was set."
            said.setdefault(why, []).append(w)
        for why, nodes in said.items():
            if len(nodes) == 1 and (grad := self.chain.grads[nodes[0]]):
                why = f"is {self.said_number(grad)}, {why.removeprefix('is ')}"
            yield f"{self.listed(map(self.said, nodes))}: .grad {why}"

    def notes(self) -> Iterator[Line]:
        """What a reader who calculates it all again would stumble over."""
        if self.digits.digits < 17:
            yield f"Numbers are rounded to {self.digits.digits} digits."
        if self.chain.changed:
            names = self.listed(map(self.node, self.chain.changed))
            yield (
                f"Note: by the present numbers {names} would be different: data was changed after "
                "the graph was recorded (or an operation is random). Formulas show the new "
                "numbers, derivatives are those recorded. Compute the result again."
            )
        for text, nodes in self.by_reason().items():
            yield f"Note: {self.listed(map(self.node, nodes))}: {text}"

    def by_reason(self) -> dict[str, list[Value]]:
        """Why a formula of a derivative, evaluated as it stands, gives another number."""
        found: dict[str, dict[Value, None]] = {}
        for v, row, x, usual in self.chain.doubts:
            if x != x:
                text = f"outside the domain of {row.name} the derivative is nan."
            elif row.kinks and not abs(x - usual) <= 1e-3 * abs(x):
                text = f"{row.kinks}."
            else:
                text = (
                    "computed in a form that keeps its digits; the one written here, evaluated "
                    "with floats, loses some."
                )
            found.setdefault(text, {})[v] = None
        return {text: [*nodes] for text, nodes in found.items()}

    def node(self, v: Value) -> str:
        """A node in a sentence: its name, or its formula."""
        if v in self.chain.fixed:
            return self.said(v)
        return marked(self.m.inside(self.chain.result(v, self.m), WHERE))

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
    if not math.isfinite(size):
        size = max(abs(a), abs(b))
    return a == b or (a != a and b != b) or (math.isfinite(size) and abs(a - b) <= AGREES * size)
