"""A shear band in a large sample: what happens in each column of it, frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.neighbours import neighbours
from getl_utils.inference import displacements, exchange, predictor, surroundings, trajectory
from getl_utils.models.model import Model

MEANS = ["x", "y", "d2min", "exchanged", "strength", "excess", "icosahedron"]


def follow(
    frames: Iterable[Atoms],
    model: Model,
    limits: Mapping[str, Sequence[float]],
    side: float = 5.0,
    hysteresis: float = 0.1,
    threads: int = 1,
    every: int = 5,
) -> pd.DataFrame:
    """Predict the frames of a loading and average over columns along z.

    An atom belongs to the column where it stands in the first frame.

    Parameters
    ----------
    frames : iterable of Atoms
        The same atoms in the same order, the sample at rest first, Å.
    model : Model
        Predicts the bonds.
    limits : mapping of str to (float, float)
        Window of each bond type, Å; see ``predictor.windows``.
    side : float
        Of a column, along x and y, Å.
    hysteresis : float
        As for ``exchange.exchanges``.
    threads : int
        Threads that predict at once.
    every : int
        Voronoi cells are found in the first frame, the last, and every so many; they take longer than bonds.

    Returns
    -------
    DataFrame
        A row for each frame and column: frame, strain, column, atoms (their number) and the means over them
        of x, y (Å, where they stand now), d2min (Å^2, since the first frame), exchanged (bonds broken and
        formed since then), strength (Σ −ICOHP, eV), excess (strength less its mean over the atoms of the
        element in the first frame, eV) and icosahedron (0 or 1; NaN in the frames between).

    Raises
    ------
    ValueError
        An element is unknown to the model, there are fewer than two frames, or their atoms differ.
    """
    path = trajectory.follow_loading(frames)
    reach, number, rest = max(high for _, high in limits.values()), len(path.symbols), path.atoms(0)
    column, strain, near = columns(rest, side), trajectory.strains(path).strain, neighbours(rest, reach)
    first, own_element, rows = None, np.zeros(number), []
    for n in range(len(path.cells)):
        atoms = path.atoms(n)
        table = predictor.predict(model, atoms, limits, sigma=False, threads=threads)
        first = table if first is None else first
        changed = exchange.exchanges([first, table], path.pair(n), limits, hysteresis)
        places = path.scaled[n] @ path.cells[n]
        own = pd.DataFrame({"x": places[:, 0], "y": places[:, 1]})
        own["d2min"] = displacements.d2min(path, n, reach, near)
        own["exchanged"] = exchange.at_atoms(changed[changed.state != "kept"], number)
        own["strength"] = exchange.at_atoms(table, number, -table.predicted)
        if n == 0:
            own_element = own.strength.groupby(path.symbols).transform("mean").to_numpy()
        own["excess"] = own.strength - own_element
        own["icosahedron"] = _icosahedra(atoms) if n % every == 0 or n == len(path.cells) - 1 else np.nan
        groups = own.groupby(column)
        own = groups.mean().assign(frame=n, strain=strain[n], atoms=groups.size())
        rows.append(own.rename_axis("column").reset_index())
    return pd.concat(rows, ignore_index=True)[["frame", "strain", "column", "atoms", *MEANS]]


def _icosahedra(atoms: Atoms) -> np.ndarray:
    """Whether the cell of each atom is an icosahedron; in a process of its own.

    pyscal3 4.1 keeps the memory of every structure, 5 kB an atom, until its process ends.
    """
    with ProcessPoolExecutor(1, get_context("spawn")) as apart:
        return apart.submit(surroundings.geometry, atoms).result()[0].icosahedron.to_numpy(float)


def columns(atoms: Atoms, side: float) -> np.ndarray:
    """Return the number of the column along z in which each atom stands.

    Parameters
    ----------
    atoms : Atoms
        The sample, Å.
    side : float
        Of a column, Å.

    Returns
    -------
    (atoms,) array
        Numbers, from 0.
    """
    place = np.floor(atoms.positions[:, :2] / side).astype(int)
    place -= place.min(axis=0)
    return place[:, 0] * (place[:, 1].max() + 1) + place[:, 1]


def sheared(table: pd.DataFrame, limit: float) -> np.ndarray:
    """Return the columns that the band has gone through at the end.

    Parameters
    ----------
    table : DataFrame
        From `follow`.
    limit : float
        Mean D²min of the last frame above which a column is sheared, Å².

    Returns
    -------
    ndarray
        Numbers of the columns.
    """
    last = table[table.frame == table.frame.max()]
    return last.column[last.d2min > limit].to_numpy()


def inside_and_outside(table: pd.DataFrame, inside: Sequence[int]) -> pd.DataFrame:
    """Return the means of each frame over the atoms inside a band and outside.

    Parameters
    ----------
    table : DataFrame
        From `follow`.
    inside : sequence of int
        Columns of the band, as from `sheared`.

    Returns
    -------
    DataFrame
        frame, strain, inside (True or False), atoms, and the means over them of d2min, exchanged, strength,
        excess and icosahedron.
    """
    names = ["frame", "strain", "inside"]
    known = table.assign(inside=table.column.isin(inside))
    parts = known[MEANS[2:]].mul(known.atoms, axis=0).assign(atoms=known.atoms)
    sums = parts.groupby([known[name] for name in names]).sum(min_count=1)
    return sums[MEANS[2:]].div(sums.atoms, axis=0).assign(atoms=sums.atoms).reset_index()
