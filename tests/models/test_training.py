"""Kernels, evidence, left-out errors, tuning and laws against what they must be."""

import numpy as np
import pandas as pd
import pytest
from test_learning import database, train_parameters, unit  # noqa: F401

from getl_utils.core import parameters
from getl_utils.etl.database import Database
from getl_utils.etl.descriptors import compression
from getl_utils.etl.features import Features
from getl_utils.models import gp, kernels, learning, model, studies, tuning, validation
from getl_utils.models.kernels import Pairing

NAMES = ["soap_se", "soap_ou", "product_se", "product_ou", "se", "ou"]


def bonds(n=40, atoms=25, seed=0):
    random = np.random.default_rng(seed)
    i, j = random.integers(0, atoms, (2, n))
    return Features(random.uniform(2, 4, n), unit(atoms, 6, seed), i, j)


def label(some):
    """−ICOHP of distance and of both ends, in either order."""
    return np.exp(-some.distance) * (1 + some.soap[some.i, 0] * some.soap[some.j, 0])


def test_the_product_kernel_is_the_formula_and_symmetric():
    x = bonds()
    ours = kernels.build("product_se", zeta=2, theta=0.4, floor=0.3)(x, x)
    a, b = x.soap[x.i], x.soap[x.j]
    for m in range(5):
        for n in range(5):
            ends = 0.5 * ((a[m] @ a[n]) * (b[m] @ b[n]) + (a[m] @ b[n]) * (b[m] @ a[n]))
            gap = np.exp(-((x.distance[m] - x.distance[n]) ** 2) / (2 * 0.4**2))
            assert ours[m, n] == pytest.approx((ends**2 + 0.3) * gap, rel=1e-12)
    turned = Features(x.distance, x.soap, x.j, x.i)
    np.testing.assert_allclose(kernels.build("product_se", 2, 0.4, 0.3)(turned, x), ours, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_is_positive_definite_and_knows_its_diagonal(name):
    x, kernel = bonds(80), kernels.build(name, 2, 0.5, 0.7)
    matrix = kernel(x, x)
    assert np.linalg.eigvalsh(matrix).min() > -1e-12 * len(matrix)
    np.testing.assert_allclose(kernel.diagonal(x), np.diag(matrix), rtol=1e-12)


def test_by_way_of_atoms_or_of_bonds_the_sum_is_the_same():
    many, few = bonds(60, 10), bonds(60, 200)
    for some in (many, few):
        np.testing.assert_allclose(Pairing(some, some).sum, some.mean @ some.mean.T, rtol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_of_the_evidence_is_its_finite_difference(name):
    x = bonds(50)
    y, kernel, pairs = label(x), kernels.build(name, 2, 0.6, 0.8), Pairing(x, x)
    found, step = gp.evidence(kernel, 0.02, pairs, y), 1e-5
    for n, ours in enumerate(found.gradient):
        sides = []
        for sign in (1, -1):
            moved = np.append(kernel.logarithms, np.log(0.02))
            moved[n] += sign * step
            sides.append(gp.evidence(kernel.at(moved[:-1]), np.exp(moved[-1]), pairs, y).value)
        assert ours == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4, abs=1e-5)


def test_the_evidence_is_the_normal_density_of_the_labels():
    from scipy.stats import multivariate_normal

    x = bonds(30)
    y, kernel = label(x), kernels.build("product_se", 1, 0.5)
    matrix = kernel(x, x) + 0.05 * np.eye(30)
    scale = y @ np.linalg.solve(matrix, y) / 30
    expected = multivariate_normal(np.zeros(30), scale * matrix).logpdf(y)
    assert gp.evidence(kernel, 0.05, Pairing(x, x), y).value == pytest.approx(expected, rel=1e-9)


def test_groups_left_out_are_those_of_a_fit_without_them():
    x, kernel = bonds(60), kernels.build("product_se", 2, 0.5, 0.5)
    y, groups = label(x), np.arange(60) % 4
    process = gp.fit(kernel, x, y, 0.05)
    error, sigma = process.left_out(groups)
    for group in range(4):
        out, rest = np.flatnonzero(groups == group), np.flatnonzero(groups != group)
        matrix = kernel(x[rest], x[rest]) + process.noise * np.eye(len(rest))
        k = kernel(x[out], x[rest])
        np.testing.assert_allclose(error[out], y[out] - k @ np.linalg.solve(matrix, y[rest]), atol=1e-10)
        variance = (
            kernel.diagonal(x[out]) + process.noise - np.einsum("ij,ji->i", k, np.linalg.solve(matrix, k.T))
        )
        np.testing.assert_allclose(sigma[out], np.sqrt(process.scale * variance), rtol=1e-7)
    z = np.divide(*process.calibrated(groups).left_out(groups))
    assert np.mean(np.abs(z) < gp.NINETY) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("mean", ["none", "constant", "curve"])
def test_far_from_all_it_has_seen_the_prior_mean_remains(mean):
    x = bonds(60)
    y = label(x) + 1
    process = gp.fit(kernels.build("product_se", 1, 0.2), x, y, 0.01, mean)
    far = Features(np.array([9.0]), x.soap, np.array([0]), np.array([1]))
    expected = {
        "none": 0,
        "constant": y.mean(),
        "curve": gp.fit_curve(x.distance, y).predict(np.array([9.0]))[0],
    }[mean]
    assert process.predict(far)[0] == pytest.approx(expected, abs=1e-9)


def test_compression_keeps_what_a_kernel_sees():
    vectors = unit(30, 8) @ unit(8, 40, 1)
    for some in (vectors, np.tile(vectors.T, (3, 1))):
        basis = compression(some, 8)
        np.testing.assert_allclose(basis @ basis.T, np.eye(8), atol=1e-10)
        np.testing.assert_allclose(
            (some @ basis.T) @ (some @ basis.T).T, some @ some.T, atol=1e-9 * np.abs(some).max() ** 2
        )


def test_tuning_finds_what_made_the_labels_and_the_file_can_be_read(database, tmp_path):  # noqa: F811
    p = train_parameters(kernel="product_se", tune="likelihood", n_tune=100)
    found = tuning.tune(database, p)
    table = found.table.set_index(["type", "criterion"])
    assert "none of this type" in found.refused["Ti-Ti"]
    assert table.ln_p["Ni-Ni", "likelihood"].max() >= table.ln_p["Ni-Ni", "groups"]
    assert table.left_out["Ni-Ni", "groups"] <= table.left_out["Ni-Ni", "likelihood"].min() + 1e-9
    parameters.write_setting(tmp_path / "tuned.yaml", found.setting)
    later = train_parameters(tuned=str(tmp_path / "tuned.yaml"))
    assert later.setting == found.setting
    before, after = (
        validation.summary(validation.validate(database, q).table).rmse[0]
        for q in (train_parameters(), later)
    )
    assert after < before


def test_the_search_by_groups_left_out_looks_further_than_its_start(database):  # noqa: F811
    some = [tuning.sample(database, "Ni-Ni", 100, "none", 1)]
    poor = parameters.Hyperparameters(zeta=1, theta=0.1, floor=1e-4, gamma=10)
    found, error = tuning.refine(some, "product_se", [poor])
    middle = parameters.Hyperparameters(zeta=1, theta=0.6, floor=30, gamma=0.1)
    assert error <= tuning.left_out(some, "product_se", middle) < tuning.left_out(some, "product_se", poor)
    assert error == pytest.approx(tuning.left_out(some, "product_se", found))


def test_a_tuning_that_is_not_there_or_is_none_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="with `tune` first"):
        parameters.read_setting(tmp_path / "a.yaml")
    (tmp_path / "a.yaml").write_text("kernel: rbf")
    with pytest.raises(ValueError, match="not a setting"):
        parameters.read_setting(tmp_path / "a.yaml")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda b: b.iloc[:1], "1 training bonds"),
        (lambda b: b.assign(icohp=-0.5), "the same"),
        (
            lambda b: pd.concat([b, b.iloc[:4]]),
            "4 bonds are there twice, the first is atoms 0–1 of Ni5Ti5/1/0",
        ),
        (lambda b: b.assign(icohp=b.icohp.where(b.index > 0)), "1 bonds hold NaN"),
        (lambda b: b.iloc[:0], "none of this type"),
    ],
    ids=["few", "constant", "twice", "nan", "absent"],
)
def test_bad_bonds_of_one_type_are_named_and_the_others_go_on(database, spoil, says):  # noqa: F811
    bad = spoil(database.bonds).assign(type="Ni-Ti", element_j="Ti")
    both = Database(
        pd.concat([database.bonds, bad], ignore_index=True), database.soap, database.clusters, database.facts
    )
    trained, _, refused = model.train(both, train_parameters())
    assert says in refused["Ni-Ti"]
    assert set(trained.processes) == {"Ni-Ni"}
    result = validation.validate(both, train_parameters())
    assert result.refused["Ni-Ti"]
    assert set(result.table.type) == {"Ni-Ni"}
    assert "Ni-Ti" in tuning.tune(both, train_parameters(tune="likelihood")).refused


