"""Matrices of localized functions on GPAW's grid, by dense products instead of GPAW's loops over pairs.

ρ(r) = Σ φ_μ(r) ρ_μν φ_ν(r) and V_μν = Σ_r φ_μ(r) V(r) φ_ν(r) ΔV are the two sums that an LCAO step spends its
time in. With the functions' values kept per block of 8×8×8 grid points both are products of dense matrices
and run at the speed of NumPy's BLAS. The values are kept in single precision (0.7 GB for 100 atoms at 0.22
Å), blocks are summed in double.

At Γ the images of a function are one function. On a mesh they are kept apart, and V is wanted for every
lattice vector between two images.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from scipy.linalg import cholesky, eigh, solve_triangular
from scipy.linalg.blas import ssyrk
from scipy.linalg.lapack import dpstrf

EDGE = 8  # grid points along the edge of a block


class DenseBasis:
    """Values of all functions in blocks of the grid.

    Parameters
    ----------
    basis : gpaw.lfc.BasisFunctions
        GPAW's basis.
    apart : bool
        Keep the periodic images of a function apart, for a mesh of k points.

    Attributes
    ----------
    blocks : list
        Per block the grid points (g,), the functions that reach it (m,), the numbers that GPAW gives to their
        images (m,), ascending, and their values (g, m), bohr^(−3/2).
    """

    def __init__(self, basis: Any, apart: bool = False) -> None:
        self.volume, self.size = basis.gd.dv, basis.Mmax
        self.images = len(basis.sdisp_xc) if apart else 1
        block = _block_of_point(tuple(int(n) for n in basis.gd.n_c))
        order = np.argsort(block, kind="stable")
        starts = np.flatnonzero(np.diff(block[order], prepend=-1))
        points = np.split(order, starts[1:])
        parts: list[list] = [[] for _ in points]
        for n, image, functions, values in _values(basis, points, apart):
            parts[n].append((image, functions, values))
        self.blocks = [_block(p, part) for p, part in zip(points, parts, strict=True) if part]

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
        for points, functions, _, values in self.blocks:
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
        (x, m, m) array
            Σ_r φ_μ V φ_ν ΔV, hartree; at Γ x is one, otherwise for each of GPAW's lattice vectors.
        """
        flat = (potential.reshape(-1) * self.volume).astype(np.float32)
        matrices = np.zeros((self.images, self.size, self.size))
        for points, functions, images, values in self.blocks:
            lower = _weighted_square(values, flat[points])
            if self.images == 1:
                rows = np.zeros((len(functions), self.size), np.float32)
                rows[:, functions] = lower  # two steps: twice as fast as adding at np.ix_
                matrices[0][functions] += rows
            else:
                _add_apart(matrices, lower, functions, images)
        matrices[0] += np.tril(matrices[0], -1).T
        return matrices


def _block(points: np.ndarray, part: list[tuple]) -> tuple[np.ndarray, ...]:
    part = sorted(part, key=lambda p: p[0])  # by image; within one the functions ascend
    functions, values = np.concatenate([p[1] for p in part]), np.hstack([p[2] for p in part])
    return points, functions, np.concatenate([np.full(len(p[1]), p[0]) for p in part]), values


