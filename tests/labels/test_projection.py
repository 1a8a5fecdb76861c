"""Hartree–Fock orbitals and two-centre overlaps, held to closed forms; skipped where GPAW is not installed
(make engines)."""

import numpy as np
import pytest
from ase import Atoms
from ase.units import Bohr
from scipy.spatial.transform import Rotation

from getl_utils.labels import engine
from getl_utils.labels.projection import hartree_fock
from getl_utils.labels.projection.two_centre import Overlaps, Radial

missing = engine.get("gpaw").missing()
pytestmark = pytest.mark.skipif(missing is not None, reason=str(missing))


def slater(l, zeta, n=None):  # noqa: E741
    x = (np.arange(1500) + 0.5) / 1500
    r, weights = 26 * x**3, 78 * x**2 / 1500
    values = hartree_fock.values([(n or l + 1, zeta, 1.0)], r)
    return Radial(l, r, values, weights)


def overlap(one, other, vector):
    """⟨one|other⟩ of two atoms in a box wide enough for one image only."""
    atoms = Atoms("HLi", [[0, 0, 0], np.array(vector) * Bohr], cell=[20, 20, 20], pbc=True)
    functions = {"H": [one], "Li": [other]}
    matrix = Overlaps(atoms, np.zeros((1, 3)), 19.0 / 2).matrix(functions, functions)[0]
    return matrix[: 2 * one.l + 1, 2 * one.l + 1 :]


@pytest.mark.parametrize("distance", [1.0, 2.5, 6.0, 12.0])
def test_two_1s_orbitals_overlap_as_in_the_textbook(distance):
    exact = np.exp(-distance) * (1 + distance + distance**2 / 3)
    assert overlap(slater(0, 1.0), slater(0, 1.0), [0, 0, distance])[0, 0] == pytest.approx(exact, abs=1e-5)


def test_two_p_orbitals_overlap_as_in_the_textbook():
    """S(pσ,pσ) and S(pπ,pπ) of equal exponents: Mulliken et al., J. Chem. Phys. 17, 1248 (1949)."""
    t = 3.0
    found = overlap(slater(1, 1.0), slater(1, 1.0), [0, 0, t])  # rows y, z, x
    pi = np.exp(-t) * (1 + t + 0.4 * t**2 + t**3 / 15)
    sigma = np.exp(-t) * (1 + t + t**2 / 5 - 2 * t**3 / 15 - t**4 / 15)
    np.testing.assert_allclose(found, np.diag([pi, sigma, pi]), atol=1e-5)


def test_overlaps_turn_with_the_molecule():
    d, p = slater(2, 1.3, 3), slater(1, 0.8, 2)
    vector = np.array([1.0, 2.0, 2.5])
    turned = Rotation.from_euler("xyz", [0.3, 1.1, -0.7]).apply(vector)
    one, other = overlap(d, p, vector), overlap(d, p, turned)
    np.testing.assert_allclose(np.linalg.svd(one)[1], np.linalg.svd(other)[1], atol=1e-6)
    np.testing.assert_allclose(overlap(p, d, -vector), one.T, atol=1e-6)


def test_a_k_mesh_sums_to_the_supercell():
    """Σ_T ⟨0|T⟩ e^(2πi k T): its mean over a mesh is the on-site element of the supercell."""
    cell = Atoms("H", [[0.1, 0.2, 0.3]], cell=[3, 3.1, 3.2], pbc=True)
    function = {"H": [slater(0, 1.0)]}
    mesh = np.array([[k / 3, 0, 0] for k in range(3)])
    many = Overlaps(cell, mesh, 7.0).matrix(function, function)[:, 0, 0]
    large = Overlaps(cell * (3, 1, 1), np.zeros((1, 3)), 7.0).matrix(function, function)[0]
    assert many.mean() == pytest.approx(large[0, 0], abs=1e-9)
    assert (many * np.exp(-2j * np.pi * mesh[:, 0])).mean() == pytest.approx(large[0, 1], abs=1e-9)


def test_hartree_fock_orbitals_are_those_of_the_paper():
    assert hartree_fock.orbital("Cu", "4s").mean_radius() == pytest.approx(3.331, abs=5e-4)
    for element, shells in {
        "Al": ["3s", "3p"],
        "Cu": ["3s", "4s", "3p", "3d"],
        "Zr": ["4s", "5s", "4p", "4d"],
    }.items():
        found = [hartree_fock.orbital(element, shell) for shell in shells]
        for one in found:
            for other in found:
                if one.l == other.l:
                    assert one.dot(other) == pytest.approx(float(one is other), abs=2e-5)


def test_what_the_table_lacks_is_named():
    with pytest.raises(ValueError, match="no Hartree–Fock orbital 4f of Cu; its occupied shells are 1s"):
        hartree_fock.orbital("Cu", "4f")
    with pytest.raises(ValueError, match="no Hartree–Fock orbitals of Db"):
        hartree_fock.orbital("Db", "6s")
