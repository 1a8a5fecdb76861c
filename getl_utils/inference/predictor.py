"""Predict the ICOHP of every bond of a structure, and of the frames of files; a stopped run can go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from ase import Atoms

from getl_utils.core.bonds import BOND, bond_types, check_structure
from getl_utils.core.process import lock
from getl_utils.files.frames import readings
from getl_utils.files.text import reason
from getl_utils.inference import storing
from getl_utils.models import bond_expansion
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.bond_predict import Prediction
from getl_utils.models.model import Model

NOTHING = {"step": -1, "atoms": 0, "bonds": 0, "seconds": 0.0, "error": ""}  # of a frame that failed


def windows(model: Model, chosen: Mapping[str, Sequence[float]]) -> dict[str, tuple[float, float]]:
    """Shortest and longest bond that is predicted, for each type.

    Parameters
    ----------
    model : Model
        Knows the types and the range of the training bonds.
    chosen : mapping
        Bond type → window, Å; a type that is not named has the range of the training bonds.

    Returns
    -------
    dict
        Bond type → window, Å, of every type of the model.

    Raises
    ------
    ValueError
        A window for a type that the model's elements do not form, or an empty one.
    """
    possible = bond_types(model.elements)
    foreign = sorted(set(chosen) - set(possible))
    if foreign:
        raise ValueError(
            f"window for {', '.join(foreign)}: no bond type of the model's elements {model.elements}"
        )
    empty = [t for t, (low, high) in chosen.items() if not 0 < low < high]
    if empty:
        raise ValueError(f"window for {', '.join(empty)}: the first number must be smaller than the second")
    return {t: tuple(chosen.get(t, model.facts.types[t].window)) for t in model.types}


def find_bonds(atoms: Atoms, elements: Sequence[str], limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """Find the bonds of a structure whose distance lies in the window of their type.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    elements : sequence of str
        In the order that names the bond types.
    limits : mapping
        Bond type → window, Å.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, distance (Å), element_i, element_j, type.

    Raises
    ------
    ValueError
        An element outside `elements`.
    """
    expansion = BondExpansion(tuple(elements))
    bonds = bond_expansion.find_bonds(expansion, atoms, {t: tuple(w) for t, w in limits.items()})
    symbols = np.array(atoms.get_chemical_symbols(), object)
    order = {element: n for n, element in enumerate(elements)}
    table = pd.DataFrame(bonds, columns=BOND).assign(distance=bond_expansion.lengths(atoms, bonds))
    first, second = symbols[bonds[:, 0]], symbols[bonds[:, 1]]
    pairs = zip(first, second, strict=True)
    names = ["-".join(sorted(pair, key=order.__getitem__)) for pair in pairs]
    return table.assign(element_i=first, element_j=second, type=names)


def in_window(bonds: pd.DataFrame, limits: Mapping[str, Sequence[float]]) -> pd.DataFrame:
    """The bonds whose distance lies in the window of their type.

    Parameters
    ----------
    bonds : DataFrame
        With type and distance (Å).
    limits : mapping
        Bond type → window, Å.

    Returns
    -------
    DataFrame
        Some of the rows.
    """
    low, high = (bonds.type.map({t: w[side] for t, w in limits.items()}).astype(float) for side in (0, 1))
    return bonds[(bonds.distance >= low) & (bonds.distance <= high)].reset_index(drop=True)


def predict(
    model: Model, atoms: Atoms, limits: Mapping[str, Sequence[float]], sigma: bool = True, threads: int = 1
) -> pd.DataFrame:
    """Predict every bond of one structure, all in memory.

    Parameters
    ----------
    model : Model
        What predicts.
    atoms : Atoms
        The structure.
    limits : mapping
        From `windows`; bonds of types without a window are not predicted.
    sigma : bool
        Also `sigma` (eV) and `outside`.
    threads : int
        Threads that predict at once.

    Returns
    -------
    DataFrame
        i, j, tx, ty, tz, distance (Å), element_i, element_j, type, predicted (ICOHP, eV, negative = bonding),
        model_id, sigma (eV), outside.

    Raises
    ------
    ValueError
        An element that the model has not seen, or a structure that is damaged.
    """
    return pa.concat_tables(
        storing.tables(model, atoms, _estimate(model, atoms, limits, sigma, threads))
    ).to_pandas()


def _estimate(
    model: Model, atoms: Atoms, limits: Mapping[str, Sequence[float]], sigma: bool, threads: int
) -> Prediction:
    if not limits:
        raise ValueError("the model has no type of bond to predict")
    foreign = sorted(set(atoms.get_chemical_symbols()) - set(model.elements))
    if foreign:
        seen = ", ".join(model.elements)
        raise ValueError(f"element {', '.join(foreign)} is unknown to the model, which has seen {seen} only")
    return model.predict(atoms, {t: tuple(w) for t, w in limits.items()}, sigma, threads)


def counts(bonds: pd.DataFrame, types: Sequence[str]) -> pd.DataFrame:
    """Count the bonds of each type.

    Parameters
    ----------
    bonds : DataFrame
        From `predict`.
    types : sequence of str
        Bond types, in the order of the rows.

    Returns
    -------
    DataFrame
        type, bonds, mean, min, max of −ICOHP (eV) and, where there is a σ, the fraction `outside`.
    """
    table = (-bonds.predicted).groupby(bonds.type).agg(["size", "mean", "min", "max"]).reindex(types)
    table = table.rename(columns={"size": "bonds"}).fillna({"bonds": 0}).astype({"bonds": int})
    if "outside" in bonds:
        table["outside"] = bonds.groupby("type").outside.mean().reindex(types)
    return table.rename_axis("type").reset_index()


def per_atom(bonds: pd.DataFrame) -> pd.DataFrame:
    """Sum −ICOHP over the bonds of each atom.

    Parameters
    ----------
    bonds : DataFrame
        From `predict`.

    Returns
    -------
    DataFrame
        atom (0-based), element, bonds, strength (eV).
    """
    names = ["atom", "element", "icohp"]
    ends = [bonds[[side, f"element_{side}", "predicted"]].set_axis(names, axis=1) for side in "ij"]
    table = pd.concat(ends).groupby(["atom", "element"]).icohp.agg(bonds="size", strength="sum").reset_index()
    return table.assign(strength=-table.strength)


def predict_file(
    model: Model,
    path: Path,
    folder: Path,
    limits: Mapping[str, Sequence[float]],
    which: str,
    lobster_files: bool,
    sigma: bool = True,
    threads: int = 1,
    tick: Callable[[int], object] = lambda n: None,
    elements: Sequence[str] = (),
    isolated: bool = False,
) -> list[dict]:
    """Predict the last or all frames of a file; each frame is on disk before the next is read.

    The record of a frame, ``<n>_<step>.json``, is written after its tables. A frame whose record has the same
    `prediction_id` (the hash of model, windows, settings and structure) and whose tables are as it says is
    not predicted again. The structure is called as the folder is.

    Parameters
    ----------
    model : Model
        What predicts.
    path : Path
        Structure file, see ``frames.readings``.
    folder : Path
        Gets ``<n>_<step>.parquet`` (the bonds), ``atoms/<n>_<step>.parquet`` (sums over each atom's bonds)
        and the record.
    limits : mapping
        From `windows`.
    which : str
        ``last`` or ``all`` frames.
    lobster_files : bool
        Also LOBSTER's columns; all bonds of a frame are then held as a table in memory.
    sigma : bool
        Also `sigma` (eV) and `outside` of each bond.
    threads : int
        Threads that predict at once.
    tick : callable
        Called with the number of atoms of each frame that is done.
    elements : sequence of str
        Elements of the LAMMPS types, as the user gave them; the model's by default.
    isolated : bool
        A structure without lattice is a cluster.

    Returns
    -------
    list of dict
        One row per frame: structure, frame, step, atoms, bonds, seconds, error (why it could not be read or
        predicted), model_id, prediction_id.

    Raises
    ------
    ValueError
        The folder holds the prediction of another file.
    """
    rows, reading = [], {"elements": list(elements or model.elements)}
    reading |= {"isolated": isolated, "given": bool(elements)}
    source = storing.source(path) | reading
    job = storing.Job(model, dict(limits), sigma, lobster_files)
    with lock(folder):
        storing.refuse_other(folder, source)
        for n, atoms in enumerate(readings(path, which=which, **reading), 1):
            row = {"structure": folder.name, "frame": n, **NOTHING, "model_id": model.model_id}
            row["prediction_id"] = ""
            rows.append(row)
            if isinstance(atoms, ValueError):
                row["error"] = str(atoms)
                continue
            row |= {"step": int(atoms.info.get("timestep", 0)), "atoms": len(atoms)}
            origin = source | {k: row[k] for k in ("structure", "frame", "step")}
            try:
                check_structure(atoms, where=f"{path}, step {row['step']}")
                row |= storing.frame(
                    job,
                    atoms,
                    folder / f"{n}_{row['step']}",
                    origin,
                    lambda a=atoms: storing.tables(model, a, _estimate(model, a, limits, sigma, threads)),
                )
            except (ValueError, RuntimeError, MemoryError) as error:
                row["error"] = reason(error, path)
            tick(len(atoms))
    return rows
