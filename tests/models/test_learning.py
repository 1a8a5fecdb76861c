"""Kernels, process, validation, model: known truths."""

import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from getl_utils.core import cells
from getl_utils.core.parameters import for_stage
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import descriptors
from getl_utils.etl.database import Database, collect, mix, read, write
from getl_utils.etl.features import Features
from getl_utils.models import gp, kernels, model, validation

ELEMENTS = ["Ni", "Ti"]


def unit(n, m, seed=0):
    rows = np.abs(np.random.default_rng(seed).normal(size=(n, m)))
    return rows / np.linalg.norm(rows, axis=1)[:, None]


@pytest.fixture
def database():
    """Two compositions, two runs, three sub-runs; −ICOHP is a smooth function of distance and environment."""
    random = np.random.default_rng(1)
    rows = []
    for composition in ("Ni5Ti5", "Ni6Ti4"):
        for run in (1, 2):
            for sub_run in (0, 1, 2):
                for bond in range(12):
                    rows.append(
                        [composition, run, sub_run, bond, bond + 1, 0, 0, 0, "Ni", "Ni", random.uniform(2, 4)]
                    )
    names = [
        "composition",
        "run",
        "sub_run",
        "i",
        "j",
        "tx",
        "ty",
        "tz",
        "element_i",
        "element_j",
        "distance",
    ]
    bonds = pd.DataFrame(rows, columns=names).assign(engine="test", label_id="x", kept=True, type="Ni-Ni")
    soap = unit(200, 6)
    bonds["row_i"], bonds["row_j"] = random.integers(0, 200, (2, len(bonds)))
    mean = (soap[bonds.row_i] + soap[bonds.row_j]) / 2
    bonds["icohp"] = -np.exp(-bonds.distance / 2) * (1 + 3 * mean[:, 0])
    facts = {
        "engine": "test",
        "elements": ELEMENTS,
        "soap": {"elements": ELEMENTS, "cutoff": 3.0, "l_max": 1, "n_max": 1, "atom_sigma": 0.5},
    }
    return Database(bonds, soap, pd.DataFrame(columns=["kept", "element"]), facts | {"database_id": "y"})


def train_parameters(**changes):
    given = {
        "work_dir": "w",
        "elements": ELEMENTS,
        "seed": 0,
        "n_seeds": 2,
        "hyperparameters": {"default": {"gamma": 1e-5}},
    }
    return for_stage("05_train", given | changes)


def test_the_kernel_is_the_published_formula():
    a, b = unit(5, 7, 1), unit(5, 7, 2)
    d = np.linspace(2, 3, 5)
    ours = kernels.build("soap_se", zeta=2, theta=0.4)(Features(d, (a + b) / 2), Features(d, (a + b) / 2))
    for i in range(5):
        for j in range(5):
            sums = a[i] @ a[j] + b[i] @ b[j] + a[i] @ b[j] + b[i] @ a[j]
            assert ours[i, j] == pytest.approx(
                np.exp(-((d[i] - d[j]) ** 2) / (2 * 0.4**2)) * (sums / 4) ** 2, rel=1e-12
            )


def test_ornstein_uhlenbeck():
    bonds = Features(np.array([2.0, 2.5]), np.empty((2, 0)))
    assert kernels.build("ou", 1, 0.5)(bonds, bonds)[0, 1] == pytest.approx(np.exp(-1))


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="known are se, ou, soap_se, soap_ou, product_se, product_ou"):
        kernels.build("rbf", 1, 1)


def test_weights_solve_the_published_equation():
    d, s = np.linspace(2, 4, 40), unit(40, 5)
    y, bonds, kernel = np.exp(-d), Features(d, s), kernels.build("soap_se", 1, 0.5)
    process = gp.fit(kernel, bonds, y, gamma=0.01)
    np.testing.assert_allclose(
        (kernel(bonds, bonds) + y.std() * 0.01 * np.eye(40)) @ process.weights, y, atol=1e-10
    )


def test_prediction_in_blocks_is_the_whole(monkeypatch):
    bonds = Features(np.linspace(2, 4, 50), unit(50, 5))
    process = gp.fit(kernels.build("soap_se", 1, 0.5), bonds, np.exp(-bonds.distance), 0.01)
    whole = process.predict(bonds)
    monkeypatch.setattr(gp, "BLOCK", 7)
    np.testing.assert_allclose(process.predict(bonds), whole, rtol=1e-12)
    assert process.predict(bonds[:0]).shape == (0,)


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
        gp.fit(
            kernels.SquaredExponential(0.5), Features(np.linspace(2, 3, 5), np.empty((5, 0))), strength, 0.01
        )


def test_the_environment_is_learned_where_it_matters(database):
    table = validation.summary(validation.validate(database, train_parameters()).table).set_index("split")
    assert (table.rmse < 0.5 * table.baseline_rmse)["random"]
    assert set(table.index) == {"random", "by sub-run", "by atom", "by run", "by composition"}
    assert table.folds.to_dict() == {
        "random": 2,
        "by sub-run": 3,
        "by atom": 3,
        "by run": 4,
        "by composition": 2,
    }


def test_splits_hold_back_whole_groups(database):
    bonds = database.of_type("Ni-Ni")
    for split in validation.splits(bonds, train_parameters(crossed=[["Ni5Ti5", "Ni6Ti4"]])):
        assert not set(split.train) & set(split.test)
        if split.name == "by composition":
            assert not set(bonds.composition[split.train]) & set(bonds.composition[split.test])
        if split.name == "crossed":
            assert set(bonds.composition[split.train]) == {"Ni5Ti5"}


