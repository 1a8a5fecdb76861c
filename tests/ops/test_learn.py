"""Labelling what teaches: choices and their reasons, restart, budget, target, and what goes wrong."""

import errno

import pytest
import small

from getl_utils import cli
from getl_utils.core import parameters
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.labels import engine as engines
from getl_utils.labels import label
from getl_utils.models.bond_expansion import BondExpansion
from getl_utils.ops import learn, learned, pool
from getl_utils.ops.course import Course, path

LEARN = {"cells": 4}


class Engine(small.Standin):
    """The stand-in, which counts and can be told to fail."""

    def __init__(self):
        self.calls, self.fails = 0, {}

    def label(self, atoms, **words):
        self.calls += 1
        error = self.fails.get(self.calls)
        if error:
            raise error
        return super().label(atoms, **words)


@pytest.fixture
def course(tmp_path, monkeypatch):
    """A work directory with three quenches, and what learns in it."""
    engine, work = Engine(), WorkDir(tmp_path)
    monkeypatch.setattr(engines, "get", lambda name: engine)
    # in this process, for a process of its own does not know the stand-in
    monkeypatch.setattr(
        label, "_in_parallel", lambda w, keys, p: ((k, label.label_one(w, k, p)) for k in keys)
    )
    monkeypatch.setattr(
        "getl_utils.generate.steps.quench", lambda w, p, c, r, progress: small.quenched(w, c, r)
    )
    monkeypatch.setattr(Course, "expansion", BondExpansion(tuple(small.ELEMENTS), 4.5, 3, 2))  # faster

    def go(**changes):
        values = {**small.PARAMETERS, "work_dir": str(tmp_path), "sub_runs": [0, 7, 8, 13], "learn": LEARN}
        p = parameters.for_stage("01_generate", values | changes)
        said = []
        return learn.learn(work, p, said.append, False), said

    go.engine, go.work = engine, work
    return go


def chosen(record):
    return [one["cell"] for step in record["steps"] for one in step["cells"]]


def test_it_labels_as_many_cells_as_asked_and_says_why_each(course):
    record, said = course()
    assert course.engine.calls == 4
    assert len(set(chosen(record))) == 4
    assert record["end"] == said[-1] == "The budget of 4 cells is spent."
    first, *others = record["steps"]
    assert first["cells"][0]["cell"] == "Ti27Ni27/1/0"
    assert "no model yet" in first["cells"][0]["why"]
    for step in others:
        (one,) = step["cells"]
        assert "the mean variance of Ti-" in one["why"]
        assert one["gain"] == max(step["rivals"].values()) > 0
        assert {row["type"] for row in step["errors"]} == {"Ti-Ti", "Ni-Ni", "Ti-Ni"}
    assert [step.get("learned_from", []) for step in record["steps"]] == [
        chosen(record)[:n] for n in range(4)
    ]
    assert said[0] == "next Ti27Ni27/1/0: the first: there is no model yet"
    assert "RMSE in eV: " in said[3]
    table = learn.table(record)
    assert sorted(set(table.cells)) == [1, 2, 3]
    assert (table.rmse > 0).all()


def test_more_cells_of_other_quenches_are_chosen_before_copies_of_the_first(course):
    assert {name.split("/")[1] for name in chosen(course()[0])} == {"1", "2", "3"}


def test_it_goes_on_where_it_was_killed(course):
    whole = chosen(course()[0])
    (course.work.path / "learn/learn.json").unlink()  # as a fresh work directory, but for its labels
    course.engine.fails = {7: KeyboardInterrupt()}
    for key in whole[2:]:
        folder = course.work.label(*key.split("/"))
        for file in folder.iterdir():
            file.unlink()
    with pytest.raises(KeyboardInterrupt):  # the third label of the course, the sixth of this engine, is done
        course(learn={"cells": 5})
    there = read_json(path(course.work))
    assert chosen(there)[:4] == whole
    assert len(chosen(there)) in (4, 5)
    before = course.engine.calls
    record, _ = course()
    assert chosen(record)[:4] == whole
    assert course.engine.calls - before <= 1
    assert all(one["status"] == "DONE" for step in record["steps"] for one in step["cells"])


def test_a_larger_budget_goes_on_and_a_second_call_does_nothing(course):
    two, _ = course(learn={"cells": 2})
    four, _ = course()
    assert chosen(four)[:2] == chosen(two)
    assert course.engine.calls == 4
    course()
    assert course.engine.calls == 4


def test_it_stops_when_the_target_is_met(course):
    record, _ = course(learn={"cells": 10, "target": 50.0, "fewest": 3})
    assert len(chosen(record)) == 3
    assert "The target is met" in record["end"]
    assert "above 50 eV" in record["end"]


def test_types_above_the_target_are_named_at_the_end(course):
    record, _ = course(learn={"cells": 3, "target": 1e-9})
    assert record["end"].endswith("is spent; above the target: Ti-Ti, Ni-Ni, Ti-Ni.")


def test_several_cells_at_once_differ(course, monkeypatch):
    one = pool._one  # in this process, as the labels are
    monkeypatch.setattr(pool, "_quench", lambda w, p, runs, show: [one(w, p, *run, show) for run in runs])
    record, _ = course(processes=2, learn={"cells": 5})
    assert [len(step["cells"]) for step in record["steps"]] == [1, 2, 2]
    assert len(set(chosen(record))) == 5


