"""An ensemble of graph networks for crystals: the same messages as for bonds, then a mean over the atoms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from ase import Atoms

from getl_utils.core.parameters.optics import Crystals
from getl_utils.models.graph import edges as graph
from getl_utils.models.graph import elements as table
from getl_utils.models.graph import library
from getl_utils.models.spectra.crystals import Known

COLUMNS = 16  # edges of an atom come in multiples of it, so that few shapes are compiled


@dataclass(frozen=True)
class NetworkModel:
    """Trained networks.

    Attributes
    ----------
    p : Crystals
        Size of the networks.
    weights : dict
        Name → weights of all members, stacked along the first axis.
    mean, scale : (c,) array
        Of the numbers.
    networks : list
        The members, in double precision.
    """

    p: Crystals
    weights: dict[str, np.ndarray]
    mean: np.ndarray
    scale: np.ndarray
    networks: list[Any]

    def estimate(self, atoms: Atoms) -> tuple[np.ndarray, float]:
        """Return the numbers of a crystal, and how much the networks differ.

        Parameters
        ----------
        atoms : Atoms
            The crystal.

        Returns
        -------
        tuple
            Numbers (c,), and the variance in units of that of all crystals.

        Raises
        ------
        ValueError
            No two atoms are within the cutoff.
        """
        kinds, edges = _seen(atoms, self.p)
        said = np.array([library.module("crystal").numbers(net, kinds, edges) for net in self.networks])
        variance = said.var(axis=0, ddof=1).mean() if len(said) > 1 else 0.0
        return self.mean + self.scale * said.mean(axis=0), float(variance)

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Return arrays by name, for an npz file."""
        return {"mean": self.mean, "scale": self.scale, **self.weights}

    @classmethod
    def from_arrays(cls, p: Crystals, arrays: Mapping[str, np.ndarray]) -> NetworkModel:
        """Return the model that `to_arrays` wrote.

        Parameters
        ----------
        p : Crystals
            Settings.
        arrays : mapping
            Name → array.

        Returns
        -------
        NetworkModel
            The model.

        Raises
        ------
        ValueError
            JAX is not installed, or an array has another shape.
        """
        weights = dict(arrays)
        mean, scale = weights.pop("mean"), weights.pop("scale")
        nets = library.module("run").from_arrays(p, weights, _make(len(mean)))
        return cls(p, weights, mean, scale, nets)


def _seen(atoms: Atoms, p: Crystals) -> tuple[np.ndarray, graph.Edges]:
    kinds = np.array(table.table(atoms.get_chemical_symbols()))
    return kinds, graph.find(atoms, p.cutoff, p.angle_cutoff, COLUMNS)


def fit(known: Sequence[Known], p: Crystals, seed: int = 0) -> NetworkModel:
    """Train an ensemble; every step sees all crystals.

    Parameters
    ----------
    known : sequence of Known
        What is learned from.
    p : Crystals
        Settings.
    seed : int
        Member m has the seed `seed` + m.

    Returns
    -------
    NetworkModel
        The ensemble.

    Raises
    ------
    ValueError
        JAX is not installed, or the loss is not finite.
    """
    module, training = library.module("crystal"), library.module("fit")
    numbers = np.array([one.numbers for one in known])
    mean, scale = numbers.mean(0), np.maximum(numbers.std(0), 1e-6)
    kinds, edges = zip(*(_seen(one.atoms, p) for one in known), strict=True)
    batch = module.batch(p, kinds, edges, (numbers - mean) / scale)
    make = _make(len(mean))
    nets = [training.train(p, [batch], seed + m, make=make, loss=module.loss) for m in range(p.members)]
    arrays = library.module("run").to_arrays(nets)
    return NetworkModel.from_arrays(p, {"mean": mean, "scale": scale, **arrays})


def _make(outputs: int) -> Any:
    return partial(library.module("crystal").crystal, outputs=outputs)
