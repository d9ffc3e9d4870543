"""The page: its steps against the engine, and the page itself driven in a real browser."""

from __future__ import annotations

import html
import json
import math
import re
import sys

import pytest
from browser import chromium
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_lite as ag
from autograd_lite import Value, order
from autograd_lite.cli.lecture import cost, two_two_one
from autograd_lite.draw.page import Page, page, steps
from autograd_lite.explain import explain
from autograd_lite.graph import adjoints, edges, names
from autograd_lite.text import decimal

HOSTILE = ['"', "'", "</script><script>hacked = 1</script>", "<img src=x onerror='hacked = 1'>", "&lt;",
           "a\nb", "🙂", "é" * 10_000, "{{svg}}", "${1}", "\\", "\u2028", "%s", "]]>", "<!--"]  # fmt: skip


def drawing(nodes, of):
    """A drawing as Graphviz makes it, in columns, so that these tests need no layout program."""
    column, rows, parts = {}, {}, []
    for v in nodes:
        column[v] = max((column[a] + 1 for a in v.args if isinstance(a, Value) and a in column), default=0)
        rows[v] = list(column.values()).count(column[v])
    at = {v: (i, 220 * column[v], 70 * rows[v]) for i, v in enumerate(nodes)}
    for i, x, y in at.values():
        v = nodes[i]
        lines = [of[v], decimal(v.data, 7), "grad –"]
        texts = "".join(f'<text x="{x + 50}" y="{y + 13 * k}" text-anchor="middle" font-size="12">{html.escape(line)}</text>'
                        for k, line in enumerate(lines, 1))  # fmt: skip
        parts.append(f'<g id="n{i}" class="node"><title>n{i}</title><g id="a_n{i}"><a xlink:title="{html.escape(of[v])}">'
                     f'<path fill="#fff" stroke="#000" d="M{x},{y}h110v45h-110z"/>{texts}</a></g></g>')  # fmt: skip
    for source, target, partial, place in edges(nodes):
        if source in at:
            (_, x, y), (i, x2, y2) = at[source], at[target]
            parts.append(f'<g id="e{i}_{place}" class="edge"><title>e</title><path fill="none" stroke="#789" d="M{x + 110},{y + 20}L{x2},{y2 + 20}"/>'
                         f'<polygon points="{x2},{y2 + 20} {x2 - 6},{y2 + 16} {x2 - 6},{y2 + 24}"/><text>{decimal(partial, 7)}</text></g>')  # fmt: skip
    wide, high = 220 * max(column.values()) + 120, 70 * max(rows.values()) + 60
    return (f'<?xml version="1.0"?>\n<!DOCTYPE svg>\n<svg width="{wide}pt" height="{high}pt" viewBox="0 0 {wide} {high}" '
            'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"><g id="graph0" class="graph">'
            f'<title>g</title><polygon fill="#fbfcfd" points="0,0 {wide},0 {wide},{high} 0,{high}"/>{"".join(parts)}</g></svg>')  # fmt: skip


def page_of(root, nodes=None) -> Page:
    nodes = order(root) if nodes is None else nodes
    of = names(nodes)
    return page(root, drawing(nodes, of), nodes, of)


def steps_of(root, nodes=None):
    nodes = order(root) if nodes is None else nodes
    return steps(root, nodes, names(nodes))


def lesson(made: Page):
    return json.loads(re.search(r'id="lesson">(.*?)</script>', str(made), re.S)[1])


def same(a: float, b: float) -> bool:
    return (a == b and math.copysign(1.0, a) == math.copysign(1.0, b)) or (a != a and b != b)


def lecture():
    c = cost(two_two_one(), 0)
    return c, order(c)


# What is played


