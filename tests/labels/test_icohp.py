"""ICOHP from projections, against closed forms and conservation laws."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
import scipy.linalg as la

from getl_utils.labels.icohp import ProjectedBands, icohp, spilling


def solve(hamiltonian, overlap, kpoints, electrons, atoms, spins=1, weights=None, drop=(), **options):
    """Bands of H(k), S(k); the lowest electrons/2 are full; orbitals in `drop` are left out of the
    projection."""
    keep = [o for o in range(len(atoms)) if o not in drop]
    weights = np.full(len(kpoints), 1 / len(kpoints)) if weights is None else weights
    values, vectors = zip(*[la.eigh(hamiltonian(k), overlap(k)) for k in kpoints], strict=True)
    values = np.array(values)
    level = np.sort(values.ravel())[round(electrons / 2 * len(kpoints)) - 1]
    f = (values <= level + 1e-9) * 2.0 / spins
    projections = np.array([(overlap(k) @ c)[keep] for k, c in zip(kpoints, vectors, strict=True)])
    overlaps = np.array([overlap(k)[np.ix_(keep, keep)] for k in kpoints])
    two = [np.array([x] * spins) for x in (values, f, projections)]
    return ProjectedBands(*two, overlaps, np.array(atoms)[keep], np.array(kpoints), weights, **options)


def ssh(k, onsite=(0.3, -0.4), inside=-1.2, across=-0.5, flux=0.0):
    """Chain …A–B–A–B…: B of the same cell at `inside`, A of the next cell after B at `across`."""
    hop = inside + across * np.exp(-2j * np.pi * k[0] + 1j * flux)
    return np.array([[onsite[0], hop], [np.conj(hop), onsite[1]]])


def ssh_overlap(k):
    return ssh(k, (1, 1), 0.2, 0.1)


def mesh(*n, shift=0.0):
    return np.array([[(i + shift) / m for i, m in zip(x, n, strict=True)] for x in product(*map(range, n))])


def random_bands(rng, orbitals=7, bands=7, points=1, complex_=True):
    atoms = np.array([0, 0, 1, 1, 1, 2, 2][:orbitals])
    raw = rng.normal(size=(1, points, orbitals, bands)) + 1j * complex_ * rng.normal(
        size=(1, points, orbitals, bands)
    )
    energies = np.sort(rng.normal(size=(1, points, bands)), axis=-1)
    overlaps = np.array([np.eye(orbitals) + 0.05 * np.ones((orbitals, orbitals))] * points)
    values, vectors = la.eigh(overlaps[0])
    orthonormal = np.array(
        [np.linalg.qr(r.conj().T)[0].conj().T if bands > orbitals else np.linalg.qr(r)[0] for r in raw[0]]
    )
    projections = ((vectors * np.sqrt(values)) @ vectors.T @ orthonormal)[None]
    occupations = np.clip(1.0 - energies, 0, 2)
    kpoints = mesh(points, 1, 1)
    return ProjectedBands(
        energies, occupations, projections, overlaps, atoms, kpoints, np.full(points, 1 / points)
    )


@pytest.mark.parametrize("s", [0.0, 0.2, 0.6])
def test_dimer_with_overlap_in_closed_form(s):
    a, b = -0.7, -2.0
    bands = solve(
        lambda k: np.array([[a, b], [b, a]]), lambda k: np.array([[1, s], [s, 1]]), [[0, 0, 0]], 2, [0, 1]
    )
    assert icohp(bands, [[0, 1, 0, 0, 0]])[0] == pytest.approx((b - a * s) / (1 - s**2))
    assert icohp(bands, [[0, 0, 0, 0, 0]])[0] == pytest.approx((a - b * s) / (1 - s**2))
    assert spilling(bands)["charge_spilling"] == pytest.approx(0, abs=1e-12)
    assert spilling(bands)["electrons"] == pytest.approx(2)


def test_antibonding_is_positive_and_a_full_band_carries_nothing():
    def bands(electrons, f):
        b = solve(
            lambda k: np.array([[0, -1.0], [-1, 0]]), lambda k: np.eye(2), [[0, 0, 0]], electrons, [0, 1]
        )
        return ProjectedBands(
            b.energies, np.array([[f]]), b.projections, b.overlaps, b.orbital_atoms, b.kpoints, b.weights
        )

    assert icohp(bands(2, [0.0, 2.0]), [[0, 1, 0, 0, 0]])[0] == pytest.approx(1)
    assert icohp(bands(2, [2.0, 2.0]), [[0, 1, 0, 0, 0]])[0] == pytest.approx(0)


@pytest.mark.parametrize("n", [8, 40, 400])
def test_half_filled_chain_in_closed_form(n):
    """Bond order of the half-filled ring with half-shifted k points: 2 / (N sin(π/N)), → 2/π."""
    t = -1.3
    bands = solve(
        lambda k: np.array([[2 * t * np.cos(2 * np.pi * k[0])]]),
        lambda k: np.eye(1),
        mesh(n, 1, 1, shift=0.5),
        1,
        [0],
    )
    order = 2 / (n * np.sin(np.pi / n))
    first, second, back = icohp(bands, [[0, 0, 1, 0, 0], [0, 0, 2, 0, 0], [0, 0, -1, 0, 0]])
    assert first == pytest.approx(t * order)
    assert back == pytest.approx(first)
    assert second == pytest.approx(0, abs=1e-12)
    if n == 400:
        assert first == pytest.approx(2 * t / np.pi, rel=1e-4)


def test_direction_of_the_translation():
    """Strong bond inside the cell, weak one from A to B in the cell before: the sign of T must tell them
    apart."""
    bands = solve(ssh, lambda k: np.eye(2), mesh(40, 1, 1, shift=0.5), 2, [0, 1])
    inside, across, wrong = icohp(bands, [[0, 1, 0, 0, 0], [0, 1, -1, 0, 0], [0, 1, 1, 0, 0]])
    # H(T) = Σ w e^{−2πi k·T} H(k): the term e^{−2πi k} of H_AB belongs to T = −1
    assert inside < -0.9
    assert -0.4 < across < -0.05
    assert wrong == pytest.approx(0, abs=1e-9)


def test_from_b_to_a_is_the_same_as_from_a_to_b():
    bands = solve(ssh, ssh_overlap, mesh(12, 1, 1), 2, [0, 1])
    forth, back = (
        icohp(bands, [[0, 1, -1, 0, 0], [0, 1, 2, 0, 0]]),
        icohp(bands, [[1, 0, 1, 0, 0], [1, 0, -2, 0, 0]]),
    )
    np.testing.assert_allclose(forth, back, atol=1e-12)


@pytest.mark.parametrize("points", [1, 5])
def test_all_terms_sum_to_the_band_energy(points):
    bands = random_bands(np.random.default_rng(1), points=points)
    every = [[i, j, t, 0, 0] for i in range(3) for j in range(3) for t in range(points)]
    energy = np.einsum("k,skb,skb->", bands.weights, bands.energies, bands.occupations)
    assert icohp(bands, every).sum() == pytest.approx(energy, abs=1e-10)


def test_all_terms_sum_to_the_band_energy_of_the_retained_bands():
    bands = solve(ssh, ssh_overlap, mesh(6, 1, 1), 2, [0, 1])
    part = ProjectedBands(
        bands.energies[..., :1],
        bands.occupations[..., :1],
        bands.projections[..., :1],
        bands.overlaps,
        bands.orbital_atoms,
        bands.kpoints,
        bands.weights,
    )
    every = [[i, j, t, 0, 0] for i in range(2) for j in range(2) for t in range(6)]
    assert icohp(part, every).sum() == pytest.approx((part.energies * part.occupations).sum() / 6)


def test_atom_order_does_not_matter():
    rng = np.random.default_rng(2)
    bands = random_bands(rng, points=3)
    order = rng.permutation(7)
    rename = np.array([2, 0, 1])
    overlaps = bands.overlaps[:, order][:, :, order]
    other = ProjectedBands(
        bands.energies,
        bands.occupations,
        bands.projections[:, :, order],
        overlaps,
        rename[bands.orbital_atoms[order]],
        bands.kpoints,
        bands.weights,
    )
    bonds = np.array([[0, 1, 0, 0, 0], [1, 2, 1, 0, 0], [0, 2, -1, 0, 0], [1, 1, 1, 0, 0]])
    renamed = bonds.copy()
    renamed[:, :2] = rename[bonds[:, :2]]
    np.testing.assert_allclose(icohp(other, renamed), icohp(bands, bonds), atol=1e-12)


def test_band_phases_do_not_matter():
    rng = np.random.default_rng(3)
    bands = random_bands(rng, points=2)
    phases = np.exp(2j * np.pi * rng.random((1, 2, 1, 7)))
    other = ProjectedBands(
        bands.energies,
        bands.occupations,
        bands.projections * phases,
        bands.overlaps,
        bands.orbital_atoms,
        bands.kpoints,
        bands.weights,
    )
    bonds = [[0, 1, 0, 0, 0], [1, 2, 1, 0, 0]]
    np.testing.assert_allclose(icohp(other, bonds), icohp(bands, bonds), atol=1e-12)


@pytest.mark.parametrize("flux", [0.0, 0.3])
def test_gamma_supercell_equals_the_mesh_of_the_primitive_cell(flux):
    n = 5
    primitive = solve(lambda k: ssh(k, flux=flux), ssh_overlap, mesh(n, 1, 1), 2, [0, 1])

    def folded(matrix):
        blocks = [
            [
                sum(np.exp(2j * np.pi * k[0] * (a - b)) * matrix(k) for k in mesh(n, 1, 1)) / n
                for b in range(n)
            ]
            for a in range(n)
        ]
        return np.block(blocks)

    big = solve(
        lambda k: folded(lambda q: ssh(q, flux=flux)),
        lambda k: folded(ssh_overlap),
        [[0, 0, 0]],
        2 * n,
        np.arange(2 * n),
    )
    np.testing.assert_allclose(np.sort(primitive.energies.ravel()), big.energies.ravel(), atol=1e-10)
    cells = np.arange(n)
    small = icohp(primitive, [[0, 1, t, 0, 0] for t in cells])
    large = icohp(big, [[0, 2 * t + 1, 0, 0, 0] for t in cells])
    np.testing.assert_allclose(large, small, atol=1e-10)


def test_spin_polarised_with_equal_channels_is_unpolarised():
    bonds = [[0, 1, 0, 0, 0], [0, 1, -1, 0, 0], [0, 0, 1, 0, 0]]
    one, two = (solve(ssh, ssh_overlap, mesh(6, 1, 1), 2, [0, 1], spins=s) for s in (1, 2))
    np.testing.assert_allclose(icohp(two, bonds), icohp(one, bonds), atol=1e-12)
    assert spilling(two) == pytest.approx(spilling(one))


def test_half_the_mesh_by_time_reversal():
    full = solve(ssh, ssh_overlap, mesh(8, 1, 1, shift=0.5), 2, [0, 1])
    half = ProjectedBands(
        full.energies[:, :4],
        full.occupations[:, :4],
        full.projections[:, :4],
        full.overlaps[:4],
        full.orbital_atoms,
        full.kpoints[:4],
        np.full(4, 0.25),
        time_reversal=True,
    )
    bonds = [[0, 1, 0, 0, 0], [0, 1, -1, 0, 0], [1, 1, 2, 0, 0]]
    np.testing.assert_allclose(icohp(half, bonds), icohp(full, bonds), atol=1e-12)


def test_zero_of_energy_matters_only_with_fewer_bands_than_orbitals():
    def shifted(bands, c):
        return ProjectedBands(
            bands.energies + c,
            bands.occupations,
            bands.projections,
            bands.overlaps,
            bands.orbital_atoms,
            bands.kpoints,
            bands.weights,
        )

    bonds = [[0, 1, 0, 0, 0], [1, 2, 1, 0, 0]]
    complete = random_bands(np.random.default_rng(4), points=2)
    np.testing.assert_allclose(icohp(shifted(complete, 7.0), bonds), icohp(complete, bonds), atol=1e-10)
    assert abs(icohp(shifted(complete, 7.0), [[0, 0, 0, 0, 0]]) - icohp(complete, [[0, 0, 0, 0, 0]]))[0] > 0.1
    partial = random_bands(np.random.default_rng(4), bands=5, points=2)
    assert spilling(partial)["bands_per_orbital"] == pytest.approx(5 / 7)
    assert np.abs(icohp(shifted(partial, 7.0), bonds) - icohp(partial, bonds)).max() > 0.01


def test_bands_outside_the_orbitals_are_left_out():
    """Three orbitals, the third (diffuse, high) not projected on: its band must not be blown up to norm 1."""
    h = np.array([[0, -1, 0.1], [-1, 0, 0.1], [0.1, 0.1, 30.0]])
    bands = solve(lambda k: h, lambda k: np.eye(3), [[0, 0, 0]], 2, [0, 1, 1], drop=[2])
    assert icohp(bands, [[0, 1, 0, 0, 0]])[0] == pytest.approx(-1, abs=0.01)
    found = spilling(bands)
    assert found["charge_spilling"] < 1e-3
    assert found["dropped_electrons"] == 0
    assert found["bands_per_orbital"] == 1
    buried = solve(
        lambda k: np.diag([-1.0, 0.0, -3.0]), lambda k: np.eye(3), [[0, 0, 0]], 4, [0, 1, 1], drop=[2]
    )
    assert spilling(buried)["dropped_electrons"] == pytest.approx(
        2
    )  # an occupied band the orbitals do not see
    assert spilling(buried)["charge_spilling"] == pytest.approx(0.5)


def test_lobsters_charge_spilling_counts_a_band_with_few_electrons_as_a_full_one():
    """One orbital sees the lower band whole, half of the second, which holds 0.02 electrons, and no third."""
    bands = ProjectedBands.gamma([-1, 0, 9], [2, 0.02, 1e-9], np.diag([1, 0.5**0.5, 0]), np.eye(3), [0, 0, 0])
    found = spilling(bands)
    assert found["charge_spilling"] == pytest.approx(0.01 / 2.02)
    assert found["occupied_spilling"] == pytest.approx(0.5 / 2)


def test_symmetric_orthonormalisation_is_that_of_lowdin():
    """C = p (p†p)^(−1/2) by another way; complete orthonormal bands stay as they are."""
    bands = random_bands(np.random.default_rng(5))
    bonds = [[0, 1, 0, 0, 0], [1, 2, 0, 0, 0]]
    np.testing.assert_allclose(icohp(replace(bands, symmetric=True), bonds), icohp(bands, bonds), atol=1e-10)
    noisy = replace(bands, projections=bands.projections + 0.1, symmetric=True)
    p = np.linalg.inv(la.sqrtm(bands.overlaps[0])) @ noisy.projections[0, 0]
    c = p @ np.linalg.inv(la.sqrtm(p.conj().T @ p))
    h, d = ((c * x[0, 0]) @ c.conj().T for x in (bands.energies, bands.occupations))
    expected = np.real(d.conj() * h)[:2, 2:5].sum()
    assert icohp(noisy, bonds)[0] == pytest.approx(expected, abs=1e-9)


def test_a_band_whose_symmetry_no_orbital_has_is_left_out_by_the_symmetric_way():
    """The bonding band of a dimer, and a second band that the orbitals do not see: hopping −1 eV · ½."""
    amplitudes = np.array([[1, 0], [1, 0]]) / 2**0.5
    bands = ProjectedBands.gamma([-1.0, 5.0], [2.0, 0.0], amplitudes, np.eye(2), [0, 1])
    bands = replace(bands, symmetric=True)
    assert icohp(bands, [[0, 1, 0, 0, 0]])[0] == pytest.approx(-0.5)
    assert spilling(bands)["bands_per_orbital"] == pytest.approx(0.5)


def test_all_terms_of_the_symmetric_way_sum_to_the_band_energy_too():
    bands = random_bands(np.random.default_rng(6), points=3)
    noisy = replace(bands, projections=bands.projections + 0.05, symmetric=True)
    every = [[i, j, t, 0, 0] for i in range(3) for j in range(3) for t in range(3)]
    energy = np.einsum("k,skb,skb->", bands.weights, bands.energies, bands.occupations)
    assert icohp(noisy, every).sum() == pytest.approx(energy, abs=1e-10)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"energies": np.zeros((1, 1, 3))}, "energies have shape"),
        ({"weights": np.array([0.5])}, "sum to 0.5"),
        ({"occupations": np.full((1, 1, 2), 3.0)}, "occupations from"),
        ({"overlaps": np.array([[[1, 0.3], [0, 1]]])}, "not Hermitian"),
        ({"projections": np.full((1, 1, 2, 2), np.nan)}, "projections hold NaN"),
        ({"projections": np.zeros((2, 2))}, "projections have shape"),
        ({"orbital_atoms": np.array([0.0, 1.0])}, "whole numbers"),
        ({"projections": np.zeros((3, 1, 2, 2))}, "3 spin channels"),
    ],
)
def test_bad_input_is_named(change, match):
    good = {
        "energies": np.zeros((1, 1, 2)),
        "occupations": np.ones((1, 1, 2)),
        "projections": np.eye(2)[None, None],
        "overlaps": np.eye(2)[None],
        "orbital_atoms": np.array([0, 1]),
        "kpoints": np.zeros((1, 3)),
        "weights": np.ones(1),
    }
    with pytest.raises(ValueError, match=match):
        ProjectedBands(**{**good, **change})


def test_dependent_orbitals_bands_and_wrong_bonds_are_named():
    def bands(projections, overlap):
        return ProjectedBands.gamma([0.0, 1.0], [2.0, 0.0], projections, overlap, [0, 1])

    with pytest.raises(ValueError, match="orbitals are linearly dependent"):
        icohp(bands(np.eye(2), np.ones((2, 2))), [[0, 1, 0, 0, 0]])
    with pytest.raises(ValueError, match="no band projects"):
        icohp(bands(np.zeros((2, 2)), np.eye(2)), [[0, 1, 0, 0, 0]])
    with pytest.raises(ValueError, match="no band projects"):
        icohp(replace(bands(np.zeros((2, 2)), np.eye(2)), symmetric=True), [[0, 1, 0, 0, 0]])
    dependent = bands(np.ones((2, 2)) / 2**0.5, np.eye(2))  # the second band adds nothing to the first
    assert spilling(dependent)["bands_per_orbital"] == pytest.approx(0.5)
    good = bands(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="names an atom that has no orbital"):
        icohp(good, [[0, 2, 0, 0, 0]])
    with pytest.raises(ValueError, match="shape"):
        icohp(good, [[0, 1]])
    assert icohp(good, []).shape == (0,)
