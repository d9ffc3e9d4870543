"""Derivatives for SciPy: `objective(f)` has .fun, .jac, .hess and .hessp.

The transforms go into SciPy as they are; an objective shares the work between them.

    least_squares(residuals, x0, jac=jacobian(residuals))
    minimize(value_and_grad(f), x0, jac=True)
    minimize(f, x0, jac=grad(f), hessp=hvp(f), method="trust-ncg")
    root(equations, x0, jac=jacobian(equations))
    root_scalar(f, x0=1.0, fprime=derivative(f), fprime2=derivative(f, 2), method="halley")
    solve_ivp(rhs, span, y0, jac=jacobian(rhs, argnums=1), method="Radau")

>>> from scipy.optimize import minimize
>>> o = objective(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)
>>> found = minimize(o.fun, [-1.2, 1.0], jac=o.jac, hess=o.hess, method="trust-exact")
>>> found.x.round(6)
array([1., 1.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .ieee import shown
from .transforms.first import gradient_of, jacobian_of
from .transforms.recorded import Recorded
from .transforms.second import hessian_of, product_of


class objective:  # noqa: N801
    """A function with its derivatives as SciPy asks for them, at the cost of one recording a point.

    .fun(x, *args)        the value: a float, or for a function of several results an array
    .jac(x, *args)        the gradient, or the Jacobian
    .hess(x, *args)       the Hessian of one result; .hess(x, v) that of the results weighted by v,
                          as NonlinearConstraint wants it
    .hessp(x, p, *args)   the Hessian times p

    .fun evaluates f anew at each call and remembers the recorded graph; the others use that if x is
    the same (and args are the same objects), and share what they find with each other.

    f        f(x, *args) with an array x (or a number), written in Python, NumPy or the functions
             of this library; returns a number, a list or an array
    sparse   .jac of several results and .hess are scipy.sparse matrices

    Raises TypeError where f returns no numbers, ValueError where it returns another number of them
    than before for an x of the same length.

    >>> o = objective(lambda x: x[0] ** 2 * x[1])
    >>> o.fun([3.0, 2.0]), o.jac([3.0, 2.0]), o.hess([3.0, 2.0]).tolist()
    (18.0, array([12.,  9.]), [[4.0, 6.0], [6.0, 0.0]])
    """

    def __init__(self, f: Callable[..., Any], *, sparse: bool = False) -> None:
        if not callable(f):
            raise TypeError(f"objective: it takes a function, not {type(f).__name__} {shown(f)}")
        self.f, self.sparse = f, sparse
        self._last: tuple[bytes, tuple[Any, ...], Recorded] | None = None
        self._sizes: dict[int, int] = {}

    def fun(self, x: Any, *args: Any) -> Any:
        """The value of f."""
        y = self._recorded(x, args).value()
        if isinstance(y, float):
            return y
        import numpy as np

        return np.asarray(y, dtype=float)

    def jac(self, x: Any, *args: Any) -> Any:
        """The gradient, or the Jacobian where f returns several numbers."""
        found = self._at(x, args)
        if found.result.is_single:
            return gradient_of(found)
        return jacobian_of(found, self.sparse)

    def hess(self, x: Any, *args: Any) -> Any:
        """The Hessian; where f returns several numbers, that of their sum weighted by args[0]."""
        import numpy as np

        last = self._last
        if last is not None and not last[2].result.is_single and args:
            found = self._at(x, args[1:])
            return hessian_of(found.weighted(np.asarray(args[0], dtype=float)), self.sparse)
        return hessian_of(self._at(x, args), self.sparse)

    def hessp(self, x: Any, p: Any, *args: Any) -> Any:
        """The Hessian times p."""
        import numpy as np

        return product_of(self._at(x, args), np.asarray(p, dtype=float))

    def _at(self, x: Any, args: tuple[Any, ...]) -> Recorded:
        if self._last is not None:
            key, before, found = self._last
            same = len(args) == len(before) and all(a is b for a, b in zip(args, before))
            if same and key == _array(x).tobytes():
                return found
        return self._recorded(x, args)

    def _recorded(self, x: Any, args: tuple[Any, ...]) -> Recorded:
        at = _array(x)
        found = Recorded("objective", self.f, (at, *args), {})
        n, m = at.size, len(found.result.numbers)
        if self._sizes.setdefault(n, m) != m:
            raise ValueError(
                f"objective: f returned {m} numbers for {n}, but {self._sizes[n]} before; "
                "it must return as many at each call"
            )
        self._last = at.tobytes(), args, found
        return found


def _array(x: Any) -> Any:
    import numpy as np

    return np.array(x, dtype=float)  # a copy, since SciPy may write into its own
