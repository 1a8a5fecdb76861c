"""Another alloy, by parameters alone, through all six notebooks as batch jobs; then what is run again, and what is not."""

import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

from getl_utils import safety
from getl_utils.formats.lobster import read_icohplist

COPPER_SILVER = {
    "seed": 7,
    "elements": ["Cu", "Ag"],
    "compositions": ["Cu16Ag16"],
    "runs": [1, 2],
    "sub_runs": [0, 7],
    "cutoff": 3.3,
    "processes": 2,
    "quench": {
        "potential": "atomistic_models/CuAg_zhou2004.eam.alloy",
        "melt_temperature": 1600.0,
        "melt_time": 4.0,
        "quench_rate": 1e14,
        "anneal_time": 2.0,
        "initial_volume_per_atom": 18.0,
    },
    "large_compositions": ["Cu60Ag60"],
    "loading": {"strain_rate": 5e10, "max_strain": 0.15, "timestep": 0.002, "equilibration_time": 1.0, "dump_every": 500},
    "label_window": [1.8, 4.0],
    "orbitals": {"Cu": ["3d", "4s"], "Ag": ["4d", "5s"]},
    "soap": {"l_max": 3, "n_max": 4},
    "mixed_databases": {"DB1": {"compositions": ["Cu16Ag16"], "bonds_per_type": 10}},
    "hyperparameters": {"default": {"zeta": 1.0, "theta": 0.5, "gamma": 0.01}},
    "n_seeds": 2,
    "crossed": [],
    "windows": {"Cu-Ag": [2.2, 3.5]},
    "allowed_failures": ["beats_baseline", "coverage"],  # a few bonds of a preview teach little
}


