"""The trained model: a Gaussian process per bond type and all that it must remember; a folder without code in
it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core.parameters import Hyperparameters, Setting, Train
from getl_utils.core.record import atomic_write, check_arrays, content_hash, read_json, write_json
from getl_utils.etl.database import Database
from getl_utils.etl.descriptors import Soap
from getl_utils.etl.features import Features
from getl_utils.models import gp, kernels
from getl_utils.models.contraction import MARGIN, Contraction, contract, contractible
from getl_utils.models.gp import GaussianProcess

FORMAT = 3
# quantile of the left-out σ of the training bonds, above which a bond counts as unlike all that was seen
OUTSIDE = 0.99


@dataclass(frozen=True)
class Model:
    """Bond type → process, the descriptor it needs, facts (model_id, engine, database_id, windows in Å, …),
    bond type → contracted form where there is one, and the basis (n_kept, n_components) of a compressed
    descriptor."""

    processes: dict[str, GaussianProcess]
    soap: Soap
    facts: dict[str, Any]
    contractions: dict[str, Contraction] = field(default_factory=dict)
    basis: np.ndarray | None = None

    @property
    def elements(self) -> list[str]:
        return list(self.soap.elements)

    def contracted(self, bond_type: str, low: float, high: float) -> Contraction:
        """The contracted form of a type on low…high (Å), for whole SOAP vectors; ValueError if it has
        none."""
        form = contract(self.processes[bond_type], low, high)
        return form if self.basis is None else replace(form, weights=form.weights @ self.basis)


def train(database: Database, p: Train) -> tuple[Model, dict[str, np.ndarray], dict[str, str]]:
    """Fit every type on at most `n_train` of its bonds, drawn at random; σ is calibrated on whole groups of
    them.

    Returns
    -------
    The model; the arrays to store; type → why there is none.
    """
    setting = p.setting
    database, basis = database.compressed(p.compress)
    processes, arrays, refused, types = {}, {"soap": np.asarray(database.soap)}, {}, {}
    for bond_type in p.bond_types:
        try:
            bonds, h = database.learnable(bond_type), setting.hyperparameters_of(bond_type)
            chosen = np.random.default_rng(p.seed).permutation(len(bonds))[: p.n_train]
            bonds = bonds.iloc[np.sort(chosen)]
            process = fit(database.features(bonds), -bonds.icohp.to_numpy(float), groups(bonds), setting, h)
        except ValueError as error:
            refused[bond_type] = str(error)
            continue
        processes[bond_type] = process
        arrays |= {
            f"{bond_type}/rows": bonds[["row_i", "row_j"]].to_numpy(),
            f"{bond_type}/weights": process.weights,
        }
        arrays |= {
            f"{bond_type}/distance": bonds.distance.to_numpy(float),
            f"{bond_type}/mean": process.mean.coefficients,
        }
        types[bond_type] = {**h.model_dump(), "n_train": len(bonds), **_facts(process)}
    facts = {
        "format": FORMAT,
        "kernel": setting.kernel,
        "mean": setting.mean,
        "types": types,
        "seed": p.seed,
        "compress": p.compress,
    }
    facts |= {
        "engine": database.facts["engine"],
        "database": p.database,
        "database_id": database.facts["database_id"],
    }
    facts["soap"] = database.facts["soap"]
    facts["model_id"] = content_hash(facts, {t: process.weights.tolist() for t, process in processes.items()})
    trained = Model(processes, Soap(**database.facts["soap"]), facts, basis=basis)
    trained.contractions.update(_contract(trained))
    arrays |= {
        f"{t}/contracted": np.column_stack([c.weights, c.alone]) for t, c in trained.contractions.items()
    }
    return trained, arrays | ({} if basis is None else {"basis": basis}), refused


def fit(
    bonds: Features, strength: np.ndarray, labels: np.ndarray, setting: Setting, h: Hyperparameters
) -> GaussianProcess:
    """One type's process, its σ calibrated on the groups `labels` (n,) of the training bonds, where there are
    two or more."""
    kernel = kernels.build(setting.kernel, h.zeta, h.theta, h.floor)
    process = gp.fit(kernel, bonds, strength, h.gamma, setting.mean)
    return process.calibrated(labels) if len(set(labels)) > 1 else process


def groups(bonds: pd.DataFrame) -> np.ndarray:
    """What is held back as a whole: compositions, or if there is one only its runs, or if there is one only
    its sub-runs."""
    for columns in (["composition"], ["composition", "run"], ["composition", "run", "sub_run"]):
        if set(columns) <= set(bonds):
            labels = bonds[columns].astype(str).agg("/".join, axis=1).to_numpy()
            if len(set(labels)) > 1:
                return labels
    return np.zeros(len(bonds), dtype=int)


def _facts(process: GaussianProcess) -> dict[str, Any]:
    """Of one type: range of the training bonds (Å), noise, scale (eV²), and the σ (eV) above which a bond is
    `outside`."""
    window = [float(process.train.distance.min()), float(process.train.distance.max())]
    limit = float(np.quantile(process.left_out()[1], OUTSIDE))
    return {"window": window, "noise": process.noise, "scale": process.scale, "sigma_limit": limit}


def _contract(model: Model) -> dict[str, Contraction]:
    """The contracted forms; their interval (Å), nodes and error (eV), or why there is none, goes into the
    types' facts."""
    made, types = {}, model.facts["types"]
    for bond_type, process in model.processes.items():
        low, high = types[bond_type]["window"]
        if not contractible(process.kernel):
            continue
        try:
            c = made[bond_type] = model.contracted(bond_type, max(low - MARGIN, 0.0), high + MARGIN)
            types[bond_type]["contraction"] = {
                "low": c.low,
                "high": c.high,
                "nodes": len(c.weights),
                "error": c.error,
            }
        except ValueError as error:
            types[bond_type]["not_contracted"] = str(error)
    return made


