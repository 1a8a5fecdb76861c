"""The numbers of a model, as metrics.json has them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from getl_utils.etl.database import Database
from getl_utils.models import linear
from getl_utils.models.model import Model
from getl_utils.models.validation import summary

LEARNED = {"n_bonds": "bonds", "n_groups": "quenches", "own": "prior", "left_out": "left out (eV)"}


def learned(trained: Model) -> pd.DataFrame:
    """What each type learned from, and what its training says of itself.

    Parameters
    ----------
    trained : Model
        The model.

    Returns
    -------
    DataFrame
        A row for each type: bonds, quenches, prior and whether it is at the edge of those tried (linear
        model), and the error on groups that were left out (eV); what a kind of model does not have is absent.
    """
    rows = {
        name: {label: one.numbers[key] for key, label in LEARNED.items() if key in one.numbers}
        for name, one in trained.facts.types.items()
    }
    table = pd.DataFrame(rows).T
    if "prior" in table:
        tried = linear.Settings().own
        table["at_the_edge"] = table.prior.isin([min(tried), max(tried)])
    return table


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
