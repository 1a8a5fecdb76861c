"""What became of a sub-run, decided from its files."""

from __future__ import annotations

from enum import IntEnum
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from getl_utils.core.record import damaged, read_json
from getl_utils.files import espresso, lobster

RECORD = "label.json"
BONDS = "bonds.parquet"
ICOHPLIST = "ICOHPLIST.lobster"
MOST_SPILLING = 0.05  # of the charge, in LOBSTER's own output; see `engine.EngineSettings`


class Status(IntEnum):
    """Codes 0 to 7 are the published ones. Only DONE and LOBSTER_NOT_FINISHED may enter a database."""

    NOT_PREPARED = 0
    DONE = 1
    SCF_NOT_CONVERGED = 2
    ICOHP_INCOMPLETE = 3
    LOBSTER_NOT_FINISHED = 4
    NO_ICOHP = 5
    NOTHING = 6
    DONE_WITH_UNMATCHED_BONDS = 7
    SPILLED = 8

    @property
    def usable(self) -> bool:
        """Whether the SCF converged and all bonds are there."""
        return self in (Status.DONE, Status.LOBSTER_NOT_FINISHED)


class Verdict(NamedTuple):
    """What became of a sub-run.

    Attributes
    ----------
    status : Status
        The status.
    reason : str
        Why.
    labels : DataFrame or None
        i, j, tx, ty, tz, distance (Å), icohp (eV) and, of our own labels, icohp_full and icohp_lobster; None
        where the status is not usable.
    printed : bool
        True if the labels were read from an ICOHPLIST: five decimals, translations as printed.
    """

    status: Status
    reason: str
    labels: pd.DataFrame | None = None
    printed: bool = False


def judge(folder: str | Path) -> Verdict:
    """Decide what became of a sub-run, from an engine's ``label.json`` or from pw.x's and LOBSTER's output.

    Usable means: the SCF converged, all bonds are there, and the orbitals hold the charge. The published code
    differs in three ways. It tests for 3 before 4, so that 4 never happens. It ignores whether
    ICOHPLIST.lobster has the N rows that LOBSTER announced. It does not look at the spilling.

    Parameters
    ----------
    folder : str or Path
        Folder of the label.

    Returns
    -------
    Verdict
        Status, reason, and the labels where they are usable.
    """
    folder = Path(folder)
    if not folder.is_dir():
        return Verdict(Status.NOT_PREPARED, "no folder")
    return _judge_engine(folder) if (folder / RECORD).exists() else _judge_lobster(folder)


def projection_of(record: dict[str, Any]) -> str:
    """Return the projection of a label; records of earlier versions, which do not name it, are full.

    Parameters
    ----------
    record : dict
        Content of ``label.json``.

    Returns
    -------
    str
        "full" or "lobster".
    """
    return record.get("projection", "lobster" if record.get("engine") == "lobster" else "full")


def _rows(folder: Path, expected: int | None) -> tuple[pd.DataFrame | None, str]:
    try:
        table = lobster.read_icohplist(folder / ICOHPLIST)
    except FileNotFoundError:
        return None, f"no {ICOHPLIST}"
    except lobster.FormatError as error:
        return None, str(error)
    if expected is None:
        return None, "the number of bonds is not known: LOBSTER's output is missing"
    if len(table) != expected:
        return None, f"{ICOHPLIST} has {len(table)} of {expected} bonds"
    return table, f"{len(table)} bonds"


def _judge_engine(folder: Path) -> Verdict:
    again = f"delete {RECORD} to label this cell again"
    try:
        record = read_json(folder / RECORD)
        status, expected = Status[record["status"]], record.get("n_bonds")
    except (ValueError, KeyError, TypeError) as error:
        return Verdict(Status.NOTHING, f"{folder / RECORD} is unreadable ({error}); {again}")
    if not status.usable:
        return Verdict(status, record.get("reason", ""))
    if wrong := damaged(folder / RECORD):
        return Verdict(Status.NO_ICOHP, f"{wrong[0]}; {again}")
    if BONDS in record.get("sha256", {}):
        table = pd.read_parquet(folder / BONDS)
        return Verdict(status, f"{len(table)} bonds", table)
    table, reason = _rows(folder, expected)  # a label of the first version, or an external list
    return Verdict(status if table is not None else Status.NO_ICOHP, reason, table, printed=True)


def _judge_lobster(folder: Path) -> Verdict:
    outputs = sorted(folder.glob("*.scf.out"))
    scf = espresso.read_output(outputs[0]) if outputs else None
    logs = sorted(folder.glob("*.lb.out")) or sorted(folder.glob("lobsterout"))
    log = lobster.read_output(logs[0]) if logs else lobster.Output(None, False)
    table, reason = _rows(folder, log.interactions)
    cut = (folder / ICOHPLIST).exists() and not log.finished
    if scf is None or not scf.converged:
        end = "" if scf is None or scf.terminated else ", pw.x was cut off"
        reason = "no pw.x output" if scf is None else f"SCF not converged{end}"
        failed = Status.NOTHING if scf is None else Status.SCF_NOT_CONVERGED
        return Verdict(Status.ICOHP_INCOMPLETE if cut else failed, reason)
    if (log.charge_spilling or 0) > MOST_SPILLING:
        return Verdict(
            Status.SPILLED, f"charge spilling {log.charge_spilling:.1%}: the basis lacks something"
        )
    if table is not None:
        done = Status.DONE if log.finished else Status.LOBSTER_NOT_FINISHED
        return Verdict(done, reason, table, printed=True)
    return Verdict(Status.ICOHP_INCOMPLETE if cut else Status.NO_ICOHP, reason)
