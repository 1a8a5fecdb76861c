"""Test of the map: one neighbour of a bond is moved or exchanged; predicted changes are held against DFT.

bench/error_budget.py labels the cells, after those of the error budget, from whose densities they start.
``python bench/map_test.py`` collects the labels in data_examples/map_test/bonds.parquet, from which
bench/map_tables.py makes tables.

Each row of paths.csv names a cell of the data set (run 1, as quenched), one bond (i, j, translation), one
neighbour (`atom`) and what is done to it: `element` replaces it, or (dx, dy, dz) in Å moves it. The rows were
chosen with a prototype of the default model, before any of these cells was computed. The moves come from a
search over moves of 0.5 to 1.7 Å that keep the neighbour 2.25 to 2.6 Å (by elements) from all other atoms:
one of those with the largest predicted change for each of three bond types. The exchanges are of a neighbour
beside the middle of that bond and of one behind an end.
"""

from __future__ import annotations

from pathlib import Path

import dft_cells
import pandas as pd
from ase import Atoms

from getl_utils.core import cells

RUNS, SOURCES = Path("runs/map_test"), Path("runs/error_budget")
DATA = Path("data_examples/zrcual")
FOLDER = Path("data_examples/map_test")


def paths() -> pd.DataFrame:
    """The rows of paths.csv."""
    return pd.read_csv(FOLDER / "paths.csv", keep_default_na=False)


def original(composition: str) -> Atoms:
    """The quenched cell of run 1."""
    return cells.read(DATA / "cells" / composition / "1" / "0.xyz")


def perturbed(row: pd.Series) -> Atoms:
    """The cell of one row, with its neighbour moved or exchanged."""
    atoms = original(row.composition)
    atoms.positions[row.atom] += [row.dx, row.dy, row.dz]
    if row.element:
        atoms.symbols[row.atom] = row.element
    return atoms


def calculate(variant: str) -> None:
    """Label every cell that has no label yet: at Γ ("gamma") or on the mesh in its density ("shifted")."""
    for _, row in paths().iterrows():
        atoms, folder = perturbed(row), RUNS / row["name"]
        if variant == "gamma":
            source = SOURCES / row.composition / "gamma"
            dft_cells.label_changed(folder / "gamma", atoms, row.atom, source, original(row.composition))
        else:
            dft_cells.label_on_mesh(folder / variant, folder / "gamma", atoms)


if __name__ == "__main__":
    dft_cells.pack(RUNS, FOLDER)
