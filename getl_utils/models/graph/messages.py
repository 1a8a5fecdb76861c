"""Messages between atoms, edges and pairs of edges (needs JAX)."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp

from getl_utils.core.parameters import Graph
from getl_utils.models.graph.elements import GROUPS, PERIODS
from getl_utils.models.graph.parts import Geometry, affine, envelope, gaussians, harmonics, normed

TYPICAL = 10.0  # neighbours: sums over them are divided by it


class Angles(eqx.Module):
    """Messages between the edges of one atom: Σ_b Σ_l W_l [Y_l0(θ_ab) R_l(d_b) ∘ h_b].

    Parameters
    ----------
    p : Graph
        Size of the network.
    key : Array
        Of the random weights.
    """

    down: eqx.nn.Linear
    radial: eqx.nn.Linear
    mix: eqx.nn.Linear
    p: Graph = eqx.field(static=True)

    def __init__(self, p: Graph, key: jax.Array) -> None:
        a, b, c = jax.random.split(key, 3)
        self.p, size = p, (p.l_max + 1) * p.width
        self.down = eqx.nn.Linear(p.width, p.width, key=a)
        self.radial = eqx.nn.Linear(p.n_radial, size, key=b)
        self.mix = eqx.nn.Linear(size, p.width, use_bias=False, key=c)

    def __call__(self, e: jax.Array, basis: jax.Array, g: Geometry) -> jax.Array:
        n, k = e.shape[:2]
        cosine = jnp.einsum("nax,nbx->nab", g.unit, g.unit)
        fade = envelope(g.distance[:, :k], self.p.angle_cutoff)[..., None]
        sent = jax.nn.silu(affine(self.down, normed(e))) * fade
        radial = affine(self.radial, basis[:, :k]).reshape(n, k, self.p.l_max + 1, -1)
        apart = 1 - jnp.eye(k, dtype=e.dtype)
        terms = harmonics(cosine, self.p.l_max) * apart
        summed = terms @ (radial * sent[:, :, None]).transpose(0, 2, 1, 3)  # n, l, a, width
        told = affine(self.mix, summed.transpose(0, 2, 1, 3).reshape(n, k, -1))
        return told * fade / TYPICAL


class Layer(eqx.Module):
    """One step: edges learn from their atoms, then from other edges; atoms learn from their edges.

    Parameters
    ----------
    p : Graph
        Size of the network.
    key : Array
        Of the random weights.
    """

    own: eqx.nn.Linear
    other: eqx.nn.Linear
    edge: eqx.nn.Linear
    out: eqx.nn.Linear
    message: eqx.nn.Linear
    angles: Angles | None
    update: eqx.nn.MLP
    p: Graph = eqx.field(static=True)

    def __init__(self, p: Graph, key: jax.Array) -> None:
        k, w = iter(jax.random.split(key, 7)), p.width
        self.p = p
        self.own = eqx.nn.Linear(w, 3 * w, key=next(k))
        self.other = eqx.nn.Linear(w, 3 * w, use_bias=False, key=next(k))
        self.edge = eqx.nn.Linear(w, w, use_bias=False, key=next(k))
        self.out = eqx.nn.Linear(w, w, key=next(k))
        self.message = eqx.nn.Linear(w, 2 * w, use_bias=False, key=next(k))
        self.angles = Angles(p, next(k)) if p.angle_cutoff else None
        self.update = eqx.nn.MLP(2 * w, w, w, 1, activation=jax.nn.silu, key=next(k))

    def __call__(
        self, x: jax.Array, sent: jax.Array, e: jax.Array, basis: jax.Array, g: Geometry
    ) -> tuple[jax.Array, jax.Array]:
        """Atoms x (n, width), what their neighbours send (n, k, 3 width), edges e (n, k, width) → x, e."""
        w, fade = self.p.width, envelope(g.distance, self.p.cutoff)[..., None]
        both = affine(self.own, normed(x))[:, None] + sent
        hidden = jax.nn.silu(both[..., :w] + affine(self.edge, normed(e)))
        e = e + affine(self.out, hidden) * fade
        if self.angles is not None:
            k = g.unit.shape[1]
            told = self.angles(e[:, :k], basis, g)
            e = e + jnp.pad(told, ((0, 0), (0, e.shape[1] - k), (0, 0)))
        q = both[..., w:] + affine(self.message, normed(e))
        heard = self._pooled(q[..., :w], jax.nn.silu(q[..., w:]), fade)
        return x + jax.vmap(self.update)(jnp.concatenate([normed(x), heard], 1)), e

    def _pooled(self, gate: jax.Array, value: jax.Array, fade: jax.Array) -> jax.Array:
        """Sum over the neighbours: each through its own gate, or with weights that add up to one."""
        if self.p.pooling == "gated":
            return (jax.nn.sigmoid(gate) * value * fade).sum(1) / TYPICAL
        weight = jnp.exp(jnp.clip(gate, -15, 15)) * fade
        return (weight * value).sum(1) / (weight.sum(1) + 1e-6)


class Messages(eqx.Module):
    """The part that every network has: first numbers of atoms and edges, and steps of messages.

    Parameters
    ----------
    p : Graph
        Size of the network.
    key : Array
        Of the random weights.
    """

    group: jax.Array
    period: jax.Array
    start: eqx.nn.Linear
    ends: eqx.nn.Linear
    layers: tuple[Layer, ...]
    p: Graph = eqx.field(static=True)

    def __init__(self, p: Graph, key: jax.Array) -> None:
        k, w = iter(jax.random.split(key, 4 + p.depth)), p.width
        self.p = p
        self.group = 0.5 * jax.random.normal(next(k), (GROUPS, w))
        self.period = 0.5 * jax.random.normal(next(k), (PERIODS, w))
        self.start = eqx.nn.Linear(p.n_radial, w, key=next(k))
        self.ends = eqx.nn.Linear(2 * w, w, key=next(k))
        self.layers = tuple(Layer(p, next(k)) for _ in range(p.depth))

    def atoms(self, kinds: jax.Array) -> jax.Array:
        """Return the first numbers of atoms.

        Parameters
        ----------
        kinds : (n, 2) array
            Group and period of each, counted from 0.

        Returns
        -------
        (n, width) array
            Numbers.
        """
        return self.group[kinds[:, 0]] + self.period[kinds[:, 1]]

    def basis(self, distance: jax.Array) -> jax.Array:
        """Return the Gaussians of the distance.

        Parameters
        ----------
        distance : (...) array
            Å.

        Returns
        -------
        (..., n_radial) array
            0 to 1.
        """
        return gaussians(distance, self.p.cutoff, self.p.n_radial)

    def first(self, x: jax.Array, far: jax.Array, basis: jax.Array, g: Geometry) -> jax.Array:
        """Return the first numbers of edges.

        Parameters
        ----------
        x : (n, width) array
            Atoms.
        far : (n, k, width) array
            Atoms at the other ends.
        basis : (n, k, n_radial) array
            Gaussians of the lengths.
        g : Geometry
            Of the edges.

        Returns
        -------
        (n, k, width) array
            Numbers.
        """
        ends = jnp.concatenate([jnp.broadcast_to(x[:, None], far.shape), far], -1)
        e = affine(self.start, basis) * jax.nn.silu(affine(self.ends, ends))
        return e * envelope(g.distance, self.p.cutoff)[..., None]

    def spread(self, kinds: jax.Array, neighbour: jax.Array, g: Geometry) -> tuple[jax.Array, jax.Array]:
        """Return the numbers of atoms and edges after all messages.

        Parameters
        ----------
        kinds : (n, 2) array
            Group and period of each atom, counted from 0.
        neighbour : (n, k) array
            The atoms at the other ends of the edges.
        g : Geometry
            Of the edges.

        Returns
        -------
        tuple
            Atoms (n, width) and edges (n, k, width).
        """
        x, basis = self.atoms(kinds), self.basis(g.distance)
        e = self.first(x, x[neighbour], basis, g)
        for layer in self.layers:
            x, e = layer(x, affine(layer.other, normed(x))[neighbour], e, basis, g)
        return x, e


def size(p: Graph) -> Graph:
    """Return the settings of a network without those of its training, which are set to their defaults.

    Parameters
    ----------
    p : Graph
        Settings.

    Returns
    -------
    Graph
        The same for all networks of one size.
    """
    of_training = ("members", "calibration", "epochs", "rate", "decay")
    return p.model_copy(update={name: type(p).model_fields[name].default for name in of_training})
