"""Frozen core shells as bands: their orbitals from the free atom, their energies shifted as the valence is.

A shell asked for that the data set keeps in its frozen core (Cu 3s 3p) becomes a band of its own: the core
orbital of the all-electron atom in the same functional, doubly occupied. Its energy is the atom's, shifted by
as much as the innermost valence shell of this atom is shifted in the structure. These bands matter: Löwdin's
orthogonalisation shares the overlap of a neighbour's tail with the core between both, and without the core
orbitals bonds with Cu come out 1.4 times too weak.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Hartree

from getl_utils.labels.projection.hartree_fock import REACH
from getl_utils.labels.projection.two_centre import Radial


@dataclass(frozen=True)
class Core:
    """Core orbitals of one element.

    Attributes
    ----------
    orbitals : list of Radial
        The orbitals.
    energies : (n,) array
        Their energies in the free atom, eV.
    valence : str or None
        The innermost valence shell.
    valence_energy : float
        Its energy in the free atom, eV.
    """

    orbitals: list[Radial]
    energies: np.ndarray
    valence: str | None = None
    valence_energy: float = 0.0


@cache
def core(element: str, shells: tuple[str, ...], valence: tuple[str, ...], functional: str) -> Core:
    """Return those shells that are not valence, from the scalar-relativistic all-electron atom.

    Parameters
    ----------
    element : str
        The element.
    shells : tuple of str
        Shells asked for.
    valence : tuple of str
        Shells in the valence of the data set.
    functional : str
        Exchange and correlation.

    Returns
    -------
    Core
        The core orbitals.

    Raises
    ------
    ValueError
        A shell is neither in the core nor in the valence.
    """
    frozen = [shell for shell in shells if shell not in valence]
    if not frozen:
        return Core([], np.zeros(0))
    atom = _atom(element, functional)
    missing = [shell for shell in frozen if shell not in atom]
    if missing:
        raise ValueError(
            f"{element} {missing[0]} is neither in the core nor in the valence of GPAW's data set"
        )
    inner = min((s for s in shells if s in valence and s in atom), key=lambda s: atom[s][0].mean_radius())
    return Core([atom[s][0] for s in frozen], np.array([atom[s][1] for s in frozen]), inner, atom[inner][1])


def _atom(element: str, functional: str) -> dict[str, tuple[Radial, float]]:
    """Occupied shells of the free atom: orbital and energy (eV)."""
    import os

    from gpaw.atom.aeatom import AllElectronAtom

    with open(os.devnull, "w") as silent:
        atom = AllElectronAtom(element, xc=functional, log=silent)
        atom.run()
        atom.scalar_relativistic = True
        atom.refine()
    r, step = atom.rgd.r_g, atom.rgd.dr_g
    inside = r < REACH
    found = {}
    for momentum, channel in enumerate(atom.channels):
        for k, (energy, occupation) in enumerate(zip(channel.e_n, channel.f_n, strict=False)):
            if occupation > 0:
                values = channel.phi_ng[k] / np.sqrt(np.sum(channel.phi_ng[k] ** 2 * r**2 * step))
                name = f"{k + momentum + 1}{'spdf'[momentum]}"
                found[name] = (
                    Radial(momentum, r[inside], values[inside], step[inside], name),
                    float(energy * Hartree),
                )
    return found


def levels(
    atoms: Atoms,
    cores: Mapping[str, Core],
    owners: np.ndarray,
    shells: np.ndarray,
    energies: Any,
    share: Any,
    weights: Any,
) -> np.ndarray:
    """Return the energies of the core bands.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    cores : mapping
        Element → its core orbitals.
    owners : (o,) array of int
        Atom of every orbital.
    shells : (o,) array of str
        Shell of every orbital.
    energies : (k, b) array
        Of the valence bands, relative to the Fermi level, eV.
    share : (k, o, b) array
        |⟨χ|ψ⟩|² of the valence bands.
    weights : (k,) array
        Of the k points.

    Returns
    -------
    (bands,) array
        eV, relative to the Fermi level, in the order of atoms and their core orbitals.
    """
    found: list[float] = []
    centres = np.einsum("k,kob,kb->o", weights, share, energies) / np.einsum("k,kob->o", weights, share)
    for number, symbol in enumerate(atoms.get_chemical_symbols()):
        core = cores[symbol]
        shift = (
            centres[(owners == number) & (shells == core.valence)].mean() - core.valence_energy
            if core.orbitals
            else 0.0
        )
        found += [
            e + shift for f, e in zip(core.orbitals, core.energies, strict=True) for _ in range(2 * f.l + 1)
        ]
    return np.array(found)
