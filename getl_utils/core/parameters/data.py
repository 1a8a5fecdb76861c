"""Parameters of 02_extract, 03_transform and 04_load: which bonds count, how they are described."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from getl_utils.core.parameters.base import (
    NAME,
    Common,
    Composition,
    Count,
    Distance,
    Path,
    Reference,
    Settings,
    Unique,
    field,
)
from getl_utils.core.parameters.generate import Cells

Name = Annotated[str, Field(pattern=NAME, max_length=200)]


class Expansion(Settings):
    """The atoms around a bond, expanded in distance from its middle and angle to its axis."""

    cutoff: float = field("Å, from the middle of the bond", 6.0, gt=1.2, le=15)
    n_radial: int = field("radial functions", 7, ge=2, le=30)
    l_max: int = field("largest degree of the Legendre polynomials", 5, ge=0, le=20)


class Soap(Settings):
    """SOAP's size; the cutoff is the parameter `cutoff`."""

    l_max: int = field("angular channels", 6, ge=1, le=20)
    n_max: int = field("radial channels", 8, ge=1, le=30)
    atom_sigma: float = field("Å, width of an atom", 0.5, gt=0, le=5)


class Extract(Cells, Reference):
    """02_extract."""

    projection: Literal["", "full", "lobster"] = field(
        "of the labels that have both, see docs/labels.md; empty: the one that each label chose", ""
    )


class Transform(Cells):
    """03_transform."""

    expansion: Expansion = Expansion()
    soap: Soap | None = field("also SOAP, which the published model needs; empty: not", None)


class Mix(Settings):
    """A database drawn from another."""

    compositions: Annotated[list[Composition], Field(min_length=1), Unique] = field("drawn from")
    bonds_per_type: Count = field("drawn without replacement from each composition")


class Load(Common, Reference):
    """04_load."""

    bonds: Literal["labelled", "kept"] = field(
        "every labelled bond, or those of kept clusters (the published rule)", "labelled"
    )
    database: Name = field("name of the database of all kept bonds", "all")
    cutoff: Distance = field("Å: an atom's neighbours, for exported clusters", 3.75)
    mixed_databases: dict[Name, Mix] = field("name → what is drawn from the database", {})
    mix_engines: Annotated[list[Name], Unique] = field(
        "engines whose labels may stand in one database; empty: one engine's only", []
    )
    import_folders: list[Path] = field(
        "folders with .bnd files below reference_roots, shown beside our own bonds", []
    )
