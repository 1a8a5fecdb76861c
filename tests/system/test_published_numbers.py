"""The same code, given real LOBSTER data, must give the published numbers."""

import re

import ase.io
import ase.neighborlist
import numpy as np
import pytest
from conftest import MODEL_DATA, PUBLISHED_GLASS, REPOSITORY

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import type_of
from getl_utils.core.parameters import Setting
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import extract
from getl_utils.etl.descriptors import Soap
from getl_utils.files import espresso, lammps
from getl_utils.files import published as formats
from getl_utils.generate import sub_runs
from getl_utils.generate.sub_runs import deform
from getl_utils.inference import predictor
from getl_utils.labels import label
from getl_utils.models import model, validation

ROWS = {"Zr-Zr": 2246, "Cu-Cu": 1652, "Zr-Al": 222, "Cu-Al": 136}
COLUMNS = ["run", "sub_run", "i", "j", "distance", "icohp"]
PUBLISHED = MODEL_DATA / "Zr49Cu49Al2-PBSSDB"


def kept(run21):
    bonds = run21[2].bonds[run21[2].bonds.kept.astype(bool)]
    return bonds.assign(type=type_of(bonds.element_i, bonds.element_j, ["Zr", "Cu", "Al"]))


@pytest.mark.parametrize("bond_type", ROWS)
def test_bonds_equal_the_published_rows_to_the_last_digit(run21, bond_type, tmp_path):
    ours = kept(run21)
    ours = ours[ours.type == bond_type]
    formats.write_bnd(tmp_path / "ours.bnd", ours)
    published = [
        line for line in (PUBLISHED / f"{bond_type}.bnd").read_text().splitlines() if line.startswith("21 ")
    ]
    assert len(published) == ROWS[bond_type]
    assert sorted((tmp_path / "ours.bnd").read_text().splitlines()) == sorted(published)


def test_the_types_that_are_not_published(run21):
    assert kept(run21).type.value_counts().drop(list(ROWS)).to_dict() == {"Zr-Cu": 4927}


def test_statuses_of_run_21(run21):
    names = run21[2].status.set_index("sub_run").name
    assert names[13] == "SCF_NOT_CONVERGED"
    assert (names.drop(13) == "DONE").all()
    assert len(names) == 15


def test_ledgers_of_run_21(run21):
    work = run21[0]
    assert (work.path / "ND.info").read_text() == "21 13 2\n"
    ours = (work.path / "DUB.info").read_text().splitlines()
    published = [line for line in (PUBLISHED / "DUB.info").read_text().splitlines() if line.startswith("21 ")]
    assert sorted(ours) == sorted(published) == ["21 3 KNF: Cu94-Cu95", "21 3 KNF: Cu95-Cu94"]


def test_published_clusters_round_trip(reference, tmp_path):
    clusters = formats.read_clusters(MODEL_DATA / "Zr49Cu49Al2-PCSSDB/Al.xyz")
    formats.write_clusters(tmp_path / "Al.xyz", clusters)
    assert len(clusters) == 874
    assert (tmp_path / "Al.xyz").read_bytes() == (MODEL_DATA / "Zr49Cu49Al2-PCSSDB/Al.xyz").read_bytes()


def test_our_clusters_of_run_21_equal_the_published(run21, run21_database, tmp_path):
    """Same central atoms, same neighbours in the same places, same sums of −ICOHP."""
    from getl_utils.etl import database

    database.export(tmp_path, run21_database[0], run21[0])
    ours = {
        (a.info["SUB_STEP"], a.info["ID_CENTRAL_ATOM"]): a for a in formats.read_clusters(tmp_path / "Al.xyz")
    }
    published = [
        a for a in formats.read_clusters(MODEL_DATA / "Zr49Cu49Al2-PCSSDB/Al.xyz") if a.info["ID_RUN"] == 21
    ]
    assert len(published) == len(ours) == 28
    for theirs in published:
        mine = ours[theirs.info["SUB_STEP"], theirs.info["ID_CENTRAL_ATOM"]]
        assert mine.info["SUM_ICOHP"] == pytest.approx(theirs.info["SUM_ICOHP"], abs=1e-6)
        for one, other in ((mine, theirs), (theirs, mine)):
            gaps = np.linalg.norm(one.positions[:, None] - other.positions, axis=2)
            assert gaps.min(axis=1).max() < 5e-6
        assert sorted(mine.get_chemical_symbols()) == sorted(theirs.get_chemical_symbols())


