"""COHP(E), overlap populations, bond indices, charges and densities of states from projected bands.

C, H and P are those of `getl_utils.labels.icohp`; C' = S^(−1/2) C belongs to the bare orbitals:

- ICOHP_μν(T) = Re[P_μν(T)* H_μν(T)]
- ICOOP_μν(T) = Re[P'_μν(T)* S_μν(T)], P' = C' f C'†
- ICOBI_μν(T) = |P_μν(T)|², twice that for each of two spins (Müller et al., J. Phys. Chem. C 125, 7959
  (2021))
- gross populations: Löwdin P_μμ, Mulliken Re (P'S)_μμ; a charge is the atom's electrons less these.

Curves are broadened by −∂f/∂E, f the occupation by Fermi and Dirac: their integral up to the Fermi level is
the ICOHP itself, not nearly.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit

from getl_utils.labels.bands import ProjectedBands
from getl_utils.labels.icohp import _sum, amplitudes, matrices

POINTS = 801
MARGIN = 2.0  # eV, below the lowest band
TOP = 10.0  # eV, above the Fermi level
BLOCK = 64  # bonds whose curves are made at once
NARROW = 0.02  # eV; curves of bands without smearing are broadened by this kT


@dataclass
class Populations:
    """What `populations` finds; s spins, n bonds, o orbitals, e energies.

    Attributes
    ----------
    energies : (e,) array
        eV, relative to the Fermi level.
    icohp, icoop, icobi : lists of n arrays (s, a, b)
        For each bond, of the orbitals a of its first and b of its second atom.
    cohp, integrated : (n, s, e) arrays
        COHP(E) (1/1) and its integral (eV) of each bond.
    cohp_orbitals, integrated_orbitals : lists of n arrays (s, a, b, e)
        The same by pairs of orbitals; empty if not asked for.
    mulliken, lowdin : (s, o) arrays
        Gross populations, electrons.
    dos : (s, o, e) array
        Of the orthonormal orbitals, 1/eV.
    total, total_integrated : (s, e) arrays
        Density of states of all bands, 1/eV, and electrons below E.
    """

    energies: np.ndarray
    icohp: list[np.ndarray]
    icoop: list[np.ndarray]
    icobi: list[np.ndarray]
    cohp: np.ndarray
    integrated: np.ndarray
    mulliken: np.ndarray
    lowdin: np.ndarray
    dos: np.ndarray
    total: np.ndarray
    total_integrated: np.ndarray
    cohp_orbitals: list[np.ndarray] = field(default_factory=list)
    integrated_orbitals: list[np.ndarray] = field(default_factory=list)


@dataclass
class _Matrices:
    """C (s, k, o, b), H, P, P' (s, k, o, o), S (k, o, o)."""

    c: np.ndarray
    h: np.ndarray
    p: np.ndarray
    bare: np.ndarray
    s: np.ndarray


