"""Do once, record last: what is done stays, what is half done is made again, what is another's is refused."""

import pytest

from getl_utils.core.once import once, standing
from getl_utils.core.record import read_json, write_json


@pytest.fixture
def folder(tmp_path):
    """A folder in which work was done once."""
    done(tmp_path, {"seed": 1})
    return tmp_path


def done(folder, identity, text="result", **choices):
    """Do the work in a folder; what was made, or None if it was done before."""
    made = []

    def make():
        (folder / "out.txt").write_text(text)
        made.append(text)
        return {"size": len(text)}

    record = once(folder / "work.json", identity, make, ["out.*"], **choices)
    assert record["identity"] == identity
    return made[0] if made else None


def test_the_record_has_identity_facts_and_checksums(folder):
    record = read_json(folder / "work.json")
    assert record["identity"] == {"seed": 1}
    assert record["size"] == 6
    assert set(record["sha256"]) == {"out.txt"}
    assert {"seconds", "code", "time"} <= set(record)


def test_what_is_done_is_not_done_again(folder):
    assert done(folder, {"seed": 1}, "other") is None
    assert (folder / "out.txt").read_text() == "result"


def test_other_work_is_refused_or_replaced(folder):
    with pytest.raises(ValueError, match=r"holds another run: seed \(1 there, 2 asked\)"):
        done(folder, {"seed": 2}, "other")
    assert done(folder, {"seed": 2}, "other", replace=True) == "other"


def test_a_damaged_result_is_refused_or_repaired(folder):
    (folder / "out.txt").write_text("resulT")
    with pytest.raises(ValueError, match="its checksum differs"):
        done(folder, {"seed": 1})
    assert done(folder, {"seed": 1}, repair=True) == "result"


def test_work_that_fails_leaves_no_record_and_its_leftovers_are_deleted(folder):
    def fail():
        (folder / "out.part").write_text("half")
        raise RuntimeError("no luck")

    with pytest.raises(RuntimeError):
        once(folder / "work.json", {"seed": 3}, fail, ["out.*"], replace=True)
    assert not (folder / "work.json").exists()
    assert done(folder, {"seed": 3}) == "result"
    assert not (folder / "out.part").exists()


def test_an_old_record_without_identity_is_compared_by_its_own_facts(tmp_path):
    write_json(tmp_path / "work.json", {"cell_id": "a", "other": 1})
    assert standing(tmp_path / "work.json", {"cell_id": "a"})["other"] == 1
    assert standing(tmp_path / "work.json", {"cell_id": "b"}, replace=True) is None
