"""pw.x's wave functions projected on the orbitals of free atoms, in two ways.

``full`` is the published equation (Maintz et al., J. Comput. Chem. 34, 2557 (2013)), in which every PAW
sphere corrects the smooth wave:

    ⟨χ|ψ⟩ = ⟨χ|ψ̃⟩ + Σ_B Σ_{i∈B} ⟨χ|φ_i − φ̃_i⟩ ⟨p_i|ψ̃⟩

``lobster`` is what LOBSTER computes: only the sphere of χ's own atom (the same image) corrects, and the bands
are made orthonormal all at once (`ProjectedBands.symmetric`). Found from its public output for diamond; no
page of its authors says so.

ψ̃ = Σ c_G e^{i(k+G)r}/√Ω; φ_i, φ̃_i and p_i are those of the PAW data sets, χ is the bare Hartree–Fock
orbital. A function f(r)Y_lm at τ gives ⟨f|k+G⟩ = 4π i^l e^{i(k+G)τ} Y_lm(k+G) ∫ r² j_l(|k+G| r) f(r) dr / √Ω.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr

from getl_utils.files.espresso_save import Bands, Wave, read_bands, read_wave
from getl_utils.files.upf import read_partial_waves
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock
from getl_utils.labels.projection.two_centre import Functions, Overlaps, Radial, owners_and_names

LARGEST_MOMENTUM = 3  # of an orbital: f


def project(
    save: Path,
    atoms: Atoms,
    orbitals: Mapping[str, Sequence[str]],
    files: Mapping[str, Path],
    time_reversal: bool,
) -> tuple[dict[str, ProjectedBands], Bands]:
    """Project the bands of a converged calculation.

    Parameters
    ----------
    save : Path
        Folder ``<prefix>.save`` of pw.x.
    atoms : Atoms
        The structure, as given to pw.x.
    orbitals : mapping
        Element → shells of the free atom.
    files : mapping
        Element → its PAW data set.
    time_reversal : bool
        Whether only one of k and −k was computed.

    Returns
    -------
    tuple
        "full" and "lobster" → bands, and the bands as pw.x has them.

    Raises
    ------
    ValueError
        A shell that the Hartree–Fock table does not have, no PAW data set, or a file that is damaged.
    """
    found = read_bands(save)
    free = {e: [hartree_fock.orbital(e, shell) for shell in orbitals[e]] for e in files}
    sets = {e: _radials(path) for e, path in files.items()}
    projectors, differences = ({e: s[n] for e, s in sets.items()} for n in (0, 1))
    both = {e: (free[e], projectors[e]) for e in files}
    names = ("wfc",) if len(found.energies) == 1 else ("wfcup", "wfcdw")
    spins = [_on_waves(save, name, len(found.weights), both, atoms) for name in names]
    kpoints = spins[0][2]
    overlaps = Overlaps(atoms, kpoints, hartree_fock.REACH * Bohr)
    spheres = {
        "full": overlaps.matrix(free, differences),
        "lobster": [overlaps.own(free, differences)] * len(kpoints),
    }
    bands = ProjectedBands(
        energies=found.energies - found.fermi,
        occupations=found.occupations * (2 / len(spins)),
        projections=_sum(spins, spheres["full"]),
        overlaps=overlaps.matrix(free, free),
        kpoints=kpoints,
        weights=found.weights,
        orbital_atoms=owners_and_names(atoms, free)[0],
        time_reversal=time_reversal,
    )
    own = bands.projected(_sum(spins, spheres["lobster"]), symmetric=True)
    return {"full": bands, "lobster": own}, found


def _sum(spins: Sequence[Any], spheres: Sequence[Any]) -> np.ndarray:
    """⟨χ|ψ̃⟩ + ⟨χ|φ − φ̃⟩⟨p|ψ̃⟩, (s, k, o, b)."""
    return np.array(
        [[a + b @ c for a, b, c in zip(smooth, spheres, inner, strict=True)] for smooth, inner, _ in spins]
    )


def _on_waves(
    save: Path, name: str, points: int, both: Mapping[str, Any], atoms: Atoms
) -> tuple[list, list, np.ndarray]:
    """⟨χ|ψ̃⟩ and ⟨p|ψ̃⟩ (functions, bands) of every k point, and the k points; `both`: element → χ, p."""
    functions = {e: [*chi, *p] for e, (chi, p) in both.items()}
    _, shells = owners_and_names(atoms, functions)
    ours = shells != ""  # projectors have no name
    smooth, inner, kpoints = [], [], []
    for n in range(points):
        wave = read_wave(save / f"{name}{n + 1}.dat")
        found = amplitudes(wave, functions, atoms)
        kpoints.append(np.linalg.solve(wave.reciprocal.T, wave.k))
        smooth.append(found[ours])
        inner.append(found[~ours])
    return smooth, inner, np.array(kpoints)


def amplitudes(wave: Wave, functions: Functions, atoms: Atoms) -> np.ndarray:
    """Project plane waves on functions of the atoms.

    Parameters
    ----------
    wave : Wave
        Smooth wave functions at one k point.
    functions : mapping
        Element → its radial functions.
    atoms : Atoms
        The structure.

    Returns
    -------
    (functions, bands) array
        ⟨f|ψ̃⟩ of every function of every atom with every band; real if the wave is stored by halves.
    """
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
    return function.spline(length)


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
