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


def test_a_lock_file_is_cut_into_its_packages(install):
    lock = "ase==3.29 ; python_version < '4' \\\n    --hash=a==\n    # via getl\nuv==1.0 \\\n    --hash=b\n"
    assert len(install.pinned(lock)) == 2
    assert install.pinned(lock, "uv") == ["uv==1.0 \\\n    --hash=b\n"]
    whole = install.LOCK.read_text()
    assert len(install.pinned(whole)) > 100
    assert len(install.pinned(whole, "uv")) == 1


@pytest.mark.parametrize(
    ("fails", "used"),
    [("nothing", ["pip uv", "uv lock", "uv ours"]),
     ("pip uv", ["pip uv", "pip lock", "pip ours"]),
     ("uv lock", ["pip uv", "uv lock", "pip lock", "pip ours"]),
     ("uv ours", ["pip uv", "uv lock", "uv ours"])],
)  # fmt: skip
def test_where_uv_cannot_install_pip_does(install, fails, used):
    asked = []

    def run(words):
        tool = "uv" if "uv" in words else "pip"
        what = "ours" if "-e" in words else "lock" if str(install.LOCK) in words else "uv"
        asked.append(f"{tool} {what}")
        return "no" * (asked[-1] == fails)

    assert install.install(run) == ("no" if fails == "uv ours" else "")
    assert asked == used


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
