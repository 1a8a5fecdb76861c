"""Preview labels by GFN1-xTB (program tblite): a minute for 100 atoms, for looking at, not for a database.

Grimme, Bannwarth and Shushkov, J. Chem. Theory Comput. 13, 1989 (2017). Periodic, Γ only, not spin-polarised.

The orbitals are those of GFN1 that are also asked for (Zr 4d 5s, Cu 3d 4s, Al 3s 3p). Bands with less
than `minimum_projection` in their span are left out. Both were decided on the 738 LOBSTER bonds of one
Zr49Cu49Al2 cell; correlation with LOBSTER:

                                       Zr-Zr Zr-Cu Cu-Cu Zr-Al Cu-Al   all
  all orbitals of GFN1                  0.65  0.92  0.91  0.92  0.89  0.83  20 to 60 times too large: diffuse
  p shells of the basis, lowest bands     0.86  0.83  0.92  0.83  0.94  0.73
  the same, bands projected to 0.6      0.93  0.91  0.95  0.82  0.99  0.89  chosen

(Measured with Löwdin's orthonormalisation among the bands; it is Gram–Schmidt's now, with 0.5.)
The values are 0.14 to 0.32 of LOBSTER's. After one linear map per type they err by 0.08 to 0.22 eV, where a
parabola in the distance, fitted to the same bonds, errs by 0.04 to 0.10 eV. This is good enough to see that a
workflow runs, not for chemistry.

For some metallic cells the SCF fails, or ends with charges that no atom can carry. Both are reported as
SCF_NOT_CONVERGED. All quenched glasses tried converged, in 24 to 40 cycles.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.units import Bohr, Hartree, kB
from pydantic import Field

from getl_utils.labels import common
from getl_utils.labels.engine import Engine, EngineSettings, Job, LabelError, Projected
from getl_utils.labels.icohp import ProjectedBands

METHOD = "GFN1-xTB"
HEAVIEST = 86
NOTE = "preview: tight binding at Γ, not DFT; do not train on it, do not mix it with other labels"
LARGEST_CHARGE = 3.0  # e; glasses have up to 1.5, collapsed SCF solutions 30
CORES = (2, 10, 18, 36, 54)  # electrons of the noble gases


def shell_name(number: int, angular_momentum: int, repeat: int = 0) -> str:
    """Name a GFN1 valence shell, of which tblite tells the angular momentum only.

    s and p have the period as principal quantum number; a second shell of the kind has one more. d has one
    less from group 2 to group 12, where that shell is empty or being filled, and the period where it only
    polarises.

    Parameters
    ----------
    number : int
        Atomic number.
    angular_momentum : int
        l.
    repeat : int
        How many shells of this l the element has before.

    Returns
    -------
    str
        Name, e.g. "4d".

    Examples
    --------
    >>> [shell_name(z, l) for z, l in [(40, 2), (40, 0), (29, 2), (13, 2), (31, 2), (72, 2)]]
    ['4d', '5s', '3d', '3d', '4d', '5d']
    """
    period = 1 + sum(number > core for core in CORES)
    place = number - (0, *CORES)[period - 1]
    filling = {4: 12, 5: 12, 6: 26}.get(period, 0)
    inner = angular_momentum == 2 and place <= filling
    return f"{period - inner + repeat}{'spdf'[angular_momentum]}"


class Settings(EngineSettings):
    """Settings of GFN1-xTB. For labels in parallel processes set OMP_NUM_THREADS=1 before the first."""

    electronic_temperature: float = Field(1263.0, gt=0, description="K; 0.008 Ry as the reference's DFT")
    accuracy: float = Field(20.0, gt=0, description="factor on the SCF thresholds; larger is looser")
    max_iterations: int = Field(120, gt=0, description="SCF cycles")
    # the program's own 0.4 ended 10 eV too high in a 100-atom cell; 0.2 and 0.1 did not, in half the cycles
    mixer_damping: float = Field(0.2, gt=0, le=1, description="damping of the charge mixer")
    guess: Literal[0, 1] = Field(0, description="0: superposed atoms, 1: electronegativity equilibration")
    minimum_projection: float = Field(0.5, ge=0, lt=1, description="see `icohp.icohp`")
    most_spilling: float = Field(0.1, gt=0, le=1, description="of the charge; above it a warning is given")
    kpoints: tuple[Literal[1], Literal[1], Literal[1]] = Field((1, 1, 1), description="Γ only")


class Xtb(Engine):
    """GFN1-xTB at Γ; see the module and `getl_utils.labels.engine.Engine`.

    Examples
    --------
    >>> pair = Atoms("Cu2", [[0, 0, 0], [2.3, 0, 0]], cell=[9, 9, 9], pbc=True)
    >>> label = Xtb().label(pair, orbitals={"Cu": ["4s", "3d"]}, minimum_distance=1.8, cutoff=4.2)
    >>> len(label.bonds), bool(label.bonds.icohp[0] < 0)
    (1, True)
    """

    name = "xtb"
    preview = True
    Settings = Settings

    def missing(self) -> str | None:
        """Return None if tblite is installed, otherwise how to install it."""
        if importlib.util.find_spec("tblite") is None:
            return "the package tblite is not installed; run: pip install tblite"
        return None

    def check(self, job: Job) -> None:
        """Refuse what GFN1 cannot do."""
        super().check(job)
        if job.atoms.numbers.max() > HEAVIEST or job.atoms.numbers.min() < 1:
            raise ValueError(f"{METHOD} has the elements H to Rn only")

    @contextmanager
    def solve(self, job: Job) -> Iterator[tuple[Any, ...]]:
        """Hold tblite's result, the orbitals to keep, their atoms, and the shells used."""
        calculator = _calculator(job.atoms, job.settings)
        owners, shells = _shells(calculator, job.atoms)
        symbols = np.array(job.atoms.get_chemical_symbols())[owners]
        keep, choice = common.choose(symbols, shells, job.orbitals, METHOD)
        yield _scf(calculator, job.formula, job.settings), keep, owners, choice

    def project(self, solved: tuple[Any, ...], job: Job) -> Projected:
        """Leave out the orbitals that the job does not ask for."""
        result, keep, owners, choice = solved
        overlap = result.get("overlap-matrix")
        energies, occupations = result.get("orbital-energies") * Hartree, result.get("orbital-occupations")
        fermi = _fermi_level(energies, occupations.sum(), kB * job.settings.electronic_temperature)
        projections = (overlap @ result.get("orbital-coefficients"))[keep]
        bands = ProjectedBands.gamma(
            energies - fermi, occupations, projections, overlap[np.ix_(keep, keep)], owners[keep]
        )
        record = {
            "engine_version": f"tblite {version('tblite')}", "method": METHOD, "note": NOTE, "kpoints": "Γ",
            "spin_polarised": False, "fermi_level": fermi, "energy": float(result.get("energy")) * Hartree,
            "largest_charge": float(np.abs(result.get("charges")).max()),
        }  # fmt: skip
        return Projected({"full": bands}, record | choice)


