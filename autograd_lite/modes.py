"""Modes: what may change the meaning of an operation for a while, such as no_grad().

The engine shows each new Value to the modes that are active *here* (in this thread, in this
coroutine), and asks for them only while `active` is not empty, that is while a mode is active
anywhere; a mode that is off costs one test. While a function is being traced, one of them, also
reading the number of a Value and comparing two is something to be recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from os.path import basename, dirname, join
from sys import _getframe
from types import FrameType
from typing import Any

from .ieee import number

active: list[Scope] = []
era = [0.0]  # counts the calls of transforms; a leaf keeps the era in which it was made
_scopes: ContextVar[tuple[Scope, ...]] = ContextVar("scopes", default=())


class Scope:
    """One `with no_grad()`. It is switched off by a mark, mode None, not by its place on a stack,
    because generators may leave their scopes in another order, or thread, than they entered."""

    __slots__ = ("mode",)

    def __init__(self, mode: Mode) -> None:
        self.mode: Mode | None = mode


class Mode:
    """A context manager, and a decorator of functions and coroutine functions."""

    traces = False

    def __new__(cls, f: Callable[..., Any] | None = None) -> Any:
        return super().__new__(cls) if f is None else cls()(f)  # @no_grad without parentheses

    def __init__(self, f: Callable[..., Any] | None = None) -> None:
        self._entered: list[Scope] = []

    def sees(self, v: Any) -> None:
        """What to do with a new Value."""

    def swept(self, nodes: list[Any], before: list[tuple[Any, float]]) -> None:
        """What to do when backward() has the adjoints of all nodes and is about to add to each
        leaf the grad it had before."""

    def given(self, v: Any, x: Any) -> Any:
        """What becomes the data of a Value that is given x."""
        return x

    def read(self, v: Any) -> Any:
        """What v.data is."""
        return v._num

    def compared(self, how: str, v: Any, other: Any) -> Any:
        """What a comparison of a Value gives; None: the usual bool."""

    def unseen(self, v: Any) -> None:
        """What to do when a Value is read or compared where this mode is not active."""

    def __enter__(self) -> None:
        scope = Scope(self)
        others = [s for s in _scopes.get() if s.mode is not None]
        self._entered.append(scope)
        active.append(scope)
        # no_grad is last: what it has stripped, no other mode could understand
        last = isinstance(self, no_grad)
        _scopes.set((*others, scope) if last else (scope, *others))

    def __exit__(self, *exc: object) -> None:
        scope = self._entered.pop()
        scope.mode = None
        active.remove(scope)

    def __call__(self, f: Callable[..., Any]) -> Callable[..., Any]:
        import inspect
        from functools import wraps

        mode = type(self)
        if not callable(f):
            raise TypeError(f"{mode.__name__}: it decorates a function, not {f!r}")
        if inspect.isgeneratorfunction(f) or inspect.isasyncgenfunction(f):
            name = mode.__name__
            raise TypeError(f"{name}: {f.__name__} is a generator; write `with {name}():` inside")

        if inspect.iscoroutinefunction(f):

            @wraps(f)
            async def coroutine(*args: Any, **named: Any) -> Any:
                with mode():
                    return await f(*args, **named)

            return coroutine

        @wraps(f)
        def function(*args: Any, **named: Any) -> Any:
            with mode():
                return f(*args, **named)

        return function


class no_grad(Mode):  # noqa: N801
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

    def sees(self, v: Any) -> None:
        v._forget()


def recording() -> bool:
    """Whether operations are recorded here: no no_grad() is active."""
    return not any(isinstance(scope.mode, no_grad) for scope in _scopes.get())


def always_recording() -> AbstractContextManager[None]:
    """While active, operations are recorded, also inside no_grad()."""
    if recording():
        return nullcontext()
    return _only(tuple(s for s in _scopes.get() if not isinstance(s.mode, no_grad)))


def no_modes() -> AbstractContextManager[None]:
    """While active, no mode is but a trace, which needs every operation: what is computed here is
    none of the user's operations."""
    return _only(tuple(s for s in _scopes.get() if s.mode is not None and s.mode.traces))


def tracing() -> bool:
    """Whether a function is being traced here."""
    return any(scope.mode is not None and scope.mode.traces for scope in _scopes.get())


def watching() -> bool:
    """Whether a mode looks here at each operation of the user's, as detect_anomaly does."""
    modes = [scope.mode for scope in _scopes.get()]
    return any(mode and not mode.traces and not isinstance(mode, no_grad) for mode in modes)


@contextmanager
def _only(scopes: tuple[Scope, ...]) -> Iterator[None]:
    token = _scopes.set(scopes)
    try:
        yield
    finally:
        _scopes.reset(token)


def noted(v: Any) -> Any:
    """A new Value, shown to the modes that are active here."""
    for scope in _scopes.get():
        mode = scope.mode
        if mode is not None:
            mode.sees(v)
    return v


def given(v: Any, x: Any) -> float:
    """The number that v is given, shown to the modes that are active here."""
    if active:
        for scope in _scopes.get():
            if scope.mode is not None:
                x = scope.mode.given(v, x)
    return number(x, "data", "Value")


def read(v: Any) -> Any:
    """v.data, as the modes that are active here have it."""
    for scope in _scopes.get():
        if scope.mode is not None and scope.mode.traces:
            return scope.mode.read(v)
    _unseen(v)
    return v._num


def compared(how: str, v: Any, other: Any) -> Any:
    """A comparison, as the modes that are active here have it; None: the usual bool."""
    for scope in _scopes.get():
        if scope.mode is not None and scope.mode.traces:
            return scope.mode.compared(how, v, other)
    _unseen(v)
    return None


def _unseen(v: Any) -> None:
    """A trace in another thread may have to know that a number of its was read."""
    for scope in [*active]:
        if scope.mode is not None and scope.mode.traces:
            scope.mode.unseen(v)


def swept(nodes: list[Any], before: list[tuple[Any, float]]) -> None:
    """The same for a sweep of backward()."""
    for scope in _scopes.get():
        mode = scope.mode
        if mode is not None:
            mode.swept(nodes, before)


PACKAGE, ENGINE = join(dirname(__file__), ""), f"{__package__}.engine"


def users_frame() -> tuple[FrameType, int]:
    """The innermost frame that is not of this package, and how far above the caller it is."""
    frame, level = _getframe(1), 0
    while is_ours(frame) and frame.f_back is not None:
        frame, level = frame.f_back, level + 1
    return frame, level


def is_ours(frame: FrameType) -> bool:
    """Whether a frame is of this package; the compiled engine has another file name."""
    code = frame.f_code.co_filename
    return code.startswith(PACKAGE) or frame.f_globals.get("__name__") == ENGINE


def file_name(path: str) -> str:
    """How a message calls a file of source code."""
    return "notebook cell" if "ipykernel_" in path else basename(path)


class Sourced(str):
    """A label that knows the place in the source that made its Value: a code object and the
    instruction in it. It lies where the label lies, so a Value without one is no larger."""

    __slots__ = ("at", "code")
    code: Any
    at: int

    def __new__(cls, label: str, code: Any, at: int) -> Sourced:
        self = super().__new__(cls, label)
        self.code, self.at = code, at
        return self

    def renamed(self, label: str) -> Sourced:
        """Another label with the same place."""
        return Sourced(label, self.code, self.at)