@st.composite
def graphs(draw):
    """A graph with shared nodes: each operation takes any nodes before it."""
    finite = st.floats(-3.0, 3.0)
    nodes = [Value(x, label=f"x_{i}") for i, x in enumerate(draw(st.lists(finite, min_size=1, max_size=3)))]
    for _ in range(draw(st.integers(1, 12))):
        a, b = (nodes[draw(st.integers(0, len(nodes) - 1))] for _ in range(2))
        f = draw(st.sampled_from([
            lambda a, b: a + b, lambda a, b: a * b, lambda a, b: a - b, lambda a, b: a / b, lambda a, b: a.exp(),
            lambda a, b: a.relu(), lambda a, b: a.sigmoid(), lambda a, b: 2.0 - a, lambda a, b: a**2,
            lambda a, b: ag.dot([a, b, 3.0], [b, a, a], bias=1.0), lambda a, b: ag.sum([a, b, a]), lambda a, b: a.log(),
        ]))  # fmt: skip
        nodes.append(f(a, b))
    return nodes[-1]


@given(graphs())
@settings(max_examples=100)
def test_the_last_sums_are_the_gradients_bit_by_bit(root):
    nodes, found = order(root), {}
    before = [*map(repr, nodes)]
    played = steps_of(root)
    assert [*map(repr, nodes)] == before
    for step in played:
        if step.phase == "forward":
            assert same(float(step.exact), nodes[step.node].data)
        elif step.node >= 0:
            found[step.node] = step
    root.backward()
    for i, v in enumerate(nodes):
        assert same(float(found[i].exact), v.grad), (i, v, found[i])
        assert found[i].done


@given(graphs(), st.data())
@settings(max_examples=60)
def test_a_part_of_the_graph_has_the_same_sums(root, data):
    kept = data.draw(st.sets(st.sampled_from(order(root)))) | {root}
    nodes = [v for v in order(root) if v in kept]
    found = {step.node: step for step in steps_of(root, nodes) if step.phase in ("seed", "backward")}
    exact = adjoints(root)
    for i, v in enumerate(nodes):
        assert same(float(found[i].exact), exact[v])
        assert found[i].done
    assert lesson(page_of(root, nodes))["nodes"]


def test_the_steps_of_the_lecture():
    c, nodes = lecture()
    played = steps_of(c)
    phases = [step.phase for step in played]
    assert phases == ["given"] + ["forward"] * 8 + ["seed"] + ["backward"] * 21
    assert len(played) == 31
    by_title = {step.title: step for step in played}
    z = by_title["z²₁ = w²₁,₁·σ¹₁ + w²₁,₂·σ¹₂ + b²₁"]
    assert dict(z.lines) == {
        "in numbers": "= 0.1·0.18242552380635632 + 0.5·0.995929862284104 + 1",
        "result": "z²₁ = 1.5162074835226875",
    }
    back = by_title["grad z²₁ += grad σ²₁ · ∂σ²₁/∂z²₁"]
    assert dict(back.lines) == {
        "local derivative": "∂σ²₁/∂z²₁ = σ(z²₁)(1 − σ(z²₁)) = 0.8199793342113866(1 − 0.8199793342113866) = 0.14761322567763774",
        "passed on": "0.6399586684227732 · 0.14761322567763774 = 0.09446636334625136",
        "result": "grad z²₁ = 0.09446636334625136  ✓ complete",
    }
    assert nodes[back.giver].label == "\\sigma^2_1"
    assert back.edge == f"e{back.giver}_0"
    sums = [step for step in played if step.title.startswith("grad x₁ ")]
    assert [step.lines[-1] for step in sums] == [
        ("sum, 1 of 2", "grad x₁ = 0.00013402416180217656"),
        ("sum, 2 of 2", "grad x₁ = 0.00013402416180217656 + 0.0002817864586616065 = 0.00041581062046378307  ✓ complete"),
    ]
    assert [step.done for step in sums] == [False, True]


def test_an_adjoint_of_zero_passes_on_zero_and_says_so():
    w, zero = Value(-2.0, label="w"), Value(0.0, label="zero")
    h = w.log()  # nan, and so is its slope
    h.label = "h"
    root = h * zero
    root.label = "C"
    last = steps_of(root)[-1]
    assert last.title == "grad w += grad h · ∂h/∂w"
    assert last.lines[1] == ("passed on", "exactly 0, because grad h is exactly 0")
    assert (last.exact, last.flow, last.done) == ("0.0", "zero", True)


