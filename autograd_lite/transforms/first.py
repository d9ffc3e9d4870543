"""First derivatives: gradient, grad, value_and_grad, jacobian, vjp, jvp."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..engine import Value, order
from ..functions import values
from ..ieee import shown, terms
from ..modes import no_modes
from ..program import Linear
from ..structure import Structure, as_array
from .recorded import Argnums, Recorded, transform
from .sparse import compressed, matrix


def gradient(root: Value, wrt: Sequence[Value]) -> list[Value]:
    """The derivatives of `root` by each of `wrt`, as Values that know how they were computed.

    The sweep of backward() with the rows of the table over Values instead of floats; it touches no
    `grad`. A Value that `root` does not depend on gives Value(0.0).

    root   a recorded Value
    wrt    leaves or inner nodes of its graph

    Raises TypeError for what is no Value.

    >>> x, y = Value(2.0), Value(3.0)
    >>> [v.data for v in gradient(x * x * y, [x, y])]
    [12.0, 4.0]
    """
    if not isinstance(root, Value):
        raise TypeError(f"gradient: root must be a Value, not {type(root).__name__} {shown(root)}")
    wanted = terms(wrt, "wrt", "gradient")
    for i, v in enumerate(wanted):
        if not isinstance(v, Value):
            raise TypeError(f"gradient: wrt[{i}] must be a Value, not {shown(v)}")
    with no_modes():
        different = [*dict.fromkeys(wanted)]
        slopes = Linear.of([root], different, values, order(root)).pull([1.0])
    found = {x: v if isinstance(v, Value) else Value(v) for x, v in zip(different, slopes)}
    return [found[x] for x in wanted]


def grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """The gradient of f as a function with the arguments of f.

    f         returns one number; its arguments are numbers, arrays, or lists, tuples, dicts and
              dataclasses of them
    argnums   the place of the argument to differentiate by, or a tuple of places (the gradient is
              then a tuple); the other arguments may be anything
    has_aux   f returns (number, aux), and the gradient comes as (gradient, aux)

    The gradient has the structure of the argument: floats for numbers, float64 arrays for arrays.
    Where an argument is a Value, or f uses a Value from outside, it consists of Values that can be
    differentiated further (of plain numbers inside no_grad()). Nothing is written into any `grad`.

    Raises TypeError where an argument or the result is not made of numbers.

    >>> grad(lambda x: x**3)(2.0)
    12.0
    >>> grad(grad(lambda x: x**3))(2.0)
    12.0
    >>> grad(lambda p: p["a"] * p["b"][0])({"a": 2.0, "b": [5.0, 7.0]})
    {'a': 5.0, 'b': [2.0, 0.0]}
    """

    @transform(f, "grad")
    def gradient(*args: Any, **named: Any) -> Any:
        found = Recorded("grad", f, args, named, argnums, has_aux)
        slopes = gradient_of(found)
        return (slopes, found.auxiliary()) if has_aux else slopes

    return gradient  # type: ignore[no-any-return]


def value_and_grad(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """The same with the value of f: (value, gradient), or ((value, aux), gradient).

    >>> value_and_grad(lambda x, y: x * y)(2.0, 5.0)
    (10.0, 5.0)
    """

    @transform(f, "value_and_grad")
    def value_and_gradient(*args: Any, **named: Any) -> Any:
        found = Recorded("value_and_grad", f, args, named, argnums, has_aux)
        slopes, y = gradient_of(found), found.value()
        return ((y, found.auxiliary()), slopes) if has_aux else (y, slopes)

    return value_and_gradient  # type: ignore[no-any-return]


def gradient_of(found: Recorded) -> Any:
    """The gradient of a recorded call."""
    return found.argument.built(found.numbers(found.slopes))


def jacobian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, sparse: bool = False
) -> Callable[..., Any]:
    """All first derivatives of f, which may return any structure of numbers.

    In place of each number of the result stands the structure of the argument; an array of shape s
    and an argument of shape t give an array of shape s + t. A list that f returns for an array
    counts as an array. It takes as many sweeps over the recorded graph as there are inputs, or
    outputs if these are fewer.

    sparse   give a scipy.sparse.csr_array of the numbers of the result by those of the argument;
             inputs that no output shares go into one sweep (Curtis, Powell and Reid 1974)

    argnums, has_aux and errors as for grad.

    >>> jacobian(lambda x: [x[0] * x[1], x[0], 7.0])([2.0, 3.0])
    [[3.0, 2.0], [1.0, 0.0], [0.0, 0.0]]
    """

    @transform(f, "jacobian")
    def derivatives(*args: Any, **named: Any) -> Any:
        found = Recorded("jacobian", f, args, named, argnums, has_aux)
        table = jacobian_of(found, sparse)
        return (table, found.auxiliary()) if has_aux else table

    return derivatives  # type: ignore[no-any-return]


def jacobian_of(found: Recorded, sparse: bool = False) -> Any:
    """The Jacobian of a recorded call."""
    if sparse:
        return matrix(found, compressed(found.linear), len(found.result.numbers))
    rows = [found.numbers(row) for row in found.rows()]
    return _result(found).table(found.argument, rows)


def _result(found: Recorded) -> Structure:
    """The structure of the result, a list counting as an array where an argument is one."""
    argument = found.argument
    if any(shape is not None for _, shape in argument.blocks):
        return Structure(as_array(found.result.whole), found.result.name, "jacobian")
    return found.result


def vjp(
    f: Callable[..., Any], *args: Any, has_aux: bool = False
) -> tuple[Any, Callable[[Any], Any]]:
    """The value of f at these arguments, and its vector-Jacobian product as a function.

    That takes weights in the structure of the value, and gives a tuple: by each argument the
    derivative of the sum of values times weights. All arguments must be numbers or structures of
    numbers. (value, product, aux) with has_aux.

    >>> y, pull = vjp(lambda a, b: [a * b, a + b], 2.0, 3.0)
    >>> y, pull([1.0, 10.0])
    ([6.0, 5.0], (13.0, 12.0))
    """
    found = Recorded("vjp", f, args, {}, range(len(args)), has_aux)
    linear = found.linear
    found.argument.keep()
    found.result.keep()
    found.unchanged()

    def pull(weights: Any) -> Any:
        given = found.result.matching(weights, "weights")
        found.unchanged()
        with no_modes():
            return found.argument.built(found.numbers(linear.pull(given.numbers), given.numbers))

    y = found.value()
    return (y, pull, found.auxiliary()) if has_aux else (y, pull)  # type: ignore[return-value]


def jvp(
    f: Callable[..., Any], args: Sequence[Any], tangents: Sequence[Any], *, has_aux: bool = False
) -> tuple[Any, Any]:
    """The value of f at `args`, and its change where these change by `tangents`: Jacobian times
    vector, in one sweep forward.

    args, tangents   tuples with an entry for each argument of f, all of them numbers or structures
                     of numbers

    Both results have the structure of the value of f. (value, change, aux) with has_aux.

    >>> jvp(lambda a, b: a * b, (2.0, 3.0), (1.0, 0.0))
    (6.0, 3.0)
    """
    for name, each in (("args", args), ("tangents", tangents)):
        if not isinstance(each, (tuple, list)):
            raise TypeError(
                f"jvp: {name} must be a tuple with an entry for each argument of f, as ({name},), "
                f"not {type(each).__name__} {shown(each)}"
            )
    found = Recorded("jvp", f, tuple(args), {}, range(len(args)), has_aux)
    given = found.argument.matching(tuple(tangents), "tangents")
    linear = found.linear
    with no_modes():
        change = found.result.built(found.numbers(linear.push(given.numbers), given.numbers))
    y = found.value()
    return (y, change, found.auxiliary()) if has_aux else (y, change)  # type: ignore[return-value]
