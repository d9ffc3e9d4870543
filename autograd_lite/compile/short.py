"""The short way from the arguments of a call to machine code, and back.

It is for numbers, for one list of numbers, and for arrays of doubles beside numbers. A way belongs
to a path; it says None where a guard does not hold, or where the arguments have another form.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct, error
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .paths import Path

ShortWay = Callable[[tuple[Any, ...]], Any]
MOST = 8  # ways for arguments of the same types, which are tried one after the other
_number = Struct("d").pack


def remember(
    ways: dict[Any, dict[Path, ShortWay]],
    path: Path,
    args: tuple[Any, ...],
    kernel: Any,
    finish: Callable[[Any], Any],
) -> None:
    """Enters the way of a path into `ways`, by the types of the arguments."""
    found = ways.setdefault(tuple(map(type, args)), {})
    if path not in found and len(found) < MOST:
        found[path] = short_way(path, args, kernel, finish)


def short_way(
    path: Path, args: tuple[Any, ...], kernel: Any, finish: Callable[[Any], Any]
) -> ShortWay:
    """The way of a path for arguments like these."""
    from ctypes import c_double

    signature, captured, call = path.paths.signature, path.traced.captured, kernel.call
    made = c_double * len(kernel.program.outputs)
    pack = Struct(f"{len(signature.names) + len(captured)}d").pack
    more = Struct(f"{len(captured)}d").pack

    def of_numbers(xs: Any) -> Any:
        outputs = made()
        if captured:
            xs = (*xs, *[v._num for v in captured])
        try:
            return finish(outputs) if call(pack(*xs), outputs) < 0 else None
        except (OverflowError, error):  # an int without a float
            return None

    def of_list(args: tuple[Any, ...]) -> Any:
        xs = args[0]
        return of_numbers(xs) if len(xs) == size and {*map(type, xs)} == {float} else None

    def of_array(args: tuple[Any, ...]) -> Any:
        x = args[0]
        if x.shape != shape or x.dtype is not kind:
            return None
        outputs, given = made(), x.tobytes()
        if captured:
            given += more(*[v._num for v in captured])
        return finish(outputs) if call(given, outputs) < 0 else None

    def of_arrays(args: tuple[Any, ...]) -> Any:
        given = []
        for x, form in zip(args, forms):
            if form is None:
                given.append(_number(x))
            elif x.shape != form or x.dtype is not kind:
                return None
            else:
                given.append(x.tobytes())
        if captured:
            given.append(more(*[v._num for v in captured]))
        outputs = made()
        return finish(outputs) if call(b"".join(given), outputs) < 0 else None

    types = {*map(type, args)}
    if signature.all_numbers and types <= {float, int}:
        return of_numbers
    if len(signature.dynamic) == len(args):
        if len(args) == 1 and types == {list} and {*map(type, args[0])} == {float}:
            size = len(args[0])
            return of_list
        if all(type(x) is float or _is_plain(x) for x in args):
            forms = [getattr(x, "shape", None) for x in args]
            shape, kind = forms[0], next(x.dtype for x in args if _is_plain(x))
            return of_array if len(args) == 1 else of_arrays
    return lambda args: None


def _is_plain(x: Any) -> bool:
    return type(x).__name__ == "ndarray" and bool(x.dtype == "d")
