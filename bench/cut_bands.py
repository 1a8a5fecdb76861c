"""What the number of bands does to a label: ``python bench/cut_bands.py``, two minutes of one core.

Two atoms of Al in a box, and fcc Al on 3×3×3 points, by `qe` and `gpaw` in plane waves with more and fewer
empty bands. Writes data_examples/validation/cut_bands.csv: per structure, engine and bands an orbital the
weakest and the strongest ICOHP (eV) of the bonds, which symmetry makes equal, by both projections.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from ase import Atoms
from ase.build import bulk

from getl_utils.core.record import write_csv
from getl_utils.labels import engine as engines

OUT = Path("data_examples/validation/cut_bands.csv")
ORBITALS = {"Al": ["3s", "3p"]}
PAIR = Atoms("Al2", [[2.0, 2.5, 2.5], [4.7, 2.5, 2.5]], cell=[7, 5.5, 5.5], pbc=True)
STRUCTURES = {
    "two atoms in a box": (PAIR, 2.75, {"smearing": 0.1}),
    "fcc": (bulk("Al", a=4.05), 3.0, {"smearing": 0.5, "kpoints": [3, 3, 3]}),
}
QE = {"ecutwfc": 20, "ecutrho": 100}
RUNS = [("qe", QE | {"band_factor": factor}) for factor in (1.1, 1.5, 2.0)]
RUNS.append(("gpaw", {"waves": "pw", "cutoff_energy": 270}))


def main() -> None:
    """Write the table."""
    rows = []
    for name, (atoms, cutoff, given) in STRUCTURES.items():
        for engine, own in RUNS:
            label = engines.get(engine).label(
                atoms, orbitals=ORBITALS, minimum_distance=1.5, cutoff=cutoff, **given, **own
            )
            row = {"structure": name, "engine": engine, "bands": label.record["bands_per_orbital"]}
            for projection in ("full", "lobster"):
                values = label.bonds[f"icohp_{projection}"]
                row |= {f"weakest_{projection}": values.max(), f"strongest_{projection}": values.min()}
            rows.append(row)
    table = pd.DataFrame(rows).round(4)
    write_csv(OUT, table)
    print(table.to_string())


if __name__ == "__main__":
    main()
