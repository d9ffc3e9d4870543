"""The picture: texts, colours, labels, formats, and what happens without a layout program."""

from __future__ import annotations

import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import RenderError, Value, draw, order, render
from autograd_lite.cli.lecture import cost, two_two_one
from autograd_lite.draw.mermaid import encoded
from autograd_lite.draw.style import width
from autograd_lite.draw.view import SHOW

SVG = "{http://www.w3.org/2000/svg}"
BLUE, ORANGE, GREY = "#2166ac", "#b35806", "#9aa5b1"
PROGRAMS = [
    path
    for name in ("dot", "graphviz-pure")
    if (path := shutil.which(name) or shutil.which(name, path=sysconfig.get_path("scripts")))
]


@pytest.fixture(params=PROGRAMS, ids=[re.split(r"[\\/]", path)[-1] for path in PROGRAMS])
def program(request, monkeypatch):
    """Each layout program that is there."""
    monkeypatch.setattr(render, "program", lambda: request.param)
    return request.param


def svg(drawing):
    return ET.fromstring(render.render(drawing.source))


def texts(element):
    return ["".join(t.itertext()) for t in element.iter(f"{SVG}text")]


def group(root, key):
    (found,) = (g for g in root.iter(f"{SVG}g") if g.get("id") == key)
    return found


def strokes(element):
    return {
        (e.get("stroke"), float(e.get("stroke-width", 1)))
        for tag in ("path", "polygon", "polyline")
        for e in element.iter(f"{SVG}{tag}")
        if e.get("stroke") not in ("none", "transparent")
    }


def lesson():
    c = cost(two_two_one(), 0)
    c.backward()
    return c


def test_every_node_shows_its_texts_and_every_edge_its_local_derivative(program):
    c = lesson()
    drawing = draw(c)
    root, nodes = svg(drawing), order(c)
    assert drawing.nodes == nodes
    for i, v in enumerate(nodes):
        lines = texts(group(root, f"n{i}"))
        assert lines[-2:] == [f"{v.data:.7g}".replace("-", "−"), f"grad {v.grad:.7g}".replace("-", "−")]
    for edge in ag.edges(nodes):
        i = next(i for i, v in enumerate(nodes) if v is edge.target)
        (text,) = texts(group(root, f"e{i}_{edge.place}"))
        assert text.strip() == f"{edge.partial:.7g}".replace("-", "−")
    heads = {texts(group(root, f"n{i}"))[0] for i in range(len(nodes))}
    assert heads >= {"w¹₂,₁", "σ¹₂ = σ(z¹₂)", "z²₁ = Σ wx + b"}
    assert any(re.fullmatch("C₁ = \\(σ²₁ − y₁?\\)²", head) for head in heads)
    assert {"MLP 2-2-1", "layer 1 (hidden)", "layer 2 (output)", "neuron 2"} <= set(texts(root))


def test_colour_is_the_sign_and_width_the_size_of_what_flows_back(program):
    c = lesson()
    root, nodes = svg(draw(c)), order(c)
    largest = max(abs(v.grad) for v in nodes)
    found = {}
    for i, v in enumerate(nodes):
        for place, (a, p) in enumerate(zip(v.args, v.partials)):
            if isinstance(a, Value):
                flow = v.grad * p
                (stroke,) = strokes(group(root, f"e{i}_{place}"))
                assert stroke[0] == (BLUE if flow > 0 else ORANGE)
                found[abs(flow)] = stroke[1]
        (stroke,) = strokes(group(root, f"n{i}"))
        assert stroke[0] == (BLUE if v.grad > 0 else ORANGE)
        assert stroke[1] == pytest.approx(width(v.grad, v.grad, largest), abs=0.01)
    sizes = [found[size] for size in sorted(found)]
    assert sizes == sorted(sizes)
    assert sizes[0] == 1.0
    assert sizes[-1] > 3.0


