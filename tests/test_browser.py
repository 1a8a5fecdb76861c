"""The notebooks as a reader meets them: JupyterLab in Chromium. Screenshots are left in runs/browser/."""

import nbformat
import pytest
from conftest import REPOSITORY
from lab import Server, copy_repository, failures, open_notebook, run_all, set_parameters

pytestmark = pytest.mark.browser
NOTEBOOKS = sorted(path.name for path in (REPOSITORY / "notebooks").glob("*.ipynb"))
SMALL = {
    "work_dir": "runs/browser",
    "compositions": ["Zr17Cu17Al4", "Zr15Cu15Al8"],
    "sub_runs": [0, 1, 7],
    "quench": {
        "potential": "atomistic_models/ZrCuAl_zhou2004.eam.alloy",
        "melt_time": 2.0,
        "quench_rate": 1e14,
        "anneal_time": 1.0,
    },
    "large_compositions": ["Zr46Cu46Al8"],
    "mixed_databases": {"DB1": {"compositions": ["Zr17Cu17Al4", "Zr15Cu15Al8"], "bonds_per_type": 20}},
    "crossed": [["Zr17Cu17Al4", "Zr15Cu15Al8"]],
    "n_tune": 60,
    "n_train": 100,
    "n_test": 50,
    "n_seeds": 2,
    "curve_sizes": [25, 50, 100],
    "studies": ["transfer"],
    "allowed_failures": ["beats_baseline", "coverage"],  # of so few bonds
}
SECONDS = 240  # of one notebook, at most
HARMLESS: dict[str, str] = {}  # message → why it is none of ours


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lab")
    copy_repository(folder / "repository")
    for name in NOTEBOOKS:
        set_parameters(folder / "repository/notebooks" / name, SMALL)
    server = Server(folder / "repository", folder / "private")
    try:
        server.wait()
        yield server
    finally:
        server.stop()


def has_figure(cell):
    return any("image/png" in o["kinds"] for o in cell["outputs"])


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_without_an_error_and_shows_its_figures(name, server, page):
    open_notebook(page, server, name)
    cells = run_all(page, SECONDS)
    page.screenshot(path=page.shots / f"{name}.png")
    assert failures(cells) == []
    assert [c["source"].splitlines()[0] for c in cells if not c["count"]] == [], f"not run after {SECONDS} s"
    committed = [c for c in nbformat.read(REPOSITORY / "notebooks" / name, as_version=4).cells if c.cell_type == "code"]
    for cell, before in zip(cells, committed, strict=True):
        if any("image/png" in o.get("data", {}) for o in before.outputs):
            assert has_figure(cell), cell["source"]
    widths = page.eval_on_selector_all(".jp-OutputArea-output img", "all => all.map(img => img.naturalWidth)")
    assert len(widths) >= sum(map(has_figure, cells)) > 0
    assert min(widths) > 100
