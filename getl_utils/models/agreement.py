"""Compare two lists of ICOHPs of one structure, bond by bond."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.data import atomic_numbers

from getl_utils.core.bonds import BOND, bond_types, place, turn, type_of
from getl_utils.files import lobster

TOLERANCE = 2e-3  # Å, between the distances of one bond in two files of five decimals


def read(path: str | Path, atoms: Atoms | None = None) -> pd.DataFrame:
    """Read an ICOHPLIST.lobster with every bond in one direction: i < j, or i = j and T > 0 in lexical order.

    Parameters
    ----------
    path : str or Path
        The file.
    atoms : Atoms, optional
        The structure. With it, translations are brought to our sign and bonds are held to its distances.
        Without it, translations stay as printed, which serves if both files print alike.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, distance (Å), icohp (eV), element_i, element_j.

    Raises
    ------
    FormatError
        The file is not whole.
    ValueError
        The file is of another structure, or a bond is there twice.
    """
    table = lobster.read_icohplist(path)
    printed = table[BOND].copy()
    if atoms is None:
        table = turn(table)
    else:
        symbols, table = np.array(atoms.get_chemical_symbols()), place(table, atoms)
        table["element_i"], table["element_j"] = symbols[table.i], symbols[table.j]
    twice = table.duplicated(BOND) & (printed.duplicated().to_numpy() | (table.i != table.j).to_numpy())
    if twice.any():
        first = table.loc[twice.idxmax(), BOND].tolist()
        raise ValueError(f"{path}: bond {first} (i, j, T, atoms from 0) is there twice")
    return _once(table)


def _once(table: pd.DataFrame) -> pd.DataFrame:
    """Bonds of an atom with its own images once: LOBSTER prints T and −T, with one value up to rounding."""
    values = [name for name in table if name.startswith("icohp")]
    again = table.duplicated(BOND, keep=False)
    if again.any():
        table = table.copy()
        table[values] = table.groupby(BOND)[values].transform("mean")
    return table.drop_duplicates(BOND, ignore_index=True)


def match(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """Match the bonds of two lists by atoms and translation.

    Parameters
    ----------
    ours, theirs : DataFrame
        From `read`.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, type, distance (Å), ours, theirs (eV, negative = bonding).

    Raises
    ------
    ValueError
        No bond in common, or a common bond with other elements or another length.
    """
    both = ours.merge(theirs, on=BOND, suffixes=("", "_theirs"))
    if not len(both):
        raise ValueError(
            f"none of {len(ours)} and {len(theirs)} bonds is in both files: are they of one structure? With "
            "--structure translations of opposite sign are understood"
        )
    apart = (both.distance - both.distance_theirs).abs() > TOLERANCE
    foreign = (both.element_i != both.element_i_theirs) | (both.element_j != both.element_j_theirs)
    if (apart | foreign).any():
        bond, differ = both[apart | foreign].iloc[0], int((apart | foreign).sum())
        one = f"{bond.element_i}-{bond.element_j}, {bond.distance:.5f} Å"
        other = f"{bond.element_i_theirs}-{bond.element_j_theirs}, {bond.distance_theirs:.5f} Å"
        raise ValueError(
            f"bond {bond.i + 1}–{bond.j + 1} is {one} in one file and {other} in the other: these are not "
            f"labels of one structure ({differ} of {len(both)} bonds differ)"
        )
    elements = sorted({*both.element_i, *both.element_j}, key=atomic_numbers.get, reverse=True)
    both["type"] = type_of(both.element_i, both.element_j, elements)
    both = both.rename(columns={"icohp": "ours", "icohp_theirs": "theirs"})
    order = {name: n for n, name in enumerate(bond_types(elements))}
    return both[[*BOND, "type", "distance", "ours", "theirs"]].sort_values(
        ["type", *BOND], key=lambda c: c.replace(order)
    )


def agreement(ours: Sequence[float], theirs: Sequence[float]) -> dict[str, float]:
    """Measure how well theirs ≈ slope · ours + intercept, by least squares.

    Parameters
    ----------
    ours, theirs : (n,)
        ICOHP, eV.

    Returns
    -------
    dict
        n, correlation (Pearson's r), slope, intercept (eV), rmse of ours, rmse_after_map (eV); NaN where n
        is too small.

    Examples
    --------
    >>> agreement([-1.0, -2.0, -3.0], [-2.0, -4.0, -6.0])["slope"].round(6).item()
    2.0
    """
    x, y = np.asarray(ours, float), np.asarray(theirs, float)
    result = {"n": len(x), "correlation": np.nan, "slope": np.nan, "intercept": np.nan}
    result |= {"rmse": np.sqrt(np.mean((x - y) ** 2)), "rmse_after_map": np.nan}
    if len(x) > 2 and np.ptp(x) > 0 and np.ptp(y) > 0:
        slope, intercept = np.polyfit(x, y, 1)
        left = y - slope * x - intercept
        result |= {"correlation": np.corrcoef(x, y)[0, 1], "slope": slope, "intercept": intercept}
        result["rmse_after_map"] = np.sqrt(np.mean(left**2))
    return result


def table(matched: pd.DataFrame) -> pd.DataFrame:
    """Measure the agreement of each bond type, and of all bonds together in the last row.

    Parameters
    ----------
    matched : DataFrame
        From `match`.

    Returns
    -------
    DataFrame
        type and what `agreement` gives.
    """
    groups = {name: matched[matched.type == name] for name in matched.type.unique()} | {"all": matched}
    return pd.DataFrame(
        [{"type": name, **agreement(group.ours, group.theirs)} for name, group in groups.items()]
    )


def reconcile(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Match the bonds of one structure as two models predict them.

    Parameters
    ----------
    first, second : DataFrame
        Tables of ``predictor.predict`` of the same structure.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, type, distance (Å), first, second and difference = second − first (eV, of −ICOHP),
        where (both, first or second), and, where both have a σ, sigma = √(σ₁² + σ₂²) (eV) and
        ratio = difference / sigma.

    Raises
    ------
    ValueError
        No bond in common, or a common bond of another length.
    """
    both = first.merge(
        second, on=[*BOND, "type"], how="outer", suffixes=("_first", "_second"), indicator="where"
    )
    both["where"] = (
        both["where"].map({"both": "both", "left_only": "first", "right_only": "second"}).astype(str)
    )
    common = both["where"] == "both"
    apart = common & ((both.distance_first - both.distance_second).abs() > TOLERANCE)
    if not common.any() or apart.any():
        same = int((common & ~apart).sum())
        raise ValueError(
            f"{same} of {len(first)} and {len(second)} bonds are the same: these are not predictions for one "
            "structure"
        )
    table = both[[*BOND, "type"]].assign(distance=both.distance_first.fillna(both.distance_second))
    table = table.assign(first=-both.predicted_first, second=-both.predicted_second, where=both["where"])
    table["difference"] = table.second - table["first"]
    sigmas = [name for name in ("sigma_first", "sigma_second") if name in both]
    if len(sigmas) == 2:
        table["sigma"] = np.hypot(both.sigma_first, both.sigma_second)
        table["ratio"] = table.difference / table.sigma
    return table


def reconciliation(table: pd.DataFrame) -> pd.DataFrame:
    """Summarise how two predictions differ.

    Parameters
    ----------
    table : DataFrame
        From `reconcile`.

    Returns
    -------
    DataFrame
        For each bond type, and for all: common bonds, bonds of one only, mean, root mean square and largest
        size of the difference (eV), and the fraction of bonds that differ by more than 2 σ of the difference.
    """
    rows = []
    for name, some in [*table.groupby("type", sort=False), ("all", table)]:
        common = some[some["where"] == "both"]
        d = common.difference
        row = {"type": name, "bonds": len(common), "only_first": int((some["where"] == "first").sum())}
        row |= {
            "only_second": int((some["where"] == "second").sum()),
            "mean": d.mean(),
            "rms": np.sqrt((d**2).mean()),
        }
        row |= {"largest": d.abs().max()}
        rows.append(row | ({"beyond_2_sigma": (common.ratio.abs() > 2).mean()} if "ratio" in common else {}))
    return pd.DataFrame(rows)
