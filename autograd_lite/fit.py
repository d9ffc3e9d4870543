"""Training: epochs of mini-batches, with a history that plots itself.

>>> from autograd_lite.data import moons
>>> X, Y = moons(60, seed=1)
>>> net = MLP(2, [8, 2], activation="tanh", seed=1)
>>> history = fit(net, X, Y, loss="cross_entropy", epochs=40, batch_size=20)
>>> history.loss[-1] < history.loss[0], accuracy(net, X, Y) > 0.85
(True, True)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from .compile.loss import LOSSES, CompiledLoss, Loss
from .compile.mapping import fastest
from .data import batches
from .engine import Value
from .engine import compiled as has_compiled_engine
from .ieee import shown
from .modes import no_grad
from .nn import MLP
from .optim import SGD, Adam

OPTIMIZERS = {"sgd": SGD, "adam": Adam}
TOO_LITTLE = "there is too little to do"


class History:
    """What happened epoch by epoch; `plot()` draws it.

    loss, validation_loss           the mean over the rows of each epoch
    accuracy, validation_accuracy   the share of rows in their class; empty for regression
    interrupted                     whether Ctrl-C ended the training
    runs                            what ran the steps, in words
    """

    def __init__(self) -> None:
        self.loss: list[float] = []
        self.validation_loss: list[float] = []
        self.accuracy: list[float] = []
        self.validation_accuracy: list[float] = []
        self.interrupted = False
        self.runs = ""

    def __repr__(self) -> str:
        last = f", loss {self.loss[-1]:.4g}" if self.loss else ""
        return f"<history of {len(self.loss)} epochs{last}>"

    def plot(self, path: str | None = None) -> Any:
        """The loss curves (and accuracies) as a matplotlib figure, saved if a path is given."""
        figure, axes = _figure(2 if self.accuracy else 1)
        for axis, name in zip(axes, ("loss", "accuracy")):
            for prefix, style in (("", "-"), ("validation_", "--")):
                values = getattr(self, prefix + name)
                if values:
                    label = (prefix.replace("_", " ") or "training ") + name
                    axis.plot(range(1, len(values) + 1), values, style, label=label)
            axis.set_xlabel("epoch")
            axis.set_ylabel(name)
            if axis.lines:
                axis.legend()
        if self.loss and min(self.loss) > 0.0:
            axes[0].set_yscale("log")
        return _saved(figure, path)


def fit(
    model: MLP,
    X: Sequence[Sequence[float]],  # noqa: N803
    Y: Sequence[Any],  # noqa: N803
    *,
    loss: Loss = "mse",
    optimizer: Any = None,
    epochs: int = 100,
    batch_size: int = 32,
    validation: tuple[Sequence[Any], Sequence[Any]] | None = None,
    schedule: Callable[[int], float] | None = None,
    penalty: float = 0.0,
    seed: int = 0,
    progress: bool = False,
    callback: Callable[[History], Any] | None = None,
    compiled: bool = True,
) -> History:
    """Train a model on rows X with targets Y by mini-batch gradient descent.

    The steps are those of compile_loss, unless there is so little to do that it would not pay, and
    `runs` of the history says what ran them.

    loss        a name ("mse", "mae", "hinge", "binary_cross_entropy",
                "binary_cross_entropy_with_logits", "cross_entropy") or f(outputs, targets)
    optimizer   an optimiser of the model's parameters, by default Adam with lr = 0.01
    validation  rows and targets that are only looked at
    schedule    the learning rate as a function of the epoch (from 0)
    penalty     α of an L2 penalty on all parameters
    seed        of the order of the rows
    progress    show a bar (tqdm, extra `train`)
    callback    called with the history after each epoch; True ends the training
    compiled    False: the model and the loss run as they are

    Ctrl-C ends the training after the last whole step, and the history says so. Raises ValueError
    for unknown names, empty or unequal data; FloatingPointError if the loss becomes nan or inf.
    """
    if not callable(loss) and loss not in LOSSES:
        raise ValueError(f"fit: loss = {shown(loss)}; use a function or one of {', '.join(LOSSES)}")
    if not len(X) or len(X) != len(Y):
        raise ValueError(f"fit: {len(X)} rows for {len(Y)} targets; give as many, at least one")
    if not (hasattr(epochs, "__index__") and hasattr(batch_size, "__index__")) or (
        epochs < 0 or batch_size < 1
    ):
        raise ValueError(
            f"fit: epochs = {epochs!r}, batch_size = {batch_size!r}; use whole numbers"
        )
    if not 0.0 <= penalty < math.inf:
        raise ValueError(f"fit: penalty = {penalty!r} must be finite and not negative")
    if optimizer is not None and not hasattr(optimizer, "step"):
        raise TypeError(
            f"fit: optimizer = {shown(optimizer)}; use Adam(model.parameters(), lr=...)"
        )
    if validation is not None and len(validation) != 2:
        raise ValueError("fit: validation must be a pair of rows and targets")
    import random

    rng, history = random.Random(seed), History()
    parameters = model.parameters()
    optimizer = Adam(parameters, lr=0.01) if optimizer is None else optimizer
    classes = loss if isinstance(loss, str) and loss not in ("mse", "mae") else ""
    backend = _backend(epochs * len(X), min(batch_size, len(X))) if compiled else ""
    step = CompiledLoss(
        model, loss, backend, penalty=penalty, more=getattr(optimizer, "parameters", ()),
        eager="" if backend else TOO_LITTLE if compiled else "by compiled=False",
    )  # fmt: skip
    step.says_why = False
    steps = _bar(range(epochs), progress)
    try:
        for epoch in steps:
            if schedule is not None:
                optimizer.lr = schedule(epoch)
                step.has_to_agree = True  # it may have changed the model
            total, right = 0.0, 0
            for xs, ys in batches(X, Y, batch_size, rng):
                optimizer.zero_grad()
                cost, outputs = step.run(xs, ys, outputs=bool(classes))
                if not math.isfinite(cost):
                    raise FloatingPointError(
                        f"fit: the loss is {cost} in epoch {epoch + 1}; standardise the "
                        "inputs or lower the learning rate"
                    )
                total += cost * len(xs)
                right += _right(outputs, ys, classes)
                before = [p.data for p in parameters]
                try:
                    optimizer.step()
                except KeyboardInterrupt:  # half a step is none
                    for p, x in zip(parameters, before, strict=True):
                        p.data = x
                    raise
            history.loss.append(total / len(X))
            if classes:
                history.accuracy.append(right / len(X))
            if validation is not None:
                X2, Y2 = validation  # noqa: N806
                cost, outputs = step.run(X2, Y2, gradient=False, outputs=bool(classes))
                history.validation_loss.append(cost)
                if classes:
                    history.validation_accuracy.append(_right(outputs, Y2, classes) / len(Y2))
            if hasattr(steps, "set_postfix"):
                steps.set_postfix(loss=f"{history.loss[-1]:.4g}")
            if callback is not None:
                if callback(history):
                    break
                step.has_to_agree = True  # it may have changed the model
    except KeyboardInterrupt:
        history.interrupted = True
    history.runs = step.runs
    return history


def outputs_of(model: MLP, X: Sequence[Sequence[float]]) -> list[Any]:  # noqa: N803
    """The outputs for each row as plain numbers (lists of them for several outputs)."""
    with no_grad():
        return [_plain(model(x)) for x in X]


def class_of(output: Any, loss: str = "cross_entropy") -> Any:
    """The class that an output stands for: the largest of several, else by its threshold.

    >>> class_of([0.1, 2.0, -1.0]), class_of(-0.3), class_of(0.7, "hinge")
    (1, 0, 1)
    """
    if isinstance(output, list):
        return max(range(len(output)), key=output.__getitem__)
    if loss == "hinge":
        return 1 if output > 0.0 else -1
    return int(output > (0.5 if loss == "binary_cross_entropy" else 0.0))


def accuracy(
    model: MLP,
    X: Sequence[Sequence[float]],  # noqa: N803
    Y: Sequence[Any],  # noqa: N803
    loss: str = "cross_entropy",
) -> float:
    """The share of rows whose class is predicted right; nan for no rows."""
    if not len(Y):
        return math.nan
    return _right(outputs_of(model, X), Y, loss) / len(Y)


def boundary(
    model: MLP,
    X: Sequence[Sequence[float]],  # noqa: N803
    Y: Sequence[Any],  # noqa: N803
    path: str | None = None,
    loss: str = "cross_entropy",
    names: Sequence[Any] = (),
    cells: int = 80,
) -> Any:
    """The decision boundary of a classifier of two features, with the rows, as a figure.

    names   of the classes, in their order, for the legend
    cells   how many the picture has in each direction
    """
    if not len(X) or len(X[0]) != 2:
        features = len(X[0]) if len(X) else "no rows and no"
        raise ValueError(f"boundary: X has {features} features; a picture needs exactly 2")
    figure, (axis,) = _figure(1)
    grid = []
    for k in range(2):
        low, high = min(x[k] for x in X), max(x[k] for x in X)
        margin = 0.1 * (high - low) or 1.0
        step = (high - low + 2 * margin) / cells
        grid.append([low - margin + i * step for i in range(cells + 1)])
    points = [[a, b] for b in grid[1] for a in grid[0]]
    found = [class_of(output, loss) for output in outputs_of(model, points)]
    known = sorted(set(Y) | set(found))
    image = [[known.index(c) for c in found[r : r + cells + 1]]
             for r in range(0, len(found), cells + 1)]  # fmt: skip
    last = max(len(known) - 1, 1)
    axis.pcolormesh(*grid, image, cmap="viridis", vmin=0, vmax=last, alpha=0.25, shading="nearest")
    for i, c in enumerate(known):
        at = [x for x, y in zip(X, Y, strict=True) if y == c]
        name = str(names[i] if names else c)
        axis.scatter([x[0] for x in at], [x[1] for x in at], s=14, label=name, c=[i] * len(at),
                     cmap="viridis", vmin=0, vmax=last, edgecolors="k", linewidths=0.3)  # fmt: skip
    axis.set_xlabel("$x_1$")
    axis.set_ylabel("$x_2$")
    axis.legend()
    return _saved(figure, path)


def _backend(rows: int, batch_size: int) -> str:
    """What trains fastest with so many rows in all, compiling included; empty for nothing.

    It asks for what is installed and not for the time, so that a training can be repeated.
    """
    found = fastest(strict=False)
    least, least_batch = (5000, 200) if has_compiled_engine else (1000, 10)
    if rows < least:
        return ""
    if found == "numpy" and batch_size < least_batch:
        found = "python"
    return "" if found == "python" and has_compiled_engine else found


def _right(outputs: Sequence[Any], targets: Sequence[Any], loss: str) -> int:
    """How many outputs stand for their target; 0 where there are no classes."""
    if not loss:
        return 0
    if any(isinstance(y, (list, tuple)) for y in targets):  # several answers a row: each by itself
        return sum([class_of(o, loss) for o in _plain(out)] == [*y]
                   for out, y in zip(outputs, targets, strict=True))  # fmt: skip
    return sum(class_of(_plain(o), loss) == y for o, y in zip(outputs, targets, strict=True))


def _plain(output: Any) -> Any:
    """An output as a number, several as a list of numbers."""
    if isinstance(output, list):
        return [_plain(v) for v in output]
    return output.data if isinstance(output, Value) else output


def _bar(epochs: range, progress: bool) -> Any:
    if not progress:
        return epochs
    try:
        from tqdm import tqdm
    except ImportError:
        import sys

        print("fit: for a progress bar, pip install 'autograd_lite[train]'", file=sys.stderr)
        return epochs
    from shutil import get_terminal_size

    return tqdm(epochs, unit="epoch", ncols=min(79, get_terminal_size().columns - 1))


def figure_suffixes() -> list[str]:
    """The kinds of file that matplotlib writes; a hint how to get it if it is missing."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
    except ImportError:
        hint = "plot: matplotlib is missing; pip install 'autograd_lite[plot]'"
        raise ImportError(hint) from None
    return [*FigureCanvasAgg.get_supported_filetypes()]


def _figure(columns: int) -> tuple[Any, Any]:
    figure_suffixes()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * columns, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(1, columns, i + 1) for i in range(columns)]


def _saved(figure: Any, path: str | None) -> Any:
    if path is not None:
        figure.savefig(path, dpi=150)
    return figure
