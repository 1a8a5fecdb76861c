"""The published kernel and process against their formulas, and the model's fast form against the direct
sum."""

import numpy as np
import pytest
from test_training import LIMITS, crystal, stored, train_parameters  # noqa: F401

from getl_utils.models import gp, published, training
from getl_utils.models.kernels import Bonds, PublishedKernel, contract, lagrange


def unit(n, m, seed=0):
    rows = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


def bonds(n=40, seed=0):
    return Bonds(np.random.default_rng(seed).uniform(2, 4, n), (unit(n, 6, seed) + unit(n, 6, seed + 1)) / 2)


def label(some):
    return np.exp(-some.distance) * (1 + some.soap[:, 0])


def test_the_kernel_is_the_published_formula():
    a, b, d = unit(5, 7, 1), unit(5, 7, 2), np.linspace(2, 3, 5)
    both = Bonds(d, (a + b) / 2)
    ours = PublishedKernel(zeta=2, theta=0.4)(both, both)
    for i in range(5):
        for j in range(5):
            sums = a[i] @ a[j] + b[i] @ b[j] + a[i] @ b[j] + b[i] @ a[j]
            expected = np.exp(-((d[i] - d[j]) ** 2) / (2 * 0.4**2)) * (sums / 4) ** 2
            assert ours[i, j] == pytest.approx(expected, rel=1e-12)
    np.testing.assert_allclose(PublishedKernel(2, 0.4).diagonal(both), np.diag(ours), rtol=1e-12)


def test_weights_solve_the_published_equation():
    x, kernel = bonds(), PublishedKernel(1, 0.5)
    y = label(x)
    process = gp.fit(kernel, x, y, gamma=0.01)
    np.testing.assert_allclose((kernel(x, x) + y.std() * 0.01 * np.eye(40)) @ process.weights, y, atol=1e-10)


def test_prediction_in_blocks_is_the_whole(monkeypatch):
    x = bonds(50)
    process = gp.fit(PublishedKernel(1, 0.5), x, label(x), 0.01)
    whole, sigma = process.predict(x), process.sigma(x)
    monkeypatch.setattr(gp, "BLOCK", 7)
    np.testing.assert_allclose(process.predict(x), whole, rtol=1e-12)
    np.testing.assert_allclose(process.sigma(x), sigma, rtol=1e-12)
    assert process.predict(x[:0]).shape == (0,)


def test_groups_left_out_are_those_of_a_fit_without_them():
    x, kernel, groups = bonds(60), PublishedKernel(2, 0.5), np.arange(60) % 4
    y = label(x)
    process = gp.fit(kernel, x, y, 0.05)
    error, sigma = process.left_out(groups)
    for group in range(4):
        out, rest = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        matrix, k = kernel(x[rest], x[rest]) + process.noise * np.eye(len(rest)), kernel(x[out], x[rest])
        np.testing.assert_allclose(error[out], y[out] - k @ np.linalg.solve(matrix, y[rest]), atol=1e-10)
        explained = np.einsum("ij,ji->i", k, np.linalg.solve(matrix, k.T))
        variance = kernel.diagonal(x[out]) + process.noise - explained
        np.testing.assert_allclose(sigma[out], np.sqrt(process.scale * variance), rtol=1e-7)
    z = np.divide(*process.calibrated(groups).left_out(groups))
    assert np.mean(np.abs(z) < gp.NINETY) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    ("strength", "says"),
    [
        (np.full(5, 0.3), "the same"),
        (np.array([1, 2, np.nan, 3, 4]), "NaN"),
        (np.ones(4), "5 training bonds but 4"),
    ],
)
def test_what_cannot_be_learned_is_said(strength, says):
    with pytest.raises(ValueError, match=says):
        gp.fit(PublishedKernel(1, 0.5), bonds(5), strength, 0.01)


@pytest.mark.parametrize("theta", [0.3, 0.5, 1.0])
def test_the_contracted_form_is_the_direct_sum(theta):
    x, kernel = bonds(200), PublishedKernel(1, theta)
    process = gp.fit(kernel, x, label(x), 0.01)
    form = contract(kernel, x, process.weights, 1.8, 4.2)
    some = bonds(500, seed=7)
    found = np.einsum("nm,nm->n", lagrange(some.distance, 1.8, 4.2, len(form)), some.soap @ form.T)
    scale = np.abs(process.weights).sum()
    assert np.abs(found - process.predict(some)).max() < 1e-12 * scale
    with pytest.raises(ValueError, match="ζ = 2"):
        contract(PublishedKernel(2, theta), x, process.weights, 1.8, 4.2)


@pytest.mark.parametrize("zeta", [1, 2])
def test_with_and_without_sigma_the_means_are_the_same(stored, zeta, monkeypatch):  # noqa: F811
    p = train_parameters(published={"default": {"gamma": 0.01, "zeta": zeta}})
    trained, _ = training.train(stored[0], p, training.published_recipe(stored[0], p))
    monkeypatch.setattr(published, "ATOMS", 11)
    monkeypatch.setattr(published, "CACHED", 50)
    one, other = (trained.predict(crystal(40), LIMITS, sigma=s) for s in (True, False))
    np.testing.assert_array_equal(one.bonds, other.bonds)
    np.testing.assert_allclose(one.mean, other.mean, atol=1e-10)
    assert not len(other.sigma)
