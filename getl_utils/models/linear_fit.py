"""Training of the linear model of one bond type, and what it knows afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular

from getl_utils.models.bond_expansion import BondExpansion, flip

Z90 = 1.6448536269514722  # half a 90 % interval of a normal distribution, in σ


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Parameters
    ----------
    n_distance : int
        Number of Chebyshev polynomials T_t of the bond length.
    ridges : tuple of float
        Strengths of the prior that are tried; left-out groups choose.
    fewest : int
        A type with fewer bonds is refused.
    outside : float
        Fraction of the training bonds whose leverage counts as known; a bond beyond is flagged.
    """

    n_distance: int = 4
    ridges: tuple[float, ...] = tuple(10.0**k for k in np.arange(-3, 4.5, 0.5))
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
    terms, x = chebyshev(distance, window, settings.n_distance), features[:, used] / scale
    rows = Rows.of(design(terms, x), strength, groups, settings.n_distance)
    ridge, residual = rows.choose(settings.ridges)
    weights = rows.solve(rows.gram, rows.moment, ridge)
    lever = Rows.of(np.hstack([terms, x]), strength, groups, settings.n_distance)
    spread = _spread(lever, residual, parabola(distance, window), ridge)
    factor = solve_triangular(lever.factor(lever.gram, ridge), np.eye(lever.gram.shape[0]), lower=True)
    leverage = lever.leverage(factor)
    return TypeModel(
        window=window,
        weights=_unscale(weights, used, scale, settings.n_distance),
        factor=_unscale_factor(factor, used, scale, settings.n_distance),
        spread=spread,
        limit=float(np.quantile(leverage, settings.outside)),
        n_bonds=len(distance),
        n_groups=len(rows.by_group),
        ridge=float(ridge),
        left_out=float(np.sqrt(np.mean(residual**2))),
    )


def _scale(expansion: BondExpansion, features: np.ndarray) -> np.ndarray:
    """Scale of each feature: the largest standard deviation over the neighbour's elements, so that rare ones stay small."""
    n = len(expansion.elements)
    scale = features.std(axis=0).reshape(n, -1).max(axis=0)
    return np.tile(np.maximum(scale, 1e-9), n)


def _unscale(weights: np.ndarray, used: np.ndarray, scale: np.ndarray, n: int) -> np.ndarray:
    """Weights of scaled and selected features → (n_distance, 1 + n_features)."""
    out = np.zeros((n, 1 + len(used)))
    out[:, 0] = weights[:n]
    out[:, 1:][:, used] = weights[n:].reshape(n, -1) / scale
    return out


def _unscale_factor(factor: np.ndarray, used: np.ndarray, scale: np.ndarray, n: int) -> np.ndarray:
    """Factor for scaled and selected features → square, for (T, F)."""
    index = np.r_[np.arange(n), n + np.flatnonzero(used)]
    out = np.zeros((n + len(used),) * 2)
    out[np.ix_(index, index)] = factor / np.r_[np.ones(n), scale]
    return out


@dataclass(frozen=True)
class Rows:
    """Sums over the rows of a design, whole and by group: leaving out a group needs no second pass over the rows."""

    design: np.ndarray
    target: np.ndarray
    gram: np.ndarray
    moment: np.ndarray
    by_group: list[tuple[np.ndarray, np.ndarray, np.ndarray]]
    free: int

    @classmethod
    def of(cls, design: np.ndarray, target: np.ndarray, groups: np.ndarray, free: int) -> Rows:
        """The first `free` columns carry no penalty."""
        by_group = []
        for group in np.unique(groups):
            rows = groups == group
            part = design[rows]
            by_group.append((rows, part.T @ part, part.T @ target[rows]))
        gram, moment = sum(g for _, g, _ in by_group), sum(m for _, _, m in by_group)
        return cls(design, target, gram, moment, by_group, free)

    def factor(self, gram: np.ndarray, ridge: float) -> np.ndarray:
        """Lower Cholesky factor of the penalized gram matrix."""
        penalty = np.full(len(gram), ridge)
        penalty[: self.free] = 1e-8 * np.trace(gram) / len(gram)
        return cholesky(gram + np.diag(penalty), lower=True)

    def solve(self, gram: np.ndarray, moment: np.ndarray, ridge: float) -> np.ndarray:
        """Weights."""
        return cho_solve((self.factor(gram, ridge), True), moment)

    def left_out(self, ridge: float) -> np.ndarray:
        """Residual of each row by the model that has not seen its group."""
        residual = np.empty(len(self.target))
        for rows, gram, moment in self.by_group:
            weights = self.solve(self.gram - gram, self.moment - moment, ridge)
            residual[rows] = self.target[rows] - self.design[rows] @ weights
        return residual

    def choose(self, ridges: tuple[float, ...]) -> tuple[float, np.ndarray]:
        """The strength of the prior with the smallest left-out error, and the residuals it leaves."""
        tried = {ridge: self.left_out(ridge) for ridge in ridges}
        best = min(tried, key=lambda ridge: float(np.mean(tried[ridge] ** 2)))
        return best, tried[best]

    def leverage(self, inverse: np.ndarray) -> np.ndarray:
        """Squared length of each row times the inverse factor."""
        return ((self.design @ inverse.T) ** 2).sum(axis=1)

    def left_out_leverage(self, ridge: float) -> np.ndarray:
        """Leverage of each row with respect to the other groups."""
        out = np.empty(len(self.target))
        for rows, gram, _ in self.by_group:
            factor = self.factor(self.gram - gram, ridge)
            out[rows] = (solve_triangular(factor, self.design[rows].T, lower=True) ** 2).sum(axis=0)
        return out


def _spread(lever: Rows, residual: np.ndarray, shape: np.ndarray, ridge: float) -> np.ndarray:
    """log s as a parabola of the length, moved so that 90 % of the left-out residuals lie in their interval."""
    size = np.abs(residual) / np.sqrt(1 + lever.left_out_leverage(ridge))
    spread = np.linalg.lstsq(shape, np.log(np.maximum(size, 1e-6)), rcond=None)[0]
    spread[0] += np.log(np.quantile(size / np.exp(shape @ spread), 0.9) / Z90)
    return spread
