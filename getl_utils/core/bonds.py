"""Bonds: neighbour pairs with translations, types, checks, and the place of a label's bond in its cell.

The bond table, one row per bond, is the thing that runs through every stage. A bond is the pair of atoms i
and j (0-based, i ≤ j) and the lattice translation T of j: the vector r_j + T·cell − r_i, positions as given.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

if TYPE_CHECKING:
    import pandas as pd

KEY = ["composition", "run", "sub_run"]
BOND = ["i", "j", "tx", "ty", "tz"]
IDS = ["run_id", "cell_id", "label_id"]
COLUMNS = [*KEY, *BOND, "element_i", "element_j", "distance", "icohp", "engine", "projection", *IDS]


def parse_composition(formula: str) -> dict[str, int]:
    """Read a nominal composition.

    Parameters
    ----------
    formula : str
        Element symbols with whole numbers.

    Returns
    -------
    dict
        Element → number of atoms, in the order written.

    Raises
    ------
    ValueError
        It is not of this form, or names an element twice.

    Examples
    --------
    >>> parse_composition("Zr49Cu49Al2")
    {'Zr': 49, 'Cu': 49, 'Al': 2}
    """
    parts = re.findall(r"([A-Z][a-z]?)(\d*)", formula)
    counts = {symbol: int(number or 1) for symbol, number in parts}
    if not parts or "".join(s + n for s, n in parts) != formula or len(counts) < len(parts):
        raise ValueError(
            f"composition {formula!r} is not of the form Zr49Cu49Al2 (symbol, number of atoms, …)"
        )
    unknown = [symbol for symbol in counts if symbol not in atomic_numbers]
    if unknown:
        raise ValueError(f"composition {formula!r}: {unknown[0]} is not a chemical element")
    return counts


def bond_types(elements: Sequence[str]) -> list[str]:
    """Return all bond types: like pairs first, then unlike pairs, in the order given.

    Parameters
    ----------
    elements : sequence of str
        Element symbols.

    Returns
    -------
    list of str
        Names of the bond types.

    Examples
    --------
    >>> bond_types(["Zr", "Cu", "Al"])
    ['Zr-Zr', 'Cu-Cu', 'Al-Al', 'Zr-Cu', 'Zr-Al', 'Cu-Al']
    """
    unlike = [f"{a}-{b}" for n, a in enumerate(elements) for b in elements[n + 1 :]]
    return [f"{a}-{a}" for a in elements] + unlike


def quench_of(table: pd.DataFrame) -> pd.Series:
    """Return the quench of each row, as ``<composition>/<run>``.

    Parameters
    ----------
    table : DataFrame
        Columns `composition` and `run`.

    Returns
    -------
    Series
        Names of the quenches.

    Examples
    --------
    >>> import pandas as pd
    >>> quench_of(pd.DataFrame({"composition": ["Ni5Ti5"], "run": [2]})).tolist()
    ['Ni5Ti5/2']
    """
    return table.composition + "/" + table.run.astype(str)


def type_of(element_i: Sequence[str], element_j: Sequence[str], elements: Sequence[str]) -> np.ndarray:
    """Return the bond type of each pair, named in the order of `elements`.

    Parameters
    ----------
    element_i : sequence of str
        Element of one atom of each pair.
    element_j : sequence of str
        Element of the other.
    elements : sequence of str
        All elements, in order.

    Returns
    -------
    ndarray
        (n,) names.

    Raises
    ------
    ValueError
        An element is not among `elements`.

    Examples
    --------
    >>> list(type_of(["Al", "Cu"], ["Zr", "Cu"], ["Zr", "Cu", "Al"]))
    ['Zr-Al', 'Cu-Cu']
    """
    order = {element: n for n, element in enumerate(elements)}
    foreign = sorted({*element_i, *element_j} - set(order))
    if foreign:
        raise ValueError(
            f"element {', '.join(foreign)} is not among the elements {list(elements)} of the parameters"
        )
    first, second = (np.array([order[e] for e in side], dtype=int) for side in (element_i, element_j))
    return type_table(elements)[first, second]


def type_table(elements: Sequence[str]) -> np.ndarray:
    """Return the bond type of each pair of elements.

    Parameters
    ----------
    elements : sequence of str
        n element symbols.

    Returns
    -------
    ndarray
        (n, n) names; [a, b] is the type of elements number a and b.
    """
    names = [
        ["-".join((elements[min(a, b)], elements[max(a, b)])) for b in range(len(elements))]
        for a in range(len(elements))
    ]
    return np.array(names, dtype=object)


def canonical(
    i: np.ndarray, j: np.ndarray, shifts: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Turn bonds so that each has one direction: i < j, or i = j and T > 0 in lexical order.

    The bond from i to j in the cell at T is the bond from j to i in the cell at −T.

    Parameters
    ----------
    i : (n,) array of int
        First atom of each bond, 0-based.
    j : (n,) array of int
        Second atom of each bond, 0-based.
    shifts : (n, 3) array of int
        Lattice translation T of atom j.

    Returns
    -------
    tuple of arrays
        i (n,), j (n,), T (n, 3), and which bonds were turned (n,).

    Examples
    --------
    >>> i, j, shifts, turned = canonical([2, 1], [0, 1], [[1, 0, 0], [0, -3, 4]])
    >>> i.tolist(), j.tolist(), shifts.tolist(), turned.tolist()
    ([0, 1], [2, 1], [[-1, 0, 0], [0, 3, -4]], [True, True])
    """
    i, j, shifts = np.asarray(i), np.asarray(j), np.asarray(shifts).reshape(-1, 3)
    leading = np.sign(shifts) @ [9, 3, 1]  # has the sign of the first component that is not 0
    turned = (i > j) | ((i == j) & (leading < 0))
    signs = np.where(turned, -1, 1).astype(shifts.dtype)[:, None]
    return np.where(turned, j, i), np.where(turned, i, j), shifts * signs, turned


