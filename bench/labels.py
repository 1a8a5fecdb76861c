"""GPAW's labels held against LOBSTER's on cells of the published run 21: python bench/labels.py [ROOT].

Labels six cells (4 min each; those already in runs/validation are kept), and writes data_examples/validation:
labels.csv (per cell and type), calibration.json, labels.png and labels.svg. ROOT is a clone of the published
repository. Nothing of it is written but these statistics and points of the figure.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from getl_utils.core import cells, parameters
from getl_utils.core.record import write_json
from getl_utils.files.published import sub_run_folders
from getl_utils.labels import label
from getl_utils.models import agreement as comparison
from getl_utils.views import agreement as agreement_figures
from getl_utils.views import style

SUB_RUNS = (0, 1, 7, 8, 12, 14)
CALIBRATED_ON = 8
COMPOSITION, RUN = "Zr49Cu49Al2", 21
OUT = Path("data_examples/validation")


def matched(folder: Path, number: int, settings: dict) -> pd.DataFrame:
    """Our bonds of one cell beside LOBSTER's."""
    structure, out = folder / f"{COMPOSITION}.scf.in", Path("runs/validation") / str(number)
    record = label.label_structure(structure, out, settings)
    print(f"sub-run {number}: {record['status']}, {record['seconds']} s", flush=True)
    atoms = cells.read_any(structure)
    both = (comparison.read(path / "ICOHPLIST.lobster", atoms) for path in (out, folder))
    return comparison.match(*both).assign(sub_run=number)


def calibration(bonds: pd.DataFrame, elements: list[str]) -> dict[str, float]:
    """One constant per element: theirs ≈ c_A c_B ours, least squares."""
    pairs = np.array([[elements.index(e) for e in name.split("-")] for name in bonds.type])
    fit = least_squares(lambda c: c[pairs].prod(axis=1) * bonds.ours - bonds.theirs, np.ones(len(elements)))
    return dict(zip(elements, fit.x.round(4).tolist(), strict=True))


def table(bonds: pd.DataFrame) -> pd.DataFrame:
    """Per cell and type: agreement of the raw label, and of the calibrated one."""
    rows = []
    for (number, name), group in bonds.groupby(["sub_run", "type"], sort=False):
        after = comparison.agreement(group.calibrated, group.theirs)
        rows.append({"sub_run": number, "type": name, **comparison.agreement(group.ours, group.theirs),
                     "slope_calibrated": after["slope"], "rmse_calibrated": after["rmse"],
                     "mean_strength": -group.theirs.mean()})  # fmt: skip
    return pd.DataFrame(rows)


def main(root: str) -> None:
    """Label, compare, write."""
    p = parameters.for_stage(
        "01_generate", parameters.read("parameters/workstation.yaml"), "parameters/workstation.yaml"
    )
    folders = sub_run_folders(root, COMPOSITION)
    bonds = pd.concat([matched(folders[RUN, number], number, label.settings_of(p)) for number in SUB_RUNS])
    constants = calibration(bonds[bonds.sub_run == CALIBRATED_ON], p.elements)
    bonds["calibrated"] = bonds.ours * [
        np.prod([constants[e] for e in name.split("-")]) for name in bonds.type
    ]
    result = table(bonds)
    style.save(agreement_figures.parity(bonds)[0], result.round(4), OUT / "labels")
    write_json(
        OUT / "calibration.json",
        {"determined_on": f"{COMPOSITION} run {RUN} sub-run {CALIBRATED_ON}", **constants},
    )
    print(result.round(3).to_string(index=False), constants, sep="\n")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "../shared/prm_reference")
