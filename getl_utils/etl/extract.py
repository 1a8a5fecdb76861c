"""From the files of sub-runs to the bond table, the clusters, and the lists of what could not be used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, COLUMNS, IDS, KEY, place, turn
from getl_utils.core.cells import CellKey
from getl_utils.core.neighbours import neighbours
from getl_utils.core.progress import each
from getl_utils.core.record import (
    atomic_write,
    checksums,
    code_version,
    content_hash,
    now,
    read_json,
    write_csv,
    write_json,
)
from getl_utils.core.workdir import WorkDir
from getl_utils.files import lobsterin
from getl_utils.files import published as reference
from getl_utils.labels.status import ICOHPLIST, RECORD, Status, judge, projection_of

CLUSTER_COLUMNS = [*KEY, "centre", "element", "n_bonds", "sum_icohp", "kept", "missing", *IDS]


class SubRun(NamedTuple):
    """What was extracted: status, bonds and clusters; empty tables where a sub-run is not usable."""

    status: dict[str, Any]
    bonds: pd.DataFrame
    clusters: pd.DataFrame


def match_clusters(labels: pd.DataFrame, neighbour_rows: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Find the labelled bonds of kept clusters, and what became of every cluster.

    A cluster (an atom and its neighbours) is kept only if every one of its bonds has a label. A bond comes
    from the cluster of its lower-numbered atom. If that one is dropped the bond is lost, as in every
    published row.

    Parameters
    ----------
    labels : DataFrame
        i, j, tx, ty, tz, icohp (eV), every bond in one direction.
    neighbour_rows : DataFrame
        i, j, tx, ty, tz, both directions.

    Returns
    -------
    tuple
        Which labels are of kept clusters, (n_labels,) bool, and a table with a row per cluster: centre,
        n_bonds, sum_icohp (eV), kept, missing.
    """
    rows = neighbour_rows[BOND].assign(bond=pd.MultiIndex.from_frame(turn(neighbour_rows[BOND])))
    icohp = pd.Series(labels.icohp.to_numpy(), index=pd.MultiIndex.from_frame(labels[BOND]))
    rows["icohp"] = icohp.reindex(pd.MultiIndex.from_tuples(rows.bond)).to_numpy() if len(rows) else []
    lost = rows[rows.icohp.isna()].groupby("i").j.apply(lambda j: " ".join(str(n + 1) for n in j))
    clusters = (
        rows.groupby("i").agg(n_bonds=("j", "size"), sum_icohp=("icohp", "sum")).reset_index(names="centre")
    )
    clusters["missing"] = clusters.centre.map(lost).fillna("")
    clusters["kept"] = clusters.missing == ""
    bonds = rows.bond[rows.i.isin(clusters.centre[clusters.kept]) & (rows.i <= rows.j)]
    return icohp.index.isin(pd.Index(bonds)), clusters


def sub_run(key: CellKey, atoms: Atoms | None, folder: Path, cutoff: float, projection: str = "") -> SubRun:
    """Extract one sub-run from its folder (ours, or one with the files of pw.x and LOBSTER).

    Parameters
    ----------
    key : CellKey
        The sub-run.
    atoms : Atoms or None
        Its cell; None where there is none.
    folder : Path
        Folder of its label.
    cutoff : float
        Å, of the clusters. In a published folder its ``lobsterin-quippy`` lists the neighbours.
    projection : str
        "full" or "lobster": take the values of this projection instead of the label's own.

    Returns
    -------
    SubRun
        Status row, bonds and clusters.
    """
    verdict = judge(folder)
    status = {**key._asdict(), **_named(verdict.status, verdict.reason)}
    empty = SubRun(status, pd.DataFrame(columns=[*COLUMNS, "kept"]), pd.DataFrame(columns=CLUSTER_COLUMNS))
    if not verdict.status.usable or atoms is None:
        return empty
    try:
        origin = _origin(folder)
        labels = place(verdict.labels, atoms) if verdict.printed else verdict.labels
        labels, origin["projection"] = _projected(labels, projection, origin["projection"])
        kept, clusters = match_clusters(labels, _neighbours(folder, atoms, cutoff))
    except ValueError as error:
        return empty._replace(status=status | _named(Status.NO_ICOHP, str(error)))
    symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
    origin |= {name: atoms.info.get(name, "") for name in ("run_id", "cell_id")}
    elements = {"element_i": symbols[labels.i], "element_j": symbols[labels.j]}
    bonds = labels.assign(**key._asdict(), **origin, **elements, kept=kept)
    ids = {name: origin[name] for name in IDS}
    clusters = clusters.assign(**key._asdict(), **ids, element=symbols[clusters.centre])
    status |= {"n_bonds": len(bonds), "n_kept": int(kept.sum()), **origin}
    return SubRun(status, bonds[[*COLUMNS, "kept"]], clusters[CLUSTER_COLUMNS])