def test_zero_infinite_and_undefined_gradients_have_colours_of_their_own():
    x, y = Value(0.0, label="x"), Value(2.0, label="y")
    z = x.sqrt() + y.floor() + (x * y - 1.0).log()
    z.backward()
    source = draw(z).source
    assert "nan" in source
    assert GREY in source
    assert "#c51b7d" in source
    assert width(float("inf"), float("inf"), 1.0) == 4.0


def test_kinds_differ_in_fill_and_in_shape():
    c = lesson()
    source = draw(c, show={*SHOW} - {"tooltips"}).source
    node = {m[1]: m[0] for m in re.findall(r"(\t+(\w+) \[[^\]]*\])", source)}
    looks = {
        kind: re.findall(r" (?:fillcolor|shape|style|peripheries)=\S+", node[key])
        for kind, key in (("parameter", at(c, "w^1_{2,1}")), ("input", at(c, "x_1")),
                          ("inner", at(c, "z^1_1")), ("output", at(c, "C_1")))
    }  # fmt: skip
    fills = {next(x for x in look if "fillcolor" in x) for look in looks.values()}
    shapes = {tuple(x for x in look if "fillcolor" not in x) for look in looks.values()}
    assert len(fills) == len(shapes) == 4
    for word in ("parameter", "input", "inner", "output", "constant", "positive", "negative"):
        assert f">{word}<" in source or f" {word}<" in source


def at(c, label):
    return next(f"n{i}" for i, v in enumerate(order(c)) if v.label == label)


def test_the_legend_says_what_occurs_and_no_more():
    x = Value(2.0, label="x")
    legend = draw(x * 3).source.partition("label=<")[2].partition("\n")[0]
    assert "input" in legend
    assert "output" in legend
    assert "before backward()" in legend
    for word in ("parameter", "constant", "inner", "negative", "×n"):
        assert word not in legend
    assert "label=<" not in draw(x * 3, show="data").source


def test_tooltips_have_all_digits_and_the_formula(program):
    c = lesson()
    titles = "\n".join(a.get("{http://www.w3.org/1999/xlink}title", "") for a in svg(draw(c)).iter(f"{SVG}a"))
    for v in order(c):
        assert repr(v.data) in titles
        assert repr(v.grad) in titles
    assert "σ(z¹₂)(1 − σ(z¹₂))" in titles
    assert "∂σ¹₂/∂z¹₂" in titles


def test_gradients_are_dashes_before_backward():
    x = Value(2.0, label="x")
    drawing = draw(x * x)
    assert drawing.source.count("grad –") == 3  # two nodes and the legend
    assert BLUE not in drawing.source
    assert "–" in drawing.text
    assert draw(x + x).source.count("->") == 2


def test_the_picture_is_deterministic():
    c = cost(two_two_one(), 0)
    assert draw(c).source == draw(cost(two_two_one(), 0)).source


def test_show_chooses_what_is_written():
    c = lesson()
    nothing = draw(c, show=())
    assert not re.search("grad |tooltip|cluster|TABLE", nothing.source)
    assert "0.1023868" in draw(c, show="data").source
    assert "σ(z" not in draw(c, show="data").source
    assert "0.1476132" in draw(c, show={"partials"}).source
    with pytest.raises(ValueError, match=r"show = 'date'; use some of data, grad"):
        draw(c, show="date, grad")


def test_constants_are_boxes_of_their_own(program):
    x = Value(2.0, label="x")
    w = Value(3.0, label="w")
    y = ag.dot([w, x], [5.0, -1.5], label="z") * 0.25
    root = svg(draw(y, show=SHOW))
    found = {g.get("id"): texts(g) for g in root.iter(f"{SVG}g") if g.get("id", "").startswith("c")}
    assert sorted(found.values()) == [["0.25"], ["x₁", "5"], ["x₂", "−1.5"]]
    assert "x₁" not in draw(w * 2).source


