"""A cell of the published run 21 by pw.x itself, held against LOBSTER's numbers and against GPAW's.

    python bench/qe_cell.py [ROOT] [--sub-run N] [--points N] [--launcher "mpirun -n 2"]

pw.x takes data sets with the published radii (atomistic_models/paw/reference; ld1.x makes them here). Its
density is converged at Γ. Then the bands at the first POINTS of the four k points of LOBSTER's mesh are
found, one point after another. GPAW does the same in a density of its own, with bands in the basis tzp, so
that both see the same k points; of GPAW the whole mesh is there, too. What is done is kept in runs/qe_cell.

Writes data_examples/validation/qe_cell.csv: per k points, type and projection the agreement of pw.x and of
GPAW with LOBSTER's ICOHP, and of GPAW with pw.x. ROOT is a clone of the published repository. Needs `make
engines`, and a pw.x with a fast BLAS on PATH (docs/install.md): with two cores an hour and a half at Γ.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from labels import COMPOSITION, RUN, WAYS, matched, table
from renew import renew
from scipy.optimize import brentq
from scipy.special import expit
from spheres import BASIS, make_reference

from getl_utils.core import parameters
from getl_utils.core.bonds import BOND
from getl_utils.core.record import atomic_write
from getl_utils.files import espresso, frames
from getl_utils.files.published import sub_run_folders
from getl_utils.labels import common, pwscf
from getl_utils.labels import engine as engines
from getl_utils.labels.bands import ProjectedBands
from getl_utils.labels.engine import PROJECTIONS, Job
from getl_utils.labels.label import settings_of
from getl_utils.labels.projection import plane_waves
from getl_utils.labels.qe_programs import run

OUT, WORK = Path("data_examples/validation/qe_cell.csv"), Path("runs/qe_cell")
WINDOW, MESH = (1.8, 4.2), (2, 2, 2)  # Å; LOBSTER's mesh is shifted off Γ
POINTS = np.array([[1, 1, 1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]) / 4  # of it; −k counts with k
SETTINGS = {
    "kpoints": [1, 1, 1], "folds": True, "ecutwfc": 45, "ecutrho": 320, "scf_tolerance": 1e-4,
    "mixing_history": 20, "band_factor": 1.0,
}  # fmt: skip
BAND_FACTOR = 0.89  # at the points of the mesh: 1.02 bands an orbital, for some functions are no orbitals
DEFAULT = pwscf.Settings()
COLUMNS = [
    "ours", "theirs", "kpoints", "projection", "type", "n", "correlation", "slope", "intercept", "rmse",
    "rmse_after_map", "sub_run",
]  # fmt: skip


class Cell:
    """The structure, LOBSTER's files, and what is done."""

    def __init__(self, root: str, sub_run: int, launcher: str):
        self.published = sub_run_folders(root, COMPOSITION)[RUN, sub_run]
        self.atoms = frames.read_structure(self.published / f"{COMPOSITION}.scf.in")
        self.work = WORK / str(sub_run)
        self.sets, self.scf = (self.work / name for name in ("sets", "scf"))
        for folder in (self.sets, self.scf):
            folder.mkdir(parents=True, exist_ok=True)
        self.sub_run, self.launcher = sub_run, launcher

    def job(self, engine: str, **settings: Any) -> Job:
        """What an engine is asked for."""
        orbitals = {e: BASIS[e] for e in dict.fromkeys(self.atoms.get_chemical_symbols())}
        return Job(self.atoms, orbitals, WINDOW, engines.get(engine).read(settings))

    def kept(self, name: str) -> Path:
        """File of the bands at one k point."""
        return self.work / f"{name}.npz"


def save(path: Path, bands: dict[str, ProjectedBands], point: int, zero: float, moved: Any = None) -> None:
    """Keep one k point; energies are made absolute by `zero` (eV)."""
    one = bands["full"]
    if moved is None:
        moved = np.zeros((int(one.orbital_atoms.max()) + 1, 3), int)
    arrays = {name: bands[name].projections[:, [point]] for name in PROJECTIONS}
    arrays |= {
        "energies": one.energies[:, [point]] + zero, "overlaps": one.overlaps[[point]], "moved": moved,
        "kpoints": one.kpoints[[point]], "orbital_atoms": one.orbital_atoms,
        "electrons": np.sum(one.weights @ one.occupations[0]),
    }  # fmt: skip
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def joined(paths: Sequence[Path]) -> tuple[dict[str, ProjectedBands], np.ndarray]:
    """Bands of equal k points, filled up to their own Fermi level; and the lattice vectors moved."""
    parts = [np.load(path) for path in paths]
    both = {name: np.concatenate([p[name] for p in parts], axis=1) for name in ("energies", *PROJECTIONS)}
    electrons, energies = float(parts[0]["electrons"]), both["energies"]

    def _filled(fermi: float) -> np.ndarray:
        return 2 * expit((fermi - energies) / DEFAULT.smearing)

    fermi = brentq(lambda e: _filled(e).sum() / len(parts) - electrons, energies.min(), energies.max())
    full = ProjectedBands(
        energies=energies - fermi,
        occupations=_filled(fermi),
        projections=both["full"],
        overlaps=np.concatenate([p["overlaps"] for p in parts]),
        orbital_atoms=parts[0]["orbital_atoms"],
        kpoints=np.concatenate([p["kpoints"] for p in parts]),
        weights=np.full(len(parts), 1 / len(parts)),
        time_reversal=True,
    )
    return {"full": full, "lobster": full.projected(both["lobster"], symmetric=True)}, parts[0]["moved"]


