"""What the bond-centred models are worth: ``python bench/bond_model.py [run21 curve alloys]``.

Writes tables into data_examples/validation/: ``bond_model_run21.csv`` (published labels; random split, by
sub-run, by atom), ``bond_model_curve.csv`` (error against number of bonds) and ``bond_model_alloys.csv``
(our labels, each composition left out). The linear model is the default and the Gaussian process its
rival. Both stand beside the curve of the distance alone.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

import sys
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import type_of
from getl_utils.core.record import write_csv
from getl_utils.core.workdir import WorkDir, root
from getl_utils.etl import database, extract
from getl_utils.models import bond_kernel, linear, splits, validation
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.models.gp import fit_curve

PLACE, OUT = root() / "runs/bench", root() / "data_examples/validation"
SIZES = (50, 100, 150, 300, 600, 2000)
SEEDS, N_TRAIN, N_TEST = 5, 2000, 1000
KERNEL_MOST = 2000  # training bonds of the Gaussian process
FEWEST = 50  # bonds of a type that are judged


class Data(NamedTuple):
    """Bonds of labelled cells, one row each, with `type` and `strength`; their features; the expansion."""

    bonds: pd.DataFrame
    features: np.ndarray
    expansion: BondExpansion

    def of(self, bond_type: str) -> pd.DataFrame:
        """Bonds of one type, numbered from 0."""
        return self.bonds[self.bonds.type == bond_type].reset_index(drop=True)


def read(profile: str) -> Data:
    """All labelled bonds of a profile's published tree or data sets, or else those of zrcual."""
    values = parameters.read(root() / "parameters" / profile)
    p, transform = (parameters.for_stage(stage, values) for stage in ("02_extract", "03_transform"))
    work = WorkDir(PLACE / profile.removesuffix(".yaml"))
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    roots = [root() / place for place in p.reference_roots or ["data_examples/zrcual"]]
    result = extract.extract(work, keys, roots, p.cutoff)
    extract.write(work, result)
    expansion = BondExpansion(tuple(p.elements), **transform.expansion.model_dump())
    parts, features = [], []
    for key, rows in result.bonds.groupby(["composition", "run", "sub_run"], sort=False):
        atoms = cells.read(work.cell(*key))
        parts.append(rows)
        features.append(describe(expansion, atoms, rows[["i", "j", "tx", "ty", "tz"]].to_numpy(int)))
    bonds = pd.concat(parts, ignore_index=True)
    names = type_of(bonds.element_i, bonds.element_j, p.elements)
    return Data(bonds.assign(type=names, strength=-bonds.icohp), np.vstack(features), expansion)


def errors(
    data: Data,
    bond_type: str,
    trained: linear.LinearModel,
    train: np.ndarray,
    test: np.ndarray,
    kernel: bool = True,
) -> dict[str, float]:
    """Errors (eV) of the linear model, the Gaussian process, the mean of both, and the distance alone."""
    d, y = (data.bonds[name].to_numpy() for name in ("distance", "strength"))
    estimate = trained.evaluate(bond_type, data.features[test], d[test])
    row = {"n_train": len(train), "n_test": len(test)}
    row["linear"] = validation.errors(estimate.mean, y[test])["rmse"]
    row["distance"] = validation.errors(fit_curve(d[train], y[train]).predict(d[test]), y[test])["rmse"]
    row["in_90"] = validation.coverage((y[test] - estimate.mean) / estimate.sigma)["in_90"]
    if kernel:
        some = np.random.default_rng(0).permutation(train)[:KERNEL_MOST]
        process = bond_kernel.fit(data.expansion, bond_type, data.features[some], d[some], y[some])
        found = process.predict(data.features[test], d[test])
        row["kernel"] = validation.errors(found, y[test])["rmse"]
        row["mean"] = validation.errors(0.5 * (found + estimate.mean), y[test])["rmse"]
    return row


def fit(data: Data, rows: np.ndarray) -> linear.LinearModel:
    """The linear model of all types among these rows; the types share their weights."""
    bonds = data.bonds.iloc[rows]
    return linear.fit(
        data.expansion,
        data.features[rows],
        bonds.distance.to_numpy(),
        bonds.strength.to_numpy(),
        bonds.type.to_numpy(),
        database.groups(bonds),
    ).model


