"""Figures of a glass under load: stress, bond strengths, exchanged bonds, mobility, drift."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from getl_utils.core.bonds import bond_types
from getl_utils.views.style import (
    COLOURS,
    FEW,
    Drawing,
    axes,
    colours,
    histograms,
    legend,
    log_ticks,
    panels,
)

STATE_COLOURS = {"kept": "0.5", "broken": COLOURS[1], "formed": COLOURS[0]}
STRAIN = "|strain| (%)"


def stress_strain(curve: pd.DataFrame) -> Drawing:
    """Draw the stress along the loading and on the free sides over strain, thick: the running mean.

    Parameters
    ----------
    curve : DataFrame
        load_strain, load_stress, lateral (GPa), as from ``generate.loading.stress_strain``.

    Returns
    -------
    Figure, DataFrame
        The picture and `curve`.
    """
    figure, (panel,) = axes(width=6)
    width = max(1, len(curve) // 20)
    names = {"load_stress": "along the loading", "lateral": "mean of the two sides (tension positive)"}
    for colour, (column, name) in zip(COLOURS, names.items(), strict=False):
        panel.plot(100 * curve.load_strain, curve[column], lw=0.5, alpha=0.3, color=colour)
        smooth = curve[column].rolling(width, center=True, min_periods=1).mean()
        panel.plot(100 * curve.load_strain, smooth, lw=1.8, color=colour, label=name)
    panel.axhline(0, color="0.8", lw=0.8, zorder=0)
    panel.set(xlabel=STRAIN, ylabel="stress (GPa)")
    legend(panel)
    return figure, curve


def strength_over_strain(table: pd.DataFrame, strain: pd.Series, types: Sequence[str]) -> Drawing:
    """Draw mean −ICOHP and number of bonds of each type over strain, relative to the first frame.

    Parameters
    ----------
    table : DataFrame
        As from ``inference.exchange.strengths``.
    strain : Series
        By frame, tension positive.
    types : sequence of str
        Bond types in the order of their colours.

    Returns
    -------
    Figure, DataFrame
        The picture, and `table` with strain, relative_mean and relative_bonds.
    """
    first = table[table.frame == 0].set_index("type")
    relative = {"mean": "relative_mean", "bonds": "relative_bonds"}
    ratios = {new: table[old] / table.type.map(first[old]) for old, new in relative.items()}
    table = table.assign(strain=table.frame.map(strain), **ratios)
    figure, (left, right) = axes(2, width=4.4)
    for name, colour in colours(types).items():
        some = table[table.type == name]
        if name in first.index:
            label = f"{name}: {first['mean'][name]:.2f} eV at first"
            left.plot(100 * some.strain.abs(), some.relative_mean, ".-", color=colour, label=label)
            right.plot(100 * some.strain.abs(), some.relative_bonds, ".-", color=colour, label=name)
    left.set(xlabel=STRAIN, ylabel="mean −ICOHP of a bond, first frame = 1")
    right.set(xlabel=STRAIN, ylabel="bonds, first frame = 1")
    legend(left, fontsize=7)
    legend(right, ncols=2, fontsize=7)
    return figure, table


def exchange_over_strain(summary: pd.DataFrame, strain: pd.Series, types: Sequence[str]) -> Drawing:
    """Draw bonds kept, broken and formed over strain, and per type as a fraction of the first frame's bonds.

    Parameters
    ----------
    summary : DataFrame
        As from ``inference.exchange.exchange_summary``.
    strain : Series
        By frame, tension positive.
    types : sequence of str
        Bond types in the order of their colours.

    Returns
    -------
    Figure, DataFrame
        The picture, and `summary` with the strain.
    """
    table = summary.assign(strain=summary.frame.map(strain))
    figure, (left, right) = axes(2, width=4.4)
    for state, colour in STATE_COLOURS.items():
        some = table[(table.type == "all") & (table.state == state)]
        left.plot(100 * some.strain.abs(), some.bonds, ".-", color=colour, label=state)
    for name, colour in colours(types).items():
        for state, style in (("broken", ".-"), ("formed", ".:")):
            some, label = table[(table.type == name) & (table.state == state)], name
            label = name if state == "broken" and len(some) else None
            right.plot(100 * some.strain.abs(), some.fraction, style, color=colour, label=label)
    left.set(xlabel=STRAIN, ylabel="bonds", yscale="log")
    log_ticks(left.yaxis)
    right.set(xlabel=STRAIN, ylabel="fraction: solid broken, dotted formed", ylim=(0, None))
    legend(left)
    legend(right, ncols=2)
    return figure, table


def exchanged_strengths(bonds: pd.DataFrame, types: Sequence[str]) -> Drawing:
    """Draw the distribution of −ICOHP of bonds kept and broken, before, and of bonds formed, after.

    Parameters
    ----------
    bonds : DataFrame
        One frame of ``inference.exchange.exchanges``.
    types : sequence of str
        Bond types in the order of the panels.

    Returns
    -------
    Figure, DataFrame
        The picture, and type, state, strength (eV), density (1/eV), bonds; see `style.histograms`.
    """
    values = bonds.assign(strength=bonds.before.where(bonds.state != "formed", bonds.after))
    values = values.dropna(subset="strength")
    figure, grid = panels([t for t in types if (values.type == t).any()])
    rows = [pd.DataFrame(columns=["type", "state", "strength", "density", "bonds"])]
    for name, panel in grid.items():
        some, looks = values[values.type == name], {s: {"color": c} for s, c in STATE_COLOURS.items()}
        groups = {s: some.strength[some.state == s].to_numpy(float) for s in STATE_COLOURS}
        rows.append(histograms(panel, groups, looks).rename(columns={"group": "state"}).assign(type=name))
        panel.set(xlabel="−ICOHP (eV)", ylabel="density (1/eV)")
        legend(panel, fontsize=7)
    return figure, pd.concat(rows[1:] or rows, ignore_index=True)


def median_interval(values: Sequence[float], level: float = 0.68) -> tuple[float, float, float]:
    """Return the median and the ends of its confidence interval, from the order of the values alone.

    The number of values below the true median is binomial with p = ½. The interval is the smallest between
    order statistics that holds the true median with at least the probability `level`, if there is one.

    Parameters
    ----------
    values : sequence of float
        One or more values.
    level : float
        Of the interval.

    Returns
    -------
    tuple of float
        median, lower end, upper end.

    Examples
    --------
    >>> median_interval([5, 1, 3, 2, 4])
    (3.0, 1.0, 5.0)
    """
    from scipy.stats import binom  # takes a second

    ordered = np.sort(np.asarray(values, float))
    low = max(0, int(binom.ppf((1 - level) / 2, len(ordered), 0.5)) - 1)
    return float(np.median(ordered)), float(ordered[low]), float(ordered[len(ordered) - 1 - low])


def mobility(atoms: pd.DataFrame, elements: Sequence[str], parts: int = 8) -> Drawing:
    """Draw D²min against an atom's bond strength and against the number of bonds that it exchanged.

    The strength counts from the mean of the atom's element, in its standard deviations, so that elements
    can be compared. Lines: medians of equally large parts, with their 68 % intervals (`median_interval`).

    Parameters
    ----------
    atoms : DataFrame
        element, strength (eV), d2min (Å²), exchanged, as from ``inference.exchange.atom_table``.
    elements : sequence of str
        In the order of their colours.
    parts : int
        Greatest number of parts of an element's atoms; each has at least 20.

    Returns
    -------
    Figure, DataFrame
        The picture, and `atoms` with `deviation` (standard deviations).
    """
    figure, (left, right) = axes(2, width=4.4)
    groups = atoms.groupby("element").strength
    spread = groups.transform("std").replace(0, np.nan)
    atoms = atoms.assign(deviation=(atoms.strength - groups.transform("mean")) / spread)
    for name, colour in colours(elements).items():
        some = atoms[(atoms.element == name) & (atoms.d2min > 0)]
        if len(some):
            left.plot(some.deviation, some.d2min, ".", ms=3, alpha=0.2, color=colour, rasterized=True)
            number = int(np.clip(len(some) // FEW, 1, parts))
            part = (some.strength.rank(method="first") - 1) * number // len(some)
            _medians(left, some.groupby(part), "deviation", name, colour)
            _medians(
                right,
                some.groupby("exchanged").filter(lambda g: len(g) >= FEW).groupby("exchanged"),
                "exchanged",
                name,
                colour,
            )
    left.set(yscale="log", xlabel="Σ −ICOHP at first, from the element's mean (std)", ylabel="D²min (Å²)")
    right.set(yscale="log", xlabel="bonds that the atom exchanged", ylabel="median D²min (Å²)")
    right.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in (left, right):
        log_ticks(panel.yaxis)
    legend(left)
    return figure, atoms


def _medians(panel: Axes, groups: pd.api.typing.DataFrameGroupBy, x: str, name: str, colour: str) -> None:
    """Draw the median D²min of each group over its median `x`, with its interval."""
    rows = [(g[x].median(), *median_interval(g.d2min)) for _, g in groups]
    if rows:
        place, middle, low, high = np.array(rows).T
        look = {"fmt": "o-", "ms": 5, "mec": "white", "mew": 0.7, "zorder": 3, "lw": 1.2}
        panel.errorbar(place, middle, [middle - low, high - middle], color=colour, label=name, **look)


def drift(table: pd.DataFrame, strain: Sequence[float], elements: Sequence[str], limit: float) -> Drawing:
    """Draw the fraction that is unlike the training set over strain, with the limit that warns.

    Parameters
    ----------
    table : DataFrame
        frame, of (element or bond type), new (fraction), as from ``inference.drift``.
    strain : sequence of float
        By frame, tension positive.
    elements : sequence of str
        In the order that names the bond types.
    limit : float
        Fraction above which a warning is given.

    Returns
    -------
    Figure, DataFrame
        The picture, and `table` with the strain.
    """
    numbers = table.assign(strain=np.asarray(strain, float)[table.frame])
    named = {"atoms": list(elements), "bonds": bond_types(elements)}
    named = {label: names for label, names in named.items() if numbers.of.isin(names).any()}
    figure, grid = axes(max(1, len(named)), width=4.2)
    for panel, (label, names) in zip(grid, named.items(), strict=False):
        for name, colour in colours(names).items():
            rows = numbers[numbers.of == name]
            if len(rows):
                panel.plot(100 * rows.strain.abs(), 100 * rows.new, "o-", ms=3, label=name, color=colour)
        panel.axhline(100 * limit, color="0.4", lw=1, ls=":")
        panel.set(xlabel=STRAIN, ylabel=f"{label} unlike the training set (%)", ylim=(0, None))
        legend(panel, ncols=2)
    return figure, numbers
