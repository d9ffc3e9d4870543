"""Derivatives for SciPy: `objective(f)` has .fun, .jac, .hess and .hessp.

The transforms go into SciPy as they are; an objective shares the work between them.

    least_squares(residuals, x0, jac=jacobian(residuals))
    minimize(value_and_grad(f), x0, jac=True)
    minimize(f, x0, jac=grad(f), hessp=hvp(f), method="trust-ncg")
    root(equations, x0, jac=jacobian(equations))
    root_scalar(f, x0=1.0, fprime=derivative(f), fprime2=derivative(f, 2), method="halley")
    solve_ivp(rhs, span, y0, jac=jacobian(rhs, argnums=1), method="Radau")
    curve_fit(model, x, y, p0, jac=lambda x, *p: np.column_stack(
        jacobian(model, argnums=range(1, 1 + len(p)))(x, *p)))

>>> from scipy.optimize import minimize
>>> o = objective(lambda x: (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2)
>>> found = minimize(o.fun, [-1.2, 1.0], jac=o.jac, hess=o.hess, method="trust-exact")
>>> found.x.round(6)
array([1., 1.])
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .arrays import numpy_for
from .ieee import shown
from .transforms.first import gradient_of, jacobian_of
from .transforms.recorded import Recorded
from .transforms.second import hessian_of, product_of


class objective:  # noqa: N801
    """A function with its derivatives as SciPy asks for them, which share what they find.

    .fun(x)       the value: a float, or for a function of several results an array
    .jac(x)       the gradient, or the Jacobian
    .hess(x)      the Hessian; .hess(x, v) that of the results weighted by v, as NonlinearConstraint
                  wants it
    .hessp(x, p)  the Hessian times p

    .fun evaluates f anew at each call and remembers the recorded graph; the others use that if x is
    the same.

    f        f(x, *args) with an array x (or a number), written in Python, NumPy or the functions
             of this library; returns a number, a list or an array
    args     further arguments of f, fixed here rather than in SciPy's args=
    sparse   .jac of several results and .hess are scipy.sparse matrices

    A function to be minimised must return one number, not an array of one.

    Raises TypeError where f returns no numbers, ValueError where it returns another number of them
    than before for an x of the same shape, or uses a Value from outside (not inside no_grad()).

    >>> o = objective(lambda x: x[0] ** 2 * x[1])
    >>> o.fun([3.0, 2.0]), o.jac([3.0, 2.0]), o.hess([3.0, 2.0]).tolist()
    (18.0, array([12.,  9.]), [[4.0, 6.0], [6.0, 0.0]])
    """

    def __init__(self, f: Callable[..., Any], *args: Any, sparse: bool = False) -> None:
        if not callable(f):
            raise TypeError(f"objective: it takes a function, not {type(f).__name__} {shown(f)}")
        self.f, self.args, self.sparse = f, args, sparse
        self._last: tuple[Any, Recorded] | None = None
        self._sizes: dict[tuple[int, ...], int] = {}

    def fun(self, x: Any) -> Any:
        """The value of f."""
        found = self._recorded(_array(x))
        if found.result.is_single:
            return found.values(found.result.numbers)[0]
        return numpy_for("objective").asarray(found.value())

    def jac(self, x: Any) -> Any:
        """The gradient, or the Jacobian where f returns several numbers."""
        found = self._at(x)
        if found.result.is_single:
            return gradient_of(found)
        return jacobian_of(found, self.sparse)

    def hess(self, x: Any, v: Any = None) -> Any:
        """The Hessian of f, or of the sum of its results times v."""
        found = self._at(x)
        if v is not None:
            weights = numpy_for("objective").asarray(v, dtype=float)
            found = found.weighted(weights.item() if found.result.is_single else weights)
        return hessian_of(found, self.sparse)

    def hessp(self, x: Any, p: Any) -> Any:
        """The Hessian times p."""
        vector = numpy_for("objective").asarray(p, dtype=float)
        return product_of(self._at(x), vector)

    def _at(self, x: Any) -> Recorded:
        at = _array(x)
        if self._last is not None:
            before, found = self._last
            if at.shape == before.shape and at.tobytes() == before.tobytes():
                return found
        return self._recorded(at)

    def _recorded(self, at: Any) -> Recorded:
        found = Recorded("objective", self.f, (at, *self.args), {})
        if found.linked:
            raise ValueError(
                "objective: it gives plain numbers, but f uses a Value from outside, or x holds "
                "some; give their .data, or call it inside no_grad()"
            )
        m = len(found.result.numbers)
        if self._sizes.setdefault(at.shape, m) != m:
            raise ValueError(
                f"objective: f returned {m} numbers, but {self._sizes[at.shape]} before for an x "
                f"of shape {at.shape}; it must return as many at each call"
            )
        self._last = at, found
        return found


def _array(x: Any) -> Any:
    """A copy, since SciPy may write into its own; what has no floats is refused later, by name."""
    found = numpy_for("objective").array(x)
    return found.astype(float) if found.dtype.kind in "fiub" else found