@pytest.mark.parametrize("processes", [1, 2])
def test_no_quench_gives_more_cells_than_it_may(course, monkeypatch, processes):
    one = pool._one  # in this process, as the labels are
    monkeypatch.setattr(pool, "_quench", lambda w, p, runs, show: [one(w, p, *run, show) for run in runs])
    record, _ = course(processes=processes, learn={"cells": 50, "per_quench": 1})
    quenches = [name.rsplit("/", 1)[0] for name in chosen(record)]
    assert len(quenches) > 1
    assert sorted(quenches) == sorted({name.rsplit("/", 1)[0] for name in record["identity"]["pool"]})
    assert record["end"] == "Every cell of the pool is labelled, but for those of quenches with 1 labelled."


@pytest.mark.parametrize("way", ["sigma", "random"])
def test_other_ways_to_choose(course, way):
    record, _ = course(learn={"cells": 3, "choose": way})
    why = record["steps"][1]["cells"][0]["why"]
    assert ("largest mean σ" in why) if way == "sigma" else (why == "at random")


def test_a_label_that_fails_is_a_status_and_the_others_go_on(course):
    course.engine.fails = {
        2: engines.LabelError("SCF_NOT_CONVERGED", "Ti27Ni27: 100 steps; raise max_iterations")
    }
    record, said = course()
    states = [one["status"] for step in record["steps"] for one in step["cells"]]
    assert states == ["DONE", "SCF_NOT_CONVERGED", "DONE", "DONE"]
    assert "SCF_NOT_CONVERGED" in said[3]
    assert "raise max_iterations" in said[3]


def test_an_engine_that_cannot_label_ends_it_with_a_sentence(course):
    why = ValueError("no orbitals given for Ti; given are Ni")
    course.engine.fails = dict.fromkeys(range(1, 20), why)
    with pytest.raises(
        RuntimeError, match=r"no cell could be labelled: .* ended as NOTHING: no orbitals given"
    ):
        course()
    assert course.engine.calls == 2


def test_a_full_disk_leaves_what_is_labelled(course):
    course.engine.fails = {3: OSError(errno.ENOSPC, "No space left on device")}
    with pytest.raises(OSError, match="No space left"):
        course()
    assert [one.get("status") for step in read_json(path(course.work))["steps"] for one in step["cells"]] == [
        "DONE",
        "DONE",
        None,
    ]
    record, _ = course()
    assert course.engine.calls == 5
    assert len(chosen(record)) == 4


def test_a_potential_that_explodes_is_refused_and_the_other_quenches_go_on(course, monkeypatch):
    def quench(work, p, composition, run, progress):
        if run == 2:
            raise RuntimeError("LAMMPS ended with code 1\nrun 10\nERROR: Lost atoms\nAbort(1)")
        return small.quenched(work, composition, run)

    monkeypatch.setattr("getl_utils.generate.steps.quench", quench)
    record, _ = course()
    why = "the quench failed: LAMMPS ended with code 1 ERROR: Lost atoms"
    assert record["refused"]["Ti27Ni27/2"] == why
    assert not [name for name in chosen(record) if name.startswith("Ti27Ni27/2/")]

    def explodes(*_, **__):
        raise RuntimeError("LAMMPS ended with code 1: ERROR: Lost atoms")

    monkeypatch.setattr("getl_utils.generate.steps.quench", explodes)
    with pytest.raises(RuntimeError, match=r"no cell to label: .*Lost atoms"):
        course(compositions=["Ti54"])


def test_a_folder_of_other_labels_is_refused(course):
    course()
    with pytest.raises(ValueError, match="holds the learning of other labels: take another work_dir"):
        course(label_window=[1.8, 3.7])
    with pytest.raises(ValueError, match="no learning asked for"):
        course(learn={})


def test_the_model_of_the_chosen_cells_is_trained_and_checked(course):
    record, _ = course()
    values = {
        **small.PARAMETERS,
        "work_dir": str(course.work.path),
        "sub_runs": [0, 7, 8, 13],
        "published": {},
    }
    small_one = {"soap": None, "expansion": {"cutoff": 4.5, "n_radial": 3, "l_max": 2}, "splits": ["random"]}
    made = learned.finish(course.work, values | small_one)
    assert {row["type"] for row in made.metrics["types"]} == {"Ti-Ti", "Ni-Ni", "Ti-Ni"}
    assert (course.work.model / "checks.json").exists()
    assert len(record["steps"]) == 4
    assert set(made.failed) <= {"beats_baseline", "coverage"}


def test_the_command_draws_and_says_what_it_did(course, tmp_path, capsys, monkeypatch):
    import yaml

    file = tmp_path / "case.yaml"
    quench = {"pair_style": "zero 4.0", "pair_coeff": "* *"}
    values = {**small.PARAMETERS, "work_dir": str(tmp_path), "sub_runs": [0, 7], "learn": {"cells": 3}}
    file.write_text(yaml.safe_dump(values | {"quench": quench}))
    assert cli.main(["learn", str(file), "--only-labels"]) == 0
    said = capsys.readouterr().out
    assert "3 of 3 cells: Ti27Ni27/" in said
    assert "The budget of 3 cells is spent." in said
    for kind in ("png", "svg", "csv"):
        assert (tmp_path / f"figures/learn/errors.{kind}").exists()
    monkeypatch.setattr(
        learn, "learn", lambda *_: (_ for _ in ()).throw(OSError(errno.ENOSPC, "No space left"))
    )
    assert cli.main(["learn", str(file)]) == 1
    assert "what is labelled stays" in capsys.readouterr().err
