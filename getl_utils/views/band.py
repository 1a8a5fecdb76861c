"""Pictures of a shear band: maps of a pulled slab, a film of them, and means inside and outside the band."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.animation import PillowWriter
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from getl_utils.core.record import atomic_write
from getl_utils.views.style import COLOURS, STYLE, Drawing, axes, legend

EVERY = 2  # frames of the film; the others are left out
FEWEST = 20  # atoms of a column that is drawn; a full one has some eighty
DPI = 80


class _Scene:
    """One picture whose maps and marks follow the frames."""

    def __init__(self, columns: pd.DataFrame, stress: pd.DataFrame):
        columns = _full(columns)
        first = columns[columns.frame == 0].set_index("column")
        self.columns = columns.assign(weaker=columns.column.map(first.strength) - columns.strength)
        self.figure, grid = plt.subplot_mosaic(
            [["moved", "curve"], ["weaker", "curve"]], figsize=(11, 4.4), width_ratios=[3, 1.2],
            layout="constrained",
        )  # fmt: skip
        last = self.columns[self.columns.frame == self.columns.frame.max()]
        limits = {"moved": float(last.d2min.quantile(0.98))}
        limits["weaker"] = float(last.weaker.abs().quantile(0.98))
        looks = {"moved": ("d2min", 0.0, "magma", "D²min (Å²)")}
        looks["weaker"] = ("weaker", -limits["weaker"], "RdBu_r", "bonding lost (eV)")
        self.maps = {}
        for name, (column, low, colours, title) in looks.items():
            shown = _map(grid[name], columns, 0.62, cmap=colours, vmin=low, vmax=limits[name])
            self.figure.colorbar(shown, ax=grid[name], label=title, shrink=0.9, extend="max")
            self.maps[column] = shown
        grid["curve"].plot(100 * stress.strain, stress.stress, color=COLOURS[0], lw=1.2)
        (self.mark,) = grid["curve"].plot([], [], "o", color=COLOURS[1], ms=7)
        grid["curve"].set(xlabel="strain (%)", ylabel="stress (GPa)", ylim=(0, None))
        self.stress = stress

    def show(self, frame: int) -> None:
        """Move everything to a frame."""
        now = self.columns[self.columns.frame == frame]
        for column, shown in self.maps.items():
            _fill(shown, now, column)
        strain = now.strain.iloc[0]
        self.mark.set_data([100 * strain], [np.interp(strain, self.stress.strain, self.stress.stress)])


def _full(columns: pd.DataFrame) -> pd.DataFrame:
    """The columns with enough atoms, or all if none has."""
    return columns[columns.atoms >= min(FEWEST, columns.atoms.max())]


def _map(panel: Axes, columns: pd.DataFrame, part: float, **look: Any) -> PathCollection:
    """An empty map with room for all frames; its marks of 5 Å hide the paper in a part of the width."""
    span = [(columns[a].min() - 3, columns[a].max() + 3) for a in "xy"]
    width = panel.figure.get_size_inches()[0] * part * 72  # points of the panel
    size = (6.0 * width / (span[0][1] - span[0][0])) ** 2
    panel.set(xlim=span[0], ylim=span[1], aspect="equal", xticks=[], yticks=[])
    return panel.scatter([], [], c=[], s=size, marker="s", lw=0, **look)


def _fill(shown: PathCollection, now: pd.DataFrame, column: str) -> None:
    """Put the columns of a frame into a map."""
    shown.set_offsets(now[["x", "y"]].to_numpy())
    shown.set_array(now[column].to_numpy())


def scene(columns: pd.DataFrame, stress: pd.DataFrame, frame: int | None = None) -> Drawing:
    """Draw where a slab was sheared and where its atoms lost bonding, and the stress, at one frame.

    Parameters
    ----------
    columns : DataFrame
        From ``inference.band.follow``.
    stress : DataFrame
        strain, stress (GPa).
    frame : int, optional
        Its number; default: the last one.

    Returns
    -------
    Figure, DataFrame
        The picture, and the columns of that frame.
    """
    drawn = _Scene(columns, stress)
    frame = int(columns.frame.max()) if frame is None else frame
    drawn.show(frame)
    return drawn.figure, drawn.columns[drawn.columns.frame == frame]


def stages(columns: pd.DataFrame, strains: Sequence[float]) -> Drawing:
    """Draw D²min at several strains, one below the other.

    Parameters
    ----------
    columns : DataFrame
        From ``inference.band.follow``.
    strains : sequence of float
        The nearest frames are drawn.

    Returns
    -------
    Figure, DataFrame
        The picture, and the columns of these frames.
    """
    columns = _full(columns)
    by = columns.groupby("frame").strain.first()
    chosen = [int((by - strain).abs().idxmin()) for strain in strains]
    figure, panels = axes(1, len(chosen), width=6.5, height=1.9)
    most = float(columns.d2min[columns.frame == chosen[-1]].quantile(0.98))
    for panel, frame in zip(panels, chosen, strict=True):
        shown = _map(panel, columns, 0.8, cmap="magma", vmin=0, vmax=most)
        _fill(shown, columns[columns.frame == frame], "d2min")
        panel.set_title(f"strain {by[frame]:.1%}", fontsize=9, loc="left")
    figure.colorbar(shown, ax=panels, label="D²min (Å²)", shrink=0.5, extend="max")
    return figure, columns[columns.frame.isin(chosen)]


def film(columns: pd.DataFrame, stress: pd.DataFrame, path: Path) -> None:
    """Write the film of a slab as an animated GIF.

    Parameters
    ----------
    columns, stress : DataFrame
        As for `scene`.
    path : Path
        The file.
    """
    with plt.rc_context(STYLE):
        drawn = _Scene(columns, stress)
        writer = PillowWriter(fps=8)
        with atomic_write(path) as temporary, writer.saving(drawn.figure, str(temporary), DPI):
            for frame in sorted(columns.frame.unique())[::EVERY]:
                drawn.show(int(frame))
                writer.grab_frame()
        plt.close(drawn.figure)


def inside_and_outside(table: pd.DataFrame) -> Drawing:
    """Draw what happens inside a band and outside over the strain.

    Parameters
    ----------
    table : DataFrame
        From ``inference.band.inside_and_outside``.

    Returns
    -------
    Figure, DataFrame
        The picture, and `table`.
    """
    titles = {
        "exchanged": "bonds exchanged by an atom", "strength": "Σ −ICOHP of an atom (eV)",
        "icosahedron": "icosahedra (part of the atoms)",
    }  # fmt: skip
    figure, panels = axes(3, width=3.6)
    for panel, (column, title) in zip(panels, titles.items(), strict=True):
        for inside, some in table.groupby("inside"):
            name = "in the band" if inside else "elsewhere"
            some = some.dropna(subset=column)
            panel.plot(100 * some.strain, some[column], color=COLOURS[1 if inside else 0], label=name)
        panel.set(xlabel="strain (%)", ylabel=title)
        legend(panel)
    return figure, table
