"""Workers killed at any moment, time limits, disks that fail in a write: the same results in the end, no
label lost."""

import contextlib
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from conftest import REPOSITORY
from forked import FORKS
from small import LIMITS, PARAMETERS, Standin, describe, quenched
from test_workflow import COMPOSITION, Workflow

from getl_utils.core import cells, record
from getl_utils.core.parameters import for_stage
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import database, extract
from getl_utils.files import lammps
from getl_utils.generate import sub_runs
from getl_utils.inference import predictor, streaming
from getl_utils.labels import engine, label
from getl_utils.models import model
from getl_utils.ops import verify

VALUES = {**PARAMETERS, "sub_runs": list(range(15))}
KEYS = cells.keys(VALUES["compositions"], VALUES["runs"], VALUES["sub_runs"])


class Slow(Standin):
    """A label takes a moment, so that there are moments to be killed in."""

    def label(self, atoms, **options):
        time.sleep(0.02)
        return super().label(atoms, **options)


def prepare(folder):
    work, p = WorkDir(folder), for_stage("01_generate", {**VALUES, "work_dir": str(folder)})
    for composition, run in {key[:2] for key in KEYS}:
        sub_runs.write_sub_runs(
            work, quenched(work, composition, run), composition, run, p.sub_runs, p.deformations.model_dump()
        )
    return work, p


def label_everything(folder, seed):
    """A worker: labels what is not labelled, in an order of its own; what another has in work it leaves to
    that one."""
    with mock.patch.object(engine, "get", return_value=Slow()):  # a process of its own, or the test's
        work, p = WorkDir(folder), for_stage("01_generate", {**VALUES, "work_dir": str(folder)})
        for key in random.Random(seed).sample(KEYS, len(KEYS)):
            try:
                label.label_one(work, key, p)
            except RuntimeError as error:
                if "is in use by" not in str(error):
                    raise


def labels(work):
    """Key → the content of its list."""
    return {key: (work.label(*key) / "ICOHPLIST.lobster").read_bytes() for key in KEYS}


@pytest.mark.parametrize("times", [5, pytest.param(30, marks=pytest.mark.slow)])
def test_workers_killed_at_random_moments_lose_no_label_and_compute_none_twice(times, tmp_path):
    whole, _ = prepare(tmp_path / "whole")
    label_everything(tmp_path / "whole", 0)
    work, _ = prepare(tmp_path / "work")
    chance, done, killed = random.Random(1), {}, 0
    for number in range(times):
        victims = [
            FORKS.Process(target=label_everything, args=(work.path, 10 * number + n)) for n in range(2)
        ]
        for victim in victims:
            victim.start()
        time.sleep(chance.uniform(0.02, 0.6))
        for victim in victims:
            victim.kill()
            victim.join()
            killed += victim.exitcode == -signal.SIGKILL
        now = {path: path.stat().st_mtime_ns for path in work.path.rglob("label.json")}
        assert done.items() <= now.items()  # what was whole stayed, untouched
        done = now
    label_everything(work.path, 99)
    assert killed > times // 2
    assert labels(work) == labels(whole)
    assert all(path.stat().st_mtime_ns == age for path, age in done.items())
    assert {read_json(path)["label_id"] for path in work.path.rglob("label.json")} == {
        read_json(path)["label_id"] for path in whole.path.rglob("label.json")
    }


def disk_fails(function, limit, *arguments):
    """Run `function` where no file can grow beyond `limit` bytes: the write fails in its middle. How it
    ended."""
    child = FORKS.Process(target=_limited, args=(function, limit, *arguments))
    child.start()
    child.join(120)
    return child.exitcode


def _limited(function, limit, *arguments):
    sys.stderr = open(os.devnull, "w")
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    function(*arguments)


