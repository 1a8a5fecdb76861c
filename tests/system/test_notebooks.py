"""The committed notebooks: nbval compares nothing without outputs and counts, so they must be there; and they
must read well."""

import ast
import re

import nbformat
import pytest
from conftest import REPOSITORY

NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
pytestmark = pytest.mark.parametrize(
    "cells", [nbformat.read(n, as_version=4).cells for n in NOTEBOOKS], ids=[n.stem for n in NOTEBOOKS]
)


def code(cells):
    return [c for c in cells if c.cell_type == "code"]


def test_every_cell_was_run_in_order_without_an_error(cells):
    assert [c.execution_count for c in code(cells)] == list(range(1, len(code(cells)) + 1))
    assert not [
        o for c in code(cells) for o in c.outputs if o.output_type == "error" or o.get("name") == "stderr"
    ]


def test_what_the_prose_asserts_is_compared(cells):
    marked = [c for c in code(cells) if "NBVAL_CHECK_OUTPUT" in c.source]
    assert marked
    assert all(c.outputs for c in marked)


def test_figures_stand_inline(cells):
    assert any("image/png" in o.get("data", {}) for c in code(cells) for o in c.outputs)


def test_no_live_widget_and_nothing_large_is_kept(cells):
    """Without a kernel a widget is an error message; the picture or text of a view stands in for it
    (workflow/static.py)."""
    for cell in code(cells):
        for output in cell.outputs:
            assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
            assert len(str(output)) < 600_000


@pytest.mark.parametrize("view", ["explore.", "explore_training."])
def test_a_view_left_something_to_see(cells, view):
    for cell in code(cells):
        if re.search(rf"^{view}\w+\(", cell.source, re.MULTILINE):
            assert {"image/png", "text/html"} & set(cell.outputs[-1].data)


def test_cells_are_short_define_nothing_and_name_no_machine(cells):
    for cell in code(cells):
        assert len(cell.source.splitlines()) <= 25
        assert not [
            n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.FunctionDef | ast.ClassDef)
        ]
    assert not re.search(r"(?<![\w./])/(?:home|root|work|tmp|Users|opt)/", "".join(map(str, cells)))


def test_every_figure_follows_a_question(cells):
    asked = False
    for cell in cells:
        if cell.cell_type == "markdown":
            asked = asked or "?" in cell.source
        elif "figures.save" in cell.source:
            assert asked
