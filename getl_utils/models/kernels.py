"""Kernels between bonds: of the distance, of the environments, and sums and products of these.

Own classes rather than those of scikit-learn, GPyTorch or tinygp, because a bond is no row of numbers: it is
a distance and two atoms, and the one costly thing, the scalar products of the atoms' SOAP vectors, must be
computed once and serve every kernel and all hyperparameters (`Pairing`). scikit-learn's kernels compute it
again from X at every step of a tuning; GPyTorch and tinygp can be given a matrix, but bring PyTorch or JAX
for the gradient by three numbers, which is a line per kernel by hand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from getl_utils.etl.features import Features


class Pairing:
    """What kernels see of two sets of bonds; each matrix (n_x, n_y) is computed when first asked for, and
    kept.

    Examples
    --------
    >>> d, s = np.array([2.0, 2.5]), np.eye(2)
    >>> pairs = Pairing(Features(d, s, np.array([0, 0]), np.array([0, 1])), Features(d, s, np.array([0, 0]), np.array([0, 1])))
    >>> pairs.sum.tolist(), pairs.product.tolist()
    ([[1.0, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 0.5]])
    """

    def __init__(self, x: Features, y: Features):
        self.x, self.y = x, y

    @cached_property
    def gap(self) -> np.ndarray:
        """|d − d′| in Å."""
        return np.abs(self.x.distance[:, None] - self.y.distance)

    @cached_property
    def gram(self) -> np.ndarray:
        """Scalar products of all atoms' vectors, each once: (n_atoms of x, n_atoms of y)."""
        return self.x.used[0] @ self.y.used[0].T

    @cached_property
    def sum(self) -> np.ndarray:
        """¼ (A·A′ + B·B′ + A·B′ + B·A′) = s·s′; by way of the atoms where these are fewer than the bonds."""
        if len(self.x.used[0]) >= self.x.n:
            return self.x.mean @ self.y.mean.T
        rows = self.gram[self.x.used[1]] + self.gram[self.x.used[2]]
        sums = np.take(rows, self.y.used[1], axis=1)
        sums += np.take(rows, self.y.used[2], axis=1)
        sums *= 0.25
        return sums

    @cached_property
    def product(self) -> np.ndarray:
        """½ [(A·A′)(B·B′) + (A·B′)(B·A′)]."""
        a, b = (self.gram[place] for place in self.x.used[1:])
        i, j = self.y.used[1:]
        straight = np.take(a, i, axis=1) * np.take(b, j, axis=1)
        straight += np.take(a, j, axis=1) * np.take(b, i, axis=1)
        straight *= 0.5
        return straight


class Kernel:
    """k(x, y) for all pairs of two sets of bonds, without unit. Kernels add and multiply: ``SoapSum(1) * (…)
    + …``.

    A new kernel needs `of` and `diagonal`, and for what a tuning may change its names in `free` and
    `gradients`.
    """

    free: ClassVar[tuple[str, ...]] = ()

    def __call__(self, x: Features, y: Features) -> np.ndarray:
        """(n_x, n_y)."""
        return self.of(Pairing(x, y))

    def __add__(self, other: Kernel) -> Kernel:
        return Sum(self, other)

    def __mul__(self, other: Kernel) -> Kernel:
        return Product(self, other)

    def of(self, pairs: Pairing) -> np.ndarray:
        """k of paired sets whose scalar products may be known already; a new array."""
        raise NotImplementedError

    def gradients(self, pairs: Pairing) -> list[np.ndarray]:
        """∂k/∂ln p of each free hyperparameter p, in the order of `logarithms`."""
        return []

    def diagonal(self, x: Features) -> np.ndarray:
        """k(x, x) of each bond: (n_x,)."""
        return np.ones(x.n)

    @property
    def logarithms(self) -> np.ndarray:
        """ln p of each free hyperparameter."""
        return np.log([getattr(self, name) for name in self.free])

    def at(self, logarithms: np.ndarray) -> Kernel:
        """The same kernel with other free hyperparameters."""
        return replace(self, **dict(zip(self.free, np.exp(logarithms).tolist(), strict=True)))  # type: ignore[type-var]


@dataclass(frozen=True)
class SquaredExponential(Kernel):
    """k = exp(−(d − d′)² / 2θ²); θ in Å.

    Examples
    --------
    >>> bonds = Features(np.array([2.5, 3.0]), np.empty((2, 0)))
    >>> SquaredExponential(0.5)(bonds, bonds).round(4).tolist()
    [[1.0, 0.6065], [0.6065, 1.0]]
    """

    theta: float
    free = ("theta",)

    def of(self, pairs: Pairing) -> np.ndarray:
        return np.exp(-0.5 * (pairs.gap / self.theta) ** 2)

    def gradients(self, pairs: Pairing) -> list[np.ndarray]:
        square = (pairs.gap / self.theta) ** 2
        return [square * np.exp(-0.5 * square)]


