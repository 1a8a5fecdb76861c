"""May a model predict in bulk? The checks of `release_checks`, and a user's own, run by pytest; and the gate
that asks for them.

As a pytest plugin (``pytest -p getl_utils.ops.release --model runs/quick/model my_checks.py``) it gives tests
the fixtures `trained`, `stored`, `atoms`, `predicted`, `held_out` and the argument `bond_type`, and writes
``checks.json`` beside the model.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import KEY, quench_of
from getl_utils.core.parameters import Hyperparameters, Train
from getl_utils.core.record import checksums, code_version, damaged, now, read_json, sha256, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database
from getl_utils.inference import predictor
from getl_utils.models import model, splits, training, validation

CHECKS = Path(__file__).with_name("release_checks.py")
RESULT = "checks.json"
UNCHECKED = "unchecked"
FOLDS = 6  # groups left out at most
FEWEST = 20  # bonds that must be left to learn from when the largest run is left out; otherwise sub-runs are


class HeldOut(NamedTuple):
    """Bonds of groups that were left out: predicted, σ, true and the distance curve's −ICOHP (n,), eV; what
    the groups are."""

    predicted: np.ndarray
    sigma: np.ndarray
    true: np.ndarray
    baseline: np.ndarray
    groups: str


def check(folder: str | Path, own: Sequence[str | Path] = (), progress: bool = False) -> dict[str, Any]:
    """Run all checks on the model in `folder`, in a process of their own, and write ``checks.json``; its
    content.

    Parameters
    ----------
    own : further files of pytest tests.

    Raises
    ------
    FileNotFoundError : no model, or no such file of tests. RuntimeError : pytest could not run them; its last
    lines.
    """
    folder = Path(folder)
    facts = model.load(folder).facts
    absent = [str(path) for path in own if not Path(path).exists()]
    if absent:
        raise FileNotFoundError(f"{', '.join(absent)}: no such file of checks")
    (folder / RESULT).unlink(missing_ok=True)
    command = [
        sys.executable,
        "-P",  # the working directory may be another clone
        "-m",
        "pytest",
        "-q",
        "--import-mode=importlib",  # files of one name in several folders are several modules
        "-p",
        "getl_utils.ops.release",
        "-p",
        "no:cacheprovider",
        "-c",
        os.devnull,
    ]
    command += ["--rootdir", str(CHECKS.parent), "--model", str(folder.resolve())]
    command += [str(Path(path).resolve()) for path in (CHECKS, *own)]
    paths = os.pathsep.join([str(CHECKS.parents[2]), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths.rstrip(os.pathsep), "PYTEST_ADDOPTS": ""}
    answer = subprocess.run(command, capture_output=not progress, text=True, env=environment)
    if not (folder / RESULT).exists() or read_json(folder / RESULT)["model_id"] != facts.model_id:
        tail = "" if progress else "\n".join((answer.stdout + answer.stderr).splitlines()[-15:])
        raise RuntimeError(f"the checks of {folder} did not run to their end:\n{tail}")
    return read_json(folder / RESULT)


def gate(folder: str | Path, own: Sequence[str | Path] = (), allowed: Sequence[str] = ()) -> dict[str, str]:
    """What a notebook calls before it predicts: `require`, of the checks of this very model with these very
    files of tests.

    They are run if they were not, unless an unchecked model is allowed.
    """
    path = Path(folder) / RESULT
    known = (
        path.exists() and not damaged(path) and read_json(path)["files"] == _files([CHECKS, *map(Path, own)])
    )
    if not known and UNCHECKED not in allowed:
        check(folder, own)
    return require(folder, allowed)


def _files(paths: Iterable[Path]) -> dict[str, str]:
    return {path.name: sha256(path) for path in paths}


def failures(result: dict[str, Any]) -> dict[str, str]:
    """Check → why it failed, of those that did."""
    return {name: one["message"] for name, one in result["checks"].items() if one["outcome"] != "passed"}


def require(folder: str | Path, allowed: Sequence[str] = ()) -> dict[str, str]:
    """Refuse bulk prediction by a model that has not passed its checks.

    Parameters
    ----------
    allowed : checks that may fail, by name (``beats_baseline``) or by name and type
    (``beats_baseline[Zr-Al]``); ``unchecked``
        allows a model that was never checked.

    Returns
    -------
    Check → why it failed, of those that are allowed to.

    Raises
    ------
    ValueError : it has not been checked, has changed since, or a check failed that is not allowed to; says
    which and why.
    """
    path = Path(folder) / RESULT
    wrong = damaged(path) if path.exists() else [f"{folder} has not been checked"]
    if wrong:
        if UNCHECKED in allowed:
            return {UNCHECKED: wrong[0]}
        raise ValueError(
            f"{'; '.join(wrong)}: run `getl test-model {folder}`, or allow `{UNCHECKED}` by name"
        )
    failed = failures(read_json(path))
    refused = {name: why for name, why in failed.items() if not {name, name.split("[")[0]} & set(allowed)}
    if refused:
        reasons = "; ".join(f"{name}: {why}" for name, why in refused.items())
        raise ValueError(
            f"the model in {folder} may not predict in bulk, it failed checks (allow them by name): {reasons}"
        )
    return failed


# What follows makes this module a pytest plugin.


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option --model."""
    parser.addoption("--model", required=True, help="folder of the model to check")


