"""The engine: a Value records each operation; backward() walks the recorded graph in reverse.

A node keeps its number, its inputs and its derivative by each input, so the sweep contains no
calculus: for each node, for each input, add derivative times gradient. The calculus is in ops/; the
hottest operations are written out here for speed, and a test holds them to their rows bit by bit.
"""

# fmt: off
from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Number
from operator import eq, ge, gt, le, lt, ne
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from .ieee import Label, Scalar, inf, nan, number, operand, shown, terms, text
from .ieee import refuse_to_be_subclassed, refuse_to_drop_the_gradient
from .modes import Sourced, active, compared, era, given, noted, read, swept
from .ops import TABLE, Row, floats, methods

if TYPE_CHECKING:  # setup.py may compile this file; engine.pxd has types and C forms for that
    from cython import compiled as _compiled, no_gc
else:
    from .primitives import _compiled, no_gc
if not _compiled:
    from .primitives import div as _div, exp as _exp, known as _known, log as _log, meet as _meet
    from .primitives import met as _met, new as _new, packed as _packed, packed_data as _packed_data
    from .primitives import power as _pow, product as _product, push as _push, seen as _seen
    from .primitives import set_grads as _set_grads, settle as _settle, spread as _spread
    from .primitives import sqrt as _sqrt, tanh as _tanh, total as _total, unpacked as _unpacked
compiled: bool = _compiled

ADD, SUB, MUL, DIV, NEG, POW, MOD, FLOORDIV, EXP, LOG, SQRT, TANH, SIGMOID, RELU, DOT, SUM = map(
    TABLE.__getitem__,
    "add sub mul div neg pow mod floordiv exp log sqrt tanh sigmoid relu dot sum".split())
Result: TypeAlias = "Value"  # or NotImplemented: then Python asks the other operand

def apply(row: Row, *args: Any) -> Any:
    """The operation of `row`: a float if all arguments are numbers, else a new Value."""
    if len(args) == 1 == row.arity and isinstance(args[0], Value):  # the usual case, faster
        a = args[0]._num
        y = row.value(floats, a)
        return _node(y, row, args[0], row.partials(floats, y, a)[0], None, 0.0)
    full = args if len(args) == row.arity else row.complete(args)
    args = tuple([x if isinstance(x, Value) or type(x) is float
                  else number(x, row.argument(i), row.name) for i, x in enumerate(full)])
    data = [x._num if isinstance(x, Value) else x for x in args]
    y = row.value(floats, *data)
    plain = kinds.isdisjoint(map(type, args))
    return y if plain else record(y, row, args, row.partials(floats, y, *data))

