"""The page: a drawing that plays the computation, values forward, then adjoints edge by edge back.

page.html is the template: all of its style and script are in it, and a content security policy
forbids it every request. What it plays is plain data, computed here; the script only shows it.

>>> x = Value(3.0, label="x")
>>> y = x * x
>>> for step in steps(y, order(y), {x: "x", y: "y"}):
...     print(f"{step.phase:<9}{step.title:<30}{step.exact}".rstrip())
given    1 given number
forward  y = x·x                       9.0
seed     grad y = ∂y/∂y = 1            1.0
backward grad x += grad y · ∂y/∂x      3.0
backward grad x += grad y · ∂y/∂x      6.0
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any, NamedTuple

from ..engine import Value, order
from ..explain import explain
from ..graph import dot_inputs, formula, slope, texts
from ..text import WHERE, decimal, pretty, slopes

MOST_NODES = 300
MOST_DERIVATIONS = 300_000  # bytes of all derivations together
LONGEST_NAME = 40
LONGEST_LINE = 900
FULL_DIGITS = 100  # a line of numbers longer than this is written with fewer digits
FEWER = 7
HEIGHT = 680  # of the frame in a notebook, in pixels
NOT_IN_HTML = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]"
)


class Step(NamedTuple):
    """What the page shows at one step.

    phase    "given", "forward", "seed" or "backward"
    heading  the phase in words, with a count
    title    the formula
    lines    captions and what stands beside them: the numbers, the result
    node     the place in `nodes` of the node whose number appears; -1: none, or it is not drawn
    giver    the place of the node that passes its adjoint on, else -1
    edge     the id of the edge that it passes along, else ""
    exact    all digits of the number that the node has now: its data, its adjoint so far
    short    the same with fewer digits, for the drawing
    sign     "plus", "minus" or "zero": of that number
    flow     the same, of what flows along the edge
    done     the adjoint is complete
    """

    phase: str
    heading: str
    title: str
    lines: tuple[tuple[str, str], ...] = ()
    node: int = -1
    giver: int = -1
    edge: str = ""
    exact: str = ""
    short: str = ""
    sign: str = ""
    flow: str = ""
    done: bool = False


class Page:
    """A page as text: str(page), page.save(path); Jupyter shows it in a frame."""

    def __init__(self, text: str, title: str) -> None:
        self.text, self.title = text, title

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"<page of {len(self.text)} characters: {self.title}>"

    def _repr_html_(self) -> str:
        # the frame may run its own script and nothing else: not the notebook's, not its storage
        return (
            f'<iframe title="{html.escape(self.title)}" sandbox="allow-scripts" '
            f'style="width: 100%; height: {HEIGHT}px; border: 0" '
            f'srcdoc="{html.escape(self.text)}"></iframe>'
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page as UTF-8."""
        with open(path, "wb") as file:
            file.write(self.text.encode())


def page(
    root: Value, svg: str, nodes: list[Value], of: dict[Value, str], *, precision: int = 7
) -> Page:
    """The page that plays how `root` was computed and derived, over its drawing.

    svg        the drawing: groups n0, n1 ... for the nodes and e{i}_{place} for the edge from
               nodes[i].args[place] to nodes[i]
    nodes      the nodes in it, inputs before outputs, root last
    of         their names
    precision  significant digits in the drawing

    No grad is read or changed. Raises ValueError for more than 300 nodes.
    """
    if len(nodes) > MOST_NODES:
        raise ValueError(
            f"page: {len(nodes)} nodes are too many to step through, {MOST_NODES} are the most; "
            "give focus= and radius= to show a part of the graph, or draw an earlier Value"
        )
    of = {v: _clip(name, LONGEST_NAME) for v, name in of.items()}
    title = f"{of[root]}: values forward, derivatives backward"
    played = steps(root, nodes, of, precision)
    lesson = {"nodes": _cards(root, nodes, of, played), "steps": [s._asdict() for s in played]}
    template = resources.files(__package__).joinpath("page.html").read_text("utf-8")
    script = re.findall(r"<script>(.*?)</script>", template, re.S)[-1]
    parts = {
        "hash": "sha256-" + base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "title": html.escape(title),
        "name": html.escape(of[root]),
        "svg": svg[svg.index("<svg") :],
        "lesson": json.dumps(lesson, ensure_ascii=False).replace("<", "\\u003c"),
    }
    # in one pass, so that what is put in is never read as a place to put something
    text = re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], template)
    return Page(NOT_IN_HTML.sub("\ufffd", text), title)


