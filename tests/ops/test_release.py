"""The checks of a model, wherever the package and the user's files lie."""

import shutil

import pytest
from conftest import REPOSITORY

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
