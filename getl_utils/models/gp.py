"""Gaussian process of the published model, and the curve of the distance alone, the baseline."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack, solve_triangular

from getl_utils.models.kernels import Bonds, PublishedKernel

BLOCK = 2000  # bonds predicted at once: bounds the memory at BLOCK × n_train numbers
NINETY = 1.6448536269514722  # |z| below which 90 % of a normal distribution lie


class DistanceCurve(NamedTuple):
    """−ICOHP from the distance alone: Σ_k c_k exp(−k d / Å)."""

    coefficients: np.ndarray

    def predict(self, distance: np.ndarray) -> np.ndarray:
        """Evaluate the curve.

        Parameters
        ----------
        distance : (n,)
            Length, Å.

        Returns
        -------
        (n,)
            −ICOHP, eV.
        """
        return np.exp(-np.outer(distance, np.arange(len(self.coefficients)))) @ self.coefficients


def fit_curve(distance: np.ndarray, strength: np.ndarray, degree: int = 3) -> DistanceCurve:
    """Fit the curve of the distance alone by least squares.

    Parameters
    ----------
    distance : (n,)
        Length, Å.
    strength : (n,)
        −ICOHP, eV.
    degree : int
        Largest k.

    Returns
    -------
    DistanceCurve
        The curve.

    Examples
    --------
    >>> d = np.linspace(2, 4, 20)
    >>> bool(np.allclose(fit_curve(d, 3 * np.exp(-d)).predict(d), 3 * np.exp(-d)))
    True
    """
    powers = np.exp(-np.outer(distance, np.arange(min(degree + 1, len(distance)))))
    return DistanceCurve(np.linalg.lstsq(powers, strength, rcond=None)[0])


@dataclass(frozen=True)
class GaussianProcess:
    """A fitted process.

    Attributes
    ----------
    kernel : PublishedKernel
        Its kernel.
    train : Bonds
        The n training bonds.
    weights : (n,)
        α, eV.
    noise : float
        λ, without unit.
    scale : float
        σ_f², eV². The published model has none; it does not change the mean.
    """

    kernel: PublishedKernel
    train: Bonds
    weights: np.ndarray
    noise: float
    scale: float

    def predict(self, bonds: Bonds) -> np.ndarray:
        """Estimate −ICOHP.

        Parameters
        ----------
        bonds : Bonds
            The n bonds.

        Returns
        -------
        (n,)
            Mean, Σ_i α_i k(x, x_i), eV.
        """
        starts = range(0, len(bonds.distance), BLOCK)
        blocks = [self.kernel(bonds[b : b + BLOCK], self.train) @ self.weights for b in starts]
        return np.concatenate([*blocks, np.empty(0)])

    @cached_property
    def factor(self) -> np.ndarray:
        """Lower Cholesky factor of K + λI, (n_train, n_train); computed when first asked for."""
        return _factor(self.kernel(self.train, self.train), self.noise)

    def sigma(self, bonds: Bonds) -> np.ndarray:
        """Standard deviation of a new label: σ² = σ_f² (k(x, x) + λ − k_xᵀ (K + λI)⁻¹ k_x).

        The formula is eq. 2.26 of Rasmussen, Williams, Gaussian Processes for Machine Learning, with the
        noise of the label.

        Parameters
        ----------
        bonds : Bonds
            The n bonds.

        Returns
        -------
        (n,)
            σ, eV.
        """
        left = self.kernel.diagonal(bonds) + self.noise
        for b in range(0, len(left), BLOCK):
            cross = self.kernel(self.train, bonds[b : b + BLOCK])
            part = solve_triangular(self.factor, cross, lower=True, check_finite=False)
            left[b : b + BLOCK] -= np.einsum("ij,ij->j", part, part)
        return np.sqrt(self.scale * np.maximum(left, self.noise))

    def left_out(self, groups: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Error and σ of each training bond, had its group not been trained on.

        With the block C = [(K + λI)⁻¹]_gg of a group: error C⁻¹ α_g, variance σ_f² diag C⁻¹ (Rasmussen,
        Williams, eq. 5.12, for groups).

        Parameters
        ----------
        groups : (n_train,), optional
            Labels of the groups. Default: each bond alone.

        Returns
        -------
        error, sigma : (n_train,)
            Label − prediction, and σ, eV.
        """
        inverse = _inverse(self.factor)
        if groups is None:
            return self.weights / np.diag(inverse), np.sqrt(self.scale / np.diag(inverse))
        error, variance = np.empty(len(self.weights)), np.empty(len(self.weights))
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            block = np.linalg.inv(inverse[np.ix_(rows, rows)])
            error[rows], variance[rows] = block @ self.weights[rows], np.diag(block)
        return error, np.sqrt(self.scale * variance)

    def calibrated(self, groups: np.ndarray) -> GaussianProcess:
        """Scale σ so that 90 % of the bonds, each predicted without its group, lie in their 90 % interval.

        Parameters
        ----------
        groups : (n_train,)
            Labels of the groups.

        Returns
        -------
        GaussianProcess
            The same with another scale.
        """
        error, sigma = self.left_out(groups)
        factor = np.quantile(np.abs(error / sigma), 0.9) / NINETY
        return replace(self, scale=float(self.scale * factor**2))


