"""Matrices of localized functions on GPAW's grid at Γ, by dense products instead of GPAW's loops over pairs.

ρ(r) = Σ φ_μ(r) ρ_μν φ_ν(r) and V_μν = Σ_r φ_μ(r) V(r) φ_ν(r) ΔV are the two sums that an LCAO step spends its
time in. With the functions' values kept per block of 8×8×8 grid points both are products of dense matrices
and run at the speed of NumPy's BLAS. The values are kept in single precision (0.7 GB for 100 atoms at 0.22
Å), blocks are summed in double.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.linalg.lapack import dpstrf

EDGE = 8  # grid points along the edge of a block


class DenseBasis:
    """Values of all functions in blocks of the grid.

    Parameters
    ----------
    basis : gpaw.lfc.BasisFunctions
        GPAW's basis.

    Attributes
    ----------
    blocks : list
        Per block the grid points (g,), the functions that reach it (m,) and their values (g, m), bohr^(−3/2).
    """

    def __init__(self, basis: Any) -> None:
        self.volume, self.size = basis.gd.dv, basis.Mmax
        shape = tuple(int(n) for n in basis.gd.n_c)
        block = _block_of_point(shape)
        self.order = np.argsort(block, kind="stable")
        starts = np.flatnonzero(np.diff(block[self.order], prepend=-1))
        parts: list[list] = [[] for _ in starts]
        for functions, values in _values(basis, int(np.prod(shape))):
            values = values[self.order]
            reached = np.logical_or.reduceat(values.any(axis=1), starts)
            for n in np.flatnonzero(reached):
                stop = starts[n + 1] if n + 1 < len(starts) else None
                parts[n].append((functions, values[starts[n] : stop].copy()))
        points = np.split(self.order, starts[1:])
        self.blocks = [
            (point, np.concatenate([f for f, _ in part]), np.hstack([v for _, v in part]))
            for point, part in zip(points, parts, strict=True)
            if part
        ]

    def construct_density(self, rho: np.ndarray, density: np.ndarray, q: int = 0) -> None:
        """Add Σ φ_μ ρ_μν φ_ν to a density.

        Parameters
        ----------
        rho : (m, m) array
            Density matrix.
        density : array
            On the grid; changed in place.
        q : int
            Number of the k point, always Γ here.
        """
        flat, factor = density.reshape(-1), _factor(rho).astype(np.float32)
        for points, functions, values in self.blocks:
            part = values @ factor[functions]
            flat[points] += np.einsum("gm,gm->g", part, part)

    def calculate_potential_matrices(self, potential: np.ndarray) -> np.ndarray:
        """Integrate a potential with all pairs of functions.

        Parameters
        ----------
        potential : array
            On the grid, hartree.

        Returns
        -------
        (1, m, m) array
            Σ_r φ_μ V φ_ν ΔV, hartree.
        """
        flat = (potential.reshape(-1) * self.volume).astype(np.float32)
        matrix = np.zeros((1, self.size, self.size))
        for points, functions, values in self.blocks:
            rows = np.zeros(
                (len(functions), self.size), np.float32
            )  # two steps: twice as fast as adding at np.ix_
            rows[:, functions] = values.T @ (values * flat[points, None])
            matrix[0][functions] += rows
        return matrix


def _factor(rho: np.ndarray) -> np.ndarray:
    """L (m, rank) with L Lᵀ = ρ: a density matrix is positive and has no more columns of worth than occupied
    bands."""
    factor, pivots, rank, _ = dpstrf(rho, tol=1e-10 * np.abs(np.diag(rho)).max(), lower=1)
    result = np.empty((len(rho), rank))
    result[pivots - 1] = np.tril(factor)[:, :rank]
    return result


def _block_of_point(shape: tuple[int, ...]) -> np.ndarray:
    x, y, z = (np.arange(n) // EDGE for n in shape)
    return (x[:, None, None] * 10**8 + y[:, None] * 10**4 + z).reshape(-1)


def _values(basis: Any, points: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield per atom the numbers of its functions (m,) and their values at all grid points (points, m)."""
    for atom in basis.atom_indices:
        sphere, first = basis.sphere_a[atom], basis.M_a[atom]
        values = np.zeros((points, sphere.Mmax), np.float32)
        for m, piece, ends in zip(sphere.M_w or [], sphere.A_wgm or [], sphere.G_wb or [], strict=True):
            ends = np.asarray(ends).reshape(-1, 2)  # runs of grid points, first and one past the last
            index = np.concatenate([np.arange(a, b) for a, b in ends])
            values[index, m : m + piece.shape[1]] += piece
        yield np.arange(first, first + sphere.Mmax), values


def use(basis: Any) -> bool:
    """Give GPAW's basis these two sums.

    Parameters
    ----------
    basis : gpaw.lfc.BasisFunctions
        The basis.

    Returns
    -------
    bool
        False, and nothing is done, if the basis is not real (a k mesh) or not on one process.
    """
    if not (basis.gamma and basis.dtype == float) or basis.gd.comm.size > 1:
        return False
    dense = DenseBasis(basis)
    basis.construct_density = dense.construct_density
    basis.calculate_potential_matrices = dense.calculate_potential_matrices
    return True
