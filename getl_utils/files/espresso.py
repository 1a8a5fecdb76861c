"""Input and output of pw.x."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms


class Output(NamedTuple):
    """What pw.x said: whether the self-consistent field converged, and whether pw.x ended by itself."""

    converged: bool
    terminated: bool


def read_output(path: str | Path) -> Output:
    """Read the output of pw.x.

    Parameters
    ----------
    path : str or Path
        A ``.scf.out``.

    Returns
    -------
    Output
        What it says.
    """
    text = Path(path).read_text(errors="replace")
    return Output("convergence has been achieved in" in text, "This run was terminated on" in text)


def count_bands(symbols: Sequence[str], basis_size: Mapping[str, int], factor: float = 1.1) -> int:
    """Count the bands that span the local basis: factor × Σ basis functions, rounded down.

    Parameters
    ----------
    symbols : sequence of str
        Element of every atom.
    basis_size : mapping
        Element → number of basis functions.
    factor : float
        Bands per basis function.

    Returns
    -------
    int
        Number of bands.

    Examples
    --------
    >>> count_bands(["Zr"] * 49 + ["Cu"] * 49 + ["Al"] * 2, {"Zr": 10, "Cu": 10, "Al": 4})
    1086
    """
    # the small term keeps 1.1 × 10 from becoming 10.999…
    return math.floor(factor * sum(basis_size[s] for s in symbols) + 1e-9)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, float) and value != 0 and abs(value) < 1e-3:
        return f"{value:.1E}".replace("E-0", "D-").replace("E", "D")
    return f"'{value}'" if isinstance(value, str) else f"{value}"


def _namelist(name: str, entries: Mapping[str, Any]) -> str:
    return (
        f" &{name}\n"
        + ",\n".join(f"{key:>28} = {_value(value)}" for key, value in entries.items())
        + "\n /\n"
    )


def scf_input(
    atoms: Atoms,
    title: str,
    n_bands: int,
    species: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
    k_points: Sequence[int] | None,
    directory: str,
    pseudo_dir: str,
) -> str:
    """Return the text of a pw.x scf input in the published layout.

    Parameters
    ----------
    atoms : Atoms
        The structure; its positions are written as crystal coordinates.
    title : str
        Title and prefix.
    n_bands : int
        Number of bands.
    species : mapping
        Element → {mass (u), pseudopotential (file name)}.
    settings : mapping
        Entries of the namelists control, system and electrons beyond those that follow from the structure
        (Ry).
    k_points : sequence of int or None
        n1 n2 n3 and shifts; None: Γ alone, with real wave functions, which is half the work.
    directory : str
        outdir and wfcdir.
    pseudo_dir : str
        Folder of the pseudopotentials.

    Returns
    -------
    str
        The text.

    Raises
    ------
    ValueError
        An element has no entry in `species`.
    """
    elements = sorted(set(atoms.get_chemical_symbols()))
    missing = [e for e in elements if e not in species]
    if missing:
        raise ValueError(
            f"no pseudopotential for {', '.join(missing)}: add it to the parameter `pseudopotentials`"
        )
    control = {"title": title, "calculation": "scf", "restart_mode": "from_scratch", "outdir": directory,
               "wfcdir": directory, "pseudo_dir": pseudo_dir, "prefix": title}  # fmt: skip
    system = {"ibrav": 0, "nat": len(atoms), "ntyp": len(elements), "nbnd": n_bands}
    namelists = [
        ("CONTROL", control | settings.get("control", {})),
        ("SYSTEM", system | settings.get("system", {})),
        ("ELECTRONS", settings.get("electrons", {})),
    ]
    masses = [f"   {e} {species[e]['mass']:8.4f}   {species[e]['pseudopotential']}" for e in elements]
    cards = [*_cell(atoms), "ATOMIC_SPECIES", *masses, *_positions(atoms), *_k_points(k_points)]
    return "".join(_namelist(*entry) for entry in namelists) + "\n".join(cards) + "\n"


def _cell(atoms: Atoms) -> list[str]:
    rows = [" ".join(f"{x:10.6f}" for x in vector) for vector in atoms.cell.array]
    return ["CELL_PARAMETERS {angstrom}", *rows]


def _positions(atoms: Atoms) -> list[str]:
    scaled = np.linalg.solve(atoms.cell.array.T, atoms.positions.T).T
    places = [
        f"{s:<2} " + " ".join(f"{x:10.6f}" for x in xyz) for s, xyz in zip(atoms.symbols, scaled, strict=True)
    ]
    return ["ATOMIC_POSITIONS {crystal}", *places]


def _k_points(k_points: Sequence[int] | None) -> list[str]:
    if k_points is None:
        return ["K_POINTS gamma"]
    return ["K_POINTS automatic", "  {} {} {}   {} {} {}".format(*k_points)]
