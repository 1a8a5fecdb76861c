"""What several tests need: the published data, or a loud skip."""

import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from getl_utils.ops import doctor

REPOSITORY = Path(__file__).resolve().parents[1]
REFERENCE = Path(os.environ.get("GETL_REFERENCE", REPOSITORY.parent / "shared" / "prm_reference")).resolve()
CASES = Path(os.environ.get("GETL_CASES", REPOSITORY.parent / "shared" / "lobster_cases")).resolve()
MODEL_DATA = REFERENCE / "data_examples/ETL_model/ML/big-data-full"
PUBLISHED_GLASS = (
    "data_examples/ETL_inference/SS-ML/Zr49Cu49Al2/c/md/lammps/ultimate/2/Zr49Cu49Al2-10000-1-1-1.data"
)


def load_script(name, folder="paw"):
    """A script of a folder of atomistic_models as a module."""
    folder = REPOSITORY / "atomistic_models" / folder
    sys.path.insert(0, str(folder))  # scripts there import each other
    spec = importlib.util.spec_from_file_location(name, folder / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


# Files that take a minute or more, the longest first. They start first, so that none is the last one running.
LONG = [
    "notebooks/",
    "tests/system/test_browser.py",
    "tests/system/test_workflow.py",
    "tests/system/test_published_numbers.py",
    "tests/labels/",
    "tests/generate/",
    "tests/system/",
]


def pytest_collection_modifyitems(items):
    """Put the long files first."""
    places = [*LONG, ""]
    items.sort(key=lambda item: next(n for n, start in enumerate(places) if item.nodeid.startswith(start)))


def together(nodeid):
    """What one worker runs as a whole: a file, or all notebooks of one work directory, in their order."""
    file = nodeid.partition("::")[0]
    folder = file.endswith(".ipynb") and re.search(
        r'work_dir: str = \\"([^"\\]+)', (REPOSITORY / file).read_text()
    )
    return folder[1] if folder else file


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With `--dist loadfile`: see `together`."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return together(nodeid)

    return Scheduling(config, log)


def pytest_terminal_summary(terminalreporter):
    """Say loudly which comparisons with data of others did not take place."""
    if not CASES.is_dir():
        terminalreporter.write_sep(
            "!", f"NOT COMPARED WITH LOBSTER'S PUBLIC OUTPUT: no {CASES}; see GETL_CASES"
        )
    if not REFERENCE.is_dir():
        terminalreporter.write_sep(
            "!", f"NOT COMPARED WITH THE PUBLISHED DATA: no {REFERENCE}; name a clone of it in GETL_REFERENCE"
        )


@pytest.fixture(scope="session", autouse=True)
def the_stand_in_is_an_engine():
    """Tests may label by an engine of their own (see `small.Standin`)."""
    from getl_utils.core.parameters import generate

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generate, "ENGINES", (*generate.ENGINES, "standin"))
        yield


@pytest.fixture(scope="session")
def reference() -> Path:
    if not REFERENCE.is_dir():
        pytest.skip("the published data (../shared/prm_reference) is not here: nothing was compared with it")
    return REFERENCE


@pytest.fixture(scope="session")
def run21(reference, tmp_path_factory):
    """Run 21 of the published Zr49Cu49Al2, extracted: (work, keys, result, parameters of reference.yaml)."""
    from getl_utils.core import cells, parameters
    from getl_utils.core.workdir import WorkDir
    from getl_utils.etl import extract

    values = parameters.read(REPOSITORY / "parameters/reference.yaml")
    p = parameters.for_stage("02_extract", values)
    work = WorkDir(tmp_path_factory.mktemp("run21"))
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    result = extract.extract(work, keys, [reference], p.cutoff)
    extract.write(work, result)
    return work, keys, result, values


@pytest.fixture(scope="session")
def run21_database(run21):
    """Database of all labelled bonds of run 21, and the parameters of 05_train."""
    from small import describe

    from getl_utils.core import parameters
    from getl_utils.etl import database, load

    work, _, result, values = run21
    transform, choice = (
        parameters.for_stage("03_transform", values),
        parameters.for_stage("04_load", values).bonds,
    )
    describe(work, result.bonds, transform)
    collected = load.collect(work, result.bonds, result.clusters, transform.elements, choice)
    database.write(work.database("all"), collected, "all")
    return database.read(work.database("all")), parameters.for_stage("05_train", values)


@pytest.fixture(scope="session")
def small_original(tmp_path_factory):
    """A whole small work directory with a checked model and two frames predicted by it (see `small`)."""
    import ase.io
    from small import LIMITS, build, crystal

    from getl_utils.inference import predictor, streaming
    from getl_utils.models import model
    from getl_utils.ops import release

    with pytest.MonkeyPatch.context() as monkeypatch:
        work, values = build(tmp_path_factory.mktemp("small") / "work", monkeypatch)
    release.check(work.model)
    ase.io.write(work.path / "glass.xyz", [crystal(11), crystal(12)], format="extxyz")
    trained = model.load(work.model)
    streaming.predict_file(
        trained,
        work.path / "glass.xyz",
        work.predictions("glass"),
        predictor.windows(trained, LIMITS),
        "all",
        True,
        sigma=True,
    )
    return work, values


@pytest.fixture
def small(small_original, tmp_path):
    """A copy of it, to be spoilt; at its old place's age."""
    import shutil

    from getl_utils.core.workdir import WorkDir

    work, values = small_original
    shutil.copytree(work.path, tmp_path / "work")
    return WorkDir(tmp_path / "work"), {**values, "work_dir": str(tmp_path / "work")}


class Browser:
    """Chromium with pages that note the errors of their console in `page.wrong`."""

    def __init__(self, chromium):
        self.chromium = chromium

    def new_page(self):
        page = self.chromium.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        page.wrong = []
        page.on(
            "console", lambda m: page.wrong.append(f"{m.text} {m.location}") if m.type == "error" else None
        )
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        return page


@pytest.fixture(scope="module")
def chromium():
    """Chromium of the system, driven by Playwright; a failure, not a skip, if it is not there."""
    from playwright.sync_api import sync_playwright

    program = next(filter(None, map(shutil.which, doctor.BROWSERS)), None)
    assert program, (
        "no Chromium: install it (Debian: apt-get install chromium), "
        "or deselect these tests by -m 'not browser'"
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield Browser(browser)
        browser.close()


@pytest.fixture
def page(chromium):
    """A page of its own; the test fails if the browser's console had an error."""
    page = chromium.new_page()
    yield page
    page.context.close()
    assert not page.wrong, "errors in the browser's console:\n" + "\n".join(page.wrong)
