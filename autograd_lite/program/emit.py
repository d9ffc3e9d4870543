"""A Program as Python source and as NumPy source, and the two kernels that run them.

>>> lines = [Instruction("exp", (0,)), Instruction("lt", (1, 9.0))]
>>> program = Program(["x"], lines, [1], [(2, True)])
>>> print(python_source(program))
def program(x):
    v1 = exp(x)
    if not v1 < 9.0: return 0, ()
    return -1, (v1,)
<BLANKLINE>
>>> print(numpy_source(program))
def program(status, x):
    v1 = exp(x)
    guard(status, 0, v1 < 9.0, True)
    return (v1,)
<BLANKLINE>
>>> PythonKernel(program).point([0.0]), PythonKernel(program).point([5.0])
((-1, (1.0,)), (0, ()))

In Python a program returns its status, which is -1 or the index of the first guard that does not
hold, and its outputs. In NumPy it returns the outputs and writes the status of each row, -1 before,
to the array `status`, if there are guards. What depends on no row is a function `common`, in plain
Python; its results are further arguments of `program`. The functions of the table are those of
ieee.py, of floats in Python, of arrays in NumPy.
"""

from __future__ import annotations

import keyword
import operator
import re
from array import array
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import cache, cached_property, reduce
from itertools import compress, islice, repeat
from types import SimpleNamespace
from typing import Any
from unicodedata import normalize

from ..functions import _arrays
from ..ieee import floats, fsum, inf, nan
from .program import Instruction, Program, _free, function_of, row_of

