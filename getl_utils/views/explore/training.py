"""Views of a trained model: which bonds it gets wrong; see docs/exploring.md."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.figure import Figure

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.workdir import WorkDir
from getl_utils.etl.database import Database
from getl_utils.views import training as pictures
from getl_utils.views.explore import atoms3d
from getl_utils.views.explore.view import View, control

MOST_POINTS = 200  # of each type in the map: each comes with its surroundings
UNITS = {"calculated": "eV", "predicted": "eV", "error": "eV", "distance": "Å"}


def parity(
    results: Mapping[str, Mapping[str, Any]],
    stored: Database,
    work: WorkDir,
    elements: Sequence[str],
    note: str = "",
) -> View:
    """Show predicted against calculated −ICOHP, and the surroundings of a bond chosen in the map.

    A bond is chosen by a click on the map, or by its type and the rank of its error.

    Parameters
    ----------
    results : mapping of str to mapping
        Bond type and what was tested: bonds (DataFrame), true, predicted (−ICOHP, eV), as from
        ``models.validation.validate``. The first MOST_POINTS of each type are shown; they are random.
    stored : Database
        Has the bonds of the surroundings.
    work : WorkDir
        Has the cells.
    elements : sequence of str
        In the order of their colours.
    note : str
        Printed on the picture.

    Returns
    -------
    View
        Of class ``getl-parity``.

    Raises
    ------
    ValueError
        There are no results.
    """
    if not results:
        raise ValueError("no type could be tested, so there is nothing to compare")
    points = pd.concat([_points(t, r) for t, r in results.items()], ignore_index=True)
    types = list(dict.fromkeys(points.type))
    space = _map(points, stored, work, elements)

    def _draw(bond_type: str, rank: int) -> tuple[Figure, str]:
        some = points[points.type == bond_type]
        if rank > len(some):
            raise ValueError(f"{bond_type} has {len(some)} test bonds here, none of rank {rank}")
        row = some[some["rank"] == rank].iloc[0]
        figure, _ = pictures.parity({bond_type: some}, types)
        figure.axes[0].plot(row.true, row.predicted, "o", ms=11, mfc="none", mec="black", mew=1.5)
        return figure, _facts(row)

    def _show(bond_type: str, rank: int) -> None:
        chosen = (points.type == bond_type) & (points["rank"] == rank)
        atoms3d.show(space, int(points.index[chosen][0]))

    view = View("getl-parity", _choices(points, types), _draw, [space], _show, note)
    view.follow(space, lambda n: {"bond_type": points.type[n], "rank": int(points["rank"][n])})
    return view


def _choices(points: pd.DataFrame, types: Sequence[str]) -> dict[str, widgets.Widget]:
    """Return the controls that choose a bond."""
    most, label = int(points["rank"].max()), "rank of the error, 1: largest"
    return {
        "bond_type": control(widgets.Dropdown, "type", options=types),
        "rank": control(widgets.IntSlider, label, min=1, max=most),
    }


def _facts(row: pd.Series) -> str:
    """Return what is known of a test bond, in one line."""
    bond = f"{row.composition}/{row.run}/{row.sub_run}, bond {row.i}–{row.j} ({row.tx} {row.ty} {row.tz})"
    error = f"error {row.predicted - row.true:+.3f} eV"
    numbers = f"calculated {row.true:.3f}, predicted {row.predicted:.3f}, {error}"
    return f"{row.type}, {bond}, {row.distance:.3f} Å: −ICOHP {numbers}"


def _points(bond_type: str, result: Mapping[str, Any]) -> pd.DataFrame:
    """Return the test bonds of one type that are shown, with the rank of their error, 1: largest."""
    table = result["bonds"].assign(true=result["true"], predicted=result["predicted"], type=bond_type)
    table = table[:MOST_POINTS]
    ranks = (table.predicted - table.true).abs().rank(method="first", ascending=False).astype(int)
    return table.assign(rank=ranks).sort_values("rank")


def _map(points: pd.DataFrame, stored: Database, work: WorkDir, elements: Sequence[str]) -> atoms3d.Map:
    """Return chemiscope's map of the points, each with its bond and the bonds of its two atoms."""
    near = dict(list(stored.bonds.groupby(KEY)))
    stars = functools.cache(lambda *key: Stars.of(cells.read(work.cell(*key)), near[key]))
    top, structures, shapes = float((-stored.bonds.icohp).quantile(0.99)), [], []
    for key, bond in zip(points[KEY].itertuples(index=False), points[BOND].to_numpy(), strict=True):
        atoms, others, chosen = stars(*key).around(bond)
        structures.append(atoms)
        shapes.append([atoms3d.sticks(others, top), atoms3d.sticks(chosen, top, atoms3d.RADII["chosen"])])
    axes = {"x": "calculated", "y": "predicted", "color": "error"}
    settings = {name: {"property": value} for name, value in axes.items()}
    settings |= {"symbol": "type", "palette": "viridis"}
    return atoms3d.viewer(structures, shapes, elements, _properties(points), settings)