def steps(root: Value, nodes: list[Value], of: dict[Value, str], precision: int = 7) -> list[Step]:
    """The computation of `root` step by step: the leaves, each node, then each edge back.

    The adjoints are added up in the order of backward(), so the last sum of each node is its grad
    to the last bit. Nodes that are not in `nodes` take part in the sums without steps of their own.
    """
    given = [f"{of[v]} = {decimal(v.data)}" for v in nodes if v.op is None]
    given += dict.fromkeys(
        f"{x} = {decimal(number)}"
        for v in nodes
        for x, (_, number) in zip(_plain_inputs(v, of), dot_inputs(v))
        if not isinstance(number, Value)
    )
    title = "1 given number" if len(given) == 1 else f"{len(given)} given numbers"
    values = _clip(", ".join(given))
    values = values.replace(" = ", "\u00a0=\u00a0")  # a line breaks between them
    found = [Step("given", "Given", title, (("values", values),))]
    inner = [i for i, v in enumerate(nodes) if v.op is not None]
    for count, i in enumerate(inner, 1):
        step = _forward(nodes[i], i, of, precision)
        found.append(step._replace(heading=f"Forward {count} of {len(inner)}"))
    seed, *back = _Sweep(root, nodes, of, precision).steps()
    found.append(seed)
    for count, step in enumerate(back, 1):
        found.append(step._replace(heading=f"Backward {count} of {len(back)}"))
    return found


def _plain_inputs(v: Value, of: dict[Value, str]) -> list[Any]:
    """What the inputs of a dot are called."""
    n = len(v.args) // 2
    return texts(v, of, pretty, of[v])[n : 2 * n] if v.op is not None else []


def _forward(v: Value, i: int, of: dict[Value, str], precision: int) -> Step:
    row: Any = v.op
    lines = (
        ("in numbers", _numbers(lambda y, args: getattr(pretty, row.name)(*args), v)),
        ("result", f"{of[v]} = {v.data!r}"),
    )
    title = f"{of[v]} = {_clip(formula(v, of, spelling=pretty))}"
    return Step("forward", "", title, lines, i, exact=repr(v.data),
                short=decimal(v.data, precision), sign=_sign(v.data))  # fmt: skip


class _Sweep:
    """backward() in a dict of its own, with every sum on the way written down."""

    def __init__(
        self, root: Value, nodes: list[Value], of: dict[Value, str], precision: int
    ) -> None:
        self.root, self.of, self.precision = root, of, precision
        self.at = {v: i for i, v in enumerate(nodes)}
        self.order = order(root)
        self.adjoint = dict.fromkeys(self.order, 0.0)
        # how many contributions an adjoint is the sum of, and how many have come
        self.uses = Counter(a for v in self.order for a in v.args if isinstance(a, Value))
        self.come: Counter[Value] = Counter()
        self.told: dict[Value, bool] = {}  # whether the last contribution had a step

    def steps(self) -> Iterator[Step]:
        """The seed, then every edge of the drawing, from the root back to the leaves."""
        self.adjoint[self.root] = 1.0
        by = self._by(self.root)
        name = self._name(self.root)
        why = f"grad of a node is the derivative of {name} by it, and {name} by itself gives 1"
        lines = (("result", f"{by} = 1.0"), ("why", why))
        seed = self._step("seed", f"{by} = ∂{name}/∂{name} = 1", lines, self.root)
        yield seed._replace(heading="Backward: the start")
        for v in reversed(self.order):
            g, here = self.adjoint[v], v in self.at
            if here and not self.told.get(v, True):
                yield self._from_outside(v)
            for place, (a, p) in enumerate(zip(v.args, v.partials, strict=True)):
                if not isinstance(a, Value):
                    continue
                before = self.adjoint[a]
                if g != 0.0:  # an adjoint that is exactly 0 passes on exactly 0
                    self.adjoint[a] += g * p
                self.come[a] += 1
                self.told[a] = here
                if here and a in self.at:
                    yield self._along(v, place, before)

    def _along(self, v: Value, place: int, before: float) -> Step:
        """The step in which v passes its adjoint on to its input at `place`."""
        g, p, a = self.adjoint[v], v.partials[place], v.args[place]
        passed, by = (0.0 if g == 0.0 else g * p), self._by(a)
        product = f"{_factor(g)} · {_factor(p)} = {passed!r}"
        if g == 0.0:
            product = f"exactly 0, because {self._by(v)} is exactly 0"
        total = f"{by} = {self.adjoint[a]!r}"
        if self.come[a] > 1:
            total = f"{by} = {before!r} + {_factor(passed)} = {self.adjoint[a]!r}"
        caption = f"sum, {self.come[a]} of {self.uses[a]}" if self.uses[a] > 1 else "result"
        complete = "  ✓ complete" if self.come[a] == self.uses[a] else ""
        lines = (
            ("local derivative", self._slope(v, place)),
            ("passed on", product),
            (caption, total + complete),
        )
        title = f"{by} += {self._by(v)} · ∂{self._name(v)}/∂{self._name(a)}"
        step = self._step("backward", title, lines, a)
        i = self.at[v]
        return step._replace(giver=i, edge=f"e{i}_{place}", flow=_sign(passed))

    def _from_outside(self, v: Value) -> Step:
        """The step that says what a node has got from nodes that are not in the drawing."""
        title = f"{self._by(v)}, with what comes from outside of the drawing"
        lines = (("result", f"{self._by(v)} = {self.adjoint[v]!r}  ✓ complete"),)
        return self._step("backward", title, lines, v)

    def _step(self, phase: str, title: str, lines: tuple[tuple[str, str], ...], v: Value) -> Step:
        """A step after which the adjoint of v is as it is now."""
        x = self.adjoint[v]
        return Step(phase, "", title, lines, self.at.get(v, -1), exact=repr(x),
                    short=decimal(x, self.precision), sign=_sign(x),
                    done=self.come[v] == self.uses[v])  # fmt: skip

    def _slope(self, v: Value, place: int) -> str:
        """A local derivative: its formula, that in numbers, its number, each if it says more."""
        p = v.partials[place]
        written = _clip(slope(v, place, self.of, spelling=pretty))
        row: Any = v.op
        numbers = _numbers(lambda y, args: slopes(row, pretty.short, y, *args)[place], v)
        text = f"∂{self._name(v)}/∂{self._name(v.args[place])} = {written}"
        number = str(pretty.number(p))
        if numbers[2:] not in (written, number):
            text += f" {numbers}"
        return text if written == number else f"{text} = {p!r}"

    def _name(self, v: Value) -> str:
        name = self.of.get(v, "…")
        return f"({name})" if re.search(r"[\s+*/%<>=-]", name) and name[0] != "(" else name

    def _by(self, v: Value) -> str:
        """The adjoint, by another sign than the local derivative, which may be another number."""
        return f"grad {self._name(v)}"


