"""The cells that may be labelled: quenches and their deformed copies, those that can be used."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import NamedTuple

from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.cells import CellKey
from getl_utils.core.neighbours import check_structure
from getl_utils.core.parameters import Generate
from getl_utils.core.workdir import WorkDir
from getl_utils.generate import steps


class Pool(NamedTuple):
    """What there is to choose from.

    Attributes
    ----------
    cells : dict
        Cell → its atoms.
    refused : dict
        Quench or cell → why it cannot be used.
    """

    cells: dict[CellKey, Atoms]
    refused: dict[str, str]


def make(work: WorkDir, p: Generate, progress: bool | str = True) -> Pool:
    """Quench what is not quenched yet, `p.processes` at once, and read the cells.

    A quench that fails, as with a potential that explodes, is refused with its reason; the others go on.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters.
    progress : bool or str
        As `progress.line` takes it.

    Returns
    -------
    Pool
        The cells.

    Raises
    ------
    RuntimeError
        No cell can be used.
    FileNotFoundError
        The potential is not there.
    """
    runs = [(composition, run) for composition in p.compositions for run in p.runs]
    refused = {
        f"{c}/{r}": why for (c, r), why in zip(runs, _quench(work, p, runs, progress), strict=True) if why
    }
    found = {}
    for key, atoms in cells.each(work, cells.keys(p.compositions, p.runs, p.sub_runs)):
        try:
            check_structure(atoms, thickness=2 * p.cutoff, where=str(key))
            found[key] = atoms
        except ValueError as error:
            refused[str(key)] = str(error)
    if not found:
        raise RuntimeError(
            "no cell to label: " + "; ".join(f"{name}: {why}" for name, why in refused.items())
        )
    return Pool(found, refused)


def _quench(work: WorkDir, p: Generate, runs: list[tuple[str, int]], progress: bool | str) -> list[str]:
    """Quench each run; why it failed, or nothing."""
    if p.processes == 1 or len(runs) == 1:
        return [_one(work, p, *run, progress) for run in runs]
    with ProcessPoolExecutor(min(p.processes, len(runs)), mp_context=get_context("spawn")) as workers:
        return list(workers.map(_one, *zip(*[(work, p, *run, "lines") for run in runs], strict=True)))


def _one(work: WorkDir, p: Generate, composition: str, run: int, progress: bool | str) -> str:
    try:
        steps.make_cells(work, p, composition, run, progress)
    except RuntimeError as error:
        return f"the quench failed: {_sentence(str(error))}"
    return ""


def _sentence(said: str) -> str:
    """What LAMMPS said, without the rest of its log."""
    lines = said.splitlines()
    why = next((line for line in reversed(lines) if "ERROR" in line), "")
    return " ".join([lines[0], why]).strip() if why not in lines[0] else lines[0]
