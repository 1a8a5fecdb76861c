"""How good is a model, honestly: splits that leak and splits that do not, each beside the distance alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from getl_utils import gp, kernels
from getl_utils.database import Database
from getl_utils.kernels import Features
from getl_utils.layout import atomic_write
from getl_utils.parameters import Hyperparameters, Train

FEWEST = 10  # bonds of a type, to train and test on
TRAIN_FRACTION = 0.8  # of a type's bonds at most, so that something is left to test on


class Split(NamedTuple):
    """Rows to train on and rows to test on, and what the split is called."""

    name: str
    fold: str
    train: np.ndarray
    test: np.ndarray


class DistanceCurve(NamedTuple):
    """−ICOHP from the distance alone: Σ_k c_k exp(−k d / Å), k = 0…3, by least squares."""

    coefficients: np.ndarray

    def predict(self, distance: np.ndarray) -> np.ndarray:
        """−ICOHP (n,) in eV at the distances (n,) in Å."""
        return np.exp(-np.outer(distance, np.arange(len(self.coefficients)))) @ self.coefficients


def fit_curve(distance: np.ndarray, strength: np.ndarray, degree: int = 3) -> DistanceCurve:
    """Fit the baseline to −ICOHP (n,) in eV at the distances (n,) in Å.

    Examples
    --------
    >>> d = np.linspace(2, 4, 20)
    >>> bool(np.allclose(fit_curve(d, 3 * np.exp(-d)).predict(d), 3 * np.exp(-d)))
    True
    """
    powers = np.exp(-np.outer(distance, np.arange(min(degree + 1, len(distance)))))
    return DistanceCurve(np.linalg.lstsq(powers, strength, rcond=None)[0])


def random_splits(n: int, n_train: int, n_test: int, n_seeds: int, seed: int) -> Iterator[Split]:
    """Random splits of n bonds by the seeds seed, seed + 1, …: min(n_train, 80 %) to train, at most n_test of the rest to test.

    Deformed copies of one cell fall on both sides: this split leaks, and is here because the published errors are of this kind.
    """
    for number in range(n_seeds):
        order = np.random.default_rng(seed + number).permutation(n)
        cut = min(n_train, int(TRAIN_FRACTION * n))
        yield Split("random", str(number), order[:cut], order[cut : cut + n_test])


def grouped_splits(groups: pd.Series, name: str, n_train: int, seed: int) -> Iterator[Split]:
    """Leave one group out; at most n_train bonds of the others, drawn at random, to train on. None if there is one group only."""
    random = np.random.default_rng(seed)
    labels = groups.astype(str).to_numpy()
    kinds = sorted(set(labels))
    for kind in kinds if len(kinds) > 1 else ():
        others = random.permutation(np.flatnonzero(labels != kind))
        yield Split(name, kind, others[:n_train], np.flatnonzero(labels == kind))


def splits(bonds: pd.DataFrame, p: Train) -> Iterator[Split]:
    """All splits of one type's bonds that its groups allow: random, by sub-run, by run, by composition, and crossed."""
    run = bonds.composition + "/" + bonds.run.astype(str)
    yield from random_splits(len(bonds), p.n_train, p.n_test, p.n_seeds, p.seed)
    yield from grouped_splits(bonds.sub_run, "by sub-run", p.n_train, p.seed)
    yield from grouped_splits(run, "by run", p.n_train, p.seed)
    yield from grouped_splits(bonds.composition, "by composition", p.n_train, p.seed)
    for first, second in p.crossed:
        train, test = (np.flatnonzero(bonds.composition == c) for c in (first, second))
        yield Split("crossed", f"{first} → {second}", train[: p.n_train], test)


