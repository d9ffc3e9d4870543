"""Makes torch_mlp.json: losses and gradients of small MLPs, computed by PyTorch in float64.

    python tests/reference/make_torch_reference.py

needs PyTorch; tests/test_against_torch.py reads only the file. Weights, biases, inputs and targets
are stored in it with every digit. A gradient is listed as MLP.parameters() lists the parameters:
neuron by neuron, weights then bias. The loss is the mean squared error over rows and outputs.
"""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

SHAPES = ((2, 3, 1), (3, 4, 2), (1, 5, 5, 1), (4, 3, 3, 2))
ROWS = 4


def net(sizes: tuple[int, ...], rng: random.Random) -> dict[str, Any]:
    """Weights[l][j][i], biases[l][j], and some rows to train on."""

    def uniform(*shape: int) -> Any:
        n, *rest = shape
        return [uniform(*rest) if rest else rng.uniform(-1.0, 1.0) for _ in range(n)]

    return {
        "weights": [uniform(nout, nin) for nin, nout in zip(sizes, sizes[1:])],
        "biases": [uniform(nout) for nout in sizes[1:]],
        "inputs": uniform(ROWS, sizes[0]),
        "targets": uniform(ROWS, sizes[-1]),
    }


def loss_and_gradient(net: dict[str, Any], activation: Any) -> tuple[float, list[float]]:
    import torch

    def tensors(arrays: Any) -> list[torch.Tensor]:
        return [torch.tensor(a, dtype=torch.float64, requires_grad=True) for a in arrays]

    weights, biases = tensors(net["weights"]), tensors(net["biases"])
    x, y = tensors([net["inputs"], net["targets"]])
    for k, (w, b) in enumerate(zip(weights, biases), 1):
        x = torch.nn.functional.linear(x, w, b)
        if k < len(weights):
            x = activation(x)
    loss = torch.nn.functional.mse_loss(x, y)
    loss.backward()
    gradient = [
        slope
        for w, b in zip(weights, biases)
        for ws, slope_of_bias in zip(w.grad.tolist(), b.grad.tolist())
        for slope in (*ws, slope_of_bias)
    ]
    return loss.item(), gradient


def main() -> None:
    import torch
    from torch.nn import functional as F

    activations = {
        "relu": F.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "softplus": F.softplus,
        "leaky_relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu, "silu": F.silu,
        "arctan": torch.arctan, "sin": torch.sin, "exp": torch.exp, "erf": torch.erf,
    }  # fmt: skip
    rng = random.Random(2024)
    nets = {"-".join(map(str, sizes)): net(sizes, rng) for sizes in SHAPES}
    cases = []
    for activation, function in activations.items():
        for shape, numbers in nets.items():
            loss, gradient = loss_and_gradient(numbers, function)
            cases.append(
                {"net": shape, "activation": activation, "loss": loss, "gradient": gradient}
            )
    made_with = f"PyTorch {torch.__version__}, float64"
    text = ",\n".join(json.dumps(case) for case in cases)
    path = Path(__file__).with_name("torch_mlp.json")
    path.write_text(
        f'{{"made_with": "{made_with}",\n"nets": {json.dumps(nets)},\n"cases": [\n{text}\n]}}\n',
        encoding="utf-8",
    )
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes, {made_with}")


if __name__ == "__main__":
    main()
