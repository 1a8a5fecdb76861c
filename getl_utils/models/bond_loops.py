"""Compiled loops of the bond expansion: plain arrays in, plain arrays out."""

from __future__ import annotations

from math import cos, exp, pi, sqrt
from typing import NamedTuple

import numpy as np
from numba import njit

from getl_utils.models.bins import Bins, gather


class Shape(NamedTuple):
    """The numbers of the expansion that the loops need; lengths in Å."""

    n_species: int
    n_radial: int
    n_angular: int
    cutoff: float
    innermost: float
    spacing: float
    width: float


class Scratch(NamedTuple):
    """What the loops write again for each neighbour, and constants of the recurrences.

    Gaussians with evenly spaced centres follow g_{n+1} = g_n q_n and q_{n+1} = q_n `fall`. Legendre
    polynomials follow P_{l+1} = grow_l c P_l − shrink_l P_{l−1}.
    """

    radial: np.ndarray
    grow: np.ndarray
    shrink: np.ndarray
    step: float
    fall: float


@njit(cache=True, nogil=True)
def scratch(e: Shape) -> Scratch:
    """Allocate and precompute for one expansion."""
    degree, step = np.arange(e.n_angular), e.spacing / e.width
    grow, shrink = (2 * degree + 1) / (degree + 1), degree / (degree + 1)
    return Scratch(np.empty(e.n_radial), grow, shrink, step, exp(-step * step))


@njit(cache=True, nogil=True, fastmath=True)
def add_neighbour(
    out: np.ndarray, row: int, species: int, rho: float, c: float, e: Shape, work: Scratch, even: bool
) -> None:
    """Add one atom at distance `rho` from the middle and cosine `c` to the features (row, species, l, n)."""
    radial = work.radial
    x = (rho - e.innermost) / e.width
    value = (0.5 + 0.5 * cos(pi * rho / e.cutoff)) * exp(-0.5 * x * x)
    ratio = exp(work.step * (x - 0.5 * work.step))
    for n in range(e.n_radial):
        radial[n] = value
        value *= ratio
        ratio *= work.fall
    before, legendre = 0.0, 1.0
    for l in range(e.n_angular):  # noqa: E741
        if not even or l % 2 == 0:
            for n in range(e.n_radial):
                out[row, species, l, n] += radial[n] * legendre
        before, legendre = legendre, work.grow[l] * c * legendre - work.shrink[l] * before


@njit(cache=True, nogil=True, fastmath=True)
def fill(
    out: np.ndarray,
    row: int,
    vectors: np.ndarray,
    species: np.ndarray,
    partner: int,
    sign: float,
    e: Shape,
    work: Scratch,
    even: bool,
) -> None:
    """Features (row, species, l, n) of the bond to neighbour `partner`; all neighbours lie at `vectors`.

    The axis is multiplied by `sign`. With `even` the odd degrees stay 0.
    """
    x, y, z = vectors[partner, 0], vectors[partner, 1], vectors[partner, 2]
    scale = sign / sqrt(x * x + y * y + z * z)
    out[row] = 0.0
    for k in range(len(vectors)):
        dx, dy, dz = vectors[k, 0] - 0.5 * x, vectors[k, 1] - 0.5 * y, vectors[k, 2] - 0.5 * z
        square = dx * dx + dy * dy + dz * dz
        if k != partner and square < e.cutoff * e.cutoff:
            rho = sqrt(square)
            c = (dx * x + dy * y + dz * z) * scale / rho if rho > 0 else 0.0
            add_neighbour(out, row, species[k], rho, c, e, work, even)


@njit(cache=True, nogil=True)
def single(species: int, rho: np.ndarray, cosine: np.ndarray, e: Shape, out: np.ndarray) -> None:
    """Features (row, species, l, n) of one neighbour at each place; those beyond the cutoff stay 0."""
    work = scratch(e)
    for row in range(len(rho)):
        if rho[row] < e.cutoff:
            add_neighbour(out, row, species, rho[row], cosine[row], e, work, False)


@njit(cache=True, nogil=True)
def count(bins: Bins, windows: np.ndarray, reach: float, first: int, last: int, n_bonds: np.ndarray) -> int:
    """Bonds of each atom in places first … last, written by atom; returns the largest number of
    neighbours."""
    most = 0
    size = 512
    vectors, places, shifts = np.empty((size, 3)), np.empty(size, np.int64), np.empty((size, 3), np.int64)
    for place in range(first, last):
        n = gather(bins, place, reach, vectors, places, shifts)
        while n > size:
            size = 2 * n
            vectors, places, shifts = (
                np.empty((size, 3)),
                np.empty(size, np.int64),
                np.empty((size, 3), np.int64),
            )
            n = gather(bins, place, reach, vectors, places, shifts)
        most = max(most, n)
        for k in range(n):
            if is_bond(bins, place, k, vectors, places, shifts, windows):
                n_bonds[bins.order[place]] += 1
    return most


@njit(cache=True, nogil=True, inline="always")
def is_bond(
    bins: Bins,
    place: int,
    k: int,
    vectors: np.ndarray,
    places: np.ndarray,
    shifts: np.ndarray,
    windows: np.ndarray,
) -> bool:
    """True if neighbour k is a bond: inside the window of its type, and counted once.

    Once means i < j, or i = j and the first T ≠ 0 is positive.
    """
    low, high = (
        windows[bins.species[place], bins.species[places[k]], 0],
        windows[bins.species[place], bins.species[places[k]], 1],
    )
    square = vectors[k, 0] ** 2 + vectors[k, 1] ** 2 + vectors[k, 2] ** 2
    if square < low * low or square > high * high:
        return False
    i, j = bins.order[place], bins.order[places[k]]
    x, y, z = shifts[k, 0], shifts[k, 1], shifts[k, 2]
    return i < j or (i == j and (x > 0 or (x == 0 and (y > 0 or (y == 0 and z > 0)))))


