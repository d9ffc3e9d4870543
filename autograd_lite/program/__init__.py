"""Programs: a recorded computation as a list of instructions, and what can be made of it.

program  Instruction, Program: made from a recorded graph, printed, run, kept as JSON
symbols  numbers not known yet, that build a Program; passes: fold, share, drop
linear   the derivative at a point as a list of edges; the sweeps backward and forward
adjoint  the gradient of a Program as a Program
"""

from .adjoint import adjoint
from .linear import Linear
from .program import Instruction, Program
from .symbols import Builder, Symbol, simplified

__all__ = ["Builder", "Instruction", "Linear", "Program", "Symbol", "adjoint", "simplified"]
