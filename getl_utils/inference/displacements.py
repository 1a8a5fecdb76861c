"""How atoms are displaced beyond what the strain of their cell explains: mean squares and D²min.

D²min is computed here and not by matscipy, whose function takes time with the square of the number of atoms
and allows one image of a neighbour only. A test compares the two.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND
from getl_utils.core.neighbours import neighbours
from getl_utils.inference.trajectory import Trajectory


def mean_squares(trajectory: Trajectory) -> pd.DataFrame:
    """Compute the mean square displacement of each element since the first frame.

    The displacement is that in scaled coordinates, (s(t) − s(0))·h(t), without the mean of all atoms. The
    affine motion of the cell is not part of it.

    Parameters
    ----------
    trajectory : Trajectory
        The frames.

    Returns
    -------
    DataFrame
        frame (0, 1, …), element (`all` for all atoms), msd (Å^2).
    """
    rows = []
    for n, (scaled, cell) in enumerate(zip(trajectory.scaled, trajectory.cells, strict=True)):
        moved = (scaled - trajectory.scaled[0]) @ cell
        square = pd.Series(((moved - moved.mean(axis=0)) ** 2).sum(axis=1))
        means = {"all": square.mean(), **square.groupby(trajectory.symbols).mean()}
        rows += [{"frame": n, "element": element, "msd": value} for element, value in means.items()]
    return pd.DataFrame(rows)


def d2min(trajectory: Trajectory, frame: int, cutoff: float, near: pd.DataFrame | None = None) -> np.ndarray:
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
    near : DataFrame, optional
        These neighbours, as from ``core.neighbours.neighbours``, for who asks for many frames; default: they
        are found.

    Returns
    -------
    ndarray
        D²min, Å^2; (atoms,). NaN for an atom that has fewer than three neighbours, or all in one plane.
    """
    table = neighbours(trajectory.atoms(0), cutoff) if near is None else near
    number = len(trajectory.symbols)
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
