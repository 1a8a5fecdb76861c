"""Labels of crystals held against LOBSTER's.

    python bench/crystals.py CASES [NAME …]

CASES is a folder of public LOBSTER calculations, one folder for each crystal with POSCAR, ICOHPLIST.lobster
and CHARGE.lobster. Each is labelled by `gpaw` in plane waves, and every kind of bond (elements and length)
that is stronger than 0.1 eV is compared. Rows of the crystals named replace those in
data_examples/validation/crystals.csv; charges go to crystals_charges.csv. Only these figures are written.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from renew import renew

from getl_utils.files import frames, lobster
from getl_utils.labels import defaults, engine

OUT = Path("data_examples/validation")
WEAK = 0.1  # eV
KEY = ["crystal", "bond", "length"]


class Crystal(NamedTuple):
    """Folder, version of LOBSTER, mesh of the density and of the bands, cutoff of plane waves (eV)."""

    folder: str
    version: str
    mesh: tuple[int, int, int]
    fine: tuple[int, int, int]
    cutoff: float = 400.0


CRYSTALS = {
    "C": Crystal("C", "4.1.0", (6, 6, 6), (6, 6, 6)),
    "AlN": Crystal("AlN_v51", "5.1.1", (5, 5, 3), (5, 5, 3)),
    "NaCl": Crystal("NaCl", "4.1.0", (4, 4, 4), (8, 8, 8), 350.0),
    "KF": Crystal("mp-463", "4.1.0", (4, 4, 4), (6, 6, 6)),
    "K3Sb": Crystal("K3Sb", "4.1.0", (4, 4, 4), (6, 6, 6), 300.0),
}


def kinds(bonds: pd.DataFrame, symbols: np.ndarray, columns: list[str]) -> pd.DataFrame:
    """Mean of each kind of bond."""
    names = ["-".join(sorted(pair)) for pair in zip(symbols[bonds.i], symbols[bonds.j], strict=True)]
    keys = [pd.Series(names, bonds.index, name="bond"), bonds.distance.round(2).rename("length")]
    return bonds.groupby(keys)[columns].mean()


def compared(name: str, crystal: Crystal, cases: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Bonds and charges of one crystal beside LOBSTER's."""
    place = cases / crystal.folder
    atoms = frames.read_structure(place / "POSCAR")
    own = {"kpoints": list(crystal.mesh), "cutoff_energy": crystal.cutoff}
    if crystal.fine != crystal.mesh:
        own["band_kpoints"] = list(crystal.fine)
    given = defaults.settings(atoms, "gpaw", own)
    low, high = given["label_window"]
    label = engine.get("gpaw").label(
        atoms, orbitals=given["orbitals"], minimum_distance=low, cutoff=high,
        **given["engine_settings"] | {"projection": "lobster"},
    )  # fmt: skip
    symbols = np.array(atoms.get_chemical_symbols())
    theirs = kinds(lobster.read_icohplist(place / "ICOHPLIST.lobster"), symbols, ["icohp"])
    ours = kinds(label.bonds, symbols, ["icohp_lobster", "icohp_full"])
    table = theirs.rename(columns={"icohp": "lobster"}).join(ours, how="inner").reset_index()
    table = table[table.lobster.abs() > WEAK].assign(
        ratio=lambda t: t.icohp_lobster / t.lobster, ratio_full=lambda t: t.icohp_full / t.lobster
    )
    facts = {"crystal": name, "version": crystal.version, "mesh": "×".join(map(str, crystal.fine))}
    facts["charge_spilling"] = label.record["charge_spilling"]
    printed = (line.split() for line in (place / "CHARGE.lobster").read_text().splitlines())
    rows = [words for words in printed if len(words) == 4 and words[0].isdigit()]
    mulliken, lowdin = label.analysis.charges
    charges = pd.DataFrame(
        {"crystal": name, "atom": [w[1] + w[0] for w in rows], "mulliken": mulliken, "lowdin": lowdin,
         "lobster_mulliken": [float(w[2]) for w in rows], "lobster_lowdin": [float(w[3]) for w in rows]}
    )  # fmt: skip
    return table.assign(**facts), charges


def main(cases: Path, names: list[str]) -> None:
    """Write the tables."""
    for name in names or CRYSTALS:
        for file, part in zip(
            ("crystals.csv", "crystals_charges.csv"), compared(name, CRYSTALS[name], cases), strict=True
        ):
            front = [c for c in KEY if c in part]
            part = part[[*front, *(c for c in part if c not in front)]]
            renew(OUT / file, part.round(5), ["crystal"], order=["crystal"])
            print(part.to_string(index=False), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
