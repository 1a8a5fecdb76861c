"""The pytest plugin that runs the checks of a model: option, fixtures, and the record of the results.

``pytest -p getl_utils.ops.release_plugin --model runs/quick/model my_checks.py`` gives tests the fixtures
`trained`, `work`, `stored`, `atoms`, `predicted`, `held_out` and the argument `bond_type`, and writes
``checks.json`` beside the model.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import KEY
from getl_utils.core.record import checksums, code_version, now, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database
from getl_utils.inference import predictor
from getl_utils.models import model
from getl_utils.ops import release


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option --model."""
    parser.addoption("--model", required=True, help="folder of the model to check")


def pytest_configure(config: pytest.Config) -> None:
    """Start with no results."""
    config.stash[_CHECKS] = {}
    config.stash[_MODEL] = model.load(Path(config.getoption("--model")))


_CHECKS = pytest.StashKey[dict]()
_MODEL = pytest.StashKey[model.Model]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with the argument `bond_type` for every type of the model."""
    if "bond_type" in metafunc.fixturenames:
        metafunc.parametrize("bond_type", metafunc.config.stash[_MODEL].types)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    """Keep the outcome of each check and the first line of why it failed; a skipped check has not passed."""
    report = yield
    kept = item.config.stash[_CHECKS]
    name = item.name.removeprefix("test_")
    if report.when == "call" or report.outcome != "passed":
        why = str(call.excinfo.value).splitlines()[0] if call.excinfo and str(call.excinfo.value) else ""
        kept[name] = {
            "outcome": report.outcome,
            "message": why.removeprefix("AssertionError: ") or report.outcome,
        }
    return report


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Write ``checks.json``, unless pytest stopped before all checks were done."""
    config, folder = session.config, Path(session.config.getoption("--model"))
    if exitstatus not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        return
    files = release.checksums_of({Path(item.path) for item in session.items})
    facts = config.stash[_MODEL].facts
    result = {
        "model_id": facts.model_id,
        "database_id": facts.database_id,
        "time": now(),
        "code": code_version(),
    }
    result |= {"checks": config.stash[_CHECKS], "files": files}
    write_json(
        folder / release.RESULT,
        result | {"sha256": checksums(folder, [folder / "model.json", folder / "model.npz"])},
    )


@pytest.fixture(scope="session")
def trained(request: pytest.FixtureRequest) -> model.Model:
    """Give the model."""
    return request.config.stash[_MODEL]


@pytest.fixture(scope="session")
def work(request: pytest.FixtureRequest) -> WorkDir:
    """Give the work directory in which the model lies."""
    return WorkDir(Path(request.config.getoption("--model")).resolve().parent)


@pytest.fixture(scope="session")
def stored(trained: model.Model, work: WorkDir) -> database.Database:
    """Give the database that the model learned from."""
    found = database.read(work.database(trained.facts.database))
    assert found.facts["database_id"] == trained.facts.database_id, (
        "the database is not the one the model learned from"
    )
    return found


@pytest.fixture(scope="session")
def atoms(stored: database.Database, work: WorkDir) -> Atoms:
    """Give the first cell of the database, not deformed if there is one."""
    keys = stored.bonds[KEY].drop_duplicates().sort_values("sub_run", kind="stable")
    return cells.read(work.cell(*keys.iloc[0]))


@pytest.fixture(scope="session")
def predicted(trained: model.Model, atoms: Atoms) -> Any:
    """Give the predicted bonds of `atoms` with σ, in the windows of the training bonds."""
    return predictor.predict(trained, atoms, predictor.windows(trained, {}), sigma=True)


@pytest.fixture(scope="session")
def held_out(trained: model.Model, stored: database.Database) -> Callable[[str], release.HeldOut]:
    """Give a function of a bond type: what models that have not seen a group predict for it."""
    done: dict[str, release.HeldOut] = {}

    def of(bond_type: str) -> release.HeldOut:
        done.update({} if done else release._hold_out(trained, stored))
        assert bond_type in done, f"{bond_type}: no group to leave out"
        return done[bond_type]

    return of
