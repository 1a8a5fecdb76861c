"""Who may write where, and what may be read: locks that die with their owner, names that stay in their folder, sizes checked."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import socket
import zipfile
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

MOST_ARRAYS = 8 * 2**30  # bytes that the arrays of one file may take


@contextlib.contextmanager
def lock(folder: str | Path) -> Iterator[None]:
    """Hold `folder` for this process: the kernel's lock on its file ``.lock``, which ends with its owner, whatever its end.

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
            raise RuntimeError(f"{folder} is in use by {owner}: wait for it, or take another work_dir") from None
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()} since {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
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


def safe_path(name: str) -> str:
    """`name`, if it is one name of a file or folder: no separator, no leading dot, no character a shell takes for its own.

    Raises
    ------
    ValueError : it could lead out of its folder.

    Examples
    --------
    >>> safe_path("../model.npz")
    Traceback (most recent call last):
    ...
    ValueError: '../model.npz' cannot be the name of a file or folder: letters, digits and . _ + - only, no dot first
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}", str(name)):
        raise ValueError(f"{name!r} cannot be the name of a file or folder: letters, digits and . _ + - only, no dot first")
    return str(name)


def check_arrays(path: Path, most: int = MOST_ARRAYS) -> Path:
    """`path` of an .npz, if its arrays are as large as its entries say and together not larger than `most` bytes.

    Raises
    ------
    ValueError : no archive of arrays, an array that claims more than there is, or more than `most`; before memory is taken.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > most:
                raise ValueError(f"{path}: its arrays take {total / 2**30:.1f} GiB, more than {most / 2**30:.1f} GiB")
            for entry in archive.infolist():
                with archive.open(entry) as file:
                    _check_array(file, entry.file_size, f"{path}, {entry.filename}")
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path}: not a whole archive of arrays ({error})") from None
    return path


def _check_array(file: Any, size: int, where: str) -> None:
    try:
        version = np.lib.format.read_magic(file)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(file)
    except ValueError as error:
        raise ValueError(f"{where}: not an array ({error})") from None
    claimed = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if dtype.hasobject or claimed != size - file.tell():
        raise ValueError(f"{where}: claims {claimed} bytes of {dtype}, {size - file.tell()} are there")
