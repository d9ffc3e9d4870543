"""The names that a caller's variables give to Values: net.layers[0].neurons[1].w[0]."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .engine import Value
from .ieee import shown
from .nn import Module


class Called:
    """What a walk through variables found.

    names       a name for Values without a label, and for those that are a variable themselves
    modules     the Modules' names, outer ones first, each with its parameters
    """

    def __init__(self, variables: Mapping[str, Any] | None, caller: str) -> None:
        self.names: dict[Value, str] = {}
        self.modules: list[tuple[str, set[Value]]] = []
        if variables is None:
            return
        if not isinstance(variables, Mapping):
            raise TypeError(
                f"{caller}: names must be a dict such as locals(), not {shown(variables)}"
            )
        for name, x in variables.items():
            if isinstance(x, Value):
                self.names.setdefault(x, str(name))
        seen: set[int] = set()
        for name, x in variables.items():
            if not str(name).startswith("_"):  # In and Out of a notebook hold the same again
                self._walk(str(name), x, seen)

    @property
    def parameters(self) -> set[Value]:
        """The parameters of all the Modules."""
        return {p for _, parameters in self.modules for p in parameters}

    def _walk(self, name: str, x: Any, seen: set[int]) -> None:
        stack = [(name, x)]
        while stack:
            path, x = stack.pop()
            if isinstance(x, Value):
                if not x.label:
                    self.names.setdefault(x, path)
                continue
            if not isinstance(x, (dict, list, tuple, Module)) or id(x) in seen:
                continue
            seen.add(id(x))
            if isinstance(x, Module):
                self.modules.append((path, {*x.parameters()}))
            stack += reversed([*_items(path, x)])


def _items(path: str, x: Any) -> Any:
    if isinstance(x, Module):
        return ((f"{path}.{key}", y) for key, y in vars(x).items())
    if isinstance(x, dict):
        return ((f"{path}[{key!r}]", y) for key, y in x.items())
    return ((f"{path}[{i}]", y) for i, y in enumerate(x))
