"""Optimisers: how parameters move along their gradients; clipping; step-size schedules.

>>> w = Value(1.0)
>>> optimizer, lr = SGD([w], momentum=0.9), cosine(0.1, steps=20)
>>> for epoch in range(20):
...     optimizer.lr = lr(epoch)
...     optimizer.zero_grad()
...     (w * w).backward()
...     optimizer.step()
>>> abs(w.data) < 0.3, optimizer.steps
(True, 20)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from .engine import Value
from .ieee import floats, number, shown, terms

__all__ = [
    "SGD", "Adam", "Optimizer", "clip_grad_norm", "clip_grad_value", "cosine", "linear_decay",
    "step_decay",
]  # fmt: skip


class Optimizer:
    """What the optimisers share: parameters, settings, and numbers kept from step to step.

    parameters     the Values to move, such as net.parameters(); each is moved once
    lr             the learning rate η; it may be set between steps, to 0 as well
    weight_decay   λ: adds λθ to the gradient of θ, as a penalty λθ²/2 in the loss would
    steps          how many steps were taken
    """

    settings: tuple[str, ...] = ("weight_decay",)  # arguments after parameters and lr

    def __init__(self, parameters: Iterable[Value], lr: float, weight_decay: float = 0.0) -> None:
        self.parameters = list(dict.fromkeys(_values(parameters, self.name)))
        if not number(lr, "lr", self.name) > 0.0:
            raise ValueError(f"{self.name}: lr = {lr!r} must be positive")
        self.lr = lr
        if not self.parameters:
            raise ValueError(f"{self.name}: parameters is empty; give net.parameters()")
        self.weight_decay = _between(self.name, "weight_decay", weight_decay)
        self.steps = 0
        self._kept: dict[str, list[float]] = {}  # a number for each parameter, or none yet

    @property
    def name(self) -> str:
        return type(self).__name__

    @property
    def lr(self) -> float:
        return self._lr

    @lr.setter
    def lr(self, x: float) -> None:
        self._lr = _between(self.name, "lr", x)

    def step(self) -> None:
        """Move every parameter along its gradient."""
        decay = self.weight_decay
        gradient = [p.grad + decay * p.data if decay else p.grad for p in self.parameters]
        moves = self._moves(gradient)
        for p, move in zip(self.parameters, moves, strict=True):
            p.data += move
        self.steps += 1

    def _moves(self, gradient: list[float]) -> list[float]:
        """What to add to each parameter; a subclass says how."""
        return [-self.lr * g for g in gradient]

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0."""
        for p in self.parameters:
            p.grad = 0.0

    def state(self) -> dict[str, Any]:
        """Settings and kept numbers, not the parameters, as a dict that JSON can hold.

        >>> SGD([Value(1.0)], lr=0.1).state()["lr"]
        0.1
        """
        found = {name: getattr(self, name) for name in ("lr", *self.settings, "steps")}
        return {"optimizer": self.name, **_copied({**found, **self._kept})}

    def load_state(self, state: dict[str, Any]) -> None:
        """Go on where the optimiser stood that gave this state, of as many parameters.

        Raises ValueError, and changes nothing, for what is not such a state.
        """
        try:
            self.__dict__.update(self._restored(state).__dict__)
        except (TypeError, ValueError, OverflowError) as error:
            raise ValueError(
                f"{self.name}.load_state: not a state of {self.name} for {len(self.parameters)} "
                f"parameters: {error}; give what its state() returned"
            ) from None

    def _restored(self, state: Any) -> Optimizer:
        """A new optimiser of these parameters in that state; the constructor checks settings."""
        own = self.state()
        if not isinstance(state, dict) or state.keys() != own.keys():
            raise ValueError(f"it must be a dict of {', '.join(own)}, not {shown(state)}")
        if state["optimizer"] != self.name:
            raise ValueError(f"it is of {shown(state['optimizer'])}")
        given = {name: state[name] for name in self.settings}
        new = type(self)(self.parameters, 1.0, **given)
        new.lr, new.steps = state["lr"], state["steps"]
        if type(new.steps) is not int or new.steps < 0:
            raise ValueError(f"steps = {shown(new.steps)} is no number of steps")
        for name, fresh in new._kept.items():
            xs = state[name]
            if not isinstance(xs, list) or len(xs) not in (len(fresh), len(self.parameters)):
                raise ValueError(f"{name} = {shown(xs)} must be a list of a number for each")
            new._kept[name] = [number(x, f"{name}[{i}]", self.name) for i, x in enumerate(xs)]
        return new


