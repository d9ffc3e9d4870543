"""A compiled function over rows: the batch is split by the paths that its rows take."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from itertools import compress
from typing import Any

from ..engine import packed_data
from ..ieee import fsum
from ..structure import Structure
from .paths import SECOND, Path, Paths
from .results import PROGRAMS, Results
from .runner import has
from .signature import form

LARGE = 1 << 22  # so many numbers are kept at once where rows are summed one by one
Outputs = Any  # a float64 array of outputs by rows, or of sums; lists without NumPy


class Columns:
    """Columns of numbers, which are not taken apart before somebody asks.

    shared  for each number 1 if it is the same for all rows, else 0
    same    the former, as the bytes of doubles
    blocks  the others: arrays of rows by numbers; without NumPy for each a list
    """

    def __init__(self, shared: bytes, same: bytes, blocks: Sequence[Any]) -> None:
        self.shared, self.same, self.blocks = shared, same, blocks

    @classmethod
    def of(cls, columns: Sequence[Any]) -> Columns:
        """Of columns, or of floats, which are the same for all rows."""
        shared = bytes([x.__class__ is float for x in columns])
        same = array("d", compress(columns, shared)).tobytes()
        others = [x for x in columns if x.__class__ is not float]
        return cls(shared, same, [x[:, None] if _is_array(x) else x for x in others])

    def __add__(self, other: Columns) -> Columns:
        if not other.shared:
            return self
        blocks = [*self.blocks, *other.blocks]
        return Columns(self.shared + other.shared, self.same + other.same, blocks)

    def apart(self) -> list[Any]:
        """The opposite of `of`."""
        return self._merged([y for x in self.blocks for y in (x.T if _is_array(x) else (x,))])

    def row(self, i: int) -> list[float]:
        found = [x[i].tolist() if _is_array(x) else (float(x[i]),) for x in self.blocks]
        return self._merged([y for ys in found for y in ys])

    def _merged(self, others: list[Any]) -> list[Any]:
        if not self.same:
            return others
        ones, rest = iter(memoryview(self.same).cast("d")), iter(others)
        return [next(ones if same else rest) for same in self.shared]

    def picked(self, pick: Callable[[Any], Any]) -> Columns:
        return Columns(self.shared, self.same, [*map(pick, self.blocks)])


NONE = Columns(b"", b"", ())


class Batch:
    """Rows of the numbers of arguments.

    columns  of each number a float, the same for all rows, or a column; or Columns
    n        the number of rows
    extra    the same of the vector of a hvp
    """

    def __init__(
        self, columns: Columns | Sequence[Any], n: int, extra: Columns | Sequence[Any] = NONE
    ) -> None:
        self.columns = columns if isinstance(columns, Columns) else Columns.of(columns)
        self.n = n
        self.extra = extra if isinstance(extra, Columns) else Columns.of(extra)

    def taken(self, at: Sequence[int]) -> Batch:
        """The rows at these places."""
        return self._picked(lambda x: x[at] if _is_array(x) else [x[i] for i in at], len(at))

    def part(self, start: int, stop: int) -> Batch:
        return self._picked(lambda x: x[start:stop], stop - start)

    def _picked(self, pick: Callable[[Any], Any], n: int) -> Batch:
        return Batch(self.columns.picked(pick), n, self.extra.picked(pick))


class Rows:
    """The outputs of a batch, or their sums, from whichever paths its rows take.

    own      the function as it is, on row i, for a kind of result
    first    the number of the first row, for messages
    backend  for all rows; None: what pays
    outputs  by then; result: the structure of what a row returns
    """

    def __init__(
        self,
        paths: Paths,
        kind: str,
        batch: Batch,
        own: Callable[[int, str], Any],
        first: int = 0,
        backend: str | None = None,
    ) -> None:
        paths.refresh()
        self.paths, self.kind, self.batch = paths, kind, batch
        self.own, self.first, self.backend = own, first, backend
        self.program = PROGRAMS[kind][0]
        self.result: Structure | None = None
        self.outputs: Outputs = None

    def run(self) -> Rows:
        """Computes the outputs of each row."""
        todo: list[tuple[Path, Any, int]] = []  # a path, rows, the guards known to hold
        left: list[int] = []
        if self.paths.recent is not None:
            todo.append((self.paths.recent, None, 0))
        else:
            left = [*range(self.batch.n)]
        traced = -1
        while True:
            while todo:
                path, at, known = todo.pop()
                for k, rows in self._on(path, at):
                    other = path.other(k) if k >= known else None
                    if other is not None:
                        todo.append((other, rows, k + 1))
                        continue
                    left += [*map(int, rows)]
                    if traced in rows:  # on the path that was traced for it
                        left.remove(traced)
                        self._forced(path, traced)
            if not left:
                return self
            left.sort()  # so that the first row that raises is the one that is reported
            traced = left[0]
            new = self.traced(traced)
            if new is None:
                del left[0]
                result = self.result or self._whole(traced)
                self._keep(result, [traced], self._flat(traced))
            else:
                todo, left = [(new, left, 0)], []

    def sums(self) -> Rows:
        """Computes the sums of the outputs over the rows.

        Rows on one path are summed as they are computed, others one by one, so that the sums do
        not depend on the paths that were known before.
        """
        n, tried = self.batch.n, set()
        path = self.paths.recent or self.traced(0)
        while path is not None and path not in tried:
            tried.add(path)
            with _quiet():
                status, sums = self._run(path, self.batch, True, checks=False)
                low, high = _ends(status)
                is_good = low == high < 0 and self._is_good(path, sums)
            if is_good:
                self.outputs, self.result, self.paths.recent = sums, path.result, path
                return self
            if low != high or low < 0:
                break
            path = path.other(low) or self.traced(0)
        found = []
        size = max(1000, LARGE // (1 + len(self.paths.argument.numbers)))
        for start in range(0, n, size):
            rows = Rows(
                self.paths, self.kind, self.batch.part(start, min(start + size, n)),
                lambda i, kind, start=start: self.own(start + i, kind),  # type: ignore[misc]
                self.first + start, self.backend,
            ).run()  # fmt: skip
            assert rows.result is not None
            self.returns(rows.result)
            found.append(_summed(rows.outputs))
        self.outputs = total(found)
        return self

    def _run(
        self, path: Path, batch: Batch, reduce: bool, zero_rule: bool = False, checks: bool = True
    ) -> tuple[Any, Outputs]:
        runner = path.runner(self.program, zero_rule, checks)
        columns, captured = batch.columns, path.traced.captured
        if captured or batch.extra.shared:
            given = Columns(b"\1" * len(captured), packed_data(captured), ())
            columns = columns + given + batch.extra
        return runner.rows(columns, batch.n, reduce, self.backend)

    def _on(self, path: Path, at: Any) -> list[tuple[int, Any]]:
        """Runs rows on a path; of each guard that fails for some, these."""
        status, outputs = self._run(path, self.batch if at is None else self.batch.taken(at), False)
        groups = _groups(status, at)
        nans = groups.pop(len(path.outcomes), ())
        self._keep(path.result, at, outputs)
        if not groups:
            self.paths.recent = path
        if len(nans) and (self.paths.strict or self.program in SECOND):
            for i in map(int, nans):
                self._keep(path.result, [i], self._flat(i))
        elif len(nans):  # with the rule for adjoints of 0
            batch = self.batch.taken(nans)
            self._keep(path.result, nans, self._run(path, batch, False, zero_rule=True)[1])
        return [*groups.items()]

    def _is_good(self, path: Path, sums: Outputs) -> bool:
        if self.program == "value":
            return True
        slopes = sums[len(path.result.numbers) :]
        if _is_array(slopes):
            squares = float(slopes.dot(slopes))  # they do not cancel: nan if one of them is
            if squares == squares and (self.program not in SECOND or squares < math.inf):
                return True
            slopes = slopes.tolist()
        return all(map(math.isfinite if self.program in SECOND else lambda x: x == x, slopes))

    def traced(self, i: int) -> Path | None:
        """The path of row i, by a trace; None where there is none."""
        if self.paths.eager:
            return None
        try:
            return self.paths.follow(self.batch.columns.row(i), lambda: self.own(i, self.kind))
        except Exception as error:
            raise _of_row(error, self.first + i) from None

    def _forced(self, path: Path, i: int) -> None:
        """Row i on the path that was traced for it, from which it is off by a rounding error."""
        outputs = path.forced(self.program, self.batch.columns.row(i), self.batch.extra.row(i))
        bad = [y for y in outputs[len(path.result.numbers) :] if not math.isfinite(y)]
        own = bad and self.program in SECOND
        self._keep(path.result, [i], self._flat(i) if own else [[y] for y in outputs])

    def _whole(self, i: int) -> Structure:
        """The structure of the result of row i."""
        try:
            return Structure(self.own(i, "value"), "the result of f", "map")
        except Exception as error:
            raise _of_row(error, self.first + i) from None

    def _flat(self, i: int) -> Any:
        """What the function itself gives for row i, as outputs of the program."""
        result = self.result or self._whole(i)
        try:
            found = self.own(i, self.kind)
        except Exception as error:
            raise _of_row(error, self.first + i) from None
        return [[y] for y in Results(self.kind, result, self.paths.argument).flat(found)]

    def returns(self, result: Structure) -> None:
        """Refuses a result of another structure than those before."""
        if self.result is None:
            self.result = result
        elif self.result is not result and form(self.result.whole) != form(result.whole):
            raise TypeError(
                "map: the rows give results of different structures, such as "
                f"{self.result.whole!r} and {result.whole!r}; return the same on each branch"
            )

    def _keep(self, result: Structure, at: Any, outputs: Outputs) -> None:
        self.returns(result)
        if at is None:
            self.outputs = outputs
        elif has("numpy"):
            import numpy as np

            if self.outputs is None:
                self.outputs = np.empty((len(outputs), self.batch.n))
            self.outputs[:, at] = outputs
        else:
            if self.outputs is None:
                self.outputs = [[math.nan] * self.batch.n for _ in outputs]
            for column, found in zip(self.outputs, outputs):
                for i, y in zip(at, found):
                    column[i] = y


def _summed(outputs: Outputs) -> Any:
    if not _is_array(outputs):
        return [*map(fsum, outputs)]
    with _quiet():
        return outputs.sum(axis=1)


def _quiet() -> Any:
    """NumPy does not warn of sums that overflow, or of infinities of both signs."""
    if not has("numpy"):
        return nullcontext()
    import numpy as np

    return np.errstate(all="ignore")


def _ends(status: Any) -> tuple[int, int]:
    if status is None:
        return -1, -1
    if _is_array(status):
        return int(status.min()), int(status.max())
    return min(status), max(status)


def _groups(status: Any, at: Any) -> dict[int, Any]:
    """The rows by the guard that fails for them."""
    if status is None:
        return {}
    if _is_array(status):
        failed = (status >= 0).nonzero()[0]
        kinds = status[failed]
        rows = failed if at is None else _array(at)[failed]
        return {k: rows[kinds == k] for k in {*kinds.tolist()}}
    groups: dict[int, list[int]] = {}
    for i, k in enumerate(status):
        if k >= 0:
            groups.setdefault(k, []).append(i if at is None else at[i])
    return groups


def _array(at: Any) -> Any:
    import numpy as np

    return np.asarray(at)


def total(parts: Sequence[Sequence[float]]) -> list[float]:
    """The sums of the sums of parts, each rounded once: the order of the parts does not matter."""
    return [fsum(xs) for xs in zip(*parts)]


def joined(parts: Sequence[Outputs]) -> Outputs:
    """The outputs of parts side by side."""
    if has("numpy"):
        import numpy as np

        return np.concatenate(parts, axis=1)
    return [[y for part in columns for y in part] for columns in zip(*parts)]


def _is_array(x: Any) -> bool:
    return hasattr(x, "dtype")


def _of_row(error: Exception, i: int) -> Exception:
    """The error, with a note that names the row; before Python 3.11, in its text."""
    if hasattr(error, "add_note"):
        error.add_note(f"in row {i}")
    elif error.args and isinstance(error.args[0], str):
        error.args = (f"{error.args[0]} (row {i})", *error.args[1:])
    return error
