"""Marks for tests of what runs programs: an extra that is not installed is not tested."""

import importlib.util

import pytest


def _needs(modules, why):
    return pytest.mark.skipif(not all(map(importlib.util.find_spec, modules)), reason=why)


needs_numpy = _needs(["numpy"], "NumPy is not installed: it is optional")
needs_llvm = _needs(
    ["numpy", "llvmlite"], "llvmlite is not installed, an extra: pip install 'autograd_lite[llvm]'")
