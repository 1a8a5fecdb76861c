"""The bond expansion against a sum written out, and the symmetries it must have."""

import itertools

import numpy as np
import pytest
from ase import Atoms
from numpy.polynomial.legendre import legval
from scipy.spatial.transform import Rotation

from getl_utils.models.bond_expansion import BondExpansion, describe, flip
from getl_utils.models.bond_list import find_bonds, lengths

ELEMENTS = ("Ti", "Ni", "Pd")
EXPANSION = BondExpansion(ELEMENTS, cutoff=4.2, n_radial=5, l_max=4)
WINDOWS = {f"{a}-{b}": (1.2, 3.6) for a, b in itertools.combinations_with_replacement(ELEMENTS, 2)}


def random_cell(seed: int, n: int = 9, size: float = 6.0, shear: float = 0.0, pbc=True) -> Atoms:
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * size + shear * np.tril(rng.normal(size=(3, 3)), -1)
    return Atoms(rng.choice(ELEMENTS, n), rng.uniform(-1, 2, (n, 3)) @ cell, cell=cell, pbc=pbc)


def by_hand(atoms: Atoms, bond: np.ndarray, e: BondExpansion) -> np.ndarray:
    """The formula, summed over every image that can be within the cutoff."""
    i, j, shift = bond[0], bond[1], bond[2:]
    first, second = atoms.positions[i], atoms.positions[j] + shift @ atoms.cell.array
    if ELEMENTS.index(atoms.symbols[i]) > ELEMENTS.index(atoms.symbols[j]):
        first, second = second, first
    middle, axis = (first + second) / 2, (second - first) / np.linalg.norm(second - first)
    centres = np.linspace(e.innermost, e.cutoff, e.n_radial)
    width = e.width * (centres[1] - centres[0])
    out = np.zeros((len(ELEMENTS), e.n_radial, e.l_max + 1))
    images = itertools.product(*(range(-9, 10) if p else (0,) for p in atoms.pbc))
    for image in images:
        for k, position in enumerate(atoms.positions + np.array(image) @ atoms.cell.array):
            rho = np.linalg.norm(position - middle)
            if rho < e.cutoff and min(np.linalg.norm(position - p) for p in (first, second)) > 1e-9:
                g = (
                    np.exp(-((rho - centres) ** 2) / (2 * width**2))
                    * 0.5
                    * (1 + np.cos(np.pi * rho / e.cutoff))
                )
                p = [
                    legval(axis @ (position - middle) / rho, np.eye(e.l_max + 1)[degree])
                    for degree in range(e.l_max + 1)
                ]
                out[ELEMENTS.index(atoms.symbols[k])] += np.outer(g, p)
    return out.ravel()


CELLS = {
    "cube": random_cell(0),
    "sheared": random_cell(1, shear=2.5),
    "thinner than the cutoff": random_cell(2, n=2, size=2.9, shear=1.0),
    "one atom": Atoms("Ni", cell=[[0, 1.8, 1.8], [1.8, 0, 1.8], [1.8, 1.8, 0]], pbc=True),
    "slab": random_cell(3, n=6, pbc=(True, True, False)),
    "molecule": Atoms("TiNiPdNi", np.random.default_rng(4).uniform(0, 3, (4, 3))),
}