def test_long_formulas_are_written_with_fewer_digits():
    xs = [Value(1 / (i + 3), label=f"x_{i}") for i in range(9)]
    of_z = {n: dict(steps_of(ag.dot(xs[:n], xs[:n]))[1].lines)["in numbers"] for n in (2, 4)}
    assert of_z[2] == "= 0.3333333333333333·0.3333333333333333 + 0.25·0.25"
    assert of_z[4].startswith("≈ 0.3333333·0.3333333 + 0.25·0.25 + ")
    wide = steps_of(ag.sum([ag.dot(xs, xs) for _ in range(60)]))
    assert max(len(text) for step in wide for _, text in step.lines) < 1000


# What is written


def test_the_page_is_the_same_each_time_and_of_the_graph_only():
    c, nodes = lecture()
    first = str(page_of(c))
    assert [v.grad for v in nodes] == [0.0] * len(nodes)
    c.backward()
    grads = [v.grad for v in nodes]
    assert str(page_of(c)) == first == str(page_of(cost(two_two_one(), 0)))
    assert [v.grad for v in nodes] == grads


def test_one_small_file_that_can_ask_for_nothing(tmp_path):
    c, _ = lecture()
    made = page_of(c)
    made.save(tmp_path / "lecture.html")
    written = (tmp_path / "lecture.html").read_bytes()
    assert written == str(made).encode()
    assert len(written) < 500_000
    assert "default-src 'none'" in str(made)
    assert not re.search(r"""\b(src|href|action|poster)=["'](?!#|data:,)|@import|url\(""", str(made))
    assert "<title>C₁: values forward, derivatives backward</title>" in str(made)
    assert "{{" not in str(made)
    assert repr(made).startswith("<page of ")


def test_a_frame_for_a_notebook():
    c, _ = lecture()
    made = page_of(c)
    frame = made._repr_html_()
    assert html.unescape(re.search(r'srcdoc="([^"]*)"', frame)[1]) == str(made)
    assert 'title="C₁: values forward, derivatives backward"' in frame


@pytest.mark.parametrize("label", [*HOSTILE, "\x00\x1f\ud800\ufffe"], ids=range(len(HOSTILE) + 1))
def test_any_label_is_data(label):
    made = page_of(Value(1.0, label=label) * Value(2.0, label=label + "2"))
    assert len(lesson(made)["nodes"]) == 3
    assert str(made).count("</script>") == 2
    made._repr_html_().encode()


@given(st.text(st.characters(), max_size=60))
@settings(max_examples=30)
def test_any_text_as_a_label(label):
    made = page_of(Value(1.0, label=label).exp())
    assert [len(lesson(made)[key]) for key in ("nodes", "steps")] == [2, 4]
    str(made).encode()


def test_too_many_nodes_are_refused_and_many_are_not():
    y = Value(1.0, label="x")
    for _ in range(299):
        y = y.sin()
    made = page_of(y)
    assert len(lesson(made)["steps"]) == 1 + 299 + 1 + 299
    with pytest.raises(ValueError, match=r"301 nodes are too many.*focus=.*earlier Value"):
        page_of(y.sin())


def test_derivations_are_left_out_where_they_are_too_long(monkeypatch):
    c, _ = lecture()
    assert all(node["derivation"] for node in lesson(page_of(c))["nodes"])
    monkeypatch.setattr(sys.modules[page.__module__], "MOST_DERIVATIONS", 1000)
    assert not any(node["derivation"] for node in lesson(page_of(c))["nodes"])


def test_a_small_part_of_a_large_graph_is_quick():
    y = Value(1.0, label="x")
    for _ in range(20_000):
        y = y.sin()
    found = lesson(page_of(y, order(y)[-10:]))
    assert len(found["steps"]) == 1 + 10 + 1 + 9
    assert not any(node["derivation"] for node in found["nodes"])


def test_a_leaf_alone():
    assert [step.phase for step in steps_of(Value(2.0, label="x"))] == ["given", "seed"]


# What is seen


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


