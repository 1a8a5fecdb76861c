"""Label cells: run an engine, write bonds.parquet and ICOHPLIST.lobster, and last of all label.json.

``bonds.parquet`` is the label, in full precision. ``ICOHPLIST.lobster`` is an export with five decimals. A
sub-run's label is the unit of work and of restart: a whole label is never computed again.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.neighbours import check_structure
from getl_utils.core.once import once, standing
from getl_utils.core.parameters import Generate
from getl_utils.core.process import lock
from getl_utils.core.record import atomic_write, content_hash, read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.files import frames, lobster
from getl_utils.labels import analysis
from getl_utils.labels import engine as engines
from getl_utils.labels.status import BONDS, ICOHPLIST, RECORD, Status


def settings_of(p: Generate) -> dict[str, Any]:
    """Return what a label depends on besides its cell, as it is recorded beside it.

    Parameters
    ----------
    p : Generate
        Parameters.

    Returns
    -------
    dict
        engine, engine_settings, label_window (Å), orbitals.
    """
    return {
        "engine": p.engine,
        "engine_settings": p.engine_settings,
        "label_window": list(p.label_window),
        "orbitals": p.orbitals,
    }


def _identity(cell: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    return {"cell_id": content_hash(cell), **settings}


def label_cell(
    cell: Path, folder: Path, settings: Mapping[str, Any], cutoff: float, key: CellKey
) -> dict[str, Any]:
    """Label the cell of a file, unless that is done.

    A failed calculation is a status in the record, not an exception.

    Parameters
    ----------
    cell : Path
        Extended xyz file.
    folder : Path
        Where the label is written.
    settings : mapping
        See `settings_of`.
    cutoff : float
        Å; the cell must be twice as thick.
    key : CellKey
        What the cell is called.

    Returns
    -------
    dict
        The record, as in ``label.json``.

    Raises
    ------
    ValueError
        The folder holds the label of another cell or one made with other settings.
    """

    def _make() -> dict[str, Any]:
        atoms = cells.read(cell)
        try:
            check_structure(atoms, thickness=2 * cutoff, where=str(cell))
            return _label(atoms, folder, settings, key, content_hash(cell))
        except ValueError as error:
            return _failed(Status.NOTHING.name, error, settings, content_hash(cell))

    with lock(folder):
        return once(folder / RECORD, _identity(cell, settings), _make, [BONDS, ICOHPLIST], repair=True)


def label_structure(structure: Path, folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Label the first structure of a file: bonds.parquet, ICOHPLIST.lobster and label.json.

    A failed calculation is a status in the record, not an exception. In bonds.parquet the composition is the
    chemical formula, run and sub_run are 0.

    Parameters
    ----------
    structure : Path
        File of the structure, in one of the formats of `frames.readings`.
    folder : Path
        Where the label is written.
    settings : mapping
        See `settings_of`; also `elements` of the LAMMPS types, where the user named them.

    Returns
    -------
    dict
        The record, as in ``label.json``.

    Raises
    ------
    ValueError
        The file is no structure, the folder holds another label, or the structure or a setting cannot be
        right.
    RuntimeError
        The engine is not installed.
    """
    require(settings["engine"])

    def _make() -> dict[str, Any]:
        atoms = frames.read_structure(structure, settings.get("elements", ()))
        key = CellKey(atoms.get_chemical_formula(), 0, 0)
        return _label(atoms, folder, settings, key, content_hash(structure))

    with lock(folder):
        return once(folder / RECORD, _identity(structure, settings), _make, [BONDS, ICOHPLIST], repair=True)


def _label(
    atoms: Atoms, folder: Path, settings: Mapping[str, Any], key: CellKey, cell_id: str
) -> dict[str, Any]:
    """Run the engine and write the bonds; the facts for the record."""
    minimum, cutoff = settings["label_window"]
    try:
        label = engines.get(settings["engine"]).label(
            atoms,
            orbitals=settings["orbitals"],
            minimum_distance=minimum,
            cutoff=cutoff,
            **settings["engine_settings"],
        )
    except engines.LabelError as error:
        return _failed(error.status, error, settings, cell_id)
    facts = _facts(Status.DONE.name, "", settings, cell_id)
    origin = {"engine": settings["engine"], "projection": label.record.get("projection", "full")}
    write_bonds(folder, label.bonds, atoms, key, origin | {"label_id": facts["label_id"]})
    if label.analysis:
        analysis.write_folder(folder, atoms, label.analysis)
    used = {"used_settings": label.record.get("settings", {}), "run_id": atoms.info.get("run_id", "")}
    given = {name: value for name, value in label.record.items() if name not in ("settings", "seconds")}
    return {**given, **used, **facts, **origin, "n_bonds": len(label.bonds)}


