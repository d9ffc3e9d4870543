"""A picture as lines of text: each value is followed by its inputs.

Leaves and what stands above already come first; where one input is left then, it follows at the
same indentation, so that a chain does not move to the right.
"""

from __future__ import annotations

from .box import Box
from .view import View

COLUMNS, LINES = 80, 300
DEEP, DEEPEST = 24, 42  # columns of indentation: from here less of it, and none


def tree(view: View) -> str:
    """The picture as a tree of at most 80 columns and about 300 lines, every box once."""
    rows = _rows(view)
    half, left_out = LINES // 2, len(rows) - LINES
    numbers = [("data", "grad"), *((box.data, _grad(box)) for _, box in rows if box)]
    data, grad = (max(len(pair[i]) for pair in numbers) for i in (0, 1))
    room = COLUMNS - data - grad - 4
    name = min(room, max(len(text) for text, _ in rows))
    lines = [f"{'':<{name}}  {'data':>{data}}  {'grad':>{grad}}"]
    for k, (text, box) in enumerate(rows):
        if left_out > 0 and half <= k < half + left_out:
            if k == half:
                lines.append(f"… {left_out} lines are left out; focus=value, radius=3 draws a part")
            continue
        cut = text if len(text) <= room else f"{text[: room - 1]}…"
        line = f"{cut:<{name}}  {box.data:>{data}}  {_grad(box):>{grad}}" if box else cut
        lines.append(line.rstrip())
    return "\n".join(lines)


def _grad(box: Box) -> str:
    """The gradient; of several that differ, the largest size."""
    return box.grad if box.low == box.high else f"±{box.grad}"


def _rows(view: View) -> list[tuple[str, Box | None]]:
    """Each line's text, and the box whose numbers follow."""
    inputs: dict[str, dict[str, Box]] = {box.key: {} for box in view.boxes}
    for arrow in view.arrows:
        inputs[arrow.target.key][arrow.source.key] = arrow.source
    rows: list[tuple[str, Box | None]] = []
    shown: set[str] = set()
    outputs = [box for box in view.boxes if box.kind == "output"]
    stack: list[tuple[str, str, Box | str]] = [("", "", b) for b in (*view.boxes, *outputs)]
    while stack:
        before, below, box = stack.pop()
        if isinstance(box, str) or box.key in shown:
            if before:
                rows.append((f"{before}{box if isinstance(box, str) else box.name} (above)", None))
            continue
        shown.add(box.key)
        rows.append((before + box.row, box))
        sources = [b for key, b in inputs[box.key].items() if key != box.key]
        inner = [b for b in sources if inputs[b.key] and b.key not in shown]
        inner.sort(key=lambda b: max(b.members, default=-1))
        first = _first([b for b in sources if b not in inner], shown)
        if len(inner) == 1 or len(below) > DEEP:
            stack += [(below, below, b) for b in inner[-1:]]
            inner = inner[:-1]
        for k, b in enumerate(reversed([*first, *inner])):
            ends = ("└─ ", "   ") if k == 0 else ("├─ ", "│  ")
            ends = ends if len(below) < DEEPEST else (" ", "")
            stack.append((below + ends[0], below + ends[1], b))
    return rows


def _first(boxes: list[Box], shown: set[str]) -> list[Box | str]:
    """These boxes; of many that stand above the first and the last name only."""
    above = [b for b in boxes if b.key in shown]
    if len(above) < 4:
        return [*boxes]
    line = f"{len(above)} boxes from {above[0].name} to {above[-1].name}"
    return [line, *(b for b in boxes if b.key not in shown)]
