"""What each part is worth: expansion, polynomials of the length, deformed copies, compositions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Train
from getl_utils.core.progress import each
from getl_utils.core.workdir import WorkDir
from getl_utils.etl.database import Database
from getl_utils.generate.sub_runs import family
from getl_utils.models import bond_expansion, linear, training, validation
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.splits import Split, atom_splits
from getl_utils.models.training import Recipe

QUENCHED = "as quenched"
POLYNOMIALS = (1, 2, 3)  # of the bond length, instead of the model's
ERRORS = ("rmse", "baseline_rmse")


def described(stored: Database, work: WorkDir, expansion: BondExpansion) -> Database:
    """Describe the bonds of a database by another expansion.

    Parameters
    ----------
    stored : Database
        The bonds.
    work : WorkDir
        Where the cells are.
    expansion : BondExpansion
        The other expansion.

    Returns
    -------
    Database
        The same bonds, described anew.
    """
    parts, rows = [], []
    for key, some in stored.bonds.groupby(KEY, sort=False):
        atoms = cells.read(work.cell(*CellKey(*key)))
        parts.append(bond_expansion.describe(expansion, atoms, some[BOND].to_numpy()))
        rows.append(some.index.to_numpy())
    places = np.empty(len(stored.bonds), int)
    places[np.concatenate(rows)] = np.arange(len(stored.bonds))
    settings = stored.facts["descriptors"] | {"expansion": expansion.to_dict()}
    arrays = stored.arrays | {"expansion": np.concatenate(parts)}
    bonds = stored.bonds.assign(row=places)
    return replace(stored, bonds=bonds, arrays=arrays, facts=stored.facts | {"descriptors": settings})


def variants(stored: Database, work: WorkDir, p: Train) -> Iterator[tuple[str, Database, Recipe]]:
    """The model, and what differs from it in one thing.

    Parameters
    ----------
    stored : Database
        The database.
    work : WorkDir
        Where the cells are.
    p : Train
        Parameters of 05_train; `variants` are changes of the expansion.

    Yields
    ------
    tuple
        Name, database and recipe of each.
    """
    yield "the model", stored, training.recipe(stored)
    for n in POLYNOMIALS:
        name = f"{n} polynomials of the length" if n > 1 else "the length not multiplied"
        yield name, stored, training.recipe(stored, linear.Settings(n_distance=n))
    for change in p.variants:
        expansion = BondExpansion(**(stored.facts["descriptors"]["expansion"] | change))
        name = ", ".join(f"{k} {v}" for k, v in change.items())
        other = described(stored, work, expansion)
        yield f"{name} ({expansion.n_features} numbers)", other, training.recipe(other)
    published = training.published_recipe(stored, p)
    if published is not None:
        yield "the published model", stored, published


def ablate(
    stored: Database, work: WorkDir, p: Train, only: Sequence[str], progress: bool = False
) -> pd.DataFrame:
    """Score each variant.

    Parameters
    ----------
    stored : Database
        The database.
    work : WorkDir
        Where the cells are.
    p : Train
        Parameters of 05_train.
    only : sequence of str
        Names of the splits.
    progress : bool
        Show a line of progress.

    Returns
    -------
    DataFrame
        changed, type, split, n_train, rmse, baseline_rmse (eV), ratio.
    """
    parts, alone = [], p.model_copy(update={"published": {}})
    for name, database, how in each(list(variants(stored, work, p)), "ablation", "variants", progress):
        table = validation.validate(database, alone, only=only, how=how).table
        parts.append(validation.summary(table).assign(changed=name))
    table = pd.concat(parts, ignore_index=True)
    return table[["changed", "type", "split", "n_train", *ERRORS, "ratio"]]


def augmentation(stored: Database, p: Train, progress: bool = False) -> pd.DataFrame:
    """What the deformed copies add.

    Parameters
    ----------
    stored : Database
        The database.
    p : Train
        Parameters of 05_train.
    progress : bool
        Show a line of progress.

    Returns
    -------
    DataFrame
        learned_from, type, n_train, rmse, baseline_rmse (eV; root mean square over the folds): errors on the
        bonds of the quenched cells between atoms that were not seen. The curve has learned from the same
        bonds.
    """
    names = {n: family(n) for n in sorted(stored.bonds.sub_run.unique().tolist())}
    families = [f for f in dict.fromkeys(names.values()) if f != QUENCHED]
    sets = {QUENCHED: {QUENCHED}, **{f"and {f}": {QUENCHED, f} for f in families}}
    sets["all"] = {QUENCHED, *families}
    rows, (tables, _) = [], validation.learnable(stored, p.bond_types)
    for name, kept in each(sets.items(), "augmentation", "sets", progress):
        chosen: dict[str, dict[str, Split]] = {}
        for bond_type, bonds in tables.items():
            kinds = bonds.sub_run.map(names).to_numpy()
            for s in atom_splits(bonds, len(bonds), p.seed):
                train = s.train[np.isin(kinds[s.train], list(kept))][: p.n_train]
                test = s.test[kinds[s.test] == QUENCHED]
                if len(train) and len(test):
                    chosen.setdefault(s.fold, {})[bond_type] = Split(name, s.fold, train, test)
        rows += [{"learned_from": name, **row} for row in _errors(stored, tables, chosen, p)]
    return pd.DataFrame(rows)


def transfer(stored: Database, p: Train, progress: bool = False) -> pd.DataFrame:
    """Predict each composition by models that learned from it alone, from the others alone, and from all.

    All learn from as many bonds and are judged on bonds between atoms that none has seen.

    Parameters
    ----------
    stored : Database
        The database.
    p : Train
        Parameters of 05_train.
    progress : bool
        Show a line of progress.

    Returns
    -------
    DataFrame
        composition, learned_from (itself, others, all), type, n_train, rmse, baseline_rmse (eV); empty if
        there is one composition only.
    """
    rows, names = [], sorted(stored.bonds.composition.unique())
    tables, _ = validation.learnable(stored, p.bond_types)
    for composition in each(names if len(names) > 1 else [], "transfer", "compositions", progress):
        chosen: dict[str, dict[str, dict[str, Split]]] = {}
        for bond_type, bonds in tables.items():
            for name, splits in _sources(bonds, (bonds.composition == composition).to_numpy(), p).items():
                for s in splits:
                    chosen.setdefault(name, {}).setdefault(s.fold, {})[bond_type] = s
        for name, some in chosen.items():
            place = {"composition": composition, "learned_from": name}
            rows += [place | row for row in _errors(stored, tables, some, p)]
    return pd.DataFrame(rows)


def _sources(bonds: pd.DataFrame, own: np.ndarray, p: Train) -> dict[str, list[Split]]:
    """Splits that learn from equally many bonds of the composition, of the others, and of all."""
    folds = list(atom_splits(bonds, len(bonds), p.seed)) if len(bonds) else []
    parts = [
        {"itself": s.train[own[s.train]], "others": s.train[~own[s.train]], "all": s.train} for s in folds
    ]
    size = min((min(map(len, part.values())) for part in parts), default=0)
    if size < validation.FEWEST:
        return {}
    found: dict[str, list[Split]] = {name: [] for name in ("itself", "others", "all")}
    for fold, part in zip(folds, parts, strict=True):
        test = fold.test[own[fold.test]]
        for name, train in part.items():
            if len(test):
                found[name].append(Split(name, fold.fold, train[: min(size, p.n_train)], test))
    return found


def _errors(
    stored: Database, tables: Mapping[str, pd.DataFrame], chosen: Mapping[str, Mapping[str, Split]], p: Train
) -> list[dict[str, Any]]:
    """Root mean square over some folds of the model's and the curve's errors, eV: a row per type."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for fold in chosen.values():
        results, _ = validation.score(stored, tables, fold, training.recipe(stored))
        for bond_type, result in results.items():
            found.setdefault(bond_type, []).append(result)
    rows = []
    for bond_type in (t for t in p.bond_types if t in found):
        some = found[bond_type]
        mean = {name: float(np.sqrt(np.mean([f[name] ** 2 for f in some]))) for name in ERRORS}
        rows.append({"type": bond_type, "n_train": int(np.mean([f["n_train"] for f in some])), **mean})
    return rows
