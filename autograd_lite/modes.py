"""Modes: what may change the meaning of an operation for a while, such as no_grad().

The engine asks whether a mode is active *here* (in this thread, in this coroutine) only while
`active` is not empty, that is while one is active anywhere; a mode that is off costs one test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

active: list[Scope] = []
_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("scopes", default=())


class Scope:
    """One `with no_grad()`. It is switched off by a mark, not by its place on a stack, because
    generators may leave their scopes in another order, or another thread, than they entered."""

    __slots__ = ("alive",)

    def __init__(self) -> None:
        self.alive = True


def recording() -> bool:
    """Whether operations are recorded here."""
    return not any(scope.alive for scope in _scopes.get())


@contextmanager
def always_recording() -> Iterator[None]:
    """While active, operations are recorded, also inside no_grad()."""
    token = _scopes.set(())
    try:
        yield
    finally:
        _scopes.reset(token)


class no_grad:  # noqa: N801
    """While active, operations return leaves and record nothing; safe in threads and async code.

    A context manager, and a decorator of functions and coroutine functions. A generator that is
    suspended inside keeps it active for its caller, as any `with` does; so generator functions are
    not decorated (TypeError).

    >>> from autograd_lite import Value
    >>> x = Value(2.0)
    >>> with no_grad():
    ...     y = x * x
    >>> y.data, y.args
    (4.0, ())
    """

    def __init__(self) -> None:
        self._entered: list[Scope] = []

    def __enter__(self) -> None:
        scope = Scope()
        self._entered.append(scope)
        active.append(scope)
        _scopes.set((*(s for s in _scopes.get() if s.alive), scope))

    def __exit__(self, *exc: object) -> None:
        scope = self._entered.pop()
        scope.alive = False
        active.remove(scope)

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        import inspect
        from functools import wraps

        if inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f):
            raise TypeError(f"no_grad: {f.__name__} is a generator; write `with no_grad():` inside")

        if inspect.iscoroutinefunction(f):

            @wraps(f)
            async def coroutine(*args: Any, **named: Any) -> Any:
                with no_grad():
                    return await f(*args, **named)

            return coroutine

        @wraps(f)
        def function(*args: Any, **named: Any) -> Any:
            with no_grad():
                return f(*args, **named)

        return function
