"""Where files lie under ``work_dir``, and how they are written so that half a file is never taken for a whole one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml


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
    finally:
        temporary.unlink(missing_ok=True)


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
        return self.path / "quench" / composition / str(run)

    def cell(self, composition: str, run: int, sub_run: int) -> Path:
        return self.path / "cells" / composition / str(run) / f"{sub_run}.xyz"

    def loading(self, composition: str, run: int) -> Path:
        return self.path / "loading" / composition / str(run)

    def label(self, composition: str, run: int, sub_run: int) -> Path:
        return self.path / "labels" / composition / str(run) / str(sub_run)

    def descriptors(self, composition: str, run: int, sub_run: int) -> Path:
        return self.path / "descriptors" / composition / str(run) / f"{sub_run}.npy"

    def database(self, name: str) -> Path:
        return self.path / "database" / name

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
        return self.path / "predictions" / structure

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
        write_json(self.mark(stage), {"stage": stage, **facts})
        return {"stage": stage, **facts}

    def require(self, path: Path, stage: str) -> Path:
        """`path`, if it is there; FileNotFoundError that names the stage to run first otherwise."""
        if not path.exists():
            raise FileNotFoundError(f"{path} is not there: run {stage} first, with the same work_dir")
        return path
