"""How fast are inference and training: ``make bench`` (``python bench/bench.py [--million]``); see
results.md.

All ratios are taken in one run. CPU seconds are given, so that other work on the machine does not count,
except where threads are compared. The published glass and run 21 are used where they are beside the
repository. Otherwise a rattled crystal and made-up labels are used: times depend on the numbers of atoms and
bonds, not on what they are.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}  # before NumPy: one core

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.build import bulk

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import BOND
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import WorkDir, resolve, root
from getl_utils.etl import database, descriptors, extract, load
from getl_utils.etl.soap import Soap, by_quippy
from getl_utils.files import lammps
from getl_utils.inference import predictor
from getl_utils.models import bond_expansion, model, training
from getl_utils.models.bond_expansion import BondExpansion

REFERENCE = Path(os.environ.get("GETL_REFERENCE", root() / "../shared/prm_reference"))
GLASS = "data_examples/ETL_inference/SS-ML/Zr49Cu49Al2/c/md/lammps/ultimate/2/Zr49Cu49Al2-10000-1-1-1.data"
PARAMETERS = root() / "parameters/reference.yaml"
PLACE = root() / "runs/bench"
COPIES = {1: (1, 1, 1), 10: (5, 2, 1), 100: (5, 5, 4)}
CHILD = """
import sys, time
from pathlib import Path
start = time.perf_counter()
from ase.io import read
from getl_utils.inference import predictor
from getl_utils.models import model
trained = model.load(Path(sys.argv[1]))
atoms = read(sys.argv[2])
middle, cpu = time.perf_counter(), time.process_time()
found = trained.predict(atoms, None, sys.argv[4] == "sigma", int(sys.argv[3]))
end, used = time.perf_counter(), time.process_time() - cpu
status = Path("/proc/self/status").read_text()
peak = int(status.split("VmHWM:")[1].split()[0]) / 1e6
print(len(atoms), len(found.mean), end - middle, used, peak)
"""


def rattled_crystal(elements: list[str], n: int, noise: float) -> Atoms:
    """2 n³ atoms of body-centred cubic structure, elements at random."""
    random = np.random.default_rng(1)
    atoms = bulk("Cu", "bcc", a=3.3, cubic=True) * (n, n, n)
    atoms.symbols = random.choice(elements, len(atoms))
    atoms.positions += random.normal(scale=noise, size=(len(atoms), 3))
    return atoms


def structure(values: dict, copies: int) -> Atoms:
    """The published glass, or a crystal of about as many atoms, or `copies` of it with noise (0.02 Å)."""
    glass, elements = REFERENCE / GLASS, values["elements"]
    one = lammps.read_data(glass, elements) if glass.exists() else rattled_crystal(elements, 17, 0.15)
    atoms = one * COPIES[copies]
    if copies > 1:
        atoms.positions += np.random.default_rng(2).normal(scale=0.02, size=(len(atoms), 3))
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True)


def labelled_database(values: dict, name: str = "run21") -> database.Database:
    """All labelled bonds of a parameter file that reads a tree or data set: run 21, or ours."""
    p, work = parameters.for_stage("02_extract", values), WorkDir(PLACE / name)
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    result = extract.extract(
        work, keys, [resolve(place) for place in p.reference_roots], p.cutoff, projection=p.projection
    )
    extract.write(work, result)
    chosen = training.descriptors(parameters.for_stage("03_transform", values))
    descriptors.describe_cells(work, result.bonds, chosen)
    found = load.collect(work, result.bonds, result.clusters, p.elements, "labelled")
    database.write(work.database("all"), found, "all")
    return database.read(work.database("all"))


def made_up_database(values: dict) -> database.Database:
    """As many bonds of a rattled crystal, −ICOHP = exp(2 − d) and a part that depends on the surroundings."""
    expansion = BondExpansion(tuple(values["elements"]))
    atoms = rattled_crystal(values["elements"], 9, 0.25)
    bonds = predictor.find_bonds(atoms, values["elements"], values["windows"])
    features = bond_expansion.describe(expansion, atoms, bonds[BOND].to_numpy())
    strength = np.exp(2 - bonds.distance) * (1 + 0.1 * features[:, 3])
    bonds = bonds.assign(row=bonds.index, icohp=-strength, composition="x", run=1, sub_run=bonds.i % 10)
    facts = {"engine": "made-up", "database_id": "made-up", "descriptors": {"expansion": expansion.to_dict()}}
    return database.Database(bonds, {"expansion": features}, pd.DataFrame(), facts)


def seconds(function: Callable[[], object]) -> float:
    """CPU seconds of a call."""
    start = time.process_time()
    function()
    return time.process_time() - start


def one_core(trained: model.Model, other: model.Model | None, atoms: Atoms, repeats: int) -> dict[str, float]:
    """CPU seconds for one glass: what each part of the work takes, each the median of calls made in turn."""
    jobs: dict[str, Callable[[], object]] = {
        "with σ": lambda: trained.predict(atoms),
        "without σ": lambda: trained.predict(atoms, sigma=False),
        "with σ, as a table": lambda: predictor.predict(trained, atoms, predictor.windows(trained, {})),
    }
    soap = Soap(trained.elements)
    try:
        by_quippy(soap, atoms[:50])
        jobs["SOAP alone (quippy)"] = lambda: by_quippy(soap, atoms)
    except ImportError as error:
        print(f"  quippy SKIPPED: {error}")
    jobs["SOAP alone (featomic)"] = lambda: [
        soap.compute(atoms, n, n + 5000) for n in range(0, len(atoms), 5000)
    ]
    if other is not None:
        jobs["published model, without σ"] = lambda: other.predict(atoms, sigma=False)
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(repeats + 1):
        for name, job in jobs.items():
            spent = seconds(job)
            times[name] += [spent] if number else []  # the first call compiles
    return {name: statistics.median(some) for name, some in times.items()}


def child(folder: Path, path: Path, threads: int, sigma: bool, cache: Path | None = None) -> dict[str, float]:
    """One prediction in a process of its own: atoms, bonds, seconds, CPU seconds, peak memory (GB)."""
    own = os.environ | ({"NUMBA_CACHE_DIR": str(cache)} if cache else {})
    words = [str(folder), str(path), str(threads), "sigma" if sigma else "no"]
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", CHILD, *words], env=own, check=True, capture_output=True, text=True
    )
    names = ("atoms", "bonds", "seconds", "cpu", "memory")
    numbers = dict(zip(names, map(float, done.stdout.split()), strict=True))
    return {"threads": threads, "sigma": sigma, **numbers, "process": time.perf_counter() - start}


def scaling(folder: Path, values: dict, sizes: list[int]) -> pd.DataFrame:
    """A row per size and number of threads."""
    rows = []
    for copies in sizes:
        path = PLACE / f"{copies}.xyz"
        structure(values, copies).write(path, format="extxyz")
        for threads in (1, 2):
            rows.append(child(folder, path, threads, True))
            told = "  {atoms:.0f} atoms, {threads} threads: {seconds:.1f} s, CPU {cpu:.1f} s, {memory:.2f} GB"
            print(told.format(**rows[-1]), flush=True)
        path.unlink()
    return pd.DataFrame(rows)


def first_call(folder: Path, values: dict) -> dict[str, float]:
    """CPU seconds of a first prediction in a new process, of 54 atoms: compiled, and from the cache."""
    path, cache = PLACE / "small.xyz", PLACE / f"numba-{os.getpid()}"
    rattled_crystal(values["elements"], 3, 0.15).write(path, format="extxyz")
    names = ("first call, compilation included (≤ 10 s)", "first call, cached (≤ 2 s)")
    return {name: child(folder, path, 1, True, cache)["cpu"] for name in names}


def report(
    core: dict[str, float], calls: dict[str, float], fits: dict[str, float], table: pd.DataFrame
) -> str:
    """What results.md holds of this run."""
    rows = {f"10 000 atoms, {name}": f"{value:.2f} CPU s" for name, value in core.items()}
    if "SOAP alone (quippy)" in core:
        for name, most in (("with σ", 0.2), ("without σ", 0.12)):
            ratio = core[name] / core["SOAP alone (quippy)"]
            rows[f"{name} / SOAP alone by quippy (≤ {most})"] = f"{ratio:.2f}"
    rows |= {name: f"{value:.1f} CPU s" for name, value in (calls | fits).items()}
    lines = ["| | measured |", "|---|---|", *(f"| {name} | {value} |" for name, value in rows.items()), ""]
    lines += ["| atoms | threads | s | CPU s | peak memory, GB |", "|---|---|---|---|---|"]
    for r in table.itertuples():
        lines.append(f"| {r.atoms:.0f} | {r.threads} | {r.seconds:.2f} | {r.cpu:.2f} | {r.memory:.2f} |")
    one, two = (table[table.threads == n].reset_index(drop=True) for n in (1, 2))
    if len(one) > 1:
        slope = np.polyfit(np.log(one.atoms), np.log(one.cpu), 1)[0]
        lines += ["", f"Exponent of the CPU time over atoms (≤ 1.05): {slope:.3f}."]
    gains = ", ".join(f"{ratio:.2f}" for ratio in one.seconds / two.seconds)
    return "\n".join([*lines, "", f"One thread / two (≥ 1.7 at 100 000 atoms): {gains}.", ""])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--million", action="store_true", help="also a million atoms")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    values, there = parameters.read(PARAMETERS), (REFERENCE / GLASS).exists()
    print("published glass, run 21" if there else "NO PUBLISHED DATA HERE: a rattled crystal, made-up labels")
    stored = labelled_database(values) if there else made_up_database(values)
    p = parameters.for_stage("05_train", values)
    how, fits, trained, other = training.published_recipe(stored, p), {}, None, None
    for name, recipe in {"training, all types": None, "training, published model": how}.items():
        if recipe is None and name.endswith("model"):
            continue
        start = time.process_time()
        found, _ = training.train(stored, p, recipe)
        fits[name] = time.process_time() - start
        trained, other = (found, None) if trained is None else (trained, found)
    folder = PLACE / "model"
    model.save(folder, trained)
    calls = first_call(folder, values)
    core = one_core(trained, other, structure(values, 1), arguments.repeats)
    table = scaling(folder, values, [1, 10, 100] if arguments.million else [1, 10])
    said = report(core, calls, fits, table)
    with atomic_write(PLACE / "results.md") as temporary:
        temporary.write_text(said)
    print(said)


if __name__ == "__main__":
    main()
