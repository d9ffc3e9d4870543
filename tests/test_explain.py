"""The derivation: the notes' factors, sums of products against a sweep, valid LaTeX, no traces left."""

from __future__ import annotations

import math
import re
import warnings

import katex
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support import ALL_ROWS, gradient

import autograd_lite as ag
from autograd_lite import Value, explain, order
from autograd_lite.cli.lecture import cost, two_two_one
from autograd_lite.functions import function
from autograd_lite.ops import CUSTOM


def example():
    net = two_two_one()
    c = cost(net, 0)
    c.backward()
    return c, {p.label: p for p in net.parameters()}


def one_one_one(labelled=True):
    """C = sum over two observations of (ŷ - y)², ŷ = g(θ2 g(θ1 x)), with each step labelled or none."""
    t1, t2, terms = Value(0.8, label=r"\theta_1"), Value(-1.2, label=r"\theta_2"), []

    def named(v, label):
        v.label = label if labelled else ""
        return v

    for x, y in ((1.0, 0.2), (2.0, 0.7)):
        hidden = named(ag.sigmoid(named(t1 * x, "z_1")), "a_1")
        terms.append((named(ag.sigmoid(named(t2 * hidden, "z_2")), r"\hat{y}") - y) ** 2)
    return named(ag.sum(terms), "C"), t1, t2


def sigma(z):
    return 1 / (1 + math.exp(-z))


def numbers_replaced(text):
    """The text with each long number as #, and those numbers."""
    number = re.compile(r"−?\d+\.\d{8,}")
    found = [float(n.replace("−", "-")) for n in number.findall(text)]
    return re.sub(r"\s+", " ", number.sub("#", text)), found


def test_a_hidden_weight_as_in_section_3_2_of_the_note():
    c, p = example()
    derivation = explain(c, wrt=p["w^1_{2,1}"])
    text, numbers = numbers_replaced(str(derivation))
    assert text.startswith(
        "∂C₁/∂w¹₂,₁ = ∂C₁/∂σ²₁ · ∂σ²₁/∂z²₁ · ∂z²₁/∂σ¹₂ · ∂σ¹₂/∂z¹₂ · ∂z¹₂/∂w¹₂,₁ "
        "∂C₁/∂σ²₁ = 2(σ²₁ − y₁) = 2(# − 0.5) = # "
        "∂σ²₁/∂z²₁ = σ(z²₁)(1 − σ(z²₁)) = #(1 − #) = # "
        "∂z²₁/∂σ¹₂ = w²₁,₂ = 0.5 "
        "∂σ¹₂/∂z¹₂ = σ(z¹₂)(1 − σ(z¹₂)) = #(1 − #) = # "
        "∂z¹₂/∂w¹₂,₁ = x₁ = 10 "
        "∂C₁/∂w¹₂,₁ = 2(σ²₁ − y₁) · σ(z²₁)(1 − σ(z²₁)) · w²₁,₂ · σ(z¹₂)(1 − σ(z¹₂)) · x₁ "
        "= # · # · 0.5 · # · 10 = # "
        "Check: a separate backward sweep gives the same number. "
        "Shared, so backward() computes them once: "
        "∂C₁/∂z²₁ = ∂C₁/∂σ²₁ · ∂σ²₁/∂z²₁ = # is also in ∂C₁/∂w²₁,₁, ∂C₁/∂w²₁,₂, ∂C₁/∂b²₁ "
    )
    hidden, y = sigma(5.5), sigma(0.1 * sigma(-1.5) + 0.5 * sigma(5.5) + 1)
    first, second, third = 2 * (y - 0.5), y * (1 - y), hidden * (1 - hidden)
    exact = first * second * 0.5 * third * 10
    expected = [y, first, y, y, second, hidden, hidden, third, first, second, third, exact, first * second]
    assert numbers[: len(expected)] == pytest.approx(expected, rel=1e-13)
    assert derivation.values[p["w^1_{2,1}"]] == pytest.approx(exact, rel=1e-13)


