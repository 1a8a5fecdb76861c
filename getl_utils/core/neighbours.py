"""Neighbours: every pair of atoms within a distance; impossible structures are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import covalent_radii
from matscipy.neighbours import neighbour_list

from getl_utils.core.bonds import BOND, canonical


def check_finite(atoms: Atoms) -> None:
    """Refuse a structure whose numbers cannot be.

    Parameters
    ----------
    atoms : Atoms
        The structure.

    Raises
    ------
    ValueError
        A position or the cell is not finite, or a periodic cell has no volume.
    """
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise ValueError("positions or cell hold NaN or infinity: the structure file is damaged")
    if atoms.pbc.any() and abs(atoms.cell.volume) < 1e-6:
        raise ValueError("the cell is periodic but has no volume: the structure file lacks its lattice")


def neighbour_arrays(atoms: Atoms, cutoff: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Find every neighbour of every atom, as arrays sorted by i only.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    cutoff : float
        Largest distance, Å.

    Returns
    -------
    tuple of ndarray
        i (n,), j (n,), translations T (n, 3), distances (n,) in Å.
    """
    check_finite(atoms)
    if atoms.cell.rank < 3 and not atoms.pbc.any():  # a molecule
        atoms = Atoms(atoms.numbers, atoms.positions, cell=np.ptp(atoms.positions, axis=0) + 1.0)
    return neighbour_list("ijSd", atoms, float(cutoff))


def neighbours(atoms: Atoms, cutoff: float) -> pd.DataFrame:
    """Find every neighbour of every atom, in both directions.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    cutoff : float
        Largest distance, Å.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, distance (Å), sorted by the first five.

    Raises
    ------
    ValueError
        A position or the cell is not finite, or the cell has no volume.
    """
    i, j, shift, distance = neighbour_arrays(atoms, cutoff)
    table = pd.DataFrame(
        {"i": i, "j": j, "tx": shift[:, 0], "ty": shift[:, 1], "tz": shift[:, 2], "distance": distance}
    )
    return table.sort_values(BOND, ignore_index=True)


def neighbour_table(atoms: Atoms, cutoff: float, minimum_distance: float = 0.0) -> pd.DataFrame:
    """Find every bond once: i < j, or i = j and T > 0 in lexical order.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    cutoff : float
        Largest distance, Å.
    minimum_distance : float
        Smallest distance, Å.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, distance (Å), sorted by the first five.

    Examples
    --------
    >>> from ase.build import bulk
    >>> len(neighbour_table(bulk("Cu", cubic=True), 2.6))  # fcc: 4 atoms × 12 neighbours / 2
    24
    """
    table = neighbours(atoms, cutoff)
    *_, turned = canonical(table.i, table.j, table[BOND[2:]])
    return table[~turned & (table.distance >= minimum_distance)].reset_index(drop=True)


def check_structure(
    atoms: Atoms, thickness: float = 0.0, closest: float = 0.5, where: str = "structure"
) -> None:
    """Refuse a structure that no engine or model should see.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    thickness : float
        Least perpendicular height of the cell, Å; twice a cutoff: a pair has one image within it.
    closest : float
        Smallest allowed distance, as a fraction of the sum of the covalent radii.
    where : str
        What the structure is called in messages.

    Raises
    ------
    ValueError
        Says which atoms or which height, and what to do.
    """
    try:
        check_finite(atoms)
    except ValueError as error:
        raise ValueError(f"{where}: {error}") from None
    if thickness:
        _check_thickness(atoms, thickness, where)
    _check_closest(atoms, closest, where)


def _check_thickness(atoms: Atoms, thickness: float, where: str) -> None:
    heights = atoms.cell.volume / np.linalg.norm(
        np.cross(atoms.cell[[1, 2, 0]], atoms.cell[[2, 0, 1]]), axis=1
    )
    if heights.min() < thickness:
        raise ValueError(
            f"{where}: the cell is {heights.min():.2f} Å thick, less than twice the cutoff ({thickness} Å); "
            "take more atoms or a smaller cutoff"
        )


def _check_closest(atoms: Atoms, closest: float, where: str) -> None:
    radii = covalent_radii[atoms.numbers]
    table = neighbour_table(atoms, 2 * closest * radii.max())
    ratio = table.distance / (radii[table.i] + radii[table.j])
    if len(table) and ratio.min() < closest:
        bond = table.loc[ratio.idxmin()]
        raise ValueError(
            f"{where}: atoms {bond.i + 1:.0f} and {bond.j + 1:.0f} are {bond.distance:.3f} Å apart, closer "
            "than physics allows; look at the structure or quench it again"
        )
