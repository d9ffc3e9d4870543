"""Prints a Markdown table: a training step of a small transformer, scalar by scalar.

    python tests/benchmarks/gpt.py             # about a minute

The model is a GPT as one writes it in plain Python: one layer of 16 dimensions, 4 heads, a context of
16 characters out of 27, RMSNorm, causal attention, an MLP 16-64-16 of ReLU, cross-entropy, Adam; lists
of lists, each weight and each intermediate number a value of its own. `Transformer(value)` takes the
class of these values and nothing else.

- *slots and tuples* is the kind of class that such scripts bring along, `SlotsValue` below.
- *Value* is autograd_lite's, the same model with only the class swapped.
- *Value, linear layers of dot* is the same net with each sum of products of a linear layer one
  `autograd_lite.dot`; here the model's code differs, too.

micrograd's Value has neither exp nor log, so it cannot take part. All start from the same numbers and
see the same names, and their losses are compared before anything is timed. A step is one name: forward,
backward, update, and freeing the graph. *Nodes* are all values that the loss depends on, weights and
constants included, mean over the names.
"""

from __future__ import annotations

import math
import platform
import random
import string
from collections.abc import Iterator
from statistics import median
from typing import Any

from report import print_header, print_row, seconds
from test_engine import collector

import autograd_lite.engine
from autograd_lite import Value, dot

WIDTH, HEAD, CONTEXT, HIDDEN = 16, 4, 16, 64  # four heads of four dimensions
CHARACTERS = "." + string.ascii_lowercase  # the dot begins and ends a name
SHAPES = (
    (len(CHARACTERS), WIDTH), (CONTEXT, WIDTH), *[(WIDTH, WIDTH)] * 4, (HIDDEN, WIDTH),
    (WIDTH, HIDDEN), (len(CHARACTERS), WIDTH),
)  # fmt: skip
RATE, BETA1, BETA2, TINY = 0.01, 0.9, 0.99, 1e-8  # Adam's settings
CHECKED_STEPS = 5
STEPS_IN_A_ROW = 5  # so that the collector's full passes come as they do in training
TURNS = 12

NAMES = (
    "ada", "bruno", "carla", "dimitri", "elif", "farid", "greta", "hanna", "ingrid", "jonas",
    "katya", "leopold", "mira", "nadia", "oskar", "petra", "quentin", "rosalind", "stefan", "tamara",
    "ulrike", "viktor", "wanda", "xenia", "yusuf", "zoe", "benedikt", "maxim", "sofia", "theodora",
)  # fmt: skip


class SlotsValue:
    """A number with its inputs and its derivative by each, in tuples; a plain number becomes one."""

    __slots__ = ("_children", "_local_grads", "data", "grad")

    def __init__(self, data: float, children: tuple = (), local_grads: tuple = ()) -> None:
        self.data, self.grad = data, 0.0
        self._children, self._local_grads = children, local_grads

    # fmt: off
    def __add__(self, other: Any) -> SlotsValue:
        other = other if isinstance(other, SlotsValue) else SlotsValue(other)
        return SlotsValue(self.data + other.data, (self, other), (1.0, 1.0))
    def __mul__(self, other: Any) -> SlotsValue:
        other = other if isinstance(other, SlotsValue) else SlotsValue(other)
        return SlotsValue(self.data * other.data, (self, other), (other.data, self.data))
    def __pow__(self, n: float) -> SlotsValue:
        return SlotsValue(self.data**n, (self,), (n * self.data ** (n - 1),))
    def exp(self) -> SlotsValue:
        y = math.exp(self.data)
        return SlotsValue(y, (self,), (y,))
    def log(self) -> SlotsValue:
        return SlotsValue(math.log(self.data), (self,), (1.0 / self.data,))
    def relu(self) -> SlotsValue:
        return SlotsValue(max(0.0, self.data), (self,), (float(self.data > 0.0),))
    def __radd__(self, other: Any) -> SlotsValue: return self + other
    def __rmul__(self, other: Any) -> SlotsValue: return self * other
    def __neg__(self) -> SlotsValue: return self * -1.0
    def __sub__(self, other: Any) -> SlotsValue: return self + (-other)
    def __rsub__(self, other: Any) -> SlotsValue: return -self + other
    def __truediv__(self, other: Any) -> SlotsValue: return self * other**-1
    def __rtruediv__(self, other: Any) -> SlotsValue: return self**-1 * other
    # fmt: on

    def backward(self) -> None:  # as fast as the usual recursion
        nodes, seen, stack = [], set(), [self]
        while stack:
            v = stack.pop()
            if v is None:  # all inputs of the node below are done
                nodes.append(stack.pop())
                continue
            while v not in seen:  # down along the first inputs
                seen.add(v)
                if not v._children:
                    nodes.append(v)
                    break
                stack += (v, None, *v._children[1:])
                v = v._children[0]
        self.grad = 1.0
        for v in reversed(nodes):
            g = v.grad
            for child, slope in zip(v._children, v._local_grads):
                child.grad += slope * g


def sums(xs: list[Any], ys: list[Any]) -> list[Any]:
    return [x + y for x, y in zip(xs, ys)]


def normalised(xs: list[Any]) -> list[Any]:
    """RMSNorm without gains."""
    scale = (sum(x * x for x in xs) / len(xs) + 1e-5) ** -0.5
    return [x * scale for x in xs]


def softmax(xs: list[Any]) -> list[Any]:
    largest = max(x.data for x in xs)
    powers = [(x - largest).exp() for x in xs]
    total = sum(powers)
    return [p / total for p in powers]


