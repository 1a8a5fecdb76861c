"""Melt–quench by ASE's own dynamics, with any calculator that may be named: the protocol of `quench`.

The thermostat and barostat are Berendsen's (J. Chem. Phys. 81, 3684 (1984)), which take a falling
temperature. They relax a glass as LAMMPS's do, but do not sample the fluctuations of the ensemble. Files and
records are those of a quench by LAMMPS; the log has the columns of LAMMPS's.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms, units
from ase.data import atomic_masses, atomic_numbers
from ase.md.nptberendsen import NPTBerendsen
from ase.md.velocitydistribution import MaxwellBoltzmannDistribution, Stationary
from ase.optimize import FIRE
from scipy.spatial import cKDTree

from getl_utils.core import process
from getl_utils.core.neighbours import check_finite
from getl_utils.core.once import once
from getl_utils.core.parameters import Quench
from getl_utils.core.parameters.calculators import check_calculator
from getl_utils.core.progress import line
from getl_utils.core.record import atomic_write
from getl_utils.files import lammps_data

COMPRESSIBILITY = 1 / (100 * units.GPa)  # of a metal; with the damping it sets how fast the volume follows
MOST_TRIES = 10_000  # places tried for one atom
MOST_STEPS = 500  # of the minimisation of the random start
LARGEST_FORCE = 1.0  # eV/Å, at which it ends
COLUMNS = ("Step", "TotEng", "Temp", "Press", "PotEng", "Volume", "Density", "Lx", "Ly", "Lz")


def calculator(name: str, arguments: Mapping[str, Any]) -> Any:
    """Make a calculator that the parameters may name.

    Parameters
    ----------
    name : str
        Dotted name of its class; see `core.parameters.calculators`.
    arguments : mapping
        Its arguments.

    Returns
    -------
    Calculator
        ASE's.

    Raises
    ------
    ValueError
        It may not be named.
    RuntimeError
        Its package is not installed, or it does not take these arguments.
    """
    check_calculator(name, arguments)
    module, _, kind = name.rpartition(".")
    try:
        return getattr(importlib.import_module(module), kind)(**arguments)
    except (ImportError, AttributeError, TypeError) as error:
        raise RuntimeError(
            f"calculator {name}: {error}; install the package {module.split('.')[0]}"
        ) from error


def start(counts: Mapping[str, int], settings: Quench, random: np.random.Generator) -> Atoms:
    """Atoms at random in a cube, none closer than `initial_distance`.

    Parameters
    ----------
    counts : mapping
        Element → number of atoms.
    settings : Quench
        Volume and distance of the start.
    random : Generator
        Source of the places.

    Returns
    -------
    Atoms
        The start, Å.

    Raises
    ------
    RuntimeError
        An atom found no place.
    """
    symbols = [name for name, number in counts.items() for _ in range(number)]
    side = (len(symbols) * settings.initial_volume_per_atom) ** (1 / 3)
    places: list[np.ndarray] = []
    for _ in symbols:
        tree = cKDTree(np.array(places), boxsize=side) if places else None
        for _ in range(MOST_TRIES):
            place = random.uniform(0, side, 3)
            if tree is None or tree.query(place)[0] >= settings.initial_distance:
                places.append(place)
                break
        else:
            raise RuntimeError(
                f"only {len(places)} of {len(symbols)} atoms found a place: raise initial_volume_per_atom or "
                "lower initial_distance"
            )
    masses = [settings.masses.get(name, atomic_masses[atomic_numbers[name]]) for name in symbols]
    return Atoms(symbols, places, cell=[side] * 3, pbc=True, masses=masses)


def run(
    counts: Mapping[str, int], settings: Quench, elements: list[str], folder: Path, seed: int, progress: Any
) -> None:
    """Random start, minimisation, melt, quench and anneal; write the log and the last frame.

    Parameters
    ----------
    counts : mapping
        Element → number of atoms.
    settings : Quench
        The protocol, with `calculator`.
    elements : list of str
        In the order of the types.
    folder : Path
        Gets ``log.lammps``, ``final.dump`` and ``final.data``.
    seed : int
        Of the places and velocities.
    progress : bool or str
        As `progress.line` takes it.

    Raises
    ------
    RuntimeError
        The calculator is not installed, failed, or lost the atoms.
    """
    random = np.random.default_rng(seed)
    atoms = start(counts, settings, random)
    atoms.calc = calculator(settings.calculator, settings.calculator_arguments)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with open(folder / "log.lammps", "w") as log:
            log.write(f"ASE, {settings.calculator}; columns as LAMMPS has them\n")
            _go(atoms, settings, random, log, progress, folder)
    except (NotImplementedError, ArithmeticError, ValueError, np.linalg.LinAlgError) as error:
        raise RuntimeError(f"{settings.calculator} failed in {folder}: {error}") from error
    _write(atoms, elements, folder)


def _go(atoms: Atoms, p: Quench, random: Any, log: Any, progress: Any, folder: Path) -> None:
    FIRE(atoms, logfile=None).run(fmax=LARGEST_FORCE, steps=MOST_STEPS)
    MaxwellBoltzmannDistribution(atoms, temperature_K=p.melt_temperature, rng=random)
    Stationary(atoms)
    dynamics = NPTBerendsen(
        atoms,
        timestep=p.timestep * 1000 * units.fs,
        temperature_K=p.melt_temperature,
        pressure_au=p.pressure * 1e5 * units.Pascal,
        taut=p.thermostat_damping * 1000 * units.fs,
        taup=p.barostat_damping * 1000 * units.fs,
        compressibility_au=COMPRESSIBILITY,
    )
    stages = list(_stages(p))
    done, name = 0, "/".join(folder.absolute().parts[-3:])
    with line(name, sum(steps for steps, *_ in stages), "steps", progress) as bar:
        for steps, first, last in stages:
            log.write(" ".join(COLUMNS) + "\n")
            for k in range(0, steps, p.thermo_every):
                few = min(p.thermo_every, steps - k)
                dynamics.set_temperature(temperature_K=first + (last - first) * (k + few) / steps)
                dynamics.run(few)
                done += few
                _check(atoms, p)
                log.write(" ".join(f"{value:.10g}" for value in _thermo(atoms, done)) + "\n")
                log.flush()
                bar.update(few)
            log.write(f"Loop time of 0 on 1 procs for {steps} steps with {len(atoms)} atoms\n")


def _stages(p: Quench) -> Iterator[tuple[int, float, float]]:
    """Steps, first and last temperature of melt, quench and anneal."""
    warm, cold = p.melt_temperature, p.final_temperature
    yield round(p.melt_time / p.timestep), warm, warm
    yield round((warm - cold) / (p.quench_rate * 1e-12) / p.timestep), warm, cold
    yield round(p.anneal_time / p.timestep), cold, cold


def _check(atoms: Atoms, p: Quench) -> None:
    """Refuse what a potential that explodes leaves."""
    check_finite(atoms)
    volume = atoms.get_volume() / len(atoms)
    if not volume < 10 * p.initial_volume_per_atom:
        raise ValueError(
            f"the cell has {volume:.0f} Å³ for each atom: the potential does not hold the atoms together, or "
            "the timestep is too long"
        )


def _thermo(atoms: Atoms, step: int) -> list[float]:
    kinetic, potential, volume = (
        atoms.get_kinetic_energy(),
        atoms.get_potential_energy(),
        atoms.get_volume(),
    )
    pressure = -np.trace(atoms.get_stress(voigt=False, include_ideal_gas=True)) / 3 / (1e5 * units.Pascal)
    density = atoms.get_masses().sum() / volume / units.mol * 1e24
    temperature = atoms.get_temperature()
    edges = atoms.cell.lengths()
    return [step, kinetic + potential, temperature, pressure, potential, volume, density, *edges]


def _write(atoms: Atoms, elements: list[str], folder: Path) -> None:
    """The last frame, as a dump and as a data file."""
    atoms.wrap()
    lines = ["ITEM: TIMESTEP", "0", "ITEM: NUMBER OF ATOMS", str(len(atoms)), "ITEM: BOX BOUNDS pp pp pp"]
    lines += [f"0 {edge:.15g}" for edge in atoms.cell.lengths()]
    lines.append("ITEM: ATOMS id type xs ys zs")
    for n, (symbol, place) in enumerate(zip(atoms.symbols, atoms.get_scaled_positions(), strict=True), 1):
        lines.append(f"{n} {elements.index(symbol) + 1} " + " ".join(f"{x:.12g}" for x in place))
    with atomic_write(folder / "final.dump") as temporary:
        temporary.write_text("\n".join(lines) + "\n")
    lammps_data.write_data(folder / "final.data", atoms, elements)


def run_once(
    counts: Mapping[str, int],
    settings: Quench,
    elements: list[str],
    identity: dict[str, Any],
    directory: str | Path,
    facts: Mapping[str, Any],
    progress: Any,
) -> dict[str, Any]:
    """Run a quench unless the record in the folder says that it was done.

    Parameters
    ----------
    counts : mapping
        Element → number of atoms.
    settings : Quench
        The protocol, with `calculator`.
    elements : list of str
        In the order of the types.
    identity : dict
        What the run is made of, as JSON.
    directory : str or Path
        Folder of the run.
    facts : mapping
        What else the record says.
    progress : bool or str
        As `progress.line` takes it.

    Returns
    -------
    dict
        The record.
    """
    folder = Path(directory)

    def make() -> dict[str, Any]:
        """Run it; who computed the forces."""
        run(counts, settings, elements, folder, identity["seed"], progress)
        return {**facts, "calculator": settings.calculator}

    with process.lock(folder):
        return once(folder / "quench.json", identity, make, ["final.*"])
