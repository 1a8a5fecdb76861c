"""Decide whether a model may predict in bulk.

pytest runs the checks of `release_checks`, and those of a user, with the plugin `release_plugin`. The results
are in ``checks.json`` beside the model. `gate` refuses a model that did not pass.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from getl_utils.core.bonds import quench_of
from getl_utils.core.parameters import Hyperparameters, Train
from getl_utils.core.record import damaged, read_json, sha256
from getl_utils.etl import database
from getl_utils.models import model, splits

CHECKS = Path(__file__).with_name("release_checks.py")
RESULT = "checks.json"
UNCHECKED = "unchecked"
FOLDS = 6  # groups left out at most
FEWEST = 20  # bonds that must be left to learn from when the largest run is left out; otherwise sub-runs are


class HeldOut(NamedTuple):
    """What models predict for bonds of groups that were left out of the training.

    Attributes
    ----------
    predicted : (n,) ndarray
        −ICOHP, eV.
    sigma : (n,) ndarray
        σ of it, eV.
    true : (n,) ndarray
        −ICOHP of the labels, eV.
    baseline : (n,) ndarray
        −ICOHP of the curve of the distance alone, eV.
    groups : str
        `runs`, or `sub-runs` if nearly all bonds are of one run.
    """

    predicted: np.ndarray
    sigma: np.ndarray
    true: np.ndarray
    baseline: np.ndarray
    groups: str


def check(folder: str | Path, own: Sequence[str | Path] = (), progress: bool = False) -> dict[str, Any]:
    """Run all checks of a model in a process of their own, and write ``checks.json``.

    Parameters
    ----------
    folder : str or Path
        Folder of the model.
    own : sequence of str or Path
        Further files of pytest tests.
    progress : bool
        Show what pytest prints.

    Returns
    -------
    dict
        Content of ``checks.json``.

    Raises
    ------
    FileNotFoundError
        There is no model, or no such file of tests.
    RuntimeError
        pytest could not run the checks. The message has its last lines.
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
        "getl_utils.ops.release_plugin",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:nbval",  # takes two seconds to import
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
    """Require that a model has passed its checks, and run them first if they were not run.

    Parameters
    ----------
    folder : str or Path
        Folder of the model.
    own : sequence of str or Path
        Further files of pytest tests.
    allowed : sequence of str
        As of `require`. With ``unchecked``, checks that were not run are not run now.

    Returns
    -------
    dict
        As of `require`.

    Raises
    ------
    ValueError
        As of `require`.
    """
    path = Path(folder) / RESULT
    files = checksums_of([CHECKS, *map(Path, own)])
    known = path.exists() and not damaged(path) and read_json(path)["files"] == files
    if not known and UNCHECKED not in allowed:
        check(folder, own)
    return require(folder, allowed)


def checksums_of(paths: Iterable[Path]) -> dict[str, str]:
    """Return the checksums of files of checks.

    Parameters
    ----------
    paths : iterable of Path
        The files.

    Returns
    -------
    dict
        Name → SHA-256, our own file first.
    """
    return {path.name: sha256(path) for path in sorted(paths, key=lambda p: (p != CHECKS, p))}


def failures(result: dict[str, Any]) -> dict[str, str]:
    """Return the checks that failed.

    Parameters
    ----------
    result : dict
        Content of ``checks.json``.

    Returns
    -------
    dict
        Check → why it failed.
    """
    return {name: one["message"] for name, one in result["checks"].items() if one["outcome"] != "passed"}


def require(folder: str | Path, allowed: Sequence[str] = ()) -> dict[str, str]:
    """Refuse bulk prediction by a model that has not passed its checks.

    Parameters
    ----------
    folder : str or Path
        Folder of the model.
    allowed : sequence of str
        Checks that may fail, by name (``beats_baseline``) or by name and type (``beats_baseline[Zr-Al]``).
        ``unchecked`` allows a model that was never checked.

    Returns
    -------
    dict
        Check → why it failed, of those that may fail.

    Raises
    ------
    ValueError
        The model was not checked, has changed since, or failed a check that may not fail. The message names
        the check and says why.
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


def _recipe(trained: model.Model, stored: database.Database) -> tuple[Any, Train]:
    """How the model in question was trained."""
    from getl_utils.models import training

    facts, h = trained.facts, {}
    given: dict[str, Any] = {"work_dir": "unused", "elements": facts.elements, "seed": max(facts.seed, 0)}
    if facts.kind == "published":
        for name, one in facts.types.items():
            h[name] = Hyperparameters(**{n: one.numbers[n] for n in Hyperparameters.model_fields})
        p = Train(**given, published=h, n_train=max(one.n_bonds for one in facts.types.values()))
        return training.published_recipe(stored, p), p
    p = Train(**given, n_train=len(stored.bonds), model=_settings(facts))
    return training.chosen_recipe(stored, p), p


def _settings(facts: Any) -> dict[str, Any]:
    """The parameter `model` of a trained model."""
    own = facts.descriptor.model_dump(exclude={"elements"}) if facts.kind == "graph" else {}
    return own | {"kind": facts.kind}


def _hold_out(trained: model.Model, stored: database.Database) -> dict[str, HeldOut]:
    """Bond type → what models without a group predict."""
    from getl_utils.models import validation  # slow to import, and `require` needs neither

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
