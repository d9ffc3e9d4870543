"""`doctor`: what is installed, what draws, what computes."""

from __future__ import annotations

import platform
import re
import subprocess
from collections.abc import Iterator
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from .. import __version__, engine, pure
from ..compile.runner import has
from ..render import RenderError, program

FOR = {"draw": "pictures", "plot": "curves", "train": "progress bars", "llvm": "machine code",
       "test": "the tests",
       "notebook": "the notebooks"}  # fmt: skip


def doctor() -> Iterator[str]:
    """The lines of the report: versions, the layout program, the executor, optional packages."""
    yield f"autograd_lite {__version__}"
    yield f"python        {platform.python_version()} ({platform.python_implementation()})"
    yield f"system        {platform.system()} {platform.machine()}"
    yield f"renderer      {_renderer()}"
    yield f"executor      {_executor()}"
    yield f"compile()     {_programs()}"
    yield ""
    yield "optional packages"
    for extra, name in _optional():
        try:
            state = metadata.version(name)
        except metadata.PackageNotFoundError:
            state = f"missing, for {FOR[extra]}: pip install 'autograd_lite[{extra}]'"
        yield f"  {name:<14}{state}"


def _renderer() -> str:
    """The layout program and its own words about its version."""
    try:
        path = program()
    except RenderError as error:
        return f"none; drawings are text trees\n{'':14}{error}"
    if find_spec("graphviz") is None:
        path += f"\n{'':14}but the package graphviz is missing: pip install 'autograd_lite[draw]'"
    done = subprocess.run(
        [path.partition("\n")[0], "-V"], capture_output=True, text=True, check=False
    )
    return f"{path}\n{'':14}{(done.stderr or done.stdout).strip()}"


def _executor() -> str:
    """What runs the graph."""
    kind = "compiled" if engine.compiled else "plain Python"
    files = Path(engine.__file__ or ""), Path(pure.__file__).with_name("engine.py")
    built, written = (file.stat().st_mtime if file.exists() else 0.0 for file in files)
    if engine.compiled and written > built + 60.0:  # files of one installation are of one age
        return f"eager, compiled\n{'':14}but engine.py was changed since: install it again"
    way_out = "installed where a C compiler is, it is several times faster"
    way_out = "AUTOGRAD_LITE_PURE is set" if pure.wanted() else way_out
    return f"eager, {kind} (engine.py)" + ("" if engine.compiled else f"\n{'':14}{way_out}")


def _programs() -> str:
    """What compiled functions run as, and what they would run faster as."""
    way_out = f"\n{'':14}pip install 'autograd_lite[llvm]': "
    if not has("numpy"):
        return f"as generated Python{way_out}100 times faster over rows"
    if not has("llvmlite"):
        return f"as NumPy over rows, else as generated Python{way_out}several times faster"
    return "as machine code (LLVM)"


def _optional() -> Iterator[tuple[str, str]]:
    """The packages of the extras, as the installed project declares them; each once."""
    try:
        required = metadata.requires("autograd_lite") or []
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        return
    seen = {"autograd-lite", "autograd_lite"}
    for text in required:
        name = re.split(r"[^\w.-]", text, maxsplit=1)[0]
        extra = re.search(r"extra == ['\"](\w+)['\"]", text)
        if extra and extra[1] in FOR and name.lower() not in seen:
            seen.add(name.lower())
            yield extra[1], name
