"""Figures of bond tables: statuses, counts, strengths over distance, distributions, sums per atom."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from getl_utils.views.style import Drawing, axes, colours, histograms, legend, panels

ABSENT = "NOT_PREPARED"  # a sub-run that was planned and is not there
LINES = ("-", "--", ":", "-.")


def statuses(table: pd.DataFrame) -> Drawing:
    """Draw what became of each sub-run: a square for each, a row for each quench that has any.

    Parameters
    ----------
    table : DataFrame
        composition, run, sub_run, name (of the status).

    Returns
    -------
    Figure, DataFrame
        The picture and `table`.
    """
    rows = table.assign(row=table.composition + " run " + table.run.astype(str))
    there = rows[rows.name != ABSENT]
    names = list(dict.fromkeys(there.row if len(there) else rows.row))
    kinds = colours(list(dict.fromkeys(there.name))) | {ABSENT: "0.75"}
    figure, (panel,) = axes(width=7, height=0.9 + 0.3 * len(names))
    for kind, colour in kinds.items():
        some = rows[(rows.name == kind) & rows.row.isin(names)]
        places = [names.index(row) for row in some.row]
        size = 12 if kind == ABSENT else 90
        if len(some):
            panel.scatter(some.sub_run, places, marker="s", s=size, color=colour, label=kind)
    ticks, limits = sorted(rows.sub_run.unique()), (len(names) - 0.4, -0.6)
    panel.set(xlabel="sub-run", ylabel="quench", xticks=ticks, ylim=limits)
    panel.set_yticks(range(len(names)), names)
    legend(panel, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure, table


def strength_over_distance(
    bonds: pd.DataFrame, types: Sequence[str], behind: pd.DataFrame | None = None
) -> Drawing:
    """Draw −ICOHP against bond length, a panel per bond type.

    Parameters
    ----------
    bonds : DataFrame
        type, distance (Å), icohp (eV).
    types : sequence of str
        Bond types in the order of the panels.
    behind : DataFrame, optional
        Bonds in grey behind these, such as those of all cells behind those of one. They set the panels
        and their ranges.

    Returns
    -------
    Figure, DataFrame
        The picture, and the columns of `bonds` that name a bond and its strength.
    """
    whole, size = (bonds, 2) if behind is None else (behind, 4)
    figure, grid = panels([t for t in types if (whole.type == t).any()])
    for name, panel in grid.items():
        some, others, colour = bonds[bonds.type == name], whole[whole.type == name], colours(types)[name]
        if behind is not None:
            panel.plot(others.distance, -others.icohp, ".", ms=2, color="0.8", rasterized=True)
        panel.plot(some.distance, -some.icohp, ".", ms=size, color=colour, rasterized=True)
        panel.set(title=f"{name}: {len(some)} bonds", xlabel="distance (Å)", ylabel="−ICOHP (eV)")
    named = ["composition", "run", "sub_run", "i", "j", "type", "distance", "icohp", "kept"]
    return figure, bonds[[column for column in named if column in bonds]]


def sub_runs(bonds: pd.DataFrame, types: Sequence[str]) -> Drawing:
    """Draw the mean −ICOHP of each sub-run's bonds, bar: their standard deviation, a panel per bond type.

    Parameters
    ----------
    bonds : DataFrame
        Bonds of one or more quenches: sub_run, type, icohp (eV).
    types : sequence of str
        Bond types in the order of the panels.

    Returns
    -------
    Figure, DataFrame
        The picture, and type, sub_run, bonds, mean and std (eV).
    """
    groups = (-bonds.icohp).groupby([bonds.type, bonds.sub_run])
    table = groups.agg(bonds="size", mean="mean", std="std").reset_index()
    figure, grid = panels([t for t in types if (table.type == t).any()], height=2.2)
    for name, panel in grid.items():
        some, look = table[table.type == name], {"fmt": "o", "ms": 4, "lw": 1, "color": colours(types)[name]}
        panel.errorbar(some.sub_run, some["mean"], some["std"].fillna(0), **look)
        panel.set(xlabel="sub-run", ylabel="mean −ICOHP (eV)", xticks=sorted(table.sub_run.unique())[::2])
    return figure, table


def counts(table: pd.DataFrame) -> Drawing:
    """Draw the number of bonds of each type in a database, a bar for each composition.

    Parameters
    ----------
    table : DataFrame
        type, composition, bonds.

    Returns
    -------
    Figure, DataFrame
        The picture and `table`.
    """
    wide = table.pivot_table(index="type", columns="composition", values="bonds", sort=False).fillna(0)
    figure, (panel,) = axes(width=6)
    width = 0.8 / wide.shape[1]
    for n, (name, column) in enumerate(wide.items()):
        panel.bar(np.arange(len(wide)) + width * (n + 0.5) - 0.4, column, width, label=name)
    panel.set(xlabel="bond type", ylabel="bonds in the database")
    panel.set_xticks(range(len(wide)), wide.index)
    legend(panel, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure, table


def distributions(groups: Mapping[str, pd.DataFrame], types: Sequence[str]) -> Drawing:
    """Draw the distribution of −ICOHP of each bond type, a line style for each group.

    Parameters
    ----------
    groups : mapping of str to DataFrame
        Name of each group (such as labelled, predicted) and its bonds: type, icohp (eV).
    types : sequence of str
        Bond types in the order of the panels.

    Returns
    -------
    Figure, DataFrame
        The picture, and type, group, strength (eV), density (1/eV), bonds; see `style.histograms`.
    """
    figure, grid = panels([t for t in types if any((b.type == t).any() for b in groups.values())])
    rows = []
    for name, panel in grid.items():
        values = {g: -b.icohp[b.type == name].to_numpy(float) for g, b in groups.items()}
        shades = [colours(types)[name], "0.35", "0.6", "0.0"]
        looks = {g: {"ls": ls, "color": c} for g, ls, c in zip(groups, LINES, shades, strict=False)}
        rows.append(histograms(panel, values, looks).assign(type=name))
        panel.set(xlabel="−ICOHP (eV)", ylabel="density (1/eV)")
        legend(panel, fontsize=7)
    return figure, pd.concat(rows, ignore_index=True)