COMPARISONS = {"lt": "<", "le": "<=", "gt": ">", "ge": ">=", "eq": "==", "ne": "!="}
INFIX = {"add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "neg": "-{}", "detach": "{}"}
INFIX |= {op: f"{{}} {sign} {{}}" for op, sign in COMPARISONS.items()}
PYTHON = INFIX | {
    "and": "{} and {}",
    "or": "{} or {}",
    "not": "not {}",
    "where": "{1} if {0} else {2}",
}
NUMPY = INFIX | {
    "and": "{} & {}",
    "or": "{} | {}",
    "not": "{} ^ True",
    "where": "where({}, {}, {})",
}
RESERVED = {*keyword.kwlist, "nan", "inf", "where", "guard", "status", "common", "program"}
MANY = 200  # inputs, beyond which they are one sequence
FEW = 30  # instructions, up to which no array is dropped before the end
BLOCK = 4096  # rows at a time, so that arrays stay in cache


def python_source(program: Program, shared: Sequence[bool] | None = None) -> str:
    """The program in Python; `shared` tells which inputs are the same for all rows."""
    return "\n\n".join(_texts(*divided(program, shared), numpy=False))


def numpy_source(program: Program, shared: Sequence[bool] | None = None) -> str:
    """The program in NumPy; `shared` tells which inputs are the same for all rows."""
    return "\n\n".join(_texts(*divided(program, shared), numpy=True))


def divided(program: Program, shared: Sequence[bool] | None) -> tuple[Program, Program]:
    """What depends on shared inputs only, and the rest, which gets these results as more inputs."""
    n = len(program.inputs)
    by_rows = [not s for s in shared] if shared else [True] * n
    for _, args in program.instructions:
        by_rows.append(any(by_rows[a] for a in args if a.__class__ is int))
    used = [a for k, (_, args) in enumerate(program.instructions, n) if by_rows[k] for a in args]
    used += [*program.outputs, *(slot for slot, _ in program.guards)]
    passed = [*dict.fromkeys(a for a in used if a.__class__ is int and a >= n and not by_rows[a])]
    names = [name for name, rows in zip(program.inputs, by_rows) if not rows]
    extra = [f"c_{i}" for i in range(1, len(passed) + 1)]
    place: tuple[dict[Any, int], ...] = (
        {i: k for k, i in enumerate(i for i in range(n) if not by_rows[i])},
        {i: k for k, i in enumerate([*range(n), *passed])},
    )
    parts: tuple[list[Instruction], ...] = [], []
    first = [len(names), n + len(passed)]
    for k, (op, args) in enumerate(program.instructions, n):
        rows = by_rows[k]
        moved = tuple([place[rows][a] if a.__class__ is int else a for a in args])
        place[rows][k] = first[rows] + len(parts[rows])
        parts[rows].append(Instruction(op, moved))
    ends = [place[1][y] if y.__class__ is int else y for y in program.outputs]
    guards = [(place[1][slot], outcome) for slot, outcome in program.guards]
    return (
        Program.trusted(names, parts[0] if passed else [], [place[0][a] for a in passed]),
        Program.trusted([*program.inputs, *extra], parts[1], ends, guards),
    )


def _texts(common: Program, rest: Program, numpy: bool) -> list[str]:
    found = [_text("program", rest, numpy)]
    return [_text("common", common, False), *found] if common.outputs else found


def _text(name: str, program: Program, numpy: bool) -> str:
    """The program as a function, one line for each instruction."""
    form = NUMPY if numpy else PYTHON
    n, total = len(program.inputs), len(program.inputs) + len(program.instructions)
    called = _called(program, form)
    taken = RESERVED | {*called.values()}
    if n > MANY:
        x = _free("x", taken)
        parameters, text = [f"*{x}"], [f"{x}[{i}]" for i in range(n)]
    else:
        text = _identifiers(program.inputs, taken)
        parameters = [*text]

    # when each guard is evaluated: in their order, so perhaps after its condition is known
    due: defaultdict[int, list[tuple[int, int, bool]]] = defaultdict(list)
    uses, last, now = [0] * total, [*range(total)], n - 1
    for k, (_, args) in enumerate(program.instructions, n):
        for a in args:
            if a.__class__ is int:
                uses[a] += 1
                last[a] = k
    for i, (slot, outcome) in enumerate(program.guards):
        now = max(now, slot)
        due[now].append((i, slot, outcome))
        uses[slot] += 1
        last[slot] = max(last[slot], now)
    for y in program.outputs:
        if y.__class__ is int:
            last[y] = total

    lines: list[str] = []
    ended: set[str] = set()

    def guards(k: int) -> None:
        for i, slot, outcome in due[k]:
            if numpy:
                lines.append(f"guard(status, {i}, {text[slot]}, {outcome})")
            else:
                lines.append(f"if {'not ' * outcome}{text[slot]}: return {i}, ()")

    guards(n - 1)
    for k, (op, args) in enumerate(program.instructions, n):
        length = len(lines)
        words = [text[a] if a.__class__ is int else repr(a) for a in args]
        if op in ("and", "or", "not"):
            words = [f"({word})" if " " in word else word for word in words]
        written = form[op].format(*words) if op in form else f"{called[op]}({', '.join(words)})"
        if op in COMPARISONS and uses[k] == 1 and last[k] <= k + 1:
            text.append(written)  # stands where it is used
            last[k] = total  # and has no name that could be deleted
        else:
            text.append(_free(f"v{k - n + 1}", taken))
            lines.append(f"{text[k]} = {written}")
        guards(k)
        seen = [*args, k, *(slot for _, slot, _ in due[k])]
        ended |= {text[a] for a in seen if a.__class__ is int and a >= n and last[a] == k}
        if numpy and ended and len(lines) > length and total - n > FEW:
            lines[-1] += f"; del {', '.join(sorted(ended))}"
            ended.clear()
    outputs = [text[y] if y.__class__ is int else repr(y) for y in program.outputs]
    tuple_ = f"({outputs[0]},)" if len(outputs) == 1 else f"({', '.join(outputs)})"
    lines.append(f"return {'' if numpy else '-1, '}{tuple_}")
    if numpy and program.guards:
        parameters.insert(0, "status")
    return "\n    ".join([f"def {name}({', '.join(parameters)}):", *lines]) + "\n"


def _called(program: Program, form: dict[str, str]) -> dict[str, str]:
    """The operations that are called, with the names of their functions."""
    taken = {*RESERVED}
    ops = dict.fromkeys(op for op, _ in program.instructions if op not in form)
    return {op: _free(op, taken) for op in ops}


def _identifiers(names: Sequence[str], taken: set[str]) -> list[str]:
    """A name in Python for each label, like w_1_2_1 for w^1_{2,1}; else x1, x2 ..."""
    found = []
    for i, name in enumerate(names, 1):
        word = re.sub(r"[\W_]+", "_", normalize("NFKC", name)).strip("_")
        found.append(_free(word if word.isidentifier() and word not in taken else f"x{i}", taken))
    return found


def namespace(program: Program, numpy: bool = False) -> dict[str, Any]:
    """What the source of a program refers to."""
    found: dict[str, Any] = {"nan": nan, "inf": inf}
    if numpy:
        import numpy as np

        found |= {"where": np.where, "guard": guard}
    m = _array_functions() if numpy else floats
    for op, name in _called(program, NUMPY if numpy else PYTHON).items():
        found[name] = function_of(row_of(op), m)
    return found


@cache
def _array_functions() -> SimpleNamespace:
    """The functions of arrays, with sums that hold one term at a time."""

    def total(*xs: Any) -> Any:
        return reduce(operator.add, xs)

    def prod(*xs: Any) -> Any:
        return reduce(operator.mul, xs)

    def dot(*args: Any) -> Any:
        n = len(args) // 2
        start = args[2 * n :] or (args[0] * args[n],)
        pairs = zip(args[:n], args[n : 2 * n])
        products = (w * x for w, x in islice(pairs, 1 - len(args) % 2, None))
        return reduce(operator.add, products, *start)

    return SimpleNamespace(**vars(_arrays()) | {"sum": total, "prod": prod, "dot": dot})


def guard(status: Any, i: int, condition: Any, outcome: bool) -> None:
    """Give the rows that fail guard i, and none before it, the status i."""
    failed = condition ^ outcome
    if failed is True or (failed is not False and failed.any()):
        status[failed & (status < 0)] = i


def _function(name: str, text: str, names: dict[str, Any]) -> Callable[..., Any]:
    exec(compile(text, f"<{name}>", "exec"), names)
    return names[name]  # type: ignore[no-any-return]


class _Kernel:
    numpy = False

    def __init__(
        self, program: Program, *, strict: bool = False, shared: Sequence[bool] | None = None
    ) -> None:
        if strict and self.numpy:
            raise ValueError(
                "NumPy's functions round in their own way; strict needs LLVM or Python"
            )
        self.program = program
        self.shared = tuple(shared) if shared else (False,) * len(program.inputs)
        common, rest = divided(program, self.shared)
        texts = _texts(common, rest, self.numpy)
        self.source = "\n\n".join(texts)
        self._common = _function("common", texts[0], namespace(common)) if texts[1:] else None
        self._program = _function("program", texts[-1], namespace(rest, self.numpy))

    def _computed_once(self, columns: Sequence[Any]) -> tuple[Any, ...]:
        """What depends on the shared inputs only."""
        if self._common is None:
            return ()
        return self._common(*map(float, compress(columns, self.shared)))[1]  # type: ignore[no-any-return]


class PythonKernel(_Kernel):
    """Runs a program as plain Python, with the bits of its run with floats."""

    def point(self, xs: Sequence[float]) -> tuple[int, Sequence[float]]:
        """Status and outputs: -1, or the index of the first guard that does not hold."""
        if self._common is not None:
            xs = [*xs, *self._computed_once(xs)]
        return self._program(*xs)  # type: ignore[no-any-return]

    def rows(self, columns: Sequence[Any], n: int, reduce: bool = False) -> tuple[Any, Any]:
        """Status and outputs of n rows, or the outputs' sums; as lists where NumPy is missing."""
        k, blank = len(self.program.outputs), (nan,) * len(self.program.outputs)
        once = self._computed_once(columns)
        varying = [
            repeat(float(c)) if s else c.tolist() if hasattr(c, "tolist") else c
            for c, s in zip(columns, self.shared)
        ]
        every = [*varying, *map(repeat, once)]
        status, found = array("i"), array("d")
        for row in islice(zip(*every), n) if every else repeat((), n):
            failed, ys = self._program(*row)
            status.append(failed)
            if failed < 0:
                found.extend(ys)
            elif not reduce:
                found.extend(blank)
        held = not n or max(status) < 0
        outputs: Any = [fsum(found[j::k]) if reduce else found[j::k].tolist() for j in range(k)]
        try:
            import numpy as np
        except ImportError:
            return None if held else status.tolist(), outputs
        shape = (k,) if reduce else (k, n)
        return None if held else np.array(status, np.int32), np.array(outputs, float).reshape(shape)


class NumpyKernel(_Kernel):
    """Runs a program as NumPy functions of blocks of rows."""

    numpy = True

    @cached_property
    def _plain(self) -> PythonKernel:
        return PythonKernel(self.program)

    def point(self, xs: Sequence[float]) -> tuple[int, Sequence[float]]:
        """Status and outputs: -1, or the index of the first guard that does not hold."""
        return self._plain.point(xs)

    def rows(self, columns: Sequence[Any], n: int, reduce: bool = False) -> tuple[Any, Any]:
        """Status and outputs of n rows, or the sums of outputs over the rows whose guards hold."""
        import numpy as np

        k, guarded = len(self.program.outputs), bool(self.program.guards)
        status = np.full(n if guarded else 0, -1, np.int32)
        outputs = np.zeros(k) if reduce else np.empty((k, n))
        once = self._computed_once(columns)
        with np.errstate(all="ignore"):
            for start in range(0, n, BLOCK):
                block = slice(start, min(start + BLOCK, n))
                given = [c if s else c[block] for c, s in zip(columns, self.shared)]
                ys = self._program(*[status[block]] * guarded, *given, *once)
                if not reduce:
                    for j, y in enumerate(ys):
                        outputs[j, block] = y
                    continue
                held: Any = status[block] < 0
                all_held, size = held.all(), block.stop - start
                for j, y in enumerate(ys):
                    kept = y if all_held else np.where(held, y, 0.0)
                    outputs[j] += np.add.reduce(np.broadcast_to(kept, size))
        return status if (status >= 0).any() else None, outputs
