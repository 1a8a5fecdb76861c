"""Projections by projwfc.x on the data sets' atomic functions.

projwfc.x writes amplitudes in the Löwdin-orthogonalised atomic functions, p = S^(−1/2)⟨φ|ψ⟩, and S beside them. Orbitals
that the basis asked for does not have are dropped before the orthogonalisation: with ⟨φ|ψ⟩ = S^(1/2) p the kept rows, and
S of the kept ones alone, go to `getl_utils.labels.icohp`. Diffuse p functions of Cu and Zr would multiply the
ICOHPs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.files import espresso, upf
from getl_utils.labels import common, pwscf
from getl_utils.labels.icohp import ProjectedBands


def project(
    folder: Path,
    atoms: Atoms,
    orbitals: Mapping[str, Sequence[str]],
    files: Mapping[str, Path],
    settings: Mapping[str, Any],
) -> tuple[ProjectedBands, dict[str, Any]]:
    """As `_plane_waves.project`, by a run of projwfc.x in `folder`."""
    source = folder / "projwfc.in"
    source.write_text(
        f" &projwfc\n prefix='{pwscf.PREFIX}', outdir='.', lwrite_overlaps=.true., lsym=.false.\n /\n"
    )
    _, wrong = pwscf.run("projwfc.x", source, settings)
    if wrong:
        raise ValueError(wrong)
    found = espresso.read_projections(folder / f"{pwscf.PREFIX}.save")
    owners, shells = _functions(atoms, files)
    if len(owners) != found.amplitudes.shape[2]:
        raise ValueError(
            f"projwfc.x has {found.amplitudes.shape[2]} atomic functions, the data sets have {len(owners)}"
        )
    symbols = np.array(atoms.get_chemical_symbols())[owners]
    keep, choice = common.choose(symbols, shells, orbitals, "the data set's atomic functions")
    raw = np.einsum("kpq,skqb->skpb", _roots(found.overlaps), found.amplitudes)
    bands = ProjectedBands(
        energies=found.energies - found.fermi,
        occupations=2 * found.occupations,
        projections=raw[:, :, keep],
        overlaps=found.overlaps[:, keep][:, :, keep],
        kpoints=found.kpoints @ atoms.cell.array.T / np.linalg.norm(atoms.cell.array[0]),
        weights=found.weights,
        orbital_atoms=owners[keep],
        time_reversal=settings["time_reversal"],
    )
    return bands, {"fermi_level": found.fermi} | choice


def _functions(atoms: Atoms, files: Mapping[str, Path]) -> tuple[np.ndarray, np.ndarray]:
    """Atom and shell name of every atomic function, in the order of projwfc.x."""
    known = {element: upf.read_atomic_functions(path) for element, path in files.items()}
    rows = [
        (n, shell)
        for n, e in enumerate(atoms.symbols)
        for shell, angular in known[e]
        for _ in range(2 * angular + 1)
    ]
    return np.array([n for n, _ in rows]), np.array([shell for _, shell in rows])


def _roots(overlaps: np.ndarray) -> np.ndarray:
    """S^(1/2) at every k point."""
    values, vectors = np.linalg.eigh(overlaps)
    return (vectors * np.sqrt(np.clip(values, 0, None))[:, None]) @ vectors.conj().swapaxes(1, 2)
