"""What the residuals of the default model depend on: python bench/error_residuals.py (minutes of one core).

Every composition is left out in turn. What is tried: the range of the expansion, its size, products of its
numbers (many-body terms), and a constant for each cell, which is the most that any number of a cell, such as
its Fermi level, can explain. Writes data_examples/validation/error_residuals.csv.
"""

from __future__ import annotations

import sys

import numpy as np
import pandas as pd
import zrcual

from getl_utils.core.record import write_csv
from getl_utils.models.bond_expansion import BondExpansion, flip

OUT = "data_examples/validation/error_residuals.csv"
FEWEST = 100  # bonds of a type in every composition; rarer types are left out
EXPANSIONS = {  # cutoff (Å), radial functions, largest l
    "default": (), "cutoff 4 Å": (4.0, 5, 5), "cutoff 5 Å": (5.0, 6, 5), "cutoff 7 Å": (7.0, 9, 5),
    "more numbers": (6.0, 9, 8),
}  # fmt: skip
N_COMPONENTS, RIDGES = 14, 10.0 ** np.arange(-1, 5)


def left_out(expansion: BondExpansion, bonds: pd.DataFrame, described: np.ndarray) -> np.ndarray:
    """Error (estimate − label, eV) of each bond by the model that has not seen its composition."""
    error = np.empty(len(bonds))
    for composition in bonds.composition.unique():
        test = (bonds.composition == composition).to_numpy()
        model = zrcual.train(expansion, bonds, described, ~test)
        error[test] = zrcual.estimate(model, described[test], bonds[test]) - bonds.strength[test]
    return error


def by_cell(bonds: pd.DataFrame, error: np.ndarray) -> pd.DataFrame:
    """Per type: the error without the mean of each cell, and the correlation of that mean with E_F."""
    rows = []
    for name, part in bonds.assign(error=error).groupby("type"):
        groups = part.groupby(["composition", "run", "sub_run"])
        mean = groups[["error", "fermi"]].mean()
        inside = mean - mean.groupby("composition").transform("mean")
        left = part.error - groups.error.transform("mean")
        rows.append({"type": name, "rmse": zrcual.rms(left), "correlation": inside.error.corr(inside.fermi)})
    return pd.DataFrame(rows)


def products(described: np.ndarray, even: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Products of the leading components of the features; in bonds of like elements of the even ones only."""
    used = described[:, even]
    centred = (used - used[train].mean(axis=0)) / (used[train].std(axis=0) + 1e-9)
    z = centred @ np.linalg.eigh(centred[train].T @ centred[train])[1][:, -N_COMPONENTS:]
    a, b = np.triu_indices(N_COMPONENTS)
    out = z[:, a] * z[:, b]
    return (out - out[train].mean(axis=0)) / (out[train].std(axis=0) + 1e-9)


def many_body(
    expansion: BondExpansion, bonds: pd.DataFrame, described: np.ndarray, error: np.ndarray
) -> np.ndarray:
    """Errors after a ridge on products of features, learned from the errors of the other compositions."""
    out = error.copy()
    for name in bonds.type.unique():
        like = len(set(name.split("-"))) == 1
        even = flip(expansion) > 0 if like else np.ones(expansion.n_features, bool)
        mine = np.flatnonzero(bonds.type == name)
        composition = bonds.composition.to_numpy()[mine]
        for test in np.unique(composition):
            x = products(described[mine], even, composition != test)
            out[mine[composition == test]] -= _ridge(x, error[mine], composition, test)
    return out


def _ridge(x: np.ndarray, y: np.ndarray, group: np.ndarray, test: str) -> np.ndarray:
    """Correction for the group `test`; the strength of the ridge is the best between the other groups."""
    others = [g for g in np.unique(group) if g != test]

    def fitted(train: np.ndarray, to: np.ndarray, ridge: float) -> np.ndarray:
        a = x[train]
        return x[to] @ np.linalg.solve(a.T @ a + ridge * np.eye(x.shape[1]), a.T @ y[train])

    def score(ridge: float) -> float:
        return sum(
            np.sum((y[group == g] - fitted((group != g) & (group != test), group == g, ridge)) ** 2)
            for g in others
        )

    return fitted(group != test, group == test, min(RIDGES, key=score))


def by_type(variant: str, bonds: pd.DataFrame, error: np.ndarray) -> list[dict[str, object]]:
    """Root mean square error of each type."""
    parts = pd.Series(error).groupby(bonds.type)
    return [{"variant": variant, "type": name, "rmse": zrcual.rms(part)} for name, part in parts]


def main() -> None:
    """Try everything and write the table."""
    bonds = zrcual.table()
    number = pd.crosstab(bonds.type, bonds.composition).min(axis=1)
    bonds = bonds[bonds.type.map(number) >= FEWEST].reset_index(drop=True)
    rows = []
    for name, numbers in EXPANSIONS.items():
        expansion = BondExpansion(zrcual.elements(), *numbers)
        described = zrcual.features(expansion, bonds)
        error = left_out(expansion, bonds, described)
        rows += by_type(name, bonds, error)
        if not numbers:
            rows += by_type("products", bonds, many_body(expansion, bonds, described, error))
            rows += [
                {"variant": "mean of the cell", **row} for row in by_cell(bonds, error).to_dict("records")
            ]
    table = pd.DataFrame(rows)
    print(table.pivot_table(index="variant", columns="type", values="rmse").round(4).to_string())
    write_csv(OUT, table.rename(columns={"correlation": "correlation_with_fermi_level"}).round(4))


if __name__ == "__main__":
    sys.exit(main())
