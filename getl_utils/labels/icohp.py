"""ICOHP of bonds from what any band-structure code can give: energies, occupations, projections on orbitals.

The projections ⟨χ_μ|ψ_n⟩ become amplitudes in the Löwdin-orthogonalised orbitals, p = S^(−1/2)⟨χ|ψ⟩, at every
k point and spin. The lowest bands, as many as orbitals, are then made orthonormal, in one of two ways:

- from the lowest band up (Gram and Schmidt). What the orbitals miss then falls on the highest empty bands.
- all at once (symmetric, Löwdin), C = U V† of the singular value decomposition of p. LOBSTER does this. A
  band whose symmetry no orbital has, as there are in crystals, is left out.

With these amplitudes C: H(k) = C ε C†, P(k) = C f C†, X(T) = Σ_k w_k e^{−2πi k·T} X(k), and
ICOHP_AB(T) = Σ_{μ∈A, ν∈B} Re[P_μν(T)* H_μν(T)] (Dronskowski and Blöchl, J. Phys. Chem. 97, 8617 (1993);
projected: Maintz et al., J. Comput. Chem. 34, 2557 (2013)). The sum over all ordered pairs is the band
energy. A→B and B→A carry one such value each, and one is reported. Negative is bonding.

Zero of energy: with as many bands as orbitals, Σ C C† = 1. A shift of all energies then changes H on the
diagonal only, and no bond changes. With fewer bands a shift changes the bonds. So give energies relative to
the Fermi level.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.linalg import eigh

from getl_utils.labels.bands import FLOOR, ProjectedBands

BLOCK = 64  # bands
FILLED = 1e-5  # electrons in a band: with more, it counts as occupied

Amplitudes = list[tuple[int, int, Any, Any, Any]]


def amplitudes(bands: ProjectedBands, minimum_projection: float = 0.01) -> Amplitudes:
    """Make the bands of every spin and k point orthonormal; what is found stays with the bands.

    Parameters
    ----------
    bands : ProjectedBands
        See `icohp`.
    minimum_projection : float
        See `icohp`.

    Returns
    -------
    list
        Spin, k point, projected norms of all bands (b,), retained bands (r,), amplitudes (o, r).

    Raises
    ------
    ValueError
        The orbitals are linearly dependent, or no band projects on them.
    """
    if minimum_projection not in bands.amplitudes:
        bands.amplitudes[minimum_projection] = [
            (s, k, *_of_point(bands, s, k, minimum_projection))
            for k in range(len(bands.kpoints))
            for s in range(len(bands.energies))
        ]
    return bands.amplitudes[minimum_projection]


def _of_point(bands: ProjectedBands, s: int, k: int, minimum: float) -> tuple[Any, Any, Any]:
    p = bands.inverse_roots[k] @ bands.projections[s, k]
    order = np.argsort(bands.energies[s, k], kind="stable")
    keep, vectors = _symmetric(p, order) if bands.symmetric else _orthonormal(p, order, minimum)
    if not len(keep):
        raise ValueError(f"spin {s}, k point {k}: no band projects to {minimum} on the orbitals")
    return np.sum(np.abs(p) ** 2, axis=0), keep, vectors


def _orthonormal(p: np.ndarray, order: np.ndarray, minimum: float) -> tuple[np.ndarray, np.ndarray]:
    """Gram–Schmidt in the given order; a band of which less than `minimum` is left is passed over.

    Bands are freed of those of earlier blocks a block at a time, which is a product of matrices.
    """
    vectors, kept = np.zeros((len(p), len(p)), p.dtype, order="F"), []
    for start in range(0, len(order), BLOCK):
        block = order[start : start + BLOCK]
        before = len(kept)
        rests = _without(p[:, block], vectors[:, :before])
        for n, rest in zip(block, rests.T, strict=True):
            rest = _without(rest, vectors[:, before : len(kept)])
            norm = np.vdot(rest, rest).real
            if norm >= max(minimum, FLOOR):
                vectors[:, len(kept)] = rest / np.sqrt(norm)
                kept.append(n)
            if len(kept) == len(p):
                return np.array(kept, int), vectors
    return np.array(kept, int), vectors[:, : len(kept)]


def _without(rest: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """What is left without the parts along orthonormal vectors."""
    for _ in range(2):  # once is not enough against rounding
        rest = rest - lower @ (lower.conj().T @ rest)
    return rest


def _symmetric(p: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """U V† of the lowest bands, as many as orbitals: the orthonormal vectors nearest to theirs.

    V from p†p = V σ² V†, so U = p V / σ. Directions in which these bands have no part are left out: a band
    whose symmetry no orbital has is zero.
    """
    keep = order[: len(p)]
    some = p[:, keep]
    values, right = eigh(some.conj().T @ some, driver="evr")
    there = values >= FLOOR
    right = right[:, there]
    return keep if there.any() else keep[:0], (some @ right / np.sqrt(values[there])) @ right.conj().T


def _check_bonds(bonds: np.ndarray, atoms: int) -> np.ndarray:
    bonds = np.asarray(bonds)
    if bonds.size == 0:
        return np.zeros((0, 5), int)
    if bonds.ndim != 2 or bonds.shape[1] != 5 or not np.issubdtype(bonds.dtype, np.integer):
        raise ValueError(
            f"bonds must be whole numbers of shape (n, 5): i, j, tx, ty, tz; got {bonds.dtype} {bonds.shape}"
        )
    outside = (bonds[:, :2] < 0) | (bonds[:, :2] >= atoms)
    if outside.any():
        bond = bonds[outside.any(axis=1)][0].tolist()
        raise ValueError(f"bond {bond} names an atom that has no orbital; atoms 0…{atoms - 1} have")
    return bonds


def icohp(bands: ProjectedBands, bonds: np.ndarray, minimum_projection: float = 0.01) -> np.ndarray:
    """ICOHP_AB(T) = Σ_{μ∈A, ν∈B} Re[P_μν(T)* H_μν(T)], summed over spins.

    Equations and sources are those of this module. A mesh of N points along a direction cannot tell T from
    T ± N. At Γ alone every T gives the sum over all images.

    Parameters
    ----------
    bands : ProjectedBands
        Bands and projections; `symmetric` says how the bands are made orthonormal.
    bonds : (n, 5) array of int
        i, j, tx, ty, tz: atom j in the cell at T. (i, i, 0, 0, 0) gives the on-site term.
    minimum_projection : float
        With Gram–Schmidt a band enters only if at least this part of its norm is left in the orbitals' span.
        A free-electron-like band with less would be blown up to norm 1 and carry a foreign energy into H.

    Returns
    -------
    (n,) array of float
        eV, negative = bonding.

    Raises
    ------
    ValueError
        Dependent orbitals or bands, malformed bonds, or an atom without orbitals.

    Examples
    --------
    >>> bands = ProjectedBands.gamma([-1, 1], [2, 0], np.array([[1, 1], [1, -1]]) / 2**0.5, np.eye(2), [0, 1])
    >>> icohp(bands, [[0, 1, 0, 0, 0]]).round(6).tolist()  # hopping −1 eV, bond order 1
    [-1.0]
    """
    return icohp_of_spins(bands, bonds, minimum_projection).sum(axis=0)


def icohp_of_spins(bands: ProjectedBands, bonds: np.ndarray, minimum_projection: float = 0.01) -> np.ndarray:
    """ICOHP of each spin channel.

    Parameters
    ----------
    bands : ProjectedBands
        See `icohp`.
    bonds : (n, 5) array of int
        See `icohp`.
    minimum_projection : float
        See `icohp`.

    Returns
    -------
    (s, n) array of float
        eV; their sum over s is `icohp`.
    """
    atoms = int(bands.orbital_atoms.max()) + 1
    bonds = _check_bonds(bonds, atoms)
    result = np.zeros((len(bands.energies), len(bonds)))
    shifts, group = np.unique(bonds[:, 2:], axis=0, return_inverse=True)
    if not bands.kpoints.any():  # at Γ every T is the same
        shifts, group = np.zeros((1, 3)), np.zeros(len(bonds), int)
    hamiltonian, density = matrices(bands, amplitudes(bands, minimum_projection))
    block = np.zeros((atoms, len(bands.orbital_atoms)))
    block[bands.orbital_atoms, np.arange(block.shape[1])] = 1
    for n, shift in enumerate(shifts):
        mine = np.flatnonzero(group.ravel() == n)
        factor = bands.weights * np.exp(-2j * np.pi * bands.kpoints @ shift)
        for spin, (h, p) in enumerate(zip(hamiltonian, density, strict=True)):
            product = np.real(
                _sum(factor, p, bands.time_reversal).conj() * _sum(factor, h, bands.time_reversal)
            )
            result[spin, mine] = (block @ product @ block.T)[bonds[mine, 0], bonds[mine, 1]]
    return result


def matrices(bands: ProjectedBands, known: Amplitudes) -> tuple[np.ndarray, np.ndarray]:
    """Return H(k) and P(k) in the orthonormal orbitals.

    Parameters
    ----------
    bands : ProjectedBands
        See `icohp`.
    known : list
        What `amplitudes` gives for these bands.

    Returns
    -------
    (s, k, o, o) array, (s, k, o, o) array
        C ε C† (eV) and C f C† (electrons).
    """
    spins, points, orbitals, _ = bands.projections.shape
    kind = np.result_type(bands.projections, bands.overlaps, float)
    hamiltonian, density = np.zeros((2, spins, points, orbitals, orbitals), kind)
    for s, k, _, keep, p in known:
        hamiltonian[s, k] = (p * bands.energies[s, k, keep]) @ p.conj().T
        density[s, k] = (p * bands.occupations[s, k, keep]) @ p.conj().T
    return hamiltonian, density


def _sum(factor: np.ndarray, matrices: np.ndarray, time_reversal: bool) -> np.ndarray:
    if len(matrices) == 1 and factor[0] == 1:
        return matrices[0].real if time_reversal else matrices[0]
    total = np.tensordot(factor, matrices, 1)
    return total.real if time_reversal else total


def spilling(bands: ProjectedBands, minimum_projection: float = 0.01) -> dict[str, float]:
    """How much of the bands the orbitals miss: Σ w_k |1 − Σ_μ |p_μn|²|.

    Sánchez-Portal, Artacho and Soler, Solid State Commun. 95, 685 (1995).

    Parameters
    ----------
    bands : ProjectedBands
        Bands and projections.
    minimum_projection : float
        See `icohp`.

    Returns
    -------
    dict
        `total_spilling`: mean over the lowest bands, as many as orbitals. `charge_spilling`: mean weighted by
        occupation. `occupied_spilling`: mean over all bands with electrons, however few, which LOBSTER calls
        charge spilling; the same where no band is partly filled. `electrons`: Σ w f.
        `dropped_electrons`: those of bands not retained. `bands_per_orbital`: retained bands over orbitals;
        below 1 the zero of energy matters. `largest_band_spilling`: of the retained bands.

    Examples
    --------
    >>> bands = ProjectedBands.gamma([-1, 1], [2, 0], np.array([[1, 1], [1, -1]]) / 2**0.5, np.eye(2), [0, 1])
    >>> abs(round(spilling(bands)["charge_spilling"], 9))
    0.0
    """
    total = charge = electrons = kept = fraction = worst = occupied = filled = 0.0
    spins, _, orbitals, _ = bands.projections.shape
    for s, k, norms, keep, vectors in amplitudes(bands, minimum_projection):
        weight, f = bands.weights[k], bands.occupations[s, k]
        missed = np.abs(1 - norms) if bands.symmetric else 1 - norms
        lowest = np.argsort(bands.energies[s, k], kind="stable")[:orbitals]
        total += weight * missed[lowest].mean() / spins
        charge += weight * (f @ missed)
        occupied += weight * missed[f > FILLED].sum()
        filled += weight * (f > FILLED).sum()
        electrons += weight * f.sum()
        kept += weight * f[keep].sum()
        fraction += weight * np.sum(np.abs(vectors) ** 2) / orbitals / spins
        worst = max(worst, missed[keep].max())
    return {
        "total_spilling": float(total),
        "charge_spilling": float(charge / electrons) if electrons else 0.0,
        "occupied_spilling": float(occupied / filled) if filled else 0.0,
        "electrons": float(electrons),
        "dropped_electrons": float(electrons - kept),
        "bands_per_orbital": float(fraction),
        "largest_band_spilling": float(worst),
    }
