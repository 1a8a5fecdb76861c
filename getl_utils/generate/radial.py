"""Radial distribution functions of cells, total and for each pair of elements."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from ase import Atoms
from matscipy.neighbours import neighbour_list


def radial_distribution(
    frames: Atoms | Iterable[Atoms], r_max: float = 8.0, n_bins: int = 160
) -> pd.DataFrame:
    """Total and partial radial distribution functions, averaged over frames.

    g_AB(r) = V n_AB(r) / (N_A N_B 4π r² dr), n_AB the pairs A→B in the shell; every g goes to 1 (but for
    1/N), and 4π ρ_B ∫ g_AB r² dr is the coordination number (Allen & Tildesley, Computer Simulation of
    Liquids, 2.6). Periodic images count, so `r_max` may exceed half the box.

    Parameters
    ----------
    frames : Atoms or iterable of Atoms
        One cell or several, all with the same elements.
    r_max : float
        Largest distance, Å.
    n_bins : int
        Number of bins.

    Returns
    -------
    DataFrame
        One row per bin: `r` (Å, middle of the bin), `total`, and `A-B` for each pair of elements, in the
        order in which the first atoms of the elements stand in the frame.

    Raises
    ------
    ValueError
        There are no frames.

    Examples
    --------
    >>> from ase.build import bulk
    >>> table = radial_distribution(bulk("Cu", cubic=True, a=3.6), r_max=3.0, n_bins=30)
    >>> round(float(table.r[table.total.idxmax()]), 2)  # first shell at 3.6/√2 = 2.546
    2.55
    """
    frames = [frames] if isinstance(frames, Atoms) else frames
    edges = np.linspace(0, r_max, n_bins + 1)
    total, used = {}, 0
    for frame in frames:
        for name, g in _partials(frame, edges).items():
            total[name] = total.get(name, 0) + g
        used += 1
    if not used:
        raise ValueError("no frames to average over")
    return pd.DataFrame({"r": (edges[1:] + edges[:-1]) / 2} | {name: g / used for name, g in total.items()})


def _partials(atoms: Atoms, edges: np.ndarray) -> dict[str, np.ndarray]:
    """g(r) of one frame: total, and per pair of elements in order of appearance."""
    symbols = list(dict.fromkeys(atoms.get_chemical_symbols()))
    kind = np.array([symbols.index(symbol) for symbol in atoms.get_chemical_symbols()])
    first, second, distance = neighbour_list("ijd", atoms, float(edges[-1]))
    ideal = 4 / 3 * np.pi * np.diff(edges**3) / atoms.get_volume()

    def g(pairs: np.ndarray, n_pairs: int) -> np.ndarray:
        return np.histogram(distance[pairs], edges)[0] / (n_pairs * ideal)

    number = np.bincount(kind)
    partials = {"total": g(np.ones(len(distance), bool), len(atoms) ** 2)}
    for a, name in enumerate(symbols):
        for b, other in list(enumerate(symbols))[a:]:
            chosen = (kind[first] == a) & (kind[second] == b)
            partials[f"{name}-{other}"] = g(chosen, int(number[a] * number[b]))
    return partials
