"""pw.x: its settings, a self-consistent run, and bands in its density; for engines `qe` and `lobster`."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ase.data import atomic_masses, atomic_numbers
from ase.units import Ry
from pydantic import Field

from getl_utils.core import workdir
from getl_utils.files import espresso, upf
from getl_utils.labels import common
from getl_utils.labels.engine import Engine, Job, LabelError, MeshSettings
from getl_utils.labels.qe_programs import run

PAW = Path(__file__).resolve().parents[2] / "atomistic_models" / "paw"
PREFIX = "getl"
BAND_THRESHOLD = 1e-7  # Ry, of all bands in a density that is there; an SCF has 1e-5 for empty ones


class Settings(MeshSettings):
    """Settings of a self-consistent run of pw.x."""

    pseudo_dir: str | None = Field(None, description="folder of the data sets; None: atomistic_models/paw")
    pseudopotentials: dict[str, str] = Field({}, description="element → file, if not <element>.UPF")
    ecutwfc: float = Field(70.0, gt=0, description="Ry")
    ecutrho: float = Field(560.0, gt=0, description="Ry")
    shift: tuple[int, int, int] = Field((0, 0, 0), description="of the mesh; 1: by half a step")
    time_reversal: bool = Field(True, description="k and −k count once")
    smearing: float = Field(0.108846, ge=0, description="eV, Fermi–Dirac; 0.008 Ry as the reference's DFT")
    band_factor: float = Field(1.1, gt=0, description="bands per atomic function")
    max_iterations: int = Field(100, gt=0, description="SCF steps")
    scf_tolerance: float = Field(1e-6, gt=0, description="Ry")
    mixing: float = Field(0.4, gt=0, le=1, description="of the density")
    mixing_history: int = Field(8, gt=0, description="steps that it remembers; 20 helps large cells")
    launcher: str = Field("", description='put before the system\'s programs, e.g. "mpirun -n 4"')
    timeout: float | None = Field(None, gt=0, description="s, for each program")
    folder: str | None = Field(None, description="keeps what the programs write; None: nothing is kept")


class PlaneWaveEngine(Engine):
    """An engine on pw.x."""

    Settings = Settings
    real: bool = False  # whether the wave functions of Γ alone are taken real

    @contextlib.contextmanager
    def solve(self, job: Job) -> Iterator[tuple[Path, str]]:
        """Hold the folder of a converged run, and the version of pw.x."""
        with folder(job.settings.folder) as where:
            version = scf(job, where, self.real, self.system(job))
            if job.settings.band_kpoints:
                bands(job, where, self.system(job))
            yield where, version

    def system(self, job: Job) -> dict[str, Any]:
        """Return entries of the namelist SYSTEM that are the engine's own."""
        return {}

    def check(self, job: Job) -> None:
        """Refuse also a data set that is not there, or not PAW."""
        common.check(job.atoms, job.orbitals, job.window[1], self.name, job.settings.kpoints)
        for element, file in pseudopotentials(job).items():
            upf.check_paw(file, element)
        super().check(job)

    def shells_of_data_sets(self, job: Job) -> dict[str, list[str]]:
        """Return the shells of the data sets' atomic functions."""
        files = pseudopotentials(job)
        return {e: [shell for shell, _ in upf.read_atomic_functions(f)] for e, f in files.items()}


@contextlib.contextmanager
def folder(keep: str | None) -> Iterator[Path]:
    """Hold the folder to work in.

    Parameters
    ----------
    keep : str or None
        This folder, made if need be; None: a temporary one.

    Yields
    ------
    Path
        The folder.
    """
    if keep:
        Path(keep).mkdir(parents=True, exist_ok=True)
        yield Path(keep)
    else:
        with tempfile.TemporaryDirectory(prefix="getl-") as temporary:
            yield Path(temporary)


def pseudopotentials(job: Job) -> dict[str, Path]:
    """Find the data sets of a job.

    Parameters
    ----------
    job : Job
        What the engine is asked for.

    Returns
    -------
    dict
        Element → its UPF file.

    Raises
    ------
    ValueError
        A file is not there.
    """
    where = workdir.resolve(job.settings.pseudo_dir or PAW)
    names = {e: job.settings.pseudopotentials.get(e, f"{e}.UPF") for e in job.elements}
    absent = [name for name in names.values() if not (where / name).is_file()]
    if absent:
        raise ValueError(
            f"no pseudopotential {', '.join(absent)} in {where}; see pseudo_dir and pseudopotentials"
        )
    return {element: where / name for element, name in names.items()}


