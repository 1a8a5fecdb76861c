"""The training of a network on the bonds of cells (needs JAX)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from getl_utils.core.parameters import Graph
from getl_utils.models.graph.edges import Edges
from getl_utils.models.graph.messages import Messages
from getl_utils.models.graph.network import Network, network
from getl_utils.models.graph.parts import Geometry

CLIP = 1.0  # largest norm of a gradient
BONDS = 64  # the number of bonds is filled up to a multiple of it, so that few shapes are compiled
RISING = 0.03  # part of the training in which the step of the optimiser rises
Loss = Callable[[Any, Any], jax.Array]


class Cell(NamedTuple):
    """One cell and what is known of its bonds.

    Attributes
    ----------
    kinds : (n_atoms, 2) int
        Group and period of each atom, counted from 0.
    edges : Edges
        Of the cell.
    places : (n, 2) int
        The two edges of each bond that is learned from.
    target : (n,)
        Deviation of its strength from the curve of its type, in units of the type's spread.
    weight : (n,)
        How much it counts.
    """

    kinds: np.ndarray
    edges: Edges
    places: np.ndarray
    target: np.ndarray
    weight: np.ndarray


class Sample(NamedTuple):
    """One cell as arrays of single precision, of the shape of all others; the fields of `Cell`."""

    kinds: np.ndarray
    neighbour: np.ndarray
    distance: np.ndarray
    unit: np.ndarray
    places: np.ndarray
    target: np.ndarray
    weight: np.ndarray


def samples(p: Graph, cells: Sequence[Cell]) -> list[Sample]:
    """Fill cells up to the largest with atoms, edges and bonds that count nothing.

    Parameters
    ----------
    p : Graph
        Has the cutoff.
    cells : sequence of Cell
        At least one.

    Returns
    -------
    list of Sample
        One for each cell.
    """
    n, k = (max(cell.edges.neighbour.shape[axis] for cell in cells) for axis in (0, 1))
    short, most = max(c.edges.short for c in cells), max(len(c.target) for c in cells)
    most, found = -(-most // BONDS) * BONDS, []
    for cell in cells:
        e, columns = cell.edges, cell.edges.neighbour.shape[1]
        places = cell.places // columns * k + cell.places % columns
        unit = _filled(e.unit, (n, max(k, short), 3))[:, :short]
        arrays = (
            _filled(cell.kinds, (n, 2)),
            _filled(e.neighbour, (n, k)),
            _filled(e.distance, (n, k), p.cutoff),
            unit,
            _filled(places, (most, 2)),
            _filled(cell.target, (most,)),
            _filled(cell.weight, (most,)),
        )
        found.append(Sample(*(a.astype(np.float32 if a.dtype.kind == "f" else np.int32) for a in arrays)))
    return found


def _filled(array: np.ndarray, shape: tuple[int, ...], value: float = 0) -> np.ndarray:
    out = np.full(shape, value, array.dtype)
    out[tuple(slice(0, size) for size in array.shape)] = array
    return out


def loss(net: Network, cell: Sample) -> jax.Array:
    """Return the weighted mean square of what a network gets wrong in one cell.

    Parameters
    ----------
    net : Network
        The network.
    cell : Sample
        The cell.

    Returns
    -------
    Array
        A number without unit.
    """
    wrong = _said(net, cell) - cell.target
    return (cell.weight * wrong**2).sum() / jnp.maximum(cell.weight.sum(), 1e-9)


def _said(net: Network, cell: Sample) -> jax.Array:
    features = net(cell.kinds, cell.neighbour, Geometry(cell.distance, cell.unit), cell.places)
    return net.deviation(features, cell.distance.ravel()[cell.places[:, 0]])


ADAM = optax.chain(optax.clip_by_global_norm(CLIP), optax.scale_by_adam())


@eqx.filter_jit
def step(
    net: Messages, state: optax.OptState, cell: Any, rate: jax.Array, decay: jax.Array, loss: Loss = loss
) -> tuple[Messages, optax.OptState, jax.Array]:
    """Take one step of AdamW on one cell.

    Parameters
    ----------
    net : Messages
        The network.
    state : OptState
        Of the optimiser.
    cell : Sample
        The cell, or what else `loss` takes.
    rate : Array
        Size of the step.
    decay : Array
        Of the weights.
    loss : callable
        Network and cell → what the network gets wrong.

    Returns
    -------
    tuple
        Network, state and loss.
    """
    value, slope = eqx.filter_value_and_grad(loss)(net, cell)
    weights = eqx.filter(net, eqx.is_array)
    change, state = ADAM.update(slope, state, weights)
    moved = jax.tree_util.tree_map(lambda a, w: -rate * (a + decay * w), change, weights)
    return eqx.apply_updates(net, moved), state, value


def rate(p: Graph, done: float) -> float:
    """Return the step of the optimiser: it rises, and falls as half a cosine.

    Parameters
    ----------
    p : Graph
        Has the largest step.
    done : float
        Part of the training that is done, 0 to 1.

    Returns
    -------
    float
        The step.
    """
    rising = min(done / RISING, 1.0)
    return p.rate * rising * 0.5 * (1 + np.cos(np.pi * done))


def train(
    p: Graph,
    cells: Sequence[Any],
    seed: int,
    progress: Callable[[int, float], None] | None = None,
    make: Callable[[Graph, int], Messages] = network,
    loss: Loss = loss,
) -> Messages:
    """Train one network by AdamW, one cell at a time.

    Parameters
    ----------
    p : Graph
        Size of the network and how it learns.
    cells : sequence of Sample
        What is learned from.
    seed : int
        Of the first weights and of the order of the cells.
    progress : callable, optional
        Called with each epoch and its mean loss.
    make : callable
        Settings and seed → a network.
    loss : callable
        Network and cell → what the network gets wrong.

    Returns
    -------
    Messages
        The trained network.

    Raises
    ------
    ValueError
        The loss is not finite.
    """
    net, random = make(p, seed), np.random.default_rng(seed)
    state, steps = ADAM.init(eqx.filter(net, eqx.is_array)), p.epochs * len(cells)
    for epoch in range(p.epochs):
        losses = []
        for n, cell in enumerate(random.permutation(len(cells))):
            now = rate(p, (epoch * len(cells) + n + 1) / (steps + 1))
            net, state, value = step(net, state, cells[cell], jnp.float32(now), jnp.float32(p.decay), loss)
            losses.append(value)
        mean = float(np.mean(losses))
        if not np.isfinite(mean):
            raise ValueError(f"the loss is not finite in epoch {epoch}: take a smaller `rate` than {p.rate}")
        if progress:
            progress(epoch, mean)
    return net


def deviations(net: Network, cell: Sample) -> np.ndarray:
    """Return what a network says of the bonds of one cell, in single precision.

    Parameters
    ----------
    net : Network
        The network.
    cell : Sample
        The cell.

    Returns
    -------
    (n,) array
        Deviations, in units of the spread of the type.
    """
    return np.asarray(_deviations(net, cell))


_deviations = eqx.filter_jit(_said)
