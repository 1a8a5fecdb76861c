"""LAMMPS dumps, frame by frame (units metal). Data files: `lammps_data`."""

from __future__ import annotations

import re
import warnings
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.files import elements as rule
from getl_utils.files.lammps_data import read_data as read_data
from getl_utils.files.text import lines_of

# Own reader: ASE 3.29's returns a frame that is cut at a line end as a smaller one without a word, knows no
# lost atoms, drops columns such as ix, seeks backwards (quadratic in gzip), and adds the box's origin to
# unscaled positions but not to scaled ones. Its function for the cell is used.

LABELS = ("element", "typelabel")  # columns that may hold symbols
POSITIONS = {"x": False, "xs": True, "xu": False, "xsu": True}  # first column of three: are they scaled?


class CutOffError(ValueError):
    """The last frame of a dump is not whole: its simulation still runs or was stopped."""


def read_dump(path: str | Path, elements: Sequence[str]) -> Iterator[Atoms]:
    """Read a text dump frame by frame, with one frame in memory at a time.

    x = s·h for scaled coordinates and x − origin for unscaled ones; the rows of h are the box vectors
    (https://docs.lammps.org/Howto_triclinic.html).

    Parameters
    ----------
    path : str or Path
        Dump, gzipped or not, with the columns `id`; `element`, `typelabel` or `type`; and x y z, xs ys zs,
        xu yu zu or xsu ysu zsu.
    elements : sequence of str
        Symbol of each type, in their order, where the columns do not tell (see `elements.of_types`). May be
        empty.

    Yields
    ------
    Atoms
        Positions in Å from the box's corner, atoms sorted by id, `info["timestep"]`, and every other column
        as an array of its name in LAMMPS's units. A last frame that is cut off is left out with a
        UserWarning.

    Raises
    ------
    ValueError
        Lost or doubled atoms, a type whose element is not clear, positions that are no numbers, a box
        without volume, or no whole frame at all.

    Examples
    --------
    >>> import tempfile; path = Path(tempfile.mkdtemp()) / "one.dump"
    >>> _ = path.write_text("ITEM: TIMESTEP\\n7\\nITEM: NUMBER OF ATOMS\\n1\\nITEM: BOX BOUNDS pp pp pp\\n"
    ...     "-2 2\\n-2 2\\n-2 2\\nITEM: ATOMS id type xs ys zs\\n1 2 0.5 0.5 0.25\\n")
    >>> [(str(a.symbols), a.positions.tolist(), a.info["timestep"]) for a in read_dump(path, ["Zr", "Cu"])]
    [('Cu', [[2.0, 2.0, 1.0]], 7)]
    """
    for frame in _whole_frames(path):
        yield _atoms(frame, elements, ())


def read_frames(
    path: str | Path, elements: Sequence[str], last: bool = False, known: Sequence[str] = ()
) -> Iterator[Atoms | ValueError]:
    """Read every frame of a dump; in place of a damaged or cut-off one, yield the error that says so.

    Parameters
    ----------
    path : str or Path
        Dump.
    elements : sequence of str
        As for `read_dump`.
    last : bool, default False
        Give only the last whole frame, the only one that is parsed, and the errors behind it.
    known : sequence of str, optional
        As for `read_dump`.
    """
    frames = _frames(path)
    if last:
        kept = []
        for frame in frames:
            kept = [frame] if isinstance(frame, dict) else [*kept, frame]
        frames = iter(kept)
    for frame in frames:
        try:
            yield _atoms(frame, elements, known) if isinstance(frame, dict) else frame
        except ValueError as error:
            yield error


def last_frame(path: str | Path, elements: Sequence[str]) -> Atoms:
    """Read the last whole frame of a dump; only that one is parsed.

    Parameters
    ----------
    path : str or Path
        Dump.
    elements : sequence of str
        As for `read_dump`.
    """
    return _atoms(deque(_whole_frames(path), maxlen=1)[0], elements, ())


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
    return {"timestep": timestep, "where": f"{path}, timestep {timestep}", "columns": [], "rows": []}


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


def _atoms(frame: dict[str, Any], elements: Sequence[str], known: Sequence[str]) -> Atoms:
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
        _symbols(frame, table, elements, known),
        positions,
        cell=cell,
        pbc=[bound.startswith("p") for bound in frame["bounds"][-3:]],
    )
    atoms.info["timestep"] = step
    for column in (c for c in frame["columns"] if c not in [*names, *LABELS]):
        atoms.set_array(column, table[column])
    return atoms


def _table(frame: dict[str, Any]) -> np.ndarray:
    """Rows as a structured array sorted by id."""
    if "id" not in frame["columns"]:
        raise ValueError(f"{frame['where']}: no column id to follow the atoms by; dump id type xs ys zs")
    if not frame["rows"]:
        raise ValueError(f"{frame['where']}: no atoms; run again with a shorter timestep")
    kinds = {"id": int, "type": int} | dict.fromkeys(LABELS, "U16")
    try:
        dtype = [(name, kinds.get(name, float)) for name in frame["columns"]]
        table = np.loadtxt(frame["rows"], dtype, ndmin=1)
    except ValueError as error:
        raise ValueError(
            f"{frame['where']}: rows that cannot be read ({error}); "
            "a cut-off frame with others behind it must be deleted"
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
        low, high = box[:, :2].T
        xy, xz, yz = box[:, 2] if box.shape[1] == 3 else (0.0, 0.0, 0.0)
        room = high - low - np.abs([xy, yz, 0]) - np.abs([xz, 0, 0])
        cell = np.array([[room[0], 0, 0], [xy, room[1], 0], [xz, yz, room[2]]])
        origin = low - np.minimum([xy, yz, 0], 0) - np.minimum([xz, 0, 0], 0)
    if not abs(np.linalg.det(cell)) > 1e-6:
        raise ValueError(f"{frame['where']}: a box without volume; run again with a shorter timestep")
    return cell, origin


def _symbols(
    frame: dict[str, Any], table: np.ndarray, given: Sequence[str], known: Sequence[str]
) -> list[str]:
    """Symbol of each row, from the columns and the given elements."""
    columns, where = frame["columns"], frame["where"]
    column = next((c for c in LABELS if c in columns and set(table[c]) & rule.SYMBOLS), "element")
    if column in columns and (odd := sorted(set(table[column]) - rule.SYMBOLS)):
        raise ValueError(f"{where}: unknown {column} {', '.join(odd)}; dump the columns id type xs ys zs")
    if "type" not in columns and column not in columns:
        raise ValueError(f"{where}: neither a column type nor element; dump id type xs ys zs")
    if "type" not in columns:
        return table[column].tolist()
    kinds, first = np.unique(table["type"], return_index=True)
    named = [column] if column in columns else []
    labels, masses = (
        {int(k): table[c][n].item() for k, n in zip(kinds, first, strict=True) for c in those}
        for those in (named, ["mass"] if "mass" in columns else [])
    )
    symbols = rule.of_types(kinds.tolist(), labels, masses, given, known or given, where)
    found = [symbols[kind] for kind in table["type"].tolist()]
    if named and found != table[column].tolist():
        raise ValueError(f"{where}: atoms of one type have several elements; dump the column element anew")
    return found
