"""A trained network applied to a structure of any size, some atoms at a time (needs JAX).

Everything is computed in double precision, so that order, rotation and repetition of the atoms change nothing
but rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from getl_utils.core.parameters import Graph
from getl_utils.models.graph.edges import Edges
from getl_utils.models.graph.messages import Layer, Messages
from getl_utils.models.graph.network import Network, network
from getl_utils.models.graph.parts import Geometry, affine, normed

ATOMS = 64  # computed at once
ROWS = 1024  # bonds computed at once


def to_arrays(nets: list[Messages]) -> dict[str, np.ndarray]:
    """Return the weights of networks of one size by name, stacked along the first axis.

    Parameters
    ----------
    nets : list of Messages
        The networks.

    Returns
    -------
    dict
        Name → array.
    """
    stacked = jax.tree_util.tree_map(
        lambda *a: np.stack([np.asarray(x) for x in a]), *(eqx.filter(n, eqx.is_array) for n in nets)
    )
    leaves = jax.tree_util.tree_flatten_with_path(stacked)[0]
    return {_name(path): array for path, array in leaves}


def from_arrays(
    p: Graph, arrays: Mapping[str, np.ndarray], make: Callable[[Graph, int], Messages] = network
) -> list[Messages]:
    """The way back from `to_arrays`, in double precision.

    Parameters
    ----------
    p : Graph
        Size of the networks.
    arrays : mapping
        Name → weights.
    make : callable
        Settings and seed → a network.

    Returns
    -------
    list of Messages
        One for each member.

    Raises
    ------
    ValueError
        An array is missing, or has another shape.
    """
    skeleton = eqx.filter_eval_shape(make, p, 0)
    weights, static = eqx.partition(skeleton, lambda leaf: isinstance(leaf, jax.ShapeDtypeStruct))
    leaves, form = jax.tree_util.tree_flatten_with_path(weights)
    nets = []
    for member in range(p.members):
        values = []
        for path, leaf in leaves:
            name = _name(path)
            array = np.asarray(arrays.get(name, np.empty(0)))
            if array.shape != (p.members, *leaf.shape):
                raise ValueError(
                    f"{name} {array.shape} is damaged, {(p.members, *leaf.shape)} is expected; "
                    "train the model again"
                )
            values.append(np.asarray(array[member], np.float64))
        nets.append(eqx.combine(jax.tree_util.tree_unflatten(form, values), static))
    return nets


def _name(path: tuple) -> str:
    return jax.tree_util.keystr(path).lstrip(".") + "/weights"


@eqx.filter_jit
def _first(net: Messages, x: jax.Array, far: jax.Array, g: Geometry) -> jax.Array:
    return net.first(x, far, net.basis(g.distance), g)


@eqx.filter_jit
def _layer(net: Messages, layer: Layer, x: jax.Array, sent: jax.Array, e: jax.Array, g: Geometry) -> tuple:
    return layer(x, sent, e, net.basis(g.distance), g)


@eqx.filter_jit
def _sent(layer: Layer, x: jax.Array) -> jax.Array:
    return affine(layer.other, normed(x))


@eqx.filter_jit
def _bonds(net: Network, ends: jax.Array, both: jax.Array) -> jax.Array:
    return net.bonds(ends, both)


@eqx.filter_jit
def _deviation(net: Network, features: jax.Array, distance: jax.Array) -> jax.Array:
    return net.deviation(features, distance)


def features(net: Network, kinds: np.ndarray, edges: Edges, places: np.ndarray) -> np.ndarray:
    """Numbers of the bonds of a structure.

    Parameters
    ----------
    net : Network
        Of double precision.
    kinds : (n_atoms, 2) int
        Group and period of each atom, counted from 0.
    edges : Edges
        Of the structure.
    places : (n, 2) int
        The two edges of each bond.

    Returns
    -------
    (n, width)
        One row for each bond.
    """
    with jax.enable_x64(True):
        x, e = spread(net, kinds, edges)
        flat, atoms = e.reshape(-1, e.shape[-1]), places // e.shape[1]
        both = np.concatenate([x[atoms], flat[places]], axis=1)  # n, 4, width
        return _in_rows(lambda a: _bonds(net, *jnp.split(a.transpose(1, 0, 2), 2)), both)


def spread(net: Messages, kinds: np.ndarray, edges: Edges) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the atoms and edges of a structure after all messages, some atoms at a time.

    Parameters
    ----------
    net : Messages
        Of double precision.
    kinds : (n_atoms, 2) int
        Group and period of each atom, counted from 0.
    edges : Edges
        Of the structure.

    Returns
    -------
    tuple
        Atoms (n, width) and edges (n, k, width).
    """
    with jax.enable_x64(True):
        n, k = edges.neighbour.shape
        x = np.asarray(net.atoms(jnp.asarray(kinds)))
        e = np.empty((n, k, x.shape[1]))
        for rows, g in _blocks(edges):
            far = x[edges.neighbour[rows]]
            e[rows] = _cut(_first(net, _padded(x[rows]), _padded(far), g), rows)
        for layer in net.layers:
            new, sent = np.empty_like(x), _in_rows(lambda a, layer=layer: _sent(layer, a), x)
            for rows, g in _blocks(edges):
                arguments = _padded(x[rows]), _padded(sent[edges.neighbour[rows]]), _padded(e[rows])
                after, told = _layer(net, layer, *arguments, g)
                new[rows], e[rows] = _cut(after, rows), _cut(told, rows)
            x = new
        return x, e


def deviation(net: Network, features: np.ndarray, distance: np.ndarray) -> np.ndarray:
    """Return the deviation of bonds from the curve of their type.

    Parameters
    ----------
    net : Network
        The network.
    features : (n, width) array
        From `features`.
    distance : (n,) array
        Lengths, Å.

    Returns
    -------
    (n,) array
        In units of the spread of the type.
    """
    with jax.enable_x64(True):
        both = np.column_stack([features, distance])
        return _in_rows(lambda a: _deviation(net, a[:, :-1], a[:, -1]), both)


def _blocks(edges: Edges) -> list[tuple[slice, Geometry]]:
    """Some atoms at a time, with distances and directions filled up to one shape."""
    found = []
    for low in range(0, len(edges.neighbour), ATOMS):
        rows = slice(low, min(low + ATOMS, len(edges.neighbour)))
        distance = np.full((ATOMS, edges.distance.shape[1]), np.inf)
        distance[: rows.stop - low] = edges.distance[rows]
        unit = _padded(edges.unit[rows, : edges.short])
        found.append((rows, Geometry(jnp.asarray(np.minimum(distance, 1e3)), jnp.asarray(unit))))
    return found


def _padded(array: np.ndarray, size: int = ATOMS) -> np.ndarray:
    return np.pad(array, ((0, size - len(array)), *((0, 0),) * (array.ndim - 1)))


def _cut(array: jax.Array, rows: slice) -> np.ndarray:
    return np.asarray(array)[: rows.stop - rows.start]


def _in_rows(function: object, array: np.ndarray) -> np.ndarray:
    """A function of rows, applied to `ROWS` of them at a time."""
    parts = []
    for low in range(0, max(len(array), 1), ROWS):
        some = array[low : low + ROWS]
        parts.append(np.asarray(function(jnp.asarray(_padded(some, ROWS))))[: len(some)])
    return np.concatenate(parts)
