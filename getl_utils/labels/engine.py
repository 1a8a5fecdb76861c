"""Label engines: one file each, one template. An engine gives the ICOHP of a structure's bonds.

`Engine.label` does what all engines share: it reads the settings, refuses structures that cannot be labelled
and sets of shells that lack something, runs the calculation, times its parts, projects, and refuses a label
whose spilling is too large. An engine adds `solve` (the self-consistent calculation) and `project` (bands and
their projections on orbitals).
"""

from __future__ import annotations

import difflib
import importlib
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from getl_utils.labels import analysis, common, shells
from getl_utils.labels.icohp import ProjectedBands
from getl_utils.labels.result import COLUMNS, Label, LabelError

__all__ = ["COLUMNS", "Engine", "EngineSettings", "Label", "LabelError", "available", "get", "names"]
NAMES = ("gpaw", "lobster", "qe", "xtb")
PROJECTIONS = ("full", "lobster")
FEWEST = 0.999  # bands an orbital that span it, of projection full
MUCH = 0.05  # charge spilling that is always said
Orbitals = Mapping[str, Sequence[str]]


class EngineSettings(BaseModel):
    """Settings that every engine has."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, protected_namespaces=())

    kpoints: tuple[int, int, int] = Field((1, 1, 1), description="mesh")
    minimum_projection: float = Field(0.01, ge=0, lt=1, description="see `icohp.icohp`")
    # a label with Cu 3d 4s and Zr 4d 5s alone spills 33 %, good ones 0.7 to 1.6 %
    most_spilling: float = Field(0.05, gt=0, le=1, description="of the charge; above it a label is refused")
    check_shells: bool = Field(True, description="refuse orbitals that lack a recommended shell")
    analysis: bool = Field(False, description="also COHP(E), charges and bond indices, by orbitals")
    folds: bool = Field(False, description="take a mesh that folds images, see `common.check_images`")

    @property
    def mesh(self) -> tuple[int, int, int]:
        """The mesh of the bands that are projected."""
        return self.kpoints


class MeshSettings(EngineSettings):
    """Settings of an engine that finds bands on a mesh of their own."""

    band_kpoints: tuple[int, int, int] | None = Field(
        None, description="mesh of the bands, shifted off Γ, in the density of `kpoints`; default: `kpoints`"
    )

    @property
    def mesh(self) -> tuple[int, int, int]:
        """The mesh of the bands that are projected."""
        return self.band_kpoints or self.kpoints


@dataclass(frozen=True)
class Job:
    """What an engine is asked for: atoms, element → shells, shortest and longest bond (Å), its settings."""

    atoms: Atoms
    orbitals: Orbitals
    window: tuple[float, float]
    settings: Any

    @property
    def formula(self) -> str:
        """Chemical formula of the atoms."""
        return self.atoms.get_chemical_formula()

    @property
    def elements(self) -> list[str]:
        """The elements, each once, by name."""
        return sorted(set(self.atoms.get_chemical_symbols()))


class Projected(NamedTuple):
    """Bands of one calculation in one or two projections, and facts for the record.

    `moved` (atoms, 3) has the lattice vectors by which the program moved each atom; None: it moved none.
    `electrons`: element → electrons of the neutral atom in these bands; an analysis needs it.
    """

    bands: dict[str, ProjectedBands]
    record: dict[str, Any]
    moved: np.ndarray | None = None
    electrons: dict[str, float] | None = None


class Engine:
    """Template of all engines; a module of this room offers one as `ENGINE`.

    Attributes
    ----------
    name : str
        Name of the engine.
    preview : bool
        True if its numbers are for looking at, not for a database.
    analyses : bool
        True if it gives COHP(E), charges and bond indices.
    Settings : type
        Its settings; `Settings.model_fields` says what each means.
    """

    name: ClassVar[str]
    preview: ClassVar[bool] = False
    analyses: ClassVar[bool] = False
    Settings: ClassVar[type[EngineSettings]] = EngineSettings

    def missing(self) -> str | None:
        """Return None if the engine is usable here, otherwise what is missing and how to install it."""
        raise NotImplementedError

    def solve(self, job: Job) -> AbstractContextManager[Any]:
        """Hold the self-consistent solution of a job, in whatever form `project` takes."""
        raise NotImplementedError

    def project(self, solved: Any, job: Job) -> Projected:
        """Project the bands of a solution on the job's orbitals."""
        raise NotImplementedError

    def shells_of_data_sets(self, job: Job) -> dict[str, list[str]]:
        """Return element → shells that can be projected on: the data set holds them; not for a preview."""
        raise NotImplementedError

    def label(
        self, atoms: Atoms, *, orbitals: Orbitals, minimum_distance: float, cutoff: float, **settings: Any
    ) -> Label:
        """Label all bonds of a structure whose length lies within a window.

        A mesh of N k points cannot tell an image of a pair from the one N cells away. The value goes to the
        shortest image. Longer ones are left out and counted in the record (`folded_images`); equally short
        ones share the value. Such a mesh is refused without the setting `folds`; a preview engine takes it.

        Parameters
        ----------
        atoms : Atoms
            Periodic in three directions.
        orbitals : mapping
            Element → shells of the local basis, e.g. ``{"Al": ["3s", "3p"]}``.
        minimum_distance : float
            Length of the shortest bond, Å.
        cutoff : float
            Length of the longest bond, Å.
        **settings
            The engine's own, see `Settings`.

        Returns
        -------
        Label
            Bonds and record.

        Raises
        ------
        LabelError
            The calculation failed or the label is worthless; its `status` says how.
        ValueError
            The structure, the orbitals or a setting cannot be right.
        """
        job = Job(atoms, orbitals, (minimum_distance, cutoff), self.read(settings))
        self.check(job)
        start = time.perf_counter()
        with self.solve(job) as solved:
            middle = time.perf_counter()
            try:
                bonds, record = self.bonds(solved, job)
            except (ValueError, FileNotFoundError) as error:
                raise LabelError("NO_ICOHP", f"{job.formula}: {error}") from error
        end = time.perf_counter()
        record |= {"engine": self.name, "preview": self.preview, "settings": job.settings.model_dump()}
        record |= {"seconds": end - start, "seconds_scf": middle - start, "seconds_cohp": end - middle}
        record.setdefault("warnings", []).extend(self.judge(record, job))
        return Label(bonds, record, record.pop("analysis", None))

    def read(self, given: Mapping[str, Any]) -> Any:
        """Check settings; ValueError names one that the engine does not have, or a value that cannot be."""
        unknown = sorted(set(given) - set(self.Settings.model_fields))
        if unknown:
            known = ", ".join(self.Settings.model_fields)
            raise ValueError(f"engine {self.name} has no setting {unknown[0]!r}; it has {known}")
        try:
            return self.Settings(**given)
        except ValidationError as error:
            why = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            raise ValueError(f"settings of engine {self.name}: {why}") from None

    def check(self, job: Job) -> None:
        """Refuse a structure or orbitals that cannot be labelled, before anything runs."""
        s, asked = job.settings, {e: job.orbitals[e] for e in job.elements if e in job.orbitals}
        common.check(job.atoms, asked, job.window[1], self.name, s.mesh)
        if s.analysis and not self.analyses:
            raise ValueError(
                f"engine {self.name} gives no analysis; leave `analysis` out, or take gpaw or qe"
            )
        if self.preview:
            return
        if not s.folds:
            common.check_images(job.atoms, job.window[1], s.mesh)
        there = self.shells_of_data_sets(job)
        shells.check_held(asked, there)
        if s.check_shells:
            shells.check(asked, there)

    def bonds(self, solved: Any, job: Job) -> tuple[pd.DataFrame, dict[str, Any]]:
        """Return the bonds of a solution in all its projections, and facts for the record."""
        found = self.project(solved, job)
        name, s = getattr(job.settings, "projection", "full"), job.settings
        table, facts = common.bonds(
            found.bands, name, job.atoms, job.window, s.minimum_projection, s.mesh, found.moved
        )
        record = found.record | facts | {"projection": name}
        if s.analysis:
            record["analysis"] = self.analyse(found, table, job, name)
        return table, record

    def analyse(self, found: Projected, table: pd.DataFrame, job: Job, projection: str) -> Any:
        """Return COHP(E), charges and bond indices by orbitals."""
        s, shells_used = job.settings, found.record["orbitals_used"]
        return analysis.analyse(
            found.bands[projection], job.atoms, table, shells_used, found.electrons, s.smearing,
            s.minimum_projection, s.mesh, found.moved,
        )  # fmt: skip

    def judge(self, record: Mapping[str, Any], job: Job) -> list[str]:
        """Return warnings; LabelError SPILLED if the orbitals miss too much of the charge."""
        spilt, limit = record.get("charge_spilling") or 0.0, job.settings.most_spilling
        said = f"charge spilling {spilt:.1%}"
        if spilt > limit and not self.preview:
            hint = shells.advice({e: job.orbitals[e] for e in job.elements})
            raise LabelError("SPILLED", f"{job.formula}: {said} is more than the {limit:.0%} allowed; {hint}")
        lost = record.get("dropped_electrons", 0.0)
        outside = f"{lost:.2f} electrons are in bands outside the orbitals; the basis lacks something"
        share = record.get("bands_per_orbital", 1.0) if record.get("projection") == "full" else 1.0
        few = (
            f"{share:.3f} bands an orbital: values of projection full are right from 1 on; raise band_factor"
        )
        warned = {
            outside: lost > 0.01,
            said: spilt > min(limit, MUCH),
            few: share < FEWEST and not self.preview,
        }
        return [text for text, true in warned.items() if true]


