"""Text files, gzipped or not, and what an error of the system means in one sentence."""

from __future__ import annotations

import contextlib
import errno
import gzip
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

LONGEST = 1_000_000  # characters of a line; a longer one is no line of any format read here


def opened(path: str | Path) -> TextIO:
    """Open a text file for reading.

    Parameters
    ----------
    path : str or Path
        File. Its first two bytes tell whether it is gzipped.
    """
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    return (gzip.open if zipped else open)(path, "rt", errors="replace")


def lines_of(path: str | Path, whole: bool = True) -> Iterator[str]:
    """Yield the lines of a text file, gzipped or not, without their line ends.

    Parameters
    ----------
    path : str or Path
        File to read. A gzip file that is cut off gives a UserWarning and the lines that are left.
    whole : bool, default True
        Leave out a last line without a line end, because it may be cut off.

    Raises
    ------
    ValueError
        The gzip file is damaged, or a line is longer than `LONGEST`.
    """
    with opened(path) as stream:
        try:
            while line := stream.readline(LONGEST):
                if line.endswith("\n") or (not whole and len(line) < LONGEST):
                    yield line.removesuffix("\n")
                elif len(line) == LONGEST:
                    raise ValueError(f"{path}: a line of more than {LONGEST} characters; it is no text file")
        except EOFError:
            warnings.warn(f"{path}: the compressed file is cut off; what is left of it is used", stacklevel=3)
        except (gzip.BadGzipFile, zlib.error) as error:
            raise ValueError(f"{path}: the gzip file is damaged ({error}); compress it again") from None


def head(path: str | Path, number: int = 40) -> list[str]:
    """Return the first lines of a text file; fewer if it is damaged there.

    Parameters
    ----------
    path : str or Path
        File, gzipped or not.
    number : int, default 40
        Greatest number of lines.
    """
    found: list[str] = []
    with opened(path) as stream, contextlib.suppress(OSError, EOFError, zlib.error):
        while len(found) < number and (line := stream.readline(LONGEST)):
            found.append(line.rstrip("\n"))
    return found


def reason(error: BaseException, path: str | Path = "") -> str:
    """Say in one sentence why a file could not be read or written, and what to do.

    Parameters
    ----------
    error : exception
        What was raised.
    path : str or Path, optional
        File that was to be read or written; for an error of the system that names another, that one is said.

    Examples
    --------
    >>> reason(IsADirectoryError(21, "Is a directory", "glasses"))
    'glasses: this is a folder; name the files in it'
    >>> reason(MemoryError(), "big.dump")
    'big.dump: it needs more memory than there is; take a smaller structure or a larger computer'
    """
    where = getattr(error, "filename", None) or path
    number = getattr(error, "errno", None)
    if isinstance(error, MemoryError):
        text = "it needs more memory than there is; take a smaller structure or a larger computer"
    elif isinstance(error, OSError) and number in _REASONS:
        text = _REASONS[number]
    else:
        text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return text if not str(where) or str(where) in text else f"{where}: {text}"


_REASONS = {
    errno.ENOENT: "there is no such file",
    errno.EISDIR: "this is a folder; name the files in it",
    errno.ENOTDIR: "a file is where a folder is needed; give another folder",
    errno.EEXIST: "a file is where a folder is needed; give another folder",
    errno.EACCES: "no permission; change it or give another place",
    errno.EROFS: "the disk is read-only; give another place",
    errno.ENOSPC: "the disk is full; make room and run again, finished frames are kept",
    errno.EDQUOT: "the disk quota is used up; make room and run again, finished frames are kept",
}
