"""UPF files: their atomic functions, and the partial waves and projectors of PAW data sets."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import numpy as np


class PartialWaves(NamedTuple):
    """Partial waves of a PAW data set: w waves on a radial mesh of n points.

    Attributes
    ----------
    r : (n,) array
        Mesh, bohr.
    weights : (n,) array
        Quadrature weights of dr, bohr.
    momenta : (w,) array of int
        Angular momentum l of each wave.
    sharp, smooth, projectors : (w, n) array
        r·φ, r·φ̃ and r·p, bohr^(−1/2).
    edges : (w,) array
        Radius beyond which φ = φ̃ and p = 0, bohr.
    """

    r: np.ndarray
    weights: np.ndarray
    momenta: np.ndarray
    sharp: np.ndarray
    smooth: np.ndarray
    projectors: np.ndarray
    edges: np.ndarray


def read_atomic_functions(path: str | Path) -> list[tuple[str, int]]:
    """Read the names of the atomic functions of a UPF file.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    list of (str, int)
        Shell name and angular momentum of each function that is bound, in the order of the file.

    Raises
    ------
    ValueError
        Not a UPF file of version 2 with atomic functions.
    """
    tags = re.findall(r"<PP_CHI\.\d+\s[^>]*>", Path(path).read_text(errors="replace"))
    found = [dict(re.findall(r'(\w+)\s*=\s*"\s*([^"]*?)\s*"', tag)) for tag in tags]
    if not found:
        raise ValueError(
            f"{path}: no atomic functions (PP_CHI) in it; take a UPF file of version 2 that has them"
        )
    return [(chi["label"].lower(), int(chi["l"])) for chi in found if float(chi["occupation"]) >= 0]


def read_valence(path: str | Path) -> float:
    """Read how many electrons of the neutral atom a UPF file treats as valence.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    float
        Electrons.

    Raises
    ------
    ValueError
        The file does not say it.
    """
    found = re.search(r'\bz_valence\s*=\s*"\s*([-+.0-9Ee]+)', Path(path).read_text(errors="replace"))
    if found is None:
        raise ValueError(f"{path}: no z_valence in its header; this is no UPF file of version 2")
    return float(found[1])


def check_paw(path: str | Path, element: str) -> None:
    """Refuse a file that is no PAW data set of an element.

    Parameters
    ----------
    path : str or Path
        The file.
    element : str
        Its element.

    Raises
    ------
    ValueError
        No UPF file of version 2, another kind of pseudopotential, or of another element.
    """
    found = re.search(r"<PP_HEADER\b[^>]*>", Path(path).read_text(errors="replace"))
    header = dict(re.findall(r'(\w+)\s*=\s*"\s*([^"]*?)\s*"', found[0] if found else ""))
    if header.get("is_paw", "").strip(".").lower() not in ("t", "true"):
        kind = header.get("pseudo_type") or "no UPF file of version 2"
        raise ValueError(
            f"{path}: not a PAW data set but {kind}; a projection needs partial waves: take another "
            "file for this element"
        )
    if header.get("element") != element:
        raise ValueError(f"{path}: a data set of {header.get('element')}, not of {element}")
    read_partial_waves(path)


def read_partial_waves(path: str | Path) -> PartialWaves:
    """Read partial waves and projectors of a PAW data set.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    PartialWaves
        Waves and projectors.

    Raises
    ------
    ValueError
        No UPF file of version 2, or none of a PAW data set.
    """
    # PP_INFO is free text and need not be XML
    text = re.sub(r"<PP_INFO>.*?</PP_INFO>", "", Path(path).read_text(errors="replace"), flags=re.DOTALL)
    try:
        return partial_waves(ET.fromstring(text))
    except (ET.ParseError, AttributeError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: not a PAW data set in UPF version 2 ({error}); its partial waves are needed"
        ) from None


def partial_waves(tree: ET.Element) -> PartialWaves:
    """Take partial waves and projectors from a parsed UPF file.

    Parameters
    ----------
    tree : Element
        Root of the file.

    Returns
    -------
    PartialWaves
        Waves and projectors.

    Raises
    ------
    ValueError
        Projectors and partial waves do not belong together.
    """
    r, weights = (numbers(tree.find(f"PP_MESH/PP_{name}")) for name in ("R", "RAB"))
    waves, nonlocal_part = tree.find("PP_FULL_WFC"), tree.find("PP_NONLOCAL")
    sharp, smooth = ([e for e in waves if e.tag.startswith(f"{name}.")] for name in ("PP_AEWFC", "PP_PSWFC"))
    betas = [e for e in nonlocal_part if e.tag.startswith("PP_BETA.")]
    momenta = [
        [int(e.get(name)) for e in group]
        for group, name in ((betas, "angular_momentum"), (sharp, "l"), (smooth, "l"))
    ]
    if not betas or momenta[0] != momenta[1] or momenta[1] != momenta[2]:
        raise ValueError(f"projectors and partial waves do not belong together: l = {momenta}")
    edges = np.array([float(e.get("ultrasoft_cutoff_radius")) for e in betas])
    columns = [np.array([numbers(e)[: len(r)] for e in group]) for group in (sharp, smooth, betas)]
    return PartialWaves(r, weights, np.array(momenta[0]), *columns, edges)


def numbers(element: ET.Element) -> np.ndarray:
    """Return the numbers that an element of the file holds.

    Parameters
    ----------
    element : Element
        Part of a parsed file.

    Returns
    -------
    (n,) array
        The numbers.
    """
    return np.array(element.text.split(), float)
