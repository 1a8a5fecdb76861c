"""The command that labels what teaches: learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from getl_utils.cli.app import command
from getl_utils.core.workdir import WorkDir

if TYPE_CHECKING:
    from getl_utils.core import parameters


@command(
    "learn",
    "Takes parameters with `learn`; labels, trains, checks a model.",
    "It quenches a pool of cells and labels the one that teaches most, until the target is met or the budget "
    "is spent. Then it trains a model of all labels, and checks it. It can be stopped and started again at "
    "any time. Ends with 1 if the model failed a check.",
)
def learn(
    file: Annotated[Path, typer.Argument(help="parameter file")],
    only_labels: Annotated[bool, typer.Option("--only-labels", help="train no model at the end")] = False,
) -> None:
    """Label the cells that teach most; train a model of them."""
    from getl_utils.core import parameters
    from getl_utils.ops import learn as learning

    values = parameters.read(file)
    parameters.require_files(values, str(file))
    p = parameters.for_stage("01_generate", values, str(file))
    work = WorkDir(p.work_dir)
    try:
        record = learning.learn(work, p, lambda line: print(line, flush=True), "lines")
    except OSError as error:
        raise RuntimeError(
            f"{error}; what is labelled stays: mend this and run the same command again"
        ) from error
    _draw(work, p, record)
    work.complete("learn", end=record["end"])
    if not only_labels:
        raise typer.Exit(_finish(work, values))


def _draw(work: WorkDir, p: parameters.Generate, record: dict[str, Any]) -> None:
    """Write the error against the number of cells: table and figure."""
    from getl_utils.labels.engine import preview_note
    from getl_utils.ops.learn import table
    from getl_utils.views import style, training

    numbers = table(record)
    if len(numbers):
        settings = p.settings_of_learning
        drawing = training.cells_learned(numbers, p.bond_types, settings.target)
        style.Gallery(work, "learn", preview_note(p.engine))("errors", drawing)
        print(f"errors against cells: {work.figures('learn') / 'errors.png'} and errors.csv")


def _finish(work: WorkDir, values: dict[str, Any]) -> int:
    from getl_utils.ops import learned

    made = learned.finish(work, values)
    for row in made.metrics["types"]:
        of_curve = f"{row['ratio']:.2f} of the distance alone"
        print(f"{row['type']}: {row['bonds']} bonds, RMSE {row['rmse']:.3f} eV ({of_curve})")
    for bond_type, why in made.metrics["refused"].items():
        print(f"{bond_type}: no model or no error: {why}")
    for name, why in made.failed.items():
        print(f"check {name} failed: {why}")
    print(f"model in {work.model}: {'passed its checks' if not made.failed else 'see the checks above'}")
    return int(bool(made.failed))
