"""Label one cell: run an engine, write ICOHPLIST.lobster, and last of all label.json.

A sub-run's label is the unit of work and of restart: what is whole is never computed again, what is not is
redone alone.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import check_structure, neighbours
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Generate
from getl_utils.core.process import lock
from getl_utils.core.record import (
    atomic_write,
    checksums,
    code_version,
    content_hash,
    damaged,
    now,
    read_json,
    write_json,
)
from getl_utils.core.workdir import WorkDir
from getl_utils.files import espresso, lobster
from getl_utils.labels import engine as engines
from getl_utils.labels.status import ICOHPLIST, RECORD, Status


def settings_of(p: Generate) -> dict[str, Any]:
    """What a label depends on besides its cell, as it is recorded beside it."""
    return {
        "engine": p.engine,
        "engine_settings": p.engine_settings,
        "label_window": list(p.label_window),
        "orbitals": p.orbitals,
    }


def is_done(folder: Path, cell: Path, settings: Mapping[str, Any]) -> bool:
    """Whether `folder` holds a label of this very cell with these very settings.

    Raises
    ------
    ValueError : it holds one of another cell or made with other settings, which must not be taken for it nor
    be lost.
    """
    if not (folder / RECORD).exists():
        return False
    record = read_json(folder / RECORD)
    differing = sorted(name for name in settings if record.get("settings", {}).get(name) != settings[name])
    if record.get("cell_id") != content_hash(cell):
        differing.append("the cell")
    if differing:
        raise ValueError(
            f"{folder} holds a label made with another {', '.join(differing)}; use another work_dir, "
            "or delete that folder to compute it again"
        )
    return record["status"] != Status.DONE.name or (
        (folder / ICOHPLIST).exists() and not damaged(folder / RECORD)
    )


def label_cell(cell: Path, folder: Path, settings: Mapping[str, Any], cutoff: float) -> dict[str, Any]:
    """Label the cell in file `cell`, unless that is done, and return the record.

    A failed calculation is a status in the record, not an exception.

    Parameters
    ----------
    settings : see `settings_of`. cutoff : Å; the cell must be twice as thick.
    """
    with lock(folder):
        if is_done(folder, cell, settings):
            return read_json(folder / RECORD)
        atoms, start = cells.read(cell), time.perf_counter()
        record: dict[str, Any] = {
            "engine": settings["engine"],
            "settings": dict(settings),
            "cell_id": content_hash(cell),
        }
        record["run_id"] = atoms.info.get("run_id", "")
        try:
            check_structure(atoms, thickness=2 * cutoff, where=str(cell))
            record |= _run_engine(atoms, folder, settings)
        except engines.LabelError as error:
            record |= {"status": error.status, "reason": str(error)}
        except ValueError as error:
            record |= {"status": Status.NOTHING.name, "reason": str(error)}
        return _finish(record, folder, start)


def _finish(record: dict[str, Any], folder: Path, start: float) -> dict[str, Any]:
    record["seconds"] = round(time.perf_counter() - start, 2)
    record["label_id"] = content_hash(record["cell_id"], record["settings"], record["status"])
    record |= {"code": code_version(), "time": now(), "sha256": checksums(folder, folder.glob(ICOHPLIST))}
    write_json(folder / RECORD, record)
    return record


def label_structure(structure: Path, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Label one structure of any file ASE reads: ICOHPLIST.lobster, bonds.parquet and, last of all,
    label.json in `folder`.

    A failed calculation is a status in the record, not an exception.

    Parameters
    ----------
    settings : see `settings_of`.

    Raises
    ------
    ValueError : the file is no structure, `folder` holds another label, or the structure cannot be right.
    RuntimeError : the engine is not installed.
    """
    missing = engines.get(settings["engine"]).missing()
    if missing:
        raise RuntimeError(f"engine {settings['engine']!r} cannot run: {missing}")
    if is_done(folder, structure, settings):
        return read_json(folder / RECORD)
    atoms = cells.read_any(structure)
    folder.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    record = {"engine": settings["engine"], "settings": dict(settings), "cell_id": content_hash(structure)}
    try:
        record |= _run_engine(atoms, folder, settings, folder / "bonds.parquet")
    except engines.LabelError as error:
        record |= {"status": error.status, "reason": str(error)}
    return _finish(record, folder, start)