def test_the_output_bias_as_in_section_3_1_of_the_note():
    c, p = example()
    derivation = explain(c, wrt=p["b^2_1"], precision=7)
    assert str(derivation).startswith(
        "∂C₁/∂b²₁ = ∂C₁/∂σ²₁ · ∂σ²₁/∂z²₁ · ∂z²₁/∂b²₁\n\n"
        "∂C₁/∂σ²₁ = 2(σ²₁ − y₁) = 2(0.8199793 − 0.5) = 0.6399587\n"
        "∂σ²₁/∂z²₁ = σ(z²₁)(1 − σ(z²₁)) = 0.8199793(1 − 0.8199793) = 0.1476132\n"
        "∂z²₁/∂b²₁ = 1\n\n"
        "∂C₁/∂b²₁ = 2(σ²₁ − y₁) · σ(z²₁)(1 − σ(z²₁)) · 1\n"
        "         = 0.6399587 · 0.1476132 · 1\n"
        "         = 0.09446636\n"
    )
    y = sigma(0.1 * sigma(-1.5) + 0.5 * sigma(5.5) + 1)
    assert derivation.values[p["b^2_1"]] == pytest.approx(2 * (y - 0.5) * y * (1 - y), rel=1e-14)


def test_the_first_notes_point_factors_shared_by_both_derivatives():
    c, t1, t2 = one_one_one()
    c.backward()
    text, numbers = numbers_replaced(str(explain(c, wrt=t1)))
    assert "∂C/∂z₂ = ∂C/∂ŷ · ∂ŷ/∂z₂ = # is also in ∂C/∂θ₂" in text
    assert "∂C/∂z₂⁽²⁾ = ∂C/∂ŷ⁽²⁾ · ∂ŷ⁽²⁾/∂z₂⁽²⁾ = # is also in ∂C/∂θ₂" in text
    ys = [sigma(-1.2 * sigma(0.8 * x)) for x in (1.0, 2.0)]
    shared = [2 * (y - target) * y * (1 - y) for y, target in zip(ys, (0.2, 0.7))]
    assert numbers[-2:] == pytest.approx(shared, rel=1e-13)
    assert "C depends on θ₁ along 2 paths" in text
    both = re.sub(r"\s+", " ", str(explain(c, wrt=[t1, t2], precision=6)))
    assert "∂C/∂θ₂ = ∂C/∂z₂⁽²⁾ · a₁⁽²⁾ + ∂C/∂z₂ · a₁" in both
    assert "0.0440471 used 2 times below" in both
    assert "12 factors. Written out along each of the 4 paths, there would be 16." in both


def test_without_labels_long_formulas_get_names_that_are_defined():
    c, t1, _ = one_one_one(labelled=False)
    derivation = explain(c, wrt=t1, precision=6)
    text = str(derivation)
    for name in set(re.findall(r"∂(v\d+)/", text)):
        assert re.search(rf"^{name} = \S", text, re.M), name
    assert max(map(len, text.splitlines())) <= 80
    labelled, u1, _ = one_one_one()
    assert derivation.values[t1] == pytest.approx(explain(labelled, wrt=u1).values[u1], rel=1e-14)


def test_nothing_superfluous_is_written():
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    first = {
        "3": 3 * x + y,
        "2x": x**2,
        "1": 1 * x + 0 + y,
        "y": x * y + 1,
        "−1": y - x,
        "−sin(x)": ag.cos(x),
        "exp(x)": ag.exp(x),
        "1/y": x / y,
        "−y/x²": y / x,
        "1/(2√x)": ag.sqrt(x),
        "1 if x > 0 else 0": ag.relu(x),
        "2(x − y)": (x - y) ** 2,
        "3·2(x − y)": 3 * (x - y) ** 2,
        "cos(x·y)·y": ag.sin(x * y),
    }
    for formula, v in first.items():
        line = next(li for li in str(explain(v, wrt=x)).splitlines() if li.startswith("∂"))
        assert f"= {formula} =" in f"{line} =", (formula, line)


def test_plain_inputs_of_a_layer_are_named_by_their_place():
    net = ag.MLP(2, [2, 1], activation="tanh", seed=1)
    out = net([0.5, -2.0])
    w = net.layers[0].neurons[1].w[1]
    assert "∂z¹₂/∂w¹₂,₂ = x₂ = −2" in str(explain(out, wrt=w))
    xs = [Value(0.5), Value(-2.0)]
    assert "∂z¹₂/∂w¹₂,₂ = x₂ = −2" in str(explain(net(xs), wrt=w))
    both = net([0.5, -2.0]) + net([1.5, 3.0])
    text = str(explain(both, wrt=w))
    assert "∂z¹₂/∂w¹₂,₂ = x₂ = −2" in text
    assert "∂z¹₂⁽²⁾/∂w¹₂,₂ = x₂⁽²⁾ = 3" in text


