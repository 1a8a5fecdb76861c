"""The trained model: a Gaussian process per bond type and all that it must remember; a folder without code in it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from getl_utils import kernels, validation
from getl_utils.database import Database
from getl_utils.gp import GaussianProcess
from getl_utils.kernels import Features
from getl_utils.layout import atomic_write, content_hash, read_json, write_json
from getl_utils.parameters import Train
from getl_utils.soap import Soap

FORMAT = 1


@dataclass(frozen=True)
class Model:
    """Bond type → process, the descriptor it needs, and facts (model_id, engine, database_id, windows in Å, …)."""

    processes: dict[str, GaussianProcess]
    soap: Soap
    facts: dict[str, Any]

    @property
    def elements(self) -> list[str]:
        return list(self.soap.elements)


def train(database: Database, p: Train) -> tuple[Model, dict[str, np.ndarray], dict[str, str]]:
    """Fit every type on at most `n_train` of its bonds, drawn at random.

    Returns
    -------
    The model; the arrays to store; type → why there is none.
    """
    processes, arrays, refused, types = {}, {"soap": np.asarray(database.soap)}, {}, {}
    for bond_type in p.bond_types:
        bonds = database.of_type(bond_type)
        chosen = np.random.default_rng(p.seed).permutation(len(bonds))[: p.n_train]
        bonds = bonds.iloc[np.sort(chosen)]
        try:
            h = validation.hyperparameters(p, bond_type)
            process = validation.fit(database.features(bonds), -bonds.icohp.to_numpy(float), p.kernel, h)
        except ValueError as error:
            refused[bond_type] = str(error)
            continue
        processes[bond_type] = process
        arrays |= {f"{bond_type}/rows": bonds[["row_i", "row_j"]].to_numpy(), f"{bond_type}/weights": process.weights}
        arrays[f"{bond_type}/distance"] = bonds.distance.to_numpy(float)
        window = [float(bonds.distance.min()), float(bonds.distance.max())]
        types[bond_type] = {**h.model_dump(), "n_train": len(bonds), "window": window}
    facts = {"format": FORMAT, "kernel": p.kernel, "types": types, "seed": p.seed, "soap": database.facts["soap"]}
    facts |= {"engine": database.facts["engine"], "database": p.database, "database_id": database.facts["database_id"]}
    facts["model_id"] = content_hash(facts, {t: process.weights.tolist() for t, process in processes.items()})
    return Model(processes, Soap(**database.facts["soap"]), facts), arrays, refused


def save(folder: Path, model: Model, arrays: dict[str, np.ndarray]) -> None:
    """Write ``model.npz`` (arrays only) and then ``model.json`` (everything else); the second makes it whole."""
    (folder / "model.json").unlink(missing_ok=True)
    with atomic_write(folder / "model.npz") as temporary, open(temporary, "wb") as out:
        np.savez(out, **arrays)
    write_json(folder / "model.json", model.facts)


def load(folder: Path) -> Model:
    """Read a model; loads no code.

    Raises
    ------
    FileNotFoundError : there is none. ValueError : it is of another format version, or its two files do not fit.
    """
    if not (folder / "model.json").exists():
        raise FileNotFoundError(f"{folder} holds no model: run 05_train first, with the same work_dir")
    facts = read_json(folder / "model.json")
    if facts.get("format") != FORMAT:
        raise ValueError(f"{folder}: model format {facts.get('format')}, this version reads {FORMAT}; train it again")
    with np.load(folder / "model.npz", allow_pickle=False) as arrays:
        soap = arrays["soap"]
        processes = {t: _process(t, h, arrays, soap, facts["kernel"]) for t, h in facts["types"].items()}
    return Model(processes, Soap(**facts["soap"]), facts)


def _process(bond_type: str, h: dict[str, Any], arrays: Any, soap: np.ndarray, kernel: str) -> GaussianProcess:
    try:
        rows, weights, distance = (arrays[f"{bond_type}/{name}"] for name in ("rows", "weights", "distance"))
    except KeyError as error:
        raise ValueError(f"model.npz lacks {error}: it does not belong to this model.json; train it again") from None
    mean = 0.5 * (soap[rows[:, 0]] + soap[rows[:, 1]])
    return GaussianProcess(kernels.build(kernel, h["zeta"], h["theta"]), Features(distance, mean), weights)
