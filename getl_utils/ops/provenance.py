"""Trace a predicted bond back to its model, database, training bonds, label, cell, melt–quench and code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.record import content_hash, damaged, read_json
from getl_utils.core.workdir import WorkDir, relative, resolve
from getl_utils.etl import database
from getl_utils.files.frames import readings, structure_id
from getl_utils.generate import lammps
from getl_utils.inference.storing import SCHEMA
from getl_utils.labels.status import ICOHPLIST, RECORD
from getl_utils.models import model
from getl_utils.models.kernels import Bonds

NEAREST = 5  # training bonds that are shown


class Link(NamedTuple):
    """One step of the way back.

    Attributes
    ----------
    what : str
        What it is.
    id : str
        Its id.
    facts : dict
        What is known of it.
    wrong : list of str
        What is not as recorded; empty if all is.
    """

    what: str
    id: str
    facts: dict[str, Any]
    wrong: list[str]


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
    links = [
        Link(
            "prediction",
            record["prediction_id"],
            record,
            [] if atoms is not None else ["its structure is not there any more"],
        ),
        Link("bond", str(row), _plain(bond.drop(["model_id", "prediction_id"])), []),
        _model_link(trained, folder, record["model"]["model_id"]),
    ]
    place = work.database(trained.facts.database)
    stored = database.read(place)
    links.append(_database_link(stored, place, trained.facts.database_id))
    learned = stored.of_type(bond.type)
    if atoms is not None:
        features = stored.features(learned, trained.descriptor)
        known = Bonds(learned.distance.to_numpy(float), features)
        learned = learned.assign(likeness=likeness(trained, atoms, bond, known))
        learned = learned.sort_values("likeness", ascending=False)
    summary = {name: int(learned[name].nunique()) for name in ("label_id", "cell_id", "run_id")} | {
        "bonds": len(learned)
    }
    near = learned[
        [*KEY, *BOND, "distance", "icohp", "engine", "label_id", *(["likeness"] if atoms is not None else [])]
    ]
    links.append(
        Link("training bonds", bond.type, summary | {"nearest": near.head(NEAREST).to_dict("records")}, [])
    )
    return [*links, *_origin(work, learned.iloc[0])]


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


def _origin(work: WorkDir, bond: Any) -> Iterator[Link]:
    """Label, cell, descriptors and melt–quench of one labelled bond."""
    key = (bond.composition, bond.run, bond.sub_run)
    yield _label_link(work, key, bond)
    cell = work.cell(*key)
    there = cell.exists() and content_hash(cell) == bond.cell_id
    wrong = [] if there else [f"{cell} is gone or another"]
    yield Link("cell", bond.cell_id, {"file": relative(cell)}, wrong)
    yield _descriptors_link(work, key, bond.cell_id)
    yield _run_link(work.quench(*key[:2]) / "quench.json", key, bond.run_id)


def _label_link(work: WorkDir, key: tuple, bond: Any) -> Link:
    """The label; that of a batch job of LOBSTER has the hash of its list as id."""
    record = work.label(*key) / RECORD
    batch = record.with_name("lobster.json")
    if record.exists():
        facts, found = read_json(record), read_json(record).get("label_id")
    elif batch.exists():
        record, listed = batch, batch.with_name(ICOHPLIST)
        facts = {"engine": bond.engine, **read_json(batch)}
        found = content_hash(listed) if listed.exists() else None
    else:
        facts = {"engine": bond.engine, "folder": "read from a published tree"}
        return Link("label", bond.label_id, facts, [])
    wrong = [] if found == bond.label_id else ["another label has taken its place"]
    facts = {"folder": relative(record.parent), **facts}
    return Link("label", bond.label_id, facts, damaged(record) + wrong)


def _run_link(record: Path, key: tuple, run_id: str) -> Link:
    """The melt–quench, or that it was made elsewhere."""
    if not record.exists():
        facts = {"composition": key[0], "run": int(key[1]), "quench": "not made here"}
        return Link("run", run_id, facts, [])
    facts = read_json(record)
    same = run_id == lammps.run_id("quench", facts["identity"])
    return Link("run", run_id, facts, damaged(record) + ([] if same else ["another run has taken its place"]))


def _descriptors_link(work: WorkDir, key: tuple, cell_id: str) -> Link:
    """The vectors of the bond's atoms, as they were when the database took them over."""
    record = work.descriptors(*key).with_suffix(".json")
    if not record.exists():
        return Link("descriptors", cell_id, {}, [f"{record} is not there: run 03_transform again"])
    facts = read_json(record)
    same = facts.get("cell_id") == cell_id
    wrong = damaged(record) + ([] if same else ["another cell's have taken their place"])
    return Link("descriptors", cell_id, {"file": relative(record), **facts}, wrong)


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
