"""LAMMPS files: dumps frame by frame, and data files (units metal)."""

from __future__ import annotations

import gzip
import re
import warnings
import zlib
from collections import deque
from collections.abc import Iterator, Sequence
from io import StringIO
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_masses, atomic_numbers, chemical_symbols
from ase.io.lammpsdata import read_lammps_data
from ase.io.lammpsrun import construct_cell

# Own reader of dumps: ASE 3.29's returns a frame cut at a line end as a smaller one without a word, knows no
# lost atoms, drops columns such as ix, seeks backwards (quadratic in gzip), and puts the box's origin into
# unscaled positions but not into scaled ones. Its cell and its data-file reader serve below.

POSITIONS = {"x": False, "xs": True, "xu": False, "xsu": True}  # first column of three: are they scaled?


def read_dump(path: str | Path, elements: Sequence[str]) -> Iterator[Atoms]:
    """Read a text dump frame by frame, gzipped or not, one frame in memory at a time.

    x = s·h for scaled coordinates, x − origin for unscaled ones; rows of h are the box vectors
    (https://docs.lammps.org/Howto_triclinic.html).

    Parameters
    ----------
    path : dump with columns `id`, `type` or `element`, and x y z, xs ys zs, xu yu zu or xsu ysu zsu.
    elements : symbol of each type, in their order; a column `element` comes first.

    Returns
    -------
    Frames (positions in Å from the box's corner), atoms sorted by id, `info["timestep"]`, every other column
    as an array of its name in LAMMPS's units. A cut-off last frame is left out with a UserWarning.

    Raises
    ------
    ValueError : lost or doubled atoms, unknown type, positions that are no numbers, a box without volume,
    or no whole frame at all.

    Examples
    --------
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "one.dump"
    >>> _ = path.write_text("ITEM: TIMESTEP\\n7\\nITEM: NUMBER OF ATOMS\\n1\\nITEM: BOX BOUNDS pp pp pp\\n"
    ...     "-2 2\\n-2 2\\n-2 2\\nITEM: ATOMS id type xs ys zs\\n1 2 0.5 0.5 0.25\\n")
    >>> [(str(a.symbols), a.positions.tolist(), a.info["timestep"]) for a in read_dump(path, ["Zr", "Cu"])]
    [('Cu', [[2.0, 2.0, 1.0]], 7)]
    """
    for frame in _whole_frames(path):
        yield _atoms(frame, elements)


def read_frames(
    path: str | Path, elements: Sequence[str], last: bool = False
) -> Iterator[Atoms | ValueError]:
    """Every frame of a dump as `read_dump`, but a damaged or cut-off one as the error that says so, and the
    others follow.

    Parameters
    ----------
    last : only the last whole frame, the only one parsed, and the errors behind it.
    """
    frames = _frames(path)
    if last:
        kept = []
        for frame in frames:
            kept = [frame] if isinstance(frame, dict) else [*kept, frame]
        frames = iter(kept)
    for frame in frames:
        try:
            yield _atoms(frame, elements) if isinstance(frame, dict) else frame
        except ValueError as error:
            yield error


class CutOffError(ValueError):
    """The last frame of a dump is not whole: its simulation still runs or was stopped."""


def last_frame(path: str | Path, elements: Sequence[str]) -> Atoms:
    """Last whole frame of a dump (arguments and errors as `read_dump`); only that one is parsed."""
    return _atoms(deque(_whole_frames(path), maxlen=1)[0], elements)


def lines_of(path: str | Path) -> Iterator[str]:
    """Lines of a text file, gzipped or not, without a last one that lacks its end."""
    with open(path, "rb") as file:
        zipped = file.read(2) == b"\x1f\x8b"
    with (gzip.open if zipped else open)(path, "rt", errors="replace") as stream:
        try:
            yield from (line[:-1] for line in stream if line.endswith("\n"))
        except (EOFError, zlib.error):
            warnings.warn(f"{path}: the compressed file is cut off; what is left of it is used", stacklevel=3)


