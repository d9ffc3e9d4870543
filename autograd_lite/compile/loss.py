"""compile_loss: a training step whose rows run as a program.

>>> from autograd_lite import MLP, SGD
>>> net = MLP(2, [3, 1], activation="tanh", seed=1)
>>> step, optimizer = compile_loss(net, "mse"), SGD(net.parameters(), lr=0.1)
>>> X, Y = [[0.0, 1.0], [1.0, 0.0]], [1.0, -1.0]
>>> costs = []
>>> for _ in range(20):
...     costs.append(step(X, Y))
...     optimizer.step()
>>> costs[-1] < 0.1 * costs[0]
True
"""

from __future__ import annotations

import math
import warnings
from array import array
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import add, is_
from typing import Any, NamedTuple

from .. import losses
from ..engine import Value, dot, packed_data, set_grads
from ..functions import _arrays, logsumexp, relu, softplus, where
from ..ieee import floats, fsum, shown
from ..modes import no_grad
from ..structure import Structure, detached, is_array
from .compiled import Compiled, Settings, check_settings
from .mapping import Part, fastest
from .rows import Batch, Columns
from .runner import has
from .signature import GivenValues, key_of

NAMES = ("mse", "mae", "hinge", "binary_cross_entropy", "binary_cross_entropy_with_logits",
         "cross_entropy")  # fmt: skip
LOSSES: dict[str, Callable[..., Any]] = {name: getattr(losses, name) for name in NAMES}
Loss = str | Callable[[Any, Any], Any]
RUNS = {"python": "generated Python", "numpy": "NumPy", "llvm": "machine code (LLVM)"}
MOST_PATHS = 8  # each is compiled: a model with more branches runs as it is


def compile_loss(
    model: Any, loss: Loss, *, backend: str | None = None, mode: str = "fast", penalty: float = 0.0
) -> CompiledLoss:
    """A function step(X, Y) that sets the gradient of every parameter and returns the loss.

    It does what `cost = loss([model(x) for x in X], Y); cost.backward()` does, on gradients of 0,
    and returns cost.data. The model is traced for one row, as by compile(), and the program runs
    over the rows; the parameters are read at each call, so optimisers work as ever.

    model     called with a row, with a method parameters()
    loss      a name ("mse", "mae", "hinge", "binary_cross_entropy",
              "binary_cross_entropy_with_logits", "cross_entropy"), or f(outputs, targets), which
              itself is not compiled: only the model is then
    backend   "python", "numpy" or "llvm"; None: the last of them that is installed
    mode      "fast" or "strict", as for compile()
    penalty   α of an L2 penalty on all parameters, which counts in the gradient and not in what is
              returned, as in fit

    A model that cannot be a program runs as it is, with a warning; `step.runs` says what does.
    What it keeps besides its parameters is a constant: compile again after changing it.

    Raises TypeError for a model without parameters(), ValueError for unknown settings, and in the
    call what loss and model raise.
    """
    check_settings("compile_loss", backend, mode)
    if not callable(model) or not hasattr(model, "parameters"):
        raise TypeError(f"compile_loss: model = {shown(model)} must be callable, with parameters()")
    if not callable(loss) and loss not in LOSSES:
        raise ValueError(
            f"compile_loss: loss = {shown(loss)}; use a function or one of {', '.join(LOSSES)}"
        )
    if not 0.0 <= penalty < math.inf:
        raise ValueError(f"compile_loss: penalty = {penalty!r} must be finite and not negative")
    backend = backend or fastest(mode == "strict")  # not by the clock: runs can be repeated
    return CompiledLoss(model, loss, backend, mode, penalty)