@no_gc
class Value:
    """A number that remembers how it was computed; TypeError for what is not a real number.

    data      the number, a float
    grad      the accumulated derivative, by this Value, of what backward() was called on
    label     its name in drawings and derivations, LaTeX-like: ``w^1_{2,1}``
    op        the row of the operation that made it, None for a leaf
    args      its inputs, Values and plain numbers: data is op.value of them
    partials  its derivative by each input, as recorded (0.0 for plain numbers)

    >>> w, x = Value(2.0, label="w"), Value(-3.0, label="x")
    >>> y = (w * x + 6.88).tanh()
    >>> y.backward()
    >>> round(w.grad, 4), round(x.grad, 4)
    (-1.5029, 1.0019)
    """

    # A unary node has _a; a binary one _a and _b, where a plain number leaves its own place None
    # and lies in the _da or _db that it does not need; a node of any number of arguments holds a
    # tuple in _a, that may contain plain numbers, the derivatives in _b; a leaf, its era in _da.
    __slots__ = ("_a", "_b", "_da", "_db", "_grad", "_label", "_num", "_row")

    def __init__(self, data: Scalar, label: Label = "") -> None:
        self._num: float = data if type(data) is float else given(self, data)
        self._label: str = label if type(label) is str else text(label, "label", "Value")
        self._row: Row | None = None
        self._a: Any = None
        self._b: Any = None
        self._da: float = era[0]
        self._grad = self._db = 0.0
        if active: noted(self)
    __init_subclass__ = classmethod(refuse_to_be_subclassed)
    @property
    def data(self) -> float: return read(self) if active else self._num
    @data.setter
    def data(self, x: Scalar) -> None:
        self._num = x if type(x) is float and not active else given(self, x)
    @property
    def grad(self) -> float: return self._grad
    @grad.setter
    def grad(self, x: Scalar) -> None:
        self._grad = x if type(x) is float else number(x, "grad", "Value")
    @property
    def label(self) -> str: return str(self._label)
    @label.setter
    def label(self, x: Label) -> None:
        x = x if type(x) is str else text(x, "label", "Value")
        self._label = self._label.renamed(x) if type(self._label) is Sourced else x  # same line
    @property
    def op(self) -> Row | None: return self._row
    _era = property(lambda v: v._da if v._row is None else -1.0)  # when a leaf was made
    _op = property(lambda v: v._row.symbol if v._row else "")  # micrograd's names
    _prev = property(lambda v: {a for a in v.args if isinstance(a, Value)})
    @property
    def args(self) -> tuple[Any, ...]:
        if self._row is None or self._row.arity == 1:
            return () if self._row is None else (self._a,)
        two = self._da if self._a is None else self._a, self._db if self._b is None else self._b
        return two if self._row.arity == 2 else self._a
    @property
    def partials(self) -> tuple[float, ...]:
        if self._row is None or self._row.arity == 1:
            return () if self._row is None else (self._da,)
        two = 0.0 if self._a is None else self._da, 0.0 if self._b is None else self._db
        if self._row.arity == 2: return two
        slopes = zip(self._a, _unpacked(self._b))
        return tuple([p if isinstance(a, Value) else 0.0 for a, p in slopes])

    def __add__(self, other: Any) -> Result:
        if isinstance(other, Value):
            v: Value = other
            return _node(self._num + v._num, ADD, self, 1.0, v, 1.0)
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(self._num + x, ADD, self, 1.0, None, x)
    def __radd__(self, other: Any) -> Result:
        if type(other) is int and other == 0: return self  # the start of the built-in sum()
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(x + self._num, ADD, None, x, self, 1.0)
    def __sub__(self, other: Any) -> Result:
        if isinstance(other, Value):
            v: Value = other
            return _node(self._num - v._num, SUB, self, 1.0, v, -1.0)
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(self._num - x, SUB, self, 1.0, None, x)
    def __rsub__(self, other: Any) -> Result:
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(x - self._num, SUB, None, x, self, -1.0)
    def __mul__(self, other: Any) -> Result:
        if isinstance(other, Value):
            v: Value = other
            return _node(self._num * v._num, MUL, self, v._num, v, self._num)
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(self._num * x, MUL, self, x, None, x)
    def __rmul__(self, other: Any) -> Result:
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(x * self._num, MUL, None, x, self, x)
    def __truediv__(self, other: Any) -> Result:
        if isinstance(other, Value):
            v: Value = other
            y = _div(self._num, v._num)
            if -1e-300 < y < 1e-300: return _binary(DIV, self, v)  # lost digits: the row's way
            return _node(y, DIV, self, _div(1.0, v._num), v, -_div(y, v._num))
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        return _node(_div(self._num, x), DIV, self, _div(1.0, x), None, x)
    def __rtruediv__(self, other: Any) -> Result:
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        y = _div(x, self._num)
        if -1e-300 < y < 1e-300: return _binary(DIV, x, self)
        return _node(y, DIV, None, x, self, -_div(y, self._num))
    def __pow__(self, other: Any) -> Result:
        if isinstance(other, Value): return _binary(POW, self, other)
        if type(other) is not float and (other := operand(other)) is None: return NotImplemented
        x: float = other
        power = _pow(self._num, x - 1.0)
        if x - 1.0 + 1.0 != x or not 1e-300 < abs(power) < inf: return _binary(POW, self, x)  # rare
        return _node(_pow(self._num, x), POW, self, x * power, None, x)
    def __rpow__(self, other: Any) -> Result: return _binary(POW, other, self)
    def __mod__(self, other: Any) -> Result: return _binary(MOD, self, other)
    def __rmod__(self, other: Any) -> Result: return _binary(MOD, other, self)
    def __floordiv__(self, other: Any) -> Result: return _binary(FLOORDIV, self, other)
    def __rfloordiv__(self, other: Any) -> Result: return _binary(FLOORDIV, other, self)
    def __divmod__(self, other: Any) -> tuple[Value, Value]: return self // other, self % other
    def __rdivmod__(self, other: Any) -> tuple[Value, Value]: return other // self, other % self
    def __neg__(self) -> Value: return _node(-self._num, NEG, self, -1.0, None, 0.0)
    def __pos__(self) -> Value: return self
    def conjugate(self) -> Value: return self
    def __abs__(self) -> Value: return self.abs()  # type: ignore[no-any-return]
    def __lt__(self, other: Any) -> bool: return _compare(lt, self, other)
    def __le__(self, other: Any) -> bool: return _compare(le, self, other)
    def __gt__(self, other: Any) -> bool: return _compare(gt, self, other)
    def __ge__(self, other: Any) -> bool: return _compare(ge, self, other)
    def __eq__(self, other: object) -> bool: return _compare(eq, self, other)
    def __ne__(self, other: object) -> bool: return _compare(ne, self, other)
    def __bool__(self) -> bool: return bool(self != 0.0) if active else self._num != 0.0
    def __float__(self) -> NoReturn: refuse_to_drop_the_gradient("float")
    def __int__(self) -> NoReturn: refuse_to_drop_the_gradient("int")
    def __complex__(self) -> NoReturn: refuse_to_drop_the_gradient("complex")
    def __format__(self, spec: str) -> str: return format(self._num, spec) if spec else repr(self)
    def __repr__(self) -> str:
        label = f", label={self._label!r}" if self._label else ""
        return f"Value(data={self._num}, grad={self._grad}{label})"
    __hash__ = object.__hash__

    def exp(self) -> Value:
        y = _exp(self._num)
        return _node(y, EXP, self, y, None, 0.0)
    def log(self) -> Value:
        a = self._num
        return _node(_log(a), LOG, self, nan if a < 0.0 else _div(1.0, a), None, 0.0)
    def sqrt(self) -> Value:
        y = _sqrt(self._num)
        return _node(y, SQRT, self, _div(0.5, y), None, 0.0)
    def tanh(self) -> Value:
        e = _exp(-2.0 * abs(self._num))
        slope = 4.0 * e / ((1.0 + e) * (1.0 + e))
        return _node(_tanh(self._num), TANH, self, slope, None, 0.0)
    def sigmoid(self) -> Value:
        e = _exp(-abs(self._num))
        y = (e if self._num < 0.0 else 1.0) / (1.0 + e)
        return _node(y, SIGMOID, self, e / ((1.0 + e) * (1.0 + e)), None, 0.0)
    def relu(self) -> Value:
        a = self._num
        if a <= 0.0: return _node(0.0, RELU, self, 0.0, None, 0.0)
        return _node(a, RELU, self, 1.0 if a > 0.0 else nan, None, 0.0)

    # The other rows, under their own and NumPy's names; a test compares with the table
    sign, floor, ceil, trunc, maximum, minimum, hypot = methods(
        apply, "sign floor ceil trunc maximum minimum hypot")
    square, reciprocal, cbrt, exp2, expm1, log2, log10, log1p = methods(
        apply, "square reciprocal cbrt exp2 expm1 log2 log10 log1p")
    sin, cos, tan, arcsin, arccos, arctan, arctan2, sinh, cosh, arcsinh, arccosh, arctanh = methods(
        apply, "sin cos tan arcsin arccos arctan arctan2 sinh cosh arcsinh arccosh arctanh")
    asin, acos, atan, atan2, asinh, acosh, atanh = (
        arcsin, arccos, arctan, arctan2, arcsinh, arccosh, arctanh)
    abs, round, clip, softplus, leaky_relu, elu, silu, gelu, erf, erfc, ndtr = methods(
        apply, "abs round clip softplus leaky_relu elu silu gelu erf erfc ndtr")
    absolute, fabs, rint, clamp, swish = abs, abs, round, clip, silu
    __floor__, __ceil__, __trunc__, __round__ = floor, ceil, trunc, round

    def backward(self, seed: Scalar = 1.0) -> None:
        """Add to the grad of every leaf the derivative of this Value by it, times `seed`.

        The grad of every inner node becomes its adjoint, the derivative of this Value by it, as
        of this call; only leaves accumulate. An adjoint that is exactly 0 passes on exactly 0.
        If a call is interrupted, the leaves are as before it. Linear time, no recursion.

        >>> x = Value(3.0)
        >>> y = x * x
        >>> y.backward(), y.backward(), x.grad
        (None, None, 12.0)
        """
        sweep(self, order(self), number(seed, "seed", "backward"))

    def _forget(self) -> None:
        """Become a leaf: no_grad."""
        self._row = self._a = self._b = None
        self._da, self._db = era[0], 0.0
    def zero_grad(self) -> None:
        """Set grad to 0.0 here and in all that this Value depends on."""
        for v in order(self): v._grad = 0.0
    def detach(self) -> Value:
        """A leaf with the same number and label."""
        return Value(self.data, self.label)

