"""What a structure must be before anything counts its neighbours."""

from __future__ import annotations

import numpy as np
from ase import Atoms

FARTHEST = 1e6  # Å: no coordinate and no length of a cell is larger
THINNEST = 0.5  # Å: the least height of a cell; a thinner one has countless images within a cutoff
EMPTIEST = 1e8, 1e4  # Å^3: a box is at most this large, and this larger for each atom
DENSEST = 20  # atoms in 1 Å^3; a solid has less than one


def check_frame(atoms: Atoms, where: str, isolated: bool = False) -> None:
    """Refuse a structure that is damaged, or whose neighbours would take memory or time without end.

    Parameters
    ----------
    atoms : Atoms
        Positions and cell in Å.
    where : str
        File, and place in it, for messages.
    isolated : bool, default False
        Accept a structure without a lattice, as an isolated cluster.

    Raises
    ------
    ValueError
        Says what is wrong and what to do.

    Examples
    --------
    >>> check_frame(Atoms("Cu"), "a.xyz")
    Traceback (most recent call last):
    ...
    ValueError: a.xyz: no lattice; write the cell into the file, or take it as a cluster with `--isolated`
    """
    if not len(atoms):
        raise ValueError(f"{where}: no atoms")
    if not np.abs(np.concatenate([atoms.positions, atoms.cell.array])).max() <= FARTHEST:  # also of NaN
        raise ValueError(f"{where}: a coordinate is NaN or beyond {FARTHEST:g} Å; the file is damaged")
    if atoms.cell.rank < 3 and not isolated:
        raise ValueError(
            f"{where}: no lattice; write the cell into the file, or take it as a cluster with `--isolated`"
        )
    _check_box(atoms, where)
    _check_density(atoms, where)


def _check_box(atoms: Atoms, where: str) -> None:
    """Refuse a cell that is almost flat or almost empty."""
    if atoms.cell.rank == 3:
        heights = 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
        if not heights.min() >= THINNEST:
            raise ValueError(f"{where}: the cell is only {heights.min():.2g} Å thick; the file is damaged")
        volume = atoms.cell.volume
    else:
        volume = float(np.prod(np.ptp(atoms.positions, axis=0) + 1))
    if volume > EMPTIEST[0] + EMPTIEST[1] * len(atoms):
        raise ValueError(
            f"{where}: {len(atoms)} atoms in {volume:.2g} Å^3; a coordinate is wrong, or cut the empty space"
        )


def _check_density(atoms: Atoms, where: str) -> None:
    """Refuse atoms that lie on one another in great number."""
    positions = atoms.positions
    if atoms.cell.rank == 3:
        scaled = positions @ np.linalg.inv(atoms.cell.array)
        positions = (scaled - np.floor(scaled) * atoms.pbc) @ atoms.cell.array
    x, y, z = np.floor(positions).astype(np.int64).T
    number = np.unique((x * 2**21 + y) * 2**21 + z, return_counts=True)[1].max()
    if number > DENSEST:
        raise ValueError(f"{where}: {number} atoms within 1 Å^3; the file is damaged or in other units")
