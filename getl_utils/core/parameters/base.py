"""What every parameter obeys: known names, finite numbers, printable text, messages that name the place."""

from __future__ import annotations

import difflib
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PositiveFloat,
    PositiveInt,
    ValidationError,
    model_validator,
)

from getl_utils.core.bonds import bond_types, parse_composition

DEEPEST, MOST = 12, 100_000  # levels and values of one parameter file
NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.+-]*$"  # of a folder: nothing that leads out of it (see `record.safe_path`)
HARMFUL = "\"'`$&;|<>*?#\\"  # characters that a shell or LAMMPS takes for its own


def field(meaning: str, default: Any = ..., **limits: Any) -> Any:
    """Describe one parameter.

    Parameters
    ----------
    meaning : str
        What it means, its unit first.
    default : object
        Its default; without it the parameter must be given.
    **limits
        Limits, as pydantic's ``Field`` takes them: ``ge``, ``le``, ``pattern``, ….

    Returns
    -------
    pydantic.fields.FieldInfo
        The field.
    """
    return Field(default, description=meaning, **limits)


def _plain_path(path: str) -> str:
    wrong = sorted(set(path) & set(HARMFUL))
    if wrong:
        raise ValueError(f"{path!r}: a path must not have the character {wrong[0]}")
    return path


def _rising(window: list[float]) -> list[float]:
    if not window[0] < window[1]:
        raise ValueError(f"{window}: the first number must be smaller than the second")
    return window


def _once(values: list[Any]) -> list[Any]:
    twice = [value for n, value in enumerate(values) if value in values[:n]]
    if twice:
        raise ValueError(f"{twice[0]!r} is there twice; name it once")
    return values


Path = Annotated[str, AfterValidator(_plain_path)]
Distance = Annotated[float, Field(gt=0, le=20)]  # Å; a neighbour list beyond takes all memory
Window = Annotated[list[Distance], Field(min_length=2, max_length=2), AfterValidator(_rising)]
Count = Annotated[int, Field(ge=1, le=2**31 - 1)]
Run = Annotated[int, Field(ge=0, le=10**9)]
Unique = AfterValidator(_once)


class Settings(BaseModel):
    """Parameters that belong together; names it does not know are refused."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        protected_namespaces=(),
        allow_inf_nan=False,
    )

    @model_validator(mode="before")
    @classmethod
    def _is_plain_data(cls, values: Any) -> Any:
        if isinstance(values, Mapping):
            check_plain(values)
            numbers = [n for n, v in values.items() if isinstance(v, bool) and _is_number(cls, n)]
            if numbers:
                raise ValueError(f"`{numbers[0]}`: expected a number, given {values[numbers[0]]}")
        return values


def _is_number(model: type[BaseModel], name: Any) -> bool:
    known = model.model_fields.get(name)
    return known is not None and known.annotation in (int, float, PositiveInt, PositiveFloat)


def check_plain(values: Any) -> None:
    """Refuse values that no parameter may have, wherever they stand.

    Parameters
    ----------
    values : object
        Nested mappings and lists, as read from YAML.

    Raises
    ------
    ValueError
        A text with a control character, a number that is not finite, more than `DEEPEST` levels, or more
        than `MOST` values.

    Examples
    --------
    >>> check_plain({"quench": {"pair_style": "eam/alloy\\nshell ls"}})
    Traceback (most recent call last):
    ...
    ValueError: `quench.pair_style`: 'eam/alloy\\nshell ls' has a control character; write it without
    """
    for number, (place, value) in enumerate(_leaves(values, "", 0)):
        if number >= MOST:
            raise ValueError(f"more than {MOST} values; parameters have fewer")
        if isinstance(value, str) and any(unicodedata.category(c) in ("Cc", "Zl", "Zp", "Cs") for c in value):
            raise ValueError(
                f"`{_printable(place)}`: {value[:80]!r} has a control character; write it without"
            )
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"`{_printable(place)}`: {value} is not a finite number")


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:80])


def _leaves(values: Any, place: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Every key and every value that is no container, with its place."""
    if depth > DEEPEST:
        raise ValueError(f"`{_printable(place)}`: nested more than {DEEPEST} levels deep")
    dot = "." if place else ""
    if isinstance(values, Mapping):
        for name, value in values.items():
            yield f"{place}{dot}{name}", name
            yield from _leaves(value, f"{place}{dot}{name}", depth + 1)
    elif isinstance(values, list | tuple | set):
        for number, value in enumerate(values):
            yield from _leaves(value, f"{place}{dot}{number}", depth + 1)
    else:
        yield place, values