def _weighted_square(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Lower triangle of valuesᵀ diag(weights) values: points of either sign apart, half the work of a
    product."""
    result = None
    for sign in (1.0, -1.0):
        mine = sign * weights > 0
        scaled = (values[mine] * np.sqrt(sign * weights[mine])[:, None]).T
        if scaled.size:
            more = {} if result is None else {"beta": 1.0, "c": result, "overwrite_c": 1}
            result = ssyrk(sign, scaled, lower=1, **more)
    return np.zeros((values.shape[1],) * 2, np.float32) if result is None else result


def _add_apart(matrices: np.ndarray, lower: np.ndarray, functions: np.ndarray, images: np.ndarray) -> None:
    """Add a block's products to the matrix of the lattice vector between the images, of v and −v to one."""
    numbers, starts = np.unique(images, return_index=True)
    groups = list(zip(numbers, np.split(np.arange(len(images)), starts[1:]), strict=True))
    for n, (first, columns) in enumerate(groups):
        for second, rows in groups[n:]:
            part = lower[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            if second == first:
                matrices[0][np.ix_(functions[rows], functions[columns])] += part
            else:
                matrices[second - first][np.ix_(functions[columns], functions[rows])] += part.T


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


def _values(
    basis: Any, blocks: list[np.ndarray], apart: bool
) -> Iterator[tuple[int, int, np.ndarray, np.ndarray]]:
    """Yield per atom, image and block its number, the image's number, the functions (m,), their values (g,
    m)."""
    place, number = np.empty((2, sum(map(len, blocks))), int)  # of each point: row in the buffer, block
    ends = np.cumsum([len(points) for points in blocks])
    place[np.concatenate(blocks)] = np.arange(len(place))
    number[np.concatenate(blocks)] = np.repeat(np.arange(len(blocks)), np.diff(ends, prepend=0))
    buffer, first = np.zeros((len(place), max(s.Mmax for s in basis.sphere_a)), np.float32), 0
    for atom in basis.atom_indices:
        sphere = basis.sphere_a[atom]
        pieces = list(zip(sphere.M_w, sphere.A_wgm, sphere.G_wb, strict=True))
        images = basis.x_W[first : first + len(pieces)] if apart else np.zeros(len(pieces), int)
        first += len(pieces)
        functions = np.arange(basis.M_a[atom], basis.M_a[atom] + sphere.Mmax)
        for image in np.unique(images):
            reached = set()
            for m, piece, runs in (p for p, x in zip(pieces, images, strict=True) if x == image):
                runs = np.asarray(runs).reshape(-1, 2)  # of grid points, first and one past the last
                index = np.concatenate([np.arange(a, b) for a, b in runs])
                buffer[place[index], m : m + piece.shape[1]] += piece
                reached.update(np.unique(number[index]).tolist())
            for n in sorted(reached):
                rows = buffer[ends[n] - len(blocks[n]) : ends[n], : sphere.Mmax]
                yield n, int(image), functions, rows.copy()
                rows[:] = 0


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


class MeshHamiltonian:
    """Hamiltonian of every k point of a mesh, in the place of GPAW's matrix calculator.

    It pays in large cells, of which few images touch.

    Parameters
    ----------
    basis : gpaw.lfc.BasisFunctions
        GPAW's basis of complex functions, on one process.
    potential : gpaw.new.potential.Potential
        The potential, collinear.
    """

    def __init__(self, basis: Any, potential: Any) -> None:
        if basis.dtype != complex or basis.gd.comm.size > 1:
            raise ValueError("the basis is not that of a k mesh on one process")
        dense = DenseBasis(basis, apart=True)
        self.vectors, self.spheres = basis.sdisp_xc, potential.dH_asii
        self.matrices = [dense.calculate_potential_matrices(v.data) for v in potential.vt_sR]

    def calculate_matrix(self, wave: Any) -> Any:
        """Return the matrix for the wave functions of a k point and spin.

        Parameters
        ----------
        wave : gpaw.new.lcao.wave_functions.LCAOWaveFunctions
            The wave functions.

        Returns
        -------
        gpaw.core.matrix.Matrix
            Hermitian, hartree.
        """
        from gpaw.core.matrix import Matrix

        phases = 2 * np.exp(-2j * np.pi * self.vectors @ wave.kpt_c)  # of v and −v
        phases[0] = 1
        total = np.tensordot(phases.real, self.matrices[wave.spin], 1).astype(complex)
        total.imag += np.tensordot(phases.imag, self.matrices[wave.spin], 1)
        spheres = {a: self.spheres[a][wave.spin] for a in wave.P_aMi}
        total += _between(wave.P_aMi, spheres) + wave.T_MM.data
        result = Matrix(*total.shape, data=total, dist=(wave.band_comm, -1, 1))
        result.add_hermitian_conjugate(scale=0.5)
        return result


def lowest_bands(wave: Any, hamiltonian: Any) -> None:
    """Find the lowest bands of a k point, as many as the wave functions have room for, and put them there.

    GPAW finds all, by LAPACK's divide and conquer. For 2550 functions that takes 32 s, and this 14 s for the
    lowest 1100.

    Parameters
    ----------
    wave : gpaw.new.lcao.wave_functions.LCAOWaveFunctions
        The wave functions, on one process; changed in place.
    hamiltonian : MeshHamiltonian
        It, or GPAW's own matrix calculator.
    """
    from gpaw.core.matrix import Matrix

    root = cholesky(wave.S_MM.data, lower=True)
    half = solve_triangular(root, hamiltonian.calculate_matrix(wave).data, lower=True)
    reduced = solve_triangular(root, half.conj().T, lower=True, overwrite_b=True)
    wave.eig_n, found = eigh(reduced, subset_by_index=[0, wave.nbands - 1], overwrite_a=True, driver="evr")
    found = solve_triangular(root, found, lower=True, trans="C", overwrite_b=True)
    wave.C_nM = Matrix(*found.T.shape, data=np.ascontiguousarray(found.T))
    wave._P_ani = None  # GPAW's cache of the projections


@contextmanager
def overlaps() -> Iterator[None]:
    """Within this context GPAW adds the spheres' part of the overlaps as one product, not as sparse ones."""
    from gpaw.new.lcao import builder

    own = builder.add_atomic_overlap_corrections
    builder.add_atomic_overlap_corrections = _add_overlaps
    try:
        yield
    finally:
        builder.add_atomic_overlap_corrections = own


def _add_overlaps(P_qaMi: Any, S0_qMM: Any, setups: Any, M1: int, M2: int) -> None:
    for projectors, overlap in zip(P_qaMi, S0_qMM, strict=True):
        if projectors:
            overlap += _between(projectors, {a: setups[a].dO_ii for a in projectors})[M1:M2]


def _between(projectors: Any, matrices: Any) -> np.ndarray:
    """Σ_a P* M Pᵀ over the spheres, as one product."""
    left = np.hstack([p @ matrices[a] for a, p in projectors.items()]).conj()
    return left @ np.hstack(list(projectors.values())).T
