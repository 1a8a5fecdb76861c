"""What ``model.json`` may say: one schema for all kinds of model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from ase.data import atomic_numbers
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from getl_utils.core.bonds import bond_types
from getl_utils.core.parameters import Graph
from getl_utils.core.record import read_json

FORMAT = 4
LARGEST = 50_000_000  # bytes of model.json
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}$"
Length = Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)]  # Å
Number = FiniteFloat | int | list[FiniteFloat]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ExpansionFacts(_Strict):
    """The arguments of `BondExpansion`."""

    elements: list[str]
    cutoff: Annotated[float, Field(gt=0, le=15, allow_inf_nan=False)]
    n_radial: Annotated[int, Field(ge=2, le=30)]
    l_max: Annotated[int, Field(ge=0, le=20)]
    innermost: Length = 1.2
    width: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 0.8


class SoapFacts(_Strict):
    """The arguments of `Soap`."""

    elements: list[str]
    cutoff: Annotated[float, Field(gt=0, le=15, allow_inf_nan=False)]
    l_max: Annotated[int, Field(ge=0, le=20)]
    n_max: Annotated[int, Field(ge=1, le=30)]
    atom_sigma: Annotated[float, Field(gt=0, le=5, allow_inf_nan=False)]


class GraphFacts(Graph):
    """The elements of a graph network, and its parameters."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    elements: list[str]
    kind: Literal["graph"]


DESCRIPTORS = {"linear": ExpansionFacts, "published": SoapFacts, "graph": GraphFacts}  # of each kind of model


class TypeFacts(BaseModel):
    """One bond type: its window (Å), how many bonds it learned from, and the numbers of its kind of model."""

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, Number] = Field(init=False)

    window: Annotated[list[Length], Field(min_length=2, max_length=2)]
    n_bonds: Annotated[int, Field(ge=1)]

    @field_validator("window")
    @classmethod
    def _rises(cls, window: list[float]) -> list[float]:
        if not window[0] < window[1]:
            raise ValueError(f"window {window}: the first number must be smaller than the second")
        return window

    @property
    def numbers(self) -> dict[str, Any]:
        """All of it, as it was written."""
        return self.model_dump()


class Facts(_Strict):
    """Everything about a model that is not an array."""

    format: Literal[4]
    kind: Literal["linear", "published", "graph"]
    model_id: Annotated[str, Field(pattern=NAME)]
    engine: Annotated[str, Field(max_length=200)]
    projection: Annotated[str, Field(max_length=200)] = ""  # of the labels; empty: not recorded
    database: Annotated[str, Field(pattern=NAME)]
    database_id: Annotated[str, Field(pattern=NAME)]
    elements: Annotated[list[str], Field(min_length=1, max_length=20)]
    seed: int
    descriptor: ExpansionFacts | SoapFacts | GraphFacts
    types: Annotated[dict[str, TypeFacts], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits_together(self) -> Facts:
        unknown = [e for e in self.elements if e not in atomic_numbers]
        if unknown or len(set(self.elements)) < len(self.elements):
            raise ValueError(f"elements {self.elements}: name each chemical element once")
        if list(self.descriptor.elements) != list(self.elements):
            raise ValueError(f"the descriptor knows {self.descriptor.elements}, the model {self.elements}")
        if not isinstance(self.descriptor, DESCRIPTORS[self.kind]):
            raise ValueError(f"the descriptor is not one of a {self.kind} model")
        foreign = sorted(set(self.types) - set(bond_types(self.elements)))
        if foreign:
            raise ValueError(f"{foreign[0]} is no bond type of {self.elements}")
        return self


def read(folder: Path) -> Facts:
    """Read the facts of a model, without its arrays.

    Parameters
    ----------
    folder : Path
        With ``model.json``.

    Returns
    -------
    Facts
        What it says.

    Raises
    ------
    FileNotFoundError
        There is no model.
    ValueError
        As `facts`, or it is no regular file, or too large.
    """
    path = folder / "model.json"
    if not path.exists():
        raise FileNotFoundError(f"{folder} holds no model: run 05_train first, with the same work_dir")
    if not path.is_file():
        raise ValueError(f"{path} is not a regular file; train the model again")
    if path.stat().st_size > LARGEST:
        raise ValueError(f"{path} is larger than {LARGEST} bytes; train the model again")
    return facts(read_json(path), str(folder))


def facts(values: Any, where: str) -> Facts:
    """Check what ``model.json`` says.

    Parameters
    ----------
    values : object
        As read from JSON.
    where : str
        Begins an error message.

    Returns
    -------
    Facts
        The same, typed.

    Raises
    ------
    ValueError
        It is of another format, or a value cannot be; one sentence.
    """
    found = values.get("format") if isinstance(values, dict) else None
    if found != FORMAT:
        raise ValueError(f"{where}: model format {found}, this version reads {FORMAT}; train it again")
    try:
        return Facts(**values)
    except (ValidationError, TypeError) as error:
        first = (
            _first(error, values) if isinstance(error, ValidationError) else {"loc": (), "msg": str(error)}
        )
        place = ".".join(map(str, first["loc"]))
        raise ValueError(
            f"{where}: `{place}`: {first['msg']}; the model is damaged, train it again"
        ) from None


def _first(error: ValidationError, values: Any) -> dict[str, Any]:
    """The first thing wrong, with the descriptor taken for that of its kind of model."""
    own = getattr(DESCRIPTORS.get(str(values.get("kind"))), "__name__", "")
    found = [one for one in error.errors() if one["loc"][0:1] != ("descriptor",) or own in one["loc"]]
    return dict((found or error.errors())[0])
