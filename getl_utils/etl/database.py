"""The database a model learns from: kept bonds and the SOAP vectors of their atoms, in one folder, without
pickle.

``bonds.parquet`` (the bond table's rows, with `type`, and `row_i`, `row_j`: rows of) ``soap.npy``,
``clusters.parquet`` and ``database.json`` (identity, engines, counts); ``export/`` holds the same in the
published formats.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY, neighbours, type_of
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
from getl_utils.etl import descriptors
from getl_utils.etl.features import Features
from getl_utils.files import published as reference


@dataclass(frozen=True)
class Database:
    """Bonds, the vectors (n_atoms, n_components) their `row_i` and `row_j` point to, clusters, and facts."""

    bonds: pd.DataFrame
    soap: np.ndarray
    clusters: pd.DataFrame
    facts: dict[str, Any]

    def of_type(self, bond_type: str) -> pd.DataFrame:
        """The bonds of one type."""
        return self.bonds[self.bonds.type == bond_type].reset_index(drop=True)

    def learnable(self, bond_type: str) -> pd.DataFrame:
        """The bonds of one type to learn from; ValueError that says why they are none: absent, NaN, or a bond
        there twice."""
        bonds = self.of_type(bond_type)
        if not len(bonds):
            raise ValueError("0 training bonds: the database has none of this type")
        bad = bonds[~np.isfinite(bonds[["distance", "icohp"]].to_numpy(float)).all(axis=1)]
        if len(bad):
            raise ValueError(
                f"{len(bad)} bonds hold NaN or infinity, the first is {_name(bad.iloc[0])}; look at its label"
            )
        twice = bonds[bonds.duplicated(["row_i", "row_j", *BOND[2:], "distance"])]
        if len(twice):
            raise ValueError(
                f"{len(twice)} bonds are there twice, the first is {_name(twice.iloc[0])}; run 04_load again"
            )
        return bonds

    def features(self, bonds: pd.DataFrame) -> Features:
        """What a kernel sees of some of its bonds."""
        return Features(
            bonds.distance.to_numpy(float), self.soap, bonds.row_i.to_numpy(), bonds.row_j.to_numpy()
        )

    def compressed(self, n: int) -> tuple[Database, np.ndarray | None]:
        """The same with n numbers an atom, and the basis they refer to (`soap.compression`); itself and None
        for n = 0."""
        if not 0 < n < self.soap.shape[1]:
            return self, None
        basis = descriptors.compression(self.soap, n)
        return self.projected(basis), basis

    def projected(self, basis: np.ndarray | None) -> Database:
        """The same with vectors on a basis (n_kept, n_components); itself for None."""
        return self if basis is None else replace(self, soap=self.soap @ basis.T)


def _name(bond: pd.Series) -> str:
    return f"atoms {bond.i}–{bond.j} of " + "/".join(str(bond[c]) for c in KEY if c in bond)


def collect(
    work: WorkDir,
    bonds: pd.DataFrame,
    clusters: pd.DataFrame,
    soap: Mapping[str, Any],
    elements: Sequence[str],
    choice: str,
    mix_engines: Sequence[str] = (),
) -> Database:
    """Gather bonds of a bond table and the vectors of their atoms from the cells' descriptor files.

    Parameters
    ----------
    soap : which descriptor the files hold. choice : ``labelled``: every bond; ``kept``: those of kept
    clusters.
    mix_engines : the engines whose labels may stand side by side, if more than one.

    Raises
    ------
    ValueError : labels of several engines that `mix_engines` does not name, no bond, or a cell's descriptors
    are missing, of
        another cell or SOAP, or damaged.
    """
    kept = bonds[bonds.kept.astype(bool) | (choice == "labelled")].reset_index(drop=True)
    engines = sorted(kept.engine.unique())
    if not len(kept):
        raise ValueError("no bond to learn from: see status.csv and DUB.info of 02_extract for the reasons")
    if len(engines) > 1 and not set(engines) <= set(mix_engines):
        raise ValueError(
            f"labels of several engines ({', '.join(engines)}) would mix in one database; keep them in separate work_dirs, "
            "or name them all in mix_engines if they were calibrated against each other"
        )
    vectors, parts, offset = [], [], 0
    for key, rows in kept.groupby(KEY, sort=False):
        array = descriptors.read(work, key, soap)
        parts.append(rows.assign(row_i=rows.i + offset, row_j=rows.j + offset))
        vectors.append(array)
        offset += len(array)
    table = pd.concat(parts, ignore_index=True)
    table["type"] = type_of(table.element_i, table.element_j, elements)
    facts = {"engine": " + ".join(engines), "soap": dict(soap), "elements": list(elements)}
    return Database(table, np.concatenate(vectors), clusters, facts)


def mix(source: Database, compositions: Sequence[str], bonds_per_type: int, seed: int) -> Database:
    """Draw `bonds_per_type` bonds of each type from each composition, at random and without replacement.

    A composition with fewer gives all it has. The column `source` is its place in `compositions`.

    Raises
    ------
    ValueError : a composition that the source does not hold.
    """
    absent = [c for c in compositions if c not in set(source.bonds.composition)]
    if absent:
        raise ValueError(
            f"composition {', '.join(absent)} is not in the database; it holds {sorted(source.bonds.composition.unique())}"
        )
    random, parts = np.random.default_rng(seed), []
    for place, composition in enumerate(compositions):
        for bond_type in sorted(source.bonds.type.unique()):
            rows = source.bonds[(source.bonds.composition == composition) & (source.bonds.type == bond_type)]
            chosen = random.permutation(len(rows))[:bonds_per_type]
            parts.append(rows.iloc[chosen].assign(source=place))
    bonds = pd.concat(parts, ignore_index=True)
    facts = source.facts | {
        "drawn_from": source.facts.get("database_id"),
        "bonds_per_type": bonds_per_type,
        "seed": seed,
    }
    return Database(bonds, source.soap, source.clusters.iloc[:0], facts)


def write(folder: Path, database: Database, name: str) -> dict[str, Any]:
    """Write a database; only the vectors its bonds use. Returns its facts, with `database_id`, the hash of
    its content."""
    used = np.unique(database.bonds[["row_i", "row_j"]])
    bonds = database.bonds.assign(**{c: np.searchsorted(used, database.bonds[c]) for c in ("row_i", "row_j")})
    (folder / "database.json").unlink(missing_ok=True)
    with atomic_write(folder / "soap.npy") as temporary, open(temporary, "wb") as out:
        np.save(out, database.soap[used], allow_pickle=False)
    for file, table in (("bonds", bonds), ("clusters", database.clusters)):
        with atomic_write(folder / f"{file}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
    counts = bonds.groupby(["type", "composition"]).size().rename("bonds").reset_index()
    facts = {key: value for key, value in database.facts.items() if key not in ("code", "time", "sha256")}
    identity = content_hash(bonds[[*KEY, *BOND, "distance", "icohp", "label_id"]].to_csv(index=False), facts)
    facts |= {"name": name, "database_id": identity, "bonds": len(bonds), "counts": counts.to_dict("records")}
    facts |= {"code": code_version(), "time": now()}
    facts |= {
        "sha256": checksums(
            folder, [folder / name for name in ("soap.npy", "bonds.parquet", "clusters.parquet")]
        )
    }
    write_json(folder / "database.json", facts)
    return facts


def read(folder: Path) -> Database:
    """Read a database.

    Raises
    ------
    FileNotFoundError : it is not there or not whole; says which stage to run.
    """
    if not (folder / "database.json").exists():
        raise FileNotFoundError(
            f"{folder} holds no whole database: run 04_load first, with the same work_dir"
        )
    return Database(
        pd.read_parquet(folder / "bonds.parquet"),
        np.load(folder / "soap.npy", allow_pickle=False, mmap_mode="r"),
        pd.read_parquet(folder / "clusters.parquet"),
        read_json(folder / "database.json"),
    )


def export(folder: Path, database: Database, work: WorkDir) -> list[Path]:
    """Write the published formats: ``<A>-<B>.bnd`` per type (kept bonds only) and ``<El>.xyz`` per kind of
    central atom.

    A mixed database's files hold all that was drawn and carry its name, and the composition's place as first
    column, beside an ``.info``.
    """
    mixed = "source" in database.bonds
    name, files = database.facts["name"], []
    for bond_type, rows in database.bonds[database.bonds.kept.astype(bool) | mixed].groupby("type"):
        stem = f"{name}_{bond_type}" if mixed else bond_type
        reference.write_bnd(folder / f"{stem}.bnd", rows, "source" if mixed else None)
        files.append(folder / f"{stem}.bnd")
        if mixed:
            counts = rows.sort_values("source").groupby("composition", sort=False).size().to_dict()
            reference.write_database_info(folder / f"{stem}.info", name, bond_type, counts)
            files.append(folder / f"{stem}.info")
    for element, rows in database.clusters[database.clusters.kept.astype(bool)].groupby("element"):
        reference.write_clusters(
            folder / f"{element}.xyz", _frames(rows, work, database.facts["soap"]["cutoff"])
        )
        files.append(folder / f"{element}.xyz")
    return files


def _frames(clusters: pd.DataFrame, work: WorkDir, cutoff: float) -> Iterator[Atoms]:
    """Central atom first, then its neighbours where they really are, outside the cell if need be."""
    for key, rows in clusters.groupby(KEY, sort=False):
        atoms = cells.read(work.cell(*key))
        around = dict(list(neighbours(atoms, cutoff).groupby("i")))
        for c in rows.itertuples():
            near = around[c.centre]
            frame = atoms[[c.centre, *near.j]]
            frame.positions[1:] += near[BOND[2:]].to_numpy() @ atoms.cell.array
            frame.info = {
                "ID_RUN": key[1],
                "SUB_STEP": key[2],
                "ID_CENTRAL_ATOM": c.centre + 1,
                "SUM_ICOHP": -c.sum_icohp,
            }
            yield frame