def _named(status: Status, reason: str) -> dict[str, Any]:
    return {"status": int(status), "name": status.name, "reason": reason}


def _neighbours(folder: Path, atoms: Atoms, cutoff: float) -> pd.DataFrame:
    """Neighbours within the cutoff; in a published folder those that are listed there."""
    listed = folder / "lobsterin-quippy"
    ours = any((folder / name).exists() for name in (RECORD, "lobster.json"))
    return (
        lobsterin.read_lobsterin_quippy(listed) if listed.exists() and not ours else neighbours(atoms, cutoff)
    )


def _projected(labels: pd.DataFrame, asked: str, own: str) -> tuple[pd.DataFrame, str]:
    """The labels with icohp of the projection asked for, and its name."""
    if not asked or asked == own:
        return labels, own
    if f"icohp_{asked}" not in labels:
        raise ValueError(f"the label has projection {own} only, not {asked}; label this cell again")
    return labels.assign(icohp=labels[f"icohp_{asked}"]), asked


def _origin(folder: Path) -> dict[str, Any]:
    if (folder / RECORD).exists():
        record = read_json(folder / RECORD)
        known = {name: record[name] for name in ("engine", "label_id")}
        return known | {"projection": projection_of(record), "largest_force": record.get("largest_force")}
    return {"engine": "lobster", "label_id": content_hash(folder / ICOHPLIST), "projection": "lobster"}


def folders(work: WorkDir, cell_keys: Sequence[CellKey], roots: Iterable[Path]) -> dict[CellKey, Path]:
    """Find where the files of each sub-run lie.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    cell_keys : sequence of CellKey
        The sub-runs.
    roots : iterable of Path
        Published trees and data sets in our layout; what is there goes before the work directory.

    Returns
    -------
    dict
        Sub-run → its folder.
    """
    found = {key: work.label(*key) for key in cell_keys}
    for root in roots:
        ours = WorkDir(root)
        found |= {key: ours.label(*key) for key in cell_keys if ours.label(*key).is_dir()}
        for composition in {key.composition for key in cell_keys}:
            for (run, number), path in reference.sub_run_folders(root, composition).items():
                found[CellKey(composition, run, number)] = path
    return {key: found[key] for key in cell_keys}


def import_cells(work: WorkDir, places: dict[CellKey, Path], roots: Sequence[Path] = ()) -> None:
    """Copy published cells into a work directory, so that later stages read one form only.

    Parameters
    ----------
    work : WorkDir
        The work directory. Cells that it has stay.
    places : dict
        Sub-run → its folder, which may hold ``<composition>.xyz``.
    roots : sequence of Path
        Data sets in our layout.
    """
    import ase.io  # takes half a second: only where it is used

    for key, folder in places.items():
        if work.cell(*key).exists():
            continue
        published = folder / f"{key.composition}.xyz"
        if published.exists():
            cells.write(work.cell(*key), ase.io.read(published, format="extxyz"), key)
        for ours in (WorkDir(root).cell(*key) for root in roots):
            if ours.exists():
                with atomic_write(work.cell(*key)) as temporary:
                    temporary.write_bytes(ours.read_bytes())


