"""Writes a bonding analysis in LOBSTER's layout, for programs that read LOBSTER's files.

ICOHPLIST, ICOOPLIST, ICOBILIST with pairs of orbitals, COHPCAR, CHARGE, GROSSPOP and DOSCAR. Spins stand one
after the other, as LOBSTER 3 and 4 print them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from getl_utils.core.bonds import BOND
from getl_utils.core.record import atomic_write

SUFFIXES = {
    "s": [""],
    "p": ["_y", "_z", "_x"],
    "d": ["_xy", "_yz", "_z^2", "_xz", "_x^2-y^2"],
    "f": ["_y(3x^2-y^2)", "_xyz", "_yz^2", "_z^3", "_xz^2", "_z(x^2-y^2)", "_x(x^2-3y^2)"],
}  # in the order of real harmonics from m = −l to l


def orbital_names(shells: Sequence[str]) -> list[str]:
    """Return LOBSTER's names of the orbitals of shells.

    Parameters
    ----------
    shells : sequence of str
        E.g. "3p".

    Returns
    -------
    list of str
        Names in the order of m.

    Examples
    --------
    >>> orbital_names(["3s", "3p"])
    ['3s', '3p_y', '3p_z', '3p_x']
    """
    return [shell + suffix for shell in shells for suffix in SUFFIXES[shell[1]]]


def write_list(
    path: Path,
    kind: str,
    bonds: pd.DataFrame,
    values: Sequence[np.ndarray],
    symbols: Sequence[str],
    names: Sequence[Sequence[str]],
) -> None:
    """Write an ICOHPLIST, ICOOPLIST or ICOBILIST with pairs of orbitals.

    Parameters
    ----------
    path : Path
        The file.
    kind : str
        "COHP", "COOP" or "COBI".
    bonds : DataFrame
        i, j, tx, ty, tz (our convention), distance (Å).
    values : sequence of (s, a, b) arrays
        Of each bond.
    symbols : sequence of str
        Element of every atom.
    names : sequence of sequences of str
        Orbitals of every atom.

    Raises
    ------
    ValueError
        A value is not finite.
    """
    if any(not np.isfinite(value).all() for value in values):
        raise ValueError(f"{path}: refusing to write a value that is not finite")
    with atomic_write(path) as temporary, open(temporary, "w") as file:
        for spin in range(len(values[0]) if values else 1):
            head = f"  {kind}#       atomMU       atomNU     distance     translation      I{kind} (at) eF"
            file.write(f"{head}   for spin  {spin + 1}\n")
            file.writelines(_rows(bonds, [value[spin] for value in values], symbols, names))


def _rows(bonds: pd.DataFrame, values: Sequence[np.ndarray], symbols, names) -> Iterator[str]:
    each = zip(*(bonds[c].to_numpy() for c in [*BOND, "distance"]), values, strict=True)
    for n, (i, j, x, y, z, d, value) in enumerate(each, 1):
        one, two = f"{symbols[i]}{i + 1}", f"{symbols[j]}{j + 1}"

        def row(a: str, b: str, number: float, n=n, d=d, t=(-x, -y, -z)) -> str:
            shift = " ".join(f"{c:3d}" for c in t)
            return f"{n:7d} {a:>12} {b:>12} {d:12.5f}     {shift}      {number:13.5f} \n"

        yield row(one, two, value.sum())
        for a, left in enumerate(names[i]):
            for b, right in enumerate(names[j]):
                yield row(f"{one}_{left}", f"{two}_{right}", value[a, b])


def write_cohpcar(
    path: Path, energies: np.ndarray, labels: Sequence[str], curves: np.ndarray, average: np.ndarray
) -> None:
    """Write a COHPCAR.

    Parameters
    ----------
    path : Path
        The file.
    energies : (e,) array
        eV, relative to the Fermi level.
    labels : sequence of n str
        ``Na1->Cl2(2.85)``, or ``Na1[3s]->Cl2[3p_x](2.85)`` below its bond.
    curves : (n, s, 2, e) array
        COHP and its integral.
    average : (s, 2, e) array
        Mean over the bonds.
    """
    spins, number, lines = len(average), 0, []
    for label in labels:
        number += "[" not in label
        lines.append(f"No.{number}:{label}")
    all_ = np.concatenate([average[None], curves]) if len(curves) else average[None]
    columns = np.moveaxis(all_, 1, 0).reshape(-1, len(energies))
    head = f"{len(labels) + 1:5d} {spins:3d} {len(energies):5d}"
    with atomic_write(path) as temporary, open(temporary, "w") as file:
        file.write("LOBSTER's layout, written by getl\n")
        file.write(f"{head} {energies[0]:12.5f} {energies[-1]:12.5f} {0.0:12.5f}\n")
        file.write("\n".join(["Average", *lines]) + "\n")
        np.savetxt(file, np.vstack([energies, columns]).T, "%11.5f")


def label(
    symbols: Sequence[str], i: int, j: int, distance: float, orbitals: tuple[str, str] | None = None
) -> str:
    """Return the name of a bond in a COHPCAR.

    Parameters
    ----------
    symbols : sequence of str
        Element of every atom.
    i, j : int
        Atoms, 0-based.
    distance : float
        Å.
    orbitals : (str, str), optional
        Names of the orbitals.

    Returns
    -------
    str
        The name.

    Examples
    --------
    >>> label(["Na", "Cl"], 0, 1, 2.5, ("3s", "3p_x"))
    'Na1[3s]->Cl2[3p_x](2.50000)'
    """
    a, b = (f"[{name}]" for name in orbitals) if orbitals else ("", "")
    return f"{symbols[i]}{i + 1}{a}->{symbols[j]}{j + 1}{b}({distance:.5f})"


def write_charge(path: Path, symbols: Sequence[str], mulliken: np.ndarray, lowdin: np.ndarray) -> None:
    """Write a CHARGE.lobster.

    Parameters
    ----------
    path : Path
        The file.
    symbols : sequence of str
        Element of every atom.
    mulliken, lowdin : (n,) arrays
        Charges.
    """
    rows = [
        f"{n:7d} {symbol:>7} {m:19.2f} {q:19.2f} "
        for n, (symbol, m, q) in enumerate(zip(symbols, mulliken, lowdin, strict=True), 1)
    ]
    total = f"          total {mulliken.sum():19.2f} {lowdin.sum():19.2f}"
    head = "  atom#    atom      Mulliken charge       Loewdin charge"
    with atomic_write(path) as temporary:
        temporary.write_text(
            "\n".join(["MULLIKEN and LOEWDIN POPULATION ANALYSIS ", "", head, *rows, "", total]) + "\n"
        )


def write_grosspop(
    path: Path,
    symbols: Sequence[str],
    names: Sequence[Sequence[str]],
    mulliken: Sequence[np.ndarray],
    lowdin: Sequence[np.ndarray],
) -> None:
    """Write a GROSSPOP.lobster.

    Parameters
    ----------
    path : Path
        The file.
    symbols : sequence of str
        Element of every atom.
    names : sequence of sequences of str
        Orbitals of every atom.
    mulliken, lowdin : sequences of (s, a) arrays
        Populations of the orbitals of every atom.
    """
    spins = len(mulliken[0])
    kinds = ["Mulliken GP"] * spins + ["Loewdin GP"] * spins
    lines = ["Mulliken and Loewdin gross orbital population ", ""]
    lines.append("  atom#    atom   basisfunction" + "".join(f"{kind:>15}" for kind in kinds))
    lines.append(" " * 31 + "".join(f"{f'For spin {n % spins + 1}':>15}" for n in range(2 * spins)))
    for n, symbol in enumerate(symbols):
        values = np.concatenate([mulliken[n], lowdin[n]]).T
        for m, (name, row) in enumerate(
            zip([*names[n], "total"], [*values, values.sum(axis=0)], strict=True)
        ):
            left = f"{n + 1:7d} {symbol:>7} " if m == 0 else " " * 16
            lines.append(f"{left}{name:>15}" + "".join(f"{value:15.2f}" for value in row))
        lines += ["", ""]
    with atomic_write(path) as temporary:
        temporary.write_text("\n".join(lines) + "\n")


def write_doscar(
    path: Path,
    energies: np.ndarray,
    total: np.ndarray,
    integrated: np.ndarray,
    atoms: Sequence[tuple[int, Sequence[str], np.ndarray]],
) -> None:
    """Write a DOSCAR.lobster, of the orthonormal orbitals (LOBSTER: DOSCAR.LSO.lobster).

    Parameters
    ----------
    path : Path
        The file.
    energies : (e,) array
        eV, relative to the Fermi level.
    total, integrated : (s, e) arrays
        Density of states and its integral.
    atoms : sequence
        Of each atom: atomic number, names of its orbitals, (s, a, e) array.
    """
    head = f"{energies[-1]:11.5f} {energies[0]:11.5f} {len(energies):5d} {0.0:11.5f} {1.0:11.5f}"
    said = "written by getl in the layout of LOBSTER ; states of orthonormal orbitals ; Fermi level at"
    with atomic_write(path) as temporary, open(temporary, "w") as file:
        file.write(f"{len(atoms):5d} {len(atoms):5d} {len(total):5d} 0\n\n\n\n {said} 0.0 eV\n")
        file.write(head + "\n")
        np.savetxt(file, np.vstack([energies, total, integrated]).T, "%11.5f")
        for number, names, states in atoms:
            file.write(f"{head} ; Z= {number} ; {' '.join(names)}\n")
            flat = np.moveaxis(states, 0, 1).reshape(-1, len(energies))
            np.savetxt(file, np.vstack([energies, flat]).T, "%11.5f")
