"""Views of a model in training: which bonds it gets wrong, and what its hyperparameters do; see
docs/exploring.md."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ipywidgets as widgets
import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.figure import Figure

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.parameters import Train
from getl_utils.core.workdir import WorkDir
from getl_utils.etl.database import Database
from getl_utils.models import kernels
from getl_utils.models.learning import Ladder
from getl_utils.models.tuning import BOUNDS, ZETAS
from getl_utils.views import atoms3d
from getl_utils.views import training as figures_training
from getl_utils.views.view import View, control

MOST_POINTS = 200  # of each type in the map: each comes with its surroundings
MOST_LEARNED = 1000  # bonds of a learning curve, which must follow a slider
FEWEST = 10  # bonds of a type


def parity(
    results: Mapping[str, Mapping[str, Any]],
    stored: Database,
    work: WorkDir,
    elements: Sequence[str],
    note: str = "",
) -> View:
    """Predicted against calculated −ICOHP: a click on the map, or type and rank of the error, shows a bond
    and its surroundings.

    Parameters
    ----------
    results : type → `bonds` of the test with `predicted` and `true` (eV), from `validation.validate`; of each
    at most
        MOST_POINTS are shown, which were drawn at random. stored : the database that they are of. work : has
        the cells.
    note : on the picture.

    Raises
    ------
    ValueError : no results.
    """
    if not results:
        raise ValueError("no type could be tested, so there is nothing to compare")
    points = pd.concat([_points(t, r) for t, r in results.items()], ignore_index=True)
    types = list(dict.fromkeys(points.type))
    space = _map(points, stored, work, elements)

    def draw(bond_type: str, rank: int) -> tuple[Figure, str]:
        some = points[points.type == bond_type]
        if rank > len(some):
            raise ValueError(f"{bond_type} has {len(some)} test bonds here, none of rank {rank}")
        row = some[some["rank"] == rank].iloc[0]
        figure = figures_training.parity({bond_type: some}, types)
        figure.axes[0].plot(row.true, row.predicted, "o", ms=11, mfc="none", mec="black", mew=1.5)
        return figure, _facts(row)

    def show(bond_type: str, rank: int) -> None:
        atoms3d.show(space, int(points.index[(points.type == bond_type) & (points["rank"] == rank)][0]))

    most = int(points["rank"].max())
    controls = {
        "bond_type": control(widgets.Dropdown, "type", options=types),
        "rank": control(widgets.IntSlider, "rank of the error, 1: largest", min=1, max=most),
    }
    view = View("getl-parity", controls, draw, [space], show, note)
    view.follow(space, lambda n: {"bond_type": points.type[n], "rank": int(points["rank"][n])})
    return view


def _facts(row: pd.Series) -> str:
    bond = f"{row.composition}/{row.run}/{row.sub_run}, bond {row.i}–{row.j} ({row.tx} {row.ty} {row.tz})"
    numbers = (
        f"calculated {row.true:.3f}, predicted {row.predicted:.3f}, error {row.predicted - row.true:+.3f} eV"
    )
    return f"{row.type}, {bond}, {row.distance:.3f} Å: −ICOHP {numbers}"


def _points(bond_type: str, result: Mapping[str, Any]) -> pd.DataFrame:
    """The test bonds shown of one type, with true, predicted (−ICOHP, eV) and the rank of the error, 1:
    largest."""
    table = result["bonds"].assign(true=result["true"], predicted=result["predicted"], type=bond_type)[
        :MOST_POINTS
    ]
    ranks = (table.predicted - table.true).abs().rank(method="first", ascending=False).astype(int)
    return table.assign(rank=ranks).sort_values("rank")


def _map(points: pd.DataFrame, stored: Database, work: WorkDir, elements: Sequence[str]) -> atoms3d.Map:
    """chemiscope's map of the points, each with the bond and those of its two atoms."""
    near = dict(list(stored.bonds.groupby(KEY)))
    stars = functools.cache(lambda *key: Stars.of(cells.read(work.cell(*key)), near[key]))
    top, structures, shapes = float((-stored.bonds.icohp).quantile(0.99)), [], []
    for key, bond in zip(points[KEY].itertuples(index=False), points[BOND].to_numpy(), strict=True):
        atoms, others, chosen = stars(*key).around(bond)
        structures.append(atoms)
        shapes.append([atoms3d.sticks(others, top), atoms3d.sticks(chosen, top, atoms3d.RADII["chosen"])])
    error = (points.predicted - points.true).abs()
    values = {
        "calculated": points.true,
        "predicted": points.predicted,
        "error": error,
        "distance": points.distance,
    }
    properties: dict[str, Any] = {"type": {"target": "structure", "values": points.type.tolist()}}
    for name, column in values.items():
        unit = "Å" if name == "distance" else "eV"
        properties[name] = {"target": "structure", "values": column.to_numpy(float), "units": unit}
    axes = {"x": "calculated", "y": "predicted", "color": "error"}
    settings = {name: {"property": value} for name, value in axes.items()} | {
        "symbol": "type",
        "palette": "viridis",
    }
    return atoms3d.viewer(structures, shapes, elements, properties, settings)


