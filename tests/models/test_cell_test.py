"""The published second test: one labelled cell, predicted from a database."""

import numpy as np
import pandas as pd
import pytest
from conftest import REFERENCE
from small import LIMITS

from getl_utils import cli
from getl_utils.core import parameters
from getl_utils.core.bonds import BOND, type_of
from getl_utils.core.cells import CellKey
from getl_utils.etl import database, load
from getl_utils.inference import predictor
from getl_utils.models import cell_test, training

KEY = CellKey("Ti27Ni27", 2, 7)
WIDE = (1.0, 9.0)


@pytest.fixture(scope="module")
def small(small_original):
    work, values = small_original
    p = parameters.for_stage("05_train", values)
    return work, database.read(work.database("all")), p


def test_the_rmsd_is_that_of_a_prediction_held_against_the_labels(small):
    work, stored, p = small
    key, atoms, bonds = cell_test.labelled(work.label(*KEY), 3.4)
    assert key == KEY
    table, refused = cell_test.errors(stored, key, atoms, bonds, WIDE, p)
    assert not refused
    assert set(table.model) == {"linear", "published"}
    for how in (None, training.published_recipe(stored, p)):
        trained, _ = training.train(stored, p, how)
        found = predictor.predict(trained, atoms, dict.fromkeys(LIMITS, WIDE))
        both = bonds.merge(found[[*BOND, "predicted", "type"]], on=BOND)
        assert len(both) == len(bonds)
        squares = ((both.predicted - both.icohp) ** 2).groupby(both.type).mean()
        ours = table[table.model == trained.facts.kind].set_index("type")
        np.testing.assert_allclose(ours.rmsd, np.sqrt(squares)[ours.index], rtol=1e-6)
        assert (ours.rmsd < ours.baseline).all()


def test_a_cell_or_its_quench_is_left_out(small):
    work, stored, p = small
    key, atoms, bonds = cell_test.labelled(work.label(*KEY), 3.4)
    tables = {}
    for without in ("none", "cell", "quench"):
        left = cell_test.held_back(stored, key, without)
        tables[without] = cell_test.errors(left, key, atoms, bonds, WIDE, p)[0]
    sizes = [tables[w].bonds_in_database.sum() for w in ("none", "cell", "quench")]
    assert sizes[0] > sizes[1] > sizes[2] > 0
    assert (tables["quench"].of_this_quench == 0).all()
    assert (tables["none"].of_this_quench > tables["cell"].of_this_quench).all()


def test_a_window_cuts_bonds_off(small):
    work, stored, p = small
    key, atoms, bonds = cell_test.labelled(work.label(*KEY), 3.4)
    table, _ = cell_test.errors(stored, key, atoms, bonds, (2.0, 3.0), p)
    one = table[table.model == "linear"]
    assert one.n_test.sum() == bonds.distance.between(2.0, 3.0).sum() < len(bonds)


def test_a_folder_that_is_no_label_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match=r"expected …/<composition>/<run>/<sub_run>"):
        cell_test.labelled(tmp_path / "label", 3.4)
    with pytest.raises(FileNotFoundError, match="name it by --structure"):
        cell_test.labelled(tmp_path / "Ti27Ni27/1/0", 3.4)


def test_names_of_published_folders(tmp_path):
    folder = tmp_path / "Zr49Cu49Al2/c/md/lammps/100/21/2000/3"
    assert cell_test._key(folder) == CellKey("Zr49Cu49Al2", 21, 3)


def test_the_command_on_our_labels(small, tmp_path, capsys):
    work = small[0]
    file = tmp_path / "case.yaml"
    file.write_text(
        "elements: [Ti, Ni]\nseed: 3\ncutoff: 3.4\ncompositions: [Ti27Ni27]\nruns: [1]\nwork_dir: w\n"
        "orbitals: {Ti: [3d], Ni: [3d]}\nsoap: {l_max: 2, n_max: 3}\npublished: {default: {gamma: 0.01}}\n"
    )
    words = ["test-cell", str(work.label(*KEY)), "--database", str(work.database("all"))]
    words += ["--parameters", str(file), "--without", "quench", "--out", str(tmp_path / "errors.csv")]
    assert cli.main(words) == 0
    assert "Ti27Ni27/2/7: " in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "errors.csv")
    assert (table.of_this_quench == 0).all()
    assert (table.rmsd > 0).all()


def test_the_commands_on_the_part_of_the_published_data(reference, capsys):
    """It has clusters of Al alone: the commands say of each type what is missing."""
    data = REFERENCE / "data_examples/ETL_model/ML/big-data-full"
    assert cli.main(["test-published", str(data / "Zr49Cu49Al2-PBSSDB")]) == 1
    said = capsys.readouterr().out
    assert "Zr-Zr: 0 of 76919 bonds have clusters around both atoms" in said
    assert "NOT TESTED: Al-Al: 27 bonds: fewer than 30" in said
    (cell,) = REFERENCE.glob("data_examples/G/**/21/2000/0")
    assert cli.main(["test-cell", str(cell), "--database", str(data / "DB4")]) in (0, 1)
    assert "NOT TESTED: published, Zr-Cu: 0 training bonds" in capsys.readouterr().out


@pytest.fixture(scope="module")
def run21_published(run21, tmp_path_factory):
    """Run 21 as a whole published database: all .bnd and the clusters of all three elements."""
    work, _, result, _ = run21
    types = type_of(result.bonds.element_i, result.bonds.element_j, ["Zr", "Cu", "Al"])
    facts = {"name": "run 21"}
    stored = database.Database(result.bonds.assign(type=types), {}, result.clusters, facts)
    root = tmp_path_factory.mktemp("published")
    folders = {".bnd": root / "Zr49Cu49Al2-PBSSDB", ".xyz": root / "Zr49Cu49Al2-PCSSDB"}
    for folder in folders.values():
        folder.mkdir()
    for path in load.export(root, stored, work, 3.75):
        path.rename(folders[path.suffix] / path.name)
    return folders[".bnd"]


@pytest.mark.slow  # describes 1400 clusters and inverts matrices of 2000 bonds, 25 times
def test_the_published_errors_of_run_21_from_bnd_and_clusters_alone(run21_published, tmp_path, capsys):
    """One run repeats the published errors of the types without Al, of which it has enough bonds."""
    assert cli.main(["test-published", str(run21_published), "--out", str(tmp_path / "a.csv")]) == 0
    table = pd.read_csv(tmp_path / "a.csv").set_index("type")
    for bond_type, error in {"Zr-Zr": 0.0906, "Cu-Cu": 0.0476, "Zr-Cu": 0.0826}.items():
        assert table.rmse[bond_type] == pytest.approx(error, rel=0.1), bond_type
    assert (table.rmse < table.baseline_rmse).all()
    assert "NOT TESTED: Al-Al: 0 training bonds" in capsys.readouterr().out


@pytest.mark.slow  # as above
def test_the_second_test_on_run_21_from_bnd_and_clusters_alone(run21_published, tmp_path, reference):
    (cell,) = reference.glob("data_examples/G/**/21/2000/0")
    words = ["test-cell", str(cell), "--database", str(run21_published), "--out", str(tmp_path / "a.csv")]
    assert cli.main([*words, "--without", "cell"]) == 0
    table = pd.read_csv(tmp_path / "a.csv").set_index("type")
    print(table.to_string())
    assert set(table.model) == {"published"}
    for bond_type in ("Zr-Zr", "Cu-Cu", "Zr-Cu"):
        assert table.rmsd[bond_type] < 0.2
        assert table.n_test[bond_type] > 100
