"""Describe the bonds of cells: one file of numbers for each cell, computed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.neighbours import neighbours
from getl_utils.core.once import once, standing
from getl_utils.core.record import atomic_write, content_hash, write_json
from getl_utils.core.workdir import WorkDir


class Descriptor(NamedTuple):
    """One way to describe.

    Attributes
    ----------
    settings : dict
        What it depends on, as JSON.
    compute : callable
        Function of a cell and its bonds (n, 5) that returns one row for each bond or for each atom.
    """

    settings: dict[str, Any]
    compute: Callable[[Atoms, np.ndarray], np.ndarray]


def describe(
    work: WorkDir, key: CellKey, bonds: pd.DataFrame, chosen: Mapping[str, Descriptor]
) -> dict[str, np.ndarray]:
    """Describe the bonds of one cell, unless that was done before.

    Parameters
    ----------
    work : WorkDir
        Where the cell is, and where the numbers are written.
    key : CellKey
        The cell.
    bonds : DataFrame
        Its bonds, with i, j, tx, ty, tz.
    chosen : mapping
        Name → descriptor.

    Returns
    -------
    dict
        Name → (n, n_features), and ``bonds``: (n, 5).

    Raises
    ------
    ValueError
        The cell is damaged or has another element.
    """
    rows, path = bonds[BOND].to_numpy(np.int64), work.descriptors(*key)

    def make() -> dict[str, Any]:
        """Compute and write the descriptors."""
        atoms = cells.read(work.cell(*key))
        arrays = {name: one.compute(atoms, rows) for name, one in chosen.items()}
        with atomic_write(path) as temporary, temporary.open("wb") as out:
            np.savez(out, bonds=rows, **arrays)
        return {"cell_id": identity["cell_id"], "run_id": atoms.info.get("run_id", ""), "bonds": len(rows)}

    record = path.with_suffix(".json")
    identity = _identity(work, key, rows, {name: one.settings for name, one in chosen.items()})
    once(record, identity, make, [path.name], replace=True, repair=True)
    return _load(work, key)


def describe_cells(work: WorkDir, bonds: pd.DataFrame, chosen: Mapping[str, Descriptor]) -> None:
    """Write the settings of the descriptors, and describe the bonds of each cell.

    Parameters
    ----------
    work : WorkDir
        Where the cells are, and where the numbers are written.
    bonds : DataFrame
        Bonds of the cells, with composition, run, sub_run and the columns that `describe` needs.
    chosen : mapping
        Name → descriptor.

    Raises
    ------
    ValueError
        A cell is damaged or has another element.
    """
    remember(work, chosen)
    for key, rows in bonds.groupby(KEY, sort=False):
        describe(work, CellKey(*key), rows, chosen)


def _identity(
    work: WorkDir, key: CellKey, rows: np.ndarray, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    bonds = content_hash(rows.tolist())
    return {"cell_id": content_hash(work.cell(*key)), "bonds": bonds, "descriptors": dict(settings)}


def _load(work: WorkDir, key: CellKey) -> dict[str, np.ndarray]:
    with np.load(work.descriptors(*key), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


def read(
    work: WorkDir, key: CellKey, bonds: pd.DataFrame, settings: Mapping[str, Mapping[str, Any]]
) -> dict[str, np.ndarray]:
    """Read what `describe` wrote for one cell.

    Parameters
    ----------
    work : WorkDir
        Where the numbers are.
    key : CellKey
        The cell.
    bonds : DataFrame
        Its bonds.
    settings : mapping
        Name → settings of each descriptor, as `remember` wrote them.

    Returns
    -------
    dict
        As of `describe`.

    Raises
    ------
    ValueError
        There is nothing, or it is of another cell, other bonds or other settings, or damaged.
    """
    record, rows = work.descriptors(*key).with_suffix(".json"), bonds[BOND].to_numpy(np.int64)
    try:
        found = standing(record, _identity(work, key, rows, settings))
    except (ValueError, FileNotFoundError) as error:
        raise ValueError(f"{error}: run 03_transform again, with the same work_dir") from None
    if found is None:
        raise ValueError(f"{record} is not there: run 03_transform again, with the same work_dir")
    return _load(work, key)


def remember(work: WorkDir, chosen: Mapping[str, Descriptor]) -> None:
    """Write the settings of the descriptors, which 04_load reads.

    Parameters
    ----------
    work : WorkDir
        Gets ``descriptors/descriptors.json``.
    chosen : mapping
        Name → descriptor.
    """
    write_json(
        work.path / "descriptors" / "descriptors.json", {name: one.settings for name, one in chosen.items()}
    )


def checks(atoms: Atoms, arrays: Mapping[str, np.ndarray], cutoff: float) -> dict[str, Any]:
    """Check the numbers of one cell before anything learns from them.

    Parameters
    ----------
    atoms : Atoms
        The cell.
    arrays : mapping
        From `describe`.
    cutoff : float
        Distance of an atom's neighbours, Å.

    Returns
    -------
    dict
        ``bonds``: how many; ``not_finite``: numbers that are not finite; ``norm_error``: largest deviation
        of a SOAP vector's length from 1 (NaN without SOAP); ``isolated``: atoms without neighbour;
        ``species``: elements.
    """
    soap = arrays.get("soap")
    return {
        "bonds": len(arrays["bonds"]),
        "not_finite": int(sum((~np.isfinite(array)).sum() for array in arrays.values())),
        "norm_error": np.nan if soap is None else float(np.abs(np.linalg.norm(soap, axis=1) - 1).max()),
        "isolated": len(atoms) - neighbours(atoms, cutoff).i.nunique(),
        "species": sorted(set(atoms.get_chemical_symbols())),
    }


def principal_components(vectors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Project vectors on their first two principal components.

    Parameters
    ----------
    vectors : (n_rows, n_columns)
        Any numbers.

    Returns
    -------
    coordinates : (n_rows, 2)
        Along each component.
    explained : (2,)
        Fraction of the variance along each.
    """
    centred = vectors - vectors.mean(axis=0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    values, axes = np.maximum(values[::-1], 0), axes[:, ::-1]
    return centred @ axes[:, :2], values[:2] / values.sum()