kinds = frozenset(_settle(Value))  # the classes of nodes, for a look at many at once
def packed_data(values: list[Value]) -> bytes: return _packed_data(values)  # see primitives.py
def set_grads(values: list[Value], grads: bytes) -> None: _set_grads(values, grads)
def sweep(root: Value, nodes: list[Value], seed: float = 1.0, by: Any = ()) -> list[float]:
    """backward() over known nodes, inputs first; or, with leaves `by`, only their derivatives."""
    leaves: list[Value] = []
    before: list[float] = []
    try:  # with a call: Python 3.13 has jumps of a loop outside of any try
        _pass_back(root, nodes, seed, leaves, before)
        if active: swept(nodes, [*zip(leaves, before)])
        found = [x._grad for x in by]
        for v, g in zip(leaves, before): v._grad = g if by else v._grad + g
        return found
    except BaseException:
        for v, g in zip(leaves, before): v._grad = g
        raise

def _pass_back(root: Value, nodes: list[Value], seed: float, leaves: Any, before: Any) -> None:
    for v in nodes:
        if v._row is None:
            leaves.append(v)
            before.append(v._grad)
        v._grad = 0.0
    root._grad = seed
    for v in reversed(nodes):
        g, a, b = v._grad, v._a, v._b
        if g == 0.0: continue
        if type(a) is tuple:
            _spread(g, a, b)
            continue
        if a is not None:
            u: Value = a
            u._grad += g * v._da
        if b is not None:
            w: Value = b
            w._grad += g * v._db

