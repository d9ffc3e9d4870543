"""The picture: nodes, edges, labels, and what happens without a layout program."""

from __future__ import annotations

import re
import stat
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import RenderError, Value, draw, order, render
from autograd_lite.cli.lecture import cost, two_two_one

SVG = "{http://www.w3.org/2000/svg}"


def svg_texts(source: str) -> list[str]:
    root = ET.fromstring(ag.draw.__globals__["render"](source))
    return ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]


def picture():
    c = cost(two_two_one(), 0)
    c.backward()
    return c, draw(c)


def test_every_node_shows_label_data_gradient_and_operation():
    c, drawing = picture()
    texts = svg_texts(drawing.source)
    for text in ("w¹₂,₁", "0.7", "grad 0.001914631", "σ¹₂ = σ(z¹₂)", "z²₁ = Σ wx + b", "grad 1"):
        assert text in texts
    assert "C₁ = (σ²₁ - y)²" in texts
    assert drawing.source.count("->") == len(list(ag.edges(order(c)))) == 21


def test_edges_show_the_local_derivative():
    _, drawing = picture()
    labels = re.findall(r'-> n\d+ \[label=" ([^"]*) "\]', drawing.source)
    assert "0.1476132" in labels
    assert "0.004053572" in labels


def test_gradients_are_dashes_before_backward():
    x = Value(2.0, label="x")
    source = draw(x * x).source
    assert source.count("grad –") == 2
    assert draw(x + x).source.count("->") == 2


def test_the_picture_is_deterministic_and_needs_no_gradient():
    c = cost(two_two_one(), 0)
    assert draw(c).source == draw(cost(two_two_one(), 0)).source


@given(st.text(st.characters(), max_size=200))
@settings(max_examples=30)
def test_any_label_is_drawn(label):
    x = Value(1.0, label=label)
    assert ET.fromstring(render.render(draw(x * 2).source)) is not None


@pytest.mark.parametrize(
    "label", ['"', "\\", "{a|b}", "<b>", "\\n", "a\nb", "🙂", "é" * 10_000, "%s"]
)
def test_awkward_labels(label):
    drawing = draw(Value(1.0, label=label) * 2)
    texts = "\n".join(svg_texts(drawing.source))
    if label in ('"', "\\", "{a|b}", "<b>", "\\n", "🙂", "%s"):
        assert label in texts


def test_what_xml_cannot_hold_is_replaced():
    assert "�x" in "\n".join(svg_texts(draw(Value(1.0, label="\x1fx\ud800") * 2).source))


def test_repeated_labels_are_told_apart():
    a, b = Value(1.0, label="z"), Value(2.0, label="z")
    texts = svg_texts(draw(a.sin() + b.sin()).source)
    assert {"z", "z(2)", "sin(z)", "sin(z(2))"} <= set(texts)


def test_save_by_suffix(tmp_path):
    _, drawing = picture()
    drawing.save(tmp_path / "a.svg")
    drawing.save(str(tmp_path / "a.png"))
    drawing.save(tmp_path / "a.dot")
    assert (tmp_path / "a.svg").read_bytes().startswith(b"<?xml")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "a.dot").read_text(encoding="utf-8").startswith("digraph")
    with pytest.raises(ValueError, match=r"\.svg or \.png"):
        drawing.save(tmp_path / "a.bmp")


def test_depth_shows_a_part_and_too_many_nodes_are_refused():
    y = Value(1.0)
    for _ in range(2000):
        y = y * 1.001
    with pytest.raises(ValueError, match="depth="):
        draw(y)
    assert len(draw(y, depth=3).nodes) == 4
    assert draw(y, depth=3).source.count("->") == 4
    assert "…" in draw(y, depth=3).source
    x = Value(1.0, label="x")
    assert [v.label for v in draw(x + x.sin(), depth=1).nodes] == ["x", "", ""]
    for wrong in (-1, 2.5, "a", True):
        with pytest.raises(ValueError, match="depth"):
            draw(x * 2, depth=wrong)


def test_captions_say_what_was_computed():
    x = Value(2.0, label="x")
    texts = [t for power in (2, 3, 20, 2.5, 3.7) for t in svg_texts(draw(x**power).source)]
    assert {"x²", "x³", "x**20", "x**2.5", "x**3.7"} <= set(texts)
    assert "Σ wx" in svg_texts(draw(ag.dot([x], [3.0])).source)
    assert "Σ wx + b" in svg_texts(draw(ag.dot([x], [3.0], 1.0)).source)
    assert "&amp;" in svg_texts(draw(Value(1.0, label="&amp;") * 2).source)


def test_without_a_layout_program(monkeypatch, tmp_path):
    def nothing():
        raise RenderError(f"render: no layout program found; {render.HINT}")

    monkeypatch.setattr(render, "program", nothing)
    _, drawing = picture()
    bundle = drawing._repr_mimebundle_()
    assert set(bundle) == {"text/plain"}
    assert "graphviz-pure" in bundle["text/plain"]
    assert "w¹₂,₁" in bundle["text/plain"]
    with pytest.raises(RenderError, match="pip install"):
        drawing.save(tmp_path / "a.svg")


@pytest.mark.skipif(sys.platform == "win32", reason="fake programs are #! scripts, which Windows does not run")
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
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_wrong_arguments():
    with pytest.raises(TypeError, match=r"draw: value must be a Value, not float 1\.0"):
        draw(1.0)
    with pytest.raises(ValueError, match="rankdir"):
        draw(Value(1.0), rankdir="up")
