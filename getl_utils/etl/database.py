"""The database that models learn from: labelled bonds and the numbers that describe them, in one folder.

``bonds.parquet`` has the rows of the bond table with `type` and the places of their descriptors;
``expansion.npy`` (one row for each bond) and ``soap.npy`` (one row for each atom, for the published model)
hold these; ``clusters.parquet`` and ``database.json`` (identity, engines, counts) go with them; ``export/``
holds the same bonds in the published formats.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY, quench_of
from getl_utils.core.cells import CellKey
from getl_utils.core.record import (
    atomic_write,
    checksums,
    code_version,
    content_hash,
    now,
    read_json,
    write_json,
)
from getl_utils.core.workdir import WorkDir

PLACES = {"expansion": ["row"], "soap": ["row_i", "row_j"]}  # columns that point into each array


@dataclass(frozen=True)
class Database:
    """Labelled bonds and their descriptors.

    Attributes
    ----------
    bonds : DataFrame
        The bond table with `type` and the columns of `PLACES`.
    arrays : dict
        Name → descriptors, of which a bond has the row, or the mean of the two rows, that its columns name.
    clusters : DataFrame
        The clusters, one row for each.
    facts : dict
        Identity, engine, settings of the descriptors, counts.
    work : WorkDir, optional
        Where its cells are; a model that sees whole cells needs them.
    """

    bonds: pd.DataFrame
    arrays: dict[str, np.ndarray]
    clusters: pd.DataFrame
    facts: dict[str, Any]
    work: WorkDir | None = None

    def cell(self, key: CellKey) -> Atoms:
        """Read a cell whose bonds it holds.

        Parameters
        ----------
        key : CellKey
            Composition, run and sub-run.

        Returns
        -------
        Atoms
            The cell.

        Raises
        ------
        ValueError
            The database does not know where its cells are.
        FileNotFoundError
            The cell is not there.
        """
        if self.work is None:
            raise ValueError(
                "the database does not know its cells: read it from the work directory that made it"
            )
        return cells.read(self.work.cell(*key))

    def of_type(self, bond_type: str) -> pd.DataFrame:
        """Return the bonds of one type.

        Parameters
        ----------
        bond_type : str
            E.g. ``Zr-Cu``.
        """
        return self.bonds[self.bonds.type == bond_type].reset_index(drop=True)

    def learnable(self, bond_type: str) -> pd.DataFrame:
        """The bonds of one type to learn from.

        Parameters
        ----------
        bond_type : str
            E.g. ``Zr-Cu``.

        Returns
        -------
        DataFrame
            Rows of `bonds`.

        Raises
        ------
        ValueError
            There is none, or one is not finite, or one is there twice.
        """
        bonds = self.of_type(bond_type)
        if not len(bonds):
            raise ValueError("0 training bonds: the database has none of this type")
        bad = bonds[~np.isfinite(bonds[["distance", "icohp"]].to_numpy(float)).all(axis=1)]
        if len(bad):
            first = _name(bad.iloc[0])
            raise ValueError(
                f"{len(bad)} bonds hold NaN or infinity, the first is {first}; look at its label"
            )
        twice = bonds[bonds.duplicated([*KEY, *BOND])]
        if len(twice):
            first = _name(twice.iloc[0])
            raise ValueError(f"{len(twice)} bonds are there twice, the first is {first}; run 04_load again")
        return bonds

    def features(self, bonds: pd.DataFrame, name: str = "expansion") -> np.ndarray:
        """Descriptors of some of its bonds.

        Parameters
        ----------
        bonds : DataFrame
            Rows of `bonds`.
        name : str
            ``expansion`` or ``soap``.

        Returns
        -------
        (n, n_features)
            One row for each bond; of SOAP the mean of the vectors of its two atoms.

        Raises
        ------
        ValueError
            The database does not hold this descriptor.
        """
        if name not in self.arrays:
            raise ValueError(f"the database holds no {name}: add it to 03_transform and run 03 and 04 again")
        parts = [np.asarray(self.arrays[name][bonds[column].to_numpy()]) for column in PLACES[name]]
        return parts[0] if len(parts) == 1 else 0.5 * (parts[0] + parts[1])


def groups(bonds: pd.DataFrame) -> np.ndarray:
    """Which bonds are left out together: those of one quench, or of one sub-run if there is one quench only.

    Parameters
    ----------
    bonds : DataFrame
        With composition, run and sub_run.

    Returns
    -------
    (n,) str
        Name of each bond's group.

    Examples
    --------
    >>> groups(pd.DataFrame({"composition": "NiTi", "run": [1, 1], "sub_run": [0, 7]})).tolist()
    ['NiTi/1/0', 'NiTi/1/7']
    """
    quench = quench_of(bonds)
    several = len(set(quench)) > 1
    return (quench if several else quench + "/" + bonds.sub_run.astype(str)).to_numpy(str)


def _name(bond: pd.Series) -> str:
    return f"atoms {bond.i}–{bond.j} of " + "/".join(str(bond[c]) for c in KEY if c in bond)


def write(folder: Path, database: Database, name: str) -> dict[str, Any]:
    """Write a database, with the descriptors that its bonds use.

    Parameters
    ----------
    folder : Path
        Gets the files; ``database.json`` is written last.
    database : Database
        What is written.
    name : str
        Its name.

    Returns
    -------
    dict
        Its facts with `database_id`, the hash of its content.
    """
    (folder / "database.json").unlink(missing_ok=True)
    bonds = database.bonds.copy()
    for kind, array in database.arrays.items():
        used = np.unique(bonds[PLACES[kind]])
        for column in PLACES[kind]:
            bonds[column] = np.searchsorted(used, bonds[column])
        with atomic_write(folder / f"{kind}.npy") as temporary, open(temporary, "wb") as out:
            np.save(out, array[used], allow_pickle=False)
    for file, table in (("bonds", bonds), ("clusters", database.clusters)):
        with atomic_write(folder / f"{file}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
    counts = bonds.groupby(["type", "composition"]).size().rename("bonds").reset_index()
    facts = {key: value for key, value in database.facts.items() if key not in ("code", "time", "sha256")}
    identity = content_hash(bonds[[*KEY, *BOND, "distance", "icohp", "label_id"]].to_csv(index=False), facts)
    facts |= {"name": name, "database_id": identity, "bonds": len(bonds), "counts": counts.to_dict("records")}
    files = [*(f"{kind}.npy" for kind in database.arrays), "bonds.parquet", "clusters.parquet"]
    facts |= {"code": code_version(), "time": now()}
    facts |= {"sha256": checksums(folder, [folder / file for file in files])}
    write_json(folder / "database.json", facts)
    return facts


def read(folder: Path) -> Database:
    """Read a database.

    Parameters
    ----------
    folder : Path
        Written by `write`.

    Returns
    -------
    Database
        Its descriptors stay on disk until they are used.

    Raises
    ------
    FileNotFoundError
        It is not there or not whole; says which stage to run.
    ValueError
        It was written by an earlier version.
    """
    if not (folder / "database.json").exists():
        raise FileNotFoundError(f"{folder} holds no whole database: run 04_load, with the same work_dir")
    facts = read_json(folder / "database.json")
    if "descriptors" not in facts:
        raise ValueError(f"{folder} was written by an earlier version; run 03_transform and 04_load again")
    return Database(
        pd.read_parquet(folder / "bonds.parquet"),
        {n: np.load(folder / f"{n}.npy", allow_pickle=False, mmap_mode="r") for n in facts["descriptors"]},
        pd.read_parquet(folder / "clusters.parquet"),
        facts,
        WorkDir(folder.parent.parent),
    )
