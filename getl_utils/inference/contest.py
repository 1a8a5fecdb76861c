"""Which atoms will move? Indicators of the glass at rest are judged by the area under the ROC curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import rankdata, t

from getl_utils.inference.surroundings import BONDS, GEOMETRY, deviations


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


def indicators(table: pd.DataFrame, more: Sequence[str] = ("energy",)) -> dict[str, list[str]]:
    """Name the indicators that take part: single columns of ``surroundings.rows``, and sets of them.

    Parameters
    ----------
    table : DataFrame
        Atoms of all glasses.
    more : sequence of str
        Columns besides geometry and bonds; those that are not there are left out.

    Returns
    -------
    dict of str to list of str
        Name and columns: `element` (none); each number of an atom, and its average `around` the atom; and the
        sets `all geometry`, `all bonds`, `geometry + energy` and `everything`.
    """
    more = [name for name in more if name in table]
    sets = {"all geometry": GEOMETRY, "all bonds": BONDS}
    if more:
        sets[f"geometry + {' + '.join(more)}"] = [*GEOMETRY, *more]
    sets["everything"] = [*GEOMETRY, *more, *BONDS]
    found = {"element": []} | {name: [name] for name in sets["everything"]}
    found |= {f"{name} around": [f"{name}_around"] for name in sets["everything"]}
    return found | {name: [*some, *(f"{one}_around" for one in some)] for name, some in sets.items()}


def design(table: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Count indicators from the mean of each glass and element, in standard deviations.

    Parameters
    ----------
    table : DataFrame
        Atoms of all glasses: glass, element and the indicators.
    columns : sequence of str
        Indicators.

    Returns
    -------
    DataFrame
        Their columns.
    """
    groups = table.glass.astype(str) + " " + table.element.astype(str)
    return deviations(table[list(columns)], groups)


def scores(sheet: np.ndarray, chosen: np.ndarray, glass: np.ndarray, ridge: float = 0.1) -> np.ndarray:
    """Score the atoms of each glass by what the other glasses teach.

    The score is linear. Its weights are those of a ridge regression of chosen (1) or not (0) on the atoms of
    the other glasses. A single indicator thus takes from them its sign, and how often the atoms of each
    element are chosen.

    Parameters
    ----------
    sheet : ndarray
        Numbers of each atom; (atoms, numbers).
    chosen : ndarray of bool
        Which atoms are to be found; (atoms,).
    glass : ndarray
        Which glass each atom is of; (atoms,).
    ridge : float
        Penalty of the squared weights, for each atom. The numbers are counted in standard deviations, so 0.1
        damps what is nearly the same in several indicators, and little else.

    Returns
    -------
    ndarray
        (atoms,)

    Raises
    ------
    ValueError
        There are fewer than two glasses.
    """
    members = [glass == name for name in pd.unique(glass)]
    if len(members) < 2:
        raise ValueError("an indicator is judged on a glass by the others: give two glasses or more")
    penalty, target = ridge * np.eye(sheet.shape[1]), chosen.astype(float)
    squares = [sheet[own].T @ sheet[own] + own.sum() * penalty for own in members]
    found = [sheet[own].T @ target[own] for own in members]
    result = np.zeros(len(sheet))
    for n, own in enumerate(members):
        left, right = (sum(some[:n] + some[n + 1 :]) for some in (squares, found))
        result[own] = sheet[own] @ np.linalg.solve(left, right)
    return result


def contest(
    table: pd.DataFrame,
    outcomes: Sequence[str],
    names: Mapping[str, Sequence[str]],
    part: float = 0.05,
) -> pd.DataFrame:
    """Judge indicators on each left-out glass, over all atoms and element by element.

    For all atoms each element has weights of its own, so that an indicator is not judged by how well it tells
    the elements apart: what knows nothing else than the element is the indicator without columns.

    Parameters
    ----------
    table : DataFrame
        Atoms of all glasses: glass, element, the indicators, and the outcomes.
    outcomes : sequence of str
        Columns; the atoms with the largest values are to be found, of all atoms or of one element.
    names : mapping of str to sequence of str
        Name and columns of each indicator, as from `indicators`.
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
    columns = sorted({column for some in names.values() for column in some})
    if absent := sorted({*outcomes, *columns} - set(table)):
        raise ValueError(f"no column {', '.join(absent)} in the table of atoms")
    table = table.reset_index(drop=True)
    counted, elements, rows = design(table, columns).assign(one=1.0), sorted(table.element.unique()), []
    for atoms in ["all", *elements]:
        some = table if atoms == "all" else table[table.element == atoms]
        own = [(some.element == name).to_numpy()[:, None] for name in elements if atoms in ("all", name)]
        sheets = {name: counted.loc[some.index, ["one", *which]].to_numpy() for name, which in names.items()}
        for outcome in outcomes:
            chosen = some.groupby("glass")[outcome].transform(largest, part=part).to_numpy(bool)
            for name, sheet in sheets.items():
                score = scores(np.hstack([sheet * one for one in own]), chosen, some.glass.to_numpy())
                judged = pd.DataFrame({"glass": some.glass, "score": score, "chosen": chosen})
                rows += [
                    (outcome, atoms, name, glass, area(one.score, one.chosen))
                    for glass, one in judged.groupby("glass")
                ]
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
