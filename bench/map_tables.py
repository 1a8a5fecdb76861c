"""Tables of the map test, from data_examples/map_test: python bench/map_tables.py (a minute).

- map_test.csv: one bond for each row of paths.csv, place of the neighbour (ρ, θ) before and after, predicted
  and computed change of −ICOHP. map_test.png draws it.
- map_test_cells.csv: the same for all bonds of the cell that see the neighbour, by type. Bonds of the
  neighbour itself are left out.

The model is trained without the quench of the cell.
"""

from __future__ import annotations

import sys
from pathlib import Path

import dft_cells
import map_test
import numpy as np
import pandas as pd
import zrcual
from ase import Atoms
from matplotlib.figure import Figure

from getl_utils.core.record import write_csv
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.views import style

BASE, OUT = Path("data_examples/error_budget"), Path("data_examples/validation")
FEWEST = 6  # bonds of a type in a cell
TITLES = {"computed_gamma": "labels at Γ", "computed_mesh": "labels on 2×2×2"}
COMPUTED = {"gamma": "computed_gamma", "shifted": "computed_mesh"}


def place(atoms: Atoms, bond: np.ndarray, atom: int) -> tuple[float, float]:
    """ρ (Å) from the middle of the bond to the nearest image of the atom, and θ (°) to its axis."""
    i, j, *shift = bond
    axis = atoms.positions[j] - atoms.positions[i] + np.asarray(shift) @ atoms.cell.array
    images = np.array(np.meshgrid(*[range(-2, 3)] * 3)).reshape(3, -1).T @ atoms.cell.array
    away = atoms.positions[atom] + images - atoms.positions[i] - axis / 2
    nearest = away[np.linalg.norm(away, axis=1).argmin()]
    rho = np.linalg.norm(nearest)
    return float(rho), float(np.degrees(np.arccos(axis @ nearest / rho / np.linalg.norm(axis))))


def changes(
    row: pd.Series, labels: dict[tuple[str, str], pd.DataFrame], model: object, expansion: BondExpansion
) -> pd.DataFrame:
    """Bonds of the cell without those of the neighbour: predicted and computed changes (eV)."""
    before, after = map_test.original(row.composition), map_test.perturbed(row)
    table = zrcual.typed(labels[row.composition, "gamma"], before)
    table = table[(table.i != row.atom) & (table.j != row.atom)].reset_index(drop=True)
    bonds = table[zrcual.BOND].to_numpy(int)
    estimates = [
        zrcual.estimate(model, describe(expansion, atoms, bonds), table) for atoms in (before, after)
    ]
    table["predicted"] = estimates[1] - estimates[0]
    for variant, column in COMPUTED.items():
        if (row["name"], variant) in labels:
            values = [
                labels[key, variant].set_index(zrcual.BOND).icohp for key in (row.composition, row["name"])
            ]
            key = pd.MultiIndex.from_frame(table[zrcual.BOND])
            table[column] = values[0].reindex(key).to_numpy() - values[1].reindex(key).to_numpy()
    return table.assign(name=row["name"])


def chosen(row: pd.Series, table: pd.DataFrame) -> dict[str, object]:
    """The bond of the row."""
    bond = row[zrcual.BOND].to_numpy(int)
    mine = table[(table[zrcual.BOND] == bond).all(axis=1)].iloc[0]
    found = {"name": row["name"], "cell": row.composition, "type": mine.type, "distance": mine.distance}
    for atoms, when in ((map_test.original(row.composition), ""), (map_test.perturbed(row), "_after")):
        rho, theta = place(atoms, bond, row.atom)
        found |= {f"element{when}": atoms.symbols[row.atom], f"rho{when}": rho, f"theta{when}": theta}
    computed = {column: mine.get(column, np.nan) for column in COMPUTED.values()}
    return found | {"strength": mine.strength, "predicted": mine.predicted, **computed}


def agreement(table: pd.DataFrame) -> pd.DataFrame:
    """Per perturbed cell and type: size of the changes, error of the prediction, slope and correlation."""
    rows = []
    seen = table[table.predicted.abs() > 0]
    for (name, kind), part in [
        *seen.groupby(["name", "type"]),
        *seen.assign(name="all").groupby(["name", "type"]),
    ]:
        for column in [column for column in COMPUTED.values() if column in part]:
            both = part[["predicted", column]].dropna()
            if len(both) >= FEWEST:
                change, error = both[column], both.predicted - both[column]
                slope = (both.predicted * change).sum() / (both.predicted**2).sum()
                rows.append(
                    {"name": name, "type": kind, "label": column, "bonds": len(both),
                     "rms_change": zrcual.rms(change), "rms_error": zrcual.rms(error), "slope": slope,
                     "correlation": both.predicted.corr(change)}
                )  # fmt: skip
    return pd.DataFrame(rows)


def figure(table: pd.DataFrame, bonds: pd.DataFrame) -> Figure:
    """Predicted against computed change: the chosen bonds large, all bonds that see the neighbour small."""
    columns, seen = [column for column in TITLES if column in table], table[table.predicted.abs() > 0]
    drawing, panels = style.axes(len(columns))
    for panel, column in zip(panels, columns, strict=True):
        panel.plot(seen[column], seen.predicted, ".", ms=2, alpha=0.3, color="0.5", rasterized=True)
        for name, part in bonds.groupby("type"):
            panel.plot(part[column], part.predicted, "o", label=name)
        ends = [bonds.predicted.min() - 0.1, bonds.predicted.max() + 0.1]
        panel.plot(ends, ends, "k-", lw=0.5)
        panel.set(
            xlabel="computed change of −ICOHP (eV)", ylabel="predicted change (eV)", title=TITLES[column]
        )
        panel.legend()
    return drawing


def main() -> None:
    """Predict, compare, write."""
    both = pd.concat([dft_cells.unpack(BASE), dft_cells.unpack(map_test.FOLDER)])
    labels = dict(iter(both.groupby(["case", "variant"])))
    data, expansion, tables, rows, models = zrcual.table(), BondExpansion(zrcual.elements()), [], [], {}
    described = zrcual.features(expansion, data)
    paths = map_test.paths()
    for _, row in paths[paths.name.isin(both.case)].iterrows():
        if row.composition not in models:
            keep = ~((data.composition == row.composition) & (data.run == 1)).to_numpy()
            models[row.composition] = zrcual.train(expansion, data, described, keep)
        tables.append(changes(row, labels, models[row.composition], expansion))
        rows.append(chosen(row, tables[-1]))
    bonds, table = pd.DataFrame(rows), pd.concat(tables, ignore_index=True)
    style.save(figure(table, bonds), bonds.round(4), OUT / "map_test")
    cells = agreement(table)
    write_csv(OUT / "map_test_cells.csv", cells.round(4))
    print(bonds.round(3).to_string(), cells.round(3).to_string(), sep="\n")


if __name__ == "__main__":
    sys.exit(main())
