"""Figures of 05_train: data in, Figure out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy.stats import norm

from getl_utils.figures import COLOURS, _axes, _legend, colours


def calibration(z: pd.DataFrame, levels: Sequence[float] = tuple(np.linspace(0.05, 0.95, 19))) -> tuple[Figure, pd.DataFrame]:
    """How often central intervals hold, and the histogram of the probability integral transform; and their numbers.

    Parameters
    ----------
    z : a row per test bond: split, z = (true − predicted)/σ. levels : of the intervals.

    Returns
    -------
    The figure, and a table with split, level, inside (fraction), for the left panel.
    """
    figure, (left, right) = _axes(2, width=4.2, height=3.4)
    left.plot([0, 1], [0, 1], color="0.7", lw=1)
    right.axhline(1, color="0.7", lw=1)
    rows = []
    for name, colour in colours(list(dict.fromkeys(z.split))).items():
        some = z.z[z.split == name].to_numpy()
        inside = [np.mean(np.abs(some) <= norm.ppf(0.5 + level / 2)) for level in levels]
        left.plot(levels, inside, color=colour, label=name)
        right.stairs(*np.histogram(norm.cdf(some), 20, (0, 1), density=True), color=colour)
        rows.append(pd.DataFrame({"split": name, "level": levels, "inside": inside}))
    left.set(xlabel="level of the interval", ylabel="fraction of bonds inside")
    right.set(xlabel="probability integral transform", ylabel="density")
    _legend(left)
    return figure, pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def learning_curves(curves: pd.DataFrame, types: Sequence[str]) -> Figure:
    """RMSE (eV) against training bonds, mean and standard deviation over seeds; columns type, n, rmse, baseline_rmse."""
    present = [t for t in types if (curves.type == t).any()]
    columns = min(3, max(1, len(present)))
    figure, axes = _axes(columns, -(-max(1, len(present)) // columns), width=3.2, height=2.8)
    for panel, name in zip(axes, present, strict=False):
        grouped = curves[curves.type == name].groupby("n")
        mean, spread = grouped.rmse.mean(), grouped.rmse.std().fillna(0)
        panel.plot(mean.index, grouped.baseline_rmse.mean(), color="0.6", label="distance alone")
        panel.plot(mean.index, mean, "o-", ms=4, color=COLOURS[0], label="model")
        panel.fill_between(mean.index, mean - spread, mean + spread, color=COLOURS[0], alpha=0.2, lw=0)
        panel.set(xscale="log", yscale="log", title=name, xlabel="training bonds", ylabel="RMSE (eV)")
        panel.set_xticks(mean.index[:: max(1, len(mean) // 3)])  # the sizes themselves: labels of decades run into each other
        panel.xaxis.set_major_formatter("{x:.0f}")
        panel.xaxis.set_minor_locator(NullLocator())
        panel.yaxis.set_minor_formatter("{x:.2g}")
        panel.yaxis.set_major_formatter("{x:.2g}")
    for panel in axes[len(present) :]:
        panel.set_visible(False)
    if present:
        _legend(axes[0])
    return figure
