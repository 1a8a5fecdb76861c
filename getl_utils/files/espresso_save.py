"""What pw.x leaves in its ``.save`` folder: band energies, occupations and plane-wave coefficients."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np
from ase.units import Hartree

MARK = np.dtype("<i4")  # before and after each record of a Fortran file: its length in bytes


class Bands(NamedTuple):
    """Bands of one calculation; s spins (1 or 2), k points, b bands.

    Attributes
    ----------
    energies : (s, k, b) array
        eV.
    occupations : (s, k, b) array
        0…1.
    fermi : float
        eV.
    weights : (k,) array
        Sum 1.
    moments : (2,) array
        Total and absolute magnetic moment of the cell, μ_B; zeros for one spin.
    """

    energies: np.ndarray
    occupations: np.ndarray
    fermi: float
    weights: np.ndarray
    moments: np.ndarray


class Wave(NamedTuple):
    """The smooth wave functions ψ̃ of all bands at one k point.

    Attributes
    ----------
    k : (3,) array
        1/bohr, cartesian.
    reciprocal : (3, 3) array
        Reciprocal lattice vectors as rows, 1/bohr.
    momenta : (n, 3) array
        k + G, 1/bohr.
    coefficients : (b, n) array
        Coefficients of the plane waves.
    half : bool
        True if only one G of each pair G and −G is there; the other coefficient is the complex conjugate.
    """

    k: np.ndarray
    reciprocal: np.ndarray
    momenta: np.ndarray
    coefficients: np.ndarray
    half: bool


def read_bands(folder: str | Path) -> Bands:
    """Read ``data-file-schema.xml`` of a ``.save`` folder.

    Parameters
    ----------
    folder : str or Path
        The folder.

    Returns
    -------
    Bands
        Energies, occupations and weights.

    Raises
    ------
    ValueError
        The file is cut off, damaged, or of a calculation with non-collinear spins.
    FileNotFoundError
        It is not there.
    """
    path = Path(folder, "data-file-schema.xml")
    try:
        output = ET.parse(path).getroot().find("output")
        found = _bands(output.find("band_structure"), output.find("magnetization"))
    except (ET.ParseError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: cut off, damaged, or of non-collinear spins ({error}); run pw.x again"
        ) from None
    if not all(np.isfinite(values).all() for values in found):
        raise ValueError(f"{path}: energies or occupations are not finite; run pw.x again")
    return found


def _bands(tree: ET.Element, magnetization: ET.Element | None) -> Bands:
    if tree.findtext("noncolin", "false").strip() == "true":
        raise ValueError("non-collinear")
    two, points = tree.findtext("lsda", "false").strip() == "true", tree.findall("ks_energies")
    energies, occupations = (
        np.array([p.findtext(name).split() for p in points], float) for name in ("eigenvalues", "occupations")
    )
    weights = np.array([p.find("k_point").get("weight") for p in points], float)
    if not weights.sum() > 0 or energies.shape != occupations.shape:
        raise ValueError(f"{len(points)} k points of weight {weights.sum():g}")
    moments = np.zeros(2)
    if two:  # the bands of spin up, then those of spin down
        moments[:] = [float(magnetization.findtext(name)) for name in ("total", "absolute")]
    energies, occupations = (
        np.stack(np.split(values, 2, axis=1) if two else [values]) for values in (energies, occupations)
    )
    fermi = float(tree.findtext("fermi_energy")) * Hartree
    return Bands(energies * Hartree, occupations, fermi, weights / weights.sum(), moments)


def read_wave(path: str | Path) -> Wave:
    """Read a ``wfc<k>.dat``, as pw.x writes it without HDF5.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    Wave
        Wave functions at one k point.

    Raises
    ------
    ValueError
        The file is cut off, damaged, or of non-collinear spins.
    FileNotFoundError
        It is not there.
    """
    data = np.memmap(path, np.uint8, "r") if Path(path).stat().st_size else np.zeros(0, np.uint8)
    try:
        return _wave(data)
    except (IndexError, ValueError) as error:
        raise ValueError(f"{path}: cut off or damaged ({error}); run pw.x again") from None


def _wave(data: np.ndarray) -> Wave:
    head, place = _record(data, 0)
    k, half = head[4:28].view("<f8"), bool(head[32:36].view("<i4")[0])
    sizes, place = _record(data, place)
    _, n, components, bands = sizes.view("<i4")
    reciprocal, place = _record(data, place)
    miller, place = _record(data, place)
    reciprocal, miller = reciprocal.view("<f8").reshape(3, 3), miller.view("<i4").reshape(-1, 3)
    if components != 1 or len(miller) != n or bands * n * 16 > len(data):
        raise ValueError(f"{bands} bands of {n} plane waves, {components} components")
    coefficients = np.empty((bands, n), complex)
    for row in coefficients:
        band, place = _record(data, place)
        row[:] = band.view("<c16")
    if not np.isfinite(coefficients).all():
        raise ValueError("coefficients that are not finite")
    return Wave(k.copy(), reciprocal.copy(), k + miller @ reciprocal, coefficients, half)


def _record(data: np.ndarray, place: int) -> tuple[np.ndarray, int]:
    """The bytes of the record that begins at `place`, and where the next begins."""
    size = int(data[place : place + 4].view(MARK)[0])
    end = place + 4 + size
    if size < 0 or end + 4 > len(data) or data[end : end + 4].view(MARK)[0] != size:
        raise ValueError(f"no whole record at byte {place}")
    return np.asarray(data[place + 4 : end]), end + 4
