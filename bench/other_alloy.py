"""The shipped model on another alloy, potential and quench: python bench/other_alloy.py.

data_examples/cu-zr has four cells of Zr32Cu32: no Al, another potential, quenched a hundred times faster
than zrcual, three of them shrunk by 10 or 20 %, labelled on a 2×2×2 mesh. The model learned from zrcual
at Γ. Writes data_examples/validation/other_alloy.csv: per cell and bond type the error, that of the curve
of the distance from zrcual, how many labels the 90 % intervals hold, the share of flagged bonds.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import zrcual

from getl_utils.core import cells
from getl_utils.core.record import atomic_write
from getl_utils.inference import predictor
from getl_utils.models import gp, model

DATA, MODEL = Path("data_examples/cu-zr"), Path("data_examples/models/zr-cu-al")
OUT = Path("data_examples/validation/other_alloy.csv")
QUANTILE = 1.645  # half width of a 90 % interval, in σ


def predicted() -> pd.DataFrame:
    """Labels and predictions of all bonds, side by side."""
    shipped, parts = model.load(MODEL), []
    for path in sorted((DATA / "labels").glob("*/*/*/bonds.parquet")):
        composition, run, sub_run = path.parts[-4:-1]
        atoms = cells.read(DATA / "cells" / composition / run / f"{sub_run}.xyz")
        found = predictor.predict(shipped, atoms, predictor.windows(shipped, {}))
        labels = pd.read_parquet(path)[[*zrcual.BOND, "icohp"]]
        parts.append(labels.merge(found, on=zrcual.BOND).assign(cell=f"{composition}/{run}/{sub_run}"))
    return pd.concat(parts, ignore_index=True)


def main() -> None:
    """Write the table, a row per cell and type and one per type over all cells."""
    learned, bonds, rows = zrcual.table(), predicted(), []
    for (cell, name), part in [
        *bonds.groupby(["cell", "type"]),
        *((("all", name), part) for name, part in bonds.groupby("type")),
    ]:
        same = learned[learned.type == name]
        curve = gp.fit_curve(same.distance.to_numpy(), same.strength.to_numpy())
        error = part.icohp - part.predicted
        alone = zrcual.rms(part.icohp + curve.predict(part.distance.to_numpy()))
        rows.append(
            {
                "cell": cell, "type": name, "bonds": len(part), "rmse": zrcual.rms(error),
                "mean_error": error.mean(), "distance_alone": alone, "ratio": zrcual.rms(error) / alone,
                "in_90": np.mean(np.abs(error) < QUANTILE * part.sigma), "outside": part.outside.mean(),
            }
        )  # fmt: skip
    with atomic_write(OUT) as temporary:
        pd.DataFrame(rows).to_csv(temporary, index=False, float_format="%.4f")
    print(pd.DataFrame(rows).round(3).to_string())


if __name__ == "__main__":
    main()