class Player:
    """A page in the browser, and what it says."""

    def __init__(self, frame, tab):
        self.frame, self.tab, self.keys = frame, tab, tab.keyboard

    def step(self) -> int:
        return int(self.frame.locator("body").get_attribute("data-step"))

    def label(self, i: int) -> str:
        return self.frame.locator(f'[id="n{i}"]').get_attribute("aria-label")

    def texts(self, i: int) -> list[str]:
        return self.frame.locator(f'[id="n{i}"] text').all_text_contents()

    def press(self, *keys: str) -> Player:
        for key in keys:
            self.keys.press(key)
        return self

    def click(self, name: str) -> None:
        self.frame.get_by_role("button", name=name, exact=True).click()

    def wait(self, selector: str) -> None:
        self.frame.locator(selector).wait_for(state="attached")


@pytest.fixture
def opened(browser, tmp_path):
    """Opens pages as files; afterwards: no request but for the file, nothing on the console."""
    contexts, said, asked = [], [], []

    def opens(made: Page, size=(1280, 800), silent=True, **options) -> Player:
        context = browser.new_context(viewport={"width": size[0], "height": size[1]}, **options)
        contexts.append(context)
        file = tmp_path / f"{len(contexts)}.html"
        made.save(file)

        def route(request):
            asked.append(request.request.url)
            request.continue_() if request.request.url == file.as_uri() else request.abort()

        context.route("**/*", route)
        tab = context.new_page()
        if silent:
            tab.on("console", lambda message: said.append(message.text))
            tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(file.as_uri())
        assert asked[len(contexts) - 1 :] == [file.as_uri()]
        return Player(tab, tab)

    yield opens
    for context in contexts:
        context.close()
    assert said == []
    assert len(asked) == len(contexts), asked


@pytest.fixture(scope="module")
def made():
    return page_of(lecture()[0])


@pytest.mark.browser
def test_keys_step_forward_and_back(opened, made):
    player = opened(made)
    assert player.step() == 0
    assert player.press("ArrowRight", "ArrowRight", "ArrowRight").step() == 3
    assert player.press("ArrowLeft").step() == 2
    assert player.press("End", "ArrowRight").step() == 30
    assert player.press("Home", "ArrowLeft").step() == 0
    assert player.frame.locator("#count").text_content() == "step 1 of 31"
    assert player.press("Alt+ArrowRight", "Control+ArrowRight").step() == 0


@pytest.mark.browser
def test_buttons_step_forward_and_back(opened, made):
    player = opened(made)
    button = player.frame.get_by_role("button", name="Step back", exact=True)
    assert button.is_disabled()
    for name, step in (("Step forward", 1), ("Step forward", 2), ("Step back", 1), ("Last step", 30),
                       ("Step back", 29), ("First step", 0)):  # fmt: skip
        player.click(name)
        assert player.step() == step
    assert player.frame.evaluate("document.activeElement.id") == "forward"  # not lost with the button


@pytest.mark.browser
def test_the_slider(opened, made):
    player = opened(made)
    slider = player.frame.get_by_role("slider", name="Step", exact=True)
    slider.fill("17")
    assert player.step() == 17
    slider.focus()
    assert player.press("ArrowRight").step() == 18
    assert player.press("Home").step() == 0
    assert "31" in slider.get_attribute("aria-valuetext")
    box = slider.bounding_box()
    player.tab.mouse.move(box["x"] + 8, box["y"] + box["height"] / 2)
    player.tab.mouse.down()
    player.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, steps=4)
    player.tab.mouse.up()
    assert 12 <= player.step() <= 18


@pytest.mark.browser
def test_play_and_pause(opened, made):
    player = opened(made)
    player.frame.get_by_role("combobox", name="Speed").select_option("4")
    player.frame.evaluate("document.activeElement.blur()")
    player.press(" ")
    player.wait("body:not([data-step='0'], [data-step='1'])")
    player.click("Pause")
    assert player.frame.get_by_role("button", name="Play", exact=True).is_visible()
    player.press("End")
    player.click("Play")  # from the end it starts again
    player.wait("body[data-step='1']")
    player.press("ArrowRight")  # a step of one's own ends it
    assert player.frame.locator("#play").get_attribute("data-playing") is None
    player.frame.locator("#slider").fill("29")
    player.click("Play")
    player.wait("body[data-step='30'] #play:not([data-playing])")


