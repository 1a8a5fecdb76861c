"""What each part is worth: the expansion, the polynomials of the length, the deformed copies, the compositions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Hyperparameters, Train
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
        yield name, stored, training.recipe(stored, linear.Settings(n_distance=(n,)))
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
        learned_from, type, n_train, rmse, baseline_rmse (eV; root mean square over the folds): errors on the bonds of
        the quenched cells between atoms that were not seen. The curve has learned from the same bonds.
    """
    names = {n: family(n) for n in sorted(stored.bonds.sub_run.unique().tolist())}
    families = [f for f in dict.fromkeys(names.values()) if f != QUENCHED]
    sets = {QUENCHED: {QUENCHED}, **{f"and {f}": {QUENCHED, f} for f in families}}
    sets["all"] = {QUENCHED, *families}
    rows, jobs = [], [(t, s) for t in p.bond_types for s in sets.items()]
    for bond_type, (name, kept) in each(jobs, "augmentation", "fits", progress):
        bonds = stored.of_type(bond_type)
        kinds = bonds.sub_run.map(names).to_numpy()
        chosen = []
        for s in atom_splits(bonds, len(bonds), p.seed) if len(bonds) else ():
            train = s.train[np.isin(kinds[s.train], list(kept))][: p.n_train]
            chosen.append(Split(name, s.fold, train, s.test[kinds[s.test] == QUENCHED]))
        row = _errors(stored, bonds, [s for s in chosen if len(s.train) and len(s.test)], p)
        rows += [{"learned_from": name, "type": bond_type, **row}] if row else []
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
        composition, learned_from (itself, others, all), type, n_train, rmse, baseline_rmse (eV); empty if there is one
        composition only.
    """
    rows, names = [], sorted(stored.bonds.composition.unique())
    pairs = [(t, c) for t in p.bond_types for c in names if len(names) > 1]
    for bond_type, composition in each(pairs, "transfer", "fits", progress):
        bonds = stored.of_type(bond_type)
        own = (bonds.composition == composition).to_numpy()
        for name, folds in _sources(bonds, own, p).items():
            row = _errors(stored, bonds, folds, p)
            place = {"composition": composition, "learned_from": name, "type": bond_type}
            rows += [place | row] if row else []
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


def _errors(stored: Database, bonds: pd.DataFrame, splits: Sequence[Split], p: Train) -> dict[str, Any]:
    """Root mean square over some splits of the model's and the curve's errors, eV; empty if none was learned."""
    found: list[Mapping[str, Any]] = []
    for split in splits:
        try:
            found.append(validation.score(stored, bonds, split, training.recipe(stored)))
        except ValueError:
            continue  # too few bonds of this kind: the table has no row
    if not found:
        return {}
    mean = {name: float(np.sqrt(np.mean([f[name] ** 2 for f in found]))) for name in ERRORS}
    return {"n_train": int(np.mean([f["n_train"] for f in found])), **mean}