def _cards(
    root: Value, nodes: list[Value], of: dict[Value, str], played: list[Step]
) -> list[dict[str, Any]]:
    """What the page says about each node when it is asked."""
    adjoint = {step.node: step.exact for step in played if step.phase in ("seed", "backward")}
    derivations, at = _derivations(root, nodes), {v: i for i, v in enumerate(nodes)}
    return [
        {
            "name": of[v],
            "leaf": v.op is None,
            "inputs": [at[a] for a in v.args if isinstance(a, Value) and a in at],
            "value": repr(v.data),
            "formula": _clip(formula(v, of, spelling=pretty)) if v.op is not None else "",
            "adjoint": f"grad {of[v]} = ∂{of[root]}/∂{of[v]} = {adjoint.get(i, '0.0')}",
            "derivation": derivations[i],
        }
        for i, v in enumerate(nodes)
    ]


def _derivations(root: Value, nodes: list[Value]) -> list[str]:
    """The derivation for each node; none at all where they would make the page too large."""
    found: list[str] = []
    nothing, size = [""] * len(nodes), 0
    if len(order(root)) > MOST_NODES:  # nodes is a part of it; the derivations would be of all
        return nothing
    for v in nodes:
        lines = str(explain(root, wrt=v)).splitlines()
        # whether .grad agrees is true of a moment, and a page is kept
        found.append("\n".join(line for line in lines if ".grad" not in line))
        size += len(found[-1].encode(errors="replace"))
        if size > MOST_DERIVATIONS:
            return nothing
    return found


def _numbers(write: Callable[[Any, list[Any]], Any], v: Value) -> str:
    """What `write` makes of v and its inputs as numbers: = and all digits, or ≈ and fewer."""
    m = pretty.short

    def written(digits: int) -> str:
        inputs = [m.number(a.data, digits) if isinstance(a, Value) else a for a in v.args]
        return m.inside(write(m.number(v.data, digits), inputs), WHERE)

    full, fewer = written(17), written(FEWER)
    return f"= {full}" if len(full) <= FULL_DIGITS or full == fewer else f"≈ {_clip(fewer)}"


def _factor(x: float) -> str:
    """A number as one of several: a negative one in parentheses."""
    return f"({x!r})" if repr(x).startswith("-") else repr(x)


def _sign(x: float) -> str:
    if x != x:
        return "nan"
    return "plus" if x > 0.0 else "minus" if x < 0.0 else "zero"


def _clip(text: str, most: int = LONGEST_LINE) -> str:
    text = " ".join(text.split()) or "…"
    return text if len(text) <= most else text[: most - 1] + "…"
