"""The labelled cells of Zr–Cu–Al as one table, and the default model trained on some of them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core import cells, parameters
from getl_utils.core.record import read_json
from getl_utils.models import agreement, linear
from getl_utils.models.bond_expansion import BondExpansion, describe
from getl_utils.models.linear_fit import Z90

DATA, PARAMETERS = Path("data_examples/zrcual"), "parameters/workstation.yaml"
GAMMA = Path("data_examples/zrcual_gamma")  # labels of the same cells with bands at Γ only
LATER = [Path(f"data_examples/zrcual_{name}") for name in ("wide", "middle", "hot")]  # other compositions
BOND = ["i", "j", "tx", "ty", "tz"]


@cache
def elements() -> tuple[str, ...]:
    """The elements in the order that names the bond types."""
    return tuple(parameters.read(PARAMETERS)["elements"])


def cell(composition: str, run: int, sub_run: int) -> Atoms:
    """One cell of any of the data sets."""
    place = Path("cells") / composition / str(run) / f"{sub_run}.xyz"
    return cells.read(next(data / place for data in (DATA, *LATER) if (data / place).exists()))


def typed(bonds: pd.DataFrame, atoms: Atoms) -> pd.DataFrame:
    """Bonds (i, j, T, distance, icohp) with `type` and `strength` (−ICOHP, eV)."""
    number = {e: n for n, e in enumerate(elements())}
    species = np.array([number[s] for s in atoms.get_chemical_symbols()])
    pair = np.sort(species[bonds[["i", "j"]].to_numpy(int)], axis=1)
    names = [f"{elements()[a]}-{elements()[b]}" for a, b in pair]
    return bonds[[*BOND, "distance"]].assign(type=names, strength=-bonds.icohp)


def values(folder: Path, atoms: Atoms, projection: str) -> pd.DataFrame:
    """Bonds of one label with the ICOHP (eV) of a projection; lists of five decimals are `full`."""
    if not (folder / "bonds.parquet").exists():
        return agreement.read(folder / "ICOHPLIST.lobster", atoms)
    bonds = pd.read_parquet(folder / "bonds.parquet")
    return bonds.assign(icohp=bonds[f"icohp_{projection}"])


def table(data: Path = DATA, projection: str = "full") -> pd.DataFrame:
    """All labelled bonds of a data set on these cells: cell, i, j, T, distance (Å), type, strength (eV).

    `fermi` is the Fermi level of the cell, eV.
    """
    parts = []
    for path in sorted((data / "labels").glob("*/*/*/label.json")):
        composition, run, sub_run = path.parts[-4:-1]
        atoms, fermi = cell(composition, int(run), int(sub_run)), read_json(path)["fermi_level"]
        bonds = typed(values(path.parent, atoms, projection), atoms)
        parts.append(bonds.assign(composition=composition, run=int(run), sub_run=int(sub_run), fermi=fermi))
    return pd.concat(parts, ignore_index=True)


def whole(projection: str = "full") -> pd.DataFrame:
    """All labelled bonds of all data sets, with `data`, the name of the set."""
    parts = [table(place, projection).assign(data=place.name) for place in (DATA, *LATER)]
    return pd.concat(parts, ignore_index=True)


def features(expansion: BondExpansion, bonds: pd.DataFrame) -> np.ndarray:
    """Features of the bonds of `table`, one row each."""
    out = np.empty((len(bonds), expansion.n_features))
    for key, part in bonds.groupby(["composition", "run", "sub_run"]):
        out[bonds.index.get_indexer(part.index)] = describe(expansion, cell(*key), part[BOND].to_numpy(int))
    return out


def train(
    expansion: BondExpansion, bonds: pd.DataFrame, described: np.ndarray, keep: np.ndarray
) -> linear.LinearModel:
    """Train the default model on the bonds where `keep` is true; left-out quenches choose its priors."""
    part = bonds[keep]
    groups = (part.composition + "/" + part.run.astype(str)).to_numpy()
    return linear.fit(expansion, described[keep], part.distance, part.strength, part.type, groups).model


def rms(values: pd.Series) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(values**2)))


def held(error: np.ndarray, sigma: np.ndarray) -> float:
    """Share of the labels that lie in their 90 % intervals; both in eV."""
    return float(np.mean(np.abs(error) < Z90 * sigma))


def estimate(model: linear.LinearModel, described: np.ndarray, bonds: pd.DataFrame) -> np.ndarray:
    """−ICOHP (eV) of described bonds, NaN where the model has no such type."""
    out = np.full(len(bonds), np.nan)
    for name in model.types:
        mine = (bonds.type == name).to_numpy()
        if mine.any():
            out[mine] = model.evaluate(name, described[mine], bonds.distance[mine].to_numpy()).mean
    return out
