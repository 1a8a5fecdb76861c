"""Functions that networks are made of: linear layers, envelope, Gaussians, harmonics (needs JAX)."""

from __future__ import annotations

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

INNERMOST, SHARPNESS = 1.2, 1.0  # Å, centre of the first Gaussian; width of a Gaussian over the spacing


class Geometry(NamedTuple):
    """Distances of the edges of n atoms (n, k), and directions of the first columns (n, short, 3)."""

    distance: jax.Array
    unit: jax.Array


def affine(layer: eqx.nn.Linear, x: jax.Array) -> jax.Array:
    """Apply a linear layer to the last axis.

    Parameters
    ----------
    layer : Linear
        The layer.
    x : (..., m) array
        Numbers.

    Returns
    -------
    (..., k) array
        The layer of them.
    """
    y = x @ layer.weight.T
    return y if layer.bias is None else y + layer.bias


def normed(x: jax.Array) -> jax.Array:
    """Shift to mean 0 and scale to variance 1 on the last axis.

    Parameters
    ----------
    x : (..., m) array
        Numbers.

    Returns
    -------
    (..., m) array
        The same, normed.
    """
    centred = x - x.mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def envelope(distance: jax.Array, cutoff: float) -> jax.Array:
    """Return ½ (1 + cos πd/R), 0 beyond R.

    Parameters
    ----------
    distance : array
        d, Å.
    cutoff : float
        R, Å.

    Returns
    -------
    array
        0 to 1.
    """
    return jnp.where(distance < cutoff, 0.5 * (jnp.cos(jnp.pi * distance / cutoff) + 1), 0.0)


def gaussians(distance: jax.Array, cutoff: float, n: int) -> jax.Array:
    """Return Gaussians of the distance, their centres evenly from `INNERMOST` to the cutoff.

    Parameters
    ----------
    distance : (...) array
        Å.
    cutoff : float
        Å.
    n : int
        Their number.

    Returns
    -------
    (..., n) array
        0 to 1.
    """
    centres = np.linspace(INNERMOST, cutoff, n)
    width = SHARPNESS * (centres[1] - centres[0])
    return jnp.exp(-0.5 * ((distance[..., None] - centres) / width) ** 2)


def harmonics(cosine: jax.Array, l_max: int) -> jax.Array:
    """Return the harmonics of m = 0, √(2l+1) P_l(cos θ).

    Parameters
    ----------
    cosine : (n, ...) array
        cos θ.
    l_max : int
        Largest l.

    Returns
    -------
    (n, l_max + 1, ...) array
        The harmonics.
    """
    terms = [jnp.ones_like(cosine), cosine]
    for n in range(1, l_max):
        terms.append(((2 * n + 1) * cosine * terms[n] - n * terms[n - 1]) / (n + 1))
    return jnp.stack([np.sqrt(2 * n + 1) * term for n, term in enumerate(terms[: l_max + 1])], 1)
