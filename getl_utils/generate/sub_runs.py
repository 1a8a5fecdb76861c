"""The deformed copies of a quenched cell (sub-runs): the fractional coordinates stay, the cell changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.neighbours import neighbour_table
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir

AXES = "xyz"


def deformation(sub_run: int, sizes: Mapping[str, float]) -> np.ndarray:
    """The matrix D of a sub-run; its cell is D·diag(a, b, c) for a quenched cell with the edges a, b, c.

    Sub-run 0 is the quenched cell; 1–6 add `shear` to one off-diagonal element (xy, xz, yx, yz, zx, zy); 7,
    9, 11 stretch x, y, z by `tension`, 8, 10, 12 shrink them by `compression`; 13 dilates and 14 contracts
    all three (Phys. Rev. Materials 4, 113603).

    Parameters
    ----------
    sub_run : int
        Number of the sub-run, 0–14.
    sizes : mapping
        `shear`, `tension`, `compression`, `dilation` and `contraction`, as fractions.

    Returns
    -------
    ndarray
        (3, 3), without unit.

    Raises
    ------
    ValueError
        Not one of 0–14.

    Examples
    --------
    >>> deformation(8, {"compression": 0.20}).diagonal()
    array([0.8, 1. , 1. ])
    """
    matrix = np.eye(3)
    if 1 <= sub_run <= 6:
        row, column = list(permutations(range(3), 2))[sub_run - 1]
        matrix[row, column] = sizes["shear"]
    elif 7 <= sub_run <= 12:
        axis, shrink = divmod(sub_run - 7, 2)
        matrix[axis, axis] += -sizes["compression"] if shrink else sizes["tension"]
    elif sub_run in (13, 14):
        matrix *= 1 + (sizes["dilation"] if sub_run == 13 else -sizes["contraction"])
    elif sub_run != 0:
        raise ValueError(
            f"sub_run {sub_run} is not one of 0–14: 0 as quenched, 1–6 sheared, 7–14 stretched or shrunk"
        )
    return matrix


def deform(atoms: Atoms, sub_run: int, sizes: Mapping[str, float]) -> Atoms:
    """A copy of a cell, deformed, with the same fractional coordinates.

    Parameters
    ----------
    atoms : Atoms
        The quenched cell, Å.
    sub_run : int
        Number of the sub-run, 0–14.
    sizes : mapping
        As for `deformation`.

    Returns
    -------
    Atoms
        The deformed cell, Å.

    Raises
    ------
    ValueError
        The cell is not orthogonal, as a quenched cell is, or the sub-run is unknown.
    """
    edges = atoms.cell.array
    if not np.allclose(edges, np.diag(edges.diagonal()), atol=1e-6):
        raise ValueError(
            "the sub-runs are defined for an orthogonal cell; this one has off-diagonal elements"
        )
    deformed = atoms.copy()
    deformed.set_cell(deformation(sub_run, sizes) @ edges, scale_atoms=True)
    return deformed


def describe(sub_run: int, sizes: Mapping[str, float]) -> str:
    """Say what was done to a sub-run's cell.

    Parameters
    ----------
    sub_run : int
        Number of the sub-run, 0–14.
    sizes : mapping
        As for `deformation`.

    Returns
    -------
    str
        The deformation in words.

    Examples
    --------
    >>> describe(7, {"tension": 0.02})
    'x +2 %'
    """
    if sub_run == 0:
        return "as quenched"
    if sub_run <= 6:
        row, column = list(permutations(AXES, 2))[sub_run - 1]
        return f"shear {row}{column} {sizes['shear']:g}"
    if sub_run <= 12:
        axis, shrink = divmod(sub_run - 7, 2)
        return (
            f"{AXES[axis]} {'−' if shrink else '+'}{_percent(sizes['compression' if shrink else 'tension'])}"
        )
    grows = sub_run == 13
    return f"volume: edges {'+' if grows else '−'}{_percent(sizes['dilation' if grows else 'contraction'])}"


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %"


def family(sub_run: int) -> str:
    """Name the kind of deformation.

    Parameters
    ----------
    sub_run : int
        Number of the sub-run, 0–14.

    Returns
    -------
    str
        ``as quenched``, ``sheared``, ``one axis`` or ``volume``.

    Examples
    --------
    >>> [family(n) for n in (0, 3, 9, 14)]
    ['as quenched', 'sheared', 'one axis', 'volume']
    """
    return ("as quenched", "sheared", "one axis", "volume")[(sub_run > 0) + (sub_run > 6) + (sub_run > 12)]


def write_sub_runs(
    work: WorkDir,
    quenched: Atoms,
    composition: str,
    run: int,
    sub_runs: Sequence[int],
    sizes: Mapping[str, float],
) -> None:
    """Write the deformed copies of one quenched cell that are not there yet.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    quenched : Atoms
        The quenched cell, Å.
    composition : str
        Its nominal composition.
    run : int
        Number of its quench.
    sub_runs : sequence of int
        Which copies to write, 0–14.
    sizes : mapping
        As for `deformation`.
    """
    record = work.quench(composition, run) / "quench.json"
    run_id = (
        read_json(record).get("run_id", "") if record.exists() else ""
    )  # a record of version 0.1 has none
    for sub_run in sub_runs:
        key = cells.CellKey(composition, run, sub_run)
        path = work.cell(*key)
        atoms = deform(quenched, sub_run, sizes)
        atoms.info["deformation"] = describe(sub_run, sizes)
        if not path.exists():
            cells.write(path, atoms, key, run_id)


def survey(work: WorkDir, cell_keys: Sequence[cells.CellKey], sizes: Mapping[str, float]) -> pd.DataFrame:
    """Say what was done to each cell.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    cell_keys : sequence of CellKey
        Which cells.
    sizes : mapping
        As for `deformation`.

    Returns
    -------
    DataFrame
        One row per cell: what was done, volume (Å³) and shortest distance (Å).
    """
    rows = [
        {
            "sub-run": key.sub_run,
            "cell": describe(key.sub_run, sizes),
            "volume (Å³)": round(atoms.cell.volume, 1),
            "shortest distance (Å)": round(neighbour_table(atoms, 4.0).distance.min(), 2),
        }
        for key, atoms in cells.each(work, cell_keys)
    ]
    return pd.DataFrame(rows).set_index("sub-run")
