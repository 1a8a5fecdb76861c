"""SOAP by featomic is SOAP by QUIP."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from getl_utils.etl.soap import Soap, by_quippy

SOAP = Soap(["Zr", "Cu", "Al"])


def rattled(seed=0):
    atoms = bulk("Cu", "bcc", a=3.3, cubic=True) * (3, 3, 3)
    random = np.random.default_rng(seed)
    atoms.symbols = random.choice(SOAP.elements, len(atoms), p=[0.49, 0.49, 0.02])
    atoms.positions += random.normal(scale=0.15, size=(len(atoms), 3))
    return atoms


@pytest.mark.parametrize(
    ("soap", "atoms"),
    [
        (SOAP, rattled()),
        (SOAP, bulk("Cu")),
        (SOAP, bulk("Zr")),
        (SOAP, Atoms("CuZr", [[0, 0, 0], [2.5, 0, 0]], cell=[20, 20, 20], pbc=True)),
        (Soap(["Zr", "Cu", "Al"], 5.0, 3, 5, 0.4), rattled(1)),
        (Soap(["Ni"], 4.0, 2, 4, 0.5), bulk("Ni")),
        (Soap(["Ti", "Ni"], 3.4, 2, 3, 0.5), bulk("TiNi", "cesiumchloride", a=3.0) * (2, 2, 2)),
    ],
    ids=["glass", "one element absent", "hcp", "dimer", "other channels", "one element", "TiNi"],
)
def test_it_is_quips(soap, atoms):
    pytest.importorskip("quippy", reason="quippy-ase is the reference; its licence forbids commercial use")
    vectors = soap.compute(atoms)
    assert vectors.shape == (len(atoms), soap.size)
    assert np.abs(vectors - by_quippy(soap, atoms)).max() < 2e-12


def test_a_cluster_is_the_same_in_a_large_box():
    atoms = Atoms("CuZrAl", [[0, 0, 0], [2.5, 0, 0], [0, 3, 0]])
    boxed = Atoms(atoms.symbols, atoms.positions, cell=[20, 20, 20], pbc=True)
    for flat in (atoms, Atoms(atoms.symbols, atoms.positions, cell=[20, 20, 20], pbc=[True, False, False])):
        np.testing.assert_allclose(SOAP.compute(flat), SOAP.compute(boxed), atol=1e-12)


def test_a_range_of_atoms_is_a_part_of_all():
    atoms = rattled(2)
    np.testing.assert_array_equal(SOAP.compute(atoms, 10, 17), SOAP.compute(atoms)[10:17])
    assert SOAP.compute(atoms, 60, 60).shape == (0, SOAP.size)


def test_a_foreign_element_is_named():
    with pytest.raises(ValueError, match="element Ni"):
        SOAP.compute(bulk("Ni"))