def _run_engine(
    atoms: Atoms, folder: Path, settings: Mapping[str, Any], parquet: Path | None = None
) -> dict[str, Any]:
    minimum, cutoff = settings["label_window"]
    label = engines.get(settings["engine"]).label(
        atoms,
        orbitals=settings["orbitals"],
        minimum_distance=minimum,
        cutoff=cutoff,
        **settings["engine_settings"],
    )
    lobster.write_icohplist(folder / ICOHPLIST, label.bonds, atoms.get_chemical_symbols())
    if parquet is not None:
        with atomic_write(parquet) as temporary:
            label.bonds.to_parquet(temporary, index=False)
    used = {"used_settings": label.record.get("settings", {})}
    record = {name: value for name, value in label.record.items() if name not in ("settings", "seconds")}
    return {**record, **used, "status": Status.DONE.name, "reason": "", "n_bonds": len(label.bonds)}


def label_one(work: WorkDir, key: CellKey, p: Generate) -> dict[str, Any]:
    """Write the inputs of one sub-run and label it, unless that is done; the record."""
    write_inputs(work, key, p)
    return label_cell(work.cell(*key), work.label(*key), settings_of(p), p.cutoff)


def label_all(
    work: WorkDir, cell_keys: Sequence[CellKey], p: Generate
) -> Iterator[tuple[CellKey, dict[str, Any]]]:
    """Label every cell that has no label yet, `p.processes` at once; yields each key and record as it is
    there.

    Raises
    ------
    RuntimeError : the engine is not installed; says how to get it. Raised before anything runs.
    """
    settings = settings_of(p)
    done = {key for key in cell_keys if is_done(work.label(*key), work.cell(*key), settings)}
    for key in cell_keys:
        if key in done:
            yield key, read_json(work.label(*key) / RECORD)
    waiting = [key for key in cell_keys if key not in done]
    missing = engines.get(p.engine).missing() if waiting else None
    if missing:
        raise RuntimeError(f"engine {p.engine!r} cannot run: {missing}")
    if waiting:
        yield from _in_parallel(work, waiting, p)


def _in_parallel(
    work: WorkDir, waiting: Sequence[CellKey], p: Generate
) -> Iterator[tuple[CellKey, dict[str, Any]]]:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # one thread for each of the processes
    # spawned, not forked: the engines' thread pools do not survive a fork
    with ProcessPoolExecutor(p.processes, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(label_one, work, key, p): key for key in waiting}
        try:
            for future in as_completed(futures):
                yield futures[future], future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def write_inputs(work: WorkDir, key: CellKey, p: Generate) -> None:
    """Write the inputs of Quantum ESPRESSO and LOBSTER for one cell into its label folder, in the published
    form."""
    atoms, folder = cells.read(work.cell(*key)), work.label(*key)
    elements = sorted(set(atoms.get_chemical_symbols()))
    texts = {
        "lobsterin": lobster.lobsterin(p.orbitals, elements, p.lobster_energies, p.label_window),
        "lobsterin-quippy": lobster.lobsterin_quippy(
            p.orbitals, elements, p.lobster_energies, neighbours(atoms, p.cutoff)
        ),
    }
    if p.espresso.pseudopotentials:
        texts[f"{key.composition}.scf.in"] = _scf_input(atoms, key, p)
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text)


def _scf_input(atoms: Atoms, key: CellKey, p: Generate) -> str:
    e = p.espresso
    species = {symbol: entry.model_dump() for symbol, entry in e.pseudopotentials.items()}
    bands = espresso.count_bands(atoms.get_chemical_symbols(), e.basis_size, e.band_factor)
    return espresso.scf_input(
        atoms, key.composition, bands, species, e.settings, e.k_points, directory=".", pseudo_dir=e.pseudo_dir
    )
