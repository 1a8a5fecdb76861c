"""Where does a glass yield? Loaded glasses, followed: python bench/yielding.py CASE [MODEL [OUT]].

Each run of the case is quenched, loaded without heat and predicted, one after the other. What is done is not
done again, so that the command may be stopped and started again. Two cases that differ in the loading alone
may name one work directory: they share its glasses. The tables go to OUT/<case>: atoms.parquet, one row an
atom, at rest and after three strains, and what a regression on SOAP vectors says; frames.csv; stress.csv;
bonds.csv, how many bonds are how strong; radial.csv, structure_factor.csv and glasses.extxyz.gz of the
glasses at rest; and manifest.json, written last.
"""

from __future__ import annotations

import gzip
import io
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.io import write

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
GLASSES = "glasses.extxyz.gz"
TABLES = ("atoms.parquet", "frames.csv", "stress.csv", "bonds.csv", "radial.csv", "structure_factor.csv")
BITS = 12  # of the 23 that a float32 keeps beside its exponent: 4 digits


def follow(
    work: WorkDir, case: WorkDir, p: Generate, given: Infer, trained: model.Model, composition: str, run: int
) -> Path:
    """Quench, load and follow one glass, unless that is done; the folder with its tables."""
    steps.quench(work, p, composition, run)
    steps.load_glass(work, p, composition, run, into=case)
    limits = predictor.windows(trained, given.windows)
    source, folder = case.loading(composition, run), case.path / "followed" / composition / str(run)
    folder.mkdir(parents=True, exist_ok=True)

    def make() -> dict[str, Any]:
        """Write the tables."""
        (dump,) = source.glob("*.dump")
        atoms, frames, counts = yielding.follow(
            readings(dump, p.elements), trained, limits, STRAINS, given.hysteresis
        )
        with atomic_write(folder / "atoms.parquet") as temporary:
            atoms.to_parquet(temporary)
        write_csv(folder / "frames.csv", frames)
        write_csv(folder / "bonds.csv", counts)
        return {"atoms": len(atoms), "frames": len(frames)}

    made = {"loading": read_json(source / "loading.json")["run_id"], "model_id": trained.model_id}
    settings = {"windows": given.windows, "strains": STRAINS, "hysteresis": given.hysteresis}
    once(folder / "followed.json", made | settings, make, ["atoms.parquet", "frames.csv", "bonds.csv"])
    return folder


def regressed(rest: list[Atoms], atoms: pd.DataFrame) -> dict[str, np.ndarray]:
    """What a regression on SOAP vectors of the glasses at rest says of each outcome, glass by glass."""
    soap = Soap(
        sorted({symbol for one in rest for symbol in one.get_chemical_symbols()}), cutoff=REACH_OF_SOAP
    )
    vectors = np.vstack([soap.compute(one) for one in rest])
    outcomes = [name for name in atoms if name.startswith(("d2min_", "exchanged_"))]
    return {f"soap_{name}": regression.regression(vectors, atoms, name) for name in outcomes}


def rounded(values: pd.Series) -> pd.Series:
    """Return float32 numbers with `BITS` bits, so that they take less room in a file."""
    drop = np.uint32(23 - BITS)
    whole = values.to_numpy(np.float32).view(np.uint32) + (np.uint32(1) << (drop - np.uint32(1)))
    return pd.Series((whole >> drop << drop).view(np.float32), values.index)


def collect(case: WorkDir, p: Generate, folders: dict[tuple[str, int], Path], out: Path) -> None:
    """Write the tables of all glasses."""
    found: dict[str, list[pd.DataFrame]] = {"atoms": [], "frames": [], "stress": [], "bonds": []}
    rest = []
    for (composition, run), folder in folders.items():
        source = case.loading(composition, run)
        (dump,) = source.glob("*.dump")
        rest.append(next(readings(dump, p.elements)))
        own = {"glass": f"{composition}-{run}", "quench_rate": p.quench.quench_rate}
        curve = loading.stress_strain(source).drop(columns=["strain", "stress"])
        curve = curve.rename(columns={"load_strain": "strain", "load_stress": "stress"})
        found["atoms"].append(pd.read_parquet(folder / "atoms.parquet").assign(**own))
        found["frames"].append(pd.read_csv(folder / "frames.csv").assign(**own))
        found["stress"].append(curve.assign(**own))
        found["bonds"].append(pd.read_csv(folder / "bonds.csv").assign(glass=own["glass"]))
        rest[-1].info = own
    atoms = pd.concat(found["atoms"], ignore_index=True)
    if len(folders) > 2:
        atoms = atoms.assign(**regressed(rest, atoms))
    numbers = list(atoms.select_dtypes("float64"))
    atoms[numbers] = atoms[numbers].apply(rounded)
    out.mkdir(parents=True, exist_ok=True)
    with atomic_write(out / "atoms.parquet") as temporary:
        others = [name for name in atoms if name not in numbers]
        apart = {"use_byte_stream_split": numbers, "use_dictionary": others}
        atoms.to_parquet(temporary, compression="zstd", **apart)
    plain = [Atoms(a.symbols, a.positions.round(4), cell=a.cell, pbc=True, info=a.info) for a in rest]
    with atomic_write(out / GLASSES) as temporary:
        write(text := io.StringIO(), plain, format="extxyz")
        temporary.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))
    for name in ("frames", "stress", "bonds"):
        write_csv(out / f"{name}.csv", pd.concat(found[name], ignore_index=True).round(6))
    density = sum(len(a) for a in rest) / sum(a.get_volume() for a in rest)
    table = radial.radial_distribution(rest, r_max=REACH, n_bins=800)
    write_csv(out / "radial.csv", table[table.r < 8].round(4))
    factor = radial.structure_factor(table, density, np.linspace(0.5, 12, 231))
    write_csv(out / "structure_factor.csv", factor.round(4))


def main(case: str, named: str = MODEL, place: str = OUT) -> None:
    """Follow every run of a case, then write the tables and, last, the manifest."""
    name = Path(case).stem
    values = parameters.read(case)
    p, given = (parameters.for_stage(stage, values, case) for stage in ("01_generate", "06_inference"))
    work, out, folders = WorkDir(p.work_dir), resolve(place) / name, {}
    own = WorkDir(work.path / name)
    trained = model.load(resolve(named))
    for composition in p.compositions:
        for run in p.runs:
            folders[composition, run] = follow(work, own, p, given, trained, composition, run)
    collect(own, p, folders, out)
    seconds = {
        kind: [read_json(folder(*key) / f"{kind}.json")["seconds"] for key in folders]
        for kind, folder in (("quench", work.quench), ("loading", own.loading))
    }
    manifest = {
        "command": f"python bench/yielding.py {case}",
        "parameters": p.model_dump(
            mode="json", include={"compositions", "runs", "seed", "quench", "loading"}
        ),
        "model": named,
        "model_id": trained.model_id,
        "seconds": seconds,
        "files": checksums(out, [out / table for table in (*TABLES, GLASSES)]),
    }
    write_json(out / "manifest.json", manifest)


if __name__ == "__main__":
    main(*sys.argv[1:])
