"""Structures in 3-D in a notebook, by chemiscope, their bonds coloured by −ICOHP; see docs/exploring.md for
why chemiscope."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from ase import Atoms
from chemiscope import create_input
from chemiscope.widget import ChemiscopeWidget, ChemiscopeWidgetBase, StructureWidget

from getl_utils.views.figures import AMOUNTS, colours

QUIET = 'try { localStorage.setItem("plausible_ignore", "true"); } catch (error) { console.warn(error); }\n'
ATOMS = "atoms"  # name of the shape that they are; the bonds' shapes are named 0, 1, …
LOOK = {"atoms": False, "bonds": False, "unitCell": True}  # not chemiscope's own colours and bonds
RADII = {"bond": 0.16, "chosen": 0.25, "atom": 0.4}  # Å


class Structures(StructureWidget):
    """chemiscope's viewer; it does not report to its authors that it was opened."""

    _esm = QUIET + str(ChemiscopeWidgetBase._esm)


class Map(ChemiscopeWidget):
    """chemiscope's map of properties beside its viewer; it does not report to its authors that it was
    opened."""

    _esm = QUIET + str(ChemiscopeWidgetBase._esm)


@dataclass(frozen=True)
class Lines:
    """Bonds as lines in space: start and end (n, 3) in Å, strength (n,): −ICOHP in eV."""

    start: np.ndarray
    end: np.ndarray
    strength: np.ndarray

    def __getitem__(self, rows: Any) -> Lines:
        return Lines(self.start[rows], self.end[rows], self.strength[rows])


def sticks(lines: Lines, top: float, radius: float = RADII["bond"]) -> dict[str, Any]:
    """A cylinder per line, as chemiscope asks for them: coloured by its strength, from 0 to `top` (eV), and
    as thick.

    Without lines: a speck, for it wants one cylinder at least.

    Examples
    --------
    >>> sticks(Lines(np.zeros((1, 3)), np.array([[2.0, 0.0, 0.0]]), np.array([0.5])), 1.0)["vectors"]
    [[2.0, 0.0, 0.0]]
    """
    if not len(lines.start):
        return {"vectors": [[0.001, 0.0, 0.0]], "bases": [[0.0, 0.0, 0.0]], "radii": 0.001, "colors": 0}
    part = np.clip(lines.strength / top, 0, 1)
    shades = mpl.colormaps[AMOUNTS](part, bytes=True)[:, :3].astype(int) @ [65536, 256, 1]
    vectors, bases = (lines.end - lines.start).round(2).tolist(), lines.start.round(2).tolist()
    radii = (radius * (0.25 + 0.75 * part)).round(3).tolist()
    return {"vectors": vectors, "bases": bases, "radii": radii, "colors": shades.tolist()}


def halves(segments: pd.DataFrame, places: np.ndarray) -> Lines:
    """Bonds in a periodic cell as lines; those that leave it as two halves, one at each atom.

    Parameters
    ----------
    segments : from `figures.segments`. places : (n_atoms, 3), Å, where the atoms are drawn.
    """
    start, end = (segments[[f"{axis}{n}" for axis in "xyz"]].to_numpy() for n in (1, 2))
    other, strength = places[segments.j], segments.strength.to_numpy()
    away = np.abs(end - other).max(axis=1, initial=0) > 1e-3
    half = (end - start)[away] / 2
    starts = np.concatenate([start[~away], start[away], other[away] - half])
    ends = np.concatenate([end[~away], start[away] + half, other[away]])
    return Lines(starts, ends, np.concatenate([strength[~away], strength[away], strength[away]]))


def balls(atoms: Atoms, elements: Sequence[str]) -> dict[str, Any]:
    """A sphere per atom in the colours of the figures, as chemiscope asks for them."""
    shades = {name: int(colour[1:], 16) for name, colour in colours(elements).items()}
    return {
        "centers": atoms.positions.round(2).tolist(),
        "radii": RADII["atom"],
        "colors": [shades[s] for s in atoms.symbols],
    }


def shapes(first: int, number: int) -> str:
    """What chemiscope calls the atoms and the shapes of bonds from `first` to the last of `number`.

    Examples
    --------
    >>> shapes(1, 3)
    'atoms,1,2'
    """
    return ",".join([ATOMS, *map(str, range(first, number))])


def show(space: ChemiscopeWidgetBase, structure: int, shape: str = "") -> None:
    """Show a structure, and of its shapes these; what is shown already is not drawn again."""
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
    """A widget that shows one of some structures at a time (`selected_ids`), and beside it a map if there are
    `properties`.

    Parameters
    ----------
    bonds : of each structure as many lists of `sticks` as of every other: shapes that can be shown and hidden
    (`show`).
    properties : name → a value per structure. settings : of the map. keep : the way it is seen,
        when another structure is shown.
    """
    number = len(bonds[0])
    forms = {
        ATOMS: {
            "kind": "spheres",
            "parameters": {"global": {}, "structure": [balls(a, elements) for a in structures]},
        }
    }
    for n in range(number):
        parameters = {"global": {}, "structure": [each[n] for each in bonds]}
        forms[str(n)] = {"kind": "cylinders", "parameters": parameters}
    look = {
        "structure": [LOOK | {"shape": shapes(0, number), "keepOrientation": keep}],
        "target": "structure",
    }
    index = {"index": {"target": "structure", "values": list(range(len(structures)))}}
    data = create_input(
        structures=list(structures),
        shapes=forms,
        properties=dict(properties or index),
        metadata={"name": " "},
        settings=look | ({"map": dict(settings)} if settings else {}),
    )
    space = (Map if properties else Structures)(data, False, 10000, True)
    space.layout = {"width": "760px" if properties else "460px", "flex": "0 0 auto"}
    return space