def _properties(points: pd.DataFrame) -> dict[str, Any]:
    """Return what the map can draw of each point, as chemiscope takes it."""
    error = (points.predicted - points.true).abs()
    table = points.rename(columns={"true": "calculated"}).assign(error=error)
    found = {
        n: {"target": "structure", "values": table[n].to_numpy(float), "units": u} for n, u in UNITS.items()
    }
    return {"type": {"target": "structure", "values": table.type.tolist()}} | found


@dataclass(frozen=True)
class Stars:
    """All bonds of a cell, each from both of its ends.

    Attributes
    ----------
    symbols : (n_atoms,) array of str
        Elements.
    bonds : (2n, 5) int array
        i, j, tx, ty, tz of each.
    ways : (2n, 3) array
        From the first atom to the second, Å.
    strength : (2n,) array
        −ICOHP, eV.
    """

    symbols: np.ndarray
    bonds: np.ndarray
    ways: np.ndarray
    strength: np.ndarray

    @classmethod
    def of(cls, atoms: Atoms, bonds: pd.DataFrame) -> Stars:
        """Return all bonds of a cell.

        Parameters
        ----------
        atoms : Atoms
            The cell, Å.
        bonds : DataFrame
            i, j, tx, ty, tz, icohp (eV).

        Returns
        -------
        Stars
            Each bond from both of its ends.
        """
        forth = bonds[BOND].to_numpy()
        both = np.concatenate([forth, forth[:, [1, 0, 2, 3, 4]] * [1, 1, -1, -1, -1]])
        ways = atoms.positions[both[:, 1]] + both[:, 2:] @ atoms.cell.array - atoms.positions[both[:, 0]]
        return cls(np.array(atoms.symbols), both, ways, -np.tile(bonds.icohp.to_numpy(float), 2))

    def around(self, bond: np.ndarray) -> tuple[Atoms, atoms3d.Lines, atoms3d.Lines]:
        """Return a bond with the atoms that its two atoms are bound to, its first atom at the origin.

        Parameters
        ----------
        bond : (5,) int array
            i, j, tx, ty, tz.

        Returns
        -------
        Atoms
            The atoms, without a cell.
        Lines
            Their bonds.
        Lines
            The bond itself.
        """
        this = np.flatnonzero((self.bonds == bond).all(axis=1))[:1]
        rows = [np.flatnonzero(self.bonds[:, 0] == atom) for atom in bond[:2]]
        start = np.repeat([np.zeros(3), self.ways[this[0]]], list(map(len, rows)), axis=0)
        some = np.concatenate(rows)  # the bond is there from both ends, so both atoms are among the ends
        lines = atoms3d.Lines(start, start + self.ways[some], self.strength[some])
        _, once = np.unique(lines.end.round(2) + 0.0, axis=0, return_index=True)
        atoms = Atoms(self.symbols[self.bonds[some, 1]][once], lines.end[once])
        return atoms, lines, atoms3d.Lines(np.zeros((1, 3)), self.ways[this], self.strength[this])
