"""DOT text to SVG, PNG and PDF, by Graphviz: the system's, else the one that pip installs.

The layout program runs as a separate process that reads DOT and writes a picture.
"""

from __future__ import annotations

import os
import sys

HINT = "install Graphviz, or: pip install graphviz-pure"


class RenderError(RuntimeError):
    """There is no layout program, or it failed; the message says what to do."""


def program() -> str:
    """The path of the layout program: `dot`, else `graphviz-pure`.

    Looked for on PATH, then beside the interpreter, since a virtual environment need not be
    active. Raises RenderError if there is neither.
    """
    import shutil
    import sysconfig

    beside = os.pathsep.join([sysconfig.get_path("scripts"), os.path.dirname(sys.executable)])
    found = (
        shutil.which("dot")
        or shutil.which("graphviz-pure")
        or shutil.which("graphviz-pure", path=beside)
    )
    if found is None:
        raise RenderError(f"render: no layout program found; {HINT}")
    return found


def render(source: str, format: str = "svg", timeout: float = 120.0) -> bytes:
    """The picture of a graph in the DOT language.

    format   what the program's -T option knows: "svg", "png", "pdf" ...
    timeout  in seconds

    Raises RenderError with the program's own words if it fails, and with a way out if it does not
    know the format: graphviz-pure knows no "pdf".
    """
    import subprocess

    command = [program(), f"-T{format}"]
    try:
        done = subprocess.run(
            command, input=source.encode(), capture_output=True, timeout=timeout, check=False
        )
    except subprocess.TimeoutExpired:
        raise RenderError(
            f"render: {command[0]} found no layout in {timeout:g} s; draw less: fold=True, or "
            "focus=value and radius=n"
        ) from None
    except OSError as error:
        raise RenderError(f"render: {command[0]} failed: {error}; {HINT}") from None
    if done.returncode != 0 or not done.stdout:
        words = done.stderr.decode(errors="replace").strip()[:500]
        if "not recognized" in words:
            raise RenderError(
                f"render: {os.path.basename(command[0])} writes no {format}; install Graphviz, "
                "whose dot does, or take svg"
            )
        raise RenderError(f"render: {' '.join(command)} failed: {words}; {HINT}")
    return done.stdout