@given(st.text(st.characters(), max_size=200))
@settings(max_examples=30)
def test_any_label_is_drawn(label):
    x = Value(1.0, label=label)
    drawing = draw(x * 2)
    assert ET.fromstring(render.render(drawing.source)) is not None
    assert re.fullmatch(r'flowchart LR\n(?:[\w\[\]({"]+.*\n)+', drawing.mermaid)


@given(st.text(st.characters(), max_size=100))
def test_nothing_of_a_label_is_read_as_mermaid(label):
    assert not re.search(r'["\'`<>&|{}\[\]%\\@!$^~?:\n\r\t]', encoded(label))
    assert not {*"#;"} & {*re.sub(r"#\d+;", "", encoded(label))}
    decoded = re.sub(r"#(\d+);", lambda m: chr(int(m[1])), encoded(label))
    assert [c for c in decoded if not c.isspace()] == [c for c in label if not c.isspace()]


@pytest.mark.parametrize(
    "label", ['"', "\\", "{a|b}", "<b>", "\\n", "a\nb", "🙂", "é" * 10_000, "%s", "<<b>>", "\\N", "&amp;"]
)
def test_awkward_labels(program, label):
    shown = "\n".join(texts(svg(draw(Value(1.0, label=label) * 2))))
    if len(label) < 10 and "\n" not in label:
        assert label in shown


def test_what_xml_cannot_hold_is_replaced():
    assert "�x" in "\n".join(texts(svg(draw(Value(1.0, label="\x1fx\ud800") * 2))))


def test_repeated_labels_are_told_apart():
    a, b = Value(1.0, label="z"), Value(2.0, label="z")
    assert {"z", "z⁽²⁾", "sin(z)", "sin(z⁽²⁾)"} <= set(texts(svg(draw(a.sin() + b.sin()))))


def test_captions_say_what_was_computed():
    x = Value(2.0, label="x")
    found = [t for power in (2, 3, 20, 2.5) for t in texts(svg(draw(x**power)))]
    assert {"y = x²", "y = x³", "y = x²⁰", "y = x^2.5"} <= set(found)
    assert "y = x·x₁ + x·x₂" in texts(svg(draw(ag.dot([x, x], [3.0, 1.0]))))
    many = [Value(0.1, label=f"long_name_{i}") for i in range(9)]
    assert "y = Σ wx" in texts(svg(draw(ag.dot([x] * 9, many))))
    assert "y = Σ wx + b" in texts(svg(draw(ag.dot([x] * 9, many, 1.0))))
    assert "y = (x·x)²" in texts(svg(draw((x * x) ** 2)))


def test_names_of_the_callers_variables():
    net = ag.MLP(1, [1], seed=0)
    pair = {"k": [Value(1.0), Value(2.0, label="given")]}
    x = Value(3.0, label="u")
    y = net([x]) * pair["k"][0] + pair["k"][1]
    drawing = draw(y, names={"net": net, "pair": pair, "x": x, "y": y, "n": 3})
    shown = drawing.text
    assert shown.splitlines()[1].startswith("y = ")
    assert "pair['k'][0] " in shown
    assert "given " in shown
    assert "w¹₁,₁ " in shown
    assert "─ x " in shown
    assert "net: MLP 1-1" in drawing.source
    assert draw(y).text.splitlines()[1].startswith("y = ")  # a result without a label
    assert "pair" not in draw(y).text
    assert (y.label, pair["k"][0].label) == ("", "")
    neuron = ag.Neuron(1, bias=None)
    neuron.w[0].label = ""
    z = neuron([x])
    assert "nets[0].w[0]" in draw(z, names={"nets": (neuron,)}).text
    a, b = Value(1.0), Value(2.0, label="a")
    assert "a·a⁽²⁾" in draw(a * b, names={"a": a}).text
    with pytest.raises(TypeError, match="names"):
        draw(y, names=["y"])


def test_several_roots():
    x = Value(2.0, label="x")
    a, b = x.sin(), x.cos()
    drawing = draw([a, b])
    assert drawing.roots[1] is b
    assert len(drawing.nodes) == 3
    assert drawing.source.count("peripheries=2") == 2


