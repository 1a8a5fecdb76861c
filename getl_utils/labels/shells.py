"""Which shells of an element a label needs: its valence and the semicore that its bonds overlap with.

The table ``shells.csv`` is written by ``python bench/shells.py`` (its docstring has the rule). It holds the
elements for which there are both Hartree–Fock orbitals and GPAW data sets.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("shells.csv")


@cache
def recommended() -> dict[str, list[str]]:
    """Return the shells that each element should have.

    Returns
    -------
    dict
        Element → shells.

    Examples
    --------
    >>> recommended()["Cu"]
    ['3s', '3p', '3d', '4s']
    """
    with open(TABLE, newline="") as file:
        return {row["element"]: row["shells"].split() for row in csv.DictReader(file)}


def lacking(orbitals: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return what a set of orbitals lacks of the recommended shells.

    Parameters
    ----------
    orbitals : mapping
        Element → shells.

    Returns
    -------
    dict
        Element → recommended shells that are not among them; only elements that lack one.

    Examples
    --------
    >>> lacking({"Cu": ["3d", "4s"], "Al": ["3s", "3p"]})
    {'Cu': ['3s', '3p']}
    """
    absent = {e: [s for s in recommended().get(e, []) if s not in given] for e, given in orbitals.items()}
    return {e: shells for e, shells in absent.items() if shells}


def check(orbitals: Mapping[str, Sequence[str]], there: Mapping[str, Sequence[str]]) -> None:
    """Refuse orbitals that lack a recommended shell.

    Parameters
    ----------
    orbitals : mapping
        Element → shells.
    there : mapping
        Element → shells that the data sets hold. A shell that they do not hold need not be asked for.

    Raises
    ------
    ValueError
        A shell is lacking; the message names all of them.
    """
    absent = {e: [s for s in shells if s in there[e]] for e, shells in lacking(orbitals).items()}
    if any(absent.values()):
        raise ValueError(
            f"the orbitals lack {_words(absent)}, without which a label can be worthless; add these "
            "shells to `orbitals`, or set the engine's check_shells to false"
        )


def check_held(orbitals: Mapping[str, Sequence[str]], there: Mapping[str, Sequence[str]]) -> None:
    """Refuse a shell that the data sets do not hold: no band has it.

    Parameters
    ----------
    orbitals : mapping
        Element → shells.
    there : mapping
        Element → shells that can be projected on.

    Raises
    ------
    ValueError
        There is such a shell; the message names all of them.

    Examples
    --------
    >>> check_held({"Al": ["3s", "3d"]}, {"Al": ["3s", "3p"]})
    Traceback (most recent call last):
    ValueError: there is no 3d of Al to project on: data set and free atom hold 3s 3p of Al; take it out of \
`orbitals`
    """
    absent = {e: [s for s in shells if s not in there[e]] for e, shells in orbitals.items()}
    absent = {e: shells for e, shells in absent.items() if shells}
    if absent:
        held = _words({e: there[e] for e in absent})
        raise ValueError(
            f"there is no {_words(absent)} to project on: data set and free atom hold {held}; take it out of "
            "`orbitals`"
        )


def advice(orbitals: Mapping[str, Sequence[str]]) -> str:
    """Say which shells would mend the spilling of a set of orbitals.

    Parameters
    ----------
    orbitals : mapping
        Element → shells.

    Returns
    -------
    str
        End of a sentence.
    """
    absent = lacking(orbitals)
    if absent:
        return f"add {_words(absent)} to `orbitals`"
    return "`orbitals` has all recommended shells: add the lowest empty shells, or look at the structure"


def _words(shells: Mapping[str, Sequence[str]]) -> str:
    return ", ".join(f"{' '.join(names)} of {element}" for element, names in shells.items() if names)
