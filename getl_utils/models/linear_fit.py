"""Training of the linear models of all bond types."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular
from scipy.special import stdtrit

from getl_utils.models import pooled
from getl_utils.models.bond_expansion import BondExpansion, flip
from getl_utils.models.linear_type import TypeModel, chebyshev, parabola

SURE = 0.95  # of the confidence limit of a width
Z90 = 1.6448536269514722  # half a 90 % interval of a normal distribution, in σ


@dataclass(frozen=True)
class Settings:
    """How a model is trained.

    Attributes
    ----------
    n_distance : int
        Number of Chebyshev polynomials T_t of the bond length.
    own : tuple of float
        Expected sizes of what is particular to one bond type, eV per standard deviation of a feature.
        Left-out groups choose one for each type.
    common : float
        Expected size of what all types share, in the same unit.
    alike : float
        Expected correlation of the weights of two neighbours' elements.
    smooth : tuple of float
        How fast weights are expected to fall with the degree l and the order t; see `pooled.precision`.
    fewest : int
        A type with fewer bonds is refused.
    outside : float
        Fraction of the training bonds whose leverage counts as known; a bond beyond is flagged.
    """

    n_distance: int = 5
    own: tuple[float, ...] = (0.007, 0.015, 0.03, 0.06, 0.12)
    common: float = 0.1
    alike: float = 0.93
    smooth: tuple[float, float] = (2.0, 1.0)
    fewest: int = 20
    outside: float = 0.995


def check_rows(
    features: np.ndarray, distance: np.ndarray, strength: np.ndarray, groups: np.ndarray, fewest: int
) -> None:
    """Refuse bonds that cannot be trained on.

    Parameters
    ----------
    features : (n, n_features)
        Features of the bonds of one type.
    distance, strength : (n,)
        Length (Å) and −ICOHP (eV).
    groups : (n,)
        What is left out together.
    fewest : int
        Number of bonds needed.

    Raises
    ------
    ValueError
        They are too few, not finite, duplicated, of one length or of one group.
    """
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
    if distance.min() == distance.max():
        raise ValueError("all bonds have the same length; the model needs bonds of different lengths")
    if len(np.unique(groups)) < 2:
        raise ValueError(
            "all bonds are of one group; name at least two groups, such as the sub-runs of the quench"
        )


@dataclass(frozen=True)
class _Bonds:
    """The training bonds of one type, scaled."""

    terms: np.ndarray
    features: np.ndarray
    distance: np.ndarray
    strength: np.ndarray
    groups: np.ndarray
    used: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """The design."""
        return pooled.design(self.terms, self.features)

    def sums(self) -> pooled.Sums:
        """Sums by group, in units of the noise; the noise is what a weak prior leaves."""
        n, columns = self.terms.shape[1], self.columns
        used = (np.arange(n)[:, None] * len(self.used) + np.flatnonzero(self.used)).ravel()
        penalty = np.r_[np.full(n, 1e-6), np.ones(columns.shape[1] - n)]
        weights = np.linalg.solve(columns.T @ columns + np.diag(penalty), columns.T @ self.strength)
        noise = max(float(np.std(self.strength - columns @ weights)), 1e-4)
        return pooled.Sums.of(columns, self.strength, self.groups, noise, n, used)


def fit_all(
    expansion: BondExpansion, bonds: Mapping[str, tuple[np.ndarray, ...]], settings: Settings
) -> dict[str, TypeModel]:
    """Train all types.

    Parameters
    ----------
    expansion : BondExpansion
        With which the features were computed.
    bonds : mapping
        Bond type → features, distance, strength and groups, as `check_rows` accepts them.
    settings : Settings
        How.

    Returns
    -------
    dict
        Bond type → its model.
    """
    span = min(float(b[1].min()) for b in bonds.values()), max(float(b[1].max()) for b in bonds.values())
    scale = _scale(expansion, np.vstack([b[0] for b in bonds.values()]))
    data = {name: _bonds(expansion, name, rows, scale, span, settings) for name, rows in bonds.items()}
    sums = {name: part.sums() for name, part in data.items()}
    e = expansion.shape
    penalty = pooled.precision(
        settings.n_distance, e.n_species, e.n_radial, e.n_angular, settings.alike, settings.smooth
    )
    tried = {name: {own: np.empty(len(part.strength)) for own in settings.own} for name, part in data.items()}
    for group in sorted({g for part in sums.values() for g in part.by_group}):
        shared = _shared(sums, penalty, settings, group)
        for name, part in data.items():
            _leave_out(part, sums[name], penalty, shared, group, tried[name])
    shared = _shared(sums, penalty, settings)
    return {
        name: _finish(part, sums[name], penalty, shared, tried[name], scale, span, settings)
        for name, part in data.items()
    }


def _bonds(
    expansion: BondExpansion,
    name: str,
    rows: tuple[np.ndarray, ...],
    scale: np.ndarray,
    span: tuple[float, float],
    settings: Settings,
) -> _Bonds:
    """Scale the bonds of one type and select the features it uses: even degrees only for like elements."""
    features, distance, strength, groups = rows
    first, second = name.split("-")
    used = flip(expansion) > 0 if first == second else np.ones(expansion.n_features, bool)
    terms = chebyshev(distance, span, settings.n_distance)
    return _Bonds(terms, features[:, used] / scale[used], distance, strength, groups, used)


def _shared(
    sums: Mapping[str, pooled.Sums], penalty: np.ndarray, settings: Settings, group: object = None
) -> np.ndarray:
    """Weights that all types share, with the middle one of the sizes to choose from."""
    middle = settings.own[len(settings.own) // 2]
    return pooled.shared_weights(sums.values(), penalty, settings.common, middle, group)


def _leave_out(
    part: _Bonds,
    sums: pooled.Sums,
    penalty: np.ndarray,
    shared: np.ndarray,
    group: object,
    tried: dict[float, np.ndarray],
) -> None:
    """Residuals of one group by the models that have not seen it."""
    rows = part.groups == group
    if not rows.any():
        return
    columns = pooled.design(part.terms[rows], part.features[rows])
    solved = sums.solve(penalty, list(tried), shared, group)
    for residual, weights in zip(tried.values(), solved, strict=True):
        residual[rows] = part.strength[rows] - columns @ weights


def _finish(
    part: _Bonds,
    sums: pooled.Sums,
    penalty: np.ndarray,
    shared: np.ndarray,
    tried: dict[float, np.ndarray],
    scale: np.ndarray,
    span: tuple[float, float],
    settings: Settings,
) -> TypeModel:
    """Choose the prior of one type; train it on all groups; find its σ."""
    own = min(tried, key=lambda size: float(np.mean(tried[size] ** 2)))
    n, residual = settings.n_distance, tried[own]
    weights = np.zeros((n, 1 + len(part.used)))
    (solved,) = sums.solve(penalty, [own], shared)
    weights[:, 0], weights[:, 1:][:, part.used] = solved[:n], solved[n:].reshape(n, -1) / scale[part.used]
    factor, known, leverage = _leverages(part, n)
    index = np.r_[np.arange(n), n + np.flatnonzero(part.used)]
    whole = np.zeros((n + len(part.used),) * 2)
    whole[np.ix_(index, index)] = factor / np.r_[np.ones(n), scale[part.used]]
    return TypeModel(
        window=(float(part.distance.min()), float(part.distance.max())),
        span=span,
        weights=weights,
        factor=whole,
        spread=_spread(residual / np.sqrt(1 + leverage), parabola(part.distance, span), part.groups),
        limit=float(np.quantile(known, settings.outside)),
        n_bonds=len(part.strength),
        n_groups=len(sums.by_group),
        own=float(own),
        left_out=float(np.sqrt(np.mean(residual**2))),
    )


def _scale(expansion: BondExpansion, features: np.ndarray) -> np.ndarray:
    """Scale of each feature: the largest standard deviation over the elements; rare ones stay small."""
    n = len(expansion.elements)
    scale = features.std(axis=0).reshape(n, -1).max(axis=0)
    return np.tile(np.maximum(scale, 1e-9), n)


def _leverages(part: _Bonds, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inverse factor, leverage of each bond by all groups, and by the other groups.

    The leverage is fᵀ (Σ f fᵀ + 1)⁻¹ f with f = (T(d), F): how far a bond lies from the training set.
    """
    rows = np.hstack([part.terms, part.features])
    penalty = np.diag(np.r_[np.full(n, 1e-6), np.ones(rows.shape[1] - n)])
    gram, out = rows.T @ rows, np.empty(len(rows))
    for group in np.unique(part.groups):
        own = rows[part.groups == group]
        out[part.groups == group] = _squares(_inverse_factor(gram - own.T @ own + penalty), own)
    factor = _inverse_factor(gram + penalty)
    return factor, _squares(factor, rows), out


