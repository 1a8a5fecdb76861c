"""Parts of a GPAW label in GPAW's own way and in ours: CPU seconds of both, and the largest difference.

    python bench/label_parts.py --repeat 3

The cell is B2 CuZr, repeated and displaced at random. Both ways run in one process, one after the other, so
that other work on the machine slows both. Writes data_examples/validation/label_parts.csv.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from ase.build import bulk
from gpaw.dft import DFT
from gpaw.new.pot_calc import calculate_non_local_potential

from getl_utils.core.record import atomic_write
from getl_utils.labels import dense, gpaw, paw_xc

OUT = Path("data_examples/validation/label_parts.csv")
MESH = {"kpts": {"size": (2, 2, 2), "gamma": False}}


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of a piece of work, and its result."""
    start = time.process_time()
    result = work()
    return time.process_time() - start, result


def spheres(dft: DFT) -> np.ndarray:
    """Hamiltonian in the spheres, of which XC is the work."""
    calculator = dft.pot_calc
    V_aL = calculator.ghat_aLr.integrate(dft.potential.vHt_x)
    return calculate_non_local_potential(
        dft.setups, dft.density, calculator.xc, V_aL, False, [], dft.ibzwfs.kpt_band_comm
    )[0].data


def hamiltonian(dft: DFT) -> np.ndarray:
    """GPAW's matrix at the first k point."""
    calculator = dft.scf_loop.hamiltonian.create_hamiltonian_matrix_calculator(dft.potential)
    return calculator.calculate_matrix(next(iter(dft.ibzwfs))).data


def of_mesh(dft: DFT) -> np.ndarray:
    """Our matrix at the first k point of a mesh."""
    ours = dense.MeshHamiltonian(dft.scf_loop.hamiltonian.basis, dft.potential)
    return ours.calculate_matrix(next(iter(dft.ibzwfs))).data


def compare(repeat: int) -> pd.DataFrame:
    """Time and compare all parts."""
    atoms = bulk("CuZr", "cesiumchloride", a=3.26) * ((repeat,) * 3)
    atoms.rattle(0.1, seed=0)
    given = gpaw._input(gpaw.Settings())
    rows = []

    def _add(part: str, own: tuple[float, np.ndarray], ours: tuple[float, np.ndarray]) -> None:
        difference = np.abs(own[1] - ours[1]).max()
        rows.append([part, len(atoms), own[0], ours[0], own[0] / ours[0], difference])
        print(*rows[-1], flush=True)

    dft = DFT(atoms, **given)
    own = timed(lambda: spheres(dft))
    paw_xc.use(dft.pot_calc.xc)
    _add("XC in spheres", own, timed(lambda: spheres(dft)))
    own = timed(lambda: hamiltonian(dft))
    dense.use(dft.scf_loop.hamiltonian.basis)
    _add("Hamiltonian at Γ", own, timed(lambda: hamiltonian(dft)))
    own_seconds, mesh = timed(lambda: DFT(atoms, **given | MESH))
    with dense.overlaps():
        seconds, ours = timed(lambda: DFT(atoms, **given | MESH))
    first = [next(iter(found.ibzwfs)).S_MM.data for found in (mesh, ours)]
    _add("set-up of the mesh", (own_seconds, first[0]), (seconds, first[1]))
    own = timed(lambda: hamiltonian(mesh))
    _add("Hamiltonian of the mesh", own, timed(lambda: of_mesh(mesh)))
    names = ["part", "atoms", "gpaw_seconds", "seconds", "factor", "largest_difference"]
    return pd.DataFrame(rows, columns=names)


def main() -> None:
    """Compare, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=3, help="of the cell of two atoms, in three directions")
    table = compare(parser.parse_args().repeat)
    with atomic_write(OUT) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4g")


if __name__ == "__main__":
    main()
