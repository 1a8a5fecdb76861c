"""GPAW's LCAO wave functions projected on the orbitals of free atoms, as LOBSTER projects plane waves.

⟨χ|ψ⟩ = ⟨χ|ψ̃⟩ + Σ_B Σ_i ⟨χ|φ_i − φ̃_i⟩ ⟨p_i|ψ̃⟩ (Maintz et al., J. Comput. Chem. 34, 2557 (2013)), with the smooth
ψ̃ = Σ C φ_LCAO, the partial waves φ_i, φ̃_i and projectors p_i of the PAW data sets, and χ the bare
Hartree–Fock orbital, nodes and tails as they are.

A shell asked for that the data set keeps in its frozen core (Cu 3s 3p) is a band of its own here: the core
orbital of the all-electron atom in the same functional, doubly occupied. Its energy is the atom's, shifted by
as much as the innermost valence shell of this atom is shifted in the structure. These bands matter: Löwdin's
orthogonalisation shares the overlap of a neighbour's tail with the core between both, and without the core
orbitals bonds with Cu come out 1.4 times too weak.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree

from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock
from getl_utils.labels.projection.hartree_fock import REACH
from getl_utils.labels.projection.two_centre import Overlaps, Radial, owners_and_names

Shells = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class _Core:
    """Core orbitals of one element, their energies in the free atom and that of its innermost valence shell
    (eV)."""

    orbitals: list[Radial]
    energies: np.ndarray
    valence: str | None = None
    valence_energy: float = 0.0


def project(dft: Any, atoms: Atoms, orbitals: Shells) -> tuple[ProjectedBands, np.ndarray]:
    """Bands of a converged GPAW calculation, frozen core shells among them, and the shell names of the
    orbitals (o,).

    Parameters
    ----------
    atoms : as given to GPAW. orbitals : element → shells of the free atom, e.g. {"Cu": ["3s", "4s", "3p",
    "3d"]}.

    Raises
    ------
    ValueError : a shell that the Hartree–Fock table does not have, or that neither core nor valence of the
    data set holds.
    """
    waves = sorted(dft.ibzwfs, key=lambda wave: wave.k)
    kpoints = np.array([wave.kpt_c for wave in waves])
    setups = dict(zip(atoms.get_chemical_symbols(), dft.setups, strict=True))
    inside = Atoms(
        atoms.numbers, scaled_positions=atoms.get_scaled_positions() % 1 % 1, cell=atoms.cell, pbc=True
    )
    overlaps = Overlaps(inside, kpoints, REACH * Bohr)
    free = {e: [hartree_fock.orbital(e, shell) for shell in orbitals[e]] for e in setups}
    cores = {
        e: _core(e, tuple(orbitals[e]), tuple(_valence(s)), dft.params.xc.name) for e, s in setups.items()
    }
    smooth = overlaps.matrix(free, {e: _basis(s) for e, s in setups.items()})
    sharp = overlaps.matrix(free, {e: _differences(s) for e, s in setups.items()})
    valence = np.array(
        [a @ w.C_nM.data.T + b @ _projectors(w).T for a, b, w in zip(smooth, sharp, waves, strict=True)]
    )
    own = overlaps.matrix(free, free)
    owners, shells = owners_and_names(atoms, free)
    fermi = float(dft.ibzwfs.fermi_level) * Hartree
    energies = np.array([w.eig_n * Hartree - fermi for w in waves])
    weights = np.array([w.weight for w in waves])
    levels = _levels(atoms, cores, owners, shells, energies, np.abs(valence) ** 2, weights)
    core = overlaps.matrix(free, {e: c.orbitals for e, c in cores.items()})
    bands = ProjectedBands(
        energies=np.hstack([np.tile(levels, (len(waves), 1)), energies])[None],
        occupations=np.array([np.concatenate([np.full(len(levels), 2.0), 2 * w.occ_n]) for w in waves])[None],
        projections=np.concatenate([core, valence], axis=2)[None],
        overlaps=own,
        kpoints=kpoints,
        weights=weights,
        orbital_atoms=owners,
        time_reversal=True,
    )
    return bands, shells


def _projectors(wave: Any) -> np.ndarray:
    return np.concatenate([np.asarray(wave.P_ani[a]) for a in range(len(wave.setups))], axis=1)


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


@cache
def _core(element: str, shells: tuple[str, ...], valence: tuple[str, ...], functional: str) -> _Core:
    """Those of `shells` that are not valence, from the scalar-relativistic all-electron atom."""
    frozen = [shell for shell in shells if shell not in valence]
    if not frozen:
        return _Core([], np.zeros(0))
    atom = _atom(element, functional)
    missing = [shell for shell in frozen if shell not in atom]
    if missing:
        raise ValueError(
            f"{element} {missing[0]} is neither in the core nor in the valence of GPAW's data set"
        )
    inner = min((s for s in shells if s in valence and s in atom), key=lambda s: atom[s][0].mean_radius())
    return _Core([atom[s][0] for s in frozen], np.array([atom[s][1] for s in frozen]), inner, atom[inner][1])


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


def _levels(
    atoms: Atoms,
    cores: Mapping[str, _Core],
    owners: np.ndarray,
    shells: np.ndarray,
    energies: Any,
    share: Any,
    weights: Any,
) -> np.ndarray:
    """Energies of the core bands relative to the Fermi level (bands,), eV; `share` (k, o, b) is |⟨χ|ψ⟩|²."""
    levels: list[float] = []
    centres = np.einsum("k,kob,kb->o", weights, share, energies) / np.einsum("k,kob->o", weights, share)
    for number, symbol in enumerate(atoms.get_chemical_symbols()):
        core = cores[symbol]
        shift = (
            centres[(owners == number) & (shells == core.valence)].mean() - core.valence_energy
            if core.orbitals
            else 0.0
        )
        levels += [
            e + shift for f, e in zip(core.orbitals, core.energies, strict=True) for _ in range(2 * f.l + 1)
        ]
    return np.array(levels)
