"""SOAP: the environment of every atom as a vector, by QUIP."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms
from ase.data import atomic_numbers

from getl_utils.core import cells
from getl_utils.core.bonds import neighbours
from getl_utils.core.cells import CellKey
from getl_utils.core.record import (
    atomic_write,
    checksums,
    code_version,
    content_hash,
    damaged,
    now,
    read_json,
    write_json,
)
from getl_utils.core.workdir import WorkDir

MASK = "getl_centres"  # array of the atoms whose vectors are wanted


def missing() -> str | None:
    """None if quippy can compute descriptors, else what to install."""
    try:
        from quippy.descriptors import Descriptor

        Descriptor("distance_2b cutoff=2.0")
    except Exception as error:  # quippy built without GAP fails in several ways; each is told
        return f"quippy cannot compute descriptors ({error}); pip install quippy-ase (not quippy)"
    return None


@dataclass(frozen=True)
class Soap:
    """The power spectrum of the neighbour density (Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115),
    normalised.

    Parameters
    ----------
    elements : the species it knows. cutoff, atom_sigma : Å. l_max, n_max : channels.
    """

    elements: Sequence[str]
    cutoff: float
    l_max: int
    n_max: int
    atom_sigma: float

    @property
    def descriptor_string(self) -> str:
        """QUIP's command line; species in order of atomic number."""
        species = " ".join(
            str(atomic_numbers[e]) for e in sorted(self.elements, key=atomic_numbers.__getitem__)
        )
        n = len(self.elements)
        return (
            f"soap cutoff={self.cutoff} l_max={self.l_max} n_max={self.n_max} atom_sigma={self.atom_sigma} "
            f"n_Z={n} Z={{{species}}} n_species={n} species_Z={{{species}}}"
        )

    @property
    def size(self) -> int:
        """Number of components: with m = n_species · n_max, m (m + 1) / 2 · (l_max + 1) + 1.

        Examples
        --------
        >>> Soap(["Zr", "Cu", "Al"], 3.75, 6, 8, 0.5).size
        2101
        """
        m = len(self.elements) * self.n_max
        return m * (m + 1) // 2 * (self.l_max + 1) + 1

    def compute(self, atoms: Atoms, centres: int | None = None) -> np.ndarray:
        """The vectors of all atoms, or of the first `centres`.

        Returns
        -------
        (n, size) array, each row of length 1.

        Raises
        ------
        ValueError : an element outside `elements`, or a vector that is not finite.
        """
        from quippy.convert import ase_to_quip

        foreign = sorted(set(atoms.get_chemical_symbols()) - set(self.elements))
        if foreign:
            raise ValueError(
                f"element {', '.join(foreign)} is not among the species {list(self.elements)} of this SOAP"
            )
        n = len(atoms) if centres is None else centres
        bare = Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=atoms.pbc)
        bare.set_array(MASK, np.arange(len(atoms)) < n)
        quip = ase_to_quip(bare, add_arrays=True)
        quip.set_cutoff(self.cutoff)
        quip.calc_connect()
        vectors = np.zeros((self.size, n), order="F")
        # what Descriptor.calc wraps: it makes a dictionary of each atom on the way, a tenth of the time
        _descriptor(self.descriptor_string)._quip_descriptor.calc_array(
            quip, descriptor_out=vectors, args_str=f"atom_mask_name={MASK}"
        )
        if not np.isfinite(vectors).all():
            raise ValueError("quippy gave vectors that are not finite: look at the structure")
        return vectors.T

    def to_dict(self) -> dict[str, Any]:
        """What a model must remember of its descriptor."""
        return {**asdict(self), "elements": list(self.elements)}


@functools.cache
def _descriptor(words: str) -> Any:
    from quippy.descriptors import Descriptor

    return Descriptor(words)  # 50 ms each


