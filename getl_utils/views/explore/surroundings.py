"""A view of the map: what one neighbour does to a bond, by bond type and length."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from getl_utils.models.linear import LinearModel
from getl_utils.views import maps
from getl_utils.views.explore.view import View, control

STEP = 0.1  # Å, of the slider
PARTS = (0.02, 0.98)  # of the lengths of a type's bonds: the ends of its slider


def surroundings(model: LinearModel, known: pd.DataFrame, note: str = "") -> View:
    """Show the map of one bond type at a length that a slider chooses.

    Parameters
    ----------
    model : LinearModel
        The trained model.
    known : DataFrame
        As from ``views.maps.places``.
    note : str
        Printed on the picture.

    Returns
    -------
    View
        Of class ``getl-surroundings``.
    """
    types = [name for name in known.type.value_counts().index if name in model.types]
    ends = {name: known.length[known.type == name].quantile(PARTS) for name in types}
    low, high = (float(np.round(end, 1)) for end in (min(e.iloc[0] for e in ends.values()),
                                                     max(e.iloc[1] for e in ends.values())))  # fmt: skip

    def _draw(bond_type: str, length: float) -> tuple[Figure, str]:
        figure, numbers = maps.surroundings(model, known, {bond_type: length})
        if numbers.change.isna().all():
            raise ValueError(f"no training bond of {bond_type} is about {length:.2f} Å long")
        return figure, escape(_extremes(numbers))

    middle = float(np.clip(round(ends[types[0]].mean(), 1), low, high))
    controls = {
        "bond_type": control(widgets.Dropdown, "bond type", options=types),
        "length": control(widgets.FloatSlider, "length (Å)", min=low, max=high, step=STEP, value=middle),
    }
    return View("getl-surroundings", controls, _draw, note=note)


def _extremes(numbers: pd.DataFrame) -> str:
    """Return where a neighbour weakens and strengthens the bond most, in one line."""
    worst, best = (numbers.loc[at] for at in (numbers.change.idxmin(), numbers.change.idxmax()))
    words = [
        f"{row.element} {row.along:+.1f} Å along and {row.aside:.1f} Å aside: {row.change:+.3f} eV"
        for row in (worst, best)
    ]
    return f"weakened most by {words[0]}; strengthened most by {words[1]}"
