"""How far `make` says that the installation is, and Snakemake's events as `getl run` reads them."""

import importlib.util
import json
import os
import subprocess
import sys

import pytest
from conftest import REPOSITORY

from getl_utils.ops import running

SNAKEFILE = """
rule all:
    input: "b"
rule first:
    output: "a"
    message: "the first step"
    shell: "touch {output}"
rule second:
    input: "a"
    output: "b"
    shell: "FAILS"
"""


@pytest.fixture(scope="module")
def install():
    spec = importlib.util.spec_from_file_location("install", REPOSITORY / "workflow/install.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_what_the_lock_file_pins_is_counted(install):
    lock = "ase==3.29 ; python_version < '4' \\\n    --hash=sha256:a==\n    # via getl\nzstd==1.0 \\\n"
    assert install.wanted(lock) == 2
    assert install.wanted((REPOSITORY / "requirements.lock").read_text()) > 100


def test_half_is_fetched_and_half_is_in_place(install, tmp_path):
    (tmp_path / "pip-1.dist-info").mkdir()
    progress = install.Progress(4, tmp_path)
    assert progress.share() == 0
    progress.fetched = 4
    assert progress.share() == 0.5
    for name in "abc":
        (tmp_path / f"{name}-1.dist-info").mkdir()
    assert progress.share() == 0.875
    assert "88%" in progress.text()


@pytest.mark.parametrize(("command", "code"), [("touch {output}", 0), ("false", 1)])
def test_snakemakes_events_arrive(tmp_path, command, code, capsys):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.replace("FAILS", command))
    source, target = os.pipe()
    words = [sys.executable, "-m", "snakemake", "--cores", "1", "--logger", "getl", "--scheduler", "greedy"]
    place = {"PYTHONPATH": str(REPOSITORY / "workflow/logger"), running.EVENTS: str(target)}
    done = subprocess.run(
        words, cwd=tmp_path, env={**os.environ, **place}, pass_fds=[target], capture_output=True
    )
    os.close(target)
    with open(source) as pipe:
        events = [json.loads(line) for line in pipe]
    assert done.returncode == code
    board = running.Board(terminal=False)
    for event in events:
        board.take(event)
    lines = [line.split("  ")[1] for line in capsys.readouterr().err.splitlines()]
    assert lines == (["the first step", "second"] if code == 0 else ["the first step", "FAILED"])
