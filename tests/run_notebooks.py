"""Execute every notebook from top to bottom; an exception in a cell is an error.

python tests/run_notebooks.py
"""

from __future__ import annotations

import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[1] / "notebooks"

for path in sorted(FOLDER.glob("*.ipynb")):
    start = time.perf_counter()
    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=300, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    print(f"{path.name}: {len(book.cells)} cells in {time.perf_counter() - start:.1f} s")
