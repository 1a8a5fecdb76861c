"""Parameters of `getl spectra`: which crystals, and how their spectra are computed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path as File
from typing import Annotated, Literal, NamedTuple

from pydantic import Field, PositiveInt, ValidationError, model_validator

from getl_utils.core.bonds import parse_composition
from getl_utils.core.parameters.base import Path, Settings, Unique, explain, field
from getl_utils.core.parameters.extending import extended, load
from getl_utils.core.parameters.train import Graph

Prototype = Literal["fcc", "bcc", "hcp", "B2", "L1_0", "L1_2", "C1", "C11b", "C15"]
# atoms of each species in the formula; the first species is the one with the first number
FORMULAS: dict[str, tuple[int, ...]] = {
    "fcc": (1,), "bcc": (1,), "hcp": (1,), "B2": (1, 1), "L1_0": (1, 1), "L1_2": (1, 3), "C1": (1, 2),
    "C11b": (1, 2), "C15": (1, 2),
}  # fmt: skip


class Crystal(NamedTuple):
    """One crystal of the list."""

    name: str
    prototype: str
    species: tuple[str, ...]
    strain: float


class Response(Settings):
    """How a spectrum is computed."""

    functional: str = field("GPAW's name", "PBE")
    cutoff_energy: float = field("eV, of plane waves", 300.0, gt=0, le=2000)
    scf_density: float = field("points per Å⁻¹ of the mesh of the density", 3.0, gt=0, le=40)
    density: float = field("points per Å⁻¹ of the mesh of the spectrum", 5.0, gt=0, le=80)
    inside: Annotated[PositiveInt, Field(le=10)] = field(
        "parts of a step of that mesh, followed by k·p theory", 5
    )
    smearing: float = field("eV, Fermi–Dirac", 0.05, ge=0.01, le=1)
    highest: float = field(
        "eV: free electrons up to this energy fill as many bands as are added", 35.0, gt=0, le=500
    )
    step: float = field("eV, of the energies", 0.05, gt=0, le=1)
    largest: float = field("eV: transitions of at most this energy", 60.0, gt=1, le=1000)
    density_tolerance: float = field("electrons per valence electron", 1e-4, gt=0, le=0.1)
    max_iterations: PositiveInt = field("SCF steps", 200, le=10_000)
    most_change: float = field(
        "ΔE between the mesh and one half as fine; above it the spectrum is refused", 10.0, gt=0, le=200
    )


class Light(Settings):
    """What broadens a spectrum and sets its colour."""

    rate: float = field("eV, γ of the Drude term in colours", 0.1, gt=0, le=10)
    broadening: float = field("eV, η of the other transitions in colours", 0.1, gt=0, le=10)


class Optics(Light):
    """The parameters of `getl spectra`."""

    work_dir: Path = field("folder of the spectra")
    crystals: dict[Prototype, Annotated[list[str], Field(min_length=1), Unique]] = field(
        "prototype → formulas, e.g. fcc: [Al], L1_2: [Cu3Au]", min_length=1
    )
    strains: list[Annotated[float, Field(gt=-0.3, lt=0.3)]] = field("of all lengths", [0.0])
    strained: list[str] = field("formulas that are made at every strain; the others at the first", [])
    volumes: dict[str, Annotated[float, Field(gt=0, le=200)]] = field(
        "element → Å³ per atom, instead of that of the element's own crystal", {}
    )
    response: Response = Response()

    @model_validator(mode="after")
    def _formulas_fit_their_prototypes(self) -> Optics:
        known = {formula for formulas in self.crystals.values() for formula in formulas}
        for formula in self.strained:
            if formula not in known:
                raise ValueError(f"`strained`: {formula!r} is not among `crystals`")
        names = [one.name for one in self.listed()]
        if len(set(names)) < len(names):
            raise ValueError("`strains`: a value is there twice")
        return self

    def listed(self) -> Iterator[Crystal]:
        """List the crystals in the order of the file.

        Yields
        ------
        Crystal
            Each crystal.

        Raises
        ------
        ValueError
            A formula does not fit its prototype.
        """
        for prototype, formulas in self.crystals.items():
            for formula in formulas:
                species = _species(prototype, formula)
                for strain in self.strains if formula in self.strained else self.strains[:1]:
                    mark = f"{strain:+.3f}" if strain else ""
                    yield Crystal(f"{prototype}-{formula}{mark}", prototype, species, strain)


class Elements(Settings):
    """Spectra of alloys as means of those of their elements."""

    kind: Literal["elements"] = field("which model", "elements")
    mean: Literal["epsilon", "electrons"] = field(
        "what is averaged: ε, or the electrons an atom has at each energy, which then follow the volume",
        "electrons",
    )


class Ridge(Settings):
    """Kernel ridge regression on composition, volume and mean distances."""

    kind: Literal["ridge"] = field("which model", "ridge")
    cutoff: float = field("Å, longest distance", 5.0, gt=2, le=8)
    n_radial: int = field("Gaussians of the distance", 8, ge=2, le=128)


class Crystals(Graph):
    """A graph network over crystals; needs `make graph`."""

    cutoff: float = field("Å, longest edge", 4.5, gt=2, le=8)
    angle_cutoff: float = field("Å, longest edge that has angles; 0: no angles", 3.5, ge=0, le=6)
    n_radial: int = field("Gaussians of the distance", 16, ge=2, le=128)
    l_max: int = field("largest degree of the harmonics of the angle", 2, ge=0, le=10)
    atoms: Literal["mean", "attention"] = field("how a crystal sums over its atoms", "mean")
    width: int = field("numbers of an atom and of an edge", 16, ge=4, le=512)
    epochs: int = field("steps; each sees all crystals", 300, ge=1, le=100_000)
    rate: float = field("largest step of the optimiser", 1e-2, gt=0, le=1)
    calibration: int = field("networks of the ensembles that leave out crystals to find σ", 2, ge=1, le=50)


Spectral = Annotated[Elements | Ridge | Crystals, Field(discriminator="kind")]


def _species(prototype: str, formula: str) -> tuple[str, ...]:
    """The elements of a formula, the rarest first."""
    wanted, counts = FORMULAS[prototype], parse_composition(formula)
    ordered = sorted(counts, key=counts.__getitem__)
    if tuple(counts[e] for e in ordered) != wanted:
        example = {(1,): "Al", (1, 1): "CuZr", (1, 2): "Cu2Mg", (1, 3): "Cu3Au"}[wanted]
        raise ValueError(f"`crystals.{prototype}`: {formula!r} does not fit; write, e.g., {example}")
    return tuple(ordered)


def read_optics(path: str | File) -> Optics:
    """Read a parameter file of `getl spectra`.

    Parameters
    ----------
    path : str or Path
        YAML file; it may extend another.

    Returns
    -------
    Optics
        The parameters.

    Raises
    ------
    ValueError
        Says which parameter, why, and the nearest possible value.
    FileNotFoundError
        No such file.
    """
    values = extended(load(File(path)), File(path).parent, str(path))
    try:
        return Optics(**values)
    except ValidationError as error:
        raise ValueError(f"{path}: {explain(error, Optics)}") from None
