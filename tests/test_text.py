"""Formulas: what is written can be read back and means the same."""

from __future__ import annotations

import math
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ROWS, at_kink

import autograd_lite as ag
from autograd_lite.ops import floats
from autograd_lite.text import decimal, latex, name_of, plain, pretty, tex, unicode

NAMES = {n: getattr(floats, n) for n in dir(floats) if not n.startswith("_")}


def evaluate(text: str, **names: float) -> float:
    return eval(text, {"__builtins__": {}}, {**NAMES, **names})


@pytest.mark.parametrize("row", [r for r in ROWS if r.arity], ids=lambda r: r.name)
def test_written_slopes_mean_what_they_say(row):
    letters = "abc"[: row.arity]
    symbols = [plain.symbol(letter) for letter in letters]
    y = plain.symbol("y")
    for args in row.points():
        if at_kink(row, args, 1e-3) or not all(1e-3 < abs(a) < 30 for a in args):
            continue
        names = dict(zip(letters, args), y=row.value(floats, *args))
        assert evaluate(str(plain.call(row.name, *symbols)), **names) == names["y"]
        written = [str(slope) for slope in row.partials(plain, y, *symbols)]
        for text, slope in zip(written, row.partials(floats, names["y"], *args), strict=True):
            assert evaluate(text, **names) == pytest.approx(slope, rel=1e-12), text


@st.composite
def formulas(draw, depth=4):
    if depth == 0:
        return draw(st.sampled_from(["x", "y", 2.0, -3.0, 0.5]))
    return (
        draw(st.sampled_from(["+", "-", "*", "/", "**", "neg"])),
        draw(formulas(depth - 1)),
        draw(formulas(draw(st.integers(0, depth - 1)))),
    )


def run(tree, m, names):
    if not isinstance(tree, tuple):
        return names.get(tree, tree) if isinstance(tree, str) else tree
    sign, a, b = tree[0], run(tree[1], m, names), run(tree[2], m, names)
    if sign == "neg":
        return -a
    if sign == "**":
        return m.pow(a, 2.0)
    if sign == "/":
        return m.div(a, b)
    return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b}[sign]()


@given(formulas())
def test_parentheses_are_right(tree):
    texts = {"x": plain.symbol("x"), "y": plain.symbol("y")}
    numbers = {"x": 1.25, "y": -0.75}
    text, number = str(run(tree, plain, texts)), run(tree, floats, numbers)
    if math.isfinite(number) and abs(number) < 1e100:
        try:
            again = evaluate(text, **numbers)
        except ZeroDivisionError:
            return
        assert again == pytest.approx(number, rel=1e-9, abs=1e-12)


@given(formulas(depth=5))
def test_what_is_left_out_changes_nothing(tree):
    texts = {"x": plain.short.symbol("x"), "y": plain.short.symbol("y")}
    numbers = {"x": 1.25, "y": -0.75}
    for small in (tree, with_ones(tree)):  # also with 0, 1 and -1 as the numbers
        number = run(small, floats, numbers)
        if math.isfinite(number) and abs(number) < 1e100:
            text = str(run(small, plain.short, texts))
            try:
                again = evaluate(text, **numbers)
            except ZeroDivisionError:
                continue
            assert again == pytest.approx(number, rel=1e-9, abs=1e-12), text
            assert not re.search(r"(?<![\d.*])1\*(?!\*)|\+ 0$|\*\*1(?!\d)|\+ -|- -|\*-", text), text


def with_ones(tree):
    if isinstance(tree, tuple):
        return tuple(map(with_ones, tree))
    return {2.0: 1.0, 0.5: 0.0, -3.0: -1.0}.get(tree, tree)


def test_a_label_that_is_an_expression_is_put_in_parentheses():
    a, b = ag.Value(1.0, label="a + b"), ag.Value(2.0, label="c")
    assert "(a + b)*c" in ag.table(a * b)
    x, y = plain.symbol("x"), plain.symbol("y")
    assert str(x * plain.mod(y, 2.0)) == "x*(y % 2)"


def test_no_superfluous_parentheses():
    x, y = plain.symbol("x"), plain.symbol("y")
    assert str(x * y + 2.0) == "x*y + 2"
    assert str(x - (y - 1.0)) == "x - (y - 1)"
    assert str((x + y) * -2.0) == "(x + y)*(-2)"
    assert str(plain.pow(x + y, 2.0)) == "(x + y)**2"
    assert str(plain.div(x, x * y)) == "x/(x*y)"


