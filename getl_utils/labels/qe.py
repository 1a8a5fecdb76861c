"""Labels by Quantum ESPRESSO: PBE in plane waves (pw.x), projected on the orbitals of free atoms.

Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017). PAW data sets are needed.
With `moments` two spins are computed, collinear.
With the data sets of a LOBSTER calculation, `projection: lobster` gives LOBSTER's numbers (diamond: to
0.0001 eV); `projection: full` is the published equation, see `getl_utils.labels.projection.plane_waves`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from getl_utils.core.record import content_hash
from getl_utils.files import upf
from getl_utils.labels import moments, pwscf, qe_programs
from getl_utils.labels.engine import Job, Projected
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock, plane_waves

OCCUPIED = 0.01  # electrons in the highest band: more, and bands are lacking


class Settings(pwscf.Settings, moments.SpinSettings):
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
        return qe_programs.missing() or hartree_fock.missing()

    def check(self, job: Job) -> None:
        """Refuse also moments of nothing, and those larger than the valence electrons can have."""
        super().check(job)
        moments.check(job.settings.moments, job.elements)
        for element, moment in self._moments(job).items():
            if abs(moment) > 1:
                raise ValueError(
                    f"moments: {element} {job.settings.moments[element]:g} μ_B, more than it has electrons"
                )

    def _moments(self, job: Job) -> dict[str, float]:
        """Element → initial moment as a part of the valence electrons."""
        given, files = job.settings.moments or {}, pwscf.pseudopotentials(job)
        return {e: given.get(e, 0.0) / upf.read_valence(f) for e, f in files.items()}

    def system(self, job: Job) -> dict[str, Any]:
        """Return how pw.x is asked for two spins."""
        if job.settings.moments is None:
            return {}
        parts = self._moments(job)
        starts = {f"starting_magnetization({n})": parts[e] for n, e in enumerate(job.elements, 1)}
        return {"nspin": 2, **starts}

    def shells_of_data_sets(self, job: Job) -> dict[str, list[str]]:
        """Return those shells of the data sets that have an orbital of the free atom."""
        held = super().shells_of_data_sets(job)
        return {e: [s for s in names if s in hartree_fock.expansions(e)] for e, names in held.items()}

    def project(self, solved: tuple[Path, str], job: Job) -> Projected:
        """Project the plane waves in both ways."""
        folder, version = solved
        files = pwscf.pseudopotentials(job)
        save = folder / f"{pwscf.PREFIX}.save"
        bands, found = plane_waves.project(save, job.atoms, job.orbitals, files, job.settings.time_reversal)
        _check_count(bands["full"])
        two = len(found.energies) == 2
        record = {
            "engine_version": version, "method": "PBE, PAW, plane waves", "fermi_level": found.fermi,
            "kpoints": len(bands["full"].kpoints), "spin_polarised": two,
            "orbitals_used": {e: list(job.orbitals[e]) for e in job.elements},
            "data_sets": {e: f"{f.name} {content_hash(f)}" for e, f in files.items()},
        }  # fmt: skip
        if two:
            record |= dict(zip(("total_moment", "absolute_moment"), found.moments.tolist(), strict=True))
        electrons = {e: upf.read_valence(f) for e, f in files.items()}
        return Projected(bands, record, electrons=electrons)

    def judge(self, record: Mapping[str, Any], job: Job) -> list[str]:
        """Return warnings, also that the moments vanished."""
        warnings, left = super().judge(record, job), record.get("absolute_moment", np.inf)
        if any((job.settings.moments or {}).values()) and left < moments.VANISHED * len(job.atoms):
            warnings.append(
                f"the moments vanished: {left:.3f} μ_B are left in the cell; the structure is not magnetic, "
                "or start from larger moments"
            )
        return warnings


ENGINE = Qe()


def _check_count(bands: ProjectedBands) -> None:
    orbitals, there = bands.projections.shape[2:]
    highest = bands.occupations[..., -1].max()
    if there < orbitals or highest > OCCUPIED:
        raise ValueError(
            f"too few bands: {there} for {orbitals} orbitals, the highest holds {highest:.3f} electrons; "
            "raise band_factor"
        )
