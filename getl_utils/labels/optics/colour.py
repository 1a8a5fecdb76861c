"""The colour of a surface from its reflectivity: CIE 1931 observer, daylight D65, sRGB and L*a*b*.

``cie.csv`` has the observer and D65 every 5 nm from 380 to 780 nm: CIE, doi:10.25039/CIE.DS.xvudnb9b and
doi:10.25039/CIE.DS.hjfjmt59, CC BY-SA 4.0. sRGB is IEC 61966-2-1, L*a*b* is ISO/CIE 11664-4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("cie.csv")
PHOTON = 1239.841984  # eV nm
TO_RGB = np.array([[3.2406, -1.5372, -0.4986], [-0.9689, 1.8758, 0.0415], [0.0557, -0.2040, 1.0570]])
LINEAR, KAPPA = 0.0031308, (6 / 29) ** 3  # below these, sRGB and L*a*b* are straight lines


@cache
def observer() -> tuple[np.ndarray, np.ndarray]:
    """Return energies of the light (eV), and what each adds to X, Y, Z under D65; Y of white is 1."""
    table = np.loadtxt(TABLE, delimiter=",", skiprows=1)
    weights = table[:, 1:4] * table[:, 4:]
    return PHOTON / table[:, 0], weights / weights[:, 1].sum()


def white() -> np.ndarray:
    """Return X, Y, Z of a surface that throws back all light."""
    return observer()[1].sum(0)


def xyz(reflect: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """Return X, Y, Z of a surface under D65.

    Parameters
    ----------
    reflect : callable
        Energies of the light (eV) → reflectivity, 0 to 1.

    Returns
    -------
    (3,) array
        X, Y, Z.

    Examples
    --------
    >>> xyz(np.ones_like).round(3).tolist()
    [0.95, 1.0, 1.089]
    """
    energies, weights = observer()
    return np.asarray(reflect(energies)) @ weights


def srgb(colour: np.ndarray) -> np.ndarray:
    """Return red, green and blue as a screen shows them; what it cannot show is cut off.

    Parameters
    ----------
    colour : (..., 3) array
        X, Y, Z.

    Returns
    -------
    (..., 3) array
        sRGB, 0 to 1.

    Examples
    --------
    >>> srgb(white() / 2).round(2).tolist()
    [0.74, 0.74, 0.74]
    """
    linear = np.clip(np.asarray(colour) @ TO_RGB.T, 0, 1)
    return np.where(linear <= LINEAR, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def lab(colour: np.ndarray) -> np.ndarray:
    """Return L*, a* and b*: lightness, green to red, blue to yellow.

    Parameters
    ----------
    colour : (..., 3) array
        X, Y, Z.

    Returns
    -------
    (..., 3) array
        L* (0 to 100), a*, b*.

    Examples
    --------
    >>> (lab(white()) + 0.0).tolist()
    [100.0, 0.0, 0.0]
    """
    ratio = np.asarray(colour) / white()
    f = np.where(ratio > KAPPA, np.cbrt(ratio), (841 / 108) * ratio + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return ΔE*ab (1976), the distance of two colours; about 2 is just seen.

    Parameters
    ----------
    first : (..., 3) array
        L*, a*, b*.
    second : (..., 3) array
        L*, a*, b*.

    Returns
    -------
    (...) array
        ΔE.
    """
    return np.linalg.norm(np.asarray(first) - second, axis=-1)
