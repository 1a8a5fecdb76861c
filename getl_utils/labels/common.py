"""What the engines share: refusing structures, choosing orbitals, telling a pair's images apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from ase import Atoms

from getl_utils.core.bonds import BOND
from getl_utils.core.neighbours import check_structure, neighbour_table
from getl_utils.labels.icohp import ProjectedBands, icohp_of_spins, spilling

TIE = 1e-3  # Å: images this equally far share the pair's value


def heights(atoms: Atoms) -> np.ndarray:
    """Return the distances of opposite faces of the cell.

    Parameters
    ----------
    atoms : Atoms
        The structure.

    Returns
    -------
    (3,) array
        Å.
    """
    return 1 / np.linalg.norm(np.linalg.inv(atoms.cell.array), axis=0)


def check(
    atoms: Atoms,
    orbitals: Mapping[str, Sequence[str]],
    cutoff: float,
    engine: str,
    mesh: Sequence[int] = (1, 1, 1),
) -> None:
    """Refuse what no engine can label.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    orbitals : mapping
        Element → shells.
    cutoff : float
        Length of the longest bond, Å.
    engine : str
        Name of the engine, for the messages.
    mesh : sequence of int
        k points along each lattice vector. The cell is told apart from its image that many cells away.

    Raises
    ------
    ValueError
        The structure is not periodic, thinner than the cutoff, has atoms too close, or an element without
        orbitals.
    """
    if not len(atoms) or not atoms.pbc.all() or abs(atoms.cell.volume) < 1e-6:
        raise ValueError(f"engine {engine} needs a cell with atoms that is periodic in three directions")
    height = (heights(atoms) * mesh).min()
    if height < cutoff:
        where = "at Γ" if tuple(mesh) == (1, 1, 1) else f"with {list(mesh)} k points"
        raise ValueError(
            f"the cell is {height:.2f} Å thick, thinner than the cutoff of {cutoff} Å: {where} no bond can "
            "be told apart; take a larger cell or more k points"
        )
    for element in dict.fromkeys(atoms.get_chemical_symbols()):
        if element not in orbitals:
            raise ValueError(f"no orbitals given for {element}; given are {', '.join(orbitals) or 'none'}")
    check_structure(atoms, where=f"engine {engine}")


def check_images(atoms: Atoms, cutoff: float, mesh: Sequence[int] = (1, 1, 1)) -> None:
    """Refuse a k mesh that folds images: it gives two images of a pair within the cutoff one value.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    cutoff : float
        Length of the longest bond, Å.
    mesh : sequence of int
        k points along each lattice vector, see `fold`.

    Raises
    ------
    ValueError
        There are such images. The message names a pair, and says which mesh or window tells all apart.

    Examples
    --------
    >>> check_images(Atoms("H2", [[0, 0, 0], [1.5, 0, 0]], cell=[4, 9, 9], pbc=True), 3.0)
    Traceback (most recent call last):
    ValueError: Γ alone cannot tell 1 of the bonds up to 3 Å from other images of the same pair, such as \
atoms 1 and 2 at 1.50 Å; take a mesh of 2 1 1 or more, or bonds shorter than 2.00 Å only
    """
    table = neighbour_table(atoms, cutoff)
    kept, left_out = fold(table, mesh)
    shared = kept[kept.ties > 1]
    if not left_out and shared.empty:
        return
    known = kept.merge(table, on=["i", "j"], suffixes=("", "_other"))
    one = known[(known.ties > 1) | (known.distance_other > known.distance + TIE)].iloc[0]
    thick = heights(atoms)
    enough = " ".join(map(str, np.floor(2 * cutoff / thick + 1e-6).astype(int) + 1))
    where = "Γ alone" if tuple(mesh) == (1, 1, 1) else f"A mesh of {' '.join(map(str, mesh))} k points"
    raise ValueError(
        f"{where} cannot tell {left_out + len(shared)} of the bonds up to {cutoff:g} Å from other images of "
        f"the same pair, such as atoms {one.i + 1:.0f} and {one.j + 1:.0f} at {one.distance:.2f} Å; take a "
        f"mesh of {enough} or more, or bonds shorter than {(thick * mesh).min() / 2:.2f} Å only"
    )


def choose(
    symbols: np.ndarray, shells: np.ndarray, orbitals: Mapping[str, Sequence[str]], source: str
) -> tuple[np.ndarray, dict[str, Any]]:
    """Choose orbitals by their shells.

    Parameters
    ----------
    symbols : (o,) array of str
        Element of every orbital.
    shells : (o,) array of str
        Shell name of every orbital.
    orbitals : mapping
        Element → shells asked for.
    source : str
        Whose orbitals these are, for the message.

    Returns
    -------
    tuple
        Which orbitals to keep (o,); per element the shells used, asked for but absent, and dropped.

    Raises
    ------
    ValueError
        An element has none of the shells asked for.

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


