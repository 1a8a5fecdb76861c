"""Predict the ICOHP of every bond of structures of any size: frame by frame, each on disk before the next,
restartable."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ase import Atoms

from getl_utils.core.bonds import bond_types, check_structure
from getl_utils.core.process import lock
from getl_utils.core.record import (
    atomic_write,
    checksums,
    code_version,
    content_hash,
    damaged,
    now,
    read_json,
    write_csv,
    write_json,
)
from getl_utils.core.workdir import relative
from getl_utils.files import lobster
from getl_utils.files.frames import readings, structure_id, structure_name
from getl_utils.inference.environments import Pairs
from getl_utils.inference.evaluator import Evaluator, bond_chunks
from getl_utils.models.model import Model

SCHEMA = "getl/prediction/1"
NOTHING = {
    "step": -1,
    "atoms": 0,
    "bonds": 0,
    "seconds": 0.0,
    "error": "",
}  # of a frame that is not predicted yet
_INTEGERS = {name: pa.int32() for name in ("i", "j", "tx", "ty", "tz")}
_COLUMNS = {
    **_INTEGERS,
    "distance": pa.float64(),
    **dict.fromkeys(("element_i", "element_j", "type"), pa.string()),
}
_COLUMNS |= {"predicted": pa.float64(), "model_id": pa.string(), "sigma": pa.float64(), "outside": pa.bool_()}
_COLUMNS |= {"prediction_id": pa.string()}
_UNITS = {"distance": "Å", "predicted": "eV", "sigma": "eV"}


def windows(model: Model, chosen: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Bond type → shortest and longest bond predicted, Å: as chosen, else the range of the training bonds.

    Raises
    ------
    ValueError : a window for a type the model does not have, or one that is empty.
    """
    foreign = sorted(set(chosen) - set(bond_types(model.elements)))
    if foreign:
        raise ValueError(
            f"window for {', '.join(foreign)}: no bond type of the model's elements {model.elements}"
        )
    empty = [t for t, (low, high) in chosen.items() if not low < high]
    if empty:
        raise ValueError(f"window for {', '.join(empty)}: the first number must be smaller than the second")
    return {
        t: tuple(chosen.get(t, model.facts["types"][t]["window"]))
        for t in bond_types(model.elements)
        if t in model.processes
    }


