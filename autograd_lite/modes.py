"""Modes: what may change the meaning of an operation for a while, such as no_grad().

The engine asks whether a mode is active *here* (in this thread, in this coroutine) only while
`active` is not empty, that is while one is active anywhere; a mode that is off costs one test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

active: list[str] = []
recording: ContextVar[bool] = ContextVar("recording", default=True)


@contextmanager
def no_grad() -> Iterator[None]:
    """While active, operations return leaves and record nothing; safe in threads and async code.

    >>> from autograd_lite import Value
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.args
    (4.0, ())
    """
    token = recording.set(False)
    active.append("no_grad")
    try:
        yield
    finally:
        active.remove("no_grad")
        recording.reset(token)
