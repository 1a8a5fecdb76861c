"""Files are whole or not there."""

import os

import pytest

from getl_utils.core import record, workdir


def test_an_interrupt_leaves_the_old_file_and_nothing_else(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(KeyboardInterrupt), record.atomic_write(target) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_leaves_no_file_that_looks_whole(tmp_path):
    """/dev/full takes no byte: what a full disk does."""
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system: a full disk cannot be played")
    with (
        pytest.raises(OSError, match="No space left"),
        record.atomic_write(tmp_path / "a.txt"),
        open("/dev/full", "w") as full,
    ):
        full.write("x" * 10_000)
        full.flush()
    assert os.listdir(tmp_path) == []


def test_unwhole_json_is_named(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(ValueError, match=r"a\.json: not valid JSON"):
        record.read_json(tmp_path / "a.json")


def test_a_missing_stage_is_named(tmp_path):
    work = workdir.WorkDir(tmp_path)
    with pytest.raises(FileNotFoundError, match="run 02_extract first"):
        work.require(work.bonds, "02_extract")


def test_locate_names_all_places_it_looked(tmp_path):
    (tmp_path / "x.data").write_text("")
    assert workdir.locate("x.data", [str(tmp_path)]) == tmp_path / "x.data"
    with pytest.raises(FileNotFoundError, match="nor"):
        workdir.locate("y.data", [str(tmp_path)])
