"""Structure beside strength, one row an atom: its Voronoi cell, order and neighbours, and its bonds.

Voronoi cells, Steinhardt's q_l and Warren–Cowley's α are pyscal3's. docs/structure.md says why.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms

FACES = ["n3", "n4", "n5", "n6"]  # faces with so many edges
GEOMETRY = ["volume", "coordination", "icosahedron", "warren_cowley", "q4", "q6"]
BONDS = ["strength", "mean_bond", "weakest_bond", "spread", "sigma"]


def geometry(atoms: Atoms, area: float = 0.01, edge: float = 0.05) -> tuple[pd.DataFrame, np.ndarray]:
    """Describe the Voronoi cell of each atom and the order of its neighbours.

    Neighbours are the atoms that share a face; the cells take no account of the atoms' sizes. q_l weights
    each neighbour with the area of its face (W. Mickel et al., J. Chem. Phys. 138, 044501 (2013)).
    α_i = 1 − p_i/c_i, where p_i is the fraction of the neighbours that are of another element than atom i and
    c_i that of all atoms (J. M. Cowley, Phys. Rev. 77, 669 (1950)).

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    area : float
        A face with no more than this part of the surface of its cell is not counted in n3 … n6 and in the
        coordination.
    edge : float
        An edge with no more than this part of the perimeter of its face is not counted.

    Returns
    -------
    DataFrame
        atom (0-based), element, n3, n4, n5, n6 (faces with so many edges), volume (Å^3), coordination (number
        of faces), icosahedron (whether the cell is ⟨0,0,12,0⟩), warren_cowley (NaN if there is one element),
        q4, q6.
    ndarray
        Pairs of neighbours that share a counted face, in both directions; (pairs, 2).

    Raises
    ------
    ValueError
        The structure is not periodic, or pyscal3 is not installed.
    """
    library = _library()
    if not atoms.pbc.all():
        raise ValueError("Voronoi cells need a structure that is periodic in three directions")
    cells = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)
    cells.wrap()
    library.find_neighbors(cells, method="voronoi", store_rows=False)
    faces = library.voronoi_vector(cells, edge_cutoff=edge, area_cutoff=area)
    q4, q6 = library.steinhardt_parameter(cells, [4, 6])
    offsets, weights = cells.info["pyscal_bond_offsets"], cells.info["pyscal_bond_weight"]
    first = np.repeat(np.arange(len(cells)), np.diff(offsets))
    pairs = np.column_stack([first, cells.info["pyscal_bond_neighbors"]])[np.asarray(weights) > area]
    table = pd.DataFrame({"atom": range(len(cells)), "element": cells.get_chemical_symbols()})
    table[FACES] = faces
    return table.assign(
        volume=cells.arrays["pyscal_voronoi_volume"],
        coordination=np.bincount(pairs[:, 0], minlength=len(cells)),
        icosahedron=(faces == [0, 0, 12, 0]).all(axis=1),
        warren_cowley=_warren_cowley(library, cells),
        q4=q4,
        q6=q6,
    ), pairs


def _library():
    """pyscal3, which has no package for some systems."""
    try:
        import pyscal3
    except ImportError:
        raise ValueError(
            "pyscal3 is not installed: Voronoi cells and order need it; pip install pyscal3"
        ) from None
    return pyscal3


def _warren_cowley(library, atoms: Atoms) -> np.ndarray:
    """α of each atom against all other elements, from the library's α of like neighbours."""
    numbers, counts = np.unique(atoms.numbers, return_counts=True)
    result = np.full(len(atoms), np.nan)
    for number, count in zip(numbers.tolist(), counts, strict=True):
        if count < len(atoms):
            like = library.short_range_order(atoms, number, number, average=False)
            some, part = atoms.numbers == number, count / len(atoms)
            result[some] = 1 - (1 - (1 - like[some]) * part) / (1 - part)
    return result


