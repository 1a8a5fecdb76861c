"""Are the results there and as they were written? What is damaged is deleted and made again alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import yaml

from getl_utils.core import cells
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import STAGES, Generate, for_stage
from getl_utils.core.process import lock
from getl_utils.core.record import content_hash, damaged, read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.files import lammps
from getl_utils.generate import sub_runs
from getl_utils.labels.status import RECORD

RECORDS = {  # pattern → stage that made it
    "quench/*/*/quench.json": "01_generate",
    "loading/*/*/loading.json": "01_generate",
    f"labels/*/*/*/{RECORD}": "01_generate",
    "labels/*/*/*/espresso.json": "01_generate",
    "labels/*/*/*/lobster.json": "01_generate",
    "bonds.json": "02_extract",
    "descriptors/*/*/*.json": "03_transform",
    "database/*/database.json": "04_load",
    "model/checks.json": "05_train",
    "predictions/*/*.json": "06_inference",
}
EXTRACTED = ("bonds.parquet", "clusters.parquet", "status.csv", "bonds.json")
TRAINED = ("model/model.json", "model/model.npz", "model/metrics.json", "model/validation.csv")


def damages(work: WorkDir) -> Iterator[tuple[Path, str]]:
    """Find the records whose files, or cell, are not as they say.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Yields
    ------
    tuple
        The record, and what is wrong. Each record is looked at when it is asked for.
    """
    for pattern in RECORDS:
        for record in sorted(work.path.glob(pattern)):
            found = damaged(record) or _wrong_cell(work, record)
            if found:
                yield record, "; ".join(found)


def stage_of(work: WorkDir, record: Path) -> str:
    """Return the stage that made a record.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    record : Path
        A record that `damages` found.

    Returns
    -------
    str
        One of `parameters.STAGES`.
    """
    name = record.relative_to(work.path)
    return next(stage for pattern, stage in RECORDS.items() if name.match(pattern))


def _key(record: Path) -> CellKey:
    """Of the cell that a label or descriptors are of."""
    labelled = "labels" in record.parts
    composition, run, sub_run = record.parts[-4:-1] if labelled else (*record.parts[-3:-1], record.stem)
    return CellKey(composition, int(run), int(sub_run))


def _wrong_cell(work: WorkDir, record: Path) -> list[str]:
    if "cell_id" not in read_json(record):
        return []
    cell = work.cell(*_key(record))
    if cell.exists() and content_hash(cell) == read_json(record)["cell_id"]:
        return []
    return [f"{cell} is not the cell of {record}"]


def absences(work: WorkDir) -> Iterator[tuple[str, Path]]:
    """Find what a stage said it made and what is no longer there.

    A stage says so by its completion mark ``done/<stage>.json``.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Yields
    ------
    tuple
        The stage, and the file that is gone.

    Raises
    ------
    FileNotFoundError
        The folder is not there, or nothing was run in it.
    """
    if not work.path.is_dir():
        raise FileNotFoundError(f"{work.path} is not there: nothing was run in it")
    marks = [stage for stage in STAGES if work.mark(stage).exists()]
    if not marks and not any(next(work.path.glob(pattern), None) for pattern in RECORDS):
        raise FileNotFoundError(f"{work.path} holds no results: nothing was run in it")
    for stage in marks:
        yield from ((stage, path) for path in _made(work, stage) if not path.exists())


def _made(work: WorkDir, stage: str) -> Iterator[Path]:
    """What a stage that ended has left."""
    if stage == "01_generate":
        yield from _generated(work)
    elif stage == "02_extract":
        yield from (work.path / name for name in EXTRACTED)
    elif stage == "03_transform" and work.bonds.exists():
        keys = pd.read_parquet(work.bonds, columns=list(CellKey._fields)).drop_duplicates()
        yield from (work.descriptors(*key).with_suffix(".json") for key in keys.itertuples(index=False))
    elif stage == "04_load":
        names = read_json(work.mark(stage)).get("databases", [])
        yield from (work.database(name) / "database.json" for name in names)
    elif stage == "05_train":
        yield from (work.path / name for name in TRAINED)
    elif stage == "06_inference":
        yield from _predicted(work)


def _generated(work: WorkDir) -> Iterator[Path]:
    file = work.path / "parameters" / "all.yaml"
    if not file.exists():
        return
    p = for_stage("01_generate", yaml.safe_load(file.read_text()), str(file))
    large = [(c, p.runs[0]) for c in p.large_compositions]
    ours = [] if p.reference_roots else [(c, r) for c in p.compositions for r in p.runs]
    for composition, run in ours + large:
        yield work.quench(composition, run) / "quench.json"
    if p.loading:
        yield from (work.loading(*key) / "loading.json" for key in large)
    for key in cells.keys(p.compositions, p.runs, p.sub_runs) if ours else ():
        yield work.cell(*key)
        if p.engine != "none":
            yield work.label(*key) / RECORD


def _predicted(work: WorkDir) -> Iterator[Path]:
    summary = work.path / "predictions" / "summary.csv"
    yield summary
    if summary.exists():
        for row in pd.read_csv(summary).itertuples():
            if pd.isna(row.error):
                yield work.predictions(row.structure) / f"{row.frame}_{row.step}.json"


def report(work: WorkDir) -> list[str]:
    """Say what is damaged or gone.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    list of str
        A line each; empty if all results are as they were written.

    Raises
    ------
    FileNotFoundError
        The folder is not there, or nothing was run in it.
    """
    gone = [f"{path} is gone ({stage} had made it)" for stage, path in absences(work)]
    return [why for _, why in damages(work)] + gone


def repair(work: WorkDir, p: Generate | None = None) -> list[str]:
    """Delete what is damaged, so that the workflow makes it again and nothing else.

    A damaged result loses its record, and its stage loses its completion mark. A damaged cell is cut again
    from its quench; if that gives the cell that was labelled, the label stays.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate, optional
        Parameters of 01_generate; without them a damaged cell is only reported.

    Returns
    -------
    list of str
        What was found and done, a line each.
    """
    done = []
    for record, why in damages(work):  # lazily: descriptors are looked at when their cell is whole again
        if "labels" in record.parts and not damaged(record):
            done.append(f"{why}: {_recut(work, record, p)}")
            continue
        if record.name == "checks.json":
            record.with_name("model.json").unlink(missing_ok=True)
        work.mark(stage_of(work, record)).unlink(missing_ok=True)
        record.unlink()
        done.append(f"{why}: will be made again")
    return done


def repair_all(work: WorkDir) -> list[str]:
    """Repair a work directory with the parameters that lie in it.

    Parameters
    ----------
    work : WorkDir
        The work directory; no other process may use it.

    Returns
    -------
    list of str
        What was found and done, a line each.

    Raises
    ------
    FileNotFoundError
        The folder is not there, or nothing was run in it.
    RuntimeError
        Another process uses the folder.
    """
    gone = list(absences(work))
    file = work.path / "parameters" / "01_generate.yaml"
    p = for_stage("01_generate", yaml.safe_load(file.read_text()), str(file)) if file.exists() else None
    with lock(work.path):
        for stage, _ in gone:
            work.mark(stage).unlink(missing_ok=True)
        return repair(work, p) + [f"{path} is gone: will be made again" for _, path in gone]


def _recut(work: WorkDir, record: Path, p: Generate | None) -> str:
    """Write a damaged cell again from its quench."""
    key = _key(record)
    folder, cell = work.quench(*key[:2]), work.cell(*key)
    if p is None or not (folder / "quench.json").exists() or damaged(folder / "quench.json"):
        return "give the parameters, or run 01_generate again"
    cell.unlink(missing_ok=True)
    quenched = lammps.last_frame(folder / "final.dump", p.elements)
    sizes = p.deformations.model_dump()
    sub_runs.write_sub_runs(work, quenched, key.composition, key.run, [key.sub_run], sizes)
    if content_hash(cell) != read_json(record).get("cell_id"):
        return "it was cut again and is another than the labelled one; its label will be made again"
    age = (folder / "quench.json").stat().st_mtime_ns  # as old as its quench: its label is not outdated
    os.utime(cell, ns=(age, age))
    return "it was cut again and is the labelled one"
