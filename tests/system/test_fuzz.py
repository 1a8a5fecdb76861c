"""Parsers of strangers' files on damaged inputs: refused or read, quickly and in little memory (`fuzz`)."""

import json
import os
import subprocess
import sys

import fuzz
import pytest
from conftest import REPOSITORY

ALWAYS_READ = ("lb.out", "scf.out", "LAMMPS log")  # damaged, they say less


def fuzzed(number: int, *parsers: str) -> list[dict]:
    """What `fuzz.run` gives for each parser, all in a process of their own."""
    command = [sys.executable, str(REPOSITORY / "tests/fuzz.py"), str(number), *parsers]
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert answer.returncode == 0, answer.stderr[-2000:]
    return [json.loads(line) for line in answer.stdout.splitlines()]


def check(result: dict, number: int) -> None:
    """Every input was read or refused, in time and memory, and both did happen."""
    assert result["inputs"] == result["accepted"] + result["refused"] == number, result
    assert result["unexpected"] == result["hangs"] == 0, result
    assert result["slowest"] < fuzz.LIMIT, result
    assert result["peak"] < 1, result  # GiB
    assert result["accepted"] > 0, result
    assert result["refused"] > 0 or result["parser"] in ALWAYS_READ, result


def test_damaged_files_are_refused_or_read():
    results = fuzzed(300)
    assert [result["parser"] for result in results] == list(fuzz.PARSERS)
    for result in results:
        check(result, 300)


@pytest.mark.slow  # 100 000 inputs take one to three minutes for each parser
@pytest.mark.parametrize("parser", fuzz.PARSERS)
def test_a_hundred_thousand_damaged_files(parser):
    (result,) = fuzzed(100_000, parser)
    check(result, 100_000)


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