def write_all(folder):
    """Cut and label the cells, write bonds, descriptors, a database and a model, and predict with it: every
    kind of file."""
    with mock.patch.object(engine, "get", return_value=Standin()):
        work, p = WorkDir(folder), for_stage("01_generate", {**PARAMETERS, "work_dir": str(folder)})
        keys, deformations = cells.keys(p.compositions, p.runs, p.sub_runs), p.deformations.model_dump()
        for composition, run in {key[:2] for key in keys}:
            atoms = lammps.last_frame(work.quench(composition, run) / "final.dump", p.elements)
            sub_runs.write_sub_runs(work, atoms, composition, run, p.sub_runs, deformations)
        for key in keys:
            label.label_one(work, key, p)
        if not work.bonds.with_suffix(".json").exists():
            extract.write(work, extract.extract(work, keys, [], p.cutoff))
        trained = model.load(work.model)
        transform = for_stage("03_transform", {**PARAMETERS, "work_dir": str(folder)})
        describe(work, pd.read_parquet(work.bonds), transform)
        if not (work.path / "second/database.json").exists():
            database.write(work.path / "second", database.read(work.database("all")), "second")
        if not (work.path / "copy/model.json").exists():
            model.save(work.path / "copy", trained)
        streaming.predict_file(
            trained,
            work.path / "glass.xyz",
            work.predictions("glass"),
            predictor.windows(trained, LIMITS),
            "all",
            True,
        )


def content(work):
    """Every table, list, cell and array, as it would be read."""
    kinds = (".parquet", ".lobster", ".npy", ".npz", ".xyz", ".info", ".csv")
    files = [f for f in work.path.rglob("*") if f.suffix in kinds and f.name[0] != "."]
    return {str(f.relative_to(work.path)): _read(f) for f in files}


def _read(file):
    if file.suffix == ".parquet":
        return pd.read_parquet(file).to_csv()
    if file.suffix == ".npz":
        with np.load(file) as arrays:
            return {name: arrays[name].tobytes() for name in arrays}
    return file.read_bytes()


def emptied(small_original, folder):
    """A copy of what is not to be written: the quenches, the database, the model and a structure."""
    shutil.copytree(small_original[0].path, folder)
    work = WorkDir(folder)
    for name in ("cells", "labels", "descriptors", "predictions"):
        shutil.rmtree(folder / name)
    for file in (
        work.bonds,
        work.bonds.with_suffix(".json"),
        work.statuses,
        *folder.glob("*.info"),
        folder / "clusters.parquet",
    ):
        file.unlink()
    return work


def test_a_disk_that_fails_in_the_middle_of_a_write_leaves_nothing_half(small_original, tmp_path):
    """Every write beyond so many bytes fails, as on a disk that is full or lost; what is there is whole or
    not there."""
    whole = emptied(small_original, tmp_path / "whole")
    write_all(whole.path)
    expected, failed = content(whole), 0
    work, sizes = emptied(small_original, tmp_path / "work"), random.Random(2)
    for limit in [0, 1, *(int(10 ** sizes.uniform(2, 5.5)) for _ in range(10))]:
        failed += disk_fails(write_all, limit, work.path) != 0
        assert not [
            what for file in work.path.rglob("*.json") if file.stat().st_size for what in record.damaged(file)
        ]
        assert set(content(work)) <= set(expected)
        assert all(value == expected[name] for name, value in content(work).items())
    assert failed > 6
    write_all(work.path)
    assert content(work) == expected
    assert not [f for f in work.path.rglob(".*") if f.name != ".lock" and f.is_file()]


@pytest.mark.parametrize("seed", range(3))
def test_a_disk_that_forgets_the_end_of_files_loses_no_more_than_these(small_original, tmp_path, seed):
    """A disk that comes back with files cut short or empty: each is found, and made again as it was."""
    work = emptied(small_original, tmp_path / "work")
    write_all(work.path)
    expected, chance = content(work), random.Random(seed)
    recorded = [
        f
        for pattern in verify.RECORDS
        for record in work.path.glob(pattern)
        if record.name != "checks.json"
        for f in [record, *(record.parent / name for name in read_json(record).get("sha256", {}))]
    ]
    written = [
        f
        for f in recorded
        if not f.is_relative_to(work.path / "quench") and not f.is_relative_to(work.database("all"))
    ]
    for file in chance.sample(sorted(set(written)), 5):
        os.truncate(file, chance.choice([0, chance.randrange(file.stat().st_size)]))
    p = for_stage("01_generate", {**PARAMETERS, "work_dir": str(work.path)})
    assert verify.repair(work, p)
    assert not list(verify.damages(work))
    write_all(work.path)
    assert content(work) == expected


