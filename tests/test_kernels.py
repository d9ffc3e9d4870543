"""Own elementary functions in LLVM IR against mpmath: every lane count, with and without fma."""

import ctypes
import functools
import math
import random

import pytest

binding = pytest.importorskip("llvmlite.binding")
mp = pytest.importorskip("mpmath").mp

from autograd_lite.ieee import floats  # noqa: E402
from autograd_lite.program.llvm import kernels, polynomials  # noqa: E402
from autograd_lite.program.llvm.ir import Block  # noqa: E402

inf, nan = math.inf, math.nan


def module_of(name, lanes, fma):
    """A function of that name for pointers to arguments, results, and a number of rows."""
    kernel = KERNELS[name]
    block = Block(lanes, fma)
    arity = ARITY.get(name, 1)
    pointers = [f"%p{i}" for i in range(arity)]
    xs = [block.load("double", f"{p}.i") for p in pointers]
    result = kernel(block, *xs)
    label = f"{name}_{lanes}_{'fma' if fma else 'plain'}"
    lines = ["entry:", "br label %rows", "rows:", "%i = phi i64 [0, %entry], [%next, %rows]"]
    lines += [f"{p}.i = getelementptr double, ptr {p}, i64 %i" for p in [*pointers, "%out"]]
    lines += block.lines
    lines += [f"store {block.double} {result}, ptr %out.i, align 8", f"%next = add i64 %i, {lanes}",
              "%more = icmp slt i64 %next, %n", "br i1 %more, label %rows, label %end", "end:", "ret void"]
    head = f"define void @{label}({', '.join(f'ptr {p}' for p in pointers)}, ptr %out, i64 %n) {{"
    return label, block.declared, "\n".join([head, *lines, "}"])


VARIANTS = ((1, True), (1, False), (4, True), (8, True), (8, False))


VARIANTS = ((1, True), (1, False), (4, True), (8, True), (8, False))


@functools.cache
def engine(fma):
    """All kernels for all lane counts, compiled for this machine; without fma for an older one."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    parts = [module_of(name, lanes, fma) for name in KERNELS for lanes, f in VARIANTS if f == fma]
    declared = set().union(*(declared for _, declared, _ in parts))
    module = binding.parse_assembly("\n".join([*sorted(declared), *(text for _, _, text in parts)]))
    module.verify()
    cpu = {"cpu": binding.get_host_cpu_name(), "features": binding.get_host_cpu_features().flatten()}
    machine = binding.Target.from_default_triple().create_target_machine(opt=1, jit=True, **cpu if fma else {})
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    return engine


def run(name, lanes, fma, columns):
    """The kernel's values for columns of arguments."""
    address = engine(fma).get_function_address(f"{name}_{lanes}_{'fma' if fma else 'plain'}")
    function = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (len(columns) + 1), ctypes.c_int64)(address)
    n = len(columns[0])
    array = ctypes.c_double * (n + -n % lanes)
    out = array()
    function(*(array(*column) for column in columns), out, len(out))
    return out[:n]


def ulps(computed, exact):
    """The distance in units in the last place of the exact value, which is an mpf."""
    size = mp.mpf(2) ** (max(mp.frexp(exact)[1] - 53, -1074)) if exact else mp.mpf(2) ** -1074
    return float(abs(mp.mpf(computed) - exact) / size)


KERNELS = {**kernels.KERNELS, "exp_nonpositive": kernels.exp_nonpositive, "decay": kernels.decay}
ARITY = {"pow": 2}
EXACT = {"exp_nonpositive": mp.exp, "decay": lambda t: mp.exp(-abs(t)), "pow": mp.power, "arctan": mp.atan,
         "log2": lambda x: mp.log(x, 2), "exp2": lambda x: mp.power(2, x)}
FLOATS = {"exp_nonpositive": floats.exp, "decay": lambda t: floats.exp(-abs(t))}
BOUNDS = {"exp": 1.2, "exp_nonpositive": 1.2, "decay": 1.2, "exp2": 1.2, "log": 1.0, "log1p": 1.0, "tanh": 3.0, "erfc": 2.5}
EDGES = [0.0, -0.0, inf, -inf, nan, 1.0, -1.0, 5e-324, -5e-324, 2.0**-1022, 1.7976931348623157e308,
         -1.7976931348623157e308, 0.5, -0.5, 2.0, -2.0, 3.0, -745.0, -745.2, -746.0, 709.78, 709.79, 710.0, 1e300,
         -1e300, 1e22, 1e5, 1e9, math.pi, math.pi / 2, math.nextafter(1.0, 0.0), math.nextafter(1.0, 2.0)]


def anywhere(rng):
    return math.ldexp(rng.choice((-1, 1)) * rng.uniform(0.5, 1.0), rng.randint(-1074, 1024))


DENSE = {"exp": (-746, 710), "exp_nonpositive": (-746, 0), "decay": (-746, 746), "expm1": (-40, 710),
         "tanh": (-20, 20), "log": (0.5, 2), "log1p": (-1, 3), "sin": (-1000, 1000), "cos": (-1000, 1000), "erfc": (0.4, 27)}


