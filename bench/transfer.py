"""Across compositions, on our own labels: ``python bench/transfer.py``, after a run of
parameters/example.yaml.

Writes into data_examples/validation:

transfer.csv: each composition predicted by models of all bonds of the others; beside it the distance alone
(`ratio`: RMSE over its RMSE) and the published model, which learns from `n_train` of the same bonds.

quenches.csv, quenches.png: the ratio on the compositions of zrcual against the number of independent quenches
learned from, SIZE bonds of each type every time, so that their variety grows and not their number. A row is
the mean over DRAWS choices of quenches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

import numpy as np
import pandas as pd

from getl_utils.core import parameters
from getl_utils.core.bonds import quench_of
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.etl import database
from getl_utils.etl.database import Database
from getl_utils.models import splits, training, validation
from getl_utils.models.splits import Split
from getl_utils.views import style

EXAMPLE, OUT = "parameters/example.yaml", resolve("data_examples/validation")
FEWEST = 100  # test bonds
SIZE = 500  # bonds of each type, however many quenches they are of
NUMBERS, DRAWS = (1, 2, 4, 8, 12), 6  # quenches learned from, and how often they are drawn
TESTED = parameters.read("parameters/workstation.yaml")["compositions"]
COLUMNS = ["type", "fold", "n_train", "n_test", "rmse", "baseline_rmse", "ratio", "published_rmse"]
COLUMNS += ["published_ratio", "in_50", "in_68", "in_90", "in_95"]


def transfer(stored: Database, p: parameters.Train) -> pd.DataFrame:
    """A row per type and composition left out, with at least FEWEST test bonds."""
    tables, _ = validation.learnable(stored, p.bond_types)
    every = p.model_copy(update={"n_train": len(stored.bonds)})
    rows = []
    for (_, composition), fold in splits.folds(tables, every, ["by composition"]).items():
        results, _ = validation.score(stored, tables, fold, training.recipe(stored))
        for bond_type, result in results.items():
            theirs = validation.published_rmse(stored, tables[bond_type], fold[bond_type], p)
            rows.append({"type": bond_type, "fold": composition, **result, "published_rmse": theirs})
    table = pd.DataFrame(rows).query(f"n_test >= {FEWEST}")
    table = table.assign(ratio=table.rmse / table.baseline_rmse)
    table = table.assign(published_ratio=table.published_rmse / table.baseline_rmse)
    order = {t: n for n, t in enumerate(p.bond_types)}
    return table[COLUMNS].sort_values(["type", "fold"], key=lambda c: c.replace(order), ignore_index=True)


def choices(stored: Database, composition: str, random: np.random.Generator) -> list[list[str]]:
    """Quenches of the other compositions, drawn at random."""
    names = sorted(set(quench_of(stored.bonds[stored.bonds.composition != composition])))
    numbers = [n for n in NUMBERS if n <= len(names) for _ in range(DRAWS)]
    return [random.choice(names, n, replace=False).tolist() for n in numbers]


def quenches(stored: Database, p: parameters.Train) -> pd.DataFrame:
    """A row per type, composition left out and number of quenches: mean over the choices (eV)."""
    tables, _ = validation.learnable(stored, p.bond_types)
    random, rows = np.random.default_rng(1), []
    for composition in TESTED:
        for chosen in choices(stored, composition, random):
            fold = {}
            for bond_type, bonds in tables.items():
                train = random.permutation(np.flatnonzero(quench_of(bonds).isin(chosen)))[:SIZE]
                test = np.flatnonzero(bonds.composition == composition)
                if len(train) == SIZE and len(test) >= FEWEST:
                    fold[bond_type] = Split("quenches", composition, train, test)
            results, _ = validation.score(stored, tables, fold, training.recipe(stored))
            place = {"fold": composition, "quenches": len(chosen)}
            rows += [{"type": t, **place, **result} for t, result in results.items()]
    grouped = pd.DataFrame(rows).groupby(["type", "fold", "quenches"], sort=False)
    mean = grouped[["n_test", "rmse", "baseline_rmse", "in_90"]].mean()
    mean.insert(0, "choices", grouped.size())
    return mean.assign(ratio=mean.rmse / mean.baseline_rmse).reset_index()


def picture(found: pd.DataFrame):
    """The ratio to the distance alone, mean over the compositions left out, a line per type."""
    figure, (panel,) = style.axes(width=5)
    colour = style.colours(found.type.unique().tolist())
    for bond_type, rows in found.groupby("type", sort=False):
        by_fold = rows.pivot_table(index="quenches", columns="fold", values="ratio").dropna()
        panel.plot(by_fold.index, by_fold.mean(axis=1), "o-", color=colour[bond_type], label=bond_type)
    panel.set(xlabel=f"independent quenches learned from ({SIZE} bonds of each type)", ylim=(0, 1))
    panel.set(ylabel="RMSE / distance alone", xticks=sorted(set(found.quenches)))
    style.legend(panel, ncols=5, loc="lower center")
    return figure


def main() -> None:
    values = parameters.read(EXAMPLE)
    p, work = parameters.for_stage("05_train", values), WorkDir(values["work_dir"])
    stored = database.read(work.database(p.database))
    rows = transfer(stored, p)
    with atomic_write(OUT / "transfer.csv") as temporary:
        rows.to_csv(temporary, index=False, float_format="%.4g")
    print(rows.round(3).to_string(index=False), flush=True)
    found = quenches(stored, p)
    print(found.round(3).to_string(index=False))
    style.save(picture(found), found.round(4), OUT / "quenches")


if __name__ == "__main__":
    main()