def describe(work: WorkDir, key: CellKey, soap: Soap) -> np.ndarray:
    """The vectors of one cell: read, if they are of this very cell by this very SOAP, else computed and
    written.

    Last of all comes their record (see `wrong`).
    """
    if not wrong(work, key, soap.to_dict()):
        return np.load(work.descriptors(*key), allow_pickle=False)
    atoms, path = cells.read(work.cell(*key)), work.descriptors(*key)
    vectors, record = soap.compute(atoms), path.with_suffix(".json")
    record.unlink(missing_ok=True)
    with atomic_write(path) as temporary, temporary.open("wb") as out:
        np.save(out, vectors, allow_pickle=False)
    facts = {"cell_id": atoms.info["cell_id"], "run_id": atoms.info.get("run_id", ""), "soap": soap.to_dict()}
    write_json(
        record, facts | {"code": code_version(), "time": now(), "sha256": checksums(path.parent, [path])}
    )
    return vectors


def wrong(work: WorkDir, key: CellKey, soap: Mapping[str, Any]) -> list[str]:
    """Why the stored vectors of a cell are not those of this cell by this SOAP, as their record says it;
    empty if they are."""
    cell, record = work.cell(*key), work.descriptors(*key).with_suffix(".json")
    if not record.exists():
        return [f"{record}, which says whose vectors {record.stem}.npy holds, is not there"]
    found = damaged(record)
    if found:
        return found
    facts = read_json(record)
    if not cell.exists() or facts["cell_id"] != content_hash(cell):
        return [f"{record} is of another cell than {cell}"]
    return [] if facts["soap"] == dict(soap) else [f"{record} is of another SOAP than asked for"]


def read(work: WorkDir, key: CellKey, soap: Mapping[str, Any]) -> np.ndarray:
    """The stored vectors (n, size) of one cell.

    Raises
    ------
    ValueError : there are none, or not of this cell by this SOAP (`Soap.to_dict`), or damaged; says why and
    what to run.
    """
    found = wrong(work, key, soap)
    if found:
        raise ValueError(f"{'; '.join(found)}: run 03_transform again, with the same work_dir")
    return np.load(work.descriptors(*key), allow_pickle=False)


def remember(work: WorkDir, soap: Soap) -> None:
    """Write which SOAP this work_dir has."""
    write_json(work.path / "descriptors" / "soap.json", soap.to_dict())


def checks(atoms: Atoms, vectors: np.ndarray, cutoff: float) -> dict[str, Any]:
    """What can be said of a cell's descriptors before anything is learned from them.

    Returns
    -------
    norm_error : largest |‖s‖ − 1|; not_finite : number of bad components; isolated : atoms without a neighbour within `cutoff`
    (Å); species : the elements there are.
    """
    return {
        "norm_error": float(np.abs(np.linalg.norm(vectors, axis=1) - 1).max()),
        "not_finite": int((~np.isfinite(vectors)).sum()),
        "isolated": len(atoms) - neighbours(atoms, cutoff).i.nunique(),
        "species": sorted(set(atoms.get_chemical_symbols())),
    }


def principal_components(vectors: np.ndarray, n: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (n_atoms, n) along the first principal components, and the fraction of the variance of
    each."""
    centred = vectors - vectors.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    return u[:, :n] * s[:n], (s**2 / (s**2).sum())[:n]


def compression(vectors: np.ndarray, n: int) -> np.ndarray:
    """Basis of the n directions that keep most of the vectors' scalar products (all a kernel sees): right
    singular vectors.

    Not centred, unlike principal components: A·A′ and the length of a vector keep their meaning.

    Parameters
    ----------
    vectors : (n_atoms, n_components).

    Returns
    -------
    Orthonormal rows, (min(n, n_atoms), n_components); ``vectors @ basis.T`` are the compressed vectors.

    Examples
    --------
    >>> a = np.outer([1.0, 2.0, 3.0], [0.6, 0.8])
    >>> (a @ compression(a, 1).T).shape, bool(np.allclose((a @ compression(a, 1).T) @ (a @ compression(a, 1).T).T, a @ a.T))
    ((3, 1), True)
    """
    if vectors.shape[0] < vectors.shape[1]:
        values, left = np.linalg.eigh(vectors @ vectors.T)
        basis = (left[:, ::-1][:, :n].T @ vectors) / np.sqrt(np.maximum(values[::-1][:n, None], 1e-300))
        return np.linalg.qr(basis.T)[0].T  # small singular values come out of a square with half the digits
    return np.linalg.eigh(vectors.T @ vectors)[1][:, ::-1][:, :n].T.copy()
