"""How good is a model, honestly: splits that leak and splits that do not, each beside the distance alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import norm

from getl_utils.core.bonds import quench_of
from getl_utils.core.parameters import Hyperparameters, Setting, Train
from getl_utils.core.progress import each
from getl_utils.core.record import atomic_write
from getl_utils.etl.database import Database
from getl_utils.etl.features import Features
from getl_utils.models import gp, model

FEWEST = 10  # bonds of a type, to train and test on
LEVELS = (50, 68, 90, 95)  # % of a normal distribution
ATOM_FOLDS = 4
TRAIN_FRACTION = 0.8  # of a type's bonds at most, so that something is left to test on


class Split(NamedTuple):
    """Rows to train on and rows to test on, and what the split is called."""

    name: str
    fold: str
    train: np.ndarray
    test: np.ndarray


def random_splits(n: int, n_train: int, n_test: int, n_seeds: int, seed: int) -> Iterator[Split]:
    """Random splits of n bonds by the seeds seed, seed + 1, …: min(n_train, 80 %) to train, at most n_test of
    the rest to test.

    Deformed copies of one cell fall on both sides: this split leaks, and is here because the published errors
    are of this kind.
    """
    for number in range(n_seeds):
        order = np.random.default_rng(seed + number).permutation(n)
        cut = min(n_train, int(TRAIN_FRACTION * n))
        yield Split("random", str(number), order[:cut], order[cut : cut + n_test])


def grouped_splits(groups: pd.Series, name: str, n_train: int, seed: int) -> Iterator[Split]:
    """Leave one group out; at most n_train bonds of the others, drawn at random, to train on. None if there
    is one group only."""
    random = np.random.default_rng(seed)
    labels = groups.astype(str).to_numpy()
    kinds = sorted(set(labels))
    for kind in kinds if len(kinds) > 1 else ():
        others = random.permutation(np.flatnonzero(labels != kind))
        yield Split(name, kind, others[:n_train], np.flatnonzero(labels == kind))


def atom_splits(bonds: pd.DataFrame, n_train: int, seed: int) -> Iterator[Split]:
    """Leave atoms out: train on bonds neither end of which is held out, test on those both ends of which are.

    An atom is one through all deformed copies of its quench, so that no environment is seen in a deformed
    form, even where there is one quench only. A fourth of the atoms at a time.
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
    """All splits of one type's bonds that its groups allow: random, by sub-run, by atom, by run, by
    composition, crossed."""
    yield from random_splits(len(bonds), p.n_train, p.n_test, p.n_seeds, p.seed)
    yield from grouped_splits(bonds.sub_run, "by sub-run", p.n_train, p.seed)
    yield from atom_splits(bonds, p.n_train, p.seed)
    yield from grouped_splits(quench_of(bonds), "by run", p.n_train, p.seed)
    yield from grouped_splits(bonds.composition, "by composition", p.n_train, p.seed)
    for first, second in p.crossed:
        train, test = (np.flatnonzero(bonds.composition == c) for c in (first, second))
        yield Split("crossed", f"{first} → {second}", train[: p.n_train], test)


