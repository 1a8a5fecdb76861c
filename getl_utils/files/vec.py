"""The published descriptors, ``.vec``: Python-2 pickles, read without pickle's power to call anything."""

from __future__ import annotations

import io
import pickle
import pickletools
from pathlib import Path
from typing import Any, ClassVar

import numpy as np


class _Dtype:
    """Stands for a NumPy type in a pickle: NumPy's own can be made to break memory."""

    def __init__(self, code: str, *_: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: tuple) -> None:
        self.order = state[1]


class _Array:
    """Stands for a NumPy array in a pickle; `vector` makes it one."""

    def __init__(self, *_: Any) -> None:
        self.state: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state

    def vector(self) -> np.ndarray:
        """Vector of float64; ValueError if it is anything else."""
        _, shape, kind, _, raw = self.state
        if not (isinstance(kind, _Dtype) and kind.code == "f8" and kind.order in ("<", ">", "=")):
            raise ValueError("not of float64")
        data = np.frombuffer(raw.encode("latin1") if isinstance(raw, str) else raw, f"{kind.order}f8")
        if shape != data.shape:
            raise ValueError(f"{data.size} numbers of shape {shape}")
        return data.astype(float)


class _Bytes:
    """Stands for `_codecs.encode`, by which Python 3 writes bytes."""

    def __new__(cls, text: str, encoding: str) -> bytes:  # type: ignore[misc]
        if encoding != "latin1":
            raise pickle.UnpicklingError(f"encoding {encoding!r} is not allowed in a .vec file")
        return text.encode("latin1")

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a function has no state")


class _ArraysOnly(pickle._Unpickler):
    """Knows the four names that a dict of arrays needs; any other would run a stranger's code.

    This is pickle in Python: the one in C takes memory for as many objects as a damaged file claims, and so
    do some words of later protocols than Python 2's.
    """

    dispatch: ClassVar = {
        ord(word.code): pickle._Unpickler.dispatch[ord(word.code)]
        for word in pickletools.opcodes
        if word.proto <= 2
    }
    NAMES: ClassVar = {
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _Bytes,
    }

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.NAMES:
            raise pickle.UnpicklingError(
                f"{module}.{name} is not allowed in a .vec file; do not trust this file"
            )
        return self.NAMES[module, name]


def read_vec(path: str | Path) -> dict[str, np.ndarray]:
    """Read a ``.vec``, a Python-2 pickle of a dict of float64 vectors. Loads no code.

    Parameters
    ----------
    path : str or Path
        File to read.

    Returns
    -------
    dict
        Name to vector.

    Raises
    ------
    pickle.UnpicklingError
        The file names anything but NumPy arrays.
    ValueError
        It holds anything else, or is damaged.
    """
    data = Path(path).read_bytes()
    try:
        content = _ArraysOnly(io.BytesIO(data), encoding="latin1").load()
    except pickle.UnpicklingError:
        raise
    except Exception as error:
        raise ValueError(f"{path}: damaged .vec file ({type(error).__name__}: {error})") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"{path}: expected a dict of vectors by name, found {type(content).__name__}")
    return {key: _vector(path, key, value) for key, value in content.items()}


def _vector(path: str | Path, key: str, value: Any) -> np.ndarray:
    try:
        return value.vector()
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: entry {key!r} is not a vector of float64 ({error})") from None
