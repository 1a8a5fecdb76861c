"""The checks of a model, wherever the package and the user's files lie."""

import shutil

import pandas as pd
import pytest
from conftest import REPOSITORY

from getl_utils import cli
from getl_utils.core.parameters import for_stage
from getl_utils.etl import database
from getl_utils.models import model, training
from getl_utils.models.graph import library
from getl_utils.ops import release


@pytest.fixture
def clone(tmp_path, monkeypatch):
    """The working directory is another clone of the repository, which has the same files."""
    shutil.copytree(REPOSITORY / "getl_utils", tmp_path / "clone/getl_utils")
    monkeypatch.chdir(tmp_path / "clone")
    return tmp_path / "clone"


def test_checks_run_beside_another_clone(small, clone):
    work, _ = small
    own = clone / "release_checks.py"  # even of the same name as ours
    own.write_text("def test_mine(predicted):\n    assert len(predicted)\n")
    found = release.check(work.model, [own])
    assert {"finite", "mine"} <= set(found["checks"])
    assert found["checks"]["mine"]["outcome"] == "passed"


def test_a_file_of_checks_that_cannot_be_read_is_no_pass(small, tmp_path):
    work, _ = small
    (tmp_path / "broken.py").write_text("def test_mine(:\n")
    with pytest.raises(RuntimeError, match=r"did not run to their end:(.|\n)*broken\.py"):
        release.check(work.model, [tmp_path / "broken.py"])
    assert not (work.model / release.RESULT).exists()


def test_a_graph_model_is_checked_and_predicts_as_any_other(small, tmp_path):
    if library.missing():
        pytest.skip(f"GRAPH NETWORKS NOT CHECKED: {library.missing()}")
    work, values = small
    network = {"kind": "graph", "cutoff": 4.0, "angle_cutoff": 3.0, "n_radial": 8, "l_max": 1, "width": 8}
    network |= {"depth": 1, "members": 2, "calibration": 1, "epochs": 8, "rate": 0.01}
    p = for_stage("05_train", values | {"model": network})
    trained, refused = training.train(database.read(work.database("all")), p)
    assert not refused
    model.save(work.model, trained)
    found = release.check(work.model)["checks"]
    for name in ("finite", "a_b_is_b_a", "order", "rotation", "translation", "supercell", "decay[Ti-Ni]"):
        assert found[name]["outcome"] == "passed", found[name]
    assert {"no_jump_at_the_edge[Ti-Ni]", "beats_baseline[Ti-Ni]", "coverage[Ti-Ni]"} <= set(found)
    cell, out = next(work.path.rglob("*.xyz")), tmp_path / "bonds"
    allowed = [word for name in release.failures({"checks": found}) for word in ("--allow", name)]
    assert cli.main(["predict", str(cell), "--model", str(work.model), "--out", str(out), *allowed]) == 0
    bonds = pd.read_parquet(next(out.rglob("*.parquet")))
    assert set(bonds.model_id) == {trained.model_id}
    assert (bonds.sigma > 0).all()
