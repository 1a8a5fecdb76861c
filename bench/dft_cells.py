"""Solve and label cells by GPAW for the studies of this folder, and keep what a new projection would need.

Each result is a folder of runs/ with `bonds.parquet`, `record.json` (written last) and `state.npz`. A folder
with a record is not computed again, so a stopped batch resumes after its last complete result.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms
from ase.units import Hartree

from getl_utils.core import parameters
from getl_utils.core.record import atomic_write, read_json, write_json
from getl_utils.labels import dense, gpaw
from getl_utils.labels.engine import COLUMNS, Job

RECORD = "record.json"
PARAMETERS = "parameters/workstation.yaml"
LARGEST_STATE = 5e7  # bytes of coefficients; more are kept in single precision, or not at all
SHIFTED = {"size": (2, 2, 2), "gamma": False}  # four k points and their time-reversed ones


def job(atoms: Atoms, **settings: Any) -> Job:
    """A job with the orbitals and the window of the data set, and the default settings but for `settings`."""
    p = parameters.for_stage("01_generate", parameters.read(PARAMETERS), PARAMETERS)
    return Job(atoms, p.orbitals, tuple(p.label_window), gpaw.ENGINE.read(settings))


def is_done(folder: Path) -> bool:
    """Whether `folder` holds a complete result."""
    return (folder / RECORD).exists()


def read(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Bonds and record of a result."""
    return pd.read_parquet(folder / "bonds.parquet"), read_json(folder / RECORD)


def resume(atoms: Atoms, folder: Path, **changed: Any) -> Any:
    """Return a calculation with the density of the result in `folder`; `changed` replaces inputs of GPAW."""
    from gpaw.dft import DFT

    inputs = {**gpaw._input(gpaw.Settings(**read(folder)[1]["settings"])), **changed}
    dft = DFT(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True), **inputs)
    with np.load(folder / "state.npz") as state:
        dft.density.nt_sR.data[:] = state["density"]
        dft.density.D_asii.data[:] = state["density_matrices"]
    dft.potential, dft.energies, _ = dft.pot_calc.calculate(dft.density, dft.ibzwfs, dft.potential.vHt_x)
    return dft


def converge_on(atoms: Atoms, folder: Path, **changed: Any) -> tuple[Any, dict[str, Any]]:
    """Converge again from the density of `folder` with changed inputs of GPAW; also returns the record."""
    start = time.perf_counter()
    dft = resume(atoms, folder, **changed)
    dense.use(dft.scf_loop.hamiltonian.basis)
    dft.converge()
    return dft, _record(folder, start, dft.scf_loop.niter, **changed)


def bands_in(atoms: Atoms, folder: Path, **changed: Any) -> tuple[Any, dict[str, Any]]:
    """Bands with changed inputs of GPAW (another mesh) in the fixed density of `folder`, and the record."""
    from gpaw.new.lcao.eigensolver import make_sure_we_have_lcao_coefs

    start = time.perf_counter()
    dft = resume(atoms, folder, **changed)
    make_sure_we_have_lcao_coefs(dft)
    electrons = dft.density.nvalence - dft.density.charge + dft.pot_calc.charge
    names = ("band", "entropy", "extrapolation")
    dft.energies.set(
        **dict(zip(names, dft.ibzwfs.calculate_occs(dft.scf_loop.occ_calc, electrons), strict=True))
    )
    return dft, _record(folder, start, 0, **changed)


def _record(folder: Path, start: float, iterations: int, **changed: Any) -> dict[str, Any]:
    settings = read(folder)[1]["settings"]
    return {"settings": settings, "changed": changed, "density_of": folder.name, "iterations": iterations,
            "seconds_scf": time.perf_counter() - start}  # fmt: skip


def save(
    folder: Path, dft: Any, atoms: Atoms, record: Mapping[str, Any], mesh: Sequence[int] = (1, 1, 1)
) -> None:
    """Project, and write bonds, state and, last, the record."""
    start = time.perf_counter()
    table, facts = gpaw.ENGINE.bonds(dft, job(atoms, kpoints=mesh))
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / "bonds.parquet") as temporary:
        table[COLUMNS].to_parquet(temporary, index=False)
    _save_state(folder / "state.npz", dft, atoms)
    seconds = {"seconds_cohp": time.perf_counter() - start}
    write_json(folder / RECORD, {**facts, **record, **seconds, "mesh": list(mesh), "n_bonds": len(table)})


