"""The network of whole crystals: atoms pooled to one crystal, and some numbers of it (needs JAX)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from getl_utils.core.parameters.optics import Crystals
from getl_utils.models.graph import run
from getl_utils.models.graph.edges import Edges
from getl_utils.models.graph.messages import Messages, size
from getl_utils.models.graph.parts import Geometry, affine, normed

LARGEST = 15.0  # exponent of a weight
FILLED = 32  # atoms and crystals are filled up to multiples of it


class CrystalNetwork(Messages):
    """Numbers of a crystal, from the mean of its atoms or from weights that add up to one.

    A supercell has the numbers of the cell.

    Parameters
    ----------
    p : Crystals
        Size of the network.
    outputs : int
        How many numbers.
    key : Array
        Of the random weights.
    """

    own: eqx.nn.Linear
    gate: eqx.nn.Linear
    out: eqx.nn.Linear

    def __init__(self, p: Crystals, outputs: int, key: jax.Array) -> None:
        below, *k = jax.random.split(key, 4)
        super().__init__(p, below)
        self.own = eqx.nn.Linear(p.width, p.width, key=k[0])
        self.gate = eqx.nn.Linear(p.width, 1, key=k[1])
        self.out = eqx.nn.Linear(p.width, outputs, key=k[2])

    def pooled(self, x: jax.Array, of: jax.Array, crystals: int) -> jax.Array:
        """Return the numbers of crystals.

        Parameters
        ----------
        x : (n, width) array
            Atoms after all messages.
        of : (n,) array
            The crystal of each atom.
        crystals : int
            Number of crystals.

        Returns
        -------
        (crystals, outputs) array
            The numbers.
        """
        x, weight = normed(x), jnp.ones((len(x), 1))
        if self.p.atoms == "attention":
            weight = jnp.exp(jnp.clip(affine(self.gate, x), -LARGEST, LARGEST))
        value = jax.nn.silu(affine(self.own, x))
        summed = [jax.ops.segment_sum(part, of, crystals) for part in (weight * value, weight)]
        return affine(self.out, summed[0] / jnp.maximum(summed[1], 1e-9))


class Batch(NamedTuple):
    """All crystals that are learned from as one graph of many pieces, in single precision.

    Attributes
    ----------
    kinds : (n, 2) int
        Group and period of each atom, counted from 0.
    of : (n,) int
        The crystal of each atom.
    neighbour, distance, unit : (n, k), (n, k), (n, short, 3)
        Edges.
    target : (c, outputs)
        The numbers of each crystal.
    weight : (c,)
        1 for a crystal, 0 for what fills up the arrays.
    """

    kinds: np.ndarray
    of: np.ndarray
    neighbour: np.ndarray
    distance: np.ndarray
    unit: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def crystal(p: Crystals, seed: int, outputs: int) -> CrystalNetwork:
    """Return a network with random weights.

    Parameters
    ----------
    p : Crystals
        Size of the network.
    seed : int
        Of the weights.
    outputs : int
        How many numbers.

    Returns
    -------
    CrystalNetwork
        The network.
    """
    return CrystalNetwork(size(p), outputs, jax.random.PRNGKey(seed))


def batch(p: Crystals, kinds: Sequence[np.ndarray], edges: Sequence[Edges], target: np.ndarray) -> Batch:
    """Join crystals to one graph, filled up so that few shapes are compiled.

    Parameters
    ----------
    p : Crystals
        Has the cutoff.
    kinds : sequence of (n, 2) arrays
        Group and period of the atoms of each.
    edges : sequence of Edges
        Of each.
    target : (c, outputs) array
        The numbers of each.

    Returns
    -------
    Batch
        The crystals.
    """
    counts = [len(one) for one in kinds]
    n, c = (-(-size // FILLED) * FILLED for size in (sum(counts), len(counts) + 1))
    k, short = max(e.neighbour.shape[1] for e in edges), max(e.short for e in edges)
    out = Batch(
        np.zeros((n, 2), np.int32), np.full(n, c - 1, np.int32), np.zeros((n, k), np.int32),
        np.full((n, k), p.cutoff, np.float32), np.zeros((n, short, 3), np.float32),
        np.zeros((c, target.shape[1]), np.float32), np.zeros(c, np.float32),
    )  # fmt: skip
    out.kinds[: sum(counts)], out.of[: sum(counts)] = (
        np.concatenate(kinds),
        np.repeat(range(len(counts)), counts),
    )
    out.target[: len(counts)], out.weight[: len(counts)] = target, 1
    for low, e in zip(np.cumsum([0, *counts[:-1]]), edges, strict=True):
        rows, columns = slice(low, low + len(e.neighbour)), e.neighbour.shape[1]
        out.neighbour[rows, :columns], out.distance[rows, :columns] = e.neighbour + low, e.distance
        out.unit[rows, : e.short] = e.unit[:, : e.short]
    return out


def loss(net: CrystalNetwork, crystals: Batch) -> jax.Array:
    """Return the mean square of what a network gets wrong.

    Parameters
    ----------
    net : CrystalNetwork
        The network.
    crystals : Batch
        The crystals.

    Returns
    -------
    Array
        A number without unit.
    """
    geometry = Geometry(crystals.distance, crystals.unit)
    x, _ = net.spread(crystals.kinds, crystals.neighbour, geometry)
    wrong = net.pooled(x, crystals.of, len(crystals.target)) - crystals.target
    return (crystals.weight * (wrong**2).mean(1)).sum() / crystals.weight.sum()


def numbers(net: CrystalNetwork, kinds: np.ndarray, edges: Edges) -> np.ndarray:
    """Return the numbers of a crystal of any size.

    Parameters
    ----------
    net : CrystalNetwork
        Of double precision.
    kinds : (n, 2) array
        Group and period of each atom.
    edges : Edges
        Of the crystal.

    Returns
    -------
    (outputs,) array
        The numbers.
    """
    with jax.enable_x64(True):
        x = jnp.asarray(run.spread(net, kinds, edges)[0])
        return np.asarray(net.pooled(x, jnp.zeros(len(x), int), 1))[0]
