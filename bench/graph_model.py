"""What graph networks are worth: ``python bench/graph_model.py [alloys ablation sizes speed]``.

Reads the 75 labelled cells of Zr–Cu–Al. Writes into data_examples/validation:

graph_alloys.csv: five folds, each composition left out once; the ensemble, its networks one by one, and one
network without angles, beside the distance alone and the linear model of the same bonds.
graph_ablation.csv: one thing changed at a time, one network, one fold left out.
graph_sizes.csv: error against training cells and width, same fold; graph_laws.csv: its laws.
graph_speed.csv: seconds and memory of training and of a large glass.

A row that is there, made with the same labels and the same options, is not made again. ``--epochs``,
``--members`` and ``--seeds`` make it cheaper; the tables say what they were. A single network has no σ. A
quiet core needs about 0.05 s for a cell and an epoch.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import resource
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import zrcual
from ase import Atoms

from getl_utils.core.parameters import Graph
from getl_utils.core.record import content_hash, write_csv
from getl_utils.core.workdir import resolve
from getl_utils.models import gp, joint_law, learning
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.graph import learn
from getl_utils.models.graph.body import GraphModel

OUT = resolve("data_examples/validation")
KEY = ["composition", "run", "sub_run"]
FEWEST = 100  # test bonds of a type that is judged
REPEAT = 5  # of a cell of 100 atoms along two axes, and 4 along the third: 10 000 atoms
CHANGES: tuple[dict[str, Any], ...] = (
    {},
    {"angle_cutoff": 0.0},
    {"angle_cutoff": 3.2},
    {"angle_cutoff": 4.8},
    {"cutoff": 4.4},
    {"n_radial": 12},
    {"l_max": 1},
    {"width": 16},
    {"width": 48},
    {"depth": 1},
    {"depth": 3},
    {"pooling": "attention"},
)


@cache
def table() -> pd.DataFrame:
    """All labelled bonds, with the number of their cell and their fold."""
    bonds = zrcual.whole()
    first = bonds[bonds.data == zrcual.DATA.name].composition.unique()
    names = dict.fromkeys(bonds.composition)
    fold = {name: name for name in first}
    fold |= {name: f"others {1 + n % 2}" for n, name in enumerate(sorted(set(names) - set(first)))}
    return bonds.assign(cell=bonds.groupby(KEY, sort=False).ngroup(), fold=bonds.composition.map(fold))


@cache
def described() -> np.ndarray:
    """Features of all bonds for the linear model."""
    return zrcual.features(BondExpansion(zrcual.elements()), table())


@cache
def cells() -> list[tuple]:
    """Composition, run and sub-run of each cell, by its number."""
    return list(table().groupby(KEY, sort=False).groups)


@cache
def labels() -> str:
    """Identity of the labels."""
    return content_hash(table().to_csv(index=False))


def fit(p: Graph, keep: np.ndarray, seed: int) -> tuple[GraphModel, float]:
    """Train on the bonds where `keep` is true; the model and the CPU seconds."""
    data, some = {}, table()[keep]
    for name, rows in some.groupby("type", sort=False):
        places = rows[["cell", *zrcual.BOND]].to_numpy(int)
        groups = (rows.composition + "/" + rows.run.astype(str)).to_numpy(str)
        data[name] = learn.Learned(places, rows.distance.to_numpy(), rows.strength.to_numpy(), groups)
    start = time.process_time()
    model, refused = learn.fit(zrcual.elements(), p, lambda n: zrcual.cell(*cells()[n]), data, seed, _say)
    for name, why in refused.items():
        print(f"{name}: {why}", flush=True)
    return model, time.process_time() - start


def _say(member: int, epoch: int, loss: float) -> None:
    print(f"  network {member}, epoch {epoch}: {loss:.4f}", flush=True)


def estimates(model: GraphModel, rows: pd.DataFrame) -> pd.DataFrame:
    """Mean, σ and the means of the single networks (eV), for bonds of `table`."""
    parts = []
    for number, some in rows.groupby("cell"):
        features = model.describe(zrcual.cell(*cells()[number]), some[zrcual.BOND].to_numpy(int))
        for name, mine in some.groupby("type"):
            if name in model.types:
                parts.append(_of_type(model, name, features[some.index.get_indexer(mine.index)], mine))
    return pd.concat(parts).loc[lambda t: rows.index.intersection(t.index)]


def _of_type(model: GraphModel, name: str, features: np.ndarray, rows: pd.DataFrame) -> pd.DataFrame:
    d, run, one = rows.distance.to_numpy(), learn.library.module("run"), model.types[name]
    whole, w = model.evaluate(name, features, d), model.settings.width
    out = pd.DataFrame({"mean": whole.mean, "sigma": whole.sigma}, index=rows.index)
    for n, net in enumerate(model.networks):
        out[f"network {n}"] = one.mean(run.deviation(net, features[:, n * w : (n + 1) * w], d), d)
    return out


def errors(model: GraphModel, keep: np.ndarray, test: np.ndarray) -> list[dict[str, Any]]:
    """A row for each composition and type with enough test bonds: errors, eV.

    `distance`, `graph`, `single` (mean of those of the single networks), `single_std` (standard deviation).
    """
    rows, found, out = table()[test], estimates(model, table()[test]), []
    for (composition, name), mine in rows.groupby(["composition", "type"], sort=False):
        if len(mine) < FEWEST or name not in model.types:
            continue
        known = table()[keep & (table().type == name).to_numpy()]
        curve = gp.fit_curve(known.distance.to_numpy(), known.strength.to_numpy())
        wrong = found.loc[mine.index].drop(columns="sigma").sub(mine.strength, axis=0)
        single = [zrcual.rms(wrong[c]) for c in wrong.columns[1:]]
        row = {"left_out": composition, "type": name, "n_train": len(known), "n_test": len(mine)}
        row |= {"distance": zrcual.rms(curve.predict(mine.distance.to_numpy()) - mine.strength)}
        row |= {"graph": zrcual.rms(wrong["mean"]), "single": float(np.mean(single))}
        row |= {"single_std": float(np.std(single, ddof=1)) if len(single) > 1 else np.nan}
        held = zrcual.held(wrong["mean"].to_numpy(), found.loc[mine.index].sigma.to_numpy())
        out.append(row | {"in_90": held})
    return out


def linear(keep: np.ndarray, test: np.ndarray) -> pd.DataFrame:
    """Error (eV) and coverage of the linear model of the same bonds, by composition and type."""
    start = time.process_time()
    model = zrcual.train(BondExpansion(zrcual.elements()), table(), described(), keep)
    seconds, rows = time.process_time() - start, {}
    for key, mine in table()[test].groupby(["composition", "type"], sort=False):
        if key[1] not in model.types:
            continue
        found = model.evaluate(key[1], described()[mine.index], mine.distance.to_numpy())
        wrong = found.mean - mine.strength.to_numpy()
        rows[key] = {"linear": zrcual.rms(wrong), "linear_in_90": zrcual.held(wrong, found.sigma)}
    return pd.DataFrame(rows).T.assign(linear_seconds=seconds)


def weights(model: GraphModel) -> int:
    """Weights of one network."""
    return sum(array[0].size for array in model.weights.values())


def kept(name: str, place: dict[str, Any], make: Callable[[], list[dict[str, Any]]]) -> pd.DataFrame:
    """The table of a file, with the rows of one place, which are made unless they are there."""
    path, place = OUT / f"graph_{name}.csv", place | {"labels": labels()}
    known = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list(place))
    known = known[known.labels == labels()]
    same = np.logical_and.reduce([(known[k].astype(str) == str(v)).to_numpy() for k, v in place.items()])
    if not same.any():
        print(f"{name}: {place}", flush=True)
        new = pd.DataFrame([place | row for row in make()])
        known = pd.concat([known, new], ignore_index=True) if len(known) else new
        write_csv(path, known.round(5))
    return known


def alloys(given: argparse.Namespace) -> None:
    """Each fold left out, with angles and, one network, without."""
    for seed in range(1, given.seeds + 1):
        for fold in dict.fromkeys(table().fold):
            for angles in (True, False) if seed == 1 else (True,):
                change = {} if angles else {"angle_cutoff": 0.0}
                p = settings(given, change, 1 if not angles else given.members)
                place = {"fold": fold, "seed": seed, "angles": angles, "members": p.members}
                place |= {"epochs": p.epochs}
                found = kept(
                    "alloys", place, lambda p=p, fold=fold, seed=seed: _left_out(p, fold, 100 * seed)
                )
    print(beside(found).to_string(), flush=True)


def _left_out(p: Graph, fold: str, seed: int, keep: np.ndarray | None = None) -> list[dict[str, Any]]:
    """Errors on a fold, beside those of the linear model, learned from the others or from `keep`."""
    test = (table().fold == fold).to_numpy()
    keep = ~test if keep is None else keep
    model, seconds = fit(p, keep, seed)
    facts, theirs = {"seconds": seconds, "weights": weights(model)}, linear(keep, test)
    rows = errors(model, keep, test)
    theirs = theirs.reindex(pd.MultiIndex.from_tuples([(row["left_out"], row["type"]) for row in rows]))
    return [row | facts | own for row, own in zip(rows, theirs.to_dict("records"), strict=True)]


def beside(found: pd.DataFrame) -> pd.DataFrame:
    """Ratios to the distance alone, mean over the seeds.

    The published model is that of ``transfer.csv``: of all other compositions, also those of the same fold.
    """
    keys, columns = ["type", "left_out"], ["graph", "single", "linear"]
    ratio = found.assign(**{c: found[c] / found.distance for c in columns})
    mean = {a: some.groupby(keys)[columns].mean() for a, some in ratio.groupby("angles")}
    theirs = pd.read_csv(OUT / "transfer.csv").rename(columns={"fold": "left_out"}).set_index(keys)
    tested = found.groupby(keys).n_test.first()
    both = tested.index.intersection(theirs.index)
    if (theirs.n_test[both] != tested[both]).any():
        raise SystemExit("transfer.csv is of other labels: run bench/transfer.py first")
    more = {"without angles": mean[False].single} if False in mean else {}
    return mean[True].assign(**more, published=theirs.published_ratio).round(3)


def settings(given: argparse.Namespace, change: dict[str, Any], members: int = 1) -> Graph:
    """The defaults, but for what is changed and asked for."""
    asked: dict[str, Any] = {"members": members, "calibration": 2 if members > 1 else 0}
    asked |= {"epochs": given.epochs} if given.epochs else {}
    return Graph(**asked | change)


def ablation(given: argparse.Namespace) -> None:
    """One thing changed at a time; the first fold is left out."""
    for change in CHANGES:
        p = settings(given, change)
        name = ", ".join(f"{k} {v}" for k, v in change.items()) or "the model"
        place = {"changed": name, "fold": table().fold[0], "epochs": p.epochs}
        found = kept("ablation", place, lambda p=p: _left_out(p, table().fold[0], 100))
    found = found.assign(ratio=found.graph / found.distance)
    print(found.pivot_table("ratio", "changed", "type", sort=False).round(3).to_string(), flush=True)


def sizes(given: argparse.Namespace) -> None:
    """Error against cells learned from and width; the first fold is left out."""
    left = table().fold[0]
    others = table()[table().fold != left]
    order = np.random.default_rng(0).permutation(others.cell.unique())
    for width in (8, 16, 32):
        for count in (4, 8, 16, 32, len(order)):
            p = settings(given, {"width": width})
            p = p.model_copy(update={"epochs": p.epochs * len(order) // count})  # as many steps
            place = {"width": width, "cells": count, "fold": left, "epochs": p.epochs}
            keep = table().cell.isin(order[:count]).to_numpy()
            found = kept("sizes", place, lambda p=p, keep=keep, left=left: _left_out(p, left, 1, keep))
    fitted = laws(found)
    write_csv(OUT / "graph_laws.csv", fitted.round(4))
    print(fitted.round(3).to_string(), flush=True)


def laws(found: pd.DataFrame) -> pd.DataFrame:
    """Laws in bonds at the largest width, in weights with all cells, and in both, by type."""
    rows = []
    for name, some in found.groupby("type", sort=False):
        parts = {
            "bonds": some[some.width == some.width.max()],
            "weights": some[some.cells == some.cells.max()],
        }
        for axis, part in parts.items():
            size = part.n_train if axis == "bonds" else part.weights
            fitted = learning.fit_laws(size.to_numpy(), part.graph.to_numpy())
            rows.append(fitted.assign(type=name, axis=axis, points=len(part)))
        joint = joint_law.fit(some.n_train, some.weights, some.graph)
        whole = {"type": name, "axis": "both", "law": "joint", "points": len(some), **joint._asdict()}
        rows.append(pd.DataFrame([whole]))
    return pd.concat(rows, ignore_index=True)


def speed(given: argparse.Namespace) -> None:
    """A glass of 10 000 atoms: seconds and memory; and the training before it, on all cells."""

    def make() -> list[dict[str, Any]]:
        every, atoms = np.ones(len(table()), bool), zrcual.cell(*cells()[0]) * (REPEAT, REPEAT, REPEAT - 1)
        start = time.process_time()
        lines = zrcual.train(BondExpansion(zrcual.elements()), table(), described(), every)
        rows = [_timed("linear", lines, time.process_time() - start, atoms)]
        model, seconds = fit(settings(given, {}, given.members), every, 1)
        return [*rows, _timed("graph", model, seconds, atoms) | {"weights": weights(model)}]

    p = settings(given, {}, given.members)
    print(kept("speed", {"members": p.members, "epochs": p.epochs}, make).to_string(), flush=True)


def _timed(name: str, model: Any, seconds: float, atoms: Atoms) -> dict[str, Any]:
    """What training took, and what a glass takes, compiled before (CPU seconds, MB)."""
    model.predict(zrcual.cell(*cells()[0]))
    before, start, wall = _peak(), time.process_time(), time.time()
    found = model.predict(atoms)
    row = {"model": name, "training_s": seconds, "atoms": len(atoms), "bonds": len(found.mean)}
    row |= {"seconds": time.process_time() - start, "wall_s": time.time() - wall}
    return row | {"memory_MB": _peak() - before}


def _peak() -> float:
    """Largest memory so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


PARTS = {"alloys": alloys, "ablation": ablation, "sizes": sizes, "speed": speed}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], default=[])
    parser.add_argument("--epochs", type=int, help="instead of the default")
    parser.add_argument("--members", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    for part in given.parts or PARTS:
        PARTS[part](given)