def _save_state(path: Path, dft: Any, atoms: Atoms) -> None:
    """Write what a projection needs: the structure, the bands with their coefficients, and the density."""
    waves = sorted(dft.ibzwfs, key=lambda wave: wave.k)
    coefficients = np.array([w.C_nM.data for w in waves])
    if coefficients.nbytes > LARGEST_STATE:
        coefficients = coefficients.astype(np.complex64 if len(waves) > 1 else np.float32)
    if coefficients.nbytes > 1.1 * LARGEST_STATE:
        coefficients = np.zeros(0)
    arrays = {
        "numbers": atoms.numbers, "positions": atoms.positions, "cell": atoms.cell.array,
        "kpoints": np.array([w.kpt_c for w in waves]), "weights": np.array([w.weight for w in waves]),
        "energies": np.array([w.eig_n * Hartree for w in waves]),
        "occupations": np.array([2 * w.occ_n for w in waves]),
        "fermi_level": float(dft.ibzwfs.fermi_level) * Hartree, "coefficients": coefficients,
        "density": dft.density.nt_sR.data, "density_matrices": dft.density.D_asii.data,
    }  # fmt: skip
    with atomic_write(path) as temporary, open(temporary, "wb") as file:
        np.savez(file, **arrays)


def label_changed(folder: Path, atoms: Atoms, number: int, source: Path, before: Atoms) -> None:
    """Label a cell in which atom `number` differs from `before`, from whose density in `source` it starts."""
    from gpaw.dft import DFT

    if is_done(folder):
        return
    start, inputs = time.perf_counter(), gpaw._input(gpaw.Settings())
    dft = DFT(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True), **inputs)
    _start_from(dft, atoms, number, source, before)
    dense.use(dft.scf_loop.hamiltonian.basis)
    dft.converge()
    save(folder, dft, atoms, _record(source, start, dft.scf_loop.niter, atom=int(number)))


def _start_from(dft: Any, atoms: Atoms, number: int, source: Path, before: Atoms) -> None:
    """Give `dft` the density of `before`, with its free atom `number` replaced by that of `atoms`."""
    inputs = gpaw._input(gpaw.Settings())
    with np.load(source / "state.npz") as state:
        matrices = state["density_matrices"].reshape(-1)
        dft.density.nt_sR.data[:] = (
            state["density"] + _alone(atoms, number, inputs) - _alone(before, number, inputs)
        )
    sizes = {symbol: setup.ni**2 for symbol, setup in zip(atoms.symbols, dft.setups, strict=True)}
    parts = np.split(matrices, np.cumsum([sizes[symbol] for symbol in before.symbols])[:-1])
    for n, part in enumerate(parts):
        if atoms.symbols[n] == before.symbols[n]:
            dft.density.D_asii[n].reshape(-1)[:] = part
    dft.density.normalize(0.0)
    dft.potential, dft.energies, _ = dft.pot_calc.calculate(dft.density, dft.ibzwfs, dft.potential.vHt_x)


def _alone(atoms: Atoms, number: int, inputs: Mapping[str, Any]) -> np.ndarray:
    """The smooth density of one free atom on the grid of the cell."""
    from gpaw.dft import DFT

    atom = Atoms([atoms.symbols[number]], [atoms.positions[number]], cell=atoms.cell, pbc=True)
    return DFT(atom, **inputs).density.nt_sR.data


def label(folder: Path, atoms: Atoms, **settings: Any) -> None:
    """Label a cell with the engine's settings, changed by `settings`, unless that is done."""
    if is_done(folder):
        return
    start, wanted = time.perf_counter(), job(atoms, **settings)
    with gpaw.ENGINE.solve(wanted) as dft:
        record = {"settings": wanted.settings.model_dump(), "iterations": dft.scf_loop.niter}
        save(folder, dft, atoms, record | {"seconds_scf": time.perf_counter() - start})


def label_on_mesh(
    folder: Path, source: Path, atoms: Atoms, kpts: Mapping[str, Any] = SHIFTED, again: bool = False
) -> None:
    """Label a cell on a mesh in the density of `source`, or converged anew (`again`), unless that is done."""
    if not is_done(folder):
        dft, record = (converge_on if again else bands_in)(atoms, source, kpts=dict(kpts))
        save(folder, dft, atoms, record, kpts["size"])


def pack(root: Path, folder: Path) -> None:
    """Collect the bonds of all results below `root` (case/variant) into `folder`/bonds.parquet."""
    parts = []
    for record in sorted(root.glob(f"*/*/{RECORD}")):
        case, variant = record.parent.parts[-2:]
        bonds, _ = read(record.parent)
        parts.append(bonds.assign(case=case, variant=variant))
    if not parts:
        raise ValueError(f"{root} holds no results; run bench/error_budget.py calculate first")
    table = pd.concat(parts, ignore_index=True)
    small = dict.fromkeys(("i", "j", "tx", "ty", "tz"), "int16") | {"case": "category", "variant": "category"}
    with atomic_write(folder / "bonds.parquet") as temporary:
        table.round({"distance": 5, "icohp": 6}).astype(small).to_parquet(
            temporary, index=False, compression="zstd"
        )


def unpack(folder: Path) -> pd.DataFrame:
    """What `pack` wrote: case, variant and the columns of a label."""
    table = pd.read_parquet(folder / "bonds.parquet")
    return table.astype({"case": str, "variant": str})


def step_back() -> None:
    """Lower the priority of this process."""
    os.nice(5)
