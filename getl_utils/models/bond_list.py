"""The bonds of a cell: which pairs they are, each once, and how long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from numba import njit

from getl_utils.models import bins as space
from getl_utils.models.bins import INNER, Bins, Near, gather, room

if TYPE_CHECKING:
    from getl_utils.models.bond_expansion import BondExpansion

ROOM = 512  # neighbours for which there is room at first


def lengths(atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
    """Compute the length of each bond.

    Parameters
    ----------
    atoms : Atoms
        The cell.
    bonds : (n, 5) int
        i, j, T.

    Returns
    -------
    (n,)
        Å.

    Raises
    ------
    ValueError
        A bond names no atom, or has no length.
    """
    if len(bonds) and not (bonds[:, :2].min() >= 0 and bonds[:, :2].max() < len(atoms)):
        raise ValueError(f"a bond names atom {bonds[:, :2].max()}; the cell has atoms 0 … {len(atoms) - 1}")
    vectors = atoms.positions[bonds[:, 1]] - atoms.positions[bonds[:, 0]] + bonds[:, 2:] @ atoms.cell.array
    distance = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(distance).all() or (distance == 0).any():
        bad = np.flatnonzero(~(distance > 0))[0]
        raise ValueError(
            f"bond {bonds[bad].tolist()} has no length; repair the structure or the list of bonds"
        )
    return distance


def reach_of(expansion: BondExpansion, longest: float) -> float:
    """Give the distance from an atom within which all neighbours of its bonds lie.

    Parameters
    ----------
    expansion : BondExpansion
        Has the cutoff.
    longest : float
        Longest bond, Å.

    Returns
    -------
    float
        Å.
    """
    return (max(expansion.cutoff + longest / 2, longest)) * (1 + 1e-9)


def window_table(expansion: BondExpansion, windows: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """Give the windows by the numbers of two elements.

    Parameters
    ----------
    expansion : BondExpansion
        Numbers the elements.
    windows : mapping
        Bond type → shortest and longest bond, Å.

    Returns
    -------
    (n, n, 2)
        Shortest and longest bond, Å; (inf, 0) without a window.

    Raises
    ------
    ValueError
        A type names another element, or a window is not an interval.
    """
    table = np.tile([np.inf, 0.0], (len(expansion.elements), len(expansion.elements), 1))
    number = {element: n for n, element in enumerate(expansion.elements)}
    for name, window in windows.items():
        a, b = (number.get(element, -1) for element in name.split("-"))
        if min(a, b) < 0 or not 0 < window[0] < window[1]:
            raise ValueError(
                f"window {name}: {list(window)}: needs two of {list(expansion.elements)} and 0 < low < high"
            )
        table[a, b] = table[b, a] = window
    return table


def index_of(expansion: BondExpansion, names: Sequence[str]) -> np.ndarray:
    """Number the bond types by the numbers of their two elements.

    Parameters
    ----------
    expansion : BondExpansion
        Numbers the elements.
    names : sequence of str
        The bond types.

    Returns
    -------
    (n_elements, n_elements) int
        Place in `names`; −1 if the type is not there.
    """
    index = np.full((len(expansion.elements),) * 2, -1, np.int64)
    for n, name in enumerate(names):
        a, b = (expansion.elements.index(element) for element in name.split("-"))
        index[a, b] = index[b, a] = n
    return index


def kinds(expansion: BondExpansion, atoms: Atoms, bonds: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Give the type of each bond.

    Parameters
    ----------
    expansion : BondExpansion
        Numbers the elements.
    atoms : Atoms
        The cell.
    bonds : (n, 5) int
        i, j, T.
    names : sequence of str
        The bond types.

    Returns
    -------
    (n,) int
        Place in `names`; −1 if the type is not there.
    """
    species = expansion.species(atoms)
    return index_of(expansion, names)[species[bonds[:, 0]], species[bonds[:, 1]]]


