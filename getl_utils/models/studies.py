"""What each part is worth: kernel, prior mean, descriptor, deformed copies, compositions; changed or left out
one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core import cells
from getl_utils.core.bonds import KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Hyperparameters, Train
from getl_utils.core.progress import each
from getl_utils.core.workdir import WorkDir
from getl_utils.etl.database import Database
from getl_utils.etl.descriptors import Soap
from getl_utils.generate.sub_runs import family
from getl_utils.models import model, tuning, validation
from getl_utils.models.validation import Split

QUENCHED = "as quenched"
ZETA = 2.0
SIZES = (10, 30, 100, 300)  # numbers kept of each SOAP vector


def described(database: Database, work: WorkDir, soap: Soap) -> Database:
    """The same bonds with another descriptor, computed from the cells in `work`."""
    vectors, parts, offset = [], [], 0
    for key, rows in database.bonds.groupby(KEY, sort=False):
        vectors.append(soap.compute(cells.read(work.cell(*CellKey(*key)))))
        parts.append(rows.assign(row_i=rows.i + offset, row_j=rows.j + offset))
        offset += len(vectors[-1])
    facts = database.facts | {"soap": soap.to_dict()}
    return Database(pd.concat(parts, ignore_index=True), np.concatenate(vectors), database.clusters, facts)


def variants(database: Database, work: WorkDir, p: Train) -> dict[str, tuple[Database, Train]]:
    """The model, and what differs from it in one thing: kernel, prior mean, numbers kept of SOAP, and SOAP
    (`soap_variants`)."""
    found = {"the model": (database, p)}
    for kernel in ("product_se", "product_ou", "soap_se", "soap_ou", "se"):
        found |= (
            {f"kernel {kernel}": (database, p.model_copy(update={"kernel": kernel}))}
            if kernel != p.kernel
            else {}
        )
    for mean in ("none", "constant", "curve"):
        found |= (
            {f"prior mean {mean}": (database, p.model_copy(update={"mean": mean}))} if mean != p.mean else {}
        )
    for n in SIZES:
        found[f"SOAP in {n} numbers"] = (database, p.model_copy(update={"compress": n}))
    for change in p.soap_variants:
        soap = Soap(**(database.facts["soap"] | change))
        name = ", ".join(f"{n} {v}" for n, v in change.items())
        found[f"SOAP {name} ({soap.size})"] = (described(database, work, soap), p)
    return found


def ablate(
    variants: Mapping[str, tuple[Database, Train]], only: Sequence[str], progress: bool = False
) -> pd.DataFrame:
    """Give each variant its own θ, floor and γ by marginal likelihood (ζ = ZETA), and score it on the splits
    named in `only`.

    Returns
    -------
    DataFrame : changed, type, split, n_train, rmse, baseline_rmse (eV), ratio.
    """
    parts = []
    for name, (database, p) in each(variants.items(), "ablation", "variants", progress):
        small, _ = database.compressed(p.compress)
        own = p.model_copy(
            update={"hyperparameters": _likeliest(small, p), "tuned": "", "published": {}, "compress": 0}
        )
        parts.append(
            validation.summary(validation.validate(small, own, only=only).table).assign(changed=name)
        )
    table = pd.concat(parts, ignore_index=True)
    return table[["changed", "type", "split", "n_train", "rmse", "baseline_rmse", "ratio"]]


def _likeliest(database: Database, p: Train) -> dict[str, Hyperparameters]:
    found = {"default": Hyperparameters()}
    for bond_type in p.bond_types:
        try:
            sample = tuning.sample(database, bond_type, p.n_tune, p.mean, p.seed)
        except ValueError:
            continue  # `validate` says why, or takes the default
        found[bond_type], _ = tuning.maximise([sample], p.kernel, ZETA)
    return found


def augmentation(database: Database, p: Train, progress: bool = False) -> pd.DataFrame:
    """What the deformed copies add: errors on the quenched cells' bonds between unseen atoms, by what was
    learned from.

    Returns
    -------
    DataFrame : learned_from, type, n_train, rmse, baseline_rmse (eV; root mean square over the folds). The
    curve has learned from the same bonds.
    """
    names = {n: family(n) for n in sorted(database.bonds.sub_run.unique().tolist())}
    rows, families = [], [f for f in dict.fromkeys(names.values()) if f != QUENCHED]
    sets = {
        QUENCHED: {QUENCHED},
        **{f"and {f}": {QUENCHED, f} for f in families},
        "all": {QUENCHED, *families},
    }
    database, _ = database.compressed(p.compress)
    for bond_type, (name, kept) in each(
        [(t, s) for t in p.bond_types for s in sets.items()], "augmentation", "fits", progress
    ):
        bonds = database.of_type(bond_type)
        kinds = bonds.sub_run.map(names).to_numpy()
        splits = validation.atom_splits(bonds, len(bonds), p.seed) if len(bonds) else ()
        chosen = [
            (s.train[np.isin(kinds[s.train], list(kept))][: p.n_train], s.test[kinds[s.test] == QUENCHED])
            for s in splits
        ]
        row = _errors(
            database, bonds, [Split(name, "", *c) for c in chosen if min(map(len, c))], p, bond_type
        )
        rows += [{"learned_from": name, "type": bond_type, **row}] if row else []
    return pd.DataFrame(rows)


def transfer(database: Database, p: Train, progress: bool = False) -> pd.DataFrame:
    """Each composition predicted by models that learned from it alone, from the others alone, and from all,
    with as many bonds.

    Judged on bonds between atoms that no model has seen (`validation.atom_splits`).

    Returns
    -------
    DataFrame : composition, learned_from (itself, others, all), type, n_train, rmse, baseline_rmse (eV).
    """
    rows, names = [], sorted(database.bonds.composition.unique())
    database, _ = database.compressed(p.compress)
    pairs = [(t, c) for t in p.bond_types for c in names if len(names) > 1]
    for bond_type, composition in each(pairs, "transfer", "fits", progress):
        bonds = database.of_type(bond_type)
        own = (bonds.composition == composition).to_numpy()
        folds = list(validation.atom_splits(bonds, len(bonds), p.seed)) if len(bonds) else []
        parts = [
            {"itself": s.train[own[s.train]], "others": s.train[~own[s.train]], "all": s.train} for s in folds
        ]
        size = min((min(map(len, part.values())) for part in parts), default=0)
        for name in ("itself", "others", "all") if size >= validation.FEWEST else ():
            chosen = [part[name][: min(size, p.n_train)] for part in parts]
            splits = [
                Split(name, s.fold, train, s.test[own[s.test]])
                for s, train in zip(folds, chosen, strict=True)
            ]
            row = _errors(database, bonds, [s for s in splits if len(s.test)], p, bond_type)
            rows += (
                [{"composition": composition, "learned_from": name, "type": bond_type, **row}] if row else []
            )
    return pd.DataFrame(rows)


def _errors(
    database: Database, bonds: pd.DataFrame, splits: list[Split], p: Train, bond_type: str
) -> dict[str, Any]:
    """Root mean square over some splits of the model's and the curve's errors, eV; empty where none could be
    learned from."""
    found = list(_scores(database, bonds, splits, p, bond_type))
    if not found:
        return {}
    mean = {
        name: float(np.sqrt(np.mean([f[name] ** 2 for f in found]))) for name in ("rmse", "baseline_rmse")
    }
    return {"n_train": int(np.mean([f["n_train"] for f in found])), **mean}


def _scores(
    database: Database, bonds: pd.DataFrame, splits: list[Split], p: Train, bond_type: str
) -> Iterator[dict[str, Any]]:
    features, strength, setting = database.features(bonds), -bonds.icohp.to_numpy(float), p.setting
    for split in splits:
        try:
            yield validation.score(
                features, strength, model.groups(bonds), split, setting, setting.hyperparameters_of(bond_type)
            )
        except ValueError:
            continue  # too few bonds of this kind: the table has no row