def pytest_configure(config: pytest.Config) -> None:
    """Start with no results."""
    config.stash[_CHECKS] = {}
    config.stash[_MODEL] = model.load(Path(config.getoption("--model")))


_CHECKS = pytest.StashKey[dict]()
_MODEL = pytest.StashKey[model.Model]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test with the argument `bond_type` runs for every type of the model."""
    if "bond_type" in metafunc.fixturenames:
        metafunc.parametrize("bond_type", metafunc.config.stash[_MODEL].types)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo) -> Any:
    """Keep each check's outcome, and the first line of why it failed; a check that is skipped has not
    passed."""
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
    files = _files(sorted({Path(item.path) for item in session.items}, key=lambda p: (p != CHECKS, p)))
    facts = config.stash[_MODEL].facts
    result = {
        "model_id": facts.model_id,
        "database_id": facts.database_id,
        "time": now(),
        "code": code_version(),
    }
    result |= {"checks": config.stash[_CHECKS], "files": files}
    write_json(
        folder / RESULT, result | {"sha256": checksums(folder, [folder / "model.json", folder / "model.npz"])}
    )


@pytest.fixture(scope="session")
def trained(request: pytest.FixtureRequest) -> model.Model:
    """The model."""
    return request.config.stash[_MODEL]


@pytest.fixture(scope="session")
def work(request: pytest.FixtureRequest) -> WorkDir:
    """The work directory that the model lies in."""
    return WorkDir(Path(request.config.getoption("--model")).resolve().parent)


@pytest.fixture(scope="session")
def stored(trained: model.Model, work: WorkDir) -> database.Database:
    """The database that it learned from."""
    found = database.read(work.database(trained.facts.database))
    assert found.facts["database_id"] == trained.facts.database_id, (
        "the database is not the one the model learned from"
    )
    return found


@pytest.fixture(scope="session")
def atoms(stored: database.Database, work: WorkDir) -> Atoms:
    """The first cell of the database, as quenched where there is one: with known bonds, none beyond
    physics."""
    keys = stored.bonds[KEY].drop_duplicates().sort_values("sub_run", kind="stable")
    return cells.read(work.cell(*keys.iloc[0]))


@pytest.fixture(scope="session")
def predicted(trained: model.Model, atoms: Atoms) -> Any:
    """Its bonds with σ, in the windows of the training bonds."""
    return predictor.predict(trained, atoms, predictor.windows(trained, {}), sigma=True)


@pytest.fixture(scope="session")
def held_out(trained: model.Model, stored: database.Database) -> Callable[[str], HeldOut]:
    """Function of a bond type: what models without a group predict; groups are runs, or sub-runs if one run
    has them all."""
    done: dict[str, HeldOut] = {}

    def of(bond_type: str) -> HeldOut:
        done.update({} if done else _hold_out(trained, stored))
        assert bond_type in done, f"{bond_type}: no group to leave out"
        return done[bond_type]

    return of


def _recipe(trained: model.Model, stored: database.Database) -> tuple[training.Recipe, Train]:
    """How the model in question was trained."""
    facts, h = trained.facts, {}
    given: dict[str, Any] = {"work_dir": "unused", "elements": facts.elements, "seed": max(facts.seed, 0)}
    if facts.kind == "published":
        for name, one in facts.types.items():
            h[name] = Hyperparameters(**{n: one.numbers[n] for n in Hyperparameters.model_fields})
        p = Train(**given, published=h, n_train=max(one.n_bonds for one in facts.types.values()))
        return training.published_recipe(stored, p), p
    return training.recipe(stored), Train(**given, n_train=len(stored.bonds))


def _hold_out(trained: model.Model, stored: database.Database) -> dict[str, HeldOut]:
    """Bond type → what models without a group predict."""
    how, p = _recipe(trained, stored)
    tables, _ = validation.learnable(stored, trained.types)
    runs = quench_of(stored.bonds)
    enough = len(runs) - runs.value_counts().max() >= FEWEST  # none if there is one run only
    name, chosen = "runs" if enough else "sub-runs", {}
    for bond_type, bonds in tables.items():
        groups = quench_of(bonds) if enough else bonds.sub_run
        for split in splits.grouped_splits(groups, name, p.n_train, 0):
            chosen.setdefault(split.fold, {})[bond_type] = split
    parts: dict[str, list[list[np.ndarray]]] = {}
    for fold in list(chosen.values())[:FOLDS]:
        for bond_type, found in validation.score(stored, tables, fold, how)[0].items():
            arrays = [found[key] for key in ("predicted", "sigma", "true", "baseline")]
            parts.setdefault(bond_type, []).append(arrays)
    return {
        t: HeldOut(*(np.concatenate(column) for column in zip(*some, strict=True)), name)
        for t, some in parts.items()
    }
