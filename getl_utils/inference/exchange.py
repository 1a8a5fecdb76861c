"""What a loading does to bonds and atoms: strengths, exchanged bonds, categories, non-affine displacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND
from getl_utils.inference.displacements import d2min
from getl_utils.inference.trajectory import Trajectory

STATES = ["kept", "broken", "formed"]
CATEGORIES = ("weak", "medium", "strong")


def strengths(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Describe the distribution of −ICOHP in each frame.

    Parameters
    ----------
    tables : sequence of DataFrame
        One per frame, with the columns type and predicted (ICOHP, eV).

    Returns
    -------
    DataFrame
        frame (0, 1, …), type, bonds (their number), and mean, std, q10, median and q90 of −ICOHP, eV.

    Examples
    --------
    >>> table = pd.DataFrame({"type": "Cu-Cu", "predicted": [-1.0, -3.0]})
    >>> strengths([table])[["frame", "type", "bonds", "mean"]].values.tolist()
    [[0, 'Cu-Cu', 2, 2.0]]
    """
    rows = []
    for n, table in enumerate(tables):
        groups = (-table.predicted).groupby(table.type.astype(str))
        some = groups.agg(bonds="size", mean="mean", std="std", median="median")
        some = (
            some.assign(q10=groups.quantile(0.1), q90=groups.quantile(0.9)).rename_axis("type").reset_index()
        )
        rows.append(some.assign(frame=n))
    return pd.concat(rows, ignore_index=True)[
        ["frame", "type", "bonds", "mean", "std", "q10", "median", "q90"]
    ]


def _followed(bonds: pd.DataFrame, trajectory: Trajectory, frame: int, strength: str) -> pd.DataFrame:
    """Name each bond so that it keeps its name in all frames: T between the unwrapped atoms, i ≤ j.

    T counts from where the file has the atoms, so it changes when an atom is wrapped. T + n_j − n_i does not,
    where n are the cells between the file's atom and the followed one.
    """
    i, j, shift = bonds.i.to_numpy(), bonds.j.to_numpy(), trajectory.shifts[frame]
    cells = bonds[BOND[2:]].to_numpy() + shift[j] - shift[i]
    leading = np.take_along_axis(cells, (cells != 0).argmax(axis=1)[:, None], axis=1)[:, 0]
    back = (i > j) | ((i == j) & (leading < 0))
    cells = np.where(back[:, None], -cells, cells)
    table = pd.DataFrame({"i": np.where(back, j, i), "j": np.where(back, i, j)})
    table[BOND[2:]] = cells
    return table.assign(type=bonds.type.astype(str).to_numpy(), **{strength: -bonds.predicted.to_numpy()})


