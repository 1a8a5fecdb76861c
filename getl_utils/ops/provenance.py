"""Trace a predicted bond back to its model, database, training bonds, label, cell, melt–quench and code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.record import damaged, read_json
from getl_utils.core.workdir import WorkDir, relative, resolve
from getl_utils.etl import database
from getl_utils.files.frames import readings, structure_id
from getl_utils.inference.storing import SCHEMA
from getl_utils.models import model, training
from getl_utils.models.kernels import Bonds
from getl_utils.ops import origin
from getl_utils.ops.origin import Link

NEAREST = 5  # training bonds that are shown


def read_prediction(path: str | Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Read the record and the bonds of a prediction.

    Parameters
    ----------
    path : str or Path
        The record or the table.

    Returns
    -------
    tuple
        Record and bonds.

    Raises
    ------
    FileNotFoundError
        It is not there.
    ValueError
        It is no record of a prediction, or its files are not as it says.
    """
    record = Path(path).with_suffix(".json")
    if not record.exists():
        raise FileNotFoundError(
            f"{record} is not there: name a file <n>_<step>.parquet or .json below predictions/"
        )
    facts = read_json(record)
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise ValueError(f"{record} is no record of a prediction ({SCHEMA}); predict again")
    wrong = damaged(record)
    if wrong:
        raise ValueError(f"{'; '.join(wrong)}; predict again")
    return facts, pd.read_parquet(record.with_suffix(".parquet"))


def find_model(prediction: Path, model_id: str) -> Path:
    """Find the folder of the model that made a prediction.

    It is ``model/`` in a folder above the prediction, or the folder that ``predicted_by.json`` there names.

    Parameters
    ----------
    prediction : Path
        Table or record of the prediction.
    model_id : str
        Id of the model.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    FileNotFoundError
        There is no such model above the prediction.
    """
    for above in prediction.resolve().parents:
        named = above / "predicted_by.json"
        for folder in [above / "model"] + (
            [Path(read_json(named)["model_folder"])] if named.exists() else []
        ):
            path = folder / "model.json"
            if path.exists() and read_json(path).get("model_id") == model_id:
                return folder
    raise FileNotFoundError(f"no model {model_id} above {prediction}: name its folder with --model")


def trace(prediction: str | Path, row: int = 0, model_folder: str | Path | None = None) -> list[Link]:
    """Trace a predicted bond back to its origin.

    The steps are prediction, bond, model, database and training bonds, and then label, cell, descriptors and
    melt–quench of the training bond that is most like it.

    Parameters
    ----------
    prediction : str or Path
        Table or record of the prediction.
    row : int
        Row of the bond in the table.
    model_folder : str or Path, optional
        Folder of the model; by default that of `find_model`.

    Returns
    -------
    list of Link
        The steps in this order.

    Raises
    ------
    FileNotFoundError
        A model or database is not there.
    ValueError
        The prediction is damaged or has no such row.
    """
    record, bonds = read_prediction(prediction)
    if not 0 <= row < len(bonds):
        raise ValueError(f"{prediction} has the bonds 0…{len(bonds) - 1}, not {row}")
    bond = bonds.iloc[row]
    atoms = _frame(record["input"])
    folder = Path(model_folder) if model_folder else find_model(Path(prediction), record["model"]["model_id"])
    trained, work = model.load(folder), WorkDir(folder.resolve().parent)
    place = work.database(trained.facts.database)
    stored = database.read(place)
    learned = _learned(trained, stored, atoms, bond)
    gone = [] if atoms is not None else ["its structure is not there any more"]
    return [
        Link("prediction", record["prediction_id"], record, gone),
        Link("bond", str(row), _plain(bond.drop(["model_id", "prediction_id"])), []),
        _model_link(trained, folder, record["model"]["model_id"]),
        _database_link(stored, place, trained.facts.database_id),
        _training_link(learned, bond.type),
        *origin.of_bond(work, learned.iloc[0]),
    ]