def names() -> list[str]:
    """Return the names of all engines; each is a module of this room that offers ``ENGINE``."""
    return list(NAMES)


def get(name: str) -> Engine:
    """Return an engine; its program is imported only when it is used.

    Parameters
    ----------
    name : str
        One of `names`.

    Returns
    -------
    Engine
        The engine.

    Raises
    ------
    ValueError
        No such engine; the message names the nearest and all known ones.

    Examples
    --------
    >>> get("xtb").preview
    True
    """
    known = names()
    if name not in known:
        near = difflib.get_close_matches(str(name), known, 1, 0.0)
        raise ValueError(
            f"unknown label engine {name!r}; did you mean {near[0]!r}? Known: {', '.join(known)}"
        )
    return importlib.import_module(f"{__package__}.{name}").ENGINE


def available() -> dict[str, str | None]:
    """Return every engine's name → None if it is usable here, otherwise what is missing."""
    return {name: get(name).missing() for name in names()}


def preview_note(name: str) -> str:
    """Return what must stand on figures made from an engine's labels; empty if they are no preview.

    Parameters
    ----------
    name : str
        An engine, or several joined by " + ".

    Returns
    -------
    str
        The note.
    """
    known = any(part in names() and get(part).preview for part in name.split(" + "))
    return f"preview: {name} labels, not DFT" if known else ""
