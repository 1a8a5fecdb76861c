"""ε(ω) and reflectivity of a crystal from the oscillator strength of its electrons.

Independent electrons that answer to light of energy ω (ħ = 1) have, along each axis,

    ε(ω) = 1 + ∫ S(E) / (E² − (ω + iη)²) dE − ω_D² / (ω (ω + iγ)).

S(E) ≥ 0 is the strength of the transitions between bands (eV² per eV), ω_D the Drude (plasma) frequency of
the transitions within a band. Both terms obey the Kramers–Kronig relations whatever S is. The f-sum rule is

    ∫ S(E) dE + ω_D² = 4π n e²/m

for n electrons a volume (Ashcroft and Mermin, Solid State Physics, ch. 1 and app. K).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from ase.units import Bohr, Hartree

PLASMA = 4 * np.pi * Bohr**3 * Hartree**2  # eV² Å³: ω² of one electron a volume


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Oscillator strength of a crystal along three axes.

    Attributes
    ----------
    energy : (n,) array
        Energies of the transitions, evenly spaced and above 0, eV.
    strength : (n, 3) array
        S along x, y and z, eV.
    drude : (3,) array
        ω_D along x, y and z, eV.
    volume : float
        Of the cell, Å³.
    electrons : float
        Electrons of the cell that are not frozen.
    """

    energy: np.ndarray
    strength: np.ndarray
    drude: np.ndarray
    volume: float
    electrons: float

    def __post_init__(self) -> None:
        numbers = (self.energy, self.strength, self.drude)
        if not all(np.isfinite(n).all() for n in numbers) or self.strength.min(initial=0) < 0:
            raise ValueError("a spectrum needs finite numbers and strengths that are not negative")
        if np.shape(self.strength) != (len(self.energy), 3) or np.shape(self.drude) != (3,):
            raise ValueError("a spectrum needs three strengths at each energy and three Drude frequencies")

    @property
    def step(self) -> float:
        """Return the distance of two energies, eV."""
        return float(self.energy[1] - self.energy[0])

    def counted(self) -> float:
        """Return the electrons of the cell that the f-sum rule finds, mean of the three axes."""
        found = self.strength.sum(0) * self.step + self.drude**2
        return float(found.mean() * self.volume / PLASMA)


def dielectric(one: Spectrum, omega: np.ndarray, broadening: float, rate: float) -> np.ndarray:
    """Return ε along the three axes.

    Parameters
    ----------
    one : Spectrum
        The strengths.
    omega : (w,) array
        Energies of the light, above 0, eV.
    broadening : float
        η, eV.
    rate : float
        γ, of the Drude term, eV.

    Returns
    -------
    (w, 3) complex array
        ε.

    Raises
    ------
    ValueError
        An energy is not above 0, where a metal has no finite ε.

    Examples
    --------
    >>> free = Spectrum(np.array([1.0, 2.0]), np.zeros((2, 3)), np.full(3, 10.0), 1.0, 1.0)
    >>> dielectric(free, np.array([5.0]), 0.1, 0.0)[0, 0].round(6).item()
    (-3+0j)
    """
    omega = np.asarray(omega, float)
    if not (omega > 0).all():
        raise ValueError("ε of a metal is finite at energies above 0 only")
    kernel = one.step / (one.energy**2 - (omega[:, None] + 1j * broadening) ** 2)
    drude = np.outer(1 / (omega * (omega + 1j * rate)), one.drude**2)
    return 1 + kernel @ one.strength - drude


def shifted(one: Spectrum, by: float) -> Spectrum:
    """Move all transitions between bands to higher energies; what a d band that lies too high would need.

    The momenta stay, so that S(E) → S(E − by) · (E − by) / E. The Drude term stays.

    Parameters
    ----------
    one : Spectrum
        The spectrum.
    by : float
        eV.

    Returns
    -------
    Spectrum
        The moved spectrum.

    Examples
    --------
    >>> flat = Spectrum(np.array([1.0, 2.0, 3.0]), np.ones((3, 3)), np.zeros(3), 1.0, 1.0)
    >>> shifted(flat, 1.0).strength[:, 0].round(3).tolist()
    [0.0, 0.5, 0.667]
    """
    before = one.energy - by
    moved = np.stack([np.interp(before, one.energy, axis, left=0.0) for axis in one.strength.T], -1)
    return replace(one, strength=moved * np.maximum(before / one.energy, 0)[:, None])


def reflectivity(epsilon: np.ndarray) -> np.ndarray:
    """Return the part of the light that a surface throws back at normal incidence.

    R = |(n + ik − 1) / (n + ik + 1)|² with n + ik = √ε.

    Parameters
    ----------
    epsilon : complex array
        ε.

    Returns
    -------
    array
        R, 0 to 1.

    Examples
    --------
    >>> reflectivity(np.array([2.25 + 0j])).round(6).item()
    0.04
    """
    n = np.sqrt(np.asarray(epsilon, complex))
    return np.abs((n - 1) / (n + 1)) ** 2


def real_part(omega: np.ndarray, imaginary: np.ndarray) -> np.ndarray:
    """Return Re ε that belongs to Im ε of transitions between bands, by Kramers and Kronig.

    Re ε(ω) = 1 + 2/π ⨍ E Im ε(E) / (E² − ω²) dE; the sum takes every other energy (Maclaurin's rule: Ohta and
    Ishida, Appl. Spectrosc. 42, 952 (1988)).

    Parameters
    ----------
    omega : (n,) array
        Evenly spaced energies, eV.
    imaginary : (n,) array
        Im ε there; 0 beyond.

    Returns
    -------
    (n,) array
        Re ε.
    """
    n = np.arange(len(omega))
    others = (n[:, None] + n[None]) % 2 == 1
    apart = np.where(others, omega[None] ** 2 - omega[:, None] ** 2, np.inf)
    return 1 + 4 / np.pi * (omega[1] - omega[0]) * ((omega * imaginary)[None] / apart).sum(1)
