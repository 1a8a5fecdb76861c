"""What is published on a glass, beside what a quench gives: density and first peaks of g(r)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from getl_utils.core.bonds import parse_composition

FIRST_SHELL = 3.8  # Å, where the first peak of a pair of metals is sought
AROUND = 0.16  # Å, half of what is taken for its top


def found(density: float, radial: pd.DataFrame) -> dict[str, float]:
    """Return density and places of the first peaks of a glass.

    Parameters
    ----------
    density : float
        g/cm³, e.g. the mean over the end of a quench.
    radial : DataFrame
        g(r), as ``radial.radial_distribution`` gives it.

    Returns
    -------
    dict
        ``density`` (g/cm³) and, for each column of g(r), the place of its highest peak below 3.8 Å (Å),
        that of a parabola through its top.
    """
    near = radial[radial.r < FIRST_SHELL]
    return {"density": density, **{name: _top(near.r, near[name]) for name in radial.columns[1:]}}


def _top(r: pd.Series, g: pd.Series) -> float:
    """Place of the highest point of a parabola through the bins around the greatest value, Å."""
    around = (r - r[g.idxmax()]).abs() < AROUND
    bend, slope, _ = np.polyfit(r[around], g[around], 2)
    return float(-slope / (2 * bend))


def beside(file: Path, composition: str, here: dict[str, float]) -> pd.DataFrame:
    """Put published values beside those of a glass.

    Parameters
    ----------
    file : Path
        CSV with the columns elements (symbols, one space between), quantity, published, unit, source.
    composition : str
        Nominal composition of the glass.
    here : dict
        As from `found`.

    Returns
    -------
    DataFrame
        The rows for glasses of the same elements: quantity, published, unit, `here`, `difference` as a
        fraction, and the source.
    """
    table = pd.read_csv(file)
    same = [set(words.split()) == set(parse_composition(composition)) for words in table.elements]
    table = table[same].drop(columns="elements").reset_index(drop=True)
    table.insert(2, "here", table.quantity.map(here).astype(float))
    table.insert(3, "difference", table.here / table.published - 1)
    return table
