"""Atoms sorted into bins of space, so that the surroundings of one atom are found in constant time.

Cells of any shape are allowed: sheared, thinner than the reach, or without periodic images.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms
from numba import njit

# of loops that only other loops call: no way from Python, whose compilation takes longer than theirs
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


class Bins(NamedTuple):
    """The atoms of one cell, sorted by bin.

    Attributes
    ----------
    positions : (n, 3)
        Positions inside the cell in the order of the bins, Å.
    wraps : (n, 3)
        Lattice translation from these positions to the positions given.
    order : (n,)
        The atom in each place.
    species : (n,)
        The number of its element.
    start : (n_bins + 1,)
        First place of each bin.
    shape, periodic : (3,)
        Number of bins along each vector; 1 if the vector is periodic.
    span : (3,)
        Number of bins within reach on either side, along each vector.
    cell : (3, 3)
        Lattice vectors, Å.
    """

    positions: np.ndarray
    wraps: np.ndarray
    order: np.ndarray
    species: np.ndarray
    start: np.ndarray
    shape: np.ndarray
    periodic: np.ndarray
    span: np.ndarray
    cell: np.ndarray


class Near(NamedTuple):
    """Room for the neighbours of one atom.

    Attributes
    ----------
    vectors : (n, 3)
        Vector to each, Å.
    places : (n,) int
        Its place.
    shifts : (n, 3) int
        Its translation.
    species : (n,) int
        Number of its element.
    bonded : (n,) int
        The neighbours to which bonds lead, see `bond_list.list_bonds`.
    sorted : (n,) int
        The neighbours, element by element, see `sort_species`.
    """

    vectors: np.ndarray
    places: np.ndarray
    shifts: np.ndarray
    species: np.ndarray
    bonded: np.ndarray
    sorted: np.ndarray


def sort(atoms: Atoms, species: np.ndarray, reach: float) -> Bins:
    """Sort the atoms of a cell into bins.

    Parameters
    ----------
    atoms : Atoms
        The cell.
    species : (n,)
        Number of the element of each atom.
    reach : float
        Largest distance of a neighbour, Å.

    Returns
    -------
    Bins
        The atoms.

    Raises
    ------
    ValueError
        A position or the cell is not finite, or a periodic cell has no volume.
    """
    _check(atoms)
    cell, origin = _box(atoms)
    inverse = np.linalg.inv(cell)
    fraction = (atoms.positions - origin) @ inverse
    wraps = np.where(atoms.pbc, np.floor(fraction), 0).astype(np.int64)
    fraction -= wraps
    heights = 1.0 / np.linalg.norm(inverse, axis=0)
    shape = _shape(heights, reach, len(atoms))
    place = np.clip((fraction * shape).astype(np.int64), 0, shape - 1)
    number = (place[:, 0] * shape[1] + place[:, 1]) * shape[2] + place[:, 2]
    order = np.argsort(number, kind="stable")
    start = np.searchsorted(number[order], np.arange(shape.prod() + 1))
    positions = (atoms.positions - wraps @ cell)[order]
    span = np.ceil(reach * shape / heights * (1 + 1e-12)).astype(np.int64)
    periodic = atoms.pbc.astype(np.int64)
    span = np.where(
        periodic == 1, span, np.minimum(span, shape - 1)
    )  # none leads out of a box that has an end
    return Bins(positions, wraps[order], order, species[order], start, shape, periodic, span, cell)


def _check(atoms: Atoms) -> None:
    if not (np.isfinite(atoms.positions).all() and np.isfinite(atoms.cell.array).all()):
        raise ValueError("positions or cell hold NaN or infinity; repair the structure file")
    if atoms.pbc.any() and abs(atoms.cell.volume) < 1e-6:
        raise ValueError("the cell is periodic but has no volume; add the lattice to the structure file")


def _box(atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Lattice vectors and origin of a box that holds all atoms."""
    cell = np.array(atoms.cell.complete().array if atoms.pbc.any() else np.eye(3), float)
    fraction = atoms.positions @ np.linalg.inv(cell)
    low, high = fraction.min(axis=0), fraction.max(axis=0)
    origin = np.where(atoms.pbc, 0.0, low) @ cell
    return np.where(atoms.pbc, 1.0, high - low + 1e-3)[:, None] * cell, origin


