"""One sub-run's label: whole or not there, never of another cell or setting, and a failure is a status."""

import numpy as np
import pandas as pd
import pytest
from ase.build import bulk

from getl_utils.core import cells
from getl_utils.core.bonds import BOND
from getl_utils.core.bonds import KEY as KEY_NAMES
from getl_utils.core.neighbours import neighbour_table
from getl_utils.core.parameters import for_stage
from getl_utils.core.record import checksums, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import extract
from getl_utils.files import lobster
from getl_utils.labels import engine as engines
from getl_utils.labels import inputs, label
from getl_utils.labels.status import Status, judge

KEY = cells.CellKey("Cu32", 1, 0)


class Standin:
    """A stand-in for an engine: −ICOHP is exp(−d). Fails where told to."""

    name, preview, fails, both = "standin", True, None, False

    def missing(self):
        return None

    def label(self, atoms, *, orbitals, minimum_distance, cutoff, **settings):
        if self.fails:
            raise self.fails
        table = neighbour_table(atoms, cutoff, minimum_distance)
        table["icohp"] = -np.exp(-table.distance)
        if self.both:
            table = table.assign(icohp_full=table.icohp, icohp_lobster=1.1 * table.icohp)
        return engines.Label(table, {"engine": self.name, "projection": "full"})


@pytest.fixture
def standin(monkeypatch):
    engine = Standin()
    monkeypatch.setattr(engines, "get", lambda name: engine)
    return engine


@pytest.fixture
def work(tmp_path):
    work = WorkDir(tmp_path)
    atoms = bulk("Cu", cubic=True) * (2, 2, 2)
    atoms.rattle(0.05, seed=1)
    cells.write(work.cell(*KEY), atoms, KEY)
    return work


def parameters(**changes):
    given = {
        "work_dir": "w",
        "elements": ["Cu"],
        "seed": 1,
        "compositions": ["Cu32"],
        "runs": [1],
        "sub_runs": [0],
    }
    return for_stage(
        "01_generate",
        given | {"cutoff": 3.0, "engine": "standin", "orbitals": {"Cu": ["4s", "3d"]}} | changes,
    )


def test_a_label_is_read_back_bond_by_bond(work, standin):
    record = label.label_one(work, KEY, parameters())
    assert record["status"] == "DONE"
    result = extract.extract(work, [KEY], [], 3.0)
    assert result.status.name.tolist() == ["DONE"]
    bonds = result.bonds
    np.testing.assert_allclose(bonds.icohp, -np.exp(-bonds.distance), rtol=1e-15)
    theirs = neighbour_table(cells.read(work.cell(*KEY)), 4.2, 1.8)
    pd.testing.assert_frame_equal(
        bonds[["i", "j", "tx", "ty", "tz"]], theirs[["i", "j", "tx", "ty", "tz"]], check_dtype=False
    )
    assert bonds.kept.sum() == len(neighbour_table(cells.read(work.cell(*KEY)), 3.0))


def test_the_label_is_a_table_in_full_precision(work, standin):
    record = label.label_one(work, KEY, parameters())
    table = pd.read_parquet(work.label(*KEY) / "bonds.parquet")
    names = [*KEY_NAMES, *BOND, "element_i", "element_j", "distance", "icohp"]
    assert list(table) == [*names, "engine", "projection", "label_id"]
    assert set(table.label_id) == {record["label_id"]}
    assert table[KEY_NAMES].drop_duplicates().values.tolist() == [list(KEY)]
    assert (table.icohp == -np.exp(-table.distance)).all()
    listed = lobster.read_icohplist(work.label(*KEY) / "ICOHPLIST.lobster")
    assert listed.icohp.tolist() == table.icohp.round(5).tolist()
    assert set(record["sha256"]) == {"ICOHPLIST.lobster", "bonds.parquet"}


def test_a_label_without_table_is_read_from_its_list(work, standin):
    """Labels of the first version, as in the shipped data set: five decimals, projection full."""
    whole = label.label_one(work, KEY, parameters())
    exact = extract.extract(work, [KEY], [], 3.0).bonds
    folder = work.label(*KEY)
    (folder / "bonds.parquet").unlink()
    old = {name: value for name, value in whole.items() if name not in ("projection", "identity")}
    write_json(
        folder / "label.json",
        old | {"engine": "gpaw", "sha256": checksums(folder, [folder / "ICOHPLIST.lobster"])},
    )
    found = extract.extract(work, [KEY], [], 3.0).bonds
    assert found[BOND].to_numpy().tolist() == exact[BOND].to_numpy().tolist()
    assert found.icohp.tolist() == exact.icohp.round(5).tolist()
    assert set(found.projection) == {"full"}


