"""What a picture is made of: boxes and arrows, as plain data."""

from __future__ import annotations

from collections.abc import Iterable

from .parts import Part


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

    count = 1
    data = grad = word = tip = ""
    low: float | None = None
    high: float | None = None

    def __init__(
        self,
        key: str,
        kind: str,
        members: Iterable[int] = (),
        head: Iterable[str] = (),
        row: str = "",
        name: str = "",
        inside: Part | None = None,
        bright: bool = True,
    ) -> None:
        self.key, self.kind, self.members, self.head = key, kind, [*members], [*head]
        self.row, self.name, self.inside, self.bright = row, name, inside, bright

    @property
    def several(self) -> bool:
        return len(self.members) > 1

    @property
    def lines(self) -> list[str]:
        """The lines in it, from top to bottom."""
        words = (self.word, "max |grad| " if self.low != self.high else "grad ")
        return [*self.head, *(w + x for w, x in zip(words, (self.data, self.grad)) if x)]


class Arrow:
    """An edge, or several from one box to another; low and high: what flows back along them."""

    text = tip = ""
    low: float | None = None
    high: float | None = None

    def __init__(
        self, key: str, source: Box, target: Box, count: int = 1, bright: bool = True
    ) -> None:
        self.key, self.source, self.target = key, source, target
        self.count, self.bright = count, bright
