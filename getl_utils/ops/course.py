"""A course of learning: the pool, what is labelled of it, and the record of every choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.core.bonds import bond_types, type_of
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Expansion, Generate
from getl_utils.core.record import code_version, now, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.labels.status import judge
from getl_utils.models import learner
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.models.bond_list import find_bonds, lengths
from getl_utils.models.learner import Labelled
from getl_utils.models.linear import LinearModel
from getl_utils.models.teaching import Described


@dataclass
class Course:
    """One course of learning in a work directory.

    Attributes
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters, with `learn`.
    cells : dict
        Cell of the pool → its atoms.
    record : dict
        Content of ``learn.json``.
    known : list of Labelled
        Cells whose labels were taken in.
    """

    work: WorkDir
    p: Generate
    cells: dict[CellKey, Atoms]
    record: dict[str, Any]
    known: list[Labelled] = field(default_factory=list)
    _trained: tuple[int, LinearModel | None] = (0, None)  # cells known, and the model of them

    @cached_property
    def expansion(self) -> BondExpansion:
        """How bonds are described: as 03_transform does by default."""
        return BondExpansion(tuple(self.p.elements), **Expansion().model_dump())

    @cached_property
    def pool(self) -> dict[CellKey, Described]:
        """Bonds of every cell of the pool, described."""
        window = tuple(self.p.label_window)
        windows = dict.fromkeys(bond_types(self.p.elements), window)
        return {key: self._described(atoms, windows) for key, atoms in self.cells.items()}

    def _described(self, atoms: Atoms, windows: dict[str, tuple[float, float]]) -> Described:
        bonds = find_bonds(self.expansion, atoms, windows)
        symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
        types = type_of(symbols[bonds[:, 0]], symbols[bonds[:, 1]], self.p.elements)
        return Described(describe(self.expansion, atoms, bonds), lengths(atoms, bonds), types)

    def labelled(self, key: CellKey) -> Labelled | None:
        """A cell with its labels.

        Parameters
        ----------
        key : CellKey
            The cell.

        Returns
        -------
        Labelled or None
            The cell; None if its labels cannot be used.
        """
        verdict = judge(self.work.label(*key))
        if not verdict.status.usable:
            return None
        return learner.labelled(self.expansion, key, self.cells[key], verdict.labels)

    def model(self) -> LinearModel | None:
        """The default model of the cells known so far, trained once; None while they have too few bonds."""
        if len(self.known) != self._trained[0]:
            self._trained = len(self.known), self._train()
        return self._trained[1]

    def _train(self) -> LinearModel | None:
        try:
            return learner.train(self.expansion, self.known)
        except ValueError as error:
            self.record["untrained"] = str(error)
            return None

    def save(self) -> None:
        """Write the record, atomically."""
        write_json(path(self.work), self.record | {"code": code_version(), "time": now()})

    @property
    def steps(self) -> list[dict[str, Any]]:
        """What was chosen, step by step."""
        return self.record["steps"]

    @property
    def asked(self) -> set[CellKey]:
        """Cells that were chosen so far."""
        return {key_of(one["cell"]) for step in self.steps for one in step["cells"]}

    def open(self, chosen: Iterable[CellKey] = ()) -> set[CellKey]:
        """Cells that may still be chosen.

        Parameters
        ----------
        chosen : iterable of CellKey
            Cells of this step, beside those of the record.

        Returns
        -------
        set of CellKey
            Cells of the pool that were not chosen, of quenches with fewer than `per_quench` chosen.
        """
        taken = self.asked | set(chosen)
        count = Counter((key.composition, key.run) for key in taken)
        most = self.p.settings_of_learning.per_quench
        return {key for key in self.cells if key not in taken and count[key.composition, key.run] < most}


def path(work: WorkDir) -> Path:
    """File of the record.

    Parameters
    ----------
    work : WorkDir
        The work directory.

    Returns
    -------
    Path
        The file.
    """
    return work.path / "learn" / "learn.json"


def key_of(name: str) -> CellKey:
    """The cell that a name such as ``Ni16Ti16/1/0`` means.

    Parameters
    ----------
    name : str
        Composition, run and sub-run.

    Returns
    -------
    CellKey
        The cell.
    """
    composition, run, sub_run = name.split("/")
    return CellKey(composition, int(run), int(sub_run))
