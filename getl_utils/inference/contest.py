"""Which atoms will move? Indicators of the glass at rest are judged by the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata, t

from getl_utils.inference.surroundings import deviations


def area(score: Sequence[float], chosen: Sequence[bool]) -> float:
    """Return the area under the ROC curve: how often a chosen atom has the larger score.

    AUC = (R − n(n + 1)/2) / (n m), where R is the sum of the ranks of the n chosen ones among all n + m
    (J. A. Hanley, B. J. McNeil, Radiology 143, 29 (1982)). Equal scores count one half.

    Parameters
    ----------
    score : sequence of float
        Of each atom; (atoms,).
    chosen : sequence of bool
        Which atoms are to be found; (atoms,).

    Returns
    -------
    float
        0.5 for a score that knows nothing, 1 for a perfect one; NaN if all or none are chosen.

    Examples
    --------
    >>> area([1, 2, 3, 4], [False, False, True, True]), area([1, 1, 1, 1], [False, False, True, True])
    (1.0, 0.5)
    """
    chosen = np.asarray(chosen, bool)
    number, others = int(chosen.sum()), int((~chosen).sum())
    if not number or not others:
        return float("nan")
    ranks = rankdata(np.asarray(score, float))[chosen].sum()
    return float((ranks - number * (number + 1) / 2) / (number * others))


def largest(values: Sequence[float], part: float = 0.05) -> np.ndarray:
    """Choose the atoms with the largest values.

    Parameters
    ----------
    values : sequence of float
        One of each atom; (atoms,).
    part : float
        Greatest part of the atoms that is chosen. Of equal values all or none are chosen, so that numbers of
        bonds may choose fewer.

    Returns
    -------
    ndarray of bool
        Which are chosen; (atoms,).

    Examples
    --------
    >>> largest([0, 3, 1, 2], 0.25).tolist(), largest([0, 0, 0, 1, 1], 0.3).tolist()
    ([False, True, False, False], [False, False, False, False, False])
    """
    values = np.asarray(values, float)
    return rankdata(-values, method="max") <= part * len(values) + 1e-9


def design(table: pd.DataFrame, indicators: Sequence[str]) -> np.ndarray:
    """Lay out indicators for a linear score: for each element a constant and the deviations from its mean.

    Parameters
    ----------
    table : DataFrame
        Atoms of one glass: element and the indicators.
    indicators : sequence of str
        Columns.

    Returns
    -------
    ndarray
        (atoms, elements·(1 + indicators)), the elements in alphabetical order.
    """
    counted = deviations(table[list(indicators)], table.element).to_numpy(float)
    counted = np.column_stack([np.ones(len(table)), counted])
    own = [(table.element == name).to_numpy()[:, None] * counted for name in sorted(table.element.unique())]
    return np.hstack(own)


def scores(
    table: pd.DataFrame, chosen: pd.Series, indicators: Sequence[str], ridge: float = 1e-3
) -> pd.Series:
    """Score the atoms of each glass by what the other glasses teach.

    The score is linear in the `design`. Its weights are those of a ridge regression of chosen (1) or not (0)
    on the other glasses. A single indicator thus takes from them only its sign, and how often the atoms of
    each element are chosen.

    Parameters
    ----------
    table : DataFrame
        Atoms of all glasses: glass, element and the indicators.
    chosen : Series of bool
        Which atoms are to be found, with the index of `table`.
    indicators : sequence of str
        Columns; may be empty.
    ridge : float
        Penalty of the weights as a part of the number of atoms.

    Returns
    -------
    Series
        The score of each atom.

    Raises
    ------
    ValueError
        There are fewer than two glasses, or their elements differ.
    """
    glasses = dict(list(table.groupby("glass")))
    if len(glasses) < 2:
        raise ValueError("an indicator is judged on a glass by the others: give two glasses or more")
    if len({tuple(sorted(some.element.unique())) for some in glasses.values()}) > 1:
        raise ValueError("the glasses have different elements: their atoms cannot be compared")
    sheets = {name: design(some, indicators) for name, some in glasses.items()}
    squares = {name: x.T @ x + ridge * len(x) * np.eye(x.shape[1]) for name, x in sheets.items()}
    found = {name: x.T @ chosen[glasses[name].index].to_numpy(float) for name, x in sheets.items()}
    result = pd.Series(0.0, table.index)
    for name, sheet in sheets.items():
        left, right = (sum(every.values()) - every[name] for every in (squares, found))
        result[glasses[name].index] = sheet @ np.linalg.solve(left, right)
    return result


def contest(
    table: pd.DataFrame,
    outcomes: Sequence[str],
    indicators: Mapping[str, Sequence[str]],
    part: float = 0.05,
) -> pd.DataFrame:
    """Judge indicators on each left-out glass, over all atoms and element by element.

    Parameters
    ----------
    table : DataFrame
        Atoms of all glasses: glass, element, the indicators, and the outcomes.
    outcomes : sequence of str
        Columns; the atoms with the largest values are to be found, of all atoms or of one element.
    indicators : mapping of str to sequence of str
        Name and columns of each indicator; see `scores`. An indicator without columns knows the element only.
    part : float
        As for `largest`.

    Returns
    -------
    DataFrame
        outcome, atoms (`all` or an element), indicator, glass, auc.

    Raises
    ------
    ValueError
        As `scores`, or a column is not there.
    """
    wanted = {*outcomes, *(column for some in indicators.values() for column in some)}
    if absent := sorted(wanted - set(table)):
        raise ValueError(f"no column {', '.join(absent)} in the table of atoms")
    table, rows = table.reset_index(drop=True), []
    for atoms in ["all", *sorted(table.element.unique())]:
        some = table if atoms == "all" else table[table.element == atoms]
        for outcome in outcomes:
            chosen = some.groupby("glass")[outcome].transform(largest, part=part).astype(bool)
            for name, columns in indicators.items():
                score = scores(some, chosen, columns)
                for glass, own in some.groupby("glass"):
                    value = area(score[own.index], chosen[own.index])
                    rows.append((outcome, atoms, name, glass, value))
    return pd.DataFrame(rows, columns=["outcome", "atoms", "indicator", "glass", "auc"])


def interval(values: Sequence[float], level: float = 0.95) -> pd.Series:
    """Return the mean of independent values and its confidence interval by Student's t.

    Parameters
    ----------
    values : sequence of float
        One of each glass; NaN is left out.
    level : float
        Of the interval.

    Returns
    -------
    Series
        mean, low, high and number; the ends are NaN for fewer than two values.

    Examples
    --------
    >>> interval([0.6, 0.7, 0.8]).round(3).tolist()
    [0.7, 0.452, 0.948, 3.0]
    """
    some = np.asarray(values, float)
    some = some[np.isfinite(some)]
    mean, half = some.mean() if len(some) else np.nan, np.nan
    if len(some) > 1:
        half = t.ppf((1 + level) / 2, len(some) - 1) * some.std(ddof=1) / np.sqrt(len(some))
    return pd.Series({"mean": mean, "low": mean - half, "high": mean + half, "number": len(some)})


def summary(areas: pd.DataFrame) -> pd.DataFrame:
    """Average the areas over the glasses.

    Parameters
    ----------
    areas : DataFrame
        From `contest`.

    Returns
    -------
    DataFrame
        outcome, atoms, indicator, and mean, low, high and number of `interval`.
    """
    keys = ["outcome", "atoms", "indicator"]
    rows = [
        {**dict(zip(keys, key, strict=True)), **interval(some.auc)}
        for key, some in areas.groupby(keys, sort=False)
    ]
    return pd.DataFrame(rows)


def gain(areas: pd.DataFrame, one: str, other: str) -> pd.DataFrame:
    """Compare two indicators glass by glass.

    Parameters
    ----------
    areas : DataFrame
        From `contest`.
    one, other : str
        Names of the indicators.

    Returns
    -------
    DataFrame
        outcome, atoms, and mean, low, high and number of the differences one − other.
    """
    wide = areas.pivot_table(index=["outcome", "atoms", "glass"], columns="indicator", values="auc")
    keys = ["outcome", "atoms"]
    rows = [
        {**dict(zip(keys, key, strict=True)), **interval(some[one] - some[other])}
        for key, some in wide.groupby(level=keys, sort=False)
    ]
    return pd.DataFrame(rows)
