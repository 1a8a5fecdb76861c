"""The published model: a Gaussian process of SOAP vectors and bond length for each bond type."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from ase import Atoms

from getl_utils.etl.soap import Soap
from getl_utils.models import gp
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.bond_list import find_bonds, kinds, lengths
from getl_utils.models.bond_predict import Prediction
from getl_utils.models.gp import GaussianProcess
from getl_utils.models.kernels import Bonds, PublishedKernel, contract, lagrange
from getl_utils.models.linear import Estimate

ATOMS = 5000  # whose vectors are in memory at once: 84 MB of 2101 components
OUTSIDE = 0.99  # quantile of the training bonds' own σ when left out; above it a bond counts as outside
CACHED = 2000  # bonds predicted at once


@dataclass(frozen=True)
class PublishedType:
    """The trained process of one bond type.

    Attributes
    ----------
    process : GaussianProcess
        The process.
    window : tuple of float
        Shortest and longest training bond, Å.
    limit : float
        σ above which a bond lies outside the training set, eV.
    gamma : float
        Relative noise that it was trained with.
    """

    process: GaussianProcess
    window: tuple[float, float]
    limit: float
    gamma: float

    @classmethod
    def fit(
        cls, kernel: PublishedKernel, bonds: Bonds, strength: np.ndarray, gamma: float, groups: np.ndarray
    ) -> PublishedType:
        """Fit one type; its σ is calibrated on the groups, if there are two or more.

        Parameters
        ----------
        kernel : PublishedKernel
            With the hyperparameters of the type.
        bonds : Bonds
            The n training bonds.
        strength : (n,)
            −ICOHP, eV.
        gamma : float
            Relative noise.
        groups : (n,)
            What is left out together.

        Returns
        -------
        PublishedType
            The trained type.

        Raises
        ------
        ValueError
            As of `gp.fit`.
        """
        process = gp.fit(kernel, bonds, strength, gamma)
        process = process.calibrated(groups) if len(set(groups)) > 1 else process
        window = float(bonds.distance.min()), float(bonds.distance.max())
        return cls(process, window, float(np.quantile(process.left_out()[1], OUTSIDE)), gamma)


@dataclass(frozen=True)
class PublishedModel:
    """Models of all bond types over one SOAP.

    Attributes
    ----------
    soap : Soap
        How the surroundings of an atom are described.
    types : dict
        Bond type → its trained process.
    """

    soap: Soap
    types: dict[str, PublishedType]

    kind, descriptor = "published", "soap"

    def describe(self, atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
        """Describe bonds.

        Parameters
        ----------
        atoms : Atoms
            The cell.
        bonds : (n, 5) int
            i, j, T.

        Returns
        -------
        (n, n_features)
            Mean of the vectors of the two atoms.
        """
        vectors = self.soap.compute(atoms)
        return 0.5 * (vectors[bonds[:, 0]] + vectors[bonds[:, 1]])

    def likeness(self, bond_type: str, one: Bonds, many: Bonds) -> np.ndarray:
        """Tell how like bonds are, by the kernel.

        Parameters
        ----------
        bond_type, one, many : object
            As of ``Model.likeness``.

        Returns
        -------
        (n,)
            1 is equal.
        """
        kernel = self.types[bond_type].process.kernel
        return kernel(one, many)[0] / np.sqrt(kernel.diagonal(one)[0] * kernel.diagonal(many))

    def evaluate(self, bond_type: str, features: np.ndarray, distance: np.ndarray) -> Estimate:
        """Estimate bonds of one type that have been described.

        Parameters
        ----------
        bond_type : str
            Such as ``"Zr-Cu"``.
        features : (n, n_features)
            Means of the SOAP vectors of the two atoms.
        distance : (n,)
            Length of each bond, Å.

        Returns
        -------
        Estimate
            Mean, σ and flag of each bond.
        """
        one, bonds = self._type(bond_type), Bonds(np.asarray(distance, float), features)
        sigma = one.process.sigma(bonds)
        return Estimate(one.process.predict(bonds), sigma, sigma > one.limit)

    def predict(
        self,
        atoms: Atoms,
        windows: Mapping[str, tuple[float, float]] | None = None,
        sigma: bool = True,
        threads: int = 1,
    ) -> Prediction:
        """Estimate every bond of a cell.

        Parameters
        ----------
        atoms : Atoms
            The cell.
        windows : mapping, optional
            Bond type → shortest and longest bond, Å. Default: the windows of the training set.
        sigma : bool
            False leaves out `sigma` and `outside`, which takes a tenth of the time.
        threads : int
            Not used: featomic takes all cores.

        Returns
        -------
        Prediction
            As of ``linear.LinearModel.predict``.

        Raises
        ------
        ValueError
            An element or a type without model, or a structure that is damaged.
        """
        chosen = {t: one.window for t, one in self.types.items()} if windows is None else dict(windows)
        linear = all(self._type(name).process.kernel.zeta == 1 for name in chosen)
        expansion = BondExpansion(tuple(self.soap.elements))
        bonds = find_bonds(expansion, atoms, chosen)
        found = Prediction(
            bonds,
            list(chosen),
            kinds(expansion, atoms, bonds, list(chosen)),
            lengths(atoms, bonds),
            np.empty(len(bonds)),
            np.empty(len(bonds) if sigma else 0),
            np.zeros(len(bonds) if sigma else 0, bool),
        )
        if sigma or not linear:
            self._direct(atoms, found)
        else:
            self._contracted(atoms, chosen, found)
        return found

    def _contracted(
        self, atoms: Atoms, windows: Mapping[str, tuple[float, float]], found: Prediction
    ) -> None:
        """Fill in the means, from a few numbers for each atom."""
        parts = []
        for name, window in windows.items():
            process = self._type(name).process
            parts.append(contract(process.kernel, process.train, process.weights, *window))
        ends, matrix = np.cumsum([0, *map(len, parts)]), np.concatenate(parts).T
        numbers = np.empty((len(atoms), matrix.shape[1]))
        for first in range(0, len(atoms), ATOMS):
            numbers[first : first + ATOMS] = self.soap.compute(atoms, first, first + ATOMS) @ matrix
        for n, window in enumerate(windows.values()):
            columns = slice(ends[n], ends[n + 1])
            for rows in _chunks(np.flatnonzero(found.types == n)):
                basis = lagrange(found.distance[rows], *window, ends[n + 1] - ends[n])
                both = 0.5 * (numbers[found.bonds[rows, 0], columns] + numbers[found.bonds[rows, 1], columns])
                found.mean[rows] = np.einsum("nm,nm->n", basis, both)

    def _direct(self, atoms: Atoms, found: Prediction) -> None:
        """Fill in all numbers by the sum over training bonds; the vectors of the atoms lie in a temporary
        file."""
        if not len(found.bonds):
            return
        with tempfile.TemporaryFile() as file:
            vectors = np.memmap(file, float, "w+", shape=(len(atoms), self.soap.size))
            for first in range(0, len(atoms), ATOMS):
                vectors[first : first + ATOMS] = self.soap.compute(atoms, first, first + ATOMS)
            for n, name in enumerate(found.names):
                for rows in _chunks(np.flatnonzero(found.types == n)):
                    features = 0.5 * (vectors[found.bonds[rows, 0]] + vectors[found.bonds[rows, 1]])
                    one = self.evaluate(name, features, found.distance[rows])
                    found.mean[rows] = one.mean
                    if len(found.sigma):
                        found.sigma[rows], found.outside[rows] = one.sigma, one.outside

    def _type(self, bond_type: str) -> PublishedType:
        if bond_type not in self.types:
            raise ValueError(f"bond type {bond_type} has no model; trained types: {', '.join(self.types)}")
        return self.types[bond_type]

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """Arrays by name, for an npz file, and facts, for a JSON file."""
        arrays, types = {}, {}
        for name, one in self.types.items():
            process = one.process
            arrays |= {f"{name}/{key}": getattr(process.train, key) for key in Bonds._fields}
            arrays |= {f"{name}/weights": process.weights}
            numbers = {"zeta": process.kernel.zeta, "theta": process.kernel.theta, "noise": process.noise}
            numbers |= {"scale": process.scale, "limit": one.limit, "gamma": one.gamma}
            numbers |= {"n_bonds": len(process.weights)}
            types[name] = {"window": list(one.window), **numbers}
        return arrays, {"kind": self.kind, "descriptor": self.soap.to_dict(), "types": types}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], facts: Mapping) -> PublishedModel:
        """Make the model again that `to_arrays` took apart.

        Parameters
        ----------
        arrays : mapping
            Name → array.
        facts : mapping
            All that is no array.

        Returns
        -------
        PublishedModel
            The model.

        Raises
        ------
        ValueError
            Facts and arrays do not belong together.
        """
        soap, types = Soap(**facts["descriptor"]), {}
        for name, h in facts["types"].items():
            distance, vectors, weights = (arrays[f"{name}/{key}"] for key in (*Bonds._fields, "weights"))
            n = int(h["n_bonds"])
            if (distance.shape, vectors.shape, weights.shape) != ((n,), (n, soap.size), (n,)):
                raise ValueError(
                    f"type {name}: arrays of another shape than {n} bonds; train the model again"
                )
            kernel = PublishedKernel(h["zeta"], h["theta"])
            process = GaussianProcess(kernel, Bonds(distance, vectors), weights, h["noise"], h["scale"])
            types[name] = PublishedType(process, tuple(h["window"]), h["limit"], h["gamma"])
        return cls(soap, types)


def _chunks(rows: np.ndarray) -> list[np.ndarray]:
    return np.array_split(rows, -(-len(rows) // CACHED)) if len(rows) else []