class CompiledLoss:
    """A training step made by compile_loss; see there.

    more    Values beside the parameters that get a gradient
    eager   why it runs as it is, empty if it is compiled
    """

    def __init__(
        self,
        model: Any,
        loss: Loss,
        backend: str = "",
        mode: str = "fast",
        penalty: float = 0.0,
        more: Iterable[Value] = (),
        eager: str = "",
    ) -> None:
        self.model, self.backend, self.penalty, self.eager = model, backend, penalty, eager
        self.loss = LOSSES[loss] if isinstance(loss, str) else loss
        self.given = [*model.parameters()]
        self.penalised = [*dict.fromkeys(self.given)]
        self.parameters = [*dict.fromkeys([*self.penalised, *more])]
        self.has_to_agree, self.says_why, self.mode = True, True, mode
        row = ROWS.get(self.loss)
        settings = 0, (), backend, mode, MOST_PATHS, self.parameters

        def made(f: Callable[..., Any]) -> Compiled:
            return Compiled(f, "value_and_grad", Settings(*settings))

        self.row = row and made(lambda x, y: row(model(x), y))
        self.outputs_of_row = made(lambda x: model(x)).of("value")
        self.weighted = made(self._weighted)

    def _weighted(self, x: Any, weights: Sequence[Any]) -> Any:
        """A combination of the outputs for a row, whose slopes are those of the loss."""
        return dot(weights, Structure(self.model(x), "the outputs", "compile_loss").numbers)

    def __call__(self, X: Any, Y: Any) -> float:  # noqa: N803
        return self.run(X, Y)[0]

    @property
    def runs(self) -> str:
        """What runs it, in words."""
        return f"not compiled: {self.eager}" if self.eager else RUNS[self.backend]

    def __repr__(self) -> str:
        return f"<step of {getattr(self.loss, '__name__', 'a loss')}; {self.runs}>"

    def run(
        self, X: Any, Y: Any, *, gradient: bool = True, outputs: bool = False  # noqa: N803
    ) -> tuple[float, list[Any]]:  # fmt: skip
        """The loss, and the outputs for the rows if they are wanted, as plain numbers."""
        X, Y = _listed(X), _listed(Y)  # noqa: N806
        given = [*self.model.parameters()]
        if len(given) != len(self.given) or not all(map(is_, given, self.given)):
            more = self.parameters[len(self.penalised) :]
            self.__init__(  # type: ignore[misc]
                self.model, self.loss, self.backend, self.mode, self.penalty, more, self.eager
            )
        reason = ""
        if not self.eager:
            try:
                if self.has_to_agree:
                    some = {*range(len(X))[:2], len(X) // 2, len(X) - 1}
                    self._agree([X[i] for i in some], [Y[i] for i in some])
                found = self._compiled(X, Y, gradient, outputs)
                reason = self._trouble()
                if not reason:
                    return found
            except GivenValues:
                pass
            except Exception as error:
                reason = str(error)
        found = self._as_it_is(X, Y, gradient)  # raises what belongs to it
        if reason:
            self.eager = reason
            if self.says_why:
                warnings.warn(f"compile_loss: it runs as it is: {reason}", stacklevel=3)
        return found

    def _as_it_is(self, X: Any, Y: Any, gradient: bool) -> tuple[float, list[Any]]:  # noqa: N803
        if not gradient:
            with no_grad():
                outputs = [self.model(x) for x in X]
                return detached(self.loss(outputs, Y)), detached(outputs)
        outputs = [self.model(x) for x in X]
        cost = self.loss(outputs, Y)
        self._zero_grad()
        if self.penalty:
            (cost + losses.l2_penalty(self.penalised, self.penalty)).backward()
        else:
            cost.backward()
        return cost.data, detached(outputs)

    def _zero_grad(self) -> None:
        for p in self.parameters:
            p.grad = 0.0

    def _agree(self, X: Any, Y: Any) -> None:  # noqa: N803
        """Raises TypeError for a model that remembers something or draws random numbers."""
        expected, plain = self._as_it_is(X, Y, gradient=False)
        gradient = self.row is not None  # the program that is needed anyway
        found, outputs = self._compiled(X, Y, gradient, outputs=not gradient)
        pairs = [(expected, found)]
        if not gradient:
            pairs = [*zip(Structure(plain, "", "").numbers, Structure(outputs, "", "").numbers)]
        for a, b in pairs:
            if not math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-9) and a == a:
                raise TypeError(
                    "the model's outputs depend on more than its parameters and the row, such as "
                    f"random numbers or what was before ({a!r} instead of {b!r})"
                )
        self.has_to_agree = False

    def _trouble(self) -> str:
        """Why it was not compiled after all."""
        made = self.row, self.outputs_of_row, self.weighted
        return next(
            (p.warned for f in made if f for p in f.settings.paths.values() if p.warned), ""
        )

    def _compiled(
        self, X: Any, Y: Any, gradient: bool, outputs: bool  # noqa: N803
    ) -> tuple[float, list[Any]]:  # fmt: skip
        if self.row is None:
            return self._by_outputs(X, Y, gradient)
        row = self.row if gradient else self.row.of("value")
        groups = _groups(row, X, Y)
        sums = _added([group.sums() for group in groups])
        found = self._outputs(X) if outputs else []
        n = sum(group.targets for group in groups)
        means = sums / n if is_array(sums) else [y / n for y in sums]
        if gradient:
            self._set(means[1:])
        return float(means[0]), found

    def _outputs(self, X: Any) -> list[Any]:  # noqa: N803
        found: list[Any] = [None] * len(X)
        for group in _groups(self.outputs_of_row, X):
            for i, y in zip(group.at, group.results()):
                found[i] = y
        return found

    def _by_outputs(self, X: Any, Y: Any, gradient: bool) -> tuple[float, list[Any]]:  # noqa: N803
        """For any loss: it is computed from the outputs as ever, and its slopes by them are the
        weights of the outputs in the gradient."""
        found = self._outputs(X)
        nodes = [Structure(y, "", "") for y in found]
        for node in nodes:
            node.numbers = [Value(y) for y in node.numbers]
        outputs = [node.built(node.numbers) for node in nodes]
        if not gradient:
            with no_grad():
                return detached(self.loss(outputs, Y)), found
        cost = self.loss(outputs, Y)
        self._zero_grad()
        cost.backward()
        weights = [[v.grad for v in node.numbers] for node in nodes]
        sums = [_plain(group.sums()) for group in _groups(self.weighted, X, weights)]
        own = [p.grad for p in self.parameters]  # where the loss itself uses parameters
        self._set([a + b for a, b in zip(own, _added(sums)[1:])])
        return cost.data, found

    def _set(self, slopes: Any) -> None:
        if self.penalty:
            slopes = self._with_penalty(slopes)
        set_grads(self.parameters, bytes(slopes if is_array(slopes) else array("d", slopes)))

    def _with_penalty(self, slopes: Any) -> Any:
        partials, n = losses.L2.partials, len(self.penalised)
        data = packed_data(self.penalised)
        if not has("numpy"):
            more = partials(floats, None, self.penalty, *memoryview(data).cast("d"))[1:]
            return [*map(add, slopes, more), *slopes[n:]]
        import numpy as np

        slopes = np.array(slopes)
        with np.errstate(all="ignore"):  # each parameter has a penalty of its own: they are rows
            slopes[:n] += partials(_arrays(), None, self.penalty, np.frombuffer(data))[1]
        return slopes


