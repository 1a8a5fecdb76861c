"""Progress of a stage in one line, in notebooks, terminals and files: how far, how fast, how long still."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sized
from pathlib import Path
from typing import Any, TextIO

from tqdm import tqdm

from getl_utils.core.workdir import WorkDir

VARIABLE = "GETL_PROGRESS"  # a file that gets the lines instead; TQDM_DISABLE=1 switches them off
EVERY = {"bar": 0.1, "cell": 0.5, "lines": 30.0, "file": 3.0}  # seconds between two states
LINE = "{desc}: {percentage:.0f} %, {n_fmt}/{total_fmt}{unit}, {rate_fmt}, {elapsed} so far, "
LINE += "{remaining} left{postfix}"
OPEN_END = "{desc}: {n_fmt}{unit}, {rate_fmt}, {elapsed} so far{postfix}"


class _Lines:
    """A file for tqdm in which every state is a line of its own and none is repeated."""

    def __init__(self, target: TextIO | Path) -> None:
        self.target, self.last = target, ""

    def write(self, text: str) -> None:
        text = text.strip()
        state = text.partition(" so far")[0].rsplit(",", 2)[0]  # without rate and time
        if not text or state == self.last:
            return
        self.last = state
        if isinstance(self.target, Path):
            with open(self.target, "a") as file:
                file.write(f"{text}\n")
        else:
            self.target.write(f"{text}\n")

    def flush(self) -> None:
        if not isinstance(self.target, Path):
            self.target.flush()


class _Cell:
    """A file for tqdm that is one line of a notebook's output, as text, which needs no kernel to be read."""

    def __init__(self) -> None:
        self.handle: Any = None

    def write(self, text: str) -> None:
        from IPython.display import display

        if not text.strip():
            return
        content = {"text/plain": text.strip()}
        if self.handle is None:
            self.handle = display(content, raw=True, display_id=True)
        else:
            self.handle.update(content, raw=True)

    def flush(self) -> None:
        pass


class _Bar(tqdm):
    """A bar that is cleared when it is closed if no item was processed."""

    def close(self) -> None:
        self.leave = self.leave and self.n > 0
        super().close()


def log(work: WorkDir, stage: str) -> Path:
    """Return the file that gets the lines of a stage's notebook.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    stage : str
        Name of the notebook.

    Returns
    -------
    Path
        The file.
    """
    return work.path.absolute() / "notebooks" / f"{stage}.log"


def last(work: WorkDir, stage: str) -> str:
    """Return the newest line of a stage's notebook.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    stage : str
        Name of the notebook.

    Returns
    -------
    str
        The line; empty if there is none.
    """
    path = log(work, stage)
    return next(iter(path.read_text().splitlines()[-1:]), "") if path.exists() else ""


def _in_notebook() -> bool:
    running = sys.modules.get("IPython")
    shell = running.get_ipython() if running else None
    return getattr(shell, "kernel", None) is not None


def _place(lines: bool) -> tuple[str, Any]:
    """How and to what file the line is written."""
    if os.environ.get(VARIABLE):
        return "file", _Lines(Path(os.environ[VARIABLE]))
    if not lines and _in_notebook():
        return "cell", _Cell()
    if not lines and sys.stderr.isatty() and os.get_terminal_size(sys.stderr.fileno()).columns:
        return "bar", sys.stderr
    return "lines", _Lines(sys.stderr)


def line(what: str, total: int | None = None, unit: str = "", show: bool | str = True) -> tqdm:
    """Open a line of progress, to be updated in a ``with`` block.

    A terminal gets a bar, and a notebook one line of text that is renewed. Standard error that is no terminal
    gets a line every half a minute and one at the end. The file named by GETL_PROGRESS gets the lines
    instead, every three seconds.

    Parameters
    ----------
    what : str
        The stage, as a reader calls it.
    total : int, optional
        How many units it has; without it no time left is shown.
    unit : str
        Name of the units.
    show : bool or str
        False: nothing. ``lines``: as in a file, also in a terminal, for stages that run side by side.

    Returns
    -------
    tqdm
        The bar, with ``update(n)`` and ``set_postfix_str(text)``.

    Examples
    --------
    >>> with line("labels", total=3, unit="cells", show=False) as bar:
    ...     _ = bar.update(3)
    """
    if not show:
        return tqdm(total=total, disable=True)
    kind, file = _place(show == "lines")
    style = (
        {}
        if kind == "bar"
        else {"bar_format": LINE if total else OPEN_END, "delay": 1e-9 if kind in ("lines", "file") else 0}
    )
    unit = f" {unit}" if unit else " steps"
    return _Bar(
        desc=what,
        total=total,
        unit=unit,
        unit_scale=total is None,
        file=file,
        mininterval=EVERY[kind],
        **style,
    )


def each(
    over: Iterable, what: str, unit: str = "", show: bool | str = True, total: int | None = None
) -> Iterator:
    """Go through items with a line of progress.

    Parameters
    ----------
    over : iterable
        The items.
    what : str
        As for `line`.
    unit : str
        As for `line`.
    show : bool or str
        As for `line`.
    total : int, optional
        Their number, where `over` does not know it.

    Yields
    ------
    object
        Each item.

    Examples
    --------
    >>> list(each("ab", "letters", show=False))
    ['a', 'b']
    """
    total = len(over) if isinstance(over, Sized) else total
    with line(what, total, unit, show) as bar:
        for item in over:
            yield item
            bar.update()
