"""LAMMPS data files (units metal)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ase import Atoms
from ase.io import write

from getl_utils.core.record import atomic_write
from getl_utils.files import elements as rule
from getl_utils.files.text import lines_of

# Own reader: ASE 3.29's ignores atoms beyond the announced number, takes a missing box for 1 Å, and mixes up
# the elements where types have labels and ids are not sorted.

XYZ = ("x", "y", "z")
STYLES = {  # columns of the section Atoms, https://docs.lammps.org/read_data.html
    "atomic": ("id", "type", *XYZ),
    "charge": ("id", "type", "q", *XYZ),
    "molecular": ("id", "molecule", "type", *XYZ),
    "full": ("id", "molecule", "type", "q", *XYZ),
}
WIDTHS = {5: "atomic", 8: "atomic", 7: "full", 10: "full"}  # of a file that does not say its style
KINDS = {"id": int, "type": "U16", "molecule": int}
BOX = {"xlo xhi": 2, "ylo yhi": 2, "zlo zhi": 2, "xy xz yz": 3}
BOX |= {"avec": 3, "bvec": 3, "cvec": 3, "abc origin": 3}
_SECTION = re.compile(r"[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*")
Row = tuple[str, str]  # text and comment of a line


def read_data(path: str | Path, elements: Sequence[str] | None = None, known: Sequence[str] = ()) -> Atoms:
    """Read a data file of atom_style atomic, charge, molecular or full.

    Parameters
    ----------
    path : str or Path
        Data file, gzipped or not.
    elements : sequence of str, optional
        Symbol of each type, in their order, where the file does not tell (see `elements.of_types`).
    known : sequence of str, optional
        Elements that a mass may mean. Default: `elements`, or else all elements.

    Returns
    -------
    Atoms
        Positions in Å, wrapped as in the file and counted from the box's corner; atoms sorted by id. The
        arrays `id` and `type` are those of the file.

    Raises
    ------
    ValueError
        The file is damaged or of another style, or the element of a type is not clear.
    """
    header, sections = _sections(path)
    try:
        cell, origin = _box(header)
        table = _table(sections.get("Atoms", []), int(header["atoms"]))
        labels, masses = _labels(sections)
        types = np.array([labels.get(word) or int(word) for word in table["type"]])
    except KeyError as error:
        raise ValueError(f"{path}: no whole LAMMPS data file (no {error}); write it again") from None
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{path}: no whole LAMMPS data file ({error}); write it again") from None
    if len(np.unique(table["id"])) < len(table):
        raise ValueError(f"{path}: an atom id occurs twice; the file is damaged, write it again")
    names = _comments(sections, labels) | {k: name for name, k in labels.items() if name in rule.SYMBOLS}
    given, found = elements or (), set(types.tolist())
    symbols = rule.of_types(found, names, masses, given, known or given, str(path))
    positions = np.column_stack([table[axis] for axis in XYZ]) - origin
    atoms = Atoms([symbols[kind] for kind in types.tolist()], positions, cell=cell, pbc=True)
    atoms.set_array("id", table["id"])
    atoms.set_array("type", types)
    return atoms[np.argsort(table["id"], kind="stable")]


def write_data(path: str | Path, atoms: Atoms, elements: Sequence[str]) -> None:
    """Write a structure as a data file of atom_style atomic, with masses.

    Parameters
    ----------
    path : str or Path
        The file. It is complete or absent.
    atoms : Atoms
        The structure, Å.
    elements : sequence of str
        In the order of the types.
    """
    with atomic_write(path) as temporary:
        write(temporary, atoms, format="lammps-data", specorder=list(elements), masses=True)


def _sections(path: str | Path) -> tuple[dict[str, str], dict[str, list[Row]]]:
    """Values of the header by keyword, and rows of the sections that matter; `Style` holds Atoms' comment."""
    header: dict[str, str] = {}
    sections: dict[str, list[Row]] = {}
    lines, name = lines_of(path), ""
    next(lines, "")  # LAMMPS skips the first line
    for line in lines:
        text, _, comment = line.partition("#")
        text = " ".join(text.split())
        if _SECTION.fullmatch(text):
            name = text
            sections[name] = [("Atoms", comment.strip())] if name == "Atoms" else []
        elif text and name in ("Atoms", "Masses", "Atom Type Labels"):
            sections[name].append((text, comment.strip()))
        elif text and not name:
            keyword = " ".join(word for word in text.split() if word[0].isalpha())
            header[keyword] = text.removesuffix(keyword).strip()
    return header, sections


def _box(header: dict[str, str]) -> tuple[np.ndarray, np.ndarray]:
    """Cell (3, 3), rows are vectors, and corner (3,), Å (https://docs.lammps.org/Howto_triclinic.html)."""
    values = {key: np.array(header[key].split(), float) for key in BOX if key in header}
    wrong = [key for key, value in values.items() if len(value) != BOX[key] or not np.isfinite(value).all()]
    if wrong:
        raise ValueError(f"`{wrong[0]}` is not {BOX[wrong[0]]} numbers")
    if "avec" in values:
        return np.array([values[key] for key in ("avec", "bvec", "cvec")]), values["abc origin"]
    low, high = np.array([values[f"{axis}lo {axis}hi"] for axis in XYZ]).T
    (xy, xz, yz), (lx, ly, lz) = values.get("xy xz yz", np.zeros(3)), high - low
    return np.array([[lx, 0, 0], [xy, ly, 0], [xz, yz, lz]]), low


def _table(rows: list[Row], number: int) -> np.ndarray:
    """Rows of the section Atoms as a structured array."""
    if len(rows) < 2 or len(rows) - 1 != number:
        raise ValueError(f"{number} atoms announced, {max(0, len(rows) - 1)} whole rows found")
    (_, comment), *rows = rows
    width = len(rows[0][0].split())
    style = comment.split()[0] if comment else WIDTHS.get(width, "")
    columns = STYLES.get("molecular" if style in ("bond", "angle") else style, ())
    flags = ("ix", "iy", "iz") if width == len(columns) + 3 else ()
    if width != len(columns) + len(flags):
        raise ValueError(f"rows of {width} columns, no atom_style that is known ({', '.join(STYLES)})")
    kinds = KINDS | dict.fromkeys(flags, int)
    table = np.loadtxt(
        [text for text, _ in rows], [(c, kinds.get(c, float)) for c in [*columns, *flags]], ndmin=1
    )
    if not all(np.isfinite(table[axis]).all() for axis in XYZ):
        raise ValueError("a position is no number")
    return table


def _labels(sections: dict[str, list[Row]]) -> tuple[dict[str, int], dict[int, float]]:
    """Type of each label, and mass (u) of each type."""
    named = [text.split() for text, _ in sections.get("Atom Type Labels", [])]
    labels = {name: int(kind) for kind, name in named}
    rows = [text.split() for text, _ in sections.get("Masses", [])]
    return labels, {labels.get(kind) or int(kind): float(mass) for kind, mass in rows}


def _comments(sections: dict[str, list[Row]], labels: dict[str, int]) -> dict[int, str]:
    """Element that the comment behind a type's mass names (`1 91.224 # Zr`)."""
    rows = [(text.split()[0], comment.split()) for text, comment in sections.get("Masses", [])]
    return {labels.get(k) or int(k): words[0] for k, words in rows if words and words[0] in rule.SYMBOLS}
