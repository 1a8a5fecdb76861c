"""Structures to predict on: the frames of files of any kind, one at a time.

In place of a frame that cannot be used stands the error that says why, so that the others go on.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
from ase import Atoms

from getl_utils.core.record import read_json
from getl_utils.files import lammps, xyz
from getl_utils.files.checks import check_frame
from getl_utils.files.names import structure_names as structure_names
from getl_utils.files.text import head, lines_of, reason

LONGEST_CIF = 2048  # characters of a line (https://www.iucr.org/resources/cif/spec/version1.1)
FORMATS = "LAMMPS dump or data file, extended xyz, CIF, POSCAR, or input of pw.x"
NAMES = {  # ends and parts of file names; the content decides where it can
    "dump": r"\.(dump|lammpstrj|lammpsdump)(\.|$)",
    "data": r"\.(data|lmp)(\.|$)",
    "vasp": r"POSCAR|CONTCAR|\.(poscar|vasp)$",
    "xyz": r"\.(xyz|extxyz)(\.|$)",
    "cif": r"\.cif$",
}


def readings(
    path: Path, elements: Sequence[str], which: str = "all", isolated: bool = False, given: bool = False
) -> Iterator[Atoms | ValueError]:
    """Read the frames of a structure file.

    The content tells the format, whatever the file is called: LAMMPS dump or data file and extended xyz, all
    also gzipped, CIF, POSCAR, or input of pw.x. The element of a LAMMPS type is read from the file: from its
    element labels, or else from its masses (`elements.of_types`), or else, for a dump of our own quench or
    loading, from the record beside it. Where none tells, the elements must be given.

    Parameters
    ----------
    path : Path
        Structure file.
    elements : sequence of str
        Elements of the model: a mass in a LAMMPS file may mean one of these.
    which : str, default 'all'
        `all`, or `last`: the last whole frame and the errors behind it.
    isolated : bool, default False
        Accept a structure without a lattice, as an isolated cluster.
    given : bool, default False
        `elements` are named by the user in the order of the LAMMPS types.

    Yields
    ------
    Atoms or ValueError
        Positions and cell in Å. In place of a frame that cannot be used, or of the rest of a file that cannot
        be read, the error that says why and what to do. `atom_ids` gives the atoms' numbers in the file.
    """
    found = (_checked(one, path, isolated) for one in _guarded(path, _read(path, elements, which, given)))
    if which != "last":
        yield from found
        return
    kept: list[Atoms | ValueError] = []
    for one in found:
        kept = [one] if isinstance(one, Atoms) else [*kept, one]
    yield from kept


def read_structure(path: Path, elements: Sequence[str] = ()) -> Atoms:
    """Read the first frame of a structure file. A structure without a lattice is a cluster.

    Parameters
    ----------
    path : Path
        Structure file.
    elements : sequence of str, optional
        Elements in the order of the types, for a LAMMPS file that does not tell them.

    Raises
    ------
    ValueError
        The frame cannot be used; says why.
    """
    one = next(readings(path, elements, isolated=True, given=bool(elements)))
    if isinstance(one, ValueError):
        raise one
    return one


def _guarded(path: Path, frames: Iterator[Atoms | ValueError]) -> Iterator[Atoms | ValueError]:
    """The frames, and in place of an error of the system the ValueError that says it in one sentence."""
    try:
        yield from frames
    except (ValueError, OSError, EOFError, MemoryError, RecursionError) as error:
        yield ValueError(reason(error, path))


def _read(path: Path, elements: Sequence[str], which: str, given: bool) -> Iterator[Atoms | ValueError]:
    form = _format(path)
    order = list(elements) if given else []
    if form == "dump":
        recorded = _recorded(path)
        if order and recorded and order != recorded:
            raise ValueError(f"{path}: the record beside it says {recorded} for its types, not {order}")
        yield from lammps.read_frames(path, order or recorded, which == "last", elements)
    elif form == "data":
        yield lammps.read_data(path, order, elements)
    elif form == "xyz":
        yield from xyz.read_frames(path)
    else:
        yield _by_ase(path, form)


def _format(path: Path) -> str:
    """Format of a file, from its first lines and, where they do not tell, its name.

    Raises
    ------
    ValueError
        No regular file, or none of the formats that are read.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise ValueError(f"{path}: this is no regular file; copy its content into one")
    lines = head(path)
    text = "\n".join(lines)
    if text.startswith("ITEM: "):
        return "dump"
    if re.search(r"^\s*\d+\s+atoms\b", text, re.M) and re.search(r"\s(xlo\s+xhi|avec)\b", text):
        return "data"
    named = next((form for form, name in NAMES.items() if re.search(name, path.name)), "")
    if named != "vasp" and re.fullmatch(r"\s*\d+\s*", lines[0] if lines else ""):
        return "xyz"
    if re.search(r"^\s*&system", text, re.M | re.I):
        return "espresso-in"
    if not named:
        raise ValueError(
            f"{path}: neither a LAMMPS dump or data file nor xyz, CIF, POSCAR or input of pw.x; "
            "convert it to extended xyz, as with `ase convert`"
        )
    return named


