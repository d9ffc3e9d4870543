"""The report of a check, to be read by people."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

from ..engine import Value
from ..modes import file_name
from .blame import WrongOperation
from .verdict import Line

WIDTH = 79


class Report(NamedTuple):
    """The verdict for each input, and what is wrong; `str()` is for reading.

    lines         one for each derivative
    point         where: the numbers of the inputs
    wrong         the first operation with a wrong rule, or None
    explanations  what else was found, in sentences
    reproducer    lines of Python that show the failure again
    graph         the recorded result, to be drawn or looked into; None for a plain function
    """

    lines: tuple[Line, ...]
    point: tuple[float, ...]
    wrong: WrongOperation | None
    explanations: tuple[str, ...]
    reproducer: str
    graph: Value | None
    by_backward: bool = True

    @property
    def ok(self) -> bool:
        """Whether no derivative fails; some may be inconclusive."""
        return all(line.verdict != "fail" for line in self.lines)

    def joined(self, other: Report) -> Report:
        """This report and that of the next order."""
        worse = other if self.ok and not other.ok else self
        return worse._replace(
            lines=self.lines + other.lines,
            explanations=tuple(dict.fromkeys(self.explanations + other.explanations)),
        )

    def without_a_first_order(self, first: Sequence[Line], i: int) -> Report:
        """This report on the derivatives of derivative i, which must have a verdict itself."""
        lines = []
        for line, by in zip(self.lines, first):
            open_ = next((x for x in (first[i], by) if x.verdict == "inconclusive"), None)
            if open_:
                line = line._replace(verdict="inconclusive", reason=open_.reason)
            lines.append(line)
        return self._replace(lines=tuple(lines))

    def __str__(self) -> str:
        parts = self._table(), self._reasons(), self._causes(), self._again()
        return "\n\n".join("\n".join(part) for part in parts if part)

    def _table(self) -> list[str]:
        width = max(5, *(len(line.name) for line in self.lines), 0)
        tested = "backward()" if self.by_backward else "gradient"
        rows = [f"{'input':<{width}}  {tested:>18}{'complex step':>20}{'difference':>17}  verdict"]
        for line in self.lines:
            c = "-" if line.complex_step is None else _cut(line.complex_step, 12)
            rows.append(
                f"{line.name:<{width}}  {_cut(line.gradient, 12):>18}{c:>20}"
                f"{_difference(line):>17}  {line.verdict}"
            )
        return rows

    def _reasons(self) -> list[str]:
        told = []
        for line in self.lines:
            if line.verdict == "inconclusive":
                told.append(f"{line.name}: {line.reason}")
            elif line.verdict == "fail":
                told.append(f"{line.name}: {self._compared(line)}")
        return [row for text in told for row in _wrapped(text)]

    def _compared(self, line: Line) -> str:
        """Which number is which, by how much they differ."""
        tested = "backward() gives" if self.by_backward else "the gradient given is"
        expected = line.expected
        scale = max(abs(line.gradient), abs(expected))
        relative = abs(line.gradient - expected) / scale if scale else 0.0
        if line.reason and not math.isfinite(line.error):
            return line.reason
        if relative == 0.0:
            return f"{line.reason}, though the numbers agree at this point"
        by = f"the complex step {expected!r}"
        if line.complex_step is None or expected is not line.complex_step:
            by = f"differences {expected:.12g} ± {line.error:.1g} (step {line.step:.1g})"
        return f"{tested} {line.gradient!r}, {by}: relative error {relative:.1e}"

    def _causes(self) -> list[str]:
        rows: list[str] = []
        if self.wrong:
            rows += _wrapped(f"first wrong operation: {self.wrong}")
        for text in self.explanations:
            rows += _wrapped(text)
        return rows

    def _again(self) -> list[str]:
        if self.ok:
            return []
        made = self.wrong.reproducer if self.wrong else self.reproducer
        return ["to reproduce:", *textwrap.indent(made, "    ").splitlines()]


class GradientError(AssertionError):
    """A derivative is wrong; the message is the report, which `.report` holds."""

    def __init__(self, report: Report) -> None:
        wrong = sum(line.verdict == "fail" for line in report.lines)
        of = f"{wrong} of {len(report.lines)} derivatives"
        super().__init__(f"check_grads: {of} wrong\n{report}")
        self.report = report

    def __reduce__(self) -> tuple[Any, ...]:
        return GradientError, (self.report,)


def _cut(x: float, digits: int) -> str:
    return f"{x:#.{digits}g}"


def _difference(line: Line) -> str:
    """With the digits that it has."""
    known = line.error / abs(line.difference) if line.difference else 1.0
    digits = -math.log10(known) if 0.0 < known < 1.0 else 9.0
    return _cut(line.difference, max(2, min(9, int(digits))))


def _wrapped(text: str) -> Sequence[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent="    ", break_on_hyphens=False,
                         break_long_words=False)  # fmt: skip


def reproducer(f: Any, at: Any, gradient: Any, order: int) -> str:
    """Lines of Python that repeat a check."""
    lines = ["from autograd_lite import check_grads"]
    more = ", order=2" if order == 2 else ""
    if isinstance(f, Value):
        return f"{lines[0]}\ncheck_grads(y{more})  # y: the recorded Value"
    called = {}
    for what, function in (("f", f), ("gradient", gradient)):
        if function is None or function is True:
            continue
        name, module = _found(function)
        called[what] = name or what
        if module:
            lines.append(f"from {module} import {name}")
        elif not name and (code := getattr(function, "__code__", None)):
            place = f"{file_name(code.co_filename)}, line {code.co_firstlineno}"
            lines.append(f"# {what}: {place}")
    if gradient is not None:
        more = f", gradient={called.get('gradient', True)}"
    if "np.array" in _point(at):
        lines.insert(0, "import numpy as np")
    return "\n".join([*lines, f"check_grads({called['f']}, {_point(at)}{more})"])


def _found(function: Any) -> tuple[str, str]:
    """The name of a function and the module to import it from; empty where there is none."""
    name = getattr(function, "__name__", "")
    if not name.isidentifier() or "<locals>" in getattr(function, "__qualname__", ""):
        return "", ""
    if getattr(sys.modules["__main__"], name, None) is function:
        return name, ""
    modules = [(m, getattr(x, "__dict__", {})) for m, x in sys.modules.items()]
    homes = [m for m, names in modules if names.get(name) is function]
    public = [m for m in homes if not any(part.startswith("_") for part in m.split("."))]
    return name, min(public or homes, key=len, default="")


def _point(at: Any) -> str:
    """The arguments as Python writes them, Values by their numbers."""
    if isinstance(at, (list, tuple)):
        return "[" + ", ".join(_point(x) for x in at) + "]"
    if hasattr(at, "tolist") and getattr(at, "ndim", False):
        return f"np.array({at.tolist()!r})"
    return repr(at.data if isinstance(at, Value) else at)
