"""Trace a labelled bond back to its label, cell, descriptors and melt–quench."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from getl_utils.core.record import content_hash, damaged, read_json
from getl_utils.core.workdir import WorkDir, relative
from getl_utils.generate import lammps
from getl_utils.labels.status import ICOHPLIST, RECORD


class Link(NamedTuple):
    """One step of the way back.

    Attributes
    ----------
    what : str
        What it is.
    id : str
        Its id.
    facts : dict
        What is known of it.
    wrong : list of str
        What is not as recorded; empty if all is.
    """

    what: str
    id: str
    facts: dict[str, Any]
    wrong: list[str]


def of_bond(work: WorkDir, bond: Any) -> Iterator[Link]:
    """Trace a labelled bond back to its label, cell, descriptors and melt–quench.

    Parameters
    ----------
    work : WorkDir
        Holds them.
    bond : Series or named tuple
        Row of the bond table.

    Yields
    ------
    Link
        Each step.
    """
    key = (bond.composition, bond.run, bond.sub_run)
    yield _label_link(work, key, bond)
    cell = work.cell(*key)
    there = cell.exists() and content_hash(cell) == bond.cell_id
    wrong = [] if there else [f"{cell} is gone or another"]
    yield Link("cell", bond.cell_id, {"file": relative(cell)}, wrong)
    yield _descriptors_link(work, key, bond.cell_id)
    yield _run_link(work.quench(*key[:2]) / "quench.json", key, bond.run_id)


def _label_link(work: WorkDir, key: tuple, bond: Any) -> Link:
    """The label; that of a batch job of LOBSTER has the hash of its list as id."""
    record = work.label(*key) / RECORD
    batch = record.with_name("lobster.json")
    if record.exists():
        facts, found = read_json(record), read_json(record).get("label_id")
    elif batch.exists():
        record, listed = batch, batch.with_name(ICOHPLIST)
        facts = {"engine": bond.engine, **read_json(batch)}
        found = content_hash(listed) if listed.exists() else None
    else:
        facts = {"engine": bond.engine, "folder": "read from a published tree"}
        return Link("label", bond.label_id, facts, [])
    wrong = [] if found == bond.label_id else ["another label has taken its place"]
    facts = {"folder": relative(record.parent), **facts}
    return Link("label", bond.label_id, facts, damaged(record) + wrong)


def _run_link(record: Path, key: tuple, run_id: str) -> Link:
    """The melt–quench, or that it was made elsewhere."""
    if not record.exists():
        facts = {"composition": key[0], "run": int(key[1]), "quench": "not made here"}
        return Link("run", run_id, facts, [])
    facts = read_json(record)
    same = run_id == lammps.run_id("quench", facts["identity"])
    return Link("run", run_id, facts, damaged(record) + ([] if same else ["another run has taken its place"]))


def _descriptors_link(work: WorkDir, key: tuple, cell_id: str) -> Link:
    """The vectors of the bond's atoms, as they were when the database took them over."""
    record = work.descriptors(*key).with_suffix(".json")
    if not record.exists():
        return Link("descriptors", cell_id, {}, [f"{record} is not there: run 03_transform again"])
    facts = read_json(record)
    same = facts.get("cell_id") == cell_id
    wrong = damaged(record) + ([] if same else ["another cell's have taken their place"])
    return Link("descriptors", cell_id, {"file": relative(record), **facts}, wrong)
