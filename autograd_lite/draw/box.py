"""What a picture is made of: boxes and arrows, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from .parts import Part


@dataclass
class Box:
    """A node, or several in one.

    key      its id in the SVG: n3 for node 3, b5 for a box of several
    kind     parameter, input, constant, inner, output, or cut: the rest that is not shown
    count    how many nodes or parts it stands for
    head     the lines above its numbers; row: the line in a text; name: its name there
    data, grad  its numbers as text, empty if they are not shown; word: what the data are
    low, high  the range of the gradients in it, None if there are none
    inside   the part that it is drawn in
    """

    key: str
    kind: str
    members: list[int] = field(default_factory=list)
    count: int = 1
    head: list[str] = field(default_factory=list)
    row: str = ""
    name: str = ""
    data: str = ""
    grad: str = ""
    word: str = ""
    tip: str = ""
    low: float | None = None
    high: float | None = None
    inside: Part | None = None
    bright: bool = True

    @property
    def several(self) -> bool:
        return len(self.members) > 1

    @property
    def lines(self) -> list[str]:
        """The lines in it, from top to bottom."""
        words = (self.word, "max |grad| " if self.low != self.high else "grad ")
        return [*self.head, *(w + x for w, x in zip(words, (self.data, self.grad)) if x)]


@dataclass
class Arrow:
    """An edge, or several from one box to another; low and high: what flows back along them."""

    key: str
    source: Box
    target: Box
    text: str = ""
    tip: str = ""
    count: int = 1
    low: float | None = None
    high: float | None = None
    bright: bool = True