def fit(kernel: PublishedKernel, bonds: Bonds, strength: np.ndarray, gamma: float) -> GaussianProcess:
    """Fit −ICOHP: α = (K + σ_y γ I)⁻¹ y, with σ_y the standard deviation of y.

    The noise is that of Phys. Rev. Materials 4, 113603.

    Parameters
    ----------
    kernel : PublishedKernel
        The kernel.
    bonds : Bonds
        The n training bonds.
    strength : (n,)
        −ICOHP, eV.
    gamma : float
        Relative noise, > 0.

    Returns
    -------
    GaussianProcess
        Not calibrated.

    Raises
    ------
    ValueError
        Too few bonds, values that are not finite or all equal, or a kernel matrix that is not positive
        definite.

    Examples
    --------
    >>> d = np.linspace(2, 4, 30); bonds = Bonds(d, np.ones((30, 1)))
    >>> process = fit(PublishedKernel(1, 0.5), bonds, np.exp(-d), 1e-6)
    >>> bool(np.abs(process.predict(bonds) - np.exp(-d)).max() < 1e-4)
    True
    """
    _check(bonds, strength)
    noise = float(strength.std() * gamma)
    weights = cho_solve((_factor(kernel(bonds, bonds), noise), True), strength, check_finite=False)
    return GaussianProcess(kernel, bonds, weights, noise, float(strength @ weights) / len(strength))


def _check(bonds: Bonds, strength: np.ndarray) -> None:
    """ValueError that says why these bonds cannot be learned from, if they cannot."""
    if not len(bonds.distance) == len(bonds.soap) == len(strength):
        raise ValueError(f"{len(bonds.distance)} training bonds but {len(strength)} values of −ICOHP")
    if len(strength) < 3:
        raise ValueError(f"{len(strength)} training bonds: at least three are needed")
    if not all(np.isfinite(a).all() for a in (strength, *bonds)):
        raise ValueError(
            "the training bonds hold NaN or infinity; look at the bond table and the descriptors"
        )
    if np.ptp(strength) <= 0:
        raise ValueError("all training bonds have the same −ICOHP: there is nothing to learn")


def _factor(matrix: np.ndarray, noise: float) -> np.ndarray:
    matrix[np.diag_indices_from(matrix)] += noise
    try:
        return cho_factor(matrix.T, lower=True, overwrite_a=True, check_finite=False)[0]
    except np.linalg.LinAlgError as error:
        raise ValueError(
            f"the kernel matrix is not positive definite ({error}); take a larger gamma"
        ) from None


def _inverse(factor: np.ndarray) -> np.ndarray:
    """(K + λI)⁻¹ from its lower Cholesky factor."""
    lower, _ = lapack.dpotri(factor, lower=1)
    lower = np.tril(lower)
    return lower + np.tril(lower, -1).T
