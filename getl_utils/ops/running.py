"""Run a case (``getl run``): start Snakemake where there is something to do, and say in few lines what."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tqdm import tqdm

from getl_utils.core import parameters, process
from getl_utils.core.record import read_json, write_json
from getl_utils.core.workdir import WorkDir, find_potential, relative, resolve, root
from getl_utils.ops import status

EVENTS = "GETL_EVENTS"  # the number of the pipe, for workflow/logger
EVERY = 30.0  # s between two lines on what is running, where there is no terminal


def run(file: Path, cores: int) -> int:
    """Run all notebooks on the parameters of a file, as far as they are not done.

    What is printed: a line for each step, a bar while they run, at the end the table and the pictures.
    All that Snakemake and the steps say is in ``run.log`` in the work directory.

    Parameters
    ----------
    file : Path
        A file of parameters.
    cores : int
        Steps that may run at once.

    Returns
    -------
    int
        Exit code: 0 if all is done.

    Raises
    ------
    ValueError
        The parameters cannot be used.
    FileNotFoundError
        There is no such file.
    """
    values = parameters.read(file)
    work = WorkDir(parameters.for_stage("01_generate", values, str(file)).work_dir)
    if stands(work, file):
        print(f"{file}: nothing to do; all results in {relative(work.path)} are as the last run left them")
        print(status.summary(work))
        return 0
    print(f"{file}: results go to {relative(work.path)}, and all messages to {_log(work)}", flush=True)
    code = _snakemake(work, file, cores)
    if code:
        print(f"the run ended with code {code}; see {_log(work)}\n{status.status(work)}", file=sys.stderr)
        return 1
    write_json(_mark(work), {"files": _states([*_read(file, values), *_written(work)])})
    print(status.summary(work))
    return 0


def _log(work: WorkDir) -> str:
    return relative(work.path / "run.log")


def _mark(work: WorkDir) -> Path:
    return work.mark("run")


def stands(work: WorkDir, file: Path) -> bool:
    """Whether all that a run reads and wrote is as the last whole run left it, by size and time of change.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    file : Path
        The file of parameters.

    Returns
    -------
    bool
        False also if there was no whole run, or a run of another file.
    """
    if not _mark(work).exists():
        return False
    left = read_json(_mark(work))["files"]
    return relative(file) in left and left == _states(map(resolve, left))


def _states(files: Any) -> dict[str, list[int]]:
    found = {}
    for path in files:
        with contextlib.suppress(FileNotFoundError):  # a file that is gone is no longer in the list
            known = path.stat()
            found[relative(path)] = [known.st_size, known.st_mtime_ns]
    return found


def _read(file: Path, values: Mapping[str, Any]) -> Iterator[Path]:
    """The files that a run reads."""
    yield file
    yield from (root() / "parameters").rglob("*.yaml")
    yield from (root() / "notebooks").glob("0*.ipynb")
    yield root() / "workflow/Snakefile"
    p = parameters.for_stage("01_generate", values, str(file))
    for folder in map(resolve, p.reference_roots):
        yield from (path for path in folder.rglob("*") if path.is_file())
    asked = [] if p.reference_roots else [p.quench.potential]
    asked += [p.large_protocol.potential] if p.large_compositions else []
    yield from (Path(find_potential(name)) for name in asked if name)


def _written(work: WorkDir) -> Iterator[Path]:
    """The results, without logs and marks of use."""
    for path in work.path.rglob("*"):
        if path.is_file() and path.suffix != ".log" and not path.name.startswith(".") and path != _mark(work):
            yield path


def _snakemake(work: WorkDir, file: Path, cores: int) -> int:
    """Run Snakemake; its messages go to the log, its events to a pipe that is read here."""
    work.path.mkdir(parents=True, exist_ok=True)
    source, target = os.pipe()
    place = os.pathsep.join(filter(None, [str(root() / "workflow/logger"), os.environ.get("PYTHONPATH")]))
    words = [sys.executable, "-m", "snakemake", "--snakefile", str(root() / "workflow/Snakefile")]
    words += ["--cores", str(cores), "--scheduler", "greedy", "--logger", "getl"]
    reader = threading.Thread(target=_show, args=(source,), daemon=True)
    reader.start()
    try:
        return process.run(
            [*words, "--configfile", str(file.resolve())],
            root(),
            output=work.path / "run.log",
            environment={EVENTS: str(target), "PYTHONPATH": place},
            pipes=[target],
        )
    finally:
        os.close(target)
        reader.join(2)


def _show(source: int) -> None:
    """Print what the events of a pipe say until it is closed."""
    board = Board(sys.stderr.isatty())
    stop = threading.Event()
    ticking = threading.Thread(target=_tick, args=(board, stop), daemon=True)
    ticking.start()
    try:
        with open(source) as events:
            for line in events:
                board.take(json.loads(line))
    finally:
        stop.set()
        ticking.join()
        board.close()


def _tick(board: Board, stop: threading.Event) -> None:
    while not stop.wait(0.5):
        board.refresh()


class Board:
    """What is shown of a run: a line for each step that ended, and what is running.

    Parameters
    ----------
    terminal : bool
        True: a bar on the last line. False: a line every half a minute.
    """

    def __init__(self, terminal: bool) -> None:
        self.start = self.last = time.monotonic()
        self.running: dict[int, dict[str, Any]] = {}
        self.known: dict[int, dict[str, Any]] = {}
        self.lock = threading.RLock()
        self.total = self.done = 0
        look = "{desc} {percentage:3.0f} %|{bar:20}| {n:.1f}/{total} steps {postfix}"
        self.bar = tqdm(
            desc="", total=1, bar_format=look, disable=not terminal, leave=False, dynamic_ncols=True
        )

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event of Snakemake.

        Parameters
        ----------
        event : mapping
            As ``workflow/logger`` writes it.
        """
        with self.lock:
            name = event["event"]
            if name == "job_info":
                self.known[event["job_id"]] = dict(event)
                self._begin(event["job_id"])
            elif name == "job_finished":
                self._end(event["job_id"])
            elif name == "job_error":
                said = self.known.get(event["job_id"], event)
                self._say(f"FAILED  {said.get('rule_msg') or said.get('rule_name')}")
            elif name == "progress":
                self.done, self.total = event["done"], event["total"]
        self.refresh()

    def _begin(self, number: int) -> None:
        if self.known[number].get("rule_name") != "all":
            self.running[number] = {**self.known[number], "since": time.monotonic()}

    def _end(self, number: int) -> None:
        job = self.running.pop(number, None)
        if job:
            self._say(f"{_said(job)}  {time.monotonic() - job['since']:.0f} s")

    def _say(self, text: str) -> None:
        self.last = time.monotonic()
        tqdm.write(f"{_clock(time.monotonic() - self.start)}  {text}", file=sys.stderr)

    def refresh(self) -> None:
        """Renew the bar, or say from time to time what is running."""
        with self.lock:
            shares = {number: _share(job) for number, job in self.running.items()}
            now = ", ".join(
                _said(job) + (f" ({shares[number][1]})" if shares[number][1] else "")
                for number, job in self.running.items()
            )
            if not self.bar.disable:
                self.bar.total = max(self.total, 1)
                self.bar.n = self.done + sum(share for share, _ in shares.values())
                self.bar.set_description_str(_clock(time.monotonic() - self.start), refresh=False)
                self.bar.set_postfix_str(now)
            elif now and time.monotonic() - self.last > EVERY:
                self._say(f"running: {now}")

    def close(self) -> None:
        """Take the bar away."""
        self.bar.close()


def _said(job: Mapping[str, Any]) -> str:
    return job.get("rule_msg") or job["rule_name"]


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60:2d}:{int(seconds) % 60:02d}"


def _share(job: Mapping[str, Any]) -> tuple[float, str]:
    """How far a step is by its file of lines, which a notebook's lies beside."""
    for name in job.get("log") or []:
        path = (root() / name).with_suffix(".log")
        line = next(iter(path.read_text().splitlines()[-1:]), "") if path.exists() else ""
        share, left = re.search(r"(\d+) %", line), re.search(r"([\d:]+) left", line)
        if share and int(share[1]) < 100:  # a notebook has several lines, one after the other
            return int(share[1]) / 100, f"{share[1]} %" + (f", {left[1]} left" if left else "")
    return 0.0, ""