def test_sigterm_ends_lammps_too_and_the_quench_is_run_again(tmp_path):
    """What a batch system sends at the time limit: the step ends at once, its program with it, and claims
    nothing."""
    flow = Workflow(tmp_path)
    flow.write(quench={**flow.values["quench"], "melt_time": 400.0})
    start = "import sys; from getl_utils.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", start, "step", "quench", str(flow.file), COMPOSITION, "1"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    job = subprocess.Popen(words, env=environment, cwd=REPOSITORY, stderr=subprocess.DEVNULL)
    folder = tmp_path / f"work/quench/{COMPOSITION}/1"
    deadline = time.monotonic() + 120
    while not (folder / "log.lammps").exists() and time.monotonic() < deadline:
        time.sleep(0.1)
    program = children(job.pid)
    assert program
    job.terminate()
    assert job.wait(60) == 143
    time.sleep(0.5)
    assert not [pid for pid in program if running(pid)]
    assert not (folder / "quench.json").exists()
    flow.write()
    assert subprocess.run(words, env=environment, cwd=REPOSITORY, stderr=subprocess.DEVNULL).returncode == 0
    assert (folder / "quench.json").exists()


def children(pid):
    """All descendants of a process."""
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # it ended while we looked
        for task in Path(f"/proc/{pid}/task").glob("*"):
            for child in (task / "children").read_text().split():
                found += [int(child), *children(child)]
    return found


def end(pid, sign=signal.SIGKILL):
    """Send a signal; whether there was still one to send it to."""
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return False
    return True


def running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """The workflow's results in one go, and how long it took (s)."""
    flow, start = Workflow(tmp_path_factory.mktemp("whole")), time.monotonic()
    assert flow()[0] == 0
    return flow.folder / "work", time.monotonic() - start


def interrupt(flow, seconds, chance, sign, log):
    """Start the workflow and after so long kill one of its processes, any (SIGTERM: the workflow itself, as
    at the time limit).

    Returns "interrupted", "missed" if that process had just ended, or "done" if the workflow had.
    """
    job = subprocess.Popen(flow.command(), cwd=REPOSITORY, env=flow.environment(), stdout=log, stderr=log)
    time.sleep(seconds)
    if job.poll() is not None:
        assert job.returncode == 0, Path(log.name).read_text()[-3000:]
        return "done"
    processes = [job.pid, *children(job.pid)]
    hit = end(chance.choice(processes) if sign == signal.SIGKILL else job.pid, sign)
    try:
        job.wait(15)
    except subprocess.TimeoutExpired:  # a victim whose death Snakemake outlives: the node goes down
        for pid in [*children(job.pid), job.pid]:
            end(pid)
        job.wait()
    for pid in processes[1:]:  # what is left of a dead job, a batch system kills
        if running(pid):
            end(pid)
    return "interrupted" if hit else "missed"


def assert_same_tables(one, other):
    words = [sys.executable, str(REPOSITORY / "workflow/same_tables.py"), str(one), str(other)]
    answer = subprocess.run(words, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout


@pytest.mark.slow
@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL], ids=lambda sign: sign.name)
def test_the_workflow_interrupted_at_20_random_moments_ends_as_one_that_was_not(
    sign, uninterrupted, tmp_path
):
    """20 times; if it comes to its end before, its tables are compared and it begins again in an empty
    folder."""
    (whole, seconds), broken, chance = uninterrupted, Workflow(tmp_path / "broken"), random.Random(3)
    log, ended = open(tmp_path / "log", "w"), []
    while ended.count("interrupted") < 20:
        ended.append(interrupt(broken, chance.uniform(2, max(10, seconds / 6)), chance, sign, log))
        if ended[-1] == "done":
            assert_same_tables(whole, broken.folder / "work")
            shutil.rmtree(broken.folder / "work")
    code, text = broken()
    assert code == 0, text[-3000:]
    assert_same_tables(whole, broken.folder / "work")
    print(
        f"{ended.count('interrupted')} interruptions, {ended.count('done') + 1} runs to the end; "
        f"{seconds:.0f} s in one go"
    )
