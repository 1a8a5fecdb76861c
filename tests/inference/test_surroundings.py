"""Voronoi cells, order and bonds of each atom: crystals whose answers are known, and a tessellation by
SciPy."""

import sys

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk
from scipy.spatial import ConvexHull, Voronoi

from getl_utils.inference import surroundings

pytest.importorskip("pyscal3", reason="pyscal3 is not installed: Voronoi cells and order NOT CHECKED")


def a15():
    """Two icosahedra and six cells of 14 faces."""
    chains = [[0.25, 0, 0.5], [0.75, 0, 0.5], [0.5, 0.25, 0], [0.5, 0.75, 0], [0, 0.5, 0.25], [0, 0.5, 0.75]]
    places = np.array([[0, 0, 0], [0.5, 0.5, 0.5], *chains])
    return Atoms("Cu2Zr6", scaled_positions=places, cell=[5.0] * 3, pbc=True) * (3, 3, 3)


def gas(number=120):
    random = np.random.default_rng(2)
    return Atoms(["Cu", "Zr"] * (number // 2), random.uniform(0, 12, (number, 3)), cell=[12] * 3, pbc=True)


@pytest.mark.parametrize(
    ("atoms", "faces", "q6"),
    [
        (bulk("Cu", cubic=True) * (3, 3, 3), [0, 12, 0, 0], 0.575),
        (bulk("Fe", cubic=True) * (3, 3, 3), [0, 6, 0, 8], 0.567),
    ],
    ids=["fcc", "bcc"],
)
def test_crystals(atoms, faces, q6):
    atoms.rattle(0.005, seed=1)
    table, _ = surroundings.geometry(atoms)
    assert (table[surroundings.FACES] == faces).all(axis=None)
    assert (table.coordination == sum(faces)).all()
    assert table.q6.to_numpy() == pytest.approx(q6, abs=0.01)
    assert table.volume.sum() == pytest.approx(atoms.get_volume())
    assert table.warren_cowley.isna().all()  # one element: nothing to be ordered
    assert not table.icosahedron.any()


def test_icosahedra_of_a15_are_found():
    table, _ = surroundings.geometry(a15())
    assert table.icosahedron.tolist() == (table.element == "Cu").tolist()
    assert (table.loc[table.element == "Zr", surroundings.FACES] == [0, 0, 12, 2]).all(axis=None)


def test_volumes_and_neighbours_are_scipys():
    atoms = gas()
    table, pairs = surroundings.geometry(atoms, area=0.0)
    shifts = np.array(list(np.ndindex(3, 3, 3))) - 1
    images = np.concatenate([atoms.positions + s @ atoms.cell.array for s in shifts])
    middle = len(atoms) * shifts.tolist().index([0, 0, 0])
    cells = Voronoi(images)
    hulls = [cells.vertices[cells.regions[cells.point_region[middle + n]]] for n in range(len(atoms))]
    assert table.volume.to_numpy() == pytest.approx([ConvexHull(h).volume for h in hulls])
    faces = np.bincount(cells.ridge_points.ravel(), minlength=len(images))[middle : middle + len(atoms)]
    assert table.coordination.tolist() == faces.tolist()
    assert sorted(map(tuple, pairs)) == sorted(map(tuple, pairs[:, ::-1]))


def test_warren_cowley_of_an_ordered_alloy():
    """B2: 8 of the 14 neighbours are of the other element."""
    atoms = bulk("CuZr", "cesiumchloride", a=3.2) * (3, 3, 3)
    table, _ = surroundings.geometry(atoms)
    assert table.warren_cowley.to_numpy() == pytest.approx(1 - (8 / 14) / 0.5)


def test_rotation_translation_and_wrapping_change_nothing():
    atoms = gas()
    other = atoms.copy()
    other.positions += [3.0, 1.0, 20.0]
    other.rotate(40, [1, 2, 3], rotate_cell=True)
    for one, two in zip(surroundings.geometry(atoms), surroundings.geometry(other), strict=True):
        numbers = [pd.DataFrame(t).select_dtypes(["number", "bool"]).to_numpy(float) for t in (one, two)]
        if numbers[0].shape[1] == 2:
            numbers = [n[np.lexsort(n.T)] for n in numbers]
        assert np.allclose(*numbers, atol=1e-6)


def test_an_isolated_structure_is_refused():
    with pytest.raises(ValueError, match="periodic in three directions"):
        surroundings.geometry(Atoms("Cu2", [[0, 0, 0], [2, 0, 0]], cell=[9] * 3))


def test_a_missing_library_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyscal3", None)
    with pytest.raises(ValueError, match="pip install pyscal3"):
        surroundings.geometry(a15())


def test_rows_hold_structure_and_strength_of_each_atom():
    atoms = bulk("CuZr", "cesiumchloride", a=3.2) * (3, 3, 3)
    pairs = surroundings.geometry(atoms)[1]
    bonds = pd.DataFrame({"i": pairs[:, 0], "j": pairs[:, 1], "predicted": -0.5, "sigma": 0.1})
    bonds = bonds[bonds.i < bonds.j]
    table = surroundings.rows(atoms, bonds, {"energy": np.where(atoms.numbers == 29, -3.0, -6.0)})
    assert table.strength.to_numpy() == pytest.approx(0.5 * table.bonds)
    assert table.spread.to_numpy() == pytest.approx(0, abs=1e-12)
    assert table.sigma.to_numpy() == pytest.approx(0.1 * np.sqrt(table.bonds))
    assert table.energy_around.to_numpy() == pytest.approx(0)  # all atoms of an element are alike


def test_an_atom_without_bonds_is_kept():
    bonds = pd.DataFrame({"i": [0], "j": [1], "predicted": [-1.0]})
    table = surroundings.bonding(bonds, 3)
    assert table.bonds.tolist() == [1, 1, 0]
    assert table.strength.tolist() == [1, 1, 0]
    assert table.loc[2, ["mean_bond", "weakest_bond", "spread"]].isna().all()
    assert table.sigma.isna().all()  # no σ was predicted
