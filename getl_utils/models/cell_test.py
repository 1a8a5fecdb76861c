"""The published second test: a model of a database predicts every bond of one labelled cell."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY, type_of
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Train
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import extract
from getl_utils.etl.database import Database
from getl_utils.models import gp, training, validation
from getl_utils.models.training import Recipe

Without = Literal["none", "cell", "quench"]
COLUMNS = ["model", "type", "bonds_in_database", "of_this_quench", "n_test", "rmsd", "baseline"]
HELD_BACK = {"none": [], "cell": KEY, "quench": KEY[:2]}


def labelled(
    folder: Path, cutoff: float, structure: Path | None = None
) -> tuple[CellKey, Atoms, pd.DataFrame]:
    """Read a labelled cell.

    Parameters
    ----------
    folder : Path
        Of its label: ``labels/<composition>/<run>/<sub_run>`` of a work directory or data set, or
        ``<composition>/c/md/lammps/<atoms>/<run>/<…>/<sub_run>`` of a published tree.
    cutoff : float
        Å, of its clusters.
    structure : Path, optional
        Extended xyz of the cell. By default it is looked for where these layouts have it.

    Returns
    -------
    CellKey
        Its name.
    Atoms
        The cell.
    DataFrame
        Its labelled bonds.

    Raises
    ------
    FileNotFoundError
        The cell is not there.
    ValueError
        The folder is in neither layout, or its label cannot be used; says why.
    """
    folder = folder.resolve()
    key = _key(folder)
    ours = WorkDir(folder.parents[3]).cell(*key)
    place = structure or next((p for p in (folder / f"{key.composition}.xyz", ours) if p.exists()), None)
    if place is None:
        raise FileNotFoundError(f"{folder}: its cell is neither there nor {ours}; name it by --structure")
    atoms = cells.read(place)
    found = extract.sub_run(key, atoms, folder, cutoff)
    if not len(found.bonds):
        raise ValueError(f"{folder}: {found.status['name']}, {found.status['reason']}")
    return key, atoms, found.bonds


def _key(folder: Path) -> CellKey:
    parts = folder.parts
    if len(parts) > 8 and parts[-7:-4] == ("c", "md", "lammps"):
        named = parts[-8], parts[-3], parts[-1]
    else:
        named = parts[-3:] if len(parts) > 4 else ("", "", "")
    if not (named[1].isdecimal() and named[2].isdecimal()):
        raise ValueError(
            f"{folder}: expected …/<composition>/<run>/<sub_run>, or a sub-run's folder of a published tree"
        )
    return CellKey(named[0], int(named[1]), int(named[2]))


def held_back(stored: Database, key: CellKey, without: Without) -> Database:
    """The database without the bonds of a cell, or of its whole quench.

    Parameters
    ----------
    stored : Database
        Learned from.
    key : CellKey
        The cell.
    without : str
        ``none`` leaves all in, as the published test does.

    Returns
    -------
    Database
        With fewer bonds.
    """
    same = (
        _same(stored.bonds, key, HELD_BACK[without])
        if without != "none"
        else np.zeros(len(stored.bonds), bool)
    )
    return Database(stored.bonds[~same].reset_index(drop=True), stored.arrays, stored.clusters, stored.facts)


def _same(bonds: pd.DataFrame, key: CellKey, columns: list[str]) -> np.ndarray:
    wanted: Mapping[str, Any] = key._asdict()
    return np.all([bonds[column] == wanted[column] for column in columns], axis=0)


def errors(
    stored: Database, key: CellKey, atoms: Atoms, bonds: pd.DataFrame, window: tuple[float, float], p: Train
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Train on a database and predict every bond of a cell, by each kind of model that the database allows.

    Parameters
    ----------
    stored : Database
        Learned from: all bonds by the default model, `n_train` of each type by the published one.
    key : CellKey
        The cell.
    atoms : Atoms
        The cell, Å.
    bonds : DataFrame
        Its labelled bonds.
    window : tuple of float
        Shortest and longest bond that counts, Å.
    p : Train
        Parameters of 05_train.

    Returns
    -------
    DataFrame
        One row per model and type: training bonds, those of them from the cell's own quench, tested bonds;
        ``rmsd``, and ``baseline`` of the distance alone, eV.
    dict
        Model and type → why it was not tested.

    Raises
    ------
    ValueError
        The database has no descriptor that a model learns from.
    """
    types = type_of(bonds.element_i, bonds.element_j, p.elements)
    bonds = bonds.assign(type=types)[bonds.distance.between(*window)]
    rows, refused = [], {}
    for how in _recipes(stored, p):
        trained, why = training.train(stored, p, how)
        refused |= {f"{how.kind}, {name}": reason for name, reason in why.items()}
        for name, part in bonds.groupby("type"):
            if name in trained.body.types:
                given = trained.describe(atoms, part[BOND].to_numpy())
                mean = trained.evaluate(name, given, part.distance.to_numpy()).mean
                rows.append({"model": how.kind, "type": name} | _row(stored.of_type(name), key, part, mean))
    if not rows:
        return pd.DataFrame(columns=COLUMNS), refused
    order = {name: n for n, name in enumerate(p.bond_types)}
    table = pd.DataFrame(rows).sort_values(
        ["model", "type"], key=lambda c: c.map(order).fillna(0), kind="stable"
    )
    return table.reset_index(drop=True), refused


def _recipes(stored: Database, p: Train) -> list[Recipe]:
    ours = [training.recipe(stored)] if "expansion" in stored.arrays else []
    published = training.published_recipe(stored, p)
    found = [*([published] if published else []), *ours]
    if not found:
        raise ValueError(
            "the database has no expansion, and no SOAP with `published` hyperparameters beside it"
        )
    return found


def _row(learned: pd.DataFrame, key: CellKey, tested: pd.DataFrame, mean: np.ndarray) -> dict[str, Any]:
    true, curve = -tested.icohp.to_numpy(float), gp.fit_curve(learned.distance, -learned.icohp)
    numbers = {"bonds_in_database": len(learned), "of_this_quench": int(_same(learned, key, KEY[:2]).sum())}
    numbers |= {"n_test": len(tested), "rmsd": validation.errors(mean, true)["rmse"]}
    return numbers | {"baseline": validation.errors(curve.predict(tested.distance.to_numpy()), true)["rmse"]}
