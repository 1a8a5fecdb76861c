"""GPAW's LCAO wave functions projected on the orbitals of free atoms, in two ways.

``full`` is the published equation (Maintz et al., J. Comput. Chem. 34, 2557 (2013)), with the smooth
ψ̃ = Σ C φ_LCAO, the partial waves φ_i, φ̃_i and projectors p_i of the PAW data sets, and χ the bare
Hartree–Fock orbital, nodes and tails as they are:

    ⟨χ|ψ⟩ = ⟨χ|ψ̃⟩ + Σ_B Σ_{i∈B} ⟨χ|φ_i − φ̃_i⟩ ⟨p_i|ψ̃⟩

``lobster`` emulates LOBSTER's numbers, which leave out the spheres of χ's neighbours. Such numbers depend on
the radii of the spheres, and GPAW's are other ones than those of the reference. So the wave inside a
neighbour's sphere is expressed in the partial waves of a reference data set, and what LOBSTER would leave out
is subtracted from the full projection (`getl_utils.labels.projection.spheres`). Frozen cores are treated as
the valence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree

from getl_utils.labels.gpaw_waves import waves_by_spin
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import frozen_core, hartree_fock, spheres
from getl_utils.labels.projection.two_centre import Overlaps, Radial, owners_and_names

Shells = Mapping[str, Sequence[str]]
InSpheres = Sequence[Sequence[np.ndarray]]  # ⟨p|ψ̃⟩ by spin and k point, (i, b)


@dataclass
class Parts:
    """What both projections are made of.

    Attributes
    ----------
    full : ProjectedBands
        Bands in the full projection, frozen core shells before the valence.
    shells : (o,) array of str
        Shell name of every orbital.
    foreign : (s, k, o, b) array or None
        The part of the projections that lies in the neighbours' reference spheres; None where an element has
        no reference data set.
    without : list of str
        The elements that have none.
    """

    full: ProjectedBands
    shells: np.ndarray
    foreign: np.ndarray | None
    without: list[str]

    def bands(self) -> dict[str, ProjectedBands]:
        """Return "full" and, where the reference spheres are known, "lobster" → bands."""
        if self.foreign is None:
            return {"full": self.full}
        own = self.full.projections - self.foreign
        return {"full": self.full, "lobster": self.full.projected(own, symmetric=True)}


def project(dft: Any, atoms: Atoms, orbitals: Shells) -> Parts:
    """Project the bands of a converged GPAW calculation.

    Parameters
    ----------
    dft : gpaw.dft.DFT
        The calculation.
    atoms : Atoms
        As given to GPAW.
    orbitals : mapping
        Element → shells of the free atom, e.g. ``{"Cu": ["3s", "4s", "3p", "3d"]}``.

    Returns
    -------
    Parts
        Both projections.

    Raises
    ------
    ValueError
        A shell that the Hartree–Fock table does not have, or that neither core nor valence of the data set
        holds.
    """
    waves = waves_by_spin(dft)
    setups = dict(zip(atoms.get_chemical_symbols(), dft.setups, strict=True))
    free = {e: [hartree_fock.orbital(e, shell) for shell in orbitals[e]] for e in setups}
    cores = {
        e: frozen_core.core(e, tuple(orbitals[e]), tuple(_valence(s)), dft.params.xc.name)
        for e, s in setups.items()
    }
    overlaps = Overlaps(_inside(atoms), np.array([w.kpt_c for w in waves[0]]), hartree_fock.REACH * Bohr)
    owners, shells = owners_and_names(atoms, free)
    weights = np.array([w.weight for w in waves[0]])
    in_spheres = [[_projectors(wave).T for wave in spin] for spin in waves]
    valence = _valence_part(overlaps, free, setups, waves, in_spheres)
    fermi = float(dft.ibzwfs.fermi_level) * Hartree
    energies = np.array([[w.eig_n * Hartree - fermi for w in spin] for spin in waves])
    levels = np.array([
        frozen_core.levels(atoms, cores, owners, shells, e, np.abs(v) ** 2, weights)
        for e, v in zip(energies, valence, strict=True)
    ])  # fmt: skip
    core = overlaps.matrix(free, {e: c.orbitals for e, c in cores.items()})
    full = ProjectedBands(
        energies=_before(levels[:, None], energies),
        occupations=_before(np.full((len(waves), 1, levels.shape[1]), 2 / len(waves)), _occupations(waves)),
        projections=_before(core[None], valence),
        overlaps=overlaps.matrix(free, free),
        kpoints=overlaps.kpoints,
        weights=weights,
        orbital_atoms=owners,
        time_reversal=True,
    )
    without = [e for e in setups if e not in spheres.known()]
    foreign = None if without else _foreign(overlaps, free, setups, cores, in_spheres)
    return Parts(full, shells, foreign, without)


def _before(core: np.ndarray, valence: np.ndarray) -> np.ndarray:
    """Core bands before the valence bands, those of core repeated for spins and k points."""
    shape = (*valence.shape[:-1], core.shape[-1])
    return np.concatenate([np.broadcast_to(core, shape), valence], axis=-1)


def _occupations(waves: Sequence[Sequence[Any]]) -> np.ndarray:
    """Electrons of the bands (s, k, b): up to 2 with one spin channel, up to 1 with two."""
    return np.array([[w.occ_n for w in spin] for spin in waves]) * (2 / len(waves))


def _inside(atoms: Atoms) -> Atoms:
    """The atoms where GPAW has them, in the cell."""
    places = atoms.get_scaled_positions() % 1 % 1
    return Atoms(atoms.numbers, scaled_positions=places, cell=atoms.cell, pbc=True)


def _valence_part(
    overlaps: Overlaps, free: Any, setups: Any, waves: Sequence[Sequence[Any]], in_spheres: InSpheres
) -> np.ndarray:
    """⟨χ|ψ̃⟩ + ⟨χ|φ − φ̃⟩⟨p|ψ̃⟩ with all spheres, (s, k, o, b)."""
    smooth = overlaps.matrix(free, {e: _basis(s) for e, s in setups.items()})
    sharp = overlaps.matrix(free, {e: _differences(s) for e, s in setups.items()})
    return np.array([
        [a @ w.C_nM.data.T + b @ p for a, b, w, p in zip(smooth, sharp, *parts, strict=True)]
        for parts in zip(waves, in_spheres, strict=True)
    ])  # fmt: skip


def _foreign(overlaps: Overlaps, free: Any, setups: Any, cores: Any, in_spheres: InSpheres) -> np.ndarray:
    """What the neighbours' reference spheres add to the projections: of core and valence bands, (s, k, o,
    b)."""
    fits = {e: spheres.differences(e, _partial_waves(s)) for e, s in setups.items()}
    valence = overlaps.matrix(free, fits) - overlaps.own(free, fits)
    core_fits = {e: spheres.differences(e, c.orbitals) for e, c in cores.items()}
    core = overlaps.matrix(free, core_fits) - overlaps.own(free, core_fits)
    parts = [[a @ p for a, p in zip(valence, spin, strict=True)] for spin in in_spheres]
    return _before(core[None], np.array(parts))


def _partial_waves(setup: Any) -> list[Radial]:
    """φ_i on the whole grid of the data set."""
    grid = setup.rgd
    waves = zip(setup.l_j, setup.data.phi_jg, strict=True)
    return [Radial(m, grid.r_g, np.array(p), grid.dr_g) for m, p in waves]


def _projectors(wave: Any) -> np.ndarray:
    """⟨p|ψ̃⟩, (b, i); one product, where GPAW's own takes one for each atom."""
    return wave.C_nM.data @ np.hstack([wave.P_aMi[a] for a in range(len(wave.setups))])


def _basis(setup: Any) -> list[Radial]:
    grid = setup.basis.rgd
    return [
        Radial(f.l, grid.r_g[: len(f.phit_g)], np.array(f.phit_g), grid.dr_g[: len(f.phit_g)])
        for f in setup.basis.bf_j
    ]


def _differences(setup: Any) -> list[Radial]:
    """φ_i − φ̃_i, zero outside the augmentation sphere."""
    grid = setup.rgd
    inside = grid.r_g <= max(setup.rcut_j)
    pairs = zip(setup.l_j, setup.data.phi_jg, setup.data.phit_jg, strict=True)
    return [
        Radial(m, grid.r_g[inside], (np.array(p) - np.array(t))[inside], grid.dr_g[inside])
        for m, p, t in pairs
    ]


def _valence(setup: Any) -> list[str]:
    return [f"{n}{'spdf'[m]}" for n, m in zip(setup.n_j, setup.l_j, strict=True) if n > 0]
