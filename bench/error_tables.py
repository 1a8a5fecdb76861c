"""Tables and figure of the error budget, from data_examples/error_budget: python bench/error_tables.py (a minute).

error_budget.csv and error_budget.png: what each setting of the labels changes, by bond type, beside the error of the default
model. error_model.csv: the model against labels at Γ and against labels on the mesh, cell by cell. error_training.csv: the
model trained on two of the three cells only, with the labels at Γ or on the mesh, against both labels of the third.
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import dft_cells
import numpy as np
import pandas as pd
import zrcual
from ase import Atoms
from getl_utils.layout import write_csv

from getl_utils import cells, comparison, figures
from getl_utils.models import linear
from getl_utils.models.bond_expansion import BondExpansion, describe

FOLDER, OUT = Path("data_examples/error_budget"), Path("data_examples/validation")
CHANGES = {  # what is changed: from, to
    "computed again": ("published", "gamma"),
    "tolerances / 10": ("gamma", "tight"),
    "grid 0.22 Å": ("gamma", "fine_grid"),
    "k mesh 2×2×2": ("tight", "shifted"),
    "k mesh 3×3×3": ("shifted", "denser"),
    "one k point for four": ("shifted", "one_point"),
    "density of the mesh": ("shifted", "mesh"),
}
DRAWN = ("tolerances / 10", "grid 0.22 Å", "k mesh 2×2×2")
LABELS = {"strength": "Γ", "strength_mesh": "2×2×2"}
MODEL = {"error": "model against Γ", "error_mesh": "model against 2×2×2"}


def labels() -> dict[tuple[str, str], pd.DataFrame]:
    """Cell and variant → its bonds, with `type` and `strength`; the labels of the data set are the variant "published"."""
    found = {}
    for (case, variant), part in dft_cells.unpack(FOLDER).groupby(["case", "variant"]):
        found[case, variant] = zrcual.typed(part, structure(case))
        path = zrcual.DATA / "labels" / case / "1" / "0" / "ICOHPLIST.lobster"
        if path.exists():
            found[case, "published"] = zrcual.typed(comparison.read(path, structure(case)), structure(case))
    return found


def structure(case: str) -> Atoms:
    """A cell of the data set, or a glass of this study."""
    path = FOLDER / f"{case}.xyz"
    return cells.read(path) if path.exists() else zrcual.cell(case, 1, 0)


def changed(reference: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Per type: RMS and largest change of −ICOHP (eV), slope and what is left after a straight line (eV)."""
    both = reference.merge(other[[*zrcual.BOND, "strength"]], on=zrcual.BOND, suffixes=("", "_other"))
    rows = []
    for name, part in both.groupby("type"):
        line = np.polyfit(part.strength, part.strength_other, 1)
        change, left = (
            part.strength_other - part.strength,
            part.strength_other - np.polyval(line, part.strength),
        )
        rows.append({"type": name, "bonds": len(part), "rms": rms(change), "largest": change.abs().max(), "slope": line[0],
                     "after_line": rms(left)})  # fmt: skip
    return pd.DataFrame(rows)


