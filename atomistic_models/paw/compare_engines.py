#!/usr/bin/env python3
"""Compare the engines gpaw and qe on the same structures, k meshes and orbitals.

    python compare_engines.py    # minutes

The structures are B2 CuZr (engines.csv, by bond type) and 16 displaced atoms of it (disordered.csv, every
bond).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.build import bulk

from getl_utils.labels import engine as engines
from getl_utils.models import agreement as comparison

HERE = Path(__file__).resolve().parent
ORBITALS = {"Cu": ["3s", "4s", "3p", "3d"], "Zr": ["4s", "5s", "4p", "4d"]}
SETTINGS = {  # name of a run: engine and settings
    "qe, 45 Ry": ("qe", {"ecutwfc": 45, "ecutrho": 360}),
    "gpaw, szp(dzp)": ("gpaw", {}),
    "gpaw, dzp": ("gpaw", {"basis": "dzp"}),
}


def rows(name: str) -> list[list]:
    """Return a row per bond type: run, distance (Å), number of bonds, mean ICOHP and spread (eV)."""
    engine, settings = SETTINGS[name]
    atoms = bulk("CuZr", "cesiumchloride", a=3.27)
    label = engines.get(engine).label(
        atoms, orbitals=ORBITALS, minimum_distance=1.8, cutoff=4.2, kpoints=[3, 3, 3], **settings
    )
    groups = label.bonds.groupby(["i", "j"])
    return [
        [
            name,
            f"{atoms.symbols[i]}-{atoms.symbols[j]}",
            b.distance.mean(),
            len(b),
            b.icohp.mean(),
            b.icohp.max() - b.icohp.min(),
        ]
        for (i, j), b in groups
    ]


def displaced(size: float = 0.22, seed: int = 3) -> Atoms:
    """Return 16 atoms of compressed B2 CuZr, displaced at random (Å); bonds are as short as in a glass."""
    atoms = bulk("CuZr", "cesiumchloride", a=3.0) * (2, 2, 2)
    atoms.positions += np.random.default_rng(seed).normal(scale=size, size=atoms.positions.shape)
    return atoms


def disordered() -> pd.DataFrame:
    """Label each bond by both engines, at Γ."""
    atoms, labels = displaced(), {}
    for engine, settings in {"qe": {"ecutwfc": 60, "ecutrho": 480}, "gpaw": {}}.items():
        labels[engine] = (
            engines.get(engine)
            .label(atoms, orbitals=ORBITALS, minimum_distance=1.8, cutoff=4.2, **settings)
            .bonds
        )
    same = ["i", "j", "tx", "ty", "tz", "distance"]
    both = labels["qe"].merge(labels["gpaw"], on=same, suffixes=("_qe", "_gpaw"), validate="1:1")
    symbols = np.array(atoms.get_chemical_symbols())
    both.insert(
        0, "bond", ["-".join(sorted(pair)) for pair in zip(symbols[both.i], symbols[both.j], strict=True)]
    )
    return both.sort_values(["bond", "distance"], ignore_index=True)


def agreement(both: pd.DataFrame) -> pd.DataFrame:
    """Return slope of qe against gpaw and rms difference (eV), by bond type."""
    rows = []
    for bond, group in both.groupby("bond"):
        found = comparison.agreement(group.icohp_gpaw, group.icohp_qe)
        rows.append(
            [bond, found["n"], group.distance.min(), group.icohp_qe.min(), found["slope"], found["rmse"]]
        )
    return pd.DataFrame(rows, columns=["bond", "bonds", "shortest", "strongest", "slope", "rms_difference"])


if __name__ == "__main__":
    both = disordered()
    both.to_csv(HERE / "disordered.csv", index=False, float_format="%.5f")
    print(agreement(both).round(4).to_string(index=False), flush=True)
    names = ["run", "bond", "distance", "bonds", "icohp", "spread"]
    table = pd.DataFrame([row for name in SETTINGS for row in rows(name)], columns=names)
    first = table[table.run == next(iter(SETTINGS))].set_index("bond").icohp
    table["ratio_to_first"] = table.icohp / table.bond.map(first)
    table.to_csv(HERE / "engines.csv", index=False, float_format="%.5f")
    print(table.to_string(index=False))
