"""The architecture: import order, file sizes, names, no dependency, true documents."""

from __future__ import annotations

import ast
import importlib
import json
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import autograd_lite as ag

ROOT = Path(__file__).parents[1]
PACKAGE = Path(ag.__file__).parent  # the installed one, where the tests are without the source
FILES = sorted(PACKAGE.rglob("*.py"))
ORDER = re.findall(r"^(\w+)  +\w", ag.__doc__, re.M)
LAZY = {"graphviz", "llvmlite", "numpy", "scipy", "matplotlib", "tqdm", "hypothesis", "cython"}


def module_of(file: Path) -> str:
    return file.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(file: Path):
    """Yields (module, name of the package's file or None, whether at the top level)."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    depth = len(file.relative_to(PACKAGE).parts)  # the level of an import from the package itself
    for node in ast.walk(tree):
        top = node in tree.body
        if isinstance(node, ast.Import):
            yield from ((alias.name, None, top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level == 0:
                yield node.module, None, top
            elif node.level < depth:
                continue
            elif node.module:
                yield None, node.module.split(".")[0], top
            else:
                yield from ((None, alias.name, top) for alias in node.names)


def test_the_table_of_contents_is_complete():
    modules = {module_of(f) for f in FILES} - {"__init__", "__main__"}
    assert modules == set(ORDER)


def test_a_file_imports_only_from_files_above_it():
    for file in FILES:
        here = module_of(file)
        if here in ("__init__", "__main__"):
            continue
        for _, ours, _ in imports(file):
            if ours and not ours.startswith("__"):
                assert ORDER.index(ours) < ORDER.index(here), (here, ours)


def test_only_the_standard_library_is_imported_and_the_rest_where_it_is_used():
    for file in FILES:
        for module, _, top in imports(file):
            name = (module or "").split(".")[0]
            if name and name not in sys.stdlib_module_names:
                assert name in LAZY, (file, name)
                assert not top


def test_import_loads_nothing_but_the_standard_library():
    code = "import sys, autograd_lite; print(*(m.split('.')[0] for m in sys.modules))"
    out = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, {str(PACKAGE.parent)!r}); {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    loaded = {m for m in out.stdout.split() if not re.match("cython_runtime|_cython_", m)}  # in C
    assert loaded <= {*sys.stdlib_module_names, "autograd_lite", "__main__"}


def test_files_are_under_400_lines():
    for file in FILES:
        assert len(file.read_text(encoding="utf-8").splitlines()) < 400, file


def test_functions_and_modules_do_not_shadow_each_other():
    for info in pkgutil.walk_packages(ag.__path__, "autograd_lite."):
        if not info.name.endswith("__main__"):
            importlib.import_module(info.name)
    for name in ag.__all__:
        assert not isinstance(getattr(ag, name), type(sys)), name
    assert ag.draw(ag.sin(ag.Value(1.0))).nodes
    assert importlib.import_module("autograd_lite.nn").MLP is ag.MLP


def test_no_derivative_outside_the_table():
    """Only ops/ defines partials; the engine's own are held to them by test_engine.py."""
    for file in FILES:
        if module_of(file) not in ("ops", "engine", "custom"):
            assert "partials=" not in file.read_text(encoding="utf-8").replace(
                "partials=lambda", ""
            ), file


def test_public_names_are_documented():
    for name in ag.__all__:
        assert getattr(ag, name).__doc__, name


def test_the_glossary_words():
    words = re.compile(r"\b(tape|jaxpr|cotangent|primitive registry|lowering)\b", re.I)
    for file in FILES:
        assert not words.search(file.read_text(encoding="utf-8")), file


def test_the_readme_shows_the_table_as_it_is():
    assert ag.text.rules() in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_version_is_said_once():
    assert f'version = "{ag.__version__}"' in (ROOT / "pyproject.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.name)
def test_notebooks_are_executed_and_clean(path):
    book = json.loads(path.read_text(encoding="utf-8"))
    assert "/work" not in path.read_text(encoding="utf-8")
    for cell in book["cells"]:
        if cell["cell_type"] == "code":
            assert cell["execution_count"], path
            assert all(out["output_type"] != "error" for out in cell["outputs"])
