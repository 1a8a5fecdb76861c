"""Two glasses of one composition for the error budget, of 100 and of 200 atoms: python bench/glasses.py.

They are quenched alike, ten times faster than the data set (1e12 K/s), so that 200 atoms take minutes. The
potential is the data set's (atomistic_models/README.md says where to get it). The cells go to
data_examples/error_budget/.
"""

from __future__ import annotations

import sys
from pathlib import Path

from getl_utils.core import cells, parameters
from getl_utils.core.cells import CellKey
from getl_utils.generate.quench import Protocol, melt_quench

PARAMETERS = "parameters/workstation.yaml"
RUNS, OUT = Path("runs/quench"), Path("data_examples/error_budget")
GLASSES = {"glass_200": {"Zr": 94, "Cu": 94, "Al": 12}, "glass_100": {"Zr": 47, "Cu": 47, "Al": 6}}
FASTER = {"melt_time": 40.0, "quench_rate": 1e12, "anneal_time": 20.0}
SEED = 2026


def main() -> None:
    """Quench each glass, unless that is done, and write its last frame."""
    p = parameters.for_stage("01_generate", parameters.read(PARAMETERS), PARAMETERS)
    protocol = Protocol(elements=p.elements, **{**p.quench.model_dump(), **FASTER})
    for name, counts in GLASSES.items():
        atoms = melt_quench(counts, protocol, RUNS / name, SEED, progress=False)
        composition = "".join(f"{element}{number}" for element, number in counts.items())
        cells.write(OUT / f"{name}.xyz", atoms, CellKey(composition, 1, 0))


if __name__ == "__main__":
    sys.exit(main())
