"""Kernel ridge regression on composition, volume and mean distances.

As a Gaussian process it knows how far a crystal is from those learned from (Rasmussen and Williams, Gaussian
Processes for Machine Learning, 2006, eqs. 2.25, 2.26 and 5.12).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from scipy.linalg import cho_factor, cho_solve

from getl_utils.core.neighbours import neighbour_arrays
from getl_utils.core.parameters.optics import Ridge
from getl_utils.models.graph.elements import group_and_period
from getl_utils.models.spectra.crystals import Known, fractions, groups

SCALE = (3.0, 1.0, 3.0, 1.0, 4.0)  # of the features: a difference that matters; groups, periods, Å³
NEIGHBOURS = 3.0  # the same, of neighbours within a Gaussian of the distance
INNERMOST = 2.0  # Å, centre of the first Gaussian
LENGTHS = (1.0, 2.0, 4.0, 8.0)  # of the kernel, tried; in units of the features
NOISES = (1e-3, 3e-3, 0.01, 0.03, 0.1)  # tried


def features(atoms: Atoms, p: Ridge, elements: Sequence[int]) -> np.ndarray:
    """Return what the regression knows of a crystal.

    Parameters
    ----------
    atoms : Atoms
        The crystal.
    p : Ridge
        Settings.
    elements : sequence of int
        Atomic numbers of the elements that were learned from.

    Returns
    -------
    (5 + n_radial + e,) array
        Mean and spread of group and period, volume of an atom, the mean number of neighbours in each
        Gaussian of the distance, all divided by a difference that matters; and the part of each element.

    Raises
    ------
    ValueError
        No two atoms are within the cutoff.
    """
    parts = fractions(atoms)
    places, weights = np.array([group_and_period(e) for e in parts], float), np.array(list(parts.values()))
    mean = weights @ places
    spread = np.sqrt(weights @ (places - mean) ** 2)
    i, _, _, distance = neighbour_arrays(atoms, p.cutoff)
    if not len(i):
        raise ValueError(f"no two of the {len(atoms)} atoms are within {p.cutoff} Å: nothing is known of it")
    centres = np.linspace(INNERMOST, p.cutoff, p.n_radial)
    bells = np.exp(-0.5 * ((distance[:, None] - centres) / (centres[1] - centres[0])) ** 2)
    fade = 0.5 * (np.cos(np.pi * distance / p.cutoff) + 1)
    near = (bells * fade[:, None]).sum(0) / len(atoms) / NEIGHBOURS
    own = [mean[0], mean[1], spread[0], spread[1], atoms.cell.volume / len(atoms)]
    shares = (atoms.numbers[:, None] == np.asarray(elements)).mean(0)
    return np.concatenate([np.array(own) / SCALE, near, shares])


@dataclass(frozen=True)
class RidgeModel:
    """The crystals learned from, and what they say.

    Attributes
    ----------
    p : Ridge
        Settings.
    elements : (e,) array
        Atomic numbers of the elements learned from.
    places : (n, f) array
        Features of the crystals.
    weights : (n, c) array
        Of the kernel at each.
    mean, scale : (c,) array
        Of the numbers.
    shape : (2,) array
        Length of the kernel and noise.
    """

    p: Ridge
    elements: np.ndarray
    places: np.ndarray
    weights: np.ndarray
    mean: np.ndarray
    scale: np.ndarray
    shape: np.ndarray

    @cached_property
    def _factor(self) -> tuple[np.ndarray, bool]:
        """Of the kernel matrix; the same for every crystal that is predicted."""
        length, noise = self.shape
        return cho_factor(kernel(self.places, self.places, length) + noise * np.eye(len(self.places)))

    def estimate(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the numbers of a crystal, and the variance of the Gaussian process.

        Parameters
        ----------
        atoms : Atoms
            The crystal.

        Returns
        -------
        tuple
            Numbers (c,), and the variance in units of that of all crystals, 0 to 1.
        """
        near = kernel(features(atoms, self.p, self.elements)[None], self.places, self.shape[0])[0]
        variance = 1 - near @ cho_solve(self._factor, near)
        return self.mean + self.scale * (near @ self.weights), float(max(variance, 0))

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return arrays by name, for an npz file."""
        names = ("elements", "places", "weights", "mean", "scale", "shape")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_arrays(cls, p: Ridge, arrays: Mapping[str, np.ndarray]) -> RidgeModel:
        """Return the model that `to_arrays` wrote.

        Parameters
        ----------
        p : Ridge
            Settings.
        arrays : mapping
            Name → array.

        Returns
        -------
        RidgeModel
            The model.
        """
        return cls(p, **arrays)


def kernel(one: np.ndarray, other: np.ndarray, length: float) -> np.ndarray:
    """Return exp(−|x − y|² / 2 l²).

    Parameters
    ----------
    one : (n, f) array
        Features.
    other : (m, f) array
        Features.
    length : float
        l.

    Returns
    -------
    (n, m) array
        0 to 1.
    """
    return np.exp(-0.5 * ((one[:, None] - other[None]) ** 2).sum(-1) / length**2)


def fit(known: Sequence[Known], p: Ridge, seed: int = 0) -> RidgeModel:
    """Fit with the length and the noise that tell each composition best from the others.

    With G the inverse of the kernel matrix with noise, what is left of the crystals g of a composition that
    was not learned from is G_gg⁻¹ (G y)_g (as Rasmussen and Williams, eq. 5.12, for one crystal).

    Parameters
    ----------
    known : sequence of Known
        What is learned from.
    p : Ridge
        Settings.
    seed : int
        Not used.

    Returns
    -------
    RidgeModel
        The model.
    """
    elements = np.unique(np.concatenate([one.atoms.numbers for one in known]))
    places = np.array([features(one.atoms, p, elements) for one in known])
    numbers = np.array([one.numbers for one in known])
    mean, scale = numbers.mean(0), np.maximum(numbers.std(0), 1e-6)
    target, best = (numbers - mean) / scale, (np.inf,)
    names = groups(known, "composition")
    together = [np.flatnonzero(names == name) for name in np.unique(names)]
    for length, noise in itertools.product(LENGTHS, NOISES):
        inverse = np.linalg.inv(kernel(places, places, length) + noise * np.eye(len(places)))
        weights = inverse @ target
        left = [np.linalg.solve(inverse[np.ix_(some, some)], weights[some]) for some in together]
        wrong = float((np.concatenate(left) ** 2).mean())
        best = min(best, (wrong, length, noise, weights), key=lambda one: one[0])
    return RidgeModel(p, elements, places, best[3], mean, scale, np.array(best[1:3]))