def test_soap_equals_the_published_vectors(reference):
    vectors = formats.read_vec(PUBLISHED / "Al-Al-SOAPS.vec")
    names = "{ID_RUN}-{SUB_STEP}-{ID_CENTRAL_ATOM}"
    clusters = {
        names.format(**a.info): a for a in formats.read_clusters(MODEL_DATA / "Zr49Cu49Al2-PCSSDB/Al.xyz")
    }
    soap = Soap(["Zr", "Cu", "Al"], cutoff=3.75, l_max=6, n_max=8, atom_sigma=0.5)
    assert len(vectors) == 54
    worst = max(np.abs(soap.compute(clusters[name])[0] - vector).max() for name, vector in vectors.items())
    assert worst < 1e-12


def words(path):
    """All words of a file but those that hold a path of the machine it was made on."""
    return [line.split() for line in path.read_text().splitlines() if "dir = " not in line]


def test_cells_and_inputs_of_all_sub_runs_equal_the_published(reference, tmp_path):
    """From the fractional coordinates of sub-run 0 alone."""
    published = formats.sub_run_folders(reference, "Zr49Cu49Al2")
    p = parameters.for_stage("01_generate", parameters.read(REPOSITORY / "parameters/paper.yaml"))
    quenched = espresso.read_input(published[21, 0] / "Zr49Cu49Al2.scf.in")
    work = WorkDir(tmp_path)
    sub_runs.write_sub_runs(work, quenched, "Zr49Cu49Al2", 21, p.sub_runs, p.deformations.model_dump())
    bonds = {}
    for key in cells.keys(["Zr49Cu49Al2"], [21], p.sub_runs):
        label.write_inputs(work, key, p)
        ours, theirs = work.label(*key), published[key.run, key.sub_run]
        assert words(ours / "Zr49Cu49Al2.scf.in") == words(theirs / "Zr49Cu49Al2.scf.in"), key
        assert words(ours / "lobsterin") == words(theirs / "lobsterin"), key
        mine, listed = ((folder / "lobsterin-quippy").read_text().splitlines() for folder in (ours, theirs))
        assert mine[:9] == listed[:9]
        assert set(mine) == set(listed), key
        assert len(mine) == len(listed)
        bonds[key.sub_run] = len(mine) - 9
    assert (bonds[0], bonds[14]) == (1284, 1458)


def test_published_cells_are_the_deformed_ones(run21):
    work, keys, *_ = run21
    sizes = parameters.Deformations().model_dump()
    quenched = cells.read(work.cell(*keys[0]))
    for key, theirs in cells.each(work, keys):
        ours = deform(quenched, key.sub_run, sizes)
        assert np.abs(ours.cell.array - theirs.cell.array).max() < 2e-6
        assert np.abs(ours.positions - theirs.positions).max() < 2e-5


# Cu-Al and Zr-Al have 46 and 50 test bonds, and one Cu-Al bond of 1.90 Å (sub-run 6), which no model foresees
# unless it was trained on it, decides the error of the splits that hold it back: 0.054 eV is the mean of 200
# splits, 0.061 of 200 at 70 %.
TARGETS = {"Zr-Cu": 0.083, "Cu-Cu": 0.043, "Zr-Zr": 0.092, "Cu-Al": 0.060, "Zr-Al": 0.110}


def random_split_rmse(run21_database, bond_type, n_seeds, setting):
    database, p = run21_database
    bonds = database.of_type(bond_type)
    features, strength = database.features(bonds), -bonds.icohp.to_numpy()
    splits = validation.random_splits(len(bonds), p.n_train, p.n_test, n_seeds, p.seed)
    h, labels = setting.hyperparameters_of(bond_type), model.groups(bonds)
    return np.mean([validation.score(features, strength, labels, s, setting, h)["rmse"] for s in splits])


