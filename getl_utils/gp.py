"""Gaussian process regression of −ICOHP: one Cholesky factorisation, no more."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from getl_utils.kernels import Features, Kernel

BLOCK = 2000  # bonds predicted at once: bounds the memory at BLOCK × n_train numbers


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process: weights (n_train,) in eV on the training bonds."""

    kernel: Kernel
    train: Features
    weights: np.ndarray

    def predict(self, bonds: Features) -> np.ndarray:
        """Mean −ICOHP, Σ_i α_i k(x, x_i), of each bond; (n,) in eV."""
        blocks = [self.kernel(bonds[b : b + BLOCK], self.train) @ self.weights for b in range(0, bonds.n, BLOCK)]
        return np.concatenate(blocks) if blocks else np.empty(0)


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
    matrix = kernel(bonds, bonds)
    matrix[np.diag_indices_from(matrix)] += noise
    try:
        factor = cho_factor(matrix, lower=True, overwrite_a=True, check_finite=False)
    except np.linalg.LinAlgError as error:
        raise ValueError(f"the kernel matrix is not positive definite ({error}); take a larger gamma") from None
    return GaussianProcess(kernel, bonds, cho_solve(factor, strength))
