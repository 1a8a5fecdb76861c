"""Parameters of 06_inference, and those of the workflow that no notebook needs."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from getl_utils.core.parameters.base import Common, Path, Reference, Settings, Unique, Window, field


def _words(command: str) -> str:
    try:
        shlex.split(command)
    except ValueError as error:
        raise ValueError(f"{command!r} cannot be split into words: {error}") from None
    return command


Command = Annotated[str, AfterValidator(_words)]


class Infer(Common, Reference):
    """06_inference."""

    model: Path = field("folder of the model; empty: the one of 05_train", "")
    structures: list[Path] = field(
        "dump, data or xyz files, also below reference_roots; empty: the loadings, else the large glasses", []
    )
    frames: Literal["last", "all"] = field("of a trajectory", "all")
    analysed_frames: int = field(
        "frames of a loading compared with each other, at most; evenly spaced", 21, ge=2, le=100_000
    )
    hysteresis: float = field(
        "bonds within window and window·(1 + hysteresis) neither break nor form", 0.1, ge=0, le=1
    )
    windows: dict[str, Window] = field("bond type → Å; types not named: the range of the training bonds", {})
    lobster_files: bool = field("also write LOBSTER's columns", True)
    sigma: bool = field(
        "also the predictive σ of each bond, and whether it is outside what the model has seen", True
    )
    threads: int = field("threads that predict at once", 2, ge=1, le=1024)
    release_checks: list[Path] = field("files with your own checks that a model must pass", [])
    allowed_failures: Annotated[list[Annotated[str, Field(min_length=1, max_length=200)]], Unique] = field(
        "checks that the model may fail, by name; unchecked: it may be unchecked", []
    )
    compared_model: Path = field(
        "folder of a second model, compared with the first; empty: the published one beside it, if any", ""
    )


class Workflow(Settings):
    """What no notebook needs: how the workflow runs the programs of others and keeps its records."""

    tracking_uri: str = field("of MLflow; empty: SQLite beside work_dir", "")
    espresso_command: Command = field(
        "pw.x as it is started, reading its input from standard input; empty: not run here", ""
    )
    lobster_command: Command = field("LOBSTER as it is started; empty: not run here", "")
