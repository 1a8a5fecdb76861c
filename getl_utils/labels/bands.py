"""Bands of a calculation and their projections on local orbitals, as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from scipy.linalg import eigh

FLOOR = 1e-6  # eigenvalues of S, and what a band adds to the lower ones: below this, linearly dependent
ARRAYS = ("energies", "occupations", "projections", "overlaps", "kpoints", "weights", "orbital_atoms")


@dataclass(frozen=True)
class ProjectedBands:
    """Bands and their projections; s spins, k points, b bands, o orbitals.

    The Bloch sums must be χ_k = Σ_T e^{2πi k·T} χ_T: phases of lattice translations, not of atom positions,
    and of the atoms as the structure has them, unwrapped.

    Attributes
    ----------
    energies : (s, k, b) array
        eV, relative to the Fermi level.
    occupations : (s, k, b) array
        Electrons without k weights: 0…2 for one spin channel (both spins), 0…1 for two.
    projections : (s, k, o, b) array
        ⟨χ_μ|ψ_n⟩, real or complex.
    overlaps : (k, o, o) array
        ⟨χ_μ|χ_ν⟩, Hermitian, of the same orbitals in the same gauge.
    orbital_atoms : (o,) array of int
        Atom of each orbital, 0-based.
    kpoints : (k, 3) array
        In units of the reciprocal lattice vectors.
    weights : (k,) array
        Sum 1.
    time_reversal : bool
        True if only one of k and −k is given; the missing half is then the complex conjugate.
    symmetric : bool
        True if the bands are made orthonormal all at once (Löwdin), False if from the lowest up.
    amplitudes : dict
        What `icohp.amplitudes` has found for these bands, by its `minimum_projection`.

    Raises
    ------
    ValueError
        A shape, a weight sum, an occupation or a number that cannot be.

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
    symmetric: bool = False
    amplitudes: dict[float, list] = field(default_factory=dict, init=False, repr=False, compare=False)

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
                f"occupations from {low:.3f} to {high:.3f}; possible are 0…{largest:g} for so many spins"
            )
        if not np.allclose(self.overlaps, np.conj(np.swapaxes(self.overlaps, 1, 2)), atol=1e-6):
            raise ValueError("overlaps are not Hermitian")
        if not np.issubdtype(self.orbital_atoms.dtype, np.integer) or self.orbital_atoms.min(initial=0) < 0:
            raise ValueError("orbital_atoms must be 0-based whole numbers")

    @cached_property
    def inverse_roots(self) -> np.ndarray:
        """S^(−1/2) at every k point, (k, o, o); ValueError if the orbitals are linearly dependent."""
        return np.array([inverse_root(overlap, k) for k, overlap in enumerate(self.overlaps)])

    def projected(self, projections: np.ndarray, symmetric: bool) -> ProjectedBands:
        """Return the same bands with other projections on the same orbitals; they share S^(−1/2).

        Parameters
        ----------
        projections : (s, k, o, b) array
            ⟨χ_μ|ψ_n⟩ in another way.
        symmetric : bool
            How these bands are made orthonormal.

        Returns
        -------
        ProjectedBands
            The bands.
        """
        result = replace(self, projections=projections, symmetric=symmetric)
        result.__dict__["inverse_roots"] = self.inverse_roots
        return result

    @classmethod
    def gamma(cls, energies, occupations, projections, overlap, orbital_atoms) -> ProjectedBands:
        """Make the bands of one spin channel at Γ.

        Parameters
        ----------
        energies : (b,) array
            eV, relative to the Fermi level.
        occupations : (b,) array
            Electrons.
        projections : (o, b) array
            ⟨χ_μ|ψ_n⟩.
        overlap : (o, o) array
            ⟨χ_μ|χ_ν⟩.
        orbital_atoms : (o,) array of int
            Atom of each orbital.

        Returns
        -------
        ProjectedBands
            The bands.
        """
        lead = [np.asarray(x)[None, None] for x in (energies, occupations, projections)]
        return cls(*lead, np.asarray(overlap)[None], orbital_atoms, np.zeros((1, 3)), np.ones(1))


def inverse_root(overlap: np.ndarray, k: int) -> np.ndarray:
    """Return S^(−1/2), by which orbitals become orthonormal (Löwdin, J. Chem. Phys. 18, 365 (1950)).

    Parameters
    ----------
    overlap : (o, o) array
        S, Hermitian.
    k : int
        Number of the k point, for the message.

    Returns
    -------
    (o, o) array
        S^(−1/2), Hermitian.

    Raises
    ------
    ValueError
        The orbitals are linearly dependent.

    Examples
    --------
    >>> inverse_root(np.array([[1, 0.6], [0.6, 1]]), 0).round(4).tolist()
    [[1.1859, -0.3953], [-0.3953, 1.1859]]
    """
    values, vectors = eigh(overlap, driver="evr")  # of large complex matrices in half of the time
    if values[0] < FLOOR:
        raise ValueError(
            f"k point {k}: the orbitals are linearly dependent (smallest eigenvalue of the overlap "
            f"{values[0]:.1e}), or two atoms coincide; drop diffuse orbitals or look at the structure"
        )
    return (vectors / np.sqrt(values)) @ vectors.conj().T
