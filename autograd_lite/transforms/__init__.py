"""Derivatives of plain Python functions: grad, value_and_grad, jacobian, hessian, hvp, vjp, jvp.

recorded  one call of a function, recorded on fresh Values
sparse    patterns, colours, sparse matrices
first     gradient, grad, value_and_grad, jacobian, vjp, jvp
second    hessian, hvp, derivative
nodes     stop_gradient, checkpoint, iterate, implicit

All take functions of numbers, arrays and structures of them, are pure (no `grad` of anybody's
Value is touched), and nest.

>>> x = 2.0
>>> grad(lambda x: x * grad(lambda y: x + y)(1.0))(x)  # the inner gradient is 1
1.0
"""

from .first import grad, gradient, jacobian, jvp, value_and_grad, vjp
from .nodes import checkpoint, implicit, iterate, stop_gradient
from .second import derivative, hessian, hvp
from .sparse import colors, sparsity, star_colors

__all__ = [
    "checkpoint", "colors", "derivative", "grad", "gradient", "hessian", "hvp", "implicit",
    "iterate", "jacobian", "jvp", "sparsity", "star_colors", "stop_gradient", "value_and_grad",
    "vjp",
]  # fmt: skip
