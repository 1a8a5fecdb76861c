"""A slab with a notch, cut from copies of a glass: where a shear band starts when it is pulled."""

from __future__ import annotations

import numpy as np
from ase import Atoms


def slab(glass: Atoms, repeat: tuple[int, int, int], depth: float, opening: float, vacuum: float) -> Atoms:
    """Repeat a glass, cut a wedge into the middle of its lower y surface, and put vacuum along y.

    Parameters
    ----------
    glass : Atoms
        A periodic glass in a right-angled cell.
    repeat : tuple of int
        Copies along x, y and z.
    depth : float
        Of the wedge, Å.
    opening : float
        Of the wedge at the surface, along x, Å.
    vacuum : float
        Between the slab and its image along y, Å.

    Returns
    -------
    Atoms
        The slab, periodic along all axes.

    Raises
    ------
    ValueError
        The cell has other angles, or the wedge does not fit.

    Examples
    --------
    >>> from ase.build import bulk
    >>> block = bulk("Cu", cubic=True) * 4
    >>> len(block) * 8 > len(slab(block, (4, 2, 1), depth=10, opening=8, vacuum=20))
    True
    """
    if np.abs(glass.cell.array - np.diag(glass.cell.lengths())).max() > 1e-6:
        raise ValueError("a slab needs a glass in a right-angled cell along x, y and z")
    whole = glass.copy()
    whole.wrap()
    whole = whole * repeat
    width, height = whole.cell.lengths()[:2]
    if not (0 <= depth < height and 0 < opening < width and vacuum > 0):
        raise ValueError(
            f"a wedge of {depth:g} × {opening:g} Å does not fit into a slab of {width:.0f} × {height:.0f} Å, "
            "or there is no vacuum"
        )
    x, y = whole.positions[:, 0], whole.positions[:, 1]
    wedge = np.abs(x - width / 2) < opening / 2 * (1 - y / max(depth, 1e-9))
    whole = whole[~wedge]
    whole.positions[:, 1] += vacuum / 2
    whole.set_cell(whole.cell.lengths() + np.array([0, vacuum, 0]))
    return whole
