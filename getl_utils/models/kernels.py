"""The published kernel between bonds, and its form that is cheap to evaluate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg.blas import dsyrk


class Bonds(NamedTuple):
    """What the kernel sees of n bonds.

    Attributes
    ----------
    distance : (n,)
        Length, Å.
    soap : (n, m)
        Mean of the SOAP vectors of the two atoms.
    """

    distance: np.ndarray
    soap: np.ndarray

    def __getitem__(self, rows) -> Bonds:  # type: ignore[override]
        """Some of the bonds."""
        return Bonds(self.distance[rows], self.soap[rows])


@dataclass(frozen=True)
class PublishedKernel:
    """k = exp(−(d − d′)² / 2θ²) (s·s′)^ζ (Phys. Rev. Materials 4, 113603).

    With s = (A + B)/2, the mean of the two atoms' vectors, s·s′ = ¼ (A·A′ + B·B′ + A·B′ + B·A′): the bond
    A–B is the bond B–A.

    Attributes
    ----------
    zeta : float
        Exponent ζ.
    theta : float
        Length θ, Å.

    Examples
    --------
    >>> bonds = Bonds(np.array([2.5, 3.0]), np.ones((2, 1)))
    >>> PublishedKernel(1, 0.5)(bonds, bonds).round(4).tolist()
    [[1.0, 0.6065], [0.6065, 1.0]]
    """

    zeta: float
    theta: float

    def __call__(self, x: Bonds, y: Bonds) -> np.ndarray:
        """k of all pairs, (n_x, n_y)."""
        alike = _gram(x.soap) if x.soap is y.soap else x.soap @ y.soap.T
        if self.zeta != 1:
            alike = np.maximum(alike, 0) ** self.zeta
        gap = (x.distance[:, None] - y.distance) / self.theta
        return alike * np.exp(-0.5 * gap**2)

    def diagonal(self, x: Bonds) -> np.ndarray:
        """Evaluate k of each bond with itself.

        Parameters
        ----------
        x : Bonds
            The n bonds.

        Returns
        -------
        (n,)
            k(x, x).
        """
        return np.einsum("ij,ij->i", x.soap, x.soap) ** self.zeta


def _gram(vectors: np.ndarray) -> np.ndarray:
    """Scalar products of all pairs, (n, n); half the work of a matrix product."""
    upper = dsyrk(1.0, np.ascontiguousarray(vectors).T, trans=1)
    return upper + np.triu(upper, 1).T


def _points(low: float, high: float, n: int) -> np.ndarray:
    """Chebyshev points of the second kind on [low, high], (n,)."""
    return 0.5 * (low + high) + 0.5 * (high - low) * np.cos(np.pi * np.arange(n) / (n - 1))


def lagrange(x: np.ndarray, low: float, high: float, n: int) -> np.ndarray:
    """Lagrange polynomials on n Chebyshev points (Berrut, Trefethen, SIAM Rev. 46, 501 (2004)).

    Parameters
    ----------
    x : (k,)
        Where they are evaluated.
    low, high : float
        The interval.
    n : int
        Number of points.

    Returns
    -------
    (k, n)
        Value of each polynomial.

    Examples
    --------
    >>> x = np.linspace(2, 4, 50)
    >>> bool(np.abs(lagrange(x, 2, 4, 20) @ np.exp(_points(2, 4, 20)) - np.exp(x)).max() < 1e-12)
    True
    """
    signs = np.where(np.arange(n) % 2, -1.0, 1.0)
    signs[[0, -1]] *= 0.5
    gap = np.asarray(x, float)[:, None] - _points(low, high, n)
    hit = np.abs(gap) < 1e-15 * max(abs(low), abs(high))
    basis = signs / np.where(hit, 1.0, gap)
    basis /= basis.sum(axis=1, keepdims=True)
    basis[hit.any(axis=1)] = hit[hit.any(axis=1)]
    return basis


def contract(
    kernel: PublishedKernel, train: Bonds, weights: np.ndarray, low: float, high: float
) -> np.ndarray:
    """Sum the training bonds once for all.

    The sums are W_m = Σ_i α_i exp(−(t_m − d_i)² / 2θ²) s_i at Chebyshev points t_m. With ζ = 1 the
    prediction is linear in s and smooth in d, so Σ_m L_m(d) W_m·s is the direct sum, to rounding.

    Parameters
    ----------
    kernel : PublishedKernel
        With ζ = 1.
    train : Bonds
        Training bonds.
    weights : (n,)
        Their α, eV.
    low, high : float
        Interval of lengths on which it shall hold, Å.

    Returns
    -------
    (n_points, m)
        W; evaluate it with `lagrange`.

    Raises
    ------
    ValueError
        ζ is not 1.
    """
    if kernel.zeta != 1:
        raise ValueError(
            f"ζ = {kernel.zeta}: only ζ = 1 is linear in the SOAP vectors; predict by the direct sum"
        )
    points = _points(low, high, int(14 + 7 * (high - low) / kernel.theta))
    near = np.exp(-0.5 * ((points[:, None] - train.distance) / kernel.theta) ** 2) * weights
    return near @ train.soap


def evaluate(form: np.ndarray, bonds: Bonds, low: float, high: float) -> np.ndarray:
    """Predict by the contracted form.

    Parameters
    ----------
    form : (n_points, m)
        From `contract`.
    bonds : Bonds
        The n bonds, of lengths within the interval.
    low, high : float
        The interval of `contract`, Å.

    Returns
    -------
    (n,)
        −ICOHP, eV.
    """
    return np.einsum("nm,nm->n", lagrange(bonds.distance, low, high, len(form)), bonds.soap @ form.T)
