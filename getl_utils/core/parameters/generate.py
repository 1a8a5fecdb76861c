"""Parameters of 01_generate: cells, melt–quenches, loadings and labels."""

from __future__ import annotations

import difflib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, PositiveInt, StringConstraints, ValidationError, model_validator

from getl_utils.core.parameters.base import (
    Common,
    Composition,
    Distance,
    Path,
    Reference,
    Run,
    Settings,
    Unique,
    Window,
    check_names,
    explain,
    field,
)
from getl_utils.core.parameters.lammps import Athermal, Deformations, Isochoric, Loading, Quench, Shear
from getl_utils.core.parameters.learn import Learn

ENGINES = ("gpaw", "lobster", "qe", "xtb")
Shell = Annotated[str, StringConstraints(pattern=r"^[1-7][spdf]$")]
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]{0,100}$")]  # in an input of pw.x
Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*(\(\d+(,\d+)*\))?$")]


def check_engine(name: str) -> str:
    """Refuse a label engine that there is not.

    Parameters
    ----------
    name : str
        Name of an engine, or ``none``.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ValueError
        No such engine; names the nearest.
    """
    known = [*ENGINES, "none"]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1, 0.0)[0]
        raise ValueError(f"unknown label engine {name!r}; did you mean {near!r}? Known: {', '.join(known)}")
    return name


class Pseudopotential(Settings):
    """One element in the pw.x input."""

    mass: float = field("u", gt=0, le=400)
    pseudopotential: Word = field("file name in pseudo_dir", min_length=1)


class Espresso(Settings):
    """The pw.x input of a sub-run."""

    pseudopotentials: dict[str, Pseudopotential] = field("element → mass and file", {})
    pseudo_dir: Path = field("folder of the pseudopotentials where pw.x runs", "pseudopotentials")
    settings: dict[Literal["control", "system", "electrons"], dict[Key, bool | int | float | Word]] = field(
        "namelists, Ry", {}
    )
    basis_size: dict[str, Annotated[PositiveInt, Field(le=1000)]] = field(
        "element → number of local orbitals", {}
    )
    band_factor: float = field("bands per local orbital", 1.1, gt=0, le=100)
    k_points: Annotated[list[Annotated[int, Field(ge=0, le=100)]], Field(min_length=6, max_length=6)] = field(
        "mesh and shifts", [2, 2, 2, 1, 1, 1]
    )

    @model_validator(mode="after")
    def _mesh_has_points(self) -> Espresso:
        if min(self.k_points[:3]) < 1 or max(self.k_points[3:]) > 1:
            raise ValueError(
                f"`k_points` {self.k_points}: three numbers of at least 1, then three shifts 0 or 1"
            )
        return self


class Cells(Common):
    """Which cells there are."""

    compositions: Annotated[list[Composition], Field(min_length=1), Unique] = field(
        "nominal compositions; the numbers are atoms"
    )
    runs: Annotated[list[Run], Field(min_length=1), Unique] = field(
        "independent melt–quenches of each composition"
    )
    sub_runs: Annotated[list[Annotated[int, Field(ge=0, le=14)]], Field(min_length=1), Unique] = field(
        "deformed copies of each run", list(range(15))
    )
    cutoff: Distance = field("Å: an atom's neighbours, for clusters and SOAP", 3.75)


class Generate(Cells, Reference):
    """01_generate."""

    processes: PositiveInt = field("labels computed at once", 1, le=1024)
    quench: Quench = Quench()
    large_compositions: Annotated[list[Composition], Unique] = field("glasses for 06_inference", [])
    large_quench: dict[str, Any] = field("what differs from `quench` for them", {})
    loading: dict[str, Any] = field("of large glasses: `Loading`, `Shear` or `Isochoric`; empty: none", {})
    deformations: Deformations = Deformations()
    engine: Annotated[str, AfterValidator(check_engine)] = field(
        "label engine; none: only write the inputs of pw.x and LOBSTER", "xtb"
    )
    engine_settings: dict[str, Any] = field("passed to the engine", {})
    learn: dict[str, Any] = field("label only the cells that teach most, as `Learn`; empty: label all", {})
    label_window: Window = field("Å: bonds that are labelled", [1.8, 4.2])
    orbitals: dict[str, Annotated[list[Shell], Field(min_length=1), Unique]] = field(
        "element → shells of the local basis", {}
    )
    tried_cells: list[Path] = field(
        "folders of cells with a label, which are labelled again here: by gpaw if installed, else by xtb", []
    )
    espresso: Espresso = Espresso()
    lobster_energies: Annotated[list[float], Field(min_length=2, max_length=2)] = field(
        "eV, range of the COHP", [-100.0, 40.0]
    )

    @property
    def large_protocol(self) -> Quench:
        """`quench` with what `large_quench` changes."""
        return _nested("large_quench", Quench, {**self.quench.model_dump(), **self.large_quench})

    @property
    def loading_protocol(self) -> Loading | Athermal | None:
        """The loading of each large glass; None if `loading` is empty."""
        mode = str(self.loading.get("mode"))
        kind = Shear if mode == "shear" else Isochoric if mode.startswith("isochoric_") else Loading
        return _nested("loading", kind, self.loading) if self.loading else None

    @property
    def settings_of_learning(self) -> Learn | None:
        """Which cells are labelled; None if all are."""
        return _nested("learn", Learn, self.learn) if self.learn else None

    @model_validator(mode="after")
    def _dictionaries_are_what_they_stand_for(self) -> Generate:
        _ = self.large_protocol, self.loading_protocol, self.settings_of_learning
        given = {"orbitals": self.orbitals, "quench.masses": self.quench.masses}
        given |= {"large_quench.masses": self.large_protocol.masses}
        given |= {"espresso.pseudopotentials": self.espresso.pseudopotentials}
        for parameter, names in (given | {"espresso.basis_size": self.espresso.basis_size}).items():
            check_names(parameter, names, self.elements, "element of `elements`")
        if not self.lobster_energies[0] < self.lobster_energies[1]:
            raise ValueError(f"`lobster_energies` {self.lobster_energies}: the first must be the smaller one")
        if self.loading and self.large_protocol.calculator:
            raise ValueError("`loading`: LAMMPS loads a glass; with `calculator` there is no loading")
        if self.large_compositions and isinstance(self.loading_protocol, Athermal):
            raise ValueError(
                "`loading`: the notebooks follow compression or tension of `large_compositions` at a "
                "temperature; glasses that are loaded without heat are named in `compositions` and followed "
                "by bench/yielding.py"
            )
        both = sorted(set(self.compositions) & set(self.large_compositions))
        if both:
            raise ValueError(f"`large_compositions`: {both[0]} is among `compositions`; a glass has one name")
        return self


def _nested(parameter: str, model: type[Settings], values: dict[str, Any]) -> Any:
    try:
        return model(**values)
    except ValidationError as error:
        raise ValueError(f"`{parameter}`: {explain(error, model)}") from None
    except TypeError as error:  # a name that is no text
        raise ValueError(f"`{parameter}`: {error}") from None
