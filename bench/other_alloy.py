"""The shipped models on bonds that others labelled: python bench/other_alloy.py.

- cu-zr: data_examples/cu-zr, four cells of Zr32Cu32: no Al, another potential, quenched a hundred times
  faster than zrcual, three of them shrunk by 10 or 20 %.
- run 21: the published labels by LOBSTER, where they are: another program, other orbitals, another quench.
  The models have never seen a value of LOBSTER.

The models learned from the two projections of the same labels. Those of cu-zr have both, too. Writes
data_examples/validation/other_alloy.csv: per data, model, cell (and over all) and bond type the error, the
slope and the error after the best straight line, that of the curve of the distance from zrcual, how many
labels the 90 % intervals hold, the share of flagged bonds.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import zrcual
from ase import Atoms

from bench import PARAMETERS, PLACE, REFERENCE
from getl_utils.core import cells, parameters
from getl_utils.core.record import write_csv
from getl_utils.core.workdir import WorkDir, resolve
from getl_utils.etl import extract
from getl_utils.inference import predictor
from getl_utils.models import gp, model

CU_ZR = Path("data_examples/cu-zr")
MODELS = {"full": Path("data_examples/models/zr-cu-al"), "lobster": Path("data_examples/zrcual/model")}
OUT = Path("data_examples/validation/other_alloy.csv")
FEWEST = 20  # bonds that judge an error


def beside(shipped: model.Model, atoms: Atoms, labels: pd.DataFrame) -> pd.DataFrame:
    """Labels and predictions of the bonds of one cell, side by side."""
    found = predictor.predict(shipped, atoms, predictor.windows(shipped, {}))
    return labels[[*zrcual.BOND, "icohp"]].merge(found, on=zrcual.BOND)


def ours(projection: str) -> Iterator[tuple[str, Atoms, pd.DataFrame]]:
    """Name, atoms and labels of the cells of cu-zr."""
    for path in sorted((CU_ZR / "labels").glob("*/*/*/bonds.parquet")):
        composition, run, sub_run = path.parts[-4:-1]
        atoms = cells.read(CU_ZR / "cells" / composition / run / f"{sub_run}.xyz")
        yield f"{composition}/{run}/{sub_run}", atoms, zrcual.values(path.parent, atoms, projection)


@cache
def run_21() -> list[tuple[str, Atoms, pd.DataFrame]]:
    """The same of run 21, whose labels are LOBSTER's whatever the projection of the model."""
    p, work = parameters.for_stage("02_extract", parameters.read(PARAMETERS)), WorkDir(PLACE / "outside")
    keys = cells.keys(p.compositions, p.runs, p.sub_runs)
    found = extract.extract(work, keys, [resolve(place) for place in p.reference_roots], p.cutoff)
    return [
        ("/".join(str(k) for k in key), cells.read(work.cell(*key)), part)
        for key, part in found.bonds.groupby(["composition", "run", "sub_run"])
    ]


def row(part: pd.DataFrame, curve: gp.DistanceCurve) -> dict[str, float]:
    """Numbers of one type of bonds; the curve is −ICOHP (eV) of the distance alone."""
    error = part.icohp - part.predicted
    slope, shift = np.polyfit(part.predicted, part.icohp, 1)
    alone = zrcual.rms(part.icohp + curve.predict(part.distance.to_numpy()))
    return {
        "bonds": len(part), "rmse": zrcual.rms(error), "mean_error": error.mean(), "slope": slope,
        "after_line": zrcual.rms(part.icohp - slope * part.predicted - shift), "distance_alone": alone,
        "ratio": zrcual.rms(error) / alone, "in_90": zrcual.held(error, part.sigma),
        "outside": part.outside.mean(),
    }  # fmt: skip


def main() -> None:
    """Write the table, a row per cell and type and one per type over all cells."""
    rows = []
    if not REFERENCE.is_dir():
        print(f"NOT COMPARED WITH LOBSTER: no {REFERENCE}")
    for projection, folder in MODELS.items():
        shipped = model.load(folder)
        curves = {
            name: gp.fit_curve(some.distance.to_numpy(), some.strength.to_numpy())
            for name, some in zrcual.table(projection=projection).groupby("type")
        }
        sources = {"cu-zr": ours(projection)}
        sources |= {"run 21": run_21()} if REFERENCE.is_dir() else {}
        for data, labelled in sources.items():
            bonds = pd.concat(
                [beside(shipped, atoms, labels).assign(cell=cell) for cell, atoms, labels in labelled]
            )
            groups = {("all", name): part for name, part in bonds.groupby("type")}
            for (cell, name), part in {**dict(list(bonds.groupby(["cell", "type"]))), **groups}.items():
                if len(part) >= FEWEST:
                    place = {"data": data, "model": projection, "cell": cell, "type": name}
                    rows.append(place | row(part, curves[name]))
    table = pd.DataFrame(rows)
    write_csv(OUT, table.round(4))
    print(table[table.cell == "all"].round(3).to_string())


if __name__ == "__main__":
    main()