def _raw_frames(path: str | Path) -> Iterator[dict[str, Any]]:
    """Frames as text; the last one may lack parts."""
    lines, frame = lines_of(path), _start(path, "?")
    for line in lines:
        if line.startswith("ITEM: TIMESTEP"):
            frame = _start(path, next(lines, "?"))
        elif line.startswith("ITEM: NUMBER OF ATOMS"):
            frame["count"] = next(lines, None)
        elif line.startswith("ITEM: BOX BOUNDS"):
            frame["bounds"], frame["box"] = line.split()[3:], list(islice(lines, 3))
        elif line.startswith("ITEM: ATOMS"):
            frame["columns"], frame["rows"] = line.split()[2:], list(islice(lines, max(0, _count(frame))))
            yield frame
            frame = _start(path, "?")
    if frame["timestep"] != "?":
        yield frame


def _start(path: str | Path, timestep: str) -> dict[str, Any]:
    return {"timestep": timestep, "where": f"{path}, timestep {timestep}", "rows": []}


def _count(frame: dict[str, Any]) -> int:
    """Number of atoms that a frame says it has; −1 if it does not say."""
    text = str(frame.get("count")).strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else -1


def _frames(path: str | Path) -> Iterator[dict[str, Any] | ValueError]:
    """Frames as text; instead of one that is cut off or has not as many atoms as the first, the error that
    says so."""
    first = 0
    for frame in _raw_frames(path):
        found, count = len(frame["rows"]), _count(frame)
        if found != count:
            atoms = f"{found} of {count if count >= 0 else '?'} atoms"
            yield CutOffError(f"{frame['where']}: cut off, {atoms}; this last frame is left out")
            continue
        first = first or count
        if count != first:
            yield ValueError(
                f"{frame['where']}: {count} atoms, {first} in the first frame: atoms were lost; "
                "run again with a shorter timestep, or cut the dump before this frame"
            )
            continue
        yield frame
    if not first:
        yield ValueError(f"{path}: no whole frame of a text dump; run the simulation that writes it again")


def _whole_frames(path: str | Path) -> Iterator[dict[str, Any]]:
    """Frames as text, all with as many atoms as the first; a cut-off last one only gives a warning."""
    for frame in _frames(path):
        if isinstance(frame, CutOffError):
            warnings.warn(str(frame), stacklevel=3)
        elif isinstance(frame, ValueError):
            raise frame
        else:
            yield frame


def _atoms(frame: dict[str, Any], elements: Sequence[str]) -> Atoms:
    """Atoms of a whole frame, checked."""
    where, step, table, (cell, origin) = frame["where"], _step(frame), _table(frame), _box(frame)
    if not (name := next((name for name in POSITIONS if name in frame["columns"]), "")):
        raise ValueError(f"{where}: no positions among the columns; dump id type xs ys zs")
    names = [name.replace("x", axis) for axis in "xyz"]
    xyz = np.column_stack([table[column] for column in names])
    if not np.isfinite(xyz).all():
        raise ValueError(f"{where}: positions that are no numbers; it blew up, run with a shorter timestep")
    positions = xyz @ cell if POSITIONS[name] else xyz - origin
    atoms = Atoms(
        _symbols(frame, table, elements),
        positions,
        cell=cell,
        pbc=[bound.startswith("p") for bound in frame["bounds"][-3:]],
    )
    atoms.info["timestep"] = step
    for column in (c for c in frame["columns"] if c not in [*names, "element"]):
        atoms.set_array(column, table[column])
    return atoms


def _table(frame: dict[str, Any]) -> np.ndarray:
    """Rows as a structured array sorted by id."""
    if "id" not in frame["columns"]:
        raise ValueError(f"{frame['where']}: no column id to follow the atoms by; dump id type xs ys zs")
    kinds = {"id": int, "type": int, "element": "U3"}
    try:
        dtype = [(name, kinds.get(name, float)) for name in frame["columns"]]
        table = np.loadtxt(frame["rows"], dtype, ndmin=1)
    except ValueError as error:
        raise ValueError(
            f"{frame['where']}: rows that cannot be read ({error}); a cut-off frame with others behind it must be deleted"
        ) from None
    table = table[np.argsort(table["id"], kind="stable")]
    if (np.diff(table["id"]) == 0).any():
        raise ValueError(f"{frame['where']}: an atom id occurs twice; the dump is damaged, write it again")
    return table


def _step(frame: dict[str, Any]) -> int:
    if not re.fullmatch(r"\s*[0-9]{1,18}\s*", frame["timestep"]):
        raise ValueError(f"{frame['where']}: no timestep; the dump is damaged, write it again")
    return int(frame["timestep"])


