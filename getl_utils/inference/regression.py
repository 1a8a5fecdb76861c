"""Which atoms will move? What a regression on whole surroundings, such as SOAP vectors, finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.inference.contest import area, largest


def regression(
    vectors: np.ndarray,
    table: pd.DataFrame,
    outcome: str,
    part: float = 0.05,
    penalties: Sequence[float] = (1e-3, 1e-2, 0.1, 1.0),
) -> np.ndarray:
    """Score atoms by a ridge regression on vectors of their surroundings, such as SOAP.

    As `contest.scores`, with weights for each element. The penalty is chosen on the glasses that teach: each
    of them is left out in turn, and the largest mean area decides.

    Parameters
    ----------
    vectors : ndarray
        Of each atom; (atoms, components).
    table : DataFrame
        Atoms of all glasses, in the same order: glass, element, and the outcome.
    outcome : str
        Column; the atoms with the largest values are to be found.
    part : float
        As for `contest.largest`.
    penalties : sequence of float
        As `ridge` of `contest.scores`, to choose from.

    Returns
    -------
    ndarray
        (atoms,)

    Raises
    ------
    ValueError
        There are fewer than three glasses.
    """
    chosen = table.groupby("glass")[outcome].transform(largest, part=part).to_numpy(bool)
    glass, result = table.glass.to_numpy(), np.zeros(len(table))
    names = list(pd.unique(glass))
    if len(names) < 3:
        raise ValueError("a penalty is chosen on two glasses and judged on a third: give three or more")
    found = {ridge: _left_out(vectors, chosen, table, ridge) for ridge in penalties}
    for name in names:
        others = [other for other in names if other != name]

        def mean_area(ridge: float, name: str = name, others: list = others) -> float:
            pairs = found[ridge]
            return float(np.mean([area(pairs[name, o], chosen[glass == o]) for o in others]))

        best = max(penalties, key=mean_area)
        result[glass == name] = found[best][name, name]
    return result


def _left_out(
    vectors: np.ndarray, chosen: np.ndarray, table: pd.DataFrame, ridge: float
) -> dict[tuple[Any, Any], np.ndarray]:
    """Scores of glass b, learned without the glasses a and b, for every pair (a, b)."""
    glass, element = table.glass.to_numpy(), table.element.to_numpy()
    names, scores_of = list(pd.unique(glass)), {}
    for kind in pd.unique(element):
        rows = {name: (glass == name) & (element == kind) for name in names}
        mean = {name: vectors[own].mean(axis=0) for name, own in rows.items()}
        scale = vectors[element == kind].std(axis=0)
        scale = np.where(scale > 1e-9, scale, np.inf)
        sheets = {
            name: np.hstack([(vectors[own] - mean[name]) / scale, np.ones((own.sum(), 1))])
            for name, own in rows.items()
        }
        squares = {name: sheet.T @ sheet for name, sheet in sheets.items()}
        right = {name: sheets[name].T @ chosen[rows[name]] for name in names}
        for a in names:
            for b in names:
                learned = [name for name in names if name not in (a, b)]
                number = sum(len(sheets[name]) for name in learned)
                left = sum(squares[name] for name in learned) + ridge * number * np.eye(vectors.shape[1] + 1)
                weights = np.linalg.solve(left, sum(right[name] for name in learned))
                out = scores_of.setdefault((a, b), np.zeros((glass == b).sum()))
                out[element[glass == b] == kind] = sheets[b] @ weights
    return scores_of
