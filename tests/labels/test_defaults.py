"""Settings of a label without a parameter file."""

import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.labels import defaults


def test_a_small_crystal_gets_plane_waves_a_mesh_and_a_window_that_the_mesh_can_tell_apart():
    atoms = bulk("NaCl", "rocksalt", a=5.69)
    found = defaults.settings(atoms, "gpaw", {"kpoints": [3, 3, 3]})
    assert found["orbitals"] == {"Cl": ["3s", "3p"], "Na": ["2p", "3s"]}
    own = {"kpoints": [3, 3, 3], "analysis": True, "waves": "pw", "most_spilling": 0.2}
    assert found["engine_settings"] == own
    assert found["label_window"] == [0.1, pytest.approx(3 * 5.69 / 3**0.5 / 2 - 0.002, abs=1e-3)]
    assert defaults.settings(atoms, "gpaw", {})["label_window"] == [0.1, 6.0]


def test_a_large_cell_is_labelled_at_gamma_in_atomic_orbitals():
    atoms = bulk("Cu", cubic=True) * (4, 4, 4)
    found = defaults.settings(atoms, "gpaw", {})
    assert found["engine_settings"] == {"kpoints": [1, 1, 1], "most_spilling": 0.2}
    assert found["label_window"] == [0.1, 6.0]
    found = defaults.settings(atoms, "gpaw", {"projection": "lobster"})
    assert found["engine_settings"]["band_basis"] == "tzp"
    found = defaults.settings(atoms, "gpaw", {"projection": "lobster", "band_basis": "dzp"})
    assert found["engine_settings"]["band_basis"] == "dzp"


def test_what_was_given_is_kept():
    atoms = bulk("C", a=3.57)
    found = defaults.settings(atoms, "gpaw", {"waves": "lcao"}, (1.0, 2.0), {"C": ["2p"]})
    assert found["engine_settings"]["waves"] == "lcao"
    assert (found["label_window"], found["orbitals"]) == ([1.0, 2.0], {"C": ["2p"]})


def test_what_cannot_be_labelled_is_said():
    with pytest.raises(ValueError, match="no cell"):
        defaults.settings(Atoms("H2", [[0, 0, 0], [0, 0, 1]]), "gpaw", {})
    with pytest.raises(ValueError, match="no shells are suggested for Fr"):
        defaults.settings(Atoms("Fr", cell=[5, 5, 5], pbc=True), "gpaw", {})
