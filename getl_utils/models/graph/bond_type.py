"""What a graph model knows of one bond type beside its networks: a curve, a scale, σ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from getl_utils.models.gp import DistanceCurve
from getl_utils.models.linear_type import parabola


@dataclass(frozen=True)
class GraphType:
    """What the model knows of one bond type beside the networks.

    −ICOHP = curve(d) + scale × mean of the networks; σ² = s(d)² (1 + c v / variance), where log s is a
    parabola in d and v the variance of the networks.

    Attributes
    ----------
    window : tuple of float
        Shortest and longest training bond, Å.
    span : tuple of float
        Shortest and longest training bond of all types, Å; lengths are scaled with it.
    n_bonds : int
        Bonds learned from.
    n_groups : int
        Groups of them that are left out together.
    curve : tuple of float
        Of the distance alone, see `gp.DistanceCurve`, eV.
    scale : float
        Standard deviation of the training bonds from the curve, eV.
    spread : tuple of float
        log s, s in eV, as a polynomial in the scaled length.
    share : float
        c, part of the networks' variance in σ².
    variance : float
        Mean variance of the networks on the training bonds, without unit.
    limit : float
        Variance above which a bond lies outside the training set.
    left_out : float
        Root mean square error of single networks on groups that they did not learn from, eV.
    """

    window: tuple[float, float]
    span: tuple[float, float]
    n_bonds: int
    n_groups: int
    curve: tuple[float, ...]
    scale: float
    spread: tuple[float, ...]
    share: float
    variance: float
    limit: float
    left_out: float

    def mean(self, deviation: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Return the mean of each bond; beyond the window the curve goes on as a straight line.

        Parameters
        ----------
        deviation : (n,) array
            Mean of the networks, in units of `scale`.
        distance : (n,) array
            Lengths, Å.

        Returns
        -------
        (n,) array
            eV.
        """
        inside, small = np.clip(distance, *self.window), 1e-4
        curve = DistanceCurve(np.array(self.curve)).predict
        slope = (curve(inside + small) - curve(inside - small)) / (2 * small)
        return curve(inside) + slope * (distance - inside) + self.scale * deviation

    def sigma(self, variance: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Return σ of each bond.

        Parameters
        ----------
        variance : (n,) array
            Of the networks, without unit.
        distance : (n,) array
            Lengths, Å.

        Returns
        -------
        (n,) array
            eV.
        """
        own = np.exp(parabola(distance, self.span) @ np.array(self.spread))
        return own * np.sqrt(1 + self.share * variance / max(self.variance, 1e-12))

    def outside(self, variance: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Say where the training set has nothing alike.

        Parameters
        ----------
        variance : (n,) array
            Of the networks, without unit.
        distance : (n,) array
            Lengths, Å.

        Returns
        -------
        (n,) array of bool
            True where a bond lies outside.
        """
        return (variance > self.limit) | (distance < self.window[0]) | (distance > self.window[1])
