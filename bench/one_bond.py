"""Write data_examples/one_bond, what the study notebooks/studies/one_bond.ipynb shows.

    python bench/one_bond.py [COMPOSITION RUN SUB_RUN TYPE]

Labels one cell of data_examples/zrcual again, as the shipped label was made (8 min on one core), because the
shipped labels hold no wave functions. Among the bonds of TYPE within 0.05 Å of the median length it takes the
one with the third atom nearest to its middle. Files: bonds.csv (all bonds of the cell: type, distance,
strength), curves.csv (COHP(E) and its integral of the bond, by pairs of shells), removed.csv (the ICOHP of
the bond if the orbitals of one neighbour are taken out of the basis) and manifest.json (inputs, versions,
checksums).

Taking out: Hamiltonian and overlap of the bare orbitals lose the rows and columns of that atom; the rest is
diagonalised again and filled to the same Fermi level. No field is made self-consistent.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.special import expit
from zrcual import cell, typed

from getl_utils.core.neighbours import neighbour_table
from getl_utils.core.record import content_hash, read_json, write_csv, write_json
from getl_utils.labels import common, engine
from getl_utils.labels.bands import ProjectedBands, inverse_root
from getl_utils.labels.icohp import amplitudes
from getl_utils.labels.populations import populations

OUT, LABELS = Path("data_examples/one_bond"), Path("data_examples/zrcual_gamma/labels")
NEAR, REACH = 0.05, 3.6  # Å: of the median length; of a neighbour from the middle of the bond
BOND = ["i", "j", "tx", "ty", "tz"]


def middle(atoms, bond) -> np.ndarray:
    """Middle of a bond, Å."""
    other = atoms.positions[bond.j] + np.array([bond.tx, bond.ty, bond.tz]) @ atoms.cell.array
    return (atoms.positions[bond.i] + other) / 2


def around(atoms, bond) -> pd.DataFrame:
    """Atoms near the middle of a bond, its ends left out: atom, element, along and beside it (Å)."""
    centre, axis = middle(atoms, bond), middle(atoms, bond) - atoms.positions[bond.i]
    probe = atoms.copy()
    probe.append("X")
    probe.positions[-1] = centre
    near = neighbour_table(probe, REACH)
    near = near[(near.j == len(atoms)) | (near.i == len(atoms))]
    rows = []
    for row in near.itertuples():
        atom, sign = (row.i, 1) if row.j == len(atoms) else (row.j, -1)
        place = atoms.positions[atom] - sign * np.array([row.tx, row.ty, row.tz]) @ atoms.cell.array - centre
        along = abs(place @ axis) / np.linalg.norm(axis)
        rows.append([atom, atoms.symbols[atom], along, np.sqrt(max(place @ place - along**2, 0))])
    found = pd.DataFrame(rows, columns=["atom", "element", "along", "beside"])
    ends = np.isclose(found.along, np.linalg.norm(axis), atol=1e-6) & (found.beside < 1e-3)
    return found[~ends].assign(from_middle=np.hypot(found.along, found.beside)).sort_values("from_middle")


def chosen(atoms, bonds: pd.DataFrame) -> pd.Series:
    """The bond with the third atom nearest to its middle, among those of nearly the median length."""
    near = bonds[(bonds.distance - bonds.distance.median()).abs() < NEAR]
    closest = [around(atoms, bond).from_middle.min() for bond in near.itertuples()]
    return near.iloc[int(np.argmin(closest))]


def without(h: np.ndarray, s: np.ndarray, keep: np.ndarray, ends: tuple, kt: float) -> float:
    """ICOHP of a bond if only the orbitals `keep` are in the basis."""
    half = inverse_root(s[np.ix_(keep, keep)], 0)
    inner = half @ h[np.ix_(keep, keep)] @ half
    levels, c = np.linalg.eigh(inner)
    p = (c * 2 * expit(-levels / kt)) @ c.T
    a, b = (np.flatnonzero(np.isin(keep, end)) for end in ends)
    return float(np.sum((p * inner)[np.ix_(a, b)]))


def bare(bands: ProjectedBands) -> tuple[np.ndarray, np.ndarray]:
    """Hamiltonian (eV) and overlap of the bare orbitals at Γ."""
    ((_, _, _, keep, c),) = amplitudes(bands, 0.01)
    s = bands.overlaps[0].real
    values, vectors = np.linalg.eigh(s)
    root = (vectors * np.sqrt(values)) @ vectors.T
    return root @ ((c * bands.energies[0, 0, keep]) @ c.T) @ root, s


def removals(bands: ProjectedBands, atoms, bond, kt: float) -> pd.DataFrame:
    """The ICOHP of the bond with everything there, and without each of its nearest neighbours."""
    h, s = bare(bands)
    own = [np.flatnonzero(bands.orbital_atoms == a) for a in range(len(atoms))]
    ends, everything = (own[bond.i], own[bond.j]), np.arange(len(s))
    near = around(atoms, bond)
    near = near[~near.atom.isin([bond.i, bond.j])].head(8)
    values = [without(h, s, np.setdiff1d(everything, own[a]), ends, kt) for a in near.atom]
    whole = without(h, s, everything, ends, kt)
    return near.assign(icohp=whole, icohp_without=values)


def by_shells(bands, bond, shells, kt: float) -> pd.DataFrame:
    """COHP(E) of the bond summed over the orbitals of each pair of shells."""
    found = populations(bands, np.array([[bond.i, bond.j, bond.tx, bond.ty, bond.tz]]), np.ones(1), kt)
    left, right = (
        np.concatenate([[n] * (2 * "spdf".index(n[1]) + 1) for n in shells[end]]) for end in ("i", "j")
    )
    rows = []
    for one in dict.fromkeys(left):
        for two in dict.fromkeys(right):
            pick = np.ix_([0], np.flatnonzero(left == one), np.flatnonzero(right == two))
            curve, total = (
                part[pick].sum(axis=(0, 1, 2))
                for part in (found.cohp_orbitals[0], found.integrated_orbitals[0])
            )
            rows.append(
                pd.DataFrame(
                    {"shell_i": one, "shell_j": two, "energy": found.energies, "cohp": curve, "icohp": total}
                )
            )
    return pd.concat(rows, ignore_index=True)


def main(composition: str, run: str, sub_run: str, kind: str) -> None:
    """Make the files."""
    atoms, place = cell(composition, int(run), int(sub_run)), LABELS / composition / run / sub_run
    record = read_json(place / "label.json")
    given = record["settings"]
    gpaw = engine.get("gpaw")
    job = engine.Job(
        atoms, given["orbitals"], tuple(given["label_window"]), gpaw.read(given["engine_settings"])
    )
    with gpaw.solve(job) as dft:
        projected = gpaw.project(dft, job)
    bands = projected.bands["full"]
    table, _ = common.bonds({"full": bands}, "full", atoms, job.window, 0.01, (1, 1, 1), projected.moved)
    bonds = typed(table, atoms)
    bond = chosen(atoms, bonds[bonds.type == kind])
    write_csv(OUT / "bonds.csv", bonds.round(6))
    shells = {end: given["orbitals"][atoms.symbols[bond[end]]] for end in ("i", "j")}
    write_csv(OUT / "curves.csv", by_shells(bands, bond, shells, job.settings.smearing).round(6))
    write_csv(OUT / "removed.csv", removals(bands, atoms, bond, job.settings.smearing).round(6))
    files = {name: content_hash(OUT / name) for name in ("bonds.csv", "curves.csv", "removed.csv")}
    facts = {"cell": [composition, int(run), int(sub_run)], "cell_id": record["cell_id"], "type": kind}
    named = {
        name: bond[name].item() if hasattr(bond[name], "item") else bond[name] for name in [*BOND, "distance"]
    }
    versions = {name: version(name) for name in ("gpaw", "gpaw-data", "qc-atomdb")}
    write_json(
        OUT / "manifest.json",
        facts
        | {"bond": named, "elements": [atoms.symbols[bond.i], atoms.symbols[bond.j]]}
        | {"command": "python bench/one_bond.py", "settings": given, "versions": versions, "files": files},
    )


if __name__ == "__main__":
    main(*(sys.argv[1:] or ["Zr47Cu47Al6", "2", "0", "Zr-Cu"]))
