"""A Text, which is a piece of a formula, and its spelling as Python has it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from .labels import SUPERSCRIPT, decimal, unicode

S = TypeVar("S", bound="Spelling")
# a name that cannot be taken for a formula
WHOLE = re.compile(r"[^\s\d+*/%<>=!|^_·−(),-][^\s+*/%<>=!|·−()-]*|\([^()]*\)|…")
WHERE, COMPARE, SUM, PRODUCT, SIGN, POWER, ATOM = range(7)  # how tightly the outermost part binds


class Text:
    """A piece of a formula: what stands there, how tightly it binds, and in which spelling.

    positive   the same without its minus, if it has one that a product may take to its front
    """

    __slots__ = ("level", "positive", "spelling", "text")

    def __init__(
        self, text: str, level: int, spelling: Spelling, positive: Text | None = None
    ) -> None:
        self.text, self.level, self.spelling, self.positive = text, level, spelling, positive

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
    def __xor__(self, b: Any) -> Text:
        return Text(f"not {self.spelling.inside(self, SUM)}", COMPARE, self.spelling)
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

    def __init__(self, short: bool = False, digits: int = 17) -> None:
        self.is_short, self.digits = short, digits
        self.short: Spelling = self if short else type(self)(short=True)
        self.nan = Text("nan", ATOM, self)

    def rounded(self: S, digits: int) -> S:
        """The same spelling with numbers of so many significant digits."""
        return type(self)(self.is_short, digits)

    def spell(self, label: str) -> str:
        """A label as this spelling writes it."""
        return unicode(label)

    def symbol(self, label: str) -> Text:
        """A name, given as LaTeX-like label."""
        return self.word(self.spell(label))

    def word(self, name: str) -> Text:
        """A name that is spelled already; "a + b" as a name needs parentheses."""
        return Text(name, ATOM if WHOLE.fullmatch(name) else WHERE, self)

    def again(self, name: str, n: int) -> str:
        """The name of the nth thing of this name: z, z⁽²⁾, z⁽³⁾ ..."""
        return name if n == 1 else name + f"({n})".translate(SUPERSCRIPT)

    def times_of(self, name: str) -> int:
        """The n of such a name."""
        found = re.search("⁽([⁰¹²³⁴-⁹]+)⁾$", name)
        return int(unicodedata.normalize("NFKC", found[1])) if found else 1

    def number(self, x: float, digits: int | None = None) -> Text:
        """A number that stays as it is written."""
        text = decimal(x, digits or self.digits)
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
            if (positive := _positive(b)) is not None:
                return self.sub(a, positive)
            if isinstance(b, Text) and b.level >= SUM and b.text.startswith(self.minus):
                rest = b.text[len(self.minus) :].lstrip()
                return Text(f"{self.inside(a, SUM)} {self.minus} {rest}", SUM, self)
        return Text(f"{self.inside(a, SUM)} + {self.inside(b, SUM)}", SUM, self)

    def sub(self, a: Any, b: Any) -> Any:
        if self.is_short and is_number(b, 0.0):
            return a
        if self.is_short and is_number(a, 0.0):
            return -b
        if self.is_short and (positive := _positive(b)) is not None:
            return self.add(a, positive)
        return Text(f"{self.inside(a, SUM)} {self.minus} {self.inside(b, PRODUCT)}", SUM, self)

    def neg(self, a: Any) -> Any:
        if not self.is_short:
            return Text(f"{self.minus}{self.inside(a, PRODUCT)}", SUM, self)
        if (positive := _positive(a)) is not None or not isinstance(a, Text):
            return -a if positive is None else positive
        return Text(f"{self.minus}{self.inside(a, PRODUCT)}", SIGN, self, positive=a)

    def mul(self, a: Any, b: Any) -> Any:
        if self.is_short:
            if not (isinstance(a, Text) or isinstance(b, Text)):
                return a * b
            if is_number(a, 0.0) or is_number(b, 0.0):
                return 0.0
            if is_number(a, 1.0) or is_number(b, 1.0):
                return b if is_number(a, 1.0) else a
            if (positive := _positive(a)) is not None:
                return -self.mul(positive, b)
            if (positive := _positive(b)) is not None:
                return -self.mul(a, positive)
        left, right = self.inside(a, PRODUCT), self.inside(b, PRODUCT)
        return Text(left + self.between(left, right) + right, PRODUCT, self)

    def between(self, left: str, right: str) -> str:
        """The sign of a product, which some spellings leave out."""
        return self.times

    def div(self, a: Any, b: Any) -> Any:
        if self.is_short:
            if is_number(b, 1.0) or is_number(a, 0.0):
                return a
            if (positive := _positive(a)) is not None:
                return -self.div(positive, b)
            if (positive := _positive(b)) is not None:
                return -self.div(a, positive)
        return self.quotient(a, b)

    def quotient(self, a: Any, b: Any) -> Text:
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


def _positive(x: Any) -> Any:
    """x without its minus, None if it has none."""
    if isinstance(x, Text):
        return x.positive
    return -x if x < 0.0 else None


def is_number(x: Any, constant: float) -> bool:
    return not isinstance(x, Text) and bool(x == constant)
