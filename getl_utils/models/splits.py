"""Which bonds are learned from and which are predicted: splits that leak and splits that do not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core.bonds import quench_of
from getl_utils.core.parameters import Train

ATOM_FOLDS = 4
TRAIN_FRACTION = 0.8  # of a type's bonds at most, so that something is left to test on


class Split(NamedTuple):
    """Rows to train on and rows to test on, and what the split is called."""

    name: str
    fold: str
    train: np.ndarray
    test: np.ndarray


def random_splits(n: int, n_train: int, n_test: int, n_seeds: int, seed: int) -> Iterator[Split]:
    """Split bonds at random.

    Deformed copies of one cell fall on both sides. This split leaks, and is here because the published
    errors are of this kind.

    Parameters
    ----------
    n : int
        Number of bonds.
    n_train, n_test : int
        Bonds to train on, at most 80 %, and to test on, at most the rest.
    n_seeds, seed : int
        The splits are drawn with the seeds seed, seed + 1, ….

    Yields
    ------
    Split
        One for each seed.
    """
    for number in range(n_seeds):
        order = np.random.default_rng(seed + number).permutation(n)
        cut = min(n_train, int(TRAIN_FRACTION * n))
        yield Split("random", str(number), order[:cut], order[cut : cut + n_test])


def grouped_splits(groups: pd.Series, name: str, n_train: int, seed: int) -> Iterator[Split]:
    """Leave one group out.

    Parameters
    ----------
    groups : (n,)
        Group of each bond.
    name : str
        Of the split.
    n_train : int
        Bonds of the other groups to train on, at most, drawn at random.
    seed : int
        Of the draw.

    Yields
    ------
    Split
        One for each group; none if there is one group only.
    """
    random = np.random.default_rng(seed)
    labels = groups.astype(str).to_numpy()
    kinds = sorted(set(labels))
    for kind in kinds if len(kinds) > 1 else ():
        others = random.permutation(np.flatnonzero(labels != kind))
        yield Split(name, kind, others[:n_train], np.flatnonzero(labels == kind))


def atom_splits(bonds: pd.DataFrame, n_train: int, seed: int) -> Iterator[Split]:
    """Leave a fourth of the atoms out: no end of a training bond, and both ends of a test bond, are left out.

    An atom is one through all deformed copies of its quench. So no surroundings are seen in a deformed form,
    even where there is one quench only.

    Parameters
    ----------
    bonds : DataFrame
        With composition, run, i, j.
    n_train, seed : int
        As of `grouped_splits`.

    Yields
    ------
    Split
        One for each fourth.
    """
    random = np.random.default_rng(seed)
    quench = bonds.groupby(["composition", "run"], sort=True).ngroup().to_numpy()
    fold = random.integers(ATOM_FOLDS, size=(quench.max() + 1, 1 + int(bonds[["i", "j"]].to_numpy().max())))
    ends = [fold[quench, bonds[end].to_numpy()] for end in ("i", "j")]
    for number in range(ATOM_FOLDS):
        first, second = (end == number for end in ends)
        train, test = random.permutation(np.flatnonzero(~first & ~second)), np.flatnonzero(first & second)
        if len(train) and len(test):
            yield Split("by atom", str(number), train[:n_train], test)


def splits(bonds: pd.DataFrame, p: Train) -> Iterator[Split]:
    """All splits of one type's bonds: random, by sub-run, by atom, by run, by composition, crossed.

    Parameters
    ----------
    bonds : DataFrame
        Bonds of one type.
    p : Train
        Parameters of 05_train.

    Yields
    ------
    Split
        Those that the groups of the bonds allow.
    """
    yield from random_splits(len(bonds), p.n_train, p.n_test, p.n_seeds, p.seed)
    yield from grouped_splits(bonds.sub_run, "by sub-run", p.n_train, p.seed)
    yield from atom_splits(bonds, p.n_train, p.seed)
    yield from grouped_splits(quench_of(bonds), "by run", p.n_train, p.seed)
    yield from grouped_splits(bonds.composition, "by composition", p.n_train, p.seed)
    for first, second in p.crossed:
        train, test = (np.flatnonzero(bonds.composition == c) for c in (first, second))
        if len(train) and len(test):
            drawn = np.random.default_rng(p.seed).permutation(train)[: p.n_train]
            yield Split("crossed", f"{first} → {second}", drawn, test)


def folds(
    tables: Mapping[str, pd.DataFrame], p: Train, only: Sequence[str] = ()
) -> dict[tuple[str, str], dict[str, Split]]:
    """The splits of several bond types, fold by fold: the same group is left out of all types at once.

    Parameters
    ----------
    tables : mapping
        Bond type → its bonds.
    p : Train
        Parameters of 05_train.
    only : sequence of str
        Names of the splits wanted; all if empty.

    Returns
    -------
    dict
        (split, fold) → bond type → its split.
    """
    found: dict[tuple[str, str], dict[str, Split]] = {}
    for bond_type, bonds in tables.items():
        for split in splits(bonds, p):
            if not only or split.name in only:
                found.setdefault((split.name, split.fold), {})[bond_type] = split
    order = {name: n for n, name in enumerate(dict.fromkeys(name for name, _ in found))}
    return dict(sorted(found.items(), key=lambda item: order[item[0][0]]))
