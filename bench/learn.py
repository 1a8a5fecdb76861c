"""Cells chosen by what they teach against cells at random, on our own labels: ``python bench/learn.py``.

No cell is labelled: the labels of data_examples/zrcual are given out one cell at a time. Each alloy in turn
is left out, as in bench/transfer.py; the cells of the others are the pool. From the same first cell (drawn by
the seed, SEEDS of them) each way of choosing takes one cell after the other. The model is trained and tested
on all bonds of the alloy that was left out.

A replay that was stopped goes on: each curve is kept in runs/learn_replay.

Writes into data_examples/validation: learn.csv (a row per way, number of cells and bond type: RMSE, eV, mean
over alloys and seeds, and its standard deviation over seeds), learn_needed.csv (cells that each way needs for
the error that random choice has with REFERENCE cells), learn.png and learn.svg.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

from concurrent.futures import ProcessPoolExecutor
from functools import cache
from itertools import product

import numpy as np
import pandas as pd

from getl_utils.core import cells, parameters
from getl_utils.core.cells import CellKey
from getl_utils.core.record import content_hash, write_csv
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.labels.status import judge
from getl_utils.models import learner
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.learner import Labelled
from getl_utils.views import style

EXAMPLE, DATA, OUT = "parameters/example.yaml", "data_examples/zrcual", resolve("data_examples/validation")
SEEDS, REFERENCE = 5, 4
KEPT = "runs/learn_replay"
FEWEST = 100  # test bonds


@cache
def read() -> tuple[BondExpansion, dict[CellKey, Labelled]]:
    """All labelled cells of the data set."""
    p = parameters.for_stage("03_transform", parameters.read(EXAMPLE))
    expansion, work, found = BondExpansion(tuple(p.elements), **p.expansion.model_dump()), WorkDir(DATA), {}
    for key, atoms in cells.each(work, cells.keys(p.compositions, p.runs, p.sub_runs)):
        verdict = judge(work.label(*key))
        if verdict.status.usable:
            found[key] = learner.labelled(expansion, key, atoms, verdict.labels)
    return expansion, found


def kept(left_out: str, seed: int, way: str, most: int) -> pd.DataFrame:
    """One curve, from the file of an earlier call with the same labels if there is one."""
    labels = content_hash(resolve(DATA) / "manifest.json")
    path = resolve(KEPT) / labels / f"{left_out}-{seed}-{way}-{most}.csv"
    if not path.exists():
        write_csv(path, replay(left_out, seed, way, most))
    return pd.read_csv(path)


def replay(left_out: str, seed: int, way: str, most: int) -> pd.DataFrame:
    """Errors on one alloy after each cell of the others."""
    expansion, every = read()
    test = [one for key, one in every.items() if key.composition == left_out]
    pool = {key: one for key, one in every.items() if key.composition != left_out}
    random = np.random.default_rng(seed)
    known, rows = [pool.pop(list(pool)[random.integers(len(pool))])], []
    while True:
        model = learner.train(expansion, known)
        found = learner.test(model, known, test).query(f"bonds >= {FEWEST}")
        rows.append(found.assign(cells=len(known), quenches=len({k.quench for k in known})))
        if len(known) == most:
            return pd.concat(rows).assign(way=way, fold=left_out, seed=seed)
        described = {key: one.described for key, one in pool.items()}
        (best,) = learner.choose(model, described, known, list(model.types), way, 1, random)
        known.append(pool.pop(best.key))


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over alloys and seeds; `seed_std` is the standard deviation over seeds of the mean over alloys."""
    by_seed = table.groupby(["type", "way", "cells", "seed"])[["rmse", "baseline_rmse", "quenches"]].mean()
    mean = by_seed.groupby(["type", "way", "cells"]).mean()
    mean["curves"] = table.groupby(["type", "way", "cells"]).size()  # fewer where a type had no model yet
    return mean.assign(seed_std=by_seed.groupby(["type", "way", "cells"]).rmse.std()).reset_index()


def needed(found: pd.DataFrame) -> pd.DataFrame:
    """Cells after which each way stays at or below the error of random choice with REFERENCE cells.

    One more than there are means that it is not reached.
    """
    rows = []
    for bond_type, part in found.groupby("type"):
        curves = part[part.curves == part.curves.max()].pivot_table(
            index="cells", columns="way", values="rmse"
        )
        error = curves["random"].get(REFERENCE, np.nan)
        row = {"type": bond_type, "error": error}
        for way in curves:
            above = curves.index[~(curves[way] <= error)]
            row[way] = above.max() + 1 if len(above) else curves.index.min()
        rows.append(row)
    return pd.DataFrame(rows)


def picture(found: pd.DataFrame, types: list[str]):
    """Error against cells, a panel per type and a line per way."""
    figure, panels = style.panels([t for t in types if t in set(found.type)])
    colour = style.colours(list(learner.WAYS))
    for bond_type, panel in panels.items():
        for way, rows in found[found.type == bond_type].groupby("way"):
            panel.plot(rows.cells, rows.rmse, "-", color=colour[way], label=way)
            panel.fill_between(
                rows.cells,
                rows.rmse - rows.seed_std,
                rows.rmse + rows.seed_std,
                color=colour[way],
                alpha=0.15,
                lw=0,
            )
        panel.set(xlabel="cells labelled", ylabel="RMSE (eV)", yscale="log")
        style.log_ticks(panel.yaxis)
    style.legend(next(iter(panels.values())))
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=8, help="labelled at most")
    parser.add_argument("--cores", type=int, default=2)
    words = parser.parse_args()
    types = parameters.for_stage("03_transform", parameters.read(EXAMPLE)).bond_types
    folds = sorted({key.composition for key in read()[1]})
    jobs = list(product(range(SEEDS), folds, learner.WAYS))
    words_of = [(fold, seed, way, words.cells) for seed, fold, way in jobs]
    with ProcessPoolExecutor(words.cores) as workers:
        table = pd.concat(list(workers.map(kept, *zip(*words_of, strict=True))))
    found = summary(table)
    print(found[found.cells.isin([1, 2, 4, 6, 8])].round(4).to_string(index=False))
    write_csv(OUT / "learn_needed.csv", needed(found).round(4))
    print(needed(found).round(4).to_string(index=False))
    style.save(picture(found, types), found.round(5), OUT / "learn")


if __name__ == "__main__":
    main()
