"""Labels by GPAW: PBE in a basis of atomic orbitals (LCAO), 100 atoms in minutes on a workstation.

Larsen et al., Phys. Rev. B 80, 195112 (2009); Mortensen et al., J. Chem. Phys. 160, 092503 (2024). Not spin-polarised.

The wave functions are ψ_n = Σ_μ C_μn φ_μ, so ⟨φ_μ|ψ_n⟩ = (S C)_μn with the overlap S of the basis, PAW corrections included.
Which orbitals: the shells asked for that GPAW's basis has as atomic functions; its polarisation functions are left out of
the projection, not of the SCF.

Against the 738 LOBSTER bonds of one Zr49Cu49Al2 cell of 100 atoms (Γ, other settings as below; spilling of charge 0.8 %),
LOBSTER ≈ slope · label + intercept:

             Zr-Zr   Zr-Cu   Cu-Cu   Zr-Al   Cu-Al
  bonds        188     378     143      16      13
  correlation 0.998   0.989   0.981   0.991   0.994
  slope        1.08    1.54    1.81    0.97    1.52
  intercept   −0.01    0.08    0.01   −0.11    0.01  eV
  RMSE         0.12    0.25    0.18    0.09    0.36  eV
  after map    0.04    0.05    0.05    0.05    0.07  eV

So these labels order the bonds of a type as LOBSTER does, but −ICOHP with Cu is too small, by 1.5 to 1.8: GPAW's Cu 4s is
confined, LOBSTER's is that of a free Hartree–Fock atom (Bunge). Never mix the two in one database. No correction
is applied here.

That cell took 32 SCF steps of 13 s on one core (7 min of processor time, 0.5 s of it for the ICOHPs). With `density_tolerance`
1e-3 it takes 21, and the ICOHPs differ by 0.001 eV (root mean square; the largest by 0.010 eV).
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

from getl_utils.bonds import neighbour_table
from getl_utils.cohp import ProjectedBands, icohp, spilling
from getl_utils.engines import COLUMNS, Label, LabelError, _common, _dense

_DEFAULTS: dict[str, Any] = {
    "functional": "PBE",
    "basis": "szp(dzp)",
    "grid_spacing": 0.22,  # Å
    "kpoints": [1, 1, 1],  # a mesh that contains Γ
    "smearing": 0.108846,  # eV, Fermi–Dirac: 0.008 Ry as the reference's DFT
    "max_iterations": 100,
    "density_tolerance": 1e-4,  # electrons per valence electron
    "energy_tolerance": 5e-4,  # eV per valence electron
    "minimum_projection": 0.5,
    "most_spilling": 0.1,  # of the charge; above it a warning travels with the label
    "text": None,  # file for GPAW's own output
}


class Gpaw:
    """GPAW in LCAO mode; see the module and `getl_utils.engines.Engine`."""

    name = "gpaw"
    preview = False

    def missing(self) -> str | None:
        """None if GPAW and its data sets are installed, otherwise how to install them."""
        for package in ("gpaw", "gpaw_data"):
            if importlib.util.find_spec(package) is None:
                return f"the package {package.replace('_', '-')} is not installed; run: make engines"
        return None

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
        settings : `functional`, `basis` (GPAW's names), `grid_spacing` (Å), `kpoints` (mesh with Γ), `smearing` (eV),
            `max_iterations`, `density_tolerance`, `energy_tolerance` (eV), both per valence electron, `minimum_projection`,
            `most_spilling` (charge spilling that earns a warning), `text` (file for GPAW's output). Threads: OMP_NUM_THREADS.

        Raises
        ------
        LabelError : SCF_NOT_CONVERGED, or NO_ICOHP if an element has none of its orbitals or the projection fails.
        ValueError : not periodic, a cell thinner than the cutoff, atoms too close, an element without data set.

        Examples
        --------
        >>> Gpaw().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
        Traceback (most recent call last):
        ValueError: engine gpaw needs a cell with atoms that is periodic in three directions
        """
        settings = _common.settings(settings, _DEFAULTS, self.name)
        mesh, formula = settings["kpoints"], atoms.get_chemical_formula()
        _common.check(atoms, orbitals, cutoff, self.name, mesh, f"with {mesh} k points")
        start = time.perf_counter()
        dft = _scf(atoms, settings)
        middle = time.perf_counter()
        try:
            bands, record = _bands(dft, atoms, orbitals)
            table, folded = _common.fold(neighbour_table(atoms, cutoff), mesh)
            table["icohp"] = icohp(bands, _wrapped(table, atoms), settings["minimum_projection"]) / table.pop("ties")
            record |= spilling(bands, settings["minimum_projection"])
        except ValueError as error:
            raise LabelError("NO_ICOHP", f"{formula}: {error}") from error
        table = table[table.distance >= minimum_distance].sort_values(COLUMNS[:5], ignore_index=True)
        end = time.perf_counter()
        record |= {"engine": self.name, "preview": self.preview, "settings": settings, "folded_images": folded}
        record |= {"seconds": end - start, "seconds_scf": middle - start, "seconds_cohp": end - middle}
        return Label(table[COLUMNS], record | {"warnings": _common.warnings(record, settings["most_spilling"])})


