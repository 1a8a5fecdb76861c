"""Steps of 01_generate, each on its own: quench a run, write its cells, load a large glass."""

from __future__ import annotations

from typing import Any

import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import parse_composition
from getl_utils.core.parameters import Generate, Quench
from getl_utils.core.record import content_hash
from getl_utils.core.workdir import WorkDir
from getl_utils.files import lammps_log
from getl_utils.generate import loading, sub_runs
from getl_utils.generate.quench import Protocol, melt_quench


def protocol(p: Generate, composition: str, large: bool = False) -> Protocol:
    """The melt–quench of a small cell, or of a large glass.

    LAMMPS numbers the types in the order of `elements`. Elements behind the last one of the composition have
    no atoms and are left out, so that a potential of fewer elements can be used.

    Parameters
    ----------
    p : Generate
        Parameters.
    composition : str
        Nominal composition.
    large : bool
        Whether it is that of the large glasses.

    Returns
    -------
    Protocol
        The melt–quench.
    """
    settings: Quench = p.large_protocol if large else p.quench
    there = {name for name, number in parse_composition(composition).items() if number}
    last = max((n for n, name in enumerate(p.elements, 1) if name in there), default=len(p.elements))
    return Protocol(**settings.model_dump(), elements=p.elements[:last])


def seed_of(seed: int, composition: str, run: int) -> int:
    """The seed of a run; it does not depend on the other runs.

    Parameters
    ----------
    seed : int
        The parameter `seed`.
    composition : str
        Nominal composition.
    run : int
        Number of the quench.

    Returns
    -------
    int
        The seed.
    """
    return int(content_hash(seed, composition, run), 16) % 900_000_000


def quench(
    work: WorkDir, p: Generate, composition: str, run: int, large: bool = False, progress: bool | str = True
) -> Atoms:
    """Melt and quench one run, unless that is done.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters.
    composition : str
        Nominal composition.
    run : int
        Number of the quench.
    large : bool
        Whether it is a large glass.
    progress : bool or str
        As `progress.line` takes it.

    Returns
    -------
    Atoms
        The quenched cell, Å.
    """
    return melt_quench(
        parse_composition(composition),
        protocol(p, composition, large),
        work.quench(composition, run),
        seed_of(p.seed, composition, run),
        progress=progress,
    )


def load_glass(
    work: WorkDir,
    p: Generate,
    composition: str,
    run: int,
    progress: bool | str = True,
    into: WorkDir | None = None,
) -> pd.DataFrame:
    """Load a large glass as `p.loading` says, unless that is done.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters.
    composition : str
        Nominal composition.
    run : int
        Number of the quench.
    progress : bool or str
        As `progress.line` takes it.
    into : WorkDir, optional
        Where the loading goes, if not into `work`; so a glass can be loaded in several ways.

    Returns
    -------
    DataFrame
        The stress–strain curve, as `loading.stress_strain` gives it.

    Raises
    ------
    ValueError
        No loading is asked for, or the folder holds another one.
    FileNotFoundError
        The glass is not quenched yet.
    """
    if p.loading_protocol is None:
        raise ValueError("no loading asked for: the parameter `loading` is empty")
    glass = work.require(
        work.quench(composition, run) / "quench.json", f"01_generate's quench of {composition} (step large)"
    )
    return loading.load(
        glass.with_name("final.data"),
        protocol(p, composition, large=True),
        p.loading_protocol,
        (into or work).loading(composition, run),
        seed_of(p.seed, composition, run),
        name=f"{composition}-{run}-loading",
        progress=progress,
    )


def make_cells(work: WorkDir, p: Generate, composition: str, run: int, progress: bool | str = True) -> None:
    """Quench one run and write its deformed copies, those that are not there yet.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters.
    composition : str
        Nominal composition.
    run : int
        Number of the quench.
    progress : bool or str
        As `progress.line` takes it.
    """
    quenched = quench(work, p, composition, run, progress=progress)
    sub_runs.write_sub_runs(
        work, quenched, composition, run, sorted({0, *p.sub_runs}), p.deformations.model_dump()
    )


def thermo(work: WorkDir, p: Generate, composition: str, run: int, large: bool = False) -> pd.DataFrame:
    """The log of a quench.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters.
    composition : str
        Nominal composition.
    run : int
        Number of the quench.
    large : bool
        Whether it is a large glass.

    Returns
    -------
    DataFrame
        The thermo rows, with `time` in ps.
    """
    log = lammps_log.read_thermo(work.quench(composition, run) / "log.lammps")
    return log.assign(time=log.Step * protocol(p, composition, large).timestep)


def timings(records: dict[Any, dict[str, Any]]) -> pd.DataFrame:
    """What became of the labels and how long they took.

    Parameters
    ----------
    records : dict
        CellKey → the label's record.

    Returns
    -------
    DataFrame
        One row per label: its cell, status, bonds, seconds, charge spilling and reason.
    """
    wanted = ("status", "n_bonds", "seconds", "charge_spilling", "reason")
    return pd.DataFrame([{**key._asdict(), **{w: r.get(w) for w in wanted}} for key, r in records.items()])
