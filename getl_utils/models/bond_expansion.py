"""The surroundings of a bond, seen from its middle.

``BondExpansion(elements, cutoff, n_radial, l_max)`` : the numbers of the expansion.
``describe(expansion, atoms, bonds)`` : features of given bonds (i, j, T), one row each.
``one_neighbour(expansion, element, rho, cosine)`` : what a single neighbour adds.
``flip(expansion)`` : the factor of each feature when the axis of the bond is turned round.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from ase import Atoms

from getl_utils.models import bins as space
from getl_utils.models import bond_loops as loops
from getl_utils.models.bond_list import lengths, reach_of
from getl_utils.models.bond_terms import Shape


@dataclass(frozen=True)
class BondExpansion:
    """The atoms around a bond, expanded in distance from its middle and angle to its axis.

    F[s, n, l] = Σ_k g_n(ρ_k) f_c(ρ_k) P_l(cos θ_k), over the atoms k of element s, the two bonded atoms left
    out. ρ is the distance from the middle, θ the angle to the axis, g_n a Gaussian, f_c = ½ (1 + cos πρ/R_c),
    P_l a Legendre polynomial. This is a bond-centred cluster expansion (Drautz, Phys. Rev. B 99, 014104
    (2019)). The axis points from the element that comes first in `elements` to the other.

    Attributes
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
    def shape(self) -> Shape:
        """The numbers that the compiled loops need."""
        spacing = (self.cutoff - self.innermost) / (self.n_radial - 1)
        return Shape(
            len(self.elements),
            self.n_radial,
            self.l_max + 1,
            float(self.cutoff),
            float(self.innermost),
            spacing,
            self.width * spacing,
        )

    def species(self, atoms: Atoms) -> np.ndarray:
        """Number the element of each atom.

        Parameters
        ----------
        atoms : Atoms
            The cell.

        Returns
        -------
        (n_atoms,) int
            Place of its element in `elements`.

        Raises
        ------
        ValueError
            An element is not in `elements`.
        """
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
    """Give the factor of each feature when the axis is turned round.

    Parameters
    ----------
    expansion : BondExpansion
        The expansion.

    Returns
    -------
    (n_features,)
        (−1)^l.

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
    places_of = np.argsort(bins.order)
    loops.describe(bins, places_of, bonds, np.argsort(bonds[:, 0], kind="stable"), reach, e, out)
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
