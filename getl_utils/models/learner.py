"""One step of learning cell by cell: train on what is labelled, choose what is next, test on what came."""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND, type_of
from getl_utils.core.cells import CellKey
from getl_utils.models import gp, linear, teaching
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.models.linear import LinearModel
from getl_utils.models.teaching import Described
from getl_utils.models.validation import coverage, errors

FEWEST = 20  # bonds of a type in the new cells, from which its error is judged
PARTS = 5  # groups of bonds while there is one cell only
WAYS = ("variance", "sigma", "random")


@dataclass(frozen=True)
class Labelled:
    """A cell with labels.

    Attributes
    ----------
    described : Described
        Its bonds.
    strength : (n,)
        −ICOHP of each bond, eV.
    atom : (n,)
        First atom of each bond.
    quench : str
        Name of its quench.
    cell : str
        Its own name.
    """

    described: Described
    strength: np.ndarray
    atom: np.ndarray
    quench: str
    cell: str


class Choice(NamedTuple):
    """A cell to label, and why.

    Attributes
    ----------
    key : object
        The cell.
    gain : float
        What the way of choosing counts; eV² or eV.
    reason : str
        In words.
    """

    key: Hashable
    gain: float
    reason: str


def labelled(expansion: BondExpansion, key: CellKey, atoms: Atoms, bonds: pd.DataFrame) -> Labelled:
    """A cell with the bonds of its label, described.

    Parameters
    ----------
    expansion : BondExpansion
        How.
    key : CellKey
        What the cell is called.
    atoms : Atoms
        The cell, Å.
    bonds : DataFrame
        i, j, tx, ty, tz, distance (Å), icohp (eV).

    Returns
    -------
    Labelled
        The cell.
    """
    symbols = np.array(atoms.get_chemical_symbols(), dtype=object)
    types = type_of(symbols[bonds.i], symbols[bonds.j], expansion.elements)
    features = describe(expansion, atoms, bonds[BOND].to_numpy(np.int64))
    described = Described(features, bonds.distance.to_numpy(float), types)
    quench = f"{key.composition}/{key.run}"
    return Labelled(described, -bonds.icohp.to_numpy(float), bonds.i.to_numpy(), quench, str(key))


def train(expansion: BondExpansion, known: Sequence[Labelled]) -> LinearModel:
    """The default model of the cells labelled so far.

    Groups that are left out together are quenches, or cells if there is one quench only, or parts of the
    bonds if there is one cell only.

    Parameters
    ----------
    expansion : BondExpansion
        With which the bonds were described.
    known : sequence of Labelled
        The cells.

    Returns
    -------
    LinearModel
        The model.

    Raises
    ------
    ValueError
        Not one type has enough bonds.
    """
    groups = [np.repeat(one.quench, len(one.strength)) for one in known]
    if len({one.quench for one in known}) == 1:
        groups = [np.repeat(one.cell, len(one.strength)) for one in known]
    if len(known) == 1:
        groups = [known[0].atom % PARTS]
    x, d, t = (
        np.concatenate([getattr(one.described, n) for one in known])
        for n in ("features", "distance", "types")
    )
    return linear.fit(
        expansion, x, d, np.concatenate([k.strength for k in known]), t, np.concatenate(groups)
    ).model


def test(model: LinearModel, known: Sequence[Labelled], new: Sequence[Labelled]) -> pd.DataFrame:
    """Errors on new cells, predicted by a model that has not learned from them.

    Parameters
    ----------
    model : LinearModel
        Trained on `known`.
    known : sequence of Labelled
        What it learned from; the distance alone is fitted to it.
    new : sequence of Labelled
        The new cells.

    Returns
    -------
    DataFrame
        A row per bond type with a model and bonds in the new cells: ``type``, ``bonds``, ``rmse`` and
        ``baseline_rmse`` (the distance alone), eV, ``sigma`` (mean), eV, ``in_90``, and ``judged``: whether
        there are enough bonds.
    """
    found = []
    for bond_type in model.types:
        (x, d, true), (_, d_known, y_known) = (_rows(cells, bond_type) for cells in (new, known))
        if not len(true):
            continue
        estimate, curve = model.evaluate(bond_type, x, d), gp.fit_curve(d_known, y_known).predict(d)
        row: dict[str, Any] = {"type": bond_type, "bonds": len(true)}
        row |= {"rmse": errors(estimate.mean, true)["rmse"], "baseline_rmse": errors(curve, true)["rmse"]}
        row |= {"sigma": float(estimate.sigma.mean())}
        row |= {"in_90": coverage((true - estimate.mean) / estimate.sigma)["in_90"]}
        found.append(row | {"judged": len(true) >= FEWEST})
    columns = ["type", "bonds", "rmse", "baseline_rmse", "sigma", "in_90", "judged"]
    return pd.DataFrame(found, columns=columns)


