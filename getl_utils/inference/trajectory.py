"""Frames of the same atoms: choosing them, following the atoms, and how their cell is strained."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from ase import Atoms


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

    def atoms(self, frame: int) -> Atoms:
        """Return the structure of one frame, its atoms where the file has them.

        Parameters
        ----------
        frame : int
            Number of the frame.

        Returns
        -------
        Atoms
            Positions and cell in Å.
        """
        cell = self.cells[frame]
        places = (self.scaled[frame] + self.shifts[frame]) @ cell
        return Atoms(list(self.symbols), places, cell=cell, pbc=self.pbc)

    def pair(self, frame: int) -> Trajectory:
        """Return the first frame and another as a trajectory of two.

        Parameters
        ----------
        frame : int
            Number of the other frame.
        """
        some = [0, frame]
        return Trajectory(self.scaled[some], self.shifts[some], self.cells[some], self.symbols, self.pbc)


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
        The same atoms in the same order, with an error in place of a damaged frame (`frames.readings`). Atoms
        of a LAMMPS dump are sorted by id.

    Returns
    -------
    Trajectory
        The frames with unwrapped atoms.

    Raises
    ------
    ValueError
        There are no frames, one is damaged or has other atoms, or the cell jumped (LAMMPS flips strongly
        sheared boxes).
    """
    scaled, shifts, cells, first = [], [], [], None
    for n, atoms in enumerate(frames):
        if isinstance(atoms, ValueError):
            raise atoms
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


def follow_loading(frames: Iterable[Atoms]) -> Trajectory:
    """Follow atoms through a loading, which has two frames or more; see `follow`.

    Parameters
    ----------
    frames : iterable of Atoms
        As for `follow`, the sample at rest first.

    Returns
    -------
    Trajectory
        The frames with unwrapped atoms.

    Raises
    ------
    ValueError
        There is one frame, or as `follow`.
    """
    path = follow(frames)
    if len(path.cells) < 2:
        raise ValueError("a loading needs two frames or more of the same atoms: the trajectory has one")
    return path


def strains(trajectory: Trajectory) -> pd.DataFrame:
    """Compute the engineering strain of each frame.

    The cell of a frame is h = h₀ F, the rows of h being the cell vectors. The diagonal of F − 1 holds the
    changes of length along x, y and z. The elements beside it hold the shears.

    Parameters
    ----------
    trajectory : Trajectory
        The frames.

    Returns
    -------
    DataFrame
        frame (0, 1, …); x, y, z, the strains L/L₀ − 1 of the three cell vectors; xy, xz, yz, the shears of x
        along y, and so on; and `strain`, the one that changes most, positive in tension.
    """
    lengths = np.linalg.norm(trajectory.cells, axis=2)
    table = pd.DataFrame(lengths / lengths[0] - 1, columns=list("xyz"))
    change = np.linalg.inv(trajectory.cells[0]) @ trajectory.cells - np.eye(3)
    table[["xy", "xz", "yz"]] = change[:, [1, 2, 2], [0, 0, 1]]
    table.insert(0, "frame", range(len(table)))
    return table.assign(strain=table[table.iloc[-1, 1:].abs().idxmax()])
