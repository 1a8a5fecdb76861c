"""Overlaps of atom-centred functions in a periodic cell: numerical radial parts times real harmonics.

⟨f|g(R)⟩ = 4π Σ_LM i^(l_f−l_g−L) G_LM Y_LM(R̂) ∫ q² F(q) G(q) j_L(qR) dq with the Gaunt coefficients G and
F(q) = √(2/π) ∫ r² j_l(qr) f(r) dr (Sankey and Niklewski, Phys. Rev. B 40, 3979 (1989)). On one centre it
is the radial integral itself. Lengths are in bohr.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase import Atoms
from ase.units import Bohr
from scipy.interpolate import CubicSpline
from scipy.special import spherical_jn

STEP, LARGEST = 0.05, 40.0  # 1/bohr: of q; a step of 0.05 separates functions within 2π/0.05 = 125 bohr
DISTANCES = 800
Functions = Mapping[str, Sequence["Radial"]]  # of each element


def _momenta() -> np.ndarray:
    return np.arange(STEP / 2, LARGEST, STEP)


@dataclass(frozen=True, eq=False)
class Radial:
    """A function f(r) Y_lm, zero beyond the last r.

    Attributes
    ----------
    l : int
        Angular momentum.
    r : (n,) array
        bohr.
    values : (n,) array
        f, bohr^(−3/2).
    weights : (n,) array
        Quadrature weights of dr, bohr.
    name : str
        Name of the shell.
    """

    l: int  # noqa: E741
    r: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    name: str = ""

    @property
    def momenta(self) -> np.ndarray:
        """Return the q (1/bohr) of `transform`."""
        return _momenta()

    @cached_property
    def transform(self) -> np.ndarray:
        """F(q) = √(2/π) ∫ r² j_l(qr) f(r) dr."""
        return (
            math.sqrt(2 / math.pi)
            * spherical_jn(self.l, np.outer(_momenta(), self.r))
            @ (self.values * self.r**2 * self.weights)
        )

    @cached_property
    def spline(self) -> CubicSpline:
        """F(q) as a function of q (1/bohr)."""
        return CubicSpline(self.momenta, self.transform)

    def mean_radius(self) -> float:
        """Return ⟨r⟩, bohr."""
        return float(np.sum(self.values**2 * self.r**3 * self.weights))

    def dot(self, other: Radial) -> float:
        """Return ∫ f g r² dr of two functions on one centre, on the grid of the longer one.

        Parameters
        ----------
        other : Radial
            The other function.

        Returns
        -------
        float
            The overlap.
        """
        long, short = (self, other) if self.r[-1] >= other.r[-1] else (other, self)
        inside = long.r <= short.r[-1]
        second = short.values if long.r is short.r else CubicSpline(short.r, short.values)(long.r[inside])
        return float(np.sum((long.values * long.r**2 * long.weights)[inside] * second))


class Overlaps:
    """Two-centre overlaps in one cell, for any sets of functions.

    Parameters
    ----------
    atoms : Atoms
        Periodic structure. Bloch sums are Σ_T e^(2πi k·T) of the atoms as given.
    kpoints : (k, 3) array
        In reciprocal lattice vectors.
    reach : float
        Largest distance of two centres, Å.
    """

    def __init__(self, atoms: Atoms, kpoints: np.ndarray, reach: float) -> None:
        from gpaw.sphere.spherical_harmonics import Y
        from matscipy.neighbours import neighbour_list

        self.symbols, self.kpoints, self.reach = (
            np.array(atoms.get_chemical_symbols()),
            np.asarray(kpoints),
            reach / Bohr,
        )
        self.i, self.j, vectors, shifts = neighbour_list("ijDS", atoms, reach)
        self.distances = np.linalg.norm(vectors, axis=1) / Bohr
        direction = vectors.T / Bohr / self.distances
        ones = np.ones(len(self.distances))
        self.harmonics = [
            np.array([Y(n * n + m, *direction) * ones for m in range(2 * n + 1)]).T for n in range(7)
        ]
        self.phases = (
            np.exp(2j * np.pi * self.kpoints @ shifts.T) if self.kpoints.any() else np.ones((1, len(ones)))
        )

    def matrix(self, left: Functions, right: Functions) -> np.ndarray:
        """Return the overlaps of two sets of functions at every k point.

        Parameters
        ----------
        left : mapping
            Element → its functions.
        right : mapping
            Element → its functions.

        Returns
        -------
        (k, functions of all atoms, functions of all atoms) array
            ⟨left|right⟩.
        """
        rows, columns = (np.cumsum([0, *(_size(f[s]) for s in self.symbols)]) for f in (left, right))
        result = np.repeat(self.own(left, right)[None].astype(self.phases.dtype), len(self.phases), 0)
        for one in dict.fromkeys(self.symbols):
            for other in dict.fromkeys(self.symbols):
                pairs, first = self._pairs(one, other)
                for at, f in _places(left[one]):
                    for to, g in _places(right[other]):
                        block, kept = self._blocks(f, g, pairs), pairs[first]
                        row = (rows[self.i[kept]] + at)[:, None, None] + np.arange(2 * f.l + 1)[:, None]
                        column = (columns[self.j[kept]] + to)[:, None, None] + np.arange(2 * g.l + 1)
                        for k, phase in enumerate(self.phases[:, pairs] if len(pairs) else ()):
                            result[k][row, column] += np.add.reduceat(phase[:, None, None] * block, first)
        return result

    def _pairs(self, one: str, other: str) -> tuple[np.ndarray, np.ndarray]:
        """The pairs of two elements, images of one pair together, and where each pair begins."""
        pairs = np.flatnonzero((self.symbols[self.i] == one) & (self.symbols[self.j] == other))
        pairs = pairs[np.lexsort((self.j[pairs], self.i[pairs]))]
        change = np.diff(self.i[pairs], prepend=-1) | np.diff(self.j[pairs], prepend=-1)
        return pairs, np.flatnonzero(change)

    def own(self, left: Functions, right: Functions) -> np.ndarray:
        """Return the overlaps of functions on one atom (the same image) alone; the others are zero.

        Parameters
        ----------
        left : mapping
            Element → its functions.
        right : mapping
            Element → its functions.

        Returns
        -------
        (functions of all atoms, functions of all atoms) array
            ⟨left|right⟩.
        """
        rows, columns = (np.cumsum([0, *(_size(f[s]) for s in self.symbols)]) for f in (left, right))
        result = np.zeros((rows[-1], columns[-1]))
        blocks = {symbol: _one_centre(left[symbol], right[symbol]) for symbol in set(self.symbols)}
        for atom, symbol in enumerate(self.symbols):
            result[rows[atom] : rows[atom + 1], columns[atom] : columns[atom + 1]] = blocks[symbol]
        return result

    def _blocks(self, f: Radial, g: Radial, pairs: np.ndarray) -> np.ndarray:
        """(pairs, 2l_f+1, 2l_g+1)."""
        from gpaw.sphere.gaunt import gaunt

        block = np.zeros((len(pairs), 2 * f.l + 1, 2 * g.l + 1))
        table = gaunt(max(f.l, g.l))[f.l**2 : (f.l + 1) ** 2, g.l**2 : (g.l + 1) ** 2]
        for order in range(abs(f.l - g.l), f.l + g.l + 1, 2):
            values = self._radial(f, g, order)(self.distances[pairs])
            angular = table[:, :, order**2 : (order + 1) ** 2]
            block += np.einsum("p,pM,abM->pab", values, self.harmonics[order][pairs], angular, optimize=True)
        return block

    def _radial(self, f: Radial, g: Radial, order: int) -> Callable[[np.ndarray], np.ndarray]:
        integrand = f.transform * g.transform * _momenta() ** 2 * STEP
        sign = (-1.0) ** ((f.l - g.l - order) // 2)
        return CubicSpline(self._distances, 4 * np.pi * sign * (self._bessel[order] @ integrand))

    @cached_property
    def _distances(self) -> np.ndarray:
        return np.linspace(0, self.reach * 1.001, DISTANCES)

    @cached_property
    def _bessel(self) -> list[np.ndarray]:
        return [spherical_jn(order, np.outer(self._distances, _momenta())) for order in range(7)]


def owners_and_names(atoms: Atoms, functions: Functions) -> tuple[np.ndarray, np.ndarray]:
    """List the functions of all atoms, m by m, in the order of `Overlaps.matrix`.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    functions : mapping
        Element → its functions.

    Returns
    -------
    (o,) array of int, (o,) array of str
        Atom and name of every function.
    """
    each = [
        (a, f.name)
        for a, s in enumerate(atoms.get_chemical_symbols())
        for f in functions[s]
        for _ in range(2 * f.l + 1)
    ]
    owners, names = zip(*each, strict=True)
    return np.array(owners), np.array(names)


def _size(functions: Sequence[Radial]) -> int:
    return sum(2 * f.l + 1 for f in functions)


def _places(functions: Sequence[Radial]) -> list[tuple[int, Radial]]:
    starts = np.cumsum([0, *(2 * f.l + 1 for f in functions)])
    return list(zip(starts[:-1].tolist(), functions, strict=True))


def _one_centre(left: Sequence[Radial], right: Sequence[Radial]) -> np.ndarray:
    matrix = np.zeros((_size(left), _size(right)))
    for at, f in _places(left):
        for to, g in _places(right):
            if f.l == g.l:
                block = matrix[at : at + 2 * f.l + 1, to : to + 2 * f.l + 1]
                np.fill_diagonal(block, f.dot(g))
    return matrix
