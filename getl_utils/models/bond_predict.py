"""Prediction of all bonds of a cell: one pass over the atoms, nothing stored but the results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import exp, sqrt
from typing import NamedTuple, Protocol

import numpy as np
from ase import Atoms
from numba import njit

from getl_utils.models import bins as space
from getl_utils.models import bond_loops as loops
from getl_utils.models.bins import Bins
from getl_utils.models.bond_expansion import BondExpansion, reach_of, window_table

CHUNK = 2000  # atoms that one thread works on at a time


class Prediction(NamedTuple):
    """Bonds of a cell, sorted by (i, j, T).

    Attributes
    ----------
    bonds : (n, 5) int
        i, j and T: the vector r_j + T·cell − r_i.
    names : list of str
        The bond types.
    types : (n,) int
        Index into `names`.
    distance : (n,)
        Length, Å.
    mean, sigma : (n,)
        −ICOHP and its standard deviation, eV; `sigma` is empty if it was not asked for.
    outside : (n,) bool
        True where the training set has nothing alike; empty if `sigma` was not asked for.
    """

    bonds: np.ndarray
    names: list[str]
    types: np.ndarray
    distance: np.ndarray
    mean: np.ndarray
    sigma: np.ndarray
    outside: np.ndarray


class Trained(Protocol):
    """What the loops need of the model of one bond type; see `linear_fit.TypeModel`."""

    window: tuple[float, float]
    weights: np.ndarray
    factor: np.ndarray
    spread: np.ndarray
    limit: float


class Tables(NamedTuple):
    """The models of all types, stacked."""

    index: np.ndarray
    windows: np.ndarray
    weights: np.ndarray
    factors: np.ndarray
    spreads: np.ndarray
    limits: np.ndarray

    @classmethod
    def of(cls, expansion: BondExpansion, types: Sequence[Trained], names: Sequence[str]) -> Tables:
        """Stack the models; `index` (element, element) → place in the stack."""
        index = np.full((len(expansion.elements),) * 2, -1, np.int64)
        for n, name in enumerate(names):
            a, b = (expansion.elements.index(element) for element in name.split("-"))
            index[a, b] = index[b, a] = n
        return cls(
            index,
            np.array([t.window for t in types]),
            np.array([t.weights for t in types]),
            np.array([t.factor for t in types]),
            np.array([t.spread for t in types]),
            np.array([t.limit for t in types]),
        )


def predict_all(
    expansion: BondExpansion,
    tables: Tables,
    atoms: Atoms,
    windows: Mapping[str, tuple[float, float]],
    sigma: bool,
    threads: int,
) -> Prediction:
    """All bonds of a cell within `windows`; arguments as of `linear.LinearModel.predict`."""
    species, window = expansion.species(atoms), window_table(expansion, windows)
    reach = reach_of(expansion, window[..., 1].max())
    bins = space.sort(atoms, species, reach)
    n_bonds = np.zeros(len(atoms), np.int64)
    with ThreadPoolExecutor(threads) as pool:
        chunks = [(low, min(low + CHUNK, len(atoms))) for low in range(0, len(atoms), CHUNK)]
        most = max(pool.map(lambda c: loops.count(bins, window, reach, *c, n_bonds), chunks), default=0)
        first, n = np.cumsum(n_bonds) - n_bonds, int(n_bonds.sum())
        out = Prediction(
            np.empty((n, 5), np.int64),
            list(windows),
            np.empty(n, np.int64),
            np.empty(n),
            np.empty(n),
            np.empty(n if sigma else 0),
            np.empty(n if sigma else 0, bool),
        )
        arrays = (out.bonds, out.types, out.distance, out.mean, out.sigma, out.outside)
        shape = expansion.shape
        list(
            pool.map(lambda c: _predict(bins, window, reach, most, *c, first, shape, tables, *arrays), chunks)
        )
    return out


@njit(cache=True, nogil=True)
def _predict(
    bins: Bins,
    window: np.ndarray,
    reach: float,
    most: int,
    low: int,
    high: int,
    first: np.ndarray,
    e: loops.Shape,
    tables: Tables,
    bonds: np.ndarray,
    types: np.ndarray,
    distance: np.ndarray,
    mean: np.ndarray,
    sigma: np.ndarray,
    outside: np.ndarray,
) -> None:
    """Bonds of the atoms in places low … high."""
    vectors, places, shifts = np.empty((most, 3)), np.empty(most, np.int64), np.empty((most, 3), np.int64)
    partners, around = np.empty(most, np.int64), np.empty(most, np.int64)
    radial, features = np.empty(e.n_radial), np.empty((e.n_species, e.n_radial, e.n_angular))
    flat = features.reshape(features.size)
    terms = np.empty(tables.weights.shape[1])
    for place in range(low, high):
        row = first[bins.order[place]]
        n = loops.gather(bins, place, reach, vectors, places, shifts)
        for k in range(n):
            around[k] = bins.species[places[k]]
        for b in range(
            loops.list_bonds(bins, place, window, n, vectors, places, shifts, bonds[row:], partners)
        ):
            r, partner = row + b, partners[b]
            own, other = bins.species[place], around[partner]
            loops.fill(features, vectors[:n], around[:n], partner, 1.0 if own <= other else -1.0, e, radial)
            types[r] = tables.index[own, other]
            distance[r] = sqrt((vectors[partner] ** 2).sum())
            mean[r] = _mean(tables, types[r], distance[r], flat, terms)
            if len(sigma):
                lever = _leverage(tables.factors[types[r]], terms, flat)
                sigma[r] = _sigma(tables, types[r], distance[r], lever)
                outside[r] = lever > tables.limits[types[r]] or not _within(
                    tables.windows[types[r]], distance[r]
                )


@njit(cache=True, nogil=True, fastmath=True)
def _mean(tables: Tables, t: int, distance: float, features: np.ndarray, terms: np.ndarray) -> float:
    """Mean of one bond; fills the polynomials of its length."""
    weights, total = tables.weights[t], 0.0
    x = (2 * distance - tables.windows[t, 0] - tables.windows[t, 1]) / (
        tables.windows[t, 1] - tables.windows[t, 0]
    )
    for k in range(len(terms)):
        terms[k] = 1.0 if k == 0 else x if k == 1 else 2 * x * terms[k - 1] - terms[k - 2]
        part = weights[k, 0]
        for m in range(len(features)):
            part += weights[k, m + 1] * features[m]
        total += terms[k] * part
    return total


@njit(cache=True, nogil=True, fastmath=True)
def _leverage(factor: np.ndarray, terms: np.ndarray, features: np.ndarray) -> float:
    """Squared length of the lower triangular `factor` times (terms, features)."""
    n, total = len(terms), 0.0
    for row in range(len(factor)):
        part = 0.0
        for k in range(min(row + 1, n)):
            part += factor[row, k] * terms[k]
        for k in range(n, row + 1):
            part += factor[row, k] * features[k - n]
        total += part * part
    return total


@njit(cache=True, nogil=True)
def _sigma(tables: Tables, t: int, distance: float, lever: float) -> float:
    """σ of one bond, eV."""
    low, high = tables.windows[t]
    x = min(max((2 * distance - low - high) / (high - low), -1.0), 1.0)
    spread = tables.spreads[t]
    return exp(spread[0] + x * (spread[1] + x * spread[2])) * sqrt(1 + lever)


@njit(cache=True, nogil=True)
def _within(window: np.ndarray, distance: float) -> bool:
    """True if the length lies in the window."""
    return window[0] <= distance <= window[1]
