"""Labels by Quantum ESPRESSO: PBE in plane waves (pw.x), projected on the orbitals of free atoms.

Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017). Not spin-polarised. PAW data sets are needed.
With the data sets of a LOBSTER calculation, `projection: lobster` gives LOBSTER's numbers (diamond: to
0.0001 eV); `projection: full` is the published equation, see `getl_utils.labels.projection.plane_waves`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from getl_utils.core.record import content_hash
from getl_utils.files import upf
from getl_utils.labels import pwscf
from getl_utils.labels.engine import Job, Projected
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock, plane_waves

OCCUPIED = 0.01  # electrons in the highest band: more, and bands are lacking


class Settings(pwscf.Settings):
    """Settings of engine `qe`."""

    projection: Literal["full", "lobster"] = Field("full", description="whose values are the label")


class Qe(pwscf.PlaneWaveEngine):
    """pw.x; see the module and `getl_utils.labels.engine.Engine`.

    Examples
    --------
    >>> from ase import Atoms
    >>> Qe().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
    Traceback (most recent call last):
    ValueError: engine qe needs a cell with atoms that is periodic in three directions
    """

    name = "qe"
    analyses = True
    Settings = Settings
    real = True

    def missing(self) -> str | None:
        """Return None if pw.x and the orbitals' table are found, otherwise how to get them."""
        return pwscf.missing() or hartree_fock.missing()

    def shells_of_data_sets(self, job: Job) -> dict[str, list[str]]:
        """Return those shells of the data sets that have an orbital of the free atom."""
        held = super().shells_of_data_sets(job)
        return {e: [s for s in names if s in hartree_fock.expansions(e)] for e, names in held.items()}

    def project(self, solved: tuple[Path, str], job: Job) -> Projected:
        """Project the plane waves in both ways."""
        folder, version = solved
        files = pwscf.pseudopotentials(job)
        save = folder / f"{pwscf.PREFIX}.save"
        bands, fermi = plane_waves.project(save, job.atoms, job.orbitals, files, job.settings.time_reversal)
        _check_count(bands["full"])
        record = {
            "engine_version": version, "method": "PBE, PAW, plane waves", "fermi_level": fermi,
            "kpoints": len(bands["full"].kpoints), "spin_polarised": False,
            "orbitals_used": {e: list(job.orbitals[e]) for e in job.elements},
            "data_sets": {e: f"{f.name} {content_hash(f)}" for e, f in files.items()},
        }  # fmt: skip
        electrons = {e: upf.read_valence(f) for e, f in files.items()}
        return Projected(bands, record, electrons=electrons)


ENGINE = Qe()


def _check_count(bands: ProjectedBands) -> None:
    orbitals, there = bands.projections.shape[2:]
    highest = bands.occupations[..., -1].max()
    if there < orbitals or highest > OCCUPIED:
        raise ValueError(
            f"too few bands: {there} for {orbitals} orbitals, the highest holds {highest:.3f} electrons; "
            "raise band_factor"
        )
