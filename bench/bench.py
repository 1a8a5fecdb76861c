"""How fast is inference: ratios taken in one run, on one core where not said otherwise. ``make bench``;
results in results.md.

Uses the published glass and run 21 where they are beside the repository, else a rattled crystal and labels
made up: the times depend on numbers of atoms and training bonds, not on what they are.
"""

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # before NumPy: one core

import argparse
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.build import bulk
from getl_utils.etl.features import Features

from getl_utils.core import cells, parameters
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir, root
from getl_utils.etl import database, extract
from getl_utils.etl import descriptors as soap
from getl_utils.files import lammps
from getl_utils.inference import predictor
from getl_utils.models import model

REFERENCE = Path(os.environ.get("GETL_REFERENCE", root() / "../shared/prm_reference"))
GLASS = "data_examples/ETL_inference/SS-ML/Zr49Cu49Al2/c/md/lammps/ultimate/2/Zr49Cu49Al2-10000-1-1-1.data"
PARAMETERS = root() / "parameters/reference.yaml"
PLACE = root() / "runs/bench"
COPIES = {10: (5, 2, 1), 100: (5, 5, 4)}
CHILD = "import sys; from getl_utils.cli import main; sys.exit(main())"


def descriptor(values: dict) -> soap.Soap:
    p = parameters.for_stage("03_transform", values)
    return soap.Soap(p.elements, p.cutoff, **p.soap.model_dump())


def published_database(values: dict) -> database.Database:
    """All labelled bonds of run 21."""
    p, work = parameters.for_stage("02_extract", values), WorkDir(PLACE / "run21")
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    result = extract.extract(work, keys, [REFERENCE], p.cutoff)
    extract.write(work, result)
    for key in keys:
        soap.describe(work, key, descriptor(values))
    found = database.collect(
        work, result.bonds, result.clusters, descriptor(values).to_dict(), p.elements, "labelled"
    )
    database.write(work.database("all"), found, "all")
    return database.read(work.database("all"))


def made_up_database(values: dict) -> database.Database:
    """As many bonds of a rattled crystal, −ICOHP = exp(2 − d)."""
    ours, limits = descriptor(values), values["windows"]
    atoms = rattled_crystal(values["elements"], 9, 0.25)
    bonds = predictor.find_bonds(atoms, values["elements"], limits)
    bonds = bonds.assign(row_i=bonds.i, row_j=bonds.j, icohp=-np.exp(2 - bonds.distance))
    facts = {"engine": "made up", "soap": ours.to_dict(), "database_id": "made up"}
    return database.Database(bonds, ours.compute(atoms), pd.DataFrame(), facts)


def rattled_crystal(elements: list[str], n: int, noise: float) -> Atoms:
    """2 n³ atoms of body-centred cubic structure, elements at random."""
    random = np.random.default_rng(1)
    atoms = bulk("Cu", "bcc", a=3.3, cubic=True) * (n, n, n)
    atoms.symbols = random.choice(elements, len(atoms))
    atoms.positions += random.normal(scale=noise, size=(len(atoms), 3))
    return atoms


def structure(values: dict, copies: int) -> Atoms:
    """The published glass, or a crystal of about as many atoms, or `copies` of it with noise (0.02 Å)."""
    glass = REFERENCE / GLASS
    one = (
        lammps.read_data(glass, values["elements"])
        if glass.exists()
        else rattled_crystal(values["elements"], 17, 0.15)
    )
    atoms = one * COPIES[copies] if copies > 1 else one
    if copies > 1:
        atoms.positions += np.random.default_rng(2).normal(scale=0.02, size=(len(atoms), 3))
    return atoms


def write_dump(path: Path, atoms: Atoms, elements: list[str]) -> Path:
    kinds = np.array([elements.index(s) + 1 for s in atoms.get_chemical_symbols()])
    table = np.column_stack([np.arange(1, len(atoms) + 1), kinds, atoms.positions])
    bounds = "".join(f"0 {edge:.10f}\n" for edge in atoms.cell.lengths())
    head = f"ITEM: TIMESTEP\n0\nITEM: NUMBER OF ATOMS\n{len(atoms)}\nITEM: BOX BOUNDS pp pp pp\n{bounds}"
    head += "ITEM: ATOMS id type x y z"
    np.savetxt(path, table, "%d %d %.6f %.6f %.6f", header=head, comments="")
    return path


def loop_per_bond(trained: model.Model, bonds: pd.DataFrame, vectors: np.ndarray) -> tuple[float, float]:
    """Seconds per bond of a loop over bonds and training bonds, and the training bonds per bond (mean over
    these bonds)."""
    start, total = time.perf_counter(), 0
    for b in bonds.itertuples():
        process, h = trained.processes[b.type], trained.facts["types"][b.type]
        a, c, value = vectors[b.i], vectors[b.j], 0.0
        for d, s, weight in zip(process.train.distance, process.train.mean, process.weights, strict=True):
            similar = 0.25 * (
                np.dot(a, s) + np.dot(c, s) + np.dot(a, s) + np.dot(c, s)
            )  # four products, as the published sum
            value += weight * np.exp(-((b.distance - d) ** 2) / (2 * h["theta"] ** 2)) * similar ** h["zeta"]
        total += process.train.n
    return (time.perf_counter() - start) / len(bonds), total / len(bonds)


