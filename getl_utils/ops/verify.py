"""Are the results as they were written? Records have their files' checksums; what is damaged is taken away
and redone alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Generate, for_stage
from getl_utils.core.process import lock
from getl_utils.core.record import content_hash, damaged, read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.files import lammps
from getl_utils.generate import steps, sub_runs
from getl_utils.labels.status import RECORD

RECORDS = [
    "quench/*/*/quench.json",
    "loading/*/*/loading.json",
    f"labels/*/*/*/{RECORD}",
    "labels/*/*/*/espresso.json",
    "labels/*/*/*/lobster.json",
    "bonds.json",
    "descriptors/*/*/*.json",
    "database/*/database.json",
    "model/checks.json",
    "predictions/*/*.json",
]


def damages(work: WorkDir) -> Iterator[tuple[Path, str]]:
    """Every record below `work` whose files, or cell, are not as it says, and why; each is looked at when it
    is asked for."""
    for pattern in RECORDS:
        for record in sorted(work.path.glob(pattern)):
            found = damaged(record) or _wrong_cell(work, record)
            if found:
                yield record, "; ".join(found)


def _key(record: Path) -> CellKey:
    """Of the cell that a label or descriptors are of."""
    composition, run, sub_run = (
        record.parts[-4:-1] if "labels" in record.parts else (*record.parts[-3:-1], record.stem)
    )
    return CellKey(composition, int(run), int(sub_run))


def _wrong_cell(work: WorkDir, record: Path) -> list[str]:
    if "cell_id" not in read_json(record):
        return []
    cell = work.cell(*_key(record))
    if cell.exists() and content_hash(cell) == read_json(record)["cell_id"]:
        return []
    return [f"{cell} is not the cell of {record}"]


def repair(work: WorkDir, p: Generate | None = None) -> list[str]:
    """Take away what is damaged, so that the workflow makes it again and nothing else; what was done, a line
    each.

    A record goes, and with it its claim to be whole. A labelled cell is cut again from its quench, and if it
    is the labelled one its label stays.

    Parameters
    ----------
    p : of 01_generate; without it a damaged cell is only told.
    """
    done = []
    for record, why in damages(
        work
    ):  # one after the other: descriptors are looked at when their cell is whole again
        if "labels" in record.parts and not damaged(record):
            done.append(f"{why}: {_recut(work, record, p)}")
            continue
        if record.name == "checks.json":
            record.with_name("model.json").unlink(missing_ok=True)
        if "predictions" in record.parts:
            work.mark("06_inference").unlink(missing_ok=True)
        record.unlink()
        done.append(f"{why}: will be made again")
    return done


def repair_all(work: WorkDir) -> list[str]:
    """Repair a work directory that nothing else writes to, with the parameters that lie in it.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    list of str
        What was done, a line each.
    """
    file = work.path / "parameters" / "01_generate.yaml"
    p = for_stage("01_generate", yaml.safe_load(file.read_text()), str(file)) if file.exists() else None
    with lock(work.path):
        return repair(work, p)


def _recut(work: WorkDir, record: Path, p: Generate | None) -> str:
    """Write a damaged cell again from its quench."""
    key = _key(record)
    folder, cell = work.quench(*key[:2]), work.cell(*key)
    if p is None or not (folder / "quench.json").exists() or damaged(folder / "quench.json"):
        return "give the parameters, or run 01_generate again"
    cell.unlink(missing_ok=True)
    quenched = lammps.last_frame(folder / "final.dump", steps.protocol(p).elements)
    sub_runs.write_sub_runs(
        work, quenched, key.composition, key.run, [key.sub_run], p.deformations.model_dump()
    )
    if content_hash(cell) != read_json(record).get("cell_id"):
        return "it was cut again and is another than the labelled one; its label will be made again"
    age = (
        (folder / "quench.json").stat().st_mtime_ns
    )  # as old as its quench, so that its label is not taken for outdated
    os.utime(cell, ns=(age, age))
    return "it was cut again and is the labelled one"
