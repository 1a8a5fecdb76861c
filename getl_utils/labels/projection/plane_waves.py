"""pw.x's wave functions projected on the orbitals of free atoms, as LOBSTER projects them.

⟨χ|ψ⟩ = ⟨χ|ψ̃⟩ + Σ_B Σ_i ⟨χ|φ_i − φ̃_i⟩ ⟨p_i|ψ̃⟩ (Maintz et al., J. Comput. Chem. 34, 2557 (2013)), with ψ̃ = Σ c_G e^{i(k+G)r}/√Ω,
φ_i, φ̃_i and p_i of the PAW data sets, and χ the bare Hartree–Fock orbital. A function f(r)Y_lm at τ gives
⟨f|k+G⟩ = 4π i^l e^{i(k+G)τ} Y_lm(k+G) ∫ r² j_l(|k+G| r) f(r) dr / √Ω.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr
from scipy.interpolate import CubicSpline

from getl_utils.files.espresso_save import Wave, read_bands, read_wave
from getl_utils.files.upf import read_partial_waves
from getl_utils.labels import pwscf
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock
from getl_utils.labels.projection.two_centre import Functions, Overlaps, Radial, owners_and_names

LARGEST_MOMENTUM = 3  # of an orbital: f


def project(
    folder: Path,
    atoms: Atoms,
    orbitals: Mapping[str, Sequence[str]],
    files: Mapping[str, Path],
    settings: Mapping[str, Any],
) -> tuple[ProjectedBands, dict[str, Any]]:
    """Bands of a converged calculation, and the Fermi level (eV) and the shells used, for the record.

    Parameters
    ----------
    folder : where pw.x ran. orbitals : element → shells of the free atom. files : element → its PAW data set.
    settings : the engine's.

    Raises
    ------
    ValueError : a shell that the Hartree–Fock table does not have, no PAW data set, a file that is damaged.
    """
    save = folder / f"{pwscf.PREFIX}.save"
    found = read_bands(save)
    free = {e: [hartree_fock.orbital(e, shell) for shell in orbitals[e]] for e in files}
    sets = {e: _radials(path) for e, path in files.items()}
    projectors, differences = ({e: s[n] for e, s in sets.items()} for n in (0, 1))
    both = {e: [*free[e], *projectors[e]] for e in files}
    owners, names = owners_and_names(atoms, both)
    ours = names != ""  # projectors have no name
    smooth, inner, kpoints = [], [], []
    for n in range(len(found.energies)):
        wave = read_wave(save / f"wfc{n + 1}.dat")
        kpoints.append(np.linalg.solve(wave.reciprocal.T, wave.k))
        found_here = amplitudes(wave, both, atoms)
        smooth.append(found_here[ours])
        inner.append(found_here[~ours])
    overlaps = Overlaps(atoms, np.array(kpoints), hartree_fock.REACH * Bohr)
    sharp = overlaps.matrix(free, differences)
    bands = ProjectedBands(
        energies=(found.energies - found.fermi)[None],
        occupations=2 * found.occupations[None],
        projections=np.array([a + b @ c for a, b, c in zip(smooth, sharp, inner, strict=True)])[None],
        overlaps=overlaps.matrix(free, free),
        kpoints=np.array(kpoints),
        weights=found.weights,
        orbital_atoms=owners[ours],
        time_reversal=settings["time_reversal"],
    )
    return bands, {"fermi_level": found.fermi, "orbitals_used": {e: list(orbitals[e]) for e in files}}


def amplitudes(wave: Wave, functions: Functions, atoms: Atoms) -> np.ndarray:
    """⟨f|ψ̃⟩ of every function of every atom with every band: (functions, bands); real if the wave is stored by halves."""
    from gpaw.sphere.spherical_harmonics import Y

    length = np.linalg.norm(wave.momenta, axis=1)
    direction = np.divide(wave.momenta.T, length, out=np.zeros((3, len(length))), where=length > 0)
    harmonics = [
        [Y(n * n + m, *direction) * np.ones(len(length)) for m in range(2 * n + 1)]
        for n in range(LARGEST_MOMENTUM + 1)
    ]
    factor = 4 * math.pi * math.sqrt(math.pi / 2) * math.sqrt(Bohr**3 / abs(atoms.cell.volume))
    shapes = {
        e: np.array(
            [
                1j**f.l * factor * y * radial
                for f in group
                for radial in [_at(f, length)]
                for y in harmonics[f.l]
            ]
        )
        for e, group in functions.items()
    }
    rows, origin = [], np.flatnonzero(length == 0)
    for symbol, position in zip(atoms.get_chemical_symbols(), atoms.positions / Bohr, strict=True):
        waves = shapes[symbol] * np.exp(1j * wave.momenta @ position)
        full = waves @ wave.coefficients.T
        if wave.half:
            full = (2 * full - waves[:, origin] @ wave.coefficients[:, origin].T).real
        rows.append(full)
    return np.concatenate(rows)


def _at(function: Radial, length: np.ndarray) -> np.ndarray:
    """√(2/π) ∫ r² j_l(qr) f(r) dr at q = `length` (n,), 1/bohr."""
    return CubicSpline(function.momenta, function.transform)(length)


def _radials(path: Path) -> tuple[list[Radial], list[Radial]]:
    """Projectors p and differences φ − φ̃ of a data set."""
    paw = read_partial_waves(path)
    inside = paw.r <= 1.05 * paw.edges.max()

    def radials(columns: np.ndarray) -> list[Radial]:
        r = paw.r[inside]
        return [
            Radial(int(n), r, c[inside] / r, paw.weights[inside])
            for n, c in zip(paw.momenta, columns, strict=True)
        ]

    return radials(paw.projectors), radials(paw.sharp - paw.smooth)
