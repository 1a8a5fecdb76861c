"""Across compositions, on our own labels: python bench/transfer.py, after a run of parameters/example.yaml.

Writes into data_examples/validation:

transfer.csv: the rows *by composition* of 05's validation.csv (a model of the other compositions judged on
this one), RMSE over that of the distance alone (`ratio`), and the same of the published kernel and
hyperparameters; `…_large` of a model of up to LARGE bonds.

quenches.csv, quenches.png: the same error against the number of independent quenches learned from, SIZE bonds
each time, so that it is their variety that grows and not their number; mean over the choices of quenches.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

from itertools import combinations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from getl_utils.core import parameters
from getl_utils.core.bonds import quench_of
from getl_utils.core.parameters import Setting, Train
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.etl import database
from getl_utils.etl.database import Database
from getl_utils.models import model, validation
from getl_utils.models.validation import Split
from getl_utils.views import style

EXAMPLE, OUT = "parameters/example.yaml", resolve("data_examples/validation")
FEWEST = 100  # test bonds
LARGE = 4500  # bonds learned from at most
SIZE = 500  # bonds learned from, however many quenches they are of
COLUMNS = [
    "type",
    "fold",
    "n_train",
    "n_test",
    "rmse",
    "baseline_rmse",
    "ratio",
    "published_ratio",
    "in_50",
    "in_68",
    "in_90",
    "in_95",
]


def table(found: pd.DataFrame) -> pd.DataFrame:
    """Types and compositions with at least FEWEST test bonds."""
    rows = found[(found.split == "by composition") & (found.n_test >= FEWEST)]
    rows = rows.assign(
        ratio=rows.rmse / rows.baseline_rmse, published_ratio=rows.published_rmse / rows.baseline_rmse
    )
    return rows[COLUMNS]


def large(stored: Database, p: Train, setting: Setting) -> pd.DataFrame:
    """The same of models of up to LARGE bonds: type, fold, n_train_large, ratio_large, in_90_large."""
    p = p.model_copy(update={**dict(setting), "tuned": "", "compress": 0, "n_train": LARGE, "published": {}})
    found = validation.validate(stored, p, only=["by composition"]).table
    found = found.assign(ratio=found.rmse / found.baseline_rmse)[
        ["type", "fold", "n_train", "ratio", "in_90"]
    ]
    return found.rename(columns={name: f"{name}_large" for name in ("n_train", "ratio", "in_90")})


def splits(bonds: pd.DataFrame) -> list[tuple[int, Split]]:
    """Every composition left out, every choice of quenches of the others: how many they are, and the
    split."""
    random, run = np.random.default_rng(1), quench_of(bonds).to_numpy()
    found = []
    for composition in sorted(set(bonds.composition)):
        own = (bonds.composition == composition).to_numpy()
        others = sorted(set(run[~own]))
        for number in range(1, len(others) + 1):
            for chosen in combinations(others, number):
                train = random.permutation(np.flatnonzero(np.isin(run, chosen)))[:SIZE]
                found.append((number, Split("by composition", composition, train, np.flatnonzero(own))))
    return found


def quenches(stored: Database, types: list[str], setting: Setting) -> pd.DataFrame:
    """A row per type, composition left out and number of quenches: RMSE and the distance curve's (eV), mean
    over the choices."""
    rows = []
    for bond_type in types:
        bonds = stored.of_type(bond_type)
        features, strength, groups = stored.features(bonds), -bonds.icohp.to_numpy(float), model.groups(bonds)
        for number, split in splits(bonds):
            if len(split.train) == SIZE and len(split.test) >= FEWEST:
                got = validation.score(
                    features, strength, groups, split, setting, setting.hyperparameters_of(bond_type)
                )
                rows.append({"type": bond_type, "fold": split.fold, "quenches": number, **got})
        print(f"{bond_type}: {len(rows)} models so far", flush=True)
    grouped = pd.DataFrame(rows).groupby(["type", "fold", "quenches"], sort=False)
    mean = grouped[["n_test", "rmse", "baseline_rmse", "in_90"]].mean()
    mean.insert(0, "choices", grouped.size())
    return mean.assign(ratio=mean.rmse / mean.baseline_rmse).reset_index()


def picture(found: pd.DataFrame) -> Figure:
    """The ratio to the distance alone, mean over the compositions left out, a line per type."""
    figure, (axes,) = style.axes(width=5)
    colour, shown = style.colours(found.type.unique().tolist()), 1
    for bond_type, rows in found.groupby("type", sort=False):
        each = rows.pivot_table(
            index="quenches", columns="fold", values="ratio"
        ).dropna()  # all compositions, or not drawn
        axes.plot(each.index, each.mean(axis=1), "o-", color=colour[bond_type], label=bond_type)
        shown = max(shown, *each.index)
    axes.set(
        xlabel=f"independent quenches learned from ({SIZE} bonds)",
        ylabel="RMSE / distance alone",
        ylim=(0.5, 1),
    )
    axes.set_xticks(range(1, shown + 1))
    style.legend(axes, ncols=5, loc="lower center")
    return figure


def main() -> None:
    values = parameters.read(EXAMPLE)
    p, work = parameters.for_stage("05_train", values), WorkDir(values["work_dir"])
    stored, _ = database.read(work.database(p.database)).compressed(p.compress)
    setting = parameters.read_setting(work.model / "tuned.yaml")
    rows = table(pd.read_csv(work.require(work.model / "validation.csv", f"05_train of {EXAMPLE}")))
    rows = rows.merge(large(stored, p, setting), on=["type", "fold"])
    with atomic_write(OUT / "transfer.csv") as temporary:
        rows.to_csv(temporary, index=False, float_format="%.4g")
    print(rows.round(3).to_string(index=False), flush=True)
    found = quenches(stored, p.bond_types, setting)
    print(found.round(3).to_string(index=False))
    style.save(picture(found), found.round(4), OUT / "quenches")


if __name__ == "__main__":
    main()
