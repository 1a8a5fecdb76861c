"""Kernels between bonds: of the distance, of the environments, and products of these."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np


class Features(NamedTuple):
    """What a kernel sees of n bonds: distance (n,) in Å, and soap (n, m), the mean of the two atoms' SOAP vectors."""

    distance: np.ndarray
    soap: np.ndarray

    def __getitem__(self, rows: Any) -> Features:  # type: ignore[override]
        return Features(self.distance[rows], self.soap[rows])

    @property
    def n(self) -> int:
        return len(self.distance)


class Kernel(Protocol):
    """k(x, y) for all pairs of two sets of bonds: (n_x, n_y), without unit."""

    def __call__(self, x: Features, y: Features) -> np.ndarray: ...

    def diagonal(self, x: Features) -> np.ndarray:
        """k(x, x) of each bond: (n_x,)."""
        ...


@dataclass(frozen=True)
class SquaredExponential:
    """k = exp(−(d − d′)² / 2θ²); θ in Å.

    Examples
    --------
    >>> bonds = Features(np.array([2.5, 3.0]), np.empty((2, 0)))
    >>> SquaredExponential(0.5)(bonds, bonds).round(4).tolist()
    [[1.0, 0.6065], [0.6065, 1.0]]
    """

    theta: float

    def __call__(self, x: Features, y: Features) -> np.ndarray:
        return np.exp(-0.5 * ((x.distance[:, None] - y.distance) / self.theta) ** 2)

    def diagonal(self, x: Features) -> np.ndarray:
        return np.ones(x.n)


@dataclass(frozen=True)
class OrnsteinUhlenbeck:
    """k = exp(−|d − d′| / θ); θ in Å."""

    theta: float

    def __call__(self, x: Features, y: Features) -> np.ndarray:
        return np.exp(-np.abs(x.distance[:, None] - y.distance) / self.theta)

    def diagonal(self, x: Features) -> np.ndarray:
        return np.ones(x.n)


@dataclass(frozen=True)
class SoapSum:
    """k = [¼ (A·A′ + B·B′ + A·B′ + B·A′)]^ζ = (s·s′)^ζ with s = (A + B)/2 (Phys. Rev. Materials 4, 113603).

    The same for A–B and B–A, because only the mean of the two atoms' vectors enters.
    """

    zeta: float

    def __call__(self, x: Features, y: Features) -> np.ndarray:
        similarity = x.soap @ y.soap.T
        # SOAP vectors have no negative products; rounding may give one, of which no real power exists
        return similarity if self.zeta == 1 else np.maximum(similarity, 0) ** self.zeta

    def diagonal(self, x: Features) -> np.ndarray:
        return np.einsum("ij,ij->i", x.soap, x.soap) ** self.zeta


@dataclass(frozen=True)
class Product:
    """k = k₁ k₂."""

    first: Kernel
    second: Kernel

    def __call__(self, x: Features, y: Features) -> np.ndarray:
        return self.first(x, y) * self.second(x, y)

    def diagonal(self, x: Features) -> np.ndarray:
        return self.first.diagonal(x) * self.second.diagonal(x)


DISTANCE = {"se": SquaredExponential, "ou": OrnsteinUhlenbeck}


def build(name: str, zeta: float, theta: float) -> Kernel:
    """The kernel called `name`: ``soap_se``, ``soap_ou``, ``se`` or ``ou``; θ in Å.

    Raises
    ------
    ValueError : no such kernel.
    """
    distance = DISTANCE.get(name.removeprefix("soap_"))
    if distance is None:
        raise ValueError(f"unknown kernel {name!r}; known are soap_se, soap_ou, se and ou")
    return Product(SoapSum(zeta), distance(theta)) if name.startswith("soap_") else distance(theta)


def describe(kernel: Kernel) -> dict[str, Any]:
    """Names and hyperparameters, nested, for the model's record."""
    return {"kernel": type(kernel).__name__, **asdict(kernel)}  # type: ignore[call-overload]
