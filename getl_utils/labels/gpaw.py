"""Labels by GPAW: PBE in a basis of atomic orbitals (LCAO), 100 atoms in minutes on a workstation.

Larsen et al., Phys. Rev. B 80, 195112 (2009); Mortensen et al., J. Chem. Phys. 160, 092503 (2024).
Spin-polarised (collinear) if `moments` are given.

The wave functions are projected on the Hartree–Fock orbitals of free atoms, frozen core shells among the
bands (see `getl_utils.labels.projection.lcao`). ``data_examples/validation`` has the comparison with LOBSTER.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from ase import Atoms
from ase.units import Hartree
from pydantic import Field

from getl_utils.labels import common, dense, gpaw_waves, moments, paw_xc
from getl_utils.labels.engine import Engine, Job, LabelError, MeshSettings, Projected
from getl_utils.labels.projection import augmented, frozen_core, hartree_fock, lcao, spheres

BASES = Path(__file__).resolve().parents[2] / "atomistic_models" / "basis"
MAKE = ", or make tzp: python atomistic_models/basis/make_basis.py ELEMENT"
SMALL = "projection lobster in a small basis: values can be off by 10 %; set band_basis: tzp"
SPIN_MIXER = {"name": "pulay", "nmaxold": 8, "beta": 0.1}  # GPAW's own does not converge for glasses of iron


class Settings(MeshSettings, moments.SpinSettings):
    """Settings of engine `gpaw`. Threads: OMP_NUM_THREADS."""

    functional: str = Field("PBE", description="GPAW's name")
    waves: Literal["lcao", "pw"] = Field("lcao", description="atomic orbitals, or plane waves (crystals)")
    cutoff_energy: float = Field(400.0, gt=0, description="eV, of plane waves")
    basis: str = Field("szp(dzp)", description="GPAW's name")
    band_basis: str | None = Field(
        None, description="basis of the bands, in the density of `basis`; default: `basis`; more exact: tzp"
    )
    grid_spacing: float = Field(0.28, gt=0, description="Å")
    kpoints: tuple[int, int, int] = Field((1, 1, 1), description="a mesh that contains Γ")
    band_factor: float = Field(1.1, gt=0, description="bands of `band_kpoints` or `band_basis` per orbital")
    smearing: float = Field(0.108846, ge=0, description="eV, Fermi–Dirac; 0.008 Ry as the reference's DFT")
    max_iterations: int = Field(100, gt=0, description="SCF steps")
    density_tolerance: float = Field(1e-3, gt=0, description="electrons per valence electron")
    energy_tolerance: float = Field(5e-4, gt=0, description="eV per valence electron")
    projection: Literal["full", "lobster"] = Field("full", description="whose values are the label")
    forces: bool = Field(False, description="also the forces on the atoms, in the record")
    text: str | None = Field(None, description="file for GPAW's own output")

    @property
    def basis_of_bands(self) -> str:
        """The basis of the bands that are projected."""
        return self.band_basis or self.basis


class Gpaw(Engine):
    """GPAW in LCAO mode; see the module and `getl_utils.labels.engine.Engine`.

    Examples
    --------
    >>> Gpaw().label(Atoms("H"), orbitals={"H": ["1s"]}, minimum_distance=1, cutoff=3)
    Traceback (most recent call last):
    ValueError: engine gpaw needs a cell with atoms that is periodic in three directions
    """

    name = "gpaw"
    analyses = True
    Settings = Settings

    def missing(self) -> str | None:
        """Return None if GPAW and its data sets are installed, otherwise how to install them."""
        for package in ("gpaw", "gpaw_data"):
            if importlib.util.find_spec(package) is None:
                return f"the package {package.replace('_', '-')} is not installed; run: make engines"
        return hartree_fock.missing()

    def check(self, job: Job) -> None:
        """Refuse also a data set, a shell or a reference sphere that is not there, and moments of nothing."""
        super().check(job)
        s = job.settings
        for element in job.elements:
            valence = tuple(lcao._valence(_data_set(element, s)))
            frozen_core.core(element, tuple(job.orbitals[element]), valence, s.functional)
        without = [e for e in job.elements if e not in spheres.known()]
        if s.projection == "lobster" and s.waves == "lcao" and without:
            raise ValueError(
                f"projection lobster needs reference spheres of {', '.join(without)}, which are not in "
                "atomistic_models/paw/spheres.npz; use projection full, or waves: pw"
            )
        moments.check(s.moments, job.elements)

    def shells_of_data_sets(self, job: Job) -> dict[str, list[str]]:
        """Return the occupied shells of the free atom; in plane waves also the data set's empty ones."""
        found = {e: list(hartree_fock.expansions(e)) for e in job.elements}
        for element, names in found.items():
            held = lcao._valence(_data_set(element, job.settings))
            names += [n for n in held if n not in names and job.settings.waves == "pw"]
        return found

    @contextmanager
    def solve(self, job: Job) -> Iterator[Any]:
        """Hold GPAW's converged calculation."""
        s = job.settings
        dft = converged(job.atoms, s, common.count_orbitals(job.atoms, job.orbitals))
        yield _bands(dft, job) if s.waves == "lcao" and (s.band_kpoints or s.band_basis) else dft

    def project(self, dft: Any, job: Job) -> Projected:
        """Project the bands in both ways."""
        own = _moments(dft) | _forces(dft)
        if job.settings.waves == "pw":
            found = augmented.label(dft, job.atoms, job.orbitals, job.settings)
            return found._replace(record=found.record | own)
        parts = lcao.project(dft, job.atoms, job.orbitals)
        symbols = np.array(job.atoms.get_chemical_symbols())[parts.full.orbital_atoms]
        used = {e: list(dict.fromkeys(parts.shells[symbols == e].tolist())) for e in job.elements}
        programs = ", ".join(f"{name} {version(name)}" for name in ("gpaw", "gpaw-data", "qc-atomdb"))
        record = {
            "engine_version": programs, "method": f"{dft.params.xc.name}, LCAO, Hartree–Fock orbitals",
            "kpoints": len(parts.full.kpoints), "spin_polarised": dft.ibzwfs.nspins == 2,
            "orbitals_used": used, "fermi_level": float(dft.ibzwfs.fermi_level) * Hartree,
            "energy": float(dft.calculate_energy()),
            "orbitals_in_scf": sum(setup.nao for setup in dft.setups), **own,
        }  # fmt: skip
        return Projected(parts.bands(), record, _cells(job.atoms), augmented.electrons(dft, job.atoms, used))

    def judge(self, record: Mapping[str, Any], job: Job) -> list[str]:
        """Return warnings, also of moments that vanished, and of a basis too small for projection lobster."""
        s, symbols = job.settings, job.atoms.get_chemical_symbols()
        gone = moments.vanished(record.get("moments", []), symbols, s.moments or {})
        small = s.projection == "lobster" and s.waves == "lcao" and s.basis_of_bands.startswith("sz")
        return super().judge(record, job) + gone + ([SMALL] if small else [])