def test_more_than_twenty_paths_become_back_propagation():
    net = ag.MLP(1, [5, 5, 1], activation="tanh", seed=3)
    out = net([Value(0.3, label="x")])
    x = next(v for v in order(out) if v.label == "x")
    text = str(explain(out, wrt=x, precision=5))
    assert "along 25 paths, too many to write out" in text
    assert "∂z³₁/∂z²₁ = ∂z³₁/∂σ²₁ · (1 − tanh(z²₁)²)" in text.replace("∂y/", "∂z³₁/")
    assert "of the 25 paths, there would be 125." in re.sub(r"\s+", " ", text)
    assert explain(out, wrt=x).values[x] == pytest.approx(
        gradient(out, [x])[0].data, rel=1e-13
    )


def test_grad_is_compared_and_passes_that_were_added_up_are_noticed():
    c, p = example()
    b = p["b^2_1"]
    assert ".grad" not in str(explain(c, wrt=b))
    c.backward()
    assert re.search(r"b²₁: \.grad is 0\.18\d+, 2 times that: passes were added up", str(explain(c, wrt=b)))
    c.zero_grad()
    assert "b²₁: .grad is 0: no backward() has reached it" in str(explain(c, wrt=b))
    b.grad = 0.1
    assert "b²₁: .grad is 0.1, another number" in str(explain(c, wrt=b))
    for q in p.values():
        q.grad = 0.0
    c.backward()
    c.backward()
    assert re.search(r"and \d+ more: .grad is 2 times that", re.sub(r"\s+", " ", str(explain(c))))
    x = Value(0.0, label="x")
    assert ".grad is 0: no backward()" in str(explain(ag.sqrt(x), wrt=x))  # where the slope is inf


def test_numbers_changed_after_the_recording_are_noticed():
    c, p = example()
    derivation = explain(c, wrt=p["b^2_1"])
    before = str(derivation)
    ag.SGD(list(p.values()), lr=0.1).step()
    assert str(derivation) == before  # a derivation is that of its moment
    text = re.sub(r"\s+", " ", str(explain(c, wrt=p["b^2_1"])))
    assert "Note: by the present numbers" in text
    assert "z²₁ would be different: data was changed after the graph was recorded" in text
    assert "Note:" not in str(explain(cost(two_two_one(), 0), wrt=c))
    unlabelled = Value(2.0)
    y = unlabelled * unlabelled
    unlabelled.data = 3.0
    assert "Note: by the present numbers y would be different" in str(explain(y, wrt=unlabelled))


def test_a_direct_derivative_is_told_from_the_total_one():
    w, x = Value(2.0, label="w"), Value(3.0, label="x")
    z = w * x
    z.label = "z"
    c = z * w + w
    c.label = "C"
    text = str(explain(c, wrt=w))
    assert "∂C/∂w = ∂C/∂z · ∂z/∂w + ∂C/∂w|z" in text
    assert "(∂C/∂w|z is the derivative with z held fixed.)" in text
    assert "∂C/∂w|z = 1 + z = 1 + 6 = 7" in text
    assert text.count("\n∂C/∂w = ") == 2 - text.startswith("∂C/∂w = ")
    assert "|" not in str(explain(c, wrt=x))


def test_every_name_is_defined():
    zs = [Value(0.1, label="z_1"), Value(0.2, label="z_2")]
    z, w = Value(1.0, label="z"), Value(2.0, label="w")
    u = Value(1.0, label="u")
    for _ in range(40):
        u = u * 1.5 + w
    unlabelled = Value(0.5)
    cases = [(ag.cross_entropy(zs, 0), zs[0]), (z * u, z), (z * u, w), (ag.tanh(unlabelled * z), unlabelled),
             (ag.cross_entropy(ag.MLP(2, [9, 9], seed=1)([1, 2]), 0), None)]  # fmt: skip
    for root, wrt in cases:
        text = str(explain(root, wrt=wrt, precision=5))
        for name in set(re.findall(r"\b(v\d+|y)\b", text)):
            assert re.search(rf"^{name} = \S", text, re.M), (name, text)


def test_where_the_written_formula_gives_another_number_that_is_said():
    w, x = Value(2.0, label="w"), Value(0.0, label="x")
    for y, note in [
        (ag.maximum(w, 2), "one half each at a tie"),
        (ag.hypot(x, 0.0), "slopes 0 at (0, 0)"),
        (ag.log(w - 4), "outside the domain of log the derivative is nan"),
        (ag.tanh(w * 10), "keeps its digits"),
        (ag.clip(w, 3, 1), "where low > high the result is high"),
    ]:
        wrt = x if any(v is x for v in order(y)) else w
        text = re.sub(r"\s+", " ", str(explain(y, wrt=wrt)))
        assert note in text or ("clip" in text and "= 0" in text), text
    for y in (ag.tanh(w), ag.sigmoid(w * 3), ag.maximum(w, 1), w**3 / 7):
        assert "Note:" not in str(explain(y, wrt=w))


