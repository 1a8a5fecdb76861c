"""COHP(E), overlap populations, bond indices and charges against closed forms."""

import numpy as np
import pytest

from getl_utils.labels.bands import ProjectedBands
from getl_utils.labels.icohp import icohp
from getl_utils.labels.populations import populations

ONE = np.ones(1)


def dimer(overlap, hopping, spins=1):
    """Two equal orbitals with a bonding band, filled, and an antibonding one; generalised eigenproblem."""
    s = np.array([[1, overlap], [overlap, 1]])
    c = np.array([[1, 1], [1, -1]]) / np.sqrt(2 * np.array([1 + overlap, 1 - overlap]))
    levels = np.array([hopping, -hopping]) / np.array([1 + overlap, 1 - overlap])
    shape = (spins, 1, 1, 1)
    return ProjectedBands(
        np.tile(levels, (spins, 1, 1)), np.tile([2 / spins, 0], (spins, 1, 1)), np.tile(s @ c, shape),
        s[None], np.array([0, 1]), np.zeros((1, 3)), ONE, time_reversal=True,
    )  # fmt: skip


def chain(points, hopping=-1.0, level=0.0, electrons=1.0, kt=0.1):
    """One s orbital a cell, ε = level + 2t cos k."""
    k = np.arange(points) / points
    energies = level + 2 * hopping * np.cos(2 * np.pi * k)
    f = 2 / (1 + np.exp(energies / kt))
    return ProjectedBands(
        energies.reshape(1, -1, 1), f.reshape(1, -1, 1), np.ones((1, points, 1, 1), complex),
        np.ones((points, 1, 1)), np.zeros(1, int), np.c_[k, 0 * k, 0 * k], np.full(points, 1 / points),
    )  # fmt: skip


@pytest.mark.parametrize("spins", [1, 2])
def test_a_dimer_has_its_closed_forms(spins):
    """With S: ICOOP = S/(1+S), bond index 1, one electron on each atom in both ways of counting."""
    overlap, hopping = 0.25, -3.0
    found = populations(dimer(overlap, hopping, spins), np.array([[0, 1, 0, 0, 0]]), ONE, 0.05)
    assert found.icoop[0].shape == (spins, 1, 1)
    assert found.icoop[0].sum() == pytest.approx(overlap / (1 + overlap))
    assert found.icobi[0].sum() == pytest.approx(1)
    low, high = hopping / (1 + overlap), -hopping / (1 - overlap)
    assert found.icohp[0].sum() == pytest.approx((low - high) / 2)  # Löwdin's hopping, bond order 1
    np.testing.assert_allclose(found.mulliken.sum(axis=0), [1, 1])
    np.testing.assert_allclose(found.lowdin.sum(axis=0), [1, 1])


def test_an_unequal_dimer_shares_electrons_as_its_amplitudes():
    """Levels ±Δ, hopping t: populations 1 ± Δ/√(Δ²+t²), bond index 1 − the square of that."""
    h = np.array([[2.0, -1.5], [-1.5, -2.0]])
    levels, c = np.linalg.eigh(h)
    bands = ProjectedBands.gamma(levels, [2, 0], c, np.eye(2), np.array([0, 1]))
    found = populations(bands, np.array([[0, 1, 0, 0, 0]]), ONE, 0.05)
    polar = 2.0 / np.hypot(2.0, 1.5)
    np.testing.assert_allclose(found.lowdin[0], [1 - polar, 1 + polar])
    assert found.icobi[0].sum() == pytest.approx(1 - polar**2)


def test_a_chain_has_the_bond_order_of_its_filling():
    """Half filled at low temperature: P(1) = (2/π), so the bond index is 4/π² and the ICOHP 2t/π."""
    found = populations(chain(400, kt=0.01), np.array([[0, 0, 1, 0, 0], [0, 0, 2, 0, 0]]), np.ones(2), 0.01)
    assert found.icohp[0].sum() == pytest.approx(-2 / np.pi, abs=1e-3)
    assert found.icobi[0].sum() == pytest.approx(4 / np.pi**2, abs=1e-3)
    assert abs(found.icohp[1].sum()) < 1e-9
    assert found.lowdin.sum() == pytest.approx(1)


@pytest.mark.parametrize("orbitals", [True, False])
def test_the_integral_of_the_cohp_up_to_the_fermi_level_is_the_icohp(orbitals):
    kt, bonds = 0.1, np.array([[0, 0, 1, 0, 0]])
    bands = chain(40, level=0.3, kt=kt)
    found = populations(bands, bonds, ONE, kt, orbitals=orbitals)
    at_fermi = np.interp(0, found.energies, found.integrated[0, 0])
    assert at_fermi == pytest.approx(icohp(bands, bonds)[0], abs=1e-3)
    below = found.energies <= 0
    area = np.trapezoid(found.cohp[0, 0][below], found.energies[below])
    assert area == pytest.approx(at_fermi, abs=5e-3)
    assert np.interp(0, found.energies, found.total_integrated[0]) == pytest.approx(
        found.lowdin.sum(), abs=2e-3
    )
    np.testing.assert_allclose(found.dos.sum(axis=1), found.total, atol=1e-9)
    assert len(found.cohp_orbitals) == orbitals


def random_bands(rng, spins):
    o, b, points = 5, 7, 3
    z = rng.normal(size=(points, o, 9)) + 1j * rng.normal(size=(points, o, 9))
    overlaps = z @ np.conj(np.swapaxes(z, 1, 2)) / 9 + np.eye(o)
    projections = (rng.normal(size=(spins, points, o, b)) + 1j * rng.normal(size=(spins, points, o, b))) / 3
    energies = np.sort(rng.normal(size=(spins, points, b)) * 4)
    f = 2 / spins / (1 + np.exp(energies / 0.3))
    k = np.array([[0, 0, 0], [0.2, 0.1, 0.4], [0.3, -0.2, 0.1]])
    return ProjectedBands(
        energies, f, projections, overlaps, np.array([0, 0, 1, 1, 2]), k, np.array([0.2, 0.4, 0.4]), True
    )


@pytest.mark.parametrize("spins", [1, 2])
def test_pairs_of_orbitals_add_up_and_both_ways_of_summing_agree(spins):
    bands, ties = random_bands(np.random.default_rng(3), spins), np.array([1, 2, 1])
    bonds = np.array([[0, 1, 0, 0, 0], [0, 2, 1, 0, -1], [1, 2, 0, 1, 0]])
    full = populations(bands, bonds, ties, 0.3)
    whole = populations(bands, bonds, ties, 0.3, orbitals=False)
    np.testing.assert_allclose([x.sum() for x in full.icohp], icohp(bands, bonds) / ties, rtol=1e-9)
    np.testing.assert_allclose(full.cohp, whole.cohp, atol=1e-9)
    np.testing.assert_allclose(full.integrated, whole.integrated, atol=1e-9)
    assert full.mulliken.sum() == pytest.approx(full.lowdin.sum())
