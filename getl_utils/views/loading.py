"""Figures of a loading: data in, a Figure and its numbers out (see `figures`)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from getl_utils.core.bonds import bond_types
from getl_utils.views.figures import COLOURS, axes, colours, legend, panels

STATE_COLOURS = {"kept": "0.5", "broken": COLOURS[1], "formed": COLOURS[0]}


def stress_strain(curve: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Stress (GPa) over strain, both positive along the loading, thick: averaged; and the stress on the
    sides.

    Parameters
    ----------
    curve : from `loading.stress_strain`.
    """
    figure, (panel,) = axes(width=6)
    width = max(1, len(curve) // 20)
    names = {"load_stress": "along the loading", "lateral": "mean of the two sides (tension positive)"}
    for colour, (column, name) in zip(COLOURS, names.items(), strict=False):
        panel.plot(100 * curve.load_strain, curve[column], lw=0.5, alpha=0.3, color=colour)
        smooth = curve[column].rolling(width, center=True, min_periods=1).mean()
        panel.plot(100 * curve.load_strain, smooth, lw=1.8, color=colour, label=name)
    panel.axhline(0, color="0.8", lw=0.8, zorder=0)
    panel.set(xlabel="|strain| (%)", ylabel="stress (GPa)")
    legend(panel)
    return figure, curve


def strength_over_strain(
    table: pd.DataFrame, strain: pd.Series, types: Sequence[str]
) -> tuple[Figure, pd.DataFrame]:
    """Mean −ICOHP and number of bonds of each type over strain, both relative to the first frame.

    Parameters
    ----------
    table : from `exchange.strengths`. strain : by frame, tension positive.
    """
    table = table.assign(strain=table.frame.map(strain))
    first = table[table.frame == 0].set_index("type")
    table["relative_bonds"] = table.bonds / table.type.map(first.bonds)
    table["relative_mean"] = table["mean"] / table.type.map(first["mean"])
    figure, (left, right) = axes(2, width=4.4)
    for name, colour in colours(types).items():
        some = table[table.type == name]
        if name in first.index:
            label = f"{name}: {first['mean'][name]:.2f} eV at first"
            left.plot(100 * some.strain.abs(), some.relative_mean, ".-", color=colour, label=label)
            right.plot(100 * some.strain.abs(), some.relative_bonds, ".-", color=colour, label=name)
    left.set(xlabel="|strain| (%)", ylabel="mean −ICOHP of a bond, first frame = 1")
    right.set(xlabel="|strain| (%)", ylabel="bonds, first frame = 1")
    legend(left, fontsize=7)
    legend(right, ncols=2, fontsize=7)
    return figure, table


def exchange_over_strain(
    summary: pd.DataFrame, strain: pd.Series, types: Sequence[str]
) -> tuple[Figure, pd.DataFrame]:
    """Bonds kept, broken and formed over strain; and broken and formed per type, as a fraction of the first
    frame's bonds.

    Parameters
    ----------
    summary : from `exchange.exchange_summary`. strain : by frame, tension positive.
    """
    table = summary.assign(strain=summary.frame.map(strain))
    figure, (left, right) = axes(2, width=4.4)
    for state, colour in STATE_COLOURS.items():
        some = table[(table.type == "all") & (table.state == state)]
        left.plot(100 * some.strain.abs(), some.bonds, ".-", color=colour, label=state)
    for name, colour in colours(types).items():
        for state, style in (("broken", ".-"), ("formed", ".:")):
            some = table[(table.type == name) & (table.state == state)]
            if len(some):
                right.plot(
                    100 * some.strain.abs(),
                    some.fraction,
                    style,
                    color=colour,
                    label=name if state == "broken" else None,
                )
    left.set(xlabel="|strain| (%)", ylabel="bonds", yscale="log")
    right.set(xlabel="|strain| (%)", ylabel="fraction: solid broken, dotted formed", ylim=(0, None))
    legend(left)
    legend(right, ncols=2)
    return figure, table


def exchanged_strengths(
    bonds: pd.DataFrame, types: Sequence[str], bins: int = 30
) -> tuple[Figure, pd.DataFrame]:
    """Distribution of −ICOHP of bonds kept and broken, before, and of those formed, after; a panel per type.

    Parameters
    ----------
    bonds : one frame of `exchange.exchanges`.

    Returns
    -------
    The figure, and a table with type, state, strength (eV, middle of the bin), density (1/eV) and bonds.
    """
    values = bonds.assign(strength=bonds.before.where(bonds.state != "formed", bonds.after))
    figure, grid = panels([t for t in types if (values.type == t).any()])
    rows = [pd.DataFrame(columns=["type", "state", "strength", "density", "bonds"])]
    for name, panel in grid.items():
        some = values[values.type == name]
        edges = np.histogram_bin_edges(some.strength.dropna(), bins)
        for state, colour in STATE_COLOURS.items():
            these = some.strength[some.state == state].dropna()
            if len(these):
                density = np.histogram(these, edges, density=True)[0]
                panel.stairs(density, edges, color=colour, lw=1.4, label=f"{state} ({len(these)})")
                middle = (edges[1:] + edges[:-1]) / 2
                line = {
                    "type": name,
                    "state": state,
                    "strength": middle,
                    "density": density,
                    "bonds": len(these),
                }
                rows.append(pd.DataFrame(line))
        panel.set(xlabel="−ICOHP (eV)", ylabel="density (1/eV)")
        legend(panel, fontsize=7)
    return figure, pd.concat([r for r in rows if len(r)] or rows, ignore_index=True)


def mobility(atoms: pd.DataFrame, elements: Sequence[str], bins: int = 8) -> tuple[Figure, pd.DataFrame]:
    """D²min (Å^2) against an atom's bond strength, line: medians of equal parts; and against its exchanged
    bonds.

    The strength counts from the mean of the atom's element, in its standard deviations, so that elements can
    be compared.

    Parameters
    ----------
    atoms : from `exchange.atom_table`.
    """
    figure, (left, right) = axes(2, width=4.4)
    groups = atoms.groupby("element").strength
    atoms = atoms.assign(
        deviation=(atoms.strength - groups.transform("mean")) / groups.transform("std").replace(0, np.nan)
    )
    for name, colour in colours(elements).items():
        some = atoms[(atoms.element == name) & (atoms.d2min > 0)]
        if not len(some):
            continue
        left.plot(some.deviation, some.d2min, ".", ms=3, alpha=0.2, color=colour, rasterized=True)
        part = (some.strength.rank(method="first") - 1) * min(bins, len(some)) // len(some)
        middle = some.groupby(part)[["deviation", "d2min"]].median()
        left.plot(
            middle.deviation,
            middle.d2min,
            "o-",
            ms=5,
            color=colour,
            mec="white",
            mew=0.7,
            label=name,
            zorder=3,
        )
        steps = some.groupby("exchanged").d2min.agg(["median", "size"])
        steps = steps[steps["size"] >= 5]
        right.plot(steps.index, steps["median"], "o-", ms=4, color=colour, label=name)
    left.set(yscale="log", xlabel="Σ −ICOHP at first, from the element's mean (std)", ylabel="D²min (Å²)")
    right.set(yscale="log", xlabel="bonds that the atom exchanged", ylabel="median D²min (Å²)")
    if left.get_legend_handles_labels()[1]:
        legend(left)
    return figure, atoms


def drift(
    table: pd.DataFrame, strain: Sequence[float], elements: Sequence[str], limit: float
) -> tuple[Figure, pd.DataFrame]:
    """The fraction that is new over |strain|, atoms by element and bonds by type, with the limit that warns.

    Parameters
    ----------
    table : from `drift`. strain : by frame, tension positive. elements : in the order that names the bond
    types.
    """
    drawing, grid = axes(2, width=4.2)
    numbers = table.assign(strain=np.asarray(strain, float)[table.frame])
    for panel, names, label in zip(grid, (elements, bond_types(elements)), ("atoms", "bonds"), strict=True):
        for name, colour in colours(names).items():
            rows = numbers[numbers.of == name]
            if len(rows):
                panel.plot(100 * rows.strain.abs(), 100 * rows.new, "o-", ms=3, label=name, color=colour)
        panel.axhline(100 * limit, color="0.4", lw=1, ls=":")
        panel.set(xlabel="|strain| (%)", ylabel=f"{label} unlike the training set (%)", ylim=(0, None))
        legend(panel, ncols=2)
    return drawing, numbers
