"""Exchange and correlation in the PAW spheres, all directions of a sphere at once.

GPAW's own loop (``gpaw/xc/gga.py``) takes one of Lebedev's 50 directions after the other: half of the time of
an SCF step of a metal. Here the same sums are products of matrices over all directions. The result differs by
rounding only.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def use(xc: Any) -> bool:
    """Give a functional of GPAW this way to the corrections of its spheres.

    Parameters
    ----------
    xc : gpaw.new.xc.Functional
        The functional of a calculation.

    Returns
    -------
    bool
        False, and nothing is done, if it is another one than a GGA.
    """
    from gpaw.xc.gga import GGA
    from gpaw.xc.lda import calculate_paw_correction

    if type(xc.xc) is not GGA:
        return False
    kernel = xc.xc.kernel

    def _correction(setup: Any, d: Any, h: Any = None, addcoredensity: bool = True, a: Any = None) -> float:
        def _sphere(*args: Any) -> tuple[float, np.ndarray]:
            return expand(kernel, *args)

        return calculate_paw_correction(_sphere, setup, d, h, addcoredensity, a)

    xc.xc.calculate_paw_correction = _correction
    return True


def expand(
    kernel: Any, grid: Any, density: np.ndarray, pairs: np.ndarray, core: np.ndarray
) -> tuple[float, np.ndarray]:
    """Exchange–correlation energy of one sphere, and its derivatives.

    Parameters
    ----------
    kernel : gpaw.xc.kernel.XCKernel
        The functional of density and σ.
    grid : gpaw.atom.radialgd.RadialGridDescriptor
        Radii r.
    density : (s, L, q) array
        Coefficients of the density, by spin, spherical harmonic and pair of partial waves.
    pairs : (q, r) array
        Products of partial waves, bohr^(−3).
    core : (s, r) array
        Density of the core, the part of L = 0.

    Returns
    -------
    tuple
        Energy (hartree) and its derivative by the coefficients (s, q, L).
    """
    from gpaw.sphere.lebedev import Y_nL, weight_n
    from gpaw.xc.pawcorrection import rnablaY_nLv

    n = density @ pairs
    n[:, 0] += core
    spins, harmonics, radii = n.shape
    y = Y_nL[:, :harmonics]
    slopes = rnablaY_nLv[:, :harmonics].transpose(0, 2, 1).reshape(-1, harmonics)
    a = y @ _derivative(n, grid.dr_g)
    b = (slopes @ n).reshape(spins, len(y), 3, radii)
    sigma = _sigma(a, b, grid)
    energy, potential, by_sigma = np.empty(a.shape[1:]), np.zeros_like(a), np.zeros_like(sigma)
    kernel.calculate(energy, y @ n, potential, sigma, by_sigma)
    potential += _divergence(a, by_sigma, grid)
    by_sigma *= grid.dr_g
    across = by_sigma[::2, :, None] * b
    if spins == 2:
        across += 0.5 * by_sigma[1, :, None] * b[::-1]
    by_n = (weight_n[:, None] * y).T @ (potential * grid.dv_g)
    by_n += (8 * np.pi * weight_n.repeat(3)[:, None] * slopes).T @ across.reshape(spins, -1, radii)
    return float(weight_n @ grid.integrate(energy)), pairs @ by_n.transpose(0, 2, 1)


def _sigma(a: np.ndarray, b: np.ndarray, grid: Any) -> np.ndarray:
    """∇n·∇n of up–up, up–down, down–down (2 s − 1, direction, r) from the slopes along r and across it."""
    sigma = np.empty((2 * len(a) - 1, *a.shape[1:]))
    sigma[::2] = np.einsum("snvr,snvr->snr", b, b)
    if len(a) == 2:
        sigma[1] = np.einsum("nvr,nvr->nr", b[0], b[1])
    sigma[..., 1:] /= grid.r_g[1:] ** 2
    sigma[..., 0] = sigma[..., 1]
    sigma[::2] += a**2
    if len(a) == 2:
        sigma[1] += a[0] * a[1]
    return sigma


def _divergence(a: np.ndarray, by_sigma: np.ndarray, grid: Any) -> np.ndarray:
    """−∇·(2 ∂e/∂σ ∇n) along r, (s, direction, r)."""
    flow = 2 * by_sigma[::2] * a
    if len(a) == 2:
        flow += by_sigma[1] * a[::-1]
    result = -_derivative_of_flow(flow * grid.dv_g, grid.dr_g)
    result[..., 1:] /= grid.dv_g[1:]
    result[..., 0] = result[..., 1]
    return result


def _derivative(n: np.ndarray, step: np.ndarray) -> np.ndarray:
    """As GPAW's radial grids have it."""
    result = np.empty_like(n)
    result[..., 0] = n[..., 1] - n[..., 0]
    result[..., 1:-1] = 0.5 * (n[..., 2:] - n[..., :-2])
    result[..., -1] = n[..., -1] - n[..., -2]
    return result / step


def _derivative_of_flow(a: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The transposed of `_derivative`, with which energy and potential fit together."""
    c = a / step
    result = np.empty_like(c)
    result[..., 1:-1] = 0.5 * (c[..., 2:] - c[..., :-2])
    result[..., 0] = 0.5 * c[..., 1] + c[..., 0]
    result[..., 1] = 0.5 * c[..., 2] - c[..., 0]
    result[..., -2] = c[..., -1] - 0.5 * c[..., -3]
    result[..., -1] = -c[..., -1] - 0.5 * c[..., -2]
    return result
