"""Store the prediction of one frame: tables first, then the record that makes it whole."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ase import Atoms

from getl_utils.core.record import (
    atomic_write,
    checksums,
    code_version,
    content_hash,
    damaged,
    now,
    read_json,
    sha256,
    write_csv,
    write_json,
)
from getl_utils.core.workdir import relative
from getl_utils.files import lobster
from getl_utils.files.frames import atom_ids, structure_id
from getl_utils.models.model import Model

SCHEMA = "getl/prediction/3"
UNITS = {"distance": "Å", "predicted": "eV", "sigma": "eV"}


@dataclass(frozen=True)
class Job:
    """What a prediction depends on besides the structure.

    Attributes
    ----------
    model : Model
        What predicts.
    limits : dict
        Bond type → window, Å.
    sigma : bool
        Whether σ is stored.
    lobster_files : bool
        Whether LOBSTER's columns are written too.
    """

    model: Model
    limits: dict[str, Sequence[float]]
    sigma: bool
    lobster_files: bool

    def record(self, atoms: Atoms, origin: dict[str, Any]) -> dict[str, Any]:
        """Describe a prediction: model, input and result, with the id that follows from all of them.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        origin : dict
            From `source`, and structure, frame and step.

        Returns
        -------
        dict
            Content of the record.
        """
        facts, windows = self.model.facts, {t: list(w) for t, w in self.limits.items()}
        structure = structure_id(atoms)
        what = {"model_id": facts.model_id, "windows": windows, "structure_id": structure}
        what |= {"sigma": self.sigma, "lobster_files": self.lobster_files}
        names = ("model_id", "database_id", "database", "engine", "kind")
        given = {**origin, "structure_id": structure, "atoms": len(atoms)}
        given |= {"windows": windows}
        result = {"quantity": "ICOHP", "unit": "eV", "sign": "negative: bonding", "length_unit": "Å"}
        return {
            "schema": SCHEMA,
            "prediction_id": content_hash(what),
            "code": code_version(),
            "model": {name: getattr(facts, name) for name in names},
            "input": given,
            "result": result | {"sigma": self.sigma},
        }


def source(path: Path) -> dict[str, str]:
    """Say which file is predicted on, as the record does.

    Parameters
    ----------
    path : Path
        Structure file.

    Returns
    -------
    dict
        `file`, and `file_sha256`, the hash of its content.
    """
    return {"file": relative(path), "file_sha256": sha256(path) if path.is_file() else ""}


def refuse_other(folder: Path, file: Mapping[str, Any]) -> None:
    """Refuse a folder with the prediction of another file, which would be overwritten.

    Parameters
    ----------
    folder : Path
        Folder for the prediction.
    file : mapping
        From `source`. The same file with a new content, and a copy of the file, are not another file.

    Raises
    ------
    ValueError
        A record in the folder is of a file with another path and another content.
    """
    whole = (read_json(path) for path in sorted(folder.glob("*.json")) if not damaged(path))
    known = next((facts["input"] for facts in whole if facts.get("schema") == SCHEMA), file)
    if known["file"] != file["file"] and known["file_sha256"] != file["file_sha256"]:
        raise ValueError(
            f"{folder} holds the prediction of {known['file']}; "
            f"name another folder for that of {file['file']}, or delete this one"
        )


def stored(stem: Path, record: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what is known of a prediction that was stored and whose files are as its record says.

    Parameters
    ----------
    stem : Path
        Path of the files without suffix.
    record : mapping
        From `Job.record`.

    Returns
    -------
    dict or None
        bonds, seconds, prediction_id; None if the frame is to be predicted.
    """
    path = stem.with_name(f"{stem.name}.json")
    done = read_json(path) if path.exists() and not damaged(path) else {}
    if done.get("schema") != SCHEMA or done["prediction_id"] != record["prediction_id"]:
        return None
    return {"bonds": done["result"]["bonds"], **{k: done[k] for k in ("seconds", "prediction_id")}}


def clear(stem: Path) -> None:
    """Delete the files of another prediction, or of a run that was killed while it wrote.

    Parameters
    ----------
    stem : Path
        Path of the files without suffix.
    """
    for old in [*stem.parent.glob(f"{stem.name}[._]*"), *stem.parent.rglob(f".{stem.name}[-_]*")]:
        old.unlink()


