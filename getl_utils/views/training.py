"""Figures of a model in training: parity, errors by split, calibration, learning curves, descriptors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.special import ndtr, ndtri

from getl_utils.views.style import COLOURS, SIGNED, Drawing, axes, colours, legend, log_ticks, panels

MARKS = "os^DvP*"
CURVES = {"rmse": "model", "published_rmse": "published model"}


def parity(results: Mapping[str, pd.DataFrame], types: Sequence[str]) -> Drawing:
    """Draw predicted against calculated −ICOHP, a panel per bond type.

    Parameters
    ----------
    results : mapping of str to DataFrame
        Bond type and its test bonds: true, predicted (−ICOHP, eV).
    types : sequence of str
        Bond types in the order of their colours.

    Returns
    -------
    Figure, DataFrame
        The picture, and all rows with their `type`.
    """
    figure, grid = panels(list(results), width=3.0, height=3.0)
    for name, panel in grid.items():
        table = results[name]
        ends = np.array([min(table.true.min(), table.predicted.min()), table.true.max()])
        panel.plot(ends, ends, color="0.6", lw=1)
        panel.plot(table.true, table.predicted, ".", ms=3, color=colours(types)[name], rasterized=True)
        rmse = np.sqrt(np.mean((table.true - table.predicted) ** 2))
        labels = {"xlabel": "−ICOHP, calculated (eV)", "ylabel": "−ICOHP, predicted (eV)"}
        panel.set(title=f"{name}: RMSE {rmse:.3f} eV", **labels)
    return figure, pd.concat([rows.assign(type=name) for name, rows in results.items()], ignore_index=True)


def errors(table: pd.DataFrame) -> Drawing:
    """Draw the error of the model over that of the distance alone, per bond type and way to hold out bonds.

    Splits that hold out the same bonds are drawn once, under both names. Bars: the standard deviation over
    the folds. Hollow: another model on the same bonds, if the table has `published_rmse`.

    Parameters
    ----------
    table : DataFrame
        type, split, rmse, rmse_std, baseline_rmse (eV).

    Returns
    -------
    Figure, DataFrame
        The picture, and `table` with the ratio and the name of the split as drawn.
    """
    names = _one_name(table)
    shown = table[table.split.isin(names)].reset_index(drop=True)
    shown = shown.assign(drawn=shown.split.map(names))
    shown = shown.assign(ratio=shown.rmse / shown.baseline_rmse, bar=shown.rmse_std / shown.baseline_rmse)
    if "published_rmse" in shown:
        shown = shown.assign(published_ratio=shown.published_rmse / shown.baseline_rmse)
    figure, (panel,) = axes(width=7.5, height=3.4)
    types = list(dict.fromkeys(shown.type))
    for n, (name, colour) in enumerate(colours(list(names.values())).items()):
        some, mark = shown[shown.drawn == name], MARKS[n % len(MARKS)]
        places = some.type.map(types.index) + 0.7 * ((n + 0.5) / len(names) - 0.5)
        panel.errorbar(places, some.ratio, some.bar.fillna(0), fmt=mark, c=colour, ms=5, lw=1, label=name)
        if "published_ratio" in some:
            panel.plot(places, some.published_ratio, mark, mfc="none", color=colour, ms=5, alpha=0.6)
    panel.axhline(1, color="0.5", lw=1, ls=":")
    if "published_ratio" in shown and shown.published_ratio.notna().any():
        panel.plot([], [], "o", mfc="none", color="0.5", ms=5, label="hollow: published model")
    panel.set(xlabel="bond type", ylabel="RMSE, ratio to the distance alone")
    highest = shown.reindex(columns=["ratio", "published_ratio"]).max().max()
    panel.set(ylim=(0, min(2.0, 1.1 * max(1.0, highest))))
    panel.set_xticks(range(len(types)), types)
    legend(panel, loc="center left", bbox_to_anchor=(1, 0.5), title="held out")
    return figure, shown.drop(columns="bar")


def _one_name(table: pd.DataFrame) -> dict[str, str]:
    """Return the splits to draw and their names; equal ones are one."""
    same: dict[tuple, list[str]] = {}
    for split, rows in table.groupby("split", sort=False):
        found = rows.sort_values("type")[["type", "rmse", "baseline_rmse"]].round(12)
        same.setdefault(tuple(map(tuple, found.to_numpy())), []).append(str(split))
    return {splits[0]: " = ".join(splits) for splits in same.values()}


def calibration(z: pd.DataFrame, levels: Sequence[float] = tuple(np.linspace(0.05, 0.95, 19))) -> Drawing:
    """Draw how often the intervals hold, and the histogram of the probability integral transform.

    Parameters
    ----------
    z : DataFrame
        A row for each test bond: split, z = (true − predicted)/σ.
    levels : sequence of float
        Levels of the central intervals.

    Returns
    -------
    Figure, DataFrame
        The picture, and split, level, inside (fraction of the bonds), as in the left panel.
    """
    figure, (left, right) = axes(2, width=4.2, height=3.4)
    left.plot([0, 1], [0, 1], color="0.7", lw=1)
    right.axhline(1, color="0.7", lw=1)
    rows = [pd.DataFrame({"split": [], "level": [], "inside": []})]
    for name, colour in colours(list(dict.fromkeys(z.split))).items():
        some = z.z[z.split == name].to_numpy()
        inside = [np.mean(np.abs(some) <= ndtri(0.5 + level / 2)) for level in levels]
        left.plot(levels, inside, color=colour, label=name)
        right.stairs(*np.histogram(ndtr(some), 20, (0, 1), density=True), color=colour)
        rows.append(pd.DataFrame({"split": name, "level": levels, "inside": inside}))
    left.set(xlabel="level of the interval", ylabel="fraction of bonds inside")
    right.set(xlabel="probability integral transform", ylabel="density", ylim=(0, None))
    legend(left)
    return figure, pd.concat(rows[1:] or rows, ignore_index=True)


def learning_curves(curves: pd.DataFrame, types: Sequence[str], axis: str = "bonds") -> Drawing:
    """Draw the error against what was learned from, mean and standard deviation over the seeds.

    Parameters
    ----------
    curves : DataFrame
        type, n, rmse, baseline_rmse and, if there is another model, published_rmse (eV).
    types : sequence of str
        Bond types in the order of the panels.
    axis : str
        What `n` counts: bonds, cells or quenches. Only these rows are drawn if there is a column `axis`.

    Returns
    -------
    Figure, DataFrame
        The picture and the rows drawn.
    """
    curves = curves[curves.axis == axis] if "axis" in curves else curves
    figure, grid = panels([t for t in types if (curves.type == t).any()], height=2.8)
    for name, panel in grid.items():
        some = curves[curves.type == name]
        alone = some.groupby("n").baseline_rmse.mean()
        panel.plot(alone.index, alone, color="0.6", label="distance alone")
        for (column, label), colour in zip(CURVES.items(), COLOURS, strict=False):
            if column in some and some[column].notna().any():
                _curve(panel, some.dropna(subset=column).groupby("n")[column], label, colour)
        panel.set(xscale="log", yscale="log", xlabel=f"training {axis}", ylabel="RMSE (eV)")
        log_ticks(panel.xaxis, alone.index)
        log_ticks(panel.yaxis)
    ends = np.array([panel.get_ylim() for panel in grid.values()]).reshape(-1, 2)
    for panel in grid.values():  # one scale, so that panels can be compared
        panel.set(ylim=(ends[:, 0].min(), ends[:, 1].max()))
    for panel in list(grid.values())[:1]:
        legend(panel, fontsize=7)
    return figure, curves


def _curve(panel: Axes, errors: pd.api.typing.SeriesGroupBy, label: str, colour: str) -> None:
    """Draw one model's curve with its band."""
    mean, spread = errors.mean(), errors.std().fillna(0)
    panel.plot(mean.index, mean, "o-", ms=4, color=colour, label=label)
    panel.fill_between(mean.index, mean - spread, mean + spread, color=colour, alpha=0.2, lw=0)


