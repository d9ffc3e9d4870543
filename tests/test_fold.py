"""What a picture shows: neurons, layers and modules, folding, a part, a path, the tree of text."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import MLP, Value, draw, edges, order
from autograd_lite.cli.lecture import cost, two_two_one
from autograd_lite.draw.parts import LAYER, MODULE, parts
from autograd_lite.render import render


def batch(rows, sizes=(16, 16, 1)):
    net = MLP(2, list(sizes), activation="tanh", seed=1)
    xs = [[Value(0.1 * k, label=f"x_{{1,{k}}}"), Value(1.0 - k, label=f"x_{{2,{k}}}")] for k in range(rows)]
    c = ag.mse([net(x) for x in xs], [1.0] * rows)
    c.backward()
    return net, c


def heads(drawing):
    """The first line of each box."""
    root = ET.fromstring(render(drawing.source))
    svg = "{http://www.w3.org/2000/svg}"
    groups = (g for g in root.iter(f"{svg}g") if g.get("class") == "node")
    return [next("".join(t.itertext()) for t in g.iter(f"{svg}text")) for g in groups]


def clusters(drawing):
    return re.findall(r'cluster_\w+ \{\n\t+color=.*? label="?(.*?)"? label', drawing.source)


def counts(drawing):
    """×n of all boxes and arrows, and boxes and arrows without it."""
    view = drawing._view
    return sum(len(b.members) for b in view.boxes), sum(a.count for a in view.arrows)


@pytest.mark.parametrize("rows", [1, 10])
def test_each_depth_of_a_net(rows):
    _, c = batch(rows)
    again = f" ×{rows}" if rows > 1 else ""
    modules, layers, neurons = (heads(draw(c, depth=depth)) for depth in range(3))
    assert modules.count(f"MLP 2-16-16-1{again}") == 1
    names = ["layer 1 (hidden)", "layer 2 (hidden)", "layer 3 (output)"]
    assert sorted(h for h in layers if h.startswith("layer")) == [name + again for name in names]
    assert sorted(h for h in neurons if "neuron" in h) == sorted(
        f"neuron {j}{again}" for size in (16, 16, 1) for j in range(1, size + 1)
    )
    assert clusters(draw(c, depth=2)) == ["MLP 2-16-16-1", *names]
    assert clusters(draw(c, depth=0)) == []


def test_every_node_is_in_one_box_and_every_edge_in_one_arrow_or_inside_a_part():
    _, c = batch(3)
    nodes = order(c)
    for depth in (3, None):
        assert counts(draw(c, depth=3, fold=depth is None)) == (len(nodes), len([*edges(nodes)]))
    owner = parts(nodes)
    for depth in range(3):
        outside = [e for e in edges(nodes) if owner.get(e.source) is None or owner.get(e.target) is None
                   or owner[e.source].at(depth) is not owner[e.target].at(depth)]  # fmt: skip
        assert counts(draw(c, depth=depth)) == (len(nodes), len(outside))


def test_the_arrows_between_layers_are_the_weights():
    _, c = batch(1)
    assert [a.text for a in draw(c, depth=1)._view.arrows if a.count > 1] == ["×32", "×256", "×16"]
    texts = [a.text for a in draw(c, depth=2)._view.arrows]
    weights = {w for layer in _weights(c) for w in layer}
    assert sum(text in weights for text in texts) >= 256 + 16


def _weights(c):
    for v in order(c):
        if v.label.startswith("w"):
            yield [f"{v.data:.4g}".replace("-", "−")]


def test_the_default_is_the_finest_that_is_small_enough():
    assert not draw(cost(two_two_one(), 0))._view.folded
    _, c = batch(1)
    found = heads(draw(c))
    assert "neuron 16" in found
    assert len(found) < 50
    _, c = batch(100)
    found = heads(draw(c))
    assert "− ×100" in found
    assert "…² ×100" in found
    assert "neuron 16 ×100" in found
    deep = MLP(2, [200, 200, 1], seed=0)([1.0, 2.0])
    assert "layer 1 (hidden)" in heads(draw(deep))


def test_fold_draws_equal_parts_once():
    _, c = batch(1)
    assert "neuron 1" in heads(draw(c, depth=2))
    found = heads(draw(c, depth=2, fold=True))
    assert found.count("neuron ×16") == 2
    nodes = heads(draw(c, fold=True))
    for head in ("w ×32", "w ×256", "w ×16", "z = Σ wx + b ×16", "σ = tanh ×16"):
        assert head in nodes
    assert len(draw(c, fold=False).nodes) == draw(c, fold=False).source.count("shape=") == len(order(c))


def test_a_loop_is_one_box():
    x = Value(1.0, label="x")
    y = x
    for _ in range(2000):
        y = y * 1.001
    drawing = draw(y)
    assert "· ×1999" in heads(drawing)
    (loop,) = (a for a in drawing._view.arrows if a.source is a.target)
    assert loop.count == 1998
    for _ in range(4000):
        y = y * 1.001
    with pytest.raises(ValueError, match=r"6001 boxes are too many.*fold=True.*depth=.*focus=.*radius="):
        draw(y, fold=False)


def test_a_million_nodes():
    y = x = Value(1.0, label="x")
    for _ in range(1_000_000):
        y = y * 1.0000001
    y.backward()
    assert "· ×999999" in draw(y).text
    assert len(draw(y, focus=x, radius=2).nodes) == 3
    with pytest.raises(ValueError, match="1000001 boxes are too many"):
        draw(y, fold=False)


def test_summary_of_a_folded_box():
    xs = [Value(float(k), label=f"x_{k}") for k in range(400)]
    y = ag.sum([x * (x - 200.0) for x in xs])
    y.backward()
    box = next(b for b in draw(y)._view.boxes if b.name.startswith("x"))
    assert box.lines == ["x ×400", "0 … 399", "max |grad| 598"]
    assert (box.low, box.high) == (-200.0, 598.0)
    assert "#1f2933" in draw(y).source  # both signs
    assert draw(y).source.count("both signs") == 1


def test_two_nets_with_the_same_labels_stay_two():
    x = [Value(1.0, label="x_1"), Value(2.0, label="x_2")]
    a, b = MLP(2, [3, 1], seed=0), MLP(2, [3, 1], seed=1)
    owner = parts(order(a(x) - b(x)))
    assert len({p.at(MODULE) for p in owner.values()}) == 2
    assert {owner[w].at(MODULE).caption for w in a.parameters()} == {"MLP 2-3-1"}
    assert not {owner[p].at(LAYER) for p in a.parameters()} & {owner[p].at(LAYER) for p in b.parameters()}
    one, two = MLP(2, [2], seed=0), MLP(2, [2], seed=1)  # no layer behind tells them apart
    found = parts(order(*[p - q for p, q in zip(one(x), two(x))]))
    assert len({found[p].at(MODULE) for p in one.parameters()}) == 1
    assert len({p.at(MODULE) for p in found.values()}) == 2
    assert heads(draw([a(x), b(x)], depth=0)).count("MLP 2-3-1") == 2
    assert draw(a(x) - b(x), names={"old": a, "new": b}, depth=0).text.count("old: MLP 2-3-1") == 1


def test_an_encoder_and_a_decoder_are_two_modules():
    x = [Value(1.0, label="x_1"), Value(2.0, label="x_2")]
    encoder, decoder = MLP(2, [3, 2], seed=0), MLP(2, [3, 2], seed=1)
    y = ag.sum(decoder(encoder(x)))
    assert {p.at(MODULE).caption for p in parts(order(y)).values()} == {"MLP 2-3-2"}
    assert heads(draw(y, depth=0)).count("MLP 2-3-2") == 2


def test_an_activation_of_several_nodes_belongs_to_its_neuron():
    net = MLP(2, [2, 1], activation=lambda z: z * z.sigmoid(), seed=0)
    y = net([1.0, 2.0])
    owner = parts(order(y))
    assert all(v in owner for v in order(y))
    assert sorted(heads(draw(y, depth=2))) == ["neuron 1", "neuron 1", "neuron 2"]
    assert "f(Σ wx + b)" in draw(y, depth=2).source


def test_a_dot_that_only_looks_like_a_neuron():
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    assert not parts(order(ag.dot([w], [x], label="z^1_1")))
    assert not parts(order(ag.dot([w * 2], [x], label="z^1_1")))
    assert not parts(order(ag.dot([2.0], [x], label="z^1_1")))


def test_focus_shows_a_part_with_dots_where_it_is_cut():
    c = cost(two_two_one(), 0)
    z = next(v for v in order(c) if v.label == "z^1_2")
    drawing = draw(c, focus=z, radius=1)
    labels = {v.label for v in drawing.nodes}
    assert labels == {"w^1_{2,1}", "w^1_{2,2}", "b^1_2", "x_1", "x_2", "z^1_2", "\\sigma^1_2"}
    cut = {a.source.key if a.target.kind == "cut" else a.target.key
           for a in drawing._view.arrows if "cut" in (a.source.kind, a.target.kind)}  # fmt: skip
    at = {v.label: f"n{i}" for i, v in enumerate(drawing.nodes)}
    assert cut == {at["x_1"], at["x_2"], at["\\sigma^1_2"]}
    assert "…" in drawing.source
    assert draw(c, focus=c, radius=0).nodes == [c]
    assert len(draw(c, focus=c).nodes) == 4  # two steps
    with pytest.raises(ValueError, match="not in the graph"):
        draw(c, focus=Value(1.0))


def test_path_keeps_its_colours_and_the_rest_is_grey():
    c = cost(two_two_one(), 0)
    c.backward()
    w = next(v for v in order(c) if v.label == "w^1_{2,1}")
    view = draw(c, path=(w, c))._view
    bright = [view.nodes[b.members[0]].label for b in view.boxes if b.bright]
    assert bright == ["w^1_{2,1}", "z^1_2", "\\sigma^1_2", "z^2_1", "\\sigma^2_1", "", "C_1"]
    assert sum(a.bright for a in view.arrows) == 6
    assert draw(c, path=(w, c)).source.count("#d5dadf") == 13 + 15
    with pytest.raises(ValueError, match="nothing leads from"):
        draw(c, path=(c, w))
    with pytest.raises(ValueError, match="not in the picture"):
        draw(c, path=(w, Value(1.0)))
    assert any(b.bright for b in draw(c, path=(w, c), depth=1)._view.boxes)


def test_the_tree():
    c = cost(two_two_one(), 0)
    c.backward()
    lines = draw(c).text.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].split() == ["data", "grad"]
    assert lines[1].startswith("C₁ = v1²")
    assert sum("(above)" in line for line in lines) == 2
    assert len(lines) == 1 + len(order(c)) + 2


@given(st.data())
@settings(max_examples=40)
def test_every_node_is_in_the_tree_once(data):
    nodes = [Value(1.0), Value(2.0)]
    for _ in range(data.draw(st.integers(1, 60))):
        i, j = (data.draw(st.integers(0, len(nodes) - 1)) for _ in range(2))
        nodes.append(nodes[-1 - i % 3] * nodes[j])
    nodes = order(nodes[-1])
    lines = draw(nodes[-1]).text.splitlines()[1:]
    named = [re.search(r"v\d+|y", line)[0] for line in lines if not line.endswith("(above)")]
    assert sorted(named) == sorted(["y", *(f"v{i}" for i in range(1, len(nodes)))])
    assert max(map(len, lines)) <= 80


def test_a_long_tree_is_cut_in_the_middle_and_a_chain_is_not_indented():
    y = x = Value(1.0, label="x")
    for _ in range(1000):
        y = y * 1.001 + x
    lines = draw(y, fold=False).text.splitlines()
    assert len(lines) == 302
    assert any("lines are left out; focus=value" in line for line in lines)
    assert max(map(len, lines)) <= 80
    assert "          " not in lines[3].split(" = ")[0]


def test_mermaid_has_the_same_boxes_and_arrows():
    c = cost(two_two_one(), 0)
    c.backward()
    text = draw(c).mermaid
    assert text.count("-->") == 21
    assert text.count("subgraph") == text.count("\nend") == 6
    assert set(re.findall(r"^(n\d+)[\[({]", text, re.M)) == {f"n{i}" for i in range(20)}
    assert text.count("linkStyle") == 21