def store(
    job: Job, atoms: Atoms, stem: Path, record: dict[str, Any], tables: Iterable[pa.Table], start: float
) -> dict[str, Any]:
    """Write the tables of one frame, and then its record.

    Parameters
    ----------
    job : Job
        What the prediction depends on.
    atoms : Atoms
        The structure.
    stem : Path
        Path of the files without suffix.
    record : dict
        From `Job.record`.
    tables : iterable of pyarrow.Table
        The bonds, a part at a time.
    start : float
        ``time.perf_counter()`` before the prediction, s.

    Returns
    -------
    dict
        As of `stored`.
    """
    record["result"]["bonds"] = bonds = _write(stem, atoms, tables, record["prediction_id"])
    if job.lobster_files:
        table = pd.read_parquet(stem.with_name(f"{stem.name}.parquet"))
        write_lobster(stem, table, atoms, job)
    done = {"seconds": round(time.perf_counter() - start, 2), "time": now()}
    files = [*sorted(stem.parent.glob(f"{stem.name}[._]*")), stem.parent / "atoms" / f"{stem.name}.parquet"]
    sums = {"sha256": checksums(stem.parent, files)}
    write_json(stem.with_name(f"{stem.name}.json"), record | done | sums)
    return {"bonds": bonds, "seconds": done["seconds"], "prediction_id": record["prediction_id"]}


def _write(stem: Path, atoms: Atoms, chunks: Iterable[pa.Table], prediction_id: str) -> int:
    """Write the bonds of a frame, a chunk at a time, and the sums over each atom's; the number of bonds."""
    number, strength = np.zeros(len(atoms), dtype=int), np.zeros(len(atoms))
    writer = None
    with atomic_write(stem.with_name(f"{stem.name}.parquet")) as temporary:
        try:
            for table in chunks:
                predicted = table["predicted"].to_numpy()
                for end in ("i", "j"):
                    ends = table[end].to_numpy()
                    number += np.bincount(ends, minlength=len(atoms))
                    strength -= np.bincount(ends, predicted, minlength=len(atoms))
                named = pa.array([prediction_id]).take(pa.array(np.zeros(len(table), np.int32)))
                table = _with_units(table.append_column("prediction_id", named))
                writer = writer or pq.ParquetWriter(temporary, table.schema)
                writer.write_table(table)
        finally:
            if writer is not None:
                writer.close()
    sums = {"atom": np.arange(len(atoms)), "id": atom_ids(atoms), "element": atoms.get_chemical_symbols()}
    with atomic_write(stem.parent / "atoms" / f"{stem.name}.parquet") as temporary:
        pd.DataFrame({**sums, "bonds": number, "strength": strength}).to_parquet(temporary, index=False)
    return int(number.sum()) // 2


def _with_units(table: pa.Table) -> pa.Table:
    fields = [f.with_metadata({"unit": UNITS[f.name]}) if f.name in UNITS else f for f in table.schema]
    return table.cast(pa.schema(fields))


def write_lobster(stem: Path, bonds: pd.DataFrame, atoms: Atoms, job: Job) -> None:
    """Write a prediction in LOBSTER's columns.

    Parameters
    ----------
    stem : Path
        Gets ``<stem>_ICOHPLIST.lobster`` and, with counts, windows and the numbers of each type's model,
        ``<stem>_ICOHPLIST.info``.
    bonds : DataFrame
        The prediction.
    atoms : Atoms
        The structure.
    job : Job
        Model and windows.
    """
    path = stem.with_name(f"{stem.name}_ICOHPLIST.lobster")
    lobster.write_icohplist(path, bonds.assign(icohp=bonds.predicted), atoms.get_chemical_symbols())
    published = job.model.facts.kind == "published"
    names = ("zeta", "theta", "gamma") if published else ("n_bonds", "own", "left_out")
    words = ("zeta", "sigma", "reg. par.") if published else ("training bonds", "prior", "left-out error")
    number, lines = bonds.type.value_counts(), []
    for t, (low, high) in job.limits.items():
        values = (job.model.facts.types[t].numbers.get(name, np.nan) for name in names)
        lines.append(
            f"{t:>10}{number.get(t, 0):11d}{low:17.2f}{high:17.2f}" + "".join(f"{v:16.5g}" for v in values)
        )
    head = " ".join(f"[{word}]" for word in ("interaction", "count", "min. dist.", "max. dist.", *words))
    with atomic_write(stem.with_name(f"{stem.name}_ICOHPLIST.info")) as temporary:
        temporary.write_text("\n".join([f"{len(bonds)} interactions", "", head, *lines]) + "\n")


def write_summary(folder: Path, rows: Sequence[dict]) -> pd.DataFrame:
    """Write ``summary.csv``.

    Parameters
    ----------
    folder : Path
        Gets the file.
    rows : sequence of dict
        From ``streaming.predict_file``.

    Returns
    -------
    DataFrame
        The rows.
    """
    summary = pd.DataFrame(rows)
    write_csv(folder / "summary.csv", summary)
    return summary
