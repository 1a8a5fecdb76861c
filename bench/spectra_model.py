"""Models of optical spectra: ``python bench/spectra_model.py [components errors learning save]``.

Reads data_examples/optics. Writes into data_examples/validation:

spectra_components.csv: what twenty numbers keep of a spectrum, for several choices of the numbers.
spectra_errors.csv: each crystal, by models of others: a tenth of the compositions, or a prototype, left out.
spectra_learning.csv, spectra_laws.csv: error against the number of crystals, and its laws.

``save`` trains the first of the models on all crystals and writes data_examples/optics_model. A row that is
there and was made with the same spectra and settings is not made again. ``--models`` chooses models; a graph
network needs `make graph` and, on one core, some minutes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import itertools
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core.parameters.optics import Crystals, Elements, Ridge
from getl_utils.core.record import content_hash, read_json, write_csv
from getl_utils.core.workdir import resolve
from getl_utils.labels.optics import colour, dataset, label
from getl_utils.models import learning
from getl_utils.models.spectra import components, contest, crystals
from getl_utils.models.spectra import model as trained

DATA, OUT = resolve("data_examples/optics"), resolve("data_examples/validation")
BEST = resolve("data_examples/optics_model")
NETWORK = {"members": 3, "epochs": 150}
MODELS: dict[str, Any] = {
    "mean of all": None,
    "elements": Elements(),
    "elements, ε": Elements(mean="epsilon"),
    "ridge": Ridge(),
    "graph": Crystals(**NETWORK),
    "graph, attention": Crystals(**NETWORK, atoms="attention"),
}
SIZES, ORDERS = (5, 7, 10, 14, 20, 28, 40, 56, 80, 110, 150, 200), 20
TESTED = 30  # crystals, at least
NODES = {
    "0.4 eV apart in the visible": components.NODES,
    "0.3 eV apart in the visible": [*(0.3 * np.arange(1, 15)), 5, 6, 7.5, 9, 11, 14, 18, 24, 32, 45],
    "21, as a square": components.END * np.linspace(0, 1, 23)[1:-1] ** 2,
    "32, as a square": components.END * np.linspace(0, 1, 34)[1:-1] ** 2,
}


@cache
def spectra() -> str:
    """Identity of the spectra."""
    return content_hash(read_json(DATA / dataset.MANIFEST)["files"])


def settings(p: Any) -> str:
    """Identity of a model's settings and of the spectra."""
    return content_hash(p.model_dump() if p else None, spectra())


def kept() -> None:
    """Colour and conductivity after a spectrum has become numbers and a spectrum again."""
    how, rows = dataset.parameters(DATA), []
    for name, nodes in NODES.items():
        nodes, found = tuple(map(float, nodes)), []
        for one in crystals.read(DATA):
            values = components.numbers(one.spectrum, len(one.atoms), nodes)
            again = components.spectrum(values, one.atoms.cell.volume / len(one.atoms), nodes)
            seen = [colour.lab(label.seen(s, how)) for s in (again, one.spectrum)]
            found.append((components.missed(again, one.spectrum), float(colour.difference(*seen))))
        missed, delta = np.array(found).T
        row = {"energies": name, "numbers": len(nodes) + 1, "crystals": len(found), "missed": missed.mean()}
        rows.append(row | {"delta_e": delta.mean(), "delta_e_largest": delta.max()})
    write_csv(OUT / "spectra_components.csv", pd.DataFrame(rows).round(4), spectra=spectra())


def errors(names: list[str]) -> None:
    """Each crystal by models of the others."""
    known, how = crystals.read(DATA), dataset.parameters(DATA)
    for name in names:
        for split in crystals.SPLITS[::-1]:
            for group, others, held in contest.folds(known, split):
                made = partial(_predicted, others, held, MODELS[name], how)
                _once("errors", {"model": name, "split": split, "group": group}, MODELS[name], made)
    found = pd.read_csv(OUT / "spectra_errors.csv")
    print(
        found.groupby(["split", found.elements > 1, "model"], sort=False)[contest.ERRORS]
        .mean()
        .round(2)
        .to_string()
    )


def _predicted(others: list, held: list, p: Any, how: Any) -> pd.DataFrame:
    body = trained.FITS[type(p)](others, p, 0) if p else None
    mean, rows = np.mean([one.numbers for one in others], axis=0), []
    for one in held:
        said = body.estimate(one.atoms)[0] if body else mean
        row = {"name": one.name, "elements": len(crystals.fractions(one.atoms))}
        rows.append(row | contest.errors(said, one, how))
    return pd.DataFrame(rows)


def curves(names: list[str]) -> None:
    """Error of the ridge regression against crystals, means over random orders, and laws."""
    known, how, laws = crystals.read(DATA), dataset.parameters(DATA), []
    for name, seed in itertools.product([n for n in names if isinstance(MODELS[n], Ridge)], range(ORDERS)):
        made = partial(contest.learning, known, MODELS[name], SIZES, how, seed, TESTED)
        _once("learning", {"model": name, "seed": seed}, MODELS[name], made)
    found = pd.read_csv(OUT / "spectra_learning.csv")
    for (name, error), some in found.melt(["model", "n", "seed"], contest.ERRORS, "error").groupby(
        ["model", "error"], sort=False
    ):
        by = some.groupby("n").value
        whole = by.size() == by.size().max()
        mean, spread = by.mean()[whole], (by.std() / np.sqrt(by.size()))[whole]
        table = learning.fit_laws(mean.index.to_numpy(float), mean.to_numpy(), spread.to_numpy())
        laws.append(table.assign(model=name, error=error, points=len(mean)))
    write_csv(OUT / "spectra_laws.csv", pd.concat(laws).round(4), spectra=spectra())


def _once(table: str, place: dict[str, Any], p: Any, make: Callable[[], pd.DataFrame]) -> None:
    """Add the rows of a place to a table, in place of older ones, unless they are there."""
    path = OUT / f"spectra_{table}.csv"
    whole = place | {"settings": settings(p)}
    if _at(path, whole)[1].any():
        return
    rows = make()
    places = pd.DataFrame([whole] * len(rows))
    new = pd.concat([places, rows.drop(columns=list(whole), errors="ignore")], axis=1).round(4)
    print(new.to_string(header=False), flush=True)
    known, old = _at(path, place)
    write_csv(path, pd.concat([known[~old], new], ignore_index=True) if len(known) else new)


def _at(path: Path, place: dict[str, Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """A table without the rows of other spectra, and which of its rows are at a place."""
    known = pd.read_csv(path) if path.exists() else pd.DataFrame(columns=list({"settings": 0} | place))
    known = known[known.settings.isin([settings(p) for p in MODELS.values()])]
    return known, np.logical_and.reduce(
        [(known[k].astype(str) == str(v)).to_numpy() for k, v in place.items()]
    )


def save(names: list[str]) -> None:
    """Train the first of these models on all crystals."""
    trained.save(trained.fit(crystals.read(DATA), MODELS[names[0]]), BEST)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["components", "errors", "learning"])
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    given = parser.parse_args()
    parts = {"components": lambda _: kept(), "errors": errors, "learning": curves, "save": save}
    for part in given.parts:
        parts[part](given.models)
