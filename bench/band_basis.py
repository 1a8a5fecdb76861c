"""How exact `gpaw` is in atomic orbitals, by the basis of its bands: a disordered cell of Zr, Cu and Al.

    python bench/band_basis.py

16 atoms at random on the places of a bcc lattice, displaced at random, at Γ. `qe` in plane waves, with data
sets that have the radii of the published calculations (atomistic_models/paw/reference; ld1.x makes them
here), has in projection `lobster` what LOBSTER would give; `gpaw` in atomic orbitals emulates these spheres.
Writes data_examples/validation/band_basis.csv: of each type, projection and pair of bases the line of the
values of `qe` against those of `gpaw` and the root mean squares (eV). 7 minutes of one core; needs
`make engines`.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from ase.build import bulk
from spheres import BASIS, make_reference

from getl_utils.core.bonds import type_of
from getl_utils.core.record import write_csv
from getl_utils.labels import engine as engines
from getl_utils.models.agreement import agreement

OUT = Path("data_examples/validation/band_basis.csv")
ATOMS = {"Zr": 7, "Cu": 6, "Al": 3}
EDGE, DISPLACEMENT = 3.1525, 0.18  # Å
WINDOW = (1.6, 3.4)  # Å
BASES = [  # of the density and of the bands
    ("szp(dzp)", "szp(dzp)"),
    ("szp(dzp)", "dzp"),
    ("szp(dzp)", "tzp"),
    ("dzp", "tzp"),
    ("tzp", "tzp"),
]


def cell() -> Atoms:
    """The disordered cell."""
    atoms = bulk("Zr", "bcc", a=EDGE, cubic=True) * (2, 2, 2)
    names = np.repeat(list(ATOMS), list(ATOMS.values()))
    np.random.default_rng(3).shuffle(names)
    atoms.symbols = names
    atoms.rattle(DISPLACEMENT, seed=5)
    return atoms


def labelled(atoms: Atoms, engine: str, **settings: object) -> pd.DataFrame:
    """The bonds by one engine."""
    given = {"orbitals": BASIS, "kpoints": [1, 1, 1], "folds": True, **settings}
    label = engines.get(engine).label(atoms, minimum_distance=WINDOW[0], cutoff=WINDOW[1], **given)
    symbols, bonds = np.array(atoms.get_chemical_symbols()), label.bonds
    return bonds.assign(type=type_of(symbols[bonds.i], symbols[bonds.j], list(ATOMS)))


def main() -> None:
    """Label by both engines, compare, write."""
    atoms, rows = cell(), []
    with tempfile.TemporaryDirectory() as folder:
        make_reference(Path(folder))
        exact = labelled(atoms, "qe", pseudo_dir=folder, band_factor=1.0)
    for basis, bands in BASES:
        ours = labelled(atoms, "gpaw", basis=basis, band_basis=bands)
        both = ours.merge(exact, on=["i", "j", "tx", "ty", "tz", "type"], suffixes=("_gpaw", "_qe"))
        for projection in ("full", "lobster"):
            values = [f"icohp_{projection}_{engine}" for engine in ("gpaw", "qe")]
            for kind, some in both.groupby("type", sort=False):
                found = agreement(*(some[name] for name in values))
                facts = {"basis": basis, "band_basis": bands, "projection": projection, "type": kind}
                rows.append(facts | found)
        print(pd.DataFrame(rows[-12:]).to_string(index=False), flush=True)
    write_csv(OUT, pd.DataFrame(rows).round(4))


if __name__ == "__main__":
    main()
