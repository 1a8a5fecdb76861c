"""A spectrum as some twenty numbers, and back: whatever the numbers are, ε obeys Kramers and Kronig.

The oscillator strength is a sum of tents over fixed energies, S(E) = Σ_c a_c t_c(E) with a_c ≥ 0: piecewise
linear, 0 at 0 and at `END`. Each tent is a sum of undamped oscillators, so ε₁ and ε₂ come from the same
S ≥ 0 (`labels.optics.spectrum.dielectric`), and ε₂ ≥ 0.

A number is √(electrons of an atom that answer at these energies), by the f-sum rule; the last is that of the
Drude term. Its square follows the volume: n_c = a_c ∫t_c dE v / 4π for the volume v of an atom.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from scipy.optimize import nnls

from getl_utils.core.parameters.optics import Light
from getl_utils.labels.optics.spectrum import PLASMA, Spectrum, dielectric, reflectivity

VISIBLE = [0.4, 0.8, 1.2, 1.6, 2.0, 2.4, 2.8, 3.2, 3.6, 4.0]
NODES = np.array([*VISIBLE, 5, 6, 7, 8, 10, 12, 15, 19, 24, 32, 45])  # eV
END, STEP = 60.0, 0.05  # eV
COUNT = len(NODES) + 1  # numbers of a crystal
LIGHT = 0.1 * np.arange(4, 201)  # eV: where a spectrum and its components are compared
BROADENING = 0.1  # eV


@cache
def tents(nodes: tuple[float, ...] = tuple(NODES)) -> tuple[np.ndarray, np.ndarray]:
    """Return the energies of a spectrum (n,), and the tents at them (c, n).

    Parameters
    ----------
    nodes : tuple of float
        Energies of the tips, eV.

    Returns
    -------
    tuple
        Energies in eV, and the tents, whose tips are 1.

    Examples
    --------
    >>> energy, t = tents()
    >>> bool((t.sum(0)[(energy >= NODES[0]) & (energy <= NODES[-1])].round(9) == 1).all())
    True
    """
    energy = STEP * np.arange(1, round(END / STEP) + 1)
    ends, tips = [0.0, *nodes, END], np.eye(len(nodes) + 2)
    return energy, np.array([np.interp(energy, ends, tip) for tip in tips[1:-1]])


def numbers(one: Spectrum, atoms: int, nodes: tuple[float, ...] = tuple(NODES)) -> np.ndarray:
    """Return the numbers of a spectrum: those whose ω ε(ω) is nearest, by least squares.

    Parameters
    ----------
    one : Spectrum
        The spectrum.
    atoms : int
        Atoms of its cell.
    nodes : tuple of float
        Energies of the tips, eV.

    Returns
    -------
    (c + 1,) array
        √ electrons of an atom.
    """
    energy, shapes = tents(nodes)
    wanted = _response(one.energy, one.strength.mean(1)[:, None] * one.step)[:, 0]
    heights = nnls(_response(energy, shapes.T * STEP), wanted)[0]
    parts = [*(heights * shapes.sum(1) * STEP), (one.drude**2).mean()]
    return np.sqrt(np.array(parts) * one.volume / atoms / PLASMA)


def _response(energy: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Real and imaginary part of ω ε between bands, one below the other; weights (n, c) in eV²."""
    kernel = LIGHT[:, None] / (energy**2 - (LIGHT[:, None] + 1j * BROADENING) ** 2)
    found = kernel @ weights
    return np.concatenate([found.real, found.imag])


def spectrum(found: np.ndarray, volume: float, nodes: tuple[float, ...] = tuple(NODES)) -> Spectrum:
    """Return the spectrum of numbers; a number below 0 counts as 0.

    Parameters
    ----------
    found : (c + 1,) array
        √ electrons of an atom.
    volume : float
        Of an atom, Å³.
    nodes : tuple of float
        Energies of the tips, eV.

    Returns
    -------
    Spectrum
        Of a polycrystal, for a cell of one atom.

    Raises
    ------
    ValueError
        A number is not finite.

    Examples
    --------
    >>> free = np.append(np.zeros(COUNT - 1), 1.0)
    >>> round(float(spectrum(free, 17.0).drude[0]), 2)
    9.01
    """
    energy, shapes = tents(nodes)
    electrons = np.maximum(found, 0) ** 2
    strengths = electrons * PLASMA / volume
    one = (strengths[:-1] / (shapes.sum(1) * STEP)) @ shapes
    drude = np.full(3, np.sqrt(strengths[-1]))
    return Spectrum(energy, np.repeat(one[:, None], 3, 1), drude, volume, float(electrons.sum()))


def missed(found: Spectrum, true: Spectrum) -> float:
    """Return how much of the conductivity between bands is wrong, as a part of all of it.

    ∫|Δσ| dω / ∫σ dω with σ ∝ ω Im ε, up to 20 eV, mean over the axes.

    Parameters
    ----------
    found : Spectrum
        A prediction.
    true : Spectrum
        What was computed.

    Returns
    -------
    float
        0 if all is right; 1 if nothing is found.
    """
    bound = [replace(one, drude=np.zeros(3)) for one in (found, true)]
    sigma = [LIGHT * dielectric(one, LIGHT, BROADENING, 0.0).imag.mean(1) for one in bound]
    return float(np.abs(sigma[0] - sigma[1]).sum() / sigma[1].sum())


def table(one: Spectrum, light: Light) -> pd.DataFrame:
    """Return ε and reflectivity of a polycrystal against the energy of the light.

    Parameters
    ----------
    one : Spectrum
        The spectrum.
    light : Light
        η and γ.

    Returns
    -------
    DataFrame
        energy (eV), epsilon_1, epsilon_2, reflectivity.
    """
    epsilon = dielectric(one, LIGHT, light.broadening, light.rate).mean(1)
    columns = {"energy": LIGHT, "epsilon_1": epsilon.real, "epsilon_2": epsilon.imag}
    return pd.DataFrame(columns | {"reflectivity": reflectivity(epsilon)}).round(6)