@pytest.mark.parametrize("bond_type", TARGETS)
def test_random_split_rmse_of_run_21(run21_database, bond_type):
    published = Setting(hyperparameters=run21_database[1].published)
    assert random_split_rmse(run21_database, bond_type, 5, published) <= TARGETS[bond_type]


@pytest.mark.parametrize(("bond_type", "target"), {"Zr-Cu": 0.058, "Cu-Cu": 0.033, "Zr-Zr": 0.076}.items())
def test_the_product_kernel_beats_the_published_one(run21_database, bond_type, target):
    """As reference.yaml has it: SOAP compressed, hyperparameters by marginal likelihood."""
    database, p = run21_database
    assert p.setting.kernel == "product_se"
    small = database.compressed(p.compress)[0], p
    found = random_split_rmse(small, bond_type, 5, p.setting)
    assert found <= target
    told = dict(re.findall(r"(\w\w–\w\w) (0\.\d{3})", (REPOSITORY / "README.md").read_text()))
    assert float(told[bond_type.replace("-", "–")]) == pytest.approx(found, abs=6e-4)


def test_bond_counts_of_the_published_glass_agree_with_ase(reference):
    windows = parameters.read(REPOSITORY / "parameters/reference.yaml")["windows"]
    elements = ["Zr", "Cu", "Al"]
    atoms = lammps.read_data(reference / PUBLISHED_GLASS)
    ours = predictor.find_bonds(atoms, elements, windows).type.value_counts()
    limits = {tuple(t.split("-")): window[1] for t, window in windows.items()}
    i, j, d = ase.neighborlist.neighbor_list("ijd", atoms, limits)
    symbols = np.array(atoms.get_chemical_symbols())
    kinds = type_of(symbols[i], symbols[j], elements)
    for bond_type, (low, high) in windows.items():
        count = np.sum((kinds == bond_type) & (d >= low) & (d <= high))
        assert count == 2 * ours[bond_type]
    assert len(atoms) == 10_000


def test_published_data_files_are_readable_as_they_are(reference):
    bonds = formats.read_bnd(MODEL_DATA / "DB4/DB4_Zr-Cu.bnd")
    name, bond_type, counts = formats.read_database_info(MODEL_DATA / "DB4/DB4_Zr-Cu.info")
    assert (name, bond_type) == ("DB4", "Zr-Cu")
    assert bonds.groupby("source").size().tolist() == list(counts.values()) == [200, 200, 200]
    assert (
        len(extract.folders(WorkDir("none"), cells.keys(["Zr49Cu49Al2"], [21], range(15)), [reference])) == 15
    )
    assert (
        len(ase.io.read(formats.sub_run_folders(reference, "Zr49Cu49Al2")[21, 0] / "Zr49Cu49Al2.xyz")) == 100
    )


def test_the_table_in_the_readme_is_what_comes_out(run21_database):
    """Of each row: training bonds, RMSE and the distance alone, to the last printed digit but for
    rounding."""
    database, p = run21_database
    rows = re.findall(
        r"^\| (\w\w)–(\w\w) \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$",
        (REPOSITORY / "README.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) == 5
    published = Setting(hyperparameters=p.published)
    for first, second, n_train, *errors in rows:
        bonds = database.of_type(f"{first}-{second}")
        features, strength, h = (
            database.features(bonds),
            -bonds.icohp.to_numpy(),
            p.published[f"{first}-{second}"],
        )
        splits = list(validation.random_splits(len(bonds), p.n_train, p.n_test, p.n_seeds, p.seed))
        scores = [
            validation.score(features, strength, model.groups(bonds), split, published, h) for split in splits
        ]
        assert int(n_train) == len(splits[0].train)
        computed = [np.mean([s[name] for s in scores]) for name in ("rmse", "baseline_rmse")]
        np.testing.assert_allclose(list(map(float, errors)), computed, atol=6e-4)
