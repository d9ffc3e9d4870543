"""Compiles autograd_lite/engine.py where there is a C compiler; else the same file runs as Python.

AUTOGRAD_LITE_PURE=1 leaves it uncompiled. engine.pxd holds what C needs to know besides.
"""

import os
import sys
import sysconfig

from setuptools import Extension, setup


def extensions():
    asked_for_python = os.environ.get("AUTOGRAD_LITE_PURE", "") not in ("", "0")
    free_threaded = sysconfig.get_config_var("Py_GIL_DISABLED")  # its safety is not shown there
    if asked_for_python or free_threaded or sys.implementation.name != "cpython":
        return []
    try:
        from Cython.Build import cythonize
        from Cython.Compiler import Options
    except ImportError:
        print("setup.py: without Cython, engine.py is not compiled", file=sys.stderr)
        return []
    Options.directive_scopes["no_gc"] = ("class",)  # of .py files, too
    windows = sys.platform == "win32"
    found = cythonize(
        # products and sums are rounded one by one, as Python does it
        Extension(
            "autograd_lite.engine",
            ["autograd_lite/engine.py"],
            extra_compile_args=["/O2"] if windows else ["-O3", "-ffp-contract=off"],
        ),
        build_dir="build",
        compiler_directives={
            "language_level": 3,
            "cdivision": True,  # which inputs may be 0, engine.pxd looks after
            "auto_pickle": False,  # graph.py does that
            "binding": False,  # methods check that they are called with a Value
            "embedsignature": True,
            "embedsignature.format": "clinic",  # for inspect.signature
        },
    )
    for extension in found:
        extension.optional = True  # no compiler: a warning. cythonize() forgets it if told before
    return found


setup(ext_modules=extensions())
