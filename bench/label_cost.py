"""What a label adds to its self-consistent field: both projections, ICOHP, COHP(E), and the files.

    python bench/label_cost.py [WAY]

A cell of 100 atoms of data_examples/zrcual by `gpaw`, in one way of labels.py: `gamma` (the default; three
minutes on one core), or `tzp`, the bands on a mesh in the larger basis (seven). Writes
data_examples/validation/label_cost.csv: CPU seconds of each part, its share of the calculation (the field,
and the bands of the mesh), and the largest memory of the process until then. Rows of the other way stay.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from labels import WAYS
from renew import renew

from getl_utils.core import cells, parameters
from getl_utils.labels import analysis, common, engine
from getl_utils.labels import gpaw as module
from getl_utils.labels.projection import augmented, lcao

CELL = Path("data_examples/zrcual/cells/Zr49Cu49Al2/1/0.xyz")
OUT = Path("data_examples/validation/label_cost.csv")
CALCULATION = ["self-consistent field", "bands of the mesh"]


class Clock:
    """Times parts; a part within another one is taken off that one."""

    def __init__(self) -> None:
        self.rows: dict[str, list[float]] = {}
        self.inner = 0.0

    def __call__(self, part: str, work: Callable[[], Any]) -> Any:
        """Run a part, and keep its CPU seconds and the largest memory until its end (MB)."""
        start, self.inner = time.process_time(), 0.0
        result = work()
        took, memory = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        self.rows[part] = [took - self.inner, memory]
        self.inner = took
        print(part, *np.round(self.rows[part], 2), flush=True)
        return result


def measure(cell: Path, way: str) -> pd.DataFrame:
    """Label a cell part by part."""
    file, clock = "parameters/workstation.yaml", Clock()
    p = parameters.for_stage("01_generate", parameters.read(file), file)
    gpaw, atoms, window = engine.get("gpaw"), cells.read(cell), tuple(p.label_window)
    settings = gpaw.read(WAYS[way])
    job, of_mesh = engine.Job(atoms, p.orbitals, window, settings), module._bands
    module._bands = lambda *given: clock("bands of the mesh", lambda: of_mesh(*given))
    clock("checks", lambda: gpaw.check(job))
    solving = gpaw.solve(job)
    dft = clock("self-consistent field", solving.__enter__)
    foreign = lcao._foreign
    lcao._foreign = lambda *given: clock("projection lobster", lambda: foreign(*given))
    bands = clock("projection full", lambda: lcao.project(dft, atoms, job.orbitals).bands())
    for name, one in bands.items():
        one = {"full": one}
        table, _ = clock(
            f"ICOHP {name}", lambda one=one: common.bonds(one, "full", atoms, window, 0.01, settings.mesh)
        )
    electrons = augmented.electrons(dft, atoms, job.orbitals)
    found = clock(
        "COHP(E), charges, indices",
        lambda: analysis.analyse(
            bands["full"], atoms, table, job.orbitals, electrons, settings.smearing, 0.01, settings.mesh
        ),
    )
    with tempfile.TemporaryDirectory() as folder:
        clock("files of the analysis", lambda: analysis.write_folder(Path(folder), atoms, found))
    table = pd.DataFrame.from_dict(clock.rows, "index", columns=["cpu_seconds", "peak_mb"])
    table.insert(1, "share", table.cpu_seconds / table.cpu_seconds.reindex(CALCULATION).sum())
    table = table.round({"cpu_seconds": 2, "share": 4, "peak_mb": 0})
    return table.rename_axis("part").reset_index().assign(atoms=len(atoms), bonds=len(found.bonds), way=way)


def main() -> None:
    """Measure, and write the table."""
    way = sys.argv[1] if len(sys.argv) > 1 else "gamma"
    table = measure(CELL, way)
    renew(OUT, table, ["way"])
    added = table[~table.part.isin(["checks", *CALCULATION])]
    print(f"added to the calculation: {added.share.sum():.1%}")


if __name__ == "__main__":
    main()
