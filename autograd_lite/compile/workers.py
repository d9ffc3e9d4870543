"""The parts of a batch on the workers of an executor."""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, CancelledError
from pickle import PicklingError
from typing import TYPE_CHECKING, Any

from ..structure import Structure
from .rows import Batch

if TYPE_CHECKING:
    from .mapping import Part


def submitted(
    part: Part, pieces: Sequence[Batch], starts: Sequence[int], executor: Any
) -> list[tuple[Any, Structure]]:
    """The results of the parts, or the error of the first that has one."""
    waiting: list[Any] = []
    try:
        for piece, start in zip(pieces, starts):
            try:
                waiting.append(executor.submit(part, piece, start))
            except BrokenExecutor as error:  # by an earlier part, which tells more
                waiting.append(error)
                break
        return [
            _result_of(future, start, piece.n)
            for future, piece, start in zip(waiting, pieces, starts)
        ]
    finally:
        for future in waiting:
            if not isinstance(future, BrokenExecutor):
                future.cancel()


def _result_of(future: Any, start: int, n: int) -> tuple[Any, Structure]:
    """The result of a part, or an error that names it."""
    try:
        if isinstance(future, BrokenExecutor):
            raise future
        return future.result()  # type: ignore[no-any-return]
    except (BrokenExecutor, CancelledError) as error:
        broken: BaseException = error
    except Exception as error:
        kinds = (PicklingError, AttributeError, TypeError)  # by the version of Python
        if isinstance(error, kinds) and re.search("pickle|get local object", str(error)):
            raise TypeError(
                f"map: the function cannot be sent to another process: {error}; define it at the "
                "top level of a module, or give a ThreadPoolExecutor"
            ) from error
        if type(error).__module__.split(".")[0] != "distributed":
            raise
        broken = error
    raise RuntimeError(
        f"map: rows {start} to {start + n - 1} got no result, because their worker was killed, "
        f"cancelled or could not load the function ({type(broken).__name__}); nothing is returned "
        "of the others, call map again with a new executor"
    ) from broken
