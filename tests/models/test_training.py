"""Training, validation, learning curves and studies on a small database whose law is known."""

import numpy as np
import pandas as pd
import pytest
import small
from ase.build import bulk

from getl_utils.core import cells
from getl_utils.core.bonds import BOND
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import for_stage
from getl_utils.core.workdir import WorkDir
from getl_utils.etl.database import Database
from getl_utils.inference import predictor
from getl_utils.models import bond_expansion, learning, model, results, splits, studies, training, validation
from getl_utils.models.bond_expansion import BondExpansion

ELEMENTS = ["Ti", "Ni"]
EXPANSION = BondExpansion(tuple(ELEMENTS), cutoff=4.0, n_radial=4, l_max=2)
LIMITS = dict.fromkeys(("Ti-Ti", "Ni-Ni", "Ti-Ni"), (1.8, 3.8))


def law(features, distance):
    """−ICOHP that falls with the distance and depends on what lies beside the middle of the bond."""
    return np.exp(2 - distance) * (1 + 0.4 * features[:, 3] - 0.3 * features[:, 14])


def crystal(seed):
    atoms = bulk("TiNi", "cesiumchloride", a=3.0) * (3, 3, 3)
    atoms.positions += np.random.default_rng(seed).normal(scale=0.12, size=(len(atoms), 3))
    return atoms


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """Two compositions, two runs, two sub-runs, with SOAP for the published model; the cells are written."""
    work, tables, soap = WorkDir(tmp_path_factory.mktemp("stored")), [], []
    transform = {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "compositions": ["Ti27Ni27"], "runs": [1]}
    transform |= {"soap": {"l_max": 2, "n_max": 3}, "cutoff": 3.4}
    chosen = training.descriptors(for_stage("03_transform", transform))
    for n in range(8):
        key = CellKey(("Ti27Ni27", "Ti26Ni28")[n // 4], 1 + n // 2 % 2, 7 * (n % 2))
        atoms = crystal(n)
        cells.write(work.cell(*key), atoms, key)
        bonds = predictor.find_bonds(atoms, ELEMENTS, LIMITS)[::2].reset_index(drop=True)
        places = {"row_i": bonds.i + 54 * n, "row_j": bonds.j + 54 * n}
        tables.append(bonds.assign(**key._asdict(), **places, engine="test", label_id=str(n), kept=True))
        soap.append(chosen["soap"].compute(atoms, None))
    table = pd.concat(tables, ignore_index=True)
    features = np.concatenate(
        [
            bond_expansion.describe(EXPANSION, cells.read(work.cell(*key)), rows[BOND].to_numpy())
            for key, rows in table.groupby(["composition", "run", "sub_run"], sort=False)
        ]
    )
    table["icohp"], table["row"] = -law(features, table.distance.to_numpy()), np.arange(len(table))
    settings = {"expansion": EXPANSION.to_dict(), "soap": chosen["soap"].settings}
    facts = {"engine": "test", "elements": ELEMENTS, "database_id": "y", "descriptors": settings}
    arrays = {"expansion": features, "soap": np.concatenate(soap)}
    return Database(table, arrays, pd.DataFrame(columns=["kept", "element"]), facts), work


def train_parameters(**changes):
    given = {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "n_seeds": 2, "n_train": 150, "n_test": 100}
    return for_stage("05_train", given | {"published": {"default": {"gamma": 0.01}}} | changes)


def test_every_type_is_learned_and_the_law_is_found(stored):
    trained, refused = training.train(stored[0], train_parameters())
    assert not refused
    assert trained.types == list(LIMITS)
    atoms = crystal(20)
    for bond_type, rows in predictor.find_bonds(atoms, ELEMENTS, LIMITS).groupby("type"):
        features = trained.describe(atoms, rows[BOND].to_numpy())
        true = law(features, rows.distance.to_numpy())
        found = trained.evaluate(bond_type, features, rows.distance.to_numpy())
        assert np.sqrt(np.mean((found.mean - true) ** 2)) < 0.05 * true.std()


def test_the_published_model_learns_from_the_same_bonds(stored):
    p = train_parameters()
    how = training.published_recipe(stored[0], p)
    trained, refused = training.train(stored[0], p, how)
    assert not refused
    assert trained.facts.kind == "published"
    assert {one.n_bonds for one in trained.facts.types.values()} == {150}
    assert training.published_recipe(stored[0], train_parameters(published={})) is None


@pytest.mark.parametrize("kind", ["linear", "published"])
def test_one_prediction_by_table_and_by_structure(stored, kind):
    p = train_parameters()
    how = training.published_recipe(stored[0], p) if kind == "published" else None
    trained, _ = training.train(stored[0], p, how)
    small.predicted_both_ways(trained, crystal(30), LIMITS)


def test_validation_has_every_split_and_both_models(stored):
    table = validation.summary(validation.validate(stored[0], train_parameters()).table)
    rows = table[table.type == "Ti-Ni"].set_index("split")
    assert rows.folds.to_dict() == {
        "random": 2,
        "by sub-run": 2,
        "by atom": 4,
        "by run": 4,
        "by composition": 2,
    }
    assert (rows.rmse < 0.2 * rows.baseline_rmse).all()
    assert (rows.rmse < rows.published_rmse).all()
    assert (rows.published_rmse < 1.2 * rows.baseline_rmse).all()


def test_splits_hold_back_whole_groups(stored):
    bonds = stored[0].of_type("Ti-Ni")
    for split in splits.splits(bonds, train_parameters(crossed=[["Ti27Ni27", "Ti26Ni28"]])):
        assert not set(split.train) & set(split.test)
        train, test = bonds.iloc[split.train], bonds.iloc[split.test]
        if split.name in ("by composition", "crossed"):
            assert not set(train.composition) & set(test.composition)
        if split.name == "by run":
            assert not set(train.composition + train.run.astype(str)) & set(
                test.composition + test.run.astype(str)
            )
        if split.name == "by atom":
            ends = [
                {(b.composition, b.run, e) for b in side.itertuples() for e in (b.i, b.j)}
                for side in (train, test)
            ]
            assert not ends[0] & ends[1]


def test_crossed_learns_from_bonds_drawn_from_all_of_a_composition(stored):
    """The first rows of a composition are those of its first cells."""
    bonds = stored[0].of_type("Ti-Ni")
    there = np.flatnonzero(bonds.composition == "Ti27Ni27")
    p = train_parameters(crossed=[["Ti27Ni27", "Ti26Ni28"]], n_train=len(there) // 2)
    (one,), (again,), (other,) = (
        [s for s in splits.splits(bonds, q) if s.name == "crossed"]
        for q in (p, p, p.model_copy(update={"seed": p.seed + 1}))
    )
    assert len(set(one.train)) == len(one.train) == len(there) // 2
    assert set(one.train) < set(there)
    assert set(one.train) != set(there[: len(one.train)])
    np.testing.assert_array_equal(one.train, again.train)
    assert set(one.train) != set(other.train)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda b: b.iloc[:1], "1 bonds"),
        (lambda b: b.iloc[:0], "none of this type"),
        (lambda b: pd.concat([b, b.iloc[:4]]), "4 bonds are there twice, the first is atoms"),
        (lambda b: b.assign(icohp=b.icohp.where(b.index > b.index[0])), "1 bonds hold NaN"),
    ],
    ids=["few", "absent", "twice", "nan"],
)
def test_bad_bonds_of_one_type_are_named_and_the_others_go_on(stored, spoil, says):
    good = stored[0].bonds
    bad = spoil(good[good.type == "Ni-Ni"])
    both = Database(
        pd.concat([good[good.type != "Ni-Ni"], bad], ignore_index=True),
        stored[0].arrays,
        good,
        stored[0].facts,
    )
    p = train_parameters()
    for how in (None, training.published_recipe(both, p)):
        trained, refused = training.train(both, p, how)
        assert says in refused["Ni-Ni"] or "1 training bonds" in refused["Ni-Ni"]
        assert trained.types == ["Ti-Ti", "Ti-Ni"]
    result = validation.validate(both, p, only=["random"])
    assert result.refused["Ni-Ni"]
    assert set(result.table.type) == {"Ti-Ti", "Ti-Ni"}


