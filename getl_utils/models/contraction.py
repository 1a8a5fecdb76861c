"""The contracted form of a process whose kernel is linear in s and smooth in d: a few numbers per atom, not
its whole vector."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from getl_utils.models.gp import GaussianProcess
from getl_utils.models.kernels import Constant, Kernel, Product, SoapSum, SquaredExponential, Sum

TOLERANCE = 1e-10  # eV
NODES = (12, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128)
PROBES = 500  # distances at which the error is bounded
MARGIN = 0.5  # Å around the training distances, so that usual windows lie within


def contractible(kernel: Kernel) -> bool:
    """Is the kernel linear in s and smooth in d: (SOAP with ζ = 1, + floor) × SE? (OU has a kink at every
    training distance.)"""
    return (
        isinstance(kernel, Product)
        and isinstance(kernel.second, SquaredExponential)
        and _linear(kernel.first) is not None
    )


def _linear(kernel: Kernel) -> float | None:
    """The floor of a kernel s·s′ + floor; None for another kernel."""
    if isinstance(kernel, Sum) and isinstance(kernel.second, Constant) and _linear(kernel.first) is not None:
        return kernel.second.value
    return 0.0 if isinstance(kernel, SoapSum) and kernel.zeta == 1 else None


@dataclass(frozen=True)
class Contraction:
    """−ICOHP = Σ_m L_m(d) [w_m + ½ (W_m·A + W_m·B)], with L_m the Lagrange polynomials on Chebyshev points of
    [low, high].

    Parameters
    ----------
    low, high : Å. weights : W, (n_nodes, n_components) in eV. alone : w, (n_nodes,) in eV, of the distance
    alone: prior mean and
        floor. error : eV; how far it may be from the direct sum.
    """

    low: float
    high: float
    weights: np.ndarray
    alone: np.ndarray
    error: float

    def covers(self, low: float, high: float) -> bool:
        """Does it hold for all distances from `low` to `high` (Å)?"""
        return self.low <= low and high <= self.high

    def basis(self, distance: np.ndarray) -> np.ndarray:
        """L_m(d) of distances (n,) in Å within [low, high]: (n, n_nodes)."""
        return lagrange(distance, self.low, self.high, len(self.weights))

    def predict(self, distance: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """−ICOHP (n,) in eV of bonds of length (n,) in Å between atoms with projections W·A and W·B, (n,
        n_nodes) each."""
        return np.einsum("nm,nm->n", self.basis(distance), 0.5 * (first + second) + self.alone)


def nodes(low: float, high: float, n: int) -> np.ndarray:
    """Chebyshev points of the second kind on [low, high]."""
    return 0.5 * (low + high) + 0.5 * (high - low) * np.cos(np.pi * np.arange(n) / (n - 1))


def lagrange(x: np.ndarray, low: float, high: float, n: int) -> np.ndarray:
    """Lagrange polynomials on the n `nodes` at x, in barycentric form (Berrut, Trefethen, SIAM Rev. 46, 501):
    (len(x), n).

    Examples
    --------
    >>> x = np.linspace(2, 4, 50)
    >>> bool(np.abs(lagrange(x, 2, 4, 20) @ np.exp(nodes(2, 4, 20)) - np.exp(x)).max() < 1e-12)
    True
    """
    signs = np.where(np.arange(n) % 2, -1.0, 1.0)
    signs[[0, -1]] *= 0.5
    gap = np.asarray(x, float)[:, None] - nodes(low, high, n)
    hit = np.abs(gap) < 1e-15 * max(abs(low), abs(high))
    basis = signs / np.where(hit, 1.0, gap)
    basis /= basis.sum(axis=1, keepdims=True)
    basis[hit.any(axis=1)] = hit[hit.any(axis=1)]
    return basis


def contract(process: GaussianProcess, low: float, high: float, tolerance: float = TOLERANCE) -> Contraction:
    """Contract a process over its training bonds: W_m = Σ_i α_i exp(−(t_m − d_i)² / 2θ²) s_i at the
    Chebyshev points t_m, and the same of the prior mean and the floor.

    With ζ = 1 the prediction is linear in s, so the error at a distance is the product of one vector with s, and |s| ≤ 1 bounds
    it by that vector's length for every environment, seen or not; the distances are probed.

    Parameters
    ----------
    low, high : Å, the interval on which it shall hold. tolerance : eV.

    Raises
    ------
    ValueError : the kernel has no such form, or no number of nodes tried comes within `tolerance` of the
    direct sum.

    Examples
    --------
    >>> from getl_utils import gp, kernels
    >>> d, s = np.linspace(2, 4, 40), np.full((40, 4), 0.5)
    >>> process = gp.fit(kernels.build("soap_se", 1, 0.5), Features(d, s), np.exp(-d), 0.01)
    >>> short = contract(process, 2, 4); short.weights.shape[1], short.error <= 1e-10
    (4, True)
    """
    if not contractible(process.kernel):
        raise ValueError("only (SOAP with ζ = 1, + floor) times the squared exponential can be contracted")
    probes = np.linspace(low, high, PROBES)
    (exact, exact_alone), error = _sums(process, probes), np.inf
    for n in NODES:
        (weights, alone), basis = _sums(process, nodes(low, high, n)), lagrange(probes, low, high, n)
        error = float(
            (np.linalg.norm(basis @ weights - exact, axis=1) + np.abs(basis @ alone - exact_alone)).max()
        )
        if error <= tolerance:
            return Contraction(low, high, weights, alone, error)
    raise ValueError(
        f"{NODES[-1]} nodes on {low}–{high} Å leave an error of {error:.1e} eV, more than {tolerance:.0e}"
    )


def _sums(process: GaussianProcess, distance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ_i α_i exp(−(d − d_i)² / 2θ²) s_i, (n, n_components), and m(d) + floor Σ_i α_i exp(…), (n,), for each
    d."""
    near = (
        np.exp(-0.5 * ((distance[:, None] - process.train.distance) / process.kernel.second.theta) ** 2)
        * process.weights
    )
    return near @ process.train.mean, process.mean.predict(distance) + _linear(
        process.kernel.first
    ) * near.sum(axis=1)
