"""Marks for tests of what runs programs: an extra that is not installed is not tested."""

import importlib.util

import pytest


def _needs(modules, why):
    return pytest.mark.skipif(not all(map(importlib.util.find_spec, modules)), reason=why)


needs_numpy = _needs(["numpy"], "tests arrays, and NumPy, which is optional, is not installed: pip install numpy")
needs_llvm = _needs(
    ["numpy", "llvmlite"], "tests machine code, which is optional; NumPy or llvmlite is missing: pip install 'autograd_lite[llvm]'")
