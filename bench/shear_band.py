"""A shear band: python bench/shear_band.py [THREADS], an hour of one core.

A glass of Cu64Zr36 is quenched (parameters/studies/cu64zr36_band.yaml). Copies of it make a slab with free
surfaces and a notch, which is pulled at constant rate. The bonds of every frame are predicted. What is done
is not done again. Writes into data_examples/yielding/band: columns.parquet (a row for each frame and column
along z, see inference/band.py), stress.csv, and manifest.json, written last; and the film docs/band.gif and
its last frame, docs/band.png.
"""

from __future__ import annotations

import sys
import time

import pandas as pd

from getl_utils.core import parameters
from getl_utils.core.once import once
from getl_utils.core.parameters import Loading
from getl_utils.core.record import atomic_write, checksums, write_csv, write_json
from getl_utils.core.workdir import WorkDir, resolve, root
from getl_utils.files import lammps_data
from getl_utils.files.frames import readings
from getl_utils.generate import loading, notch, steps
from getl_utils.inference import band, predictor
from getl_utils.models import model
from getl_utils.views import band as pictures
from getl_utils.views import style

CASE, MODEL = "parameters/studies/cu64zr36_band.yaml", "data_examples/models/zr-cu-al"
OUT = resolve("data_examples/yielding/band")
SLAB = {"repeat": (6, 2, 1), "depth": 12.0, "opening": 10.0, "vacuum": 30.0}  # Å
PULL = Loading(
    mode="tension", axis="x", surfaces=["y"], strain_rate=5e9, max_strain=0.15, temperature=10.0,
    timestep=0.004, equilibration_time=2.0, thermo_every=50, dump_every=150,
)  # fmt: skip
SIDE = 5.0  # Å, of a column


def main(threads: int = 1) -> None:
    """Make what is not made yet."""
    values = parameters.read(CASE)
    p = parameters.for_stage("01_generate", values, CASE)
    work, composition = WorkDir(p.work_dir), p.compositions[0]
    glass = steps.quench(work, p, composition, 1)
    protocol = steps.protocol(p, composition)
    folder, data = work.path / "slab", work.path / "slab" / "slab.data"
    slab = notch.slab(glass, **SLAB)
    made = {"composition": composition, **SLAB, "repeat": list(SLAB["repeat"])}
    once(folder / "slab.json", made, lambda: _written(data, slab, protocol.elements), ["slab.data"])
    curve = loading.load(data, protocol, PULL, folder / "pull", p.seed, "pull")
    trained, start = model.load(resolve(MODEL)), time.process_time()
    limits = predictor.windows(trained, {})
    columns = band.follow(
        readings(folder / "pull" / "pull.dump", p.elements), trained, limits, SIDE, threads=threads
    )
    seconds = time.process_time() - start
    OUT.mkdir(parents=True, exist_ok=True)
    small = dict.fromkeys(columns.select_dtypes("float64"), "float32")
    with atomic_write(OUT / "columns.parquet") as temporary:
        columns.astype(small).to_parquet(temporary, index=False, compression="zstd")
    filled = 1 - SLAB["vacuum"] / slab.cell.lengths()[1]  # part of the cell's section that is slab
    curve = curve.assign(stress=curve.load_stress / filled)[["time", "strain", "stress", "Temp"]]
    write_csv(OUT / "stress.csv", curve.round(5))
    write_json(
        OUT / "manifest.json",
        {
            "command": "python bench/shear_band.py",
            "parameters": p.model_dump(mode="json", include={"compositions", "seed", "quench"}),
            "slab": made | {"atoms": len(slab)},
            "loading": PULL.model_dump(mode="json"),
            "model_id": trained.model_id,
            "column": SIDE,
            "following_cpu_seconds": round(seconds, 1),
            "files": checksums(OUT, [OUT / "columns.parquet", OUT / "stress.csv"]),
        },
    )
    film()


def _written(path, slab, elements) -> dict[str, int]:
    lammps_data.write_data(path, slab, elements)
    return {"atoms": len(slab)}


def film() -> None:
    """Draw the film and its last frame from the tables."""
    columns, curve = pd.read_parquet(OUT / "columns.parquet"), pd.read_csv(OUT / "stress.csv")
    pictures.film(columns, curve, root() / "docs" / "band.gif")
    with atomic_write(root() / "docs" / "band.png") as temporary:
        temporary.write_bytes(style.png(pictures.scene(columns, curve)[0], dpi=90))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
