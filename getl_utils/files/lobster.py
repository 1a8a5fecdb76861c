"""What LOBSTER writes: lists of bonds (ICOHPLIST, ICOOPLIST, ICOBILIST) and its standard output."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND
from getl_utils.core.record import atomic_write

_ATOM = r"([A-Z][a-z]?)([0-9]{1,9})(?:_(\S+))?"
_NUMBER = r"(-?[0-9]{1,9}\.[0-9]{5})"
_ROW = re.compile(
    rf"\s*[0-9]+\s+{_ATOM}\s+{_ATOM}\s+([0-9]{{1,9}}\.[0-9]{{5}})"
    + r"\s+(-?[0-9]{1,9})" * 3
    + rf"\s+{_NUMBER}(?:\s+{_NUMBER})?\s*"
)
_TITLE = re.compile(r"\s*(COHP|COOP|COBI)#\s+atomMU\s+atomNU\s+distance\b(.*)")
_SPINS = re.compile(r"(\s*for spin\s+[0-9])+\s*")  # second line of the header from version 5.1 on
_OTHERS = (
    (r"\AMULLIKEN and LOEWDIN", "charges (CHARGE.lobster)"),
    (r"\AMulliken and Loewdin gross", "populations of orbitals (GROSSPOP.lobster)"),
    (r"\ALOBSTER v", "LOBSTER's standard output (lobsterout)"),
    (r"^Average\s*$", "curves over the energy (COHPCAR, COOPCAR or COBICAR)"),
    (
        r"(?i)^(COHPstartEnergy|basisSet|basisfunctions|cohp(between|generator))\b",
        "LOBSTER's input (lobsterin)",
    ),
    (r"Madelung", "Madelung energies"),
    (r"number of atoms", "bond indices of several centres (NcICOBILIST.lobster)"),
    (r"(?i)DOSCAR|; Z=", "densities of states (DOSCAR.lobster)"),
)  # first lines of LOBSTER's other files
_HEADER = "  COHP#  atomMU  atomNU     distance     translation      ICOHP (at) eF   for spin  {spin}"


class FormatError(ValueError):
    """A file of another program is not what it should be; the message names file, line and what to do."""


class Output(NamedTuple):
    """What LOBSTER's standard output says; None: not said.

    Attributes
    ----------
    interactions : int or None
        Number of bonds found.
    finished : bool
        Whether LOBSTER ended by itself.
    version : str or None
        Version of LOBSTER.
    total_spilling, charge_spilling : float or None
        Fractions, the larger of two spins.
    """

    interactions: int | None
    finished: bool
    version: str | None = None
    total_spilling: float | None = None
    charge_spilling: float | None = None


def read_icohplist(path: str | Path) -> pd.DataFrame:
    """Read the bonds of an ICOHPLIST.lobster, of LOBSTER 3 to 6.

    Parameters
    ----------
    path : str or Path
        The file. Both spins may stand one after the other or on one row. Rows of pairs of orbitals are left
        out.

    Returns
    -------
    DataFrame
        i, j (0-based), tx, ty, tz (as printed), element_i, element_j, distance (Å), icohp (eV, negative =
        bonding, both spins); with two spins also icohp_spin_1 and icohp_spin_2.

    Raises
    ------
    FormatError
        Empty, not a list of ICOHPs of bonds, or a line is not a whole row (cut off, NaN, …). A last row
        without newline counts if it is whole.
    """
    return read_list(path, "COHP")


def read_list(path: str | Path, kind: str, orbitals: bool = False) -> pd.DataFrame:
    """Read an ICOHPLIST, ICOOPLIST or ICOBILIST of LOBSTER.

    Parameters
    ----------
    path : str or Path
        The file.
    kind : str
        "COHP" (eV), "COOP" (electrons) or "COBI" (bond index).
    orbitals : bool
        Keep the rows of pairs of orbitals too, with columns orbital_i and orbital_j; these are empty in the
        rows of whole bonds.

    Returns
    -------
    DataFrame
        As `read_icohplist`; the value is called icohp, icoop or icobi.

    Raises
    ------
    FormatError
        As `read_icohplist`.
    """
    spins: list[list[tuple]] = []
    lines = Path(path).read_text(errors="replace").splitlines()
    if _title(path, lines[0] if lines else "", kind) is None:
        known = _what(lines)
        raise FormatError(
            f"{path}: {known}, not a list of bonds; give the I{kind}LIST.lobster"
            if known
            else f"{path}: empty or without LOBSTER's header; run LOBSTER on this cell again"
        )
    for number, line in enumerate(lines, 1):
        if _title(path, line, kind):
            spins.append([])
        elif line.strip() and not _SPINS.fullmatch(line):
            row = _ROW.fullmatch(line)
            if row is None:
                said = line.strip()[:80]
                raise FormatError(
                    f"{path}, line {number}: not a whole row: {said!r}; run LOBSTER on this cell again"
                )
            spins[-1].append(row.groups())
    table = _table(path, spins, f"i{kind.lower()}")
    return table if orbitals else _whole(path, table)


def _what(lines: Sequence[str]) -> str:
    """What another file of LOBSTER is; empty if none is recognised."""
    text = "\n".join(lines[:12])
    return next((said for pattern, said in _OTHERS if re.search(pattern, text, re.MULTILINE)), "")


def _title(path: str | Path, line: str, kind: str) -> re.Match | None:
    """The header of a list, if the line is one; FormatError if it is that of another file."""
    title = _TITLE.fullmatch(line)
    if title and title[1] != kind:
        raise FormatError(f"{path}: a list of I{title[1]}s, not of I{kind}s; give the I{kind}LIST.lobster")
    if title and "translation" not in title[2]:
        raise FormatError(
            f"{path}: written by LOBSTER 2, which does not print translations, so that the images of a pair "
            "cannot be told apart; run LOBSTER 3 or later"
        )
    return title


def _table(path: str | Path, spins: list[list[tuple]], value: str) -> pd.DataFrame:
    """The rows of one or two spins, both added."""
    if len({len(rows) for rows in spins}) > 1 or len(spins) > 2:
        raise FormatError(f"{path}: the two spins have different numbers of bonds; the file is cut off")
    atoms = ["element_i", "i", "orbital_i", "element_j", "j", "orbital_j"]
    names = [*atoms, "distance", "tx", "ty", "tz", "first", "second"]
    frames = [pd.DataFrame(rows, columns=names) for rows in spins]
    table = frames[0].astype(dict.fromkeys(BOND, int) | {"distance": float, "first": float, "second": float})
    if len(frames) == 2:
        table["second"] = frames[1]["first"].astype(float)
    if table.second.isna().sum() not in (0, len(table)):
        raise FormatError(f"{path}: some rows have one spin and some have two; the file is damaged")
    table[["i", "j"]] -= 1
    table[["orbital_i", "orbital_j"]] = table[["orbital_i", "orbital_j"]].fillna("").astype(object)
    polarised = len(table) > 0 and bool(table.second.notna().all())
    table[value] = table["first"] + table.second if polarised else table["first"]
    both = {"first": f"{value}_spin_1", "second": f"{value}_spin_2"}
    columns = [*BOND, "element_i", "element_j", "orbital_i", "orbital_j", "distance", value]
    return table.rename(columns=both)[[*columns, *(both.values() if polarised else ())]]


def _whole(path: str | Path, table: pd.DataFrame) -> pd.DataFrame:
    """The rows of whole bonds."""
    whole = table[(table.orbital_i == "") & (table.orbital_j == "")]
    if len(table) and not len(whole):
        raise FormatError(f"{path}: only pairs of orbitals; write cohpbetween without `orbitalwise`")
    return whole.drop(columns=["orbital_i", "orbital_j"]).reset_index(drop=True)


def write_icohplist(path: str | Path, bonds: pd.DataFrame, symbols: Sequence[str]) -> None:
    """Write bonds in LOBSTER's columns, with LOBSTER's sign of the translation and five decimals.

    Parameters
    ----------
    path : str or Path
        The file; it is written as a whole.
    bonds : DataFrame
        i, j, tx, ty, tz (our convention, see `getl_utils.core.bonds`), distance (Å), icohp (eV). With
        icohp_spin_1 and icohp_spin_2 both spins are written, one after the other, instead of their sum.
    symbols : sequence of str
        Element of every atom.

    Raises
    ------
    ValueError
        A value is not finite.
    """
    spins = [name for name in ("icohp_spin_1", "icohp_spin_2") if name in bonds] or ["icohp"]
    if not np.isfinite(bonds[["distance", *spins]].to_numpy()).all():
        raise ValueError(f"{path}: refusing to write an ICOHP or distance that is not finite")
    lines = []
    for spin, name in enumerate(spins, 1):
        rows = zip(*(bonds[c].to_numpy() for c in [*BOND, "distance", name]), strict=True)
        lines += [_HEADER.format(spin=spin)] + [
            f"{n:7d}{symbols[i] + str(i + 1):>8}{symbols[j] + str(j + 1):>8}{d:13.5f}"
            f"     {-x:3d} {-y:3d} {-z:3d}      {e:13.5f} "
            for n, (i, j, x, y, z, d, e) in enumerate(rows, 1)
        ]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def read_output(path: str | Path) -> Output:
    """Read LOBSTER's standard output (``<NC>.lb.out`` or ``lobsterout``).

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Output
        What it says.
    """
    text = Path(path).read_text(errors="replace")
    found = re.search(r"setting up CO interactions\.\.\. found ([0-9]{1,12}) interactions", text)
    version = re.search(r"^LOBSTER (v\S+)", text, re.MULTILINE)
    kinds = ("total", "charge")
    spillings = [re.findall(rf"abs\. {kind} +spilling: +([0-9]+(?:\.[0-9]+)?)%", text) for kind in kinds]
    return Output(
        int(found[1]) if found else None,
        bool(re.search(r"^finished in", text, re.MULTILINE)),
        version[1] if version else None,
        *(max(map(float, values)) / 100 if values else None for values in spillings),
    )
