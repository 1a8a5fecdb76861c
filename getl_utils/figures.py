"""Figures: data in, a Figure out; `save` puts the picture and a CSV of its numbers beside each other."""

from __future__ import annotations

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

from getl_utils.layout import atomic_write

# Okabe and Ito: distinct for colour-blind readers too
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000", "#F0E442"]
STYLE = {
    "figure.constrained_layout.use": True,
    "figure.dpi": 100,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": plt.cycler(color=COLOURS),
    "font.size": 10,
    "svg.hashsalt": "getl",
}


def colours(names: Sequence[str]) -> dict[str, str]:
    """One colour for each name, the same in every figure that is given the same names."""
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}


def _axes(columns: int = 1, rows: int = 1, width: float = 4.0, height: float = 3.2) -> tuple[Figure, list[Axes]]:
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    plt.close(figure)  # shown once, by the cell that returns it
    return figure, list(axes.flat)


def _legend(axes: Axes, fontsize: float = 8, **options: Any) -> None:
    axes.legend(frameon=False, fontsize=fontsize, **options)


def save(figure: Figure, numbers: pd.DataFrame, stem: Path, note: str = "") -> Figure:
    """Write ``<stem>.png``, ``.svg`` and ``.csv`` (the figure's numbers); `note` is printed on the figure. Returns it."""
    if note:
        figure.text(0.995, 0.995, note, ha="right", va="top", fontsize=7, color="0.4")
        figure.get_layout_engine().set(rect=(0, 0, 1, 0.96))
    for suffix in (".png", ".svg"):
        with atomic_write(stem.with_suffix(suffix)) as temporary:
            figure.savefig(temporary, dpi=150, metadata={"Date": None} if suffix == ".svg" else None)
    with atomic_write(stem.with_suffix(".csv")) as temporary:
        numbers.to_csv(temporary, index=False)
    return figure


