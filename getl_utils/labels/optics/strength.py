"""Sums over k points: oscillator strength between bands, Drude frequency within them.

Between the points of a mesh the bands follow from those at the nearest point k by k·p theory: in its bands,

    H_nm(k + κ) = (ε_n + κ²/2) δ_nm + κ · ⟨n|p|m⟩   (atomic units),

so that bands which cross or nearly touch between two points are followed. Each point speaks for its part of
the zone (the Voronoi cell of the mesh), which is cut into `inside`³ parts. A pair of bands with energies
ε_n < ε_m, E = ε_m − ε_n, adds along axis a (Ω is the volume of the cell)

    S_a(E) += 16π/Ω · (f_n − f_m) |⟨n|p_a|m⟩|² / E,      ω_D² += 8π/Ω · ⟨n|p_a|n⟩² · f_n (1 − f_n) / kT

(Ambrosch-Draxl and Sofo, Comput. Phys. Commun. 175, 1 (2006)).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from ase.units import Hartree
from scipy.special import expit

from getl_utils.labels.gpaw_waves import occupy

SMALLEST = 1e-7  # difference of occupations that counts
TIE = 1e-6  # of a step of the mesh: parts as far from two points are shared by them


class Point(NamedTuple):
    """A k point: its weight, energies of the bands (b,) and ⟨n|p|m⟩ (3, b, b), atomic units."""

    weight: float
    levels: np.ndarray
    momenta: np.ndarray


def parts(steps: np.ndarray, inside: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the middles of the parts around a point of a mesh.

    Parameters
    ----------
    steps : (3, 3) array
        Steps of the mesh as rows, 1/bohr.
    inside : int
        Parts along each step.

    Returns
    -------
    tuple
        κ (m, 3) in 1/bohr, and the weight of each (m,); the weights add up to 1.

    Examples
    --------
    >>> [array.tolist() for array in parts(np.eye(3), 1)]
    [[[0.0, 0.0, 0.0]], [1.0]]
    """
    around = np.array(list(itertools.product(range(-2, 3), repeat=3)))
    vectors, weights = [], []
    for place in np.ndindex(inside, inside, inside):
        images = (np.array(place) / inside + around) @ steps
        far = np.linalg.norm(images, axis=1)
        nearest = images[far < far.min() + TIE * np.abs(steps).max()]
        vectors.append(nearest)
        weights.append(np.full(len(nearest), 1 / len(nearest)))
    return np.concatenate(vectors), np.concatenate(weights) / inside**3


def moved(point: Point, kappa: np.ndarray) -> np.ndarray:
    """Return the Hamiltonian of k·p theory.

    Parameters
    ----------
    point : Point
        The k point.
    kappa : (m, 3) array
        1/bohr.

    Returns
    -------
    (m, b, b) array
        Hartree.
    """
    h = np.einsum("ma,anb->mnb", kappa, point.momenta)
    diagonal = np.arange(len(point.levels))
    h[:, diagonal, diagonal] += point.levels + 0.5 * (kappa**2).sum(1)[:, None]
    return h


def sums(
    points: Sequence[Point], steps: np.ndarray, volume: float, electrons: float, kt: float,
    width: float, bins: int, inside: int,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """Sum oscillator strength and Drude frequency over the irreducible points of a mesh.

    Parameters
    ----------
    points : sequence of Point
        Their weights add up to 1.
    steps : (3, 3) array
        Steps of the mesh as rows, 1/bohr.
    volume : float
        Of the cell, bohr³.
    electrons : float
        Of the cell, in these bands.
    kt : float
        Width of the Fermi function, hartree.
    width : float
        Step of the energies, hartree; the first energy is one step.
    bins : int
        Number of energies.
    inside : int
        Parts of a step of the mesh.

    Returns
    -------
    tuple
        S (bins, 3) and ω_D² (3,), atomic units; not yet averaged over the symmetry of the crystal.
    """
    kappa, share = parts(steps, inside)
    levels = np.array([np.linalg.eigvalsh(moved(point, kappa)) for point in points]) * Hartree
    weights = np.outer([point.weight for point in points], share)
    flat = levels.reshape(1, -1, levels.shape[-1])
    fermi = occupy(flat, weights.ravel(), electrons, kt * Hartree)[0] / Hartree
    out, drude = np.zeros((bins, 3)), np.zeros(3)
    for point in points:
        energies, u = np.linalg.eigh(moved(point, kappa))
        p = u.conj().transpose(0, 2, 1)[:, None] @ point.momenta @ u[:, None]
        filled = expit((fermi - energies) / kt)
        own = np.diagonal(p, axis1=2, axis2=3).real + kappa[:, :, None]
        sharp = point.weight * share[:, None] * filled * (1 - filled) / kt
        drude += np.einsum("man,mn->a", own**2, sharp)
        _add(p, energies, filled, point.weight * share, width, out)
    return 16 * np.pi / volume / width * out, 8 * np.pi / volume * drude


def _add(
    p: np.ndarray,
    energies: np.ndarray,
    filled: np.ndarray,
    weights: np.ndarray,
    width: float,
    out: np.ndarray,
) -> None:  # fmt: skip
    """Add the transitions to the histogram; a strength is shared by the two nearest energies."""
    change = filled[:, :, None] - filled[:, None]
    part, n, m = np.nonzero(change > SMALLEST)
    gap = np.maximum(energies[part, m] - energies[part, n], SMALLEST)
    place = np.maximum(gap / width - 1, 0)  # the first energy is one step above 0
    near = place < len(out) - 1
    part, n, m, gap, place = (array[near] for array in (part, n, m, gap, place))
    found = np.abs(p[part, :, n, m]) ** 2 * (weights[part] * change[part, n, m] / gap)[:, None]
    low = place.astype(int)
    for a in range(3):
        for row, share in ((low, 1 - place + low), (low + 1, place - low)):
            out[:, a] += np.bincount(row, share * found[:, a], len(out))
