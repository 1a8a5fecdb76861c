"""Labels by Quantum ESPRESSO: PBE in plane waves (pw.x), projected on the orbitals of free atoms as LOBSTER
projects them.

Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017). Not spin-polarised. The projection is our own
(`_plane_waves`) and needs PAW data sets. With ``projection="projwfc"`` it is that of projwfc.x on the data
sets' atomic functions, which takes any pseudopotential, but those functions reach into a neighbour's core as
wave functions do, with all its nodes: bonds of Cu with Cu and Zr come out 1.2 to 1.4 times as strong.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ase import Atoms

from getl_utils.core.record import content_hash
from getl_utils.labels import common, pwscf
from getl_utils.labels import projwfc as _projwfc
from getl_utils.labels.engine import COLUMNS, Label, LabelError
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock, plane_waves

_DEFAULTS: dict[str, Any] = pwscf.DEFAULTS | {
    "projection": "orbitals",  # of free atoms; or projwfc: the data sets' atomic functions
    "minimum_projection": 0.01,
    "most_spilling": 0.1,  # of the charge; above it a warning travels with the label
}
OCCUPIED = 0.01  # electrons in the highest band: more, and bands are lacking


class Qe:
    """pw.x and projwfc.x; see the module and `getl_utils.labels.engine.Engine`."""

    name = "qe"
    preview = False

    def missing(self) -> str | None:
        """None if the programs and the orbitals' table are found, otherwise how to get them."""
        return pwscf.missing() or hartree_fock.missing()

    def label(
        self,
        atoms: Atoms,
        *,
        orbitals: Mapping[str, Sequence[str]],
        minimum_distance: float,
        cutoff: float,
        **settings: Any,
    ) -> Label:
        """Label all bonds between `minimum_distance` and `cutoff` (Å); a pair's value goes to its shortest
        image.

        A mesh of N k points cannot tell an image from the one N cells away: the value is the sum over such
        images. Longer ones are left out and counted in the record (`folded_images`); equally short ones share
        the value.

        Parameters
        ----------
        atoms : periodic in three directions.
        orbitals : element → shells, e.g. {"Cu": ["4s", "3d"]}.
        settings : `pseudo_dir`, `pseudopotentials` (element → file), `ecutwfc`, `ecutrho` (Ry), `kpoints`,
        `shift`,
            `time_reversal`, `projection` (orbitals, projwfc), `smearing` (eV), `band_factor`,
            `max_iterations`, `scf_tolerance` (Ry), `mixing`, `launcher` ("mpirun -n 4"), `timeout` (s),
            `folder` (keeps the programs' files), `minimum_projection`, `most_spilling`.

        Raises
        ------
        LabelError : SCF_NOT_CONVERGED (also where pw.x was killed), or NO_ICOHP: projwfc.x failed, too few
        bands, an
            element without any of its orbitals.
        ValueError : not periodic, a cell thinner than the cutoff, atoms too close, a data set that is not
        there.

        Examples
        --------
        >>> Qe().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
        Traceback (most recent call last):
        ValueError: engine qe needs a cell with atoms that is periodic in three directions
        """
        settings = common.settings(settings, _DEFAULTS, self.name)
        if settings["projection"] not in ("orbitals", "projwfc"):
            raise ValueError(
                f"projection {settings['projection']!r} of engine qe: the possible ones are orbitals and projwfc"
            )
        mesh, formula = settings["kpoints"], atoms.get_chemical_formula()
        common.check(atoms, orbitals, cutoff, self.name, mesh, f"with {mesh} k points")
        files, start = pwscf.pseudopotentials(atoms, settings), time.perf_counter()
        own = settings["projection"] == "orbitals"
        with pwscf.folder(settings["folder"]) as folder:
            version = pwscf.scf(atoms, folder, settings, files, real=own)
            middle = time.perf_counter()
            try:
                project = plane_waves.project if own else _projwfc.project
                bands, record = project(folder, atoms, orbitals, files, settings)
                _check_count(bands)
                projected = time.perf_counter()
                window = (minimum_distance, cutoff)
                table, facts = common.bonds(bands, atoms, window, settings["minimum_projection"], mesh)
            except (ValueError, FileNotFoundError) as error:
                raise LabelError("NO_ICOHP", f"{formula}: {error}") from error
        end = time.perf_counter()
        record |= facts | {"engine": self.name, "preview": self.preview, "settings": settings,
                   "engine_version": version, "seconds": end - start, "seconds_scf": middle - start,
                   "seconds_projection": projected - middle, "seconds_cohp": end - projected,
                   "method": "PBE, PAW, plane waves", "kpoints": len(bands.kpoints), "spin_polarised": False,
                   "data_sets": {e: f"{f.name} {content_hash(f)}" for e, f in files.items()}}  # fmt: skip
        return Label(
            table[COLUMNS], record | {"warnings": common.warnings(record, settings["most_spilling"])}
        )


ENGINE = Qe()


def _check_count(bands: ProjectedBands) -> None:
    orbitals, there = bands.projections.shape[2:]
    highest = bands.occupations[..., -1].max()
    if there < orbitals or highest > OCCUPIED:
        raise ValueError(
            f"too few bands: {there} for {orbitals} orbitals, the highest holds {highest:.3f} electrons; raise band_factor"
        )
