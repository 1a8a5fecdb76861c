"""The error budget of the labels: what tolerances, k points, grid and size of the cell change in −ICOHP.

``OMP_NUM_THREADS=1 python bench/error_budget.py calculate`` solves the cells of this study and of the map
test. It takes two to three hours of one core and resumes from what runs/ holds. ``python
bench/error_budget.py pack`` collects the labels in data_examples/error_budget/bonds.parquet, from which
bench/error_tables.py makes tables.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dft_cells
import map_test
from ase import Atoms

from getl_utils.core import cells

ROOT, FOLDER = Path("runs/error_budget"), Path("data_examples/error_budget")
DATA = Path("data_examples/zrcual")
GLASSES = ("glass_200", "glass_100")  # of bench/glasses.py
COMPOSITIONS = ("Zr49Cu49Al2", "Zr47Cu47Al6", "Zr45Cu45Al10")
TIGHT = {"density": 1e-4, "energy": 5e-5}  # a tenth of the defaults: electrons, eV per valence electron


def cell(composition: str) -> Atoms:
    """The quenched cell of run 1 of the data set."""
    return cells.read(DATA / "cells" / composition / "1" / "0.xyz")


def densities(composition: str) -> None:
    """Γ with the default tolerances, with ten times smaller ones, and a mesh in the density of the latter."""
    folder, atoms = ROOT / composition, cell(composition)
    dft_cells.label(folder / "gamma", atoms)
    if not dft_cells.is_done(folder / "tight"):
        dft, record = dft_cells.converge_on(atoms, folder / "gamma", convergence=TIGHT)
        dft_cells.save(folder / "tight", dft, atoms, record)
    dft_cells.label_on_mesh(folder / "shifted", folder / "tight", atoms)


def one_point(composition: str) -> None:
    """One k point instead of the four of the mesh: ¼, ¼, ¼ (Baldereschi, Phys. Rev. B 7, 5212 (1973))."""
    folder, atoms = ROOT / composition, cell(composition)
    if not dft_cells.is_done(folder / "one_point"):
        dft, record = dft_cells.bands_in(atoms, folder / "tight", kpts=[[0.25, 0.25, 0.25]])
        dft_cells.save(folder / "one_point", dft, atoms, record, (2, 2, 2))


def glasses(variant: str) -> None:
    """The two glasses that differ in size, at Γ or on the mesh."""
    for name in GLASSES:
        atoms, folder = cells.read(FOLDER / f"{name}.xyz"), ROOT / name
        if variant == "gamma":
            dft_cells.label(folder / "gamma", atoms)
        else:
            dft_cells.label_on_mesh(folder / variant, folder / "gamma", atoms)


def calculate() -> None:
    """All calculations, the most useful first."""
    dft_cells.step_back()
    for name in COMPOSITIONS:
        densities(name)
    map_test.calculate("gamma")
    glasses("gamma")
    first, atoms = ROOT / COMPOSITIONS[0], cell(COMPOSITIONS[0])
    one_point(COMPOSITIONS[0])
    dft_cells.label_on_mesh(first / "denser", first / "tight", atoms, {"size": (3, 3, 3), "gamma": True})
    dft_cells.label(first / "fine_grid", atoms, grid_spacing=0.22)
    map_test.calculate("shifted")
    glasses("shifted")
    dft_cells.label_on_mesh(first / "mesh", first / "tight", atoms, again=True)


if __name__ == "__main__":
    {"calculate": calculate, "pack": lambda: dft_cells.pack(ROOT, FOLDER)}[sys.argv[1]]()