def scf_input(
    job: Job, real: bool = False, system: Mapping[str, Any] | None = None, of_bands: bool = False
) -> str:
    """Return the text of the input, in the layout of the reference.

    No symmetry is used but, with `time_reversal`, that of k and −k. Data sets must be in the working folder's
    reach, see `pseudo_dir`.

    Parameters
    ----------
    job : Job
        What the engine is asked for.
    real : bool
        Take the wave functions real where Γ is the only k point.
    system : mapping, optional
        Further entries of the namelist SYSTEM.
    of_bands : bool
        For the bands on `band_kpoints` in a density that is there.

    Returns
    -------
    str
        Input of pw.x.
    """
    s, atoms, files = job.settings, job.atoms, pseudopotentials(job)
    functions = {e: sum(2 * m + 1 for _, m in upf.read_atomic_functions(f)) for e, f in files.items()}
    species = {
        e: {"mass": atomic_masses[atomic_numbers[e]], "pseudopotential": f.name} for e, f in files.items()
    }
    bands = espresso.count_bands(atoms.get_chemical_symbols(), functions, s.band_factor)
    mesh: list[int] | None = [*s.kpoints, *s.shift]
    if real and mesh == [1, 1, 1, 0, 0, 0]:
        mesh = None
    where, namelists = str(next(iter(files.values())).parent), _namelists(s)
    namelists["system"] |= system or {}
    if of_bands:
        mesh = [*s.mesh, 1, 1, 1]
        namelists["control"]["calculation"] = "nscf"
        namelists["electrons"]["diago_thr_init"] = BAND_THRESHOLD
    return espresso.scf_input(atoms, PREFIX, bands, species, namelists, mesh, directory=".", pseudo_dir=where)


def _namelists(s: Settings) -> dict[str, dict[str, Any]]:
    system = {"ecutwfc": s.ecutwfc, "ecutrho": s.ecutrho, "occupations": "smearing", "smearing": "fd",
              "degauss": s.smearing / Ry, "nosym": True, "noinv": not s.time_reversal}  # fmt: skip
    # Hartree–Fock orbitals are a poor start: without a sharp first diagonalisation the mixing learns noise
    electrons = {"electron_maxstep": s.max_iterations, "conv_thr": s.scf_tolerance, "mixing_beta": s.mixing,
                 "mixing_ndim": s.mixing_history, "diago_thr_init": 1e-5}  # fmt: skip
    control = {"verbosity": "high", "wf_collect": True}
    return {"control": control, "system": system, "electrons": electrons}


def scf(job: Job, where: Path, real: bool = False, system: Mapping[str, Any] | None = None) -> str:
    """Run one self-consistent field.

    Parameters
    ----------
    job : Job
        What the engine is asked for.
    where : Path
        Folder to run in.
    real : bool
        See `scf_input`.
    system : mapping, optional
        See `scf_input`.

    Returns
    -------
    str
        Version of pw.x.

    Raises
    ------
    LabelError
        SCF_NOT_CONVERGED: not in so many steps, or pw.x was killed, stopped, or gave up.
    """
    source, s = where / f"{PREFIX}.scf.in", job.settings
    source.write_text(scf_input(job, real, system))
    out, wrong = run(source, s.launcher, s.timeout)
    found = espresso.read_output(out)
    if not found.converged and found.terminated:
        advice = "lower mixing, or raise max_iterations or smearing"
        wrong = f"pw.x did not converge in {s.max_iterations} steps; {advice}"
    if wrong or not found.converged:
        raise LabelError("SCF_NOT_CONVERGED", f"{job.formula}: {wrong}")
    version = re.search(r"Program PWSCF (v\.\S+)", out.read_text(errors="replace"))
    return f"pw.x {version[1]}" if version else "pw.x"


def bands(job: Job, where: Path, system: Mapping[str, Any] | None = None) -> None:
    """Compute the bands on `band_kpoints` in the density of a converged run; they replace its own.

    Parameters
    ----------
    job : Job
        What the engine is asked for.
    where : Path
        Folder of the run, as `scf` left it.
    system : mapping, optional
        See `scf_input`.

    Raises
    ------
    LabelError
        SCF_NOT_CONVERGED: pw.x was killed, stopped, or gave up.
    """
    source, s = where / f"{PREFIX}.nscf.in", job.settings
    source.write_text(scf_input(job, system=system, of_bands=True))
    _, wrong = run(source, s.launcher, s.timeout)
    if wrong:
        raise LabelError("SCF_NOT_CONVERGED", f"{job.formula}: bands on {list(s.mesh)} k points: {wrong}")