def rms(values: pd.Series) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def budget(found: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Every change of every cell in which it was made."""
    parts = []
    for name, (reference, other) in CHANGES.items():
        for case in dict.fromkeys(case for case, _ in found):
            if (case, reference) in found and (case, other) in found:
                parts.append(
                    changed(found[case, reference], found[case, other]).assign(change=name, cell=case)
                )
    return pd.concat(parts)[["change", "cell", "type", "bonds", "rms", "largest", "slope", "after_line"]]


def both_labels(found: dict[tuple[str, str], pd.DataFrame], case: str) -> pd.DataFrame:
    """Bonds of a cell with their `strength` at Γ and on the mesh."""
    gamma = found[case, "tight" if (case, "tight") in found else "gamma"]
    mesh = found[case, "shifted"][[*zrcual.BOND, "strength"]]
    return gamma.merge(mesh, on=zrcual.BOND, suffixes=("", "_mesh")).assign(cell=case)


def against_model(found: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Error of the default model, trained without the cell's composition, against both labels of each cell."""
    bonds, expansion, rows = zrcual.table(), BondExpansion(zrcual.elements()), []
    described = zrcual.features(expansion, bonds)
    for case in dict.fromkeys(case for case, variant in found if variant == "shifted"):
        model = zrcual.train(expansion, bonds, described, (bonds.composition != case).to_numpy())
        both, atoms = both_labels(found, case), structure(case)
        both["estimate"] = zrcual.estimate(
            model, describe(expansion, atoms, both[zrcual.BOND].to_numpy(int)), both
        )
        both = both.assign(error=both.estimate - both.strength, error_mesh=both.estimate - both.strength_mesh,
                           noise=both.strength_mesh - both.strength)  # fmt: skip
        for name, part in both.dropna().groupby("type"):
            values = {column: rms(part[column]) for column in ("error", "error_mesh", "noise")}
            values |= {"bonds": len(part), "correlation": part.error.corr(part.noise)}
            rows.append({"cell": case, "atoms": len(atoms), "type": name, **values})
    return pd.DataFrame(rows)


def training(found: dict[tuple[str, str], pd.DataFrame]) -> pd.DataFrame:
    """Error on each cell of a model trained on the other two, by the labels learned from and the labels tested against."""
    expansion = BondExpansion(zrcual.elements())
    parts = [
        both_labels(found, case) for case in zrcual.table().composition.unique() if (case, "shifted") in found
    ]
    bonds = pd.concat(parts, ignore_index=True)
    described = np.concatenate(
        [describe(expansion, structure(p.cell[0]), p[zrcual.BOND].to_numpy(int)) for p in parts]
    )
    rows = []
    for case, learned in itertools.product(bonds.cell.unique(), LABELS):
        keep = (bonds.cell != case).to_numpy()
        train = bonds[keep]
        fit = linear.fit(
            expansion, described[keep], train.distance, train[learned], train.type, train.cell.to_numpy()
        )
        test = bonds[~keep].assign(estimate=zrcual.estimate(fit.model, described[~keep], bonds[~keep]))
        rows += [test.assign(learned=LABELS[learned], label=LABELS[label], square=(test.estimate - test[label]) ** 2)
                 for label in LABELS]  # fmt: skip
    table = (
        pd.concat(rows)
        .dropna()
        .groupby(["type", "learned", "label"])
        .square.agg(["size", "mean"])
        .reset_index()
    )
    return (
        table.assign(rmse=table["mean"] ** 0.5)
        .rename(columns={"size": "bonds"})
        .drop(columns="mean")
        .query("bonds >= 100")
    )


def pooled(table: pd.DataFrame, column: str) -> pd.Series:
    """RMS over cells, weighted by bonds, per type."""
    sums = table.assign(square=table.bonds * table[column] ** 2).groupby("type")[["square", "bonds"]].sum()
    return np.sqrt(sums.square / sums.bonds)


def figure(table: pd.DataFrame, model: pd.DataFrame) -> tuple[figures.Figure, pd.DataFrame]:
    """Bars per bond type: the changes, then the error of the model against both labels."""
    model = model[
        model.cell.isin(table.cell[table.change == DRAWN[-1]]) & model.cell.isin(zrcual.table().composition)
    ]
    columns = {
        name: pooled(table[table.change == name], "rms") for name in DRAWN if (table.change == name).any()
    }
    columns |= {name: pooled(model, column) for column, name in MODEL.items()}
    numbers = pd.DataFrame(columns).dropna().sort_values(DRAWN[-1], ascending=False)
    drawing, (axes,) = figures.axes(1, width=6.4)
    numbers.plot.bar(ax=axes, width=0.8, rot=0)
    axes.set(ylabel="RMS of −ICOHP (eV)", xlabel="")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return drawing, numbers.reset_index()


def main() -> None:
    """Write all."""
    found = labels()
    table, model = budget(found), against_model(found)
    drawing, numbers = figure(table, model)
    figures.save(drawing, numbers.round(4), OUT / "error_budget_figure")
    write_csv(OUT / "error_budget.csv", table.round(5))
    write_csv(OUT / "error_model.csv", model.round(4))
    write_csv(OUT / "error_training.csv", training(found).round(4))
    print(table.round(4).to_string(), model.round(4).to_string(), numbers.round(4).to_string(), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
