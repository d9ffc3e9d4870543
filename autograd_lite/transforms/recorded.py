"""One call of a function, recorded: what all transforms begin with."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Callable, Sequence
from functools import cached_property, wraps
from threading import Lock
from typing import Any, TypeVar

from ..engine import Value, dot, kinds, order, sweep
from ..functions import values
from ..ieee import floats, shown
from ..modes import always_recording, era, no_modes, recording
from ..ops import TABLE
from ..program import Linear, Program, adjoint
from ..structure import Structure, detached, is_array

Argnums = int | Sequence[int]
T = TypeVar("T")
NO_UFUNC = (
    "autograd_lite: in a derivative an array holds Values, for which NumPy has only functions that "
    "they have as methods; use those of autograd_lite (for isnan(x) say x != x), or plain numbers"
)


class Recorded:
    """A call of f: fresh Values as inputs in place of the arguments it is differentiated by.

    argument  the structure of these arguments (a tuple of them if argnums is one)
    inputs    the fresh Values; each stands for one number, so a Value of an enclosing transform is
              never mistaken for this one's (that mistake is known as perturbation confusion)
    result    the structure of what f returned
    private   whether all Values of the graph were made in this call
    linked    whether derivatives are Values, because an argument is one or f uses one from outside;
              then they can be differentiated again by those
    """

    def __init__(
        self,
        name: str,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        named: dict[str, Any],
        argnums: Argnums = 0,
        has_aux: bool = False,
    ) -> None:
        _check_function(f, name)
        self.name = name
        places, single = places_of(name, argnums, args)
        way_out = "argnums= names those to differentiate by"
        if name in ("vjp", "jvp"):
            way_out = f"fix what is no number: {name}(lambda x: f(x, fixed), ...)"
        self.argument = (
            Structure(args[places[0]], f"args[{places[0]}]", name, way_out)
            if single
            else Structure(tuple([args[i] for i in places]), "args", name, way_out, places)
        )
        self.given_values = not kinds.isdisjoint(map(type, self.argument.numbers))
        is_recording = recording()
        era[0] += 1.0
        now = era[0]
        with always_recording():
            self.inputs = [
                x * 1.0 if isinstance(x, Value) else Value(x) for x in self.argument.numbers
            ]
            fresh = self.argument.argument(self.inputs)
            full = list(args)
            for i, x in zip(places, [fresh] if single else fresh):
                full[i] = x
            try:
                result = f(*full, **named)
            except TypeError as error:
                if "ufunc" in str(error) and hasattr(error, "add_note"):
                    error.add_note(NO_UFUNC)
                raise
        self._aux: Any = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TypeError(
                    f"{name}: with has_aux=True f must return (result, aux), not {shown(result)}"
                )
            result, self._aux = result
        self._keep(_structure_of_result(result, name))
        from_outside = any(0.0 <= v._era < now for v in self.nodes)
        self.private = not (self.given_values or from_outside)
        self.linked = is_recording and not self.private

    def _keep(self, result: Structure) -> None:
        self.result = result
        roots = [y for y in result.numbers if isinstance(y, Value)]
        self.nodes = order(*roots, stop=self.inputs)

    def weighted(self, weights: Any) -> Recorded:
        """The same call, with the sum of its results times weights as the result."""
        given = self.result.matching(weights, "the weights")
        other = copy.copy(self)
        for name in ("slopes", "linear", "_by_program", "_by_values"):
            vars(other).pop(name, None)
        with no_modes():
            other._keep(Structure(dot(given.numbers, self.result.numbers), "the sum", self.name))
        return other

    def single(self) -> Any:
        """The result, which must be one number."""
        y = self.result
        if not y.is_single:
            what = f"an array of shape {y.whole.shape}" if is_array(y.whole) else shown(y.whole)
            way_out = "jacobian has the derivatives of more than one"
            if len(y.numbers) == 1:
                way_out = "return its only number, without the structure around it"
            raise TypeError(f"{self.name}: f must return one number, not {what}; {way_out}")
        return y.numbers[0]

    @cached_property
    def slopes(self) -> list[Any]:
        """The gradient of the result, which must be one number, by the inputs."""
        y = self.single()
        if self.private:
            return self._backward(y, self.nodes)
        with no_modes():
            return self.linear.pull([1.0])

    def rows(self) -> list[list[Any]]:
        """The Jacobian, in the cheapest way.

        Where so little of the graph belongs to each result that each node belongs to three or
        fewer, a sweep of backward() for each is cheaper than the list of edges. That is found out
        from three of them.
        """
        n, ys = len(self.inputs), self.result.numbers
        if self.private:
            some = [y for y in (*ys[:1], *ys[len(ys) // 2 :][:1], *ys[-1:]) if isinstance(y, Value)]
            known = {y: order(y, stop=self.inputs) for y in some}
            if len(ys) * max(map(len, known.values()), default=0) <= 3 * len(self.nodes):
                return [self._backward(y, known.get(y)) for y in ys]
        with no_modes():
            if len(ys) <= n:
                return self.linear.rows()
            columns = [self.linear.push(unit(i, n)) for i in range(n)]
            return [[*row] for row in zip(*columns)] if n else [[] for _ in ys]

    def _backward(self, y: Any, nodes: Sequence[Value] | None = None) -> list[float]:
        """A row by the sweep of backward(), which writes into inner nodes, here all private."""
        if not isinstance(y, Value) or not self.inputs:
            return [0.0] * len(self.inputs)
        between = order(y, stop=self.inputs) if nodes is None else nodes
        return sweep(y, [*self.inputs, *between], by=self.inputs)

    @cached_property
    def linear(self) -> Linear:
        """The derivative of the result by the inputs."""
        with no_modes():
            m = values if self.linked else floats
            return Linear.of(self.result.numbers, self.inputs, m, self.nodes)

    def second(self, use: Callable[[Linear], T]) -> T:
        """`use` of the derivative of the gradient, by the inputs; it returns lists of numbers."""
        if self.in_a_program():
            slopes, linear = self._by_program
            found = use(linear)
            if all(map(_all_finite, (slopes, *found))):  # type: ignore[misc]
                return found
        with no_modes():
            return use(self._by_values)

    @cached_property
    def _by_program(self) -> tuple[list[float], Linear]:
        program = gradient_program(self.program(self.single()))
        slots, linear = Linear.at(program, [x.data for x in self.inputs], floats)
        return program.taken(slots), linear

    @cached_property
    def _by_values(self) -> Linear:
        slopes = Linear.of([self.single()], self.inputs, values, self.nodes).pull([1.0])
        return Linear.of(slopes, self.inputs, values if self.linked else floats)

    def program(self, y: Any) -> Program:
        """The computation of a result from the inputs."""
        return Program.of([y], self.inputs)

    def in_a_program(self) -> bool:
        """Whether the derivatives are of numbers by rules that do not look at numbers."""
        return not self.linked and all(v.op is None or v.op.name in TABLE for v in self.nodes)

    def unchanged(self) -> None:
        """ValueError if a Value from outside, on which derivatives depend, has other data now."""
        if not self.linked:
            return
        before = vars(self).setdefault("_data", [v.data for v in self.nodes])
        for v, x in zip(self.nodes, before):
            if v.data != x == x:
                raise ValueError(
                    f"{self.name}: the data of a Value that f uses was changed, from {x} to "
                    f"{v.data}; call {self.name} again"
                )

    def numbers(self, xs: Sequence[Any], seeds: Sequence[Any] = ()) -> list[Any]:
        """Derivatives as the caller gets them: all floats, or all Values, as where a seed is."""
        if self.linked or self.given_values or not kinds.isdisjoint(map(type, seeds)):
            return [x if isinstance(x, Value) else Value(x) for x in xs]
        return [*xs]

    def values(self, ys: Sequence[Any]) -> list[Any]:
        """Results as the caller gets them."""
        known = ys if self.linked else [y.data if isinstance(y, Value) else y for y in ys]
        return self.numbers(known)

    def auxiliary(self) -> Any:
        """The aux of f as the caller gets it."""
        return self._aux if self.linked else detached(self._aux)

    def value(self) -> Any:
        """The result as the caller gets it."""
        return self.result.built(self.values(self.result.numbers))


def unit(i: int, n: int) -> list[float]:
    """The unit vector i of n."""
    return [0.0] * i + [1.0] + [0.0] * (n - i - 1)


def transform(f: Callable[..., Any], name: str) -> Callable[[Callable[..., Any]], Any]:
    """A decorator: the function below is to be called like f."""
    _check_function(f, name)

    def named_like(g: Callable[..., Any]) -> Callable[..., Any]:
        made = wraps(f)(g)
        made.__name__ = made.__qualname__ = f"{name}({getattr(f, '__name__', type(f).__name__)})"
        return made

    return named_like


class Gradients:
    """The gradients of programs with one output, remembered: mostly the same function is
    differentiated at many points. Of the latest, so many that all have `most` instructions."""

    def __init__(self, most: int = 100_000) -> None:
        self.most, self.size, self.lock = most, 0, Lock()
        self.latest: dict[Program, Program] = {}

    def __call__(self, program: Program) -> Program:
        found = self.latest.get(program) or adjoint(program, [1.0])
        with self.lock:
            self._forget(program)
            self.latest[program] = found
            self.size += _length(program, found)
            while self.size > self.most:
                self._forget(next(iter(self.latest)))
        return found

    def _forget(self, program: Program) -> None:
        if program in self.latest:
            self.size -= _length(program, self.latest.pop(program))

    def clear(self) -> None:
        """Forget them."""
        with self.lock:
            self.latest.clear()
            self.size = 0


def _length(program: Program, gradient: Program) -> int:
    return 1 + len(program.instructions) + len(gradient.instructions)


gradient_program = Gradients()


def _all_finite(xs: Sequence[Any]) -> bool:
    # where a slope is infinite, only the other way keeps the rule for adjoints of 0
    return all(isinstance(x, Value) or math.isfinite(x) for x in xs)


def _check_function(f: Any, name: str) -> None:
    if not callable(f):
        raise TypeError(f"{name}: it takes a function, not {type(f).__name__} {shown(f)}")


def places_of(name: str, argnums: Any, args: Sequence[Any]) -> tuple[list[int], bool]:
    """The places, and whether there is one that is not in a tuple."""
    single = hasattr(argnums, "__index__")
    found = []
    try:
        for i in [argnums] if single else [*argnums]:
            found.append(operator.index(i))
            if isinstance(i, bool):
                raise TypeError
    except TypeError:
        raise TypeError(
            f"{name}: argnums must be whole numbers, one or a tuple, not {shown(argnums)}"
        ) from None
    if not all(-len(args) <= i < len(args) for i in found):
        raise TypeError(
            f"{name}: argnums={argnums!r}, but f was called with {len(args)} arguments "
            "(those by name do not count)"
        )
    places = [i % len(args) for i in found]
    if len({*places}) < len(places):
        raise ValueError(f"{name}: argnums={argnums!r} names an argument twice")
    return places, single


def _structure_of_result(result: Any, name: str) -> Structure:
    way_out = "f must return a number, or a list, tuple, dict, dataclass or array of numbers"
    if result is None:
        raise TypeError(f"{name}: f returned None; does it end with a return?")
    return Structure(result, "the result of f", name, way_out)
