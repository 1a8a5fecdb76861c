"""Progress: a bar in a terminal, a line of text in a notebook, few lines in a file; each with rate and time
left."""

import contextlib
import fcntl
import gzip
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import nbclient
import nbformat
import pytest
from conftest import REPOSITORY

from getl_utils.core import progress
from getl_utils.core.record import write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.files import frames
from getl_utils.ops import status as overview

LINE = r"labels: (\d+) %, (\d)/4 cells, +[\d.?]+ ?(cells/s|s/cells|s/ cells), \d\d:\d\d so far, [\d:?]+ left"
PROGRAM = """
import time
from getl_utils.core import progress
progress.EVERY["lines"] = {every}
for _ in progress.each(range(4), "labels", "cells"):
    time.sleep(0.1)
"""


def output(every, **changes):
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **changes}
    environment.pop("TQDM_DISABLE", None)
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(every=every)],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )


def test_a_file_gets_a_line_at_the_end_and_no_flood():
    done = output(30)
    assert done.stdout == ""
    (only,) = done.stderr.splitlines()
    assert re.fullmatch(LINE, only)[2] == "4"


def test_a_file_gets_a_line_every_so_often():
    lines = output(0.05).stderr.splitlines()
    assert [re.fullmatch(LINE, line)[2] for line in lines] == ["1", "2", "3", "4"]


def test_the_named_file_gets_the_lines_instead(tmp_path):
    done = output(30, GETL_PROGRESS=str(tmp_path / "stage.log"))
    assert done.stderr == ""
    assert re.fullmatch(LINE, (tmp_path / "stage.log").read_text().strip())


@pytest.mark.parametrize(
    ("columns", "looks"),
    [(80, r"\r(labels: 100%\|█+\| 4/4 \[\d\d:\d\d<00:00, .*/s\])"), (0, LINE)],
    ids=["wide", "no width"],
)
def test_a_terminal_has_a_bar_on_one_line(columns, looks):
    """One that does not know its width, in which tqdm shows nothing, gets lines."""
    main, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    program = [sys.executable, "-c", PROGRAM.format(every=30)]
    environment = {
        name: value for name, value in os.environ.items() if name not in ("TQDM_DISABLE", "GETL_PROGRESS")
    }
    subprocess.run(program, env={**environment, "PYTHONPATH": str(REPOSITORY)}, stderr=terminal, check=True)
    os.close(terminal)
    text = b""
    with contextlib.suppress(OSError):  # how a terminal says that it is at its end
        while part := os.read(main, 1000):
            text += part
    text = text.decode()
    assert text.count("\n") == 1
    assert re.search(looks, text)


def test_a_notebook_keeps_one_line_as_text(monkeypatch):
    """That of the last state, with no widget: it also reads without a kernel."""
    monkeypatch.delenv("TQDM_DISABLE", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(REPOSITORY))
    monkeypatch.setitem(os.environ, "GETL_PROGRESS", "")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(PROGRAM.format(every=30))])
    nbclient.NotebookClient(notebook, kernel_name="python3", timeout=60).execute()
    (only,) = notebook.cells[0].outputs
    assert list(only.data) == ["text/plain"]
    assert re.fullmatch(LINE, only.data["text/plain"])[2] == "4"


def test_nothing_is_shown_where_none_is_wanted(capsys):
    assert list(progress.each("ab", "letters", show=False)) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_without_a_total_no_time_left_is_told(capsys):
    with progress.line("prediction", None, "atoms") as bar:
        bar.update(2500)
    assert re.fullmatch(r"prediction: 2.50k atoms, .*/s, 00:00 so far\n", capsys.readouterr().err)


def test_status_shows_the_newest_line_of_a_running_stage(tmp_path, monkeypatch):
    work = WorkDir(tmp_path)
    notes = {"papermill": {"start_time": "2026-01-01", "end_time": None, "exception": None}}
    write_json(tmp_path / "notebooks/05_train.ipynb", {"cells": [], "metadata": notes})
    progress.log(work, "05_train").write_text("tuning: 50 %\nvalidation: 10 %, 3/30 fits\n")
    monkeypatch.setattr(overview, "owner", lambda folder: "someone" if folder == work.path else "")
    assert "05_train      running since 2026-01-01  validation: 10 %, 3/30 fits" in overview.status(work)


@pytest.mark.parametrize("zipped", [False, True])
def test_atoms_of_a_dump_are_counted_from_its_heads(tmp_path, zipped):
    box = "ITEM: BOX BOUNDS pp pp pp\n0 9\n0 9\n0 9\n"
    frame = f"ITEM: TIMESTEP\n{{}}\nITEM: NUMBER OF ATOMS\n{{}}\n{box}ITEM: ATOMS id type xs ys zs\n{{}}"
    text = "".join(frame.format(n, size, "1 1 0 0 0\n" * size) for n, size in enumerate((5, 7)))
    path = tmp_path / ("a.dump.gz" if zipped else "a.dump")
    path.write_bytes(gzip.compress(text.encode()) if zipped else text.encode())
    assert (frames.count_atoms([path]), frames.count_atoms([path, path], "last")) == (12, 14)


def test_atoms_of_a_data_file_are_counted_and_of_another_are_not(tmp_path):
    (tmp_path / "a.data").write_text("# a glass\n\n 500 atoms\n2 atom types\n")
    assert frames.count_atoms([tmp_path / "a.data"]) == 500
    (tmp_path / "a.xyz").write_text("1\n\nCu 0 0 0\n")
    assert frames.count_atoms([tmp_path / "a.data", tmp_path / "a.xyz"]) is None
