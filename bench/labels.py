"""GPAW's labels held against LOBSTER's on cells of the published run 21.

    python bench/labels.py [ROOT] [SUB_RUN …] [--way WAY]

Labels six cells, or those named (labels in runs/validation are kept), in one of four ways: at Γ in the basis
of the density (`gamma`), in it on LOBSTER's mesh (`mesh`), or there in the larger basis tzp (`tzp`), 3 to 5
minutes a cell on one core; or in a larger basis for the density, too (`dzp`, 10 minutes).
Writes into data_examples/validation: projections.csv (per way, cell, type and projection) and spilling.csv
(per way and cell, of projection lobster), in both of which rows that are not made anew stay; and for all six
cells at Γ labels.csv (projection full), calibration.json, labels.png and labels.svg.
ROOT is a clone of the published repository.
Nothing of it is written but these statistics and points of the figure.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms
from renew import renew
from scipy.optimize import least_squares

from getl_utils.core import parameters
from getl_utils.core.record import write_json
from getl_utils.files import frames, lobster
from getl_utils.files.published import sub_run_folders
from getl_utils.labels import label
from getl_utils.labels.engine import PROJECTIONS
from getl_utils.labels.status import BONDS, ICOHPLIST
from getl_utils.models import agreement as comparison
from getl_utils.views import agreement as agreement_figures
from getl_utils.views import style

SUB_RUNS = (0, 1, 7, 8, 12, 14)
CALIBRATED_ON = 8
COMPOSITION, RUN = "Zr49Cu49Al2", 21
WAYS = {  # changes of the settings
    "gamma": {"band_kpoints": None},  # the parameter file has a mesh
    "mesh": {"band_kpoints": [2, 2, 2]},
    "tzp": {"band_basis": "tzp", "band_kpoints": [2, 2, 2]},
    "dzp": {"basis": "dzp", "band_basis": "tzp", "band_kpoints": [2, 2, 2]},
}
SPILLINGS = ("total_spilling", "charge_spilling", "occupied_spilling")
OUT = Path("data_examples/validation")


def labelled(folder: Path, number: int, settings: dict, way: str) -> tuple[pd.DataFrame, dict]:
    """Our bonds of one cell beside LOBSTER's, in both projections, and what both miss."""
    structure, out = folder / f"{COMPOSITION}.scf.in", Path("runs/validation") / way / str(number)
    changed = settings | {"engine_settings": settings["engine_settings"] | WAYS[way]}
    record = label.label_structure(structure, out, changed)
    print(f"{way}, sub-run {number}: {record['status']}, {record['seconds']} s", flush=True)
    atoms, theirs = frames.read_structure(structure), lobster.read_output(folder / "lobsterout")
    bonds = matched(pd.read_parquet(out / BONDS), folder, atoms).assign(sub_run=number)
    missed = {"way": way, "sub_run": number}
    missed |= {f"lobster_{name}": round(getattr(theirs, name), 5) for name in SPILLINGS[:2]}
    ours = record["other_projections"]["lobster"]
    return bonds, missed | {name: round(ours[name], 5) for name in SPILLINGS}


def matched(bonds: pd.DataFrame, folder: Path, atoms: Atoms) -> pd.DataFrame:
    """Bonds of a label beside LOBSTER's, one row per bond and projection."""
    symbols = np.array(atoms.get_chemical_symbols())
    bonds = bonds.assign(element_i=symbols[bonds.i], element_j=symbols[bonds.j])
    theirs = comparison.read(folder / ICOHPLIST, atoms)
    parts = {
        name: comparison.match(bonds.assign(icohp=bonds[f"icohp_{name}"]), theirs) for name in PROJECTIONS
    }
    return pd.concat([part.assign(projection=name) for name, part in parts.items()])


def calibration(bonds: pd.DataFrame, elements: list[str]) -> dict[str, float]:
    """One constant per element: theirs ≈ c_A c_B ours, least squares."""
    pairs = np.array([[elements.index(e) for e in name.split("-")] for name in bonds.type])
    fit = least_squares(lambda c: c[pairs].prod(axis=1) * bonds.ours - bonds.theirs, np.ones(len(elements)))
    return dict(zip(elements, fit.x.round(4).tolist(), strict=True))


def table(bonds: pd.DataFrame) -> pd.DataFrame:
    """Per projection, cell and type: agreement of the label with LOBSTER."""
    groups = bonds.groupby(["projection", "sub_run", "type"], sort=False)
    rows = [
        dict(zip(("projection", "sub_run", "type"), key, strict=True))
        | comparison.agreement(group.ours, group.theirs)
        | {"strongest_ours": group.ours.min(), "strongest_theirs": group.theirs.min()}
        for key, group in groups
    ]
    return pd.DataFrame(rows).round(4)


def calibrated(bonds: pd.DataFrame) -> pd.DataFrame:
    """Per cell and type: agreement of the raw and of the calibrated label of projection full."""
    rows = []
    for (number, name), group in bonds.groupby(["sub_run", "type"], sort=False):
        after = comparison.agreement(group.calibrated, group.theirs)
        rows.append({"sub_run": number, "type": name, **comparison.agreement(group.ours, group.theirs),
                     "slope_calibrated": after["slope"], "rmse_calibrated": after["rmse"],
                     "mean_strength": -group.theirs.mean()})  # fmt: skip
    return pd.DataFrame(rows)


def write_calibration(bonds: pd.DataFrame, elements: list[str]) -> None:
    """Write labels.csv, its figure and calibration.json."""
    constants = calibration(bonds[bonds.sub_run == CALIBRATED_ON], elements)
    bonds = bonds.assign(
        calibrated=bonds.ours * [np.prod([constants[e] for e in name.split("-")]) for name in bonds.type]
    )
    style.save(agreement_figures.parity(bonds)[0], calibrated(bonds).round(4), OUT / "labels")
    on = {"determined_on": f"{COMPOSITION} run {RUN} sub-run {CALIBRATED_ON}"}
    write_json(OUT / "calibration.json", {**on, **constants})


def main(root: str, numbers: tuple[int, ...], way: str) -> None:
    """Label, compare, write."""
    file = "parameters/workstation.yaml"
    p = parameters.for_stage("01_generate", parameters.read(file), file)
    folders = sub_run_folders(root, COMPOSITION)
    settings = label.settings_of(p)
    parts = [labelled(folders[RUN, number], number, settings, way) for number in numbers]
    bonds = pd.concat([part for part, _ in parts])
    found, missed = table(bonds).assign(way=way), pd.DataFrame([facts for _, facts in parts])
    for name, rows in (("projections", found), ("spilling", missed)):
        renew(OUT / f"{name}.csv", rows, ["way", "sub_run"], order=["way", "sub_run"])
    if numbers == SUB_RUNS and way == "gamma":
        write_calibration(bonds[bonds.projection == "full"], p.elements)
    print(found.to_string(index=False), missed.to_string(index=False), sep="\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("root", nargs="?", default="../shared/prm_reference")
    parser.add_argument("numbers", nargs="*", type=int, default=SUB_RUNS)
    parser.add_argument("--way", choices=WAYS, default="gamma")
    given = parser.parse_args()
    main(given.root, tuple(given.numbers), given.way)
