"""What a compiled function is called with: which arguments are numbers, and in which form.

>>> import math
>>> called = Signature(math.hypot, (3.0, [1.0, 2.0], "name"), {}, ())
>>> called.names
['args[0]', 'args[1][0]', 'args[1][1]']
>>> called.numbers((3, [4, 5.5], "name"), {})
[3.0, 4.0, 5.5]
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from numbers import Number
from types import FunctionType
from typing import Any

from ..engine import Value
from ..ieee import number, shown
from ..structure import Structure, is_array, makes_more

NUMBER = "number"  # the form of a single number
FIXED = (str, bytes, bool, type(None))


class GivenValues(Exception):  # noqa: N818
    """An argument holds a Value: the call belongs to a graph and is recorded as ever."""


class Signature:
    """One form of call: a new one, or another value of a static argument, is a new program.

    dynamic  the arguments, by place or by name, that are numbers or structures of them
    names    of their numbers
    """

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        named: dict[str, Any],
        static: Sequence[int | str],
    ) -> None:
        self.f, self.args, self.named = f, list(args), dict(named)
        items: list[tuple[int | str, Any]] = [*enumerate(args), *named.items()]
        self.dynamic: list[int | str] = [k for k, x in items if k not in static and not is_fixed(x)]
        self.structures: dict[int | str, Structure] = {}
        self.starts: dict[int | str, int] = {}
        self.names: list[str] = []
        for k in self.dynamic:
            name = _parameter(f, k) or _name(k)
            found = Structure(self._get(k, args, named), name, "compile", WAY_OUT)
            found.keep()
            self.structures[k] = found
            self.starts[k] = len(self.names)
            self.names += found.paths
        for k in self.dynamic:
            (self.args if isinstance(k, int) else self.named)[k] = None  # type: ignore[index]
        self.all_numbers = not named and all(
            s.is_single and not is_array(s.whole) for s in self.structures.values()
        ) and len(self.dynamic) == len(args)  # fmt: skip

    def __str__(self) -> str:
        """The call, with the names of what are numbers: f(x, n=3)."""
        given: dict[int | str, Any] = dict(enumerate(self.args))
        given.update(self.named)
        shown_as = []
        for k, x in given.items():
            name = _parameter(self.f, k)
            if k in self.structures:
                shown_as.append(self.structures[k].name)
            else:
                shown_as.append(f"{name}={shown(x)}" if name else shown(x))
        return f"{getattr(self.f, '__name__', 'f')}({', '.join(shown_as)})"

    @staticmethod
    def _get(k: int | str, args: Sequence[Any], named: dict[str, Any]) -> Any:
        return args[k] if isinstance(k, int) else named[k]

    def numbers(self, args: Sequence[Any], named: dict[str, Any]) -> list[float]:
        """The numbers of a call of this form, in order."""
        found: list[float] = []
        for k in self.dynamic:
            found += numbers_of(self._get(k, args, named), _name(k))
        return found

    def call(self, values: Sequence[Any]) -> Any:
        """f of other numbers, or Values, in this form."""
        args, named = [*self.args], dict(self.named)
        for k, structure in self.structures.items():
            start = self.starts[k]
            x = structure.argument(values[start : start + len(structure.numbers)])
            (args if isinstance(k, int) else named)[k] = x  # type: ignore[index]
        return self.f(*args, **named)

    def arguments(self, numbers: Sequence[float]) -> tuple[list[Any], dict[str, Any]]:
        """The arguments that have these numbers."""
        kept: list[Any] = []
        caught = Signature.__new__(Signature)
        caught.__dict__.update(self.__dict__)
        caught.f = lambda *args, **named: kept.extend((list(args), named))
        caught.call(numbers)
        return kept[0], kept[1]

    def by(self, places: Sequence[int]) -> list[int]:
        """The slots of the numbers of these arguments."""
        return [
            i for k in places
            for i in range(self.starts[k], self.starts[k] + len(self.structures[k].numbers))
        ]  # fmt: skip


WAY_OUT = "static= names the arguments that are no numbers, by place or by name"


def _parameter(f: Callable[..., Any], k: int | str) -> str:
    """What f calls an argument, as far as that is known."""
    if isinstance(k, str) or not isinstance(f, FunctionType):
        return k if isinstance(k, str) else ""
    code = f.__code__
    return code.co_varnames[k] if k < code.co_argcount else ""


def _name(k: int | str) -> str:
    return f"args[{k}]" if isinstance(k, int) else k


def static_of(f: Callable[..., Any], static: Any) -> tuple[int | str, ...]:
    """The static arguments by place and by name, whichever of them they were given by."""
    if static == ():
        return ()
    import inspect

    static = (static,) if isinstance(static, (int, str)) else static
    any_number, any_name = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
    try:
        known = [*inspect.signature(f).parameters.values()]
    except (TypeError, ValueError):  # of some built-in functions nothing is known
        known = [inspect.Parameter("args", any_number), inspect.Parameter("named", any_name)]
    kinds = {p.kind for p in known}
    places = [p.name for p in known if p.kind <= p.POSITIONAL_OR_KEYWORD]
    names = [p.name for p in known if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    found: list[int | str] = []
    for k in static if isinstance(static, (tuple, list, set, frozenset)) else [static]:
        if isinstance(k, bool) or not isinstance(k, (int, str)):
            raise TypeError(f"compile: static must be places or names, not {shown(static)}")
        if isinstance(k, int) and -len(places) <= k < len(places):
            found += [k % len(places), places[k]]
        elif isinstance(k, str) and k in names:
            found += [k, *[i for i, name in enumerate(places) if name == k]]
        elif (isinstance(k, str) and any_name in kinds) or (
            isinstance(k, int) and k >= 0 and any_number in kinds
        ):
            found.append(k)
        else:
            has = ", ".join(p.name for p in known) or "none"
            raise ValueError(f"compile: static = {k!r}, but the arguments of f are: {has}")
    return tuple(found)


def key_of(args: Sequence[Any], named: dict[str, Any], static: Sequence[int | str]) -> Hashable:
    """What calls of one form have in common; GivenValues where a Value is among the arguments."""
    keys: list[Any] = [
        (type(x), fixed(x, i)) if i in static or is_fixed(x) else form(x, i)
        for i, x in enumerate(args)
    ]
    for name, x in named.items():
        keys.append(
            (name, (type(x), fixed(x, name)) if name in static or is_fixed(x) else form(x, name))
        )
    return tuple(keys)


def is_fixed(x: Any) -> bool:
    """Whether an argument is a constant of the program by its type; a bool of NumPy is one, too."""
    return isinstance(x, FIXED) or type(x).__name__ in ("bool_", "bool")


def fixed(x: Any, k: int | str) -> Any:
    """A static argument as part of a key."""
    try:
        hash(x)
    except TypeError:
        raise TypeError(
            f"compile: the static argument {_name(k)} = {shown(x)} cannot be hashed; "
            "give a tuple for a list"
        ) from None
    return _exactly(x)


def _exactly(x: Any) -> Hashable:
    """What is equal only where all of it is of the same type, and -0.0 is not 0.0."""
    if isinstance(x, (tuple, frozenset)):
        return type(x), type(x)(map(_exactly, x)) if type(x) in (tuple, frozenset) else x
    return type(x), repr(x) if isinstance(x, float) else x


def form(x: Any, k: int | str = "") -> Hashable:
    """The form of an argument, or a part of it: its nesting, keys and shapes."""
    kind = x.__class__
    if kind is float or kind is int:
        return NUMBER
    if kind is Value:
        raise GivenValues
    if is_array(x):
        if x.dtype == object and any(isinstance(item, Value) for item in x.flat):
            raise GivenValues
        return kind, x.shape
    if isinstance(x, (list, tuple)):
        if kind is not list and kind is not tuple:
            return (kind, _more(x, k), *[form(v, k) for v in x])
        kinds = {*map(type, x)}
        return (kind, len(x)) if kinds <= {float, int} else (kind, *[form(v, k) for v in x])
    if isinstance(x, dict):
        more = _more(x, k) if kind is not dict else ()
        return (kind, more, *x.keys(), *[form(v, k) for v in x.values()])
    if hasattr(x, "__dataclass_fields__") and not isinstance(x, type):
        import dataclasses  # whoever has one has it imported

        names = [field.name for field in dataclasses.fields(x)]
        rest = getattr(x, "__dict__", {}).keys() - {*names}
        own = _more(x, k, names) if rest and not makes_more(x) else ()
        return (kind, own, *[form(getattr(x, name), k) for name in names])
    if isinstance(x, Number):
        return NUMBER
    raise TypeError(
        f"compile: {_name(k)} must be numbers, not {kind.__name__} {shown(x)}; {WAY_OUT}"
    )


def _more(x: Any, k: int | str, but: Sequence[str] = ()) -> Hashable:
    """The attributes of a container, which are constants of the program."""
    more = getattr(x, "__dict__", {})
    return tuple([(name, fixed(more[name], k)) for name in more if name not in but])


def numbers_of(x: Any, name: str) -> list[float]:
    """The numbers of an argument, in order."""
    if x.__class__ is float:
        return [x]
    if x.__class__ is list and {*map(type, x)} == {float}:
        return x
    if is_array(x) and x.dtype.kind in "fiub" and not hasattr(x, "mask"):
        import numpy as np

        return np.asarray(x, dtype=float).ravel().tolist()
    return [number(v, name, "compile") for v in Structure(x, name, "compile", WAY_OUT).numbers]