def _learned(trained: model.Model, stored: database.Database, atoms: Any, bond: pd.Series) -> pd.DataFrame:
    """The training bonds of a bond's type, the most like it first if the structure is there."""
    learned = stored.of_type(bond.type)
    if atoms is None:
        return learned
    features = training.features(stored, trained, {bond.type: learned})[bond.type]
    known = Bonds(learned.distance.to_numpy(float), features)
    learned = learned.assign(likeness=likeness(trained, atoms, bond, known))
    return learned.sort_values("likeness", ascending=False)


def _training_link(learned: pd.DataFrame, bond_type: str) -> Link:
    facts = {name: int(learned[name].nunique()) for name in ("label_id", "cell_id", "run_id")}
    names = [*KEY, *BOND, "distance", "icohp", "engine", "label_id", "likeness"]
    near = learned[[name for name in names if name in learned]].head(NEAREST)
    facts |= {"bonds": len(learned), "nearest": near.to_dict("records")}
    return Link("training bonds", bond_type, facts, [])


def _frame(given: dict[str, Any]) -> Any:
    """The frame that was predicted on, or None if it is gone or another."""
    path = resolve(given["file"])
    if not path.exists():
        return None
    reading = {name: given[name] for name in ("elements", "given", "isolated")}
    for kind in ("all", "last"):
        for n, atoms in enumerate(readings(path, which=kind, **reading), 1):
            if (
                n == given["frame"]
                and not isinstance(atoms, ValueError)
                and structure_id(atoms) == given["structure_id"]
            ):
                return atoms
    return None


def likeness(trained: model.Model, atoms: Any, bond: Any, known: Bonds) -> np.ndarray:
    """Say how like one predicted bond is to labelled bonds of its type.

    Parameters
    ----------
    trained : Model
        What predicted.
    atoms : Atoms
        The structure.
    bond : Series
        Row of the prediction.
    known : Bonds
        Labelled bonds.

    Returns
    -------
    (n,) ndarray
        As of ``Model.likeness``; 1 is equal.
    """
    features = trained.describe(atoms, np.array([[bond[name] for name in BOND]], dtype=np.int64))
    return trained.likeness(bond.type, Bonds(np.array([float(bond.distance)]), features), known)


def _model_link(trained: model.Model, folder: Path, asked: str) -> Link:
    facts = trained.facts.model_dump(exclude={"model_id"}) | {"folder": relative(folder)}
    mark = folder.parent / "done" / "05_train.json"
    if mark.exists() and read_json(mark).get("model_id") == trained.model_id:
        facts |= {name: read_json(mark).get(name) for name in ("code", "time")}
    found = trained.model_id
    wrong = [] if found == asked else [f"{folder} holds model {found}, the prediction is of {asked}"]
    checks = folder / "checks.json"
    return Link("model", found, facts, wrong + (damaged(checks) if checks.exists() else []))


def _database_link(stored: database.Database, folder: Path, asked: str) -> Link:
    names = ("engine", "bonds", "descriptors", "code", "time")
    facts = {name: stored.facts[name] for name in names if name in stored.facts} | {
        "folder": relative(folder)
    }
    found = stored.facts["database_id"]
    wrong = [] if found == asked else [f"{folder} holds database {found}, the model learned from {asked}"]
    return Link("database", found, facts, wrong + damaged(folder / "database.json"))


def _plain(row: pd.Series) -> dict[str, Any]:
    return json.loads(row.to_json())


def text(links: list[Link]) -> str:
    """Write the steps as lines of text.

    Parameters
    ----------
    links : list of Link
        From `trace`.

    Returns
    -------
    str
        For each step what it is, its id, what is not as recorded, and its facts below.
    """
    lines = []
    for link in links:
        lines.append(f"{link.what} {link.id}: {'; '.join(link.wrong) or 'as recorded'}")
        for name, value in link.facts.items():
            if name == "nearest":
                lines += [f"    {line}" for line in pd.DataFrame(value).to_string(index=False).splitlines()]
            elif name not in ("sha256", "types"):
                shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
                lines.append(f"    {name}: {shown}")
    return "\n".join(lines)
