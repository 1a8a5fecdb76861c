"""Label engines: one file each, one small interface. An engine gives the ICOHP of a structure's bonds."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
import pandas as pd
from ase import Atoms

NAMES = ("gpaw", "lobster", "qe", "xtb")
COLUMNS = ["i", "j", "tx", "ty", "tz", "distance", "icohp"]


class LabelError(RuntimeError):
    """A structure could not be labelled.

    Parameters
    ----------
    status : what became of it, in the words of `getl_utils.labels.status`: "SCF_NOT_CONVERGED", "NO_ICOHP",
    ….
    message : what, where, and what to do.

    Examples
    --------
    >>> LabelError("NO_ICOHP", "cell 3: no bond within 4.2 Å; raise the cutoff").status
    'NO_ICOHP'
    """

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status

    def __reduce__(self) -> tuple:  # errors cross process borders
        return type(self), (self.status, str(self))


@dataclass(frozen=True, eq=False)
class Label:
    """The bonds of one structure, and how they came about.

    Attributes
    ----------
    bonds : i, j, tx, ty, tz, distance (Å), icohp (eV, negative = bonding), one row per bond. Atoms are
    0-based;
        i < j, or i = j and T > 0 in lexical order; the bond is the vector r_j + T·cell − r_i, positions as
        given.
    record : what must travel with the numbers: engine, engine_version, method, preview, seconds, electrons,
        spilling, n_bonds, warnings (list of str), ….

    Raises
    ------
    ValueError : a column is missing, a pair is not in this order or occurs twice, an ICOHP is not a number.

    Examples
    --------
    >>> row = pd.DataFrame([[0, 1, 0, 0, -1, 2.5, -0.4]], columns=COLUMNS)
    >>> Label(row, {"engine": "xtb"}).record
    {'engine': 'xtb', 'n_bonds': 1}
    """

    bonds: pd.DataFrame
    record: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        missing = [name for name in COLUMNS if name not in self.bonds]
        if missing:
            raise ValueError(f"label lacks the columns {missing}; it has {list(self.bonds.columns)}")
        b = self.bonds
        forward = (b.tx > 0) | ((b.tx == 0) & ((b.ty > 0) | ((b.ty == 0) & (b.tz > 0))))
        wrong = ~((b.i < b.j) | ((b.i == b.j) & forward)) | b.duplicated(COLUMNS[:5])
        if wrong.any():
            raise ValueError(
                f"bond {b.loc[wrong.idxmax(), COLUMNS[:5]].tolist()} is not in the order i < j, or is there twice"
            )
        if not np.isfinite(b[["distance", "icohp"]].to_numpy(float)).all():
            raise ValueError("a distance or ICOHP is not a finite number")
        self.record["n_bonds"] = len(b)


@runtime_checkable
class Engine(Protocol):
    """What every module of this package offers as `ENGINE`.

    `preview` is True if its numbers are for looking at, not for a database.
    """

    name: str
    preview: bool

    def missing(self) -> str | None:
        """None if usable here; otherwise what is missing and how to install it."""

    def label(
        self,
        atoms: Atoms,
        *,
        orbitals: Mapping[str, Sequence[str]],
        minimum_distance: float,
        cutoff: float,
        **settings: Any,
    ) -> Label:
        """Label all bonds between `minimum_distance` and `cutoff` (Å).

        Parameters
        ----------
        orbitals : element → shells of the local basis, e.g. {"Al": ["3s", "3p"]}. An engine takes those of
        them that
            it has, and writes into the record which it used and which not.
        settings : the engine's own, by keyword.

        Raises
        ------
        LabelError : the calculation failed, `status` says how.
        ValueError : the structure or a parameter cannot be right.
        """


def names() -> list[str]:
    """Names of all engines; each is a module of this room that offers ``ENGINE``."""
    return list(NAMES)


def get(name: str) -> Engine:
    """The engine called `name`; its program is imported only when it is used.

    Raises
    ------
    ValueError : no such engine; names the nearest and all known ones.

    Examples
    --------
    >>> get("xtb").preview
    True
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1, 0.0)
        raise ValueError(
            f"unknown label engine {name!r}; did you mean {near[0]!r}? Known: {', '.join(known)}"
        )
    return importlib.import_module(f"{__package__}.{name}").ENGINE


def available() -> dict[str, str | None]:
    """Every engine's name → None if it is usable here, otherwise what is missing."""
    return {name: get(name).missing() for name in names()}


def preview_note(name: str) -> str:
    """What must stand on figures made from the labels of this engine, or of several joined by " + "; empty if
    no preview."""
    known = any(part in names() and get(part).preview for part in name.split(" + "))
    return f"preview: {name} labels, not DFT" if known else ""
