"""The other side of compiled.py: the same functions by its peers, each in its fastest form.

Each function here takes the data of a subject and returns a Contender; what is not installed
raises ImportError. Arrays of JAX and PyTorch are made beforehand, CasADi and ddx write into buffers
of ours, and no result is converted before it is compared.
"""

# ruff: noqa: N803  the names of the formulas

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from compiled_work import (
    FAST,
    FOLDER,
    INPUTS,
    PARAMETERS,
    POINT,
    SIZES,
    Contender,
    Straight,
    library,
    price,
    rosenbrock,
    row_loss,
    with_ndtr,
)

# JAX and PyTorch, with matrices


@cache
def jax_numbers() -> tuple[Any, Any]:
    import jax
    from jax.scipy.special import ndtr

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    return jax, SimpleNamespace(
        exp=jnp.exp, log=jnp.log, sqrt=jnp.sqrt, sin=jnp.sin, tanh=jnp.tanh, ndtr=ndtr
    )


def by_jax(make: Callable[[Any], Any], *data: Any, **options: Any) -> Contender:
    jax, _ = jax_numbers()
    function = jax.jit(make(jax), compiler_options=options)
    arrays = [jax.numpy.asarray(a) for a in data]
    ready = jax.block_until_ready
    return Contender(lambda: ready(function(*arrays)), result=jax.tree.leaves)


def jax_rosenbrock(x: Any) -> Contender:
    def loss(x: Any) -> Any:
        t, u = x[1:] - x[:-1] * x[:-1], 1.0 - x[:-1]
        return (100.0 * t * t + u * u).sum()

    return by_jax(lambda jax: jax.value_and_grad(loss), x)


def split(parameters: Any) -> Any:
    """Per layer the weights and the biases, as matrices."""
    start = 0
    for nin, nout in zip(SIZES, SIZES[1:]):
        layer = parameters[start : start + (nin + 1) * nout].reshape(nout, nin + 1)
        start += (nin + 1) * nout
        yield layer[:, :-1], layer[:, -1]


def matrix_loss(tanh: Any, parameters: Any, X: Any, Y: Any) -> Any:
    (w1, b1), (w2, b2), (w3, b3) = split(parameters)
    hidden = tanh(tanh(X @ w1.T + b1) @ w2.T + b2)
    return (((hidden @ w3.T + b3)[:, 0] - Y) ** 2).sum()


def jax_mlp(*data: Any) -> Contender:
    _, m = jax_numbers()
    return by_jax(lambda jax: jax.value_and_grad(lambda *args: matrix_loss(m.tanh, *args)), *data)


def jax_options(*columns: Any) -> Contender:
    _, m = jax_numbers()
    return by_jax(
        lambda jax: jax.vmap(jax.value_and_grad(lambda *x: price(m, *x), range(5))), *columns
    )


def jax_second(*columns: Any) -> Contender:
    jax, m = jax_numbers()

    def one(*x: Any) -> Any:
        first = jax.value_and_grad(lambda *x: price(m, *x), range(5))
        hessian = jax.hessian(lambda *x: price(m, *x), range(5))
        return *first(*x), hessian(*x)

    return by_jax(lambda jax: jax.vmap(one), *columns)


def torch_mlp(*data: Any) -> Contender:
    import torch

    torch.set_num_threads(1)
    parameters, X, Y = map(torch.from_numpy, data)
    parameters.requires_grad_(True)

    def call() -> Any:
        loss = matrix_loss(torch.tanh, parameters, X, Y)
        return loss.detach(), *torch.autograd.grad(loss, parameters)

    return Contender(call)


# ddx-ad


@cache
def ddx_numbers() -> Any:
    import ddx

    others = {name: getattr(ddx, name) for name in ("exp", "log", "sqrt", "sin", "tanh")}
    return with_ndtr(ddx.erf, **others)


def ddx_equation(f: Callable[[list[Any]], Any], n: int) -> Any:
    import ddx

    return ddx.equation(lambda: f([ddx.var(f"v{i}") for i in range(n)]))


def ddx_rosenbrock(x: Any) -> Contender:
    bound = ddx_equation(rosenbrock, len(x)).compile(cache_dir="").buffer(x.copy())

    def call() -> Any:
        bound.x[:] = x
        bound()
        return bound.value, bound.jacobian

    return Contender(call)


