"""How good is a model: its errors on each split, beside the distance alone and the published model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri

from getl_utils.core.parameters import Train
from getl_utils.core.progress import each
from getl_utils.etl.database import Database
from getl_utils.models import gp, training
from getl_utils.models.kernels import Bonds, PublishedKernel, contract, evaluate
from getl_utils.models.linear import Estimate
from getl_utils.models.splits import Split, folds
from getl_utils.models.training import Recipe

FEWEST = 30  # bonds of a type, to train and test on
LEVELS = (50, 68, 90, 95)  # % of a normal distribution


def errors(predicted: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Errors of predictions.

    Parameters
    ----------
    predicted, true : (n,)
        −ICOHP, eV.

    Returns
    -------
    dict
        ``rmse`` and ``mae``: root mean square and mean absolute error, eV.

    Examples
    --------
    >>> errors(np.array([1.0, 3.0]), np.array([1.0, 1.0]))["mae"]
    1.0
    """
    difference = np.asarray(predicted) - np.asarray(true)
    return {"rmse": float(np.sqrt(np.mean(difference**2))), "mae": float(np.mean(np.abs(difference)))}


def coverage(z: np.ndarray) -> dict[str, float]:
    """Fraction of standardised errors inside the central 50, 68, 90 and 95 % of a normal distribution.

    Parameters
    ----------
    z : (n,)
        (true − predicted) / σ.

    Returns
    -------
    dict
        ``in_50`` … ``in_95``.

    Examples
    --------
    >>> coverage(np.array([0.0, 0.7, 1.7, -3.0]))
    {'in_50': 0.25, 'in_68': 0.5, 'in_90': 0.5, 'in_95': 0.75}
    """
    return {f"in_{level}": float(np.mean(np.abs(z) <= ndtri(0.5 + level / 200))) for level in LEVELS}


def score(
    stored: Database, tables: Mapping[str, pd.DataFrame], fold: Mapping[str, Split], how: Recipe
) -> tuple[dict[str, dict[str, Any]], dict[str, str]]:
    """Train all types on one side of their splits and test them on the other.

    Parameters
    ----------
    stored : Database
        Holds the descriptors.
    tables : mapping
        Bond type → its bonds.
    fold : mapping
        Bond type → its split, rows of its table.
    how : Recipe
        The model.

    Returns
    -------
    dict
        Bond type → numbers of bonds; ``rmse``, ``mae`` and those of the distance alone (``baseline_…``), eV;
        standard deviations; coverages; and the arrays ``predicted``, ``true``, ``sigma`` and ``baseline``.
    dict
        Bond type → why it could not be trained.
    """
    data = {t: how.rows(tables[t].iloc[s.train]) for t, s in fold.items()}
    try:
        body, refused = how.fit(data)
    except ValueError as error:
        return {}, dict.fromkeys(fold, str(error))
    results, tested = {}, {name: tables[name].iloc[fold[name].test] for name in body.types}
    for name, features in training.features(stored, body, tested).items():
        test = how.rows(tested[name])
        results[name] = _score(body.evaluate(name, features, test[1]), data[name], test)
    return results, dict(refused)


def _score(found: Estimate, train: training.Rows, test: training.Rows) -> dict[str, Any]:
    """Numbers of one type, from its estimates and rows."""
    true, curve = test[2], gp.fit_curve(train[1], train[2]).predict(test[1])
    numbers: dict[str, Any] = {"n_train": len(train[2]), "n_test": len(true), **errors(found.mean, true)}
    numbers |= {f"baseline_{name}": value for name, value in errors(curve, true).items()}
    numbers |= {"train_std": float(train[2].std()), "test_std": float(true.std())}
    numbers |= coverage((true - found.mean) / found.sigma)
    return numbers | {"predicted": found.mean, "true": true, "sigma": found.sigma, "baseline": curve}


class Validation(NamedTuple):
    """Result of `validate`.

    Attributes
    ----------
    table : DataFrame
        One row per type, split and fold; errors in eV.
    refused : dict
        Bond type → why it could not be scored.
    parity : dict
        Bond type → result of the first random split, with its `bonds`.
    z : DataFrame
        (true − predicted)/σ of every test bond, with its type and split.
    """

    table: pd.DataFrame
    refused: dict[str, str]
    parity: dict[str, dict[str, Any]]
    z: pd.DataFrame


