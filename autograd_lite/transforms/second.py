"""Second and higher derivatives: hessian, hvp, derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..functions import values
from ..ieee import floats, shown, whole
from ..modes import no_modes
from ..program import Linear
from .recorded import Argnums, Recorded, transform
from .sparse import compressed_symmetric, matrix


def hessian(
    f: Callable[..., Any], argnums: Argnums = 0, *, has_aux: bool = False, sparse: bool = False
) -> Callable[..., Any]:
    """All second derivatives of f, which returns one number: exactly symmetric.

    In place of each number of the argument stands the structure of the argument: an array of shape
    s gives an array of shape s + s, a list of n numbers n lists. The gradient of f becomes a
    program, which is swept once for each input.

    sparse   give a scipy.sparse.csr_array; as many sweeps as a star colouring of the pattern has
             colours (Gebremedhin, Manne and Pothen 2005)

    argnums, has_aux and errors as for grad.

    >>> hessian(lambda x: x[0] * x[0] * x[1])([2.0, 3.0])
    [[6.0, 4.0], [4.0, 0.0]]
    """

    @transform(f, "hessian")
    def derivatives(*args: Any, **named: Any) -> Any:
        found = Recorded("hessian", f, args, named, argnums, has_aux)
        table = hessian_of(found, sparse)
        return (table, found.auxiliary()) if has_aux else table

    return derivatives  # type: ignore[no-any-return]


def hessian_of(found: Recorded, sparse: bool = False) -> Any:
    """The Hessian of a recorded call."""
    n = len(found.inputs)
    if sparse:
        return matrix(found, found.second(compressed_symmetric), n)
    rows = found.second(Linear.rows)
    lower = found.numbers([rows[i][j] for i in range(n) for j in range(i + 1)])
    at = [[max(i, j) * (max(i, j) + 1) // 2 + min(i, j) for j in range(n)] for i in range(n)]
    return found.argument.table(found.argument, [[lower[k] for k in row] for row in at])


def hvp(f: Callable[..., Any], argnums: Argnums = 0) -> Callable[..., Any]:
    """Hessian times vector, without the Hessian: a function of the arguments of f and the vector.

    hvp(f)(*args, v): v, last, has the structure of the argument (a tuple for a tuple of argnums),
    and so has the result. It costs some ten gradients, however many inputs there are.

    >>> hvp(lambda x: x[0] * x[0] * x[1])([2.0, 3.0], [1.0, 0.5])
    [8.0, 4.0]
    """

    @transform(f, "hvp")
    def product(*args: Any, **named: Any) -> Any:
        if len(args) < 2:
            raise TypeError("hvp: give the arguments of f and then the vector")
        *rest, v = args
        found = Recorded("hvp", f, tuple(rest), named, argnums)
        return product_of(found, v)

    return product  # type: ignore[no-any-return]


def product_of(found: Recorded, v: Any) -> Any:
    """The Hessian of a recorded call times v."""
    given = found.argument.matching(v, "the vector")
    # the Hessian is symmetric, so a sweep backward does it
    (change,) = found.second(lambda linear: [linear.pull(given.numbers)])
    return found.argument.built(found.numbers(change, given.numbers))


def derivative(f: Callable[..., Any], n: int = 1, argnums: int = 0) -> Callable[..., Any]:
    """The nth derivative of f by an argument that is one number.

    ValueError if n is no whole number >= 0; TypeError if the argument or the result is not one
    number.

    >>> derivative(lambda x: x**5, 3)(2.0)
    240.0
    """
    n = whole(n, "n", "derivative")

    @transform(f, "derivative")
    def nth(*args: Any, **named: Any) -> Any:
        found = Recorded("derivative", f, args, named, argnums)
        if not found.argument.is_single:
            raise TypeError(
                "derivative: the argument must be one number, "
                f"not {shown(found.argument.whole)}; use grad, hessian or jacobian"
            )
        y, x = found.single(), found.inputs
        with no_modes():
            for i in range(n, 0, -1):
                m = floats if i == 1 and not found.linked else values  # the last is only a number
                (y,) = Linear.of([y], x, m).pull([1.0])
        return found.argument.built(found.values([y]))

    return nth  # type: ignore[no-any-return]
