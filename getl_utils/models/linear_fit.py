"""Training of the linear model of one bond type, and what it knows afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from scipy.linalg import solve_triangular

from getl_utils.models.bond_expansion import BondExpansion, flip
from getl_utils.models.ridge import Rows

Z90 = 1.6448536269514722  # half a 90 % interval of a normal distribution, in σ


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Parameters
    ----------
    n_distance : tuple of int
        Numbers of Chebyshev polynomials T_t of the bond length that are tried; left-out groups choose.
    ridges : tuple of float
        Strengths of the prior that are tried; left-out groups choose.
    smoothness : float
        The prior of a weight is stronger for fast changes: by 1 + smoothness · t² with the length of the bond
        and by 1 + smoothness · l² / 4 with the angle.
    fewest : int
        A type with fewer bonds is refused.
    outside : float
        Fraction of the training bonds whose leverage counts as known; a bond beyond is flagged.
    """

    n_distance: tuple[int, ...] = (4, 5, 6)
    ridges: tuple[float, ...] = tuple(10.0**k for k in np.arange(-3, 4.5, 0.5))
    smoothness: float = 1.0
    fewest: int = 20
    outside: float = 0.995


@dataclass(frozen=True)
class TypeModel:
    """A trained model of one bond type.

    −ICOHP = Σ_t T_t(d) [a_t + Σ b_t F], σ = s(d) √(1 + leverage), log s a parabola in d.

    Parameters
    ----------
    window : tuple of float
        Shortest and longest bond of the training set, Å.
    weights : (n_distance, 1 + n_features)
        a_t and b_t, eV.
    factor : (n_distance + n_features, n_distance + n_features)
        Lower triangular; the leverage is the square of its product with (T(d), F).
    spread : (3,)
        log s, s in eV, as a polynomial in the scaled length: constant first.
    limit : float
        Leverage above which a bond lies outside the training set.
    n_bonds, n_groups : int
        What it was trained on.
    n_distance : int
        Number of polynomials of the length that are used.
    ridge : float
        Strength of the prior.
    left_out : float
        Root mean square error of left-out groups, eV.
    """

    window: tuple[float, float]
    weights: np.ndarray
    factor: np.ndarray
    spread: np.ndarray
    limit: float
    n_bonds: int
    n_groups: int
    n_distance: int
    ridge: float
    left_out: float

    @classmethod
    def of(cls, name: str, facts: Mapping, arrays: Mapping[str, np.ndarray]) -> TypeModel:
        """From the facts and arrays that `LinearModel.to_arrays` writes."""
        names = {field.name for field in fields(cls)} - set(facts)
        values = {key: np.asarray(arrays[f"{name}/{key}"], float) for key in names}
        return cls(**values, **{**facts, "window": tuple(facts["window"])})

    def check(self, name: str, n_features: int) -> None:
        """ValueError if an array has not the shape it needs or is not finite."""
        n = len(self.weights)
        shapes = {"weights": (n, 1 + n_features), "factor": (n + n_features,) * 2, "spread": (3,)}
        for key, shape in shapes.items():
            array = getattr(self, key)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(
                    f"type {name}: {key} {array.shape} is damaged, {shape} is expected; train the model again"
                )

    def polynomials(self, distance: np.ndarray) -> np.ndarray:
        """T_t of each length, (n, n_distance)."""
        return chebyshev(distance, self.window, len(self.weights))

    def mean(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Mean of each bond, eV."""
        per_term = self.weights[:, 0] + features @ self.weights[:, 1:].T
        return (self.polynomials(distance) * per_term).sum(axis=1)

    def leverage(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """How far each bond lies from the training set, in units of the training set's information."""
        return ((np.hstack([self.polynomials(distance), features]) @ self.factor.T) ** 2).sum(axis=1)

    def sigma(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray:
        """σ of each bond, eV."""
        return np.exp(parabola(distance, self.window) @ self.spread) * np.sqrt(1 + leverage)

    def outside(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray:
        """True where the training set has nothing alike."""
        return (leverage > self.limit) | (distance < self.window[0]) | (distance > self.window[1])


def scaled(distance: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Length of a bond from −1 to 1 over the window."""
    return (2 * distance - window[0] - window[1]) / (window[1] - window[0])


def chebyshev(distance: np.ndarray, window: tuple[float, float], n: int) -> np.ndarray:
    """T_0 … T_{n−1} of the scaled length, (n_bonds, n)."""
    return np.polynomial.chebyshev.chebvander(scaled(distance, window), n - 1)


def parabola(distance: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """1, x, x² of the scaled length, kept inside the window: (n, 3)."""
    return np.vander(np.clip(scaled(distance, window), -1, 1), 3, increasing=True)


def check_rows(
    features: np.ndarray, distance: np.ndarray, strength: np.ndarray, groups: np.ndarray, fewest: int
) -> None:
    """ValueError if the bonds of a type cannot be trained on."""
    if len(distance) < fewest:
        raise ValueError(
            f"{len(distance)} bonds are too few to train on ({fewest} are needed); label more cells"
        )
    bad = ~(np.isfinite(features).all(axis=1) & np.isfinite(distance) & np.isfinite(strength))
    if bad.any():
        raise ValueError(
            f"{bad.sum()} of {len(bad)} bonds hold NaN or infinity; label or describe their cells again"
        )
    mix = np.random.default_rng(0).normal(size=features.shape[1])
    if len(np.unique(np.column_stack([distance, strength, features @ mix]), axis=0)) < len(distance):
        raise ValueError("a bond occurs twice; remove the duplicated rows")
    if len(np.unique(groups)) < 2:
        raise ValueError(
            "all bonds are of one group; name at least two groups, such as the sub-runs of the quench"
        )


def design(terms: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Columns T_t, then T_t × features for each t."""
    return np.hstack([terms, *(terms[:, [t]] * features for t in range(terms.shape[1]))])


def fit_type(
    expansion: BondExpansion,
    name: str,
    features: np.ndarray,
    distance: np.ndarray,
    strength: np.ndarray,
    groups: np.ndarray,
    settings: Settings,
) -> TypeModel:
    """Train one bond type; arguments as of `linear.fit`.

    Raises
    ------
    ValueError
        Too few bonds, one group only, duplicated rows, or values that are not finite.
    """
    check_rows(features, distance, strength, groups, settings.fewest)
    window = float(distance.min()), float(distance.max())
    if window[0] == window[1]:
        raise ValueError("all bonds have the same length; the model needs bonds of different lengths")
    first, second = name.split("-")
    used = flip(expansion) > 0 if first == second else np.ones(expansion.n_features, bool)
    scale = _scale(expansion, features)[used]
    terms, x = chebyshev(distance, window, max(settings.n_distance)), features[:, used] / scale
    angular = _angular(expansion, settings.smoothness)[used]
    best = min(
        (_trial(terms[:, :n], x, angular, strength, groups, settings) for n in settings.n_distance),
        key=lambda trial: trial.error,
    )
    lever = Rows.of(np.hstack([terms, x]), strength, groups, _penalty(terms.shape[1], angular, 1, 0.0))
    spread = _spread(lever, best.residual, parabola(distance, window), best.ridge)
    factor = solve_triangular(lever.factor(lever.gram, best.ridge), np.eye(lever.gram.shape[0]), lower=True)
    return TypeModel(
        window=window,
        weights=_unscale(best, used, scale, terms.shape[1]),
        factor=_unscale_factor(factor, used, scale, terms.shape[1]),
        spread=spread,
        limit=float(np.quantile(lever.leverage(factor), settings.outside)),
        n_bonds=len(distance),
        n_groups=len(lever.by_group),
        n_distance=best.n_distance,
        ridge=float(best.ridge),
        left_out=best.error,
    )


class Trial(NamedTuple):
    """A number of polynomials with the strength of the prior that suits it, its weights and left-out
    residuals."""

    n_distance: int
    ridge: float
    weights: np.ndarray
    residual: np.ndarray

    @property
    def error(self) -> float:
        """Root mean square error of left-out groups, eV."""
        return float(np.sqrt(np.mean(self.residual**2)))


def _trial(
    terms: np.ndarray,
    x: np.ndarray,
    angular: np.ndarray,
    strength: np.ndarray,
    groups: np.ndarray,
    settings: Settings,
) -> Trial:
    n = terms.shape[1]
    penalty = _penalty(n, angular, n, settings.smoothness)
    rows = Rows.of(design(terms, x), strength, groups, penalty)
    ridge, residual = rows.choose(settings.ridges)
    return Trial(n, ridge, rows.solve(rows.gram, rows.moment, ridge), residual)


def _angular(expansion: BondExpansion, smoothness: float) -> np.ndarray:
    """Relative strength of the prior of each feature: 1 + smoothness · l²/4, (n_features,)."""
    degrees = np.tile(np.arange(expansion.l_max + 1), len(expansion.elements) * expansion.n_radial)
    return 1 + smoothness * degrees**2 / 4


def _penalty(n_free: int, angular: np.ndarray, n_blocks: int, smoothness: float) -> np.ndarray:
    """Relative strength of the prior of each column: 0 for the terms of the length alone."""
    blocks = [(1 + smoothness * t**2) * angular for t in range(n_blocks)]
    return np.concatenate([np.zeros(n_free), *blocks])


def _scale(expansion: BondExpansion, features: np.ndarray) -> np.ndarray:
    """Scale of each feature: the largest standard deviation over the neighbour's elements, so that rare ones
    stay small."""
    n = len(expansion.elements)
    scale = features.std(axis=0).reshape(n, -1).max(axis=0)
    return np.tile(np.maximum(scale, 1e-9), n)


def _unscale(trial: Trial, used: np.ndarray, scale: np.ndarray, n_rows: int) -> np.ndarray:
    """Weights of scaled and selected features → (n_rows, 1 + n_features); 0 for polynomials that are not
    used."""
    n, out = trial.n_distance, np.zeros((n_rows, 1 + len(used)))
    out[:n, 0] = trial.weights[:n]
    out[:n, 1:][:, used] = trial.weights[n:].reshape(n, -1) / scale
    return out


def _unscale_factor(factor: np.ndarray, used: np.ndarray, scale: np.ndarray, n: int) -> np.ndarray:
    """Factor for scaled and selected features → square, for (T, F)."""
    index = np.r_[np.arange(n), n + np.flatnonzero(used)]
    out = np.zeros((n + len(used),) * 2)
    out[np.ix_(index, index)] = factor / np.r_[np.ones(n), scale]
    return out


def _spread(lever: Rows, residual: np.ndarray, shape: np.ndarray, ridge: float) -> np.ndarray:
    """log s as a parabola of the length, moved so that 90 % of the left-out residuals lie in their
    interval."""
    size = np.abs(residual) / np.sqrt(1 + lever.left_out_leverage(ridge))
    spread = np.linalg.lstsq(shape, np.log(np.maximum(size, 1e-6)), rcond=None)[0]
    spread[0] += np.log(np.quantile(size / np.exp(shape @ spread), 0.9) / Z90)
    return spread
