"""Ridge regression of several bond types at once, each drawn towards weights that all types share.

y = T a + Σ_t T_t (b_t · F), without penalty on a. The weights of a type are b = μ + δ with the priors
μ ~ N(0, common² P⁻¹) and δ ~ N(0, own² P⁻¹): a hierarchical model (Gelman & Hill, *Data Analysis Using
Regression and Multilevel/Hierarchical Models*, chapter 12). P says which weights should be small or alike.
All sums over bonds are kept by group, so that leaving out a group needs no second pass over the bonds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular

TRUSTED = {"check_finite": False, "overwrite_a": True}  # made here from finite rows


def design(terms: np.ndarray, features: np.ndarray) -> np.ndarray:
    """Build the columns of the regression.

    Parameters
    ----------
    terms : (n, n_distance)
        T_t of each bond.
    features : (n, n_features)
        Its features.

    Returns
    -------
    (n, n_distance · (1 + n_features))
        T_t, then T_t × features for each t.
    """
    return np.hstack([terms, *(terms[:, [t]] * features for t in range(terms.shape[1]))])


def precision(
    n_distance: int, n_species: int, n_radial: int, n_angular: int, alike: float, smooth: Sequence[float]
) -> np.ndarray:
    """P of the weights ordered by (t, element, n, l).

    Parameters
    ----------
    n_distance, n_species, n_radial, n_angular : int
        Number of values of each index.
    alike : float
        Expected correlation of the weights of two neighbours' elements, 0 … 1.
    smooth : (2,)
        How fast high degrees l and high orders t are expected to be smaller: (1 + l²/9)^x and (1 + t²/4)^y.

    Returns
    -------
    (n, n)
        With n the product of the four numbers.
    """
    order, degree = np.arange(n_distance), np.arange(n_angular)
    size = np.multiply.outer(
        (1 + order**2 / 4) ** smooth[1], np.tile((1 + degree**2 / 9) ** smooth[0], n_radial)
    )
    species = np.linalg.inv(alike + (1 - alike) * np.eye(n_species))
    blocks = [np.kron(species, np.diag(row)) for row in size]
    out = np.zeros((n_distance * len(blocks[0]),) * 2)
    for t, block in enumerate(blocks):
        rows = slice(t * len(block), (t + 1) * len(block))
        out[rows, rows] = block
    return out


@dataclass(frozen=True)
class Sums:
    """Gram matrix and moment of each group of bonds of one type, in units of the noise.

    Attributes
    ----------
    by_group : dict
        Group → Gram matrix and moment of the design.
    free : int
        Number of first columns without penalty.
    used : (n,)
        Which of the shared weights the other columns belong to.
    """

    by_group: dict
    free: int
    used: np.ndarray

    @classmethod
    def of(
        cls,
        columns: np.ndarray,
        target: np.ndarray,
        groups: np.ndarray,
        noise: float,
        free: int,
        used: np.ndarray,
    ) -> Sums:
        """Sum the rows of a design.

        Parameters
        ----------
        columns : (n_bonds, n)
            The design.
        target : (n_bonds,)
            y, eV.
        groups : (n_bonds,)
            Group of each row.
        noise : float
            Expected size of the residuals, eV.
        free, used : object
            As of the class.

        Returns
        -------
        Sums
            The sums.
        """
        by_group = {}
        for group in np.unique(groups):
            part = columns[groups == group] / noise
            by_group[group] = part.T @ part, part.T @ (target[groups == group] / noise)
        return cls(by_group, free, used)

    def without(self, group: object = None) -> tuple[np.ndarray, np.ndarray]:
        """Give the Gram matrix and moment of all groups but one.

        Parameters
        ----------
        group : object, optional
            The group that is left out.

        Returns
        -------
        tuple
            Gram matrix and moment.
        """
        gram, moment = self.total
        if group not in self.by_group:
            return gram, moment
        own = self.by_group[group]
        return gram - own[0], moment - own[1]

    @cached_property
    def total(self) -> tuple[np.ndarray, np.ndarray]:
        """Gram matrix and moment of all groups."""
        grams, moments = zip(*self.by_group.values(), strict=True)
        return sum(grams), sum(moments)

    def reduced(self, group: object = None) -> tuple[np.ndarray, np.ndarray]:
        """Give what `without` gives, with the columns without penalty eliminated.

        Parameters
        ----------
        group : object, optional
            The group that is left out.

        Returns
        -------
        tuple
            Gram matrix and moment.
        """
        return self._eliminated(*self.without(group))

    def _eliminated(self, gram: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n = self.free
        step = np.linalg.solve(_inner(gram, n), gram[:n, n:])
        return gram[n:, n:] - gram[n:, :n] @ step, moment[n:] - step.T @ moment[:n]

    def solve(
        self, penalty: np.ndarray, sizes: Sequence[float], shared: np.ndarray, group: object = None
    ) -> list[np.ndarray]:
        """Solve for the weights of the design, once for each size of δ.

        Parameters
        ----------
        penalty : (n, n)
            P, of `precision`.
        sizes : sequence of float
            Prior standard deviations of δ, eV.
        shared : (n,)
            μ.
        group : object, optional
            The group that is left out.

        Returns
        -------
        list of (n_columns,)
            For each size the free ones, then b = μ + δ.
        """
        gram, moment = self.without(group)
        reduced, right = self._eliminated(gram, moment)
        n, mean, prior = self.free, shared[self.used], penalty[np.ix_(self.used, self.used)]
        left, inner = right - reduced @ mean, _inner(gram, n)
        out = []
        for own in sizes:
            b = mean + cho_solve(cho_factor(reduced + prior / own**2, **TRUSTED), left, check_finite=False)
            out.append(np.concatenate([np.linalg.solve(inner, moment[:n] - gram[:n, n:] @ b), b]))
        return out


def _inner(gram: np.ndarray, n: int) -> np.ndarray:
    """The block without penalty, kept solvable for few or equal bonds."""
    return gram[:n, :n] + 1e-9 * np.trace(gram[:n, :n]) / n * np.eye(n)


def shared_weights(
    types: Iterable[Sums], penalty: np.ndarray, common: float, own: float, group: object = None
) -> np.ndarray:
    """Give the posterior mean of μ over all types.

    Parameters
    ----------
    types : iterable of Sums
        The bond types.
    penalty : (n, n)
        P, of `precision`.
    common, own : float
        Prior standard deviations of μ and δ, eV.
    group : object, optional
        The group that is left out.

    Returns
    -------
    (n,)
        μ.
    """
    left, right = penalty / common**2, np.zeros(len(penalty))
    for sums in types:
        if set(sums.by_group) <= {group}:
            continue
        gram, moment = sums.reduced(group)
        prior = penalty[np.ix_(sums.used, sums.used)] / own**2
        root = cholesky(gram + prior, lower=True, **TRUSTED)  # G − G (G + P)⁻¹ G = G − (L⁻¹ G)ᵀ (L⁻¹ G)
        half = solve_triangular(root, np.column_stack([gram, moment]), lower=True, check_finite=False)
        left[np.ix_(sums.used, sums.used)] += gram - half[:, :-1].T @ half[:, :-1]
        right[sums.used] += moment - half[:, :-1].T @ half[:, -1]
    return np.linalg.solve(left, right)
