"""The law of an error in two sizes at once: training bonds N and weights D."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.optimize import least_squares


class JointLaw(NamedTuple):
    """ε = (N₀/N)^a + (D₀/D)^b + c.

    Attributes
    ----------
    a, b : float
        Exponents in the training bonds and in the weights.
    bonds, weights : float
        N₀ and D₀: where the term is 1 in the unit of ε.
    floor : float
        c, in the unit of ε.
    rms : float
        Root mean square of the deviations in ln ε.
    """

    a: float
    b: float
    bonds: float
    weights: float
    floor: float
    rms: float

    def __call__(self, n: np.ndarray, d: np.ndarray) -> np.ndarray:
        """ε at sizes n and d."""
        return (self.bonds / np.asarray(n)) ** self.a + (self.weights / np.asarray(d)) ** self.b + self.floor


def fit(n: np.ndarray, d: np.ndarray, error: np.ndarray) -> JointLaw:
    """Fit the law to ln ε by least squares.

    The form is that of Hoffmann et al., Training Compute-Optimal Large Language Models (2022).

    Parameters
    ----------
    n, d : (N,)
        Training bonds and weights.
    error : (N,)
        Errors, > 0.

    Returns
    -------
    JointLaw
        The law.

    Raises
    ------
    ValueError
        There are fewer than six points, or only one value of a size.

    Examples
    --------
    >>> n, d = np.meshgrid([100, 400, 1600], [1e3, 4e3, 16e3])
    >>> law = fit(n.ravel(), d.ravel(), (30 / n.ravel()) ** 0.5 + (200 / d.ravel()) ** 0.8 + 0.1)
    >>> round(law.a, 3), round(law.b, 3), round(law.floor, 3)
    (0.5, 0.8, 0.1)
    """
    n, d, error = (np.asarray(values, float) for values in (n, d, error))
    if len(error) < 6 or min(len(np.unique(n)), len(np.unique(d))) < 2:
        raise ValueError(
            f"{len(error)} points of {len(np.unique(n))} and {len(np.unique(d))} sizes: a law in two sizes "
            "needs six points and two of each size"
        )
    units = [float(np.exp(np.log(size).mean())) for size in (n, d)]
    x, y, e = np.log(n / units[0]), np.log(d / units[1]), np.log(error)

    def _logarithm(q: np.ndarray) -> np.ndarray:
        first, second = q[0] - np.exp(q[1]) * x, q[2] - np.exp(q[3]) * y
        return np.logaddexp(np.logaddexp(first, second), q[4])

    start = [e.mean() - 1, np.log(0.4), e.mean() - 1, np.log(0.4), e.min() - 1]
    found = least_squares(lambda q: _logarithm(q) - e, start, bounds=(-60, 60), max_nfev=20_000, x_scale=1.0)
    q, a, b = found.x, float(np.exp(found.x[1])), float(np.exp(found.x[3]))
    sizes = [unit * float(np.exp(q[k] / s)) for unit, k, s in zip(units, (0, 2), (a, b), strict=True)]
    return JointLaw(a, b, *sizes, float(np.exp(q[4])), float(np.sqrt(2 * found.cost / len(e))))