ENGINE = Gpaw()


def _data_set(element: str, settings: Settings) -> Any:
    """GPAW's data set of an element, and in atomic orbitals also its basis; ValueError if there is none."""
    from gpaw import setup_paths
    from gpaw.basis_data import Basis
    from gpaw.setup_data import SetupData

    if str(BASES) not in setup_paths:
        setup_paths.append(str(BASES))
    what = f"data set of {element} for {settings.functional}"
    try:
        data = SetupData(element, settings.functional)
        for name in (settings.basis, settings.basis_of_bands) if settings.waves == "lcao" else ():
            what = f"basis {name} of {element}; take waves: pw, or another basis{MAKE}"
            Basis.find(element, name)
    except FileNotFoundError:
        raise ValueError(f"GPAW has no {what}") from None
    return data


def _cells(atoms: Atoms) -> np.ndarray:
    """Lattice vectors by which GPAW moves each atom into the cell."""
    relative = atoms.get_scaled_positions(wrap=False)
    return np.rint(relative - atoms.get_scaled_positions() % 1 % 1).astype(int)


def _moments(dft: Any) -> dict[str, Any]:
    """The moment of the cell and those of the atoms' spheres, μ_B; nothing without spin."""
    if dft.ibzwfs.nspins == 1:
        return {}
    total, atoms = dft.density.calculate_magnetic_moments()
    return {"total_moment": float(total[2]), "moments": [round(float(m), 4) for m in atoms[:, 2]]}


def _forces(dft: Any) -> dict[str, Any]:
    """The forces on the atoms, eV/Å, if they were computed."""
    if "forces" not in dft.results:
        return {}
    found = dft.calculate_forces()
    largest = float(np.linalg.norm(found, axis=1).max())
    return {"largest_force": largest, "forces": found.round(4).tolist()}


