"""Structures in 3-D in a notebook, by chemiscope, their bonds grey to black by −ICOHP.

docs/exploring.md says why chemiscope.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from chemiscope import create_input
from chemiscope.widget import ChemiscopeWidget, ChemiscopeWidgetBase, StructureWidget

from getl_utils.views.style import AMOUNTS, colours

QUIET = 'try { localStorage.setItem("plausible_ignore", "true"); } catch (error) { console.warn(error); }\n'
ATOMS = "atoms"  # name of the shape of the atoms; the shapes of bonds are named 0, 1, …
LOOK = {"atoms": False, "bonds": False, "unitCell": True}  # neither chemiscope's colours nor its bonds
RADII = {"bond": 0.16, "chosen": 0.25, "atom": 0.4}  # Å
WIDTHS = {False: "400px", True: "700px"}  # of the widget, without and with a map


class Structures(StructureWidget):
    """chemiscope's viewer, which does not report to its authors that it was opened."""

    _esm = QUIET + str(ChemiscopeWidgetBase._esm)


class Map(ChemiscopeWidget):
    """chemiscope's map of properties beside its viewer; it does not report that it was opened."""

    _esm = QUIET + str(ChemiscopeWidgetBase._esm)


@dataclass(frozen=True)
class Lines:
    """Bonds as lines in space.

    Attributes
    ----------
    start, end : (n, 3) array
        Å.
    strength : (n,) array
        −ICOHP, eV.
    """

    start: np.ndarray
    end: np.ndarray
    strength: np.ndarray

    def __getitem__(self, rows: Any) -> Lines:
        return Lines(self.start[rows], self.end[rows], self.strength[rows])


def sticks(lines: Lines, top: float, radius: float = RADII["bond"]) -> dict[str, Any]:
    """Return a cylinder for each line, darker and thicker with its strength, as chemiscope takes them.

    chemiscope needs at least one cylinder, so an invisibly small one stands for no lines.

    Parameters
    ----------
    lines : Lines
        The bonds.
    top : float
        Strength at which colour and radius end, eV; they start at 0.
    radius : float
        Greatest radius, Å.

    Returns
    -------
    dict
        vectors, bases, radii (Å) and colors.

    Examples
    --------
    >>> sticks(Lines(np.zeros((1, 3)), np.array([[2.0, 0.0, 0.0]]), np.array([0.5])), 1.0)["vectors"]
    [[2.0, 0.0, 0.0]]
    """
    if not len(lines.start):
        return {"vectors": [[0.001, 0.0, 0.0]], "bases": [[0.0, 0.0, 0.0]], "radii": 0.001, "colors": 0}
    part = np.clip(lines.strength / top, 0, 1)
    shades = AMOUNTS(part, bytes=True)[:, :3].astype(int) @ [65536, 256, 1]
    vectors, bases = (lines.end - lines.start).round(2).tolist(), lines.start.round(2).tolist()
    radii = (radius * (0.25 + 0.75 * part)).round(3).tolist()
    return {"vectors": vectors, "bases": bases, "radii": radii, "colors": shades.tolist()}


def halves(segments: pd.DataFrame, places: np.ndarray) -> Lines:
    """Return bonds in a periodic cell as lines; a bond that leaves the cell becomes two halves.

    Parameters
    ----------
    segments : DataFrame
        As from ``views.structure.segments``.
    places : (n_atoms, 3) array
        Where the atoms are drawn, Å.

    Returns
    -------
    Lines
        Whole bonds first, then the halves, one at each atom.
    """
    start, end = (segments[[f"{axis}{n}" for axis in "xyz"]].to_numpy() for n in (1, 2))
    other, strength = places[segments.j], segments.strength.to_numpy()
    away = np.abs(end - other).max(axis=1, initial=0) > 1e-3
    half = (end - start)[away] / 2
    starts = np.concatenate([start[~away], start[away], other[away] - half])
    ends = np.concatenate([end[~away], start[away] + half, other[away]])
    return Lines(starts, ends, np.concatenate([strength[~away], strength[away], strength[away]]))


def balls(atoms: Atoms, elements: Sequence[str]) -> dict[str, Any]:
    """Return a sphere for each atom in the colours of the figures, as chemiscope takes them.

    Parameters
    ----------
    atoms : Atoms
        The structure, Å.
    elements : sequence of str
        In the order of their colours.

    Returns
    -------
    dict
        centers, radii (Å) and colors.
    """
    shades = {name: int(colour[1:], 16) for name, colour in colours(elements).items()}
    places, kinds = atoms.positions.round(2).tolist(), [shades[s] for s in atoms.symbols]
    return {"centers": places, "radii": RADII["atom"], "colors": kinds}


def shapes(first: int, number: int) -> str:
    """Return the names of the atoms and of the shapes of bonds that are shown.

    Parameters
    ----------
    first : int
        The first shape of bonds.
    number : int
        How many shapes of bonds there are.

    Returns
    -------
    str
        As chemiscope takes it.

    Examples
    --------
    >>> shapes(1, 3)
    'atoms,1,2'
    """
    return ",".join([ATOMS, *map(str, range(first, number))])


def show(space: ChemiscopeWidgetBase, structure: int, shape: str = "") -> None:
    """Show a structure and some of its shapes; nothing is sent that is shown already.

    Parameters
    ----------
    space : ChemiscopeWidgetBase
        The 3-D widget.
    structure : int
        Number of the structure.
    shape : str
        As from `shapes`; empty: as it is.
    """
    if shape and space.settings["structure"][0].get("shape") != shape:
        space.settings = {"structure": [{"shape": shape}]}
    if space.selected_ids.get("structure") != structure:
        space.selected_ids = {"structure": structure, "atom": 0}


def viewer(
    structures: Sequence[Atoms],
    bonds: Sequence[Sequence[dict[str, Any]]],
    elements: Sequence[str],
    properties: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    keep: bool = False,
) -> ChemiscopeWidgetBase:
    """Return a widget that shows one of several structures, and a map beside it if there are properties.

    Parameters
    ----------
    structures : sequence of Atoms
        Å.
    bonds : sequence of sequences of dict
        Of each structure the same number of results of `sticks`: shapes that `show` can show and hide.
    elements : sequence of str
        In the order of their colours.
    properties : mapping, optional
        Name of each property and its value for every structure.
    settings : mapping, optional
        Settings of the map.
    keep : bool
        Keep the direction of view when another structure is shown.

    Returns
    -------
    ChemiscopeWidgetBase
        `selected_ids` says which structure is shown.
    """
    names = [str(n) for n in range(len(bonds[0]))]
    forms = {ATOMS: _form("spheres", [balls(atoms, elements) for atoms in structures])}
    forms |= {name: _form("cylinders", [each[n] for each in bonds]) for n, name in enumerate(names)}
    look = LOOK | {"shape": shapes(0, len(names)), "keepOrientation": keep}
    chosen = {"structure": [look], "target": "structure"} | ({"map": dict(settings)} if settings else {})
    index = {"index": {"target": "structure", "values": list(range(len(structures)))}}
    values, about = dict(properties or index), {"name": " "}
    data = create_input(
        structures=list(structures), shapes=forms, properties=values, metadata=about, settings=chosen
    )
    space = (Map if properties else Structures)(data, False, 10000, True)
    space.layout = {"width": WIDTHS[bool(properties)], "flex": "0 0 auto"}
    return space


def _form(kind: str, of_each: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a shape of every structure, as chemiscope takes it."""
    return {"kind": kind, "parameters": {"global": {}, "structure": of_each}}
