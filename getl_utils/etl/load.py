"""Load: gather labelled bonds and their descriptors into a database, draw from it, export it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY, type_of
from getl_utils.core.cells import CellKey
from getl_utils.core.neighbours import neighbours
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import descriptors
from getl_utils.etl.database import PLACES, Database
from getl_utils.files import published as reference


def collect(
    work: WorkDir,
    bonds: pd.DataFrame,
    clusters: pd.DataFrame,
    elements: Sequence[str],
    choice: str,
    mix_engines: Sequence[str] = (),
) -> Database:
    """Gather the bonds of a bond table and their descriptors from the files of the cells.

    Parameters
    ----------
    work : WorkDir
        Where 03_transform wrote the descriptors.
    bonds, clusters : DataFrame
        Tables of 02_extract.
    elements : sequence of str
        In the order that names the bond types.
    choice : str
        ``labelled``: every bond; ``kept``: those of kept clusters.
    mix_engines : sequence of str
        The engines whose labels may stand side by side, if more than one.

    Returns
    -------
    Database
        Not written yet.

    Raises
    ------
    ValueError
        Labels of several engines that `mix_engines` does not name or of two projections, no bond, or
        descriptors that are missing, of another cell or other settings, or damaged.
    """
    keep = bonds.kept.astype(bool) | (choice == "labelled")
    engines, projections = _sources(bonds[keep], mix_engines)
    settings = read_json(work.require(work.path / "descriptors" / "descriptors.json", "03_transform"))
    parts: list[pd.DataFrame] = []
    arrays: dict[str, list[np.ndarray]] = {name: [] for name in settings}
    ends = dict.fromkeys(settings, 0)
    for key, rows in bonds.groupby(KEY, sort=False):
        found = descriptors.read(work, CellKey(*key), rows, settings)
        places = {"row": np.arange(len(rows)), "row_i": rows.i.to_numpy(), "row_j": rows.j.to_numpy()}
        columns = {c: places[c] + ends[name] for name in settings for c in PLACES[name]}
        parts.append(rows.assign(**columns))
        for name in settings:
            arrays[name].append(found[name])
            ends[name] += len(found[name])
    table = pd.concat(parts, ignore_index=True)[keep.to_numpy()[_order(bonds)]].reset_index(drop=True)
    table["type"] = type_of(table.element_i, table.element_j, elements)
    facts = {"engine": " + ".join(engines), "projection": " + ".join(projections)}
    facts |= {"descriptors": settings, "elements": list(elements)}
    return Database(table, {n: np.concatenate(a) for n, a in arrays.items()}, clusters, facts, work)


def _order(bonds: pd.DataFrame) -> np.ndarray:
    """Rows of the table in the order in which its cells are gathered."""
    return np.argsort(bonds.groupby(KEY, sort=False).ngroup().to_numpy(), kind="stable")


def _sources(kept: pd.DataFrame, mix_engines: Sequence[str]) -> tuple[list[str], list[str]]:
    """Engines and projections of the labels."""
    engines = sorted(kept.engine.unique())
    if not len(kept):
        raise ValueError("no bond to learn from: see status.csv and DUB.info of 02_extract for the reasons")
    if len(engines) > 1 and not set(engines) <= set(mix_engines):
        raise ValueError(
            f"labels of several engines ({', '.join(engines)}) would mix in one database; keep them in "
            "separate work_dirs, or name them all in mix_engines if they were calibrated against each other"
        )
    projections = sorted(kept.projection.unique()) if "projection" in kept else []
    if len(projections) > 1 and len(engines) == 1:
        raise ValueError(
            f"labels of two projections ({', '.join(projections)}) would mix in one database; extract one "
            "of them, or keep them in separate work_dirs"
        )
    return engines, projections


def mix(source: Database, compositions: Sequence[str], bonds_per_type: int, seed: int) -> Database:
    """Draw bonds of each type from each composition, at random and without replacement.

    Parameters
    ----------
    source : Database
        Drawn from.
    compositions : sequence of str
        Which compositions; the column `source` is a bond's place among them.
    bonds_per_type : int
        How many of each; a composition with fewer gives all it has.
    seed : int
        Of the draw.

    Returns
    -------
    Database
        Not written yet.

    Raises
    ------
    ValueError
        A composition that the source does not hold.
    """
    there = sorted(source.bonds.composition.unique())
    absent = [c for c in compositions if c not in there]
    if absent:
        raise ValueError(f"composition {', '.join(absent)} is not in the database; it holds {there}")
    random, parts = np.random.default_rng(seed), []
    for place, composition in enumerate(compositions):
        for bond_type in sorted(source.bonds.type.unique()):
            rows = source.bonds[(source.bonds.composition == composition) & (source.bonds.type == bond_type)]
            chosen = random.permutation(len(rows))[:bonds_per_type]
            parts.append(rows.iloc[chosen].assign(source=place))
    drawn = {"drawn_from": source.facts.get("database_id"), "bonds_per_type": bonds_per_type, "seed": seed}
    bonds = pd.concat(parts, ignore_index=True)
    return Database(bonds, source.arrays, source.clusters.iloc[:0], source.facts | drawn, source.work)


def export(folder: Path, database: Database, work: WorkDir, cutoff: float) -> list[Path]:
    """Write a database in the published formats.

    Parameters
    ----------
    folder : Path
        Gets ``<A>-<B>.bnd`` for each type (kept bonds only) and ``<El>.xyz`` for each kind of central atom.
        The files of a mixed database hold all that was drawn, carry its name, have the composition's place
        as first column, and an ``.info`` beside them.
    database : Database
        What is written.
    work : WorkDir
        Where the cells are.
    cutoff : float
        Distance of a cluster's atoms from its centre, Å.

    Returns
    -------
    list of Path
        The files.
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
        reference.write_clusters(folder / f"{element}.xyz", _frames(rows, work, cutoff))
        files.append(folder / f"{element}.xyz")
    return files


def _frames(clusters: pd.DataFrame, work: WorkDir, cutoff: float) -> Iterator[Atoms]:
    """Central atom first, then its neighbours where they really are, outside the cell if need be."""
    for key, rows in clusters.groupby(KEY, sort=False):
        atoms = cells.read(work.cell(*key))
        table = neighbours(atoms, cutoff).sort_values("i", kind="stable")
        j, shifts = table.j.to_numpy(), table[BOND[2:]].to_numpy()
        ends = np.searchsorted(table.i, np.arange(len(atoms) + 1))
        for c in rows.itertuples():
            near = slice(ends[c.centre], ends[c.centre + 1])
            frame = atoms[[c.centre, *j[near]]]
            frame.positions[1:] += shifts[near] @ atoms.cell.array
            frame.info = {
                "ID_RUN": key[1],
                "SUB_STEP": key[2],
                "ID_CENTRAL_ATOM": c.centre + 1,
                "SUM_ICOHP": -c.sum_icohp,
            }
            yield frame
