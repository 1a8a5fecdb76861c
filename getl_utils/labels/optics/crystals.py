"""Crystals of the common metallic prototypes.

The volume per atom is the mean of those of the elements (Zen's law), each that of the element's own crystal
in ASE's table (`ase.data.reference_states`, Ashcroft and Mermin). c/a is the element's own where it has this
prototype, else the ideal one. Nothing is relaxed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.data import atomic_numbers, reference_states

from getl_utils.core.parameters.optics import Crystal


class Sites(NamedTuple):
    """A prototype: lattice vectors for a = 1, c/a = `ratio`; fractional sites of each species."""

    cell: list[list[float]]
    ratio: float
    species: list[list[list[float]]]


Q, H, E = 0.25, 0.5, 0.625
FCC = [[0, H, H], [H, 0, H], [H, H, 0]]
CORNER = [[0.0, 0.0, 0.0]]
CUBE = [[1, 0, 0], [0, 1, 0], [0, 0, 1]]
PROTOTYPES = {
    "fcc": Sites(FCC, 1.0, [CORNER]),
    "bcc": Sites([[-H, H, H], [H, -H, H], [H, H, -H]], 1.0, [CORNER]),
    "hcp": Sites(
        [[1, 0, 0], [-H, math.sqrt(0.75), 0], [0, 0, 1]], math.sqrt(8 / 3),
        [[[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]],
    ),
    "B2": Sites(CUBE, 1.0, [CORNER, [[H, H, H]]]),
    "L1_0": Sites(CUBE, math.sqrt(2), [CORNER, [[H, H, H]]]),
    "L1_2": Sites(CUBE, 1.0, [CORNER, [[0, H, H], [H, 0, H], [H, H, 0]]]),
    "C1": Sites(FCC, 1.0, [CORNER, [[Q, Q, Q], [0.75, 0.75, 0.75]]]),
    "C11b": Sites(
        [[-H, H, H], [H, -H, H], [H, H, -H]], 3.0, [CORNER, [[1 / 3, 1 / 3, 0], [2 / 3, 2 / 3, 0]]]
    ),
    "C15": Sites(
        FCC, 1.0,
        [[*CORNER, [Q, Q, Q]], [[E, E, E], [E, E, 0.125], [E, 0.125, E], [0.125, E, E]]],
    ),
}  # fmt: skip


def volume_per_atom(element: str) -> float:
    """Return the volume per atom of an element's own crystal, Å³.

    Parameters
    ----------
    element : str
        Symbol.

    Returns
    -------
    float
        Å³.

    Raises
    ------
    ValueError
        ASE's table has no simple crystal of it.

    Examples
    --------
    >>> round(volume_per_atom("Al"), 2)
    16.61
    """
    try:
        atoms = bulk(element)
    except (ValueError, KeyError, RuntimeError, NotImplementedError):
        why = f"no simple crystal of {element} is known; give its volume per atom in `volumes`"
        raise ValueError(why) from None
    return float(atoms.cell.volume / len(atoms))


def build(one: Crystal, volumes: Mapping[str, float]) -> Atoms:
    """Return the primitive cell of a crystal; its principal axes are x, y and z.

    Parameters
    ----------
    one : Crystal
        Which crystal.
    volumes : mapping
        Element → Å³ per atom, for those that do not take that of their own crystal.

    Returns
    -------
    Atoms
        The cell.

    Raises
    ------
    ValueError
        The volume of an element is not known.

    Examples
    --------
    >>> build(Crystal("fcc-Al", "fcc", ("Al",), 0.0), {}).cell.lengths().round(3).tolist()
    [2.864, 2.864, 2.864]
    """
    known = PROTOTYPES[one.prototype]
    places = [(e, site) for e, sites in zip(one.species, known.species, strict=True) for site in sites]
    symbols, sites = [e for e, _ in places], [site for _, site in places]
    volume = sum(volumes.get(e) or volume_per_atom(e) for e in symbols)
    cell = np.array(known.cell, float)
    cell[:, 2] *= _ratio(one, known.ratio)
    cell *= (volume / abs(np.linalg.det(cell))) ** (1 / 3) * (1 + one.strain)
    return Atoms(symbols, scaled_positions=sites, cell=cell, pbc=True)


def _ratio(one: Crystal, ideal: float) -> float:
    own = reference_states[atomic_numbers[one.species[0]]] if len(one.species) == 1 else None
    return own.get("c/a", ideal) if own and own["symmetry"] == one.prototype else ideal