def turn(table: pd.DataFrame) -> pd.DataFrame:
    """Turn the bonds of a table so that each has one direction, see `canonical`.

    Parameters
    ----------
    table : DataFrame
        Columns i, j, tx, ty, tz; element_i and element_j, where they are there, are turned too.

    Returns
    -------
    DataFrame
        A copy in the same order of rows.
    """
    i, j, shifts, turned = canonical(table.i.to_numpy(), table.j.to_numpy(), table[BOND[2:]].to_numpy())
    table = table.assign(**dict(zip(BOND, (i, j, *shifts.T), strict=True)))
    if "element_i" in table:
        names = ["element_i", "element_j"]
        table.loc[turned, names] = table.loc[turned, names[::-1]].to_numpy(copy=True)
    return table


def place(labels: pd.DataFrame, atoms: Atoms, tolerance: float = 2e-3) -> pd.DataFrame:
    """Bring the labels of a file to our convention and hold them to the structure.

    LOBSTER prints the translation of atomMU, whose sign is the opposite of ours (seen on every bond of
    version 3.0.0). The printed distance decides which sign a file uses: |r_j + T·cell − r_i| must be that
    distance.

    Parameters
    ----------
    labels : DataFrame
        i, j, tx, ty, tz as printed, distance (Å), and any other columns.
    atoms : Atoms
        The structure.
    tolerance : float
        Largest difference of a distance, Å.

    Returns
    -------
    DataFrame
        A copy with our translations, every bond in one direction (see `canonical`).

    Raises
    ------
    ValueError
        A distance fits neither sign: labels and structure do not belong together.

    Examples
    --------
    >>> cell = Atoms("Cu2", [[0, 0, 0], [9, 0, 0]], cell=[10, 10, 10], pbc=True)
    >>> import pandas as pd
    >>> printed = pd.DataFrame([[0, 1, 1, 0, 0, 1.0, -0.3]], columns=[*BOND, "distance", "icohp"])
    >>> int(place(printed, cell).tx[0])
    -1
    """
    labels = labels.copy()
    if not len(labels):
        return labels
    if labels[["i", "j"]].to_numpy().max() >= len(atoms):
        raise ValueError(
            f"the labels name atom {labels[['i', 'j']].to_numpy().max() + 1}, the structure has {len(atoms)}"
        )
    shifts = labels[BOND[2:]].to_numpy()
    base = atoms.positions[labels.j] - atoms.positions[labels.i]
    error = {
        s: np.abs(np.linalg.norm(base + s * shifts @ atoms.cell.array, axis=1) - labels.distance)
        for s in (-1, 1)
    }
    sign = min(error, key=lambda s: error[s].max())
    if error[sign].max() > tolerance:
        bond = labels.loc[error[sign].idxmax()]
        raise ValueError(
            f"the label of bond {bond.i + 1:.0f}–{bond.j + 1:.0f}, {bond.distance:.5f} Å, does not fit the "
            f"structure (off by {error[sign].max():.3f} Å): label and structure do not belong together"
        )
    labels[BOND[2:]] = sign * shifts
    return turn(labels)
