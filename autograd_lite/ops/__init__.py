"""The table of rules: every operation of the library, one row each, and all of its calculus.

A row is a function ``value(m, *args)`` and its ``partials(m, y, *args)``, the derivative by each
argument, where ``m`` is the namespace of functions for the kind of number that flows (floats,
Values, NumPy arrays, text) and ``y`` is the result. A row never looks at types and never branches
on a number: it says ``m.where``. It divides with ``m.div`` and raises to powers with ``m.pow``,
because Python's operators raise at the edges (ieee.py has the policy). No other file of the
package contains a derivative.

>>> TABLE["sqrt"].value(floats, 9.0), TABLE["sqrt"].partials(floats, 3.0, 9.0)
(3.0, (0.16666666666666666,))
"""

from ..ieee import floats
from . import elementary, network
from .flat import CONDITIONS, FLAT
from .row import (
    CUSTOM,
    POSITIVE,
    REAL,
    TABLE,
    Interval,
    Missing,
    OwnRow,
    Row,
    lookup,
    methods,
    redefined,
)

__all__ = ["ALIASES", "CONDITIONS", "CUSTOM", "FLAT", "POSITIVE", "REAL", "TABLE", "Interval",
           "Missing", "OwnRow", "Row", "floats", "lookup", "methods",
           "redefined"]  # fmt: skip

del elementary, network  # imported for the rows they add to the table

ALIASES = {alias: row.name for row in TABLE.values() for alias in row.aliases}
