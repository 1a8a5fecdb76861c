"""Figures of optical spectra: reflectivity, swatches, periodic tables of colours and of counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
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


def periodic_table(
    colours: Mapping[str, np.ndarray], predicted: Mapping[str, np.ndarray] = {}
) -> style.Drawing:
    """Draw the elements in their places, each in its colour.

    Parameters
    ----------
    colours : mapping
        Element → X, Y, Z.
    predicted : mapping
        The same for elements whose colour is a prediction; their names are in brackets.

    Returns
    -------
    Figure, DataFrame
        The picture, and element, L*, a*, b*, predicted.
    """
    figure, panel = _places()
    drawn = {**predicted, **colours}
    for element, one in drawn.items():
        name = element if element in colours else f"({element})"
        _element(panel, element, name, colour.srgb(one), dark=colour.lab(one)[0] > 60)
    rows = [{"element": e} | _lab(one) | {"predicted": e not in colours} for e, one in drawn.items()]
    return figure, pd.DataFrame(rows)


def counts(crystals: Mapping[str, int]) -> style.Drawing:
    """Draw the elements in their places with the number of crystals that hold them; dark is many.

    Parameters
    ----------
    crystals : mapping
        Element → number.

    Returns
    -------
    Figure, DataFrame
        The picture, and element and crystals.
    """
    figure, panel = _places()
    for element, number in crystals.items():
        share = number / max(crystals.values())
        _element(panel, element, f"{element}\n{number}", style.AMOUNTS(share), dark=share < 0.5)
    return figure, pd.DataFrame(list(crystals.items()), columns=["element", "crystals"])


def _places() -> tuple[Figure, Axes]:
    """An empty periodic table."""
    figure, (panel,) = style.axes(width=8.0, height=3.4)
    panel.set(xlim=(0, GROUPS), ylim=(PERIODS, 0), xlabel="group", ylabel="period")
    panel.set_xticks(np.arange(GROUPS) + 0.5, range(1, GROUPS + 1))
    panel.set_yticks(np.arange(PERIODS) + 0.5, range(1, PERIODS + 1))
    panel.tick_params(length=0)
    return figure, panel


def _element(panel: Axes, element: str, text: str, shade: Any, dark: bool) -> None:
    group, period = group_and_period(element)
    panel.add_patch(Rectangle((group - 0.97, period - 0.97), 0.94, 0.94, color=shade, lw=0))
    ink = "k" if dark else "w"
    panel.text(group - 0.5, period - 0.5, text, ha="center", va="center", color=ink, fontsize=9)


def one_spectrum(table: pd.DataFrame, seen: np.ndarray, low: np.ndarray, high: np.ndarray) -> style.Drawing:
    """Draw a predicted reflectivity with its band, and the colour beside it.

    Parameters
    ----------
    table : DataFrame
        energy (eV), reflectivity.
    seen : (3,) array
        X, Y, Z.
    low : (n,) array
        Lower end of the band.
    high : (n,) array
        Upper end of the band.

    Returns
    -------
    Figure, DataFrame
        The picture, and the table with low and high.
    """
    figure, (left, right) = style.axes(columns=2, width=3.6, height=2.6)
    left.axvspan(*VISIBLE, color="0.93", lw=0)
    left.fill_between(table.energy, low, high, color=style.COLOURS[0], alpha=0.25, lw=0)
    left.plot(table.energy, table.reflectivity, color=style.COLOURS[0])
    left.set(xlabel="energy of the light (eV)", ylabel="reflectivity", ylim=(0, 1.02), xlim=(0.4, 6.5))
    _patch(right, 0, 0, seen)
    right.set(xlim=(0, 1), ylim=(1, 0))
    right.axis("off")
    return figure, table.assign(low=low, high=high)


def learning(curves: pd.DataFrame, columns: Mapping[str, str]) -> style.Drawing:
    """Draw errors against the number of crystals learned from, mean and its standard error over the orders.

    Parameters
    ----------
    curves : DataFrame
        n, and the columns that are drawn; a row for each order.
    columns : mapping
        Column → label of its panel.

    Returns
    -------
    Figure, DataFrame
        The picture, and n, error, mean and sem.
    """
    figure, grid = style.panels(list(columns.values()), height=2.6)
    rows = []
    for column, panel in zip(columns, grid.values(), strict=True):
        by = curves.groupby("n")[column]
        panel.errorbar(by.mean().index, by.mean(), by.sem(), fmt="o-", ms=4, color=style.COLOURS[0])
        panel.set(xscale="log", xlabel="crystals learned from", ylim=(0, None))
        style.log_ticks(panel.xaxis, list(by.mean().index))
        rows.append(pd.DataFrame({"error": column, "mean": by.mean(), "sem": by.sem()}).reset_index())
    return figure, pd.concat(rows, ignore_index=True)


def _patch(panel: Axes, x: float, y: float, one: np.ndarray) -> None:
    panel.add_patch(Rectangle((x + 0.03, y + 0.03), 0.94, 0.94, color=colour.srgb(one), lw=0))


def _lab(one: np.ndarray) -> dict[str, float]:
    return dict(zip(("L", "a", "b"), colour.lab(one).round(2).tolist(), strict=True))