def ddx_mlp(parameters: Any, X: Any, Y: Any) -> Contender:
    import ddx

    def model() -> Any:
        weights = [ddx.var(f"p{i}") for i in range(PARAMETERS)]
        x, y = [ddx.param(f"x{i}") for i in range(2)], ddx.param("y")
        return row_loss(ddx_numbers(), weights, x, y)

    equation = ddx.equation(model).compile(points=len(Y), cache_dir="")
    start = np.concatenate([np.repeat(parameters[:, None], len(Y), 1), X.T, Y[None]])
    bound = equation.buffer(start)

    def call() -> Any:
        bound.x[:PARAMETERS] = parameters[:, None]
        bound()
        return bound.value.sum(), bound.jacobian.sum(1)

    return Contender(call)


def ddx_options(*columns: Any, second: bool = False) -> Contender:
    import ddx

    equation = ddx_equation(lambda x: price(ddx_numbers(), *x), 5)
    equation.compile(points=len(columns[0]), cache_dir="")
    want = ddx.Want.HESSIAN if second else ddx.Want.JACOBIAN
    bound = equation.buffer(np.stack(columns), want=want)

    def call() -> Any:
        bound()
        if second:
            return bound.value, *bound.jacobian, *bound.hessian.reshape(25, -1)
        return bound.value, *bound.jacobian

    return Contender(call)


# AADC


@cache
def aadc_numbers() -> Any:
    names = "exp", "log", "sqrt", "sin", "tanh"
    return with_ndtr(lambda z: z.erf(), **{n: lambda z, n=n: getattr(z, n)() for n in names})


def aadc_kernel(f: Callable[[list[Any]], Any], start: Any, how: str) -> tuple[Any, Any, Any]:
    import aadc

    with aadc.record_kernel() as kernel:
        xs = [aadc.idouble(float(x)) for x in start]
        arguments = [x.mark_as_input() for x in xs]
        result = f(xs).mark_as_output()
    kernel.compile(how)
    return kernel, arguments, result


def aadc_point(f: Callable[[list[Any]], Any], x: Any, inside: bool = False) -> Contender:
    """One point; inside: without writing the inputs and reading the gradient, one call for each."""
    kernel, arguments, result = aadc_kernel(f, x, "scalar")
    space, numbers = kernel.create_workspace(kind="scalar"), x.tolist()

    def call() -> Any:
        for argument, number in zip(arguments, numbers):
            space.set_val(argument, number)
        sweep()
        return space.val(result), [space.diff(a) for a in arguments]

    def sweep() -> None:
        space.forward()
        space.set_diff(result, 1.0)
        space.reverse()

    first = call()
    return Contender(sweep, result=lambda _: list(first)) if inside else Contender(call)


def aadc_rows(f: Callable[[list[Any]], Any], columns: Sequence[Any], wanted: int) -> Any:
    """A function that finds the values and the first derivatives of all rows."""
    import aadc

    start = [float(np.ravel(c)[0]) for c in columns]
    kernel, arguments, result = aadc_kernel(f, start, "auto")
    request, pool = {result: arguments[:wanted]}, aadc.ThreadPool(1)

    def call() -> Any:
        values, slopes, *_ = aadc.evaluate(kernel, request, dict(zip(arguments, columns)), pool)
        return values[result], [slopes[result][a] for a in arguments[:wanted]]

    return call


def aadc_mlp(parameters: Any, X: Any, Y: Any) -> Contender:
    def loss(v: list[Any]) -> Any:
        return row_loss(aadc_numbers(), v[:PARAMETERS], v[PARAMETERS:-1], v[-1])

    rows = aadc_rows(loss, [*parameters.tolist(), *map(np.ascontiguousarray, X.T), Y], PARAMETERS)

    def call() -> Any:
        values, slopes = rows()
        return values.sum(), [s.sum() for s in slopes]

    return Contender(call)


def aadc_options(*columns: Any) -> Contender:
    rows = aadc_rows(lambda v: price(aadc_numbers(), *v), columns, 5)
    return Contender(rows, result=lambda found: [found[0], *found[1]])


# CasADi


