"""What a loading does to bonds and atoms: strengths, exchanged bonds, categories, non-affine displacement.

Own numpy: freud has neither D²min nor a bookkeeping of bonds; OVITO's AtomicStrainModifier has D²min, but
brings half a gigabyte with Qt for thirty lines and knows no bonds of ours.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND, neighbours
from getl_utils.inference.trajectory import Trajectory

STATES = ["kept", "broken", "formed"]
CATEGORIES = ("weak", "medium", "strong")


def strengths(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Number of bonds and distribution of −ICOHP (eV) per frame and type: frame, type, bonds, mean, std, q10,
    median, q90."""
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
    """Bonds under their lasting name: T between the unwrapped atoms, i ≤ j (T > 0 where i = j); type, −ICOHP
    as `strength`.

    T counts from where the file has the atoms, so it changes when one of them is wrapped; T + n_j − n_i does
    not, n being the cells by which the file's atom lies away from the followed one.
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
    """Bonds kept, broken and formed between the first frame and each later one.

    With w the upper end of its type's window, a bond of the first frame is broken in a later one where its
    atoms are further apart than w·(1 + hysteresis), else kept; a bond of the later frame is formed where the
    same images of its atoms were further apart than that in the first. Between w and w·(1 + hysteresis)
    nothing happens: there vibration decides. The two frames decide, not the path between them, so the answer
    does not depend on how often frames were dumped; kept + broken are the bonds of the first frame, and
    exchanging the two frames exchanges broken and formed.

    Parameters
    ----------
    tables : one per frame of `trajectory`: i, j, tx, ty, tz, type, predicted (ICOHP, eV). limits : type →
    window, Å.

    Returns
    -------
    DataFrame : frame, i, j, tx, ty, tz (between the unwrapped atoms), type, state, distance_before,
    distance_after (Å), before, after (−ICOHP in the first frame and in this one, eV; NaN where it is no bond
    of that frame).

    Raises
    ------
    ValueError : not one table per frame, or a type without a window.
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
    """Bonds kept, broken and formed over the frames, with their mean −ICOHP (eV) before and after.

    Returns
    -------
    DataFrame : frame, type (`all` for all), state, bonds, before, after, and `fraction` of the first frame's
    bonds of the type.
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
    """Were broken bonds weaker than kept ones of the same length? Mean −ICOHP (eV) before, per type.

    Each broken bond is compared with the mean of the kept ones whose length in the first frame lies in the
    same bin.

    Parameters
    ----------
    bonds : one frame of `exchanges`. width : Å, of the bins of the length.

    Returns
    -------
    DataFrame by type: compared (broken bonds with kept ones of their length), broken, kept_same_length.
    """
    some = bonds[bonds.before.notna()].assign(bin=bonds.distance_before // width)
    levels = some[some.state == "kept"].groupby(["type", "bin"]).before.mean().rename("level")
    broken = some[some.state == "broken"].join(levels, on=["type", "bin"]).dropna(subset="level")
    return broken.groupby("type").agg(
        compared=("before", "size"), broken=("before", "mean"), kept_same_length=("level", "mean")
    )


def categories(
    strength: Sequence[float], element: Sequence[str], names: Sequence[str] = CATEGORIES
) -> pd.Categorical:
    """How strongly an atom is bonded: equal parts of the atoms of its element, by rank of the strength.

    Examples
    --------
    >>> list(categories([3.0, 1.0, 2.0, 9.0], ["Cu", "Cu", "Cu", "Zr"]))
    ['strong', 'weak', 'medium', 'weak']
    """
    groups = pd.Series(np.asarray(strength, float)).groupby(np.asarray(element, object))
    rank, number = groups.rank(method="first") - 1, groups.transform("size")
    return pd.Categorical.from_codes((rank * len(names) // number).astype(int), list(names), ordered=True)


def d2min(trajectory: Trajectory, frame: int, cutoff: float) -> np.ndarray:
    """Non-affine displacement D²min (Å^2) of each atom between the first frame and `frame`.

    D²min_i = min over J of (1/n_i) Σ_j |r_ij(t) − r_ij(0)·J|², j the n_i neighbours of i in the first frame
    (M. L. Falk, J. S. Langer, Phys. Rev. E 57, 7192 (1998); there not divided by n_i, which is done here so
    that an atom with more neighbours has not more for that alone). J = X⁻¹Y with X = Σ r(0)ᵀr(0), Y = Σ
    r(0)ᵀr(t).

    Parameters
    ----------
    cutoff : Å, of the neighbours.

    Returns
    -------
    (atoms,), NaN for an atom whose neighbours (fewer than three, or in a plane) leave J open.
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

    def total(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        sums = [np.bincount(i, a[:, k] * b[:, m], number) for k in range(3) for m in range(3)]
        return np.array(sums).T.reshape(number, 3, 3)

    x, y = total(before, before), total(before, after)
    size = np.trace(x, axis1=1, axis2=2) / 3
    solvable = np.linalg.det(x) > 1e-9 * size**3
    affine = np.full((number, 3, 3), np.nan)
    affine[solvable] = np.linalg.solve(x[solvable], y[solvable])
    rest = after - np.einsum("nk,nkm->nm", before, affine[i])
    result = np.bincount(i, (rest**2).sum(axis=1), number) / np.maximum(1, np.bincount(i, minlength=number))
    return np.where(solvable, result, np.nan)


def atom_table(
    table: pd.DataFrame, trajectory: Trajectory, bonds: pd.DataFrame, frame: int, cutoff: float
) -> pd.DataFrame:
    """What each atom was in the first frame, and what became of it in `frame`.

    Parameters
    ----------
    table : bonds of the first frame. bonds : from `exchanges`. cutoff : Å, for D²min.

    Returns
    -------
    DataFrame : atom (0-based), element, bonds, strength (Σ −ICOHP, eV), category, d2min (Å^2), broken,
    formed, exchanged (their sum).
    """
    number, ends = len(trajectory.symbols), np.concatenate([table.i, table.j])
    result = pd.DataFrame({"atom": range(number), "element": trajectory.symbols})
    result["bonds"] = np.bincount(ends, minlength=number)
    result["strength"] = np.bincount(ends, -np.tile(table.predicted, 2), number)
    result["category"] = categories(result.strength, result.element)
    result["d2min"] = d2min(trajectory, frame, cutoff)
    for state in ("broken", "formed"):
        some = bonds[(bonds.frame == frame) & (bonds.state == state)]
        result[state] = np.bincount(np.concatenate([some.i, some.j]).astype(int), minlength=number)
    return result.assign(exchanged=result.broken + result.formed)


def mobility(atoms: pd.DataFrame) -> pd.DataFrame:
    """Per element and category: atoms, their mean strength (eV), median D²min (Å^2) and mean number of
    exchanged bonds.

    `rank_correlation` is Spearman's, of strength and D²min, over all atoms of the element.
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
