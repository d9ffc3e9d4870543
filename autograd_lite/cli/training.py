"""`train` and `predict`: a multi-layer perceptron from a CSV file, saved with all it needs."""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

from ..data import Encoder, Standardiser, read_csv, split
from ..fit import OPTIMIZERS, History, boundary, class_of, fit, outputs_of
from ..functions import softmax
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
        """Write the model as JSON, whole or not at all."""
        state = {
            "format": FORMAT, "version": VERSION, "net": self.net.state(),
            "encoder": self.encoder.state(), "inputs": self.inputs.state(),
            "targets": None if self.targets is None else self.targets.state(),
            "optimizer": self.optimizer,
        }  # fmt: skip
        beside = f"{path}.part"
        with open(beside, "w", encoding="utf-8") as file:
            json.dump(state, file, indent=1)
        os.replace(beside, path)

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
            if (targets is None) != bool(encoder.classes):
                raise ValueError("classes and a scale of the target exclude each other")
        except (ValueError, TypeError, KeyError, IndexError, RecursionError) as error:
            raise ValueError(
                f"{path} is not a model that train saved ({error!r}); train it again"
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
    _writable(args.save, args.file)
    _writable(args.plot, args.file)
    hidden = _sizes(args.hidden)
    table = read_csv(args.file, args.target, task=args.task)
    encoder, classes = table.encoder, table.classes
    what = f"{len(classes)} classes" if classes else "numbers"
    size = f"{len(table.rows)} rows of {len(table.names)} features"
    yield f"{args.file}: {size}; {args.target}: {what}"
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
    yield (
        f"net {shape}, {args.activation}, {len(net.parameters())} parameters; "
        f"{args.optimizer}, lr {args.lr}; {len(X)} rows to train, {len(X2)} to validate"
    )
    history = fit(
        net, inputs.transform(X), Y, loss="cross_entropy" if classes else "mse",
        optimizer=optimizer, epochs=args.epochs, batch_size=args.batch, penalty=args.l2,
        validation=(inputs.transform(X2), Y2) if X2 else None, seed=args.seed,
        progress=sys.stderr.isatty(), callback=None if sys.stderr.isatty() else _say(args.epochs),
    )  # fmt: skip
    if history.interrupted:
        yield f"interrupted after {len(history.loss)} epochs; what was learnt is kept"
    model = Trained(net, encoder, inputs, scale, optimizer.state())
    yield from _results(model, (X, Y), (X2, Y2))
    if args.save:
        model.save(args.save)
        yield f"{args.save} holds the model; next: autograd-lite predict {args.save} FILE.csv"
    if args.plot:
        history.plot(args.plot)
        yield f"{args.plot} shows the curves"
        if classes and len(table.names) == 2:
            stem, suffix = os.path.splitext(args.plot)
            boundary(net, inputs.transform(X), Y, f"{stem}-boundary{suffix}", names=classes)
            yield f"{stem}-boundary{suffix} shows the decision boundary (standardised inputs)"


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
    errors = [sum((a - y) ** 2 for a, y in zip(found, ys)) for found, ys in zip(answers, truths)]
    spreads = [sum((y - sum(ys) / len(ys)) ** 2 for y in ys) for ys in truths]
    rmse = [(e / len(ys)) ** 0.5 for e, ys in zip(errors, truths)]
    yield f"{'error':<10}" + "".join(f"{x:>14.5g}" for x in rmse) + "   root mean square"
    yield f"{'R²':<10}" + "".join(
        f"{1 - e / s if s else float('nan'):>14.4f}" for e, s in zip(errors, spreads)
    )


def predict(model_path: str, path: str, out: str | None) -> Iterator[str]:
    """The predictions as CSV lines, and how good they are where the file has the target."""
    _writable(out, path)
    _writable(out, model_path)
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
    known = [(a[0], y) for a, y in zip(found, table.targets) if y is not None]
    if known and model.targets is None:
        share = sum(a == y for a, y in known) / len(known)
        print(f"accuracy {share:.1%} of {len(known)} rows", file=sys.stderr)
    elif known:
        rmse = (sum((a - y) ** 2 for a, y in known) / len(known)) ** 0.5
        print(f"root mean square error {rmse:.5g} of {len(known)} rows", file=sys.stderr)
    if table.left_out:
        print(f"{table.left_out} rows with a missing cell are left out", file=sys.stderr)


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


def _writable(path: str | None, source: str) -> None:
    """Refuse an output that could not be written, or is the input, before any work is done."""
    if path is None:
        return
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise ValueError(f"{path}: there is no folder {folder}")
    if os.path.exists(path) and os.path.exists(source) and os.path.samefile(path, source):
        raise ValueError(f"{path} is the input; it is not overwritten")
