"""`eval`, `explain` and `draw`: an expression given as text, which is never executed.

The text is parsed with `ast`, and only numbers, the given variables, the operators of Value and the
functions of the table are accepted; anything else is refused before anything is computed. Steps
before the last may be given names: "z = w*x + b; tanh(z)".
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

from .. import functions
from ..check import check_grads
from ..draw import draw
from ..engine import Value, order
from ..explain import explain
from ..ieee import shown
from ..ops import ALIASES, TABLE
from ..text import unicode

LONGEST, DEEPEST = 10_000, 200  # characters of the text, levels of the tree
CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.Pow: functions.pow, ast.Mod: functions.mod,
    ast.FloorDiv: functions.floordiv, ast.USub: operator.neg, ast.UAdd: operator.pos,
    ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge,
    ast.Eq: operator.eq, ast.NotEq: operator.ne,
}  # fmt: skip
N_ARY = ("sum", "mean", "prod", "logsumexp")  # of lists in Python, here of their arguments
FUNCTIONS = {name: getattr(functions, name) for name in (*TABLE, *ALIASES, "mean")
             if hasattr(functions, name)
             and (name in N_ARY or TABLE[ALIASES.get(name, name)].arity)}  # fmt: skip


class ExpressionError(ValueError):
    """The text is not an expression that may be evaluated; the message says why."""


def parse(text: str, names: list[str]) -> Callable[..., Any]:
    """The function of the variables `names` that the text describes.

    >>> parse("z = w*x + b; tanh(z)", ["w", "x", "b"])(0.0, 2.0, 0.0)
    0.0

    Raises ExpressionError: too long, too deep, no expression, an unknown name, a name given twice,
    anything else than numbers, variables, operators and functions of the table.
    """
    text = text.strip()
    if len(text) > LONGEST:
        raise ExpressionError(f"the expression has {len(text)} characters; at most {LONGEST}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            body = ast.parse(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        reason = (getattr(error, "msg", None) or "it is nested too deep")[:80]
        raise ExpressionError(f"{shown(text)} is not an expression: {reason}") from None
    if not body:
        raise ExpressionError("there is no expression")
    steps: list[tuple[str, ast.AST]] = []
    for i, statement in enumerate(body):
        name, tree = _step(statement, last=i == len(body) - 1)
        known = {*names, *(n for n, _ in steps)}
        _check(tree, known)
        if name in known or name in CONSTANTS:
            raise ExpressionError(f"{name} has a value already; choose another name for the step")
        steps.append((name, tree))
    return lambda *xs: _steps(steps, dict(zip(names, xs, strict=True)))


def _step(statement: ast.AST, last: bool) -> tuple[str, ast.AST]:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=tree):
            return name, tree
        case ast.Expr(value=tree) if last:
            return "", tree
        case ast.Expr():
            raise ExpressionError("every step but the last needs a name: z = w*x + b; tanh(z)")
    raise ExpressionError(f"{type(statement).__name__} is not allowed; use expressions")


def _steps(steps: list[tuple[str, ast.AST]], values: dict[str, Any]) -> Any:
    result = None
    for name, tree in steps:
        result = values[name] = _run(tree, values)
        if isinstance(result, Value) and not result.label:
            result.label = name
    return result


def _check(tree: ast.AST, names: set[str]) -> None:
    """Refuse everything that is not on the white list, without recursion."""
    level = [tree]
    for _ in range(DEEPEST):
        below: list[ast.AST] = []
        for node in level:
            below += _parts(node, names)
        level = below
        if not level:
            return
    raise ExpressionError(f"the expression is nested more than {DEEPEST} levels deep")


def _parts(node: ast.AST, names: set[str]) -> list[ast.AST]:
    """The operands of a node that may stand in an expression."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            try:
                float(number)
            except OverflowError:
                raise ExpressionError(f"{shown(number)} is too large for a float") from None
            return []
        case ast.Name(id=name):
            if name not in names and name not in CONSTANTS:
                known = ", ".join(sorted(names)) or "none"
                raise ExpressionError(f"{name!r} has no value; given: {known} (write {name}=1.5)")
            return []
        case ast.BinOp(left=a, op=op, right=b) if type(op) in OPERATORS:
            return [a, b]
        case ast.UnaryOp(op=op, operand=a) if type(op) in OPERATORS:
            return [a]
        case ast.Compare(left=a, ops=[op], comparators=[b]) if type(op) in OPERATORS:
            return [a, b]
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            if name not in FUNCTIONS:
                raise ExpressionError(f"{name!r} is not a function of the library")
            return list(args)
    raise ExpressionError(
        f"{type(node).__name__} is not allowed; use numbers, variables, operators and functions"
    )