def nearest(name: Any, known: Iterable[str], cutoff: float = 0.0) -> str:
    """The known name most like this one, as the end of a sentence.

    Parameters
    ----------
    name : object
        What was given.
    known : iterable of str
        What is possible.
    cutoff : float
        Likeness from which a name is suggested, 0 to 1.

    Returns
    -------
    str
        ``; did you mean `…`?``, or nothing.

    Examples
    --------
    >>> nearest("Cu-Zr", ["Zr-Zr", "Zr-Cu"])
    '; did you mean `Zr-Cu`?'
    """
    known, word = list(known), str(name)
    turned = "-".join(reversed(word.split("-")))
    found = [turned] if turned in known else difflib.get_close_matches(word, known, n=1, cutoff=cutoff)
    return f"; did you mean `{found[0]}`?" if found else ""


def check_names(parameter: str, given: Iterable[Any], known: Sequence[str], what: str) -> None:
    """Refuse names that are not known, with the nearest that is.

    Parameters
    ----------
    parameter : str
        Parameter in which the names stand.
    given : iterable
        The names.
    known : sequence of str
        The names that are possible.
    what : str
        What the names are names of.

    Raises
    ------
    ValueError
        A name is not known.
    """
    for name in given:
        if name not in known:
            possible = f" (possible: {', '.join(known[:12])})" if known else ""
            raise ValueError(f"`{parameter}`: {name!r} is no {what}{nearest(name, known)}{possible}")


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """What is wrong with parameters, in one line.

    Parameters
    ----------
    error : ValidationError
        Pydantic's report.
    model : type
        The model that refused them; it knows what each parameter means.

    Returns
    -------
    str
        Place, meaning, reason and the value given, of each error.
    """
    return "; ".join(_explain(one, model) for one in error.errors())


def _explain(error: Any, model: type[BaseModel]) -> str:
    place, known, owner = ".".join(map(str, error["loc"])), None, model
    for part in error["loc"]:
        known = getattr(owner, "model_fields", {}).get(str(part), known)
        owner = known.annotation if known else None
    meaning = f" ({known.description})" if known is not None and known.description else ""
    message = error["msg"].removeprefix("Value error, ")
    given = "" if error["type"] in ("missing", "value_error") else f", given {str(error['input'])[:200]!r}"
    if error["type"] == "extra_forbidden":
        return f"unknown parameter `{place}`{_suggest(error['loc'], model)}"
    return f"`{place}`{meaning}: {message}{given}" if place else message


def _suggest(place: Sequence[Any], model: type[BaseModel]) -> str:
    for part in place[:-1]:
        known = getattr(model, "model_fields", {}).get(str(part))
        model = known.annotation if known else type(None)
    return nearest(place[-1], getattr(model, "model_fields", {}), 0.5)


def _composition(name: str) -> str:
    atoms = sum(parse_composition(name).values())
    if not 0 < atoms <= 10**8:
        raise ValueError(f"composition {name} has {atoms} atoms; take 1 to 100 million")
    return name


Composition = Annotated[str, Field(max_length=100), AfterValidator(_composition)]


class Common(Settings):
    """What every notebook knows."""

    work_dir: Path = field("folder of the results; relative to the repository", min_length=1)
    elements: Annotated[list[str], Field(min_length=1, max_length=20), Unique] = field(
        "in the order of the LAMMPS types and of the bond types' names"
    )
    seed: int = field("every random number derives from it", ge=0, lt=2**63)

    @model_validator(mode="after")
    def _names_are_of_elements(self) -> Common:
        for symbol in self.elements:
            if not re.fullmatch("[A-Z][a-z]?", symbol) or parse_composition(symbol) != {symbol: 1}:
                raise ValueError(f"`elements`: {symbol!r} is no chemical element")
        for parameter in ("compositions", "large_compositions"):
            for name in getattr(self, parameter, []):
                _check_composition(parameter, name, self.elements)
        for parameter in ("windows", "published"):
            known = self.bond_types if parameter == "windows" else [*self.bond_types, "default"]
            check_names(parameter, getattr(self, parameter, {}), known, "bond type of `elements`")
        return self

    @property
    def bond_types(self) -> list[str]:
        """All bond types of the elements, like pairs first."""
        return bond_types(self.elements)


def _check_composition(parameter: str, name: str, elements: Sequence[str]) -> None:
    foreign = sorted(set(parse_composition(name)) - set(elements))
    if foreign:
        raise ValueError(
            f"`{parameter}`: composition {name} has {', '.join(foreign)}, which `elements` {elements} has not"
        )


class Reference(BaseModel):
    """Notebooks that may read the published data."""

    reference_roots: list[Path] = field(
        "published trees or data sets to read, relative to the repository; empty: our own results", []
    )
