"""Pack the cells and labels of a work directory into a data set: python workflow/pack.py WORK_DIR PARAMETERS
OUT.

The data set has cells, labels (bonds.parquet, ICOHPLIST.lobster) and records, of failed labels too.
``manifest.json`` has the checksum of every file, the number of cells planned, the parameters and the command.
Run it again when more labels are done.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
import sys
from collections import Counter

from getl_utils.core import cells, parameters
from getl_utils.core.record import read_json, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.labels.status import BONDS, ICOHPLIST, RECORD, projection_of

ALL = "snakemake --snakefile workflow/Snakefile --cores 2 --configfile {}"
LEARN = "getl learn {} --only-labels"  # a case that labels only what teaches most
RELABEL = "python workflow/relabel.py {}"  # cells of other data sets


def pack(work: WorkDir, out: WorkDir, keys: list[cells.CellKey]) -> tuple[Counter, Counter]:
    """Copy what is there; statuses of the labels, and projections of those that are done."""
    statuses: Counter = Counter()
    projections: Counter = Counter()
    for key in keys:
        record = work.label(*key) / RECORD
        if not record.exists():
            continue
        facts = read_json(record)
        statuses[facts["status"]] += 1
        projections[projection_of(facts)] += facts["status"] == "DONE"
        out.cell(*key).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(work.cell(*key), out.cell(*key))
        out.label(*key).mkdir(parents=True, exist_ok=True)
        for name in (RECORD, BONDS, ICOHPLIST):
            if (work.label(*key) / name).exists():
                shutil.copyfile(work.label(*key) / name, out.label(*key) / name)
    for composition, run in sorted({(key.composition, key.run) for key in keys}):
        record = work.quench(composition, run) / "quench.json"
        if record.exists():
            out.quench(composition, run).mkdir(parents=True, exist_ok=True)
            shutil.copyfile(record, out.quench(composition, run) / "quench.json")
    return statuses, projections


def main() -> int:
    """Pack, then write the manifest last of all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("work_dir", "parameters", "out"):
        parser.add_argument(name)
    given = parser.parse_args()
    p = parameters.for_stage("01_generate", parameters.read(given.parameters), given.parameters)
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    out = WorkDir(given.out)
    work = WorkDir(given.work_dir)
    if p.reference_roots:
        keys = [key for key in keys if work.cell(*key).exists()]
    statuses, projections = pack(work, out, keys)
    if (choices := work.path / "learn/learn.json").exists():
        out.path.joinpath("learn").mkdir(exist_ok=True)
        shutil.copyfile(choices, out.path / "learn/learn.json")
    made = (LEARN if p.learn else RELABEL if p.reference_roots else ALL).format(given.parameters)
    files = sorted(
        f for f in out.path.rglob("*") if f.is_file() and f.name != "manifest.json" and "model" not in f.parts
    )
    manifest = {
        "command": f"{made} && python workflow/pack.py {given.work_dir} {given.parameters} {given.out}",
        "parameters": p.model_dump(),
        "cells_planned": len(keys),
        "labels": dict(statuses),
        "projections": dict(projections),
        "files": {
            f.relative_to(out.path).as_posix(): hashlib.sha256(f.read_bytes()).hexdigest() for f in files
        },
    }
    write_json(out.path / "manifest.json", manifest)
    print(f"{out.path}: {sum(statuses.values())} of {len(keys)} cells, {dict(statuses)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
