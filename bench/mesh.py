"""What are labels on a mesh worth? python bench/mesh.py (a minute).

The cells of data_examples/zrcual have labels with bands on a 2×2×2 mesh, and data_examples/zrcual_gamma
has labels of the same cells at Γ. Each composition is left out in turn. The default model learns from the
others, once from each kind of label. Writes data_examples/validation/mesh.csv: RMSE (eV) against both kinds
of the composition that was left out, and its ratio to the distance alone, which learns from the same kind;
ratios are of errors against the mesh.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import zrcual

from getl_utils.core.record import write_csv
from getl_utils.models import gp
from getl_utils.models.bond_expansion import BondExpansion

OUT = Path("data_examples/validation/mesh.csv")
CELL = ["composition", "run", "sub_run"]
LEARNED = {"gamma": "at Γ", "strength": "on the mesh"}
FEWEST = 20  # bonds that judge an error


def both() -> pd.DataFrame:
    """Bonds with −ICOHP on the mesh (`strength`) and at Γ (`gamma`)."""
    key = [*CELL, *zrcual.BOND]
    gamma = zrcual.table(zrcual.GAMMA)[[*key, "strength"]].rename(columns={"strength": "gamma"})
    mesh = zrcual.table()
    joined = mesh.merge(gamma, on=key, validate="one_to_one")
    if not len(joined) == len(mesh) == len(gamma):
        raise ValueError("the labels at Γ and on the mesh do not have the same bonds")
    return joined


def main() -> None:
    """Train, predict, write one row per composition, kind of label and bond type."""
    bonds, expansion, rows = both(), BondExpansion(zrcual.elements()), []
    described = zrcual.features(expansion, bonds)
    for out in sorted(bonds.composition.unique()):
        other = bonds.composition != out
        for source, learned in LEARNED.items():
            named = bonds.assign(strength=bonds[source])
            trained = zrcual.train(expansion, named, described, other.to_numpy())
            for name in trained.types:
                part, past = bonds[~other & (bonds.type == name)], named[other & (named.type == name)]
                if len(part) < FEWEST:
                    continue
                found = trained.evaluate(name, described[part.index], part.distance.to_numpy()).mean
                curve = gp.fit_curve(past.distance.to_numpy(), past.strength.to_numpy())
                alone = zrcual.rms(part.strength - curve.predict(part.distance.to_numpy()))
                rows.append(
                    {
                        "left_out": out, "learned_from": learned, "type": name, "n_train": len(past),
                        "n_test": len(part), "rmse_mesh": zrcual.rms(part.strength - found),
                        "rmse_gamma": zrcual.rms(part.gamma - found), "distance_alone": alone,
                        "ratio": zrcual.rms(part.strength - found) / alone,
                    }
                )  # fmt: skip
    table = pd.DataFrame(rows)
    write_csv(OUT, table.round(4))
    values = ["rmse_mesh", "rmse_gamma", "ratio"]
    shown = table.pivot_table(index=["type", "left_out"], columns="learned_from", values=values)
    print(shown.round(3).to_string())


if __name__ == "__main__":
    main()
