"""Are a few labels on a mesh worth more than many at Γ? python bench/mesh.py (a minute).

data_examples/zrcual_mesh has some cells of zrcual, labelled again with bands on a 2×2×2 mesh. Each
composition is left out in turn. The default model learns from the others: from all labels at Γ, from
those of the same cells at Γ, from those on the mesh, or from all, on the mesh where there is one. Writes
data_examples/validation/mesh.csv: RMSE (eV) against both labels of the composition that was left out, on
the cells that have both, and its ratio to the distance alone.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import zrcual

from getl_utils.core.record import atomic_write
from getl_utils.models import gp
from getl_utils.models.bond_expansion import BondExpansion

MESH, OUT = Path("data_examples/zrcual_mesh"), Path("data_examples/validation/mesh.csv")
CELL = ["composition", "run", "sub_run"]
FEWEST = 20  # bonds that judge an error


def both() -> pd.DataFrame:
    """Bonds of zrcual, −ICOHP at Γ (`gamma`) and on the mesh (`mesh`, NaN where there is no such label)."""
    parts = []
    for path in sorted((MESH / "labels").glob("*/*/*/bonds.parquet")):
        composition, run, sub_run = path.parts[-4:-1]
        found = pd.read_parquet(path)[[*zrcual.BOND, "icohp"]]
        parts.append(found.assign(composition=composition, run=int(run), sub_run=int(sub_run)))
    mesh = pd.concat(parts).assign(mesh=lambda b: -b.icohp).drop(columns="icohp")
    bonds = zrcual.table().rename(columns={"strength": "gamma"})
    joined = bonds.merge(mesh, on=[*CELL, *zrcual.BOND], how="left", validate="one_to_one")
    if joined.mesh.notna().sum() != len(mesh):
        raise ValueError("labels of one cell at Γ and on the mesh do not have the same bonds")
    return joined


def main() -> None:
    """Train, predict, write one row per composition, training set and bond type."""
    bonds, expansion, rows = both(), BondExpansion(zrcual.elements()), []
    described, labelled = zrcual.features(expansion, bonds), bonds.mesh.notna()
    bonds["best"] = bonds.mesh.fillna(bonds.gamma)
    print(f"{len(bonds[labelled].groupby(CELL))} cells on the mesh")
    for out in sorted(bonds.composition.unique()):
        other, test = bonds.composition != out, labelled & (bonds.composition == out)
        for learned, source, keep in (
            ("all at Γ", "gamma", other),
            ("the same cells at Γ", "gamma", other & labelled),
            ("on the mesh", "mesh", other & labelled),
            ("all, on the mesh where it is", "best", other),
        ):
            named = bonds.assign(strength=bonds[source])
            trained = zrcual.train(expansion, named, described, keep.to_numpy())
            for name in trained.types:
                part, past = bonds[test & (bonds.type == name)], named[keep & (named.type == name)]
                if len(part) < FEWEST:
                    continue
                found = trained.evaluate(name, described[part.index], part.distance.to_numpy()).mean
                curve = gp.fit_curve(past.distance.to_numpy(), past.strength.to_numpy())
                alone = zrcual.rms(part.mesh - curve.predict(part.distance.to_numpy()))
                rows.append(
                    {
                        "left_out": out, "learned_from": learned, "type": name, "n_train": len(past),
                        "n_test": len(part), "rmse_mesh": zrcual.rms(part.mesh - found),
                        "rmse_gamma": zrcual.rms(part.gamma - found), "distance_alone": alone,
                        "ratio": zrcual.rms(part.mesh - found) / alone,
                    }
                )  # fmt: skip
    table = pd.DataFrame(rows)
    with atomic_write(OUT) as temporary:
        table.to_csv(temporary, index=False, float_format="%.4f")
    values = ["rmse_mesh", "ratio"]
    shown = table.pivot_table(index=["type", "left_out"], columns="learned_from", values=values)
    print(shown.round(3).to_string())


if __name__ == "__main__":
    main()