def test_ends_and_no_path():
    x, y = Value(2.0, label="x"), Value(3.0, label="y")
    assert str(explain(x, wrt=x)).startswith("∂x/∂x = 1\n")
    assert str(explain(x * 2, wrt=y)).startswith("∂f/∂y = 0\n")
    assert "f does not depend on y." in str(explain(x * 2, wrt=[x, y]))
    assert explain(x * 2, wrt=[x, y]).values == {x: 2.0, y: 0.0}
    z = x * y
    assert explain(ag.exp(z), wrt=z).values[z] == math.exp(6.0)
    assert explain(Value(1.0) + Value(2.0)).values
    assert "Back propagation" in str(explain(x * y))
    assert "Back propagation" not in str(explain(x * x))  # one leaf
    with ag.no_grad():
        alone = x * y
    assert "has no recorded inputs: it is a leaf, or was computed under no_grad()" in re.sub(
        r"\s+", " ", str(explain(alone, wrt=x)))  # fmt: skip
    assert explain(x * y, wrt=[x, x]).values == {x: 3.0}
    assert repr(explain(x * x, wrt=x)) == str(explain(x * x, wrt=x))


def test_an_adjoint_of_zero_stays_zero():
    x = Value(0.0, label="x")
    root = ag.sqrt(x)
    root.label = "r"
    y = root * 0.0
    assert explain(y, wrt=x).values[x] == 0.0
    assert "Check: a separate backward sweep gives the same number." in str(explain(y, wrt=x))


def test_a_users_operation_that_cannot_be_written_gets_a_name_for_its_derivative():
    odd = ag.operation("odd", lambda m, a: a, lambda m, y, a: ("1",) if not isinstance(a, float) else (1.0,))
    f = ag.operation("lift", lambda m, a, b: m.where(a > b, a, b),
                     lambda m, y, a, b: (1.0, 0.0) if float(getattr(a, "data", a)) > b else (0.0, 1.0))  # fmt: skip
    try:
        x = Value(2.0, label="x")
        text = str(explain(f(x, 1.0), wrt=x))
        assert "∂₁lift(x, 1)" in text
        assert "∂₁lift(2, 1) = 1" in text
        assert r"\partial_{1} \operatorname{lift}" in explain(f(x, 1.0), wrt=x).latex()
    finally:
        CUSTOM.pop("lift")
        assert "odd′(x)" in str(explain(odd(x), wrt=x))
        CUSTOM.pop("odd")


def test_wrong_use_is_explained():
    x = Value(1.0, label="x")
    with pytest.raises(TypeError, match=r"explain: root must be a Value, not float 1\.0"):
        explain(1.0)
    with pytest.raises(TypeError, match="wrt must be a Value or several, not int 3"):
        explain(x * 2, wrt=[x, 3])
    with pytest.raises(TypeError, match=r"explain: wrt must be a Value or several, not float 3\.0"):
        explain(x * 2, wrt=3.0)
    with pytest.raises(ValueError, match="wrt is empty"):
        explain(x * 2, wrt=[])
    with pytest.raises(ValueError, match="precision"):
        explain(x * 2, precision=0)


def test_wide_sums_are_not_refused():
    w = Value(2.0, label="w")
    others = [Value(1.0, label=f"a{i}") for i in range(6000)]
    text = str(explain(ag.dot([w, *others], [1.0] * 6001) ** 2, wrt=w))
    assert len(text) < 2000


def test_a_large_graph_is_refused_with_advice_or_explained_in_part():
    x = v = Value(1.0, label="x")
    for _ in range(100_000):
        v = v * 1.0000001
    with pytest.raises(ValueError, match="100001 nodes lie between"):
        explain(v, wrt=x)
    near = v.args[0].args[0]
    assert explain(v, wrt=near).values[near] == pytest.approx(1.0000001**2, rel=1e-15)


# Drawn graphs

rows = [r for r in ALL_ROWS if r.arity in (1, 2) and r.name not in ("where", "binary_cross_entropy")]
labels = st.sampled_from(["", "", "z", "a_1", r"\hat{y}", "w^1_{2,1}", "50% {x}_&", "🙂"])


