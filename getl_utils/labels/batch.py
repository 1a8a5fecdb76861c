"""pw.x and LOBSTER as batch jobs on one cell: flag files, a record written last, and a status that comes from
their output alone.

The published flags stay: ``QE_run`` and ``LOB_run`` mark what was launched, ``QE_done`` that pw.x ended. What
became of a sub-run says `status.judge`. A program that ends badly leaves a status, so that its neighbours go
on; one that is killed leaves no record, and is run again.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Generate
from getl_utils.core.process import lock
from getl_utils.core.record import (
    checksums,
    code_version,
    content_hash,
    damaged,
    now,
    read_json,
    write_json,
)
from getl_utils.core.workdir import WorkDir
from getl_utils.files import espresso
from getl_utils.labels import label
from getl_utils.labels.status import ICOHPLIST, judge

FLAGS = {"espresso": ("QE_run", "QE_done"), "lobster": ("LOB_run", None)}
GRACE = 10.0  # s that a program has to end by itself when the job's time is over


def run(program: str, work: WorkDir, key: CellKey, p: Generate, command: str) -> dict[str, Any]:
    """Run one of ``espresso`` and ``lobster`` in the label folder of one cell, unless that is done; the
    record.

    Parameters
    ----------
    command : as it is started, e.g. ``srun pw.x``; no shell sees it.

    Raises
    ------
    RuntimeError : the program is not found, or was killed. FileNotFoundError : no cell, or pw.x has not run.
    """
    folder, record = work.label(*key), work.label(*key) / f"{program}.json"
    cell = work.require(work.cell(*key), "01_generate (step quench)")
    with lock(folder):
        known = read_json(record) if record.exists() and not damaged(record) else {}
        if known.get("cell_id") == content_hash(cell):
            return known
        label.write_inputs(work, key, p)
        record.unlink(missing_ok=True)
        start = time.perf_counter()
        state, reason = (
            _espresso(folder, key, command) if program == "espresso" else _lobster(folder, key, command)
        )
        facts = {
            "program": program,
            "command": command,
            "state": state,
            "reason": reason,
            "cell_id": content_hash(cell),
        }
        facts |= {"seconds": round(time.perf_counter() - start, 2), "time": now(), "code": code_version()}
        outputs = (
            folder.glob("*.scf.out")
            if program == "espresso"
            else [*folder.glob("*.lb.out"), *folder.glob(ICOHPLIST)]
        )
        write_json(record, facts | {"sha256": checksums(folder, outputs)})
    return read_json(record)


def _espresso(folder: Path, key: CellKey, command: str) -> tuple[str, str]:
    name, (started, ended) = f"{key.composition}.scf", FLAGS["espresso"]
    (folder / ended).unlink(missing_ok=True)
    code = _launch(command, folder, folder / f"{name}.out", folder / started, folder / f"{name}.in")
    output = espresso.read_output(folder / f"{name}.out")
    (folder / ended).touch()
    if output.converged:
        return "DONE", ""
    return (
        "SCF_NOT_CONVERGED",
        "not converged" if output.terminated else f"pw.x ended with code {code}, cut off",
    )


def _lobster(folder: Path, key: CellKey, command: str) -> tuple[str, str]:
    scf = folder / "espresso.json"
    if not scf.exists():
        raise FileNotFoundError(f"{scf} is not there: run step espresso first")
    if read_json(scf)["state"] != "DONE":
        return "NOT_RUN", f"pw.x: {read_json(scf)['reason']}"
    (folder / ICOHPLIST).unlink(missing_ok=True)
    _launch(command, folder, folder / f"{key.composition}.lb.out", folder / FLAGS["lobster"][0])
    verdict = judge(folder)
    return verdict.status.name, "" if verdict.status.usable else verdict.reason


def _launch(command: str, folder: Path, output: Path, flag: Path, given: Path | None = None) -> int:
    """Run a program in `folder` to its end; its code. Whatever ends this process ends the program."""
    words = shlex.split(command)
    found = shutil.which(words[0]) if words else None
    if found is None:
        raise RuntimeError(
            f"{command!r}: no such program here; set espresso_command and lobster_command in the parameters"
        )
    flag.touch()
    with open(given or os.devnull, "rb") as source, open(output, "wb") as target:
        process = subprocess.Popen(
            [found, *words[1:]],
            cwd=folder,
            stdin=source,
            stdout=target,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait()
        except BaseException:  # the time limit, or Ctrl-C
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if code < 0:
        raise RuntimeError(
            f"{command} in {folder} was killed by signal {-code}; it is run again with the next call"
        )
    return code