def validate(
    stored: Database, p: Train, progress: bool = False, only: Sequence[str] = (), how: Recipe | None = None
) -> Validation:
    """Score every type on every split, with the published model on the same bonds where there is one.

    Parameters
    ----------
    stored : Database
        The database.
    p : Train
        Parameters of 05_train.
    progress : bool
        Show a line of progress.
    only : sequence of str
        Names of the splits wanted; all if empty.
    how : Recipe, optional
        Default: the kind that the parameters name.

    Returns
    -------
    Validation
        A type that cannot be scored says why; the others go on.
    """
    rows, parity, z, how = [], {}, [], how or training.chosen_recipe(stored, p)
    tables, refused = learnable(stored, p.bond_types)
    for (name, number), fold in each(folds(tables, p, only).items(), "validation", "fits", progress):
        results, failed = score(stored, tables, fold, how)
        refused |= {t: f"{name}, {number}: {why}" for t, why in failed.items()}
        for bond_type, result in results.items():
            bonds, place = tables[bond_type], {"type": bond_type, "split": name}
            result["published_rmse"] = published_rmse(stored, bonds, fold[bond_type], p)
            if (name, number) == ("random", "0"):
                tested = bonds.iloc[fold[bond_type].test].reset_index(drop=True)
                parity[bond_type] = result | {"bonds": tested}
            z.append(pd.DataFrame(place | {"z": (result["true"] - result["predicted"]) / result["sigma"]}))
            numbers = {k: v for k, v in result.items() if not isinstance(v, np.ndarray)}
            rows.append(place | {"fold": number, **numbers})
    return Validation(
        _by_type(pd.DataFrame(rows), p.bond_types),
        refused,
        {t: parity[t] for t in p.bond_types if t in parity},
        pd.concat(z, ignore_index=True) if z else pd.DataFrame(),
    )


def learnable(stored: Database, types: Sequence[str]) -> tuple[dict[str, pd.DataFrame], dict[str, str]]:
    """The bonds of each type that has enough to train and test on, and why the others have not.

    Parameters
    ----------
    stored : Database
        The database.
    types : sequence of str
        Bond types.

    Returns
    -------
    dict
        Bond type → its bonds.
    dict
        Bond type → why it has none.
    """
    tables, refused = {}, {}
    for bond_type in types:
        try:
            tables[bond_type] = _enough(stored.learnable(bond_type))
        except ValueError as error:
            refused[bond_type] = str(error)
    return tables, refused


def _by_type(table: pd.DataFrame, types: Sequence[str]) -> pd.DataFrame:
    if not len(table):
        return table
    return table.sort_values("type", key=lambda c: c.map(list(types).index), kind="stable", ignore_index=True)


def published_rmse(stored: Database, bonds: pd.DataFrame, split: Split, p: Train) -> float:
    """Error of the published model on a split, from at most `n_train` of the training bonds.

    Parameters
    ----------
    stored : Database
        Holds the descriptors.
    bonds : DataFrame
        Bonds of one type.
    split : Split
        Rows of `bonds`.
    p : Train
        Has the published hyperparameters.

    Returns
    -------
    float
        Root mean square error, eV; NaN if there is no SOAP, no hyperparameters, or it cannot be trained.
    """
    if not p.published or "soap" not in stored.arrays:
        return np.nan
    learned = np.random.default_rng(p.seed).permutation(split.train)[: p.n_train]
    x, d, y, _ = training.rows(stored, bonds.iloc[learned], "soap")
    features, distance, true, _ = training.rows(stored, bonds.iloc[split.test], "soap")
    try:
        h = p.published_of(bonds.type.iloc[0])
        process = gp.fit(PublishedKernel(h.zeta, h.theta), Bonds(d, x), y, h.gamma)
    except ValueError:
        return np.nan
    if h.zeta != 1:
        return errors(process.predict(Bonds(distance, features)), true)["rmse"]
    low, high = min(d.min(), distance.min()), max(d.max(), distance.max())
    form = contract(process.kernel, process.train, process.weights, low, high)
    return errors(evaluate(form, Bonds(distance, features), low, high), true)["rmse"]


def _enough(bonds: pd.DataFrame) -> pd.DataFrame:
    if len(bonds) < FEWEST:
        raise ValueError(f"{len(bonds)} bonds: fewer than {FEWEST}, too few to train and test")
    return bonds


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Average the folds of each split.

    Parameters
    ----------
    table : DataFrame
        Of `validate`.

    Returns
    -------
    DataFrame
        One row per type and split: means of the errors (eV) and coverages, ``rmse_std`` over the folds, and
        ``ratio``, the model's error as a fraction of that of the distance alone.
    """
    if not len(table):
        return table
    grouped = table.groupby(["type", "split"], sort=False)
    averaged = ["n_train", "n_test", "rmse", "mae", "baseline_rmse", "baseline_mae", "published_rmse"]
    mean = grouped[averaged + [f"in_{level}" for level in LEVELS]].mean()
    mean.insert(2, "folds", grouped.size())
    mean.insert(4, "rmse_std", grouped.rmse.std())
    mean.insert(5, "ratio", mean.rmse / mean.baseline_rmse)
    return mean.astype({"n_train": int, "n_test": int}).reset_index()