def exchanges(
    tables: Sequence[pd.DataFrame],
    trajectory: Trajectory,
    limits: Mapping[str, Sequence[float]],
    hysteresis: float = 0.1,
) -> pd.DataFrame:
    """Find the bonds kept, broken and formed between the first frame and each later one.

    Let w be the upper end of the window of a bond's type. A bond of the first frame is broken in a later one
    if its atoms are further apart than w·(1 + hysteresis), and kept if not. A bond of the later frame is
    formed if the same images of its atoms were further apart than that in the first. A distance between w and
    w·(1 + hysteresis) changes nothing, because there vibration decides.

    The two frames decide, not the path between them, so the result does not depend on how often frames were
    dumped. Kept and broken bonds together are the bonds of the first frame. If the two frames are exchanged,
    broken and formed are exchanged.

    Parameters
    ----------
    tables : sequence of DataFrame
        One per frame of `trajectory`: i, j, tx, ty, tz, type, predicted (ICOHP, eV).
    trajectory : Trajectory
        The frames.
    limits : mapping of str to two floats
        Window of each bond type, Å.
    hysteresis : float, default 0.1
        Part of w by which a bond must be longer than w to be broken.

    Returns
    -------
    DataFrame
        frame, i, j, tx, ty, tz (between the unwrapped atoms), type, state, distance_before, distance_after
        (Å), before and after (−ICOHP in the first frame and in this one, eV; NaN where the pair is no bond of
        that frame).

    Raises
    ------
    ValueError
        The number of tables is not that of the frames, or a type has no window.
    """
    if len(tables) != len(trajectory.cells):
        raise ValueError(f"{len(tables)} tables of bonds for {len(trajectory.cells)} frames")
    foreign = sorted(set().union(*(t.type.unique() for t in tables)) - set(limits))
    if foreign:
        raise ValueError(f"no window for bonds of type {', '.join(map(str, foreign))}")
    first, rows = _followed(tables[0], trajectory, 0, "before"), []
    for n in range(1, len(tables)):
        both = first.merge(
            _followed(tables[n], trajectory, n, "after"), on=[*BOND, "type"], how="outer", indicator=True
        )
        pair = both.i.to_numpy(), both.j.to_numpy(), both[BOND[2:]].to_numpy()
        then, now = (np.linalg.norm(trajectory.vectors(frame, *pair), axis=1) for frame in (0, n))
        far = both.type.map({t: high for t, (_, high) in limits.items()}).to_numpy(float) * (1 + hysteresis)
        there = (both._merge != "right_only").to_numpy()
        both["state"] = pd.Categorical.from_codes(np.where(there, np.where(now > far, 1, 0), 2), STATES)
        both = both.assign(frame=n, distance_before=then, distance_after=now)[there | (then > far)]
        rows.append(both)
    columns = ["frame", *BOND, "type", "state", "distance_before", "distance_after", "before", "after"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def exchange_summary(bonds: pd.DataFrame) -> pd.DataFrame:
    """Count the bonds kept, broken and formed in each frame.

    Parameters
    ----------
    bonds : DataFrame
        From `exchanges`.

    Returns
    -------
    DataFrame
        frame, type (`all` for all), state, bonds (their number), before and after (mean −ICOHP, eV), and
        `fraction` of the first frame's bonds of the type.
    """
    some = pd.concat([bonds, bonds.assign(type="all")])
    table = some.groupby(["frame", "type", "state"], observed=False).agg(
        bonds=("i", "size"), before=("before", "mean"), after=("after", "mean")
    )
    table = table.reset_index()
    first = table[table.state != "formed"].groupby(["frame", "type"]).bonds.transform("sum")
    first = table.assign(first=first).groupby(["frame", "type"])["first"].transform("max")
    return table.assign(fraction=table.bonds / first)


def at_equal_length(bonds: pd.DataFrame, width: float = 0.1) -> pd.DataFrame:
    """Compare broken bonds with kept bonds of the same length.

    Each broken bond is compared with the mean of the kept ones whose length in the first frame lies in the
    same bin.

    Parameters
    ----------
    bonds : DataFrame
        One frame of `exchanges`.
    width : float, default 0.1
        Width of the bins of the length, Å.

    Returns
    -------
    DataFrame
        By type: compared (number of broken bonds for which there are kept ones of their length), and the mean
        −ICOHP (eV) in the first frame of these broken bonds and of the kept ones (kept_same_length).
    """
    some = bonds[bonds.before.notna()].assign(bin=bonds.distance_before // width)
    levels = some[some.state == "kept"].groupby(["type", "bin"]).before.mean().rename("level")
    broken = some[some.state == "broken"].join(levels, on=["type", "bin"]).dropna(subset="level")
    return broken.groupby("type").agg(
        compared=("before", "size"), broken=("before", "mean"), kept_same_length=("level", "mean")
    )


def categories(strength: Sequence[float], element: Sequence[str]) -> pd.Categorical:
    """Sort atoms into `CATEGORIES` by strength, equally many of each element in each category.

    Parameters
    ----------
    strength : sequence of float
        Bond strength of each atom, eV; (atoms,).
    element : sequence of str
        Element of each atom; (atoms,).

    Returns
    -------
    Categorical
        Category of each atom; (atoms,).

    Examples
    --------
    >>> list(categories([3.0, 1.0, 2.0, 9.0], ["Cu", "Cu", "Cu", "Zr"]))
    ['strong', 'weak', 'medium', 'weak']
    """
    groups = pd.Series(np.asarray(strength, float)).groupby(np.asarray(element, object))
    rank, number = groups.rank(method="first") - 1, groups.transform("size")
    return pd.Categorical.from_codes(
        (rank * len(CATEGORIES) // number).astype(int), list(CATEGORIES), ordered=True
    )


def at_atoms(bonds: pd.DataFrame, number: int, values: pd.Series | None = None) -> np.ndarray:
    """Count the bonds of each atom, or sum a number of each bond at both of its atoms.

    Parameters
    ----------
    bonds : DataFrame
        i, j.
    number : int
        Number of atoms.
    values : Series, optional
        A number of each bond; default: the bonds are counted.

    Returns
    -------
    ndarray
        Of each atom; (atoms,).

    Examples
    --------
    >>> bonds = pd.DataFrame({"i": [0, 0], "j": [1, 2], "predicted": [-1.0, -2.0]})
    >>> at_atoms(bonds, 4).tolist(), at_atoms(bonds, 4, -bonds.predicted).tolist()
    ([2, 1, 1, 0], [3.0, 1.0, 2.0, 0.0])
    """
    ends = np.concatenate([bonds.i, bonds.j]).astype(int)
    return np.bincount(ends, None if values is None else np.tile(values, 2), number)


def atom_table(
    table: pd.DataFrame, trajectory: Trajectory, bonds: pd.DataFrame, frame: int, cutoff: float
) -> pd.DataFrame:
    """Describe each atom in the first frame and what changed at it until another frame.

    Parameters
    ----------
    table : DataFrame
        Bonds of the first frame: i, j, predicted (ICOHP, eV).
    trajectory : Trajectory
        The frames.
    bonds : DataFrame
        From `exchanges`.
    frame : int
        Number of the later frame.
    cutoff : float
        For `d2min`, Å.

    Returns
    -------
    DataFrame
        atom (0-based), element, bonds (their number), strength (Σ −ICOHP, eV), category, d2min (Å^2), broken,
        formed and exchanged (their sum).
    """
    number = len(trajectory.symbols)
    result = pd.DataFrame({"atom": range(number), "element": trajectory.symbols})
    result["bonds"] = at_atoms(table, number)
    result["strength"] = at_atoms(table, number, -table.predicted)
    result["category"] = categories(result.strength, result.element)
    result["d2min"] = d2min(trajectory, frame, cutoff)
    for state in ("broken", "formed"):
        some = bonds[(bonds.frame == frame) & (bonds.state == state)]
        result[state] = at_atoms(some, number)
    return result.assign(exchanged=result.broken + result.formed)


def mobility(atoms: pd.DataFrame) -> pd.DataFrame:
    """Compare the mobility of weakly and strongly bonded atoms.

    Parameters
    ----------
    atoms : DataFrame
        From `atom_table`.

    Returns
    -------
    DataFrame
        By element and category: atoms (their number), strength (mean, eV), d2min (median, Å^2), exchanged
        (mean number of bonds), and `rank_correlation`, Spearman's, of strength and D²min over all atoms of
        the element.
    """
    elements = pd.Categorical(
        atoms.element, list(dict.fromkeys(atoms.element))
    )  # in the order in which they appear
    table = (
        atoms.assign(element=elements)
        .groupby(["element", "category"], observed=False)
        .agg(
            atoms=("atom", "size"),
            strength=("strength", "mean"),
            d2min=("d2min", "median"),
            exchanged=("exchanged", "mean"),
        )
    )
    ranks = {
        name: some.strength.corr(some.d2min, method="spearman") for name, some in atoms.groupby("element")
    }
    table = table.reset_index().astype({"element": str})
    return table.assign(rank_correlation=table.element.map(ranks))
