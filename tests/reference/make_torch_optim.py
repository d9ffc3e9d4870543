"""Makes torch_optim.json: optimisers, losses, clipping and schedules by PyTorch in float64.

    python tests/reference/make_torch_optim.py

needs PyTorch; tests/test_optim.py and tests/test_losses.py read only the file, which holds all
inputs with every digit. The problem of the optimisers is a 2-3-1 tanh net under the mean squared
error of four rows; its parameters are listed as MLP.parameters() lists them: neuron by neuron,
weights then bias.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

STEPS = 20
OPTIMIZERS = (
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True}),
    ("SGD", {"lr": 0.05, "momentum": 0.8, "dampening": 0.3, "weight_decay": 0.01}),
    ("SGD", {"lr": 0.1, "weight_decay": 0.05}),
    ("Adam", {}),
    ("Adam", {"lr": 0.05, "betas": [0.8, 0.95], "eps": 1e-6}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1}),
)


def tensor(x: Any, slope: bool = False) -> Any:
    import torch

    return torch.tensor(x, dtype=torch.float64, requires_grad=slope)


def problem(rng: random.Random) -> dict[str, Any]:
    def uniform(*shape: int) -> Any:
        n, *rest = shape
        return [uniform(*rest) if rest else rng.uniform(-1.0, 1.0) for _ in range(n)]

    return {
        "weights": [uniform(3, 2), uniform(1, 3)],
        "biases": [uniform(3), uniform(1)],
        "inputs": uniform(4, 2),
        "targets": uniform(4),
    }


def run(problem: dict[str, Any], name: str, settings: dict[str, Any]) -> list[list[float]]:
    """All parameters after each step."""
    import torch
    from torch.nn import functional as F

    w1, w2 = (tensor(w, True) for w in problem["weights"])
    b1, b2 = (tensor(b, True) for b in problem["biases"])
    x, y = tensor(problem["inputs"]), tensor(problem["targets"])
    optimizer = getattr(torch.optim, name)([w1, b1, w2, b2], **settings)
    rows = []
    for _ in range(STEPS):
        optimizer.zero_grad()
        outputs = F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2)[:, 0]
        F.mse_loss(outputs, y).backward()
        optimizer.step()
        first, second = (torch.cat([w, b[:, None]], 1) for w, b in ((w1, b1), (w2, b2)))
        rows.append([*first.flatten().tolist(), *second.flatten().tolist()])
    return rows


def loss_cases(rng: random.Random) -> list[dict[str, Any]]:
    import torch
    from torch.nn import functional as F

    def hinge(s: Any, y: Any, reduction: str) -> Any:
        return getattr(torch.relu(1.0 - y * s), reduction)()

    some = [rng.uniform(-3.0, 3.0) for _ in range(6)]
    pairs = [[0.3, -1.2], [2.0, 0.5], [0.0, 7.0]]
    probabilities = [0.0, 1e-300, 1e-50, 1e-13, 1e-6, 0.3, 0.5, 0.9, 1.0 - 1e-9, 1.0 - 2e-16, 1.0]
    logits = [-1000.0, -40.0, -1.5, -1e-9, 0.0, 0.3, 5.0, 36.0, 1000.0]
    scores = [-1000.0, -1.0, -0.2, 0.0, 0.7, 1.0, 1.5, 1000.0]
    rows = [[1000.0, -1000.0, 0.0], [0.0, 0.0, 0.0], [0.1, -0.7, 2.2], [1000.0, 999.5, 998.0],
            [-1000.0, -1000.5, -1001.0], [30.0, -5.0, 29.0]]  # fmt: skip
    given: list[tuple[str, Callable[..., Any], Any, Any]] = []
    for name, f in (("mse", F.mse_loss), ("mae", F.l1_loss)):
        given += [(name, f, 0.7, -0.4), (name, f, some, [*some[:1], *range(5)]),
                  (name, f, pairs, [[1.0, 1.0], [2.0, -0.5], [-1.0, 7.5]])]  # fmt: skip
    for y in (-1, 1):
        given.append(("hinge", hinge, scores, [y] * len(scores)))
    given.append(("hinge", hinge, -0.3, 1))
    for y in (0.0, 0.25, 1.0):
        bce, on_logits = F.binary_cross_entropy, F.binary_cross_entropy_with_logits
        given.append(("binary_cross_entropy", bce, probabilities, [y] * len(probabilities)))
        given += [("binary_cross_entropy", bce, p, y) for p in probabilities]
        given.append(("binary_cross_entropy_with_logits", on_logits, logits, [y] * len(logits)))
        given += [("binary_cross_entropy_with_logits", on_logits, z, y) for z in logits]
    given.append(("binary_cross_entropy", bce, [[0.2, 0.6], [0.9, 0.4]], [[0.0, 1.0], [0.7, 1.0]]))
    for c in range(3):
        given.append(("cross_entropy", F.cross_entropy, rows, [c] * len(rows)))
        given += [("cross_entropy", F.cross_entropy, row, c) for row in rows]
    cases = []
    for name, f, predictions, targets in given:
        y = torch.tensor(targets) if name == "cross_entropy" else tensor(targets)
        for reduction in ("mean", "sum"):
            x = tensor(predictions, True)
            loss = f(x, y, reduction=reduction)
            loss.backward()
            cases.append({
                "loss": name, "reduction": reduction, "predictions": predictions,
                "targets": targets, "value": loss.item(), "gradient": x.grad.flatten().tolist(),
            })  # fmt: skip
    return cases


def penalty_cases(rng: random.Random) -> list[dict[str, Any]]:
    cases = []
    for alpha, n in ((0.5, 1), (0.01, 5), (3.0, 20)):
        xs = tensor([rng.uniform(-2.0, 2.0) for _ in range(n)], True)
        loss = alpha * (xs * xs).sum()
        loss.backward()
        cases.append({"alpha": alpha, "parameters": xs.tolist(), "value": loss.item(),
                      "gradient": xs.grad.tolist()})  # fmt: skip
    return cases


def clipping_cases() -> list[dict[str, Any]]:
    from torch.nn.utils import clip_grad_norm_, clip_grad_value_

    cases = []
    for gradient in ([3.0, -4.0], [0.1, 0.2, -0.3], [0.0, 0.0], [1e8, 1.0, -1e-3]):
        for limit in (0.0, 0.5, 5.0, 1e6):
            by_norm, by_value = ([tensor(0.0, True) for _ in gradient] for _ in range(2))
            for a, b, g in zip(by_norm, by_value, gradient, strict=True):
                a.grad, b.grad = tensor(g), tensor(g)
            norm = clip_grad_norm_(by_norm, limit)
            clip_grad_value_(by_value, limit)
            cases.append({
                "gradient": gradient, "limit": limit, "norm": norm.item(),
                "by_norm": [p.grad.item() for p in by_norm],
                "by_value": [p.grad.item() for p in by_value],
            })  # fmt: skip
    return cases


def schedule_cases() -> list[dict[str, Any]]:
    """The learning rate of epochs 0 to 8; after the last, PyTorch's cosine rises again."""
    import torch
    from torch.optim import lr_scheduler as schedulers

    cases = []
    for name, args, make in (
        ("step_decay", [0.4, 0.5, 3], lambda o: schedulers.StepLR(o, 3, 0.5)),
        ("linear_decay", [0.4, 8], lambda o: schedulers.LinearLR(o, 1.0, 0.0, 8)),
        ("cosine", [0.4, 8], lambda o: schedulers.CosineAnnealingLR(o, 8)),
    ):
        optimizer = torch.optim.SGD([tensor(0.0, True)], lr=args[0])
        scheduler, rates = make(optimizer), []
        for _ in range(9):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            scheduler.step()
        cases.append({"schedule": name, "args": args, "rates": rates})
    return cases


def main() -> None:
    import torch

    rng = random.Random(2025)
    start = problem(rng)
    runs = [{"optimizer": name, "settings": settings, "parameters": run(start, name, settings)}
            for name, settings in OPTIMIZERS]  # fmt: skip
    parts = {"runs": runs, "losses": loss_cases(rng), "penalties": penalty_cases(rng),
             "clipping": clipping_cases(), "schedules": schedule_cases()}  # fmt: skip
    made_with = f"PyTorch {torch.__version__}, float64"
    texts = [f'"made_with": "{made_with}"', f'"problem": {json.dumps(start)}']
    for name, cases in parts.items():
        texts.append(f'"{name}": [\n' + ",\n".join(json.dumps(case) for case in cases) + "\n]")
    path = Path(__file__).with_name("torch_optim.json")
    path.write_text("{" + ",\n".join(texts) + "}\n", encoding="utf-8")
    counts = ", ".join(f"{len(cases)} {name}" for name, cases in parts.items())
    print(f"{path.name}: {counts}, {path.stat().st_size} bytes, {made_with}")


if __name__ == "__main__":
    main()
