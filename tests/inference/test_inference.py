"""Predictions: equal to the direct sum, the same however the structure is turned or written, and honest about
bad input."""

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase import Atoms

from getl_utils.core.parameters import for_stage
from getl_utils.etl import database as databases
from getl_utils.etl.descriptors import Soap
from getl_utils.files.lobster import read_icohplist
from getl_utils.inference import predictor
from getl_utils.models import model

ELEMENTS = ["Ni", "Ti"]


def glass(seed=0, n=60, edge=9.6):
    """Ni–Ti atoms on a rattled grid: no two too close."""
    random = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(4) * edge / 4] * 3), -1).reshape(-1, 3)[:n]
    return Atoms(random.choice(ELEMENTS, n), grid + random.normal(0, 0.12, (n, 3)), cell=[edge] * 3, pbc=True)


@pytest.fixture(scope="module")
def trained():
    """A model of −ICOHP = exp(−d/2) × (1 + a component of the environment), from two cells."""
    soap, tables, vectors, offset = Soap(ELEMENTS, 3.3, 2, 3, 0.5), [], [], 0
    for seed in (1, 2):
        atoms = glass(seed)
        table = predictor.find_bonds(atoms, ELEMENTS, dict.fromkeys(("Ni-Ni", "Ti-Ti", "Ni-Ti"), (1.5, 3.3)))
        vectors.append(soap.compute(atoms))
        tables.append(table.assign(composition="x", run=seed, row_i=table.i + offset, row_j=table.j + offset))
        offset += len(atoms)
    bonds, stack = pd.concat(tables, ignore_index=True), np.concatenate(vectors)
    bonds["icohp"] = -np.exp(-bonds.distance / 2) * (1 + stack[bonds.row_i, 0] + stack[bonds.row_j, 0])
    facts = {"engine": "test", "elements": ELEMENTS, "soap": soap.to_dict(), "database_id": "y"}
    p = for_stage(
        "05_train",
        {"work_dir": "w", "elements": ELEMENTS, "seed": 1, "hyperparameters": {"default": {"gamma": 1e-4}}},
    )
    return model.train(databases.Database(bonds, stack, pd.DataFrame(), facts), p)[0]


def predict(trained, atoms):
    return predictor.predict(trained, atoms, predictor.windows(trained, {}))


def test_it_predicts_what_it_learned_in_a_glass_it_has_not_seen(trained):
    atoms = glass(seed=9)
    bonds, vectors = predict(trained, atoms), trained.soap.compute(atoms)
    true = -np.exp(-bonds.distance / 2) * (1 + vectors[bonds.i, 0] + vectors[bonds.j, 0])
    assert np.sqrt(np.mean((bonds.predicted - true) ** 2)) < 0.1 * true.std()


def test_turned_moved_and_renumbered_the_bonds_are_the_same(trained):
    atoms = glass(seed=3)
    first = np.sort(predict(trained, atoms).predicted)
    moved = atoms.copy()
    moved.positions += [1.3, -20.1, 7.7]
    moved.wrap()
    turned = atoms.copy()
    turned.rotate(33, (1, 2, 3), rotate_cell=True)
    order = np.random.default_rng(0).permutation(len(atoms))
    for same in (moved, turned, atoms[order]):
        np.testing.assert_allclose(np.sort(predict(trained, same).predicted), first, atol=1e-7)


def test_a_supercell_has_each_bond_again(trained):
    atoms = glass(seed=3)
    one, eight = predict(trained, atoms), predict(trained, atoms * (2, 2, 2))
    np.testing.assert_allclose(np.sort(np.repeat(one.predicted, 8)), np.sort(eight.predicted), atol=1e-9)


def test_lobster_files_hold_every_bond(trained, tmp_path):
    atoms = glass(seed=4)
    ase.io.write(tmp_path / "big.xyz", atoms, format="extxyz")
    limits = predictor.windows(trained, {"Ni-Ti": [2.0, 3.0]})
    (row,) = predictor.predict_file(trained, tmp_path / "big.xyz", tmp_path / "out", limits, "last", True)
    table = pd.read_parquet(tmp_path / "out/1_0.parquet")
    listed = read_icohplist(tmp_path / "out/1_0_ICOHPLIST.lobster")
    assert row["bonds"] == len(table) == len(listed)
    np.testing.assert_allclose(listed.icohp, table.predicted, atol=5.1e-6)
    info = (tmp_path / "out/1_0_ICOHPLIST.info").read_text().splitlines()
    assert info[0] == f"{len(table)} interactions"
    assert sum(int(line.split()[1]) for line in info[3:]) == len(table)
    assert table.distance[table.type == "Ni-Ti"].between(2.0, 3.0).all()


def bad_element(atoms):
    atoms.symbols[3] = "Zr"


def bad_distance(atoms):
    atoms.positions[1] = atoms.positions[0] + 0.2


def bad_position(atoms):
    atoms.positions[5, 1] = np.nan


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(bad_element, "element Zr"), (bad_distance, "closer than physics"), (bad_position, "NaN")],
)
def test_a_frame_that_cannot_be_predicted_says_why_and_the_others_go_on(trained, tmp_path, spoil, says):
    frames = [glass(seed=s) for s in (5, 6, 7)]
    spoil(frames[1])
    ase.io.write(tmp_path / "run.xyz", frames, format="extxyz")
    limits = predictor.windows(trained, {})
    rows = predictor.predict_file(trained, tmp_path / "run.xyz", tmp_path / "out", limits, "all", False)
    assert [row["error"] == "" for row in rows] == [True, False, True]
    assert says in rows[1]["error"]
    assert sorted(f.name for f in (tmp_path / "out").glob("?_?.parquet")) == ["1_0.parquet", "3_0.parquet"]


def test_a_window_of_a_foreign_type_is_refused(trained):
    with pytest.raises(ValueError, match="Zr-Zr"):
        predictor.windows(trained, {"Zr-Zr": [2.0, 3.0]})


def test_no_window_means_the_range_of_the_training_bonds(trained):
    assert predictor.windows(trained, {})["Ni-Ni"] == tuple(trained.facts["types"]["Ni-Ni"]["window"])
