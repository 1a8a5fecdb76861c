"""Terms of the bond expansion for many neighbours at once, in the form that compilers make fast."""

from __future__ import annotations

from math import ceil, exp, factorial, log2, pi
from typing import NamedTuple

import numpy as np
from numba import njit

from getl_utils.models.bins import INNER

EXPONENTIAL = tuple(1 / factorial(k) for k in range(12))  # of y: exp(y)
COSINE = tuple((-1) ** k * (pi / 2) ** (2 * k) / factorial(2 * k) for k in range(12))  # of u²: cos(π u / 2)

LANES, FOUR = 16, 4  # numbers that a sum takes in one step; sums that are made at once


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
    """What is written again for each bond.

    Attributes
    ----------
    first, ends : (n_species + 1,)
        Where the neighbours of each element begin among all of the atom, and end among those of the bond.
    rho, cosine, ratio : (n,)
        Distance from the middle (Å), cosine to the axis, and q of `expand`.
    radial : (n_radial or more, n)
        Radial functions.
    legendre : (n_angular, n)
        Legendre polynomials.
    """

    first: np.ndarray
    ends: np.ndarray
    rho: np.ndarray
    cosine: np.ndarray
    ratio: np.ndarray
    radial: np.ndarray
    legendre: np.ndarray


@njit(cache=True, nogil=True, **INNER)
def scratch(e: Shape, n: int) -> Scratch:
    """Make room for neighbours.

    Parameters
    ----------
    e : Shape
        The expansion.
    n : int
        How many.

    Returns
    -------
    Scratch
        Arrays with any content.
    """
    rows = -(-e.n_radial // FOUR) * FOUR  # whole fours
    first, ends = np.zeros(e.n_species + 1, np.int64), np.zeros(e.n_species + 1, np.int64)
    radial, legendre = (rows, n), (e.n_angular, n)
    return Scratch(first, ends, np.empty(n), np.empty(n), np.empty(n), np.empty(radial), np.empty(legendre))


@njit(nogil=True, fastmath=True, inline="always")
def _polynomial(c: tuple[float, ...], x: float) -> float:
    """Value of a polynomial of degree 11."""
    high = c[6] + x * (c[7] + x * (c[8] + x * (c[9] + x * (c[10] + x * c[11]))))
    return c[0] + x * (c[1] + x * (c[2] + x * (c[3] + x * (c[4] + x * (c[5] + x * high)))))


@njit(cache=True, nogil=True, fastmath=True, **INNER)
def _exponential(y: np.ndarray, n: int, largest: float) -> None:
    """Replace the first n numbers by their exponentials; none is larger in size than `largest`.

    exp(y) is (exp(y / 2^h))^(2^h), of which the inner part is a polynomial, to rounding, below 0.2. The
    compiler does this for several numbers at once, which it cannot do with the library's exp.
    """
    halvings = max(0, ceil(log2(largest / 0.2)))
    small = 0.5**halvings
    for k in range(n):
        y[k] = _polynomial(EXPONENTIAL, y[k] * small)
    for _ in range(halvings):
        for k in range(n):
            y[k] *= y[k]


@njit(cache=True, nogil=True, fastmath=True, **INNER)
def expand(n: int, e: Shape, work: Scratch) -> None:
    """Evaluate the radial functions times the cutoff, and the Legendre polynomials.

    Gaussians with evenly spaced centres follow g_{n+1} = g_n q_n, where q_{n+1} = q_n exp(−step²).

    Parameters
    ----------
    n : int
        Number of neighbours.
    e : Shape
        The expansion.
    work : Scratch
        Has `rho` and `cosine`; gets `radial` and `legendre`.
    """
    rho, c, ratio, g, p = work.rho, work.cosine, work.ratio, work.radial, work.legendre
    step, far = e.spacing / e.width, max(e.innermost, e.cutoff - e.innermost) / e.width
    for k in range(n):
        x = (rho[k] - e.innermost) / e.width
        g[0, k], ratio[k] = -0.5 * x * x, step * (x - 0.5 * step)
    _exponential(g[0], n, 0.5 * far * far)
    _exponential(ratio, n, step * (far + 0.5 * step))
    for k in range(n):
        half = _polynomial(COSINE, (rho[k] / e.cutoff) ** 2)  # ½ (1 + cos 2a) = cos² a
        g[0, k] *= half * half
        p[0, k] = 1.0
    fall = exp(-step * step)
    for m in range(1, len(g)):
        for k in range(n):
            g[m, k] = g[m - 1, k] * ratio[k]
            ratio[k] *= fall
    for l in range(1, e.n_angular):  # noqa: E741
        grow, shrink, before = (2 * l - 1) / l, (l - 1) / l, max(l - 2, 0)
        for k in range(n):
            p[l, k] = grow * c[k] * p[l - 1, k] - shrink * p[before, k]


@njit(nogil=True, fastmath=True, inline="always")
def sums(work: Scratch, low: int, high: int, l: int, m: int) -> tuple[float, float, float, float]:  # noqa: E741
    """Sum P_l times four radial functions over neighbours; at once, so that P_l is read once.

    Parameters
    ----------
    work : Scratch
        After `expand`.
    low, high : int
        Range of neighbours.
    l : int
        Degree.
    m : int
        First of the four radial functions.

    Returns
    -------
    tuple of float
        The four sums.
    """
    p, g0, g1 = work.legendre[l, low:high], work.radial[m, low:high], work.radial[m + 1, low:high]
    g2, g3 = work.radial[m + 2, low:high], work.radial[m + 3, low:high]
    t0 = t1 = t2 = t3 = 0.0
    for k in range(high - low):
        t0 += g0[k] * p[k]
        t1 += g1[k] * p[k]
        t2 += g2[k] * p[k]
        t3 += g3[k] * p[k]
    return t0, t1, t2, t3
