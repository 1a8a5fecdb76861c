"""One bond: its COHP(E) by pairs of shells, its place among all bonds, what each neighbour takes from it."""

from __future__ import annotations

import pandas as pd

from getl_utils.views.style import Drawing, axes, colours, legend

SHOWN = 5  # pairs of shells that get a curve of their own


def strongest(curves: pd.DataFrame) -> pd.DataFrame:
    """Return what each pair of shells adds to the ICOHP.

    Parameters
    ----------
    curves : DataFrame
        shell_i, shell_j, energy (eV, Fermi level at 0), icohp (eV, integrated up to the energy).

    Returns
    -------
    DataFrame
        pair, icohp (eV), strongest first.
    """
    named = curves.assign(pair=curves.shell_i + "–" + curves.shell_j).reset_index(drop=True)
    below = named[named.energy <= 0]
    last = below.loc[below.groupby("pair").energy.idxmax(), ["pair", "icohp"]]
    return last.sort_values("icohp", key=abs, ascending=False, ignore_index=True)


def curves(table: pd.DataFrame, bottom: float = -10.0, top: float = 5.0) -> Drawing:
    """Draw −COHP(E) of a bond, whole and by its most important pairs of shells.

    Parameters
    ----------
    table : DataFrame
        shell_i, shell_j, energy (eV), cohp (eV per eV), icohp (eV).
    bottom, top : float
        Energies shown, eV.

    Returns
    -------
    Figure, DataFrame
        The picture and its numbers.
    """
    named = table.assign(pair=table.shell_i + "–" + table.shell_j)
    named = named[named.energy.between(bottom, top)]
    wide = -named.pivot_table(index="energy", columns="pair", values="cohp", aggfunc="sum")
    shown = [pair for pair in strongest(table).pair if pair in wide][:SHOWN]
    figure, (panel,) = axes(width=5.0, height=4.6)
    panel.fill_betweenx(wide.index, wide.sum(axis=1), color="0.85", lw=0, label="all")
    for pair in shown:
        panel.plot(wide[pair], wide.index, lw=1.4, color=colours(shown)[pair], label=pair)
    panel.axhline(0, color="k", lw=0.8)
    panel.axvline(0, color="k", lw=0.8)
    panel.set(xlabel="−COHP (eV per eV): right is bonding", ylabel="energy above the Fermi level (eV)")
    legend(panel)
    return figure, wide.reset_index()


def place(bonds: pd.DataFrame, distance: float, strength: float) -> Drawing:
    """Draw a bond among all bonds of its type.

    Parameters
    ----------
    bonds : DataFrame
        distance (Å), strength (−ICOHP, eV) of the bonds of one type.
    distance, strength : float
        Of the bond.

    Returns
    -------
    Figure, DataFrame
        The picture and its numbers.
    """
    figure, (panel,) = axes(width=5.0, height=4.0)
    panel.plot(bonds.distance, bonds.strength, ".", ms=4, color="0.6", label="all bonds of the type")
    panel.plot([distance], [strength], "o", ms=8, color="C3", label="the bond")
    panel.set(xlabel="length (Å)", ylabel="−ICOHP (eV)")
    legend(panel)
    return figure, bonds[["distance", "strength"]]


def removals(table: pd.DataFrame) -> Drawing:
    """Draw how much stronger a bond is without each of its neighbours, by the neighbour's place.

    Parameters
    ----------
    table : DataFrame
        element, from_middle (Å, of the neighbour from the middle of the bond), icohp and icohp_without (eV).

    Returns
    -------
    Figure, DataFrame
        The picture and its numbers.
    """
    gained = table.assign(gained=table.icohp - table.icohp_without)
    figure, (panel,) = axes(width=5.0, height=4.0)
    for element, part in gained.groupby("element"):
        colour = colours(sorted(gained.element.unique()))[element]
        panel.plot(part.from_middle, part.gained, "o", ms=7, color=colour, label=element)
    panel.axhline(0, color="k", lw=0.8)
    panel.set(
        xlabel="neighbour's distance from the middle of the bond (Å)",
        ylabel="−ICOHP without it, less −ICOHP with it (eV)",
    )
    legend(panel)
    return figure, gained
