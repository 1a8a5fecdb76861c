"""How far a structure's environments lie outside the training set: distance in SOAP space, and the predictive
σ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import KEY, quench_of
from getl_utils.etl.database import Database
from getl_utils.etl.features import Features
from getl_utils.inference import predictor
from getl_utils.models.model import Model

MOST = 3000  # training environments per element that are compared with, drawn evenly
BONDS = 300  # bonds per type whose σ is computed, drawn evenly
QUANTILE = 0.99  # of the training environments' own distances: beyond it an environment is new
LIMIT = 0.10  # of atoms or bonds that may be beyond it before it is called drift


def environments(stored: Database) -> pd.DataFrame:
    """Each atom of the database's bonds once: row (of `stored.soap`), element, run (composition and
    number)."""
    ends = [
        stored.bonds[[f"row_{side}", f"element_{side}", *KEY[:2]]].set_axis(
            ["row", "element", *KEY[:2]], axis=1
        )
        for side in "ij"
    ]
    table = pd.concat(ends).drop_duplicates("row").sort_values("row", ignore_index=True)
    return table.assign(run=quench_of(table))[["row", "element", "run"]]


def _nearest(vectors: np.ndarray, known: np.ndarray, other: np.ndarray | None = None) -> np.ndarray:
    """√(2 − 2 max s·s′) of unit vectors (n, m) to known ones (k, m); `other` (n, k): which of them count."""
    product = vectors @ known.T
    if other is not None:
        product = np.where(other, product, -1.0)
    return np.sqrt(np.maximum(2 - 2 * product.max(axis=1), 0.0))


def limits(stored: Database) -> dict[str, float]:
    """Element → the distance within which 99 % of its training environments have one of another run (of one
    run: any other)."""
    table, found = environments(stored), {}
    for element, rows in table.groupby("element"):
        rows = rows.iloc[np.linspace(0, len(rows) - 1, min(len(rows), MOST)).astype(int)]
        vectors, run = np.asarray(stored.soap[rows.row]), rows.run.to_numpy()
        several = len(set(run)) > 1
        other = run[:, None] != run[None] if several else ~np.eye(len(rows), dtype=bool)
        found[element] = float(np.quantile(_nearest(vectors, vectors, other), QUANTILE))
    return found


def drift(
    trained: Model, stored: Database, frames: Iterable[Atoms], windows: Mapping[str, Sequence[float]]
) -> pd.DataFrame:
    """Of each frame: how far its environments are from those of the training set.

    Returns
    -------
    DataFrame, a row per frame and element or bond type: frame, of (element or type), median distance and the
    fraction `new` beyond the training set's own (elements; see `limits`), mean σ (eV) and the fraction `new`
    of bonds `outside` (types).
    """
    known, own, rows = environments(stored), limits(stored), []
    chosen = {
        e: r.row.iloc[np.linspace(0, len(r) - 1, min(len(r), MOST)).astype(int)]
        for e, r in known.groupby("element")
    }
    vectors = {element: np.asarray(stored.soap[row]) for element, row in chosen.items()}
    for n, atoms in enumerate(frames):
        soap, symbols = trained.soap.compute(atoms), np.array(atoms.get_chemical_symbols())
        kept = soap if trained.basis is None else soap @ trained.basis.T
        for element in [e for e in trained.elements if e in vectors and (symbols == e).any()]:
            distance = _nearest(soap[symbols == element], vectors[element])
            new = float((distance > own[element]).mean())
            rows.append({"frame": n, "of": element, "distance": float(np.median(distance)), "new": new})
        bonds = predictor.find_bonds(atoms, trained.elements, windows)
        for bond_type, some in bonds.groupby("type"):
            some = some.iloc[np.linspace(0, len(some) - 1, min(len(some), BONDS)).astype(int)]
            ends = some.i.to_numpy(), some.j.to_numpy()
            sigma = trained.processes[bond_type].sigma(Features(some.distance.to_numpy(float), kept, *ends))
            new = float((sigma > trained.facts["types"][bond_type]["sigma_limit"]).mean())
            rows.append({"frame": n, "of": bond_type, "sigma": float(sigma.mean()), "new": new})
    return pd.DataFrame(rows, columns=["frame", "of", "distance", "sigma", "new"])


def warnings(table: pd.DataFrame, limit: float = LIMIT) -> list[str]:
    """What drifts beyond `limit`, a line for each element and bond type: where most of it is new, and how
    much."""
    worst = table.loc[table.groupby("of", sort=False).new.idxmax()]
    return [
        f"{row.of}: {row.new:.0%} of its {'bonds' if '-' in row.of else 'atoms'} are unlike the training set (frame {row.frame}; "
        f"limit {limit:.0%})"
        for row in worst[worst.new > limit].itertuples()
    ]
