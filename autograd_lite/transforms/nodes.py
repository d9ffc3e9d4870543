"""Parts of a computation that bring their own derivatives: stop_gradient, checkpoint, implicit."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value, kinds, record
from ..ieee import floats, shown, whole
from ..modes import no_grad, no_modes, recording, tracing
from ..ops import OwnRow, Row
from ..program import Untraceable
from ..structure import Structure, detached, has_value
from .recorded import Recorded, transform, unit


def stop_gradient(x: Any) -> Any:
    """x as a constant: the same numbers, by which nothing is differentiated.

    x   a number, a Value, or a structure of them

    >>> from autograd_lite import grad
    >>> grad(lambda x: stop_gradient(x) * x)(3.0)
    3.0
    """
    found = Structure(x, "x", "stop_gradient")
    return found.built([v.detach() if isinstance(v, Value) else v for v in found.numbers])


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """f with a short memory: of a call only the results are kept, and their derivatives by the
    arguments, not the graph between.

    The derivatives are found at once, by a sweep for each number of the result, and the graph is
    freed (in the literature: preaccumulation). Derivatives that are Values, as the second ones need
    them, compute f again (ValueError if it gives another result then). So a loop of n
    steps, cut into segments of sqrt(n) steps, needs memory for 2*sqrt(n); `iterate` cuts it.

    f   a function of numbers and structures of them; it must take all Values that it uses as
        arguments by position (ValueError otherwise)

    >>> x = Value(2.0)
    >>> y = checkpoint(lambda x: x * x * x)(x)
    >>> y.backward()
    >>> y.args == (x,), x.grad
    (True, 12.0)
    """

    return _checkpointed(f, "checkpoint")


def _checkpointed(f: Callable[..., Any], name: str) -> Callable[..., Any]:
    @transform(f, name)
    def shortened(*args: Any, **named: Any) -> Any:
        if has_value(named):
            raise ValueError(f"{name}: give Values by position, not by name")
        places = [i for i, x in enumerate(args) if has_value(x)]
        if not places or not recording() or tracing():
            return f(*args, **named)

        def called(numbers: Sequence[Any]) -> Recorded:
            full = list(args)
            for i, x in zip(places, given.built(numbers)):
                full[i] = x
            return Recorded(name, f, tuple(full), named, places)

        given = Structure(tuple(args[i] for i in places), "args", name)
        point = [x.data if isinstance(x, Value) else x for x in given.numbers]
        given.whole = detached(given.whole)  # so that the nodes' rows hold no Value
        args = tuple(detached(x) if has_value(x) else x for x in args)
        found = called(point)
        if found.linked:
            raise ValueError(
                f"{name}: the function uses a Value from outside; give it as an argument"
            )
        linear, results = found.linear, found.result.numbers

        def node(i: int, y: Any) -> Any:
            if not isinstance(y, Value):
                return y

            def value(m: Any, *xs: Any) -> Any:
                again = called(xs if m is floats else point)
                result = again.result.numbers[i]
                return _data(result) if m is floats else again.program(result).run(xs, m)[0]

            def partials(m: Any, y: Any, *xs: Any) -> tuple[Any, ...]:
                again = called(xs)
                if _data(again.result.numbers[i]) != _data(y) == _data(y):
                    raise ValueError(
                        f"{name}: the function, computed again, gave another result; give it all "
                        "that it uses and that changes, as a variable of a loop does, as arguments"
                    )
                return _row(again, i)

            slopes = linear.pull(unit(i, len(results)))
            called_it = f"checkpoint_{i + 1}" if len(results) > 1 else "checkpoint"
            return record(y.data, _opaque(called_it, value, partials), given.numbers, slopes)

        return found.result.built([node(i, y) for i, y in enumerate(results)])

    return shortened  # type: ignore[no-any-return]


def iterate(step: Callable[..., Any], state: Any, times: int, *args: Any) -> Any:
    """The state after so many steps, each state = step(state, i, *args) with i = 0, 1, 2 ...

    The graph is not kept: memory and the depth of the graph grow as sqrt(times); see checkpoint.

    state   a number, a Value or a structure of them; every Value that step uses must come as state
            or among args

    >>> a = Value(0.5)
    >>> x = iterate(lambda x, i, a: a * x * (1 - x) + i, 0.3, 100, a)
    >>> x.backward()
    >>> len(x.args)
    2
    """
    times = whole(times, "times", "iterate")
    length = math.isqrt(times) or 1

    def segment(state: Any, start: int, *args: Any) -> Any:
        for i in range(start, min(start + length, times)):
            state = step(state, i, *args)
        return state

    shortened = _checkpointed(segment, "iterate")
    for start in range(0, times, length):
        state = shortened(state, start, *args)
    return state


def implicit(g: Callable[..., Any], solve: Callable[..., Any]) -> Callable[..., Any]:
    """The solution x of g(x, *args) = 0 as a function of args, with its derivatives.

    dx/da = -(dg/dx)^-1 dg/da at the solution, however that was found (implicit function theorem);
    of any order, since the derivative is written in terms of x itself.

    g       as many numbers as x has, in any structure; all Values that it uses must be arguments
    solve   solve(*args) with plain numbers: the solution, by any method; the derivatives are as
            exact as it is

    A first derivative takes n**3 operations of floats for n unknowns, a second n**4 of Values, and
    calls solve again: it is meant for few unknowns.

    The function raises ValueError where g has another number of results than x has numbers or uses
    a Value from outside, where dg/dx is singular, and where a Newton step shows that solve did not
    return a solution.

    >>> root = implicit(lambda x, a: x * x - a, lambda a: a**0.5)
    >>> a = Value(9.0)
    >>> x = root(a)
    >>> x.backward()
    >>> x.data, a.grad
    (3.0, 0.16666666666666666)
    """

    @transform(solve, "implicit")
    def solution(*args: Any) -> Any:
        if tracing():
            raise Untraceable("implicit() finds its solution with plain numbers")
        given = Structure(args, "args", "implicit")
        numbers = given.numbers
        point = [x.data if isinstance(x, Value) else x for x in numbers]
        with no_grad():
            found = Structure(solve(*given.built(point)), "the solution", "implicit")
        xs = [x.data if isinstance(x, Value) else x for x in found.numbers]
        if not recording():
            return found.built(xs)
        given.whole = detached(given.whole)
        slopes = _implicit_slopes(g, found, xs, given, point)
        if kinds.isdisjoint(map(type, numbers)):
            return found.built(xs)

        def node(i: int) -> Value:
            def value(m: Any, *others: Any) -> Any:
                if m is not floats:
                    raise TypeError("implicit: a solution is found for plain numbers only")
                again = Structure(solve(*given.built(others)), "the solution", "implicit")
                return again.numbers[i]

            def partials(m: Any, y: Any, *others: Any) -> tuple[Any, ...]:
                again = solution(*given.built(others))
                there = Structure(again, "the solution", "implicit")
                if not abs(_data(there.numbers[i]) - _data(y)) <= 1e-6 * max(1.0, abs(_data(y))):
                    raise ValueError(
                        "implicit: solve, called again, gave another solution; give it all that "
                        "it uses and that changes, such as a variable of a loop, as arguments"
                    )
                return tuple(_implicit_slopes(g, found, there.numbers, given, others)[i])

            name = f"implicit_{i + 1}" if len(xs) > 1 else "implicit"
            return record(xs[i], _opaque(name, value, partials), numbers, slopes[i])

        return found.built([node(i) for i in range(len(xs))])

    return solution  # type: ignore[no-any-return]


def _implicit_slopes(
    g: Callable[..., Any], x: Structure, xs: Sequence[Any], given: Structure, point: Sequence[Any]
) -> list[list[Any]]:
    """For each number of the solution its derivatives by the arguments."""
    args = (x.built(xs), *given.built(point))
    found = Recorded("implicit", g, args, {}, range(len(args)))
    n, residuals = len(xs), found.result.numbers
    if found.linked and not found.given_values:
        raise ValueError("implicit: g uses a Value from outside; make it one of its arguments")
    if len(residuals) != n:
        raise ValueError(
            f"implicit: g must return as many numbers as x has, {n}, not {len(residuals)}"
        )
    with no_modes():
        returned = f"implicit: solve returned {shown(x.built([*map(_data, xs)]))}"
        if not all(math.isfinite(_data(r)) for r in residuals):
            raise ValueError(f"{returned}, where g is not finite: it is no solution")
        rows = [_row(found, i) for i in range(n)]
        solved = _solved([[*row, r] for row, r in zip(rows, residuals)], n)
        newton = max((abs(_data(row[-1])) for row in solved), default=0.0)
        if not newton <= 1e-6 * max([1.0, *(abs(_data(v)) for v in xs)]):
            raise ValueError(
                f"{returned}, which a Newton step changes by {newton:.2g}: it is no solution"
            )
        return [[-slope for slope in row[:-1]] for row in solved]


def _solved(rows: list[list[Any]], n: int) -> list[list[Any]]:
    """A^-1 B for rows [A | B], by elimination with partial pivoting; numbers or Values."""
    for k in range(n):
        best = max(range(k, n), key=lambda i: abs(_data(rows[i][k])))
        rows[k], rows[best] = rows[best], rows[k]
        pivot = rows[k][k]
        if not abs(_data(pivot)) > 0.0:
            raise ValueError(
                "implicit: the derivative of g by x is singular at the solution, "
                "so the solution has no derivative"
            )
        rows[k] = [x / pivot for x in rows[k]]
        for i in range(n):
            factor = rows[i][k]
            if i != k and not (factor.__class__ is float and factor == 0.0):
                rows[i] = [x - factor * y for x, y in zip(rows[i], rows[k])]
    return [row[n:] for row in rows]


def _row(found: Recorded, i: int) -> tuple[Any, ...]:
    """The derivatives of number i of the result by the inputs."""
    with no_modes():
        return tuple(found.linear.pull(unit(i, len(found.result.numbers))))


def _opaque(name: str, value: Callable[..., Any], partials: Callable[..., Any]) -> Row:
    return OwnRow(name, name, value, partials, {}, arity=None, symbol=name)


def _data(x: Any) -> float:
    return x.data if isinstance(x, Value) else x
