"""Figures of where glasses yield: how they answer a load, and which indicators know the atoms that move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from getl_utils.inference.yielding import BIN, Glasses, icosahedra
from getl_utils.views.style import COLOURS, Drawing, axes, colours, legend

STRAIN = "shear strain (%)"
WORDS = {
    "warren_cowley": "Warren–Cowley α",
    "weakest_bond": "weakest bond",
    "mean_bond": "mean bond",
    "strength": "Σ −ICOHP",
    "spread": "spread of its bonds",
    "sigma": "σ of Σ −ICOHP",
    "volume": "Voronoi volume",
    "energy": "potential energy",
    "element": "element alone",
}


def response(stress: pd.DataFrame, frames: pd.DataFrame) -> Drawing:
    """Draw the stress of each glass over strain, and what becomes of its bonds and icosahedra.

    Parameters
    ----------
    stress : DataFrame
        glass, strain, stress (GPa).
    frames : DataFrame
        As from ``inference.yielding.follow``, with glass.

    Returns
    -------
    Figure, DataFrame
        The picture, and `frames` with relative_bond and relative_icosahedra, the first frame being 1.
    """
    first = frames.groupby("glass")[["mean_bond", "icosahedra"]].transform("first")
    relative = frames.assign(
        relative_bond=frames.mean_bond / first.mean_bond,
        relative_icosahedra=frames.icosahedra / first.icosahedra,
    )
    figure, (left, middle, right) = axes(3, width=3.6)
    for _, own in stress.groupby("glass"):
        left.plot(100 * own.strain, own.stress, lw=0.7, color="0.6")
    mean = stress.assign(strain=stress.strain.round(6)).groupby("strain").stress.mean()
    left.plot(100 * mean.index, mean, lw=1.8, color=COLOURS[0], label="mean of the glasses")
    left.set(xlabel=STRAIN, ylabel="shear stress (GPa)", ylim=(min(0, stress.stress.min()), None))
    names = {"broken": "broken", "formed": "formed"}
    _means(middle, relative, names, 100)
    middle.set(xlabel=STRAIN, ylabel="part of the first frame's bonds (%)", ylim=(0, None))
    names = {"relative_bond": "mean −ICOHP of a bond", "relative_icosahedra": "number of icosahedra"}
    _means(right, relative, names, 1)
    right.set(xlabel=STRAIN, ylabel="first frame = 1")
    for panel in (left, middle, right):
        legend(panel)
    return figure, relative


def _means(panel, frames: pd.DataFrame, names: Mapping[str, str], factor: float) -> None:
    """Draw the mean of the glasses with its standard error."""
    groups = frames.groupby("frame")
    strain = 100 * groups.strain.mean()
    for colour, (column, name) in zip(COLOURS[1:], names.items(), strict=False):
        look = {"color": colour, "label": name, "fmt": ".-", "lw": 1.2, "capsize": 2}
        panel.errorbar(strain, factor * groups[column].mean(), factor * groups[column].sem(), **look)


def structure(radial: pd.DataFrame, factor: pd.DataFrame) -> Drawing:
    """Draw partial g(r) and S(q) of the glasses at rest.

    Parameters
    ----------
    radial, factor : DataFrame
        As from ``generate.radial``.

    Returns
    -------
    Figure, DataFrame
        The picture, and both tables in one; the column `kind` tells them apart.
    """
    figure, (left, right) = axes(2, width=4.4)
    pairs = [name for name in radial if name not in ("r", "total")]
    looks = {"total": "0.3"} | colours(pairs)
    for name, colour in looks.items():
        look = {"color": colour, "label": name, "lw": 1.8 if name == "total" else 1.2}
        left.plot(radial.r, radial[name], **look)
        right.plot(factor.q, factor[name], **look)
    left.set(xlabel="r (Å)", ylabel="g(r)", xlim=(1.5, None))
    right.set(xlabel="q (1/Å)", ylabel="S(q)")
    for panel in (left, right):
        panel.axhline(1, color="0.8", lw=0.8, zorder=0)
    legend(left)
    named = {"g(r)": radial.rename(columns={"r": "x"}), "S(q)": factor.rename(columns={"q": "x"})}
    return figure, pd.concat([table.assign(kind=kind) for kind, table in named.items()], ignore_index=True)


def distributions(sets: Mapping[str, Glasses], types: Sequence[str]) -> Drawing:
    """Draw how strong the bonds of glasses at rest are, a panel for each type.

    Parameters
    ----------
    sets : mapping of str to Glasses
        Name and tables of each kind of glass.
    types : sequence of str
        Bond types in the order of their panels; those without bonds are left out.

    Returns
    -------
    Figure, DataFrame
        The picture, and its numbers: set, type, strength (−ICOHP, eV), density (part of the bonds of this
        type per eV).
    """
    rows = []
    for name, glasses in sets.items():
        rest = glasses.bonds[glasses.bonds.percent == 0].groupby(["type", "strength"])["count"].sum()
        density = rest / rest.groupby("type").sum() / BIN
        rows.append(density.rename("density").reset_index().assign(set=name))
    table = pd.concat(rows, ignore_index=True)
    kinds = [kind for kind in types if kind in set(table.type)]
    figure, grid = axes(len(kinds), width=3.6)
    for panel, kind in zip(grid, kinds, strict=True):
        for name, colour in colours(list(sets)).items():
            own = table[(table.type == kind) & (table.set == name)]
            panel.plot(own.strength, own.density, color=colour, lw=1.2, label=name)
        panel.set(
            title=kind, xlabel="−ICOHP of a bond (eV)", ylabel="part of the bonds per eV", ylim=(0, None)
        )
    legend(grid[0])
    return figure, table


def rates(sets: Mapping[str, Glasses], strains: Sequence[float], part: float = 0.05) -> Drawing:
    """Draw stress, mean bond, exchange and icosahedra over strain; bands are standard errors over glasses.

    Parameters
    ----------
    sets : mapping of str to Glasses
        Name and tables of each kind of glass.
    strains : sequence of float
        As for ``inference.yielding.icosahedra``.
    part : float
        The part of the atoms that moved.

    Returns
    -------
    Figure, DataFrame
        The picture, and its numbers: set, what, strain, mean and error.
    """
    figure, grid = axes(4, width=3.4)
    titles = {
        "stress": "stress (GPa)",
        "bond": "mean −ICOHP of a bond, change (%)",
        "exchanged": "bonds exchanged (%)",
        "moved": "icosahedra where atoms moved (%)\n(dashed: elsewhere)",
    }
    rows = []
    for (name, glasses), colour in zip(sets.items(), COLOURS, strict=False):
        frames, first = glasses.frames, glasses.frames.groupby("glass").mean_bond.transform("first")
        centres = icosahedra(glasses.atoms, strains, part)
        lines = {
            "stress": glasses.stress.assign(value=glasses.stress.stress),
            "bond": frames.assign(value=100 * (frames.mean_bond / first - 1)),
            "exchanged": frames.assign(value=100 * (frames.broken + frames.formed)),
            "moved": centres[centres.moved].assign(value=100 * centres.part),
            "others": centres[~centres.moved].assign(value=100 * centres.part),
        }
        for what, line in lines.items():
            some = line.assign(strain=line.strain.round(3)).groupby("strain").value.agg(["mean", "sem"])
            panel = grid[list(titles).index("moved" if what == "others" else what)]
            dashes = "--" if what == "others" else "-"
            panel.plot(100 * some.index, some["mean"], color=colour, lw=1.2, ls=dashes, label=name)
            ends = some["mean"] - some["sem"], some["mean"] + some["sem"]
            panel.fill_between(100 * some.index, *ends, color=colour, alpha=0.2, lw=0)
            rows.append(some.rename(columns={"sem": "error"}).assign(set=name, what=what).reset_index())
    for panel, title in zip(grid, titles.values(), strict=True):
        panel.set(xlabel="strain (%)", ylabel=title)
    legend(grid[0])
    return figure, pd.concat(rows, ignore_index=True)


def areas(
    table: pd.DataFrame, outcomes: Mapping[str, str], published: Mapping[str, float], names: Sequence[str]
) -> Drawing:
    """Draw the area under the ROC curve of each indicator, with its interval, a panel for each outcome.

    Parameters
    ----------
    table : DataFrame
        As from ``inference.contest.summary``.
    outcomes : mapping of str to str
        Outcome and title of its panel.
    published : mapping of str to float
        Name and area of other indicators, drawn as lines.
    names : sequence of str
        Indicators, from top to bottom.

    Returns
    -------
    Figure, DataFrame
        The picture, and the rows of `table` that it shows.
    """
    figure, grid = axes(len(outcomes), width=3.6, height=1.2 + 0.24 * len(names))
    groups = list(dict.fromkeys(table["atoms"]))
    place = pd.Series(np.arange(len(names)), list(names))
    for n, (panel, (outcome, title)) in enumerate(zip(grid, outcomes.items(), strict=True)):
        for shift, (group, colour) in zip(
            np.linspace(-0.22, 0.22, len(groups)), _looks(groups).items(), strict=True
        ):
            own = table[(table.outcome == outcome) & (table["atoms"] == group)].set_index("indicator")
            own = own.reindex(list(names))
            bars = [own["mean"] - own.low, own.high - own["mean"]]
            look = {"fmt": "o", "ms": 3.5, "color": colour, "lw": 1, "label": group}
            panel.errorbar(own["mean"], place + shift, xerr=bars, **look)
        for (name, value), style in zip(published.items(), (":", "--", "-."), strict=False):
            panel.axvline(value, color="0.4", lw=1, ls=style, label=name)
        panel.axvline(0.5, color="0.8", lw=1, zorder=0)
        panel.set(title=title, xlabel="area under the ROC curve (chance: 0.5)")
        panel.set(ylabel="indicator (of the glass at rest)", ylim=(len(names) - 0.4, -0.6), xlim=(0.35, 1))
        panel.set_yticks(place, list(map(worded, names)) if n == 0 else [""] * len(names))
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=8)
    shown = table[table.outcome.isin(list(outcomes)) & table.indicator.isin(list(names))]
    return figure, shown.reset_index(drop=True)


def worded(name: str) -> str:
    """Return an indicator's name in words.

    Parameters
    ----------
    name : str
        As from ``inference.contest.indicators``.

    Examples
    --------
    >>> worded("strength around"), worded("geometry + energy")
    ('Σ −ICOHP around', 'geometry + energy')
    """
    first, *rest = name.split(" ", 1)
    return name if "+" in name else " ".join([WORDS.get(first, first), *rest])


def _looks(groups: Sequence[str]) -> dict[str, str]:
    """All atoms are black; each element has its colour."""
    return {"all": "0.1"} | colours(sorted(set(groups) - {"all"}))
