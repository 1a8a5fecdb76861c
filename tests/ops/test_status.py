"""A work directory on one screen."""

import pytest

from getl_utils import cli
from getl_utils.core.record import read_json, write_json

FIRST = "1_0.json"


@pytest.mark.parametrize("spoilt", ["bonds.parquet", "database/all/soap.npy", "model/model.npz"])
def test_status_sees_the_damage_that_verify_sees(small, spoilt, capsys):
    work, _ = small
    (work.path / spoilt).write_bytes((work.path / spoilt).read_bytes()[:-1])
    assert cli.main(["status", str(work.path)]) == 0
    assert f"damaged: {work.path / spoilt} is not as it was written" in capsys.readouterr().out


def test_status_says_on_one_screen_what_is_done_failed_and_why(small, capsys):
    work, values = small
    write_json(work.path / "parameters/all.yaml", {**values, "sub_runs": [0, 1, 7]})  # JSON is YAML
    record = work.label("Ti27Ni27", 1, 7) / "label.json"
    write_json(record, read_json(record) | {"status": "SCF_NOT_CONVERGED", "reason": "250 iterations"})
    (work.quench("Ti27Ni27", 2) / "quench.json").unlink()
    (work.quench("Ti27Ni27", 2) / "log.lammps").touch()
    from getl_utils.core.process import lock

    with lock(work.path), lock(work.label("Ti27Ni27", 2, 1)):
        assert cli.main(["status", str(work.path)]) == 0
    said = capsys.readouterr().out
    assert len(said.splitlines()) < 25
    assert "in use by process" in said
    assert (
        "labels: 5 done, 1 running, 1 failed, 2 waiting" in said
        or "labels: 4 done, 1 running, 1 failed, 3 waiting" in said
    )
    assert "failed Ti27Ni27/1/7 SCF_NOT_CONVERGED: 250 iterations" in said
    assert "running Ti27Ni27/2/1 by process" in said
    assert "quenches: 2 done, 1 failed" in said
    assert "glass: 2 frames predicted" in said
    assert cli.main(["status", str(work.path / "absent")]) == 1


def test_status_reads_a_failed_notebook(small, capsys):
    work, _ = small
    error = {"output_type": "error", "ename": "ValueError", "evalue": "no bond to learn from\nmore"}
    notebook = {
        "cells": [{"outputs": [error]}],
        "metadata": {"papermill": {"exception": True, "start_time": "1", "end_time": "2"}},
    }
    write_json(work.path / "notebooks/04_load.ipynb", notebook)
    write_json(
        work.path / "notebooks/05_train.ipynb", {"cells": [], "metadata": {"papermill": {"start_time": "1"}}}
    )
    cli.main(["status", str(work.path)])
    said = capsys.readouterr().out
    assert "FAILED  ValueError: no bond to learn from" in said
    assert "interrupted; run again" in said


def test_of_a_data_set_only_the_large_glasses_are_counted(small, capsys):
    """Its cells and labels are not ours to make."""
    work, values = small
    root = str(work.path / "data")
    mine = {**values, "reference_roots": [root], "large_compositions": ["Ti9Ni9"]}
    write_json(work.path / "parameters/all.yaml", mine)
    assert cli.main(["status", str(work.path)]) == 0
    said = capsys.readouterr().out
    assert "large glasses: 0 done, 1 waiting" in said
    assert "labels:" not in said
    assert "quenches:" not in said
