"""Published databases as ours: bonds from ``.bnd``, SOAP vectors from the clusters beside them.

A published database has no cells. Its clusters (``<El>.xyz``: an atom and its neighbours) are enough for
SOAP, since nothing beyond the cutoff counts. They are not enough for the default model, which sees farther.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import bond_types
from getl_utils.core.record import content_hash
from getl_utils.etl.database import Database
from getl_utils.etl.soap import Soap
from getl_utils.files import published as reference

BONDS, CLUSTERS = "-PBSSDB", "-PCSSDB"  # what follows the composition in the names of published folders
AT_ONCE = 512  # clusters in memory as one structure
ATOM = ["composition", "run", "sub_run", "atom"]


def gather(
    folder: Path, soap: Soap, clusters: Sequence[Path] = (), most: int | None = None, seed: int = 0
) -> Database:
    """Read a published database and describe its bonds.

    Parameters
    ----------
    folder : Path
        Has ``<A>-<B>.bnd``, or, of a mixed database, ``<name>_<A>-<B>.bnd`` and ``.info``.
    soap : Soap
        How atoms are described; its elements name the bond types.
    clusters : sequence of Path
        Folders called ``<composition>-PCSSDB`` with ``<El>.xyz``. Those beside `folder` need not be named.
    most : int, optional
        Bonds of each type, at most, drawn at random; by default all.
    seed : int
        Of the draw.

    Returns
    -------
    Database
        Without clusters and with SOAP only. ``facts["counts"]`` has, for each type, the bonds that are there
        and those with a cluster around both atoms, which alone are used. The files do not say translations:
        `tx` numbers the bonds of one pair of atoms.

    Raises
    ------
    FileNotFoundError
        There is no ``.bnd`` of these elements.
    ValueError
        A file is damaged, a mixed database lacks its ``.info``, or no bond has both clusters.
    """
    tables = _tables(folder, list(soap.elements))
    places = [*clusters, *sorted(folder.parent.glob(f"*{CLUSTERS}"))]
    found = _clusters(places, {c for table in tables.values() for c in table.composition})
    known = pd.MultiIndex.from_tuples(found, names=ATOM)
    parts, counts, random = [], [], np.random.default_rng(seed)
    for name, table in tables.items():
        whole = table[_has(table, "i", known) & _has(table, "j", known)]
        counts.append({"type": name, "bonds": len(table), "described": len(whole)})
        parts.append(whole.iloc[np.sort(random.permutation(len(whole))[:most])])
    bonds = pd.concat(parts, ignore_index=True)
    if not len(bonds):
        names = ", ".join(f"{e}.xyz" for e in soap.elements)
        raise ValueError(f"{folder}: no bond has a cluster around both atoms; {names} belong into {CLUSTERS}")
    return _described(folder, bonds, found, soap, counts)


def _tables(folder: Path, elements: list[str]) -> dict[str, pd.DataFrame]:
    """Bond type → all its bonds."""
    found: dict[str, pd.DataFrame] = {}
    for name in bond_types(elements):
        for path in sorted([*folder.glob(f"{name}.bnd"), *folder.glob(f"*_{name}.bnd")])[:1]:
            table = reference.read_bnd(path)
            table["composition"] = _composition(path, table)
            pairs = table.groupby(["composition", "run", "sub_run", "i", "j"])
            found[name] = table.assign(type=name, tx=pairs.cumcount(), ty=0, tz=0)
    if not found:
        raise FileNotFoundError(f"{folder} holds no .bnd of {', '.join(bond_types(elements))}")
    return found


def _composition(path: Path, table: pd.DataFrame) -> np.ndarray | str:
    """Composition of each bond: of the folder's name, or the one that its first column numbers."""
    if "source" not in table:
        return path.parent.name.removesuffix(BONDS)
    info = path.with_suffix(".info")
    if not info.exists():
        raise ValueError(f"{info} is not there: it says which compositions the first column of {path} means")
    names = np.array(list(reference.read_database_info(info)[2]))
    if table.source.min() < 0 or table.source.max() >= len(names):
        raise ValueError(f"{path}: the first column goes beyond the {len(names)} compositions of {info}")
    return names[table.source]


def _clusters(folders: Sequence[Path], compositions: set[str]) -> dict[tuple, Atoms]:
    """(composition, run, sub-run, atom) → its cluster, the atom first."""
    found = {}
    for folder in folders:
        composition = folder.name.removesuffix(CLUSTERS)
        for path in sorted(folder.glob("*.xyz")) if composition in compositions else ():
            for one in reference.read_clusters(path):
                numbers = (int(one.info[k]) for k in ("ID_RUN", "SUB_STEP", "ID_CENTRAL_ATOM"))
                run, sub_run, atom = numbers
                found[composition, run, sub_run, atom - 1] = one
    return found


def _has(table: pd.DataFrame, end: str, known: pd.MultiIndex) -> np.ndarray:
    return _atoms(table, end).isin(known)


def _atoms(table: pd.DataFrame, end: str) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[[*ATOM[:3], end]], names=ATOM)


def _described(
    folder: Path, bonds: pd.DataFrame, found: dict[tuple, Atoms], soap: Soap, counts: list[dict]
) -> Database:
    ends = {f"row_{end}": _atoms(bonds, end) for end in ("i", "j")}
    used = ends["row_i"].union(ends["row_j"]).unique()
    vectors = np.concatenate(
        [
            describe([found[key] for key in used[first : first + AT_ONCE]], soap)
            for first in range(0, len(used), AT_ONCE)
        ]
    )
    bonds = bonds.assign(**{column: used.get_indexer(atoms) for column, atoms in ends.items()})
    facts = {"engine": "lobster", "elements": list(soap.elements), "descriptors": {"soap": soap.to_dict()}}
    facts |= {"name": folder.name, "counts": counts}
    facts["database_id"] = content_hash(bonds.to_csv(index=False), soap.to_dict())
    return Database(bonds, {"soap": vectors}, pd.DataFrame(), facts)


def describe(clusters: Sequence[Atoms], soap: Soap) -> np.ndarray:
    """SOAP vectors of the central atoms of clusters.

    The clusters are put side by side, too far apart to see each other, and described as one structure.

    Parameters
    ----------
    clusters : sequence of Atoms
        Of each the first atom is the centre; the others are where they really are.
    soap : Soap
        How atoms are described.

    Returns
    -------
    (n, soap.size)
        One vector for each cluster.
    """
    side = int(np.ceil(len(clusters) ** (1 / 3)))
    size = max((np.ptp(one.positions, axis=0).max() for one in clusters), default=0.0) + 2 * soap.cutoff
    places = size * np.array(list(np.ndindex(side, side, side))[: len(clusters)], float)
    moved = [
        (one.numbers, one.positions - one.positions[0] + place)
        for one, place in zip(clusters, places, strict=True)
    ]
    numbers = np.concatenate([n[:1] for n, _ in moved] + [n[1:] for n, _ in moved])
    positions = np.concatenate([p[:1] for _, p in moved] + [p[1:] for _, p in moved])
    return soap.compute(Atoms(numbers, positions), 0, len(clusters))
