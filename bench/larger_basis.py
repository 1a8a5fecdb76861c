"""What the larger basis changes in the shipped labels, and what a model would gain by it.

    python bench/larger_basis.py

The cells of data_examples/zrcual_tzp are labelled twice: with the bands in the basis of the density, as all
shipped labels, and in tzp. Writes data_examples/validation/larger_basis.csv: per type and projection the
change of −ICOHP (eV), and what of it a model of the change misses in quenches that it has not seen. And
larger_basis_run21.csv: models of projection lobster on the published run 21, of which none has seen a value
of LOBSTER, learned from these cells in either basis, from all shipped cells, and from all with the change
that was learned from these cells added. Two minutes.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import other_alloy
import pandas as pd
import zrcual
from zrcual import BOND, rms

from getl_utils.core.record import write_csv
from getl_utils.models.agreement import agreement
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.models.linear import LinearModel

TZP, OUT = Path("data_examples/zrcual_tzp"), Path("data_examples/validation")
CELL = ["composition", "run", "sub_run"]
FEWEST = 20  # bonds that judge an error


def change(projection: str) -> pd.DataFrame:
    """Bonds of both labels: `strength` in tzp, `small` in the small basis, `change` (eV)."""
    new, old = zrcual.table(TZP, projection), zrcual.whole(projection)
    both = new.merge(old[[*CELL, *BOND, "strength"]].rename(columns={"strength": "small"}), on=[*CELL, *BOND])
    assert len(both) == len(new)
    return both.assign(change=both.strength - both.small)


def learned(bonds: pd.DataFrame, described: np.ndarray, keep: np.ndarray | None = None) -> LinearModel:
    """The default model of all bonds, or of those to keep."""
    keep = np.ones(len(bonds), bool) if keep is None else keep
    return zrcual.train(BondExpansion(zrcual.elements()), bonds, described, keep)


def missed(bonds: pd.DataFrame, described: np.ndarray) -> np.ndarray:
    """What models of the change miss of each bond, each quench left out in turn (eV)."""
    quench, rest = bonds.composition + "/" + bonds.run.astype(str), np.full(len(bonds), np.nan)
    target = bonds.assign(strength=bonds.change)
    for one in quench.unique():
        out = (quench == one).to_numpy()
        found = zrcual.estimate(learned(target, described, ~out), described[out], target[out])
        rest[out] = target.strength[out] - found
    return rest


def main() -> None:
    """Write both tables."""
    expansion, rows = BondExpansion(zrcual.elements()), []
    changes = {projection: change(projection) for projection in ("full", "lobster")}
    described = zrcual.features(expansion, changes["full"])
    for projection, bonds in changes.items():
        assert bonds[[*CELL, *BOND]].equals(changes["full"][[*CELL, *BOND]])  # so they are described alike
        rest = missed(bonds, described)
        for name, part in bonds.groupby("type", sort=False):
            facts = {"projection": projection, "type": name, "bonds": len(part)}
            facts |= {"rms": rms(part.change), "mean": part.change.mean()}
            rows.append(facts | {"rms_left": rms(pd.Series(rest[part.index]).dropna())})
    write_csv(OUT / "larger_basis.csv", pd.DataFrame(rows).round(4))
    print(pd.DataFrame(rows).round(4).to_string(index=False), flush=True)
    every = zrcual.whole("lobster")
    models = {
        "these cells, small basis": [learned(bonds.assign(strength=bonds.small), described)],
        "these cells, tzp": [learned(bonds, described)],
        "all cells, small basis": [learned(every, zrcual.features(expansion, every))],
    }
    models["all cells, and the change"] = [
        *models["all cells, small basis"], learned(bonds.assign(strength=bonds.change), described)
    ]  # fmt: skip
    write_csv(OUT / "larger_basis_run21.csv", on_run_21(models, expansion).round(4))


def on_run_21(models: dict[str, list[LinearModel]], expansion: BondExpansion) -> pd.DataFrame:
    """Errors of sums of models against LOBSTER's values, a row per model and type (eV)."""
    cells = [(atoms, zrcual.typed(labels, atoms)) for _, atoms, labels in other_alloy.run_21()]
    described = np.concatenate([describe(expansion, a, b[BOND].to_numpy(int)) for a, b in cells])
    bonds, rows = pd.concat([b for _, b in cells], ignore_index=True), []
    for name, parts in models.items():
        predicted = sum(zrcual.estimate(part, described, bonds) for part in parts)
        for kind, part in bonds.assign(predicted=predicted).dropna().groupby("type", sort=False):
            if len(part) >= FEWEST:
                facts = {"model": name, "type": kind, "mean_error": (part.strength - part.predicted).mean()}
                rows.append(facts | agreement(part.predicted, part.strength))
    table = pd.DataFrame(rows).rename(columns={"n": "bonds", "rmse_after_map": "after_line"})
    table = table[["model", "type", "bonds", "rmse", "mean_error", "slope", "after_line"]]
    print(table.round(4).to_string(index=False))
    return table


if __name__ == "__main__":
    main()
