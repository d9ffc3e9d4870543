"""Losses and gradients of MLPs against PyTorch's, from reference/make_torch_reference.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from autograd_lite import MLP, Value, mse

FILE = Path(__file__).parent / "reference" / "torch_mlp.json"
REFERENCE = json.loads(FILE.read_text(encoding="utf-8"))
each_case = pytest.mark.parametrize(
    "case", REFERENCE["cases"], ids=lambda case: f"{case['activation']}-{case['net']}"
)


def build(case: dict[str, Any]) -> tuple[MLP, list[list[float]], list[float]]:
    """The net of a case, its inputs, its targets in one list."""
    numbers = REFERENCE["nets"][case["net"]]
    nin, *nouts = map(int, case["net"].split("-"))
    net = MLP(nin, nouts, activation=case["activation"], output="linear")
    net.weights, net.biases = numbers["weights"], numbers["biases"]
    return net, numbers["inputs"], [y for row in numbers["targets"] for y in row]


def check(case: dict[str, Any], net: MLP, loss: Value) -> None:
    loss.backward()
    largest = max(map(abs, case["gradient"]))
    assert loss.data == pytest.approx(case["loss"], rel=1e-12, abs=0.0)
    assert [p.grad for p in net.parameters()] == pytest.approx(
        case["gradient"], rel=1e-12, abs=1e-13 * largest
    )


def with_plus_and_times(net: MLP, x: list[Any]) -> list[Any]:
    """The outputs of the net, each neuron written as w_1 x_1 + ... + w_n x_n + b."""
    for layer in net.layers:
        last = layer is net.layers[-1]
        z = [sum(w * xi for w, xi in zip(n.w, x, strict=True)) + n.b for n in layer.neurons]
        x = z if last else [getattr(v, net.activation)() for v in z]
    return x


@each_case
def test_mlp(case):
    net, inputs, targets = build(case)
    outputs = [net(x) for x in inputs]
    flat = [y for out in outputs for y in (out if isinstance(out, list) else [out])]
    check(case, net, mse(flat, targets))


@each_case
def test_neurons_of_plus_and_times(case):
    net, inputs, targets = build(case)
    check(case, net, mse([y for x in inputs for y in with_plus_and_times(net, x)], targets))


def test_no_case_is_missing():
    activations = [
        "relu", "tanh", "sigmoid", "softplus", "leaky_relu", "elu", "gelu", "silu",
        "arctan", "sin", "exp", "erf",
    ]  # fmt: skip
    expected = {(net, activation) for net in REFERENCE["nets"] for activation in activations}
    assert {(case["net"], case["activation"]) for case in REFERENCE["cases"]} == expected
