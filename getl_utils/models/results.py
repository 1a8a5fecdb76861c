"""Files that say what a training gave: the published form of a fit, and the numbers of a model."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from getl_utils.core.record import atomic_write
from getl_utils.etl.database import Database
from getl_utils.models.model import Model
from getl_utils.models.validation import summary


def write_results(folder: Path, name: str, result: Mapping[str, Any]) -> None:
    """Write a fit's results as the published files have them.

    Parameters
    ----------
    folder : Path
        Gets ``<name>.dat`` (predicted, calculated; eV) and ``<name>.info`` (with row numbers, RMSE,
        variances and standard deviations).
    name : str
        Of the files.
    result : mapping
        From `score`.
    """
    pairs = list(zip(result["predicted"], result["true"], strict=True))
    train, test = result["train_std"], result["test_std"]
    tail = {"RMSE": result["rmse"], "TRAINING_VAR": train**2, "TESTING_VAR": test**2}
    tail |= {"TRAINING_STD": train, "TESTING_STD": test}
    with atomic_write(folder / f"{name}.dat") as temporary:
        temporary.write_text("".join(f"{a:10.6f} {b:10.6f}\n" for a, b in pairs))
    with atomic_write(folder / f"{name}.info") as temporary:
        rows = "".join(f"{n} {n} {a:10.6f} {b:10.6f}\n" for n, (a, b) in enumerate(pairs))
        temporary.write_text(rows + "".join(f"{key} = {value:10.6f}\n" for key, value in tail.items()))


def metrics(
    stored: Database, table: pd.DataFrame, refused: Mapping[str, str], trained: Model, note: str
) -> dict[str, Any]:
    """What ``metrics.json`` says.

    Parameters
    ----------
    stored : Database
        Learned from.
    table : DataFrame
        Of `validate`.
    refused : mapping
        Bond type → why it has no model or no score.
    trained : Model
        The model.
    note : str
        E.g. that the labels are a preview.

    Returns
    -------
    dict
        Identity of the model; for each type the bonds and the errors of the random split beside the baseline.
    """
    rows = summary(table)
    rows = rows[rows.split == "random"] if len(rows) else rows
    rows = rows.assign(bonds=rows.type.map(stored.bonds.type.value_counts())) if len(rows) else rows
    wanted = ["type", "bonds", "n_train", "n_test", "rmse", "baseline_rmse", "ratio", "published_rmse"]
    names = ("engine", "model_id", "database_id")
    return {
        **{name: getattr(trained.facts, name) for name in names},
        "note": f" ({note})" if note else "",
        "types": rows[wanted].to_dict("records") if len(rows) else [],
        "refused": dict(refused),
    }
