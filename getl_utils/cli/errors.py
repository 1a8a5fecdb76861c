"""Commands that repeat the published tests: test-cell, test-published."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from getl_utils.cli.app import command
from getl_utils.core.record import write_csv

if TYPE_CHECKING:
    import pandas as pd

    from getl_utils.core import parameters

Without = StrEnum("Without", {name: name for name in ("none", "cell", "quench")})
File = Annotated[
    Path, typer.Option("--parameters", help="elements, SOAP and hyperparameters are taken from here")
]
Clusters = Annotated[
    list[Path], typer.Option(metavar="FOLDER", help="<composition>-PCSSDB, if it is not beside the database")
]
Table = Annotated[Path | None, typer.Option(help="CSV for the table")]
SHOWN = {"index": False, "float_format": "{:.4f}".format}


@command(
    "test-cell",
    "Takes a database and a labelled cell; gives errors.",
    "Trains on the database and predicts every bond of the cell, as the published second test does. The "
    "models are those that the database allows: the published one where it has SOAP, the default one where "
    "it has expansions.",
)
def cell_errors(
    label: Annotated[
        Path, typer.Argument(metavar="LABEL", help="folder of the label of a cell, ours or published")
    ],
    database: Annotated[Path, typer.Option(help="folder of a database, ours or published (.bnd)")],
    structure: Annotated[
        Path | None, typer.Option(help="extended xyz of the cell, if not in its usual place")
    ] = None,
    clusters: Clusters = [],
    without: Annotated[
        Without, typer.Option(help="leave this cell, or its whole quench, out of the database")
    ] = Without.none,
    file: File = Path("parameters/reference.yaml"),
    out: Table = None,
) -> None:
    """Print the RMSD of each model and type on one cell."""
    from getl_utils.core import parameters
    from getl_utils.models import cell_test

    values = parameters.read(file)
    p = parameters.for_stage("05_train", values, str(file))
    transform = parameters.for_stage("03_transform", values, str(file))
    window = parameters.for_stage("01_generate", values, str(file)).label_window
    key, atoms, bonds = cell_test.labelled(label, transform.cutoff, structure)
    stored = cell_test.held_back(_database(database, transform, clusters, None, p.seed), key, without.value)
    table, refused = cell_test.errors(stored, key, atoms, bonds, tuple(window), p)
    inside = bonds.distance.between(*window).sum()
    print(f"{key}: {inside} of {len(bonds)} bonds are within {window[0]}–{window[1]} Å; RMSD in eV")
    _report(table, refused, out)


@command(
    "test-published",
    "Takes a published database; gives the model's errors.",
    "Repeats the published errors: the published kernel, random splits, as many bonds as the parameters "
    "say. A bond counts if both of its atoms have a cluster in <El>.xyz.",
)
def published_errors(
    database: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="<composition>-PBSSDB, or a mixed database")
    ],
    clusters: Clusters = [],
    most: Annotated[
        int, typer.Option("--bonds", min=1, help="of each type, drawn at random, at most")
    ] = 6000,
    file: File = Path("parameters/reference.yaml"),
    out: Table = None,
) -> None:
    """Print the errors of the published model on random splits of a published database."""
    from getl_utils.core import parameters
    from getl_utils.models import training, validation

    values = parameters.read(file)
    p = parameters.for_stage("05_train", values, str(file))
    transform = parameters.for_stage("03_transform", values, str(file))
    stored = _database(database, transform, clusters, most, p.seed)
    found = validation.validate(stored, p, True, ["random"], training.published_recipe(stored, p))
    columns = ["type", "folds", "n_train", "n_test", "rmse", "rmse_std", "baseline_rmse"]
    table = validation.summary(found.table)
    print(f"{database.name}: {p.n_train} to train on, {p.n_test} to test on, at most; RMSE in eV")
    _report(table[columns] if len(table) else table, found.refused, out)


def _database(
    folder: Path, transform: parameters.Transform, clusters: list[Path], most: int | None, seed: int
) -> Any:
    """A database of ours, or a published one and what of it can be used."""
    from getl_utils.etl import database, imported
    from getl_utils.etl.soap import Soap

    if (folder / "database.json").exists():
        return database.read(folder)
    if transform.soap is None:
        raise ValueError("the parameters have no `soap`, which a published database needs")
    soap = Soap(transform.elements, transform.cutoff, **transform.soap.model_dump())
    stored = imported.gather(folder, soap, clusters, most, seed)
    for row in stored.facts["counts"]:
        if row["described"] < row["bonds"]:
            known = f"{row['described']} of {row['bonds']} bonds"
            print(f"{folder.name}, {row['type']}: {known} have clusters around both atoms")
    return stored


def _report(table: pd.DataFrame, refused: dict[str, str], out: Path | None) -> None:
    print(table.to_string(**SHOWN) if len(table) else "nothing could be tested")
    print("".join(f"NOT TESTED: {name}: {why}\n" for name, why in refused.items()), end="")
    if out:
        write_csv(out, table)
    raise typer.Exit(int(not len(table)))
