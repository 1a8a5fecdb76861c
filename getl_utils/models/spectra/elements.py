"""The baseline: an alloy is the mean of its elements, weighted by concentration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from getl_utils.core.parameters.optics import Elements
from getl_utils.models.graph.elements import group_and_period
from getl_utils.models.spectra.crystals import Known, fractions


@dataclass(frozen=True)
class ElementMeans:
    """Electrons at each energy of the elements.

    Attributes
    ----------
    p : Elements
        What is averaged.
    table : dict
        Element → electrons of an atom (c,), or those in a volume, 1/Å³.
    """

    p: Elements
    table: dict[str, np.ndarray]

    def estimate(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the numbers of a crystal, and 0.

        An element that is not known is the mean of those nearest in the periodic table.

        Parameters
        ----------
        atoms : Atoms
            The crystal.

        Returns
        -------
        tuple
            Numbers (c,), and a variance, which this model does not know.
        """
        total = sum(part * self._of(element) for element, part in fractions(atoms).items())
        volume = atoms.cell.volume / len(atoms) if self.p.mean == "epsilon" else 1.0
        return np.sqrt(total * volume), 0.0

    def _of(self, element: str) -> np.ndarray:
        if element in self.table:
            return self.table[element]
        place = np.array(group_and_period(element))
        far = {other: np.abs(place - group_and_period(other)).sum() for other in self.table}
        nearest = [self.table[other] for other in far if far[other] == min(far.values())]
        return np.mean(nearest, axis=0)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return arrays by name, for an npz file."""
        return dict(self.table)

    @classmethod
    def from_arrays(cls, p: Elements, arrays: Mapping[str, np.ndarray]) -> ElementMeans:
        """Return the model that `to_arrays` wrote.

        Parameters
        ----------
        p : Elements
            Settings.
        arrays : mapping
            Name → array.

        Returns
        -------
        ElementMeans
            The model.
        """
        return cls(p, dict(arrays))


def fit(known: Sequence[Known], p: Elements, seed: int = 0) -> ElementMeans:
    """Take the mean over all crystals of each element.

    Parameters
    ----------
    known : sequence of Known
        What is learned from; crystals of several elements are not used.
    p : Elements
        Settings.
    seed : int
        Not used.

    Returns
    -------
    ElementMeans
        The model.

    Raises
    ------
    ValueError
        There is no crystal of one element.
    """
    found: dict[str, list[np.ndarray]] = {}
    for one in known:
        if len(parts := fractions(one.atoms)) == 1:
            volume = one.atoms.cell.volume / len(one.atoms) if p.mean == "epsilon" else 1.0
            found.setdefault(next(iter(parts)), []).append(one.numbers**2 / volume)
    if not found:
        raise ValueError("no crystal of one element is there, so there is nothing to average; compute one")
    return ElementMeans(p, {element: np.mean(rows, axis=0) for element, rows in found.items()})
