"""Spectra of many crystals in one folder: records, cells, strengths, and a manifest with checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ase.io
import pandas as pd
from ase import Atoms

from getl_utils.core.parameters.optics import Optics
from getl_utils.core.process import lock
from getl_utils.core.record import atomic_write, checksums, code_version, damaged, now, read_json, write_json
from getl_utils.labels.optics import crystals, label
from getl_utils.labels.optics.spectrum import Spectrum

MANIFEST, LABELS, STRENGTHS, CELLS = "manifest.json", "labels.json", "strengths.parquet", "crystals.xyz"


def pack(p: Optics, out: Path, command: str) -> dict[str, Any]:
    """Pack the spectra that are made, and the records of those that failed.

    Parameters
    ----------
    p : Optics
        Parameters of the spectra.
    out : Path
        Folder to write.
    command : str
        What made the spectra, for the manifest.

    Returns
    -------
    dict
        The manifest.

    Raises
    ------
    ValueError
        No spectrum is made, or one is not as it was written.
    """
    records, tables, cells = _made(p)
    if not tables:
        raise ValueError(f"{p.work_dir} has no spectrum: run `getl spectra` first")
    with atomic_write(out / LABELS) as temporary:
        temporary.write_text(json.dumps(records, indent=0, sort_keys=True) + "\n")
    with atomic_write(out / STRENGTHS) as temporary:
        table = pd.concat(tables).astype({"energy": "float32", "name": "category"})
        table.to_parquet(temporary, index=False, compression="zstd")
    with atomic_write(out / CELLS) as temporary:
        ase.io.write(temporary, cells, format="extxyz")
    counts = pd.Series([r["status"] for r in records]).value_counts().to_dict()
    manifest = {"command": command, "parameters": p.model_dump(), "labels": counts}
    manifest |= {"planned": len(list(p.listed())), "code": code_version(), "time": now()}
    manifest |= {"files": checksums(out, [out / name for name in (LABELS, STRENGTHS, CELLS)])}
    write_json(out / MANIFEST, manifest)
    return manifest


def _made(p: Optics) -> tuple[list[dict[str, Any]], list[pd.DataFrame], list[Atoms]]:
    """Records and cells of what is made or failed, and the spectra that are good."""
    records, tables, cells = [], [], []
    for one in p.listed():
        folder = label.folder_of(p, one)
        if (folder / label.RECORD).exists():
            if wrong := damaged(folder / label.RECORD):
                raise ValueError(f"{wrong[0]}; run the command that makes the spectra again")
            records.append(read_json(folder / label.RECORD))
            cells.append(ase.io.read(folder / label.CELL))
            cells[-1].info["name"] = one.name
            if records[-1]["status"] == "DONE":
                tables.append(pd.read_parquet(folder / label.STRENGTH).assign(name=one.name))
    return records, tables, cells


def unpack(folder: Path, p: Optics) -> tuple[list[str], list[str]]:
    """Put the spectra of a packed set into the work directory, so that they are not computed again.

    A spectrum is taken if its crystal is in the list, has the same cell and the same settings, and is not in
    the work directory. Failed ones are taken, too.

    Parameters
    ----------
    folder : Path
        The packed set; nothing is taken if there is none.
    p : Optics
        Parameters of the spectra.

    Returns
    -------
    tuple of list
        Names of the crystals that were taken, and of those that have another cell or other settings.

    Raises
    ------
    ValueError
        A file of the set is not as it was packed.
    """
    if not (folder / MANIFEST).exists():
        return [], []
    known = read_json(folder / MANIFEST)["files"]
    if checksums(folder, [folder / name for name in known if (folder / name).exists()]) != known:
        raise ValueError(f"{folder}: a file differs from {MANIFEST}; fetch this folder again or delete it")
    records = {record["name"]: record for record in read_json(folder / LABELS)}
    tables = dict(iter(_table(folder).groupby("name", observed=True)))
    taken, other = [], []
    for one in p.listed():
        record = records.get(one.name)
        if record is None or (label.folder_of(p, one) / label.RECORD).exists():
            continue
        atoms = crystals.build(one, p.volumes)
        same = record["identity"] == label.identity(atoms, p)
        (taken if same else other).append(one.name)
        if same:
            _put(label.folder_of(p, one), record, atoms, tables.get(one.name))
    return taken, other


def _put(folder: Path, record: Mapping[str, Any], atoms: Atoms, table: pd.DataFrame | None) -> None:
    """Write cell, spectrum if there is one, and the record last, with the checksums of these files."""
    with lock(folder):
        with atomic_write(folder / label.CELL) as temporary:
            ase.io.write(temporary, atoms, format="extxyz")
        if table is not None:
            with atomic_write(folder / label.STRENGTH) as temporary:
                table.drop(columns="name").to_parquet(temporary, index=False)
        files = [folder / name for name in (label.CELL, label.STRENGTH) if (folder / name).exists()]
        write_json(folder / label.RECORD, {**record, "sha256": checksums(folder, files)})


def read(folder: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Spectrum]]:
    """Read a packed set.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    tuple
        Name → record of every crystal, and name → spectrum of those that have one.
    """
    records = {record["name"]: record for record in read_json(folder / LABELS)}
    tables = _table(folder).groupby("name", sort=False, observed=True)
    return records, {str(name): label.read_spectrum(records[str(name)], rows) for name, rows in tables}


def _table(folder: Path) -> pd.DataFrame:
    """All strengths; the energies as they were before they were packed in single precision."""
    table = pd.read_parquet(folder / STRENGTHS).astype({"energy": float})
    return table.assign(energy=table.energy.round(6))


def parameters(folder: Path) -> Optics:
    """Return the parameters of a packed set.

    Parameters
    ----------
    folder : Path
        The folder.

    Returns
    -------
    Optics
        The parameters.
    """
    return Optics(**read_json(folder / MANIFEST)["parameters"])
