"""Functions that are traced once and run as programs, at a point or over rows.

signature  what a function is called with: which arguments are numbers, and in which form
results    what it returns: outputs of a program, put into structures
runner     which executor runs a program
paths      the paths of a function through its branches, and which of them a call takes
rows       a batch, split by the paths that its rows take
mapping    map: arrays of arguments as rows; workers: on those of an executor
compiled   compile(f): the function, its derivatives
loss       compile_loss(model, loss): a training step
"""

from .compiled import Compiled, compile
from .loss import CompiledLoss, compile_loss

__all__ = ["Compiled", "CompiledLoss", "compile", "compile_loss"]