def find_bonds(atoms: Atoms, elements: Sequence[str], limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The bonds of a structure whose distance lies in their type's window, with `type`, `element_i`,
    `element_j`.

    Raises
    ------
    ValueError : an element outside `elements`.
    """
    pairs = Pairs.of(atoms, max(high for _, high in limits.values()))
    return pd.concat(list(bond_chunks(atoms, pairs, elements, limits)), ignore_index=True)


def in_window(bonds: pd.DataFrame, limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The bonds whose distance (Å) lies in their type's window; columns type, distance."""
    low, high = (bonds.type.map({t: w[side] for t, w in limits.items()}).astype(float) for side in (0, 1))
    return bonds[(bonds.distance >= low) & (bonds.distance <= high)].reset_index(drop=True)


def predict(
    model: Model, atoms: Atoms, limits: Mapping[str, Sequence[float]], sigma: bool = False, processes: int = 1
) -> pd.DataFrame:
    """Predict every bond of one structure, all in memory.

    Parameters
    ----------
    limits : from `windows`; bonds of types without a window are not predicted. sigma : also `sigma` (eV) and
    `outside`.

    Returns
    -------
    DataFrame : i, j, tx, ty, tz, distance (Å), element_i, element_j, type, predicted (ICOHP, eV, negative =
    bonding), model_id.

    Raises
    ------
    ValueError : an element that the model has not seen.
    """
    with Evaluator(model, limits, sigma, processes) as evaluator:
        return pd.concat(list(evaluator.bonds(atoms)), ignore_index=True)


def seconds(function: Callable, *arguments: Any) -> float:
    """How long a call takes, s."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def counts(bonds: pd.DataFrame, types: Sequence[str]) -> pd.DataFrame:
    """Bonds of each type: number, and mean, smallest and largest −ICOHP (eV)."""
    table = (-bonds.predicted).groupby(bonds.type).agg(["size", "mean", "min", "max"]).reindex(types)
    return (
        table.rename(columns={"size": "bonds"})
        .fillna({"bonds": 0})
        .astype({"bonds": int})
        .rename_axis("type")
        .reset_index()
    )


def write_lobster(
    stem: Path, bonds: pd.DataFrame, atoms: Atoms, model: Model, limits: Mapping[str, Sequence[float]]
) -> None:
    """Write ``<stem>_ICOHPLIST.lobster`` in LOBSTER's columns, and ``.info`` with counts, windows and
    hyperparameters."""
    symbols = atoms.get_chemical_symbols()
    lobster.write_icohplist(
        stem.with_name(f"{stem.name}_ICOHPLIST.lobster"), bonds.assign(icohp=bonds.predicted), symbols
    )
    head = "[interaction] [count] [min. dist.] [max. dist.] [zeta] [sigma] [reg. par.]"
    number = bonds.type.value_counts()
    lines = [
        f"{t:>10}{number.get(t, 0):11d}{low:17.2f}{high:17.2f}{h['zeta']:16.2f}{h['theta']:16.2f}{h['gamma']:16.5f}"
        for (t, (low, high)), h in zip(limits.items(), (model.facts["types"][t] for t in limits), strict=True)
    ]
    with atomic_write(stem.with_name(f"{stem.name}_ICOHPLIST.info")) as temporary:
        temporary.write_text("\n".join([f"{len(bonds)} interactions", "", head, *lines]) + "\n")


def per_atom(bonds: pd.DataFrame) -> pd.DataFrame:
    """Sum of −ICOHP over each atom's bonds: atom (0-based), element, bonds, strength (eV)."""
    ends = [
        bonds[[f"{side}", f"element_{side}", "predicted"]].set_axis(["atom", "element", "icohp"], axis=1)
        for side in "ij"
    ]
    table = pd.concat(ends).groupby(["atom", "element"]).icohp.agg(bonds="size", strength="sum").reset_index()
    return table.assign(strength=-table.strength)


def predict_file(
    model: Model,
    path: Path,
    folder: Path,
    limits: Mapping[str, Sequence[float]],
    which: str,
    lobster_files: bool,
    sigma: bool = False,
    processes: int = 1,
    tick: Callable[[int], object] = lambda n: None,
    evaluator: Evaluator | None = None,
    elements: Sequence[str] = (),
    isolated: bool = False,
) -> list[dict]:
    """Predict the last or all frames of a file; each frame is on disk before the next is read, and is not
    done twice.

    A frame's record, ``<n>_<step>.json``, is written after its tables: model, input, result and time, and the
    tables' checksums. Where it is there with the same `prediction_id` (the hash of model, windows, settings
    and structure) and its tables are as it says, the frame is taken as it is.

    Parameters
    ----------
    folder : gets ``<n>_<step>.parquet`` (the bonds), ``atoms/<n>_<step>.parquet`` (see `per_atom`), the
    record and, with
        `lobster_files`, LOBSTER's columns, for which all bonds of a frame are held in memory.
    which : ``last`` or ``all``. sigma : also `sigma` (eV) and `outside` of each bond. processes : for the
    environments.
    tick : called with numbers of atoms as their environments are done.
    evaluator : one already open, for several files; its settings count, then.
    elements : of the LAMMPS types, as the user gave them; the model's by default. isolated : a structure
    without lattice is a cluster.

    Returns
    -------
    One row per frame: structure, frame, step, atoms, bonds, seconds, error: why a frame could not be read or
    predicted, model_id, prediction_id.
    """
    rows, name = [], structure_name(path)
    with contextlib.ExitStack() as stack:
        stack.enter_context(lock(folder))
        evaluator = evaluator or stack.enter_context(Evaluator(model, limits, sigma, processes))
        given = {"isolated": isolated, "given": bool(elements)}
        for n, atoms in enumerate(readings(path, elements or model.elements, which, **given), 1):
            row = {
                "structure": name,
                "frame": n,
                **NOTHING,
                "model_id": model.facts["model_id"],
                "prediction_id": "",
            }
            if isinstance(atoms, ValueError):
                rows.append(row | {"error": str(atoms)})
                continue
            row |= {"step": int(atoms.info.get("timestep", 0)), "atoms": len(atoms)}
            try:
                check_structure(atoms, where=f"{path}, step {row['step']}")
                stem = folder / f"{n}_{row['step']}"
                origin = {name: row[name] for name in ("structure", "frame", "step")} | {
                    "file": relative(path)
                }
                rows.append(row | _frame(evaluator, atoms, stem, origin, lobster_files, tick))
            except (ValueError, RuntimeError) as error:
                rows.append(row | {"error": str(error)})
    return rows


def write_summary(folder: Path, rows: Sequence[dict]) -> pd.DataFrame:
    """Write ``summary.csv``: the rows of `predict_file`, which it returns as a table."""
    summary = pd.DataFrame(rows)
    write_csv(folder / "summary.csv", summary)
    return summary


def _frame(
    evaluator: Evaluator,
    atoms: Atoms,
    stem: Path,
    origin: dict[str, Any],
    lobster_files: bool,
    tick: Callable[[int], object],
) -> dict[str, Any]:
    """Bonds, seconds and id of one frame, from its record if it was done already and its files are as it
    says."""
    start, path = time.perf_counter(), stem.with_name(f"{stem.name}.json")
    record = _record(evaluator, atoms, origin, lobster_files)
    done = read_json(path) if path.exists() and not damaged(path) else {}
    if done.get("schema") == SCHEMA and done["prediction_id"] == record["prediction_id"]:
        tick(len(atoms))
        return {
            "bonds": done["result"]["bonds"],
            **{name: done[name] for name in ("seconds", "prediction_id")},
        }
    for old in stem.parent.glob(f"{stem.name}[._]*"):
        old.unlink()
    for left in stem.parent.rglob(f".{stem.name}[-_]*"):  # by a run that was killed while it wrote
        left.unlink()
    bonds = _write(stem, atoms, evaluator.bonds(atoms, tick), record["prediction_id"], evaluator.sigma)
    if lobster_files:
        table = pd.read_parquet(stem.with_name(f"{stem.name}.parquet"))
        write_lobster(stem, table, atoms, evaluator.model, evaluator.limits)
    record["result"]["bonds"] = bonds
    done = {
        "seconds": round(time.perf_counter() - start, 2),
        "time": now(),
        "not_contracted": evaluator.notes,
    }
    files = [*sorted(stem.parent.glob(f"{stem.name}[._]*")), stem.parent / "atoms" / f"{stem.name}.parquet"]
    write_json(path, record | done | {"sha256": checksums(stem.parent, files)})
    return {"bonds": bonds, "seconds": done["seconds"], "prediction_id": record["prediction_id"]}


def _record(
    evaluator: Evaluator, atoms: Atoms, origin: dict[str, Any], lobster_files: bool
) -> dict[str, Any]:
    """What a prediction is: model, input, result; with the id that follows from all of them."""
    facts, windows = evaluator.model.facts, {t: list(w) for t, w in evaluator.limits.items()}
    what = {
        "model_id": facts["model_id"],
        "windows": windows,
        "sigma": evaluator.sigma,
        "lobster_files": lobster_files,
    }
    made_by = {name: facts.get(name) for name in ("model_id", "database_id", "database", "engine", "kernel")}
    given = {
        **origin,
        "structure_id": structure_id(atoms),
        "atoms": len(atoms),
        "elements": evaluator.elements,
        "windows": windows,
    }
    result = {
        "quantity": "ICOHP",
        "unit": "eV",
        "sign": "negative: bonding",
        "sigma": evaluator.sigma,
        "length_unit": "Å",
    }
    identity = content_hash(what | {"structure_id": given["structure_id"]})
    ids = {"schema": SCHEMA, "prediction_id": identity, "code": code_version()}
    return ids | {"model": made_by, "input": given, "result": result}


def _write(stem: Path, atoms: Atoms, chunks: Iterable[pd.DataFrame], prediction_id: str, sigma: bool) -> int:
    """Write a frame's bonds, a chunk at a time, and the sums over each atom's. Returns the number of
    bonds."""
    names = [n for n in _COLUMNS if sigma or n not in ("sigma", "outside")]
    schema = pa.schema(
        [pa.field(n, _COLUMNS[n], metadata={"unit": _UNITS[n]} if n in _UNITS else None) for n in names]
    )
    number, strength = np.zeros(len(atoms), dtype=int), np.zeros(len(atoms))
    with (
        atomic_write(stem.with_name(f"{stem.name}.parquet")) as temporary,
        pq.ParquetWriter(temporary, schema) as out,
    ):
        for table in chunks:
            for end in (table.i.to_numpy(), table.j.to_numpy()):
                number += np.bincount(end, minlength=len(atoms))
                strength -= np.bincount(end, table.predicted, minlength=len(atoms))
            out.write_table(
                pa.Table.from_pandas(table.assign(prediction_id=prediction_id), schema, preserve_index=False)
            )
    sums = {
        "atom": np.arange(len(atoms)),
        "element": atoms.get_chemical_symbols(),
        "bonds": number,
        "strength": strength,
    }
    with atomic_write(stem.parent / "atoms" / f"{stem.name}.parquet") as temporary:
        pd.DataFrame(sums).to_parquet(temporary, index=False)
    return int(number.sum()) // 2
