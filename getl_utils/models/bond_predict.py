"""Prediction of all bonds of a cell, a chunk of atoms at a time; no neighbours and no features are kept."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from ase import Atoms

from getl_utils.models import bins as space
from getl_utils.models import bond_loops as loops
from getl_utils.models.bins import Bins
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.bond_list import count, index_of, reach_of, window_table

CHUNK = 250  # atoms that one thread works on at a time; their features fit into the cache


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


class _Trained(Protocol):
    """What is needed of the model of one bond type; see `linear_type.TypeModel`."""

    def mean(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray: ...

    def leverage(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray: ...

    def sigma(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray: ...

    def outside(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray: ...


class _Frame(NamedTuple):
    """What the chunks of one cell share."""

    expansion: BondExpansion
    models: list[_Trained]
    index: np.ndarray
    windows: np.ndarray
    bins: Bins
    reach: float
    n_bonds: np.ndarray
    first: np.ndarray


def predict_all(
    expansion: BondExpansion,
    models: Mapping[str, _Trained],
    atoms: Atoms,
    windows: Mapping[str, tuple[float, float]],
    sigma: bool,
    threads: int,
) -> Prediction:
    """Find and estimate all bonds of a cell.

    Parameters
    ----------
    expansion : BondExpansion
        How the surroundings are described.
    models : mapping
        Bond type → its trained model.
    atoms : Atoms
        The cell.
    windows : mapping
        Bond type → shortest and longest bond, Å.
    sigma : bool
        Whether σ and the flag are wanted.
    threads : int
        Number of threads.

    Returns
    -------
    Prediction
        The bonds.
    """
    species, window, names = expansion.species(atoms), window_table(expansion, windows), list(windows)
    longest, n_bonds = float(window[..., 1].max()) * (1 + 1e-9), np.zeros(len(atoms), np.int64)
    reach = reach_of(expansion, longest)
    bins, close = (space.sort(atoms, species, r) for r in (reach, longest))
    chunks = [(low, min(low + CHUNK, len(atoms))) for low in range(0, len(atoms), CHUNK)]
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda c: count(close, window, longest, *c, n_bonds), chunks))
        n = int(n_bonds.sum())
        m, whole = n if sigma else 0, np.empty((n, 5), np.int64)
        arrays = np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(m), np.empty(m, bool)
        out, chosen = Prediction(whole, names, *arrays), [models[name] for name in names]
        first, index = np.cumsum(n_bonds) - n_bonds, index_of(expansion, names)
        frame = _Frame(expansion, chosen, index, window, bins, reach, n_bonds, first)
        list(pool.map(lambda c: _predict(frame, *c, out, sigma), chunks))
    return out


def _predict(frame: _Frame, low: int, high: int, out: Prediction, sigma: bool) -> None:
    """Write the bonds of the atoms in places low … high."""
    n, e = int(frame.n_bonds[frame.bins.order[low:high]].sum()), frame.expansion.shape
    features, rows = np.empty((n, e.n_species, e.n_angular, e.n_radial)), np.empty(n, np.int64)
    ends = np.empty((n, 2), np.int8)
    place = (frame.bins, frame.windows, frame.reach, low, high, frame.first, e)
    loops.describe_all(*place, out.bonds, ends, out.distance, rows, features)
    features = features.transpose(0, 1, 3, 2).reshape(n, frame.expansion.n_features)
    out.types[rows] = types = frame.index[ends[:, 0], ends[:, 1]]
    for number, model in enumerate(frame.models):
        mine = np.flatnonzero(types == number)
        some, chosen = features[mine], rows[mine]
        distance = out.distance[chosen]
        out.mean[chosen] = model.mean(some, distance)
        if sigma:
            leverage = model.leverage(some, distance)
            out.sigma[chosen] = model.sigma(distance, leverage)
            out.outside[chosen] = model.outside(distance, leverage)
