"""A bonding analysis beside a label: in LOBSTER's layout for its readers, and the same as Parquet.

ICOHPLIST, ICOOPLIST and ICOBILIST by pairs of orbitals, COHPCAR, CHARGE, GROSSPOP, DOSCAR, POSCAR.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND
from getl_utils.core.neighbours import neighbour_table
from getl_utils.core.record import atomic_write
from getl_utils.files import lobster_tables as tables
from getl_utils.labels import common
from getl_utils.labels.bands import ProjectedBands
from getl_utils.labels.populations import Populations, populations

LOBSTER = [
    "ICOHPLIST.lobster", "ICOOPLIST.lobster", "ICOBILIST.lobster", "COHPCAR.lobster", "CHARGE.lobster",
    "GROSSPOP.lobster", "DOSCAR.lobster", "POSCAR.lobster",
]  # fmt: skip
MOST_CURVES = 4000  # with more pairs of orbitals, COHP(E) is written for whole bonds only


@dataclass
class Analysis:
    """Populations of one structure.

    Attributes
    ----------
    found : Populations
        The numbers.
    bonds : DataFrame
        i, j, tx, ty, tz, distance (Å), in the order of `found`.
    names : list of lists of str
        Orbitals of every atom.
    electrons : (n,) array
        Of every neutral atom, in the shells that the bands hold.
    """

    found: Populations
    bonds: pd.DataFrame
    names: list[list[str]]
    electrons: np.ndarray

    @property
    def charges(self) -> tuple[np.ndarray, np.ndarray]:
        """Charges of the atoms, Mulliken's and Löwdin's."""
        return tuple(
            self.electrons - np.array([part.sum() for part in self._by_atom(gross)])
            for gross in (self.found.mulliken, self.found.lowdin)
        )

    def _by_atom(self, values: np.ndarray) -> list[np.ndarray]:
        """Split the second axis of an array, orbitals, by atoms."""
        return np.split(values, np.cumsum([len(n) for n in self.names])[:-1], axis=1)


def analyse(
    bands: ProjectedBands,
    atoms: Atoms,
    bonds: pd.DataFrame,
    shells: Mapping[str, Sequence[str]],
    electrons: Mapping[str, float],
    width: float,
    minimum_projection: float = 0.01,
    mesh: Sequence[int] = (1, 1, 1),
    moved: np.ndarray | None = None,
) -> Analysis:
    """Resolve the bonds of a label.

    Parameters
    ----------
    bands : ProjectedBands
        In the projection of the label.
    atoms : Atoms
        The structure.
    bonds : DataFrame
        The label.
    shells : mapping
        Element → shells, in the order of the orbitals.
    electrons : mapping
        Element → electrons of the neutral atom in the bands.
    width : float
        kT of the occupations, eV.
    minimum_projection : float
        See `icohp.icohp`.
    mesh : sequence of int
        k points along each lattice vector.
    moved : (atoms, 3) array of int, optional
        Lattice vectors by which the program moved each atom.

    Returns
    -------
    Analysis
        The analysis.
    """
    folded, _ = common.fold(neighbour_table(atoms, float(bonds.distance.max()) + 1e-6), mesh)
    ties = bonds[BOND].merge(folded[[*BOND, "ties"]], on=BOND, how="left").ties.fillna(1).to_numpy()
    pairs = bonds[BOND].to_numpy(int)
    if moved is not None:
        pairs = pairs + np.hstack([np.zeros((len(pairs), 2), int), moved[pairs[:, 1]] - moved[pairs[:, 0]]])
    symbols = atoms.get_chemical_symbols()
    names = [tables.orbital_names(shells[symbol]) for symbol in symbols]
    count = sum(len(names[i]) * len(names[j]) for i, j in pairs[:, :2])
    found = populations(bands, pairs, ties, width, minimum_projection, orbitals=count <= MOST_CURVES)
    held = np.array([electrons[symbol] for symbol in symbols])
    return Analysis(found, bonds[[*BOND, "distance"]].reset_index(drop=True), names, held)


def write_folder(folder: Path, atoms: Atoms, analysis: Analysis) -> None:
    """Write all files of an analysis.

    Parameters
    ----------
    folder : Path
        Folder of the label.
    atoms : Atoms
        The structure.
    analysis : Analysis
        The analysis.
    """
    import ase.io  # takes half a second: only where it is used

    symbols, a, found = atoms.get_chemical_symbols(), analysis, analysis.found
    for kind, values in (("COHP", found.icohp), ("COOP", found.icoop), ("COBI", found.icobi)):
        tables.write_list(folder / f"I{kind}LIST.lobster", kind, a.bonds, values, symbols, a.names)
    _write_cohpcar(folder / "COHPCAR.lobster", symbols, a)
    tables.write_charge(folder / "CHARGE.lobster", symbols, *a.charges)
    gross = a._by_atom(found.mulliken), a._by_atom(found.lowdin)
    tables.write_grosspop(folder / "GROSSPOP.lobster", symbols, a.names, *gross)
    states = list(zip(atoms.numbers.tolist(), a.names, a._by_atom(found.dos), strict=True))
    tables.write_doscar(
        folder / "DOSCAR.lobster", found.energies, found.total, found.total_integrated, states
    )
    with atomic_write(folder / "POSCAR.lobster") as temporary:
        ase.io.write(
            temporary, Atoms(atoms.numbers, atoms.positions, cell=atoms.cell, pbc=True), format="vasp"
        )
    for name, table in _tables(symbols, a).items():
        with atomic_write(folder / f"{name}.parquet") as temporary:
            table.to_parquet(temporary, index=False)


def _write_cohpcar(path: Path, symbols: Sequence[str], a: Analysis) -> None:
    found, labels, curves = a.found, [], []
    for n, (i, j, d) in enumerate(a.bonds[["i", "j", "distance"]].itertuples(index=False)):
        labels.append(tables.label(symbols, i, j, d))
        curves.append(np.stack([found.cohp[n], found.integrated[n]], axis=1))
        if found.cohp_orbitals:
            both = np.stack([found.cohp_orbitals[n], found.integrated_orbitals[n]], axis=3)
            curves += [both[:, x, y] for x in range(len(a.names[i])) for y in range(len(a.names[j]))]
            labels += [tables.label(symbols, i, j, d, (x, y)) for x in a.names[i] for y in a.names[j]]
    mean = np.stack([found.cohp, found.integrated], axis=2)
    mean = mean.mean(axis=0) if len(mean) else np.zeros((mean.shape[1], 2, len(found.energies)))
    tables.write_cohpcar(path, found.energies, labels, np.array(curves), mean)


def _tables(symbols: Sequence[str], a: Analysis) -> dict[str, pd.DataFrame]:
    """The tables of the Parquet files, by their names."""
    mulliken, lowdin = a.charges
    charges = {"atom": range(len(symbols)), "element": symbols, "mulliken": mulliken, "lowdin": lowdin}
    return {
        "charges": pd.DataFrame(charges),
        "orbital_pairs": pd.DataFrame(_pairs(a)),
        "cohp": pd.concat(_curves(a), ignore_index=True),
        "orbitals": pd.DataFrame(_orbitals(a)),
    }


def _pairs(a: Analysis) -> Iterator[dict]:
    for n, bond in enumerate(a.bonds[BOND].to_dict("records")):
        values = (a.found.icohp[n], a.found.icoop[n], a.found.icobi[n])
        for spin, x, y in np.ndindex(values[0].shape):
            names = {"orbital_i": a.names[bond["i"]][x], "orbital_j": a.names[bond["j"]][y]}
            numbers = (float(value[spin, x, y]) for value in values)
            yield (
                bond
                | names
                | {"spin": spin + 1}
                | dict(zip(("icohp", "icoop", "icobi"), numbers, strict=True))
            )


def _curves(a: Analysis) -> Iterator[pd.DataFrame]:
    """COHP(E): rows of whole bonds have no orbitals."""
    energies, found = a.found.energies, a.found
    for n, bond in enumerate(a.bonds[BOND].to_dict("records")):
        rows = [("", "", found.cohp[n], found.integrated[n])]
        if found.cohp_orbitals:
            rows += [
                (left, right, found.cohp_orbitals[n][:, x, y], found.integrated_orbitals[n][:, x, y])
                for x, left in enumerate(a.names[bond["i"]])
                for y, right in enumerate(a.names[bond["j"]])
            ]
        for left, right, curve, integral in rows:
            for spin in range(len(curve)):
                yield pd.DataFrame(
                    bond
                    | {"orbital_i": left, "orbital_j": right, "spin": spin + 1, "energy": energies}
                    | {"cohp": curve[spin], "icohp": integral[spin]}
                )


def _orbitals(a: Analysis) -> Iterator[dict]:
    """Gross populations."""
    parts = zip(a._by_atom(a.found.mulliken), a._by_atom(a.found.lowdin), strict=True)
    for atom, (mulliken, lowdin) in enumerate(parts):
        for spin, n in np.ndindex(mulliken.shape):
            name = {"atom": atom, "orbital": a.names[atom][n], "spin": spin + 1}
            yield name | {"mulliken": float(mulliken[spin, n]), "lowdin": float(lowdin[spin, n])}
