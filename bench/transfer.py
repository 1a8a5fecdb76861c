"""Across compositions, on our own labels: python bench/transfer.py, after a run of parameters/example.yaml.

Writes data_examples/validation/transfer.csv: the rows *by composition* of 05's validation.csv (a model of the other compositions
judged on this one), RMSE over that of the distance alone (`ratio`), and the same of the published kernel and hyperparameters.
"""

from __future__ import annotations

import pandas as pd

from getl_utils import parameters
from getl_utils.layout import WorkDir, atomic_write, resolve

FEWEST = 100  # test bonds
COLUMNS = [
    "type",
    "fold",
    "n_train",
    "n_test",
    "rmse",
    "baseline_rmse",
    "ratio",
    "published_ratio",
    "in_50",
    "in_68",
    "in_90",
    "in_95",
]


def table(validation: pd.DataFrame) -> pd.DataFrame:
    """Types and compositions with at least FEWEST test bonds."""
    rows = validation[(validation.split == "by composition") & (validation.n_test >= FEWEST)]
    rows = rows.assign(ratio=rows.rmse / rows.baseline_rmse, published_ratio=rows.published_rmse / rows.baseline_rmse)
    return rows[COLUMNS]


if __name__ == "__main__":
    work = WorkDir(parameters.read("parameters/example.yaml")["work_dir"])
    found = table(pd.read_csv(work.require(work.model / "validation.csv", "05_train of parameters/example.yaml")))
    with atomic_write(resolve("data_examples/validation/transfer.csv")) as temporary:
        found.to_csv(temporary, index=False, float_format="%.4g")
    print(found.round(3).to_string(index=False))
