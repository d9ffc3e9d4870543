"""Neurons, layers and multi-layer perceptrons, in the notation of the lecture notes.

Neuron j of layer l computes z^l_j = sum_i w^l_{j,i} x_i + b^l_j, one node, and its activation
σ^l_j; every weight, bias, pre-activation and activation carries that name as its label.

>>> net = MLP(2, [2, 1], activation="sigmoid", output="sigmoid", bias=1.0)
>>> net.weights = [[[0.2, 0.9], [0.7, 0.5]], [[0.1, 0.5]]]
>>> print(f"{net([10, -5]):.7f}")
0.8199793
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .engine import Value, dot
from .ieee import number, shown
from .ops import ALIASES, TABLE, Missing

Init = str | Callable[[int, int, Any], float]

INITS: dict[str, Callable[[int, int, Any], float]] = {
    "uniform": lambda nin, nout, rng: rng.uniform(-1.0, 1.0),  # micrograd's
    "xavier": lambda nin, nout, rng: rng.uniform(-1.0, 1.0) * math.sqrt(6.0 / (nin + nout)),
    "he": lambda nin, nout, rng: rng.gauss(0.0, 1.0) * math.sqrt(2.0 / nin),
}
ACTIVATIONS = [
    "linear",
    *(
        n
        for n, r in TABLE.items()
        if hasattr(Value, n) and Missing not in [*r.defaults.values()][1:]
    ),
]


class Module:
    """Something with parameters."""

    def parameters(self) -> list[Value]:
        """All parameters, neuron by neuron, weights then bias."""
        return []

    def named_parameters(self) -> Iterator[tuple[str, Value]]:
        """The parameters with their labels.

        >>> [name for name, p in Neuron(2).named_parameters()]
        ['w^1_{1,1}', 'w^1_{1,2}', 'b^1_1']
        """
        return ((p.label, p) for p in self.parameters())

    def zero_grad(self) -> None:
        """Set the gradient of every parameter to 0.0."""
        for p in self.parameters():
            p.grad = 0.0


class Neuron(Module):
    """σ(w_1 x_1 + ... + w_n x_n + b).

    nin         number of inputs
    activation  name of a function of the table, or "linear", or a function of a Value
    bias        initial bias; None: no bias
    init        "uniform" in (-1, 1), "xavier" (Glorot and Bengio 2010), "he" (He et al. 2015), or
                a function of (number of inputs, number of neurons, random generator)
    rng         where random weights come from, by default Python's global generator
    layer, index, nout   its place, for labels, and the size of its layer, for init
    nonlin      micrograd's name: False is activation="linear"

    >>> import random
    >>> neuron = Neuron(3, activation="tanh", rng=random.Random(1))
    >>> neuron
    TanhNeuron(3)
    """

    def __init__(
        self,
        nin: int,
        nonlin: bool = True,
        *,
        activation: str | Callable[[Value], Any] = "relu",
        bias: float | None = 0.0,
        init: Init = "uniform",
        rng: Any = None,
        layer: int = 1,
        index: int = 1,
        nout: int = 1,
    ) -> None:
        nin = _size("Neuron", "nin", nin)
        if rng is None:
            import random as rng
        draw = INITS.get(init) if isinstance(init, str) else init
        if not callable(draw):
            raise ValueError(f"Neuron: init = {shown(init)}; use one of {', '.join(INITS)}")
        at_layer = _script(layer)
        self.activation = activation if nonlin else "linear"
        self._activate = _activation(self.activation)
        self._named = isinstance(self.activation, str)  # of the table: a new node, without a label
        self.w = [
            Value(draw(nin, nout, rng), label=f"w^{at_layer}_{{{index},{i}}}")
            for i in range(1, nin + 1)
        ]
        place = f"^{at_layer}_{_script(index)}"
        self.b = None if bias is None else Value(number(bias, "bias", "Neuron"), label=f"b{place}")
        self._z, self._sigma = f"z{place}", rf"\sigma{place}"

    def __call__(self, x: Sequence[Any]) -> Any:
        try:
            z = dot(self.w, x, self.b, self._z)
        except (TypeError, ValueError):
            self._require_inputs(x)
            raise
        if self._activate is None:
            return z
        out = self._activate(z)
        if self._named or (isinstance(out, Value) and not out.label):
            out.label = self._sigma
        return out

    def _require_inputs(self, x: Any) -> None:
        if not hasattr(x, "__len__"):
            raise TypeError(
                f"Neuron: x must be a list of inputs, not {type(x).__name__} {shown(x)}"
            ) from None
        if len(x) != len(self.w):
            raise ValueError(
                f"Neuron: {len(x)} inputs for the {len(self.w)} weights of {self._z}; "
                "give one number or Value for each weight"
            ) from None

    def parameters(self) -> list[Value]:
        return [*self.w] if self.b is None else [*self.w, self.b]

    def __repr__(self) -> str:
        name = self.activation if isinstance(self.activation, str) else "custom"
        name = {"relu": "ReLU"}.get(name, name.capitalize())
        return f"{name}Neuron({len(self.w)})"


class Layer(Module):
    """Neurons that see the same inputs; the keywords are those of Neuron."""

    def __init__(self, nin: int, nout: int, **kwargs: Any) -> None:
        _size("Layer", "nout", nout)
        self.neurons = [
            Neuron(nin, **{"index": j, "nout": nout, **kwargs}) for j in range(1, nout + 1)
        ]

    def __call__(self, x: Sequence[Any]) -> Any:
        """One output comes back as a Value, several as a list."""
        out = [neuron(x) for neuron in self.neurons]
        return out[0] if len(out) == 1 else out

    def parameters(self) -> list[Value]:
        return [p for neuron in self.neurons for p in neuron.parameters()]

    @property
    def weights(self) -> tuple[tuple[float, ...], ...]:
        """weights[j][i] belongs to neuron j and input i; set it as a whole, from nested lists."""
        return tuple(tuple(w.data for w in neuron.w) for neuron in self.neurons)

    @weights.setter
    def weights(self, rows: Sequence[Sequence[float]]) -> None:
        _fit("Layer.weights", rows, self.weights)
        for neuron, row in zip(self.neurons, rows, strict=True):
            for w, x in zip(neuron.w, row, strict=True):
                w.data = x

    @property
    def biases(self) -> tuple[float | None, ...]:
        """One for each neuron, None where it has none; set it as a whole, from a list."""
        return tuple(None if neuron.b is None else neuron.b.data for neuron in self.neurons)

    @biases.setter
    def biases(self, xs: Sequence[float | None]) -> None:
        _fit("Layer.biases", xs, self.biases)
        for neuron, x in zip(self.neurons, xs, strict=True):
            if neuron.b is not None:
                neuron.b.data = x  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Layer of [{', '.join(map(str, self.neurons))}]"


class MLP(Module):
    """A multi-layer perceptron.

    nin         number of inputs
    nouts       numbers of neurons, layer by layer
    activation  of the hidden layers; output: of the last one (names or functions, see Neuron)
    bias        initial bias of every neuron; None: no biases (the note on the 1-1-1 net)
    init        see Neuron
    seed        makes the weights repeatable; None draws from Python's global generator in
                micrograd's order

    Raises TypeError or ValueError that name the argument.

    >>> MLP(2, [3, 1], seed=7)([0.5, -1.0]).label
    'z^2_1'
    """

    def __init__(
        self,
        nin: int,
        nouts: Sequence[int],
        activation: str | Callable[[Value], Any] = "relu",
        output: str | Callable[[Value], Any] = "linear",
        bias: float | None = 0.0,
        init: Init = "uniform",
        seed: int | None = None,
    ) -> None:
        if not isinstance(nouts, (list, tuple)) or not nouts:
            raise TypeError(
                f"MLP: nouts must be a list of layer sizes such as [16, 1], not {shown(nouts)}"
            )
        sizes = [_size("MLP", "nin", nin), *(_size("MLP", "nouts", n) for n in nouts)]
        self.activation, self.output = activation, output
        _activation(activation)  # also where there is no hidden layer to use it
        import random

        rng = random if seed is None else random.Random(seed)
        self.layers = [
            Layer(
                sizes[k], sizes[k + 1], activation=output if k == len(nouts) - 1 else activation,
                bias=bias, init=init, rng=rng, layer=k + 1,
            )
            for k in range(len(nouts))
        ]  # fmt: skip

    def __call__(self, x: Sequence[Any]) -> Any:
        """One output comes back as a Value, several as a list."""
        for layer in self.layers:
            x = [neuron(x) for neuron in layer.neurons]
        return x[0] if len(x) == 1 else x

    def parameters(self) -> list[Value]:
        return [p for layer in self.layers for p in layer.parameters()]

    @property
    def weights(self) -> tuple[tuple[tuple[float, ...], ...], ...]:
        """weights[l][j][i]; set it as a whole, from nested lists."""
        return tuple(layer.weights for layer in self.layers)

    @weights.setter
    def weights(self, layers: Sequence[Sequence[Sequence[float]]]) -> None:
        _fit("MLP.weights", layers, self.weights)
        for layer, rows in zip(self.layers, layers, strict=True):
            layer.weights = rows

    @property
    def biases(self) -> tuple[tuple[float | None, ...], ...]:
        """biases[l][j]; set it as a whole, from nested lists."""
        return tuple(layer.biases for layer in self.layers)

    @biases.setter
    def biases(self, layers: Sequence[Sequence[float | None]]) -> None:
        _fit("MLP.biases", layers, self.biases)
        for layer, xs in zip(self.layers, layers, strict=True):
            layer.biases = xs

    def state(self) -> dict[str, Any]:
        """Sizes, activations, weights and biases, as JSON can hold them."""
        for what in ("activation", "output"):
            if not isinstance(getattr(self, what), str):
                raise ValueError(
                    f"MLP.state: {what} is a function, which JSON cannot hold; give it by name"
                )
        weights = self.weights
        return {
            "format": "autograd_lite MLP", "version": 1, "nin": len(weights[0][0]),
            "nouts": [len(rows) for rows in weights], "activation": self.activation,
            "output": self.output, "weights": weights, "biases": self.biases,
        }  # fmt: skip

    @classmethod
    def from_state(cls, state: Any) -> MLP:
        """The MLP of such a state. Raises ValueError for what is not one."""
        try:
            if state["format"] != "autograd_lite MLP" or state["version"] != 1:
                raise ValueError(f"format {state['format']!r}, version {state['version']!r}")
            bias = None if state["biases"][0][0] is None else 0.0
            sizes = [state["nin"], *state["nouts"]]
            shape = [[len(row) for row in rows] for rows in state["weights"]]
            fits = [
                len(rows) == n and set(rows) <= {m} for rows, m, n in zip(shape, sizes, sizes[1:])
            ]
            if not fits or not all(fits):
                raise ValueError("the weights are not those of such a net")
            numbers = [x for rows in state["weights"] for row in rows for x in row]
            numbers += [b for bs in state["biases"] for b in bs if b is not None]
            if not all(map(math.isfinite, numbers)) or len(shape) != len(sizes) - 1:
                raise ValueError("weights and biases must be finite, one layer for each size")
            net = cls(sizes[0], sizes[1:], state["activation"], state["output"], bias, seed=0)
            net.weights, net.biases = state["weights"], state["biases"]
        except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
            raise ValueError(f"this is not a saved MLP: {type(error).__name__} {error}") from None
        return net

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the state as JSON; every digit is kept."""
        import json

        text = json.dumps(self.state(), indent=1) + "\n"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> MLP:
        """The MLP that `save` wrote. Raises ValueError for a file that is not one."""
        import json

        try:
            with open(path, encoding="utf-8") as file:
                return cls.from_state(json.load(file))
        except (ValueError, RecursionError) as error:
            raise ValueError(
                f"MLP.load: {os.fspath(path)} is not a saved MLP ({error}); write it with save()"
            ) from None

    def __repr__(self) -> str:
        return f"MLP of [{', '.join(map(str, self.layers))}]"


