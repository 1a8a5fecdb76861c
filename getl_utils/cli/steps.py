"""Commands for the machine and the workflow: doctor, run, parameters, step."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from getl_utils.cli.app import command
from getl_utils.core.cells import CellKey
from getl_utils.core.workdir import WorkDir

if TYPE_CHECKING:
    from getl_utils.core import parameters

Unit = StrEnum("Unit", {name: name for name in ("quench", "large", "load", "label", "espresso", "lobster")})


@command(
    "doctor",
    "Says what this machine has, lacks, and needs.",
    "Ends with 1 if parameters/quick.yaml cannot run here.",
)
def doctor() -> None:
    """Print what is installed and what is missing."""
    from getl_utils.ops import doctor as report

    lines, needed = report.lines()
    print("\n".join(lines))
    lacking = f"quick.yaml cannot run: {', '.join(needed)} missing"
    print(f"\n{lacking if needed else 'quick.yaml can run: make demo'}")
    raise typer.Exit(int(bool(needed)))


@command(
    "run",
    "Takes a parameter file; runs what is not done.",
    "The six notebooks and what they need, by Snakemake. A second call does nothing.",
)
def run(
    file: Annotated[Path, typer.Argument(help="a file of parameters/, or your own")],
    cores: Annotated[int, typer.Option(min=1, help="steps that run at once")] = 2,
) -> None:
    """Run a case and say in few lines what is done."""
    from getl_utils.ops import running

    raise typer.Exit(running.run(file, cores))


@command("parameters", "Takes a parameter file; prints one stage's values.")
def stage_parameters(
    file: Annotated[Path, typer.Argument(help="a file of parameters/, or your own")],
    stage: Annotated[str, typer.Argument(help="the notebook whose parameters are printed, e.g. 05_train")],
) -> None:
    """Check a parameter file and print one stage's part of it in full."""
    from getl_utils.core import parameters

    p = parameters.for_stage(stage, parameters.read(file), str(file))
    print(yaml.safe_dump(p.model_dump(mode="json"), sort_keys=False, allow_unicode=True), end="")


@command(
    "step",
    "Takes parameters and a cell; does one unit.",
    "quench: one melt-quench and its deformed cells. large: a large glass. load: its loading. "
    "label: the label of one cell. espresso, lobster: pw.x or LOBSTER for one cell, as a batch job. "
    "Ends with 1 if the unit failed.",
)
def step(
    unit: Annotated[Unit, typer.Argument(help="what to do")],
    file: Annotated[Path, typer.Argument(help="parameter file")],
    composition: Annotated[str, typer.Argument(help="e.g. Zr49Cu49Al2")],
    run: Annotated[int, typer.Argument(min=0, help="number of the quench")],
    sub_run: Annotated[int, typer.Argument(min=0, max=14, help="number of the deformed cell")] = 0,
) -> None:
    """Do one unit of 01_generate, as the workflow does."""
    from getl_utils.core import parameters

    values = parameters.read(file)
    p = parameters.for_stage("01_generate", values, str(file))
    work, key = WorkDir(p.work_dir), CellKey(composition, run, sub_run)
    if unit in (Unit.quench, Unit.large, Unit.load):
        parameters.require_files(values, str(file))
        return _simulate(unit, work, p, key)
    record = _label(unit, work, p, key, values)
    state = record.get("status", record.get("state"))
    print(f"{key}: {unit} {state}, {record['seconds']} s {record['reason']}")
    raise typer.Exit(int(state not in ("DONE", "LOBSTER_NOT_FINISHED")))


def _simulate(unit: Unit, work: WorkDir, p: parameters.Generate, key: CellKey) -> None:
    from getl_utils.generate import steps

    if unit is Unit.quench:
        steps.make_cells(work, p, key.composition, key.run, progress="lines")
    elif unit is Unit.large:
        steps.quench(work, p, key.composition, key.run, large=True, progress="lines")
    else:
        steps.load_glass(work, p, key.composition, key.run, progress="lines")


def _label(unit: Unit, work: WorkDir, p: parameters.Generate, key: CellKey, values: Any) -> dict[str, Any]:
    from getl_utils.core import parameters
    from getl_utils.labels import batch, label

    if unit is Unit.label:
        return label.label_one(work, key, p)
    programs = parameters.workflow(values)
    return batch.run(unit.value, work, key, p, getattr(programs, f"{unit.value}_command"))
