"""What was tried to make the linear model better: ``python bench/bond_model_tried.py``, a minute of one core.

Each composition is left out in turn. data_examples/validation/bond_model_tried.csv gets the error of each
variant (eV) and its ratio to the curve of the distance alone. A variant changes the expansion or the prior,
or adds a correction: a ridge regression of the residuals on more features, whose strength left-out quenches
choose.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
from bond_model import OUT, PLACE, Data, enough, read
from numba import njit

from getl_utils.core import cells
from getl_utils.core.bonds import quench_of
from getl_utils.core.record import write_csv
from getl_utils.core.workdir import WorkDir
from getl_utils.models import bins as space
from getl_utils.models import linear, pooled
from getl_utils.models.bond_expansion import BondExpansion, describe, flip
from getl_utils.models.bond_list import lengths, reach_of
from getl_utils.models.bond_loops import find
from getl_utils.models.gp import fit_curve
from getl_utils.models.linear_type import chebyshev

PROFILE = "workstation.yaml"  # the cells of data_examples/zrcual
BOND = ["i", "j", "tx", "ty", "tz"]
ALONE = linear.Settings(n_distance=4, common=1e-6, alike=0.0, smooth=(0.0, 0.0))
SMOOTH = replace(ALONE, alike=0.93, smooth=(2.0, 1.0))
SHARED = linear.Settings(n_distance=4)
NEAR, FAR = {"cutoff": 5.0, "n_radial": 6}, {"cutoff": 7.0, "n_radial": 8}
VARIANTS = {
    "each type alone, 5 Å, 4 polynomials": (NEAR, ALONE),
    "smooth weights": (NEAR, SMOOTH),
    "weights shared by the types": (NEAR, SHARED),
    "6 Å": ({}, SHARED),
    "5 polynomials (the default)": ({}, linear.Settings()),
    "6 polynomials": ({}, linear.Settings(n_distance=6)),
    "7 Å": (FAR, linear.Settings()),
    "6 Å, finer": ({"n_radial": 9, "l_max": 7}, linear.Settings()),
}
RIDGES = (1.0, 10.0, 100.0, 1000.0)


def described(data: Data, expansion: BondExpansion) -> np.ndarray:
    """Features of all bonds by another expansion."""
    return each_cell(data, expansion.n_features, lambda atoms, bonds: describe(expansion, atoms, bonds))


def each_cell(data: Data, width: int, of: Callable) -> np.ndarray:
    """A table of numbers per bond, made cell by cell."""
    out, work = np.empty((len(data.bonds), width)), WorkDir(PLACE / PROFILE.removesuffix(".yaml"))
    for key, rows in data.bonds.groupby(["composition", "run", "sub_run"]):
        out[rows.index] = of(cells.read(work.cell(*key)), rows[BOND].to_numpy(int))
    return out


def folds(
    data: Data, expansion: BondExpansion, features: np.ndarray, settings: linear.Settings
) -> pd.DataFrame:
    """Estimates of all bonds by the model without one composition; `new`: the bonds of that one."""
    bonds, parts = data.bonds.assign(group=quench_of(data.bonds), row=np.arange(len(data.bonds))), []
    for composition in bonds.composition.unique():
        new = (bonds.composition == composition).to_numpy()
        old = bonds[~new]
        columns = (old[name].to_numpy() for name in ("distance", "strength", "type", "group"))
        fitted = linear.fit(expansion, features[~new], *columns, settings).model
        for name in (name for name in enough(data) if name in fitted.types):
            rows = (bonds.type == name).to_numpy()
            mean = fitted.evaluate(name, features[rows], bonds.distance[rows].to_numpy()).mean
            parts.append(bonds[rows].assign(mean=mean, new=new[rows], left_out=composition))
    return pd.concat(parts, ignore_index=True)


def errors(label: str, estimates: pd.DataFrame) -> list[dict]:
    """Error and ratio to the distance alone, per type and composition."""
    rows = []
    for (composition, name), part in estimates.groupby(["left_out", "type"]):
        old, new = part[~part.new], part[part.new]
        if len(new) < 50:
            continue
        curve = fit_curve(old.distance.to_numpy(), old.strength.to_numpy()).predict(new.distance.to_numpy())
        rmse = [float(np.sqrt(np.mean((x - new.strength) ** 2))) for x in (new["mean"], curve)]
        place = {"variant": label, "type": name, "left_out": composition, "n_test": len(new)}
        rows.append(place | {"rmse": rmse[0], "ratio": rmse[0] / rmse[1]})
    return rows


def corrected(
    estimates: pd.DataFrame, more: Callable[[str, np.ndarray, np.ndarray], np.ndarray]
) -> pd.DataFrame:
    """Estimates plus a ridge regression of the residuals on the columns that `more` makes."""
    out = estimates.copy()
    for (_, name), part in estimates.groupby(["left_out", "type"]):
        old = (~part.new).to_numpy()
        columns = more(name, part.row.to_numpy(), old)
        columns = columns / (columns[old].std(axis=0).max() + 1e-12)
        residual = (part.strength - part["mean"]).to_numpy()
        weights = ridge_weights(columns[old], residual[old], part.group.to_numpy()[old])
        out.loc[part.index, "mean"] += weights[0] + columns @ weights[1:]
    return out


def ridge_weights(columns: np.ndarray, target: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Constant and weights; the ridge with the smallest error of left-out groups."""
    used, rows = np.arange(columns.shape[1]), np.hstack([np.ones((len(target), 1)), columns])
    sums, penalty, zero = (
        pooled.Sums.of(rows, target, groups, 1.0, 1, used),
        np.eye(len(used)),
        np.zeros(len(used)),
    )

    def wrong(ridge: float) -> float:
        parts = [
            target[groups == g] - rows[groups == g] @ sums.solve(penalty, [ridge**-0.5], zero, g)[0]
            for g in sums.by_group
        ]
        return float(np.mean(np.concatenate(parts) ** 2))

    return sums.solve(penalty, [min(RIDGES, key=wrong) ** -0.5], zero)[0]


