"""The picture of a recorded graph: numbers, gradients, and the local derivative on each edge.

The colour of a line is the sign of what flows back along it, and its width the size; a large graph
is folded: neurons, layers and whole modules become one box, and what repeats is drawn once.

>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> picture = draw(y)
>>> picture.save("square.svg")  # doctest: +SKIP
>>> print(picture.text)
         data  grad
y = x·x     9     1
└─ x        3     6
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from ..called import Called
from ..engine import Value
from ..graph import adjoints
from ..ieee import shown
from ..render import RenderError, render
from .dot import digraph
from .mermaid import mermaid
from .tree import tree
from .view import SHOW, View

if TYPE_CHECKING:
    import graphviz

    from .page import Page

PICTURES = ("svg", "png", "pdf")
SHOWN = frozenset(SHOW) - {"constants", "names"}
ON_PAGES = frozenset(SHOW) - {"legend", "tooltips"}  # with all names: its sentences use them
TEXTS = ("dot", "gv", "html", "mmd", "txt")


class Drawing:
    """A picture of a graph at the time of draw(); Jupyter shows it, save(path) writes it.

    roots    what was drawn
    nodes    the nodes in it, inputs first: n3 in the picture is nodes[3]
    digraph  the picture for the package graphviz; source: in the DOT language
    text     the picture as lines of text, which needs nothing installed
    mermaid  the picture in Mermaid's language
    """

    def __init__(self, roots: list[Value], options: dict[str, Any], rankdir: str) -> None:
        self.roots, self.rankdir, self._options = roots, rankdir, options
        self._view = View(roots, **options)
        self.nodes = self._view.nodes

    @property
    def digraph(self) -> graphviz.Digraph:
        """The graph for the package graphviz. Raises RenderError if that is missing."""
        return digraph(self._view, self.rankdir)

    @property
    def source(self) -> str:
        """The graph in the DOT language."""
        return str(self.digraph.source)

    @property
    def mermaid(self) -> str:
        """The graph in Mermaid's language."""
        return mermaid(self._view, self.rankdir)

    @property
    def text(self) -> str:
        """The graph as a tree of lines."""
        return tree(self._view)

    def page(self) -> Page:
        """The picture as an HTML page that plays values forward and adjoints back.

        It shows all numbers and names, whatever show= is, and adjoints of its own, whatever the
        Values' grads are. Raises ValueError for several roots, a folded picture, or more
        than 300 nodes.
        """
        from .page import MOST_NODES, page

        view, root = self._view, self.roots[0]
        if view.folded or len(self.roots) > 1 or len(self.nodes) > MOST_NODES:
            raise ValueError(
                f"draw: a page plays one root and at most {MOST_NODES} nodes, none folded; draw "
                "without depth= and fold=, an earlier value, or a part by focus= and radius="
            )
        if root not in view.wiring.at:
            raise ValueError("draw: a page needs the root in the picture; give a larger radius=")
        shown = View(self.roots, **self._options | {"show": ON_PAGES})
        shown.give_nothing_away(adjoints(root))
        svg = render(str(digraph(shown, self.rankdir).source)).decode()
        precision = self._options["precision"]
        return page(root, svg[svg.index("<svg") :], self.nodes, view.of, precision=precision)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture as the suffix says.

        .svg .png .pdf   a picture, by Graphviz
        .html            a page that plays the computation, see page()
        .dot .gv .mmd    the source for Graphviz or Mermaid
        .txt             text

        Raises ValueError for another suffix, RenderError if there is no layout program or it does
        not know the format.
        """
        suffix = os.path.splitext(path)[1].lower().removeprefix(".")
        if suffix not in PICTURES + TEXTS:
            known = ", ".join(f".{name}" for name in PICTURES + TEXTS)
            raise ValueError(f"Drawing.save: {shown(str(path))}; the name must end in {known}")
        if suffix in PICTURES:
            written = render(self.source, suffix)
        elif suffix == "html":
            written = str(self.page()).encode()
        else:
            texts = {"mmd": lambda: self.mermaid, "txt": lambda: f"{self.text}\n"}
            written = texts.get(suffix, lambda: self.source)().encode()
        with open(path, "wb") as file:
            file.write(written)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            svg = render(self.source).decode()
            fit = svg.replace("<svg ", '<svg style="max-width: 100%; height: auto" ', 1)
            return {"image/svg+xml": fit, "text/plain": repr(self)}
        except RenderError as error:
            return {"text/plain": f"{self.text}\n{error}"}

    def __repr__(self) -> str:
        boxes = sum(bool(box.members) for box in self._view.boxes)
        folded = f" in {boxes} boxes" if self._view.folded else ""
        return f"<drawing of {len(self.nodes)} nodes{folded}>"


def draw(
    roots: Value | Iterable[Value], *, precision: int = 7, rankdir: str = "LR",
    depth: int | None = None, fold: bool | None = None, focus: Value | None = None,
    radius: int | None = None, path: tuple[Value, Value] | None = None,
    show: str | Iterable[str] | None = None, names: Mapping[str, Any] | None = None,
) -> Drawing:  # fmt: skip
    """The picture of the graph that computed a Value, or several.

    precision  significant digits
    rankdir    "LR": inputs left, result right; "BT": result on top; or "RL", "TB"
    depth      how deep to look: 0 modules, 1 layers, 2 neurons, 3 every node; by default the
               deepest that takes at most 300 boxes
    fold       True draws parts that play the same role once, as ×12; False never does; by default
               where there would be more than 300 boxes
    focus, radius  only what is at most `radius` steps (2) before or after the value `focus`
    path       (a, b): what lies between a and b in full colour, the rest in grey
    show       some of data, grad, formula, partials, constants (numbers that are no Values),
               clusters, legend, names (v1 ... of nodes without a label), tooltips, in a set or as
               "data, grad"; by default all but constants and names
    names      variables whose names to use, such as locals(): {"net": net} names net.b

    Gradients are a dash until backward() was called. Raises TypeError for what is not a Value,
    ValueError for a wrong option, for nodes outside of the graph and for more than 5000 boxes.

    >>> x = Value(2.0)
    >>> y = x.exp()
    >>> draw(y, names={"x": x, "y": y}, show="data").text.splitlines()[1]
    'y = exp(x)  7.389056'
    """
    found = [roots] if isinstance(roots, Value) else _list(roots)
    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"draw: rankdir = {shown(rankdir)}; use 'LR', 'RL', 'TB' or 'BT'")
    _whole("precision", precision, 1)
    _whole("depth", depth, 0, 3)
    _whole("radius", radius, 0)
    if radius is not None and focus is None:
        raise ValueError("draw: radius needs focus=, the value to draw around")
    if fold not in (None, True, False):
        raise ValueError(f"draw: fold = {shown(fold)}; use True, False or None")
    if path is not None and not (isinstance(path, (list, tuple)) and len(path) == 2):
        raise ValueError("draw: path must be two Values, (where it starts, where it ends)")
    for name, values in (("focus", [focus] if focus is not None else []), ("path", path or ())):
        for v in values:
            if not isinstance(v, Value):
                raise TypeError(f"draw: {name} = {shown(v)}; give a Value")
    options = {
        "precision": precision, "depth": depth, "fold": fold, "focus": focus, "radius": radius,
        "path": path, "show": _show(show), "called": Called(names, "draw"),
    }  # fmt: skip
    return Drawing(found, options, rankdir)


def _list(roots: Any) -> list[Value]:
    found = [*roots] if isinstance(roots, Iterable) else [roots]
    for v in found:
        if not isinstance(v, Value):
            raise TypeError(
                f"draw: roots must be a Value or a list of them, not {type(v).__name__} {shown(v)}"
            )
    if not found:
        raise ValueError("draw: roots is empty; give a Value or a list of them")
    return found


def _whole(name: str, n: Any, least: int, most: int | None = None) -> None:
    if n is None and name != "precision":
        return
    wrong = isinstance(n, bool) or not isinstance(n, int) or n < least
    if wrong or (most is not None and n > most):
        bounds = f"from {least} to {most}" if most is not None else f">= {least}"
        raise ValueError(f"draw: {name} = {shown(n)} must be a whole number {bounds}")


def _show(show: str | Iterable[str] | None) -> frozenset[str]:
    if show is None:
        return SHOWN
    if not isinstance(show, Iterable):
        raise TypeError(f"draw: show = {shown(show)}; give words such as 'data, grad'")
    words = re.findall(r"[^,\s]+", show) if isinstance(show, str) else [*show]
    unknown = [word for word in words if word not in SHOW]
    if unknown:
        raise ValueError(f"draw: show = {shown(unknown[0])}; use some of {', '.join(SHOW)}")
    return frozenset(words)