def errors(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Root mean square and mean absolute error, eV."""
    difference = predicted - true
    return {"rmse": float(np.sqrt(np.mean(difference**2))), "mae": float(np.mean(np.abs(difference)))}


def score(features: Features, strength: np.ndarray, split: Split, kernel: str, h: Hyperparameters) -> dict[str, Any]:
    """Errors of model and baseline on one split (eV), and the predictions."""
    train, test = split.train, split.test
    process = gp.fit(kernels.build(kernel, h.zeta, h.theta), features[train], strength[train], h.gamma)
    model = process.predict(features[test])
    curve = fit_curve(features.distance[train], strength[train]).predict(features.distance[test])
    baseline = {f"baseline_{name}": value for name, value in errors(curve, strength[test]).items()}
    sizes = {"n_train": len(train), "n_test": len(test)}
    spread = {"train_std": float(strength[train].std()), "test_std": float(strength[test].std())}
    return {**sizes, **errors(model, strength[test]), **baseline, **spread, "predicted": model, "true": strength[test]}


class Validation(NamedTuple):
    """A row per type and fold (errors in eV); type → why it could not be scored; type → predicted and true −ICOHP (eV) of the
    first random split, with its numbers."""

    table: pd.DataFrame
    refused: dict[str, str]
    parity: dict[str, dict[str, Any]]


def validate(database: Database, p: Train, progress: Callable[[Iterable], Iterable] = iter) -> Validation:
    """Score every type on every split; a type that cannot be scored says why, and the others go on.

    Parameters
    ----------
    progress : wraps the iteration over types and splits, e.g. tqdm.
    """
    rows, refused, parity, jobs = [], {}, {}, []
    for bond_type in p.bond_types:
        bonds = database.of_type(bond_type)
        if len(bonds) < FEWEST:
            refused[bond_type] = f"{len(bonds)} bonds: fewer than {FEWEST}, too few to train and test"
            continue
        jobs += [(bond_type, bonds, split) for split in splits(bonds, p)]
    for bond_type, bonds, split in progress(jobs):
        features, strength = database.features(bonds), -bonds.icohp.to_numpy(float)
        try:
            result = score(features, strength, split, p.kernel, p.hyperparameters_of(bond_type))
        except ValueError as error:
            refused[bond_type] = f"{split.name}, {split.fold}: {error}"
            continue
        if (split.name, split.fold) == ("random", "0"):
            parity[bond_type] = result
        numbers = {k: v for k, v in result.items() if k not in ("predicted", "true")}
        rows.append({"type": bond_type, "split": split.name, "fold": split.fold, **numbers})
    return Validation(pd.DataFrame(rows), refused, parity)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over the folds of each split, and the model's error as a fraction of the baseline's; eV."""
    if not len(table):
        return table
    grouped = table.groupby(["type", "split"], sort=False)
    mean = grouped[["n_train", "n_test", "rmse", "mae", "baseline_rmse", "baseline_mae"]].mean()
    mean.insert(2, "folds", grouped.size())
    mean["rmse_std"] = grouped.rmse.std()
    mean["ratio"] = mean.rmse / mean.baseline_rmse
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
    """Write ``<name>.dat`` (predicted, calculated; eV) and ``.info`` (with row numbers, RMSE, variances, standard deviations)."""
    pairs = list(zip(result["predicted"], result["true"], strict=True))
    train, test = result["train_std"], result["test_std"]
    tail = {"RMSE": result["rmse"], "TRAINING_VAR": train**2, "TESTING_VAR": test**2, "TRAINING_STD": train, "TESTING_STD": test}
    with atomic_write(folder / f"{name}.dat") as temporary:
        temporary.write_text("".join(f"{a:10.6f} {b:10.6f}\n" for a, b in pairs))
    with atomic_write(folder / f"{name}.info") as temporary:
        rows = "".join(f"{n} {n} {a:10.6f} {b:10.6f}\n" for n, (a, b) in enumerate(pairs))
        temporary.write_text(rows + "".join(f"{key} = {value:10.6f}\n" for key, value in tail.items()))


def metrics(
    database: Database, table: pd.DataFrame, refused: Mapping[str, str], facts: Mapping[str, Any], note: str
) -> dict[str, Any]:
    """What ``metrics.json`` says: the model's identity; per type the bonds, and the random split's errors beside the baseline."""
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
