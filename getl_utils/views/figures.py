"""Figures: data in, a Figure out; `save` puts the picture and a CSV of its numbers beside each other."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from getl_utils.core.record import atomic_write, write_csv

# Of kinds: M. Okabe, K. Ito, Color Universal Design (2008). Of amounts: viridis, reversed, dark where strong.
# Both are told apart by colour-blind readers; viridis also in grey.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000", "#F0E442"]
AMOUNTS = "viridis_r"
STYLE = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "font.size": 10,
    "svg.fonttype": "none",  # text stays text
    "svg.hashsalt": "getl",
}


def colours(names: Sequence[str]) -> dict[str, str]:
    """One colour for each name, the same in every figure that is given the same names."""
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}


def axes(
    columns: int = 1, rows: int = 1, width: float = 4.0, height: float = 3.2
) -> tuple[Figure, list[Axes]]:
    """An empty figure in the house's style, and its axes; width and height of each in inches."""
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    plt.close(figure)  # shown once, by the cell that returns it
    return figure, list(grid.flat)


def panels(names: Sequence[str], width: float = 3.2, height: float = 2.6) -> tuple[Figure, dict[str, Axes]]:
    """An empty figure with a titled panel per name, three in a row."""
    columns = min(3, max(1, len(names)))
    figure, grid = axes(columns, -(-max(1, len(names)) // columns), width, height)
    for name, panel in zip(names, grid, strict=False):
        panel.set_title(name)
    for panel in grid[len(names) :]:
        panel.set_visible(False)
    return figure, dict(zip(names, grid, strict=False))


def legend(panel: Axes, fontsize: float = 8, **options: Any) -> None:
    """A legend in the house's style."""
    panel.legend(frameon=False, fontsize=fontsize, **options)


def save(figure: Figure, numbers: pd.DataFrame, stem: Path, note: str = "") -> Figure:
    """Write ``<stem>.png``, ``.svg`` and ``.csv`` (the figure's numbers); `note` is printed on the figure.
    Returns it."""
    _print(note, figure)
    for kind, metadata in (("png", None), ("svg", {"Date": None})):
        with atomic_write(stem.with_name(f"{stem.name}.{kind}")) as temporary, plt.rc_context(STYLE):
            figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)
    write_csv(stem.with_name(f"{stem.name}.csv"), numbers)
    return figure


def png(figure: Figure, note: str = "", dpi: float = 75) -> bytes:
    """The picture as a widget shows it, with `note` on it."""
    _print(note, figure)
    with io.BytesIO() as file, plt.rc_context(STYLE):
        figure.savefig(file, format="png", dpi=dpi)
        return file.getvalue()


def _print(note: str, figure: Figure) -> None:
    if note:
        figure.text(0.995, 0.995, note, ha="right", va="top", fontsize=7, color="0.4")
        figure.get_layout_engine().set(rect=(0, 0, 1, 0.96))


def thermo(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """Temperature (K) and density (g/cm³) over time (ps) of each run, thick: averaged; columns time, Temp,
    Density."""
    figure, (left, right) = axes(2)
    for name, log in logs.items():
        for panel, column in ((left, log.Temp), (right, log.Density)):
            (line,) = panel.plot(log.time, column, lw=0.5, alpha=0.25)
            smooth = column.rolling(max(1, len(log) // 50), center=True, min_periods=1).mean()
            panel.plot(log.time, smooth, lw=1.8, color=line.get_color(), label=name)
    left.set(xlabel="time (ps)", ylabel="temperature (K)")
    right.set(xlabel="time (ps)", ylabel="density (g/cm³)")
    legend(left)
    return figure


def radial(table: pd.DataFrame, title: str = "") -> Figure:
    """Radial distribution functions; columns r (Å), total, and one per pair of elements."""
    figure, (left, right) = axes(2)
    left.plot(table.r, table.total, color="black")
    for name in table.columns[2:]:
        right.plot(table.r, table[name], label=name, lw=1.2)
    left.set(xlabel="r (Å)", ylabel="g(r)", title=title, xlim=(1.5, None))
    right.set(xlabel="r (Å)", ylabel="partial g(r)", xlim=(1.5, None))
    legend(right)
    return figure


def statuses(table: pd.DataFrame) -> Figure:
    """What became of each sub-run: a square per sub-run, a row per run; columns composition, run, sub_run,
    name."""
    rows = table.assign(row=table.composition + " run " + table.run.astype(str))
    names, kinds = list(dict.fromkeys(rows.row)), list(dict.fromkeys(rows.name))
    figure, (panel,) = axes(width=7, height=0.9 + 0.35 * len(names))
    for kind, colour in colours(kinds).items():
        some = rows[rows.name == kind]
        panel.scatter(
            some.sub_run, [names.index(r) for r in some.row], marker="s", s=90, color=colour, label=kind
        )
    panel.set(
        xlabel="sub-run", ylabel="quench", xticks=sorted(rows.sub_run.unique()), ylim=(len(names) - 0.4, -0.6)
    )
    panel.set_yticks(range(len(names)), names)
    legend(panel, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def strength_over_distance(
    bonds: pd.DataFrame, types: Sequence[str], behind: pd.DataFrame | None = None
) -> Figure:
    """−ICOHP (eV) against bond length (Å), a panel per type; columns type, distance, icohp.

    Parameters
    ----------
    behind : bonds drawn in grey behind these, e.g. those of all cells behind those of one; they set the
    panels and their ranges.
    """
    whole = bonds if behind is None else behind
    figure, grid = panels([t for t in types if (whole.type == t).any()])
    for name, panel in grid.items():
        some, others = bonds[bonds.type == name], whole[whole.type == name]
        if behind is not None:
            panel.plot(others.distance, -others.icohp, ".", ms=2, color="0.8", rasterized=True)
        panel.plot(
            some.distance,
            -some.icohp,
            ".",
            ms=2 if behind is None else 4,
            color=colours(types)[name],
            rasterized=True,
        )
        panel.set(title=f"{name}: {len(some)} bonds", xlabel="distance (Å)", ylabel="−ICOHP (eV)")
    return figure


def sub_runs(bonds: pd.DataFrame, types: Sequence[str]) -> tuple[Figure, pd.DataFrame]:
    """Mean −ICOHP (eV) of each sub-run's bonds, bar: their standard deviation, a panel per type; and these
    numbers.

    Parameters
    ----------
    bonds : of one or more quenches; columns sub_run, type, icohp (eV).
    """
    table = (
        (-bonds.icohp)
        .groupby([bonds.type, bonds.sub_run])
        .agg(bonds="size", mean="mean", std="std")
        .reset_index()
    )
    figure, grid = panels([t for t in types if (table.type == t).any()], height=2.2)
    for name, panel in grid.items():
        some = table[table.type == name]
        panel.errorbar(
            some.sub_run, some["mean"], some["std"].fillna(0), fmt="o", ms=4, lw=1, color=colours(types)[name]
        )
        panel.set(xlabel="sub-run", ylabel="mean −ICOHP (eV)", xticks=sorted(table.sub_run.unique()))
    return figure, table


def environments(table: pd.DataFrame, explained: Sequence[float]) -> Figure:
    """Map of the atoms' environments along the first two principal components; columns pc1, pc2, element,
    deformed."""
    figure, grid = axes(2, width=4.2, height=3.6)
    for panel, column in zip(grid, ("element", "deformation"), strict=True):
        for name, colour in colours(list(dict.fromkeys(table[column]))).items():
            some = table[table[column] == name]
            panel.plot(some.pc1, some.pc2, ".", ms=3, color=colour, label=name, alpha=0.6, rasterized=True)
        panel.set(
            xlabel=f"PC 1 ({explained[0]:.0%})", ylabel=f"PC 2 ({explained[1]:.0%})", title=f"by {column}"
        )
        legend(panel, markerscale=3)
    return figure


def counts(table: pd.DataFrame) -> Figure:
    """Bonds in the database per type, a bar per composition; columns type, composition, bonds."""
    wide = table.pivot_table(index="type", columns="composition", values="bonds", sort=False).fillna(0)
    figure, (panel,) = axes(width=6)
    for n, (name, column) in enumerate(wide.items()):
        panel.bar(
            np.arange(len(wide)) + 0.8 * (n + 0.5) / wide.shape[1] - 0.4,
            column,
            0.8 / wide.shape[1],
            label=name,
        )
    panel.set(xlabel="bond type", ylabel="bonds in the database")
    panel.set_xticks(range(len(wide)), wide.index)
    legend(panel)
    return figure


def distributions(
    groups: Mapping[str, pd.DataFrame], types: Sequence[str], bins: int = 40
) -> tuple[Figure, pd.DataFrame]:
    """Distribution of −ICOHP per type, a line style per group (e.g. labelled and predicted); and its numbers.

    Parameters
    ----------
    groups : name → bonds with type and icohp (eV).

    Returns
    -------
    The figure, and a table with group, type, strength (eV, middle of the bin) and density (1/eV).
    """
    figure, grid = panels([t for t in types if any((b.type == t).any() for b in groups.values())])
    rows = []
    for name, panel in grid.items():
        values = {g: -b.icohp[b.type == name].to_numpy(float) for g, b in groups.items()}
        edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins)
        for (group, some), style in zip(values.items(), ("-", "--", ":", "-."), strict=False):
            if len(some):
                density, middle = np.histogram(some, edges, density=True)[0], (edges[1:] + edges[:-1]) / 2
                panel.step(
                    middle,
                    density,
                    where="mid",
                    ls=style,
                    color=colours(types)[name],
                    label=f"{group} ({len(some)})",
                )
                rows.append(
                    pd.DataFrame({"group": group, "type": name, "strength": middle, "density": density})
                )
        panel.set(xlabel="−ICOHP (eV)", ylabel="density (1/eV)")
        legend(panel, fontsize=7)
    return figure, pd.concat(rows, ignore_index=True)


def atom_strengths(
    sums: pd.DataFrame, elements: Sequence[str], bins: int = 50
) -> tuple[Figure, pd.DataFrame]:
    """Distribution of the total bond strength per atom, a line per element, and its numbers; columns element,
    strength (eV)."""
    figure, (panel,) = axes(width=6)
    edges, rows = np.histogram_bin_edges(sums.strength, bins), []
    for name, colour in colours(elements).items():
        some = sums.strength[sums.element == name]
        if len(some):
            density = np.histogram(some, edges, density=True)[0]
            panel.stairs(density, edges, color=colour, label=f"{name} ({len(some)} atoms)", lw=1.5)
            rows.append(
                pd.DataFrame({"element": name, "strength": (edges[1:] + edges[:-1]) / 2, "density": density})
            )
    panel.set(xlabel="Σ −ICOHP of an atom's bonds (eV)", ylabel="density (1/eV)")
    legend(panel)
    return figure, pd.concat(rows, ignore_index=True)


def slab(
    atoms: Atoms, bonds: pd.DataFrame, elements: Sequence[str], thickness: float = 4.0
) -> tuple[Figure, pd.DataFrame]:
    """A slice through a structure, its bonds coloured by predicted −ICOHP (eV), seen along z; and the bonds
    shown.

    Parameters
    ----------
    bonds : i, j, tx, ty, tz, type, predicted (eV). thickness : Å, of the slice at the middle of the cell.
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
) -> tuple[Figure, pd.DataFrame]:
    """As `slab`, of the atoms `inside` (n_atoms,) and the bonds between them of `least` eV or more; colours
    end at `top` eV."""
    drawn = segments(atoms, bonds, inside)
    drawn = drawn[drawn.strength >= least].sort_values("strength")
    figure, (panel,) = axes(width=7.2, height=6.2)
    ends = drawn[["x1", "y1", "x2", "y2"]].to_numpy().reshape(-1, 2, 2)
    top = (drawn.strength.quantile(0.99) if len(drawn) else 1.0) if top is None else top
    lines = LineCollection(ends, array=drawn.strength, cmap=AMOUNTS, linewidths=2.5, clim=(0, top))
    panel.add_collection(lines)
    symbols, places = np.array(atoms.get_chemical_symbols()), atoms.get_positions(wrap=True)
    for name, colour in colours(elements).items():
        some = places[inside & (symbols == name)]
        panel.scatter(
            some[:, 0], some[:, 1], s=26, color=colour, edgecolor="white", linewidth=0.6, label=name, zorder=3
        )
    panel.set(aspect="equal", xlabel="x (Å)", ylabel="y (Å)")
    panel.set_title(title, loc="right")
    panel.margins(0.01)
    panel.autoscale()
    legend(panel, loc="upper left", bbox_to_anchor=(0, 1.08), ncols=len(elements))
    figure.colorbar(lines, label="−ICOHP (eV)", shrink=0.8)
    return figure, drawn.drop(columns=["z1", "z2"])


def segments(atoms: Atoms, bonds: pd.DataFrame, inside: np.ndarray) -> pd.DataFrame:
    """The bonds between atoms `inside` (n_atoms,) as lines, from the first atom, in the cell, to the image of
    the second.

    Parameters
    ----------
    bonds : i, j, tx, ty, tz, type, predicted (eV).

    Returns
    -------
    DataFrame : i, j, type, x1, y1, z1, x2, y2, z2 (Å), strength (−ICOHP, eV).
    """
    shown = bonds[inside[bonds.i.to_numpy()] & inside[bonds.j.to_numpy()]]
    vectors = (
        atoms.positions[shown.j]
        + shown[["tx", "ty", "tz"]].to_numpy() @ atoms.cell.array
        - atoms.positions[shown.i]
    )
    table = shown[["i", "j", "type"]].reset_index(drop=True)
    table[["x1", "y1", "z1"]] = start = atoms.get_positions(wrap=True)[shown.i]
    table[["x2", "y2", "z2"]] = start + vectors
    return table.assign(strength=-shown.predicted.to_numpy())
