"""The rival of the linear model: a Gaussian process of one bond type on the same features.

k = exp(−(d − d')²/2θ²) · [w + exp(−|F − F'|²/2ℓ²N) + c F·F'/N], F standardised and multiplied by exp(−αl), l
the Legendre order, N its length. For bonds of like elements the last two terms are averaged over both
directions of the axis. The formulas are those of Rasmussen and Williams, Gaussian Processes for Machine
Learning (2006), chapters 4 and 5.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize

from getl_utils.models.bond_expansion import BondExpansion, flip

JITTER = 1e-8  # part of the mean diagonal that is added, so that the matrix is positive in double precision
DAMPINGS = (0.0, 0.15, 0.3, 0.5)  # α; the marginal likelihood decides
STARTS = ((1.0, 1.6, 2.7, 0.14, 7e-3), (0.5, 1.0, 20.0, 0.37, 5e-2))  # θ, ℓ, w, c, noise; both are tried


@dataclass(frozen=True)
class Numbers:
    """Hyperparameters.

    Attributes
    ----------
    theta : float
        θ, Å.
    length : float
        ℓ, without unit.
    floor : float
        w, share of bonds of one length in common.
    linear : float
        c.
    noise : float
        Variance of the labels relative to that of the process.
    """

    theta: float
    length: float
    floor: float
    linear: float
    noise: float


class Pairs(NamedTuple):
    """What every kernel needs of n × m pairs of bonds; `flipped` entries are None for unlike elements."""

    distance: np.ndarray
    square: np.ndarray
    product: np.ndarray
    flipped_square: np.ndarray | None
    flipped_product: np.ndarray | None


def _squares(a: np.ndarray, b: np.ndarray, product: np.ndarray) -> np.ndarray:
    """|a − b|² from the products, (n, m)."""
    return np.maximum((a**2).sum(1)[:, None] + (b**2).sum(1) - 2 * product, 0)


def _pairs(
    d1: np.ndarray, x1: np.ndarray, d2: np.ndarray, x2: np.ndarray, turned: np.ndarray | None
) -> Pairs:
    """`turned` holds the features of the second bonds with the axis turned round."""
    n = x1.shape[1]
    product = x1 @ x2.T
    pairs = Pairs((d1[:, None] - d2) ** 2, _squares(x1, x2, product) / n, product / n, None, None)
    if turned is None:
        return pairs
    other = x1 @ turned.T
    return pairs._replace(flipped_square=_squares(x1, turned, other) / n, flipped_product=other / n)


def _kernel(pairs: Pairs, h: Numbers) -> np.ndarray:
    """k of each pair, (n, m)."""
    near, product = np.exp(-pairs.square / (2 * h.length**2)), pairs.product
    if pairs.flipped_square is not None:
        near = 0.5 * (near + np.exp(-pairs.flipped_square / (2 * h.length**2)))
        product = 0.5 * (product + pairs.flipped_product)
    return np.exp(-pairs.distance / (2 * h.theta**2)) * (h.floor + near + h.linear * product)


@dataclass(frozen=True)
class BondProcess:
    """A fitted process of one bond type.

    Attributes
    ----------
    numbers : Numbers
        Hyperparameters.
    centre, scale : (n_features,)
        With which the features are standardised and damped.
    sign : (n_features,)
        Factor of each feature when the axis is turned round; all 1 for unlike elements.
    distance : (n,)
        Length of each training bond, Å.
    features : (n, n_features)
        Standardised features of the training bonds.
    weights : (n,)
        (K + noise)⁻¹ y, eV.
    """

    numbers: Numbers
    centre: np.ndarray
    scale: np.ndarray
    sign: np.ndarray
    distance: np.ndarray
    features: np.ndarray
    weights: np.ndarray

    def predict(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Mean −ICOHP of each bond.

        Parameters
        ----------
        features : (m, n_features)
            From ``bond_expansion.describe``.
        distance : (m,)
            Length, Å.

        Returns
        -------
        (m,)
            eV.
        """
        turned = self._turned(self.features)
        x = (features - self.centre) / self.scale
        return _kernel(_pairs(distance, x, self.distance, self.features, turned), self.numbers) @ self.weights

    def _turned(self, x: np.ndarray) -> np.ndarray | None:
        """Standardised features with the axis turned round; None for unlike elements."""
        if (self.sign > 0).all():
            return None
        return ((x * self.scale + self.centre) * self.sign - self.centre) / self.scale