def arguments(name, n):
    rng = random.Random(name)
    low, high = DENSE.get(name, (-10, 10))
    xs = list(EDGES)
    xs += [anywhere(rng) for _ in range(n // 4)]
    xs += [rng.uniform(low, high) for _ in range(n // 4)]
    xs += [rng.uniform(-2, 2) for _ in range(n // 4)]
    xs += [math.ldexp(rng.uniform(-1, 1), rng.randint(-40, 32)) for _ in range(n // 4)]
    if name == "exp_nonpositive":
        xs = [-abs(x) for x in xs]
    if name == "pow":
        return pow_arguments(rng, xs, n)
    return [xs]


def pow_arguments(rng, xs, n):
    exponents = [*EDGES, 2.5, -3.0, 4.0, 1e-300, 2.0**53, -(2.0**53) - 2, 2.0**52 + 1, 0.25]
    pairs = [(x, y) for x in EDGES for y in exponents]
    pairs += [(abs(x), rng.uniform(-745, 710) / math.log(abs(x) or 2)) for x in xs if x - x == 0 and abs(x) != 1]
    pairs += [(x, rng.choice((-1, 1)) * rng.randint(1, 60)) for x in xs]
    for _ in range(n):
        x = 1 + rng.choice((-1, 1)) * 2.0 ** rng.randint(-52, -1)
        pairs.append((x, rng.uniform(-745, 710) / math.log(x)))
        pairs.append((rng.uniform(0.5, 2), rng.uniform(-1000, 1000)))
    return list(zip(*pairs))


def expected(name, x):
    """The value of floats at an edge, else the exact one."""
    value = FLOATS.get(name, getattr(floats, name, None))(*x)
    if not math.isfinite(value) or value == 0.0 or not all(map(math.isfinite, x)):
        return value
    return EXACT.get(name, getattr(mp, name, None))(*map(mp.mpf, x))


def error(computed, right):
    """In ulp; at an edge 0 or infinite."""
    if isinstance(right, float):
        same = (computed != computed) if right != right else (
            computed == right and math.copysign(1.0, computed) == math.copysign(1.0, right))
        return 0.0 if same else inf
    return ulps(computed, right) if math.isfinite(computed) else inf


@pytest.mark.parametrize("name", KERNELS)
def test_values(name):
    """Each kernel is right to its bound at points of all sizes, and exactly at the edges."""
    columns = arguments(name, 1200)
    rows = list(zip(*columns))
    with mp.workdps(60):
        exact = [expected(name, row) for row in rows]
        for lanes, fma in VARIANTS:
            errors = list(map(error, run(name, lanes, fma, columns), exact))
            worst = max(errors)
            print(f"{name} lanes={lanes} fma={fma}: {worst:.3f} ulp at {rows[errors.index(worst)]}")
            assert worst <= BOUNDS.get(name, 2.0), (lanes, fma, rows[errors.index(worst)])


def test_lanes_do_not_matter():
    """A number gets the same bits alone and beside others, also beside a huge one."""
    for name in KERNELS:
        columns = arguments(name, 200)
        assert repr(run(name, 1, True, columns)) == repr(run(name, 8, True, columns)), name


def interpolated(function, low, high, count):
    """Coefficients of the polynomial through `count` Chebyshev points of the interval."""
    low, high = mp.mpf(low), mp.mpf(high)
    xs = [(low + high + (high - low) * mp.cos(mp.pi * (2 * i + 1) / (2 * count))) / 2 for i in range(count)]
    powers = mp.matrix([[x**j for j in range(count)] for x in xs])
    return list(map(float, mp.lu_solve(powers, mp.matrix([function(x) for x in xs]))))


def of_square(function):
    return lambda z: function(mp.sqrt(z))


def scaled_erfc(t):
    x = 4 * (1 + t) / (1 - t)
    return mp.exp(x * x) * mp.erfc(x) * (x + 4)


FITS = {
    "EXP": (lambda r: (mp.expm1(r) - r) / r if abs(r) > 1e-20 else r / 2, -0.3467, 0.3467),  # and no constant
    "LOG": (of_square(lambda s: (2 * mp.atanh(s) / s - 2) / s**2), 0, 0.02944),
    "LOG_TAIL": (of_square(lambda s: (2 * mp.atanh(s) / s - 2 - 2 * s**2 / 3) / s**4), 0, 0.02944),
    "SIN": (of_square(lambda x: (mp.sin(x) / x - 1) / x**2), 0, 0.617),
    "COS": (of_square(lambda x: (mp.cos(x) - 1) / x**2), 0, 0.617),
    "ATAN": (of_square(lambda x: (mp.atan(x) / x - 1) / x**2), 0, 0.1718),
    "ERF": (of_square(lambda x: mp.erf(x) / x - 1), 0, 0.25),
    "ERFC": (scaled_erfc, -0.7778, 0.7452),
}


@pytest.mark.parametrize("name", FITS)
def test_coefficients(name):
    coefficients = list(getattr(polynomials, name))
    without_constant = name == "EXP"
    with mp.workdps(60):
        found = interpolated(*FITS[name], len(coefficients) + without_constant)
    assert found[without_constant:] == pytest.approx(coefficients, rel=1e-15)
