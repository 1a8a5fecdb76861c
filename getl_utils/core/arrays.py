"""Archives of arrays from strangers: their size is known before memory is taken."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

MOST_ARRAYS = 8 * 2**30  # bytes that the arrays of one file may take


def check_arrays(path: Path, most: int = MOST_ARRAYS) -> Path:
    """Return the path of an .npz whose arrays are as large as they claim.

    Parameters
    ----------
    path : Path
        The file.
    most : int
        Bytes that its arrays may take together.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    ValueError
        It is no archive of arrays, an array claims more than there is, or all together take more than
        `most`. No memory has been taken yet.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            total = sum(entry.file_size for entry in archive.infolist())
            if total > most:
                raise ValueError(
                    f"{path}: its arrays take {total / 2**30:.1f} GiB, more than {most / 2**30:.1f} GiB"
                )
            for entry in archive.infolist():
                with archive.open(entry) as file:
                    _check_array(file, entry.file_size, f"{path}, {entry.filename}")
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError, zlib.error) as error:
        raise ValueError(f"{path}: not a whole archive of arrays ({error})") from None
    return path


def _check_array(file: Any, size: int, where: str) -> None:
    try:
        version = np.lib.format.read_magic(file)
        header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, _, dtype = header(file)
    except ValueError as error:
        raise ValueError(f"{where}: not an array ({error})") from None
    claimed = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
    if dtype.hasobject or claimed != size - file.tell():
        raise ValueError(f"{where}: claims {claimed} bytes of {dtype}, {size - file.tell()} are there")
