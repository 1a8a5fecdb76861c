"""The notebooks as a reader meets them: JupyterLab in Chromium, with small parameters. Screenshots are left
in runs/browser/.

One notebook needs what the one before wrote, so they run in their order, each once; the tests look at what is
then on the page.
"""

import re
import shutil
from pathlib import Path

import nbformat
import pytest
from conftest import REPOSITORY
from lab import (
    Server,
    copy_repository,
    errors,
    failures,
    open_notebook,
    picture,
    run_all,
    set_parameters,
    shoot,
    until,
)

pytestmark = pytest.mark.browser
STUDY = "studies/where_a_neighbour_weakens_a_bond.ipynb"  # the one that has a view
NOTEBOOKS = [*sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb")), STUDY]
VIEWS = {
    "01_generate.ipynb": ["status"],
    "02_extract.ipynb": ["subruns"],
    "05_train.ipynb": ["parity"],
    "06_inference.ipynb": ["glass"],
    STUDY: ["surroundings"],
}
SMALL = {
    "work_dir": "runs/browser",
    "sub_runs": [0, 8],
    "large_compositions": ["Zr50Cu50"],
    "n_train": 100,
    "n_test": 50,
    "n_seeds": 2,
    "curve_sizes": [25, 50, 100],
    "allowed_failures": ["beats_baseline", "coverage"],  # of so few bonds
}
SECONDS = 400  # of one notebook, at most
DOUBLE_CLICK = 500  # ms; two clicks sooner than that are one double click, which resets the map's axes
POINT = """(plot, n) => {
    const box = plot.getBoundingClientRect(), {xaxis, yaxis} = plot._fullLayout, {x, y} = plot.data[0];
    return [box.left + xaxis._offset + xaxis.d2p(x[n]), box.top + yaxis._offset + yaxis.d2p(y[n])];
}"""  # where the n-th point of the map is on the screen
BAD = ["import sys; print('a warning', file=sys.stderr); raise ValueError('as it must')"]
BROKEN = "() => [...document.images].filter(i => i.checkVisibility() && i.complete && !i.naturalWidth).length"
HARMLESS: dict[str, str] = {}  # message → why it is none of ours


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    copy_repository(folder / "repository")
    known = [set_parameters(folder / "repository/notebooks" / name, SMALL) for name in NOTEBOOKS]
    assert set().union(*known) == set(SMALL), "a parameter that no notebook has"
    server = Server(folder / "repository", folder / "private")
    try:
        server.wait()
        yield server
    finally:
        server.stop()


@pytest.fixture(scope="module", params=NOTEBOOKS, ids=lambda name: Path(name).stem[:5])
def notebook(request, server, chromium):
    """A notebook on its page, all cells run: its name, the page, its code cells."""
    page = chromium.new_page()
    open_notebook(page, server, request.param)
    yield request.param, page, run_all(page, SECONDS)
    page.context.close()


def has_figure(cell):
    return any("image/png" in o["kinds"] for o in cell["outputs"])


def view_of(page, name):
    view = page.locator(f".getl-{name}").first
    view.scroll_into_view_if_needed()
    return view


def changed(view, before):
    return lambda: picture(view) != before


def test_all_cells_run_without_an_error(notebook):
    name, page, cells = notebook
    shoot(page, f"{Path(name).stem[:5]}.png")
    assert failures(cells) == []
    assert [c["source"].splitlines()[0] for c in cells if not c["count"]] == [], f"not run after {SECONDS} s"


def test_the_figures_are_shown(notebook):
    """In every cell that has one as committed."""
    name, page, cells = notebook
    committed = [
        c for c in nbformat.read(REPOSITORY / "notebooks" / name, as_version=4).cells if c.cell_type == "code"
    ]
    for cell, before in zip(cells, committed, strict=True):
        if any("image/png" in o.get("data", {}) for o in before.outputs):
            assert has_figure(cell), cell["source"]
    script = "all => all.filter(img => img.checkVisibility()).map(img => img.naturalWidth)"
    widths = page.eval_on_selector_all(".jp-OutputArea-output img", script)
    assert len(widths) >= sum(map(has_figure, cells)) > 0
    assert min(widths) > 100


def test_every_view_stands_where_it_is_told(notebook):
    name, page, _ = notebook
    shown = page.eval_on_selector_all("[class*=getl-]", "all => all.flatMap(e => [...e.classList])")
    assert {word.removeprefix("getl-") for word in shown if word.startswith("getl-")} == set(
        VIEWS.get(name, [])
    )


def test_every_view_fits_in_a_window_of_1000_pixels(notebook):
    """Side by side, where its picture stands beside a 3-D widget; the notebook's margins included."""
    name, page, _ = notebook
    for title in set(VIEWS.get(name, [])) & {"glass", "subruns"}:
        view = view_of(page, title)
        boxes = [view.locator(what).first.bounding_box() for what in ("canvas", "img.widget-image")]
        assert max(b["x"] + b["width"] for b in boxes) - min(b["x"] for b in boxes) < 1000


def test_every_slider_changes_the_picture(notebook):
    """And every dropdown; where a view is in 3-D, that too."""
    name, page, _ = notebook
    for title in set(VIEWS.get(name, [])) - {"status"}:
        view = view_of(page, title)
        sliders = view.locator(".noUi-handle")
        assert sliders.count() + view.locator("select").count() > 0
        for n in range(sliders.count()):
            before = picture(view)
            sliders.nth(n).focus()
            for _ in range(3):
                page.keyboard.press("ArrowRight")
            assert until(changed(view, before)), f"slider {n} of {title} changes nothing"
        for n in range(view.locator("select").count()):
            before, choice = picture(view), view.locator("select").nth(n)
            choice.select_option(index=choice.locator("option").count() - 1)
            assert until(changed(view, before)), f"dropdown {n} of {title} changes nothing"
        view.screenshot(path=shoot.folder / f"{Path(name).stem[:5]}_{title}.png")


def test_in_3d_the_weak_bonds_go(notebook):
    """A slider of the glass changes what its 3-D widget shows."""
    name, page, _ = notebook
    if "glass" in VIEWS.get(name, []):
        view = view_of(page, "glass")
        space = view.locator("canvas").first
        before = space.screenshot()
        view.locator(".noUi-handle").last.focus()
        page.keyboard.press("End")
        assert until(lambda: space.screenshot() != before)


def test_a_click_on_a_point_shows_its_bond(notebook):
    name, page, _ = notebook
    if "parity" in VIEWS.get(name, []):
        view = view_of(page, "parity")
        before, points = picture(view), view.locator(".js-plotly-plot").first
        for number in (0, 100):  # one of them is not the bond that is shown
            page.wait_for_timeout(DOUBLE_CLICK)
            page.mouse.click(*points.evaluate(POINT, number))
            calculated = points.evaluate("(plot, n) => plot.data[0].x[n]", number)
            assert until(lambda value=calculated: f"calculated {value:.3f}" in view.inner_text())
        assert picture(view) != before


def test_the_status_is_looked_up_again_at_a_button(notebook):
    """It was drawn before the notebook's last cell said that the stage is done."""
    name, page, _ = notebook
    if "status" in VIEWS.get(name, []):
        view = view_of(page, "status")
        assert re.search(r"01_generate +not done", view.inner_text())
        view.get_by_role("button", name="look again").click()
        assert until(lambda: re.search(r"01_generate +done 2", view.inner_text()))


def test_the_console_has_no_error(notebook):
    """Last, so that it is of all that was done with the page."""
    _, page, _ = notebook
    assert [text for text in errors(page) if not any(re.search(known, text) for known in HARMLESS)] == []


def test_what_goes_wrong_is_noticed(server, chromium):
    """A cell that fails, one that writes to standard error, and an error in the console."""
    content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in BAD])
    content.metadata = nbformat.read(REPOSITORY / "notebooks" / NOTEBOOKS[0], as_version=4).metadata
    nbformat.write(content, server.folder / "notebooks/bad.ipynb")
    page = chromium.new_page()
    open_notebook(page, server, "bad.ipynb")
    found = "".join(failures(run_all(page, SECONDS)))
    assert "a warning" in found
    assert "as it must" in found
    page.evaluate("() => { console.error('one'); setTimeout(() => { throw new Error('two') }) }")
    assert until(lambda: len(errors(page)) >= 2)
    page.context.close()


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_as_committed_a_notebook_shows_its_figures_without_a_kernel(name, server, page):
    (server.folder / "committed").mkdir(exist_ok=True)
    shutil.copy(REPOSITORY / "notebooks" / name, server.folder / "committed")
    page.goto(server.url(Path(name).name, "committed"))
    page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context?.isReady", timeout=90_000)
    page.locator(".jp-OutputArea-output img").first.wait_for()
    assert page.evaluate(BROKEN) == 0
