"""map: arrays of arguments as rows, the parts of an executor, and what comes back.

>>> from autograd_lite.compile import compile
>>> f = compile(lambda x, y: x / y if y != 0.0 else 0.0)
>>> [float(y) for y in f.map([1.0, 2.0, 3.0], [2.0, 0.0, 4.0])]
[0.5, 0.0, 0.75]
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from operator import index
from struct import Struct
from typing import TYPE_CHECKING, Any, NamedTuple

from ..ieee import shown, whole
from ..structure import Structure, is_array, leaves, refilled
from .results import Results
from .rows import NONE, Batch, Columns, Rows, joined, total
from .runner import has
from .signature import GivenValues, is_fixed, key_of, numbers_of

if TYPE_CHECKING:
    from .compiled import Compiled
    from .paths import Paths

_packed = Struct("d").pack
PARTS = 16  # of a batch without chunk_rows: by the number of rows alone, so that sums stay the same


def mapped(
    f: Compiled,
    args: tuple[Any, ...],
    named: dict[str, Any],
    in_axes: Any,
    reduce: str | None,
    executor: Any,
    chunk_rows: int | None,
) -> Any:
    """f.map; see there."""
    if reduce not in (None, "sum", "mean"):
        raise ValueError(f'map: reduce = {shown(reduce)}; use "sum", "mean" or None')
    plain = None if named or f.kind == "hvp" or f.settings.static else _plain(args, in_axes)
    known: Any = plain and f.maps.get(plain.form)
    if plain and known:  # rows of the same form as before
        key, shared = known
        part = Part(f, key, (), {}, reduce is not None)
        batch = Batch(Columns(shared, plain.same, plain.blocks), plain.n)
    else:
        part, batch = _read(f, args, named, in_axes, reduce is not None)
        if plain:
            f.maps[plain.form] = part.key, batch.columns.shared
    n, paths = batch.n, part.paths
    if n == 0:
        outputs, result = _of_no_rows(part, batch, reduce)
    elif executor is None and chunk_rows is None:
        outputs, result = part(batch, 0)
    else:
        outputs, result = _in_parts(part, batch, executor, chunk_rows)
    path = next((path for path in paths.all if path.result is result), None)
    results = path.results_of(f.kind) if path else Results(f.kind, result, paths.argument)
    if reduce is None:
        return results.of_rows(outputs, n)
    if reduce == "mean":
        outputs = outputs / n if hasattr(outputs, "dtype") else [y / n for y in outputs]
    return results.of(outputs)


class Plain(NamedTuple):
    """Arguments that are floats and arrays of doubles; same and blocks are as in Columns."""

    form: Any
    same: bytes
    blocks: list[Any]
    n: int


def _plain(args: Sequence[Any], in_axes: Any) -> Plain | None:
    """The cheapest way to read arguments; None where they are not of the usual kind."""
    axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
    same = b""
    blocks: list[Any] = []
    forms: list[Any] = []
    n = 0
    for x, axis in zip(args, axes):
        if axis is None and x.__class__ is float:
            same += _packed(x)
            forms.append(None)
        elif type(x).__name__ != "ndarray" or x.dtype.char != "d" or not x.dtype.isnative:
            return None
        elif axis is None:
            same += x.tobytes()
            forms.append(x.shape)
        elif axis == 0 and axis.__class__ is int and x.ndim and len(x) and n in (0, len(x)):
            n = len(x)
            blocks.append(x.reshape(n, -1))
            forms.append((None, *x.shape[1:]))
        else:
            return None
    if len(axes) != len(args) or not n:
        return None
    return Plain((axes, *forms), same, blocks, n)


def _read(
    f: Compiled, args: tuple[Any, ...], named: dict[str, Any], in_axes: Any, reduce: bool
) -> tuple[Part, Batch]:
    """What the arguments of map stand for."""
    examples, columns, n = _rows_of(args, _axes(in_axes, args, f.settings.static))
    vector: Any = None
    extra: list[Any] = []
    if f.kind == "hvp":
        if len(args) < 2:
            raise TypeError("hvp: give the arguments of f and then the vector")
        *examples, vector = examples
        *columns, extra = columns
        vector, extra = _matching(f, examples, vector, extra)
    try:
        key = key_of(examples, named, f.settings.static)
    except GivenValues:
        raise TypeError("map: an argument holds Values; give their data") from None
    paths = f.paths_of(key, (*examples,), named)
    numbers: list[Any] = []
    for k in paths.signature.dynamic:
        numbers += columns[k] if isinstance(k, int) else _floats(named[k])
    return Part(f, key, (*examples,), named, reduce, vector), Batch(numbers, n, extra or NONE)


class Part:
    """A part of a batch, wherever it runs."""

    def __init__(
        self,
        f: Compiled,
        key: Any,
        examples: tuple[Any, ...],
        named: dict[str, Any],
        reduce: bool,
        vector: Any = None,  # of a hvp: the Structure of the arguments to differentiate by
    ) -> None:
        self.f, self.key, self.reduce = f, key, reduce
        self.examples, self.named, self.vector = examples, named, vector
        self.backend: str | None = None

    @property
    def paths(self) -> Paths:
        return self.f.paths_of(self.key, self.examples, self.named)

    def __call__(self, batch: Batch, first: int) -> tuple[Any, Structure]:
        rows = self.rows(batch, first)
        found = rows.sums() if self.reduce else rows.run()
        assert found.result is not None
        return found.outputs, found.result

    def rows(self, batch: Batch, first: int) -> Rows:
        f, paths = self.f, self.paths
        signature = paths.signature

        def own(i: int, kind: str) -> Any:
            args, named = signature.arguments(batch.columns.row(i))
            if kind == "hvp":
                args.append(self.vector.built(batch.extra.row(i)))
            return f.of(kind).eager((*args,), named)

        return Rows(paths, f.kind, batch, own, first, self.backend)


def _in_parts(
    part: Part, batch: Batch, executor: Any, chunk_rows: int | None
) -> tuple[Any, Structure]:
    size = -(-batch.n // PARTS) if chunk_rows is None else whole(chunk_rows, "chunk_rows", "map")
    if size < 1:
        raise ValueError("map: chunk_rows must be at least 1")
    # not by what pays, which changes, and then the last bits of the sums would
    part.backend = part.f.settings.backend or fastest(part.f.settings.strict)
    rows = part.rows(batch, 0)
    if rows.paths.first is None:
        rows.traced(0)  # so that the workers have it
    starts = range(0, batch.n, size)
    pieces = [batch.part(start, min(start + size, batch.n)) for start in starts]
    if executor is None:
        found = [part(piece, start) for piece, start in zip(pieces, starts)]
    else:
        from .workers import submitted

        found = submitted(part, pieces, starts, executor)
    for _, result in found[1:]:
        rows.returns(result)
    outputs = [outputs for outputs, _ in found]
    return (total(outputs) if part.reduce else joined(outputs)), found[0][1]


def fastest(strict: bool) -> str:
    """The fastest executor that is installed."""
    if has("numpy") and has("llvmlite"):
        return "llvm"
    return "numpy" if has("numpy") and not strict else "python"


def _of_no_rows(part: Part, batch: Batch, reduce: str | None) -> tuple[Any, Structure]:
    """What has the form of the results, which f shows at zeros."""
    if reduce == "mean":
        raise ValueError("map: there are no rows to take the mean of")
    columns, extra = ([0.0] * len(x.shared) for x in (batch.columns, batch.extra))
    zeros = Batch(columns, 1, extra)
    try:
        outputs, result = part(zeros, 0)
    except Exception as error:
        raise ValueError(
            "map: there are no rows, and the function, tried at zeros for the form of its result, "
            f"raises {type(error).__name__}: {error}"
        ) from error
    if reduce:
        return [0.0] * len(outputs), result
    return (outputs[:, :0] if has("numpy") else [[] for _ in outputs]), result


def _matching(
    f: Compiled, examples: Sequence[Any], vector: Any, columns: Sequence[Any]
) -> tuple[Structure, list[Any]]:
    """The arguments to differentiate by; the columns of the vector in their order."""
    places, single = f.settings.places(examples)
    wholes = [examples[k] for k in places]
    given = Structure(wholes[0] if single else (*wholes,), "args", "hvp")
    numbered = Structure(vector, "", "").built([float(i) for i in range(len(columns))])
    return given, [columns[int(i)] for i in given.matching(numbered, "the vector").numbers]


def _axes(in_axes: Any, args: Sequence[Any], static: Sequence[int | str]) -> list[int | None]:
    """The axis of each argument, None for one that is the same for all rows."""
    many = isinstance(in_axes, (list, tuple))
    axes = [*in_axes] if many else [in_axes] * len(args)
    if len(axes) != len(args):
        raise ValueError(
            f"map: in_axes = {shown(in_axes)} for {len(args)} arguments; give one for each"
        )
    for k, (axis, x) in enumerate(zip(axes, args)):
        if k in static or is_fixed(x):
            axes[k] = None
        elif axis is not None:
            try:
                axes[k] = index(axis)
            except TypeError:
                raise TypeError(
                    f"map: in_axes = {shown(in_axes)}; use whole numbers or None"
                ) from None
    return axes


def _rows_of(
    args: Sequence[Any], axes: Sequence[int | None]
) -> tuple[list[Any], list[list[Any]], int]:
    """The arguments of the first row; the columns of each; the number of rows."""
    examples, columns = [], []
    lengths: dict[int, str] = {}
    for k, (x, axis) in enumerate(zip(args, axes)):
        if axis is None:
            examples.append(x)
            columns.append([] if is_fixed(x) else _floats(x))
            continue
        found: list[Any] = []
        firsts: list[Any] = []
        x = _as_arrays(x)
        blocks = [*leaves(x)] if has("numpy") else [x]
        for j, block in enumerate(blocks):
            name = f"args[{k}]" if len(blocks) == 1 else f"array {j} of args[{k}]"
            first, more, n = _columns(block, axis, name)
            lengths[n] = name
            firsts.append(first)
            found += more
        examples.append(refilled(x, iter(firsts)) if has("numpy") else firsts[0])
        columns.append(found)
    if len(lengths) != 1:
        raise ValueError(
            "map: no argument has rows; in_axes=0 counts them" if not lengths else
            "map: " + " but ".join(f"{name} has {n} rows" for n, name in lengths.items())
        )  # fmt: skip
    return examples, columns, next(iter(lengths))


def _floats(x: Any) -> list[Any]:
    """The numbers of an argument that is the same for all rows; none of one that is no number."""
    try:
        return numbers_of(x, "")
    except TypeError:
        return []


def _as_arrays(x: Any) -> Any:
    """Lists of numbers, or of such lists, as arrays."""
    if not has("numpy"):
        return x
    import numpy as np

    if isinstance(x, (list, tuple)) and not hasattr(x, "_fields") and not any(map(is_array, x)):
        try:
            found = np.asarray(x)
        except ValueError:
            return x
        return found if found.dtype.kind in "fiub" else x
    return x


def _columns(block: Any, axis: int, name: str) -> tuple[Any, list[Any], int]:
    """The first row of an array, its columns, and how many rows it has."""
    if is_array(block) and block.ndim:
        import numpy as np

        if hasattr(block, "mask"):
            raise TypeError(
                f"map: the mask of {name} would be lost; give .compressed() or .filled(0.0)"
            )
        if block.dtype.kind not in "fiub":
            raise TypeError(f"map: {name} must hold real numbers, not {block.dtype}")
        if not -block.ndim <= axis < block.ndim:
            raise ValueError(f"map: {name} has the shape {block.shape}, so no axis {axis}")
        rows = np.asarray(block, dtype=float)
        if axis != 0:
            rows = np.moveaxis(rows, axis, 0)
        n, shape = len(rows), rows.shape[1:]
        first: Any = np.array(rows[0] if n else np.zeros(shape))
        if not shape:
            return float(first), [rows], n
        return first, [*rows.reshape(n, math.prod(shape)).T], n
    if isinstance(block, (list, tuple)) and axis == 0:  # without NumPy
        if all(isinstance(x, (int, float)) for x in block):
            return float(block[0]) if block else 0.0, [[float(x) for x in block]], len(block)
        numbers = [Structure(row, name, "map").numbers for row in block]
        if len({*map(len, numbers)}) > 1:
            raise ValueError(f"map: the rows of {name} differ in length")
        return block[0], [[*column] for column in zip(*numbers)], len(block)
    raise TypeError(
        f"map: {name} = {shown(block)} has no rows; give an array, or in_axes=None for it"
    )
