"""Learning curves and the laws they follow: how the error falls with training bonds, and where it stops."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import least_squares

from getl_utils.core.bonds import quench_of
from getl_utils.core.parameters import Train
from getl_utils.core.progress import each
from getl_utils.etl.database import Database
from getl_utils.models import training, validation
from getl_utils.models.splits import TRAIN_FRACTION, Split

NEAR = 1.1  # times the floor: a floor is near there
STEEPEST = 5.0  # exponent above which the points do not determine a law
COLUMNS = ["type", "axis", "seed", "n", "bonds", "rmse", "baseline_rmse", "published_rmse"]


def learning_curve(
    stored: Database, p: Train, axes: Sequence[str] = ("bonds",), progress: bool = False
) -> pd.DataFrame:
    """Error against what was learned from; in each of `n_seeds` random splits large sets hold small ones.

    All types that have a size are trained together.

    Parameters
    ----------
    stored : Database
        The database.
    p : Train
        Parameters of 05_train.
    axes : sequence of str
        ``bonds``: `curve_sizes` and 80 % of all, tested on the others; ``cells`` and ``quenches``: all bonds
        of 1, 2, 4, … of them, tested on those of a fourth that is left out.
    progress : bool
        Show a line of progress.

    Returns
    -------
    DataFrame
        type, axis, seed, n, bonds, rmse, baseline_rmse, published_rmse (eV). A size from which a type cannot
        be learned has no row.
    """
    rows, how = [], training.chosen_recipe(stored, p)
    tables, _ = validation.learnable(stored, p.bond_types)
    jobs = [(axis, s) for axis in axes for s in range(p.n_seeds)]
    for axis, seed in each(jobs, "learning curves", "curves", progress):
        found: dict[int, dict[str, Split]] = {}
        for bond_type, bonds in tables.items():
            for n, split in steps(bonds, axis, p, p.seed + seed):
                found.setdefault(n, {})[bond_type] = split
        for n, fold in sorted(found.items()):
            results, _ = validation.score(stored, tables, fold, how)  # a type that is refused starts later
            for bond_type, result in results.items():
                split = fold[bond_type]
                row = {"type": bond_type, "axis": axis, "seed": seed, "n": n, "bonds": len(split.train)}
                row |= {name: result[name] for name in ("rmse", "baseline_rmse")}
                theirs = validation.published_rmse(stored, tables[bond_type], split, p)
                rows.append(row | {"published_rmse": theirs})
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(
        "type", key=lambda c: c.map(p.bond_types.index), kind="stable", ignore_index=True
    )


def steps(bonds: pd.DataFrame, axis: str, p: Train, seed: int) -> list[tuple[int, Split]]:
    """The sizes of one learning curve and what is learned from at each.

    Parameters
    ----------
    bonds : DataFrame
        Bonds of one type.
    axis : str
        As of `learning_curve`.
    p : Train
        Has `curve_sizes` and `n_test`.
    seed : int
        Of the random order.

    Returns
    -------
    list of (int, Split)
        Size and split; empty if there are too few bonds.
    """
    random = np.random.default_rng(seed)
    if axis == "bonds":
        order, most = random.permutation(len(bonds)), int(TRAIN_FRACTION * len(bonds))
        if most < min(p.curve_sizes, default=most + 1):
            return []
        test = order[most : most + p.n_test]
        sizes = sorted({*(n for n in p.curve_sizes if n < most), min(most, max(p.n_train, *p.curve_sizes))})
        return [(n, Split(axis, str(n), order[:n], test)) for n in sizes]
    quench = quench_of(bonds)
    unit = (quench if axis == "quenches" else quench + "/" + bonds.sub_run.astype(str)).to_numpy(str)
    names = random.permutation(np.unique(unit))
    left = max(1, len(names) // 4)
    test = np.flatnonzero(np.isin(unit, names[:left]))
    most = len(names) - left
    sizes = sorted({*(2**k for k in range(most.bit_length()) if 2**k < most), most}) if most > 0 else []
    return [
        (n, Split(axis, str(n), np.flatnonzero(np.isin(unit, names[left : left + n])), test)) for n in sizes
    ]


class Law(NamedTuple):
    """ln ε of a size in units of the geometric mean of all sizes, and its start values.

    Attributes
    ----------
    logarithm : callable
        Function of the parameters and of ln x.
    start : callable
        Function of ln x and ln ε, of the first and last point.
    floor : int or None
        Place of the parameter that is ln of the floor.
    """

    logarithm: Callable[[np.ndarray, np.ndarray], np.ndarray]
    start: Callable[[np.ndarray, np.ndarray], list[float]]
    floor: int | None = None


def _slope(x: np.ndarray, e: np.ndarray) -> float:
    return max((e[0] - e[-1]) / (x[-1] - x[0]), 0.02)


def _broken(q: np.ndarray, x: np.ndarray) -> np.ndarray:
    """ln of (x/m)^−c (1 + m/x)^(b−c), from ln b, ln c and ln m."""
    return np.exp(q[1]) * (q[2] - x) + (np.exp(q[0]) - np.exp(q[1])) * np.logaddexp(0, q[2] - x)


def _breaks(x: np.ndarray, e: np.ndarray) -> list[float]:
    return [np.log(1.5 * _slope(x, e)), np.log(0.5 * _slope(x, e))]


LAWS = {
    "power law": Law(  # ε = a x^−b
        lambda q, x: q[0] - np.exp(q[1]) * x,
        lambda x, e: [e.mean(), np.log(_slope(x, e))],
    ),
    "power law and floor": Law(  # ε = a x^−b + c
        lambda q, x: np.logaddexp(q[0] - np.exp(q[1]) * x, q[2]),
        lambda x, e: [e.mean() - 0.7, np.log(2 * _slope(x, e)), e[-1] - 0.4],
        2,
    ),
    "broken power law": Law(  # ε = (x/m)^−c (1 + m/x)^(b−c): no amplitude
        _broken, lambda x, e: [*_breaks(x, e), x.mean() + e.mean()]
    ),
    "broken power law with amplitude": Law(  # a times that
        lambda q, x: _broken(q, x) + q[3], lambda x, e: [*_breaks(x, e), x.mean(), e.mean()]
    ),
}


def fit_laws(n: np.ndarray, error: np.ndarray, deviation: np.ndarray | None = None) -> pd.DataFrame:
    """Fit every law to ln error and compare them by AICc = N ln(RSS/N) + 2k + 2k(k+1)/(N−k−1).

    k counts the variance. ``aicc_without`` does not count it, as some authors do; with few points the two
    may choose differently. The comparison is that of Burnham, Anderson, Model Selection and Multimodel
    Inference (2002). Sizes are divided by their geometric mean, so that the start values do not depend on
    their unit.

    Parameters
    ----------
    n, error : (N,)
        Sizes and errors (eV; mean over seeds).
    deviation : (N,), optional
        Standard deviation of each mean over the seeds, eV; a point counts as (error / deviation)².

    Returns
    -------
    DataFrame
        law, aicc, delta (from the best), weight (Akaike's), aicc_without, exponent b, after: the exponent c
        beyond a break, floor (eV), near: the n where the error is 1.1 floors, turns: the n of a
        break, and why: why a law was not compared.

    Examples
    --------
    >>> n = np.array([25, 50, 100, 200, 400, 800, 1600, 3200])
    >>> table = fit_laws(n, 0.5 * n**-0.6 + 0.05)
    >>> table.law[table.delta == 0].item(), round(table.floor.dropna().item(), 4)
    ('power law and floor', 0.05)
    """
    n, error = np.asarray(n, float), np.asarray(error, float)
    unit = float(np.exp(np.log(n).mean())) if len(n) else 1.0
    rows = [
        _fit(name, law, np.log(n / unit), np.log(error), _weights(error, deviation))
        for name, law in LAWS.items()
    ]
    table = pd.DataFrame(rows)
    table[["near", "turns"]] *= unit
    table.insert(2, "delta", table.aicc - table.aicc.min())
    table.insert(3, "weight", np.exp(-0.5 * table.delta) / np.exp(-0.5 * table.delta).sum())
    return table


def _weights(error: np.ndarray, deviation: np.ndarray | None) -> np.ndarray:
    """Weight of each point, mean 1; the smallest deviations are taken as a tenth of the largest."""
    if deviation is None or not np.nanmax(deviation, initial=0.0) > 0:
        return np.ones(len(error))
    relative = np.nan_to_num(deviation / error, nan=np.nanmax(deviation / error))
    weights = 1 / np.maximum(relative, 0.1 * relative.max()) ** 2
    return weights / weights.mean()


def _fit(name: str, law: Law, x: np.ndarray, e: np.ndarray, weights: np.ndarray) -> dict:
    row = {"law": name, "aicc": np.nan, "aicc_without": np.nan, "exponent": np.nan, "after": np.nan}
    row |= {"floor": np.nan, "near": np.nan, "turns": np.nan, "why": ""}
    start = np.array(law.start(x, e)) if len(x) > 1 else np.zeros(4)
    k, count = len(start) + 1, len(x)
    if count <= k + 1:
        return row | {"why": f"{count} points; a law of {len(start)} parameters needs {k + 2} to be judged"}
    found = least_squares(
        lambda q: np.sqrt(weights) * (law.logarithm(q, x) - e), start, bounds=(-60, 60), max_nfev=5000
    )
    broken = name.startswith("broken")
    exponent = float(np.exp(found.x[0 if broken else 1]))
    if exponent > STEEPEST:
        return row | {"why": f"{count} points do not fix it: the best exponent is {exponent:.3g}"}
    row["exponent"] = exponent
    if broken:
        row |= {"after": float(np.exp(found.x[1])), "turns": float(np.exp(found.x[2]))}
    if law.floor is not None:
        row |= {"floor": float(np.exp(found.x[law.floor])), "near": _near(found.x, law.floor)}
    rss = max(2 * found.cost, 1e-20 * count)
    return row | {"aicc": _aicc(count, rss, k), "aicc_without": _aicc(count, rss, k - 1)}


def _aicc(count: int, rss: float, k: int) -> float:
    """AICc of k parameters."""
    return count * np.log(rss / count) + 2 * k + 2 * k * (k + 1) / (count - k - 1)


def _near(q: np.ndarray, floor: int) -> float:
    """The size at which a x^−b is a tenth of the floor; infinite above 10⁹ times the mean size."""
    logarithm = (q[0] - np.log(NEAR - 1) - q[floor]) / np.exp(q[1])
    return float(np.exp(logarithm)) if logarithm < np.log(1e9) else np.inf


def laws(curves: pd.DataFrame, column: str = "rmse") -> pd.DataFrame:
    """`fit_laws` of the mean over seeds, weighted by the spread of the seeds, for each type and axis.

    Parameters
    ----------
    curves : DataFrame
        Of `learning_curve`.
    column : str
        Which error: ``rmse`` or ``published_rmse``.

    Returns
    -------
    DataFrame
        type, axis, points and the columns of `fit_laws`.
    """
    parts = []
    for (bond_type, axis), some in curves.dropna(subset=[column]).groupby(["type", "axis"], sort=False):
        grouped = some.groupby("n")[column]
        mean, deviation = grouped.mean(), grouped.std(ddof=1) / np.sqrt(grouped.size())
        found = fit_laws(mean.index.to_numpy(float), mean.to_numpy(), deviation.to_numpy())
        parts.append(found.assign(type=bond_type, axis=axis, points=len(mean)))
    table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["type", "axis", "points"])
    return table[["type", "axis", "points", *(c for c in table if c not in ("type", "axis", "points"))]]
