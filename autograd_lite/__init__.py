"""autograd_lite: scalar automatic differentiation that shows its work.

Table of contents, in reading order; a file imports only from files above it:

pure        AUTOGRAD_LITE_PURE=1: the engine as Python, also where it is compiled
ieee        plain numbers, and functions of them that never raise
ops         the table of rules: every operation, and all calculus
text        a number that writes itself: formulas as Python, as Unicode, as LaTeX
modes       no_grad; what it shares with detect_anomaly and record_source
primitives  what the compiled engine does in C, in Python
engine      Value, operators, backward
functions   exp, log, tanh ... for floats, Values and NumPy arrays
graph       order, edges, names and rows of a recorded graph; copies and pickles
arrays      NumPy arrays of Values
structure   lists, tuples, dicts, dataclasses and arrays of numbers, taken apart
program     Programs: a recorded computation as a list, and its gradient as another
custom      operations of the user's own
transforms  grad, jacobian, hessian and the like of plain functions; gradient of a Value
nn          Neuron, Layer, MLP
called      names for Values from the caller's variables
losses      mse, mae, hinge, cross-entropies, the L2 penalty
compile     functions traced once and run as programs, at a point and over rows
optim       SGD, Adam, clipping of gradients, step-size schedules
data        data sets, mini-batches, CSV files
fit         training: epochs of mini-batches, history, accuracy
explain     the derivation: the chain rule as a lecturer writes it
diagnose    where a nan came from, the source line of a node, a look at a net in training
check       gradient checking with a verdict for each derivative
scipy       objective: a function with its derivatives, for SciPy's optimisers
render      DOT text to SVG and PNG
draw        the picture
testing     random functions, points and nets for property tests; given_gradients
sklearn     MLPClassifier, MLPRegressor in scikit-learn's style
cli         python -m autograd_lite
"""

# fmt: off

from . import pure as pure  # first: it decides which engine is loaded
from .arrays import array, data_of, grad_of
from .check import GradientError, check_grads
from .custom import operation
from .diagnose import AnomalyError, detect_anomaly, lint, record_source, source
from .compile import compile, compile_loss
from .draw import draw
from .engine import Value
from .explain import explain
from .fit import fit
from .functions import (
    abs, absolute, acos, acosh, add, arccos, arccosh, arcsin, arcsinh, arctan, arctan2,
    arctanh, asin, asinh, atan, atan2, atanh, cbrt, ceil, clamp, clip, cos, cosh, div, dot,
    elu, erf, erfc, exp, exp2, expm1, fabs, floor, floordiv, gelu, hypot, leaky_relu, log,
    log10, log1p, log2, logsumexp, maximum, mean, minimum, mod, mul, ndtr, neg, pow, prod,
    reciprocal, relu, rint, round, sigmoid, sign, silu, sin, sinh, softmax, softplus, sqrt,
    square, sub, sum, swish, tan, tanh, trunc, where,
)
from .graph import adjoints, edges, order, table
from .losses import (
    binary_cross_entropy, binary_cross_entropy_with_logits, cross_entropy, hinge, l2_penalty, mae,
    mse,
)
from .modes import no_grad
from .nn import MLP, Layer, Module, Neuron
from .ops import TABLE
from .optim import (
    SGD, Adam, Optimizer, clip_grad_norm, clip_grad_value, cosine, linear_decay, step_decay,
)
from .render import RenderError
from .program import Instruction, Program
from .transforms import (
    checkpoint, derivative, grad, gradient, hessian, hvp, implicit, iterate, jacobian, jvp,
    sparsity, stop_gradient, value_and_grad, vjp,
)

__all__ = [
    "Adam", "AnomalyError", "GradientError", "Instruction", "Layer", "MLP", "Module", "Neuron",
    "Optimizer", "Program", "RenderError", "SGD", "TABLE", "Value", "abs", "absolute", "acos",
    "acosh", "add", "adjoints", "arccos", "arccosh", "arcsin", "arcsinh", "arctan", "arctan2",
    "arctanh", "array", "asin", "asinh", "atan", "atan2", "atanh", "binary_cross_entropy",
    "binary_cross_entropy_with_logits", "cbrt", "ceil", "check_grads", "checkpoint", "clamp",
    "clip", "clip_grad_norm", "clip_grad_value", "compile", "compile_loss", "cos", "cosh",
    "cosine", "cross_entropy",
    "data_of", "derivative", "detect_anomaly", "div", "dot", "draw", "edges", "elu", "erf",
    "erfc", "exp", "exp2", "explain", "expm1", "fabs", "fit", "floor", "floordiv", "gelu", "grad",
    "grad_of", "gradient", "hessian", "hinge", "hvp", "hypot", "implicit", "iterate", "jacobian",
    "jvp", "l2_penalty", "leaky_relu", "linear_decay", "lint", "log", "log10", "log1p", "log2",
    "logsumexp", "mae", "maximum", "mean", "minimum", "mod", "mse", "mul", "ndtr", "neg",
    "no_grad", "operation", "order", "pow", "prod", "reciprocal", "record_source", "relu", "rint",
    "round", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softplus", "source",
    "sparsity", "sqrt", "square", "step_decay", "stop_gradient", "sub", "sum", "swish", "table",
    "tan", "tanh", "trunc", "value_and_grad", "vjp", "where",
]

__version__ = "0.1.0"
