"""The interface of the label engines, and the preview engine."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.labels import engine as engines
from getl_utils.labels.common import fold
from getl_utils.labels.engine import COLUMNS, Engine, Label, LabelError
from getl_utils.labels.xtb import shell_name

ORBITALS = {"Zr": ["4s", "5s", "4p", "4d"], "Cu": ["3s", "4s", "3p", "3d"], "Al": ["3s", "3p"], "H": ["1s"]}
xtb = engines.get("xtb")
needs_tblite = pytest.mark.skipif(xtb.missing() is not None, reason=str(xtb.missing()))


def label(atoms, minimum_distance=0.5, cutoff=4.2, orbitals=ORBITALS, **settings):
    return xtb.label(atoms, orbitals=orbitals, minimum_distance=minimum_distance, cutoff=cutoff, **settings)


def pair(symbols, distance, edge=10.0):
    return Atoms(symbols, [[1, 1, 1], [1, 1, 1 + distance]], cell=[edge] * 3, pbc=True)


def cluster(seed=0):
    positions = np.array([[0, 0, 0], [2.6, 0.1, 0], [0.2, 2.8, 0.3], [2.5, 2.6, 0.4], [1.3, 1.2, 2.2]])
    return Atoms(
        "CuZrAlCuZr",
        positions + np.random.default_rng(seed).normal(0, 0.03, (5, 3)) + 0.5,
        cell=[8, 8.5, 9],
        pbc=True,
    )


def test_registry_and_interface():
    assert "xtb" in engines.names()
    assert isinstance(xtb, Engine)
    assert xtb.preview
    assert set(engines.available()) == set(engines.names())
    with pytest.raises(ValueError, match=r"did you mean 'xtb'.*Known: "):
        engines.get("xbt")


def test_label_refuses_what_is_no_bond_table():
    def table(*rows):
        return pd.DataFrame(rows, columns=COLUMNS)

    good = [0, 1, 0, 0, 0, 2.5, -0.4]
    assert Label(table(good, [0, 0, 0, 0, 1, 2.5, -0.4])).record == {"n_bonds": 2}
    for bad in ([1, 0, 0, 0, 0, 2.5, -0.4], [0, 0, 0, 0, -1, 2.5, -0.4], good):
        with pytest.raises(ValueError, match="not in the order"):
            Label(table(good, bad))
    with pytest.raises(ValueError, match="lacks the columns"):
        Label(table(good).drop(columns="icohp"))
    with pytest.raises(ValueError, match="finite"):
        Label(table([0, 1, 0, 0, 0, 2.5, np.nan]))


def test_label_error_crosses_process_borders():
    error = pickle.loads(pickle.dumps(LabelError("NO_ICOHP", "what, where, what to do")))
    assert error.status == "NO_ICOHP"
    assert str(error) == "what, where, what to do"


@pytest.mark.parametrize(
    ("number", "shells"),
    [
        (1, ["1s", "1p"]),
        (13, ["3s", "3p", "3d"]),
        (20, ["4s", "4p", "3d"]),
        (29, ["4s", "4p", "3d"]),
        (31, ["4s", "4p", "4d"]),
        (40, ["5s", "5p", "4d"]),
        (49, ["5s", "5p", "5d"]),
        (57, ["6s", "6p", "5d"]),
        (79, ["6s", "6p", "5d"]),
        (82, ["6s", "6p", "6d"]),
    ],
)
def test_shell_names(number, shells):
    assert [shell_name(number, momentum) for momentum in range(len(shells))] == shells
    assert shell_name(1, 0, repeat=1) == "2s"


@needs_tblite
@pytest.mark.parametrize(("symbols", "distance"), [("H2", 0.74), ("Cu2", 2.25), ("CuZr", 2.6), ("Al2", 2.5)])
def test_dimers_are_bonding_and_weaken_with_distance(symbols, distance):
    near, far = (label(pair(symbols, d)).bonds for d in (distance, distance + 1))
    assert len(near) == 1
    assert near.distance[0] == pytest.approx(distance)
    assert near.icohp[0] < far.icohp[0] < 0


@needs_tblite
def test_record_says_what_the_label_is():
    record = label(cluster()).record
    assert record["preview"] is True
    assert "preview" in record["note"]
    assert record["method"] == "GFN1-xTB"
    assert record["orbitals_used"] == {"Cu": ["3d", "4s"], "Zr": ["4d", "5s"], "Al": ["3s", "3p"]}
    assert record["orbitals_absent"]["Zr"] == ["4s", "4p"]
    assert record["orbitals_dropped"]["Cu"] == ["4p"]
    assert record["electrons"] == pytest.approx(2 * 11 + 2 * 4 + 3)
    assert record["engine_version"].startswith("tblite ")
    assert record["dropped_electrons"] < 1e-6
    assert 0 < record["charge_spilling"] < 0.1
    assert record["seconds"] > 0
    json.dumps(record)


@needs_tblite
def test_translation_order_and_choice_of_cell_do_not_matter():
    atoms = cluster()
    reference = label(atoms).bonds.set_index(["i", "j"]).icohp
    moved = atoms.copy()
    moved.positions += [3.3, 5.1, 7.7]
    moved.wrap()
    np.testing.assert_allclose(
        label(moved).bonds.set_index(["i", "j"]).icohp[reference.index], reference, atol=2e-4
    )
    order = [3, 1, 4, 0, 2]
    shuffled = label(atoms[order]).bonds
    named = {
        tuple(sorted((order[i], order[j]))): value
        for i, j, value in zip(shuffled.i, shuffled.j, shuffled.icohp, strict=True)
    }
    np.testing.assert_allclose([named[key] for key in reference.index], reference, atol=2e-4)


@needs_tblite
def test_bonds_lie_where_the_table_says_and_within_the_window():
    atoms = cluster()
    atoms.positions[2] += atoms.cell[0] * 2  # unwrapped positions stay as given
    bonds = label(atoms, minimum_distance=2.2, cutoff=4.0).bonds
    vectors = (
        atoms.positions[bonds.j]
        + bonds[["tx", "ty", "tz"]].to_numpy() @ atoms.cell.array
        - atoms.positions[bonds.i]
    )
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), bonds.distance)
    assert bonds.distance.between(2.2, 4.0).all()
    assert (bonds.tx != 0).any()


@needs_tblite
def test_bonds_equal_by_symmetry_are_equal():
    bonds = label(bulk("Al", cubic=True) * (2, 2, 2), cutoff=4.0).bonds
    assert len(bonds) == 32 * 6
    assert bonds.icohp.max() < -0.01
    assert np.ptp(bonds.icohp) < 1e-4


@needs_tblite
def test_longer_images_are_dropped_and_counted():
    atoms = pair(
        "Cu2", 2.3, edge=4.6
    )  # the two images along z are equally far: half of the pair's value each
    atoms.positions[1, 2] = 1 + 2.3
    found = label(atoms, cutoff=4.55)
    assert len(found.bonds) == 2
    assert np.ptp(found.bonds.icohp) == 0
    assert found.record["folded_images"] == 0
    table = pd.DataFrame(
        [[0, 1, 0, 0, 0, 2.3], [0, 1, 0, 0, 1, 2.9], [0, 0, 0, 0, 1, 3.0]], columns=COLUMNS[:6]
    )
    kept, folded = fold(table)
    assert len(kept) == 1
    assert folded == 1
    assert kept.distance[0] == 2.3


@needs_tblite
def test_structures_that_cannot_be_right_are_refused():
    with pytest.raises(ValueError, match=r"0\.900 Å apart"):
        label(pair("CuZr", 0.9))
    with pytest.raises(ValueError, match="thinner than the cutoff"):
        label(pair("Cu2", 1.7, edge=4.0))
    with pytest.raises(ValueError, match="periodic in three directions"):
        label(Atoms("Cu2", [[0, 0, 0], [0, 0, 2.3]]))
    with pytest.raises(ValueError, match="no orbitals given for Ni"):
        label(pair("Ni2", 2.3))
    with pytest.raises(
        ValueError,
        match=r"none of the orbitals \['4p', '4f'\] of Zr is in GFN1-xTB, which has \['4d', '5s', '5p'\]",
    ):
        label(pair("Zr2", 3.0), orbitals={"Zr": ["4p", "4f"]})
    with pytest.raises(ValueError, match="H to Rn"):
        label(pair("U2", 3.0), orbitals={"U": ["7s"]})
    with pytest.raises(ValueError, match="no setting 'mixing'"):
        label(pair("Cu2", 2.3), mixing=0.1)


@needs_tblite
def test_scf_that_does_not_converge_says_so():
    with pytest.raises(
        LabelError, match="Cu2: GFN1-xTB: SCF not converged in 1 cycles; lower mixer_damping"
    ) as caught:
        label(pair("Cu2", 2.3), max_iterations=1)
    assert caught.value.status == "SCF_NOT_CONVERGED"


@needs_tblite
def test_no_bond_in_the_window_is_an_empty_label():
    found = label(pair("H2", 3.0), cutoff=2.0)
    assert list(found.bonds.columns) == COLUMNS
    assert found.record["n_bonds"] == 0
