"""A picture in the DOT language, by the package graphviz."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from ..render import RenderError
from .box import Arrow, Box
from .parts import MODULE, NODE, Part
from .style import CARD, FADED, FAINT, FONT, INK, KINDS, SIGNS, UNKNOWN, sign, width
from .view import View

if TYPE_CHECKING:
    import graphviz

NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
CLUSTER = ("#eef1f4", "#f6f8fa", "#fcfdfe")  # fill of a module, a layer, a neuron
CROWDED = 150  # arrows: from here straight ones without texts, which would take most of the room
PORTS = {"LR": "ew", "RL": "we", "TB": "sn", "BT": "ns"}
LARGE = 150  # boxes: from here with few rounds of layout, and half as many pixels in a PNG


def digraph(view: View, rankdir: str) -> graphviz.Digraph:
    """The picture for the package graphviz. Raises RenderError if that is missing."""
    try:
        import graphviz
    except ImportError:
        raise RenderError(
            "draw: the package graphviz is missing; pip install 'autograd_lite[draw]'"
        ) from None
    g = graphviz.Digraph("autograd_lite")
    g.attr(rankdir=rankdir, bgcolor=CARD, pad="0.3", nodesep="0.2", ranksep="0.5")
    g.attr(fontname=FONT, fontsize="11", fontcolor=FAINT, labelloc="b", labeljust="l")
    g.attr(**_effort(view))
    if len(view.arrows) >= CROWDED:  # from side to side, not over the boxes beside
        g.attr("edge", tailport=PORTS[rankdir][0], headport=PORTS[rankdir][1])
    g.attr("node", fontname=FONT, fontsize="12", fontcolor=INK, margin="0.12,0.06")
    g.attr("edge", fontname=FONT, fontsize="10", fontcolor=FAINT, arrowsize="0.6")
    if "legend" in view.show:
        g.attr(label=_legend(view))
    _boxes(g, view)
    for arrow in view.arrows:
        g.edge(arrow.source.key, arrow.target.key, **_edge(arrow, view))
    return g


def _effort(view: View) -> dict[str, str]:
    """Graphviz takes 20 s for 6000 edges unless it is told to stop optimising earlier."""
    if len(view.boxes) < LARGE and len(view.arrows) < CROWDED:
        return {}
    effort = {"nslimit": "0.1", "nslimit1": "0.1", "mclimit": "0.1"}
    if len(view.boxes) >= LARGE:
        effort["dpi"] = "48"  # of a PNG
    if len(view.arrows) < CROWDED:
        return effort
    return effort | {"splines": "line", "ranksep": "2.2", "outputorder": "edgesfirst"}


def _escaped(text: str) -> str:
    """Text as it is: no entity, no backslash code, no HTML is read in it."""
    import graphviz

    text = NOT_IN_XML.sub("�", text).replace("&", "&amp;")
    escaped: str = graphviz.escape(text.replace("\r\n", "\n").replace("\r", "\n"))
    return escaped  # a str that graphviz knows not to read as HTML


def _boxes(g: graphviz.Digraph, view: View) -> None:
    """The boxes, each in the clusters of its parts; a cluster is written where it first comes."""
    inside: dict[Part | None, list[Box]] = {}
    for box in view.boxes:
        place = box.inside if "clusters" in view.show else None
        inside.setdefault(place, []).append(box)
    for box in inside.pop(None, []):
        g.node(box.key, **_node(box, view))
    modules = dict.fromkeys(part.at(MODULE) for part in inside if part)
    for number, module in enumerate(modules):
        _cluster(g, module, f"cluster_{number}", inside, view)


def _cluster(
    g: graphviz.Digraph, part: Part, name: str, inside: dict[Part | None, list[Box]], view: View
) -> None:
    """A cluster and those in it, at most three deep."""
    shown = {p for q in inside if q for p in (q, q.above, q.above and q.above.above)}
    with g.subgraph(name=name) as c:
        c.attr(label=_escaped(part.caption), style="rounded,filled", fillcolor=CLUSTER[part.level],
               color="#cbd2d9", labelloc="t", labeljust="l", margin="10")  # fmt: skip
        for box in inside.get(part, ()):
            c.node(box.key, **_node(box, view))
        for number, lower in enumerate(p for p in part.below if p in shown):
            _cluster(c, lower, f"{name}_{number}", inside, view)


def _node(box: Box, view: View) -> dict[str, str]:
    kind, bright = KINDS[box.kind], box.bright
    text = "\n".join(box.lines)
    colour = SIGNS.get(sign(box.low, box.high), UNKNOWN) if bright else FADED
    found = {
        "id": box.key,
        "label": _escaped(text) if text else " ",
        "shape": "box3d" if box.several else kind.shape,
        "style": "filled" if box.several else kind.style,
        "fillcolor": kind.fill if bright else CARD,
        "color": colour,
        "penwidth": f"{width(box.low, box.high, view.largest):g}" if bright else "1",
    }
    if not bright:
        found["fontcolor"] = "#9aa5b1"
    if box.several:
        found["margin"] = "0.17,0.12"  # the upper and the right face take some of it
    if box.kind == "cut":
        found |= {"margin": "0", "width": "0.2", "height": "0.2"}
    if box.kind == "output":
        found["peripheries"] = "1" if box.several else "2"
    if box.tip:
        found["tooltip"] = _escaped(box.tip)
    return found


def _edge(arrow: Arrow, view: View) -> dict[str, str]:
    colour = SIGNS.get(sign(arrow.low, arrow.high), UNKNOWN)
    wide = width(arrow.low, arrow.high, view.largest)
    wide = wide / 2.0 if len(view.arrows) >= CROWDED else wide
    found = {
        "id": arrow.key,
        "color": colour if arrow.bright else FADED,
        "penwidth": f"{wide:g}" if arrow.bright else "1",
    }
    if arrow.text and len(view.arrows) < CROWDED:
        found["label"] = _escaped(f" {arrow.text} ")
    if not arrow.bright:
        found["fontcolor"] = "#b8c0c8"
    if "cut" in (arrow.source.kind, arrow.target.kind) or arrow.source.kind == "constant":
        found["style"] = "dashed"
    inside = arrow.target.inside
    if view.level == NODE and inside and inside is not arrow.source.inside:
        found["minlen"] = "2"  # room for the weights: what a neuron reads stands before them
    if arrow.tip:
        found["tooltip"] = found["labeltooltip"] = _escaped(arrow.tip)
    return found


def _legend(view: View) -> str:
    """What the kinds and colours that occur mean, as a row of an HTML-like table."""
    kinds = {box.kind for box in view.boxes}
    drawn: list[Box | Arrow] = [*view.boxes, *view.arrows]
    signs = {sign(x.low, x.high) for x in drawn}
    cells = [
        f'<TD BGCOLOR="{kind.fill}" COLOR="{UNKNOWN}" STYLE="{_corner(name)}">{name}</TD>'
        for name, kind in KINDS.items()
        if name in kinds and name != "cut"
    ]
    words = [
        f'<TD BORDER="0"><FONT COLOR="{colour}"><B>— {name}</B></FONT></TD>'
        for name, colour in SIGNS.items()
        if name in signs
    ]
    if words:
        words = ['<TD BORDER="0">  gradient:</TD>', *words, '<TD BORDER="0">wide: large</TD>']
    if any(box.several for box in view.boxes):
        words.append('<TD BORDER="0"> ×n: n in one</TD>')
    if "partials" in view.show and len(view.arrows) >= CROWDED:
        where = "are in the tooltips" if "tooltips" in view.show else "have no room"
        words.append(f'<TD BORDER="0">  local derivatives {where}</TD>')
    if not view.known and "grad" in view.show:
        words.append(f'<TD BORDER="0">{html.escape("  grad –: before backward()")}</TD>')
    row = "".join([*cells, *words])
    return (
        f'<<TABLE BORDER="0" CELLBORDER="1" CELLSPACING="4" CELLPADDING="4"><TR>{row}</TR></TABLE>>'
    )


def _corner(name: str) -> str:
    return {"inner": "ROUNDED", "output": "ROUNDED", "constant": "DASHED"}.get(name, "SOLID")