class Group(NamedTuple):
    """Rows of one form.

    at   their places
    """

    f: Compiled
    key: Hashable
    examples: tuple[Any, ...]
    batch: Batch
    at: Sequence[int]

    def run(self, reduce: bool) -> tuple[Any, Structure]:
        part = Part(self.f, self.key, self.examples, {}, reduce, ())
        return part(self.batch, self.at[0])

    @property
    def targets(self) -> int:
        """How many there are in all rows."""
        return self.batch.n * len(Structure(self.examples[-1], "", "").numbers)

    def sums(self) -> Any:
        """The sums of the outputs over the rows."""
        return self.run(reduce=True)[0]

    def results(self) -> list[Any]:
        """The result of each row."""
        outputs, result = self.run(reduce=False)
        if result.is_single:
            return _plain(outputs[0])
        return [result.built(row) for row in zip(*map(_plain, outputs))]


def _groups(f: Compiled, *wholes: Any) -> list[Group]:
    """Rows of arguments by their form: another one, such as a longer sequence, is a program."""
    n = len(wholes[0])
    if n == 0 or any(len(whole) != n for whole in wholes):
        raise ValueError("there must be as many rows as targets, at least one")
    tables = [*map(_table, wholes)]
    if all(table is not None for table in tables):
        examples = tuple([whole[0] for whole in wholes])
        key, k = key_of(examples, {}, ()), sum(table.shape[1] for table in tables)
        if len(f.paths_of(key, examples, {}).signature.names) == k:
            return [Group(f, key, examples, Batch(Columns(bytes(k), b"", tables), n), range(n))]
    places: dict[Hashable, list[int]] = {}
    rows = [*zip(*wholes)]
    for i, row in enumerate(rows):
        places.setdefault(key_of(row, {}, ()), []).append(i)
    return [_group(f, key, [rows[i] for i in at], at) for key, at in places.items()]


