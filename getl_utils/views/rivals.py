"""Figures of models side by side: errors on what was left out, over cells, with one thing changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from getl_utils.views.style import COLOURS, Drawing, axes, colours, legend, log_ticks


def ratios(table: pd.DataFrame, models: Mapping[str, str], types: Sequence[str]) -> Drawing:
    """Draw errors over that of the distance alone: a dot for each composition left out, a bar for their mean.

    Parameters
    ----------
    table : DataFrame
        type, left_out, and a column of ratios for each model.
    models : mapping of str to str
        Column → name.
    types : sequence of str
        Bond types, from left to right.

    Returns
    -------
    Figure, DataFrame
        The picture, and the means by type.
    """
    figure, (panel,) = axes(1, width=9.0, height=3.6)
    apart = 0.8 / len(models)
    for n, (column, name) in enumerate(models.items()):
        look = {"color": COLOURS[n % len(COLOURS)]}
        for place, kind in enumerate(types):
            some = table.loc[table.type == kind, column].dropna()
            x = place + (n - (len(models) - 1) / 2) * apart
            panel.plot(np.full(len(some), x), some, ".", ms=4, alpha=0.5, **look)
            label = name if place == 0 else None
            panel.plot([x - apart / 3, x + apart / 3], [some.mean()] * 2, lw=2.5, label=label, **look)
    panel.axhline(1, color="0.6", lw=0.8)
    panel.set(xticks=range(len(types)), xticklabels=list(types), ylim=(0, None))
    panel.set_ylabel("RMSE / that of the distance alone")
    legend(panel, ncols=len(models))
    return figure, table.groupby("type")[list(models)].mean().reindex(list(types))


def sizes(table: pd.DataFrame, types: Sequence[str]) -> Drawing:
    """Draw the error over the cells learned from, of networks of several widths and of the linear model.

    Parameters
    ----------
    table : DataFrame
        type, cells, width, graph, linear (RMSE, eV).
    types : sequence of str
        Bond types, a panel for each.

    Returns
    -------
    Figure, DataFrame
        The picture, and `table`.
    """
    figure, panels = axes(len(types), width=2.6, height=2.8)
    shades = colours([str(width) for width in sorted(table.width.unique())])
    for panel, kind in zip(panels, types, strict=True):
        some = table[table.type == kind]
        for width, own in some.groupby("width"):
            name = f"network, width {width}"
            panel.plot(own.cells, own.graph, ".-", lw=1.2, color=shades[str(width)], label=name)
        line = some.groupby("cells").linear.mean()
        panel.plot(line.index, line, "k^-", ms=4, lw=1.6, label="linear model")
        panel.set(xscale="log", yscale="log", xlabel="cells learned from", title=kind)
        log_ticks(panel.xaxis, some.cells.unique())
        log_ticks(panel.yaxis)
    panels[0].set_ylabel("RMSE (eV)")
    legend(panels[-2], fontsize=6.5, loc="upper right")
    return figure, table


def changes(table: pd.DataFrame, types: Sequence[str]) -> Drawing:
    """Draw what one change does to the error of a network, as a part of that of the network unchanged.

    Parameters
    ----------
    table : DataFrame
        changed, type, graph (RMSE, eV); the first row's `changed` is the network unchanged.
    types : sequence of str
        Bond types.

    Returns
    -------
    Figure, DataFrame
        The picture, and the ratios, a column for each type.
    """
    errors = table.pivot_table("graph", "changed", "type", sort=False)[list(types)]
    ratio = errors / errors.loc[table.changed.iloc[0]]
    figure, (panel,) = axes(1, width=6.5, height=0.26 * len(ratio) + 1.0)
    rows = np.arange(len(ratio))[::-1]
    for kind, colour in colours(list(types)).items():
        panel.plot(ratio[kind], rows, "o", ms=5, alpha=0.7, color=colour, label=kind)
    panel.axvline(1, color="0.6", lw=0.8)
    panel.set(yticks=rows, yticklabels=ratio.index, xscale="log")
    panel.set_xlabel("RMSE / that of the network unchanged")
    log_ticks(panel.xaxis)
    legend(panel)
    return figure, ratio
