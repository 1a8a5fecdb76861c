"""Label what teaches: a pool of quenched cells, of which those are labelled that a model learns most from.

``learn/learn.json`` holds the pool and every choice: which cells, why, what became of their labels, and how
well they were predicted before they were learned. It is written after each choice and after its labels, so a
run that was killed goes on where it was. The labels lie in ``labels/``, as those of 01_generate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from getl_utils.core.cells import CellKey
from getl_utils.core.parameters import Generate
from getl_utils.core.process import lock
from getl_utils.core.record import read_json
from getl_utils.core.workdir import WorkDir
from getl_utils.labels import label
from getl_utils.models import learner, teaching
from getl_utils.models.linear import LinearModel
from getl_utils.models.teaching import Described
from getl_utils.ops import pool as pools
from getl_utils.ops.course import Course, key_of, path

MOST_FAILURES = 2  # labels that failed in a row while none succeeded: the next would fail too
SHOWN = 5  # rivals of a choice that are recorded


def learn(
    work: WorkDir, p: Generate, say: Callable[[str], None] = print, progress: bool | str = True
) -> dict[str, Any]:
    """Quench the pool, and label cell after cell until the target is met or the budget is spent.

    Parameters
    ----------
    work : WorkDir
        The work directory.
    p : Generate
        Parameters, with `learn`.
    say : callable
        Gets one line per step.
    progress : bool or str
        As `progress.line` takes it, for the quenches.

    Returns
    -------
    dict
        Content of ``learn/learn.json``; its ``end`` says why it stopped.

    Raises
    ------
    ValueError
        `learn` is empty, or the folder holds the learning of another pool or other labels.
    RuntimeError
        No cell could be quenched, no label succeeded, or the engine is not installed.
    """
    if p.settings_of_learning is None:
        raise ValueError("no learning asked for: give `learn: {cells: 6}` in the parameters")
    label.require(p.engine)
    with lock(work.path / "learn"):
        pool = pools.make(work, p, progress)
        course = Course(work, p, pool.cells, _record(work, p, pool))
        for line in _go(course):
            say(line)
        return course.record


def _record(work: WorkDir, p: Generate, pool: pools.Pool) -> dict[str, Any]:
    """The record of this course, new or as it was left."""
    given = p.settings_of_learning.model_dump()
    identity = {"labels": label.settings_of(p), "pool": [str(key) for key in pool.cells], "seed": p.seed}
    known = read_json(path(work)) if path(work).exists() else {"identity": identity, "steps": []}
    if known["identity"] != identity:
        differing = [name for name in identity if known["identity"].get(name) != identity[name]]
        raise ValueError(
            f"{path(work).parent} holds the learning of other {', '.join(differing)}: take another work_dir, "
            "or delete this folder (the labels stay)"
        )
    return known | {"settings": given, "refused": pool.refused, "end": ""}


def _go(course: Course) -> Iterator[str]:
    """Step after step; a line for each."""
    number = 0
    while True:
        if number == len(course.steps):
            end = _end(course)
            if end:
                course.record["end"] = end
                course.save()
                yield end
                return
            course.steps.append(_chosen(course))
            course.save()  # before the label: a run that is killed labels this cell first
            yield from (f"next {one['cell']}: {one['why']}" for one in course.steps[-1]["cells"])
        yield from _step(course, course.steps[number])
        number += 1


def _step(course: Course, step: dict[str, Any]) -> Iterator[str]:
    """Label the cells of a step, test the model on them, and take them in."""
    keys = [key_of(one["cell"]) for one in step["cells"]]
    for key, record in label.label_all(course.work, keys, course.p):
        one = next(one for one in step["cells"] if one["cell"] == str(key))
        one |= {name: record.get(name) for name in ("status", "reason", "seconds", "label_id")}
    new = [one for one in map(course.labelled, keys) if one is not None]
    model = course.model() if new and "errors" not in step else None
    if model is not None:
        step["errors"] = learner.test(model, course.known, new).to_dict("records")
    course.known += new
    course.save()
    yield _line(course, step)


def _line(course: Course, step: dict[str, Any]) -> str:
    """What a step gave, in one line."""
    budget = course.p.settings_of_learning.cells
    number = sum(len(s["cells"]) for s in course.steps[: course.steps.index(step) + 1])
    said = "; ".join(f"{one['cell']} {one['status']} {one['seconds']:.0f} s" for one in step["cells"])
    errors = ", ".join(f"{row['type']} {row['rmse']:.3f}" for row in step.get("errors", []))
    failed = [one["reason"] for one in step["cells"] if one["status"] != "DONE"]
    parts = [f"{number} of {budget} cells: {said}", *(f"({why})" for why in failed)]
    return " ".join(parts) + (f"; predicted before it was learned, RMSE in eV: {errors}" if errors else "")


def _end(course: Course) -> str:
    """Why it stops, in one sentence; empty if it goes on."""
    settings, done = course.p.settings_of_learning, [one for s in course.steps for one in s["cells"]]
    failed = [one for one in done if one["status"] != "DONE"]
    if len(failed) == len(done) and len(failed) >= min(MOST_FAILURES, len(course.cells), settings.cells):
        last = failed[-1]
        raise RuntimeError(
            f"no cell could be labelled: {last['cell']} ended as {last['status']}: {last['reason']}"
        )
    over = _over(course)
    if over is not None and not over and settings.target and len(course.known) >= settings.fewest:
        return f"The target is met: no type of the last new cells had an error above {settings.target:g} eV."
    if len(course.asked) >= settings.cells:
        missed = f"; above the target: {', '.join(over)}" if over and settings.target else ""
        return f"The budget of {settings.cells} cells is spent{missed}."
    if not course.open():
        least = min(settings.per_quench, len(course.cells))
        few = f", but for those of quenches with {least} labelled" if set(course.cells) - course.asked else ""
        return f"Every cell of the pool is labelled{few}."
    return ""


def _over(course: Course) -> list[str] | None:
    """Types whose error on the last new cells is above the target; None before there is an error."""
    rows = next((s["errors"] for s in reversed(course.steps) if "errors" in s), None)
    target = course.p.settings_of_learning.target
    if rows is None:
        return None
    above = {row["type"] for row in rows if row["judged"] and row["rmse"] > target}
    return [t for t in course.p.bond_types if t in above]


def _chosen(course: Course) -> dict[str, Any]:
    """The next step: which cells, why, and how its rivals stand."""
    model, settings = course.model(), course.p.settings_of_learning
    still = course.open()
    rest = {key: one for key, one in course.pool.items() if key in still}
    if model is None:
        first = min(rest, key=lambda key: (key.sub_run, list(course.cells).index(key)))
        return {"cells": [{"cell": str(first), "why": "the first: there is no model yet", "gain": None}]}
    wanted = _over(course) or list(model.types)
    number = min(course.p.processes, settings.cells - len(course.asked))
    random = np.random.default_rng([course.p.seed, len(course.steps)])
    found = learner.choose(model, rest, course.known, wanted, settings.choose, number, random, course.open)
    return {
        "cells": [{"cell": str(c.key), "why": c.reason, "gain": c.gain} for c in found],
        "learned_from": [one.cell for one in course.known],
        "rivals": _rivals(course, model, rest, wanted),
    }


def _rivals(course: Course, model: LinearModel, rest: dict[CellKey, Described], wanted: Sequence[str]) -> Any:
    """The cells with most to teach, by their fall of the mean variance, eV²."""
    every = [*rest.values(), *(one.described for one in course.known)]
    gains = teaching.gains(model, rest, every, wanted)
    return {str(key): gains[key] for key in sorted(gains, key=gains.get, reverse=True)[:SHOWN]}


def table(record: dict[str, Any]) -> pd.DataFrame:
    """The errors against the number of cells.

    Parameters
    ----------
    record : dict
        Content of ``learn/learn.json``.

    Returns
    -------
    DataFrame
        A row per step and bond type: ``cells`` (learned from before), the new ``cell``, and the columns of
        `learner.test`.
    """
    known, rows = 0, []
    for step in record["steps"]:
        names = " ".join(one["cell"] for one in step["cells"])
        rows += [{"cells": known, "cell": names, **row} for row in step.get("errors", [])]
        known += sum(one.get("status") == "DONE" for one in step["cells"])
    columns = ["cells", "cell", "type", "bonds", "rmse", "baseline_rmse", "sigma", "in_90", "judged"]
    return pd.DataFrame(rows, columns=columns)