def _run(node: Any, values: dict[str, Any]) -> Any:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            return values[name] if name in values else CONSTANTS[name]
        case ast.BinOp(left=a, op=op, right=b):
            x, y = _run(a, values), _run(b, values)
            if type(op) is ast.Div and not (isinstance(x, Value) or isinstance(y, Value)):
                return functions.div(x, y)
            return OPERATORS[type(op)](x, y)
        case ast.UnaryOp(op=op, operand=a):
            return OPERATORS[type(op)](_run(a, values))
        case ast.Compare(left=a, ops=[op], comparators=[b]):
            return OPERATORS[type(op)](_run(a, values), _run(b, values))
    args = [_run(a, values) for a in node.args]
    name = node.func.id
    return FUNCTIONS[name](args) if name in N_ARY else FUNCTIONS[name](*args)


def assignments(pairs: list[str]) -> dict[str, float]:
    """x=2 w=-3 as a dict.

    >>> assignments(["x=2", "w=-3"])
    {'x': 2.0, 'w': -3.0}
    """
    found: dict[str, float] = {}
    for pair in pairs:
        name, sign, number = pair.partition("=")
        try:
            if not sign or not name.strip().isidentifier():
                raise ValueError
            value = float(number)
        except ValueError:
            raise ExpressionError(f"{shown(pair)} gives no variable; write x=1.5") from None
        if found.setdefault(name.strip(), value) is not value:
            raise ExpressionError(f"{name.strip()} is given twice")
    return found


def compute(text: str, pairs: list[str]) -> tuple[Callable[..., Any], list[Value], Any]:
    """The function, its inputs and its result, after backward(); gradients need a variable."""
    given = assignments(pairs)
    f = parse(text, list(given))
    inputs = [Value(x, label=name) for name, x in given.items()]
    try:
        y = f(*inputs)
    except (TypeError, ValueError, OverflowError) as error:
        raise ExpressionError(str(error)) from None
    if isinstance(y, Value):
        y.backward()
    return f, inputs, y


def evaluate(text: str, pairs: list[str], picture: str | None, check: bool) -> list[str]:
    """The lines that `eval` prints: the value, the gradients, and what was drawn and checked."""
    f, inputs, y = compute(text, pairs)
    lines = [f"value     {y.data if isinstance(y, Value) else y!r}"]
    if not isinstance(y, Value):
        return [*lines, "the value does not depend on any variable: nothing to draw or check"]
    width = max(8, *(len(unicode(v.label)) + 3 for v in inputs))
    lines += [f"{'d/d' + unicode(v.label):<{width}}  {v.grad!r}" for v in inputs]
    if picture:
        draw(y).save(picture)
        lines.append(f"{picture} shows the graph")
    if check:
        lines += ["", str(check_grads(f, inputs, raises=False))]
    return lines


def explained(text: str, pairs: list[str], wrt: str | None, precision: int, form: str) -> str:
    """What `explain` prints: the derivation by one variable, or by all."""
    _, inputs, y = compute(text, pairs)
    by = None
    if not isinstance(y, Value):
        raise ExpressionError("the value does not depend on any variable: nothing to derive")
    if wrt is not None:
        by = next((v for v in order(y) if v.label == wrt != ""), None)
        by = by or next((v for v in inputs if v.label == wrt), None)
        if by is None:
            raise ExpressionError(f"--wrt {wrt}: there is no such variable or step")
    elif len(inputs) == 1:
        (by,) = inputs
    derivation = explain(y, wrt=by, precision=precision)
    if form == "text":
        return str(derivation)
    return derivation.latex() if form == "latex" else derivation.markdown()


def drawn(text: str, rest: list[str]) -> str:
    """What `draw` prints: the graph as a tree, or which file shows it."""
    pairs = [x for x in rest if "=" in x]
    files = [x for x in rest if "=" not in x]
    if len(files) > 1:
        raise ExpressionError(f"{', '.join(files)}: give one file for the picture")
    _, _, y = compute(text, pairs)
    if not isinstance(y, Value):
        raise ExpressionError("the value does not depend on any variable: nothing to draw")
    if not files:
        return draw(y).text
    draw(y).save(files[0])
    return f"{files[0]} shows the graph"
