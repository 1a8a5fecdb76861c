"""Labels by GPAW: PBE in a basis of atomic orbitals (LCAO), 100 atoms in minutes on a workstation.

Larsen et al., Phys. Rev. B 80, 195112 (2009); Mortensen et al., J. Chem. Phys. 160, 092503 (2024). Not
spin-polarised.

The wave functions are projected on the Hartree–Fock orbitals of free atoms, frozen core shells among the
bands (see `_projection`), so that the numbers are LOBSTER's without any fit: `data_examples/validation` has
the comparison.
"""

from __future__ import annotations

import importlib.util
import time
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import numpy as np
from ase import Atoms
from ase.units import Hartree

from getl_utils.labels import common, dense
from getl_utils.labels.engine import COLUMNS, Label, LabelError
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.projection import hartree_fock
from getl_utils.labels.projection.lcao import project

_DEFAULTS: dict[str, Any] = {
    "functional": "PBE",
    "basis": "szp(dzp)",
    "grid_spacing": 0.28,  # Å
    "kpoints": [1, 1, 1],  # a mesh that contains Γ
    "smearing": 0.108846,  # eV, Fermi–Dirac: 0.008 Ry as the reference's DFT
    "max_iterations": 100,
    "density_tolerance": 1e-3,  # electrons per valence electron
    "energy_tolerance": 5e-4,  # eV per valence electron
    "minimum_projection": 0.01,
    "most_spilling": 0.1,  # of the charge; above it a warning travels with the label
    "text": None,  # file for GPAW's own output
}


class Gpaw:
    """GPAW in LCAO mode; see the module and `getl_utils.labels.engine.Engine`."""

    name = "gpaw"
    preview = False

    def missing(self) -> str | None:
        """None if GPAW and its data sets are installed, otherwise how to install them."""
        for package in ("gpaw", "gpaw_data"):
            if importlib.util.find_spec(package) is None:
                return f"the package {package.replace('_', '-')} is not installed; run: make engines"
        return hartree_fock.missing()

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
        settings : `functional`, `basis` (GPAW's names), `grid_spacing` (Å), `kpoints` (mesh with Γ),
        `smearing` (eV),
            `max_iterations`, `density_tolerance`, `energy_tolerance` (eV), both per valence electron,
            `minimum_projection`, `most_spilling` (charge spilling that earns a warning), `text` (file for
            GPAW's output). Threads: OMP_NUM_THREADS.

        Raises
        ------
        LabelError : SCF_NOT_CONVERGED, or NO_ICOHP if an element has none of its orbitals or the projection
        fails.
        ValueError : not periodic, a cell thinner than the cutoff, atoms too close, an element without data
        set.

        Examples
        --------
        >>> Gpaw().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
        Traceback (most recent call last):
        ValueError: engine gpaw needs a cell with atoms that is periodic in three directions
        """
        settings = common.settings(settings, _DEFAULTS, self.name)
        mesh, formula = settings["kpoints"], atoms.get_chemical_formula()
        common.check(atoms, orbitals, cutoff, self.name, mesh, f"with {mesh} k points")
        start = time.perf_counter()
        dft = _scf(atoms, settings)
        middle = time.perf_counter()
        try:
            bands, record = _bands(dft, atoms, orbitals)
            least, window = settings["minimum_projection"], (minimum_distance, cutoff)
            table, facts = common.bonds(bands, atoms, window, least, mesh, moved=_cells(atoms))
        except ValueError as error:
            raise LabelError("NO_ICOHP", f"{formula}: {error}") from error
        end = time.perf_counter()
        record |= facts | {"engine": self.name, "preview": self.preview, "settings": settings}
        record |= {"seconds": end - start, "seconds_scf": middle - start, "seconds_cohp": end - middle}
        return Label(
            table[COLUMNS], record | {"warnings": common.warnings(record, settings["most_spilling"])}
        )


ENGINE = Gpaw()


def _cells(atoms: Atoms) -> np.ndarray:
    """Lattice vectors by which GPAW moves each atom into the cell."""
    relative = atoms.get_scaled_positions(wrap=False)
    return np.rint(relative - atoms.get_scaled_positions() % 1 % 1).astype(int)


def _scf(atoms: Atoms, settings: Mapping[str, Any]) -> Any:
    import gpaw
    from gpaw.dft import DFT

    known = (KeyError, RuntimeError, FileNotFoundError)
    try:
        dft = DFT(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True), **_input(settings))
    except known as error:
        raise ValueError(
            f"{atoms.get_chemical_formula()}: GPAW cannot set up the calculation: {error}"
        ) from error
    dense.use(dft.scf_loop.hamiltonian.basis)
    try:
        dft.converge()
    except gpaw.ConvergenceError as error:
        raise LabelError(
            "SCF_NOT_CONVERGED",
            f"{atoms.get_chemical_formula()}: GPAW: {error}; raise max_iterations (now {settings['max_iterations']}) or "
            "smearing, or leave this structure out",
        ) from error
    return dft


def _input(settings: Mapping[str, Any]) -> dict[str, Any]:
    """GPAW's parameters; k and −k count once, no other symmetry is used."""
    return {
        "mode": "lcao",
        "basis": settings["basis"],
        "xc": settings["functional"],
        "h": settings["grid_spacing"],
        "kpts": {"size": tuple(settings["kpoints"]), "gamma": True},
        "symmetry": {"point_group": False, "time_reversal": True},
        "nbands": "nao",
        "occupations": {"name": "fermi-dirac", "width": settings["smearing"]},
        "maxiter": settings["max_iterations"],
        "convergence": {"density": settings["density_tolerance"], "energy": settings["energy_tolerance"]},
        "txt": settings["text"],
        "converge": False,
    }


def _bands(
    dft: Any, atoms: Atoms, orbitals: Mapping[str, Sequence[str]]
) -> tuple[ProjectedBands, dict[str, Any]]:
    bands, shells = project(dft, atoms, orbitals)
    symbols = np.array(atoms.get_chemical_symbols())[bands.orbital_atoms]
    used = {e: list(dict.fromkeys(shells[symbols == e].tolist())) for e in dict.fromkeys(symbols.tolist())}
    record = {
        "engine_version": f"gpaw {version('gpaw')}, gpaw-data {version('gpaw-data')}, qc-atomdb {version('qc-atomdb')}",
        "method": f"{dft.params.xc.name}, LCAO, Hartree–Fock orbitals", "kpoints": len(bands.kpoints), "spin_polarised": False,
        "fermi_level": float(dft.ibzwfs.fermi_level) * Hartree, "energy": float(dft.calculate_energy()),
        "orbitals_in_scf": sum(setup.nao for setup in dft.setups), "orbitals_used": used,
    }  # fmt: skip
    return bands, record
