"""SOAP of the published model: the surroundings of every atom as a vector."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers
from scipy.linalg import solve
from scipy.special import erf, ive

POINTS = 4000  # of the tabulated radial functions; vectors are QUIP's to 1e-12
SHOULDER = 0.5  # Å, width of QUIP's cutoff function


def missing() -> str | None:
    """None if SOAP can be computed, else what to install."""
    try:
        import featomic
    except ImportError as error:
        return f"featomic cannot be imported ({error}); pip install featomic"
    return None if hasattr(featomic, "SoapPowerSpectrum") else "featomic is too old; pip install -U featomic"


@dataclass(frozen=True)
class Soap:
    """The power spectrum of the density of neighbours, of length 1, in the convention of QUIP.

    The definition is that of Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013). The numbers are
    computed by featomic with the radial functions of QUIP.

    Attributes
    ----------
    elements : sequence of str
        The elements it knows.
    cutoff : float
        Distance at which a neighbour is no longer seen, Å.
    l_max, n_max : int
        Number of angular and radial channels.
    atom_sigma : float
        Width of an atom, Å.
    """

    elements: Sequence[str]
    cutoff: float = 3.75
    l_max: int = 6
    n_max: int = 8
    atom_sigma: float = 0.5

    def __post_init__(self) -> None:
        object.__setattr__(self, "elements", tuple(self.elements))

    @property
    def numbers(self) -> list[int]:
        """Atomic numbers of the elements, sorted, as QUIP orders them."""
        return sorted(atomic_numbers[element] for element in self.elements)

    @property
    def size(self) -> int:
        """Number of components: with m = n_species · n_max, m (m + 1) / 2 · (l_max + 1) + 1.

        Examples
        --------
        >>> Soap(["Zr", "Cu", "Al"]).size
        2101
        """
        m = len(self.elements) * self.n_max
        return m * (m + 1) // 2 * (self.l_max + 1) + 1

    def compute(self, atoms: Atoms, first: int = 0, last: int | None = None) -> np.ndarray:
        """Compute the vectors of the atoms `first` … `last` − 1.

        Parameters
        ----------
        atoms : Atoms
            The cell.
        first, last : int
            Range of atoms; the default is all.

        Returns
        -------
        (n, size)
            One vector of length 1 for each atom.

        Raises
        ------
        ValueError
            An element outside `elements`, or a vector that is not finite.
        """
        foreign = sorted(set(atoms.get_chemical_symbols()) - set(self.elements))
        if foreign:
            raise ValueError(f"element {', '.join(foreign)} is not among {list(self.elements)} of this SOAP")
        n = (len(atoms) if last is None else min(last, len(atoms))) - first
        if n <= 0:
            return np.zeros((0, self.size))
        values, samples, index, factor = self._spectrum(atoms, np.arange(first, first + n))
        vectors = np.zeros((n, self.size))
        vectors[samples - first, :-1] = values[:, index] * factor
        vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-300)
        if not np.isfinite(vectors).all():
            raise ValueError("SOAP vectors are not finite; repair the structure")
        return vectors

    def _spectrum(self, atoms: Atoms, wanted: np.ndarray) -> tuple[np.ndarray, ...]:
        """Values (n, m) of featomic, the atom of each row, and the columns and factors of QUIP."""
        from metatensor import Labels

        samples = Labels(["atom"], wanted.reshape(-1, 1).astype(np.int32))
        found = _calculator(self).compute(_boxed(atoms, self.cutoff), selected_samples=samples)
        found = found.keys_to_samples("center_type")
        found = found.keys_to_properties(["neighbor_1_type", "neighbor_2_type"])
        block = found.block()
        index, factor = quip_order(self, block.properties)
        values = np.column_stack([block.values, np.zeros(len(block.values))])
        return values, np.asarray(block.samples["atom"]), index, factor

    def to_dict(self) -> dict[str, Any]:
        """The arguments, for a JSON file; ``Soap(**d)`` is the way back."""
        return {**asdict(self), "elements": list(self.elements)}


def _boxed(atoms: Atoms, cutoff: float) -> Atoms:
    """The bare cell; a cell without periodic images gets a box that holds it."""
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    if (atoms.pbc.any() and not atoms.pbc.all()) or (not atoms.pbc.any() and atoms.cell.rank):
        span = np.ptp(atoms.positions, axis=0) + 2 * cutoff
        cell = np.where(atoms.pbc[:, None], atoms.cell.complete().array, np.diag(span))
        bare = Atoms(atoms.numbers, atoms.positions, cell=cell, pbc=True)
    return bare


def quip_order(soap: Soap, properties: Any) -> tuple[np.ndarray, np.ndarray]:
    """Columns of featomic's power spectrum in the order of QUIP, and their factors.

    Parameters
    ----------
    soap : Soap
        The descriptor.
    properties : metatensor.Labels
        What each column of featomic is.

    Returns
    -------
    index : (size − 1,) int
        Column of each component; one past the last where featomic left out a pair of elements that no atom
        has.
    factor : (size − 1,)
        √2 for two different channels of one element, times (−1)^l.
    """
    names, numbers, n_max = list(properties.names), soap.numbers, soap.n_max
    columns = [names.index(k) for k in ("neighbor_1_type", "neighbor_2_type", "l", "n_1", "n_2")]
    where = {tuple(row): k for k, row in enumerate(np.asarray(properties.values)[:, columns].tolist())}
    index, factor = [], []
    for a in range(len(numbers) * n_max):
        for b in range(a + 1):
            (first, n_first), (second, n_second) = divmod(a, n_max), divmod(b, n_max)
            twice = np.sqrt(2) if first == second and n_first != n_second else 1.0
            for degree in range(soap.l_max + 1):
                name = (numbers[second], numbers[first], degree, n_second, n_first)
                index.append(where.get(name, len(where)))
                factor.append(twice * (-1) ** degree)
    return np.array(index), np.array(factor)


@functools.lru_cache(maxsize=8)
def _calculator(soap: Soap) -> Any:
    from featomic import SoapPowerSpectrum

    return SoapPowerSpectrum(
        cutoff={"radius": soap.cutoff, "smoothing": {"type": "ShiftedCosine", "width": SHOULDER}},
        density={"type": "DiracDelta"},
        basis={"type": "Explicit", "by_angular": _radial_tables(soap), "spline_accuracy": None},
    )


def _radial_tables(soap: Soap) -> dict[str, Any]:
    """QUIP's radial functions and their slopes for each l.

    QUIP expands the Gaussian of a neighbour in n_max Gaussians of the same width, centred at
    r_b = k c / n_max with c = cutoff + σ √(20 ln 10), after a rotation that makes them orthogonal.
    """
    alpha = 0.5 / soap.atom_sigma**2
    centres = np.arange(soap.n_max) * (soap.cutoff + soap.atom_sigma * np.sqrt(20 * np.log(10))) / soap.n_max
    rotation, r = _rotation(alpha, centres), np.linspace(0, soap.cutoff, POINTS)
    tables = {}
    for degree in range(soap.l_max + 1):
        values, slopes = (part @ rotation for part in _overlaps(degree, r, alpha, centres))
        rows = zip(r.tolist(), values.tolist(), slopes.tolist(), strict=True)
        points = [{"position": p, "values": v, "derivatives": w} for p, v, w in rows]
        tables[str(degree)] = {"type": "Tabulated", "points": points}
    return tables


def _rotation(alpha: float, centres: np.ndarray) -> np.ndarray:
    covariance = np.exp(-alpha * (centres[:, None] - centres) ** 2)
    s, d = centres[:, None] + centres, centres[:, None] - centres
    overlap = np.exp(-alpha * (centres[:, None] ** 2 + centres**2)) * np.sqrt(2) * alpha**1.5 * s
    normal = np.sqrt(np.pi) * (1 + alpha * s**2) * (1 + erf(np.sqrt(alpha / 2) * s))
    overlap = (overlap + alpha * np.exp(-0.5 * alpha * d**2) * normal) / np.sqrt(128 * alpha**5)
    return solve(covariance, np.linalg.cholesky(overlap))


def _overlaps(degree: int, r: np.ndarray, alpha: float, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Radial part of a Gaussian at distance r (n,) on each centre, and its slope: (n, n_max) each."""
    x, gauss = 2 * alpha * r[:, None] * centres, np.exp(-alpha * (r[:, None] - centres) ** 2)
    own, following = _bessel(degree, x), _bessel(degree + 1, x)
    over = np.where(r[:, None] > 0, degree * own / np.maximum(r[:, None], 1e-300), 0.0)
    if degree == 1:
        over[0] = 2 * alpha * centres / 3
    slope = gauss * (over + 2 * alpha * centres * following - 2 * alpha * r[:, None] * own)
    return gauss * own, slope


def _bessel(degree: int, x: np.ndarray) -> np.ndarray:
    """exp(−x) i_l(x), the scaled modified spherical Bessel function."""
    safe = np.maximum(x, 1e-300)
    return np.where(x > 1e-12, np.sqrt(np.pi / 2 / safe) * ive(degree + 0.5, safe), float(degree == 0))


def by_quippy(soap: Soap, atoms: Atoms) -> np.ndarray:
    """Compute the same vectors by quippy, which they are held to.

    Parameters
    ----------
    soap : Soap
        The descriptor.
    atoms : Atoms
        The cell.

    Returns
    -------
    (n_atoms, size)
        The vectors.

    Raises
    ------
    ImportError
        quippy-ase is not installed; it is under a licence that forbids commercial use.
    """
    from quippy.descriptors import Descriptor

    species, n = " ".join(map(str, soap.numbers)), len(soap.elements)
    words = f"soap cutoff={soap.cutoff} l_max={soap.l_max} n_max={soap.n_max} atom_sigma={soap.atom_sigma}"
    words += f" n_Z={n} Z={{{species}}} n_species={n} species_Z={{{species}}}"
    bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
    return Descriptor(words).calc(bare)["data"]