@pytest.mark.browser
def test_every_number_is_the_engines_at_every_step(opened, made):
    c, nodes = lecture()
    of, played = names(nodes), steps_of(c)
    player = opened(made, reduced_motion="reduce")
    data = {i: repr(v.data) for i, v in enumerate(nodes) if v.op is None}
    sums: dict[int, str] = {}
    for k, step in enumerate(played):
        assert player.step() == k
        if step.phase == "forward":
            data[step.node] = repr(nodes[step.node].data)
        elif step.phase != "given":
            sums[step.node] = step.exact + ("" if step.done else " so far")
        for i, v in enumerate(nodes):
            value = f"value {data[i]}" if i in data else "value not known yet"
            adjoint = f"adjoint {sums[i]}" if i in sums else "adjoint not known yet"
            assert player.label(i) == f"{of[v]}, {value}, {adjoint}"
        shown = player.frame.locator("#panel").inner_text()
        assert step.title in shown
        assert step.exact in shown
        player.press("ArrowRight")
    c.backward()
    for i, v in enumerate(nodes):
        assert player.label(i) == f"{of[v]}, value {v.data!r}, adjoint {v.grad!r}"
        assert player.texts(i) == [of[v], decimal(v.data, 7), f"grad {decimal(v.grad, 7)}"]


@pytest.mark.browser
def test_what_is_not_computed_yet_is_not_shown(opened, made):
    _, nodes = lecture()
    player = opened(made)
    inner = next(i for i, v in enumerate(nodes) if v.op is not None)
    assert player.texts(inner)[1:] == ["", ""]
    edge = player.frame.locator(f'[id="e{inner}_0"] text')
    assert not edge.is_visible()
    player.press("ArrowRight")
    assert player.texts(inner)[1:] == [decimal(nodes[inner].data, 7), ""]
    assert edge.is_visible()
    player.press("ArrowLeft")
    assert player.texts(inner)[1:] == ["", ""]
    player.press("End")
    assert "done" in player.frame.locator(f'[id="n{inner}"] text').last.get_attribute("class")


@pytest.mark.browser
def test_a_node_opens_its_derivation(opened, made):
    c, nodes = lecture()
    i = next(i for i, v in enumerate(nodes) if v.label == "w^1_{2,1}")
    player = opened(made)
    dialog, node = player.frame.get_by_role("dialog"), player.frame.locator(f'[id="n{i}"]')
    for opens, closes in ((node.click, lambda: player.press("Escape")), (lambda: (node.focus(), player.press("Enter")), lambda: player.click("Close"))):
        opens()
        assert dialog.is_visible()
        text = player.frame.locator("#work").text_content()
        assert text.splitlines() == [line for line in str(explain(c, wrt=nodes[i])).splitlines() if ".grad" not in line]
        assert adjoints(c)[nodes[i]].__repr__() in dialog.inner_text()
        player.press("ArrowRight")
        assert player.step() == 0
        closes()
        assert not dialog.is_visible()
        assert player.frame.evaluate("document.activeElement.id") == f"n{i}"
    player.press(" ")
    assert dialog.is_visible()


@pytest.mark.browser
def test_zoom_and_pan(opened, made):
    player = opened(made)
    from playwright.sync_api import expect

    svg = player.frame.locator("#stage > svg")
    width = lambda: float(svg.get_attribute("viewBox").split()[2])  # noqa: E731
    player.frame.emulate_media(reduced_motion="reduce")
    player.press("0")
    whole = width()
    player.press("+")
    assert width() < whole
    player.press("-")
    assert width() == pytest.approx(whole)
    player.click("Zoom in")
    player.click("Show the whole graph")
    assert width() == pytest.approx(whole)
    node = player.frame.locator('[id="n4"]').bounding_box()
    pointer = node["x"] + 9, node["y"] + 9
    player.tab.mouse.move(*pointer)
    before = svg.get_attribute("viewBox")
    player.tab.mouse.wheel(0, -300)
    expect(svg).not_to_have_attribute("viewBox", before)
    assert width() < whole
    node = player.frame.locator('[id="n4"]').bounding_box()  # still below the pointer
    player.tab.mouse.down()
    player.tab.mouse.move(*(at + by for at, by in zip(pointer, (50, 30))), steps=5)
    player.tab.mouse.up()
    moved = player.frame.locator('[id="n4"]').bounding_box()
    assert (moved["x"] - node["x"], moved["y"] - node["y"]) == pytest.approx((50, 30), abs=1.5)
    assert not player.frame.get_by_role("dialog").is_visible()


