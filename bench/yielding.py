"""Where does a glass yield? Sheared glasses, followed: python bench/yielding.py CASE [MODEL [OUT]].

Each run of the case is quenched, sheared and predicted, one after the other. What is done is not done again,
so that the command may be stopped and started again. Of the runs that are done, the tables go to OUT
(data_examples/yielding/<case>): atoms.parquet, one row an atom, at rest and after three strains, and what a
regression on SOAP vectors says; frames.csv; stress.csv; radial.csv and structure_factor.csv of the glasses at
rest; and manifest.json, written last.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import parameters
from getl_utils.core.once import once
from getl_utils.core.parameters import Generate, Infer
from getl_utils.core.record import atomic_write, checksums, read_json, write_csv, write_json
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.etl.soap import Soap
from getl_utils.files.frames import readings
from getl_utils.generate import loading, radial, steps
from getl_utils.inference import predictor, regression, yielding
from getl_utils.models import model

STRAINS = (0.02, 0.05, 0.10)  # at which atoms are looked at
REACH = 20.0  # Å, of g(r), for S(q)
REACH_OF_SOAP = 5.5  # Å: two shells
OUT, MODEL = "data_examples/yielding", "data_examples/models/zr-cu-al"
TABLES = ("atoms.parquet", "frames.csv", "stress.csv", "radial.csv", "structure_factor.csv")


def follow(
    work: WorkDir, p: Generate, given: Infer, trained: model.Model, composition: str, run: int
) -> Path:
    """Quench, shear and follow one glass, unless that is done; the folder with its tables."""
    steps.quench(work, p, composition, run)
    steps.load_glass(work, p, composition, run)
    limits = predictor.windows(trained, given.windows)
    source, folder = work.loading(composition, run), work.path / "followed" / composition / str(run)
    folder.mkdir(parents=True, exist_ok=True)

    def make() -> dict[str, Any]:
        """Write the tables."""
        (dump,) = source.glob("*.dump")
        atoms, frames = yielding.follow(
            readings(dump, p.elements), trained, limits, STRAINS, given.hysteresis
        )
        with atomic_write(folder / "atoms.parquet") as temporary:
            atoms.to_parquet(temporary)
        write_csv(folder / "frames.csv", frames)
        return {"atoms": len(atoms), "frames": len(frames)}

    made = {"loading": read_json(source / "loading.json")["run_id"], "model_id": trained.model_id}
    settings = {"windows": given.windows, "strains": STRAINS, "hysteresis": given.hysteresis}
    once(folder / "followed.json", made | settings, make, ["atoms.parquet", "frames.csv"])
    return folder


def regressed(rest: list[Atoms], atoms: pd.DataFrame) -> dict[str, np.ndarray]:
    """What a regression on SOAP vectors of the glasses at rest says of each outcome, glass by glass."""
    soap = Soap(
        sorted({symbol for one in rest for symbol in one.get_chemical_symbols()}), cutoff=REACH_OF_SOAP
    )
    vectors = np.vstack([soap.compute(one) for one in rest])
    outcomes = [name for name in atoms if name.startswith(("d2min_", "exchanged_"))]
    return {f"soap_{name}": regression.regression(vectors, atoms, name) for name in outcomes}


def collect(work: WorkDir, p: Generate, folders: dict[tuple[str, int], Path], out: Path) -> None:
    """Write the tables of all glasses that are done."""
    found: dict[str, list[pd.DataFrame]] = {"atoms": [], "frames": [], "stress": []}
    rest = []
    for (composition, run), folder in folders.items():
        source = work.loading(composition, run)
        (dump,) = source.glob("*.dump")
        rest.append(next(readings(dump, p.elements)))
        own = {"glass": f"{composition}-{run}", "quench_rate": p.quench.quench_rate}
        curve = loading.stress_strain(source).drop(columns=["load_strain", "load_stress"])
        found["atoms"].append(pd.read_parquet(folder / "atoms.parquet").assign(**own))
        found["frames"].append(pd.read_csv(folder / "frames.csv").assign(**own))
        found["stress"].append(curve.assign(**own))
    atoms = pd.concat(found["atoms"], ignore_index=True)
    if len(folders) > 2:
        atoms = atoms.assign(**regressed(rest, atoms))
    small = dict.fromkeys(atoms.select_dtypes("float64"), "float32")
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "atoms.parquet") as temporary:
        atoms.astype(small).to_parquet(temporary, compression="zstd")
    for name in ("frames", "stress"):
        write_csv(out / f"{name}.csv", pd.concat(found[name], ignore_index=True).round(6))
    density = sum(len(a) for a in rest) / sum(a.get_volume() for a in rest)
    table = radial.radial_distribution(rest, r_max=REACH, n_bins=800)
    write_csv(out / "radial.csv", table[table.r < 8].round(4))
    factor = radial.structure_factor(table, density, np.linspace(0.5, 12, 231))
    write_csv(out / "structure_factor.csv", factor.round(4))


def main(case: str, named: str = MODEL, place: str = OUT) -> None:
    """Follow every run of a case, then write the tables and, last, the manifest."""
    values = parameters.read(case)
    p, given = (parameters.for_stage(stage, values, case) for stage in ("01_generate", "06_inference"))
    work, out, folders = WorkDir(p.work_dir), resolve(place) / Path(case).stem, {}
    trained = model.load(resolve(named))
    for composition in p.compositions:
        for run in p.runs:
            folders[composition, run] = follow(work, p, given, trained, composition, run)
            collect(work, p, folders, out)
    seconds = {
        kind: [read_json(folder(*key) / f"{kind}.json")["seconds"] for key in folders]
        for kind, folder in (("quench", work.quench), ("loading", work.loading))
    }
    manifest = {
        "command": f"python bench/yielding.py {case}",
        "parameters": p.model_dump(
            mode="json", include={"compositions", "runs", "seed", "quench", "loading"}
        ),
        "model": named,
        "model_id": trained.model_id,
        "seconds": seconds,
        "files": checksums(out, [out / name for name in TABLES]),
    }
    write_json(out / "manifest.json", manifest)


if __name__ == "__main__":
    main(*sys.argv[1:])
