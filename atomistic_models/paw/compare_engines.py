#!/usr/bin/env python3
"""B2 CuZr by the engines gpaw and qe: the same crystal, k mesh and orbitals; writes engines.csv.

python compare_engines.py
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from ase.build import bulk

from getl_utils import engines

HERE = Path(__file__).resolve().parent
ORBITALS = {"Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
SETTINGS = {  # what is compared with what
    "qe, 45 Ry": ("qe", {"ecutwfc": 45, "ecutrho": 360}),
    "qe, 45 Ry, projwfc.x": ("qe", {"ecutwfc": 45, "ecutrho": 360, "projection": "projwfc"}),
    "gpaw, szp(dzp)": ("gpaw", {}),
    "gpaw, dzp": ("gpaw", {"basis": "dzp"}),
}


def rows(name: str) -> list[list]:
    """Rows run, bond type, distance (Å), number, mean ICOHP and spread (eV)."""
    engine, settings = SETTINGS[name]
    atoms = bulk("CuZr", "cesiumchloride", a=3.27)
    label = engines.get(engine).label(atoms, orbitals=ORBITALS, minimum_distance=1.8, cutoff=4.2, kpoints=[3, 3, 3], **settings)
    groups = label.bonds.groupby(["i", "j"])
    return [
        [name, f"{atoms.symbols[i]}-{atoms.symbols[j]}", b.distance.mean(), len(b), b.icohp.mean(), b.icohp.max() - b.icohp.min()]
        for (i, j), b in groups
    ]


if __name__ == "__main__":
    names = ["run", "bond", "distance", "bonds", "icohp", "spread"]
    table = pd.DataFrame([row for name in SETTINGS for row in rows(name)], columns=names)
    first = table[table.run == next(iter(SETTINGS))].set_index("bond").icohp
    table["ratio_to_first"] = table.icohp / table.bond.map(first)
    table.to_csv(HERE / "engines.csv", index=False, float_format="%.5f")
    print(table.to_string(index=False))
