"""What a SOAP of the same size costs elsewhere: DScribe and featomic beside QUIP, where they are installed,
CPU time.

None of the three has another's radial functions, so their vectors differ and a model of one is none of
another.
"""

import os

os.environ |= {"OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}

import time

import numpy as np
from ase import Atoms
from ase.build import bulk

ELEMENTS, CUTOFF, N_MAX, L_MAX, SIGMA = ["Al", "Cu", "Zr"], 3.75, 8, 6, 0.5


def glass(n: int = 10) -> Atoms:
    """A rattled crystal of 2 n³ atoms with a metallic glass's density."""
    random = np.random.default_rng(1)
    atoms = bulk("Cu", "bcc", a=3.3, cubic=True) * (n, n, n)
    atoms.symbols = random.choice(ELEMENTS, len(atoms), p=[0.02, 0.49, 0.49])
    atoms.positions += random.normal(scale=0.15, size=(len(atoms), 3))
    return atoms


def quip(atoms: Atoms) -> np.ndarray:
    from quippy.descriptors import Descriptor

    sizes = f"cutoff={CUTOFF} l_max={L_MAX} n_max={N_MAX} atom_sigma={SIGMA}"
    return Descriptor(f"soap {sizes} n_Z=3 Z={{13 29 40}} n_species=3 species_Z={{13 29 40}}").calc(atoms)[
        "data"
    ]


def dscribe(atoms: Atoms, rbf: str = "gto") -> np.ndarray:
    from dscribe.descriptors import SOAP

    return SOAP(
        r_cut=CUTOFF, n_max=N_MAX, l_max=L_MAX, sigma=SIGMA, species=ELEMENTS, periodic=True, rbf=rbf
    ).create(atoms)


def featomic(atoms: Atoms) -> np.ndarray:
    from featomic import SoapPowerSpectrum

    # max_angular and max_radial here: degree of the polynomial and radial functions less one
    basis = {
        "type": "TensorProduct",
        "max_angular": L_MAX,
        "radial": {"type": "Gto", "max_radial": N_MAX - 1},
    }
    cutoff = {"radius": CUTOFF, "smoothing": {"type": "ShiftedCosine", "width": 0.5}}
    density = {"type": "Gaussian", "width": SIGMA}
    blocks = SoapPowerSpectrum(cutoff=cutoff, density=density, basis=basis).compute(atoms)
    return np.concatenate([block.values.ravel() for block in blocks.blocks()])


def main() -> None:
    atoms = glass()
    print(
        f"{len(atoms)} atoms, {len(ELEMENTS)} elements, {CUTOFF} Å, n_max {N_MAX}, l_max {L_MAX}; "
        "ms of CPU per atom"
    )
    for compute in (quip, dscribe, featomic):
        try:
            compute(atoms[:20])
        except ImportError as error:
            print(f"  {compute.__name__:10} SKIPPED: {error}")
            continue
        times = []
        for _ in range(3):
            start = time.process_time()
            numbers = compute(atoms).size
            times.append(time.process_time() - start)
        print(
            f"  {compute.__name__:10} {1000 * min(times) / len(atoms):.3f}   "
            f"({numbers / len(atoms):.0f} numbers per atom)"
        )


if __name__ == "__main__":
    main()
