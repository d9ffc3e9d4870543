"""Prints a Markdown table: a training step of a small transformer, scalar by scalar.

    python tests/benchmarks/gpt.py             # about a minute
    python tests/benchmarks/gpt.py --compiled  # five minutes: 1000 steps by autograd_lite.compile

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

--compiled trains the two models of Values for 1000 steps, a program for each length of a name, from
the first trace to the last update, and compares that with the same steps without programs: one pass
over the names, taken 1000 / 30 times. CPU time. *pays from step*: from there on the program has taken
less in all than recording a graph in each step.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import random
import string
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import accumulate
from operator import itemgetter
from statistics import median
from typing import Any

import numpy as np
from report import print_header, print_row, seconds
from test_engine import collector

import autograd_lite.engine
from autograd_lite import Value, compile, dot
from autograd_lite import softmax as softmax_of_library

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
STEPS = 1000  # with programs

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


def inputs_and_targets(name: str) -> tuple[list[int], list[int]]:
    numbers = [CHARACTERS.index(c) for c in f".{name}."][: CONTEXT + 1]
    return numbers[:-1], numbers[1:]


class Transformer:
    """The model and its optimiser, for any class of values."""

    def __init__(self, value: Any, characters: int = len(CHARACTERS)) -> None:
        rng = random.Random(2026)
        matrices = [
            [[value(rng.gauss(0.0, 0.1)) for _ in range(n)] for _ in range(m)]
            for m, n in ((characters, WIDTH), *SHAPES[1:])
        ]
        self.characters, self.places, *self.to_heads, self.mix = matrices[:6]
        self.widen, self.narrow, self.to_scores = matrices[6:]
        self.parameters = [w for matrix in matrices for row in matrix for w in row]
        self.steps = 0
        self.means, self.squares = ([0.0] * len(self.parameters) for _ in range(2))

    softmax = staticmethod(softmax)

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
                shares = self.softmax([p / HEAD**0.5 for p in products])
                found += [sum(s * content[i] for s, content in zip(shares, contents)) for i in head]
            yield self.linear(self.mix, found)

    def loss(self, name: str) -> Any:
        """The mean cross-entropy of each next character."""
        inputs, targets = inputs_and_targets(name)
        return self.mean_loss([self.characters[i] for i in inputs], [*map(itemgetter, targets)])

    def mean_loss(self, inputs: Sequence[list[Any]], picks: Sequence[Callable[..., Any]]) -> Any:
        """Of embedded characters; a pick takes the share of the right one out of all shares."""
        rows = [normalised(sums(xs, place)) for xs, place in zip(inputs, self.places)]
        taken = self.attention([normalised(xs) for xs in rows])
        rows = [sums(xs, ys) for xs, ys in zip(rows, taken)]
        losses = []
        for xs, pick in zip(rows, picks):
            hidden = [h.relu() for h in self.linear(self.widen, normalised(xs))]
            scores = self.linear(self.to_scores, sums(xs, self.linear(self.narrow, hidden)))
            losses.append(-pick(self.softmax(scores)).log())
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


class Programs:
    """A Transformer whose loss and gradient are a program for each length of a name.

    All that a program reads is one array: the embeddings of the characters of a name, the other
    parameters, and for each place 1 at the character that follows and 0 at the others. So the
    characters are no constants, and the gradient of their embeddings is added up afterwards.
    """

    def __init__(self, model: Any, backend: str | None) -> None:
        self.model = model
        self.weights = np.array(model(float).parameters)
        self.means, self.squares = np.zeros((2, len(self.weights)))
        self.steps, self.embedded = 0, len(CHARACTERS) * WIDTH
        self.value_and_grad = compile(self.loss, backend=backend).value_and_grad

    def loss(self, xs: Any) -> Any:
        count = len(CHARACTERS)
        n = (len(xs) - len(self.weights) + self.embedded) // (WIDTH + count)
        each = iter(xs)
        net = self.model(lambda _: next(each), n)
        net.softmax = softmax_of_library  # the largest number of that above would be a branch
        targets = [[next(each) for _ in range(count)] for _ in range(n)]
        return net.mean_loss(net.characters, [partial(dot, row) for row in targets])

    def step(self, name: str) -> float:
        """As above, with the update by NumPy."""
        inputs, targets = inputs_and_targets(name)
        embeddings, others = np.split(self.weights, [self.embedded])
        embeddings = embeddings.reshape(-1, WIDTH)
        right = np.eye(len(CHARACTERS))[targets]
        found = self.value_and_grad(np.concatenate([*embeddings[inputs], others, *right]))
        loss, slopes = found
        end = len(inputs) * WIDTH
        g = np.zeros(len(self.weights))
        np.add.at(g[: self.embedded].reshape(-1, WIDTH), inputs, slopes[:end].reshape(-1, WIDTH))
        g[self.embedded :] = slopes[end : end + len(others)]
        self.steps += 1
        rate, whole = RATE / (1.0 - BETA1**self.steps), 1.0 - BETA2**self.steps
        self.means = BETA1 * self.means + (1.0 - BETA1) * g
        self.squares = BETA2 * self.squares + (1.0 - BETA2) * g * g
        self.weights -= rate * self.means / (np.sqrt(self.squares / whole) + TINY)
        return loss


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


def timed_steps(model: Any, count: int) -> tuple[list[float], list[float]]:
    """The losses of so many steps, and the seconds that each took."""
    losses, clock = [], [time.process_time()]
    for i in range(count):
        losses.append(model.step(NAMES[i % len(NAMES)]))
        clock.append(time.process_time())
    return losses, [b - a for a, b in zip(clock, clock[1:])]


def without_programs(contender: str, pure: bool) -> tuple[list[float], float]:
    """The losses and the mean seconds of a pass over the names, in a process of its own."""
    environment = {**os.environ, "AUTOGRAD_LITE_PURE": "1" if pure else ""}
    command = [sys.executable, __file__, "--pass", contender]
    done = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    losses, spent = json.loads(done.stdout)
    return losses, spent


def one_pass(contender: str) -> None:
    model, value = CONTENDERS[contender]
    best = math.inf
    for _ in range(2):
        losses, spent = timed_steps(model(value), len(NAMES))
        best = min(best, sum(spent))
    print(json.dumps([losses, best / len(NAMES)]))


def pays_from(spent: list[float], later: float, eager: float) -> int:
    """The step from which the steps so far and after have taken less than eager ones."""
    behind = [i for i, t in enumerate(accumulate(spent), 1) if t > i * eager]
    if len(behind) < len(spent) and (not behind or behind[-1] < len(spent)):
        return behind[-1] + 1 if behind else 1
    left = sum(spent) - len(spent) * eager
    return len(spent) + math.ceil(left / (eager - later))


def report_programs() -> None:
    lengths = {len(inputs_and_targets(name)[0]) for name in NAMES}
    print(f"{len(lengths)} lengths: {min(lengths)} to {max(lengths)} places")
    engines = {"engine in C": False, "pure Python": True}
    if not getattr(autograd_lite.engine, "compiled", False):
        del engines["engine in C"]
    for contender in ("Value", "Value, linear layers of dot"):
        eager = {name: without_programs(contender, pure) for name, pure in engines.items()}
        pays = [f"pays from step, {name}" for name in engines]
        titles = "tracing and compiling, s", "a step, ms", f"{STEPS} steps, s", *pays
        print_header(f"GPT of {contender}", *titles)
        for name, (_, mean) in eager.items():
            print_row(f"graph, {name}", "-", f"{mean * 1e3:.3g}", f"{STEPS * mean:.3g}", "-", "-")
        for backend in ("llvm", None):
            model = Programs(CONTENDERS[contender][0], backend)
            losses, spent = timed_steps(model, STEPS)
            later = sum(timed_steps(model, STEPS)[1]) / STEPS
            for expected, _ in eager.values():
                difference = max(abs(a - b) / abs(b) for a, b in zip(losses, expected))
                assert difference <= 1e-9, f"the losses differ by {difference:.0e}"
            figures = sum(spent) - STEPS * later, later * 1e3, sum(spent)
            print_row(
                f"programs, backend={backend!r}", *[f"{x:.3g}" for x in figures],
                *[pays_from(spent, later, mean) for _, mean in eager.values()],
            )  # fmt: skip
            sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--compiled", action="store_true", help="1000 steps with programs")
    parser.add_argument("--pass", dest="contender", choices=CONTENDERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contender:
        one_pass(options.contender)
        return
    compiled = getattr(autograd_lite.engine, "compiled", False)
    print(f"autograd_lite.engine: {'compiled' if compiled else 'pure'}")
    print(f"{platform.python_implementation()} {platform.python_version()}, {platform.machine()}")
    if options.compiled:
        report_programs()
        return
    check_losses()
    report_steps()


if __name__ == "__main__":
    main()