def _box(frame: dict[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Cell (3, 3), rows are vectors, and origin (3,) in Å."""
    try:
        box = np.array([row.split() for row in frame.get("box", ())], dtype=float)
    except ValueError:
        box = np.empty(0)
    general = frame.get("bounds", [])[:1] == ["abc"]
    whole = box.ndim == 2 and len(box) == 3 and box.shape[1] in ((4,) if general else (2, 3))
    if not whole or not np.isfinite(box).all() or len(frame["bounds"]) < 3:
        raise ValueError(f"{frame['where']}: no box bounds that can be read; write the dump again")
    if general:
        cell, origin = box[:, :3], box[:, 3]
    else:
        cell, origin = construct_cell(box[:, :2].ravel(), box[:, 2] if box.shape[1] == 3 else np.zeros(3))
    if not abs(np.linalg.det(cell)) > 1e-6:
        raise ValueError(f"{frame['where']}: a box without volume; run again with a shorter timestep")
    return cell, origin


def _symbols(frame: dict[str, Any], table: np.ndarray, elements: Sequence[str]) -> list[str]:
    """Symbol of each row, by the column `element` or by type."""
    if "element" in frame["columns"]:
        symbols, unknown = table["element"].tolist(), set(table["element"]) - set(atomic_numbers)
    elif "type" in frame["columns"]:
        unknown = set(table["type"].tolist()) - set(range(1, len(elements) + 1))
        symbols = [] if unknown else [elements[kind - 1] for kind in table["type"]]
    else:
        raise ValueError(f"{frame['where']}: neither a column type nor element; dump id type xs ys zs")
    if unknown:
        raise ValueError(
            f"{frame['where']}: unknown type {', '.join(map(str, sorted(unknown)))} where "
            f"{list(elements)} are given; give one element for each type, in their order"
        )
    return symbols


def read_data(path: str | Path, elements: Sequence[str] | None = None) -> Atoms:
    """Read a data file of atom_style atomic.

    Parameters
    ----------
    elements : symbol of each type; default the comments under Masses (`1 91.224 # Zr`), else the masses.

    Returns
    -------
    Atoms with positions in Å, wrapped as in the file and counted from the box's corner.

    Raises
    ------
    ValueError : not readable as such a file, or a type whose element is not clear.
    """
    text = Path(path).read_text()
    kinds = dict(enumerate(elements, 1)) if elements else _kinds(text, path)
    try:
        numbers = {kind: atomic_numbers[name] for kind, name in kinds.items()}
        atoms = read_lammps_data(StringIO(text), Z_of_type=numbers, read_image_flags=False)
    except Exception as error:  # ASE tells a damaged file by StopIteration, NameError, …
        raise ValueError(
            f"{path}: no whole data file of atom_style atomic with types {kinds} ({error!r}); "
            "write it again, or give one element for each type"
        ) from None
    origin = [float(low) for low in re.findall(r"^\s*(\S+)\s+\S+\s+[xyz]lo\s+[xyz]hi", text, re.MULTILINE)]
    atoms.positions -= origin or atoms.get_celldisp().ravel()  # ASE takes the corner of a box xlo xhi for 0
    atoms.set_celldisp(np.zeros(3))
    return atoms


def _kinds(text: str, path: str | Path) -> dict[int, str]:
    """Element of each type from the section Masses."""
    section, kinds = re.search(r"^\s*Masses.*\n\s*\n((?:\s*\d.*(?:\n|$))+)", text, re.MULTILINE), {}
    for row in section[1].strip().splitlines() if section else ():
        (kind, mass), comment = row.split("#")[0].split()[:2], row.partition("#")[2].strip()
        near = int(np.argmin(np.abs(atomic_masses - float(mass))))
        kinds[int(kind)] = comment if comment in atomic_numbers else chemical_symbols[near]
        if kinds[int(kind)] != comment and abs(atomic_masses[near] - float(mass)) > 0.1:
            raise ValueError(f"{path}: type {kind} has {mass} u, no element's mass; give elements=[…]")
    if not kinds:
        raise ValueError(f"{path}: no section Masses to know the elements by; give elements=[…]")
    return kinds
