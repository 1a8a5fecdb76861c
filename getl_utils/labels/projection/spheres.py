"""Partial waves of reference PAW data sets, whose radii LOBSTER's numbers depend on.

``atomistic_models/paw/spheres.npz`` holds them for some elements. ``make_spheres.py`` beside it makes them by
ld1.x from inputs of our own, with the radii of the data sets of the published calculations.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicSpline

from getl_utils.labels.projection.two_centre import Radial

FILE = Path(__file__).resolve().parents[3] / "atomistic_models" / "paw" / "spheres.npz"
FIELDS = ("r", "weights", "momenta", "edges", "sharp", "smooth")


@cache
def known() -> dict[str, dict[str, np.ndarray]]:
    """Return the reference sets.

    Returns
    -------
    dict
        Element → r and weights of dr (n,), bohr; momenta (w,), l; edges (w,), bohr; sharp and smooth (w, n),
        φ and φ̃, bohr^(−3/2).
    """
    if not FILE.exists():
        return {}
    with np.load(FILE, allow_pickle=False) as file:
        elements = sorted({name.split("_")[0] for name in file.files})
        return {e: {field: file[f"{e}_{field}"] for field in FIELDS} for e in elements}


def differences(element: str, waves: Sequence[Radial]) -> list[Radial]:
    """Return Σ_j a_j (φ_j − φ̃_j) of the reference set for given waves in the sphere of an element.

    With these a_j, Σ_j a_j φ_j comes nearest to the wave inside the reference sphere (least squares, weight
    r² dr); the φ_j are the partial waves of the same angular momentum. A wave of an angular momentum that the
    reference set does not have gives zero.

    Parameters
    ----------
    element : str
        An element of `known`.
    waves : sequence of Radial
        All-electron functions.

    Returns
    -------
    list of Radial
        One for each wave.
    """
    paw = known()[element]
    return [Radial(wave.l, paw["r"], _difference(paw, wave), paw["weights"], wave.name) for wave in waves]


def _difference(paw: dict[str, np.ndarray], wave: Radial) -> np.ndarray:
    same = paw["momenta"] == wave.l
    if not same.any():
        return np.zeros_like(paw["r"])
    r, sharp = paw["r"], paw["sharp"][same]
    inside = r <= paw["edges"][same].max()
    measure = r * np.sqrt(paw["weights"]) * inside
    values = CubicSpline(wave.r, wave.values)(np.clip(r, wave.r[0], wave.r[-1]))
    shares, *_ = np.linalg.lstsq((sharp * measure).T, values * measure, rcond=None)
    return shares @ (sharp - paw["smooth"][same])
