"""Crystals by GPAW in plane waves; the live test is skipped where GPAW is not installed (make engines)."""

from types import SimpleNamespace

import numpy as np
import pytest
from ase.build import bulk

from getl_utils.files.espresso_save import Wave
from getl_utils.labels import engine, gpaw_waves, stars

gpaw = engine.get("gpaw")
TURN = np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # a quarter about z


def test_bands_are_filled_to_the_number_of_electrons():
    levels = np.random.default_rng(1).normal(size=(2, 5, 7))
    weights = np.full(5, 0.2)
    fermi, filled = gpaw_waves.occupy(levels, weights, 6.5, 0.1)
    assert np.einsum("k,skb->", weights, filled) == pytest.approx(6.5)
    assert (filled[levels < fermi] > 0.5).all()


def test_a_mesh_is_the_star_of_its_irreducible_points():
    symmetries = SimpleNamespace(
        rotation_scc=[np.linalg.matrix_power(TURN, n) for n in range(4)], translation_sc=np.zeros((4, 3))
    )
    points = np.array([[0, 0, 0], [1 / 3, 0, 0], [1 / 3, 1 / 3, 0]])
    found = stars.mesh(points, (3, 3, 1), symmetries)
    assert sum(image.weight for image in found) == pytest.approx(1)
    assert [round(9 * image.weight) for image in found] == [1, 2, 2, 2, 2]
    assert [image.of for image in found] == [0, 1, 1, 2, 2]
    assert len(stars.irreducible((3, 3, 1), symmetries)) == 3
    assert len(stars.mesh(stars.irreducible((4, 4, 2), symmetries), (4, 4, 2), symmetries)) == 20
    with pytest.raises(ValueError, match="gives 5 of the 9 k points"):
        stars.mesh(points[:2], (3, 3, 1), symmetries)


def test_rotated_waves_are_the_rotated_function():
    """ψ'(Ux) = ψ(x): the value of the wave at turned points."""
    rng, b = np.random.default_rng(2), 2 * np.pi * np.eye(3)
    q = np.array([0.25, 0, 0]) + rng.integers(-2, 3, size=(6, 3))
    c = rng.normal(size=(1, 6)) + 1j * rng.normal(size=(1, 6))
    wave = Wave(np.array([0.25, 0, 0]) @ b, b, q @ b, c, False)
    turn = np.linalg.inv(TURN)
    image = stars.Image(turn @ [0.25, 0, 0], 1.0, 0, turn, False)
    x = rng.random((4, 3))
    before = np.exp(1j * x @ wave.momenta.T) @ c[0]
    after = stars.rotated(wave, image)
    np.testing.assert_allclose(np.exp(1j * (x @ TURN) @ after.momenta.T) @ after.coefficients[0], before)
    back = stars.rotated(wave, image._replace(k=-image.k, reverse=True))
    np.testing.assert_allclose(np.exp(1j * (x @ TURN) @ back.momenta.T) @ back.coefficients[0], before.conj())


@pytest.mark.skipif(gpaw.missing() is not None, reason=str(gpaw.missing()))
def test_diamond_in_plane_waves():
    """Bonds equal by symmetry are equal, electrons are all there, and the iterative bands are the same."""
    found = gpaw.label(
        bulk("C", a=3.57), orbitals={"C": ["2s", "2p"]}, minimum_distance=1, cutoff=1.6, kpoints=(2, 2, 2),
        waves="pw", cutoff_energy=300, analysis=True, projection="lobster",
    )  # fmt: skip
    assert len(found.bonds) == 4
    assert np.ptp(found.bonds.icohp) < 1e-3
    assert -11 < found.bonds.icohp.mean() < -9
    assert found.bonds.icohp_full.mean() == pytest.approx(found.bonds.icohp.mean(), rel=0.03)
    assert found.record["charge_spilling"] < 0.02
    assert (found.record["kpoints"], found.record["irreducible_kpoints"]) == (8, 3)
    np.testing.assert_allclose(found.analysis.charges, 0, atol=0.01)
    total = [value.sum() for value in found.analysis.found.icohp]
    np.testing.assert_allclose(total, found.bonds.icohp, atol=1e-9)
