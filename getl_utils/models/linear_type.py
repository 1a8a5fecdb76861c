"""The trained linear model of one bond type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np


@dataclass(frozen=True)
class TypeModel:
    """A trained model of one bond type.

    −ICOHP = Σ_t T_t(d) [a_t + Σ b_t F], σ = s(d) √(1 + leverage), log s a parabola in d.

    Attributes
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
        """Make the model again that `LinearModel.to_arrays` took apart.

        Parameters
        ----------
        name : str
            Bond type.
        facts : mapping
            Facts of this type.
        arrays : mapping
            Arrays of all types.

        Returns
        -------
        TypeModel
            The model.
        """
        names = {field.name for field in fields(cls)} - set(facts)
        values = {key: np.asarray(arrays[f"{name}/{key}"], float) for key in names}
        return cls(**values, **{**facts, "window": tuple(facts["window"]), "span": tuple(facts["span"])})

    def check(self, name: str, n_features: int) -> None:
        """Refuse damaged arrays.

        Parameters
        ----------
        name : str
            Bond type, for the message.
        n_features : int
            Length of a feature vector.

        Raises
        ------
        ValueError
            An array has not the shape it needs, or is not finite.
        """
        n = len(self.weights)
        shapes = {"weights": (n, 1 + n_features), "factor": (n + n_features,) * 2, "spread": (3,)}
        for key, shape in shapes.items():
            array = getattr(self, key)
            if array.shape != shape or not np.isfinite(array).all():
                raise ValueError(
                    f"type {name}: {key} {array.shape} is damaged, {shape} is expected; train the model again"
                )

    def polynomials(self, distance: np.ndarray) -> np.ndarray:
        """Evaluate the polynomials of the length; beyond the window they go on as straight lines.

        Parameters
        ----------
        distance : (n,)
            Length, Å.

        Returns
        -------
        (n, n_distance)
            T_t of each bond.
        """
        n, inside = len(self.weights), np.clip(distance, *self.window)
        slopes = np.polynomial.chebyshev.chebder(np.eye(n))
        terms = chebyshev(inside, self.span, n)
        beyond = scaled(distance, self.span) - scaled(inside, self.span)
        return terms + beyond[:, None] * (chebyshev(inside, self.span, max(n - 1, 1)) @ slopes)

    def mean(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Estimate −ICOHP.

        Parameters
        ----------
        features : (n, n_features)
            Of each bond.
        distance : (n,)
            Length, Å.

        Returns
        -------
        (n,)
            Mean, eV.
        """
        per_term = self.weights[:, 0] + features @ self.weights[:, 1:].T
        return (self.polynomials(distance) * per_term).sum(axis=1)

    def leverage(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Measure how far each bond lies from the training set.

        Parameters
        ----------
        features, distance : ndarray
            As of `mean`.

        Returns
        -------
        (n,)
            In units of the training set's information.
        """
        return ((np.hstack([self.polynomials(distance), features]) @ self.factor.T) ** 2).sum(axis=1)

    def sigma(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray:
        """Give the standard deviation of each bond.

        Parameters
        ----------
        distance : (n,)
            Length, Å.
        leverage : (n,)
            From `leverage`.

        Returns
        -------
        (n,)
            σ, eV.
        """
        return np.exp(parabola(distance, self.span) @ self.spread) * np.sqrt(1 + leverage)

    def outside(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray:
        """Tell which bonds are unlike the training set.

        Parameters
        ----------
        distance : (n,)
            Length, Å.
        leverage : (n,)
            From `leverage`.

        Returns
        -------
        (n,) bool
            True where the training set has nothing alike.
        """
        return (leverage > self.limit) | (distance < self.window[0]) | (distance > self.window[1])


def scaled(distance: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Scale lengths.

    Parameters
    ----------
    distance : (n,)
        Length, Å.
    span : (float, float)
        Shortest and longest, Å.

    Returns
    -------
    (n,)
        −1 to 1 over the span.
    """
    return (2 * distance - span[0] - span[1]) / (span[1] - span[0])


def chebyshev(distance: np.ndarray, span: tuple[float, float], n: int) -> np.ndarray:
    """Evaluate T_0 … T_{n−1} of the scaled length.

    Parameters
    ----------
    distance, span : array_like
        As of `scaled`.
    n : int
        Number of polynomials.

    Returns
    -------
    (n_bonds, n)
        The polynomials.
    """
    return np.polynomial.chebyshev.chebvander(scaled(distance, span), n - 1)


def parabola(distance: np.ndarray, span: tuple[float, float]) -> np.ndarray:
    """Give 1, x, x² of the scaled length x, kept inside the span.

    Parameters
    ----------
    distance, span : array_like
        As of `scaled`.

    Returns
    -------
    (n, 3)
        The powers.
    """
    return np.vander(np.clip(scaled(distance, span), -1, 1), 3, increasing=True)