@njit(cache=True, nogil=True)
def list_bonds(
    bins: Bins,
    place: int,
    windows: np.ndarray,
    n: int,
    vectors: np.ndarray,
    places: np.ndarray,
    shifts: np.ndarray,
    bonds: np.ndarray,
    partners: np.ndarray,
) -> int:
    """Write (i, j, T) of the bonds of one atom in order of (j, T), and which neighbour each leads to."""
    found = 0
    for k in range(n):
        if not is_bond(bins, place, k, vectors, places, shifts, windows):
            continue
        row = found
        new = np.empty(5, np.int64)
        new[0], new[1] = bins.order[place], bins.order[places[k]]
        new[2:] = shifts[k] + bins.wraps[place] - bins.wraps[places[k]]
        while row > 0 and before(new, bonds[row - 1]):
            bonds[row], partners[row] = bonds[row - 1], partners[row - 1]
            row -= 1
        bonds[row], partners[row] = new, k
        found += 1
    return found


@njit(cache=True, nogil=True)
def before(a: np.ndarray, b: np.ndarray) -> bool:
    """True if row a sorts before row b."""
    for k in range(len(a)):
        if a[k] != b[k]:
            return a[k] < b[k]
    return False


@njit(cache=True, nogil=True)
def describe(
    bins: Bins,
    places_of: np.ndarray,
    bonds: np.ndarray,
    rows: np.ndarray,
    reach: float,
    most: int,
    e: Shape,
    out: np.ndarray,
) -> int:
    """Features of the bonds (i, j, T) in the order `rows`, sorted by i; returns the first bond not found, or
    -1."""
    vectors, places, shifts = np.empty((most, 3)), np.empty(most, np.int64), np.empty((most, 3), np.int64)
    work, around, n, atom = scratch(e), np.empty(most, np.int64), 0, -1
    buffer = np.empty((1, e.n_species, e.n_angular, e.n_radial))
    for row in rows:
        i, j = bonds[row, 0], bonds[row, 1]
        place, other = places_of[i], places_of[j]
        if i != atom:
            n, atom = gather(bins, place, reach, vectors, places, shifts), i
            for k in range(n):
                around[k] = bins.species[places[k]]
        shift = bonds[row, 2:] - bins.wraps[place] + bins.wraps[other]
        partner = find(places[:n], shifts[:n], other, shift)
        if partner < 0:
            return row
        sign = 1.0 if bins.species[place] <= bins.species[other] else -1.0
        fill(buffer, 0, vectors[:n], around[:n], partner, sign, e, work, False)
        out[row] = buffer[0].transpose(0, 2, 1)
    return -1


@njit(cache=True, nogil=True)
def find(places: np.ndarray, shifts: np.ndarray, other: int, shift: np.ndarray) -> int:
    """Which neighbour is the atom in place `other`, translated by `shift`; -1 if none."""
    for k in range(len(places)):
        if places[k] == other and (shifts[k] == shift).all():
            return k
    return -1


@njit(cache=True, nogil=True)
def list_all(
    bins: Bins, windows: np.ndarray, reach: float, most: int, first: np.ndarray, bonds: np.ndarray
) -> None:
    """All bonds of a cell; those of atom i start at row ``first[i]``."""
    vectors, places, shifts = np.empty((most, 3)), np.empty(most, np.int64), np.empty((most, 3), np.int64)
    partners = np.empty(most, np.int64)
    for place in range(len(bins.order)):
        n = gather(bins, place, reach, vectors, places, shifts)
        list_bonds(
            bins, place, windows, n, vectors, places, shifts, bonds[first[bins.order[place]] :], partners
        )


@njit(cache=True, nogil=True)
def describe_all(
    bins: Bins,
    windows: np.ndarray,
    reach: float,
    most: int,
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
    """All bonds of the atoms in places low … high.

    Their (i, j, T) and lengths go to the rows ``first[i]`` and following of the arrays of the frame. Their
    elements and features (species, l, n) go to consecutive rows, and `rows` says which rows of the frame
    they are. Odd degrees of bonds between like elements stay 0.
    """
    vectors, places, shifts = np.empty((most, 3)), np.empty(most, np.int64), np.empty((most, 3), np.int64)
    partners, around, work = np.empty(most, np.int64), np.empty(most, np.int64), scratch(e)
    own = 0
    for place in range(low, high):
        start = first[bins.order[place]]
        n = gather(bins, place, reach, vectors, places, shifts)
        for k in range(n):
            around[k] = bins.species[places[k]]
        found = list_bonds(bins, place, windows, n, vectors, places, shifts, bonds[start:], partners)
        for b in range(found):
            a, other = bins.species[place], around[partners[b]]
            sign = 1.0 if a <= other else -1.0
            fill(features, own, vectors[:n], around[:n], partners[b], sign, e, work, a == other)
            ends[own, 0], ends[own, 1] = a, other
            x, y, z = vectors[partners[b], 0], vectors[partners[b], 1], vectors[partners[b], 2]
            distance[start + b] = sqrt(x * x + y * y + z * z)
            rows[own] = start + b
            own += 1