ENGINE = Gpaw()


def _wrapped(table: Any, atoms: Atoms) -> np.ndarray:
    """The bonds (n, 5) with the translations they have between GPAW's atoms, which it moves into the cell."""
    cells = _cells(atoms)
    shifts = table[COLUMNS[2:5]].to_numpy(int) + cells[table.j] - cells[table.i]
    return np.column_stack([table[["i", "j"]].to_numpy(int), shifts])


def _cells(atoms: Atoms) -> np.ndarray:
    relative = atoms.get_scaled_positions(wrap=False)
    return np.rint(relative - atoms.get_scaled_positions() % 1 % 1).astype(int)


def _scf(atoms: Atoms, settings: Mapping[str, Any]) -> Any:
    import gpaw
    from gpaw.dft import DFT

    known = (KeyError, RuntimeError, FileNotFoundError)
    try:
        dft = DFT(Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True), **_input(settings))
    except known as error:
        raise ValueError(f"{atoms.get_chemical_formula()}: GPAW cannot set up the calculation: {error}") from error
    _dense.use(dft.scf_loop.hamiltonian.basis)
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


def _bands(dft: Any, atoms: Atoms, orbitals: Mapping[str, Sequence[str]]) -> tuple[ProjectedBands, dict[str, Any]]:
    owners, shells = _shells(dft.setups)
    symbols = np.array(atoms.get_chemical_symbols())[owners]
    keep, choice = _common.choose(symbols, shells, orbitals, f"GPAW's basis {dft.params.basis}")
    waves = sorted(dft.ibzwfs, key=lambda wave: wave.k)
    fermi = float(dft.ibzwfs.fermi_level) * Hartree
    overlaps = np.array([wave.S_MM.data for wave in waves])
    bands = ProjectedBands(
        energies=np.array([[wave.eig_n * Hartree - fermi for wave in waves]]),
        occupations=np.array([[2 * wave.occ_n for wave in waves]]),
        projections=np.array([[(s @ w.C_nM.data.T)[keep] for s, w in zip(overlaps, waves, strict=True)]]),
        overlaps=overlaps[:, keep][:, :, keep],
        kpoints=np.array([wave.kpt_c for wave in waves]),
        weights=np.array([wave.weight for wave in waves]),
        orbital_atoms=owners[keep],
        time_reversal=True,
    )
    record = {
        "engine_version": f"gpaw {version('gpaw')}, gpaw-data {version('gpaw-data')}",
        "method": f"{dft.params.xc.name}, LCAO", "kpoints": len(waves), "spin_polarised": False, "fermi_level": fermi,
        "energy": float(dft.calculate_energy()), "orbitals_in_scf": len(owners),
    }  # fmt: skip
    return bands, record | choice


def _shells(setups: Any) -> tuple[np.ndarray, np.ndarray]:
    """Atom and shell name of every function; one that is no shell of the atom has its type for a name."""
    owners, names = [], []
    for atom, setup in enumerate(setups):
        for function in setup.basis.bf_j:
            count, letter = 2 * function.l + 1, "spdf"[function.l]
            atomic = function.n is not None and function.type.endswith("-sz confined orbital")
            owners += [atom] * count
            names += [f"{function.n}{letter}" if atomic else f"{letter} ({function.type})"] * count
    return np.array(owners), np.array(names)
