"""Execute every notebook from top to bottom; an exception in a cell is an error.

python tests/run_notebooks.py
"""

from __future__ import annotations

import time
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "notebooks"


def main() -> None:
    import nbformat
    from nbclient import NotebookClient

    for path in sorted(FOLDER.glob("*.ipynb")):
        start = time.perf_counter()
        book = nbformat.read(path, as_version=4)
        where = {"metadata": {"path": str(FOLDER)}}
        NotebookClient(book, timeout=300, kernel_name="python3", resources=where).execute()
        print(f"{path.name}: {len(book.cells)} cells in {time.perf_counter() - start:.1f} s")


if __name__ == "__main__":
    main()
