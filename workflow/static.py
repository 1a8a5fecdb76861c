"""Take the live widgets out of executed notebooks: python workflow/static.py NOTEBOOK… (``make notebooks``
calls it).

Without a kernel JupyterLab shows a widget as an error. What else an output has, a picture or a text of the
view, then stands in its place; an output that has nothing else goes.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nbformat

from getl_utils.core.record import atomic_write

WIDGET = "application/vnd.jupyter.widget-view+json"


def strip(notebook: nbformat.NotebookNode) -> int:
    """Take the widgets out of the outputs. Returns how many there were."""
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
    """Strip these notebooks in place."""
    for path in map(Path, paths):
        notebook = nbformat.read(path, as_version=4)
        number = strip(notebook)
        with atomic_write(path) as temporary:
            nbformat.write(notebook, temporary)
        print(f"{path}: {number} widgets taken out")


if __name__ == "__main__":
    main(sys.argv[1:])
