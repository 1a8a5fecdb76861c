"""The trained linear model of one bond type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class TypeModel:
    """A trained model of one bond type.

    −ICOHP = Σ_t T_t(d) [a_t + Σ b_t F], σ = s(d) √(1 + leverage), log s a parabola in d.

    Parameters
    ----------
    window : tuple of float
        Shortest and longest bond of this type in the training set, Å.
    span : tuple of float
        Shortest and longest bond of all types, Å; lengths are scaled with it.
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
    own : float
        Expected size of what is particular to this type, eV; chosen by left-out groups.
    left_out : float
        Root mean square error of left-out groups, eV.
    """

    window: tuple[float, float]
    span: tuple[float, float]
    weights: np.ndarray
    factor: np.ndarray
    spread: np.ndarray
    limit: float
    n_bonds: int
    n_groups: int
    own: float
    left_out: float

    @classmethod
    def of(cls, name: str, facts: Mapping, arrays: Mapping[str, np.ndarray]) -> TypeModel:
        """From the facts and arrays that `LinearModel.to_arrays` writes."""
        names = {field.name for field in fields(cls)} - set(facts)
        values = {key: np.asarray(arrays[f"{name}/{key}"], float) for key in names}
        return cls(**values, **{**facts, "window": tuple(facts["window"]), "span": tuple(facts["span"])})

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
        """T_t of each length, (n, n_distance); beyond the window they go on as straight lines."""
        n, inside = len(self.weights), np.clip(distance, *self.window)
        slopes = np.polynomial.chebyshev.chebder(np.eye(n))
        terms = chebyshev(inside, self.span, n)
        beyond = scaled(distance, self.span) - scaled(inside, self.span)
        return terms + beyond[:, None] * (chebyshev(inside, self.span, max(n - 1, 1)) @ slopes)

    def mean(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Mean of each bond, eV."""
        per_term = self.weights[:, 0] + features @ self.weights[:, 1:].T
        return (self.polynomials(distance) * per_term).sum(axis=1)

    def leverage(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """How far each bond lies from the training set, in units of the training set's information."""
        return ((np.hstack([self.polynomials(distance), features]) @ self.factor.T) ** 2).sum(axis=1)

    def sigma(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray:
        """σ of each bond, eV."""
        return np.exp(parabola(distance, self.span) @ self.spread) * np.sqrt(1 + leverage)

    def outside(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray:
        """True where the training set has nothing alike."""
        return (leverage > self.limit) | (distance < self.window[0]) | (distance > self.window[1])


def scaled(distance: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Length of a bond from −1 to 1 over the span."""
    return (2 * distance - span[0] - span[1]) / (span[1] - span[0])


def chebyshev(distance: np.ndarray, span: tuple[float, float], n: int) -> np.ndarray:
    """T_0 … T_{n−1} of the scaled length, (n_bonds, n)."""
    return np.polynomial.chebyshev.chebvander(scaled(distance, span), n - 1)


def parabola(distance: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """1, x, x² of the scaled length, kept inside the span: (n, 3)."""
    return np.vander(np.clip(scaled(distance, span), -1, 1), 3, increasing=True)