def test_learning_curves_fall_on_every_axis(stored):
    p = train_parameters(curve_sizes=[30, 60, 120, 5000], n_seeds=2)
    curves = learning.learning_curve(stored[0], p, axes=("bonds", "cells", "quenches"))
    some = curves[curves.type == "Ti-Ni"].groupby(["axis", "n"]).rmse.mean()
    assert list(some["bonds"].index)[:3] == [30, 60, 120]
    assert some["bonds"].iloc[-1] < 0.5 * some["bonds"].iloc[0]
    assert list(some["cells"].index) == [1, 2, 4, 6] or list(some["cells"].index) == [2, 4, 6]
    assert list(some["quenches"].index) == [1, 2, 3]
    assert set(learning.laws(curves).axis) == {"bonds", "cells", "quenches"}
    assert len(learning.laws(curves, "published_rmse"))


def test_studies_have_their_rows(stored):
    p = train_parameters(variants=[{"cutoff": 3.0}, {"l_max": 0}])
    table = studies.ablate(*stored, p, ["by run"])
    rows = table[table.type == "Ti-Ni"].set_index("changed")
    assert rows.rmse["l_max 0 (8 numbers)"] > 2 * rows.rmse["the model"]
    assert rows.rmse["the length not multiplied"] > 2 * rows.rmse["the model"]
    assert "the published model" in rows.index
    added = studies.augmentation(stored[0], p).set_index("learned_from")
    assert list(dict.fromkeys(added.index)) == ["as quenched", "and one axis", "all"]
    moved = studies.transfer(stored[0], p)
    assert set(moved.learned_from) == {"itself", "others", "all"}
    assert moved.groupby(["composition", "type"]).n_train.nunique().eq(1).all()