def order(*roots: Value, stop: Iterable[Value] = ()) -> list[Value]:
    """The nodes that `roots` depend on, each once, inputs first; without those that `stop` hides.

    >>> order(Value(2.0).exp() + 1)[0].data
    2.0
    """
    hidden = [*stop]
    for v in (*roots, *hidden):
        if not isinstance(v, Value):
            raise TypeError(f"order: roots must be Values, not {type(v).__name__} {shown(v)}")
    return _walk([x for v in reversed(roots) for x in (v, None)], hidden, [])

def _walk(stack: list[Any], stop: list[Value], nodes: list[Value]) -> list[Value]:
    # On the stack are nodes to go down from, each below a None, and nodes whose inputs are done.
    # Compiled, nothing here may run other code (a new tuple might: the collector's finalizers).
    seen = _seen()
    for v in stop: _meet(seen, v)
    while stack:
        v = stack.pop()
        if v is not None:
            nodes.append(v)
            continue
        v = stack.pop()
        while not _met(seen, v):  # down along the first inputs
            _meet(seen, v)
            a, b = v._a, v._b
            if v._row is None or (type(a) is tuple and _known(seen, a)):
                nodes.append(v)
                break
            stack.append(v)
            if type(a) is tuple:
                _push(stack, seen, a)
                break
            if a is not None and b is not None and not _met(seen, b):
                stack.append(b)
                stack.append(None)
            v = b if a is None else a
    return nodes