def save(folder: Path, model: Model, arrays: dict[str, np.ndarray]) -> None:
    """Write ``model.npz`` (arrays only) and then ``model.json`` (everything else); the second makes it
    whole."""
    (folder / "model.json").unlink(missing_ok=True)
    with atomic_write(folder / "model.npz") as temporary, open(temporary, "wb") as out:
        np.savez(out, **arrays)
    write_json(folder / "model.json", model.facts)


def load(folder: Path) -> Model:
    """Read a model; loads no code.

    Raises
    ------
    FileNotFoundError : there is none. ValueError : it is of another format version, or its two files do not
    fit.
    """
    if not (folder / "model.json").exists():
        raise FileNotFoundError(f"{folder} holds no model: run 05_train first, with the same work_dir")
    facts = read_json(folder / "model.json")
    if facts.get("format") != FORMAT:
        raise ValueError(
            f"{folder}: model format {facts.get('format')}, this version reads {FORMAT}; train it again"
        )
    with np.load(check_arrays(folder / "model.npz"), allow_pickle=False) as arrays:
        soap = arrays["soap"]
        processes = {t: _process(t, h, arrays, soap, facts["kernel"]) for t, h in facts["types"].items()}
        contractions = {
            t: _contraction(t, h["contraction"], arrays)
            for t, h in facts["types"].items()
            if "contraction" in h
        }
        basis = _array(arrays, "basis") if facts["compress"] else None
    return Model(processes, Soap(**facts["soap"]), facts, contractions, basis)


def _process(
    bond_type: str, h: dict[str, Any], arrays: Any, soap: np.ndarray, kernel: str
) -> GaussianProcess:
    rows, weights, distance, mean = (
        _array(arrays, f"{bond_type}/{name}") for name in ("rows", "weights", "distance", "mean")
    )
    kernel_of_type = kernels.build(kernel, h["zeta"], h["theta"], h["floor"])
    bonds = Features(distance, soap, *rows.T)
    return GaussianProcess(kernel_of_type, bonds, weights, h["noise"], h["scale"], gp.DistanceCurve(mean))


def _contraction(bond_type: str, c: dict[str, Any], arrays: Any) -> Contraction:
    weights = _array(arrays, f"{bond_type}/contracted")
    return Contraction(c["low"], c["high"], weights[:, :-1], weights[:, -1], c["error"])


def _array(arrays: Any, name: str) -> np.ndarray:
    try:
        return arrays[name]
    except KeyError as error:
        raise ValueError(
            f"model.npz lacks {error}: it does not belong to this model.json; train it again"
        ) from None
