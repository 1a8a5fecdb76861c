"""How far the numbers of a crystal depend on the radii of the PAW spheres, and on the orbitals.

    python bench/radii.py CASES

CASES is as for crystals.py. KF is labelled by `gpaw` in plane waves with GPAW's own data sets, with sets that
GPAW's generator makes for other radii, and with the orbitals of the scalar-relativistic PBE atom in place of
Hartree and Fock's. Writes data_examples/validation/radii.csv: of each bond ICOHP in both projections (eV) and
ICOOP in projection lobster, beside LOBSTER's. A minute and a half on one core.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import paw_sets
from crystals import CRYSTALS, kinds

from getl_utils.core.record import write_csv
from getl_utils.files import frames, lobster
from getl_utils.labels import defaults, engine
from getl_utils.labels.projection import frozen_core, hartree_fock

OUT = Path("data_examples/validation/radii.csv")
PROJECTORS = {"K": "3s,4s,3p,4p,d", "F": "2s,s,2p,p,d"}
RADII = [{}, {"K": 1.8}, {"K": 2.3}, {"F": 1.0}, {"F": 1.5}]  # bohr; GPAW's own: K 2.1, F 1.2
LOCAL = 0.9  # of the radius: where the local potential begins
LONGEST = 4.0  # Å


def labelled(place: Path, radii: dict[str, float]) -> pd.DataFrame:
    """ICOHP and ICOOP of each kind of bond."""
    atoms, crystal = frames.read_structure(place / "POSCAR"), CRYSTALS["KF"]
    own = {"kpoints": list(crystal.mesh), "band_kpoints": list(crystal.fine), "projection": "lobster"}
    given = defaults.settings(atoms, "gpaw", own)
    low, high = given["label_window"]
    with paw_sets.used(dict.fromkeys(radii, "bench")):
        label = engine.get("gpaw").label(
            atoms, orbitals=given["orbitals"], minimum_distance=low, cutoff=high, **given["engine_settings"]
        )
    bonds = label.bonds.assign(icoop=[value.sum() for value in label.analysis.found.icoop])
    return kinds(bonds, np.array(atoms.get_chemical_symbols()), ["icohp", "icoop", "icohp_full"])


def of_lobster(place: Path) -> pd.DataFrame:
    """The same by LOBSTER."""
    symbols = np.array(frames.read_structure(place / "POSCAR").get_chemical_symbols())
    files = {kind: place / f"{kind.upper()}LIST.lobster" for kind in ("icohp", "icoop")}
    icohp, icoop = (kinds(lobster.read_list(f, k[1:].upper()), symbols, [k]) for k, f in files.items())
    return icohp.join(icoop).assign(set="LOBSTER")


def compare(place: Path) -> pd.DataFrame:
    """Label with each set of radii, then with other orbitals."""
    parts = [of_lobster(place)]
    with tempfile.TemporaryDirectory() as folder:
        for radii in RADII:
            for element, radius in radii.items():
                paw_sets.write(Path(folder), "bench", element, PROJECTORS[element], [radius], LOCAL * radius)
            changed = ", ".join(f"{e} {r} bohr" for e, r in radii.items())
            parts.append(labelled(place, radii).assign(set=changed or "GPAW's own"))
            print(parts[-1].to_string(), flush=True)
        atom = lambda element, shell: frozen_core._atom(element, "PBE")[shell][0]  # noqa: E731
        with mock.patch.object(hartree_fock, "orbital", atom):
            parts.append(labelled(place, {}).assign(set="GPAW's own, PBE orbitals"))
    table = pd.concat(parts).reset_index()
    return table[table.length < LONGEST][["bond", "length", "set", "icohp", "icoop", "icohp_full"]].round(5)


if __name__ == "__main__":
    table = compare(Path(sys.argv[1]).resolve() / CRYSTALS["KF"].folder).sort_values("bond", kind="stable")
    write_csv(OUT, table)
    print(table.to_string(index=False))
