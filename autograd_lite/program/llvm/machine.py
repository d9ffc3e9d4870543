"""Machine code from LLVM IR, by llvmlite, for the processor at hand or one of certain features."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

WORD = ctypes.c_void_p


class Target(NamedTuple):
    """A processor: its name and features as LLVM spells them."""

    cpu: str
    features: str

    @property
    def lanes(self) -> int:
        """How many doubles it computes with at once."""
        found = {*self.features.split(",")}
        return 8 if "+avx512f" in found else 4 if "+avx" in found else 2

    @property
    def fma(self) -> bool:
        """Whether it multiplies and adds in one step."""
        return "+fma" in self.features.split(",") or binding().get_default_triple()[:5] in (
            "aarch", "arm64")  # fmt: skip

    @property
    def attributes(self) -> str:
        """What functions are to say: vectors of full width are wanted, exceptions are not."""
        width = 64 * self.lanes
        return f'nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}"'


@cache
def binding() -> Any:
    """llvmlite, made ready."""
    try:
        from llvmlite import binding as llvm
    except ImportError as error:
        raise ImportError(
            "machine code needs llvmlite; pip install 'autograd_lite[llvm]'"
        ) from error
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm


@cache
def target(features: str | None = None) -> Target:
    """The processor at hand; with `features` the plainest of its kind that has these."""
    llvm = binding()
    if features is None:
        return Target(llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten())
    plainest = "x86-64" if llvm.get_default_triple().startswith("x86_64") else "generic"
    return Target(plainest, features)


class Machine:
    """Machine code: `function` gives what is in it by name. It is freed with the last of these.

    text       IR
    opt        0 to 3: how hard LLVM tries; with 2 and 3 it rewrites the IR first
    callbacks  Python functions, by the names under which the IR declares them
    """

    def __init__(self, text: str, target: Target, opt: int, callbacks: Mapping[str, Any]) -> None:
        llvm = binding()
        self.callbacks = dict(callbacks)  # to live as long as the code that calls them
        self.held: Any = None  # what else must
        module = llvm.parse_assembly(text)
        machine = llvm.Target.from_default_triple().create_target_machine(
            cpu=target.cpu, features=target.features, opt=opt, codemodel="jitdefault", jit=True
        )
        if opt > 1:
            tuning = llvm.create_pipeline_tuning_options(speed_level=opt)
            tuning.slp_vectorization = tuning.loop_vectorization = True
            builder = llvm.create_pass_builder(machine, tuning)
            builder.getModulePassManager().run(module, builder)
        self.engine = llvm.create_mcjit_compiler(module, machine)
        for name, callback in self.callbacks.items():
            address = ctypes.cast(callback, WORD).value
            self.engine.add_global_mapping(module.get_function(name), address)
        self.engine.finalize_object()

    def function(self, name: str, kind: Callable[[int], Any]) -> Any:
        """A function of the code as one of Python; `kind` is a prototype of ctypes."""
        made = kind(self.engine.get_function_address(name))
        made.machine = self
        return made