def _rows(cells: Sequence[Labelled], bond_type: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    parts = [(*c.described.of(bond_type), c.strength[c.described.types == bond_type]) for c in cells]
    return tuple(np.concatenate(column) for column in zip(*parts, strict=True))


def choose(
    model: LinearModel,
    pool: Mapping[Hashable, Described],
    known: Sequence[Labelled],
    wanted: Sequence[str],
    way: str = "variance",
    number: int = 1,
    random: np.random.Generator | None = None,
    still: Callable[[list], Container] | None = None,
) -> list[Choice]:
    """Choose the cells to label next.

    Parameters
    ----------
    model : LinearModel
        Trained on `known`.
    pool : mapping
        Cell → its bonds, of the cells that are not labelled.
    known : sequence of Labelled
        What is labelled.
    wanted : sequence of str
        Bond types whose error is still too large.
    way : str
        One of `WAYS`. ``variance``: the largest fall of the mean variance of all bonds of the pool
        (`teaching`). ``sigma``: the largest mean σ. ``random``: any.
    number : int
        How many cells, labelled at the same time.
    random : Generator, optional
        For the random way.
    still : callable, optional
        Cells chosen in this call → cells that may be chosen after them; every other one by default.

    Returns
    -------
    list of Choice
        The cells, best first; fewer if the pool has fewer.
    """
    rest, found = dict(pool), []
    while rest and len(found) < number:
        chosen = [pool[c.key] for c in found]
        if way == "random":
            drawn = (random or np.random.default_rng(0)).permutation(len(rest))[0]
            best = Choice(list(rest)[drawn], 0.0, "at random")
        else:
            best = _lacking(model, rest, known, chosen)
            best = best or _best(model, pool, rest, known, wanted, way, chosen)
        found.append(best)
        del rest[best.key]
        if still is not None:
            after = still([c.key for c in found])
            rest = {key: one for key, one in rest.items() if key in after}
    return found


def _best(
    model: LinearModel,
    pool: Mapping[Hashable, Described],
    rest: Mapping[Hashable, Described],
    known: Sequence[Labelled],
    wanted: Sequence[str],
    way: str,
    chosen: Sequence[Described],
) -> Choice:
    names = ", ".join(t for t in wanted if t in model.types)
    if way == "sigma":
        gains, reason = teaching.mean_sigma(model, rest, wanted), f"largest mean σ of {names}"
    else:
        every = [*pool.values(), *(one.described for one in known)]
        gains = teaching.gains(model, rest, every, wanted, chosen)
        reason = f"the mean variance of {names} falls most"
    key = max(gains, key=gains.get)
    return Choice(key, gains[key], reason)


def _lacking(
    model: LinearModel,
    rest: Mapping[Hashable, Described],
    known: Sequence[Labelled],
    chosen: Sequence[Described],
) -> Choice | None:
    """The cell with most bonds of a type that has no model, if the pool has enough of them."""
    there = np.concatenate([d.types for d in rest.values()])
    for bond_type in sorted(set(there.tolist()) - set(model.types)):
        labelled = [one.described for one in known]
        now = sum(int((d.types == bond_type).sum()) for d in [*labelled, *chosen])
        if now < FEWEST <= now + int((there == bond_type).sum()):
            counts = {key: int((d.types == bond_type).sum()) for key, d in rest.items()}
            key = max(counts, key=counts.get)
            return Choice(key, float(counts[key]), f"no model of {bond_type} yet: most bonds of it")
    return None
