"""The committed notebooks and studies: their outputs are there, they keep the rules, and they read well.

nbval compares nothing in a cell without outputs and counts, so these must be committed.
"""

import ast
import re

import nbformat
import pytest
from conftest import REPOSITORY, together

FOLDER = REPOSITORY / "notebooks"
STAGES = sorted(FOLDER.glob("*.ipynb"))
STUDIES = sorted(FOLDER.glob("studies/*.ipynb"))
MOST_CELLS, MOST_LINES = 25, 25
FIGURE = r"(?:^|[^.\w])show\(|explore\.\w+\("  # a cell that shows a figure or a view
NUMBER = r"\d+(?:\.\d+)?"
MACHINE = r"(?<![\w./])/(?:home|root|work|tmp|Users|opt)/"


def read(path):
    return nbformat.read(path, as_version=4).cells


every_notebook = pytest.mark.parametrize(
    "cells", [read(path) for path in STAGES + STUDIES], ids=[path.stem for path in STAGES + STUDIES]
)


def code(cells):
    return [c for c in cells if c.cell_type == "code"]


def printed(cell):
    return "".join(o.get("text", "") for o in cell.outputs)


def test_all_notebooks_and_studies_are_there():
    assert [path.stem[:2] for path in STAGES] == ["01", "02", "03", "04", "05", "06"]
    assert len(STUDIES) >= 5


@every_notebook
def test_every_cell_was_run_in_order_without_an_error(cells):
    assert [c.execution_count for c in code(cells)] == list(range(1, len(code(cells)) + 1))
    kinds = [(o.output_type, o.get("name")) for c in code(cells) for o in c.outputs]
    assert not [kind for kind in kinds if kind[0] == "error" or kind[1] == "stderr"]


@every_notebook
def test_it_is_short_and_defines_nothing(cells):
    assert len(cells) <= MOST_CELLS
    for cell in code(cells):
        assert len(cell.source.splitlines()) <= MOST_LINES
        tree = ast.parse(cell.source)
        assert not [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.ClassDef | ast.Lambda)]


@every_notebook
def test_it_has_one_cell_of_parameters_and_never_rewrites_them(cells):
    tagged = [c for c in code(cells) if "parameters" in c.metadata.get("tags", [])]
    assert len(tagged) == 1
    assert tagged[0] is code(cells)[0]
    statements = ast.parse(tagged[0].source).body
    assert all(isinstance(s, ast.AnnAssign) for s in statements)
    assert all(ast.literal_eval(s.value) is not None for s in statements)
    parameters = {s.target.id for s in statements} | {"p"}
    for cell in code(cells)[2:]:
        names = [n for n in ast.walk(ast.parse(cell.source)) if isinstance(n, ast.Name)]
        written = {n.id for n in names if isinstance(n.ctx, ast.Store)}
        assert not written & parameters, cell.source


@every_notebook
def test_what_the_prose_asserts_is_compared(cells):
    marked = [c for c in code(cells) if "NBVAL_CHECK_OUTPUT" in c.source]
    assert marked
    assert all(c.outputs for c in marked)


@every_notebook
def test_it_ends_with_two_sentences_of_what_was_found_and_a_link(cells):
    """Their numbers are printed by a cell whose output nbval compares."""
    places = [n for n, c in enumerate(cells) if "## What was found" in c.source]
    assert len(places) == 1
    found = cells[places[0] + 1]
    assert "NBVAL_CHECK_OUTPUT" in found.source
    sentences = printed(found).strip().splitlines()
    assert len(sentences) >= 2
    assert all(re.search(NUMBER, line) and line.endswith(".") for line in sentences[:2])
    assert re.search(r"\]\([\w./]+\.(?:ipynb|md)(?:#[\w-]+)?\)", cells[-1].source)


@every_notebook
def test_figures_stand_inline(cells):
    assert any("image/png" in o.get("data", {}) for c in code(cells) for o in c.outputs)


@every_notebook
def test_every_figure_follows_a_question(cells):
    """A question stands in the text since the figure before."""
    asked = False
    for cell in cells:
        if cell.cell_type == "markdown":
            asked = asked or "?" in cell.source
        elif re.search(FIGURE, cell.source):
            assert asked, cell.source
            asked = False


@every_notebook
def test_no_live_widget_and_nothing_large_is_kept(cells):
    """Without a kernel a widget is an error message; its picture or text stands in (workflow/static.py)."""
    for output in (o for c in code(cells) for o in c.outputs):
        assert "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        assert len(str(output)) < 600_000


@every_notebook
def test_a_view_left_something_to_see(cells):
    for cell in code(cells):
        if re.search(r"^explore\.\w+\(", cell.source, re.MULTILINE):
            assert {"image/png", "text/html"} & set(cell.outputs[-1].data)


@every_notebook
def test_it_names_no_machine(cells):
    assert not re.search(MACHINE, "".join(map(str, cells)))


@pytest.mark.parametrize("path", STAGES + STUDIES, ids=lambda path: path.stem)
def test_its_links_lead_somewhere(path):
    text = "".join(c.source for c in read(path) if c.cell_type == "markdown")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert link.startswith("https://") or (path.parent / link).exists(), link


def test_the_stages_are_tested_by_one_worker():
    """Each reads what the one before wrote."""
    assert len({together(f"notebooks/{path.name}::Cell 0") for path in STAGES}) == 1
    assert together("tests/system/test_notebooks.py::test_it") == "tests/system/test_notebooks.py"


def test_a_figure_without_a_question_of_its_own_is_noticed():
    """The rule itself: one question does not serve two figures."""
    asked, figure = nbformat.v4.new_markdown_cell("Is it?"), nbformat.v4.new_code_cell('show("a", b)')
    test_every_figure_follows_a_question([asked, figure])
    with pytest.raises(AssertionError):
        test_every_figure_follows_a_question([asked, figure, figure])
