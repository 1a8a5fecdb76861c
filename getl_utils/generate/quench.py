"""Melt–quench by LAMMPS: the protocol, its input text, and the run."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ase import Atoms
from ase.data import atomic_masses, atomic_numbers
from pydantic import Field

from getl_utils.core.parameters import Quench
from getl_utils.core.record import content_hash
from getl_utils.core.workdir import find_potential
from getl_utils.files.lammps import last_frame
from getl_utils.generate import dynamics
from getl_utils.generate.lammps import run_id, run_once

# First lines of every input. neighbor: exact as any (rebuilt when needed), and 15 % faster than the default.
START = ("units metal", "boundary p p p", "atom_style atomic", "neighbor 1.0 bin")


class Protocol(Quench):
    """A melt–quench of given elements; the defaults are the published ones (Phys. Rev. Materials 4, 113603).

    Examples
    --------
    >>> Protocol(potential="ZrCuAl.eam", elements=["Zr", "Cu", "Al"]).quench_steps
    100000000
    """

    elements: list[str] = Field(min_length=1, description="symbols in the order of the types")

    @property
    def melt_steps(self) -> int:
        """Melt time / timestep."""
        return round(self.melt_time / self.timestep)

    @property
    def quench_steps(self) -> int:
        """(T_melt − T_final) / (quench rate · timestep)."""
        kelvin_per_ps = self.quench_rate * 1e-12
        return round((self.melt_temperature - self.final_temperature) / kelvin_per_ps / self.timestep)

    @property
    def anneal_steps(self) -> int:
        """Anneal time / timestep."""
        return round(self.anneal_time / self.timestep)


def input_text(counts: Mapping[str, int], protocol: Protocol, seed: int) -> str:
    """LAMMPS input: random start, CG at constant volume, NPT melt, NPT quench, NPT anneal with a dump.

    Parameters
    ----------
    counts : mapping
        Element → number of atoms.
    protocol : Protocol
        The melt–quench.
    seed : int
        One seed per element and one for the velocities are drawn from it, all different.

    Returns
    -------
    str
        The input.

    Raises
    ------
    ValueError
        There are no atoms, or an element that the protocol does not list.

    Examples
    --------
    >>> text = input_text({"Cu": 50, "Zr": 50}, Protocol(potential="a.eam", elements=["Zr", "Cu"]), seed=1)
    >>> [line for line in text.splitlines() if line.startswith("run")]
    ['run 1000000', 'run 100000000', 'run 1000000']
    """
    if set(counts) - set(protocol.elements) or sum(counts.values()) < 1 or min(counts.values()) < 0:
        raise ValueError(f"cannot place {dict(counts)}: give numbers of atoms, of {protocol.elements} only")
    *seeds, velocity_seed = random.Random(seed).sample(range(1, 900_000_000), len(protocol.elements) + 1)
    p, warm, cold = protocol, protocol.melt_temperature, protocol.final_temperature
    lines = [
        *_start(counts, p, seeds),
        *interaction(p),
        f"timestep {p.timestep}",
        *_thermo(p),
        "min_style cg",
        f"minimize 0.0 1.0e-8 {p.minimisation_steps} 10000",
        "reset_timestep 0",
        f"velocity all create {warm} {velocity_seed} mom yes rot no dist gaussian",
        _npt(p, warm, warm),
        f"run {p.melt_steps}",
        _npt(p, warm, cold),
        f"run {p.quench_steps}",
        _npt(p, cold, cold),
        f"dump final all custom {p.dump_every} final.dump id type xs ys zs",
        "dump_modify final sort id first yes format float %.12g",
        f"run {p.anneal_steps}",
        "write_restart final.restart",
        "write_data final.data nocoeff",
    ]
    return "\n".join(lines) + "\n"


def _start(counts: Mapping[str, int], protocol: Protocol, seeds: Sequence[int]) -> list[str]:
    """Atoms at random in a cube.

    Freely random atoms may start within each other's core, where a tabulated EAM does not repel them: of 13
    such starts of 100 atoms with the published potential one lost atoms and one kept fused ones (+50 eV).
    Hence the least distance.
    """
    total = sum(counts.values())
    half = (total * protocol.initial_volume_per_atom) ** (1 / 3) / 2
    apart = f" overlap {protocol.initial_distance} maxtry 10000" if protocol.initial_distance else ""
    side = f"{-half:.6f} {half:.6f}"
    return [
        *START,
        f"region start block {side} {side} {side}",
        f"create_box {len(protocol.elements)} start",
        *(
            f"create_atoms {kind} random {counts[name]} {seed} NULL{apart}"
            for kind, name, seed in zip(range(1, len(seeds) + 1), protocol.elements, seeds, strict=True)
            if counts.get(name)
        ),
        f'if "$(atoms) != {total}" then "print \'ERROR: only $(atoms) of {total} atoms found a place: '
        'raise initial_volume_per_atom or lower initial_distance\'" "quit 1"',
    ]


def interaction(protocol: Protocol) -> list[str]:
    """Pair style and masses in LAMMPS's words; the masses stand after it because EAM files bring their own.

    Parameters
    ----------
    protocol : Protocol
        Its pair style, potential, elements and masses are used.

    Returns
    -------
    list of str
        Lines of the input.
    """
    words = {"potential": f'"{protocol.potential}"', "elements": " ".join(protocol.elements)}
    masses = [protocol.masses.get(name, atomic_masses[atomic_numbers[name]]) for name in protocol.elements]
    return [
        f"pair_style {protocol.pair_style}",
        f"pair_coeff {protocol.pair_coeff.format(**words)}",
        *(f"mass {kind} {mass:.6g}" for kind, mass in enumerate(masses, 1)),
    ]


def _thermo(protocol: Protocol) -> list[str]:
    return [
        f"thermo {protocol.thermo_every}",
        "thermo_style custom step etotal temp press pe vol density lx ly lz enthalpy",
        "thermo_modify flush yes format float %.10g",
    ]


def _npt(protocol: Protocol, start: float, stop: float) -> str:
    p = protocol
    barostat = f"iso {p.pressure} {p.pressure} {p.barostat_damping}"
    return f"fix ensemble all npt temp {start} {stop} {p.thermostat_damping} {barostat}"


def identified(protocol: Protocol) -> tuple[Protocol, dict[str, Any]]:
    """A protocol with its potential's absolute path, and as JSON with the potential by content.

    The content identifies the potential, so that a folder that was moved holds the same run.

    Parameters
    ----------
    protocol : Protocol
        The melt–quench.

    Returns
    -------
    tuple
        The protocol with the path, and what identifies it.

    Raises
    ------
    FileNotFoundError
        As `workdir.find_potential`.
    """
    known = protocol.model_dump(mode="json")
    if not protocol.calculator:  # records of runs by LAMMPS do not have these names
        known = {name: value for name, value in known.items() if not name.startswith("calculator")}
    if protocol.minimisation_steps == Quench.model_fields["minimisation_steps"].default:
        del known["minimisation_steps"]  # records of earlier versions do not have it
    if not protocol.potential:
        return protocol, known
    potential = Path(find_potential(protocol.potential))
    known |= {"potential": f"{potential.name} {content_hash(potential)}"}
    return protocol.model_copy(update={"potential": str(potential)}), known


def melt_quench(
    counts: Mapping[str, int],
    protocol: Protocol,
    directory: str | Path,
    seed: int,
    command: str = "lmp",
    progress: bool | str = True,
) -> Atoms:
    """Melt and quench in a folder, unless that was done.

    ``quench.json`` is written last and says that the run is whole. Without it the run starts from scratch.

    Parameters
    ----------
    counts : mapping
        Element → number of atoms.
    protocol : Protocol
        The melt–quench.
    directory : str or Path
        Folder of the run. ``final.data`` and ``final.restart`` hold its last step.
    seed : int
        As for `input_text`.
    command : str
        The program.
    progress : bool or str
        As `progress.line` takes it.

    Returns
    -------
    Atoms
        The last frame of ``final.dump``, the published workflow's choice; positions and cell in Å.

    Raises
    ------
    ValueError
        The folder holds the run of another protocol, seed or composition. The message names what differs.
    FileNotFoundError
        The potential or LAMMPS is not there.
    RuntimeError
        LAMMPS failed.
    """
    protocol, known = identified(protocol)
    placed = {name: number for name, number in counts.items() if number}
    identity = {"counts": placed, "seed": seed, **known}
    if protocol.calculator:
        facts = {"run_id": run_id("quench", identity)}
        dynamics.run_once(placed, protocol, protocol.elements, identity, directory, facts, progress)
    else:
        run_once("quench", input_text(counts, protocol, seed), identity, directory, command, progress)
    return last_frame(Path(directory) / "final.dump", protocol.elements)
