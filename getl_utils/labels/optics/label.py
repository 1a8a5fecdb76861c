"""Spectra of a list of crystals: each is made once, in a folder of its own; the record is written last.

``strength.parquet`` is the spectrum, ``crystal.xyz`` the cell, ``label.json`` the record: status, settings,
versions, times, checksums. A crystal whose spectrum failed has a record with the reason, and no spectrum.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.neighbours import check_structure
from getl_utils.core.once import once
from getl_utils.core.parameters.optics import Crystal, Light, Optics
from getl_utils.core.process import lock
from getl_utils.core.record import atomic_write, content_hash, read_json
from getl_utils.labels import engine
from getl_utils.labels.optics import colour, crystals, response
from getl_utils.labels.optics.spectrum import Spectrum, dielectric, reflectivity
from getl_utils.labels.result import LabelError

RECORD, STRENGTH, CELL = "label.json", "strength.parquet", "crystal.xyz"
AXES = ("x", "y", "z")


def missing() -> str | None:
    """Return None if spectra can be computed here, otherwise what is missing."""
    return engine.get("gpaw").missing()


def reflect(one: Spectrum, omega: np.ndarray, p: Light) -> np.ndarray:
    """Return the reflectivity of a polycrystal: the mean over the three axes.

    Parameters
    ----------
    one : Spectrum
        The spectrum.
    omega : (w,) array
        Energies of the light, eV.
    p : Light
        η and γ.

    Returns
    -------
    (w,) array
        R.
    """
    return reflectivity(dielectric(one, omega, p.broadening, p.rate)).mean(1)


def seen(one: Spectrum, p: Light) -> np.ndarray:
    """Return X, Y and Z of a polycrystal.

    Parameters
    ----------
    one : Spectrum
        The spectrum.
    p : Light
        η and γ.

    Returns
    -------
    (3,) array
        X, Y, Z; Y of white is 1.
    """
    return colour.xyz(partial(reflect, one, p=p))


def label_all(p: Optics, limit: int | None = None) -> Iterator[tuple[Crystal, dict[str, Any]]]:
    """Make the spectra that are not made yet.

    Parameters
    ----------
    p : Optics
        Parameters.
    limit : int, optional
        Spectra to make at most; those that are there do not count.

    Yields
    ------
    (Crystal, dict)
        Each crystal and its record, as soon as it is there.

    Raises
    ------
    RuntimeError
        GPAW is not installed. Raised before anything runs.
    ValueError
        A crystal cannot be built (raised before anything runs), or a folder holds another spectrum.
    """
    listed = [(one, crystals.build(one, p.volumes)) for one in p.listed()]
    waiting = [one for one, _ in listed if not (folder_of(p, one) / RECORD).exists()]
    if waiting and (why := missing()):
        raise RuntimeError(f"spectra cannot be computed: {why}")
    allowed = set(waiting[:limit])
    for one, atoms in listed:
        if one not in waiting or one in allowed:
            yield one, label_one(one, atoms, p)


def folder_of(p: Optics, one: Crystal) -> Path:
    """Return the folder of a crystal.

    Parameters
    ----------
    p : Optics
        Parameters.
    one : Crystal
        The crystal.

    Returns
    -------
    Path
        The folder.
    """
    return Path(p.work_dir) / "crystals" / one.name


def label_one(one: Crystal, atoms: Atoms, p: Optics) -> dict[str, Any]:
    """Make the spectrum of one crystal, unless that is done.

    A failed calculation is a status in the record, not an exception.

    Parameters
    ----------
    one : Crystal
        Which crystal.
    atoms : Atoms
        Its cell.
    p : Optics
        Parameters.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    ValueError
        The folder holds a spectrum of other settings.
    """
    folder, which = folder_of(p, one), identity(atoms, p)

    def _make() -> dict[str, Any]:
        facts = {"name": one.name, "prototype": one.prototype, "strain": one.strain, **which}
        facts |= {"formula": atoms.get_chemical_formula("metal"), "volume": float(atoms.cell.volume)}
        with atomic_write(folder / CELL) as temporary:
            ase.io.write(temporary, atoms, format="extxyz")
        facts |= {"engine_version": ", ".join(f"{n} {version(n)}" for n in ("gpaw", "gpaw-data"))}
        return facts | _computed(atoms, folder, p)

    with lock(folder):
        return once(folder / RECORD, which, _make, [STRENGTH, CELL], repair=True)


def identity(atoms: Atoms, p: Optics) -> dict[str, Any]:
    """Return what a spectrum depends on: the cell and the settings.

    Parameters
    ----------
    atoms : Atoms
        The cell.
    p : Optics
        Parameters.

    Returns
    -------
    dict
        As the record has it.
    """
    cell = {"symbols": atoms.get_chemical_symbols(), "cell": atoms.cell.array.round(8).tolist()}
    cell["positions"] = atoms.positions.round(8).tolist()
    return {"cell_id": content_hash(cell), "settings": {"engine": "optics", **p.response.model_dump()}}


def _computed(atoms: Atoms, folder: Path, p: Optics) -> dict[str, Any]:
    """Status, reason and numbers; the spectrum is written if it is good."""
    try:
        check_structure(atoms, where="engine optics")
        fine, coarse, facts = response.spectra(atoms, p.response)
    except LabelError as error:
        return {"status": error.status, "reason": str(error)}
    except ValueError as error:
        return {"status": "NOTHING", "reason": str(error)}
    change = float(colour.difference(*(colour.lab(seen(one, p)) for one in (fine, coarse))))
    facts |= {"drude": fine.drude.round(4).tolist(), "drude_coarse": coarse.drude.round(4).tolist()}
    facts |= {"counted": fine.counted(), "mesh_change": change}
    if change > p.response.most_change:
        reason = f"ΔE of {change:.1f} between this mesh and one half as fine; raise `density`"
        return {"status": "MESH_TOO_COARSE", "reason": reason, **facts}
    table = pd.DataFrame(fine.strength.astype(np.float32), columns=list(AXES))
    table.insert(0, "energy", fine.energy)
    with atomic_write(folder / STRENGTH) as temporary:
        table.to_parquet(temporary, index=False)
    return {"status": "DONE", "reason": "", **facts}


def read_spectrum(record: dict[str, Any], table: pd.DataFrame) -> Spectrum:
    """Return a spectrum as it was computed.

    Parameters
    ----------
    record : dict
        Record of the label.
    table : DataFrame
        energy (eV), x, y, z (eV).

    Returns
    -------
    Spectrum
        The spectrum.

    Raises
    ------
    ValueError
        The label failed.
    """
    if record["status"] != "DONE":
        raise ValueError(f"{record['name']} has no spectrum: {record['status']}, {record['reason']}")
    strengths = table[list(AXES)].to_numpy(float)
    drude, volume = np.array(record["drude"]), record["volume"]
    return Spectrum(table.energy.to_numpy(float), strengths, drude, volume, record["electrons"])


def read(folder: Path) -> Spectrum:
    """Read the spectrum of a folder.

    Parameters
    ----------
    folder : Path
        Folder of a crystal.

    Returns
    -------
    Spectrum
        The spectrum.

    Raises
    ------
    ValueError
        The label failed.
    """
    record = read_json(folder / RECORD)
    table = pd.read_parquet(folder / STRENGTH) if record["status"] == "DONE" else pd.DataFrame()
    return read_spectrum(record, table)