def products(data: Data, expansion: BondExpansion, features: np.ndarray, n: int) -> Callable:
    """Products of the first `n` principal components, times 1 and the length."""

    def more(name: str, rows: np.ndarray, old: np.ndarray) -> np.ndarray:
        a, b = name.split("-")
        x = features[rows] / (features[rows][old].std(axis=0) + 1e-9)
        signs = flip(expansion) if a == b else np.ones(x.shape[1])
        middle = 0.5 * (x[old].mean(axis=0) + (x[old] * signs).mean(axis=0))
        axes = np.linalg.svd(x[old] - middle, full_matrices=False)[2][:n].T
        i, j = np.triu_indices(n)
        sides = [(side - middle) @ axes for side in (x, x * signs)]
        return by_length(data, rows, 0.5 * sum(z[:, i] * z[:, j] for z in sides))

    return more


def by_length(data: Data, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Columns, and columns times the scaled length."""
    x = chebyshev(data.bonds.distance.to_numpy()[rows], (2.0, 4.2), 2)
    return np.hstack([x[:, [t]] * columns for t in range(2)])


def four_body(moments: np.ndarray, data: Data) -> Callable:
    """Products of two moments of the same order about the axis: four-body terms, blind to rotation."""
    i, j = np.triu_indices(moments.shape[2])

    def more(name: str, rows: np.ndarray, old: np.ndarray) -> np.ndarray:
        m = moments[rows]
        return by_length(
            data, rows, np.hstack([(m[:, k, i] * m[:, k, j].conj()).real for k in range(m.shape[1])])
        )

    return more


def all_moments(data: Data, expansion: BondExpansion) -> np.ndarray:
    """Σ_k g_n(ρ) e^{imφ} sin^m θ of each element, m = 1, 2, four g_n: (bonds, 2, elements × 4)."""
    size = 2 * len(expansion.elements) * 4

    def of(atoms, bonds: np.ndarray) -> np.ndarray:
        reach, species = reach_of(expansion, lengths(atoms, bonds).max()), expansion.species(atoms)
        binned = space.sort(atoms, species, reach)
        out = np.zeros((len(bonds), 2, len(expansion.elements), 4), complex)
        moments_of(binned, np.argsort(binned.order), bonds, reach, 4.6, out)
        return out.reshape(len(bonds), size).view(float)

    return each_cell(data, 2 * size, of).view(complex).reshape(len(data.bonds), 2, -1)


@njit(cache=True)
def moments_of(
    bins: space.Bins, places_of: np.ndarray, bonds: np.ndarray, reach: float, cutoff: float, out: np.ndarray
) -> None:
    """Fill the moments of each bond."""
    near = space.room(2000)
    spacing = (cutoff - 1.4) / 3
    for row in range(len(bonds)):
        place, other = places_of[bonds[row, 0]], places_of[bonds[row, 1]]
        n, near = space.gather(bins, place, reach, near)
        vectors, shift = near.vectors, bonds[row, 2:] - bins.wraps[place] + bins.wraps[other]
        partner = find(near.places[:n], near.shifts[:n], other, shift)
        axis = vectors[partner] / np.sqrt((vectors[partner] ** 2).sum())
        first = np.cross(axis, np.array([1.0, 0, 0]) if abs(axis[0]) < 0.9 else np.array([0, 1.0, 0]))
        first /= np.sqrt((first**2).sum())
        second = np.cross(axis, first)
        for k in range(n):
            x = vectors[k] - 0.5 * vectors[partner]
            rho = np.sqrt((x**2).sum())
            if k == partner or rho >= cutoff:
                continue
            z = ((x * first).sum() + 1j * (x * second).sum()) / rho
            for g in range(4):
                width = (rho - 1.4 - g * spacing) / (0.8 * spacing)
                size = np.exp(-0.5 * width**2) * 0.5 * (1 + np.cos(np.pi * rho / cutoff))
                out[row, 0, near.species[k], g] += size * z
                out[row, 1, near.species[k], g] += size * z * z


def main() -> None:
    data, rows, best = read(PROFILE), [], None
    for label, (change, settings) in VARIANTS.items():
        expansion = replace(data.expansion, **change)
        features = data.features if expansion == data.expansion else described(data, expansion)
        estimates = folds(data, expansion, features, settings)
        best = estimates if "default" in label else best
        rows += errors(label, estimates)
        print(pd.DataFrame(rows[-15:]).pivot_table("ratio", "type", "left_out").round(3), label)
    more = {
        "default + products of 20 components": products(data, data.expansion, data.features, 20),
        "default + four-body moments": four_body(all_moments(data, data.expansion), data),
    }
    for label, columns in more.items():
        rows += errors(label, corrected(best, columns))
        print(pd.DataFrame(rows[-15:]).pivot_table("ratio", "type", "left_out").round(3), label)
    write_csv(OUT / "bond_model_tried.csv", pd.DataFrame(rows).round(4))


if __name__ == "__main__":
    main()
