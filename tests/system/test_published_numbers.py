"""The same code, given real LOBSTER data, must give the published numbers."""

import re
from functools import cache

import ase.io
import ase.neighborlist
import numpy as np
import pytest
from conftest import MODEL_DATA, PUBLISHED_GLASS, REPOSITORY

from getl_utils.core import cells, parameters
from getl_utils.core.bonds import type_of
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import extract, load
from getl_utils.etl.soap import Soap
from getl_utils.files import lammps
from getl_utils.files import published as formats
from getl_utils.generate import sub_runs
from getl_utils.generate.sub_runs import deform
from getl_utils.inference import predictor
from getl_utils.labels import inputs
from getl_utils.models import splits, training, validation
from getl_utils.models.validation import published_rmse

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
    load.export(tmp_path, run21_database[0], run21[0], 3.75)
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
    quenched = ase.io.read(published[21, 0] / "Zr49Cu49Al2.scf.in", format="espresso-in")
    work = WorkDir(tmp_path)
    sub_runs.write_sub_runs(work, quenched, "Zr49Cu49Al2", 21, p.sub_runs, p.deformations.model_dump())
    bonds = {}
    for key in cells.keys(["Zr49Cu49Al2"], [21], p.sub_runs):
        inputs.write_inputs(work, key, p)
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


class Scored:
    """The published model on the random splits of run 21. Each fit is of 2000 bonds, so each is done once."""

    def __init__(self, stored, p):
        self.stored, self.p, self.how = stored, p, training.published_recipe(stored, p)

    @cache  # noqa: B019 (as long-lived as the module)
    def splits(self, bond_type):
        bonds = self.stored.of_type(bond_type)
        return list(
            splits.random_splits(len(bonds), self.p.n_train, self.p.n_test, self.p.n_seeds, self.p.seed)
        )

    @cache  # noqa: B019
    def direct(self, bond_type, number):
        """By the sum over the training bonds, as `getl` scores any model."""
        bonds, split = self.stored.of_type(bond_type), self.splits(bond_type)[number]
        return validation.score(self.stored, {bond_type: bonds}, {bond_type: split}, self.how)[0][bond_type]

    @cache  # noqa: B019
    def contracted(self, bond_type, number):
        """By the contracted form, as `validate` computes it beside the default model."""
        bonds, split = self.stored.of_type(bond_type), self.splits(bond_type)[number]
        return published_rmse(self.stored, bonds, split, self.p)

    def instead(self, stored, bonds, split, p):
        """Stand in for `validation.published_rmse` on these splits: the same arguments, computed before."""
        bond_type = bonds.type.iloc[0]
        known = self.splits(bond_type)[int(split.fold)]
        assert (stored, p) == (self.stored, self.p)
        assert bonds.equals(stored.of_type(bond_type))
        assert all(np.array_equal(getattr(split, side), getattr(known, side)) for side in ("train", "test"))
        return self.contracted(bond_type, int(split.fold))


@pytest.fixture(scope="module")
def scored(run21_database):
    return Scored(*run21_database)


@pytest.mark.parametrize("bond_type", TARGETS)
def test_random_split_rmse_of_run_21(scored, bond_type):
    """By the published kernel with its own σ (`score`) and by its contracted form: the same, and as
    published."""
    errors = [scored.contracted(bond_type, number) for number in range(5)]
    assert np.mean(errors) <= TARGETS[bond_type]
    assert scored.direct(bond_type, 0)["rmse"] == pytest.approx(errors[0], abs=1e-9)


# With all types trained together on 2000 bonds of each, or 80 %; five random splits.
DEFAULT = {"Zr-Zr": 0.052, "Zr-Cu": 0.042, "Cu-Cu": 0.027, "Zr-Al": 0.063, "Cu-Al": 0.044}


def test_the_default_model_has_half_the_error_of_the_published_one(run21_database, scored, monkeypatch):
    stored, p = run21_database
    monkeypatch.setattr(validation, "published_rmse", scored.instead)
    table = validation.summary(validation.validate(stored, p, only=["random"]).table).set_index("type")
    for bond_type, most in DEFAULT.items():
        assert table.rmse[bond_type] <= most, bond_type
        assert table.rmse[bond_type] < 0.85 * table.published_rmse[bond_type], bond_type
    assert (table.rmse < 0.6 * table.published_rmse)[["Zr-Zr", "Zr-Cu", "Cu-Cu"]].all()


def test_the_published_glass_has_the_published_number_of_bonds(run21_database, reference):
    """And no number depends on whether σ is asked for: one is the contracted form, the other the direct
    sum."""
    stored, p = run21_database
    trained, refused = training.train(stored, p, training.published_recipe(stored, p))
    assert list(refused) == ["Al-Al"]
    windows = parameters.read(REPOSITORY / "parameters/reference.yaml")["windows"]
    limits = predictor.windows(trained, {t: w for t, w in windows.items() if t != "Al-Al"})
    atoms = lammps.read_data(reference / PUBLISHED_GLASS, trained.elements)
    fast = trained.predict(atoms, limits, sigma=False)
    assert len(fast.mean) == 66_515
    near = np.flatnonzero(
        (fast.bonds[:, :2] < 2500).all(axis=1)
    )  # few atoms: their vectors are computed again
    some = np.random.default_rng(0).choice(near, 1000, replace=False)
    vectors = trained.body.soap.compute(atoms, 0, 2500)
    for n, name in enumerate(fast.names):
        rows = some[fast.types[some] == n]
        features = 0.5 * (vectors[fast.bonds[rows, 0]] + vectors[fast.bonds[rows, 1]])
        direct = trained.evaluate(name, features, fast.distance[rows]).mean
        np.testing.assert_allclose(fast.mean[rows], direct, atol=1e-10)


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


def test_the_table_in_the_readme_is_what_comes_out(scored):
    """Of each row: training bonds, RMSE and the distance alone, to the last printed digit but for
    rounding."""
    rows = re.findall(
        r"^\| (\w\w)–(\w\w) \| (\d+) \| ([\d.]+) \| ([\d.]+) \|$",
        (REPOSITORY / "README.md").read_text(),
        re.MULTILINE,
    )
    assert len(rows) == 5
    for first, second, n_train, *errors in rows:
        found = scored.splits(f"{first}-{second}")
        assert int(n_train) == len(found[0].train)
        results = [scored.direct(f"{first}-{second}", number) for number in range(len(found))]
        computed = [[result[name] for name in ("rmse", "baseline_rmse")] for result in results]
        np.testing.assert_allclose(list(map(float, errors)), np.mean(computed, axis=0), atol=6e-4)
