"""The published data's own formats: tree, .bnd, .info, cluster .xyz, ledgers and .vec descriptors.

Atoms count from 1 and −ICOHP is positive for a bond in these files; our tables count from 0 and hold ICOHP.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.record import atomic_write
from getl_utils.files import xyz
from getl_utils.files.vec import read_vec as read_vec


def sub_run_folders(root: str | Path, composition: str) -> dict[tuple[int, int], Path]:
    """Find the folders of all sub-runs of a composition, however the tree is split.

    The published layout is ``…/<NC>/c/md/lammps/<atoms>/<ID_RUN>/<…>/<SUB_RUN>/``.

    Parameters
    ----------
    root : str or Path
        Folder of a published tree.
    composition : str
        Nominal composition, the name of a folder.

    Returns
    -------
    dict
        (run, sub-run) to folder.

    Raises
    ------
    FileNotFoundError
        `root` is no folder.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileNotFoundError(
            f"{root.resolve()}: no such folder; give the root of a published tree in `reference_roots`"
        )
    folders = (p for p in root.glob(f"**/{composition}/c/md/lammps/*/*/*/*") if p.is_dir())
    numbered = (p for p in folders if p.name.isdigit() and p.parents[1].name.isdigit())
    return {(int(p.parents[1].name), int(p.name)): p for p in sorted(numbered)}


def write_bnd(path: str | Path, bonds: pd.DataFrame, extra: str | None = None) -> None:
    """Write bonds as rows of ``run sub_run A B distance −ICOHP``.

    Parameters
    ----------
    path : str or Path
        File to write.
    bonds : DataFrame
        Columns run, sub_run, i, j, distance (Å), icohp (eV) and, if named, `extra`.
    extra : str, optional
        Column of integers to write first.
    """
    columns = [*([extra] if extra else []), "run", "sub_run"]
    numbers = bonds[columns].to_numpy(int)
    rows = zip(numbers, bonds.i + 1, bonds.j + 1, bonds.distance, -bonds.icohp, strict=True)
    text = "".join(f"{' '.join(map(str, n))} {i} {j} {d:f} {e:f}\n" for n, i, j, d, e in rows)
    with atomic_write(path) as temporary:
        temporary.write_text(text)


def read_bnd(path: str | Path) -> pd.DataFrame:
    """Read a ``.bnd`` with six columns, or with seven (mixed database).

    Parameters
    ----------
    path : str or Path
        File to read.

    Returns
    -------
    DataFrame
        run, sub_run, i, j (0-based), distance (Å), icohp (eV, negative = bonding); with seven columns
        `source` first, the composition's place in the list of the database.

    Raises
    ------
    ValueError
        A row has another number of columns, or a word that is no finite number.
    """
    names = ["run", "sub_run", "i", "j", "distance", "icohp"]
    rows = [line.split() for line in Path(path).read_text(errors="replace").splitlines() if line.strip()]
    widths = {len(row) for row in rows}
    if not rows or len(widths) > 1 or not widths <= {6, 7}:
        raise ValueError(f"{path}: expected rows of 6 or 7 columns, found {sorted(widths) or 'none'}")
    names = ["source", *names] if widths == {7} else names
    try:
        table = pd.DataFrame(rows, columns=names).astype(
            {c: float if c in ("distance", "icohp") else int for c in names}
        )
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: a column is not a number ({error})") from None
    if not np.isfinite(table[["distance", "icohp"]].to_numpy()).all():
        raise ValueError(f"{path}: a distance or an ICOHP is not finite")
    table[["i", "j"]] -= 1
    table["icohp"] *= -1
    return table


def write_database_info(path: str | Path, name: str, bond_type: str, counts: Mapping[str, int]) -> None:
    """Write a mixed database's ``.info``: ``DB8 Zr-Cu``, then a line ``NC n`` for each composition.

    Parameters
    ----------
    path : str or Path
        File to write.
    name : str
        Name of the database.
    bond_type : str
        Bond type.
    counts : mapping of str to int
        Number of bonds of each composition.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(f"{name} {bond_type}\n" + "".join(f"{nc} {n}\n" for nc, n in counts.items()))


def read_database_info(path: str | Path) -> tuple[str, str, dict[str, int]]:
    """Read a mixed database's ``.info``: its name, its bond type, and bonds of each composition.

    Parameters
    ----------
    path : str or Path
        File to read.

    Raises
    ------
    ValueError
        The file is not of this format.
    """
    head, *rows = [line.split() for line in Path(path).read_text(errors="replace").splitlines()] or [[]]
    rows = [row for row in rows if row]
    if len(head) != 2 or any(len(row) != 2 or not row[1].isdecimal() or len(row[1]) > 9 for row in rows):
        raise ValueError(f"{path}: expected `<database> <A>-<B>` and then `<composition> <number>` lines")
    return head[0], head[1], {nc: int(n) for nc, n in rows}


def write_ledger(path: str | Path, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write ``ND.info`` (run, sub_run, status code) or ``DUB.info`` (run, sub_run, text), one row a line.

    Parameters
    ----------
    path : str or Path
        File to write.
    rows : iterable of tuple
        Rows.
    """
    with atomic_write(path) as temporary:
        temporary.write_text("".join(" ".join(map(str, row)) + "\n" for row in rows))


def write_clusters(path: str | Path, clusters: Iterable[Atoms]) -> None:
    """Write clusters, the central atom first.

    The comment line holds ``ID_RUN SUB_STEP ID_CENTRAL_ATOM SUM_ICOHP``, taken from `info`.

    Parameters
    ----------
    path : str or Path
        File to write.
    clusters : iterable of Atoms
        Clusters; positions and cell in Å.
    """
    with atomic_write(path) as temporary, open(temporary, "w") as out:
        for atoms in clusters:
            flat = "  ".join(" ".join(f"{x:10.6f}" for x in vector) for vector in atoms.cell.array)
            keys = " ".join(f"{k}={atoms.info[k]:d}" for k in ("ID_RUN", "SUB_STEP", "ID_CENTRAL_ATOM"))
            tail = (
                f'Properties=species:S:1:pos:R:3 pbc="T T T" {keys} SUM_ICOHP={atoms.info["SUM_ICOHP"]:.6f}'
            )
            out.write(f'{len(atoms)}\nLattice="{flat}" {tail}\n')
            for symbol, (x, y, z) in zip(atoms.symbols, atoms.positions, strict=True):
                out.write(f"{symbol:<2} {x:10.6f} {y:10.6f} {z:10.6f}\n")


def read_clusters(path: str | Path) -> list[Atoms]:
    """Read a per-cluster ``.xyz``.

    Parameters
    ----------
    path : str or Path
        File to read.

    Raises
    ------
    ValueError
        A cluster is damaged.
    """
    found = []
    for one in xyz.read_frames(path):
        if isinstance(one, ValueError):
            raise one
        found.append(one)
    return found
