"""The derivation: the chain rule for one derivative, or for all, as a lecturer writes it.

Along each path between named nodes the derivative is a product of factors, each written as a
formula and as numbers; over several paths the products are added. With many paths, or for all
inputs at once, it is back propagation: the adjoint of each node once, used by all below it.

>>> w, x = Value(0.54, label="w"), Value(3.0, label="x")
>>> z = w * x
>>> z.label = "z"
>>> print(explain(z.tanh(), wrt=w, precision=5))
y = tanh(z) = 0.92462
<BLANKLINE>
∂y/∂w = ∂y/∂z · ∂z/∂w
<BLANKLINE>
∂y/∂z = 1 − tanh(z)² = 1 − 0.92462² = 0.14507
∂z/∂w = x = 3
<BLANKLINE>
∂y/∂w = (1 − tanh(z)²) · x = 0.14507 · 3 = 0.43521
<BLANKLINE>
Check: a separate backward sweep gives the same number.
w: .grad is 0: no backward() has reached it since it was set to 0.
Numbers are rounded to 5 digits.
<BLANKLINE>
Shared, so backward() computes them once:
∂y/∂z = 0.14507 is also in ∂y/∂x
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..called import Called
from ..engine import Value, order
from ..ieee import shown
from ..text import Pretty, latex, pretty
from .chain import Chain, times
from .layout import Line, as_latex, as_lines, as_markdown, as_text
from .writing import MOST_PATHS, Writing

__all__ = ["Explanation", "explain"]


def explain(
    root: Value,
    *,
    wrt: Value | Iterable[Value] | None = None,
    precision: int = 17,
    names: Mapping[str, Any] | None = None,
) -> Explanation:
    r"""The derivation of ∂root/∂wrt, printed, in LaTeX or in Markdown.

    wrt        one Value: the product of factors along each path, or back propagation for more
               than 20 paths; several: back propagation; None: all labelled leaves, or all leaves
    precision  significant digits of the numbers; 17 shows each float in full
    names      variables whose names to use where there is no label, such as locals()

    Nodes without a label are folded into the formulas; where that gets long they are called v1, v2
    ... and defined first; a result without a label is called y. Derivation and numbers are those
    of the moment of the call. The result is compared with a separate backward sweep, which touches
    no `.grad`. Raises TypeError for what is not a Value, ValueError for more than 5000 nodes
    between them. Source: section 3 of the note on the 2-2-1 net.

    >>> C = (Value(0.8, label="p") - 0.5) ** 2
    >>> print(explain(C, wrt=C.args[0].args[0], precision=3).latex_lines()[1])
    \frac{\partial y}{\partial p} = 2\left(p - 0.5\right) = 2\left(0.8 - 0.5\right) = 0.6
    """
    if not isinstance(root, Value):
        raise TypeError(f"explain: root must be a Value, not {type(root).__name__} {shown(root)}")
    if isinstance(precision, bool) or not isinstance(precision, int) or precision < 1:
        raise ValueError(f"explain: precision = {shown(precision)} must be a whole number >= 1")
    called = Called(names, "explain").names
    if wrt is None:
        leaves = [v for v in order(root) if v.op is None]
        several = [v for v in leaves if v.label or v in called] or leaves
    elif isinstance(wrt, Value) or not isinstance(wrt, Iterable):
        several = [wrt]
    else:
        several = [*wrt]
    for v in several:
        if not isinstance(v, Value):
            raise TypeError(
                f"explain: wrt must be a Value or several, not {type(v).__name__} {shown(v)}"
            )
    if not several:
        raise ValueError("explain: wrt is empty; give a Value, or None for all labelled leaves")
    return Explanation(Chain(root, [*dict.fromkeys(several)], called), precision)


class Explanation:
    """A derivation: print it, or take .latex() or .markdown(); Jupyter shows it.

    values   {Value: the derivative by it, from the factors}
    """

    def __init__(self, chain: Chain, precision: int) -> None:
        self.chain, self.precision = chain, min(precision, 17)
        self.adjoints = chain.adjoints(chain.factors)
        self.values = {v: self.adjoints.get(v, 0.0) for v in chain.wrt}
        self.paths: list[list[Value]] | None = None
        if len(chain.wrt) == 1 and chain.count().get(chain.wrt[0], 0) <= MOST_PATHS:
            self.paths = chain.paths(chain.wrt[0])
            self.values = {chain.wrt[0]: sum(map(self._along, self.paths))}

    def __str__(self) -> str:
        return as_text(self._lines(pretty.short))

    def latex(self) -> str:
        """The derivation as one aligned block, for KaTeX, MathJax or a document with amsmath."""
        return as_latex(self._lines(latex.short))

    def latex_lines(self) -> list[str]:
        """The equations one by one, in the LaTeX that matplotlib's mathtext reads."""
        return as_lines(self._lines(latex.short))

    def markdown(self) -> str:
        """The derivation as Markdown with formulas between double dollar signs."""
        return as_markdown(self._lines(latex.short))

    def _repr_latex_(self) -> str:
        return f"$$\n{self.latex()}\n$$"

    def __repr__(self) -> str:
        return str(self)

    def _along(self, path: list[Value]) -> float:
        """The product of the factors along a path; exactly 0 stays 0."""
        value = 1.0
        for pair in zip(path, path[1:]):
            value = times(value, self.chain.factors[pair])
        return value

    def _lines(self, m: Pretty) -> list[Line]:
        chain = self.chain
        writing = Writing(chain, self.adjoints, m, self.precision)
        sizes = chain.adjoints({pair: abs(x) for pair, x in chain.factors.items()})
        if self.paths is None:
            return [
                *writing.definitions(),
                *writing.backward(),
                *writing.checks(self.values, sizes),
            ]
        along = [*map(self._along, self.paths)]
        lines = [
            *writing.definitions(),
            *writing.paths(self.paths, along),
            *writing.checks(self.values, sizes),
        ]
        return [*lines, *writing.shared(self.paths)]
