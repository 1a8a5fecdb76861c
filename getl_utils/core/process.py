"""Processes: locks of folders, and programs of others, which end with the process that started them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

GRACE = 10.0  # s that a program has to end by itself after SIGTERM


@contextlib.contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Hold `folder` for this process.

    The lock is the kernel's lock on the file ``.lock`` in the folder. It is released when the process ends,
    also if it is killed.

    Parameters
    ----------
    folder : str or Path
        Folder to hold. It is made if it is not there.

    Raises
    ------
    RuntimeError
        Another process holds the folder. The message names that process and its machine.
    """
    path = Path(folder) / ".lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            owner = file.read().strip() or "another process"
            raise RuntimeError(
                f"{folder} is in use by {owner}: wait for it, or take another work_dir"
            ) from None
        file.truncate(0)
        file.write(
            f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
        )
        file.flush()
        yield


def owner(folder: str | Path) -> str | None:
    """Return who holds a folder.

    Parameters
    ----------
    folder : str or Path
        Folder that `lock` may hold.

    Returns
    -------
    str or None
        The process, its machine and the time; None if no living process holds the folder.
    """
    path = Path(folder) / ".lock"
    if not path.exists():
        return None
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "another process"
    return None


def find_program(command: str, install: str) -> list[str]:
    """Split a command into words and find its program.

    Parameters
    ----------
    command : str
        Command as in a terminal, e.g. ``srun pw.x``. No shell sees it.
    install : str
        What to do if the program is not found. It ends the error message.

    Returns
    -------
    list of str
        The words; the first is the program's path, beside this Python or on ``PATH``.

    Raises
    ------
    FileNotFoundError
        The command is empty or its program is not found.
    """
    program, *arguments = shlex.split(command) or [""]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    found = shutil.which(program, path=path) if program else None
    if found is None:
        raise FileNotFoundError(f"{program!r} is neither beside {sys.executable} nor on PATH: {install}")
    return [found, *arguments]


def run(
    words: Sequence[str],
    folder: str | Path,
    *,
    given: Path | None = None,
    output: Path | None = None,
    follow: Callable[[TextIO], object] | None = None,
    environment: Mapping[str, str] | None = None,
    timeout: float | None = None,
    pipes: Sequence[int] = (),
) -> int:
    """Run a program in a folder until it ends.

    If this process is interrupted or the time is over, the program and its children get SIGTERM, and SIGKILL
    after `GRACE` seconds.

    Parameters
    ----------
    words : sequence of str
        The program and its arguments. No shell sees them.
    folder : str or Path
        Working directory of the program.
    given : Path, optional
        File that the program reads as its standard input; nothing by default.
    output : Path, optional
        File that gets standard output and standard error.
    follow : callable, optional
        Function that reads the program's output as a text stream while it runs, instead of `output`.
    environment : mapping, optional
        Environment variables to add or change.
    timeout : float, optional
        Seconds after which the program is ended; no limit by default.
    pipes : sequence of int, optional
        File descriptors of this process that the program can use too.

    Returns
    -------
    int
        Exit code of the program; negative if a signal ended it.

    Raises
    ------
    subprocess.TimeoutExpired
        The time is over.

    Examples
    --------
    >>> run([sys.executable, "-c", "print('done')"], ".", follow=lambda stream: print(stream.read().strip()))
    done
    0
    """
    with open(given or os.devnull, "rb") as source, open(output or os.devnull, "wb") as target:
        process = subprocess.Popen(
            words,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=source,
            stdout=subprocess.PIPE if follow else target,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=pipes,
        )
        try:
            if follow:
                follow(process.stdout)
            return process.wait(timeout)
        except BaseException:  # Ctrl-C, a batch system's time limit, or an error in `follow`
            _end(process)
            raise
        finally:
            if process.stdout:
                process.stdout.close()


def _end(process: subprocess.Popen) -> None:
    """End a program with all its children."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