@st.composite
def graphs(draw):
    """Values made from three leaves by rows drawn from the table, labelled at random."""
    nodes = [Value(draw(st.floats(-3, 3)), label=name) for name in ("x", "y", "")]
    for _ in range(draw(st.integers(1, 14))):
        kind = draw(st.sampled_from(["row", "row", "row", "dot", "sum"]))
        picked = [nodes[-1 - draw(st.integers(0, min(5, len(nodes) - 1)))] for _ in range(4)]
        if kind == "row":
            row = draw(st.sampled_from(rows))
            v = function(row)(*picked[: row.arity])
        elif kind == "dot":
            v = ag.dot(picked[:2], [picked[2], 0.5], bias=picked[3])
        else:
            v = ag.sum(picked)
        v.label = draw(labels)
        nodes.append(v)
    return nodes


@given(nodes=graphs())
@settings(max_examples=300)
def test_the_sum_of_products_equals_a_sweep_and_nothing_is_changed(nodes):
    root = nodes[-1]
    before = [(v.data, v.grad, v.label, v.partials) for v in nodes]
    reached = order(root)
    wrt = nodes[0] if any(v is nodes[0] for v in reached) else reached[0]
    exact = ag.adjoints(root)
    assume(math.isfinite(exact[wrt]) and math.isfinite(root.data))
    sizes = dict.fromkeys(reached, 0.0) | {root: 1.0}
    for v in reversed(reached):
        for a, p in zip(v.args, v.partials):
            if isinstance(a, Value) and sizes[v]:
                sizes[a] += sizes[v] * abs(p)
    assume(sizes[wrt] < 1e200 and all(math.isfinite(p) for v in reached for p in v.partials))
    for derivation in (explain(root, wrt=wrt), explain(root)):
        text = str(derivation)
        for v, value in derivation.values.items():
            assert abs(value - exact[v]) <= 1e-12 * sizes[v]
        assert "differs" not in text
        assert derivation.latex().count("{") == derivation.latex().count("}")
        assert derivation.markdown()
    after = [(v.data, v.grad, v.label, v.partials) for v in nodes]
    assert repr(before) == repr(after)
    root.backward()
    assert repr([exact[v] for v in order(root)]) == repr([v.grad for v in order(root)])


# LaTeX is read by two others


def derivations():
    c, p = example()
    yield explain(c, wrt=p["w^1_{2,1}"])
    yield explain(c, wrt=p["b^2_1"])
    yield explain(c)
    c, t1, t2 = one_one_one()
    yield explain(c, wrt=t1)
    yield explain(c, wrt=[t1, t2])
    yield explain(one_one_one(labelled=False)[0])
    x, y = Value(1.5, label="x"), Value(-3e-20, label=r"50% {a}_b \& #1 $ ~^ \"q\" `<>")
    twice = x * y
    twice.backward()
    twice.backward()
    yield explain(twice, wrt=x)
    yield explain((x + y) * y / (x - 1e30), wrt=[x, y])
    for row in ALL_ROWS:
        args = next(row.points())
        inputs = [Value(a, label=name) for a, name in zip(args, ("x_1", "z^1_2", "w", "a", "b", "c"))]
        yield explain(ag.engine.apply(row, *inputs, *args[len(inputs) :]))


def test_mathtext_reads_every_equation():
    from matplotlib.mathtext import MathTextParser

    parser = MathTextParser("path")
    for derivation in derivations():
        for line in derivation.latex_lines():
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                parser.parse(f"${line}$")


@pytest.mark.katex
def test_katex_reads_every_derivation():
    texts = [derivation.latex() for derivation in derivations()]
    assert katex.render(texts) == str(len(texts))
    assert "KaTeX parse error" in katex.render([*texts, r"\frac{a"])


def test_the_callers_names():
    w, x = Value(0.2), Value(3.0)
    z = w * x
    y = z.tanh() + w
    text = str(explain(y, wrt=w, names=locals(), precision=4))
    assert "∂y/∂w = ∂y/∂z · ∂z/∂w + ∂y/∂w|z" in text
    assert "∂z/∂w = x = 3" in text
    net = ag.MLP(1, [1], seed=1)
    net.layers[0].neurons[0].w[0].label = ""
    by = explain(net([x]), wrt=x, names={"net": net, "x": x})
    assert "net.layers[0].neurons[0].w[0]" in str(by)
    with pytest.raises(TypeError, match="explain: names must be a dict such as locals"):
        explain(y, names=[w])