def populations(
    bands: ProjectedBands,
    bonds: np.ndarray,
    ties: np.ndarray,
    width: float,
    minimum_projection: float = 0.01,
    orbitals: bool = True,
) -> Populations:
    """Resolve bonds, charges and states by orbitals and energies.

    Parameters
    ----------
    bands : ProjectedBands
        Bands and projections.
    bonds : (n, 5) array of int
        See `icohp.icohp`.
    ties : (n,) array
        How many images share the value of a bond, see `common.fold`.
    width : float
        kT of the occupations, eV.
    minimum_projection : float
        See `icohp.icohp`.
    orbitals : bool
        Give COHP(E) also by pairs of orbitals: much larger.

    Returns
    -------
    Populations
        The results.

    Examples
    --------
    >>> h2 = ProjectedBands.gamma([-1, 1], [2, 0], np.array([[1, 1], [1, -1]]) / 2**0.5, np.eye(2), [0, 1])
    >>> found = populations(h2, np.array([[0, 1, 0, 0, 0]]), np.ones(1), 0.01)
    >>> [round(float(x[0].sum()), 6) for x in (found.icohp, found.icobi)]
    [-1.0, 1.0]
    """
    m, kt = _resolved(bands, minimum_projection), max(width, NARROW)
    low = bands.energies[bands.occupations > 1e-3].min(initial=0.0) - MARGIN
    grid = np.linspace(low, TOP, POINTS)
    filled, density = _kernels(bands, grid, kt)
    own = [np.flatnonzero(bands.orbital_atoms == a) for a in range(int(bands.orbital_atoms.max()) + 1)]
    found = Populations(
        grid, [], [], [], np.zeros((len(bonds), len(m.h), POINTS)), np.zeros((len(bonds), len(m.h), POINTS)),
        *_gross(bands, m), *_states(bands, m, filled, density),
    )  # fmt: skip
    terms: list[np.ndarray] = []
    for n, (i, j, *shift) in enumerate(np.asarray(bonds).tolist()):
        a, b = own[i], own[j]
        factor = bands.weights * np.exp(-2j * np.pi * bands.kpoints @ np.array(shift))
        h, p, bare = (
            np.array([_sum(factor, x[:, a][:, :, b], bands.time_reversal) for x in whole])
            for whole in (m.h, m.p, m.bare)
        )
        s = _sum(factor, m.s[:, a][:, :, b], bands.time_reversal)
        found.icohp.append(np.real(p.conj() * h) / ties[n])
        found.icoop.append(np.real(bare.conj() * s) / ties[n])
        found.icobi.append(np.abs(p) ** 2 * len(h) / ties[n])
        parts = m.c[:, :, a], m.c[:, :, b], factor / ties[n], h
        if orbitals:
            _curves_of_pairs(found, n, *parts, filled, density)
        else:
            terms.append(_terms(*parts))
        if len(terms) == BLOCK or (terms and n == len(bonds) - 1):
            rows, block = slice(n + 1 - len(terms), n + 1), np.array(terms)
            for spin in range(len(m.h)):
                found.integrated[rows, spin] = block[:, spin] @ filled[spin]
                found.cohp[rows, spin] = block[:, spin] @ density[spin]
            terms = []
    return found


def _resolved(bands: ProjectedBands, minimum_projection: float) -> _Matrices:
    known, roots = amplitudes(bands, minimum_projection), bands.inverse_roots
    h, p = matrices(bands, known)
    c = np.zeros(bands.projections.shape, h.dtype)
    for s, k, _, keep, some in known:
        c[s, k][:, keep] = some
    return _Matrices(c, h, p, roots @ p @ roots, bands.overlaps)


def _kernels(bands: ProjectedBands, grid: np.ndarray, kt: float) -> tuple[np.ndarray, np.ndarray]:
    """f(E) and its derivative for every spin and band, (s, k b, e); f at E = 0 is the occupation."""
    most = 2 / len(bands.energies)
    levels = bands.energies.reshape(len(bands.energies), -1, 1)
    share = expit((grid - levels) / kt)
    return most * share, most * share * (1 - share) / kt


def _gross(bands: ProjectedBands, m: _Matrices) -> tuple[np.ndarray, np.ndarray]:
    mulliken = np.einsum("k,skab,kba->sa", bands.weights, m.bare, m.s).real
    return mulliken, np.einsum("k,skaa->sa", bands.weights, m.p).real


def _states(
    bands: ProjectedBands, m: _Matrices, filled: np.ndarray, density: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    share = np.abs(m.c) ** 2 * bands.weights[:, None, None]
    flat = np.moveaxis(share, 2, 1).reshape(len(share), share.shape[2], -1)
    weight = np.repeat(bands.weights, bands.energies.shape[2])
    return flat @ density, weight @ density, weight @ filled


def _terms(a, b, factor, h) -> np.ndarray:
    """What each band adds to the ICOHP of one bond, per electron, (s, k b)."""
    hb = np.einsum("sab,skbn->skan", h, b)
    return np.einsum("k,skan,skan->skn", factor.conj(), a.conj(), hb).real.reshape(len(h), -1)


def _curves_of_pairs(found: Populations, n: int, a, b, factor, h, filled, density) -> None:
    """COHP(E) of one bond, whole and by pairs of orbitals."""
    terms = np.einsum("k,skan,skbn,sab->sabkn", factor.conj(), a.conj(), b, h, optimize=True).real
    terms = terms.reshape(len(h), a.shape[2] * b.shape[2], -1)
    shape = (len(h), a.shape[2], b.shape[2], POINTS)
    found.integrated_orbitals.append((terms @ filled).reshape(shape))
    found.cohp_orbitals.append((terms @ density).reshape(shape))
    found.integrated[n] = found.integrated_orbitals[-1].sum(axis=(1, 2))
    found.cohp[n] = found.cohp_orbitals[-1].sum(axis=(1, 2))
