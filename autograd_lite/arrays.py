"""NumPy arrays of Values: made, and read as arrays of numbers.

An array of Values has dtype object. `+ - * / ** @`, np.sum, np.mean, np.dot, np.exp and the other
functions whose names a Value has as methods work on it, and so do the functions of this library.

>>> import numpy as np
>>> x = array([1.0, 2.0])
>>> y = np.sum(np.exp(x) * x)
>>> y.backward()
>>> grad_of(x).round(3)
array([ 5.437, 22.167])
"""

from __future__ import annotations

from typing import Any

from .engine import Value
from .ieee import number, text


def array(x: Any, label: str = "") -> Any:
    """An array of Values of the shape of x; Values that are there already stay what they are.

    x      numbers or Values in nested lists of equal lengths, or an array
    label  "w" names the new Values w_1, w_2 ..., of a matrix w_{1,1}, w_{1,2} ...

    Raises ValueError for lists of different lengths, TypeError for what is no number.

    >>> array([[1, 2], [3, 4]], label="w")[1, 0]
    Value(data=3.0, grad=0.0, label='w_{2,1}')
    """
    np = numpy_for("array")
    text(label, "label", "array")
    found = _objects(x, "array")
    for at in np.ndindex(found.shape):
        if not isinstance(found[at], Value):
            places = ",".join(str(i + 1) for i in at)
            name = label and places and (f"{label}_{{{places}}}" if at[1:] else f"{label}_{places}")
            found[at] = Value(number(found[at], _path(at), "array"), name or label)
    return found


def data_of(x: Any) -> Any:
    """The numbers of an array of Values, or of nested lists of them, as a float64 array.

    >>> data_of([Value(1.0), 2.0])
    array([1., 2.])
    """
    return _read(x, "data_of", lambda v: v.data)


def grad_of(x: Any) -> Any:
    """The gradients of an array of Values as a float64 array; 0 for a plain number."""
    return _read(x, "grad_of", lambda v: v.grad)


def numpy_for(function: str) -> Any:
    """NumPy, or an ImportError that says how to get it."""
    try:
        import numpy
    except ImportError as error:
        raise ImportError(
            f"{function}: it needs NumPy; pip install 'autograd_lite[scipy]'"
        ) from error
    return numpy


def _read(x: Any, function: str, of: Any) -> Any:
    np = numpy_for(function)
    found = _objects(x, function)
    read = np.empty(found.shape)
    for at in np.ndindex(found.shape):
        v = found[at]
        if isinstance(v, Value):
            read[at] = of(v)
        else:
            plain = number(v, _path(at), function)
            read[at] = plain if function == "data_of" else 0.0
    return read


def _path(at: tuple[int, ...]) -> str:
    return "x" + "".join(f"[{i}]" for i in at)


def _objects(x: Any, function: str) -> Any:
    """x as a new array of objects."""
    np = numpy_for(function)
    try:
        found = np.array(x, dtype=object)
    except ValueError:
        found = None
    if found is None or any(isinstance(item, (list, tuple, np.ndarray)) for item in found.ravel()):
        raise ValueError(f"{function}: x has rows of different lengths; give equal ones")
    return found