def cells_learned(table: pd.DataFrame, types: Sequence[str], target: float = 0.0) -> Drawing:
    """Draw the error on each new cell, predicted before it was learned, against the number of cells.

    Parameters
    ----------
    table : DataFrame
        cells, type, rmse and baseline_rmse, eV.
    types : sequence of str
        Bond types in the order of the panels.
    target : float
        RMSE that is aimed at, eV; 0: none.

    Returns
    -------
    Figure, DataFrame
        The picture and `table`.
    """
    figure, grid = panels([t for t in types if (table.type == t).any()])
    for name, panel in grid.items():
        some = table[table.type == name]
        panel.plot(some.cells, some.rmse, "o-", color=COLOURS[0], label="model")
        panel.plot(some.cells, some.baseline_rmse, "s--", color="0.5", label="distance alone")
        if target:
            panel.axhline(target, color=COLOURS[1], lw=1, label="target")
        top = 1.1 * max(some.rmse.max(), some.baseline_rmse.max(), target)
        panel.set(xlabel="cells learned from", ylabel="RMSE of the next (eV)", ylim=(0, top))
        panel.set_xticks(sorted(set(some.cells)))
    for panel in list(grid.values())[:1]:
        legend(panel, fontsize=7)
    return figure, table


def descriptors(table: pd.DataFrame, types: Sequence[str]) -> Drawing:
    """Draw the bonds of each type on the first two principal components of their descriptors.

    Parameters
    ----------
    table : DataFrame
        type, pc1, pc2, excess: −ICOHP above the mean of bonds of this length (eV), which is the colour.
    types : sequence of str
        Bond types in the order of the panels.

    Returns
    -------
    Figure, DataFrame
        The picture and `table`.
    """
    figure, grid = panels([t for t in types if (table.type == t).any()], width=3.0)
    for name, panel in grid.items():
        some = table[table.type == name]
        top = some.excess.abs().quantile(0.95)
        look = {"c": some.excess, "cmap": SIGNED, "vmin": -top, "vmax": top, "s": 3, "rasterized": True}
        points = panel.scatter(some.pc1, some.pc2, **look)
        panel.set(xlabel="PC 1", ylabel="PC 2")
        figure.colorbar(points, ax=panel, label="excess −ICOHP (eV)")
    return figure, table
