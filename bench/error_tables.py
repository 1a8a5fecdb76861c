"""Tables and figure of the error budget, from data_examples/error_budget: python bench/error_tables.py.

- error_budget.csv: what each setting of the labels changes, by cell and bond type. error_budget_figure.png
  draws it beside the error of the default model.
- error_model.csv: the model against labels at Γ and against labels on the mesh, cell by cell.
- error_training.csv: the model trained on two of the three cells only, with the labels at Γ or on the mesh,
  against both labels of the third.
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
from matplotlib.figure import Figure

from getl_utils.core import cells
from getl_utils.core.record import write_csv
from getl_utils.models import agreement, linear
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.views import style

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
MESH, FEWEST = "k mesh 2×2×2", 100
DRAWN = ("tolerances / 10", "grid 0.22 Å", MESH)
LABELS = {"strength": "Γ", "strength_mesh": "2×2×2"}
MODEL = {"error": "model against Γ", "error_mesh": "model against 2×2×2"}


Labels = dict[tuple[str, str], pd.DataFrame]


def labels() -> Labels:
    """(cell, variant) → bonds with `type` and `strength`; "published" are the labels of the data set at Γ."""
    found = {}
    for (case, variant), part in dft_cells.unpack(FOLDER).groupby(["case", "variant"]):
        found[case, variant] = zrcual.typed(part, structure(case))
        path = zrcual.GAMMA / "labels" / case / "1" / "0" / "ICOHPLIST.lobster"
        if path.exists():
            found[case, "published"] = zrcual.typed(agreement.read(path, structure(case)), structure(case))
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
        change = part.strength_other - part.strength
        left = part.strength_other - np.polyval(line, part.strength)
        rows.append(
            {"type": name, "bonds": len(part), "rms": zrcual.rms(change), "largest": change.abs().max(),
             "slope": line[0], "after_line": zrcual.rms(left)}
        )  # fmt: skip
    return pd.DataFrame(rows)


def budget(found: Labels) -> pd.DataFrame:
    """Every change of every cell in which it was made."""
    parts = []
    for name, (reference, other) in CHANGES.items():
        for case in dict.fromkeys(case for case, _ in found):
            if (case, reference) in found and (case, other) in found:
                part = changed(found[case, reference], found[case, other])
                parts.append(part.assign(change=name, cell=case))
    return pd.concat(parts)[["change", "cell", "type", "bonds", "rms", "largest", "slope", "after_line"]]


def both_labels(found: Labels, case: str) -> pd.DataFrame:
    """Bonds of a cell with `strength` at Γ and `strength_mesh`, if the cell was labelled on the mesh."""
    gamma = found[case, "tight" if (case, "tight") in found else "gamma"]
    if (case, "shifted") not in found:
        return gamma.assign(strength_mesh=np.nan, cell=case)
    mesh = found[case, "shifted"][[*zrcual.BOND, "strength"]]
    return gamma.merge(mesh, on=zrcual.BOND, suffixes=("", "_mesh")).assign(cell=case)


def against_model(found: Labels) -> pd.DataFrame:
    """Error of the default model, trained without the cell's composition, against both labels of a cell."""
    bonds, expansion, rows = zrcual.table(), BondExpansion(zrcual.elements()), []
    described = zrcual.features(expansion, bonds)
    for case in dict.fromkeys(case for case, _ in found):
        atoms, both = structure(case), both_labels(found, case)
        model = zrcual.train(
            expansion, bonds, described, (bonds.composition != composition(atoms)).to_numpy()
        )
        own = describe(expansion, atoms, both[zrcual.BOND].to_numpy(int))
        estimate, noise = zrcual.estimate(model, own, both), both.strength_mesh - both.strength
        both = both.assign(
            error=estimate - both.strength, error_mesh=estimate - both.strength_mesh, noise=noise
        )
        for name, part in both.groupby("type"):
            values = {column: zrcual.rms(part[column]) for column in ("error", "error_mesh", "noise")}
            values |= {
                "bonds": len(part),
                "mean_error": part.error.mean(),
                "correlation": part.error.corr(part.noise),
            }
            rows.append({"cell": case, "atoms": len(atoms), "type": name, **values})
    return pd.DataFrame(rows)


def composition(atoms: Atoms) -> str:
    """Composition of a cell, reduced to 100 atoms."""
    count = {e: atoms.get_chemical_symbols().count(e) * 100 // len(atoms) for e in zrcual.elements()}
    return "".join(f"{element}{number}" for element, number in count.items())


def training(found: Labels) -> pd.DataFrame:
    """Error on each cell of a model trained on the other two, by the labels learned and the labels tested."""
    expansion = BondExpansion(zrcual.elements())
    cases = [case for case in zrcual.table().composition.unique() if (case, "shifted") in found]
    bonds = pd.concat([both_labels(found, case) for case in cases], ignore_index=True)
    parts = [(case, bonds[bonds.cell == case][zrcual.BOND].to_numpy(int)) for case in cases]
    described = np.concatenate([describe(expansion, structure(case), pairs) for case, pairs in parts])
    squares = []
    for case, learned in itertools.product(cases, LABELS):
        keep = (bonds.cell != case).to_numpy()
        known, test = bonds[keep], bonds[~keep]
        groups = known.cell.to_numpy()
        fit = linear.fit(expansion, described[keep], known.distance, known[learned], known.type, groups)
        estimate = zrcual.estimate(fit.model, described[~keep], test)
        for label in LABELS:
            square = (estimate - test[label]) ** 2
            squares.append(test[["type"]].assign(learned=LABELS[learned], label=LABELS[label], square=square))
    table = pd.concat(squares).dropna().groupby(["type", "learned", "label"]).square
    table = table.agg(bonds="size", rmse=lambda square: np.sqrt(square.mean())).reset_index()
    return table[table.bonds >= FEWEST]


def pooled(table: pd.DataFrame, column: str) -> pd.Series:
    """RMS over cells, weighted by bonds, per type."""
    sums = table.assign(square=table.bonds * table[column] ** 2).groupby("type")[["square", "bonds"]].sum()
    return np.sqrt(sums.square / sums.bonds)


def figure(table: pd.DataFrame, model: pd.DataFrame) -> tuple[Figure, pd.DataFrame]:
    """Bars per bond type: the changes, then the error of the model against both labels."""
    model = model[model.cell.isin(table.cell[table.change == MESH])].dropna()
    columns = {
        name: pooled(table[table.change == name], "rms") for name in DRAWN if (table.change == name).any()
    }
    columns |= {name: pooled(model, column) for column, name in MODEL.items()}
    numbers = pd.DataFrame(columns).dropna().sort_values(MESH, ascending=False)
    drawing, (axes,) = style.axes(1, width=6.4)
    numbers.plot.bar(ax=axes, width=0.8, rot=0)
    axes.set(ylabel="RMS of −ICOHP (eV)", xlabel="")
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return drawing, numbers.reset_index()


def main() -> None:
    """Write all."""
    found = labels()
    table, model = budget(found), against_model(found)
    drawing, numbers = figure(table, model)
    style.save(drawing, numbers.round(4), OUT / "error_budget_figure")
    write_csv(OUT / "error_budget.csv", table.round(5))
    write_csv(OUT / "error_model.csv", model.round(4))
    write_csv(OUT / "error_training.csv", training(found).round(4))
    print(table.round(4).to_string(), model.round(4).to_string(), numbers.round(4).to_string(), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
