"""Write results to a temporary file and rename it; keep JSON records with ids and checksums."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import pandas as pd


def safe_path(name: str) -> str:
    """Return a name if it can be that of one file or folder.

    Parameters
    ----------
    name : str
        The name.

    Returns
    -------
    str
        The name.

    Raises
    ------
    ValueError
        It has a separator, a leading dot, or a character with a meaning for a shell.

    Examples
    --------
    >>> safe_path("../model.npz")
    Traceback (most recent call last):
    ...
    ValueError: '../model.npz' cannot be the name of a file or folder: letters, digits and . _ + - only, no
    dot first
    """
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,199}", str(name)):
        raise ValueError(
            f"{name!r} cannot be the name of a file or folder: letters, digits and . _ + - only, no dot first"
        )
    return str(name)


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Give a temporary path, and rename it if the block ends without an error.

    Parameters
    ----------
    path : str or Path
        Final place of the file. Folders above it are made.

    Yields
    ------
    Path
        The temporary path, in the same folder.

    Raises
    ------
    OSError
        The disk is full or not writable. A file that was there before is still whole.

    Examples
    --------
    >>> import tempfile; folder = Path(tempfile.mkdtemp())
    >>> with atomic_write(folder / "a" / "note.txt") as temporary:
    ...     _ = temporary.write_text("whole")
    >>> (folder / "a" / "note.txt").read_text(), len(list((folder / "a").iterdir()))
    ('whole', 1)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Write a rename to the disk, so that it survives a power failure."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_csv(path: str | Path, table: pd.DataFrame, **ids: str) -> None:
    """Write a table as CSV, atomically.

    Parameters
    ----------
    path : str or Path
        File to write.
    table : DataFrame
        The table.
    **ids : str
        Where it is from, e.g. ``database_id="…"``; they become its last columns.
    """
    with atomic_write(path) as temporary:
        table.assign(**ids).to_csv(temporary, index=False)


def write_json(path: str | Path, value: Any) -> None:
    """Write readable JSON, atomically.

    Parameters
    ----------
    path : str or Path
        File to write.
    value : object
        What is written. Objects that JSON does not know are written as text.
    """
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    object
        What it holds.

    Raises
    ------
    ValueError
        The file is not whole.
    """
    try:
        return json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: not valid JSON ({error}); delete it and rerun the stage that wrote it"
        ) from None


def content_hash(*values: Any) -> str:
    """Return an id that follows from content.

    Parameters
    ----------
    *values : object
        Values, hashed as JSON, or Paths, hashed by the bytes of their files.

    Returns
    -------
    str
        The first 12 hex digits of the SHA-256.

    Examples
    --------
    >>> content_hash({"a": 1, "b": 2}) == content_hash({"b": 2, "a": 1})
    True
    """
    digest = hashlib.sha256()
    for value in values:
        if isinstance(value, Path):
            digest.update(value.read_bytes())
        else:
            digest.update(json.dumps(value, sort_keys=True, default=str).encode())
    return digest.hexdigest()[:12]


def sha256(path: Path) -> str:
    """Return the checksum of a file.

    Parameters
    ----------
    path : Path
        The file.

    Returns
    -------
    str
        SHA-256 of its bytes, in hex.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """Return the checksums of files, as a record beside them holds them.

    Parameters
    ----------
    folder : Path
        Folder of the record.
    files : iterable of Path
        Files below it.

    Returns
    -------
    dict
        Name below `folder` → SHA-256.
    """
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def damaged(record: Path) -> list[str]:
    """Say which files of a record are not as it says.

    Parameters
    ----------
    record : Path
        JSON record; its ``sha256`` lists files below its folder.

    Returns
    -------
    list of str
        A line per file; empty if all are as recorded, or none is listed.
    """
    try:
        listed = dict(read_json(record).get("sha256", {}))
    except (ValueError, AttributeError, TypeError) as error:
        return [f"{record} is not readable ({error})"]
    found = []
    for name, digest in listed.items():
        path = record.parent.joinpath(*map(safe_path, name.split("/")))
        if not path.exists():
            found.append(f"{path} is gone")
        elif sha256(path) != digest:
            found.append(f"{path} is not as it was written (its checksum differs)")
    return found


@functools.cache
def code_version() -> dict[str, str]:
    """Return the version of the code.

    Returns
    -------
    dict
        `getl`, the package's version, and `commit`, where it runs from a git checkout; a ``+`` behind the
        commit means that files were changed since.
    """
    here = Path(__file__).parent
    version = "not installed"
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        version = importlib.metadata.version("getl")
    words = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError):
        answer = subprocess.run(words, capture_output=True, text=True)
        return {"getl": version, "commit": answer.stdout.strip() or "unknown"}
    return {"getl": version, "commit": "unknown"}


def now() -> str:
    """Return the time, UTC, in ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_if_changed(path: Path, values: Any) -> Path:
    """Write YAML only if it differs, so that a file's age tells when its content changed.

    Parameters
    ----------
    path : Path
        The file.
    values : object
        What it shall hold.

    Returns
    -------
    Path
        The file.
    """
    text = yaml.safe_dump(values, sort_keys=True, allow_unicode=True)
    if not path.exists() or path.read_text() != text:
        with atomic_write(path) as temporary:
            temporary.write_text(text)
    return path
