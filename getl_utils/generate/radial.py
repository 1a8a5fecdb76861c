"""Radial distribution functions and structure factors of cells, total and for each pair of elements."""

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


def structure_factor(radial: pd.DataFrame, density: float, q: np.ndarray) -> pd.DataFrame:
    """Partial structure factors from partial radial distribution functions.

    S_AB(q) = 1 + 4π ρ ∫ r² (g_AB(r) − 1) sin(qr)/(qr) sin(πr/R)/(πr/R) dr (T. E. Faber, J. M. Ziman, Phil.
    Mag. 11, 153 (1965)). The last factor damps the ripples of an integral that ends at R (E. Lorch, J. Phys.
    C 2, 229 (1969)), and makes peaks about 2π/R wide.

    Parameters
    ----------
    radial : DataFrame
        From `radial_distribution`, with a large `r_max`.
    density : float
        Atoms per Å^3.
    q : ndarray
        Where the factors are wanted, 1/Å.

    Returns
    -------
    DataFrame
        q and the columns of `radial`. `total` is that of equal scattering by all atoms.

    Examples
    --------
    >>> gas = pd.DataFrame({"r": np.linspace(0.05, 20, 400), "total": 1.0})
    >>> structure_factor(gas, 0.05, np.array([1.0, 2.0])).total.tolist()
    [1.0, 1.0]
    """
    r = radial.r.to_numpy()
    step = r[1] - r[0]
    weight = 4 * np.pi * density * r**2 * np.sinc(r / (r[-1] + step / 2)) * step
    kernel = np.sinc(np.outer(q, r) / np.pi) * weight
    columns = {name: 1 + kernel @ (radial[name].to_numpy() - 1) for name in radial if name != "r"}
    return pd.DataFrame({"q": q} | columns)


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
