"""A Program as machine code, by LLVM IR that is written as text and compiled by llvmlite.

ir           LLVM IR as text
polynomials  what the functions are made of; kernels: exp, log, tanh ... in IR
forms        each operation in IR; place: where it is written
expand       a Program in operations that have a form
chunks       the IR of a Program, in functions of moderate size; loops: over rows
points       the same at a point, as straight code
alike        runs of steps that are alike; vectors: these as loops over vectors
machine      machine code of IR
objects      numbers, lists and arrays of Python in machine code; calls: from Python and back
executor     LlvmKernel: a Program as machine code, for a point and for rows
"""

from .executor import LlvmKernel

__all__ = ["LlvmKernel"]
