"""The map of the linear model: what one neighbour does to a bond, by where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from ase import Atoms
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.ndimage import binary_dilation

from getl_utils.core.bonds import BOND, type_of
from getl_utils.core.neighbours import neighbours
from getl_utils.models import bond_expansion
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.linear import LinearModel
from getl_utils.views.style import SIGNED, Drawing, axes, colours

STEP = 0.1  # Å, of the grid of a map
ALIKE = 0.15  # Å, by which the length of a training bond may differ from that of the map
COLUMNS = ["type", "length", "element", "along", "aside"]


def effect(
    model: LinearModel, bond_type: str, length: float, element: str, along: np.ndarray, aside: np.ndarray
) -> np.ndarray:
    """Return the change of −ICOHP of a bond by one neighbour, the others staying where they are.

    W_s(d; ρ, θ) = Σ_t T_t(d) Σ_nl b_t,snl g_n(ρ) f_c(ρ) P_l(cos θ), the part of the linear model that is
    due to one atom of element s at the distance ρ from the middle of the bond and the angle θ to its axis.

    Parameters
    ----------
    model : LinearModel
        The trained model.
    bond_type : str
        Such as ``"Zr-Cu"``.
    length : float
        d, length of the bond, Å.
    element : str
        s, element of the neighbour.
    along, aside : (n,) array
        Place of the neighbour, Å: ρ cos θ, from the middle towards the second element of the type, and
        ρ sin θ ≥ 0.

    Returns
    -------
    (n,) array
        eV; positive where the neighbour strengthens the bond.
    """
    features = one_neighbour(model.expansion, element, along, aside)
    both = np.concatenate([features, np.zeros_like(features[:1])])
    mean = model.evaluate(bond_type, both, np.full(len(both), length)).mean
    return mean[:-1] - mean[-1]


def one_neighbour(expansion: BondExpansion, element: str, along: np.ndarray, aside: np.ndarray) -> np.ndarray:
    """Return the features of bonds that have a single neighbour.

    Parameters
    ----------
    expansion : BondExpansion
        How surroundings are described.
    element : str
        Element of the neighbour.
    along, aside : (n,) array
        Place of the neighbour, Å; see `effect`.

    Returns
    -------
    (n, n_features) array
        Zero beyond the cutoff.

    Raises
    ------
    ValueError
        The expansion does not know the element.
    """
    rho = np.hypot(along, aside)
    cosine = np.divide(along, rho, out=np.zeros_like(rho), where=rho > 0)
    return bond_expansion.one_neighbour(expansion, element, rho, cosine)


def places(
    cells: Iterable[tuple[tuple, Atoms]], bonds: pd.DataFrame, expansion: BondExpansion
) -> pd.DataFrame:
    """Return where the neighbours of the training bonds stand, seen from the middle of each bond.

    Parameters
    ----------
    cells : iterable of (key, Atoms)
        Composition, run and sub-run of each cell, and its structure.
    bonds : DataFrame
        composition, run, sub_run, i, j, tx, ty, tz, distance (Å) of the training bonds.
    expansion : BondExpansion
        Gives the elements and the cutoff.

    Returns
    -------
    DataFrame
        A row for each neighbour of each bond: type, length of the bond (Å), element of the neighbour,
        along and aside (Å; see `effect`).
    """
    groups = dict(list(bonds.groupby(["composition", "run", "sub_run"])))
    parts = [_places(atoms, groups[tuple(key)], expansion) for key, atoms in cells if tuple(key) in groups]
    return pd.concat(parts or [pd.DataFrame(columns=COLUMNS)], ignore_index=True)


def _places(atoms: Atoms, bonds: pd.DataFrame, expansion: BondExpansion) -> pd.DataFrame:
    """Return the places around the bonds of one cell."""
    symbols, order = np.array(atoms.get_chemical_symbols()), list(expansion.elements)
    near = neighbours(atoms, expansion.cutoff + bonds.distance.max() / 2).sort_values("i", kind="stable")
    to, start = _vectors(atoms, near), np.searchsorted(near.i, np.arange(len(atoms) + 1))
    axis = _vectors(atoms, bonds)
    count = np.diff(start)[bonds.i]
    bond = np.repeat(np.arange(len(bonds)), count)
    first = np.repeat(start[bonds.i] - np.cumsum(count) + count, count) + np.arange(len(bond))
    way = to[first] - axis[bond] / 2
    itself = np.linalg.norm(to[first] - axis[bond], axis=1) < 1e-6
    ends = (symbols[bonds.i], symbols[bonds.j])
    turned = np.array([order.index(a) > order.index(b) for a, b in zip(*ends, strict=True)])
    unit = axis / np.linalg.norm(axis, axis=1)[:, None] * np.where(turned, -1, 1)[:, None]
    along, rho = np.einsum("nk,nk->n", way, unit[bond]), np.linalg.norm(way, axis=1)
    kept = ~itself & (rho < expansion.cutoff)
    aside = np.sqrt(np.maximum(rho**2 - along**2, 0))
    kinds = np.asarray(type_of(*ends, order), object)[bond], symbols[near.j.to_numpy()[first]]
    columns = (kinds[0], bonds.distance.to_numpy()[bond], kinds[1], along, aside)
    return pd.DataFrame({name: column[kept] for name, column in zip(COLUMNS, columns, strict=True)})


def _vectors(atoms: Atoms, pairs: pd.DataFrame) -> np.ndarray:
    """Return the vector from i to the image T of j of each pair, (n, 3), Å."""
    shift = pairs[BOND[2:]].to_numpy() @ atoms.cell.array
    return atoms.positions[pairs.j] + shift - atoms.positions[pairs.i]


def surroundings(
    model: LinearModel, known: pd.DataFrame, lengths: Mapping[str, float], top: float = 0.1
) -> Drawing:
    """Draw the change of −ICOHP by one neighbour, a row for each bond and a column for each element.

    A place is grey if no training bond of the type and of about this length has a neighbour of the
    element there.

    Parameters
    ----------
    model : LinearModel
        The trained model.
    known : DataFrame
        As from `places`.
    lengths : mapping of str to float
        Bond type and length of its bond, Å.
    top : float
        Change at which the colours end, eV.

    Returns
    -------
    Figure, DataFrame
        The picture, and type, length, element, along, aside (Å), change (eV), neighbours (training
        neighbours within the grid cell, of bonds of this length ± 0.15 Å).
    """
    elements, rows = model.expansion.elements, []
    figure, grid = axes(len(elements), len(lengths), width=3.6, height=2.3)
    cells = [(t, d, e) for t, d in lengths.items() for e in elements]
    for panel, (bond_type, length, element) in zip(grid, cells, strict=True):
        table = _grid(model, known, bond_type, length, element)
        _draw(panel, table, top)
        _ends(panel, bond_type, length, elements)
        panel.set_title(f"{bond_type}, {length:.2f} Å; neighbour {element}", fontsize=9)
        rows.append(table)
    _bar(figure, grid, top)
    return figure, pd.concat(rows, ignore_index=True)


def _grid(
    model: LinearModel, known: pd.DataFrame, bond_type: str, length: float, element: str
) -> pd.DataFrame:
    """Return one map as a table; a bond of like elements counts neighbours on both sides."""
    reach = model.expansion.cutoff
    x, z = np.arange(-reach + STEP / 2, reach, STEP), np.arange(STEP / 2, reach, STEP)
    along, aside = (a.ravel() for a in np.meshgrid(x, z, indexing="ij"))
    some = known[(known.type == bond_type) & (known.element == element)]
    some = some[(some.length - length).abs() <= ALIKE]
    one, other = bond_type.split("-")
    sides = [some.along, -some.along] if one == other else [some.along]
    edges = [np.append(axis - STEP / 2, axis[-1] + STEP / 2) for axis in (x, z)]
    count = np.histogram2d(np.concatenate(sides), np.tile(some.aside, len(sides)), edges)[0]
    change = effect(model, bond_type, length, element, along, aside)
    change[~binary_dilation(count > 0).ravel() | (np.hypot(along, aside) >= reach)] = np.nan
    about = {"type": bond_type, "length": length, "element": element}
    table = {"along": along.round(4), "aside": aside.round(4), "change": change, "neighbours": count.ravel()}
    return pd.DataFrame(about | table)


def _draw(panel: Axes, table: pd.DataFrame, top: float) -> None:
    """Draw one map as coloured squares."""
    wide = table.pivot_table(index="aside", columns="along", values="change", dropna=False)
    look = {"cmap": SIGNED, "vmin": -top, "vmax": top, "rasterized": True}
    panel.set_facecolor("0.92")
    panel.pcolormesh(wide.columns, wide.index, wide.to_numpy(), **look)
    panel.set(aspect="equal", xlabel="along the bond (Å)", ylabel="aside (Å)", ylim=(-0.6, None))


def _ends(panel: Axes, bond_type: str, length: float, elements: tuple[str, ...]) -> None:
    """Draw the bond and its two atoms."""
    shades = colours(elements)
    panel.plot([-length / 2, length / 2], [0, 0], color="0.2", lw=2)
    for name, place in zip(bond_type.split("-"), (-length / 2, length / 2), strict=True):
        panel.plot(place, 0, "o", ms=9, color=shades[name], mec="white")


def _bar(figure: Figure, grid: list[Axes], top: float) -> None:
    """Draw the colour bar of all maps."""
    maps = grid[0].collections[0]
    figure.colorbar(maps, ax=grid, label="change of −ICOHP (eV)", shrink=0.9, aspect=50, extend="both")