class Workflow:
    """Snakemake on one work directory."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder, self.file = folder, folder / "cuag.yaml"
        self.write()

    def write(self, **changes):
        self.file.write_text(yaml.safe_dump({**COPPER_SILVER, "work_dir": str(self.folder / "work"), **changes}))

    def command(self, *words):
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(REPOSITORY / "workflow/Snakefile"), "--cores", "2"]
        return [*command, "--configfile", str(self.file), *words]

    def environment(self):
        return {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def __call__(self, *words):
        result = subprocess.run(
            self.command(*words), capture_output=True, text=True, cwd=REPOSITORY, env=self.environment(), timeout=1800
        )
        return result.returncode, result.stdout + result.stderr

    def would_run(self):
        """Rule → number of jobs."""
        code, text = self("--dry-run")
        assert code == 0, text
        table = re.search(r"job +count\n[- ]+\n(.*?)\ntotal", text, re.DOTALL)
        return (
            {rule: int(n) for rule, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE) if rule != "all"} if table else {}
        )


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    flow = Workflow(tmp_path_factory.mktemp("cuag"))
    code, text = flow()
    assert code == 0, text[-4000:]
    return flow


def test_copper_silver_goes_from_melt_to_predicted_bonds(workflow):
    work = workflow.folder / "work"
    assert len(list((work / "notebooks").glob("*.ipynb"))) == 6
    bonds = pd.read_parquet(work / "bonds.parquet")
    assert set(bonds.element_i) | set(bonds.element_j) == {"Cu", "Ag"}
    statuses = pd.read_csv(work / "status.csv").name.value_counts()
    assert statuses["DONE"] >= 3, statuses
    summary = pd.read_csv(work / "predictions/summary.csv", keep_default_na=False)
    assert summary.atoms.tolist() == [120] * 4
    assert set(summary.structure) == {"Cu60Ag60-1-loading"}
    predicted = pd.read_parquet(next((work / "predictions").glob("*/1_0.parquet")))
    assert set(predicted.type) <= {"Cu-Cu", "Ag-Ag", "Cu-Ag"}
    assert predicted.predicted.between(-20, 5).all()
    assert predicted.distance[predicted.type == "Cu-Ag"].between(2.2, 3.5).all()
    listed = read_icohplist(next((work / "predictions").glob("*/1_0_ICOHPLIST.lobster")))
    assert len(listed) == len(predicted) == summary.bonds[0]
    exchanged = pd.read_csv(work / "figures/06_inference/exchange.csv")
    assert exchanged[exchanged.type == "all"].groupby("frame").bonds.size().tolist() == [3, 3, 3]


def test_every_saved_figure_has_its_numbers(workflow):
    pictures = sorted((workflow.folder / "work").rglob("*.png"))
    assert len(pictures) >= 10
    assert all(p.with_suffix(".csv").exists() for p in pictures)


def test_a_second_call_does_nothing_and_says_so(workflow):
    code, text = workflow()
    assert code == 0
    assert "Nothing to be done" in text


AFTER_MODEL = {"release": 1, "inference": 1, "track": 1}
AFTER_LABELS = {"generate": 1, "extract": 1, "transform": 1, "load": 1, "train": 1, **AFTER_MODEL}


@pytest.mark.parametrize(
    ("deleted", "runs"),
    [
        ("predictions/summary.csv", {"inference": 1, "track": 1}),
        ("model/model.npz", {"train": 1, **AFTER_MODEL}),
        ("database/DB1/database.json", {"load": 1, "train": 1, **AFTER_MODEL}),
        ("labels/Cu16Ag16/2/7/label.json", {"label": 1, **AFTER_LABELS}),
        (
            "quench/Cu60Ag60/1/quench.json",
            {"large": 1, "loading": 1, **AFTER_LABELS},
        ),
    ],
)
def test_after_one_deleted_result_only_what_depends_on_it_runs(workflow, deleted, runs):
    path = workflow.folder / "work" / deleted
    kept = path.with_name(path.name + ".kept")
    shutil.move(path, kept)
    try:
        assert workflow.would_run() == runs
    finally:
        shutil.move(kept, path)
    assert workflow.would_run() == {}


@pytest.mark.parametrize(
    ("change", "runs"),
    [
        ({"loading": {"strain_rate": 1e11, "dump_every": 500}}, {"loading": 1, **AFTER_LABELS}),
        ({"n_seeds": 3}, {"train": 1, **AFTER_MODEL}),
        ({"windows": {}}, {"inference": 1, "track": 1}),
        ({"engine_settings": {"accuracy": 10.0}}, {"label": 4, **AFTER_LABELS}),
    ],
)
def test_a_changed_parameter_runs_what_depends_on_it(workflow, change, runs):
    files = sorted((workflow.folder / "work/parameters").glob("*.yaml"))
    before = {f: (f.read_text(), f.stat()) for f in files}
    workflow.write(**change)
    try:
        assert workflow.would_run() == runs
    finally:
        workflow.write()
        for file, (text, stat) in before.items():  # the dry run wrote the changed parameters
            file.write_text(text)
            os.utime(file, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert workflow.would_run() == {}


def test_a_lost_and_a_damaged_label_are_computed_alone(workflow):
    work = workflow.folder / "work"
    labels = sorted((work / "labels").rglob("label.json"))
    before = {path: path.stat().st_mtime_ns for path in labels}
    results = pd.read_parquet(work / "bonds.parquet")
    labels[0].unlink()
    listed = labels[1].with_name("ICOHPLIST.lobster")
    whole = listed.read_bytes()
    listed.write_bytes(whole[:-3] + b"9 \n")
    code, text = workflow()
    assert code == 0, text[-4000:]
    assert "its checksum differs): will be made again" in text
    assert listed.read_bytes() == whole
    assert [p for p in labels if p.stat().st_mtime_ns != before[p]] == labels[:2]
    pd.testing.assert_frame_equal(pd.read_parquet(work / "bonds.parquet"), results)


def test_a_second_run_on_one_work_directory_is_refused(workflow):
    with safety.lock(workflow.folder / "work"):
        code, text = workflow()
    assert code != 0
    assert f"is in use by process {os.getpid()}" in text
    code, text = workflow()  # the lock's owner is gone: its file is still there, and does not matter
    assert code == 0
    assert "Nothing to be done" in text


def test_a_misspelt_parameter_stops_before_anything_runs(tmp_path):
    flow = Workflow(tmp_path)
    flow.write(n_trian=3)
    code, text = flow()
    assert code != 0
    assert "did you mean `n_train`" in text
    assert not (tmp_path / "work/quench").exists()