def _activation(activation: Any) -> Callable[[Value], Any] | None:
    if activation == "linear":
        return None
    if isinstance(activation, str) and ALIASES.get(activation, activation) in ACTIVATIONS:
        return getattr(Value, activation)  # type: ignore[no-any-return]
    if callable(activation) and not isinstance(activation, (str, Value)):
        return activation  # type: ignore[no-any-return]
    raise ValueError(
        f"Neuron: activation = {shown(activation)} is not known; "
        "use a function, 'linear', or a name such as 'relu', 'tanh', 'sigmoid', 'gelu'"
    )


def _size(function: str, name: str, n: Any) -> int:
    whole = hasattr(n, "__index__") and not isinstance(n, bool)
    if not whole or n < 1:
        raise TypeError(f"{function}: {name} must be a whole number >= 1, not {shown(n)}")
    return int(n)


def _script(n: int) -> str:
    """An index as LaTeX needs it: several digits in braces."""
    return str(n) if n < 10 else f"{{{n}}}"


def _fit(name: str, new: Any, old: Any, place: str = "") -> None:
    """Raise unless `new` has the shape of `old` and holds numbers."""
    if isinstance(old, tuple):
        if isinstance(new, (str, Value)) or not hasattr(new, "__len__") or len(new) != len(old):
            raise ValueError(f"{name}{place} must be a list of {len(old)}, not {shown(new)}")
        for i, (a, b) in enumerate(zip(new, old, strict=True)):
            _fit(name, a, b, f"{place}[{i}]")
    elif old is not None:
        number(new, f"{name}{place}", "MLP")
    elif new is not None:
        raise ValueError(f"{name}{place} must be None: this neuron has no bias")
