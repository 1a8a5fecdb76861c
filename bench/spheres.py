"""How far ICOHP depends on the data sets, the orbitals of the SCF and the engine: three B2 crystals.

    python bench/spheres.py [RUN …]

Zr, Cu and Al, two at a time, in the B2 structure, each labelled by `gpaw` (atomic orbitals in two basis
sets, and plane waves) and by `qe` with our own data sets and with those that have the radii of the published
calculations (atomistic_models/paw/reference; ld1.x makes them here). Projection `lobster` of "qe, published
radii" is what LOBSTER itself would give of these waves; `gpaw` in atomic orbitals emulates these spheres.
Projection `full` needs more bands than LOBSTER takes (docs/labels.md), so `qe` runs with twice as many, too.
"gpaw, published radii" has data sets that GPAW's generator makes for those radii, in plane waves: the radii
are the same, the smooth waves inside are others. With RUN (in quotes) only these runs are made, and the
others are kept. Writes data_examples/validation/spheres.csv: per crystal, bond and run ICOHP in both
projections (eV), the charge spilling (%) and the bands that count over the orbitals. 20 minutes of one core;
needs `make engines`.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import paw_sets
from ase.build import bulk
from crystals import kinds
from renew import renew

from getl_utils.labels import engine as engines

PAW = Path("atomistic_models/paw")
sys.path.append(str(PAW))

from make_paw import BASIS, make  # noqa: E402

OUT = Path("data_examples/validation/spheres.csv")
CRYSTALS = {"CuAl": 2.95, "ZrAl": 3.3, "CuZr": 3.2}  # edge, Å
MESH, WINDOW = [4, 4, 4], (1.6, 3.4)  # Å
SETS = {  # projectors, radii of s, p, d (bohr; as in reference/), and radius of the local potential
    "Al": ("3s,s,3p,p", [1.9, 1.9], 1.9),
    "Cu": ("3s,4s,3p,4p,3d,d", [1.25, 1.2, 1.45], 1.1),
    "Zr": ("4s,5s,4p,5p,4d,d", [1.3, 1.5, 1.6], 1.2),
}
NAME = "published"  # of GPAW's data sets with these radii


def make_reference(folder: Path) -> None:
    """Write the data sets with the published radii."""
    for source in sorted((PAW / "reference").glob("*.ld1.in")):
        with tempfile.TemporaryDirectory() as work:
            text = make(source.resolve(), Path(work))
        (folder / f"{source.name.split('.')[0]}.UPF").write_text(text)


def runs(reference: Path) -> dict[str, tuple[str, dict[str, Any]]]:
    """Engine and settings of each run."""
    published, more = {"pseudo_dir": str(reference), "band_factor": 1.0}, {"band_factor": 2.0}
    return {
        "gpaw": ("gpaw", {}),
        "gpaw, basis dzp": ("gpaw", {"basis": "dzp"}),
        "gpaw, basis tzp": ("gpaw", {"basis": "tzp"}),
        "gpaw, bands in tzp": ("gpaw", {"band_basis": "tzp"}),
        "gpaw, plane waves": ("gpaw", {"waves": "pw"}),
        "gpaw, published radii": ("gpaw", {"waves": "pw", "cutoff_energy": 950.0, "setups": NAME}),
        "qe, own data sets": ("qe", {}),
        "qe, own data sets, more bands": ("qe", more),
        "qe, published radii": ("qe", published),
        "qe, published radii, more bands": ("qe", published | more),
    }


def labelled(formula: str, edge: float, run: str, engine: str, settings: dict[str, Any]) -> pd.DataFrame:
    """ICOHP of each kind of bond of one crystal by one run."""
    atoms, (low, high) = bulk(formula, "cesiumchloride", a=edge), WINDOW
    given = {"orbitals": {e: BASIS[e] for e in set(atoms.symbols)}, "kpoints": MESH, **settings}
    with paw_sets.used(given.pop("setups", "paw")):
        label = engines.get(engine).label(atoms, minimum_distance=low, cutoff=high, **given)
    symbols = np.array(atoms.get_chemical_symbols())
    found = kinds(label.bonds, symbols, ["icohp_full", "icohp_lobster"]).reset_index()
    facts = {"spilling": 100 * label.record["charge_spilling"], "bands": label.record["bands_per_orbital"]}
    return found.assign(crystal=formula, run=run, **facts)


def main(*chosen: str) -> None:
    """Label and write; with names of runs, these anew."""
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        make_reference(Path(folder))
        for element, (projectors, radii, local) in SETS.items():
            paw_sets.write(Path(folder), NAME, element, projectors, radii, local)
        named = runs(Path(folder))
        if unknown := set(chosen) - set(named):
            raise SystemExit(f"no run {', '.join(unknown)}; there are {'; '.join(named)}")
        for formula, edge in CRYSTALS.items():
            for run, (engine, settings) in named.items():
                if chosen and run not in chosen:
                    continue
                parts.append(labelled(formula, edge, run, engine, settings))
                print(parts[-1].to_string(index=False), flush=True)
    columns = ["crystal", "bond", "length", "run", "icohp_full", "icohp_lobster", "spilling", "bands"]
    table = pd.concat(parts)[columns].round(4)
    renew(OUT, table, ["run"], order=["crystal", "bond", "length"])


if __name__ == "__main__":
    main(*sys.argv[1:])