def converged(atoms: Atoms, settings: Settings, orbitals: int = 0) -> Any:
    """Return GPAW's converged calculation of a structure.

    Parameters
    ----------
    atoms : Atoms
        Periodic in three directions.
    settings : Settings
        Settings.
    orbitals : int
        Number of orbitals, for plane waves of a large cell.

    Returns
    -------
    gpaw.dft.DFT
        The calculation.

    Raises
    ------
    LabelError
        The density did not converge.
    ValueError
        GPAW cannot set up the calculation.
    """
    import gpaw
    from gpaw.dft import DFT

    known, given = (KeyError, RuntimeError, FileNotFoundError), _input(settings)
    if settings.waves == "pw":
        given = gpaw_waves.parameters(given, settings, atoms, orbitals)
    try:
        with dense.overlaps():
            dft = DFT(_periodic(atoms, settings), **given)
    except known as error:
        formula = atoms.get_chemical_formula()
        raise ValueError(f"{formula}: GPAW cannot set up the calculation: {error}") from error
    if settings.waves == "lcao":
        dense.use(dft.scf_loop.hamiltonian.basis)
    paw_xc.use(dft.pot_calc.xc)
    try:
        dft.converge()
    except gpaw.ConvergenceError as error:
        raise LabelError(
            "SCF_NOT_CONVERGED",
            f"{atoms.get_chemical_formula()}: GPAW: {error}; raise max_iterations (now "
            f"{settings.max_iterations}) or smearing, or leave this structure out",
        ) from error
    if settings.forces:
        dft.calculate_forces()
    return dft


def _bands(dft: Any, job: Job) -> Any:
    """Bands in `band_basis`, on the mesh `band_kpoints`, in the density of `dft`, which stays as it is.

    The mesh is shifted off Γ, where few points serve best (Monkhorst and Pack, Phys. Rev. B 13, 5188 (1976)).
    """
    from gpaw.basis_data import Basis
    from gpaw.dft import DFT

    s = job.settings
    functions = {e: Basis.find(e, s.basis_of_bands).nao for e in job.elements}
    bands = s.band_factor * common.count_orbitals(job.atoms, job.orbitals)
    bands = min(int(np.ceil(bands)), sum(functions[e] for e in job.atoms.get_chemical_symbols()))
    changed = {"kpts": {"size": s.mesh, "gamma": s.band_kpoints is None}, "basis": s.basis_of_bands}
    with dense.overlaps():
        mesh = DFT(_periodic(job.atoms, s), **(_input(s) | changed | {"nbands": bands}))
    paw_xc.use(mesh.pot_calc.xc)
    mesh.density.nt_sR.data[:] = dft.density.nt_sR.data
    mesh.density.D_asii.data[:] = dft.density.D_asii.data
    mesh.potential, mesh.energies, _ = mesh.pot_calc.calculate(mesh.density, mesh.ibzwfs, dft.potential.vHt_x)
    if dense.use(mesh.scf_loop.hamiltonian.basis):
        hamiltonian = mesh.scf_loop.hamiltonian.create_hamiltonian_matrix_calculator(mesh.potential)
    else:
        hamiltonian = dense.MeshHamiltonian(mesh.scf_loop.hamiltonian.basis, mesh.potential)
    for wave in mesh.ibzwfs:
        dense.lowest_bands(wave, hamiltonian)
    electrons = mesh.density.nvalence - mesh.density.charge + mesh.pot_calc.charge
    energies = mesh.ibzwfs.calculate_occs(mesh.scf_loop.occ_calc, electrons)
    mesh.energies.set(**dict(zip(("band", "entropy", "extrapolation"), energies, strict=True)))
    if "forces" in dft.results:
        mesh.results["forces"] = dft.results["forces"]
    return mesh


def _periodic(atoms: Atoms, settings: Settings) -> Atoms:
    """The structure alone, with the initial moments."""
    start = [(settings.moments or {}).get(symbol, 0.0) for symbol in atoms.get_chemical_symbols()]
    return Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True, magmoms=start)


def _input(settings: Settings) -> dict[str, Any]:
    """GPAW's parameters; k and −k count once, no other symmetry is used."""
    spin = {"mixer": SPIN_MIXER} if any((settings.moments or {}).values()) else {}
    return spin | {
        "mode": "lcao",
        "basis": settings.basis,
        "xc": settings.functional,
        "h": settings.grid_spacing,
        "kpts": {"size": tuple(settings.kpoints), "gamma": True},
        "symmetry": {"point_group": False, "time_reversal": True},
        "nbands": "nao",
        "occupations": {"name": "fermi-dirac", "width": settings.smearing},
        "maxiter": settings.max_iterations,
        "convergence": {"density": settings.density_tolerance, "energy": settings.energy_tolerance},
        "txt": settings.text,
        "converge": False,
        "spinpol": settings.moments is not None,
    }