def extract(
    work: WorkDir,
    cell_keys: Sequence[CellKey],
    roots: Sequence[Path],
    cutoff: float,
    progress: bool = False,
    projection: str = "",
) -> SubRun:
    """Extract every sub-run. Published cells are copied into `work` first.

    Parameters
    ----------
    work : WorkDir
        Where cells and labels are, and where published cells are copied to.
    cell_keys : sequence of CellKey
        The sub-runs.
    roots : sequence of Path
        Published trees and data sets, see `folders`.
    cutoff : float
        Å, see `sub_run`.
    progress : bool
        Show a line of progress.
    projection : str
        See `sub_run`.

    Returns
    -------
    SubRun
        Three tables with the rows of all sub-runs.
    """
    places = folders(work, cell_keys, roots)
    if roots:
        import_cells(work, places, roots)
    parts = []
    for key in each(cell_keys, "extraction", "cells", progress):
        path = work.cell(*key)
        atoms = cells.read(path) if path.exists() else None
        parts.append(sub_run(key, atoms, places[key], cutoff, projection))
    status = pd.DataFrame([part.status for part in parts])
    bonds, clusters = (
        pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
        for tables in ([part.bonds for part in parts], [part.clusters for part in parts])
    )
    return SubRun(status, bonds, clusters)


def write(work: WorkDir, result: SubRun) -> None:
    """Write the tables of all sub-runs, and last their record ``bonds.json``.

    Parameters
    ----------
    work : WorkDir
        Gets ``status.csv``, ``ND.info``, ``DUB.info``, ``clusters.parquet`` and ``bonds.parquet``.
    result : SubRun
        What `extract` returned.
    """
    status, record = result.status, work.bonds.with_suffix(".json")
    record.unlink(missing_ok=True)
    write_csv(work.statuses, status)
    unusable = status[~status.status.isin([s for s in Status if s.usable])]
    reference.write_ledger(
        work.path / "ND.info", unusable[["run", "sub_run", "status"]].itertuples(index=False)
    )
    dropped = {
        CellKey(*key)
        for key in result.clusters.loc[result.clusters.missing != "", KEY].itertuples(index=False)
    }
    symbols = {key: atoms.get_chemical_symbols() for key, atoms in cells.each(work, sorted(dropped))}
    reference.write_ledger(work.path / "DUB.info", unmatched_rows(result.clusters, symbols))
    for name, table in (("clusters", result.clusters), ("bonds", result.bonds)):
        with atomic_write(work.path / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False)
    names = ("ND.info", "DUB.info", "clusters.parquet", "bonds.parquet")
    sums = checksums(work.path, [work.statuses, *(work.path / name for name in names)])
    write_json(record, {"bonds": len(result.bonds), "code": code_version(), "time": now(), "sha256": sums})


def unmatched_rows(clusters: pd.DataFrame, symbols: dict[CellKey, list[str]]) -> list[tuple[int, int, str]]:
    """Return the rows of ``DUB.info``: ``run sub_run KNF: Cu95-Cu94, …``, one for each dropped cluster.

    Parameters
    ----------
    clusters : DataFrame
        See `match_clusters`.
    symbols : dict
        Sub-run → element of each atom.

    Returns
    -------
    list of (int, int, str)
        The rows.
    """
    rows = []
    for c in clusters[~clusters.kept.astype(bool)].itertuples():
        names = symbols[CellKey(c.composition, c.run, c.sub_run)]
        pairs = [f"{c.element}{c.centre + 1}-{names[int(n) - 1]}{n}" for n in c.missing.split()]
        rows.append((c.run, c.sub_run, "KNF: " + ", ".join(pairs)))
    return rows
