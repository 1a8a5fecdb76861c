"""Predict the ICOHP of every bond of a structure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from ase import Atoms

from getl_utils.core.bonds import BOND, bond_types
from getl_utils.models import bond_list
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.bond_predict import Prediction
from getl_utils.models.model import Model

CHUNK = 200_000  # bonds of one table


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
    bonds = bond_list.find_bonds(expansion, atoms, {t: tuple(w) for t, w in limits.items()})
    symbols = np.array(atoms.get_chemical_symbols(), object)
    order = {element: n for n, element in enumerate(elements)}
    table = pd.DataFrame(bonds, columns=BOND).assign(distance=bond_list.lengths(atoms, bonds))
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
    return pa.concat_tables(tables(model, atoms, estimate(model, atoms, limits, sigma, threads))).to_pandas()


def estimate(
    model: Model, atoms: Atoms, limits: Mapping[str, Sequence[float]], sigma: bool, threads: int
) -> Prediction:
    """Predict every bond of one structure, as arrays; `tables` writes them as tables.

    Parameters
    ----------
    model : Model
        What predicts.
    atoms : Atoms
        The structure.
    limits : mapping
        From `windows`.
    sigma : bool
        Also σ and whether the bond is outside.
    threads : int
        Threads that predict at once.

    Returns
    -------
    Prediction
        The bonds.

    Raises
    ------
    ValueError
        An element that the model has not seen, or no window.
    """
    if not limits:
        raise ValueError("the model has no type of bond to predict")
    foreign = sorted(set(atoms.get_chemical_symbols()) - set(model.elements))
    if foreign:
        seen = ", ".join(model.elements)
        raise ValueError(f"element {', '.join(foreign)} is unknown to the model, which has seen {seen} only")
    return model.predict(atoms, {t: tuple(w) for t, w in limits.items()}, sigma, threads)


def tables(model: Model, atoms: Atoms, found: Prediction) -> Iterator[pa.Table]:
    """The bonds of a prediction, a table of `CHUNK` rows at a time.

    Parameters
    ----------
    model : Model
        What predicted.
    atoms : Atoms
        The structure.
    found : Prediction
        Its bonds.

    Yields
    ------
    pyarrow.Table
        The columns of `predict`.
    """
    numbers = np.unique(atoms.numbers)
    symbols = [Atoms(numbers=[n]).get_chemical_symbols()[0] for n in numbers]
    kinds = np.searchsorted(numbers, atoms.numbers)
    for first in range(0, max(len(found.bonds), 1), CHUNK):
        some = slice(first, first + CHUNK)
        bonds = found.bonds[some]
        columns: dict[str, Any] = dict(zip(BOND, bonds.T.astype(np.int32), strict=True))
        columns["distance"] = found.distance[some]
        columns["element_i"], columns["element_j"] = (_words(kinds[bonds[:, end]], symbols) for end in (0, 1))
        columns["type"] = _words(found.types[some], found.names)
        columns["predicted"] = -found.mean[some]
        columns["model_id"] = _words(np.zeros(len(bonds), np.int8), [model.model_id])
        if len(found.sigma) == len(found.mean):
            columns |= {"sigma": found.sigma[some], "outside": found.outside[some]}
        yield pa.table(columns)


def _words(places: np.ndarray, words: Sequence[str]) -> pa.Array:
    return pa.DictionaryArray.from_arrays(
        pa.array(places, pa.int32()), pa.array(words, pa.string())
    ).dictionary_decode()


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
