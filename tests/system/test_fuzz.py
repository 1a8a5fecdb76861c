"""Parsers of strangers' files on damaged inputs: refused or read, quickly and in little memory (`fuzz`)."""

import json
import os
import subprocess
import sys

import fuzz
import pytest
from conftest import REPOSITORY

FULL = pytest.param(100_000, marks=pytest.mark.slow)  # the same on 100 000 inputs: minutes for each parser


def fuzzed(parser: str, number: int) -> dict:
    """What `fuzz.run` gives in a process of its own."""
    command = [sys.executable, str(REPOSITORY / "tests/fuzz.py"), parser, str(number)]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return json.loads(answer.stdout)


@pytest.mark.parametrize("number", [300, FULL])
@pytest.mark.parametrize("parser", fuzz.PARSERS)
def test_damaged_files_are_refused_or_read(parser, number):
    result = fuzzed(parser, number)
    assert result["inputs"] == result["accepted"] + result["refused"] == number, result["notes"]
    assert result["unexpected"] == result["hangs"] == 0, result["notes"]
    assert result["slowest"] < fuzz.LIMIT
    assert result["peak"] < 1, f"{result['peak']} GiB"
    if number > 1000:
        assert result["accepted"] > 0
        assert result["refused"] > 0 or parser in ("lb.out", "scf.out", "LAMMPS log")


def test_an_unexpected_error_and_a_hang_are_counted(monkeypatch):
    """The counting itself: without it the test above could not fail."""

    def bad(path):
        raise KeyError("x")

    def endless(path):
        while True:
            pass

    monkeypatch.setattr(fuzz, "LIMIT", 0.05)
    monkeypatch.setitem(fuzz.PARSERS, "bad", ("x", "a b\n", bad))
    monkeypatch.setitem(fuzz.PARSERS, "endless", ("x", "a b\n", endless))
    assert fuzz.run("bad", 3)["unexpected"] == 3
    assert fuzz.run("endless", 2)["hangs"] == 2
