"""What more compositions teach: ``python bench/wide.py``, some minutes of one core.

Each composition, and each quench, of data_examples/zrcual, zrcual_wide, zrcual_middle and zrcual_hot is left
out in turn and predicted by two models: one of all other cells of zrcual, one of all other cells. Writes
data_examples/validation/wide.csv: per split (composition or quench), what is left out and bond type the
errors (eV) of both and of the distance alone, learned from the cells of zrcual, and the share of labels that
the 90 % intervals hold.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

from pathlib import Path

import numpy as np
import pandas as pd
import zrcual

from getl_utils.core.record import write_csv
from getl_utils.models import gp
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.linear import LinearModel

OUT = Path("data_examples/validation/wide.csv")
FEWEST = 50  # test bonds


def judged(model: LinearModel, described: np.ndarray, bonds: pd.DataFrame, name: str) -> dict[str, float]:
    """Error (eV) and coverage of one type of bonds."""
    if name not in model.types:
        return {"rmse": np.nan, "in_90": np.nan}
    found = model.evaluate(name, described, bonds.distance.to_numpy())
    error = found.mean - bonds.strength.to_numpy()
    return {"rmse": zrcual.rms(error), "in_90": zrcual.held(error, found.sigma)}


def left_out(
    split: str, group: str, expansion: BondExpansion, bonds: pd.DataFrame, described: np.ndarray
) -> list[dict]:
    """A row per bond type of one composition or quench."""
    test, old = (bonds[split] == group).to_numpy(), (bonds.data == "zrcual").to_numpy()
    keeps = {"zrcual": old & ~test, "all": ~test}
    models = {name: zrcual.train(expansion, bonds, described, keep) for name, keep in keeps.items()}
    rows = []
    for name in sorted(bonds.type.unique()):
        mine = test & (bonds.type == name).to_numpy()
        if mine.sum() < FEWEST or name not in models["zrcual"].types:
            continue
        known = bonds[keeps["zrcual"] & (bonds.type == name).to_numpy()]
        curve = gp.fit_curve(known.distance.to_numpy(), known.strength.to_numpy())
        alone = zrcual.rms(curve.predict(bonds.distance[mine].to_numpy()) - bonds.strength[mine])
        row = {"split": split, "left_out": group, "type": name}
        row |= {"bonds": int(mine.sum()), "distance_alone": alone}
        for which, model in models.items():
            found = judged(model, described[mine], bonds[mine], name)
            row |= {f"{key}_{which}": value for key, value in found.items()}
            row[f"ratio_{which}"] = found["rmse"] / alone
        rows.append(row)
    return rows


def main() -> None:
    """Write the table."""
    bonds, expansion = zrcual.whole(), BondExpansion(zrcual.elements())
    bonds = bonds.assign(quench=bonds.composition + "/" + bonds.run.astype(str))
    described, rows = zrcual.features(expansion, bonds), []
    for split in ("composition", "quench"):
        for group in dict.fromkeys(bonds[split]):
            rows += left_out(split, group, expansion, bonds, described)
            print(f"{group} left out", flush=True)
    table = pd.DataFrame(rows)
    write_csv(OUT, table.round(4))
    print(table.round(3).to_string())


if __name__ == "__main__":
    main()
