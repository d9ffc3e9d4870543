"""Prints what this build of the engine takes beside other engines of scalars, and beside C.

    python tests/benchmarks/peers.py                              # three minutes
    python tests/benchmarks/peers.py --only plain xad chain       # --help has the names

The demo step is that of test_engine.py: the same net, rows, loss, penalty and update for all. What
is not installed is left out; if one finds another loss or gradient, nothing is measured. Each
contender has a process of its own, so that what it imports is no work for another's collector; they
take turns, with the collector on and off. CPU time, so that other work on the machine counts less.
A ratio "X / this" is above 1 where X takes longer. Other work on the machine only adds time, most
of all to graphs that just fit into its caches: so besides the medians over the turns the lowest.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import multiprocessing
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from micrograd import engine, nn
from report import OPERATIONS, bytes_per_operation, print_header, print_row
from test_engine import SIZES, PlainMLP, chain, collector, demo_step, demo_steps

import autograd_lite.engine
from autograd_lite import SGD, Value
from autograd_lite.losses import hinge, l2_penalty

AT_LEAST = 0.2  # seconds of steps in a row, and two steps: so full collections come as in training
TOLERANCE = 1e-9  # between the contenders, relative to the largest
RATE, DECAY = 0.1, 1e-4  # of demo_step
DEMO = demo_steps()
*_, POINTS, LABELS = DEMO["micrograd"].args
START = [p.data for p in PlainMLP(Value).parameters()]
SPAWN = multiprocessing.get_context("spawn")
Step = Callable[[], tuple[float, list[float]]]  # one step of training; the loss and the gradient


def objective(relu: Any = None, number: Any = float) -> Callable[[list[Any]], Any]:
    """The loss of demo_step, written with + and *, of a flat list of parameters."""
    relu = relu or (lambda z: z if z > 0.0 else 0.0)
    points = [[number(x) for x in point] for point in POINTS]
    signs = [number(-float(y)) for y in LABELS]
    one, share, decay = number(1.0), number(1.0 / len(LABELS)), number(DECAY)

    def loss(parameters: list[Any]) -> Any:
        each = iter(parameters)
        layers = [
            [([next(each) for _ in range(nin)], next(each)) for _ in range(nout)]
            for nin, nout in zip(SIZES, SIZES[1:])
        ]
        losses = []
        for x, sign in zip(points, signs):
            for layer in layers:
                x = [sum((w * xi for w, xi in zip(ws, x)), b) for ws, b in layer]
                if layer is not layers[-1]:
                    x = [relu(z) for z in x]
            losses.append(relu(sign * x[0] + one))
        squares = [p * p for p in parameters]
        return sum(losses[1:], losses[0]) * share + sum(squares[1:], squares[0]) * decay

    return loss


def as_demo(value: Any, net: Any = None, *_: Any) -> Step:
    net = net or PlainMLP(value)
    parameters = net.parameters()
    return lambda: (demo_step(value, net, POINTS, LABELS), [p.grad for p in parameters])


def by_backward(parameters: list[Any], loss: Callable[[list[Any]], Any]) -> Step:
    """For numbers with data and grad that cannot do all that demo_step asks for."""

    def step() -> tuple[float, list[float]]:
        total = loss(parameters)
        total.backward()
        found = [float(p.grad) for p in parameters]
        for p in parameters:
            p.data -= RATE * p.grad
            p.grad *= 0.0
        return float(total.data), found

    return step


def from_floats(value_and_grad: Callable[[list[float]], tuple[float, Any]]) -> Step:
    """For engines whose parameters are made anew in every step."""
    data = [*START]

    def step() -> tuple[float, list[float]]:
        total, found = value_and_grad(data)
        data[:] = [float(x - RATE * g) for x, g in zip(data, found)]
        return float(total), [*map(float, found)]

    return step


def with_micrograd() -> Step:
    net = nn.MLP(SIZES[0], [*SIZES[1:]])
    for p, x in zip(net.parameters(), START, strict=True):
        p.data = x
    return as_demo(engine.Value, net)


def with_losses() -> Step:
    net = DEMO["Value, MLP"].args[1]
    optimizer = SGD(net.parameters(), lr=RATE)

    def step() -> tuple[float, list[float]]:
        total = hinge([net(x) for x in POINTS], LABELS) + l2_penalty(net.parameters(), DECAY)
        net.zero_grad()
        total.backward()
        optimizer.step()
        return total.data, [p.grad for p in net.parameters()]

    return step


def with_minigrad() -> Step:
    """It takes every operand for one of its Values, unchecked, and each that is made from a float
    takes a reference to None with it when it goes: so all are, once each, and stay."""
    number = import_module("minigrad.engine").Value
    return by_backward([number(x) for x in START], objective(number.relu, cache(number)))


def with_xad() -> Step:
    """Its numbers cannot be changed: every step has new ones, on the same tape."""
    xad = import_module("xad.adj_1st")
    loss, tape = objective(), xad.Tape()

    def value_and_grad(data: list[float]) -> tuple[float, list[float]]:
        with tape:
            tape.clearAll()
            parameters = [xad.Real(x) for x in data]
            tape.registerInputs(parameters)
            tape.newRecording()
            total = loss(parameters)
            tape.registerOutput(total)
            total.derivative = 1.0
            tape.computeAdjoints()
            return total.value, [p.derivative for p in parameters]

    return from_floats(value_and_grad)


def with_torch() -> Step:
    torch = import_module("torch")
    number = partial(torch.tensor, dtype=torch.float64)
    torch.set_num_threads(1)
    parameters = [number(x).requires_grad_() for x in START]
    return by_backward(parameters, objective(torch.relu, number))


def with_autograd() -> Step:
    loss, value_and_grad = objective(), import_module("autograd").value_and_grad
    return from_floats(value_and_grad(lambda xs: loss([xs[i] for i in range(len(xs))])))


CONTENDERS: dict[str, tuple[str, str, Callable[[], Step]]] = {
    "micrograd": ("micrograd", "micrograd", with_micrograd),
    "plain": ("autograd_lite", "autograd_lite, + and *", lambda: as_demo(Value)),
    "mlp": ("autograd_lite", "autograd_lite, MLP", lambda: as_demo(*DEMO["Value, MLP"].args)),
    "losses": ("autograd_lite", "autograd_lite, MLP and losses", with_losses),
    "minigrad": ("minigrad", "minigrad (C)", with_minigrad),
    "xad": ("xad", "XAD (C++)", with_xad),
    "scalargrad": ("scalargrad", "scalargrad",
                   lambda: as_demo(import_module("scalargrad.core").Scalar)),
    "torch": ("torch", "PyTorch, a tensor each", with_torch),
    "autograd": ("autograd", "HIPS autograd", with_autograd),
}  # fmt: skip


def serve(pipe: Any, name: str) -> None:
    """The process of a contender: its first step, then mean milliseconds whenever it is asked."""
    warnings.simplefilter("ignore")
    with suppress(EOFError):  # nothing more is asked
        step = CONTENDERS[name][2]()
        pipe.send(step())
        while True:
            with collector(pipe.recv()):
                count, began = 0, time.process_time()
                while count < 2 or time.process_time() - began < AT_LEAST:
                    step()
                    count += 1
                pipe.send((time.process_time() - began) * 1e3 / count)


def report_steps(names: list[str], repetitions: int) -> None:
    pipes, (total, gradient) = {}, CONTENDERS["plain"][2]()()
    for name in names:
        pipes[name], end = SPAWN.Pipe()
        SPAWN.Process(target=serve, args=(end, name), daemon=True).start()
        end.close()
    for name in names:
        try:
            loss, found = pipes[name].recv()
        except EOFError:  # its process has printed why
            print(f"{CONTENDERS[name][1]} cannot take the step and is left out")
            del pipes[name]
            continue
        off = max(abs(a - b) for a, b in zip(found, gradient, strict=True))
        off = max(off / max(map(abs, gradient)), abs(loss - total) / abs(total))
        if not off <= TOLERANCE:
            sys.exit(f"{CONTENDERS[name][1]} finds another loss or gradient, off by {off:.1e}")
    times: dict[Any, list[float]] = {(n, on): [] for on in (True, False) for n in pipes}
    for _ in range(repetitions):
        for name, on in times:
            pipes[name].send(on)
            times[name, on].append(pipes[name].recv())
    for what, pick in (("median", median), ("lowest", min)):
        ratios = ("micrograd / this", "XAD / this")
        print_header(f"demo step, {what} ms", "collector on", *ratios, "off", *ratios)
        for name in pipes:
            cells = [CONTENDERS[name][1]]
            for on in (True, False):
                ms = pick(times[name, on])
                turns = [times.get((n, on)) for n in ("micrograd", "xad")]
                cells += [f"{ms:.1f}"]
                cells += [f"{pick(peer) / ms:#.3g}" if peer else "-" for peer in turns]
            print_row(*cells)


CHAIN = r"""
#include <stdlib.h>
typedef struct node { double data, grad, da, db; struct node *a, *b; void *other[4]; } node;
static node *make(double data, node *a, double da) {
    node *v = malloc(sizeof(node)), made = {data, 0.0, da, 0.0, a};
    return *v = made, v;
}
node *forward(long n) {
    node *x = make(1.0, NULL, 0.0);
    for (long i = 0; i < n; i++)
        x = i % 2 ? make(x->data + 0.5, x, 1.0) : make(x->data * 1.0001, x, 1.0001);
    return x;
}
double backward(node *v) {
    for (v->grad = 1.0; v->a; v = v->a) v->a->grad += v->grad * v->da;
    return v->grad;
}
void drop(node *v) { while (v) { node *a = v->a; free(v); v = a; } }
"""


def in_c() -> Any:
    """The library of CHAIN, None without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        command = [compiler, "-O2", "-shared", "-fPIC", "-x", "c", "-", "-o", f"{folder}/chain.so"]
        if compiler is None or subprocess.run(command, input=CHAIN, text=True).returncode:
            return None
        c = ctypes.CDLL(command[-1])
    c.forward.restype, c.backward.restype = ctypes.c_void_p, ctypes.c_double
    c.forward.argtypes, c.backward.argtypes = [ctypes.c_long], [ctypes.c_void_p]
    c.drop.argtypes = [ctypes.c_void_p]
    return c


