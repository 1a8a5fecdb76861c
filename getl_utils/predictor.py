"""Predict the ICOHP of every bond of a structure of any size."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.bonds import bond_types, check_structure, neighbour_table, type_of
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
    return {
        t: tuple(chosen.get(t, model.facts["types"][t]["window"])) for t in bond_types(model.elements) if t in model.processes
    }


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
    return in_window(table, limits)


def in_window(bonds: pd.DataFrame, limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The bonds whose distance (Å) lies in their type's window; columns type, distance."""
    low, high = (bonds.type.map({t: w[side] for t, w in limits.items()}).astype(float) for side in (0, 1))
    return bonds[(bonds.distance >= low) & (bonds.distance <= high)].reset_index(drop=True)


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


def structure_name(path: Path) -> str:
    """What a structure's predictions are called: its file's name, or its quench's composition.

    Examples
    --------
    >>> structure_name(Path("runs/quick/quench/Zr920Cu920Al160/1/final.dump")), structure_name(Path("big.data"))
    ('Zr920Cu920Al160-1', 'big')
    """
    ours = path.name == "final.dump" and path.parents[2].name == "quench"
    return f"{path.parents[1].name}-{path.parent.name}" if ours else path.name.split(".")[0]


def per_atom(bonds: pd.DataFrame) -> pd.DataFrame:
    """Sum of −ICOHP over each atom's bonds: atom (0-based), element, bonds, strength (eV)."""
    ends = [bonds[[f"{side}", f"element_{side}", "predicted"]].set_axis(["atom", "element", "icohp"], axis=1) for side in "ij"]
    table = pd.concat(ends).groupby(["atom", "element"]).icohp.agg(bonds="size", strength="sum").reset_index()
    return table.assign(strength=-table.strength)


def predict_file(
    model: Model, path: Path, folder: Path, limits: Mapping[str, Sequence[float]], which: str, lobster_files: bool
) -> list[dict]:
    """Predict the last or all frames of a file; each frame's table is on disk before the next is read.

    Parameters
    ----------
    folder : gets ``<n>_<step>.parquet`` and, with `lobster_files`, LOBSTER's columns. which : ``last`` or ``all``.

    Returns
    -------
    One row per frame: structure, frame, step, atoms, bonds, seconds. A frame that cannot be predicted has its reason in `error`.
    """
    rows, name = [], structure_name(path)
    for n, atoms in enumerate(_chosen(frames(path, model.elements), which), 1):
        start, step = time.perf_counter(), int(atoms.info.get("timestep", 0))
        row = {"structure": name, "frame": n, "step": step, "atoms": len(atoms), "bonds": 0, "seconds": 0.0, "error": ""}
        try:
            check_structure(atoms, where=f"{path}, step {step}")
            bonds = predict(model, atoms, limits)
        except ValueError as error:
            rows.append(row | {"error": str(error)})
            continue
        with atomic_write(folder / f"{n}_{step}.parquet") as temporary:
            bonds.to_parquet(temporary, index=False)
        if lobster_files:
            write_lobster(folder / f"{n}_{step}", bonds, atoms, model, limits)
        rows.append(row | {"bonds": len(bonds), "seconds": round(time.perf_counter() - start, 2)})
    return rows


def _chosen(all_frames: Iterator[Atoms], which: str) -> Iterator[Atoms]:
    return iter(deque(all_frames, maxlen=1)) if which == "last" else all_frames
