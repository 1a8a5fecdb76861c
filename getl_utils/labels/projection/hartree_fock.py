"""Orbitals of the free atom, non-relativistic Roothaan–Hartree–Fock; LOBSTER calls this basis Bunge's.

Koga, Kanayama, Watanabe and Thakkar, Int. J. Quantum Chem. 71, 491 (1999) to Xe; Koga, Kanayama, Watanabe,
Imai and Thakkar, Theor. Chem. Acc. 104, 411 (2000) beyond. The package qc-AtomDB has their tables
(`make engines` installs it; none of its code is run).
"""

from __future__ import annotations

import importlib.util
import math
import re
import tarfile
from functools import cache
from pathlib import Path

import numpy as np

from getl_utils.labels.projection.two_centre import Radial

REACH = 26.0  # bohr: beyond, no orbital of a neutral atom holds 1e-6 of its norm
POINTS = 1500


def missing() -> str | None:
    """Return None if the table is installed, otherwise how to install it."""
    return (
        None
        if _table()
        else "the package qc-atomdb (Hartree–Fock orbitals) is not installed; run: make engines"
    )


def _table() -> Path | None:
    package = importlib.util.find_spec("atomdb")
    folder = Path(package.origin).parent if package and package.origin else None
    path = folder / "data" / "slater_atom.tar.xz" if folder else None
    return path if path and path.is_file() else None


@cache
def expansions(element: str) -> dict[str, list[tuple[int, float, float]]]:
    """Read the orbitals of the ground state of a neutral atom.

    Parameters
    ----------
    element : str
        The element.

    Returns
    -------
    dict
        Shell → its Slater functions (n, ζ in 1/bohr, coefficient).

    Raises
    ------
    ValueError
        The table does not have the element.
    FileNotFoundError
        The table is not installed.
    """
    path = _table()
    if path is None:
        raise FileNotFoundError(missing())
    with tarfile.open(path) as archive:
        names = [n for n in archive.getnames() if n.endswith(f"neutral/{element.lower()}.slater")]
        if not names:
            raise ValueError(f"no Hartree–Fock orbitals of {element}: the table of Koga et al. has H to Lr")
        return _read(archive.extractfile(names[0]).read().decode())


def _read(text: str) -> dict[str, list[tuple[int, float, float]]]:
    shells: dict[str, list] = {}
    heads: list[str] = []
    for words in (line.split() for line in text.splitlines()):
        if len(words) > 1 and words[0] in "SPDF" and re.fullmatch(r"\d[SPDF]", words[1]):
            heads = [word.lower() for word in words[1:]]
            shells |= {head: [] for head in heads}
        elif heads and words and re.fullmatch(r"\d[SPDF]", words[0]):
            for head, coefficient in zip(heads, words[2:], strict=True):
                shells[head].append((int(words[0][0]), float(words[1]), float(coefficient)))
    return shells


def values(terms: list[tuple[int, float, float]], r: np.ndarray) -> np.ndarray:
    """R(r) = Σ c (2ζ)^(n+½)/√(2n)! r^(n−1) e^(−ζr), with ∫R²r²dr = 1.

    Parameters
    ----------
    terms : list of (int, float, float)
        n, ζ (1/bohr) and coefficient of each Slater function.
    r : (m,) array
        bohr.

    Returns
    -------
    (m,) array
        bohr^(−3/2).
    """
    norms = [c * (2 * z) ** (n + 0.5) / math.sqrt(math.factorial(2 * n)) for n, z, c in terms]
    return sum(norm * r ** (n - 1) * np.exp(-z * r) for norm, (n, z, _) in zip(norms, terms, strict=True))


@cache
def orbital(element: str, shell: str) -> Radial:
    """Return one shell of an element.

    Parameters
    ----------
    element : str
        The element.
    shell : str
        E.g. "4s".

    Returns
    -------
    Radial
        The orbital.

    Raises
    ------
    ValueError
        Element or shell is not in the table.

    Examples
    --------
    >>> missing() or round(orbital("Cu", "4s").mean_radius(), 3)  # bohr
    3.331
    """
    shells = expansions(element)
    if shell not in shells:
        raise ValueError(
            f"no Hartree–Fock orbital {shell} of {element}; its occupied shells are {', '.join(shells)}"
        )
    x = (np.arange(POINTS) + 0.5) / POINTS
    r, weights = REACH * x**3, 3 * REACH * x**2 / POINTS
    return Radial("spdf".index(shell[1]), r, values(shells[shell], r), weights, shell)
