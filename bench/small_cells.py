"""Small cells and their DFT labels, which notebook 01 labels again: ``python bench/small_cells.py``.

Two ordered alloys of 16 atoms, their atoms moved at random so that bonds of one type differ. It writes
``data_examples/small_cells/<name>/``: cell.xyz, and the label by GPAW at Γ. A minute on one core.
"""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk

from getl_utils.core import cells, parameters
from getl_utils.core.workdir import root
from getl_utils.labels import label

PLACE = root() / "data_examples/small_cells"
MOVED = 0.12  # Å, standard deviation of each coordinate
SETTINGS = {"engine": "gpaw", "engine_settings": {"folds": True}}  # Γ folds images of so small a cell


def crystals() -> dict[str, Atoms]:
    """B2 ZrCu, a = 3.26 Å, and L2₁ ZrCu₂Al, a = 6.21 Å."""
    heusler = bulk("ZrAl", "rocksalt", a=6.21, cubic=True)
    quarters = [[x, y, z] for x in (0.25, 0.75) for y in (0.25, 0.75) for z in (0.25, 0.75)]
    heusler += Atoms("Cu8", scaled_positions=quarters, cell=heusler.cell)
    return {"ZrCu": bulk("ZrCu", "cesiumchloride", a=3.26) * (2, 2, 2), "ZrCu2Al": heusler}


def main() -> None:
    """Write the cells and label them; labels that are there stay."""
    p = parameters.for_stage("01_generate", parameters.read(root() / "parameters/quick.yaml"))
    wanted = {"label_window": list(p.label_window), "orbitals": p.orbitals, **SETTINGS}
    for seed, (name, atoms) in enumerate(crystals().items(), 1):
        atoms.positions += np.random.default_rng(seed).normal(scale=MOVED, size=(len(atoms), 3))
        if not (PLACE / name / "cell.xyz").exists():
            (PLACE / name).mkdir(parents=True, exist_ok=True)
            cells.write(PLACE / name / "cell.xyz", atoms, cells.CellKey(atoms.get_chemical_formula(), 0, 0))
        record = label.label_structure(PLACE / name / "cell.xyz", PLACE / name, wanted)
        print(name, record["status"], record.get("n_bonds"), record["seconds"], record["reason"])


if __name__ == "__main__":
    main()
