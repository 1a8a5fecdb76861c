"""The commands of docs/own_alloy.md, typed as written, in the small: a pool of six cells, labels by xtb."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

from getl_utils.core import parameters
from getl_utils.core.record import read_json

DOCUMENT = REPOSITORY / "docs/own_alloy.md"
CASE = "parameters/learn/cu-zr.yaml"
WHOLE = parameters.read(REPOSITORY / CASE)
COMMANDS = [
    line
    for block in re.findall(r"^```bash\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]
SMALL = {
    "compositions": ["Zr16Cu16"],
    "large_compositions": ["Zr60Cu60"],
    "runs": [1, 2],
    "sub_runs": [0, 7, 13],
    "engine": "xtb",
    "engine_settings": {},
    "orbitals": {"Zr": ["4d", "5s"], "Cu": ["3d", "4s"]},
    "learn": {"cells": 3},
    "n_seeds": 1,
    "splits": ["random"],
    "quench": WHOLE["quench"] | {"melt_time": 1.0, "quench_rate": 1e15, "anneal_time": 0.5},
    "large_quench": {"melt_time": 0.5, "quench_rate": 1e15, "anneal_time": 0.2, "thermo_every": 100},
}
ALLOWED = " --allow beats_baseline --allow coverage"  # three cells of 32 atoms teach little


def typed(line, folder):
    """Run a line of the document on the small case; exit status and what it prints."""
    here = {".venv/bin": str(Path(sys.executable).parent), CASE: str(folder / "case.yaml")}
    here |= {"runs/cu-zr": str(folder / "work"), "Zr2000Cu2000": "Zr60Cu60"}
    for written, meant in here.items():
        line = line.replace(written, meant)
    line += ALLOWED if " predict " in line else ""
    words, environment = shlex.split(line), {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    answer = subprocess.run(
        words, capture_output=True, text=True, cwd=REPOSITORY, env=environment, timeout=1800
    )
    return answer.returncode, answer.stdout + answer.stderr


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The work directory, and what each line printed; `make engines` is not typed."""
    folder = tmp_path_factory.mktemp("own")
    values = {**WHOLE, **SMALL, "work_dir": str(folder / "work")}
    (folder / "case.yaml").write_text(yaml.safe_dump(values))
    found = {line: typed(line, folder) for line in COMMANDS if not line.startswith("make ")}
    return folder / "work", found


def test_what_is_typed_works_and_prints_what_the_document_says(said):
    """Every line of the document's text blocks is printed; `…` stands for anything."""
    work, found = said
    for line, (code, text) in found.items():
        failed = re.findall(r"^check (\w+)", text, re.MULTILINE)
        assert code == 0 or (set(failed) and set(failed) <= {"beats_baseline", "coverage"}), f"{line}\n{text}"
    printed = "\n".join(text for _, text in found.values())
    promised = re.findall(r"^```text\n(.*?)^```", DOCUMENT.read_text(), re.MULTILINE | re.DOTALL)
    assert promised
    for line in "".join(promised).splitlines():
        assert re.search(".*".join(map(re.escape, line.split("…"))), printed), line
    assert {"model.json", "checks.json"} <= {path.name for path in (work / "model").iterdir()}


def test_every_bond_of_the_glass_is_predicted(said):
    work, _ = said
    bonds = pd.read_parquet(work / "bonds/final/1_0.parquet")
    assert set(bonds.type) == {"Zr-Zr", "Cu-Cu", "Zr-Cu"}
    assert (bonds.sigma > 0).all()
    labelled = [one for step in read_json(work / "learn/learn.json")["steps"] for one in step["cells"]]
    assert [one["status"] for one in labelled] == ["DONE"] * 3
    assert pd.read_csv(work / "status.csv").name.value_counts().to_dict() == {"DONE": 3, "NOT_PREPARED": 3}


def test_snakemake_learns_instead_of_labelling_all(said):
    _, found = said
    (dry,) = [text for line, (_, text) in found.items() if "--dry-run" in line]
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", dry, re.MULTILINE))
    assert jobs["learn"] == "1"
    assert "label" not in jobs
    assert jobs["inference"] == "1"


def test_the_case_is_as_short_as_the_document_says():
    lines = [line for line in (REPOSITORY / CASE).read_text().splitlines() if not line.startswith("#")]
    assert len(lines) <= 15
