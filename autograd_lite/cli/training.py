"""`train` and `predict`: a multi-layer perceptron from a CSV file, saved with all it needs."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from ..compile.loss import RUNS
from ..compile.mapping import fastest
from ..data import Encoder, Standardiser, read_csv, split
from ..data.sheet import Sheet
from ..fit import OPTIMIZERS, History, boundary, class_of, figure_suffixes, fit, outputs_of
from ..functions import softmax
from ..ieee import fsum, shown
from ..nn import MLP

FORMAT, VERSION = "autograd_lite trained model", 1


class Trained(NamedTuple):
    """A net, how a CSV file becomes its inputs, and how its outputs become answers."""

    net: MLP
    encoder: Encoder
    inputs: Standardiser
    targets: Standardiser | None
    optimizer: dict[str, Any]

    def save(self, path: str) -> None:
        """Write the model as JSON, whole or not at all; what was there is then replaced."""
        state = {
            "format": FORMAT, "version": VERSION, "net": self.net.state(),
            "encoder": self.encoder.state(), "inputs": self.inputs.state(),
            "targets": None if self.targets is None else self.targets.state(),
            "optimizer": self.optimizer,
        }  # fmt: skip
        text, path = json.dumps(state, indent=1), os.path.realpath(path)
        handle, beside = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".part")
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
            os.replace(beside, path)
        except BaseException:
            os.unlink(beside)
            raise

    @classmethod
    def load(cls, path: str) -> Trained:
        """The model that `save` wrote. Raises ValueError for a file that is not one."""
        try:
            with open(path, encoding="utf-8") as file:
                state = json.load(file)
            if state["format"] != FORMAT or state["version"] != VERSION:
                raise ValueError(f"format {state['format']!r}, version {state['version']!r}")
            encoder = Encoder.from_state(state["encoder"])
            targets = state["targets"]
            model = cls(
                MLP.from_state(state["net"]), encoder, Standardiser.from_state(state["inputs"]),
                None if targets is None else Standardiser.from_state(targets),
                dict(state["optimizer"]),
            )  # fmt: skip
            outputs = len(encoder.classes) or 1
            wide = len(model.net.layers[0].neurons[0].w), len(model.net.layers[-1].neurons)
            if wide != (len(encoder.names), outputs) or len(model.inputs.means) != wide[0]:
                raise ValueError("the net does not fit to the columns")
            one = model.targets is None or len(model.targets.means) == 1
            if (targets is None) != bool(encoder.classes) or not one:
                raise ValueError("classes and a scale of the target exclude each other")
        except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError,
                ValueError) as error:  # fmt: skip
            reason = f"{type(error).__name__}: {shown(str(error))}"
            raise ValueError(
                f"{path} is not a model that train saved ({reason}); train it again"
            ) from None
        return model

    def answers(self, rows: list[list[float]]) -> list[Any]:
        """A class with its probability, or a number, for each row."""
        outputs = outputs_of(self.net, self.inputs.transform(rows))
        if self.targets is not None:
            return [(y,) for y in self.targets.inverse(outputs)]
        return [(self.encoder.classes[class_of(z)], max(softmax(z))) for z in outputs]


def train(args: argparse.Namespace) -> Iterator[str]:
    """Train, and yield the lines of the report."""
    outputs = _outputs(args.plot, args.save)
    _writable(outputs, args.file)
    hidden = _sizes(args.hidden)
    columns = _without(args.file, args.target, args.drop)
    table = read_csv(args.file, args.target, task=args.task, columns=columns)
    encoder, classes = table.encoder, table.classes
    what = f"{len(classes)} classes" if classes else "numbers (--task classification for classes)"
    yield f"{os.path.basename(args.file)}: {len(table.rows)} rows of {len(table.names)} features"
    yield f"target {args.target}: {what}"
    if table.left_out:
        yield f"{table.left_out} rows with a missing cell are left out"
    targets = [classes.index(y) for y in table.targets] if classes else table.targets
    (X, Y), (X2, Y2) = split(  # noqa: N806
        table.rows, targets, args.validation, args.seed, stratified=bool(classes)
    )
    inputs = Standardiser.fit(X)
    scale = None if classes else Standardiser.fit(Y)
    if scale is not None:
        Y, Y2 = scale.transform(Y), scale.transform(Y2)  # noqa: N806
    net = MLP(len(table.names), [*hidden, len(classes) or 1], activation=args.activation,
              init="xavier", seed=args.seed)  # fmt: skip
    optimizer = OPTIMIZERS[args.optimizer](net.parameters(), lr=args.lr)
    shape = "-".join(str(n) for n in (len(table.names), *hidden, len(classes) or 1))
    yield f"net {shape}, {args.activation}, {len(net.parameters())} parameters"
    yield f"{args.optimizer}, lr {args.lr}; {len(X)} rows to train, {len(X2)} to validate"
    history = fit(
        net, inputs.transform(X), Y, loss="cross_entropy" if classes else "mse",
        optimizer=optimizer, epochs=args.epochs, batch_size=args.batch, penalty=args.l2,
        validation=(inputs.transform(X2), Y2) if X2 else None, seed=args.seed,
        progress=sys.stderr.isatty(), callback=None if sys.stderr.isatty() else _say(args.epochs),
        compiled=not args.eager,
    )  # fmt: skip
    yield f"steps: {history.runs}{_faster(history.runs)}"
    if history.interrupted:
        yield f"interrupted after {len(history.loss)} epochs; what was learnt is kept"
    model = Trained(net, encoder, inputs, scale, optimizer.state())
    if args.save:
        model.save(args.save)  # before anything else can go wrong
    yield from _results(model, (X, Y), (X2, Y2))
    if args.save:
        yield f"{args.save} holds the model for: autograd-lite predict"
    if args.plot:
        history.plot(args.plot)
        yield f"{args.plot} shows the curves"
        if classes and len(table.names) == 2:
            boundary(net, inputs.transform(X), Y, outputs["boundary"], names=classes)
            yield f"{outputs['boundary']} shows the decision boundary (standardised inputs)"


def _results(model: Trained, training: Any, validation: Any) -> Iterator[str]:
    """Accuracy, or root mean square error and R², on both parts."""
    columns = [(name, rows, ys) for name, (rows, ys) in
               (("training", training), ("validation", validation)) if rows]  # fmt: skip
    yield f"{'':<10}" + "".join(f"{name:>14}" for name, _, _ in columns)
    answers = [[a[0] for a in model.answers(rows)] for _, rows, _ in columns]
    if model.targets is None:
        classes = model.encoder.classes
        shares = [sum(a == classes[y] for a, y in zip(found, ys)) / len(ys)
                  for found, (_, _, ys) in zip(answers, columns)]  # fmt: skip
        yield f"{'accuracy':<10}" + "".join(f"{share:>14.1%}" for share in shares)
        return
    truths = [model.targets.inverse(ys) for _, _, ys in columns]
    means = [fsum(ys) / len(ys) for ys in truths]
    rmse = [_rmse(found, ys) for found, ys in zip(answers, truths)]
    spread = [_rmse([mean] * len(ys), ys) for mean, ys in zip(means, truths)]
    yield f"{'error':<10}" + "".join(f"{x:>14.5g}" for x in rmse) + "   root mean square"
    yield f"{'R²':<10}" + "".join(
        f"{1 - (e / s) ** 2 if s else math.nan:>14.4f}" for e, s in zip(rmse, spread)
    )


def _rmse(found: Sequence[float], truth: Sequence[float]) -> float:
    """The root of the mean squared difference, without overflow."""
    return math.hypot(*(a - y for a, y in zip(found, truth))) / math.sqrt(len(truth))


def predict(model_path: str, path: str, out: str | None) -> Iterator[str]:
    """The predictions as CSV lines, and how good they are where the file has the target."""
    _writable({"out": out}, path, model_path)
    model = Trained.load(model_path)
    table = model.encoder.read(path)
    found = model.answers(table.rows) if table.rows else []
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    header = ["line", model.encoder.target]
    writer.writerow(header if model.targets is not None else [*header, "probability"])
    for line, answer in zip(table.lines, found, strict=True):
        y, *probability = answer
        writer.writerow([line, repr(y) if isinstance(y, float) else y,
                         *(f"{p:.4f}" for p in probability)])  # fmt: skip
    if out:
        with open(out, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
        yield f"{out}: {len(found)} predictions"
    else:
        yield text.getvalue().rstrip("\n")
    numbers = model.targets is not None
    known = [(a[0], y) for a, y in zip(found, table.targets)
             if y is not None and (isinstance(y, (int, float)) or not numbers)]  # fmt: skip
    if known and model.targets is None:
        share = sum(a == y for a, y in known) / len(known)
        print(f"accuracy {share:.1%} of {len(known)} rows", file=sys.stderr)
    elif known:
        rmse = _rmse(*zip(*known))
        print(f"root mean square error {rmse:.5g} of {len(known)} rows", file=sys.stderr)
    if table.left_out:
        print(f"{table.left_out} rows with a missing cell are left out", file=sys.stderr)


def _faster(runs: str) -> str:
    """What would make a training faster that ran so."""
    is_missing = fastest(strict=False) != "llvm" and runs in RUNS.values()
    return "; pip install 'autograd_lite[llvm]' makes this faster" if is_missing else ""


def _say(epochs: int) -> Any:
    """A callback that prints about ten lines, for where there is no terminal to draw a bar on."""

    def say(history: History) -> None:
        done = len(history.loss)
        if done % max(1, epochs // 10) == 0 or done == epochs:
            validation = f", validation {history.validation_loss[-1]:.4g}" * bool(
                history.validation_loss
            )
            print(f"epoch {done:>5}   loss {history.loss[-1]:.4g}{validation}", file=sys.stderr)

    return say


def _sizes(text: str) -> list[int]:
    try:
        sizes = [int(part) for part in text.split(",")] if text.strip() else []
    except ValueError:
        sizes = [0]
    if any(n < 1 for n in sizes):
        raise ValueError(f"--hidden {text}: write sizes such as 16,16")
    return sizes


def _without(path: str, target: str, drop: str) -> list[str] | None:
    """The columns of a file but the target and those to drop; None for all."""
    if not drop.strip():
        return None
    names, dropped = Sheet("train", path, None).names, [part.strip() for part in drop.split(",")]
    unknown = [name for name in dropped if name not in names]
    if unknown:
        raise ValueError(f"--drop {', '.join(unknown)}: the columns are {', '.join(names)}")
    return [name for name in names if name not in (target, *dropped)]


def _outputs(plot: str | None, save: str | None) -> dict[str, str | None]:
    """The files that training may write, by what they are; matplotlib knows the suffixes."""
    if plot is None:
        return {"save": save}
    stem, suffix = os.path.splitext(plot)
    known = figure_suffixes()
    if suffix.lower().removeprefix(".") not in known:
        raise ValueError(f"--plot {plot}: the name must end in one of {', '.join(sorted(known))}")
    return {"save": save, "plot": plot, "boundary": f"{stem}-boundary{suffix}"}


def _writable(outputs: dict[str, str | None], *sources: str) -> None:
    """Refuse, before any work, what could not be written or would destroy an input."""
    taken = [os.path.realpath(source) for source in sources]
    for name, path in outputs.items():
        if path is None:
            continue
        real = os.path.realpath(path)
        folder = os.path.dirname(real)
        if not path or (os.path.exists(real) and not os.path.isfile(real)):
            raise ValueError(f"--{name} {path!r} is not the name of a file")
        if not os.path.isdir(folder) or not os.access(folder, os.W_OK):
            raise ValueError(f"--{name} {path}: there is no folder {folder} that can be written to")
        if real in taken:
            raise ValueError(f"--{name} {path} is an input or another output; choose another name")
        taken.append(real)