@cache
def casadi_numbers() -> Any:
    import casadi

    names = "exp", "log", "sqrt", "sin", "tanh"
    return with_ndtr(casadi.erf, **{name: getattr(casadi, name) for name in names})


def casadi_function(f: Callable[[list[Any]], Any], n: int, *, dense: bool = True) -> Any:
    """f and its gradient, by CasADi's scalar graph."""
    import casadi

    x = casadi.SX.sym("x", n)
    value = f(casadi.vertsplit(x))
    gradient = casadi.gradient(value, x)
    return casadi.Function("f", [x], [value, casadi.densify(gradient) if dense else gradient])


def casadi_in_c(function: Any) -> Any:
    """The function as C, compiled; TimeoutExpired where that takes more than PATIENCE."""
    import casadi

    name = f"{function.name()}_{len(list(FOLDER.iterdir()))}"
    path = function.generate(f"{name}.c", {"with_header": False})
    source = Path(shutil.move(path, FOLDER / f"{name}.c"))
    library(source, *FAST)
    return casadi.external(function.name(), str(FOLDER / f"{name}{''.join(FAST)}.so"))


def by_casadi(function: Any, *data: Any, in_c: bool = True) -> Contender:
    function = casadi_in_c(function) if in_c else function
    outputs = [np.zeros(function.size_out(i)[::-1]) for i in range(function.n_out())]
    buffer, call = function.buffer()
    for i, array in enumerate(data):
        buffer.set_arg(i, memoryview(np.ascontiguousarray(array)))
    for i, array in enumerate(outputs):
        buffer.set_res(i, memoryview(array))
    return Contender(call, result=lambda _, keep=(data, buffer): outputs)


def casadi_rosenbrock(x: Any, in_c: bool = True) -> Contender:
    return by_casadi(casadi_function(rosenbrock, len(x)), x, in_c=in_c)


def casadi_mlp(parameters: Any, X: Any, Y: Any, in_c: bool = True) -> Contender:
    import casadi

    p, x, y = (casadi.SX.sym(name, n) for name, n in (("p", PARAMETERS), ("x", 2), ("y", 1)))
    value = row_loss(casadi_numbers(), casadi.vertsplit(p), casadi.vertsplit(x), y)
    row = casadi.Function("row", [p, x, y], [value, casadi.densify(casadi.gradient(value, p))])
    rows = row.map("rows", "serial", len(Y), [0], [0, 1])
    return by_casadi(rows, parameters, X, Y, in_c=in_c)


def casadi_options(*columns: Any, in_c: bool = True) -> Contender:

    n = len(columns[0])
    one = casadi_function(lambda v: price(casadi_numbers(), *v), 5)
    rows = by_casadi(one.map(n), np.stack(columns, 1), in_c=in_c)
    return Contender(
        rows.call, None, lambda found: [rows.result(found)[0][:, 0], *rows.result(found)[1].T]
    )


# Straight lines of operations


def straight(f: Straight) -> dict[str, Callable[[], Contender]]:
    """By name what finishes at that length: from recording on."""
    found: dict[str, Callable[[], Contender]] = {}

    def interpreted(compiled: bool = False) -> Contender:
        equation = ddx_equation(f.function(ddx_numbers()), INPUTS)
        import ddx

        if compiled:
            equation.compile(cache_dir="")
        else:
            equation.options = ddx.Options(backend=ddx.Backend.INTERPRET)
        bound = equation.buffer(POINT.copy())
        return Contender(bound, result=lambda _: [bound.value, bound.jacobian])

    found["AADC"] = lambda: aadc_point(f.function(aadc_numbers()), POINT)
    found["ddx-ad, interpreted"] = interpreted
    if f.length <= 1000:
        found["ddx-ad, compiled"] = lambda: interpreted(True)
    found["CasADi, VM"] = lambda: by_casadi(
        casadi_function(f.function(casadi_numbers()), INPUTS), POINT, in_c=False
    )
    if f.length <= 1000:
        found["JAX"] = lambda: by_jax(
            lambda jax: jax.value_and_grad(f.function(jax_numbers()[1])),
            POINT,
            xla_disable_hlo_passes="fusion",  # with it the time grows with the square and worse
        )
    return found