def chain_times(c: Any) -> list[float]:
    """ns per operation to make, to sweep and to free the chain, in C or of Values."""
    clock = [time.process_time()]
    last = c.forward(OPERATIONS) if c else chain(Value)
    clock.append(time.process_time())
    slope = c.backward(last) if c else last.backward()
    clock.append(time.process_time())
    last = c.drop(last) if c else None
    clock.append(time.process_time())
    if c and not abs(slope / 1.0001 ** (OPERATIONS // 2) - 1.0) <= TOLERANCE:
        sys.exit("the chain in C finds another derivative")
    return [(b - a) / OPERATIONS * 1e9 for a, b in zip(clock, clock[1:])]


def report_chain(repetitions: int) -> None:
    c = in_c()
    runs = {"autograd_lite, collector on": None, "autograd_lite, collector off": None}
    runs |= {"C, malloc'ed nodes of 80 bytes": c} if c else {}
    times: dict[str, list[list[float]]] = {name: [] for name in runs}
    for _ in range(repetitions):
        for name in runs:
            with collector(name.endswith("on")):
                times[name].append(chain_times(runs[name]))
    print_header(f"chain of {OPERATIONS:,}, median ns an operation", "forward", "backward", "free")
    for name, found in times.items():
        print_row(name, *map(median, zip(*found)))
    if c is None:
        print("\nNo C compiler: the chain in C is left out")


def bytes_a_node(value: Any, operations: int) -> tuple[float, float]:
    """By the memory of the process, and by Python's allocator, which does not see C's."""
    pages = [0, 0]
    gc.collect()
    for i in range(2):
        last = chain(value, i * operations)
        pages[i] = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    del last
    used = (pages[1] - pages[0]) * os.sysconf("SC_PAGE_SIZE")
    return used / operations, bytes_per_operation(value, operations)


def report_bytes() -> None:
    print_header("after forward, bytes per operation", "of the process", "of Python's allocator")
    for value, n in ((engine.Value, 100_000), (Value, OPERATIONS)):
        with SPAWN.Pool(1) as pool:  # a new process: memory freed before would be used again
            found = pool.apply(bytes_a_node, (value, n))
        print_row(f"{value.__module__.partition('.')[0]}, {n:,} operations", *found)


def main() -> None:
    parts = [*CONTENDERS, "chain", "bytes"]
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=5, metavar="N")
    parser.add_argument("--only", nargs="+", choices=parts, default=parts)
    options = parser.parse_args()
    build = "compiled" if getattr(autograd_lite.engine, "compiled", False) else "pure"
    python = platform.python_implementation(), platform.python_version(), platform.machine()
    print(f"Engine {build};", *python)
    versions: dict[str, str] = {}
    for package, _, _ in CONTENDERS.values():
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            print(f"{package} is not installed: left out")
    print(", ".join(map(" ".join, versions.items())))
    names = [n for n in CONTENDERS if n in options.only and CONTENDERS[n][0] in versions]
    if names:
        report_steps(names, options.repetitions)
    if "chain" in options.only:
        report_chain(options.repetitions)
    if "bytes" in options.only and Path("/proc/self/statm").exists():
        report_bytes()


if __name__ == "__main__":
    main()