def test_mathematics_in_unicode():
    x, z, w = map(pretty.short.symbol, ("x", "z^1_2", "w"))
    m = pretty.short
    for text, formula in {
        "2(x − w)": 2.0 * (x - w), "2x": 2.0 * x, "x·w": x * w, "σ(z¹₂)(1 − σ(z¹₂))": m.sigmoid(z) * (1.0 - m.sigmoid(z)),
        "(z¹₂)²": m.pow(z, 2.0), "x³": m.pow(x, 3.0), "x⁻¹": m.pow(x, -1.0), "x^2.5": m.pow(x, 2.5),
        "x^(x + w)": m.pow(x, x + w), "√(x + w)": m.sqrt(x + w), "|x − w|": m.abs(x - w), "1/2·(x + w)": m.div(1.0, 2.0) * (x + w),
        "x − w": x + -w, "x + w": x - -w, "−x·w": x * -w, "x/w": -x / -w, "(1 if x > 0 else 0)·x": m.where(x > 0.0, 1.0, 0.0) * x,
        "x ≤ w": x <= w, "2·2": m.number(2.0) * m.number(2.0), "x·(−2)": x * m.number(-2.0),
        "x + w + … + z¹₂": m.sum(x, w, x, x, x, z), "x·w + z¹₂": m.dot(x, w, z), "∞": m.number(math.inf), "√(x² + w²)": m.hypot(x, w),
        "3·sin(x)": 3.0 * m.sin(x), "tanh(x)²": m.pow(m.tanh(x), 2.0),
    }.items():  # fmt: skip
        assert str(formula) == text


def test_a_formula_has_no_truth():
    with pytest.raises(TypeError, match=r"use m\.where"):
        bool(plain.symbol("x") > 0.0)


def test_labels_in_latex():
    for label, text in {
        "w^1_{2,1}": "w^{1}_{2,1}", "\\hat{y}_k": "\\hat{y}_{k}", "\\theta": "\\theta", "v12": "v_{12}", "loss": "\\mathrm{loss}",
        "a b": "\\mathrm{a\\ b}", "50%": "\\mathrm{50\\%}", "x^2^3": "\\mathrm{x\\wedge 2\\wedge 3}", "\\evil{x}": "\\mathrm{\\backslash evil\\{x\\}}",
        "x_{}}": "\\mathrm{x\\_\\{\\}\\}}",
    }.items():  # fmt: skip
        assert tex(label) == text


@given(st.text(max_size=80))
def test_names_are_short_printable_and_on_one_line(label):
    name = name_of(label)
    assert len(name) <= 40
    assert name.isprintable()
    assert name == name.strip()


def test_latex():
    x = latex.symbol("w^1_{2,1}")
    assert str(latex.sigmoid(x)) == r"\sigma\left(w^{1}_{2,1}\right)"
    assert str(latex.div(x + 1.0, x)) == r"\frac{w^{1}_{2,1} + 1}{w^{1}_{2,1}}"
    assert str(latex.sqrt(x * 2.0)) == r"\sqrt{w^{1}_{2,1} \cdot 2}"
    assert str(latex.leaky_relu(x, 0.1)) == r"\operatorname{leaky\_relu}(w^{1}_{2,1}, 0.1)"


@pytest.mark.parametrize(
    ("label", "text"),
    [("w^1_{2,1}", "w¹₂,₁"), ("z^2_1", "z²₁"), ("\\sigma^1_2", "σ¹₂"), ("\\hat{y}", "ŷ"),
     ("\\theta_1", "θ₁"), ("\\Delta", "Δ"), ("\\lambda", "λ"), ("x_{max}", "xₘₐₓ"),
     ("x_{best}", "x_best"), ("plain", "plain"), ("a_b", "a_b"), ("negative_slope", "negative_slope"), ("x_1y", "x_1y"), ("z^1_16", "z¹₁₆"), ("y_10", "y₁₀"), ("\\unknown", "\\unknown"),
     ("x^", "x^"), ("", ""), ("C_1", "C₁")],
)  # fmt: skip
def test_labels_in_unicode(label, text):
    assert unicode(label) == text


@given(st.text())
def test_any_label_is_accepted(label):
    assert isinstance(unicode(label), str)
    assert ag.table(ag.Value(1.0, label=label) * 2)


@given(st.floats(allow_nan=False))
def test_numbers_keep_their_digits(x):
    assert float(decimal(x)) == x


def test_short_numbers():
    assert decimal(2.0) == "2"
    assert decimal(1e20) == "1e20"
    assert decimal(1 / 3, 4) == "0.3333"