def _shape(heights: np.ndarray, reach: float, n_atoms: int) -> np.ndarray:
    """Number of bins along each vector: about half the reach wide, and no more bins than atoms."""
    shape = np.maximum(np.floor(heights / (0.5 * reach)), 1).astype(np.int64)
    while shape.prod() > max(n_atoms, 1) and shape.max() > 1:
        shape[shape.argmax()] = (shape.max() + 1) // 2
    return shape


@njit(cache=True, nogil=True, **INNER)
def room(n: int) -> Near:
    """Make room for neighbours.

    Parameters
    ----------
    n : int
        How many.

    Returns
    -------
    Near
        Arrays with any content.
    """
    shifts, places, species = np.empty((n, 3), np.int64), np.empty(n, np.int64), np.empty(n, np.int64)
    return Near(np.empty((n, 3)), places, shifts, species, np.empty(n, np.int64), np.empty(n, np.int64))


@njit(cache=True, nogil=True, **INNER)
def gather(bins: Bins, place: int, reach: float, near: Near) -> tuple[int, Near]:
    """Find the neighbours of one atom.

    Parameters
    ----------
    bins : Bins
        The atoms.
    place : int
        Place of the atom.
    reach : float
        Largest distance of a neighbour, Å; not more than the bins were made for.
    near : Near
        Room for the neighbours.

    Returns
    -------
    int
        How many there are.
    Near
        The neighbours: `near`, or a larger one if they do not fit.
    """
    n = _gather(bins, place, reach, near)
    while n > len(near.places):
        near = room(2 * n)
        n = _gather(bins, place, reach, near)
    return n, near


@njit(cache=True, nogil=True, **INNER)
def _gather(bins: Bins, place: int, reach: float, near: Near) -> int:
    """Write the neighbours of one atom; how many there are, also if they do not fit.

    Bins that follow each other along the third vector are next to each other in memory and read as one run.
    """
    shape, span, start, n = bins.shape, bins.span, bins.start, 0
    home = _bin(start, place)
    home_x, home_y, home_z = home // (shape[1] * shape[2]), (home // shape[2]) % shape[1], home % shape[2]
    for bx in range(home_x - span[0], home_x + span[0] + 1):
        sx = bx // shape[0]
        if sx and not bins.periodic[0]:
            continue
        for by in range(home_y - span[1], home_y + span[1] + 1):
            sy = by // shape[1]
            if sy and not bins.periodic[1]:
                continue
            row = ((bx - sx * shape[0]) * shape[1] + by - sy * shape[1]) * shape[2]
            z, last = home_z - span[2], home_z + span[2]
            while z <= last:
                sz = z // shape[2]
                low, high = z - sz * shape[2], min(shape[2] - 1, last - sz * shape[2])
                z = (sz + 1) * shape[2]
                if not sz or bins.periodic[2]:
                    run = start[row + low], start[row + high + 1]
                    n = _run(bins, place, run, (sx, sy, sz), reach, n, near)
    return n


@njit(cache=True, nogil=True, inline="always")
def _bin(start: np.ndarray, place: int) -> int:
    """Find the bin of a place by halving; numpy's searchsorted takes half a second to compile."""
    low, high = 0, len(start) - 1
    while high - low > 1:
        middle = (low + high) // 2
        if start[middle] <= place:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True, inline="always")
def _run(
    bins: Bins,
    place: int,
    run: tuple[int, int],
    shift: tuple[int, int, int],
    reach: float,
    n: int,
    near: Near,
) -> int:
    """Append the neighbours among a run of places, moved by the translation `shift`; the new number."""
    cell, positions = bins.cell, bins.positions
    ox = shift[0] * cell[0, 0] + shift[1] * cell[1, 0] + shift[2] * cell[2, 0] - positions[place, 0]
    oy = shift[0] * cell[0, 1] + shift[1] * cell[1, 1] + shift[2] * cell[2, 1] - positions[place, 1]
    oz = shift[0] * cell[0, 2] + shift[1] * cell[1, 2] + shift[2] * cell[2, 2] - positions[place, 2]
    here = shift[0] == 0 and shift[1] == 0 and shift[2] == 0
    for q in range(run[0], run[1]):
        x, y, z = positions[q, 0] + ox, positions[q, 1] + oy, positions[q, 2] + oz
        if x * x + y * y + z * z > reach * reach or (here and q == place):
            continue
        if n < len(near.places):
            near.vectors[n, 0], near.vectors[n, 1], near.vectors[n, 2] = x, y, z
            near.shifts[n, 0], near.shifts[n, 1], near.shifts[n, 2] = shift
            near.places[n], near.species[n] = q, bins.species[q]
        n += 1
    return n
