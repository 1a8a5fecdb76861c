"""Frames of the same atoms: which of them, followed across the periodic boundaries, and their strain."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from ase import Atoms


@dataclass(frozen=True)
class Trajectory:
    """Frames of the same atoms, followed across the periodic boundaries.

    scaled : (frames, atoms, 3), unwrapped. shifts : (frames, atoms, 3), whole cells: as given = scaled +
    shifts.
    cells : (frames, 3, 3), Å, rows are vectors. symbols : (atoms,). pbc : (3,).
    """

    scaled: np.ndarray
    shifts: np.ndarray
    cells: np.ndarray
    symbols: np.ndarray
    pbc: np.ndarray

    def vectors(self, frame: int, i: np.ndarray, j: np.ndarray, cells: np.ndarray) -> np.ndarray:
        """r_j + T·cell − r_i (Å) of pairs in one frame; T counts between the unwrapped atoms."""
        return (self.scaled[frame, j] - self.scaled[frame, i] + cells) @ self.cells[frame]


def spread(number: int, most: int) -> list[int]:
    """At most `most` of 0 … number − 1, evenly spaced, the first and the last among them.

    Examples
    --------
    >>> spread(3, 5), spread(1000, 3)
    ([0, 1, 2], [0, 500, 999])
    """
    return np.unique(np.linspace(0, number - 1, min(number, most)).round().astype(int)).tolist()


def comparable(summary: pd.DataFrame, most: int) -> pd.DataFrame:
    """The rows of the first structure of which several frames, with as many atoms each, were predicted; none
    if there is no such.

    Parameters
    ----------
    summary : a row per frame: structure, atoms, error (empty if it was predicted). most : rows, evenly
    spaced.

    Examples
    --------
    >>> summary = pd.DataFrame({"structure": ["a", "b", "b", "b"], "frame": [1, 1, 2, 3], "atoms": 9, "error": ["", "", "", "x"]})
    >>> comparable(summary, 21).frame.tolist(), len(comparable(summary[:2], 21))
    ([1, 2], 0)
    """
    good = summary[summary.error == ""]
    same = good.groupby("structure").atoms
    several = good[(same.transform("size") > 1) & (same.transform("nunique") == 1)]
    some = several[several.structure == several.structure.iloc[0]] if len(several) else several
    return some.iloc[spread(len(some), most)].reset_index(drop=True)


def pick(frames: Iterable[Atoms], numbers: Iterable[int]) -> Iterator[Atoms]:
    """The frames of these numbers, counted from 1, one at a time; what stands for a damaged one elsewhere is
    passed over.

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
    """Follow atoms through frames: each is taken to the image nearest, in scaled coordinates, to where it was
    before.

    Right as long as no atom moves, beyond the affine motion of the cell, by half a cell from one frame to the
    next.

    Parameters
    ----------
    frames : the same atoms in the same order (a dump's are sorted by id).

    Raises
    ------
    ValueError : no frames, other atoms in a frame, or a cell that jumped (LAMMPS flips strongly sheared
    boxes).
    """
    scaled, shifts, cells, first = [], [], [], None
    for n, atoms in enumerate(frames):
        first = atoms if first is None else first
        if atoms.get_chemical_symbols() != first.get_chemical_symbols():
            raise ValueError(
                f"frame {n} has other atoms, or in another order, than the first: they cannot be followed"
            )
        cell = atoms.cell.array
        if cells and np.abs(cell @ np.linalg.inv(cells[-1]) - np.eye(3)).max() > 0.45:
            raise ValueError(
                f"the cell of frame {n} jumped: a flipped box, or frames too far apart; dump more, with `flip no`"
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
    """Engineering strain L/L₀ − 1 of the three cell vectors in each frame; `strain` is that of the one that
    changes most.

    Returns
    -------
    DataFrame : frame (0, 1, …), x, y, z, strain; positive in tension.
    """
    lengths = np.linalg.norm(trajectory.cells, axis=2)
    table = pd.DataFrame(lengths / lengths[0] - 1, columns=list("xyz"))
    table.insert(0, "frame", range(len(table)))
    return table.assign(strain=table[table[list("xyz")].iloc[-1].abs().idxmax()])
