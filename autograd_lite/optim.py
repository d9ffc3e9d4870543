"""Optimisers: how parameters move along their gradients."""

from __future__ import annotations

from collections.abc import Iterable

from .engine import Value
from .ieee import number, shown

__all__ = ["SGD"]


class SGD:
    """Gradient descent, θ ← θ - η ∂C/∂θ. Source: eq. (1) of the note on the 2-2-1 net.

    parameters   the Values to move, such as net.parameters()
    lr           the learning rate η, positive

    Raises TypeError for a parameter that is not a Value, ValueError for none or for lr <= 0.

    >>> w = Value(1.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data
    0.8
    """

    def __init__(self, parameters: Iterable[Value], lr: float = 0.01) -> None:
        self.parameters = list(parameters)
        self.lr = number(lr, "lr", "SGD")
        if not self.lr > 0.0:
            raise ValueError(f"SGD: lr = {lr!r} must be positive")
        if not self.parameters:
            raise ValueError("SGD: parameters is empty; give net.parameters()")
        for p in self.parameters:
            if not isinstance(p, Value):
                raise TypeError(
                    f"SGD: parameters must be Values, not {type(p).__name__} {shown(p)}"
                )

    def step(self) -> None:
        """Move every parameter by -lr times its gradient."""
        for p in self.parameters:
            p.data -= self.lr * p.grad

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0."""
        for p in self.parameters:
            p.grad = 0.0