def test_save_by_suffix(program, tmp_path):
    drawing = draw(lesson())
    for name in ("a.svg", "a.png", "a.dot", "a.gv", "a.mmd", "a.txt", "a.html"):
        drawing.save(tmp_path / name)
    drawing.save(str(tmp_path / "b.PNG"))
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.dot").read_text(encoding="utf-8").startswith("digraph")
    assert (tmp_path / "a.gv").read_bytes() == (tmp_path / "a.dot").read_bytes()
    assert (tmp_path / "a.mmd").read_text(encoding="utf-8").startswith("flowchart LR")
    assert (tmp_path / "a.txt").read_text(encoding="utf-8") == drawing.text + "\n"
    assert "<svg" in (tmp_path / "a.html").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match=r"must end in \.svg, \.png"):
        drawing.save(tmp_path / "a.bmp")


def test_pdf_where_the_program_can(program, tmp_path):
    drawing = draw(lesson())
    if program.endswith(("dot", "dot.exe")):
        drawing.save(tmp_path / "a.pdf")
        assert (tmp_path / "a.pdf").read_bytes().startswith(b"%PDF")
    else:
        with pytest.raises(RenderError, match=r"writes no pdf; install Graphviz.*svg"):
            drawing.save(tmp_path / "a.pdf")
        assert not (tmp_path / "a.pdf").exists()


def test_a_page_needs_one_root_and_every_node(tmp_path):
    x = Value(2.0, label="x")
    y = x * x
    with pytest.raises(ValueError, match="one root"):
        draw([y, x.sin()]).page()
    with pytest.raises(ValueError, match="none folded"):
        draw(two_two_one()([1.0, 2.0]), depth=0).save(tmp_path / "a.html")
    z = y.sin().cos().exp()
    with pytest.raises(ValueError, match="radius"):
        draw(z, focus=x, radius=1).page()


@given(st.data())
@settings(max_examples=25)
def test_drawing_changes_nothing(data):
    nodes = [Value(x, label=label) for x, label in data.draw(st.lists(st.tuples(st.floats(-2, 2), st.sampled_from(["", "a", "z^1_1"])), min_size=1, max_size=3))]
    for _ in range(data.draw(st.integers(1, 10))):
        a, b = (data.draw(st.sampled_from(range(len(nodes)))) for _ in range(2))
        f = data.draw(st.sampled_from([
            lambda a, b: a * b, lambda a, b: a - 1.5, lambda a, b: a.tanh(),
            lambda a, b: ag.dot([a, b], [b, 2.0], label="z^1_1"), lambda a, b: a.relu(),
        ]))  # fmt: skip
        nodes.append(f(nodes[a], nodes[b]))
    root = nodes[-1]
    if data.draw(st.booleans()):
        root.backward()
    def state():
        return [(id(v), repr(v.data), repr(v.grad), v.label, repr(v.partials), [*map(id, v.args)]) for v in order(root)]
    before = state()
    drawing = draw(root, fold=data.draw(st.sampled_from([None, True, False])), names={"nodes": nodes}, show=SHOW)
    assert drawing.source
    assert drawing.text
    assert drawing.mermaid
    after = state()
    assert [s[:5] for s in before] == [s[:5] for s in after]


def test_a_thousand_nodes_are_drawn(program, tmp_path):
    net = ag.MLP(2, [16, 16, 1], seed=0)
    y = ag.mse([net([0.1 * i, 1.0]) for i in range(9)], [1.0] * 9)
    drawing = draw(y, fold=False)
    drawing.save(tmp_path / "a.svg")
    groups = [g for g in ET.parse(tmp_path / "a.svg").iter(f"{SVG}g") if g.get("class") == "node"]
    assert {g.get("id") for g in groups} == {f"n{i}" for i in range(len(drawing.nodes))}
    assert len(groups) > 900


