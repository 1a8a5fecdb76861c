"""Extended xyz files, frame by frame."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import StringIO
from itertools import islice
from pathlib import Path

from ase import Atoms

from getl_utils.files.text import lines_of

# ASE 3.29 parses each frame. It does not see the whole file: it would run through as many lines as a damaged
# file announces (hours), and read all frames before it gives the first.


def read_frames(path: str | Path) -> Iterator[Atoms | ValueError]:
    """Read the frames of an xyz or extended xyz file, one in memory at a time.

    Parameters
    ----------
    path : str or Path
        File, gzipped or not. A last line without a line end counts.

    Yields
    ------
    Atoms or ValueError
        Positions and cell in Å; in place of a damaged frame, the error that says why. Nothing follows a
        frame whose end cannot be found.

    Examples
    --------
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "a.xyz"
    >>> _ = path.write_text("1\\n\\nCu 0 0 0\\n2\\n\\nCu 0 0 0\\n")
    >>> [len(one) if isinstance(one, Atoms) else "damaged" for one in read_frames(path)]
    [1, 'damaged']
    """
    lines, number = lines_of(path, whole=False), 0
    for line in lines:
        if not line.strip():
            continue
        number += 1
        where = f"{path}, frame {number}"
        if not re.fullmatch(r"\s*[0-9]{1,12}\s*", line):
            yield ValueError(f"{where}: no number of atoms but {line[:40]!r}; the file is damaged")
            return
        rows = list(islice(lines, int(line) + 1))
        if len(rows) <= int(line):
            yield ValueError(f"{where}: cut off, {max(0, len(rows) - 1)} of {int(line)} atoms")
            return
        try:
            yield _atoms(rows)
        except MemoryError:
            raise
        except Exception as error:  # ASE tells a damaged frame by errors of many kinds
            yield ValueError(f"{where}: not readable ({type(error).__name__}: {error})")
    if not number:
        yield ValueError(f"{path}: no frame in it; write it again")


def _atoms(rows: list[str]) -> Atoms:
    """Atoms of the comment and the rows of one frame."""
    from ase.io.extxyz import key_val_str_to_dict, read_xyz  # takes half a second: only where it is used

    if len(rows) < 2:
        raise ValueError("no atoms")
    columns, width = (
        key_val_str_to_dict(rows[0]).get("Properties", "species:S:1:pos:R:3"),
        len(rows[1].split()),
    )
    numbers = str(columns).split(":")[2::3]
    if not all(re.fullmatch("[0-9]{1,4}", n) for n in numbers) or sum(map(int, numbers)) > width:
        raise ValueError(f"Properties {columns} do not fit rows of {width} columns")
    return next(read_xyz(StringIO("\n".join([str(len(rows) - 1), *rows, ""])), 0))