def test_either_projection_can_be_extracted(work, standin):
    standin.both = True
    label.label_one(work, KEY, parameters())
    default, full, own = (
        extract.extract(work, [KEY], [], 3.0, projection=name).bonds for name in ("", "full", "lobster")
    )
    assert set(default.projection) == {"full"}
    assert default.icohp.tolist() == full.icohp.tolist()
    assert set(own.projection) == {"lobster"}
    np.testing.assert_allclose(own.icohp, 1.1 * full.icohp)


def test_a_projection_that_a_label_does_not_have_is_a_status(work, standin):
    label.label_one(work, KEY, parameters())
    found = extract.extract(work, [KEY], [], 3.0, projection="lobster")
    assert found.status.name.tolist() == ["NO_ICOHP"]
    assert "has projection full only" in found.status.reason[0]


def test_the_cutoff_of_extraction_counts_for_our_own_labels(work, standin):
    """Inputs of LOBSTER that lie beside a label of ours do not fix the clusters."""
    label.label_one(work, KEY, parameters())
    inputs.write_inputs(work, KEY, parameters())
    near, far = (extract.extract(work, [KEY], [], cutoff).bonds.kept.sum() for cutoff in (2.7, 4.0))
    assert 0 < near < far


def test_what_is_done_is_not_done_again(work, standin):
    first = label.label_one(work, KEY, parameters())
    standin.fails = AssertionError("computed again")
    assert label.label_one(work, KEY, parameters()) == first


def test_another_setting_or_cell_is_refused_and_nothing_is_lost(work, standin):
    label.label_one(work, KEY, parameters())
    with pytest.raises(
        ValueError, match=r"another run: label_window \(\[1.8, 4.2\] there, \[1.8, 4.0\] asked\)"
    ):
        label.label_one(work, KEY, parameters(label_window=[1.8, 4.0]))
    cells.write(work.cell(*KEY), bulk("Cu", cubic=True) * (2, 2, 2), KEY)
    with pytest.raises(ValueError, match="another run: cell_id"):
        label.label_one(work, KEY, parameters())
    assert judge(work.label(*KEY)).status == Status.DONE


def test_a_lost_list_is_computed_again(work, standin):
    label.label_one(work, KEY, parameters())
    (work.label(*KEY) / "ICOHPLIST.lobster").unlink()
    assert judge(work.label(*KEY)).status == Status.NO_ICOHP
    label.label_one(work, KEY, parameters())
    assert judge(work.label(*KEY)).status == Status.DONE


@pytest.mark.parametrize(
    ("failure", "status"),
    [
        (engines.LabelError("SCF_NOT_CONVERGED", "no luck"), Status.SCF_NOT_CONVERGED),
        (engines.LabelError("NO_ICOHP", "no luck"), Status.NO_ICOHP),
        (engines.LabelError("SPILLED", "no luck"), Status.SPILLED),
        (ValueError("no luck"), Status.NOTHING),
    ],
)
def test_a_failure_is_a_status_with_its_reason(work, standin, failure, status):
    standin.fails = failure
    label.label_one(work, KEY, parameters())
    verdict = judge(work.label(*KEY))
    assert verdict.status == status
    assert "no luck" in verdict.reason


def test_an_interrupt_leaves_nothing_that_looks_whole(work, standin):
    standin.fails = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        label.label_one(work, KEY, parameters())
    assert not judge(work.label(*KEY)).status.usable


def test_a_cell_too_small_for_its_cutoff_is_a_status(work, standin):
    label.label_one(work, KEY, parameters(cutoff=3.75))
    verdict = judge(work.label(*KEY))
    assert verdict.status == Status.NOTHING
    assert "less than twice the cutoff" in verdict.reason


def test_a_truncated_list_is_a_status_and_the_others_go_on(work, standin):
    other = cells.CellKey("Cu32", 1, 7)
    cells.write(work.cell(*other), cells.read(work.cell(*KEY)), other)
    for key in (KEY, other):
        label.label_one(work, key, parameters())
    path = work.label(*KEY) / "ICOHPLIST.lobster"
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-3]))
    result = extract.extract(work, [KEY, other], [], 3.0)
    assert result.status.name.tolist() == ["NO_ICOHP", "DONE"]
    assert "ICOHPLIST.lobster is not as it was written" in result.status.reason[0]
    assert set(result.bonds.sub_run) == {7}


def test_an_engine_that_is_not_there_is_named_before_anything_runs(work):
    with pytest.raises(ValueError, match=r"xtb"):
        next(label.label_all(work, [KEY], parameters(engine="xbt")))
