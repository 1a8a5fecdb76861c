"""The thermo rows of a LAMMPS log (units metal)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from getl_utils.files.text import lines_of


def thermo_rows(lines: Iterable[str]) -> Iterator[dict[str, float]]:
    """Yield the thermo rows as they come, with their `stage`: 0, 1, … per run or minimisation.

    Parameters
    ----------
    lines : iterable of str
        Lines of a log.

    Examples
    --------
    >>> list(thermo_rows(["  Step  Temp ", " 0  300.5", "WARNING: odd", "Loop time of 1 on 1 procs"]))
    [{'stage': 0, 'Step': 0.0, 'Temp': 300.5}]
    """
    columns, stage = None, -1
    for line in lines:
        words = line.split()
        if words[:1] == ["Step"]:
            columns, stage = words, stage + 1
        elif line.startswith("Loop time of"):
            columns = None
        elif columns and len(words) == len(columns):
            try:
                yield {"stage": stage, **dict(zip(columns, map(float, words), strict=True))}
            except ValueError:  # a warning with as many words
                continue


def read_thermo(log_path: str | Path) -> pd.DataFrame:
    """Read all thermo rows of a log, also of one that is cut off in the middle.

    Parameters
    ----------
    log_path : str or Path
        Log, gzipped or not.

    Returns
    -------
    DataFrame
        `stage` (0, 1, … per run or minimisation) and LAMMPS's columns: Step, Temp (K), Press (bar), …
    """
    table = pd.DataFrame(thermo_rows(lines_of(log_path)))
    return table.astype({"Step": int}) if len(table) else pd.DataFrame(columns=["stage", "Step"])
