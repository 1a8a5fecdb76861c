"""Compiled loops of the bond expansion: plain arrays in, plain arrays out."""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit

from getl_utils.models.bins import INNER, Bins, Near, gather, room
from getl_utils.models.bond_list import ROOM, list_bonds
from getl_utils.models.bond_terms import FOUR, LANES, Scratch, Shape, expand, scratch, sums


@njit(cache=True, nogil=True, **INNER)
def _sort(n: int, near: Near, first: np.ndarray) -> None:
    """Sort the neighbours of an atom by element: number s has ``sorted[first[s] : first[s + 1]]``."""
    found = 0
    for species in range(len(first) - 1):
        for k in range(n):
            if near.species[k] == species:
                near.sorted[found] = k
                found += 1
        first[species + 1] = found


@njit(cache=True, nogil=True, fastmath=True, **INNER)
def _select(near: Near, partner: int, sign: float, e: Shape, work: Scratch) -> int:
    """Write ρ and cos θ of the neighbours within the cutoff of a bond, element by element; how many rows.

    The bond leads to neighbour `partner`; its axis is multiplied by `sign`.
    """
    vectors, found = near.vectors, 0
    x, y, z = vectors[partner, 0], vectors[partner, 1], vectors[partner, 2]
    scale = sign / sqrt(x * x + y * y + z * z)
    for species in range(e.n_species):
        for row in range(work.first[species], work.first[species + 1]):
            k = near.sorted[row]
            if k == partner:
                continue
            dx, dy, dz = vectors[k, 0] - 0.5 * x, vectors[k, 1] - 0.5 * y, vectors[k, 2] - 0.5 * z
            square = dx * dx + dy * dy + dz * dz
            if square < e.cutoff * e.cutoff:
                rho = sqrt(square)
                work.rho[found] = rho
                work.cosine[found] = (dx * x + dy * y + dz * z) * scale / rho if rho > 0 else 0.0
                found += 1
        while found % LANES:  # up to a whole number of steps of the compiled sums; these add nothing
            work.rho[found], work.cosine[found] = e.cutoff, 0.0
            found += 1
        work.ends[species + 1] = found
    return found


@njit(cache=True, nogil=True, fastmath=True, **INNER)
def _sum(out: np.ndarray, e: Shape, work: Scratch, even: bool) -> None:
    """Sum the terms over the neighbours of each element; apart from `_fill`, so that `work` stays the same.

    Numba counts references to each slice where `work` may be exchanged, which takes longer than the sums.
    """
    for species in range(e.n_species):
        low, high = work.ends[species], work.ends[species + 1]
        for l in range(e.n_angular):  # noqa: E741
            if even and l % 2:
                for m in range(e.n_radial):
                    out[species, l, m] = 0.0
                continue
            for m in range(0, e.n_radial, FOUR):
                four = sums(work, low, high, l, m)
                for k in range(min(FOUR, e.n_radial - m)):
                    out[species, l, m + k] = four[k]


@njit(cache=True, nogil=True, fastmath=True, **INNER)
def _fill(
    out: np.ndarray, n: int, near: Near, partner: int, sign: float, e: Shape, work: Scratch, even: bool
) -> Scratch:
    """Features (species, l, n) of the bond to neighbour `partner`; with `even` the odd degrees are 0.

    Returns `work`, or larger arrays if the n neighbours do not fit.
    """
    if n + e.n_species * LANES > len(work.rho):
        first = work.first
        work = scratch(e, 2 * n + e.n_species * LANES)
        for s in range(len(first)):  # one by one: an assignment of all compiles an error message
            work.first[s] = first[s]
    expand(_select(near, partner, sign, e, work), e, work)
    _sum(out, e, work, even)
    return work


@njit(cache=True, nogil=True)
def single(species: int, rho: np.ndarray, cosine: np.ndarray, e: Shape, out: np.ndarray) -> None:
    """Compute the features of one neighbour at several places.

    Parameters
    ----------
    species : int
        Number of its element.
    rho : (n,)
        Distance from the middle of the bond, Å.
    cosine : (n,)
        Cosine of the angle to the axis.
    e : Shape
        The expansion.
    out : (n, species, l, n_radial)
        Gets the features; those beyond the cutoff stay as they are.
    """
    work = scratch(e, 1)
    for row in range(len(rho)):
        if rho[row] < e.cutoff:
            work.rho[0], work.cosine[0] = rho[row], cosine[row]
            expand(1, e, work)
            for l in range(e.n_angular):  # noqa: E741
                out[row, species, l] = work.radial[: e.n_radial, 0] * work.legendre[l, 0]


