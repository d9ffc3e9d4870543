"""compile: a function that is traced once for each path and then runs as a program."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from functools import cached_property
from typing import Any

from ..engine import Value
from ..ieee import shown, whole
from ..modes import active, tracing, watching
from ..ops import CUSTOM
from ..structure import Structure, detached
from ..transforms import grad, gradient, hessian, hvp, jacobian, value_and_grad
from ..transforms.recorded import places_of
from .mapping import mapped
from .paths import Path, Paths
from .results import PROGRAMS
from .runner import BACKENDS, has
from .signature import GivenValues, Signature, key_of, static_of


class Compiled:
    """A function made by compile(); see there. Its derivatives are functions of this kind, too."""

    def __init__(self, f: Callable[..., Any], kind: str, settings: Settings) -> None:
        self.f, self.kind, self.settings = f, kind, settings
        self.maps: dict[Hashable, Any] = {}  # of forms of rows, the key and the shared numbers
        self._ways: list[Callable[..., Any]] = []  # through machine code alone
        self._tried: set[Hashable] = set()
        self.__wrapped__ = f
        self.__doc__ = f.__doc__
        name = getattr(f, "__name__", type(f).__name__)
        self.__name__ = self.__qualname__ = f"compile({name})" + f".{kind}" * (kind != "value")

    def of(self, kind: str) -> Compiled:
        """The function that gives another kind of result, such as "grad"."""
        return Compiled(self.f, kind, self.settings)

    def __reduce__(self) -> tuple[Any, ...]:
        return Compiled, (self.f, self.kind, self.settings)  # the machine code is made again

    @cached_property
    def grad(self) -> Compiled:
        """The gradient, as of grad(f)."""
        return self.of("grad")

    @cached_property
    def value_and_grad(self) -> Compiled:
        """Value and gradient, as of value_and_grad(f)."""
        return self.of("value_and_grad")

    @cached_property
    def jacobian(self) -> Compiled:
        """All first derivatives, as of jacobian(f)."""
        return self.of("jacobian")

    @cached_property
    def hessian(self) -> Compiled:
        """All second derivatives, as of hessian(f)."""
        return self.of("hessian")

    @cached_property
    def hvp(self) -> Compiled:
        """Second derivatives times a vector, which comes last, as of hvp(f)."""
        return self.of("hvp")

    @cached_property
    def value_grad_hessian(self) -> Compiled:
        """Value, gradient and second derivatives in one call."""
        return self.of("value_grad_hessian")

    def __repr__(self) -> str:
        return f"<{self.__name__}>"

    def __call__(self, *args: Any, **named: Any) -> Any:
        if not named and not active:
            for way in self._ways:
                found = way(*args)
                if found is not None:
                    return found
        return self._call(args, named)

    def _call(self, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        if active and (tracing() or watching()):  # of an enclosing compile(): one program
            return self.eager(args, named)
        vector: tuple[float, ...] = ()
        given = args
        if self.kind == "hvp":
            args, vector = self._without_vector(args)
        try:
            key = key_of(args, named, self.settings.static)
        except GivenValues:
            return self.eager(given, named)
        paths = self.paths_of(key, args, named)
        if not paths.eager:
            numbers = paths.signature.numbers(args, named)
            found = paths.find(numbers, self.kind, vector, lambda: self.eager(given, named))
            if found is not None:
                path, outputs = found
                if len(self._ways) < MOST_WAYS and not named:
                    self._remember(path, args, given)
                return path.results_of(self.kind).of(outputs)
        return self.eager(given, named)

    def _remember(self, path: Path, args: tuple[Any, ...], given: tuple[Any, ...]) -> None:
        """The way of the next calls like this one through machine code alone, if there is one."""
        kernel = path.runner(PROGRAMS[self.kind][0]).settled
        form = path, *[getattr(x, "dtype", type(x)) for x in given]
        if kernel is None or form in self._tried:
            return
        captured, way = path.traced.captured, None
        own = any(op in CUSTOM for op, _ in path.program.instructions)  # which may be replaced
        has_static = len(path.paths.signature.dynamic) < len(args)
        is_hvp = len(given) > len(args)
        if hasattr(kernel, "caller") and not (own or has_static or (captured and is_hvp)):
            places = [float(i) for i in range(len(kernel.program.outputs))]
            way = kernel.caller((*given, *path.captured()), path.results_of(self.kind).of(places))
        self._tried.add(form)
        if way is not None:
            whole = way if not captured else lambda *xs: way(*xs, *[v._num for v in captured])
            self._ways.append(whole)

    def paths_of(self, key: Hashable, args: tuple[Any, ...], named: dict[str, Any]) -> Paths:
        """The paths for calls of this form."""
        found = self.settings.paths.get(key)
        return self.settings.new_paths(key, self.f, args, named) if found is None else found

    def _without_vector(self, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[float, ...]]:
        if len(args) < 2:
            raise TypeError("hvp: give the arguments of f and then the vector")
        *rest, v = args
        places, single = self.settings.places(rest)
        wholes = [rest[k] for k in places]
        given = Structure(wholes[0] if single else (*wholes,), "args", "hvp")
        return (*rest,), (*given.matching(v, "the vector").numbers,)

    def eager(self, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        """The same without a program, by the transforms."""
        f, argnums = self.f, self.settings.argnums
        if self.settings.wrt is not None and self.kind != "value":
            return self._by_values(f(*args, **named), self.settings.wrt)
        if self.kind == "value":
            if tracing() or _has_values(args, named, self.settings.static):
                return f(*args, **named)
            signature = Signature(f, args, named, self.settings.static)
            return detached(signature.call([Value(x) for x in signature.numbers(args, named)]))
        found: Any
        if self.kind == "value_grad_hessian":
            found = value_and_grad(f, argnums)(*args, **named)
            found = *found, hessian(f, argnums)(*args, **named)
        else:
            transform = {"grad": grad, "value_and_grad": value_and_grad, "jacobian": jacobian,
                         "hessian": hessian, "hvp": hvp}[self.kind]  # fmt: skip
            found = transform(f, argnums)(*args, **named)
        has_values = tracing() or _has_values(args, named, self.settings.static)
        return found if has_values else detached(found)

    def _by_values(self, y: Any, wrt: Sequence[Value]) -> Any:
        return y.data, [v.data for v in gradient(y, wrt)]

    def map(
        self,
        *args: Any,
        in_axes: int | Sequence[int | None] | None = 0,
        reduce: str | None = None,
        executor: Any = None,
        chunk_rows: int | None = None,
        **named: Any,
    ) -> Any:
        """The results for many rows of arguments, in place of each number an array of them.

        args        arrays whose axis in_axes counts the rows, or structures of such arrays
        in_axes     that axis, of all arguments or of each; None: the argument is the same for all
                    rows, as those by name and static ones are
        reduce      "sum" or "mean": of the results over the rows
        executor    any concurrent.futures.Executor, to run parts of chunk_rows rows each; a worker
                    of another process gets the function pickled

        A row that raises does so here, and a note on the error names it (its text before Python
        3.11). Sums are the same for the same chunk_rows, if it is given, whatever the executor.

        >>> from autograd_lite import exp
        >>> f = compile(lambda a, x: exp(a) * x)
        >>> f.value_and_grad.map(0.0, [1.0, 2.0, 3.0], in_axes=(None, 0), reduce="sum")
        (6.0, 6.0)
        """
        return mapped(self, args, named, in_axes, reduce, executor, chunk_rows)

    def paths(self) -> str:
        """The programs so far, each with its guards and the lines they come from, as text."""
        found = []
        for paths in self.settings.paths.values():
            for i, path in enumerate(paths.all, 1):
                lines = [f"# path {i} of {paths.signature}"]
                lines += [f"# guard at {text}" for text in path.traced.guards]
                found.append("\n".join([*lines, str(path.traced.program)]))
            if paths.eager:
                found.append(f"# {paths.signature} runs as it is: {paths.eager}")
        return "\n\n".join(found) or NOT_YET

    def source(self, backend: str = "python") -> str:
        """What is executed on each path, as text of Python, NumPy or LLVM."""
        _check_backend("source", backend)
        found = [
            path.runner(PROGRAMS[self.kind][0]).kernel(backend).source
            for paths in self.settings.paths.values()
            for path in paths.all
        ]
        return "\n\n".join(found) or NOT_YET


MOST_WAYS = 8  # which are tried one after the other
NOT_YET = "# nothing is traced yet: call the function first"


class Settings:
    """What a compiled function and its derivatives share: how they were made, and the paths."""

    def __init__(
        self,
        argnums: int | Sequence[int],
        static: Sequence[int | str],
        backend: str | None,
        mode: str,
        max_paths: int,
        wrt: Sequence[Value] | None = None,
    ) -> None:
        self.wrt = wrt
        self.argnums, self.static, self.backend = argnums, static, backend
        self.strict, self.max_paths = mode == "strict", max_paths
        self.paths: dict[Hashable, Paths] = {}

    def places(self, args: Sequence[Any]) -> tuple[list[int], bool]:
        """The places to differentiate by, and whether it is a single one."""
        return places_of("compile", self.argnums, args)

    def new_paths(
        self, key: Hashable, f: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]
    ) -> Paths:
        signature = Signature(f, args, named, self.static)
        problem: Exception | None = None
        try:
            places, single = self.places(args)
            for k in places:
                if k not in signature.structures:
                    raise TypeError(
                        f"compile: argnums={self.argnums!r}, but args[{k}] = {shown(args[k])} is "
                        "static or no number; argnums= names those to differentiate by"
                    )
        except (TypeError, ValueError) as error:  # for whoever wants a derivative
            places, single, problem = [], False, error
        found = Paths(
            signature, places, single, self.backend, self.strict, self.max_paths, self.wrt, problem
        )
        return self.paths.setdefault(key, found)


def compile(
    f: Callable[..., Any],
    *,
    argnums: int | Sequence[int] = 0,
    static: Sequence[int | str] | int | str = (),
    backend: str | None = None,
    mode: str = "fast",
    max_paths: int = 64,
) -> Compiled:
    """f as a function that is traced once and then runs as a program.

    The compiled function is called like f and returns floats; `.value_and_grad`, `.grad`,
    `.jacobian`, `.hessian`, `.hvp` and `.value_grad_hessian` are its derivatives, and `.map` of
    each of them runs over rows of arrays. An `if`, a `while`, max(), sorted() in f become guards:
    a call for which one of them comes out otherwise takes, or traces, another path.

    argnums    the place of the argument to differentiate by, or a tuple of places, as for grad
    static     arguments, by place or by name, that are constants of the program, as every str,
               bool and None is: another value is another program
    backend    "python", "numpy" (for rows), "llvm" (extra `llvm`); None: what pays
    mode       "fast": products and sums may be contracted, exp, log, tanh and the like are exact
               within 3 ulp, results agree with those of f to 1e-12 of the largest term in them, and
               a call within such an error of a branch may take either side;
               "strict": the bits of f itself and of its grad, but for the sign of a zero
    max_paths  so many paths are kept for each form of the arguments; a call that takes another
               runs uncompiled

    A Value that f uses from outside is read at each call; a plain number from outside is a
    constant, as are random numbers. When a path is traced, f is called once more for comparison: if
    it returns something else then, it runs uncompiled, with a warning. Called with Values, it
    records a graph as f does.

    Raises TypeError for what is no function or where f takes a traced number for a plain one,
    ValueError for unknown settings, and whatever f raises.

    >>> f = compile(lambda x: x * 2.0 if x > 0.0 else x * 3.0)
    >>> f(1.0), f(-1.0), f.grad(-1.0)
    (2.0, -3.0, 3.0)
    """
    if not callable(f):
        raise TypeError(f"compile: it takes a function, not {type(f).__name__} {shown(f)}")
    check_settings("compile", backend, mode)
    places_of("compile", argnums, range(1 << 30))
    if whole(max_paths, "max_paths", "compile") < 1:
        raise ValueError("compile: max_paths must be at least 1")
    settings = Settings(argnums, static_of(f, static), backend, mode, max_paths)
    return Compiled(f, "value", settings)


def check_settings(function: str, backend: Any, mode: Any) -> None:
    if backend is not None:
        _check_backend(function, backend)
    if backend == "numpy" and not has("numpy"):
        raise ImportError(f"{function}: NumPy is missing; pip install 'autograd_lite[llvm]'")
    if mode not in ("fast", "strict"):
        raise ValueError(f"{function}: mode = {shown(mode)}; use 'fast' or 'strict'")
    if mode == "strict" and backend == "numpy":
        raise ValueError(
            f"{function}: NumPy has other bits than f: for strict use 'python' or 'llvm'"
        )


def _check_backend(function: str, backend: Any) -> None:
    if backend not in BACKENDS:
        raise ValueError(
            f"{function}: backend = {shown(backend)}; use one of {', '.join(BACKENDS)}"
        )


def _has_values(args: Sequence[Any], named: dict[str, Any], static: Sequence[int | str]) -> bool:
    try:
        key_of([x for i, x in enumerate(args) if i not in static],
               {k: x for k, x in named.items() if k not in static}, ())  # fmt: skip
    except GivenValues:
        return True
    return False
