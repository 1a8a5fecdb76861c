"""One process at a time may write to a folder. Its lock is released when that process ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path


@contextlib.contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Hold `folder` for this process: the kernel's lock on its file ``.lock``, which ends with its owner,
    whatever its end.

    Raises
    ------
    RuntimeError : another process holds it; says which, and where.
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
    """Who holds `folder` (see `lock`); None if nobody does, or the one who did has died."""
    path = Path(folder) / ".lock"
    if not path.exists():
        return None
    with open(path) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return file.read().strip() or "another process"
    return None
