"""Commands that look at results and their records: status, summary, verify, trace, track, promote, ui."""

from __future__ import annotations

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from getl_utils.cli.app import command
from getl_utils.core.workdir import WorkDir

WorkFolder = Annotated[str, typer.Argument(metavar="WORK_DIR", help="folder of the results, e.g. runs/quick")]
Uri = Annotated[str, typer.Option(help="MLflow's tracking URI; by default SQLite beside the work directory")]
Alias = StrEnum("Alias", {name: name for name in ("candidate", "production")})


@command("status", "Takes a work directory; says what is done.")
def status(work_dir: WorkFolder) -> None:
    """Print what is done, running and failed, and why, of every stage and cell."""
    from getl_utils.ops import status as overview

    print(overview.status(WorkDir(work_dir)))


@command("summary", "Takes a work directory; prints errors and predictions.")
def summary(work_dir: WorkFolder) -> None:
    """Print bonds per type, the error beside the baseline, and what was predicted."""
    from getl_utils.ops import status as overview

    print(overview.summary(WorkDir(work_dir)))


@command(
    "verify",
    "Takes a work directory; holds results against checksums.",
    "Ends with 1 if something is damaged or missing.",
)
def verify(
    work_dir: WorkFolder,
    repair: Annotated[
        bool, typer.Option("--repair", help="delete what is damaged; a new run remakes it")
    ] = False,
) -> None:
    """Compare all results with their records."""
    from getl_utils.ops import verify as records

    work = WorkDir(work_dir)
    found = records.repair_all(work) if repair else records.report(work)
    print("\n".join(found) or "all results are as they were written")
    raise typer.Exit(int(bool(found)))


@command(
    "trace",
    "Takes a prediction; walks back to its origins.",
    "To model, training bonds, label, cell, quench and code. Ends with 1 if a step is not as recorded.",
)
def trace(
    prediction: Annotated[Path, typer.Argument(help="<n>_<step>.parquet or .json below predictions/")],
    bond: Annotated[int, typer.Option(metavar="ROW", min=0, help="row of the table")] = 0,
    model: Annotated[
        Path | None, typer.Option(help="folder of the model, if not above the prediction")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Print where a predicted bond comes from."""
    from getl_utils.ops import provenance

    links = provenance.trace(prediction, bond, model)
    as_dicts = [link._asdict() for link in links]
    print(json.dumps(as_dicts, indent=1, default=str) if as_json else provenance.text(links))
    raise typer.Exit(int(any(link.wrong for link in links)))


@command(
    "export",
    "Takes a model or data set; writes a package.",
    "The folder describes itself by RO-Crate metadata and is read as before: a model by --model, a data set "
    "as one of the reference_roots.",
)
def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="folder of a model, or of a packed data set")],
    out: Annotated[Path, typer.Option(help="new folder")],
    author: Annotated[list[str], typer.Option(metavar="NAME[, ORCID]", help="once for each author")],
    licence: Annotated[str, typer.Option(metavar="SPDX", help="of what is exported, e.g. MIT or CC-BY-4.0")],
    based_on: Annotated[
        list[str], typer.Option(metavar="URL", help="what it was made from, e.g. the DOI of the data set")
    ] = [],
) -> None:
    """Copy a model or a data set and write its metadata."""
    from getl_utils.ops import export as packages

    package = packages.export(folder, out, author, licence, based_on)
    print(f"{package.name}, {package.identity}: {len(package.files)} files in {out}")


@command("track", "Takes a work directory; writes it into MLflow.")
def track(work_dir: WorkFolder, uri: Uri = "") -> None:
    """Write a parent run, a child per bond type, the model and its figures."""
    from getl_utils.ops import tracking

    work = WorkDir(work_dir)
    store = uri or tracking.default_uri(work)
    run = tracking.track(work, store)
    work.complete("tracking", run=run, uri=store)
    print(f"run {run} in {store}, model {tracking.model_name(work)}")


@command(
    "promote",
    "Takes a tracked model; names it candidate or production.",
    "Only a model that passed its checks can be production.",
)
def promote(work_dir: WorkFolder, alias: Alias, uri: Uri = "") -> None:
    """Name a work directory's model in the registry."""
    from getl_utils.ops import tracking

    print(f"{tracking.promote(WorkDir(work_dir), alias.value, uri)} is now {alias.value}")


@command("ui", "Opens MLflow's page on the tracked runs.")
def ui(
    work_dir: WorkFolder = "runs/quick",
    uri: Uri = "",
    port: Annotated[int, typer.Option(min=1, max=65535, help="of the page")] = 5000,
) -> None:
    """Serve MLflow's page until interrupted."""
    import subprocess

    from getl_utils.ops import tracking

    store = uri or tracking.default_uri(WorkDir(work_dir))
    words = [sys.executable, "-m", "mlflow", "ui", "--backend-store-uri", store, "--port", str(port)]
    raise typer.Exit(subprocess.call(words))
