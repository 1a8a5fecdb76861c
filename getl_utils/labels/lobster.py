"""Labels by LOBSTER: a run of pw.x as the reference's, then the user's own LOBSTER on its wave functions.

Maintz et al., J. Comput. Chem. 37, 1030 (2016). LOBSTER is closed: get it from its authors, and name the
binary in the environment variable GETL_LOBSTER, or put `lobster` on PATH. Bonds, orbitals (basis Bunge) and
values are LOBSTER's own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import Field

from getl_utils.core.bonds import BOND, place
from getl_utils.files import lobster, lobsterin
from getl_utils.labels import pwscf, qe_programs
from getl_utils.labels.engine import COLUMNS, Job

VARIABLE = "GETL_LOBSTER"


class Settings(pwscf.Settings):
    """Settings of engine `lobster`: the reference's mesh, both k and −k of it, and its energies."""

    kpoints: tuple[int, int, int] = Field((2, 2, 2), description="mesh")
    shift: tuple[int, int, int] = Field((1, 1, 1), description="of the mesh; 1: by half a step")
    time_reversal: bool = Field(False, description="k and −k count once")
    energies: tuple[float, float] = Field((-100.0, 40.0), description="eV, range of the COHP")


class Lobster(pwscf.PlaneWaveEngine):
    """pw.x, then LOBSTER; see the module and `getl_utils.labels.engine.Engine`.

    Examples
    --------
    >>> from ase import Atoms
    >>> Lobster().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
    Traceback (most recent call last):
    ValueError: engine lobster needs a cell with atoms that is periodic in three directions
    """

    name = "lobster"
    Settings = Settings

    def missing(self) -> str | None:
        """Return None if LOBSTER and pw.x are found, otherwise how to get them."""
        if binary() is None:
            return (
                f"LOBSTER is not ours to install; get it from its authors and name the binary in {VARIABLE}"
            )
        return qe_programs.missing()

    def bonds(self, solved: tuple[Path, str], job: Job) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Run LOBSTER and read its list."""
        folder, version = solved
        text = lobsterin.lobsterin(job.orbitals, job.elements, job.settings.energies, job.window)
        (folder / "lobsterin").write_text(text)
        printed, output, warnings = _run(folder, job)
        bonds = place(printed, job.atoms).sort_values(BOND, ignore_index=True)
        record = {
            "engine_version": f"LOBSTER {output.version}, {version}", "projection": "lobster",
            "method": "PBE, PAW, plane waves; basis Bunge", "warnings": warnings,
            "orbitals_used": {e: list(job.orbitals[e]) for e in job.elements},
            "total_spilling": output.total_spilling, "charge_spilling": output.charge_spilling,
        }  # fmt: skip
        return bonds[COLUMNS], record


ENGINE = Lobster()


def binary() -> str | None:
    """Return the path of LOBSTER's binary, or None."""
    return shutil.which(os.environ.get(VARIABLE, "lobster"))


def _run(folder: Path, job: Job) -> tuple[pd.DataFrame, lobster.Output, list[str]]:
    """The bonds as LOBSTER printed them, what it said, and what must travel with them.

    ValueError if it was not started, killed or stopped, or if its list does not hold all bonds that it found.
    """
    found = binary()
    if found is None:
        raise ValueError(Lobster().missing())
    out, wrong = qe_programs.execute("LOBSTER", [found], folder / "lobster.lb.in", job.settings.timeout)
    output = lobster.read_output(out)
    try:
        printed = lobster.read_icohplist(folder / "ICOHPLIST.lobster")
    except (FileNotFoundError, lobster.FormatError) as error:
        raise ValueError(wrong or str(error)) from error
    if output.interactions != len(printed):
        reason = wrong or "LOBSTER's output is cut off"
        raise ValueError(f"ICOHPLIST has {len(printed)} of {output.interactions} bonds: {reason}")
    early = f"LOBSTER did not finish, its list is whole ({wrong or 'no end in its output'})"
    return printed, output, [] if output.finished else [early]
