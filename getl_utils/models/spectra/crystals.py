"""What is learned from: crystals with computed spectra, and how they are held back."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import ase.io
import numpy as np
from ase import Atoms

from getl_utils.core.neighbours import check_finite
from getl_utils.labels.optics import dataset
from getl_utils.labels.optics.spectrum import Spectrum
from getl_utils.models.graph.elements import group_and_period
from getl_utils.models.spectra import components

SPLITS = ("composition", "prototype")


class Known(NamedTuple):
    """A crystal whose spectrum was computed.

    Attributes
    ----------
    name, prototype : str
        As in the records.
    atoms : Atoms
        Its cell.
    spectrum : Spectrum
        Its spectrum.
    numbers : (c,) array
        The numbers of the spectrum, see `components`.
    """

    name: str
    prototype: str
    atoms: Atoms
    spectrum: Spectrum
    numbers: np.ndarray


def read(folder: Path) -> list[Known]:
    """Read the crystals of a packed set that have a spectrum.

    Parameters
    ----------
    folder : Path
        Packed set.

    Returns
    -------
    list of Known
        The crystals, in the order of the set.
    """
    records, spectra = dataset.read(folder)
    cells = {atoms.info["name"]: atoms for atoms in ase.io.read(folder / dataset.CELLS, ":")}
    return [known(name, records[name]["prototype"], cells[name], one) for name, one in spectra.items()]


def known(name: str, prototype: str, atoms: Atoms, one: Spectrum) -> Known:
    """Return a crystal with the numbers of its spectrum.

    Parameters
    ----------
    name, prototype : str
        Names.
    atoms : Atoms
        The cell.
    one : Spectrum
        Its spectrum.

    Returns
    -------
    Known
        The crystal.

    Raises
    ------
    ValueError
        The cell is no crystal, an element has no features, or the volumes differ.
    """
    check(atoms)
    if abs(one.volume / atoms.cell.volume - 1) > 1e-3:
        raise ValueError(f"{name}: the spectrum is of a cell of another volume; compute it again")
    return Known(name, prototype, atoms, one, components.numbers(one, len(atoms)))


def check(atoms: Atoms) -> None:
    """Refuse what is no crystal, or has an element without features.

    Parameters
    ----------
    atoms : Atoms
        The cell.

    Raises
    ------
    ValueError
        It is not periodic, holds NaN, has no atoms, or an element has no group.
    """
    if not len(atoms) or not atoms.pbc.all():
        raise ValueError("a spectrum needs a cell with atoms that is periodic in three directions")
    check_finite(atoms)
    for element in fractions(atoms):
        group_and_period(element)


def fractions(atoms: Atoms) -> dict[str, float]:
    """Return the part of each element.

    Parameters
    ----------
    atoms : Atoms
        The cell.

    Returns
    -------
    dict
        Element → its part of the atoms.

    Examples
    --------
    >>> fractions(Atoms("Cu3Au"))
    {'Au': 0.25, 'Cu': 0.75}
    """
    symbols = atoms.get_chemical_symbols()
    return {element: symbols.count(element) / len(symbols) for element in sorted(set(symbols))}


def groups(known: Sequence[Known], split: str) -> np.ndarray:
    """Return the group of each crystal; a group is held back as a whole.

    Parameters
    ----------
    known : sequence of Known
        The crystals.
    split : str
        One of `SPLITS`: strained copies and all prototypes of a composition are one group, or all crystals
        of a prototype.

    Returns
    -------
    (n,) array of str
        Names of the groups.
    """
    if split == "prototype":
        return np.array([one.prototype for one in known])
    return np.array([one.atoms.get_chemical_formula("metal", empirical=True) for one in known])