def test_same_seed_same_result_and_atom_order_does_not_matter(database):
    p = train_parameters()
    first, second = (validation.validate(database, p).table for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    swapped = database.bonds.rename(columns={"row_i": "row_j", "row_j": "row_i"})
    turned = Database(swapped, database.soap, database.clusters, database.facts)
    np.testing.assert_allclose(validation.validate(turned, p).table.rmse, first.rmse, rtol=1e-9)


def test_a_type_that_cannot_be_learned_does_not_stop_the_others(database):
    few = database.bonds.iloc[:3].assign(type="Ni-Ti", element_j="Ti")
    both = Database(
        pd.concat([database.bonds, few], ignore_index=True), database.soap, database.clusters, database.facts
    )
    result = validation.validate(both, train_parameters())
    assert "3 bonds" in result.refused["Ni-Ti"]
    assert "none of this type" in result.refused["Ti-Ti"]
    assert set(result.table.type) == {"Ni-Ni"}
    trained, _, without = model.train(both, train_parameters())
    assert set(trained.processes) == {"Ni-Ni", "Ni-Ti"}
    assert set(without) == {"Ti-Ti"}


def test_a_model_predicts_the_same_when_read_back(database, tmp_path):
    trained, arrays, _ = model.train(database, train_parameters())
    model.save(tmp_path, trained, arrays)
    again = model.load(tmp_path)
    bonds = database.features(database.of_type("Ni-Ni"))
    np.testing.assert_array_equal(
        again.processes["Ni-Ni"].predict(bonds), trained.processes["Ni-Ni"].predict(bonds)
    )
    assert again.facts["model_id"] == trained.facts["model_id"]


def test_a_model_that_is_not_whole_is_refused(database, tmp_path):
    with pytest.raises(FileNotFoundError, match="run 05_train first"):
        model.load(tmp_path)
    trained, arrays, _ = model.train(database, train_parameters())
    arrays.pop("Ni-Ni/weights")
    model.save(tmp_path, trained, arrays)
    with pytest.raises(ValueError, match="does not belong"):
        model.load(tmp_path)


def test_mixed_databases_draw_without_replacement_and_by_seed(database, tmp_path):
    mixed = mix(database, ["Ni6Ti4", "Ni5Ti5"], 20, seed=3)
    assert mixed.bonds.groupby("source").size().tolist() == [20, 20]
    assert (mixed.bonds.composition[mixed.bonds.source == 0] == "Ni6Ti4").all()
    assert not mixed.bonds.duplicated(["composition", "run", "sub_run", "i", "j"]).any()
    again = mix(database, ["Ni6Ti4", "Ni5Ti5"], 20, seed=3)
    pd.testing.assert_frame_equal(mixed.bonds, again.bonds)
    facts = write(tmp_path, mixed, "DB1")
    stored = read(tmp_path)
    np.testing.assert_array_equal(stored.features(stored.bonds).mean, mixed.features(mixed.bonds).mean)
    assert facts["database_id"] == write(tmp_path / "b", again, "DB1")["database_id"]
    with pytest.raises(ValueError, match="Ni7Ti3 is not in the database"):
        mix(database, ["Ni7Ti3"], 20, seed=3)


def test_labels_of_two_engines_never_mix(database, tmp_path):
    bonds = database.bonds.copy()
    bonds.loc[0, "engine"] = "lobster"
    with pytest.raises(ValueError, match="several engines"):
        collect(WorkDir(tmp_path), bonds, database.clusters, {}, ELEMENTS, "kept")


def test_labels_of_two_engines_mix_where_both_are_named(database, tmp_path):
    work, bonds, descriptor = (
        WorkDir(tmp_path),
        database.bonds.copy(),
        descriptors.Soap(**database.facts["soap"]),
    )
    bonds.loc[0, "engine"] = "lobster"
    for key, rows in bonds.groupby(["composition", "run", "sub_run"]):
        atoms = Atoms("Ni" * (rows[["i", "j"]].to_numpy().max() + 1), cell=[9, 9, 9])
        atoms.positions = np.random.default_rng(0).uniform(0, 9, (len(atoms), 3))
        cells.write(work.cell(*key), atoms, cells.CellKey(*key))
        descriptors.describe(work, cells.CellKey(*key), descriptor)
    names = sorted(bonds.engine.unique())
    with pytest.raises(ValueError, match="name them all in mix_engines"):
        collect(work, bonds, database.clusters, descriptor.to_dict(), ELEMENTS, "kept", names[:1])
    mixed = collect(work, bonds, database.clusters, descriptor.to_dict(), ELEMENTS, "kept", names)
    assert mixed.facts["engine"] == " + ".join(names)
    assert sorted(mixed.bonds.engine.unique()) == names


def test_a_database_that_is_not_whole_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="run 04_load first"):
        read(tmp_path)


def test_result_files_have_the_published_form(database, tmp_path):
    p = train_parameters()
    result = validation.validate(database, p).parity["Ni-Ni"]
    validation.write_results(tmp_path, "x", result)
    lines = (tmp_path / "x.info").read_text().splitlines()
    assert lines[0] == f"0 0 {result['predicted'][0]:10.6f} {result['true'][0]:10.6f}"
    assert [line.split()[0] for line in lines[-5:]] == [
        "RMSE",
        "TRAINING_VAR",
        "TESTING_VAR",
        "TRAINING_STD",
        "TESTING_STD",
    ]
    assert len((tmp_path / "x.dat").read_text().splitlines()) == result["n_test"]
