"""How much of a structure lies outside the training set, over the frames of a trajectory."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

LIMIT = 0.10  # of the bonds of a type that may be outside before it is called drift


def drift(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Measure how much of each frame is unlike the training set.

    A bond is outside where its leverage is larger than that of nearly all training bonds, or where it is
    longer or shorter than all of them.

    Parameters
    ----------
    tables : iterable of DataFrame
        The predicted bonds of each frame, with `sigma` and `outside`.

    Returns
    -------
    DataFrame
        One row per frame and bond type: frame, of (the type), sigma (mean, eV), new (fraction outside).

    Raises
    ------
    ValueError
        The predictions have no σ.

    Examples
    --------
    >>> bonds = pd.DataFrame({"type": "Ni-Ti", "sigma": [0.1, 0.3], "outside": [False, True]})
    >>> drift([bonds]).round(2).to_dict("records")
    [{'frame': 0, 'of': 'Ni-Ti', 'sigma': 0.2, 'new': 0.5}]
    """
    rows = []
    for n, bonds in enumerate(tables):
        if "outside" not in bonds:
            raise ValueError("these predictions have no σ: predict again with `sigma`")
        for bond_type, some in bonds.groupby("type", sort=False):
            sigma, new = float(some.sigma.mean()), float(some.outside.mean())
            rows.append({"frame": n, "of": bond_type, "sigma": sigma, "new": new})
    return pd.DataFrame(rows, columns=["frame", "of", "sigma", "new"])


def warnings(table: pd.DataFrame) -> list[str]:
    """Say which bond types have drifted.

    Parameters
    ----------
    table : DataFrame
        From `drift`.

    Returns
    -------
    list of str
        A line for each type of which more than `LIMIT` is outside: in which frame most is, and how much.
    """
    worst = table.loc[table.groupby("of", sort=False).new.idxmax()]
    return [
        f"{row.of}: {row.new:.0%} of its bonds are unlike the training set (frame {row.frame}; "
        f"limit {LIMIT:.0%})"
        for row in worst[worst.new > LIMIT].itertuples()
    ]
