"""ICOHP of bonds from what any band-structure code can give: energies, occupations, projections on orbitals.

At every k point and spin the projections ⟨φ_μ|ψ_n⟩ become amplitudes p in the Löwdin-orthogonalised orbitals,
p = S^(−1/2)⟨φ|ψ⟩. The lowest bands, as many as orbitals, are orthonormalised in the order of their energy (Gram and
Schmidt), so that what the orbitals miss falls on the highest empty bands and not on the occupied ones. Then
H(k) = Σ_n p_n ε_n p_n†, P(k) = Σ_n p_n f_n p_n†, X(T) = Σ_k w_k e^{−2πi k·T} X(k), and
ICOHP_AB(T) = Σ_{μ∈A, ν∈B} Re[P_μν(T)* H_μν(T)] (Dronskowski and Blöchl, J. Phys. Chem. 97, 8617 (1993);
projected: Maintz et al., J. Comput. Chem. 34, 2557 (2013)). The sum over all ordered pairs is the band
energy: A→B and B→A carry one such value each, and one is reported. Negative = bonding.

Zero of energy: with as many retained bands as orbitals, Σ p p† = 1, a shift changes H on the diagonal only,
and every bond keeps its ICOHP. With fewer, Σ p p† is a projector with elements between atoms, and a shift
changes the bonds. So always give energies relative to the Fermi level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

FLOOR = 1e-6  # eigenvalues of S, and what a band adds to the lower ones: below this, linearly dependent
ARRAYS = ("energies", "occupations", "projections", "overlaps", "kpoints", "weights", "orbital_atoms")


@dataclass(frozen=True)
class ProjectedBands:
    """Bands and their projections; s spins, k points, b bands, o orbitals.

    Attributes
    ----------
    energies : (s, k, b), eV, relative to the Fermi level.
    occupations : (s, k, b), electrons without k weights: 0…2 for one spin channel (both spins), 0…1 for two.
    projections : (s, k, o, b), ⟨φ_μ|ψ_n⟩, real or complex.
    overlaps : (k, o, o), ⟨φ_μ|φ_ν⟩, Hermitian, of the same orbitals in the same gauge.
    orbital_atoms : (o,), 0-based atom of each orbital.
    kpoints : (k, 3), in units of the reciprocal lattice vectors. The Bloch sums must be φ_k = Σ_T e^{2πi k·T}
    φ_T:
        phases of lattice translations, not of atom positions, and of the atoms as the structure has them,
        unwrapped.
    weights : (k,), sum 1.
    time_reversal : True if only one of k and −k is given; the missing half is then the complex conjugate.

    Raises
    ------
    ValueError : a shape, a weight sum, an occupation or a number that cannot be.

    Examples
    --------
    >>> bands = ProjectedBands.gamma([-1, 1], [2, 0], np.array([[1, 1], [1, -1]]) / 2**0.5, np.eye(2), [0, 1])
    >>> bands.projections.shape
    (1, 1, 2, 2)
    """

    energies: np.ndarray
    occupations: np.ndarray
    projections: np.ndarray
    overlaps: np.ndarray
    orbital_atoms: np.ndarray
    kpoints: np.ndarray
    weights: np.ndarray
    time_reversal: bool = False

    def __post_init__(self) -> None:
        for name in ARRAYS:
            object.__setattr__(self, name, np.asarray(getattr(self, name)))
        self._check_shapes()
        self._check_values()

    def _check_shapes(self) -> None:
        if self.projections.ndim != 4 or not self.projections.size:
            raise ValueError(
                f"projections have shape {self.projections.shape}, not (spins, k points, orbitals, bands)"
            )
        s, k, o, b = self.projections.shape
        if s not in (1, 2):
            raise ValueError(
                f"{s} spin channels; 1 or 2 are possible (non-collinear spins are not supported)"
            )
        shapes = ((s, k, b), (s, k, b), (s, k, o, b), (k, o, o), (k, 3), (k,), (o,))
        for name, shape in zip(ARRAYS, shapes, strict=True):
            found = getattr(self, name).shape
            if found != shape:
                raise ValueError(
                    f"{name} have shape {found}; projections of shape {(s, k, o, b)} need {shape}"
                )

    def _check_values(self) -> None:
        for name in ARRAYS:
            if not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} hold NaN or infinity")
        if abs(self.weights.sum() - 1) > 1e-6 or (self.weights < 0).any():
            raise ValueError(
                f"the k-point weights sum to {self.weights.sum():.6f}, not to 1, or one is negative"
            )
        largest = 2 / len(self.energies)
        low, high = self.occupations.min(initial=0), self.occupations.max(initial=0)
        if low < -0.1 or high > largest + 0.1:  # Methfessel–Paxton and cold smearing pass the limits a little
            raise ValueError(
                f"occupations from {low:.3f} to {high:.3f}; possible are 0…{largest:g} for this number of spins"
            )
        if not np.allclose(self.overlaps, np.conj(np.swapaxes(self.overlaps, 1, 2)), atol=1e-6):
            raise ValueError("overlaps are not Hermitian")
        if not np.issubdtype(self.orbital_atoms.dtype, np.integer) or self.orbital_atoms.min(initial=0) < 0:
            raise ValueError("orbital_atoms must be 0-based whole numbers")

    @classmethod
    def gamma(cls, energies, occupations, projections, overlap, orbital_atoms) -> ProjectedBands:
        """One spin channel at Γ: energies (b,), occupations (b,), projections (o, b), overlap (o, o)."""
        lead = [np.asarray(x)[None, None] for x in (energies, occupations, projections)]
        return cls(*lead, np.asarray(overlap)[None], orbital_atoms, np.zeros((1, 3)), np.ones(1))


def _lowdin(overlap: np.ndarray, k: int) -> np.ndarray:
    values, vectors = np.linalg.eigh(overlap)
    if values[0] < FLOOR:
        raise ValueError(
            f"k point {k}: the orbitals are linearly dependent (smallest eigenvalue of the overlap {values[0]:.1e}), or two "
            "atoms coincide; drop diffuse orbitals or look at the structure"
        )
    return (vectors / np.sqrt(values)) @ vectors.conj().T


def _amplitudes(bands: ProjectedBands, minimum_projection: float) -> Iterator[tuple[int, int, Any, Any, Any]]:
    """Yield spin, k, projected norms of all bands (b,), retained bands (r,), their orthonormal amplitudes (o,
    r)."""
    for k in range(len(bands.kpoints)):
        lowdin = _lowdin(bands.overlaps[k], k)
        for s in range(len(bands.energies)):
            p = lowdin @ bands.projections[s, k]
            norms = np.sum(np.abs(p) ** 2, axis=0)
            keep, vectors = _orthonormal(
                p, np.argsort(bands.energies[s, k], kind="stable"), minimum_projection
            )
            if not len(keep):
                raise ValueError(
                    f"spin {s}, k point {k}: no band projects to {minimum_projection} on the orbitals"
                )
            yield s, k, norms, keep, vectors


def _orthonormal(p: np.ndarray, order: np.ndarray, minimum: float) -> tuple[np.ndarray, np.ndarray]:
    """Gram–Schmidt in the given order; a band of which less than `minimum` is left is passed over."""
    vectors, kept = np.zeros((len(p), len(p)), p.dtype, order="F"), []
    for n in order:
        rest, lower = p[:, n], vectors[:, : len(kept)]
        for _ in range(2):  # once is not enough against rounding
            rest = rest - lower @ (lower.conj().T @ rest)
        norm = np.vdot(rest, rest).real
        if norm >= max(minimum, FLOOR):
            vectors[:, len(kept)] = rest / np.sqrt(norm)
            kept.append(n)
        if len(kept) == len(p):
            break
    return np.array(kept, int), vectors[:, : len(kept)]


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
    """ICOHP_AB(T) = Σ_{μ∈A, ν∈B} Re[P_μν(T)* H_μν(T)], summed over spins (equations, sources: see the
    module).

    A mesh of N points along a direction cannot tell T from T ± N: at Γ alone every T gives the sum over all
    images.

    Parameters
    ----------
    bands : see `ProjectedBands`.
    bonds : (n, 5), i, j, tx, ty, tz: atom j in the cell at T. (i, i, 0, 0, 0) gives the on-site term.
    minimum_projection : a band enters only if at least this part of its norm lies in the orbitals' span.
    Bands with
        less (high, free-electron-like) would be blown up to norm 1 and carry foreign energies into H.

    Returns
    -------
    (n,), eV, negative = bonding.

    Raises
    ------
    ValueError : dependent orbitals or bands, malformed bonds, an atom without orbitals.

    Examples
    --------
    >>> bands = ProjectedBands.gamma([-1, 1], [2, 0], np.array([[1, 1], [1, -1]]) / 2**0.5, np.eye(2), [0, 1])
    >>> icohp(bands, [[0, 1, 0, 0, 0]]).round(6).tolist()  # hopping −1 eV, bond order 1
    [-1.0]
    """
    atoms = int(bands.orbital_atoms.max()) + 1
    bonds = _check_bonds(bonds, atoms)
    result = np.zeros(len(bonds))
    shifts, group = np.unique(bonds[:, 2:], axis=0, return_inverse=True)
    if not bands.kpoints.any():  # at Γ every T is the same
        shifts, group = np.zeros((1, 3)), np.zeros(len(bonds), int)
    hamiltonian, density = _matrices(bands, minimum_projection)
    block = np.zeros((atoms, len(bands.orbital_atoms)))
    block[bands.orbital_atoms, np.arange(block.shape[1])] = 1
    for n, shift in enumerate(shifts):
        mine = np.flatnonzero(group.ravel() == n)
        factor = bands.weights * np.exp(-2j * np.pi * bands.kpoints @ shift)
        for h, p in zip(hamiltonian, density, strict=True):
            product = np.real(
                _sum(factor, p, bands.time_reversal).conj() * _sum(factor, h, bands.time_reversal)
            )
            result[mine] += (block @ product @ block.T)[bonds[mine, 0], bonds[mine, 1]]
    return result


def _matrices(bands: ProjectedBands, minimum_projection: float) -> tuple[np.ndarray, np.ndarray]:
    spins, points, orbitals, _ = bands.projections.shape
    kind = np.result_type(bands.projections, bands.overlaps, float)
    hamiltonian, density = np.zeros((2, spins, points, orbitals, orbitals), kind)
    for s, k, _, keep, p in _amplitudes(bands, minimum_projection):
        hamiltonian[s, k] = (p * bands.energies[s, k, keep]) @ p.conj().T
        density[s, k] = (p * bands.occupations[s, k, keep]) @ p.conj().T
    return hamiltonian, density


def _sum(factor: np.ndarray, matrices: np.ndarray, time_reversal: bool) -> np.ndarray:
    if len(matrices) == 1 and factor[0] == 1:
        return matrices[0].real if time_reversal else matrices[0]
    total = np.tensordot(factor, matrices, 1)
    return total.real if time_reversal else total


def spilling(bands: ProjectedBands, minimum_projection: float = 0.01) -> dict[str, float]:
    """How much of the bands the orbitals miss: Σ w_k (1 − Σ_μ |p_μn|²).

    Sánchez-Portal, Artacho and Soler, Solid State Commun. 95, 685 (1995).

    Returns
    -------
    dict : `total_spilling`, mean over the lowest bands, as many as orbitals, retained or not;
    `charge_spilling`, mean
        weighted by occupation; `electrons`, Σ w f; `dropped_electrons`, those of bands not retained;
        `bands_per_orbital`, mean of retained bands over orbitals (below 1 the zero of energy matters);
        `largest_band_spilling`, of the retained bands.

    Examples
    --------
    >>> bands = ProjectedBands.gamma([-1, 1], [2, 0], np.array([[1, 1], [1, -1]]) / 2**0.5, np.eye(2), [0, 1])
    >>> abs(round(spilling(bands)["charge_spilling"], 9))
    0.0
    """
    total = charge = electrons = kept = fraction = worst = 0.0
    spins, _, orbitals, _ = bands.projections.shape
    for s, k, norms, keep, _ in _amplitudes(bands, minimum_projection):
        weight, f = bands.weights[k], bands.occupations[s, k]
        lowest = np.argsort(bands.energies[s, k], kind="stable")[:orbitals]
        total += weight * (1 - norms[lowest]).mean() / spins
        charge += weight * (f @ (1 - norms))
        electrons += weight * f.sum()
        kept += weight * f[keep].sum()
        fraction += weight * len(keep) / orbitals / spins
        worst = max(worst, (1 - norms[keep]).max())
    return {
        "total_spilling": float(total),
        "charge_spilling": float(charge / electrons) if electrons else 0.0,
        "electrons": float(electrons),
        "dropped_electrons": float(electrons - kept),
        "bands_per_orbital": float(fraction),
        "largest_band_spilling": float(worst),
    }
