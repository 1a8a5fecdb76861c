"""The k points of a whole mesh, and waves at them, from the irreducible ones by the symmetry of a crystal."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from getl_utils.files.espresso_save import Wave

SAME = 1e-6  # of a mesh step: nearer, two k points are one


class Image(NamedTuple):
    """A k point of the whole mesh: its weight, and how its waves follow from those of point `of`.

    q → ±`rotation` q (in reciprocal lattice vectors); with −, the coefficients are conjugated.
    """

    k: np.ndarray
    weight: float
    of: int
    rotation: np.ndarray
    reverse: bool


def irreducible(size: Any, symmetries: Any) -> np.ndarray:
    """Return one point of each star of a mesh with Γ.

    Parameters
    ----------
    size : sequence of int
        Of the mesh.
    symmetries : gpaw.new.symmetry.Symmetries
        As in `mesh`.

    Returns
    -------
    (n, 3) array
        In reciprocal lattice vectors.
    """
    turns = np.concatenate([sign * np.linalg.inv(symmetries.rotation_scc) for sign in (1, -1)])
    seen, kept = set(), []
    for place in np.ndindex(*size):
        if place not in seen:
            k = np.array(place) / size
            kept.append(k)
            images = (turns @ k) * size
            whole = np.abs(images - np.rint(images)).max(axis=1) < SAME
            seen |= set(map(tuple, (np.rint(images[whole]).astype(int) % size).tolist()))
    return np.array(kept)


def mesh(points: np.ndarray, size: Any, symmetries: Any) -> list[Image]:
    """List a mesh with Γ, k and −k once, by the symmetry images of irreducible points.

    Parameters
    ----------
    points : (n, 3) array
        Irreducible points, in reciprocal lattice vectors.
    size : sequence of int
        Of the mesh.
    symmetries : gpaw.new.symmetry.Symmetries
        Rotations U about the origin: x → Uᵀx in fractional coordinates.

    Returns
    -------
    list of Image
        The mesh.

    Raises
    ------
    ValueError
        A point is no image.
    """
    turns = [np.linalg.inv(u) for u in np.asarray(symmetries.rotation_scc)]
    found: dict[tuple[int, ...], Image] = {}
    for of, point in enumerate(points):
        for turn in turns:
            for reverse in (False, True):
                k = (-1) ** reverse * turn @ point
                place = tuple((np.rint(k * size) % size).astype(int).tolist())
                if np.abs(k * size - np.rint(k * size)).max() < SAME:
                    found.setdefault(place, Image(k, 0.0, of, turn, reverse))
    if len(found) != np.prod(size):
        raise ValueError(f"symmetry gives {len(found)} of the {np.prod(size)} k points of the mesh")
    result = []
    for place, image in sorted(found.items()):
        other = tuple((-np.array(place) % size).tolist())
        if place <= other:
            result.append(image._replace(weight=(1 + (place != other)) / float(np.prod(size))))
    return result


def rotated(wave: Wave, image: Image) -> Wave:
    """Return the waves at a symmetry image of their k point.

    Parameters
    ----------
    wave : Wave
        Waves at the irreducible point.
    image : Image
        The image.

    Returns
    -------
    Wave
        Its waves.
    """
    b = wave.reciprocal
    q = np.linalg.solve(b.T, wave.momenta.T).T @ image.rotation.T
    c, sign = (wave.coefficients.conj(), -1) if image.reverse else (wave.coefficients, 1)
    return Wave(image.k @ b, b, sign * q @ b, c, wave.half)
