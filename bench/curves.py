"""Learning curves of the default model and the published one, and their laws: ``python bench/curves.py``.

By bonds, by cells and by quenches, on our labels of zrcual and on run 21 of the published
ones where they are (one quench, so by bonds and by cells). Writes into data_examples/validation:
learning_curves.csv (a row per data, type, axis, seed and size; RMSE in eV) and learning_laws.csv (error
against bonds; a row per law, or why there is none). Minutes.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy


import pandas as pd

from bench import PARAMETERS, REFERENCE, labelled_database
from getl_utils.core import parameters
from getl_utils.core.record import write_csv
from getl_utils.core.workdir import resolve
from getl_utils.models import learning

OUT = resolve("data_examples/validation")
DATA = {
    "ours": ("parameters/workstation.yaml", ("bonds", "cells", "quenches")),
    "run 21": (PARAMETERS, ("bonds", "cells")),
}
SETTINGS = {"n_seeds": 3, "curve_sizes": [50, 100, 200, 400, 800, 1600]}
MODELS = {"default": "rmse", "published": "published_rmse"}


def laws(curves: pd.DataFrame) -> pd.DataFrame:
    """Laws of both models by bonds."""
    some = curves[curves.axis == "bonds"]
    found = [
        learning.laws(some.assign(rmse=some[column])).assign(model=model) for model, column in MODELS.items()
    ]
    return pd.concat(found, ignore_index=True)


def main() -> None:
    """Learn, fit, write after each data set."""
    tables, fitted = [], []
    for name, (file, axes) in DATA.items():
        if name == "run 21" and not REFERENCE.is_dir():
            print(f"NO CURVES OF RUN 21: no {REFERENCE}")
            continue
        values = parameters.read(resolve(file)) | SETTINGS
        values["reference_roots"] = values.get("reference_roots") or ["data_examples/zrcual"]
        stored, p = labelled_database(values, name.replace(" ", "")), parameters.for_stage("05_train", values)
        curves = learning.learning_curve(stored, p, axes=axes, progress=True)
        tables.append(curves.assign(data=name))
        fitted.append(laws(curves).assign(data=name))
        write_csv(OUT / "learning_curves.csv", pd.concat(tables).round(5))
        write_csv(OUT / "learning_laws.csv", pd.concat(fitted).round(5))
        mean = curves.groupby(["axis", "type", "n"])[
            ["bonds", "rmse", "baseline_rmse", "published_rmse"]
        ].mean()
        print(mean.round(4).to_string(), flush=True)


if __name__ == "__main__":
    main()
