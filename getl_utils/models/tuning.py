"""Hyperparameters from the bonds themselves: by marginal likelihood and by groups left out, per type and
shared by all types."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.optimize import minimize

from getl_utils.core.parameters import Hyperparameters, Setting, Train
from getl_utils.core.progress import each
from getl_utils.etl.database import Database
from getl_utils.models import gp, kernels
from getl_utils.models.gp import DEGREES, GaussianProcess
from getl_utils.models.kernels import Kernel, Pairing
from getl_utils.models.model import groups

ZETAS = (1.0, 2.0, 4.0)  # whole numbers keep the kernel positive definite
FEWEST = 50  # bonds; a type with fewer takes the values shared by all types
NAMES = ("theta", "floor", "gamma")
START = {"theta": 0.8, "floor": 1.0, "gamma": 0.01}
BOUNDS = {"theta": (0.1, 5.0), "floor": (1e-4, 1e4), "gamma": (1e-4, 10.0)}
STEPS = 80  # of the search by groups left out, per type
GRID = {
    "theta": (0.6, 1.2),
    "floor": (1.0, 30.0, 1000.0),
    "gamma": (0.03, 0.1, 0.3, 1.0),
}  # where that search may also start


@dataclass(frozen=True)
class Sample:
    """Bonds to tune on: their scalar products, computed once, −ICOHP less the prior mean (n,), spread of
    −ICOHP, eV; groups."""

    pairs: Pairing
    rest: np.ndarray
    spread: float
    labels: np.ndarray

    def likelihood(self, kernel: Kernel, gamma: float) -> tuple[float, np.ndarray]:
        """−ln p per bond and its derivatives by ln of the kernel's free hyperparameters and of γ; infinite if
        there is none."""
        try:
            found = gp.evidence(kernel, self.spread * gamma, self.pairs, self.rest)
        except ValueError:
            return np.inf, np.zeros(len(kernel.logarithms) + 1)
        return -found.value / len(self.rest), -found.gradient / len(self.rest)

    def left_out(self, kernel: Kernel, gamma: float) -> float:
        """Root mean square of the errors (eV) of bonds whose group is left out; infinite where the kernel
        cannot be used."""
        matrix, noise = kernel.of(self.pairs), self.spread * gamma
        matrix[np.diag_indices_from(matrix)] += noise
        try:
            weights = np.linalg.solve(matrix, self.rest)
            error, _ = GaussianProcess(kernel, self.pairs.x, weights, noise, 1.0).left_out(
                self.labels, np.linalg.inv(matrix)
            )
        except np.linalg.LinAlgError:
            return np.inf
        return float(np.sqrt(np.mean(error**2)))


class Tuning(NamedTuple):
    """The setting found; a row per type (and ``shared``), criterion and ζ tried; type → why it was not
    tuned."""

    setting: Setting
    table: pd.DataFrame
    refused: dict[str, str]


def sample(database: Database, bond_type: str, n: int, mean: str, seed: int) -> Sample:
    """At most n bonds of a type, drawn at random; ValueError if they cannot be learned from."""
    bonds = database.learnable(bond_type)
    bonds = bonds.iloc[np.sort(np.random.default_rng(seed).permutation(len(bonds))[:n])]
    features, strength = database.features(bonds), -bonds.icohp.to_numpy(float)
    if len(bonds) < FEWEST:
        raise ValueError(f"{len(bonds)} bonds, fewer than {FEWEST}: it takes the values shared by all types")
    gp.check(kernels.SquaredExponential(1.0), features, strength, mean)
    rest = strength - gp.fit_curve(features.distance, strength, DEGREES[mean]).predict(features.distance)
    return Sample(Pairing(features, features), rest, float(strength.std()), groups(bonds))


def maximise(samples: Sequence[Sample], kernel: str, zeta: float) -> tuple[Hyperparameters, float]:
    """θ, floor and γ of the greatest marginal likelihood, summed over the samples; and −ln p per bond (mean
    over them)."""
    names, shape = _free(kernel)

    def target(x: np.ndarray) -> tuple[float, np.ndarray]:
        h = shape(x, zeta)
        parts = [s.likelihood(kernels.build(kernel, zeta, h.theta, h.floor), h.gamma) for s in samples]
        order = [1, 0, 2] if len(names) == 3 else [0, 1]  # the kernel's own order is floor, θ
        return float(np.mean([v for v, _ in parts])), np.mean([g for _, g in parts], axis=0)[order]

    start, limits = np.log([START[n] for n in names]), [tuple(np.log(BOUNDS[n])) for n in names]
    found = minimize(target, start, jac=True, method="L-BFGS-B", bounds=limits, options={"maxiter": 40})
    return shape(found.x, zeta), float(found.fun)


def left_out(samples: Sequence[Sample], kernel: str, h: Hyperparameters) -> float:
    """Error of bonds whose group is left out, eV, mean over the samples."""
    return float(
        np.mean([s.left_out(kernels.build(kernel, h.zeta, h.theta, h.floor), h.gamma) for s in samples])
    )


def refine(
    samples: Sequence[Sample], kernel: str, starts: Sequence[Hyperparameters]
) -> tuple[Hyperparameters, float]:
    """From the best of `starts` and the best of GRID, the θ, floor and γ of the least error of bonds left
    out; that error, eV.

    The likelihood alone starts poorly: it takes deformed copies of the same few atoms for many bonds, and
    finds no noise.
    """
    names, shape = _free(kernel)
    zetas, values = dict.fromkeys(h.zeta for h in starts), list(product(*(GRID[name] for name in names)))
    grid = [shape(np.log(some), zeta) for zeta in zetas for some in values]
    first = [min(some, key=lambda h: left_out(samples, kernel, h)) for some in (starts, grid)]
    return min((_descend(samples, kernel, h) for h in first), key=lambda found: found[1])


def _descend(samples: Sequence[Sample], kernel: str, start: Hyperparameters) -> tuple[Hyperparameters, float]:
    names, shape = _free(kernel)
    limits = [tuple(np.log(BOUNDS[n])) for n in names]
    first = np.clip(np.log([max(getattr(start, n), 1e-9) for n in names]), *np.transpose(limits))

    def target(x: np.ndarray) -> float:
        return left_out(samples, kernel, shape(x, start.zeta))

    found = minimize(
        target,
        first,
        method="Nelder-Mead",
        bounds=limits,
        options={"maxfev": STEPS, "xatol": 0.05, "fatol": 1e-5},
    )
    return shape(found.x, start.zeta), float(found.fun)


def tune(database: Database, p: Train, progress: bool = False) -> Tuning:
    """Tune every type, and one set for all types, by both criteria; take those of the criterion `tune`.

    Types that cannot be tuned, or have fewer than FEWEST bonds, take the shared values, which are also the
    `default`.
    """
    database, _ = database.compressed(p.compress)
    samples, refused, rows, chosen = {}, {}, [], {}
    for bond_type in p.bond_types:
        try:
            samples[bond_type] = sample(database, bond_type, p.n_tune, p.mean, p.seed)
        except ValueError as error:
            refused[bond_type] = str(error)
    jobs = {t: [s] for t, s in samples.items()} | ({"shared": list(samples.values())} if samples else {})
    for name, some in each(jobs.items(), "tuning", "types", progress):
        found = _candidates(some, p.kernel)
        rows += [{"type": name, **row} for row in found]
        best = min((r for r in found if r["criterion"] == p.tune), key=lambda r: r["target"], default=None)
        if best is not None:
            chosen["default" if name == "shared" else name] = Hyperparameters(
                **{n: best[n] for n in Hyperparameters.model_fields}
            )
    setting = Setting(kernel=p.kernel, mean=p.mean, hyperparameters=chosen or p.hyperparameters)
    return Tuning(setting, pd.DataFrame(rows), refused)


def _candidates(samples: Sequence[Sample], kernel: str) -> list[dict]:
    """Of each ζ, the best by likelihood; and the best by groups left out. `target`: what is least."""
    rows, starts = [], []
    for zeta in ZETAS if "_" in kernel else ZETAS[:1]:
        h, value = maximise(samples, kernel, zeta)
        starts.append(h)
        error = left_out(samples, kernel, h)
        rows.append(
            {"criterion": "likelihood", **_rounded(h), "ln_p": -value, "left_out": error, "target": value}
        )
    h, error = refine(samples, kernel, starts)
    value = np.mean(
        [s.likelihood(kernels.build(kernel, h.zeta, h.theta, h.floor), h.gamma)[0] for s in samples]
    )
    return [
        *rows,
        {"criterion": "groups", **_rounded(h), "ln_p": -float(value), "left_out": error, "target": error},
    ]


def _rounded(h: Hyperparameters) -> dict[str, float]:
    return {name: float(f"{value:.3g}") for name, value in h.model_dump().items()}


def _free(kernel: str) -> tuple[Sequence[str], Callable[[np.ndarray, float], Hyperparameters]]:
    """The names searched over, and how their logarithms become hyperparameters."""
    names = NAMES if "_" in kernel else ("theta", "gamma")
    return names, lambda x, zeta: Hyperparameters(
        zeta=zeta, **dict(zip(names, np.exp(x).tolist(), strict=True))
    )
