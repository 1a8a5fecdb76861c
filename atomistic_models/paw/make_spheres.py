#!/usr/bin/env python3
"""Make spheres.npz, the reference partial waves of projection `lobster`.

    python make_spheres.py [--output FOLDER]

LOBSTER's numbers depend on the radii of the PAW spheres. The data sets of the published calculations are not
public; their ``.scf.out`` files say which projectors they have and match the radii of psl 1.0.0. The inputs
``reference/<element>.ld1.in`` have those radii. The data sets themselves are not used for a calculation, only
their partial waves: φ (all-electron) and φ̃ (smooth), up to 1.05 times the largest radius.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
from make_paw import make

from getl_utils.core.record import atomic_write
from getl_utils.files import upf

HERE = Path(__file__).resolve().parent


def partial_waves(source: Path) -> dict[str, np.ndarray]:
    """Name → array of one element, as `getl_utils.labels.projection.spheres` reads them.

    Parameters
    ----------
    source : Path
        Input of ld1.x.

    Returns
    -------
    dict
        r and weights (n,), bohr; momenta (w,); edges (w,), bohr; sharp and smooth (w, n), bohr^(−3/2).
    """
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "new.UPF").write_text(make(source, Path(name)))
        paw = upf.read_partial_waves(Path(name) / "new.UPF")
    inside = paw.r <= 1.05 * paw.edges.max()
    r = paw.r[inside]
    arrays = {"r": r, "weights": paw.weights[inside], "momenta": paw.momenta, "edges": paw.edges}
    return arrays | {"sharp": paw.sharp[:, inside] / r, "smooth": paw.smooth[:, inside] / r}


def main(words: list[str] | None = None) -> None:
    """Make the file of all elements that have an input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=HERE)
    folder = parser.parse_args(words).output
    arrays = {}
    for source in sorted((HERE / "reference").glob("*.ld1.in")):
        element = source.name.split(".")[0]
        found = partial_waves(source)
        print(element, "l", found["momenta"], "radii", found["edges"], "bohr")
        arrays |= {f"{element}_{name}": values for name, values in found.items()}
    with atomic_write(folder / "spheres.npz") as temporary:
        np.savez_compressed(temporary, **arrays)


if __name__ == "__main__":
    main()