class SGD(Optimizer):
    """Gradient descent, θ ← θ - η ∂C/∂θ. Source: eq. (1) of the note on the 2-2-1 net.

    parameters     the Values to move, such as net.parameters()
    lr             the learning rate η, positive
    momentum       μ: moves by -η v with v ← μ v + (1 - τ) ∂C/∂θ, at the first step v = ∂C/∂θ
    dampening      τ, see momentum
    weight_decay   λ: adds λθ to ∂C/∂θ
    nesterov       moves by -η (∂C/∂θ + μ v); needs momentum, and no dampening

    Formulas and defaults (but for lr) are PyTorch's. Raises TypeError for a parameter that is not
    a Value, ValueError for none, for lr <= 0 or another setting out of its range. Sources: Polyak,
    Some methods of speeding up the convergence of iteration methods (1964); Sutskever et al., On
    the importance of initialization and momentum in deep learning (2013).

    >>> w = Value(1.0)
    >>> optimizer = SGD([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> w.data
    0.8
    """

    settings = ("momentum", "dampening", "weight_decay", "nesterov")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 0.01,
        momentum: float = 0.0,
        dampening: float = 0.0,
        weight_decay: float = 0.0,
        nesterov: bool = False,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        self.momentum = _between("SGD", "momentum", momentum)
        self.dampening = _between("SGD", "dampening", dampening)
        self.nesterov = nesterov
        if not isinstance(nesterov, bool):
            raise TypeError(f"SGD: nesterov must be True or False, not {shown(nesterov)}")
        if nesterov and (self.momentum == 0.0 or self.dampening != 0.0):
            raise ValueError("SGD: nesterov = True needs momentum > 0 and dampening = 0")
        self._kept = {"velocity": []}

    def _moves(self, gradient: list[float]) -> list[float]:
        mu, before = self.momentum, self._kept["velocity"]
        if mu:
            rest = 1.0 - self.dampening
            v = [mu * v + rest * g for v, g in zip(before, gradient)] if before else gradient
            self._kept["velocity"] = v
            gradient = [g + mu * v for g, v in zip(gradient, v)] if self.nesterov else v
        return super()._moves(gradient)


