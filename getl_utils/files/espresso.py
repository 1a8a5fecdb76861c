"""Quantum ESPRESSO's files: input and output of pw.x, projections of projwfc.x."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import ase.io
import numpy as np
from ase import Atoms
from ase.units import Ry


class Output(NamedTuple):
    """Did the self-consistent field converge, and did pw.x end by itself?"""

    converged: bool
    terminated: bool


def read_output(path: str | Path) -> Output:
    """Read a ``.scf.out``."""
    text = Path(path).read_text(errors="replace")
    return Output("convergence has been achieved in" in text, "This run was terminated on" in text)


def read_input(path: str | Path) -> Atoms:
    """Cell and atoms of a ``.scf.in``, positions as given (not wrapped).

    Raises
    ------
    ValueError : not a readable pw.x input.
    """
    try:
        return ase.io.read(path, format="espresso-in")
    except Exception as error:
        raise ValueError(
            f"{path}: not a readable pw.x input ({error}); write it again with 01_generate"
        ) from error


def count_bands(symbols: Sequence[str], basis_size: Mapping[str, int], factor: float = 1.1) -> int:
    """Number of bands, factor × Σ basis functions, rounded down, so that the local basis can be spanned.

    Examples
    --------
    >>> count_bands(["Zr"] * 49 + ["Cu"] * 49 + ["Al"] * 2, {"Zr": 10, "Cu": 10, "Al": 4})
    1086
    """
    # the small term keeps 1.1 × 10 from becoming 10.999…
    return math.floor(factor * sum(basis_size[s] for s in symbols) + 1e-9)


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return ".true." if value else ".false."
    if isinstance(value, float) and value != 0 and abs(value) < 1e-3:
        return f"{value:.1E}".replace("E-0", "D-").replace("E", "D")
    return f"'{value}'" if isinstance(value, str) else f"{value}"


def _namelist(name: str, entries: Mapping[str, Any]) -> str:
    return (
        f" &{name}\n"
        + ",\n".join(f"{key:>28} = {_value(value)}" for key, value in entries.items())
        + "\n /\n"
    )


def scf_input(
    atoms: Atoms,
    title: str,
    n_bands: int,
    species: Mapping[str, Mapping[str, Any]],
    settings: Mapping[str, Mapping[str, Any]],
    k_points: Sequence[int] | None,
    directory: str,
    pseudo_dir: str,
) -> str:
    """Text of a pw.x scf input in the published layout; positions are crystal coordinates.

    Parameters
    ----------
    species : element → {mass (u), pseudopotential (file name)}.
    settings : namelist entries for control, system and electrons beyond those that follow from the structure
    (Ry).
    k_points : n1 n2 n3 and shifts; None: Γ alone, with real wave functions, half the work. directory : outdir
    and wfcdir.

    Raises
    ------
    ValueError : an element has no entry in `species`.
    """
    elements = sorted(set(atoms.get_chemical_symbols()))
    missing = [e for e in elements if e not in species]
    if missing:
        raise ValueError(
            f"no pseudopotential for {', '.join(missing)}: add it to the parameter `pseudopotentials`"
        )
    control = {
        "title": title,
        "calculation": "scf",
        "restart_mode": "from_scratch",
        "outdir": directory,
        "wfcdir": directory,
        "pseudo_dir": pseudo_dir,
        "prefix": title,
        **settings.get("control", {}),
    }
    system = {
        "ibrav": 0,
        "nat": len(atoms),
        "ntyp": len(elements),
        "nbnd": n_bands,
        **settings.get("system", {}),
    }
    rows = [" ".join(f"{x:10.6f}" for x in vector) for vector in atoms.cell.array]
    masses = [f"   {e} {species[e]['mass']:8.4f}   {species[e]['pseudopotential']}" for e in elements]
    scaled = np.linalg.solve(atoms.cell.array.T, atoms.positions.T).T
    places = [
        f"{s:<2} " + " ".join(f"{x:10.6f}" for x in xyz) for s, xyz in zip(atoms.symbols, scaled, strict=True)
    ]
    blocks = [
        *("CELL_PARAMETERS {angstrom}", *rows),
        *("ATOMIC_SPECIES", *masses),
        *("ATOMIC_POSITIONS {crystal}", *places),
        *(
            ["K_POINTS gamma"]
            if k_points is None
            else ["K_POINTS automatic", "  {} {} {}   {} {} {}".format(*k_points)]
        ),
    ]
    namelists = [("CONTROL", control), ("SYSTEM", system), ("ELECTRONS", settings.get("electrons", {}))]
    return "".join(_namelist(*entry) for entry in namelists) + "\n".join(blocks) + "\n"


class Projections(NamedTuple):
    """What projwfc.x and pw.x left; s spins, k points, b bands, o orbitals.

    Attributes
    ----------
    energies (eV), occupations (0…1) : (s, k, b). fermi : eV. kpoints : (k, 3), cartesian, 2π/alat. weights :
    (k,), sum 1.
    amplitudes : (s, k, o, b), of the Löwdin-orthogonalised atomic functions, as projwfc.x writes them.
    overlaps : (k, o, o), of the functions before that, in the gauge of the amplitudes.
    """

    energies: np.ndarray
    occupations: np.ndarray
    fermi: float
    kpoints: np.ndarray
    weights: np.ndarray
    amplitudes: np.ndarray
    overlaps: np.ndarray


def _numbers(element: ET.Element) -> np.ndarray:
    return np.array((element.text or "").split(), float)


def _complex(element: ET.Element) -> np.ndarray:
    return _numbers(element).view(complex)


def read_projections(folder: str | Path) -> Projections:
    """Read ``atomic_proj.xml`` (written with `lwrite_overlaps`, `lsym` false) and ``data-file-schema.xml`` of
    a ``.save`` folder.

    Raises
    ------
    ValueError : a file is cut off, the overlaps are not there, or the spins are not 1 (non-collinear,
    polarised).
    FileNotFoundError : a file is not there.
    """
    trees = {}
    for name in ("atomic_proj.xml", "data-file-schema.xml"):
        try:
            trees[name] = ET.parse(Path(folder, name)).getroot()
        except ET.ParseError as error:
            raise ValueError(
                f"{Path(folder, name)}: cut off or damaged ({error}); run pw.x and projwfc.x again"
            ) from None
    try:
        found = _projections(folder, *trees.values())
    except (
        TypeError,
        AttributeError,
        OverflowError,
    ) as error:  # an attribute that is not there, or no number
        raise ValueError(f"{folder}/atomic_proj.xml: damaged ({error}); run projwfc.x again") from None
    for name, values in found._asdict().items():
        if not np.isfinite(values).all():
            raise ValueError(f"{folder}: {name} are not finite; run pw.x and projwfc.x again")
    return found


def _projections(folder: str | Path, tree: ET.Element, schema: ET.Element) -> Projections:
    header, states = tree.find("HEADER"), tree.find("EIGENSTATES")
    if header is None or states is None or header.get("NUMBER_OF_SPIN_COMPONENTS") != "1":
        raise ValueError(
            f"{folder}/atomic_proj.xml: not of one unpolarised calculation; only those can be read"
        )
    points, projected = states.findall("K-POINT"), states.findall("PROJS")
    overlaps = [_complex(element) for element in tree.iterfind("OVERLAPS/OVPS")]
    occupations = [_numbers(element) for element in schema.iterfind(".//ks_energies/occupations")]
    if not len(points) == len(projected) == len(overlaps) == len(occupations):
        counts = f"{len(projected)} projections, {len(overlaps)} overlaps, {len(occupations)} occupations"
        raise ValueError(
            f"{folder}: {counts} of {len(points)} k points; run projwfc.x with lwrite_overlaps=.true."
        )
    weights = np.array([float(point.get("Weight")) for point in points])
    if not weights.sum() > 0:
        raise ValueError(
            f"{folder}/atomic_proj.xml: the weights of its k points sum to {weights.sum():g}; run projwfc.x again"
        )
    size = int(header.get("NUMBER_OF_ATOMIC_WFC"))
    return Projections(
        energies=np.array([[_numbers(e) * Ry for e in states.findall("E")]]),
        occupations=np.array([occupations]),
        fermi=float(header.get("FERMI_ENERGY")) * Ry,
        kpoints=np.array([_numbers(point) for point in points]),
        weights=weights / weights.sum(),
        amplitudes=np.array([[[_complex(w) for w in p] for p in projected]]),
        # written by columns: what is read by rows is the transpose, which of a Hermitian matrix is the
        # conjugate
        overlaps=np.array([s.reshape(size, size) for s in overlaps]).conj(),
    )
