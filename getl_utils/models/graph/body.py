"""A trained graph network: an ensemble, the curve of each bond type, and a calibrated σ.

``GraphModel.predict`` takes a structure and gives all its bonds, with mean, σ and the flag "outside".
``describe`` gives what the networks know of given bonds, and ``evaluate`` estimates bonds described before.
``to_arrays`` and ``from_arrays`` are for a folder of npz and JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.core.parameters import Graph
from getl_utils.models import bond_list
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.models.bond_predict import Prediction
from getl_utils.models.graph import edges as graph
from getl_utils.models.graph import elements as table
from getl_utils.models.graph import library
from getl_utils.models.graph.bond_type import GraphType
from getl_utils.models.kernels import Bonds
from getl_utils.models.linear import Estimate


@dataclass(frozen=True)
class GraphModel:
    """An ensemble of networks for all bond types.

    Attributes
    ----------
    elements : tuple of str
        In the order that names the bond types.
    settings : Graph
        Size of the networks.
    weights : dict
        Name → weights of all members, stacked along the first axis.
    types : dict
        Bond type → what is its own.
    """

    elements: tuple[str, ...]
    settings: Graph
    weights: dict[str, np.ndarray]
    types: dict[str, GraphType]

    kind = descriptor = "graph"

    @property
    def networks(self) -> list[Any]:
        """Return the networks, in double precision; ValueError if JAX is not there."""
        return library.module("run").from_arrays(self.settings, self.weights)

    def describe(self, atoms: Atoms, bonds: np.ndarray) -> np.ndarray:
        """Return what the networks know of bonds of a structure.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        bonds : (n, 5) array
            i, j and T of each bond.

        Returns
        -------
        (n, members × width) array
            Features, as `evaluate` takes them.

        Raises
        ------
        ValueError
            A foreign element, a bond that is no edge, or no JAX.
        """
        place = self._place(atoms, bonds)
        return np.hstack([library.module("run").features(net, *place) for net in self.networks])

    def _place(self, atoms: Atoms, bonds: np.ndarray) -> tuple[np.ndarray, graph.Edges, np.ndarray]:
        known = dict(zip(self.elements, table.table(self.elements), strict=True))
        foreign = sorted(set(atoms.get_chemical_symbols()) - set(known))
        if foreign:
            raise ValueError(f"element {foreign[0]} is not among the model's elements {list(self.elements)}")
        edges = graph.find(atoms, self.settings.cutoff, self.settings.angle_cutoff)
        kinds = np.array([known[symbol] for symbol in atoms.get_chemical_symbols()])
        return kinds, edges, graph.places(edges, np.asarray(bonds))

    def evaluate(self, bond_type: str, features: np.ndarray, distance: np.ndarray) -> Estimate:
        """Estimate described bonds of one type; see ``linear.LinearModel.evaluate``.

        Parameters
        ----------
        bond_type : str
            Their type.
        features : (n, members × width) array
            From `describe`.
        distance : (n,) array
            Lengths, Å.

        Returns
        -------
        Estimate
            Mean and σ (eV), and the flag "outside".
        """
        one, width = self._type(bond_type), self.settings.width
        distance, run = np.asarray(distance, float), library.module("run")
        inside = np.clip(distance, *one.window)
        parts = [
            run.deviation(net, features[:, n * width : (n + 1) * width], inside)
            for n, net in enumerate(self.networks)
        ]
        return self._estimate(one, np.array(parts), distance)

    @staticmethod
    def _estimate(one: GraphType, parts: np.ndarray, distance: np.ndarray) -> Estimate:
        variance = parts.var(axis=0, ddof=1) if len(parts) > 1 else np.zeros(parts.shape[1])
        return Estimate(
            one.mean(parts.mean(axis=0), distance),
            one.sigma(variance, distance),
            one.outside(variance, distance),
        )

    def predict(
        self,
        atoms: Atoms,
        windows: Mapping[str, tuple[float, float]] | None = None,
        sigma: bool = True,
        threads: int = 1,
    ) -> Prediction:
        """Estimate every bond of a structure; see ``linear.LinearModel.predict``.

        σ costs nothing more, and JAX takes the cores that it is given.

        Parameters
        ----------
        atoms : Atoms
            The structure.
        windows : mapping, optional
            Bond type → shortest and longest bond, Å. Default: those of the training bonds.
        sigma : bool
            Whether σ and the flag are wanted.
        threads : int
            Not used.

        Returns
        -------
        Prediction
            All bonds.

        Raises
        ------
        ValueError
            A window reaches beyond the edges, or a type has no model.
        """
        chosen = {t: one.window for t, one in self.types.items()} if windows is None else dict(windows)
        longest = max((high for _, high in chosen.values()), default=0)
        if longest >= self.settings.cutoff:
            raise ValueError(
                f"a window reaches {longest} Å, but the edges of this model end at {self.settings.cutoff} Å; "
                "choose shorter windows or train with a larger `cutoff`"
            )
        expansion = BondExpansion(self.elements)
        bonds = bond_list.find_bonds(expansion, atoms, chosen)
        distance, place = bond_list.lengths(atoms, bonds), self._place(atoms, bonds)
        kinds = bond_list.kinds(expansion, atoms, bonds, list(chosen))
        inside = self._inside(kinds, list(chosen), distance)
        run, parts = library.module("run"), []
        for net in self.networks:
            parts.append(run.deviation(net, run.features(net, *place), inside))
        found = Prediction(bonds, list(chosen), kinds, distance, *_empty(len(bonds), sigma))
        for n, name in enumerate(chosen):
            rows = np.flatnonzero(kinds == n)
            one = self._estimate(self._type(name), np.array(parts)[:, rows], distance[rows])
            found.mean[rows] = one.mean
            if sigma:
                found.sigma[rows], found.outside[rows] = one.sigma, one.outside
        return found

    def _inside(self, kinds: np.ndarray, names: list[str], distance: np.ndarray) -> np.ndarray:
        """Lengths that the networks see: none beyond the window of its type."""
        windows = np.array([self._type(name).window for name in names]).reshape(-1, 2)[kinds]
        return np.clip(distance, windows[:, 0], windows[:, 1])

    def _type(self, bond_type: str) -> GraphType:
        if bond_type not in self.types:
            raise ValueError(f"bond type {bond_type} has no model; trained types: {', '.join(self.types)}")
        return self.types[bond_type]

    def likeness(self, bond_type: str, one: Bonds, many: Bonds) -> np.ndarray:
        """Return the cosine between what the networks know of one bond and of others; see ``Model.likeness``.

        Parameters
        ----------
        bond_type : str
            Their type.
        one : Bonds
            A single bond.
        many : Bonds
            n bonds.

        Returns
        -------
        (n,) array
            −1 to 1.
        """
        lengths = np.linalg.norm(many.soap, axis=1) * np.linalg.norm(one.soap)
        return many.soap @ one.soap[0] / np.maximum(lengths, 1e-300)

    def to_arrays(self) -> tuple[dict[str, np.ndarray], dict]:
        """Return arrays by name, for an npz file, and facts, for a JSON file."""
        types = {t: {k: _plain(v) for k, v in asdict(one).items()} for t, one in self.types.items()}
        settings = {"elements": list(self.elements)} | self.settings.model_dump()
        return dict(self.weights), {"kind": self.kind, "descriptor": settings, "types": types}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], facts: Mapping) -> GraphModel:
        """Return the model that `to_arrays` wrote.

        Parameters
        ----------
        arrays : mapping
            Name → array.
        facts : mapping
            From the JSON file.

        Returns
        -------
        GraphModel
            The model.

        Raises
        ------
        ValueError
            JAX is not installed, or facts and arrays do not belong together.
        """
        settings = dict(facts["descriptor"])
        names = tuple(settings.pop("elements"))
        try:
            types = {
                t: GraphType(**{k: _tuple(v) for k, v in one.items()}) for t, one in facts["types"].items()
            }
        except TypeError as error:
            raise ValueError(f"the facts of a graph model are damaged ({error}); train it again") from error
        model = cls(names, Graph(**settings), dict(arrays), types)
        table.table(names)
        library.module("run").from_arrays(model.settings, model.weights)
        return model


def _empty(n: int, sigma: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Room for mean, σ and flag."""
    return np.empty(n), np.empty(n if sigma else 0), np.empty(n if sigma else 0, bool)


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