def ten_thousand(trained: model.Model, atoms: Atoms, limits: dict, repeats: int) -> dict[str, str]:
    """Whole inference beside QUIP's SOAP alone, a loop per bond and the direct sum."""
    from quippy.descriptors import Descriptor

    bare, alone, whole = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc), [], []
    quip = Descriptor(trained.soap.descriptor_string)
    predictor.predict(trained, atoms[:200], limits)
    for _ in range(repeats):
        start = time.perf_counter()
        vectors = quip.calc(bare)["data"]
        middle = time.perf_counter()
        bonds = predictor.predict(trained, atoms, limits)
        alone.append(middle - start)
        whole.append(time.perf_counter() - middle)
    some = bonds.sample(1000, random_state=0)
    direct = np.empty(len(some))
    for bond_type, rows in some.groupby("type").indices.items():
        b = some.iloc[rows]
        direct[rows] = -trained.processes[bond_type].predict(
            Features(b.distance.to_numpy(), 0.5 * (vectors[b.i] + vectors[b.j]))
        )
    per_bond, n_train = loop_per_bond(trained, bonds.sample(60, random_state=0), vectors)
    ratio = statistics.median(w / a for w, a in zip(whole, alone, strict=True))
    loop = per_bond * len(bonds) + statistics.median(alone)
    largest = np.abs(direct - some.predicted).max()
    return {
        "atoms, bonds": f"{len(atoms)}, {len(bonds)}",
        "SOAP alone (quippy)": f"{statistics.median(alone):.2f} s",
        "whole inference": f"{statistics.median(whole):.2f} s",
        "whole inference / SOAP alone (≤ 1.2)": f"{ratio:.2f}",
        "loop over training bonds, per bond": f"{1000 * per_bond:.1f} ms at {n_train:.0f} training bonds",
        "loop / whole inference (≥ 200)": f"{loop / statistics.median(whole):.0f}",
        "largest difference from the direct sum, 1000 bonds (≤ 1e-10 eV)": f"{largest:.1e} eV",
    }


def memory(pid: int) -> float:
    """GB that a process and its children hold now (Linux)."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:  # it has ended
        return 0.0
    own = next((int(line.split()[1]) / 1e6 for line in lines if line.startswith("VmRSS")), 0.0)
    return own + sum(memory(int(child)) for child in children)


def command(path: Path, processes: int) -> dict[str, float]:
    """Of one frame by ``getl predict`` in processes of its own: seconds, peak memory (GB) and CPU seconds of
    all of them."""
    words = [
        path,
        "--model",
        PLACE / "model",
        "--out",
        PLACE / "out",
        "--windows",
        PARAMETERS,
        "--processes",
        processes,
    ]
    record = PLACE / "out" / path.stem / "1_0.json"
    record.unlink(missing_ok=True)
    before, peak = resource.getrusage(resource.RUSAGE_CHILDREN), 0.0
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, "predict", *map(str, words), "--allow", "unchecked"],
        stdout=subprocess.DEVNULL,
    )
    while child.poll() is None:
        peak = max(peak, memory(child.pid))
        time.sleep(0.2)
    if child.returncode:
        raise RuntimeError(f"getl predict {path} failed")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"seconds": read_json(record)["seconds"], "memory": peak, "cpu": cpu}


def scaling(values: dict, sizes: list[int]) -> pd.DataFrame:
    """A row per size and number of processes."""
    rows = []
    for copies in sizes:
        atoms = structure(values, copies)
        path, n = write_dump(PLACE / f"{copies}.dump", atoms, values["elements"]), len(atoms)
        for processes in (1, 2):
            rows.append({"atoms": n, "processes": processes, **command(path, processes)})
            print(
                "  {atoms} atoms, {processes} processes: {seconds:.1f} s, {memory:.2f} GB".format(**rows[-1]),
                flush=True,
            )
        path.unlink()
    return pd.DataFrame(rows)


def text(numbers: dict[str, str], table: pd.DataFrame) -> str:
    """What results.md holds of this run."""
    lines = ["| | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in numbers.items()), ""]
    lines += [
        "| atoms | processes | s per frame | atoms/s | CPU s | peak memory, GB |",
        "|---|---|---|---|---|---|",
    ]
    row = "| {} | {} | {:.1f} | {:.0f} | {:.1f} | {:.2f} |".format
    lines += [
        row(r.atoms, r.processes, r.seconds, r.atoms / r.seconds, r.cpu, r.memory) for r in table.itertuples()
    ]
    one, two = (table[table.processes == n].reset_index(drop=True) for n in (1, 2))
    wall, cpu = (np.polyfit(np.log(one.atoms), np.log(one[name]), 1)[0] for name in ("seconds", "cpu"))
    gains = ", ".join(f"{ratio:.2f}" for ratio in one.seconds / two.seconds)
    return "\n".join(
        [
            *lines,
            "",
            f"Exponent (≤ 1.05): {wall:.3f} of the time, {cpu:.3f} of the CPU time.",
            f"One process / two (≥ 1.7): {gains}.",
            "",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--million", action="store_true", help="also a million atoms (about ten minutes more)"
    )
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    values, there = parameters.read(PARAMETERS), (REFERENCE / GLASS).exists()
    print(
        "published glass, model of run 21"
        if there
        else "NO PUBLISHED DATA HERE: a rattled crystal and labels made up"
    )
    data = published_database(values) if there else made_up_database(values)
    p = parameters.for_stage("05_train", values)
    published = {"kernel": "soap_se", "hyperparameters": p.published, "compress": 0}
    trained, arrays, _ = model.train(data, p.model_copy(update=published))
    model.save(PLACE / "model", trained, arrays)
    limits = predictor.windows(
        trained, {t: w for t, w in values["windows"].items() if t in trained.processes}
    )
    numbers = ten_thousand(trained, structure(values, 1), limits, arguments.repeats)
    print(*(f"  {name}: {value}" for name, value in numbers.items()), sep="\n", flush=True)
    table = scaling(values, [1, 10, 100] if arguments.million else [1, 10])
    (PLACE / "results.md").write_text(text(numbers, table))
    print(text(numbers, table), f"\nwritten to {PLACE / 'results.md'}")


if __name__ == "__main__":
    main()
