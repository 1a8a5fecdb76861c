"""How much a cell would teach a linear model, before it is labelled.

σ² of a bond is s(d)² (1 + fᵀ A⁻¹ f), with A = Σ f fᵀ + prior over the training bonds (`linear_type`). It
does not depend on the labels, so what a new cell does to it is known beforehand: with the rows Z = F L⁻ᵀ of
the cell's bonds, A = L Lᵀ, and S the mean of s² z zᵀ over the bonds that shall be predicted, the mean
variance falls by

    tr S − tr S (1 + ZᵀZ)⁻¹ .

A design that makes the mean predictive variance smallest is called I- or V-optimal (Atkinson, Donev and
Tobias, *Optimum Experimental Designs, with SAS*, chapter 10; Chaloner and Verdinelli, Stat. Sci. 10, 273
(1995)).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from getl_utils.models.linear import LinearModel
from getl_utils.models.linear_type import TypeModel, parabola


@dataclass(frozen=True)
class Described:
    """Bonds of one cell, described.

    Attributes
    ----------
    features : (n, n_features)
        From ``bond_expansion.describe``.
    distance : (n,)
        Length of each bond, Å.
    types : (n,) str
        Bond type of each bond.
    """

    features: np.ndarray
    distance: np.ndarray
    types: np.ndarray

    def of(self, bond_type: str) -> tuple[np.ndarray, np.ndarray]:
        """Features and lengths of the bonds of one type.

        Parameters
        ----------
        bond_type : str
            E.g. ``Zr-Cu``.

        Returns
        -------
        tuple
            (n, n_features) and (n,), Å.
        """
        rows = self.types == bond_type
        return self.features[rows], self.distance[rows]


def rows(model: TypeModel, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Bonds in units of the training set's information: z = L⁻¹ (T(d), F).

    Parameters
    ----------
    model : TypeModel
        The model of their type.
    features : (n, n_features)
        From ``bond_expansion.describe``.
    distance : (n,)
        Length of each bond, Å.

    Returns
    -------
    (n, n_distance + n_features)
        The squared length of a row is the leverage.
    """
    return np.hstack([model.polynomials(distance), features]) @ model.factor.T


def scatter(model: TypeModel, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """S: the mean of s² z zᵀ over some bonds, whose trace is their mean s² × leverage.

    Parameters
    ----------
    model : TypeModel
        The model of their type.
    features : (n, n_features)
        From ``bond_expansion.describe``.
    distance : (n,)
        Length of each bond, Å.

    Returns
    -------
    (m, m)
        eV².
    """
    spread = np.exp(parabola(distance, model.span) @ model.spread)
    weighted = rows(model, features, distance) * spread[:, None]
    return weighted.T @ weighted / max(len(distance), 1)


def fall(matrix: np.ndarray, before: np.ndarray, added: np.ndarray) -> float:
    """By how much the mean variance falls when rows are added: tr S M⁻¹ − tr S (M + ZᵀZ)⁻¹.

    Parameters
    ----------
    matrix : (m, m)
        S, of `scatter`.
    before : (m, m)
        M: 1 and the ZᵀZ of what was added before.
    added : (n, m)
        Z, of `rows`.

    Returns
    -------
    float
        eV².
    """
    after = before + added.T @ added
    kept = [float(np.trace(cho_solve(cho_factor(m), matrix))) for m in (before, after)]
    return kept[0] - kept[1]


def gains(
    model: LinearModel,
    pool: Mapping[Hashable, Described],
    predicted: Sequence[Described],
    wanted: Sequence[str],
    chosen: Sequence[Described] = (),
) -> dict[Hashable, float]:
    """By how much each cell would make the mean variance of the wanted types fall.

    Parameters
    ----------
    model : LinearModel
        Trained on what is labelled.
    pool : mapping
        Cell → its bonds.
    predicted : sequence of Described
        The bonds that shall be predicted well.
    wanted : sequence of str
        Bond types that count; those without a model are left out.
    chosen : sequence of Described
        Cells that will be labelled besides, at the same time.

    Returns
    -------
    dict
        Cell → fall of the variance, mean over the types, eV².
    """
    known = [t for t in wanted if t in model.types]
    found = dict.fromkeys(pool, 0.0)
    for bond_type in known:
        one = model.types[bond_type]
        parts = [np.concatenate(part) for part in zip(*(d.of(bond_type) for d in predicted), strict=True)]
        matrix = scatter(one, *parts)
        before = np.eye(len(matrix))
        for also in chosen:
            z = rows(one, *also.of(bond_type))
            before += z.T @ z
        for key, described in pool.items():
            found[key] += fall(matrix, before, rows(one, *described.of(bond_type))) / len(known)
    return found


def mean_sigma(
    model: LinearModel, pool: Mapping[Hashable, Described], wanted: Sequence[str]
) -> dict[Hashable, float]:
    """Mean σ of the bonds of each cell, the simple measure of how little is known of it.

    Parameters
    ----------
    model : LinearModel
        Trained on what is labelled.
    pool : mapping
        Cell → its bonds.
    wanted : sequence of str
        Bond types that count; those without a model are left out.

    Returns
    -------
    dict
        Cell → mean over its bonds, eV; 0 if it has none.
    """
    found = {}
    for key, described in pool.items():
        sigma = [model.evaluate(t, *described.of(t)).sigma for t in wanted if t in model.types]
        every = np.concatenate([*sigma, []])
        found[key] = float(every.mean()) if len(every) else 0.0
    return found
