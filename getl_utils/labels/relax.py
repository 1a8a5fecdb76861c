"""Relax the atoms of a cell by the forces of a label engine, as that of a poor potential before its label.

``relax(atoms, engine, settings, steps)`` moves the atoms downhill in a cell that stays as it is.
``relax_file`` does it for a file and writes ``relaxed.xyz``, ``relax.csv`` and ``relax.json``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms
from ase.units import Bohr, Hartree

from getl_utils.core import cells
from getl_utils.core.cells import CellKey
from getl_utils.core.once import once
from getl_utils.core.process import lock
from getl_utils.core.record import content_hash, write_csv
from getl_utils.files import frames
from getl_utils.labels import engine as engines
from getl_utils.labels import label

MOST = 0.1  # Å, the longest way of an atom in one step
STIFFNESS = 10.0  # eV/Å², at the start: of a metal; BFGS then learns it
CELL, TABLE, RECORD = "relaxed.xyz", "relax.csv", "relax.json"


class Relaxed(NamedTuple):
    """A relaxed cell.

    Attributes
    ----------
    atoms : Atoms
        The cell with the smallest force met, Å.
    steps : DataFrame
        ``step``, ``energy`` (eV), ``largest_force`` (eV/Å) and ``moved`` (Å, the longest way so far).
    """

    atoms: Atoms
    steps: pd.DataFrame


def forces(engine: str) -> Callable[[Atoms, Any], tuple[float, np.ndarray]]:
    """The function that gives energy (eV) and forces (eV/Å) of a cell.

    Parameters
    ----------
    engine : str
        Name of the engine.

    Returns
    -------
    callable
        Atoms and checked settings → energy and forces.

    Raises
    ------
    ValueError
        The engine has none.
    """
    known = {"gpaw": _gpaw, "xtb": _xtb}
    if engine not in known:
        raise ValueError(f"engine {engine} gives no forces; relax with {' or '.join(known)}")
    return known[engine]


def _gpaw(atoms: Atoms, settings: Any) -> tuple[float, np.ndarray]:
    from getl_utils.labels import gpaw

    dft = gpaw.converged(atoms, settings.model_copy(update={"forces": True}))
    return float(dft.calculate_energy()), dft.calculate_forces()


def _xtb(atoms: Atoms, settings: Any) -> tuple[float, np.ndarray]:
    from getl_utils.labels import xtb

    result = xtb.singlepoint(atoms, settings)
    return float(result.get("energy")) * Hartree, -result.get("gradient") * Hartree / Bohr


def relax(
    atoms: Atoms,
    engine: str,
    settings: Mapping[str, Any],
    steps: int,
    small: float = 0.05,
    say: Callable[[str], None] = lambda line: None,
) -> Relaxed:
    """Move the atoms downhill by BFGS; the cell stays as it is.

    Parameters
    ----------
    atoms : Atoms
        Periodic in three directions, Å.
    engine : str
        ``gpaw`` or ``xtb``.
    settings : mapping
        Settings of the engine.
    steps : int
        Moves, at most. Each takes one calculation, and the start takes one.
    small : float
        eV/Å; it ends when no force is larger.
    say : callable
        Gets one line per calculation.

    Returns
    -------
    Relaxed
        The cell and its way.

    Raises
    ------
    ValueError
        The engine has no forces, or a setting cannot be right.
    LabelError
        A calculation failed.
    """
    from ase.optimize import BFGS

    moving, rows = atoms.copy(), []
    moving.calc = _calculator(forces(engine), engines.get(engine).read(settings))
    best, smallest = moving.copy(), np.inf
    downhill = BFGS(moving, logfile=None, maxstep=MOST, alpha=STIFFNESS)
    for number, _ in enumerate(downhill.irun(fmax=small, steps=steps)):
        largest = float(np.linalg.norm(moving.get_forces(), axis=1).max())
        moved = float(np.linalg.norm(moving.positions - atoms.positions, axis=1).max())
        rows.append((number, float(moving.get_potential_energy()), largest, moved))
        say(
            f"step {number} of {steps}: {rows[-1][1]:.3f} eV, largest force {largest:.2f} eV/Å, {moved:.2f} Å"
        )
        if largest < smallest:
            best, smallest = moving.copy(), largest
    best.calc = None
    return Relaxed(best, pd.DataFrame(rows, columns=["step", "energy", "largest_force", "moved"]))


def _calculator(compute: Callable[[Atoms, Any], tuple[float, np.ndarray]], settings: Any) -> Any:
    """The function as ASE's optimisers want it."""
    from ase.calculators.calculator import Calculator, all_changes

    class _Forces(Calculator):
        implemented_properties = ("energy", "forces")

        def calculate(
            self, atoms: Any = None, properties: Any = (), system_changes: Any = all_changes
        ) -> None:
            super().calculate(atoms, properties, system_changes)
            self.results = dict(zip(("energy", "forces"), compute(self.atoms, settings), strict=True))

    return _Forces()


def relax_file(
    structure: Path,
    folder: Path,
    engine: str,
    settings: Mapping[str, Any],
    steps: int,
    elements: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Relax the first structure of a file, unless that is done.

    Parameters
    ----------
    structure : Path
        File of the structure, in one of the formats of `frames.readings`.
    folder : Path
        Gets ``relaxed.xyz``, ``relax.csv`` and, last, ``relax.json``.
    engine : str
        ``gpaw`` or ``xtb``.
    settings : mapping
        Settings of the engine.
    steps : int
        Moves, at most.
    elements : sequence of str
        Of the LAMMPS types, where the file does not name them.
    say : callable
        Gets one line per calculation.

    Returns
    -------
    dict
        Content of ``relax.json``.

    Raises
    ------
    ValueError
        The file is no structure, the engine has no forces, or the folder holds another relaxation.
    RuntimeError
        The engine is not installed.
    LabelError
        A calculation failed.
    """
    forces(engine)
    label.require(engine)
    identity = {"structure": content_hash(structure), "engine": engine, "settings": dict(settings)}
    identity |= {"steps": steps, "elements": list(elements)}

    def _make() -> dict[str, Any]:
        found = relax(frames.read_structure(structure, elements), engine, settings, steps, say=say)
        key = CellKey(found.atoms.get_chemical_formula(), 0, 0)
        cells.write(folder / CELL, found.atoms, key)
        write_csv(folder / TABLE, found.steps.round(6))
        first, best = found.steps.iloc[0], found.steps.loc[found.steps.largest_force.idxmin()]
        return {
            "calculations": len(found.steps), "largest_force_before": first.largest_force,
            "largest_force": best.largest_force, "gained": first.energy - best.energy, "moved": best.moved,
        }  # fmt: skip

    with lock(folder):
        return once(folder / RECORD, identity, _make, [CELL, TABLE])