@dataclass(frozen=True)
class Stars:
    """All bonds of a cell, each from both of its ends: bond (2n, 5: i, j, T), ways (2n, 3) in Å, strength
    (2n,) in eV."""

    symbols: np.ndarray
    bonds: np.ndarray
    ways: np.ndarray
    strength: np.ndarray

    @classmethod
    def of(cls, atoms: Atoms, bonds: pd.DataFrame) -> Stars:
        """`bonds` : i, j, tx, ty, tz, icohp (eV)."""
        forth = bonds[BOND].to_numpy()
        both = np.concatenate([forth, forth[:, [1, 0, 2, 3, 4]] * [1, 1, -1, -1, -1]])
        ways = atoms.positions[both[:, 1]] + both[:, 2:] @ atoms.cell.array - atoms.positions[both[:, 0]]
        return cls(np.array(atoms.symbols), both, ways, -np.tile(bonds.icohp.to_numpy(float), 2))

    def around(self, bond: np.ndarray) -> tuple[Atoms, atoms3d.Lines, atoms3d.Lines]:
        """A bond (i, j, T) at the origin: it and the atoms that its two are bound to, without a cell; their
        bonds; itself."""
        this = np.flatnonzero((self.bonds == bond).all(axis=1))[:1]
        rows = [np.flatnonzero(self.bonds[:, 0] == atom) for atom in bond[:2]]
        start = np.repeat([np.zeros(3), self.ways[this[0]]], list(map(len, rows)), axis=0)
        some = np.concatenate(
            rows
        )  # the bond is there from both ends, so both of its atoms are among the ends
        lines = atoms3d.Lines(start, start + self.ways[some], self.strength[some])
        _, once = np.unique(lines.end.round(2) + 0.0, axis=0, return_index=True)
        atoms = Atoms(self.symbols[self.bonds[some, 1]][once], lines.end[once])
        return atoms, lines, atoms3d.Lines(np.zeros((1, 3)), self.ways[this], self.strength[this])


def tuning(stored: Database, p: Train, note: str = "") -> View:
    """The learning curve of one type at hyperparameters that sliders choose, beside the parity of its test
    bonds.

    One random split; at most MOST_LEARNED bonds are learned from. A new type starts at what `p` has for it.

    Raises
    ------
    ValueError : no type has bonds enough.
    """
    database, _ = stored.compressed(p.compress)
    ladder = functools.cache(functools.partial(_ladder, database, p))
    counts = stored.bonds.type.value_counts()
    types = [t for t in p.bond_types if counts.get(t, 0) >= FEWEST]
    if not types:
        raise ValueError(f"no type has the {FEWEST} bonds that a learning curve needs")

    def draw(bond_type: str, **h: float) -> tuple[Figure, str]:
        some, known = ladder(bond_type), p.hyperparameters_of(bond_type).model_dump()
        (rows, predicted), (tuned, _) = (_climb(some, p, values) for values in (known | h, known))
        curves = {"these": rows, "as tuned": tuned}
        figure = figures_training.tuning(curves, some.true, predicted, bond_type, p.bond_types)
        last = {name: f"{each[-1]['rmse']:.4f}" for name, each in curves.items()}
        return figure, (
            f"{bond_type}, {rows[-1]['n']} training bonds, {len(some.true)} test bonds: RMSE {last['these']} eV; "
            f"as tuned {last['as tuned']} eV; distance alone {rows[-1]['baseline_rmse']:.4f} eV"
        )

    view = View("getl-tuning", _controls(p, types), draw, note=note)
    kind = view.controls["bond_type"]
    names = [name for name in view.controls if name != "bond_type"]
    kind.observe(lambda change: view.set(**_nearest(p, change.new, names)), "value")
    view.set(**_nearest(p, kind.value, names))
    return view


def _ladder(database: Database, p: Train, bond_type: str) -> Ladder:
    bonds = database.learnable(bond_type)
    some = bonds.sample(min(len(bonds), int(MOST_LEARNED / 0.8)), random_state=p.seed).reset_index(drop=True)
    sizes = [n for n in p.curve_sizes if n < 0.8 * len(some)] or [FEWEST - 2]
    return Ladder.of(database, some, sizes, p.n_test, p.seed)


def _climb(ladder: Ladder, p: Train, h: Mapping[str, float]) -> tuple[list[dict[str, float]], np.ndarray]:
    return ladder.climb(kernels.build(p.kernel, h["zeta"], h["theta"], h["floor"]), h["gamma"], p.mean)


def _nearest(p: Train, bond_type: str, names: Sequence[str]) -> dict[str, float]:
    """A type's hyperparameters, as far as the sliders have them."""
    h = p.hyperparameters_of(bond_type).model_dump()
    h["zeta"] = min(ZETAS, key=lambda zeta: abs(zeta - h["zeta"]))
    return {name: h[name] if name == "zeta" else float(np.clip(h[name], *BOUNDS[name])) for name in names}


def _controls(p: Train, types: Sequence[str]) -> dict[str, widgets.Widget]:
    """The type, and those of ζ, θ, floor and γ that the kernel has."""
    found = {"bond_type": control(widgets.Dropdown, "type", options=types)}
    whole = "_" in p.kernel  # with environments
    if whole:
        found["zeta"] = control(widgets.Dropdown, "ζ", options=ZETAS)
    for name, label in {"theta": "θ (Å)", "floor": "floor", "gamma": "γ"}.items():
        if whole or name != "floor":
            low, high = np.log10(BOUNDS[name])
            found[name] = control(
                widgets.FloatLogSlider, label, min=low, max=high, step=0.01, readout_format=".3g"
            )
    return found
