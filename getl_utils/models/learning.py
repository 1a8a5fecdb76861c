"""Learning curves and the laws they follow: how the error falls with training bonds, and where it stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from getl_utils.core.parameters import Train
from getl_utils.core.progress import each
from getl_utils.etl.database import Database
from getl_utils.models import gp, kernels
from getl_utils.models.kernels import Pairing

NEAR = 1.1  # times the floor: a floor is near there


def learning_curve(database: Database, p: Train, progress: bool = False) -> pd.DataFrame:
    """Error against training bonds, `curve_sizes` and 80 % of all; in each of `n_seeds` random splits large
    sets hold small ones.

    Returns
    -------
    DataFrame : type, n, seed, rmse, baseline_rmse (eV). Types with fewer bonds than 1.25 of the smallest size
    are left out.
    """
    database, _ = database.compressed(p.compress)
    rows, setting, curves = [], p.setting, [(t, s) for t in p.bond_types for s in range(p.n_seeds)]
    for bond_type, seed in each(curves, "learning curves", "curves", progress):
        try:
            ladder = Ladder.of(
                database, database.learnable(bond_type), p.curve_sizes, p.n_test, p.seed + seed
            )
            h = setting.hyperparameters_of(bond_type)
            steps, _ = ladder.climb(
                kernels.build(setting.kernel, h.zeta, h.theta, h.floor), h.gamma, setting.mean
            )
            rows += [{"type": bond_type, "seed": seed, **row} for row in steps]
        except ValueError:
            continue  # `validation.validate` says why
    return pd.DataFrame(rows, columns=["type", "seed", "n", "rmse", "baseline_rmse"])


@dataclass(frozen=True)
class Ladder:
    """A random split of bonds, learned from in steps: what hyperparameters do not change is computed once.

    learned : training bonds with themselves. tested : test bonds with these. strength, true : −ICOHP (eV) of
    both.
    sizes : numbers of training bonds, the last is all of them.
    """

    learned: Pairing
    tested: Pairing
    strength: np.ndarray
    true: np.ndarray
    sizes: list[int]

    @classmethod
    def of(
        cls, database: Database, bonds: pd.DataFrame, sizes: Sequence[int], n_test: int, seed: int
    ) -> Ladder:
        """From bonds in random order, 80 % to learn from and at most `n_test` of the others; no sizes if
        these are too few."""
        order, most = np.random.default_rng(seed).permutation(len(bonds)), int(0.8 * len(bonds))
        features, strength = database.features(bonds), -bonds.icohp.to_numpy(float)
        steps = sorted({*(n for n in sizes if n < most), most}) if most >= min(sizes, default=0) else []
        train, test = order[:most], order[most : most + n_test]
        pairs = Pairing(features[train], features[train]), Pairing(features[test], features[train])
        return cls(*pairs, strength[train], strength[test], steps)

    def climb(
        self, kernel: kernels.Kernel, gamma: float, mean: str
    ) -> tuple[list[dict[str, float]], np.ndarray]:
        """n, rmse and baseline_rmse (eV) at each size; and the test bonds' −ICOHP (eV) predicted from all
        training bonds.

        Raises
        ------
        ValueError : see `gp.fit`.
        """
        rows, matrix, cross, predicted = [], kernel.of(self.learned), kernel.of(self.tested), np.empty(0)
        train, distance = self.learned.x, self.tested.x.distance
        for n in self.sizes:
            some = (
                matrix if n == len(matrix) else matrix[:n, :n].copy()
            )  # a fit overwrites it; the last step needs no copy
            process = gp.fit(kernel, train[:n], self.strength[:n], gamma, mean, some)
            predicted = process.mean.predict(distance) + cross[:, :n] @ process.weights
            curve = gp.fit_curve(train.distance[:n], self.strength[:n]).predict(distance)
            errors = [float(np.sqrt(np.mean((e - self.true) ** 2))) for e in (predicted, curve)]
            rows.append({"n": n, "rmse": errors[0], "baseline_rmse": errors[1]})
        return rows, predicted


class Law(NamedTuple):
    """ln ε(n), its start values from the first and last point of a curve, and the parameter that is the
    floor, if any."""

    logarithm: Callable[[np.ndarray, np.ndarray], np.ndarray]
    start: Callable[[np.ndarray, np.ndarray], list[float]]
    floor: int | None


LAWS = {
    "power law": Law(  # ε = a n^−b
        lambda q, n: q[0] - np.exp(q[1]) * np.log(n),
        lambda n, e: [np.log(e[0]) + 0.3 * np.log(n[0]), np.log(0.3)],
        None,
    ),
    "power law and floor": Law(  # ε = a n^−b + c
        lambda q, n: np.logaddexp(q[0] - np.exp(q[1]) * np.log(n), q[2]),
        lambda n, e: [np.log(e[0]) + 0.5 * np.log(n[0]), np.log(0.5), np.log(0.7 * e[-1])],
        2,
    ),
    "broken power law": Law(  # ε = a n^−b (1 + n/m)^(b−c)
        lambda q, n: (
            q[0]
            - np.exp(q[1]) * np.log(n)
            + (np.exp(q[1]) - np.exp(q[2])) * np.logaddexp(0, np.log(n) - q[3])
        ),
        lambda n, e: [
            np.log(e[0]) + 0.4 * np.log(n[0]),
            np.log(0.4),
            np.log(0.1),
            0.5 * np.log(n[0] * n[-1]),
        ],
        None,
    ),
}


def fit_laws(n: np.ndarray, error: np.ndarray) -> pd.DataFrame:
    """Fit every law to ln error by least squares; compare them by AICc = N ln(RSS/N) + 2k + 2k(k+1)/(N−k−1),
    k with the variance.

    Source of the comparison: Burnham, Anderson, Model Selection and Multimodel Inference, 2002.

    Parameters
    ----------
    n, error : (N,) sizes and errors (eV; mean over seeds). A law with k ≥ N − 1 is not compared.

    Returns
    -------
    DataFrame : law, aicc, delta (from the best), exponent b, floor (eV) and near: the n where the error is
    1.1 floors.

    Examples
    --------
    >>> n = np.array([25, 50, 100, 200, 400, 800, 1600, 3200])
    >>> table = fit_laws(n, 0.5 * n**-0.6 + 0.05)
    >>> table.law[table.delta == 0].item(), round(table.floor.dropna().item(), 4)
    ('power law and floor', 0.05)
    """
    rows = []
    for name, law in LAWS.items():
        start = np.array(law.start(n, error))
        k = len(start) + 1
        if k >= len(n) - 1:
            continue
        found = least_squares(
            lambda q, law=law: law.logarithm(q, n) - np.log(error), start, bounds=(-15, 15), max_nfev=2000
        )
        rss = max(2 * found.cost, 1e-20 * len(n))
        aicc = len(n) * np.log(rss / len(n)) + 2 * k + 2 * k * (k + 1) / (len(n) - k - 1)
        floor = float(np.exp(found.x[law.floor])) if law.floor is not None else np.nan
        near = _near(found.x, floor) if law.floor is not None else np.nan
        rows.append(
            {"law": name, "aicc": aicc, "exponent": float(np.exp(found.x[1])), "floor": floor, "near": near}
        )
    table = pd.DataFrame(rows, columns=["law", "aicc", "exponent", "floor", "near"])
    table.insert(2, "delta", table.aicc - table.aicc.min())
    return table


def _near(q: np.ndarray, floor: float) -> float:
    """The n at which a n^−b is a tenth of the floor; infinite above 10⁹, where there is none to speak of."""
    logarithm = (q[0] - np.log((NEAR - 1) * floor)) / np.exp(q[1])
    return float(np.exp(logarithm)) if logarithm < np.log(1e9) else np.inf


def laws(curves: pd.DataFrame) -> pd.DataFrame:
    """`fit_laws` of the mean over seeds, type by type; columns type, n, rmse."""
    parts = []
    for bond_type, some in curves.groupby("type", sort=False):
        mean = some.groupby("n").rmse.mean()
        parts.append(fit_laws(mean.index.to_numpy(float), mean.to_numpy()).assign(type=bond_type))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["type"])
    return table[["type", *(c for c in table if c != "type")]]
