"""Figures of two lists of bond strengths, or of two models, held against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.record import write_csv
from getl_utils.models.agreement import agreement, match, read, table
from getl_utils.views import style


def parity(
    matched: pd.DataFrame, names: tuple[str, str] = ("ours", "theirs"), points: str = "bonds"
) -> style.Drawing:
    """Draw one −ICOHP of each bond against the other, a panel per type, with their linear map.

    Parameters
    ----------
    matched : DataFrame
        type, ours, theirs (ICOHP, eV), as from ``models.agreement.match``.
    names : tuple of str
        What the two are called on the axes.
    points : str
        What a point is called in the title, in the plural.

    Returns
    -------
    Figure, DataFrame
        The picture and `matched`.
    """
    types = list(matched.type.unique())
    figure, grid = style.panels(types, width=3.0, height=3.0)
    for name, panel in grid.items():
        group = matched[matched.type == name]
        fit, ends = agreement(group.ours, group.theirs), np.array([group.ours.min(), group.ours.max()])
        panel.axline((0, 0), slope=1, color="0.6", lw=1)
        size, colour = 3 if len(group) > style.FEW else 8, style.colours(types)[name]
        panel.plot(-group.ours, -group.theirs, ".", ms=size, color=colour, rasterized=True)
        panel.plot(-ends, -(fit["slope"] * ends + fit["intercept"]), color="k", lw=1)
        numbers = f"r {fit['correlation']:.3f}\nslope {fit['slope']:.2f}"
        if np.isfinite(fit["slope"]):  # two bonds have no line of their own
            panel.text(0.04, 0.97, numbers, transform=panel.transAxes, va="top", fontsize=8)
        first, second = (f"−ICOHP, {name} (eV)" for name in names)
        panel.set(title=f"{name}: {len(group)} {points}", xlabel=first, ylabel=second)
    return figure, matched


def validate(
    ours: str | Path, theirs: str | Path, out: Path | None = None, atoms: Atoms | None = None
) -> pd.DataFrame:
    """Compare two ICOHPLIST files of one structure, bond by bond.

    Parameters
    ----------
    ours, theirs : str or Path
        Files in LOBSTER's columns.
    out : Path, optional
        Folder for ``validation.csv`` (the table), ``bonds.csv``, ``bonds.png`` and ``bonds.svg``.
    atoms : Atoms, optional
        The structure; with it the translations of both files are checked against their distances.

    Returns
    -------
    DataFrame
        As ``models.agreement.table``: a row for each bond type.
    """
    matched = match(read(ours, atoms), read(theirs, atoms))
    result = table(matched)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        style.save(*parity(matched), out / "bonds")
        write_csv(out / "validation.csv", result)
    return result


def differences(compared: pd.DataFrame, types: Sequence[str]) -> style.Drawing:
    """Draw the difference of two models' −ICOHP over the bond length, a panel per type.

    Parameters
    ----------
    compared : DataFrame
        type, where, distance (Å), difference (eV) and, if both models have a σ, ratio (difference over σ),
        as from ``models.agreement.reconcile``. The ratio is drawn where there is one.
    types : sequence of str
        Bond types in the order of the panels.

    Returns
    -------
    Figure, DataFrame
        The picture and `compared`.
    """
    names = [name for name in types if name in set(compared.type)]
    figure, grid = style.panels(names, width=3.0, height=2.4)
    column, label = ("ratio", "difference / σ") if "ratio" in compared else ("difference", "difference (eV)")
    for name, panel in grid.items():
        group, colour = (
            compared[(compared.type == name) & (compared["where"] == "both")],
            style.colours(types),
        )
        panel.axhline(0, color="0.6", lw=1)
        for level in (-2, 2) if column == "ratio" else ():
            panel.axhline(level, color="0.6", lw=1, ls=":")
        panel.plot(group.distance, group[column], ".", ms=3, color=colour[name], rasterized=True)
        panel.set(xlabel="distance (Å)", ylabel=label)
    return figure, compared


def by_cell(compared: pd.DataFrame, quantities: Mapping[str, str], types: Sequence[str]) -> style.Drawing:
    """Draw quantities of the agreement of two label sources, a panel each, a point for each cell and type.

    Parameters
    ----------
    compared : DataFrame
        A row for each cell and bond type: type, and the columns that are drawn.
    quantities : mapping of str to str
        Column and the label of its axis.
    types : sequence of str
        Bond types in the order of their colours.

    Returns
    -------
    Figure, DataFrame
        The picture, and type and the columns drawn.
    """
    names = [name for name in types if name in set(compared.type)]
    figure, grid = style.axes(len(quantities), width=4.2)
    for panel, (column, label) in zip(grid, quantities.items(), strict=True):
        for n, name in enumerate(names):
            values = compared.loc[compared.type == name, column]
            places = n + np.linspace(-0.2, 0.2, len(values))
            panel.plot(places, values, "o", ms=4, color=style.colours(types)[name])
        panel.set(xlabel="bond type", ylabel=label)
        panel.set_xticks(range(len(names)), names)
    return figure, compared[["type", *quantities]]
