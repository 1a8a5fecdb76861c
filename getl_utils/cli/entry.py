"""Entry point of ``getl``: errors that a user can mend are one line, not a traceback."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Sequence

# These modules register their commands.
from getl_utils.cli import bonds, errors, learning, optics, records, steps  # noqa: F401
from getl_utils.cli.app import app, join_elements
from getl_utils.files.text import reason


def main(words: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    words : sequence of str, optional
        Words after ``getl``; those of the command line by default.

    Returns
    -------
    int
        Exit code: 0 if all went well, 1 if a unit failed or an input is wrong, 2 if the words are wrong.
    """
    if threading.current_thread() is threading.main_thread():  # a batch system's time limit: clean up
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app(join_elements(sys.argv[1:] if words is None else words), prog_name="getl")
    except SystemExit as end:
        return int(end.code or 0)
    except (ValueError, RuntimeError, MemoryError, OSError) as error:
        print(f"getl: {reason(error)}", file=sys.stderr)
        return 1
    return 0