@dataclass(frozen=True)
class OrnsteinUhlenbeck(Kernel):
    """k = exp(−|d − d′| / θ); θ in Å."""

    theta: float
    free = ("theta",)

    def of(self, pairs: Pairing) -> np.ndarray:
        return np.exp(-pairs.gap / self.theta)

    def gradients(self, pairs: Pairing) -> list[np.ndarray]:
        return [pairs.gap / self.theta * self.of(pairs)]


@dataclass(frozen=True)
class Constant(Kernel):
    """k = value."""

    value: float
    free = ("value",)

    def of(self, pairs: Pairing) -> np.ndarray:
        return np.full((pairs.x.n, pairs.y.n), self.value)

    def gradients(self, pairs: Pairing) -> list[np.ndarray]:
        return [self.of(pairs)]

    def diagonal(self, x: Features) -> np.ndarray:
        return np.full(x.n, self.value)


@dataclass(frozen=True)
class SoapSum(Kernel):
    """k = [¼ (A·A′ + B·B′ + A·B′ + B·A′)]^ζ = (s·s′)^ζ with s = (A + B)/2 (Phys. Rev. Materials 4, 113603).

    The same for A–B and B–A, because only the mean of the two atoms' vectors enters. ζ is not tuned by
    gradient: of a positive definite matrix, whole powers are positive definite, others need not be.
    """

    zeta: float

    def of(self, pairs: Pairing) -> np.ndarray:
        return _power(pairs.sum, self.zeta)

    def diagonal(self, x: Features) -> np.ndarray:
        return np.einsum("ij,ij->i", x.mean, x.mean) ** self.zeta


@dataclass(frozen=True)
class SoapProduct(Kernel):
    """k = {½ [(A·A′)(B·B′) + (A·B′)(B·A′)]}^ζ: both ends must be alike, in either order, so that a bond A–B
    is the bond B–A."""

    zeta: float

    def of(self, pairs: Pairing) -> np.ndarray:
        return _power(pairs.product, self.zeta)

    def diagonal(self, x: Features) -> np.ndarray:
        vectors, i, j = x.used
        length = np.einsum("ij,ij->i", vectors, vectors)
        return (
            0.5 * (length[i] * length[j] + np.einsum("ij,ij->i", vectors[i], vectors[j]) ** 2)
        ) ** self.zeta


def _power(similarity: np.ndarray, zeta: float) -> np.ndarray:
    # SOAP vectors have no negative products; rounding may give one, of which no real power exists
    return similarity.copy() if zeta == 1 else np.maximum(similarity, 0) ** zeta


@dataclass(frozen=True)
class _Pair(Kernel):
    first: Kernel
    second: Kernel

    @property
    def logarithms(self) -> np.ndarray:
        return np.concatenate([self.first.logarithms, self.second.logarithms])

    def at(self, logarithms: np.ndarray) -> Kernel:
        n = len(self.first.logarithms)
        return type(self)(self.first.at(logarithms[:n]), self.second.at(logarithms[n:]))


@dataclass(frozen=True)
class Sum(_Pair):
    """k = k₁ + k₂."""

    def of(self, pairs: Pairing) -> np.ndarray:
        return self.first.of(pairs) + self.second.of(pairs)

    def gradients(self, pairs: Pairing) -> list[np.ndarray]:
        return self.first.gradients(pairs) + self.second.gradients(pairs)

    def diagonal(self, x: Features) -> np.ndarray:
        return self.first.diagonal(x) + self.second.diagonal(x)


@dataclass(frozen=True)
class Product(_Pair):
    """k = k₁ k₂."""

    def of(self, pairs: Pairing) -> np.ndarray:
        product = self.first.of(pairs)
        product *= self.second.of(pairs)
        return product

    def gradients(self, pairs: Pairing) -> list[np.ndarray]:
        first, second = self.first.of(pairs), self.second.of(pairs)
        return [g * second for g in self.first.gradients(pairs)] + [
            first * g for g in self.second.gradients(pairs)
        ]

    def diagonal(self, x: Features) -> np.ndarray:
        return self.first.diagonal(x) * self.second.diagonal(x)


DISTANCE = {"se": SquaredExponential, "ou": OrnsteinUhlenbeck}
ENVIRONMENT = {"soap": SoapSum, "product": SoapProduct}


def build(name: str, zeta: float, theta: float, floor: float = 0.0) -> Kernel:
    """The kernel called `name`: ``se`` or ``ou`` of the distance, alone or after ``soap_`` or ``product_``; θ
    in Å.

    k = (environments^ζ + floor) × distance: the floor is what two bonds of one length share whatever their
    environments.

    Raises
    ------
    ValueError : no such kernel.
    """
    environment, _, distance = name.rpartition("_")
    if distance not in DISTANCE or environment not in ("", *ENVIRONMENT):
        known = [*DISTANCE, *(f"{e}_{d}" for e in ENVIRONMENT for d in DISTANCE)]
        raise ValueError(f"unknown kernel {name!r}; known are {', '.join(known)}")
    if not environment:
        return DISTANCE[distance](theta)
    similar = ENVIRONMENT[environment](zeta)
    return (similar + Constant(floor) if floor else similar) * DISTANCE[distance](theta)