def _by_ase(path: Path, form: str) -> Atoms:
    """The one structure of a file, by ASE's reader of this format."""
    import ase.io  # takes half a second: only where it is used

    try:
        _check_lines(path, form)
        atoms = ase.io.read(str(path.resolve()), index=0, format=form, do_not_split_by_at_sign=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # ASE tells a damaged file by errors of many kinds
        raise ValueError(f"{path}: not readable ({type(error).__name__}: {error})") from None
    sites = atoms.info.get("occupancy", {}).values() if form == "cif" else ()
    if any(not (isinstance(part, int | float) and part >= 1) for site in sites for part in site.values()):
        raise ValueError(f"{path}: a site is occupied only in part; give a structure with whole atoms")
    return atoms


def _check_lines(path: Path, form: str) -> None:
    """Refuse what takes ASE memory or time without end.

    It takes memory for all atoms that a POSCAR announces, and time with the square of a CIF's longest line.
    """
    lines = list(lines_of(path, whole=False))
    counts = [int(word) for line in lines[5:7] for word in line.split() if word.isdecimal()]
    if form == "vasp" and sum(counts) > len(lines):
        raise ValueError(f"{sum(counts)} atoms announced in {len(lines)} lines")
    if form == "cif" and max(map(len, lines), default=0) > LONGEST_CIF:
        raise ValueError(f"a line of more than {LONGEST_CIF} characters, which CIF does not allow")


def _recorded(path: Path) -> list[str]:
    """Elements in the order of the types, from the record that our own LAMMPS run left beside its dump."""
    for record in (path.with_name("quench.json"), path.with_name("loading.json")):
        known = read_json(record) if record.is_file() else None
        try:
            if path.name in known["sha256"]:
                return [str(name) for name in known["identity"]["elements"]]
        except (KeyError, TypeError):  # no record, or of something else
            continue
    return []


def _checked(one: Atoms | ValueError, path: Path, isolated: bool) -> Atoms | ValueError:
    """The frame, or why no model should see it."""
    if isinstance(one, Atoms):
        step = one.info.get("timestep")
        try:
            check_frame(one, str(path) if step is None else f"{path}, timestep {step}", isolated)
        except ValueError as error:
            return error
    return one


def atom_ids(atoms: Atoms) -> np.ndarray:
    """Return the numbers by which the file calls the atoms.

    Parameters
    ----------
    atoms : Atoms
        From `readings`.

    Returns
    -------
    ndarray
        Column `id` of integers of the file, else 1, 2, …; (atoms,).
    """
    ids = atoms.arrays.get("id", np.empty(0))
    return ids if ids.ndim == 1 and ids.dtype.kind == "i" else np.arange(1, len(atoms) + 1)


def count_atoms(paths: Iterable[Path], which: str | Sequence[int] = "all") -> int | None:
    """Count the atoms of the frames that `readings` will give, from what the files announce.

    Parameters
    ----------
    paths : iterable of Path
        Structure files.
    which : str or sequence of int, default 'all'
        As for `readings`, or the numbers of the frames that are read, counted from 1.

    Returns
    -------
    int or None
        None if the format of a file announces no number for the whole file.
    """
    total = 0
    for path in paths:
        numbers = _announced(path)
        if not numbers:
            return None
        if not isinstance(which, str):
            numbers = [number for n, number in enumerate(numbers, 1) if n in which]
        total += numbers[-1] if which == "last" else sum(numbers)
    return total


def _announced(path: Path) -> list[int]:
    """Atoms of each frame, as a LAMMPS dump or data file announces them."""
    try:
        dump = (form := _format(path)) == "dump"
        if form not in ("dump", "data"):
            return []
        with warnings.catch_warnings(action="ignore"):  # a file that is cut off is told when it is read
            lines = lines_of(path)
            heads = (next(lines, "") for line in lines if line.startswith("ITEM: NUMBER OF ATOMS"))
            found = list(heads if dump else islice(lines, 40))
    except (ValueError, OSError):  # told when it is read
        return []
    pattern = r"\s*(\d{1,18})\s*$" if dump else r"\s*(\d{1,18})\s+atoms\b"
    return [int(match[1]) for line in found if (match := re.match(pattern, line))]


def structure_id(atoms: Atoms) -> str:
    """Return the first 12 hex digits of the SHA-256 of elements, positions, cell and boundaries.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    """
    digest = hashlib.sha256()
    for array in (
        atoms.numbers.astype("<i8"),
        atoms.positions.astype("<f8"),
        atoms.cell.array.astype("<f8"),
        atoms.pbc,
    ):
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()[:12]