def bonding(bonds: pd.DataFrame, number: int) -> pd.DataFrame:
    """Describe the bonds of each atom.

    Parameters
    ----------
    bonds : DataFrame
        From ``predictor.predict``: i, j, predicted (ICOHP, eV), and sigma (eV) if there is one.
    number : int
        Number of atoms.

    Returns
    -------
    DataFrame
        By atom: bonds (their number), strength (Σ −ICOHP, eV), mean_bond, weakest_bond and spread (mean,
        least and standard deviation of −ICOHP, eV), sigma (of the strength, eV, as if the errors of the bonds
        were independent; NaN without σ). An atom without bonds has strength 0 and NaN.

    Examples
    --------
    >>> bonds = pd.DataFrame({"i": [0, 0], "j": [1, 2], "predicted": [-1.0, -2.0], "sigma": [0.3, 0.4]})
    >>> bonding(bonds, 3).iloc[0].round(3).tolist()
    [2.0, 3.0, 1.5, 1.0, 0.5, 0.5]
    """
    variance = bonds.sigma.to_numpy() ** 2 if "sigma" in bonds else np.full(len(bonds), np.nan)
    ends = pd.DataFrame({"atom": np.concatenate([bonds.i, bonds.j])})
    ends = ends.assign(strength=np.tile(-bonds.predicted.to_numpy(), 2), variance=np.tile(variance, 2))
    groups = ends.groupby("atom")
    table = groups.strength.agg(bonds="size", strength="sum", mean_bond="mean", weakest_bond="min")
    table["spread"] = groups.strength.std(ddof=0)
    table["sigma"] = np.sqrt(groups.variance.sum(min_count=1))
    return table.reindex(range(number)).fillna({"bonds": 0, "strength": 0.0}).astype({"bonds": int})


def deviations(values: pd.DataFrame, groups: Sequence) -> pd.DataFrame:
    """Count numbers from the mean of their group, in the group's standard deviations.

    Parameters
    ----------
    values : DataFrame
        Numbers, one row an atom.
    groups : sequence
        Group of each row, such as its element; (atoms,).

    Returns
    -------
    DataFrame
        The same columns; 0 where a number is missing or all numbers of a group are equal.

    Examples
    --------
    >>> deviations(pd.DataFrame({"a": [1.0, 3.0, 5.0]}), ["Cu", "Cu", "Zr"]).a.tolist()
    [-1.0, 1.0, 0.0]
    """
    some = values.astype(float).groupby(np.asarray(groups, object))
    spread = some.transform("std", ddof=0)
    return ((values - some.transform("mean")) / spread.where(spread > 1e-12)).fillna(0.0)


def around(values: pd.DataFrame, pairs: np.ndarray) -> pd.DataFrame:
    """Average over each atom and its neighbours.

    Parameters
    ----------
    values : DataFrame
        Numbers, one row an atom.
    pairs : ndarray
        From `geometry`; (pairs, 2).

    Returns
    -------
    DataFrame
        The same columns.

    Examples
    --------
    >>> around(pd.DataFrame({"a": [1.0, 3.0, 9.0]}), np.array([[0, 1], [1, 0]])).a.tolist()
    [2.0, 2.0, 9.0]
    """
    own = np.arange(len(values))
    centres, members = np.concatenate([pairs[:, 0], own]), np.concatenate([pairs[:, 1], own])
    return values.iloc[members].groupby(centres).mean().set_axis(values.index)


def rows(atoms: Atoms, bonds: pd.DataFrame, more: Mapping[str, np.ndarray] | None = None) -> pd.DataFrame:
    """Put structure and strength of each atom of one structure into one row.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    bonds : DataFrame
        Its bonds, from ``predictor.predict``.
    more : mapping of str to ndarray, optional
        More numbers of each atom, such as the potential energy; (atoms,).

    Returns
    -------
    DataFrame
        The columns of `geometry`, `bonding` and `more`. A column with the ending ``_around`` has the average
        over the atom and its neighbours of the `deviations` from the element's mean.

    Raises
    ------
    ValueError
        As `geometry`.
    """
    table, pairs = geometry(atoms)
    table = table.join(bonding(bonds, len(atoms))).assign(**(more or {}))
    counted = deviations(table[[*GEOMETRY, *BONDS, *(more or {})]], table.element)
    return table.join(around(counted, pairs).add_suffix("_around"))
