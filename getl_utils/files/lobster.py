"""LOBSTER's files: ICOHPLIST.lobster, lobsterin, lobsterin-quippy and its standard output."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND
from getl_utils.core.record import atomic_write

_ATOM = r"([A-Z][a-z]?)([0-9]{1,9})"
_ROW = re.compile(
    rf"\s*[0-9]+\s+{_ATOM}\s+{_ATOM}\s+([0-9]{{1,9}}\.[0-9]{{5}})"
    r"\s+(-?[0-9]{1,9})\s+(-?[0-9]{1,9})\s+(-?[0-9]{1,9})\s+(-?[0-9]{1,9}\.[0-9]{5})\s*"
)
_HEADER = "  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  {spin}"
_QUIPPY = re.compile(
    r"cohpbetween atom ([0-9]{1,9}) atom ([0-9]{1,9}) offset (-?[0-9]{1,9}) (-?[0-9]{1,9}) (-?[0-9]{1,9})"
)


class FormatError(ValueError):
    """A file of another program is not what it should be; the message names file, line and what to do."""


class Output(NamedTuple):
    """What LOBSTER's standard output says; None: not said. Spillings are fractions, the larger of two
    spins."""

    interactions: int | None
    finished: bool
    version: str | None = None
    total_spilling: float | None = None
    charge_spilling: float | None = None


def read_icohplist(path: str | Path) -> pd.DataFrame:
    """Read an ICOHPLIST.lobster; two spins are added.

    Returns
    -------
    DataFrame : i, j (0-based), tx, ty, tz (as printed), element_i, element_j, distance (Å), icohp (eV,
    negative = bonding).

    Raises
    ------
    FormatError : empty, or a line is not a whole row (cut off, NaN, …); a last row without newline counts if
    it is whole.
    """
    lines = Path(path).read_text(errors="replace").splitlines()
    if not lines or "COHP#" not in lines[0]:
        raise FormatError(f"{path}: empty or without LOBSTER's header; run LOBSTER on this cell again")
    spins: list[list[tuple]] = []
    for number, line in enumerate(lines, 1):
        if "COHP#" in line:
            spins.append([])
        elif line.strip():
            row = _ROW.fullmatch(line)
            if row is None:
                raise FormatError(
                    f"{path}, line {number}: not a whole row: {line.strip()[:80]!r}; run LOBSTER on this cell again"
                )
            spins[-1].append(row.groups())
    if len({len(rows) for rows in spins}) > 1:
        raise FormatError(f"{path}: the two spins have different numbers of bonds; the file is cut off")
    return _table(spins)


def _table(spins: list[list[tuple]]) -> pd.DataFrame:
    names = ["element_i", "i", "element_j", "j", "distance", "tx", "ty", "tz", "icohp"]
    frames = [pd.DataFrame(rows, columns=names) for rows in spins]
    table = frames[0].astype(dict.fromkeys(BOND, int) | {"distance": float, "icohp": float})
    for other in frames[1:]:
        table["icohp"] += other["icohp"].astype(float)
    table[["i", "j"]] -= 1
    return table[[*BOND, "element_i", "element_j", "distance", "icohp"]]


def write_icohplist(path: str | Path, bonds: pd.DataFrame, symbols: Sequence[str]) -> None:
    """Write bonds (our convention, see `bonds`) in LOBSTER's columns and sign of the translation, atomically.

    Parameters
    ----------
    bonds : i, j, tx, ty, tz, distance (Å), icohp (eV). symbols : the element of every atom.

    Raises
    ------
    ValueError : a value is not finite.
    """
    if not np.isfinite(bonds[["distance", "icohp"]].to_numpy()).all():
        raise ValueError(f"{path}: refusing to write an ICOHP or distance that is not finite")
    rows = zip(*(bonds[c].to_numpy() for c in [*BOND, "distance", "icohp"]), strict=True)
    lines = [_HEADER.format(spin=1)] + [
        f"{n:7d}{symbols[i] + str(i + 1):>8}{symbols[j] + str(j + 1):>8}{d:13.5f}     {-x:3d} {-y:3d} {-z:3d}      {e:13.5f} "
        for n, (i, j, x, y, z, d, e) in enumerate(rows, 1)
    ]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def read_output(path: str | Path) -> Output:
    """Read LOBSTER's standard output (``<NC>.lb.out`` or ``lobsterout``)."""
    text = Path(path).read_text(errors="replace")
    found = re.search(r"setting up CO interactions\.\.\. found ([0-9]{1,9}) interactions", text)
    version = re.search(r"^LOBSTER (v\S+)", text, re.MULTILINE)
    spillings = [
        re.findall(rf"abs\. {kind} +spilling: +([0-9]{{1,9}}(?:\.[0-9]*)?)%", text)
        for kind in ("total", "charge")
    ]
    return Output(
        int(found[1]) if found else None,
        bool(re.search(r"^finished in", text, re.MULTILINE)),
        version[1] if version else None,
        *(max(map(float, values)) / 100 if values else None for values in spillings),
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
    """Text of a ``lobsterin`` in which LOBSTER finds the bonds itself.

    Parameters
    ----------
    orbitals : element → shells. energies : first and last energy of the COHP, eV. window : bond lengths, Å.

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
    """Text of a ``lobsterin-quippy``: every atom's neighbours, one ``cohpbetween`` each.

    Parameters
    ----------
    neighbours : i, j, tx, ty, tz of `bonds.neighbours`, both directions.
    """
    pairs = [
        f"cohpbetween atom {i + 1} atom {j + 1} offset {x} {y} {z}"
        for i, j, x, y, z in neighbours[BOND].to_numpy()
    ]
    return "\n".join([*_common(orbitals, elements, energies), *pairs]) + "\n"


def read_lobsterin_quippy(path: str | Path) -> pd.DataFrame:
    """Read the neighbours listed in a ``lobsterin-quippy``: i, j, tx, ty, tz, in the order of the file.

    Raises
    ------
    FormatError : no ``cohpbetween`` line, or one that is cut off.
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