def errors(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Root mean square and mean absolute error, eV."""
    difference = predicted - true
    return {"rmse": float(np.sqrt(np.mean(difference**2))), "mae": float(np.mean(np.abs(difference)))}


def score(
    features: Features,
    strength: np.ndarray,
    labels: np.ndarray,
    split: Split,
    setting: Setting,
    h: Hyperparameters,
) -> dict[str, Any]:
    """Errors of model and baseline on one split (eV), how often the intervals hold, and the predictions with
    their σ.

    Parameters
    ----------
    strength : −ICOHP (n,), eV. labels : (n,) groups on which σ is calibrated, within the training bonds.
    """
    train, test = split.train, split.test
    process = model.fit(features[train], strength[train], labels[train], setting, h)
    some, true = features[test], strength[test]
    predicted, sigma = process.predict(some), process.sigma(some)
    curve = gp.fit_curve(features.distance[train], strength[train]).predict(some.distance)
    baseline = {f"baseline_{name}": value for name, value in errors(curve, true).items()}
    sizes = {"n_train": len(train), "n_test": len(test)}
    spread = {"train_std": float(strength[train].std()), "test_std": float(true.std())}
    numbers = {
        **sizes,
        **errors(predicted, true),
        **baseline,
        **spread,
        **coverage((true - predicted) / sigma),
    }
    return numbers | {"predicted": predicted, "true": true, "sigma": sigma}


def coverage(z: np.ndarray) -> dict[str, float]:
    """Which part of standardised errors (n,) lies in the central 50, 68, 90 and 95 % of a normal
    distribution.

    Examples
    --------
    >>> coverage(np.array([0.0, 0.7, 1.7, -3.0]))
    {'in_50': 0.25, 'in_68': 0.5, 'in_90': 0.5, 'in_95': 0.75}
    """
    return {f"in_{level}": float(np.mean(np.abs(z) <= norm.ppf(0.5 + level / 200))) for level in LEVELS}


class Validation(NamedTuple):
    """A row per type and fold (errors in eV); type → why it could not be scored; type → predicted and true
    −ICOHP (eV) of the first random split, with its numbers and `bonds`; and z = (true − predicted)/σ of every
    test bond, with its type and split."""

    table: pd.DataFrame
    refused: dict[str, str]
    parity: dict[str, dict[str, Any]]
    z: pd.DataFrame


def validate(database: Database, p: Train, progress: bool = False, only: Sequence[str] = ()) -> Validation:
    """Score every type on every split; a type that cannot be scored says why, and the others go on.

    Parameters
    ----------
    progress : show a line of it. only : names of the splits wanted; all if empty.
    """
    rows, refused, parity, jobs, z = [], {}, {}, [], []
    database, _ = database.compressed(p.compress)
    for bond_type in p.bond_types:
        try:
            bonds = _enough(database.learnable(bond_type))
            jobs += [
                (bond_type, bonds, split) for split in splits(bonds, p) if not only or split.name in only
            ]
        except ValueError as error:
            refused[bond_type] = str(error)
    for bond_type, bonds, split in each(jobs, "validation", "fits", progress):
        try:
            result = _both(database, bonds, split, p, bond_type)
        except ValueError as error:
            refused[bond_type] = f"{split.name}, {split.fold}: {error}"
            continue
        if (split.name, split.fold) == ("random", "0"):
            parity[bond_type] = result | {"bonds": bonds.iloc[split.test].reset_index(drop=True)}
        place = {"type": bond_type, "split": split.name}
        z.append(pd.DataFrame(place | {"z": (result["true"] - result["predicted"]) / result["sigma"]}))
        numbers = {k: v for k, v in result.items() if k not in ("predicted", "true", "sigma")}
        rows.append(place | {"fold": split.fold, **numbers})
    return Validation(
        pd.DataFrame(rows), refused, parity, pd.concat(z, ignore_index=True) if z else pd.DataFrame()
    )


def _enough(bonds: pd.DataFrame) -> pd.DataFrame:
    if len(bonds) < FEWEST:
        raise ValueError(f"{len(bonds)} bonds: fewer than {FEWEST}, too few to train and test")
    return bonds


def _both(database: Database, bonds: pd.DataFrame, split: Split, p: Train, bond_type: str) -> dict[str, Any]:
    """`score`, with the RMSE of the published hyperparameters beside, where there are any."""
    features, strength, labels = database.features(bonds), -bonds.icohp.to_numpy(float), model.groups(bonds)
    setting = p.setting
    result = score(features, strength, labels, split, setting, setting.hyperparameters_of(bond_type))
    published = Setting(hyperparameters=p.published)
    if not p.published:
        return result | {"published_rmse": np.nan}
    theirs = score(features, strength, labels, split, published, published.hyperparameters_of(bond_type))
    return result | {"published_rmse": theirs["rmse"]}


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over the folds of each split, the model's error as a fraction of the baseline's (eV), and the
    coverages."""
    if not len(table):
        return table
    grouped = table.groupby(["type", "split"], sort=False)
    averaged = ["n_train", "n_test", "rmse", "mae", "baseline_rmse", "baseline_mae", "published_rmse"]
    mean = grouped[averaged + [f"in_{level}" for level in LEVELS]].mean()
    mean.insert(2, "folds", grouped.size())
    mean.insert(4, "rmse_std", grouped.rmse.std())
    mean.insert(5, "ratio", mean.rmse / mean.baseline_rmse)
    return mean.astype({"n_train": int, "n_test": int}).reset_index()


def result_name(where: str, bond_type: str, n_train: int, h: Hyperparameters, n_test: int) -> str:
    """Name of a fit's published result files: ``<NC>-<A>-<B>-<ntrain>-<ζ>-<θ>-<γ>-<ntest>``.

    Examples
    --------
    >>> result_name("Zr49Cu49Al2", "Zr-Cu", 2000, Hyperparameters(zeta=1, theta=1, gamma=0.04), 1000)
    'Zr49Cu49Al2-Zr-Cu-2000-1.0-1.0-0.04-1000'
    """
    return f"{where}-{bond_type}-{n_train}-{h.zeta}-{h.theta}-{h.gamma}-{n_test}"


def write_results(folder: Path, name: str, result: Mapping[str, Any]) -> None:
    """Write ``<name>.dat`` (predicted, calculated; eV) and ``.info`` (with row numbers, RMSE, variances,
    standard deviations)."""
    pairs = list(zip(result["predicted"], result["true"], strict=True))
    train, test = result["train_std"], result["test_std"]
    tail = {
        "RMSE": result["rmse"],
        "TRAINING_VAR": train**2,
        "TESTING_VAR": test**2,
        "TRAINING_STD": train,
        "TESTING_STD": test,
    }
    with atomic_write(folder / f"{name}.dat") as temporary:
        temporary.write_text("".join(f"{a:10.6f} {b:10.6f}\n" for a, b in pairs))
    with atomic_write(folder / f"{name}.info") as temporary:
        rows = "".join(f"{n} {n} {a:10.6f} {b:10.6f}\n" for n, (a, b) in enumerate(pairs))
        temporary.write_text(rows + "".join(f"{key} = {value:10.6f}\n" for key, value in tail.items()))


def metrics(
    database: Database, table: pd.DataFrame, refused: Mapping[str, str], facts: Mapping[str, Any], note: str
) -> dict[str, Any]:
    """What ``metrics.json`` says: the model's identity; per type the bonds, and the random split's errors
    beside the baseline."""
    rows = summary(table)
    rows = rows[rows.split == "random"] if len(rows) else rows
    rows = rows.assign(bonds=rows.type.map(database.bonds.type.value_counts())) if len(rows) else rows
    wanted = ["type", "bonds", "n_train", "n_test", "rmse", "baseline_rmse", "ratio"]
    return {
        **{name: facts[name] for name in ("engine", "model_id", "database_id")},
        "note": f" ({note})" if note else "",
        "types": rows[wanted].to_dict("records") if len(rows) else [],
        "refused": dict(refused),
    }
