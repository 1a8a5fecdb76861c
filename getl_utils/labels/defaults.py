"""What a label of any structure takes if nothing else is said: shells, window, mesh, kind of waves.

The rules. Shells: those of `getl_utils.labels.shells`. Mesh: so many k points that the cell repeated as often
is at least 20 Å thick; Γ alone for a cell of 12 Å or more in all directions. Window: from 0.1 to 6 Å, as
LOBSTER's users take it, but no more than half the thickness of the repeated cell, within which the mesh tells
all images apart. For up to 16 atoms engine `gpaw` takes plane waves, and there is an analysis by orbitals.
For more it takes atomic orbitals, and for projection lobster, which needs it, a larger basis of the bands. A
label with more than 5 % spilling has a warning, one with more than 20 % is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.labels import shells
from getl_utils.labels.common import TIE, heights
from getl_utils.labels.projection import spheres

THICK, LARGE = 20.0, 12.0  # Å: of the repeated cell; of a cell that needs no mesh
WINDOW = (0.1, 6.0)  # Å
SMALL = 16  # atoms: plane waves, and an analysis
LARGER = "tzp"  # basis of the bands
ANALYSED = ("gpaw", "qe")
MOST_SPILLING = 0.2  # of the charge


def mesh(atoms: Atoms) -> list[int]:
    """Return the default mesh.

    Parameters
    ----------
    atoms : Atoms
        The structure.

    Returns
    -------
    list of int
        k points along each reciprocal lattice vector.

    Examples
    --------
    >>> mesh(Atoms("H", cell=[3, 6, 30], pbc=True)), mesh(Atoms("H", cell=[12, 13, 14], pbc=True))
    ([7, 4, 1], [1, 1, 1])
    """
    thick = heights(atoms)
    return [1, 1, 1] if thick.min() >= LARGE else np.ceil(THICK / thick - 1e-6).astype(int).tolist()


def settings(
    atoms: Atoms,
    engine: str,
    own: Mapping[str, Any],
    window: Sequence[float] | None = None,
    orbitals: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Return what a label of a structure depends on, where there is no parameter file.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    engine : str
        Name of the engine.
    own : mapping
        Settings that were given.
    window : (float, float), optional
        Shortest and longest bond, Å.
    orbitals : mapping, optional
        Element → shells, where they were given.

    Returns
    -------
    dict
        As `label.settings_of`.

    Raises
    ------
    ValueError
        No cell, or an element has no suggested shells and none were given.
    """
    if not len(atoms) or abs(atoms.cell.volume) < 1e-6:
        raise ValueError("the structure has no cell with atoms; a label needs a periodic one")
    given = {"kpoints": mesh(atoms), "most_spilling": MOST_SPILLING} if engine in ANALYSED else {}
    if engine in ANALYSED and len(atoms) <= SMALL:
        given |= {"analysis": True} | ({"waves": "pw"} if engine == "gpaw" else {})
    given |= own
    emulated = (
        engine == "gpaw" and given.get("waves", "lcao") == "lcao" and own.get("projection") == "lobster"
    )
    possible = set(atoms.get_chemical_symbols()) <= set(spheres.known())
    if emulated and possible and not {"basis", "band_basis"} & set(own):
        given["band_basis"] = LARGER
    points = given.get("band_kpoints") or given.get("kpoints", [1, 1, 1])
    half = float((heights(atoms) * points).min()) / 2
    longest = round(min(WINDOW[1], half - 2 * TIE), 3)  # at half, two images are equally far
    return {
        "engine": engine,
        "engine_settings": given,
        "label_window": list(window) if window else [WINDOW[0], longest],
        "orbitals": _orbitals(atoms, orbitals or {}),
    }


def _orbitals(atoms: Atoms, given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    known = shells.recommended() | {e: list(names) for e, names in given.items()}
    elements = sorted(set(atoms.get_chemical_symbols()))
    unknown = [e for e in elements if e not in known]
    if unknown:
        raise ValueError(
            f"no shells are suggested for {', '.join(unknown)}: there are no data sets or no orbitals of the "
            "free atom; name them in a file of --orbitals"
        )
    return {e: known[e] for e in elements}
