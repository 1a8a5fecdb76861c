#!/usr/bin/env python3
"""Write the embedded-atom potential of Zhou, Johnson and Wadley (2004) as an eam/alloy (setfl) file.

    python make_zhou_eam.py --elements Zr Cu Al --output ZrCuAl_zhou2004.eam.alloy

Phys. Rev. B 69, 144113 (2004). The parameters are in ``zhou_2004.csv``. Unlike pairs follow from the pure
metals by the mixing rule of the paper; nothing is fitted to an alloy.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np

TABLE = Path(__file__).with_name("zhou_2004.csv")
CITATION = "Zhou, Johnson and Wadley, Phys Rev B, 69, 144113 (2004)"
# Å. Atoms never come closer. Below it the functions are constant, as in the authors' tables.
R_MIN = 0.5
NEIGHBOUR_DISTANCE = {
    "fcc": 0.5**0.5,
    "bcc": 0.75**0.5,
    "hcp": 1.0,
}  # nearest neighbours, in units of the lattice constant


def read_parameters(path: str | Path = TABLE) -> dict[str, dict]:
    """Read the parameters of each metal: Z, mass (g/mol), lattice, and the constants of the paper (Å, eV)."""
    with open(path, newline="") as lines:
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    words = ("element", "lattice")
    return {row["element"]: {k: v if k in words else float(v) for k, v in row.items()} for row in rows}


def _damped(r: np.ndarray, p: dict, amplitude: str, decay: str, onset: str) -> np.ndarray:
    """Exponential of r/re with the 20th-power cutoff of the paper; parameters are named by column."""
    x = r / p["re"]
    return p[amplitude] * np.exp(-p[decay] * (x - 1)) / (1 + (x - p[onset]) ** 20)


def density(r: np.ndarray, p: dict) -> np.ndarray:
    """Return the electron density f(r) of one atom at a neighbour at distance `r` (Å)."""
    return _damped(r, p, "fe", "beta", "lambda")


def pair(r: np.ndarray, p: dict, q: dict) -> np.ndarray:
    """Return the pair energy phi(r) (eV) between metals `p` and `q`; `r` in Å. Symmetric in `p` and `q`."""
    phi = [_damped(r, m, "A", "alpha", "kappa") - _damped(r, m, "B", "beta", "lambda") for m in (p, q)]
    f = [density(r, m) for m in (p, q)]
    return (f[1] / f[0] * phi[0] + f[0] / f[1] * phi[1]) / 2


def embedding(rho: np.ndarray, p: dict) -> np.ndarray:
    """Return the embedding energy F(rho) (eV): two cubics and, above rho0, the universal form."""
    low, mid = rho / (p["rhon"] * p["rhoe"]), rho / p["rhoe"]
    high = np.maximum(mid, p["rho0"]) * p["rhoe"] / p["rhos"]  # never 0, so that the logarithm exists
    return np.select(
        [mid < p["rhon"], mid < p["rho0"]],
        [
            sum(p[f"Fn{i}"] * (low - 1) ** i for i in range(4)),
            sum(p[f"F{i}"] * (mid - 1) ** i for i in range(4)),
        ],
        p["Fe"] * (1 - p["eta"] * np.log(high)) * high ** p["eta"],
    )


def grid(
    metals: list[dict], nrho: int, nr: int, cutoff: float
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Return densities, distances (Å) and their steps; both ends are on the grid."""
    dr = cutoff / (nr - 1)
    r = np.maximum(np.arange(nr) * dr, R_MIN)
    # The range is that of the authors: two atoms at R_MIN, twice the crystal, or 100, whichever is largest.
    # A hot melt stays within it.
    drho = max(100.0, *(density(r, p).max() for p in metals), *(2 * p["rhoe"] for p in metals)) / (nrho - 1)
    return np.arange(nrho) * drho, r, drho, dr


def setfl(metals: list[dict], nrho: int, nr: int, cutoff: float | None = None) -> str:
    """Return the text of the setfl file.

    Parameters
    ----------
    metals : list of dict
        Rows of the parameter table, in the order of the types.
    nrho : int
        Number of points of F(rho).
    nr : int
        Number of points of f(r) and r phi(r).
    cutoff : float, optional
        Range, Å. By default sqrt(5) re of the largest metal, as the authors have it: the fifth neighbours of
        its fcc crystal.

    Returns
    -------
    str
        The file's content.
    """
    cutoff = cutoff or 5**0.5 * max(p["re"] for p in metals)
    rho, r, drho, dr = grid(metals, nrho, nr, cutoff)
    symbols = " ".join(p["element"] for p in metals)
    lines = [
        f"UNITS: metal CONTRIBUTOR: GETL, make_zhou_eam.py CITATION: {CITATION}",
        "# doi:10.1103/PhysRevB.69.144113; pure metals as published, unlike pairs by the paper's mixing rule",
        f"# make_zhou_eam.py --elements {symbols} --nrho {nrho} --nr {nr} --cutoff {cutoff!r}",
        f"{len(metals)} {symbols}",
        f"{nrho} {drho:.16e} {nr} {dr:.16e} {cutoff:.16e}",
    ]
    for p in metals:
        lines.append(
            f"{p['Z']:.0f} {p['mass']} {p['re'] / NEIGHBOUR_DISTANCE[p['lattice']]:.6f} {p['lattice']}"
        )
        lines += _rows(embedding(rho, p)) + _rows(density(r, p))
    for i, p in enumerate(metals):
        for q in metals[: i + 1]:
            lines += _rows(r * pair(r, p, q))
    return "\n".join(lines) + "\n"


def _rows(values: np.ndarray) -> list[str]:
    """Write numbers in lines of five."""
    if not np.isfinite(values).all():
        raise ValueError("a tabulated function is not finite; check the row of the parameter table")
    text = [f"{v:.14e}" for v in values + 0.0]  # + 0.0 turns -0 into 0
    return [" ".join(text[i : i + 5]) for i in range(0, len(text), 5)]


def main(arguments: list[str] | None = None) -> Path:
    """Run the command line and return the path of the file written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--elements",
        nargs="+",
        default=["Zr", "Cu", "Al"],
        help="in the order of the types (default: Zr Cu Al)",
    )
    parser.add_argument(
        "--nrho", type=int, default=2000, help="points of the embedding energy (default: %(default)s)"
    )
    parser.add_argument("--nr", type=int, default=2000, help="points of distance (default: %(default)s)")
    parser.add_argument("--cutoff", type=float, help="angstrom (default: sqrt(5) re of the largest metal)")
    parser.add_argument(
        "--parameters", type=Path, default=TABLE, help="table of the metals (default: zhou_2004.csv)"
    )
    parser.add_argument("--output", type=Path, help="(default: <elements>_zhou2004.eam.alloy here)")
    options = parser.parse_args(arguments)
    table = read_parameters(options.parameters)
    unknown = [e for e in options.elements if e not in table]
    if unknown or len(set(options.elements)) < len(options.elements):
        parser.error(
            f"elements must be different ones of {' '.join(table)}; got {' '.join(options.elements)}"
        )
    if min(options.nrho, options.nr) < 100:
        parser.error("nrho and nr must be at least 100, for LAMMPS splines between the points")
    output = options.output or Path(f"{''.join(options.elements)}_zhou2004.eam.alloy")
    part = output.with_name(output.name + ".part")
    part.write_text(setfl([table[e] for e in options.elements], options.nrho, options.nr, options.cutoff))
    os.replace(part, output)
    return output


if __name__ == "__main__":
    print(main())