def find_bonds(
    expansion: BondExpansion, atoms: Atoms, windows: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """All bonds of a cell, each once: i < j, or i = j and T > 0 in lexical order; sorted by (i, j, T).

    Parameters
    ----------
    expansion : BondExpansion
        Gives the elements.
    atoms : Atoms
        The cell.
    windows : mapping
        Bond type → shortest and longest bond, Å; types that are not named are left out.

    Returns
    -------
    (n, 5) int
        i, j, T.

    Raises
    ------
    ValueError
        A position is not finite, an element is not known, or a window is not an interval.

    Examples
    --------
    >>> from ase.build import bulk
    >>> from getl_utils.models.bond_expansion import BondExpansion
    >>> len(find_bonds(BondExpansion(("Cu",)), bulk("Cu"), {"Cu-Cu": (2.0, 2.6)}))  # 12 neighbours / 2
    6
    """
    table = window_table(expansion, windows)
    reach = float(table[..., 1].max()) * (1 + 1e-9)
    bins = space.sort(atoms, expansion.species(atoms), reach)
    n_bonds = np.zeros(len(atoms), np.int64)
    count(bins, table, reach, 0, len(atoms), n_bonds)
    bonds = np.empty((n_bonds.sum(), 5), np.int64)
    _list_all(bins, table, reach, np.cumsum(n_bonds) - n_bonds, bonds)
    return bonds


@njit(cache=True, nogil=True)
def count(bins: Bins, windows: np.ndarray, reach: float, first: int, last: int, n_bonds: np.ndarray) -> None:
    """Count the bonds of the atoms in some places.

    Parameters
    ----------
    bins : Bins
        The atoms; made for the longest bond, or more.
    windows : (species, species, 2)
        Shortest and longest bond, Å.
    reach : float
        Longest bond of all, Å.
    first, last : int
        Range of places.
    n_bonds : (atoms,) int
        Gets the number of bonds of each of these atoms.
    """
    near = room(ROOM)
    for place in range(first, last):
        n, near = gather(bins, place, reach, near)
        for k in range(n):
            if _is_bond(bins, place, k, near, windows):
                n_bonds[bins.order[place]] += 1


@njit(cache=True, nogil=True, inline="always")
def _is_bond(bins: Bins, place: int, k: int, near: Near, windows: np.ndarray) -> bool:
    """True if neighbour k is a bond: inside the window of its type, and counted once.

    Once means i < j, or i = j and the first T ≠ 0 is positive.
    """
    a, b = bins.species[place], near.species[k]
    shortest, longest = windows[a, b, 0], windows[a, b, 1]
    square = near.vectors[k, 0] ** 2 + near.vectors[k, 1] ** 2 + near.vectors[k, 2] ** 2
    if square < shortest * shortest or square > longest * longest:
        return False
    i, j = bins.order[place], bins.order[near.places[k]]
    x, y, z = near.shifts[k, 0], near.shifts[k, 1], near.shifts[k, 2]
    return i < j or (i == j and (x > 0 or (x == 0 and (y > 0 or (y == 0 and z > 0)))))


@njit(cache=True, nogil=True, **INNER)
def list_bonds(bins: Bins, place: int, windows: np.ndarray, n: int, near: Near, bonds: np.ndarray) -> int:
    """List the bonds of one atom in the order of (j, T).

    Parameters
    ----------
    bins : Bins
        The atoms.
    place : int
        Place of the atom.
    windows : (species, species, 2)
        Shortest and longest bond, Å.
    n : int
        Number of its neighbours.
    near : Near
        Its neighbours. `bonded` gets the one that each bond leads to.
    bonds : (m, 5) int
        Gets i, j, T.

    Returns
    -------
    int
        Number of bonds.
    """
    found, partners = 0, near.bonded
    for k in range(n):
        if not _is_bond(bins, place, k, near, windows):
            continue
        other = near.places[k]
        j = bins.order[other]
        x = near.shifts[k, 0] + bins.wraps[place, 0] - bins.wraps[other, 0]
        y = near.shifts[k, 1] + bins.wraps[place, 1] - bins.wraps[other, 1]
        z = near.shifts[k, 2] + bins.wraps[place, 2] - bins.wraps[other, 2]
        row = found
        while row > 0 and _before(j, x, y, z, bonds, row - 1):
            for c in range(1, 5):  # number by number: views of rows are counted, which takes longer than this
                bonds[row, c] = bonds[row - 1, c]
            partners[row] = partners[row - 1]
            row -= 1
        bonds[row, 1], bonds[row, 2], bonds[row, 3], bonds[row, 4] = j, x, y, z
        partners[row] = k
        bonds[found, 0] = bins.order[place]
        found += 1
    return found


@njit(cache=True, nogil=True, inline="always")
def _before(j: int, x: int, y: int, z: int, bonds: np.ndarray, row: int) -> bool:
    """True if (j, T) sorts before that of a row."""
    if j != bonds[row, 1]:
        return j < bonds[row, 1]
    if x != bonds[row, 2]:
        return x < bonds[row, 2]
    if y != bonds[row, 3]:
        return y < bonds[row, 3]
    return z < bonds[row, 4]


@njit(cache=True, nogil=True)
def _list_all(bins: Bins, windows: np.ndarray, reach: float, first: np.ndarray, bonds: np.ndarray) -> None:
    """Write i, j, T of all bonds of a cell; those of atom i start at row ``first[i]``."""
    near = room(ROOM)
    for place in range(len(bins.order)):
        n, near = gather(bins, place, reach, near)
        list_bonds(bins, place, windows, n, near, bonds[first[bins.order[place]] :])
