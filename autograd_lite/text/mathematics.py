"""The spellings of mathematics: Unicode, as one writes by hand, and LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from ..ops import TABLE, lookup
from .labels import SUBSCRIPT, SUPERSCRIPT, decimal, tex
from .spelling import ATOM, COMPARE, POWER, PRODUCT, SIGN, SUM, WHERE, Spelling, Text


class Pretty(Spelling):
    """Mathematics in Unicode: 2(ŷ − y), σ(z), x², w·x."""

    short: Pretty
    minus, times, dots = "−", "·", "…"
    signs = {"<=": "≤", ">=": "≥", "==": "=", "!=": "≠"}

    def call(self, name: str, *args: Any) -> Text:
        row = TABLE.get(name)
        symbol = row.symbol if row and row.symbol.isidentifier() else name
        return super().call(symbol, *args)

    def number(self, x: float, digits: int | None = None) -> Text:
        text = super().number(x, digits)
        # a power or a function of 1e-7 needs parentheses
        level = PRODUCT if "e" in text.text and text.level == ATOM else text.level
        return Text(text.text.replace("inf", "∞"), level, self)

    def between(self, left: str, right: str) -> str:
        """Nothing between parentheses, nor after a number: σ(z)(1 − σ(z)), 2(a + b), 2x, 2√x."""
        number = re.fullmatch(r"[\d.]+", left)
        letter = re.match(r"[^\W\d_eE](?![^\W\d_])|√", right)
        bracket = right.startswith("(") and (number or (left[-1] == ")" and "/" not in left))
        return "" if bracket or (number and letter) else self.times

    def power(self, a: Any, b: Any) -> Text:
        base = self.inside(a, ATOM)
        if re.search("[⁰¹²³⁴-⁹]", base) and base[-1] != ")":
            base = f"({base})"
        if not isinstance(b, Text) and b == int(b) and abs(b) < 100:
            return Text(base + f"{int(b)}".translate(SUPERSCRIPT), POWER, self)
        return Text(f"{base}^{self.inside(b, ATOM)}", POWER, self)

    # fmt: off
    def square(self, a: Any) -> Any: return self.pow(a, 2.0)
    def reciprocal(self, a: Any) -> Any: return self.div(1.0, a)
    def abs(self, a: Any) -> Text: return Text(f"|{self.inside(a, WHERE)}|", ATOM, self)
    def sqrt(self, a: Any) -> Text: return Text(f"√{self.inside(a, ATOM)}", POWER, self)
    def hypot(self, a: Any, b: Any) -> Text: return self.sqrt(self.pow(a, 2.0) + self.pow(b, 2.0))
    # fmt: on

    def derivative(self, of: str, by: str, held: Sequence[str] = ()) -> str:
        """The sign for a derivative, ∂C/∂w, or ∂C/∂w|z with z held fixed."""
        a, b = (self.inside(self.word(name), ATOM) for name in (of, by))
        return f"∂{a}/∂{b}" + (f"|{', '.join(held)}" if held else "")

    def slope(self, name: str, i: int, *args: Any) -> Text:
        if len(args) == 1:
            return Spelling.call(self, f"{name}′", *args)
        return Spelling.call(self, f"∂{i}".translate(SUBSCRIPT) + name, *args)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, Text):
            return a if condition else b
        a, c, b = (self.inside(x, COMPARE) for x in (a, condition, b))
        return Text(f"{a} if {c} else {b}", WHERE, self)

    def sum(self, *xs: Any) -> Any:
        """All terms, or the first two and the last."""
        if len(xs) <= 4:
            return super().sum(*xs)
        return super().sum(xs[0], xs[1], Text(self.dots, ATOM, self), xs[-1])

    def dot(self, *args: Any) -> Any:
        n = len(args) // 2
        return self.sum(*map(self.mul, args[:n], args[n : 2 * n]), *args[2 * n :])


class Latex(Pretty):
    """Mathematics in LaTeX, of the kind that matplotlib and KaTeX read, too."""

    short: Latex
    minus, times, dots = "-", r" \cdot ", r"\dots"
    signs = {"<=": r"\leq", ">=": r"\geq", "==": "=", "!=": r"\neq"}

    def spell(self, label: str) -> str:
        return tex(label)

    def word(self, name: str) -> Text:
        return Text(name, WHERE if re.search(r"\\ |\\wedge|[+*/<>=!|-]", name) else ATOM, self)

    def again(self, name: str, n: int) -> str:
        return name if n == 1 else f"{{{name}}}^{{({n})}}"

    def times_of(self, name: str) -> int:
        found = re.search(r"\^\{\((\d+)\)\}$", name)
        return int(found[1]) if found else 1

    def number(self, x: float, digits: int | None = None) -> Text:
        if not math.isfinite(x):
            level = SUM if x < 0.0 else ATOM
            return Text(r"\mathrm{nan}" if x != x else r"-\infty"[x > 0.0 :], level, self)
        mantissa, _, exponent = decimal(x, digits or self.digits).partition("e")
        if exponent:
            level = SUM if x < 0.0 else PRODUCT
            return Text(rf"{mantissa} \times 10^{{{exponent}}}", level, self)
        return Text(mantissa, SUM if x < 0.0 else ATOM, self)

    def parentheses(self, text: str) -> str:
        return rf"\left({text}\right)"

    def call(self, name: str, *args: Any) -> Text:
        """By the row's LaTeX, or as an upright name(a, b)."""
        try:
            template = lookup(name).latex
        except LookupError:
            template = ""
        if template:
            inner = [self.inside(a, _room(template, i)) for i, a in enumerate(args)]
            return Text(template.format(*inner), _level(template), self)
        words = ", ".join(self.inside(a, WHERE) for a in args)
        upright = name.replace("_", r"\_")
        return Text(rf"\operatorname{{{upright}}}({words})", ATOM, self)

    def between(self, left: str, right: str) -> str:
        number = re.fullmatch(r"[\d.]+", left)
        if right.startswith(r"\left("):
            return "" if number or left.endswith(r"\right)") else self.times
        letter = re.match(r"[A-Za-df-z]|\\(?!times|mathrm)", right)
        return r"\," if number and letter else self.times

    def quotient(self, a: Any, b: Any) -> Text:
        inner = self.inside(a, WHERE), self.inside(b, WHERE)
        return Text(r"\frac{{{}}}{{{}}}".format(*inner), POWER, self)

    def mod(self, a: Any, b: Any) -> Text:
        return Text(
            rf"{self.inside(a, PRODUCT)}\ \mathrm{{mod}}\ {self.inside(b, SIGN)}", SUM, self
        )

    def power(self, a: Any, b: Any) -> Text:
        base = self.inside(a, ATOM)
        if "^" in base and not base.endswith(")"):
            base = self.parentheses(base)
        return Text(f"{base}^{{{self.inside(b, WHERE)}}}", POWER, self)

    def sqrt(self, a: Any) -> Text:
        return self.call("sqrt", a)

    def abs(self, a: Any) -> Text:
        return self.call("abs", a)

    def derivative(self, of: str, by: str, held: Sequence[str] = ()) -> str:
        sign = rf"\frac{{\partial {of}}}{{\partial {by}}}"
        return rf"\left.{sign}\right|_{{{', '.join(held)}}}" if held else sign

    def slope(self, name: str, i: int, *args: Any) -> Text:
        words, upright = ", ".join(self.inside(a, WHERE) for a in args), name.replace("_", r"\_")
        mark, which = ("'", "") if len(args) == 1 else ("", rf"\partial_{{{i}}} ")
        return Text(rf"{which}\operatorname{{{upright}}}{mark}\left({words}\right)", ATOM, self)

    def where(self, condition: Any, a: Any, b: Any) -> Any:
        if not isinstance(condition, Text):
            return a if condition else b
        a, c, b = (self.inside(x, COMPARE) for x in (a, condition, b))
        return Text(rf"{a}\ \mathrm{{if}}\ {c}\ \mathrm{{else}}\ {b}", WHERE, self)


def _level(template: str) -> int:
    """How tightly a template binds: not at all if it has parts beside each other, as a + b has."""
    rest, outer = "", re.sub(r"\\left.*\\right.", "()", template)
    while rest != outer:
        rest, outer = outer, re.sub(r"\{[^{}]*\}", "", outer)
    return WHERE if re.search(r"\s", rest.strip()) else ATOM


def _room(template: str, i: int) -> int:
    """How tightly argument i must bind: not at all where the template puts it in brackets."""
    before, after = template.split(f"{{{i}}}", 1) if f"{{{i}}}" in template else ("", "")
    opens = re.search(r"(?:[{(\[|,]|\\lfloor|\\lceil)\s*$", before)
    closes = re.match(r"\s*(?:[})\]|,]|\\right)", after)
    return WHERE if opens and closes else ATOM
