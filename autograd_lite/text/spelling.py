"""A Text, which is a piece of a formula, and its spelling as Python has it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NoReturn

from .labels import decimal, unicode

WHERE, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)  # how tightly the outermost part binds


class Text:
    """A piece of a formula: what stands there, how tightly it binds, and in which spelling."""

    __slots__ = ("level", "spelling", "text")

    def __init__(self, text: str, level: int, spelling: Spelling) -> None:
        self.text, self.level, self.spelling = text, level, spelling

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Text({self.text!r})"

    def _compared(self, sign: str, b: Any) -> Text:
        m = self.spelling
        return Text(
            f"{m.inside(self, SUM)} {m.signs.get(sign, sign)} {m.inside(b, SUM)}", COMPARE, m
        )

    def _joined(self, sign: str, b: Any) -> Text:
        m = self.spelling
        return Text(f"{m.inside(self, COMPARE)} {sign} {m.inside(b, COMPARE)}", WHERE, m)

    # fmt: off
    def __add__(self, b: Any) -> Any: return self.spelling.add(self, b)
    def __radd__(self, a: Any) -> Any: return self.spelling.add(a, self)
    def __sub__(self, b: Any) -> Any: return self.spelling.sub(self, b)
    def __rsub__(self, a: Any) -> Any: return self.spelling.sub(a, self)
    def __mul__(self, b: Any) -> Any: return self.spelling.mul(self, b)
    def __rmul__(self, a: Any) -> Any: return self.spelling.mul(a, self)
    def __truediv__(self, b: Any) -> Any: return self.spelling.div(self, b)
    def __rtruediv__(self, a: Any) -> Any: return self.spelling.div(a, self)
    def __neg__(self) -> Any: return self.spelling.neg(self)
    def __lt__(self, b: Any) -> Text: return self._compared("<", b)
    def __gt__(self, b: Any) -> Text: return self._compared(">", b)
    def __le__(self, b: Any) -> Text: return self._compared("<=", b)
    def __ge__(self, b: Any) -> Text: return self._compared(">=", b)
    def __eq__(self, b: Any) -> Text: return self._compared("==", b)  # type: ignore[override]
    def __ne__(self, b: Any) -> Text: return self._compared("!=", b)  # type: ignore[override]
    def __and__(self, b: Any) -> Text: return self._joined("and", b)
    def __or__(self, b: Any) -> Text: return self._joined("or", b)
    def __pow__(self, b: Any) -> Any: return self.spelling.pow(self, b)
    def __rpow__(self, a: Any) -> Any: return self.spelling.pow(a, self)
    def __mod__(self, b: Any) -> Any: return self.spelling.mod(self, b)
    def __abs__(self) -> Any: return self.spelling.abs(self)
    # fmt: on
    __hash__ = object.__hash__

    def __bool__(self) -> NoReturn:
        raise TypeError(f"bool of the formula {self.text}: it has no truth; use m.where")


class Spelling:
    """The namespace of functions for rows over Texts, spelled as Python is."""

    minus, times = "-", "*"
    signs: dict[str, str] = {}

    def __init__(self, short: bool = False) -> None:
        self.is_short = short
        self.short: Spelling = self if short else type(self)(short=True)
        self.nan = Text("nan", ATOM, self)

    def spell(self, label: str) -> str:
        """A label as this spelling writes it."""
        return unicode(label)

    def symbol(self, label: str) -> Text:
        """A name, given as LaTeX-like label."""
        return self.word(self.spell(label))

    def word(self, name: str) -> Text:
        """A name that is spelled already; "a + b" as a name needs parentheses."""
        whole = name.startswith("(") or not re.search(r"[\s+*/%-]", name)
        return Text(name, ATOM if whole else WHERE, self)

    def number(self, x: float, digits: int = 17) -> Text:
        """A number that stays as it is written."""
        text = decimal(x, digits)
        if text.startswith("-"):
            return Text(self.minus + text[1:], SUM, self)
        return Text(text, ATOM, self)

    def inside(self, x: Any, level: int) -> str:
        """x as an operand of an operator that binds at `level`."""
        x = x if isinstance(x, Text) else self.number(float(x))
        return x.text if x.level >= level else self.parentheses(x.text)

    def parentheses(self, text: str) -> str:
        return f"({text})"

    def __getattr__(self, name: str) -> Callable[..., Text]:
        if name.startswith("_"):
            raise AttributeError(name)
        return lambda *args: self.call(name, *args)

    def call(self, name: str, *args: Any) -> Text:
        """A function of arguments, as name(a, b)."""
        return Text(f"{name}({', '.join(self.inside(a, WHERE) for a in args)})", ATOM, self)

    def slope(self, name: str, i: int, *args: Any) -> Text:
        """The derivative of a function by argument i, if no formula for it is known."""
        return self.call(f"d{i}_{name}", *args)

    def add(self, a: Any, b: Any) -> Any:
        if self.is_short:
            if not (isinstance(a, Text) or isinstance(b, Text)):
                return a + b
            if is_number(a, 0.0) or is_number(b, 0.0):
                return b if is_number(a, 0.0) else a
            if isinstance(b, Text) and b.level >= SUM and b.text.startswith(self.minus):
                return Text(f"{self.inside(a, SUM)} {self.minus} {b.text[1:].lstrip()}", SUM, self)
        return Text(f"{self.inside(a, SUM)} + {self.inside(b, SUM)}", SUM, self)

    def sub(self, a: Any, b: Any) -> Any:
        if self.is_short and is_number(b, 0.0):
            return a
        if self.is_short and is_number(a, 0.0):
            return -b
        return Text(f"{self.inside(a, SUM)} {self.minus} {self.inside(b, PRODUCT)}", SUM, self)

    def neg(self, a: Any) -> Any:
        if self.is_short and isinstance(a, Text) and a.level >= SIGN and a.text[0] == self.minus:
            return Text(a.text[1:], PRODUCT, self)
        if self.is_short and not isinstance(a, Text):
            return -a
        level = SIGN if self.is_short else SUM  # a product takes a short minus to its front
        return Text(f"{self.minus}{self.inside(a, PRODUCT)}", level, self)

    def mul(self, a: Any, b: Any) -> Any:
        if self.is_short:
            if not (isinstance(a, Text) or isinstance(b, Text)):
                return a * b
            if is_number(a, 0.0) or is_number(b, 0.0):
                return 0.0
            for x, other in ((a, b), (b, a)):
                if is_number(x, 1.0):
                    return other
                if not isinstance(x, Text) and x < 0.0:
                    return -self.mul(-x, other)
        left, right = self.inside(a, PRODUCT), self.inside(b, PRODUCT)
        return Text(left + self.between(left, right) + right, PRODUCT, self)

    def between(self, left: str, right: str) -> str:
        """The sign of a product, which some spellings leave out."""
        return self.times

    def div(self, a: Any, b: Any) -> Any:
        if self.is_short and (is_number(b, 1.0) or is_number(a, 0.0)):
            return a
        return Text(f"{self.inside(a, PRODUCT)}/{self.inside(b, SIGN)}", PRODUCT, self)

    def mod(self, a: Any, b: Any) -> Text:
        return Text(f"{self.inside(a, PRODUCT)} % {self.inside(b, SIGN)}", SUM, self)

    def pow(self, a: Any, b: Any) -> Any:
        if self.is_short and (is_number(b, 1.0) or is_number(b, 0.0)):
            return a if is_number(b, 1.0) else 1.0
        return self.power(a, b)

    def power(self, a: Any, b: Any) -> Text:
        return Text(f"{self.inside(a, ATOM)}**{self.inside(b, POWER)}", POWER, self)

    def sum(self, *xs: Any) -> Any:
        total = xs[0] if xs else 0.0
        for x in xs[1:]:
            total = total + x
        return total


def is_number(x: Any, constant: float) -> bool:
    return not isinstance(x, Text) and bool(x == constant)
