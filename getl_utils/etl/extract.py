"""From a sub-run's files to rows of the bond table, its clusters, and the ledgers of what could not be
used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, COLUMNS, IDS, KEY, neighbours, place
from getl_utils.core.cells import CellKey
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
from getl_utils.files import lobster
from getl_utils.files import published as reference
from getl_utils.labels.status import RECORD, Status, judge

CLUSTER_COLUMNS = [*KEY, "centre", "element", "n_bonds", "sum_icohp", "kept", "missing", *IDS]


class SubRun(NamedTuple):
    """What was extracted from one sub-run: status row, bonds, clusters; the tables are empty where it is not
    usable."""

    status: dict[str, Any]
    bonds: pd.DataFrame
    clusters: pd.DataFrame


def _canonical(table: pd.DataFrame) -> pd.MultiIndex:
    """Neighbour rows (both directions) as bonds: i ≤ j, T turned round with them."""
    rows = table[BOND].to_numpy(int).copy()
    back = (rows[:, 0] > rows[:, 1]) | (
        (rows[:, 0] == rows[:, 1]) & (rows[:, 2:] * [9, 3, 1]).sum(1).astype(int).__lt__(0)
    )
    rows[back] = np.column_stack([rows[back, 1], rows[back, 0], -rows[back, 2:]])
    return pd.MultiIndex.from_arrays(rows.T, names=BOND)


def match_clusters(labels: pd.DataFrame, neighbour_rows: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """Which labelled bonds belong to a kept cluster, and what became of every cluster.

    A cluster (an atom and its neighbours) is kept only if every one of its bonds has a label. A bond comes
    from the cluster of its lower-numbered atom: if that one is dropped the bond is lost, as in every
    published row.

    Parameters
    ----------
    labels : i, j, tx, ty, tz, icohp (eV), our convention. neighbour_rows : i, j, tx, ty, tz, both directions.

    Returns
    -------
    (n_labels,) bool array, and a table with a row per cluster: centre, n_bonds, sum_icohp (eV), kept,
    missing.
    """
    rows = neighbour_rows[BOND].assign(bond=_canonical(neighbour_rows))
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


def sub_run(key: CellKey, atoms: Atoms | None, folder: Path, cutoff: float) -> SubRun:
    """Extract one sub-run from its folder (ours, or one with the files of pw.x and LOBSTER).

    Parameters
    ----------
    atoms : its cell; None where there is none. cutoff : Å, of the clusters where no ``lobsterin-quippy``
    lists them.
    """
    verdict = judge(folder)
    status = {
        **key._asdict(),
        "status": int(verdict.status),
        "name": verdict.status.name,
        "reason": verdict.reason,
    }
    empty = SubRun(status, pd.DataFrame(columns=[*COLUMNS, "kept"]), pd.DataFrame(columns=CLUSTER_COLUMNS))
    if not verdict.status.usable or atoms is None:
        return empty
    try:
        labels = place(verdict.labels, atoms)
        listed = folder / "lobsterin-quippy"
        rows = lobster.read_lobsterin_quippy(listed) if listed.exists() else neighbours(atoms, cutoff)
    except ValueError as error:
        return empty._replace(
            status=status | {"status": 5, "name": Status.NO_ICOHP.name, "reason": str(error)}
        )
    kept, clusters = match_clusters(labels, rows)
    symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
    origin = {
        "run_id": atoms.info.get("run_id", ""),
        "cell_id": atoms.info.get("cell_id", ""),
        **_origin(folder),
    }
    bonds = labels.assign(
        **key._asdict(), **origin, kept=kept, element_i=symbols[labels.i], element_j=symbols[labels.j]
    )
    clusters = clusters.assign(
        **key._asdict(), **{name: origin[name] for name in IDS}, element=symbols[clusters.centre]
    )
    status |= {"n_bonds": len(bonds), "n_kept": int(kept.sum()), **origin}
    return SubRun(status, bonds[[*COLUMNS, "kept"]], clusters[CLUSTER_COLUMNS])


def _origin(folder: Path) -> dict[str, str]:
    if (folder / RECORD).exists():
        record = read_json(folder / RECORD)
        return {"engine": record["engine"], "label_id": record["label_id"]}
    return {"engine": "lobster", "label_id": content_hash(folder / "ICOHPLIST.lobster")}


def folders(work: WorkDir, cell_keys: Sequence[CellKey], roots: Iterable[Path]) -> dict[CellKey, Path]:
    """Where each sub-run's files lie: below `roots` (published trees, data sets in our layout) or in
    `work`."""
    found = {key: work.label(*key) for key in cell_keys}
    for root in roots:
        ours = WorkDir(root)
        found |= {key: ours.label(*key) for key in cell_keys if ours.label(*key).is_dir()}
        for composition in {key.composition for key in cell_keys}:
            for (run, number), path in reference.sub_run_folders(root, composition).items():
                found[CellKey(composition, run, number)] = path
    return {key: found[key] for key in cell_keys}


def import_cells(work: WorkDir, places: dict[CellKey, Path], roots: Sequence[Path] = ()) -> None:
    """Copy cells into `work`, published (``<NC>.xyz``) or of a data set, so that later stages read one form
    only."""
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
    work: WorkDir, cell_keys: Sequence[CellKey], roots: Sequence[Path], cutoff: float, progress: bool = False
) -> SubRun:
    """Extract every sub-run; the three tables have the rows of all. Published cells are copied into `work`
    first.

    Parameters
    ----------
    cutoff : Å, see `sub_run`. progress : show a line of it.
    """
    places = folders(work, cell_keys, roots)
    if roots:
        import_cells(work, places, roots)
    parts = []
    for key in each(cell_keys, "extraction", "cells", progress):
        path = work.cell(*key)
        parts.append(sub_run(key, cells.read(path) if path.exists() else None, places[key], cutoff))
    status = pd.DataFrame([part.status for part in parts])
    bonds, clusters = (
        pd.concat([t for t in tables if len(t)] or tables[:1], ignore_index=True)
        for tables in ([part.bonds for part in parts], [part.clusters for part in parts])
    )
    return SubRun(status, bonds, clusters)


def write(work: WorkDir, result: SubRun) -> None:
    """Write ``status.csv``, ``ND.info``, ``DUB.info``, ``clusters.parquet``, ``bonds.parquet``, and last
    ``bonds.json``."""
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
    files = [
        work.statuses,
        *(work.path / name for name in ("ND.info", "DUB.info", "clusters.parquet", "bonds.parquet")),
    ]
    facts = {
        "bonds": len(result.bonds),
        "code": code_version(),
        "time": now(),
        "sha256": checksums(work.path, files),
    }
    write_json(record, facts)


def unmatched_rows(clusters: pd.DataFrame, symbols: dict[CellKey, list[str]]) -> list[tuple[int, int, str]]:
    """Rows of ``DUB.info``: ``run sub_run KNF: Cu95-Cu94, …``, one for each dropped cluster."""
    rows = []
    for c in clusters[~clusters.kept.astype(bool)].itertuples():
        names = symbols[CellKey(c.composition, c.run, c.sub_run)]
        pairs = [f"{c.element}{c.centre + 1}-{names[int(n) - 1]}{n}" for n in c.missing.split()]
        rows.append((c.run, c.sub_run, "KNF: " + ", ".join(pairs)))
    return rows
