"""Labels by Quantum ESPRESSO: PBE in plane waves (pw.x), projected on the data sets' atomic functions (projwfc.x).

Giannozzi et al., J. Phys.: Condens. Matter 29, 465901 (2017). Not spin-polarised.

projwfc.x writes amplitudes in the Löwdin-orthogonalised atomic functions, p = S^(−1/2)⟨φ|ψ⟩, and S beside them. Orbitals
that the basis asked for does not have are dropped before the orthogonalisation: with ⟨φ|ψ⟩ = S^(1/2) p the kept rows, and
S of the kept ones alone, go to `getl_utils.cohp`. The data sets (``atomistic_models/paw``) hold as atomic functions
just the shells of LOBSTER's basis: diffuse p functions of Cu and Zr would multiply the ICOHPs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.cohp import ProjectedBands
from getl_utils.engines import COLUMNS, Label, LabelError, _common, _espresso
from getl_utils.formats import espresso
from getl_utils.layout import content_hash

_DEFAULTS: dict[str, Any] = _espresso.DEFAULTS | {
    "minimum_projection": 0.01,
    "most_spilling": 0.1,  # of the charge; above it a warning travels with the label
}
OCCUPIED = 0.01  # electrons in the highest band: more, and bands are lacking


class Qe:
    """pw.x and projwfc.x; see the module and `getl_utils.engines.Engine`."""

    name = "qe"
    preview = False

    def missing(self) -> str | None:
        """None if the programs are found, otherwise how to get them."""
        return _espresso.missing()

    def label(
        self,
        atoms: Atoms,
        *,
        orbitals: Mapping[str, Sequence[str]],
        minimum_distance: float,
        cutoff: float,
        **settings: Any,
    ) -> Label:
        """Label all bonds between `minimum_distance` and `cutoff` (Å); a pair's value goes to its shortest image.

        A mesh of N k points cannot tell an image from the one N cells away: the value is the sum over such images.
        Longer ones are left out and counted in the record (`folded_images`); equally short ones share the value.

        Parameters
        ----------
        atoms : periodic in three directions.
        orbitals : element → shells, e.g. {"Cu": ["4s", "3d"]}.
        settings : `pseudo_dir`, `pseudopotentials` (element → file), `ecutwfc`, `ecutrho` (Ry), `kpoints`, `shift`,
            `time_reversal`, `smearing` (eV), `band_factor`, `max_iterations`, `scf_tolerance` (Ry), `mixing`, `launcher`
            ("mpirun -n 4"), `timeout` (s), `folder` (keeps the programs' files), `minimum_projection`, `most_spilling`.

        Raises
        ------
        LabelError : SCF_NOT_CONVERGED (also where pw.x was killed), or NO_ICOHP: projwfc.x failed, too few bands, an
            element without any of its orbitals.
        ValueError : not periodic, a cell thinner than the cutoff, atoms too close, a data set that is not there.

        Examples
        --------
        >>> Qe().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
        Traceback (most recent call last):
        ValueError: engine qe needs a cell with atoms that is periodic in three directions
        """
        settings = _common.settings(settings, _DEFAULTS, self.name)
        mesh, formula = settings["kpoints"], atoms.get_chemical_formula()
        _common.check(atoms, orbitals, cutoff, self.name, mesh, f"with {mesh} k points")
        files, start = _espresso.pseudopotentials(atoms, settings), time.perf_counter()
        with _espresso.folder(settings["folder"]) as folder:
            version = _espresso.scf(atoms, folder, settings, files)
            middle = time.perf_counter()
            found = _project(folder, settings, formula)
        projected = time.perf_counter()
        try:
            bands, record = _bands(found, atoms, orbitals, files, settings["time_reversal"])
            window = (minimum_distance, cutoff)
            table, facts = _common.bonds(bands, atoms, window, settings["minimum_projection"], mesh)
        except ValueError as error:
            raise LabelError("NO_ICOHP", f"{formula}: {error}") from error
        end = time.perf_counter()
        record |= facts | {"engine": self.name, "preview": self.preview, "settings": settings,
                   "engine_version": version, "seconds": end - start, "seconds_scf": middle - start,
                   "seconds_projection": projected - middle, "seconds_cohp": end - projected}  # fmt: skip
        return Label(table[COLUMNS], record | {"warnings": _common.warnings(record, settings["most_spilling"])})


ENGINE = Qe()


def _project(folder: Path, settings: Mapping[str, Any], formula: str) -> espresso.Projections:
    source = folder / "projwfc.in"
    source.write_text(f" &projwfc\n prefix='{_espresso.PREFIX}', outdir='.', lwrite_overlaps=.true., lsym=.false.\n /\n")
    _, wrong = _espresso.run("projwfc.x", source, settings)
    if wrong:
        raise LabelError("NO_ICOHP", f"{formula}: {wrong}")
    try:
        return espresso.read_projections(folder / f"{_espresso.PREFIX}.save")
    except (ValueError, FileNotFoundError) as error:
        raise LabelError("NO_ICOHP", f"{formula}: {error}") from error


def _bands(
    found: espresso.Projections,
    atoms: Atoms,
    orbitals: Mapping[str, Sequence[str]],
    files: Mapping[str, Path],
    time_reversal: bool,
) -> tuple[ProjectedBands, dict[str, Any]]:
    owners, shells = _functions(atoms, files)
    if len(owners) != found.amplitudes.shape[2]:
        raise ValueError(f"projwfc.x has {found.amplitudes.shape[2]} atomic functions, the data sets have {len(owners)}")
    symbols = np.array(atoms.get_chemical_symbols())[owners]
    keep, choice = _common.choose(symbols, shells, orbitals, "the data set's atomic functions")
    _check_count(found, int(keep.sum()))
    raw = np.einsum("kpq,skqb->skpb", _roots(found.overlaps), found.amplitudes)
    bands = ProjectedBands(
        energies=found.energies - found.fermi,
        occupations=2 * found.occupations,
        projections=raw[:, :, keep],
        overlaps=found.overlaps[:, keep][:, :, keep],
        kpoints=found.kpoints @ atoms.cell.array.T / np.linalg.norm(atoms.cell.array[0]),
        weights=found.weights,
        orbital_atoms=owners[keep],
        time_reversal=time_reversal,
    )
    record = {"method": "PBE, PAW, plane waves", "kpoints": len(found.weights), "spin_polarised": False,
              "fermi_level": found.fermi, "data_sets": {e: f"{f.name} {content_hash(f)}" for e, f in files.items()}}  # fmt: skip
    return bands, record | choice


def _functions(atoms: Atoms, files: Mapping[str, Path]) -> tuple[np.ndarray, np.ndarray]:
    """Atom and shell name of every atomic function, in the order of projwfc.x."""
    known = {element: espresso.read_atomic_functions(path) for element, path in files.items()}
    rows = [(n, shell) for n, e in enumerate(atoms.symbols) for shell, angular in known[e] for _ in range(2 * angular + 1)]
    return np.array([n for n, _ in rows]), np.array([shell for _, shell in rows])


def _check_count(found: espresso.Projections, orbitals: int) -> None:
    bands, highest = found.energies.shape[2], 2 * found.occupations[..., -1].max()
    if bands < orbitals or highest > OCCUPIED:
        raise ValueError(
            f"too few bands: {bands} for {orbitals} orbitals, the highest holds {highest:.3f} electrons; raise band_factor"
        )


def _roots(overlaps: np.ndarray) -> np.ndarray:
    """S^(1/2) at every k point."""
    values, vectors = np.linalg.eigh(overlaps)
    return (vectors * np.sqrt(np.clip(values, 0, None))[:, None]) @ vectors.conj().swapaxes(1, 2)
