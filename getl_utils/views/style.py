"""One style for all figures: colours, empty panels, and files with the numbers beside the picture."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, LogLocator, NullFormatter, NullLocator

from getl_utils.core.record import atomic_write, write_csv
from getl_utils.core.workdir import WorkDir

# Kinds have the colours of M. Okabe and K. Ito, Color Universal Design (2008). Amounts are grey, dark where
# large, so that a bond never has the colour of an atom. Both can be told apart by colour-blind readers.
COLOURS = ["#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7", "#000000", "#F0E442"]
AMOUNTS: Colormap = LinearSegmentedColormap.from_list("amounts", ["0.85", "0.45", "0.05"])
SIGNED = "RdBu_r"  # amounts with a sign, white at zero
FEW = 20  # values; fewer are drawn one by one, not as a histogram
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

Drawing = tuple[Figure, pd.DataFrame]  # what every figure function returns: the picture and its numbers


class Gallery:
    """The figures of one stage: shows each, and keeps it as PNG, SVG and CSV under one name.

    Parameters
    ----------
    work : WorkDir
        The figures go to its ``figures/<stage>/``.
    stage : str
        Name of the notebook.
    note : str
        Printed on every figure, for example that its labels are previews.

    Examples
    --------
    >>> import tempfile
    >>> show = Gallery(WorkDir(tempfile.mkdtemp()), "02_extract")
    >>> figure = show("nothing", (axes()[0], pd.DataFrame({"n": [1]})))
    >>> sorted(file.name for file in show.folder.iterdir())
    ['nothing.csv', 'nothing.png', 'nothing.svg']
    """

    def __init__(self, work: WorkDir, stage: str, note: str = ""):
        self.folder, self.note = work.figures(stage), note

    def __call__(self, name: str, drawing: Drawing) -> Figure:
        """Save a drawing as `name` and return its figure, which the notebook then shows."""
        return save(*drawing, self.folder / name, self.note)


def save(figure: Figure, numbers: pd.DataFrame, stem: Path, note: str = "") -> Figure:
    """Write a figure as ``<stem>.png`` and ``<stem>.svg`` and its numbers as ``<stem>.csv``.

    Parameters
    ----------
    figure : Figure
        The picture.
    numbers : DataFrame
        What it shows.
    stem : Path
        Path without the ending. Each file is complete or absent.
    note : str
        Printed in the upper right corner.

    Returns
    -------
    Figure
        The same figure.
    """
    _print(note, figure)
    for kind, metadata in (("png", None), ("svg", {"Date": None})):
        with atomic_write(stem.with_name(f"{stem.name}.{kind}")) as temporary, plt.rc_context(STYLE):
            figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)
    write_csv(stem.with_name(f"{stem.name}.csv"), numbers)
    return figure


def png(figure: Figure, note: str = "", dpi: float = 100) -> bytes:
    """Return a picture as PNG.

    Parameters
    ----------
    figure : Figure
        The picture.
    note : str
        Printed in the upper right corner.
    dpi : float
        Pixels for each inch.

    Returns
    -------
    bytes
        The file.
    """
    _print(note, figure)
    with io.BytesIO() as file, plt.rc_context(STYLE):
        figure.savefig(file, format="png", dpi=dpi)
        return file.getvalue()


def _print(note: str, figure: Figure) -> None:
    if note:
        figure.text(0.995, 0.995, note, ha="right", va="top", fontsize=7, color="0.4")
        figure.get_layout_engine().set(rect=(0, 0, 1, 0.96))


def colours(names: Sequence[str]) -> dict[str, str]:
    """Return one colour for each name, the same in every figure that is given the same names.

    Parameters
    ----------
    names : sequence of str
        Kinds in the order of their colours.

    Returns
    -------
    dict of str to str
        Name and colour.

    Examples
    --------
    >>> colours(["Ti", "Ni"])
    {'Ti': '#0072B2', 'Ni': '#D55E00'}
    """
    return {name: COLOURS[n % len(COLOURS)] for n, name in enumerate(names)}


def axes(
    columns: int = 1, rows: int = 1, width: float = 4.0, height: float = 3.2
) -> tuple[Figure, list[Axes]]:
    """Return an empty figure and its axes.

    Parameters
    ----------
    columns, rows : int
        Number of axes in each direction.
    width, height : float
        Size of each, inches.

    Returns
    -------
    Figure, list of Axes
        Row by row.
    """
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(rows, columns, figsize=(width * columns, height * rows), squeeze=False)
    plt.close(figure)  # the cell that returns it shows it, once
    return figure, list(grid.flat)


def panels(names: Sequence[str], width: float = 3.2, height: float = 2.6) -> tuple[Figure, dict[str, Axes]]:
    """Return an empty figure with a titled panel for each name, three in a row.

    Parameters
    ----------
    names : sequence of str
        Titles of the panels.
    width, height : float
        Size of each, inches.

    Returns
    -------
    Figure, dict of str to Axes
        Name and panel.
    """
    columns = min(3, max(1, len(names)))
    figure, grid = axes(columns, -(-max(1, len(names)) // columns), width, height)
    for name, panel in zip(names, grid, strict=False):
        panel.set_title(name)
    for panel in grid[len(names) :]:
        panel.set_visible(False)
    return figure, dict(zip(names, grid, strict=False))


def legend(panel: Axes, fontsize: float = 8, **options: Any) -> None:
    """Draw a legend without a frame, if there is something to name.

    Parameters
    ----------
    panel : Axes
        Where it is drawn.
    fontsize : float
        Of its text.
    **options : object
        Passed to Matplotlib.
    """
    if panel.get_legend_handles_labels()[1]:
        panel.legend(frameon=False, fontsize=fontsize, **options)


def log_ticks(axis: Axis, values: Sequence[float] = (), apart: float = 0.2) -> None:
    """Put the ticks of a logarithmic axis at given values, or at 1, 2 and 5 times powers of ten.

    Parameters
    ----------
    axis : Axis
        ``panel.xaxis`` or ``panel.yaxis``.
    values : sequence of float
        Places of the ticks, taken from the largest down; none: round numbers.
    apart : float
        Least distance of two ticks, as a part of the axis.
    """
    ordered = sorted({float(v) for v in values}, reverse=True)
    kept, step = ordered[:1], (ordered[0] / ordered[-1]) ** apart if ordered else 1.0
    for value in ordered[1:]:
        if step * value <= kept[-1] * (1 + 1e-9):
            kept.append(value)
    axis.set_major_locator(FixedLocator(kept) if kept else LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:.5g}")
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def histograms(
    panel: Axes, groups: Mapping[str, np.ndarray], looks: Mapping[str, Mapping[str, Any]], most: int = 40
) -> pd.DataFrame:
    """Draw the distributions of several groups of values in one panel.

    The number of bins follows the smallest group that is drawn as a histogram. A group of fewer than
    ``FEW`` values is drawn as a tick for each value.

    Parameters
    ----------
    panel : Axes
        Where they are drawn.
    groups : mapping of str to (n,) array
        Name of each group and its values.
    looks : mapping of str to mapping
        Name of each group and its line options (color, ls).
    most : int
        Greatest number of bins.

    Returns
    -------
    DataFrame
        group, strength (middle of the bin), density (1 over the unit of the values), bonds (number of
        values); a group of few values has a row for each value and no density.
    """
    many = {name: v for name, v in groups.items() if len(v) >= FEW}
    bins = int(np.clip(2 * np.sqrt(min(map(len, many.values()), default=0)), 5, most))
    edges = np.histogram_bin_edges(np.concatenate([*groups.values(), []]), bins)
    middle, rows = (edges[1:] + edges[:-1]) / 2, []
    for name, values in groups.items():
        label, look, density = f"{name} ({len(values)})", looks[name], np.full(len(values), np.nan)
        if name in many:
            density = np.histogram(values, edges, density=True)[0]
            panel.step(middle, density, where="mid", lw=1.4, label=label, **look)
        elif len(values):
            _ticks(panel, values, look.get("color"), label)
        places = middle if name in many else values
        one = {"group": name, "strength": places, "density": density, "bonds": len(values)}
        rows.append(pd.DataFrame(one))
    panel.set_ylim(bottom=0)
    return pd.concat(rows, ignore_index=True)


def _ticks(panel: Axes, values: np.ndarray, colour: Any, label: str) -> None:
    """Draw each value as a tick at the foot of the panel."""
    foot = np.full(len(values), 0.04)
    panel.plot(values, foot, "|", ms=9, color=colour, label=label, transform=panel.get_xaxis_transform())
