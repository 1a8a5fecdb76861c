"""The numbers of a model, as metrics.json has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from getl_utils.etl.database import Database
from getl_utils.models.model import Model
from getl_utils.models.validation import summary


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
