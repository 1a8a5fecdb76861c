"""Views of cells, glasses and running batches, to explore in a notebook; docs/exploring.md lists them and
their CSS classes."""

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
from getl_utils.views import atoms3d, figures
from getl_utils.views.view import View, control

PARTS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.98)  # of a glass's bonds, by strength: the steps of the slider
THICKNESS = 6.0  # Å, of the slice of a glass
MOST_BONDS = 1500  # shown of a glass: more than that a browser without a graphics card draws too slowly
MOST_CELLS = 45  # shown in 3-D
REFRESH = 5000  # ms, between two looks at a running batch


def status(work: WorkDir) -> View:
    """What ``getl status`` says of a work directory, now, at a button, and every five seconds while the timer
    runs."""

    def draw(timer: int) -> tuple[None, str]:
        return None, f"<pre>{escape(overview.status(work))}</pre>"

    button = widgets.Button(description="look again")
    timer = widgets.Play(interval=REFRESH, max=10**6, show_repeat=False, tooltip="look every five seconds")
    view = View("getl-status", {"timer": timer}, draw, [button])
    button.on_click(view.refresh)
    return view


def slice_of(
    atoms: Atoms, bonds: pd.DataFrame, thickness: float = THICKNESS, most: int = MOST_BONDS
) -> np.ndarray:
    """Atoms (n_atoms,) of the slice in the middle of the cell; of a large cell the square of it that holds
    `most` bonds."""
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
    """A slice of a glass in 3-D and from above, its bonds coloured by predicted −ICOHP; sliders: strain,
    least −ICOHP shown.

    Parameters
    ----------
    frames : structure and its bonds (i, j, tx, ty, tz, type, predicted: ICOHP, eV), frame by frame. strain :
    of each.
    note : on the picture.
    """
    kept = _sliced(frames)
    everyone = np.ones(len(kept[0][0]), bool)
    strength = -np.concatenate([bonds.predicted for _, bonds in kept])
    edges, top = np.unique(np.quantile(strength, PARTS).round(3)), float(np.quantile(strength, 0.99))
    edges[0] = min(edges[0], strength.min())
    space = _glass_3d(kept, elements, edges, top)

    def draw(frame: int, least: int) -> tuple[Figure, str]:
        title = f"|strain| {abs(strain[frame]):.1%}, {edges[least]:.2f} eV and more"
        figure, drawn = figures.region(*kept[frame], elements, everyone, edges[least], top, title)
        return (
            figure,
            f"{len(drawn)} of the {len(kept[frame][1])} bonds between the {len(everyone)} atoms shown",
        )

    def show(frame: int, least: int) -> None:
        atoms3d.show(space, frame, atoms3d.shapes(least, len(edges)))

    steps = [
        (f"{abs(s):.1%}, frame {n + 1}", n) for n, s in enumerate(strain)
    ]  # a slider's labels must differ
    controls = {
        "frame": control(widgets.SelectionSlider, "|strain|", options=steps),
        "least": control(
            widgets.SelectionSlider,
            "least −ICOHP (eV)",
            options=[(f"{e:.2f}", n) for n, e in enumerate(edges)],
        ),
    }
    view = View("getl-glass", controls, draw, [space], show, note)
    view.follow(space, lambda n: {"frame": n})
    return view


def _sliced(frames: Iterable[tuple[Atoms, pd.DataFrame]]) -> list[tuple[Atoms, pd.DataFrame]]:
    """Of each frame the atoms that are in the slice in the first, counted anew, and the bonds between
    them."""
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
    """The 3-D widget: a structure per frame, a shape per step of strength."""
    structures, shapes = [], []
    for atoms, bonds in kept:
        places = atoms.get_positions(wrap=True)
        lines = atoms3d.halves(figures.segments(atoms, bonds, np.ones(len(atoms), bool)), places)
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
    """The cells of a quench beside the strengths of their bonds, in grey those of all its cells: choose
    quench and sub-run.

    Parameters
    ----------
    cells : see `cells.each`; the first MOST_CELLS are shown in 3-D. bonds : composition, run, sub_run, type,
    i, j, tx, ty, tz,
        distance (Å), icohp (eV). note : on the picture.

    Raises
    ------
    ValueError : there are no bonds.
    """
    if not len(bonds):
        raise ValueError("no sub-run has a usable label yet; `status.csv` says why")
    quenches = list(dict.fromkeys(zip(bonds.composition, bonds.run, strict=True)))
    numbers = sorted(bonds.sub_run.unique())
    space, place = _cells_3d(dict(islice(cells, MOST_CELLS)), bonds, elements)

    def draw(quench: tuple[str, int], sub_run: int) -> tuple[Figure, str]:
        all_ = bonds[(bonds.composition == quench[0]) & (bonds.run == quench[1])]
        some = all_[all_.sub_run == sub_run]
        if not len(some):
            raise ValueError(
                f"{quench[0]} run {quench[1]} has no usable label of sub-run {sub_run}; `status.csv` says why"
            )
        return figures.strength_over_distance(some, types, all_), _statistics(some, types)

    def show(quench: tuple[str, int], sub_run: int) -> None:
        if (*quench, sub_run) in place:
            atoms3d.show(space, place[(*quench, sub_run)])

    controls = {
        "quench": control(
            widgets.Dropdown, "quench", options=[(f"{c} run {r}", (c, r)) for c, r in quenches]
        ),
        "sub_run": control(widgets.SelectionSlider, "sub-run", options=numbers),
    }
    view = View("getl-subruns", controls, draw, [space] if place else [], show, note)
    if place:
        keys = list(place)
        view.follow(space, lambda n: {"quench": keys[n][:2], "sub_run": keys[n][2]})
    return view


def _statistics(bonds: pd.DataFrame, types: Sequence[str]) -> str:
    """Number and strengths of each type's bonds, as HTML."""
    groups = bonds.assign(strength=-bonds.icohp).groupby("type")
    table = groups.agg(
        **{
            "bonds": ("strength", "size"),
            "mean −ICOHP (eV)": ("strength", "mean"),
            "its standard deviation (eV)": ("strength", "std"),
        },
        **{"shortest (Å)": ("distance", "min")},
    )
    return (
        table.reindex([t for t in types if t in table.index])
        .round(3)
        .reset_index()
        .to_html(index=False, border=0)
    )


def _cells_3d(
    cells: Mapping[CellKey, Atoms], bonds: pd.DataFrame, elements: Sequence[str]
) -> tuple[Any, dict]:
    """The 3-D widget with every cell and its bonds; and cell → its number there."""
    groups = dict(list(bonds.assign(predicted=bonds.icohp).groupby(["composition", "run", "sub_run"])))
    top = float((-bonds.icohp).quantile(0.99)) if len(bonds) else 1.0
    structures, shapes = [], []
    for key, atoms in cells.items():
        places = atoms.get_positions(wrap=True)
        lines = figures.segments(
            atoms, groups.get(tuple(key), bonds[:0].assign(predicted=0.0)), np.ones(len(atoms), bool)
        )
        structures.append(Atoms(atoms.symbols, places, cell=atoms.cell, pbc=True))
        shapes.append([atoms3d.sticks(atoms3d.halves(lines, places), top)])
    return atoms3d.viewer(structures, shapes, elements) if structures else None, {
        tuple(k): n for n, k in enumerate(cells)
    }
