"""01_generate's steps, each on its own: quench a run and write its cells, then label them (`label`)."""

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


def protocol(p: Generate, large: bool = False) -> Protocol:
    """The melt–quench of the small cells, or of the large glasses for inference."""
    settings: Quench = p.large_protocol if large else p.quench
    return Protocol(**settings.model_dump(), elements=p.elements)


def seed_of(seed: int, composition: str, run: int) -> int:
    """A seed for each run, the same whatever else is run beside it."""
    return int(content_hash(seed, composition, run), 16) % 900_000_000


def quench(
    work: WorkDir, p: Generate, composition: str, run: int, large: bool = False, progress: bool | str = True
) -> Atoms:
    """Melt and quench one run, unless that is done."""
    return melt_quench(
        parse_composition(composition),
        protocol(p, large),
        work.quench(composition, run),
        seed_of(p.seed, composition, run),
        progress=progress,
    )


def load_glass(
    work: WorkDir, p: Generate, composition: str, run: int, progress: bool | str = True
) -> pd.DataFrame:
    """Load a large glass as `p.loading` says, unless that is done; its stress–strain curve (see
    `loading.stress_strain`).

    Raises
    ------
    ValueError : no loading is asked for, or another one is there. FileNotFoundError : the glass is not
    quenched yet.
    """
    if p.loading_protocol is None:
        raise ValueError("no loading asked for: the parameter `loading` is empty")
    glass = work.require(
        work.quench(composition, run) / "quench.json", f"01_generate's quench of {composition} (step large)"
    )
    return loading.load(
        glass.with_name("final.data"),
        protocol(p, large=True),
        p.loading_protocol,
        work.loading(composition, run),
        seed_of(p.seed, composition, run),
        name=f"{composition}-{run}-loading",
        progress=progress,
    )


def make_cells(work: WorkDir, p: Generate, composition: str, run: int, progress: bool | str = True) -> None:
    """Quench one run and write its deformed copies, what is not there yet."""
    quenched = quench(work, p, composition, run, progress=progress)
    sub_runs.write_sub_runs(
        work, quenched, composition, run, sorted({0, *p.sub_runs}), p.deformations.model_dump()
    )


def thermo(work: WorkDir, p: Generate, composition: str, run: int, large: bool = False) -> pd.DataFrame:
    """The log of a quench, with `time` in ps."""
    log = lammps_log.read_thermo(work.quench(composition, run) / "log.lammps")
    return log.assign(time=log.Step * protocol(p, large).timestep)


def timings(records: dict[Any, dict[str, Any]]) -> pd.DataFrame:
    """One row per label: its cell, status, seconds, bonds and spilling."""
    wanted = ("status", "n_bonds", "seconds", "charge_spilling", "reason")
    return pd.DataFrame([{**key._asdict(), **{w: r.get(w) for w in wanted}} for key, r in records.items()])
