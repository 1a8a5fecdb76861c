"""The network of the bonds: what messages say of a bond, and its deviation from the curve (needs JAX)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp

from getl_utils.core.parameters import Graph
from getl_utils.models.graph.messages import Messages, size
from getl_utils.models.graph.parts import Geometry, affine, normed


class Network(Messages):
    """Numbers of an edge from all atoms around it, and the deviation of its strength from them.

    Parameters
    ----------
    p : Graph
        Size of the network.
    key : Array
        Of the random weights.
    """

    pair: eqx.nn.Linear
    hidden: eqx.nn.Linear
    length: eqx.nn.Linear
    last: eqx.nn.Linear

    def __init__(self, p: Graph, key: jax.Array) -> None:
        below, *k = jax.random.split(key, 5)
        super().__init__(p, below)
        self.pair = eqx.nn.Linear(3 * p.width, p.width, key=k[0])
        self.hidden = eqx.nn.Linear(p.width, p.width, key=k[1])
        self.length = eqx.nn.Linear(p.n_radial, p.width, use_bias=False, key=k[2])
        self.last = eqx.nn.Linear(p.width, 1, key=k[3])

    def bonds(self, ends: jax.Array, both: jax.Array) -> jax.Array:
        """Return the numbers of bonds.

        Parameters
        ----------
        ends : (2, n, width) array
            Their atoms.
        both : (2, n, width) array
            Their two edges.

        Returns
        -------
        (n, width) array
            Numbers.
        """
        parts = [ends.sum(0), ends.prod(0), normed(both).sum(0)]
        return jax.nn.silu(affine(self.pair, jnp.concatenate(parts, -1)))

    def deviation(self, features: jax.Array, distance: jax.Array) -> jax.Array:
        """Return the deviation of bonds from the curve of their type.

        Parameters
        ----------
        features : (n, width) array
            Their numbers.
        distance : (n,) array
            Lengths, Å.

        Returns
        -------
        (n,) array
            In units of the spread of the type.
        """
        mixed = affine(self.hidden, features) + affine(self.length, self.basis(distance))
        return affine(self.last, jax.nn.silu(mixed))[..., 0]

    def __call__(self, kinds: jax.Array, neighbour: jax.Array, g: Geometry, places: jax.Array) -> jax.Array:
        """Numbers of the bonds of a structure, whose edges lie at `places` (n, 2)."""
        x, e = self.spread(kinds, neighbour, g)
        atoms, edges = places // neighbour.shape[1], e.reshape(-1, e.shape[-1])
        return self.bonds(x[atoms.T], edges[places.T])


def network(p: Graph, seed: int) -> Network:
    """Return a network with random weights.

    Parameters
    ----------
    p : Graph
        Size of the network.
    seed : int
        Of the weights.

    Returns
    -------
    Network
        It keeps its size alone, so that what one size does is compiled once.
    """
    return Network(size(p), jax.random.PRNGKey(seed))
