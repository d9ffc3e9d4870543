"""The picture of a recorded graph: numbers, gradients, and the local derivative on each edge.

>>> x = Value(3.0, label="x")
>>> y = x * x
>>> y.backward()
>>> picture = draw(y)
>>> picture.save("square.svg")  # doctest: +SKIP
>>> print(picture.text)
name  formula  data  grad  derivative by its inputs
x                 3     6
v1    x*x         9     1  x: 3, x: 3
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from ..engine import Value
from ..graph import edges, formula, names, order, table
from ..ieee import shown
from ..render import RenderError, render
from ..text import decimal, unicode

if TYPE_CHECKING:
    import graphviz

MOST_NODES = 1000
NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
LONGEST = 24  # characters of a formula in a node
FONT = "Helvetica,Arial,sans-serif"
INK, FAINT = "#1f2933", "#52606d"
FILL = {"input": "#e3f0fa", "inner": "#ffffff", "root": "#fdf0d5"}
LINE = {"input": "#2b6cb0", "inner": "#9aa5b1", "root": "#b7791f"}


class Drawing:
    """A picture of a graph: .digraph, .source (DOT), .text, .save(path); Jupyter shows it."""

    def __init__(self, root: Value, precision: int, rankdir: str, nodes: list[Value]) -> None:
        self.root, self.precision, self.rankdir, self.nodes = root, precision, rankdir, nodes

    @property
    def digraph(self) -> graphviz.Digraph:
        """The graph for the package graphviz."""
        try:
            import graphviz
        except ImportError:
            raise RenderError(
                "draw: the package graphviz is missing; pip install 'autograd_lite[draw]'"
            ) from None
        of = names(self.nodes)
        at = {v: f"n{i}" for i, v in enumerate(self.nodes)}
        g = graphviz.Digraph("autograd_lite")
        g.attr(rankdir=self.rankdir, bgcolor="#fbfcfd", pad="0.3", nodesep="0.25", ranksep="0.6")
        g.attr("node", shape="box", style="rounded,filled", fontname=FONT, fontsize="12",
               fontcolor=INK, margin="0.14,0.07", penwidth="1.2")  # fmt: skip
        g.attr("edge", fontname=FONT, fontsize="10", fontcolor=FAINT, color="#7b8794",
               arrowsize="0.6")  # fmt: skip
        for v in self.nodes:
            kind = "root" if v is self.root else "input" if v.op is None else "inner"
            g.node(at[v], graphviz.escape(self._label(v, of)),
                   fillcolor=FILL[kind], color=LINE[kind])  # fmt: skip
        for source, target, partial, _ in edges(self.nodes):
            if source not in at:  # beyond depth
                g.node(f"{at[target]}_", "…", shape="plaintext", style="")
            g.edge(at.get(source, f"{at[target]}_"), at[target],
                   label=f" {decimal(partial, self.precision)} ")  # fmt: skip
        return g

    def _label(self, v: Value, of: dict[Value, str]) -> str:
        name = of[v]
        grad = "–" if self.root.grad == 0.0 else decimal(v.grad, self.precision)
        head = " = ".join(part for part in ((name if v.label else ""), _operation(v, of)) if part)
        body = f"{decimal(v.data, self.precision)}\ngrad {grad}"
        text = NOT_IN_XML.sub("�", f"{head}\n{body}" if head else body)
        return text.replace("&", "&amp;")  # Graphviz reads entities

    @property
    def source(self) -> str:
        """The graph in the DOT language."""
        return str(self.digraph.source)

    @property
    def text(self) -> str:
        """The graph as a table, which needs nothing installed."""
        return table(digits=self.precision, nodes=self.nodes)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture; the suffix says how: .svg, .png, or .dot and .gv for the source.

        Raises ValueError for another suffix, RenderError if there is no layout program.
        """
        suffix = os.path.splitext(path)[1].lower().removeprefix(".")
        if suffix not in ("svg", "png", "dot", "gv"):
            raise ValueError(f"Drawing.save: {shown(str(path))}; the name must end in .svg or .png")
        source = self.source
        picture = source.encode() if suffix in ("dot", "gv") else render(source, suffix)
        with open(path, "wb") as file:
            file.write(picture)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        try:
            return {"image/svg+xml": render(self.source).decode(), "text/plain": repr(self)}
        except RenderError as error:
            return {"text/plain": f"{self.text}\n{error}"}

    def __repr__(self) -> str:
        return f"<drawing of {len(self.nodes)} nodes>"


def _operation(v: Value, of: dict[Value, str]) -> str:
    """What made the node, as short as it can be read: σ(z¹₁), (ŷ - y)², Σ wx + b."""
    if v.op is None or v.op.arity is None:
        name = "" if v.op is None else v.op.symbol or v.op.name
        return name.removesuffix(" + b") if len(v.args) % 2 == 0 else name
    inner = {a: _caption(a, of) for a in v.args if isinstance(a, Value)}
    if v.op.arity == 1 and v.op.name != "neg":
        text = inner[v.args[0]]
        text = f"{v.op.symbol or v.op.name}{text if text.startswith('(') else f'({text})'}"
    else:
        text = re.sub(r"\*\*([23])(?![\d.e])", lambda m: "²³"[int(m[1]) - 2], formula(v, inner))
    return text if len(text) <= LONGEST else v.op.symbol or v.op.name


def _caption(v: Value, of: dict[Value, str]) -> str:
    """The name of an input; if it has none, how it came from named ones, else a dot."""
    if v.label:
        return of.get(v, unicode(v.label))
    named = v.op is not None and all(not isinstance(a, Value) or a.label for a in v.args)
    if not named or len(v.args) > 2:
        return "·"
    return f"({formula(v, {a: _caption(a, of) for a in v.args if isinstance(a, Value)})})"


def draw(
    value: Value, *, precision: int = 7, rankdir: str = "LR", depth: int | None = None
) -> Drawing:
    """The picture of the graph that computed `value`.

    precision  significant digits
    rankdir    "LR": inputs left, result right; "BT": result on top
    depth      show only what is at most so many steps behind `value`

    Gradients are a dash until backward() was called. Raises TypeError for what is not a Value,
    ValueError for more than 1000 nodes.
    """
    if not isinstance(value, Value):
        raise TypeError(f"draw: value must be a Value, not {type(value).__name__} {shown(value)}")
    if rankdir not in ("LR", "RL", "TB", "BT"):
        raise ValueError(f"draw: rankdir = {shown(rankdir)}; use 'LR', 'RL', 'TB' or 'BT'")
    for name, n in (("precision", precision), ("depth", 0 if depth is None else depth)):
        if isinstance(n, bool) or not isinstance(n, int) or n < (name == "precision"):
            raise ValueError(f"draw: {name} = {shown(n)} must be a whole number, not negative")
    nodes = order(value) if depth is None else _near(value, depth)
    if len(nodes) > MOST_NODES:
        raise ValueError(
            f"draw: {len(nodes)} nodes are too many for a picture; give depth=, the number of "
            "steps behind the value to show, or draw an earlier Value"
        )
    return Drawing(value, precision, rankdir, nodes)


def _near(value: Value, depth: int) -> list[Value]:
    """The nodes at most `depth` steps behind value, inputs first."""
    near, front = {value: None}, [value]
    for _ in range(depth):
        front = [a for v in front for a in v.args if isinstance(a, Value) and a not in near]
        near.update(dict.fromkeys(front))
    return [v for v in order(value) if v in near]
