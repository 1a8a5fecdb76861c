"""Figures of two lists of ICOHPs, or two predictions, held against each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.figure import Figure

from getl_utils.core.record import write_csv
from getl_utils.models.agreement import agreement, match, read, table
from getl_utils.views import figures


def figure(matched: pd.DataFrame) -> Figure:
    """−ICOHP of both (eV), a panel per type, with the line of equality and the linear map."""
    names = list(matched.type.unique())
    drawing, grid = figures.panels(names, width=3.0, height=3.0)
    for name, panel in grid.items():
        group = matched[matched.type == name]
        fit, ends = agreement(group.ours, group.theirs), np.array([group.ours.min(), group.ours.max()])
        panel.axline((0, 0), slope=1, color="0.6", lw=1)
        panel.plot(-group.ours, -group.theirs, ".", ms=3, color=figures.colours(names)[name], rasterized=True)
        panel.plot(-ends, -(fit["slope"] * ends + fit["intercept"]), color="k", lw=1)
        numbers = f"r {fit['correlation']:.3f}\nslope {fit['slope']:.2f}"
        panel.text(0.04, 0.97, numbers, transform=panel.transAxes, va="top", fontsize=8)
        panel.set(
            title=f"{name}: {len(group)} bonds", xlabel="−ICOHP, ours (eV)", ylabel="−ICOHP, theirs (eV)"
        )
    return drawing


def validate(
    ours: str | Path, theirs: str | Path, out: Path | None = None, atoms: Atoms | None = None
) -> pd.DataFrame:
    """`table` of two ICOHPLISTs; with `out` also ``validation.csv``, ``bonds.csv`` and the figure
    ``bonds.png``, ``.svg``."""
    matched = match(read(ours, atoms), read(theirs, atoms))
    result = table(matched)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        figures.save(figure(matched), matched, out / "bonds")
        write_csv(out / "validation.csv", result)
    return result


def differences(table: pd.DataFrame, types: Sequence[str]) -> Figure:
    """Difference of two models' −ICOHP over the distance, a panel per type; in units of σ where there is
    one."""
    names = [name for name in types if name in set(table.type)]
    drawing, grid = figures.panels(names, width=3.0, height=2.4)
    column, label = ("ratio", "difference / σ") if "ratio" in table else ("difference", "difference (eV)")
    for name, panel in grid.items():
        group = table[(table.type == name) & (table["where"] == "both")]
        panel.axhline(0, color="0.6", lw=1)
        panel.plot(
            group.distance, group[column], ".", ms=3, color=figures.colours(types)[name], rasterized=True
        )
        panel.set(xlabel="distance (Å)", ylabel=label)
    return drawing
