"""The edges of a structure, a row for each atom and a column for each neighbour, nearest first.

Angles need no list: the edges of an atom that have an angle are the first columns of its row.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from ase import Atoms

from getl_utils.core.neighbours import neighbour_arrays

STEP = 4  # columns come in multiples of it, so that few shapes are compiled


class Edges(NamedTuple):
    """Edges from n atoms to at most k neighbours.

    Attributes
    ----------
    neighbour : (n, k) int
        The atom at the other end; 0 where there is none.
    shift : (n, k, 3) int
        Lattice translation T of it.
    distance : (n, k)
        Å; the cutoff where there is none, so that the envelope is 0 there.
    unit : (n, k, 3)
        Direction to it; 0 where there is none.
    short : int
        Number of columns that hold all edges with angles.
    """

    neighbour: np.ndarray
    shift: np.ndarray
    distance: np.ndarray
    unit: np.ndarray
    short: int


def find(atoms: Atoms, cutoff: float, angle_cutoff: float, step: int = STEP) -> Edges:
    """Find the edges of a structure.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    cutoff : float
        Longest edge, Å.
    angle_cutoff : float
        Longest edge that has angles with others of its atom, Å.
    step : int
        Columns come in multiples of it.

    Returns
    -------
    Edges
        All of them, in both directions.

    Raises
    ------
    ValueError
        A position is not finite, two atoms are at one place, or there is no edge.
    """
    i, j, shift, distance = neighbour_arrays(atoms, cutoff)
    if not len(i):
        raise ValueError(f"no two of the {len(atoms)} atoms are within {cutoff} Å: the graph has no edge")
    if not distance.min() > 0:
        raise ValueError(
            f"two atoms are at one place, one of them is {i[distance.argmin()]}; repair the structure"
        )
    order = np.lexsort((*shift.T, j, distance, i))
    i, j, shift, distance = i[order], j[order], shift[order], distance[order]
    counts = np.bincount(i, minlength=len(atoms))
    column = np.arange(len(i)) - np.repeat(np.cumsum(counts) - counts, counts)
    shape = len(atoms), _rounded(counts.max(), step)
    out = Edges(
        np.zeros(shape, np.int32),
        np.zeros((*shape, 3), np.int32),
        np.full(shape, float(cutoff)),
        np.zeros((*shape, 3)),
        min(_rounded(np.bincount(i[distance < angle_cutoff], minlength=1).max(), step), shape[1]),
    )
    vectors = atoms.positions[j] - atoms.positions[i] + shift @ atoms.cell.array
    out.neighbour[i, column], out.shift[i, column], out.distance[i, column] = j, shift, distance
    out.unit[i, column] = vectors / distance[:, None]
    return out


def _rounded(count: int, step: int) -> int:
    return max(-(-int(count) // step), 1) * step


def places(edges: Edges, bonds: np.ndarray) -> np.ndarray:
    """Where the two edges of each bond lie.

    Parameters
    ----------
    edges : Edges
        Of the structure.
    bonds : (n, 5) int
        i, j, T.

    Returns
    -------
    (n, 2) int
        Place in the table of edges, row by row: of i → j and of j → i.

    Raises
    ------
    ValueError
        A bond is no edge: it is too long, or not of this structure.
    """
    n, k = edges.neighbour.shape
    rows = np.repeat(np.arange(n), k)
    there = np.flatnonzero((edges.unit != 0).any(axis=2).ravel())
    known = np.column_stack([rows, edges.neighbour.ravel(), edges.shift.reshape(-1, 3)])[there]
    back = np.column_stack([bonds[:, 1], bonds[:, 0], -bonds[:, 2:]])
    far = max((np.abs(part[:, 2:]).max(initial=0) for part in (known, bonds)), default=0)
    keys = [_keys(part, n, int(far)) for part in (known, bonds, back)]
    order = np.argsort(keys[0])
    found = [np.searchsorted(keys[0][order], key).clip(max=len(order) - 1) for key in keys[1:]]
    for key, place in zip(keys[1:], found, strict=True):
        lost = np.flatnonzero(keys[0][order][place] != key)
        if len(lost):
            raise ValueError(
                f"bond {bonds[lost[0]].tolist()} is no edge of the graph: it is longer than its cutoff or "
                "not of this structure"
            )
    return np.column_stack([there[order[place]] for place in found])


def _keys(rows: np.ndarray, n: int, far: int) -> np.ndarray:
    """One number for each (i, j, T)."""
    key = rows[:, 0].astype(np.int64) * n + rows[:, 1]
    for column in rows[:, 2:].T:
        key = key * (2 * far + 1) + column + far
    return key
