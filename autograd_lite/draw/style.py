"""Colours and widths: of kinds of boxes, and of gradients by sign and size.

Blue and orange keep their difference for colour-blind eyes; kinds differ in shape, too.
"""

from __future__ import annotations

import math
from typing import NamedTuple

FONT = "Helvetica,Arial,sans-serif"
CARD, INK, FAINT, FADED = "#fbfcfd", "#1f2933", "#52606d", "#d5dadf"


class Kind(NamedTuple):
    """How boxes of one kind look: fill, Graphviz shape and style, and brackets in Mermaid."""

    fill: str
    shape: str
    style: str
    brackets: tuple[str, str]


KINDS = {
    "parameter": Kind("#fdf3cf", "note", "filled", ("{{", "}}")),
    "input": Kind("#dcedf9", "box", "filled", ("[", "]")),
    "constant": Kind("#eceff1", "box", "filled,dashed", ("[/", "/]")),
    "inner": Kind("#ffffff", "box", "filled,rounded", ("(", ")")),
    "output": Kind("#eae4f5", "box", "filled,rounded", ("[[", "]]")),
    "cut": Kind(CARD, "plaintext", "", ("(", ")")),
}
SIGNS = {
    "positive": "#2166ac",
    "negative": "#b35806",
    "zero": "#9aa5b1",
    "both signs": "#1f2933",
    "nan": "#c51b7d",
}
UNKNOWN = "#7b8794"


def sign(low: float | None, high: float | None) -> str:
    """The word for gradients in this range, empty if there are none."""
    if low is None or high is None:
        return ""
    if low != low or high != high:
        return "nan"
    if low < 0.0 < high:
        return "both signs"
    return "positive" if high > 0.0 else "negative" if low < 0.0 else "zero"


def width(low: float | None, high: float | None, largest: float) -> float:
    """1 to 4 by the logarithm of the size: 4 for the largest, 1 for a thousandth and below."""
    size = max(abs(low or 0.0), abs(high or 0.0))
    if size != size or size >= largest > 0.0 or math.isinf(size):
        return 4.0
    if not size or size / largest < 1e-3:
        return 1.0
    return round(4.0 + math.log10(size / largest), 2)
