"""The paths of a function through its branches, and which of them a call takes.

The guards that all paths share in the beginning are a tree: where a guard of one path does not
hold, the path that took the other branch there is tried; where there is none, it is traced.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from sys import getrefcount
from typing import Any

from ..engine import Value, order
from ..ieee import floats
from ..modes import is_ours, users_frame
from ..ops import CUSTOM, redefined
from ..program import Program, Refused, Traced, Untraceable, derived, quick, summed, trace
from ..program.pause import collector_paused
from ..program.trace import described
from ..structure import Structure
from .results import PROGRAMS, Results
from .runner import Runner
from .signature import Signature

SECOND = ("value_grad_hessian", "hvp")


class Fork:
    """A place in the tree: a path that comes by here, and where the next guard leads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.next: dict[bool, Fork] = {}


class Path:
    """One way through the function."""

    @collector_paused()
    def __init__(self, paths: Paths, traced: Traced, result: Structure) -> None:
        self.paths, self.traced, self.result = paths, traced, result
        self.program = traced.program if paths.strict else quick(traced.program)
        value = derived(self.program, "value", ()) if self.program.guards else self.program
        self.outcomes = tuple([outcome for _, outcome in value.guards])
        self.by = self._by()
        self.forks: list[Fork] = []
        self.runners: dict[tuple[str, bool, bool], Runner] = {}
        self.results: dict[str, Results] = {}

    def _by(self) -> tuple[int | None, ...]:
        """The slots to differentiate by; None for a Value that is not used on this path."""
        paths = self.paths
        if paths.wrt is None:
            return (*paths.signature.by(paths.places),)
        start = len(paths.signature.names)
        at = {v: start + i for i, v in enumerate(self.traced.captured)}
        return tuple([at.get(v) for v in paths.wrt])

    def runner(self, kind: str, zero_rule: bool = False, checks: bool = True) -> Runner:
        """What runs the program of a kind.

        zero_rule  it keeps the rule for adjoints of 0
        checks     its last guard says that no derivative is nan
        """
        key = kind, zero_rule or self.paths.strict, checks
        found = self.runners.get(key)
        if found is None:
            paths = self.paths
            self.require(kind)
            sweep = self.traced.sweep if paths.strict else ()
            found = _runner(
                self.program, *key, self.by, paths.backend, paths.strict, sweep, redefined[0]
            )
            self.runners[key] = found
        return found

    def require(self, kind: str) -> None:
        """An error if there is no program of this kind."""
        problem, result = self.paths.problem, self.result
        if kind == "value" or self.paths.wrt is not None:
            return
        if problem is not None:
            raise type(problem)(*problem.args)
        if kind != "jacobian" and not result.is_single:
            raise TypeError(
                f"compile: {self.paths.name()} must return one number to be differentiated, not "
                f"{type(result.whole).__name__} of {len(result.numbers)}; jacobian has the "
                "derivatives of more than one"
            )

    def other(self, k: int) -> Path | None:
        """A path that goes the same way up to guard k, and there the other."""
        fork = self.forks[k].next.get(not self.outcomes[k])
        return None if fork is None else fork.path

    def results_of(self, kind: str) -> Results:
        found = self.results.get(kind)
        if found is None:
            found = self.results[kind] = Results(kind, self.result, self.paths.argument)
        return found

    def forced(
        self, kind: str, numbers: Sequence[float], extra: Sequence[float] = ()
    ) -> list[float]:
        """The outputs where it is known that this is the path, though a guard says otherwise by a
        rounding error."""
        self.require(kind)
        program = derived(self.program, kind, self.by, zero_rule=True)
        return program.run([*numbers, *self.captured(), *extra], floats)

    def captured(self) -> list[float]:
        return [v._num for v in self.traced.captured]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "forks": [], "runners": {}, "results": {}}


@lru_cache(maxsize=128)  # a worker gets the same function with each part of a batch
@collector_paused()
def _runner(
    program: Program,
    kind: str,
    zero_rule: bool,
    checks: bool,
    by: tuple[int | None, ...],
    backend: str | None,
    strict: bool,
    sweep: tuple[int, ...],
    version: int,  # of the operations that a program names
) -> Runner:
    checks = checks and kind != "value" and (kind in SECOND or not zero_rule)
    made = derived(program, kind, by, zero_rule, checks, not zero_rule, sweep)
    return Runner(made if strict else summed(made), backend, strict)


