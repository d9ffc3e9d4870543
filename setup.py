"""Compiles autograd_lite/engine.py where there is a C compiler; else the same file runs as Python.

AUTOGRAD_LITE_PURE=1 leaves it uncompiled; with AUTOGRAD_LITE_COMPILED=1 a build that cannot compile
it fails, so that no wheel is slow by accident. engine.pxd holds what C needs to know besides.
"""

import os
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def asked(variable):
    return os.environ.get(variable, "") not in ("", "0")


REQUIRED = asked("AUTOGRAD_LITE_COMPILED")


def uncompiled(why):
    if REQUIRED:
        sys.exit(f"setup.py: AUTOGRAD_LITE_COMPILED is set, but {why}")
    print(f"setup.py: {why}: engine.py is not compiled and runs as Python", file=sys.stderr)
    return []


def extensions():
    if asked("AUTOGRAD_LITE_PURE"):
        return uncompiled("AUTOGRAD_LITE_PURE is set")
    if sys.implementation.name != "cpython":
        return uncompiled("this Python is not CPython")
    if sysconfig.get_config_var("Py_GIL_DISABLED"):  # its safety is not shown there
        return uncompiled("this Python is free-threaded")
    try:
        from Cython.Build import cythonize
        from Cython.Compiler import Options
    except ImportError:
        return uncompiled("there is no Cython")
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
        extension.optional = not REQUIRED  # then a failure is a warning. cythonize() forgets it
    return found


class Build(build_ext):
    def build_extension(self, ext):
        try:
            super().build_extension(ext)
        except Exception:  # an older engine must not be packed beside the new engine.py
            Path(self.get_ext_fullpath(ext.name)).unlink(missing_ok=True)
            raise


setup(ext_modules=extensions(), cmdclass={"build_ext": Build})