def _inverse_factor(matrix: np.ndarray) -> np.ndarray:
    """Inverse of the lower Cholesky factor."""
    return solve_triangular(cholesky(matrix, lower=True), np.eye(len(matrix)), lower=True)


def _squares(factor: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Squared length of each row times the factor."""
    return ((rows @ factor.T) ** 2).sum(axis=1)


def _spread(residual: np.ndarray, shape: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """log s as a parabola of the length, such that 90 % of the bonds of a new group lie in their interval.

    Each group that was left out says how wide the interval must be for its bonds. The width for a group that
    is new to all is the mean of these; G groups know it to sd / √G, so its upper 95 % confidence limit by
    Student's t is taken. It is never less than what all left-out bonds together need.
    """
    size = np.abs(residual)
    spread = np.linalg.lstsq(shape, np.log(np.maximum(size, 1e-6)), rcond=None)[0]
    relative = size / np.exp(shape @ spread)
    needed = np.array([_quantile(relative[groups == group]) for group in np.unique(groups)])
    surely = stdtrit(len(needed) - 1, SURE) / np.sqrt(len(needed))
    new = needed.mean() + surely * needed.std(ddof=1)
    spread[0] += np.log(max(new, _quantile(relative)) / Z90)
    return spread


def _quantile(values: np.ndarray) -> float:
    """The value below which one more of the kind lies with 90 % (Vovk et al., split conformal prediction)."""
    return float(np.quantile(values, min(1.0, 0.9 * (1 + 1 / len(values)))))
