"""Inputs of LOBSTER: lobsterin, and lobsterin-quippy, which lists neighbours."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from getl_utils.core.bonds import BOND
from getl_utils.files.lobster import FormatError

_QUIPPY = re.compile(
    r"cohpbetween atom ([0-9]{1,9}) atom ([0-9]{1,9}) offset (-?[0-9]{1,9}) (-?[0-9]{1,9}) (-?[0-9]{1,9})"
)


def _common(
    orbitals: Mapping[str, Sequence[str]], elements: Sequence[str], energies: Sequence[float]
) -> list[str]:
    missing = [e for e in elements if e not in orbitals]
    if missing:
        raise ValueError(
            f"no LOBSTER basis functions for {', '.join(missing)}: add it to the parameter `orbitals`"
        )
    return [
        *("skipDOS", "skipCOOP", "skipPopulationAnalysis"),
        *(f"COHPstartEnergy {energies[0]:.1f}", f"COHPendEnergy {energies[1]:.1f}", "basisSet Bunge"),
        *(f"basisfunctions {e} {' '.join(orbitals[e])}" for e in sorted(elements)),
    ]


def lobsterin(
    orbitals: Mapping[str, Sequence[str]],
    elements: Sequence[str],
    energies: Sequence[float],
    window: Sequence[float],
) -> str:
    """Return the text of a ``lobsterin`` in which LOBSTER finds the bonds itself.

    Parameters
    ----------
    orbitals : mapping
        Element → shells.
    elements : sequence of str
        The elements of the structure.
    energies : (float, float)
        First and last energy of the COHP, eV.
    window : (float, float)
        Shortest and longest bond, Å.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        An element has no orbitals.

    Examples
    --------
    >>> print(lobsterin({"Al": ["3s", "3p"]}, ["Al"], [-100, 40], [1.8, 4.2]).splitlines()[-1])
    cohpGenerator from 1.80 to 4.20
    """
    return (
        "\n".join(
            [*_common(orbitals, elements, energies), f"cohpGenerator from {window[0]:.2f} to {window[1]:.2f}"]
        )
        + "\n"
    )


def lobsterin_quippy(
    orbitals: Mapping[str, Sequence[str]],
    elements: Sequence[str],
    energies: Sequence[float],
    neighbours: pd.DataFrame,
) -> str:
    """Return the text of a ``lobsterin-quippy``: every atom's neighbours, one ``cohpbetween`` each.

    Parameters
    ----------
    orbitals : mapping
        Element → shells.
    elements : sequence of str
        The elements of the structure.
    energies : (float, float)
        First and last energy of the COHP, eV.
    neighbours : DataFrame
        i, j, tx, ty, tz of `getl_utils.core.bonds.neighbours`, both directions.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        An element has no orbitals.
    """
    pairs = [
        f"cohpbetween atom {i + 1} atom {j + 1} offset {x} {y} {z}"
        for i, j, x, y, z in neighbours[BOND].to_numpy()
    ]
    return "\n".join([*_common(orbitals, elements, energies), *pairs]) + "\n"


def read_lobsterin_quippy(path: str | Path) -> pd.DataFrame:
    """Read the neighbours listed in a ``lobsterin-quippy``.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    DataFrame
        i, j (0-based), tx, ty, tz, in the order of the file.

    Raises
    ------
    FormatError
        No ``cohpbetween`` line, or one that is cut off.
    """
    lines = [
        line.strip()
        for line in Path(path).read_text(errors="replace").splitlines()
        if line.startswith("cohpb")
    ]
    rows = [_QUIPPY.fullmatch(line) for line in lines]
    if not rows or None in rows:
        bad = lines[rows.index(None)] if rows else "no cohpbetween line"
        raise FormatError(f"{path}: {bad!r}; write it again with 01_generate")
    table = pd.DataFrame([[int(x) for x in row.groups()] for row in rows], columns=BOND)
    table[["i", "j"]] -= 1
    return table
