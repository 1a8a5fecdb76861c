"""GPAW's plane waves projected on the orbitals of free atoms, in two ways.

As `getl_utils.labels.projection.plane_waves` says; the data sets are GPAW's. ``lobster`` corrects in the
sphere of the orbital's own atom alone, as LOBSTER does, with the radii of GPAW's data sets. Frozen cores are
treated as the valence (`getl_utils.labels.projection.frozen_core`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr

from getl_utils.labels import gpaw_waves
from getl_utils.labels.common import count_orbitals
from getl_utils.labels.engine import Projected
from getl_utils.labels.gpaw_waves import Bands, projectors
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import frozen_core, hartree_fock, lcao
from getl_utils.labels.projection.plane_waves import amplitudes
from getl_utils.labels.projection.two_centre import Functions, Overlaps, Radial, owners_and_names


def label(dft: Any, atoms: Atoms, orbitals: Mapping[str, Sequence[str]], settings: Any) -> Projected:
    """Find and project the bands of a converged calculation.

    Parameters
    ----------
    dft : gpaw.dft.DFT
        In plane waves.
    atoms : Atoms
        The structure.
    orbitals : mapping
        Element → shells.
    settings : Settings
        Of engine `gpaw`.

    Returns
    -------
    Projected
        Bands in both projections, facts, and how far GPAW moved each atom.
    """
    elements = sorted(set(atoms.get_chemical_symbols()))
    setups = dict(zip(atoms.get_chemical_symbols(), dft.setups, strict=True))
    free = {e: [_orbital(e, shell, setups[e]) for shell in orbitals[e]] for e in elements}
    found = gpaw_waves.bands(dft, atoms, settings, count_orbitals(atoms, orbitals))
    programs = ", ".join(f"{name} {version(name)}" for name in ("gpaw", "gpaw-data", "qc-atomdb"))
    record = {
        "engine_version": programs, "method": f"{settings.functional}, plane waves, Hartree–Fock orbitals",
        "kpoints": len(found.images), "irreducible_kpoints": len(found.waves[0]),
        "spin_polarised": len(found.energies) == 2, "fermi_level": found.fermi,
        "orbitals_used": {e: [f.name for f in free[e]] for e in elements},
        "energy": float(dft.calculate_energy()),
    }  # fmt: skip
    relative = atoms.get_scaled_positions(wrap=False)
    moved = np.rint(relative - atoms.get_scaled_positions() % 1 % 1).astype(int)
    return Projected(project(found, free), record, moved, electrons(dft, atoms, orbitals))


def _orbital(element: str, shell: str, setup: Any) -> Radial:
    """A Hartree–Fock orbital; for a shell that the neutral atom leaves empty, the data set's bound state."""
    empty = shell not in hartree_fock.expansions(element)
    for n, momentum, wave in zip(setup.n_j, setup.l_j, setup.data.phi_jg, strict=True):
        if empty and f"{n}{'spdf'[momentum]}" == shell:
            r, step = setup.rgd.r_g[: len(wave)], setup.rgd.dr_g[: len(wave)]
            inside = r < hartree_fock.REACH
            r, step, values = r[inside], step[inside], np.array(wave)[inside]
            return Radial(momentum, r, values / np.sqrt(np.sum(values**2 * r**2 * step)), step, shell)
    return hartree_fock.orbital(element, shell)


def electrons(dft: Any, atoms: Atoms, shells: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Count the electrons of the neutral atoms in the valence and in the frozen shells asked for.

    Parameters
    ----------
    dft : gpaw.dft.DFT
        The calculation.
    atoms : Atoms
        The structure.
    shells : mapping
        Element → shells.

    Returns
    -------
    dict
        Element → electrons.
    """
    found = {}
    for element, setup in zip(atoms.get_chemical_symbols(), dft.setups, strict=True):
        frozen = [shell for shell in shells[element] if shell not in lcao._valence(setup)]
        found[element] = setup.Nv + sum(2.0 * (2 * "spdf".index(shell[1]) + 1) for shell in frozen)
    return found


def project(found: Bands, free: Functions) -> dict[str, ProjectedBands]:
    """Project bands in plane waves.

    Parameters
    ----------
    found : Bands
        The bands.
    free : mapping
        Element → orbitals of the free atom.

    Returns
    -------
    dict
        "full" and "lobster" → bands, frozen core shells before the valence.
    """
    setups = dict(zip(found.atoms.get_chemical_symbols(), found.dft.setups, strict=True))
    overlaps = Overlaps(found.atoms, np.array([image.k for image in found.images]), hartree_fock.REACH * Bohr)
    sharp = {e: lcao._differences(setup) for e, setup in setups.items()}
    smooth, inner = _on_waves(found, free, setups)
    own = overlaps.own(free, sharp)
    valence = {
        "full": smooth + np.einsum("kop,skpb->skob", overlaps.matrix(free, sharp), inner),
        "lobster": smooth + own @ inner,
    }
    full = _with_cores(found, free, setups, overlaps, valence["full"])
    cores = full.projections[..., : full.projections.shape[3] - smooth.shape[3]]
    lobster = np.concatenate([cores, valence["lobster"]], axis=3)
    return {"full": full, "lobster": full.projected(lobster, symmetric=True)}


def _on_waves(found: Bands, free: Functions, setups: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """⟨χ|ψ̃⟩ and ⟨p|ψ̃⟩ of every spin and k point."""
    both = {e: [*free[e], *projectors(setup)] for e, setup in setups.items()}
    ours = owners_and_names(found.atoms, both)[1] != ""  # projectors have no name
    all_ = np.array(
        [
            [amplitudes(wave, both, found.atoms) for wave in found.on_mesh(s)]
            for s in range(len(found.energies))
        ]
    )
    return all_[:, :, ours], all_[:, :, ~ours]


def _with_cores(
    found: Bands, free: Functions, setups: Mapping[str, Any], overlaps: Overlaps, valence: np.ndarray
) -> ProjectedBands:
    """Bands in the full projection, frozen core shells before the valence."""
    functional = found.dft.params.xc.name
    cores = {
        e: frozen_core.core(e, tuple(f.name for f in free[e]), tuple(lcao._valence(s)), functional)
        for e, s in setups.items()
    }
    owners, shells = owners_and_names(found.atoms, free)
    weights = np.array([image.weight for image in found.images])
    spins, points = found.energies.shape[:2]
    levels = [
        frozen_core.levels(found.atoms, cores, owners, shells, e, np.abs(v) ** 2, weights)
        for e, v in zip(found.energies, valence, strict=True)
    ]
    core = overlaps.matrix(free, {e: c.orbitals for e, c in cores.items()})
    shape = (spins, points, core.shape[2])
    return ProjectedBands(
        energies=np.concatenate([np.broadcast_to(np.array(levels)[:, None], shape), found.energies], 2),
        occupations=np.concatenate([np.full(shape, 2 / spins), found.occupations], 2),
        projections=np.concatenate([np.broadcast_to(core, (spins, *core.shape)), valence], 3),
        overlaps=overlaps.matrix(free, free),
        kpoints=overlaps.kpoints,
        weights=weights,
        orbital_atoms=owners,
        time_reversal=True,
    )
