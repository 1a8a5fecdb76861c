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


@njit(cache=True, nogil=True, fastmath=True)
def add_neighbour(out: np.ndarray, species: int, rho: float, c: float, e: Shape, radial: np.ndarray) -> None:
    """Add one atom at distance `rho` from the middle and cosine `c` to the features (species, n, l)."""
    envelope = 0.5 + 0.5 * cos(pi * rho / e.cutoff)
    for n in range(e.n_radial):
        x = (rho - e.innermost - n * e.spacing) / e.width
        radial[n] = envelope * exp(-0.5 * x * x)
    before, legendre = 0.0, 1.0
    for l in range(e.n_angular):  # noqa: E741
        for n in range(e.n_radial):
            out[species, n, l] += radial[n] * legendre
        before, legendre = legendre, ((2 * l + 1) * c * legendre - l * before) / (l + 1)


@njit(cache=True, nogil=True, fastmath=True)
def fill(
    out: np.ndarray,
    vectors: np.ndarray,
    species: np.ndarray,
    partner: int,
    sign: float,
    e: Shape,
    radial: np.ndarray,
) -> None:
    """Features of the bond to neighbour `partner` of an atom, whose neighbours lie at `vectors`; axis times `sign`."""
    x, y, z = vectors[partner]
    scale = sign / sqrt(x * x + y * y + z * z)
    out[:] = 0.0
    for k in range(len(vectors)):
        dx, dy, dz = vectors[k, 0] - 0.5 * x, vectors[k, 1] - 0.5 * y, vectors[k, 2] - 0.5 * z
        square = dx * dx + dy * dy + dz * dz
        if k != partner and square < e.cutoff * e.cutoff:
            rho = sqrt(square)
            c = (dx * x + dy * y + dz * z) * scale / rho if rho > 0 else 0.0
            add_neighbour(out, species[k], rho, c, e, radial)


@njit(cache=True, nogil=True)
def count(bins: Bins, windows: np.ndarray, reach: float, first: int, last: int, n_bonds: np.ndarray) -> int:
    """Bonds of each atom in places first … last, written by atom; returns the largest number of neighbours."""
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
            if is_bond(bins, place, vectors[k], places[k], shifts[k], windows):
                n_bonds[bins.order[place]] += 1
    return most


@njit(cache=True, nogil=True)
def is_bond(
    bins: Bins, place: int, vector: np.ndarray, other: int, shift: np.ndarray, windows: np.ndarray
) -> bool:
    """True for a pair inside the window of its type, counted once: i < j, or i = j and the first T ≠ 0 is positive."""
    i, j = bins.order[place], bins.order[other]
    if i > j:
        return False
    if i == j and not (
        shift[0] > 0 or (shift[0] == 0 and (shift[1] > 0 or (shift[1] == 0 and shift[2] > 0)))
    ):
        return False
    low, high = windows[bins.species[place], bins.species[other]]
    square = vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2
    return low * low <= square <= high * high


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
        if not is_bond(bins, place, vectors[k], places[k], shifts[k], windows):
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
    """Features of the bonds (i, j, T) in the order `rows`, sorted by i; returns the first bond not found, or -1."""
    vectors, places, shifts = np.empty((most, 3)), np.empty(most, np.int64), np.empty((most, 3), np.int64)
    radial, around, n, atom = np.empty(e.n_radial), np.empty(most, np.int64), 0, -1
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
        fill(out[row], vectors[:n], around[:n], partner, sign, e, radial)
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