ENGINE = Xtb()


def _calculator(atoms: Atoms, settings: Settings) -> Any:
    from tblite.interface import Calculator

    calculator = Calculator(
        METHOD, atoms.numbers, atoms.positions / Bohr, lattice=atoms.cell.array / Bohr, periodic=np.ones(3)
    )
    values = {
        "verbosity": 0,
        "save-integrals": 1,
        "temperature": settings.electronic_temperature * kB / Hartree,
        "accuracy": settings.accuracy,
        "max-iter": settings.max_iterations,
        "mixer-damping": settings.mixer_damping,
        "guess": settings.guess,
    }
    for name, value in values.items():
        calculator.set(name, value)
    return calculator


def _shells(calculator: Any, atoms: Atoms) -> tuple[np.ndarray, np.ndarray]:
    """Atom and shell name of every orbital."""
    momenta, owners = calculator.get("angular-momenta"), calculator.get("shell-map")
    names = []
    for n, (momentum, owner) in enumerate(zip(momenta, owners, strict=True)):
        before = int(np.sum((owners[:n] == owner) & (momenta[:n] == momentum)))
        names.append(shell_name(int(atoms.numbers[owner]), int(momentum), before))
    shell = calculator.get("orbital-map")
    return owners[shell].astype(int), np.array(names)[shell]


def singlepoint(atoms: Atoms, settings: Settings) -> Any:
    """One calculation, with energy and gradient.

    Parameters
    ----------
    atoms : Atoms
        Periodic in three directions, Å.
    settings : Settings
        Settings.

    Returns
    -------
    Result
        tblite's, in atomic units.

    Raises
    ------
    LabelError
        The charges did not converge.
    """
    return _scf(_calculator(atoms, settings), atoms.get_chemical_formula(), settings)


def _scf(calculator: Any, formula: str, settings: Settings) -> Any:
    from tblite.exceptions import TBLiteRuntimeError

    try:
        result = calculator.singlepoint()
    except TBLiteRuntimeError as error:
        raise LabelError(
            "SCF_NOT_CONVERGED",
            f"{formula}: {METHOD}: {error}; lower mixer_damping or accuracy, raise max_iterations (now "
            f"{settings.max_iterations}) or electronic_temperature, or leave this structure out",
        ) from error
    largest = np.abs(result.get("charges")).max()
    if not largest <= LARGEST_CHARGE:
        raise LabelError(
            "SCF_NOT_CONVERGED",
            f"{formula}: {METHOD} ended with a charge of {largest:.1f} e on an atom, which is not "
            "physical; lower mixer_damping, or leave this structure out",
        )
    return result


def _fermi_level(energies: np.ndarray, electrons: float, width: float) -> float:
    """Level at which Fermi–Dirac occupations of `width` (eV) hold `electrons`."""
    from scipy.optimize import brentq
    from scipy.special import expit

    width = max(width, 1e-4)

    def excess(level: float) -> float:
        return float(2 * expit((level - energies) / width).sum() - electrons)

    return float(brentq(excess, energies.min() - 10, energies.max() + 10))
