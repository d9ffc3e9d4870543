"""micrograd's README example and its demo, with only the imports changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reference.make_micrograd_reference import train

from autograd_lite.engine import Value
from autograd_lite.nn import MLP

FILE = Path(__file__).parent / "reference" / "micrograd_moons.json"


def test_readme_example():
    a = Value(-4.0)
    b = Value(2.0)
    c = a + b
    d = a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + (b + a).relu()
    d += 3 * d + (b - a).relu()
    e = c - d
    f = e**2
    g = f / 2.0
    g += 10.0 / f
    assert f"{g.data:.4f}" == "24.7041"
    g.backward()
    assert f"{a.grad:.4f}" == "138.8338"
    assert f"{b.grad:.4f}" == "645.5773"


def test_moons():
    """The same weights from the same seed, and the same losses at all 100 steps.

    Runs of micrograd differ from each other by up to 2e-14 relative ("spread" in the file), because
    the rounding of a gradient depends on the order of a set; the library rounds once for each
    neuron, and differs as much. 1e-12 leaves room for that, and for nothing that matters.
    """
    reference = json.loads(FILE.read_text(encoding="utf-8"))
    steps = list(train(Value, MLP, reference["points"], reference["labels"]))
    losses, accuracies = zip(*steps, strict=True)
    assert reference["spread"] < 1e-13
    assert losses == pytest.approx(reference["losses"], rel=1e-12, abs=0.0)
    assert accuracies == tuple(reference["accuracies"])
