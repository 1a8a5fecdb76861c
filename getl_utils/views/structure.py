"""Figures of structures: a quench over time, pair distributions, and slices coloured by bond strength."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from getl_utils.core.bonds import BOND
from getl_utils.views.style import AMOUNTS, Drawing, axes, colours, legend


def thermo(logs: Mapping[str, pd.DataFrame]) -> Drawing:
    """Draw temperature and density of each run over time, thick: the running mean.

    The minimisation before the run, whose steps have no time, is left out: all rows before the time starts
    anew for the last time.

    Parameters
    ----------
    logs : mapping of str to DataFrame
        Name of each run and its log: time (ps), Temp (K), Density (g/cm³).

    Returns
    -------
    Figure, DataFrame
        The picture, and all logs with their `name`.
    """
    figure, (left, right) = axes(2)
    logs = {name: _dynamics(log) for name, log in logs.items()}
    for name, log in logs.items():
        for panel, column in ((left, log.Temp), (right, log.Density)):
            (line,) = panel.plot(log.time, column, lw=0.5, alpha=0.25)
            smooth = column.rolling(max(1, len(log) // 50), center=True, min_periods=1).mean()
            panel.plot(log.time, smooth, lw=1.8, color=line.get_color(), label=name)
    left.set(xlabel="time (ps)", ylabel="temperature (K)")
    right.set(xlabel="time (ps)", ylabel="density (g/cm³)")
    legend(left)
    return figure, pd.concat([log.assign(name=name) for name, log in logs.items()], ignore_index=True)


def _dynamics(log: pd.DataFrame) -> pd.DataFrame:
    """Return the rows after the time has last started anew."""
    return log[np.append(0, np.cumsum(np.diff(log.time) < 0)) == np.sum(np.diff(log.time) < 0)]


def radial(table: pd.DataFrame, title: str = "") -> Drawing:
    """Draw radial distribution functions, of all atoms and of each pair of elements.

    Parameters
    ----------
    table : DataFrame
        r (Å), total, and a column for each pair of elements.
    title : str
        Above the left panel.

    Returns
    -------
    Figure, DataFrame
        The picture and `table`.
    """
    figure, (left, right) = axes(2)
    left.plot(table.r, table.total, color="black")
    for name in table.columns[2:]:
        right.plot(table.r, table[name], label=name, lw=1.2)
    left.set(xlabel="r (Å)", ylabel="g(r)", title=title, xlim=(1.5, None))
    right.set(xlabel="r (Å)", ylabel="partial g(r)", xlim=(1.5, None))
    legend(right)
    return figure, table


def slab(atoms: Atoms, bonds: pd.DataFrame, elements: Sequence[str], thickness: float = 4.0) -> Drawing:
    """Draw a slice through the middle of a structure, seen along z, its bonds grey to black by −ICOHP.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    bonds : DataFrame
        i, j, tx, ty, tz, type, predicted (ICOHP, eV).
    elements : sequence of str
        In the order of their colours.
    thickness : float
        Of the slice, Å.

    Returns
    -------
    Figure, DataFrame
        The picture, and the bonds shown, as from `segments`.
    """
    height = atoms.get_positions(wrap=True)[:, 2] - atoms.cell.array[:, 2].sum() / 2
    return region(atoms, bonds, elements, np.abs(height) < thickness / 2)


def region(
    atoms: Atoms,
    bonds: pd.DataFrame,
    elements: Sequence[str],
    inside: np.ndarray,
    least: float = -np.inf,
    top: float | None = None,
    title: str = "",
) -> Drawing:
    """Draw the chosen atoms and the bonds between them, seen along z, as `slab` does.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    bonds : DataFrame
        As `slab`.
    elements : sequence of str
        In the order of their colours.
    inside : (n_atoms,) bool array
        The atoms that are shown.
    least : float
        Weaker bonds are left out, eV.
    top : float, optional
        −ICOHP at which the colours end, eV; by default the 99th percentile.
    title : str
        Above the picture.

    Returns
    -------
    Figure, DataFrame
        The picture, and the bonds shown, as from `segments`.
    """
    drawn = segments(atoms, bonds, inside)
    drawn = drawn[drawn.strength >= least].sort_values("strength")
    figure, (panel,) = axes(width=7.2, height=6.2)
    top = (drawn.strength.quantile(0.99) if len(drawn) else 1.0) if top is None else top
    figure.colorbar(_lines(panel, drawn, top), label="−ICOHP (eV)", shrink=0.8)
    symbols, places = np.array(atoms.get_chemical_symbols()), atoms.get_positions(wrap=True)
    for name, colour in colours(elements).items():
        some, look = places[inside & (symbols == name)], {"edgecolor": "white", "linewidth": 0.6}
        panel.scatter(some[:, 0], some[:, 1], s=45, color=colour, label=name, zorder=3, **look)
    panel.set(aspect="equal", xlabel="x (Å)", ylabel="y (Å)")
    panel.set_title(title, loc="right")
    panel.margins(0.01)
    panel.autoscale()
    legend(panel, loc="upper left", bbox_to_anchor=(0, 1.08), ncols=len(elements))
    return figure, drawn.drop(columns=["z1", "z2"])


def _lines(panel: Axes, drawn: pd.DataFrame, top: float) -> LineCollection:
    """Draw bonds as lines, dark and thick where they are strong."""
    ends = drawn[["x1", "y1", "x2", "y2"]].to_numpy().reshape(-1, 2, 2)
    widths = 0.8 + 2.2 * np.clip(drawn.strength.to_numpy(float) / top, 0, 1)
    lines = LineCollection(ends, array=drawn.strength, cmap=AMOUNTS, linewidths=widths, clim=(0, top))
    panel.add_collection(lines)
    return lines


def segments(atoms: Atoms, bonds: pd.DataFrame, inside: np.ndarray) -> pd.DataFrame:
    """Return the bonds between chosen atoms as lines, from the first atom to the image of the second.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    bonds : DataFrame
        i, j, tx, ty, tz, type, predicted (ICOHP, eV).
    inside : (n_atoms,) bool array
        The chosen atoms.

    Returns
    -------
    DataFrame
        i, j, type, x1, y1, z1 (Å, the first atom wrapped into the cell), x2, y2, z2 (Å), strength
        (−ICOHP, eV).
    """
    shown = bonds[inside[bonds.i.to_numpy()] & inside[bonds.j.to_numpy()]]
    shift = shown[BOND[2:]].to_numpy() @ atoms.cell.array
    table = shown[["i", "j", "type"]].reset_index(drop=True)
    table[["x1", "y1", "z1"]] = start = atoms.get_positions(wrap=True)[shown.i]
    table[["x2", "y2", "z2"]] = start + atoms.positions[shown.j] + shift - atoms.positions[shown.i]
    return table.assign(strength=-shown.predicted.to_numpy())
