"""Which atoms will move? What a regression on whole surroundings, such as SOAP vectors, finds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from getl_utils.inference.contest import area, largest, scores


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
    glass, element = table.glass.to_numpy(), table.element.to_numpy()
    names, sheets = pd.unique(glass), _sheets(vectors, glass, element)
    if len(names) < 3:
        raise ValueError("a penalty is chosen on two glasses and judged on a third: give three or more")

    def _score(some: np.ndarray, ridge: float) -> np.ndarray:
        """Scores of the atoms `some`, each element by itself."""
        found = np.zeros(len(table))
        for kind, sheet in sheets.items():
            rows = some & (element == kind)
            found[rows] = scores(sheet[some[element == kind]], chosen[rows], glass[rows], ridge)
        return found

    whole = {ridge: _score(np.ones(len(table), bool), ridge) for ridge in penalties}
    result = np.zeros(len(table))
    for name in names:
        rest, areas = glass != name, {}
        for ridge in penalties:
            found = _score(rest, ridge)
            areas[ridge] = np.mean([area(found[glass == n], chosen[glass == n]) for n in names if n != name])
        result[~rest] = whole[max(areas, key=areas.get)][~rest]
    return result


def _sheets(vectors: np.ndarray, glass: np.ndarray, element: np.ndarray) -> dict[str, np.ndarray]:
    """Vectors of each element from the mean of each glass, in standard deviations of the element, and a 1."""
    sheets = {}
    for kind in pd.unique(element):
        some, of = vectors[element == kind], glass[element == kind]
        scale = some.std(axis=0)
        moved = np.concatenate([some, np.ones((len(some), 1))], axis=1)
        for name in pd.unique(of):
            moved[of == name, :-1] -= some[of == name].mean(axis=0)
        moved[:, :-1] /= np.where(scale > 1e-9, scale, np.inf)
        sheets[kind] = moved
    return sheets
