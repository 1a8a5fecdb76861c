"""Frames of the same atoms: choosing them, following the atoms, and how they are displaced.

D²min is computed here and not by matscipy, whose function takes time with the square of the number of atoms
and allows one image of a neighbour only. A test compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND
from getl_utils.core.neighbours import neighbours


@dataclass(frozen=True)
class Trajectory:
    """Frames of the same atoms, followed across the periodic boundaries.

    Attributes
    ----------
    scaled : ndarray
        Unwrapped scaled coordinates; (frames, atoms, 3).
    shifts : ndarray
        Whole cells between the followed atom and the file's: file = scaled + shifts; (frames, atoms, 3).
    cells : ndarray
        Cells, rows are vectors, Å; (frames, 3, 3).
    symbols : ndarray
        Elements; (atoms,).
    pbc : ndarray
        Periodic directions; (3,).
    """

    scaled: np.ndarray
    shifts: np.ndarray
    cells: np.ndarray
    symbols: np.ndarray
    pbc: np.ndarray

    def vectors(self, frame: int, i: np.ndarray, j: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """Return r_j + T·cell − r_i of pairs in one frame.

        Parameters
        ----------
        frame : int
            Number of the frame.
        i, j : ndarray
            Atoms; (pairs,).
        cells : ndarray
            T, counted between the unwrapped atoms; (pairs, 3).

        Returns
        -------
        ndarray
            Vectors, Å; (pairs, 3).
        """
        return (self.scaled[frame, j] - self.scaled[frame, i] + cells) @ self.cells[frame]


def spread(number: int, most: int) -> list[int]:
    """Choose some of 0 … number − 1, evenly spaced, with the first and the last.

    Parameters
    ----------
    number : int
        How many there are.
    most : int
        How many to choose at most.

    Examples
    --------
    >>> spread(3, 5), spread(1000, 3)
    ([0, 1, 2], [0, 500, 999])
    """
    return np.unique(np.linspace(0, number - 1, min(number, most)).round().astype(int)).tolist()


def comparable(summary: pd.DataFrame, most: int) -> pd.DataFrame:
    """Choose frames of one structure that can be followed.

    The structure is the first of which several frames with equally many atoms were predicted.

    Parameters
    ----------
    summary : DataFrame
        A row per frame: structure, atoms, error (empty if it was predicted).
    most : int
        Greatest number of rows to choose, evenly spaced.

    Returns
    -------
    DataFrame
        Rows of `summary`; none if there is no such structure.

    Examples
    --------
    >>> summary = pd.DataFrame({"structure": ["a", "b", "b", "b"], "frame": [1, 1, 2, 3], "atoms": 9})
    >>> summary["error"] = ["", "", "", "damaged"]
    >>> comparable(summary, 21).frame.tolist(), len(comparable(summary[:2], 21))
    ([1, 2], 0)
    """
    good = summary[summary.error == ""]
    same = good.groupby("structure").atoms
    several = good[(same.transform("size") > 1) & (same.transform("nunique") == 1)]
    some = several[several.structure == several.structure.iloc[0]] if len(several) else several
    return some.iloc[spread(len(some), most)].reset_index(drop=True)


def pick(frames: Iterable[Atoms], numbers: Iterable[int]) -> Iterator[Atoms]:
    """Yield the frames of some numbers, counted from 1, one at a time.

    Parameters
    ----------
    frames : iterable of Atoms
        All frames of a file, with an error in place of each damaged one (`frames.readings`).
    numbers : iterable of int
        Numbers of whole frames.

    Examples
    --------
    >>> list(pick(iter("abcdefg"), [2, 5]))
    ['b', 'e']
    """
    wanted = set(map(int, numbers))
    for n, atoms in enumerate(frames, 1):
        if n in wanted:
            yield atoms
        if n >= max(wanted):
            return


def follow(frames: Iterable[Atoms]) -> Trajectory:
    """Follow atoms through frames, across the periodic boundaries.

    Each atom is taken to the image that is nearest, in scaled coordinates, to where it was in the frame
    before. This is right as long as no atom moves by half a cell from one frame to the next, beyond the
    affine motion of the cell.

    Parameters
    ----------
    frames : iterable of Atoms
        The same atoms in the same order. Atoms of a LAMMPS dump are sorted by id.

    Returns
    -------
    Trajectory
        The frames with unwrapped atoms.

    Raises
    ------
    ValueError
        There are no frames, a frame has other atoms, or the cell jumped (LAMMPS flips strongly sheared
        boxes).
    """
    scaled, shifts, cells, first = [], [], [], None
    for n, atoms in enumerate(frames):
        first = atoms if first is None else first
        if atoms.get_chemical_symbols() != first.get_chemical_symbols():
            raise ValueError(
                f"frame {n} has other atoms than the first, or in another order: they cannot be followed"
            )
        cell = atoms.cell.array
        if cells and np.abs(cell @ np.linalg.inv(cells[-1]) - np.eye(3)).max() > 0.45:
            raise ValueError(
                f"the cell of frame {n} jumped: a flipped box, or frames too far apart; "
                "dump more often, with `flip no`"
            )
        given = atoms.positions @ np.linalg.inv(cell)
        whole = np.rint(given - scaled[-1]).astype(int) * atoms.pbc if scaled else np.zeros(given.shape, int)
        scaled.append(given - whole)
        shifts.append(whole)
        cells.append(cell)
    if first is None:
        raise ValueError("no frames to follow")
    return Trajectory(
        np.array(scaled),
        np.array(shifts),
        np.array(cells),
        np.array(first.get_chemical_symbols(), object),
        first.pbc,
    )


def strains(trajectory: Trajectory) -> pd.DataFrame:
    """Compute the engineering strain L/L₀ − 1 of the three cell vectors in each frame.

    Parameters
    ----------
    trajectory : Trajectory
        The frames.

    Returns
    -------
    DataFrame
        frame (0, 1, …), x, y, z, and `strain`, that of the vector that changes most; positive in tension.
    """
    lengths = np.linalg.norm(trajectory.cells, axis=2)
    table = pd.DataFrame(lengths / lengths[0] - 1, columns=list("xyz"))
    table.insert(0, "frame", range(len(table)))
    return table.assign(strain=table[table[list("xyz")].iloc[-1].abs().idxmax()])


def d2min(trajectory: Trajectory, frame: int, cutoff: float) -> np.ndarray:
    """Compute the non-affine displacement D²min of each atom between the first frame and another.

    D²min_i = min over J of (1/n_i) Σ_j |r_ij(t) − r_ij(0)·J|², where j are the n_i neighbours of atom i in
    the first frame (M. L. Falk, J. S. Langer, Phys. Rev. E 57, 7192 (1998)). The sum there is not divided by
    n_i. It is here, so that D²min does not grow with the number of neighbours. J = X⁻¹Y with
    X = Σ r(0)ᵀr(0) and Y = Σ r(0)ᵀr(t).

    Parameters
    ----------
    trajectory : Trajectory
        The frames.
    frame : int
        Number of the later frame.
    cutoff : float
        Greatest distance of a neighbour in the first frame, Å.

    Returns
    -------
    ndarray
        D²min, Å^2; (atoms,). NaN for an atom that has fewer than three neighbours, or all in one plane.
    """
    start = Atoms(
        trajectory.symbols,
        trajectory.scaled[0] @ trajectory.cells[0],
        cell=trajectory.cells[0],
        pbc=trajectory.pbc,
    )
    table, number = neighbours(start, cutoff), len(start)
    i, j, cells = table.i.to_numpy(), table.j.to_numpy(), table[BOND[2:]].to_numpy()
    before, after = trajectory.vectors(0, i, j, cells), trajectory.vectors(frame, i, j, cells)

    def _sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        sums = [np.bincount(i, a[:, k] * b[:, m], number) for k in range(3) for m in range(3)]
        return np.array(sums).T.reshape(number, 3, 3)

    x, y = _sum(before, before), _sum(before, after)
    size = np.trace(x, axis1=1, axis2=2) / 3
    solvable = np.linalg.det(x) > 1e-9 * size**3
    affine = np.full((number, 3, 3), np.nan)
    affine[solvable] = np.linalg.solve(x[solvable], y[solvable])
    rest = after - np.einsum("nk,nkm->nm", before, affine[i])
    result = np.bincount(i, (rest**2).sum(axis=1), number) / np.maximum(1, np.bincount(i, minlength=number))
    return np.where(solvable, result, np.nan)
