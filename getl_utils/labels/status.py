"""What became of a sub-run, decided from its files."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from getl_utils.core.record import damaged, read_json
from getl_utils.files import espresso, lobster

RECORD = "label.json"
ICOHPLIST = "ICOHPLIST.lobster"


class Status(IntEnum):
    """The published codes; only DONE and LOBSTER_NOT_FINISHED may enter a database."""

    NOT_PREPARED = 0
    DONE = 1
    SCF_NOT_CONVERGED = 2
    ICOHP_INCOMPLETE = 3
    LOBSTER_NOT_FINISHED = 4
    NO_ICOHP = 5
    NOTHING = 6
    DONE_WITH_UNMATCHED_BONDS = 7

    @property
    def usable(self) -> bool:
        """SCF converged and ICOHPLIST complete."""
        return self in (Status.DONE, Status.LOBSTER_NOT_FINISHED)


class Verdict(NamedTuple):
    """A status, why, and the labels (i, j, tx, ty, tz as printed, distance Å, icohp eV) where they are
    usable."""

    status: Status
    reason: str
    labels: pd.DataFrame | None = None


def judge(folder: str | Path) -> Verdict:
    """Decide what became of the sub-run in `folder`, from an engine's ``label.json`` or from pw.x's and
    LOBSTER's output.

    Usable means: SCF converged, and ICOHPLIST.lobster has all N rows that LOBSTER announced. The published
    code differs in two ways: it tests for 3 before 4, so that 4 never happens, and it ignores whether the
    rows are N.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return Verdict(Status.NOT_PREPARED, "no folder")
    return _judge_engine(folder) if (folder / RECORD).exists() else _judge_lobster(folder)


def _rows(folder: Path, expected: int | None) -> tuple[pd.DataFrame | None, str]:
    try:
        table = lobster.read_icohplist(folder / ICOHPLIST)
    except FileNotFoundError:
        return None, "no ICOHPLIST.lobster"
    except lobster.FormatError as error:
        return None, str(error)
    if expected is None:
        return None, "the number of bonds is not known: LOBSTER's output is missing"
    if len(table) != expected:
        return None, f"ICOHPLIST.lobster has {len(table)} of {expected} bonds"
    return table, f"{len(table)} bonds"


def _judge_engine(folder: Path) -> Verdict:
    try:
        record = read_json(folder / RECORD)
        status, expected = Status[record["status"]], record.get("n_bonds")
    except (ValueError, KeyError, TypeError) as error:
        return Verdict(
            Status.NOTHING, f"{folder / RECORD} is unreadable ({error}); delete it to label this cell again"
        )
    if not status.usable:
        return Verdict(status, record.get("reason", ""))
    table, reason = _rows(folder, expected)
    if table is not None and damaged(folder / RECORD):
        table, reason = None, f"{damaged(folder / RECORD)[0]}; delete {RECORD} to label this cell again"
    return Verdict(status if table is not None else Status.NO_ICOHP, reason, table)


def _judge_lobster(folder: Path) -> Verdict:
    outputs = sorted(folder.glob("*.scf.out"))
    scf = espresso.read_output(outputs[0]) if outputs else None
    logs = sorted(folder.glob("*.lb.out")) or sorted(folder.glob("lobsterout"))
    log = lobster.read_output(logs[0]) if logs else lobster.Output(None, False)
    table, reason = _rows(folder, log.interactions)
    listed = (folder / ICOHPLIST).exists()
    if scf is None or not scf.converged:
        reason = (
            "no pw.x output"
            if scf is None
            else "SCF not converged" + ("" if scf.terminated else ", pw.x was cut off")
        )
        if listed and not log.finished:
            return Verdict(Status.ICOHP_INCOMPLETE, reason)
        return Verdict(Status.NOTHING if scf is None else Status.SCF_NOT_CONVERGED, reason)
    if table is not None:
        return Verdict(Status.DONE if log.finished else Status.LOBSTER_NOT_FINISHED, reason, table)
    return Verdict(Status.ICOHP_INCOMPLETE if listed and not log.finished else Status.NO_ICOHP, reason)
