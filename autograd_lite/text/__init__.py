r"""A number that writes itself: run a row on Texts instead of floats and its formula appears.

`plain` (Python), `pretty` (Unicode, as one writes by hand) and `latex` are namespaces for the rows,
as `floats` is; a Text knows how tightly its outermost operator binds, so parentheses stand where
they are needed and nowhere else. `pretty.short` and `latex.short` leave out what changes nothing
(1*a, a + 0, a**1). Labels such as ``w^1_{2,1}`` are w¹₂,₁ in text and stay so in LaTeX.

>>> x, y = plain.symbol("x"), plain.symbol("y")
>>> str((x + 1.0) * y - x / (2.0 * y))
'(x + 1)*y - x/(2*y)'
>>> str(pretty.sigmoid(pretty.symbol("z_1")) * (1.0 - pretty.symbol("y")) * 2.0)
'σ(z₁)(1 − y)·2'
>>> [str(slope) for slope in TABLE["exp2"].partials(plain, y, x)]
['0.6931471805599453*y']
"""

from __future__ import annotations

from typing import Any

from ..ops import TABLE, Row
from .labels import decimal, name_of, tex, unicode
from .mathematics import Latex, Pretty
from .spelling import PRODUCT, WHERE, Spelling, Text

__all__ = [
    "PRODUCT", "WHERE", "Pretty", "Spelling", "Text", "decimal", "latex", "name_of", "plain",
    "pretty", "rules", "slopes", "tex", "unicode",
]  # fmt: skip

plain, pretty, latex = Spelling(), Pretty(), Latex()


def slopes(row: Row, m: Spelling, y: Any, *args: Any) -> tuple[Any, ...]:
    """The derivatives of a row by each argument, in their usual form, y being the result.

    A user's row may compute what cannot be written; then ∂ᵢf(a, b) stands for it.
    """
    try:
        found = tuple((row.textbook or row.partials)(m, y, *args))
    except Exception:  # whatever the user's function raises when a Text flows through it
        found = ()
    if len(found) == len(args) and all(isinstance(x, (Text, float, int)) for x in found):
        return found
    return tuple(m.slope(row.name, i, *args) for i in range(1, len(args) + 1))


def rules() -> str:
    """The table of operations as Markdown: each with its slopes, y being the result.

    >>> print(rules().splitlines()[2])
    | `a + b` | `1`, `1` |  |
    """
    lines = ["| operation | derivative by each argument | where there is none |", "|---|---|---|"]
    for row in TABLE.values():
        if row.arity is None:
            continue
        symbols = [plain.symbol(name) for name in row.defaults]
        found = slopes(row, plain, plain.symbol("y"), *symbols)
        written = ", ".join(f"`{plain.inside(slope, WHERE)}`" for slope in found)
        lines.append(f"| `{getattr(plain, row.name)(*symbols)}` | {written} | {row.kinks} |")
    return "\n".join(lines)
