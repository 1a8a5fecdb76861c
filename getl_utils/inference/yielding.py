"""One glass under load: what each atom was at rest, and what became of it at several strains."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.record import read_json
from getl_utils.inference import contest, displacements, exchange, predictor, surroundings, trajectory
from getl_utils.models.model import Model

ENERGY = "c_energy"  # compute pe/atom in the dump of an athermal loading, eV
BIN = 0.05  # eV, of the distribution of bond strengths


@dataclass(frozen=True)
class Glasses:
    """Independent glasses of one kind under load: the tables of ``bench/yielding.py``.

    Attributes
    ----------
    atoms : DataFrame
        One row an atom, as from `follow`, with glass and quench_rate (K/s).
    frames : DataFrame
        One row a frame, as from `follow`, with glass.
    stress : DataFrame
        glass, strain, stress (GPa).
    bonds : DataFrame
        Bonds counted by their strength, as from `follow`, with glass.
    made : dict
        How they were quenched and loaded: the parameters in the manifest.
    """

    atoms: pd.DataFrame
    frames: pd.DataFrame
    stress: pd.DataFrame
    bonds: pd.DataFrame
    made: dict


def read(folder: str | Path) -> Glasses:
    """Read the tables of glasses under load.

    Parameters
    ----------
    folder : str or Path
        Such as ``data_examples/yielding/cu64zr36``.

    Returns
    -------
    Glasses
        The tables.

    Raises
    ------
    FileNotFoundError
        A table or the manifest is not there.
    """
    folder = Path(folder)
    frames, stress, bonds = (pd.read_csv(folder / f"{name}.csv") for name in ("frames", "stress", "bonds"))
    made = read_json(folder / "manifest.json")["parameters"]
    return Glasses(pd.read_parquet(folder / "atoms.parquet"), frames, stress, bonds, made)


def icosahedra(atoms: pd.DataFrame, strains: Sequence[float], part: float = 0.05) -> pd.DataFrame:
    """Count icosahedra among the atoms that moved most and among the others, glass by glass.

    Parameters
    ----------
    atoms : DataFrame
        As from `follow`, with glass.
    strains : sequence of float
        Strains at which atoms were looked at; those with the largest D²min at the last are the ones that
        moved.
    part : float
        As for ``contest.largest``.

    Returns
    -------
    DataFrame
        glass, moved, strain, part (of the atoms that are the centres of an icosahedron).
    """
    last = f"d2min_{_percent(strains[-1])}"
    moved = atoms.groupby("glass")[last].transform(contest.largest, part=part).astype(bool).rename("moved")
    columns = {0.0: "icosahedron"} | {one: f"icosahedron_{_percent(one)}" for one in strains}
    tables = [
        atoms[column].groupby([atoms.glass, moved]).mean().rename("part").reset_index().assign(strain=strain)
        for strain, column in columns.items()
    ]
    return pd.concat(tables, ignore_index=True)


def follow(
    frames: Iterable[Atoms],
    model: Model,
    limits: Mapping[str, Sequence[float]],
    strains: Sequence[float],
    hysteresis: float = 0.1,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Predict the frames of a loading and describe each atom at rest and at several strains.

    Parameters
    ----------
    frames : iterable of Atoms
        The same atoms in the same order, the glass at rest first, Å.
    model : Model
        Predicts the bonds.
    limits : mapping of str to (float, float)
        Window of each bond type, Å; see ``predictor.windows``.
    strains : sequence of float
        Strains at which atoms are looked at; the nearest frames are taken.
    hysteresis : float
        As for ``exchange.exchanges``.

    Returns
    -------
    DataFrame
        One row an atom: the columns of ``surroundings.rows`` in the first frame, with `energy` (eV) if the
        frames have it; and for each strain, in %, `d2min_<strain>` (Å^2), `exchanged_<strain>` (bonds broken
        and formed) and `icosahedron_<strain>` (whether its cell is one then).
    DataFrame
        One row a frame: frame, strain, bonds, mean_bond (−ICOHP, eV), icosahedra (part of the atoms), broken
        and formed (parts of the first frame's bonds), msd (Å^2).
    DataFrame
        Bonds counted by their strength: percent (strain in %, 0 at rest), type, strength (−ICOHP in the
        middle of a bin, eV), count.

    Raises
    ------
    ValueError
        An element is unknown to the model, there are fewer than two frames, their atoms differ, or a strain
        was not reached.
    """
    energies: list[np.ndarray] = []
    path = trajectory.follow_loading(_noting(frames, energies))
    strain = trajectory.strains(path).strain.abs()
    chosen = {_percent(one): _frame(strain, one) for one in strains}
    tables = (predictor.predict(model, path.atoms(n), limits) for n in range(len(path.cells)))
    first, reach = next(tables), max(high for _, high in limits.values())
    rest = path.atoms(0)
    atoms = surroundings.rows(rest, first, {"energy": energies[0]} if energies else {})
    curve, counts = [_state(atoms, first, None)], [counted(first, "0")]
    for n, table in enumerate(tables, 1):
        changed = exchange.exchanges([first, table], path.pair(n), limits, hysteresis)
        shape = surroundings.geometry(path.atoms(n))[0]
        curve.append(_state(shape, table, changed))
        for name in [name for name, frame in chosen.items() if frame == n]:
            atoms[f"d2min_{name}"] = displacements.d2min(path, n, reach)
            atoms[f"exchanged_{name}"] = exchange.at_atoms(changed[changed.state != "kept"], len(rest))
            atoms[f"icosahedron_{name}"] = shape.icosahedron
            counts.append(counted(table, name))
    moved = displacements.mean_squares(path)
    states = pd.DataFrame(curve).assign(msd=moved.msd[moved.element == "all"].to_numpy())
    states.insert(0, "strain", strain)
    return atoms, states.rename_axis("frame").reset_index(), pd.concat(counts, ignore_index=True)


