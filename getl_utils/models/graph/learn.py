"""From labelled bonds to an ensemble of networks with a calibrated σ.

The members learn from everything. Further networks leave out a part of the groups each. What these get wrong
there calibrates σ, so σ holds for a quench that nobody has seen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from ase import Atoms
from scipy.optimize import minimize

from getl_utils.core.parameters import Graph
from getl_utils.models import gp
from getl_utils.models.graph import edges as graph
from getl_utils.models.graph import elements as table
from getl_utils.models.graph import library
from getl_utils.models.graph.body import GraphModel
from getl_utils.models.graph.bond_type import GraphType
from getl_utils.models.linear_type import parabola

FEWEST = 20  # bonds of a type
PARTS = 5  # of the groups, at most
OUTSIDE = 0.995  # quantile of how far a network that has not seen a bond is from those that have


class Learned(NamedTuple):
    """Bonds that are learned from.

    Attributes
    ----------
    places : (n, 6) int
        Number of the cell, i, j, T.
    distance, strength : (n,)
        Å and −ICOHP, eV.
    groups : (n,)
        What is left out together.
    """

    places: np.ndarray
    distance: np.ndarray
    strength: np.ndarray
    groups: np.ndarray


class Bonds(NamedTuple):
    """Bonds of all types, in one list; `kind` counts the types; curve (eV), scale (eV) and part of each."""

    learned: Learned
    kind: np.ndarray
    curve: np.ndarray
    scale: np.ndarray
    part: np.ndarray


def fit(
    elements: Sequence[str],
    p: Graph,
    cells: Callable[[int], Atoms],
    data: Mapping[str, Learned],
    seed: int,
    progress: Callable[[int, int, float], None] | None = None,
) -> tuple[GraphModel, dict[str, str]]:
    """Train an ensemble on the bonds of all types at once.

    Parameters
    ----------
    elements : sequence of str
        In the order that names the bond types.
    p : Graph
        Size of the networks and how they learn.
    cells : callable
        Number of a cell → the cell.
    data : mapping
        Bond type → its bonds.
    seed : int
        Network m has the seed `seed` + m.
    progress : callable, optional
        Called with network, epoch and loss.

    Returns
    -------
    GraphModel
        The model.
    dict
        Bond type → why there is none.

    Raises
    ------
    ValueError
        Not one type can be learned, an element has no features, or a bond is not of its cell.
    """
    table.table(elements)
    accepted, refused = _accepted(data, p)
    if not accepted:
        raise ValueError(
            "no bond type could be trained: " + "; ".join(f"{k}: {v}" for k, v in refused.items())
        )
    bonds, curves = _gather(accepted)
    samples, rows = _samples(p, elements, cells, bonds)
    run, training = library.module("run"), library.module("fit")
    nets, deviations, left = [], np.empty((p.members, len(bonds.kind))), np.full(len(bonds.kind), np.nan)
    for number in range(p.members + min(p.calibration, int(bonds.part.max()) + 1)):
        part = number - p.members  # < 0: nothing is left out
        seen = [s for s, some in zip(samples, rows, strict=True) if (bonds.part[some] != part).any()]
        report = None if progress is None else lambda e, v, m=number: progress(m, e, v)
        net, said = training.train(p, seen, seed + number, report), np.empty(len(bonds.kind))
        for sample, some in zip(samples, rows, strict=True):
            said[some] = training.deviations(net, sample)[: len(some)]
        if part < 0:
            nets.append(net)
            deviations[number] = said
        left = np.where(bonds.part == part, said, left)
    weights = run.to_arrays(nets)
    types = _types(list(accepted), bonds, curves, deviations, left)
    return GraphModel(tuple(elements), p, weights, types), refused


def _accepted(data: Mapping[str, Learned], p: Graph) -> tuple[dict[str, Learned], dict[str, str]]:
    """Types that can be learned, and why the others cannot."""
    accepted, refused = {}, {}
    for name, one in data.items():
        finite = np.isfinite(one.distance) & np.isfinite(one.strength)
        if len(one.distance) < FEWEST:
            refused[name] = f"{len(one.distance)} bonds are too few to train on ({FEWEST} are needed)"
        elif not finite.all():
            refused[name] = (
                f"{(~finite).sum()} of {len(finite)} bonds hold NaN or infinity; label their cells again"
            )
        elif one.distance.max() >= p.cutoff:
            refused[name] = f"a bond of {one.distance.max():.2f} Å is longer than the `cutoff` {p.cutoff} Å"
        else:
            accepted[name] = one
    return accepted, refused


def _gather(accepted: Mapping[str, Learned]) -> tuple[Bonds, list[gp.DistanceCurve]]:
    """All bonds in one list, beside the curves of their types."""
    every = Learned(*(np.concatenate(column) for column in zip(*accepted.values(), strict=True)))
    kind = np.repeat(np.arange(len(accepted)), [len(one.distance) for one in accepted.values()])
    curves = [gp.fit_curve(one.distance, one.strength) for one in accepted.values()]
    curve, scale = np.empty(len(kind)), np.empty(len(kind))
    for n, one in enumerate(curves):
        mine = kind == n
        curve[mine] = one.predict(every.distance[mine])
        scale[mine] = max(float((every.strength - curve)[mine].std()), 1e-6)
    names = np.unique(every.groups)
    if len(names) < 2:
        raise ValueError(
            f"all bonds are of one group ({names[0]}), so none can be left out to find σ; label another cell"
        )
    part = np.searchsorted(names, every.groups) % min(len(names), PARTS)
    return Bonds(every, kind, curve, scale, part), curves


def _samples(
    p: Graph, elements: Sequence[str], cells: Callable[[int], Atoms], bonds: Bonds
) -> tuple[list[Any], list[np.ndarray]]:
    """The cells as arrays of one shape, and the rows of the bonds of each."""
    training, fitted, rows = library.module("fit"), [], []
    target = (bonds.learned.strength - bonds.curve) / bonds.scale
    weight = 1 / np.sqrt(np.bincount(bonds.kind))[bonds.kind]
    known = dict(zip(elements, table.table(elements), strict=True))
    for number in np.unique(bonds.learned.places[:, 0]):
        some = np.flatnonzero(bonds.learned.places[:, 0] == number)
        atoms = cells(int(number))
        edges = graph.find(atoms, p.cutoff, p.angle_cutoff)
        kinds = np.array([known[symbol] for symbol in atoms.get_chemical_symbols()])
        places = graph.places(edges, bonds.learned.places[some, 1:])
        _check(edges, places, bonds.learned, some)
        fitted.append(training.Cell(kinds, edges, places, target[some], weight[some] / weight.mean()))
        rows.append(some)
    return training.samples(p, fitted), rows


def _check(edges: graph.Edges, places: np.ndarray, learned: Learned, some: np.ndarray) -> None:
    wrong = np.abs(edges.distance.ravel()[places[:, 0]] - learned.distance[some])
    if wrong.max() > 1e-3:
        bond = learned.places[some][wrong.argmax()].tolist()
        raise ValueError(f"bond {bond} has another length than in its cell: run 02_extract to 04_load again")


def _types(
    names: Sequence[str],
    bonds: Bonds,
    curves: Sequence[gp.DistanceCurve],
    deviations: np.ndarray,
    left: np.ndarray,
) -> dict[str, GraphType]:
    """What is particular to each type; errors on what was left out give σ."""
    d, mean, m = bonds.learned.distance, deviations.mean(axis=0), len(deviations)
    span = float(d.min()), float(d.max())
    target = (bonds.learned.strength - bonds.curve) / bonds.scale
    variance = deviations.var(axis=0, ddof=1) if m > 1 else np.zeros(len(d))
    types = {}
    for n, name in enumerate(names):
        mine = bonds.kind == n
        row, said = np.flatnonzero(mine & np.isfinite(left)), left
        if len(row) < FEWEST:  # a type of one quench: what it learned from stands in
            row, said = np.flatnonzero(mine), mean
        scale, wrong = float(bonds.scale[mine][0]), (said - target)[row]
        known = max(float(variance[mine].mean()), 1e-12)
        spread, share = _sigma(wrong * scale, parabola(d[row], span), variance[row] / known)
        apart = (said - mean)[row] ** 2 * m / (m + 1)  # a variance, had the others not seen it either
        limit = max(np.quantile(apart, OUTSIDE), variance[mine].max()) if m > 1 else 0
        types[name] = GraphType(
            window=(float(d[mine].min()), float(d[mine].max())),
            span=span,
            n_bonds=int(mine.sum()),
            n_groups=len(np.unique(bonds.learned.groups[mine])),
            curve=tuple(curves[n].coefficients.tolist()),
            scale=scale,
            spread=spread,
            share=share,
            variance=float(variance[mine].mean()),
            limit=float(limit),
            left_out=float(scale * np.sqrt(np.mean(wrong**2))),
        )
    return types


def _sigma(wrong: np.ndarray, terms: np.ndarray, variance: np.ndarray) -> tuple[tuple[float, ...], float]:
    """log s (3,) and c of σ² = s² (1 + c v), of largest likelihood."""
    start = np.array([np.log(max(wrong.std(), 1e-6)), 0.0, 0.0, -2.0])

    def cost(q: np.ndarray) -> float:
        log = 2 * terms @ q[:3] + np.log1p(np.exp(q[3]) * variance)
        return float((log + wrong**2 * np.exp(-log)).mean()) + 1e-3 * float((q[1:3] ** 2).sum())

    bounds = [(-25, 5), (-6, 6), (-6, 6), (-8, 5)]
    found = minimize(cost, start, method="L-BFGS-B", bounds=bounds).x
    return tuple(map(float, found[:3])), float(np.exp(found[3]))
