"""AUTOGRAD_LITE_PURE=1 runs engine.py as Python, also where it has been compiled.

The same variable keeps setup.py from compiling it. Which one runs, `autograd_lite.engine.compiled`
and `python -m autograd_lite doctor` say.
"""

from __future__ import annotations

import os
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any


def wanted() -> bool:
    return os.environ.get("AUTOGRAD_LITE_PURE", "") not in ("", "0")


def load(name: str) -> Any:
    """The module of the package, from its source and not from the extension built of it."""
    package = sys.modules[__package__ or ""]
    spec = spec_from_file_location(f"{__package__}.{name}", Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader  # noqa: PT018
    module = sys.modules[spec.name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    setattr(package, name, module)
    return module


if wanted():
    load("engine")