@njit(cache=True, nogil=True)
def describe(
    bins: Bins,
    places_of: np.ndarray,
    bonds: np.ndarray,
    rows: np.ndarray,
    reach: float,
    e: Shape,
    out: np.ndarray,
) -> int:
    """Compute the features of given bonds.

    Parameters
    ----------
    bins : Bins
        The atoms.
    places_of : (atoms,) int
        Place of each atom.
    bonds : (n, 5) int
        i, j, T.
    rows : (n,) int
        Their order by i.
    reach : float
        Largest distance of a neighbour, Å.
    e : Shape
        The expansion.
    out : (n, species, n_radial, l)
        Gets the features.

    Returns
    -------
    int
        Row of the first bond that is none; -1 if all are bonds.
    """
    work, near, n, atom = scratch(e, ROOM), room(ROOM), 0, -1
    buffer = np.empty((e.n_species, e.n_angular, e.n_radial))
    for row in rows:
        i, j = bonds[row, 0], bonds[row, 1]
        place, other = places_of[i], places_of[j]
        if i != atom:
            n, near = gather(bins, place, reach, near)
            _sort(n, near, work.first)
            atom = i
        shift = bonds[row, 2:] - bins.wraps[place] + bins.wraps[other]
        partner = find(near.places[:n], near.shifts[:n], other, shift)
        if partner < 0:
            return row
        sign = 1.0 if bins.species[place] <= bins.species[other] else -1.0
        work = _fill(buffer, n, near, partner, sign, e, work, False)
        out[row] = buffer.transpose(0, 2, 1)
    return -1


@njit(cache=True, nogil=True, **INNER)
def find(places: np.ndarray, shifts: np.ndarray, other: int, shift: np.ndarray) -> int:
    """Find a neighbour.

    Parameters
    ----------
    places : (n,) int
        Places of the neighbours.
    shifts : (n, 3) int
        Their translations.
    other : int
        Place of the one that is sought.
    shift : (3,) int
        Its translation.

    Returns
    -------
    int
        Its index; -1 if it is none of them.
    """
    for k in range(len(places)):
        if places[k] == other and (shifts[k] == shift).all():
            return k
    return -1


@njit(cache=True, nogil=True)
def describe_all(
    bins: Bins,
    windows: np.ndarray,
    reach: float,
    low: int,
    high: int,
    first: np.ndarray,
    e: Shape,
    bonds: np.ndarray,
    ends: np.ndarray,
    distance: np.ndarray,
    rows: np.ndarray,
    features: np.ndarray,
) -> None:
    """List and describe the bonds of the atoms in some places.

    Parameters
    ----------
    bins : Bins
        The atoms.
    windows : (species, species, 2)
        Shortest and longest bond, Å.
    reach : float
        Largest distance of a neighbour, Å.
    low, high : int
        Range of places; they have m bonds.
    first : (atoms,) int
        Row of the first bond of each atom, of the n bonds of the cell.
    e : Shape
        The expansion.
    bonds : (n, 5) int
        Gets i, j, T.
    ends : (m, 2) int
        Gets the elements of both ends.
    distance : (n,)
        Gets the lengths, Å.
    rows : (m,) int
        Gets the row of each of the m bonds among the n.
    features : (m, species, l, n_radial)
        Gets the features; odd degrees are 0 between like elements.
    """
    work, near, own = scratch(e, ROOM), room(ROOM), 0
    for place in range(low, high):
        start = first[bins.order[place]]
        n, near = gather(bins, place, reach, near)
        _sort(n, near, work.first)
        for b in range(list_bonds(bins, place, windows, n, near, bonds[start:])):
            partner = near.bonded[b]
            a, other = bins.species[place], near.species[partner]
            sign = 1.0 if a <= other else -1.0
            work = _fill(features[own], n, near, partner, sign, e, work, a == other)
            ends[own, 0], ends[own, 1] = a, other
            x, y, z = near.vectors[partner, 0], near.vectors[partner, 1], near.vectors[partner, 2]
            distance[start + b] = sqrt(x * x + y * y + z * z)
            rows[own] = start + b
            own += 1