def _facts(status: str, reason: str, settings: Mapping[str, Any], cell_id: str) -> dict[str, Any]:
    """What the record of every label has."""
    known = {"engine": settings["engine"], "settings": dict(settings), "cell_id": cell_id}
    label_id = content_hash(cell_id, dict(settings), status)
    return known | {"status": status, "reason": reason, "label_id": label_id}


def _failed(status: str, error: Exception, settings: Mapping[str, Any], cell_id: str) -> dict[str, Any]:
    return _facts(status, str(error), settings, cell_id)


def write_bonds(
    folder: Path, bonds: pd.DataFrame, atoms: Atoms, key: CellKey, origin: Mapping[str, str]
) -> None:
    """Write a label: bonds.parquet in full precision, and ICOHPLIST.lobster.

    Parameters
    ----------
    folder : Path
        Folder of the label.
    bonds : DataFrame
        i, j, tx, ty, tz, distance (Å), icohp (eV), and columns icohp_<projection>.
    atoms : Atoms
        The structure.
    key : CellKey
        What the cell is called.
    origin : mapping
        engine, projection and label_id.
    """
    symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
    elements = {"element_i": symbols[bonds.i], "element_j": symbols[bonds.j]}
    values = [name for name in bonds if name == "distance" or name.startswith("icohp")]
    table = bonds.assign(**key._asdict(), **elements, **origin)
    with atomic_write(folder / BONDS) as temporary:
        table[[*KEY, *BOND, *elements, *values, *origin]].to_parquet(temporary, index=False)
    lobster.write_icohplist(folder / ICOHPLIST, bonds, symbols)


def label_one(work: WorkDir, key: CellKey, p: Generate) -> dict[str, Any]:
    """Label one cell of a work directory, unless that is done.

    Parameters
    ----------
    work : WorkDir
        Holds the cell.
    key : CellKey
        The cell.
    p : Generate
        Parameters.

    Returns
    -------
    dict
        The record; its `status` is "DONE" if the label is usable.
    """
    return label_cell(work.cell(*key), work.label(*key), settings_of(p), p.cutoff, key)


def label_all(
    work: WorkDir, cell_keys: Sequence[CellKey], p: Generate
) -> Iterator[tuple[CellKey, dict[str, Any]]]:
    """Label every cell that has no label yet, `p.processes` at once.

    Parameters
    ----------
    work : WorkDir
        Holds the cells.
    cell_keys : sequence of CellKey
        The cells.
    p : Generate
        Parameters.

    Yields
    ------
    (CellKey, dict)
        Each cell and its record as soon as it is there.

    Raises
    ------
    RuntimeError
        The engine is not installed. Raised before anything runs.
    """
    done = {key for key in cell_keys if _is_done(work, key, p)}
    for key in cell_keys:
        if key in done:
            yield key, read_json(work.label(*key) / RECORD)
    waiting = [key for key in cell_keys if key not in done]
    if waiting:
        require(p.engine)
        yield from _in_parallel(work, waiting, p)


def _is_done(work: WorkDir, key: CellKey, p: Generate) -> bool:
    record = work.label(*key) / RECORD
    return standing(record, _identity(work.cell(*key), settings_of(p)), repair=True) is not None


def require(engine: str) -> None:
    """Refuse an engine that is not installed.

    Parameters
    ----------
    engine : str
        Its name.

    Raises
    ------
    RuntimeError
        It cannot run. The message says what is missing.
    """
    missing = engines.get(engine).missing()
    if missing:
        raise RuntimeError(f"engine {engine!r} cannot run: {missing}")


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
