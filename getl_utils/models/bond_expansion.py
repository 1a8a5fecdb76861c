"""The surroundings of a bond, seen from its middle.

API
---
``BondExpansion(elements, cutoff, n_radial, l_max)`` : the numbers of the expansion.
``describe(expansion, atoms, bonds)`` : features of given bonds (i, j, T), one row each.
``find_bonds(expansion, atoms, windows)`` : all bonds of a cell, each once, and their lengths.
``one_neighbour(expansion, element, rho, cosine)`` : what a single neighbour adds.
``flip(expansion)`` : the factor of each feature when the axis of the bond is turned round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np
from ase import Atoms

from getl_utils.models import bins as space
from getl_utils.models import bond_loops as loops


@dataclass(frozen=True)
class BondExpansion:
    """The atoms around a bond, expanded in distance from its middle and angle to its axis.

    F[s, n, l] = Σ_k g_n(ρ_k) f_c(ρ_k) P_l(cos θ_k), over the atoms k of element s, the two bonded atoms left
    out. ρ is the distance from the middle, θ the angle to the axis, g_n a Gaussian, f_c = ½ (1 + cos πρ/R_c),
    P_l a Legendre polynomial. This is a bond-centred cluster expansion (Drautz, Phys. Rev. B 99, 014104
    (2019)). The axis points from the element that comes first in `elements` to the other.

    Parameters
    ----------
    elements : tuple of str
        The elements; their order sets the direction of a bond.
    cutoff : float
        R_c, distance from the middle at which an atom is no longer seen, Å.
    n_radial : int
        Number of Gaussians; their centres lie evenly from `innermost` to `cutoff`.
    l_max : int
        Largest degree of the Legendre polynomials.
    innermost : float
        Centre of the first Gaussian, Å.
    width : float
        Width (standard deviation) of a Gaussian as a fraction of the spacing.

    Raises
    ------
    ValueError
        A number is out of its range, or an element is named twice.

    Examples
    --------
    >>> BondExpansion(("Ni", "Ti"), cutoff=4.5).n_features
    84
    """

    elements: tuple[str, ...]
    cutoff: float = 6.0
    n_radial: int = 7
    l_max: int = 5
    innermost: float = 1.2
    width: float = 0.8

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))
        if not self.elements or len(set(self.elements)) < len(self.elements):
            raise ValueError(f"elements {list(self.elements)}: name each element once, and at least one")
        if self.n_radial < 2 or self.l_max < 0 or not 0 < self.innermost < self.cutoff or not self.width > 0:
            raise ValueError(f"{self}: needs n_radial ≥ 2, l_max ≥ 0, width > 0 and 0 < innermost < cutoff")

    @property
    def n_features(self) -> int:
        """Length of a feature vector: elements × n_radial × (l_max + 1)."""
        return len(self.elements) * self.n_radial * (self.l_max + 1)

    @property
    def shape(self) -> loops.Shape:
        """The numbers that the compiled loops need."""
        spacing = (self.cutoff - self.innermost) / (self.n_radial - 1)
        return loops.Shape(
            len(self.elements),
            self.n_radial,
            self.l_max + 1,
            float(self.cutoff),
            float(self.innermost),
            spacing,
            self.width * spacing,
        )

    def species(self, atoms: Atoms) -> np.ndarray:
        """Number of the element of each atom; ValueError for an element that is not in `elements`."""
        number = {element: n for n, element in enumerate(self.elements)}
        symbols = atoms.get_chemical_symbols()
        foreign = sorted(set(symbols) - set(number))
        if foreign:
            raise ValueError(
                f"element {', '.join(foreign)} is not among the model's elements {list(self.elements)}"
            )
        return np.array([number[s] for s in symbols], dtype=np.int64)

    def to_dict(self) -> dict:
        """The arguments, for a JSON file; ``BondExpansion(**d)`` is the way back."""
        return asdict(self) | {"elements": list(self.elements)}


def flip(expansion: BondExpansion) -> np.ndarray:
    """Factor of each feature when the axis is turned round: (−1)^l, (n_features,).

    Examples
    --------
    >>> flip(BondExpansion(("Cu",), n_radial=2, l_max=2))
    array([ 1., -1.,  1.,  1., -1.,  1.])
    """
    signs = (-1.0) ** np.arange(expansion.l_max + 1)
    return np.tile(signs, len(expansion.elements) * expansion.n_radial)


def describe(expansion: BondExpansion, atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
    """Features of the bonds given.

    Parameters
    ----------
    expansion : BondExpansion
        What to compute.
    atoms : Atoms
        The cell.
    bonds : (n, 5) int
        i, j and T of each bond: the vector r_j + T·cell − r_i, atoms counted from 0.

    Returns
    -------
    (n, n_features)
        Ordered by element, radial function and degree.

    Raises
    ------
    ValueError
        A position is not finite, an element is not known, or a bond has no length or names no atom of the
        cell.

    Examples
    --------
    >>> from ase.build import bulk
    >>> F = describe(BondExpansion(("Cu",)), bulk("Cu"), np.array([[0, 0, 1, 0, 0], [0, 0, 0, 1, 0]]))
    >>> F.shape, bool(np.allclose(F[0], F[1]))
    ((2, 42), True)
    """
    bonds = np.asarray(bonds, dtype=np.int64).reshape(-1, 5)
    species, e = expansion.species(atoms), expansion.shape
    out = np.zeros((len(bonds), e.n_species, e.n_radial, e.n_angular))
    if not len(bonds):
        return out.reshape(0, expansion.n_features)
    reach = reach_of(expansion, lengths(atoms, bonds).max())
    bins = space.sort(atoms, species, reach)
    most = loops.count(
        bins, np.zeros((e.n_species, e.n_species, 2)), reach, 0, len(atoms), np.zeros(len(atoms), np.int64)
    )
    places_of = np.argsort(bins.order)
    loops.describe(bins, places_of, bonds, np.argsort(bonds[:, 0], kind="stable"), reach, most, e, out)
    return out.reshape(len(bonds), expansion.n_features)


def one_neighbour(expansion: BondExpansion, element: str, rho: np.ndarray, cosine: np.ndarray) -> np.ndarray:
    """Features that a single neighbour adds to a bond.

    Parameters
    ----------
    expansion : BondExpansion
        What to compute.
    element : str
        Element of the neighbour.
    rho : (n,)
        Distance from the middle of the bond, Å.
    cosine : (n,)
        Cosine of the angle to the axis.

    Returns
    -------
    (n, n_features)
        Zero beyond the cutoff.

    Raises
    ------
    ValueError
        The expansion does not know the element.

    Examples
    --------
    >>> one_neighbour(BondExpansion(("Cu",), l_max=0, n_radial=2), "Cu", np.array([9.0]), np.zeros(1))
    array([[0., 0.]])
    """
    if element not in expansion.elements:
        raise ValueError(f"element {element} is not among the model's elements {list(expansion.elements)}")
    e = expansion.shape
    out = np.zeros((len(rho), e.n_species, e.n_angular, e.n_radial))
    loops.single(expansion.elements.index(element), np.asarray(rho, float), np.asarray(cosine, float), e, out)
    return out.transpose(0, 1, 3, 2).reshape(len(rho), -1)


def lengths(atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
    """Length of each bond (i, j, T), Å; ValueError for a bond that names no atom, or has no length."""
    if len(bonds) and not (bonds[:, :2].min() >= 0 and bonds[:, :2].max() < len(atoms)):
        raise ValueError(f"a bond names atom {bonds[:, :2].max()}; the cell has atoms 0 … {len(atoms) - 1}")
    vectors = atoms.positions[bonds[:, 1]] - atoms.positions[bonds[:, 0]] + bonds[:, 2:] @ atoms.cell.array
    distance = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(distance).all() or (distance == 0).any():
        bad = np.flatnonzero(~(distance > 0))[0]
        raise ValueError(
            f"bond {bonds[bad].tolist()} has no length; repair the structure or the list of bonds"
        )
    return distance


def reach_of(expansion: BondExpansion, longest: float) -> float:
    """Distance from an atom within which all neighbours of its bonds lie, Å."""
    return (max(expansion.cutoff + longest / 2, longest)) * (1 + 1e-9)


def window_table(expansion: BondExpansion, windows: Mapping[str, tuple[float, float]]) -> np.ndarray:
    """Shortest and longest bond by the numbers of two elements, (n, n, 2), Å; (inf, 0) without a window."""
    table = np.tile([np.inf, 0.0], (len(expansion.elements), len(expansion.elements), 1))
    number = {element: n for n, element in enumerate(expansion.elements)}
    for name, window in windows.items():
        a, b = (number.get(element, -1) for element in name.split("-"))
        if min(a, b) < 0 or not 0 < window[0] < window[1]:
            raise ValueError(
                f"window {name}: {list(window)}: needs two of {list(expansion.elements)} and 0 < low < high"
            )
        table[a, b] = table[b, a] = window
    return table


def find_bonds(
    expansion: BondExpansion, atoms: Atoms, windows: Mapping[str, tuple[float, float]]
) -> np.ndarray:
    """All bonds of a cell, each once: i < j, or i = j and T > 0 in lexical order; sorted by (i, j, T).

    Parameters
    ----------
    expansion : BondExpansion
        Gives the elements.
    atoms : Atoms
        The cell.
    windows : mapping
        Bond type → shortest and longest bond, Å; types that are not named are left out.

    Returns
    -------
    (n, 5) int
        i, j, T.

    Raises
    ------
    ValueError
        A position is not finite, an element is not known, or a window is not an interval.

    Examples
    --------
    >>> from ase.build import bulk
    >>> len(find_bonds(BondExpansion(("Cu",)), bulk("Cu"), {"Cu-Cu": (2.0, 2.6)}))  # 12 neighbours / 2
    6
    """
    table, species = window_table(expansion, windows), expansion.species(atoms)
    reach = table[..., 1].max() * (1 + 1e-9)
    bins = space.sort(atoms, species, reach)
    n_bonds = np.zeros(len(atoms), np.int64)
    most = loops.count(bins, table, reach, 0, len(atoms), n_bonds)
    bonds = np.empty((n_bonds.sum(), 5), np.int64)
    loops.list_all(bins, table, reach, most, np.cumsum(n_bonds) - n_bonds, bonds)
    return bonds


def kinds(expansion: BondExpansion, atoms: Atoms, bonds: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Place of each bond's type in `names`, (n,); −1 if it is not there."""
    table = np.full((len(expansion.elements),) * 2, -1)
    for n, name in enumerate(names):
        a, b = (expansion.elements.index(element) for element in name.split("-"))
        table[a, b] = table[b, a] = n
    species = expansion.species(atoms)
    return table[species[bonds[:, 0]], species[bonds[:, 1]]]
