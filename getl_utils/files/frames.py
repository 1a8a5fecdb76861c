"""Structures to predict on: the frames of a file one at a time, the damaged ones as errors, so that the
others go on."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import ase.io
import numpy as np
from ase import Atoms

from getl_utils.files import lammps


def readings(
    path: Path, elements: Sequence[str], which: str = "all", isolated: bool = False, given: bool = False
) -> Iterator[Atoms | ValueError]:
    """The frames of a LAMMPS dump (``.dump``, ``.lammpstrj``, also gzipped), data file (``.data``, ``.lmp``),
    or any file ASE reads; in place of a frame that cannot be read, the ValueError that says why.

    Parameters
    ----------
    elements : element of each LAMMPS type, in order. which : ``all``, or ``last``: the last whole frame, and
    errors behind it.
    """
    kinds = set(path.suffixes)
    if kinds & {".dump", ".lammpstrj"}:
        yield from lammps.read_frames(path, elements, last=which == "last")
    elif which == "last":
        kept: list[Atoms | ValueError] = []
        for one in _read(path, elements):
            kept = [one] if isinstance(one, Atoms) else [*kept, one]
        yield from kept
    else:
        yield from _read(path, elements)


def _read(path: Path, elements: Sequence[str]) -> Iterator[Atoms | ValueError]:
    if not path.exists():
        raise FileNotFoundError(f"{path} is not there")
    try:
        if set(path.suffixes) & {".data", ".lmp"}:
            yield lammps.read_data(path, elements)
        else:
            yield from ase.io.iread(path, index=":")
    except ValueError as error:
        yield ValueError(f"{path}: {error}" if str(path) not in str(error) else str(error))
    except Exception as error:  # ASE's readers tell a damaged file in many ways
        yield ValueError(f"{path}: not readable ({type(error).__name__}: {error})")


def count_atoms(paths: Iterable[Path], which: str = "all") -> int | None:
    """Atoms of the frames that `readings` will give, from the files' heads; None if a file's format has none
    that tells."""
    total = 0
    for path in paths:
        numbers = _announced(path)
        if not numbers:
            return None
        total += numbers[-1] if which == "last" else sum(numbers)
    return total


def _announced(path: Path) -> list[int]:
    """Atoms of each frame, as a LAMMPS dump or data file says before it lists them."""
    dump = bool(set(path.suffixes) & {".dump", ".lammpstrj"})
    if not path.exists() or not (dump or set(path.suffixes) & {".data", ".lmp"}):
        return []
    with warnings.catch_warnings(action="ignore"):  # of a file that is cut off: said where it is read
        lines = lammps.lines_of(path)
        found = (
            [next(lines, "") for line in lines if line.startswith("ITEM: NUMBER OF ATOMS")]
            if dump
            else islice(lines, 20)
        )
    return [
        int(m[1])
        for line in found
        if (m := re.match(r"\s*(\d{1,18})\s*$" if dump else r"\s*(\d{1,18})\s+atoms\b", line))
    ]


def structure_name(path: Path) -> str:
    """What a structure's predictions are called: its file's name, or its quench's composition; fit to be a
    folder's name.

    Examples
    --------
    >>> structure_name(Path("runs/quick/quench/Zr920Cu920Al160/1/final.dump")), structure_name(Path("big.data"))
    ('Zr920Cu920Al160-1', 'big')
    """
    ours = path.name == "final.dump" and path.parents[2].name == "quench"
    name = f"{path.parents[1].name}-{path.parent.name}" if ours else path.name.lstrip(".").split(".")[0]
    return (
        re.sub(r"^[^A-Za-z0-9_]|[^A-Za-z0-9_+-]", "_", name)[:200] or "structure"
    )  # as `safety.safe_path` asks


def structure_id(atoms: Atoms) -> str:
    """First 12 hex digits of the SHA-256 of elements, positions, cell and boundaries."""
    digest = hashlib.sha256()
    for array in (
        atoms.numbers.astype("<i8"),
        atoms.positions.astype("<f8"),
        atoms.cell.array.astype("<f8"),
        atoms.pbc,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]
