"""Quantum ESPRESSO's programs: where they are, and one self-consistent run with them; shared by `qe` and
`lobster`."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.data import atomic_masses, atomic_numbers

from getl_utils.core import workdir
from getl_utils.files import espresso, upf
from getl_utils.labels.engine import LabelError

WHEEL = Path(sys.prefix, "engines", "qe")  # the environment of its own that ``make engines`` sets up
PAW = Path(__file__).resolve().parents[2] / "atomistic_models" / "paw"
PREFIX = "getl"

DEFAULTS: dict[str, Any] = {
    "pseudo_dir": None,  # None: atomistic_models/paw
    "pseudopotentials": {},  # element → file there; of those not named <element>.UPF
    "ecutwfc": 70.0,  # Ry
    "ecutrho": 560.0,  # Ry
    "kpoints": [1, 1, 1],
    "shift": [0, 0, 0],  # 1: by half a step
    "time_reversal": True,  # k and −k count once
    "smearing": 0.108846,  # eV, Fermi–Dirac: 0.008 Ry as the reference's DFT
    "band_factor": 1.1,  # bands per atomic function
    "max_iterations": 100,
    "scf_tolerance": 1e-6,  # Ry
    "mixing": 0.4,
    "launcher": "",  # put before the system's programs, e.g. "mpirun -n 4"
    "timeout": None,  # s, for each program
    "folder": None,  # where to keep what the programs write; None: nothing is kept
}


def missing() -> str | None:
    """None if pw.x and projwfc.x are on PATH or in the wheel's environment, otherwise how to get them."""
    if all(shutil.which(name) for name in ("pw.x", "projwfc.x")) or (WHEEL / "bin" / "python").exists():
        return None
    return "pw.x and projwfc.x are not on PATH, and the wheel qepy is not installed; run: make engines"


def command(program: str, launcher: str = "") -> list[str]:
    """How to call `program`: the system's through `launcher`, otherwise the wheel's."""
    if shutil.which(program):
        return [*shlex.split(launcher), program]
    return [str(WHEEL / "bin" / "python"), "-m", "qepy", f"--{program}"]


@contextlib.contextmanager
def folder(keep: str | None) -> Iterator[Path]:
    """The folder to work in: `keep`, made if need be, or a temporary one."""
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep)
    else:
        with tempfile.TemporaryDirectory(prefix="getl-") as temporary:
            yield Path(temporary)


def pseudopotentials(atoms: Atoms, settings: Mapping[str, Any]) -> dict[str, Path]:
    """Element → its UPF file; ValueError if one is not there."""
    folder = workdir.resolve(settings["pseudo_dir"] or PAW)
    names = {
        e: settings["pseudopotentials"].get(e, f"{e}.UPF") for e in sorted(set(atoms.get_chemical_symbols()))
    }
    absent = [name for name in names.values() if not (folder / name).is_file()]
    if absent:
        raise ValueError(
            f"no pseudopotential {', '.join(absent)} in {folder}; see pseudo_dir and pseudopotentials"
        )
    return {element: folder / name for element, name in names.items()}


def scf_input(
    atoms: Atoms, settings: Mapping[str, Any], files: Mapping[str, Path], real: bool = False
) -> str:
    """Text of the input, in the layout of the reference; no symmetry is used but, with `time_reversal`, that
    of k and −k.

    Parameters
    ----------
    real : where Γ is the only k point, take its wave functions real.
    """
    functions = {
        e: sum(2 * momentum + 1 for _, momentum in upf.read_atomic_functions(f)) for e, f in files.items()
    }
    species = {
        e: {"mass": atomic_masses[atomic_numbers[e]], "pseudopotential": f.name} for e, f in files.items()
    }
    bands = espresso.count_bands(atoms.get_chemical_symbols(), functions, settings["band_factor"])
    ry = settings["smearing"] / espresso.Ry
    system = {
        "ecutwfc": settings["ecutwfc"],
        "ecutrho": settings["ecutrho"],
        "occupations": "smearing",
        "smearing": "fd",
        "degauss": ry,
        "nosym": True,
        "noinv": not settings["time_reversal"],
    }
    # Hartree–Fock orbitals are a poor start: without a sharp first diagonalisation the mixing learns from
    # noise
    electrons = {"electron_maxstep": settings["max_iterations"], "conv_thr": settings["scf_tolerance"],
                 "mixing_beta": settings["mixing"], "diago_thr_init": 1e-5}  # fmt: skip
    names = {"control": {"verbosity": "high", "wf_collect": True}, "system": system, "electrons": electrons}
    mesh: list[int] | None = [*settings["kpoints"], *settings["shift"]]
    if real and mesh == [1, 1, 1, 0, 0, 0]:
        mesh = None
    pseudo_dir = str(next(iter(files.values())).parent)
    return espresso.scf_input(
        atoms, PREFIX, bands, species, names, mesh, directory=".", pseudo_dir=pseudo_dir
    )


def run(program: str, source: Path, settings: Mapping[str, Any]) -> tuple[Path, str]:
    """Run `program` on the input `source` in its folder; the file of its output, and what went wrong ("" if
    nothing)."""
    call = [*command(program, settings["launcher"]), "-in", source.name]
    out, wrong = execute(program, call, source, settings["timeout"])
    text = out.read_text(errors="replace")
    error = re.search(r"Error in routine\s*(.*?)\s*%%%", text, re.DOTALL)
    if error:
        return out, f"{program}: {' '.join(error[1].split())}"
    return out, wrong or ("" if "JOB DONE" in text else f"{program} ended before its end")


def execute(program: str, call: list[str], source: Path, timeout: float | None) -> tuple[Path, str]:
    """Run `call` in the folder of `source`, output beside it; the file of its output, and what went wrong."""
    out = source.with_suffix(".out")
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    with open(out, "w") as stdout, open(source.with_suffix(".err"), "w") as stderr:
        try:
            code = subprocess.run(
                call, cwd=source.parent, env=environment, stdout=stdout, stderr=stderr, timeout=timeout
            ).returncode
        except subprocess.TimeoutExpired:
            return out, f"{program} was stopped after {timeout} s"
        except OSError as error:
            return out, f"{program} cannot be started: {error}"
    if code < 0:
        return out, f"{program} was killed by signal {-code}"
    return out, f"{program} ended with exit code {code}" if code else ""


def scf(
    atoms: Atoms, where: Path, settings: Mapping[str, Any], files: Mapping[str, Path], real: bool = False
) -> str:
    """One self-consistent field in the folder `where`; the version of pw.x. `real`: see `scf_input`.

    Raises
    ------
    LabelError : SCF_NOT_CONVERGED: in so many steps, or pw.x was killed, stopped, or gave up.
    """
    source, formula = where / f"{PREFIX}.scf.in", atoms.get_chemical_formula()
    source.write_text(scf_input(atoms, settings, files, real))
    out, wrong = run("pw.x", source, settings)
    found = espresso.read_output(out)
    if not found.converged and found.terminated:
        wrong = f"pw.x did not converge in {settings['max_iterations']} steps; lower mixing, or raise max_iterations or smearing"
    if wrong or not found.converged:
        raise LabelError("SCF_NOT_CONVERGED", f"{formula}: {wrong}")
    version = re.search(r"Program PWSCF (v\.\S+)", out.read_text(errors="replace"))
    return f"pw.x {version[1]}" if version else "pw.x"
