"""Spectra of many crystals in one folder: records, cells, strengths, and a manifest with checksums."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ase.io
import pandas as pd
from ase import Atoms

from getl_utils.core.parameters.optics import Optics
from getl_utils.core.record import atomic_write, checksums, code_version, damaged, now, read_json, write_json
from getl_utils.labels.optics import label
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
    return records, dict(_spectra(pd.read_parquet(folder / STRENGTHS), records))


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


def _spectra(table: pd.DataFrame, records: Mapping[str, Any]) -> Iterator[tuple[str, Spectrum]]:
    for name, rows in table.astype({"energy": float}).groupby("name", sort=False, observed=True):
        rows = rows.assign(energy=rows.energy.round(6))
        yield str(name), label.read_spectrum(records[str(name)], rows)
