"""Labels and numbers as text: w^1_{2,1} as w¹₂,₁ or as LaTeX, 2.0 as 2."""

from __future__ import annotations

import re
import unicodedata

SUPERSCRIPT = str.maketrans("0123456789+-=()in", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁱⁿ")
SUBSCRIPT = str.maketrans("0123456789+-=()aehijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ")
GREEK = "alpha beta gamma delta epsilon zeta eta theta kappa lambda mu nu xi pi rho sigma tau phi chi psi omega"  # noqa: E501
CAPITALS = "Gamma|Delta|Theta|Lambda|Xi|Pi|Sigma|Phi|Psi|Omega"  # that TeX has
ACCENT = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
SCRIPT = r"\{[\w,+=()\-]*\}|\d+|[A-Za-z]"
LETTER = (
    rf"[A-Za-z]|\\(?:{GREEK.replace(' ', '|')}|{CAPITALS})|\\(?:{'|'.join(ACCENT)}){{[A-Za-z]}}"
)
IN_TEX = re.compile(rf"(?P<base>{LETTER})(?:\^(?P<up>{SCRIPT}))?(?:_(?P<down>{SCRIPT}))?", re.ASCII)
ESCAPES = {c: rf"\{c}" for c in "{}$&#%_"}
ESCAPES |= {"\\": r"\backslash ", "^": r"\wedge ", "~": r"\sim ", " ": r"\ ", '"': "”", "`": "‘"}
LONGEST = 40  # characters of a name


def unicode(label: str) -> str:
    r"""A LaTeX-like label in Unicode; what has no such form stays as it is.

    >>> unicode("w^1_{2,1}"), unicode(r"\hat{y}"), unicode(r"\theta_1"), unicode("loss")
    ('w¹₂,₁', 'ŷ', 'θ₁', 'loss')
    """

    def script(match: re.Match[str]) -> str:
        mark, body = match[1], match[2] or match[3]
        table = SUPERSCRIPT if mark == "^" else SUBSCRIPT
        if all(ord(c) in table or c == "," for c in body):
            return body.translate(table)
        return mark + body

    def letter(match: re.Match[str]) -> str:
        name, body = match[1], match[2]
        if name in ACCENT and body:
            return unicodedata.normalize("NFC", body[0] + ACCENT[name]) + body[1:]
        if name.lower() in GREEK.split() and body is None:
            case = "CAPITAL" if name[0].isupper() else "SMALL"
            greek = name.upper().replace("LAMBDA", "LAMDA")
            return unicodedata.lookup(f"GREEK {case} LETTER {greek}")
        return match[0]

    label = re.sub(r"\\([A-Za-z]+)(?:\{([^{}\\]*)\})?", letter, label)
    return re.sub(r"([\^_])(?:\{([^{}]*)\}|(\d+|[^\s{}^_])(?![^\W_]))", script, label)


def tex(label: str) -> str:
    r"""A label in LaTeX, valid for any text: what is not LaTeX-like is set upright.

    >>> tex("w^1_{2,1}"), tex("x_12"), tex("loss"), tex("50%")
    ('w^{1}_{2,1}', 'x_{12}', '\\mathrm{loss}', '\\mathrm{50\\%}')
    """
    found = IN_TEX.fullmatch(re.sub(r"^([A-Za-z])(\d+)$", r"\1_\2", label))  # v1 as v_1
    if found is None:
        return rf"\mathrm{{{''.join(ESCAPES.get(c, c) for c in label)}}}"
    scripts = [(mark, found[name]) for mark, name in (("^", "up"), ("_", "down")) if found[name]]
    return found["base"] + "".join(f"{mark}{{{text.strip('{}')}}}" for mark, text in scripts)


def name_of(label: str) -> str:
    """A label on one line of printable characters, not too long for a picture or a formula."""
    if label.isalnum() and len(label) <= LONGEST:
        return label

    def seen(c: str) -> str:
        return " " if c in "\t\n\r" or (c.isspace() and c > "\x1f") else "�"

    label = " ".join("".join(c if c.isprintable() else seen(c) for c in label).split())
    return label if len(label) <= LONGEST else f"{label[: LONGEST - 12]}…{label[-11:]}"


def decimal(x: float, digits: int = 17) -> str:
    """x with up to that many significant digits, without superfluous points, zeros and signs.

    >>> decimal(2.0), decimal(1e-07), decimal(1 / 3, 4)
    ('2', '1e-7', '0.3333')
    """
    text = repr(x).removesuffix(".0") if digits >= 17 else f"{x:.{digits}g}"
    return re.sub(r"e\+?(-?)0*", r"e\1", text)