class Adam(Optimizer):
    """Adam: θ ← θ - η m̂ / (√v̂ + ε), running means of the gradient and of its square.

    m ← β₁ m + (1 - β₁) g and v ← β₂ v + (1 - β₂) g², with g = ∂C/∂θ + λθ; both start at 0, which
    m̂ = m / (1 - β₁ᵗ) and v̂ = v / (1 - β₂ᵗ) make good at step t.

    parameters     the Values to move, such as net.parameters()
    lr             the learning rate η, positive
    betas          β₁ and β₂, from 0 to below 1
    eps            ε, at least 0
    weight_decay   λ

    Formulas and defaults are PyTorch's. Raises TypeError for a parameter that is not a Value,
    ValueError for none, for lr <= 0 or another setting out of its range. Source: Kingma and Ba,
    Adam: a method for stochastic optimization, ICLR (2015).

    >>> w = Value(1.0)
    >>> optimizer = Adam([w], lr=0.1)
    >>> (w * w).backward()
    >>> optimizer.step()
    >>> print(f"{w:.6f}")
    0.900000
    """

    settings = ("betas", "eps", "weight_decay")

    def __init__(
        self,
        parameters: Iterable[Value],
        lr: float = 1e-3,
        betas: Sequence[float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, lr, weight_decay)
        if not isinstance(betas, (list, tuple)) or len(betas) != 2:
            raise TypeError(f"Adam: betas must be two numbers such as (0.9, 0.999), not {betas!r}")
        self.betas = [_between("Adam", f"betas[{i}]", b, 1.0) for i, b in enumerate(betas)]
        self.eps = _between("Adam", "eps", eps)
        zeros = [0.0] * len(self.parameters)
        self._kept = {"m": zeros, "v": zeros}

    def _moves(self, gradient: list[float]) -> list[float]:
        (b1, b2), t = self.betas, self.steps + 1
        m = [m + (1.0 - b1) * (g - m) for m, g in zip(self._kept["m"], gradient)]
        v = [b2 * v + (1.0 - b2) * g * g for v, g in zip(self._kept["v"], gradient)]
        self._kept = {"m": m, "v": v}
        size, root = self.lr / (1.0 - b1**t), math.sqrt(1.0 - b2**t)
        divisors = [math.sqrt(x) / root + self.eps for x in v]
        if 0.0 in divisors:
            return [floats.div(-size * x, d) for x, d in zip(m, divisors)]
        return [-size * x / d for x, d in zip(m, divisors)]

    def _restored(self, state: Any) -> Optimizer:
        new = super()._restored(state)
        if min(new._kept["v"]) < 0.0:
            raise ValueError(f"v holds {min(new._kept['v'])}, but it is a mean of squares")
        return new


def clip_grad_norm(parameters: Iterable[Value], max_norm: float) -> float:
    """Scale all gradients by min(1, max_norm / (|g| + 1e-6)); returns their norm |g| before.

    parameters   Values, such as net.parameters()
    max_norm     at least 0

    Formula of PyTorch. Raises TypeError for what is not a Value, ValueError for a negative norm.
    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks,
    ICML (2013).

    >>> w = Value(1.0)
    >>> w.grad = 4.0
    >>> clip_grad_norm([w], 2.0), round(w.grad, 5)
    (4.0, 2.0)
    """
    found = _values(parameters, "clip_grad_norm")
    max_norm = _between("clip_grad_norm", "max_norm", max_norm)
    norm = math.hypot(*(p.grad for p in found))
    factor = max_norm / (norm + 1e-6)
    for p in found:
        p.grad *= 1.0 if factor > 1.0 else factor
    return norm


def clip_grad_value(parameters: Iterable[Value], clip_value: float) -> float:
    """Keep each gradient within ±clip_value; returns the norm of all before.

    >>> w = Value(1.0)
    >>> w.grad = -4.0
    >>> clip_grad_value([w], 0.5), w.grad
    (4.0, -0.5)
    """
    found = _values(parameters, "clip_grad_value")
    c = _between("clip_grad_value", "clip_value", clip_value)
    norm = math.hypot(*(p.grad for p in found))
    for p in found:
        p.grad = min(max(p.grad, -c), c)  # in this order a nan stays
    return norm


def step_decay(lr: float, factor: float, every: float) -> Callable[[float], float]:
    """The schedule lr * factor**(epoch // every), epochs counted from 0.

    >>> [step_decay(0.5, factor=0.5, every=2)(epoch) for epoch in range(5)]
    [0.5, 0.5, 0.25, 0.25, 0.125]
    """
    lr, factor = _between("step_decay", "lr", lr), _between("step_decay", "factor", factor)
    every = _between("step_decay", "every", every, least=1.0)
    return lambda epoch: lr * float(factor ** (epoch // every))


def linear_decay(lr: float, steps: float) -> Callable[[float], float]:
    """The schedule lr * (1 - epoch/steps), 0 from epoch = steps on.

    >>> [linear_decay(1.0, steps=2)(epoch) for epoch in range(4)]
    [1.0, 0.5, 0.0, 0.0]
    """
    lr, steps = (
        _between("linear_decay", "lr", lr),
        _between("linear_decay", "steps", steps, least=1.0),
    )
    return lambda epoch: lr * (1.0 - min(epoch, steps) / steps)


def cosine(lr: float, steps: float) -> Callable[[float], float]:
    """The schedule lr * (1 + cos(π epoch/steps)) / 2, 0 from epoch = steps on.

    Source: Loshchilov and Hutter, SGDR: stochastic gradient descent with warm restarts (2017).

    >>> [round(cosine(1.0, steps=2)(epoch), 9) for epoch in range(4)]
    [1.0, 0.5, 0.0, 0.0]
    """
    lr, steps = _between("cosine", "lr", lr), _between("cosine", "steps", steps, least=1.0)
    return lambda epoch: lr * (1.0 + math.cos(math.pi * min(epoch, steps) / steps)) / 2.0


def _values(parameters: Any, function: str) -> list[Value]:
    found = list(terms(parameters, "parameters", function))
    for p in found:
        if not isinstance(p, Value):
            raise TypeError(
                f"{function}: parameters must be Values, not {type(p).__name__} {shown(p)}"
            )
    return found


def _between(
    function: str, name: str, x: Any, below: float = math.inf, least: float = 0.0
) -> float:
    found = number(x, name, function)
    if not least <= found < below:
        limit = "finite" if below == math.inf else f"below {below:g}"
        raise ValueError(f"{function}: {name} = {shown(x)} must be at least {least:g} and {limit}")
    return found


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    return {k: list(x) if isinstance(x, list) else x for k, x in state.items()}
