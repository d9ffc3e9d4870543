"""Programs: a recorded computation as a list of instructions, and what can be made of it.

program   Instruction, Program: made from a recorded graph, printed, run; kept: as JSON
symbols   numbers not known yet, that build a Program: fold, share, drop
linear    the derivative at a point as a list of edges; the sweeps backward and forward
adjoint   the gradient of a Program as a Program, and other derivatives
trace     a function, watched while it runs, as a Program with guards
pause     of the garbage collector, meanwhile
passes    forms of a Program that run faster
emit      a Program as Python and as NumPy source, and what executes these
llvm      a Program as machine code, and what executes it
"""

from .adjoint import adjoint, derived
from .linear import Linear
from .passes import quick, summed
from .program import Instruction, Program
from .symbols import Builder, Symbol, simplified
from .trace import Refused, Traced, Untraceable, trace

__all__ = [
    "Builder", "Instruction", "Linear", "Program", "Refused", "Symbol", "Traced", "Untraceable",
    "adjoint", "derived", "quick", "simplified", "summed", "trace",
]  # fmt: skip