def enough(data: Data) -> Iterator[str]:
    """Bond types with enough bonds to be judged."""
    counts = data.bonds.type.value_counts()
    yield from (name for name in dict.fromkeys(data.bonds.type) if counts[name] >= FEWEST)


def judge(data: Data, chosen: dict[str, Iterable[splits.Split]], kernel: bool = True) -> list[dict]:
    """`errors` of every type on its splits; the types of one fold are learned from together."""
    folds: dict[tuple[str, str], dict[str, splits.Split]] = {}
    for name, own in chosen.items():
        for split in own:
            folds.setdefault((split.name, split.fold), {})[name] = split
    rows, places = [], {name: np.flatnonzero((data.bonds.type == name).to_numpy()) for name in chosen}
    for (split_name, fold), sides in folds.items():
        trained = fit(data, np.concatenate([places[name][s.train] for name, s in sides.items()]))
        for name in (name for name in sides if name in trained.types):
            train, test = places[name][sides[name].train], places[name][sides[name].test]
            row = errors(data, name, trained, train, test, kernel)
            rows.append({"type": name, "split": split_name, "fold": fold, **row})
    return rows


def run21() -> None:
    """Random split with the published sizes, by sub-run and by atom."""
    data = read("reference.yaml")
    bonds = {name: data.of(name) for name in enough(data)}
    random = {k: splits.random_splits(len(b), N_TRAIN, N_TEST, SEEDS, 0) for k, b in bonds.items()}
    atoms = {k: splits.atom_splits(b, N_TRAIN, 0) for k, b in bonds.items()}
    sub_runs = {k: splits.grouped_splits(b.sub_run, "by sub-run", N_TRAIN, 0) for k, b in bonds.items()}
    rows: list[dict] = []
    for chosen, kernel in ((random, True), (atoms, True), (sub_runs, False)):
        rows += judge(data, chosen, kernel)
        table = pd.DataFrame(rows)
        print(table.groupby(["split", "type"]).mean(numeric_only=True).round(4), flush=True)
        write_csv(OUT / "bond_model_run21.csv", table.round(5))


def curve() -> None:
    """Error against the number of training bonds of each type, random split of run 21."""
    data, rows = read("reference.yaml"), []
    bonds = {name: data.of(name) for name in enough(data)}
    for size in SIZES:
        some = {k: b for k, b in bonds.items() if size <= splits.TRAIN_FRACTION * len(b)}
        chosen = {k: splits.random_splits(len(b), size, N_TEST, 3, 0) for k, b in some.items()}
        rows += judge(data, chosen)
        table = pd.DataFrame(rows)
        print(table[table.n_train == size].groupby("type").mean(numeric_only=True).round(4), flush=True)
        write_csv(OUT / "bond_model_curve.csv", table.round(5))


def alloys() -> None:
    """Our labels: each composition of zrcual left out, all bonds of all others learned from together."""
    data, rows = read("example.yaml"), []
    composition, kinds = data.bonds.composition.to_numpy(), data.bonds.type.to_numpy()
    for left_out in parameters.read(root() / "parameters/workstation.yaml")["compositions"]:
        learned = composition != left_out
        trained = fit(data, np.flatnonzero(learned))
        for name in enough(data):
            train, test = (np.flatnonzero((kinds == name) & side) for side in (learned, ~learned))
            if len(test) and name in trained.types:
                row = errors(data, name, trained, train, test)
                rows.append({"type": name, "left_out": left_out, **row})
    table = pd.DataFrame(rows)
    for model in ("linear", "kernel"):
        table[f"{model}_ratio"] = table[model] / table.distance
    table = table.sort_values("type", kind="stable")
    print(table.round(3).to_string())
    write_csv(OUT / "bond_model_alloys.csv", table.round(5))


PARTS = {"run21": run21, "curve": curve, "alloys": alloys}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        if part not in PARTS:
            raise SystemExit(f"{part}: the parts are {', '.join(PARTS)}")
        PARTS[part]()