def _group(f: Compiled, key: Hashable, rows: list[tuple[Any, ...]], at: list[int]) -> Group:
    signature = f.paths_of(key, rows[0], {}).signature
    columns: list[Any] = [[*xs] for xs in zip(*[signature.numbers(row, {}) for row in rows])]
    if has("numpy"):
        import numpy as np

        columns = [np.array(xs) for xs in columns]
    return Group(f, key, rows[0], Batch(columns, len(rows)), at)


def _table(xs: Any) -> Any:
    """Rows of numbers of one form as a float array with two axes; None for others."""
    if not has("numpy") or hasattr(xs, "mask"):
        return None
    import numpy as np

    try:
        found = np.array(xs)
    except (TypeError, ValueError, OverflowError):
        return None
    if found.dtype.kind not in "fiu":
        return None
    return found.astype(float, copy=False).reshape(len(found), -1)


def _listed(xs: Any) -> Any:
    return xs if isinstance(xs, (list, tuple)) or is_array(xs) else list(xs)


def _plain(xs: Any) -> list[float]:
    return xs.tolist() if is_array(xs) else xs  # type: ignore[no-any-return]


def _added(sums: list[Any]) -> Any:
    return sums[0] if len(sums) == 1 else [fsum(ys) for ys in zip(*map(_plain, sums))]


# The losses for one row, not divided by the number of its targets, which are numbers that a program
# reads: where the loss takes one way for some of them, so do these, without a branch.


def _each(name: str, f: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def of_row(outputs: Any, targets: Any) -> Any:
        pairs = losses._pairs(name, [outputs], [targets])
        return losses._reduced(name, [f(p, y) for p, y in pairs], "sum")

    return of_row


def _plainly(loss: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda outputs, targets: loss([outputs], [targets], "sum")


def _hinge(s: Any, y: Any) -> Any:
    _demand((y == 1.0) | (y == -1.0))
    return relu(1.0 - y * s)


def _on_logit(z: Any, y: Any) -> Any:
    _demand((y >= 0.0) & (y <= 1.0))
    is_class = (y == 0.0) | (y == 1.0)
    return softplus(where(y == 1.0, -z, z)) - where(is_class, 0.0, y * z)


def _cross_entropy(zs: Any, c: Any) -> Any:
    chosen, is_class = zs[0], c == 0.0
    for k, z in enumerate(zs[1:], 1):
        chosen = where(c == float(k), z, chosen)
        is_class = is_class | (c == float(k))
    _demand(is_class)
    return logsumexp(zs) - chosen


def _demand(condition: Any) -> None:
    if not condition:
        raise ValueError("not such a target")  # the loss itself then says it


ROWS: dict[Any, Callable[[Any, Any], Any]] = {
    losses.mse: _plainly(losses.mse),
    losses.mae: _plainly(losses.mae),
    losses.hinge: _each("hinge", _hinge),
    losses.binary_cross_entropy: _plainly(losses.binary_cross_entropy),
    losses.binary_cross_entropy_with_logits: _each("binary_cross_entropy_with_logits", _on_logit),
    losses.cross_entropy: _cross_entropy,
}