def counted(bonds: pd.DataFrame, percent: str) -> pd.DataFrame:
    """Count bonds by their strength, type by type.

    Parameters
    ----------
    bonds : DataFrame
        From ``predictor.predict``: type and predicted (ICOHP, eV).
    percent : str
        Strain in %.

    Returns
    -------
    DataFrame
        percent, type, strength (−ICOHP in the middle of a bin of `BIN`, eV), count; empty bins are left out.

    Examples
    --------
    >>> bonds = pd.DataFrame({"type": ["Cu-Zr"] * 3, "predicted": [-0.51, -0.54, -0.56]})
    >>> counted(bonds, "0")[["strength", "count"]].to_numpy().round(3).tolist()
    [[0.525, 2.0], [0.575, 1.0]]
    """
    strength = (np.floor(-bonds.predicted / BIN) + 0.5) * BIN
    groups = strength.groupby([bonds.type, strength.rename("strength")], observed=True)
    return groups.size().rename("count").reset_index().assign(percent=percent)


def _noting(frames: Iterable[Atoms], energies: list[np.ndarray]) -> Iterator[Atoms]:
    """The frames as they come; the energies of the first frame's atoms are noted."""
    for n, atoms in enumerate(frames):
        if n == 0 and isinstance(atoms, Atoms) and ENERGY in atoms.arrays:
            energies.append(atoms.get_array(ENERGY))
        yield atoms


def _percent(strain: float) -> str:
    return f"{100 * strain:g}"


def _frame(strain: pd.Series, wanted: float) -> int:
    """Number of the frame at a strain."""
    frame = int((strain - wanted).abs().idxmin())
    if abs(strain[frame] - wanted) > 0.1 * wanted:
        raise ValueError(
            f"no frame at a strain of {wanted:g}: the nearest has {strain[frame]:.4f}; "
            "load the glass further, or dump more often"
        )
    return frame


def _state(atoms: pd.DataFrame, bonds: pd.DataFrame, changed: pd.DataFrame | None) -> dict[str, float]:
    """What one frame is like; `atoms` has the columns of ``surroundings.geometry``."""
    part = changed.state.value_counts() / (changed.state != "formed").sum() if changed is not None else {}
    return {
        "bonds": len(bonds),
        "mean_bond": float(-bonds.predicted.mean()),
        "icosahedra": float(atoms.icosahedron.mean()),
        "broken": float(part.get("broken", 0.0)),
        "formed": float(part.get("formed", 0.0)),
    }
