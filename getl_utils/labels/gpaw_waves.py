"""GPAW in plane waves, for crystals of a few atoms: bands free of the error of an atomic basis.

GPAW finds the density on the k points that the symmetry of the crystal leaves, with the occupied bands alone.
In that density the eigenvalue problem of PAW,

    H = q²/2 + ṽ(G−G') + Σ ⟨q|p_i⟩ ΔH_ij ⟨p_j|q'⟩,   S = 1 + Σ ⟨q|p_i⟩ ΔS_ij ⟨p_j|q'⟩   (q = k + G),

is solved once at each of these points, for as many bands as there are orbitals and a few more. Where there
are many plane waves, GPAW's own eigensolver finds these bands with the density. The other points of the mesh
follow by symmetry (`getl_utils.labels.stars`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree
from scipy.linalg import eigh
from scipy.special import expit

from getl_utils.files.espresso_save import Wave
from getl_utils.labels.projection.plane_waves import amplitudes
from getl_utils.labels.projection.two_centre import Functions, Radial
from getl_utils.labels.stars import Image, irreducible, mesh, rotated

SYMMETRY_TOLERANCE = 1e-4  # Å; files print positions with so many digits
SPARE = 4  # bands beyond one per orbital
MOST_WAVES = 1500  # with more plane waves GPAW's iterative eigensolver finds the empty bands, too


def waves_by_spin(dft: Any) -> list[list[Any]]:
    """Return GPAW's wave functions, for each spin those of the k points in their order.

    Parameters
    ----------
    dft : gpaw.dft.DFT
        The calculation.

    Returns
    -------
    list
        One or two lists of wave functions.
    """
    ordered = sorted(dft.ibzwfs, key=lambda wave: (wave.spin, wave.k))
    return [[wave for wave in ordered if wave.spin == spin] for spin in range(dft.ibzwfs.nspins)]


@dataclass
class Bands:
    """Bands in plane waves.

    Attributes
    ----------
    dft : gpaw.dft.DFT
        The converged calculation.
    atoms : Atoms
        The atoms where GPAW has them.
    energies : (s, k, b) array
        eV, relative to the Fermi level, on the whole mesh.
    occupations : (s, k, b) array
        Electrons.
    images : list of Image
        The whole mesh; k and −k count once.
    waves : list of lists of Wave
        Of each spin and irreducible point.
    fermi : float
        eV.
    """

    dft: Any
    atoms: Atoms
    energies: np.ndarray
    occupations: np.ndarray
    images: list[Image]
    waves: list[list[Wave]]
    fermi: float

    def on_mesh(self, spin: int) -> Iterator[Wave]:
        """Yield the waves of one spin at every point of the mesh.

        Parameters
        ----------
        spin : int
            The spin channel.

        Yields
        ------
        Wave
            In the order of `images`.
        """
        for image in self.images:
            yield rotated(self.waves[spin][image.of], image)


def parameters(given: dict[str, Any], settings: Any, atoms: Atoms, orbitals: int) -> dict[str, Any]:
    """Return GPAW's parameters for the density.

    Parameters
    ----------
    given : dict
        Those of the atomic basis.
    settings : Settings
        Of engine `gpaw`.
    atoms : Atoms
        The structure.
    orbitals : int
        Number of orbitals.

    Returns
    -------
    dict
        Keyword arguments of `gpaw.dft.DFT`.
    """
    own = {
        "mode": {"name": "pw", "ecut": settings.cutoff_energy},
        "symmetry": {"point_group": True, "time_reversal": True, "tolerance": SYMMETRY_TOLERANCE},
    }
    rest = {name: value for name, value in given.items() if name not in ("basis", "h", "nbands")}
    if _count_waves(atoms, settings.cutoff_energy) > MOST_WAVES:
        own |= {"nbands": orbitals + 2 * SPARE}
        own |= {"convergence": given["convergence"] | {"bands": orbitals + SPARE, "eigenstates": 1e-6}}
    return rest | own


def _count_waves(atoms: Atoms, cutoff: float) -> float:
    """About how many plane waves a k point has."""
    return atoms.cell.volume / Bohr**3 * (2 * cutoff / Hartree) ** 1.5 / (6 * np.pi**2)


def bands(dft: Any, atoms: Atoms, settings: Any, orbitals: int) -> Bands:
    """Diagonalise in the density of a converged calculation, and list the whole mesh.

    Parameters
    ----------
    dft : gpaw.dft.DFT
        In plane waves.
    atoms : Atoms
        The structure.
    settings : Settings
        Of engine `gpaw`.
    orbitals : int
        Number of orbitals that are not frozen.

    Returns
    -------
    Bands
        The bands.
    """
    electrons = float(dft.density.nvalence - dft.density.charge + dft.pot_calc.charge)
    count = max(orbitals, math.ceil(electrons / 2)) + SPARE
    inside = Atoms(
        atoms.numbers, scaled_positions=atoms.get_scaled_positions() % 1 % 1, cell=atoms.cell, pbc=True
    )
    symmetries, own = dft.ibzwfs.ibz.symmetries, settings.band_kpoints is None
    points = np.array([wave.kpt_c for wave in waves_by_spin(dft)[0]])
    points = points if own else irreducible(settings.mesh, symmetries)
    spins = len(dft.potential.vt_sR)
    p_of = {e: projectors(s) for e, s in zip(atoms.get_chemical_symbols(), dft.setups, strict=True)}
    if own and _count_waves(atoms, settings.cutoff_energy) > MOST_WAVES:
        solved = [[_as_found(w) for w in spin] for spin in waves_by_spin(dft)]
    else:
        solved = [[_diagonalised(dft, inside, p_of, k, s, count) for k in points] for s in range(spins)]
    images = mesh(points, settings.mesh, symmetries)
    levels = np.array([[solved[s][image.of][0] for image in images] for s in range(spins)])
    weights = np.array([image.weight for image in images])
    fermi, filled = occupy(levels, weights, electrons, settings.smearing)
    waves = [[wave for _, wave in row] for row in solved]
    return Bands(dft, inside, levels - fermi, filled, images, waves, fermi)


def occupy(
    levels: np.ndarray, weights: np.ndarray, electrons: float, width: float
) -> tuple[float, np.ndarray]:
    """Fill bands by Fermi and Dirac.

    Parameters
    ----------
    levels : (s, k, b) array
        eV.
    weights : (k,) array
        Sum 1.
    electrons : float
        Their number.
    width : float
        kT, eV.

    Returns
    -------
    tuple
        Fermi level (eV), and electrons (s, k, b).

    Examples
    --------
    >>> occupy(np.array([[[-1.0, 1.0]]]), np.ones(1), 2, 0.1)[1].round(3).tolist()
    [[[2.0, 0.0]]]
    """
    from scipy.optimize import brentq  # slow to import

    each = 2 / len(levels)

    def _filled(fermi: float) -> np.ndarray:
        return each * expit((fermi - levels) / max(width, 1e-3))

    def _excess(fermi: float) -> float:
        return float(np.einsum("k,skb->", weights, _filled(fermi)) - electrons)

    fermi = brentq(_excess, levels.min() - 50, levels.max() + 50, xtol=1e-9)
    return float(fermi), _filled(fermi)


def _diagonalised(
    dft: Any, atoms: Atoms, p_of: Functions, k: np.ndarray, spin: int, count: int
) -> tuple[np.ndarray, Wave]:
    """The lowest bands at a k point: energies (eV) and waves."""
    potential = dft.potential.vt_sR[spin].data
    b = 2 * np.pi * np.linalg.inv(atoms.cell.array / Bohr).T
    limits = [range(-(n // 2), n // 2 + 1) for n in potential.shape]
    g = np.stack(np.meshgrid(*limits, indexing="ij"), -1).reshape(-1, 3)
    q = (k + g) @ b
    near = (q**2).sum(1) / 2 <= dft.params.mode.ecut / Hartree
    g, q = g[near], q[near]
    unit = Wave(k @ b, b, q, np.eye(len(q)), False)
    p = amplitudes(unit, p_of, atoms)  # ⟨p|q⟩
    apart = tuple(np.moveaxis(g[:, None] - g[None], -1, 0) % np.reshape(potential.shape, (3, 1, 1)))
    h = (np.fft.fftn(potential) / potential.size)[apart]
    h[np.diag_indices(len(q))] += (q**2).sum(1) / 2
    s, row = np.eye(len(q), dtype=complex), 0
    for a, setup in enumerate(dft.setups):
        mine = p[row : row + len(setup.dO_ii)]
        h += mine.conj().T @ dft.potential.dH_asii[a][spin] @ mine
        s += mine.conj().T @ setup.dO_ii @ mine
        row += len(setup.dO_ii)
    levels, vectors = eigh(h, s, subset_by_index=(0, min(count, len(q)) - 1))
    return levels * Hartree, unit._replace(coefficients=vectors.T)


def _as_found(wave: Any) -> tuple[np.ndarray, Wave]:
    """Bands of GPAW's own eigensolver; at Γ alone it keeps half of the plane waves."""
    space = wave.psit_nX.desc
    b = 2 * np.pi * space.icell
    coefficients = wave.psit_nX.data * math.sqrt(space.volume)
    half = not np.issubdtype(space.dtype, np.complexfloating)
    return wave.eig_n * Hartree, Wave(wave.kpt_c @ b, b, space.reciprocal_vectors(), coefficients, half)


def projectors(setup: Any) -> list[Radial]:
    """Return the projectors of a data set.

    Parameters
    ----------
    setup : gpaw.setup.Setup
        The data set.

    Returns
    -------
    list of Radial
        p_i.
    """
    grid = setup.rgd
    return [
        Radial(momentum, grid.r_g[: len(p)], np.array(p), grid.dr_g[: len(p)])
        for momentum, p in zip(setup.l_j, setup.data.pt_jg, strict=True)
    ]
