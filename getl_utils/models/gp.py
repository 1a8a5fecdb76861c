"""Gaussian process regression of −ICOHP: prior mean, fit, evidence, errors of bonds left out, from one
Cholesky factor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve, lapack, solve_triangular

from getl_utils.etl.features import Features
from getl_utils.models.kernels import Kernel, Pairing

BLOCK = 2000  # bonds predicted at once: bounds the memory at BLOCK × n_train numbers
DEGREES = {"none": -1, "constant": 0, "curve": 3}  # of the prior mean, in exp(−d / Å)
NINETY = 1.6448536269514722  # |z| below which 90 % of a normal distribution lie


class DistanceCurve(NamedTuple):
    """−ICOHP from the distance alone: Σ_k c_k exp(−k d / Å), by least squares; the baseline, and a prior
    mean."""

    coefficients: np.ndarray

    def predict(self, distance: np.ndarray) -> np.ndarray:
        """−ICOHP (n,) in eV at the distances (n,) in Å."""
        return np.exp(-np.outer(distance, np.arange(len(self.coefficients)))) @ self.coefficients


NO_MEAN = DistanceCurve(np.empty(0))


def fit_curve(distance: np.ndarray, strength: np.ndarray, degree: int = 3) -> DistanceCurve:
    """Fit the curve of k = 0 … `degree` to −ICOHP (n,) in eV at the distances (n,) in Å; −1: zero, 0: a
    constant.

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
    """A fitted process: weights α (n_train,) in eV on the training bonds, noise λ (no unit), scale σ_f² (eV²)
    and prior mean.

    The published model has no σ_f²: it does not change the mean. Its maximum-likelihood value for given
    kernel and λ is yᵀ (K + λI)⁻¹ y / n (Rasmussen, Williams, Gaussian Processes for Machine Learning, from
    eq. 5.8).
    """

    kernel: Kernel
    train: Features
    weights: np.ndarray
    noise: float
    scale: float
    mean: DistanceCurve = NO_MEAN

    def predict(self, bonds: Features) -> np.ndarray:
        """Mean −ICOHP, m(d) + Σ_i α_i k(x, x_i), of each bond; (n,) in eV."""
        blocks = [
            self.kernel(bonds[b : b + BLOCK], self.train) @ self.weights for b in range(0, bonds.n, BLOCK)
        ]
        return self.mean.predict(bonds.distance) + np.concatenate([*blocks, np.empty(0)])

    @cached_property
    def factor(self) -> np.ndarray:
        """Lower Cholesky factor of K + λI, (n_train, n_train); computed when first asked for."""
        return _factor(self.kernel(self.train, self.train), self.noise)

    def sigma(self, bonds: Features) -> np.ndarray:
        """Standard deviation of a new label of each bond, (n,) in eV: σ² = σ_f² (k(x, x) + λ − k_xᵀ (K +
        λI)⁻¹ k_x).

        Source: Rasmussen, Williams, eq. 2.26, with the noise of the label.
        """
        explained = np.empty(bonds.n)
        for b in range(0, bonds.n, BLOCK):
            some = solve_triangular(
                self.factor, self.kernel(self.train, bonds[b : b + BLOCK]), lower=True, check_finite=False
            )
            explained[b : b + BLOCK] = np.einsum("ij,ij->j", some, some)
        return np.sqrt(
            self.scale * np.maximum(self.kernel.diagonal(bonds) + self.noise - explained, self.noise)
        )

    def left_out(
        self, groups: np.ndarray | None = None, inverse: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Error (label − prediction) and σ of each training bond, (n_train,) in eV, had its group not been
        trained on.

        With the block C = [(K + λI)⁻¹]_gg of a group: error C⁻¹ α_g, variance σ_f² diag C⁻¹ (Rasmussen,
        Williams, eq. 5.12, for groups). Kernel and prior mean stay those of all bonds. `groups` : (n_train,)
        labels; None: each bond alone. `inverse` : (K + λI)⁻¹, where it is known.
        """
        inverse = _inverse(self.factor) if inverse is None else inverse
        if groups is None:
            return self.weights / np.diag(inverse), np.sqrt(self.scale / np.diag(inverse))
        error, variance = np.empty(self.train.n), np.empty(self.train.n)
        for group in np.unique(groups):
            rows = np.flatnonzero(groups == group)
            block = np.linalg.inv(inverse[np.ix_(rows, rows)])
            error[rows], variance[rows] = block @ self.weights[rows], np.diag(block)
        return error, np.sqrt(self.scale * variance)

    def calibrated(self, groups: np.ndarray) -> GaussianProcess:
        """The same with σ_f² such that 90 % of the bonds, each predicted without its group, lie in their 90 %
        interval."""
        error, sigma = self.left_out(groups)
        factor = np.quantile(np.abs(error / sigma), 0.9) / NINETY
        return replace(self, scale=float(self.scale * factor**2))


def fit(
    kernel: Kernel,
    bonds: Features,
    strength: np.ndarray,
    gamma: float,
    mean: str = "none",
    matrix: np.ndarray | None = None,
) -> GaussianProcess:
    """Fit −ICOHP: α = (K + σ_y γ I)⁻¹ (y − m(d)), with σ_y the standard deviation of y and m the prior mean.

    Source: Phys. Rev. Materials 4, 113603, where m = 0.

    Parameters
    ----------
    bonds : n training bonds. strength : (n,) −ICOHP, eV. gamma : relative noise, > 0. mean : ``none``,
    ``constant``, ``curve``.
    matrix : K (n, n) of these bonds, where it is known; it is overwritten.

    Raises
    ------
    ValueError : fewer bonds than parameters, values that are not finite or all equal, or a kernel matrix that
    is not positive
        definite.

    Examples
    --------
    >>> from getl_utils.models.kernels import SquaredExponential
    >>> d = np.linspace(2, 4, 30); bonds = Features(d, np.empty((30, 0)))
    >>> process = fit(SquaredExponential(0.5), bonds, np.exp(-d), 1e-6)
    >>> bool(np.abs(process.predict(bonds) - np.exp(-d)).max() < 1e-4)
    True
    """
    check(kernel, bonds, strength, mean)
    noise = float(strength.std() * gamma)
    curve = fit_curve(bonds.distance, strength, DEGREES[mean])
    rest = strength - curve.predict(bonds.distance)
    matrix = kernel(bonds, bonds) if matrix is None else matrix
    weights = cho_solve((_factor(matrix, noise), True), rest, check_finite=False)
    return GaussianProcess(kernel, bonds, weights, noise, float(rest @ weights) / bonds.n, curve)


def check(kernel: Kernel, bonds: Features, strength: np.ndarray, mean: str) -> None:
    """ValueError that says why these bonds cannot be learned from, if they cannot."""
    if bonds.n != len(strength):
        raise ValueError(f"{bonds.n} training bonds but {len(strength)} values of −ICOHP")
    parameters = len(kernel.logarithms) + 1 + DEGREES[mean] + 1
    if bonds.n < max(2, parameters):
        raise ValueError(
            f"{bonds.n} training bonds: at least two are needed, and as many as the model has parameters ({parameters})"
        )
    if not (
        np.isfinite(strength).all() and np.isfinite(bonds.distance).all() and np.isfinite(bonds.used[0]).all()
    ):
        raise ValueError(
            "the training bonds hold NaN or infinity; look at the bond table and the descriptors"
        )
    if np.ptp(strength) <= 0:
        raise ValueError("all training bonds have the same −ICOHP: there is nothing to learn")


class Evidence(NamedTuple):
    """Log marginal likelihood, no unit, and its derivative by ln p of the kernel's free hyperparameters and,
    last, of ln λ."""

    value: float
    gradient: np.ndarray


def evidence(kernel: Kernel, noise: float, pairs: Pairing, rest: np.ndarray) -> Evidence:
    """ln p(y − m) = −½ n ln(2πe σ_f²) − ½ ln |K + λI| at the best scale σ_f² = (y − m)ᵀ (K + λI)⁻¹ (y − m) / n.

    Its derivative is ½ tr[(αᵀα/σ_f² − (K + λI)⁻¹) ∂K] (Rasmussen, Williams, eq. 5.8 and 5.9).

    Parameters
    ----------
    pairs : training bonds with themselves. noise : λ. rest : (n,) −ICOHP less the prior mean, eV.

    Raises
    ------
    ValueError : the kernel matrix is not positive definite.

    Examples
    --------
    >>> from getl_utils.models.kernels import SquaredExponential
    >>> bonds = Features(np.linspace(2, 4, 30), np.empty((30, 0)))
    >>> y = np.sin(3 * bonds.distance)
    >>> good, bad = (evidence(SquaredExponential(t), 1e-4, Pairing(bonds, bonds), y).value for t in (0.5, 0.01))
    >>> good > bad
    True
    """
    factor = _factor(kernel.of(pairs), noise)
    weights = cho_solve((factor, True), rest, check_finite=False)
    n, scale = len(rest), float(rest @ weights) / len(rest)
    value = -0.5 * n * np.log(2 * np.pi * np.e * scale) - np.log(np.diag(factor)).sum()
    slope = np.outer(weights / scale, weights) - _inverse(factor)
    gradient = [np.vdot(slope, g) for g in kernel.gradients(pairs)] + [noise * np.trace(slope)]
    return Evidence(float(value), 0.5 * np.array(gradient))


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
