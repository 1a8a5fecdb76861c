"""Bonds: every image of a pair, whatever the cell; and structures that nobody should label."""

import ase.neighborlist
import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.core.bonds import BOND, canonical, parse_composition, place, type_of
from getl_utils.core.neighbours import check_structure, neighbour_table, neighbours
from getl_utils.etl import extract
from getl_utils.files import lobster
from getl_utils.models import agreement


@pytest.mark.parametrize("shear", [0.0, 0.5, 1.7])
def test_bonds_equal_ase_in_small_and_sheared_cells(shear):
    random = np.random.default_rng(0)
    cell = np.array([[5.0, 5.0 * shear, 0], [0, 4.0, 0], [0.3, 0, 6.0]])
    atoms = Atoms("Cu6", scaled_positions=random.random((6, 3)) * 3 - 1, cell=cell, pbc=True)
    ours = neighbour_table(atoms, 4.2)
    i, j, shift, d = ase.neighborlist.neighbor_list("ijSd", atoms, 4.2)
    assert 2 * len(ours) == len(d)
    theirs = {(*k, *s) for *k, s in zip(i, j, map(tuple, shift), strict=True)}
    assert set(map(tuple, ours[BOND].to_numpy())) <= theirs
    vectors = atoms.positions[ours.j] + ours[["tx", "ty", "tz"]].to_numpy() @ cell - atoms.positions[ours.i]
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), ours.distance, atol=1e-10)


def test_a_bond_has_one_direction_also_over_three_cells():
    """Self-images with |T| ≥ 3: the sign of the first component decides, whatever the others are."""
    shifts = np.array([[1, -4, -9], [-1, 4, 9], [0, 1, -4], [0, -1, 4], [0, 0, -1], [2, 0, 0]])
    i, j, turned_shifts, turned = canonical(np.zeros(6, int), np.zeros(6, int), shifts)
    assert turned.tolist() == [False, True, False, True, True, False]
    assert turned_shifts.tolist() == [[1, -4, -9], [1, -4, -9], [0, 1, -4], [0, 1, -4], [0, 0, 1], [2, 0, 0]]
    assert (i == 0).all()
    assert (j == 0).all()


def test_a_primitive_cell_keeps_its_far_images_through_a_list_and_back(tmp_path):
    """Bonds of one atom with images three cells away match their labels, whatever direction a file prints."""
    atoms = bulk("Cu", "sc", a=1.3)
    table = neighbour_table(atoms, 4.2).assign(icohp=lambda t: -1 / t.distance)
    assert table[BOND[2:]].abs().to_numpy().max() == 3
    printed = table.assign(**{name: -table[name] for name in BOND[2:]})
    lobster.write_icohplist(tmp_path / "list", printed, ["Cu"])
    back = agreement.read(tmp_path / "list", atoms).sort_values(BOND, ignore_index=True)
    assert back[BOND].to_numpy().tolist() == table[BOND].to_numpy().tolist()
    kept, clusters = extract.match_clusters(place(back, atoms), neighbours(atoms, 4.2))
    assert kept.all()
    assert clusters.kept.all()


def test_several_images_of_one_pair_keep_their_translations():
    atoms = Atoms("Cu2", [[0, 0, 0], [2, 0, 0]], cell=[4, 20, 20], pbc=True)
    table = neighbour_table(atoms, 2.5)
    assert table[BOND].to_numpy().tolist() == [[0, 1, -1, 0, 0], [0, 1, 0, 0, 0]]


@pytest.mark.parametrize("sign", [-1, 1])
def test_place_finds_the_sign_of_the_translation_by_the_distance(sign):
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    atoms.rattle(0.1, seed=1)
    table = neighbour_table(atoms, 3.0)
    labels = table.assign(icohp=-1.0)
    labels[BOND[2:]] *= sign
    pd.testing.assert_frame_equal(place(labels, atoms)[BOND], table[BOND])


def test_labels_of_another_structure_are_refused():
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    labels = neighbour_table(atoms, 3.0).assign(icohp=-1.0)
    with pytest.raises(ValueError, match="do not belong together"):
        place(labels, bulk("Cu", cubic=True, a=3.7) * (2, 2, 2))
    with pytest.raises(ValueError, match="name atom 32, the structure has 4"):
        place(labels, bulk("Cu", cubic=True))


def test_a_cluster_with_an_unlabelled_bond_is_dropped():
    atoms = bulk("Cu", cubic=True) * (3, 3, 3)
    table = neighbour_table(atoms, 2.6).assign(icohp=-1.0)
    neighbours = pd.concat(
        [table, table.rename(columns={"i": "j", "j": "i"}).assign(tx=-table.tx, ty=-table.ty, tz=-table.tz)]
    )
    kept, clusters = extract.match_clusters(table, neighbours)
    assert kept.all()
    assert (clusters.n_bonds == 12).all()
    assert (clusters.sum_icohp == -12).all()
    gone = table.iloc[5]
    kept, clusters = extract.match_clusters(table.drop(5), neighbours)
    assert set(clusters.centre[~clusters.kept]) == {gone.i, gone.j}
    assert not kept[table.drop(5).i.isin([gone.i, gone.j])].any()


def test_structures_that_nobody_should_label():
    with pytest.raises(ValueError, match="less than twice the cutoff"):
        check_structure(bulk("Cu", cubic=True), thickness=7.5)
    with pytest.raises(ValueError, match=r"atoms 1 and 2 are 0\.400 Å apart"):
        check_structure(Atoms("Cu2", [[0, 0, 0], [0.4, 0, 0]], cell=[9, 9, 9], pbc=True))
    with pytest.raises(ValueError, match="NaN"):
        neighbour_table(Atoms("Cu", [[np.nan, 0, 0]], cell=[9, 9, 9], pbc=True), 3.0)
    with pytest.raises(ValueError, match="no volume"):
        neighbour_table(Atoms("Cu", cell=[9, 9, 0], pbc=True), 3.0)


@pytest.mark.parametrize("formula", ["", "zr5", "Zr5Xx5", "Zr5-Cu5", "Zr5Zr5", "5Zr"])
def test_compositions_that_are_none(formula):
    with pytest.raises(ValueError, match="composition"):
        parse_composition(formula)


def test_a_foreign_element_is_named():
    with pytest.raises(ValueError, match="element Ni is not among"):
        type_of(["Ni"], ["Cu"], ["Zr", "Cu"])