def dot(ws: Iterable[Any], xs: Iterable[Any], bias: Any = None, label: Label = "") -> Any:
    """The scalar product, one node: z = w_1 x_1 + ... + w_n x_n + bias.

    Each product is rounded once and their sum once, so the order of the terms does not matter.
    A float if all are numbers; ValueError if ws and xs differ in length. Source: eq. (4) of the
    note on the 2-2-1 net.

    >>> dot([Value(0.7), Value(0.5)], [10, -5], bias=1.0).data
    5.5
    """
    ws = ws if type(ws) is list else terms(ws, "ws", "dot")
    xs = xs if type(xs) is list else terms(xs, "xs", "dot")
    if len(ws) != len(xs):
        raise ValueError(f"dot: {len(ws)} weights for {len(xs)} inputs; give as many of each")
    return _many(DOT, _product(DOT, ws, xs, bias), label)

def sum(xs: Iterable[Any], label: Label = "") -> Any:
    """The sum of any number of terms, one node, rounded once. A float if all are numbers.

    >>> sum([Value(0.1)] * 10).data
    1.0
    """
    return _many(SUM, _total(SUM, xs if type(xs) is list else terms(xs, "xs", "sum")), label)

def _many(row: Row, made: Any, label: Label) -> Any:
    args, y, slopes = made
    for a in args:
        if isinstance(a, Value):
            label = label if type(label) is str else text(label, "label", row.name)
            return _node(y, row, args, 0.0, slopes, 0.0, label)
    return y
if not _compiled:
    def _node(
            data: float, row: Row, a: Any, da: float, b: Any, db: float, label: str = "") -> Value:
        v: Value = _new(Value)
        v._num, v._grad = data, 0.0
        v._label, v._row = label, row
        v._a, v._da = a, da
        v._b, v._db = b, db
        return noted(v) if active else v
def record(y: float, row: Row, args: Any, partials: Any) -> Value:
    """_node of arguments and derivatives in the order of the row."""
    if row.arity == 1: return _node(y, row, args[0], partials[0], None, 0.0)
    if row.arity != 2:
        if len(args) != len(partials): raise ValueError(f"{row.name}: not a partial for each")
        return _node(y, row, tuple(args), 0.0, _packed(partials), 0.0)
    (a, b), (da, db) = args, partials
    a, da = (a, da) if isinstance(a, Value) else (None, a)
    b, db = (b, db) if b.__class__ is Value else (None, b)
    return _node(y, row, a, da, b, db)
def _binary(row: Row, a: Any, b: Any) -> Result:
    """An operator's row; NotImplemented beside a type that is no number, so Python asks that."""
    a = a if isinstance(a, Value) else operand(a)
    b = b if b.__class__ is Value else operand(b)
    return NotImplemented if a is None or b is None else apply(row, a, b)
def _compare(operator: Callable[[Any, Any], Any], v: Value, other: Any) -> bool:
    if active and (known := compared(operator.__name__, v, other)) is not None: return known  # type: ignore[no-any-return]
    if isinstance(other, Value): return bool(operator(v._num, other._num))
    return bool(operator(v._num, other)) if isinstance(other, Number) else NotImplemented
