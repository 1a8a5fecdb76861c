"""Quantum ESPRESSO's programs: where they are, and how one is run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from getl_utils.core import process

WHEEL = Path(sys.prefix, "engines", "qe")  # the environment of its own that ``make engines`` sets up


def missing() -> str | None:
    """Return None if pw.x is on PATH or in the wheel's environment, otherwise how to get it."""
    if shutil.which("pw.x") or (WHEEL / "bin" / "python").exists():
        return None
    return "pw.x is not on PATH, and the wheel qepy is not installed; run: make engines"


def command(program: str, launcher: str = "") -> list[str]:
    """Return how to call a program of Quantum ESPRESSO.

    Parameters
    ----------
    program : str
        Its name, e.g. "pw.x".
    launcher : str
        Put before the system's program.

    Returns
    -------
    list of str
        The system's program through the launcher, otherwise the wheel's.
    """
    if shutil.which(program):
        return [*shlex.split(launcher), program]
    return [str(WHEEL / "bin" / "python"), "-m", "qepy", f"--{program}"]


def execute(program: str, call: Sequence[str], source: Path, timeout: float | None) -> tuple[Path, str]:
    """Run a program in the folder of its input.

    Parameters
    ----------
    program : str
        Its name, for the message.
    call : sequence of str
        The program and its arguments.
    source : Path
        Its input. The output lies beside it.
    timeout : float or None
        s.

    Returns
    -------
    (Path, str)
        File of its output, and what went wrong ("" if nothing).
    """
    out = source.with_suffix(".out")
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    try:
        code = process.run(call, source.parent, output=out, environment=threads, timeout=timeout)
    except subprocess.TimeoutExpired:
        return out, f"{program} was stopped after {timeout:g} s"
    except OSError as error:
        return out, f"{program} cannot be started: {error}"
    if code < 0:
        return out, f"{program} was killed by signal {-code}"
    return out, f"{program} ended with exit code {code}" if code else ""


def run(source: Path, launcher: str = "", timeout: float | None = None) -> tuple[Path, str]:
    """Run pw.x on an input in its folder.

    Parameters
    ----------
    source : Path
        The input.
    launcher : str
        See `command`.
    timeout : float, optional
        s.

    Returns
    -------
    (Path, str)
        As `execute`; an error that pw.x reports is named.
    """
    out, wrong = execute("pw.x", [*command("pw.x", launcher), "-in", source.name], source, timeout)
    text = out.read_text(errors="replace")
    error = re.search(r"Error in routine\s*(.*?)\s*%%%", text, re.DOTALL)
    if error:
        return out, f"pw.x: {' '.join(error[1].split())}"
    return out, wrong or ("" if "JOB DONE" in text else "pw.x ended before its end")
