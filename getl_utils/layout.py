"""Where files lie under ``work_dir``, and how they are written so that half a file is never taken for a whole one."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from getl_utils.safety import safe_path

if TYPE_CHECKING:
    import pandas as pd


@contextlib.contextmanager
def atomic_write(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside `path` and rename it onto `path` if the block ends without an error.

    Parameters
    ----------
    path : final place of the file; parent directories are made.

    Raises
    ------
    OSError : the disk is full or not writable; the old file, if any, is still whole.

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
    """Bring a rename to the disk: without it a node that dies may forget which file has the name."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_csv(path: str | Path, table: pd.DataFrame, **ids: str) -> None:
    """Write a table, temporary file first; `ids` (database_id="…") become its last columns, so that it says where it is from.

    Examples
    --------
    >>> import pandas as pd; file = Path(tempfile.mkdtemp(), "errors.csv")
    >>> write_csv(file, pd.DataFrame({"type": ["Cu-Cu"], "rmse": [0.03]}), database_id="53b1")
    >>> file.read_text().split()
    ['type,rmse,database_id', 'Cu-Cu,0.03,53b1']
    """
    with atomic_write(path) as temporary:
        table.assign(**ids).to_csv(temporary, index=False)


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as readable JSON, atomically."""
    with atomic_write(path) as temporary:
        temporary.write_text(json.dumps(value, indent=1, sort_keys=True, default=str) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON; raises ValueError that names the file if it is not whole."""
    try:
        return json.loads(Path(path).read_text())
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: not valid JSON ({error}); delete it and rerun the stage that wrote it") from None


def content_hash(*values: Any) -> str:
    """First 12 hex digits of the SHA-256 of the JSON of `values`, or of the bytes of those that are paths.

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
    """SHA-256 of a file's bytes, in hex."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksums(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """File's name below `folder` → SHA-256: what a record in `folder` says of its files as `sha256`."""
    return {path.relative_to(folder).as_posix(): sha256(path) for path in files}


def damaged(record: Path) -> list[str]:
    """What of the files beside a JSON record is not as it says: a line per file; empty if all are, or none is listed."""
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
    """Version of the package and, where it runs from a git checkout, the commit (``+`` behind it: with changes)."""
    here = Path(__file__).parent
    try:
        version = importlib.metadata.version("getl")
    except importlib.metadata.PackageNotFoundError:
        version = "not installed"
    words = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--abbrev=40", "--exclude=*"]
    with contextlib.suppress(OSError):
        answer = subprocess.run(words, capture_output=True, text=True)
        if answer.returncode == 0:
            return {"getl": version, "commit": answer.stdout.strip()}
    return {"getl": version, "commit": "unknown"}


def now() -> str:
    """The time, UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def write_if_changed(path: Path, values: Any) -> Path:
    """Write YAML only where it differs, so that a file's age tells when its content changed. Returns the path."""
    text = yaml.safe_dump(values, sort_keys=True, allow_unicode=True)
    if not path.exists() or path.read_text() != text:
        with atomic_write(path) as temporary:
            temporary.write_text(text)
    return path


def root(start: str | Path | None = None) -> Path:
    """The repository that holds the current folder (the nearest with ``getl_utils/`` and ``notebooks/``), or that folder."""
    here = Path(start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "getl_utils").is_dir() and (folder / "notebooks").is_dir():
            return folder
    return here


def resolve(path: str | Path) -> Path:
    """A path from the parameters: absolute as it is, relative to the repository otherwise."""
    return root() / Path(path).expanduser()


def relative(path: str | Path) -> str:
    """A path as records say it: below the repository relative to it, elsewhere absolute; `resolve` leads back."""
    whole = Path(path).resolve()
    return whole.relative_to(root()).as_posix() if whole.is_relative_to(root()) else str(whole)


def locate(name: str, roots: Sequence[str] = ()) -> Path:
    """A file or folder given in the parameters: relative to the repository, or below one of the published trees `roots`.

    Raises
    ------
    FileNotFoundError : in none of these places; names them.
    """
    places = [resolve(name), *(resolve(root) / name for root in roots)]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"{name} is neither {' nor '.join(map(str, places))}; see `reference_roots`")


class WorkDir:
    """The places of all results below one folder.

    Examples
    --------
    >>> WorkDir("w").label("Zr49Cu49Al2", 21, 3).as_posix().endswith("w/labels/Zr49Cu49Al2/21/3")
    True
    """

    def __init__(self, path: str | Path):
        self.path = resolve(path)

    def quench(self, composition: str, run: int) -> Path:
        return self.path / "quench" / safe_path(composition) / str(int(run))

    def cell(self, composition: str, run: int, sub_run: int) -> Path:
        return self.path / "cells" / safe_path(composition) / str(int(run)) / f"{int(sub_run)}.xyz"

    def loading(self, composition: str, run: int) -> Path:
        return self.path / "loading" / safe_path(composition) / str(int(run))

    def label(self, composition: str, run: int, sub_run: int) -> Path:
        return self.path / "labels" / safe_path(composition) / str(int(run)) / str(int(sub_run))

    def descriptors(self, composition: str, run: int, sub_run: int) -> Path:
        return self.path / "descriptors" / safe_path(composition) / str(int(run)) / f"{int(sub_run)}.npy"

    def database(self, name: str) -> Path:
        return self.path / "database" / safe_path(name)

    @property
    def bonds(self) -> Path:
        return self.path / "bonds.parquet"

    @property
    def statuses(self) -> Path:
        return self.path / "status.csv"

    @property
    def model(self) -> Path:
        return self.path / "model"

    def predictions(self, structure: str) -> Path:
        return self.path / "predictions" / safe_path(structure)

    def large_glasses(self) -> list[Path]:
        """The dumps of the quenches that have no deformed cells: those made to predict on."""
        dumps = sorted(self.path.glob("quench/*/*/final.dump"))
        return [d for d in dumps if not (self.path / "cells" / d.parents[1].name / d.parent.name).exists()]

    def loadings(self) -> list[Path]:
        """The dumps of the loadings that are whole."""
        return sorted(d for d in self.path.glob("loading/*/*/*.dump") if (d.parent / "loading.json").exists())

    def figures(self, stage: str) -> Path:
        return self.path / "figures" / stage

    def mark(self, stage: str) -> Path:
        return self.path / "done" / f"{stage}.json"

    def complete(self, stage: str, **facts: Any) -> dict[str, Any]:
        """Write the stage's completion mark, last of all, and return what it says."""
        write_json(self.mark(stage), {"stage": stage, **facts, "code": code_version(), "time": now()})
        return {"stage": stage, **facts}

    def require(self, path: Path, stage: str) -> Path:
        """`path`, if it is there; FileNotFoundError that names the stage to run first otherwise."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: run {stage} first, with the same work_dir")
        return path
