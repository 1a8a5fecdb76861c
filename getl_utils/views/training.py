"""Figures of 05_train: data in, Figure out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from scipy.stats import norm

from getl_utils.views.figures import COLOURS, axes, colours, legend, panels


def parity(results: Mapping[str, pd.DataFrame], types: Sequence[str]) -> Figure:
    """Predicted against calculated −ICOHP (eV), a panel per type; columns true, predicted."""
    figure, grid = panels(list(results), width=3.0, height=3.0)
    for name, panel in grid.items():
        table = results[name]
        both = np.concatenate([table.true, table.predicted])
        panel.plot([both.min(), both.max()], [both.min(), both.max()], color="0.6", lw=1)
        panel.plot(table.true, table.predicted, ".", ms=3, color=colours(types)[name], rasterized=True)
        rmse = np.sqrt(np.mean((table.true - table.predicted) ** 2))
        panel.set(
            title=f"{name}: RMSE {rmse:.3f} eV",
            xlabel="−ICOHP, calculated (eV)",
            ylabel="−ICOHP, predicted (eV)",
        )
    return figure


def errors(table: pd.DataFrame) -> Figure:
    """RMSE (eV) of the model and of the distance alone, per type and split; columns type, split, rmse,
    baseline_rmse."""
    kinds = list(dict.fromkeys(table.split))
    figure, grid = axes(len(kinds), width=max(2.6, 9 / max(1, len(kinds))))
    top = 1.1 * table[["rmse", "baseline_rmse"]].max().max()
    for panel, kind in zip(grid, kinds, strict=True):
        some = table[table.split == kind].reset_index(drop=True)
        panel.bar(some.index - 0.2, some.baseline_rmse, 0.4, color="0.7", label="distance alone")
        panel.bar(
            some.index + 0.2, some.rmse, 0.4, color=COLOURS[0], label="model", yerr=some.rmse_std.fillna(0)
        )
        panel.set(
            xticks=some.index,
            ylim=(0, top),
            title=f"{kind} ({some.folds.max()} fold{'s' if some.folds.max() > 1 else ''})",
            xlabel="bond type",
            ylabel="RMSE (eV)",
        )
        panel.set_xticklabels(some.type, rotation=45)
    legend(grid[0])
    return figure


def calibration(
    z: pd.DataFrame, levels: Sequence[float] = tuple(np.linspace(0.05, 0.95, 19))
) -> tuple[Figure, pd.DataFrame]:
    """How often central intervals hold, and the histogram of the probability integral transform; and their
    numbers.

    Parameters
    ----------
    z : a row per test bond: split, z = (true − predicted)/σ. levels : of the intervals.

    Returns
    -------
    The figure, and a table with split, level, inside (fraction), for the left panel.
    """
    figure, (left, right) = axes(2, width=4.2, height=3.4)
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
    legend(left)
    return figure, pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def learning_curves(curves: pd.DataFrame, types: Sequence[str]) -> Figure:
    """RMSE (eV) against training bonds, mean and standard deviation over seeds; columns type, n, rmse,
    baseline_rmse."""
    figure, grid = panels([t for t in types if (curves.type == t).any()], height=2.8)
    for name, panel in grid.items():
        grouped = curves[curves.type == name].groupby("n")
        mean, spread = grouped.rmse.mean(), grouped.rmse.std().fillna(0)
        panel.plot(mean.index, grouped.baseline_rmse.mean(), color="0.6", label="distance alone")
        panel.plot(mean.index, mean, "o-", ms=4, color=COLOURS[0], label="model")
        panel.fill_between(mean.index, mean - spread, mean + spread, color=COLOURS[0], alpha=0.2, lw=0)
        panel.set(xscale="log", yscale="log", xlabel="training bonds", ylabel="RMSE (eV)")
        _sizes(panel, mean.index)
        panel.yaxis.set_minor_formatter("{x:.2g}")
        panel.yaxis.set_major_formatter("{x:.2g}")
    for panel in list(grid.values())[:1]:
        legend(panel)
    return figure


def _sizes(panel: Axes, sizes: Sequence[int]) -> None:
    """Ticks of a logarithmic axis at the sizes themselves, from the largest down, a fifth of the axis apart
    or more."""
    kept = [max(sizes)]
    apart = (max(sizes) / min(sizes)) ** 0.2
    for size in sorted(sizes, reverse=True):
        if size < kept[-1] and apart * size <= kept[-1]:
            kept.append(size)
    panel.set_xticks(kept)
    panel.xaxis.set_major_formatter("{x:.0f}")
    panel.xaxis.set_minor_locator(NullLocator())


def tuning(
    curves: Mapping[str, list[dict[str, float]]],
    true: np.ndarray,
    predicted: np.ndarray,
    bond_type: str,
    types: Sequence[str],
) -> Figure:
    """Learning curves of one type at some hyperparameters, and the parity of its test bonds at the first of
    these.

    Parameters
    ----------
    curves : name → rows of n, rmse, baseline_rmse (eV). true, predicted : −ICOHP (n,), eV.
    """
    figure, (left, right) = axes(2, width=4.2, height=3.4)
    for (name, rows), colour, style in zip(curves.items(), (COLOURS[0], "0.2"), ("o-", "--"), strict=False):
        left.plot([r["n"] for r in rows], [r["rmse"] for r in rows], style, ms=4, color=colour, label=name)
    first = next(iter(curves.values()))
    left.plot(
        [r["n"] for r in first], [r["baseline_rmse"] for r in first], color="0.6", label="distance alone"
    )
    left.set(
        xscale="log",
        xlabel="training bonds",
        ylabel="RMSE (eV)",
        ylim=(0, 1.5 * max(r["baseline_rmse"] for r in first)),
    )
    _sizes(left, [r["n"] for r in first])
    legend(left)
    ends = [min(true.min(), predicted.min()), max(true.max(), predicted.max())]
    right.plot(ends, ends, color="0.6", lw=1)
    right.plot(true, predicted, ".", ms=4, color=colours(types)[bond_type])
    right.set(xlabel="−ICOHP, calculated (eV)", ylabel="−ICOHP, predicted (eV)", title=bond_type)
    return figure
