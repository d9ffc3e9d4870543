"""How a derivation is set: equations and sentences, as text of 80 columns, LaTeX or Markdown."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

WIDTH = 80
SIGNS = ("+", "-", "−")
IN_LATEX = {"": "", "·": r"\cdot "}
MATH = re.compile("\x02([^\x03]*)\x03")  # marks mathematics in a sentence; no name has these
Side = Sequence[tuple[str, str]]  # of an equation: (sign, piece) pairs; a line may end there


class Equation(NamedTuple):
    """left = right = right ...; the note follows the last right-hand side."""

    left: str
    right: Sequence[Side]
    note: str = ""


Line = Equation | str


def marked(text: str) -> str:
    """Mathematics inside a sentence."""
    return f"\x02{text}\x03"


def one(text: str) -> Side:
    """A right-hand side in one piece."""
    return [("", text)]


def total(terms: Sequence[Side]) -> Side:
    """The sum of such right-hand sides; a minus in front of one becomes the sign."""
    pieces = [*terms[0]] if terms else []
    for (_, first), *rest in terms[1:]:
        minus = first[0] in "-−"
        pieces += [(first[0], first[1:]) if minus else ("+", first), *rest]
    return pieces


def _distinct(right: Sequence[Side]) -> list[Side]:
    """Right-hand sides without repetitions such as 0.5 = 0.5."""
    return [side for i, side in enumerate(right) if not i or side != right[i - 1]]


# Text


def as_text(lines: Sequence[Line]) -> str:
    """80 columns; an equation on one line if it fits, else a line for each right-hand side."""
    return "\n".join(_equation(x) if isinstance(x, Equation) else _sentence(x) for x in lines)


def _sentence(text: str) -> str:
    return textwrap.fill(
        MATH.sub(r"\1", text), WIDTH, break_long_words=False, break_on_hyphens=False
    )


def _equation(x: Equation) -> str:
    sides = _distinct(x.right)
    short = " = ".join([x.left, *map(_joined, sides)])
    if len(short) + len(x.note) + 2 <= WIDTH:
        return f"{short}  {x.note}".rstrip()
    indent = min(len(x.left), WIDTH // 3)
    first = x.left + (f"\n{' ' * indent}" if len(x.left) > indent else "")
    rows = [f"\n{' ' * (indent + 3)}".join(_filled(side, WIDTH - indent - 3)) for side in sides]
    return f"{first} = " + f"\n{' ' * indent} = ".join(rows) + (f"  {x.note}" if x.note else "")


def _filled(side: Side, width: int) -> list[str]:
    """The pieces on one line if they fit; else a line for each term, cut before a sign."""
    rows, whole = [""], len(_joined(side)) <= width or all(sign != "·" for sign, _ in side)
    for sign, piece in side:
        text = f"{sign} {piece}" if sign else piece
        full = len(rows[-1]) + 1 + len(text) > width
        if rows[-1] and (full or (sign in SIGNS and not whole)):
            rows.append("  " if sign == "·" else "")  # a product that goes on, further in
        rows[-1] += f" {text}" if rows[-1].strip() else text
    return [part for row in rows for part in _cut(row, width)]


def _cut(row: str, width: int) -> list[str]:
    """A long row cut before a sign outside of parentheses; where there is none, at a space."""
    rows, depth = [""], 0
    for word in re.split(r" (?=[+−·] )", row):
        if rows[-1].strip() and not depth and len(rows[-1]) + 1 + len(word) > width:
            rows.append("")
        rows[-1] += f" {word}" if rows[-1] else word
        depth += word.count("(") - word.count(")")
    wrap = {"width": width, "break_long_words": False, "break_on_hyphens": False}
    return [part for row in rows for part in textwrap.wrap(row, **wrap)]  # type: ignore[arg-type]


def _joined(side: Side) -> str:
    return " ".join(f"{sign} {piece}".strip() for sign, piece in side)


# LaTeX and Markdown


def as_latex(lines: Sequence[Line]) -> str:
    r"""One aligned block; sentences as \text."""
    rows = [row for x in lines if x for row in _aligned(x)]
    return "\\begin{aligned}\n" + " \\\\[3pt]\n".join(rows) + "\n\\end{aligned}"


def as_markdown(lines: Sequence[Line]) -> str:
    """Paragraphs, and blocks of equations between double dollar signs."""
    parts = []
    for equations, group in groupby((x for x in lines if x), lambda x: isinstance(x, Equation)):
        if equations:
            parts.append(f"$$\n{as_latex(list(group))}\n$$")
        else:
            parts += [MATH.sub(r"$\1$", str(x)) for x in group]
    return "\n\n".join(parts) + "\n"


def as_lines(lines: Sequence[Line]) -> list[str]:
    r"""Each equation by itself, as mathtext reads it: without alignment, & for \&."""
    return [
        " = ".join([x.left, *map(_in_latex, _distinct(x.right))]).replace(r"\&", "&")
        for x in lines
        if isinstance(x, Equation)
    ]


def _in_latex(side: Side) -> str:
    return " ".join(IN_LATEX.get(sign, f"{sign} ") + piece for sign, piece in side)


def _aligned(x: Line) -> list[str]:
    """The rows of one line in an aligned block; a long sum has a row for each term."""
    if not isinstance(x, Equation):
        return [f"&{_text(x)}"]
    sides = [*map(_in_latex, _distinct(x.right))]
    note = rf" \qquad\text{{{x.note}}}" if x.note else ""
    if sum(map(_width, [x.left, *sides])) < WIDTH:
        return [f"{x.left} &= {' = '.join(sides)}{note}"]
    rows = []
    for side, whole in zip(_distinct(x.right), sides):
        terms = [whole] if _width(whole) < 2 * WIDTH else [*map(_in_latex, _terms(side))]
        rows += [f"&= {terms[0]}", *(rf"&\qquad {term}" for term in terms[1:])]
    return (
        [x.left + " " + rows[0], *rows[1:-1], rows[-1] + note] if rows[1:] else [x.left + rows[0]]
    )


def _width(text: str) -> int:
    """About how many characters wide LaTeX is when it is set."""
    return len(re.sub(r"\\(left|right)\b|\\[a-zA-Z]{3,}|[{}^_\\ ]", "", text))


def _terms(side: Side) -> list[list[tuple[str, str]]]:
    """A sum as its terms, each with its sign."""
    found: list[list[tuple[str, str]]] = []
    for sign, piece in side:
        if sign != "·":
            found.append([])
        found[-1].append((sign, piece))
    return found


def _text(sentence: str) -> str:
    r"""A sentence of ours as \text{...} with its mathematics between."""
    parts = MATH.split(sentence)
    words = [p if i % 2 else re.sub(r"([_%&#${}])", r"\\\1", p) for i, p in enumerate(parts)]
    return "".join(p if i % 2 else rf"\text{{{p}}}" for i, p in enumerate(words) if p)
