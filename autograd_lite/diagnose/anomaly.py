"""Where a Value was made, and the first nan or inf."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..engine import Value
from ..graph import formula, names
from ..ieee import shown
from ..modes import Mode, Sourced, file_name, users_frame

LISTED = 4  # operands in a message

# Where a Value was made


class record_source(Mode):  # noqa: N801
    """While active, every new Value remembers the source line that made it, for source(v).

    A context manager, and a decorator as no_grad is; safe in threads and async code. The line is
    the first one outside of this package. Drawings show it in their tooltips.

    >>> with record_source():
    ...     y = Value(2.0) * 3
    >>> source(y).split(": ")[1]
    '`y = Value(2.0) * 3`'
    """

    def __init__(self) -> None:
        super().__init__()
        # one label for all Values of an instruction; it keeps its code alive, so ids stay its own
        self._labels: dict[tuple[int, int, str], Sourced] = {}

    def sees(self, v: Any) -> None:
        frame, _ = users_frame()
        key = id(frame.f_code), frame.f_lasti, v._label
        label = self._labels.get(key)
        if label is None:
            label = self._labels[key] = Sourced(v._label, frame.f_code, frame.f_lasti)
        v._label = label


def source(v: Value) -> str:
    """The source line that made a Value inside record_source(); empty where none was recorded.

    v   a Value; TypeError for anything else

    >>> source(Value(2.0) * 3)
    ''
    """
    if not isinstance(v, Value):
        raise TypeError(f"source: v must be a Value, not {type(v).__name__} {shown(v)}")
    label = v._label
    return _line(label.code, label.at) if isinstance(label, Sourced) else ""


def _line(code: Any, at: int) -> str:
    """train.py, line 12, in loss: `return x.log()`"""
    import linecache

    lines = (line for start, end, line in code.co_lines() if line and start <= at < end)
    number = next(lines, code.co_firstlineno)
    inside = "" if code.co_name == "<module>" else f", in {code.co_name}"
    text = linecache.getline(code.co_filename, number).strip()
    place = f"{file_name(code.co_filename)}, line {number}{inside}"
    return f"{place}: `{text}`" if text else place


# The first nan or inf


class AnomalyError(ArithmeticError):
    """A nan or an infinity that came out of finite numbers; see detect_anomaly."""


class detect_anomaly(Mode):  # noqa: N801
    """While active, the first operation that makes nan or inf out of finite inputs raises.

    A context manager, and a decorator as no_grad is; safe in threads and async code. The
    AnomalyError names the operation, its operands and the source line. An infinite slope, such as
    that of sqrt at 0, has a finite value: there it is backward() that raises, and the gradients
    stay as they were before the call. Operations on plain numbers alone are not seen.

    >>> with detect_anomaly():
    ...     y = Value(0.0).log()  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd_lite.diagnose.anomaly.AnomalyError: detect_anomaly: log(v1) is -inf at v1 = 0.0; ...
    """

    def sees(self, v: Any) -> None:
        if not math.isfinite(v._num) and v._row is not None and _finite(v.args):
            frame, _ = users_frame()
            line = f"; {_line(frame.f_code, frame.f_lasti)}"
            of = names([a for a in dict.fromkeys(v.args) if isinstance(a, Value)])
            raise AnomalyError(
                f"detect_anomaly: {_written(v, of)} is {v.data!r}{_operands(v, of)}{line}; "
                f"{_way_out(v)}"
            )

    def swept(self, nodes: list[Any], before: list[tuple[Any, float]]) -> None:
        if any(not math.isfinite(v._grad) for v in nodes):  # the usual sweep is done with this
            total = dict.fromkeys(nodes, 0.0)
            for v in reversed(nodes):
                if v._grad != 0.0 and math.isfinite(v._grad):
                    _examine(v, total, nodes)
        for v, g in before:
            if _finite((v._grad, g)) and not math.isfinite(v._grad + g):
                raise _overflow(v, g, v._grad, nodes)


def _examine(v: Value, total: dict[Value, float], nodes: list[Value]) -> None:
    """Raise if what this node passes on, or a sum that this completes, is not finite."""
    for place, (a, p) in enumerate(zip(v.args, v.partials)):
        if not isinstance(a, Value):
            continue
        passed, so_far = v.grad * p, total[a]
        if not math.isfinite(passed):
            of = names(nodes)
            made = source(v) or "inside record_source() this message tells the line, too"
            y = of[v] if v.label else _written(v, of)
            raise AnomalyError(
                f"detect_anomaly: in backward(), {_written(v, of)} has the slope {p!r} by {of[a]}"
                f"{_operands(v, of)}, and times the adjoint {v.grad!r} of {y} that is {passed!r}; "
                f"{_way_out(v, place)}; {made}"
            )
        total[a] = so_far + passed
        if math.isfinite(so_far) and not math.isfinite(total[a]):
            raise _overflow(a, so_far, passed, nodes)


def _overflow(v: Value, a: float, b: float, nodes: list[Value]) -> AnomalyError:
    made = f"; {source(v)}" if source(v) else ""
    return AnomalyError(
        f"detect_anomaly: in backward(), the gradient by {names(nodes)[v]} = {v.data!r} is the "
        f"sum of {a!r} and {b!r}, which overflows{made}; scale the loss"
    )


def _finite(xs: Iterable[Any]) -> bool:
    return all(math.isfinite(x.data if isinstance(x, Value) else x) for x in xs)


def _written(v: Value, of: dict[Value, str]) -> str:
    """The formula of a node, if it is short."""
    assert v.op is not None
    return formula(v, of) if len(v.args) <= LISTED else f"{v.op.name} of {len(v.args)} arguments"


def _operands(v: Value, of: dict[Value, str]) -> str:
    """at x = 0.0, y = 1.0; of many operands the largest."""
    if len(v.args) > LISTED:
        a = max(v.args, key=lambda a: abs(a.data if isinstance(a, Value) else a))
        return f" at its largest, {f'{of[a]} = {a.data!r}' if isinstance(a, Value) else repr(a)}"
    found = [a for a in dict.fromkeys(v.args) if isinstance(a, Value)]
    return f" at {', '.join(f'{of[a]} = {a.data!r}' for a in found)}"


def _way_out(v: Value, place: int | None = None) -> str:
    """What to do about a result, or about the slope by the argument at `place`."""
    row = v.op
    assert row is not None
    xs = [a.data if isinstance(a, Value) else a for a in v.args]
    if row.name in ("div", "mod", "floordiv", "reciprocal") and abs(xs[-1]) < 1.0:
        return "keep its divisor away from 0"
    for i, (x, (low, high)) in enumerate(zip(xs, row.domain)):
        if row.arity and row.name != "round" and not low < x < high:
            which = "its argument" if row.arity == 1 else f"its argument {row.argument(i)}"
            if low == 0.0 and high == math.inf:
                return f"keep {which} positive"
            if high == math.inf:
                return f"keep {which} greater than {low:g}"
            return f"keep {which} between {low:g} and {high:g}"
    if place is None and math.isnan(v.data):
        return "keep its arguments where it is defined"
    return "the number is too large for a float: scale the inputs"