@pytest.mark.browser
def test_a_screen_reader_hears_each_step(opened, made):
    player = opened(made)
    spoken = player.frame.locator("[aria-live=polite]")
    assert spoken.text_content() == ""
    player.press("ArrowRight")
    assert spoken.text_content().startswith("Step 2, Forward 1 of 8. z¹₁ = w¹₁,₁·x₁ + w¹₁,₂·x₂ + b¹₁. in numbers:")
    unnamed = "[...document.querySelectorAll('button, input, select, [role]')].filter(e => !(e.ariaLabel || e.textContent.trim())).map(e => e.id)"
    assert player.frame.evaluate(unnamed) == []
    player.press("Tab")
    assert player.frame.evaluate("document.activeElement.className") == "skip"
    player.press("Enter", "Tab", "Tab")
    assert player.frame.evaluate("document.activeElement.closest('#controls') !== null")


@pytest.mark.browser
def test_a_frame_in_a_notebook_plays_too(browser, made):
    said = []
    with browser.new_context() as context:
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.set_content(f"<!DOCTYPE html><body style='width: 700px'>{made._repr_html_()}")
        frame = tab.frames[1]
        player = Player(frame, tab)
        player.click("Step forward")
        assert player.press("ArrowRight").step() == 2
        frame.locator(".node.now").click()
        assert frame.get_by_role("dialog").is_visible()
        player.press("Escape", "End")
        assert player.step() == 30
        assert frame.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert tab.locator("iframe").bounding_box()["height"] > 500
    assert said == []


@pytest.mark.browser
def test_a_frame_that_is_shown_later(browser, made):
    said = []
    with browser.new_context(reduced_motion="reduce") as context:
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.set_content(f"<!DOCTYPE html><body><div style='display: none'>{made._repr_html_()}</div>")
        player = Player(tab.frames[1], tab)
        player.wait("body[data-step]")
        player.frame.evaluate("document.getElementById('forward').click()")
        tab.evaluate("document.querySelector('div').style.display = 'block'")
        player.frame.locator(".node.now").click()
        assert player.frame.get_by_role("dialog").is_visible()
    assert said == []


@pytest.mark.browser
def test_on_a_phone(opened, made):
    player = opened(made, size=(390, 844), has_touch=True, is_mobile=True, reduced_motion="reduce")
    for k in range(31):
        assert player.frame.evaluate("document.documentElement.scrollWidth") == 390
        if k:  # the view goes with the step
            seen, stage = (player.frame.locator(where).first.bounding_box() for where in (".node.now", "#stage"))
            assert stage["x"] <= seen["x"]
            assert seen["x"] + seen["width"] <= stage["x"] + stage["width"]
            assert stage["y"] <= seen["y"]
            assert seen["y"] + seen["height"] <= stage["y"] + stage["height"]
        player.frame.get_by_role("button", name="Step forward", exact=True).tap() if k < 30 else None
    assert player.step() == 30
    for button in player.frame.locator("button:visible, select, #slider").all():
        box = button.bounding_box()
        assert min(box["width"], box["height"]) >= 40
    player.frame.locator(".node.now").tap()
    assert player.frame.get_by_role("dialog").is_visible()
    assert player.frame.evaluate("document.documentElement.scrollWidth") == 390


CONTRAST = """() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const light = c => { const [r, g, b] = c.map(x => x / 255).map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const back = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  return [...document.querySelectorAll('header *, #controls button, #count, select, #panel *')].filter(e => e.textContent.trim() && !e.disabled && e.checkVisibility())
    .map(e => { const a = light(rgb(getComputedStyle(e).color)), b = light(back(e)); return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05); });
}"""


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_both_schemes_can_be_read(opened, made, scheme):
    player = opened(made, color_scheme=scheme)
    for keys in ("Home", "ArrowRight", "End"):
        found = player.press(keys).frame.evaluate(CONTRAST)
        assert len(found) > 5
        assert min(found) >= 4.5
    page_color = player.frame.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", page_color))) > 600) == (scheme == "light")


