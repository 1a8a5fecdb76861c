"""The trained model: a Gaussian process per bond type and all that it must remember; a folder without code in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from getl_utils import gp, kernels
from getl_utils.contraction import MARGIN, Contraction, contract, contractible
from getl_utils.database import Database
from getl_utils.gp import GaussianProcess
from getl_utils.kernels import Features
from getl_utils.layout import atomic_write, content_hash, read_json, write_json
from getl_utils.parameters import Train
from getl_utils.safety import check_arrays
from getl_utils.soap import Soap

FORMAT = 2
OUTSIDE = 0.99  # quantile of the left-out σ of the training bonds, above which a bond counts as unlike all that was seen


@dataclass(frozen=True)
class Model:
    """Bond type → process, the descriptor it needs, facts (model_id, engine, database_id, windows in Å, …), and bond type →
    contracted form where there is one."""

    processes: dict[str, GaussianProcess]
    soap: Soap
    facts: dict[str, Any]
    contractions: dict[str, Contraction] = field(default_factory=dict)

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
            h = p.hyperparameters_of(bond_type)
            kernel = kernels.build(p.kernel, h.zeta, h.theta)
            process = gp.fit(kernel, database.features(bonds), -bonds.icohp.to_numpy(float), h.gamma)
        except ValueError as error:
            refused[bond_type] = str(error)
            continue
        processes[bond_type] = process
        arrays |= {f"{bond_type}/rows": bonds[["row_i", "row_j"]].to_numpy(), f"{bond_type}/weights": process.weights}
        arrays[f"{bond_type}/distance"] = bonds.distance.to_numpy(float)
        types[bond_type] = {**h.model_dump(), "n_train": len(bonds), **_facts(process)}
    facts = {"format": FORMAT, "kernel": p.kernel, "types": types, "seed": p.seed, "soap": database.facts["soap"]}
    facts |= {"engine": database.facts["engine"], "database": p.database, "database_id": database.facts["database_id"]}
    facts["model_id"] = content_hash(facts, {t: process.weights.tolist() for t, process in processes.items()})
    contractions = _contract(processes, types)
    arrays |= {f"{t}/contracted": c.weights for t, c in contractions.items()}
    return Model(processes, Soap(**database.facts["soap"]), facts, contractions), arrays, refused


def _facts(process: GaussianProcess) -> dict[str, Any]:
    """Of one type: range of the training bonds (Å), noise, scale (eV²), and the σ (eV) above which a bond is `outside`."""
    window = [float(process.train.distance.min()), float(process.train.distance.max())]
    limit = float(np.quantile(process.sigma_left_out(), OUTSIDE))
    return {"window": window, "noise": process.noise, "scale": process.scale, "sigma_limit": limit}


def _contract(processes: dict[str, GaussianProcess], types: dict[str, Any]) -> dict[str, Contraction]:
    """The contracted forms; their interval (Å), nodes and error (eV), or why there is none, goes into the types' facts."""
    made = {}
    for bond_type, process in processes.items():
        low, high = types[bond_type]["window"]
        if not contractible(process.kernel):
            continue
        try:
            c = made[bond_type] = contract(process, max(low - MARGIN, 0.0), high + MARGIN)
            types[bond_type]["contraction"] = {"low": c.low, "high": c.high, "nodes": len(c.weights), "error": c.error}
        except ValueError as error:
            types[bond_type]["not_contracted"] = str(error)
    return made


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
    with np.load(check_arrays(folder / "model.npz"), allow_pickle=False) as arrays:
        soap = arrays["soap"]
        processes = {t: _process(t, h, arrays, soap, facts["kernel"]) for t, h in facts["types"].items()}
        contractions = {t: _contraction(t, h["contraction"], arrays) for t, h in facts["types"].items() if "contraction" in h}
    return Model(processes, Soap(**facts["soap"]), facts, contractions)


def _process(bond_type: str, h: dict[str, Any], arrays: Any, soap: np.ndarray, kernel: str) -> GaussianProcess:
    rows, weights, distance = (_array(arrays, f"{bond_type}/{name}") for name in ("rows", "weights", "distance"))
    mean = 0.5 * (soap[rows[:, 0]] + soap[rows[:, 1]])
    kernel_of_type = kernels.build(kernel, h["zeta"], h["theta"])
    return GaussianProcess(kernel_of_type, Features(distance, mean), weights, h["noise"], h["scale"])


def _contraction(bond_type: str, c: dict[str, Any], arrays: Any) -> Contraction:
    return Contraction(c["low"], c["high"], _array(arrays, f"{bond_type}/contracted"), c["error"])


def _array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except KeyError as error:
        raise ValueError(f"model.npz lacks {error}: it does not belong to this model.json; train it again") from None
