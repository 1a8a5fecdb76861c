"""Predict the ICOHP of every bond of a structure of any size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils import layout
from getl_utils.bonds import bond_types, neighbour_table, type_of
from getl_utils.formats import lammps, lobster
from getl_utils.gp import BLOCK
from getl_utils.kernels import Features
from getl_utils.layout import atomic_write
from getl_utils.model import Model


def frames(path: Path, elements: Sequence[str]) -> Iterator[Atoms]:
    """The frames of a LAMMPS dump (``.dump``, ``.lammpstrj``, also gzipped), data file (``.data``), or any file ASE reads.

    Parameters
    ----------
    elements : element of each LAMMPS type, in order.
    """
    kinds = set(path.suffixes)
    if kinds & {".dump", ".lammpstrj"}:
        yield from lammps.read_dump(path, elements)
    elif kinds & {".data", ".lmp"}:
        yield lammps.read_data(path, elements)
    else:
        yield from ase.io.iread(path, index=":")


def windows(model: Model, chosen: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Bond type → shortest and longest bond predicted, Å: as chosen, else the range of the training bonds.

    Raises
    ------
    ValueError : a window for a type the model does not have.
    """
    foreign = sorted(set(chosen) - set(bond_types(model.elements)))
    if foreign:
        raise ValueError(f"window for {', '.join(foreign)}: no bond type of the model's elements {model.elements}")
    return {t: tuple(chosen.get(t, model.facts["types"][t]["window"])) for t in model.processes}


def resolve(name: str, roots: Sequence[str]) -> Path:
    """A structure file given in the parameters: relative to the repository, or to one of the published trees.

    Raises
    ------
    FileNotFoundError : in none of these places.
    """
    places = [layout.resolve(name), *(layout.resolve(root) / name for root in roots)]
    for place in places:
        if place.exists():
            return place
    raise FileNotFoundError(f"structure {name}: no file at {' or '.join(map(str, places))}")


def find_bonds(atoms: Atoms, elements: Sequence[str], limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The bonds of a structure whose distance lies in their type's window, with `type`, `element_i`, `element_j`.

    Raises
    ------
    ValueError : an element outside `elements`.
    """
    symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
    table = neighbour_table(atoms, max(high for _, high in limits.values()))
    table = table.assign(element_i=symbols[table.i], element_j=symbols[table.j])
    table["type"] = type_of(table.element_i, table.element_j, elements)
    low, high = (table.type.map({t: w[side] for t, w in limits.items()}).astype(float) for side in (0, 1))
    return table[(table.distance >= low) & (table.distance <= high)].reset_index(drop=True)


def predict(model: Model, atoms: Atoms, limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Predict every bond of one structure.

    Parameters
    ----------
    limits : from `windows`; bonds of types without a window are not predicted.

    Returns
    -------
    DataFrame : i, j, tx, ty, tz, element_i, element_j, type, distance (Å), predicted (ICOHP, eV, negative = bonding), model_id.

    Raises
    ------
    ValueError : an element that the model has not seen.
    """
    soap = model.soap.compute(atoms)
    bonds = find_bonds(atoms, model.elements, limits)
    predicted = np.empty(len(bonds))
    for bond_type, rows in bonds.groupby("type").indices.items():
        for block in np.array_split(rows, max(1, -(-len(rows) // BLOCK))):
            some = bonds.iloc[block]
            mean = 0.5 * (soap[some.i] + soap[some.j])
            predicted[block] = -model.processes[bond_type].predict(Features(some.distance.to_numpy(), mean))
    return bonds.assign(predicted=predicted, model_id=model.facts["model_id"])


def counts(bonds: pd.DataFrame, types: Sequence[str]) -> pd.DataFrame:
    """Bonds of each type: number, and mean, smallest and largest −ICOHP (eV)."""
    table = (-bonds.predicted).groupby(bonds.type).agg(["size", "mean", "min", "max"]).reindex(types)
    return table.rename(columns={"size": "bonds"}).fillna({"bonds": 0}).astype({"bonds": int}).rename_axis("type").reset_index()


def write_lobster(stem: Path, bonds: pd.DataFrame, atoms: Atoms, model: Model, limits: Mapping[str, Sequence[float]]) -> None:
    """Write ``<stem>_ICOHPLIST.lobster`` in LOBSTER's columns, and ``.info`` with counts, windows and hyperparameters."""
    symbols = atoms.get_chemical_symbols()
    lobster.write_icohplist(stem.with_name(f"{stem.name}_ICOHPLIST.lobster"), bonds.assign(icohp=bonds.predicted), symbols)
    head = "[interaction] [count] [min. dist.] [max. dist.] [zeta] [sigma] [reg. par.]"
    number = bonds.type.value_counts()
    lines = [
        f"{t:>10}{number.get(t, 0):11d}{low:17.2f}{high:17.2f}{h['zeta']:16.2f}{h['theta']:16.2f}{h['gamma']:16.5f}"
        for (t, (low, high)), h in zip(limits.items(), (model.facts["types"][t] for t in limits), strict=True)
    ]
    with atomic_write(stem.with_name(f"{stem.name}_ICOHPLIST.info")) as temporary:
        temporary.write_text("\n".join([f"{len(bonds)} interactions", "", head, *lines]) + "\n")