def fit(
    expansion: BondExpansion,
    name: str,
    features: np.ndarray,
    distance: np.ndarray,
    strength: np.ndarray,
    n_tune: int = 500,
    seed: int = 0,
) -> BondProcess:
    """Fit the process of one bond type; the marginal likelihood of `n_tune` bonds sets the hyperparameters.

    Parameters
    ----------
    expansion : BondExpansion
        With which the features were computed.
    name : str
        Bond type, such as ``"Zr-Cu"``.
    features : (n, n_features)
        Features of the training bonds.
    distance : (n,)
        Length, Å.
    strength : (n,)
        −ICOHP, eV.
    n_tune : int
        Bonds on which the hyperparameters are set, at most.
    seed : int
        Of the choice of these bonds.

    Returns
    -------
    BondProcess
        The process.

    Raises
    ------
    ValueError
        A number is not finite.

    Examples
    --------
    >>> e, rng = BondExpansion(("Cu",), n_radial=2, l_max=1), np.random.default_rng(0)
    >>> F, d = rng.normal(size=(60, 4)), rng.uniform(2, 3, 60)
    >>> process = fit(e, "Cu-Cu", F, d, np.exp(-d))
    >>> bool(np.abs(process.predict(F, d) - np.exp(-d)).max() < 0.01)
    True
    """
    if not (np.isfinite(features).all() and np.isfinite(distance).all() and np.isfinite(strength).all()):
        raise ValueError(f"{name}: bonds hold NaN or infinity; label or describe their cells again")
    first, second = name.split("-")
    sign = flip(expansion) if first == second else np.ones(expansion.n_features)
    both = np.vstack([features, features * sign])
    centre, scale = both.mean(axis=0), np.maximum(both.std(axis=0), 1e-9)
    chosen = np.random.default_rng(seed).permutation(len(distance))[:n_tune]
    tried = []
    for alpha in DAMPINGS:
        damped = scale / _damping(expansion, alpha)
        x = (features - centre) / damped
        bare = BondProcess(Numbers(*STARTS[0]), centre, damped, sign, distance, x, np.zeros(0))
        tried.append((*_tune(_own_pairs(bare, chosen), strength[chosen]), bare))
    _, numbers, best = min(tried, key=lambda one: one[0])
    covariance = _noisy(_kernel(_own_pairs(best, np.arange(len(distance))), numbers), numbers.noise)
    weights = cho_solve(cho_factor(covariance, lower=True), strength)
    return replace(best, numbers=numbers, weights=weights)


def _damping(expansion: BondExpansion, alpha: float) -> np.ndarray:
    """exp(−αl) of each feature, its mean square 1."""
    orders = np.tile(np.arange(expansion.l_max + 1), expansion.n_features // (expansion.l_max + 1))
    factor = np.exp(-alpha * orders)
    return factor / np.sqrt(np.mean(factor**2))


def _noisy(covariance: np.ndarray, noise: float) -> np.ndarray:
    """K with noise on its diagonal, in place."""
    diagonal = np.diag_indices(len(covariance))
    covariance[diagonal] += noise + JITTER * covariance[diagonal].mean()
    return covariance


def _own_pairs(process: BondProcess, rows: np.ndarray) -> Pairs:
    """Pairs of training bonds."""
    d, x = process.distance[rows], process.features[rows]
    return _pairs(d, x, d, x, process._turned(x))


def _tune(pairs: Pairs, strength: np.ndarray) -> tuple[float, Numbers]:
    """Least negative log marginal likelihood, and its hyperparameters, from both starts."""
    found = [
        minimize(
            lambda p: _cost(np.exp(p), pairs, strength),
            np.log(start),
            method="Nelder-Mead",
            options={"maxiter": 200, "xatol": 0.03, "fatol": 0.2},
        )
        for start in STARTS
    ]
    best = min(found, key=lambda f: f.fun)
    return float(best.fun), Numbers(*np.exp(best.x).tolist())


def _cost(values: np.ndarray, pairs: Pairs, strength: np.ndarray) -> float:
    """Negative log marginal likelihood, its scale set by the data; infinite where K is not positive."""
    covariance = _noisy(_kernel(pairs, Numbers(*values)), values[-1])
    try:
        factor = cho_factor(covariance, lower=True)
    except np.linalg.LinAlgError:
        return np.inf
    n, fit_term = len(strength), strength @ cho_solve(factor, strength)
    return 0.5 * n * np.log(fit_term / n) + np.log(np.diag(factor[0])).sum()