def test_atoms_held_out_are_in_no_training_bond(database):  # noqa: F811
    some = database.of_type("Ni-Ni")
    for split in validation.atom_splits(some, 1000, 0):
        seen, new = (
            {(b.composition, b.run, e) for b in some.iloc[rows].itertuples() for e in (b.i, b.j)}
            for rows in (split.train, split.test)
        )
        assert not seen & new


def test_laws_find_what_made_the_curve():
    n = np.array([25, 50, 100, 200, 400, 800, 1600, 3200])
    noise = np.exp(np.random.default_rng(0).normal(scale=0.01, size=8))
    table = learning.fit_laws(n, 0.5 * n**-0.4 * noise).set_index("law")
    assert table.delta["power law"] == 0
    assert table.exponent["power law"] == pytest.approx(0.4, abs=0.02)
    table = learning.fit_laws(n, (0.5 * n**-0.8 + 0.04) * noise).set_index("law")
    assert table.delta["power law and floor"] == 0
    assert table.near["power law and floor"] == pytest.approx((0.5 / 0.004) ** (1 / 0.8), rel=0.3)


def test_learning_curves_fall(database):  # noqa: F811
    p = train_parameters(curve_sizes=[10, 20, 40, 80, 5000], n_seeds=3)
    curves = learning.learning_curve(database, p)
    mean = curves.groupby("n").rmse.mean()
    assert list(mean.index) == [10, 20, 40, 80, 115]
    assert mean[115] < 0.5 * mean[10]
    assert set(learning.laws(curves).type) == {"Ni-Ni"}


def test_ablation_augmentation_and_transfer_have_their_rows(database):  # noqa: F811
    p = train_parameters(n_tune=60, tune="likelihood")
    variants = {
        "product": p.model_copy(update={"kernel": "product_se"}),
        "distance": p.model_copy(update={"kernel": "se"}),
    }
    table = studies.ablate({n: (database, q) for n, q in variants.items()}, ["random"]).set_index("changed")
    assert set(table.split) == {"random"}
    assert table.rmse["product"] < 0.7 * table.rmse["distance"]
    added = studies.augmentation(database, p).set_index("learned_from")
    assert list(added.index) == ["as quenched", "and sheared", "all"]
    assert added.n_train["as quenched"] < added.n_train["all"]
    moved = studies.transfer(database, p)
    assert len(moved) == 6
    assert moved.groupby("composition").n_train.nunique().eq(1).all()
