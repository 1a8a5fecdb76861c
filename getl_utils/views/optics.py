"""Figures of optical spectra: reflectivity, swatches, a periodic table of colours."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from getl_utils.labels.optics import colour
from getl_utils.models.graph.elements import GROUPS, PERIODS, group_and_period
from getl_utils.views import style

VISIBLE = (colour.PHOTON / 780, colour.PHOTON / 380)  # eV


def reflectivities(calculated: pd.DataFrame, measured: pd.DataFrame) -> style.Drawing:
    """Draw reflectivity against the energy of the light, a panel for each metal.

    Parameters
    ----------
    calculated : DataFrame
        metal, energy (eV), reflectivity.
    measured : DataFrame
        The same columns; drawn as points.

    Returns
    -------
    Figure, DataFrame
        The picture, and both tables with the column `what`.
    """
    figure, grid = style.panels(list(dict.fromkeys(calculated.metal)), width=2.6, height=2.4)
    for name, panel in grid.items():
        ours, theirs = (t[t.metal == name] for t in (calculated, measured))
        panel.axvspan(*VISIBLE, color="0.93", lw=0)
        panel.plot(ours.energy, ours.reflectivity, label="calculated", color=style.COLOURS[0])
        panel.plot(theirs.energy, theirs.reflectivity, "o", ms=3, label="measured", color=style.COLOURS[1])
        panel.set(xlabel="energy of the light (eV)", ylabel="reflectivity", ylim=(0, 1.02))
        panel.set_xlim(calculated.energy.min(), calculated.energy.max())
    style.legend(next(iter(grid.values())))
    return figure, pd.concat([calculated.assign(what="calculated"), measured.assign(what="measured")])


def swatches(rows: Mapping[str, Mapping[str, np.ndarray]]) -> style.Drawing:
    """Draw colours side by side, a row for each name.

    Parameters
    ----------
    rows : mapping
        Name → what → X, Y, Z.

    Returns
    -------
    Figure, DataFrame
        The picture, and name, what, L*, a*, b*.
    """
    kinds = list(dict.fromkeys(what for row in rows.values() for what in row))
    figure, (panel,) = style.axes(width=0.6 + 1.6 * len(kinds), height=0.5 + 0.5 * len(rows))
    numbers = []
    for y, (name, row) in enumerate(rows.items()):
        for x, what in enumerate(kinds):
            if what in row:
                _patch(panel, x, y, row[what])
                numbers.append({"name": name, "what": what} | _lab(row[what]))
    panel.set(xlim=(0, len(kinds)), ylim=(len(rows), 0))
    panel.set_xticks(np.arange(len(kinds)) + 0.5, kinds)
    panel.set_yticks(np.arange(len(rows)) + 0.5, list(rows))
    panel.tick_params(length=0, top=False)
    return figure, pd.DataFrame(numbers)


def periodic_table(colours: Mapping[str, np.ndarray]) -> style.Drawing:
    """Draw the elements in their places, each in its colour.

    Parameters
    ----------
    colours : mapping
        Element → X, Y, Z.

    Returns
    -------
    Figure, DataFrame
        The picture, and element, L*, a*, b*.
    """
    figure, (panel,) = style.axes(width=8.0, height=3.4)
    for element, one in colours.items():
        group, period = group_and_period(element)
        _patch(panel, group - 1, period - 1, one)
        dark = "k" if colour.lab(one)[0] > 60 else "w"
        panel.text(group - 0.5, period - 0.5, element, ha="center", va="center", color=dark)
    panel.set(xlim=(0, GROUPS), ylim=(PERIODS, 0), xlabel="group", ylabel="period")
    panel.set_xticks(np.arange(GROUPS) + 0.5, range(1, GROUPS + 1))
    panel.set_yticks(np.arange(PERIODS) + 0.5, range(1, PERIODS + 1))
    panel.tick_params(length=0)
    return figure, pd.DataFrame([{"element": e} | _lab(one) for e, one in colours.items()])


def _patch(panel: Axes, x: float, y: float, one: np.ndarray) -> None:
    panel.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, color=colour.srgb(one), lw=0))


def _lab(one: np.ndarray) -> dict[str, float]:
    return dict(zip(("L", "a", "b"), colour.lab(one).round(2).tolist(), strict=True))
