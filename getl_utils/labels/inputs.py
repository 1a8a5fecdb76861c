"""Inputs of pw.x and LOBSTER for one cell, in the published form, for those who run these programs."""

from __future__ import annotations

from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.cells import CellKey
from getl_utils.core.neighbours import neighbours
from getl_utils.core.parameters import Generate
from getl_utils.core.record import atomic_write
from getl_utils.core.workdir import WorkDir
from getl_utils.files import espresso, lobsterin


def write_inputs(work: WorkDir, key: CellKey, p: Generate) -> None:
    """Write ``lobsterin``, ``lobsterin-quippy`` and ``<composition>.scf.in`` into the label folder of a cell.

    Parameters
    ----------
    work : WorkDir
        Holds the cell.
    key : CellKey
        The cell.
    p : Generate
        Parameters; without `espresso.pseudopotentials` no input of pw.x is written.
    """
    atoms, folder = cells.read(work.cell(*key)), work.label(*key)
    elements, near = sorted(set(atoms.get_chemical_symbols())), neighbours(atoms, p.cutoff)
    texts = {
        "lobsterin": lobsterin.lobsterin(p.orbitals, elements, p.lobster_energies, p.label_window),
        "lobsterin-quippy": lobsterin.lobsterin_quippy(p.orbitals, elements, p.lobster_energies, near),
    }
    if p.espresso.pseudopotentials:
        texts[f"{key.composition}.scf.in"] = _scf_input(atoms, key, p)
    for name, text in texts.items():
        with atomic_write(folder / name) as temporary:
            temporary.write_text(text)


def _scf_input(atoms: Atoms, key: CellKey, p: Generate) -> str:
    e = p.espresso
    species = {symbol: entry.model_dump() for symbol, entry in e.pseudopotentials.items()}
    bands = espresso.count_bands(atoms.get_chemical_symbols(), e.basis_size, e.band_factor)
    return espresso.scf_input(
        atoms, key.composition, bands, species, e.settings, e.k_points, directory=".", pseudo_dir=e.pseudo_dir
    )
