"""Prediction of all bonds of a cell, a chunk of atoms at a time: no list of neighbours, no features are
kept."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Protocol

import numpy as np
from ase import Atoms

from getl_utils.models import bins as space
from getl_utils.models import bond_loops as loops
from getl_utils.models.bins import Bins
from getl_utils.models.bond_expansion import BondExpansion, reach_of, window_table

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


class Trained(Protocol):
    """What is needed of the model of one bond type; see `linear_type.TypeModel`."""

    def mean(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray: ...

    def leverage(self, features: np.ndarray, distance: np.ndarray) -> np.ndarray: ...

    def sigma(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray: ...

    def outside(self, distance: np.ndarray, leverage: np.ndarray) -> np.ndarray: ...


class Frame(NamedTuple):
    """What the chunks of one cell share."""

    expansion: BondExpansion
    models: list[Trained]
    index: np.ndarray
    windows: np.ndarray
    bins: Bins
    reach: float
    most: int
    n_bonds: np.ndarray
    first: np.ndarray


def predict_all(
    expansion: BondExpansion,
    models: Mapping[str, Trained],
    atoms: Atoms,
    windows: Mapping[str, tuple[float, float]],
    sigma: bool,
    threads: int,
) -> Prediction:
    """All bonds of a cell within `windows`; arguments as of `linear.LinearModel.predict`."""
    species, window, names = expansion.species(atoms), window_table(expansion, windows), list(windows)
    reach = reach_of(expansion, window[..., 1].max())
    bins = space.sort(atoms, species, reach)
    n_bonds = np.zeros(len(atoms), np.int64)
    chunks = [(low, min(low + CHUNK, len(atoms))) for low in range(0, len(atoms), CHUNK)]
    with ThreadPoolExecutor(threads) as pool:
        most = max(pool.map(lambda c: loops.count(bins, window, reach, *c, n_bonds), chunks), default=0)
        first, n, m = np.cumsum(n_bonds) - n_bonds, int(n_bonds.sum()), int(n_bonds.sum()) if sigma else 0
        out = Prediction(
            np.empty((n, 5), np.int64),
            names,
            np.empty(n, np.int64),
            np.empty(n),
            np.empty(n),
            np.empty(m),
            np.empty(m, bool),
        )
        index = _index(expansion, names)
        frame = Frame(
            expansion, [models[name] for name in names], index, window, bins, reach, most, n_bonds, first
        )
        list(pool.map(lambda c: _predict(frame, *c, out, sigma), chunks))
    return out


def _index(expansion: BondExpansion, names: list[str]) -> np.ndarray:
    """Place of each type's model by the two elements' numbers; −1 if there is none."""
    index = np.full((len(expansion.elements),) * 2, -1, np.int64)
    for n, name in enumerate(names):
        a, b = (expansion.elements.index(element) for element in name.split("-"))
        index[a, b] = index[b, a] = n
    return index


def _predict(frame: Frame, low: int, high: int, out: Prediction, sigma: bool) -> None:
    """Write the bonds of the atoms in places low … high."""
    n, e = int(frame.n_bonds[frame.bins.order[low:high]].sum()), frame.expansion.shape
    features, rows = np.empty((n, e.n_species, e.n_angular, e.n_radial)), np.empty(n, np.int64)
    ends = np.empty((n, 2), np.int8)
    place = (frame.bins, frame.windows, frame.reach, frame.most, low, high, frame.first, e)
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
