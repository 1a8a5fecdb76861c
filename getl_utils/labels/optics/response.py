"""The spectrum of a crystal by GPAW: plane waves, PBE, independent electrons.

The density converges on a coarse mesh. In it the bands of a finer mesh are found once, at the points that
symmetry leaves (`getl_utils.labels.gpaw_waves`); between them k·p theory goes on. The momentum of a pair of
bands is that of PAW,

    ⟨n|p|m⟩ = Σ_q c*_n(q) q c_m(q) − i Σ_ij ⟨ψ_n|p_i⟩ (⟨φ_i|∇|φ_j⟩ − ⟨φ̃_i|∇|φ̃_j⟩) ⟨p_j|ψ_m⟩,

and its square is averaged over the symmetry of the crystal. Local fields, spin–orbit coupling, magnetism
and electron–hole attraction are left out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree

from getl_utils.core.parameters.optics import Response
from getl_utils.files.espresso_save import Wave
from getl_utils.labels import gpaw, gpaw_waves
from getl_utils.labels.optics import strength
from getl_utils.labels.optics.spectrum import Spectrum
from getl_utils.labels.projection.plane_waves import amplitudes
from getl_utils.labels.projection.two_centre import Functions

SAME_LENGTH = 1e-6  # Å: vectors of a primitive cell that differ less are alike
ON_MESH = 1e-6  # of a step: nearer, a k point is one of the coarser mesh
ALIGNED = 1e-6  # of the tensor: the rest must vanish in these axes


def mesh_size(atoms: Atoms, density: float) -> tuple[int, int, int]:
    """Return an even mesh of k points.

    Parameters
    ----------
    atoms : Atoms
        The crystal.
    density : float
        Points per Å⁻¹ along each reciprocal lattice vector, at least.

    Returns
    -------
    tuple
        Points along each reciprocal lattice vector.

    Examples
    --------
    >>> mesh_size(Atoms("Al", cell=[4, 4, 8], pbc=True), 4.0)
    (8, 8, 4)
    """
    lengths = 2 * np.pi * np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)
    if np.ptp(atoms.cell.lengths()) < SAME_LENGTH:  # a symmetry may mix them
        lengths[:] = lengths.max()
    return tuple(int(2 * math.ceil(density * length / 2)) for length in lengths)


def spectra(atoms: Atoms, p: Response) -> tuple[Spectrum, Spectrum, dict[str, Any]]:
    """Compute the spectrum of a crystal on a mesh, and on the mesh that is half as fine.

    Parameters
    ----------
    atoms : Atoms
        Crystal whose principal axes are x, y and z.
    p : Response
        Parameters.

    Returns
    -------
    tuple
        Spectrum, that of the coarser mesh, and facts for the record.

    Raises
    ------
    LabelError
        The density did not converge.
    ValueError
        The axes are not the principal ones, or GPAW cannot set up the crystal.
    """
    axes(atoms)
    settings = gpaw.Settings(
        waves="pw", functional=p.functional, cutoff_energy=p.cutoff_energy, smearing=p.smearing,
        kpoints=mesh_size(atoms, p.scf_density), band_kpoints=mesh_size(atoms, p.density),
        density_tolerance=p.density_tolerance, max_iterations=p.max_iterations,
    )  # fmt: skip
    dft = gpaw.converged(atoms, settings)
    electrons = float(dft.density.nvalence)
    volume = atoms.cell.volume / Bohr**3
    above = volume * (2 * p.highest / Hartree) ** 1.5 / (6 * np.pi**2)  # free electrons below this energy
    found = gpaw_waves.bands(dft, atoms, settings, math.ceil(electrons / 2 + above))
    points, place = _points(found, dft), np.array([wave.k for wave in found.waves[0]])
    turns = dft.ibzwfs.ibz.symmetries.rotation_scc
    size = np.array(settings.mesh)
    fine = _spectrum(points, size, atoms, turns, electrons, p)
    whole = place @ atoms.cell.array.T / Bohr / (2 * np.pi) * size / 2
    every = np.flatnonzero((np.abs(whole - np.rint(whole)) < ON_MESH).all(1))
    others = [points[n]._replace(weight=8 * points[n].weight) for n in every]
    coarse = _spectrum(others, size // 2, atoms, turns, electrons, p)
    facts = {
        "mesh": list(settings.mesh), "scf_mesh": list(settings.kpoints), "irreducible": len(points),
        "bands": found.energies.shape[2], "symmetries": len(turns), "electrons": electrons,
    }  # fmt: skip
    return fine, coarse, facts


def axes(atoms: Atoms) -> None:
    """Refuse a crystal that is not periodic or whose tensor is not diagonal along x, y and z.

    Parameters
    ----------
    atoms : Atoms
        The crystal.

    Raises
    ------
    ValueError
        It is not.
    """
    from gpaw.new.symmetry import create_symmetries_object

    if not len(atoms) or not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-6:
        raise ValueError("a spectrum needs a cell with atoms that is periodic in three directions")
    turns = cartesian(create_symmetries_object(atoms, tolerance=1e-4).rotation_scc, atoms)
    general = np.arange(1, 10, dtype=float).reshape(3, 3)
    mean = np.mean([r @ (general + general.T) @ r.T for r in turns], axis=0)
    if np.abs(mean - np.diag(np.diag(mean))).max() > ALIGNED * np.abs(mean).max():
        raise ValueError(
            f"{atoms.get_chemical_formula()}: x, y and z are not the principal axes of this crystal; turn "
            "its cell so that its symmetry axes lie along them"
        )


def cartesian(turns: np.ndarray, atoms: Atoms) -> np.ndarray:
    """Return the rotations of a crystal as orthogonal matrices.

    Parameters
    ----------
    turns : (s, 3, 3) array
        In lattice vectors.
    atoms : Atoms
        The crystal.

    Returns
    -------
    (s, 3, 3) array
        The rotations, in an order of their own.
    """
    cell = atoms.cell.array
    return np.array([np.linalg.inv(cell) @ turn @ cell for turn in np.asarray(turns, float)])


def _spectrum(
    points: list[strength.Point], size: np.ndarray, atoms: Atoms, turns: np.ndarray, electrons: float,
    p: Response,
) -> Spectrum:  # fmt: skip
    bins, volume = round(p.largest / p.step), float(atoms.cell.volume)
    steps = 2 * np.pi * np.linalg.inv(atoms.cell.array / Bohr).T / size[:, None]
    kt, width = p.smearing / Hartree, p.step / Hartree
    found, drude = strength.sums(points, steps, volume / Bohr**3, electrons, kt, width, bins, p.inside)
    mixed = np.mean(cartesian(turns, atoms) ** 2, axis=0)  # mean over all images of the points
    energies = p.step * np.arange(1, bins + 1)
    return Spectrum(energies, found @ mixed.T * Hartree, np.sqrt(mixed @ drude) * Hartree, volume, electrons)


def _points(found: gpaw_waves.Bands, dft: Any) -> list[strength.Point]:
    """The irreducible points of the mesh, each with the weight of all its images."""
    symbols = found.atoms.get_chemical_symbols()
    sets = {e: gpaw_waves.projectors(setup) for e, setup in zip(symbols, dft.setups, strict=True)}
    nabla = [setup.nabla_iiv for setup in dft.setups]
    weights, levels = np.zeros(len(found.waves[0])), {}
    for image, energies in zip(found.images, found.energies[0], strict=True):
        weights[image.of] += image.weight
        levels[image.of] = energies / Hartree
    return [
        strength.Point(float(weights[n]), levels[n], momenta(wave, found.atoms, sets, nabla))
        for n, wave in enumerate(found.waves[0])
    ]


def momenta(wave: Wave, atoms: Atoms, projectors: Functions, nabla: Sequence[np.ndarray]) -> np.ndarray:
    """Return the momenta of all pairs of bands at a k point.

    Parameters
    ----------
    wave : Wave
        The bands.
    atoms : Atoms
        The crystal where GPAW has it.
    projectors : mapping
        Element → projectors of its data set.
    nabla : sequence of (i, i, 3) arrays
        ⟨φ_i|∇|φ_j⟩ − ⟨φ̃_i|∇|φ̃_j⟩ of each atom, 1/bohr.

    Returns
    -------
    (3, b, b) complex array
        ⟨n|p|m⟩ along x, y and z, 1/bohr.
    """
    c = wave.coefficients
    p = np.array([(c.conj() * q) @ c.T for q in wave.momenta.T])
    inner, row = amplitudes(wave, projectors, atoms), 0
    for own in nabla:
        mine = inner[row : row + len(own)]
        for a in range(3):
            p[a] -= 1j * mine.conj().T @ own[..., a] @ mine
        row += len(own)
    return p
