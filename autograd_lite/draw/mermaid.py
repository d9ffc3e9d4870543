"""A picture in Mermaid's language, which GitHub and many editors draw."""

from __future__ import annotations

import re
from typing import Any

from .box import Box
from .parts import MODULE, Part
from .style import CARD, FADED, INK, KINDS, SIGNS, UNKNOWN, sign, width
from .view import View


def mermaid(view: View, rankdir: str) -> str:
    """The picture as a Mermaid flowchart."""
    inside: dict[Part | None, list[Box]] = {}
    for box in view.boxes:
        inside.setdefault(box.inside if "clusters" in view.show else None, []).append(box)
    lines = [f"flowchart {rankdir}", *(_box(box) for box in inside.pop(None, []))]
    shown = {p for q in inside if q for p in (q, q.above, q.above and q.above.above) if p}
    stack: list[Any] = [*reversed(dict.fromkeys(q.at(MODULE) for q in inside if q))]
    number = 0
    while stack:
        part = stack.pop()
        if part is None:
            lines.append("end")
            continue
        lines.append(f'subgraph s{number}["{encoded(part.caption)}"]')
        number += 1
        lines += [_box(box) for box in inside.get(part, ())]
        stack += [None, *(p for p in reversed(part.below) if p in shown)]
    for arrow in view.arrows:
        text = f'|"{encoded(arrow.text)}"|' if arrow.text else ""
        lines.append(f"{arrow.source.key} -->{text} {arrow.target.key}")
    return "\n".join([*lines, *_styles(view)]) + "\n"


def encoded(text: str) -> str:
    """Text in which nothing is Mermaid's own, as entity codes have it.

    >>> encoded('a"b')
    'a#34;b'
    """
    return re.sub(
        r"[^\w .,()=+*/·−…√⁽⁾×±\-]", lambda m: "#32;" if m[0].isspace() else f"#{ord(m[0])};", text
    )


def _box(box: Box) -> str:
    left, right = KINDS[box.kind].brackets
    return f'{box.key}{left}"{"<br/>".join(map(encoded, box.lines)) or " "}"{right}'


def _styles(view: View) -> list[str]:
    lines = []
    for box in view.boxes:
        colour = SIGNS.get(sign(box.low, box.high), UNKNOWN) if box.bright else FADED
        fill = KINDS[box.kind].fill if box.bright else CARD
        wide = width(box.low, box.high, view.largest)
        lines.append(
            f"style {box.key} fill:{fill},color:{INK},stroke:{colour},stroke-width:{wide:g}px"
        )
    for k, arrow in enumerate(view.arrows):
        colour = SIGNS.get(sign(arrow.low, arrow.high), UNKNOWN) if arrow.bright else FADED
        wide = width(arrow.low, arrow.high, view.largest)
        lines.append(f"linkStyle {k} stroke:{colour},stroke-width:{wide:g}px")
    return lines