@pytest.mark.browser
def test_motion_only_where_it_is_welcome(opened, made):
    moving = "() => { document.getElementById('forward').click(); return document.querySelectorAll('.dot').length; }"
    assert opened(made).frame.evaluate(moving) == 3 + 2  # one on each edge into z: w, w, x, x, b
    assert opened(made, reduced_motion="reduce").frame.evaluate(moving) == 0


@pytest.mark.browser
def test_hostile_labels_are_only_shown(opened):
    leaves = [Value(float(i + 1), label=label) for i, label in enumerate(HOSTILE)]
    root = ag.sum(leaves)
    root.label = HOSTILE[2]
    player = opened(page_of(root))
    assert player.frame.title().startswith(HOSTILE[2])
    player.press("ArrowRight", "End")
    assert player.label(0) == '", value 1.0, adjoint 1.0'
    player.frame.locator('[id="n2"]').focus()
    player.press("Enter")
    assert player.frame.locator("#whose").text_content() == HOSTILE[2]
    assert player.frame.evaluate("typeof hacked") == "undefined"
    assert player.frame.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.browser
def test_even_a_hostile_drawing_asks_for_nothing(opened):
    x = Value(1.0, label="x")
    nodes = order(x.exp())
    bad = '<image href="http://example.org/a.png" onerror="hacked = 1"/><style>@import "http://example.org/a.css";</style><script>hacked = 1</script></svg>'
    svg = drawing(nodes, names(nodes)).replace("</svg>", bad)
    player = opened(page(nodes[-1], svg, nodes, names(nodes)), silent=False)
    assert player.press("End").step() == 3
    assert player.frame.evaluate("typeof hacked") == "undefined"
    refused = player.frame.evaluate("fetch('http://example.org/').then(() => 'asked', () => 'refused')")
    assert refused == "refused"


@pytest.mark.browser
def test_without_script_the_drawing_stands(opened, made):
    player = opened(made, java_script_enabled=False)
    assert "need JavaScript" in player.frame.locator("noscript").inner_html()
    assert player.texts(0)[1] == "0.1"


@pytest.mark.browser
def test_numbers_that_are_not_finite(opened):
    x = Value(0.0, label="x")
    y = x.log() + (x - 1.0).sqrt()
    y.label = "y"
    player = opened(page_of(y))
    nodes = order(y)
    player.press("End")
    y.backward()
    for i, v in enumerate(nodes):
        assert player.label(i).endswith(f"value {v.data!r}, adjoint {v.grad!r}")


@pytest.mark.browser
def test_the_most_nodes(opened):
    y = Value(1.0, label="x")
    for _ in range(310):
        y = y.sin()
    y.label = "y"
    player = opened(page_of(y, order(y)[-300:]))
    assert player.press("End").step() == 300 + 1 + 299
    y.backward()
    assert player.label(0).endswith(f"adjoint {order(y)[-300].grad!r}")
    player.frame.locator('[id="n299"]').focus()
    player.press("Enter")  # without a derivation, its own steps
    assert player.frame.locator("#work").text_content().startswith("y = sin(v299)\n    in numbers:  = sin(")


@pytest.mark.browser
def test_a_page_as_draw_makes_it(opened):
    c, nodes = lecture()
    c.backward()
    made = ag.draw(c).page()
    assert len(str(made).encode()) < 500_000
    drawn = str(made)[str(made).index("<svg") :]
    assert not re.search(r'stroke="#(2166ac|b35806)"', drawn)  # no gradient's colour yet
    player = opened(made)
    assert all(player.texts(i)[-1].strip() == "" for i in range(len(nodes)))
    player.press("End")
    for i, v in enumerate(nodes):
        assert repr(v.grad) in player.label(i)
        shown = float(player.texts(i)[-1].removeprefix("grad ").replace("−", "-"))
        assert shown == pytest.approx(v.grad, rel=1e-6)
