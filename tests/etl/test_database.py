"""Descriptors of cells and the database: made once, refused when stale, the same when read back."""

import numpy as np
import pandas as pd
import pytest
from small import LIMITS, crystal

from getl_utils.core import cells
from getl_utils.core.bonds import BOND, KEY
from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import for_stage
from getl_utils.core.record import read_json, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database, descriptors, load
from getl_utils.inference import predictor
from getl_utils.models import training

ELEMENTS = ["Ti", "Ni"]


@pytest.fixture
def described(tmp_path):
    """Four cells with bonds of two compositions, and their descriptors."""
    work, tables = WorkDir(tmp_path / "work"), []
    values = {"work_dir": "w", "elements": ELEMENTS, "seed": 0, "compositions": ["Ti27Ni27"], "runs": [1]}
    p = for_stage("03_transform", values | {"cutoff": 3.4, "soap": {"l_max": 2, "n_max": 3}})
    chosen = training.descriptors(p)
    descriptors.remember(work, chosen)
    for n in range(4):
        key = CellKey(("Ti27Ni27", "Ti26Ni28")[n // 2], 1, 7 * (n % 2))
        cells.write(work.cell(*key), crystal(n), key)
        bonds = predictor.find_bonds(crystal(n), ELEMENTS, LIMITS)
        origin = {"engine": "test", "projection": "full", "label_id": str(n)}
        table = bonds.assign(**key._asdict(), **origin, icohp=-np.exp(-bonds.distance))
        tables.append(table.assign(kept=bonds.index % 2 == 0))
        descriptors.describe(work, key, tables[-1], chosen)
    clusters = pd.DataFrame(columns=["kept", "element"])
    return work, pd.concat(tables, ignore_index=True), clusters, chosen


def test_a_bond_keeps_its_descriptors_through_all_stages(described, tmp_path):
    work, bonds, clusters, chosen = described
    mixed_up = bonds.sample(frac=1, random_state=0)
    for key, rows in mixed_up.groupby(KEY, sort=False):
        descriptors.describe(work, CellKey(*key), rows, chosen)
    written = load.collect(work, mixed_up, clusters, ELEMENTS, "kept")
    database.write(tmp_path / "db", written, "all")
    stored = database.read(tmp_path / "db")
    assert len(stored.bonds) == bonds.kept.sum()
    for key, rows in stored.bonds.groupby(KEY):
        atoms, some = cells.read(work.cell(*CellKey(*key))), rows[BOND].to_numpy()
        np.testing.assert_array_equal(stored.features(rows), chosen["expansion"].compute(atoms, some))
        soap = chosen["soap"].compute(atoms, some)
        mean = 0.5 * (soap[rows.i] + soap[rows.j])
        np.testing.assert_array_equal(stored.features(rows, "soap"), mean)
    assert len(stored.arrays["expansion"]) == len(stored.bonds)


def test_descriptors_are_computed_once(described):
    work, bonds, _, chosen = described
    key = CellKey("Ti27Ni27", 1, 7)
    rows = bonds[(bonds.composition == key.composition) & (bonds.sub_run == 7)]
    path = work.descriptors(*key)
    age = path.stat().st_mtime_ns
    descriptors.describe(work, key, rows, chosen)
    assert path.stat().st_mtime_ns == age
    descriptors.describe(work, key, rows[:-1], chosen)
    assert path.stat().st_mtime_ns != age


STALE = {
    "is not there": lambda path: path.with_suffix(".json").unlink(),
    "differs": lambda path: path.write_bytes(path.read_bytes()[:-8] + b"spoilt!\n"),
    "cell_id": lambda path: change(path, cell_id="another"),
    "descriptors": lambda path: change(path, descriptors={}),
    "bonds": lambda path: change(path, bonds="others"),
}


def change(path, **what):
    record = read_json(path.with_suffix(".json"))
    write_json(path.with_suffix(".json"), record | {"identity": record["identity"] | what})


@pytest.mark.parametrize("why", STALE)
def test_descriptors_of_something_else_are_refused_and_made_again(described, why):
    work, bonds, clusters, chosen = described
    key = CellKey("Ti27Ni27", 1, 7)
    rows = bonds[(bonds.composition == key.composition) & (bonds.sub_run == 7)]
    STALE[why](work.descriptors(*key))
    with pytest.raises(ValueError, match=f"{why}.*: run 03_transform again"):
        load.collect(work, bonds, clusters, ELEMENTS, "labelled")
    descriptors.describe(work, key, rows, chosen)
    load.collect(work, bonds, clusters, ELEMENTS, "labelled")


def test_checks_of_a_cell(described):
    work, bonds, _, chosen = described
    key = CellKey("Ti27Ni27", 1, 0)
    rows = bonds[(bonds.composition == key.composition) & (bonds.sub_run == 0)]
    arrays, atoms = descriptors.describe(work, key, rows, chosen), cells.read(work.cell(*key))
    found = descriptors.checks(atoms, arrays, 3.4)
    assert found["bonds"] == len(rows)
    assert found["norm_error"] < 1e-12
    assert (found["not_finite"], found["isolated"], found["species"]) == (0, 0, ["Ni", "Ti"])
    arrays["expansion"][3, 2] = np.nan
    assert descriptors.checks(atoms, arrays, 3.4)["not_finite"] == 1


def test_mixed_databases_draw_without_replacement_and_by_seed(described, tmp_path):
    work, bonds, clusters, _ = described
    whole = load.collect(work, bonds, clusters, ELEMENTS, "labelled")
    mixed, again = (load.mix(whole, ["Ti26Ni28", "Ti27Ni27"], 20, seed=3) for _ in range(2))
    assert mixed.bonds.groupby(["source", "type"]).size().eq(20).all()
    assert (mixed.bonds.composition[mixed.bonds.source == 0] == "Ti26Ni28").all()
    assert not mixed.bonds.duplicated([*KEY, *BOND]).any()
    pd.testing.assert_frame_equal(mixed.bonds, again.bonds)
    facts = database.write(tmp_path / "a", mixed, "DB1")
    stored = database.read(tmp_path / "a")
    for name in ("expansion", "soap"):
        np.testing.assert_array_equal(stored.features(stored.bonds, name), mixed.features(mixed.bonds, name))
    assert facts["database_id"] == database.write(tmp_path / "b", again, "DB1")["database_id"]
    with pytest.raises(ValueError, match="Ti7Ni3 is not in the database"):
        load.mix(whole, ["Ti7Ni3"], 20, seed=3)


def test_labels_of_two_engines_mix_only_where_both_are_named(described):
    work, bonds, clusters, _ = described
    bonds.loc[0, "engine"] = "lobster"
    with pytest.raises(ValueError, match="several engines"):
        load.collect(work, bonds, clusters, ELEMENTS, "labelled")
    with pytest.raises(ValueError, match="name them all in mix_engines"):
        load.collect(work, bonds, clusters, ELEMENTS, "labelled", ["test"])
    mixed = load.collect(work, bonds, clusters, ELEMENTS, "labelled", ["test", "lobster"])
    assert mixed.facts["engine"] == "lobster + test"


def test_labels_of_two_projections_do_not_mix(described):
    work, bonds, clusters, _ = described
    bonds.loc[0, "projection"] = "lobster"
    with pytest.raises(ValueError, match=r"labels of two projections \(full, lobster\) would mix"):
        load.collect(work, bonds, clusters, ELEMENTS, "labelled")


def test_a_database_that_is_not_whole_or_old_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="run 04_load"):
        database.read(tmp_path)
    write_json(tmp_path / "database.json", {"soap": {}})
    with pytest.raises(ValueError, match="earlier version"):
        database.read(tmp_path)


def test_a_descriptor_that_is_not_there_is_named(described):
    work, bonds, clusters, _ = described
    whole = load.collect(work, bonds, clusters, ELEMENTS, "labelled")
    with pytest.raises(ValueError, match="the database holds no fourier"):
        whole.features(whole.bonds, "fourier")


def test_principal_components_find_the_axes():
    points = np.random.default_rng(0).normal(size=(500, 3)) * [5.0, 1.0, 0.1]
    coordinates, explained = descriptors.principal_components(points)
    assert explained[0] == pytest.approx(25 / 26, abs=0.02)
    assert abs(np.corrcoef(coordinates[:, 0], points[:, 0])[0, 1]) > 0.999