def test_without_a_layout_program(monkeypatch, tmp_path):
    def nothing():
        raise RenderError(f"render: no layout program found; {render.HINT}")

    monkeypatch.setattr(render, "program", nothing)
    drawing = draw(lesson())
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    tree, hint = bundle["text/plain"].rsplit("\n", 1)
    assert "graphviz-pure" in hint
    assert tree == drawing.text
    with pytest.raises(RenderError, match="pip install"):
        drawing.save(tmp_path / "a.svg")


@pytest.mark.skipif(sys.platform == "win32", reason="stands in for dot by a shell script without an extension, which Windows cannot execute")
def test_which_program_is_taken(monkeypatch, tmp_path):
    def script(name, body):
        file = tmp_path / name
        file.write_text(f"#!/bin/sh\n{body}\n")
        file.chmod(file.stat().st_mode | stat.S_IXUSR)
        return str(file)

    monkeypatch.setenv("PATH", str(tmp_path))
    pure = script("graphviz-pure", "echo pure")
    assert render.program() == pure
    dot = script("dot", "echo system")
    assert render.program() == dot
    assert render.render("digraph {}") == b"system\n"
    script("dot", "echo broken >&2; exit 3")
    with pytest.raises(RenderError, match="broken"):
        render.render("digraph {}")


def test_without_the_package_graphviz():
    code = (
        "import sys; sys.modules['graphviz'] = None\n"
        "import autograd_lite as ag\n"
        "d = ag.draw(ag.Value(1.0) * 2)\n"
        "assert 'autograd_lite[draw]' in d._repr_mimebundle_()['text/plain']\n"
        "assert 'v1·2' in d._repr_mimebundle_()['text/plain']\n"
        "assert d.mermaid and d.text\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wrong_arguments():
    x = Value(1.0, label="x")
    with pytest.raises(TypeError, match=r"draw: roots must be a Value or a list of them, not float 1\.0"):
        draw(1.0)
    with pytest.raises(TypeError, match=r"not str 'a'"):
        draw([x, "a"])
    with pytest.raises(ValueError, match="empty"):
        draw([])
    for option, wrong in (("rankdir", "up"), ("precision", 0), ("precision", None), ("depth", 4),
                          ("depth", -1), ("depth", True), ("radius", 2), ("fold", "yes")):  # fmt: skip
        with pytest.raises(ValueError, match=option):
            draw(x * 2, **{option: wrong})
    with pytest.raises(TypeError, match="focus"):
        draw(x * 2, focus=1.0)
    with pytest.raises(TypeError, match="path"):
        draw(x * 2, path=(x, "y"))
    with pytest.raises(ValueError, match="path"):
        draw(x * 2, path=(x,))


def test_a_page_uses_the_names_that_are_in_its_picture():
    a, b = Value(2.0), Value(3.0, label="b")
    y = (a * b).sin() + 1
    made = str(draw(y).page())
    found = re.findall(r"<text[^>]*>([^<]*)</text>", made)
    for name in ("v1", "b", "v2 = v1·b", "v3 = sin(v2)", "y = v3 + 1", "1"):
        assert name in found, found
    assert "grad v2 += grad v3 · ∂v3/∂v2" in made


def test_gradients_of_another_result_are_shown_as_zeros():
    r, s = Value(-1.0, label="r"), Value(2.0, label="s")
    p = r * s
    (p.relu() * 3 + s).backward()
    assert "grad –" not in draw(p).source
    assert "grad 1" in draw(p).source


def test_modules_get_their_own_names():
    class Two(ag.Module):
        def __init__(self):
            self.first, self.last = ag.Layer(2, 2), ag.Neuron(2)

    two = Two()
    source = draw(two.last(two.first([Value(1.0), Value(2.0)])), names={"two": two}).source
    assert "two.first: MLP 2-2" in source
    assert "two.last: MLP 2-1" in source


def test_a_folded_box_keeps_the_sign_where_there_is_one():
    xs = [Value(1.0) for _ in range(400)]
    s = -ag.sum(xs)
    s.backward()
    assert re.search(r"×400 +1 +−1$", draw(s).text, re.M)