def count_orbitals(atoms: Atoms, orbitals: Mapping[str, Sequence[str]]) -> int:
    """Count the orbitals of a structure.

    Parameters
    ----------
    atoms : Atoms
        The structure.
    orbitals : mapping
        Element → shells.

    Returns
    -------
    int
        Their number.

    Examples
    --------
    >>> count_orbitals(Atoms("CH4"), {"C": ["2s", "2p"], "H": ["1s"]})
    8
    """
    each = {e: sum(2 * "spdf".index(shell[1]) + 1 for shell in shells) for e, shells in orbitals.items()}
    return sum(each[symbol] for symbol in atoms.get_chemical_symbols())


def fold(table: pd.DataFrame, mesh: Sequence[int] = (1, 1, 1)) -> tuple[pd.DataFrame, int]:
    """Keep the shortest of the images that a k mesh cannot tell apart.

    With N k points along a lattice vector, T and T ± N are one value. An atom's own such images are left out
    and not counted.

    Parameters
    ----------
    table : DataFrame
        i, j, tx, ty, tz, distance (Å), every bond once.
    mesh : sequence of int
        k points along each lattice vector.

    Returns
    -------
    tuple
        The bonds kept, with the column `ties` (how many images are as short), and how many were left out.

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
    bands: Mapping[str, ProjectedBands],
    default: str,
    atoms: Atoms,
    window: tuple[float, float],
    minimum_projection: float,
    mesh: Sequence[int] = (1, 1, 1),
    moved: np.ndarray | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Give every bond of a window its ICOHP in each projection.

    Parameters
    ----------
    bands : mapping
        Name of a projection → its bands.
    default : str
        The projection whose values are the column icohp and whose spilling is recorded.
    atoms : Atoms
        The structure.
    window : (float, float)
        Shortest and longest bond, Å.
    minimum_projection : float
        See `icohp.icohp`.
    mesh : sequence of int
        k points along each lattice vector, see `fold`.
    moved : (atoms, 3) array of int, optional
        Lattice vectors by which the program moved each atom.

    Returns
    -------
    tuple
        Bonds with icohp; for several projections icohp_<name> of each; for two spins icohp_spin_1 (up) and
        icohp_spin_2 of the default projection, whose sum is icohp. Spilling, folded images and warnings for
        the record. A projection that fails, and is not the default, is a warning.

    Raises
    ------
    ValueError
        See `icohp.icohp`.
    """
    table, folded = fold(neighbour_table(atoms, window[1]), mesh)
    pairs = table[BOND].to_numpy(int)
    if moved is not None:
        pairs[:, 2:] += moved[table.j] - moved[table.i]
    ties, facts, failed = table.pop("ties"), {}, []
    for name, one in bands.items():
        try:
            spins = icohp_of_spins(one, pairs, minimum_projection) / ties.to_numpy()
            facts[name] = spilling(one, minimum_projection)
        except ValueError as error:
            if name == default:
                raise
            failed.append(f"there is no projection {name}: {error}")
            continue
        table[f"icohp_{name}"] = spins.sum(axis=0)
        if name == default and len(spins) == 2:
            table["icohp_spin_1"], table["icohp_spin_2"] = spins
    table["icohp"] = table[f"icohp_{default}"]
    if len(bands) == 1:
        table = table.drop(columns=f"icohp_{default}")
    table = table[table.distance >= window[0]].sort_values(BOND, ignore_index=True)
    others = {name: values for name, values in facts.items() if name != default}
    return table, {
        **facts[default], "folded_images": folded, "other_projections": others, "warnings": failed,
    }  # fmt: skip
