"""The workflow on a small alloy (parameters/own_alloy.yaml): melt to bonds, and what a second call runs."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import forked
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY

from getl_utils.core import parameters, process
from getl_utils.files.lobster import read_icohplist

OWN_ALLOY = parameters.read(REPOSITORY / "parameters/own_alloy.yaml")
COMMANDS = [
    ".venv/bin/python atomistic_models/make_zhou_eam.py --elements Ni Ti --output "
    "atomistic_models/NiTi_zhou2004.eam.alloy",
    ".venv/bin/snakemake --snakefile workflow/Snakefile --cores 2 --configfile parameters/own_alloy.yaml",
    ".venv/bin/getl summary runs/own_alloy",
    ".venv/bin/getl status runs/own_alloy",
    ".venv/bin/getl trace runs/own_alloy/predictions/Ni60Ti60-1-loading/1_0.parquet --bond 0",
]
COMPOSITION, GLASS = OWN_ALLOY["compositions"][0], OWN_ALLOY["large_compositions"][0]


class Workflow:
    """Snakemake on one work directory."""

    def __init__(self, folder):
        folder.mkdir(exist_ok=True)
        self.folder, self.file, self.potential = (
            folder,
            folder / "own_alloy.yaml",
            folder / "NiTi_zhou2004.eam.alloy",
        )
        self.values = {**OWN_ALLOY, "work_dir": str(folder / "work")}
        self.values["quench"] = {**OWN_ALLOY["quench"], "potential": str(self.potential)}
        self.words = ["--snakefile", "workflow/Snakefile", "--cores", "2", "--configfile", str(self.file)]
        self.write()
        self.types(COMMANDS[0])  # makes the potential

    def write(self, **changes):
        self.file.write_text(yaml.safe_dump({**self.values, **changes}))

    def types(self, line):
        """Run a line in this folder with this Python; return what it prints."""
        here = {
            ".venv/bin": str(Path(sys.executable).parent),
            "parameters/own_alloy.yaml": str(self.file),
            OWN_ALLOY["quench"]["potential"]: str(self.potential),
            OWN_ALLOY["work_dir"]: self.values["work_dir"],
        }
        for written, meant in here.items():
            line = line.replace(written, meant)
        result = subprocess.run(
            shlex.split(line, comments=True),
            capture_output=True,
            text=True,
            cwd=REPOSITORY,
            env=self.environment(),
            timeout=1800,
        )
        assert result.returncode == 0, f"{line}\n{(result.stdout + result.stderr)[-4000:]}"
        return result.stdout + result.stderr

    def command(self):
        return [sys.executable, "-m", "snakemake", *self.words]

    def environment(self):
        return {**os.environ, "PYTHONPATH": str(REPOSITORY)}

    def __call__(self, *words):
        return forked.snakemake([*self.words, *words], REPOSITORY, self.folder / "said.txt")

    def would_run(self):
        """Return how many jobs of each rule a dry run announces."""
        code, text = self("--dry-run")
        assert code == 0, text
        table = re.search(r"job +count\n[- ]+\n(.*?)\ntotal", text, re.DOTALL)
        return (
            {
                rule: int(n)
                for rule, n in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)
                if rule != "all"
            }
            if table
            else {}
        )


@pytest.fixture(scope="module")
def workflow(tmp_path_factory):
    """The workflow after all commands; `said` has what they printed."""
    flow = Workflow(tmp_path_factory.mktemp("own"))
    flow.said = {line: flow.types(line) for line in COMMANDS[1:]}
    return flow


def test_what_is_typed_says_what_was_made(workflow):
    said = "\n".join(workflow.said.values())
    assert "Labels: xtb (preview: xtb labels, not DFT); model " in said
    assert "Ni60Ti60-1-loading: 4 frames of 120 atoms" in said


def test_an_alloy_of_ones_own_goes_from_melt_to_predicted_bonds(workflow):
    work = workflow.folder / "work"
    assert not set(OWN_ALLOY["elements"]) & {"Zr", "Cu", "Al"}
    assert len(list((work / "notebooks").glob("*.ipynb"))) == 6
    bonds = pd.read_parquet(work / "bonds.parquet")
    assert set(bonds.element_i) | set(bonds.element_j) == set(OWN_ALLOY["elements"])
    statuses = pd.read_csv(work / "status.csv").name.value_counts()
    assert statuses["DONE"] >= 3, statuses
    summary = pd.read_csv(work / "predictions/summary.csv", keep_default_na=False)
    assert summary.atoms.tolist() == [120] * 4
    assert set(summary.structure) == {f"{GLASS}-1-loading"}
    predicted = pd.read_parquet(next((work / "predictions").glob("*/1_0.parquet")))
    assert set(predicted.type) <= {"Ni-Ni", "Ti-Ti", "Ni-Ti"}
    assert predicted.predicted.between(-20, 5).all()
    assert predicted.distance[predicted.type == "Ni-Ti"].between(*OWN_ALLOY["windows"]["Ni-Ti"]).all()
    listed = read_icohplist(next((work / "predictions").glob("*/1_0_ICOHPLIST.lobster")))
    assert len(listed) == len(predicted) == summary.bonds[0]


def test_the_study_of_a_loading_follows_an_alloy_of_ones_own(workflow, tmp_path):
    work, study = workflow.folder / "work", "notebooks/studies/bonds_under_load.ipynb"
    words = [sys.executable, "workflow/notebook.py", study, str(tmp_path / "executed.ipynb"), "-k", "python3"]
    words += ["-f", str(work / "parameters/06_inference.yaml"), "--cwd", "notebooks/studies"]
    answer = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stderr[-2000:]
    exchanged = pd.read_csv(work / "figures/bonds_under_load/exchange.csv")
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
        (f"labels/{COMPOSITION}/2/7/label.json", {"label": 1, **AFTER_LABELS}),
        (
            f"quench/{GLASS}/1/quench.json",
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


def test_what_was_put_back_is_as_before(workflow):
    assert workflow.would_run() == {}


def test_a_second_run_on_one_work_directory_is_refused(workflow):
    with process.lock(workflow.folder / "work"):
        code, text = workflow()
    assert code != 0
    assert f"is in use by process {os.getpid()}" in text
    code, text = workflow()  # the lock is free again, although its file is still there
    assert code == 0
    assert "Nothing to be done" in text


def test_a_lost_and_a_damaged_label_are_computed_alone(workflow):
    """Up to 02; what follows would run anew, as the tests of deleted results show."""
    work = workflow.folder / "work"
    labels = sorted((work / "labels").rglob("label.json"))
    before = {path: path.stat().st_mtime_ns for path in labels}
    results = pd.read_parquet(work / "bonds.parquet")
    labels[0].unlink()
    listed = labels[1].with_name("ICOHPLIST.lobster")
    whole = listed.read_bytes()
    listed.write_bytes(whole[:-3] + b"9 \n")
    code, text = workflow("--until", "extract")
    assert code == 0, text[-4000:]
    assert "its checksum differs): will be made again" in text
    assert listed.read_bytes() == whole
    assert [p for p in labels if p.stat().st_mtime_ns != before[p]] == labels[:2]
    pd.testing.assert_frame_equal(pd.read_parquet(work / "bonds.parquet"), results)


def on_slurm(folder, parameters, *what, ours=""):
    """Return what `workflow/slurm_check.sh` prints; skip if Slurm was not asked for or cannot run here."""
    if os.environ.get("GETL_SLURM") != "1":
        pytest.skip(
            "SLURM NOT CHECKED: with GETL_SLURM=1 this test installs Slurm and munge (Debian) and runs them"
        )
    environment = {
        **os.environ,
        "PYTHONPATH": str(REPOSITORY),
        "PYTHON": sys.executable,
        "PLACE": str(folder),
        "OURS": str(ours),
    }
    words = [str(REPOSITORY / "workflow/slurm_check.sh"), str(parameters), *what]
    answer = subprocess.run(words, capture_output=True, text=True, env=environment, cwd=REPOSITORY)
    print(answer.stdout)
    if "SLURM NOT CHECKED" in answer.stdout:
        pytest.skip(answer.stdout.strip().splitlines()[-1])
    assert answer.returncode == 0, answer.stdout[-4000:] + answer.stderr[-2000:]
    return answer.stdout


def test_on_a_real_slurm_the_tables_are_those_of_the_local_run(workflow, tmp_path):
    """Once as batch jobs, once in one allocation that is stopped at its time limit and submitted again."""
    said = on_slurm(tmp_path, workflow.file, "jobs", "allocation", ours=workflow.folder / "work")
    equal = re.findall(r"^(\d+) of (\d+) tables are equal$", said, re.MULTILINE)
    assert [one == other and int(one) >= 20 for one, other in equal] == [True, True], said
    assert "called again, to the end: JobState=COMPLETED" in said


@pytest.mark.slow
def test_on_a_real_slurm_labels_by_xtb_end_as_locally(tmp_path):
    """One label does not converge: every rule, and every kind of job, as often as is needed."""
    said = on_slurm(tmp_path / "slurm", REPOSITORY / "tests/xtb.yaml", "jobs")
    one, other = re.search(r"^(\d+) of (\d+) tables are equal$", said, re.MULTILINE).groups()
    assert one == other, said


def test_a_misspelt_parameter_stops_before_anything_runs(tmp_path):
    flow = Workflow(tmp_path)
    flow.write(n_trian=3)
    code, text = flow()
    assert code != 0
    assert "did you mean `n_train`" in text
    assert not (tmp_path / "work/quench").exists()
