"""Predict the frames of structure files, one at a time; a run that was stopped resumes after the last one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms

from getl_utils.core.neighbours import check_structure
from getl_utils.core.process import lock
from getl_utils.files.frames import readings
from getl_utils.files.text import reason
from getl_utils.inference import predictor, storing
from getl_utils.models.model import Model

NOTHING = {"step": -1, "atoms": 0, "bonds": 0, "seconds": 0.0, "error": ""}  # of a frame that failed


def predict_file(
    model: Model,
    path: Path,
    folder: Path,
    limits: Mapping[str, Sequence[float]],
    which: str | Sequence[int],
    lobster_files: bool,
    sigma: bool = True,
    threads: int = 1,
    tick: Callable[[int], object] = lambda n: None,
    elements: Sequence[str] = (),
    isolated: bool = False,
) -> list[dict]:
    """Predict frames of a file; each frame is on disk before the next is read.

    The record of a frame, ``<n>_<step>.json``, is written after its tables. A frame is not predicted again if
    its record has the same `prediction_id` (the hash of model, windows, settings and structure) and its
    tables are as the record says. The name of the structure is that of the folder.

    Parameters
    ----------
    model : Model
        What predicts.
    path : Path
        Structure file, see ``frames.readings``.
    folder : Path
        Gets ``<n>_<step>.parquet`` (the bonds), ``atoms/<n>_<step>.parquet`` (sums over the bonds of each
        atom) and the record.
    limits : mapping
        From `windows`.
    which : str or sequence of int
        ``last`` or ``all`` frames, or the numbers of some, counted from 1.
    lobster_files : bool
        Also LOBSTER's columns; all bonds of a frame are then held as a table in memory.
    sigma : bool
        Also `sigma` (eV) and `outside` of each bond.
    threads : int
        Threads that predict at once.
    tick : callable
        Called with the number of atoms of each frame that is done.
    elements : sequence of str
        Elements of the LAMMPS types, as the user gave them; the model's by default.
    isolated : bool
        A structure without lattice is a cluster.

    Returns
    -------
    list of dict
        One row per frame: structure, frame, step, atoms, bonds, seconds, error (why it could not be read or
        predicted), model_id, prediction_id.

    Raises
    ------
    ValueError
        The folder holds the prediction of another file.
    """
    reading = {"elements": list(elements or model.elements), "isolated": isolated, "given": bool(elements)}
    source = storing.source(path) | reading
    job = storing.Job(model, dict(limits), sigma, lobster_files)
    rows = []
    with lock(folder):
        storing.refuse_other(folder, source)
        found = readings(path, which=which if isinstance(which, str) else "all", **reading)
        for n, atoms in _chosen(found, which, path):
            row = {"structure": folder.name, "frame": n, **NOTHING}
            row |= {"model_id": model.model_id, "prediction_id": ""}
            if isinstance(atoms, ValueError):
                row["error"] = str(atoms)
            else:
                row |= {"step": int(atoms.info.get("timestep", 0)), "atoms": len(atoms)}
                origin = source | {name: row[name] for name in ("structure", "frame", "step")}
                row |= _frame(job, atoms, folder, origin, threads)
                tick(len(atoms))
            rows.append(row)
    return rows


def _chosen(
    found: Iterable[Atoms | ValueError], which: str | Sequence[int], path: Path
) -> Iterator[tuple[int, Atoms | ValueError]]:
    """The frames that are wanted, with their numbers; nothing is read behind the last of them."""
    wanted, n = [] if isinstance(which, str) else sorted(which), 0
    for n, atoms in enumerate(found, 1):
        if isinstance(which, str) or n in wanted:
            yield n, atoms
        if wanted and n == wanted[-1]:
            return
    for absent in wanted:
        if absent > n:
            yield absent, ValueError(f"{path}: frame {absent} is not there, the file has {n}")


def _frame(job: storing.Job, atoms: Atoms, folder: Path, origin: dict[str, Any], threads: int) -> dict:
    """Predict and store one frame unless that is done; what is known of it, or why it cannot be predicted."""
    start, stem = time.perf_counter(), folder / f"{origin['frame']}_{origin['step']}"
    try:
        check_structure(atoms, where=f"{origin['file']}, step {origin['step']}")
        record = job.record(atoms, origin)
        if known := storing.stored(stem, record):
            return known
        storing.clear(stem)
        found = predictor.estimate(job.model, atoms, job.limits, job.sigma, threads)
        return storing.store(job, atoms, stem, record, predictor.tables(job.model, atoms, found), start)
    except (ValueError, RuntimeError, MemoryError) as error:  # the other frames go on
        return {"error": reason(error, origin["file"])}