def test_a_described_database_has_the_same_bonds(stored):
    other = studies.described(*stored, EXPANSION)
    np.testing.assert_allclose(other.features(other.bonds), stored[0].features(stored[0].bonds), atol=1e-12)


def test_groups_are_quenches_or_the_sub_runs_of_one(stored):
    from getl_utils.etl.database import groups

    bonds = stored[0].bonds
    assert set(groups(bonds)) == {f"{c}/{r}" for c in ("Ti27Ni27", "Ti26Ni28") for r in (1, 2)}
    one = bonds[(bonds.composition == "Ti27Ni27") & (bonds.run == 1)]
    assert set(groups(one)) == {"Ti27Ni27/1/0", "Ti27Ni27/1/7"}


@pytest.mark.parametrize("kind", ["linear", "published"])
def test_likeness_is_1_for_the_bond_itself(stored, kind):
    from getl_utils.models.kernels import Bonds

    p = train_parameters()
    trained, _ = training.train(
        stored[0], p, training.published_recipe(stored[0], p) if kind == "published" else None
    )
    some = stored[0].of_type("Ti-Ni")[:50]
    many = Bonds(some.distance.to_numpy(), stored[0].features(some, trained.descriptor))
    found = trained.likeness("Ti-Ni", many[3:4], many)
    assert found.argmax() == 3
    assert found[3] == pytest.approx(1, abs=1e-12)


def test_metrics_say_what_the_model_is(stored):
    p = train_parameters()
    trained, _ = training.train(stored[0], p)
    table = validation.validate(stored[0], p, only=["random"]).table
    said = results.metrics(stored[0], table, {"Al-Al": "none"}, trained, "preview")
    assert said["model_id"] == trained.model_id
    assert {row["type"] for row in said["types"]} == set(LIMITS)
    assert isinstance(trained, model.Model)
