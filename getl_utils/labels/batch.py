"""pw.x and LOBSTER as batch jobs on one cell, each a job of its own.

The published flags stay: ``QE_run`` and ``LOB_run`` mark what was launched, ``QE_done`` that pw.x ended.
`status.judge` says what became of a sub-run. A program that ends badly leaves a status, so that the other
cells go on. One that is killed leaves no record and is run again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from getl_utils.core import process
from getl_utils.core.cells import CellKey
from getl_utils.core.once import once
from getl_utils.core.parameters import Generate
from getl_utils.core.process import lock
from getl_utils.core.record import content_hash, read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.files import espresso
from getl_utils.labels.inputs import write_inputs
from getl_utils.labels.status import ICOHPLIST, judge

OUTPUTS = {"espresso": ["*.scf.out"], "lobster": ["*.lb.out", ICOHPLIST]}
ADVICE = "set espresso_command and lobster_command in the parameters"


def run(program: str, work: WorkDir, key: CellKey, p: Generate, command: str) -> dict[str, Any]:
    """Run pw.x or LOBSTER in the label folder of one cell, unless that is done.

    Parameters
    ----------
    program : str
        "espresso" or "lobster".
    work : WorkDir
        Holds the cell.
    key : CellKey
        The cell.
    p : Generate
        Parameters.
    command : str
        As it is started, e.g. ``srun pw.x``; no shell sees it.

    Returns
    -------
    dict
        The record: state, reason, seconds, ….

    Raises
    ------
    RuntimeError
        The program was killed.
    FileNotFoundError
        The program is not found, there is no cell, or pw.x has not run.
    """
    folder = work.label(*key)
    cell_id = content_hash(work.require(work.cell(*key), "01_generate (step quench)"))
    job = _espresso if program == "espresso" else _lobster

    def _make() -> dict[str, Any]:
        write_inputs(work, key, p)
        state, reason = job(folder, key, command)
        return {"program": program, "command": command, "state": state, "reason": reason, "cell_id": cell_id}

    record = folder / f"{program}.json"
    with lock(folder):
        return once(record, {"cell_id": cell_id}, _make, OUTPUTS[program], replace=True, repair=True)


def _espresso(folder: Path, key: CellKey, command: str) -> tuple[str, str]:
    name, ended = f"{key.composition}.scf", folder / "QE_done"
    ended.unlink(missing_ok=True)
    code = _launch(command, folder, folder / f"{name}.out", "QE_run", folder / f"{name}.in")
    output = espresso.read_output(folder / f"{name}.out")
    ended.touch()
    if output.converged:
        return "DONE", ""
    why = "not converged" if output.terminated else f"pw.x ended with code {code}, cut off"
    return "SCF_NOT_CONVERGED", why


def _lobster(folder: Path, key: CellKey, command: str) -> tuple[str, str]:
    scf = folder / "espresso.json"
    if not scf.exists():
        raise FileNotFoundError(f"{scf} is not there: run step espresso first")
    if read_json(scf)["state"] != "DONE":
        return "NOT_RUN", f"pw.x: {read_json(scf)['reason']}"
    _launch(command, folder, folder / f"{key.composition}.lb.out", "LOB_run")
    verdict = judge(folder)
    return verdict.status.name, "" if verdict.status.usable else verdict.reason


def _launch(command: str, folder: Path, output: Path, flag: str, given: Path | None = None) -> int:
    """Run a program in `folder` to its end; its code."""
    words = process.find_program(command, ADVICE)
    (folder / flag).touch()
    code = process.run(words, folder, given=given, output=output)
    if code < 0:
        raise RuntimeError(
            f"{command} in {folder} was killed by signal {-code}; it is run again with the next call"
        )
    return code
