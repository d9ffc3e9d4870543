"""Makes micrograd_moons.json: what micrograd's own demo prints when it learns the two moons.

    python tests/reference/make_micrograd_reference.py

needs micrograd 0.1.0, scikit-learn and some minutes; tests/test_against_micrograd.py reads only
the file, and runs the same `train`. The order in which micrograd adds up a gradient is that of a
set, so the last digits differ from run to run: the file also has the largest relative difference
of RUNS runs.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

STEPS, RUNS = 100, 5


def train(
    value: Any, mlp: Any, points: Sequence[Sequence[float]], labels: Sequence[int]
) -> Iterator[tuple[float, float]]:
    """micrograd's demo with that Value and that MLP: loss and accuracy, step by step."""
    random.seed(1337)
    model = mlp(2, [16, 16, 1])
    for k in range(STEPS):
        inputs = [list(map(value, point)) for point in points]
        scores = list(map(model, inputs))
        losses = [(1 + -yi * scorei).relu() for yi, scorei in zip(labels, scores)]
        data_loss = sum(losses) * (1.0 / len(losses))
        reg_loss = 1e-4 * sum(p * p for p in model.parameters())
        total_loss = data_loss + reg_loss
        accuracy = [(yi > 0) == (scorei.data > 0) for yi, scorei in zip(labels, scores)]
        model.zero_grad()
        total_loss.backward()
        learning_rate = 1.0 - 0.9 * k / 100
        for p in model.parameters():
            p.data -= learning_rate * p.grad
        yield total_loss.data, sum(accuracy) / len(accuracy)


def main() -> None:
    import numpy as np
    from micrograd.engine import Value
    from micrograd.nn import MLP
    from sklearn.datasets import make_moons

    np.random.seed(1337)
    points, labels = make_moons(n_samples=100, noise=0.1)
    points, labels = points.tolist(), (labels * 2 - 1).tolist()
    runs = [list(train(Value, MLP, points, labels)) for _ in range(RUNS)]
    losses, accuracies = zip(*runs[0])
    reference = {
        "made_with": "micrograd 0.1.0",
        "points": points,
        "labels": labels,
        "losses": losses,
        "accuracies": accuracies,
        "spread": max(abs(a / b - 1) for run in runs for (a, _), b in zip(run, losses)),
    }
    text = ",\n".join(f'"{key}": {json.dumps(x)}' for key, x in reference.items())
    path = Path(__file__).with_name("micrograd_moons.json")
    path.write_text(f"{{{text}}}\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size} bytes, spread {reference['spread']:.1e}")


if __name__ == "__main__":
    main()