def by_qe(cell: Cell, points: int) -> None:
    """Bands of pw.x at Γ and at points of the mesh."""
    if not (cell.sets / "Zr.UPF").exists():
        make_reference(cell.sets)
    settings = SETTINGS | {"pseudo_dir": str(cell.sets.resolve()), "launcher": cell.launcher}
    job, folder = cell.job("qe", **settings), cell.scf
    of_bands = cell.job("qe", **settings | {"band_factor": BAND_FACTOR, "band_kpoints": MESH})
    engines.get("qe").check(job)
    if not cell.kept("qe_gamma").exists():
        out = folder / f"{pwscf.PREFIX}.scf.out"
        if not (out.exists() and espresso.read_output(out).converged):
            pwscf.scf(job, folder, real=True)
        keep(cell, "qe_gamma", job)
    for n, point in enumerate(POINTS[:points]):
        if cell.kept(f"qe_{n}").exists():
            continue
        source = folder / f"{pwscf.PREFIX}.point_{n}.in"
        head = pwscf.scf_input(of_bands, of_bands=True).split("K_POINTS")[0]
        source.write_text(f"{head}K_POINTS crystal\n1\n{' '.join(map(str, point))} 1.0\n")
        if wrong := run(source, cell.launcher)[1]:
            raise SystemExit(f"{source}: {wrong}")
        keep(cell, f"qe_{n}", job)


def keep(cell: Cell, name: str, job: Job) -> None:
    """Project what pw.x has left, and keep it."""
    files = pwscf.pseudopotentials(job)
    bands, found = plane_waves.project(
        cell.scf / f"{pwscf.PREFIX}.save", cell.atoms, job.orbitals, files, True
    )
    save(cell.kept(name), bands, 0, found.fermi)
    print(f"{name}: {bands['full'].projections.shape}", flush=True)


def by_gpaw(cell: Cell) -> None:
    """Bands of GPAW at Γ and at all points of the mesh."""
    file = "parameters/workstation.yaml"
    plain = settings_of(parameters.for_stage("01_generate", parameters.read(file), file))["engine_settings"]
    engine = engines.get("gpaw")
    for name, changed in (("gamma", WAYS["gamma"] | {"band_basis": "tzp"}), ("mesh", WAYS["tzp"])):
        job = cell.job("gpaw", **plain | changed | {"folds": True})
        names = ["gpaw_gamma"] if name == "gamma" else [f"gpaw_{n}" for n in range(len(POINTS))]
        if all(cell.kept(n).exists() for n in names):
            continue
        engine.check(job)
        with engine.solve(job) as solved:
            found = engine.project(solved, job)
        places = found.bands["full"].kpoints
        wanted = np.zeros((1, 3)) if name == "gamma" else POINTS
        for n, point in zip(names, wanted, strict=True):
            same = [abs(k - point).max() < 1e-6 or abs(k + point).max() < 1e-6 for k in places]
            save(cell.kept(n), found.bands, same.index(True), 0.0, found.moved)
        print(f"{', '.join(names)}: {found.bands['full'].projections.shape}", flush=True)


def ways(cell: Cell, points: int) -> Iterator[tuple[str, str, list[str]]]:
    """Engine, name of the k points, and the files of their bands."""
    for engine in ("qe", "gpaw"):
        yield engine, "gamma", [f"{engine}_gamma"]
        for n in range(1, points + 1):
            yield engine, f"{n} of 4", [f"{engine}_{m}" for m in range(n)]
    if points < len(POINTS):
        yield "gpaw", "4 of 4", [f"gpaw_{m}" for m in range(len(POINTS))]


def compared(cell: Cell, points: int) -> pd.DataFrame:
    """How well they agree, per k points, projection and type."""
    sources = {}
    for engine, name, files in ways(cell, points):
        bands, moved = joined([cell.kept(f) for f in files])
        least = DEFAULT.minimum_projection
        bonds, facts = common.bonds(bands, "lobster", cell.atoms, WINDOW, least, MESH, moved)
        print(f"{engine}, {name}: charge spilling {facts['occupied_spilling']:.4f}", flush=True)
        sources[engine, name] = matched(bonds, cell.published, cell.atoms).assign(sub_run=cell.sub_run)
    rows = []
    for (engine, name), bonds in sources.items():
        rows.append(table(bonds).assign(ours=engine, theirs="lobster", kpoints=name))
        if engine == "gpaw" and ("qe", name) in sources:
            other = sources["qe", name].drop(columns=["theirs", "distance", "type", "sub_run"])
            both = bonds.drop(columns="theirs").merge(
                other.rename(columns={"ours": "theirs"}), on=[*BOND, "projection"], validate="1:1"
            )
            rows.append(table(both).assign(ours=engine, theirs="qe", kpoints=name))
    return pd.concat(rows)[COLUMNS]


def main() -> None:
    """Compute what is not there, compare, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", default="../shared/prm_reference")
    parser.add_argument("--sub-run", type=int, default=0)
    parser.add_argument("--points", type=int, default=1)
    parser.add_argument("--launcher", default="")
    given = parser.parse_args()
    cell = Cell(given.root, given.sub_run, given.launcher)
    by_gpaw(cell)
    by_qe(cell, given.points)
    found = compared(cell, given.points)
    renew(OUT, found, ["sub_run"])
    print(found.to_string(index=False))


if __name__ == "__main__":
    main()
