"""A case in few lines: what is said of a run, and a second call that does nothing."""

import json
import os

import pytest

from getl_utils.core import process
from getl_utils.core.record import read_json
from getl_utils.ops import running


def events(log):
    job = {"job_id": 7, "rule_name": "large", "rule_msg": "quench a glass", "log": [str(log)]}
    yield {"event": "job_info", **job}
    yield {"event": "progress", "done": 1, "total": 4}


def test_a_step_is_one_line_and_nothing_of_snakemake(tmp_path, capsys):
    board = running.Board(terminal=False)
    for event in [*events(tmp_path / "none.log"), {"event": "job_finished", "job_id": 7}]:
        board.take(event)
    board.take({"event": "job_info", "job_id": 0, "rule_name": "all"})
    board.take({"event": "job_finished", "job_id": 0})
    assert capsys.readouterr().err == " 0:00  quench a glass  0 s\n"


def test_without_a_terminal_it_says_from_time_to_time_what_runs_and_how_far_it_is(tmp_path, capsys):
    log = tmp_path / "progress.log"
    log.write_text("a: 12 %, 1/9 steps, 3 steps/s, 00:01 so far, 01:10 left\n")
    board = running.Board(terminal=False)
    for event in events(log):
        board.take(event)
    assert capsys.readouterr().err == ""
    board.last -= running.EVERY + 1
    board.refresh()
    board.refresh()
    assert capsys.readouterr().err == " 0:00  running: quench a glass (12 %, 01:10 left)\n"


def test_in_a_terminal_a_bar_counts_the_running_step_too(tmp_path):
    log = tmp_path / "progress.log"
    log.write_text("a: 50 %, 1/2 steps, 00:01 so far, 00:01 left\n")
    board = running.Board(terminal=True)
    for event in events(log):
        board.take(event)
    assert (board.bar.n, board.bar.total) == (1.5, 4)
    assert "quench a glass (50 %, 00:01 left)" in str(board.bar)
    board.close()


def test_a_failed_step_is_named(capsys):
    board = running.Board(terminal=False)
    for event in [*events("x.log"), {"event": "job_error", "job_id": 7}]:
        board.take(event)
    assert "FAILED  quench a glass" in capsys.readouterr().err


CASE = """
work_dir: {}
seed: 1
elements: [Ti, Ni]
compositions: [Ti27Ni27]
runs: [1]
reference_roots: [{}]
"""


@pytest.fixture
def case(tmp_path, monkeypatch):
    """A parameter file, and a stand-in for Snakemake that writes one result and tells of it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/label").write_text("1")
    file = tmp_path / "case.yaml"
    file.write_text(CASE.format(tmp_path / "work", tmp_path / "data"))
    starts = []

    def snakemake(words, folder, *, output, environment, pipes):
        starts.append(words)
        output.write_text("much")
        (tmp_path / "work/bonds.parquet").write_text("result")
        os.write(
            pipes[0], (json.dumps({"event": "job_info", "job_id": 1, "rule_name": "load"}) + "\n").encode()
        )
        return 0 if len(starts) < 5 else 1

    monkeypatch.setattr(process, "run", snakemake)
    monkeypatch.setattr(running.status, "summary", lambda work: "the table")
    monkeypatch.setattr(running.status, "status", lambda work: "the state")
    return tmp_path, file, starts


def test_a_second_call_starts_nothing_until_something_it_knows_is_gone_or_changed(case, capsys):
    folder, file, starts = case
    assert running.run(file, 2) == running.run(file, 2) == 0
    assert len(starts) == 1
    said = capsys.readouterr().out
    assert "nothing to do" in said
    assert said.count("the table") == 2
    assert str(folder / "work/bonds.parquet") in read_json(folder / "work/done/run.json")["files"]
    (folder / "work/bonds.parquet").unlink()
    running.run(file, 2)
    (folder / "data/label").write_text("22")
    running.run(file, 2)
    file.write_text(file.read_text() + "cutoff: 3.5\n")
    running.run(file, 2)
    assert len(starts) == 4
    (folder / "work/own.txt").write_text("a file of the user's own")
    running.run(file, 2)
    assert len(starts) == 4


def test_a_run_that_fails_says_where_to_look_and_is_not_taken_for_done(case, capsys):
    folder, file, starts = case
    starts += [None] * 4
    assert running.run(file, 2) == 1
    said = capsys.readouterr().err
    assert "run.log" in said
    assert "the state" in said
    assert not (folder / "work/done/run.json").exists()