class Paths:
    """All paths of a function for calls of one form.

    wrt    the Values from outside to differentiate by, instead of arguments
    eager   why the function cannot be a program, empty if it can
    warned  of what, if of anything
    problem why there are no derivatives, if so
    """

    def __init__(
        self,
        signature: Signature,
        places: Sequence[int],
        single: bool,
        backend: str | None,
        strict: bool,
        most: int,
        wrt: Sequence[Value] | None = None,
        problem: Exception | None = None,
    ) -> None:
        self.problem = problem
        self.signature, self.backend, self.strict, self.most = signature, backend, strict, most
        self.places = [k for k in places if k in signature.structures]
        self.wrt = wrt
        wholes = [signature.structures[k].whole for k in self.places]
        whole: Any = wholes[0] if single and wholes else (*wholes,)
        if wrt is not None:
            whole = [0.0] * len(wrt)
        self.argument = Structure(whole, "args", "compile")
        self.all: list[Path] = []
        self.first: Fork | None = None
        self.recent: Path | None = None  # mostly the next call goes the same way
        self.eager = ""
        self.warned = ""
        self.version = redefined[0]

    def find(
        self,
        numbers: Sequence[float],
        kind: str,
        extra: Sequence[float],
        call: Callable[[], Any],
    ) -> tuple[Path, Sequence[float]] | None:
        """The path of a call and its outputs; None where the function has to run as it is.

        numbers   of the arguments; extra: of the vector of a hvp
        call      the function itself on the arguments, for its own errors
        """
        self.refresh()
        path, known = self.recent, 0
        program = PROGRAMS[kind][0]
        while path is not None:
            status, outputs = path.runner(program).point([*numbers, *path.captured(), *extra])
            if status < 0:
                self.recent = path
                return path, outputs
            if status == len(path.outcomes):
                return self._careful(path, program, numbers, extra)
            # a guard that held before fails only by rounding: the trace will tell
            path = path.other(status) if status >= known else None
            known = status + 1
        new = self.follow(numbers, call)
        if new is None:
            return None
        status, outputs = new.runner(program).point([*numbers, *new.captured(), *extra])
        if status < 0:
            return new, outputs
        if status == len(new.outcomes):
            return self._careful(new, program, numbers, extra)
        return new, new.forced(program, numbers, extra)

    def _careful(
        self, path: Path, program: str, numbers: Sequence[float], extra: Sequence[float]
    ) -> tuple[Path, Sequence[float]] | None:
        """Where a derivative is nan: with the rule for adjoints of 0. What is nan or infinite in
        second derivatives then is computed as ever."""
        if self.strict:
            return None
        given = [*numbers, *path.captured(), *extra]
        status, outputs = path.runner(program, zero_rule=True).point(given)
        return None if status == len(path.outcomes) else (path, outputs)

    def refresh(self) -> None:
        """Where an operation of the user's was replaced, what was traced of it holds no longer."""
        if self.version == redefined[0]:
            return
        self.version = redefined[0]
        if any(op in CUSTOM for path in self.all for op, _ in path.program.instructions):
            self.all, self.first, self.recent = [], None, None

    def follow(self, numbers: Sequence[float], call: Callable[[], Any]) -> Path | None:
        """The path of a call, traced; None if the function has to run as it is."""
        if len(self.all) >= self.most:
            self._warn_of_many(numbers)
            return None
        before = _random_state()
        try:
            traced, result = self._traced(numbers)
            if _keeps_any(traced.leaves):  # as parameters that are made in the first call
                traced, result = self._traced(numbers)
            self._require_leaves(traced.captured)
            if _random_state() == before:
                self._require_same(traced.numbers, numbers)
        except Untraceable as reason:
            self._warn(f"compile: {self.name()} runs as it is, without being compiled: {reason}")
            self.eager = str(reason)
            return None
        except Refused as error:
            raise TypeError(f"{error}{_line_of(error)}") from None
        except Exception as error:
            try:
                call()  # raises the error that belongs to it
            except TypeError as own:
                if DROPS in str(own):
                    more = "; in a compiled function .data is no plain number, either"
                    raise TypeError(f"{own}{more}{_line_of(own)}") from own
                if not self._takes_floats(numbers):
                    raise
            raise TypeError(
                f"compile: {self.name()} uses a number that is traced, such as the data of an "
                f"argument, as a plain one: {str(error).split(DROPS)[0]}; use functions of "
                "autograd_lite instead of those of math, or name the argument in static="
                f"{_line_of(error)}"
            ) from error
        if _random_state() != before:
            self._warn(
                f"compile: {self.name()} draws random numbers; compiled, it repeats those of its "
                "first call: give them as arguments"
            )
        return self.add(Path(self, traced._replace(leaves=[], numbers=[]), result))

    def _result(self, xs: list[Value]) -> Structure:
        """What the function returns for Values."""
        result = self.signature.call(xs)
        if result is None:
            raise Refused(f"compile: {self.name()} returned None; does it end with a return?")
        try:
            return Structure(result, f"the result of {self.name()}", "compile", RESULT)
        except TypeError as error:
            raise Refused(str(error)) from None

    def _traced(self, numbers: Sequence[float]) -> tuple[Traced, Structure]:
        kept: list[Structure] = []

        def run(xs: list[Value]) -> list[Any]:
            kept.append(self._result(xs))
            return kept[0].numbers

        traced, result = trace(run, numbers, self.signature.names), kept[0]
        result.whole = result.built([0.0] * len(result.numbers))  # no Value is kept
        result.numbers = [0.0] * len(result.numbers)
        return traced, result

    def _require_same(self, found: Sequence[float], numbers: Sequence[float]) -> None:
        """Untraceable if the function, run as ever, returns something else."""
        ys = self._result([Value(x) for x in numbers]).numbers
        own = [y._num if isinstance(y, Value) else y for y in ys]
        if len(own) != len(found) or any(a != b and a == a for a, b in zip(own, found)):
            raise Untraceable(
                "it returns something else when it is traced, as where it looks the data of an "
                "argument up in a set or a dict, asks for its type, or changes from call to call"
            )

    def _takes_floats(self, numbers: Sequence[float]) -> bool:
        """Whether the function goes through with plain numbers; an int may be a count, too."""
        with suppress(Exception):
            self.signature.call([int(x) if x == x // 1 else x for x in numbers])
            return True
        return False

    def _require_leaves(self, captured: Sequence[Value]) -> None:
        """What was computed before of Values to differentiate by has a slope by them."""
        wanted = {*(self.wrt or ())}
        for v in captured:
            if wanted and v not in wanted and not wanted.isdisjoint(order(v)):
                raise Untraceable("it uses a Value that was computed of a parameter outside")

    def add(self, path: Path) -> Path:
        """The path, or the one with the same branches that is there already."""
        if self.first is None:
            self.first = Fork(path)
        fork = self.first
        for outcome in path.outcomes:
            path.forks.append(fork)
            fork = fork.next.setdefault(outcome, Fork(path))
        if fork.path is path:
            self.all.append(path)
        self.recent = fork.path
        return fork.path

    def __getstate__(self) -> dict[str, Any]:
        return {
            **self.__dict__,
            "first": None,
            "recent": None,
        }  # the tree may be deeper than pickle can go

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        known, self.all = self.all, []
        for path in known:
            self.add(path)

    def name(self) -> str:
        return getattr(self.signature.f, "__name__", "the function")

    def _warn(self, text: str) -> None:
        if not self.warned:
            self.warned = text
            if self.wrt is None:  # else compile_loss says it
                warnings.warn(text, stacklevel=users_frame()[1] + 1)

    def _warn_of_many(self, numbers: Sequence[float]) -> None:
        lines: dict[str, int] = {}
        for path in self.all:
            for text in path.traced.guards:
                lines[text] = lines.get(text, 0) + 1
        often = max(lines, key=lines.__getitem__) if lines else "?"
        self._warn(
            f"compile: {self.name()} has more than {self.most} paths through its branches; calls "
            f"that take others run uncompiled. Mostly asked: {often}. Use where(condition, a, b), "
            "maximum(a, b) or minimum(a, b) there, or raise max_paths="
        )


def _keeps_any(leaves: list[Value]) -> bool:
    """Whether somebody else holds one of these; the list, the loop and the call make three."""
    return any(getrefcount(v) > 3 for v in leaves)


DROPS = " would drop its gradient"
RESULT = "f must return a number, or a list, tuple, dict, dataclass or array of numbers"


def _random_state() -> Any:
    import random
    import sys

    numpy = sys.modules.get("numpy.random")
    state: Any = numpy.get_state() if numpy is not None else None
    return random.getstate(), state and (state[1].tobytes(), state[2])


def _line_of(error: BaseException) -> str:
    """The last line of the user's in a traceback, to be appended to a message."""
    import traceback

    found = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        if not is_ours(frame):
            found = described(frame.f_code, line)
    return found and f" (at {found})"