class Transformer:
    """The model and its optimiser, for any class of values."""

    def __init__(self, value: Any) -> None:
        rng = random.Random(2026)
        matrices = [
            [[value(rng.gauss(0.0, 0.1)) for _ in range(n)] for _ in range(m)] for m, n in SHAPES
        ]
        self.characters, self.places, *self.to_heads, self.mix = matrices[:6]
        self.widen, self.narrow, self.to_scores = matrices[6:]
        self.parameters = [w for matrix in matrices for row in matrix for w in row]
        self.steps = 0
        self.means, self.squares = ([0.0] * len(self.parameters) for _ in range(2))

    def linear(self, weights: list[list[Any]], xs: list[Any]) -> list[Any]:
        return [sum(w * x for w, x in zip(row, xs)) for row in weights]

    def attention(self, rows: list[list[Any]]) -> Iterator[list[Any]]:
        """For each position what it takes from itself and the positions before it."""
        queries, keys, contents = ([self.linear(m, xs) for xs in rows] for m in self.to_heads)
        for t, query in enumerate(queries):
            found: list[Any] = []
            for start in range(0, WIDTH, HEAD):
                head = range(start, start + HEAD)
                products = [sum(query[i] * key[i] for i in head) for key in keys[: t + 1]]
                shares = softmax([p / HEAD**0.5 for p in products])
                found += [sum(s * content[i] for s, content in zip(shares, contents)) for i in head]
            yield self.linear(self.mix, found)

    def loss(self, name: str) -> Any:
        """The mean cross-entropy of each next character."""
        numbers = [CHARACTERS.index(c) for c in f".{name}."][: CONTEXT + 1]
        inputs, targets = numbers[:-1], numbers[1:]
        rows = [normalised(sums(self.characters[i], p)) for i, p in zip(inputs, self.places)]
        taken = self.attention([normalised(xs) for xs in rows])
        rows = [sums(xs, ys) for xs, ys in zip(rows, taken)]
        losses = []
        for xs, target in zip(rows, targets):
            hidden = [h.relu() for h in self.linear(self.widen, normalised(xs))]
            scores = self.linear(self.to_scores, sums(xs, self.linear(self.narrow, hidden)))
            losses.append(-softmax(scores)[target].log())
        return sum(losses) / len(losses)

    def step(self, name: str) -> float:
        """Forward, backward, Adam; the loss before it."""
        loss = self.loss(name)
        loss.backward()
        self.steps += 1
        rate, whole = RATE / (1.0 - BETA1**self.steps), 1.0 - BETA2**self.steps
        for i, w in enumerate(self.parameters):
            g = w.grad
            self.means[i] = m = BETA1 * self.means[i] + (1.0 - BETA1) * g
            self.squares[i] = s = BETA2 * self.squares[i] + (1.0 - BETA2) * g * g
            w.data -= rate * m / (math.sqrt(s / whole) + TINY)
            w.grad = 0.0
        return loss.data


class DotTransformer(Transformer):
    """The same with autograd_lite.dot in the linear layers."""

    def linear(self, weights: list[list[Any]], xs: list[Any]) -> list[Any]:
        return [dot(row, xs) for row in weights]


CONTENDERS = {
    "slots and tuples": (Transformer, SlotsValue),
    "Value": (Transformer, Value),
    "Value, linear layers of dot": (DotTransformer, Value),
}


def nodes(root: Any) -> int:
    """The values that root depends on, and itself."""
    seen, stack = set(), [root]
    while stack:
        v = stack.pop()
        if v not in seen and isinstance(v, (SlotsValue, Value)):
            seen.add(v)
            stack += v._children if isinstance(v, SlotsValue) else v.args
    return len(seen)


def check_losses() -> None:
    models = [model(value) for model, value in CONTENDERS.values()]
    print_header("loss of step", *CONTENDERS, "largest relative difference")
    for step, name in enumerate(NAMES[:CHECKED_STEPS], 1):
        first, *others = [model.step(name) for model in models]
        difference = max(abs(x - first) / abs(first) for x in others)
        print_row(step, *map(repr, (first, *others)), f"{difference:.0e}")
        assert difference <= 1e-12, "the contenders do not compute the same"


def report_steps() -> None:
    sizes = {
        contender: sum(nodes(model(value).loss(name)) for name in NAMES) // len(NAMES)
        for contender, (model, value) in CONTENDERS.items()
    }
    models = {(c, on): model(v) for on in (True, False) for c, (model, v) in CONTENDERS.items()}
    times: dict[tuple[str, bool], list[float]] = {key: [] for key in models}
    for turn in range(TURNS):
        names = [NAMES[(turn * STEPS_IN_A_ROW + i) % len(NAMES)] for i in range(STEPS_IN_A_ROW)]
        for (contender, on), model in models.items():
            with collector(on):
                whole = seconds(lambda step=model.step, names=names: [*map(step, names)])
            times[contender, on].append(whole * 1e3 / STEPS_IN_A_ROW)
    title = f"GPT step, mean ms of {STEPS_IN_A_ROW} in a row"
    print_header(title, "collector", "median", "nodes per step", "slots and tuples / this")
    for (contender, on), ms in times.items():
        ratio = f"{median(times['slots and tuples', on]) / median(ms):.2f}"
        print_row(contender, "on" if on else "off", median(ms), f"{sizes[contender]:,}", ratio)


def main() -> None:
    compiled = getattr(autograd_lite.engine, "compiled", False)
    print(f"autograd_lite.engine: {'compiled' if compiled else 'pure'}")
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    check_losses()
    report_steps()


if __name__ == "__main__":
    main()
