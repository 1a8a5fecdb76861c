"""Remove the live widgets from executed notebooks; called by ``make notebooks``.

    python workflow/static.py NOTEBOOK…

JupyterLab shows a widget without a kernel as an error. After the widget is removed, the picture or the text
of the same output is shown. An output that has neither is removed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

from getl_utils.core.record import atomic_write

WIDGET = "application/vnd.jupyter.widget-view+json"


def strip(notebook: nbformat.NotebookNode) -> int:
    """Remove the widgets from the outputs and return their number."""
    found = 0
    for cell in notebook.cells:
        for output in list(cell.get("outputs", [])):
            if output.get("data", {}).pop(WIDGET, None) is not None:
                found += 1
                if set(output.data) <= {"text/plain"}:
                    cell.outputs.remove(output)
    notebook.metadata.pop("widgets", None)
    return found


def main(paths: list[str]) -> None:
    """Remove the widgets from these notebooks, in place."""
    for path in map(Path, paths):
        notebook = nbformat.read(path, as_version=4)
        number = strip(notebook)
        with atomic_write(path) as temporary:
            nbformat.write(notebook, temporary)
        print(f"{path}: {number} widgets removed")


if __name__ == "__main__":
    main(sys.argv[1:])