@pytest.mark.parametrize("name", CELLS)
def test_describe_equals_the_formula(name):
    bonds = find_bonds(EXPANSION, CELLS[name], WINDOWS)[::7]
    assert len(bonds)
    expected = [by_hand(CELLS[name], bond, EXPANSION) for bond in bonds]
    np.testing.assert_allclose(describe(EXPANSION, CELLS[name], bonds), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_find_bonds_gives_each_pair_once(name):
    atoms, expected = CELLS[name], set()
    for image in itertools.product(*(range(-9, 10) if p else (0,) for p in atoms.pbc)):
        for i, j in itertools.product(range(len(atoms)), repeat=2):
            d = np.linalg.norm(atoms.positions[j] + np.array(image) @ atoms.cell.array - atoms.positions[i])
            if 1.2 <= d <= 3.6 and (i < j or (i == j and image > (0, 0, 0))):
                expected.add((i, j, *image))
    bonds = find_bonds(EXPANSION, atoms, WINDOWS)
    assert [tuple(b) for b in bonds.tolist()] == sorted(expected)
    assert lengths(atoms, bonds).max() <= 3.6


def features_of(atoms: Atoms) -> np.ndarray:
    """Features of all bonds in an order that does not depend on the order of the atoms.

    The axis of a bond of like elements has no direction, so their odd degrees count by their size.
    """
    bonds = find_bonds(EXPANSION, atoms, WINDOWS)
    features = describe(EXPANSION, atoms, bonds)
    like = atoms.numbers[bonds[:, 0]] == atoms.numbers[bonds[:, 1]]
    features[np.ix_(like, flip(EXPANSION) < 0)] = np.abs(features[np.ix_(like, flip(EXPANSION) < 0)])
    table = np.column_stack([lengths(atoms, bonds), features])
    return table[np.argsort(table[:, 0])]


@pytest.mark.parametrize("seed", range(3))
def test_features_do_not_change_under_symmetry(seed):
    atoms = random_cell(seed, shear=1.0)
    expected, rng = features_of(atoms), np.random.default_rng(seed)
    turn = Rotation.random(random_state=seed).as_matrix()
    turned = Atoms(atoms.symbols, atoms.positions @ turn.T, cell=atoms.cell.array @ turn.T, pbc=True)
    moved = Atoms(atoms.symbols, atoms.positions + rng.normal(size=3), cell=atoms.cell, pbc=True)
    shifted = Atoms(
        atoms.symbols,
        atoms.positions + rng.integers(-2, 3, (len(atoms), 3)) @ atoms.cell.array,
        cell=atoms.cell,
        pbc=True,
    )
    mirrored = Atoms(atoms.symbols, -atoms.positions, cell=-atoms.cell.array, pbc=True)
    for other in (turned, moved, shifted, mirrored, atoms[rng.permutation(len(atoms))]):
        np.testing.assert_allclose(features_of(other), expected, rtol=0, atol=1e-12)


def test_a_supercell_repeats_the_features():
    atoms = random_cell(5, shear=1.0)
    np.testing.assert_allclose(
        features_of(atoms.repeat((2, 1, 2)))[::4], features_of(atoms), rtol=0, atol=1e-12
    )


def test_a_bond_named_from_its_other_end():
    atoms = random_cell(6)
    bonds = find_bonds(EXPANSION, atoms, WINDOWS)
    like = np.array([atoms.symbols[i] == atoms.symbols[j] for i, j in bonds[:, :2]])
    back = np.column_stack([bonds[:, 1], bonds[:, 0], -bonds[:, 2:]])
    there, again = describe(EXPANSION, atoms, bonds), describe(EXPANSION, atoms, back)
    np.testing.assert_allclose(again[~like], there[~like], rtol=0, atol=1e-12)
    np.testing.assert_allclose(again[like], there[like] * flip(EXPANSION), rtol=0, atol=1e-12)
    assert like.any()
    assert not like.all()


def test_features_are_smooth_where_an_atom_enters_the_cutoff():
    def at(rho):
        atoms = Atoms("TiNiPd", [[0, 0, -1.3], [0, 0, 1.3], [rho, 0, 0]])
        return describe(EXPANSION, atoms, np.array([[0, 1, 0, 0, 0]]))[0]

    step = 1e-4
    assert np.abs(at(EXPANSION.cutoff + step)).max() == 0
    assert np.abs(at(EXPANSION.cutoff - step)).max() < step**2
    assert np.abs(at(EXPANSION.cutoff - 0.5)).max() > 1e-3


def test_bad_input_is_refused_in_words():
    atoms = random_cell(7)
    bond = np.array([[0, 1, 0, 0, 0]])
    with pytest.raises(ValueError, match="element Xe is not among"):
        describe(EXPANSION, Atoms("XeNi", [[0, 0, 0], [2, 0, 0]]), bond)
    with pytest.raises(ValueError, match="names atom 9"):
        describe(EXPANSION, atoms, np.array([[0, 9, 0, 0, 0]]))
    with pytest.raises(ValueError, match="has no length"):
        describe(EXPANSION, atoms, np.array([[0, 0, 0, 0, 0]]))
    with pytest.raises(ValueError, match="no volume"):
        find_bonds(EXPANSION, Atoms("Ni2", [[0, 0, 0], [2, 0, 0]], pbc=True), WINDOWS)
    atoms.positions[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN or infinity"):
        find_bonds(EXPANSION, atoms, WINDOWS)
    with pytest.raises(ValueError, match="window Ti-Xe"):
        find_bonds(EXPANSION, random_cell(7), {"Ti-Xe": (1, 2)})
    with pytest.raises(ValueError, match="name each element once"):
        BondExpansion(("Ti", "Ti"))
    with pytest.raises(ValueError, match="innermost < cutoff"):
        BondExpansion(("Ti",), cutoff=1.0)
