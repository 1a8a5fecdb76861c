"""Labels by LOBSTER: a run of pw.x as the reference's, then the user's own LOBSTER on its wave functions.

Maintz et al., J. Comput. Chem. 37, 1030 (2016). LOBSTER is closed: get it from its authors, and name the
binary in the environment variable GETL_LOBSTER, or put `lobster` on PATH. Bonds, orbitals (basis Bunge) and
values are LOBSTER's own.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND, place
from getl_utils.files import lobster
from getl_utils.labels import common, pwscf
from getl_utils.labels.engine import COLUMNS, Label, LabelError

VARIABLE = "GETL_LOBSTER"

# the reference's mesh, both k and −k of it, and its energies
_DEFAULTS: dict[str, Any] = pwscf.DEFAULTS | {
    "kpoints": [2, 2, 2],
    "shift": [1, 1, 1],
    "time_reversal": False,
    "energies": [-100.0, 40.0],  # eV, range of the COHP
    "most_spilling": 0.1,  # of the charge; above it a warning travels with the label
}


class Lobster:
    """pw.x, then LOBSTER; see the module and `getl_utils.labels.engine.Engine`."""

    name = "lobster"
    preview = False

    def missing(self) -> str | None:
        """None if LOBSTER and pw.x are found, otherwise how to get them."""
        if binary() is None:
            return (
                f"LOBSTER is not ours to install; get it from its authors and name the binary in {VARIABLE}"
            )
        return pwscf.missing()

    def label(
        self,
        atoms: Atoms,
        *,
        orbitals: Mapping[str, Sequence[str]],
        minimum_distance: float,
        cutoff: float,
        **settings: Any,
    ) -> Label:
        """Label all bonds between `minimum_distance` and `cutoff` (Å) that LOBSTER finds.

        Parameters
        ----------
        atoms : periodic in three directions.
        orbitals : element → shells of the Bunge basis, e.g. {"Cu": ["3s", "4s", "3p", "3d"]}.
        settings : those of engine `qe` up to `folder`, `energies` (eV, range of the COHP), `most_spilling`.

        Raises
        ------
        LabelError : SCF_NOT_CONVERGED (also where pw.x was killed), or NO_ICOHP: LOBSTER failed or its list
        is not whole.
        ValueError : not periodic, a cell thinner than the cutoff, atoms too close, a data set that is not
        there.

        Examples
        --------
        >>> Lobster().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
        Traceback (most recent call last):
        ValueError: engine lobster needs a cell with atoms that is periodic in three directions
        """
        settings = common.settings(settings, _DEFAULTS, self.name)
        mesh, formula = settings["kpoints"], atoms.get_chemical_formula()
        common.check(atoms, orbitals, cutoff, self.name, mesh, f"with {mesh} k points")
        files, start = pwscf.pseudopotentials(atoms, settings), time.perf_counter()
        with pwscf.folder(settings["folder"]) as folder:
            version = pwscf.scf(atoms, folder, settings, files)
            middle = time.perf_counter()
            elements = sorted(set(atoms.get_chemical_symbols()))
            text = lobster.lobsterin(orbitals, elements, settings["energies"], (minimum_distance, cutoff))
            (folder / "lobsterin").write_text(text)
            printed, output, warnings = _run(folder, settings, formula)
        try:
            bonds = _canonical(place(printed, atoms))
        except ValueError as error:
            raise LabelError("NO_ICOHP", f"{formula}: {error}") from error
        record = {
            "engine": self.name, "preview": self.preview, "settings": settings, "method": "PBE, PAW, plane waves; basis Bunge",
            "engine_version": f"LOBSTER {output.version}, {version}", "orbitals_used": {e: list(orbitals[e]) for e in elements},
            "total_spilling": output.total_spilling, "charge_spilling": output.charge_spilling, "warnings": warnings,
            "seconds": time.perf_counter() - start, "seconds_scf": middle - start,
        }  # fmt: skip
        return Label(bonds[COLUMNS], record)


ENGINE = Lobster()


def binary() -> str | None:
    """Path of LOBSTER's binary, or None."""
    return shutil.which(os.environ.get(VARIABLE, "lobster"))


def _run(
    folder: Path, settings: Mapping[str, Any], formula: str
) -> tuple[pd.DataFrame, lobster.Output, list[str]]:
    """The bonds as LOBSTER printed them, what it said, and what must travel with them.

    Raises
    ------
    LabelError : NO_ICOHP: not started, killed, stopped, or ICOHPLIST.lobster does not hold all bonds found.
    """
    found = binary()
    if found is None:
        raise LabelError("NO_ICOHP", f"{formula}: {Lobster().missing()}")
    out, wrong = pwscf.execute("LOBSTER", [found], folder / "lobster.lb.in", settings["timeout"])
    output = lobster.read_output(out)
    try:
        printed = lobster.read_icohplist(folder / "ICOHPLIST.lobster")
    except (FileNotFoundError, lobster.FormatError) as error:
        raise LabelError("NO_ICOHP", f"{formula}: {wrong or error}") from error
    if output.interactions != len(printed):
        reason = wrong or "LOBSTER's output is cut off"
        raise LabelError(
            "NO_ICOHP", f"{formula}: ICOHPLIST has {len(printed)} of {output.interactions} bonds: {reason}"
        )
    warnings = (
        []
        if output.finished
        else [f"LOBSTER did not finish, its list is whole ({wrong or 'no end in its output'})"]
    )
    if (output.charge_spilling or 0) > settings["most_spilling"]:
        warnings.append(f"charge spilling {output.charge_spilling:.1%}")
    return printed, output, warnings


def _canonical(bonds: pd.DataFrame) -> pd.DataFrame:
    """An atom's bonds with its own images turned so that T > 0; in the order of the engines."""
    weight = bonds[BOND[2:]].to_numpy() @ [10**6, 10**3, 1]
    back = (bonds.i == bonds.j) & (weight < 0)
    bonds.loc[back, BOND[2:]] *= -1
    return bonds.sort_values(BOND, ignore_index=True)
