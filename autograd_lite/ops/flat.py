"""Rows of what has no slope and is never recorded: comparisons, and plain numbers taken for scale.

Only a Program needs names for them: floats and Values compare at once, and give a bool.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .row import Row

FLAT: dict[str, Row] = {}
CONDITIONS = ("lt", "le", "gt", "ge", "eq", "ne", "and", "or", "not")


def _row(name: str, doc: str, value: Callable[..., Any], arity: int | None = 2) -> None:
    names = dict.fromkeys("ab"[: arity or 0])
    FLAT[name] = Row(name, doc, value, lambda m, y, *xs: (0.0,) * len(xs), names, arity=arity)


# fmt: off
_row("lt", "a < b", lambda m, a, b: a < b)
_row("le", "a <= b", lambda m, a, b: a <= b)
_row("gt", "a > b", lambda m, a, b: a > b)
_row("ge", "a >= b", lambda m, a, b: a >= b)
_row("eq", "a == b", lambda m, a, b: a == b)
_row("ne", "a != b", lambda m, a, b: a != b)
_row("and", "both conditions", lambda m, a, b: a & b)
_row("or", "one of the conditions", lambda m, a, b: a | b)
_row("not", "the opposite condition", lambda m, a: a ^ True, 1)
_row("detach", "a as a plain number", lambda m, a: m.detach(a), 1)
_row("shift", "the largest of xs as a plain number", lambda m, *xs: m.shift(*xs), None)
_row("size", "a power of two near the largest |x|", lambda m, *xs: m.size(*xs), None)