def thermo(logs: Mapping[str, pd.DataFrame]) -> Figure:
    """Temperature (K) and density (g/cm³) over time (ps) of each run, thick: averaged; columns time, Temp, Density."""
    figure, (left, right) = _axes(2)
    for name, log in logs.items():
        for panel, column in ((left, log.Temp), (right, log.Density)):
            (line,) = panel.plot(log.time, column, lw=0.5, alpha=0.25)
            smooth = column.rolling(max(1, len(log) // 50), center=True, min_periods=1).mean()
            panel.plot(log.time, smooth, lw=1.8, color=line.get_color(), label=name)
    left.set(xlabel="time (ps)", ylabel="temperature (K)")
    right.set(xlabel="time (ps)", ylabel="density (g/cm³)")
    _legend(left)
    return figure


def radial(table: pd.DataFrame, title: str = "") -> Figure:
    """Radial distribution functions; columns r (Å), total, and one per pair of elements."""
    figure, (left, right) = _axes(2)
    left.plot(table.r, table.total, color="black")
    for name in table.columns[2:]:
        right.plot(table.r, table[name], label=name, lw=1.2)
    left.set(xlabel="r (Å)", ylabel="g(r)", title=title, xlim=(1.5, None))
    right.set(xlabel="r (Å)", ylabel="partial g(r)", xlim=(1.5, None))
    _legend(right)
    return figure


def statuses(table: pd.DataFrame) -> Figure:
    """What became of each sub-run: a square per sub-run, a row per run; columns composition, run, sub_run, name."""
    rows = table.assign(row=table.composition + " run " + table.run.astype(str))
    names, kinds = list(dict.fromkeys(rows.row)), list(dict.fromkeys(rows.name))
    figure, (axes,) = _axes(width=7, height=0.9 + 0.35 * len(names))
    for kind, colour in colours(kinds).items():
        some = rows[rows.name == kind]
        axes.scatter(some.sub_run, [names.index(r) for r in some.row], marker="s", s=90, color=colour, label=kind)
    axes.set(yticks=range(len(names)), xlabel="sub-run", xticks=sorted(rows.sub_run.unique()), ylim=(len(names) - 0.4, -0.6))
    axes.set_yticklabels(names)
    _legend(axes, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def strength_over_distance(bonds: pd.DataFrame, types: Sequence[str]) -> Figure:
    """−ICOHP (eV) against bond length (Å), a panel per type; columns type, distance, icohp."""
    present = [t for t in types if (bonds.type == t).any()]
    columns = min(3, max(1, len(present)))
    figure, axes = _axes(columns, -(-max(1, len(present)) // columns), width=3.2, height=2.6)
    for panel, (name, colour) in zip(axes, ((t, colours(types)[t]) for t in present), strict=False):
        some = bonds[bonds.type == name]
        panel.plot(some.distance, -some.icohp, ".", ms=2, color=colour, rasterized=True)
        panel.set(title=f"{name}: {len(some)} bonds", xlabel="distance (Å)", ylabel="−ICOHP (eV)")
    for panel in axes[len(present) :]:
        panel.set_visible(False)
    return figure


def environments(table: pd.DataFrame, explained: Sequence[float]) -> Figure:
    """Map of the atoms' environments along the first two principal components; columns pc1, pc2, element, deformed."""
    figure, panels = _axes(2, width=4.2, height=3.6)
    for panel, column in zip(panels, ("element", "deformation"), strict=True):
        for name, colour in colours(list(dict.fromkeys(table[column]))).items():
            some = table[table[column] == name]
            panel.plot(some.pc1, some.pc2, ".", ms=3, color=colour, label=name, alpha=0.6, rasterized=True)
        panel.set(xlabel=f"PC 1 ({explained[0]:.0%})", ylabel=f"PC 2 ({explained[1]:.0%})", title=f"by {column}")
        _legend(panel, markerscale=3)
    return figure


def counts(table: pd.DataFrame) -> Figure:
    """Bonds in the database per type, a bar per composition; columns type, composition, bonds."""
    wide = table.pivot_table(index="type", columns="composition", values="bonds", sort=False).fillna(0)
    figure, (axes,) = _axes(width=6)
    for n, (name, column) in enumerate(wide.items()):
        axes.bar(np.arange(len(wide)) + 0.8 * (n + 0.5) / wide.shape[1] - 0.4, column, 0.8 / wide.shape[1], label=name)
    axes.set(xticks=range(len(wide)), ylabel="bonds in the database")
    axes.set_xticklabels(wide.index)
    _legend(axes)
    return figure


def parity(results: Mapping[str, pd.DataFrame], types: Sequence[str]) -> Figure:
    """Predicted against calculated −ICOHP (eV), a panel per type; columns true, predicted."""
    columns = min(3, max(1, len(results)))
    figure, axes = _axes(columns, -(-max(1, len(results)) // columns), width=3.0, height=3.0)
    for panel, (name, table) in zip(axes, results.items(), strict=False):
        both = np.concatenate([table.true, table.predicted])
        panel.plot([both.min(), both.max()], [both.min(), both.max()], color="0.6", lw=1)
        panel.plot(table.true, table.predicted, ".", ms=3, color=colours(types)[name], rasterized=True)
        rmse = np.sqrt(np.mean((table.true - table.predicted) ** 2))
        panel.set(title=f"{name}: RMSE {rmse:.3f} eV", xlabel="−ICOHP, calculated (eV)", ylabel="−ICOHP, predicted (eV)")
    for panel in axes[len(results) :]:
        panel.set_visible(False)
    return figure


def errors(table: pd.DataFrame) -> Figure:
    """RMSE (eV) of the model and of the distance alone, per type and split; columns type, split, rmse, baseline_rmse."""
    kinds = list(dict.fromkeys(table.split))
    figure, axes = _axes(len(kinds), width=max(2.6, 9 / max(1, len(kinds))))
    top = 1.1 * table[["rmse", "baseline_rmse"]].max().max()
    for panel, kind in zip(axes, kinds, strict=True):
        some = table[table.split == kind].reset_index(drop=True)
        panel.bar(some.index - 0.2, some.baseline_rmse, 0.4, color="0.7", label="distance alone")
        panel.bar(some.index + 0.2, some.rmse, 0.4, color=COLOURS[0], label="model", yerr=some.rmse_std.fillna(0))
        panel.set(
            xticks=some.index,
            ylim=(0, top),
            title=f"{kind} ({some.folds.max()} fold{'s' if some.folds.max() > 1 else ''})",
            ylabel="RMSE (eV)",
        )
        panel.set_xticklabels(some.type, rotation=45)
    _legend(axes[0])
    return figure


def distributions(groups: Mapping[str, pd.DataFrame], types: Sequence[str], bins: int = 40) -> tuple[Figure, pd.DataFrame]:
    """Distribution of −ICOHP per type, a line style per group (e.g. labelled and predicted); and its numbers.

    Parameters
    ----------
    groups : name → bonds with type and icohp (eV).

    Returns
    -------
    The figure, and a table with group, type, strength (eV, middle of the bin) and density (1/eV).
    """
    present = [t for t in types if any((b.type == t).any() for b in groups.values())]
    columns = min(3, max(1, len(present)))
    figure, axes = _axes(columns, -(-max(1, len(present)) // columns), width=3.2, height=2.6)
    rows = []
    for panel, name in zip(axes, present, strict=False):
        values = {g: -b.icohp[b.type == name].to_numpy(float) for g, b in groups.items()}
        edges = np.histogram_bin_edges(np.concatenate(list(values.values())), bins)
        for (group, some), style in zip(values.items(), ("-", "--", ":", "-."), strict=False):
            if len(some):
                density, middle = np.histogram(some, edges, density=True)[0], (edges[1:] + edges[:-1]) / 2
                panel.step(middle, density, where="mid", ls=style, color=colours(types)[name], label=f"{group} ({len(some)})")
                rows.append(pd.DataFrame({"group": group, "type": name, "strength": middle, "density": density}))
        panel.set(title=name, xlabel="−ICOHP (eV)", ylabel="density (1/eV)")
        _legend(panel, fontsize=7)
    for panel in axes[len(present) :]:
        panel.set_visible(False)
    return figure, pd.concat(rows, ignore_index=True)


def atom_strengths(sums: pd.DataFrame, elements: Sequence[str], bins: int = 50) -> tuple[Figure, pd.DataFrame]:
    """Distribution of the total bond strength per atom, a line per element, and its numbers; columns element, strength (eV)."""
    figure, (axes,) = _axes(width=6)
    edges, rows = np.histogram_bin_edges(sums.strength, bins), []
    for name, colour in colours(elements).items():
        some = sums.strength[sums.element == name]
        if len(some):
            density = np.histogram(some, edges, density=True)[0]
            axes.stairs(density, edges, color=colour, label=f"{name} ({len(some)} atoms)", lw=1.5)
            rows.append(pd.DataFrame({"element": name, "strength": (edges[1:] + edges[:-1]) / 2, "density": density}))
    axes.set(xlabel="Σ −ICOHP of an atom's bonds (eV)", ylabel="density (1/eV)")
    _legend(axes)
    return figure, pd.concat(rows, ignore_index=True)


def slab(atoms: Atoms, bonds: pd.DataFrame, elements: Sequence[str], thickness: float = 4.0) -> tuple[Figure, pd.DataFrame]:
    """A slice through a structure, its bonds coloured by predicted −ICOHP (eV), seen along z; and the bonds shown.

    Parameters
    ----------
    bonds : i, j, tx, ty, tz, predicted (eV). thickness : Å, of the slice at the middle of the cell.
    """
    places = atoms.get_positions(wrap=True)
    inside = np.abs(places[:, 2] - atoms.cell.array[:, 2].sum() / 2) < thickness / 2
    shown = bonds[inside[bonds.i] & inside[bonds.j]]
    vectors = atoms.positions[shown.j] + shown[["tx", "ty", "tz"]].to_numpy() @ atoms.cell.array - atoms.positions[shown.i]
    start = places[shown.i]
    shown = shown.assign(
        x1=start[:, 0], y1=start[:, 1], x2=(start + vectors)[:, 0], y2=(start + vectors)[:, 1], strength=-shown.predicted
    )
    shown = shown.sort_values("strength")
    figure, (axes,) = _axes(width=7.2, height=6.2)
    segments = shown[["x1", "y1", "x2", "y2"]].to_numpy().reshape(-1, 2, 2)
    lines = LineCollection(
        segments, array=shown.strength, cmap="viridis_r", linewidths=2.5, clim=(0, shown.strength.quantile(0.99))
    )
    axes.add_collection(lines)
    symbols = np.array(atoms.get_chemical_symbols())
    for name, colour in colours(elements).items():
        some = places[inside & (symbols == name)]
        axes.scatter(some[:, 0], some[:, 1], s=26, color=colour, edgecolor="white", linewidth=0.6, label=name, zorder=3)
    axes.set(aspect="equal", xlabel="x (Å)", ylabel="y (Å)")
    axes.margins(0.01)
    axes.autoscale()
    _legend(axes, loc="upper left", bbox_to_anchor=(0, 1.08), ncols=len(elements))
    figure.colorbar(lines, label="−ICOHP (eV)", shrink=0.8)
    return figure, shown[["i", "j", "type", "x1", "y1", "x2", "y2", "strength"]]
