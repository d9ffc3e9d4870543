"""A number that writes itself: run a row on Texts instead of floats and its formula appears.

`plain` and `latex` are namespaces for the rows, as `floats` is; a Text knows how tightly its
outermost operator binds, so parentheses stand where they are needed and nowhere else. Labels such
as ``w^1_{2,1}`` or ``\\hat{y}`` are written as they are in LaTeX and as w¹₂,₁ and ŷ in text.

>>> x, y = plain.symbol("x"), plain.symbol("y")
>>> str((x + 1.0) * y - x / (2.0 * y))
'(x + 1)*y - x/(2*y)'
>>> [str(slope) for slope in TABLE["exp2"].partials(plain, y, x)]
['0.6931471805599453*y']
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any

from .ops import TABLE

WHERE, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)  # how tightly the outermost part binds

SUPERSCRIPT = str.maketrans("0123456789+-=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿ")
SUBSCRIPT = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"  # noqa: E501
ACCENT = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}


def unicode(label: str) -> str:
    r"""A LaTeX-like label in Unicode; what has no such form stays as it is.

    >>> unicode("w^1_{2,1}"), unicode(r"\hat{y}"), unicode(r"\theta_1"), unicode("loss")
    ('w¹₂,₁', 'ŷ', 'θ₁', 'loss')
    """

    def script(match: re.Match[str]) -> str:
        mark, body = match[1], match[2] or match[3]
        table = SUPERSCRIPT if mark == "^" else SUBSCRIPT
        if all(ord(c) in table or c == "," for c in body):
            return body.translate(table)
        return mark + body

    def letter(match: re.Match[str]) -> str:
        name, body = match[1], match[2]
        if name in ACCENT and body:
            return unicodedata.normalize("NFC", body[0] + ACCENT[name]) + body[1:]
        if name.lower() in GREEK.split() and body is None:
            case = "CAPITAL" if name[0].isupper() else "SMALL"
            greek = name.upper().replace("LAMBDA", "LAMDA")
            return unicodedata.lookup(f"GREEK {case} LETTER {greek}")
        return match[0]

    label = re.sub(r"\\([A-Za-z]+)(?:\{([^{}\\]*)\})?", letter, label)
    return re.sub(r"([\^_])(?:\{([^{}]*)\}|(\d+|[^\s{}^_])(?![^\W_]))", script, label)


def decimal(x: float, digits: int = 17) -> str:
    """x with up to that many significant digits, without a superfluous point or exponent sign."""
    if digits >= 17:
        return repr(x).removesuffix(".0").replace("e+", "e")
    return f"{x:.{digits}g}".replace("e+", "e")


class Text:
    """A piece of a formula: what stands there, how tightly it binds, and in which spelling."""

    __slots__ = ("level", "spelling", "text")

    def __init__(self, text: str, level: int, spelling: Spelling) -> None:
        self.text, self.level, self.spelling = text, level, spelling

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Text({self.text!r})"

    def _binary(self, a: Any, sign: str, b: Any, level: int, right: int) -> Text:
        left, other = self.spelling.inside(a, level), self.spelling.inside(b, right)
        return Text(f"{left}{sign}{other}", level, self.spelling)

    # fmt: off
    def __add__(self, b: Any) -> Text: return self._binary(self, " + ", b, SUM, SUM)
    def __radd__(self, a: Any) -> Text: return self._binary(a, " + ", self, SUM, SUM)
    def __sub__(self, b: Any) -> Text: return self._binary(self, " - ", b, SUM, PRODUCT)
    def __rsub__(self, a: Any) -> Text: return self._binary(a, " - ", self, SUM, PRODUCT)
    def __mul__(self, b: Any) -> Text: return self.spelling.mul(self, b)
    def __rmul__(self, a: Any) -> Text: return self.spelling.mul(a, self)
    def __truediv__(self, b: Any) -> Text: return self.spelling.div(self, b)
    def __rtruediv__(self, a: Any) -> Text: return self.spelling.div(a, self)
    def __neg__(self) -> Text: return Text(f"-{self.spelling.inside(self, PRODUCT)}", SUM, self.spelling)  # noqa: E501
    def __lt__(self, b: Any) -> Text: return self._binary(self, " < ", b, COMPARE, SUM)
    def __gt__(self, b: Any) -> Text: return self._binary(self, " > ", b, COMPARE, SUM)
    def __le__(self, b: Any) -> Text: return self._binary(self, " <= ", b, COMPARE, SUM)
    def __ge__(self, b: Any) -> Text: return self._binary(self, " >= ", b, COMPARE, SUM)
    def __eq__(self, b: Any) -> Text: return self._binary(self, " == ", b, COMPARE, SUM)  # type: ignore[override]
    def __ne__(self, b: Any) -> Text: return self._binary(self, " != ", b, COMPARE, SUM)  # type: ignore[override]
    def __and__(self, b: Any) -> Text: return self._binary(self, " and ", b, WHERE, COMPARE)
    def __or__(self, b: Any) -> Text: return self._binary(self, " or ", b, WHERE, COMPARE)
    # fmt: on
    __hash__ = object.__hash__


class Spelling:
    """The namespace of functions for rows over Texts, in one spelling."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nan = Text("nan", ATOM, self)

    def symbol(self, label: str) -> Text:
        """A name, as LaTeX-like label."""
        name = label.startswith("(") or not re.search(r"[\s+*/%-]", label)
        level = ATOM if name else WHERE  # "a + b" as a label needs parentheses
        return Text(unicode(label) if self.name == "plain" else label, level, self)

    def inside(self, x: Any, level: int) -> str:
        """x as an operand of an operator that binds at `level`."""
        if not isinstance(x, Text):
            text = decimal(float(x))
            return f"({text})" if text.startswith("-") and level > SUM else text
        if x.level >= level:
            return x.text
        return f"({x.text})" if self.name == "plain" else rf"\left({x.text}\right)"

    def __getattr__(self, name: str) -> Callable[..., Text]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args: self.call(name, *args)

    def call(self, name: str, *args: Any) -> Text:
        """A function of arguments, by the row's LaTeX or as name(a, b)."""
        template = TABLE[name].latex if name in TABLE and self.name == "latex" else ""
        inner = [self.inside(a, WHERE) for a in args]
        if template:
            return Text(template.format(*inner), ATOM, self)
        name = name if self.name == "plain" else rf"\operatorname{{{name}}}".replace("_", r"\_")
        return Text(f"{name}({', '.join(inner)})", ATOM, self)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def neg(self, a: Any) -> Any:
        return -a

    def mul(self, a: Any, b: Any) -> Text:
        dot = "*" if self.name == "plain" else r" \cdot "
        return Text(self.inside(a, PRODUCT) + dot + self.inside(b, PRODUCT), PRODUCT, self)

    def div(self, a: Any, b: Any) -> Text:
        if self.name == "latex":
            inner = self.inside(a, WHERE), self.inside(b, WHERE)
            return Text(r"\frac{{{}}}{{{}}}".format(*inner), ATOM, self)
        return Text(f"{self.inside(a, PRODUCT)}/{self.inside(b, SIGN)}", PRODUCT, self)

    def mod(self, a: Any, b: Any) -> Text:
        sign = " % " if self.name == "plain" else r" \bmod "
        return Text(self.inside(a, PRODUCT) + sign + self.inside(b, SIGN), SUM, self)

    def pow(self, a: Any, b: Any) -> Text:
        if self.name == "latex":
            return Text(f"{{{self.inside(a, ATOM)}}}^{{{self.inside(b, WHERE)}}}", POWER, self)
        return Text(f"{self.inside(a, ATOM)}**{self.inside(b, POWER)}", POWER, self)

    def sum(self, *xs: Any) -> Any:
        total = xs[0] if xs else 0.0
        for x in xs[1:]:
            total = total + x
        return total


plain, latex = Spelling("plain"), Spelling("latex")


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
        slopes = (row.textbook or row.partials)(plain, plain.symbol("y"), *symbols)
        written = ", ".join(f"`{plain.inside(slope, WHERE)}`" for slope in slopes)
        lines.append(f"| `{getattr(plain, row.name)(*symbols)}` | {written} | {row.kinks} |")
    return "\n".join(lines)
