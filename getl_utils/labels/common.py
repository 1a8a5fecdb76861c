"""What the engines share: refusing structures, choosing orbitals, telling a pair's images apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND, check_structure, neighbour_table
from getl_utils.labels.icohp import ProjectedBands, icohp, spilling

TIE = 1e-3  # Å: images this equally far share the pair's value
MOST_SPILLING = 0.1  # of the charge


def settings(given: Mapping[str, Any], defaults: Mapping[str, Any], engine: str) -> dict[str, Any]:
    """Defaults with what is given put over them; ValueError for a setting the engine does not have."""
    unknown = sorted(set(given) - set(defaults))
    if unknown:
        raise ValueError(f"engine {engine} has no setting {unknown[0]!r}; it has {', '.join(defaults)}")
    return {**defaults, **given}


def check(
    atoms: Atoms,
    orbitals: Mapping[str, Sequence[str]],
    cutoff: float,
    engine: str,
    mesh: Sequence[int] = (1, 1, 1),
    where: str = "at Γ",
) -> None:
    """Refuse what no engine can label.

    Parameters
    ----------
    cutoff : Å. mesh : k points along each lattice vector; the cell is told apart from its image that many
    cells away.
    where : how to call this mesh in a message.

    Raises
    ------
    ValueError : not periodic, thinner than the cutoff, atoms too close, an element without orbitals.
    """
    if not len(atoms) or not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-6:
        raise ValueError(f"engine {engine} needs a cell with atoms that is periodic in three directions")
    cell = atoms.cell.array * np.asarray(mesh)[:, None]
    normals = np.linalg.norm(np.cross(cell[[1, 2, 0]], cell[[2, 0, 1]]), axis=1)
    height = abs(np.linalg.det(cell)) / normals.max()
    if height < cutoff:
        raise ValueError(
            f"the cell is {height:.2f} Å thick, thinner than the cutoff of {cutoff} Å: {where} no bond can be told apart"
        )
    for element in dict.fromkeys(atoms.get_chemical_symbols()):
        if element not in orbitals:
            raise ValueError(f"no orbitals given for {element}; given are {', '.join(orbitals) or 'none'}")
    check_structure(atoms, where=f"engine {engine}")


def choose(
    symbols: np.ndarray, shells: np.ndarray, orbitals: Mapping[str, Sequence[str]], source: str
) -> tuple[np.ndarray, dict[str, Any]]:
    """Which orbitals to keep; and per element the shells used, asked for but absent, and dropped.

    Parameters
    ----------
    symbols, shells : (o,), element and shell name of every orbital. source : whose orbitals these are.

    Raises
    ------
    ValueError : an element has none of the shells asked for.

    Examples
    --------
    >>> choose(np.array(["H", "H"]), np.array(["1s", "2s"]), {"H": ["1s", "2p"]}, "a basis")[0].tolist()
    [True, False]
    """
    keep = np.array([shell in orbitals[symbol] for symbol, shell in zip(symbols, shells, strict=True)])
    choice: dict[str, Any] = {"orbitals_used": {}, "orbitals_absent": {}, "orbitals_dropped": {}}
    for element in dict.fromkeys(symbols.tolist()):
        has = list(dict.fromkeys(shells[symbols == element].tolist()))
        asked = list(orbitals[element])
        choice["orbitals_used"][element] = [shell for shell in has if shell in asked]
        choice["orbitals_absent"][element] = [shell for shell in asked if shell not in has]
        choice["orbitals_dropped"][element] = [shell for shell in has if shell not in asked]
        if not choice["orbitals_used"][element]:
            raise ValueError(f"none of the orbitals {asked} of {element} is in {source}, which has {has}")
    return keep, choice


def fold(table: pd.DataFrame, mesh: Sequence[int] = (1, 1, 1)) -> tuple[pd.DataFrame, int]:
    """Keep of the images that a k mesh cannot tell apart the shortest (`ties`: how many are as short); count
    the rest.

    With N k points along a lattice vector T and T ± N are one and the same value. An atom's own such images
    are left out, uncounted.

    Parameters
    ----------
    table : i, j, tx, ty, tz, distance (Å), every bond once.

    Examples
    --------
    >>> chain = pd.DataFrame([[0, 0, 0, 0, n, 2.5 * n] for n in (1, 2, 3)], columns=[*BOND, "distance"])
    >>> fold(chain, (1, 1, 4))[0][["tz", "ties"]].values.tolist()  # −2 and 2 are one
    [[1, 1], [2, 2]]
    """
    both = pd.concat(
        [table, table.set_axis([BOND[1], BOND[0], *table.columns[2:]], axis=1)], ignore_index=True
    )
    both.loc[len(table) :, BOND[2:]] *= -1
    image = both[BOND[2:]] % np.asarray(mesh)
    key = [both.i, both.j, *(image[name] for name in image)]
    shortest = both.distance < both.groupby(key).distance.transform("min") + TIE
    both["ties"] = shortest.groupby(key).transform("sum")
    other = ~((both.i == both.j) & (image == 0).all(axis=1))[: len(table)]
    kept = both[: len(table)][shortest[: len(table)] & other]
    return kept.reset_index(drop=True), int(other.sum()) - len(kept)


def bonds(
    bands: ProjectedBands,
    atoms: Atoms,
    window: tuple[float, float],
    minimum_projection: float,
    mesh: Sequence[int] = (1, 1, 1),
    moved: np.ndarray | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Every bond of the window (Å) with its ICOHP, and spilling and folded images for the record.

    Parameters
    ----------
    mesh : k points along each lattice vector, see `fold`. moved : (atoms, 3), lattice vectors by which each
    atom was moved.

    Raises
    ------
    ValueError : see `cohp.icohp`.
    """
    table, folded = fold(neighbour_table(atoms, window[1]), mesh)
    pairs = table[BOND].to_numpy(int)
    if moved is not None:
        pairs[:, 2:] += moved[table.j] - moved[table.i]
    table["icohp"] = icohp(bands, pairs, minimum_projection) / table.pop("ties")
    table = table[table.distance >= window[0]].sort_values(BOND, ignore_index=True)
    return table, {**spilling(bands, minimum_projection), "folded_images": folded}


def warnings(record: Mapping[str, Any], most_spilling: float = MOST_SPILLING) -> list[str]:
    """What about a label's spilling (see `cohp.spilling`) must travel with it."""
    found = []
    if record["dropped_electrons"] > 0.01:
        found.append(
            f"{record['dropped_electrons']:.2f} electrons are in bands outside the orbitals; the basis lacks something"
        )
    if record["charge_spilling"] > most_spilling:
        found.append(f"charge spilling {record['charge_spilling']:.1%}")
    return found
