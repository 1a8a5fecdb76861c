"""Cells: a quenched run and its deformed copies as extended xyz files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from ase import Atoms

from getl_utils.core.record import atomic_write, content_hash
from getl_utils.core.workdir import WorkDir


class CellKey(NamedTuple):
    """What a cell is called everywhere: nominal composition, run, sub-run."""

    composition: str
    run: int
    sub_run: int

    def __str__(self) -> str:
        return f"{self.composition}/{self.run}/{self.sub_run}"


def keys(compositions: Sequence[str], runs: Sequence[int], sub_runs: Sequence[int]) -> list[CellKey]:
    """Return every cell of every run of every composition, in order.

    Parameters
    ----------
    compositions : sequence of str
        Nominal compositions.
    runs : sequence of int
        Numbers of the quenches.
    sub_runs : sequence of int
        Numbers of the deformed copies.

    Returns
    -------
    list of CellKey
        Their names.
    """
    return [CellKey(c, r, s) for c in compositions for r in runs for s in sub_runs]


def write(path: Path, atoms: Atoms, key: CellKey, run_id: str = "") -> None:
    """Write a cell as extended xyz, atomically.

    Parameters
    ----------
    path : Path
        File to write.
    atoms : Atoms
        The cell, Å.
    key : CellKey
        Its name, for the comment line.
    run_id : str
        Id of its quench, for the comment line.
    """
    import ase.io  # takes half a second: only where it is used

    info = {**key._asdict(), "run_id": run_id or f"run-{content_hash(key.composition, key.run)}"}
    bare = Atoms(atoms.symbols, atoms.positions, cell=atoms.cell, pbc=True, info=info)
    with atomic_write(path) as temporary:
        ase.io.write(temporary, bare, format="extxyz")


def read(path: str | Path) -> Atoms:
    """Read a cell.

    Parameters
    ----------
    path : str or Path
        Extended xyz.

    Returns
    -------
    Atoms
        The cell, Å. Its `info` has the `run_id`, and as `cell_id` the hash of the file.

    Raises
    ------
    ValueError
        The file is not whole or has no lattice.
    """
    import ase.io

    try:
        atoms = ase.io.read(path, format="extxyz")
    except FileNotFoundError:
        raise
    except Exception as error:
        raise ValueError(
            f"{path}: not a readable extended xyz file ({error}); delete it and run 01_generate again"
        ) from error
    if not atoms.cell.rank == 3:
        raise ValueError(f"{path}: has no lattice; a cell needs three vectors")
    atoms.pbc = True
    atoms.info["cell_id"] = content_hash(Path(path))
    return atoms


def each(work: WorkDir, cell_keys: Sequence[CellKey]) -> Iterator[tuple[CellKey, Atoms]]:
    """Go through the cells that are there.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    cell_keys : sequence of CellKey
        Which cells.

    Yields
    ------
    tuple
        Name and cell.
    """
    for key in cell_keys:
        path = work.cell(*key)
        if path.exists():
            yield key, read(path)
