"""Gaussian process regression of −ICOHP: one Cholesky factorisation, no more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack, solve_triangular

from getl_utils.kernels import Features, Kernel

BLOCK = 2000  # bonds predicted at once: bounds the memory at BLOCK × n_train numbers


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process: weights α (n_train,) in eV on the training bonds, noise λ (no unit) and scale σ_f² (eV²).

    The published model has no σ_f²: it does not change the mean. Its maximum-likelihood value for given kernel and λ is
    yᵀ (K + λI)⁻¹ y / n (Rasmussen, Williams, Gaussian Processes for Machine Learning, from eq. 5.8).
    """

    kernel: Kernel
    train: Features
    weights: np.ndarray
    noise: float
    scale: float

    def predict(self, bonds: Features) -> np.ndarray:
        """Mean −ICOHP, Σ_i α_i k(x, x_i), of each bond; (n,) in eV."""
        blocks = [self.kernel(bonds[b : b + BLOCK], self.train) @ self.weights for b in range(0, bonds.n, BLOCK)]
        return np.concatenate(blocks) if blocks else np.empty(0)

    @cached_property
    def factor(self) -> np.ndarray:
        """Lower Cholesky factor of K + λI, (n_train, n_train); computed when first asked for."""
        return cho_factor(_matrix(self.kernel, self.train, self.noise), lower=True, overwrite_a=True, check_finite=False)[0]

    def sigma(self, bonds: Features) -> np.ndarray:
        """Standard deviation of a new label of each bond, (n,) in eV: σ² = σ_f² (k(x, x) + λ − k_xᵀ (K + λI)⁻¹ k_x).

        Source: Rasmussen, Williams, eq. 2.26, with the noise of the label.
        """
        explained = np.empty(bonds.n)
        for b in range(0, bonds.n, BLOCK):
            some = solve_triangular(self.factor, self.kernel(self.train, bonds[b : b + BLOCK]), lower=True, check_finite=False)
            explained[b : b + BLOCK] = np.einsum("ij,ij->j", some, some)
        return np.sqrt(self.scale * np.maximum(self.kernel.diagonal(bonds) + self.noise - explained, self.noise))

    def sigma_left_out(self) -> np.ndarray:
        """σ of each training bond's label when it is left out, (n_train,) in eV (Rasmussen, Williams, eq. 5.12)."""
        inverse, _ = lapack.dpotri(self.factor, lower=1)
        return np.sqrt(self.scale / np.diagonal(inverse))


def fit(kernel: Kernel, bonds: Features, strength: np.ndarray, gamma: float) -> GaussianProcess:
    """Fit −ICOHP: α = (K + σ_y γ I)⁻¹ y, with σ_y the standard deviation of y; no mean is subtracted.

    Source: Phys. Rev. Materials 4, 113603.

    Parameters
    ----------
    bonds : n training bonds. strength : (n,) −ICOHP, eV. gamma : relative noise, > 0.

    Raises
    ------
    ValueError : fewer than two bonds, values that are not finite or all equal, or a kernel matrix that is not positive definite.

    Examples
    --------
    >>> from getl_utils.kernels import SquaredExponential
    >>> d = np.linspace(2, 4, 30); bonds = Features(d, np.empty((30, 0)))
    >>> process = fit(SquaredExponential(0.5), bonds, np.exp(-d), 1e-6)
    >>> bool(np.abs(process.predict(bonds) - np.exp(-d)).max() < 1e-4)
    True
    """
    if bonds.n != len(strength):
        raise ValueError(f"{bonds.n} training bonds but {len(strength)} values of −ICOHP")
    if bonds.n < 2:
        raise ValueError(f"{bonds.n} training bonds: at least two are needed")
    if not (np.isfinite(strength).all() and np.isfinite(bonds.distance).all() and np.isfinite(bonds.soap).all()):
        raise ValueError("the training bonds hold NaN or infinity; look at the bond table and the descriptors")
    noise = strength.std() * gamma
    if noise <= 0:
        raise ValueError("all training bonds have the same −ICOHP: there is nothing to learn")
    try:
        factor = cho_factor(_matrix(kernel, bonds, noise), lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"the kernel matrix is not positive definite ({error}); take a larger gamma") from None
    weights = cho_solve(factor, strength)
    return GaussianProcess(kernel, bonds, weights, float(noise), float(strength @ weights) / bonds.n)


def _matrix(kernel: Kernel, bonds: Features, noise: float) -> np.ndarray:
    matrix = kernel(bonds, bonds)
    matrix[np.diag_indices_from(matrix)] += noise
    return matrix
