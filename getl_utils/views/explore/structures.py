"""Views of cells, glasses and running batches; docs/exploring.md lists them and their CSS classes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import islice
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.figure import Figure

from getl_utils.core.cells import CellKey
from getl_utils.core.workdir import WorkDir
from getl_utils.ops import status as overview
from getl_utils.views import bonds as pictures
from getl_utils.views import structure
from getl_utils.views.explore import atoms3d
from getl_utils.views.explore.view import View, control

PARTS = (0.0, 0.3, 0.6, 0.8, 0.95)  # of a glass's bonds, by strength: the steps of the slider
THICKNESS = 6.0  # Å, of the slice of a glass
MOST_BONDS = 600  # shown of a glass: a browser without a graphics card draws more too slowly
MOST_CELLS = 45  # shown in 3-D
REFRESH = 5000  # ms, between two looks at a running batch
WIDTH = "540px"  # of the picture beside the 3-D widget: both fit in a window of 1000 pixels


def status(work: WorkDir) -> View:
    """Show what ``getl status`` says of a work directory: now, at a button, or by a timer of five seconds.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    View
        Of class ``getl-status``.
    """

    def _draw(timer: int) -> tuple[None, str]:
        return None, f"<pre>{escape(overview.status(work))}</pre>"

    button = widgets.Button(description="look again")
    timer = widgets.Play(interval=REFRESH, max=10**6, show_repeat=False, tooltip="look every five seconds")
    view = View("getl-status", {"timer": timer}, _draw, [button])
    button.on_click(view.refresh)
    return view


def slice_of(
    atoms: Atoms, bonds: pd.DataFrame, thickness: float = THICKNESS, most: int = MOST_BONDS
) -> np.ndarray:
    """Choose the atoms of a slice in the middle of the cell, or of its middle square if it has many bonds.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    bonds : DataFrame
        i, j.
    thickness : float
        Of the slice, Å.
    most : int
        Bonds in the slice, about.

    Returns
    -------
    (n_atoms,) bool array
        The chosen atoms.
    """
    away = np.abs(atoms.get_scaled_positions(wrap=True) - 0.5)
    reach = np.where(away[:, 2] * atoms.cell.lengths()[2] < thickness / 2, away[:, :2].max(axis=1), np.inf)
    both = np.sort(np.maximum(reach[bonds.i], reach[bonds.j]))
    return reach <= (both[most] if len(both) > most and np.isfinite(both[most]) else 0.5)


def glass(
    frames: Iterable[tuple[Atoms, pd.DataFrame]],
    strain: Sequence[float],
    elements: Sequence[str],
    note: str = "",
) -> View:
    """Show a slice of a glass in 3-D and from above, its bonds dark where they are strong.

    The sliders choose the strain and the least −ICOHP that is shown.

    Parameters
    ----------
    frames : iterable of (Atoms, DataFrame)
        Each structure and its bonds: i, j, tx, ty, tz, type, predicted (ICOHP, eV).
    strain : sequence of float
        Of each frame.
    elements : sequence of str
        In the order of their colours.
    note : str
        Printed on the picture.

    Returns
    -------
    View
        Of class ``getl-glass``.

    Raises
    ------
    ValueError
        There are no bonds in the slice.
    """
    kept = _sliced(frames)
    everyone = np.ones(len(kept[0][0]), bool)
    edges, top = _steps(kept)
    space = _glass_3d(kept, elements, edges, top)

    def _draw(frame: int, least: int) -> tuple[Figure, str]:
        title = f"|strain| {abs(strain[frame]):.1%}, {edges[least]:.2f} eV and more"
        figure, drawn = structure.region(*kept[frame], elements, everyone, edges[least], top, title)
        number = len(kept[frame][1])
        return figure, f"{len(drawn)} of the {number} bonds between the {len(everyone)} atoms shown"

    def _show(frame: int, least: int) -> None:
        atoms3d.show(space, frame, atoms3d.shapes(least, len(edges)))

    view = View("getl-glass", _sliders(strain, edges), _draw, [space], _show, note, WIDTH)
    view.follow(space, lambda n: {"frame": n})
    return view


def _sliders(strain: Sequence[float], edges: np.ndarray) -> dict[str, widgets.Widget]:
    """Return the sliders of a glass. The labels of a slider must differ, so they number the frames."""
    frames = [(f"{abs(s):.1%} (frame {n + 1})", n) for n, s in enumerate(strain)]
    least = [(f"{edge:.2f}", n) for n, edge in enumerate(edges)]
    apart = {"width": "380px", "margin": "2px 24px 2px 0"}
    return {
        "frame": control(widgets.SelectionSlider, "|strain|", options=frames, layout=apart),
        "least": control(widgets.SelectionSlider, "least −ICOHP (eV)", options=least, layout=apart),
    }


def _steps(kept: Sequence[tuple[Atoms, pd.DataFrame]]) -> tuple[np.ndarray, float]:
    """Return the steps of the least −ICOHP shown (eV), and the −ICOHP at which the colours end."""
    strength = -np.concatenate([bonds.predicted for _, bonds in kept])
    edges = np.unique(np.quantile(strength, PARTS).round(3))
    edges[0] = min(edges[0], strength.min())
    return edges, float(np.quantile(strength, 0.99))


def _sliced(frames: Iterable[tuple[Atoms, pd.DataFrame]]) -> list[tuple[Atoms, pd.DataFrame]]:
    """Return of each frame the atoms in the slice of the first, renumbered, and the bonds between them."""
    kept: list[tuple[Atoms, pd.DataFrame]] = []
    inside, number = np.empty(0, bool), np.empty(0, int)
    for atoms, bonds in frames:
        inside = inside if kept else slice_of(atoms, bonds)
        number = np.cumsum(inside) - 1
        some = bonds[inside[bonds.i.to_numpy()] & inside[bonds.j.to_numpy()]]
        kept.append((atoms[inside], some.assign(i=number[some.i], j=number[some.j])))
    if not sum(len(bonds) for _, bonds in kept):
        raise ValueError("no bonds to show: no frame was predicted, or the slice is empty")
    return kept


def _glass_3d(kept: Sequence[tuple], elements: Sequence[str], edges: np.ndarray, top: float) -> Any:
    """Return the 3-D widget: a structure for each frame, a shape for each step of strength."""
    structures, shapes = [], []
    for atoms, bonds in kept:
        places = atoms.get_positions(wrap=True)
        lines = atoms3d.halves(structure.segments(atoms, bonds, np.ones(len(atoms), bool)), places)
        step = np.searchsorted(edges, lines.strength, side="right") - 1
        shapes.append([atoms3d.sticks(lines[step == n], top) for n in range(len(edges))])
        structures.append(Atoms(atoms.symbols, places, cell=atoms.cell, pbc=True))
    return atoms3d.viewer(structures, shapes, elements, keep=True)


def sub_runs(
    cells: Iterable[tuple[CellKey, Atoms]],
    bonds: pd.DataFrame,
    types: Sequence[str],
    elements: Sequence[str],
    note: str = "",
) -> View:
    """Show a cell beside the strengths of its bonds, in grey those of all cells of its quench.

    Parameters
    ----------
    cells : iterable of (CellKey, Atoms)
        As from ``core.cells.each``; the first MOST_CELLS are shown in 3-D.
    bonds : DataFrame
        composition, run, sub_run, type, i, j, tx, ty, tz, distance (Å), icohp (eV).
    types, elements : sequence of str
        Bond types in the order of the panels; elements in the order of their colours.
    note : str
        Printed on the picture.

    Returns
    -------
    View
        Of class ``getl-subruns``.

    Raises
    ------
    ValueError
        There are no bonds.
    """
    if not len(bonds):
        raise ValueError("no sub-run has a usable label yet; `status.csv` says why")
    space, place = _cells_3d(dict(islice(cells, MOST_CELLS)), bonds, elements)

    def _draw(quench: tuple[str, int], sub_run: int) -> tuple[Figure, str]:
        all_ = bonds[(bonds.composition == quench[0]) & (bonds.run == quench[1])]
        some, name = all_[all_.sub_run == sub_run], f"{quench[0]} run {quench[1]}"
        if not len(some):
            raise ValueError(f"{name} has no usable label of sub-run {sub_run}; `status.csv` says why")
        return pictures.strength_over_distance(some, types, all_)[0], _statistics(some, types)

    def _show(quench: tuple[str, int], sub_run: int) -> None:
        if (*quench, sub_run) in place:
            atoms3d.show(space, place[(*quench, sub_run)])

    view = View("getl-subruns", _choices(bonds), _draw, [space] if place else [], _show, note, WIDTH)
    if place:
        keys = list(place)
        view.follow(space, lambda n: {"quench": keys[n][:2], "sub_run": keys[n][2]})
    return view


def _choices(bonds: pd.DataFrame) -> dict[str, widgets.Widget]:
    """Return the controls that choose a quench and a sub-run."""
    quenches = dict.fromkeys(zip(bonds.composition, bonds.run, strict=True))
    names = [(f"{c} run {r}", (c, r)) for c, r in quenches]
    numbers = sorted(bonds.sub_run.unique())
    return {
        "quench": control(widgets.Dropdown, "quench", options=names),
        "sub_run": control(widgets.SelectionSlider, "sub-run", options=numbers),
    }


def _statistics(bonds: pd.DataFrame, types: Sequence[str]) -> str:
    """Return number and strengths of each type's bonds, as HTML."""
    groups = bonds.assign(strength=-bonds.icohp).groupby("type")
    columns = {"bonds": ("strength", "size"), "mean −ICOHP (eV)": ("strength", "mean")}
    columns |= {"standard deviation (eV)": ("strength", "std"), "shortest (Å)": ("distance", "min")}
    table = groups.agg(**columns).reindex([t for t in types if t in set(bonds.type)])
    return table.round(3).reset_index().to_html(index=False, border=0)


def _cells_3d(
    cells: Mapping[CellKey, Atoms], bonds: pd.DataFrame, elements: Sequence[str]
) -> tuple[Any, dict]:
    """Return the 3-D widget with every cell and its bonds, and the number of each cell in it."""
    bonds = bonds.assign(predicted=bonds.icohp)
    groups = dict(list(bonds.groupby(["composition", "run", "sub_run"])))
    top = float((-bonds.icohp).quantile(0.99))
    structures, shapes = [], []
    for key, atoms in cells.items():
        places, everyone = atoms.get_positions(wrap=True), np.ones(len(atoms), bool)
        lines = structure.segments(atoms, groups.get(tuple(key), bonds[:0]), everyone)
        structures.append(Atoms(atoms.symbols, places, cell=atoms.cell, pbc=True))
        shapes.append([atoms3d.sticks(atoms3d.halves(lines, places), top)])
    space = atoms3d.viewer(structures, shapes, elements) if structures else None
    return space, {tuple(key): n for n, key in enumerate(cells)}
