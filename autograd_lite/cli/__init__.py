"""The command line: `python -m autograd_lite`, or `autograd-lite`, and one file for each command.

lecture   the two lecture notes' nets, computed, checked and drawn (the default)
evaluate  eval: the value and all gradients of an expression
training  train and predict: a network from a CSV file
"""

from __future__ import annotations

import argparse
import errno
import os
import re
import sys
from collections.abc import Iterable, Sequence

from .. import __version__
from ..render import RenderError
from . import doctor, evaluate, lecture, training

EXAMPLES = """examples:
  autograd-lite
  autograd-lite eval "tanh(w*x + b)" x=2 w=-3 b=6.88 --check
  autograd-lite explain "z = w*x + b; tanh(z)" x=2 w=-3 b=6.88 --wrt w
  autograd-lite draw "z = w*x + b; tanh(z)" x=2 w=-3 b=6.88 steps.html
  autograd-lite train penguins.csv --target species --save model.json
  autograd-lite predict model.json more.csv
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 0, or 2 for wrong use or wrong input."""
    given = [*(sys.argv[1:] if argv is None else argv)]
    if not given or (given[0].startswith("-") and given[0] not in ("-h", "--help", "--version")):
        given = ["lecture", *given]
    options = {"eval": ("--draw", "--check"), "draw": (),
               "explain": ("--wrt", "--precision", "--format")}.get(given[0])  # fmt: skip
    if options is not None:  # an expression such as -x is not an option
        known = ("-h", "--help", *options)
        taken = [o for o in options if o != "--check"]  # with a value after them
        places = [i for i in range(1, len(given)) if given[i - 1] not in taken]
        first = next((i for i in places if given[i].split("=")[0] not in known), None)
        if first is not None:
            given[first] = f" {given[first]}"
    args = _parser().parse_args(given)
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        for line in _lines(args):
            try:
                print(line, flush=True)
            except OSError as error:
                if error.errno not in (errno.EPIPE, errno.EINVAL):  # the latter on Windows
                    raise
                sys.stdout = open(os.devnull, "w")  # noqa: SIM115  the reader has seen enough
    except (OSError, ValueError, ArithmeticError, ImportError, RenderError) as error:
        message = re.sub(rf"^(Drawing\.save|render|{args.command}): ", "", str(error))
        print(f"autograd-lite {args.command}: {message}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _lines(args: argparse.Namespace) -> Iterable[str]:
    if args.command == "lecture":
        color = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        return lecture.lecture(args.out, color=color)
    if args.command == "eval":
        return evaluate.evaluate(args.expression, args.variables, args.draw, args.check)
    if args.command == "explain":
        return [evaluate.explained(
            args.expression, args.variables, args.wrt, args.precision, args.format)]  # fmt: skip
    if args.command == "draw":
        return [evaluate.drawn(args.expression, args.rest)]
    if args.command == "doctor":
        return doctor.doctor()
    if args.command == "train":
        return training.train(args)
    return training.predict(args.model, args.file, args.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="autograd-lite",
        description="Scalar automatic differentiation that shows its work.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"autograd_lite {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="command")

    lesson = commands.add_parser("lecture", help="the lecture notes' nets (the default)")
    lesson.add_argument("--out", default="lecture.svg", help="the picture (.svg, .png or .dot)")

    expression = commands.add_parser("eval", help="value and gradients of an expression")
    expression.add_argument("expression", help='such as "tanh(w*x + b)"')
    expression.add_argument("variables", nargs="*", metavar="name=number")
    expression.add_argument("--draw", metavar="FILE", help="save the graph, see draw")
    expression.add_argument("--check", action="store_true", help="check the gradients")

    derivation = commands.add_parser("explain", help="the derivation of an expression")
    derivation.add_argument("expression", help='such as "z = w*x + b; tanh(z)"')
    derivation.add_argument("variables", nargs="*", metavar="name=number")
    derivation.add_argument("--wrt", metavar="NAME", help="by one variable or step, path by path; "
                            "by default all, by back propagation")  # fmt: skip
    derivation.add_argument("--precision", type=int, default=7, help="digits, default 7; 17: all")
    derivation.add_argument("--format", choices=("text", "latex", "markdown"), default="text")

    picture = commands.add_parser("draw", help="the graph of an expression")
    picture.add_argument("expression", help='such as "z = w*x + b; tanh(z)"')
    picture.add_argument("rest", nargs="*", metavar="name=number | FILE", help="the file's suffix "
                         "says how: .svg .png .pdf .html .dot .mmd .txt; none: a tree")  # fmt: skip

    commands.add_parser("doctor", help="what is installed, what draws, what computes")

    train = commands.add_parser("train", help="train a network on a CSV file")
    train.add_argument("file", metavar="FILE.csv")
    train.add_argument("--target", required=True, metavar="COLUMN")
    train.add_argument("--task", choices=("regression", "classification"), help="by default "
                       "classification for text, and for at most 10 different whole numbers that "
                       "are fewer than a tenth of the rows")  # fmt: skip
    train.add_argument("--drop", metavar="a,b", default="", help="columns to leave out")
    train.add_argument(
        "--hidden", default="16,16", metavar="16,16", help="sizes, default 16,16; '' for none"
    )
    train.add_argument("--activation", default="tanh", help="default tanh")
    train.add_argument("--optimizer", default="adam", choices=("adam", "sgd"),
                       help="default adam")  # fmt: skip
    train.add_argument("--lr", type=float, default=0.01, help="learning rate, default 0.01")
    train.add_argument("--epochs", type=int, default=100, help="default 100")
    train.add_argument("--batch", type=int, default=32, help="rows of a mini-batch, default 32")
    train.add_argument("--l2", type=float, default=0.0, help="weight of an L2 penalty")
    train.add_argument("--validation", type=float, default=0.2, help="share of rows held out, "
                       "default 0.2")  # fmt: skip
    train.add_argument("--seed", type=int, default=0)
    train.add_argument("--eager", action="store_true", help="without compiling the steps")
    train.add_argument("--plot", metavar="out.png", help="save the curves")
    train.add_argument("--save", metavar="model.json", help="save the model")

    predict = commands.add_parser("predict", help="predict the rows of a CSV file")
    predict.add_argument("model", metavar="model.json")
    predict.add_argument("file", metavar="FILE.csv")
    predict.add_argument("--out", metavar="predictions.csv", help="instead of the terminal")
    return parser
